"""The forecast as a workbook."""

from odoo import api, fields, models

from ..report.workbook import Column, Workbook

#: deals of a month that a workbook lists
LISTED = 2000


class DisciplineForecastXlsx(models.AbstractModel):
    """Writes the forecast that is on the screen into a workbook, with the rights of who asks."""

    _name = "discipline.forecast.xlsx"
    _inherit = "discipline.forecast"
    _description = "Sales Forecast as a Workbook"

    @api.model
    def _xlsx(self, filters=None):
        """Return a workbook (bytes): months with a chart, managers with a chart, deals, and how good it was.

        :param dict filters: see ``_clean_filters``
        """
        forecast = self.get_forecast(filters)
        book = Workbook()
        self._xlsx_months(book, forecast)
        self._xlsx_managers(book, forecast)
        self._xlsx_deals(book, filters, forecast)
        self._xlsx_accuracy(book, forecast)
        return book.content()

    @api.model
    def _way_name(self, way):
        return self.env._("By history") if way == "own" else self.env._("By probability")

    @api.model
    def _xlsx_months(self, book, forecast):
        """Write the months: what was won, is expected both ways, the spread, what the base buys, and the target."""
        way = self._way_name(forecast["way"])
        columns = [
            Column(self.env._("Month"), 14),
            Column(self.env._("Sum Won"), 14, "money", True),
            Column(self.env._("Expected: %(way)s", way=way), 18, "money", True),
            Column(self.env._("Bought without a Deal"), 18, "money", True),
            Column(self.env._("Expected of the Base"), 18, "money", True),
            Column(self.env._("Together"), 16, "money", True),
            Column(self.env._("Sales Target"), 16, "money", True),
            Column("P10", 14, "money"),
            Column("P50", 14, "money"),
            Column("P90", 14, "money"),
            Column(self._way_name("own"), 16, "money", True),
            Column(self._way_name("odoo"), 16, "money", True),
        ]
        rows = []
        for row in forecast["months"]:
            expected = 0.0 if row["past"] else row["expected"][forecast["way"]]
            rows.append(
                [
                    fields.Date.to_date(row["month"]).strftime("%m.%Y"),
                    row["won"],
                    expected,
                    row["repeat_came"],
                    row["repeat"],
                    row["won"] + expected + row["repeat_came"] + row["repeat"],
                    row["target"] or None,
                    *(row["quantiles"] or [None] * 3),
                    None if row["past"] else row["expected"]["own"],
                    None if row["past"] else row["expected"]["odoo"],
                ]
            )
        book.table(self.env._("Months"), columns, rows, total=self.env._("Total"))
        stacked = [1, 2] if forecast["repeat"] is None else [1, 2, 3, 4]
        book.stacked(self.env._("Sales Forecast"), len(rows), 0, stacked, lines=[6])

    @api.model
    def _xlsx_managers(self, book, forecast):
        """Write the managers: their open deals, and the running month."""
        columns = [
            Column(self.env._("Manager"), 26),
            Column(self.env._("Open Deals"), 12, "number", True),
            Column(self.env._("Pipeline"), 16, "money", True),
            Column(self.env._("Expected in All"), 16, "money", True),
            Column(self.env._("Won this month"), 16, "money", True),
            Column(self.env._("Still expected"), 16, "money", True),
            Column(self.env._("Bought without a Deal"), 18, "money", True),
            Column(self.env._("Expected of the Base"), 18, "money", True),
            Column(self.env._("Sales Target"), 16, "money", True),
            Column(self.env._("Bias"), 12, "percent"),
        ]
        rows = [
            [
                row["name"],
                row["deals"],
                row["amount"],
                row["expected"],
                row["won"],
                row["month_expected"],
                row["repeat_came"],
                row["repeat"],
                row["target"] or None,
                (row["bias"][0] - row["bias"][1]) / row["bias"][1] if row["bias"] and row["bias"][1] else None,
            ]
            for row in forecast["managers"]
        ]
        book.table(self.env._("Managers"), columns, rows, total=self.env._("Total"))
        stacked = [4, 5] if forecast["repeat"] is None else [4, 5, 6, 7]
        book.stacked(self.env._("Managers"), len(rows), 0, stacked, lines=[8])

    @api.model
    def _xlsx_deals(self, book, filters, forecast):
        """Write the deals of each month ahead, those of which most is expected first."""
        columns = [
            Column(self.env._("Month"), 12),
            Column(self.env._("Deal"), 40),
            Column(self.env._("Manager"), 26),
            Column(self.env._("Stage"), 20),
            Column(self.env._("Sum"), 16, "money"),
            Column(self.env._("Chance in the Month"), 14, "percent"),
            Column(self.env._("Expected"), 16, "money", True),
        ]
        rows = []
        for row in forecast["months"]:
            if row["past"]:
                continue
            month = fields.Date.to_date(row["month"]).strftime("%m.%Y")
            deals = self.get_deals({**(filters or {}), "way": forecast["way"]}, row["month"], LISTED)
            rows += [
                [month, deal["name"], deal["manager"], deal["stage"], deal["amount"], deal["chance"], deal["expected"]]
                for deal in deals["rows"]
            ]
            if deals["rest"]:
                rest = self.env._("%(count)s more deals", count=deals["rest"])
                rows.append([month, rest, None, None, None, None, deals["rest_expected"]])
        book.table(self.env._("Deals"), columns, rows, total=self.env._("Total"))

    @api.model
    def _xlsx_accuracy(self, book, forecast):
        """Write what became of deals foretold alike, both ways, and what the base bought of what was expected."""
        accuracy = forecast["accuracy"] or {}
        columns = [
            Column(self.env._("Forecast"), 18),
            Column(self.env._("Deals Foretold"), 14, "number"),
            Column(self.env._("Foretold"), 12, "percent"),
            Column(self.env._("Came"), 12, "percent"),
            Column(self.env._("95 % from"), 12, "percent"),
            Column(self.env._("95 % to"), 12, "percent"),
            Column(self.env._("Error (Brier)"), 14, "share"),
        ]
        rows = []
        for way in ("own", "odoo"):
            mine = accuracy.get(way) or {}
            rows += [[self._way_name(way), *line, None] for line in mine.get("bins", [])]
            if mine.get("count"):
                rows.append([self._way_name(way), mine["count"], None, None, None, None, mine["brier"]])
        book.table(self.env._("How Good It Was"), columns, rows)
        own = [number for number, row in enumerate(rows, 1) if row[0] == self._way_name("own") and row[2] is not None]
        if own:
            book.scatter(self.env._("Foretold and came"), 2, 3, (own[0], own[-1]), len(rows))
        if forecast["repeat"] is None:
            return
        columns = [
            Column(self.env._("Month"), 14),
            Column(self.env._("Foretold of the Base"), 18, "money", True),
            Column(self.env._("Bought by These"), 18, "money", True),
            Column(self.env._("Bought by Others"), 18, "money", True),
        ]
        rows = [
            [fields.Date.to_date(row["month"]).strftime("%m.%Y"), row["foretold"], row["came"], row["others"]]
            for row in forecast["repeat"]["months"]
        ]
        book.table(self.env._("Base: Forecast and Fact"), columns, rows, total=self.env._("Total"))
        book.stacked(self.env._("Base: Forecast and Fact"), len(rows), 0, [1, 2], side_by_side=True)
