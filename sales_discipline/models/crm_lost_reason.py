from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

CATEGORIES = [
    ("price", "Price and Terms"),
    ("product", "Product"),
    ("supply", "Stock and Delivery"),
    ("competitor", "Competitor"),
    ("need", "No Need Now"),
    ("money", "No Budget"),
    ("reach", "Contact Lost"),
    ("ours", "Our Own Work"),
    ("other", "Other"),
]


class CrmLostReason(models.Model):
    _inherit = "crm.lost.reason"
    _order = "sequence, id"

    sequence = fields.Integer(default=10)
    discipline_category = fields.Selection(CATEGORIES, "Category", required=True, default="other")
    discipline_note_required = fields.Boolean(
        "Note Required", help="Whoever gives this reason must say in words what happened."
    )
    discipline_competitor_asked = fields.Boolean("Ask for the Competitor")
    discipline_target_share = fields.Float(
        "Target Share, %", help="The share of all refusals to which this reason shall be reduced; 0: no target."
    )
    discipline_measure = fields.Text(
        "Measure", help="What is done so that customers refuse less often for this reason."
    )
    discipline_measure_user_id = fields.Many2one("res.users", "Responsible for the Measure", ondelete="set null")

    @api.model
    def _discipline_not_stated(self):
        """Return the reason that stands where a program closed a deal and gave none (created anew if deleted)."""
        reason = self.env.ref("sales_discipline.discipline_lost_reason_not_stated", raise_if_not_found=False)
        if reason:
            return reason.sudo()
        reason = self.sudo().create({"name": "Not stated", "discipline_category": "other", "sequence": 99})
        self.env["ir.model.data"].sudo().create(
            {
                "module": "sales_discipline",
                "name": "discipline_lost_reason_not_stated",
                "model": self._name,
                "res_id": reason.id,
                "noupdate": True,
            }
        )
        return reason

    @api.constrains("discipline_target_share")
    def _check_discipline_target_share(self):
        for reason in self:
            if not 0 <= reason.discipline_target_share <= 100:
                raise ValidationError(
                    self.env._(
                        "The target share of “%(reason)s” lies between 0 and 100 percent.", reason=reason.display_name
                    )
                )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_not_stated(self):
        if self.env.ref("sales_discipline.discipline_lost_reason_not_stated", raise_if_not_found=False) in self:
            raise UserError(
                self.env._("The reason “Not stated” stands where a program gave none: it can be renamed, not deleted.")
            )

    def action_discipline_refusals(self):
        """Open the refusals for this reason."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_refusal_action")
        action["domain"] = [("reason_id", "in", self.ids)]
        action["context"] = {}
        return action
