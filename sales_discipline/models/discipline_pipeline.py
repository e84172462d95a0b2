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
    """Compares how every deal was at two moments.

    A deal that has not changed since a moment was then as it is summed up now; of the others the last change before it
    says how it was. So only the deals that lived on after a day cost a look into the history.
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
        """Return which deals ``d`` the user may look at; of which companies is a matter of the day."""
        leads = self.env["crm.lead"].with_context(active_test=False)
        leads.check_access("read")
        if self.env.user.has_group("sales_team.group_sale_salesman_all_leads"):
            return SQL("TRUE")
        return SQL("d.lead_id IN %s", leads._search([]).subselect())

    @api.model
    def _sql_mine(self, filters):
        """Return the condition that a deal, as it is at a moment, is one of those asked for."""
        where = [SQL("m.rate IS NOT NULL")]
        if filters["user_id"]:
            where.append(SQL("x.manager_ref = %s", filters["user_id"]))
        if filters["team_id"]:
            where.append(SQL("x.team_ref = %s", filters["team_id"]))
        return SQL("(%s)", SQL(" AND ").join(where))

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
        self._flush()
        stages, parts = self._fetch(filters)
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
    def _flush(self):
        self.env["discipline.stage.change"].flush_model()
        self.env["discipline.deal"].flush_model()

    @api.model
    def _fetch(self, filters):
        """Return the pipeline of both days by stage, and {key: what came, went or else happened}.

        One statement, so that both are of the same deals.
        """
        [(rows, parts)] = self.env.execute_query(
            SQL(
                """
                WITH %(changed)s, side AS (
                    SELECT stage, 1 AS start_deals, amount AS start_amount, 0 AS end_deals, 0::float8 AS end_amount
                      FROM before WHERE open
                 UNION ALL
                    SELECT stage, 0, 0, 1, amount FROM after WHERE open
                )
                SELECT (SELECT jsonb_agg(to_jsonb(x)) FROM (
                            SELECT stage, sum(start_deals) AS start_deals, sum(start_amount) AS start_amount,
                                   sum(end_deals) AS end_deals, sum(end_amount) AS end_amount
                              FROM side GROUP BY stage) x),
                       (SELECT jsonb_agg(to_jsonb(x)) FROM (
                            SELECT key, sum(deal)::int AS deals, round(sum(amount)::numeric, 2)::float8 AS amount
                              FROM part GROUP BY key
                         UNION ALL
                            SELECT key, count(*)::int, round(sum(amount)::numeric, 2)::float8 FROM note GROUP BY key
                            ) x)
                """,
                changed=self._sql_changed(filters),
            )
        )
        return self._stages(rows or []), {row["key"]: row for row in parts or []}

    @api.model
    def _stages(self, rows):
        """Return a row per stage, in their order; a deleted stage has kept its deals, but not its name."""
        stages = self.env["crm.stage"].sudo().browse([row["stage"] for row in rows if row["stage"]]).exists()
        place = {stage.id: (number, stage.name) for number, stage in enumerate(stages.sorted("sequence"))}
        result = []
        for row in rows:
            stage = row["stage"]
            number, name = place.get(stage, (len(place), self.env._("Deleted stages")))
            result.append(
                {
                    "stage_id": stage if stage in place else 0,
                    "name": name,
                    "place": number,
                    **{
                        side: {"deals": row[f"{side}_deals"], "amount": round(row[f"{side}_amount"], 2)}
                        for side in ("start", "end")
                    },
                }
            )
        return sorted(result, key=lambda row: row["place"])

    @api.model
    def _sql_state(self, filters, moment, since):
        """Return the query of how deals were at a moment; those that were over before both days are left out.

        :param datetime moment: the moment
        :param datetime since: the earlier of both days' moments
        """
        columns = ("company_id", "manager_ref", "team_ref", "stage", "amount", "date_deadline", "status")
        return SQL(
            """
            SELECT x.lead_ref, x.stage, x.date_deadline, x.status, x.amount::float8 * COALESCE(m.rate, 0) AS amount,
                   x.status = 'open' AND %(mine)s AS open, %(mine)s AS mine
              FROM (
                SELECT d.lead_ref, d.company_id, d.manager_ref, d.team_ref, d.stage_ref AS stage, d.amount,
                       d.date_deadline, d.outcome AS status
                  FROM discipline_deal d
                 WHERE %(where)s AND d.changed < %(moment)s AND (d.changed >= %(since)s OR d.outcome = 'open')
             UNION ALL
                SELECT d.lead_ref, %(columns)s
                  FROM discipline_deal d
            CROSS JOIN LATERAL (
                    SELECT c.company_id, c.manager_ref, c.team_ref, c.stage_to_ref AS stage,
                           COALESCE(c.amount, 0) AS amount, c.date_deadline, %(status)s AS status
                      FROM discipline_stage_change c
                     WHERE c.lead_ref = d.lead_ref AND c.type = 'opportunity' AND c.voided_at IS NULL
                       AND c.date < %(moment)s
                  ORDER BY c.date DESC, c.id DESC LIMIT 1
                  ) l
                 WHERE %(where)s AND d.entered < %(moment)s AND d.changed >= %(moment)s
              ) x
         LEFT JOIN money m ON m.company = x.company_id
            """,
            mine=self._sql_mine(filters),
            where=self._sql_where(),
            moment=moment,
            since=since,
            columns=SQL(", ").join(SQL.identifier("l", name) for name in columns),
            status=self.env["discipline.deal"]._sql_status(SQL("c")),
        )

    @api.model
    def _sql_changed(self, filters):
        """Return the common tables ``before`` and ``after`` (how deals were on both days), ``part`` and ``note``.

        A deal that grew before it was won is grown, and is won with its last sum.
        """
        begin, end = self._moments(filters)
        return SQL(
            """
            money AS (
                SELECT * FROM %(money)s AS m(company, rate)
            ), before AS MATERIALIZED (
                %(before)s
            ), after AS MATERIALIZED (
                %(after)s
            ), changed AS (
                SELECT a.lead_ref, COALESCE(b.open, FALSE) AS was, a.open AS stays, b.amount AS amount_before, a.amount,
                       b.stage AS stage_before, a.stage, b.date_deadline AS deadline_before, a.date_deadline,
                       CASE WHEN b.open IS NOT TRUE THEN CASE WHEN b.status IS NULL THEN 'new'
                                                              WHEN b.status = 'open' THEN 'received'
                                                              ELSE 'reopened' END
                       END AS came,
                       CASE WHEN NOT a.open THEN CASE WHEN a.status = 'open' THEN 'given' ELSE a.status END
                       END AS went
                  FROM after a LEFT JOIN before b ON b.lead_ref = a.lead_ref
                    -- a deal may come and go between the days; one that had ended before and stays so is no news
                 WHERE b.open OR a.open
                    OR (a.mine AND a.status <> 'open'
                        AND (b.status IS NULL OR b.status = 'open' OR (a.status = 'won' AND b.status <> 'won')))
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
                SELECT lead_ref, 'slipped', amount FROM changed
                 WHERE was AND stays AND date_deadline > deadline_before
            )
            """,
            money=self.env["discipline.forecast"]._sql_money(),
            before=self._sql_state(filters, begin, begin),
            after=self._sql_state(filters, end, begin),
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
        self._flush()
        if key in (*PARTS, *NOTES):
            table = SQL("part") if key in PARTS else SQL("note")
            query = SQL(
                "WITH %s SELECT l.id FROM %s x LEFT JOIN crm_lead l ON l.id = x.lead_ref WHERE x.key = %s",
                self._sql_changed(filters),
                table,
                key,
            )
        elif key in ("start", "end"):
            query = SQL(
                "WITH %s SELECT l.id FROM %s x LEFT JOIN crm_lead l ON l.id = x.lead_ref WHERE x.open",
                self._sql_changed(filters),
                SQL("before") if key == "start" else SQL("after"),
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
