"""Dry mode: everything is computed for supervisors to see; nobody is told, and no customer moves by any door."""

from datetime import date

from freezegun import freeze_time
from odoo.exceptions import UserError
from odoo.tests import tagged

from ..models.discipline_redistribution import CAUSES
from .common import NOW
from .redistribution_common import RedistributionCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestDryMode(RedistributionCommon):
    def _customers_for(self, cause):
        return self.orphan if cause == "orphan" else self.neglected

    def _propose(self, cause, customers):
        batch = self.Batch._propose(self.company, cause, customers, reason="Office", receiver=self.clara)
        return batch.with_user(self.administrator)

    def _told(self):
        return self.env["mail.message"].search_count([("message_type", "=", "user_notification")])

    def test_a_proposal_of_whatever_cause_stays_a_draft_and_nobody_is_told(self):
        for cause, _label in CAUSES:
            with self._each(cause):
                customers = self._customers_for(cause)
                self.company.discipline_dry_mode = True
                told = self._told()
                batch = self._propose(cause, customers)
                self.assertEqual((batch.state, len(batch.line_ids)), ("draft", len(customers)))
                with self.assertRaisesRegex(UserError, "dry mode"):
                    batch.action_propose()
                with self.assertRaises(UserError):
                    batch.action_approve()
                self.assertEqual(self._told(), told)
                self.assertFalse(self.Line.with_user(self.anna).search([("redistribution_id", "=", batch.id)]))

    def test_what_was_proposed_before_neither_is_approved_nor_moves_nor_goes_back(self):
        for cause, _label in CAUSES:
            with self._each(cause):
                customers = self._customers_for(cause)
                batch = self._propose(cause, customers)
                batch.sudo().appeal_until = date(2025, 3, 7)
                had = customers.user_id
                for step, result in (("action_approve", had), ("action_apply", had), ("action_revert", self.clara)):
                    self.company.discipline_dry_mode = True
                    told = self._told()
                    for records in (batch, batch.line_ids):
                        if hasattr(records, step):
                            with self.assertRaisesRegex(UserError, "dry mode: nobody is told and no customer moves"):
                                getattr(records, step)()
                    self.assertEqual((customers.user_id, self._told()), (result, told), step)
                    self.company.discipline_dry_mode = False
                    getattr(batch, step)()
                self.assertEqual((batch.state, customers.user_id), ("reverted", had))

    def test_nothing_is_approved_by_itself(self):
        self.env.cr.execute("UPDATE discipline_policy SET approval = 'automatic'")
        self.env.invalidate_all()
        for cause, _label in CAUSES:
            with self._each(cause):
                customers = self._customers_for(cause)
                batch = self._propose(cause, customers)
                batch.sudo().appeal_until = date(2025, 3, 7)
                had, told = customers.user_id, self._told()
                self.company.discipline_dry_mode = True
                self.Batch._carry_out_automatic(self.company)
                self.assertEqual((batch.state, customers.user_id, self._told()), ("proposed", had, told))
