"""Two classes, one of them judged by weeks, and overloaded managers: the statements say what the engine says."""

from datetime import date, timedelta
from hashlib import md5
from itertools import pairwise
from unittest.mock import patch

from freezegun import freeze_time
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from odoo.tests import tagged

from ..engine import verdicts as engine
from .common import NOW
from .verdict_common import MARCH, VerdictCommon

FIXED = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "phases": (Phase.explicit, Phase.generate),  # shrinking would take minutes: the case is printed
    "suppress_health_check": list(HealthCheck),
}
#: days from the first of March on; the week that is judged has the tenth to the sixteenth
DAY = st.integers(0, 30)
NUMBER_OF_CUSTOMERS = 6


@st.composite
def histories(draw):
    """Who held a customer (the number of the manager), his classes (0: A, by weeks; 1: B, by months), contacts."""
    cuts = sorted(draw(st.sets(st.integers(-3, 30), max_size=5)))
    return {
        "spans": [(draw(st.integers(0, 2)), low, high) for low, high in pairwise([*cuts, 40]) if draw(st.booleans())],
        "classes": (draw(st.integers(0, 1)), draw(st.integers(0, 1))),
        "changed": draw(DAY),
        "days": draw(st.lists(DAY | st.integers(7, 16), max_size=10)),
    }


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestMixedNorms(VerdictCommon):
    """8: the engine's verdict for one customer is the statement's, where weekly norms stand beside monthly ones."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.people = cls.anna | cls.boris | cls.clara
        cls.classes = (cls.class_a, cls.class_b)
        cls.env["discipline.norm"].create(
            {"abc_class_id": cls.class_a.id, "goal": 2, "period": "week", "valid_from": date(2025, 2, 1)}
        )
        # a Friday's contact keeps a Monday's from counting within a month, but not across the beginning of a week
        cls.policy.min_gap = 2
        cls.customers = cls.env["res.partner"].union(
            *(cls._customer(f"Company {number}") for number in range(NUMBER_OF_CUSTOMERS))
        )
        cls.week, cls.month = cls._period(date(2025, 3, 10), "week"), cls._period()

    @settings(max_examples=40, **FIXED)
    @given(
        st.lists(histories(), min_size=NUMBER_OF_CUSTOMERS, max_size=NUMBER_OF_CUSTOMERS),
        st.dictionaries(st.integers(0, 2), st.tuples(DAY, st.integers(0, 10)), max_size=2),
        st.permutations(range(NUMBER_OF_CUSTOMERS)),
        st.integers(1, NUMBER_OF_CUSTOMERS),
    )
    def test_weekly_and_monthly_norms_are_judged_side_by_side_as_the_engine_says(self, cases, away, order, size):
        savepoint = self.env.cr.savepoint(flush=False)
        try:
            for customer, case in zip(self.customers, cases, strict=True):
                self._tell(customer, case)
            for person, (low, length) in away.items():
                first = MARCH + timedelta(low)
                self._absence(self.people[person], first, first + timedelta(length))
            self.env.flush_all()
            self.env.invalidate_all()
            batches = [[self.customers[n].id for n in order[low : low + size]] for low in range(0, len(order), size)]
            for period in self.week | self.month:
                for batch in batches:
                    self.Compliance._evaluate(period, batch)
            for period in self.week | self.month:
                rows = self._rows(period)
                self.Compliance._evaluate(period)
                self.assertEqual(self._rows(period), rows)
            # both are compared when both are judged: neither takes from the other the contacts that it counted
            for period in self.week | self.month:
                for customer, case in zip(self.customers, cases, strict=True):
                    self._check(period, customer, case, away)
        finally:
            self.env.flush_all()
            savepoint.rollback()
            self.env.invalidate_all()

    def _tell(self, customer, case):
        """Write a history into the ledgers."""
        before, after = (self.classes[number] for number in case["classes"])
        changed = MARCH + timedelta(case["changed"])
        customer.discipline_id.sudo().write({"abc_class_id": after.id, "abc_since": changed})
        self.env["discipline.abc.change"]._ledger().create(
            {
                "partner_id": customer.id,
                "customer_ref": customer.id,
                "class_from_id": before.id,
                "class_to_id": after.id,
                "date_effective": changed,
                "company_id": self.company.id,
            }
        )
        self.env["discipline.assignment"]._ledger().create(
            [
                {
                    "partner_id": customer.id,
                    "customer_ref": customer.id,
                    "user_id": self.people[person].id,
                    "manager_ref": self.people[person].id,
                    "date_from": MARCH + timedelta(low),
                    "date_to": MARCH + timedelta(high),
                    "company_id": self.company.id,
                    "origin": "manual",
                }
                for person, low, high in case["spans"]
            ]
        )
        for day in case["days"]:
            holder = next((self.people[who] for who, low, high in case["spans"] if low <= day < high), self.dmitri)
            self._contact(customer, holder, MARCH + timedelta(day))

    def _check(self, period, customer, case, away):
        """Compare the verdicts of one customer and period with the engine's."""
        start, after = period.date_start, period.date_end + timedelta(1)
        held = [(who, MARCH + timedelta(low), MARCH + timedelta(high)) for who, low, high in case["spans"]]
        spans = [
            engine.Interval(self.people[who].id, max(start, low), min(after, high))
            for who, low, high in held
            if high > start and low < after
        ]
        found = self.Compliance.search([("period_id", "=", period.id), ("customer_ref", "=", customer.id)])
        days = [date.fromisoformat(day) for day in period._refresh_snapshot()["days"]]
        goal = self._goal(period, case, spans)
        contacts = self.env["discipline.contact"].search([("partner_id", "=", customer.id), ("counted", "=", True)])
        gone = {
            self.people[who].id: frozenset(day for day in days if low <= (day - MARCH).days <= low + length)
            for who, (low, length) in away.items()
        }
        told = engine.judge(
            goal,
            days,
            spans,
            [contact.day for contact in contacts if start <= contact.day < after],
            gone,
            today=NOW.date(),
        )
        self.assertEqual(
            {
                row.manager_ref: (row.goal, row.excused, row.counted, row.attained, row.due_next or None, row.state)
                for row in found
                if row.goal or row.excused or row.counted
            },
            {user: (v.goal, v.excused, v.counted, v.attained, v.due_next, v.state) for user, v in told.verdicts.items()}
            if goal
            else {},
            (period.display_name, case),
        )

    def _goal(self, period, case, spans):
        """Return what the norm of the class on his first judged day asks for in this kind of period; 0: nothing."""
        if not spans:
            return 0
        changed = MARCH + timedelta(case["changed"])
        number = case["classes"][1] if spans[0].start >= changed else case["classes"][0]
        return {("week", 0): 2, ("month", 1): 2}.get((period.kind, number), 0)


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestReliefs(VerdictCommon):
    """What is beyond the possible is excused by the statement as by the engine, contact for contact."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.period = cls._period()
        cls.customers = cls.env["res.partner"].union(*(cls._customer(f"Company {number}") for number in range(8)))
        cls.people = cls.anna | cls.boris

    @settings(max_examples=60, **FIXED)
    @given(
        rows=st.lists(
            # manager, class, goal, attained of it in percent
            st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(0, 8), st.integers(0, 100)),
            min_size=1,
            max_size=8,
        ),
        possible=st.tuples(st.integers(0, 30), st.integers(0, 30)),
    )
    def test_the_statement_relieves_of_what_the_engine_says(self, rows, possible):
        savepoint = self.env.cr.savepoint(flush=False)
        try:
            verdicts = self._judge(rows)
            before = {row.id: engine.Verdict(row.manager_ref, row.goal, 0, 0, row.attained) for row in verdicts}
            can = dict(zip(self.people.ids, possible, strict=True))
            told = self._told(verdicts, can)
            with patch.object(type(self.Compliance), "_possible", lambda *_args: can):
                for _time in range(2):
                    # a second time changes nothing
                    self.Compliance._relieve_overload(self.period)
                    for row in verdicts:
                        verdict = before[row.id]
                        expected = engine.Verdict(verdict.user, verdict.goal, 0, 0, verdict.attained, state="missed")
                        engine.relieve(expected, told.get(row.id, 0))
                        self.assertEqual(
                            (row.overload, row.goal, row.excused, row.attained),
                            (told.get(row.id, 0), expected.goal, expected.excused, expected.attained),
                        )
                        if row.overload:
                            self.assertEqual(row.state == "excused", expected.state == "excused")
        finally:
            self.env.flush_all()
            savepoint.rollback()
            self.env.invalidate_all()

    def _judge(self, rows):
        classes = (self.class_a, self.class_b, self.class_c)
        return self.Compliance.sudo().create(
            [
                {
                    "partner_id": customer.id,
                    "customer_ref": customer.id,
                    "user_id": self.people[who].id,
                    "manager_ref": self.people[who].id,
                    "company_id": self.company.id,
                    "period_id": self.period.id,
                    "abc_class_id": classes[number].id,
                    "asked": goal,
                    "goal": goal,
                    "attained": goal * percent // 100,
                    "excused": 0,
                    "overload": 0,
                    "state": "behind",
                }
                for customer, (who, number, goal, percent) in zip(self.customers, rows, strict=False)
            ]
        )

    def _told(self, verdicts, can):
        """Return {verdict: contacts} by the engine; within a class in the order of a hash of period and customer."""
        neutral = verdicts.sorted(lambda row: md5(f"{self.period.id}|{row.customer_ref}".encode()).hexdigest())
        told = {}
        for user in self.people:
            own = neutral.filtered(lambda row, user=user: row.user_id == user)
            judged = [(row.id, row.abc_class_id.sequence, row.goal, row.attained) for row in own]
            told |= engine.reliefs(judged, can[user.id])
        return told
