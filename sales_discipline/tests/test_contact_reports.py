"""Reports on contacts: events with their results, customers without contacts, plan against fact by day."""

import io
from datetime import date, datetime, timedelta

import openpyxl
from freezegun import freeze_time
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools.safe_eval import safe_eval

from .common import NOW, DisciplineCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestSilence(DisciplineCommon):
    """NOW is 10 March 2025."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.no_answer = cls.env.ref("sales_discipline.discipline_outcome_no_answer")
        cls.Customer = cls.env["discipline.customer"]
        names = ("Never", "February", "March", "Attempt", "Stranger", "Old")
        cls.never, cls.february, cls.march, cls.attempt, cls.stranger, cls.old = (
            cls._customer(name, cls.anna, cls.class_a) for name in names
        )
        cls._log(cls.february, cls.anna, datetime(2025, 2, 20, 9))
        cls._log(cls.march, cls.anna, datetime(2025, 3, 6, 9))
        cls._log(cls.attempt, cls.anna, datetime(2025, 3, 7, 9), outcome_id=cls.no_answer.id)
        cls._log(cls.stranger, cls.boris, datetime(2025, 2, 12, 9))
        cls._log(cls.old, cls.anna, datetime(2025, 1, 5, 9))
        cls.everyone = cls.never | cls.february | cls.march | cls.attempt | cls.stranger | cls.old

    def _found(self, *filters):
        """Return who is found by these filters of the report, as a person who switches them on."""
        view = self.env.ref("sales_discipline.discipline_customer_view_search_silent")
        arch = view._get_combined_arch()
        found = self.env["res.partner"]
        for name in filters:
            (node,) = arch.xpath(f"//filter[@name='{name}']")
            domain = safe_eval(node.get("domain"))
            found |= self.Customer.search([("partner_id", "in", self.everyone.ids), *domain]).partner_id
        return found

    def test_days_of_the_last_contact_attempt_and_counted_contact_are_told_apart(self):
        row = self.attempt.discipline_id
        self.assertEqual(
            (row.last_touch_date, row.last_contact_date, row.last_counted_date), (date(2025, 3, 7), False, False)
        )
        row = self.stranger.discipline_id
        self.assertEqual(
            (row.last_touch_date, row.last_contact_date, row.last_counted_date, row.days_silent),
            (date(2025, 2, 12), date(2025, 2, 12), False, 26),
        )
        self.assertFalse(self.never.discipline_id.days_silent)

    def test_no_contact_at_all_for_n_days_is_apart_from_none_that_counted(self):
        self.assertEqual(self._found("never"), self.never)
        self.assertEqual(self._found("none_30"), self.never | self.old)
        self.assertEqual(self._found("uncounted_30"), self.attempt | self.stranger)
        self.assertEqual(self._found("none_60"), self.never | self.old)
        self.assertEqual(self._found("none_90"), self.never)
        self.assertEqual(self._found("uncounted_90"), self.attempt | self.stranger)

    def test_the_same_by_calendar_month(self):
        self.assertEqual(self._found("none_month"), self.never | self.february | self.stranger | self.old)
        self.assertEqual(self._found("uncounted_month"), self.attempt)
        self.assertEqual(self._found("none_last"), self.never | self.march | self.attempt | self.old)
        self.assertEqual(self._found("uncounted_last"), self.stranger)
        january = [("partner_id", "in", self.everyone.ids), ("none_in", "ilike", "2025-01")]
        self.assertEqual(self.Customer.search(january).partner_id, self.everyone - self.old)
        with self.assertRaisesRegex(UserError, "is no month: write it as 2025-03"):
            self.Customer.search([("none_in", "=", "spring")])

    def test_sixty_days_are_neither_thirty_nor_ninety(self):
        tried, cooled = (self._customer(name, self.anna, self.class_a) for name in ("Tried", "Cooled"))
        self.everyone |= tried | cooled
        self._log(tried, self.anna, datetime(2025, 1, 24, 9), outcome_id=self.no_answer.id)
        # 63 days ago it counted, and 45 days ago nobody answered
        self._log(cooled, self.anna, datetime(2025, 1, 6, 9))
        self._log(cooled, self.anna, datetime(2025, 1, 24, 9), outcome_id=self.no_answer.id)
        self.assertEqual(cooled.discipline_id.last_counted_date, date(2025, 1, 6))
        self.assertFalse(self._found("uncounted_30") & (tried | cooled))
        self.assertEqual(self._found("uncounted_60"), self.attempt | self.stranger | tried | cooled)
        self.assertEqual(self._found("uncounted_90"), self.attempt | self.stranger | tried)

    def test_none_that_counted_is_asked_for_by_month(self):
        def found(month, operator="="):
            domain = [("partner_id", "in", self.everyone.ids), ("none_counted_in", operator, month)]
            return self.Customer.search(domain).partner_id

        self.assertEqual(found("2025-02"), self.stranger)
        self.assertEqual(found("2025-03", "ilike"), self.attempt)
        self.assertFalse(found("2025-01"), "whoever was not contacted at all is another list")
        with self.assertRaisesRegex(UserError, "is no month: write it as 2025-03"):
            found("2025-13")

    def test_the_list_shows_the_last_contact_the_responsible_and_the_next_planned(self):
        self.february.activity_schedule(
            "mail.mail_activity_data_call", user_id=self.anna.id, date_deadline=date(2025, 3, 14)
        )
        view = self.env.ref("sales_discipline.discipline_customer_view_list_silent")
        shown = [node.get("name") for node in view._get_combined_arch().iter("field") if node.get("optional") != "hide"]
        names = ["partner_id", "user_id", "days_silent", "last_contact_date", "next_contact_date"]
        self.assertLessEqual(set(names), set(shown))
        (row,) = self.february.discipline_id.with_user(self.anna).read(names)
        self.assertEqual(
            [row[name] for name in names[2:]], [18, date(2025, 2, 20), date(2025, 3, 14)], "days, last and next"
        )
        self.assertEqual((row["partner_id"][1], row["user_id"][1]), ("February", "Anna"))

    def test_voiding_a_contact_and_a_decision_that_lets_it_count_show_at_once(self):
        contact = self.env["discipline.contact"].search([("partner_id", "=", self.march.id)])
        contact.with_user(self.supervisor)._void("Another company")
        self.assertEqual(self._found("never"), self.never | self.march)
        self.anna.sudo().discipline_assistant_ids = self.boris
        self.env["discipline.compliance"]._evaluate_customers(self.stranger.ids)
        # February is not judged any more: its contacts keep what was said of them
        self._log(self.stranger, self.boris, datetime(2025, 3, 10, 8))
        self.assertEqual(self.stranger.discipline_id.last_counted_date, date(2025, 3, 10))

    def test_a_contact_with_an_employee_or_a_member_of_a_group_is_the_customers(self):
        employee = self.env["res.partner"].create({"name": "Employee", "parent_id": self.never.id})
        member = self._customer("Member", self.anna, customer_group_id=self.old.id)
        self._log(employee, self.anna, NOW)
        self._log(member, self.anna, NOW)
        self.assertFalse(self._found("never"))
        self.assertEqual((self.never | self.old).discipline_id.mapped("last_touch_date"), [date(2025, 3, 10)] * 2)
        events = self.env["discipline.contact"].with_user(self.supervisor)
        groups = events._read_group(
            [("day", "=", date(2025, 3, 10))], ["partner_id", "abc_class_id", "responsible_id"], ["__count"]
        )
        self.assertEqual(
            [(partner, abc, user) for partner, abc, user, _count in groups],
            [(self.never, self.class_a, self.anna), (self.old, self.class_a, self.anna)],
        )


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestEvents(DisciplineCommon):
    """The events report: groups, what they open, and the recorded results."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.no_answer = cls.env.ref("sales_discipline.discipline_outcome_no_answer")
        cls.meeting = cls.env.ref("sales_discipline.discipline_channel_meeting")
        cls.first = cls._customer("First", cls.anna, cls.class_a)
        cls.second = cls._customer("Second", cls.boris, cls.class_b)
        cls._log(cls.first, cls.anna, datetime(2025, 2, 20, 9), note="Wants a discount")
        cls._log(cls.first, cls.anna, datetime(2025, 3, 4, 9), channel_id=cls.meeting.id, note="Signed")
        cls._log(cls.second, cls.boris, datetime(2025, 3, 5, 9), outcome_id=cls.no_answer.id)
        cls.voided = cls._log(cls.second, cls.boris, datetime(2025, 3, 6, 9), note="Somebody else")
        cls.voided._void("Another company")
        cls.action = cls.env.ref("sales_discipline.discipline_contact_events_action")
        cls.domain = safe_eval(cls.action.domain)

    def _groups(self, groupby):
        """Return {value of the group: (number, ids that its drill-down opens)}."""
        Contact = self.env["discipline.contact"].with_user(self.supervisor)
        groups = Contact.formatted_read_group(self.domain, [groupby], ["__count"])
        found = {}
        for group in groups:
            value = group[groupby]
            opened = Contact.search([*self.domain, *group["__extra_domain"]])
            found[value[1] if isinstance(value, tuple | list) else value] = (group["__count"], len(opened))
        return found

    def test_customers_by_manager_class_channel_outcome_and_period(self):
        expected = {
            "responsible_id": {"Anna": 2, "Boris": 1},
            "user_id": {"Anna": 2, "Boris": 1},
            "abc_class_id": {"A": 2, "B": 1},
            "channel_id": {self.call.name: 2, self.meeting.name: 1},
            "outcome_id": {self.talked.name: 2, self.no_answer.name: 1},
            "partner_id": {"First": 2, "Second": 1},
            "day:month": {"February 2025": 1, "March 2025": 2},
            "rejected_reason": {False: 2, "outcome": 1},
        }
        for groupby, counts in expected.items():
            with self.subTest(groupby=groupby):
                # each number is that of the records which it opens
                self.assertEqual(self._groups(groupby), {name: (count, count) for name, count in counts.items()})

    def test_every_filter_that_groups_does(self):
        arch = self.env.ref("sales_discipline.discipline_contact_view_search")._get_combined_arch()
        names = [safe_eval(node.get("context"))["group_by"] for node in arch.iter("filter") if node.get("context")]
        self.assertLessEqual({"responsible_id", "abc_class_id", "channel_id", "outcome_id", "day:month"}, set(names))
        for name in names:
            with self.subTest(groupby=name):
                groups = self._groups(name).values()
                self.assertEqual((sum(row[0] for row in groups), sum(row[1] for row in groups)), (3, 3))

    def test_the_class_is_todays_and_the_column_says_so(self):
        self.first.discipline_id.sudo().write({"abc_class_id": self.class_c.id, "abc_since": date(2025, 3, 10)})
        self.assertEqual(self._groups("abc_class_id"), {"B": (1, 1), "C": (2, 2)})
        view = self.env.ref("sales_discipline.discipline_contact_view_list_events")
        (node,) = view._get_combined_arch().xpath("//field[@name='abc_class_id']")
        self.assertIn("today", node.get("help"))

    def test_the_dialog_repeats_the_last_talk_with_its_day_as_the_reader_writes_it(self):
        Dialog = self.env["discipline.contact.log"].with_user(self.anna)
        dialog = Dialog.new({"partner_ids": [Command.set(self.first.ids)]})
        self.assertEqual(dialog.last_note, "03/04/2025, Anna: Signed")

    def test_what_was_said_is_read_in_place(self):
        view = self.action.view_ids.filtered(lambda row: row.view_mode == "list").view_id
        (node,) = view._get_combined_arch().xpath("//field[@name='note']")
        self.assertFalse(node.get("optional"), "the column is always there")
        rows = self.env["discipline.contact"].with_user(self.supervisor).search_read(self.domain, ["note"])
        self.assertEqual({row["note"] for row in rows}, {"Signed", "Wants a discount", False})


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestPlanFact(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customers = cls.env["res.partner"].union(
            *(cls._customer(f"C{number}", cls.anna, cls.class_a) for number in range(3))
        )
        call = cls.env.ref("mail.mail_activity_data_call")
        for partner, day in zip(cls.customers, ("2025-03-07", "2025-03-10", "2025-03-10"), strict=True):
            partner.activity_schedule(activity_type_id=call.id, user_id=cls.anna.id, date_deadline=day)
        cls.Day = cls.env["discipline.plan.day"]
        cls.Report = cls.env["discipline.plan.fact"]

    def _rows(self, user=None):
        self.env.flush_all()
        return self.Report.search([("manager_ref", "=", (user or self.anna).id)], order="day")

    def test_the_plan_is_as_it_stood_when_the_day_began_and_the_contacts_stand_beside_it(self):
        self.Day._keep(self.company)
        activity = self.customers[1].activity_ids
        activity.date_deadline = date(2025, 3, 20)
        self.Day._keep(self.company)
        self._log(self.customers[2], self.anna, NOW - timedelta(hours=1))
        self._log(self.customers[2], self.anna, NOW)
        row = self._rows()
        self.assertEqual(
            (row.day, row.planned, row.overdue, row.made, row.counted, row.rejected, row.missing),
            (date(2025, 3, 10), 2, 1, 2, 1, 1, 0),
        )
        self.assertEqual(row.fulfilment, 100)
        opened = self.env["discipline.contact"].search(row.action_contacts()["domain"])
        self.assertEqual(len(opened), row.made)

    def test_contacts_on_a_day_off_are_shown_without_a_plan_and_an_absence_is_marked(self):
        self.env["discipline.absence"].create(
            {"user_id": self.anna.id, "date_from": "2025-03-10", "date_to": "2025-03-10"}
        ).sudo().write({"approved": True})
        self._log(self.customers[0], self.anna, datetime(2025, 3, 8, 9))
        self.Day._keep(self.company)
        saturday, monday = self._rows()
        self.assertEqual((saturday.day, saturday.planned, saturday.made), (date(2025, 3, 8), 0, 1))
        self.assertTrue(monday.away)
        with freeze_time(datetime(2025, 3, 15, 9)):
            self.Day._keep(self.company)
        self.assertFalse(self._rows().filtered(lambda row: row.day == date(2025, 3, 15)), "nothing is planned then")

    def test_a_manager_sees_his_own_days_and_nobody_rewrites_them(self):
        self._customer("Theirs", self.boris, self.class_a)
        self.Day._keep(self.company)
        self.env.flush_all()
        self.assertEqual(self.Report.with_user(self.anna).search([]).user_id, self.anna)
        self.assertEqual(self.Report.with_user(self.supervisor).search([]).user_id, self.anna | self.boris)
        with self.assertRaises(UserError):
            self.Day.with_user(self.administrator).search([], limit=1).write({"planned": 0})

    def test_the_workbook_holds_plan_and_fact_and_the_tasks_given(self):
        self.Day._keep(self.company)
        self.env["discipline.task.set"].with_user(self.supervisor).with_context(
            active_model="res.partner", active_ids=self.customers[0].ids
        ).create({"summary": "Visit him", "date_deadline": "2025-03-11"}).action_set()
        book = (
            self.env["discipline.workbook"]
            .with_user(self.supervisor)
            .create({"date_from": "2025-03-01", "date_to": "2025-03-31"})
        )
        sheets = openpyxl.load_workbook(io.BytesIO(book._content()))
        plan = list(sheets["Plan against Fact"].values)
        self.assertEqual(plan[1][1:6], ("Anna", 2, 1, 0, 0))
        self.assertEqual(list(sheets["Tasks Given"].values)[1][1:5], ("Visit him", "C0", "Anna", "To Do"))

    def test_the_workbooks_file_is_named_in_the_readers_language(self):
        self.env["res.lang"]._activate_lang("ru_RU")
        self.env["ir.module.module"].search([("name", "=", "sales_discipline")])._update_translations("ru_RU")
        book = self.env["discipline.workbook"].create({"date_from": "2025-03-01", "date_to": "2025-03-31"})
        self.assertEqual(
            book.with_context(lang="ru_RU")._file_name(), "Управление продажами 2025-03-01 - 2025-03-31.xlsx"
        )
