"""The funnel as a workbook."""

import io

import xlsxwriter
from odoo import api, models
from odoo.exceptions import UserError


class DisciplineFunnelXlsx(models.AbstractModel):
    """Writes the screen's funnels into a workbook."""

    _name = "discipline.funnel.xlsx"
    _inherit = "discipline.funnel"
    _description = "Sales Funnel as a Workbook"

    @api.model
    def _xlsx(self, sides):
        """Return a workbook (bytes) with a sheet and a chart per side of the comparison.

        :param list sides: one or two dicts of filters, see ``_clean_filters``
        :raise UserError: if there is nothing to export, or more than two sides
        """
        if not isinstance(sides, list) or not 1 <= len(sides) <= 2:
            raise UserError(self.env._("Export one funnel, or two that are compared."))
        output = io.BytesIO()
        with xlsxwriter.Workbook(output, {"in_memory": True}) as workbook:
            formats = {
                "head": workbook.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}),
                "title": workbook.add_format({"bold": True, "font_size": 14}),
                "share": workbook.add_format({"num_format": "0.0%"}),
                "money": workbook.add_format({"num_format": "#,##0"}),
                "days": workbook.add_format({"num_format": "0.0"}),
            }
            for number, filters in enumerate(sides, 1):
                name = self.env._("Funnel") if len(sides) == 1 else self.env._("Funnel %(number)s", number=number)
                self._xlsx_sheet(workbook, workbook.add_worksheet(name[:31]), formats, filters)
        return output.getvalue()

    @api.model
    def _xlsx_columns(self):
        """Return the columns of the sheet: (title, key of a step, name of a format or None)."""
        return [
            (self.env._("Stage"), "name", None),
            (self.env._("Reached"), "reached", None),
            (self.env._("From the Start"), "from_start", "share"),
            (self.env._("Went on"), "passed", None),
            (self.env._("Went on, %"), "conversion", "share"),
            (self.env._("Median Time, Days"), "median_days", "days"),
            (self.env._("Sum"), "amount", "money"),
            (self.env._("Lost"), "lost", None),
            (self.env._("Still open"), "open", None),
            (self.env._("Removed"), "removed", None),
            (self.env._("Lost, Sum"), "lost_amount", "money"),
            (self.env._("Still open, Sum"), "open_amount", "money"),
        ]

    @api.model
    def _xlsx_sheet(self, workbook, sheet, formats, filters):
        """Write a funnel, its reasons of refusal, and a chart."""
        result = self.get_funnel(filters)
        columns = self._xlsx_columns()
        sheet.set_column(0, 0, 28)
        sheet.set_column(1, len(columns) - 1, 13)
        sheet.write(0, 0, self.env._("Sales Funnel"), formats["title"])
        sheet.write(1, 0, self._xlsx_period(filters))
        for column, (title, _key, _format) in enumerate(columns):
            sheet.write(3, column, title, formats["head"])
        row = 4
        for step in result["steps"]:
            for column, (_title, key, name) in enumerate(columns):
                self._xlsx_cell(sheet, row, column, step[key], formats.get(name))
            row += 1
        won = {"name": self.env._("Won"), "reached": result["won"], "amount": result["won_amount"]}
        if result["entered"]:
            won["from_start"] = result["won"] / result["entered"]
        for column, (_title, key, name) in enumerate(columns):
            self._xlsx_cell(sheet, row, column, won.get(key), formats.get(name))
        self._xlsx_chart(workbook, sheet, row)
        self._xlsx_reasons(sheet, formats, result, row + 20)

    @api.model
    def _xlsx_cell(self, sheet, row, column, value, style):
        """Write text as text: a stage named like a formula is not one."""
        if isinstance(value, str):
            sheet.write_string(row, column, value, style)
        elif value is not None:
            sheet.write_number(row, column, value, style)

    @api.model
    def _xlsx_period(self, filters):
        """Return the cohort's period in words."""
        begin, end = filters.get("date_from"), filters.get("date_to")
        return self.env._(
            "Deals that entered from %(begin)s to %(end)s",
            begin=begin or self.env._("the beginning"),
            end=end or self.env._("today"),
        )

    @api.model
    def _xlsx_chart(self, workbook, sheet, last):
        """Draw the stages as bars, the first one on top."""
        chart = workbook.add_chart({"type": "bar"})
        chart.add_series(
            {
                "name": self.env._("Reached"),
                "categories": [sheet.name, 4, 0, last, 0],
                "values": [sheet.name, 4, 1, last, 1],
                "data_labels": {"value": True},
                "gap": 20,
            }
        )
        chart.set_y_axis({"reverse": True})
        chart.set_legend({"none": True})
        chart.set_title({"name": self.env._("Sales Funnel")})
        chart.set_size({"width": 820, "height": 340})
        sheet.insert_chart(last + 2, 0, chart)

    @api.model
    def _xlsx_reasons(self, sheet, formats, result, row):
        """Write the reasons of refusal by stage."""
        titles = (self.env._("Stage"), self.env._("Reason"), self.env._("Lost"), self.env._("Lost, Sum"))
        for column, title in enumerate(titles):
            sheet.write(row, column, title, formats["head"])
        for step in result["steps"]:
            for reason in step["reasons"]:
                row += 1
                for column, value in enumerate((step["name"], reason["name"], reason["deals"], reason["amount"])):
                    self._xlsx_cell(sheet, row, column, value, formats["money"] if column == 3 else None)
