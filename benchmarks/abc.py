"""An ABC analysis of the whole base with XYZ: computed, then applied."""

#: the same figures by one statement, into the same table
FLOOR = """
WITH month AS (
    SELECT customer_ref, sum(amount) AS amount FROM discipline_revenue
     WHERE voided_at IS NULL AND date >= %(start)s AND date < %(end)s AND kind IN (%(kind)s, 'return')
  GROUP BY customer_ref, date_trunc('month', date)
), bought AS (
    SELECT customer_ref, sum(amount) AS amount,
           CASE WHEN sum(amount) > 0 THEN 100 * sqrt(GREATEST(
               %(months)s * sum(amount * amount) - sum(amount) * sum(amount), 0)) / sum(amount) END AS variation
      FROM month GROUP BY customer_ref
), customer AS (
    SELECT c.partner_id, COALESCE(b.amount, 0) AS amount, b.variation, c.abc_class_id, c.abc_locked
      FROM discipline_customer c LEFT JOIN bought b ON b.customer_ref = c.partner_id
     WHERE c.in_base AND c.company_id = %(company)s
), ranked AS (
    SELECT *, row_number() OVER rising AS rank, sum(amount) OVER rising - amount AS before,
           sum(amount) OVER () AS total, count(*) OVER () AS buyers
      FROM customer WHERE amount > 0 WINDOW rising AS (ORDER BY amount DESC, partner_id ROWS UNBOUNDED PRECEDING)
), ruled AS (
    SELECT *, CASE WHEN 100 * before < 80 * total THEN %(a)s WHEN 100 * before < 95 * total THEN %(b)s
                   ELSE %(c)s END AS class_id FROM ranked
 UNION ALL SELECT *, NULL, NULL, NULL, NULL, %(d)s FROM customer WHERE amount <= 0
)
INSERT INTO discipline_abc_run_line (
       run_id, company_id, partner_id, customer_ref, rank, percentile, revenue_to, share_to, cumulative, variation, xyz,
       class_from_id, class_rule_id, class_to_id, moved, known_from, create_uid, create_date, write_uid, write_date)
SELECT %(run)s, %(company)s, partner_id, partner_id, rank, (100 * rank + buyers - 1) / buyers, amount,
       round(100 * before / total, 3), round(100 * (before + amount) / total, 3), round(variation, 1),
       CASE WHEN variation <= 25 THEN 'x' WHEN variation <= 50 THEN 'y' WHEN variation IS NOT NULL THEN 'z' END,
       abc_class_id, class_id, class_id, NOT COALESCE(abc_locked, FALSE) AND abc_class_id IS DISTINCT FROM class_id,
       FALSE, 1, now() AT TIME ZONE 'UTC', 1, now() AT TIME ZONE 'UTC'
  FROM ruled
"""


def run(bench):
    """Analyse twelve months of purchases, beside the plainest statement that gives and keeps the same figures."""
    env, company = bench.env, bench.company
    classes = {row.name: row.id for row in env["discipline.abc.class"].search([])}
    analysis = env["discipline.abc.run"].create({"company_id": company.id, "margin": 0, "grace_months": 0})
    start, end = analysis._window()
    other = env["discipline.abc.run"].create({"company_id": company.id, "margin": 0, "grace_months": 0})
    values = {
        "start": start, "end": end, "kind": analysis.kind, "months": analysis.months, "company": company.id,
        "run": other.id, **{key.lower(): classes[key] for key in "ABCD"},
    }  # fmt: skip
    with bench.timed("plain SQL: lines of the analysis", profile=False) as floor:
        bench.cr.execute(FLOOR, values)
    with bench.timed("the analysis") as ours:
        analysis._compute_lines()
    bench.cr.execute(
        """
        SELECT count(*) FROM (SELECT * FROM discipline_abc_run_line WHERE run_id = %s) f
     FULL JOIN (SELECT * FROM discipline_abc_run_line WHERE run_id = %s) l ON l.customer_ref = f.customer_ref
         WHERE (f.rank, f.revenue_to, f.cumulative, f.variation, f.xyz, f.class_rule_id, f.moved) IS DISTINCT FROM
               (l.rank, l.revenue_to, l.cumulative, l.variation, l.xyz, l.class_rule_id, l.moved)
        """,
        (other.id, analysis.id),
    )
    [(different,)] = bench.cr.fetchall()
    bench.compare(f"ABC and XYZ of {bench.customers:,} customers", ours, floor, 1.5,
                  note=f"{different} lines differ from the floor's, {ours.memory:.0f} MB")  # fmt: skip
    with bench.timed("applying the analysis"):
        moved = analysis.move_count
        analysis._apply()
    bench.say(f"{moved:,} customers moved to another class")
    bench.grown(f"ABC and XYZ of {bench.customers:,} customers", ours)
