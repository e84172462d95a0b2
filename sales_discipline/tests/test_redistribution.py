"""The life of a redistribution: who is withdrawn and why, who receives, who decides, what moves, what goes back."""

from datetime import date, timedelta

from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger
from psycopg2.errors import UniqueViolation

from .common import NOW, TODAY
from .redistribution_common import RedistributionCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestRedistribution(RedistributionCommon):
    # ------------------------------------------------------------------
    # Proposing
    # ------------------------------------------------------------------

    def test_the_night_proposes_neglected_customers_and_orphans(self):
        self._close()
        self.Batch._nightly(self.company)
        missed = self.Batch.search([("cause", "=", "missed")])
        self.assertEqual(missed.state, "proposed")
        self.assertEqual(missed.line_ids.partner_id, self.neglected)
        self.assertEqual(missed.line_ids.user_to_id, self.boris | self.clara)
        orphans = self.Batch.search([("cause", "=", "orphan")])
        self.assertEqual(orphans.line_ids.partner_id, self.orphan)
        self.assertFalse(orphans.appeal_until)
        self.Batch._nightly(self.company)
        self.assertEqual(self.Batch.search_count([]), 2)

    def test_an_orphan_goes_to_whoever_has_the_fewest_customers_without_a_switch(self):
        batch = self.Batch._propose_orphans(self.company)
        # Dmitri has no customer at all, and has not said that he takes more
        self.assertEqual(batch.line_ids.user_to_id, self.dmitri)

    def test_the_line_says_what_happened_and_why_this_receiver(self):
        batch = self._proposed()
        line = batch.line_ids[0]
        self.assertIn("0 of 4 contacts in February 2025.", line.explanation)
        self.assertIn(f"{line.user_to_id.name}: 100 % of norms met, room for {line.room}.", line.explanation)
        self.assertGreater(line.room, 0)

    def test_not_counted_contacts_are_named_with_their_rule(self):
        period = self._close()
        verdict = self.env["discipline.compliance"].search(
            [("period_id", "=", period.id), ("customer_ref", "=", self.neglected[0].id)]
        )
        contacts = [[1, "2025-02-03", True, None, 1]] + [[n, "2025-02-03", False, "gap", 1] for n in (2, 3, 4)]
        verdict.write({"attained": 1, "evidence": {"contacts": contacts}})
        batch = self.Batch._propose_missed(period)
        line = batch.line_ids.filtered(lambda row: row.partner_id == self.neglected[0])
        self.assertIn("1 of 4 contacts in February 2025; 3 not counted: too soon", line.explanation)

    def test_sentences_cost_the_same_number_of_queries_for_one_line_and_for_all(self):
        batch = self._proposed()
        counts = []
        for ids in (batch.line_ids[:1].ids, batch.line_ids.ids):
            self.env.invalidate_all()
            lines = self.Line.browse(ids)
            before = self.env.cr.sql_log_count
            lines.mapped("explanation")
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(*counts)

    def test_whoever_does_not_take_more_or_attains_too_little_receives_no_withdrawn_customer(self):
        self.boris.discipline_takes_more = False
        period = self._close(met=self.boris)
        batch = self.Batch._propose_missed(period)
        self.assertFalse(batch.line_ids.user_to_id)
        self.assertEqual(set(batch.line_ids.mapped("skip_reason")), {"no_receiver"})

    def test_an_absent_manager_receives_nothing(self):
        self.env["discipline.absence"].create(
            {"user_id": self.boris.id, "date_from": TODAY, "date_to": TODAY + timedelta(days=5), "approved": True}
        )
        self.assertEqual(self._proposed().line_ids.user_to_id, self.clara)

    def test_the_intake_cap_counts_what_he_got_this_month_already(self):
        period = self._close()
        self.env.cr.execute("UPDATE discipline_policy SET intake_cap = 1")
        self.env.invalidate_all()
        batch = self.Batch._propose_missed(period)
        placed = batch.line_ids.filtered("user_to_id")
        self.assertEqual(placed.user_to_id, self.boris | self.clara)
        self.assertEqual(len(placed), 2)
        figures = self.Batch._manager_figures(self.company, TODAY, period)
        self.assertEqual(figures[self.boris.id]["received"], 1)

    def test_no_more_than_the_cap_is_withdrawn_from_one_manager_in_a_month(self):
        period = self._close()
        self.env.cr.execute("UPDATE discipline_policy SET cap_per_manager = 3")
        self.env.invalidate_all()
        self.assertEqual(len(self.Batch._propose_missed(period).line_ids), 3)

    def test_newcomers_exceptions_late_deals_and_moved_customers_are_spared(self):
        period = self._close()
        first, second, third, fourth = self.neglected
        self.env["discipline.exception"].create(
            {
                "partner_id": first.id,
                "kind": "keep",
                "date_from": TODAY,
                "date_until": TODAY + timedelta(days=30),
                "reason": "agreed",
            }
        ).sudo().state = "approved"
        self.env["crm.lead"].create(
            {"name": "Nearly won", "type": "opportunity", "partner_id": second.id, "user_id": self.anna.id}
        ).probability = 90
        self.env.cr.execute("UPDATE discipline_policy SET late_stage_probability = 80")
        self.env.invalidate_all()
        spared = self.Batch._spared(self.company, period.policy_id, TODAY, self.neglected.ids)
        self.assertEqual(spared, {first.id: "protected", second.id: "deal"})
        self.assertEqual(self.Batch._propose_missed(period).line_ids.partner_id, third | fourth)
        self.Batch.search([])._cancel()
        self.anna.discipline_newcomer_since = date(2025, 1, 15)
        self.assertFalse(self.Batch._propose_missed(period))

    def test_what_a_newcomer_missed_is_not_held_against_him_when_he_is_none_any_more(self):
        period = self._close()
        # his three months are over on 8 March, two days ago; February ended before that
        self.anna.discipline_newcomer_since = date(2024, 12, 8)
        self.assertFalse(self.Batch._propose_missed(period))
        self.anna.discipline_newcomer_since = date(2024, 11, 8)
        self.assertEqual(self.Batch._propose_missed(period).line_ids.partner_id, self.neglected)

    def test_a_newcomer_is_given_no_more_than_a_part_of_what_others_can_take(self):
        # 21 working days with 15 contacts each; of it 30 % in his first thirty days, 60 % in the next
        for days, capacity in ((0, 94), (29, 94), (30, 189), (59, 189), (60, 315), (90, 315)):
            self.boris.discipline_newcomer_since = TODAY - timedelta(days=days)
            figures = self.Batch._manager_figures(self.company, TODAY)
            self.assertEqual((figures[self.boris.id]["capacity"], figures[self.clara.id]["capacity"]), (capacity, 315))

    def test_customers_beyond_a_managers_capacity_go_to_those_who_keep_their_norms(self):
        period = self._close(met=self.boris)
        self.clara.discipline_takes_more = self.boris.discipline_takes_more = False
        figures = self.Batch._manager_figures(self.company, TODAY, period)
        for cause in ("overload", "unreachable"):
            may = {
                user
                for user in (self.boris, self.clara)
                if self.Batch._may_receive(cause, period.policy_id, figures[user.id])
            }
            self.assertEqual(may, {self.boris}, cause)
        self.assertFalse(self.Batch._may_receive("missed", period.policy_id, figures[self.boris.id]))

    def test_a_customer_who_moved_lately_is_left_alone(self):
        batch = self._moved(self._proposed())
        moved = batch.line_ids.partner_id
        spared = self.Batch._spared(self.company, batch.policy_id, TODAY, moved.ids)
        self.assertEqual(spared, dict.fromkeys(moved.ids, "cooldown"))
        later = TODAY + timedelta(days=100)
        self.assertFalse(self.Batch._spared(self.company, batch.policy_id, later, moved.ids))

    def test_no_customer_is_in_two_open_redistributions(self):
        batch = self._proposed()
        again = self.Batch._propose(self.company, "selection", self.neglected, reason="another")
        self.assertFalse(again)
        line = batch.line_ids[0]
        with mute_logger("odoo.sql_db"), self.assertRaises(UniqueViolation), self.env.cr.savepoint():
            line.copy()
        self.env.invalidate_all()

    def test_in_dry_mode_the_batch_stays_a_draft_and_nobody_is_told(self):
        self.company.discipline_dry_mode = True
        messages = self.env["mail.message"].search_count([])
        batch = self._proposed()
        self.assertEqual(batch.state, "draft")
        self.assertEqual(self.env["mail.message"].search_count([("message_type", "=", "user_notification")]), 0)
        self.assertFalse(batch.with_user(self.anna).search([]))
        self.assertTrue(batch.with_user(self.supervisor).search([]))
        for manager in (self.anna, self.boris, self.dmitri):
            self.assertFalse(self.Line.with_user(manager).search([("redistribution_id", "=", batch.id)]))
            with self.assertRaises(AccessError):
                batch.line_ids.with_user(manager).read(["partner_id"])
        self.assertEqual(len(self.Line.with_user(self.supervisor).search([("redistribution_id", "=", batch.id)])), 4)
        with self.assertRaises(UserError):
            batch.with_user(self.supervisor).action_propose()
        self.company.discipline_dry_mode = False
        batch.with_user(self.supervisor).action_propose()
        self.assertEqual(batch.state, "proposed")
        self.assertGreater(self.env["mail.message"].search_count([]), messages)

    def test_each_manager_concerned_is_told_once_in_one_message(self):
        batch = self._proposed()
        told = self.env["mail.message"].search(
            [("model", "=", batch._name), ("res_id", "=", batch.id), ("message_type", "=", "user_notification")]
        )
        concerned = batch.line_ids.user_from_id | batch.line_ids.user_to_id
        self.assertEqual(len(told), len(concerned))
        self.assertEqual(told.partner_ids, concerned.partner_id)
        to_anna = told.filtered(lambda message: message.partner_ids == self.anna.partner_id)
        for customer in self.neglected:
            self.assertIn(customer.name, to_anna.body)
        self.assertIn("appeal", to_anna.body)

    def test_a_supervisors_selection_goes_through_the_same_door(self):
        wizard = (
            self.env["discipline.redistribution.select"]
            .with_user(self.supervisor)
            .with_context(active_model="discipline.customer", active_ids=self.neglected[:2].discipline_id.ids)
            .create({"reason": "The regional office takes over", "choice": "person", "user_to_id": self.clara.id})
        )
        batch = self.Batch.browse(wizard.action_propose()["res_id"])
        self.assertEqual(batch.line_ids.user_to_id, self.clara)
        self.assertIn("The regional office takes over.", batch.line_ids[0].explanation)
        self._moved(batch)
        self.assertEqual(self.neglected[:2].user_id, self.clara)

    def test_a_supervisor_selects_no_customer_of_another_team(self):
        foreign = self._customer("Of another team", self.dmitri)
        wizard = (
            self.env["discipline.redistribution.select"]
            .with_user(self.supervisor)
            .create({"reason": "mine", "customer_ids": foreign.discipline_id.ids})
        )
        with self.assertRaises(AccessError):
            wizard.action_propose()

    # ------------------------------------------------------------------
    # Deciding
    # ------------------------------------------------------------------

    def test_customers_move_once_they_are_approved_and_applied(self):
        batch = self._proposed()
        receivers = {line.partner_id: line.user_to_id for line in batch.line_ids}
        self._moved(batch)
        self.assertEqual(batch.state, "applied")
        for customer, receiver in receivers.items():
            self.assertEqual(customer.user_id, receiver)
            row = customer.discipline_assignment_ids.filtered(lambda row: not row.date_to)
            self.assertEqual((row.user_id, row.origin), (receiver, "redistribution"))
            self.assertEqual(
                row.redistribution_line_id, batch.line_ids.filtered(lambda x, c=customer: x.partner_id == c)
            )

    def test_applying_twice_equals_once(self):
        batch = self._moved(self._proposed())
        rows = self.env["discipline.assignment"].search_count([])
        activities = self.env["mail.activity"].search_count([])
        with self.assertRaises(UserError):
            batch.action_apply()
        self.assertFalse(batch.sudo().line_ids._apply())
        self.assertEqual(self.env["discipline.assignment"].search_count([]), rows)
        self.assertEqual(self.env["mail.activity"].search_count([]), activities)

    def test_nobody_decides_about_what_he_gives_or_receives_and_managers_decide_nothing(self):
        batch = self._proposed()
        for user in (self.anna, self.boris, self.dmitri):
            with self.assertRaises(AccessError):
                batch.with_user(user).action_approve()
            with self.assertRaises(AccessError):
                batch.line_ids[0].with_user(user).action_waive()
        self.env.cr.execute(
            "UPDATE discipline_redistribution_line SET user_to_id = %s WHERE redistribution_id = %s",
            [self.administrator.id, batch.id],
        )
        self.env.invalidate_all()
        with self.assertRaises(AccessError):
            batch.with_user(self.administrator).action_approve()

    def test_across_teams_a_sales_administrator_decides(self):
        orphans = self.Batch._propose_orphans(self.company)
        self.assertEqual(orphans.line_ids.user_to_id, self.dmitri)
        with self.assertRaises(AccessError):
            orphans.with_user(self.supervisor).action_approve()
        orphans.with_user(self.administrator).action_approve()
        self.assertEqual(orphans.state, "approved")

    def test_nobody_writes_lines_batches_or_appeals_past_the_buttons(self):
        batch = self._proposed()
        for user in (self.anna, self.supervisor, self.administrator):
            with self.assertRaises(AccessError):
                batch.with_user(user).write({"state": "approved"})
            with self.assertRaises(AccessError):
                batch.line_ids[0].with_user(user).write({"user_to_id": user.id})
            with self.assertRaises(AccessError):
                self.Batch.with_user(user).create({"company_id": self.company.id, "cause": "missed"})

    def test_customers_who_changed_hands_meanwhile_are_skipped_and_named(self):
        batch = self._after_appeals(self._proposed())
        gone = batch.line_ids[0]
        self._assign(gone.partner_id, self.clara, TODAY)
        note = batch.with_user(self.supervisor).action_approve()
        self.assertEqual((gone.state, gone.skip_reason), ("skipped", "changed"))
        self.assertIn(gone.partner_id.name, note["params"]["message"])
        later = batch.line_ids[1]
        self._assign(later.partner_id, self.env["res.users"], TODAY)
        note = batch.with_user(self.supervisor).action_apply()
        self.assertEqual((later.state, later.skip_reason), ("skipped", "changed"))
        self.assertIn(later.partner_id.name, note["params"]["message"])
        self.assertFalse(later.partner_id.user_id)
        self.assertEqual(set(batch.line_ids[2:].mapped("state")), {"applied"})

    def test_nothing_is_applied_while_managers_may_still_appeal(self):
        batch = self._proposed().with_user(self.supervisor)
        batch.action_approve()
        with self.assertRaises(UserError):
            batch.action_apply()
        with freeze_time(NOW + timedelta(days=7)):
            batch.action_apply()
        self.assertEqual(batch.state, "applied")

    def test_the_policy_may_let_them_go_by_themselves_after_the_appeals(self):
        batch = self._proposed()
        self.env.cr.execute("UPDATE discipline_policy SET approval = 'automatic'")
        self.env.invalidate_all()
        self.Batch._nightly(self.company)
        self.assertEqual(batch.state, "proposed")
        with freeze_time(NOW + timedelta(days=7)):
            self.Batch._nightly(self.company)
        self.assertEqual(batch.state, "applied")

    def test_a_waived_customer_stays_and_the_others_go_on(self):
        batch = self._proposed()
        line = batch.line_ids[0]
        line.with_user(self.supervisor).action_waive()
        self._moved(batch)
        self.assertEqual(line.partner_id.user_id, self.anna)
        self.assertEqual(set(batch.line_ids.mapped("state")), {"waived", "applied"})

    def test_another_receiver_is_checked_against_the_hard_rules(self):
        batch = self._proposed()
        line = batch.line_ids[0].with_user(self.supervisor)
        for wrong in (self.anna, self.env["res.users"]):
            with self.assertRaises(UserError):
                line._set_receiver(wrong)
        with self.assertRaises(AccessError):
            line._set_receiver(self.supervisor)
        with self.assertRaises(AccessError):
            line._set_receiver(self.dmitri)
        wizard = (
            self.env["discipline.redistribution.receiver"]
            .with_user(self.administrator)
            .create({"line_ids": line.ids, "user_to_id": self.dmitri.id})
        )
        self.assertIn("has not said that he takes more", wizard.warning)
        wizard.action_choose()
        self.assertEqual(line.user_to_id, self.dmitri)
        self.assertIn("chosen by Administrator", line.explanation)

    def test_two_supervisors_cannot_approve_at_once(self):
        batch = self._proposed()
        batch.with_user(self.supervisor).action_approve()
        with self.assertRaises(UserError):
            batch.with_user(self.administrator).action_approve()

    def test_a_cancelled_batch_frees_its_customers(self):
        batch = self._proposed()
        batch.with_user(self.supervisor).action_cancel()
        self.assertEqual(set(batch.line_ids.mapped("state")), {"cancelled"})
        self.assertTrue(self.Batch._propose(self.company, "selection", self.neglected, reason="again"))

    # ------------------------------------------------------------------
    # The open ledger
    # ------------------------------------------------------------------

    def test_every_manager_reads_who_got_what_and_why(self):
        batch = self._proposed()
        lines = self.Line.with_user(self.dmitri).search([("redistribution_id", "=", batch.id)])
        self.assertEqual(len(lines), 4)
        self.assertIn("0 of 4 contacts", lines[0].explanation)

    def test_before_and_after_are_shown_for_each_manager_concerned(self):
        batch = self._proposed()
        anna = batch.manager_ids.filtered(lambda row: row.user_id == self.anna)
        self.assertEqual((anna.customers_before, anna.gives, anna.customers_after), (4, 4, 0))
        self.assertEqual((anna.load_before, anna.load_after), (16, 0))
        # 21 working days with 15 contacts each
        self.assertEqual(anna.capacity, 315)
        receivers = batch.manager_ids - anna
        self.assertEqual(sum(receivers.mapped("receives")), 4)
