"""Install, upgrade, uninstall and install again, on a database in which people have worked before."""

import os

import pytest
from whole_system import Database

ADDON = "sales_discipline"

WORK_OF_PEOPLE = """
from datetime import date, datetime
from odoo.tests import new_test_user
anna = new_test_user(env, "anna", groups="base.group_user,sales_team.group_sale_salesman", name="Anna")
gone = new_test_user(env, "gone", groups="base.group_user,sales_team.group_sale_salesman", name="Gone")
call = env.ref("mail.mail_activity_data_call")
partners = env["res.partner"].create(
    [{"name": "Of Anna", "is_company": True, "user_id": anna.id},
     {"name": "Of Gone", "is_company": True, "user_id": gone.id},
     {"name": "Of Nobody", "is_company": True},
     {"name": "Archived", "is_company": True, "user_id": anna.id, "active": False}])
partners += env["res.partner"].create({"name": "Employee", "parent_id": partners[0].id, "user_id": anna.id})
gone.active = False
leads = env["crm.lead"].create(
    [{"name": "Open", "type": "opportunity", "partner_id": partners[0].id, "user_id": anna.id, "expected_revenue": 10},
     {"name": "Won", "type": "opportunity", "partner_id": partners[0].id, "user_id": anna.id, "expected_revenue": 20},
     {"name": "Lost", "type": "opportunity", "partner_id": partners[1].id, "user_id": anna.id}])
leads[1].action_set_won()
leads[2].action_set_lost(lost_reason_id=env.ref("crm.lost_reason_1").id)
planned, done = [partners[0].activity_schedule(
    activity_type_id=call.id, summary=summary, user_id=anna.id, date_deadline=date(2025, 3, 3), automated=False)
    for summary in ("Planned", "Done")]
done.action_feedback("We talked")
env["calendar.event"].create({
    "name": "Meeting", "start": datetime(2025, 3, 4, 9), "stop": datetime(2025, 3, 4, 10), "user_id": anna.id,
    "partner_ids": [(6, 0, (anna.partner_id | partners[0]).ids)]})
env["ir.filters"].create({"name": "Mine", "model_id": "res.partner", "domain": "[('user_id', '=', uid)]"})
"""

SNAPSHOT = """
def rows(model, *fields):
    found = env[model].with_context(active_test=False).search([], order="id")
    return [[value.ids if hasattr(value, "ids") else value for value in map(record.__getitem__, fields)]
            for record in found]
answer({
    "partners": rows("res.partner", "name", "user_id", "active", "parent_id", "company_id"),
    "leads": rows("crm.lead", "name", "partner_id", "user_id", "stage_id", "active", "won_status", "lost_reason_id",
                  "expected_revenue"),
    "activities": rows("mail.activity", "summary", "res_model", "res_id", "user_id", "date_deadline", "active"),
    "meetings": rows("calendar.event", "name", "start", "stop", "partner_ids"),
    "users": rows("res.users", "login", "active"),
    "filters": rows("ir.filters", "name", "domain"),
    "stages": rows("crm.stage", "name", "sequence"),
    "activity types": rows("mail.activity.type", "name", "active"),
    "lost reasons": rows("crm.lost.reason", "name", "active"),
})
"""

BASE = """
answer({
    "responsible": sorted((a.partner_id.name, a.user_id.login, a.origin)
        for a in env["discipline.assignment"].search([("date_to", "=", False)])
        if a.partner_id.name in ("Of Anna", "Of Gone", "Of Nobody", "Employee")),
    "in base": sorted(c.partner_id.name for c in env["discipline.customer"].search([("in_base", "=", True)])
        if c.partner_id.name in ("Of Anna", "Of Gone", "Of Nobody", "Employee", "Archived")),
    "norms": env["discipline.norm"].search_count([]),
    "policies": env["discipline.policy"].search_count([]),
    "assignments": env["discipline.assignment"].search_count([]),
})
"""

WORK_WITH_THE_ADDON = """
anna = env["res.users"].search([("login", "=", "anna")])
partner = env["res.partner"].search([("name", "=", "Of Anna")])
call = env.ref("mail.mail_activity_data_call")
partner.with_user(anna).activity_schedule(
    activity_type_id=call.id, summary="With the addon", user_id=anna.id).action_feedback("Talked")
env["ir.filters"].create(
    {"name": "Behind", "model_id": "res.partner", "domain": "[('discipline_state', '=', 'behind')]"})
def ours(model):
    known = env["ir.model.data"].search([("module", "=", "sales_discipline"), ("model", "=", model)])
    return env[model].browse(known.mapped("res_id"))
for kind in ours("mail.activity.type"):
    record = env["crm.lead"].search([], limit=1) if kind.res_model == "crm.lead" else partner
    record.activity_schedule(activity_type_id=kind.id, summary=kind.name, user_id=anna.id)
# scheduled actions have a connection of their own
env.cr.commit()
for cron in ours("ir.cron"):
    cron.method_direct_trigger()
"""

LEFTOVERS = """
def column(query, *values):
    env.cr.execute(query, values)
    return [value for value, in env.cr.fetchall()]
def found(model, *domain):
    return env[model].with_context(active_test=False).search(list(domain)).mapped("display_name")
left = {
    "tables": column("SELECT tablename FROM pg_tables WHERE tablename LIKE '%%discipline%%'"),
    "views": column("SELECT viewname FROM pg_views WHERE viewname LIKE '%%discipline%%'"),
    "columns": column("SELECT attrelid::regclass || '.' || attname FROM pg_attribute"
                      " WHERE attname LIKE '%%discipline%%' AND NOT attisdropped"),
    "triggers": column("SELECT tgname FROM pg_trigger WHERE tgname LIKE '%%discipline%%'"),
    "functions": column("SELECT proname FROM pg_proc WHERE proname LIKE '%%discipline%%'"),
    "ids": found("ir.model.data", ("module", "like", "sales_discipline")),
    "parameters": found("ir.config_parameter", ("key", "like", "discipline")),
    "filters": found("ir.filters", ("domain", "like", "discipline")),
    "scheduled actions": found("ir.cron", ("cron_name", "ilike", "discipline")),
    "menus": found("ir.ui.menu", ("name", "=", "Sales Discipline")),
}
# whatever names a model by its text
env.cr.execute(
    "SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables"
    " USING (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    " AND column_name IN ('model', 'res_model', 'model_name', 'resource', 'relation')"
    " AND data_type LIKE 'character%'")
for table, name in env.cr.fetchall():
    left[f"{table}.{name}"] = column(f'SELECT "{name}" FROM "{table}" WHERE "{name}" LIKE %s', "discipline.%")
answer({what: how for what, how in left.items() if how})
"""

UNINSTALL = f"""
env["ir.module.module"].search([("name", "=", "{ADDON}")]).button_immediate_uninstall()
"""


@pytest.fixture(scope="module")
def life():
    """Live the whole life once; the tests look at what was seen on the way."""
    database = Database(f"life_{os.getpid()}")
    seen = {}
    try:
        database.script(WORK_OF_PEOPLE)
        seen["before"] = database.script(SNAPSHOT)
        database.install(ADDON)
        seen["installed"] = database.script(SNAPSHOT)
        seen["base"] = database.script(BASE)
        database.script(WORK_WITH_THE_ADDON)
        seen["used"] = database.script(SNAPSHOT)
        seen["base used"] = database.script(BASE)
        database.upgrade(ADDON)
        seen["upgraded"] = database.script(SNAPSHOT)
        seen["base upgraded"] = database.script(BASE)
        database.script(UNINSTALL)
        seen["uninstalled"] = database.script(SNAPSHOT)
        seen["leftovers"] = database.script(LEFTOVERS)
        database.install(ADDON)
        seen["base again"] = database.script(BASE)
        yield seen
    finally:
        database.drop()


PEOPLE = ("partners", "leads", "meetings", "users")


def test_installing_changes_nothing_that_people_have_made(life):
    for what in PEOPLE:
        assert life["installed"][what] == life["before"][what], what
    for what in ("activities", "filters", "stages", "lost reasons", "activity types"):
        assert [row for row in life["before"][what] if row not in life["installed"][what]] == [], what


def test_installing_takes_over_the_customers_and_who_is_responsible_for_them(life):
    assert life["base"]["in base"] == ["Of Anna", "Of Gone", "Of Nobody"]
    # whoever has left the company is responsible for nobody
    assert life["base"]["responsible"] == [["Of Anna", "anna", "install"]]
    assert life["base"]["norms"] and life["base"]["policies"]


def test_upgrading_changes_neither_customers_nor_rules_nor_facts(life):
    assert life["base upgraded"] == life["base used"]
    assert life["upgraded"] == life["used"]


def test_uninstalling_leaves_customers_deals_and_activities_as_they_were(life):
    for what in PEOPLE:
        assert life["uninstalled"][what] == life["used"][what], what
    assert [row for row in life["used"]["activities"] if row not in life["uninstalled"]["activities"]] == []
    assert life["uninstalled"]["filters"] == life["before"]["filters"]


def test_uninstalling_leaves_nothing_of_the_addon(life):
    assert life["leftovers"] == {}


def test_installing_again_begins_anew_with_the_customers_that_are_there(life):
    assert life["base again"] == life["base"]
