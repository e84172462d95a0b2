"""My Day: what stands in it, in which order, and what a line can do; the day of the next contact."""

import logging
import os
from datetime import date, datetime

from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, new_test_user, tagged

from .common import DisciplineCommon

_logger = logging.getLogger(__name__)


@tagged("post_install", "-at_install")
@freeze_time(datetime(2025, 3, 19, 9, 0))
class TestMyDay(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.slow = cls._customer("Slow C", cls.anna, cls.class_c)
        cls.late_a = cls._customer("Late A", cls.anna, cls.class_a, phone="+7 495 000-00-01")
        cls.late_b = cls._customer("Late B", cls.anna, cls.class_b)
        cls.foreign = cls._customer("Foreign", cls.boris, cls.class_a)
        cls.env["discipline.compliance"]._evaluate_customers((cls.slow | cls.late_a | cls.late_b | cls.foreign).ids)

    def _day(self, user=None):
        return self.env["discipline.my.day"].with_user(user or self.anna).get_day()

    def test_the_overdue_come_first_by_class_and_others_customers_do_not_come_at_all(self):
        day = self._day()
        self.assertEqual([row["name"] for row in day["rows"]], ["Late A", "Late B"])
        self.assertTrue(all(row["overdue"] for row in day["rows"]))
        self.assertIn("0 of 4 contacts", day["rows"][0]["why"])
        norms = {row["class_name"]: (row["customers"], row["goal"], row["attained"]) for row in day["norms"]}
        self.assertEqual(norms, {"A": (1, 4, 0), "B": (1, 2, 0), "C": (1, 1, 0)})

    def test_logging_from_the_list_counts_plans_the_next_and_moves_the_progress(self):
        service = self.env["discipline.my.day"].with_user(self.anna)
        defaults = service.get_log_defaults(self.late_b.id)
        self.assertEqual(defaults["channel_id"], self.call.id)
        told = service.log(self.late_b.id, {**defaults, "note": "Agreed"})
        self.assertTrue(told["counted"])
        day = self._day()
        self.assertEqual([row["name"] for row in day["rows"]], ["Late A"])
        self.assertEqual(day["progress"], {"done": 1, "planned": 2})
        self.assertEqual(
            self.late_b.discipline_id.next_contact_date.isoformat(), defaults["next_date"], "the next one is planned"
        )

    def test_the_small_form_says_beforehand_whether_it_will_count_and_by_which_rule_not(self):
        service = self.env["discipline.my.day"].with_user(self.anna)
        defaults = service.get_log_defaults(self.late_a.id)
        self.assertEqual((defaults["counts"], defaults["preview"]), (True, "It will count."))
        no_answer = self.env.ref("sales_discipline.discipline_outcome_no_answer")
        told = service.get_log_preview(self.late_a.id, self.call.id, no_answer.id)
        self.assertEqual(told, {"counts": False, "preview": "It will not count: this outcome does not count."})
        mail = self.env.ref("sales_discipline.discipline_channel_email")
        self.assertIn("channel", service.get_log_preview(self.late_a.id, mail.id, self.talked.id)["preview"])
        self.assertIn(
            "somebody else", service.get_log_preview(self.foreign.id, self.call.id, self.talked.id)["preview"]
        )
        self._log(self.late_a, self.anna, datetime(2025, 3, 19, 8))
        self.assertIn("Too soon".lower(), service.get_log_defaults(self.late_a.id)["preview"])

    def test_a_refusal_is_logged_from_the_list_with_its_reason_and_not_without(self):
        service = self.env["discipline.my.day"].with_user(self.anna)
        options = self._day()["options"]
        refusal = next(row for row in options["outcomes"] if row["is_refusal"])
        unsaid = self.env.ref("sales_discipline.discipline_lost_reason_not_stated")
        self.assertNotIn(unsaid.id, [row["id"] for row in options["reasons"]])
        self.assertTrue(all(row["outcome_id"] for row in options["channels"]))
        reason = self.env["crm.lost.reason"].create({"name": "Too dear"})
        values = {"channel_id": self.call.id, "outcome_id": refusal["id"], "note": "Too dear for us"}
        with self.assertRaisesRegex(UserError, "Choose the reason for the refusal"):
            service.log(self.late_a.id, values)
        service.log(self.late_a.id, {**values, "lost_reason_id": reason.id})
        refused = self.env["discipline.refusal"].search([("partner_id", "=", self.late_a.id)])
        self.assertEqual((refused.reason_id, refused.note), (reason, "Too dear for us"))

    def test_whoever_was_talked_to_today_is_not_asked_for_again_today_though_he_is_still_behind(self):
        self._log(self.late_a, self.anna, datetime(2025, 3, 19, 8))
        self.assertLess(self.late_a.discipline_id.due_next, date(2025, 3, 19))
        self.assertEqual([row["name"] for row in self._day()["rows"]], ["Late B"])
        with freeze_time(datetime(2025, 3, 20, 9, 0)):
            self.assertEqual([row["name"] for row in self._day()["rows"]], ["Late A", "Late B"])

    def test_in_the_last_days_the_customers_about_to_be_lost_are_named_with_what_keeps_them(self):
        self.assertFalse(self._day()["risk"])
        with freeze_time(datetime(2025, 3, 26, 9, 0)):
            risk = self._day()["risk"]
        self.assertEqual([row["name"] for row in risk], ["Late A", "Late B", "Slow C"])
        self.assertEqual((risk[0]["left"], risk[0]["needed"]), (4, 4))

    def test_postponing_plans_or_moves_one_activity_and_refuses_a_strangers_customer(self):
        service = self.env["discipline.my.day"].with_user(self.anna)
        service.postpone(self.late_a.id)
        self.assertEqual(self.late_a.discipline_id.next_contact_date, date(2025, 3, 20))
        service.postpone(self.late_a.id, 3)
        self.assertEqual(self.late_a.discipline_id.next_contact_date, date(2025, 3, 24))
        # the 20th is full, on the 21st she is away: the first day with room is Monday
        self.anna.discipline_capacity_per_day = 1
        self.slow.activity_schedule(
            "mail.mail_activity_data_call", date_deadline=date(2025, 3, 20), user_id=self.anna.id
        )
        self.env["discipline.absence"].create(
            {"user_id": self.anna.id, "date_from": "2025-03-21", "date_to": "2025-03-21"}
        ).sudo().write({"approved": True})
        service.postpone(self.late_a.id)
        self.assertEqual(self.late_a.discipline_id.next_contact_date, date(2025, 3, 24))
        self.assertEqual(len(self.late_a.activity_ids), 1)
        with self.assertRaisesRegex(AccessError, "not your customer"):
            service.postpone(self.foreign.id)
        with self.assertRaisesRegex(UserError, "1 to 60"):
            service.postpone(self.late_a.id, 0)

    def test_a_line_shows_the_last_talk_and_the_open_deals(self):
        self._log(self.late_a, self.anna, datetime(2025, 3, 3, 9), note="Promised a price list")
        self.env["crm.lead"].create(
            {
                "name": "Deal",
                "type": "opportunity",
                "partner_id": self.late_a.id,
                "expected_revenue": 100,
                "user_id": self.anna.id,
            }
        )
        row = self._day()["rows"][0]
        self.assertEqual((row["name"], row["deals"], row["amount"]), ("Late A", 1, 100))
        self.assertIn("Promised a price list", row["talk"])

    def test_the_day_takes_as_many_queries_for_many_customers_as_for_few(self):
        def queries():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self._day()
            return self.env.cr.sql_log_count - before

        queries()
        few = queries()
        more = [self._customer(f"More {i}", self.anna, self.class_a) for i in range(40)]
        self.env["discipline.compliance"]._evaluate_customers([customer.id for customer in more])
        queries()  # both are measured with caches that are warm
        self.assertLessEqual(queries(), few)

    def test_whoever_leads_and_has_no_customers_starts_with_the_cockpit(self):
        self.assertTrue(self._day(self.supervisor)["leads_others"])
        self.assertFalse(self._day()["leads_others"])
        self.assertFalse(self._day(self.clara)["leads_others"])

    def test_the_next_contact_is_proposed_on_the_least_loaded_day_of_the_next_window(self):
        planning = self.env["discipline.planning"]
        # class B, 21 working days: window 1 to 14 March, window 2 to 31 March
        day, planned, _capacity = planning._suggest(self.late_b)
        self.assertEqual((day, planned), (date(2025, 3, 20), 0))
        for partner in (self.late_a, self.slow):
            partner.activity_schedule(
                "mail.mail_activity_data_call", date_deadline=date(2025, 3, 20), user_id=self.anna.id
            )
        self.assertEqual(planning._suggest(self.late_b)[0], date(2025, 3, 21))
        self.env["discipline.absence"].create(
            {"user_id": self.anna.id, "date_from": "2025-03-21", "date_to": "2025-03-25"}
        ).sudo().write({"approved": True})
        self.assertEqual(planning._suggest(self.late_b)[0], date(2025, 3, 26))

    def test_after_the_last_contact_of_the_month_the_next_is_proposed_in_the_next_one(self):
        day, _planned, _capacity = self.env["discipline.planning"]._suggest(self.slow)
        self.assertEqual(day, date(2025, 4, 1))


@tagged("post_install", "-at_install")
class TestMyDayElsewhere(DisciplineCommon):
    """A company in Moscow (UTC+3), managers in Los Angeles (UTC-7 in March) and Vladivostok (UTC+10)."""

    #: Moscow's 20 March has begun (01:00), in Los Angeles it is the 19th (15:00)
    WEST = datetime(2025, 3, 19, 22, 0)
    #: in Vladivostok the 20th has begun (00:01), in Moscow it is the 19th (17:01)
    EAST = datetime(2025, 3, 19, 14, 1)

    @classmethod
    @freeze_time(datetime(2025, 3, 19, 9, 0))
    def setUpClass(cls):
        super().setUpClass()
        cls.company.resource_calendar_id.tz = "Europe/Moscow"
        cls.late = cls._customer("Late B", cls.anna, cls.class_b)
        cls.planned = cls._customer("Planned", cls.anna, cls.class_c)
        cls.env["discipline.compliance"]._evaluate_customers((cls.late | cls.planned).ids)
        cls.activity = cls.planned.activity_schedule(
            "mail.mail_activity_data_call", date_deadline=date(2025, 3, 20), user_id=cls.anna.id
        )

    def _service(self):
        self.env.invalidate_all()
        return self.env["discipline.my.day"].with_user(self.anna)

    def _day(self, moment):
        """Return (number of the day, names, contacts made) that My Day shows at a moment (naive UTC)."""
        with freeze_time(moment):
            day = self._service().get_day()
        number = next(int(word) for word in day["today"].replace(",", " ").split() if word.isdigit())
        return number, [row["name"] for row in day["rows"]], day["progress"]["done"]

    def test_on_both_sides_of_midnight_in_los_angeles_the_day_is_the_readers(self):
        self.anna.tz = "America/Los_Angeles"
        self._log(self.late, self.anna, datetime(2025, 3, 19, 21, 30))
        self.assertEqual(self._day(self.WEST), (19, [], 1))
        self.assertEqual(self._day(datetime(2025, 3, 20, 6, 59)), (19, [], 1))
        self.assertEqual(self._day(datetime(2025, 3, 20, 7, 1))[::2], (20, 0))
        self.assertIn("Planned", self._day(datetime(2025, 3, 20, 7, 1))[1])

    def test_on_both_sides_of_midnight_in_vladivostok_the_day_is_the_readers(self):
        self.anna.tz = "Asia/Vladivostok"
        self._log(self.late, self.anna, datetime(2025, 3, 19, 13, 30))
        self.assertEqual(self._day(datetime(2025, 3, 19, 13, 59)), (19, [], 1))
        self.assertEqual(self._day(self.EAST)[::2], (20, 0))
        self.assertIn("Planned", self._day(self.EAST)[1])
        with freeze_time(self.EAST):
            self._log(self.planned, self.anna, self.EAST)
        self.assertEqual(self._day(self.EAST)[2], 1)
        # Moscow's midnight is nothing to her
        self.assertEqual(self._day(datetime(2025, 3, 19, 21, 1))[::2], (20, 1))

    def test_tomorrow_is_the_day_after_the_managers_own_today(self):
        for zone, moment, tomorrow in (
            ("America/Los_Angeles", self.WEST, date(2025, 3, 20)),
            ("Asia/Vladivostok", self.EAST, date(2025, 3, 21)),
        ):
            with self.subTest(zone), freeze_time(moment):
                self.anna.tz = zone
                # out of the way: its day would be the more loaded one
                self.activity.date_deadline = date(2025, 3, 28)
                self.env.invalidate_all()
                self.assertEqual(self.env["discipline.planning"]._suggest(self.late)[0], tomorrow)
                self._service().postpone(self.planned.id)
                self.assertEqual(self.activity.date_deadline, tomorrow)

    def test_the_dialog_finishes_what_was_planned_up_to_the_managers_own_today(self):
        self.anna.tz = "America/Los_Angeles"
        self._log_by_dialog(self.WEST)
        self.assertTrue(self.activity.active, "it is planned for her tomorrow, though Moscow has that day already")
        self.anna.tz = "Asia/Vladivostok"
        self._log_by_dialog(self.EAST)
        self.assertFalse(self.activity.active, "it is planned for her today, though Moscow has not that day yet")

    def _log_by_dialog(self, moment):
        with freeze_time(moment):
            service = self._service()
            service.log(self.planned.id, {**service.get_log_defaults(self.planned.id), "note": "Said"})

    def test_whom_she_has_just_talked_to_is_not_planned_for_the_same_day_again(self):
        self.anna.tz = "Asia/Vladivostok"
        self.activity.date_deadline = date(2025, 3, 28)
        with freeze_time(self.EAST):
            contact = self._log(self.late, self.anna, self.EAST)
            self.assertEqual(contact.day, date(2025, 3, 20))
            self.assertGreater(self.late.discipline_id.next_contact_date, date(2025, 3, 20))


@tagged("post_install", "-at_install")
class TestMyDayInTheBrowser(HttpCase):
    def test_a_manager_logs_a_contact_with_the_keyboard_alone_in_three_keys_and_far_less_than_ten_seconds(self):
        anna = new_test_user(self.env, "sd_day", groups="base.group_user,sales_team.group_sale_salesman", tz="UTC",
                             lang="en_US")  # fmt: skip
        customers = self.env["res.partner"].create(
            [{"name": f"Keyboard {i}", "is_company": True, "user_id": anna.id} for i in range(2)]
        )
        for customer in customers:
            customer.activity_schedule("mail.mail_activity_data_call", user_id=anna.id)
        self.browser_js(
            "/odoo/discipline-my-day",
            """
            const until = async (find) => {
                for (let i = 0; i < 400; i++) {
                    const found = find();
                    if (found) return found;
                    await new Promise((done) => setTimeout(done, 25));
                }
                throw new Error("not found: " + find);
            };
            let keys = 0;
            // a real key goes to whatever has the focus: nothing is clicked and nothing is focused by the test
            const press = (key) => {
                keys += 1;
                document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
            };
            (async () => {
                await until(() => document.activeElement.matches('.o_my_day [data-row="0"]'));
                const began = performance.now();
                press("l");
                // before anything is logged it is said whether it will count, and anew for another outcome
                const said = (text) => until(() => document.querySelector(".o_my_day_preview")?.textContent === text);
                const choose = (label, text) => {
                    const select = document.querySelector(`.o_my_day_form select[aria-label="${label}"]`);
                    select.value = [...select.options].find((option) => option.text === text).value;
                    select.dispatchEvent(new Event("change", { bubbles: true }));
                };
                await said("It will count.");
                choose("Outcome", "No answer");
                await said("It will not count: this outcome does not count.");
                choose("Outcome", "Refusal with reason");
                await until(() => document.querySelector('.o_my_day_form select[aria-label="Reason for Refusal"]'));
                // another channel has its own usual outcome
                choose("Channel", "Meeting");
                await until(() => !document.querySelector('.o_my_day_form select[aria-label="Reason for Refusal"]'));
                choose("Channel", "Call");
                await said("It will count.");
                const note = await until(() => document.activeElement.matches(".o_my_day_form input")
                    && document.activeElement);
                // typing what was said is the person's own time
                note.value = "They will call back";
                note.dispatchEvent(new Event("input", { bubbles: true }));
                press("Enter");
                await until(() => document.querySelectorAll(".o_my_day [data-row]").length === 1);
                const took = performance.now() - began;
                if (keys > 3 || took > 10000) {
                    throw new Error(`${keys} keys, ${Math.round(took)} ms`);
                }
                // the cursor stands on the next one: on with the work
                await until(() => document.activeElement.matches('.o_my_day [data-row="0"]'));
                press("p");
                await until(() => document.querySelector(".o_my_day_empty"));
                console.log(`one contact: ${keys - 1} keys, ${Math.round(took)} ms`);
                console.log("test successful");
            })().catch((error) => console.error(error.message));
            """,
            "odoo.isReady === true",
            login=anna.login,
        )
        contact = self.env["discipline.contact"].search([("partner_id", "in", customers.ids)])
        self.assertEqual((contact.note, contact.user_id), ("They will call back", anna))

    def test_whoever_leads_and_has_no_customers_of_his_own_sees_the_cockpit_first(self):
        self.env["res.partner"].create({"name": "Somebody's", "is_company": True})
        leader = new_test_user(self.env, "sd_lead", groups="base.group_user,sales_team.group_sale_manager", tz="UTC")
        self.browser_js(
            "/odoo/discipline-my-day",
            """
            const wait = setInterval(() => {
                if (document.querySelector(".o_my_day .o_discipline_cockpit_panel")) {
                    clearInterval(wait);
                    console.log("test successful");
                }
            }, 50);
            """,
            "odoo.isReady === true",
            login=leader.login,
        )


@tagged("post_install", "-at_install")
@freeze_time(datetime(2025, 3, 19, 9, 0))
class TestMyDayOfAThousandCustomers(DisciplineCommon):
    def test_a_day_of_a_thousand_customers_is_as_many_queries_as_one_of_a_hundred_and_takes_a_fraction_of_a_second(
        self,
    ):
        self._grow(100)
        few = self._measure()[0]
        self._grow(900)
        many, seconds = self._measure()
        self.assertLessEqual(many, few)
        # on a calm machine 0.1 s; the bound leaves room for one that is busy
        self.assertLess(seconds, 3)

    def _grow(self, count):
        self.env["res.partner"].with_context(discipline_date=date(2025, 1, 1)).sudo().create(
            [{"name": f"Customer {i}", "is_company": True, "user_id": self.anna.id} for i in range(count)]
        )
        rows = self.env["discipline.customer"].sudo().search([("user_id", "=", self.anna.id)])
        rows.filtered(lambda row: not row.abc_class_id).write(
            {"abc_class_id": self.class_a.id, "abc_since": date(2025, 1, 1)}
        )
        self.env["discipline.compliance"]._evaluate_customers(rows.partner_id.ids)
        self.env["discipline.contact"]._log(
            [
                {"partner_id": pid, "user_id": self.anna.id, "date": datetime(2025, 3, 4, 9), "note": "Talked",
                 "logged_at": datetime(2025, 3, 4, 9), "channel_id": self.call.id, "source": "import"}
                for pid in rows.partner_id.ids[-count:]
            ]
        )  # fmt: skip

    def _measure(self):
        """Return (queries, seconds) of the day, the second of two so that caches of the registry are warm."""
        self.env.flush_all()
        # what the server does by itself within a minute
        self.env.cr.execute("ANALYZE")
        for _number in range(2):
            self.env.flush_all()
            self.env.invalidate_all()
            queries, began = self.env.cr.sql_log_count, os.times().elapsed
            day = self.env["discipline.my.day"].with_user(self.anna).get_day()
            took = os.times().elapsed - began  # the clock that freezegun leaves alone
            queries = self.env.cr.sql_log_count - queries
        self.assertTrue(day["rows"])
        _logger.info("My Day with %s lines: %s queries, %.3f s", day["total"], queries, took)
        return queries, took
