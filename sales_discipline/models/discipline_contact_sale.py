"""A sale starts from a contact."""

from odoo import api, fields, models
from odoo.exceptions import UserError


class DisciplineContact(models.Model):
    _inherit = "discipline.contact"

    sale_ids = fields.One2many("crm.lead", "origin_contact_id", "Sales Started", context={"active_test": False})
    sale_count = fields.Integer("Sales", compute="_compute_sale_count")

    @api.depends("sale_ids")
    def _compute_sale_count(self):
        counts = dict(
            self.env["crm.lead"]
            .with_context(active_test=False)
            ._read_group([("origin_contact_id", "in", self.ids)], ["origin_contact_id"], ["__count"])
        )
        for contact in self:
            contact.sale_count = counts.get(contact, 0)

    def _after_log(self):
        """A refusal in a contact, before there is any deal, goes into the ledger of refusals."""
        result = super()._after_log()
        self._record_refusals()
        return result

    def _after_join(self):
        """Whoever logs by hand may tell of a refusal that the telephone exchange does not know of."""
        result = super()._after_join()
        known = (
            self.env["discipline.refusal"].sudo().search([("contact_ref", "in", self.ids), ("voided_at", "=", False)])
        )
        (self - known.contact_id)._record_refusals()
        return result

    def _record_refusals(self):
        refused = self.sudo().filtered("outcome_id.is_refusal")
        if refused:
            details = self.env.context.get("discipline_refusal") or {}
            self.env["discipline.refusal"]._from_contacts(refused, dict.fromkeys(refused.ids, details))

    def _after_void(self):
        """The refusal of a voided contact is void as well."""
        result = super()._after_void()
        if self:
            self.env["discipline.refusal"]._void_contacts(self, self.env._("Its contact was voided"))
        return result

    def _open_sales(self):
        """Return the open deals with this contact's customer that the user may see, the latest first."""
        self.ensure_one()
        return self.env["crm.lead"].search(
            [
                ("type", "=", "opportunity"),
                ("won_status", "=", "pending"),
                ("partner_id.commercial_partner_id", "=", self.partner_id.commercial_partner_id.id),
                ("partner_id", "!=", False),
            ],
            order="id desc",
        )

    def _prepare_sale(self):
        """Return the values of an opportunity that starts from this contact (a hook)."""
        self.ensure_one()
        owner = self.responsible_id if self.responsible_id.active else self.env.user
        return {
            "name": self.env._("Sale: %(customer)s", customer=self.partner_id.display_name),
            "type": "opportunity",
            "partner_id": (self.contact_id or self.partner_id).id,
            "user_id": owner.id,
            "origin_contact_id": self.id,
            "description": self.note or False,
        }

    def _start_sale(self):
        """Create the opportunity that starts from this contact and return it.

        :raise UserError: if the contact's customer was deleted
        """
        self.ensure_one()
        if not self.partner_id:
            raise UserError(self.env._("The customer of this contact was deleted: there is nobody to sell to."))
        return self.env["crm.lead"].create(self._prepare_sale())

    def action_start_sale(self):
        """Start a sale; where the customer has open deals, they are offered first."""
        self.ensure_one()
        if self._open_sales():
            return {
                "type": "ir.actions.act_window",
                "name": self.env._("Start a Sale"),
                "res_model": "discipline.sale.start",
                "views": [(False, "form")],
                "target": "new",
                "context": {"default_contact_id": self.id},
            }
        return self._start_sale().redirect_lead_opportunity_view()

    def action_sales(self):
        """Open the sales that started from this contact."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("crm.crm_lead_opportunities")
        action["domain"] = [("origin_contact_id", "=", self.id)]
        action["context"] = {"active_test": False, "create": False}
        return action
