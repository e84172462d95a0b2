"""The demonstration is always about last month, and is loaded once."""

from datetime import date, timedelta

from freezegun import freeze_time
from odoo.addons.sales_discipline.demo import maven
from odoo.tests import TransactionCase, tagged


@tagged("post_install", "-at_install")
class TestDemonstrationDates(TransactionCase):
    def _last_day(self, now):
        with freeze_time(now):
            return self.env["discipline.demo"]._loader().last

    def test_the_data_end_with_the_last_month_that_can_be_closed(self):
        self.assertEqual(self._last_day("2026-11-24 12:00:00"), date(2026, 10, 31))
        # New Year's Day is a holiday: December's contacts may be logged on 2, 5 and 6 January
        self.assertEqual(self._last_day("2026-01-06 23:00:00"), date(2025, 11, 30))
        self.assertEqual(self._last_day("2026-01-07 12:00:00"), date(2025, 12, 31))
        self.assertEqual(self._last_day("2028-03-10 12:00:00"), date(2028, 2, 29))

    def test_all_dates_move_by_one_number_of_days(self):
        real, moved = maven.read(), maven.read(3226)
        self.assertEqual(real.last_day, date(2017, 12, 31))
        for before, after in zip(real.deals, moved.deals, strict=True):
            for name in ("engaged", "closed"):
                day = getattr(before, name)
                self.assertEqual(getattr(after, name), day and day + timedelta(days=3226))

    @freeze_time("2018-01-08 15:00:00")
    def test_a_database_that_has_the_demonstration_is_left_alone(self):
        self.assertTrue(self.env["discipline.demo"]._load(shift=0, steps=("rules", "people")))
        before = self.env["res.users"].search_count([]), self.env["resource.calendar.leaves"].search_count([])
        self.assertFalse(self.env["discipline.demo"]._load())
        after = self.env["res.users"].search_count([]), self.env["resource.calendar.leaves"].search_count([])
        self.assertEqual(before, after)
