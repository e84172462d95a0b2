"""What must hold whatever happens, and in whatever order (DESIGN 14): final verdicts, open redistributions, one row."""

from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from itertools import combinations

from freezegun import freeze_time
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger
from psycopg2 import errors

from ..engine import verdicts as engine
from ..engine.joining import same
from .common import NOW, TODAY
from .redistribution_common import RedistributionCommon
from .verdict_common import CLOSING, MARCH, VerdictCommon

#: shrinking would take minutes: the case is printed
FIXED = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "phases": (Phase.explicit, Phase.generate),
    "suppress_health_check": list(HealthCheck),
}


class NothingThereError(Exception):
    """What was drawn asks for a record, and there is none."""


#: what may be refused: a person reads why, and nothing is done
REFUSED = (UserError, AccessError, ValidationError, errors.UniqueViolation, NothingThereError)
NUMBER = st.integers(0, 30)


class Anything:
    """Draws one of the things that may happen, does it in a savepoint, and forgets all of it after the example."""

    @contextmanager
    def _forgotten(self):
        savepoint = self.env.cr.savepoint(flush=False)
        try:
            yield
        finally:
            self.env.flush_all()
            savepoint.rollback()
            self._forget()

    def _some(self, records, number):
        """Return one of these records.

        :raise NothingThereError: where there is none
        """
        if not records:
            raise NothingThereError
        return records[number % len(records)]

    def _forget(self):
        """Drop what was read since the savepoint: a transaction that is rolled back as a whole drops it by itself."""
        self.env.invalidate_all()
        self.env.registry.clear_all_caches()

    def _happen(self, event, *drawn):
        """Do ``event`` with the numbers that were drawn; return whether it was possible."""
        try:
            with mute_logger("odoo.sql_db"), self.env.cr.savepoint():
                getattr(self, f"_do_{event}")(*drawn)
                self.env.flush_all()
        except REFUSED:
            self._forget()
            return False
        self.env.invalidate_all()
        return True


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestClosedForEver(Anything, VerdictCommon):
    """4: a closed period's verdicts never change, whatever is logged, voided, merged, archived or reconfigured."""

    EVENTS = (
        "log", "void", "merge", "delete", "archive_customer", "archive_manager", "assign", "absence", "exception",
        "own_class", "norm", "norm_changed", "policy", "policy_changed", "channel", "outcome", "holidays", "team",
        "team_start", "capacity", "start", "unreachable", "judge", "night",
    )  # fmt: skip

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        classes = (cls.class_a, cls.class_b, cls.class_c)
        cls.customers = cls.env["res.partner"].union(
            *(cls._customer(f"Company {n}", cls.managers[n % 4], classes[n % 3]) for n in range(6))
        )
        cls._assign(cls.customers[0], cls.boris, date(2025, 3, 13))
        cls._absence(cls.clara, date(2025, 3, 10), date(2025, 3, 21))
        silent = {"outcome_id": cls.no_answer.id, "counted": False, "rejected_reason": "outcome"}
        cls._contacts(cls.customers[5], cls.boris, 3, 4, 5, 6, 7, **silent)

    @settings(max_examples=25, **FIXED)
    @given(
        logged=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 31)), max_size=12),
        events=st.lists(st.tuples(st.sampled_from(EVENTS), NUMBER, NUMBER), min_size=4, max_size=12),
    )
    def test_whatever_happens_after_closing_its_verdicts_stay_and_are_recomputed_from_their_evidence(
        self, logged, events
    ):
        period = self._period()
        with self._forgotten():
            for customer, day in logged:
                self._contact(self.customers[customer], self._holder(customer), date(2025, 3, day))
            self.Compliance._evaluate(period)
            silent = self.Compliance.search([("unreachable_from", "!=", False)])
            silent.with_user(self.administrator).action_confirm_unreachable()
            with freeze_time(CLOSING):
                period.action_close()
            before = self._rows(period)
            self.assertEqual({row[12] for row in before}, {True})
            self.assertIn("unreachable", {row[11] for row in before})
            for number, (event, one, other) in enumerate(events):
                with freeze_time(CLOSING + timedelta(days=number)):
                    self._happen(event, one, other)
                self.assertEqual(self._rows(period), before, event)
            with freeze_time(CLOSING + timedelta(days=366)):
                # a year later everything that the events left behind has come into force
                self._happen("night", 0, 0)
                self.assertEqual(self._rows(period), before)
            for row in self.Compliance.search([("period_id", "=", period.id)]):
                told = engine.recompute(row.evidence, period.snapshot).verdicts[row.manager_ref]
                self.assertEqual(
                    (told.goal, told.excused, told.attained, told.counted, told.state),
                    (row.goal, row.excused, row.attained, row.counted, row.state),
                )

    def _holder(self, customer):
        return self.customers[customer].user_id or self.anna

    def _partner(self, number):
        return self._some(self.customers.exists(), number)

    def _do_log(self, one, other):
        partner = self._partner(one)
        moment = datetime.combine(MARCH + timedelta(days=other), time(11))
        self.env["discipline.contact"]._log(
            [{"partner_id": partner.id, "user_id": (partner.user_id or self.anna).id, "date": moment}]
        )

    def _do_void(self, one, _other):
        self._some(self.env["discipline.contact"].search([("voided_at", "=", False)]), one)._void("a mistake")

    def _do_merge(self, one, other):
        partners = self._partner(one) | self._partner(other)
        self.env["base.partner.merge.automatic.wizard"].sudo()._merge(partners.ids, partners[0])

    def _do_delete(self, one, _other):
        self._partner(one).sudo().unlink()

    def _do_archive_customer(self, one, _other):
        self._partner(one).sudo().action_archive()

    def _do_archive_manager(self, one, _other):
        self.managers[one % 4].sudo().action_archive()

    def _do_assign(self, one, other):
        self._assign(self._partner(one), self.managers[other % 4], MARCH + timedelta(days=other))

    def _do_absence(self, one, other):
        self._absence(self.managers[one % 4], MARCH, MARCH + timedelta(days=other))

    def _do_exception(self, one, other):
        self.env["discipline.exception"].sudo().with_context(install_mode=True).create(
            {
                "partner_id": self._partner(one).id,
                "kind": ("own_norm", "pause", "written", "keep")[other % 4],
                "goal": 1,
                "date_from": MARCH,
                "date_until": date(2025, 12, 31),
                "reason": "agreed",
                "state": "approved",
            }
        )

    def _do_own_class(self, one, other):
        abc_class = (self.class_a, self.class_b, self.class_c, self.class_d)[other % 4]
        self._partner(one).discipline_id.sudo().write({"abc_class_id": abc_class.id, "abc_since": MARCH})

    def _do_norm(self, one, other):
        self.env["discipline.norm"].create(
            {"abc_class_id": self.class_b.id, "goal": 1 + one % 9, "valid_from": MARCH + timedelta(days=other)}
        )

    def _do_norm_changed(self, one, _other):
        norms = self.env["discipline.norm"].search([])
        norms[one % len(norms)].goal = 7

    def _do_policy(self, one, other):
        self.env["discipline.policy"].create(
            {
                "company_id": self.company.id,
                "valid_from": date(2025, 2, 1) + timedelta(days=other),
                "min_gap": 1 + one % 3,
                "preset": "balanced",
            }
        )

    def _do_policy_changed(self, one, _other):
        self.policy.write({"min_gap": 1 + one % 3, "unreachable_attempts": 2})

    def _do_channel(self, _one, _other):
        self.call.counts = "never"

    def _do_outcome(self, one, _other):
        self.talked.write({"counts": bool(one % 2), "is_attempt": not one % 2})

    def _do_holidays(self, one, other):
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Holidays",
                "calendar_id": self.company.resource_calendar_id.id,
                "company_id": self.company.id,
                "date_from": datetime.combine(MARCH + timedelta(days=min(one, other)), time(0)),
                "date_to": datetime.combine(MARCH + timedelta(days=max(one, other)), time(23)),
            }
        )

    def _do_team(self, one, _other):
        user = self.managers[one % 4]
        self.team.member_ids = [Command.unlink(user.id)]
        self.other_team.member_ids = [Command.link(user.id)]

    def _do_team_start(self, _one, other):
        self.team.discipline_date_start = MARCH + timedelta(days=other)

    def _do_capacity(self, one, _other):
        self.managers[one % 4].sudo().discipline_capacity_per_day = 1

    def _do_start(self, _one, other):
        self.company.discipline_date_start = MARCH + timedelta(days=other)

    def _do_unreachable(self, one, _other):
        self._some(self.Compliance.search([]), one).with_user(self.administrator).action_refuse_unreachable()

    def _do_judge(self, one, _other):
        self.Compliance._evaluate(self._period())
        self.Compliance._evaluate_customers(self._partner(one).ids)
        self._period()._close()

    def _do_night(self, _one, _other):
        nightly = self.env["discipline.nightly"]
        for _key, method in nightly._steps():
            getattr(nightly, method)(self.company)


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestOpenOnce(Anything, RedistributionCommon):
    """5: no customer is in two open redistributions, applying twice equals once, apply then revert restores."""

    EVENTS = (
        "propose", "propose", "orphans", "missed", "approve", "approve_line", "apply", "revert", "revert_line", "waive",
        "receiver", "cancel", "appeal", "decide", "assign", "archive", "request",
    )  # fmt: skip

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.everybody = cls.neglected | cls.kept | cls.orphan
        cls.deals = cls.env["crm.lead"].create(
            [
                {"name": f"Deal {n}", "type": "opportunity", "partner_id": partner.id, "user_id": partner.user_id.id}
                for n, partner in enumerate(cls.everybody)
            ]
        )
        for partner in cls.everybody - cls.orphan:
            partner.activity_schedule(
                "mail.mail_activity_data_call", date(2025, 3, 12), summary="Price", user_id=partner.user_id.id
            )
        cls._close()

    @settings(max_examples=25, **FIXED)
    @given(st.lists(st.tuples(st.sampled_from(EVENTS), NUMBER, NUMBER), min_size=4, max_size=14))
    def test_in_any_order_of_events_a_customer_is_in_one_open_redistribution_and_moves_once(self, events):
        with self._forgotten():
            for event, one, other in events:
                before = self._moves()
                done = self._happen(event, one, other)
                self._check(event, before if not done else None)

    @settings(max_examples=20, **FIXED)
    @given(
        chosen=st.sets(st.integers(0, 6), min_size=1),
        kept=st.sets(st.integers(0, 6), max_size=3),
        receivers=st.lists(st.integers(0, 3), min_size=7, max_size=7),
    )
    def test_applied_twice_is_applied_once_and_reverted_at_once_all_is_as_it_was(self, chosen, kept, receivers):
        with self._forgotten():
            before = self._state()
            customers = self.env["res.partner"].union(*(self.everybody[n] for n in sorted(chosen)))
            batch = self.Batch._propose(self.company, "selection", customers, reason="Office closed")
            batch = batch.with_user(self.administrator)
            for number, line in enumerate(batch.line_ids):
                user = self.managers[receivers[number]]
                if number in kept:
                    self._happen_quietly(line.action_waive)
                elif user != line.user_from_id:
                    line._set_receiver(user)
            if not batch.line_ids.filtered(lambda line: line.state == "proposed"):
                return
            batch.action_approve()
            lines = batch.line_ids.filtered(lambda line: line.state == "approved")
            batch.action_apply()
            once = self._state(), self._moves()
            self.assertEqual(set(lines.mapped("state")), {"applied"})
            self.assertNotEqual(once[0], before)
            self._happen_quietly(batch.action_apply)
            lines.sudo()._apply()
            self.assertEqual((self._state(), self._moves()), once)
            batch.action_revert()
            self.assertEqual(self._state(), before)
            back = self._state(), self._moves()
            self._happen_quietly(batch.action_revert)
            self.assertEqual((self._state(), self._moves()), back)

    def _happen_quietly(self, method):
        try:
            with self.env.cr.savepoint():
                method()
        except REFUSED:
            self.env.invalidate_all()

    def _state(self):
        """Return what a redistribution may change: managers, deals, planned contacts."""
        self.env.flush_all()
        self.env.invalidate_all()
        activities = self.env["mail.activity"].search(
            [("res_model", "=", "res.partner"), ("res_id", "in", self.everybody.ids)]
        )
        return (
            {partner.id: partner.user_id.id for partner in self.everybody},
            {lead.id: (lead.user_id.id, lead.team_id.id) for lead in self.deals},
            {
                activity.id: (activity.user_id.id, activity.date_deadline)
                for activity in activities
                if not activity.discipline_planned
            },
        )

    def _moves(self):
        """Return the intervals of these customers: a move that is done twice would leave one more."""
        rows = self.env["discipline.assignment"].search([("customer_ref", "in", self.everybody.ids)], order="id")
        return [(row.id, row.customer_ref, row.manager_ref, row.date_from, row.date_to) for row in rows]

    def _check(self, event, moves):
        self.env.cr.execute(
            "SELECT customer_ref FROM discipline_redistribution_line WHERE state IN ('proposed', 'approved') "
            "GROUP BY customer_ref HAVING count(*) > 1"
        )
        self.assertFalse(self.env.cr.fetchall(), event)
        self.env.cr.execute(
            """
            SELECT a.customer_ref FROM discipline_assignment a
              JOIN discipline_assignment b ON b.customer_ref = a.customer_ref AND b.id > a.id
               AND daterange(a.date_from, a.date_to) && daterange(b.date_from, b.date_to)
            """
        )
        self.assertFalse(self.env.cr.fetchall(), f"{event}: two managers of one day")
        if moves is not None:
            self.assertEqual(self._moves(), moves, f"{event} was refused, and something moved")
        for line in self.Line.search([("state", "=", "applied")]):
            rows = self.env["discipline.assignment"].search([("redistribution_line_id", "=", line.id)])
            self.assertEqual(len(rows), 1, event)
            self.assertEqual(rows.manager_ref, line.user_to_id.id, event)
        for line in self.Line.search([("state", "=", "approved")]):
            self.assertFalse(line.applied_on, event)

    def _lines(self, *states):
        return self.Line.search([("state", "in", states)])

    def _do_propose(self, one, other):
        customers = self.env["res.partner"].union(
            *(partner for n, partner in enumerate(self.everybody) if (one >> (n % 5)) & 1)
        )
        cause = ("selection", "departure", "overload")[other % 3]
        self.Batch._propose(self.company, cause, customers, reason="Office closed")

    def _do_orphans(self, _one, _other):
        self.Batch._propose_orphans(self.company)

    def _do_missed(self, _one, _other):
        period = self.env["discipline.period"].search([("state", "=", "closed")], limit=1)
        for batch in self.Batch._propose_missed(period):
            batch.appeal_until = TODAY - timedelta(days=1)

    def _do_approve(self, one, _other):
        self._some(self.Batch.search([("state", "=", "proposed")]), one).with_user(self.administrator).action_approve()

    def _do_approve_line(self, one, _other):
        self._some(self._lines("proposed"), one).with_user(self.supervisor).action_approve()

    def _do_apply(self, one, other):
        batch = self._some(self.Batch.search([("state", "in", ("proposed", "approved"))]), one)
        for _time in range(1 + other % 2):
            batch.with_user(self.administrator).action_apply()

    def _do_revert(self, one, _other):
        self._some(self.Batch.search([]), one).with_user(self.administrator).action_revert()

    def _do_revert_line(self, one, _other):
        self._some(self._lines("applied"), one).with_user(self.administrator).action_revert()

    def _do_waive(self, one, _other):
        self._some(self._lines("proposed", "approved"), one).with_user(self.administrator).action_waive()

    def _do_receiver(self, one, other):
        # also lines that were kept, skipped or left: choosing a receiver opens them again
        line = self._some(self.Line.search([]), one)
        line.with_user(self.administrator)._set_receiver(self.managers[other % 4])

    def _do_cancel(self, one, _other):
        self._some(self.Batch.search([]), one).with_user(self.administrator).action_cancel()

    def _do_appeal(self, one, _other):
        line = self._some(self._lines("proposed", "approved"), one)
        line.redistribution_id.appeal_until = TODAY
        self.env["discipline.appeal"].with_user(line.user_from_id).create(
            {"line_id": line.id, "reason": "made", "text": "I called him"}
        )
        line.redistribution_id.appeal_until = TODAY - timedelta(days=1)

    def _do_decide(self, one, other):
        appeal = self._some(self.env["discipline.appeal"].search([("state", "=", "open")]), one)
        appeal = appeal.with_user(self.administrator)
        appeal.action_grant() if other % 2 else appeal.action_refuse()

    def _do_assign(self, one, other):
        self._assign(self._some(self.everybody, one), (self.managers | self.supervisor)[other % 5], TODAY)

    def _do_archive(self, one, _other):
        self.managers[one % 4].sudo().action_archive()

    def _do_request(self, one, other):
        partner, receiver = self._some(self.everybody, one), self.managers[other % 4]
        request = self.env["discipline.transfer.request"].with_user(receiver)._request(partner, receiver, "A friend")
        if partner.user_id:
            request.with_user(partner.user_id).action_agree()
        request.with_user(self.administrator).action_approve()


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestOneRow(Anything, VerdictCommon):
    """9: one real contact is one row, whichever ways and however often it arrives."""

    EVENTS = (
        "done", "done", "archived", "past_the_program", "night", "night", "call", "call", "call_by_number", "batch",
        "held", "held", "met", "declined_by_us", "renamed", "deleted", "merge", "group", "employee_moves", "dialog",
        "dialog", "my_day",
    )  # fmt: skip
    #: what was two customers' becomes one's: rows that stood apart stay two
    MOVES = {"merge", "group", "employee_moves"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer = cls._customer("Customer", cls.anna, cls.class_a, phone="+7 916 123-45-67")
        cls.twin = cls._customer("Twin", cls.anna, cls.class_a)
        cls.head = cls._customer("Head of the Group", cls.anna, cls.class_a)
        cls.person = cls.env["res.partner"].create({"name": "Employee", "parent_id": cls.twin.id})
        call = cls.env.ref("mail.mail_activity_data_call")
        cls.lead = cls.env["crm.lead"].create(
            {"name": "Deal", "type": "opportunity", "partner_id": cls.twin.id, "user_id": cls.anna.id}
        )
        cls.activities = cls.env["mail.activity"].union(
            *(
                record.with_user(cls.anna).activity_schedule(
                    activity_type_id=call.id, user_id=cls.anna.id, summary="Price list", date_deadline=TODAY
                )
                for record in (cls.customer, cls.person, cls.lead)
            )
        )
        meeting = cls.env.ref("mail.mail_activity_data_meeting")
        with freeze_time(NOW - timedelta(days=1)):
            cls.events = (
                cls.env["calendar.event"]
                .with_user(cls.anna)
                .create(
                    [
                        {
                            "name": "Meeting",
                            "start": NOW - timedelta(hours=5 + n),
                            "stop": NOW - timedelta(hours=4 + n),
                            "partner_ids": [Command.set((cls.anna.partner_id | guest).ids)],
                        }
                        for n, guest in enumerate((cls.customer, cls.person))
                    ]
                )
            )
            cls.planned = cls.env["mail.activity"].create(
                {
                    "res_model_id": cls.env["ir.model"]._get_id("res.partner"),
                    "res_id": cls.customer.id,
                    "activity_type_id": meeting.id,
                    "user_id": cls.anna.id,
                    "calendar_event_id": cls.events[0].id,
                    "date_deadline": TODAY,
                }
            )
        cls.Contact = cls.env["discipline.contact"]

    @settings(max_examples=60, **FIXED)
    @given(st.lists(st.tuples(st.sampled_from(EVENTS), NUMBER, NUMBER), min_size=3, max_size=14))
    def test_a_call_or_meeting_is_logged_once_whichever_ways_and_however_often_it_arrives(self, events):
        with self._forgotten():
            self.known = set()
            for number, (event, one, other) in enumerate(events):
                with freeze_time(NOW + timedelta(minutes=number)):
                    self._happen(event, one, other)
                self._check(events[: number + 1])

    @settings(max_examples=40, **FIXED)
    @given(
        st.lists(
            st.tuples(st.sampled_from(["done", "call", "dialog", "my_day", "held", "night"]), NUMBER, NUMBER),
            min_size=3,
            max_size=12,
        )
    )
    def test_what_telephony_the_calendar_an_activity_and_a_person_tell_of_one_contact_is_logged_once(self, events):
        with self._forgotten():
            self.known = set()
            for number, (event, one, other) in enumerate(events):
                # now and then people do something else for a quarter of an hour
                with freeze_time(NOW + timedelta(minutes=15 * number)):
                    self._happen(event, one, other)
                self._check(events[: number + 1])

    def _check(self, told):
        """Of each real call or meeting there is at most one row that stands, and what was logged stays logged."""
        rows = self.Contact.search([("voided_at", "=", False)])
        self.env.cr.execute(
            "SELECT source, source_ref FROM discipline_contact WHERE voided_at IS NULL UNION ALL "
            "SELECT s.source, s.source_ref FROM discipline_contact_source s JOIN discipline_contact c "
            "ON c.id = s.contact_id WHERE s.voided_at IS NULL AND c.voided_at IS NULL"
        )
        real = [ref if source == "api" else self._real(ref) for source, ref in self.env.cr.fetchall() if ref]
        self.assertEqual(len(real), len(set(real)), (told, sorted(real)))
        self.assertLessEqual(self.known, set(real), told)
        self.known = set(real)
        if not self.MOVES & {event for event, _one, _other in told}:
            self._check_apart(rows, told)

    def _check_apart(self, rows, told):
        """No two rows of one doer and one customer are the same contact, whichever ways they came."""
        for same_people in rows.grouped(lambda row: (row.doer_ref, row.customer_ref)).values():
            for one, other in combinations(same_people, 2):
                self.assertFalse(same(self._as_told(one), self._as_told(other)), told)

    def _as_told(self, contact):
        (row,) = contact.read(
            ["source", "date", "duration", "channel_id", "outcome_id", "contact_id", "lead_id", "activity_id",
             "event_id"],
            load=False,
        )  # fmt: skip
        return self.Contact._told(row, contact.source_ids.mapped("source"))

    def _real(self, ref):
        """Return what really took place: the number of the activity or meeting, whosoever the customer is today."""
        kind, number, _customer = ref.split(":")
        return f"{kind} {number}"

    def _activity(self, number):
        return self._some((self.activities | self.planned).exists(), number)

    def _do_done(self, one, other):
        self._activity(one).with_user(self.anna).action_feedback(feedback="They want a discount" if other % 2 else "")

    def _do_archived(self, one, _other):
        self._activity(one).action_archive()

    def _do_past_the_program(self, one, _other):
        self.env.cr.execute(
            "UPDATE mail_activity SET active = FALSE, write_date = now() AT TIME ZONE 'UTC', write_uid = %s "
            "WHERE id = %s",
            [self.anna.id, self._activity(one).id],
        )

    def _do_night(self, _one, _other):
        self.Contact._reconcile_feeders(self.company)

    def _do_call(self, one, other):
        who = self.env["res.partner"].browse((self.customer.id, self.person.id)[other % 2])
        self._exchange([{"source_ref": f"call {one % 3}", "partner_id": who.id}])

    def _do_call_by_number(self, one, other):
        spelling = ("+79161234567", "8 (916) 123-45-67", "9161234567")[other % 3]
        self._exchange([{"source_ref": f"call {one % 3}", "phone": spelling}])

    def _do_batch(self, one, other):
        entry = {"source_ref": f"call {one % 3}", "phone": "+79161234567"}
        self._exchange([entry, dict(entry, note="again")] * (1 + other % 2))

    def _exchange(self, entries):
        self.Contact.with_user(self.anna).log_contacts(entries)

    def _do_dialog(self, one, other):
        """Log by hand: a call now, or the meeting that is in the calendar."""
        partner = self._some((self.customer | self.twin).exists(), one)
        is_call = other % 2
        channel = "call" if is_call else "meeting"
        dialog = self.env["discipline.contact.log"].with_user(self.anna)
        dialog.create(
            {
                "partner_ids": [Command.set(partner.ids)],
                "channel_id": self.env.ref(f"sales_discipline.discipline_channel_{channel}").id,
                "note": "Said",
                "date": fields.Datetime.now() if is_call else NOW - timedelta(hours=4 + one % 2),
                "no_next_reason": "enough",
            }
        ).action_log()

    def _do_my_day(self, one, _other):
        partner = self._some((self.customer | self.twin).exists(), one)
        service = self.env["discipline.my.day"].with_user(self.anna)
        service.log(partner.id, {**service.get_log_defaults(partner.id), "note": "Agreed"})

    def _do_held(self, _one, _other):
        self.env["calendar.event"]._discipline_log_held(self.company)

    def _do_met(self, one, _other):
        self._some(self.events.exists(), one).with_user(self.anna).write(
            {"partner_ids": [Command.link(self.boris.partner_id.id)]}
        )

    def _do_declined_by_us(self, _one, _other):
        attendees = self.events.exists().attendee_ids.filtered(lambda row: row.partner_id == self.boris.partner_id)
        attendees.write({"state": "declined"})

    def _do_renamed(self, one, _other):
        self._some(self.events.exists(), one).write({"name": "Meeting about prices", "duration": 1})

    def _do_deleted(self, one, other):
        (self._activity(one) if other % 2 else self._some(self.events.exists(), one)).sudo().unlink()

    def _do_merge(self, one, _other):
        partners = (self.customer | self.twin).exists()
        self.env["base.partner.merge.automatic.wizard"].sudo()._merge(partners.ids, self._some(partners, one))

    def _do_group(self, one, _other):
        self._some((self.customer | self.twin).exists(), one).sudo().customer_group_id = self.head

    def _do_employee_moves(self, one, _other):
        self.person.sudo().parent_id = self._some((self.customer | self.head).exists(), one)
