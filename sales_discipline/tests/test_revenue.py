"""The ledger of purchases: fed by won opportunities and by other systems, corrected by voiding, never by editing."""

from datetime import date, datetime

from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import NOW, DisciplineCommon


class PurchaseCommon(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Revenue = cls.env["discipline.revenue"]
        cls.won_stage = cls.env["crm.stage"].create({"name": "Won it is", "is_won": True, "sequence": 70})
        cls.first_stage = cls.env["crm.stage"].create({"name": "Begun", "sequence": 1})

    @classmethod
    def _deal(cls, partner, amount, won=True, **values):
        return cls.env["crm.lead"].create(
            {
                "name": f"Deal of {amount}",
                "type": "opportunity",
                "partner_id": partner.id,
                "expected_revenue": amount,
                "stage_id": (cls.won_stage if won else cls.first_stage).id,
                **({"probability": 100} if won else {}),
                **values,
            }
        )

    def _rows(self, deal, valid=True):
        domain = [("lead_id", "=", deal.id)]
        if valid:
            domain.append(("voided_at", "=", False))
        return self.Revenue.search(domain)

    def _purchase(self, **values):
        return {
            "source_ref": "1C-1",
            "partner_id": self.customer.id,
            "date": "2025-03-03",
            "amount": 100,
            "kind": "invoice",
            **values,
        }


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestDeals(PurchaseCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer = cls._customer("Buyer", cls.anna)

    def test_a_won_opportunity_is_one_purchase_of_the_customer(self):
        employee = self.env["res.partner"].create({"name": "Employee", "parent_id": self.customer.id})
        deal = self._deal(employee, 500, won=False)
        self.assertFalse(self._rows(deal))
        deal.action_set_won()
        row = self._rows(deal)
        self.assertEqual(row.partner_id, self.customer)
        self.assertEqual(row.customer_ref, self.customer.id)
        self.assertEqual((row.amount, row.kind, row.source_ref), (500, "deal", f"lead:{deal.id}"))
        self.assertEqual(row.date, date(2025, 3, 10))
        self.assertEqual(self.customer.discipline_revenue_12m, 500)

    def test_the_day_of_a_purchase_is_the_local_day_of_the_company(self):
        self.company.resource_calendar_id.tz = "Asia/Vladivostok"
        deal = self._deal(self.customer, 500, date_closed=datetime(2025, 3, 5, 20, 0))
        self.assertEqual(self._rows(deal).date, date(2025, 3, 6))

    def test_a_reopened_deal_is_no_purchase_any_more_and_the_old_one_stays_visible(self):
        deal = self._deal(self.customer, 500)
        first = self._rows(deal)
        deal.write({"stage_id": self.first_stage.id, "probability": 20})
        self.assertTrue(first.voided_at)
        self.assertTrue(first.void_reason)
        self.assertFalse(self._rows(deal))
        self.assertEqual(self.customer.discipline_revenue_12m, 0)
        deal.action_set_won()
        self.assertEqual(len(self._rows(deal)), 1)
        self.assertEqual(len(self._rows(deal, valid=False)), 2)

    def test_a_lost_deal_is_no_purchase_any_more(self):
        deal = self._deal(self.customer, 500)
        reason = self.env["crm.lost.reason"].create({"name": "Price"})
        deal.write({"stage_id": self.first_stage.id, "active": False, "probability": 0, "lost_reason_id": reason.id})
        self.assertEqual(deal.won_status, "lost")
        self.assertFalse(self._rows(deal))

    def test_another_sum_or_customer_replaces_the_purchase(self):
        other = self._customer("Other", self.anna)
        deal = self._deal(self.customer, 500)
        deal.expected_revenue = 700
        self.assertEqual(self._rows(deal).amount, 700)
        deal.partner_id = other
        self.assertEqual(self._rows(deal).partner_id, other)
        self.assertEqual(self.customer.discipline_revenue_12m, 0)
        self.assertEqual(other.discipline_revenue_12m, 700)

    def test_archiving_a_won_deal_does_not_move_its_purchase_to_today(self):
        deal = self._deal(self.customer, 500, date_closed=datetime(2025, 2, 3, 12, 0))
        row = self._rows(deal)
        deal.action_archive()
        self.assertEqual(self._rows(deal), row)
        self.assertEqual(row.date, date(2025, 2, 3))

    def test_deleting_a_deal_or_its_customer_never_deletes_the_purchase(self):
        deal = self._deal(self.customer, 500)
        row = self._rows(deal)
        deal.unlink()
        self.Revenue._reconcile(self.company)
        self.assertTrue(row.exists())
        self.assertFalse(row.voided_at)
        other = self._customer("Other", self.anna)
        row = self._rows(self._deal(other, 50))
        number = other.id
        other.unlink()
        self.Revenue._reconcile(self.company)
        self.assertFalse(row.voided_at)
        self.assertEqual(row.customer_ref, number)

    def test_what_came_past_the_orm_is_found_at_night_and_a_second_night_changes_nothing(self):
        kept = self._deal(self.customer, 500)
        lost = self._deal(self.customer, 300)
        won = self._deal(self.customer, 200, won=False)
        self.env.flush_all()
        self.env.cr.execute("UPDATE crm_lead SET probability = 0 WHERE id = %s", [lost.id])
        self.env.cr.execute(
            "UPDATE crm_lead SET probability = 100, stage_id = %s, date_closed = '2025-03-04 10:00' WHERE id = %s",
            [self.won_stage.id, won.id],
        )
        self.env.invalidate_all()
        before = self._rows(kept)
        self.Revenue._reconcile(self.company)
        self.assertEqual(self._rows(kept), before)
        self.assertFalse(self._rows(lost))
        self.assertEqual(self._rows(won).date, date(2025, 3, 4))
        self.assertEqual(self.customer.discipline_revenue_12m, 700)
        rows = self.Revenue.search([])
        self.Revenue._reconcile(self.company)
        self.assertEqual(self.Revenue.search([]), rows)

    def test_the_nightly_look_costs_the_same_number_of_statements_at_any_size(self):
        counts = []
        for size in (3, 30):
            customers = [self._customer(f"Buyer {size} {number}", self.anna) for number in range(size)]
            for customer in customers:
                self._deal(customer, 100, won=False)
            self.env.flush_all()
            self.env.cr.execute(
                "UPDATE crm_lead SET probability = 100, stage_id = %s WHERE partner_id = ANY(%s)",
                [self.won_stage.id, [customer.id for customer in customers]],
            )
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.Revenue._reconcile(self.company)
            counts.append(self.env.cr.sql_log_count - before)
            self.assertEqual(self.Revenue.search_count([("partner_id", "in", [c.id for c in customers])]), size)
        self.assertEqual(counts[0], counts[1])

    def test_purchases_of_a_member_are_the_purchases_of_its_group(self):
        head = self._customer("Head", self.anna)
        deal = self._deal(self.customer, 500)
        self.customer.sudo().customer_group_id = head
        row = self._rows(deal)
        self.assertEqual((row.partner_id, row.buyer_id), (head, self.customer))
        self.assertEqual(head.discipline_revenue_12m, 500)
        self.customer.sudo().customer_group_id = False
        self.assertEqual(row.partner_id, self.customer)
        self.assertEqual(head.discipline_revenue_12m, 0)

    def test_merged_customers_keep_all_purchases(self):
        twin = self._customer("Twin", self.anna)
        self._deal(self.customer, 500)
        self._deal(twin, 300)
        number = self.Revenue.search_count([])
        self.env["base.partner.merge.automatic.wizard"]._merge((self.customer | twin).ids, self.customer)
        self.assertEqual(self.Revenue.search_count([]), number)
        rows = self.Revenue.search([("customer_ref", "=", self.customer.id)])
        self.assertEqual(sorted(rows.mapped("amount")), [300, 500])
        self.assertEqual(rows.partner_id, self.customer)
        self.assertEqual(self.customer.discipline_revenue_12m, 800)
        self.Revenue._reconcile(self.company)
        self.assertFalse(rows.filtered("voided_at"))

    def test_merged_opportunities_are_one_purchase(self):
        deals = self._deal(self.customer, 500) | self._deal(self.customer, 500)
        head = deals.merge_opportunity()
        rows = self.Revenue.search([("partner_id", "=", self.customer.id), ("voided_at", "=", False)])
        self.assertEqual(rows.lead_id, head)
        self.assertEqual(len(rows), 1)

    def test_a_manager_sees_his_customers_purchases_only(self):
        mine = self._rows(self._deal(self.customer, 500))
        other = self._rows(self._deal(self._customer("Other", self.boris), 500))
        self.assertEqual(self.Revenue.with_user(self.anna).search([("id", "in", (mine | other).ids)]), mine)
        self.assertEqual(len(self.Revenue.with_user(self.supervisor).search([("id", "in", (mine | other).ids)])), 2)

    def test_the_ledger_cannot_be_edited_by_anyone(self):
        row = self._rows(self._deal(self.customer, 500))
        with self.assertRaises(UserError):
            row.write({"amount": 1})
        with self.assertRaises(UserError):
            row.unlink()
        with self.assertRaises(UserError):
            row.copy()


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestRecordPurchases(PurchaseCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer = cls._customer("Buyer", cls.anna, ref="C-7")
        cls.company.discipline_revenue_kinds = "invoice"
        cls.Door = cls.Revenue.with_user(cls.administrator)

    def _valid(self):
        return self.Revenue.search([("partner_id", "=", self.customer.id), ("voided_at", "=", False)])

    def test_another_system_brings_purchases_and_returns(self):
        result = self.Door.record_purchases(
            [
                self._purchase(amount=100.10),
                self._purchase(source_ref="1C-2", partner_id=None, partner_ref="C-7", amount="-0.10", kind="return"),
            ]
        )
        self.assertEqual((result["created"], result["corrected"], result["unchanged"]), (2, 0, 0))
        self.assertEqual(self.Revenue.browse(result["ids"]).mapped("source_ref"), ["1C-1", "1C-2"])
        self.assertEqual(self.customer.discipline_revenue_12m, 100)

    def test_the_same_purchase_comes_in_once(self):
        first = self.Door.record_purchases([self._purchase()])
        again = self.Door.record_purchases([self._purchase()])
        self.assertEqual(again, {"created": 0, "corrected": 0, "unchanged": 1, "ids": first["ids"]})
        self.assertEqual(len(self._valid()), 1)

    def test_a_corrected_purchase_replaces_the_old_one_which_stays_visible(self):
        first = self.Door.record_purchases([self._purchase()])
        again = self.Door.record_purchases([self._purchase(amount=90)])
        self.assertEqual((again["created"], again["corrected"]), (0, 1))
        self.assertEqual(self._valid().amount, 90)
        old = self.Revenue.browse(first["ids"])
        self.assertEqual((old.voided_by_id, old.amount), (self.administrator, 100))

    def test_other_kinds_than_the_settings_say_make_no_revenue_but_returns_do(self):
        self.Door.record_purchases(
            [
                self._purchase(),
                self._purchase(source_ref="P-1", kind="payment", amount=77),
                self._purchase(source_ref="R-1", kind="return", amount=-30),
            ]
        )
        self.assertEqual(self.customer.discipline_revenue_12m, 70)

    def test_bad_purchases_are_refused_with_a_sentence_each_and_none_is_taken(self):
        bad = {
            "has no source number": self._purchase(source_ref=" "),
            "belong to won opportunities": self._purchase(source_ref="lead:1"),
            "there is no customer": self._purchase(source_ref="x1", partner_id=2**31 - 1),
            "there is no customer “nobody”": self._purchase(source_ref="x2", partner_id=None, partner_ref="nobody"),
            "names no customer": self._purchase(source_ref="x3", partner_id=None),
            "amount of 0": self._purchase(source_ref="x4", amount=0),
            "amount of 0:": self._purchase(source_ref="x5", amount=0.001),
            "is not an amount": self._purchase(source_ref="x6", amount="1 000,50"),
            "is not a kind": self._purchase(source_ref="x7", kind="gift"),
            "still to come": self._purchase(source_ref="x8", date="2025-03-11"),
            "is not a date": self._purchase(source_ref="x9", date="31.03.2025"),
            "a return has a negative amount": self._purchase(source_ref="x10", kind="return"),
            "every other purchase a positive one": self._purchase(source_ref="x11", amount=-5),
        }
        for sentence, purchase in bad.items():
            with self.subTest(sentence), self.assertRaisesRegex(UserError, sentence):
                self.Door.record_purchases([self._purchase(source_ref="good"), purchase])
        with self.assertRaises(UserError) as caught:
            self.Door.record_purchases(list(bad.values()))
        self.assertEqual(len(str(caught.exception).splitlines()), 11)
        self.assertIn("and 3 more", str(caught.exception))
        with self.assertRaisesRegex(UserError, "stands twice"):
            self.Door.record_purchases([self._purchase(), self._purchase()])
        self.assertFalse(self._valid())

    def test_a_reference_that_two_customers_have_is_refused(self):
        self._customer("Namesake", self.anna, ref="C-7")
        with self.assertRaisesRegex(UserError, "several customers"):
            self.Door.record_purchases([self._purchase(partner_id=None, partner_ref="C-7")])

    def test_only_a_sales_administrator_brings_purchases(self):
        for user in (self.anna, self.supervisor):
            with self.assertRaises(AccessError):
                self.Revenue.with_user(user).record_purchases([self._purchase()])
            with self.assertRaises(AccessError):
                self.Revenue.with_user(user).void_purchases(["1C-1"], "why")
            with self.assertRaises(UserError):
                self.Revenue.with_user(user).create(self._purchase())

    def test_a_purchase_that_was_taken_back_is_voided_with_a_reason(self):
        self.Door.record_purchases([self._purchase()])
        with self.assertRaises(UserError):
            self.Door.void_purchases(["1C-1"], "  ")
        self.assertEqual(self.Door.void_purchases(["1C-1", "unknown"], "Cancelled in 1C"), 1)
        self.assertFalse(self._valid())
        self.assertEqual(self.customer.discipline_revenue_12m, 0)
        self.assertEqual(self.Door.record_purchases([self._purchase()])["created"], 1)

    def test_a_wrong_purchase_is_voided_by_hand_with_a_reason_but_one_of_a_deal_with_its_deal(self):
        row = self.Revenue.browse(self.Door.record_purchases([self._purchase()])["ids"])
        deal = self._rows(self._deal(self.customer, 500))
        Void = self.env["discipline.revenue.void"].with_user(self.administrator)
        with self.assertRaisesRegex(UserError, "follows “Deal of 500”"):
            Void.create({"revenue_ids": deal.ids, "reason": "why"}).action_void()
        Void.create({"revenue_ids": row.ids, "reason": "Twice in 1C"}).action_void()
        self.assertEqual((row.void_reason, row.voided_by_id), ("Twice in 1C", self.administrator))
        self.assertEqual(self.customer.discipline_revenue_12m, 0)
        with self.assertRaises(AccessError):
            self.env["discipline.revenue.void"].with_user(self.supervisor).create(
                {"revenue_ids": row.ids, "reason": "why"}
            )

    def test_a_company_that_the_user_does_not_work_in_is_refused(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        with self.assertRaises(UserError):
            self.Door.record_purchases([self._purchase(company_id=other.id)])

    def test_a_large_delivery_costs_the_same_number_of_statements(self):
        counts = []
        for size in (10, 200):
            rows = [self._purchase(source_ref=f"big {size} {number}") for number in range(size)]
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            self.Door.record_purchases(rows)
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[1], counts[0])
