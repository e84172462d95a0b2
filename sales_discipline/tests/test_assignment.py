"""Whose customer it was, and is: no overlap, and never another manager than the one on the card (DESIGN 14: 1)."""

from datetime import date, timedelta
from itertools import pairwise

from freezegun import freeze_time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odoo.tests import tagged

from .common import NOW, TODAY, DisciplineCommon

#: what may happen to a customer on a day, and to which manager
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["assign", "write", "orphan", "archive", "restore", "raw"]),
        st.integers(0, 2),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=10,
)


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestAssignment(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer = cls._customer("Company", cls.anna, cls.class_a)
        cls.people = cls.anna | cls.boris | cls.clara

    def _happen(self, event, user, day):
        partner = self.customer.with_context(discipline_date=day)
        if event == "assign":
            self._assign(self.customer, user if user.active else None, day)
        elif event == "write" and user.active:
            partner.with_user(self.administrator).user_id = user
        elif event == "orphan":
            partner.with_user(self.administrator).user_id = False
        elif event in ("archive", "restore"):
            user.with_context(discipline_date=day).sudo().active = event == "restore"
        elif event == "raw":
            self.env.flush_all()
            self.env.cr.execute("UPDATE res_partner SET user_id = %s WHERE id = %s", [user.id, self.customer.id])
            self.env.invalidate_all()
            self.env["discipline.assignment"]._reconcile()
        self.env.flush_all()
        self.env.invalidate_all()

    def _check(self):
        rows = self.env["discipline.assignment"].search(
            [("customer_ref", "=", self.customer.id)], order="date_from, id"
        )
        for earlier, later in pairwise(rows):
            self.assertTrue(earlier.date_to, "only the last interval is open")
            self.assertLessEqual(earlier.date_from, earlier.date_to)
            self.assertLessEqual(earlier.date_to, later.date_from)
        current = rows.filtered(lambda row: not row.date_to)
        holder = self.customer.user_id.filtered("active")
        self.assertEqual(current.user_id, holder)
        self.assertEqual(self.customer.discipline_id.user_id, holder)

    @settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(EVENTS)
    def test_whatever_happens_intervals_never_overlap_and_the_open_one_is_the_cards_manager(self, events):
        savepoint = self.env.cr.savepoint(flush=False)
        try:
            day = TODAY
            for event, person, later in events:
                day += timedelta(later)
                self._happen(event, self.people[person], day)
                self._check()
        finally:
            self.env.flush_all()
            savepoint.rollback()
            self.env.invalidate_all()

    def test_a_day_belongs_to_its_last_holder(self):
        self._assign(self.customer, self.boris, date(2025, 3, 10))
        self._assign(self.customer, self.clara, date(2025, 3, 10))
        holders = self.env["discipline.assignment"]._holder_on(self.customer.ids, date(2025, 3, 10))
        self.assertEqual(holders, {self.customer.id: self.clara.id})
