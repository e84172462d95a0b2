"""A task is set from every list and report that offers it, on a real row of it."""

import json
import re
from datetime import date

from freezegun import freeze_time
from odoo.exceptions import UserError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import SQL

from .common import NOW, DisciplineCommon
from .real_input import RealInput

#: what a column holds where nothing else says it
BY_TYPE = {
    "boolean": False, "integer": 1, "float": 1.0, "monetary": 1.0, "date": NOW.date(), "datetime": NOW, "text": "Text",
    "char": "Text", "json": "{}", "html": "Text",
}  # fmt: skip
#: what the reports that are made of these tables look for
NOTICED = {
    "discipline.buying": {"is_down": True},
    "discipline.forecast.snapshot": {"first_of_month": True, "day": date(2025, 3, 1)},
    "discipline.redistribution.line": {"state": "applied", "applied_on": date(2025, 3, 3)},
    "discipline.repeat": {"last_date": date(2025, 3, 3), "usual_interval": 30, "mean": 100},
}


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestTaskOnEveryList(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.discipline_revenue_kinds = "invoice"
        cls.customer = cls._customer("Customer", cls.anna, cls.class_a)
        cls.lead = cls.env["crm.lead"].create(
            {"name": "Deal", "type": "opportunity", "partner_id": cls.customer.id, "user_id": cls.anna.id}
        )
        cls._log(cls.customer, cls.anna, NOW)
        cls.wizard = cls.env.ref("sales_discipline.discipline_task_set_action")
        cls.known = {
            "partner_id": cls.customer.id,
            "customer_ref": cls.customer.id,
            "lead_id": cls.lead.id,
            "lead_ref": cls.lead.id,
            "user_id": cls.anna.id,
            "manager_ref": cls.anna.id,
            "doer_ref": cls.anna.id,
            "company_id": cls.company.id,
        }

    def _bound(self):
        """Return the names of the models whose lists offer “Set a Task” to a supervisor."""
        Actions = self.env["ir.actions.actions"].with_user(self.supervisor)
        return [
            name
            for name in sorted(self.env.registry)
            if self.wizard.id in [action["id"] for action in Actions.get_bindings(name).get("action", ())]
        ]

    def _row(self, name):
        """Return a row of a model that is about Anna, her customer or her deal; a table without one gets it by SQL."""
        model = self.env[name].sudo().with_context(active_test=False)
        about = [("partner_id", self.customer), ("lead_id", self.lead), ("user_id", self.anna)]
        field, record = next((field, record) for field, record in about if field in model._fields)
        if name in ("res.partner", "crm.lead"):
            return self.customer if name == "res.partner" else self.lead
        found = model.search([(field, "=", record.id)], limit=1)
        if not found and model._auto:
            found = self._insert(model)
        return found

    def _insert(self, model):
        required = {
            name
            for (name,) in self.env.execute_query(
                SQL(
                    "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_nullable = 'NO' "
                    "AND column_default IS NULL",
                    model._table,
                )
            )
        }
        columns = {
            name: value for name, value in self.known.items() if name in model._fields and model._fields[name].store
        }
        columns |= NOTICED.get(model._name, {})
        for name in sorted(required - columns.keys() - {"id"}):
            columns[name] = self._value(model._fields[name])
        ((row_id,),) = self.env.execute_query(
            SQL(
                "INSERT INTO %s (%s) VALUES (%s) RETURNING id",
                SQL.identifier(model._table),
                SQL(", ").join(map(SQL.identifier, columns)),
                SQL(", ").join(SQL("%s", value) for value in columns.values()),
            )
        )
        self.env.invalidate_all()
        return model.browse(row_id)

    def _value(self, field):
        if field.type == "selection":
            return field.get_values(self.env)[0]
        if field.type != "many2one":
            return BY_TYPE[field.type]
        other = self.env[field.comodel_name].sudo().with_context(active_test=False)
        return (other.search([], limit=1) or self._insert(other)).id

    def test_on_a_row_of_each_of_them_and_the_doer_is_the_responsible(self):
        bound = self._bound()
        self.assertGreater(len(bound), 25)
        self.assertIn("discipline.policy.replay.line", bound, "whom a policy would have moved")
        # tables first: reports are made of them
        rows = {name: self._row(name) for name in sorted(bound, key=lambda name: not self.env[name]._auto)}
        self.env.flush_all()
        for name, row in rows.items():
            with self.subTest(model=name):
                self.assertEqual(len(row), 1, "no row to try it on")
                dialog = (
                    self.env["discipline.task.set"]
                    .with_user(self.administrator)
                    .with_context(active_model=name, active_ids=row.ids)
                    .create({"summary": f"Task of {name}"})
                )
                self.assertEqual((dialog.doer_count, dialog.nobody_count), (1, 0))
                task = self.env["discipline.task"].search(dialog.action_set()["domain"])
                self.assertEqual((task.summary, task.user_id), (f"Task of {name}", self.anna))
                self.assertEqual(task.activity_id.user_id, self.anna)
                if dialog.customer_count:
                    self.assertEqual(task.partner_id, self.customer)


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestTaskDoer(DisciplineCommon):
    def _dialog(self, rows, **values):
        return (
            self.env["discipline.task.set"]
            .with_user(self.administrator)
            .with_context(active_model=rows._name, active_ids=rows.ids)
            .create({"summary": "Call", **values})
        )

    def test_whoever_is_archived_is_given_nothing(self):
        customer = self._customer("Customer", self.clara)
        lead = self.env["crm.lead"].create(
            {"name": "Deal", "type": "opportunity", "partner_id": customer.id, "user_id": self.boris.id}
        )
        absence = self.env["discipline.absence"].create(
            {"user_id": self.clara.id, "date_from": "2025-03-12", "date_to": "2025-03-12"}
        )
        self.assertEqual(self._dialog(absence).doer_count, 1)
        self.boris.active = False
        dialog = self._dialog(lead)
        self.assertEqual((dialog.doer_count, dialog.nobody_count), (1, 0), "his customer has a manager")
        self.assertEqual(self.env["discipline.task"].search(dialog.action_set()["domain"]).user_id, self.clara)
        self.clara.active = False
        for rows in (customer, lead, customer.discipline_id):
            dialog = self._dialog(rows)
            self.assertEqual((dialog.doer_count, dialog.nobody_count), (0, 1), rows._name)
            with self.assertRaisesRegex(UserError, "choose a doer"):
                dialog.action_set()
        with self.assertRaisesRegex(UserError, "no customer and no manager"):
            self._dialog(absence).action_set()

    def test_nobody_chooses_an_archived_doer_or_a_customers_login(self):
        customer = self._customer("Customer", self.anna)
        visitor = new_test_user(self.env, "sd_portal", groups="base.group_portal", name="Visitor")
        self.boris.active = False
        for doer in (self.boris, visitor):
            with self.assertRaisesRegex(UserError, f"{doer.name} is archived or is no employee"):
                self._dialog(customer, user_id=doer.id).action_set()


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestDaysOfManagers(DisciplineCommon):
    """Manager Performance is summed up of all facts of all years: a row of it is not."""

    def test_rows_are_found_by_their_days_and_only_these_days_are_read(self):
        self._customer("Customer", self.anna)
        self.env.flush_all()
        Performance = self.env["discipline.performance"]
        row = Performance.search([("user_id", "=", self.anna.id)])
        self.assertEqual(row.exists(), row)
        self.assertEqual((row | row.browse(row.id + 1)).exists(), row)
        self.assertEqual(Performance.browse(10**30).exists(), Performance)
        self.assertEqual(Performance.search([("id", "=", row.id)]), row)
        self.assertFalse(Performance.search([("id", "=", row.id), ("day", "<", NOW.date())]))
        query = Performance._search([("id", "in", row.ids)])
        ((plan,),) = self.env.execute_query(SQL("EXPLAIN (FORMAT JSON) %s", query.select()))
        read = list(self._facts_read(plan if isinstance(plan, list) else json.loads(plan)))
        self.assertEqual(
            {table for table, _condition in read},
            {"discipline_profile_day", "discipline_profile_completion", "discipline_profile_note"},
        )
        for table, condition in read:
            self.assertRegex(condition, r"\bday = ", table)

    def _facts_read(self, node):
        """Yield (table, conditions) of the scans of facts in a plan."""
        if isinstance(node, list):
            for part in node:
                yield from self._facts_read(part)
        elif isinstance(node, dict):
            if re.fullmatch("discipline_profile_(day|completion|note)", node.get("Relation Name", "")):
                yield (
                    node["Relation Name"],
                    " ".join(str(node[key]) for key in node if "Cond" in key or key == "Filter"),
                )
            for part in node.values():
                yield from self._facts_read(part)


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestNamesOfLists(DisciplineCommon):
    """What is opened from a row stands under its own name, not under that of the whole list."""

    def test_the_name_is_what_the_browser_shows(self):
        self._customer("Customer", self.anna)
        self.env.flush_all()
        portfolio = self.env["discipline.portfolio"].search([("user_id", "=", self.anna.id)], limit=1)
        rule = self.env["discipline.profile.rule"].search([], limit=1)
        past = self.env["discipline.base.as.of"].create({"day": date(2025, 3, 3)})
        actions = {
            "Anna": portfolio.action_customers(),
            f"Missing: {rule.name}": rule.action_missing(),
            "The base as of 03/03/2025": past.action_open(),
        }
        for name, action in actions.items():
            self.assertEqual((action["name"], action["display_name"]), (name, name))


@tagged("post_install", "-at_install")
@freeze_time(NOW, tick=True)
class TestTaskInTheBrowser(RealInput, DisciplineCommon, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.supervisor | cls.anna).tour_enabled = False
        cls.first, cls.second = (
            cls._customer(name, user, cls.class_a)
            for name, user in (("Task First", cls.anna), ("Task Second", cls.boris))
        )

    def test_rows_are_selected_a_task_is_set_and_what_came_of_it_is_seen(self):
        self.browse(
            "/odoo/discipline-customers-without-contacts",
            """
            for (const name of ["Task First", "Task Second"]) {
                await click((await element(".o_data_row", name)).querySelector(".o_list_record_selector input"));
                await until(() => one(".o_data_row_selected", name), `${name} is selected`);
            }
            await click(await element(".o_cp_action_menus .dropdown-toggle", "Actions"));
            await click(await element(".o-dropdown-item", "Set a Task"));
            const dialog = await element(".modal");
            const task = await element(".modal .o_field_widget[name=summary] input");
            check(one(".o_field_widget[name=customer_count]", "2", dialog), "two customers");
            check(one(".o_field_widget[name=doer_count]", "2", dialog), "two doers");
            await click(task);
            write("Find out why he is silent");
            await until(() => task.value === "Find out why he is silent");
            await click(await element(".modal button[name=action_set]"));
            await until(() => one(".o_last_breadcrumb_item", "Tasks Set"), "the tasks that were set");
            await until(() => document.querySelectorAll(".o_data_row").length === 2, "two tasks");
            for (const name of ["Anna", "Boris"]) {
                check(one(".o_data_row", name).textContent.includes("To Do"), `${name} has it to do`);
            }
            """,
            self.supervisor.login,
        )
        self.env.invalidate_all()
        self.first.activity_ids.with_user(self.anna).action_feedback(feedback="On holiday until May")
        with freeze_time("2025-03-13 09:00:00", tick=True):
            self.env["discipline.nightly"]._step_tasks(self.company)
            self.browse(
                "/odoo/discipline-tasks-given",
                """
                // what is done is hidden until it is asked for
                await click((await element(".o_searchview_facet", "Not Done")).querySelector(".o_facet_remove"));
                const done = await element(".o_data_row", "Task First");
                const late = await element(".o_data_row", "Task Second");
                check(done.textContent.includes("Done in Time"), done.textContent);
                check(done.textContent.includes("On holiday until May"), "the answer");
                check(late.textContent.includes("Overdue") && late.textContent.includes("Boris"), late.textContent);
                """,
                self.supervisor.login,
            )

    def test_from_a_cell_of_a_pivot_to_its_rows_and_from_them_to_a_task(self):
        self._log(self.first, self.anna, NOW)
        self._log(self.second, self.boris, NOW)
        self.browse(
            "/odoo/discipline-events",
            """
            await click(await element(".o_switch_view.o_pivot"));
            const line = await until(() => one(".o_pivot tbody tr", "Anna"), "her line");
            await click(line.querySelector(".o_pivot_cell_value"));
            await until(() => document.querySelectorAll(".o_list_view .o_data_row").length === 1, "one contact");
            await click(await element(".o_list_view thead .o_list_record_selector input"));
            await click(await element(".o_cp_action_menus .dropdown-toggle", "Actions"));
            await click(await element(".o-dropdown-item", "Set a Task"));
            const task = await element(".modal .o_field_widget[name=summary] input");
            await click(task);
            write("Send him the prices");
            await until(() => task.value === "Send him the prices");
            await click(await element(".modal button[name=action_set]"));
            await until(() => one(".o_last_breadcrumb_item", "Tasks Set"), "the task that was set");
            """,
            self.supervisor.login,
        )
        task = self.env["discipline.task"].search([])
        self.assertEqual((task.summary, task.partner_id, task.user_id), ("Send him the prices", self.first, self.anna))
        self.assertEqual(task.date_deadline, date(2025, 3, 11))
