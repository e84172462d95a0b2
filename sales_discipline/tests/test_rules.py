"""The page of rules says what the policy does, and who has read it is remembered until it says something else."""

from datetime import datetime

from freezegun import freeze_time
from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from .common import DisciplineCommon


@tagged("post_install", "-at_install")
@freeze_time(datetime(2025, 3, 10, 9, 0))
class TestRules(DisciplineCommon):
    def _rules(self, user):
        action = self.env["discipline.policy"].with_user(user).action_rules()
        return self.env["discipline.policy"].with_user(user).browse(action["res_id"])

    def test_a_manager_reads_what_is_demanded_and_what_it_costs(self):
        words = self._rules(self.anna).in_words
        for sentence in (
            "A customer of class A: at least 4 contact(s) a month.",
            "It must be logged within 2 working day(s).",
            "These outcomes do not count: No answer, Wrong number.",
            "A customer of class C is withdrawn after 1 missed month.",
            "Nothing is withdrawn from a newcomer for 3 months.",
            "A supervisor approves every redistribution.",
        ):
            self.assertIn(sentence, words)

    def test_the_preset_balanced_reads_as_it_works(self):
        with Form(self.env["discipline.policy"].with_user(self.administrator)) as form:
            form.valid_from = "2025-05-01"
            form.preset = "balanced"
            self.assertIn("A customer of class A is withdrawn after 2 missed months of the last 3.", form.in_words)
            self.assertIn("A customer of class C is withdrawn after 3 missed months of the last 3.", form.in_words)
            self.assertIn("at most 50 % of its goal", form.in_words)

    def test_reading_is_confirmed_once_and_again_when_the_rules_say_something_else(self):
        rules = self._rules(self.anna)
        self.assertFalse(rules.confirmed_by_me)
        rules.action_confirm_rules()
        rules.action_confirm_rules()
        self.assertTrue(rules.confirmed_by_me)
        self.assertFalse(self._rules(self.boris).confirmed_by_me)
        read = self._rules(self.supervisor).confirmation_ids
        self.assertEqual((read.user_id, read.is_current), (self.anna, True))
        self.env["discipline.channel"].search([("counts", "=", "never")], limit=1).counts = "always"
        read.invalidate_recordset()
        self.assertFalse(read.is_current)
        rules.invalidate_recordset()
        self.assertFalse(rules.confirmed_by_me)

    def test_nobody_confirms_for_somebody_else(self):
        rules = self._rules(self.anna)
        with self.assertRaises(UserError):
            self.env["discipline.rules.confirmation"].with_user(self.administrator).create(
                {"policy_id": rules.id, "user_id": self.boris.id, "manager_ref": self.boris.id}
            )
