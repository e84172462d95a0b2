"""The cockpit: what a supervisor sees first."""

from datetime import datetime

from freezegun import freeze_time
from odoo.exceptions import AccessError
from odoo.tests import tagged

from .verdict_common import CLOSING, VerdictCommon


@tagged("post_install", "-at_install")
@freeze_time(datetime(2025, 3, 26, 9, 0))
class TestCockpit(VerdictCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.one = cls._customer("One", cls.anna, cls.class_a)
        cls.two = cls._customer("Two", cls.boris, cls.class_b)
        cls._contacts(cls.two, cls.boris, 4, 20)
        cls._period()
        cls.Compliance._evaluate_customers((cls.one | cls.two).ids)

    def _cockpit(self, user=None):
        return self.env["discipline.cockpit"].with_user(user or self.supervisor).get_cockpit()

    def test_the_running_period_stands_by_manager_the_weakest_first_and_adds_up(self):
        (period,) = self._cockpit()["periods"]
        self.assertFalse(period["closed"])
        rows = [(row["name"], row["attained"], row["goal"], row["percent"]) for row in period["rows"]]
        self.assertEqual(rows, [("Anna", 0, 4, 0), ("Boris", 2, 2, 100)])
        self.assertEqual((period["total"]["attained"], period["total"]["goal"]), (2, 6))
        self.assertEqual(period["total"]["percent"], 33)

    def test_a_closed_period_stays_beside_the_running_one(self):
        with freeze_time(CLOSING):
            self._period()._close()
            self.Compliance._evaluate_customers((self.one | self.two).ids)
            periods = self._cockpit()["periods"]
        self.assertEqual([period["closed"] for period in periods], [False, True])
        self.assertEqual(periods[1]["total"]["missed"], 1)

    def test_what_waits_for_a_decision_is_counted_and_opens_exactly_that(self):
        self.assertFalse([row for row in self._cockpit()["decide"] if "Absences" in row["name"]])
        self.env["discipline.absence"].with_user(self.anna).create(
            {"user_id": self.anna.id, "date_from": "2025-04-01", "date_to": "2025-04-02"}
        )
        (row,) = [row for row in self._cockpit()["decide"] if "Absences" in row["name"]]
        self.assertEqual(row["count"], 1)
        self.assertEqual(self.env["discipline.absence"].search_count(row["domain"]), 1)
        self.assertEqual(self.env.ref(row["action"]).res_model, "discipline.absence")

    def test_the_customers_about_to_be_lost_are_those_that_the_manager_sees(self):
        risk = self._cockpit()["risk"]
        mine = self.env["discipline.my.day"].with_user(self.anna).get_day()["risk"]
        self.assertEqual([row["name"] for row in risk], ["One"])
        self.assertEqual(risk, mine)
        self.assertIn("4 working days left: 4 more", risk[0]["keeps"])
        self.assertEqual(risk[0]["manager"], "Anna")

    def test_a_manager_has_no_cockpit(self):
        with self.assertRaises(AccessError):
            self._cockpit(self.anna)

    def test_the_cockpit_takes_as_many_queries_for_many_customers_as_for_few(self):
        def queries():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self._cockpit()
            return self.env.cr.sql_log_count - before

        queries()
        few = queries()
        more = [self._customer(f"More {i}", self.anna, self.class_a) for i in range(15)]
        self.Compliance._evaluate_customers([customer.id for customer in more])
        queries()
        self.assertLessEqual(queries(), few)
