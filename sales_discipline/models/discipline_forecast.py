"""What will come: the open pipeline by month, weighted in two ways, with its spread, beside targets and facts."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL, date_utils

from ..engine.forecast import Deal, quantiles_beside
from ..engine.rates import AGES, Rates

#: months ahead, the running one included
AHEAD = 6
#: closed months before, for the eye
BACK = 6
#: so many deals of a month, those that move it most, are drawn one by one
DRAWN = 200
#: deals that one call lists, at most
DEALS = 5000
WAYS = ("own", "odoo")


class DisciplineForecast(models.AbstractModel):
    """Forecasts the open opportunities that the user may read. It only reads."""

    _name = "discipline.forecast"
    _description = "Sales Forecast"

    # ------------------------------------------------------------------
    # What is asked for
    # ------------------------------------------------------------------

    @api.model
    def _clean_filters(self, filters):
        """Return a client's filters, checked.

        :param dict filters: ``user_id``, ``team_id``, ``way`` ("own", "odoo", or nothing: the better one)
        :raise UserError: if a filter is unknown or makes no sense
        """
        result = {"user_id": None, "team_id": None, "way": None}
        for name, value in (filters or {}).items():
            try:
                if name in ("user_id", "team_id"):
                    result[name] = int(value) if value else None
                elif name == "way" and value in (None, False, "", *WAYS):
                    result[name] = value or None
                else:
                    raise ValueError(name)
            except (TypeError, ValueError) as error:
                raise UserError(
                    self.env._("The forecast cannot be filtered by “%(name)s” = “%(value)s”.", name=name, value=value)
                ) from error
        return result

    @api.model
    def _months(self):
        """Return the first days of the months shown, the oldest first, and that of the running month."""
        today = self.env["discipline.calendar"]._today()
        running = date_utils.start_of(today, "month")
        return [date_utils.add(running, months=number) for number in range(-BACK, AHEAD)], running

    @api.model
    def _sql_money(self):
        """Return rows of (company, rate): what one unit of its currency is worth in the user's company's today."""
        companies = self.env.companies
        target, today = self.env.company.currency_id, fields.Date.context_today(self)
        rates = [
            company.currency_id._get_conversion_rate(company.currency_id, target, self.env.company, today)
            for company in companies
        ]
        return SQL("unnest(%s::int[], %s::float8[])", companies.ids, rates)

    # ------------------------------------------------------------------
    # Open deals and their chances
    # ------------------------------------------------------------------

    @api.model
    def _chances(self, bounds):
        """Return, for every company, stage and age, the chances by history of each of some months.

        A company without a frozen forecast has its history read now.

        :param list bounds: days from now at which the months end, the first 0
        :return: rows of (company, stage or 0, age, number of the month, chance in it, chance ever)
        """
        Snapshot = self.env["discipline.forecast.snapshot"].sudo()
        rows = []
        for company in self.env.companies:
            latest = Snapshot._latest(company)
            if latest:
                rates = Rates.from_json(latest.rates)
            else:
                self.env["discipline.stage.change"].flush_model()
                rates = Snapshot._fetch_rates(company, fields.Datetime.now())
            stages = {0} | {stage for stage, _age in rates.cells}
            for stage in sorted(stages):
                for age in range(len(AGES)):
                    ever = rates.chance(stage, age)
                    for month, chance in enumerate(rates.between(stage, age, bounds)):
                        rows.append((company.id, stage, age, month, chance, ever))
        return rows

    @api.model
    def _sql_open(self, filters):
        """Return the common table ``deal``: the open opportunities that the user may read."""
        leads = self.env["crm.lead"]
        leads.check_access("read")
        where = [
            SQL("l.active AND l.type = 'opportunity' AND l.won_status = 'pending'"),
            SQL("l.id IN %s", leads._search([]).subselect()),
        ]
        if filters["user_id"]:
            where.append(SQL("l.user_id = %s", filters["user_id"]))
        if filters["team_id"]:
            where.append(SQL("l.team_id = %s", filters["team_id"]))
        return SQL(
            """
            money AS (
                SELECT * FROM %(money)s AS m(company, rate)
            ), deal AS MATERIALIZED (
                SELECT l.id, l.user_id AS manager, l.team_id AS team, l.stage_id AS stage, m.company,
                       COALESCE(l.expected_revenue, 0)::float8 * m.rate AS amount,
                       LEAST(1, GREATEST(0, COALESCE(l.probability, 0) / 100)) AS odoo,
                       CASE WHEN l.date_deadline IS NOT NULL THEN GREATEST(l.date_deadline, %(today)s) END AS deadline,
                       width_bucket(%(today)s - COALESCE(e.entered_day, l.create_date::date), %(ages)s::int[]) AS age
                  FROM crm_lead l
                  JOIN money m ON m.company = COALESCE(l.company_id, %(company)s)
             LEFT JOIN discipline_deal e ON e.lead_ref = l.id
                 WHERE %(where)s
            )
            """,
            money=self._sql_money(),
            today=self.env["discipline.calendar"]._today(),
            ages=list(AGES[1:]),
            company=self.env.company.id,
            where=SQL(" AND ").join(where),
        )

    @api.model
    def _sql_expected(self, filters, bounds, months):
        """Return the common table ``expected``: a row per open deal, way and month in which it may come.

        :param list bounds: days from now at which the months end, the first 0
        :param list months: the first days of the months ahead
        """
        chances = self._chances(bounds)
        columns = list(zip(*chances, strict=True)) or [()] * 6
        return SQL(
            """
            %(open)s, chance AS (
                SELECT * FROM unnest(%(companies)s::int[], %(stages)s::int[], %(ages)s::int[], %(numbers)s::int[],
                                     %(chances)s::float8[], %(evers)s::float8[])
                    AS c(company, stage, age, month, chance, ever)
            ), known AS (
                SELECT DISTINCT company, stage FROM chance
            ), own AS (
                SELECT d.*, CASE WHEN k.stage IS NULL THEN 0 ELSE d.stage END AS place
                  FROM deal d LEFT JOIN known k ON k.company = d.company AND k.stage = d.stage
            ), month AS (
                SELECT first, place - 1 AS number FROM unnest(%(months)s::date[]) WITH ORDINALITY AS m(first, place)
            ), expected AS (
                SELECT o.id, o.manager, o.team, o.amount, 'own' AS way, m.first AS month, c.chance, c.ever
                  FROM own o
                  JOIN chance c ON c.company = o.company AND c.stage = o.place AND c.age = o.age
                  JOIN month m ON m.number = c.month
             UNION ALL
                SELECT d.id, d.manager, d.team, d.amount, 'odoo', date_trunc('month', d.deadline)::date, d.odoo, d.odoo
                  FROM deal d
            )
            """,
            open=self._sql_open(filters),
            companies=list(columns[0]),
            stages=list(columns[1]),
            ages=list(columns[2]),
            numbers=list(columns[3]),
            chances=list(columns[4]),
            evers=list(columns[5]),
            months=months,
        )

    # ------------------------------------------------------------------
    # The screen
    # ------------------------------------------------------------------

    @api.model
    @api.readonly
    def get_forecast(self, filters=None):
        """Return the forecast as plain JSON, in the currency of the user's company.

        :param dict filters: see :meth:`_clean_filters`
        :return: ``way`` used and ``better`` (which was better until now), ``months``: dicts of ``month``, ``won``,
            ``target``, ``expected`` {way: sum}, ``quantiles`` [P10, P50, P90] of what is still to come, ``running``,
            ``past``, ``repeat`` and ``repeat_came`` (purchases of the base without a deal: expected from today on, and
            come until now); ``undated``: sum expected by probability without a date; ``managers``: rows of ``id``,
            ``name``, ``deals``, ``amount``, ``expected``, ``won``, ``target``, ``repeat`` and ``repeat_came`` of the
            running month; ``accuracy``; ``repeat``: see :meth:`_repeat_accuracy`, None where purchases are won
            opportunities
        :raise AccessError: for whoever may not read opportunities
        """
        filters = self._clean_filters(filters)
        Snapshot = self.env["discipline.forecast.snapshot"]
        better = Snapshot._better(self.env.company)
        way = filters["way"] or better
        months, running = self._months()
        ahead, bounds = self._ahead()
        self._flush()
        sums, drawn = self._fetch_expected(filters, bounds, ahead, way)
        won = self._fetch_won(filters, months[0])
        targets = self._fetch_targets(filters, months)
        rows = []
        for month in months:
            expected = {name: sum(row["expected"] for row in sums if row["way"] == name and row["month"] == month)
                        for name in WAYS}  # fmt: skip
            came = sum(amount for (day, _manager), amount in won.items() if day == month)
            row = {
                "month": str(month),
                "won": came,
                "target": sum(amount for (day, _manager), amount in targets.items() if day == month),
                "expected": expected,
                "running": month == running,
                "past": month < running,
                "quantiles": None,
            }
            if month >= running:
                row["quantiles"] = self._quantiles(sums, drawn, month, way)
            rows.append(row)
        managers = self._managers(sums, won, targets, running, way)
        repeat = self._repeat(filters, months, running)
        self._add_repeat(rows, managers, repeat, running)
        return {
            "way": way,
            "better": better,
            "months": rows,
            "undated": sum(row["expected"] for row in sums if row["way"] == "odoo" and row["month"] is None),
            "later": self._later(sums, ahead),
            "managers": managers,
            "accuracy": self._accuracy(),
            "frozen_on": str(Snapshot._latest(self.env.company).day or ""),
            "repeat": repeat["accuracy"],
        }

    @api.model
    def _flush(self):
        for name in ("crm.lead", "discipline.stage.change", "discipline.target", "discipline.revenue"):
            self.env[name].flush_model()

    @api.model
    def _fetch_expected(self, filters, bounds, months, way):
        """Return sums by way, month and manager, and the deals of the way asked for that move a month most.

        One statement, so that all figures are of the same deals.
        """
        [(sums, drawn)] = self.env.execute_query(
            SQL(
                """
                WITH %(expected)s
                SELECT (SELECT jsonb_agg(to_jsonb(x)) FROM (
                            SELECT way, month, manager, count(*) AS deals, sum(amount) AS amount,
                                   sum(amount * chance) AS expected,
                                   sum(amount * amount * chance * (1 - chance)) AS variance,
                                   sum(amount * ever) AS ever
                              FROM expected GROUP BY way, month, manager) x),
                       (SELECT jsonb_agg(to_jsonb(x)) FROM (
                            SELECT month, amount, chance FROM (
                                SELECT month, amount, chance, row_number() OVER (
                                           PARTITION BY month ORDER BY amount * amount * chance * (1 - chance) DESC, id
                                       ) AS place
                                  FROM expected WHERE way = %(way)s AND month = ANY(%(months)s) AND chance > 0) r
                             WHERE place <= %(drawn)s) x)
                """,
                expected=self._sql_expected(filters, bounds, months),
                way=way,
                months=months,
                drawn=DRAWN,
            )
        )
        for rows in (sums or [], drawn or []):
            for row in rows:
                row["month"] = fields.Date.to_date(row["month"])
        return sums or [], drawn or []

    @api.model
    def _quantiles(self, sums, drawn, month, way):
        """Return P10, P50 and P90 of what is to come in a month."""
        mine = [row for row in sums if row["way"] == way and row["month"] == month]
        deals = [Deal(row["amount"], row["chance"]) for row in drawn if row["month"] == month]
        mean = sum(row["expected"] for row in mine) - sum(deal.amount * deal.probability for deal in deals)
        variance = sum(row["variance"] for row in mine) - sum(
            deal.amount**2 * deal.probability * (1 - deal.probability) for deal in deals
        )
        # what remains of floating point after all deals were drawn is no deal
        rest = sum(row["deals"] for row in mine) > len(deals)
        return list(quantiles_beside(deals, max(0.0, mean) if rest else 0.0, max(0.0, variance) if rest else 0.0))

    @api.model
    def _later(self, sums, months):
        """Return what is expected after the months shown, by way."""
        first = {}
        for row in sums:
            if row["way"] == "own":
                # every deal has a row per month, each with the chance that it is ever won
                first.setdefault(row["manager"], row["ever"])
        shown = sum(row["expected"] for row in sums if row["way"] == "own")
        return {
            "own": max(0.0, sum(first.values()) - shown),
            "odoo": sum(
                row["expected"] for row in sums if row["way"] == "odoo" and row["month"] and row["month"] > months[-1]
            ),
        }

    @api.model
    def _fetch_won(self, filters, begin):
        """Return {(month, manager): sum} of the deals won since ``begin`` that are still won."""
        where = [SQL("TRUE")]
        if filters["user_id"]:
            where.append(SQL("w.manager_ref = %s", filters["user_id"]))
        if filters["team_id"]:
            where.append(SQL("w.team_ref = %s", filters["team_id"]))
        leads = self.env["crm.lead"].with_context(active_test=False)
        rows = self.env.execute_query(
            SQL(
                """
                WITH money AS (SELECT * FROM %(money)s AS m(company, rate)), won AS (
                    SELECT DISTINCT ON (c.lead_ref) c.lead_ref, c.id, c.date, c.day, c.manager_ref, c.team_ref,
                           c.amount, c.company_id
                      FROM discipline_stage_change c
                     WHERE c.company_id = ANY(%(companies)s) AND c.day >= %(begin)s AND c.voided_at IS NULL
                       AND c.status_to = 'won' AND c.status_from IS DISTINCT FROM 'won'
                  ORDER BY c.lead_ref, c.date DESC, c.id DESC
                )
                SELECT date_trunc('month', w.day)::date, w.manager_ref, sum(w.amount::float8 * m.rate)
                  FROM won w
                  JOIN money m ON m.company = w.company_id
                  JOIN crm_lead l ON l.id = w.lead_ref AND l.won_status = 'won' AND l.id IN %(allowed)s
                 WHERE %(where)s
              GROUP BY 1, 2
                """,
                money=self._sql_money(),
                companies=self.env.companies.ids,
                begin=begin,
                allowed=leads._search([]).subselect(),
                where=SQL(" AND ").join(where),
            )
        )
        return {(month, manager): amount for month, manager, amount in rows}

    @api.model
    def _fetch_targets(self, filters, months):
        """Return {(month, manager): target}. A team's own target counts where the team is asked for, or nobody.

        A team with a target of its own and members with theirs is not added up twice: without a filter the members'
        count, and the team's only where none of them has one.
        """
        Target = self.env["discipline.target"]
        domain = [("month", "in", months), ("company_id", "in", self.env.companies.ids)]
        targets = Target.search(domain)
        money = {
            company.id: company.currency_id._get_conversion_rate(
                company.currency_id, self.env.company.currency_id, self.env.company, fields.Date.context_today(self)
            )
            for company in targets.company_id
        }
        result = {}

        def add(target, manager):
            key = target.month, manager
            result[key] = result.get(key, 0.0) + target.amount * money[target.company_id.id]

        own = targets.filtered("user_id")
        if filters["user_id"]:
            for target in own.filtered(lambda row: row.user_id.id == filters["user_id"]):
                add(target, target.user_id.id)
            return result
        of_teams = targets.filtered("team_id")
        if filters["team_id"]:
            of_teams = of_teams.filtered(lambda row: row.team_id.id == filters["team_id"])
            members = self.env["crm.team"].browse(filters["team_id"]).sudo().member_ids
            own = own.filtered(lambda row: row.user_id in members)
            covered = {target.month for target in of_teams}
            for target in of_teams:
                add(target, None)
            for target in own.filtered(lambda row: row.month not in covered):
                add(target, target.user_id.id)
            return result
        for target in own:
            add(target, target.user_id.id)
        with_own = {(target.month, user.id) for target in own for user in target.user_id}
        for target in of_teams:
            if not any((target.month, user.id) in with_own for user in target.sudo().team_id.member_ids):
                add(target, None)
        return result

    @api.model
    def _managers(self, sums, won, targets, running, way):
        """Return a row per manager: his open deals, what is expected of them, and the running month."""
        result = {}
        for row in sums:
            if row["way"] != way:
                continue
            mine = result.setdefault(
                row["manager"] or 0, {"deals": 0, "amount": 0.0, "expected": 0.0, "month_expected": 0.0}
            )
            if row["way"] == "own" and row["month"] != running:
                continue
            # by history every deal has a row in every month: one of them is enough to count it
            mine["deals"] += row["deals"]
            mine["amount"] += row["amount"]
            mine["expected"] += row["ever"]
            if row["month"] == running:
                mine["month_expected"] += row["expected"]
        for month, manager in {**won, **targets}:
            if month == running and manager:
                result.setdefault(manager, {"deals": 0, "amount": 0.0, "expected": 0.0, "month_expected": 0.0})
        users = self.env["res.users"].sudo().with_context(active_test=False).browse([key for key in result if key])
        names = {user.id: user.name for user in users.exists()}
        bias = self._bias()
        return sorted(
            (
                {
                    "id": manager,
                    "name": names.get(manager) or self.env._("Nobody"),
                    **row,
                    "won": won.get((running, manager), 0.0),
                    "target": targets.get((running, manager), 0.0),
                    "bias": bias.get(manager),
                }
                for manager, row in result.items()
            ),
            key=lambda row: (-row["expected"], row["id"]),
        )

    # ------------------------------------------------------------------
    # How good earlier forecasts were
    # ------------------------------------------------------------------

    @api.model
    def _accuracy(self):
        """Return the last measured accuracy of both ways, as frozen; None before the first frozen forecast."""
        return self.env["discipline.forecast.snapshot"]._latest(self.env.company).accuracy or None

    @api.model
    def _bias(self):
        """Return {manager: (foretold, came)}: sums of the months that are over, by their first frozen forecasts."""
        today = self.env["discipline.calendar"]._today()
        rows = self.env["discipline.forecast.report"]._read_group(
            [("month", "<", date_utils.start_of(today, "month")), ("company_id", "=", self.env.company.id)],
            ["manager_ref"],
            ["expected_own:sum", "won:sum"],
        )
        return {manager: [foretold, came] for manager, foretold, came in rows}

    # ------------------------------------------------------------------
    # What the base buys again
    # ------------------------------------------------------------------

    @api.model
    def _repeat(self, filters, months, running):
        """Return what the base bought and is expected to buy again without a deal; other addons may add to it.

        :param list months: first days of the months shown
        :return: dict of ``expected`` and ``came``: {(month, manager or None): sum}, and ``accuracy``
        """
        companies = self.env.companies.filtered(lambda company: self.env["discipline.repeat"]._applies(company))
        if not companies:
            return {"expected": {}, "came": {}, "accuracy": None}
        money = self._money_of(companies)
        domain = [("company_id", "in", companies.ids), *self._repeat_domain(filters, "user_id")]
        expected, came = {}, {}
        for company, month, user, amount, bought in self.env["discipline.repeat.report"]._read_group(
            domain, ["company_id", "month:month", "user_id"], ["expected:sum", "bought:sum"]
        ):
            key = month, user.id or None
            expected[key] = expected.get(key, 0.0) + amount * money[company.id]
            came[key] = came.get(key, 0.0) + bought * money[company.id]
        domain = [
            ("company_id", "in", companies.ids),
            ("month", ">=", months[0]),
            ("month", "<", running),
            *self._repeat_kinds(companies),
            *self._repeat_domain(filters, "manager_ref"),
        ]
        for company, month, manager, amount in self.env["discipline.repeat.month"]._read_group(
            domain, ["company_id", "month:month", "manager_ref"], ["came:sum"]
        ):
            key = month, manager or None
            came[key] = came.get(key, 0.0) + amount * money[company.id]
        return {"expected": expected, "came": came, "accuracy": self._repeat_accuracy(filters)}

    @api.model
    def _money_of(self, companies):
        """Return {company id: what one unit of its currency is worth in the user's company's today}."""
        return {
            company.id: company.currency_id._get_conversion_rate(
                company.currency_id, self.env.company.currency_id, self.env.company, fields.Date.context_today(self)
            )
            for company in companies
        }

    @api.model
    def _repeat_domain(self, filters, field):
        """Return the conditions of the manager and of the team: a customer is in the team of who answers for him."""
        domain = []
        if filters["user_id"]:
            domain.append((field, "=", filters["user_id"]))
        if filters["team_id"]:
            users = self.env["res.users"].sudo().with_context(active_test=False)
            domain.append((field, "in", users.search([("sale_team_id", "=", filters["team_id"])]).ids))
        return domain

    @api.model
    def _repeat_kinds(self, companies):
        """Return the condition of months measured by the kind of purchase that makes revenue now."""
        kinds = Domain.OR(
            [
                [("company_id", "=", company.id), ("kind", "=", company.discipline_revenue_kinds)]
                for company in companies
            ]
        )
        return list(kinds)

    @api.model
    def _repeat_accuracy(self, filters):
        """Return how good the forecast of repeat purchases was in the user's company; None where it has none.

        :return: dict of ``months``: rows of ``month``, ``foretold``, ``came`` (of the customers foretold) and
            ``others`` (bought by customers without a habit); ``late``: rows of ``name``, ``due``, ``bought``
        """
        company = self.env.company
        if not self.env["discipline.repeat"]._applies(company):
            return None
        Month = self.env["discipline.repeat.month"]
        domain = [
            ("company_id", "=", company.id),
            ("kind", "=", company.discipline_revenue_kinds),
            *self._repeat_domain(filters, "manager_ref"),
        ]
        months, late = {}, {}
        names = dict(Month._fields["lateness"]._description_selection(self.env))
        for month, place, foretold, came, due, bought in Month._read_group(
            domain, ["month:month", "lateness"], ["foretold:sum", "came:sum", "due:sum", "bought:sum"]
        ):
            row = months.setdefault(month, {"month": str(month), "foretold": 0.0, "came": 0.0, "others": 0.0})
            row["foretold"] += foretold
            row["others" if place == "none" else "came"] += came
            if place != "none":
                mine = late.setdefault(place, {"name": names[place], "due": 0.0, "bought": 0})
                mine["due"] += due
                mine["bought"] += bought
        return {
            "months": [months[month] for month in sorted(months)][-12:],
            "late": [late[place] for place in sorted(late)],
        }

    @api.model
    def _add_repeat(self, rows, managers, repeat, running):
        """Put repeat purchases beside the deals of months and managers; who has none of these gets a row, too."""
        for row in rows:
            for name, source in (("repeat", "expected"), ("repeat_came", "came")):
                row[name] = sum(
                    amount for (month, _manager), amount in repeat[source].items() if str(month) == row["month"]
                )
        there = {row["id"] for row in managers}
        fresh = {
            manager or 0 for source in ("expected", "came") for month, manager in repeat[source] if month == running
        }
        users = (
            self.env["res.users"].sudo().with_context(active_test=False).browse(sorted(fresh - there - {0})).exists()
        )
        names = {user.id: user.name for user in users}
        empty = {
            "deals": 0,
            "amount": 0.0,
            "expected": 0.0,
            "month_expected": 0.0,
            "won": 0.0,
            "target": 0.0,
            "bias": None,
        }
        managers += [
            {"id": manager, "name": names.get(manager) or self.env._("Nobody"), **empty}
            for manager in sorted(fresh - there)
        ]
        for row in managers:
            key = running, row["id"] or None
            row["repeat"], row["repeat_came"] = repeat["expected"].get(key, 0.0), repeat["came"].get(key, 0.0)

    @api.model
    @api.readonly
    def get_repeat_action(self, filters=None, month=None, name=None):
        """Return the action that opens the customers of whom repeat purchases are expected.

        :param str month: first day of a month; by default all months ahead
        """
        filters = self._clean_filters(filters)
        domain = [("expected", ">", 0), *self._repeat_domain(filters, "user_id")]
        if month:
            domain.append(("month", "=", fields.Date.to_date(month)))
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_repeat_report_action")
        return {**action, "name": name or action["name"], "domain": domain, "context": {}}

    # ------------------------------------------------------------------
    # Drill-down
    # ------------------------------------------------------------------

    @api.model
    @api.readonly
    def get_deals(self, filters=None, month=None, limit=20):
        """Return the open deals of which most is expected in a month, as plain JSON.

        :param dict filters: see :meth:`_clean_filters`
        :param str month: first day of one of the months ahead
        :param int limit: so many deals one by one
        :return: ``rows``: dicts of ``id``, ``name``, ``manager``, ``stage``, ``amount``, ``chance`` (0..1, to come in
            the month), ``expected``; ``rest``: number of the other deals, ``rest_expected``; ``expected``: the sum of
            all, which is the forecast's figure of the month
        """
        filters = self._clean_filters(filters)
        way = filters["way"] or self.env["discipline.forecast.snapshot"]._better(self.env.company)
        ahead, bounds = self._ahead()
        first = fields.Date.to_date(month) if month else ahead[0]
        self._flush()
        rows = self.env.execute_query(
            SQL(
                """
                WITH %(expected)s
                SELECT id, amount, chance, amount * chance, count(*) OVER (), sum(amount * chance) OVER ()
                  FROM expected
                 WHERE way = %(way)s AND month = %(month)s AND chance > 0
              ORDER BY amount * chance DESC, id LIMIT %(limit)s
                """,
                expected=self._sql_expected(filters, bounds, ahead),
                way=way,
                month=first,
                limit=min(int(limit), DEALS),
            )
        )
        leads = {lead.id: lead for lead in self.env["crm.lead"].browse([row[0] for row in rows])}
        shown = [
            {
                "id": number,
                "name": leads[number].name or "",
                "manager": leads[number].user_id.sudo().name or self.env._("Nobody"),
                "stage": leads[number].stage_id.name or "",
                "amount": amount,
                "chance": chance,
                "expected": expected,
            }
            for number, amount, chance, expected, _count, _whole in rows
        ]
        count, whole = rows[0][4:] if rows else (0, 0.0)
        return {
            "rows": shown,
            "rest": count - len(shown),
            "rest_expected": whole - sum(row["expected"] for row in shown),
            "expected": whole,
        }

    @api.model
    def _ahead(self):
        """Return the first days of the months ahead, and the days from now at which they end, the first 0."""
        months, running = self._months()
        ahead = [month for month in months if month >= running]
        today = self.env["discipline.calendar"]._today()
        return ahead, [0, *((date_utils.add(month, months=1) - today).days for month in ahead)]

    @api.model
    @api.readonly
    def get_deals_action(self, filters=None, month=None, name=None):
        """Return the action that opens the open deals of a forecast, the likeliest to matter first.

        :param str month: first day of a month: the deals that are to close in it
        """
        filters = self._clean_filters(filters)
        domain = [("type", "=", "opportunity"), ("won_status", "=", "pending")]
        if filters["user_id"]:
            domain.append(("user_id", "=", filters["user_id"]))
        if filters["team_id"]:
            domain.append(("team_id", "=", filters["team_id"]))
        if month:
            first = fields.Date.to_date(month)
            running = self._months()[1]
            # a deadline that has passed is expected in the running month
            if first > running:
                domain.append(("date_deadline", ">=", first))
            domain.append(("date_deadline", "<", date_utils.add(first, months=1)))
        return {
            "type": "ir.actions.act_window",
            "name": name or self.env._("Open Deals"),
            "res_model": "crm.lead",
            "views": [[False, "list"], [False, "kanban"], [False, "form"], [False, "pivot"], [False, "graph"]],
            "domain": domain,
            "context": {"create": False},
        }
