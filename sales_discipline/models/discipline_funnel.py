"""The sales funnel: what became of the deals that entered in a period, from the history of opportunities alone."""

from datetime import date, timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL, Query

from ..engine import statistics
from .discipline_deal import DERIVED, LIVE, WON

#: days of age by which open deals are told apart
AGES = (30, 60, 90)
ENDS = ("won", "lost", "open", "removed")
#: columns of a deal that its history tells for any day
PAST = [name for name in DERIVED if name not in ("facts", "last_fact")]


class DisciplineFunnel(models.AbstractModel):
    """Counts funnels. It only reads: opportunities as their history sums them up, and reasons of refusal.

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
    def _sql_base(self, filters):
        """Return the rows of ``discipline.deal``, as they were at the end of the day asked for.

        Deals without a change since are as they were; only the others are summed up from their history until then.
        """
        until = filters.get("as_of")
        if not until:
            return SQL("discipline_deal")
        return SQL(
            "(SELECT %(columns)s FROM discipline_deal WHERE changed_day <= %(until)s UNION ALL %(summed_up)s)",
            columns=SQL(", ").join(map(SQL.identifier, [*PAST, *LIVE])),
            until=until,
            summed_up=self._sql_summed_up(until),
        )

    @api.model
    def _sql_summed_up(self, until):
        """Return the query of the deals that changed since a day, summed up until its end."""
        return SQL(
            "SELECT %(then)s, %(now)s FROM (%(summary)s) s JOIN discipline_deal d ON d.lead_ref = s.lead_ref",
            then=SQL(", ").join(SQL.identifier("s", name) for name in PAST),
            now=SQL(", ").join(SQL.identifier("d", name) for name in LIVE),
            summary=self.env["discipline.deal"]._sql_summary(
                # an array, so that their changes are looked up: PostgreSQL takes days of entry and of change for
                # unrelated, expects many more deals than there are, and would read the whole history
                SQL(
                    """
                    c.lead_ref = ANY(ARRAY(
                        SELECT lead_ref FROM discipline_deal WHERE entered_day <= %s AND changed_day > %s))
                    """,
                    until,
                    until,
                ),
                until,
            ),
        )

    @api.model
    def _sql_allowed(self):
        """Return the condition on a deal ``d`` that the user may see its opportunity.

        Where the rules of opportunities ask for nothing but the company, the deal's own row answers.
        """
        leads = self.env["crm.lead"].with_context(active_test=False)
        leads.check_access("read")
        rules = Domain.TRUE if self.env.su else Domain(self.env["ir.rule"]._compute_domain("crm.lead", "read"))
        if {condition.field_expr for condition in rules.iter_conditions()} <= {"company_id"}:
            Deal = self.env["discipline.deal"].sudo()
            own = rules.map_conditions(
                lambda condition: Domain("lead_company_id", condition.operator, condition.value)
            ).optimize_full(Deal)
            if all(condition.operator in ("in", "not in") for condition in own.iter_conditions()):
                query = Query(self.env, "d", SQL.identifier(Deal._table))
                return SQL("(d.lead_id IS NOT NULL AND %s)", own._to_sql(Deal, "d", query))
        return SQL("d.lead_id IN %s", leads._search([]).subselect())

    @api.model
    def _sql_deal_where(self, filters):
        """Return the conditions on a deal ``d``: what the user may see, and what he asked for."""
        # a deleted opportunity has no record that could tell who may see it: its last manager, and supervisors
        gone = [
            SQL("d.lead_id IS NULL"),
            SQL("(d.company_id IS NULL OR d.company_id = ANY(%s))", self.env.companies.ids),
        ]
        if not self.env.user.has_group("sales_team.group_sale_salesman_all_leads"):
            gone.append(SQL("d.manager_ref = %s", self.env.uid))
        where = [SQL("(%s OR (%s))", self._sql_allowed(), SQL(" AND ").join(gone))]
        for name, column in (
            ("user_id", SQL("d.manager_ref")),
            ("team_id", SQL("d.team_ref")),
            ("source_id", SQL("d.source_id")),
        ):
            if filters.get(name):
                where.append(SQL("%s = %s", column, filters[name]))
        if filters.get("class_id"):
            where.append(
                SQL(
                    "d.customer_id IN (SELECT partner_id FROM discipline_customer WHERE abc_class_id = %s)",
                    filters["class_id"],
                )
            )
        if filters.get("tag_id"):
            where.append(SQL("d.lead_id IN (SELECT lead_id FROM crm_tag_rel WHERE tag_id = %s)", filters["tag_id"]))
        if filters.get("amount_from") is not None:
            where.append(SQL("%s >= %s", self._sql_amount(), filters["amount_from"]))
        if filters.get("amount_to") is not None:
            where.append(SQL("%s < %s", self._sql_amount(), filters["amount_to"]))
        if filters.get("date_from"):
            where.append(SQL("d.entered_day >= %s", filters["date_from"]))
        if filters.get("date_to"):
            where.append(SQL("d.entered_day <= %s", filters["date_to"]))
        return SQL(" AND ").join(where)

    @api.model
    def _money(self):
        """Return {company id: rate}: what one unit of its currency is worth in the user's company's today.

        Companies with the same currency are left out; whoever has no company is taken as the user's.
        """
        target, today = self.env.company.currency_id, fields.Date.context_today(self)
        companies = self.env["res.company"].sudo().search([("currency_id", "!=", target.id)])
        return {
            company.id: company.currency_id._get_conversion_rate(company.currency_id, target, self.env.company, today)
            for company in companies
        }

    @api.model
    def _sql_amount(self):
        """Return the sum of a deal ``d`` in the currency of the user's company, at today's rate."""
        money = self._money()
        if not money:
            return SQL("d.amount")
        return SQL(
            "d.amount * CASE d.company_id %s ELSE 1 END",
            SQL(" ").join(SQL("WHEN %s THEN %s::numeric", company, rate) for company, rate in money.items()),
        )

    @api.model
    def _sql_reason(self):
        """Return the reason of refusal of a deal ``d``: a deleted opportunity has left it in the ledger of refusals."""
        return SQL(
            """
            CASE WHEN d.outcome = 'lost' THEN COALESCE(d.lost_reason_id, (
                SELECT r.reason_ref FROM discipline_refusal r
                 WHERE r.lead_ref = d.lead_ref AND r.voided_at IS NULL ORDER BY r.date DESC, r.id DESC LIMIT 1)) END
            """
        )

    @api.model
    def _sql_deals(self, filters, stages, where=None, amount=None):
        """Return the common tables ``stage`` (ref, rank) and ``deal``: a row per deal of the cohort.

        :param dict filters: as cleaned
        :param stages: crm.stage, in their order
        :param SQL where: conditions instead of :meth:`_sql_deal_where`
        :param SQL amount: the sum instead of :meth:`_sql_amount`
        """
        return SQL(
            """
            stage AS (
                SELECT * FROM unnest(%(stages)s::int[], %(ranks)s::int[]) AS s(ref, rank)
            ), base AS NOT MATERIALIZED (
                SELECT d.* FROM %(base)s d WHERE %(where)s
            ), route AS (
                -- deals take few different ways: each is read once
                SELECT w.path, COALESCE(max(CASE WHEN p.place = %(won)s THEN %(last)s ELSE s.rank END), 0) AS furthest
                  FROM (SELECT DISTINCT path FROM discipline_deal) w
             LEFT JOIN LATERAL unnest(w.path) AS p(place) ON TRUE
             LEFT JOIN stage s ON s.ref = p.place
              GROUP BY w.path
            ), deal AS (
                SELECT d.lead_ref, d.lead_id, d.entered, d.entered_day, r.furthest, d.outcome, d.closed_after,
                       %(amount)s AS amount, d.manager_ref, d.team_ref, d.company_id, d.customer_id, d.customer_ref,
                       k.abc_class_id, d.source_id, %(reason)s AS lost_reason_id
                  FROM base d
                  JOIN route r ON r.path = d.path
             LEFT JOIN discipline_customer k ON k.partner_id = d.customer_id
            )
            """,
            stages=stages.ids,
            ranks=list(range(len(stages))),
            last=max(len(stages) - 1, 0),
            won=WON,
            base=self._sql_base(filters),
            amount=amount or self._sql_amount(),
            reason=self._sql_reason(),
            where=self._sql_deal_where(filters) if where is None else where,
        )

    @api.model
    def _flush(self):
        for name in ("discipline.stage.change", "discipline.refusal", "crm.lead", "discipline.customer", "crm.stage"):
            self.env[name].flush_model()
        self.env["discipline.deal"].flush_model()

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
        users = env["res.users"].with_context(active_test=False).search([("id", "in", self._fetch_manager_ids())])
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
    def _fetch_manager_ids(self):
        """Return the numbers of the managers who have or had deals: a supervisor may ask for any, others for theirs."""
        if not self.env.user.has_group("sales_team.group_sale_salesman_all_leads"):
            return [self.env.uid]
        self.env["discipline.stage.change"].flush_model()
        # from one manager to the next by the index, whatever number of deals lies between them
        rows = self.env.execute_query(
            SQL(
                """
                WITH RECURSIVE manager AS (
                    SELECT min(manager_ref) AS ref FROM discipline_deal
                 UNION ALL
                    SELECT (SELECT min(manager_ref) FROM discipline_deal WHERE manager_ref > m.ref)
                      FROM manager m WHERE m.ref IS NOT NULL
                )
                SELECT ref FROM manager WHERE ref IS NOT NULL
                """
            )
        )
        return [ref for (ref,) in rows]

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
