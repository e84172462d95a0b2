from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools.misc import format_date

from .discipline_redistribution_line import OPEN_LINES


class DisciplineAppeal(models.Model):
    """What the losing manager has to say before a customer leaves him, and what was decided."""

    _name = "discipline.appeal"
    _description = "Appeal"
    _order = "id desc"
    _rec_name = "line_id"

    line_id = fields.Many2one(
        "discipline.redistribution.line", "Customer", required=True, readonly=True, index=True, ondelete="cascade"
    )
    redistribution_id = fields.Many2one(related="line_id.redistribution_id", store=True, index=True)
    company_id = fields.Many2one(related="line_id.company_id", store=True)
    policy_id = fields.Many2one(related="redistribution_id.policy_id", store=True)
    partner_id = fields.Many2one(related="line_id.partner_id", string="Customer's Card", store=True)
    user_id = fields.Many2one(
        "res.users", "Manager", readonly=True, default=lambda self: self.env.user, index=True, ondelete="set null"
    )
    abc_class_id = fields.Many2one(related="line_id.abc_class_id", store=True)
    explanation = fields.Text(related="line_id.explanation")
    reason = fields.Selection(
        [
            ("made", "The contacts were made"),
            ("customer", "The customer could not be reached, or asked for a pause"),
            ("prevented", "I was prevented: illness, overload, other orders"),
        ],
        required=True,
    )
    text = fields.Text("In My Words", required=True)
    state = fields.Selection(
        [("open", "Undecided"), ("granted", "Granted"), ("refused", "Refused")],
        default="open",
        required=True,
        readonly=True,
        index=True,
    )
    decision_note = fields.Text("Decision")
    decided_by_id = fields.Many2one("res.users", "Decided by", readonly=True, ondelete="set null")
    decided_at = fields.Datetime("Decided on", readonly=True)
    can_decide = fields.Boolean(compute="_compute_can_decide")

    _line_uniq = models.Constraint("UNIQUE(line_id)", "There is an appeal about this customer already.")

    @api.depends("line_id")
    def _compute_display_name(self):
        for appeal in self:
            appeal.display_name = appeal.sudo().line_id.customer_name

    def _compute_can_decide(self):
        for appeal in self:
            appeal.can_decide = appeal.state == "open" and bool(appeal.line_id._may_decide())

    @api.model
    def _why_not(self, line):
        """Return the sentence that says why the user cannot appeal about ``line``; empty where he can."""
        line = line.sudo()
        batch = line.redistribution_id
        name = line.customer_name
        if line.user_from_id != self.env.user:
            return self.env._("%(customer)s is not withdrawn from you: only its manager may appeal.", customer=name)
        if batch.cause != "missed":
            return self.env._("%(customer)s moves without blame: there is nothing to appeal against.", customer=name)
        if line.state not in OPEN_LINES or batch.state not in ("proposed", "approved"):
            return self.env._("%(customer)s is decided already.", customer=name)
        if line.appeal_ids:
            return self.env._("There is an appeal about %(customer)s already.", customer=name)
        if not batch.appeal_until or self.env["discipline.calendar"]._today(batch.company_id) > batch.appeal_until:
            return self.env._(
                "Appeals about %(customer)s were possible until %(day)s.",
                customer=name,
                day=format_date(self.env, batch.appeal_until),
            )
        return ""

    @api.model
    def _check_may_appeal(self, line):
        """Refuse an appeal that is not possible.

        :raise UserError: saying why
        """
        why = self._why_not(line)
        if why:
            raise UserError(why)

    @api.model_create_multi
    def create(self, vals_list):
        told = self.env.context.get("default_line_id")
        for vals in vals_list:
            # a form does not send what it only shows
            vals.setdefault("line_id", told)
            if not (vals.get("text") or "").strip():
                raise ValidationError(self.env._("Say in your own words why the customer should stay with you."))
            self._check_may_appeal(self.env["discipline.redistribution.line"].browse(vals["line_id"]))
            if not self.env.su:
                vals.update(user_id=self.env.uid, state="open")
                for name in ("decision_note", "decided_by_id", "decided_at"):
                    vals.pop(name, None)
        appeals = super().create(vals_list)
        for batch, group in appeals.grouped("redistribution_id").items():
            batch.sudo()._settle()
            names = ", ".join(group.mapped("display_name"))
            batch.sudo()._message_log(
                body=self.env._("Appeal by %(manager)s: %(names)s.", manager=self.env.user.name, names=names),
                author_id=self.env.user.partner_id.id,
            )
        return appeals

    def write(self, vals):
        if not self.env.su and set(vals) - {"decision_note"}:
            raise AccessError(self.env._("An appeal is not changed: it is granted or refused with its buttons."))
        if not self.env.su:
            self.line_id._check_may_decide()
            if any(appeal.state != "open" for appeal in self):
                raise AccessError(self.env._("This appeal is decided: the decision stays as it was written."))
        return super().write(vals)

    def action_grant(self):
        """Leave the customer with his manager; the verdict is no longer held against him."""
        self._decide("granted")

    def action_refuse(self):
        """Refuse the appeal: the customer goes on with the others of his redistribution."""
        self._decide("refused")

    def _decide(self, state):
        """Decide these appeals.

        :raise AccessError: for whoever may not decide about the customer
        :raise UserError: if an appeal is decided already, naming its customer
        """
        lines = self.line_id
        lines._check_may_decide()
        lines.redistribution_id._expect("proposed", "approved", "applied")
        for appeal in self:
            if appeal.state != "open":
                raise UserError(
                    self.env._("The appeal about %(customer)s is decided already.", customer=appeal.display_name)
                )
        self.sudo()._decided(state)
        if state == "granted":
            lines.sudo().write({"state": "waived", "decided_by_id": self.env.uid})
        lines._settle_batches()

    def _decided(self, state):
        self.write({"state": state, "decided_by_id": self.env.uid, "decided_at": fields.Datetime.now()})
