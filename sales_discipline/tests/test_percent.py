"""Percent of purchases: whose each purchase is, what is paid stays, what changes later is a correction."""

import io
import random
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import openpyxl
from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .common import DisciplineCommon

FEBRUARY = date(2025, 2, 1)
CENT = Decimal("0.01")


@freeze_time("2025-04-10 09:00")
class PercentCommon(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.discipline_revenue_kinds = "shipment"
        cls.Statement = cls.env["discipline.percent.statement"]
        cls.Rate = cls.env["discipline.percent.rate"]
        cls.number = 0

    def _rate(self, percent, user=None, abc_class=None, since="2025-01-01", until=False):
        return self.Rate.create(
            {
                "percent": percent,
                "user_id": user and user.id,
                "abc_class_id": abc_class and abc_class.id,
                "valid_from": since,
                "valid_until": until,
            }
        )

    def _buy(self, customer, day, amount):
        type(self).number += 1
        result = (
            self.env["discipline.revenue"]
            .with_user(self.administrator)
            .record_purchases(
                [
                    {
                        "source_ref": f"p:{self.number}",
                        "partner_id": customer.id,
                        "date": day,
                        "amount": amount,
                        "kind": "return" if amount < 0 else "shipment",
                    }
                ]
            )
        )
        return self.env["discipline.revenue"].browse(result["ids"])

    def _make(self, month=FEBRUARY):
        return {row.user_id: row for row in self.Statement._make(self.company, month)}

    def _facts(self, statement):
        return [
            (line.date, line.amount, line.share, line.percent, line.payable, line.kind) for line in statement.line_ids
        ]


@tagged("post_install", "-at_install")
@freeze_time("2025-04-10 09:00")
class TestPercent(PercentCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer = cls._customer("Buyer", cls.anna, cls.class_a)

    def test_a_purchase_belongs_to_whoever_answered_on_its_day(self):
        self._rate(10)
        self._assign(self.customer, self.boris, date(2025, 2, 15))
        self._buy(self.customer, "2025-02-14", 100)
        self._buy(self.customer, "2025-02-15", 200)
        self._buy(self.customer, "2025-02-20", -50)
        self._buy(self.customer, "2025-03-01", 999)
        rows = self._make()
        self.assertEqual((rows[self.anna].total, rows[self.boris].total), (10, 15))
        self.assertEqual((rows[self.anna].purchases, rows[self.boris].purchases), (100, 150))

    def test_a_purchase_of_nobodys_customer_is_nobodys(self):
        self._rate(10)
        self._assign(self.customer, None, date(2025, 2, 10))
        self._buy(self.customer, "2025-02-12", 100)
        self.assertFalse(self._make())

    def test_the_rate_of_the_manager_and_class_on_that_day_holds(self):
        self._rate(1)
        self._rate(2, abc_class=self.class_a)
        self._rate(3, user=self.boris)
        self._rate(4, user=self.boris, abc_class=self.class_a, since="2025-02-10", until="2025-02-20")
        other = self._customer("Other", self.anna, self.class_b)
        boris = self._customer("Of Boris", self.boris, self.class_a)
        for customer, day in (
            (self.customer, "2025-02-03"),
            (other, "2025-02-03"),
            (boris, "2025-02-09"),
            (boris, "2025-02-10"),
            (boris, "2025-02-20"),
            (boris, "2025-02-21"),
        ):
            self._buy(customer, day, 100)
        rows = self._make()
        self.assertEqual(sorted(rows[self.anna].line_ids.mapped("percent")), [1, 2])
        self.assertEqual(rows[self.boris].line_ids.mapped("percent"), [3, 4, 4, 3])

    def test_the_previous_manager_has_a_tail_after_a_handover(self):
        self._rate(10)
        self.env["discipline.percent.rule"].create({"valid_from": "2025-01-01", "tail_days": 5, "tail_share": 30})
        self._assign(self.customer, self.boris, date(2025, 2, 10))
        self._buy(self.customer, "2025-02-14", 100)
        self._buy(self.customer, "2025-02-15", 100)
        rows = self._make()
        self.assertEqual(self._facts(rows[self.anna]), [(date(2025, 2, 14), 100, 30, 10, 3, "month")])
        self.assertEqual([line.payable for line in rows[self.boris].line_ids], [7, 10])
        # who gets a customer back is not his own predecessor
        self._assign(self.customer, None, date(2025, 2, 17))
        self._assign(self.customer, self.boris, date(2025, 2, 18))
        self._buy(self.customer, "2025-02-18", 100)
        self.assertEqual([line.payable for line in self._make()[self.boris].line_ids], [7, 10, 10])

    def test_attainment_of_norms_makes_a_coefficient(self):
        self._rate(10)
        rule = self.env["discipline.percent.rule"].create(
            {
                "valid_from": "2025-01-01",
                "step_ids": [
                    Command.create({"attainment": 0, "coefficient": 0.5}),
                    Command.create({"attainment": 80, "coefficient": 1.2}),
                ],
            }
        )
        self.assertEqual([rule._coefficient(value) for value in (None, 0, 79.99, 80, 100)], [1, 0.5, 0.5, 1.2, 1.2])
        Period = self.env["discipline.period"]
        values = {"company_id": self.company.id, "kind": "month", "date_start": FEBRUARY}
        period = Period.search([(name, "=", value) for name, value in values.items()], limit=1)
        period = period or Period.create({**values, "date_end": "2025-02-28"})
        self.env["discipline.compliance"]._evaluate(period)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE discipline_compliance SET closed = TRUE, goal = 4, attained = 2 WHERE customer_ref = %s",
            [self.customer.id],
        )
        self.env.invalidate_all()
        self._buy(self.customer, "2025-02-14", 100)
        row = self._make()[self.anna]
        self.assertEqual((row.attainment, row.coefficient, row.total), (50, 0.5, 5))

    def test_recomputed_the_statement_is_the_same(self):
        self._rate(7.5)
        for day in range(1, 20):
            self._buy(self.customer, date(2025, 2, day), 33.33)
        before = self._facts(self._make()[self.anna])
        self.assertEqual(self._facts(self._make()[self.anna]), before)
        self.assertEqual(len(before), 19)

    def test_what_is_paid_stays_and_later_changes_stand_in_the_next_month(self):
        self._rate(10)
        kept, wrong = self._buy(self.customer, "2025-02-14", 100), self._buy(self.customer, "2025-02-15", 200)
        paid = self._make()[self.anna].with_user(self.administrator)
        paid.action_lock()
        before = self._facts(paid)
        self.env["discipline.revenue"].with_user(self.administrator).void_purchases(wrong.mapped("source_ref"), "Wrong")
        self._buy(self.customer, "2025-02-20", 40)
        self._buy(self.customer, "2025-03-03", 1000)
        self._make()
        self.assertEqual((self._facts(paid), paid.total), (before, 30))
        march = self._make(date(2025, 3, 1))[self.anna]
        self.assertEqual(
            sorted((line.kind, line.payable) for line in march.line_ids), [("back", -20), ("late", 4), ("month", 100)]
        )
        self.assertEqual((march.corrections, march.total), (-16, 84))
        march.with_user(self.administrator).action_lock()
        # corrected once
        self.assertFalse(self._make(date(2025, 4, 1)))
        self.assertTrue(kept.exists())

    def test_a_corrected_purchase_is_taken_back_and_paid_anew(self):
        self._rate(10)
        first = self._buy(self.customer, "2025-02-14", 100)
        self._make()[self.anna].with_user(self.administrator).action_lock()
        self.env["discipline.revenue"].with_user(self.administrator).record_purchases(
            [
                {
                    "source_ref": first.source_ref,
                    "partner_id": self.customer.id,
                    "date": "2025-02-14",
                    "amount": 70,
                    "kind": "shipment",
                }
            ]
        )
        march = self._make(date(2025, 3, 1))[self.anna]
        self.assertEqual(sorted((line.kind, line.payable) for line in march.line_ids), [("back", -10), ("late", 7)])

    def test_paid_months_keep_their_rates(self):
        rate = self._rate(10)
        self._buy(self.customer, "2025-02-14", 100)
        self._make()[self.anna].with_user(self.administrator).action_lock()
        with self.assertRaisesRegex(UserError, "February 2025 is paid out"):
            rate.percent = 20
        with self.assertRaises(UserError):
            rate.unlink()
        with self.assertRaises(UserError):
            self._rate(20, user=self.anna, since="2025-02-28")
        with self.assertRaises(UserError):
            self.env["discipline.percent.rule"].create({"valid_from": "2025-02-01", "tail_days": 3})
        rate.valid_until = "2025-02-28"
        self._rate(20, since="2025-03-01")
        with self.assertRaises(UserError):
            rate.valid_until = "2025-02-10"

    def test_months_are_paid_in_order_and_when_they_are_over(self):
        self._rate(10)
        self._buy(self.customer, "2025-02-14", 100)
        self._buy(self.customer, "2025-03-14", 100)
        self._buy(self.customer, "2025-04-01", 100)
        rows = self._make(), self._make(date(2025, 3, 1)), self._make(date(2025, 4, 1))
        february, march, april = (row[self.anna].with_user(self.administrator) for row in rows)
        with self.assertRaisesRegex(UserError, "Pay out Anna, February 2025 first"):
            march.action_lock()
        with self.assertRaisesRegex(UserError, "when the month is over"):
            april.action_lock()
        (february | march).action_lock()
        self.assertEqual(set((february | march).mapped("state")), {"locked"})
        with self.assertRaises(UserError):
            february.unlink()
        with self.assertRaises(UserError):
            february.action_lock()

    def test_who_sees_and_who_pays(self):
        self._rate(10)
        self._assign(self.customer, self.boris, date(2025, 2, 15))
        self._buy(self.customer, "2025-02-14", 100)
        self._buy(self.customer, "2025-02-16", 100)
        rows = self._make()
        seen = self.Statement.with_user(self.anna).search([])
        self.assertEqual(seen, rows[self.anna])
        self.assertEqual(seen.line_ids.mapped("payable"), [10])
        with self.assertRaises(AccessError):
            rows[self.boris].line_ids.with_user(self.anna).read(["payable"])
        self.assertEqual(self.Statement.with_user(self.supervisor).search([]), rows[self.anna] | rows[self.boris])
        for user in (self.anna, self.supervisor):
            with self.assertRaises(AccessError):
                rows[self.anna].with_user(user).action_lock()
            with self.assertRaises(AccessError):
                rows[self.anna].with_user(user).action_compute()
        for user in (self.anna, self.administrator):
            with self.assertRaises(AccessError):
                rows[self.anna].with_user(user).write({"total": 1})
            with self.assertRaises(AccessError):
                rows[self.anna].line_ids.with_user(user).write({"payable": 1})
        with self.assertRaises(AccessError):
            self.env["discipline.percent.make"].with_user(self.supervisor).create({"month": FEBRUARY})

    def test_a_merge_of_customers_leaves_statements_whole(self):
        self._rate(10)
        twin = self._customer("Twin", self.boris, self.class_a)
        self._buy(self.customer, "2025-02-14", 100)
        self._buy(twin, "2025-02-14", 50)
        rows = self._make()
        statements = rows[self.anna] | rows[self.boris]
        statements.with_user(self.administrator).action_lock()
        before = [self._facts(row) for row in statements]
        self.env["base.partner.merge.automatic.wizard"]._merge((self.customer | twin).ids, self.customer)
        self.assertEqual([self._facts(row) for row in statements], before)
        self.assertEqual(statements.line_ids.partner_id, self.customer)
        # nothing was paid wrongly: no corrections
        self.assertFalse(self._make(date(2025, 3, 1)))

    def test_the_workbook_and_the_print_hold_the_same_sum(self):
        self._rate(10)
        self._buy(self.customer, "2025-02-14", 123.45)
        row = self._make()[self.anna]
        book = openpyxl.load_workbook(io.BytesIO(row._xlsx()), data_only=True)
        totals, lines = (list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets)
        self.assertEqual(totals[1][5], row.total)
        self.assertEqual(lines[1][7], 12.35)
        html = (
            self.env["ir.actions.report"]
            ._render_qweb_html("sales_discipline.discipline_percent_statement_document", row.ids)[0]
            .decode()
        )
        self.assertIn("12.35", html)
        self.assertIn("Buyer", html)


@tagged("post_install", "-at_install")
@freeze_time("2025-04-10 09:00")
class TestPercentToTheCent(PercentCommon):
    """10,000 purchases, returns, handovers and rate changes, recomputed by plain Python from the facts it made."""

    def test_plain_python_agrees_to_the_cent(self):
        rng = random.Random(20250410)
        managers = list(self.managers)
        classes = [self.class_a, self.class_b, self.class_c]
        tail_days, tail_share = 10, Decimal(40)
        self.env["discipline.percent.rule"].create(
            {"valid_from": "2025-01-01", "tail_days": tail_days, "tail_share": float(tail_share)}
        )
        rates = []
        for user, abc_class in [(None, None), *[(None, one) for one in classes], *[(one, None) for one in managers[:2]],
                                (managers[0], classes[0])]:  # fmt: skip
            for since in (date(2025, 1, 1), date(2025, 2, 10), date(2025, 2, 20)):
                percent = Decimal(rng.randrange(1, 150_000)) / 10_000
                self._rate(float(percent), user, abc_class, since)
                rates.append((user and user.id, abc_class and abc_class.id, since, percent))
        owners, class_of, purchases = {}, {}, []
        for index in range(60):
            customer = self._customer(f"Generated {index}", since=date(2024, 11, 1))
            class_of[customer.id] = rng.choice(classes).id
            customer.discipline_id.sudo().write({"abc_class_id": class_of[customer.id], "abc_since": "2024-11-01"})
            history, day = [], date(2024, 11, 1)
            while day < date(2025, 3, 10):
                holder = rng.choice([*managers, None])
                self._assign(customer, holder, day)
                if history and history[-1][0] == day:
                    history.pop()
                if not history or history[-1][1] != (holder and holder.id):
                    history.append((day, holder and holder.id))
                day += timedelta(days=rng.randrange(1, 45))
            owners[customer.id] = history
        vals = []
        customers = list(owners)
        for index in range(10_000):
            amount = Decimal(rng.randrange(1, 10_000_000)) / 100
            amount = -amount if rng.random() < 0.1 else amount
            day = date(2025, 2, 1) + timedelta(days=rng.randrange(28))
            customer = rng.choice(customers)
            purchases.append((customer, day, amount))
            vals.append(
                {
                    "source_ref": f"gen:{index}",
                    "partner_id": customer,
                    "date": day,
                    "amount": str(amount),
                    "kind": "return" if amount < 0 else "shipment",
                }
            )
        self.env["discipline.revenue"].with_user(self.administrator).record_purchases(vals)

        def rate_of(user, abc_class, day):
            fits = [
                (owner is not None, kind is not None, since, percent)
                for owner, kind, since, percent in rates
                if since <= day and owner in (None, user) and kind in (None, abc_class)
            ]
            return max(fits)[3] if fits else Decimal(0)

        def shares(customer, day):
            history = owners[customer]
            now = None
            ended = []
            for position, (since, holder) in enumerate(history):
                until = history[position + 1][0] if position + 1 < len(history) else None
                if since <= day and (until is None or until > day):
                    now = holder
                if holder and until and until <= day and until > since:
                    ended.append((until, holder))
            if ended:
                until, before = max(ended)
                if day < until + timedelta(days=tail_days) and before != now:
                    return [(before, tail_share), *([(now, 100 - tail_share)] if now else [])]
            return [(now, Decimal(100))] if now else []

        expected = {}
        for customer, day, amount in purchases:
            for user, share in shares(customer, day):
                exact = amount * share / 100 * rate_of(user, class_of[customer], day) / 100
                expected[user] = expected.get(user, Decimal(0)) + exact.quantize(CENT, ROUND_HALF_UP)
        found = {
            row.manager_ref: Decimal(str(row.total)).quantize(CENT)
            for row in self.Statement._make(self.company, FEBRUARY)
        }
        self.assertEqual(found, expected)
        again = {
            row.manager_ref: Decimal(str(row.total)).quantize(CENT)
            for row in self.Statement._make(self.company, FEBRUARY)
        }
        self.assertEqual(again, found)
