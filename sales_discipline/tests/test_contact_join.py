"""One real contact is one row, though telephony, the dialog, an activity and the calendar all tell of it."""

from datetime import date, datetime, timedelta

from freezegun import freeze_time
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from .common import NOW, TODAY
from .verdict_common import VerdictCommon


class JoinCommon(VerdictCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer = cls._customer("Customer", cls.anna, cls.class_a, phone="+7 916 123-45-67")
        cls.Compliance._evaluate_customers(cls.customer.ids)
        cls.meeting = cls.env.ref("sales_discipline.discipline_channel_meeting")
        cls.no_answer = cls.env.ref("sales_discipline.discipline_outcome_no_answer")
        cls.Contact = cls.env["discipline.contact"]
        cls.Source = cls.env["discipline.contact.source"]

    def _call(self, number="1", when=NOW, **values):
        """Tell of a call as a telephone exchange does."""
        entry = {"source_ref": number, "partner_id": self.customer.id, "date": f"{when:%Y-%m-%d %H:%M:%S}", **values}
        return self.Contact.browse(self.Contact.with_user(self.anna).log_contacts([entry]))

    def _dialog(self, note=None, when=NOW, channel=None, **values):
        dialog = self.env["discipline.contact.log"].with_user(self.anna)
        dialog = dialog.create(
            {
                "partner_ids": [Command.set(self.customer.ids)],
                "channel_id": (channel or self.call).id,
                "note": note,
                "date": when,
                **values,
            }
        )
        self.told = dialog.action_log()["params"]["message"]
        return self._found()[-1:]

    def _plan(self, day=TODAY, record=None, **values):
        return (record or self.customer).with_user(self.anna).activity_schedule(
            "mail.mail_activity_data_call", day, user_id=self.anna.id, **values
        )  # fmt: skip

    def _event(self, begins, hours=1):
        with freeze_time(begins - timedelta(days=1)):
            return (
                self.env["calendar.event"]
                .with_user(self.anna)
                .create(
                    {
                        "name": "Presentation",
                        "start": begins,
                        "stop": begins + timedelta(hours=hours),
                        "partner_ids": [Command.set((self.anna.partner_id | self.customer).ids)],
                    }
                )
            )

    def _found(self):
        self.env.flush_all()
        self.env.invalidate_all()
        return self.Contact.search([("partner_id", "=", self.customer.id)], order="id")

    def _standing(self):
        return self._found().filtered(lambda row: not row.voided_at)

    def _sources(self, contact):
        return sorted([contact.source, *contact.source_ids.mapped("source")])


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestContactJoin(JoinCommon):
    # ------------------------------------------------------------------
    # two ways, one row

    def test_the_plan_gives_way_to_whoever_tells_of_the_call_by_hand_and_to_nobody_else(self):
        call = self._call()
        row = self.customer.discipline_id
        row._plan_none("They build till spring")
        # what an activity says of the same call changes nothing
        self._plan()._action_done()
        self.assertEqual(self._standing(), call)
        self.assertEqual((row.no_next_reason, row.next_contact_date), ("They build till spring", False))
        self.Contact.sudo()._log(
            [{"partner_id": self.customer.id, "user_id": self.anna.id, "channel_id": self.call.id, "source": "manual"}]
        )
        self.assertEqual(self._standing(), call)
        self.assertIn("manual", self._sources(call))
        self.assertEqual((row.no_next_reason, row.next_planned), (False, True))
        self.assertGreater(row.next_contact_date, TODAY)

    def test_a_call_that_was_logged_by_hand_takes_what_telephony_knows_better(self):
        by_hand = self._dialog("He signs on Friday", when=NOW)
        call = self._call(when=NOW - timedelta(minutes=12), duration=7.5, direction="in", note="Line 2")
        self.assertEqual(call, by_hand)
        self.assertEqual(self._found(), call, "no second row, so nothing is rejected")
        self.assertTrue(call.counted)
        self.assertEqual((call.note, call.duration, call.direction), ("He signs on Friday\nLine 2", 7.5, "in"))
        self.assertEqual((call.evidence_grade, call.date), ("two_way", NOW))
        self.assertEqual((call.source, call.source_ids.source, call.source_ids.source_ref), ("manual", "api", "api:1"))
        self.assertEqual(call.source_ids.date, NOW - timedelta(minutes=12))

    def test_the_dialog_after_the_call_gives_its_row_the_note_and_says_that_it_counts(self):
        call = self._call(when=NOW - timedelta(minutes=20), duration=5)
        dialog = self.env["discipline.contact.log"].with_user(self.anna)
        dialog = dialog.new({"partner_ids": [Command.set(self.customer.ids)], "channel_id": self.call.id})
        self.assertEqual((dialog.preview, dialog.preview_counts), ("It will count.", True))
        self.assertEqual(self._dialog("He signs on Friday"), call)
        self.assertIn("Counted: 1 of 4", self.told)
        self.assertEqual((call.note, call.duration, self._sources(call)), ("He signs on Friday", 5, ["api", "manual"]))

    def test_my_day_after_the_call_is_the_same_contact(self):
        call = self._call(when=NOW - timedelta(minutes=20))
        service = self.env["discipline.my.day"].with_user(self.anna)
        told = service.log(self.customer.id, {**service.get_log_defaults(self.customer.id), "note": "Agreed"})
        self.assertTrue(told["counted"])
        self.assertEqual((self._found(), call.note), (call, "Agreed"))

    def test_a_planned_call_marked_as_done_and_the_call_of_telephony_are_one_in_either_order(self):
        self._plan().action_feedback(feedback="Promised a price list")
        done = self._found()
        self.assertEqual(self._call(when=NOW - timedelta(minutes=9), duration=8), done)
        self.assertEqual((self._found(), done.note, done.duration), (done, "Promised a price list", 8))
        later = NOW + timedelta(days=1)
        with freeze_time(later):
            call = self._call("2", when=later - timedelta(minutes=9))
            # it was planned for the day after: telephony leaves it open
            activity = self._plan(later.date() + timedelta(days=1))
            activity.action_feedback(feedback="Done at once")
            self.assertEqual((self._found(), call.note), (done | call, "Done at once"))
            self.assertEqual(call.activity_id, activity)
            self.Contact._reconcile_feeders(self.company)
        self.assertEqual(self._found(), done | call)

    def test_a_meeting_logged_by_hand_before_the_calendar_does_is_one_contact(self):
        begins = NOW - timedelta(hours=2)
        event = self._event(begins)
        by_hand = self._dialog("They want a discount", when=NOW - timedelta(minutes=50), channel=self.meeting)
        self.env["calendar.event"]._discipline_log_held(self.company)
        self.env["calendar.event"]._discipline_log_held(self.company)
        self.assertEqual(self._found(), by_hand)
        self.assertEqual((by_hand.event_id, by_hand.duration), (event, 60))
        self.assertEqual((by_hand.note, by_hand.evidence_grade), ("They want a discount\nPresentation", "two_way"))
        self.assertEqual(event.discipline_contact_count, 1)

    def test_a_meeting_that_the_calendar_logged_first_takes_the_note_of_the_dialog(self):
        self._event(NOW - timedelta(hours=2))
        self.env["calendar.event"]._discipline_log_held(self.company)
        held = self._found()
        # half an hour after its end at most
        self._dialog("They want a discount", when=NOW - timedelta(minutes=30), channel=self.meeting)
        self.assertEqual((self._found(), held.note), (held, "Presentation\nThey want a discount"))

    def test_an_outcome_that_somebody_told_is_better_than_the_usual_one(self):
        refusal = self.env.ref("sales_discipline.discipline_outcome_refusal")
        reason = self.env["crm.lost.reason"].create({"name": "Too dear"})
        call = self._call(when=NOW - timedelta(minutes=5))
        self.assertEqual(call.outcome_id, self.talked)
        self._dialog("Too dear", outcome_id=refusal.id, lost_reason_id=reason.id)
        self.assertEqual((self._found(), call.outcome_id), (call, refusal))
        refused = self.env["discipline.refusal"].search([("contact_ref", "=", call.id)])
        self.assertEqual((refused.reason_id, refused.partner_id), (reason, self.customer))
        # what the exchange believes does not change what a person has said
        self.assertEqual(self._call().outcome_id, refusal)
        self.assertEqual(len(self.env["discipline.refusal"].search([("contact_ref", "=", call.id)])), 1)

    # ------------------------------------------------------------------
    # two contacts, two rows

    def test_what_is_told_twice_in_the_same_way_is_two_contacts(self):
        first, second = self._call("1", note="One"), self._call("2", when=NOW - timedelta(minutes=10), note="Two")
        self.assertEqual(len(first | second), 2)
        self._dialog("Three", when=NOW + timedelta(minutes=1))
        self._dialog("Four", when=NOW + timedelta(minutes=1))
        # each of the two logged by hand is one of the two calls
        self.assertEqual(self._found(), first | second)
        self.assertEqual((first.note, second.note), ("One\nThree", "Two\nFour"))
        self._dialog("Five")
        self.assertEqual(len(self._found()), 3)
        self.assertEqual(self._found()[2].rejected_reason, "gap")

    def test_an_attempt_and_a_talk_another_time_another_channel_another_doer_or_person_are_two(self):
        person, other = self.env["res.partner"].create(
            [{"name": name, "parent_id": self.customer.id} for name in ("Ivan", "Pyotr")]
        )
        self._call("1", when=NOW - timedelta(minutes=10), partner_id=person.id)
        standing = self._found()
        for values in (
            {"outcome_id": self.no_answer.id},
            {"when": NOW + timedelta(minutes=4), "note": "x", "channel": self.meeting},
            {"person_id": other.id},
            {"when": NOW - timedelta(minutes=41)},
        ):
            with self.subTest(values), freeze_time(NOW + timedelta(minutes=10)):
                more = self._dialog(**values)
                self.assertEqual(self._found(), standing | more)
                self.assertEqual(len(more), 1)
                standing |= more
        stranger = self._log(self.customer, self.boris, NOW)
        self.assertEqual(self._found(), standing | stranger)

    # ------------------------------------------------------------------
    # once for ever

    def test_what_joined_is_known_by_its_number_for_ever(self):
        by_hand = self._dialog("Said")
        for _time in range(2):
            self.assertEqual(self._call("7"), by_hand)
        # another one by hand stands beside it: the call that is sent again does not go over to it
        other = self._dialog("More", when=NOW + timedelta(minutes=2))
        self.assertEqual(len(self._found()), 2)
        self.assertEqual(self._call("7"), by_hand)
        self.assertEqual(self.Source.search_count([("source_ref", "=", "api:7")]), 1)
        by_hand.with_user(self.anna)._void("Wrong customer")
        self.assertEqual(self._call("7"), by_hand, "a voided call is not logged anew")
        self.assertEqual(self._standing(), other)

    def test_the_same_call_twice_in_one_request_joins_once(self):
        by_hand = self._dialog("Said")
        entry = {"source_ref": "7", "phone": "+79161234567", "date": str(NOW)}
        ids = self.Contact.with_user(self.anna).log_contacts([entry, dict(entry), dict(entry, source_ref="8")])
        self.assertEqual(ids[:2], by_hand.ids * 2)
        self.assertNotEqual(ids[2], by_hand.id)
        self.assertEqual(len(self._found()), 2)
        self.assertEqual(len(by_hand.source_ids), 1)

    def test_a_call_of_nobodys_number_joins_when_it_is_assigned(self):
        # it was late by hand, and telephony knew of it in time
        with freeze_time(NOW - timedelta(days=7)):
            self.assertEqual(
                self.Contact.with_user(self.anna).log_contacts([{"source_ref": "9", "phone": "+79990000001"}]), [False]
            )
        by_hand = self._dialog("Said", when=NOW - timedelta(days=7))
        self.assertEqual(by_hand.rejected_reason, "late")
        waiting = self.env["discipline.contact.unmatched"].search([])
        waiting.with_user(self.anna)._assign(self.customer)
        self.assertEqual((self._found(), waiting.contact_id), (by_hand, by_hand))
        self.assertEqual((by_hand.counted, by_hand.logged_at), (True, NOW - timedelta(days=7)))

    # ------------------------------------------------------------------
    # a source is taken back

    def test_an_activity_that_is_opened_again_leaves_the_contact_to_telephony(self):
        activity = self._plan()
        activity.action_feedback(feedback="Said")
        contact = self._found()
        self._call("1", duration=4)
        activity.action_unarchive()
        self.assertEqual(self._standing(), contact)
        self.assertEqual((contact.source, contact.source_ref, contact.activity_id.id), ("api", "api:1", False))
        gone = self.Source.search([("contact_id", "=", contact.id)])
        self.assertEqual((gone.source, gone.void_reason), ("activity", "The activity was opened again."))
        self.assertFalse(contact.source_ids)
        # known still, and done again it is the same contact
        self.assertEqual(self._call("1"), contact)
        activity.action_feedback(feedback="Said")
        self.assertEqual((self._standing(), self._sources(contact)), (contact, ["activity", "api"]))

    def test_an_activity_that_joined_and_is_opened_again_takes_nothing_along(self):
        call = self._call("1")
        activity = self._plan(TODAY + timedelta(days=1))
        activity.action_feedback(feedback="Said")
        activity.action_unarchive()
        self.assertEqual((self._standing(), call.source, call.activity_id.id), (call, "api", False))
        self.assertFalse(call.source_ids)

    def test_a_meeting_that_is_called_off_leaves_the_contact_that_was_logged_by_hand(self):
        event = self._event(NOW - timedelta(hours=1, minutes=10))
        self.env["calendar.event"]._discipline_log_held(self.company)
        contact = self._found()
        self._dialog("Said", channel=self.meeting)
        event.with_user(self.anna).action_discipline_not_held()
        self.assertEqual((self._standing(), contact.source, contact.event_id.id), (contact, "manual", False))
        event.with_user(self.anna).action_discipline_held()
        self.env["calendar.event"]._discipline_log_held(self.company)
        self.assertEqual((self._standing(), self._sources(contact)), (contact, ["manual", "meeting"]))
        # moved to the day before: what took place then is another contact
        event.with_user(self.anna).write(
            {"start": event.start - timedelta(days=3), "stop": event.stop - timedelta(days=3)}
        )
        self.assertEqual(self._sources(contact), ["manual"])
        self.assertEqual(len(self._standing()), 2)

    # ------------------------------------------------------------------
    # closed periods, the plan, many at once

    def test_a_row_in_a_closed_period_takes_the_note_and_nothing_that_a_verdict_rests_on(self):
        contact = self._log(self.customer, self.anna, datetime(2025, 2, 5, 9), note="Said")
        self.env["discipline.period"].create(
            {"company_id": self.company.id, "kind": "month", "date_start": date(2025, 2, 1),
             "date_end": date(2025, 2, 28), "state": "closed"}
        )  # fmt: skip
        before = (contact.counted, contact.rejected_reason, contact.outcome_id, contact.logged_at)
        next_step = self.env.ref("sales_discipline.discipline_outcome_next_step")
        joined = self._call(when=datetime(2025, 2, 5, 9, 5), note="Line 2", outcome_id=next_step.id)
        self.assertEqual((joined, contact.note), (contact, "Said\nLine 2"))
        self.assertEqual((contact.counted, contact.rejected_reason, contact.outcome_id, contact.logged_at), before)

    def test_telephony_finishes_the_calls_that_were_planned_for_it_and_an_attempt_does_not(self):
        person = self.env["res.partner"].create({"name": "Ivan", "parent_id": self.customer.id})
        lead = self.env["crm.lead"].create(
            {"name": "Deal", "type": "opportunity", "partner_id": person.id, "user_id": self.anna.id}
        )
        due = self._plan() | self._plan(TODAY - timedelta(days=3), record=person) | self._plan(record=lead)
        left = self._plan(TODAY + timedelta(days=1))
        left |= self.customer.activity_schedule("mail.mail_activity_data_meeting", TODAY, user_id=self.anna.id)
        left |= self.customer.activity_schedule("mail.mail_activity_data_call", TODAY, user_id=self.boris.id)
        self._call("1", outcome_id=self.no_answer.id)
        self.assertEqual((due | left).mapped("active"), [True] * 6)
        call = self._call("2")
        self.assertEqual((due.mapped("active"), left.mapped("active")), ([False] * 3, [True] * 3))
        self.Contact._reconcile_feeders(self.company)
        self.assertEqual(len(self._found()), 2)
        self.assertTrue(call.counted)

    def test_many_calls_that_join_or_settle_what_was_planned_take_as_many_queries_as_few(self):
        def tell(count):
            partners = self.env["res.partner"].create(
                [{"name": f"C{count}-{i}", "is_company": True, "user_id": self.anna.id} for i in range(2 * count)]
            )
            for partner in partners[:count]:
                self._log(partner, self.anna, NOW, note="Said")
            for partner in partners[count:]:
                self._plan(record=partner)
            calls = [{"source_ref": f"{count}-{p.id}", "partner_id": p.id, "note": "Line 2"} for p in partners]
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            told = self.Contact.with_user(self.anna).log_contacts(calls)
            self.env.flush_all()
            queries = self.env.cr.sql_log_count - before
            self.assertEqual(len(set(told)), 2 * count)
            self.assertEqual(self.Contact.search_count([("partner_id", "in", partners.ids)]), 2 * count)
            self.assertFalse(self.env["mail.activity"].search(
                [("res_id", "in", partners.ids), ("res_model", "=", "res.partner"), ("date_deadline", "<=", TODAY)]
            ))  # fmt: skip
            return queries

        tell(2)
        few, many = tell(5), tell(60)
        self.assertLessEqual(many, few + 3)

    # ------------------------------------------------------------------
    # nobody writes it, who sees it

    def test_nobody_writes_the_sources_and_they_are_seen_with_their_contact(self):
        self._dialog("Said")
        source = self._call("1").source_ids
        for user in (self.administrator, self.env.ref("base.user_admin")):
            for attack in (
                lambda user=user: source.with_user(user).write({"source_ref": "forged"}),
                lambda user=user: source.with_user(user).unlink(),
                lambda user=user: source.with_user(user).copy(),
                lambda user=user: self.Source.with_user(user).create(
                    {"contact_id": source.contact_id.id, "source": "api", "date": NOW, "logged_at": NOW}
                ),
            ):
                with self.assertRaises(UserError):
                    attack()
        for user, sees in ((self.anna, True), (self.supervisor, True), (self.boris, False)):
            self.assertEqual(bool(self.Source.with_user(user).search([("id", "=", source.id)])), sees, user.name)

    def test_the_customers_row_is_touched_so_that_two_workers_cannot_pass_each_other(self):
        # without a norm nothing else of him is written
        partner = self._customer("No norm", self.anna)
        self._log(partner, self.anna, NOW)
        row = partner.discipline_id

        def version():
            self.env.flush_all()
            self.env.cr.execute("SELECT ctid::text FROM discipline_customer WHERE id = %s", [row.id])
            return self.env.cr.fetchone()[0]

        before = version()
        self._call("1", partner_id=partner.id)
        joined = version()
        self.assertNotEqual(joined, before, "a second worker that saw the old row fails and tries again")
        self._call("2", partner_id=partner.id)
        logged = version()
        self.assertNotEqual(logged, joined)
        self._call("2", partner_id=partner.id)
        self.assertEqual(version(), logged, "what is known writes nothing")
