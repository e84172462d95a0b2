"""Opening and closing of periods: once, not too early, resumable, and never changed afterwards."""

from contextlib import suppress
from datetime import date, datetime
from hashlib import md5
from unittest.mock import patch

from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..engine import verdicts as engine
from ..models import discipline_compliance_judge, discipline_period
from .common import NOW
from .verdict_common import CLOSING, MARCH, VerdictCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestPeriod(VerdictCommon):
    def test_a_period_before_the_first_judged_day_is_not_opened(self):
        self.assertFalse(self._period(date(2024, 12, 10)))

    def test_a_period_is_opened_once(self):
        self.assertEqual(self._period(date(2025, 3, 4)), self._period(date(2025, 3, 20)))

    def test_a_week_belongs_to_the_year_of_its_thursday(self):
        week = self._period(date(2025, 12, 31), "week")
        self.assertEqual(week.display_name, "Week 1, 2026")

    def test_an_open_period_follows_a_policy_that_begins_before_it(self):
        period = self._period()
        newer = self.env["discipline.policy"].create({"company_id": self.company.id, "valid_from": date(2025, 2, 1)})
        self.assertEqual(period.policy_id, newer)

    # ------------------------------------------------------------------
    # Closing
    # ------------------------------------------------------------------

    def test_a_period_cannot_be_closed_before_contacts_of_its_last_days_may_be_logged(self):
        period = self._period()
        self.assertEqual(period.closable_from, date(2025, 4, 4))
        for moment in (NOW, datetime(2025, 3, 31, 12), datetime(2025, 4, 3, 23)):
            with freeze_time(moment), self._refused(UserError, r"March 2025 .* can be closed from 04/04/2025"):
                period.action_close()
        self.assertEqual(period.state, "open")

    def test_a_period_is_closed_once(self):
        period = self._period()
        with freeze_time(CLOSING):
            period.action_close()
            self.assertEqual(period.state, "closed")
            with self._refused(UserError, "March 2025 .* is closed already, on 04/04/2025"):
                period.action_close()

    def test_only_an_administrator_closes_a_period(self):
        period = self._period()
        with freeze_time(CLOSING):
            for user in (self.anna, self.supervisor):
                with self.assertRaises(AccessError):
                    period.with_user(user).action_close()
            period.with_user(self.administrator).action_close()
        self.assertEqual((period.state, period.closed_by_id), ("closed", self.administrator))

    def test_whatever_is_not_attained_at_closing_is_missed(self):
        customer = self._customer("Company", self.anna, self.class_b)
        other = self._customer("Other", self.anna, self.class_b)
        self._contacts(customer, self.anna, 4, 25)
        self._contacts(other, self.anna, 4)
        verdicts = self._close()
        self.assertEqual(verdicts[customer.id].state, "met")
        self.assertEqual((verdicts[other.id].state, verdicts[other.id].attained), ("missed", 1))
        self.assertFalse(verdicts[other.id].due_next)

    def _close(self):
        period = self._period()
        with freeze_time(CLOSING):
            period.action_close()
        rows = self.Compliance.search([("period_id", "=", period.id)])
        self.assertEqual(set(rows.mapped("closed")), {True})
        return {row.customer_ref: row for row in rows}

    def test_closing_is_told_in_the_list_of_long_work(self):
        self._customer("Company", self.anna, self.class_b)
        self._close()
        job = self.env["discipline.job"].search([("period_id", "=", self._period().id)])
        self.assertEqual((job.state, job.progress), ("done", 100))
        self.assertEqual(job.name, f"Closing of March 2025, {self.company.name}")

    def test_a_close_that_broke_off_goes_on_with_the_facts_of_its_beginning(self):
        customers = [self._customer(f"Company {number}", self.anna, self.class_c) for number in range(6)]
        self._contacts(customers[0], self.anna, 4)
        period = self._period()
        calls = []

        def crash(done, total):
            calls.append(done)
            if len(calls) == 4:
                raise RuntimeError("power cut")

        with patch.object(discipline_compliance_judge, "BATCH", 2), freeze_time(CLOSING):
            with suppress(RuntimeError):
                period._close(progress=crash)
            self.env.flush_all()
            self.assertEqual(period.state, "open")
            final = self.Compliance.search([("period_id", "=", period.id), ("closed", "=", True)])
            self.assertEqual(len(final), 2)
            before = {row.id: row.write_date for row in final}
        with freeze_time("2025-04-05 09:00"):
            # an absence that is approved meanwhile comes too late
            self._absence(self.anna, MARCH, date(2025, 3, 31))
            period._close()
        rows = self.Compliance.search([("period_id", "=", period.id)])
        self.assertEqual(period.closing_at, CLOSING)
        self.assertEqual([row.state for row in rows.sorted("customer_ref")], ["met"] + ["missed"] * 5)
        self.assertEqual({row.id: row.write_date for row in final}, before)
        job = self.env["discipline.job"].search([("period_id", "=", period.id)])
        self.assertEqual(job.mapped("state"), ["done"])

    def test_a_large_period_is_closed_in_the_background(self):
        self._customer("Company", self.anna, self.class_c)
        period = self._period()
        self.Compliance._evaluate(period)
        with patch.object(discipline_period, "AT_ONCE", 0), freeze_time(CLOSING):
            period.with_user(self.administrator).action_close()
            self.assertEqual((period.state, period.closing_at), ("open", CLOSING))
            with self.enter_registry_test_mode():
                self.env.ref("sales_discipline.ir_cron_discipline_closing").method_direct_trigger()
        self.env.invalidate_all()
        self.assertEqual((period.state, period.closed_by_id), ("closed", self.administrator))

    def test_the_night_closes_what_is_due(self):
        self._customer("Company", self.anna, self.class_c)
        period = self._period()
        with freeze_time(CLOSING):
            self.env["discipline.nightly"]._step_closing(self.company)
        self.assertEqual(period.state, "closed")

    # ------------------------------------------------------------------
    # Final verdicts
    # ------------------------------------------------------------------

    def test_a_final_verdict_is_recomputed_from_its_evidence(self):
        handed = self._customer("Handed", self.anna, self.class_a)
        self._contacts(handed, self.anna, 3, 4, 5, 6)
        self._assign(handed, self.boris, date(2025, 3, 17))
        self._absence(self.boris, date(2025, 3, 17), date(2025, 3, 20))
        paused = self._customer("Paused", self.clara, self.class_a)
        self._pause(paused, date(2025, 3, 10), date(2025, 3, 18))
        silent = self._customer("Silent", self.dmitri, self.class_a)
        for day in (3, 4, 5, 6, 7):
            self._contact(
                silent,
                self.dmitri,
                date(2025, 3, day),
                outcome_id=self.no_answer.id,
                counted=False,
                rejected_reason="outcome",
            )
        self._judged(silent)[self.dmitri].with_user(self.administrator).action_confirm_unreachable()
        busy = [self._customer(f"Busy {number}", self.supervisor, self.class_b) for number in range(12)]
        self.supervisor.sudo().discipline_capacity_per_day = 1
        self._close()
        period = self._period()
        rows = self.Compliance.search([("period_id", "=", period.id)])
        self.assertEqual(len(rows), 5 - 1 + len(busy))
        self._check_recomputed(rows)
        self.assertEqual(sorted(set(rows.mapped("state"))), ["excused", "met", "missed", "unreachable"])
        before = self._rows(period)
        with freeze_time("2026-04-10 09:00"):
            # other capacities and another order of classes come after it, and a year passes
            self.supervisor.sudo().discipline_capacity_per_day = 9
            self.env["discipline.abc.class"].search([("id", "=", self.class_d.id)]).sequence = 1
            self.env["discipline.nightly"]._step_verdicts(self.company)
            self.env.invalidate_all()
            self.assertEqual(self._rows(period), before)
            self._check_recomputed(rows)

    def _check_recomputed(self, rows):
        """Judge final verdicts anew from what they and their period keep, overload included, and compare."""
        for row in rows:
            told = engine.recompute(row.evidence, row.period_id.snapshot).verdicts[row.manager_ref]
            self.assertEqual(
                (row.goal, row.excused, row.attained, row.counted, row.state),
                (told.goal, told.excused, told.attained, told.counted, told.state),
                row.partner_id.name,
            )
        self.assertEqual(self._reliefs(rows), {row.id: row.overload for row in rows if row.overload})

    def _reliefs(self, rows):
        """Return {verdict: contacts excused as beyond the possible}, by the engine, from what the period keeps."""
        told = {}
        for manager in set(rows.mapped("manager_ref")):
            own = rows.filtered(lambda row, manager=manager: row.manager_ref == manager)
            snapshot = own.period_id.snapshot
            # the neutral order of the closing: a hash of period and customer
            own = own.sorted(lambda row: md5(f"{row.period_id.id}|{row.customer_ref}".encode()).hexdigest())
            judged = [
                (
                    row.id,
                    snapshot["classes"].index(row.evidence["class"]),
                    row.goal + row.evidence["overload"],
                    row.attained,
                )
                for row in own
            ]
            told |= engine.reliefs(judged, snapshot["possible"][str(manager)])
        return told

    def test_a_closed_verdict_names_the_norm_and_the_policy_by_which_it_was_judged(self):
        norm = self.env["discipline.norm"].search([("abc_class_id", "=", self.class_a.id)])
        customer = self._customer("Company", self.anna, self.class_a)
        verdict = self._close()[customer.id].with_user(self.anna)
        self.assertEqual((verdict.evidence["norm"], verdict.evidence["policy"]), (norm.id, self.policy.id))
        page = str(verdict.evidence_html)
        for name in ("A: 4 / Month", "As in the article (01/01/2025)"):
            self.assertIn(f"<dd>{name}</dd>", page)
        with freeze_time("2026-04-10 09:00"):
            # newer versions of both, one of them from a day within the closed period
            newer = self.env["discipline.policy"].create(
                {"company_id": self.company.id, "valid_from": date(2025, 3, 1), "preset": "balanced"}
            )
            self.env["discipline.norm"].create(
                {"abc_class_id": self.class_a.id, "goal": 5, "valid_from": date(2025, 3, 1)}
            )
            self.env.invalidate_all()
            self.assertEqual((verdict.evidence["norm"], verdict.evidence["policy"]), (norm.id, self.policy.id))
            self.assertEqual(verdict.period_id.policy_id, self.policy)
            self.assertEqual(str(verdict.evidence_html), page)
            april = self._judged(customer, self._period(date(2025, 4, 1)))[self.anna]
            self.assertIn(newer.display_name, str(april.evidence_html))
            self.assertIn("A: 5 / Month", str(april.evidence_html))

    def _pause(self, customer, low, high):
        self.env["discipline.exception"].sudo().create(
            {
                "partner_id": customer.id,
                "kind": "pause",
                "date_from": low,
                "date_until": high,
                "reason": "renovation",
                "state": "approved",
            }
        )

    def test_a_verdict_shows_what_it_rests_on_before_and_after_closing(self):
        customer = self._customer("Company", self.anna, self.class_a)
        self._contacts(customer, self.anna, 4, 12)
        self._contact(customer, self.anna, date(2025, 3, 12), counted=False, rejected_reason="gap")
        verdict = self._judged(customer)[self.anna].with_user(self.anna)
        running = str(verdict.evidence_html)
        for words in ("03/07/2025 ✓, 03/14/2025 ✓, 03/21/2025 –, 03/31/2025 –", "Too soon after the last contact"):
            self.assertIn(words, running)
        self.assertEqual(running.count("Counted"), 2)
        with freeze_time(CLOSING):
            self._period()._close()
        final = self.Compliance.search([("customer_ref", "=", customer.id)])
        self.assertTrue(final.closed)
        self.assertEqual(str(final.with_user(self.anna).evidence_html), running)
        # whatever becomes of the contacts, the evidence stays
        self.env.cr.execute("UPDATE discipline_contact SET counted = FALSE WHERE partner_id = %s", [customer.id])
        self.env.invalidate_all()
        self.assertEqual(str(final.with_user(self.anna).evidence_html), running)

    def test_a_final_verdict_never_changes_whatever_happens_later(self):
        customers = [self._customer(f"Company {number}", self.anna, self.class_a) for number in range(4)]
        contacts = [self._contact(customer, self.anna, date(2025, 3, 4)) for customer in customers]
        period = self._period()
        self._close()
        before = self._rows(period)
        with freeze_time("2025-05-06 09:00"):
            self._contact(customers[0], self.anna, date(2025, 3, 12))
            contacts[1]._void("typing error")
            self._absence(self.anna, MARCH, date(2025, 3, 31))
            self._assign(customers[2], self.boris, date(2025, 3, 3))
            self.env["discipline.policy"].create(
                {"company_id": self.company.id, "valid_from": date(2025, 5, 1), "min_gap": 2}
            )
            self.env["resource.calendar.leaves"].create(
                {
                    "name": "Late holiday",
                    "calendar_id": self.company.resource_calendar_id.id,
                    "company_id": self.company.id,
                    "date_from": datetime(2025, 3, 10),
                    "date_to": datetime(2025, 3, 14, 23, 59),
                }
            )
            self.env["discipline.norm"].create(
                {"abc_class_id": self.class_a.id, "goal": 1, "valid_from": date(2025, 3, 1)}
            )
            self.env["base.partner.merge.automatic.wizard"].sudo()._merge(
                [customers[3].id, customers[0].id], customers[0]
            )
            self.anna.sudo().active = False
            self.team.member_ids = [(3, self.anna.id)]
            self.Compliance._evaluate(period)
            self.Compliance._evaluate_customers([customer.id for customer in customers])
            self.env["discipline.nightly"]._step_verdicts(self.company)
            period._close()
        self.assertEqual(self._rows(period), before)

    def test_a_final_verdict_keeps_its_words_whatever_becomes_of_the_contacts(self):
        customer = self._customer("Company", self.anna, self.class_b)
        contact = self._contact(customer, self.anna, date(2025, 3, 4))
        verdict = self._close()[customer.id]
        before = verdict.explanation
        contact._void("typing error")
        verdict.invalidate_recordset(["explanation"])
        self.assertEqual(verdict.explanation, before)

    # ------------------------------------------------------------------
    # Norms beyond what a manager can do
    # ------------------------------------------------------------------

    def test_what_was_missed_beyond_the_possible_is_excused_from_the_lowest_class_up(self):
        # 21 contacts are possible, 12 x 2 + 3 x 4 = 36 asked for
        self.anna.sudo().discipline_capacity_per_day = 1
        low = [self._customer(f"B {number}", self.anna, self.class_b) for number in range(12)]
        high = [self._customer(f"A {number}", self.anna, self.class_a) for number in range(3)]
        verdicts = self._close()
        self.assertEqual(sum(verdicts[customer.id].overload for customer in low), 15)
        self.assertEqual([verdicts[customer.id].overload for customer in high], [0, 0, 0])
        self.assertEqual([verdicts[customer.id].state for customer in high], ["missed"] * 3)
        for row in verdicts.values():
            self.assertEqual(row.goal + row.excused, row.asked)

    def test_a_manager_who_did_what_he_could_missed_nothing(self):
        self.anna.sudo().discipline_capacity_per_day = 1
        customers = [self._customer(f"B {number}", self.anna, self.class_b) for number in range(12)]
        for number, customer in enumerate(customers[:11]):
            self._contacts(customer, self.anna, 3 + number % 5, 17 + number % 4)
        verdicts = self._close()
        self.assertEqual((verdicts[customers[11].id].overload, verdicts[customers[11].id].state), (2, "excused"))

    def test_hoarding_protects_nobody_from_what_was_possible(self):
        self.anna.sudo().discipline_capacity_per_day = 1
        for number in range(12):
            self._customer(f"B {number}", self.anna, self.class_b)
        verdicts = self._close()
        # 24 asked for, 21 possible, none made: 3 excused
        self.assertEqual(sum(row.overload for row in verdicts.values()), 3)
        self.assertEqual(sum(row.goal - row.attained for row in verdicts.values()), 21)

    def test_the_engine_relieves_the_same_contacts_as_the_statement(self):
        self.anna.sudo().discipline_capacity_per_day = 1
        for number in range(12):
            self._customer(f"B {number}", self.anna, (self.class_b, self.class_a)[number % 2])
        verdicts = self._close()
        rank = {self.class_a: self.class_a.sequence, self.class_b: self.class_b.sequence}
        told = engine.reliefs(
            [(row.id, rank[row.abc_class_id], row.goal + row.overload, row.attained) for row in verdicts.values()], 21
        )
        self.assertEqual(sum(told.values()), sum(row.overload for row in verdicts.values()))
        for abc_class in rank:
            rows = [row for row in verdicts.values() if row.abc_class_id == abc_class]
            self.assertEqual(sum(told.get(row.id, 0) for row in rows), sum(row.overload for row in rows))

    def test_a_manager_overloaded_in_two_periods_has_a_surplus_to_offer(self):
        self.anna.sudo().discipline_capacity_per_day = 1
        for number in range(12):
            self._customer(f"B {number}", self.anna, self.class_b)
        self._close()
        self.assertEqual(self.Compliance._overloaded(self.company), {})
        april = self._period(date(2025, 4, 1))
        with freeze_time("2025-05-08 09:00"):
            april.action_close()
        # 22 working days in April: 2 contacts beyond the possible
        self.assertEqual(self.Compliance._overloaded(self.company), {self.anna.id: 2})

    def test_a_customer_unreachable_in_two_periods_in_a_row_is_found(self):
        customer = self._customer("Silent", self.anna, self.class_a)
        for first in (date(2025, 3, 3), date(2025, 4, 1)):
            for offset in (0, 1, 2, 3, 6):
                self._contact(
                    customer,
                    self.anna,
                    first.replace(day=first.day + offset),
                    outcome_id=self.no_answer.id,
                    counted=False,
                    rejected_reason="outcome",
                )
            period = self._period(first)
            verdict = self._judged(customer, period)[self.anna]
            verdict.with_user(self.supervisor).action_confirm_unreachable()
            self.assertFalse(self.Compliance._unreachable_twice(self.company))
            with freeze_time("2025-05-08 09:00"):
                period.action_close()
        self.assertEqual(self.Compliance._unreachable_twice(self.company).customer_ref, customer.id)

    def test_whom_a_supervisor_says_could_be_reached_is_owed_all_the_same(self):
        customer = self._customer("Silent", self.anna, self.class_a)
        silent = {"outcome_id": self.no_answer.id, "counted": False, "rejected_reason": "outcome"}
        self._contacts(customer, self.anna, 3, 4, 5, 6, 7, **silent)
        verdict = self._judged(customer)[self.anna]
        self.assertEqual(verdict.unreachable_from, date(2025, 3, 3))
        verdict.with_user(self.supervisor).action_refuse_unreachable()
        self.assertEqual((verdict.unreachable_decision, verdict.unreachable_by_id), ("refused", self.supervisor))
        self.assertEqual((verdict.goal, verdict.excused, verdict.state), (4, 0, "behind"))
        final = self._close()[customer.id]
        self.assertEqual((final.goal, final.excused, final.attained, final.state), (4, 0, 0, "missed"))
        self.assertEqual(final.evidence["unreachable"], [])

    def test_after_closing_nobody_confirms_that_a_customer_could_not_be_reached(self):
        customer = self._customer("Company", self.anna, self.class_a)
        verdict = self._close()[customer.id]
        with self._refused(UserError, "March 2025 is closed"):
            verdict.with_user(self.supervisor).action_confirm_unreachable()
