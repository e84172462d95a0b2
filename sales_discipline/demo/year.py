"""The year that the pipeline does not know: purchases and classes, absences, contacts, verdicts."""

from datetime import timedelta

from odoo import fields

from . import contacts, portfolios
from .company import MONTHS
from .customers import Customers

#: those who plan their next contact
PLANNERS = ("diligent", "average", "late")


class Year(Customers):
    """The steps that make a year of work out of customers and opportunities."""

    def purchases(self):
        """Let won opportunities become purchases."""
        self.env["discipline.revenue"]._reconcile(self.company)

    def classes(self):
        """Run one ABC analysis over the months of data; its classes are in force from the first of them on."""
        run = self.env["discipline.abc.run"].create(
            {"company_id": self.company.id, "date": self.last + timedelta(days=1)}
        )
        run._compute_lines()
        # the day of the decision: a customer's first class is in force from the first day of its month on
        run.with_context(discipline_date=self.first)._apply()

    def absences(self):
        """Enter absences and exceptions of the year."""
        months = self._months()
        self.away, self.substitutes = {}, {}
        for absence in portfolios.ABSENCES:
            if absence.month >= len(months):
                continue
            days = months[absence.month][absence.first : absence.last + 1]
            user, substitute = self.users[absence.agent], self.users.get(absence.substitute)
            boss = self.users[self.pipeline.teams[absence.agent][0]]
            self.env["discipline.absence"].create(
                {
                    "user_id": user.id,
                    "date_from": days[0],
                    "date_to": days[-1],
                    "reason": absence.reason,
                    "substitute_id": substitute.id if substitute else False,
                    "approved": absence.approved,
                    "approved_by_id": boss.id if absence.approved else False,
                    "company_id": self.company.id,
                }
            )
            if absence.approved:
                self.away.setdefault(absence.agent, set()).update(days)
                if substitute:
                    self.substitutes.setdefault(absence.agent, {}).update(dict.fromkeys(days, absence.substitute))
        self._exceptions()

    def _exceptions(self):
        """Enter one exception of each kind, as supervisors agreed to them at the time."""
        goals, held = portfolios.goals(self.pipeline.deals), {}
        for stint in self.stints:
            if stint.stop is None and goals[stint.account] == max(goals.values()):
                held.setdefault(stint.agent, []).append(stint.account)
        wanted = (
            ("Cassey Cress", "keep", 11, 180, 0, "A tender is running: the customer asked for no change."),
            ("Reed Clapper", "own_norm", 6, 180, 2, "Buys by a yearly contract: two calls a month are enough."),
            ("Zane Levy", "pause", 9, 90, 0, "Moving to another building."),
        )
        for agent, kind, month, length, goal, reason in wanted:
            start = portfolios.month_start(self.first, month)
            boss = self.users[self.pipeline.teams[agent][0]]
            self.env["discipline.exception"].with_context(install_mode=True).create(
                {
                    "partner_id": self.partners[sorted(held[agent])[0]].id,
                    "kind": kind,
                    "goal": goal,
                    "date_from": start,
                    "date_until": start + timedelta(days=length),
                    "reason": reason,
                    "requested_by_id": self.users[agent].id,
                    "approved_by_id": boss.id,
                    "state": "approved",
                    "company_id": self.company.id,
                }
            )

    def contacts(self):
        """Simulate the year's contacts and log them."""
        months = self._months()
        colleagues = {}
        for agent, (boss, _office) in self.pipeline.teams.items():
            colleagues[agent] = sorted(a for a, (b, _o) in self.pipeline.teams.items() if b == boss and a != agent)
        calls = contacts.simulate(
            self.stints,
            months,
            goals=portfolios.goals(self.pipeline.deals),
            styles=portfolios.BEHAVIOUR,
            away=self.away,
            substitutes=self.substitutes,
            assistants=portfolios.ASSISTANTS,
            colleagues=colleagues,
            until=self.today,
        )
        held = {stint.account for stint in self.stints}
        orphans = sorted(set(self.partners) - held)
        agents = sorted(portfolios.BEHAVIOUR)
        calls += contacts.orphan_calls(orphans, agents, [day for days in months for day in days], self.today)
        channels, outcomes = (self._by_name(kind) for kind in ("channel", "outcome"))
        self.env["discipline.contact"]._log(
            [
                {
                    "partner_id": self.partners[call.account].id,
                    "user_id": self.users[call.agent].id,
                    "date": self._moment(call.day, call.minute),
                    "logged_at": self._moment(call.logged_day, call.logged_minute),
                    "channel_id": channels[call.channel],
                    "outcome_id": outcomes[call.outcome],
                    "note": call.note,
                    "duration": call.duration,
                    "direction": "out",
                    "source": "import",
                    "source_ref": f"simulated-{number}",
                }
                for number, call in enumerate(calls, start=1)
            ]
        )

    def _by_name(self, kind):
        """Return {ending of the XML id: id} of the shipped channels or outcomes."""
        prefix = f"discipline_{kind}_"
        rows = self.env["ir.model.data"].search(
            [("module", "=", "sales_discipline"), ("model", "=", f"discipline.{kind}"), ("name", "=like", f"{prefix}%")]
        )
        return {row.name.removeprefix(prefix): row.res_id for row in rows}

    def periods(self):
        """Open the months of the year of data."""
        for number in range(MONTHS):
            self.env["discipline.period"]._open_for(self.company, portfolios.month_start(self.first, number))

    def plans(self):
        """Plan the next calls of those who plan at all, within the next ten working days, a customer a day.

        Customers whose contact is overdue have none: they are what My Day begins with.
        """
        Calendar = self.env["discipline.calendar"]
        start = self.today + timedelta(days=1)
        days = Calendar._working_days(self.company, start, start + timedelta(days=20))[:10]
        planners = {self.users[name].id for name, style in portfolios.BEHAVIOUR.items() if style in PLANNERS}
        customers = self.env["discipline.customer"].search(
            [("user_id", "in", sorted(planners)), ("state", "!=", "behind")], order="user_id, id"
        )
        self.env["mail.activity"].with_context(mail_activity_quick_update=True).create(
            [
                {
                    "activity_type_id": self.env.ref("mail.mail_activity_data_call").id,
                    "res_model_id": self.env["ir.model"]._get_id("res.partner"),
                    "res_id": customer.partner_id.id,
                    "user_id": customer.user_id.id,
                    "summary": "Simulated plan: the next call",
                    "date_deadline": days[number % len(days)],
                    "automated": False,
                }
                for number, customer in enumerate(customers)
            ]
        )

    def judge(self):
        """Close the months that can be closed, in order; propose for the last one; judge the running one."""
        for period in self.env["discipline.period"]._due_for_closing(self.company):
            period._close()
        self.env["discipline.compliance"]._evaluate_companies(self.company)
        self.company.discipline_evaluated_at = fields.Datetime.now()
        self.env["discipline.redistribution"]._nightly(self.company)
