"""Tasks: a supervisor selects rows in any list or report, sets a task on all of them, and sees what came of it."""

from datetime import date, datetime

from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .common import NOW, DisciplineCommon

#: lists of rules and of the program's own work: no customer and no manager stands behind their rows
NO_TASKS = {
    "discipline.abc.class", "discipline.abc.run", "discipline.channel", "discipline.competitor",
    "discipline.forecast.snapshot", "discipline.import", "discipline.job", "discipline.norm", "discipline.outcome",
    "discipline.period", "discipline.policy", "discipline.profile.rule", "discipline.redistribution",
    "discipline.stage.rule",
}  # fmt: skip


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestTask(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.first = cls._customer("First", cls.anna, cls.class_a)
        cls.second = cls._customer("Second", cls.boris, cls.class_b)
        cls.Task = cls.env["discipline.task"]
        cls.todo = cls.env.ref("mail.mail_activity_data_todo")

    def _set(self, rows, user=None, **values):
        """Set a task as the menu of actions of a list does; return what was set."""
        dialog = (
            self.env["discipline.task.set"]
            .with_user(user or self.supervisor)
            .with_context(active_model=rows._name, active_ids=rows.ids)
            .create({"summary": "Find out why he is silent", "date_deadline": date(2025, 3, 12), **values})
        )
        action = dialog.action_set()
        return self.Task.search(action["domain"], order="id")

    def test_each_customers_responsible_manager_gets_an_activity_with_doer_date_and_text(self):
        tasks = self._set((self.first | self.second).discipline_id, note="I decide on Friday")
        self.assertEqual(tasks.partner_id, self.first | self.second)
        self.assertEqual(tasks.mapped("user_id"), self.anna | self.boris)
        self.assertEqual(set(tasks.mapped("state")), {"open"})
        self.assertEqual(tasks.given_by_id, self.supervisor)
        activity = self.first.activity_ids
        self.assertEqual(
            (activity.user_id, activity.summary, activity.date_deadline, activity.activity_type_id),
            (self.anna, "Find out why he is silent", date(2025, 3, 12), self.todo),
        )
        self.assertIn("I decide on Friday", activity.note)
        told = self.env["mail.message"].search([("subject", "=", "Task: Find out why he is silent")])
        self.assertEqual(told.notified_partner_ids, self.anna.partner_id | self.boris.partner_id)
        self.assertEqual(len(told), 2, "each doer is told once")

    def test_what_the_doer_answers_is_seen_and_whether_it_was_in_time(self):
        tasks = self._set((self.first | self.second).discipline_id)
        self.first.activity_ids.with_user(self.anna).action_feedback(feedback="He is on holiday until May")
        self.assertEqual(
            (tasks[0].state, tasks[0].answer, tasks[0].done_on, tasks[0].done_by_id),
            ("done", "He is on holiday until May", date(2025, 3, 10), self.anna),
        )
        with freeze_time(datetime(2025, 3, 13, 9)):
            self.env["discipline.nightly"]._step_tasks(self.company)
            self.assertEqual(tasks.mapped("state"), ["done", "late"])
            self.second.activity_ids.with_user(self.boris).action_done()
            self.assertEqual(tasks.mapped("state"), ["done", "done_late"])

    def test_opened_again_put_off_and_deleted_activities_are_told_apart(self):
        tasks = self._set((self.first | self.second).discipline_id)
        activity = self.first.activity_ids
        activity.with_user(self.anna).action_archive()
        activity.with_user(self.anna).action_unarchive()
        self.assertEqual((tasks[0].state, tasks[0].answer), ("open", False))
        activity.with_user(self.anna).date_deadline = date(2025, 4, 1)
        self.assertEqual((tasks[0].date_deadline, tasks[0].moved_to), (date(2025, 3, 12), date(2025, 4, 1)))
        activity.with_user(self.supervisor).date_deadline = date(2025, 3, 20)
        self.assertEqual((tasks[0].date_deadline, tasks[0].moved_to), (date(2025, 3, 20), False))
        activity.with_user(self.supervisor).user_id = self.clara
        self.assertEqual(tasks[0].user_id, self.clara)
        self.second.activity_ids.unlink()
        self.assertEqual(tasks[1].state, "cancelled")

    def test_a_task_outlives_its_customer_and_its_doer(self):
        tasks = self._set(self.first.discipline_id)
        doer = new_test_user(self.env, "sd_leaver", groups="base.group_user,sales_team.group_sale_salesman")
        other = self._set(self.second.discipline_id, user_id=doer.id)
        self.first.unlink()
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM mail_activity WHERE user_id = %s", (doer.id,))
        self.env.invalidate_all()
        self.env["discipline.nightly"]._step_tasks(self.company)
        self.assertEqual((tasks | other).mapped("state"), ["cancelled", "cancelled"])
        self.assertEqual(tasks.summary, "Find out why he is silent")

    def test_a_call_set_as_a_task_becomes_a_contact_when_it_is_done(self):
        tasks = self._set(self.first.discipline_id, activity_type_id=self.env.ref("mail.mail_activity_data_call").id)
        self.first.activity_ids.with_user(self.anna).action_feedback(feedback="He buys again")
        contact = self.env["discipline.contact"].search([("partner_id", "=", self.first.id)])
        self.assertEqual((contact.note, contact.counted, tasks.answer), ("He buys again", True, "He buys again"))

    def test_several_rows_of_one_customer_are_one_task_and_employees_and_members_stand_for_him(self):
        employee = self.env["res.partner"].create({"name": "Employee", "parent_id": self.first.id})
        member = self._customer("Member", self.anna, customer_group_id=self.first.id)
        tasks = self._set(self.first | employee | member)
        self.assertEqual(tasks.partner_id, self.first)
        contacts = self._log(self.second, self.boris, NOW) | self._log(employee, self.anna, NOW)
        contacts |= self._log(member, self.anna, NOW)
        self.assertEqual(self._set(contacts).partner_id, self.first | self.second)

    def test_an_opportunity_gets_its_own_task_and_a_managers_day_one_for_the_manager(self):
        lead = self.env["crm.lead"].create({"name": "Deal", "partner_id": self.first.id, "user_id": self.clara.id})
        task = self._set(lead)
        self.assertEqual((task.lead_id, task.partner_id, task.user_id), (lead, self.first, self.clara))
        self.assertEqual(lead.activity_ids.user_id, self.clara)
        self.env.flush_all()
        days = self.env["discipline.performance"].search([("user_id", "in", (self.anna | self.boris).ids)])
        self.assertTrue(days)
        tasks = self._set(days)
        self.assertEqual((tasks.partner_id.ids, tasks.user_id), ([], self.anna | self.boris))
        self.assertEqual(tasks.activity_id.mapped("res_model"), [False, False])

    def test_customers_of_nobody_need_a_doer_and_are_named(self):
        orphan = self._customer("Orphan")
        with self.assertRaisesRegex(UserError, r"1 customers have no responsible manager \(Orphan\)"):
            self._set((orphan | self.first).discipline_id)
        tasks = self._set((orphan | self.first).discipline_id, nobody_user_id=self.clara.id)
        self.assertEqual({task.partner_id: task.user_id for task in tasks}, {orphan: self.clara, self.first: self.anna})
        self.assertFalse(orphan.user_id, "a task gives nobody the customer")

    def test_a_salesman_sets_no_task_whichever_way_and_a_supervisor_none_in_another_team(self):
        with self.assertRaises(AccessError):
            self._set(self.first, user=self.anna)
        with self.assertRaises(AccessError):
            self.env["discipline.task.set"].with_user(self.anna).browse(1).action_set()
        theirs = self._customer("Theirs", self.dmitri, self.class_a)
        with self.assertRaisesRegex(AccessError, "Dmitri is in another team"):
            self._set((theirs | self.first).discipline_id)
        self.assertFalse(self.Task.search([]))
        self.assertEqual(self._set(theirs, user=self.administrator).user_id, self.dmitri)

    def test_tasks_are_facts_that_a_doer_sees_and_nobody_rewrites(self):
        tasks = self._set((self.first | self.second).discipline_id)
        self.assertEqual(self.Task.with_user(self.anna).search([]), tasks[0])
        for attack in (
            lambda user: tasks[0].with_user(user).write({"state": "done"}),
            lambda user: tasks[0].with_user(user).unlink(),
            lambda user: self.Task.with_user(user).create({"summary": "x", "doer_ref": 1}),
        ):
            for user in (self.anna, self.supervisor, self.administrator):
                with self.assertRaises(UserError):
                    attack(user)

    def test_setting_takes_as_many_queries_for_many_rows_as_for_few(self):
        def measure(count):
            customers = self.env["res.partner"].union(
                *(self._customer(f"C{count}-{i}", self.anna, self.class_a) for i in range(count))
            )
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self._set(customers.discipline_id)
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        measure(2)
        few, many = measure(5), measure(80)
        self.assertLessEqual(many, few + 3)

    def test_every_list_and_report_about_customers_or_managers_lets_a_supervisor_set_a_task(self):
        listed = {
            action.res_model
            for action in self.env["ir.actions.act_window"].search([("res_model", "=like", "discipline.%")])
            if "list" in action.view_mode and not self.env[action.res_model]._transient
        }
        wizard = self.env.ref("sales_discipline.discipline_task_set_action")

        def offered(model, user):
            bindings = self.env["ir.actions.actions"].with_user(user).get_bindings(model)
            return wizard.id in [action["id"] for action in bindings.get("action", ())]

        listed |= {"res.partner", "crm.lead"}
        without = {model for model in listed if not offered(model, self.supervisor)}
        config = self.env.ref("sales_discipline.menu_discipline_config")
        rules = {
            menu.action.res_model
            for menu in self.env["ir.ui.menu"].search([("id", "child_of", config.id)])
            if menu.action and menu.action._name == "ir.actions.act_window"
        }
        self.assertEqual(without - NO_TASKS - rules, set())
        self.assertFalse([model for model in listed if offered(model, self.anna)], "a salesman is not offered it")

    def test_a_task_is_set_from_a_report_of_refusals_and_of_those_who_stopped_buying(self):
        reason = self.env["crm.lost.reason"].create({"name": "Price"})
        lead = self.env["crm.lead"].create(
            {"name": "Deal", "type": "opportunity", "partner_id": self.first.id, "user_id": self.anna.id}
        )
        lead.action_set_lost(lost_reason_id=reason.id)
        refusal = self.env["discipline.refusal"].search([("lead_id", "=", lead.id)])
        self.assertEqual(self._set(refusal).partner_id, self.first)
        self.assertEqual(
            self.env["discipline.stopped.buying"].browse()._discipline_task_targets(), [], "an empty report is no error"
        )


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestTaskDialog(DisciplineCommon):
    def test_the_dialog_says_how_many_customers_and_doers_it_is_about(self):
        rows = (self._customer("First", self.anna) | self._customer("Second", self.boris)).discipline_id
        rows |= self._customer("Orphan").discipline_id
        dialog = (
            self.env["discipline.task.set"]
            .with_user(self.supervisor)
            .with_context(active_model=rows._name, active_ids=rows.ids)
            .create({"summary": "Call"})
        )
        self.assertEqual((dialog.customer_count, dialog.doer_count, dialog.nobody_count), (3, 2, 1))
        self.assertEqual(dialog.date_deadline, date(2025, 3, 11), "the next working day")
        dialog.user_id = self.clara
        self.assertEqual((dialog.doer_count, dialog.nobody_count), (1, 0))
        self.assertEqual(dialog.res_ids, rows.ids)
        with self.assertRaisesRegex(UserError, "no customer and no manager"):
            self.env["discipline.task.set"].with_user(self.supervisor).create(
                {"res_model": "res.partner", "res_ids": [], "summary": "x"}
            ).action_set()
