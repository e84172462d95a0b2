"""The nightly plan of next contacts for the whole base, and the activities of the next ten days."""

COUNT = 5_000
#: number each manager's customers by what is due, and fill his days in this order
FLOOR = """
UPDATE discipline_customer c
   SET next_contact_date = (%(days)s::date[])[1 + (n.r - 1) / %(capacity)s], next_planned = TRUE
  FROM (SELECT id, row_number() OVER (PARTITION BY user_id ORDER BY due_next, abc_class_id, id) AS r
          FROM discipline_customer
         WHERE in_base AND user_id IS NOT NULL AND next_contact_date IS NULL AND abc_class_id = ANY(%(classes)s)) n
 WHERE n.id = c.id
"""


def run(bench):
    """Plan the whole base as the night does after judging it."""
    env, cr, company = bench.env, bench.cr, bench.company
    env["discipline.nightly"]._step_verdicts(company)
    cr.commit()
    _vacuum(bench)
    planning = env["discipline.planning"]
    days = env["discipline.calendar"]._working_days(company, *_year(env, company))
    values = {"days": list(days), "capacity": company.discipline_capacity_per_day,
              "classes": env["discipline.norm"].search([]).abc_class_id.ids}  # fmt: skip
    with bench.timed("floor: days in order", commit=False, profile=False) as floor:
        cr.execute(FLOOR, values)
    cr.rollback()
    _vacuum(bench)
    with bench.timed("planning the whole base") as first:
        count = planning._plan_company(company)
    bench.say(f"{count:,} customers planned")
    with bench.timed("planning again") as again:
        planning._plan_company(company)
    bench.compare("planning the whole base", first, floor, 2)
    bench.compare("planning again, nothing to do", again, floor, 2)
    bench.within("peak memory of the worker", first.memory, 400, "MB")
    bench.grown("planning the whole base", first)
    plain, ours = _activities(bench, planning, company)
    bench.compare(f"{COUNT:,} activities of the next ten days", ours, plain, 1)


def _year(env, company):
    today = env["discipline.calendar"]._today(company)
    return today, today.replace(year=today.year + 1)


def _vacuum(bench):
    bench.cr.commit()
    bench.cr._cnx.autocommit = True
    bench.cr.execute("VACUUM ANALYZE discipline_customer")
    bench.cr._cnx.autocommit = False


def _activities(bench, planning, company):
    """Return what as many activities, take, made by plain Odoo in batches of a thousand and by the plan."""
    with bench.plain() as env:
        user = env["res.users"].with_context(no_reset_password=True).create({"name": "S", "login": "s@example.com"})
        partners = env["res.partner"].create([{"name": f"Customer {n}"} for n in range(COUNT)])
        model, call = env["ir.model"]._get_id("res.partner"), env.ref("mail.mail_activity_data_call")
        Activity = env["mail.activity"].with_context(mail_activity_quick_update=True)
        env.flush_all()
        with bench.timed(f"plain Odoo: {COUNT:,} activities", commit=False) as plain:
            for begin in range(0, COUNT, 1000):
                Activity.create([
                    {"activity_type_id": call.id, "res_model_id": model, "res_id": partner.id, "user_id": user.id,
                     "date_deadline": "2030-01-01", "automated": True} for partner in partners[begin : begin + 1000]
                ])  # fmt: skip
                env.flush_all()
                env.invalidate_all()
    # as many are left to be made
    bench.cr.execute(
        """
        UPDATE discipline_customer SET next_planned = FALSE WHERE next_planned AND id NOT IN (
            SELECT id FROM discipline_customer WHERE next_planned ORDER BY next_contact_date, user_id, id LIMIT %s)
        """,
        [COUNT],
    )
    with bench.timed(f"the plan: {COUNT:,} activities", commit=False) as ours:
        made = planning._create_activities(company)
    bench.cr.rollback()
    bench.say(f"{made:,} activities made")
    return plain, ours.times(COUNT / max(made, 1))
