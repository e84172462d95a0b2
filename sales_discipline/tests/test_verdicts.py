"""Whose contact it was, what is excused and what is carried over: the whole path through the database."""

from datetime import date, datetime, timedelta
from itertools import pairwise
from unittest.mock import patch

from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from ..engine import verdicts as engine
from ..models import discipline_compliance_judge
from .common import NOW
from .verdict_common import MARCH, VerdictCommon

try:
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st
except ImportError:  # the addon's users need no test library
    given = None


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestVerdicts(VerdictCommon):
    def test_a_contact_a_week_meets_the_norm_of_class_a(self):
        customer = self._customer("Company", self.anna, self.class_a)
        self._contacts(customer, self.anna, 4, 11, 18, 27)
        verdict = self._judged(customer)[self.anna]
        self.assertEqual((verdict.goal, verdict.attained, verdict.state), (4, 4, "met"))

    def test_a_customer_without_a_norm_is_not_judged(self):
        customer = self._customer("Company", self.anna, self.class_d)
        self._contacts(customer, self.anna, 4)
        self.assertFalse(self._judged(customer))

    def test_handover_on_the_first_leaves_nothing_to_the_former_manager(self):
        customer = self._customer("Company", self.anna, self.class_a)
        self._assign(customer, self.boris, MARCH)
        self.assertEqual(self._figures(customer), {self.boris: (4, 0, 0)})

    def test_customer_received_on_the_28th_is_not_held_against_the_new_manager(self):
        customer = self._customer("Company", self.anna, self.class_a)
        self._assign(customer, self.boris, date(2025, 3, 28))
        # the last window has 6 working days, the new manager has 2 of them
        self.assertEqual(self._figures(customer), {self.anna: (4, 0, 0)})

    def test_customer_received_on_the_last_day_is_not_held_against_the_new_manager(self):
        customer = self._customer("Company", self.anna, self.class_c)
        self._assign(customer, self.boris, date(2025, 3, 31))
        self.assertEqual(self._figures(customer), {self.anna: (1, 0, 0)})

    def test_a_window_held_in_halves_is_the_later_managers(self):
        customer = self._customer("Company", self.anna, self.class_a)
        self._assign(customer, self.boris, date(2025, 3, 27))
        self.assertEqual(self._figures(customer), {self.anna: (3, 0, 0), self.boris: (1, 0, 0)})

    def test_two_handovers_in_a_month_divide_its_contacts_among_three(self):
        customer = self._customer("Company", self.anna, self.class_a)
        self._assign(customer, self.boris, date(2025, 3, 10))
        self._assign(customer, self.clara, date(2025, 3, 24))
        self.assertEqual(self._figures(customer), {self.anna: (1, 0, 0), self.boris: (2, 0, 0), self.clara: (1, 0, 0)})

    def test_all_four_contacts_in_week_one_serve_whoever_follows(self):
        customer = self._customer("Company", self.anna, self.class_a)
        self._contacts(customer, self.anna, 3, 4, 5, 6)
        self._assign(customer, self.boris, date(2025, 3, 17))
        self.assertEqual(self._figures(customer), {self.anna: (2, 2, 0), self.boris: (2, 2, 0)})

    def test_what_the_later_manager_does_beyond_his_goal_is_never_carried_back(self):
        customer = self._customer("Company", self.anna, self.class_a)
        self._assign(customer, self.boris, date(2025, 3, 17))
        self._contacts(customer, self.boris, 17, 18, 19, 20)
        self.assertEqual(self._figures(customer), {self.anna: (2, 0, 0), self.boris: (2, 2, 0)})

    def test_a_customer_who_comes_back_to_his_manager_gives_him_one_verdict(self):
        customer = self._customer("Company", self.anna, self.class_a)
        self._assign(customer, self.boris, date(2025, 3, 10))
        self._assign(customer, self.anna, date(2025, 3, 17))
        self._contacts(customer, self.anna, 4, 5, 18)
        # the second contact of the first week is carried through the week of the other manager
        self.assertEqual(self._figures(customer), {self.anna: (3, 2, 0), self.boris: (1, 1, 0)})

    def test_a_class_that_changes_within_the_month_governs_from_the_next(self):
        customer = self._customer("Company", self.anna, self.class_a)
        self._change_class(customer, self.class_a, self.class_c, date(2025, 3, 15))
        self.assertEqual(self._figures(customer), {self.anna: (4, 0, 0)})
        self.assertEqual(self._figures(customer, self._period(date(2025, 4, 1))), {self.anna: (1, 0, 0)})

    def test_the_first_class_of_a_customer_governs_before_his_first_change(self):
        customer = self._customer("Company", self.anna, self.class_b)
        self._change_class(customer, self.class_b, self.class_a, date(2025, 4, 1))
        self.assertEqual(self._figures(customer), {self.anna: (2, 0, 0)})

    def _change_class(self, customer, before, after, day):
        self.env["discipline.abc.change"]._ledger().create(
            {
                "partner_id": customer.id,
                "customer_ref": customer.id,
                "class_from_id": before.id,
                "class_to_id": after.id,
                "date_effective": day,
                "company_id": self.company.id,
            }
        )
        customer.discipline_id.sudo().write({"abc_class_id": after.id, "abc_since": day})

    def test_a_norm_that_changes_within_the_month_governs_from_the_next(self):
        customer = self._customer("Company", self.anna, self.class_a)
        self.env["discipline.norm"].create(
            {"abc_class_id": self.class_a.id, "goal": 8, "valid_from": date(2025, 3, 12)}
        )
        self.assertEqual(self._figures(customer), {self.anna: (4, 0, 0)})
        self.assertEqual(self._figures(customer, self._period(date(2025, 4, 1))), {self.anna: (8, 0, 0)})

    def test_the_first_holders_team_governs_the_month(self):
        self.env["discipline.norm"].create(
            {"abc_class_id": self.class_a.id, "team_id": self.other_team.id, "goal": 2, "valid_from": date(2025, 1, 1)}
        )
        theirs = self._customer("Theirs", self.dmitri, self.class_a)
        ours = self._customer("Ours", self.anna, self.class_a)
        self._assign(ours, self.dmitri, date(2025, 3, 17))
        self.assertEqual(self._figures(theirs), {self.dmitri: (2, 0, 0)})
        self.assertEqual(self._figures(ours), {self.anna: (2, 0, 0), self.dmitri: (2, 0, 0)})

    def test_a_manager_who_changes_teams_within_the_month_keeps_its_norm(self):
        self.env["discipline.norm"].create(
            {"abc_class_id": self.class_a.id, "team_id": self.other_team.id, "goal": 2, "valid_from": date(2025, 1, 1)}
        )
        customer = self._customer("Company", self.anna, self.class_a)
        self.assertEqual(self._figures(customer), {self.anna: (4, 0, 0)})
        self.team.member_ids = [Command.unlink(self.anna.id)]
        self.other_team.member_ids = [Command.link(self.anna.id)]
        self.assertEqual(self._figures(customer), {self.anna: (4, 0, 0)})

    # ------------------------------------------------------------------
    # Absence
    # ------------------------------------------------------------------

    def test_absence_over_a_due_day_makes_the_contact_due_before_it(self):
        customer = self._customer("Company", self.anna, self.class_a)
        self._absence(self.anna, date(2025, 3, 6), date(2025, 3, 7))
        verdict = self._judged(customer)[self.anna]
        self.assertEqual((verdict.goal, verdict.due_next), (4, date(2025, 3, 5)))

    def test_absence_over_most_of_a_window_excuses_its_contact(self):
        customer = self._customer("Company", self.anna, self.class_a)
        self._absence(self.anna, date(2025, 3, 10), date(2025, 3, 12))
        self.assertEqual(self._figures(customer), {self.anna: (3, 0, 1)})

    def test_absence_over_the_month_excuses_all_of_it(self):
        customer = self._customer("Company", self.anna, self.class_a)
        self._absence(self.anna, date(2025, 2, 20), date(2025, 4, 10))
        verdict = self._judged(customer)[self.anna]
        self.assertEqual((verdict.goal, verdict.excused, verdict.state), (0, 4, "excused"))

    def test_an_absence_that_nobody_approved_excuses_nothing(self):
        customer = self._customer("Company", self.anna, self.class_a)
        absence = (
            self.env["discipline.absence"]
            .with_user(self.anna)
            .create({"user_id": self.anna.id, "date_from": date(2025, 3, 1), "date_to": date(2025, 3, 31)})
        )
        self.assertFalse(absence.approved)
        self.assertEqual(self._figures(customer), {self.anna: (4, 0, 0)})

    def test_absence_of_the_former_manager_does_not_touch_the_next(self):
        customer = self._customer("Company", self.anna, self.class_a)
        self._absence(self.anna, date(2025, 3, 1), date(2025, 3, 31))
        self._assign(customer, self.boris, date(2025, 3, 17))
        self.assertEqual(self._figures(customer), {self.anna: (0, 0, 2), self.boris: (2, 0, 0)})

    # ------------------------------------------------------------------
    # Calendars
    # ------------------------------------------------------------------

    def test_public_holidays_are_no_working_days(self):
        calendar = self.company.resource_calendar_id
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Holidays",
                "calendar_id": calendar.id,
                "company_id": self.company.id,
                "date_from": datetime(2025, 3, 3),
                "date_to": datetime(2025, 3, 7, 23, 59),
            }
        )
        customer = self._customer("Company", self.anna, self.class_a)
        period = self._period()
        self.assertEqual(self._figures(customer, period), {self.anna: (4, 0, 0)})
        self.assertEqual(period.working_days, 16)
        self.assertEqual(self._judged(customer, period)[self.anna].due_next, date(2025, 3, 13))

    def test_three_working_days_and_a_norm_of_four_ask_for_three(self):
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Long holidays",
                "calendar_id": self.company.resource_calendar_id.id,
                "company_id": self.company.id,
                "date_from": datetime(2025, 3, 1),
                "date_to": datetime(2025, 3, 26, 23, 59),
            }
        )
        customer = self._customer("Company", self.anna, self.class_a)
        self._contacts(customer, self.anna, 27, 28, 31)
        verdict = self._judged(customer)[self.anna]
        self.assertEqual((verdict.goal, verdict.attained, verdict.state), (3, 3, "met"))

    def test_a_month_without_working_days_gives_no_verdict(self):
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Shut",
                "calendar_id": self.company.resource_calendar_id.id,
                "company_id": self.company.id,
                "date_from": datetime(2025, 3, 1),
                "date_to": datetime(2025, 3, 31, 23, 59),
            }
        )
        self.assertFalse(self._judged(self._customer("Company", self.anna, self.class_a)))

    def test_a_weekly_norm_runs_across_the_end_of_the_month(self):
        self.env["discipline.norm"].create(
            {"abc_class_id": self.class_a.id, "goal": 2, "period": "week", "valid_from": date(2025, 3, 31)}
        )
        customer = self._customer("Company", self.anna, self.class_a)
        week = self._period(date(2025, 3, 31), "week")
        self.assertEqual((week.date_start, week.date_end), (date(2025, 3, 31), date(2025, 4, 6)))
        self._contact(customer, self.anna, date(2025, 3, 31))
        self._contact(customer, self.anna, date(2025, 4, 2))
        self.assertEqual(self._figures(customer, week), {self.anna: (2, 2, 0)})

    def test_a_teams_weekly_norm_takes_the_place_of_the_monthly_one(self):
        self.env["discipline.norm"].create(
            {
                "abc_class_id": self.class_a.id,
                "team_id": self.other_team.id,
                "goal": 1,
                "period": "week",
                "valid_from": date(2025, 1, 1),
            }
        )
        customer = self._customer("Company", self.dmitri, self.class_a)
        self.assertEqual(self._figures(customer, self._period(date(2025, 3, 10), "week")), {self.dmitri: (1, 0, 0)})
        self.assertFalse(self._figures(customer, self._period(kind="month")))
        ours = self._customer("Ours", self.anna, self.class_a)
        self.assertFalse(self._figures(ours, self._period(date(2025, 3, 10), "week")))

    # ------------------------------------------------------------------
    # New customers, orphans, departures
    # ------------------------------------------------------------------

    def test_a_customer_created_late_in_the_month_owes_only_what_is_left(self):
        customer = self._customer("Company", self.anna, self.class_a, since=date(2025, 3, 27))
        period = self._period()
        self.assertEqual(self._figures(customer, period), {self.anna: (1, 0, 0)})

    def test_a_customer_created_yesterday_is_not_behind(self):
        customer = self._customer("Company", self.anna, self.class_a, since=date(2025, 3, 9))
        self.assertEqual(self._judged(customer)[self.anna].state, "on_track")

    def test_two_weeks_without_a_manager_are_held_against_nobody(self):
        customer = self._customer("Company", self.anna, self.class_a)
        self._assign(customer, None, date(2025, 3, 10))
        self._assign(customer, self.boris, date(2025, 3, 24))
        figures = self._figures(customer)
        self.assertEqual(figures, {self.anna: (1, 0, 0), self.boris: (1, 0, 0)})
        self.assertEqual(set(self.Compliance.search([("customer_ref", "=", customer.id)]).mapped("asked")), {4})

    def test_the_customers_of_an_archived_manager_are_nobodys_from_that_day(self):
        customer = self._customer("Company", self.anna, self.class_a)
        with freeze_time("2025-03-17 09:00"):
            self.anna.sudo().active = False
        self.assertEqual([(row.manager_ref, row.goal) for row in self._judged(customer).values()], [(self.anna.id, 2)])
        self.assertTrue(customer.discipline_is_orphan)

    def test_days_before_a_teams_start_are_not_held_against_its_members(self):
        self.team.discipline_date_start = date(2025, 3, 17)
        self.assertEqual(self._figures(self._customer("Ours", self.anna, self.class_a)), {self.anna: (2, 0, 2)})
        self.assertEqual(self._figures(self._customer("Theirs", self.dmitri, self.class_a)), {self.dmitri: (4, 0, 0)})

    # ------------------------------------------------------------------
    # Running verdicts
    # ------------------------------------------------------------------

    def test_a_running_verdict_is_behind_from_the_day_after_the_due_day(self):
        customer = self._customer("Company", self.anna, self.class_a)
        for today, state in (("2025-03-07", "on_track"), ("2025-03-08", "behind")):
            with freeze_time(today):
                self.Compliance._evaluate_customers(customer.ids)
                self.assertEqual(self._judged(customer)[self.anna].state, state)
                self.assertEqual(customer.discipline_id.state, state)

    def test_the_customers_row_shows_the_present_managers_verdict(self):
        customer = self._customer("Company", self.anna, self.class_a)
        self._contacts(customer, self.anna, 4)
        self.Compliance._evaluate_customers(customer.ids)
        row = customer.discipline_id
        self.assertEqual((row.goal, row.attained, row.due_next), (4, 1, date(2025, 3, 14)))
        self._assign(customer, self.boris, date(2025, 3, 10))
        self.assertEqual((row.goal, row.attained, row.due_next), (3, 0, date(2025, 3, 14)))

    def test_a_contact_logged_now_shows_in_the_customers_state_at_once(self):
        customer = self._customer("Company", self.anna, self.class_c)
        self.Compliance._evaluate_customers(customer.ids)
        row = customer.discipline_id
        self.assertEqual((row.state, row.attained), ("on_track", 0))
        contact = self._log(customer, self.anna, NOW)
        self.assertEqual((row.state, row.attained, row.due_next), ("met", 1, False))
        contact.with_user(self.supervisor)._void("wrong number")
        self.assertEqual((row.state, row.attained), ("on_track", 0))

    def _judged_a_night_ago(self, abc_class):
        """Return a customer whom last night judged; of all that the verdicts rest on nothing has changed since."""
        customer = self._customer("Company", self.anna, abc_class)
        nightly = self.env["discipline.nightly"]
        nightly._step_verdicts(self.company)
        self.env.flush_all()
        # the database stamps its rows with the real time, whatever day the test lives in
        self.env.cr.execute("UPDATE discipline_period SET create_date = '2025-03-01'")
        for table in ("contact", "assignment", "abc_change", "exception"):
            self.env.cr.execute(f"UPDATE discipline_{table} SET write_date = '2025-03-01'")
        self.env.invalidate_all()
        self.assertEqual(nightly._to_judge(self.company, self._period()), [])
        return customer

    def test_the_night_finds_what_came_past_the_program(self):
        customer = self._judged_a_night_ago(self.class_c)
        # a fact of the ledger that nobody judged
        self._contact(customer, self.anna, date(2025, 3, 10))
        self.env.flush_all()
        self.env["discipline.nightly"]._step_verdicts(self.company)
        self.assertEqual(customer.discipline_id.state, "met")

    def test_postgresql_knows_of_a_new_period_when_everybody_was_judged(self):
        for number in range(3):
            self._customer(f"Company {number}", self.anna, self.class_c)
        self.env["discipline.nightly"]._step_verdicts(self.company)
        self.env.cr.execute(
            "SELECT most_common_vals::text::int[] FROM pg_stats "
            "WHERE tablename = 'discipline_compliance' AND attname = 'period_id'"
        )
        (known,) = self.env.cr.fetchone()
        self.assertIn(self._period().id, known)

    def _after_raw(self, query, **values):
        """Return a customer with four contacts due, judged last night, as the night sees him after ``query``."""
        customer = self._judged_a_night_ago(self.class_a)
        self.assertEqual((customer.discipline_id.goal, customer.discipline_id.state), (4, "behind"))
        self.env.cr.execute(
            query,
            {
                "customer": customer.id,
                "company": self.company.id,
                "manager": self.anna.id,
                "calendar": self.company.resource_calendar_id.id,
                "now": NOW,
                **values,
            },
        )
        self.env.invalidate_all()
        self.env["discipline.nightly"]._step_verdicts(self.company)
        return customer.discipline_id

    def test_the_night_finds_an_assignment_that_was_changed_past_the_program(self):
        row = self._after_raw(
            "UPDATE discipline_assignment SET date_from = '2025-03-10', write_date = %(now)s "
            "WHERE customer_ref = %(customer)s"
        )
        self.assertEqual((row.goal, row.state), (3, "on_track"))

    def test_the_night_finds_a_class_that_was_changed_past_the_program(self):
        row = self._after_raw(
            """
            UPDATE discipline_customer SET abc_class_id = %(other)s, abc_since = '2025-02-01'
             WHERE partner_id = %(customer)s;
            INSERT INTO discipline_abc_change
                   (partner_id, customer_ref, class_from_id, class_to_id, date_effective, origin, in_force, company_id,
                    write_date)
            VALUES (%(customer)s, %(customer)s, %(class)s, %(other)s, '2025-02-01', 'hand', TRUE, %(company)s, %(now)s)
            """,
            **{"class": self.class_a.id, "other": self.class_c.id},
        )
        self.assertEqual(row.goal, 1)

    def test_the_night_finds_an_exception_that_was_entered_past_the_program(self):
        row = self._after_raw(
            """
            INSERT INTO discipline_exception
                   (partner_id, kind, date_from, date_until, reason, state, company_id, write_date)
            VALUES (%(customer)s, 'pause', '2025-03-03', '2025-03-14', 'agreed', 'approved', %(company)s, %(now)s)
            """
        )
        self.assertEqual((row.goal, row.state), (2, "on_track"))

    def test_the_night_finds_an_absence_that_was_entered_past_the_program(self):
        row = self._after_raw(
            """
            INSERT INTO discipline_absence (user_id, date_from, date_to, approved, company_id)
            VALUES (%(manager)s, '2025-03-03', '2025-03-14', TRUE, %(company)s)
            """
        )
        self.assertEqual((row.goal, row.state), (2, "on_track"))

    def test_the_night_finds_a_holiday_that_was_entered_past_the_program(self):
        row = self._after_raw(
            """
            INSERT INTO resource_calendar_leaves (name, calendar_id, company_id, date_from, date_to, time_type)
            VALUES ('Holiday', %(calendar)s, %(company)s, '2025-03-03 00:00', '2025-03-07 23:59', 'leave')
            """
        )
        # 16 working days are left, the first window is four of them
        self.assertEqual((row.goal, row.state, row.due_next), (4, "on_track", date(2025, 3, 13)))

    def test_judging_twice_changes_nothing(self):
        customers = self._portfolio()
        period = self._period()
        self.Compliance._evaluate(period)
        self.env.cr.execute("SELECT id, xmin::text FROM discipline_compliance WHERE period_id = %s", [period.id])
        before = sorted(self.env.cr.fetchall())
        self.Compliance._evaluate(period)
        self.Compliance._evaluate(period, customers.ids)
        self.env.cr.execute("SELECT id, xmin::text FROM discipline_compliance WHERE period_id = %s", [period.id])
        self.assertEqual(sorted(self.env.cr.fetchall()), before)

    def test_the_order_and_size_of_batches_do_not_matter(self):
        customers = self._portfolio()
        period = self._period()
        self.Compliance._evaluate(period)
        expected = self._rows(period)
        self.assertTrue(expected)
        for ids, size in ((customers.ids[::-1], 1), (customers.ids, 3)):
            self.env.cr.execute("DELETE FROM discipline_compliance WHERE period_id = %s", [period.id])
            self.env.invalidate_all()
            for begin in range(0, len(ids), size):
                self.Compliance._evaluate(period, ids[begin : begin + size])
            self.assertEqual(self._rows(period), expected)
        self.env.cr.execute("DELETE FROM discipline_compliance WHERE period_id = %s", [period.id])
        self.env.invalidate_all()
        with patch.object(discipline_compliance_judge, "BATCH", 2):
            self.Compliance._evaluate(period)
        self.assertEqual(self._rows(period), expected)

    def _portfolio(self):
        """Return customers of all kinds: held throughout, handed over, new, paused, with contacts and without."""
        classes = (self.class_a, self.class_b, self.class_c, self.class_d)
        customers = self.env["res.partner"]
        for number in range(12):
            customer = self._customer(f"Company {number}", self.managers[number % 4], classes[number % 3])
            if number % 3 == 0:
                self._assign(customer, self.managers[(number + 1) % 4], date(2025, 3, 5 + number))
            for day in range(3, 3 + number, 4):
                self._contact(customer, self.managers[number % 4], date(2025, 3, day))
            customers |= customer
        self._absence(self.boris, date(2025, 3, 12), date(2025, 3, 25))
        return customers

    def _statements(self, count):
        customers = self.env["res.partner"]
        for number in range(count):
            customer = self._customer(f"Company {count} {number}", self.managers[number % 4], self.class_a)
            self._contact(customer, self.managers[number % 4], date(2025, 3, 4))
            customers |= customer
        self.Compliance._evaluate_customers(customers.ids)
        self.env.flush_all()
        before = self.env.cr.sql_log_count
        self.Compliance._evaluate_customers(customers.ids)
        self.env.flush_all()
        return self.env.cr.sql_log_count - before

    def test_the_number_of_statements_does_not_grow_with_the_number_of_customers(self):
        few, many = self._statements(2), self._statements(40)
        self.assertEqual(few, many)
        self.assertLessEqual(many, 40)

    # ------------------------------------------------------------------
    # Customers who do not answer
    # ------------------------------------------------------------------

    def _silent(self):
        customer = self._customer("Silent", self.anna, self.class_a)
        for day in (10, 11, 12, 13, 14):
            self._contact(
                customer,
                self.anna,
                date(2025, 3, day),
                outcome_id=self.no_answer.id,
                counted=False,
                rejected_reason="outcome",
            )
        return customer

    def test_attempts_in_vain_excuse_nothing_until_a_supervisor_confirms_them(self):
        customer = self._silent()
        verdict = self._judged(customer)[self.anna]
        self.assertEqual((verdict.goal, verdict.excused, verdict.attempts), (4, 0, 5))
        self.assertEqual(verdict.unreachable_from, date(2025, 3, 10))

    def test_a_confirmed_unreachable_customer_is_excused_from_the_first_attempt_on(self):
        customer = self._silent()
        self._contacts(customer, self.anna, 4)
        verdict = self._judged(customer)[self.anna]
        verdict.with_user(self.supervisor).action_confirm_unreachable()
        self.assertEqual((verdict.goal, verdict.attained, verdict.excused), (1, 1, 3))
        self.assertEqual(verdict.state, "unreachable")

    def test_weeks_of_neglect_before_the_attempts_are_not_forgiven(self):
        customer = self._silent()
        verdict = self._judged(customer)[self.anna]
        verdict.with_user(self.supervisor).action_confirm_unreachable()
        self.assertEqual((verdict.goal, verdict.attained, verdict.excused, verdict.state), (1, 0, 3, "behind"))

    def _tried(self, abc_class, *days):
        """Return the figures of a customer who did not answer on these days, which a supervisor confirms."""
        customer = self._customer("Silent", self.anna, abc_class)
        silent = {"outcome_id": self.no_answer.id, "counted": False, "rejected_reason": "outcome"}
        self._contacts(customer, self.anna, *days, **silent)
        verdict = self._judged(customer)[self.anna]
        verdict.with_user(self.supervisor).action_confirm_unreachable()
        return verdict.goal, verdict.excused, verdict.state

    def test_the_window_of_the_attempts_is_not_held_against_whoever_made_them(self):
        self.assertEqual(self._tried(self.class_a, 3, 4, 5, 6, 7), (0, 4, "unreachable"))
        # class C has one window a month, and none after it
        self.assertEqual(self._tried(self.class_c, 4, 5, 6, 10, 12), (0, 1, "unreachable"))

    def test_whoever_begins_to_call_when_half_of_the_window_is_over_still_owes_it(self):
        self.assertEqual(self._tried(self.class_c, 24, 25, 26, 27, 28), (1, 0, "on_track"))

    def test_five_attempts_on_one_day_are_one_day(self):
        customer = self._customer("Silent", self.anna, self.class_a)
        for _number in range(5):
            self._contact(
                customer,
                self.anna,
                date(2025, 3, 10),
                outcome_id=self.no_answer.id,
                counted=False,
                rejected_reason="outcome",
            )
        self.assertFalse(self._judged(customer)[self.anna].unreachable_from)

    def test_a_customer_who_answers_after_all_is_reachable_again(self):
        customer = self._silent()
        verdict = self._judged(customer)[self.anna]
        verdict.with_user(self.supervisor).action_confirm_unreachable()
        self._contacts(customer, self.anna, 18)
        verdict = self._judged(customer)[self.anna]
        self.assertFalse(verdict.unreachable_from)
        self.assertEqual((verdict.goal, verdict.excused), (4, 0))

    def test_nobody_confirms_his_own_unreachable_customer(self):
        customer = self._silent()
        verdict = self._judged(customer)[self.anna]
        for user in (self.anna, self.boris):
            with self.assertRaises(AccessError):
                verdict.with_user(user).sudo(False).action_confirm_unreachable()

    def test_too_few_attempts_cannot_be_confirmed(self):
        customer = self._customer("Company", self.anna, self.class_a)
        verdict = self._judged(customer)[self.anna]
        with self._refused(UserError, "5 different days"):
            verdict.with_user(self.supervisor).action_confirm_unreachable()

    # ------------------------------------------------------------------
    # In words
    # ------------------------------------------------------------------

    def test_a_verdict_says_in_words_which_contacts_did_not_count(self):
        customer = self._customer("Company", self.anna, self.class_a)
        self._contacts(customer, self.anna, 4)
        self._contact(
            customer,
            self.anna,
            date(2025, 3, 5),
            outcome_id=self.no_answer.id,
            counted=False,
            rejected_reason="outcome",
        )
        verdict = self._judged(customer)[self.anna]
        self.assertEqual(
            verdict.explanation, "1 of 4 contacts in March 2025; 1 not counted: this outcome does not count."
        )


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestVerdictProperties(VerdictCommon):
    """The engine's sentence for one customer equals the statement's for all (DESIGN 14: 2, 3, 8)."""

    def setUp(self):
        super().setUp()
        if given is None:
            self.skipTest("hypothesis is not installed")

    def test_the_statement_says_of_any_history_what_the_engine_says(self):
        people = [self.anna, self.boris, self.clara]
        customers = [self._customer(f"Company {number}") for number in range(6)]
        period = self._period()
        start = period.date_start
        days = [date.fromisoformat(day) for day in period._refresh_snapshot()["days"]]
        calendar = st.integers(0, 30)

        @st.composite
        def histories(draw):
            cuts = sorted(draw(st.sets(st.integers(-3, 30), max_size=5)))
            spans = [
                (draw(st.sampled_from(people)).id, start + timedelta(low), start + timedelta(high))
                for low, high in pairwise([*cuts, 40])
                if draw(st.booleans())
            ]
            return {
                "goal": draw(st.integers(1, 25)),
                "spans": spans,
                "days": [start + timedelta(n) for n in draw(st.lists(calendar, max_size=8))],
                "pause": sorted(start + timedelta(n) for n in draw(st.sets(calendar, max_size=2))),
                "tries": sorted(start + timedelta(n) for n in draw(st.sets(calendar, max_size=6))),
            }

        absences = st.dictionaries(
            st.sampled_from([user.id for user in people]), st.tuples(calendar, st.integers(0, 25)), max_size=2
        )

        @settings(
            max_examples=40,
            derandomize=True,
            deadline=None,
            database=None,
            phases=(Phase.explicit, Phase.generate),  # shrinking would take minutes: the case is printed
            suppress_health_check=list(HealthCheck),
        )
        @given(st.lists(histories(), min_size=6, max_size=6), absences, st.permutations(range(6)), st.integers(1, 6))
        def check(cases, away, order, size):
            with self.env.cr.savepoint() as savepoint:
                batches = [[customers[n].id for n in order[low : low + size]] for low in range(0, 6, size)]
                self._check(customers, cases, away, period, days, batches)
                savepoint.rollback()
                self.env.invalidate_all()

        # two attempts are enough here, so that there is something to confirm
        self.env.cr.execute("UPDATE discipline_policy SET unreachable_attempts = 2 WHERE id = %s", [self.policy.id])
        self.env.invalidate_all()
        check()

    def _check(self, customers, cases, away, period, days, batches):
        start, end = period.date_start, period.date_end
        for user, (low, length) in away.items():
            first = start + timedelta(low)
            self._absence(self.env["res.users"].browse(user), first, first + timedelta(length))
        gone = {
            user: frozenset(day for day in days if low <= (day - start).days <= low + length)
            for user, (low, length) in away.items()
        }
        for customer, case in zip(customers, cases, strict=True):
            self._tell(customer, case)
        self.env.flush_all()
        self.env.invalidate_all()
        for batch in batches:
            self.Compliance._evaluate(period, batch)
        rows = self._rows(period)
        self.Compliance._evaluate(period)
        self.assertEqual(self._rows(period), rows)
        silent = self.Compliance.search([("period_id", "=", period.id), ("unreachable_from", "!=", False)], order="id")
        silent[::2].with_user(self.administrator).action_confirm_unreachable()
        rows = self._rows(period)
        for batch in batches:
            self.Compliance._evaluate(period, batch)
        self.assertEqual(self._rows(period), rows)
        counted = {}
        for contact in self.env["discipline.contact"].search([("counted", "=", True)]):
            counted.setdefault(contact.partner_id.id, []).append(contact.day)
        for customer, case in zip(customers, cases, strict=True):
            pause = case["pause"]
            paused = [day for day in days if pause and pause[0] <= day <= pause[-1]]
            spans = [
                engine.Interval(user, max(low, start), min(high, end + timedelta(1)))
                for user, low, high in case["spans"]
                if high > start and low <= end
            ]
            found = self.Compliance.search([("customer_ref", "=", customer.id), ("period_id", "=", period.id)])
            beyond = found.filtered(lambda row: row.unreachable_decision == "confirmed" and row.unreachable_from)
            told = engine.judge(
                case["goal"],
                days,
                spans,
                counted.get(customer.id, []),
                gone,
                paused=paused,
                unreachable={row.manager_ref: row.unreachable_from for row in beyond},
                today=NOW.date(),
            )
            self.assertEqual(
                {
                    row.manager_ref: (row.goal, row.excused, row.counted, row.attained, row.due_next or None, row.state)
                    for row in found
                    if row.goal or row.excused or row.counted
                },
                {
                    user: (v.goal, v.excused, v.counted, v.attained, v.due_next, v.state)
                    for user, v in told.verdicts.items()
                },
                case,
            )
            if found:
                owed = sum(found.mapped("goal")) + sum(found.mapped("excused")) + told.nobody
                self.assertEqual({owed}, set(found.mapped("asked")))

    def _tell(self, customer, case):
        """Write a history into the ledgers: who held the customer, an own norm, a pause, contacts."""
        Assignment = self.env["discipline.assignment"]._ledger()
        for user, low, high in case["spans"]:
            Assignment.create(
                {
                    "partner_id": customer.id,
                    "customer_ref": customer.id,
                    "user_id": user,
                    "manager_ref": user,
                    "date_from": low,
                    "date_to": high,
                    "company_id": self.company.id,
                    "origin": "manual",
                }
            )
        agreed = {"partner_id": customer.id, "reason": "test", "state": "approved", "company_id": self.company.id}
        Exceptions = self.env["discipline.exception"].sudo().with_context(install_mode=True)
        Exceptions.create(
            {
                **agreed,
                "kind": "own_norm",
                "goal": case["goal"],
                "date_from": date(2025, 1, 1),
                "date_until": date(2025, 12, 31),
            }
        )
        if case["pause"]:
            Exceptions.create(
                {**agreed, "kind": "pause", "date_from": case["pause"][0], "date_until": case["pause"][-1]}
            )
        holder = {day: user for user, low, high in case["spans"] for day in case["days"] if low <= day < high}
        for day in case["days"]:
            self._contact(customer, self.env["res.users"].browse(holder.get(day, self.dmitri.id)), day)
        for day in case["tries"]:
            user = next((user for user, low, high in case["spans"] if low <= day < high), self.dmitri.id)
            silent = {"outcome_id": self.no_answer.id, "counted": False, "rejected_reason": "outcome"}
            self._contact(customer, self.env["res.users"].browse(user), day, **silent)
