"""ABC analysis: customers divided into classes by their share of all purchases.

One set-based statement computes it, in exact numbers; ``engine/abc.py`` says the same for a handful of customers, and
tests hold the two against each other. What it would change is seen before it is applied. Moves come into force on the
first day of the next month; a customer who never had a class has nothing to lose, so his first one governs from the
first day of the running month.
"""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import SQL

from .discipline_revenue import KINDS
from .res_users import ADMINISTRATOR

BATCH = 50_000


class DisciplineAbcRun(models.Model):
    _name = "discipline.abc.run"
    _description = "ABC Analysis"
    _inherit = "mail.thread"
    _order = "date desc, id desc"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, ondelete="cascade", index=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    date = fields.Date(
        "As of",
        required=True,
        default=lambda self: self._default_date(),
        help="The whole months that ended before this day are looked at.",
    )
    months = fields.Integer(
        required=True, default=lambda self: self.env.company.discipline_abc_months, help="How many whole months."
    )
    margin = fields.Float(
        digits=(5, 2),
        default=lambda self: self.env.company.discipline_abc_margin,
        help="A customer keeps his class while his cumulative share lies within so many percentage points of its "
        "bounds.",
    )
    grace_months = fields.Integer(
        "Grace, Months",
        default=lambda self: self.env.company.discipline_abc_grace_months,
        help="For so many months after his first purchase a customer is not moved to a lower class.",
    )
    kind = fields.Selection(
        [kind for kind in KINDS if kind[0] != "return"],
        "Purchases Are",
        required=True,
        default=lambda self: self.env.company.discipline_revenue_kinds,
        help="Which purchases are looked at; returns are always taken off.",
    )
    date_from = fields.Date("Purchases From", compute="_compute_window")
    date_to = fields.Date("Purchases To", compute="_compute_window", help="The last day looked at.")
    automatic = fields.Boolean(readonly=True, copy=False, help="Made by the monthly scheduled action.")
    state = fields.Selection(
        [("draft", "Draft"), ("applied", "Applied"), ("cancelled", "Cancelled")],
        default="draft",
        required=True,
        readonly=True,
        copy=False,
        index=True,
        tracking=True,
    )
    computed_at = fields.Datetime("Computed on", readonly=True, copy=False)
    applied_at = fields.Datetime("Applied on", readonly=True, copy=False)
    applied_by_id = fields.Many2one("res.users", "Applied by", readonly=True, copy=False, ondelete="set null")
    date_effective = fields.Date("Moves in Force From", readonly=True, copy=False)
    line_ids = fields.One2many("discipline.abc.run.line", "run_id", "Customers", readonly=True)
    move_ids = fields.One2many(
        "discipline.abc.run.line", "run_id", "Moves", readonly=True, domain=[("moved", "=", True)]
    )
    total_ids = fields.One2many("discipline.abc.run.total", "run_id", "Classes", readonly=True)
    change_ids = fields.One2many("discipline.abc.change", "run_id", "Changes of Class", readonly=True)
    customer_count = fields.Integer("Number of Customers", readonly=True, copy=False)
    move_count = fields.Integer("Number of Moves", readonly=True, copy=False)
    revenue = fields.Monetary(
        "Purchases", readonly=True, copy=False, help="Of customers whose purchases less returns are above 0."
    )

    @api.model
    def _default_date(self):
        return self.env["discipline.calendar"]._today()

    @api.depends("date", "company_id")
    def _compute_display_name(self):
        for run in self:
            run.display_name = self.env._("ABC as of %(date)s", date=run.date) if run.date else ""

    @api.depends("date", "months")
    def _compute_window(self):
        for run in self:
            if run.date and run.months > 0:
                run.date_from, end = run._window()
                run.date_to = end - timedelta(days=1)
            else:
                run.date_from = run.date_to = False

    def _window(self):
        """Return the first day looked at, and the first day after it: whole months that ended before the date."""
        self.ensure_one()
        Calendar = self.env["discipline.calendar"]
        return Calendar._months_back(self.date, self.months), self.date.replace(day=1)

    @api.constrains("months", "margin", "grace_months", "date")
    def _check_settings(self):
        for run in self:
            if run.months < 1 or not 0 <= run.margin < 50 or run.grace_months < 0:
                raise ValidationError(
                    self.env._(
                        "%(run)s: it needs 1 month or more, a margin from 0 to less than 50 percentage points, and a "
                        "grace of 0 months or more.",
                        run=run.display_name,
                    )
                )
            if run.date > self.env["discipline.calendar"]._today(run.company_id):
                raise ValidationError(
                    self.env._(
                        "%(run)s of %(company)s cannot be made: its day is still to come.",
                        run=run.display_name,
                        company=run.company_id.name,
                    )
                )

    @api.onchange("company_id")
    def _onchange_company_id(self):
        company = self.company_id
        if company:
            self.months = company.discipline_abc_months
            self.margin = company.discipline_abc_margin
            self.grace_months = company.discipline_abc_grace_months
            self.kind = company.discipline_revenue_kinds

    @api.model
    def _check_own_fields(self, vals):
        """Refuse values that only the program sets: what was computed, and what was decided.

        :raise AccessError: naming the field
        """
        if self.env.su:
            return
        for name in vals:
            field = self._fields.get(name)
            if field and field.readonly and field.store and not field.related:
                raise AccessError(
                    self.env._(
                        "“%(field)s” of an ABC analysis is set by its buttons only.",
                        field=field._description_string(self.env),
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_own_fields(vals)
        return super().create(vals_list)

    def write(self, vals):
        self._check_own_fields(vals)
        settings = {"company_id", "date", "months", "margin", "grace_months", "kind"} & vals.keys()
        if settings:
            for run in self.filtered(lambda run: run.state != "draft"):
                raise UserError(
                    self.env._("%(run)s is no draft any more: make a new analysis instead.", run=run.display_name)
                )
        result = super().write(vals)
        if settings:
            # what was computed no longer belongs to these settings
            self.sudo().filtered("computed_at")._forget()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_unless_applied(self):
        for run in self.filtered("applied_at"):
            raise UserError(
                self.env._("%(run)s was applied and stays in the history of classes.", run=run.display_name)
            )

    # ------------------------------------------------------------------
    # Computing
    # ------------------------------------------------------------------

    def _check_decides(self):
        if not self.env.su and not self.env.user.has_group(ADMINISTRATOR):
            raise AccessError(self.env._("Only a Sales administrator computes, applies and cancels an ABC analysis."))

    def _check_draft(self):
        self.ensure_one()
        if self.state != "draft":
            raise UserError(
                self.env._(
                    "%(run)s is %(state)s already: make a new analysis instead.",
                    run=self.display_name,
                    state=dict(self._fields["state"]._description_selection(self.env))[self.state].lower(),
                )
            )

    def _forget(self):
        """Drop what was computed, in few statements however many lines there are."""
        self.env.flush_all()
        for table in ("discipline_abc_run_line", "discipline_abc_run_total"):
            self.env.cr.execute(SQL("DELETE FROM %s WHERE run_id = ANY(%s)", SQL.identifier(table), self.ids))
        self.env["discipline.abc.run.line"].invalidate_model()
        self.env["discipline.abc.run.total"].invalidate_model()
        self.invalidate_recordset()
        self.write({"computed_at": False, "customer_count": 0, "move_count": 0, "revenue": 0})

    def action_compute(self):
        """Compute the classes of all customers of the base, to look at; nothing changes yet.

        It can be repeated while the analysis is a draft.

        :raise AccessError: for anyone but a Sales administrator
        :raise UserError: if it is no draft
        """
        self._check_decides()
        for run in self:
            run._check_draft()
            run.sudo()._compute_lines()

    def _compute_lines(self):
        self.ensure_one()
        if self.computed_at:
            self._forget()
        self.env.flush_all()
        self.env.cr.execute(self._lines_sql())
        self.env.cr.execute(self._totals_sql())
        self.invalidate_recordset()
        figures = self.env.execute_query(
            SQL(
                "SELECT count(*), count(*) FILTER (WHERE moved), "
                "COALESCE(sum(revenue_to) FILTER (WHERE revenue_to > 0), 0) "
                "FROM discipline_abc_run_line WHERE run_id = %s",
                self.id,
            )
        )[0]
        self.write(
            {
                "computed_at": fields.Datetime.now(),
                "customer_count": figures[0],
                "move_count": figures[1],
                "revenue": figures[2],
            }
        )

    def _former_run(self):
        """Return the applied analysis before this one: its figures are the "before" of the explanations."""
        self.ensure_one()
        return self.search(
            [("company_id", "=", self.company_id.id), ("state", "=", "applied"), ("id", "!=", self.id)],
            order="applied_at desc, id desc",
            limit=1,
        )

    def _class_by_rule_sql(self, bought):
        """Return the expression of the class by the rule, over the columns ``before`` and ``total``."""
        cases = [
            SQL("WHEN 100 * before < %s::numeric * total THEN %s", str(row.cumulative_share), row.id)
            for row in bought[:-1]
        ]
        last = SQL("%s", bought[-1].id)
        return SQL("CASE %s ELSE %s END", SQL(" ").join(cases), last) if cases else last

    def _within_margin_sql(self, bought):
        """Return the condition that a customer's share lies within the margin of his former class's bounds."""
        low, parts = "0", []
        for row in bought:
            parts.append(
                SQL(
                    "(former_id = %s AND 100 * before >= (%s::numeric - %s::numeric) * total "
                    "AND 100 * before < (%s::numeric + %s::numeric) * total)",
                    row.id,
                    low,
                    str(self.margin),
                    str(row.cumulative_share),
                    str(self.margin),
                )
            )
            low = str(row.cumulative_share)
        return SQL("(%s)", SQL(" OR ").join(parts))

    def _grace_sql(self):
        """Return (CTE, condition) for customers whose first purchase is within the months of grace."""
        if not self.grace_months:
            return SQL(), SQL("FALSE")
        cte = SQL(
            """
            , fresh AS (
                SELECT s.customer_id FROM sums s
                 WHERE NOT EXISTS (
                     SELECT FROM discipline_revenue r
                      WHERE r.customer_ref = s.customer_id AND r.voided_at IS NULL AND r.kind = %(kind)s
                        AND r.date < %(since)s)
            )
            """,
            kind=self.kind,
            since=fields.Date.subtract(self.date, months=self.grace_months),
        )
        return cte, SQL("customer_id IN (SELECT customer_id FROM fresh)")

    def _waiting_sql(self):
        """Return the query of classes that are decided and not in force yet."""
        return SQL(
            """
            SELECT DISTINCT ON (customer_ref) customer_ref, class_to_id FROM discipline_abc_change
             WHERE in_force IS NOT TRUE AND voided_at IS NULL AND company_id = %s
          ORDER BY customer_ref, date_effective DESC, id DESC
            """,
            self.company_id.id,
        )

    def _lines_sql(self):
        """Return the statement that computes the analysis: sums, order, cumulative shares, classes, moves.

        Shares are compared as exact products (100 * before < bound * total); nothing is divided before it is shown.
        """
        bought, rest = self.env["discipline.abc.class"]._bounds()
        fresh, in_grace = self._grace_sql()
        order = {row.id: index for index, row in enumerate(bought + rest)}
        return SQL(
            """
            WITH sums AS (%(sums)s) %(fresh)s,
            class AS (SELECT * FROM unnest(%(class_ids)s::int[], %(class_orders)s::int[]) AS t(id, place)),
            waiting AS (%(waiting)s),
            customer AS (
                SELECT c.partner_id AS customer_id, COALESCE(s.amount, 0) AS revenue, s.variation, c.abc_locked,
                       COALESCE(w.class_to_id, c.abc_class_id) AS former_id
                  FROM discipline_customer c
             LEFT JOIN sums s ON s.customer_id = c.partner_id
             LEFT JOIN waiting w ON w.customer_ref = c.partner_id
                 WHERE c.in_base AND c.company_id = %(company)s
            ),
            ranked AS (
                SELECT customer_id, revenue, variation, abc_locked, former_id, row_number() OVER rising AS rank,
                       sum(revenue) OVER rising - revenue AS before, sum(revenue) OVER () AS total,
                       count(*) OVER () AS buyers
                  FROM customer WHERE revenue > 0
                WINDOW rising AS (ORDER BY revenue DESC, customer_id ROWS UNBOUNDED PRECEDING)
            ),
            ruled AS (
                SELECT customer_id, revenue, variation, abc_locked, former_id, rank, before, total, buyers,
                       %(rule)s AS rule_id, %(within)s AS within
                  FROM ranked
                 UNION ALL
                SELECT customer_id, revenue, NULL, abc_locked, former_id, NULL, NULL, NULL, NULL, %(rest)s, FALSE
                  FROM customer WHERE revenue <= 0
            ),
            settled AS (
                SELECT r.*,
                       CASE WHEN abc_locked THEN 'locked'
                            WHEN former_id IS NULL OR former_id = rule_id THEN NULL
                            WHEN within THEN 'margin'
                            WHEN %(in_grace)s AND t.place > f.place THEN 'grace' END AS kept
                  FROM ruled r
             LEFT JOIN class f ON f.id = r.former_id
             LEFT JOIN class t ON t.id = r.rule_id
            )
            INSERT INTO discipline_abc_run_line
                   (run_id, company_id, partner_id, customer_ref, rank, percentile, revenue_to, share_to, cumulative,
                    variation, xyz, class_from_id, class_rule_id, class_to_id, kept, moved, revenue_from, share_from,
                    known_from,
                    create_uid, create_date, write_uid, write_date)
            SELECT %(run)s, %(company)s, s.customer_id, s.customer_id, s.rank, (100 * s.rank + s.buyers - 1) / s.buyers,
                   s.revenue, round(100 * s.before / s.total, 3), round(100 * (s.before + s.revenue) / s.total, 3),
                   round(s.variation, 1),
                   CASE WHEN s.variation <= %(x)s::numeric THEN 'x'
                        WHEN s.variation <= %(y)s::numeric THEN 'y'
                        WHEN s.variation IS NOT NULL THEN 'z' END,
                   s.former_id, s.rule_id,
                   CASE WHEN s.kept IS NULL THEN s.rule_id ELSE s.former_id END,
                   CASE WHEN s.former_id IS DISTINCT FROM s.rule_id THEN s.kept END,
                   s.kept IS NULL AND s.former_id IS DISTINCT FROM s.rule_id,
                   l.revenue_to, l.share_to, l.id IS NOT NULL,
                   %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
              FROM settled s
         LEFT JOIN discipline_abc_run_line l ON l.run_id = %(former_run)s AND l.customer_ref = s.customer_id
            """,
            sums=self._bought_sql(),
            x=str(self.company_id.discipline_xyz_x),
            y=str(self.company_id.discipline_xyz_y),
            fresh=fresh,
            waiting=self._waiting_sql(),
            class_ids=list(order),
            class_orders=list(order.values()),
            company=self.company_id.id,
            rule=self._class_by_rule_sql(bought),
            within=self._within_margin_sql(bought),
            rest=rest.id or None,
            in_grace=in_grace,
            run=self.id,
            former_run=self._former_run().id or None,
            uid=self.env.uid,
        )

    def _bought_sql(self):
        """Return the query (customer_id, amount, variation) of the window: what was bought, and how evenly.

        The variation is the deviation of a customer's months, in percent of their mean. Months without purchases
        count as 0, so sums and sums of squares over the months with purchases suffice.
        """
        Revenue = self.env["discipline.revenue"]
        window = (self.company_id, *self._window(), [self.kind, "return"])
        query = SQL(
            """
            SELECT customer_id, sum(amount) AS amount,
                   CASE WHEN sum(amount) > 0 THEN
                       100 * sqrt(GREATEST(%(months)s * sum(amount * amount) - sum(amount) * sum(amount), 0))
                       / sum(amount) END AS variation
              FROM (%(sums)s) m GROUP BY customer_id
            """,
            months=self.months,
            sums=Revenue._sums_sql(*window, by_month=True),
        )
        if not Revenue._rates(self.company_id):
            return query
        # converted sums are rounded once, not month by month
        return SQL(
            "SELECT t.customer_id, t.amount, m.variation FROM (%s) t JOIN (%s) m ON m.customer_id = t.customer_id",
            Revenue._sums_sql(*window),
            query,
        )

    def _totals_sql(self):
        """Return the statement that sums the lines up by class."""
        bought, rest = self.env["discipline.abc.class"]._bounds()
        classes = bought + rest
        return SQL(
            """
            INSERT INTO discipline_abc_run_total
                   (run_id, company_id, abc_class_id, sequence, customers, revenue, customer_share, revenue_share,
                    came, "left", create_uid, create_date, write_uid, write_date)
            SELECT %(run)s, %(company)s, k.id, k.place, COALESCE(n.customers, 0), COALESCE(n.revenue, 0),
                   round(100.0 * COALESCE(n.customers, 0) / NULLIF(t.customers, 0), 1),
                   round(100 * COALESCE(n.revenue, 0) / NULLIF(t.revenue, 0), 1),
                   COALESCE(n.came, 0), COALESCE(o.gone, 0),
                   %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
              FROM unnest(%(ids)s::int[], %(places)s::int[]) AS k(id, place)
         LEFT JOIN (SELECT class_to_id AS id, count(*) AS customers, sum(revenue_to) AS revenue,
                           count(*) FILTER (WHERE moved) AS came
                      FROM discipline_abc_run_line WHERE run_id = %(run)s GROUP BY class_to_id) n ON n.id = k.id
         LEFT JOIN (SELECT class_from_id AS id, count(*) AS gone
                      FROM discipline_abc_run_line WHERE run_id = %(run)s AND moved GROUP BY class_from_id) o
                ON o.id = k.id
        CROSS JOIN (SELECT count(*) AS customers, sum(revenue_to) AS revenue
                      FROM discipline_abc_run_line WHERE run_id = %(run)s) t
            """,
            run=self.id,
            company=self.company_id.id,
            ids=classes.ids,
            places=list(range(1, len(classes) + 1)),
            uid=self.env.uid,
        )

    # ------------------------------------------------------------------
    # Applying
    # ------------------------------------------------------------------

    def action_apply(self):
        """Decide the moves: each becomes a change of class in the ledger, in force from its day on.

        :raise AccessError: for anyone but a Sales administrator
        :raise UserError: if it is no draft, was not computed, or classes have changed since
        """
        self._check_decides()
        for run in self:
            run._check_draft()
            run.sudo()._apply()

    def _apply(self):
        """Write the moves into the ledger, once, and let those whose day has come into force.

        :return: ids of the customers whose class came into force at once
        """
        self.ensure_one()
        if not self.try_lock_for_update():
            raise UserError(self.env._("Somebody is applying %(run)s at this moment.", run=self.display_name))
        if not self.computed_at:
            raise UserError(
                self.env._(
                    "%(run)s was not computed: press “Compute”, look at the moves, then apply it.",
                    run=self.display_name,
                )
            )
        self._check_unchanged()
        today = self._today()
        following = fields.Date.add(today.replace(day=1), months=1)
        self.env.flush_all()
        Change = self.env["discipline.abc.change"]
        moving = SQL("SELECT customer_ref FROM discipline_abc_run_line WHERE run_id = %s AND moved", self.id)
        Change._ensure_history(moving)
        self.env.cr.execute(self._changes_sql(today.replace(day=1), following))
        self.write(
            {
                "state": "applied",
                "applied_at": fields.Datetime.now(),
                "applied_by_id": self.env.uid,
                "date_effective": following,
            }
        )
        self._drop_old_lines()
        Change.invalidate_model()
        ids = Change._come_into_force(self.company_id, today)
        if not self.env.context.get("discipline_nightly"):
            for begin in range(0, len(ids), BATCH):
                self.env["discipline.compliance"]._evaluate_customers(ids[begin : begin + BATCH])
        return ids

    def _today(self):
        """Return today in the company; a program that loads history may set the day (``discipline_date``)."""
        day = self.env.context.get("discipline_date") if self.env.su else None
        return day or self.env["discipline.calendar"]._today(self.company_id)

    def _check_unchanged(self):
        """Refuse what was computed on classes that are others now.

        :raise UserError: with the number of customers
        """
        self.env.flush_all()
        count = self.env.execute_query(
            SQL(
                """
                WITH waiting AS (%(waiting)s)
                SELECT count(*) FROM discipline_abc_run_line l
                  JOIN discipline_customer c ON c.partner_id = l.customer_ref
             LEFT JOIN waiting w ON w.customer_ref = l.customer_ref
                 WHERE l.run_id = %(run)s AND l.moved
                   AND (COALESCE(w.class_to_id, c.abc_class_id) IS DISTINCT FROM l.class_from_id OR c.abc_locked)
                """,
                waiting=self._waiting_sql(),
                run=self.id,
            )
        )[0][0]
        if count:
            raise UserError(
                self.env._(
                    "%(run)s: the classes of %(count)s customers have changed since it was computed. Compute it again.",
                    run=self.display_name,
                    count=count,
                )
            )

    def _changes_sql(self, current, following):
        """Return the statement that writes the moves into the ledger; first classes govern from ``current`` on."""
        return SQL(
            """
            INSERT INTO discipline_abc_change
                   (partner_id, customer_ref, class_from_id, class_to_id, date_effective, run_id, company_id, origin,
                    revenue_from, revenue_to, share_from, share_to, known_from, in_force,
                    create_uid, create_date, write_uid, write_date)
            SELECT l.partner_id, l.customer_ref, l.class_from_id, l.class_to_id,
                   CASE WHEN l.class_from_id IS NULL THEN %(current)s::date ELSE %(following)s::date END,
                   l.run_id, l.company_id, 'run', l.revenue_from, l.revenue_to, l.share_from, l.share_to,
                   l.known_from, FALSE, %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
              FROM discipline_abc_run_line l
              JOIN discipline_customer c ON c.partner_id = l.customer_ref
             WHERE l.run_id = %(run)s AND l.moved
          ORDER BY l.id
                ON CONFLICT (run_id, customer_ref) WHERE run_id IS NOT NULL AND voided_at IS NULL DO NOTHING
            """,
            current=current,
            following=following,
            run=self.id,
            uid=self.env.uid,
        )

    def _drop_old_lines(self):
        """Keep whole only this analysis; of earlier applied ones the moves and the totals stay."""
        self.env.cr.execute(
            SQL(
                """
                DELETE FROM discipline_abc_run_line l USING discipline_abc_run r
                 WHERE r.id = l.run_id AND r.company_id = %s AND r.state = 'applied' AND r.id != %s AND NOT l.moved
                """,
                self.company_id.id,
                self.id,
            )
        )
        self.env["discipline.abc.run.line"].invalidate_model()

    def action_cancel(self):
        """Cancel these analyses; decided moves that are not in force yet are voided.

        :raise AccessError: for anyone but a Sales administrator
        :raise UserError: if some of its classes are in force already
        """
        self._check_decides()
        for run in self.filtered(lambda run: run.state != "cancelled"):
            if run.sudo().change_ids.filtered(lambda change: change.in_force and not change.voided_at)[:1]:
                raise UserError(
                    self.env._(
                        "%(run)s cannot be cancelled: its classes are in force. Make a new analysis instead.",
                        run=run.display_name,
                    )
                )
            run.change_ids._void(self.env._("%(run)s was cancelled.", run=run.display_name))
            run.sudo().write({"state": "cancelled"})

    # ------------------------------------------------------------------
    # By itself, once a month
    # ------------------------------------------------------------------

    @api.model
    def _nightly(self, company):
        """Let decided classes come into force, and make the analysis of the month if nobody has.

        The first night classifies everybody. Verdicts are judged anew by the next nightly step.
        """
        today = self.env["discipline.calendar"]._today(company)
        self.env["discipline.abc.change"]._come_into_force(company)
        made = self.sudo().search_count(
            [
                ("company_id", "=", company.id),
                ("date", ">=", today.replace(day=1)),
                "|",
                ("automatic", "=", True),
                ("state", "=", "applied"),
            ],
            limit=1,
        )
        if made:
            return
        run = (
            self.with_context(discipline_nightly=True)
            .sudo()
            .create(
                {
                    "company_id": company.id,
                    "date": today,
                    "months": company.discipline_abc_months,
                    "margin": company.discipline_abc_margin,
                    "grace_months": company.discipline_abc_grace_months,
                    "kind": company.discipline_revenue_kinds,
                    "automatic": True,
                }
            )
        )
        run._compute_lines()
        if not company.discipline_abc_approval:
            run._apply()

    def action_open_lines(self):
        """Open all customers of the analysis."""
        return self._lines_action([("run_id", "=", self.id)])

    def action_open_moves(self):
        """Open the moves of the analysis."""
        return self._lines_action([("run_id", "=", self.id), ("moved", "=", True)])

    def action_open_pareto(self):
        """Open the Pareto chart: what share of the customers makes what share of the purchases."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_abc_pareto_action")
        action["domain"] = [("run_id", "=", self.id), ("revenue_to", ">", 0)]
        action["display_name"] = self.display_name
        return action

    def action_open_xyz(self):
        """Open the table of classes by regularity of purchases; each cell opens its customers."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_abc_xyz_action")
        action["domain"] = [("run_id", "=", self.id), ("xyz", "!=", False)]
        action["display_name"] = self.env._("ABC-XYZ, %(run)s", run=self.display_name)
        return action

    def _lines_action(self, domain):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_abc_run_line_action")
        action["domain"] = domain
        action["context"] = {}
        return action
