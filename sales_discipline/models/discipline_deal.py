"""What the history of opportunities says about each of them, in one narrow row: what funnels are counted from."""

from odoo import api, fields, models
from odoo.tools import SQL, sql

#: stands in a way for "won": no stage has this number
WON = 0
#: opportunities that are summed up by one statement where all of them are
BATCH = 50_000
#: columns that follow from the history, in the order of ``_sql_summary``
DERIVED = (
    "lead_ref", "lead_id", "company_id", "manager_ref", "team_ref", "stage_ref", "customer_id", "customer_ref",
    "amount", "date_deadline", "outcome", "entered", "entered_day", "closed_after", "changed", "changed_day", "path",
    "seconds", "facts", "last_fact",
)  # fmt: skip
#: columns that are the opportunity's own, and follow it whenever it is flushed
LIVE = {"lead_company_id": "company_id", "source_id": "source_id", "lost_reason_id": "lost_reason_id"}
#: opportunities whose own columns changed, until the flush
_PENDING = "discipline.deal"


class DisciplineDeal(models.Model):
    """One opportunity as its history tells it, kept beside the ledger and always equal to it.

    The ledger stays the only source: whoever adds to it or voids a fact has the rows of those opportunities summed up
    anew (:meth:`_refresh`), by one statement for all of them, in the same transaction. The same statement takes along
    what the ledger does not keep and the opportunity changed (LIVE): stored related fields would cost every write of
    an opportunity several statements more.

    Which stage comes before which is not known here, so stages can be moved, deleted and merged freely. The column
    ``path`` (int[]) has the stages in the order in which the deal first came to each, 0 for being won; ``seconds``
    (int[]) when that was, counted from its entry.
    """

    _name = "discipline.deal"
    _description = "Deal Summed Up"
    _log_access = False
    _rec_name = "lead_id"
    _order = "lead_ref desc"

    lead_ref = fields.Integer("Opportunity No.", required=True, readonly=True, aggregator=None)
    lead_id = fields.Many2one("crm.lead", "Opportunity", readonly=True, ondelete="set null", index="btree_not_null")
    company_id = fields.Many2one("res.company", readonly=True, ondelete="set null")
    currency_id = fields.Many2one(related="company_id.currency_id")
    lead_company_id = fields.Many2one("res.company", "Company of the Opportunity", readonly=True, ondelete="set null")
    manager_ref = fields.Integer("Manager No.", readonly=True, aggregator=None)
    team_ref = fields.Integer("Sales Team No.", readonly=True, aggregator=None)
    stage_ref = fields.Integer("Stage No.", readonly=True, aggregator=None)
    customer_id = fields.Many2one("res.partner", readonly=True, ondelete="set null", index="btree_not_null")
    customer_ref = fields.Integer("Customer No.", readonly=True, aggregator=None)
    source_id = fields.Many2one("utm.source", readonly=True, ondelete="set null", index="btree_not_null")
    lost_reason_id = fields.Many2one("crm.lost.reason", readonly=True, ondelete="set null")
    amount = fields.Monetary("Sum", readonly=True)
    date_deadline = fields.Date("Expected Closing", readonly=True)
    outcome = fields.Selection(
        [("open", "Still open"), ("won", "Won"), ("lost", "Lost"), ("removed", "Removed")], readonly=True, required=True
    )
    entered = fields.Datetime(readonly=True, required=True)
    entered_day = fields.Date("Day of Entry", readonly=True, required=True)
    closed_after = fields.Integer(
        "Closed after, Seconds", readonly=True, aggregator=None, help="Empty while the deal is open."
    )
    changed = fields.Datetime("Last Change", readonly=True, required=True)
    changed_day = fields.Date("Day of the Last Change", readonly=True, required=True)
    facts = fields.Integer("Changes", readonly=True)
    last_fact = fields.Integer("Newest Change No.", readonly=True, aggregator=None)

    _lead_uniq = models.Constraint("UNIQUE (lead_ref)", "A deal is summed up once.")
    _day_idx = models.Index("(entered_day)")
    _manager_idx = models.Index("(manager_ref, entered_day)")
    _team_idx = models.Index("(team_ref, entered_day)")

    def init(self):
        """Add the two columns that have no field, and sum up what an earlier version left."""
        for name in ("path", "seconds"):
            if not sql.column_exists(self.env.cr, self._table, name):
                sql.create_column(self.env.cr, self._table, name, "int4[]")
        if sql.table_exists(self.env.cr, "discipline_stage_change"):
            self.env.cr.execute("SELECT EXISTS (SELECT FROM discipline_deal)")
            if not self.env.cr.fetchone()[0]:
                self._refresh_all()

    # ------------------------------------------------------------------
    # From the ledger
    # ------------------------------------------------------------------

    @api.model
    def _sql_status(self, fact):
        """Return how a deal is after a change: one that is archived after its end keeps that end, else it is removed.

        :param SQL fact: the name of the row of the ledger
        """
        return SQL(
            """
            CASE WHEN %(fact)s.status_to NOT IN ('archived', 'removed') THEN %(fact)s.status_to
                 WHEN %(fact)s.status_from IN ('won', 'lost') THEN %(fact)s.status_from
                 ELSE 'removed' END
            """,
            fact=fact,
        )

    @api.model
    def _sql_summary(self, leads, until=None):
        """Return the query that sums up opportunities from their history alone: the columns DERIVED.

        :param SQL leads: condition on ``c.lead_ref``
        :param date until: nothing that happened after this day is known
        """
        return SQL(
            """
            SELECT p.lead_ref, p.lead_id, p.company_id, p.manager_ref, p.team_ref, p.stage_to_ref AS stage_ref,
                   p.partner_id AS customer_id, p.customer_ref, COALESCE(p.amount, 0) AS amount, p.date_deadline,
                   x.status AS outcome, l.entered, l.entered_day,
                   CASE WHEN x.status <> 'open' THEN EXTRACT(epoch FROM l.closed - l.entered)::int END AS closed_after,
                   l.changed, l.changed_day, COALESCE(l.path, '{}') AS path,
                   ARRAY(SELECT EXTRACT(epoch FROM m - l.entered)::int FROM unnest(l.moments) m) AS seconds,
                   l.facts, l.last_fact
              FROM (
                -- two passes, and every row that is looked up is looked up by its number and its opportunity's, so that
                -- each index that has one of them serves: nothing here can be planned badly where PostgreSQL takes
                -- tables that were just filled for empty ones
                SELECT v.lead_ref, min(v.first) AS entered, min(v.first_day) AS entered_day, max(v.last) AS changed,
                       max(v.last_day) AS changed_day, sum(v.facts)::int AS facts, max(v.last_fact) AS last_fact,
                       max(v.closed) AS closed,
                       (array_agg(v.present ORDER BY v.last DESC, v.present DESC))[1] AS present,
                       array_agg(v.place ORDER BY v.first, v.place) FILTER (WHERE v.place IS NOT NULL) AS path,
                       array_agg(v.first ORDER BY v.first, v.place) FILTER (WHERE v.place IS NOT NULL) AS moments
                  FROM (
                    SELECT c.lead_ref, CASE WHEN x.status = 'won' THEN %(won)s ELSE c.stage_to_ref END AS place,
                           min(c.date) AS first, min(c.day) AS first_day, max(c.date) AS last, max(c.day) AS last_day,
                           count(*) AS facts, max(c.id) AS last_fact,
                           max(c.date) FILTER (WHERE x.status <> 'open' AND x.status IS DISTINCT FROM c.status_from)
                               AS closed,
                           (array_agg(c.id ORDER BY c.date DESC, c.id DESC))[1] AS present
                      FROM discipline_stage_change c
                CROSS JOIN LATERAL (SELECT %(status_of_c)s AS status) x
                     WHERE c.type = 'opportunity' AND c.voided_at IS NULL AND %(leads)s %(until)s
                  GROUP BY 1, 2
                  ) v GROUP BY v.lead_ref
              ) l
        CROSS JOIN LATERAL (SELECT f.* FROM discipline_stage_change f
                             WHERE f.id = l.present AND f.lead_ref = l.lead_ref OFFSET 0) p
        CROSS JOIN LATERAL (SELECT %(status_of_p)s AS status) x
            """,
            status_of_c=self._sql_status(SQL("c")),
            status_of_p=self._sql_status(SQL("p")),
            leads=leads,
            until=SQL("AND c.day <= %s", until) if until else SQL(),
            won=WON,
        )

    @api.model
    def _sql_rows(self, leads):
        """Return the query of the whole rows of opportunities, as they should be: DERIVED and LIVE.

        :param SQL leads: condition on ``c.lead_ref``
        """
        return SQL(
            "SELECT s.*, %s FROM (%s) s "
            "LEFT JOIN LATERAL (SELECT n.* FROM crm_lead n WHERE n.id = s.lead_ref OFFSET 0) o ON TRUE",
            SQL(", ").join(
                SQL("%s AS %s", SQL.identifier("o", origin), SQL.identifier(name)) for name, origin in LIVE.items()
            ),
            self._sql_summary(leads),
        )

    @api.model
    def _refresh(self, refs):
        """Sum up opportunities anew, in one statement; what is right already is not written.

        Several workers may do so at a time: whoever sums up a deal that another has changed meanwhile is told so by
        PostgreSQL, and Odoo repeats his transaction.

        :param refs: numbers of opportunities; those whose own columns changed meanwhile are taken along
        """
        self.env["crm.lead"].flush_model(list(LIVE.values()))
        refs = sorted({*refs, *self.env.cr.precommit.data.pop(_PENDING, ())})
        if refs:
            self._upsert(SQL("c.lead_ref = ANY(%s)", refs))

    @api.model
    def _follow_later(self, refs):
        """Take over the opportunities' own columns when the transaction is flushed.

        :param set refs: numbers of opportunities
        """
        precommit = self.env.cr.precommit
        pending = precommit.data.setdefault(_PENDING, set())
        if not pending:
            precommit.add(self.sudo()._refresh_pending)
        pending.update(refs)

    @api.model
    def _refresh_pending(self):
        """Write what waits for the flush: changes of the ledger first, whose statement takes everything along."""
        self.env["discipline.stage.change"]._record_pending()
        self._refresh(())

    def flush_model(self, fnames=None):
        self.sudo()._refresh_pending()
        return super().flush_model(fnames)

    @api.model
    def _upsert(self, leads):
        columns = [*DERIVED, *LIVE]
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO discipline_deal AS d (%(columns)s)
                SELECT * FROM (%(rows)s) r ORDER BY r.lead_ref
                ON CONFLICT (lead_ref) DO UPDATE SET (%(columns)s) = ROW(%(excluded)s)
                 WHERE (%(present)s) IS DISTINCT FROM (%(excluded)s)
                """,
                columns=SQL(", ").join(map(SQL.identifier, columns)),
                rows=self._sql_rows(leads),
                excluded=SQL(", ").join(SQL.identifier("excluded", name) for name in columns),
                present=SQL(", ").join(SQL.identifier("d", name) for name in columns),
            )
        )
        self.invalidate_model(flush=False)

    @api.model
    def _refresh_all(self):
        """Sum up every opportunity of the ledger, a batch after the other."""
        [(first, last)] = self.env.execute_query(
            SQL("SELECT min(lead_ref), max(lead_ref) FROM discipline_stage_change WHERE type = 'opportunity'")
        )
        while first is not None and first <= last:
            # numbers of opportunities may have large gaps: a batch is so many of them, not so many numbers
            [(end,)] = self.env.execute_query(
                SQL(
                    """
                    SELECT max(lead_ref) FROM (
                        SELECT DISTINCT lead_ref FROM discipline_stage_change
                         WHERE lead_ref >= %s ORDER BY lead_ref LIMIT %s) x
                    """,
                    first,
                    BATCH,
                )
            )
            self._upsert(SQL("c.lead_ref BETWEEN %s AND %s", first, end))
            first = end + 1

    @api.model
    def _drop_empty(self, refs):
        """Delete the rows of opportunities without a valid fact: all of theirs were voided."""
        self.env.cr.execute(
            SQL(
                """
                DELETE FROM discipline_deal d
                 WHERE d.lead_ref = ANY(%s)
                   AND NOT EXISTS (SELECT FROM discipline_stage_change c WHERE c.lead_ref = d.lead_ref
                                      AND c.type = 'opportunity' AND c.voided_at IS NULL)
                """,
                list(refs),
            )
        )
        self.invalidate_model(flush=False)

    # ------------------------------------------------------------------
    # At night
    # ------------------------------------------------------------------

    @api.model
    def _stale(self):
        """Return the numbers of opportunities whose row is not what the ledger and the opportunity say.

        It sees what came past Odoo: rows of the ledger by their number and count, the opportunity's own columns by
        comparing them.
        """
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                WITH fact AS (
                    SELECT lead_ref, count(*) AS facts, max(id) AS last_fact FROM discipline_stage_change
                     WHERE type = 'opportunity' AND voided_at IS NULL GROUP BY lead_ref
                )
                SELECT COALESCE(f.lead_ref, d.lead_ref)
                  FROM fact f FULL JOIN discipline_deal d ON d.lead_ref = f.lead_ref
                 WHERE f.facts IS DISTINCT FROM d.facts OR f.last_fact IS DISTINCT FROM d.last_fact
             UNION
                SELECT d.lead_ref FROM discipline_deal d JOIN crm_lead o ON o.id = d.lead_id
                 WHERE (%s) IS DISTINCT FROM (%s)
                """,
                SQL(", ").join(SQL.identifier("d", name) for name in LIVE),
                SQL(", ").join(SQL.identifier("o", name) for name in LIVE.values()),
            )
        )
        return sorted(ref for (ref,) in rows)

    @api.model
    def _reconcile(self):
        """Sum up anew what was changed past Odoo; return how many deals that were."""
        stale = self._stale()
        for begin in range(0, len(stale), BATCH):
            self._refresh(stale[begin : begin + BATCH])
        if stale:
            self._drop_empty(stale)
        return len(stale)
