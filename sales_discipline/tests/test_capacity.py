"""What a manager can do is a supervisor's to say: how many contacts a day, since when, and with whose help."""

from datetime import date

from freezegun import freeze_time
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, tagged

from .common import NOW, DisciplineCommon

FIELDS = {
    "discipline_capacity_per_day": 20,
    "discipline_newcomer_since": "2025-02-01",
    "discipline_assistant_ids": [],
}


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestCapacity(DisciplineCommon):
    def _dialog(self, user, manager, **values):
        return (
            self.env["discipline.capacity"]
            .with_user(user)
            .create({"user_id": manager.id, "capacity_per_day": 20, **values})
        )

    def _present(self, manager):
        return (
            manager.discipline_capacity_per_day,
            manager.discipline_newcomer_since or None,
            manager.discipline_assistant_ids,
        )

    def test_a_teams_leader_sets_capacity_newcomers_day_and_assistants_of_its_members(self):
        self.anna.sudo().discipline_capacity_per_day = 12
        Dialog = self.env["discipline.capacity"].with_user(self.supervisor).with_context(default_user_id=self.anna.id)
        with Form(Dialog) as form:
            self.assertEqual(form.capacity_per_day, 12)
            form.capacity_per_day = 20
            form.newcomer_since = date(2025, 2, 1)
            form.assistant_ids.add(self.boris)
        form.record.action_save()
        self.assertEqual(self._present(self.anna), (20, date(2025, 2, 1), self.boris))
        # a second dialog begins with what is in force, and changes only what was changed
        with Form(Dialog) as form:
            form.capacity_per_day = 8
        form.record.action_save()
        self.assertEqual(self._present(self.anna), (8, date(2025, 2, 1), self.boris))

    def test_a_sales_administrator_sets_them_across_teams(self):
        self._dialog(self.administrator, self.dmitri).action_save()
        self.assertEqual(self._present(self.dmitri), (20, None, self.env["res.users"]))

    def test_nobody_sets_them_in_another_team_nor_for_himself(self):
        self.team.member_ids += self.supervisor
        for user, manager in (
            (self.supervisor, self.dmitri),
            (self.supervisor, self.supervisor),
            (self.administrator, self.administrator),
        ):
            with self.assertRaisesRegex(AccessError, f"The capacity of {manager.name} is set by his team's leader"):
                self._dialog(user, manager).action_save()
            self.assertEqual(self._present(manager), (0, None, self.env["res.users"]))

    def test_a_manager_neither_opens_the_dialog_nor_writes_past_it(self):
        with self.assertRaises(AccessError):
            self._dialog(self.anna, self.anna)
        for user in (self.anna, self.supervisor, self.administrator):
            for name, value in FIELDS.items():
                with self.assertRaises(AccessError):
                    self.anna.with_user(user).write({name: value})
        self.assertEqual(self._present(self.anna), (0, None, self.env["res.users"]))

    def test_impossible_figures_are_refused_by_whichever_way_they_come(self):
        with self.assertRaisesRegex(ValidationError, "of Anna must be 0 or more"):
            self._dialog(self.supervisor, self.anna, capacity_per_day=-1).action_save()
        with self.assertRaisesRegex(ValidationError, "Anna cannot be his own assistant"):
            self._dialog(self.supervisor, self.anna, assistant_ids=self.anna.ids).action_save()
        with self.assertRaises(ValidationError):
            self.anna.sudo().discipline_capacity_per_day = -1

    def test_the_dialog_opens_from_the_portfolios_and_from_a_redistribution(self):
        customer = self._customer("Company", self.anna, self.class_a)
        portfolio = self.env["discipline.portfolio"].with_user(self.supervisor).search([("user_id", "=", self.anna.id)])
        batch = self.env["discipline.redistribution"]._propose(
            self.company, "selection", customer, reason="Office", receiver=self.boris
        )
        row = batch.manager_ids.filtered(lambda row: row.user_id == self.anna).with_user(self.supervisor)
        for record in (portfolio, row):
            action = record.action_capacity()
            self.assertEqual((action["res_model"], action["target"]), ("discipline.capacity", "new"))
            self.assertEqual(action["context"]["default_user_id"], self.anna.id)

    def test_what_was_set_is_the_capacity_that_redistributions_reckon_with(self):
        self._dialog(self.supervisor, self.anna).action_save()
        Batch = self.env["discipline.redistribution"]
        # 21 working days
        figures = Batch._manager_figures(self.company, date(2025, 3, 10))
        self.assertEqual((figures[self.anna.id]["capacity"], figures[self.boris.id]["capacity"]), (420, 315))
