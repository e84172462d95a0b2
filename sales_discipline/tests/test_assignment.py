"""Whose customer it was, and is: no overlap, and never another manager than the one on the card (DESIGN 14: 1)."""

from datetime import date, datetime, timedelta
from itertools import pairwise

from freezegun import freeze_time
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import NOW, TODAY, DisciplineCommon

#: what may happen on a day: to which manager, and to which customer
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "assign", "write", "orphan", "archive", "restore", "raw", "merge", "delete", "group", "ungroup",
                "out_of_base", "into_base", "redistribute", "revert", "night",
            ]
        ),
        st.integers(0, 2),
        st.integers(0, 2),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=10,
)  # fmt: skip


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestAssignment(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer = cls._customer("Company", cls.anna, cls.class_a)
        cls.customers = cls.customer | cls._customer("Other", cls.boris, cls.class_b) | cls._customer("Third", None)
        cls.people = cls.anna | cls.boris | cls.clara
        cls.Batch = cls.env["discipline.redistribution"]

    def _happen(self, event, user, customer, day):
        """Let one of the events happen to a customer on a day; one that is refused changes nothing."""
        try:
            with mute_logger("odoo.sql_db"), self.env.cr.savepoint():
                getattr(self, f"_do_{event}")(user, customer, day)
                self.env.flush_all()
        except (UserError, ValidationError):
            self.env.registry.clear_all_caches()
        self.env.invalidate_all()

    def _do_assign(self, user, customer, day):
        self._assign(customer, user if user.active else None, day)

    def _do_write(self, user, customer, day):
        if user.active:
            customer.with_context(discipline_date=day).with_user(self.administrator).user_id = user

    def _do_orphan(self, _user, customer, day):
        customer.with_context(discipline_date=day).with_user(self.administrator).user_id = False

    def _do_archive(self, user, _customer, day):
        user.with_context(discipline_date=day).sudo().active = False

    def _do_restore(self, user, _customer, day):
        user.with_context(discipline_date=day).sudo().active = True

    def _do_raw(self, user, customer, _day):
        self.env.flush_all()
        self.env.cr.execute("UPDATE res_partner SET user_id = %s WHERE id = %s", [user.id, customer.id])
        self.env.invalidate_all()
        self.env["discipline.assignment"]._reconcile()

    def _do_merge(self, _user, customer, _day):
        others = self.customers.exists() - customer
        self.env["base.partner.merge.automatic.wizard"].sudo()._merge((customer | others[:1]).ids, customer)

    def _do_delete(self, _user, customer, _day):
        customer.sudo().unlink()

    def _do_group(self, _user, customer, _day):
        others = self.customers.exists() - customer
        customer.sudo().customer_group_id = others[:1]

    def _do_ungroup(self, _user, customer, _day):
        customer.sudo().customer_group_id = False

    def _do_out_of_base(self, _user, customer, _day):
        customer.discipline_id._force_in_base("out")

    def _do_into_base(self, _user, customer, _day):
        customer.discipline_id._force_in_base(False)

    def _do_redistribute(self, user, customer, _day):
        """Propose and apply, as a supervisor's selection does."""
        batch = self.Batch._propose(self.company, "selection", customer, reason="Office", receiver=user)
        batch = batch.with_user(self.administrator)
        batch.action_approve()
        batch.action_apply()

    def _do_revert(self, _user, customer, _day):
        line = self.env["discipline.redistribution.line"].search(
            [("customer_ref", "=", customer.id), ("state", "=", "applied")], limit=1
        )
        line.with_user(self.administrator).action_revert()

    def _do_night(self, _user, _customer, _day):
        self.env["discipline.assignment"]._reconcile()

    def _check(self, told):
        """Of no customer do two intervals overlap, and whoever holds him now is the manager on his card."""
        self.env.cr.execute(
            """
            SELECT a.customer_ref, a.id, b.id FROM discipline_assignment a
              JOIN discipline_assignment b ON b.customer_ref = a.customer_ref AND b.id > a.id
               AND daterange(a.date_from, a.date_to) && daterange(b.date_from, b.date_to)
            """
        )
        self.assertFalse(self.env.cr.fetchall(), told)
        rows = self.env["discipline.assignment"].search([("customer_ref", "in", self.customers.ids)])
        rows = rows.sorted(lambda row: (row.customer_ref, row.date_from, row.id))
        for earlier, later in pairwise(rows):
            if earlier.customer_ref == later.customer_ref:
                self.assertTrue(earlier.date_to, f"{told}: only the last interval is open")
                self.assertLessEqual(earlier.date_to, later.date_from, told)
        for customer in self.customers:
            current = rows.filtered(lambda row, customer=customer: row.customer_ref == customer.id and not row.date_to)
            holder = self.env["res.users"]
            if customer.exists() and customer.discipline_id.in_base:
                holder = customer.user_id.filtered("active")
                self.assertEqual(customer.discipline_id.user_id, holder, told)
            self.assertEqual(current.mapped("manager_ref"), holder.ids, told)

    @settings(
        max_examples=60,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),  # shrinking would take minutes: the case is printed
        suppress_health_check=list(HealthCheck),
    )
    @given(EVENTS)
    def test_whatever_happens_intervals_never_overlap_and_the_open_one_is_the_cards_manager(self, events):
        savepoint = self.env.cr.savepoint(flush=False)
        try:
            day, told = TODAY, []
            for event, person, number, later in events:
                day += timedelta(later)
                customers = self.customers.exists()
                if not customers:
                    break
                customer = customers[number % len(customers)]
                told.append((event, person, self.customers.ids.index(customer.id), later))
                with freeze_time(datetime.combine(day, NOW.time())):
                    self._happen(event, self.people[person], customer, day)
                self._check(told)
        finally:
            self.env.flush_all()
            savepoint.rollback()
            self.env.invalidate_all()
            self.env.registry.clear_all_caches()

    def test_a_deleted_customer_is_nobodys_from_that_day_on_and_his_history_stays(self):
        number = self.customer.id
        self.customer.sudo().unlink()
        rows = self.env["discipline.assignment"].search([("customer_ref", "=", number)])
        self.assertEqual((rows.user_id, rows.date_to, rows.partner_id.id), (self.anna, TODAY, False))

    def test_the_night_ends_the_history_of_a_customer_who_was_deleted_past_the_program(self):
        number = self.customer.id
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM discipline_customer WHERE partner_id = %s", [number])
        self.env.cr.execute("DELETE FROM res_partner WHERE id = %s", [number])
        self.env.invalidate_all()
        self.env["discipline.assignment"]._reconcile()
        rows = self.env["discipline.assignment"].search([("customer_ref", "=", number)])
        self.assertEqual(rows.date_to, TODAY)

    def test_a_day_belongs_to_its_last_holder(self):
        self._assign(self.customer, self.boris, date(2025, 3, 10))
        self._assign(self.customer, self.clara, date(2025, 3, 10))
        holders = self.env["discipline.assignment"]._holder_on(self.customer.ids, date(2025, 3, 10))
        self.assertEqual(holders, {self.customer.id: self.clara.id})
