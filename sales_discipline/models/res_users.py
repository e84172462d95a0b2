from odoo import api, fields, models
from odoo.exceptions import ValidationError

SUPERVISOR = "sales_team.group_sale_salesman_all_leads"
ADMINISTRATOR = "sales_team.group_sale_manager"


class ResUsers(models.Model):
    _inherit = "res.users"

    discipline_assistant_ids = fields.Many2many(
        "res.users",
        "discipline_assistant_rel",
        "user_id",
        "assistant_id",
        "Assistants",
        help="Their contacts with this manager's customers count as his own. Set by a supervisor.",
    )
    discipline_takes_more = fields.Boolean(
        "I take more customers", help="Customers withdrawn from others are offered to those who said so."
    )
    discipline_capacity_per_day = fields.Integer(
        "Contacts per Day", help="How many contacts this manager can make on a working day; 0 means the company's."
    )
    discipline_newcomer_since = fields.Date(
        "Newcomer Since", help="From this day the policy's adaptation protects him; empty: no newcomer."
    )

    @property
    def SELF_READABLE_FIELDS(self):
        return super().SELF_READABLE_FIELDS + ["discipline_takes_more", "discipline_capacity_per_day"]

    @property
    def SELF_WRITEABLE_FIELDS(self):
        return super().SELF_WRITEABLE_FIELDS + ["discipline_takes_more"]

    def _discipline_is_supervisor(self):
        """Tell whether this user decides about other people's customers at all."""
        return self.has_group(SUPERVISOR) or self.has_group(ADMINISTRATOR)

    def _discipline_decides_for(self, *people):
        """Tell whether this user may decide about the customers of these people.

        A Sales administrator decides for everyone; a supervisor for the members of the teams that he leads, and for
        people in no team. Nobody else decides.

        :param people: recordsets of res.users; empty ones stand for nobody and restrict nothing
        """
        self.ensure_one()
        if self.has_group(ADMINISTRATOR):
            return True
        if not self.has_group(SUPERVISOR):
            return False
        for user in people:
            teams = user.sudo().crm_team_ids if user else None
            if user and teams and self not in teams.user_id:
                return False
        return True

    def _discipline_capacity(self, company):
        """Return how many contacts this manager can make on a working day."""
        return self.discipline_capacity_per_day or company.discipline_capacity_per_day

    @api.constrains("discipline_capacity_per_day", "discipline_assistant_ids")
    def _check_discipline_capacity(self):
        for user in self:
            if user.discipline_capacity_per_day < 0:
                raise ValidationError(
                    self.env._("“Contacts per Day” of %(manager)s must be 0 or more.", manager=user.name)
                )
            if user in user.discipline_assistant_ids:
                raise ValidationError(self.env._("%(manager)s cannot be his own assistant.", manager=user.name))

    def _discipline_open_capacity(self):
        """Return the action that opens the dialog about this manager's capacity and assistants."""
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_capacity_action")
        return {**action, "context": {"default_user_id": self.id}}

    # ------------------------------------------------------------------
    # A user's arrival and departure change whose customers are whose
    # ------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        users = super().create(vals_list)
        # the partner may have existed as a customer before it became a colleague's
        self.env["discipline.customer"].sudo()._reconcile_base(users.partner_id.ids)
        return users

    def write(self, vals):
        result = super().write(vals)
        if "active" in vals:
            self._discipline_presence_changed()
        elif {"group_ids", "share"} & vals.keys():
            self.env["discipline.customer"].sudo()._reconcile_base(self.partner_id.ids)
        return result

    def _discipline_presence_changed(self):
        """An archived manager's customers become orphans at once; they are his again if he is restored."""
        customers = self.env["res.partner"].sudo().search([("user_id", "in", self.ids), ("discipline_id", "!=", False)])
        changed = self.env["discipline.assignment"].sudo()._sync(customers.ids, origin="departure")
        if changed:
            self.env["discipline.compliance"].sudo()._evaluate_customers(changed)

    def unlink(self):
        """The database empties the salesperson of his opportunities: they keep a row of it."""
        leads = self.env["crm.lead"].sudo().with_context(active_test=False).search([("user_id", "in", self.ids)])
        with leads._discipline_watch():
            result = super().unlink()
            leads.invalidate_recordset(["user_id"])
        return result
