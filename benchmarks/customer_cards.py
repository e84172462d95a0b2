"""Scoring 1,000,000 customer cards after a changed rule, beside the plainest SQL that counts the same fields.

    make odoo DB=bench ARGS='-i sales_discipline --skip-auto-install --without-demo --stop-after-init --no-http'
    make odoo DB=bench ARGS='shell --no-http' < benchmarks/customer_cards.py

The base is loaded by INSERT ... SELECT, as no import would be this fast: 1,000,000 companies, 500,000 employees with
phones, a tenth of the phones and e-mails missing, a tenth of the streets placeholders. Nothing of it leaves the
database it runs in.
"""

import os
import time

COUNT = int(os.environ.get("CARDS", "1000000"))


def timed(what, function):
    began = time.monotonic()
    function()
    env.cr.commit()  # noqa: F821
    print(f"{what}: {time.monotonic() - began:.1f} s", flush=True)


def load():
    cr = env.cr  # noqa: F821
    cr.execute("SELECT count(*) FROM discipline_customer")
    if cr.fetchone()[0] >= COUNT:
        return
    # what a base import pays for text search is not measured here
    cr.execute("DROP INDEX IF EXISTS res_partner_phone_partial_gin_idx, res_partner_phone_partial_tgm")
    cr.execute(
        """
        INSERT INTO res_partner (name, complete_name, is_company, active, type, partner_share, phone, phone_sanitized,
                                 email, email_normalized, street, city, industry_id)
        SELECT 'Card ' || n, 'Card ' || n, TRUE, TRUE, 'contact', TRUE,
               CASE WHEN n %% 10 = 0 THEN NULL ELSE '+7 49' || (10000000 + n) END,
               CASE WHEN n %% 10 = 0 THEN NULL ELSE '+749' || (50000000 + n) END,
               CASE WHEN n %% 10 = 1 THEN NULL ELSE 'office' || n || '@mail.ru' END,
               CASE WHEN n %% 10 = 1 THEN NULL ELSE 'office' || n || '@mail.ru' END,
               CASE WHEN n %% 10 = 2 THEN '-' ELSE 'Lenina ' || n END, 'Kazan',
               CASE WHEN n %% 2 = 0 THEN (SELECT min(id) FROM res_partner_industry) END
          FROM generate_series(1, %s) n
        """,
        (COUNT,),
    )
    cr.execute("UPDATE res_partner SET commercial_partner_id = id WHERE commercial_partner_id IS NULL")
    cr.execute(
        """
        INSERT INTO res_partner (name, complete_name, is_company, active, type, partner_share, phone, phone_sanitized,
                                 parent_id, commercial_partner_id)
        SELECT 'Buyer', 'Buyer', FALSE, TRUE, 'contact', TRUE, '+7 49', '+747' || (50000000 + p.id), p.id, p.id
          FROM res_partner p WHERE p.is_company AND p.name LIKE 'Card %' AND p.id % 2 = 0
        """
    )
    cr.execute(
        """
        INSERT INTO discipline_customer (partner_id, company_id, in_base, state)
        SELECT p.id, (SELECT min(id) FROM res_company), TRUE, 'none' FROM res_partner p WHERE p.name LIKE 'Card %'
        """
    )
    cr.commit()
    cr.execute("ANALYZE res_partner")
    cr.execute("ANALYZE discipline_customer")


def floor():
    """Count the same five fields and write the score: no validity, no memory of what was earned."""
    env.cr.execute(  # noqa: F821
        """
        UPDATE discipline_customer c
           SET profile_score = 20 * ((p.phone_sanitized IS NOT NULL)::int + (p.email_normalized IS NOT NULL)::int
                                     + (p.street NOT IN ('', '-'))::int + (p.industry_id IS NOT NULL)::int
                                     + (e.pid IS NOT NULL)::int)
          FROM res_partner p
     LEFT JOIN (SELECT DISTINCT commercial_partner_id AS pid FROM res_partner
                 WHERE commercial_partner_id != id AND phone_sanitized IS NOT NULL) e ON e.pid = p.id
         WHERE p.id = c.partner_id
        """
    )


def rescore():
    """As the scheduled action does it: batches, each committed."""
    job = env["discipline.job"].create({"name": "bench", "kind": "profile", "total": COUNT})  # noqa: F821
    while job._profile_batch():
        env.cr.commit()  # noqa: F821


timed(f"load {COUNT} customers", load)
timed("floor: one plain UPDATE", floor)
timed("first scoring (every e-mail judged once, every value remembered)", rescore)
rule = env.ref("sales_discipline.discipline_profile_rule_phone")  # noqa: F821
env.cr.execute("UPDATE discipline_profile_rule SET weight = weight + 1 WHERE id = %s", (rule.id,))  # noqa: F821
env.registry.clear_cache()  # noqa: F821
env.invalidate_all()  # noqa: F821
timed("scoring anew after a changed rule", rescore)
