"""The page of rules says what the policy does, and who has read it is remembered until it says something else."""

from datetime import date, datetime

from freezegun import freeze_time
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import Form, tagged

from ..models.discipline_policy_preview import OPTIONS
from .common import DisciplineCommon

#: two or three values of each option that read differently; the last one may switch it off
VALUES = {
    "min_gap": (1, 2),
    "backdating": (2, 1),
    "closing_days": (3, 4),
    "unreachable_attempts": (5, 6, 0),
    "missed_share": (100, 50, 30),
    "missed_needed": (1, 2),
    "missed_of": (2, 3),
    "late_stage_probability": (80, 90, 0),
    "cap_per_manager": (3, 4, 0),
    "cooldown_days": (90, 60, 0),
    "newcomer_months": (3, 1, 0),
    "appeal_days": (3, 5),
    "receiver_attainment": (90, 80),
    "intake_cap": (2, 3, 0),
    "move_leads": (True, False),
    "request_approval": ("both", "agreement", "supervisor"),
    "approval": ("manual", "automatic"),
}


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

    def _page(self, policy):
        """Return what the page says and its fingerprint."""
        self.env.invalidate_all()
        return str(policy.in_words), policy._fingerprint()

    def _differ(self, pages, what):
        """Expect as many different texts, and different fingerprints, as there are pages."""
        for number, part in enumerate(("words", "fingerprint")):
            self.assertEqual(len({page[number] for page in pages}), len(pages), f"{what}: {part}")

    def test_whichever_option_changes_the_words_change_and_are_to_be_read_anew(self):
        self.assertEqual(set(VALUES), set(OPTIONS) - {"line_ids"})
        policy = self._rules(self.administrator)
        policy.write({"preset": "custom", **{name: values[0] for name, values in VALUES.items()}})
        for name, values in VALUES.items():
            pages = []
            for value in values:
                policy[name] = value
                pages.append(self._page(policy))
            self._differ(pages, name)
            policy[name] = values[0]
        pages = [self._page(policy)]
        for needed, of in ((3, 3), (2, 3)):
            line = {"abc_class_id": self.class_c.id, "missed_needed": needed, "missed_of": of}
            policy.line_ids = [Command.clear(), Command.create(line)]
            pages.append(self._page(policy))
        self._differ(pages, "line_ids")

    def test_whatever_the_company_sets_the_words_change_and_are_to_be_read_anew(self):
        policy = self._rules(self.administrator)
        pages = [self._page(policy)]
        for record, values in (
            (self.company, {"discipline_capacity_per_day": 7}),
            (self.company, {"discipline_date_start": date(2025, 2, 1)}),
            (self.company, {"discipline_fill_from": date(2025, 1, 1), "discipline_fill_days": 9}),
            (self.team, {"discipline_date_start": date(2025, 3, 17)}),
            (self.env["discipline.norm"].search([("abc_class_id", "=", self.class_a.id)]), {"goal": 5}),
            (self.env["discipline.channel"].search([("counts", "=", "never")], limit=1), {"counts": "always"}),
            (self.talked, {"counts": False}),
        ):
            record.sudo().write(values)
            pages.append(self._page(policy))
        self._differ(pages, "company")

    def test_a_manager_reads_what_is_not_asked_of_him(self):
        self.team.discipline_date_start = date(2025, 3, 17)
        words = self._rules(self.anna).in_words
        for sentence in (
            "each contact is owed by whoever is responsible on most days of its part.",
            "after a handover, in an approved absence, or in a pause that was agreed for the customer.",
            "Public holidays are no working days.",
            "(15 a day unless a supervisor set another number for him) is excused without blame, from the lowest class",
            "A supervisor may agree to an exception for a customer, for a year at most and never for the past",
            "No period that began before 01/01/2025 is judged.",
            "Days before 03/17/2025 are not held against the members of Team One.",
            "A verdict against which an appeal was granted is not held against the manager.",
            "A customer whom an exception protects is not withdrawn.",
            "In his first 30 days a newcomer has 30 % of the capacity, in the next 30 days 60 %.",
            "Who loses a customer for a missed norm may appeal within 3 working days",
        ):
            self.assertIn(sentence, words)

    def test_what_goes_by_itself_is_said_of_missed_norms_and_of_nobodys_customers_only(self):
        policy = self._rules(self.administrator)
        policy.approval = "automatic"
        words = self._rules(self.anna).in_words
        self.assertIn("Customers withdrawn for a missed norm move by themselves after the appeal deadline", words)
        self.assertIn("a supervisor approves every other redistribution", words)
        self.assertNotIn("A supervisor approves every redistribution.", words)

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
