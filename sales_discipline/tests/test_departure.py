"""A manager leaves: A customers are offered first, his plan survives, nobody's customers are proposed at once."""

from datetime import date

from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import NOW, DisciplineCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestDeparture(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.small = cls._customer("Small", cls.anna, cls.class_c)
        cls.large = cls._customer("Large", cls.anna, cls.class_a)
        cls.other = cls._customer("Other", cls.boris, cls.class_a)
        cls.activity_type = cls.env.ref("mail.mail_activity_data_call")

    def _plan(self, customer, user, day, summary):
        return customer.activity_schedule(
            activity_type_id=self.activity_type.id, user_id=user.id, date_deadline=day, summary=summary
        )

    def _departure(self, user=None, **values):
        return (
            self.env["discipline.departure"]
            .with_user(user or self.supervisor)
            .create({"user_id": self.anna.id, "date_last": "2025-03-14", "acting_id": self.boris.id, **values})
        )

    def test_a_customers_are_offered_first_in_a_redistribution_of_their_own(self):
        departure = self._departure()
        self.assertEqual((departure.customer_count, departure.first_count), (2, 1))
        departure.action_start()
        first, second = departure.redistribution_ids.sorted("id")
        self.assertEqual((first.cause, second.cause), ("departure", "departure"))
        self.assertEqual((first.line_ids.partner_id, second.line_ids.partner_id), (self.large, self.small))
        self.assertTrue(all(line.user_to_id and line.user_to_id != self.anna for line in first.line_ids))
        self.assertEqual((self.large | self.small).user_id, self.anna)

    def test_protected_customers_are_offered_as_well_or_they_would_be_nobodys(self):
        self.env["discipline.exception"].create(
            {
                "partner_id": self.large.id,
                "kind": "keep",
                "date_from": "2025-03-10",
                "date_until": "2025-04-30",
                "reason": "agreed",
            }
        ).sudo().state = "approved"
        departure = self._departure()
        departure.action_start()
        lines = departure.redistribution_ids.line_ids
        self.assertEqual(lines.partner_id, self.large | self.small)
        self.assertEqual(set(lines.mapped("state")), {"proposed"})

    def test_after_the_last_day_the_acting_manager_has_whoever_is_left_and_the_plan(self):
        self._plan(self.large, self.anna, date(2025, 3, 20), "Present the offer")
        departure = self._departure()
        departure.action_start()
        Nightly = self.env["discipline.nightly"]
        with freeze_time("2025-03-14 20:00"):
            Nightly._step_departures(self.company)
        self.assertEqual(self.large.user_id, self.anna)
        with freeze_time("2025-03-15 01:30"):
            Nightly._step_departures(self.company)
            Nightly._step_departures(self.company)
        self.assertEqual((self.large | self.small).user_id, self.boris)
        self.assertEqual(departure.state, "done")
        row = self.large.discipline_assignment_ids.filtered(lambda row: not row.date_to)
        self.assertEqual((row.origin, row.date_from), ("departure", date(2025, 3, 15)))
        activity = self.large.activity_ids.filtered(lambda row: row.summary == "Present the offer")
        self.assertEqual((activity.user_id, activity.date_deadline), (self.boris, date(2025, 3, 20)))
        self.assertEqual(
            departure.plan_ids.filtered(lambda plan: plan.summary == "Present the offer").new_user_id, self.boris
        )

    def test_what_is_planned_is_not_lost_with_the_account(self):
        self._plan(self.large, self.anna, date(2025, 3, 5), "Present the offer")
        lead = self.env["crm.lead"].create(
            {"name": "Deal", "type": "opportunity", "partner_id": self.small.id, "user_id": self.anna.id}
        )
        self._plan(lead, self.anna, date(2025, 3, 28), "Send the draft")
        self.anna.action_archive()
        self.assertFalse(self.env["mail.activity"].search([("user_id", "=", self.anna.id)]))
        plans = self.env["discipline.departure.plan"].search([("user_id", "=", self.anna.id)])
        self.assertLessEqual({"Present the offer", "Send the draft"}, set(plans.mapped("summary")))
        self.assertTrue(all(plans.mapped("is_waiting")))
        self._assign(self.large, self.clara, date(2025, 3, 10))
        activity = self.large.activity_ids.filtered(lambda row: row.summary == "Present the offer")
        # it was due before today
        self.assertEqual((activity.user_id, activity.date_deadline), (self.clara, date(2025, 3, 10)))
        self._assign(self.small, self.clara, date(2025, 3, 10))
        self.assertEqual(
            lead.activity_ids.filtered(lambda row: row.summary == "Send the draft").mapped("user_id"), self.clara
        )
        self._assign(self.small, self.boris, date(2025, 3, 10))
        self.assertEqual(len(lead.activity_ids.filtered(lambda row: row.summary == "Send the draft")), 1)

    def test_an_archived_managers_customers_are_nobodys_at_once_and_proposed(self):
        self.anna.action_archive()
        self.assertTrue(all((self.large | self.small).mapped("discipline_is_orphan")))
        lines = self.env["discipline.redistribution.line"].search(
            [("partner_id", "in", (self.large | self.small).ids), ("redistribution_id.cause", "=", "orphan")]
        )
        self.assertEqual(lines.partner_id, self.large | self.small)
        self.assertEqual(len(lines), 2)
        self.assertTrue(all(line.user_to_id for line in lines))

    def test_without_an_acting_manager_they_are_nobodys(self):
        departure = self._departure(acting_id=False)
        departure.action_start()
        departure.action_hand_over()
        self.assertFalse((self.large | self.small).user_id)

    def test_in_dry_mode_nobody_is_handed_over_and_nobody_is_told(self):
        activity = self._plan(self.large, self.anna, date(2025, 3, 20), "Present the offer")
        self.company.discipline_dry_mode = True
        departure = self._departure()
        told = self.env["mail.message"].search_count([("message_type", "=", "user_notification")])
        departure.action_start()
        self.assertEqual(set(departure.redistribution_ids.mapped("state")), {"draft"})
        with self.assertRaisesRegex(UserError, "dry mode: nobody is told and no customer moves"):
            departure.action_hand_over()
        Nightly = self.env["discipline.nightly"]
        with freeze_time("2025-03-15 01:30"):
            Nightly._step_departures(self.company)
        self.assertEqual((departure.state, activity.user_id), ("running", self.anna))
        self.assertEqual((self.large | self.small).user_id, self.anna)
        self.assertEqual(self.env["mail.message"].search_count([("message_type", "=", "user_notification")]), told)
        self.company.discipline_dry_mode = False
        with freeze_time("2025-03-16 01:30"):
            Nightly._step_departures(self.company)
        self.assertEqual((departure.state, (self.large | self.small).user_id), ("done", self.boris))

    def test_whoever_lost_a_customer_lately_does_not_get_him_back_by_acting_for_another(self):
        batch = self.env["discipline.redistribution"]._propose(
            self.company, "missed", self.other, receiver=self.anna, quiet=True
        )
        batch.line_ids.state = "approved"
        batch._apply(batch.line_ids)
        self.assertEqual(self.other.user_id, self.anna)
        departure = self._departure()
        departure.action_start()
        departure.action_hand_over()
        self.assertFalse(self.other.user_id)
        self.assertEqual((self.large | self.small).user_id, self.boris)

    def test_he_stays(self):
        departure = self._departure()
        departure.action_start()
        departure.action_cancel()
        self.assertEqual(set(departure.redistribution_ids.mapped("state")), {"cancelled"})
        with freeze_time("2025-03-20"):
            self.env["discipline.departure"]._nightly(self.company)
        self.assertEqual(self.large.user_id, self.anna)

    def test_who_may(self):
        for user, values in (
            (self.anna, {}),
            (self.boris, {}),
            # Dmitri's team has another leader
            (self.supervisor, {"user_id": self.dmitri.id}),
            (self.supervisor, {"acting_id": self.dmitri.id}),
            (self.supervisor, {"acting_id": self.supervisor.id}),
        ):
            with self.assertRaises(AccessError):
                self._departure(user, **values)
        departure = self._departure()
        with self.assertRaises(AccessError):
            departure.with_user(self.boris).action_start()
        with self.assertRaises(AccessError):
            departure.with_user(self.supervisor).write({"state": "done"})
        with self.assertRaises(AccessError):
            departure.with_user(self.supervisor).write({"acting_id": self.dmitri.id})
        with self.assertRaises(UserError):
            self._departure(date_last="2025-03-07").action_start()
