"""What protects a customer holds when he is proposed, when he is approved, and when he would move."""

from datetime import timedelta

from freezegun import freeze_time
from odoo.exceptions import UserError
from odoo.tests import tagged

from ..models.discipline_redistribution import CAUSES
from ..models.discipline_redistribution_protect import PROTECTING
from .common import NOW, TODAY
from .redistribution_common import RedistributionCommon

REASONS = {"protected": "An exception protects it", "deal": "An open deal in a late stage protects it"}


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestProtection(RedistributionCommon):
    def setUp(self):
        super().setUp()
        self.env.cr.execute("UPDATE discipline_policy SET late_stage_probability = 80")
        self.env.invalidate_all()
        self.first, self.second = self.neglected[:2]

    def _keep(self, customer):
        """Agree, as a supervisor, that this customer is not to be withdrawn for a month."""
        self.env["discipline.exception"].with_user(self.anna).create(
            {
                "partner_id": customer.id,
                "kind": "keep",
                "date_from": TODAY,
                "date_until": TODAY + timedelta(days=30),
                "reason": "agreed",
            }
        ).with_user(self.supervisor).action_approve()

    def _deal(self, customer, probability=90):
        lead = self.env["crm.lead"].create(
            {"name": "Nearly won", "type": "opportunity", "partner_id": customer.id, "user_id": self.anna.id}
        )
        lead.probability = probability

    def _protect(self):
        """Protect the first customer by an exception and the second by a late deal; an early deal protects nobody."""
        self._keep(self.first)
        self._deal(self.second)
        self._deal(self.neglected[2], probability=20)

    def _reasons(self, batch):
        self.env.invalidate_all()
        return {line.partner_id: line.skip_reason for line in batch.line_ids.sudo() if line.state == "skipped"}

    # ------------------------------------------------------------------
    # When they are proposed
    # ------------------------------------------------------------------

    def test_protected_customers_are_skipped_and_each_line_says_why(self):
        self._protect()
        has = self.kept[1]
        for cause in ("selection", "unfilled", "unreachable"):
            with self.subTest(cause=cause):
                batch = self.Batch._propose(
                    self.company, cause, self.neglected | has, reason="Office", receiver=self.clara
                )
                self.assertEqual(
                    self._reasons(batch), {self.first: "protected", self.second: "deal", has: "same"}, cause
                )
                self.assertEqual(
                    batch.line_ids.filtered(lambda line: line.state == "proposed").partner_id, self.neglected[2:]
                )
                for line in batch.line_ids.filtered(lambda line: line.skip_reason in REASONS):
                    self.assertIn(REASONS[line.skip_reason], line.explanation)
                batch._cancel()

    # ------------------------------------------------------------------
    # When they are approved, and when they would move
    # ------------------------------------------------------------------

    def _decided(self, cause):
        batch = self.Batch._propose(self.company, cause, self.neglected, reason="Office", receiver=self.clara)
        return self._after_appeals(batch).with_user(self.administrator)

    def test_what_came_to_protect_a_customer_meanwhile_stops_his_approval(self):
        for cause in PROTECTING:
            with self._each(cause):
                batch = self._decided(cause)
                self._protect()
                note = batch.action_approve()
                self.assertEqual(self._reasons(batch), {self.first: "protected", self.second: "deal"})
                for customer, why in ((self.first, "protected"), (self.second, "deal")):
                    self.assertIn(f"Skipped ({REASONS[why]}): {customer.name}.", note["params"]["message"])
                batch.action_apply()
                self.assertEqual((self.first | self.second).user_id, self.anna)
                self.assertEqual(self.neglected[2:].user_id, self.clara)

    def test_a_single_line_is_not_approved_either(self):
        batch = self._decided("selection")
        self._protect()
        batch.line_ids.action_approve()
        self.assertEqual(self._reasons(batch), {self.first: "protected", self.second: "deal"})

    def test_what_came_to_protect_a_customer_after_his_approval_stops_him_from_moving(self):
        for cause in PROTECTING:
            with self._each(cause):
                batch = self._decided(cause)
                batch.action_approve()
                self._protect()
                note = batch.action_apply()
                self.assertEqual(self._reasons(batch), {self.first: "protected", self.second: "deal"})
                self.assertIn(self.first.name, note["params"]["message"])
                self.assertEqual((self.first | self.second).user_id, self.anna)
                self.assertEqual(self.neglected[2:].user_id, self.clara)

    def test_it_stops_what_the_policy_would_let_go_by_itself(self):
        batch = self._decided("missed")
        self.env.cr.execute("UPDATE discipline_policy SET approval = 'automatic'")
        self.env.invalidate_all()
        self._protect()
        self.Batch._carry_out_automatic(self.company)
        self.assertEqual(self._reasons(batch), {self.first: "protected", self.second: "deal"})
        self.assertEqual(self.neglected[2:].user_id, self.clara)

    def test_whoever_is_not_taken_away_against_his_managers_will_moves_all_the_same(self):
        others = [cause for cause, _label in CAUSES if cause not in PROTECTING]
        self.assertEqual(others, ["orphan", "departure", "request"])
        for cause in others:
            with self._each(cause):
                batch = self._decided(cause)
                self._protect()
                batch.action_approve()
                batch.action_apply()
                self.assertFalse(self._reasons(batch))
                self.assertEqual(self.neglected.user_id, self.clara)

    def test_the_cooldown_is_asked_for_when_they_are_proposed_only(self):
        batch = self._decided("selection")
        batch.action_approve()
        batch.action_apply()
        again = self.Batch._propose(self.company, "selection", self.neglected, reason="Office", receiver=self.boris)
        self.assertEqual(set(again.line_ids.mapped("skip_reason")), {"cooldown"})
        # a supervisor may choose otherwise
        again = again.with_user(self.administrator)
        again.line_ids[0]._set_receiver(self.dmitri)
        again.action_approve()
        again.action_apply()
        self.assertEqual(again.line_ids[0].partner_id.user_id, self.dmitri)
        self.assertEqual(again.line_ids[1:].partner_id.user_id, self.clara)

    def test_the_overloaded_managers_own_choice_is_not_hindered(self):
        batch = self.Batch._propose(self.company, "overload", self.neglected[2], reason="Too many", receiver=self.clara)
        self._protect()
        batch.line_ids.with_user(self.anna)._swap(self.first.discipline_id)
        batch = batch.with_user(self.supervisor)
        batch.action_approve()
        batch.action_apply()
        self.assertEqual(self.first.user_id, self.clara)

    def test_no_receiver_is_chosen_for_whom_something_protects(self):
        self._protect()
        batch = self._decided("selection")
        for line, why in ((batch.line_ids[0], "protected"), (batch.line_ids[1], "deal")):
            with self.assertRaisesRegex(UserError, f"{line.customer_name} stays where it is: {REASONS[why]}"):
                line._set_receiver(self.boris)
        batch.line_ids[2]._set_receiver(self.boris)

    # ------------------------------------------------------------------
    # Nor does he return
    # ------------------------------------------------------------------

    def test_an_orphan_does_not_return_to_whoever_lost_him_lately(self):
        self._moved(self._proposed(), self.administrator)
        for customer in self.neglected:
            self._assign(customer, self.env["res.users"], TODAY)
        # Anna has no customer left, so that without the cooldown she would come first
        batch = self.Batch._propose_orphans(self.company)
        lines = batch.line_ids.filtered(lambda line: line.partner_id in self.neglected)
        self.assertEqual((len(lines), set(lines.mapped("state"))), (4, {"proposed"}))
        self.assertNotIn(self.anna, lines.user_to_id)
        line = batch.line_ids.filtered(lambda line: line.partner_id == self.first).with_user(self.administrator)
        with self.assertRaisesRegex(UserError, f"Anna lost {self.first.name} lately"):
            line._set_receiver(self.anna)
        batch._cancel()
        with freeze_time(NOW + timedelta(days=200)):
            batch = self.Batch._propose_orphans(self.company)
            lines = batch.line_ids.filtered(lambda line: line.partner_id in self.neglected)
            self.assertIn(self.anna, lines.user_to_id)
            line = batch.line_ids.filtered(lambda line: line.partner_id == self.first)
            line.with_user(self.administrator)._set_receiver(self.anna)
            self.assertEqual(line.user_to_id, self.anna)

    def test_the_loss_a_day_before_the_cooldown_ends_still_counts(self):
        batch = self._moved(self._proposed(), self.administrator)
        days = batch.policy_id.cooldown_days
        for passed, barred in ((days - 1, {self.anna.id}), (days, set())):
            batch.line_ids.sudo().applied_on = TODAY - timedelta(days=passed)
            found = self.Batch._barred(batch.policy_id.sudo(), self.first.ids)
            self.assertEqual(set(found.get(self.first.id, ())), barred, passed)

    def test_a_deal_of_an_employee_or_of_the_group_protects_the_customer(self):
        branch = self._customer("Branch", self.anna)
        person = self.env["res.partner"].create({"name": "Person", "parent_id": branch.id})
        branch.customer_group_id = self.first
        batch = self._decided("selection")
        self._deal(person)
        batch.action_approve()
        self.assertEqual(self._reasons(batch), {self.first: "deal"})
