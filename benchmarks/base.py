"""Load a customer base of any size by sets: customers, people, thirteen months of contacts and purchases.

Everything follows from the customer's number by a hash with a fixed seed, so two loads on one day are the same. The
dates end today: what the addon does by night is about the running month. The program's own functions derive what a
row derives from others, so the base is one that the doors of the addon could have made.
"""

from contextlib import contextmanager
from datetime import date, timedelta

#: raised when a base of another shape is loaded
VERSION = 1
SEED = 20
MONTHS = 13
#: closed months with verdicts and evidence
CLOSED = 2
#: of ten customers in class A, B, C, D
CLASSES = ("A",) * 2 + ("B",) * 3 + ("C",) * 4 + ("D",)
#: contacts and purchases of a customer in all the months, by class: 12 of each on average
CONTACTS = {"A": 30, "B": 14, "C": 4, "D": 2}
PURCHASES = {"A": 24, "B": 14, "C": 7, "D": 0}
AMOUNTS = {"A": 9000, "B": 1500, "C": 300, "D": 0}
TEAMS = 20
#: contacts a day of a manager: enough that orphans find a place at any size
CAPACITY = 150


def database(customers, managers):
    """Return the name of the database with such a base, loaded in this month."""
    return f"bench_{customers}_{managers}_{date.today():%Y%m}_{VERSION}"


def run(bench):
    """Load the base into an empty database with the addon."""
    Loader(bench).load()


class Loader:
    """Loads one base; every step is a few statements."""

    def __init__(self, bench):
        self.bench, self.env, self.cr = bench, bench.env, bench.cr
        self.count, self.managers = bench.customers, bench.options.managers
        self.company = bench.company
        calendar = self.env["discipline.calendar"]
        self.today = calendar._today(self.company)
        self.start = calendar._months_back(self.today, MONTHS - 1)
        self.days = list(calendar._working_days(self.company, self.start, self.today))
        self.next_days = list(calendar._working_days(self.company, self.today, self.today + timedelta(days=30)))[:10]

    def load(self):
        """Load everything, derive what is derived, check it, and let the planner know."""
        steps = (
            self.settings, self.people, self.customers, self.employees, self.assignments, self.contacts, self.purchases,
            self.activities, self.deals, self.derive, self.history, self.check,
        )  # fmt: skip
        for step in steps:
            with self.bench.timed(step.__name__, profile=False):
                step()
        self.cr.commit()
        self.cr._cnx.autocommit = True
        with self.bench.timed("vacuum, analyze", commit=False, profile=False):
            self.cr.execute("VACUUM ANALYZE")
        self.cr._cnx.autocommit = False

    def execute(self, statement, **values):
        """Run a statement; without values, percent signs are plain."""
        self.cr.execute(statement, values or None)
        return self.cr.rowcount

    @contextmanager
    def bulk(self, *tables):
        """Load tables without their indexes and triggers, then make the indexes at one go."""
        self.execute("SET LOCAL session_replication_role = replica; SET LOCAL maintenance_work_mem = '512MB'")
        # Odoo remembers a definition as the index's comment: without it, an update would not follow a changed one
        self.cr.execute(
            """
            SELECT i.indexname, i.indexdef, obj_description(to_regclass(quote_ident(i.indexname)), 'pg_class')
              FROM pg_indexes i
             WHERE i.schemaname = 'public' AND i.tablename = ANY(%s)
               AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conname = i.indexname)
            """,
            [list(tables)],
        )
        indexes = self.cr.fetchall()
        for name, _definition, _comment in indexes:
            self.execute(f'DROP INDEX "{name}"')
        yield
        for name, definition, comment in indexes:
            self.execute(definition)
            if comment:
                self.cr.execute(f'COMMENT ON INDEX "{name}" IS %s', [comment])
        for table in tables:
            self.execute(f"SELECT setval('{table}_id_seq', GREATEST(1, (SELECT max(id) FROM {table})))")
            self.execute(f"ANALYZE {table}")
        self.execute("SET LOCAL session_replication_role = DEFAULT")

    # ------------------------------------------------------------------
    # Rules and people
    # ------------------------------------------------------------------

    def settings(self):
        """Set the company up, and what the statements below take from."""
        self.company.write({
            "discipline_revenue_kinds": "shipment", "discipline_capacity_per_day": CAPACITY,
            "discipline_dry_mode": False, "discipline_date_start": self.start,
        })  # fmt: skip
        self.env["discipline.policy"]._ensure_default()
        # chance that is the same every time: a number from 0 to k - 1 for a customer's number and what it is for
        self.execute(
            """
            CREATE FUNCTION pg_temp.h(n bigint, what int, k int) RETURNS int IMMUTABLE PARALLEL SAFE LANGUAGE sql
                AS 'SELECT ((hashint8extended(n, what + 1000 * %(seed)s) & 9223372036854775807) %% k)::int'
            """,
            seed=SEED,
        )
        for table, days in (("b_day", self.days), ("b_next", self.next_days)):
            self.execute(
                f"CREATE TEMP TABLE {table} AS SELECT i::int, d FROM unnest(%(days)s::date[]) WITH ORDINALITY t(d, i)",
                days=days,
            )
        classes = {row.name: row.id for row in self.env["discipline.abc.class"].search([])}
        self.execute(
            """
            CREATE TEMP TABLE b_class AS
            SELECT * FROM unnest(%(tenths)s::int[], %(ids)s::int[], %(contacts)s::int[], %(purchases)s::int[],
                                 %(amounts)s::int[]) AS t(tenth, id, contacts, purchases, amount)
            """,
            tenths=list(range(10)),
            ids=[classes[name] for name in CLASSES],
            contacts=[CONTACTS[name] for name in CLASSES],
            purchases=[PURCHASES[name] for name in CLASSES],
            amounts=[AMOUNTS[name] for name in CLASSES],
        )

    def people(self):
        """Create the managers as Odoo does, in teams; absences by a statement."""
        quiet = self.env(context={"no_reset_password": True, "tracking_disable": True, "lang": "en_US"})
        users = quiet["res.users"].create([
            {
                "name": f"Manager {n}", "login": f"manager{n}@example.com", "email": f"manager{n}@example.com",
                "group_ids": [(6, 0, [self.env.ref("sales_team.group_sale_salesman").id,
                                      self.env.ref("base.group_user").id])],
                "discipline_takes_more": n % 2 == 0,
            }
            for n in range(1, self.managers + 1)
        ])  # fmt: skip
        teams = quiet["crm.team"].create([{"name": f"Team {n}"} for n in range(1, TEAMS + 1)])
        quiet["crm.team.member"].create(
            [{"user_id": user.id, "crm_team_id": teams[n % TEAMS].id} for n, user in enumerate(users)]
        )
        self.env.flush_all()
        self.execute("CREATE TEMP TABLE b_user AS SELECT * FROM unnest(%(ids)s::int[]) WITH ORDINALITY t(id, i)",
                     ids=users.ids)  # fmt: skip
        # two weeks in some month, and a fifth of them three days of the running one
        self.execute(
            """
            INSERT INTO discipline_absence (user_id, company_id, date_from, date_to, approved, approved_by_id)
            SELECT u.id, %(company)s, d.d, d.d + 13, TRUE, 1
              FROM b_user u JOIN b_day d ON d.i = 1 + pg_temp.h(u.i, 1, (SELECT max(i) FROM b_day))
             UNION ALL
            SELECT u.id, %(company)s, %(month)s::date + 7, %(month)s::date + 9, TRUE, 1 FROM b_user u WHERE u.i %% 5 = 0
            """,
            company=self.company.id,
            month=self.today.replace(day=1),
        )

    # ------------------------------------------------------------------
    # Customers
    # ------------------------------------------------------------------

    def customers(self):
        """Insert the companies and their rows of the base.

        A tenth are orphans; the first manager holds the first thousand; a tenth changed hands in these months.
        """
        self.cr.execute(
            "SELECT (SELECT max(id) FROM res_partner), (SELECT COALESCE(max(id), 0) FROM discipline_customer)"
        )
        after, after_customer = self.cr.fetchone()
        self.execute(
            """
            CREATE TEMP TABLE b_customer AS
            SELECT n, %(after)s + n AS pid, %(after_customer)s + n AS cid,
                   c.id AS class_id, c.contacts, c.purchases, c.amount,
                   CASE WHEN n <= 1000 THEN 1 ELSE 2 + pg_temp.h(n, 2, %(managers)s - 1) END AS manager,
                   1 + pg_temp.h(n, 3, %(managers)s) AS former,
                   n > 1000 AND pg_temp.h(n, 4, 10) = 0 AS orphan, pg_temp.h(n, 5, 10) = 0 AS moved,
                   pg_temp.h(n, 6, 50) = 0 AS gap, %(start)s::date + pg_temp.h(n, 7, %(span)s) AS moved_on
              FROM generate_series(1, %(count)s) n JOIN b_class c ON c.tenth = pg_temp.h(n, 8, 10)
          ORDER BY n
            """,
            after=after,
            after_customer=after_customer,
            managers=self.managers,
            start=self.start,
            span=(self.today - self.start).days,
            count=self.count,
        )
        self.execute("ALTER TABLE b_customer ADD uid int, ADD former_uid int")
        self.execute(
            """
            UPDATE b_customer c SET uid = CASE WHEN orphan THEN NULL ELSE u.id END, former_uid = f.id
              FROM b_user u, b_user f WHERE u.i = c.manager AND f.i = c.former
            """
        )
        self.execute("CREATE UNIQUE INDEX ON b_customer (pid)")
        self.execute("ANALYZE b_customer")
        russia = self.env.ref("base.ru")
        with self.bulk("res_partner", "discipline_customer"):
            self.execute(
                """
                INSERT INTO res_partner
                       (id, name, complete_name, is_company, active, type, partner_share, phone, phone_sanitized, email,
                        email_normalized, street, city, country_id, state_id, industry_id, lang, user_id,
                        commercial_partner_id, commercial_company_name, discipline_id, create_uid, create_date,
                        write_uid, write_date)
                SELECT c.pid, 'Customer ' || n, 'Customer ' || n, TRUE, TRUE, 'contact', TRUE,
                       CASE WHEN n %% 10 > 0 THEN '+7 495 ' || (1000000 + n) END,
                       CASE WHEN n %% 10 > 0 THEN '+7495' || (1000000 + n) END,
                       CASE WHEN n %% 10 != 1 THEN 'office' || n || '@example.com' END,
                       CASE WHEN n %% 10 != 1 THEN 'office' || n || '@example.com' END,
                       CASE WHEN n %% 10 = 2 THEN '-' ELSE 'Lenina ' || n END, 'Kazan', %(country)s,
                       (%(states)s::int[])[1 + n %% 20],
                       CASE WHEN n %% 4 > 1 THEN (%(industries)s::int[])[1 + n %% 10] END, 'en_US', c.uid,
                       c.pid, 'Customer ' || n, c.cid, 1, now() - interval '500 days', 1, now() - interval '60 days'
                  FROM b_customer c
                """,
                country=russia.id,
                states=russia.state_ids[:20].ids,
                industries=self.env["res.partner.industry"].search([], limit=10).ids,
            )
            self.execute(
                """
                INSERT INTO discipline_customer
                       (id, partner_id, company_id, in_base, user_id, abc_class_id, abc_since, responsible_since, state,
                        create_uid, create_date, write_uid, write_date)
                SELECT c.cid, c.pid, %(company)s, TRUE, c.uid, c.class_id, %(long_ago)s,
                       CASE WHEN c.uid IS NULL THEN NULL WHEN c.moved THEN c.moved_on ELSE %(long_ago)s::date END,
                       'none', 1, now() - interval '500 days', 1, now() - interval '60 days'
                  FROM b_customer c
                """,
                company=self.company.id,
                long_ago=self.start - timedelta(days=400),
            )

    def employees(self):
        """Insert a person with a phone at three of ten companies."""
        with self.bulk("res_partner"):
            self.execute(
                """
                INSERT INTO res_partner
                       (id, name, complete_name, is_company, active, type, partner_share, phone, phone_sanitized,
                        parent_id, commercial_partner_id, commercial_company_name, user_id, lang,
                        create_uid, create_date, write_uid, write_date)
                SELECT (SELECT max(pid) FROM b_customer) + row_number() OVER (ORDER BY n), 'Buyer ' || n,
                       'Customer ' || n || ', Buyer ' || n, FALSE, TRUE, 'contact', TRUE, '+7 916 ' || (1000000 + n),
                       '+7916' || (1000000 + n), c.pid, c.pid, 'Customer ' || n, c.uid, 'en_US',
                       1, now() - interval '500 days', 1, now() - interval '60 days'
                  FROM b_customer c WHERE pg_temp.h(n, 9, 10) < 3
                """
            )

    # ------------------------------------------------------------------
    # Facts
    # ------------------------------------------------------------------

    def assignments(self):
        """Insert the history: one interval for most, two for those who changed hands, an ended one for orphans."""
        with self.bulk("discipline_assignment"):
            self.execute(
                """
                INSERT INTO discipline_assignment
                       (partner_id, customer_ref, user_id, manager_ref, date_from, date_to, company_id, origin,
                        create_uid, create_date, write_uid, write_date)
                SELECT pid, pid, u, u, f, t, %(company)s, o, 1, f, 1, COALESCE(t, f) FROM (
                    SELECT pid, former_uid AS u, %(long_ago)s::date AS f,
                           GREATEST(moved_on - CASE WHEN gap THEN 14 ELSE 0 END, %(long_ago)s::date) AS t,
                           'acquired' AS o, n, 1 AS i
                      FROM b_customer WHERE moved OR orphan
                     UNION ALL
                    SELECT pid, uid, CASE WHEN moved THEN moved_on ELSE %(long_ago)s::date END, NULL,
                           CASE WHEN moved THEN 'manual' ELSE 'acquired' END, n, 2
                      FROM b_customer WHERE NOT orphan
                ) x ORDER BY n, i
                """,
                company=self.company.id,
                long_ago=self.start - timedelta(days=400),
            )

    def contacts(self):
        """Insert the contacts; whether each counts is said as the addon's rule says it (and checked at the end)."""
        channels = {row.counts + str(row.is_meeting): row.id for row in self.env["discipline.channel"].search([])}
        outcomes = self.env["discipline.outcome"].search([("is_refusal", "=", False)])
        self.execute(
            """
            CREATE TEMP TABLE b_contact AS
            SELECT c.n, c.pid, d.d AS day, (d.d + time '07:00' + pg_temp.h(c.n * 64 + k, 11, 36000) * interval '1 s')
                       AS moment, pg_temp.h(c.n * 64 + k, 12, 20) AS r1, pg_temp.h(c.n * 64 + k, 13, 20) AS r2
              FROM b_customer c CROSS JOIN generate_series(1, 30) k
              JOIN b_day d ON d.i = 1 + pg_temp.h(c.n * 64 + k, 10, %(days)s)
             WHERE k <= c.contacts AND d.d < %(today)s
            """,
            days=len(self.days),
            today=self.today,
        )
        with self.bulk("discipline_contact"):
            count = self.execute(
                """
                WITH told AS (
                    SELECT x.*, a.manager_ref AS holder,
                           CASE WHEN x.r2 = 0 OR a.manager_ref IS NULL THEN c.former_uid ELSE a.manager_ref END AS doer,
                           CASE WHEN x.r1 < 13 THEN %(call)s WHEN x.r1 < 16 THEN %(meeting)s ELSE %(other)s END
                               AS channel,
                           CASE WHEN x.r2 < 15 THEN %(talked)s WHEN x.r2 < 16 THEN %(agreed)s ELSE %(no_answer)s END
                               AS outcome
                      FROM b_contact x
                      JOIN b_customer c ON c.pid = x.pid
                 LEFT JOIN discipline_assignment a ON a.customer_ref = x.pid AND a.date_from <= x.day
                                                  AND (a.date_to IS NULL OR a.date_to > x.day)
                ), reasoned AS (
                    SELECT *, CASE WHEN outcome = %(no_answer)s THEN 'outcome' WHEN channel = %(other)s THEN 'channel'
                                   WHEN holder IS NULL THEN 'nobody' WHEN doer != holder THEN 'stranger' END AS reason
                      FROM told
                ), ranked AS (
                    SELECT *, CASE WHEN reason IS NULL THEN row_number() OVER (
                                        PARTITION BY pid, day, reason IS NULL ORDER BY moment) END AS rank
                      FROM reasoned
                )
                INSERT INTO discipline_contact
                       (partner_id, customer_ref, user_id, doer_ref, logged_by_id, logged_at, logged_day,
                        responsible_id, responsible_ref, company_id, date, day, channel_id, outcome_id, direction, note,
                        source, evidence_grade, counted, rejected_reason, create_uid, create_date, write_uid,
                        write_date)
                SELECT pid, pid, doer, doer, doer, moment, day, holder, holder, %(company)s, moment, day, channel,
                       outcome, 'out', 'About the next delivery', 'manual', 'note', COALESCE(rank = 1, FALSE),
                       CASE WHEN rank > 1 THEN 'gap' ELSE reason END, doer, moment, doer, moment
                  FROM ranked ORDER BY moment, n
                """,
                company=self.company.id,
                call=channels["alwaysFalse"],
                meeting=channels["alwaysTrue"],
                other=channels["neverFalse"],
                talked=outcomes[0].id,
                agreed=outcomes[1].id,
                no_answer=outcomes.filtered("is_attempt")[0].id,
            )
        self.execute("DROP TABLE b_contact")
        self.bench.say(f"{count:,} contacts")

    def purchases(self):
        """Insert shipments, by class in number and sum."""
        with self.bulk("discipline_revenue"):
            count = self.execute(
                """
                INSERT INTO discipline_revenue
                       (partner_id, customer_ref, company_id, kind, source_ref, document, date, amount,
                        create_uid, create_date, write_uid, write_date)
                SELECT c.pid, c.pid, %(company)s, 'shipment', 'bench:' || c.n || ':' || k, 'Shipment ' || k, d.d,
                       round((c.amount * (0.5 + pg_temp.h(c.n, 21, 1000) / 500.0)
                                       * (0.5 + pg_temp.h(c.n * 64 + k, 22, 1000) / 1000.0))::numeric, 2),
                       1, d.d, 1, d.d
                  FROM b_customer c CROSS JOIN generate_series(1, 24) k
                  JOIN b_day d ON d.i = 1 + pg_temp.h(c.n * 64 + k, 20, %(days)s)
                 WHERE k <= c.purchases
                """,
                company=self.company.id,
                days=len(self.days),
            )
        self.bench.say(f"{count:,} purchases")

    def activities(self):
        """Insert a planned call, on one of the next ten working days, for three of ten customers."""
        call = self.env["discipline.planning"]._contact_type()
        with self.bulk("mail_activity"):
            self.execute(
                """
                INSERT INTO mail_activity
                       (res_model_id, res_model, res_id, res_name, activity_type_id, user_id, date_deadline, active,
                        automated, create_uid, create_date, write_uid, write_date)
                SELECT %(model)s, 'res.partner', c.pid, 'Customer ' || c.n, %(call)s, c.uid, d.d, TRUE, TRUE,
                       1, now() - interval '10 days', 1, now() - interval '10 days'
                  FROM b_customer c JOIN b_next d ON d.i = 1 + pg_temp.h(c.n, 30, 10)
                 WHERE c.uid IS NOT NULL AND pg_temp.h(c.n, 31, 10) < 3 ORDER BY n
                """,
                model=self.env["ir.model"]._get_id("res.partner"),
                call=call.id,
            )

    def deals(self):
        """Insert an open opportunity for one of twenty customers; their history is taken over as at installation."""
        stages = self.env["crm.stage"].search([("is_won", "=", False)])
        with self.bulk("crm_lead"):
            self.execute(
                """
                INSERT INTO crm_lead
                       (name, type, partner_id, user_id, team_id, stage_id, active, won_status, priority, probability,
                        automated_probability, expected_revenue, prorated_revenue, company_id, create_uid, create_date,
                        date_open, date_last_stage_update, write_uid, write_date)
                SELECT 'Deal ' || c.n, 'opportunity', c.pid, c.uid, u.sale_team_id,
                       (%(stages)s::int[])[1 + pg_temp.h(c.n, 41, %(count)s)], TRUE, 'pending', '0', 30, 30,
                       1000 + pg_temp.h(c.n, 42, 90000), 300, %(company)s, 1, m.moment, m.moment, m.moment, 1, m.moment
                  FROM b_customer c JOIN res_users u ON u.id = c.uid
            CROSS JOIN LATERAL (SELECT now()::timestamp - (1 + pg_temp.h(c.n, 43, 80)) * interval '1 day' AS moment) m
                 WHERE pg_temp.h(c.n, 40, 20) = 0 ORDER BY n
                """,
                stages=stages.ids,
                count=len(stages),
                company=self.company.id,
            )
        self.env["discipline.stage.change"]._backfill()

    # ------------------------------------------------------------------
    # What follows from the facts
    # ------------------------------------------------------------------

    def derive(self):
        """Let the addon derive the last and the next contact, and the purchases of 12 months."""
        self.env.invalidate_all()
        self.execute(
            """
            UPDATE discipline_customer d SET last_contact_date = n.day
              FROM (SELECT c.partner_id, max(c.day) AS day
                      FROM discipline_contact c JOIN discipline_outcome o ON o.id = c.outcome_id
                     WHERE o.is_attempt IS NOT TRUE GROUP BY c.partner_id) n
             WHERE d.partner_id = n.partner_id
            """
        )
        self.env["discipline.contact"]._refresh_next_contacts()
        self.env["discipline.revenue"]._refresh_customers(self.company)
        # the cards are scored in the night that follows: customer_cards.py measures that on a base of its own

    def history(self):
        """Judge and close the last months before the running one, as the program does."""
        Compliance = self.env["discipline.compliance"]
        calendar = self.env["discipline.calendar"]
        for back in range(CLOSED, 0, -1):
            day = calendar._months_back(self.today, back)
            period = self.env["discipline.period"]._open_for(self.company, day)
            Compliance._evaluate(period, progress=lambda done, total: self.cr.commit())
            self.cr.commit()
            self.cr.execute(
                "SELECT DISTINCT customer_ref FROM discipline_compliance WHERE period_id = %s ORDER BY 1", [period.id]
            )
            judged = [row[0] for row in self.cr.fetchall()]
            for begin in range(0, len(judged), 10_000):
                Compliance._freeze(period, judged[begin : begin + 10_000])
                self.cr.commit()
            period.write({"state": "closed", "closed_at": period.date_end + timedelta(days=6),
                          "closing_at": period.date_end + timedelta(days=6)})  # fmt: skip
            self.cr.commit()

    def check(self):
        """Refuse a base that the addon would see otherwise than it was loaded."""
        self.cr.execute("SELECT pid FROM b_customer WHERE pg_temp.h(n, 50, %s) < 500", [self.count])
        sample = [row[0] for row in self.cr.fetchall()]
        day = self.today
        before = self._counted(sample)
        for back in range(MONTHS):
            first, last = self.env["discipline.calendar"]._month_bounds(
                self.env["discipline.calendar"]._months_back(day, back)
            )
            self.env["discipline.contact"]._derive_counted(self.company, "month", first, last, sample)
        assert before == self._counted(sample), "the addon counts other contacts"
        repaired = self.env["discipline.assignment"]._reconcile() + self.env["discipline.customer"]._reconcile_base()
        assert not repaired, f"the addon repairs {len(repaired)} customers"
        self.bench.say(f"checked: {len(sample)} customers' contacts derived anew, the whole base reconciled")

    def _counted(self, sample):
        self.cr.execute(
            "SELECT id, counted, rejected_reason FROM discipline_contact WHERE partner_id = ANY(%s) ORDER BY id",
            [sample],
        )
        return self.cr.fetchall()
