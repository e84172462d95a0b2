"""Percent of purchases: what a manager earns of what his customers buy, month by month.

A purchase belongs to whoever answered for the customer on its day; for some days after a handover the previous manager
has a share of it. What is paid out is locked: purchases that come later and those taken back stand in the next month.
"""

from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import SQL
from odoo.tools.misc import format_amount, format_date

from ..report.workbook import Column, Workbook
from .res_users import ADMINISTRATOR


class DisciplinePercentRate(models.Model):
    """A percent of purchases: for a manager, for a class, for both or for all, within its dates."""

    _name = "discipline.percent.rate"
    _description = "Rate of the Percent of Purchases"
    _order = "valid_from desc, id desc"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True, ondelete="cascade"
    )
    user_id = fields.Many2one(
        "res.users", "Manager", ondelete="cascade", domain="[('share', '=', False)]", help="Empty: every manager."
    )
    abc_class_id = fields.Many2one("discipline.abc.class", "ABC Class", ondelete="cascade", help="Empty: every class.")
    percent = fields.Float(digits=(7, 4), required=True)
    valid_from = fields.Date("From", required=True, default=lambda self: fields.Date.today().replace(day=1))
    valid_until = fields.Date("Until", help="The last day; empty: until another rate takes its place.")

    _percent_check = models.Constraint("CHECK(percent >= 0 AND percent <= 100)", "A percent is from 0 to 100.")
    _dates_check = models.Constraint("CHECK(valid_until >= valid_from)", "A rate cannot end before it begins.")

    @api.depends("percent", "user_id", "abc_class_id")
    def _compute_display_name(self):
        for rate in self:
            parts = [rate.user_id.name, rate.abc_class_id.name]
            rate.display_name = f"{' '.join(part for part in parts if part) or self.env._('All')}: {rate.percent:g} %"

    @api.constrains("company_id", "user_id", "abc_class_id", "valid_from", "valid_until")
    def _check_overlap(self):
        for rate in self:
            twin = self.search(
                [
                    ("id", "!=", rate.id),
                    ("company_id", "=", rate.company_id.id),
                    ("user_id", "=", rate.user_id.id),
                    ("abc_class_id", "=", rate.abc_class_id.id),
                    ("valid_from", "=", rate.valid_from),
                ],
                limit=1,
            )
            if twin:
                raise ValidationError(
                    self.env._(
                        "There is a rate of %(percent)s %% for the same manager and class from %(day)s already.",
                        percent=twin.percent,
                        day=format_date(self.env, rate.valid_from),
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        rates = super().create(vals_list)
        rates._check_unlocked(rates.mapped("valid_from"))
        return rates

    def write(self, vals):
        # a rate in a paid month ends, it does not change
        ends = set(vals) == {"valid_until"} and vals["valid_until"]
        days = (
            [fields.Date.add(fields.Date.to_date(vals["valid_until"]), days=1)] if ends else self.mapped("valid_from")
        )
        self._check_unlocked(days)
        result = super().write(vals)
        self._check_unlocked([] if ends else self.mapped("valid_from"))
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_unlocked(self):
        self._check_unlocked(self.mapped("valid_from"))

    def _check_unlocked(self, days):
        """Refuse what would change a month that is paid out.

        :param days: first days from which something would be otherwise
        :raise UserError: naming the month
        """
        Statement = self.env["discipline.percent.statement"].sudo()
        for company in self.company_id:
            locked = Statement.search(
                [("company_id", "=", company.id), ("state", "=", "locked")], order="month desc", limit=1
            )
            if locked and any(day and day <= locked._last_day() for day in days):
                raise UserError(
                    self.env._(
                        "%(month)s is paid out: a rate that holds in it is not changed. Add one from a later day.",
                        month=locked._month_name(),
                    )
                )


class DisciplinePercentRule(models.Model):
    """How purchases are shared after a handover, and whether norms matter; the newest that has begun holds."""

    _name = "discipline.percent.rule"
    _description = "Rule of the Percent of Purchases"
    _order = "valid_from desc, id desc"
    _rec_name = "valid_from"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True, ondelete="cascade"
    )
    valid_from = fields.Date("From", required=True, default=lambda self: fields.Date.today().replace(day=1))
    tail_days = fields.Integer(
        "Tail, Days", help="For so many days after a handover the previous manager has a share of the purchases."
    )
    tail_share = fields.Float(
        "Share of the Previous Manager, %", digits=(5, 2), default=50, help="The rest is the new manager's."
    )
    step_ids = fields.One2many(
        "discipline.percent.step", "rule_id", "Coefficients", help="Empty: attainment of norms does not matter."
    )

    _tail_check = models.Constraint("CHECK(tail_days >= 0)", "The tail is 0 days or more.")
    _share_check = models.Constraint("CHECK(tail_share >= 0 AND tail_share <= 100)", "A share is from 0 to 100 %.")
    _day_uniq = models.Constraint("UNIQUE(company_id, valid_from)", "There is a rule from this day already.")

    @api.constrains("valid_from")
    def _check_month(self):
        for rule in self:
            if rule.valid_from.day != 1:
                raise ValidationError(self.env._("A rule begins on the first day of a month."))

    @api.model_create_multi
    def create(self, vals_list):
        rules = super().create(vals_list)
        rules._check_unlocked()
        return rules

    def write(self, vals):
        self._check_unlocked()
        result = super().write(vals)
        self._check_unlocked()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_unlocked(self):
        self._check_unlocked()

    def _check_unlocked(self):
        """Refuse what would change a month that is paid out.

        :raise UserError: naming the month
        """
        for rule in self:
            locked = (
                self.env["discipline.percent.statement"]
                .sudo()
                .search(
                    [
                        ("company_id", "=", rule.company_id.id),
                        ("state", "=", "locked"),
                        ("month", ">=", rule.valid_from),
                    ],
                    order="month desc",
                    limit=1,
                )
            )
            if locked:
                raise UserError(
                    self.env._(
                        "%(month)s is paid out by this rule: add a rule from a later month.", month=locked._month_name()
                    )
                )

    @api.model
    def _on(self, company, month):
        """Return the rule that holds in the month that begins on ``month``; empty: no tail, no coefficient."""
        return self.sudo().search(
            [("company_id", "=", company.id), ("valid_from", "<=", month)], order="valid_from desc", limit=1
        )

    @api.model
    def _in_months(self, company, months):
        """Return the rule that holds in each of these months, in their order."""
        rules = self.sudo().search([("company_id", "=", company.id)], order="valid_from desc")
        return [rules.filtered(lambda rule, month=month: rule.valid_from <= month)[:1] for month in months]

    def _coefficient(self, attainment):
        """Return by how much a manager's percent is multiplied.

        :param attainment: percent of norms attained, None where nothing was to be attained
        """
        if attainment is None or not self.step_ids:
            return 1.0
        reached = self.step_ids.filtered(lambda step: step.attainment <= attainment)
        return max(reached, key=lambda step: step.attainment).coefficient if reached else 1.0


class DisciplinePercentStep(models.Model):
    """From which attainment of norms on a coefficient holds."""

    _name = "discipline.percent.step"
    _description = "Coefficient by Attainment"
    _order = "attainment, id"

    rule_id = fields.Many2one("discipline.percent.rule", required=True, ondelete="cascade", index=True)
    attainment = fields.Float("Attainment from, %", digits=(5, 2), required=True)
    coefficient = fields.Float(digits=(6, 4), required=True, default=1)

    _attainment_uniq = models.Constraint("UNIQUE(rule_id, attainment)", "This attainment has a coefficient already.")
    _coefficient_check = models.Constraint("CHECK(coefficient >= 0)", "A coefficient is 0 or more.")

    @api.model_create_multi
    def create(self, vals_list):
        steps = super().create(vals_list)
        steps.rule_id._check_unlocked()
        return steps

    def write(self, vals):
        self.rule_id._check_unlocked()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_unlocked(self):
        self.rule_id._check_unlocked()


class DisciplinePercentStatement(models.Model):
    """What one manager earns for one month, purchase by purchase."""

    _name = "discipline.percent.statement"
    _description = "Statement of Percent of Purchases"
    _inherit = "mail.thread"
    _order = "month desc, manager_name, id"

    user_id = fields.Many2one("res.users", "Manager", readonly=True, index=True, ondelete="set null")
    manager_ref = fields.Integer("Manager No.", readonly=True, required=True, aggregator=None)
    manager_name = fields.Char(readonly=True)
    company_id = fields.Many2one("res.company", readonly=True, required=True, index=True, ondelete="cascade")
    currency_id = fields.Many2one(related="company_id.currency_id")
    month = fields.Date(readonly=True, required=True, help="The first day of the month.")
    state = fields.Selection(
        [("draft", "Draft"), ("locked", "Paid Out")], default="draft", required=True, readonly=True, tracking=True
    )
    attainment = fields.Float(
        "Norms Attained, %", digits=(5, 1), readonly=True, aggregator=None, help="Of the month's closed period."
    )
    coefficient = fields.Float(digits=(6, 4), readonly=True, default=1, aggregator=None)
    line_ids = fields.One2many("discipline.percent.line", "statement_id", "Purchases, One by One", readonly=True)
    purchases = fields.Monetary(readonly=True, help="Purchases and returns of the month that count for this manager.")
    corrections = fields.Monetary(readonly=True, help="Of months that were paid out before.")
    total = fields.Monetary("To Pay", readonly=True, tracking=True)
    computed_at = fields.Datetime("Computed on", readonly=True)
    locked_at = fields.Datetime("Paid Out on", readonly=True)
    locked_by_id = fields.Many2one("res.users", "Paid Out by", readonly=True, ondelete="set null")

    _month_uniq = models.Constraint(
        "UNIQUE(company_id, manager_ref, month)", "There is a statement of this manager and month already."
    )

    @api.depends("manager_name", "month")
    def _compute_display_name(self):
        for row in self:
            row.display_name = f"{row.manager_name or ''}, {row._month_name()}" if row.month else row.manager_name

    def _month_name(self):
        return format_date(self.env, self.month, date_format="LLLL y")

    def _next_month(self):
        return fields.Date.add(self.month, months=1)

    def _last_day(self):
        return fields.Date.subtract(self._next_month(), days=1)

    @api.model
    def _check_administrator(self):
        if not self.env.su and not self.env.user.has_group(ADMINISTRATOR):
            raise AccessError(self.env._("Only a Sales administrator computes and pays out the percent of purchases."))

    def write(self, vals):
        if not self.env.su:
            raise AccessError(self.env._("A statement is computed, not written."))
        return super().write(vals)

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            raise AccessError(self.env._("A statement is computed, not written."))
        return super().create(vals_list)

    @api.ondelete(at_uninstall=False)
    def _unlink_draft(self):
        for row in self:
            if row.state == "locked":
                raise UserError(self.env._("%(statement)s is paid out and stays as it is.", statement=row.display_name))

    # ------------------------------------------------------------------
    # Computing
    # ------------------------------------------------------------------

    @api.model
    def _make(self, company, month):
        """Compute the drafts of every manager who has something for the month; paid ones stay as they are.

        :param month: its first day
        :return: the statements of the month
        """
        month = month.replace(day=1)
        company = company.sudo()
        Statement = self.sudo()
        self._flush_facts()
        locked = Statement.search([("company_id", "=", company.id), ("month", "=", month), ("state", "=", "locked")])
        rule = self.env["discipline.percent.rule"]._on(company, month)
        figures = self._attainments(company, month) if rule.step_ids else {}
        rows = self._owed(company, month, {user: rule._coefficient(value) for user, value in figures.items()})
        drafts = Statement.search([("company_id", "=", company.id), ("month", "=", month), ("state", "=", "draft")])
        self.env.cr.execute(SQL("DELETE FROM discipline_percent_line WHERE statement_id = ANY(%s)", drafts.ids))
        names = {
            user.id: user.name
            for user in self.env["res.users"]
            .sudo()
            .with_context(active_test=False)
            .browse({row["user_id"] for row in rows})
            .exists()
        }
        due = {row["user_id"] for row in rows} - set(locked.mapped("manager_ref"))
        earned = defaultdict(list)
        for row in rows:
            earned[row["user_id"]].append(row)
        drafts.filtered(lambda draft: draft.manager_ref not in due).unlink()
        there = {draft.manager_ref: draft for draft in drafts.exists()}
        fresh = Statement.create(
            [
                {
                    "user_id": user if user in names else False,
                    "manager_ref": user,
                    "manager_name": names.get(user),
                    "company_id": company.id,
                    "month": month,
                }
                for user in sorted(due - set(there))
            ]
        )
        there.update({draft.manager_ref: draft for draft in fresh})
        self._store(there, [row for row in rows if row["user_id"] in due])
        for user, draft in there.items():
            own = earned[user]
            draft.write(
                {
                    "attainment": figures.get(user) or 0,
                    "coefficient": rule._coefficient(figures.get(user)),
                    "purchases": sum(row["amount"] * row["share"] / 100 for row in own if row["kind"] != "back"),
                    "corrections": sum(row["payable"] for row in own if row["kind"] != "month"),
                    "total": sum(row["payable"] for row in own),
                    "computed_at": fields.Datetime.now(),
                }
            )
        return locked | Statement.browse(draft.id for draft in there.values())

    @api.model
    def _flush_facts(self):
        for name in ("discipline.revenue", "discipline.assignment", "discipline.abc.change", "discipline.customer"):
            self.env[name].flush_model()
        for name in ("rate", "rule", "step", "statement", "line"):
            self.env[f"discipline.percent.{name}"].flush_model()

    @api.model
    def _owed(self, company, month, coefficients):
        """Return what the month's statements hold: this month's purchases, late ones of paid months, those taken back.

        :param dict coefficients: {user: coefficient} of this month; others have 1
        :return: list of dicts: user_id, revenue_id, partner_id, date, amount, share, percent, coefficient, payable,
            kind (month, late or back), source_id (the line that is taken back)
        """
        return self._earned(company, month, coefficients) + self._taken_back(company, month)

    @api.model
    def _earned(self, company, month, coefficients):
        """Return what is earned with the month's purchases, and with those of paid months that came in late.

        A purchase that is in a paid statement is paid for. A late one counts by its own month's rule and coefficient,
        and waits where its manager's statement of that month is a draft still.
        """
        paid = [
            row[0]
            for row in self.env.execute_query(
                SQL(
                    "SELECT DISTINCT month FROM discipline_percent_statement "
                    "WHERE company_id = %s AND state = 'locked' AND month < %s ORDER BY month",
                    company.id,
                    month,
                )
            )
        ]
        months = [month, *paid]
        rules = self.env["discipline.percent.rule"]._in_months(company, months)
        names = (
            "user_id", "revenue_id", "partner_id", "date", "amount", "share", "percent", "coefficient", "payable",
            "is_tail", "kind",
        )  # fmt: skip
        found = self.env.execute_query(
            SQL(
                """
                WITH months AS (
                    SELECT * FROM unnest(%(months)s::date[], %(tails)s::int[], %(shares)s::numeric[])
                                  AS m(month, tail, tail_share)
                ), bought AS (
                    SELECT r.id, r.customer_ref, r.partner_id, r.date, r.amount, m.month, m.tail, m.tail_share,
                           CASE WHEN m.month = %(month)s THEN 'month' ELSE 'late' END AS kind
                      FROM discipline_revenue r
                      JOIN months m ON m.month = date_trunc('month', r.date)::date
                     WHERE r.company_id = %(company)s AND r.date >= %(date_from)s AND r.date < %(date_to)s
                       AND r.voided_at IS NULL AND r.kind = ANY(%(kinds)s)
                ), held AS (
                    SELECT b.*, h.manager_ref AS holder, p.manager_ref AS previous
                      FROM bought b
                 LEFT JOIN LATERAL (
                           SELECT a.manager_ref FROM discipline_assignment a
                            WHERE a.customer_ref = b.customer_ref AND a.voided_at IS NULL AND a.date_from <= b.date
                              AND (a.date_to IS NULL OR a.date_to > b.date)
                         ORDER BY a.date_from DESC, a.id DESC LIMIT 1) h ON TRUE
                 LEFT JOIN LATERAL (
                           SELECT a.manager_ref, a.date_to FROM discipline_assignment a
                            WHERE a.customer_ref = b.customer_ref AND a.voided_at IS NULL AND a.date_to <= b.date
                              AND a.date_to > a.date_from
                         ORDER BY a.date_to DESC, a.id DESC LIMIT 1) p
                        ON p.date_to + b.tail > b.date AND p.manager_ref IS DISTINCT FROM h.manager_ref
                ), shared AS (
                    SELECT id, customer_ref, partner_id, date, amount, month, kind, holder AS user_id,
                           FALSE AS is_tail, CASE WHEN previous IS NULL THEN 100 ELSE 100 - tail_share END AS share
                      FROM held WHERE holder IS NOT NULL
                 UNION ALL
                    SELECT id, customer_ref, partner_id, date, amount, month, kind, previous, TRUE, tail_share
                      FROM held WHERE previous IS NOT NULL
                ), rated AS (
                    SELECT s.*, COALESCE(t.percent, 0)::numeric AS percent,
                           COALESCE(CASE WHEN s.kind = 'month' THEN k.coefficient ELSE f.coefficient END, 1)
                           AS coefficient
                      FROM shared s
                 LEFT JOIN discipline_customer c ON c.partner_id = s.customer_ref
                 LEFT JOIN LATERAL (%(class_on_day)s) x ON TRUE
                 LEFT JOIN LATERAL (
                           SELECT r.percent FROM discipline_percent_rate r
                            WHERE r.company_id = %(company)s AND r.valid_from <= s.date
                              AND (r.valid_until IS NULL OR r.valid_until >= s.date)
                              AND (r.user_id IS NULL OR r.user_id = s.user_id)
                              AND (r.abc_class_id IS NULL OR r.abc_class_id = x.abc_class_id)
                         ORDER BY (r.user_id IS NOT NULL)::int DESC, (r.abc_class_id IS NOT NULL)::int DESC,
                                  r.valid_from DESC, r.id DESC LIMIT 1) t ON TRUE
                 LEFT JOIN unnest(%(users)s::int[], %(coefficients)s::numeric[]) AS k(user_id, coefficient)
                        ON k.user_id = s.user_id
                 LEFT JOIN discipline_percent_statement f
                        ON f.company_id = %(company)s AND f.month = s.month AND f.manager_ref = s.user_id
                     WHERE s.share > 0 AND (s.kind = 'month' OR f.state IS DISTINCT FROM 'draft')
                       AND NOT EXISTS (
                           SELECT FROM discipline_percent_line l
                             JOIN discipline_percent_statement m ON m.id = l.statement_id
                            WHERE l.revenue_ref = s.id AND m.state = 'locked'
                              -- whoever was paid for a purchase of a paid month stays paid, also where customers
                              -- merged since
                              AND (s.kind = 'late' OR m.manager_ref = s.user_id))
                )
                SELECT user_id, id, partner_id, date, amount, share, percent, coefficient,
                       round(amount * share / 100 * percent / 100 * coefficient, %(digits)s), is_tail, kind
                  FROM rated ORDER BY kind = 'late', month, user_id, date, id, is_tail
                """,
                company=company.id,
                month=month,
                months=months,
                tails=[rule.tail_days or 0 for rule in rules],
                shares=[str(rule.tail_share or 0) for rule in rules],
                date_from=min(months),
                date_to=fields.Date.add(month, months=1),
                kinds=self.env["discipline.revenue"]._kinds(company),
                class_on_day=self._class_on_day_sql(),
                users=list(coefficients),
                coefficients=[str(value) for value in coefficients.values()],
                digits=company.currency_id.decimal_places,
            )
        )
        return [{**dict(zip(names, row, strict=True)), "source_id": None} for row in found]

    @api.model
    def _class_on_day_sql(self):
        """Return the query of the class that customer ``s.customer_ref`` had on ``s.date``."""
        return SQL(
            """
            SELECT COALESCE(
                       (SELECT x.class_to_id FROM discipline_abc_change x
                         WHERE x.customer_ref = s.customer_ref AND x.voided_at IS NULL AND x.date_effective <= s.date
                      ORDER BY x.date_effective DESC, x.id DESC LIMIT 1),
                       (SELECT x.class_from_id FROM discipline_abc_change x
                         WHERE x.customer_ref = s.customer_ref AND x.voided_at IS NULL AND x.date_effective > s.date
                      ORDER BY x.date_effective, x.id LIMIT 1),
                       c.abc_class_id) AS abc_class_id
            """
        )

    @api.model
    def _taken_back(self, company, month):
        """Return what goes back: purchases that were paid for and voided since, and not taken back yet."""
        names = (
            "user_id", "revenue_id", "partner_id", "date", "amount", "share", "percent", "coefficient", "payable",
            "is_tail", "source_id",
        )  # fmt: skip
        found = self.env.execute_query(
            SQL(
                """
                SELECT m.manager_ref, l.revenue_id, l.partner_id, l.date, -l.amount, l.share, l.percent, l.coefficient,
                       -l.payable, l.is_tail, l.id
                  FROM discipline_percent_line l
                  JOIN discipline_percent_statement m ON m.id = l.statement_id
                  JOIN discipline_revenue r ON r.id = l.revenue_ref
                 WHERE m.company_id = %(company)s AND m.state = 'locked' AND m.month < %(month)s
                   AND l.kind != 'back' AND r.voided_at IS NOT NULL
                   AND NOT EXISTS (SELECT FROM discipline_percent_line b
                                     JOIN discipline_percent_statement n ON n.id = b.statement_id
                                    WHERE b.source_id = l.id AND n.state = 'locked')
              ORDER BY m.manager_ref, l.date, l.id
                """,
                company=company.id,
                month=month,
            )
        )
        return [{**dict(zip(names, row, strict=True)), "kind": "back"} for row in found]

    @api.model
    def _store(self, statements, rows):
        """Insert the lines of these drafts, in one statement."""
        self.env["discipline.percent.line"].flush_model()
        columns = ("revenue_id", "partner_id", "date", "amount", "share", "percent", "coefficient", "payable",
                   "is_tail", "kind", "source_id")  # fmt: skip
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO discipline_percent_line
                       (statement_id, company_id, revenue_id, revenue_ref, partner_id, date, amount, share, percent,
                        coefficient, payable, is_tail, kind, source_id)
                SELECT n.statement_id, s.company_id, n.revenue_id, COALESCE(n.revenue_id, l.revenue_ref), n.partner_id,
                       n.date, n.amount, n.share, n.percent, n.coefficient, n.payable, n.is_tail, n.kind, n.source_id
                  FROM unnest(%(statement_id)s::int[], %(revenue_id)s::int[], %(partner_id)s::int[], %(date)s::date[],
                              %(amount)s::numeric[], %(share)s::numeric[], %(percent)s::numeric[],
                              %(coefficient)s::numeric[], %(payable)s::numeric[], %(is_tail)s::bool[],
                              %(kind)s::varchar[], %(source_id)s::int[])
                       AS n(statement_id, revenue_id, partner_id, date, amount, share, percent, coefficient, payable,
                            is_tail, kind, source_id)
                  JOIN discipline_percent_statement s ON s.id = n.statement_id
             LEFT JOIN discipline_percent_line l ON l.id = n.source_id
                """,
                statement_id=[statements[row["user_id"]].id for row in rows],
                **{name: [row[name] for row in rows] for name in columns},
            )
        )
        self.env["discipline.percent.line"].invalidate_model()
        self.invalidate_model(["line_ids"])

    @api.model
    def _attainments(self, company, month):
        """Return {user: percent of norms attained} in the closed period of the month."""
        return {
            user: 100.0 * attained / goal
            for user, attained, goal in self.env.execute_query(
                SQL(
                    """
                    SELECT c.user_id, sum(LEAST(c.attained, c.goal)), sum(c.goal)
                      FROM discipline_compliance c JOIN discipline_period p ON p.id = c.period_id
                     WHERE p.company_id = %s AND c.closed AND c.user_id IS NOT NULL
                       AND p.date_start >= %s AND p.date_start < %s
                  GROUP BY c.user_id HAVING sum(c.goal) > 0
                    """,
                    company.id,
                    month,
                    fields.Date.add(month, months=1),
                )
            )
        }

    # ------------------------------------------------------------------
    # What an administrator does
    # ------------------------------------------------------------------

    def action_compute(self):
        """Compute these drafts anew; the same facts and rates give the same statement."""
        self._check_administrator()
        for company, month in {(row.company_id, row.month) for row in self if row.state == "draft"}:
            self._make(company, month)

    def action_lock(self):
        """Pay out: the statements stay as they are; later changes are corrections of the next month.

        :raise UserError: before the month is over, or while an earlier month of the manager is a draft
        """
        self._check_administrator()
        for row in self:
            if row.state == "locked":
                raise UserError(self.env._("%(statement)s is paid out already.", statement=row.display_name))
            if self.env["discipline.calendar"]._today(row.company_id) < row._next_month():
                raise UserError(
                    self.env._("%(statement)s can be paid out when the month is over.", statement=row.display_name)
                )
            earlier = self.sudo().search(
                [
                    ("company_id", "=", row.company_id.id),
                    ("manager_ref", "=", row.manager_ref),
                    ("month", "<", row.month),
                    ("state", "=", "draft"),
                    ("id", "not in", self.ids),
                ],
                limit=1,
            )
            if earlier:
                raise UserError(
                    self.env._("Pay out %(statement)s first: it is earlier.", statement=earlier.display_name)
                )
        for company, month in sorted(
            {(row.company_id, row.month) for row in self}, key=lambda pair: (pair[0].id, pair[1])
        ):
            # what is paid is what the facts say at this moment
            self._make(company, month)
            rows = self.exists().filtered(lambda row, c=company, m=month: row.company_id == c and row.month == m)
            rows.sudo().write({"state": "locked", "locked_at": fields.Datetime.now(), "locked_by_id": self.env.uid})

    def action_lines(self):
        """Open the purchases that the statement adds up."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_percent_line_action")
        name = self.display_name
        return {**action, "domain": [("statement_id", "=", self.id)], "name": name, "display_name": name}

    def action_xlsx(self):
        """Return the action that downloads these statements as a workbook."""
        ids = ",".join(str(number) for number in self.ids)
        return {"type": "ir.actions.act_url", "url": f"/sales_discipline/percent/{ids}", "target": "download"}

    def action_pdf(self):
        """Print these statements."""
        return self.env.ref("sales_discipline.discipline_percent_statement_report").report_action(self)

    def _xlsx(self):
        """Return the statements as a workbook: a sheet of totals, a sheet per statement.

        :return: bytes
        """
        book = Workbook()
        states = dict(self._fields["state"]._description_selection(self.env))
        book.table(
            self.env._("Percent of Purchases"),
            [
                Column(self.env._("Manager"), 26),
                Column(self.env._("Month"), 12, "date"),
                Column(self.env._("Purchases"), 16, "money", total=True),
                Column(self.env._("Coefficient"), 12, "money"),
                Column(self.env._("Corrections"), 14, "money", total=True),
                Column(self.env._("To Pay"), 14, "money", total=True),
                Column(self.env._("State"), 12),
            ],
            [
                (
                    row.manager_name,
                    row.month,
                    row.purchases,
                    row.coefficient,
                    row.corrections,
                    row.total,
                    states[row.state],
                )
                for row in self
            ],
            total=self.env._("Total"),
        )
        kinds = dict(self.line_ids._fields["kind"]._description_selection(self.env))
        for row in self:
            book.table(
                row.display_name,
                [
                    Column(self.env._("Date"), 12, "date"),
                    Column(self.env._("Customer"), 34),
                    Column(self.env._("Document"), 24),
                    Column(self.env._("Amount"), 14, "money", total=True),
                    Column(self.env._("Share, %"), 9, "money"),
                    Column(self.env._("Percent"), 9, "money"),
                    Column(self.env._("Coefficient"), 12, "money"),
                    Column(self.env._("To Pay"), 14, "money", total=True),
                    Column(self.env._("Why"), 30),
                ],
                [
                    (
                        line.date,
                        line.sudo().partner_id.name,
                        line.sudo().revenue_id.document,
                        line.amount,
                        line.share,
                        line.percent,
                        line.coefficient,
                        line.payable,
                        kinds[line.kind] + (f", {self.env._('after a handover')}" if line.is_tail else ""),
                    )
                    for line in row.line_ids
                ],
                total=self.env._("Total"),
            )
        return book.content()

    def _money(self, amount):
        return format_amount(self.env, amount, self.currency_id)


class DisciplinePercentLine(models.Model):
    """One purchase in a manager's statement."""

    _name = "discipline.percent.line"
    _description = "Purchase in a Statement"
    _order = "statement_id, date, id"
    _rec_name = "partner_id"
    _log_access = False

    statement_id = fields.Many2one(
        "discipline.percent.statement", required=True, readonly=True, ondelete="cascade", index=True
    )
    user_id = fields.Many2one(related="statement_id.user_id", string="Manager")
    state = fields.Selection(related="statement_id.state")
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade")
    currency_id = fields.Many2one(related="company_id.currency_id")
    revenue_id = fields.Many2one("discipline.revenue", "Purchase", readonly=True, ondelete="set null", index=True)
    revenue_ref = fields.Integer("Purchase No.", readonly=True, index=True, aggregator=None)
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, ondelete="set null", index="btree_not_null")
    date = fields.Date(readonly=True)
    document = fields.Char(related="revenue_id.document")
    amount = fields.Monetary(readonly=True)
    share = fields.Float("Share, %", digits=(5, 2), readonly=True, aggregator=None)
    percent = fields.Float(digits=(7, 4), readonly=True, aggregator=None)
    coefficient = fields.Float(digits=(6, 4), readonly=True, aggregator=None)
    payable = fields.Monetary("To Pay", readonly=True)
    is_tail = fields.Boolean("After a Handover", readonly=True)
    kind = fields.Selection(
        [("month", "Of the Month"), ("late", "Came Later"), ("back", "Taken Back")],
        readonly=True,
        help="Came later: a purchase of a month that was paid out already. Taken back: it was paid for, and voided.",
    )
    source_id = fields.Many2one("discipline.percent.line", "Takes Back", readonly=True, ondelete="set null", index=True)

    @api.model_create_multi
    def create(self, vals_list):
        self._refuse_by_hand()
        return super().create(vals_list)

    def write(self, vals):
        self._refuse_by_hand()
        return super().write(vals)

    def _refuse_by_hand(self):
        """Refuse whoever comes through the ORM: the program writes its lines in one statement.

        :raise AccessError: always
        """
        raise AccessError(self.env._("A statement is computed, not written."))

    @api.ondelete(at_uninstall=False)
    def _unlink_draft(self):
        for line in self:
            line.statement_id._unlink_draft()

    def action_open_purchase(self):
        """Open the purchase in the ledger."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "discipline.revenue",
            "res_id": self.revenue_id.id,
            "view_mode": "form",
        }


class DisciplinePercentMake(models.TransientModel):
    """Which month's percent is computed."""

    _name = "discipline.percent.make"
    _description = "Compute the Percent of Purchases"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    month = fields.Date(
        required=True,
        default=lambda self: fields.Date.subtract(
            self.env["discipline.calendar"]._month_bounds(self.env["discipline.calendar"]._today())[0], months=1
        ),
        help="Any day of the month.",
    )

    def action_make(self):
        """Compute the statements of the month and open them."""
        self.ensure_one()
        self.env["discipline.percent.statement"]._check_administrator()
        if not self.env["discipline.percent.rate"].search_count([("company_id", "=", self.company_id.id)]):
            raise UserError(self.env._("Set the rates first: without them, every statement is empty."))
        statements = self.env["discipline.percent.statement"]._make(self.company_id, self.month)
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_percent_statement_action")
        return {**action, "domain": [("id", "in", statements.ids)], "context": {}}
