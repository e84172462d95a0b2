"""The plan of contacts: a day for every customer with a norm, and activities for the days ahead."""

from datetime import date, datetime, timedelta

from freezegun import freeze_time
from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from .common import NOW, TODAY
from .verdict_common import VerdictCommon

YEAR = date(2026, 3, 31)


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestPlanning(VerdictCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.planning = cls.env["discipline.planning"].sudo()
        cls.env["mail.activity"].search([]).unlink()

    def _customers(self, count, user=None, abc_class=None, prefix="Customer"):
        customers = self.env["res.partner"].union(
            *(self._customer(f"{prefix} {i}", user or self.anna, abc_class or self.class_a) for i in range(count))
        )
        self.Compliance._evaluate_customers(customers.ids)
        return customers

    def _plan(self):
        self.planning._plan_company(self.company)

    def _days(self, customers):
        self.env.invalidate_all()
        return [customer.discipline_id.next_contact_date for customer in customers]

    def _planned(self, customers):
        return self.env["mail.activity"].search(
            [("res_model", "=", "res.partner"), ("res_id", "in", customers.ids)], order="date_deadline, id"
        )

    def test_every_customer_with_a_norm_gets_a_day_in_his_window_within_capacity(self):
        self.anna.discipline_capacity_per_day = 3
        customers = self._customers(5) | self._customers(4, abc_class=self.class_c, prefix="C")
        nobody = self._customers(1, abc_class=self.class_d, prefix="Without a norm")
        self._plan()
        days = self._days(customers)
        # window 2 of class A is 10 to 14 March; window 1, which passed, is owed still: he is due at once
        self.assertTrue(all(date(2025, 3, 10) <= day <= date(2025, 3, 14) for day in days[:5]), days)
        self.assertLessEqual(max(map(days.count, days)), 3)
        self.assertTrue(all(date(2025, 3, 10) <= day <= date(2025, 3, 31) for day in days[5:]), days)
        self.assertFalse(nobody.discipline_id.next_contact_date)
        # five over five days, the others where nothing is yet
        self.assertEqual(len(set(days)), 9)

    def test_planning_again_changes_nothing_and_a_day_that_a_manager_chose_stays(self):
        customers = self._customers(6)
        customers[0].activity_schedule(
            "mail.mail_activity_data_call", date_deadline=date(2025, 3, 12), user_id=self.anna.id
        )
        self._plan()
        self.planning._create_activities(self.company)
        days = self._days(customers)
        self.assertEqual(days[0], date(2025, 3, 12))
        activities = self._planned(customers)
        self._plan()
        self.planning._create_activities(self.company)
        self.assertEqual(self._days(customers), days)
        self.assertEqual(self._planned(customers), activities)
        # one that is moved by hand moves no other
        activities.filtered(lambda row: row.res_id == customers[1].id).date_deadline = date(2025, 3, 28)
        self._plan()
        self.assertEqual(self._days(customers), [days[0], date(2025, 3, 28), *days[2:]])

    def test_the_same_base_gets_the_same_plan_whatever_the_chunks(self):
        self._customers(7)
        self._customers(5, self.boris, self.class_b, "B")
        Customer = self.env["discipline.customer"]
        self._plan()
        plan = {row.id: row.next_contact_date for row in Customer.search([("next_planned", "=", True)])}
        self.env.cr.execute("UPDATE discipline_customer SET next_contact_date = NULL, next_planned = FALSE")
        self.env.invalidate_all()
        self.patch(self.env.registry["discipline.planning"], "_chunks", lambda self, board: iter(
            [([user], None) for user in board.env["res.users"].search([("share", "=", False)], order="id desc").ids]
        ))  # fmt: skip
        self._plan()
        again = {row.id: row.next_contact_date for row in Customer.search([("next_planned", "=", True)])}
        self.assertEqual(again, plan)

    def test_nothing_is_planned_on_holidays_or_in_an_absence_and_a_new_holiday_moves_only_its_day(self):
        self._holiday(date(2025, 3, 11))
        self._absence(self.anna, date(2025, 3, 12), date(2025, 3, 12))
        customers = self._customers(9)
        self._plan()
        days = self._days(customers)
        # of 20 working days the second window has five, from the 10th to the 17th
        self.assertEqual(set(days), {date(2025, 3, 10), date(2025, 3, 13), date(2025, 3, 14), date(2025, 3, 17)})
        self._holiday(date(2025, 3, 14))
        self._plan()
        after = self._days(customers)
        self.assertNotIn(date(2025, 3, 14), after)
        self.assertEqual(
            [day for day in days if day != date(2025, 3, 14)],
            [new for old, new in zip(days, after, strict=True) if old != date(2025, 3, 14)],
        )

    def _holiday(self, day):
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Holiday",
                "date_from": datetime.combine(day, datetime.min.time()),
                "date_to": datetime.combine(day, datetime.max.time()).replace(microsecond=0),
                "calendar_id": self.company.resource_calendar_id.id,
            }
        )

    def test_activities_exist_for_the_next_ten_working_days_only(self):
        self.anna.discipline_capacity_per_day = 1
        customers = self._customers(14)
        self._plan()
        self.planning._create_activities(self.company)
        activities = self._planned(customers)
        # Monday 10 March to Monday 24 March are eleven days: today and ten more
        self.assertEqual(len(activities), 11)
        self.assertEqual(activities[-1].date_deadline, date(2025, 3, 24))
        self.assertEqual(activities.user_id, self.anna)
        self.assertTrue(all(activities.mapped("automated")))
        named = activities.with_context(discipline_plan=True)
        self.assertEqual(named.mapped("display_name"), activities.mapped("res_name"), "the calendar names customers")
        with freeze_time(NOW + timedelta(days=1)):
            self.planning._create_activities(self.company)
            self.assertEqual(len(self._planned(customers)), 12)

    def test_a_contact_made_earlier_takes_its_activity_along_and_the_next_is_planned_in_the_next_window(self):
        customer = self._customers(1)
        self.anna.discipline_capacity_per_day = 5
        self._plan()
        self.planning._create_activities(self.company)
        planned = self._planned(customer)
        self.env["discipline.compliance"]._evaluate_customers(customer.ids)
        self._log(customer, self.anna, datetime(2025, 3, 10, 8))
        self.assertFalse(planned.exists())
        row = customer.discipline_id
        # window 1 was owed: the second contact is due by the 14th, from tomorrow on
        self.assertEqual((row.next_contact_date, row.next_planned), (date(2025, 3, 11), True))
        self._log(customer, self.anna, datetime(2025, 3, 10, 9))
        self.assertEqual(row.next_contact_date, date(2025, 3, 11), "what does not count leaves the plan alone")

    def test_a_call_marked_as_done_plans_the_next_one(self):
        customer = self._customers(1)
        self._plan()
        self.planning._create_activities(self.company)
        self._planned(customer).with_user(self.anna).action_feedback(feedback="Talked")
        self.assertEqual(customer.discipline_id.next_contact_date, date(2025, 3, 11))

    def test_a_new_manager_takes_the_planned_activities_over_and_days_are_planned_anew_for_him(self):
        customers = self._customers(2)
        self._plan()
        self.planning._create_activities(self.company, customers[0].ids)
        self._assign(customers, self.boris, TODAY)
        self.assertEqual(self._planned(customers).user_id, self.boris)
        self.assertFalse(customers[1].discipline_id.next_contact_date)
        self._plan()
        self.assertTrue(customers[1].discipline_id.next_contact_date)
        self._assign(customers, None, TODAY)
        self.assertFalse(self._planned(customers))

    def test_a_paused_customer_is_not_planned_in_his_pause_and_an_own_norm_is_kept(self):
        paused, own = self._customers(2, abc_class=self.class_c)
        self.env["discipline.exception"].sudo().create(
            [
                {
                    "partner_id": paused.id,
                    "kind": "pause",
                    "date_from": TODAY,
                    "date_until": date(2025, 3, 26),
                    "reason": "Season",
                    "state": "approved",
                },
                {
                    "partner_id": own.id,
                    "kind": "own_norm",
                    "goal": 3,
                    "date_from": TODAY,
                    "date_until": date(2025, 12, 31),
                    "reason": "Wants more",
                    "state": "approved",
                },
            ]
        )
        self._plan()
        self.assertGreater(paused.discipline_id.next_contact_date, date(2025, 3, 26))
        self.assertEqual(own.discipline_id.due_next, date(2025, 3, 31), "in March the class's norm governs still")
        self._log(own, self.anna, datetime(2025, 3, 10, 8))
        # from April on three contacts a month: the first by the 10th
        self.assertTrue(date(2025, 4, 1) <= own.discipline_id.next_contact_date <= date(2025, 4, 10))

    def test_who_is_due_first_is_placed_first(self):
        self.anna.discipline_capacity_per_day = 1
        patient = self._customers(4, abc_class=self.class_c, prefix="C")
        hurried = self._customers(4)
        self._plan()
        self.assertEqual(set(self._days(hurried)), {date(2025, 3, 10 + n) for n in range(4)})
        self.assertGreater(min(self._days(patient)), date(2025, 3, 13))

    def test_the_plan_takes_as_many_queries_for_many_customers_as_for_few(self):
        def queries(count):
            self._customers(count, prefix=f"{count}-")
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            self._plan()
            return self.env.cr.sql_log_count - before

        queries(2)
        few, many = queries(3), queries(60)
        self.assertLessEqual(many, few)

    def test_the_night_plans_and_a_second_night_changes_nothing(self):
        customers = self._customers(3)
        self.env["discipline.nightly"]._cron_run()
        days, activities = self._days(customers), self._planned(customers)
        self.assertTrue(all(days))
        self.assertEqual(len(activities), 3)
        self.env["discipline.nightly"]._cron_run()
        self.assertEqual((self._days(customers), self._planned(customers)), (days, activities))
        self.assertFalse(self.env["discipline.job"].search([("state", "=", "failed")]).mapped("message"))

    # ------------------------------------------------------------------
    # the dialog

    def _dialog(self, customer, **values):
        return (
            self.env["discipline.contact.log"]
            .with_user(self.anna)
            .with_context(active_model="res.partner", active_ids=customer.ids)
            .create(values)
        )

    def test_the_dialog_asks_once_for_the_day_and_keeps_the_one_that_is_chosen(self):
        customer = self._customers(1)
        asked = []
        suggest = type(self.planning)._suggest
        self.patch(
            self.env.registry["discipline.planning"],
            "_suggest",
            lambda self, *args: asked.append(1) or suggest(self, *args),
        )
        form = Form(
            self.env["discipline.contact.log"]
            .with_user(self.anna)
            .with_context(active_model="res.partner", active_ids=customer.ids)
        )
        self.assertEqual((form.next_date, form.suggested_date), (date(2025, 3, 11), date(2025, 3, 11)))
        self.assertEqual(form.next_hint, "Proposed: 0 of 15 contacts planned that day.")
        self.assertEqual(len(asked), 1)
        form.note = "Talked"
        form.next_date = date(2025, 3, 27)
        self.assertEqual(len(asked), 1, "what does not change the customer asks for no other day")
        form.save().action_log()
        activity = self._planned(customer)
        self.assertEqual((activity.date_deadline, activity.discipline_planned), (date(2025, 3, 27), False))

    def test_a_proposed_day_that_nobody_changed_goes_when_the_contact_is_made_earlier(self):
        customer = self._customers(1)
        self._dialog(customer).action_log()
        self.assertTrue(self._planned(customer).discipline_planned)
        self._log(customer, self.anna, datetime(2025, 3, 10, 9) + timedelta(minutes=1), note="the same day")
        self.assertTrue(self._planned(customer), "it did not count")
        with freeze_time(datetime(2025, 3, 11, 9)):
            self._log(customer, self.anna, datetime(2025, 3, 11, 9))
        self.assertFalse(self._planned(customer))
        self.assertGreater(customer.discipline_id.next_contact_date, date(2025, 3, 11))

    def test_no_next_contact_needs_a_reason_that_the_supervisor_sees_until_the_next_contact(self):
        customer = self._customers(1)
        self._plan()
        with self._refused(UserError, "or say why there will be none"):
            self._dialog(customer, next_date=False).action_log()
        self._dialog(customer, next_date=False, no_next_reason="Closed for repairs").action_log()
        self._plan()
        row = customer.discipline_id.with_user(self.supervisor)
        self.assertFalse(row.next_contact_date)
        self.assertEqual((row.no_next_reason, row.no_next_by_id), ("Closed for repairs", self.anna))
        self.assertEqual(row.no_next_on, TODAY)
        with freeze_time(NOW + timedelta(days=1)):
            self._log(customer, self.anna, NOW + timedelta(days=1))
            self.assertFalse(row.no_next_reason)
            self.assertTrue(row.next_contact_date)


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestAbsencePlan(VerdictCommon):
    """Anna has one customer per day from 10 to 14 March; then she falls ill."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.planning = cls.env["discipline.planning"].sudo()
        cls.monthly = cls._customer("May Wait", cls.anna, cls.class_c)
        cls.weekly = cls._customer("Due This Week", cls.anna, cls.class_a)
        cls.promised = cls._customer("Promised", cls.anna, cls.class_c)
        cls._contacts(cls.weekly, cls.anna, 4)
        cls.Compliance._evaluate_customers((cls.monthly | cls.weekly | cls.promised).ids)
        cls.promised.activity_schedule(
            "mail.mail_activity_data_call", date_deadline=date(2025, 3, 13), user_id=cls.anna.id
        )
        cls.planning._plan_company(cls.company)
        cls.planning._create_activities(cls.company)

    def _ill(self, **values):
        return (
            self.env["discipline.absence"]
            .with_user(self.supervisor)
            .create({"user_id": self.anna.id, "date_from": TODAY, "date_to": date(2025, 3, 14), **values})
        )

    def _activity(self, customer):
        return self.env["mail.activity"].search(
            [("res_model", "=", "res.partner"), ("res_id", "=", customer.id)], limit=1
        )

    def test_what_may_wait_moves_after_the_absence_and_what_is_due_inside_goes_to_the_substitute(self):
        self.assertLessEqual(self.monthly.discipline_id.next_contact_date, date(2025, 3, 14))
        absence = self._ill(substitute_id=self.boris.id)
        self.assertTrue(absence.approved)
        self.assertEqual(self.monthly.discipline_id.next_contact_date, date(2025, 3, 17))
        self.assertEqual(self._activity(self.monthly).user_id, self.anna)
        for customer in (self.weekly, self.promised):
            activity = self._activity(customer)
            self.assertEqual((activity.user_id, activity.discipline_absence_id), (self.boris, absence))
            self.assertLessEqual(activity.date_deadline, date(2025, 3, 14))
        self.assertEqual(self._activity(self.promised).date_deadline, date(2025, 3, 13), "chosen by hand: it stays")
        told = self.env["mail.message"].search([("partner_ids", "in", self.boris.partner_id.ids)], limit=1)
        self.assertIn("2", told.body)
        self.assertIn("You stand in for", told.subject)

    def test_what_the_substitute_did_not_come_to_comes_back_when_the_absence_ends(self):
        self._ill(substitute_id=self.boris.id)
        with freeze_time(datetime(2025, 3, 17, 1)):
            self.env["discipline.nightly"]._cron_run()
        for customer in (self.weekly, self.promised):
            self.assertEqual(self._activity(customer).user_id, self.anna)
        self.assertFalse(self.env["mail.activity"].search([("discipline_absence_id", "!=", False)]))

    def test_a_withdrawn_absence_gives_everything_back_at_once(self):
        absence = self._ill(substitute_id=self.boris.id)
        absence.with_user(self.supervisor).unlink()
        for customer in (self.weekly, self.promised):
            self.assertEqual(self._activity(customer).user_id, self.anna)

    def test_without_a_substitute_the_plan_moves_and_what_was_promised_stays(self):
        self._ill()
        self.assertGreater(self.monthly.discipline_id.next_contact_date, date(2025, 3, 14))
        self.assertGreater(self.weekly.discipline_id.next_contact_date, date(2025, 3, 14))
        self.assertEqual(self._activity(self.promised).user_id, self.anna)

    def test_the_substitute_has_them_in_his_day_and_his_contact_counts_and_plans_the_next(self):
        self._ill(substitute_id=self.boris.id)
        with freeze_time(datetime(2025, 3, 13, 9)):
            day = self.env["discipline.my.day"].with_user(self.boris).get_day()
            rows = {row["name"]: row for row in day["rows"]}
            self.assertIn("Promised", rows)
            self.assertEqual(rows["Promised"]["instead"], "Anna")
            told = (
                self.env["discipline.my.day"]
                .with_user(self.boris)
                .log(
                    self.promised.id,
                    self.env["discipline.my.day"].with_user(self.boris).get_log_defaults(self.promised.id),
                )
            )
            self.assertTrue(told["counted"], told)
            day = self.env["discipline.my.day"].with_user(self.boris).get_day()
            self.assertNotIn("Promised", [row["name"] for row in day["rows"]])
