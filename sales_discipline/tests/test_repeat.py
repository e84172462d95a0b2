"""What the base buys again: as the engine says, nothing that a won deal brought, measured without what came later."""

import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from freezegun import freeze_time
from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import SQL, date_utils

from ..engine import repeat as engine
from .common import NOW, TODAY
from .test_funnel import FunnelCommon


class RepeatCommon(FunnelCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.discipline_revenue_kinds = "shipment"
        cls.number = 0

    @classmethod
    def _buy(cls, partner, *purchases, kind="shipment"):
        """Record purchases of a customer: (day, sum)."""
        rows = []
        for day, amount in purchases:
            cls.number += 1
            rows.append(
                {"partner_id": partner.id, "date": str(day), "amount": amount, "kind": "return" if amount < 0 else kind,
                 "source_ref": f"1C:{cls.number}"}
            )  # fmt: skip
        cls.env["discipline.revenue"].record_purchases(rows)

    def _night(self, day=None):
        with freeze_time(datetime.combine(day, datetime.min.time()) + timedelta(hours=3) if day else NOW):
            self.env["discipline.repeat"]._nightly(self.company)
        self.env.invalidate_all()

    def _expected(self, partner=None, user=None):
        rows = self.env["discipline.repeat.report"].with_user(user or self.administrator).search(
            [("partner_id", "=", partner.id)] if partner else []
        )  # fmt: skip
        return {str(row.month)[:7]: row.expected for row in rows if row.expected}


@tagged("post_install", "-at_install", "discipline_funnel")
@freeze_time(NOW)
class TestRepeat(RepeatCommon):
    def test_a_regular_customer_is_expected_to_go_on(self):
        self._buy(self.customer, *((TODAY - timedelta(days=number), 100) for number in (5, 35, 65)))
        self._night()
        [row] = self.env["discipline.repeat"].search([])
        self.assertEqual((row.usual_interval, row.mean, row.last_date), (30, 100, TODAY - timedelta(days=5)))
        # from half an interval after the last purchase, the 20th of March, on: 12 of 31 days of March, all of April
        expected = self._expected(self.customer)
        self.assertEqual(len(expected), 6)
        self.assertAlmostEqual(expected["2025-03"], 100 * 12 / 30, 6)
        self.assertAlmostEqual(expected["2025-04"], 100 * 30 / 30, 6)

    def test_what_was_bought_on_a_won_deal_is_expected_with_deals_alone(self):
        days = [TODAY - timedelta(days=number) for number in (95, 65, 35, 5)]
        self._buy(self.customer, *((day, 100) for day in days))
        with freeze_time(datetime.combine(days[1], datetime.min.time())):
            self.env["crm.lead"].create(
                {"name": "Deal", "type": "opportunity", "partner_id": self.customer.id, "user_id": self.anna.id,
                 "expected_revenue": 160, "stage_id": self.won_stage.id, "probability": 100}
            )  # fmt: skip
        self._night()
        [row] = self.env["discipline.repeat"].search([])
        # the second purchase and 60 of the third were the deal's
        self.assertEqual((row.purchases, row.usual_interval), (3, 45))
        self.assertAlmostEqual(row.mean, (100 + 40 + 100) / 3)

    def test_where_won_deals_are_the_purchases_nothing_is_expected_beside_them(self):
        self._buy(self.customer, *((TODAY - timedelta(days=number), 100) for number in (5, 35, 65)))
        self._night()
        self.company.discipline_revenue_kinds = "deal"
        self._night()
        self.assertFalse(self.env["discipline.repeat"].search([]))
        result = self.env["discipline.forecast"].with_user(self.supervisor).get_forecast()
        self.assertIsNone(result["repeat"])
        self.assertFalse(any(row["repeat"] or row["repeat_came"] for row in result["months"]))

    def test_a_second_night_changes_nothing(self):
        self._seed(12)
        after = date(2025, 3, 11)
        self._night(after)
        tables = ("discipline_repeat", "discipline_repeat_month")
        before = [self._rows(table) for table in tables]
        self.assertTrue(all(before))
        self._night(after)
        self.assertEqual([self._rows(table) for table in tables], before)

    def _rows(self, table):
        return self.env.execute_query(SQL("SELECT ctid, * FROM %s ORDER BY id", SQL.identifier(table)))

    def test_the_forecast_has_repeat_purchases_beside_deals_by_month_and_manager(self):
        self._buy(self.customer, *((TODAY - timedelta(days=number), 100) for number in (5, 35, 65)))
        other = self._customer("Vektor", self.boris)
        self._buy(other, *((TODAY - timedelta(days=number), 50) for number in (10, 20, 30, 40)))
        self._night()
        Forecast = self.env["discipline.forecast"]
        result = Forecast.with_user(self.supervisor).get_forecast()
        running = next(row for row in result["months"] if row["running"])
        mine, his = self._expected(self.customer), self._expected(other)
        self.assertAlmostEqual(running["repeat"], mine["2025-03"] + his["2025-03"], 6)
        self.assertEqual(running["repeat_came"], 100, "the purchase of the 5th of March")
        rows = {row["id"]: row for row in result["managers"]}
        self.assertAlmostEqual(rows[self.boris.id]["repeat"], his["2025-03"], 6)
        self.assertEqual(rows[self.anna.id]["repeat_came"], 100)
        february = next(row for row in result["months"] if row["month"] == "2025-02-01")
        self.assertEqual(february["repeat_came"], 250, "of who has no habit yet, too")
        only = Forecast.with_user(self.supervisor).get_forecast({"user_id": self.boris.id})
        self.assertAlmostEqual(next(row["repeat"] for row in only["months"] if row["running"]), his["2025-03"], 6)
        own = Forecast.with_user(self.anna).get_forecast()
        self.assertEqual([row["id"] for row in own["managers"]], [self.anna.id])
        action = Forecast.with_user(self.supervisor).get_repeat_action({"user_id": self.boris.id}, "2025-03-01")
        opened = self.env[action["res_model"]].with_user(self.supervisor).search(action["domain"])
        self.assertAlmostEqual(sum(opened.mapped("expected")), his["2025-03"], 6)

    def test_a_manager_sees_what_is_expected_of_his_own_customers(self):
        self._buy(self.customer, *((TODAY - timedelta(days=number), 100) for number in (5, 35, 65)))
        self._night()
        self.assertTrue(self._expected(self.customer, self.anna))
        self.assertFalse(self._expected(self.customer, self.boris))
        clerk = self._user("clerk", "base.group_user")
        for model in ("discipline.repeat.report", "discipline.repeat.month", "discipline.repeat"):
            with self.assertRaises(AccessError):
                self.env[model].with_user(clerk).search([])
        for model in ("discipline.repeat.month", "discipline.repeat"):
            with self.assertRaises(AccessError):
                self.env[model].with_user(self.administrator).create({})

    # ------------------------------------------------------------------
    # Against an independent walk
    # ------------------------------------------------------------------

    def _seed(self, count=25):
        """Return {customer: (bought, dealt)} of a seeded ledger of two years, with returns and won deals."""
        generator = random.Random(5)
        ledger = {}
        for number in range(count):
            partner = self._customer(f"C{number}", generator.choice(self.managers), since=date(2023, 1, 1))
            step = generator.choice((7, 12, 30, 45, 90))
            day, bought, dealt = TODAY - timedelta(days=729), {}, {}
            end = TODAY - timedelta(days=generator.choice((0, 0, 20, 120, 400)))
            while (day := day + timedelta(days=generator.randint(step // 2, step * 3 // 2))) < end:
                amount = generator.randint(1, 50) * 10 * (-1 if generator.random() < 0.06 else 1)
                bought[day] = bought.get(day, 0) + amount
            for _deal in range(generator.choice((0, 0, 1, 3))):
                day = TODAY - timedelta(days=generator.randint(1, 700))
                dealt[day] = dealt.get(day, 0) + generator.randint(1, 60) * 10
            self._buy(partner, *((day, amount) for day, amount in bought.items() if amount))
            for day, amount in dealt.items():
                with freeze_time(datetime.combine(day, datetime.min.time()) + timedelta(hours=9)):
                    self.env["crm.lead"].create(
                        {"name": "Deal", "type": "opportunity", "partner_id": partner.id, "expected_revenue": amount,
                         "stage_id": self.won_stage.id, "probability": 100, "user_id": self.anna.id}
                    )  # fmt: skip
            ledger[partner] = [{day: Decimal(amount) for day, amount in side.items()} for side in (bought, dealt)]
        self.env.flush_all()
        return ledger

    def _known(self, sides, day):
        """Return what was bought beyond deals by the morning of a day."""
        since = day - timedelta(days=engine.LEDGER_DAYS)
        bought, dealt = ({key: amount for key, amount in side.items() if since <= key < day} for side in sides)
        return engine.beyond_deals(bought, dealt)

    def test_the_statement_says_what_the_engine_says(self):
        ledger = self._seed()
        self._night()
        share = self.env["discipline.repeat.month"]._shares(self.company, date(2025, 3, 1))
        self.assertNotEqual(share, engine.PRIOR, "the months before have taught something")
        months = [date_utils.add(date(2025, 3, 1), months=number) for number in range(7)]
        late = set()
        for partner, sides in ledger.items():
            buys = engine.habit(self._known(sides, TODAY), TODAY)
            found = self._expected(partner)
            if not buys:
                self.assertFalse(found, partner.name)
                continue
            late.add(engine.lateness(buys, TODAY))
            wanted = engine.expected(buys, TODAY, months, share)
            for (first, _after), amount in zip(pairwise(months), wanted, strict=True):
                self.assertAlmostEqual(found.get(str(first)[:7], 0.0), amount, 6, (partner.name, first))
        self.assertGreater(len(late), 2)

    def test_earlier_months_are_foretold_with_nothing_that_came_later(self):
        ledger = self._seed()
        self._night()
        Month = self.env["discipline.repeat.month"]
        measured = []
        for number in range(12, 0, -1):
            first = date_utils.subtract(date(2025, 3, 1), months=number)
            after = date_utils.add(first, months=1)
            share = engine.shares(measured)
            foretold = came = others = 0.0
            for sides in ledger.values():
                buys = engine.habit(self._known(sides, first), first)
                # deals won in the month were not known on its first morning
                since = first - timedelta(days=engine.LEDGER_DAYS)
                bought = {day: amount for day, amount in sides[0].items() if since <= day < after}
                dealt = {
                    max(day, first + timedelta(days=engine.BEFORE_WIN)) if day >= first else day: Decimal(0)
                    for day in sides[1]
                    if since <= day < after
                }
                for day, amount in sides[1].items():
                    if since <= day < after:
                        dealt[max(day, first + timedelta(days=engine.BEFORE_WIN)) if day >= first else day] += amount
                month = {day: amount for day, amount in engine.beyond_deals(bought, dealt).items() if day >= first}
                amount = float(sum(month.values()))
                if not buys:
                    others += amount
                    continue
                place = engine.lateness(buys, first)
                number_due = engine.due(buys, first, after)
                measured.append((place, number_due, len(month)))
                foretold += share[place] * number_due * float(buys.mean)
                came += amount
            rows = Month.search([("month", "=", first), ("company_id", "=", self.company.id)])
            habits = rows.filtered(lambda row: row.lateness != "none")
            self.assertAlmostEqual(sum(habits.mapped("foretold")), foretold, 2, first)
            self.assertAlmostEqual(sum(habits.mapped("came")), came, 2, first)
            self.assertAlmostEqual(sum((rows - habits).mapped("came")), others, 2, first)
            self.assertAlmostEqual(sum(habits.mapped("bias")), foretold - came, 2, first)

    def test_a_measured_month_stays_and_the_last_one_waits_ten_days(self):
        self._buy(self.customer, *((date(2025, 2, 1) - timedelta(days=number), 100) for number in (5, 35, 65)))
        self._night()
        Month = self.env["discipline.repeat.month"]
        rows = Month.search([("month", "=", "2025-02-01")])
        self.assertEqual((rows.came, rows.user_id), (0, self.anna))
        self._buy(self.customer, (date(2025, 2, 20), 70), (date(2025, 1, 20), 33))
        january = Month.search([("month", "=", "2025-01-01")]).mapped("came")
        self._night()
        self.assertEqual(Month.search([("month", "=", "2025-02-01")]).came, 70, "it is the tenth of March")
        self.assertEqual(Month.search([("month", "=", "2025-01-01")]).mapped("came"), january)
        self._buy(self.customer, (date(2025, 2, 25), 70))
        self._night(date(2025, 3, 11))
        self.assertEqual(Month.search([("month", "=", "2025-02-01")]).came, 70)

    def test_more_customers_take_no_more_statements(self):
        def count(number):
            for index in range(number):
                partner = self._customer(f"Q{number}-{index}", self.anna, since=date(2024, 1, 1))
                self._buy(partner, *((TODAY - timedelta(days=days), 10) for days in (10, 40, 70, 100)))
            self.env.flush_all()
            self.env["discipline.repeat.month"].search([]).unlink()
            before = self.env.cr.sql_log_count
            self._night()
            self.env["discipline.forecast"].with_user(self.supervisor).get_forecast()
            return self.env.cr.sql_log_count - before

        count(1)
        few = count(2)
        self.assertEqual(count(15), few)
