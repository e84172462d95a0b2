"""Dividing the base: lists are drafted by managers, decided by the head of sales, and act when they are approved."""

from datetime import date, datetime

from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .common import NOW, DisciplineCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestClaims(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.orphan = cls._customer("Orphan")
        cls.wanted = cls._customer("Wanted")
        cls.held = cls._customer("Held", cls.clara)
        cls.Claims = cls.env["discipline.claim.list"]

    def _list(self, user, *customers, submit=True):
        record = self.Claims.with_user(user).create(
            {"claim_ids": [Command.create({"partner_id": customer.id}) for customer in customers]}
        )
        if submit:
            record.action_submit()
        return record

    def _claim(self, record, customer):
        return record.claim_ids.filtered(lambda claim: claim.partner_id == customer)

    def test_only_an_approved_list_takes_effect(self):
        record = self._list(self.anna, self.orphan, submit=False)
        self.assertFalse(self.orphan.user_id)
        record.action_submit()
        self.assertFalse(self.orphan.user_id)
        record.with_user(self.supervisor).action_approve()
        self.assertEqual(self.orphan.user_id, self.anna)
        row = self.orphan.discipline_assignment_ids
        self.assertEqual((row.origin, row.user_id, row.reason), ("list", self.anna, "Approved: List of Anna"))
        self.assertEqual((record.state, record.decided_by_id), ("approved", self.supervisor))

    def test_a_returned_list_changes_nothing_and_can_be_reworked(self):
        record = self._list(self.anna, self.orphan)
        record.with_user(self.supervisor).action_return()
        self.assertFalse(self.orphan.user_id)
        record.claim_ids.unlink()
        record.claim_ids = [Command.create({"partner_id": self.wanted.id})]
        record.action_submit()
        record.with_user(self.supervisor).action_approve()
        self.assertEqual((self.orphan.user_id.id, self.wanted.user_id), (False, self.anna))

    def test_a_customer_claimed_by_two_shows_who_sold_and_who_contacted(self):
        lead = self.env["crm.lead"].create(
            {
                "name": "Deal",
                "type": "opportunity",
                "partner_id": self.wanted.id,
                "user_id": self.boris.id,
                "expected_revenue": 500,
                "stage_id": self.env["crm.stage"].create({"name": "Won it", "is_won": True}).id,
                "probability": 100,
                "date_closed": datetime(2025, 2, 3, 12, 0),
            }
        )
        self.assertEqual(lead.won_status, "won")
        self._log(self.wanted, self.anna, datetime(2025, 3, 6, 9, 0))
        self._log(self.wanted, self.anna, datetime(2025, 3, 5, 9, 0))
        # longer ago than 12 months
        self._log(self.wanted, self.dmitri, datetime(2024, 3, 5, 9, 0))
        anna, boris = self._list(self.anna, self.wanted, self.orphan), self._list(self.boris, self.wanted)
        claim = self._claim(anna, self.wanted)
        self.assertTrue(claim.is_disputed)
        self.assertEqual(claim.with_user(self.supervisor).rivals, "Boris")
        self.assertIn("Boris", claim.sold)
        self.assertIn("500", claim.sold)
        self.assertEqual(claim.contacted, "Anna 2 (last 03/06/2025)")
        self.assertEqual((anna.conflict_count, boris.conflict_count), (1, 1))
        self.assertFalse(self._claim(anna, self.orphan).is_disputed)
        disputed = self.env["discipline.claim"].search([("is_disputed", "=", True)])
        self.assertEqual(disputed, claim | boris.claim_ids)
        with self.assertRaisesRegex(UserError, "1 customers of this list are in dispute, Wanted first"):
            anna.with_user(self.supervisor).action_approve()
        claim.with_user(self.supervisor).action_accept()
        rival = boris.claim_ids
        self.assertEqual((rival.state, rival.decision_note), ("refused", "Given to Anna"))
        self.assertFalse(self.wanted.user_id)
        anna.with_user(self.supervisor).action_approve()
        boris.with_user(self.supervisor).action_approve()
        self.assertEqual(self.wanted.user_id, self.anna)

    def test_a_customer_that_somebody_holds_is_in_dispute(self):
        record = self._list(self.anna, self.held)
        self.assertTrue(record.claim_ids.is_disputed)
        record.claim_ids.with_user(self.supervisor).action_refuse()
        record.with_user(self.supervisor).action_approve()
        self.assertEqual(self.held.user_id, self.clara)
        record = self._list(self.anna, self.held)
        record.claim_ids.with_user(self.supervisor).action_accept()
        record.with_user(self.supervisor).action_approve()
        self.assertEqual(self.held.user_id, self.anna)

    def test_who_may_do_what(self):
        record = self._list(self.anna, self.orphan)
        for attempt in (
            lambda: record.with_user(self.anna).action_approve(),
            lambda: record.claim_ids.with_user(self.anna).action_accept(),
            lambda: record.with_user(self.anna).write({"state": "approved"}),
            lambda: record.claim_ids.with_user(self.anna).write({"state": "accepted"}),
            lambda: record.with_user(self.boris).action_take_back(),
            lambda: record.with_user(self.boris).read(["note"]),
            lambda: self._list(self.dmitri, self.orphan).with_user(self.supervisor).action_approve(),
            # nobody decides about his own list
            lambda: self._list(self.supervisor, self.orphan).with_user(self.supervisor).action_approve(),
        ):
            with self.assertRaises(AccessError):
                attempt()
        self.assertFalse(self.orphan.user_id)
        # a list that was made for a colleague is one's own
        forged = self.Claims.with_user(self.anna).create({"user_id": self.boris.id, "state": "approved"})
        self.assertEqual((forged.user_id, forged.state), (self.anna, "draft"))
        with self.assertRaises(UserError):
            self.env["discipline.claim"].with_user(self.anna).create(
                {"list_id": record.id, "partner_id": self.wanted.id}
            )

    def test_a_leader_does_not_take_customers_of_another_team(self):
        self._assign(self.held, self.dmitri, date(2025, 2, 1))
        record = self._list(self.anna, self.held)
        with self.assertRaisesRegex(AccessError, "Held is a customer of Dmitri"):
            record.claim_ids.with_user(self.supervisor).action_accept()
        record.claim_ids.with_user(self.administrator).action_accept()
        record.with_user(self.supervisor).action_approve()
        self.assertEqual(self.held.user_id, self.anna)

    def test_customers_are_added_from_the_base_once(self):
        customers = (self.orphan | self.wanted).discipline_id.with_user(self.anna)
        first = self.Claims.browse(customers.action_claim()["res_id"])
        again = self.Claims.browse(customers.action_claim()["res_id"])
        self.assertEqual(first, again)
        self.assertEqual(first.claim_ids.partner_id, self.orphan | self.wanted)

    def test_facts_of_a_long_list_cost_no_more_statements(self):
        counts = []
        for size in (3, 30):
            customers = [self._customer(f"Many {size} {number}") for number in range(size)]
            record = self._list(self.anna, *customers)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            record.with_user(self.supervisor).claim_ids.read(["rivals", "sold", "contacted", "is_disputed"])
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[1], counts[0])


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestAssignByHand(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customers = cls._customer("First", cls.anna) | cls._customer("Second")

    def _wizard(self, user, receiver, reason="Agreed"):
        return (
            self.env["discipline.assign"]
            .with_user(user)
            .with_context(active_model="res.partner", active_ids=self.customers.ids)
            .create({"user_id": receiver.id, "reason": reason})
        )

    def test_a_selection_is_assigned_at_once_with_a_reason(self):
        self._wizard(self.supervisor, self.boris).action_assign()
        self.assertEqual(self.customers.user_id, self.boris)
        rows = self.customers.discipline_assignment_ids.filtered(lambda row: not row.date_to)
        self.assertEqual(set(rows.mapped("reason")), {"Agreed"})
        self.assertEqual(set(rows.mapped("origin")), {"manual"})

    def test_by_rpc_the_same_rules_hold(self):
        Customer = self.env["discipline.customer"]
        ids = self.customers.discipline_id.ids
        for user, receiver in (
            (self.anna, self.anna),
            (self.anna, self.boris),
            (self.supervisor, self.dmitri),
            (self.supervisor, self.supervisor),
        ):
            with self.assertRaises(AccessError):
                Customer.with_user(user).assign(ids, receiver.id, "why")
        with self.assertRaises(UserError):
            Customer.with_user(self.supervisor).assign(ids, self.boris.id, "  ")
        with self.assertRaises(AccessError):
            Customer.browse(ids).with_user(self.supervisor).write({"user_id": self.boris.id})
        self.assertEqual(self.customers[0].user_id, self.anna)
        self.assertEqual(Customer.with_user(self.administrator).assign(ids, self.dmitri.id, "why"), 2)
        self.assertEqual(Customer.with_user(self.administrator).assign(ids, False, "free"), 2)
        self.assertFalse(self.customers.user_id)

    def test_an_archived_manager_receives_nobody(self):
        self.boris.active = False
        with self.assertRaisesRegex(UserError, "Boris is archived"):
            self._wizard(self.supervisor, self.boris).action_assign()
