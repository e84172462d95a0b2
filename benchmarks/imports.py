"""Importing 50,000 customers with their managers and 100,000 purchases from XLSX files, step by step.

    make odoo DB=bench ARGS='-i sales_discipline --skip-auto-install --without-demo --stop-after-init --no-http'
    make odoo DB=bench ARGS='shell --no-http' < benchmarks/imports.py

Customers are loaded by INSERT ... SELECT. Every row names its customer by another key (tax number, name, e-mail,
reference), one row in fifty by a misspelt name. Nothing of it leaves the database it runs in.
"""

import base64
import io
import os
import resource
import time

import xlsxwriter

CUSTOMERS = int(os.environ.get("CUSTOMERS", "50000"))
PURCHASES = int(os.environ.get("PURCHASES", "100000"))
MANAGERS = 40


def load():
    cr = env.cr  # noqa: F821
    Users = env["res.users"].with_context(no_reset_password=True)  # noqa: F821
    if not Users.search_count([("login", "=like", "bench%")]):
        groups = [env.ref("sales_team.group_sale_salesman").id, env.ref("base.group_user").id]  # noqa: F821
        Users.create(
            [{"name": f"Менеджер Ким{n}", "login": f"bench{n}", "group_ids": [(6, 0, groups)]} for n in range(MANAGERS)]
        )
    cr.execute("SELECT count(*) FROM res_partner WHERE ref LIKE 'B-%'")
    if cr.fetchone()[0] >= CUSTOMERS:
        return
    cr.execute(
        """
        INSERT INTO res_partner (name, complete_name, is_company, active, type, partner_share, vat, email,
                                 email_normalized, ref)
        SELECT 'ООО «Торг ' || md5(n::text) || '»', 'ООО «Торг ' || md5(n::text) || '»', TRUE, TRUE, 'contact', TRUE,
               (7700000000 + n)::text, 'office' || n || '@firm' || n || '.ru', 'office' || n || '@firm' || n || '.ru',
               'B-' || n
          FROM generate_series(1, %s) n
        """,
        (CUSTOMERS,),
    )
    # the check of the foreign key would read the whole table for each row, as if it were small still
    cr.commit()
    cr.execute("ANALYZE res_partner")
    cr.execute("UPDATE res_partner SET commercial_partner_id = id WHERE commercial_partner_id IS NULL")
    env.invalidate_all()  # noqa: F821
    env["discipline.customer"]._reconcile_base()  # noqa: F821
    cr.commit()
    cr.execute("ANALYZE")


def named(index, partner):
    """Return (tax number, name, e-mail, reference) of a row: one of them, in turn."""
    name = partner[1].upper().replace("ООО ", "") + ", ооо"
    if index % 50 == 0:
        name = name.replace("ТОРГ", "ТРОГ")
        return (None, name, None, None)
    cells = [partner[2], name, partner[3], partner[4]]
    return tuple(value if index % 4 == place else None for place, value in enumerate(cells))


def workbook(headings, rows):
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"constant_memory": True})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, headings)
    for number, row in enumerate(rows, start=1):
        sheet.write_row(number, 0, row)
    book.close()
    return base64.b64encode(buffer.getvalue())


def run(kind, content, rows):
    record = env["discipline.import"].create(  # noqa: F821
        {"kind": kind, "file": content, "file_name": f"{kind}.xlsx", "skip_rejected": True}
    )
    env.cr.commit()  # noqa: F821
    for step in ("action_check", "action_apply"):
        env.invalidate_all()  # noqa: F821
        began = time.monotonic()
        getattr(record, step)()
        env.cr.commit()  # noqa: F821
        print(f"{kind}, {rows} rows, {step}: {time.monotonic() - began:.1f} s", flush=True)
    print(
        f"  ready {record.ready_count}, as they are {record.unchanged_count}, rejected {record.rejected_count}, "
        f"offered {record.offered_count}; {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB",
        flush=True,
    )


load()
env.cr.execute(  # noqa: F821
    "SELECT id, name, vat, email, ref FROM res_partner WHERE ref LIKE 'B-%%' ORDER BY id LIMIT %s", (CUSTOMERS,)
)
partners = env.cr.fetchall()  # noqa: F821
shift = int(time.time()) % MANAGERS
run(
    "portfolio",
    workbook(
        ["ИНН", "Наименование", "E-mail", "Код", "Менеджер"],
        (
            (*named(index, partner), f"Ким{(index + shift) % MANAGERS} Менеджер")
            for index, partner in enumerate(partners)
        ),
    ),
    len(partners),
)
run(
    "purchases",
    workbook(
        ["ИНН", "Контрагент", "E-mail", "Код", "Дата", "Номер", "Вид документа", "Сумма"],
        (
            (
                *named(index, partners[index * 7 % len(partners)]),
                f"{index % 28 + 1:02d}.{index % 12 + 1:02d}.2025",
                f"{shift}-{index:08d}",
                "Возврат" if index % 20 == 0 else "Реализация",
                f"{index % 9000 + 1} {index % 1000:03d},{index % 100:02d}",
            )
            for index in range(PURCHASES)
        ),
    ),
    PURCHASES,
)
