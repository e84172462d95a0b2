"""Very many customers: the database is asked as often for forty of them as for four."""

from datetime import date
from unittest.mock import patch

from freezegun import freeze_time
from odoo.tests import tagged

from ..models import discipline_redistribution_tell
from .common import NOW
from .redistribution_common import RedistributionCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestRedistributionSets(RedistributionCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kinds = cls.env.ref("mail.mail_activity_data_call")

    def _many(self, count, manager=None):
        """Return so many customers with an employee, a planned call and an open deal each."""
        customers = self.env["res.partner"]
        for number in range(count):
            customers |= self._customer(f"One of {count}, no. {number}", manager or self.anna, self.class_c)
        self.env["res.partner"].create(
            [
                {"name": f"Buyer of {customer.name}", "parent_id": customer.id, "user_id": customer.user_id.id}
                for customer in customers
            ]
        )
        self.env["crm.lead"].create(
            [
                {
                    "name": "Deal",
                    "type": "opportunity",
                    "partner_id": customer.id,
                    "user_id": customer.user_id.id,
                    "probability": 20,
                }
                for customer in customers
            ]
        )
        for customer in customers:
            customer.activity_schedule(
                activity_type_id=self.kinds.id, date_deadline=date(2025, 3, 17), user_id=customer.user_id.id
            )
        self.env.flush_all()
        return customers

    def _statements(self, work):
        """Return how many statements ``work`` needs on a cold cache, and what it returns."""
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        result = work()
        self.env.flush_all()
        return self.env.cr.sql_log_count - before, result

    def _selected(self, count):
        customers = self._many(count)
        return self._statements(
            lambda: self.Batch._propose(self.company, "selection", customers, reason="Office", receiver=self.clara)
        )

    def test_proposing_approving_and_applying_take_as_many_statements_for_forty_customers_as_for_four(self):
        counts = {}
        for size in (1, 4, 40):
            proposing, batch = self._selected(size)
            self.assertEqual(len(batch.line_ids), size)
            self.env.invalidate_all()
            approving, _done = self._statements(batch.with_user(self.supervisor).action_approve)
            applying, _done = self._statements(batch.with_user(self.supervisor).action_apply)
            self.assertEqual(set(batch.line_ids.mapped("state")), {"applied"})
            counts[size] = (proposing, approving, applying)
        # one customer warms up what is read once for all
        self.assertEqual(counts[40], counts[4])

    def test_withdrawing_takes_as_many_statements_for_thirty_missed_norms_as_for_four(self):
        period = self._close()
        self._statements(lambda: self.Batch._withdrawn(period))
        few, chosen = self._statements(lambda: self.Batch._withdrawn(period))
        self.assertEqual(set(chosen), set(self.neglected.ids))
        period = self.env["discipline.period"]._open_for(self.company, date(2025, 1, 10), ["month"])
        more = [self._customer(f"More {number}", self.anna, self.class_a).id for number in range(26)]
        period._close()
        many, chosen = self._statements(lambda: self.Batch._withdrawn(period))
        self.assertLessEqual(set(more), set(chosen))
        self.assertEqual(many, few)

    def test_telling_the_managers_names_the_first_ten_and_says_how_many_more(self):
        _count, batch = self._selected(12)
        messages = self.env["mail.message"].search([("model", "=", batch._name), ("res_id", "=", batch.id)])
        body = str(messages.filtered(lambda row: self.clara.partner_id in row.partner_ids).body)
        self.assertIn("One of 12, no. 9", body)
        self.assertNotIn("One of 12, no. 10", body)
        self.assertIn("and 2 more", body)

    def test_many_messages_are_left_to_the_queue_so_that_nobody_waits_for_the_mail_server(self):
        queue = self.env.ref("mail.ir_cron_mail_scheduler_action")
        triggers = self.env["ir.cron.trigger"].search_count([("cron_id", "=", queue.id)])
        with patch.object(discipline_redistribution_tell, "SENT_AT_ONCE", 1):
            _count, batch = self._selected(3)
        mails = self.env["mail.mail"].search([("model", "=", batch._name), ("res_id", "=", batch.id)])
        self.assertEqual(mails.recipient_ids, (self.anna | self.clara).partner_id)
        self.assertEqual(set(mails.mapped("state")), {"outgoing"})
        self.assertEqual(self.env["ir.cron.trigger"].search_count([("cron_id", "=", queue.id)]), triggers + 1)
