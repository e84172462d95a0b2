"""Sales targets from a file: months in columns, or a row for each manager and month."""

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL
from odoo.tools.misc import format_date

from ..engine.matching import normal_text
from ..engine.tables import Formula, TableError, parse_month, parse_sum
from .discipline_import_portfolio import MANAGER_HEADINGS

TARGET_HEADINGS = {
    "manager": [*MANAGER_HEADINGS, "Менеджер по продажам", "ФИО", "Фамилия И.О.", "Sales Manager"],
    "team": ["Sales Team", "Team", "Department", "Отдел продаж", "Отдел", "Команда", "Команда продаж", "Группа продаж",
             "Подразделение"],
    "month": ["Month", "Period", "Месяц", "Период", "Месяц плана"],
    "target": ["Sales Target", "Target", "Plan", "Amount", "Sum", "План продаж", "План", "Сумма", "Сумма плана",
               "План, руб", "План руб", "План на месяц"],
}  # fmt: skip
#: a row of totals is none of a manager
TOTALS = ("итого", "всего", "total")


class DisciplineImport(models.Model):
    _inherit = "discipline.import"

    kind = fields.Selection(selection_add=[("targets", "Sales Targets")], ondelete={"targets": "cascade"})
    target_year = fields.Integer(
        "Year",
        default=lambda self: fields.Date.context_today(self).year,
        help="The year of the months that the file names without one.",
    )

    def write(self, vals):
        if "target_year" in vals and "done" not in self.mapped("state"):
            # the months of the preview were another year's
            self.sudo()._forget_rows()
            vals = {**vals, "state": "draft"}
        return super().write(vals)

    @api.model
    def _synonyms(self, kind):
        return dict(TARGET_HEADINGS) if kind == "targets" else super()._synonyms(kind)

    @api.model
    def _line_columns(self):
        return super()._line_columns() | {"team_id": "int"}

    @api.model
    def _needed(self, kind):
        return [("manager", "team")] if kind == "targets" else super()._needed(kind)

    @api.model
    def _heading(self, name):
        if name not in TARGET_HEADINGS or name == "manager":
            return super()._heading(name)
        texts = TARGET_HEADINGS[name]
        if (self.env.lang or "").startswith("ru"):
            texts = [text for text in texts if any("а" <= sign <= "я" for sign in text.lower())]
        return texts[0]

    @api.model
    def _template(self, kind):
        """Return an empty file: a row per manager whose targets the reader sets, months of this year in columns."""
        if kind != "targets":
            return super()._template(kind)
        return self.env["discipline.target"]._grid_file()

    # ------------------------------------------------------------------
    # Reading
    # ------------------------------------------------------------------

    def _month_columns(self):
        """Return {index of a column: first day of the month that its heading names}.

        :raise UserError: where two columns name the same month
        """
        columns = {}
        for index, heading in enumerate(self.headings or []):
            try:
                month = parse_month(heading, self.target_year)
            except TableError:
                continue
            if month in columns.values():
                raise UserError(
                    self.env._(
                        "“%(file)s” has two columns of %(month)s: leave one of them.",
                        file=self.name,
                        month=self._month_name(month),
                    )
                )
            columns[index] = month
        return columns

    def _open(self):
        table = super()._open()
        if self.kind == "targets":
            # judging reads the months from the headings
            self.sudo().headings = table.headings
            if not self._month_columns() and not {"month", "target"} <= table.columns.keys():
                raise UserError(
                    self.env._(
                        "“%(file)s” names no month: head the columns with months (01.2026, January 2026), or have a "
                        "column %(month)s and a column %(target)s. Found: %(found)s.",
                        file=self.name,
                        month=self._example("month"),
                        target=self._example("target"),
                        found=", ".join(heading for heading in table.headings if heading)[:200],
                    )
                )
        return table

    def _judge(self, rows, columns, progress=None, chosen=None, leave=None):
        if self.kind != "targets":
            return super()._judge(rows, columns, progress, chosen, leave)
        months = {} if {"month", "target"} <= columns.keys() else self._month_columns()
        managers = self._managers()
        users = self.env["res.users"].sudo().with_context(active_test=False).search([("share", "=", False)])
        known = {
            "managers": managers,
            "people": {user.id: user for user in users.with_env(self.env)},
            "teams": self._known_teams(),
            "may": {},
        }
        lines, seen = [], {}
        now = self.env["discipline.target"].sudo()._grid_now(self.company_id)
        for number, cells in rows:
            try:
                found = self._read_targets(number, cells, columns, months, known)
            except UserError as error:
                lines.append(self._rejected_target(number, cells, columns, str(error)))
                continue
            lines += self._decide_targets(number, cells, columns, found, seen, now)
        return lines

    @api.model
    def _known_teams(self):
        """Return {normal name: teams} of the company's teams."""
        result = {}
        for team in self.env["crm.team"].search([("company_id", "in", [False, self.company_id.id])]):
            result.setdefault(normal_text(team.name), []).append(team)
        return result

    def _rejected_target(self, number, cells, columns, message):
        values, _formulas = self._values(cells, columns)
        return {
            "row": number,
            "state": "rejected",
            "manager_text": str(values.get("manager") or values.get("team") or "") or None,
            "message": message,
            "cells": self._cells_text(cells),
        }

    def _read_targets(self, number, cells, columns, months, known):
        """Return (user, team, {month: sum}) of a row; empty cells are no targets and change nothing.

        :raise UserError: one sentence: what is wrong with the row
        """
        values, formulas = self._values(cells, columns)
        named = [name for name in ("manager", "team", *(() if months else ("month", "target"))) if name in formulas]
        if named:
            raise UserError(self._formula_sentence(named))
        if normal_text(values.get("manager") or values.get("team")).startswith(TOTALS):
            return None, None, {}
        user, team = self._whose(values, known)
        if months:
            texts = {month: cells[index] if index < len(cells) else None for index, month in months.items()}
        else:
            try:
                texts = {parse_month(values.get("month"), self.target_year): values.get("target")}
            except TableError as error:
                raise UserError(
                    self.env._("“%(value)s” is not a month; write it like 03.2026.", value=values.get("month") or "")
                ) from error
        amounts = {}
        for month, value in texts.items():
            if isinstance(value, Formula):
                raise UserError(
                    self.env._("A formula stands under %(month)s: paste it as a value.", month=self._month_name(month))
                )
            if value not in (None, ""):
                amounts[month] = self._target_amount(value, month)
        if not amounts and not months:
            raise UserError(self.env._("The row has no sum."))
        return user, team, amounts

    def _whose(self, values, known):
        """Return (user, team) of a row, one of them empty.

        :raise UserError: where it names nobody, or somebody whose targets another person sets
        """
        if values.get("manager") not in (None, ""):
            person = known["managers"].match(values["manager"])
            if not person.id:
                raise UserError(self._manager_sentence(person, str(values["manager"]), known["people"]))
            user = known["people"][person.id]
            if not user.active:
                raise UserError(self.env._("%(manager)s is archived: name who works here now.", manager=user.name))
            self._check_target_of(user, None, known["may"])
            return user, None
        text = str(values.get("team") or "").strip()
        if not text:
            raise UserError(self.env._("The row names no manager and no team."))
        teams = known["teams"].get(normal_text(text), [])
        if not teams:
            raise UserError(self.env._("There is no sales team “%(team)s”.", team=text))
        if len(teams) > 1:
            raise UserError(self.env._("“%(team)s” may be several sales teams: rename one of them.", team=text))
        self._check_target_of(None, teams[0], known["may"])
        return None, teams[0]

    def _check_target_of(self, user, team, may):
        """Refuse a row whose target another person sets, by the same rule as everywhere.

        :raise UserError: naming whose target it is and who may set it
        """
        key = (user.id if user else None, team.id if team else None)
        if key not in may:
            try:
                self.env["discipline.target"]._check_may_set(
                    user or self.env["res.users"], team or self.env["crm.team"]
                )
                may[key] = None
            except AccessError as error:
                may[key] = str(error)
        if may[key]:
            raise UserError(may[key])

    def _target_amount(self, value, month):
        try:
            amount = parse_sum(value)
        except TableError as error:
            raise UserError(
                self.env._("“%(value)s” under %(month)s is not a sum.", value=value, month=self._month_name(month))
            ) from error
        if amount < 0:
            raise UserError(
                self.env._(
                    "“%(value)s” under %(month)s is below zero: a sales target is above zero.",
                    value=value,
                    month=self._month_name(month),
                )
            )
        return round(amount, self.company_id.currency_id.decimal_places)

    @api.model
    def _month_name(self, month):
        return format_date(self.env, month, date_format="LLLL yyyy")

    # ------------------------------------------------------------------
    # Deciding
    # ------------------------------------------------------------------

    def _decide_targets(self, number, cells, columns, found, seen, now):
        """Return the lines of a row: one for each month, or one that says why the row is not taken."""
        user, team, amounts = found
        whose = (user.id if user else None, team.id if team else None)
        name = user.name if user else team.name if team else ""
        for month in amounts:
            if (month, *whose) in seen:
                return [
                    self._rejected_target(
                        number,
                        cells,
                        columns,
                        self.env._(
                            "%(whose)s has a target for %(month)s in row %(row)s already: leave one of them.",
                            whose=name,
                            month=self._month_name(month),
                            row=seen[month, *whose],
                        ),
                    )
                ]
        values, _formulas = self._values(cells, columns)
        line = {
            "row": number,
            "manager_text": str(values.get("manager") or values.get("team") or "") or None,
            "user_to_id": whose[0],
            "team_id": whose[1],
            "cells": None,
        }
        if not amounts:
            message = self.env._("No target: nothing changes.") if name else self.env._("A row of totals: left out.")
            return [{**line, "state": "unchanged", "message": message}]
        lines = []
        for month, amount in sorted(amounts.items()):
            seen[month, *whose] = number
            old = now.get((month, *whose))
            state, message = self._target_sentence(old, float(amount))
            lines.append({**line, "day": month, "amount": amount, "state": state, "message": message})
        return lines

    def _target_sentence(self, old, new):
        """Return (state, sentence) of a target that is ``old`` (None: there is none) and is to be ``new``."""
        if (old or 0.0) == new:
            return "unchanged", self.env._("It is so already.") if new else self.env._("No target: nothing changes.")
        if not new:
            return "ready", self.env._("Takes the target of %(amount)s away.", amount=self._money(old, self.company_id))
        if old:
            return "ready", self.env._("Changes the target of %(amount)s.", amount=self._money(old, self.company_id))
        return "ready", self.env._("A new target.")

    def _apply(self, report):
        if self.kind != "targets":
            return super()._apply(report)
        rows = self.env.execute_query(
            SQL(
                """
                SELECT user_to_id, team_id, day, amount FROM discipline_import_line
                 WHERE import_id = %s AND state = 'ready' ORDER BY row, id
                """,
                self.id,
            )
        )
        report(0, len(rows))
        # as this user: who may set which target is decided once more, now
        self.env["discipline.target"].with_company(self.company_id).set_cells(
            [
                {
                    "key": f"user-{user}" if user else f"team-{team}",
                    "month": str(month),
                    "amount": float(amount),
                }
                for user, team, month, amount in rows
            ]
        )
        report(len(rows), len(rows))
        return None

    def action_rows(self):
        action = super().action_rows()
        if self.kind == "targets":
            action["views"] = [(self.env.ref("sales_discipline.discipline_import_line_view_targets").id, "list")]
        return action

    def _summary(self):
        if self.kind != "targets":
            return super()._summary()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT day, count(*), sum(amount) FROM discipline_import_line
                 WHERE import_id = %s AND state IN ('ready', 'done', 'unchanged') AND day IS NOT NULL
              GROUP BY 1 ORDER BY 1
                """,
                self.id,
            )
        )
        if not rows:
            return False
        return self._html_table(
            [self.env._("Month"), self.env._("Targets"), self.env._("Sum")],
            [
                (self._month_name(month), count, self._money(float(amount), self.company_id))
                for month, count, amount in rows
            ],
        )


class DisciplineImportLine(models.Model):
    _inherit = "discipline.import.line"

    team_id = fields.Many2one("crm.team", "Sales Team", readonly=True, ondelete="cascade")

    def write(self, vals):
        if not self.env.su and "targets" in self.mapped("import_id.kind"):
            raise UserError(self.env._("Correct these rows in the file, or set the targets in the grid."))
        return super().write(vals)
