"""What the children do: prepare a base, do each kind of long work, and tell what came of it."""

from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from time import monotonic, sleep

from freezegun import freeze_time

CUSTOMERS = 90
#: a Monday; February can be closed, March is judged
NOW = datetime(2025, 3, 10, 9, 0)
NIGHTLY = "sales_discipline.ir_cron_discipline_nightly"
WORK = "sales_discipline.ir_cron_discipline_closing"


def small_pieces():
    """Cut the work into small pieces, so that there are many moments between them."""
    from odoo.addons.sales_discipline.models import (
        discipline_compliance_judge,
        discipline_period,
        discipline_redistribution,
        discipline_redistribution_apply,
    )

    discipline_compliance_judge.BATCH = 15
    discipline_period.AT_ONCE = 1
    discipline_redistribution.AT_ONCE = 1
    discipline_redistribution_apply.CHUNK = 5


@contextmanager
def environment(registry):
    from odoo.api import SUPERUSER_ID, Environment

    with freeze_time(NOW, tick=True), registry.cursor() as cr:
        yield Environment(cr, SUPERUSER_ID, {"no_reset_password": True, "lang": "en_US"})


# ----------------------------------------------------------------------
# The base
# ----------------------------------------------------------------------


def prepare(registry):
    """Six managers, customers with employees, deals and planned contacts, contacts in February and March."""
    from odoo.tests import new_test_user

    with environment(registry) as env:
        env["ir.cron"].search([]).active = False
        company = env.company
        company.resource_calendar_id.tz = "UTC"
        company.write({"discipline_date_start": date(2025, 1, 1), "discipline_dry_mode": False})
        env["discipline.policy"].search([("company_id", "=", company.id)]).write({"valid_from": date(2025, 1, 1)})
        salesman = "base.group_user,sales_team.group_sale_salesman"
        # in English nothing is read from files that somebody may be editing
        told = {"tz": "UTC", "lang": "en_US"}
        users = [new_test_user(env, f"manager_{n}", groups=salesman, name=f"Manager {n}", **told) for n in range(6)]
        for login, group in (("head", "sale_manager"), ("leader", "sale_salesman_all_leads")):
            new_test_user(env, login, groups=f"base.group_user,sales_team.group_{group}", name=login, **told)
        env["crm.team"].create(
            {
                "name": "Team",
                "user_id": env["res.users"].search([("login", "=", "leader")]).id,
                "member_ids": [(6, 0, [user.id for user in users])],
            }
        )
        early = env(context=dict(env.context, discipline_date=date(2025, 1, 1), tracking_disable=True))
        partners = early["res.partner"].create(
            [{"name": f"Customer {n}", "is_company": True, "user_id": users[n % 3].id} for n in range(CUSTOMERS)]
        )
        classes = [env.ref(f"sales_discipline.discipline_abc_class_{letter}") for letter in "abc"]
        for index, abc_class in enumerate(classes):
            partners.discipline_id[index::3].sudo().write({"abc_class_id": abc_class.id, "abc_since": date(2025, 1, 1)})
        people = early["res.partner"].create(
            [
                {"name": f"Employee {n}", "parent_id": partner.id, "user_id": partner.user_id.id}
                for n, partner in enumerate(partners[::3])
            ]
        )
        early["crm.lead"].create(
            [
                {"name": f"Deal {n}", "type": "opportunity", "partner_id": person.id, "user_id": person.user_id.id}
                for n, person in enumerate(people[::2])
            ]
        )
        call = env.ref("mail.mail_activity_data_call")
        for partner in partners[::4]:
            partner.activity_schedule(
                activity_type_id=call.id, summary="Call", user_id=partner.user_id.id, date_deadline=date(2025, 3, 17)
            )
        _contacts(env, partners)
        _takes_more(users)


def _takes_more(users):
    for user in users[3:]:
        user.sudo().discipline_takes_more = True


def _contacts(env, partners):
    """Log contacts as telephony would: some customers often, some seldom, some twice a day."""
    channel, outcome = (
        env.ref("sales_discipline.discipline_channel_call"),
        env.ref("sales_discipline.discipline_outcome_talked"),
    )
    days = [date(2025, 2, 3) + timedelta(days=n) for n in range(33)]
    days = [day for day in days if day.weekday() < 5]
    rows = []
    for n, partner in enumerate(partners):
        for k in range(n % 7):
            moment = datetime.combine(days[(n * 5 + k * 4) % len(days)], time(8 + k))
            rows.append(
                {
                    "partner_id": partner.id,
                    "user_id": partner.user_id.id,
                    "date": moment,
                    "logged_at": moment,
                    "channel_id": channel.id,
                    "outcome_id": outcome.id,
                    "source": "api",
                    "source_ref": f"call {n} {k}",
                }
            )
    env["discipline.contact"]._log(rows)


def _ready(env, *crons):
    for xmlid in crons:
        env.ref(xmlid).write({"active": True, "nextcall": datetime(2025, 1, 1)})


def before_evaluate(registry):
    """Everything is judged anew: nothing is known of the last night."""
    with environment(registry) as env:
        env.company.discipline_evaluated_at = False
        env["discipline.period"]._open_for(env.company, date(2025, 2, 10), ["month"])
        env.cr.execute("DELETE FROM discipline_compliance")
        env.cr.execute("UPDATE discipline_contact SET counted = NULL, rejected_reason = NULL")
        # nothing is due for closing: that is another series
        env["discipline.policy"].search([]).write({"closing_days": 20})
        _ready(env, NIGHTLY)


def before_close(registry):
    """Somebody has pressed “Close the Period”."""
    with environment(registry) as env:
        period = env["discipline.period"]._open_for(env.company, date(2025, 2, 10), ["month"])
        env["discipline.compliance"]._evaluate(period)
        period.with_user(env["res.users"].search([("login", "=", "head")])).action_close()
        _ready(env, WORK)


def _approved(env):
    period = env["discipline.period"]._open_for(env.company, date(2025, 2, 10), ["month"])
    period._close()
    giver = env["res.users"].search([("login", "=", "manager_0")])
    customers = env["discipline.customer"].search([("user_id", "=", giver.id)]).partner_id
    batch = env["discipline.redistribution"]._propose(env.company, "selection", customers, reason="Office closed")
    batch = batch.with_user(env["res.users"].search([("login", "=", "head")]))
    batch.action_approve()
    return batch


def before_apply(registry):
    """Somebody has pressed “Apply”."""
    with environment(registry) as env:
        _approved(env).action_apply()
        _ready(env, WORK)


def before_revert(registry):
    """Everything was applied, and somebody has pressed “Revert”."""
    with environment(registry) as env:
        batch = _approved(env)
        lines = batch.sudo().line_ids.filtered(lambda line: line.state == "approved")
        batch.sudo()._apply(lines)
        batch.action_revert()
        _ready(env, WORK)


# ----------------------------------------------------------------------
# The work, as Odoo's workers do it
# ----------------------------------------------------------------------


def work(registry):
    """Do what a worker for scheduled actions does: run what is ready, until nothing is left."""
    until = monotonic() + 100
    while monotonic() < until:
        with freeze_time(NOW, tick=True):
            registry["ir.cron"]._process_jobs(registry.db_name)
        with registry.cursor() as cr:
            cr.execute(
                "SELECT count(*) FROM ir_cron WHERE active AND (nextcall <= now() AT TIME ZONE 'UTC' "
                "OR id IN (SELECT cron_id FROM ir_cron_trigger WHERE call_at <= now() AT TIME ZONE 'UTC'))"
            )
            if not cr.fetchone()[0]:
                return
        # another worker is at it
        sleep(0.05)
    raise AssertionError("scheduled actions never come to an end")


def unlocked(registry):
    """Do it without the lock that Odoo keeps on a scheduled action: the program's own locks must be enough."""
    from psycopg2.extensions import TransactionRollbackError

    until = monotonic() + 100
    while monotonic() < until:
        try:
            with environment(registry) as env:
                if env.ref(NIGHTLY).active:
                    env = env(context=dict(env.context, cron_id=env.ref(NIGHTLY).id))
                    env["discipline.nightly"]._cron_run()
                env["discipline.period"]._cron_close()
            return
        except TransactionRollbackError:
            # Odoo begins anew as well
            continue
    raise AssertionError("the workers hinder one another for ever")


# ----------------------------------------------------------------------
# What came of it
# ----------------------------------------------------------------------

FIGURES = {
    "verdicts": "SELECT customer_ref, manager_ref, period_id, asked, goal, attained, counted, rejected, attempts, "
    "excused, overload, due_next, state, closed, evidence::text FROM discipline_compliance",
    "periods": "SELECT id, state, closing_at IS NOT NULL FROM discipline_period",
    "contacts": "SELECT id, counted, rejected_reason FROM discipline_contact",
    "customers": "SELECT partner_id, user_id, goal, attained, due_next, state, responsible_since "
    "FROM discipline_customer",
    "assignments": "SELECT a.customer_ref, a.manager_ref, a.date_from, a.date_to, a.origin, l.customer_ref "
    "FROM discipline_assignment a LEFT JOIN discipline_redistribution_line l ON l.id = a.redistribution_line_id",
    "managers": "SELECT id, user_id FROM res_partner",
    "activities": "SELECT res_model, res_id, activity_type_id, user_id, date_deadline, active, summary "
    "FROM mail_activity",
    "deals": "SELECT id, user_id, team_id FROM crm_lead",
    "changes of deals": "SELECT lead_ref, kind, count(*) FROM discipline_stage_change GROUP BY 1, 2",
    "followers": "SELECT res_model, res_id, partner_id FROM mail_followers WHERE res_model IN "
    "('res.partner', 'crm.lead')",
    "lines": "SELECT customer_ref, user_from_id, user_to_id, state, skip_reason, applied_on, error "
    "FROM discipline_redistribution_line",
    "batches": "SELECT id, state, applied_at IS NULL, reverted_at IS NULL FROM discipline_redistribution",
    "messages": "SELECT model, res_id, message_type, subject, author_id, count(*) FROM mail_message "
    "WHERE model IN ('discipline.redistribution', 'res.partner', 'crm.lead') GROUP BY 1, 2, 3, 4, 5",
    "told": "SELECT n.res_partner_id, m.subject, count(*) FROM mail_notification n "
    "JOIN mail_message m ON m.id = n.mail_message_id GROUP BY 1, 2",
    # a night that is run again judges again: another entry, the same verdicts
    "work": "SELECT DISTINCT kind, state, message FROM discipline_job",
}

#: each of them names what is broken; nothing is expected
INVARIANTS = {
    "intervals of a customer that overlap": """
        SELECT a.customer_ref FROM discipline_assignment a JOIN discipline_assignment b
            ON a.customer_ref = b.customer_ref AND a.id < b.id
           AND daterange(a.date_from, a.date_to) && daterange(b.date_from, b.date_to)""",
    "customers whose history does not end with their manager": """
        SELECT c.partner_id FROM discipline_customer c JOIN res_partner p ON p.id = c.partner_id
          LEFT JOIN discipline_assignment a ON a.customer_ref = c.partner_id AND a.date_to IS NULL
         WHERE c.in_base AND (p.user_id IS DISTINCT FROM a.manager_ref OR c.user_id IS DISTINCT FROM a.manager_ref)""",
    "customers with two verdicts of one manager in a period": """
        SELECT customer_ref FROM discipline_compliance GROUP BY customer_ref, manager_ref, period_id
        HAVING count(*) > 1""",
    "verdicts of closed periods that are not final": """
        SELECT v.id FROM discipline_compliance v JOIN discipline_period p ON p.id = v.period_id
         WHERE p.state = 'closed' AND v.closed IS NOT TRUE""",
    "verdicts in which windows got lost": """
        SELECT customer_ref FROM discipline_compliance GROUP BY customer_ref, period_id
        HAVING sum(goal + excused) > max(asked)""",
    "customers to get acquainted with twice": """
        SELECT res_id FROM mail_activity WHERE res_model = 'res.partner' AND active AND summary LIKE 'Get acquainted%'
         GROUP BY res_id HAVING count(*) > 1""",
    "customers in two open redistributions": """
        SELECT customer_ref FROM discipline_redistribution_line WHERE state IN ('proposed', 'approved')
         GROUP BY 1 HAVING count(*) > 1""",
    "applied lines whose customer is elsewhere": """
        SELECT l.customer_ref FROM discipline_redistribution_line l JOIN res_partner p ON p.id = l.customer_ref
         WHERE l.state = 'applied' AND p.user_id IS DISTINCT FROM l.user_to_id""",
    "employees who did not follow": """
        SELECT e.id FROM res_partner e JOIN discipline_redistribution_line l ON l.customer_ref = e.parent_id
         WHERE l.state = 'applied' AND e.user_id IS DISTINCT FROM l.user_to_id""",
}


def figures(registry):
    """Return all that the work may change, in an order that does not depend on ids of new rows."""
    with registry.cursor() as cr:
        told = {}
        for name, query in FIGURES.items():
            cr.execute(f"SELECT x::text FROM ({query}) x ORDER BY 1")
            told[name] = [row for (row,) in cr.fetchall()]
        return told


def broken(registry):
    """Return the invariants that do not hold, with some of the rows; also between a kill and the resuming."""
    with registry.cursor() as cr:
        found = {}
        for name, query in INVARIANTS.items():
            cr.execute(query)
            rows = cr.fetchall()
            if rows:
                found[name] = rows[:5]
        return found


def look(registry):
    """Return the invariants that do not hold, and the figures."""
    return [broken(registry), figures(registry)]


# ----------------------------------------------------------------------
# Two workers tell of one contact
# ----------------------------------------------------------------------


def two_tellers(registry):
    """Log one talk by hand and by telephony in two transactions at once: neither sees the other's row at first.

    :return: how the second one ended at its first attempt, and by which sources the contact stands in the log
    """
    from odoo.api import SUPERUSER_ID, Environment
    from psycopg2.errors import SerializationFailure

    with freeze_time(NOW, tick=True), registry.cursor() as first, registry.cursor() as second:
        by_hand, telephony = (Environment(cr, SUPERUSER_ID, {"lang": "en_US"}) for cr in (first, second))
        customer = by_hand["discipline.customer"].search([("user_id", "!=", False)], order="id", limit=1)
        told = {"partner_id": customer.partner_id.id, "user_id": customer.user_id.id, "date": NOW}
        # the second one's picture of the base is older than what the first one writes
        telephony["discipline.contact"].search_count([])
        by_hand["discipline.contact"]._log([told])
        by_hand.flush_all()
        first.commit()
        call = {**told, "source": "api", "source_ref": "api:at once"}
        try:
            telephony["discipline.contact"]._log([call])
            telephony.flush_all()
            ended = "passed by"
        except SerializationFailure:
            ended = "tries again"
        second.rollback()
        telephony.invalidate_all()
        # as Odoo does with whatever could not be serialised
        contact = telephony["discipline.contact"]._log([call])
        second.commit()
        rows = telephony["discipline.contact"].search_count(
            [("partner_id", "=", customer.partner_id.id), ("date", "=", NOW)]
        )
        return [ended, rows, sorted([contact.source, *contact.source_ids.mapped("source")])]
