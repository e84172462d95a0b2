"""My Day as a person works with it: from the app's icon, with the keyboard alone, and on a phone with a finger."""

from datetime import date, datetime

from freezegun import freeze_time
from odoo.tests import HttpCase, tagged

from .common import DisciplineCommon
from .real_input import RealInput

#: a Wednesday; four working days of the month are left
WEDNESDAY = datetime(2025, 3, 26, 9, 0)

FROM_THE_ICON = """
const opened = [];
window.open = (url) => opened.push(url);
addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='tel:']");
    if (link) {
        event.preventDefault();
        opened.push(link.getAttribute("href"));
    }
}, true);
addEventListener("keydown", (event) => check(event.isTrusted, "a key of the script's"), true);
const row = (number) => document.querySelector(`.o_my_day [data-row="${number}"]`);
const at = (number) => until(() => row(number) && document.activeElement === row(number), `the cursor on ${number}`);

await click(await element(".o_navbar_apps_menu button"));
await click(await element(".o-dropdown--menu .o_app", "Sales Discipline"));
await at(0);

// what stands there
const names = () => [...document.querySelectorAll(".o_my_day [data-row]")].map((node) =>
    ["Late A", "Late B", "Slow C"].find((name) => node.textContent.includes(name)));
check(names().join() === "Late A,Late B,Slow C", `the order: ${names()}`);
check(row(0).textContent.includes("0 of 4 contacts"), "why he is in the list");
check(row(0).textContent.includes("Promised a price list"), "the last talk");
check(row(0).textContent.includes("1 open deal"), "the open deals");
check(one("a[href='tel:+7 495 000-00-01'], a[href='tel:+74950000001']", "", row(0)), "the link that calls");
check(!row(1).querySelector("a[href^='tel:']"), "no number, no link");
const norms = one(".card", "Norms of this period");
const norm = (name) => [...norms.querySelectorAll("tr")].find((line) => line.cells[0].textContent.trim() === name);
check(norm("A").textContent.replace(/\\s/g, "").includes("0/4"), `the norm of class A: ${norm("A").textContent}`);
const risk = one(".card", "Customers you are about to lose");
check(risk.textContent.includes("4 working days left: 4 more counted contact"), `what keeps them: ${risk.textContent}`);
check(one(".o_my_day_cards", "Cards to fill").textContent.includes("Late B"), "cards to fill");
const deals = one(".o_my_day_deals", "Deals overdue in their stage");
check(deals.textContent.includes("Forgotten deal") && deals.textContent.includes("03/08/2025"), deals.textContent);
check(document.querySelector(".o_my_day_progress").textContent.includes("0 of 3"), "the progress of the day");

// the arrows choose a line, C calls whom they chose
press("c");
await until(() => opened.length === 1);
check(opened[0].replace(/[ -]/g, "") === "tel:+74950000001", opened[0]);
press("ArrowDown");
await at(1);
press("c");
press("ArrowDown");
await at(2);
press("ArrowDown");
await at(2);
press("ArrowUp");
await at(1);
check(opened.length === 1, "whoever has no number is not called");

// L opens the form, Escape closes it and leaves the cursor where it was
press("l");
await until(() => document.activeElement.closest(".o_my_day_form"), "the form");
press("Escape");
await until(() => !document.querySelector(".o_my_day_form"), "no form");
await at(1);

// O opens the customer, and above him stands the way back
press("o");
await element(".o_form_view .o_last_breadcrumb_item, .o_form_view .o_field_widget[name=name]");
await until(() => document.querySelector(".o_last_breadcrumb_item").textContent.includes("Late B"), "his card");
await click(await element(".o_breadcrumb a", "My Day"));
await at(0);

// S starts a sale; without a contact of these days it asks for one
press("ArrowDown");
await at(1);
press("s");
await element(".modal .o_field_widget[name=outcome_id]");
press("Escape");
await until(() => !document.querySelector(".modal"), "the dialog is closed");

// no next contact: why not?
await click(row(1));
await at(1);
press("l");
const note = await until(() => document.activeElement.closest(".o_my_day_form") && document.activeElement);
write("They close in April");
await until(() => note.value === "They close in April", "the note");
const next = document.querySelector(".o_my_day_form input[type=date]");
check(next.value, "a day is proposed");
const reason = () => document.querySelector(".o_my_day_form input[placeholder*='no further contact']");
check(!reason(), "no reason is asked where a day is set");
next.focus();
press("Backspace");
await until(reason, "the field of the reason");
await click(reason());
write("Closed down");
await until(() => reason().value === "Closed down", "the reason");
press("Enter");
await until(() => names().join() === "Late A,Slow C", "the line is done");
await until(() => document.querySelector(".o_my_day_progress").textContent.includes("1 of 3"), "progress");
"""

ON_A_PHONE = """
check("ontouchstart" in window && innerWidth === 375, "a phone");
const row = (number) => document.querySelector(`.o_my_day [data-row="${number}"]`);
await until(() => row(2), "three lines");
const fits = (what) => {
    const page = document.querySelector(".o_content, .o_action_manager");
    check(document.documentElement.scrollWidth <= 375 && page.scrollWidth <= page.clientWidth + 1,
        `${what}: ${document.documentElement.scrollWidth}, ${page.scrollWidth} of ${page.clientWidth}`);
    for (const node of document.querySelectorAll(".o_my_day :is(button, a.btn, input, select, h2, .card)")) {
        const { left, right, width } = node.getBoundingClientRect();
        check(!width || (left >= -1 && right <= 376), `${what}: ${node.outerHTML} from ${left} to ${right}`);
    }
};
// a finger needs 24 px at least, and the gap to the next button adds to it (WCAG 2.5.8)
const large = (node) => {
    const { width, height } = node.getBoundingClientRect();
    check(width >= 24 && height >= 24, `${node.outerHTML} is ${width} x ${height}`);
};
const button = (number, text) => one("button", text, row(number));
fits("the list");
for (const text of ["Log", "Tomorrow", "Sale"]) large(button(0, text));
large(row(0).querySelector("a[href^='tel:']"));

await tap(button(1, "Tomorrow"));
await element(".o_notification", "Late B: planned for");
await tap(button(0, "Log"));
const note = await until(() => row(0).querySelector(".o_my_day_form :is(input[type=text], textarea)"), "the form");
fits("the form");
for (const node of document.querySelectorAll(".o_my_day_form :is(button, input, select)")) large(node);
await tap(note);
await until(() => document.activeElement === note, "the cursor in the note");
write("By finger");
await until(() => note.value === "By finger", "the note");
await tap(row(0).querySelector(".o_my_day_form button[type=submit]"));
await until(() => !one(".o_my_day [data-row]", "Late A"), "the line is done");
await tap(await element(".o_notification_close"));
fits("what is left");
"""


class MyDayCommon(RealInput, DisciplineCommon, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.anna | cls.supervisor).tour_enabled = False
        cls.company.discipline_fill_from = date(2025, 1, 1)
        cls.slow = cls._customer("Slow C", cls.anna, cls.class_c)
        cls.late_a = cls._customer("Late A", cls.anna, cls.class_a, phone="+7 495 000-00-01")
        cls.late_b = cls._customer("Late B", cls.anna, cls.class_b)
        cls._log(cls.late_a, cls.anna, datetime(2025, 2, 27, 9), note="Promised a price list")
        cls.slow.activity_schedule("mail.mail_activity_data_call", user_id=cls.anna.id, date_deadline=WEDNESDAY.date())
        cls.env["discipline.compliance"]._evaluate_customers((cls.slow | cls.late_a | cls.late_b).ids)


@tagged("post_install", "-at_install")
@freeze_time(WEDNESDAY, tick=True)
class TestMyDayFromTheIcon(MyDayCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        stage = cls.env["crm.stage"].create({"name": "Offer of the test", "sequence": 1})
        cls.env["discipline.stage.rule"].create({"stage_id": stage.id, "days_allowed": 5})
        with freeze_time(datetime(2025, 3, 3, 9, 0)):
            cls.env["crm.lead"].create(
                {"name": "Forgotten deal", "type": "opportunity", "partner_id": cls.late_a.id, "user_id": cls.anna.id,
                 "team_id": cls.team.id, "stage_id": stage.id, "expected_revenue": 100,
                 "date_last_stage_update": datetime(2025, 3, 3, 9, 0)}
            )  # fmt: skip

    def test_it_is_the_first_screen_of_a_manager_and_every_key_of_it_does_what_it_says(self):
        self.browse("/odoo", FROM_THE_ICON, self.anna.login)
        contact = self.env["discipline.contact"].search([("partner_id", "=", self.late_b.id)])
        self.assertEqual((contact.note, contact.counted), ("They close in April", True))
        row = self.late_b.discipline_id
        row.invalidate_recordset()
        self.assertEqual(
            (row.next_contact_date, row.no_next_reason, row.no_next_by_id), (False, "Closed down", self.anna)
        )

    def test_a_supervisor_without_customers_sees_the_cockpit_there(self):
        self.browse(
            "/odoo",
            """
            await click(await element(".o_navbar_apps_menu button"));
            await click(await element(".o-dropdown--menu .o_app", "Sales Discipline"));
            await element(".o_my_day", "Late A");
            check(!document.querySelector(".o_my_day [data-row]"), "no line of one's own");
            """,
            self.supervisor.login,
        )


@tagged("post_install", "-at_install")
@freeze_time(WEDNESDAY, tick=True)
class TestMyDayOnThePhone(MyDayCommon):
    browser_size = "375x667"
    touch_enabled = True

    def test_everything_fits_and_a_finger_logs_and_postpones(self):
        self.browse("/odoo/discipline-my-day", ON_A_PHONE, self.anna.login)
        contact = self.env["discipline.contact"].search([("partner_id", "=", self.late_a.id)], order="id desc", limit=1)
        self.assertEqual((contact.note, contact.day), ("By finger", WEDNESDAY.date()))
        self.late_b.discipline_id.invalidate_recordset()
        self.assertEqual(self.late_b.discipline_id.next_contact_date, date(2025, 3, 27))
