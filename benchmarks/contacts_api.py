"""Calls that telephony tells of, a thousand in one request, beside the plainest INSERT of as many rows.

    make odoo DB=bench ARGS='-i sales_discipline --skip-auto-install --without-demo --stop-after-init --no-http'
    make odoo DB=bench ARGS='shell --no-http' < benchmarks/contacts_api.py

CUSTOMERS customers (100,000) with phones, of CALLERS managers (100), are loaded by INSERT ... SELECT and get class A,
so that every call is judged. Four kinds of requests are timed: calls of managers with their own customers, the same
request once more, numbers of nobody, and calls of one person with everybody's customers, of which all managers are
told. The floor writes as many rows of the log by one INSERT: no customer is looked for, nothing is judged.

What two workers take together: two of these at once on a loaded base, PARTS=2 PART=0 and PARTS=2 PART=1, so that they
call different customers.
"""

import os
import random
import time
import uuid

COUNT = int(os.environ.get("CUSTOMERS", "100000"))
CALLERS = int(os.environ.get("CALLERS", "100"))
PART, PARTS = int(os.environ.get("PART", "0")), int(os.environ.get("PARTS", "1"))
BATCH, ROUNDS = 1000, 5


def load():
    cr = env.cr  # noqa: F821
    cr.execute("SELECT count(*) FROM res_partner WHERE ref = 'call'")
    if cr.fetchone()[0] >= COUNT:
        return
    env.company.country_id = env.ref("base.ru")  # noqa: F821
    group = env.ref("sales_team.group_sale_salesman")  # noqa: F821
    callers = (
        env["res.users"]  # noqa: F821
        .with_context(no_reset_password=True)
        .create([{"name": f"Caller {n}", "login": f"caller{n}", "group_ids": [(4, group.id)]} for n in range(CALLERS)])
    )
    env.flush_all()  # noqa: F821
    cr.execute(
        """
        INSERT INTO res_partner (name, complete_name, ref, is_company, active, type, partner_share, phone,
                                 phone_sanitized, user_id)
        SELECT 'Customer ' || n, 'Customer ' || n, 'call', TRUE, TRUE, 'contact', TRUE,
               '+7926' || lpad(n::text, 7, '0'), '+7926' || lpad(n::text, 7, '0'), (%s::int[])[1 + n %% %s]
          FROM generate_series(1, %s) n
        """,
        (callers.ids, CALLERS, COUNT),
    )
    cr.execute("UPDATE res_partner SET commercial_partner_id = id WHERE commercial_partner_id IS NULL")
    env.invalidate_all()  # noqa: F821
    env["discipline.customer"]._reconcile_base()  # noqa: F821
    env["discipline.assignment"]._sync(None)  # noqa: F821
    cr.execute(
        "UPDATE discipline_customer SET abc_class_id = %s, abc_since = '2020-01-01'",
        (env.ref("sales_discipline.discipline_abc_class_a").id,),  # noqa: F821
    )
    cr.execute("UPDATE discipline_assignment SET date_from = '2020-01-01'")
    cr.execute("ANALYZE")
    cr.commit()


def calls(prefix, count, callers=None):
    """Return a request: numbers spelled as people do, every second in full.

    :param callers: ids of the managers, each of whom calls his own customers; without them one person calls everybody
    """
    request = []
    for place in range(BATCH):
        number = 1 + PART + PARTS * random.randrange(count // PARTS)
        entry = {
            "source_ref": str(uuid.uuid4()),
            "phone": ("+7" if place % 2 else "8 ") + f"{prefix}{number:07}",
            "note": "talked",
        }
        request.append(entry | ({"user_id": callers[number % len(callers)]} if callers else {}))
    return request


def floor():
    env.cr.execute(  # noqa: F821
        """
        INSERT INTO discipline_contact (partner_id, customer_ref, user_id, doer_ref, logged_at, logged_day, company_id,
                                        date, day, source, source_ref)
        SELECT p.id, p.id, p.user_id, p.user_id, now(), now()::date, 1, now(), now()::date, 'api', 'floor:' || p.id
          FROM res_partner p WHERE p.ref = 'call' ORDER BY p.id DESC LIMIT %s
        """,
        (BATCH,),
    )
    env.cr.rollback()  # noqa: F821


def cpu():
    """Return the seconds of processor that Odoo and its database connection have used: others cannot stretch them."""
    env.cr.execute("SELECT pg_backend_pid()")  # noqa: F821
    with open(f"/proc/{env.cr.fetchone()[0]}/stat", encoding="ascii") as stat:  # noqa: F821
        ticks = stat.read().rpartition(")")[2].split()[11:13]
    return time.process_time() + sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def timed(what, function):
    times = []
    for _round in range(ROUNDS):
        env.invalidate_all()  # noqa: F821
        began, used = time.monotonic(), cpu()
        function()
        env.cr.commit()  # noqa: F821
        times.append((time.monotonic() - began, cpu() - used))
    best, used = min(time[0] for time in times), min(time[1] for time in times)
    print(f"{what}: {best:.2f} s, {used:.2f} s of processor, {BATCH / best:,.0f} a second", flush=True)


load()
Contact = env["discipline.contact"]  # noqa: F821
managers = env["res.users"].search([("login", "=like", "caller%")], order="id").ids  # noqa: F821
again = calls("926", COUNT, managers)
timed(f"floor: {BATCH} rows by one INSERT", floor)
timed(f"{BATCH} calls of managers with their customers", lambda: Contact.log_contacts(calls("926", COUNT, managers)))
Contact.log_contacts(again)
timed("the same request once more", lambda: Contact.log_contacts(again))
timed(f"{BATCH} calls of nobody's numbers", lambda: Contact.log_contacts(calls("999", COUNT)))
timed(f"{BATCH} calls of one person with everybody's customers", lambda: Contact.log_contacts(calls("926", COUNT)))
