"""Proposing receivers for many customers, and moving them, beside Odoo's own write of the salesperson."""

import os
from unittest.mock import MagicMock, patch

#: so many are withdrawn for missed norms, proposed and moved; a tenth of a smaller base (PROPOSED=1000: a quick look)
PROPOSED = int(os.environ.get("PROPOSED", "100000"))
#: so many of them are moved (APPLIED=30000 where there is less time)
APPLIED = int(os.environ.get("APPLIED", "100000"))
#: so many of the orphans are moved: few customers for each of many receivers
ORPHANS = 10_000
#: so many are written one by one in plain Odoo
SAMPLE = 300


def run(bench):
    """Propose and apply missed norms to some hundred receivers, and orphans, few to each; the same by hand.

    In the order of a night: what a closed period withdraws comes before the orphans.
    """
    one = _plain_write(bench)
    Batch = bench.env["discipline.redistribution"]
    period = _policy(bench)
    batch = _propose(bench, "missed norms", lambda: Batch._propose_missed(period))
    missed = _apply(bench, batch, APPLIED)
    bench.faster(f"moving {missed.moved:,} customers", missed, one.times(missed.moved), 15, _note())
    _cancel_rest(bench, batch)
    batch = _propose(bench, "orphans", lambda: Batch._propose_orphans(bench.company))
    orphans = _apply(bench, batch, ORPHANS)
    bench.faster(f"moving {orphans.moved:,} orphans", orphans, one.times(orphans.moved), 15, _note())
    _cancel_rest(bench, batch)
    bench.within("peak memory of the worker, moving", max(orphans.memory, missed.memory), 400, "MB")
    _looked_at(bench, period)


def _note():
    return f"one by one with mails, extrapolated from {SAMPLE}"


def _policy(bench):
    """Let the policy withdraw as many as are to be proposed, evenly; give them to who keeps his norms best.

    Of those who take more customers three of five attain enough.

    :return: the period whose missed norms are judged
    """
    env, company = bench.env, bench.company
    period = env["discipline.period"].search(
        [("company_id", "=", company.id), ("state", "=", "closed")], order="date_end desc", limit=1
    )
    shares = env["discipline.redistribution"]._attainments(company, period)
    takers = env["res.users"].search([("discipline_takes_more", "=", True)])
    ranked = sorted(shares[user] for user in takers.ids if user in shares)
    bench.cr.execute(
        """
        UPDATE discipline_policy
           SET cap_per_manager = %s, intake_cap = 0, receiver_attainment = %s, missed_needed = 1, missed_of = 2,
               missed_share = 100
         WHERE company_id = %s
        """,
        [max(1, min(PROPOSED, bench.customers // 10) // bench.options.managers), ranked[2 * len(ranked) // 5],
         company.id],
    )  # fmt: skip
    bench.cr.execute("DELETE FROM discipline_policy_line")
    env.invalidate_all()
    bench.cr.commit()
    return period


def _propose(bench, what, propose):
    """Measure a proposal, and the messages about it apart: a message a manager costs what Odoo's messages cost."""
    company = bench.company
    company.discipline_dry_mode = True
    with bench.timed(f"proposing receivers: {what}") as took:
        batch = propose()
    company.discipline_dry_mode = False
    count = len(batch._lines_in("proposed", "skipped"))
    placed = len(batch._lines_in("proposed"))
    bench.cr.execute(
        "SELECT count(DISTINCT user_to_id) FROM discipline_redistribution_line WHERE redistribution_id = %s", [batch.id]
    )
    receivers = bench.cr.fetchone()[0]
    bench.say(f"{count:,} customers, {placed:,} of them placed with {receivers:,} receivers")
    bench.within(f"proposing {count:,} customers: {what}", took, 30)
    bench.within(f"peak memory of the worker, proposing: {what}", took.memory, 400, "MB")
    with bench.timed("telling the managers") as told:
        batch._propose_now()
    managers = len(batch.manager_ids.filtered(lambda row: row.gives or row.receives))
    bench.say(f"{told.cpu / max(1, managers):.4f} s of the processor for each of {managers:,} managers")
    return batch


def _apply(bench, batch, limit=None):
    """Approve and apply a batch as the program does, with history, people, plans and deals; check that they moved."""
    lines = batch._lines_in("proposed", limit=limit)
    with bench.timed(f"approving {len(lines):,} customers"):
        lines._skip_hindered()
        lines._in_state("proposed")._set_state("approved")
        batch._settle()
    lines = batch._lines_in("approved")
    batch._in_background("apply", lines)
    bench.cr.commit()
    job = bench.env["discipline.job"].search([("redistribution_id", "=", batch.id), ("kind", "=", "apply")])
    with bench.timed(f"moving {len(lines):,} customers") as took:
        job._run()
    assert job.state == "done", job.message
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
    took.moved, held, history, left = bench.cr.fetchone()
    assert took.moved == held == history, f"{took.moved} moved, {held} are held by their receivers, {history} recorded"
    assert not left, f"{left} customers have people or plans that stayed behind"
    return took


def _looked_at(bench, period):
    """Measure what a supervisor looks at before and afterwards: the replay of a policy, the handover outcome."""
    env = bench.env
    replay = env["discipline.policy.replay"].create({"policy_id": period.policy_id.id})
    with bench.timed("replay of the policy over the closed months") as took:
        replay.action_replay()
        if job := replay.job_id.sudo():
            # as the scheduled action does it
            job._run()
    bench.say(f"{replay.summary}")
    bench.within("replay of the policy", took, 10)
    bench.within("peak memory of the worker, replaying", took.memory, 400, "MB")
    # as if they had moved ten days ago
    bench.cr.execute("UPDATE discipline_redistribution_line SET applied_on = applied_on - 10 WHERE state = 'applied'")
    bench.cr.execute("ANALYZE discipline_redistribution_line")
    Outcome = env["discipline.handover.outcome"]
    with bench.timed("handover outcome by side and class") as took:
        groups = Outcome._read_group(
            [], ["side", "abc_class_id"],
            ["customers:sum", "contacts_before_each:avg", "contacts_after_each:avg", "purchases_before_each:avg",
             "purchases_after_each:avg"],
        )  # fmt: skip
    bench.say(f"{[(side, name.name, customers) for side, name, customers, *_figures in groups]}")
    bench.within("handover outcome, each grouping", took, 10)
    with bench.timed("handover outcome, first page of the list") as took:
        Outcome.search([], limit=80).mapped("customers")
    bench.within("handover outcome, first page of the list", took, 10)


def _cancel_rest(bench, batch):
    """Leave alone those that were proposed only."""
    with bench.timed("cancelling the others"):
        batch._lines_in("proposed")._set_state("waived")
        batch._settle()


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
