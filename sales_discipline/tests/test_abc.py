"""ABC analysis: exact classes, margins, grace and locks; moves that are seen before they are applied."""

import csv
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from freezegun import freeze_time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from ..engine.abc import classify, settled
from ..engine.buying import stopped, usual_interval, variation
from .common import NOW, DisciplineCommon

RETAIL = Path(__file__).parent / "data" / "online_retail_2009_2010" / "invoices.csv"


class AbcCommon(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.discipline_revenue_kinds = "invoice"
        cls.env["res.lang"]._activate_lang("en_US")
        cls.env = cls.env(context=dict(cls.env.context, lang="en_US"))
        cls.Run = cls.env["discipline.abc.run"]
        cls.Revenue = cls.env["discipline.revenue"]
        cls.Change = cls.env["discipline.abc.change"]
        # whoever is in the base of this database besides the test's own customers has bought nothing
        cls.number = 0

    @classmethod
    def _bought(cls, partner, amount, day="2025-02-10", **values):
        cls.number += 1
        cls.Revenue.record_purchases(
            [
                {
                    "source_ref": f"t{cls.number}",
                    "partner_id": partner.id,
                    "date": day,
                    "amount": amount,
                    "kind": "invoice" if amount > 0 else "return",
                    **values,
                }
            ]
        )

    def _run(self, **values):
        run = self.Run.create({"company_id": self.company.id, **values})
        run.action_compute()
        return run

    def _classes(self, run):
        return {line.customer_ref: line.class_to_id.name for line in run.line_ids}

    def _line(self, run, partner):
        return run.line_ids.filtered(lambda line: line.partner_id == partner)


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestAbcRun(AbcCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.big, cls.middle, cls.small, cls.none = (
            cls._customer(name, cls.anna) for name in ("Big", "Middle", "Small", "None")
        )
        for partner, amount in ((cls.big, 800), (cls.middle, 150), (cls.small, 50)):
            cls._bought(partner, amount)

    def test_classes_follow_the_share_of_those_before(self):
        run = self._run()
        classes = self._classes(run)
        self.assertEqual([classes[p.id] for p in (self.big, self.middle, self.small, self.none)], ["A", "B", "C", "D"])
        line = self._line(run, self.middle)
        self.assertEqual((line.rank, line.share_to, line.cumulative), (2, 80, 95))
        self.assertEqual(run.revenue, 1000)
        totals = {total.abc_class_id.name: (total.customers, total.revenue) for total in run.total_ids}
        self.assertEqual((totals["A"], totals["B"], totals["C"]), ((1, 800), (1, 150), (1, 50)))

    def test_the_form_shows_the_pareto_chart_before_anything_is_applied(self):
        run = self.env["discipline.abc.run"].create({})
        self.assertFalse(run.pareto)
        for number, amount in enumerate((700, 200, 100)):
            self._bought(self._customer(f"Pareto {number}", self.anna), amount)
        run = self._run()
        self.assertEqual(run.state, "draft")
        for part in ("<svg", "<polyline", "A 80%", "B 95%"):
            self.assertIn(part, run.pareto)

    def test_only_whole_months_that_ended_before_the_day_are_looked_at(self):
        self._bought(self.none, 10_000, "2025-03-01")
        self._bought(self.none, 10_000, "2024-02-29")
        run = self._run()
        self.assertEqual((run.date_from, run.date_to), (date(2024, 3, 1), date(2025, 2, 28)))
        self.assertEqual(self._classes(run)[self.none.id], "D")
        self._bought(self.none, 10_000, "2024-03-01")
        run.action_compute()
        self.assertEqual(self._classes(run)[self.none.id], "A")

    def test_voided_purchases_and_other_kinds_do_not_count_and_returns_are_taken_off(self):
        self._bought(self.none, 5000, kind="payment")
        self._bought(self.none, 40)
        self._bought(self.none, -40)
        self._bought(self.small, 500)
        self.Revenue.void_purchases([f"t{self.number}"], "a mistake")
        self.assertEqual(
            [self._classes(self._run())[p.id] for p in (self.small, self.none)],
            ["C", "D"],
        )

    def test_nothing_changes_before_the_analysis_is_applied(self):
        run = self._run()
        self.assertFalse(self.big.discipline_abc_class_id)
        self.assertFalse(self.Change.search([("run_id", "=", run.id)]))
        self.assertEqual(run.move_count, len(run.move_ids))

    def test_first_classes_govern_from_the_first_day_of_the_running_month(self):
        self._run().action_apply()
        customer = self.big.discipline_id
        self.assertEqual((customer.abc_class_id, customer.abc_since), (self.class_a, date(2025, 3, 1)))
        self.assertEqual(self.none.discipline_abc_class_id, self.class_d)
        # the running month is judged at once: A owes four contacts
        self.assertEqual(self.big.discipline_goal, 4)

    def test_a_move_comes_into_force_on_the_first_day_of_the_next_month(self):
        self._run().action_apply()
        self._bought(self.small, 5000)
        run = self._run()
        self.assertEqual(self._line(run, self.small).class_to_id, self.class_a)
        run.action_apply()
        change = self.Change.search([("run_id", "=", run.id), ("customer_ref", "=", self.small.id)])
        self.assertEqual((change.date_effective, change.in_force), (date(2025, 4, 1), False))
        self.assertEqual(self.small.discipline_abc_class_id, self.class_c)
        with freeze_time("2025-03-31 23:00"):
            self.Change._come_into_force(self.company)
            self.assertEqual(self.small.discipline_abc_class_id, self.class_c)
        with freeze_time("2025-04-01 01:30"):
            self.env["discipline.nightly"]._cron_run()
            customer = self.small.discipline_id
            self.assertEqual((customer.abc_class_id, customer.abc_since), (self.class_a, date(2025, 4, 1)))
            verdicts = self.env["discipline.compliance"].search([("customer_ref", "=", self.small.id)])
            by_month = {verdict.period_start: verdict.abc_class_id for verdict in verdicts}
            # March is not closed yet, and still judged by the class that governed it
            self.assertEqual(by_month, {date(2025, 3, 1): self.class_c, date(2025, 4, 1): self.class_a})

    def test_a_move_is_explained_by_what_was_and_what_is(self):
        self._run().action_apply()
        self._bought(self.small, 5000)
        run = self._run()
        self.assertEqual(
            self._line(run, self.small).explanation,
            "C to A: revenue 50 to 5,050, cumulative share 95.0 % to 0.0 %",
        )
        self.assertEqual(
            self._line(run, self.big).explanation,
            "A to B: revenue 800 to 800, cumulative share 0.0 % to 84.2 %",
        )
        run.action_apply()
        change = self.Change.search([("run_id", "=", run.id), ("customer_ref", "=", self.big.id)])
        self.assertEqual(change.explanation, self._line(run, self.big).explanation)

    def test_a_locked_class_is_left_alone(self):
        self.small.discipline_id.sudo().write({"abc_class_id": self.class_a.id, "abc_locked": True})
        run = self._run()
        line = self._line(run, self.small)
        self.assertEqual((line.class_to_id, line.class_rule_id, line.kept), (self.class_a, self.class_c, "locked"))
        run.action_apply()
        self.assertEqual(self.small.discipline_abc_class_id, self.class_a)

    def test_within_the_margin_a_customer_keeps_his_class(self):
        self._run().action_apply()
        self._bought(self.big, 70)  # the share before Middle: 870 / 1070 = 81.3 %
        self.middle.discipline_id.sudo().abc_class_id = self.class_a
        self.assertEqual(self._line(self._run(), self.middle).class_to_id, self.class_b)
        line = self._line(self._run(margin=2), self.middle)
        self.assertEqual((line.class_to_id, line.kept, line.moved), (self.class_a, "margin", False))
        self.assertEqual(self._line(self._run(margin=1), self.middle).class_to_id, self.class_b)

    def test_a_new_customer_is_not_moved_down_within_his_grace(self):
        self.small.discipline_id.sudo().abc_class_id = self.class_a
        self.middle.discipline_id.sudo().abc_class_id = self.class_a
        self._bought(self.middle, 1, "2020-01-15")
        run = self._run(grace_months=3)
        self.assertEqual(self._line(run, self.small).kept, "grace")
        self.assertEqual(self._line(run, self.small).class_to_id, self.class_a)
        self.assertEqual(self._line(run, self.middle).class_to_id, self.class_b)

    def test_an_analysis_is_applied_once(self):
        run = self._run()
        run.action_apply()
        number = self.Change.search_count([])
        with self.assertRaises(UserError):
            run.action_apply()
        self.assertEqual(self.Change.search_count([]), number)

    def test_what_was_computed_on_other_classes_is_refused(self):
        run, late = self._run(), self._run()
        run.action_apply()
        with self.assertRaisesRegex(UserError, "have changed since"):
            late.action_apply()
        late.action_compute()
        late.action_apply()
        self.assertEqual(late.move_count, 0)

    def test_an_analysis_that_was_not_computed_is_refused(self):
        with self.assertRaisesRegex(UserError, "not computed"):
            self.Run.create({}).action_apply()

    def test_cancelling_voids_moves_that_are_not_in_force(self):
        first = self._run()
        first.action_apply()
        with self.assertRaisesRegex(UserError, "in force"):
            first.action_cancel()
        self._bought(self.small, 5000)
        run = self._run()
        run.action_apply()
        run.action_cancel()
        self.assertTrue(all(run.change_ids.mapped("voided_at")))
        with freeze_time("2025-04-01 01:30"):
            self.Change._come_into_force(self.company)
        self.assertEqual(self.small.discipline_abc_class_id, self.class_c)

    def test_the_night_makes_one_analysis_a_month(self):
        self.Run._nightly(self.company)
        run = self.Run.search([("company_id", "=", self.company.id)])
        self.assertEqual((len(run), run.state, run.automatic), (1, "applied", True))
        self.assertEqual(self.big.discipline_abc_class_id, self.class_a)
        self.Run._nightly(self.company)
        self.assertEqual(self.Run.search_count([("company_id", "=", self.company.id)]), 1)
        with freeze_time("2025-04-02 01:30"):
            self.Run._nightly(self.company)
        self.assertEqual(self.Run.search_count([("company_id", "=", self.company.id)]), 2)

    def test_with_approval_the_night_leaves_the_decision_to_an_administrator(self):
        self.company.discipline_abc_approval = True
        self.Run._nightly(self.company)
        run = self.Run.search([("company_id", "=", self.company.id)])
        self.assertEqual(run.state, "draft")
        self.assertTrue(run.computed_at)
        self.assertFalse(self.big.discipline_abc_class_id)
        self.Run._nightly(self.company)
        self.assertEqual(self.Run.search_count([("company_id", "=", self.company.id)]), 1)
        run.with_user(self.administrator).action_apply()
        self.assertEqual(self.big.discipline_abc_class_id, self.class_a)
        self.assertEqual(run.applied_by_id, self.administrator)

    def test_only_a_sales_administrator_decides(self):
        run = self._run()
        for user in (self.anna, self.supervisor):
            for method in ("action_compute", "action_apply", "action_cancel"):
                with self.assertRaises(AccessError):
                    getattr(run.with_user(user), method)()
        with self.assertRaises(AccessError):
            run.with_user(self.administrator).write({"state": "applied"})
        with self.assertRaises(AccessError):
            self.Run.with_user(self.administrator).create({"state": "applied"})

    def test_an_applied_analysis_stays(self):
        run = self._run()
        run.action_apply()
        with self.assertRaises(UserError):
            run.unlink()
        with self.assertRaises(UserError):
            run.months = 3
        draft = self._run()
        draft.months = 3
        self.assertFalse(draft.line_ids)
        draft.unlink()

    def test_merged_customers_keep_their_history_and_the_targets_class_governs(self):
        self._run().action_apply()
        history = self.Change.search([("customer_ref", "in", (self.big | self.small).ids)])
        self.env["base.partner.merge.automatic.wizard"]._merge((self.big | self.small).ids, self.small)
        self.assertTrue(all(change.exists() for change in history))
        self.assertEqual(history.partner_id, self.small)
        self.assertEqual(self.small.discipline_abc_class_id, self.class_c)
        self.assertEqual(self._line(self._run(), self.small).revenue_to, 850)

    def test_a_target_without_a_class_takes_the_class_of_the_merged_customer(self):
        self._run().action_apply()
        target = self._customer("Target", self.anna)
        self.env["base.partner.merge.automatic.wizard"]._merge((self.big | target).ids, target)
        self.assertEqual(target.discipline_abc_class_id, self.class_a)
        self.assertEqual(target.discipline_id.abc_since, date(2025, 3, 1))

    def test_impossible_settings_are_refused(self):
        for values in ({"months": 0}, {"margin": -1}, {"margin": 50}, {"grace_months": -1}, {"date": "2025-03-11"}):
            with self.assertRaises(ValidationError):
                self.Run.create(values)
        with self.assertRaises(ValidationError):
            self.company.discipline_abc_margin = 60

    def test_bounds_out_of_order_are_refused_naming_the_class(self):
        for values, sentence in (
            ({self.class_b: {"cumulative_share": 70}}, "Class B ends at 70"),
            ({self.class_c: {"cumulative_share": 99}}, "must end at 100"),
            ({self.class_c: {"is_no_purchase": True}, self.class_b: {"cumulative_share": 100}}, "Only one class"),
        ):
            with self.subTest(sentence), self.assertRaises(ValidationError) as caught:
                for row, row_values in values.items():
                    row.with_context(install_mode=len(values) > 1 and row == self.class_c).write(row_values)
            self.assertIn(sentence, str(caught.exception))

    def test_a_class_by_hand_is_locked_and_explained(self):
        self._run().action_apply()
        wizard = self.env["discipline.abc.hand"].with_user(self.supervisor)
        hand = wizard.with_context(active_model="discipline.customer", active_ids=self.small.discipline_id.ids).create(
            {"abc_class_id": self.class_a.id, "lock": True, "reason": "A promising customer"}
        )
        hand.action_apply()
        change = self.Change.search([("customer_ref", "=", self.small.id), ("origin", "=", "hand")])
        self.assertEqual((change.date_effective, change.create_uid), (date(2025, 4, 1), self.supervisor))
        self.assertIn("A promising customer", change.explanation)
        self.assertEqual(self.small.discipline_abc_class_id, self.class_c)
        with freeze_time("2025-04-01 01:30"):
            self.Run._nightly(self.company)
            self.assertEqual(self.small.discipline_abc_class_id, self.class_a)
        with self.assertRaises(UserError):
            hand.reason = " "
            hand.action_apply()
        theirs = self._customer("Theirs", self.dmitri)
        hand = wizard.create({"customer_ids": theirs.discipline_id.ids, "abc_class_id": self.class_a.id, "reason": "?"})
        with self.assertRaises(AccessError):
            hand.action_apply()
        with self.assertRaises(AccessError):
            self.env["discipline.abc.hand"].with_user(self.anna).create({"reason": "mine"})

    def test_xyz_says_how_evenly_a_customer_buys(self):
        self.env.cr.execute("DELETE FROM discipline_revenue")
        months = [f"{2024 + (2 + number) // 12}-{(2 + number) % 12 + 1:02d}-10" for number in range(12)]
        amounts = {
            self.big: [100] * 12,
            self.middle: [100, 160, 40, 100, 160, 40, 100, 160, 40, 100, 160, 40],
            self.small: [0] * 11 + [50],
        }
        for partner, sums in amounts.items():
            for day, amount in zip(months, sums, strict=True):
                if amount:
                    self._bought(partner, amount, day)
        run = self._run()
        for partner, expected in ((self.big, "x"), (self.middle, "y"), (self.small, "z")):
            line = self._line(run, partner)
            self.assertEqual(line.xyz, expected)
            self.assertAlmostEqual(line.variation, variation(amounts[partner]), delta=0.06)
        self.assertFalse(self._line(run, self.none).xyz)

    def test_the_number_of_statements_does_not_depend_on_the_number_of_customers(self):
        counts = []
        for size in (5, 60):
            for number in range(size):
                self._bought(self._customer(f"More {size} {number}", self.anna), 10 + number)
            run = self.Run.create({})
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            run.action_compute()
            run.with_context(discipline_nightly=True).action_apply()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counts[0], counts[1])


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestAbcProperties(AbcCommon):
    """The statement and the engine agree on any revenues."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customers = [cls._customer(f"Customer {number}", cls.anna) for number in range(12)]
        cls.bounds = [("A", Decimal(80)), ("B", Decimal(95)), ("C", Decimal(100))]

    def _with_cents(self, cents):
        """Give each customer so many cents of purchases (0: none, below 0: a return)."""
        self.env.cr.execute("DELETE FROM discipline_revenue")
        rows = [
            {
                "source_ref": f"p{index}",
                "partner_id": customer.id,
                "date": "2025-01-15",
                "amount": Decimal(amount) / 100,
                "kind": "invoice" if amount > 0 else "return",
            }
            for index, (customer, amount) in enumerate(zip(self.customers, cents, strict=True))
            if amount
        ]
        if rows:
            self.Revenue.record_purchases(rows)

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(st.integers(-500, 10_000), min_size=12, max_size=12))
    def test_the_statement_gives_the_classes_of_the_engine(self, cents):
        self._with_cents(cents)
        run = self._run()
        expected = classify(
            [(customer.id, amount) for customer, amount in zip(self.customers, cents, strict=True)], self.bounds
        )
        got = self._classes(run)
        self.assertEqual({customer: got[customer] for customer in expected}, expected)
        run.unlink()

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(
        st.lists(st.integers(1, 300), min_size=12, max_size=12),
        st.lists(st.sampled_from(["A", "B", "C"]), min_size=12, max_size=12),
        st.sampled_from([0, 1, 2.5, 10]),
    )
    def test_the_margin_is_the_engines(self, cents, former, margin):
        self._with_cents(cents)
        classes = {"A": self.class_a, "B": self.class_b, "C": self.class_c}
        for customer, letter in zip(self.customers, former, strict=True):
            customer.discipline_id.sudo().abc_class_id = classes[letter]
        run = self._run(margin=margin)
        ordered = sorted(zip(self.customers, cents, former, strict=True), key=lambda row: (-row[1], row[0].id))
        before, got = 0, self._classes(run)
        for customer, amount, letter in ordered:
            share = Decimal(100 * before) / sum(cents)
            self.assertEqual(got[customer.id], settled(letter, share, self.bounds, Decimal(str(margin))))
            before += amount
        run.unlink()


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestStoppedBuying(AbcCommon):
    """The report and the engine agree on who stopped buying."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer = cls._customer("Buyer", cls.anna)

    def _row(self, partner):
        self.env["discipline.stopped.buying"].invalidate_model()
        return self.env["discipline.stopped.buying"].search([("partner_id", "=", partner.id)])

    def test_silence_of_one_and_a_half_usual_intervals(self):
        for day in ("2025-01-09", "2025-01-29", "2025-02-18"):
            self._bought(self.customer, 100, day)
        self.assertFalse(self._row(self.customer))
        with freeze_time("2025-03-21"):
            row = self._row(self.customer)
            self.assertEqual((row.sign, row.usual_interval, row.days_since), ("silent", 20, 31))
            self.assertEqual(row.last_purchase, date(2025, 2, 18))

    def test_a_fall_of_thirty_percent_names_the_lost_sum(self):
        self._bought(self.customer, 900, "2024-06-01")
        self._bought(self.customer, 200, "2025-02-18")
        row = self._row(self.customer)
        self.assertEqual((row.sign, row.recent, row.quarter, row.lost), ("down", 200, 300, 100))

    def test_a_manager_sees_his_own_customers_only(self):
        self._bought(self.customer, 900, "2024-06-01")
        Report = self.env["discipline.stopped.buying"]
        self.assertTrue(Report.with_user(self.anna).search([("partner_id", "=", self.customer.id)]))
        self.assertFalse(Report.with_user(self.boris).search([("partner_id", "=", self.customer.id)]))

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.dictionaries(st.integers(0, 420), st.integers(1, 50), min_size=1, max_size=8))
    def test_the_report_says_what_the_engine_says(self, purchases):
        self.env.cr.execute("DELETE FROM discipline_revenue")
        today = date(2025, 3, 10)
        bought = {today - timedelta(days=ago): amount for ago, amount in purchases.items()}
        for day, amount in bought.items():
            self._bought(self.customer, amount, day.isoformat())
        recent = sum(amount for day, amount in bought.items() if day > date(2024, 12, 10))
        year = sum(amount for day, amount in bought.items() if date(2024, 3, 10) < day <= date(2024, 12, 10))
        expected = stopped(bought, today, Decimal(recent), Decimal(year) / 3)
        row = self._row(self.customer)
        self.assertEqual(row.sign or None, expected)
        if row:
            self.assertEqual(row.usual_interval or None, usual_interval(bought))


@tagged("post_install", "-at_install")
@freeze_time("2011-01-10 09:00:00")
class TestOnlineRetail(AbcCommon):
    """23,587 invoices of a real wholesaler give the figures that were computed independently, to the cent."""

    def _purchase(self, row):
        return {
            "source_ref": f"retail:{row['invoice']}",
            "partner_ref": f"retail:{row['customer_id']}",
            "date": row["invoice_date"][:10],
            "amount": row["amount"],
            "kind": "invoice" if row["kind"] == "sale" else "return",
        }

    def _figures(self, run):
        self.env.flush_all()
        totals = {total.abc_class_id.name: (total.customers, f"{total.revenue:.2f}") for total in run.total_ids}
        return [totals[letter] for letter in "ABC"]

    def test_gross_and_net_of_returns(self):
        with RETAIL.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        refs = sorted({row["customer_id"] for row in rows})
        self.env["res.partner"].create(
            [{"name": f"Customer {ref}", "ref": f"retail:{ref}", "is_company": True} for ref in refs]
        )
        sales = [row for row in rows if row["kind"] == "sale"]
        # two invoices of nothing are refused, the others taken
        empty = [row for row in sales if Decimal(row["amount"]) == 0]
        self.assertEqual(len(empty), 2)
        with self.assertRaisesRegex(UserError, "amount of 0"):
            self.Revenue.record_purchases([self._purchase(row) for row in sales])
        self.Revenue.record_purchases([self._purchase(row) for row in sales if Decimal(row["amount"])])
        gross = self._run(months=13)
        self.assertEqual(self._figures(gross), [(1176, "7067135.80"), (1424, "1323580.57"), (1712, "441286.89")])
        self.assertEqual(f"{gross.revenue:.2f}", "8832003.26")
        self.Revenue.record_purchases([self._purchase(row) for row in rows if row["kind"] == "cancel"])
        net = self._run(months=13)
        self.assertEqual(self._figures(net), [(1183, "6755282.29"), (1414, "1265477.16"), (1680, "422102.54")])
        self.assertEqual(f"{net.revenue:.2f}", "8442861.99")
        mine = net.line_ids.filtered(lambda line: (line.partner_id.ref or "").startswith("retail:"))
        self.assertEqual(Counter(line.revenue_to > 0 for line in mine), {True: 4277, False: 106})
