"""Sales targets: who sets them, and how far they are."""

from freezegun import freeze_time
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger
from psycopg2 import IntegrityError

from .common import NOW
from .test_funnel import START, FunnelCommon


@tagged("post_install", "-at_install", "discipline_funnel")
@freeze_time(NOW)
class TestTarget(FunnelCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Target = cls.env["discipline.target"]

    def _target(self, user=None, team=None, month="2025-03-15", amount=10000, by=None):
        return self.Target.with_user(by or self.administrator).create(
            {
                "user_id": user.id if user else False,
                "team_id": team.id if team else False,
                "month": month,
                "amount": amount,
            }
        )

    def test_what_was_won_in_the_month_and_what_is_to_be_won_stand_beside_the_target(self):
        days = (NOW - START).days
        deal = self._deal(self.anna, days - 9, expected_revenue=4000)
        self._move(deal, days - 5, self.won_stage)
        before = self._deal(self.anna, days - 60, expected_revenue=700)
        self._move(before, days - 40, self.won_stage)
        lost = self._deal(self.anna, days - 9, expected_revenue=900)
        self._lose(lost, days - 2)
        self._deal(self.anna, days - 9, expected_revenue=1000, probability=50, date_deadline="2025-03-25")
        self._deal(self.anna, days - 9, expected_revenue=200, probability=50, date_deadline="2025-02-20")
        self._deal(self.anna, days - 9, expected_revenue=5000, probability=50, date_deadline="2025-04-25")
        march, april = self._target(self.anna), self._target(self.anna, month="2025-04-01")
        team = self._target(team=self.team)
        self.assertEqual((march.won, march.open, march.attainment), (4000, 600, 40), "what is overdue is to come now")
        self.assertEqual((april.won, april.open), (0, 2500))
        self.assertEqual(team.won, 4000)
        self.assertEqual(str(march.month), "2025-03-01")

    def test_more_targets_take_no_more_queries(self):
        def read(count):
            targets = self.Target.browse()
            for number in range(count):
                targets |= self._target(self.anna, month=f"{2026 + count}-{number + 1:02}-01")
            self.env.flush_all()
            self.env.invalidate_all()
            return targets

        targets = read(2)
        targets.mapped("won")
        self.env.invalidate_all()
        with self.assertQueryCount(5):
            targets.mapped("won")
        targets = read(12)
        with self.assertQueryCount(5):
            targets.mapped("won")

    def test_a_target_is_a_manager_s_or_a_team_s(self):
        for whose in ({}, {"user": self.anna, "team": self.team}):
            with self.subTest(whose=whose), self.assertRaises(ValidationError):
                self._target(**whose)

    @mute_logger("odoo.sql_db")
    def test_there_is_one_target_for_a_manager_and_month(self):
        self._target(self.anna)
        with self.assertRaises(IntegrityError):
            self._target(self.anna, month="2025-03-01")

    def test_the_team_s_leader_sets_the_targets_of_his_team_and_no_other(self):
        target = self._target(self.anna, by=self.supervisor)
        target.with_user(self.supervisor).amount = 12000
        self._target(team=self.team, by=self.supervisor)
        for values in ({"user": self.dmitri}, {"team": self.other_team}, {"user": self.supervisor}):
            with self.subTest(values=values), self.assertRaises(AccessError):
                self._target(**values, by=self.supervisor)
        with self.assertRaises(AccessError):
            target.with_user(self.supervisor).user_id = self.dmitri

    def test_a_manager_sees_his_own_target_and_changes_none(self):
        own, other, team = self._target(self.anna), self._target(self.boris), self._target(team=self.team)
        foreign = self._target(team=self.other_team)
        seen = self.Target.with_user(self.anna).search([])
        self.assertIn(own, seen)
        self.assertIn(team, seen, "the target of his team is his business")
        self.assertFalse(seen & (other | foreign))
        for change in (lambda: own.with_user(self.anna).write({"amount": 1}), own.with_user(self.anna).unlink):
            with self.assertRaises(AccessError):
                change()
        with self.assertRaises(AccessError):
            self._target(self.anna, month="2025-05-01", by=self.anna)
