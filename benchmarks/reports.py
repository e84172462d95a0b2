"""The first page of every screen in the menu, as its action opens it: the server's time for the data."""

import datetime

from dateutil.relativedelta import relativedelta
from lxml import etree
from odoo.fields import Domain
from odoo.tools import safe_eval as evaluator
from odoo.tools.safe_eval import safe_eval

PAGE = 80
#: the client's own limit of counting
COUNTED = 10_001


def run(bench):
    """Open what stands in the menu, in its first view, as a Sales administrator who sees everything."""
    nightly = bench.env["discipline.nightly"]
    with bench.timed("purchases added up for the reports that keep them"):
        nightly._step_purchases(bench.company)
    nightly._step_verdicts(bench.company)
    _days(bench)
    bench.cr.commit()
    bench.cr._cnx.autocommit = True
    bench.cr.execute("VACUUM ANALYZE discipline_buying, discipline_portfolio_origin, discipline_plan_day")
    bench.cr._cnx.autocommit = False
    user = bench.env.ref("base.user_admin")
    user.group_ids |= bench.env.ref("sales_team.group_sale_manager")
    bench.env = bench.env(user=user.id, su=False)
    root = bench.env.ref("sales_discipline.menu_discipline_root")
    menus = bench.env["ir.ui.menu"].sudo().search([("id", "child_of", root.id), ("action", "!=", False)])
    seconds = {}
    for menu in menus:
        if menu.action._name != "ir.actions.act_window":
            continue
        action = bench.env["ir.actions.act_window"]._for_xml_id(menu.action.get_external_id()[menu.action.id])
        mode = action["view_mode"].split(",")[0]
        try:
            opening = _opening(bench.env, action, mode)
            opening()
            bench.env.flush_all()
            with bench.timed(commit=False) as took:
                opening()
        except Exception as error:
            bench.cr.rollback()
            bench.say(f"{menu.complete_name}: {type(error).__name__}: {str(error)[:200]}")
            continue
        seconds[menu.complete_name] = took
        bench.say(f"{took.seconds:6.2f} s {took.queries:4} queries  {menu.complete_name} ({mode})")
        bench.cr.rollback()
    for name, value in sorted(seconds.items(), key=lambda item: -item[1].cpu)[:12]:
        bench.within(name, value, 1)


def _days(bench):
    """Insert a year of days: what every manager had planned, and what quota of cards he had."""
    company = bench.company
    today = bench.env["discipline.calendar"]._today(company)
    begin = today - datetime.timedelta(days=365)
    days = list(bench.env["discipline.calendar"]._working_days(company, begin, today - datetime.timedelta(days=1)))
    for table, columns, values in (
        ("discipline_plan_day", "planned, overdue", "u.id %% 15, u.id %% 7"),
        ("discipline_profile_day", "quota, left_count", "5, u.id %% 300"),
    ):
        bench.cr.execute(
            f"""
            INSERT INTO {table} (user_id, manager_ref, company_id, day, {columns})
            SELECT u.id, u.id, %s, d, {values}
              FROM unnest(%s::date[]) AS d
              JOIN (SELECT DISTINCT user_id AS id FROM discipline_customer WHERE user_id IS NOT NULL) u ON TRUE
                ON CONFLICT DO NOTHING
            """,
            [company.id, days],
        )


def _filters(env, arch, context, names):
    """Return (domain, fields to group by) of the filters that are on: those between two separators are alternatives."""
    domain, groups, alternatives, chosen = Domain.TRUE, [], [], {}
    for key, value in context.items():
        if key.startswith("search_default_") and value:
            chosen[key[15:]] = value
    for node in [*arch.iter("filter", "separator"), None]:
        if node is None or node.tag == "separator":
            domain &= Domain.OR(alternatives) if alternatives else Domain.TRUE
            alternatives = []
        elif node.get("name") in chosen:
            group = safe_eval(node.get("context") or "{}", names).get("group_by")
            if group:
                groups.append((chosen[node.get("name")], group))
            elif node.get("date"):
                offset = int((node.get("default_period") or "month").replace("month", "") or 0)
                first = datetime.date.today().replace(day=1) + relativedelta(months=offset)
                alternatives.append(
                    Domain(node.get("date"), ">=", first)
                    & Domain(node.get("date"), "<", first + relativedelta(months=1))
                )
            else:
                alternatives.append(Domain(safe_eval(node.get("domain") or "[]", names)))
    return domain, [group for _place, group in sorted(groups)]


def _group(node):
    return node.get("name") + (f":{node.get('interval')}" if node.get("interval") else "")


def _sums(model, names):
    """Return what the client asks for to show these fields added up: of money, also in which currencies it is."""
    described = model.fields_get(names, attributes=["aggregator", "type", "currency_field"])
    sums = []
    for name in names:
        field = described[name]
        if field.get("aggregator") and field["type"] in ("integer", "float", "monetary"):
            sums.append(f"{name}:{field['aggregator']}")
            if field.get("currency_field"):
                sums += [f"{field['currency_field']}:array_agg_distinct", f"{name}:sum_currency"]
    return list(dict.fromkeys(sums))


def _opening(env, action, mode):
    """Return a function that reads what the action's first view shows."""
    names = {"uid": env.uid, "time": evaluator.time, "datetime": evaluator.datetime,
             "context_today": datetime.date.today,
             "active_id": False, "active_ids": [], "allowed_company_ids": env.companies.ids}  # fmt: skip
    context = safe_eval(action["context"] or "{}", names) if isinstance(action["context"], str) else action["context"]
    domain = (safe_eval(action["domain"], names) if isinstance(action["domain"], str) else action["domain"]) or []
    model = env[action["res_model"]].with_context(context)
    view = next((view_id for view_id, kind in action["views"] if kind == mode), False)
    search = action["search_view_id"][0] if action["search_view_id"] else False
    views = model.get_views([(view, mode), (search, "search")])["views"]
    more, groups = _filters(env, etree.fromstring(views["search"]["arch"]), context, names)
    domain = list(Domain(domain) & more)
    arch = etree.fromstring(views[mode]["arch"])
    if mode in ("pivot", "graph"):
        measures = ["__count", *_sums(model, [node.get("name") for node in arch.xpath("//field[@type='measure']")])]
        rows, columns = ([_group(node) for node in arch.xpath(f"//field[@type='{kind}']")] for kind in ("row", "col"))
        if mode == "graph":
            rows = [_group(node) for node in arch.xpath("//field[not(@type='measure')]")]
            return lambda: model.formatted_read_group(domain, groups or rows, measures)
        # totals of every level at once, as the client asks
        rows = groups or rows
        sets = [rows[:i] + columns[:k] for i in range(len(rows) + 1) for k in range(len(columns) + 1)]
        return lambda: model.formatted_read_grouping_sets(domain, sets, measures)
    if groups:
        # as the client asks: the sums of all the numbers that the list shows
        shown = {node.get("name") for node in arch.xpath("//field[not(ancestor::field)]")} & set(model._fields)
        sums = _sums(model, sorted(shown))
        return lambda: model.web_read_group(domain, groups[:1], ["__count", *sums], limit=PAGE)
    fields = {node.get("name") for node in arch.xpath("//field[not(ancestor::field)]")} & set(model._fields)
    specification = {
        name: {"fields": {"display_name": {}}} if model._fields[name].type in ("many2one", "many2many") else {}
        for name in fields
    }
    return lambda: model.web_search_read(domain, specification, limit=PAGE, count_limit=COUNTED)
