"""What people are told when customers move and go back: one message for each manager, and the customer's story."""

from datetime import date, datetime

from freezegun import freeze_time
from odoo.tests import tagged

from .common import NOW
from .redistribution_common import RedistributionCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestTold(RedistributionCommon):
    def setUp(self):
        super().setUp()
        self.customer = self.neglected[0]
        self.employee = self.env["res.partner"].create(
            {"name": "Employee", "parent_id": self.customer.id, "user_id": self.anna.id}
        )
        self.lead = self.env["crm.lead"].create(
            {"name": "Deal", "type": "opportunity", "partner_id": self.employee.id, "user_id": self.anna.id}
        )

    def _call(self, record, summary):
        return record.activity_schedule(
            "mail.mail_activity_data_call", date(2025, 3, 12), summary=summary, user_id=self.anna.id
        )

    def _batch(self, customers, receiver):
        return self._after_appeals(
            self.Batch._propose(self.company, "selection", customers, reason="Office closed", receiver=receiver)
        )

    def _story(self):
        """Return the note of the customer's activity “Get acquainted”."""
        return str(
            self.env["mail.activity"]
            .search(
                [
                    ("activity_type_id", "=", self.env.ref("sales_discipline.mail_activity_type_acquaint").id),
                    ("res_id", "=", self.customer.id),
                ]
            )
            .note
        )

    # ------------------------------------------------------------------
    # The story
    # ------------------------------------------------------------------

    def test_the_story_tells_last_contacts_open_deals_and_all_that_was_promised(self):
        self._log(self.customer, self.anna, datetime(2025, 3, 5, 10, 0), note="He is ill")
        for record, summary in (
            (self.customer, "Send the price list"),
            (self.employee, "Wish a happy birthday"),
            (self.lead, "Bring the contract"),
        ):
            self._call(record, summary)
        self._moved(self._batch(self.customer, self.clara))
        story = self._story()
        for title, texts in (
            ("Why", ["Office closed"]),
            ("Last contacts", ["03/05/2025: Call, Talked", "Anna"]),
            ("Open deals", ["Deal: New"]),
            ("Promised", ["Send the price list", "Wish a happy birthday", "03/12/2025: Bring the contract"]),
        ):
            section = story.split(f"<b>{title}</b>")[1].split("</ul>")[0]
            for text in texts:
                self.assertIn(text, section)
        self.assertNotIn("He is ill", story, "a note is not everybody's")

    def test_the_story_is_told_in_the_receivers_language(self):
        self.env["res.lang"]._activate_lang("ru_RU")
        self.env["ir.module.module"].search([("name", "in", ("sales_discipline", "crm"))])._update_translations("ru_RU")
        self.clara.lang = "ru_RU"
        self._log(self.customer, self.anna, datetime(2025, 3, 5, 10, 0))
        self._call(self.lead, "Bring the contract")
        self._moved(self._batch(self.customer, self.clara))
        story = self._story()
        for text in ("Почему", "Последние контакты", "05.03.2025", "Открытые сделки", "12.03.2025: Bring the contract"):
            self.assertIn(text, story)
        self.assertNotIn("Promised", story)

    # ------------------------------------------------------------------
    # One message for each manager
    # ------------------------------------------------------------------

    def _newer(self, model, last):
        return self.env[model].sudo().search([("id", ">", last[model])])

    def _told_by(self, work):
        """Return what ``work`` told people: their user notifications, notifications and e-mails."""
        self.env.flush_all()
        kinds = ("mail.message", "mail.notification", "mail.mail")
        last = {model: self.env[model].sudo().search([], order="id desc", limit=1).id or 0 for model in kinds}
        work()
        self.env.flush_all()
        messages, notifications, mails = (self._newer(model, last) for model in kinds)
        return messages.filtered(lambda row: row.message_type == "user_notification"), notifications, mails

    def _check_told_once(self, told, people, subject):
        messages, notifications, mails = told
        self.assertEqual(len(messages), len(people))
        for message in messages:
            self.assertEqual(len(message.partner_ids), 1)
            self.assertRegex(message.subject, subject)
        self.assertEqual(messages.partner_ids, people.partner_id)
        self.assertEqual(notifications.mail_message_id, messages)
        self.assertEqual(len(notifications), len(people))
        self.assertEqual(len(mails), len(people))
        self.assertEqual(mails.mail_message_id, messages)

    def test_applying_and_reverting_tell_each_giver_and_receiver_once_and_nothing_of_odoos_own(self):
        self._call(self.customer, "Send the price list")
        self._call(self.lead, "Bring the contract")
        self.env["calendar.event"].with_context(no_mail_to_attendees=True).create(
            {
                "name": "Visit",
                "start": datetime(2025, 3, 20, 9, 0),
                "stop": datetime(2025, 3, 20, 10, 0),
                "user_id": self.anna.id,
                "partner_ids": (self.anna.partner_id | self.customer).ids,
            }
        )
        customers = self.neglected | self.kept[0]
        batch = self._batch(customers, self.clara)
        # as in life: the tests' people otherwise work without notes of changes, and without Odoo's own messages
        batch = batch.with_user(self.administrator).with_context(tracking_disable=False)
        batch.line_ids.filtered(lambda line: line.partner_id == self.neglected[3])._set_receiver(self.dmitri)
        batch.action_approve()
        people = self.anna | self.boris | self.clara | self.dmitri
        self._check_told_once(self._told_by(batch.action_apply), people, "^Customers moved: ")
        self.assertEqual(self.customer.user_id, self.clara)
        self._check_told_once(self._told_by(batch.action_revert), people, "^Customers given back: ")
        self.assertEqual(self.customer.user_id, self.anna)

    def test_a_revert_says_who_has_whom_again(self):
        batch = self._moved(self._batch(self.neglected[:2], self.clara))
        messages, _notifications, _mails = self._told_by(batch.action_revert)
        texts = {message.partner_ids: (message.subject, str(message.body)) for message in messages}
        subject, body = texts[self.anna.partner_id]
        self.assertEqual(subject, "Customers given back: 2 to you, 0 by you")
        self.assertIn("These customers are yours again", body)
        self.assertIn(self.customer.name, body)
        subject, body = texts[self.clara.partner_id]
        self.assertEqual(subject, "Customers given back: 0 to you, 2 by you")
        self.assertIn("These customers are not yours any more", body)
        self.assertRegex(" ".join(body.split()), "Clara → Anna")

    def test_one_reverted_line_is_told_to_its_two_managers(self):
        batch = self._moved(self._batch(self.neglected[:2] | self.kept[0], self.clara))
        line = batch.line_ids.filtered(lambda row: row.partner_id == self.customer)
        messages, _notifications, _mails = self._told_by(line.action_revert)
        self.assertEqual(messages.partner_ids, (self.anna | self.clara).partner_id)

    # ------------------------------------------------------------------
    # Who follows
    # ------------------------------------------------------------------

    def test_with_odoos_own_subscriptions_too_the_receiver_follows_what_he_followed_before(self):
        self.employee.message_subscribe(self.clara.partner_id.ids)
        batch = self._batch(self.customer, self.clara).with_user(self.supervisor).with_context(tracking_disable=False)
        batch.action_approve()
        batch.action_apply()
        for record in (self.customer, self.employee, self.lead):
            self.assertIn(self.clara.partner_id, record.message_partner_ids)
        batch.action_revert()
        self.env.invalidate_all()
        self.assertIn(self.clara.partner_id, self.employee.message_partner_ids)
        for record in (self.customer, self.lead):
            self.assertNotIn(self.clara.partner_id, record.message_partner_ids)

    def test_the_giver_follows_again_what_he_gave_up_and_a_third_person_follows_all_the_time(self):
        for record in (self.employee, self.lead):
            record.message_subscribe((self.anna | self.dmitri).partner_id.ids)
        batch = self._moved(self._batch(self.customer, self.clara))
        for record in (self.employee, self.lead):
            self.assertEqual(record.message_partner_ids & self.managers.partner_id, self.dmitri.partner_id)
        batch.action_revert()
        for record in (self.employee, self.lead):
            self.assertEqual(
                record.message_partner_ids & self.managers.partner_id, (self.anna | self.dmitri).partner_id
            )

    def test_whoever_keeps_a_deal_that_was_won_since_follows_it_still(self):
        batch = self._batch(self.customer, self.clara).with_user(self.supervisor).with_context(tracking_disable=False)
        batch.action_approve()
        batch.action_apply()
        self.lead.action_set_won()
        batch.action_revert()
        self.assertEqual((self.customer.user_id, self.lead.user_id), (self.anna, self.clara))
        self.assertIn(self.clara.partner_id, self.lead.message_partner_ids)
