"""The pipeline frozen every week, with what was then forecast, so that it can be held against what came."""

from datetime import timedelta

import psycopg2.errors
from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.rates import AGES, HORIZONS, Rates
from ..engine.statistics import wilson

#: weeks before the installation that are reconstructed
WEEKS_BACK = 26
#: deals foretold at about the same chance are taken together in so many groups
BINS = 10


class DisciplineForecastSnapshot(models.Model):
    """One company's open pipeline on the morning of a Monday, and the chances that its history gave.

    It is written once and never again: the next weeks prove it right or wrong.
    """

    _name = "discipline.forecast.snapshot"
    _inherit = "discipline.ledger"
    _description = "Frozen Forecast"
    _order = "day desc, id desc"
    _rec_name = "day"

    day = fields.Date("Frozen on", required=True, readonly=True, help="The pipeline as it stood when this day began.")
    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade", index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    line_ids = fields.One2many("discipline.forecast.line", "snapshot_id", "Deals")
    first_of_month = fields.Boolean(
        readonly=True, help="The first Monday of its month: the forecast by which the month is measured."
    )
    reconstructed = fields.Boolean(
        readonly=True, help="Computed afterwards from the history of opportunities, with nothing that came later."
    )
    deals = fields.Integer("Open Deals", readonly=True)
    amount = fields.Monetary("Pipeline", readonly=True)
    expected_odoo = fields.Monetary(
        "Expected by Probability", readonly=True, help="Each sum times Odoo's probability, where it is known."
    )
    expected_own = fields.Monetary(
        "Expected by History", readonly=True, help="Each sum times the share of earlier deals like it that were won."
    )
    rates = fields.Json(readonly=True, help="Earlier deals by stage and age, and what became of them.")
    accuracy = fields.Json(readonly=True, help="How well earlier frozen forecasts had foretold what was known by then.")

    _day_uniq = models.Constraint("UNIQUE (company_id, day)", "The forecast of this day is already frozen.")

    # ------------------------------------------------------------------
    # Freezing
    # ------------------------------------------------------------------

    @api.model
    def _nightly(self, company):
        """Freeze this week's pipeline, and those of earlier weeks that are missing; return what was frozen.

        Whatever is there already stays as it is: a second call does nothing.
        """
        today = self.env["discipline.calendar"]._today(company)
        monday = today - timedelta(days=today.weekday())
        begin = self._history_begins(company)
        days = {monday - timedelta(weeks=week) for week in range(WEEKS_BACK + 1)}
        days = {day for day in days if begin and day > begin} | {monday}
        there = set(self.sudo().search([("company_id", "=", company.id), ("day", "in", list(days))]).mapped("day"))
        frozen = self.sudo().browse()
        for day in sorted(days - there):
            frozen |= self._freeze(company, day)
        return frozen

    @api.model
    def _history_begins(self, company):
        """Return the first day of the history of opportunities, or None."""
        self.env["discipline.stage.change"].flush_model()
        [(begin,)] = self.env.execute_query(
            SQL("SELECT min(day) FROM discipline_stage_change WHERE company_id = %s", company.id)
        )
        return begin

    @api.model
    def _freeze(self, company, day):
        """Freeze the pipeline as it stood when ``day`` began, knowing nothing of later."""
        Calendar = self.env["discipline.calendar"]
        self.env["discipline.stage.change"].flush_model()
        self.env["crm.lead"].flush_model()
        moment = Calendar._day_begins(day, company)
        rates = self._fetch_rates(company, moment)
        snapshot = self._begin(company, day)
        snapshot.write(
            {
                "first_of_month": day.day <= 7,
                "reconstructed": day < Calendar._today(company),
                "rates": rates.to_json(),
            }
        )
        snapshot.flush_recordset()
        self.env["discipline.forecast.line"]._insert(snapshot, moment, rates)
        snapshot.write({**snapshot._fetch_totals(), "accuracy": self._fetch_accuracy(company, moment)})
        return snapshot

    @api.model
    def _begin(self, company, day):
        """Return a new, empty snapshot of a day.

        :raise psycopg2.errors.SerializationFailure: where another worker freezes the same day at this moment; Odoo
            then begins anew, and finds it frozen
        """
        rows = self.env.execute_query(
            SQL(
                """
                INSERT INTO discipline_forecast_snapshot
                       (company_id, day, create_uid, create_date, write_uid, write_date)
                VALUES (%(company)s, %(day)s, %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC')
                ON CONFLICT (company_id, day) DO NOTHING RETURNING id
                """,
                company=company.id,
                day=day,
                uid=self.env.uid,
            )
        )
        if not rows:
            raise psycopg2.errors.SerializationFailure(f"the forecast of {day} is already frozen")
        return self.browse(rows[0])._ledger()

    def _fetch_totals(self):
        """Return how many deals are open, their sum, and what of it is expected, as values to write."""
        [(deals, amount, by_odoo, by_own)] = self.env.execute_query(
            SQL(
                """
                SELECT count(*), COALESCE(sum(amount), 0), COALESCE(sum(amount * probability / 100), 0),
                       COALESCE(sum(amount * own_probability / 100), 0)
                  FROM discipline_forecast_line WHERE snapshot_id = %s
                """,
                self.id,
            )
        )
        return {"deals": deals, "amount": amount, "expected_odoo": by_odoo, "expected_own": by_own}

    # ------------------------------------------------------------------
    # What the history says
    # ------------------------------------------------------------------

    @api.model
    def _sql_history(self, company, moment):
        """Return the common table ``history``: a row per change before a moment, with what followed it.

        ``until`` is the next change; ``outcome`` and ``closed`` are how the deal was at the moment.
        """
        return SQL(
            """
            change AS (
                SELECT c.lead_ref, c.id, c.date, c.status_from, c.stage_to_ref, c.amount, c.probability,
                       c.date_deadline, c.manager_ref, c.team_ref, c.customer_ref, c.name,
                       CASE WHEN c.status_to NOT IN ('archived', 'removed') THEN c.status_to
                            WHEN c.status_from IN ('won', 'lost') THEN c.status_from
                            ELSE 'removed' END AS status
                  FROM discipline_stage_change c
                 WHERE c.type = 'opportunity' AND c.voided_at IS NULL AND c.company_id = %(company)s
                   AND c.date < %(moment)s
            ), history AS (
                SELECT c.*, min(date) OVER deal AS entered, lead(date) OVER deal AS until,
                       last_value(status) OVER whole AS outcome,
                       max(date) FILTER (WHERE status <> 'open' AND status IS DISTINCT FROM status_from)
                           OVER whole AS closed
                  FROM change c
                WINDOW deal AS (PARTITION BY lead_ref ORDER BY date, id),
                       whole AS (PARTITION BY lead_ref ORDER BY date, id
                                 ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
            )
            """,
            company=company.id,
            moment=moment,
        )

    @api.model
    def _fetch_rates(self, company, moment):
        """Return the chances by stage and age, from all deals that the history knew before a moment.

        Every deal is looked at on the days of its life that AGES name, as long as it was open: where it stood then,
        and what had become of it by the moment.

        :return: engine.rates.Rates
        """
        return Rates.from_json(
            self.env.execute_query(
                SQL(
                    """
                    WITH %(history)s, look AS (
                        SELECT h.stage_to_ref AS stage, a.place - 1 AS age, h.outcome, h.closed,
                               h.entered + a.days * interval '1 day' AS at
                          FROM history h
                          JOIN unnest(%(ages)s::int[]) WITH ORDINALITY AS a(days, place)
                            ON h.entered + a.days * interval '1 day' >= h.date
                           AND h.entered + a.days * interval '1 day' < COALESCE(h.until, %(moment)s)
                         WHERE h.status = 'open' AND h.stage_to_ref IS NOT NULL
                    )
                    SELECT stage, age, count(*) FILTER (WHERE outcome <> 'open'),
                           count(*) FILTER (WHERE outcome = 'won'), ARRAY[%(old)s], ARRAY[%(by)s]
                      FROM look GROUP BY stage, age
                    """,
                    history=self._sql_history(company, moment),
                    ages=list(AGES),
                    moment=moment,
                    old=SQL(", ").join(
                        SQL("count(*) FILTER (WHERE at <= %s)", moment - timedelta(days=days)) for days in HORIZONS
                    ),
                    by=SQL(", ").join(
                        SQL(
                            "count(*) FILTER (WHERE at <= %s AND outcome = 'won' "
                            "AND closed <= at + %s * interval '1 day')",
                            moment - timedelta(days=days),
                            days,
                        )
                        for days in HORIZONS
                    ),
                )
            )
        )

    # ------------------------------------------------------------------
    # Which of two forecasts was better
    # ------------------------------------------------------------------

    @api.model
    def _fetch_accuracy(self, company, moment):
        """Return how well the frozen chances foretold what was known at a moment.

        Deals still open then prove nothing yet. A deal that was frozen in many weeks counts in each of them: it was
        foretold as often.

        :return: {"own": ..., "odoo": ..., "both": ...}: ``count`` of deals foretold, ``brier`` (mean squared error:
            0 is perfect, 0.25 what a coin gives) and ``bins`` of (count, foretold, came, low, high); ``both`` has the
            two errors over the deals where both chances are known, so that they can be compared
        """
        self.env["discipline.forecast.line"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                WITH frozen AS (
                    SELECT l.lead_ref, l.probability / 100 AS odoo, l.own_probability / 100 AS own
                      FROM discipline_forecast_line l
                      JOIN discipline_forecast_snapshot s ON s.id = l.snapshot_id
                     WHERE s.company_id = %(company)s AND s.day < %(moment)s
                ), ending AS (
                    SELECT DISTINCT ON (c.lead_ref) c.lead_ref,
                           CASE WHEN c.status_to NOT IN ('archived', 'removed') THEN c.status_to
                                WHEN c.status_from IN ('won', 'lost') THEN c.status_from
                                ELSE 'removed' END AS status
                      FROM discipline_stage_change c
                     WHERE c.lead_ref IN (SELECT lead_ref FROM frozen) AND c.date < %(moment)s AND c.voided_at IS NULL
                  ORDER BY c.lead_ref, c.date DESC, c.id DESC
                ), known AS (
                    SELECT f.odoo, f.own, (e.status = 'won')::int AS won
                      FROM frozen f JOIN ending e ON e.lead_ref = f.lead_ref
                     WHERE e.status <> 'open'
                )
                SELECT w.way, LEAST(%(bins)s, 1 + floor(w.chance * %(bins)s))::int AS bin, count(*),
                       sum(w.chance), sum(k.won), sum((w.chance - k.won) ^ 2)
                  FROM known k
            CROSS JOIN LATERAL (VALUES ('own', k.own), ('odoo', k.odoo),
                                       ('own_both', CASE WHEN k.odoo IS NOT NULL THEN k.own END)) AS w(way, chance)
                 WHERE w.chance IS NOT NULL
              GROUP BY 1, 2 ORDER BY 1, 2
                """,
                company=company.id,
                moment=moment,
                bins=BINS,
            )
        )
        result = {}
        for way in ("own", "odoo", "own_both"):
            mine = [row for row in rows if row[0] == way]
            count = sum(row[2] for row in mine)
            result[way] = {
                "count": count,
                "brier": sum(row[5] for row in mine) / count if count else None,
                "bins": [
                    [number, float(foretold) / number, float(came) / number, *wilson(int(came), number)]
                    for _way, _bin, number, foretold, came, _error in mine
                ],
            }
        both = result.pop("own_both")
        result["both"] = {"count": both["count"], "own": both["brier"], "odoo": result["odoo"]["brier"]}
        return result

    @api.model
    def _better(self, company):
        """Return which chances a company's forecast uses: "odoo" where they were the better ones, else "own"."""
        both = (self._latest(company).accuracy or {}).get("both") or {}
        return "odoo" if both.get("count") and both["odoo"] < both["own"] else "own"

    @api.model
    def _latest(self, company):
        """Return the company's newest frozen forecast; empty where there is none."""
        return self.sudo().search([("company_id", "=", company.id), ("voided_at", "=", False)], limit=1)


class DisciplineForecastLine(models.Model):
    """One open deal of a frozen pipeline."""

    _name = "discipline.forecast.line"
    _inherit = "discipline.ledger"
    _description = "Deal of a Frozen Forecast"
    _order = "snapshot_id desc, amount desc, id"
    _rec_name = "name"

    snapshot_id = fields.Many2one(
        "discipline.forecast.snapshot", "Frozen Forecast", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="snapshot_id.company_id")
    currency_id = fields.Many2one(related="snapshot_id.currency_id")
    day = fields.Date(related="snapshot_id.day")
    lead_id = fields.Many2one("crm.lead", "Opportunity", readonly=True, ondelete="set null", index="btree_not_null")
    lead_ref = fields.Integer("Opportunity No.", readonly=True, required=True, index=True, aggregator=False)
    name = fields.Char("Title", readonly=True)
    user_id = fields.Many2one("res.users", "Manager", readonly=True, ondelete="set null")
    manager_ref = fields.Integer("Manager No.", readonly=True, aggregator=False)
    team_id = fields.Many2one("crm.team", "Sales Team", readonly=True, ondelete="set null")
    team_ref = fields.Integer("Sales Team No.", readonly=True, aggregator=False)
    stage_id = fields.Many2one("crm.stage", readonly=True, ondelete="set null")
    stage_ref = fields.Integer("Stage No.", readonly=True, aggregator=False)
    age = fields.Integer("Age, Days", readonly=True, aggregator="avg")
    amount = fields.Monetary("Sum", readonly=True)
    date_deadline = fields.Date("Expected Closing", readonly=True)
    probability = fields.Float("Odoo's Probability, %", readonly=True, aggregator="avg")
    own_probability = fields.Float(
        "Chance by History, %",
        readonly=True,
        aggregator="avg",
        help="Of earlier deals that stood in this stage at this age, the share that was won in the end.",
    )
    own_month = fields.Float(
        "Chance in the Month, %", readonly=True, aggregator="avg", help="The chance to be won before the month ends."
    )

    @api.model
    def _insert(self, snapshot, moment, rates):
        """Write the open deals of a moment in one statement."""
        snapshots = self.env["discipline.forecast.snapshot"]
        company = snapshot.company_id
        stages = sorted({stage for stage, _age in rates.cells} | set(self.env["crm.stage"].sudo().search([]).ids))
        rest = (fields.Date.end_of(snapshot.day, "month") - snapshot.day).days + 1
        keys = [(stage, age) for stage in [0, *stages] for age in range(len(AGES))]
        # Odoo learns probabilities without changing a deal; of a past day only that of the last change is known
        fresh = snapshot.day == self.env["discipline.calendar"]._today(company)
        self.env.cr.execute(
            SQL(
                """
                WITH %(history)s, chance AS (
                    SELECT * FROM unnest(%(stages)s::int[], %(ages)s::int[], %(ever)s::float8[], %(month)s::float8[])
                        AS c(stage, age, ever, month)
                ), deal AS (
                    SELECT h.*, floor(EXTRACT(epoch FROM %(moment)s - h.entered) / 86400)::int AS days
                      FROM history h WHERE h.until IS NULL AND h.status = 'open'
                )
                INSERT INTO discipline_forecast_line (
                    snapshot_id, lead_id, lead_ref, name, user_id, manager_ref, team_id, team_ref, stage_id, stage_ref,
                    age, amount, date_deadline, probability, own_probability, own_month,
                    create_uid, create_date, write_uid, write_date)
                SELECT %(snapshot)s, l.id, d.lead_ref, d.name, u.id, d.manager_ref, t.id, d.team_ref, s.id,
                       d.stage_to_ref, d.days, COALESCE(d.amount, 0), d.date_deadline,
                       COALESCE(CASE WHEN %(fresh)s THEN l.probability END, d.probability),
                       100 * c.ever, 100 * c.month,
                       %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM deal d
                  JOIN chance c ON c.stage = CASE WHEN d.stage_to_ref = ANY(%(stages)s) THEN d.stage_to_ref ELSE 0 END
                               AND c.age = width_bucket(d.days, %(bounds)s::int[])
             LEFT JOIN crm_lead l ON l.id = d.lead_ref
             LEFT JOIN res_users u ON u.id = d.manager_ref
             LEFT JOIN crm_team t ON t.id = d.team_ref
             LEFT JOIN crm_stage s ON s.id = d.stage_to_ref
              ORDER BY d.lead_ref
                """,
                history=snapshots._sql_history(company, moment),
                moment=moment,
                stages=[stage for stage, _age in keys],
                ages=[age for _stage, age in keys],
                ever=[rates.chance(*key) for key in keys],
                month=[rates.between(*key, (0, rest))[0] for key in keys],
                bounds=list(AGES[1:]),
                fresh=fresh,
                snapshot=snapshot.id,
                uid=self.env.uid,
            )
        )
        self.invalidate_model()
