"""The pipeline as it stood on any past day, and what changed since, adding up."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

#: what takes the pipeline from one day to another, in the order of the picture
PARTS = ("new", "reopened", "received", "grown", "shrunk", "won", "lost", "removed", "given")
#: what happened to deals without changing the sum
NOTES = ("moved", "slipped")


class DisciplinePipeline(models.AbstractModel):
    """Reads the history of opportunities.

    Every change says how a deal was before and after it. So the pipeline of a day is a plain sum over the changes
    until then, and what happened between two days is read from the changes between them alone.
    """

    _name = "discipline.pipeline"
    _description = "Pipeline of a Past Day"

    @api.model
    def _clean_filters(self, filters):
        """Return a client's filters, checked.

        :param dict filters: ``date_from`` (the pipeline as it stood at the end of this day), ``date_to`` (the end of
            this day; nothing: now), ``user_id``, ``team_id``
        :raise UserError: if a filter is unknown or makes no sense
        """
        result = {"date_from": None, "date_to": None, "user_id": None, "team_id": None}
        for name, value in (filters or {}).items():
            try:
                if name in ("date_from", "date_to"):
                    result[name] = fields.Date.to_date(value) if value else None
                elif name in ("user_id", "team_id"):
                    result[name] = int(value) if value else None
                else:
                    raise ValueError(name)
            except (TypeError, ValueError) as error:
                raise UserError(
                    self.env._("The pipeline cannot be filtered by “%(name)s” = “%(value)s”.", name=name, value=value)
                ) from error
        today = self.env["discipline.calendar"]._today()
        result["date_from"] = result["date_from"] or today - timedelta(days=30)
        if result["date_to"] and result["date_to"] < result["date_from"]:
            raise UserError(self.env._("The second day is before the first one: choose a later day."))
        return result

    @api.model
    def _sql_where(self):
        """Return which changes the user may look at."""
        where = [
            SQL("c.type = 'opportunity' AND c.voided_at IS NULL"),
            SQL("c.company_id = ANY(%s)", self.env.companies.ids),
        ]
        leads = self.env["crm.lead"].with_context(active_test=False)
        leads.check_access("read")
        if not self.env.user.has_group("sales_team.group_sale_salesman_all_leads"):
            where.append(SQL("c.lead_ref IN %s", leads._search([]).subselect()))
        return SQL(" AND ").join(where)

    @api.model
    def _sql_mine(self, filters, manager, team):
        """Return the condition that a deal, with these columns, is one of those asked for."""
        where = [SQL("TRUE")]
        if filters["user_id"]:
            where.append(SQL("%s = %s", manager, filters["user_id"]))
        if filters["team_id"]:
            where.append(SQL("%s = %s", team, filters["team_id"]))
        return SQL("(%s)", SQL(" AND ").join(where))

    @api.model
    def _sql_sides(self, filters):
        """Return whether a change ``c`` finds, and whether it leaves, an open deal of those asked for."""
        return {
            "was": SQL(
                "(c.kind NOT IN ('create', 'convert') AND c.status_from = 'open' AND %s)",
                self._sql_mine(filters, SQL("c.manager_from_ref"), SQL("c.team_from_ref")),
            ),
            "stays": SQL(
                "(c.status_to = 'open' AND %s)", self._sql_mine(filters, SQL("c.manager_ref"), SQL("c.team_ref"))
            ),
        }

    @api.model
    def _moments(self, filters):
        """Return the moments (naive UTC) of the ends of both days."""
        Calendar = self.env["discipline.calendar"]
        begin = Calendar._day_begins(filters["date_from"] + timedelta(days=1))
        end = Calendar._day_begins(filters["date_to"] + timedelta(days=1)) if filters["date_to"] else None
        return begin, end or fields.Datetime.now() + timedelta(minutes=1)

    # ------------------------------------------------------------------
    # The screen
    # ------------------------------------------------------------------

    @api.model
    @api.readonly
    def get_pipeline(self, filters=None):
        """Return the pipeline of two days and what lies between them, as plain JSON.

        :param dict filters: see :meth:`_clean_filters`
        :return: ``start`` and ``end`` (``deals``, ``amount``), ``parts`` and ``notes``: rows of ``key``, ``deals``,
            ``amount``; start + parts = end, in deals and in sums; ``stages``: rows of ``name`` and both days' figures
        :raise AccessError: for whoever may not read opportunities
        """
        filters = self._clean_filters(filters)
        self.env["discipline.stage.change"].flush_model()
        stages = self._fetch_stages(filters)
        parts = {row["key"]: row for row in self._fetch_parts(filters)}
        empty = {"deals": 0, "amount": 0.0}
        sides = {
            side: {
                "deals": sum(row[side]["deals"] for row in stages),
                "amount": sum(row[side]["amount"] for row in stages),
            }
            for side in ("start", "end")
        }
        return {
            **sides,
            "parts": [{"key": key, **empty, **parts.get(key, {})} for key in PARTS],
            "notes": [{"key": key, **empty, **parts.get(key, {})} for key in NOTES],
            "stages": stages,
            "date_from": str(filters["date_from"]),
            "date_to": str(filters["date_to"] or ""),
        }

    @api.model
    def _fetch_stages(self, filters):
        """Return the pipeline of both days by stage: a sum over all changes until then."""
        begin, end = self._moments(filters)
        sides = self._sql_sides(filters)
        rows = self.env.execute_query(
            SQL(
                """
                SELECT x.stage,
                       COALESCE(sum(x.deal) FILTER (WHERE c.date < %(begin)s), 0),
                       COALESCE(sum(x.amount * m.rate) FILTER (WHERE c.date < %(begin)s), 0),
                       COALESCE(sum(x.deal), 0), COALESCE(sum(x.amount * m.rate), 0)
                  FROM discipline_stage_change c
                  JOIN %(money)s AS m(company, rate) ON m.company = c.company_id
            CROSS JOIN LATERAL (
                    SELECT c.stage_from_ref, -1, -COALESCE(c.amount_from, 0)::float8 WHERE %(was)s
                 UNION ALL
                    SELECT c.stage_to_ref, 1, COALESCE(c.amount, 0)::float8 WHERE %(stays)s
                  ) AS x(stage, deal, amount)
                 WHERE %(where)s AND c.date < %(end)s
              GROUP BY x.stage
                """,
                begin=begin,
                end=end,
                money=self.env["discipline.forecast"]._sql_money(),
                where=self._sql_where(),
                **sides,
            )
        )
        stages = self.env["crm.stage"].sudo().browse([row[0] for row in rows if row[0]]).exists()
        place = {stage.id: (number, stage.name) for number, stage in enumerate(stages.sorted("sequence"))}
        result = []
        for stage, start_deals, start_amount, end_deals, end_amount in rows:
            if start_deals or end_deals:
                number, name = place.get(stage, (len(place), self.env._("Deleted stages")))
                result.append(
                    {
                        "stage_id": stage if stage in place else 0,
                        "name": name,
                        "place": number,
                        # what floating point leaves of sums that cancel out is no money
                        "start": {"deals": start_deals, "amount": round(start_amount, 2) if start_deals else 0.0},
                        "end": {"deals": end_deals, "amount": round(end_amount, 2) if end_deals else 0.0},
                    }
                )
        return sorted(result, key=lambda row: row["place"])

    @api.model
    def _sql_changed(self, filters):
        """Return the common tables ``changed`` (a row per deal that changed between the days) and ``part``.

        What happened is read from the first and the last change of a deal between the days; the rows of a deal are
        appended in the order of time. A deal that grew before it was won is grown, and is won with its last sum.
        """
        begin, end = self._moments(filters)
        sides = self._sql_sides(filters)
        return SQL(
            """
            money AS (
                SELECT * FROM %(money)s AS m(company, rate)
            ), span AS (
                SELECT c.lead_ref, min(c.id) AS first, max(c.id) AS last
                  FROM discipline_stage_change c
                 WHERE %(where)s AND c.date >= %(begin)s AND c.date < %(end)s
              GROUP BY c.lead_ref
            ), before AS (
                SELECT c.lead_ref, %(was)s AS was, c.kind IN ('create', 'convert') AS entered, c.status_from,
                       COALESCE(c.amount_from, 0)::float8 * m.rate AS amount, c.stage_from_ref AS stage, c.date, c.id
                  FROM span s
                  JOIN discipline_stage_change c ON c.id = s.first
                  JOIN money m ON m.company = c.company_id
            ), after AS (
                SELECT c.lead_ref, %(stays)s AS stays, %(mine)s AS mine,
                       COALESCE(c.amount, 0)::float8 * m.rate AS amount, c.stage_to_ref AS stage, c.date_deadline,
                       CASE WHEN c.status_to NOT IN ('archived', 'removed') THEN c.status_to
                            WHEN c.status_from IN ('won', 'lost') THEN c.status_from
                            ELSE 'removed' END AS status
                  FROM span s
                  JOIN discipline_stage_change c ON c.id = s.last
                  JOIN money m ON m.company = c.company_id
            ), changed AS (
                SELECT b.lead_ref, b.was, a.stays, b.amount AS amount_before, a.amount,
                       b.stage AS stage_before, a.stage, a.date_deadline, b.date, b.id,
                       CASE WHEN NOT b.was THEN CASE WHEN b.entered THEN 'new'
                                                     WHEN b.status_from = 'open' THEN 'received'
                                                     ELSE 'reopened' END
                       END AS came,
                       CASE WHEN NOT a.stays THEN CASE WHEN a.status = 'open' THEN 'given' ELSE a.status END
                       END AS went
                  FROM before b JOIN after a ON a.lead_ref = b.lead_ref
                    -- a deal may come and go between the days; one that had ended before and stays so is no news
                 WHERE b.was OR a.stays
                    OR (a.mine AND a.status <> 'open'
                        AND (b.entered OR b.status_from = 'open' OR (a.status = 'won' AND b.status_from <> 'won')))
            ), part AS (
                SELECT lead_ref, came AS key, 1 AS deal, amount FROM changed WHERE came IS NOT NULL
             UNION ALL
                SELECT lead_ref, CASE WHEN amount > amount_before THEN 'grown' ELSE 'shrunk' END, 0,
                       amount - amount_before
                  FROM changed WHERE came IS NULL AND amount <> amount_before
             UNION ALL
                SELECT lead_ref, went, -1, -amount FROM changed WHERE went IS NOT NULL
            ), note AS (
                SELECT lead_ref, 'moved' AS key, amount FROM changed
                 WHERE was AND stays AND stage IS DISTINCT FROM stage_before
             UNION ALL
                SELECT d.lead_ref, 'slipped', d.amount FROM changed d
            CROSS JOIN LATERAL (
                    SELECT c.date_deadline FROM discipline_stage_change c
                     WHERE c.lead_ref = d.lead_ref AND c.voided_at IS NULL AND (c.date, c.id) < (d.date, d.id)
                  ORDER BY c.date DESC, c.id DESC LIMIT 1
                  ) p
                 WHERE d.was AND d.stays AND d.date_deadline > p.date_deadline
            )
            """,
            money=self.env["discipline.forecast"]._sql_money(),
            where=self._sql_where(),
            begin=begin,
            end=end,
            mine=self._sql_mine(filters, SQL("c.manager_ref"), SQL("c.team_ref")),
            **sides,
        )

    @api.model
    def _fetch_parts(self, filters):
        """Return rows of ``key``, ``deals`` and ``amount``: what came and went, and what else happened."""
        return self.env.execute_query_dict(
            SQL(
                """
                WITH %s
                SELECT key, sum(deal)::int AS deals, round(sum(amount)::numeric, 2)::float8 AS amount
                  FROM part GROUP BY key
             UNION ALL
                SELECT key, count(*)::int, round(sum(amount)::numeric, 2)::float8 FROM note GROUP BY key
                """,
                self._sql_changed(filters),
            )
        )

    # ------------------------------------------------------------------
    # Drill-down
    # ------------------------------------------------------------------

    @api.model
    @api.readonly
    def get_deals_action(self, filters=None, key=None, name=None):
        """Return the action that opens the deals of a part, or of a whole pipeline.

        :param dict filters: see :meth:`_clean_filters`
        :param str key: one of PARTS or NOTES, "start" or "end"
        :raise UserError: for another key
        """
        filters = self._clean_filters(filters)
        self.env["discipline.stage.change"].flush_model()
        if key in (*PARTS, *NOTES):
            table = SQL("part") if key in PARTS else SQL("note")
            query = SQL(
                "WITH %s SELECT l.id FROM %s x LEFT JOIN crm_lead l ON l.id = x.lead_ref WHERE x.key = %s",
                self._sql_changed(filters),
                table,
                key,
            )
        elif key in ("start", "end"):
            begin, end = self._moments(filters)
            query = SQL(
                """
                SELECT l.id FROM (
                    SELECT DISTINCT ON (c.lead_ref) c.lead_ref, %(stays)s AS stays
                      FROM discipline_stage_change c WHERE %(where)s AND c.date < %(moment)s
                  ORDER BY c.lead_ref, c.date DESC, c.id DESC) x
             LEFT JOIN crm_lead l ON l.id = x.lead_ref
                 WHERE x.stays
                """,
                stays=self._sql_sides(filters)["stays"],
                where=self._sql_where(),
                moment=begin if key == "start" else end,
            )
        else:
            raise UserError(self.env._("The pipeline has no part “%(key)s”.", key=key))
        rows = [lead_id for (lead_id,) in self.env.execute_query(query)]
        alive = [lead_id for lead_id in rows if lead_id]
        name = name or self.env._("Deals")
        if gone := len(rows) - len(alive):
            name = self.env._("%(name)s (%(count)s more were deleted)", name=name, count=gone)
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": "crm.lead",
            "views": [[False, "list"], [False, "kanban"], [False, "form"], [False, "pivot"], [False, "graph"]],
            "domain": [("id", "in", alive)],
            "context": {"active_test": False, "create": False},
        }
