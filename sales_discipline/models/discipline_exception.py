from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError


class DisciplineException(models.Model):
    """What was agreed for one customer against the general rule: never retroactive, at most for a year."""

    _name = "discipline.exception"
    _description = "Exception for a Customer"
    _order = "date_from desc, id desc"
    _rec_name = "partner_id"

    partner_id = fields.Many2one("res.partner", "Customer", required=True, index=True, ondelete="cascade")
    kind = fields.Selection(
        [
            ("own_norm", "Own norm"),
            ("pause", "Pause"),
            ("written", "Written channels only"),
            ("keep", "Not to be withdrawn"),
        ],
        required=True,
        default="pause",
    )
    goal = fields.Integer("Contacts per Period", help="For an own norm: how many contacts are due in a period.")
    date_from = fields.Date("From", required=True, default=fields.Date.context_today)
    date_until = fields.Date("Until", required=True)
    reason = fields.Text(required=True)
    requested_by_id = fields.Many2one(
        "res.users", "Requested by", readonly=True, default=lambda self: self.env.user, ondelete="set null"
    )
    approved_by_id = fields.Many2one("res.users", "Approved by", readonly=True, copy=False, ondelete="set null")
    state = fields.Selection(
        [("requested", "Requested"), ("approved", "Approved"), ("refused", "Refused")],
        default="requested",
        readonly=True,
        copy=False,
    )
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)

    @api.constrains("date_from", "date_until", "kind", "goal")
    def _check_exception(self):
        for row in self:
            name = row.partner_id.display_name
            if row.date_until < row.date_from:
                raise ValidationError(self.env._("The exception for %(who)s ends before it begins.", who=name))
            if row.date_until > row.date_from + timedelta(days=366):
                raise ValidationError(self.env._("The exception for %(who)s may last 12 months at most.", who=name))
            if row.kind == "own_norm" and row.goal < 1:
                raise ValidationError(
                    self.env._("The own norm of %(who)s must be 1 or more; for no contacts choose a pause.", who=name)
                )

    @api.constrains("date_from")
    def _check_not_retroactive(self):
        for row in self:
            today = self.env["discipline.calendar"]._today(row.company_id)
            if row.date_from < today and not self.env.context.get("install_mode"):
                raise ValidationError(
                    self.env._(
                        "The exception for %(who)s cannot begin in the past: what happened is judged by the rules of "
                        "its time.",
                        who=row.partner_id.display_name,
                    )
                )

    def write(self, vals):
        if {"state", "approved_by_id", "requested_by_id"} & vals.keys() and not self.env.su:
            raise AccessError(self.env._("An exception is approved or refused with its buttons, by a supervisor."))
        if not self.env.su and any(row.state != "requested" for row in self):
            raise AccessError(self.env._("A decided exception is not changed: request another one."))
        return super().write(vals)

    def _decide(self, state):
        for row in self:
            owner = row.partner_id._discipline_customer().user_id
            if row.requested_by_id == self.env.user and not self.env.user.has_group("sales_team.group_sale_manager"):
                raise AccessError(self.env._("Nobody decides about his own request."))
            if not self.env.user._discipline_decides_for(owner):
                raise AccessError(
                    self.env._("The exception for %(who)s is a supervisor's decision.", who=row.partner_id.display_name)
                )
        self.sudo().write({"state": state, "approved_by_id": self.env.uid})

    def action_approve(self):
        self._decide("approved")

    def action_refuse(self):
        self._decide("refused")
