from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command

from ..models.res_users import SUPERVISOR


class DisciplineAbcHand(models.TransientModel):
    """A class given by hand: to these customers, from the next month on, with a reason."""

    _name = "discipline.abc.hand"
    _description = "Class by Hand"

    customer_ids = fields.Many2many("discipline.customer", string="Customers", required=True)
    abc_class_id = fields.Many2one("discipline.abc.class", "Class", help="Empty: the class stays as it is.")
    lock = fields.Boolean("Lock the Class", default=True, help="ABC analyses leave a locked class alone.")
    reason = fields.Char(required=True)

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        if self.env.context.get("active_model") == "discipline.customer":
            values["customer_ids"] = [Command.set(self.env.context.get("active_ids") or [])]
        return values

    def action_apply(self):
        """Give the class, in force from the first day of the next month, and lock or unlock it at once.

        :raise AccessError: for anyone but a supervisor
        :raise UserError: if there is no reason, or no customer
        """
        self.ensure_one()
        if not self.env.user.has_group(SUPERVISOR):
            raise AccessError(self.env._("Only a supervisor gives a class by hand."))
        if not self.customer_ids:
            raise UserError(self.env._("Choose the customers whose class you decide."))
        for customer in self.customer_ids:
            if not self.env.user._discipline_decides_for(customer.user_id):
                raise AccessError(
                    self.env._(
                        "%(customer)s is a customer of %(manager)s, for whom you do not decide.",
                        customer=customer.display_name,
                        manager=customer.user_id.name,
                    )
                )
        self.env["discipline.abc.change"]._set_by_hand(
            self.customer_ids, self.abc_class_id, self.lock, (self.reason or "").strip()
        )
        return {"type": "ir.actions.act_window_close"}
