"""The sales funnel: what became of the deals that entered in a period, from the history of opportunities alone."""

from datetime import date, timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..engine import statistics

#: days of age by which open deals are told apart
AGES = (30, 60, 90)
ENDS = ("won", "lost", "open", "removed")
#: columns of the history whose last value says how a deal is
PRESENT = ("status", "amount", "manager_ref", "team_ref", "company_id", "customer_ref", "stage_to_ref")


class DisciplineFunnel(models.AbstractModel):
    """Counts funnels. It only reads: the history of opportunities, opportunities, and reasons of refusal.

    The statements follow :mod:`..engine.funnel`, which says in words what they count; a test compares both.
    """

    _name = "discipline.funnel"
    _description = "Sales Funnel"

    # ------------------------------------------------------------------
    # What is asked for
    # ------------------------------------------------------------------

    @api.model
    def _clean_filters(self, filters):
        """Return the filters of a client, checked: unknown keys are refused, ids are integers, days are dates.

        :param dict filters: ``date_from``, ``date_to`` (days of entry), ``as_of`` (the day to look from), ``user_id``,
            ``team_id``, ``source_id``, ``tag_id``, ``class_id``, ``amount_from``, ``amount_to``
        :raise UserError: if a filter is unknown or makes no sense
        """
        result = {}
        for name, value in (filters or {}).items():
            try:
                if name in ("date_from", "date_to", "as_of"):
                    result[name] = fields.Date.to_date(value) if value else None
                elif name in ("user_id", "team_id", "source_id", "tag_id", "class_id"):
                    result[name] = int(value) if value else None
                elif name in ("amount_from", "amount_to"):
                    result[name] = None if value in (None, False, "") else float(value)
                else:
                    raise ValueError(name)
            except (TypeError, ValueError) as error:
                raise UserError(
                    self.env._("The funnel cannot be filtered by “%(name)s” = “%(value)s”.", name=name, value=value)
                ) from error
        if result.get("date_from") and result.get("date_to") and result["date_from"] > result["date_to"]:
            raise UserError(self.env._("The funnel's period ends before it begins: choose a later last day."))
        return result

    @api.model
    def _stages(self, filters):
        """Return the stages of the funnel in their order, without won ones and those of other teams only."""
        stages = self.env["crm.stage"].search([("is_won", "=", False)])
        if team := filters.get("team_id"):
            stages = stages.filtered(lambda stage: not stage.team_ids or team in stage.team_ids.ids)
        return stages

    @api.model
    def _small(self):
        """Return the number of deals below which a share is shown in grey."""
        return self.env.company.discipline_small_number

    # ------------------------------------------------------------------
    # The deals
    # ------------------------------------------------------------------

    @api.model
    def _sql_fact_where(self, filters):
        """Return which rows of the history are looked at: those of opportunities, until the day asked for."""
        until = filters.get("as_of")
        return SQL(
            "c.type = 'opportunity' AND c.voided_at IS NULL %s", SQL("AND c.day <= %s", until) if until else SQL()
        )

    @api.model
    def _sql_candidates(self, filters):
        """Return the condition of opportunities that may have entered in the period: their first row is of two kinds.

        Whatever is outside the period is not even read.
        """
        if not filters.get("date_from") and not filters.get("date_to"):
            return SQL("TRUE")
        where = [SQL("c.kind IN ('create', 'convert')"), self._sql_fact_where(filters)]
        if filters.get("date_from"):
            where.append(SQL("c.day >= %s", filters["date_from"]))
        if filters.get("date_to"):
            where.append(SQL("c.day <= %s", filters["date_to"]))
        return SQL(
            "c.lead_ref IN (SELECT c.lead_ref FROM discipline_stage_change c WHERE %s)", SQL(" AND ").join(where)
        )

    @api.model
    def _sql_deal_where(self, filters):
        """Return the conditions on a deal: what the user may see, and what he asked for."""
        leads = self.env["crm.lead"].with_context(active_test=False)
        leads.check_access("read")
        allowed = SQL("e.lead_ref IN %s", leads._search([]).subselect())
        # a deleted opportunity has no record that could tell who may see it: its last manager, and supervisors
        gone = [SQL("l.id IS NULL"), SQL("(e.company_id IS NULL OR e.company_id IN %s)", tuple(self.env.companies.ids))]
        if not self.env.user.has_group("sales_team.group_sale_salesman_all_leads"):
            gone.append(SQL("e.manager_ref = %s", self.env.uid))
        where = [SQL("(%s OR (%s))", allowed, SQL(" AND ").join(gone))]
        for name, column in (
            ("user_id", SQL("e.manager_ref")),
            ("team_id", SQL("e.team_ref")),
            ("source_id", SQL("l.source_id")),
            ("class_id", SQL("k.abc_class_id")),
        ):
            if filters.get(name):
                where.append(SQL("%s = %s", column, filters[name]))
        if filters.get("tag_id"):
            where.append(SQL("e.lead_ref IN (SELECT lead_id FROM crm_tag_rel WHERE tag_id = %s)", filters["tag_id"]))
        amount = SQL("COALESCE(e.amount, l.expected_revenue, 0)")
        if filters.get("amount_from") is not None:
            where.append(SQL("%s >= %s", amount, filters["amount_from"]))
        if filters.get("amount_to") is not None:
            where.append(SQL("%s < %s", amount, filters["amount_to"]))
        if filters.get("date_from"):
            where.append(SQL("e.entered_day >= %s", filters["date_from"]))
        if filters.get("date_to"):
            where.append(SQL("e.entered_day <= %s", filters["date_to"]))
        return SQL(" AND ").join(where)

    @api.model
    def _sql_deals(self, filters, stages, where=None):
        """Return the common tables ``stage`` (ref, rank) and ``deal``: a row per deal of the cohort.

        ``came`` has the moments at which the deal reached each rank, ``stood`` whether it really stood there.

        :param dict filters: as cleaned
        :param stages: crm.stage, in their order
        :param SQL where: conditions instead of :meth:`_sql_deal_where`
        """
        return SQL(
            """
            stage AS (
                SELECT * FROM unnest(%(stages)s::int[], %(ranks)s::int[]) AS s(ref, rank)
            ), history AS (
                SELECT c.lead_ref, c.id, c.date, c.day, c.status_from, c.stage_to_ref, c.amount, c.manager_ref,
                       c.team_ref, c.company_id, c.customer_ref,
                       CASE WHEN c.status_to NOT IN ('archived', 'removed') THEN c.status_to
                            WHEN c.status_from IN ('won', 'lost') THEN c.status_from
                            ELSE 'removed' END AS status
                  FROM discipline_stage_change c
                 WHERE %(fact_where)s AND %(candidates)s
            ), fact AS (
                SELECT h.*, CASE WHEN h.status = 'won' THEN %(last)s ELSE s.rank END AS rank
                  FROM history h
             LEFT JOIN stage s ON s.ref = h.stage_to_ref
            ), entry AS (
                -- one pass and no join: nothing here can be planned badly, however fresh the tables are
                SELECT lead_ref, min(date) AS entered, min(day) AS entered_day, COALESCE(max(rank), 0) AS furthest,
                       max(date) FILTER (WHERE status <> 'open' AND status IS DISTINCT FROM status_from) AS closed,
                       %(present)s,
                       ARRAY[%(came)s]::timestamp[] AS came, ARRAY[%(stood)s]::bool[] AS stood
                  FROM fact
              GROUP BY lead_ref
            ), deal AS MATERIALIZED (
                SELECT e.lead_ref, l.id AS lead_id, e.entered, e.entered_day, e.furthest, e.status AS outcome,
                       CASE WHEN e.status <> 'open' THEN e.closed END AS closed,
                       COALESCE(e.amount, l.expected_revenue, 0) AS amount,
                       e.manager_ref, e.team_ref, e.company_id, e.customer_ref, e.stage_to_ref, e.came, e.stood,
                       k.abc_class_id, l.source_id, COALESCE(l.lost_reason_id, r.reason_ref) AS lost_reason_id
                  FROM entry e
             LEFT JOIN crm_lead l ON l.id = e.lead_ref
             LEFT JOIN discipline_customer k ON k.partner_id = e.customer_ref
             LEFT JOIN LATERAL (
                     -- a deleted opportunity has left its reason in the ledger of refusals
                     SELECT reason_ref FROM discipline_refusal
                      WHERE lead_ref = e.lead_ref AND voided_at IS NULL ORDER BY date DESC, id DESC LIMIT 1
                   ) r ON e.status = 'lost' AND l.lost_reason_id IS NULL
                 WHERE %(deal_where)s
            )
            """,
            stages=stages.ids,
            ranks=list(range(len(stages))),
            last=max(len(stages) - 1, 0),
            candidates=self._sql_candidates(filters),
            fact_where=self._sql_fact_where(filters),
            present=SQL(", ").join(
                SQL(
                    "(array_agg(%(column)s ORDER BY date DESC, id DESC))[1] AS %(column)s",
                    column=SQL.identifier(name),
                )
                for name in PRESENT
            ),
            came=SQL(", ").join(SQL("min(date) FILTER (WHERE rank >= %s)", rank) for rank in range(len(stages))),
            stood=SQL(", ").join(SQL("bool_or(rank = %s AND status <> 'won')", rank) for rank in range(len(stages))),
            deal_where=self._sql_deal_where(filters) if where is None else where,
        )

    @api.model
    def _flush(self):
        for name in ("discipline.stage.change", "discipline.refusal", "crm.lead", "discipline.customer", "crm.stage"):
            self.env[name].flush_model()

    @api.model
    def _now(self, filters):
        """Return the moment up to which ages are counted: the end of the day asked for, or now."""
        now = fields.Datetime.now()
        if filters.get("as_of"):
            return min(now, fields.Datetime.to_datetime(filters["as_of"] + timedelta(days=1)))
        return now

    # ------------------------------------------------------------------
    # The screen
    # ------------------------------------------------------------------

    @api.model
    @api.readonly
    def get_options(self):
        """Return what the screen offers to filter by, its currency, and the period with which it opens.

        :return: dict of lists of {id, name}, and ``date_from``, ``date_to``, ``currency_id``, ``small``
        """
        env = self.env
        leads = env["crm.lead"].with_context(active_test=False)
        leads.check_access("read")
        users = env["res.users"].browse(
            [user.id for (user,) in leads._read_group([("user_id", "!=", False)], ["user_id"])]
        )
        today = env["discipline.calendar"]._today()
        return {
            "users": [{"id": user.id, "name": user.name} for user in users.sorted("name")],
            **{
                key: [{"id": record.id, "name": record.display_name} for record in env[model].search([], limit=200)]
                for key, model in (
                    ("teams", "crm.team"),
                    ("sources", "utm.source"),
                    ("tags", "crm.tag"),
                    ("classes", "discipline.abc.class"),
                )
            },
            "today": str(today),
            "date_from": str(date(today.year, 1, 1)),
            "date_to": str(today),
            "currency_id": env.company.currency_id.id,
            "small": self._small(),
            "is_supervisor": env.user.has_group("sales_team.group_sale_salesman_all_leads"),
        }

    @api.model
    @api.readonly
    def get_funnel(self, filters=None):
        """Return the funnel of the deals that entered in a period, as plain JSON.

        :param dict filters: see :meth:`_clean_filters`
        :return: ``entered``, ``won``, ``lost``, ``open``, ``removed`` and their sums (``..._amount``), ``closed``,
            ``win_rate``, ``won_days`` and ``lost_days`` (means), and ``steps``: per stage ``reached``, ``passed``,
            who left (``lost``, ``open``, ``removed``, ``reasons``, ``ages``), shares 0..1, ``median_days``
        :raise AccessError: for whoever may not read opportunities
        """
        filters = self._clean_filters(filters)
        stages = self._stages(filters)
        cells, reasons, ages, stays = self._fetch(filters, stages)
        names = self._reason_names({row["reason"] for row in reasons if row["reason"]})
        for row in reasons:
            row["name"] = names.get(row["reason"]) or self.env._("Not stated")
        result = self._totals(cells)
        result["steps"] = [
            self._step(stages, rank, cells, reasons, ages, stays.get(rank), result) for rank in range(len(stages))
        ]
        return result

    @api.model
    def _fetch(self, filters, stages):
        """Return the counted cells of a cohort: deals by furthest stage and end, reasons, ages, and times.

        One statement, so that all of them see the same deals.
        """
        self._flush()
        [(cells, reasons, ages, stays)] = self.env.execute_query(
            SQL(
                """
                WITH %(deals)s
                SELECT (SELECT jsonb_agg(to_jsonb(x)) FROM (
                            SELECT furthest, outcome, count(*) AS deals, sum(amount)::float8 AS amount,
                                   sum(EXTRACT(epoch FROM closed - entered) / 86400)::float8 AS days
                              FROM deal GROUP BY furthest, outcome) x),
                       (SELECT jsonb_agg(to_jsonb(x)) FROM (
                            SELECT furthest, lost_reason_id AS reason, count(*) AS deals, sum(amount)::float8 AS amount
                              FROM deal WHERE outcome = 'lost' GROUP BY furthest, lost_reason_id) x),
                       (SELECT jsonb_agg(to_jsonb(x)) FROM (
                            SELECT furthest, width_bucket(EXTRACT(epoch FROM %(now)s - entered) / 86400,
                                                          %(ages)s::numeric[]) AS age,
                                   count(*) AS deals, sum(amount)::float8 AS amount
                              FROM deal WHERE outcome = 'open' GROUP BY 1, 2) x),
                       (SELECT jsonb_agg(to_jsonb(x)) FROM (
                            SELECT s.rank, percentile_cont(0.5) WITHIN GROUP (ORDER BY EXTRACT(epoch FROM
                                       COALESCE(d.came[s.rank + 2], d.closed)
                                       - CASE WHEN s.rank = 0 THEN d.entered ELSE d.came[s.rank + 1] END
                                   ) / 86400) AS days
                              FROM deal d CROSS JOIN generate_series(0, %(last)s) s(rank)
                             WHERE d.stood[s.rank + 1] AND COALESCE(d.came[s.rank + 2], d.closed) IS NOT NULL
                          GROUP BY s.rank) x)
                """,
                deals=self._sql_deals(filters, stages),
                now=self._now(filters),
                last=len(stages) - 1,
                ages=list(AGES),
            )
        )
        return cells or [], reasons or [], ages or [], {row["rank"]: row["days"] for row in stays or []}

    @api.model
    def _totals(self, cells):
        """Return the sums over all cells."""
        result = {"entered": 0, "amount": 0.0}
        for end in ENDS:
            rows = [cell for cell in cells if cell["outcome"] == end]
            result[end] = sum(row["deals"] for row in rows)
            result[f"{end}_amount"] = sum(row["amount"] for row in rows)
            result["entered"] += result[end]
            result["amount"] += result[f"{end}_amount"]
            if end in ("won", "lost"):
                days = sum(row["days"] for row in rows)
                result[f"{end}_days"] = days / result[end] if result[end] else None
        result["closed"] = result["won"] + result["lost"]
        result["win_rate"] = result["won"] / result["closed"] if result["closed"] else None
        result["win_rate_band"] = statistics.wilson(result["won"], result["closed"])
        return result

    @api.model
    def _step(self, stages, rank, cells, reasons, ages, median_days, total):
        """Return one stage of the funnel (see :meth:`get_funnel`)."""
        inside = [cell for cell in cells if cell["furthest"] >= rank]
        here = [cell for cell in inside if cell["furthest"] == rank and cell["outcome"] != "won"]
        before = sum(cell["deals"] for cell in cells if cell["furthest"] >= rank - 1) if rank else None
        reached = sum(cell["deals"] for cell in inside)
        left = {end: sum(cell["deals"] for cell in here if cell["outcome"] == end) for end in ENDS[1:]}
        passed = reached - sum(left.values())
        return {
            "stage_id": stages[rank].id,
            "rank": rank,
            "name": stages[rank].display_name,
            "reached": reached,
            "amount": sum(cell["amount"] for cell in inside),
            "passed": passed,
            "passed_amount": sum(cell["amount"] for cell in inside) - sum(cell["amount"] for cell in here),
            **left,
            **{f"{end}_amount": sum(c["amount"] for c in here if c["outcome"] == end) for end in ENDS[1:]},
            "from_previous": reached / before if before else None,
            "from_start": reached / total["entered"] if total["entered"] else None,
            "conversion": passed / reached if reached else None,
            "conversion_band": statistics.wilson(passed, reached),
            "median_days": median_days,
            "reasons": [
                {**row, "reason": row["reason"] or 0}
                for row in sorted(reasons, key=lambda row: (-row["deals"], row["reason"] or 0))
                if row["furthest"] == rank
            ],
            "ages": [
                {**row, "name": self._age_name(row["age"])}
                for row in sorted(ages, key=lambda row: row["age"])
                if row["furthest"] == rank
            ],
        }

    @api.model
    def _reason_names(self, ids):
        """Return {id: name} of reasons of refusal; those that were archived have their names, too."""
        reasons = self.env["crm.lost.reason"].with_context(active_test=False).browse(ids).exists()
        return {reason.id: reason.name for reason in reasons}

    @api.model
    def _age_name(self, bucket):
        """Return the words for an age: its number among AGES."""
        if bucket >= len(AGES):
            return self.env._("over %(days)s days", days=AGES[-1])
        low = AGES[bucket - 1] if bucket else 0
        return self.env._("%(low)s to %(high)s days", low=low, high=AGES[bucket])

    # ------------------------------------------------------------------
    # Drill-down
    # ------------------------------------------------------------------

    @api.model
    def _sql_what(self, what, filters):
        """Return the condition of the deals behind a number of the screen.

        :param dict what: ``end`` (won, lost, open, removed, closed or nothing), ``rank`` of a stage and ``at``
            ("reached": it or a further one; "left": it was the furthest and they were not won; "passed"), ``reason``
            (0: not stated), ``age``
        """
        where = [SQL("TRUE")]
        end, rank = what.get("end"), what.get("rank")
        if end == "closed":
            where.append(SQL("outcome IN ('won', 'lost')"))
        elif end in ENDS:
            where.append(SQL("outcome = %s", end))
        if rank is not None:
            rank = int(rank)
            where.append(
                {
                    "reached": SQL("furthest >= %s", rank),
                    "left": SQL("(furthest = %s AND outcome <> 'won')", rank),
                    "passed": SQL("(furthest > %s OR (furthest = %s AND outcome = 'won'))", rank, rank),
                }[what.get("at") or "reached"]
            )
        if what.get("reason") is not None:
            where.append(SQL("lost_reason_id IS NOT DISTINCT FROM %s", int(what["reason"]) or None))
        if what.get("age") is not None:
            age = SQL(
                "width_bucket(EXTRACT(epoch FROM %s - entered) / 86400, %s::numeric[])", self._now(filters), list(AGES)
            )
            where.append(SQL("%s = %s", age, int(what["age"])))
        return SQL(" AND ").join(where)

    @api.model
    @api.readonly
    def get_deals_action(self, filters=None, what=None, name=None):
        """Return the action that opens exactly the deals behind a number of the screen.

        Deals whose opportunity was deleted are opened as their history.

        :param dict filters: see :meth:`_clean_filters`
        :param dict what: see :meth:`_sql_what`
        :param str name: title of the list
        """
        filters, what = self._clean_filters(filters), what or {}
        self._flush()
        rows = self.env.execute_query(
            SQL(
                "WITH %s SELECT lead_ref, lead_id FROM deal WHERE %s ORDER BY lead_ref",
                self._sql_deals(filters, self._stages(filters)),
                self._sql_what(what, filters),
            )
        )
        alive = [lead_id for _ref, lead_id in rows if lead_id]
        name = name or self.env._("Deals")
        if gone := len(rows) - len(alive):
            name = self.env._("%(name)s (%(count)s more were deleted)", name=name, count=gone)
        if len(alive) < len(rows) and what.get("end") == "removed":
            return {
                "type": "ir.actions.act_window",
                "name": name,
                "res_model": "discipline.stage.change",
                "views": [[False, "list"], [False, "form"]],
                "domain": [("lead_ref", "in", [ref for ref, _lead_id in rows])],
                "context": {"group_by": ["lead_ref"]},
            }
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": "crm.lead",
            "views": [[False, "list"], [False, "kanban"], [False, "form"], [False, "pivot"], [False, "graph"]],
            "domain": [("id", "in", alive)],
            "context": {"active_test": False, "create": False},
        }
