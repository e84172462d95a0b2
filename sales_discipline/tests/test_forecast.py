"""Forecasts: by history and by probability, frozen every week; the pipeline of a past day and what changed since."""

import io
import random
import zipfile
from datetime import date, datetime, timedelta

import openpyxl
from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..engine.forecast import pipeline_change
from .common import NOW
from .test_funnel import START, FunnelCommon


class ForecastCommon(FunnelCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Forecast = cls.env["discipline.forecast"].with_user(cls.supervisor)
        cls.Pipeline = cls.env["discipline.pipeline"].with_user(cls.supervisor)
        cls.Snapshot = cls.env["discipline.forecast.snapshot"]

    @classmethod
    def _history(cls, count=40, won=10, day=0, days=20):
        """Create deals that were closed ``days`` after they entered on ``day``: the first ``won`` of them won."""
        for number in range(count):
            deal = cls._deal(day=day)
            if number < won:
                cls._move(deal, day + days, cls.won_stage)
            else:
                cls._lose(deal, day + days)

    def _freeze_on(self, day):
        with freeze_time(datetime.combine(day, datetime.min.time()) + timedelta(hours=3)):
            return self.Snapshot._freeze(self.company, day)


@tagged("post_install", "-at_install", "discipline_funnel")
@freeze_time(NOW)
class TestForecast(ForecastCommon):
    def test_a_young_deal_is_expected_at_the_rate_of_earlier_ones(self):
        self._history()
        today = (NOW - START).days
        self._deal(day=today, expected_revenue=1000, probability=90, date_deadline="2025-03-31")
        result = self.Forecast.get_forecast({"way": "own"})
        running = next(row for row in result["months"] if row["running"])
        # a quarter of the earlier deals was won, on the 20th day; the month has 17 days left of the first 15 to 30
        whole = sum(row["expected"]["own"] for row in result["months"]) + result["later"]["own"]
        self.assertAlmostEqual(whole, 250, 6)
        self.assertAlmostEqual(running["expected"]["odoo"], 900, 6)
        [anna] = result["managers"]
        self.assertEqual((anna["deals"], anna["amount"]), (1, 1000))
        low, middle, high = running["quantiles"]
        self.assertTrue(0 <= low <= middle <= high <= 1000)

    def test_what_is_overdue_is_expected_in_the_running_month(self):
        today = (NOW - START).days
        self._deal(day=today - 40, expected_revenue=1000, probability=50, date_deadline="2025-01-10")
        result = self.Forecast.get_forecast({"way": "odoo"})
        self.assertEqual([row["expected"]["odoo"] for row in result["months"] if row["running"]], [500])

    def test_a_deal_without_a_date_is_named_apart(self):
        self._deal(day=(NOW - START).days - 3, probability=50)
        self.assertEqual(self.Forecast.get_forecast({"way": "odoo"})["undated"], 500)

    def test_what_was_won_and_the_target_stand_beside_it(self):
        deal = self._deal(day=(NOW - START).days - 20, expected_revenue=700)
        self._move(deal, (NOW - START).days - 2, self.won_stage)
        self.env["discipline.target"].with_user(self.administrator).create(
            {"user_id": self.anna.id, "month": "2025-03-01", "amount": 5000}
        )
        result = self.Forecast.get_forecast()
        running = next(row for row in result["months"] if row["running"])
        self.assertEqual((running["won"], running["target"]), (700, 5000))

    def test_a_manager_sees_the_forecast_of_his_own_deals(self):
        today = (NOW - START).days
        self._deal(self.anna, today - 3, probability=50, date_deadline="2025-03-30")
        self._deal(self.boris, today - 3, probability=50, date_deadline="2025-03-30")
        mine = self.Forecast.with_user(self.boris).get_forecast({"way": "odoo"})
        self.assertEqual([row["id"] for row in mine["managers"]], [self.boris.id])

    def test_whoever_may_not_see_opportunities_sees_no_forecast(self):
        clerk = self._user("clerk", "base.group_user")
        for model, method in (("discipline.forecast", "get_forecast"), ("discipline.pipeline", "get_pipeline")):
            with self.assertRaises(AccessError):
                getattr(self.env[model].with_user(clerk), method)()

    def test_a_filter_that_makes_no_sense_is_refused_in_words(self):
        with self.assertRaisesRegex(UserError, "cannot be filtered"):
            self.Forecast.get_forecast({"way": "guess"})
        with self.assertRaisesRegex(UserError, "cannot be filtered"):
            self.Pipeline.get_pipeline({"date_from": "soon"})
        with self.assertRaisesRegex(UserError, "before the first one"):
            self.Pipeline.get_pipeline({"date_from": "2025-03-02", "date_to": "2025-03-01"})

    def test_another_currency_is_converted(self):
        dollar, euro = self.env.ref("base.USD"), self.env.ref("base.EUR")
        other = self.env["res.company"].create(
            {"name": "Abroad", "currency_id": (euro if self.company.currency_id == dollar else dollar).id}
        )
        self.env["res.currency.rate"].create(
            {"currency_id": other.currency_id.id, "company_id": self.company.id, "name": "2024-01-01", "rate": 4.0}
        )
        self.administrator.company_ids += other
        today = (NOW - START).days
        self._deal(day=today - 3, probability=100, date_deadline="2025-03-30", expected_revenue=1000,
                   company_id=other.id, team_id=False, user_id=self.administrator.id)  # fmt: skip
        both = self.env["discipline.forecast"].with_user(self.administrator).with_context(
            allowed_company_ids=[self.company.id, other.id]
        )  # fmt: skip
        running = next(row for row in both.get_forecast({"way": "odoo"})["months"] if row["running"])
        self.assertAlmostEqual(running["expected"]["odoo"], 250, 2)

    def test_the_deals_of_a_month_add_up_to_its_forecast(self):
        self._history()
        today = (NOW - START).days
        for number in range(5):
            user = self.anna if number else self.boris
            self._deal(user, today - 3, expected_revenue=100 * number + 100, probability=50, date_deadline="2025-03-30")
        for way in ("own", "odoo"):
            for filters in ({"way": way}, {"way": way, "user_id": self.boris.id}):
                forecast = self.Forecast.get_forecast(filters)
                for row in forecast["months"][6:]:
                    deals = self.Forecast.get_deals(filters, row["month"], 2)
                    self.assertAlmostEqual(deals["expected"], row["expected"][way], 6)
                    whole = sum(deal["expected"] for deal in deals["rows"]) + deals["rest_expected"]
                    self.assertAlmostEqual(whole, deals["expected"], 6)
        march = self.Forecast.get_deals({"way": "odoo"}, "2025-03-01", 2)
        self.assertEqual([deal["amount"] for deal in march["rows"]], [500, 400])
        self.assertEqual((march["rows"][0]["chance"], march["rest"]), (0.5, 3))

    def test_the_workbook_says_what_the_screen_says(self):
        self._history()
        today = (NOW - START).days
        self._deal(day=today - 3, expected_revenue=1000, probability=50, date_deadline="2025-03-30", name="=1+1")
        won = self._deal(day=today - 20, expected_revenue=700)
        self._move(won, today - 2, self.won_stage)
        self._freeze_on(date(2024, 7, 1))
        forecast = self.Forecast.get_forecast()
        content = self.env["discipline.forecast.xlsx"].with_user(self.supervisor)._xlsx()
        book = openpyxl.load_workbook(io.BytesIO(content))
        months = {row[0]: row for row in book.worksheets[0].iter_rows(min_row=2, values_only=True)}
        for row in forecast["months"]:
            found = months[f"{row['month'][5:7]}.{row['month'][:4]}"]
            self.assertAlmostEqual(found[1], row["won"])
            self.assertAlmostEqual(found[2], 0 if row["past"] else row["expected"][forecast["way"]])
        names = [row[0] for row in book.worksheets[1].iter_rows(min_row=2, values_only=True)]
        self.assertIn("Anna", names)
        deals = list(book.worksheets[2].iter_rows(min_row=2, values_only=True))
        self.assertIn("=1+1", [row[1] for row in deals], "a deal named like a formula is none")
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            charts = [name for name in packed.namelist() if name.startswith("xl/charts/chart")]
        self.assertGreaterEqual(len(charts), 2)

    def test_more_deals_take_no_more_queries(self):
        today = (NOW - START).days

        def count(deals):
            for _number in range(deals):
                self._deal(day=today - 3, probability=50, date_deadline="2025-03-30")
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.Forecast.get_forecast()
            return self.env.cr.sql_log_count - before

        count(1)
        few = count(2)
        self.assertEqual(count(20), few)


@tagged("post_install", "-at_install", "discipline_funnel")
@freeze_time(NOW)
class TestFrozenForecast(ForecastCommon):
    def test_a_frozen_forecast_knows_nothing_of_later(self):
        self._history(count=20, won=5)
        deal = self._deal(day=40, expected_revenue=1000)
        frozen = self._freeze_on(START.date() + timedelta(days=45))
        self.assertEqual(frozen.line_ids.mapped("lead_ref"), [deal.id])
        before = frozen.line_ids.own_probability
        self.assertAlmostEqual(before, 25)
        self._move(deal, 50, self.won_stage)
        again = self.Snapshot._fetch_rates(
            self.company, self.env["discipline.calendar"]._day_begins(frozen.day, self.company)
        )
        self.assertEqual(again.to_json(), frozen.rates, "what came later changes nothing of the past")

    def test_the_night_freezes_each_week_once(self):
        self._deal(day=0)
        with freeze_time(datetime(2024, 4, 3, 1, 30)):
            frozen = self.Snapshot._nightly(self.company)
            self.assertEqual(
                frozen.sorted("day").mapped("day"),
                [date(2024, 3, 4) + timedelta(weeks=week) for week in range(5)],
            )
            self.assertFalse(self.Snapshot._nightly(self.company))
        self.assertEqual(frozen.filtered("first_of_month").mapped("day"), [date(2024, 3, 4), date(2024, 4, 1)])

    def test_nobody_changes_a_frozen_forecast(self):
        frozen = self._freeze_on(date(2024, 3, 4))
        with self.assertRaises(UserError):
            frozen.with_user(self.env.ref("base.user_admin")).write({"amount": 1})

    def test_forecast_and_fact_are_compared_by_month_and_manager(self):
        self._history(count=10, won=5)
        won = self._deal(day=25, expected_revenue=1000)
        self._deal(self.boris, day=25, expected_revenue=400)
        self._freeze_on(date(2024, 4, 1))
        self._move(won, 40, self.won_stage)
        self.env.flush_all()
        report = self.env["discipline.forecast.report"].with_user(self.supervisor)
        rows = {row.user_id: row for row in report.search([])}
        self.assertEqual((rows[self.anna].won, rows[self.boris].won), (1000, 0))
        self.assertAlmostEqual(rows[self.boris].bias, rows[self.boris].expected_own)
        own = self.env["discipline.forecast.report"].with_user(self.boris).search([])
        self.assertEqual(own.user_id, self.boris)

    def test_the_accuracy_is_that_of_a_plain_recomputation(self):
        generator = random.Random(2)
        for number in range(40):
            deal = self._deal(day=number, probability=generator.choice((10, 40, 80)))
            if number % 3:
                end = number + generator.randint(5, 60)
                (self._move(deal, end, self.won_stage) if generator.random() < 0.4 else self._lose(deal, end))
        frozen = [self._freeze_on(date(2024, 3, 4) + timedelta(weeks=week)) for week in range(12)]
        measured = self._freeze_on(date(2024, 7, 1)).accuracy
        pairs = []
        for line in (snapshot.line_ids for snapshot in frozen):
            for row in line:
                status = row.lead_id.won_status
                if status != "pending":
                    pairs.append((row.own_probability / 100, row.probability / 100, status == "won"))
        self.assertGreater(len(pairs), 50)
        self.assertEqual(measured["own"]["count"], len(pairs))
        self.assertAlmostEqual(
            measured["own"]["brier"], sum((own - came) ** 2 for own, _odoo, came in pairs) / len(pairs), 9
        )
        self.assertAlmostEqual(
            measured["odoo"]["brier"], sum((odoo - came) ** 2 for _own, odoo, came in pairs) / len(pairs), 9
        )
        self.assertEqual(sum(row[0] for row in measured["own"]["bins"]), len(pairs))
        better = "odoo" if measured["both"]["odoo"] < measured["both"]["own"] else "own"
        self.assertEqual(self.Forecast.get_forecast()["way"], better)


@tagged("post_install", "-at_install", "discipline_funnel")
@freeze_time(NOW)
class TestPipeline(ForecastCommon):
    def _parts(self, **filters):
        result = self.Pipeline.get_pipeline(filters)
        for figure in ("deals", "amount"):
            self.assertEqual(
                result["start"][figure] + sum(row[figure] for row in result["parts"]), result["end"][figure], figure
            )
        return {row["key"]: (row["deals"], row["amount"]) for row in result["parts"] + result["notes"]
                if row["deals"] or row["amount"]}  # fmt: skip

    def _day(self, number):
        return str(START.date() + timedelta(days=number))

    def test_every_kind_of_change_is_named_and_all_add_up(self):
        kept, grown, won, lost, slipped = (
            self._deal(day=0, expected_revenue=revenue, date_deadline="2024-04-01")
            for revenue in (100, 200, 400, 800, 1600)
        )
        again = self._deal(day=0, expected_revenue=3200)
        self._lose(again, 5)
        self._move(kept, 12, self.second)
        with freeze_time(START + timedelta(days=12)):
            grown.expected_revenue = 250
            won.expected_revenue = 500
            slipped.date_deadline = "2024-05-01"
        self._move(won, 14, self.won_stage)
        self._lose(lost, 14)
        with freeze_time(START + timedelta(days=15)):
            again.toggle_active()
        fresh = self._deal(day=16, expected_revenue=6400)
        brief = self._deal(day=16, expected_revenue=12800)
        self._move(brief, 18, self.won_stage)
        parts = self._parts(date_from=self._day(10), date_to=self._day(20))
        self.assertEqual(
            parts,
            {
                "new": (2, 19200),
                "reopened": (1, 3200),
                "grown": (0, 150),
                "won": (-2, -13300),
                "lost": (-1, -800),
                "moved": (1, 100),
                "slipped": (1, 1600),
            },
        )
        for key, deals in (("new", fresh | brief), ("won", won | brief), ("slipped", slipped), ("start", kept | grown |
                           won | lost | slipped), ("end", kept | grown | slipped | again | fresh)):  # fmt: skip
            action = self.Pipeline.get_deals_action(
                {"date_from": self._day(10), "date_to": self._day(20)}, key, "Deals"
            )
            found = self.env["crm.lead"].with_context(active_test=False).search(action["domain"])
            self.assertEqual(found, deals.sorted("id", reverse=True) & found, key)
            self.assertEqual(set(found.ids), set(deals.ids), key)
        with self.assertRaisesRegex(UserError, "no part"):
            self.Pipeline.get_deals_action({}, "nothing")

    def test_a_deal_that_changes_hands_leaves_one_pipeline_and_enters_the_other(self):
        deal = self._deal(self.anna, 0, expected_revenue=100)
        with freeze_time(START + timedelta(days=12)):
            deal.user_id = self.boris
        period = {"date_from": self._day(10), "date_to": self._day(20)}
        self.assertEqual(self._parts(user_id=self.anna.id, **period), {"given": (-1, -100)})
        self.assertEqual(self._parts(user_id=self.boris.id, **period), {"received": (1, 100)})
        self.assertEqual(self._parts(**period), {})

    def test_stages_of_both_days_stand_side_by_side(self):
        deal = self._deal(day=0, expected_revenue=100)
        self._move(deal, 12, self.second)
        result = self.Pipeline.get_pipeline({"date_from": self._day(10), "date_to": self._day(20)})
        self.assertEqual(
            [(row["name"], row["start"]["deals"], row["end"]["amount"]) for row in result["stages"]],
            [("Stage 1", 1, 0), ("Stage 2", 0, 100)],
        )

    def test_a_seeded_history_is_explained_as_a_plain_walk_explains_it(self):
        generator = random.Random(8)
        deals = [self._deal(day=generator.randint(0, 30), expected_revenue=generator.randint(1, 9) * 100)
                 for _number in range(60)]  # fmt: skip
        for day in range(31, 60):
            with freeze_time(START + timedelta(days=day)):
                for deal in generator.sample(deals, 12):
                    dice = generator.random()
                    if deal.won_status != "pending":
                        if dice < 0.3:
                            deal.toggle_active() if not deal.active else deal.write({"stage_id": self.second.id})
                    elif dice < 0.4:
                        deal.expected_revenue = generator.randint(1, 9) * 100
                    elif dice < 0.6:
                        deal.stage_id = generator.choice(self.stages)
                    elif dice < 0.8:
                        deal.stage_id = self.won_stage
                    else:
                        deal.action_set_lost(lost_reason_id=self.price.id)
            self.env.flush_all()
        for first, second in ((10, 20), (20, 45), (35, 59), (0, 80)):
            sides = [self._walk(day) for day in (first, second)]
            opened = [{ref: amount for ref, (status, amount) in side.items() if status == "open"} for side in sides]
            ends = {
                ref: (status, amount)
                for ref, (status, amount) in sides[1].items()
                if status != "open" and (ref in opened[0] or ref not in sides[0]
                                         or (status == "won" and sides[0][ref][0] != "won"))
            }  # fmt: skip
            wanted = pipeline_change(*opened, ends)
            result = self.Pipeline.get_pipeline({"date_from": self._day(first), "date_to": self._day(second)})
            found = {row["key"]: row["amount"] for row in result["parts"]}
            self.assertEqual((result["start"]["amount"], result["end"]["amount"]), (wanted["start"], wanted["end"]))
            self.assertEqual(found["new"] + found["reopened"], wanted["new"])
            for key in ("grown", "shrunk", "won", "lost", "removed"):
                self.assertEqual(found[key], wanted[key], (first, second, key))

    def _walk(self, day):
        """Return {deal: (status, sum)} at the end of a day, from the ledger row by row."""
        until = self.env["discipline.calendar"]._day_begins(START.date() + timedelta(days=day + 1), self.company)
        result = {}
        for row in self.env["discipline.stage.change"].search([("date", "<", until)], order="date, id"):
            result[row.lead_ref] = (row.status_to, row.amount)
        return result
