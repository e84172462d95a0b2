"""Plan against fact by day: how many contacts a manager had planned, and how many he made."""

from odoo import api, fields, models
from odoo.tools import SQL


class DisciplinePlanFact(models.Model):
    """One row per manager and day that has a plan, or contacts.

    The plan is as it stood when the day began. Facts are looked up row by row through the index of the log, so that a
    page of days costs the contacts of those days only.
    """

    _name = "discipline.plan.fact"
    _inherit = "discipline.grouped"
    _description = "Plan against Fact"
    _auto = False
    _order = "day desc, id"
    _rec_name = "user_id"

    user_id = fields.Many2one("res.users", "Manager", readonly=True)
    team_id = fields.Many2one("crm.team", "Sales Team", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    manager_ref = fields.Integer("Manager No.", readonly=True, aggregator=None)
    day = fields.Date(readonly=True)
    planned = fields.Integer(readonly=True, help="Customers whose contact was planned for this day.")
    overdue = fields.Integer(
        readonly=True, aggregator=None, help="Customers whose contact was planned for an earlier day, as the day began."
    )
    made = fields.Integer(
        "Contacts Made", readonly=True, help="Contacts in the log of this day, without what was voided."
    )
    counted = fields.Integer(readonly=True, help="Those that keep the norm of contacts.")
    rejected = fields.Integer("Not Counted", readonly=True)
    missing = fields.Integer("Short of the Plan", readonly=True, help="Planned, less made; never below zero.")
    away = fields.Boolean("Absent", readonly=True)
    fulfilment = fields.Float(
        "Plan Fulfilled, %",
        compute="_compute_fulfilment",
        aggregator=None,
        help="Made / planned; empty without a plan.",
    )

    _depends = {
        "discipline.plan.day": ["user_id", "manager_ref", "company_id", "day", "planned", "overdue", "away"],
        "discipline.contact": ["doer_ref", "company_id", "day", "counted", "voided_at"],
        "res.users": ["sale_team_id"],
    }

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT d.id, d.user_id, u.sale_team_id AS team_id, d.company_id, d.manager_ref, d.day, d.planned, d.overdue,
                   d.away, f.made, f.counted, f.made - f.counted AS rejected,
                   GREATEST(d.planned - f.made, 0) AS missing
              FROM discipline_plan_day d
         LEFT JOIN res_users u ON u.id = d.user_id
        CROSS JOIN LATERAL (
                   SELECT count(*)::int AS made, count(*) FILTER (WHERE k.counted)::int AS counted
                     FROM discipline_contact k
                    WHERE k.doer_ref = d.manager_ref AND k.day = d.day AND k.company_id = d.company_id
                      AND k.voided_at IS NULL) f
             WHERE d.voided_at IS NULL
            """
        )

    @api.depends("made", "planned")
    def _compute_fulfilment(self):
        for row in self:
            row.fulfilment = 100 * row.made / row.planned if row.planned else 0

    def action_contacts(self):
        """Open the contacts that this row counts."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_contact_action")
        action["domain"] = [
            ("doer_ref", "=", self.manager_ref),
            ("day", "=", self.day),
            ("company_id", "=", self.company_id.id),
            ("voided_at", "=", False),
        ]
        action["context"] = {}
        return action
