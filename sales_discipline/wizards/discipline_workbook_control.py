"""The supervisor's control in the workbook: plan against fact by day, and the tasks given."""

from odoo import models
from odoo.fields import Domain

from ..report.workbook import Column


class DisciplineWorkbook(models.TransientModel):
    _inherit = "discipline.workbook"

    def _tables(self, facts):
        yield from super()._tables(facts)
        yield self.env._("Plan against Fact"), *self._sheet_plan_fact()
        yield self.env._("Tasks Given"), *self._sheet_tasks()

    def _sheet_plan_fact(self):
        columns = [
            Column(self.env._("Day"), 12, "date"),
            Column(self.env._("Manager"), 24),
            Column(self.env._("Planned"), 10, "number", total=True),
            Column(self.env._("Overdue"), 10, "number"),
            Column(self.env._("Contacts Made"), 10, "number", total=True),
            Column(self.env._("Counted"), 10, "number", total=True),
            Column(self.env._("Not Counted"), 10, "number", total=True),
            Column(self.env._("Short of the Plan"), 11, "number", total=True),
            Column(self.env._("Absent"), 10),
        ]
        days = self.env["discipline.plan.fact"].search(
            self._contact_domain() & self._by_manager("user_id"), order="day, user_id"
        )
        yes = self.env._("yes")

        def rows():
            for row in days:
                yield (
                    row.day,
                    row.user_id.name,
                    row.planned,
                    row.overdue,
                    row.made,
                    row.counted,
                    row.rejected,
                    row.missing,
                    yes if row.away else None,
                )

        return columns, rows()

    def _sheet_tasks(self):
        columns = [
            Column(self.env._("By When"), 12, "date"),
            Column(self.env._("Task"), 40),
            Column(self.env._("Customer"), 34),
            Column(self.env._("Doer"), 22),
            Column(self.env._("State"), 18),
            Column(self.env._("Done on"), 12, "date"),
            Column(self.env._("Answer"), 60),
            Column(self.env._("Given by"), 22),
            Column(self.env._("Given on"), 12, "date"),
        ]
        tasks = self.env["discipline.task"].search(
            Domain("date_deadline", ">=", self.date_from)
            & Domain("date_deadline", "<=", self.date_to)
            & Domain("company_id", "=", self.company_id.id)
            & self._by_manager("user_id"),
            order="date_deadline, id",
        )
        states = dict(tasks._fields["state"]._description_selection(self.env))

        def rows():
            for task in tasks:
                yield (
                    task.date_deadline,
                    task.summary,
                    task.partner_id.name,
                    task.user_id.name,
                    states[task.state],
                    task.done_on,
                    task.answer,
                    task.given_by_id.name,
                    task.given_on,
                )

        return columns, rows()
