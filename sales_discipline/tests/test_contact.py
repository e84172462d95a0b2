"""Contacts: how they are logged, which of them count, and that nobody rewrites them."""

from datetime import date, datetime, timedelta

from freezegun import freeze_time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from ..engine import counting
from .common import NOW, DisciplineCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestContactLog(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer = cls._customer("Customer", cls.anna, cls.class_a)
        cls.call_type = cls.env.ref("mail.mail_activity_data_call")
        cls.Contact = cls.env["discipline.contact"]

    def _contacts(self, partner=None):
        return self.Contact.search([("partner_id", "=", (partner or self.customer).id)], order="date, id")

    def _activity(self, record, user=None, **values):
        return record.with_user(user or self.anna).activity_schedule(
            activity_type_id=self.call_type.id, user_id=(user or self.anna).id, summary="Price list", **values
        )

    def test_a_call_marked_as_done_is_a_counted_contact_with_the_feedback_as_its_note(self):
        self._activity(self.customer).action_feedback(feedback="They want a discount")
        contact = self._contacts()
        self.assertEqual(len(contact), 1)
        self.assertEqual(contact.user_id, self.anna)
        self.assertEqual(contact.note, "They want a discount")
        self.assertEqual(contact.channel_id, self.call)
        self.assertTrue(contact.counted)
        row = self.customer.discipline_id
        self.assertEqual((row.goal, row.attained, row.last_contact_date), (4, 1, date(2025, 3, 10)))

    def test_a_call_on_an_employee_or_on_an_opportunity_is_a_contact_with_the_customer(self):
        employee = self.env["res.partner"].create({"name": "Employee", "parent_id": self.customer.id})
        lead = self.env["crm.lead"].create({"name": "Deal", "partner_id": employee.id, "user_id": self.anna.id})
        self._activity(employee).action_feedback()
        self._activity(lead).action_feedback()
        contacts = self._contacts()
        self.assertEqual(contacts.contact_id, employee)
        self.assertEqual(contacts.lead_id, lead)
        self.assertEqual(contacts.mapped("note"), ["Price list", "Price list"])
        self.assertEqual(contacts.mapped("counted"), [True, False])
        self.assertEqual(contacts[1].rejected_reason, "gap")

    def test_archiving_an_activity_logs_it_and_opening_it_again_voids_it(self):
        activity = self._activity(self.customer)
        activity.action_archive()
        self.assertTrue(self._contacts().counted)
        activity.action_archive()
        self.assertEqual(len(self._contacts()), 1)
        activity.action_unarchive()
        self.assertEqual(self._contacts().rejected_reason, "voided")
        self.assertEqual(self.customer.discipline_id.attained, 0)
        activity.action_archive()
        self.assertEqual(self._contacts().mapped("counted"), [False, True])

    def test_a_to_do_is_no_contact_and_a_deleted_call_neither(self):
        todo = self.customer.activity_schedule("mail.mail_activity_data_todo", user_id=self.anna.id)
        todo.action_feedback(feedback="done")
        self._activity(self.customer).unlink()
        self.assertFalse(self._contacts())

    def test_a_contact_outlives_its_activity_and_its_opportunity(self):
        lead = self.env["crm.lead"].create({"name": "Deal", "partner_id": self.customer.id, "user_id": self.anna.id})
        activity = self._activity(lead)
        activity.action_feedback()
        activity.unlink()
        lead.unlink()
        contact = self._contacts()
        self.assertEqual((len(contact), contact.counted, contact.lead_id.id), (1, True, False))

    def test_the_next_planned_contact_is_the_earliest_open_call(self):
        late = self._activity(self.customer, date_deadline=date(2025, 3, 20))
        self.assertEqual(self.customer.discipline_id.next_contact_date, date(2025, 3, 20))
        lead = self.env["crm.lead"].create({"name": "Deal", "partner_id": self.customer.id, "user_id": self.anna.id})
        early = self._activity(lead, date_deadline=date(2025, 3, 14))
        self.assertEqual(self.customer.discipline_id.next_contact_date, date(2025, 3, 14))
        early.action_feedback()
        self.assertEqual(self.customer.discipline_id.next_contact_date, date(2025, 3, 20))
        late.unlink()
        self.assertFalse(self.customer.discipline_id.next_contact_date)

    def test_marking_calls_as_done_takes_as_many_queries_for_many_as_for_few(self):
        def done(count):
            customers = self.env["res.partner"].union(
                *(self._customer(f"C{count}-{i}", self.anna, self.class_a) for i in range(count))
            )
            activities = self.env["mail.activity"].union(*(self._activity(customer) for customer in customers))
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            activities.with_user(self.anna)._discipline_log()
            self.assertEqual(self.Contact.search_count([("partner_id", "in", customers.ids)]), count)
            return self.env.cr.sql_log_count - before

        done(2)
        few, many = done(5), done(50)
        # Odoo's own reads are cut into pieces; nothing grows with each activity
        self.assertLessEqual(many, few + 3)

    # ------------------------------------------------------------------
    # meetings

    def _meeting(self, start, partner=None, **values):
        with freeze_time(start - timedelta(days=1)):
            return (
                self.env["calendar.event"]
                .with_user(self.anna)
                .create(
                    {
                        "name": "Presentation",
                        "start": start,
                        "stop": start + timedelta(hours=1),
                        "partner_ids": [Command.set((self.anna.partner_id | (partner or self.customer)).ids)],
                        "user_id": self.anna.id,
                        **values,
                    }
                )
            )

    def _hold(self):
        self.env["calendar.event"]._discipline_log_held()

    def test_a_meeting_that_took_place_is_a_contact_once(self):
        event = self._meeting(datetime(2025, 3, 10, 7))
        self._hold()
        self._hold()
        contact = self._contacts()
        self.assertEqual(len(contact), 1)
        self.assertEqual((contact.source, contact.event_id, contact.date), ("meeting", event, event.start))
        self.assertTrue(contact.counted)

    def test_a_meeting_ahead_or_declined_or_called_off_is_none(self):
        self._meeting(datetime(2025, 3, 11, 7))
        declined = self._meeting(datetime(2025, 3, 10, 6))
        declined.attendee_ids.filtered(lambda row: row.partner_id == self.customer).do_decline()
        self._meeting(datetime(2025, 3, 7, 6)).action_discipline_not_held()
        self._hold()
        self.assertFalse(self._contacts())

    def test_a_logged_meeting_that_is_called_off_or_moved_loses_its_contact(self):
        event = self._meeting(datetime(2025, 3, 10, 7))
        self._hold()
        event.action_discipline_not_held()
        self.assertEqual(self._contacts().rejected_reason, "voided")
        event.action_discipline_held()
        self._hold()
        self.assertEqual(self._contacts().mapped("counted"), [False, True])
        event.write({"start": datetime(2025, 3, 12, 7), "stop": datetime(2025, 3, 12, 8)})
        self.assertEqual(self._contacts().mapped("counted"), [False, False])
        with freeze_time(datetime(2025, 3, 12, 9)):
            self._hold()
        self.assertEqual(self._contacts()[-1].day, date(2025, 3, 12))

    def test_a_deleted_meeting_keeps_its_contact_and_a_voided_one_stays_voided(self):
        event = self._meeting(datetime(2025, 3, 10, 7))
        self._hold()
        self._contacts().with_user(self.anna)._void("It was a colleague's customer")
        self._hold()
        self.assertEqual(len(self._contacts()), 1)
        other = self._meeting(datetime(2025, 3, 7, 7))
        self._hold()
        (event | other).unlink()
        self.assertEqual(self._contacts().mapped("counted"), [True, False])

    def test_a_meeting_and_its_activity_are_one_contact(self):
        activity = self.customer.with_user(self.anna).activity_schedule(
            "mail.mail_activity_data_meeting", user_id=self.anna.id
        )
        event = self._meeting(datetime(2025, 3, 10, 7), activity_ids=[Command.link(activity.id)])
        self._hold()
        activity.action_feedback(feedback="They agreed")
        self._hold()
        self.assertEqual(len(self._contacts()), 1)
        self.assertEqual(self._contacts().event_id, event)

    def test_a_meeting_entered_days_afterwards_is_late(self):
        self.env["calendar.event"].with_user(self.anna).create(
            {
                "name": "Yes, we met",
                "start": datetime(2025, 3, 4, 7),
                "stop": datetime(2025, 3, 4, 8),
                "partner_ids": [Command.set((self.anna.partner_id | self.customer).ids)],
            }
        )
        self._hold()
        self.assertEqual(self._contacts().rejected_reason, "late")

    # ------------------------------------------------------------------
    # the dialog

    def _dialog(self, user, records, **values):
        dialog = (
            self.env["discipline.contact.log"]
            .with_user(user)
            .with_context(active_model=records._name, active_ids=records.ids)
            .create({"channel_id": self.call.id, **values})
        )
        return dialog, dialog.action_log()

    def test_the_dialog_says_beforehand_and_afterwards_whether_the_contact_counts(self):
        dialog, told = self._dialog(self.anna, self.customer, note="Called", next_date=date(2025, 3, 17))
        self.assertEqual(told["params"]["message"], "Counted: 1 of 4 contacts this period.")
        self.assertEqual(self.customer.discipline_id.next_contact_date, date(2025, 3, 17))
        again = (
            self.env["discipline.contact.log"]
            .with_user(self.anna)
            .create({"partner_ids": [Command.set(self.customer.ids)], "channel_id": self.call.id})
        )
        self.assertFalse(again.preview_counts)
        self.assertIn("too soon after the last contact", again.preview)
        told = again.action_log()
        self.assertIn("Not counted: too soon after the last contact", told["params"]["message"])
        self.assertFalse(dialog.partner_ids - self.customer)

    def test_logging_by_hand_finishes_the_call_that_was_planned_and_is_one_contact(self):
        activity = self._activity(self.customer, date_deadline=date(2025, 3, 7))
        later = self._activity(self.customer, date_deadline=date(2025, 3, 21))
        self._dialog(self.anna, self.customer, note="Called", next_date=False)
        self.assertEqual((activity.active, activity.feedback, later.active), (False, "Called", True))
        self.Contact._reconcile_feeders(self.company)
        self.assertEqual(len(self._contacts()), 1)

    def test_the_preview_names_the_rule_that_the_log_will_apply(self):
        email = self.env.ref("sales_discipline.discipline_channel_email")
        no_answer = self.env.ref("sales_discipline.discipline_outcome_no_answer")
        cases = [
            (self.anna, {"channel_id": email.id}, "channel"),
            (self.anna, {"outcome_id": no_answer.id}, "outcome"),
            (self.anna, {"date": datetime(2025, 3, 5, 9)}, "late"),
            (self.boris, {}, "stranger"),
            (self.anna, {"date": datetime(2025, 3, 6, 9)}, None),
            (self.anna, {}, None),
        ]
        for user, values, reason in cases:
            dialog = (
                self.env["discipline.contact.log"]
                .with_user(user)
                .create({"partner_ids": [Command.set(self.customer.ids)], "channel_id": self.call.id, **values})
            )
            self.assertEqual(dialog.preview_counts, not reason, values)
            before = self._contacts()
            dialog.action_log()
            self.assertEqual((self._contacts() - before).rejected_reason or None, reason, values)

    def test_a_contact_in_the_future_or_without_a_customer_is_refused_and_nothing_is_logged(self):
        with self.assertRaisesRegex(UserError, "lies in the future"):
            self._dialog(self.anna, self.customer, date=NOW + timedelta(hours=1))
        lead = self.env["crm.lead"].create({"name": "Nobody's", "user_id": self.anna.id})
        with self.assertRaisesRegex(UserError, "no customer behind this record"):
            self._dialog(self.anna, lead)
        with self.assertRaisesRegex(UserError, "our own company"):
            self._log(self.env.company.partner_id, self.anna, NOW)
        with self.assertRaisesRegex(UserError, "no customer behind this contact"):
            self.Contact._log([{"date": NOW}])
        self.assertFalse(self._contacts())

    def test_a_done_activity_without_a_customer_behind_it_disturbs_nobody(self):
        lead = self.env["crm.lead"].create({"name": "Nobody's", "user_id": self.anna.id})
        self._activity(lead).action_feedback()
        self.assertFalse(self.Contact.search([("lead_id", "=", lead.id)]))

    # ------------------------------------------------------------------
    # other programs

    def test_the_same_call_from_telephony_is_one_contact_for_ever(self):
        call = {"partner_id": self.customer.id, "source_ref": "call-1", "channel_id": self.call.id, "note": "Long talk"}
        Contact = self.Contact.with_user(self.anna)
        first = Contact.log_contacts([call])
        self.assertEqual(Contact.log_contacts([call, {**call, "source_ref": "call-2"}])[0], first[0])
        Contact.browse(first)._void("Wrong customer")
        self.assertEqual(Contact.log_contacts([call]), first)
        self.assertEqual(len(self._contacts()), 2)

    def test_telephony_names_the_entry_that_is_wrong_and_logs_nothing(self):
        good = {"partner_id": self.customer.id, "source_ref": "1", "channel_id": self.call.id}
        Contact = self.Contact.with_user(self.anna)
        with self.assertRaisesRegex(UserError, "Contact 2: it needs a source_ref"):
            Contact.log_contacts([good, {"partner_id": self.customer.id}])
        with self.assertRaisesRegex(UserError, "Contact 1: unknown fields counted"):
            Contact.log_contacts([{**good, "counted": True}])
        with self.assertRaisesRegex(AccessError, "your own contacts"):
            Contact.log_contacts([{**good, "user_id": self.boris.id}])
        self.assertFalse(self._contacts())

    # ------------------------------------------------------------------
    # counted or not

    def test_voiding_the_first_of_two_on_one_day_lets_the_second_count(self):
        first = self._log(self.customer, self.anna, NOW - timedelta(hours=2))
        second = self._log(self.customer, self.anna, NOW - timedelta(hours=1))
        self.assertEqual((first.counted, second.counted, second.rejected_reason), (True, False, "gap"))
        first.with_user(self.anna)._void("It was another company")
        self.assertEqual((first.counted, first.rejected_reason), (False, "voided"))
        self.assertEqual((second.counted, second.rejected_reason), (True, False))
        self.assertEqual(self.customer.discipline_id.attained, 1)

    def test_assistant_and_substitute_count_and_a_stranger_does_not(self):
        self.anna.sudo().discipline_assistant_ids = self.boris
        self.env["discipline.absence"].create(
            {
                "user_id": self.anna.id,
                "date_from": "2025-03-06",
                "date_to": "2025-03-06",
                "substitute_id": self.clara.id,
            }
        ).sudo().write({"approved": True})
        by_assistant = self._log(self.customer, self.boris, datetime(2025, 3, 5, 9))
        by_substitute = self._log(self.customer, self.clara, datetime(2025, 3, 6, 9))
        after_it = self._log(self.customer, self.clara, datetime(2025, 3, 7, 9))
        self.assertEqual((by_assistant.counted, by_substitute.counted), (True, True))
        self.assertEqual(after_it.rejected_reason, "stranger")

    def test_the_day_is_the_doers_own_on_both_sides_of_midnight(self):
        self.anna.tz = "Asia/Vladivostok"
        self.boris.tz = "America/Los_Angeles"
        east = self._log(self.customer, self.anna, datetime(2025, 3, 9, 23, 30))
        west = self._log(self._customer("West", self.boris, self.class_a), self.boris, datetime(2025, 3, 10, 6, 30))
        self.assertEqual((east.day, west.day), (date(2025, 3, 10), date(2025, 3, 9)))
        # both sides of the change to summer time in Los Angeles, at 10:00 UTC
        before = self._log(west.partner_id, self.boris, datetime(2025, 3, 9, 7, 59))
        after = self._log(west.partner_id, self.boris, datetime(2025, 3, 9, 8, 1))
        self.assertEqual((before.day, after.day), (date(2025, 3, 8), date(2025, 3, 9)))

    def test_a_contact_of_a_closed_period_is_stored_and_rejected(self):
        period = self.env["discipline.period"]._open_for(self.company, date(2025, 2, 3))
        period._close()
        contact = self._log(self.customer, self.anna, datetime(2025, 2, 28, 9), logged_at=NOW)
        self.assertEqual((contact.counted, contact.rejected_reason), (False, "closed"))

    def _rewritten(self, table="discipline_contact"):
        """Return how many rows of the log this transaction has written a second time."""
        self.env.flush_all()
        self.env.cr.execute("SELECT pg_stat_get_xact_tuples_updated(%s::regclass)", [table])
        return self.env.cr.fetchone()[0]

    def test_a_contact_that_is_as_expected_is_written_once(self):
        self.env["discipline.compliance"]._open_periods(self.company)
        before = self._rewritten()
        first = self._log(self.customer, self.anna, NOW)
        second = self._log(self.customer, self.anna, NOW + timedelta(minutes=3))
        self.assertEqual((first.counted, first.rejected_reason), (True, False))
        self.assertEqual((second.counted, second.rejected_reason), (False, "gap"))
        self.assertEqual(self._rewritten(), before)
        # one that was earlier that day takes the place of the first
        earlier = self._log(self.customer, self.anna, NOW - timedelta(hours=1))
        self.assertEqual((earlier.counted, first.counted, first.rejected_reason), (True, False, "gap"))
        self.assertEqual(self._rewritten(), before + 2)
        late = self._log(self.customer, self.anna, NOW - timedelta(days=20), logged_at=NOW)
        stranger = self._log(self.customer, self.boris, NOW - timedelta(days=3))
        self.assertEqual(
            [(row.counted, row.rejected_reason) for row in late | stranger], [(False, "late"), (False, "stranger")]
        )

    def test_the_customers_row_is_written_once_for_the_contact_and_once_for_the_next(self):
        self.env["discipline.compliance"]._open_periods(self.company)
        self._log(self.customer, self.anna, NOW - timedelta(days=4))
        row = self.customer.discipline_id
        first = row.next_contact_date
        self.assertTrue(row.next_planned)
        before = self._rewritten("discipline_customer")
        # what was planned is done, and the next one is planned
        self._log(self.customer, self.anna, NOW - timedelta(days=1))
        self.assertEqual(self._rewritten("discipline_customer"), before + 2)
        self.assertEqual((row.attained, row.last_contact_date), (2, (NOW - timedelta(days=1)).date()))
        self.assertTrue(row.next_planned)
        self.assertNotEqual(row.next_contact_date, first)
        row._plan_none("They build till spring")
        self.assertFalse(row.next_contact_date)
        before = self._rewritten("discipline_customer")
        # the reason why none was planned holds no longer
        self._log(self.customer, self.anna, NOW)
        self.assertEqual(self._rewritten("discipline_customer"), before + 2)
        self.assertEqual((row.no_next_reason, row.no_next_by_id.id, row.no_next_on), (False, False, False))
        self.assertTrue(row.next_planned)
        # one that does not count leaves the plan
        planned, before = row.next_contact_date, self._rewritten("discipline_customer")
        self._log(self.customer, self.boris, NOW + timedelta(minutes=2))
        self.assertEqual(self._rewritten("discipline_customer"), before + 1)
        self.assertEqual((row.next_contact_date, row.next_planned), (planned, True))

    def test_a_contact_that_nothing_judges_now_does_not_begin_as_counted(self):
        february = self.env["discipline.period"]._open_for(self.company, date(2025, 2, 3))
        self.assertTrue(self._log(self.customer, self.anna, datetime(2025, 2, 10, 9)).counted)
        # its verdicts are being closed: what comes now is decided with them
        february.sudo().closing_at = NOW
        self.assertFalse(self._log(self.customer, self.anna, datetime(2025, 2, 12, 9)).counted)
        self.env["discipline.compliance"]._open_periods(self.company)
        self.company.discipline_active = False
        self.assertFalse(self._log(self.customer, self.anna, NOW).counted)

    def test_nobody_edits_creates_or_deletes_a_contact_by_form_import_or_rpc(self):
        contact = self._log(self.customer, self.anna, NOW)
        for user in (self.anna, self.supervisor, self.administrator, self.env.ref("base.user_admin")):
            mine = contact.with_user(user)
            for attack in (
                lambda mine=mine: mine.write({"counted": True}),
                lambda mine=mine: mine.write({"note": "x"}),
                lambda mine=mine: mine.unlink(),
                lambda mine=mine: mine.copy(),
                lambda mine=mine: mine.create({"partner_id": self.customer.id}),
                lambda mine=mine: (
                    mine.load(["partner_id/.id", "doer_ref"], [[str(self.customer.id), "1"]])["ids"]
                    or mine._ledger_check()
                ),
                lambda mine=mine: mine.with_context(discipline_ledger=True).write({"note": "x"}),
            ):
                with self.assertRaises(UserError):
                    attack()
        self.assertEqual(len(self._contacts()), 1)

    def test_a_colleague_cannot_void_a_contact_and_a_supervisor_can_with_a_reason(self):
        contact = self._log(self.customer, self.anna, NOW)
        with self.assertRaisesRegex(AccessError, "or a supervisor voids it"):
            contact.with_user(self.boris).sudo(False)._void("mine")
        with self.assertRaisesRegex(UserError, "Say why"):
            contact.with_user(self.supervisor)._void("  ")
        contact.with_user(self.supervisor)._void("Copied note")
        self.assertEqual((contact.voided_by_id, contact.void_reason), (self.supervisor, "Copied note"))

    def test_markup_and_a_very_long_note_are_kept_as_text(self):
        contact = self._log(self.customer, self.anna, NOW, note="<b>Bold</b><script>alert(1)</script>" + "x" * 100_000)
        self.assertTrue(contact.note.startswith("<b>Bold</b><script>"))
        self.assertTrue(contact.note.endswith("xxx… (cut: 36 characters)"), contact.note[-40:])

    def test_a_note_with_markup_is_shown_as_text_wherever_it_is_read(self):
        told = "<b>Bold</b><script>alert(1)</script> & =1+1"
        self._activity(self.customer).action_feedback(feedback=told)
        self.assertEqual(self._contacts().note, told)
        self.assertNotIn("<script>", self.customer.message_ids[:1].body)
        self.assertIn("alert(1)", self.env["discipline.my.day"]._talks(self.customer.ids, str)[self.customer.id])

    def test_an_archived_customer_keeps_his_contacts_and_a_call_with_him_says_why_it_does_not_count(self):
        self._log(self.customer, self.anna, datetime(2025, 3, 7, 9))
        self.customer.active = False
        self._log(self.customer, self.anna, NOW)
        self.assertEqual(self._contacts().mapped("rejected_reason"), [False, "nobody"])

    def test_what_a_person_said_stays_with_the_customer_he_then_worked_for(self):
        person = self.env["res.partner"].create({"name": "Person", "parent_id": self.customer.id})
        other = self._customer("Other", self.boris, self.class_a)
        before = self._log(person, self.anna, datetime(2025, 3, 7, 9))
        person.parent_id = other
        after = self._log(person, self.boris, NOW)
        self.assertEqual((before.partner_id, before.contact_id), (self.customer, person))
        self.assertEqual((after.partner_id, after.contact_id, after.counted), (other, person, True))

    def test_the_day_of_a_user_without_a_time_zone_is_the_companys(self):
        self.company.resource_calendar_id.tz = "Asia/Vladivostok"
        self.anna.tz = False
        contact = self._log(self.customer, self.anna, datetime(2025, 3, 9, 14, 30))
        self.assertEqual(contact.day, date(2025, 3, 10))

    def test_a_merge_takes_the_contacts_along(self):
        other = self._customer("Other", self.boris, self.class_a)
        self._log(other, self.boris, NOW)
        self.env["base.partner.merge.automatic.wizard"]._merge((self.customer | other).ids, self.customer)
        contact = self._contacts()
        self.assertEqual(len(contact), 1)
        self.assertEqual((contact.customer_ref, contact.user_id), (self.customer.id, self.boris))

    def test_two_customers_of_one_meeting_who_are_merged_had_one_contact(self):
        other = self._customer("Other", self.anna, self.class_a)
        event = self._meeting(datetime(2025, 3, 7, 9), self.customer | other)
        self.env["calendar.event"]._discipline_log_held()
        self.assertEqual([len(self._contacts(partner)) for partner in self.customer | other], [1, 1])
        self.env["base.partner.merge.automatic.wizard"]._merge((self.customer | other).ids, self.customer)
        self.env["calendar.event"]._discipline_log_held()
        contacts = self._contacts().filtered(lambda row: not row.voided_at)
        self.assertEqual((len(contacts), contacts.event_id), (1, event))

    def test_the_nightly_reconcile_logs_what_was_finished_past_the_orm(self):
        activity = self._activity(self.customer)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mail_activity SET active = FALSE, write_uid = %s, write_date = %s WHERE id = %s",
            (self.anna.id, NOW - timedelta(hours=3), activity.id),
        )
        self.env.invalidate_all()
        self.Contact._reconcile_feeders(self.company)
        self.Contact._reconcile_feeders(self.company)
        contact = self._contacts()
        self.assertEqual((len(contact), contact.user_id, contact.date), (1, self.anna, NOW - timedelta(hours=3)))


@tagged("post_install", "-at_install")
@freeze_time(datetime(2025, 4, 30, 20, 0))
class TestCountingInSql(DisciplineCommon):
    """The set-based statement and the engine's text say the same of every contact."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customers = [cls._customer(f"Customer {i}", cls.anna, cls.class_a) for i in range(3)]
        cls._assign(cls.customers[1], cls.boris, date(2025, 3, 13))
        cls._assign(cls.customers[2], None, date(2025, 3, 20))
        cls.anna.sudo().discipline_assistant_ids = cls.clara
        cls.env["discipline.absence"].create(
            {"user_id": cls.anna.id, "date_from": "2025-03-10", "date_to": "2025-03-14", "substitute_id": cls.dmitri.id}
        ).sudo().write({"approved": True})
        cls.channels = cls.env["discipline.channel"].search([])
        cls.channels.filtered(lambda row: row.name == "Messenger").counts = "answered"
        cls.outcomes = cls.env["discipline.outcome"].search([])
        cls.policy = cls.env["discipline.policy"]._policy_on(cls.company, date(2025, 3, 1))

    contact = st.tuples(
        st.integers(0, 2), st.integers(0, 3), st.integers(1, 31), st.integers(0, 23), st.integers(0, 8),
        st.integers(0, 4), st.integers(0, 6), st.booleans(),
    )  # fmt: skip

    @settings(
        max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.lists(contact, min_size=1, max_size=14), st.integers(1, 3))
    def test_sql_and_engine_agree(self, drawn, min_gap):
        savepoint = self.env.cr.savepoint()
        self.env.cr.execute("UPDATE discipline_policy SET min_gap = %s WHERE id = %s", (min_gap, self.policy.id))
        self.policy.invalidate_recordset()
        contacts = self.env["discipline.contact"]._log(
            [
                {
                    "partner_id": self.customers[who].id,
                    "user_id": self.managers[doer].id,
                    "date": datetime(2025, 3, day, hour),
                    "logged_at": datetime(2025, 3, day, hour) + timedelta(days=late),
                    "channel_id": self.channels[channel].id,
                    "outcome_id": self.outcomes[outcome].id,
                }
                for who, doer, day, hour, late, channel, outcome, _void in drawn
            ]
        )
        for contact, row in zip(contacts, drawn, strict=True):
            if row[-1] and row[0] == 0:
                contact._void("drawn")
        days = list(self.env["discipline.calendar"]._working_days(self.company, date(2025, 3, 1), date(2025, 4, 25)))
        for customer in self.customers:
            mine = contacts.filtered(lambda row, customer=customer: row.partner_id == customer)
            expected = counting.classify(
                [self._known(row) for row in mine],
                min_gap=min_gap,
                backdating=self.policy.backdating,
                working_days=days,
            )
            self.assertEqual({row.id: row.rejected_reason or None for row in mine}, expected)
            self.assertEqual(set(mine.filtered("counted").ids), {key for key, why in expected.items() if not why})
        savepoint.close(rollback=True)
        self.env.invalidate_all()

    def _known(self, row):
        """Return what the engine must know of a contact, taken from the test's own knowledge of this base."""
        index = next(i for i, customer in enumerate(self.customers) if customer == row.partner_id)
        holder = self.anna
        if index == 1 and row.day >= date(2025, 3, 13):
            holder = self.boris
        if index == 2 and row.day >= date(2025, 3, 20):
            holder = self.env["res.users"]
        substitute = holder == self.anna and date(2025, 3, 10) <= row.day <= date(2025, 3, 14)
        return counting.Contact(
            row.id,
            row.day,
            row.date,
            row.logged_day,
            voided=bool(row.voided_at),
            outcome_counts=row.outcome_id.counts,
            channel_counts=row.channel_id.counts == "always",
            channel_counts_if_answered=row.channel_id.counts == "answered",
            answered=not row.outcome_id.is_attempt,
            has_responsible=bool(holder),
            entitled=bool(holder)
            and (
                row.user_id == holder
                or (holder == self.anna and row.user_id == self.clara)
                or (substitute and row.user_id == self.dmitri)
            ),
        )
