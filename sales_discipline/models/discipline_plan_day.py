"""The plan of a manager's day as it stood when the day began, so that plan and fact can be compared afterwards."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

#: days whose managers get a row afterwards where they made contacts on a day without a plan
LOOK_BACK = 7


class DisciplinePlanDay(models.Model):
    """How many customers a manager had planned to contact on a day.

    Kept each night; moving a contact afterwards changes no row.
    """

    _name = "discipline.plan.day"
    _inherit = "discipline.ledger"
    _description = "Plan of a Day"
    _order = "day desc, id"
    _rec_name = "user_id"

    user_id = fields.Many2one("res.users", "Manager", readonly=True, ondelete="set null", index="btree_not_null")
    manager_ref = fields.Integer("Manager No.", readonly=True, required=True)
    company_id = fields.Many2one("res.company", readonly=True, ondelete="set null")
    day = fields.Date(readonly=True, required=True)
    planned = fields.Integer(readonly=True, help="Customers whose contact was planned for this day.")
    overdue = fields.Integer(readonly=True, help="Customers whose contact was planned for an earlier day.")
    away = fields.Boolean("Absent", readonly=True)

    _day_uniq = models.UniqueIndex("(day, manager_ref, company_id)")
    _manager_idx = models.Index("(manager_ref, day)")

    @api.model
    def _keep(self, company):
        """Keep today's plan of each manager, once, and a row for those who made contacts on a day without a plan.

        Two statements, whatever the number of managers; what is kept never changes.
        """
        Calendar = self.env["discipline.calendar"]
        today = Calendar._today(company)
        working = bool(Calendar._working_days(company, today, today))
        self.env["discipline.customer"].flush_model()
        self.env["discipline.absence"].flush_model()
        self.env["discipline.contact"].flush_model()
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO discipline_plan_day
                            (user_id, manager_ref, company_id, day, planned, overdue, away, create_uid, create_date)
                SELECT c.user_id, c.user_id, %(company)s, %(today)s,
                       count(*) FILTER (WHERE c.next_contact_date = %(today)s),
                       count(*) FILTER (WHERE c.next_contact_date < %(today)s),
                       EXISTS (SELECT FROM discipline_absence a WHERE a.user_id = c.user_id AND a.approved
                                  AND %(today)s BETWEEN a.date_from AND a.date_to),
                       %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM discipline_customer c
                 WHERE c.in_base AND c.company_id = %(company)s AND c.user_id IS NOT NULL AND %(working)s
              GROUP BY c.user_id
                    ON CONFLICT DO NOTHING
                """,
                company=company.id,
                today=today,
                working=working,
                uid=self.env.uid,
            )
        )
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO discipline_plan_day
                            (user_id, manager_ref, company_id, day, planned, overdue, away, create_uid, create_date)
                SELECT max(k.user_id), k.doer_ref, %(company)s, k.day, 0, 0, FALSE, %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM discipline_contact k
                 WHERE k.company_id = %(company)s AND k.day BETWEEN %(since)s AND %(today)s AND k.voided_at IS NULL
              GROUP BY k.doer_ref, k.day
                    ON CONFLICT DO NOTHING
                """,
                company=company.id,
                since=today - timedelta(days=LOOK_BACK),
                today=today,
                uid=self.env.uid,
            )
        )
        self.invalidate_model()


class DisciplineNightly(models.AbstractModel):
    _inherit = "discipline.nightly"

    @api.model
    def _steps(self):
        # last: the day is planned by then
        return [*super()._steps(), ("plan of the day", "_step_plan_day")]

    def _step_plan_day(self, company):
        """Keep the plan of the day that begins."""
        self.env["discipline.plan.day"]._keep(company)
