from odoo import fields, models
from odoo.tools import SQL


class DisciplineContactConversion(models.Model):
    """Contacts, the sales that started from them, and the deals won: one row per contact."""

    _name = "discipline.contact.conversion"
    _inherit = "discipline.grouped"
    _description = "From Contacts to Sales"
    _auto = False
    _order = "day desc, id desc"
    _rec_name = "partner_id"

    contact_id = fields.Many2one("discipline.contact", readonly=True)
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True)
    user_id = fields.Many2one("res.users", "Made by", readonly=True)
    channel_id = fields.Many2one("discipline.channel", readonly=True)
    outcome_id = fields.Many2one("discipline.outcome", readonly=True)
    team_id = fields.Many2one("crm.team", "Sales Team", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    day = fields.Date(readonly=True)
    contacts = fields.Integer(readonly=True)
    sales = fields.Integer("Sales Started", readonly=True)
    won = fields.Integer(readonly=True)
    lost = fields.Integer(readonly=True)
    won_amount = fields.Monetary("Sum of Won Sales", readonly=True, currency_field="currency_id")

    _depends = {
        "discipline.contact": ["partner_id", "user_id", "channel_id", "outcome_id", "company_id", "day", "voided_at"],
        "crm.lead": ["origin_contact_id", "won_status", "expected_revenue"],
        "res.users": ["sale_team_id"],
    }

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT c.id, c.id AS contact_id, c.partner_id, c.user_id, c.channel_id, c.outcome_id, c.company_id, c.day,
                   u.sale_team_id AS team_id, 1 AS contacts,
                   COALESCE(s.sales, 0) AS sales, COALESCE(s.won, 0) AS won, COALESCE(s.lost, 0) AS lost,
                   COALESCE(s.won_amount, 0) AS won_amount
              FROM discipline_contact c
         LEFT JOIN res_users u ON u.id = c.user_id
         LEFT JOIN (SELECT l.origin_contact_id, count(*)::int AS sales,
                           count(*) FILTER (WHERE l.won_status = 'won')::int AS won,
                           count(*) FILTER (WHERE l.won_status = 'lost')::int AS lost,
                           sum(l.expected_revenue) FILTER (WHERE l.won_status = 'won') AS won_amount
                      FROM crm_lead l WHERE l.origin_contact_id IS NOT NULL GROUP BY l.origin_contact_id) s
                ON s.origin_contact_id = c.id
             WHERE c.voided_at IS NULL
            """
        )

    def action_open_contact(self):
        """Open the contact behind this row."""
        self.ensure_one()
        return self.contact_id.get_formview_action()
