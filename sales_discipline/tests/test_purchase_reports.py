"""What reports on purchases keep is what adding up anew yields, whatever happened to purchases and customers."""

from datetime import date

from freezegun import freeze_time
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL

from .common import NOW, DisciplineCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestPurchaseReports(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Revenue = cls.env["discipline.revenue"]
        cls.Buying = cls.env["discipline.buying"]
        cls.Origin = cls.env["discipline.portfolio.origin"]
        cls.first, cls.second, cls.third = (
            cls._customer(name, cls.anna, cls.class_a) for name in ("First", "Second", "Third")
        )
        cls.everyone = cls.first | cls.second | cls.third
        cls.number = 0
        for customer in cls.everyone:
            for day, amount in (("2024-04-02", 400), ("2024-07-02", 500), ("2024-11-05", 700), ("2025-02-03", 60)):
                cls._buys(customer, day, amount)

    @classmethod
    def _buys(cls, customer, day, amount, **values):
        cls.number += 1
        cls.Revenue.record_purchases(
            [
                {
                    "source_ref": f"t:{cls.number}",
                    "partner_id": customer.id,
                    "date": day,
                    "amount": amount,
                    "kind": "return" if amount < 0 else cls.company.discipline_revenue_kinds,
                    **values,
                }
            ]
        )

    def _assert_kept(self):
        """Hold the rows that are kept against a recomputation, for everybody."""
        self.env.flush_all()
        today = self.env["discipline.calendar"]._today(self.company)
        everybody = self.env["discipline.customer"].search([]).partner_id.ids
        for model, columns, query in (
            (self.Buying, self.Buying._kept(), self.Buying._figures_sql(self.company, today, everybody)),
            (self.Origin, self.Origin._KEPT, self.Origin._figures_sql(self.company, everybody)),
        ):
            names = SQL(", ").join(SQL.identifier(name) for name in ("partner_id", *columns))
            kept = self.env.execute_query(
                SQL("SELECT %s FROM %s WHERE company_id = %s", names, SQL.identifier(model._table), self.company.id)
            )
            anew = self.env.execute_query(SQL("SELECT %s FROM (%s) n", names, query))
            self.assertEqual(sorted(kept, key=str), sorted(anew, key=str), model._name)

    def test_what_is_kept_follows_purchases_returns_corrections_and_voids(self):
        self._assert_kept()
        self.assertEqual(len(self.Origin.search([("partner_id", "in", self.everyone.ids)])), 3)
        self._buys(self.first, "2025-03-08", 1000)
        self._buys(self.second, "2025-03-08", -50)
        self._assert_kept()
        self._buys(self.first, "2025-03-07", 900, source_ref="t:1")
        self._assert_kept()
        self.Revenue.void_purchases(["t:2", "t:13"], "typing error")
        self._assert_kept()

    def test_what_is_kept_follows_a_customer_to_another_manager_to_nobody_and_out_of_the_base(self):
        self._assign(self.first, self.boris, date(2025, 3, 10))
        self._assert_kept()
        self.assertEqual(self.Origin.search([("partner_id", "=", self.first.id)]).user_id, self.boris)
        self._assign(self.second, None, date(2025, 3, 10))
        self._assert_kept()
        self.assertFalse(self.Origin.search([("partner_id", "=", self.second.id)]))
        self.third.discipline_id.with_user(self.supervisor).action_force_out()
        self.assertFalse(self.env["discipline.stopped.buying"].search([("partner_id", "=", self.third.id)]))
        self.boris.action_archive()
        self._assert_kept()
        self._night()
        self._assert_kept()

    def _night(self):
        for step in ("base", "purchases"):
            self.env["discipline.nightly"]._run_step(self.company, step, f"_step_{step}")

    def test_what_is_kept_follows_a_group_and_a_merge(self):
        self.second.customer_group_id = self.first
        self._assert_kept()
        wizard = self.env["base.partner.merge.automatic.wizard"].create(
            {"partner_ids": [Command.set((self.first | self.third).ids)], "dst_partner_id": self.first.id}
        )
        wizard.action_merge()
        self._assert_kept()

    def test_a_night_brings_the_sums_to_its_day_and_says_which(self):
        Report = self.env["discipline.stopped.buying"]
        self.assertEqual(Report.search([("partner_id", "=", self.first.id)]).sign, "down")
        with freeze_time("2025-05-20 09:00:00"):
            Report.invalidate_model()
            self.assertEqual(Report.search([("partner_id", "=", self.first.id)]).days_since, 106, "live")
            self._night()
            self._assert_kept()
            Report.invalidate_model()
            row = Report.search([("partner_id", "=", self.first.id)])
            self.assertEqual((row.recent, row.quarter), (0, 420))
            self.assertEqual(row.as_of, date(2025, 5, 20))
            origin = self.Origin.search([("partner_id", "=", self.first.id)])
            self.assertEqual(origin.as_of, date(2025, 5, 20))

    def test_small_steps_add_up_the_same(self):
        self.env.cr.execute("DELETE FROM discipline_buying; DELETE FROM discipline_portfolio_origin")
        self.patch(__import__("odoo.addons.sales_discipline.models.discipline_buying", fromlist=["x"]), "CHUNK", 2)
        self.Revenue._refresh_reports(self.company)
        self._assert_kept()
        self.assertTrue(self.Buying.search([("partner_id", "=", self.third.id)]))
