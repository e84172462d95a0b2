"""Seeing who has how much: managers side by side, where portfolios came from, the base on a past day."""

from datetime import date, datetime
from unittest.mock import patch

from freezegun import freeze_time
from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from .common import NOW, DisciplineCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestPortfolios(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.discipline_revenue_kinds = "invoice"
        cls.first = cls._customer("First", cls.anna, cls.class_a)
        cls.second = cls._customer("Second", cls.anna, cls.class_b)
        cls.third = cls._customer("Third", cls.boris, cls.class_c, since=date(2025, 2, 1))
        cls.orphan = cls._customer("Orphan", None, cls.class_a)
        cls.number = 0

    def _buys(self, customer, day, amount):
        type(self).number += 1
        self.env["discipline.revenue"].with_user(self.administrator).record_purchases(
            [
                {
                    "source_ref": f"t:{self.number}",
                    "partner_id": customer.id,
                    "date": day,
                    "amount": amount,
                    "kind": "return" if amount < 0 else "invoice",
                }
            ]
        )

    def _row(self, user):
        return (
            self.env["discipline.portfolio"]
            .with_user(self.supervisor)
            .search([("company_id", "=", self.company.id), ("user_id", "=", user and user.id)])
        )

    def test_managers_side_by_side(self):
        self._buys(self.first, "2025-02-03", 300)
        self._buys(self.third, "2025-02-03", 100)
        anna, boris, nobody = self._row(self.anna), self._row(self.boris), self._row(False)
        self.assertEqual((anna.customers, anna.class_first, anna.class_second, anna.class_third), (2, 1, 1, 0))
        # A 4 and B 2 contacts a month; 21 working days of 15 contacts
        self.assertEqual((anna.load, anna.capacity), (6, 21 * 15))
        self.assertEqual((boris.customers, boris.load), (1, 1))
        self.assertEqual((anna.revenue_12m, boris.revenue_12m), (300, 100))
        self.assertTrue(nobody.is_orphans)
        self.assertEqual(nobody.customers, self.env["discipline.customer"].search_count([("is_orphan", "=", True)]))
        # who has none yet is there too
        self.assertEqual((self._row(self.clara).customers, self._row(self.clara).capacity), (0, 21 * 15))
        rows = self.env["discipline.portfolio"].search([("company_id", "=", self.company.id)])
        self.assertAlmostEqual(sum(rows.mapped("share")), 100)
        self.assertEqual(
            sum(rows.mapped("customers")),
            self.env["discipline.customer"].search_count(
                [("in_base", "=", True), ("company_id", "=", self.company.id)]
            ),
        )

    def test_every_sum_is_the_sum_of_what_it_opens(self):
        for user in (self.anna, self.boris, False):
            row = self._row(user)
            action = row.action_customers()
            customers = self.env["discipline.customer"].search(action["domain"])
            self.assertEqual(len(customers), row.customers)
            self.assertAlmostEqual(sum(customers.mapped("revenue_12m")), row.revenue_12m)

    def test_the_pivot_of_where_they_came_from_says_as_of_which_day(self):
        arch = self.env.ref("sales_discipline.discipline_portfolio_origin_view_pivot")._get_combined_arch()
        rows = [node.get("name") for node in arch.iter("field") if node.get("type") == "row"]
        self.assertEqual(rows, ["as_of", "user_id", "source"])
        self.company.discipline_purchases_on = date(2025, 3, 9)
        self.env["discipline.portfolio.origin"]._refresh(self.company)
        groups = (
            self.env["discipline.portfolio.origin"]
            .with_user(self.supervisor)
            .formatted_read_group([("user_id", "=", self.anna.id)], ["as_of:day"], ["customers:sum"])
        )
        self.assertEqual([(row["as_of:day"][0], row["customers:sum"]) for row in groups], [("2025-03-09", 2)])

    def test_groups_stand_in_the_order_of_names_whichever_way_they_are_asked_for(self):
        self.boris.name, self.anna.name = "Aaron", "Zoe"
        Customer = self.env["discipline.customer"]
        domain = [("partner_id", "in", (self.first | self.second | self.third | self.orphan).ids)]
        counts = {self.boris.id: 1, self.anna.id: 2, False: 1}
        for order, users in (
            ("user_id", [self.boris.id, self.anna.id, False]),
            ("user_id desc", [False, self.anna.id, self.boris.id]),
            ("__count desc, user_id desc", [self.anna.id, False, self.boris.id]),
            ("user_id asc nulls first", [False, self.boris.id, self.anna.id]),
        ):
            groups = Customer._read_group(domain, ["user_id"], ["__count"], order=order)
            self.assertEqual([(user.id, count) for user, count in groups], [(u, counts[u]) for u in users], order)
        for offset in (0, 1, 2):
            page = Customer.web_read_group(domain, ["user_id"], ["__count"], limit=1, offset=offset)
            self.assertEqual(page["length"], 3)
            user = page["groups"][0]["user_id"]
            self.assertEqual(user and user[0], (self.boris.id, self.anna.id, False)[offset])
        [total], groups = Customer.formatted_read_grouping_sets(domain, [[], ["user_id"]], ["__count"])
        self.assertEqual(total["__count"], 4)
        self.assertEqual([row["__count"] for row in groups], [1, 2, 1])

    def test_groups_of_a_model_with_very_many_records_are_put_in_order_by_odoo(self):
        self.boris.name, self.anna.name = "Aaron", "Zoe"
        Customer = self.env["discipline.customer"]
        domain = [("partner_id", "in", (self.first | self.third).ids)]
        with patch("odoo.addons.sales_discipline.models.discipline_grouped.MANY", 1):
            page = Customer.web_read_group(domain, ["user_id"], ["__count"], limit=1)
        self.assertEqual((page["groups"][0]["user_id"][0], page["length"]), (self.boris.id, 2))

    def test_how_evenly_the_base_is_divided(self):
        summary = self.env["discipline.portfolio"].with_user(self.supervisor).summary()
        self.assertEqual((summary["heads"]["largest"], summary["heads"]["smallest"]), (2, 0))
        self.assertEqual((summary["load"]["largest"], summary["load"]["smallest"]), (6, 0))
        self.assertIsNone(summary["heads"]["ratio"])
        self.assertGreater(summary["heads"]["variation"], 0)

    def test_a_manager_does_not_see_his_colleagues_portfolios(self):
        for model in ("discipline.portfolio", "discipline.portfolio.origin", "discipline.base.day"):
            with self.assertRaises(AccessError):
                self.env[model].with_user(self.anna).search([])
        with self.assertRaises(AccessError):
            self.env["discipline.portfolio"].with_user(self.anna).summary()

    def test_where_a_portfolio_came_from_and_how_it_grew(self):
        self._assign(self.third, self.anna, date(2025, 2, 8), origin="request")
        # 12 a month before; 30 days since then
        self._buys(self.third, "2025-02-03", 144)
        self._buys(self.third, "2025-02-10", 50)
        self._buys(self.third, "2025-03-03", -20)
        rows = (
            self.env["discipline.portfolio.origin"].with_user(self.supervisor).search([("user_id", "=", self.anna.id)])
        )
        sources = {row.partner_id: row.source for row in rows}
        self.assertEqual(sources, {self.first: "acquired", self.second: "acquired", self.third: "received"})
        row = rows.filtered(lambda row: row.partner_id == self.third)
        self.assertEqual((row.revenue_before, row.revenue_since), (12, 30))
        self.assertAlmostEqual(row.revenue_month, 30.44, places=2)
        self.assertAlmostEqual(row.growth, 18.44, places=2)

    def test_the_base_as_of_a_past_day(self):
        self._assign(self.first, self.boris, date(2025, 2, 10))
        self._assign(self.second, None, date(2025, 2, 20))
        Day = self.env["discipline.base.day"].with_user(self.supervisor)

        def holders(day):
            rows = Day.with_context(discipline_as_of=day).search(
                [("partner_id", "in", (self.first | self.second | self.third).ids)]
            )
            Day.invalidate_model()
            return {row.partner_id: row.user_id for row in rows}

        nobody = self.env["res.users"]
        self.assertEqual(holders("2025-01-15"), {self.first: self.anna, self.second: self.anna})
        # a day belongs to its last holder
        self.assertEqual(holders("2025-02-09")[self.first], self.anna)
        self.assertEqual(holders("2025-02-10")[self.first], self.boris)
        self.assertEqual(holders("2025-02-20"), {self.first: self.boris, self.second: nobody, self.third: self.boris})
        moved = Day.with_context(discipline_as_of="2025-01-15").search([("is_moved", "=", True)])
        self.assertLessEqual(self.first | self.second, moved.partner_id)

    def test_who_had_no_manager_and_left_the_base_was_in_it_until_then(self):
        Day = self.env["discipline.base.day"].with_user(self.supervisor)
        with freeze_time("2025-03-12 09:00"):
            fresh = self._customer("Fresh", None)
        with freeze_time("2025-03-20 09:00"):
            fresh.active = False
        with freeze_time("2025-03-28 09:00"):
            there = {
                day: Day.with_context(discipline_as_of=day).search_count([("id", "=", fresh.id)])
                for day in ("2025-03-11", "2025-03-12", "2025-03-19", "2025-03-20", "2025-03-28")
            }
            self.assertEqual(list(there.values()), [0, 1, 1, 0, 0])
            fresh.active = True
            self.assertEqual(
                (fresh.discipline_id.base_from, fresh.discipline_id.base_until), (date(2025, 3, 28), False)
            )

    def test_the_class_of_a_past_day_is_the_class_of_that_day(self):
        customer = self.first.discipline_id
        with freeze_time("2025-02-03"):
            self.env["discipline.abc.change"]._set_by_hand(customer, self.class_c, False, "why")
        self.env["discipline.abc.change"]._come_into_force(self.company, date(2025, 3, 10))
        Day = self.env["discipline.base.day"]
        for day, abc_class in (("2025-02-15", self.class_a), ("2025-03-05", self.class_c)):
            row = Day.with_context(discipline_as_of=day).search([("partner_id", "=", self.first.id)])
            self.assertEqual(row.abc_class_id, abc_class)
            Day.invalidate_model()

    def test_a_customers_ownership_as_a_timeline(self):
        self._assign(self.first, None, date(2025, 2, 10))
        self._assign(self.first, self.boris, date(2025, 2, 20), origin="list")
        self.first.invalidate_recordset()
        line = self.first.discipline_timeline
        self.assertIn("Anna, 01/01/2025 to 02/10/2025", line)
        self.assertIn("nobody, 02/10/2025 to 02/20/2025", line)
        self.assertIn("Boris, since 02/20/2025", line)
        self.assertIn("Approved List", line)
        self.assertFalse(self._customer("Fresh").discipline_timeline)

    def test_purchases_by_month_on_the_customer(self):
        self.assertFalse(self.first.discipline_purchase_months)
        self._buys(self.first, "2025-02-03", 300)
        self._buys(self.first, "2025-02-04", -100)
        self.first.invalidate_recordset()
        self.assertIn("February 2025: $\u00a0200.00".replace("\u00a0", "\u00a0"), self.first.discipline_purchase_months)

    def test_a_redistribution_shows_the_balance_before_and_after(self):
        batch = self.env["discipline.redistribution"]._propose(
            self.company, "selection", self.first, reason="even", receiver=self.clara
        )
        self.assertIn("Most before", batch.balance)
        managers = batch.manager_ids
        self.assertEqual(max(managers.mapped("customers_before")), 2)
        self.assertEqual(max(managers.mapped("customers_after")), 1)


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestMergeKeepsEverything(DisciplineCommon):
    def test_a_merge_keeps_history_contacts_verdicts_and_claims_whole(self):
        target, source = (
            self._customer("Target", self.anna, self.class_a),
            self._customer("Source", self.boris, self.class_a),
        )
        self._assign(source, self.clara, date(2025, 2, 10))
        for customer, user in ((target, self.anna), (source, self.clara)):
            self._log(customer, user, datetime(2025, 3, 6, 9, 0))
        period = self.env["discipline.period"].search([("state", "=", "open")], order="date_start", limit=1)
        if period:
            self.env["discipline.compliance"]._evaluate(period)
        self.env.flush_all()
        self.env.cr.execute("UPDATE discipline_compliance SET closed = TRUE WHERE customer_ref = %s", [source.id])
        self.env.invalidate_all()
        claims = (
            self.env["discipline.claim.list"]
            .with_user(self.dmitri)
            .create({"claim_ids": [Command.create({"partner_id": source.id})]})
        )

        def counts():
            both = [("partner_id", "in", (target | source).exists().ids)]
            return {
                "history": self.env["discipline.assignment"].search_count(both),
                "contacts": self.env["discipline.contact"].search_count([*both, ("voided_at", "=", False)]),
                "closed": self.env["discipline.compliance"].search_count([*both, ("closed", "=", True)]),
                "claims": len(claims.claim_ids),
            }

        before = counts()
        self.assertEqual((before["history"], before["contacts"], before["claims"]), (3, 2, 1))
        self.env["base.partner.merge.automatic.wizard"]._merge((target | source).ids, target)
        self.assertEqual(counts(), before)
        self.assertEqual(claims.claim_ids.partner_id, target)
        self.assertEqual(target.user_id, self.anna)
        # the source's chain has ended, the target's rules
        self.assertEqual(
            self.env["discipline.assignment"].search([("partner_id", "=", target.id), ("date_to", "=", False)]).user_id,
            self.anna,
        )

    def test_what_stands_once_per_customer_is_settled_and_nothing_decided_is_lost(self):
        target, source = (
            self._customer("Target", self.anna, self.class_a),
            self._customer("Source", self.boris, self.class_a),
        )
        lists = self.env["discipline.claim.list"]
        for partners in (target | source, source):
            lists |= lists.with_user(self.clara).create(
                {"claim_ids": [Command.create({"partner_id": partner.id}) for partner in partners]}
            )
        lists[0].claim_ids.filtered(lambda claim: claim.partner_id == source).sudo().state = "accepted"
        Request = self.env["discipline.transfer.request"]
        decided = Request.with_user(self.clara)._request(source, self.clara, "A neighbour")
        decided.sudo().answer = "He is mine"
        decided.with_user(self.boris).action_refuse()
        stays, goes = (
            Request.with_user(self.clara)._request(partner, self.clara, "Once more") for partner in (target, source)
        )
        self.env["base.partner.merge.automatic.wizard"]._merge((target | source).ids, target)
        self.assertEqual([len(record.claim_ids) for record in lists], [1, 1])
        self.assertEqual(lists.claim_ids.partner_id, target)
        self.assertEqual(lists[0].claim_ids.state, "accepted")
        self.assertEqual((decided | stays | goes).exists().mapped("state"), ["refused", "requested", "withdrawn"])
        self.assertEqual((decided | stays | goes).partner_id, target)
