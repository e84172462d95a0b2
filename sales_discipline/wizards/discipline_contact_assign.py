from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain


class DisciplineContactAssign(models.TransientModel):
    """The dialog that says whose calls these were, or that they were with no customer."""

    _name = "discipline.contact.assign"
    _description = "Assign Calls to a Customer"

    call_ids = fields.Many2many("discipline.contact.unmatched", string="Calls", required=True, readonly=True)
    candidate_ids = fields.Many2many("res.partner", compute="_compute_candidate_ids", string="Whose It May Be")
    partner_id = fields.Many2one(
        "res.partner",
        "Customer or Person",
        compute="_compute_partner_id",
        store=True,
        readonly=False,
        domain="[('partner_share', '=', True)]",
    )
    alike_count = fields.Integer("Other Calls of This Number", compute="_compute_alike")
    alike = fields.Boolean("Assign Them Too", default=True)
    keep_number = fields.Boolean(
        "Write the Number on the Card", default=True, help="Where the card has no number: the next call finds it."
    )
    reason = fields.Char(help="Why these calls are no contacts: a supplier, a private call, a wrong number.")

    @api.depends("call_ids")
    def _compute_candidate_ids(self):
        for dialog in self:
            dialog.candidate_ids = dialog.call_ids.customer_ids

    @api.depends("call_ids")
    def _compute_partner_id(self):
        for dialog in self:
            candidates = dialog.call_ids.customer_ids
            dialog.partner_id = candidates if len(candidates) == 1 else dialog.partner_id

    @api.depends("call_ids")
    def _compute_alike(self):
        for dialog in self:
            dialog.alike_count = len(dialog._alike())

    def _alike(self):
        """Return the other waiting calls of the same numbers that the reader may see."""
        calls = self.call_ids._origin or self.call_ids
        Call = self.env["discipline.contact.unmatched"]
        domain = Domain("phone", "in", calls.mapped("phone"))
        normal = list(filter(None, calls.mapped("phone_sanitized")))
        if normal:
            domain |= Domain("phone_sanitized", "in", normal)
        found = Call.search(domain & Domain("state", "=", "waiting") & Domain("id", "not in", calls.ids))
        user = self.env.user
        return found.filtered(lambda row: row.user_id == user or user._discipline_decides_for(row.user_id))

    def action_assign(self):
        """Log the calls as contacts with the customer.

        :raise UserError: if no customer is chosen
        """
        self.ensure_one()
        if not self.partner_id:
            raise UserError(self.env._("Choose the customer, or one of his people, whom the call was with."))
        calls = self.call_ids | (self._alike() if self.alike else self.call_ids.browse())
        contacts = calls._assign(self.partner_id)
        if self.keep_number and not self.partner_id.phone:
            self.partner_id.phone = self.call_ids[0].phone
        counted = contacts.filtered("counted")
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "title": self.env._("Contact logged"),
                "message": self.env._(
                    "%(counted)s of %(total)s contacts counted.", counted=len(counted), total=len(contacts)
                ),
                "type": "success" if len(counted) == len(contacts) else "warning",
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def action_dismiss(self):
        """Say that these calls were with no customer: they stay in the list of the dismissed, with the reason."""
        self.ensure_one()
        self.call_ids._void(self.reason)
        return {"type": "ir.actions.act_window_close"}
