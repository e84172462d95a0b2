"""What an opportunity costs with the addon, beside plain Odoo: a drag to another stage, and 1,000 new leads.

    make odoo DB=plain ARGS='-i crm --skip-auto-install --without-demo --stop-after-init --no-http'
    make odoo DB=bench ARGS='-i sales_discipline --skip-auto-install --without-demo --stop-after-init --no-http'
    make odoo DB=bench ARGS='shell --no-http' < benchmarks/sales.py

Both databases are used in this one process, in turn, by a salesman whom the addon takes for a person at work; each
round begins with an empty cache and ends with a commit. Shown are medians, and the spread of the rounds.
"""

import gc
import os
import time
from contextlib import contextmanager
from statistics import median, quantiles

from odoo.api import Environment
from odoo.modules.registry import Registry
from odoo.service.server import thread_local

DRAGS = int(os.environ.get("DRAGS", "200"))
BATCHES = int(os.environ.get("BATCHES", "9"))
LEADS = 1000
NAMES = {"plain Odoo": os.environ.get("PLAIN", "plain"), "with the addon": env.cr.dbname}  # noqa: F821


class Side:
    """One of the two databases."""

    def __init__(self, database):
        self.registry = Registry(database)
        with self.work(1) as fresh:
            user = fresh["res.users"].search([("login", "=", "bench_sales")]) or fresh["res.users"].create(
                {
                    "name": "Bench",
                    "login": "bench_sales",
                    "group_ids": [(4, fresh.ref("sales_team.group_sale_salesman").id)],
                }
            )
            customers = fresh["res.partner"].create([{"name": f"Customer {n}", "is_company": True} for n in range(50)])
            self.user, self.customers = user.id, customers.ids
            self.stages = fresh["crm.stage"].search([("is_won", "=", False)], limit=2).ids
            self.deal = fresh["crm.lead"].create(self.values(0)).id

    @contextmanager
    def work(self, user=None):
        """Lend an environment with an empty cache; what is done there is committed."""
        with self.registry.cursor() as cr:
            yield Environment(cr, user or self.user, {})

    def values(self, number):
        return {
            "name": f"Deal {number}",
            "type": "opportunity",
            "partner_id": self.customers[number % 50],
            "user_id": self.user,
            "stage_id": self.stages[0],
            "expected_revenue": 100 + number,
        }

    def measure(self, function):
        """Return (milliseconds, queries) of one round, its commit included."""
        gc.collect()
        with self.registry.cursor() as cr:
            fresh = Environment(cr, self.user, {})
            # who comes is known before the clock starts
            fresh.user.has_group("base.group_user")
            before, began = cr.sql_log_count, time.perf_counter()
            function(fresh)
            cr.commit()
            return 1000 * (time.perf_counter() - began), cr.sql_log_count - before

    def drag(self, fresh):
        """Move the deal as the kanban board does."""
        deal = fresh["crm.lead"].browse(self.deal)
        stage = self.stages[deal.stage_id.id == self.stages[0]]
        deal.web_save({"stage_id": stage}, {})

    def batch(self, fresh):
        fresh["crm.lead"].create([self.values(number) for number in range(LEADS)])


def compare(what, method, rounds):
    """Print the medians of both sides, measured in turn."""
    taken = {name: [] for name in sides}
    for number in range(rounds + 2):
        # whoever comes second finds the machine warmer: they take turns
        for name in sorted(sides, reverse=number % 2):
            figures = sides[name].measure(getattr(sides[name], method))
            # the first rounds fill caches that every server has after its first minute
            if number >= 2:
                taken[name].append(figures)
    print(f"\n{what}, {rounds} rounds each")
    times = {}
    for name, figures in taken.items():
        milliseconds = [figure[0] for figure in figures]
        times[name] = median(milliseconds)
        low, _middle, high = quantiles(milliseconds, n=4)
        queries = median(figure[1] for figure in figures)
        print(f"  {name:<15} {times[name]:9.1f} ms ({low:.1f} to {high:.1f}), {queries:.0f} queries")
    plain, ours = times.values()
    more = median(figure[1] for figure in taken["with the addon"]) - median(f[1] for f in taken["plain Odoo"])
    print(
        f"  the addon adds  {ours - plain:9.1f} ms, {more:.0f} queries: {ours / plain:.2f} times plain Odoo", flush=True
    )


# what the server knows of an RPC call: the addon asks persons for reasons and requirements, programs not
thread_local.rpc_model_method = "crm.lead.web_save"
sides = {name: Side(database) for name, database in NAMES.items()}
compare("A drag to another stage, committed", "drag", DRAGS)
compare(f"{LEADS} leads created at once, committed", "batch", BATCHES)
