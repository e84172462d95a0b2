"""A night's verdicts: the first of a month, everybody again, and the few who changed since last night."""

from datetime import datetime, timedelta

#: the same verdicts from the same tables by one statement: no exceptions, no weekly norms, no changed classes,
#: nobody confirmed as unreachable, which the loaded base does not have
FLOOR = """
WITH day AS (SELECT d, i FROM unnest(%(days)s::date[]) WITH ORDINALITY AS t(d, i)),
norm AS (SELECT abc_class_id, id AS norm_id, LEAST(goal, %(total)s) AS n FROM discipline_norm),
span AS (
    SELECT a.customer_ref, a.manager_ref, GREATEST(a.date_from, %(start)s) AS f, LEAST(a.date_to, %(after)s) AS t,
           row_number() OVER (PARTITION BY a.customer_ref ORDER BY a.date_from) AS seq, c.abc_class_id, g.norm_id, g.n,
           u.sale_team_id AS team_id,
           a.date_from <= %(start)s AND (a.date_to IS NULL OR a.date_to >= %(after)s) AS whole
      FROM discipline_assignment a
      JOIN discipline_customer c ON c.partner_id = a.customer_ref
      JOIN norm g ON g.abc_class_id = c.abc_class_id
      JOIN res_users u ON u.id = a.manager_ref
     WHERE a.date_from <= %(end)s AND (a.date_to IS NULL OR (a.date_to > %(start)s AND a.date_to > a.date_from))
),
away AS (SELECT DISTINCT x.user_id, d.d FROM discipline_absence x JOIN day d ON d.d BETWEEN x.date_from AND x.date_to
          WHERE x.approved),
slot AS (
    SELECT h.manager_ref, h.n, (d.i * h.n + %(total)s - 1) / %(total)s AS k, count(*) AS size,
           count(*) FILTER (WHERE w.d IS NULL) AS present, max(d.d) FILTER (WHERE w.d IS NULL) AS due
      FROM (SELECT DISTINCT manager_ref, n FROM span WHERE whole) h CROSS JOIN day d
 LEFT JOIN away w ON w.user_id = h.manager_ref AND w.d = d.d
  GROUP BY 1, 2, 3
),
plan AS MATERIALIZED (
    SELECT manager_ref, n, count(*) FILTER (WHERE 2 * present >= size) AS goal,
           count(*) FILTER (WHERE 2 * present < size) AS excused,
           array_agg(due ORDER BY k) FILTER (WHERE 2 * present >= size) AS dues
      FROM slot GROUP BY 1, 2
),
held AS (
    SELECT s.customer_ref, s.manager_ref, s.seq, (d.i * s.n + %(total)s - 1) / %(total)s AS k, s.n,
           count(*) AS days, count(*) FILTER (WHERE w.d IS NULL) AS present,
           max(d.d) FILTER (WHERE w.d IS NULL) AS due, max(d.d) AS last
      FROM span s JOIN day d ON d.d >= s.f AND d.d < s.t
 LEFT JOIN away w ON w.user_id = s.manager_ref AND w.d = d.d
     WHERE NOT s.whole GROUP BY 1, 2, 3, 4, 5
),
owner AS (
    SELECT DISTINCT ON (customer_ref, k) customer_ref, seq, k, due,
           2 * present < k * %(total)s / n - (k - 1) * %(total)s / n AS excused
      FROM held ORDER BY customer_ref, k, days DESC, last DESC
),
share AS MATERIALIZED (
    SELECT customer_ref, seq, count(*) FILTER (WHERE NOT excused) AS goal, count(*) FILTER (WHERE excused) AS excused,
           array_agg(due ORDER BY k) FILTER (WHERE NOT excused) AS dues
      FROM owner GROUP BY 1, 2
),
talked AS (
    SELECT c.partner_id, c.day, count(*) AS contacts, count(*) FILTER (WHERE o.is_attempt) AS attempts,
           bool_or(o.counts AND h.counts = 'always' AND c.doer_ref = c.responsible_ref) AS good
      FROM discipline_contact c
      JOIN discipline_outcome o ON o.id = c.outcome_id
      JOIN discipline_channel h ON h.id = c.channel_id
     WHERE c.day BETWEEN %(start)s AND %(end)s AND c.voided_at IS NULL
  GROUP BY c.partner_id, c.day
),
made AS MATERIALIZED (
    SELECT s.customer_ref, s.seq, count(*) FILTER (WHERE good) AS counted,
           sum(contacts) - count(*) FILTER (WHERE good) AS rejected, sum(attempts) AS attempts
      FROM talked t JOIN span s ON s.customer_ref = t.partner_id AND t.day >= s.f AND t.day < s.t
  GROUP BY 1, 2
),
part AS (
    SELECT s.*, COALESCE(p.goal, h.goal, 0) AS goal, COALESCE(p.excused, h.excused, 0) AS excused,
           COALESCE(p.dues, h.dues) AS dues, COALESCE(m.counted, 0) AS counted, COALESCE(m.rejected, 0) AS rejected,
           COALESCE(m.attempts, 0) AS attempts
      FROM span s
 LEFT JOIN plan p ON s.whole AND p.manager_ref = s.manager_ref AND p.n = s.n
 LEFT JOIN share h ON h.customer_ref = s.customer_ref AND h.seq = s.seq
 LEFT JOIN made m ON m.customer_ref = s.customer_ref AND m.seq = s.seq
),
walked AS (SELECT *, sum(counted - goal) OVER (PARTITION BY customer_ref ORDER BY seq) AS s FROM part),
carried AS (SELECT *, s - LEAST(0, min(s) OVER (PARTITION BY customer_ref ORDER BY seq)) AS carry FROM walked),
attained AS (SELECT *, (counted - carry + COALESCE(lag(carry) OVER (PARTITION BY customer_ref ORDER BY seq), 0))::int
                       AS attained FROM carried)
INSERT INTO {table}
       (partner_id, customer_ref, user_id, manager_ref, company_id, period_id, abc_class_id, norm_id, team_id, asked,
        goal, attained, counted, rejected, attempts, excused, overload, due_next, state,
        create_uid, create_date, write_uid, write_date)
SELECT customer_ref, customer_ref, manager_ref, manager_ref, %(company)s, %(period)s, abc_class_id, norm_id, team_id, n,
       goal, attained, counted, rejected, attempts, excused, 0,
       CASE WHEN attained < goal THEN dues[attained + 1] END,
       CASE WHEN goal = 0 THEN 'excused' WHEN attained >= goal THEN 'met'
            WHEN dues[attained + 1] < %(today)s THEN 'behind' ELSE 'on_track' END,
       1, now(), 1, now()
  FROM attained WHERE goal + excused + counted + rejected > 0
"""
CUSTOMERS = """
UPDATE discipline_customer c SET goal = v.goal, attained = v.attained, due_next = v.due_next, state = v.state
  FROM {table} v WHERE v.customer_ref = c.partner_id AND v.manager_ref = c.user_id AND v.period_id = %(period)s
"""
FACTS = "customer_ref, manager_ref, asked, goal, attained, counted, rejected, attempts, excused, due_next, state"


def run(bench):
    """Measure the night's step of verdicts as the scheduled action calls it."""
    env, cr, company = bench.env, bench.cr, bench.company
    period = env["discipline.compliance"]._open_periods(company)
    assert len(period) == 1, "the base has monthly norms only"
    # it was opened on its first day, not now
    cr.execute("UPDATE discipline_period SET create_date = date_start WHERE id = %s", [period.id])
    # a few were given back to whoever had them; the floor knows one interval of a manager
    cr.execute(
        """
        DELETE FROM discipline_assignment a USING discipline_assignment b
         WHERE b.customer_ref = a.customer_ref AND b.manager_ref = a.manager_ref AND b.id > a.id
        """
    )
    snapshot = period._refresh_snapshot()
    cr.commit()
    values = {
        "days": snapshot["days"],
        "total": len(snapshot["days"]),
        "start": period.date_start,
        "end": period.date_end,
        "after": period.date_end + timedelta(days=1),
        "today": env["discipline.calendar"]._today(company),
        "company": company.id,
        "period": period.id,
    }
    bare = _floor_bare(bench, values)
    floor = _floor_real(bench, values)
    first = _night(bench, "first night of the month, all verdicts new", None)
    _compare_rows(bench, period)
    cr.execute("ANALYZE discipline_compliance")
    cr.commit()
    again = _night(bench, "everybody judged again", None)
    _change_some(bench, period)
    hour = datetime.utcnow() - timedelta(hours=1)
    some = _night(bench, "2 % of the customers changed, past the program", hour)
    # whoever logs through the program is judged at once: the night finds it as it should be
    same = _night(bench, "2 % of the customers changed, judged at once", hour)
    bench.compare("first night of a month", first, floor, 1.5)
    bench.compare("everybody judged again", again, bare, 1.5, "the floor writes into a table without indexes")
    bench.compare("2 % changed past the program, beside the first night (both write)", some, first, 0.1)
    bench.compare("2 % changed and judged at once, beside everybody again (nothing to write)", same, again, 0.1)
    bench.within("peak memory of the worker", max(first.memory, again.memory, some.memory), 400, "MB")
    bench.grown("first night of a month", first)
    bench.grown("everybody judged again", again)


def _floor_bare(bench, values):
    """Return what the floor takes into a table of its own, and leave its rows there for the comparison."""
    best = None
    for _turn in range(2):
        bench.cr.execute("DROP TABLE IF EXISTS bench_floor; CREATE TABLE bench_floor (LIKE discipline_compliance)")
        bench.cr.execute("ALTER TABLE bench_floor ALTER id DROP NOT NULL")
        bench.cr.commit()
        with bench.timed("floor: plain SQL into a bare table", profile=False) as took:
            bench.cr.execute(FLOOR.format(table="bench_floor"), values)
        best = took if best is None or took.cpu < best.cpu else best
    return best


def _floor_real(bench, values):
    """Return what the floor takes into the real table, with the customers' rows; undone afterwards."""
    bench.cr.execute("SELECT count(*) FROM discipline_compliance WHERE period_id = %(period)s", values)
    assert not bench.cr.fetchone()[0], "the running month is judged already"
    with bench.timed("floor: plain SQL into the real tables", commit=False, profile=False) as took:
        bench.cr.execute(FLOOR.format(table="discipline_compliance"), values)
        bench.cr.execute(CUSTOMERS.format(table="discipline_compliance"), values)
    bench.cr.rollback()
    _vacuum(bench, "discipline_compliance", "discipline_customer")
    return took


def _vacuum(bench, *tables):
    bench.cr.commit()
    bench.cr._cnx.autocommit = True
    for table in tables:
        bench.cr.execute(f"VACUUM {table}")
    bench.cr._cnx.autocommit = False


def _night(bench, what, since):
    company = bench.company
    company.discipline_evaluated_at = since and since.replace(microsecond=0)
    bench.env.flush_all()
    bench.cr.commit()
    with bench.timed(what) as took:
        bench.env["discipline.nightly"]._step_verdicts(company)
    return took


def _compare_rows(bench, period):
    """Refuse a floor that makes other verdicts than the addon."""
    bench.cr.execute(
        f"""
        SELECT count(*) FROM (
            (SELECT {FACTS} FROM bench_floor EXCEPT ALL
             SELECT {FACTS} FROM discipline_compliance WHERE period_id = %(period)s)
             UNION ALL
            (SELECT {FACTS} FROM discipline_compliance WHERE period_id = %(period)s EXCEPT ALL
             SELECT {FACTS} FROM bench_floor)) x
        """,
        {"period": period.id},
    )
    differing = bench.cr.fetchone()[0]
    bench.cr.execute("SELECT state, count(*) FROM bench_floor GROUP BY state ORDER BY state")
    bench.say(f"verdicts that differ between floor and addon: {differing} ({dict(bench.cr.fetchall())})")
    assert not differing, "floor and addon do not make the same verdicts"


def _change_some(bench, period):
    """Let two of a hundred customers have a contact today that came past the program, an hour ago."""
    bench.cr.execute(
        """
        INSERT INTO discipline_contact
               (partner_id, customer_ref, user_id, doer_ref, responsible_id, responsible_ref, company_id, channel_id,
                outcome_id, direction, source, date, day, logged_at, logged_day, create_date, write_date)
        SELECT c.partner_id, c.partner_id, c.user_id, c.user_id, c.user_id, c.user_id, c.company_id,
               (SELECT min(id) FROM discipline_channel WHERE counts = 'always'),
               (SELECT min(id) FROM discipline_outcome WHERE counts), 'out', 'manual', %(now)s, %(today)s, %(now)s,
               %(today)s, %(now)s, %(now)s
          FROM discipline_customer c WHERE c.user_id IS NOT NULL AND c.id %% 45 = 0
        """,
        {"now": datetime.utcnow(), "today": bench.env["discipline.calendar"]._today(bench.company)},
    )
    bench.say(f"{bench.cr.rowcount:,} customers changed")
    bench.cr.commit()
