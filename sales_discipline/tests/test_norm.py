"""Norms that cannot be, and norms that verdicts rest on."""

from datetime import date

from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from .common import NOW
from .verdict_common import VerdictCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestNorm(VerdictCommon):
    def _norm(self, goal, **values):
        return self.env["discipline.norm"].create(
            {"abc_class_id": self.class_a.id, "goal": goal, "valid_from": date(2025, 6, 1), **values}
        )

    def test_a_norm_of_nothing_or_less_is_refused(self):
        for goal in (0, -3):
            with self._refused(ValidationError, f"norm of class A is {goal}: it must be 1 or more"):
                self._norm(goal)

    def test_a_norm_that_the_distance_makes_impossible_is_refused(self):
        self.policy.min_gap = 5
        with self._refused(ValidationError, r"class A is 5, but with 5 working day\(s\).* at most 4 fit"):
            self._norm(5)
        self.assertEqual(self._norm(4).goal, 4)

    def test_a_weekly_norm_beyond_a_week_is_refused(self):
        with self._refused(ValidationError, "at most 3 fit"):
            self._norm(4, period="week")

    def test_a_distance_that_makes_norms_impossible_is_refused(self):
        with self._refused(ValidationError, "norm of class A is 4"):
            self.policy.min_gap = 10

    def test_two_norms_for_the_same_class_team_and_date_are_refused(self):
        self._norm(4)
        with self._refused(ValidationError, "Class A already has a norm from 2025-06-01 for every team"):
            self._norm(3)
        self._norm(3, team_id=self.team.id)
        with self._refused(ValidationError, "for Team One"):
            self._norm(2, team_id=self.team.id)

    def test_a_norm_that_verdicts_rest_on_is_neither_changed_nor_deleted(self):
        customer = self._customer("Company", self.anna, self.class_a)
        norm = self._judged(customer)[self.anna].norm_id
        with self._refused(UserError, "Verdicts already rest on the norm A: 4"):
            norm.goal = 2
        with self._refused(UserError, "it cannot be deleted"):
            norm.unlink()

    def test_only_an_administrator_sets_norms(self):
        for user in (self.anna, self.supervisor):
            with self.assertRaises(AccessError):
                self.env["discipline.norm"].with_user(user).create({"abc_class_id": self.class_a.id, "goal": 2})
