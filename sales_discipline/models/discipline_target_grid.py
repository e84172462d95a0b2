"""Targets as a grid: managers and teams by month, filled in place, beside what came a year before."""

from collections import Counter

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, date_utils

from ..report.workbook import Column, Workbook

#: months of a grid, at most
MOST_MONTHS = 24
#: cells that one call sets, at most
MOST_CELLS = 20_000
#: where a fill takes its sums from: the target of the month before, of the same month a year before, or what came then
SOURCES = ("month", "year", "fact")


class DisciplineTarget(models.Model):
    _inherit = "discipline.target"

    # ------------------------------------------------------------------
    # What the grid shows
    # ------------------------------------------------------------------

    @api.model
    @api.readonly
    def get_grid(self, month=None, count=12, team_id=None):
        """Return targets by manager, team and month, as plain JSON, in the currency of the user's company.

        :param str month: any day of the first month; by default the first of this year
        :param int count: number of months
        :param int team_id: this team and its members only
        :return: ``months`` (first days), ``running``, ``basis`` ("won" or "purchases": what the facts are), ``teams``
            to filter by, and ``rows``: dicts of ``key`` ("user-7", "team-2"), ``name``, ``team`` (id of the team that
            the row belongs to), ``kind`` ("user" or "team"), ``editable``, and per month ``targets``, ``facts`` and
            ``before`` (facts of the same month a year before); a target is None where there is none. Then ``total``,
            per month: managers' targets, and a team's own where none of its members has one
        :raise AccessError: for whoever may not read targets
        """
        self.check_access("read")
        months = self._grid_months(month, count)
        rows = self._grid_rows(months, int(team_id) if team_id else None)
        targets = self._grid_targets(months)
        basis = "won" if self.env.company.discipline_revenue_kinds == "deal" else "purchases"
        facts = self._grid_facts(months, basis)
        before = [date_utils.subtract(first, years=1) for first in months]
        for row in rows:
            key = row.pop("whose")
            row["targets"] = [targets.get((first, *key)) for first in months]
            row["facts"] = [facts.get((first, *key), 0.0) for first in months]
            row["before"] = [facts.get((first, *key), 0.0) for first in before]
        today = self.env["discipline.calendar"]._today()
        return {
            "months": [str(first) for first in months],
            "running": str(date_utils.start_of(today, "month")),
            "basis": basis,
            "currency_id": self.env.company.currency_id.id,
            "rows": rows,
            "total": self._grid_total(rows, len(months)),
            "teams": [{"id": team.id, "name": team.name} for team in self._grid_teams()],
            "may_import": self.env.user._discipline_is_supervisor(),
        }

    @api.model
    def _grid_months(self, month, count):
        """Return the first days of the months of a grid.

        :raise UserError: for a day that is none, or too many months
        """
        try:
            today = self.env["discipline.calendar"]._today()
            first = self._first_day(fields.Date.to_date(month) if month else today.replace(month=1))
            number = int(count)
        except (TypeError, ValueError) as error:
            raise UserError(self.env._("“%(month)s” is not a month.", month=month)) from error
        if not 1 <= number <= MOST_MONTHS:
            raise UserError(self.env._("A grid of targets has 1 to %(count)s months.", count=MOST_MONTHS))
        return [date_utils.add(first, months=index) for index in range(number)]

    @api.model
    def _grid_teams(self):
        """Return the teams of the grid: those of the user's company, or of none."""
        return self.env["crm.team"].search([("company_id", "in", [False, self.env.company.id])])

    @api.model
    def _grid_rows(self, months, team_id):
        """Return the rows of the grid without figures: each team, then its members; who is in no team comes last.

        Managers are the members of teams, whoever answers for customers, and whoever has a target in these months; a
        plain manager sees himself and his team.
        """
        user = self.env.user
        supervisor = user._discipline_is_supervisor()
        teams = self._grid_teams()
        users = teams.sudo().member_ids
        if not team_id:
            responsible = (
                self.env["discipline.customer"]
                .sudo()
                ._read_group(
                    [("company_id", "=", self.env.company.id), ("in_base", "=", True), ("user_id", "!=", False)],
                    ["user_id"],
                )
            )
            users |= self.env["res.users"].sudo().union(*[row[0] for row in responsible])
        seen = self.search([("month", "in", months), ("company_id", "=", self.env.company.id)])
        users = users.filtered(lambda one: one.active and not one.share) | seen.sudo().user_id
        if not supervisor:
            users &= user
            teams = teams.filtered(lambda team: user in team.sudo().member_ids)
        mine = {one.id: one.sale_team_id.id for one in users}
        nobody, none = self.env["res.users"], self.env["crm.team"]
        rows = []
        for team in [*teams, none]:
            if team_id and team.id != team_id:
                continue
            members = users.filtered(
                lambda one, team=team: mine[one.id] == team.id if team else mine[one.id] not in teams.ids
            )
            if not team and not members:
                continue
            rows.append(
                {
                    "key": f"team-{team.id or 0}",
                    "name": team.name or self.env._("Without a Team"),
                    "kind": "team",
                    "team": team.id or 0,
                    "editable": bool(team) and self._may_set(nobody, team),
                    "whose": (None, team.id or 0),
                }
            )
            rows += [
                {
                    "key": f"user-{one.id}",
                    "name": one.name,
                    "kind": "user",
                    "team": team.id or 0,
                    "editable": self._may_set(one, none),
                    "whose": (one.id, None),
                }
                for one in members.sorted("name")
            ]
        return rows

    @api.model
    def _grid_targets(self, months):
        """Return {(month, user or None, team or None): amount} of the targets that the user may see."""
        targets = self.search_fetch(
            [("month", "in", months), ("company_id", "=", self.env.company.id)],
            ["month", "user_id", "team_id", "amount"],
        )
        return {
            (target.month, target.user_id.id or None, target.team_id.id or None): target.amount for target in targets
        }

    @api.model
    def _grid_now(self, company):
        """Return {(month, user or None, team or None): amount} of all targets of a company."""
        return {
            target._key()[1:]: target.amount
            for target in self.search_fetch(
                [("company_id", "=", company.id)], ["month", "user_id", "team_id", "amount", "company_id"]
            )
        }

    @api.model
    def _grid_file(self):
        """Return a file to fill in: managers and teams whose targets the user sets, months of this year, what is set.

        :return: bytes of an XLSX file that can be imported again
        """
        grid = self.get_grid()
        Import = self.env["discipline.import"]
        columns = [Column(Import._example(name).strip("“”"), 28) for name in ("team", "manager")]
        columns += [Column(fields.Date.to_date(first).strftime("%m.%Y"), 12, "money") for first in grid["months"]]
        teams = {row["team"]: row["name"] for row in grid["rows"] if row["kind"] == "team"}
        # who shares his name with somebody is named by his login
        people = self.env["res.users"].sudo().with_context(active_test=False).search([("share", "=", False)])
        once = Counter(user.name for user in people)
        names = {f"user-{user.id}": user.name if once[user.name] == 1 else user.login for user in people}
        book = Workbook()
        book.table(
            self.env._("Sales Targets"),
            columns,
            (
                [teams.get(row["team"]) if row["team"] else None, names.get(row["key"])] + row["targets"]
                for row in grid["rows"]
                if row["editable"]
            ),
        )
        return book.content()

    @api.model
    def _grid_facts(self, months, basis):
        """Return {(month, user or None, team or None): sum that came} of these months and the same a year before.

        :param str basis: "won": opportunities won; "purchases": the ledger's, each of who answered for the customer on
            its day
        """
        begin, last = date_utils.subtract(months[0], years=1), months[-1]
        if basis == "won":
            sums = self._fetch_month_sums(self.env.company, begin, last)
            return {(key[1], key[2], key[3]): won for key, (won, _open) in sums.items()}
        Revenue = self.env["discipline.revenue"]
        Revenue.flush_model()
        self.env["discipline.assignment"].flush_model()
        rates = Revenue._rates(self.env.company)
        rows = self.env.execute_query(
            SQL(
                """
                SELECT date_trunc('month', r.date)::date, a.manager_ref, u.sale_team_id,
                       sum(r.amount * COALESCE(f.rate, 1))::float8
                  FROM discipline_revenue r
                  JOIN discipline_assignment a ON a.customer_ref = r.customer_ref AND a.voided_at IS NULL
                                              AND a.date_from <= r.date AND (a.date_to IS NULL OR a.date_to > r.date)
             LEFT JOIN res_users u ON u.id = a.manager_ref
             LEFT JOIN unnest(%(companies)s::int[], %(rates)s::numeric[]) AS f(company_id, rate)
                    ON f.company_id = r.company_id
                 WHERE r.voided_at IS NULL AND r.kind = ANY(%(kinds)s) AND a.company_id = %(company)s
                   AND r.date >= %(begin)s AND r.date < (%(last)s + interval '1 month')::date
              GROUP BY 1, 2, 3
                """,
                companies=list(rates),
                rates=list(rates.values()),
                kinds=Revenue._kinds(self.env.company),
                company=self.env.company.id,
                begin=begin,
                last=last,
            )
        )
        result = {}
        for month, user, team, amount in rows:
            for key in ((month, user, None), (month, None, team or 0)):
                result[key] = result.get(key, 0.0) + amount
        return result

    @api.model
    def _grid_total(self, rows, count):
        """Return the targets, facts and facts a year before of each month, over all rows; see :meth:`get_grid`."""
        total = {"targets": [0.0] * count, "facts": [0.0] * count, "before": [0.0] * count}
        for index in range(count):
            with_own = {row["team"] for row in rows if row["kind"] == "user" and row["targets"][index] is not None}
            for row in rows:
                if row["kind"] == "user" or row["team"] not in with_own:
                    total["targets"][index] += row["targets"][index] or 0.0
                if row["kind"] == "user":
                    total["facts"][index] += row["facts"][index]
                    total["before"][index] += row["before"][index]
        return total

    # ------------------------------------------------------------------
    # Filling it in
    # ------------------------------------------------------------------

    @api.model
    def set_cells(self, cells):
        """Set targets, all of them or none; a sum of 0 or nothing takes the target away.

        :param list cells: dicts of ``key`` ("user-7" or "team-2"), ``month`` (its first day) and ``amount``
        :return: the number of targets that were set, changed or taken away
        :raise AccessError: where somebody else decides; it names whose target
        :raise UserError: for cells that make no sense
        """
        wanted = self._clean_cells(cells)
        there = {
            target._key()[1:]: target
            for target in self.search(
                [
                    ("company_id", "=", self.env.company.id),
                    ("month", "in", list({key[0] for key in wanted})),
                ]
            )
        }
        gone, fresh, changed = self.browse(), [], 0
        for key, amount in wanted.items():
            target = there.get(key)
            if target and not amount:
                gone |= target
            elif target and target.amount != amount:
                target.amount = amount
                changed += 1
            elif not target and amount:
                month, user, team = key
                fresh.append(
                    {
                        "month": month,
                        "user_id": user,
                        "team_id": team,
                        "amount": amount,
                        "company_id": self.env.company.id,
                    }
                )
        count = changed + len(gone) + len(fresh)
        gone.unlink()
        self.create(fresh)
        self.env.flush_all()
        return count

    @api.model
    def _clean_cells(self, cells):
        """Return {(month, user or None, team or None): amount} of a client's cells.

        :raise UserError: for cells that make no sense
        """
        if not isinstance(cells, list) or len(cells) > MOST_CELLS:
            raise UserError(self.env._("Set at most %(count)s targets at once.", count=MOST_CELLS))
        digits = self.env.company.currency_id.decimal_places
        result = {}
        for cell in cells:
            try:
                kind, _sign, number = str(cell["key"]).partition("-")
                record = int(number)
                month = self._first_day(fields.Date.to_date(cell["month"]))
                amount = round(float(cell.get("amount") or 0), digits)
                if kind not in ("user", "team") or record <= 0 or not 0 <= amount < 1e15:
                    raise ValueError(cell)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise UserError(
                    self.env._("“%(cell)s” is not a target: it is a sum above zero of a manager or team.", cell=cell)
                ) from error
            result[month, record if kind == "user" else None, record if kind == "team" else None] = amount
        self._check_whose_exist(result)
        return result

    @api.model
    def _check_whose_exist(self, keys):
        for model, place in (("res.users", 1), ("crm.team", 2)):
            ids = {key[place] for key in keys if key[place]}
            if len(self.env[model].sudo().with_context(active_test=False).browse(ids).exists()) != len(ids):
                raise UserError(
                    self.env._("One of these managers or teams does not exist any more: load the grid anew.")
                )

    @api.model
    def fill_grid(self, month, count=12, team_id=None, source="month", percent=0, months=None, keys=None, over=False):
        """Set the targets of some months from earlier ones, plus a growth; in one transaction.

        :param str month: the grid's first month, ``count`` and ``team_id`` as in :meth:`get_grid`
        :param str source: "month" (the target of the month before), "year" (the target of the same month a year
            before) or "fact" (what came in the same month a year before)
        :param float percent: growth over the source
        :param list months: first days of the months to fill; by default the running one and those after it
        :param list keys: rows to fill; by default all whose targets the user sets
        :param bool over: also where there is a target already
        :return: number of targets set
        :raise AccessError: if rows are named whose targets somebody else sets
        """
        if source not in SOURCES:
            raise UserError(self.env._("Targets cannot be filled from “%(source)s”.", source=source))
        try:
            factor = 1 + float(percent or 0) / 100
        except (TypeError, ValueError) as error:
            raise UserError(self.env._("“%(percent)s” is not a growth in percent.", percent=percent)) from error
        if not 0 < factor <= 100:
            raise UserError(self.env._("“%(percent)s” is not a growth in percent.", percent=percent))
        grid = self.get_grid(month, count, team_id)
        chosen = months or [first for first in grid["months"] if first >= grid["running"]]
        rows = [row for row in grid["rows"] if (row["key"] in keys if keys is not None else row["editable"])]
        if any(not row["editable"] for row in rows):
            raise AccessError(self.env._("The targets of some of these rows are set by somebody else."))
        firsts = [fields.Date.to_date(first) for first in grid["months"]]
        earlier = self._grid_targets(
            [date_utils.subtract(first, months=1) for first in firsts]
            + [date_utils.subtract(first, years=1) for first in firsts]
        )
        digits = min(self.env.company.currency_id.decimal_places, 0)
        cells = []
        for row in rows:
            kind, _sign, number = row["key"].partition("-")
            whose = (int(number), None) if kind == "user" else (None, int(number))
            # a month may be filled from the one that was filled just before it
            filled = {}
            for index, first in enumerate(firsts):
                if grid["months"][index] not in chosen or (row["targets"][index] and not over):
                    filled[first] = row["targets"][index]
                    continue
                if source == "fact":
                    amount = row["before"][index]
                elif source == "year":
                    amount = earlier.get((date_utils.subtract(first, years=1), *whose))
                else:
                    past = date_utils.subtract(first, months=1)
                    amount = filled[past] if past in filled else earlier.get((past, *whose))
                amount = round((amount or 0.0) * factor, digits)
                filled[first] = amount if amount > 0 else row["targets"][index]
                if amount > 0:
                    cells.append({"key": row["key"], "month": str(first), "amount": amount})
        return self.set_cells(cells)
