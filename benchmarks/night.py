"""Every step of a night, as the scheduled action does it: the first night of a month, and one without changes."""

import os

#: steps that are left out (SKIP=plan: its measurement is planning.py)
SKIP = os.environ.get("SKIP", "").split(",")


def run(bench):
    """Measure each step, and the long work that a night leaves to the background."""
    env, company = bench.env, bench.company
    cron = env.ref("sales_discipline.ir_cron_discipline_nightly")
    nightly = env["discipline.nightly"].with_context(cron_id=cron.id)
    most = 0
    for night in ("first night", "a night without changes"):
        for key, method in nightly._steps():
            if key in SKIP:
                continue
            with bench.timed(f"{night}: {key}") as took:
                nightly._run_step(company, key, method)
            bench.within(f"{night}: {key}", took, 60)
            most = max(most, took.memory)
        jobs = env["discipline.job"].search([("state", "=", "running"), ("kind", "!=", False)])
        for job in jobs:
            with bench.timed(f"{night}, in the background: {job.name}") as took:
                job._run()
            bench.say(f"{job.state}: {job.message or 'done'}")
            most = max(most, took.memory)
    for job in env["discipline.job"].search([("state", "=", "failed")]):
        bench.say(f"failed: {job.name}: {job.message}")
    bench.within("peak memory of the worker", most, 400, "MB")
