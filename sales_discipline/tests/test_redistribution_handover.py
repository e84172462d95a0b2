"""What moves with a customer, what goes back, and what one spoilt customer does to the others."""

from datetime import date, timedelta
from unittest.mock import patch

from freezegun import freeze_time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .common import NOW, TODAY
from .redistribution_common import RedistributionCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestHandover(RedistributionCommon):
    def setUp(self):
        super().setUp()
        self.customer = self.neglected[0]
        self.employee = self.env["res.partner"].create(
            {"name": "Employee", "parent_id": self.customer.id, "user_id": self.anna.id}
        )
        self.lead = self.env["crm.lead"].create(
            {"name": "Deal", "type": "opportunity", "partner_id": self.employee.id, "user_id": self.anna.id}
        )
        self.foreign_lead = self.env["crm.lead"].create(
            {"name": "Boris's", "type": "opportunity", "partner_id": self.customer.id, "user_id": self.boris.id}
        )
        self.calls = self._call(self.customer) | self._call(self.employee) | self._call(self.lead)
        self.todo = self.customer.activity_schedule("mail.mail_activity_data_todo", user_id=self.anna.id)
        self.customer.message_subscribe(self.anna.partner_id.ids)
        # the receiver follows some of it already, the loser his deal
        for record in (self.employee, self.lead):
            record.message_subscribe((self.anna | self.clara).partner_id.ids)

    def _call(self, record):
        return record.activity_schedule(
            "mail.mail_activity_data_call", date(2025, 3, 12), summary="Promised a price", user_id=self.anna.id
        )

    def _batch(self, receiver=None):
        return self.Batch._propose(
            self.company, "selection", self.customer, reason="Office closed", receiver=receiver or self.clara
        )

    def _state(self):
        """Return what a redistribution may change: managers, deals, planned contacts, followers."""
        self.env.invalidate_all()
        partners = self.neglected | self.employee
        return (
            {partner.name: partner.user_id for partner in partners},
            {lead.name: (lead.user_id, lead.team_id) for lead in self.lead | self.foreign_lead},
            {activity.id: activity.user_id for activity in self.calls | self.todo},
            {
                record: record.message_partner_ids.sorted("id")
                for records in (partners, self.lead | self.foreign_lead)
                for record in records
            },
        )

    def test_planned_contacts_employees_and_open_deals_move_along(self):
        self._moved(self._batch())
        self.assertEqual(self.employee.user_id, self.clara)
        self.assertEqual(self.calls.user_id, self.clara)
        self.assertEqual(self.lead.user_id, self.clara)
        self.assertEqual(self.foreign_lead.user_id, self.boris)
        self.assertEqual(self.todo.user_id, self.anna, "only planned contacts move")
        for record in (self.customer, self.employee, self.lead):
            self.assertNotIn(self.anna.partner_id, record.message_partner_ids)
        self.assertIn(self.clara.partner_id, self.customer.message_partner_ids)

    def test_the_customers_chatter_says_from_whom_to_whom_he_moved(self):
        self._moved(self._batch())
        changes = self.customer.message_ids.sudo().tracking_value_ids.filtered(
            lambda row: row.field_id.name == "user_id"
        )
        self.assertEqual(
            [(row.old_value_char, row.new_value_char, row.new_value_integer) for row in changes],
            [(self.anna.name, self.clara.name, self.clara.id)],
        )

    def test_deals_stay_where_the_policy_says_so(self):
        self.env.cr.execute("UPDATE discipline_policy SET move_leads = FALSE")
        self.env.invalidate_all()
        self._moved(self._batch())
        self.assertEqual(self.lead.user_id, self.anna)

    def test_the_receiver_gets_acquainted_with_the_customers_story(self):
        self._moved(self._batch())
        activity = self.customer.activity_ids.filtered(
            lambda row: row.activity_type_id == self.env.ref("sales_discipline.mail_activity_type_acquaint")
        )
        self.assertEqual(activity.user_id, self.clara)
        self.assertEqual(activity.date_deadline, date(2025, 3, 13))
        for text in ("Office closed", "Deal", "Promised a price"):
            self.assertIn(text, activity.note)

    def test_each_receiver_is_told_once_what_is_his_now(self):
        batch = self._moved(self._batch())
        told = self.env["mail.message"].search(
            [
                ("model", "=", batch._name),
                ("res_id", "=", batch.id),
                ("message_type", "=", "user_notification"),
                ("partner_ids", "in", self.clara.partner_id.ids),
            ]
        )
        # once when it was proposed, once when it was carried out
        self.assertEqual(len(told), 2)
        self.assertIn("yours now", told[0].body)

    def test_apply_then_revert_restores_everything(self):
        before = self._state()
        batch = self._moved(self._batch())
        self.assertNotEqual(self._state(), before)
        batch.action_revert()
        for record in (self.employee, self.lead):
            self.assertIn(self.clara.partner_id, record.message_partner_ids)
        self.assertNotIn(self.clara.partner_id, self.customer.message_partner_ids)
        self.assertEqual(self._state(), before)
        self.assertEqual(batch.state, "reverted")
        self.assertFalse(
            self.env["mail.activity"].search(
                [("activity_type_id", "=", self.env.ref("sales_discipline.mail_activity_type_acquaint").id)]
            )
        )

    def test_what_changed_since_is_refused_and_named(self):
        batch = self.Batch._propose(
            self.company, "selection", self.neglected, reason="Office closed", receiver=self.clara
        )
        self._moved(batch)
        self._assign(self.customer, self.boris, TODAY)
        note = batch.action_revert()
        self.assertIn(self.customer.name, note["params"]["message"])
        self.assertEqual(self.customer.user_id, self.boris)
        self.assertEqual(self.neglected[1:].user_id, self.anna)
        self.assertEqual(batch.state, "applied")
        with self.assertRaises(UserError):
            batch.action_revert()

    def test_a_deal_that_was_given_on_or_decided_does_not_go_back(self):
        batch = self._moved(self._batch())
        self.lead.user_id = self.boris
        batch.action_revert()
        self.assertEqual(self.lead.user_id, self.boris)
        self.assertEqual(self.customer.user_id, self.anna)

    def test_one_line_is_reverted_alone(self):
        batch = self._moved(
            self.Batch._propose(self.company, "selection", self.neglected, reason="Office", receiver=self.clara)
        )
        batch.line_ids.filtered(lambda line: line.partner_id == self.customer).action_revert()
        self.assertEqual(self.customer.user_id, self.anna)
        self.assertEqual(self.neglected[1:].user_id, self.clara)
        self.assertEqual(batch.state, "applied")

    def test_an_employee_who_was_the_receivers_already_stays_his_after_a_revert(self):
        self.employee.user_id = self.clara
        batch = self._moved(self._batch())
        batch.action_revert()
        self.assertEqual(self.customer.user_id, self.anna)
        self.assertEqual(self.employee.user_id, self.clara)

    def test_an_archived_managers_orphan_moves_and_goes_back_to_nobody(self):
        batch = self.Batch._propose(self.company, "orphan", self.orphan, receiver=self.clara)
        self._moved(batch, self.administrator)
        self.assertEqual(self.orphan.user_id, self.clara)
        batch.action_revert()
        self.assertFalse(self.orphan.user_id)

    def test_a_receiver_who_was_archived_meanwhile_gets_nothing(self):
        batch = self._batch(self.clara)
        batch.with_user(self.supervisor).action_approve()
        self.clara.active = False
        note = batch.with_user(self.supervisor).action_apply()
        self.assertEqual(batch.line_ids.skip_reason, "archived")
        self.assertIn(self.customer.name, note["params"]["message"])
        self.assertEqual(self.customer.user_id, self.anna)

    def test_a_poisoned_customer_is_shown_with_its_reason_and_the_others_go_on(self):
        poisoned = self.neglected[2]
        batch = self.Batch._propose(self.company, "selection", self.neglected, reason="Office", receiver=self.clara)
        Partner = type(self.env["res.partner"])
        origin = Partner._discipline_assign

        def assign(partners, *args, **kwargs):
            if poisoned in partners:
                raise ValueError("poison")
            return origin(partners, *args, **kwargs)

        with (
            patch.object(Partner, "_discipline_assign", assign),
            mute_logger("odoo.addons.sales_discipline.models.discipline_redistribution_apply"),
        ):
            self._moved(batch)
        line = batch.line_ids.filtered(lambda row: row.partner_id == poisoned)
        self.assertEqual((line.state, line.skip_reason, line.error), ("skipped", "error", "poison"))
        self.assertEqual(poisoned.user_id, self.anna)
        self.assertEqual((self.neglected - poisoned).user_id, self.clara)
        self.assertEqual(self.lead.user_id, self.clara)

    def test_moving_many_customers_costs_hardly_more_queries_than_moving_a_few(self):
        counts = []
        for size in (5, 40):
            customers = self.env["res.partner"]
            for number in range(size):
                customers |= self._customer(f"Many {size} {number}", self.anna, self.class_a)
            batch = self.Batch._propose(self.company, "selection", customers, reason="Office", receiver=self.boris)
            batch.line_ids.write({"state": "approved"})
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.Line.browse(batch.line_ids.ids)._apply()
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLess(counts[1], counts[0] + 35)

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        receivers=st.lists(st.integers(0, 2), min_size=4, max_size=4),
        waived=st.sets(st.integers(0, 3), max_size=3),
        owner=st.integers(0, 3),
    )
    def test_whatever_moves_goes_back_as_it_was(self, receivers, waived, owner):
        savepoint = self.env.cr.savepoint(flush=False)
        try:
            self.lead.user_id = self.managers[owner]
            before = self._state()
            batch = self.Batch._propose(self.company, "selection", self.neglected, reason="Office", receiver=self.clara)
            for number, line in enumerate(batch.line_ids):
                if number in waived:
                    line.with_user(self.administrator).action_waive()
                else:
                    line.with_user(self.administrator)._set_receiver(
                        (self.boris | self.clara | self.dmitri)[receivers[number]]
                    )
            batch = batch.with_user(self.administrator)
            batch.action_approve()
            batch.action_apply()
            batch.action_revert()
            self.assertEqual(self._state(), before)
        finally:
            self.env.flush_all()
            savepoint.rollback()
            self.env.invalidate_all()


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestAppeals(RedistributionCommon):
    def setUp(self):
        super().setUp()
        self.batch = self._proposed()
        self.line = self.batch.line_ids[0]

    def _appeal(self, user=None, line=None):
        return (
            self.env["discipline.appeal"]
            .with_user(user or self.anna)
            .create({"line_id": (line or self.line).id, "reason": "made", "text": "I called on the 3rd and the 5th"})
        )

    def test_the_button_opens_a_dialog_that_becomes_an_appeal(self):
        action = self.line.with_user(self.anna).action_appeal()
        Appeal = self.env["discipline.appeal"].with_user(self.anna).with_context(**action["context"])
        with Form(Appeal, view=action["views"][0][0]) as form:
            form.reason = "made"
            form.text = "I called on the 3rd and the 5th"
        self.assertEqual((form.record.line_id, form.record.user_id, form.record.state), (self.line, self.anna, "open"))
        # a browser that leaves out what it only shows
        line = self.batch.line_ids[1]
        appeal = Appeal.with_context(default_line_id=line.id).create({"reason": "made", "text": "I called him"})
        self.assertEqual(appeal.line_id, line)

    def test_a_line_with_an_undecided_appeal_waits_and_the_others_go_on(self):
        self._appeal()
        self._moved(self.batch)
        self.assertEqual(self.line.state, "proposed")
        self.assertEqual(self.line.partner_id.user_id, self.anna)
        self.assertEqual(set(self.batch.line_ids[1:].mapped("state")), {"applied"})
        self.assertEqual(self.batch.state, "approved")

    def test_a_granted_appeal_leaves_the_customer_and_clears_the_verdict(self):
        appeal = self._appeal()
        appeal.with_user(self.supervisor).action_grant()
        self.assertEqual((appeal.state, self.line.state), ("granted", "waived"))
        self.assertEqual(appeal.decided_by_id, self.supervisor)
        self.batch.sudo()._cancel()
        withdrawn = self.Batch._withdrawn(self.batch.period_id)
        self.assertNotIn(self.line.customer_ref, withdrawn)
        self.assertIn(self.batch.line_ids[1].customer_ref, withdrawn)

    def test_a_refused_appeal_lets_the_customer_go_with_the_rest(self):
        appeal = self._appeal()
        self._moved(self.batch)
        appeal.with_user(self.supervisor).action_refuse()
        self.batch.with_user(self.supervisor).action_approve()
        self.batch.with_user(self.supervisor).action_apply()
        self.assertEqual(self.line.state, "applied")
        self.assertEqual(self.batch.state, "applied")

    def test_only_the_losing_manager_appeals_once_in_time_and_about_a_missed_norm(self):
        for user in (self.boris, self.supervisor):
            with self.assertRaises(UserError):
                self._appeal(user)
        self._appeal()
        with self.assertRaises(UserError):
            self._appeal()
        with freeze_time(NOW + timedelta(days=7)), self.assertRaises(UserError):
            self._appeal(line=self.batch.line_ids[1])
        selection = self.Batch._propose(self.company, "selection", self.kept[0], reason="x", receiver=self.clara)
        with self.assertRaises(UserError):
            self._appeal(self.boris, selection.line_ids)

    def test_an_appeal_cannot_be_born_decided_nor_written_over(self):
        appeal = (
            self.env["discipline.appeal"]
            .with_user(self.anna)
            .create({"line_id": self.line.id, "reason": "made", "text": "x", "state": "granted", "decided_by_id": 1})
        )
        self.assertEqual((appeal.state, appeal.decided_by_id.id), ("open", False))
        with self.assertRaises(AccessError):
            appeal.with_user(self.anna).write({"state": "granted"})
        with self.assertRaises(AccessError):
            appeal.with_user(self.anna).action_grant()
        with self.assertRaises(UserError):
            appeal.with_user(self.supervisor).action_refuse()
            appeal.with_user(self.supervisor).action_grant()

    def test_an_approved_line_waits_again_when_its_manager_appeals(self):
        self.batch.with_user(self.supervisor).action_approve()
        self._appeal()
        self._after_appeals(self.batch).with_user(self.supervisor).action_apply()
        self.assertEqual(self.line.state, "approved")
        self.assertEqual(self.line.partner_id.user_id, self.anna)
