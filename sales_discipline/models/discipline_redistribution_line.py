from odoo import api, fields, models


class DisciplineRedistributionLine(models.Model):
    """One customer of a redistribution: from whom, to whom, and why."""

    _name = "discipline.redistribution.line"
    _description = "Customer in a Redistribution"
    _order = "redistribution_id desc, id"
    _rec_name = "partner_id"

    redistribution_id = fields.Many2one(
        "discipline.redistribution", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="redistribution_id.company_id", store=True)
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, index=True, ondelete="set null")
    customer_ref = fields.Integer("Customer No.", readonly=True, required=True)
    user_from_id = fields.Many2one("res.users", "Losing Manager", readonly=True, ondelete="set null")
    user_to_id = fields.Many2one("res.users", "Receiver", readonly=True, ondelete="set null")
    load = fields.Integer(readonly=True, help="Contacts a period that the customer's norm asks for.")
    room = fields.Integer(readonly=True, help="Free capacity of the receiver before this batch, in norm contacts.")
    verdict_id = fields.Many2one("discipline.compliance", readonly=True, ondelete="set null")
    state = fields.Selection(
        [
            ("proposed", "Proposed"),
            ("waived", "Stays with the Manager"),
            ("approved", "Approved"),
            ("applied", "Applied"),
            ("skipped", "Skipped"),
            ("reverted", "Reverted"),
        ],
        default="proposed",
        required=True,
        readonly=True,
    )
    skip_reason = fields.Selection(
        [
            ("no_receiver", "Nobody may receive it"),
            ("intake", "Every receiver has got as many as he may"),
            ("no_capacity", "Nobody has room for it"),
            ("changed", "It changed hands meanwhile"),
        ],
        readonly=True,
    )
    explanation = fields.Text("Why", compute="_compute_explanation")

    @api.depends("verdict_id", "user_to_id", "room")
    @api.depends_context("lang")
    def _compute_explanation(self):
        for line in self:
            why = line.verdict_id.explanation or ""
            if line.user_to_id:
                why = self.env._(
                    "%(why)s %(receiver)s has room for %(room)s contacts.",
                    why=why,
                    receiver=line.user_to_id.name,
                    room=line.room,
                )
            line.explanation = why.strip()

    def _apply(self):
        """Move the customers through the one door, per receiver; a second call finds nothing left to do."""
        changed = self.filtered(lambda line: line.partner_id.user_id != line.user_from_id or not line.user_to_id.active)
        changed.write({"state": "skipped", "skip_reason": "changed"})
        moving = self - changed
        for receiver, lines in moving.grouped("user_to_id").items():
            lines.partner_id._discipline_assign(
                receiver,
                "redistribution",
                reason=lines.redistribution_id[:1].display_name,
                lines={line.partner_id.id: line.id for line in lines},
            )
        moving.write({"state": "applied"})

    def _revert(self):
        """Give the customers back to whom they came from, where they are still with the receiver."""
        back = self.filtered(lambda line: line.partner_id.user_id == line.user_to_id and line.user_from_id.active)
        for giver, lines in back.grouped("user_from_id").items():
            lines.partner_id._discipline_assign(
                giver, "redistribution", reason=lines.redistribution_id[:1].display_name
            )
        back.write({"state": "reverted"})
