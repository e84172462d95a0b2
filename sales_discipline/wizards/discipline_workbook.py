"""The workbook: contacts, customers without contacts, verdicts and redistribution of a period in one XLSX file."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools.misc import format_date

from ..report.workbook import Column, Workbook


class DisciplineWorkbook(models.TransientModel):
    """What the workbook is about. Everybody gets what he may read: a manager his own, a supervisor everything."""

    _name = "discipline.workbook"
    _description = "Workbook"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    date_from = fields.Date("From", required=True, default=lambda self: self._default_bounds()[0])
    date_to = fields.Date("To", required=True, default=lambda self: self._default_bounds()[1])
    team_id = fields.Many2one("crm.team", "Sales Team", help="Empty: every team.")
    user_ids = fields.Many2many("res.users", string="Managers", domain="[('share', '=', False)]", help="Empty: all.")

    @api.model
    def _default_bounds(self):
        """Return the bounds of the last closed month, else of the running one."""
        Calendar = self.env["discipline.calendar"]
        last = (
            self.env["discipline.period"]
            .sudo()
            .search(
                [("company_id", "=", self.env.company.id), ("state", "=", "closed"), ("kind", "=", "month")],
                order="date_start desc",
                limit=1,
            )
        )
        if last:
            return last.date_start, last.date_end
        return Calendar._month_bounds(Calendar._today())

    @api.constrains("date_from", "date_to")
    def _check_dates(self):
        for workbook in self:
            if workbook.date_to < workbook.date_from:
                raise UserError(
                    self.env._(
                        "The workbook ends on %(to)s, before it begins on %(from)s: choose a later end.",
                        **{
                            "to": format_date(self.env, workbook.date_to),
                            "from": format_date(self.env, workbook.date_from),
                        },
                    )
                )

    def action_download(self):
        """Return the action that downloads the file."""
        self.ensure_one()
        return {"type": "ir.actions.act_url", "url": f"/sales_discipline/workbook/{self.id}", "target": "download"}

    def _file_name(self):
        # apart from the f-string: what stands in one is not found by whoever collects the texts to translate
        title = self.env._("Sales Discipline")
        return f"{title} {self.date_from} - {self.date_to}.xlsx"

    def _content(self):
        """Return the XLSX file, in the reader's language, with what he may read.

        :return: bytes
        """
        self.ensure_one()
        book = Workbook()
        book.note(self.env._("About"), self._about(), self._title())
        facts = self._facts()
        for title, columns, rows in self._tables(facts):
            book.table(title, columns, rows, total=self.env._("Total"))
        return book.content()

    def _tables(self, facts):
        """Yield (title, columns, rows) of every sheet (a hook for other rooms)."""
        yield self.env._("Contacts per Customer"), *self._sheet_customers(facts)
        yield self.env._("Without Contacts"), *self._sheet_silent(facts)
        yield self.env._("Verdicts per Manager"), *self._sheet_managers()
        yield self.env._("Verdicts"), *self._sheet_verdicts()
        yield self.env._("Redistribution"), *self._sheet_redistribution()
        yield self.env._("Contacts"), *self._sheet_contacts()

    def _title(self):
        return self.env._(
            "Sales Discipline: %(company)s, %(from)s to %(to)s",
            **{
                "company": self.company_id.name,
                "from": format_date(self.env, self.date_from),
                "to": format_date(self.env, self.date_to),
            },
        )

    def _about(self):
        everyone = self.env._("everyone you may see")
        return [
            (self.env._("Made"), f"{fields.Datetime.context_timestamp(self, fields.Datetime.now()):%Y-%m-%d %H:%M}"),
            (self.env._("Prepared by"), self.env.user.name),
            (self.env._("Sales Team"), self.team_id.name or self.env._("every team")),
            (self.env._("Managers"), ", ".join(self.user_ids.mapped("name")) or everyone),
            (
                self.env._("Contacts per Customer"),
                self.env._("Every customer of the base with his contacts in these days, counted and not counted."),
            ),
            (
                self.env._("Without Contacts"),
                self.env._("Customers with no contact at all in these days, or with none that counted."),
            ),
            (
                self.env._("Verdicts per Manager"),
                self.env._(
                    "Attainment = attained contacts / goal, nothing beyond a customer's goal. Coverage = customers "
                    "whose goal is met / customers with a goal. Periods that begin in these days."
                ),
            ),
            (
                self.env._("Redistribution"),
                self.env._("Customers proposed for another manager or moved in these days, and why."),
            ),
        ]

    # ------------------------------------------------------------------
    # What the sheets show
    # ------------------------------------------------------------------

    def _managers(self):
        """Return the chosen managers, or None for everyone."""
        chosen = self.user_ids
        if self.team_id:
            members = self.team_id.sudo().member_ids
            chosen = chosen & members if chosen else members
        return chosen if self.user_ids or self.team_id else None

    def _by_manager(self, name):
        managers = self._managers()
        return Domain.TRUE if managers is None else Domain(name, "in", managers.ids)

    def _customers(self):
        domain = Domain("in_base", "=", True) & Domain("company_id", "=", self.company_id.id)
        if not self.env.user._discipline_is_supervisor():
            domain &= Domain("user_id", "=", self.env.uid)
        return self.env["discipline.customer"].search(domain & self._by_manager("user_id"), order="user_id, id")

    def _contact_domain(self):
        return (
            Domain("day", ">=", self.date_from)
            & Domain("day", "<=", self.date_to)
            & Domain("company_id", "=", self.company_id.id)
        )

    def _facts(self):
        """Return {customer id: {(counted, voided): number, ...}} and the notes of the last contacts, in two reads."""
        groups = self.env["discipline.contact"]._read_group(
            self._contact_domain() & Domain("voided_at", "=", False),
            ["customer_ref", "counted", "outcome_id"],
            ["__count", "day:max"],
        )
        facts = {}
        for customer, counted, outcome, count, last in groups:
            row = facts.setdefault(customer, {"counted": 0, "rejected": 0, "attempts": 0, "last": None, "results": {}})
            row["counted" if counted else "rejected"] += count
            row["attempts"] += count if outcome.is_attempt else 0
            row["last"] = max(filter(None, (row["last"], last)))
            row["results"][outcome.name] = row["results"].get(outcome.name, 0) + count
        return facts

    def _last_talks(self):
        """Return {customer id: day of the last talk} as it was on the workbook's last day; attempts are no talk."""
        groups = self.env["discipline.contact"]._read_group(
            Domain("day", "<=", self.date_to)
            & Domain("company_id", "=", self.company_id.id)
            & Domain("voided_at", "=", False)
            & (Domain("outcome_id", "=", False) | Domain("outcome_id.is_attempt", "=", False)),
            ["customer_ref"],
            ["day:max"],
        )
        return dict(groups)

    def _sheet_customers(self, facts):
        columns = [
            Column(self.env._("Customer"), 34),
            Column(self.env._("Class"), 7),
            Column(self.env._("Responsible Manager"), 22),
            Column(self.env._("Counted"), 10, "number", total=True),
            Column(self.env._("Not Counted"), 10, "number", total=True),
            Column(self.env._("Attempts"), 10, "number", total=True),
            Column(self.env._("Results"), 40),
            Column(self.env._("Last Contact"), 13, "date"),
            Column(self.env._("Next Contact"), 13, "date"),
        ]
        talks = self._last_talks()
        empty = {"counted": 0, "rejected": 0, "attempts": 0, "last": None, "results": {}}

        def rows():
            for customer in self._customers():
                row = facts.get(customer.partner_id.id, empty)
                yield (
                    customer.partner_id.name,
                    customer.abc_class_id.name,
                    customer.user_id.name,
                    row["counted"],
                    row["rejected"],
                    row["attempts"],
                    ", ".join(f"{name or '?'}: {count}" for name, count in row["results"].items()),
                    talks.get(customer.partner_id.id),
                    customer.next_contact_date,
                )

        return columns, rows()

    def _sheet_silent(self, facts):
        columns = [
            Column(self.env._("Customer"), 34),
            Column(self.env._("Class"), 7),
            Column(self.env._("Responsible Manager"), 22),
            Column(self.env._("Contacts"), 26),
            Column(self.env._("Last Contact"), 13, "date"),
            Column(self.env._("Days since"), 11, "number"),
            Column(self.env._("Next Contact"), 13, "date"),
            Column(self.env._("Purchases, 12 Months"), 16, "money", total=True),
        ]
        talks = self._last_talks()
        none, uncounted = self.env._("none at all"), self.env._("none that counted")

        def rows():
            for customer in self._customers():
                row = facts.get(customer.partner_id.id)
                if row and row["counted"]:
                    continue
                last = talks.get(customer.partner_id.id)
                yield (
                    customer.partner_id.name,
                    customer.abc_class_id.name,
                    customer.user_id.name,
                    uncounted if row else none,
                    last,
                    (self.date_to - last).days if last else None,
                    customer.next_contact_date,
                    customer.revenue_12m,
                )

        return columns, rows()

    def _verdict_domain(self):
        return (
            Domain("period_id.date_start", ">=", self.date_from)
            & Domain("period_id.date_start", "<=", self.date_to)
            & Domain("company_id", "=", self.company_id.id)
            & self._by_manager("user_id")
        )

    def _sheet_managers(self):
        columns = [
            Column(self.env._("Manager"), 24),
            Column(self.env._("Customers"), 11, "number", total=True),
            Column(self.env._("Goal"), 9, "number", total=True),
            Column(self.env._("Attained"), 9, "number", total=True),
            Column(
                self.env._("Attainment, %"),
                13,
                "percent",
                total=('=IF(C{row}=0,"",D{row}/C{row})', lambda sums: sums[3] / sums[2] if sums[2] else ""),
            ),
            Column(self.env._("Coverage, %"), 13, "percent"),
            Column(self.env._("Met"), 9, "number", total=True),
            Column(self.env._("Missed"), 9, "number", total=True),
            Column(self.env._("Behind"), 9, "number", total=True),
            Column(self.env._("Excused"), 9, "number", total=True),
            Column(self.env._("Contacts not Counted"), 12, "number", total=True),
        ]
        groups = self.env["discipline.compliance"]._read_group(
            self._verdict_domain(),
            ["user_id", "state"],
            ["__count", "goal:sum", "attained:sum", "rejected:sum"],
            order="user_id",
        )
        managers = {}
        for user, state, count, goal, attained, rejected in groups:
            row = managers.setdefault(user, {"goal": 0, "attained": 0, "rejected": 0, "count": 0})
            row["count"] += count
            row["goal"] += goal
            row["attained"] += attained
            row["rejected"] += rejected
            row[state] = count

        def rows():
            for user, row in managers.items():
                judged = row["count"] - row.get("excused", 0) - row.get("unreachable", 0)
                yield (
                    user.name,
                    row["count"],
                    row["goal"],
                    row["attained"],
                    row["attained"] / row["goal"] if row["goal"] else None,
                    row.get("met", 0) / judged if judged else None,
                    row.get("met", 0),
                    row.get("missed", 0),
                    row.get("behind", 0),
                    row.get("excused", 0) + row.get("unreachable", 0),
                    row["rejected"],
                )

        return columns, rows()

    def _sheet_verdicts(self):
        columns = [
            Column(self.env._("Customer"), 34),
            Column(self.env._("Class"), 7),
            Column(self.env._("Manager"), 22),
            Column(self.env._("Period"), 16),
            Column(self.env._("Goal"), 8, "number", total=True),
            Column(self.env._("Attained"), 9, "number", total=True),
            Column(self.env._("Excused"), 9, "number", total=True),
            Column(self.env._("Verdict"), 16),
            Column(self.env._("In Words"), 60),
        ]
        verdicts = self.env["discipline.compliance"].search(self._verdict_domain(), order="period_id, user_id, id")
        states = dict(verdicts._fields["state"]._description_selection(self.env))

        def rows():
            for verdict in verdicts:
                yield (
                    verdict.partner_id.name,
                    verdict.abc_class_id.name,
                    verdict.user_id.name,
                    verdict.period_id.display_name,
                    verdict.goal,
                    verdict.attained,
                    verdict.excused,
                    states[verdict.state],
                    verdict.explanation,
                )

        return columns, rows()

    def _sheet_redistribution(self):
        columns = [
            Column(self.env._("Day"), 12, "date"),
            Column(self.env._("Redistribution"), 26),
            Column(self.env._("Customer"), 34),
            Column(self.env._("Class"), 7),
            Column(self.env._("Losing Manager"), 22),
            Column(self.env._("Receiver"), 22),
            Column(self.env._("Contacts a Month"), 11, "number", total=True),
            Column(self.env._("State"), 18),
            Column(self.env._("Why"), 80),
        ]
        managers = self._managers()
        domain = (
            Domain("company_id", "=", self.company_id.id)
            & Domain("redistribution_id.state", "!=", "draft")
            & (
                (
                    Domain("redistribution_id.period_id.date_start", ">=", self.date_from)
                    & Domain("redistribution_id.period_id.date_start", "<=", self.date_to)
                )
                | (
                    Domain("create_date", ">=", fields.Datetime.to_datetime(self.date_from))
                    & Domain("create_date", "<", fields.Datetime.to_datetime(fields.Date.add(self.date_to, days=1)))
                )
            )
        )
        if managers is not None:
            domain &= Domain("user_from_id", "in", managers.ids) | Domain("user_to_id", "in", managers.ids)
        lines = self.env["discipline.redistribution.line"].search(domain, order="redistribution_id, id")
        states = dict(lines._fields["state"]._description_selection(self.env))

        def rows():
            for line in lines:
                yield (
                    line.applied_on or line.create_date.date(),
                    line.redistribution_id.display_name,
                    line.customer_name,
                    line.abc_class_id.name,
                    line.user_from_id.name,
                    line.user_to_id.name,
                    line.load,
                    states[line.state],
                    line.explanation,
                )

        return columns, rows()

    def _sheet_contacts(self):
        columns = [
            Column(self.env._("When"), 16, "datetime"),
            Column(self.env._("Customer"), 34),
            Column(self.env._("Person"), 22),
            Column(self.env._("Made by"), 22),
            Column(self.env._("Responsible Manager"), 22),
            Column(self.env._("Channel"), 14),
            Column(self.env._("Outcome"), 20),
            Column(self.env._("Counted"), 10),
            Column(self.env._("Why Not Counted"), 34),
            Column(self.env._("Note"), 60),
        ]
        domain = self._contact_domain() & (self._by_manager("user_id") | self._by_manager("responsible_id"))
        contacts = self.env["discipline.contact"].search(domain, order="date, id")
        reasons = dict(contacts._fields["rejected_reason"]._description_selection(self.env))
        yes, no = self.env._("yes"), self.env._("no")

        def rows():
            for contact in contacts:
                yield (
                    fields.Datetime.context_timestamp(contact, contact.date).replace(tzinfo=None),
                    contact.partner_id.name,
                    contact.contact_id.name,
                    contact.user_id.name,
                    contact.responsible_id.name,
                    contact.channel_id.name,
                    contact.outcome_id.name,
                    yes if contact.counted else no,
                    reasons.get(contact.rejected_reason),
                    contact.note,
                )

        return columns, rows()
