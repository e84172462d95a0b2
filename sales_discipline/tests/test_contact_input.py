"""Bad and odd input to the log of contacts: time zones, summer time, moved customers, long notes, strangers."""

from datetime import date, datetime, timedelta

from freezegun import freeze_time
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from .common import NOW
from .verdict_common import VerdictCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestContactInput(VerdictCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer = cls._customer("Customer", cls.anna, cls.class_a)
        cls.Compliance._evaluate_customers(cls.customer.ids)

    def _dialog(self, user, **values):
        dialog = self.env["discipline.contact.log"].with_user(user).create(
            {"partner_ids": [Command.set(self.customer.ids)], "channel_id": self.call.id, **values}
        )  # fmt: skip
        dialog.action_log()
        return self.env["discipline.contact"].search([("partner_id", "=", self.customer.id)], order="id desc", limit=1)

    # ------------------------------------------------------------------
    # whose day it is

    def test_the_day_is_the_doers_on_both_sides_of_midnight_and_of_both_changes_of_the_clock(self):
        self.anna.tz = "Asia/Vladivostok"
        self.boris.tz = "America/Los_Angeles"
        west = self._customer("West", self.boris, self.class_a)
        cases = [
            # ten hours ahead all the year
            (self.anna, datetime(2025, 3, 5, 13, 59), date(2025, 3, 5)),
            (self.anna, datetime(2025, 3, 5, 14, 0), date(2025, 3, 6)),
            # winter: eight hours behind
            (self.boris, datetime(2025, 3, 9, 7, 59), date(2025, 3, 8)),
            (self.boris, datetime(2025, 3, 9, 8, 0), date(2025, 3, 9)),
            # the clock jumps from two to three, then it is seven hours
            (self.boris, datetime(2025, 3, 9, 9, 59), date(2025, 3, 9)),
            (self.boris, datetime(2025, 3, 9, 10, 0), date(2025, 3, 9)),
            (self.boris, datetime(2025, 3, 10, 6, 59), date(2025, 3, 9)),
            (self.boris, datetime(2025, 3, 10, 7, 0), date(2025, 3, 10)),
            # the day on which it goes back has 25 hours
            (self.boris, datetime(2025, 11, 2, 6, 59), date(2025, 11, 1)),
            (self.boris, datetime(2025, 11, 2, 7, 0), date(2025, 11, 2)),
            (self.boris, datetime(2025, 11, 3, 7, 59), date(2025, 11, 2)),
            (self.boris, datetime(2025, 11, 3, 8, 0), date(2025, 11, 3)),
        ]
        for user, moment, day in cases:
            with self.subTest(user=user.tz, moment=moment), freeze_time(moment + timedelta(minutes=1)):
                contact = self._log(self.customer if user == self.anna else west, user, moment)
                self.assertEqual((contact.day, contact.logged_day), (day, day))

    def test_the_dialog_and_a_done_activity_agree_on_the_day(self):
        self.anna.tz = "Asia/Vladivostok"
        with freeze_time(datetime(2025, 3, 10, 22, 30)):
            by_dialog = self._dialog(self.anna)
        # three hours later it is another call, on the same day of hers
        with freeze_time(datetime(2025, 3, 11, 1, 30)):
            activity = self.customer.activity_schedule("mail.mail_activity_data_call", user_id=self.anna.id)
            activity.with_user(self.anna).action_feedback()
        by_activity = self.env["discipline.contact"].search([("activity_id", "=", activity.id)])
        self.assertEqual((by_dialog.day, by_activity.day), (date(2025, 3, 11), date(2025, 3, 11)))
        self.assertEqual((by_dialog.counted, by_activity.rejected_reason), (True, "gap"))

    def test_late_evening_in_los_angeles_is_within_the_period_that_is_over_elsewhere(self):
        self.anna.tz = "America/Los_Angeles"
        with freeze_time(datetime(2025, 4, 1, 6, 30)):
            contact = self._log(self.customer, self.anna, datetime(2025, 4, 1, 6, 30))
        self.assertEqual(contact.day, date(2025, 3, 31))
        self.assertTrue(contact.counted)
        verdict = self.Compliance.search(
            [("customer_ref", "=", self.customer.id), ("period_id", "=", self._period().id)]
        )
        self.assertEqual(verdict.counted, 1, "it keeps the norm of March")

    def test_a_user_without_a_time_zone_lives_by_the_companys_calendar(self):
        self.anna.tz = False
        self.company.resource_calendar_id.tz = "Asia/Tokyo"
        with freeze_time(datetime(2025, 3, 10, 16, 0)):
            self.assertEqual(self._log(self.customer, self.anna, datetime(2025, 3, 10, 14, 59)).day, date(2025, 3, 10))
            self.assertEqual(self._log(self.customer, self.anna, datetime(2025, 3, 10, 15, 0)).day, date(2025, 3, 11))
            self.assertIn("11", self.env["discipline.my.day"].with_user(self.anna).get_day()["today"])
        # a zone that does not exist (written past the ORM) is none
        self.env.flush_all()
        self.env.cr.execute("UPDATE res_partner SET tz = 'Mars/Base' WHERE id = %s", (self.anna.partner_id.id,))
        self.env.invalidate_all()
        self.assertEqual(self._log(self.customer, self.anna, datetime(2025, 3, 7, 15, 30)).day, date(2025, 3, 8))

    # ------------------------------------------------------------------
    # notes

    def test_markup_stays_text_wherever_a_note_is_shown(self):
        note = "<script>alert(1)</script><b>Bold</b> & more"
        contact = self._dialog(self.anna, note=note)
        self.assertEqual(contact.note, note)
        (row,) = [
            row
            for row in self._rows_of(self.anna, datetime(2025, 3, 20, 9))
            if row["partner_id"] == self.customer.id
        ]  # fmt: skip
        # a plain string: the template escapes it
        self.assertIs(type(row["talk"]), str)
        self.assertIn(note, row["talk"])

    def _rows_of(self, user, moment):
        with freeze_time(moment):
            return self.env["discipline.my.day"].with_user(user).get_day()["rows"]

    def test_a_note_of_100000_characters_is_kept_and_one_with_zero_bytes_too(self):
        contact = self._dialog(self.anna, note="x" * 100_000)
        self.assertEqual(len(contact.note), 100_000)
        later = self._log(self.customer, self.anna, NOW, note="a\0b")
        self.assertEqual(later.note, "ab")
        (row,) = self._rows_of(self.anna, datetime(2025, 3, 20, 9))
        self.assertLess(len(row["talk"]), 400)

    # ------------------------------------------------------------------
    # customers that are no longer what they were

    def test_a_customer_who_was_merged_away_is_refused_with_a_sentence(self):
        other = self._customer("Other", self.anna, self.class_a)
        gone = other.id
        self.env["base.partner.merge.automatic.wizard"]._merge((self.customer | other).ids, self.customer)
        with self._refused(UserError, "merged into another"):
            self.env["discipline.contact"].with_user(self.anna).log_contacts(
                [{"partner_id": gone, "source_ref": "1", "channel_id": self.call.id}]
            )

    def test_a_merge_keeps_one_plan_and_counts_anew(self):
        other = self._customer("Other", self.anna, self.class_a)
        first = self._log(self.customer, self.anna, datetime(2025, 3, 7, 9))
        second = self._log(other, self.anna, datetime(2025, 3, 7, 10))
        self.assertEqual((first.counted, second.counted), (True, True))
        self.env["base.partner.merge.automatic.wizard"]._merge((self.customer | other).ids, self.customer)
        self.env.invalidate_all()
        self.assertEqual((first.counted, second.counted), (True, False))
        self.assertEqual(second.rejected_reason, "gap")
        self.env["discipline.nightly"]._cron_run()
        activities = self.env["mail.activity"].search(
            [("res_model", "=", "res.partner"), ("res_id", "=", self.customer.id)]
        )
        self.assertEqual(len(activities), 1)
        self.assertEqual(self.customer.discipline_id.next_contact_date, activities.date_deadline)

    def test_a_contact_with_an_archived_customer_is_kept_and_says_that_he_was_nobodys(self):
        self.env["discipline.planning"].sudo()._plan_company(self.company)
        self.customer.sudo().action_archive()
        contact = self._log(self.customer, self.anna, NOW)
        self.assertEqual((contact.counted, contact.rejected_reason), (False, "nobody"))
        self.env["discipline.nightly"]._cron_run()
        self.assertFalse(self.customer.discipline_id.next_contact_date, "nothing is planned with him any more")
        self.assertFalse(self._rows_of(self.anna, datetime(2025, 3, 20, 9)))

    def test_a_person_who_moves_to_another_company_takes_his_calls_along_but_not_his_past(self):
        other = self._customer("Other", self.anna, self.class_b)
        self.Compliance._evaluate_customers(other.ids)
        person = self.env["res.partner"].create({"name": "Ivan", "parent_id": self.customer.id})
        before = self._log(person, self.anna, datetime(2025, 3, 7, 9))
        person.activity_schedule(
            "mail.mail_activity_data_call", user_id=self.anna.id, date_deadline=date(2025, 3, 12)
        )  # fmt: skip
        self.assertEqual(self.customer.discipline_id.next_contact_date, date(2025, 3, 12))
        person.parent_id = other
        self.assertEqual(other.discipline_id.next_contact_date, date(2025, 3, 12), "the call is the new company's")
        after = self._log(person, self.anna, datetime(2025, 3, 10, 8))
        self.assertEqual((before.partner_id, before.contact_id), (self.customer, person))
        self.assertEqual((after.partner_id, after.contact_id), (other, person))
        self.assertEqual((before.counted, after.counted), (True, True))
        self.assertEqual((self.customer.discipline_id.attained, other.discipline_id.attained), (1, 1))
        self.env["discipline.nightly"]._cron_run()
        self.assertNotEqual(self.customer.discipline_id.next_contact_date, date(2025, 3, 12))

    # ------------------------------------------------------------------
    # a stranger's contact

    def _told(self, user):
        return self.env["mail.message"].search(
            [("partner_ids", "in", user.partner_id.ids), ("message_type", "=", "user_notification")]
        )

    def test_a_strangers_contact_is_shown_does_not_count_and_both_are_told_in_one_message_each(self):
        other = self._customer("Other", self.anna, self.class_b)
        contacts = self.env["discipline.contact"].with_user(self.boris).sudo()._log(
            [
                {"partner_id": partner.id, "user_id": self.boris.id, "channel_id": self.call.id, "date": NOW}
                for partner in (self.customer, other)
            ]
        )  # fmt: skip
        self.assertEqual(set(contacts.mapped("rejected_reason")), {"stranger"})
        for user, words in ((self.boris, "another manager"), (self.anna, "your customer")):
            told = self._told(user)
            self.assertEqual(len(told), 1)
            self.assertIn(words, told.subject)
            for name in ("Customer", "Other", "Boris instead of Anna"):
                self.assertIn(name, told.body)
        # she sees it among her customers' contacts
        self.assertIn(contacts[0], self.env["discipline.contact"].with_user(self.anna).search([]))
        self._log(self.customer, self.anna, NOW)
        self.assertEqual(len(self._told(self.anna)), 1, "of one's own nobody is told")

    def test_nobody_is_told_of_what_is_imported(self):
        self._log(self.customer, self.boris, NOW, source="import")
        self.assertFalse(self._told(self.anna) | self._told(self.boris))

    # ------------------------------------------------------------------
    # channels, outcomes, mass edit

    def test_an_administrator_decides_which_channels_and_outcomes_count(self):
        mail = self.env.ref("sales_discipline.discipline_channel_email")
        first = self._log(self.customer, self.anna, datetime(2025, 3, 5, 9), channel_id=mail.id)
        self.assertEqual(first.rejected_reason, "channel")
        with self._refused(UserError, "access|allowed"):
            mail.with_user(self.supervisor).write({"counts": "always"})
        mail.with_user(self.administrator).write({"counts": "always"})
        second = self._log(self.customer, self.anna, datetime(2025, 3, 6, 9), channel_id=mail.id)
        self.assertTrue(second.counted)
        self.talked.with_user(self.administrator).write({"counts": False})
        third = self._log(self.customer, self.anna, datetime(2025, 3, 7, 9))
        self.assertEqual(third.rejected_reason, "outcome")

    def test_nobody_changes_many_contacts_at_once_by_rpc_or_import(self):
        contacts = self._log(self.customer, self.anna, datetime(2025, 3, 5, 9)) | self._log(
            self.customer, self.anna, datetime(2025, 3, 6, 9)
        )
        for user in (self.administrator, self.env.ref("base.user_admin")):
            mine = contacts.with_user(user)
            for attack in (
                lambda mine=mine: mine.write({"outcome_id": False}),
                lambda mine=mine: mine.web_save({"note": "x"}, {"note": {}}),
                lambda mine=mine: mine[0].web_save({"user_id": mine.env.uid}, {}),
                lambda mine=mine: mine.update({"counted": True}),
                lambda mine=mine: mine.unlink(),
            ):
                with self.assertRaises(UserError):
                    attack()
            result = mine.load([".id", "note"], [[str(contacts[0].id), "forged"], [str(contacts[1].id), "forged"]])
            self.assertFalse(result["ids"])
            self.assertTrue(result["messages"])
        self.env.invalidate_all()
        self.assertEqual(contacts.mapped("note"), [False, False])
        self.assertEqual(contacts.exists(), contacts)
