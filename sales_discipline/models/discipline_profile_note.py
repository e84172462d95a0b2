"""What a manager says about a field of a card: it was confirmed, or it was asked for and is not to be had."""

from dateutil.relativedelta import relativedelta
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError


class DisciplineProfileNote(models.Model):
    """A field of a card that somebody confirmed, or asked for in vain; each until a day."""

    _name = "discipline.profile.note"
    _inherit = "discipline.ledger"
    _description = "Note on a Customer Card"
    _order = "id desc"
    _rec_name = "partner_id"

    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, index="btree_not_null", ondelete="set null")
    customer_ref = fields.Integer("Customer No.", readonly=True, required=True, index=True)
    rule_id = fields.Many2one("discipline.profile.rule", "Field", readonly=True, ondelete="set null")
    rule_ref = fields.Integer("Rule No.", readonly=True, required=True)
    kind = fields.Selection(
        [("confirmed", "Confirmed"), ("unavailable", "Asked, Not Available")], readonly=True, required=True
    )
    user_id = fields.Many2one("res.users", "Manager", readonly=True, ondelete="set null")
    manager_ref = fields.Integer("Manager No.", readonly=True, required=True)
    company_id = fields.Many2one("res.company", readonly=True, index=True, ondelete="set null")
    day = fields.Date(readonly=True, required=True)
    until = fields.Date(readonly=True, required=True, index=True, help="The first day on which it no longer holds.")
    reason = fields.Char(readonly=True)
    value_key = fields.Char(readonly=True, help="A digest of the confirmed value: another value is not confirmed.")

    @api.model
    def _note(self, partner, rule, kind, reason=None):
        """Write a note about a customer's field and score him anew.

        :param partner: res.partner; the note is his customer's
        :param rule: discipline.profile.rule
        :param str kind: ``confirmed`` or ``unavailable``
        :param str reason: required where it is not available
        :raise AccessError: if the user may not write this customer
        :raise UserError: if there is no reason, or nothing to confirm
        """
        customer = partner._discipline_customer()
        customer.ensure_one()
        customer.check_access("write")
        row = customer.sudo().discipline_id
        if not row.in_base:
            raise UserError(self.env._("%(who)s is not in the customer base.", who=customer.display_name))
        owner = row.user_id
        if not (
            self.env.su
            or not owner
            or owner == self.env.user
            or self.env.user in owner.sudo().discipline_assistant_ids
            or self.env.user._discipline_decides_for(owner)
        ):
            raise AccessError(
                self.env._(
                    "%(who)s is %(manager)s's customer: only he or his supervisor says what is known of him.",
                    who=customer.display_name,
                    manager=owner.name,
                )
            )
        if kind == "unavailable" and not (reason or "").strip():
            raise UserError(
                self.env._(
                    "Say why “%(field)s” of %(who)s is not available: whom you asked and what they said.",
                    field=rule.name,
                    who=customer.display_name,
                )
            )
        key = False
        if kind == "confirmed":
            key = self.env["discipline.profile"]._value_key(customer, rule)
            if not key:
                raise UserError(
                    self.env._(
                        "“%(field)s” of %(who)s is empty: fill it in, then confirm it.",
                        field=rule.name,
                        who=customer.display_name,
                    )
                )
        company = row.company_id
        day = self.env["discipline.calendar"]._local_day(fields.Datetime.now(), self.env.user, company)
        months = rule.months if kind == "confirmed" else rule.closed_months
        note = self._ledger().create(
            {
                "partner_id": customer.id,
                "customer_ref": customer.id,
                "rule_id": rule.id,
                "rule_ref": rule.id,
                "kind": kind,
                "user_id": self.env.uid,
                "manager_ref": self.env.uid,
                "company_id": company.id,
                "day": day,
                "until": day + relativedelta(months=months),
                "reason": (reason or "").strip() or False,
                "value_key": key,
            }
        )
        self.flush_model()
        self.env["discipline.profile"]._score_partners(customer, credit=True)
        return note.sudo(False)

    def action_reopen(self):
        """Ask for these fields again: a supervisor does not believe that they are not to be had.

        :raise AccessError: for a customer of somebody one does not decide for
        """
        for note in self:
            if not self.env.user._discipline_decides_for(note.partner_id.sudo().user_id):
                raise AccessError(
                    self.env._(
                        "Only a supervisor asks for “%(field)s” of %(who)s again.",
                        field=note.rule_id.name or "",
                        who=note.partner_id.display_name or "",
                    )
                )
        self._void(self.env._("Asked for again by %(who)s", who=self.env.user.name))
        self.flush_model()
        self.env["discipline.profile"]._score_partners(self.partner_id)
