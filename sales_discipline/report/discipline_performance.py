"""Manager performance: per manager and day what was asked and what was done; every room adds its columns."""

from collections.abc import Collection
from datetime import date, timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

#: the day from which the days in ids of rows are counted, and what a day is worth in them
FIRST_DAY, DAY_STEP = date(2000, 1, 1), 10_000_000_000
#: days that no fact is further away from the first one
MOST_DAYS = 700_000


class DisciplinePerformance(models.Model):
    """A manager's day. Whoever adds columns extends :meth:`_measures` and :meth:`_facts`; sums stay sums of facts."""

    _name = "discipline.performance"
    _inherit = "discipline.grouped"
    _description = "Manager Performance"
    _auto = False
    _order = "day desc, user_id"
    _rec_name = "user_id"
    _depends = {
        "discipline.profile.day": ["manager_ref", "company_id", "day", "quota", "left_count", "away"],
        "discipline.profile.completion": ["manager_ref", "company_id", "day", "counted", "voided_at"],
        "discipline.profile.note": ["manager_ref", "company_id", "day", "kind", "voided_at"],
        "discipline.customer": ["user_id", "company_id", "in_base", "profile_complete"],
        "discipline.absence": ["user_id", "date_from", "date_to", "approved"],
        "res.users": ["discipline_fill_quota", "sale_team_id", "active"],
        "crm.team": ["discipline_fill_quota", "discipline_fill_from"],
        "res.company": ["discipline_fill_quota", "discipline_fill_from", "discipline_active"],
    }

    user_id = fields.Many2one("res.users", "Manager", readonly=True)
    team_id = fields.Many2one("crm.team", "Sales Team", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    day = fields.Date(readonly=True)
    filled = fields.Integer("Cards Filled", readonly=True, help="Customers whose cards this manager made complete.")
    quota = fields.Integer(readonly=True, help="Cards asked for: the quota, or what was left where that is less.")
    short = fields.Integer(readonly=True)
    rejected = fields.Integer(
        "Not Counted", readonly=True, help="Completions that earned nothing, and why in the ledger."
    )
    unavailable = fields.Integer("Not Available", readonly=True, help="Fields closed as “asked, not available”.")
    left_count = fields.Integer("Left", readonly=True, aggregator=False, help="Incomplete cards at the end of the day.")
    away = fields.Boolean("Absent", readonly=True)
    pace = fields.Char(compute="_compute_pace", help="When the rest is done at the quota, absences taken out.")

    @api.model
    def _measures(self):
        """Return {column: SQL aggregate over the facts' column} (a hook)."""
        return {
            "filled": SQL("sum(f.filled)"),
            "quota": SQL("sum(f.quota)"),
            "short": SQL("GREATEST(sum(f.quota) - sum(f.filled), 0)"),
            "rejected": SQL("sum(f.rejected)"),
            "unavailable": SQL("sum(f.unavailable)"),
            "left_count": SQL("max(f.left_count)"),
            "away": SQL("COALESCE(bool_or(f.away), FALSE)"),
        }

    @api.model
    def _fact_columns(self):
        """Return {column of the facts: SQL of its neutral value} (a hook)."""
        return {
            "filled": SQL("0"),
            "quota": SQL("0"),
            "rejected": SQL("0"),
            "unavailable": SQL("0"),
            "left_count": SQL("NULL::int"),
            "away": SQL("NULL::bool"),
        }

    @api.model
    def _facts(self):
        """Return the sources of facts as (FROM ... WHERE ..., {column: expression}) over company, manager and day.

        Each expression map holds ``company_id``, ``manager_ref``, ``day`` and the columns that the source fills.
        """
        keys = {"company_id": SQL("x.company_id"), "manager_ref": SQL("x.manager_ref"), "day": SQL("x.day")}
        return [
            (
                SQL("discipline_profile_day x WHERE x.voided_at IS NULL"),
                {**keys, "quota": SQL("x.quota"), "left_count": SQL("x.left_count"), "away": SQL("x.away")},
            ),
            (
                SQL("discipline_profile_completion x WHERE x.voided_at IS NULL"),
                {
                    **keys,
                    "filled": SQL("CASE WHEN x.counted THEN 1 ELSE 0 END"),
                    "rejected": SQL("CASE WHEN x.counted THEN 0 ELSE 1 END"),
                },
            ),
            (
                SQL("discipline_profile_note x WHERE x.voided_at IS NULL AND x.kind = 'unavailable'"),
                {**keys, "unavailable": SQL("1")},
            ),
            *self._facts_of_today(),
        ]

    @api.model
    def _facts_of_today(self):
        """Return the source of today's quotas, which the coming night will keep."""
        Calendar = self.env["discipline.calendar"]
        companies = self.env["res.company"].sudo().search([("discipline_active", "=", True)])
        days = [Calendar._today(company) for company in companies]
        working = [
            bool(Calendar._working_days(company, day, day)) for company, day in zip(companies, days, strict=True)
        ]
        source = SQL(
            """
            (SELECT c.company_id, c.user_id AS manager_ref, t.day, l.away, c.left_count,
                    CASE WHEN l.away OR NOT t.working OR l.begins > t.day THEN 0 ELSE GREATEST(l.quota, 0) END AS quota,
                    l.filled
               FROM (SELECT company_id, user_id, count(*) FILTER (WHERE profile_complete IS NOT TRUE) AS left_count
                       FROM discipline_customer WHERE in_base AND user_id IS NOT NULL
                   GROUP BY company_id, user_id) c
               JOIN unnest(%(companies)s::int[], %(days)s::date[], %(working)s::bool[]) AS t(company_id, day, working)
                    ON t.company_id = c.company_id
               JOIN res_users u ON u.id = c.user_id AND u.active
               JOIN res_company co ON co.id = c.company_id
          LEFT JOIN crm_team ct ON ct.id = u.sale_team_id
         CROSS JOIN LATERAL (
                    SELECT COALESCE(NULLIF(u.discipline_fill_quota, 0), NULLIF(ct.discipline_fill_quota, 0),
                                    co.discipline_fill_quota) AS quota,
                           COALESCE(ct.discipline_fill_from, co.discipline_fill_from) AS begins,
                           EXISTS (SELECT FROM discipline_absence b WHERE b.user_id = u.id AND b.approved
                                      AND t.day BETWEEN b.date_from AND b.date_to) AS away,
                           (SELECT count(*) FROM discipline_profile_completion k WHERE k.manager_ref = u.id
                               AND k.company_id = c.company_id AND k.day = t.day AND k.counted
                               AND k.voided_at IS NULL) AS filled) l
              WHERE NOT EXISTS (SELECT FROM discipline_profile_day d WHERE d.company_id = c.company_id
                                   AND d.manager_ref = c.user_id AND d.day = t.day)) x
            """,
            companies=companies.ids,
            days=days,
            working=working,
        )
        return [
            (
                source,
                {
                    "company_id": SQL("x.company_id"),
                    "manager_ref": SQL("x.manager_ref"),
                    "day": SQL("x.day"),
                    "quota": SQL("LEAST(x.quota, x.left_count + x.filled)::int"),
                    "left_count": SQL("x.left_count::int"),
                    "away": SQL("x.away"),
                },
            )
        ]

    @property
    def _table_query(self):
        columns = self._fact_columns()
        selects = []
        for source, filled in self._facts():
            names = [filled["company_id"], filled["manager_ref"], filled["day"]]
            names += [filled.get(name, neutral) for name, neutral in columns.items()]
            selects.append(SQL("SELECT %s FROM %s", SQL(", ").join(names), source))
        measures = [SQL("%s AS %s", sql, SQL.identifier(name)) for name, sql in self._measures().items()]
        return SQL(
            """
            SELECT %(id)s AS id,
                   u.id AS user_id, u.sale_team_id AS team_id, f.company_id, f.day, %(measures)s
              FROM (%(facts)s) AS f(company_id, manager_ref, day, %(columns)s)
         LEFT JOIN res_users u ON u.id = f.manager_ref
          GROUP BY f.company_id, f.manager_ref, f.day, u.id, u.sale_team_id
            """,
            # no running number: the days that a page asks for are the only ones to be read
            id=SQL(
                "(f.day - %s) * %s + f.company_id * 10000000::bigint + f.manager_ref", FIRST_DAY, SQL(str(DAY_STEP))
            ),
            measures=SQL(", ").join(measures),
            facts=SQL(" UNION ALL ").join(selects),
            columns=SQL(", ").join(SQL.identifier(name) for name in columns),
        )

    # ------------------------------------------------------------------
    # Rows that are asked for by their ids
    # ------------------------------------------------------------------

    @api.model
    def _with_days(self, condition):
        """Add the days of the ids to a condition on ids.

        PostgreSQL looks up days in the facts' indexes; ids are computed, it would compute them for every fact there is.
        """
        ids = [condition.value] if condition.operator == "=" else condition.value
        if condition.field_expr != "id" or condition.operator not in ("=", "in"):
            return condition
        if not isinstance(ids, Collection) or not all(type(row) is int for row in ids):
            return condition
        days = {row // DAY_STEP for row in ids}
        return condition & Domain("day", "in", [FIRST_DAY + timedelta(day) for day in days if abs(day) < MOST_DAYS])

    def _search(self, domain, *args, **kwargs):
        return super()._search(Domain(domain).map_conditions(self._with_days), *args, **kwargs)

    def exists(self):
        found = set(self.browse()._search([("id", "in", self.ids)], bypass_access=True))
        return self.filtered(lambda row: not row._origin or row.id in found)

    @api.depends("left_count", "user_id", "company_id", "day")
    @api.depends_context("lang")
    def _compute_pace(self):
        Day = self.env["discipline.profile.day"]
        self.pace = False
        for (company, day), rows in self.grouped(lambda row: (row.company_id, row.day)).items():
            rows = rows.filtered("user_id")
            paces = Day._paces(company, {row.user_id: row.left_count for row in rows}, day)
            for row in rows:
                row.pace = Day._pace_sentence(paces[row.user_id.id])

    @api.model
    def my_today(self):
        """Return the reader's own day for “To Fill” and “My Day”: filled, quota, left, and the pace in words."""
        return self.env["discipline.profile.day"].sudo()._of_today(self.env.user, self.env.company)

    def action_completions(self):
        """Open the completed cards that this row counts."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_profile_completion_action")
        action["domain"] = [
            ("manager_ref", "=", self.user_id.id),
            ("company_id", "=", self.company_id.id),
            ("day", "=", self.day),
        ]
        action["context"] = {}
        return action
