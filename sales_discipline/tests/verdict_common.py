"""What the tests of norms, periods and verdicts share: a month, contacts as facts, and one customer's verdicts."""

from contextlib import contextmanager
from datetime import date, datetime, time

from .common import DisciplineCommon

#: 21 working days; with a norm of 4 the windows end on the 7th, the 14th, the 21st and the 31st
MARCH = date(2025, 3, 1)
#: a day on which March 2025 may be closed: 3 working days after its end have passed
CLOSING = datetime(2025, 4, 4, 9, 0)


class VerdictCommon(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Compliance = cls.env["discipline.compliance"]
        cls.Period = cls.env["discipline.period"]
        cls.no_answer = cls.env.ref("sales_discipline.discipline_outcome_no_answer")
        cls.policy = cls.env["discipline.policy"]._policy_on(cls.company, MARCH)

    @classmethod
    def _period(cls, day=MARCH, kind="month"):
        return cls.Period._open_for(cls.company, day, [kind])

    @classmethod
    def _contact(cls, customer, user, day, **values):
        """Write a contact into the ledger, as ``user`` made and logged it on ``day``; nobody is judged yet."""
        holder = cls.env["discipline.assignment"]._holder_on([customer.id], day).get(customer.id)
        moment = datetime.combine(day, time(10))
        return (
            cls.env["discipline.contact"]
            ._ledger()
            .create(
                {
                    "partner_id": customer.id,
                    "customer_ref": customer.id,
                    "user_id": user.id,
                    "doer_ref": user.id,
                    "responsible_id": holder,
                    "responsible_ref": holder,
                    "company_id": cls.company.id,
                    "date": moment,
                    "day": day,
                    "logged_at": moment,
                    "logged_day": day,
                    "channel_id": cls.call.id,
                    "outcome_id": cls.talked.id,
                    "counted": True,
                    **values,
                }
            )
        )

    @classmethod
    def _contacts(cls, customer, user, *days, month=MARCH, **values):
        for day in days:
            cls._contact(customer, user, month.replace(day=day), **values)

    @classmethod
    def _absence(cls, user, low, high, approved=True, **values):
        absence = (
            cls.env["discipline.absence"]
            .sudo()
            .create({"user_id": user.id, "date_from": low, "date_to": high, "company_id": cls.company.id, **values})
        )
        if absence.approved != approved:
            absence.write({"approved": approved})
        return absence

    @contextmanager
    def _refused(self, exception, words):
        """Expect a refusal in these words (a regular expression); whatever was half done is rolled back."""
        with self.assertRaises(exception) as caught:
            yield
        self.assertRegex(str(caught.exception), words)

    def _judged(self, customer, period=None):
        """Judge a customer and return {manager: verdict}."""
        period = period or self._period()
        self.Compliance._evaluate(period, customer.ids)
        rows = self.Compliance.search([("period_id", "=", period.id), ("customer_ref", "=", customer.id)])
        return {row.user_id: row for row in rows}

    def _figures(self, customer, period=None):
        """Judge a customer and return {manager: (goal, attained, excused)}."""
        return {user: (row.goal, row.attained, row.excused) for user, row in self._judged(customer, period).items()}

    def _rows(self, period):
        """Return all figures of a period's verdicts, to compare two moments."""
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT customer_ref, manager_ref, asked, goal, attained, counted, rejected, attempts, excused, overload, "
            "due_next, state, closed, evidence::text, norm_id, abc_class_id, team_id, unreachable_from, "
            "unreachable_decision FROM discipline_compliance WHERE period_id = %s ORDER BY 1, 2",
            [period.id],
        )
        return self.env.cr.fetchall()
