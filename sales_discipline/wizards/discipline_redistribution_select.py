from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command

from ..models.discipline_redistribution_job import PROPOSED_AT_ONCE


class DisciplineRedistributionSelect(models.TransientModel):
    """A supervisor's selection of customers: chosen in any list, moved through the one door."""

    _name = "discipline.redistribution.select"
    _description = "Redistribute Customers"

    customer_ids = fields.Many2many(
        "discipline.customer",
        "discipline_redistribution_select_rel",
        "wizard_id",
        "customer_id",
        "Customers",
        readonly=True,
    )
    customer_count = fields.Integer("Number of Customers", compute="_compute_customer_count")
    reason = fields.Char(required=True, help="Every manager reads it beside the customer.")
    choice = fields.Selection(
        [("rules", "Whoever has the most room"), ("person", "One manager")],
        "Who Receives",
        required=True,
        default="rules",
    )
    user_to_id = fields.Many2one("res.users", "New Manager", domain="[('share', '=', False)]")

    @api.depends("customer_ids")
    def _compute_customer_count(self):
        for wizard in self:
            wizard.customer_count = len(wizard.customer_ids)

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        context = self.env.context
        active_ids = context.get("active_ids") or []
        if context.get("active_model") == "discipline.customer":
            values["customer_ids"] = [Command.set(active_ids)]
        elif context.get("active_model") == "res.partner":
            partners = self.env["res.partner"].browse(active_ids)._discipline_customer()
            values["customer_ids"] = [Command.set(partners.discipline_id.ids)]
        return values

    def action_propose(self):
        """Propose these customers for others, and open the redistribution.

        :raise AccessError: for whoever may not decide about one of the customers
        :raise UserError: where nothing can be proposed
        """
        self.ensure_one()
        user = self.env.user
        receiver = self.user_to_id if self.choice == "person" else self.env["res.users"]
        if self.choice == "person" and not receiver:
            raise UserError(self.env._("Choose the new manager."))
        customers = self.customer_ids.filtered("in_base")
        for customer in customers:
            if not user._discipline_decides_for(customer.user_id, receiver) or user == customer.user_id:
                raise AccessError(
                    self.env._(
                        "%(customer)s is not yours to give: its team's leader or a Sales administrator decides.",
                        customer=customer.partner_id.display_name,
                    )
                )
        if receiver == user:
            raise AccessError(self.env._("Nobody gives customers to himself: somebody else decides about them."))
        if receiver and not receiver.active:
            raise UserError(
                self.env._(
                    "%(manager)s is archived and cannot become responsible for customers.", manager=receiver.name
                )
            )
        batches = self.env["discipline.redistribution"]
        job = self.env["discipline.job"]
        for company, group in customers.grouped("company_id").items():
            if len(group) > PROPOSED_AT_ONCE:
                job = batches._propose_later(
                    company,
                    "selection",
                    customers=group.partner_id.ids,
                    reason=self.reason,
                    receiver=receiver.id,
                )
                continue
            batches |= batches._propose(company, "selection", group.partner_id, reason=self.reason, receiver=receiver)
        if not batches and job:
            return job._tell_begun()
        if not batches:
            raise UserError(
                self.env._("Nothing to propose: these customers are in other open redistributions already.")
            )
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_redistribution_action")
        if len(batches) == 1:
            return {**action, "views": [(False, "form")], "res_id": batches.id}
        return {**action, "domain": [("id", "in", batches.ids)]}
