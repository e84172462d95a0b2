"""Meetings that lie ahead go with the customer, and come back with him; nobody is invited."""

from datetime import datetime
from unittest.mock import patch

from freezegun import freeze_time
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import NOW
from .redistribution_common import RedistributionCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestMeetings(RedistributionCommon):
    def setUp(self):
        super().setUp()
        self.customer = self.neglected[0]
        self.employee = self.env["res.partner"].create(
            {"name": "Employee", "parent_id": self.customer.id, "user_id": self.anna.id}
        )

    def _meeting(self, *people, day=20, user=None, **values):
        user = user or self.anna
        event = (
            self.env["calendar.event"]
            .with_user(user)
            .sudo()
            .with_context(no_mail_to_attendees=True, dont_notify=True)
            .create(
                {
                    "name": "Visit",
                    "start": datetime(2025, 3, day, 9, 0),
                    "stop": datetime(2025, 3, day, 10, 0),
                    "user_id": user.id,
                    "partner_ids": [partner.id for partner in people],
                    **values,
                }
            )
        )
        return event.sudo(False).with_env(self.env)

    def _state(self, *meetings):
        """Return who organises each meeting, who comes, and what each answered."""
        self.env.flush_all()
        self.env.invalidate_all()
        return [
            (
                meeting.user_id,
                meeting.partner_ids.sorted("id"),
                {attendee.partner_id: attendee.state for attendee in meeting.attendee_ids},
            )
            for meeting in meetings
        ]

    def _batch(self, customers=None):
        return self.Batch._propose(
            self.company, "selection", customers or self.customer, reason="Office", receiver=self.clara
        )

    def test_the_receiver_organises_and_attends_in_the_losers_place_and_a_revert_brings_it_back(self):
        with_him = self._meeting(self.anna.partner_id, self.employee, self.boris.partner_id)
        both = self._meeting(self.anna.partner_id, self.clara.partner_id, self.customer)
        before = self._state(with_him, both)
        messages = self.env["mail.message"].search_count([("model", "in", ("calendar.event", "calendar.attendee"))])
        mails = self.env["mail.mail"].search_count([("subject", "ilike", "Visit")])
        batch = self._moved(self._batch())
        self.assertEqual(
            [row[:2] for row in self._state(with_him, both)],
            [
                (self.clara, (self.employee | self.boris.partner_id | self.clara.partner_id).sorted("id")),
                (self.clara, (self.customer | self.clara.partner_id).sorted("id")),
            ],
        )
        answers = [{row.partner_id: row.state for row in meeting.attendee_ids} for meeting in (with_him, both)]
        self.assertEqual(answers[0][self.clara.partner_id], "accepted")
        self.assertEqual(answers[0][self.employee], "needsAction")
        self.assertEqual(answers[1][self.clara.partner_id], "needsAction", "her own answer stays")
        batch.action_revert()
        self.assertEqual(self._state(with_him, both), before)
        self.assertEqual(
            self.env["mail.message"].search_count([("model", "in", ("calendar.event", "calendar.attendee"))]), messages
        )
        self.assertEqual(self.env["mail.mail"].search_count([("subject", "ilike", "Visit")]), mails)

    def test_a_meeting_of_a_planned_contact_goes_with_its_activity(self):
        activity = self.customer.activity_schedule("mail.mail_activity_data_meeting", user_id=self.anna.id)
        meeting = self._meeting(self.anna.partner_id)
        activity.calendar_event_id = meeting
        batch = self._moved(self._batch())
        self.assertEqual((activity.user_id, meeting.user_id), (self.clara, self.clara))
        self.assertEqual(meeting.partner_ids, self.clara.partner_id)
        batch.action_revert()
        self.assertEqual((activity.user_id, meeting.user_id), (self.anna, self.anna))
        self.assertEqual(meeting.partner_ids, self.anna.partner_id)

    def test_past_meetings_foreign_ones_private_ones_and_those_with_other_customers_stay(self):
        other = self.kept[0]
        stay = (
            self._meeting(self.anna.partner_id, self.customer, day=5),
            self._meeting(self.boris.partner_id, self.customer, user=self.boris),
            self._meeting(self.anna.partner_id, self.customer, other),
            self._meeting(self.anna.partner_id, self.customer, privacy="private"),
            self._meeting(self.anna.partner_id, other),
        )
        before = self._state(*stay)
        self._moved(self._batch())
        self.assertEqual(self._state(*stay), before)

    def test_meetings_of_customers_who_go_to_different_managers_go_with_each_of_them(self):
        first, second = self.neglected[:2]
        meetings = [self._meeting(self.anna.partner_id, customer) for customer in (first, second)]
        shared = self._meeting(self.anna.partner_id, first, second)
        batch = self._batch(first | second)
        line = batch.line_ids.filtered(lambda row: row.partner_id == second)
        line.with_user(self.supervisor)._set_receiver(self.boris)
        self._moved(batch)
        self.assertEqual([meeting.user_id for meeting in meetings], [self.clara, self.boris])
        self.assertEqual(shared.user_id, self.anna)

    def test_a_meeting_that_took_place_since_or_was_given_on_does_not_go_back(self):
        held, given_on, ahead = (self._meeting(self.anna.partner_id, self.customer, day=day) for day in (11, 20, 21))
        batch = self._moved(self._batch())
        given_on.with_context(dont_notify=True).user_id = self.boris
        with freeze_time("2025-03-12 09:00"):
            batch.action_revert()
        self.assertEqual((held.user_id, given_on.user_id, ahead.user_id), (self.clara, self.boris, self.anna))

    def test_a_meeting_that_cannot_be_passed_on_does_not_hold_the_customer_up(self):
        meeting = self._meeting(self.anna.partner_id, self.customer)
        Event = type(self.env["calendar.event"])
        origin, why = Event.write, "an outside calendar guards it"

        def write(events, values):
            if "user_id" in values:
                raise UserError(why)
            return origin(events, values)

        logger = "odoo.addons.sales_discipline.models.discipline_redistribution_meeting"
        with patch.object(Event, "write", write), mute_logger(logger):
            self._moved(self._batch())
        self.assertEqual((self.customer.user_id, meeting.user_id), (self.clara, self.anna))

    def test_the_database_is_asked_for_the_meetings_of_many_customers_at_once(self):
        counts = []
        for size in (2, 12):
            customers = self.env["res.partner"]
            for number in range(size):
                customers |= self._customer(f"Met {size} {number}", self.anna, self.class_c)
            for customer in customers:
                self._meeting(self.anna.partner_id, customer)
            lines = self.Line.browse(self._batch(customers).line_ids.ids)
            loser = {line.customer_ref: line for line in lines}
            family = lines._family(customers.ids)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            rows = lines._meetings_ahead(family, loser, {line.id: {} for line in lines})
            counts.append((self.env.cr.sql_log_count - before, len(rows)))
        self.assertEqual([count for _queries, count in counts], [2, 12])
        self.assertEqual(counts[0][0], counts[1][0])
