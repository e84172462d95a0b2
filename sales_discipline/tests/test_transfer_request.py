from datetime import date

from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged, users

from .common import NOW, TODAY, DisciplineCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestTransferRequest(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer = cls._customer("Old Friend", cls.boris, cls.class_a)
        cls.Request = cls.env["discipline.transfer.request"]
        cls.policy = cls.env["discipline.policy"]._policy_on(cls.company, TODAY)

    def _ask(self, user=None, receiver=None, customer=None):
        user = user or self.anna
        return self.Request.with_user(user)._request(customer or self.customer, receiver or user, "We studied together")

    def test_a_colleagues_customer_moves_when_he_agrees_and_a_supervisor_approves(self):
        request = self._ask()
        self.assertEqual(
            (request.state, request.user_from_id, request.user_to_id), ("requested", self.boris, self.anna)
        )
        with self.assertRaises(AccessError):
            request.with_user(self.supervisor).action_approve()
        request.with_user(self.boris).action_agree()
        self.assertEqual(self.customer.user_id, self.boris)
        request.with_user(self.supervisor).action_approve()
        self.assertEqual(self.customer.user_id, self.anna)
        self.assertEqual(
            (request.state, request.line_id.state, request.line_id.cause), ("applied", "applied", "request")
        )
        history = self.env["discipline.assignment"].search(
            [("customer_ref", "=", self.customer.id)], order="id desc", limit=1
        )
        self.assertEqual((history.origin, history.redistribution_line_id), ("request", request.line_id))
        self.assertIn("We studied together", request.line_id.with_user(self.clara).explanation)

    def test_a_transfer_is_told_once_to_each_manager_and_brings_the_customers_story(self):
        request = self._ask()
        request.with_user(self.boris).action_agree()
        before = self.env["mail.message"].search([], order="id desc", limit=1).id
        request.with_user(self.supervisor).action_approve()
        told = self.env["mail.message"].search([("id", ">", before), ("message_type", "=", "user_notification")])
        self.assertEqual(sorted(told.partner_ids.ids), sorted((self.anna | self.boris).partner_id.ids))
        self.assertEqual(len(told), 2)
        activity = self.customer.activity_ids.filtered(lambda row: row.user_id == self.anna)
        self.assertIn("We studied together", activity.note)

    def test_ones_own_customer_is_offered_and_the_colleague_agrees(self):
        request = self._ask(user=self.boris, receiver=self.clara)
        with self.assertRaises(AccessError):
            request.with_user(self.boris).action_agree()
        request.with_user(self.clara).action_agree()
        request.with_user(self.supervisor).action_approve()
        self.assertEqual(self.customer.user_id, self.clara)

    def test_nobody_asks_for_somebody_else(self):
        with self.assertRaises(AccessError):
            self._ask(user=self.anna, receiver=self.clara)

    def test_nobody_grabs_and_nobody_decides_where_he_gives_or_receives(self):
        request = self._ask(user=self.supervisor)
        request.with_user(self.boris).action_agree()
        with self.assertRaises(AccessError):
            request.with_user(self.supervisor).action_approve()
        with self.assertRaises(AccessError):
            request.with_user(self.supervisor).write({"state": "applied"})
        request.with_user(self.administrator).action_approve()
        self.assertEqual(self.customer.user_id, self.supervisor)

    def test_across_teams_a_sales_administrator_decides(self):
        request = self._ask(user=self.dmitri)
        request.with_user(self.boris).action_agree()
        with self.assertRaises(AccessError):
            request.with_user(self.supervisor).action_approve()
        request.with_user(self.administrator).action_approve()
        self.assertEqual(self.customer.user_id, self.dmitri)

    def test_where_the_policy_trusts_the_managers_their_agreement_moves_the_customer(self):
        self.policy.request_approval = "agreement"
        self._ask().with_user(self.boris).action_agree()
        self.assertEqual(self.customer.user_id, self.anna)

    def test_where_a_supervisor_decides_alone_nobody_else_is_asked(self):
        self.policy.request_approval = "supervisor"
        self._ask().with_user(self.supervisor).action_approve()
        self.assertEqual(self.customer.user_id, self.anna)

    def _protect(self):
        self.env["discipline.exception"].create(
            {
                "partner_id": self.customer.id,
                "kind": "keep",
                "date_from": TODAY,
                "date_until": date(2025, 4, 30),
                "reason": "agreed",
            }
        ).sudo().state = "approved"

    def test_no_request_takes_a_protected_customer_without_his_managers_yes(self):
        self.policy.request_approval = "supervisor"
        self._protect()
        request = self._ask()
        self.assertEqual(request.with_user(self.supervisor).rules_note, "An exception protects it.")
        with self.assertRaises(UserError) as refused:
            request.with_user(self.supervisor).action_approve()
        self.assertIn("without his yes: An exception protects it.", str(refused.exception))
        self.assertEqual(self.customer.user_id, self.boris)
        request.with_user(self.boris).action_agree()
        request.with_user(self.supervisor).action_approve()
        self.assertEqual(self.customer.user_id, self.anna)

    def test_a_protected_customer_may_be_offered_by_his_manager(self):
        self.policy.request_approval = "supervisor"
        self._protect()
        self._ask(user=self.boris, receiver=self.clara).with_user(self.supervisor).action_approve()
        self.assertEqual(self.customer.user_id, self.clara)

    def test_within_the_cooldown_two_managers_do_not_pass_a_customer_on_by_themselves(self):
        self.policy.request_approval = "agreement"
        self._ask().with_user(self.boris).action_agree()
        self.assertEqual(self.customer.user_id, self.anna)
        again = self._ask(user=self.clara)
        again.with_user(self.anna).action_agree()
        self.assertEqual((again.state, self.customer.user_id), ("agreed", self.anna))
        again.with_user(self.supervisor).action_approve()
        self.assertEqual(self.customer.user_id, self.clara)

    def test_whoever_lost_a_customer_for_a_missed_norm_does_not_get_him_back_by_a_request(self):
        batch = self.env["discipline.redistribution"]._propose(self.company, "missed", self.customer)
        batch.line_ids.write({"user_to_id": self.clara.id, "state": "approved", "skip_reason": False})
        batch._apply(batch.line_ids)
        self.assertEqual(self.customer.user_id, self.clara)
        with self.assertRaises(UserError):
            self._ask(user=self.boris)
        with self.assertRaises(UserError):
            self._ask(user=self.clara, receiver=self.boris)
        with freeze_time("2025-06-10 09:00:00"):
            self.assertEqual(self._ask(user=self.boris).state, "requested")

    def test_an_orphan_is_asked_for_and_a_supervisor_gives_him(self):
        orphan = self._customer("Orphan", None, self.class_c)
        self._ask(customer=orphan).with_user(self.supervisor).action_approve()
        self.assertEqual(orphan.user_id, self.anna)

    def test_a_refused_request_says_why_and_changes_nothing(self):
        request = self._ask()
        request.with_user(self.boris).write({"answer": "We are in the middle of a tender"})
        request.with_user(self.boris).action_refuse()
        self.assertEqual((request.state, self.customer.user_id), ("refused", self.boris))
        with self.assertRaises(UserError):
            request.with_user(self.boris).action_agree()

    def test_a_customer_who_changed_hands_meanwhile_is_not_moved(self):
        request = self._ask()
        request.with_user(self.boris).action_agree()
        self._assign(self.customer, self.clara, date(2025, 3, 10))
        with self.assertRaises(UserError):
            request.with_user(self.supervisor).action_approve()
        request.with_user(self.anna).action_withdraw()
        self.assertEqual(request.state, "withdrawn")

    def test_one_open_request_about_a_customer_and_all_of_them_are_counted(self):
        first = self._ask()
        first.with_user(self.anna).action_withdraw()
        with freeze_time("2025-03-11 09:00:00"):
            second = self._ask()
        self.assertEqual((first.request_count, second.request_count), (1, 2))
        with self.assertRaises(UserError):
            self._ask(user=self.clara)

    def test_in_dry_mode_no_customer_moves(self):
        self.company.discipline_dry_mode = True
        request = self._ask()
        request.with_user(self.boris).action_agree()
        with self.assertRaises(UserError):
            request.with_user(self.supervisor).action_approve()

    def test_a_transfer_goes_back_like_any_other_move(self):
        request = self._ask()
        request.with_user(self.boris).action_agree()
        request.with_user(self.supervisor).action_approve()
        request.line_id.with_user(self.supervisor).action_revert()
        self.assertEqual(self.customer.user_id, self.boris)

    @users("sd_clara")
    def test_others_requests_are_not_read(self):
        request = self._ask(user=self.anna)
        self.assertFalse(self.env["discipline.transfer.request"].search([("id", "=", request.id)]))
