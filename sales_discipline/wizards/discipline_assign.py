from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command


class DisciplineAssign(models.TransientModel):
    """A supervisor's own edit: these customers become this manager's at once, with a reason for their history."""

    _name = "discipline.assign"
    _description = "Assign Customers"

    customer_ids = fields.Many2many(
        "discipline.customer", "discipline_assign_customer_rel", "wizard_id", "customer_id", "Customers", required=True
    )
    customer_count = fields.Integer("Number of Customers", compute="_compute_customer_count")
    user_id = fields.Many2one(
        "res.users", "New Manager", domain="[('share', '=', False)]", help="Empty: the customers become orphans."
    )
    reason = fields.Char(required=True, help="It stands in the history of each customer.")

    @api.depends("customer_ids")
    def _compute_customer_count(self):
        for wizard in self:
            wizard.customer_count = len(wizard.customer_ids)

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        context = self.env.context
        if context.get("active_model") == "discipline.customer":
            values["customer_ids"] = [Command.set(context.get("active_ids") or [])]
        elif context.get("active_model") == "res.partner":
            partners = self.env["res.partner"].browse(context.get("active_ids") or [])._discipline_customer()
            values["customer_ids"] = [Command.set(partners.discipline_id.ids)]
        return values

    def action_assign(self):
        """Give the customers to the manager, or to nobody.

        :raise AccessError: for whoever may not decide about one of them
        :raise UserError: without a reason, or for an archived manager
        """
        self.ensure_one()
        self.env["discipline.customer"]._assign_by_hand(self.customer_ids, self.user_id, self.reason)
        return {"type": "ir.actions.act_window_close"}


class DisciplineCustomer(models.Model):
    _inherit = "discipline.customer"

    @api.model
    def assign(self, customer_ids, user_id, reason):
        """Give customers to a manager; the way in for the board of portfolios and for programs.

        :param list customer_ids: ids of discipline.customer
        :param user_id: id of the new manager; False makes orphans of them
        :param str reason: why; it stands in their history
        :return: the number of customers that changed hands
        :raise AccessError: for whoever may not decide about one of them
        :raise UserError: without a reason, or for an archived manager
        """
        return self._assign_by_hand(self.browse(customer_ids), self.env["res.users"].browse(user_id or []), reason)

    @api.model
    def _assign_by_hand(self, customers, user, reason):
        reason = (reason or "").strip()
        if not reason:
            raise UserError(self.env._("Say why: the reason stands in the customer's history."))
        customers.check_access("read")
        moved = customers.filtered(lambda customer: customer.in_base and customer.user_id != user)
        for customer in moved:
            if not self.env.su and (
                self.env.user == user
                or self.env.user == customer.user_id
                or not self.env.user._discipline_decides_for(customer.user_id, user)
            ):
                raise AccessError(
                    self.env._(
                        "%(customer)s is not yours to give: its team's leader or a Sales administrator decides, and "
                        "nobody about customers of his own.",
                        customer=customer.partner_id.display_name,
                    )
                )
        if moved:
            moved.partner_id._discipline_assign(user, "manual", reason)
        return len(moved)
