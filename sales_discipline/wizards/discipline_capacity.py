from odoo import api, fields, models
from odoo.exceptions import AccessError


class DisciplineCapacity(models.TransientModel):
    """The dialog in which a supervisor says how much a manager can do, since when, and who helps him.

    Managers' accounts are an administrator's; these three are a supervisor's to set, and nobody's for himself.
    """

    _name = "discipline.capacity"
    _description = "Capacity and Assistants"
    _rec_name = "user_id"

    user_id = fields.Many2one("res.users", "Manager", required=True, domain="[('share', '=', False)]")
    capacity_per_day = fields.Integer(
        "Contacts per Day",
        compute="_compute_present",
        store=True,
        readonly=False,
        help="How many contacts this manager can make on a working day; 0 means the company's.",
    )
    newcomer_since = fields.Date(
        compute="_compute_present",
        store=True,
        readonly=False,
        help="From this day the policy's adaptation protects him; empty: no newcomer.",
    )
    assistant_ids = fields.Many2many(
        "res.users",
        "discipline_capacity_assistant_rel",
        "wizard_id",
        "assistant_id",
        "Assistants",
        compute="_compute_present",
        store=True,
        readonly=False,
        domain="[('share', '=', False), ('id', '!=', user_id)]",
        help="Their contacts with this manager's customers count as his own.",
    )

    @api.depends("user_id")
    def _compute_present(self):
        """What is changed is what is in force now."""
        for dialog in self:
            user = dialog.user_id
            dialog.capacity_per_day = user.discipline_capacity_per_day
            dialog.newcomer_since = user.discipline_newcomer_since
            dialog.assistant_ids = user.discipline_assistant_ids

    def action_save(self):
        """Set these for the manager.

        :raise AccessError: for whoever does not decide for him, and for the manager himself
        """
        self.ensure_one()
        user = self.user_id
        if user == self.env.user or not self.env.user._discipline_decides_for(user):
            raise AccessError(
                self.env._(
                    "The capacity of %(manager)s is set by his team's leader or a Sales administrator, and nobody sets "
                    "his own.",
                    manager=user.name,
                )
            )
        user.sudo().write(
            {
                "discipline_capacity_per_day": self.capacity_per_day,
                "discipline_newcomer_since": self.newcomer_since,
                "discipline_assistant_ids": [fields.Command.set(self.assistant_ids.ids)],
            }
        )
        return {"type": "ir.actions.act_window_close"}
