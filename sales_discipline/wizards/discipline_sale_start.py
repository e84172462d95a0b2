from odoo import api, fields, models


class DisciplineSaleStart(models.TransientModel):
    """Before a second deal with a customer is opened, the ones that are open are offered."""

    _name = "discipline.sale.start"
    _description = "Start a Sale"

    contact_id = fields.Many2one("discipline.contact", required=True, readonly=True, ondelete="cascade")
    partner_id = fields.Many2one(related="contact_id.partner_id", string="Customer")
    open_lead_ids = fields.Many2many("crm.lead", compute="_compute_open_lead_ids")
    lead_id = fields.Many2one(
        "crm.lead",
        "Open Deal",
        compute="_compute_lead_id",
        store=True,
        readonly=False,
        domain="[('id', 'in', open_lead_ids)]",
    )

    @api.depends("contact_id")
    def _compute_open_lead_ids(self):
        for wizard in self:
            wizard.open_lead_ids = wizard.contact_id._open_sales() if wizard.contact_id else False

    @api.depends("contact_id")
    def _compute_lead_id(self):
        for wizard in self:
            wizard.lead_id = wizard.open_lead_ids[:1]

    def action_continue(self):
        """Go on with the open deal; the contact is shown as one about it."""
        self.ensure_one()
        lead = self.lead_id
        lead.check_access("read")
        contact = self.contact_id
        if not contact.lead_id:
            contact._ledger().write({"lead_id": lead.id})
        return lead.redirect_lead_opportunity_view()

    def action_new(self):
        """Open a new deal all the same."""
        self.ensure_one()
        return self.contact_id._start_sale().redirect_lead_opportunity_view()
