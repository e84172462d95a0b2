"""The report of refusals: why customers say no, what changed, and what is done about it."""

from datetime import timedelta

from dateutil.relativedelta import relativedelta
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command, Domain
from odoo.tools.misc import format_date

from ..engine.refusals import analyse
from ..report.workbook import Column, Workbook

GROUPS = [
    ("reason_id", "Reason"),
    ("category", "Category"),
    ("user_id", "Manager"),
    ("team_id", "Sales Team"),
    ("stage_id", "Stage"),
    ("month", "Month"),
    ("competitor_id", "Competitor"),
    ("size", "Size of the Deal"),
    ("tag_ids", "Tags"),
]


class DisciplineRefusalAnalysis(models.TransientModel):
    """Refusals of some days by reason, manager or stage, beside as many days before them.

    Everybody gets the refusals that he may read: a manager his own, a supervisor everybody's.
    """

    _name = "discipline.refusal.analysis"
    _description = "Analysis of Refusals"

    date_from = fields.Date("From", required=True, default=lambda self: self._default_from())
    date_to = fields.Date("To", required=True, default=lambda self: self.env["discipline.calendar"]._today())
    group_by = fields.Selection(GROUPS, "Group by", required=True, default="reason_id")
    team_id = fields.Many2one("crm.team", "Sales Team")
    user_id = fields.Many2one("res.users", "Manager", domain="[('share', '=', False)]")
    currency_id = fields.Many2one("res.currency", default=lambda self: self.env.company.currency_id)
    line_ids = fields.One2many(
        "discipline.refusal.analysis.line", "analysis_id", compute="_compute_line_ids", store=True, readonly=False
    )
    total = fields.Integer("Refusals", compute="_compute_line_ids", store=True)

    @api.depends_context("lang")
    def _compute_display_name(self):
        self.display_name = self.env._("Analysis of Refusals")

    @api.model
    def _default_from(self):
        """Return the first day of the third month back: the running month alone says too little."""
        Calendar = self.env["discipline.calendar"]
        return Calendar._months_back(Calendar._today(), 2)

    def _previous_bounds(self):
        """Return the bounds of as many days right before the period."""
        days = (self.date_to - self.date_from).days + 1
        return self.date_from - timedelta(days=days), self.date_from - timedelta(days=1)

    def _domain(self, date_from, date_to):
        """Return the domain of the refusals between two days (both inclusive)."""
        domain = Domain("voided_at", "=", False) & Domain("day", ">=", date_from) & Domain("day", "<=", date_to)
        domain &= Domain("company_id", "in", [*self.env.companies.ids, False])
        if self.team_id:
            domain &= Domain("team_id", "=", self.team_id.id)
        if self.user_id:
            domain &= Domain("user_id", "=", self.user_id.id)
        return domain

    def _groupby(self):
        """Return what refusals are grouped by, as the ORM says it."""
        return "day:month" if self.group_by == "month" else self.group_by

    def _figures(self, domain):
        """Return {group: (count, sum)} of refusals."""
        return {
            key: (count, amount)
            for key, count, amount in self.env["discipline.refusal"]._read_group(
                domain, [self._groupby()], ["__count", "amount:sum"]
            )
        }

    def _rows(self, domain):
        """Return the groups with their figures: months in order of time, else the most frequent group first."""
        rows, previous = self._figures(domain), self._figures(self._domain(*self._previous_bounds()))
        if self.group_by != "month":
            return analyse(rows, previous)
        counts = {month: count for month, (count, _sum) in [*previous.items(), *rows.items()]}
        found = sorted(analyse(rows, {}), key=lambda row: row["key"])
        for row in found:
            # a month is held against the month before it
            row["previous_count"] = counts.get(row["key"] - relativedelta(months=1), 0)
        return found

    @api.depends("date_from", "date_to", "group_by", "team_id", "user_id")
    def _compute_line_ids(self):
        for analysis in self:
            lines = analysis._lines() if analysis._is_complete() else []
            analysis.line_ids = [Command.clear(), *(Command.create(line) for line in lines)]
            analysis.total = sum(line["count"] for line in lines)

    def _is_complete(self):
        return bool(self.date_from and self.date_to and self.group_by and self.date_from <= self.date_to)

    def _lines(self):
        """Return the values of the lines, the most frequent group first."""
        domain = self._domain(self.date_from, self.date_to)
        rows = self._rows(domain)
        Refusal, groupby = self.env["discipline.refusal"], self._groupby()
        more = {
            key: (days, regained)
            for key, days, regained in Refusal._read_group(domain, [groupby], ["days_open:avg", "regained_on:count"])
        }
        other = dict(Refusal._read_group(domain & Domain("category", "=", "other"), [groupby], ["__count"]))
        names = dict(Refusal._fields[self.group_by]._description_selection(self.env)) if self._is_selection() else {}
        return [
            {
                "sequence": number,
                "name": self._name_of(row["key"], names),
                "key": self._key_of(row["key"]),
                "count": row["count"],
                "amount": row["amount"],
                "share": row["share"] / 100,
                "cumulative": row["cumulative"] / 100,
                "previous_count": row["previous_count"],
                "change": row["change"],
                "other_share": other.get(row["key"], 0) / row["count"] if row["count"] else 0,
                "days_open": (more.get(row["key"]) or (0, 0))[0],
                "regained": (more.get(row["key"]) or (0, 0))[1],
                **self._measure(row),
            }
            for number, row in enumerate(rows)
        ]

    def _is_selection(self):
        return self.group_by in ("category", "size")

    def _key_of(self, key):
        """Return a group as text, by which its refusals are found again."""
        if self.group_by == "month":
            return fields.Date.to_string(key)
        return str((key if self._is_selection() else key.id) or "")

    def _name_of(self, key, names):
        """Return what a group is called."""
        if self.group_by == "month":
            return format_date(self.env, key, date_format="LLLL yyyy").capitalize()
        if self._is_selection():
            return names.get(key) or self.env._("Not stated")
        return key.display_name or self.env._("None")

    def _measure(self, row):
        """Return the target of a reason and what is done to reach it."""
        if self.group_by != "reason_id" or not row["key"]:
            return {}
        reason = row["key"].sudo()
        target = reason.discipline_target_share
        return {
            "target_share": target / 100,
            "over_target": bool(target) and row["share"] > target,
            "measure": reason.discipline_measure,
            "measure_user_id": reason.discipline_measure_user_id.id,
        }

    def action_refusals(self):
        """Open all refusals of the period as a pivot, graph and list."""
        self.ensure_one()
        return self._open(Domain.TRUE)

    def _open(self, domain):
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_refusal_action")
        action["domain"] = list(self._domain(self.date_from, self.date_to) & domain)
        action["context"] = {}
        return action

    def action_xlsx(self):
        """Return the action that downloads the report with its Pareto chart.

        :raise UserError: where the days are the wrong way round
        """
        self.ensure_one()
        if not self._is_complete():
            raise UserError(self.env._("The period ends before it begins: choose a later end."))
        return {"type": "ir.actions.act_url", "url": f"/sales_discipline/refusals/{self.id}", "target": "download"}

    def _content(self):
        """Return the report as an XLSX file: one sheet for each way of grouping, each with its Pareto chart."""
        self.ensure_one()
        _ = self.env._
        book = Workbook()
        users = self.env["res.users"].sudo()
        for key, label in self._fields["group_by"]._description_selection(self.env):
            analysis = self.new({**self._dimensions(), "group_by": key})
            lines = analysis._lines()
            for line in lines:
                line["measure_user"] = users.browse(line.get("measure_user_id")).name
            columns = [
                Column(label, 36),
                Column(_("Refusals"), 10, "number", total=key != "tag_ids"),
                Column(_("Sum"), 14, "money", total=key != "tag_ids"),
                Column(_("Share"), 10, "percent"),
                Column(_("Cumulative Share"), 12, "percent"),
                Column(_("Before"), 10, "number"),
                Column(_("Change, Points"), 12, "money"),
                Column(_("Share of “Other”"), 12, "percent"),
                Column(_("Days to Refusal"), 12, "money"),
                Column(_("Regained"), 10, "number"),
            ]
            names = ("name", "count", "amount", "share", "cumulative", "previous_count", "change", "other_share")
            names += ("days_open", "regained")
            if key == "month":
                # a month is held against the month before it by its number
                names = tuple(None if name in ("cumulative", "change") else name for name in names)
            if key == "reason_id":
                columns += [Column(_("Target Share, %"), 12, "percent"), Column(_("Measure"), 40)]
                columns.append(Column(_("Responsible for the Measure"), 24))
                names += ("target_share", "measure", "measure_user")
            book.table(label, columns, [[line.get(name) for name in names] for line in lines], total=_("Total"))
            book.pareto(label, len(lines), 0, 1, None if key == "month" else 4)
        return book.content()

    def _dimensions(self):
        return {
            "date_from": self.date_from,
            "date_to": self.date_to,
            "team_id": self.team_id.id,
            "user_id": self.user_id.id,
        }


class DisciplineRefusalAnalysisLine(models.TransientModel):
    _name = "discipline.refusal.analysis.line"
    _description = "Refusals of One Kind"
    _order = "sequence, id"

    analysis_id = fields.Many2one("discipline.refusal.analysis", required=True, ondelete="cascade")
    sequence = fields.Integer()
    key = fields.Char()
    name = fields.Char()
    currency_id = fields.Many2one(related="analysis_id.currency_id")
    count = fields.Integer("Refusals")
    amount = fields.Monetary("Sum", currency_field="currency_id")
    share = fields.Float()
    cumulative = fields.Float("Cumulative Share")
    previous_count = fields.Integer("Before", help="Refusals in as many days right before the period.")
    change = fields.Float("Change, Points", help="The share against the period before, in percentage points.")
    other_share = fields.Float(
        "Share of “Other”", help="How many of these refusals have a reason of the category “Other”, or none."
    )
    days_open = fields.Float("Days to Refusal")
    regained = fields.Integer(help="Refusals after which the customer bought all the same.")
    target_share = fields.Float("Target")
    over_target = fields.Boolean()
    measure = fields.Text()
    measure_user_id = fields.Many2one("res.users", "Responsible for the Measure")

    def action_refusals(self):
        """Open the refusals behind this line."""
        self.ensure_one()
        analysis = self.analysis_id
        if analysis.group_by == "month":
            month = fields.Date.to_date(self.key)
            following = month + relativedelta(months=1)
            return analysis._open(Domain("day", ">=", month) & Domain("day", "<", following))
        value = self.key or False if analysis._is_selection() else int(self.key or 0) or False
        return analysis._open(Domain(analysis.group_by, "=", value))
