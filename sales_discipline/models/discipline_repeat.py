"""What the base is expected to buy again without a deal; how much came of what was expected in earlier months.

The rules are those of :mod:`..engine.repeat`; a test compares both. A won opportunity is never counted here: what was
bought on it is taken off first, and where won opportunities are the purchases there is nothing to expect beside them.
"""

from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL, date_utils

from ..engine.repeat import BEFORE_WIN, FEWEST, HABIT_DAYS, LATE, LEARNT_MONTHS, LEDGER_DAYS, shares

#: the last month is measured anew until this day of the next one: purchases come in late
SETTLED = 10


class DisciplineRepeat(models.Model):
    """How a customer buys: as each night finds it."""

    _name = "discipline.repeat"
    _description = "Buying Habit of a Customer"
    _order = "last_date desc, id"
    _rec_name = "partner_id"
    _log_access = False

    partner_id = fields.Many2one("res.partner", "Customer", required=True, readonly=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade", index=True)
    last_date = fields.Date("Last Purchase", readonly=True)
    usual_interval = fields.Float("Usual Interval, Days", readonly=True, aggregator=None)
    mean = fields.Float("Usual Sum", readonly=True, aggregator=None)
    purchases = fields.Integer(readonly=True)
    month = fields.Date(readonly=True)
    bought = fields.Float("Bought This Month", readonly=True)

    _partner_uniq = models.Constraint("UNIQUE (partner_id)", "A customer has one buying habit.")

    # ------------------------------------------------------------------
    # The night
    # ------------------------------------------------------------------

    @api.model
    def _nightly(self, company):
        """Measure the months that are over and bring every customer's habit up to date; a second call does nothing."""
        if not self._applies(company):
            self.env.cr.execute(SQL("DELETE FROM discipline_repeat WHERE company_id = %s", company.id))
            self.invalidate_model()
            return
        self.env["discipline.repeat.month"]._measure(company)
        self._refresh(company)

    @api.model
    def _applies(self, company):
        """Tell whether purchases are something else than won opportunities: then the base buys again without them."""
        return company.discipline_revenue_kinds != "deal"

    @api.model
    def _refresh(self, company):
        """Bring the habits of a company's customers up to date, in one statement; what agrees is left alone."""
        today = self.env["discipline.calendar"]._today(company)
        running = date_utils.start_of(today, "month")
        self._flush_ledger()
        self.env.cr.execute(
            SQL(
                """
                WITH %(habits)s, fresh AS (
                    SELECT customer, h.last, h.usual, h.mean, h.number, COALESCE(b.amount, 0)::float8 AS bought
                      FROM habit h FULL JOIN bought b USING (customer)
                ), gone AS (
                    DELETE FROM discipline_repeat r
                     WHERE r.company_id = %(company)s
                       AND NOT EXISTS (SELECT FROM fresh f WHERE f.customer = r.partner_id)
                )
                INSERT INTO discipline_repeat AS r
                       (partner_id, company_id, last_date, usual_interval, mean, purchases, month, bought)
                SELECT customer, %(company)s, last, usual, mean, number, %(running)s, bought FROM fresh
                    ON CONFLICT (partner_id) DO UPDATE
                   SET company_id = EXCLUDED.company_id, last_date = EXCLUDED.last_date,
                       usual_interval = EXCLUDED.usual_interval, mean = EXCLUDED.mean,
                       purchases = EXCLUDED.purchases, month = EXCLUDED.month, bought = EXCLUDED.bought
                 WHERE (r.company_id, r.last_date, r.usual_interval, r.mean, r.purchases, r.month, r.bought)
                       IS DISTINCT FROM (EXCLUDED.company_id, EXCLUDED.last_date, EXCLUDED.usual_interval,
                                         EXCLUDED.mean, EXCLUDED.purchases, EXCLUDED.month, EXCLUDED.bought)
                """,
                habits=self._sql_habits(company, today, running, today + timedelta(days=1)),
                company=company.id,
                running=running,
            )
        )
        self.invalidate_model()
        self.env["discipline.repeat.report"].invalidate_model()

    @api.model
    def _flush_ledger(self):
        self.env["discipline.revenue"].flush_model()
        self.env["discipline.customer"].flush_model(["partner_id", "company_id", "in_base"])
        self.flush_model()

    # ------------------------------------------------------------------
    # The statement
    # ------------------------------------------------------------------

    @api.model
    def _sql_habits(self, company, today, begin, end):
        """Return the common tables ``habit`` (as known on the morning of a day) and ``bought`` (in an interval).

        Both are of purchases beyond won deals, by day: how far all purchases are ahead of all won deals grows by what
        is bought beyond them. ``habit``: customer, last, usual (interval), mean, number of purchases. ``bought``:
        customer, amount, number of days.

        :param today: the day of the habits; nothing that came later is known to them
        :param begin: the first day of ``bought``
        :param end: the day after its last
        """
        Revenue = self.env["discipline.revenue"]
        rates = Revenue._rates(company)
        return SQL(
            """
            entry AS (
                SELECT r.customer_ref AS customer,
                       CASE WHEN r.kind <> 'deal' THEN r.date
                            WHEN r.date >= %(today)s THEN GREATEST(r.date - %(margin)s, %(today)s)
                            ELSE r.date - %(margin)s END AS day,
                       CASE WHEN r.kind = 'deal' THEN -r.amount ELSE r.amount END * COALESCE(f.rate, 1) AS amount
                  FROM discipline_revenue r
                  JOIN discipline_customer c ON c.partner_id = r.customer_ref AND c.in_base
                                            AND c.company_id = %(company)s
             LEFT JOIN unnest(%(companies)s::int[], %(rates)s::numeric[]) AS f(company_id, rate)
                    ON f.company_id = r.company_id
                 WHERE r.voided_at IS NULL AND r.kind = ANY(%(kinds)s)
                   AND r.date >= %(ledger)s AND r.date < %(end)s
            ), daily AS (
                SELECT customer, day, sum(amount) AS amount FROM entry GROUP BY customer, day
            ), ahead AS (
                SELECT customer, day, sum(amount) OVER (PARTITION BY customer ORDER BY day) AS amount FROM daily
            ), peak AS (
                SELECT customer, day,
                       GREATEST(0, max(amount) OVER (PARTITION BY customer ORDER BY day)) AS amount FROM ahead
            ), growth AS (
                SELECT customer, day,
                       amount - lag(amount, 1, 0) OVER (PARTITION BY customer ORDER BY day) AS amount FROM peak
            ), beyond AS MATERIALIZED (
                SELECT customer, day, amount,
                       max(day) FILTER (WHERE day < %(today)s) OVER (PARTITION BY customer) AS last
                  FROM growth WHERE amount > 0
            ), habit AS (
                SELECT customer, last, (last - min(day))::float8 / (count(*) - 1) AS usual,
                       avg(amount)::float8 AS mean, count(*)::int AS number
                  FROM beyond
                 WHERE day <= last AND day > last - %(year)s AND last > %(today)s - %(year)s
              GROUP BY customer, last HAVING count(*) >= %(fewest)s
            ), bought AS (
                SELECT customer, sum(amount) AS amount, count(*)::int AS days
                  FROM beyond WHERE day >= %(begin)s AND day < %(end)s GROUP BY customer
            )
            """,
            today=today,
            begin=begin,
            end=end,
            margin=BEFORE_WIN,
            company=company.id,
            companies=list(rates),
            rates=list(rates.values()),
            kinds=["deal", *Revenue._kinds(company)],
            ledger=today - timedelta(days=LEDGER_DAYS),
            year=HABIT_DAYS,
            fewest=FEWEST,
        )


class DisciplineRepeatMonth(models.Model):
    """What was expected of the base on the first morning of a month that is over, and what came of it.

    A row for each manager who answered for the customers on that morning, and class of their silence.
    """

    _name = "discipline.repeat.month"
    _description = "Repeat Purchases, Forecast against Fact"
    _order = "month desc, foretold desc, id"
    _rec_name = "month"
    _log_access = False

    month = fields.Date(required=True, readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade", index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    kind = fields.Char(required=True, readonly=True)
    user_id = fields.Many2one("res.users", "Manager", readonly=True, ondelete="set null")
    manager_ref = fields.Integer("Manager No.", readonly=True, aggregator=None)
    lateness = fields.Selection(
        [
            ("0", "On time"),
            ("1", "Late: from 1 interval"),
            ("2", "Late: from 1.5 intervals"),
            ("3", "Late: from 2 intervals"),
            ("4", "Late: from 3 intervals"),
            ("5", "Late: from 6 intervals"),
            ("none", "Without a habit"),
        ],
        "Silence",
        readonly=True,
        help="How long the customers had bought nothing on the first of the month, in their usual intervals. Without a "
        "habit: fewer than three purchases in the year up to the last one; nothing is foretold of them.",
    )
    customers = fields.Integer(readonly=True)
    due = fields.Float("Purchases Due", readonly=True, digits=(16, 1), help="By the usual intervals alone.")
    bought = fields.Integer("Purchases That Came", readonly=True)
    share = fields.Float(
        "Share Expected", readonly=True, aggregator=None, help="Which part of the purchases due was expected to come."
    )
    foretold = fields.Monetary(readonly=True)
    came = fields.Monetary("Bought", readonly=True)
    bias = fields.Monetary(
        readonly=True,
        help="Foretold less what these customers bought: above zero the forecast was too hopeful. Customers without a "
        "habit are left out: nothing was foretold of them.",
    )

    _month_idx = models.Index("(company_id, month)")

    @api.model
    def _measure(self, company):
        """Measure the last months that are over and not measured yet, the oldest first.

        Each is foretold with nothing but what the ledger knew before its first day, and with what the months before it
        had taught. The last one is measured anew until the tenth day of the next, since purchases come in late.
        """
        today = self.env["discipline.calendar"]._today(company)
        running = date_utils.start_of(today, "month")
        self.env["discipline.repeat"]._flush_ledger()
        [(begin,)] = self.env.execute_query(
            SQL(
                "SELECT min(date) FROM discipline_revenue WHERE company_id = %s AND voided_at IS NULL AND kind = %s",
                company.id,
                company.discipline_revenue_kinds,
            )
        )
        if not begin:
            return
        months = [date_utils.subtract(running, months=number) for number in range(LEARNT_MONTHS, 0, -1)]
        there = self._measured(company)
        if today.day <= SETTLED and months[-1] in there:
            there.discard(months[-1])
            self._forget(company, months[-1])
        for month in months:
            if month > begin and month not in there:
                self._measure_month(company, month)
                if self.env.context.get("cron_id"):
                    self.env["ir.cron"]._commit_progress()

    @api.model
    def _measured(self, company):
        rows = self.env.execute_query(
            SQL(
                "SELECT DISTINCT month FROM discipline_repeat_month WHERE company_id = %s AND kind = %s",
                company.id,
                company.discipline_revenue_kinds,
            )
        )
        return {month for (month,) in rows}

    @api.model
    def _forget(self, company, month):
        self.env.cr.execute(
            SQL(
                "DELETE FROM discipline_repeat_month WHERE company_id = %s AND kind = %s AND month = %s",
                company.id,
                company.discipline_revenue_kinds,
                month,
            )
        )

    @api.model
    def _shares(self, company, month):
        """Return which part of the purchases due comes, by class of silence, as the months before ``month`` taught."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT lateness::int, sum(due), sum(bought)::float8 FROM discipline_repeat_month
                 WHERE company_id = %s AND kind = %s AND lateness <> 'none' AND month < %s AND month >= %s
              GROUP BY 1
                """,
                company.id,
                company.discipline_revenue_kinds,
                month,
                date_utils.subtract(month, months=LEARNT_MONTHS),
            )
        )
        return shares(rows)

    @api.model
    def _measure_month(self, company, month):
        """Store what was to be expected of a month on its first morning, and what came, in one statement."""
        after = date_utils.add(month, months=1)
        self.env["discipline.assignment"].flush_model()
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                WITH %(habits)s, known AS (
                    SELECT customer, h.mean, COALESCE(b.amount, 0) AS came, COALESCE(b.days, 0) AS days,
                           width_bucket((%(month)s - h.last) / h.usual, %(late)s::float8[]) AS place,
                           GREATEST(0, (%(after)s - h.last) - GREATEST(%(month)s - h.last, h.usual / 2))
                               / h.usual AS due
                      FROM habit h FULL JOIN bought b USING (customer)
                )
                INSERT INTO discipline_repeat_month
                       (month, company_id, kind, user_id, manager_ref, lateness, customers, due, bought, share,
                        foretold, came, bias)
                SELECT %(month)s, %(company)s, %(kind)s, u.id, a.manager_ref, COALESCE(k.place::text, 'none'), count(*),
                       COALESCE(sum(k.due), 0), sum(k.days), s.share,
                       COALESCE(sum(k.due * k.mean) * s.share, 0), sum(k.came),
                       CASE WHEN k.place IS NULL THEN 0 ELSE sum(k.due * k.mean) * s.share - sum(k.came)::float8 END
                  FROM known k
             LEFT JOIN discipline_assignment a ON a.customer_ref = k.customer AND a.voided_at IS NULL
                                              AND a.date_from <= %(month)s
                                              AND (a.date_to IS NULL OR a.date_to > %(month)s)
             LEFT JOIN res_users u ON u.id = a.manager_ref
             LEFT JOIN unnest(%(shares)s::float8[]) WITH ORDINALITY AS s(share, place) ON s.place = k.place + 1
              GROUP BY u.id, a.manager_ref, k.place, s.share
              ORDER BY a.manager_ref, k.place
                """,
                habits=self.env["discipline.repeat"]._sql_habits(company, month, month, after),
                month=month,
                after=after,
                late=list(LATE),
                company=company.id,
                kind=company.discipline_revenue_kinds,
                shares=list(self._shares(company, month)),
            )
        )
        self.invalidate_model()
