"""The funnel screen with any filter, its advanced part, and the pipeline as of past days, beside plain SQL.

The base gets `--deals` deals (1,000,000 by default) with five changes of each on average first (deals.py). Shown is
what the server does for a call of the screen, as a supervisor with every right on opportunities, and as a manager; the
answer is written as JSON as it would be sent. Beside it stands the plainest SQL that gives the same figures from the
same tables, in the same run; the figures must be equal.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import odoo
from odoo.addons.sales_discipline.engine.funnel import route

from . import deals

#: of the funnel's figures: a row per furthest stage and end, and the median days per stage, from the deals summed up.
#: What each of the few ways through the stages means is given to it, as to the addon's own statements.
FLOOR = """
WITH route AS (
    SELECT w.path::int[], w.furthest FROM unnest(%(paths)s::text[], %(furthest)s::int[]) AS w(path, furthest)
), way AS (
    SELECT w.path::int[], w.rank, w.first, w.next
      FROM unnest(%(ways)s::text[], %(ranks)s::int[], %(firsts)s::int[], %(nexts)s::int[]) AS w(path, rank, first, next)
)
SELECT (SELECT jsonb_agg(to_jsonb(x)) FROM (
            SELECT r.furthest, d.outcome, CASE WHEN d.outcome = 'lost' THEN d.lost_reason_id END AS reason,
                   CASE WHEN d.outcome = 'open' THEN width_bucket(EXTRACT(epoch FROM %(now)s - d.entered)::float8
                                                                  / 86400, '{{30,60,90}}'::float8[]) END AS age,
                   count(*) AS deals, sum(d.amount)::float8 AS amount, sum(d.closed_after) AS seconds
              FROM discipline_deal d JOIN route r ON r.path = d.path
             WHERE d.company_id = ANY(%(companies)s) {where} GROUP BY 1, 2, 3, 4) x),
       (SELECT jsonb_agg(to_jsonb(x)) FROM (
            SELECT w.rank, percentile_cont(0.5) WITHIN GROUP (ORDER BY
                       CASE WHEN w.next IS NULL THEN d.closed_after ELSE d.seconds[w.next] END
                       - CASE WHEN w.first IS NULL THEN 0 ELSE d.seconds[w.first] END) / 86400 AS days
              FROM discipline_deal d JOIN way w ON w.path = d.path
             WHERE (w.next IS NOT NULL OR d.closed_after IS NOT NULL)
               AND d.company_id = ANY(%(companies)s) {where} GROUP BY w.rank) x)
"""
#: of the pipeline of a past day: the last change before it of every deal, from the history alone
FLOOR_OF_A_DAY = """
SELECT stage_to_ref, count(*), sum(amount)::float8 FROM (
    SELECT DISTINCT ON (lead_ref) status_to, stage_to_ref, amount FROM discipline_stage_change
     WHERE date < %(moment)s AND type = 'opportunity' AND voided_at IS NULL AND company_id = ANY(%(companies)s)
  ORDER BY lead_ref, date DESC, id DESC) x
 WHERE status_to = 'open' GROUP BY 1
"""


def run(bench):
    """Load the deals, and measure."""
    bench.cr.execute("SELECT count(*) FROM discipline_deal")
    if bench.cr.fetchone()[0] < bench.options.deals:
        changes = deals.load(bench, bench.options.deals)
        bench.say(f"{changes:,} changes")
    Screens(bench).measure()


class Screens:
    """Calls the screens' methods as a person does."""

    def __init__(self, bench):
        self.bench, self.env = bench, bench.env
        self.boss = self._person("bench_boss", "sales_team.group_sale_salesman_all_leads")
        self.cr = bench.cr
        self.cr.commit()

    def _person(self, login, group):
        Users = self.env["res.users"].with_context(no_reset_password=True)
        groups = [(6, 0, [self.env.ref(name).id for name in ("base.group_user", group)])]
        return Users.search([("login", "=", login)]) or Users.create(
            {"name": login, "login": login, "group_ids": groups}
        )

    def call(self, model, method, *arguments, user=None, env=None):
        """Call a method as the browser does; return its answer."""
        record = (env or self.env)[model].with_user(user or self.boss)
        answer = getattr(record, method)(*arguments)
        json.dumps(answer)
        return answer

    def timed(self, what, *arguments, user=None):
        """Return (what the second of two calls took, its answer): the first one warms the server's caches."""
        self.call(*arguments, user=user)
        with self.bench.timed(what, commit=False) as took:
            answer = self.call(*arguments, user=user)
        return took, answer

    def measure(self):
        """Measure the screens one after the other."""
        self.cr.execute("SELECT manager_ref FROM discipline_deal GROUP BY 1 ORDER BY count(*) DESC LIMIT 1")
        manager = self.cr.fetchone()[0]
        self.funnel(manager)
        self.advanced(manager)
        self.pipeline()

    # ------------------------------------------------------------------
    # The funnel
    # ------------------------------------------------------------------

    def filters(self, manager):
        """Return (what, filters of the screen, the same in SQL)."""
        today = self.env["discipline.calendar"]._today()
        year, quarter = today - timedelta(days=365), today - timedelta(days=90)
        team = self.env["res.users"].browse(manager).sale_team_id.id
        source = self.env["utm.source"].search([("name", "like", "Bench")], limit=1).id
        tag = self.env["crm.tag"].search([("name", "like", "Bench")], limit=1).id
        class_id = self.env["discipline.abc.class"].search([], limit=1).id
        return [
            ("no filter", {}, ""),
            ("a year of entry", {"date_from": str(year)}, "AND d.entered_day >= %(year)s"),
            ("a quarter of entry", {"date_from": str(quarter)}, "AND d.entered_day >= %(quarter)s"),
            ("the manager with most deals", {"user_id": manager}, "AND d.manager_ref = %(manager)s"),
            ("a team", {"team_id": team}, "AND d.team_ref = %(team)s"),
            ("a source", {"source_id": source}, "AND d.source_id = %(source)s"),
            ("a tag", {"tag_id": tag}, "AND d.lead_id IN (SELECT lead_id FROM crm_tag_rel WHERE tag_id = %(tag)s)"),
            ("class A", {"class_id": class_id}, "AND d.customer_id IN (SELECT partner_id FROM discipline_customer"
                                                " WHERE abc_class_id = %(class)s)"),
            ("a size", {"amount_from": 5000, "amount_to": 30000}, "AND d.amount >= 5000 AND d.amount < 30000"),
        ], {"year": year, "quarter": quarter, "manager": manager, "team": team, "source": source, "tag": tag,
            "class": class_id}  # fmt: skip

    def funnel(self, manager):
        """Measure the call of the funnel with each filter."""
        took, _answer = self.timed("what the screen offers", "discipline.funnel", "get_options")
        self.bench.within("what the screen offers to filter by", took, 2)
        asked, values = self.filters(manager)
        memory = 0
        for what, filters, where in asked:
            took, answer = self.timed(what, "discipline.funnel", "get_funnel", filters)
            memory = max(memory, took.memory)
            floor = self.floor(filters, where, values, answer)
            self.bench.within(f"the funnel, {what}", took, 2, note=f"{answer['entered']:,} deals")
            self.bench.compare(f"the funnel, {what}, beside plain SQL", took, floor, 1.5)
        self.bench.within("peak memory of the worker", memory, 400, unit="MB")
        day = str(self.env["discipline.calendar"]._today() - timedelta(days=300))
        took, answer = self.timed("as of a past day", "discipline.funnel", "get_funnel", {"as_of": day})
        self.bench.within("the funnel as of 300 days ago", took, 3, note=f"{answer['entered']:,} deals")
        user = self.env["res.users"].browse(manager)
        took, answer = self.timed("a manager's own", "discipline.funnel", "get_funnel", {}, user=user)
        self.bench.within(
            "the funnel of a manager who sees his own deals", took, 2, note=f"{answer['entered']:,} deals"
        )
        self.compared(asked[1][1], asked[2][1])

    def floor(self, filters, where, values, answer):
        """Return what plain SQL takes for the same figures, having compared them."""
        Funnel = self.env["discipline.funnel"].with_user(self.boss)
        stages = Funnel._stages(filters)
        parameters = {
            **values,
            **self.ways(stages),
            "now": Funnel._now(filters),
            "companies": self.env.companies.ids,
        }
        statement = FLOOR.format(where=where)
        self.cr.execute(statement, parameters)
        with self.bench.timed("    plain SQL", commit=False, profile=False) as took:
            self.cr.execute(statement, parameters)
            [(cells, medians)] = self.cr.fetchall()
        medians = {row["rank"]: row["days"] for row in medians or []}
        for step in answer["steps"]:
            reached = sum(cell["deals"] for cell in cells if cell["furthest"] >= step["rank"])
            if reached != step["reached"] or abs((step["median_days"] or 0) - medians.get(step["rank"], 0)) > 1e-6:
                raise AssertionError(f"plain SQL says otherwise of {step}: {reached}, {medians}")
        return took

    def ways(self, stages):
        """Return the ways of all deals, and what each means, as columns."""
        self.cr.execute("SELECT DISTINCT path FROM discipline_deal")
        routes = {f"{{{','.join(map(str, way))}}}": route(way, stages.ids) for (way,) in self.cr.fetchall()}
        stays = [(way, *stay) for way, found in routes.items() for stay in found.stays]
        return {
            "paths": list(routes),
            "furthest": [found.furthest for found in routes.values()],
            "ways": [stay[0] for stay in stays],
            "ranks": [stay[1] for stay in stays],
            "firsts": [None if stay[2] is None else stay[2] + 1 for stay in stays],
            "nexts": [None if stay[3] is None else stay[3] + 1 for stay in stays],
        }

    def compared(self, one, other):
        """Measure two funnels side by side: the browser asks for both at once, two workers answer."""
        registry = odoo.modules.registry.Registry(self.cr.dbname)

        def ask(filters):
            with registry.cursor() as cr:
                env = odoo.api.Environment(cr, odoo.SUPERUSER_ID, {})
                return self.call("discipline.funnel", "get_funnel", filters, user=self.boss.id, env=env)

        with ThreadPoolExecutor(2) as workers:
            list(workers.map(ask, (one, other)))
            with self.bench.timed("two periods side by side", commit=False, profile=False) as took:
                list(workers.map(ask, (one, other)))
        # the processor's seconds of other connections are not known here
        self.bench.within("the funnel, two periods side by side", took.seconds, 2)

    def advanced(self, manager):
        """Measure what stands behind the switch, and what a click opens."""
        for what, *arguments in (
            ("advanced analytics of all deals", "discipline.funnel.analytics", "get_analytics", {}),
            ("where a manager's difference was made", "discipline.funnel.analytics", "get_manager", {}, manager),
            ("the deals behind a number", "discipline.funnel", "get_deals_action", {}, {"rank": 4, "at": "left"}),
        ):
            took, _answer = self.timed(what, *arguments)
            self.bench.within(what, took, 10)
        with self.bench.timed("pivot", commit=False) as took:
            self.env["discipline.funnel.report"].with_user(self.boss).formatted_read_group(
                [], ["stage_id"], ["reached:sum", "passed:sum", "lost:sum"]
            )
        self.bench.within("the pivot's first page", took, 20)

    # ------------------------------------------------------------------
    # Past days
    # ------------------------------------------------------------------

    def pipeline(self):
        """Measure the pipeline as of some days, and what changed since."""
        Pipeline = self.env["discipline.pipeline"].with_user(self.boss)
        today = self.env["discipline.calendar"]._today()
        for ago, until in ((30, None), (365, None), (365, 180), (700, None)):
            filters = {"date_from": str(today - timedelta(days=ago))}
            if until:
                filters["date_to"] = str(today - timedelta(days=until))
            what = f"the pipeline {ago} days ago, and what changed {f'until {until} days ago' if until else 'since'}"
            took, answer = self.timed(what, "discipline.pipeline", "get_pipeline", filters)
            note = f"{answer['start']['deals']:,} and {answer['end']['deals']:,} open deals"
            self.bench.within(what, took, 3, note=note)
            moments = Pipeline._moments(Pipeline._clean_filters(filters))
            found = []
            with self.bench.timed("    plain SQL, both days", commit=False, profile=False) as floor:
                for moment in moments:
                    self.cr.execute(FLOOR_OF_A_DAY, {"moment": moment, "companies": self.env.companies.ids})
                    found.append({stage: count for stage, count, _amount in self.cr.fetchall()})
            for side, wanted in zip(("start", "end"), found, strict=True):
                ours = {row["stage_id"]: row[side]["deals"] for row in answer["stages"] if row[side]["deals"]}
                if ours != wanted:
                    raise AssertionError(f"plain SQL says otherwise of {filters}, {side}: {wanted}, {ours}")
            self.bench.compare(f"{what}, beside both days from the history alone", took, floor, 1.5)
        took, _answer = self.timed("forecast", "discipline.forecast", "get_forecast", {})
        self.bench.within("the forecast", took, 10)
