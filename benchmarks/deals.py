"""Load any number of deals with their history by sets: what the measurement of the funnel looks at.

As in ``base.py``, everything follows from a deal's number by a hash with a fixed seed. A deal goes on by one stage or
two, goes back, changes its sum, its manager or its expected closing, is won or lost with a reason, archived, deleted,
and sometimes opened again, over two years that end today: five changes of each on average.
"""

from .base import Loader

SEED = 23
DAYS = 730
STAGES = ("New", "Qualified", "Proposition", "Sample", "Contract")
#: of a hundred deals
LINGERS, LOSES, WINS = 10, 52, 33
SOURCES, TAGS, REASONS = 12, 10, 8


def load(bench, deals):
    """Load so many deals into a base that has customers and managers; return how many changes they have."""
    return Deals(bench, deals).load()


class Deals(Loader):
    """Loads deals; every step is a few statements."""

    def __init__(self, bench, deals):
        super().__init__(bench)
        self.deals_count = deals

    def load(self):
        for step in (self.names, self.lives, self.leads, self.changes, self.summed):
            with self.bench.timed(f"{step.__name__} of {self.deals_count:,} deals", profile=False):
                step()
        self.cr.commit()
        self.cr._cnx.autocommit = True
        self.cr.execute("VACUUM ANALYZE crm_lead, discipline_stage_change, discipline_deal, crm_tag_rel")
        self.cr._cnx.autocommit = False
        self.cr.execute("SELECT count(*) FROM discipline_stage_change")
        return self.cr.fetchone()[0]

    def names(self):
        """Create stages, sources, tags and reasons."""
        env = self.env
        Stage = env["crm.stage"]
        known = Stage.search([("is_won", "=", False)])
        for number, name in enumerate(STAGES):
            if number < len(known):
                known[number].write({"sequence": number, "name": name})
            else:
                known |= Stage.create({"name": name, "sequence": number})
        self.stages, self.won = known[: len(STAGES)].ids, Stage.search([("is_won", "=", True)], limit=1)
        self.won.sequence = 70
        for key, model, count in (
            ("sources", "utm.source", SOURCES), ("tags", "crm.tag", TAGS), ("reasons", "crm.lost.reason", REASONS),
        ):  # fmt: skip
            records = env[model].create([{"name": f"Bench {key} {number}"} for number in range(count)])
            setattr(self, key, records.ids)
        self.env.flush_all()

    def lives(self):
        """Walk every deal through its life: a row per change, in the order of time."""
        self.execute(
            """
            CREATE FUNCTION pg_temp.h(n bigint, what int, k int) RETURNS int IMMUTABLE PARALLEL SAFE LANGUAGE sql
                AS 'SELECT ((hashint8extended(n, what + 1000 * %(seed)s) & 9223372036854775807) %% k)::int'
            """,
            seed=SEED,
        )
        self.cr.execute("SELECT max(id) FROM crm_lead")
        self.after = self.cr.fetchone()[0] or 0
        self.execute(
            """
            CREATE TEMP TABLE d_manager AS
            SELECT row_number() OVER (ORDER BY u.id)::int - 1 AS i, u.id, u.sale_team_id AS team
              FROM res_users u WHERE u.login LIKE 'manager%%@example.com';
            CREATE TEMP TABLE d_customer AS
            SELECT row_number() OVER (ORDER BY partner_id)::int - 1 AS i, partner_id AS id FROM discipline_customer;
            CREATE UNIQUE INDEX ON d_manager (i); CREATE UNIQUE INDEX ON d_customer (i);
            ANALYZE d_manager; ANALYZE d_customer
            """,
            x=0,
        )
        self.execute(
            """
            CREATE TEMP TABLE d_deal AS
            SELECT n, %(after)s + n AS ref,
                   date_trunc('second', now()::timestamp) - interval '1 s' * (pg_temp.h(n, 1, 1000)
                       + 86400 * (%(days)s * (1 - n::float8 / %(count)s))) AS born,
                   pg_temp.h(n, 2, 8) + 1 AS steps,
                   pg_temp.h(n, 3, 100) AS fate, pg_temp.h(n, 4, 25) = 0 AS again,
                   -- squared: some managers have many more deals than others
                   floor((SELECT count(*) FROM d_manager) * power(pg_temp.h(n, 5, 100000) / 100000.0, 1.5))::int AS m,
                   pg_temp.h(n, 6, (SELECT count(*)::int FROM d_customer)) AS c,
                   500 + pg_temp.h(n, 7, 300) * pg_temp.h(n, 8, 300) AS amount,
                   (%(sources)s::int[])[1 + pg_temp.h(n, 9, 14)] AS source,
                   (%(reasons)s::int[])[1 + pg_temp.h(n, 10, 8)] AS reason,
                   pg_temp.h(n, 11, 100) = 0 AS deleted
              FROM generate_series(1, %(count)s) n
            """,
            after=self.after, days=DAYS, count=self.deals_count, sources=self.sources, reasons=self.reasons,
        )  # fmt: skip
        self.execute(
            """
            CREATE TEMP TABLE d_change AS
            WITH step AS (
                -- what each step is: 0 the creation, then moves and other changes, then the end
                SELECT d.*, k,
                       CASE WHEN k = 0 THEN 'create'
                            WHEN k <= steps THEN CASE WHEN dice < 62 THEN 'stage' WHEN dice < 75 THEN 'amount'
                                                      WHEN dice < 88 THEN 'deadline' ELSE 'user' END
                            WHEN again AND k = steps + 1 THEN 'lost'
                            WHEN again AND k = steps + 2 THEN 'reopen'
                            WHEN k = last THEN CASE WHEN fate < %(lingers)s THEN NULL
                                                    WHEN fate < %(loses)s THEN 'lost'
                                                    WHEN fate < %(wins)s THEN 'won'
                                                    ELSE 'archive' END
                            WHEN deleted THEN 'delete' END AS kind,
                       CASE WHEN k = 0 THEN CASE WHEN pg_temp.h(n, 12, 10) = 0 THEN 1 ELSE 0 END
                            WHEN k <= steps AND dice < 62 THEN
                                CASE WHEN dice < 9 THEN -1 WHEN dice < 18 THEN 2 ELSE 1 END ELSE 0 END AS up,
                       CASE WHEN k = 0 THEN 0 ELSE 1 + pg_temp.h(n * 16 + k, 13, 15 * 86400) END AS pause
                  FROM (SELECT *, steps + CASE WHEN again THEN 3 ELSE 1 END AS last FROM d_deal) d
            CROSS JOIN LATERAL generate_series(0, last + 1) k
            CROSS JOIN LATERAL (SELECT pg_temp.h(n * 16 + k, 14, 100) AS dice) x
            ), walked AS (
                SELECT s.*, born + interval '1 s' * sum(pause) OVER life AS moment,
                       LEAST(4, GREATEST(0, sum(up) OVER life)) AS place,
                       count(*) FILTER (WHERE kind = 'user') OVER life AS users,
                       count(*) FILTER (WHERE kind = 'amount') OVER life AS amounts,
                       count(*) FILTER (WHERE kind = 'deadline') OVER life AS deadlines
                  FROM step s WHERE kind IS NOT NULL
                WINDOW life AS (PARTITION BY n ORDER BY k)
            ), past AS (
                SELECT w.*, row_number() OVER life AS number,
                       CASE kind WHEN 'lost' THEN 'lost' WHEN 'won' THEN 'won' WHEN 'archive' THEN 'archived'
                                 WHEN 'delete' THEN 'removed' ELSE 'open' END AS status,
                       CASE WHEN max(CASE WHEN kind = 'won' THEN 1 END) OVER life = 1 THEN %(won)s
                            ELSE (%(stages)s::int[])[place + 1] END AS stage,
                       (m + users) %% (SELECT count(*) FROM d_manager) AS manager,
                       amount * (10 + 2 * amounts) / 10.0 AS sum,
                       born::date + 60 + 15 * deadlines::int AS deadline
                  FROM walked w WHERE moment < now()::timestamp
                WINDOW life AS (PARTITION BY n ORDER BY k)
            )
            SELECT p.n, p.ref, p.k, p.kind, p.moment, p.status, p.stage, p.sum, p.deadline, p.source, p.reason,
                   m.id AS uid, m.team, c.id AS customer,
                   lag(p.status) OVER life AS status_from, lag(p.stage) OVER life AS stage_from,
                   lag(p.sum) OVER life AS sum_from, lag(m.id) OVER life AS uid_from,
                   lag(m.team) OVER life AS team_from,
                   lead(p.n) OVER life IS NULL AS newest
              FROM past p JOIN d_manager m ON m.i = p.manager JOIN d_customer c ON c.i = p.c
            WINDOW life AS (PARTITION BY p.n ORDER BY p.k)
            """,
            lingers=LINGERS, loses=LINGERS + LOSES, wins=LINGERS + LOSES + WINS, won=self.won.id, stages=self.stages,
        )  # fmt: skip
        # a step that moved nothing has left no row
        self.execute("DELETE FROM d_change WHERE kind = 'stage' AND stage IS NOT DISTINCT FROM stage_from")
        self.execute("ANALYZE d_change")

    def leads(self):
        """Insert the opportunities as their last change left them."""
        with self.bulk("crm_lead"):
            self.execute(
                """
                INSERT INTO crm_lead
                       (id, name, type, partner_id, user_id, team_id, stage_id, active, won_status, priority,
                        probability, automated_probability, expected_revenue, prorated_revenue, company_id, source_id,
                        lost_reason_id, date_deadline, create_uid, create_date, date_open, date_last_stage_update,
                        write_uid, write_date)
                SELECT x.ref, 'Deal ' || x.n, 'opportunity', x.customer, x.uid, x.team, x.stage,
                       x.status IN ('open', 'won'),
                       CASE WHEN x.status IN ('won', 'lost') THEN x.status ELSE 'pending' END, '0',
                       CASE x.status WHEN 'won' THEN 100 WHEN 'lost' THEN 0 ELSE 30 END, 30, x.sum, x.sum * 0.3,
                       %(company)s, x.source, CASE WHEN x.status = 'lost' THEN x.reason END, x.deadline,
                       x.uid, d.born, d.born, x.moment, x.uid, x.moment
                  FROM d_change x JOIN d_deal d ON d.n = x.n
                 WHERE x.newest AND x.status <> 'removed' ORDER BY x.n
                """,
                company=self.company.id,
            )
        self.execute(
            """
            INSERT INTO crm_tag_rel (lead_id, tag_id)
            SELECT DISTINCT l.id, (%(tags)s::int[])[1 + pg_temp.h(l.id, 20, 10)]
              FROM crm_lead l WHERE l.id > %(after)s AND pg_temp.h(l.id, 21, 10) < 3
            """,
            tags=self.tags,
            after=self.after,
        )

    def changes(self):
        """Insert the history."""
        with self.bulk("discipline_stage_change"):
            self.execute(
                """
                INSERT INTO discipline_stage_change
                       (lead_ref, lead_id, name, kind, type, status_from, status_to, stage_from_ref, stage_from_id,
                        stage_to_ref, stage_to_id, team_from_ref, team_from_id, team_ref, team_id, manager_from_ref,
                        user_from_id, manager_ref, user_id, amount, amount_from, probability, date_deadline,
                        contact_person_ref, partner_id, customer_ref, date, day, made_by_ref, made_by_id, company_id,
                        backfilled, create_uid, create_date, write_uid, write_date)
                SELECT x.ref, l.id, 'Deal ' || x.n, x.kind, 'opportunity', x.status_from, x.status, x.stage_from,
                       x.stage_from, x.stage, x.stage, x.team_from, x.team_from, x.team, x.team, x.uid_from, x.uid_from,
                       x.uid, x.uid, x.sum, x.sum_from, 30, x.deadline, x.customer, x.customer, x.customer, x.moment,
                       x.moment::date, x.uid, x.uid, %(company)s, FALSE, x.uid, x.moment, x.uid, x.moment
                  FROM d_change x LEFT JOIN crm_lead l ON l.id = x.ref
              ORDER BY x.moment, x.ref, x.k
                """,
                company=self.company.id,
            )

    def summed(self):
        """Let the addon sum up the deals."""
        self.env["discipline.deal"]._refresh_all()
