"""Proposing receivers for many customers, and moving them, beside Odoo's own write of the salesperson."""

import os
from unittest.mock import MagicMock, patch

#: so many are proposed and moved, where the base is as large (PROPOSED=1000 for a quick look)
PROPOSED = int(os.environ.get("PROPOSED", "100000"))
#: so many are written one by one in plain Odoo
SAMPLE = 300


def run(bench):
    """Propose and apply a batch of orphans, and what a supervisor selected; then do the same by hand."""
    one = _plain_write(bench)
    company = bench.company
    Batch = bench.env["discipline.redistribution"]
    # the proposal and the messages about it are measured apart: a message a manager costs what Odoo's messages cost
    company.discipline_dry_mode = True
    with bench.timed("proposing receivers for the orphans") as orphans:
        batch = Batch._propose_orphans(company)
    count = len(batch.line_ids)
    bench.say(f"{count:,} orphans, {len(batch.line_ids.filtered('user_to_id')):,} of them placed")
    bench.within(f"proposing {count:,} orphans", orphans, 30)
    company.discipline_dry_mode = False
    with bench.timed("telling the managers") as told:
        batch._propose_now()
    bench.say(f"{told.cpu / max(1, len(batch.line_ids.user_to_id)):.3f} s of the processor a manager")
    applied, moved = _apply(bench, batch)
    bench.faster(f"moving {moved:,} orphans", applied, one.times(moved), 15, _note())
    company.discipline_dry_mode = True
    customers = bench.env["discipline.customer"].search(
        [("user_id", "!=", False), ("partner_id", "not in", batch.line_ids.partner_id.ids)], limit=PROPOSED
    )
    with bench.timed("proposing receivers for held customers") as held:
        batch = Batch._propose(company, "selection", customers.partner_id, reason="Benchmark")
    count = len(batch.line_ids)
    bench.say(f"{count:,} customers, {len(batch.line_ids.filtered('user_to_id')):,} of them placed")
    bench.within(f"proposing {count:,} held customers", held, 30)
    company.discipline_dry_mode = False
    batch.write({"state": "proposed"})
    applied, moved = _apply(bench, batch)
    bench.faster(f"moving {moved:,} held customers", applied, one.times(moved), 15, _note())
    bench.within("peak memory of the worker, proposing", max(orphans.memory, held.memory), 400, "MB")
    bench.within("peak memory of the worker, moving", applied.memory, 400, "MB")


def _note():
    return f"one by one with mails, extrapolated from {SAMPLE}"


def _apply(bench, batch):
    """Approve and apply a batch as the program does, with history, people, plans and deals; check that they moved."""
    lines = batch.line_ids.filtered(lambda line: line.state == "proposed")[:PROPOSED]
    lines.write({"state": "approved"})
    bench.cr.commit()
    with bench.timed(f"moving {len(lines):,} customers") as took:
        batch._apply(lines)
    bench.cr.execute(
        """
        SELECT count(*), count(*) FILTER (WHERE p.user_id = l.user_to_id AND c.user_id = l.user_to_id),
               count(a.id), count(*) FILTER (WHERE x.id IS NOT NULL)
          FROM discipline_redistribution_line l
          JOIN res_partner p ON p.id = l.partner_id
          JOIN discipline_customer c ON c.partner_id = p.id
     LEFT JOIN discipline_assignment a ON a.customer_ref = p.id AND a.redistribution_line_id = l.id
                                      AND a.manager_ref = l.user_to_id AND a.date_to IS NULL
     LEFT JOIN LATERAL (SELECT e.id FROM res_partner e WHERE e.parent_id = p.id AND e.user_id = l.user_from_id
                         UNION ALL
                        SELECT m.id FROM mail_activity m WHERE m.res_model = 'res.partner' AND m.res_id = p.id
                           AND m.active AND m.user_id = l.user_from_id LIMIT 1) x ON TRUE
         WHERE l.redistribution_id = %s AND l.state = 'applied'
        """,
        [batch.id],
    )
    moved, held, history, left = bench.cr.fetchone()
    assert moved == held == history, f"{moved} moved, {held} are held by their receivers, {history} have the history"
    assert not left, f"{left} customers have people or plans that stayed behind"
    return took, moved


def _plain_write(bench):
    """Return what plain Odoo needs for one customer, with its mail; the mail server swallows it."""
    with bench.plain() as env:
        users = env["res.users"].with_context(no_reset_password=True).create(
            [{"name": f"Seller {n}", "login": f"seller{n}@example.com", "email": f"seller{n}@example.com",
              "group_ids": [(4, env.ref("sales_team.group_sale_salesman").id)]} for n in range(2)]
        )  # fmt: skip
        partners = env["res.partner"].create(
            [{"name": f"Customer {n}", "is_company": True, "user_id": users[0].id} for n in range(SAMPLE + 20)]
        )
        env.flush_all()
        for partner in partners[:20]:
            partner.user_id = users[1]
            env.flush_all()
        env.cr.postcommit.clear()
        server = env.registry["ir.mail_server"]
        sent = []

        def send(_self, message, *_args, **_options):
            sent.append(message["To"])
            return message["Message-Id"]

        with (
            patch.object(server, "_connect__", lambda *_args, **_options: MagicMock()),
            patch.object(server, "send_email", send),
            bench.timed(f"plain Odoo: the salesperson of {SAMPLE} customers, one by one") as took,
        ):
            for partner in partners[20:]:
                partner.write({"user_id": users[1].id})
                env.cr.commit()
        bench.say(f"{len(sent)} mails sent")
        assert len(sent) == SAMPLE, "plain Odoo did not tell of every customer"
    return took.times(1 / SAMPLE)
