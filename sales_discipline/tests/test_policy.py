"""Policies that cannot be, presets, and versions."""

from datetime import date

from freezegun import freeze_time
from lxml import etree
from markupsafe import escape
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger
from psycopg2.errors import UniqueViolation

from ..models.discipline_policy_preview import OPTIONS
from .common import NOW
from .verdict_common import CLOSING, VerdictCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestPolicy(VerdictCommon):
    def _policy(self, **values):
        return self.env["discipline.policy"].create(
            {"company_id": self.company.id, "valid_from": date(2025, 6, 1), "preset": "custom", **values}
        )

    def test_numbers_that_make_no_sense_are_refused_by_name(self):
        for values, words in (
            ({"min_gap": 0}, "“Days between Contacts” is 0: it must be at least 1"),
            ({"backdating": -1}, "“Logged Within” is -1"),
            ({"missed_of": 0}, "“Of the Last” is 0"),
            ({"missed_needed": 3, "missed_of": 2}, "3 missed periods of the last 2"),
            ({"closing_days": 1, "backdating": 2}, "closes a period 1 working days after its end"),
        ):
            with self._refused(ValidationError, words):
                self._policy(**values)

    def test_the_preset_of_the_article_withdraws_after_any_missed_month(self):
        policy = self._policy(preset="article")
        self.assertEqual(policy._rule_for(self.class_a), (1, 1, 100))

    def test_the_balanced_preset_gives_class_c_its_own_rule(self):
        with Form(self.env["discipline.policy"].with_user(self.administrator)) as form:
            form.valid_from = date(2025, 6, 1)
            form.preset = "balanced"
        policy = form.record
        self.assertEqual(policy._rule_for(self.class_a), (2, 3, 50))
        self.assertEqual(policy._rule_for(self.class_b), (2, 3, 50))
        self.assertEqual(policy._rule_for(self.class_c), (3, 3, 50))

    def test_the_version_of_the_day_governs(self):
        newer = self._policy()
        Policy = self.env["discipline.policy"]
        self.assertEqual(Policy._policy_on(self.company, date(2025, 5, 31)), self.policy)
        self.assertEqual(Policy._policy_on(self.company, date(2025, 6, 1)), newer)
        self.assertEqual(Policy._policy_on(self.company, date(2020, 1, 1)), self.policy)

    def test_a_policy_that_closed_a_period_is_not_changed(self):
        period = self._period()
        with freeze_time(CLOSING):
            period.action_close()
        with self._refused(UserError, "Make a new version with a later date"):
            self.policy.min_gap = 2
        with self._refused(UserError, "Periods rest on the policy"):
            self.policy.unlink()

    def test_two_policies_from_the_same_day_are_refused(self):
        self._policy()
        with mute_logger("odoo.sql_db"), self.assertRaises(UniqueViolation):
            self._policy()

    def test_only_an_administrator_sets_policies(self):
        for user in (self.anna, self.supervisor):
            with self.assertRaises(AccessError):
                self.policy.with_user(user).write({"appeal_days": 1})

    def test_a_copy_is_the_next_version_with_the_same_rules(self):
        policy = self.env["discipline.policy"]._policy_on(self.company, date(2025, 3, 10))
        with freeze_time("2025-03-10 09:00:00"):
            later = policy.copy()
            self.assertEqual((later.valid_from, later.preset), (date(2025, 4, 1), policy.preset))
            self.assertEqual(later.copy().valid_from, date(2025, 5, 1))

    def test_a_version_says_what_it_changes_while_it_is_written(self):
        later = self.policy.with_user(self.administrator).copy()
        self.assertEqual((self.policy.standing, later.standing), ("now", "next"))
        self.assertFalse(later.compared)
        with Form(later) as form:
            form.cooldown_days = 60
            self.assertIn("Cooldown, Days: <s class='text-muted'>90</s> → <b>60</b>", form.compared)
            self.assertIn("does not move again for 60 days", form.in_words)
            form.preset = "balanced"
            self.assertIn(
                "Classes with Their Own Rule: <s class='text-muted'>none</s> → <b>C: 3 of 3</b>", form.compared
            )
            self.assertNotIn("Logged Within", form.compared)

    def test_every_option_is_explained_in_one_sentence(self):
        options = self.policy.fields_get(attributes=["help", "required", "store", "readonly"])
        fixed = {"company_id", "id", "display_name", "create_uid", "create_date", "write_uid", "write_date", "preset"}
        names = {name for name, row in options.items() if row["store"] and not row["readonly"]} - fixed
        told = self.policy.in_options
        for name in names - {"valid_from"}:
            # a sentence ends with a full stop, and there is no other in it
            self.assertRegex(options[name]["help"], r"^[A-Z][^.!?]*\.$", name)
            self.assertIn(str(escape(options[name]["help"])), told, name)

    def test_the_form_explains_each_option_in_the_fields_own_words(self):
        fields = self.policy.fields_get(attributes=["help"])
        form = self.env.ref("sales_discipline.discipline_policy_view_form")
        arch = etree.fromstring(self.env["discipline.policy"].get_view(form.id, "form")["arch"])
        settings = {setting.find("field").get("name"): setting.get("help") for setting in arch.iter("setting")}
        self.assertEqual(set(settings), set(OPTIONS) - {"line_ids"})
        self.assertEqual(settings, {name: fields[name]["help"] for name in settings})
        lines = fields["line_ids"]["help"]
        self.assertIn(lines, [(paragraph.text or "").strip() for paragraph in arch.iter("p")])

    def test_settings_show_the_policy_in_force_and_open_the_next_version(self):
        settings = self.env["res.config.settings"].with_user(self.env.ref("base.user_admin")).create({})
        self.assertEqual(settings.discipline_policy_id, self.policy)
        self.assertEqual(settings.discipline_policy_words, self.policy.in_words)
        self.assertEqual(settings.discipline_policy_options, self.policy.in_options)
        action = settings.action_discipline_next_policy()
        later = self.env["discipline.policy"].browse(action["res_id"])
        self.assertEqual((later.valid_from, later.standing), (date(2025, 4, 1), "next"))

    def test_a_version_on_which_closed_periods_rest_says_so(self):
        self.assertFalse(self.policy.is_judged)
        period = self._period()
        with freeze_time(CLOSING):
            period.action_close()
        self.policy.invalidate_recordset(["is_judged"])
        self.assertTrue(self.policy.is_judged)
