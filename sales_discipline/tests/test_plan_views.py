"""The plan of contacts in Odoo's own calendar, list and activity views: the same as in My Day."""

from datetime import date, datetime

from freezegun import freeze_time
from odoo.tests import HttpCase, tagged
from odoo.tools.safe_eval import safe_eval

from .common import NOW, DisciplineCommon
from .real_input import RealInput

DRAG = """
// the browser's own calendar would open on its own day
await odoo.__WOWL_DEBUG__.root.env.services.action.doAction("sales_discipline.discipline_plan_action",
    { clearBreadcrumbs: true, additionalContext: { initial_date: "FROM" } });
const at = (day) => element(`.fc-daygrid-day[data-date="${day}"]`);
const event = await until(() => one(".fc-daygrid-event", "", document.querySelector(`[data-date="FROM"]`)), "the call");
const start = await place(event);
const end = await place(await at("TO"));
const pressed = { button: "left", buttons: 1, clickCount: 1 };
const mouse = (type, point) => ["Input.dispatchMouseEvent", { type, ...point, ...pressed }];
const between = (share) => ({ x: start.x + (end.x - start.x) * share, y: start.y + (end.y - start.y) * share });
const frame = () => new Promise((done) => setTimeout(done, 50));
const hand = async (...events) => {
    discipline_hand(JSON.stringify(events));
    await frame();
};
await hand(mouse("mouseMoved", start));
await hand(mouse("mousePressed", start));
for (const share of [0.1, 0.3, 0.6, 0.9, 1, 1]) await hand(mouse("mouseMoved", between(share)));
await hand(mouse("mouseReleased", end));
const moved = () => odoo.__WOWL_DEBUG__.root.env.services.orm.searchCount("mail.activity",
    [["date_deadline", "=", "TO"], ["user_id", "=", USER]]);
await until(async () => (await moved()) === 1, "the call is moved");
"""


class PlanCommon(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customers = cls.env["res.partner"].union(
            *(
                cls._customer(f"{abc_class.name} {number}", cls.anna, abc_class)
                for abc_class in (cls.class_a, cls.class_b, cls.class_c)
                for number in range(3)
            )
        )
        cls._customer("Foreign", cls.boris, cls.class_a)
        cls.env["discipline.compliance"]._evaluate_customers(cls.customers.ids)
        cls._night()

    @classmethod
    def _night(cls):
        """Plan what has no day yet, as the nightly work does."""
        planning = cls.env["discipline.planning"].sudo()
        planning._plan_company(cls.company)
        planning._create_activities(cls.company)
        cls.env.flush_all()

    def _action(self, name):
        """Return an action's model as Anna, and the domain of what it shows her."""
        action = self.env.ref(f"sales_discipline.{name}")
        return self.env[action.res_model].with_user(self.anna), safe_eval(action.domain, {"uid": self.anna.id})

    def _plan(self):
        """Return {customer: day} of the calendar and the list."""
        Activity, domain = self._action("discipline_plan_action")
        return {
            self.env["res.partner"].browse(activity.res_id): activity.date_deadline
            for activity in Activity.search(domain)
        }

    def _days(self):
        """Return {customer: day of the next contact}, as My Day reads it, of those for whom there is an activity."""
        self.customers.discipline_id.invalidate_recordset()
        return {
            row.partner_id: row.next_contact_date
            for row in self.customers.discipline_id
            if row.next_contact_date and not row.next_planned
        }


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestPlanViews(PlanCommon):
    def test_calendar_and_list_show_the_plan_that_my_day_shows_day_by_day(self):
        plan = self._plan()
        self.assertGreater(len(plan), 5)
        self.assertEqual(plan, self._days())
        for day in sorted(set(plan.values())):
            with freeze_time(datetime.combine(day, NOW.time())):
                shown = {
                    row["partner_id"] for row in self.env["discipline.my.day"].with_user(self.anna).get_day()["rows"]
                }
            due = {customer.id for customer, planned in plan.items() if planned <= day}
            self.assertLessEqual(due, shown, day)
            rest = self.customers.browse(shown - due).discipline_id
            self.assertTrue(all(row.due_next <= day for row in rest), "others are there because they are behind")

    def test_on_a_phone_it_is_a_list(self):
        action = self.env.ref("sales_discipline.discipline_plan_action")
        self.assertEqual((action.view_mode, action.mobile_view_mode), ("calendar,list", "list"))

    def test_the_activity_view_shows_the_same_days(self):
        Partner, domain = self._action("discipline_plan_activity_action")
        self.assertEqual(Partner.search(domain), Partner.search([("id", "in", self.customers.ids)]))
        data = self.env["mail.activity"].with_user(self.anna).get_activity_data("res.partner", domain)
        plan = self._plan()
        self.assertEqual(set(data["grouped_activities"]), {customer.id for customer in plan})
        for customer, day in plan.items():
            (cell,) = data["grouped_activities"][customer.id].values()
            self.assertEqual(cell["reporting_date"], day)

    def test_moving_one_activity_moves_only_it_by_day_and_by_night(self):
        before = self._plan()
        Activity, domain = self._action("discipline_plan_action")
        activity = Activity.search(domain, order="date_deadline, id", limit=1)
        customer = self.customers.browse(activity.res_id)
        day = date(2025, 3, 19)
        # what the calendar does when an event is dropped on another day
        activity.write({"date_deadline": day})
        expected = {**before, customer: day}
        self.assertEqual(self._plan(), expected)
        self.assertEqual(self._days(), expected)
        self._night()
        self.assertEqual(self._plan(), expected)


@tagged("post_install", "-at_install")
@freeze_time(NOW, tick=True)
class TestPlanInTheBrowser(RealInput, PlanCommon, HttpCase):
    def test_a_call_that_is_dragged_to_another_day_is_moved_and_no_other(self):
        self.anna.tour_enabled = False
        before = self._plan()
        first = min(before.values())
        day = next(date(2025, 3, number) for number in range(12, 31) if date(2025, 3, number) not in before.values())
        script = DRAG.replace("FROM", str(first)).replace("TO", str(day)).replace("USER", str(self.anna.id))
        self.browse("/odoo/discipline-my-day", script, self.anna.login)
        self.env.invalidate_all()
        after = self._plan()
        (moved,) = [customer for customer in before if after[customer] != before[customer]]
        self.assertEqual((before[moved], after[moved]), (first, day))
        self.assertEqual(after, self._days())
