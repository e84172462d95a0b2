"""Tables in one XLSX file: headings that stay in sight, filters, totals, and cells that are never formulas."""

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import xlsxwriter

#: longest text that a cell of a workbook can hold
CELL_LIMIT = 32_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    ``kind``: text, number, money, percent (0..1), date or datetime (the reader's local time, without a zone).
    ``total``: True adds the column up; a pair is the formula of the total, where ``{row}`` is the row of totals, and
    a function that computes the same from the columns' sums, for programs that only show a file.
    """

    title: str
    width: int = 14
    kind: str = "text"
    total: bool | tuple[str, Callable[[list], Any]] = False


class Workbook:
    """One XLSX file in the making; :meth:`content` finishes it."""

    FORMATS = {
        "text": {},
        "number": {"num_format": "#,##0"},
        "money": {"num_format": "#,##0.00"},
        "percent": {"num_format": "0.0%"},
        "share": {"num_format": "0.000"},
        "date": {"num_format": "yyyy-mm-dd", "align": "left"},
        "datetime": {"num_format": "yyyy-mm-dd hh:mm", "align": "left"},
    }

    def __init__(self):
        self._buffer = io.BytesIO()
        # what people typed is text: a note that begins with "=" must not become a formula in the reader's program
        self._book = xlsxwriter.Workbook(
            self._buffer,
            {
                "in_memory": True,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "default_date_format": "yyyy-mm-dd",
            },
        )
        self._cells = {kind: self._book.add_format({"valign": "top", **more}) for kind, more in self.FORMATS.items()}
        self._totals = {
            kind: self._book.add_format({"bold": True, "top": 1, **more}) for kind, more in self.FORMATS.items()
        }
        self._head = self._book.add_format(
            {
                "bold": True,
                "bg_color": "#DDE6F0",
                "border": 1,
                "border_color": "#B8C4D4",
                "text_wrap": True,
                "valign": "top",
            }
        )
        self._title = self._book.add_format({"bold": True, "font_size": 14})
        self._wrapped = self._book.add_format({"text_wrap": True, "valign": "top"})

    def note(self, title: str, lines: Sequence[tuple[str, str]], heading: str) -> None:
        """Add a sheet of explanations: (what, text) per line under a heading."""
        sheet = self._book.add_worksheet(self._sheet_name(title))
        sheet.set_column(0, 0, 30)
        sheet.set_column(1, 1, 100)
        sheet.write_string(0, 0, heading, self._title)
        for row, (what, text) in enumerate(lines, start=2):
            sheet.write_string(row, 0, what, self._wrapped)
            sheet.write_string(row, 1, text, self._wrapped)

    def table(self, title: str, columns: Sequence[Column], rows: Iterable[Sequence[Any]], total: str = "") -> None:
        """Add a sheet with a table.

        :param rows: one sequence per row, a value per column; None or False leaves a cell empty
        :param total: label of the row of totals; empty: none
        """
        sheet = self._book.add_worksheet(self._sheet_name(title))
        sheet.freeze_panes(1, 1)
        for index, column in enumerate(columns):
            sheet.set_column(index, index, column.width)
            sheet.write_string(0, index, column.title, self._head)
        count = 0
        sums = [0] * len(columns)
        for row in rows:
            count += 1
            for index, (column, value) in enumerate(zip(columns, row, strict=True)):
                self._write(sheet, count, index, column.kind, value)
                if column.total is True and value:
                    sums[index] += value
        sheet.autofilter(0, 0, max(count, 1), len(columns) - 1)
        if total and count and any(column.total for column in columns):
            sheet.write_string(count + 1, 0, total, self._totals["text"])
            for index, column in enumerate(columns):
                if not column.total:
                    continue
                letter = xlsxwriter.utility.xl_col_to_name(index)
                # what a filter hides is left out of the sum
                formula = f"=SUBTOTAL(109,{letter}2:{letter}{count + 1})"
                value = sums[index]
                if column.total is not True:
                    formula, compute = column.total
                    formula, value = formula.format(row=count + 2), compute(sums)
                sheet.write_formula(count + 1, index, formula, self._totals[column.kind], value)

    def pareto(self, title: str, rows: int, name: int, count: int, cumulative: int | None) -> None:
        """Add a Pareto chart to the sheet added last: bars of ``count`` and the line of ``cumulative`` shares.

        :param int rows: number of rows of the table
        :param int name: index of the column of names; ``count`` and ``cumulative`` likewise (None: bars alone)
        """
        sheet = self._book.worksheets()[-1]
        if not rows:
            return
        where = sheet.get_name()
        bars = self._book.add_chart({"type": "column"})
        bars.add_series(
            {
                "name": [where, 0, count],
                "categories": [where, 1, name, rows, name],
                "values": [where, 1, count, rows, count],
                "fill": {"color": "#714B67"},
            }
        )
        if cumulative is not None:
            line = self._book.add_chart({"type": "line"})
            line.add_series(
                {
                    "name": [where, 0, cumulative],
                    "categories": [where, 1, name, rows, name],
                    "values": [where, 1, cumulative, rows, cumulative],
                    "y2_axis": True,
                    "line": {"color": "#E46E78"},
                }
            )
            bars.combine(line)
            line.set_y2_axis({"min": 0, "max": 1, "num_format": "0%"})
        bars.set_title({"name": title})
        bars.set_size({"width": 900, "height": 420})
        sheet.insert_chart(rows + 3, 1, bars)

    #: colours of stacked columns, in order: done, expected, and the same of another kind
    COLOURS = ("#3F9A6B", "#9FD3E0", "#E0A83C", "#F2D9A5")

    def stacked(
        self,
        title: str,
        rows: int,
        name: int,
        columns: Sequence[int],
        lines: Sequence[int] = (),
        side_by_side: bool = False,
    ) -> None:
        """Add a chart of columns on top of each other (or beside each other), and lines, to the sheet added last.

        :param rows: number of rows of the table
        :param name: index of the column of names; ``columns`` and ``lines`` likewise of figures
        """
        if not rows:
            return
        sheet = self._book.worksheets()[-1]
        where = sheet.get_name()
        chart = self._book.add_chart({"type": "column"} | ({} if side_by_side else {"subtype": "stacked"}))
        for colour, column in zip(self.COLOURS, columns, strict=False):
            chart.add_series(
                {
                    "name": [where, 0, column],
                    "categories": [where, 1, name, rows, name],
                    "values": [where, 1, column, rows, column],
                    "fill": {"color": colour},
                    "gap": 60,
                }
            )
        for column in lines:
            line = self._book.add_chart({"type": "line"})
            line.add_series(
                {
                    "name": [where, 0, column],
                    "categories": [where, 1, name, rows, name],
                    "values": [where, 1, column, rows, column],
                    "line": {"none": True},
                    "marker": {"type": "long_dash", "size": 12, "fill": {"color": "#B3261E"}, "border": {"none": True}},
                }
            )
            chart.combine(line)
        chart.set_title({"name": title})
        chart.set_size({"width": 960, "height": 420})
        chart.set_legend({"position": "bottom"})
        sheet.insert_chart(rows + 4, 0, chart)

    def scatter(self, title: str, across: int, up: int, between: tuple[int, int], rows: int) -> None:
        """Add a chart of points of two shares (0..1) to the sheet added last.

        :param across: index of the column of the points' places from left to right; ``up`` likewise
        :param between: the first and the last row of the points
        :param rows: number of rows of the table
        """
        sheet = self._book.worksheets()[-1]
        where = sheet.get_name()
        chart = self._book.add_chart({"type": "scatter"})
        chart.add_series(
            {
                "name": title,
                "categories": [where, between[0], across, between[1], across],
                "values": [where, between[0], up, between[1], up],
                "marker": {"type": "circle", "size": 8, "fill": {"color": "#714B67"}},
            }
        )
        chart.set_x_axis({"min": 0, "max": 1, "num_format": "0%", "name": [where, 0, across]})
        chart.set_y_axis({"min": 0, "max": 1, "num_format": "0%", "name": [where, 0, up]})
        chart.set_title({"name": title})
        chart.set_legend({"none": True})
        chart.set_size({"width": 480, "height": 420})
        sheet.insert_chart(rows + 3, 0, chart)

    def _write(self, sheet, row, index, kind, value):
        if value is None or value is False:
            return
        style = self._cells[kind]
        if kind == "text":
            sheet.write_string(row, index, str(value)[:CELL_LIMIT], style)
        elif isinstance(value, (date, datetime)):
            sheet.write_datetime(row, index, value, style)
        else:
            sheet.write_number(row, index, value, style)

    def _sheet_name(self, title):
        """Return a name that spreadsheet programs accept, told apart from the sheets that are there."""
        name = "".join(" " if char in "[]:*?/\\" else char for char in title)[:31].strip("'") or "-"
        taken = {sheet.get_name().lower() for sheet in self._book.worksheets()}
        number = 2
        while name.lower() in taken:
            name = f"{name[:28]} {number}"
            number += 1
        return name

    def content(self) -> bytes:
        """Finish the file and return it."""
        self._book.close()
        return self._buffer.getvalue()
