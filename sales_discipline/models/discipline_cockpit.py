"""The first screen of whoever leads: where the norms stand, what waits for a decision, who is about to be lost."""

from odoo import api, models
from odoo.exceptions import AccessError

#: customers about to be lost that are named; the others stand in the list of verdicts
SHOWN = 20


class DisciplineCockpit(models.AbstractModel):
    _name = "discipline.cockpit"
    _description = "Cockpit"

    @api.model
    @api.readonly
    def get_cockpit(self):
        """Return what a supervisor looks at first, in a constant number of statements.

        :return: dict with ``today``, ``periods`` (running ones and the last closed one of each kind, with a row per
            manager), ``decide`` (what waits for a decision) and ``risk`` (customers about to be lost)
        :raise AccessError: for whoever does not decide about other people's customers
        """
        if not self.env.user._discipline_is_supervisor():
            raise AccessError(self.env._("The cockpit is a supervisor's: your own figures stand in My Day."))
        company = self.env.company
        today = self.env["discipline.calendar"]._today(company)
        return {
            "today": self.env["discipline.calendar"]._heading(today),
            "periods": self._periods(company, today),
            "decide": self._decide(),
            "risk": self.env["discipline.my.day"]._risk_of(self._people_domain(), today, SHOWN),
        }

    @api.model
    def _people_domain(self):
        """Return the domain of verdicts that this supervisor answers for: a team's leader sees his team's."""
        return []

    @api.model
    def _periods(self, company, today):
        """Return the running periods and the last closed one of each kind, the running ones first."""
        Period = self.env["discipline.period"]
        running = Period.search(
            [("company_id", "=", company.id), ("date_start", "<=", today), ("date_end", ">=", today)], order="kind"
        )
        closed = Period.browse()
        for kind in Period._kinds(company):
            closed |= Period.search(
                [("company_id", "=", company.id), ("kind", "=", kind), ("state", "=", "closed")], limit=1
            )
        groups = self.env["discipline.compliance"]._read_group(
            [("period_id", "in", (running | closed).ids), *self._people_domain()],
            ["period_id", "user_id", "state"],
            ["__count", "goal:sum", "attained:sum"],
        )
        found = {}
        for period, user, state, count, goal, attained in groups:
            row = found.setdefault(period, {}).setdefault(
                user, {"user_id": user.id, "name": user.name or "", "customers": 0, "goal": 0, "attained": 0}
            )
            row["customers"] += count
            row["goal"] += goal
            row["attained"] += attained
            row[state] = row.get(state, 0) + count
        return [self._period_values(period, list(found.get(period, {}).values())) for period in running | closed]

    @api.model
    def _period_values(self, period, rows):
        for row in rows:
            row["percent"] = self._percent(row)
            row.setdefault("behind", 0)
            row.setdefault("missed", 0)
        rows.sort(key=lambda row: (row["percent"] is None, row["percent"] or 0, row["name"]))
        total = {name: sum(row[name] for row in rows) for name in ("customers", "goal", "attained", "behind", "missed")}
        return {
            "id": period.id,
            "name": period.display_name,
            "closed": period.state == "closed",
            "rows": rows,
            "total": {**total, "percent": self._percent(total)},
        }

    @api.model
    def _percent(self, row):
        return round(100 * row["attained"] / row["goal"]) if row["goal"] else None

    @api.model
    def _decisions(self):
        """Return what a supervisor decides, as (name, model, domain, action's XML id) (a hook for other rooms)."""
        names = {
            "claim": self.env._("Claims in dispute"),
            "redistribution": self.env._("Redistributions"),
            "appeal": self.env._("Appeals"),
            "absence": self.env._("Absences to approve"),
            "exception": self.env._("Exceptions asked for"),
            "unreachable": self.env._("Unreachable customers"),
            "abc": self.env._("ABC analyses"),
        }
        unreachable = [
            ("unreachable_from", "!=", False),
            ("unreachable_decision", "=", False),
            ("closed", "=", False),
        ]
        claims = [("list_state", "=", "submitted"), ("state", "=", "open")]
        batches = [("state", "in", ("draft", "proposed", "approved"))]
        rows = [
            ("claim", "discipline.claim", claims, "discipline_claim_action"),
            ("redistribution", "discipline.redistribution", batches, "discipline_redistribution_action"),
            ("appeal", "discipline.appeal", [("state", "=", "open")], "discipline_appeal_action"),
            ("absence", "discipline.absence", [("approved", "=", False)], "discipline_absence_action"),
            ("exception", "discipline.exception", [("state", "=", "requested")], "discipline_exception_action"),
            ("unreachable", "discipline.compliance", unreachable, "discipline_compliance_unreachable_action"),
            ("abc", "discipline.abc.run", [("state", "=", "draft")], "discipline_abc_run_decide_action"),
        ]
        return [(names[key], model, domain, f"sales_discipline.{action}") for key, model, domain, action in rows]

    @api.model
    def _decide(self):
        """Return how many records wait for each decision that the person may see; nothing where none waits."""
        waiting = []
        for name, model, domain, action in self._decisions():
            if self.env[model].has_access("read"):
                count = self.env[model].search_count(domain)
                if count:
                    waiting.append({"name": name, "count": count, "action": action, "domain": domain})
        return waiting
