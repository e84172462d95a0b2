"""What became of customers who changed hands, beside those who did not."""

from datetime import date, datetime
from unittest.mock import patch

from freezegun import freeze_time
from odoo.tests import tagged

from ..report import discipline_handover_outcome
from .common import NOW
from .redistribution_common import RedistributionCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestHandoverOutcome(RedistributionCommon):
    def _bought(self, customer, day, amount, kind="deal"):
        self.env["discipline.revenue"]._ledger().create(
            {
                "partner_id": customer.id,
                "customer_ref": customer.id,
                "date": day,
                "amount": amount,
                "kind": kind,
                "source_ref": f"test {customer.id} {day} {kind}",
                "company_id": self.company.id,
            }
        )

    def test_moved_customers_stand_beside_customers_of_the_same_class_who_stayed(self):
        stayed = self._customer("Stayed", self.boris, self.class_a)
        self._moved(self._proposed())
        moved = self.neglected[0]
        self._bought(moved, date(2025, 3, 1), 100)
        self._bought(moved, date(2025, 3, 12), 300)
        self._bought(moved, date(2025, 3, 13), -50, "return")
        self._bought(moved, date(2025, 6, 10), 999)
        self._bought(stayed, date(2025, 3, 5), 70)
        with freeze_time("2025-03-14 09:00:00"):
            self._log(moved, moved.user_id, datetime(2025, 3, 14, 9))
        with freeze_time("2025-03-30 09:00:00"):
            self.env.invalidate_all()
            Outcome = self.env["discipline.handover.outcome"].with_user(self.supervisor)
            row = Outcome.search([("partner_id", "=", moved.id)])
            self.assertEqual((row.side, row.days, row.customers), ("moved", 20, 1))
            self.assertEqual((row.purchases_before, row.purchases_after), (100, 250))
            self.assertEqual((row.contacts_before, row.contacts_after), (0, 1))
            peers = Outcome.search([("side", "=", "stayed")])
            self.assertEqual((peers.customers, peers.purchases_before, peers.purchases_after), (1, 70, 0))
            self.assertFalse(peers.partner_id)
            figures = Outcome._read_group(
                [], ["side"], ["customers:sum", "purchases_before_each:avg", "purchases_after_each:avg"]
            )
            self.assertEqual(figures, [("moved", 4, 25, 62.5), ("stayed", 1, 70, 0)])
            with patch.object(discipline_handover_outcome, "DRAWN", 0):
                self.assertEqual(Outcome._read_group([], ["side"], ["customers:sum"]), [("moved", 4), ("stayed", 1)])

    def test_nobody_moved_shows_nothing(self):
        self.assertFalse(self.env["discipline.handover.outcome"].search([]))
