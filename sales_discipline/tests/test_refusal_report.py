"""The report of refusals, and what is taken over at installation."""

from datetime import date, datetime
from io import BytesIO

from freezegun import freeze_time
from odoo.tests import tagged
from openpyxl import load_workbook

from .sale_common import RefusalCommon


@tagged("discipline_sale")
@freeze_time(datetime(2025, 3, 10, 9, 0))
class TestRefusalReport(RefusalCommon):
    def _lose(self, when, reason, **values):
        with freeze_time(when):
            self._deal(**values).action_set_lost(lost_reason_id=reason.id)

    def _analysis(self, **values):
        return self.env["discipline.refusal.analysis"].create(
            {"date_from": date(2025, 3, 1), "date_to": date(2025, 3, 31), "team_id": self.team.id, **values}
        )

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.price.write(
            {
                "discipline_target_share": 50,
                "discipline_measure": "New price list",
                "discipline_measure_user_id": cls.supervisor.id,
            }
        )

    def test_shares_change_and_target_of_reasons(self):
        for day in (3, 4, 5):
            self._lose(datetime(2025, 3, day, 9), self.price)
        self._lose(datetime(2025, 3, 6, 9), self.slow, expected_revenue=500)
        self._lose(datetime(2025, 2, 10, 9), self.price)
        self._lose(datetime(2025, 2, 11, 9), self.slow)
        lines = self._analysis().line_ids
        self.assertRecordValues(
            lines,
            [
                {
                    "name": self.price.name,
                    "count": 3,
                    "amount": 60000,
                    "share": 0.75,
                    "cumulative": 0.75,
                    "previous_count": 1,
                    "change": 25,
                    "target_share": 0.5,
                    "over_target": True,
                    "measure": "New price list",
                    "measure_user_id": self.supervisor.id,
                },
                {
                    "name": self.slow.name,
                    "count": 1,
                    "amount": 500,
                    "share": 0.25,
                    "cumulative": 1,
                    "previous_count": 1,
                    "change": -25,
                    "target_share": 0,
                    "over_target": False,
                    "measure": False,
                    "measure_user_id": False,
                },
            ],
        )

    def test_every_line_opens_exactly_what_it_counts(self):
        self._lose(datetime(2025, 3, 3, 9), self.price)
        self._lose(datetime(2025, 3, 4, 9), self.not_stated, user_id=self.boris.id, partner_id=False)
        for group, _label in self.env["discipline.refusal.analysis"]._fields["group_by"].selection:
            for line in self._analysis(group_by=group).line_ids:
                found = self.env["discipline.refusal"].search_count(line.action_refusals()["domain"])
                self.assertEqual(found, line.count, f"{group}: {line.name}")

    def test_months_stand_in_order_each_beside_the_month_before(self):
        for when in (datetime(2024, 12, 3, 9), datetime(2025, 1, 3, 9), datetime(2025, 1, 4, 9)):
            self._lose(when, self.price)
        self._lose(datetime(2025, 3, 5, 9), self.price, expected_revenue=300)
        lines = self._analysis(group_by="month", date_from=date(2025, 1, 1)).line_ids
        self.assertRecordValues(
            lines,
            [
                {"name": "January 2025", "count": 2, "amount": 40000, "previous_count": 1},
                {"name": "March 2025", "count": 1, "amount": 300, "previous_count": 0},
            ],
        )

    def test_who_hides_behind_other_is_seen(self):
        self._lose(datetime(2025, 3, 3, 9), self.price)
        self._lose(datetime(2025, 3, 4, 9), self.not_stated)
        self._lose(datetime(2025, 3, 4, 9), self.price, user_id=self.boris.id)
        lines = {line.name: line.other_share for line in self._analysis(group_by="user_id").line_ids}
        self.assertEqual(lines, {"Anna": 0.5, "Boris": 0})

    def test_the_workbook_shows_the_same_figures_with_charts(self):
        self._lose(datetime(2025, 3, 3, 9), self.price)
        book = load_workbook(BytesIO(self._analysis()._content()))
        sheet = book.worksheets[0]
        self.assertEqual([cell.value for cell in sheet[2]][:4], [self.price.name, 1, 20000, 1])
        self.assertEqual(len(sheet._charts), 1)


@tagged("discipline_sale")
class TestTakenOver(RefusalCommon):
    """What Odoo knew before the addon was there."""

    def _forget(self, deal):
        """Leave the deal as if the addon had not been there when it lived."""
        self.env["discipline.stage.change"].flush_model()
        self.env.flush_all()
        for table in ("discipline_stage_change", "discipline_refusal"):
            self.env.cr.execute(f"DELETE FROM {table} WHERE lead_ref = %s", [deal.id])
        self.env.invalidate_all()

    def _tracked(self, when, deal, **changes):
        """Write a tracked change of Odoo's own, as of ``when``; a value is a pair of old and new."""
        message = self.env["mail.message"].create(
            {
                "model": "crm.lead",
                "res_id": deal.id,
                "date": when,
                "message_type": "notification",
                "author_id": self.anna.partner_id.id,
            }
        )
        for name, (old, new) in changes.items():
            self.env["mail.tracking.value"].create(
                {
                    "mail_message_id": message.id,
                    "field_id": self.env["ir.model.fields"]._get("crm.lead", name).id,
                    "old_value_integer": old,
                    "new_value_integer": new,
                }
            )

    def _old_deal(self, created, **values):
        deal = self._deal(**values)
        self.env.flush_all()
        self.env.cr.execute("UPDATE crm_lead SET create_date = %s WHERE id = %s", [created, deal.id])
        return deal

    def _history(self, deal):
        self.env["discipline.stage.change"]._backfill()
        rows = self.env["discipline.stage.change"].search([("lead_ref", "=", deal.id)], order="id")
        self.assertTrue(all(rows.mapped("backfilled")))
        return [(row.kind, row.stage_to_id, row.day) for row in rows]

    def test_tracked_stages_losses_and_reopenings_come_back_in_order(self):
        deal = self._old_deal(datetime(2024, 5, 1, 9), stage_id=self.offer.id)
        self._tracked(datetime(2024, 5, 3, 9), deal, stage_id=(self.new.id, self.offer.id))
        self._tracked(
            datetime(2024, 5, 9, 9), deal, active=(1, 0), won_status=(0, 0), lost_reason_id=(0, self.price.id)
        )
        self._tracked(
            datetime(2024, 6, 1, 9), deal, active=(0, 1), won_status=(0, 0), lost_reason_id=(self.price.id, 0)
        )
        self._forget(deal)
        self.assertEqual(
            self._history(deal),
            [
                ("create", self.new, date(2024, 5, 1)),
                ("stage", self.offer, date(2024, 5, 3)),
                ("lost", self.offer, date(2024, 5, 9)),
                ("reopen", self.offer, date(2024, 6, 1)),
            ],
        )
        self.assertRecordValues(
            self._refusals(deal),
            [{"reason_id": self.price.id, "day": date(2024, 5, 9), "reopened_on": date(2024, 6, 1), "days_open": 8}],
        )

    def test_without_tracking_creation_and_closing_remain(self):
        deal = self._old_deal(datetime(2024, 5, 1, 9))
        deal.action_set_lost(lost_reason_id=self.price.id)
        won = self._old_deal(datetime(2024, 5, 2, 9))
        won.action_set_won()
        for lead in (deal, won):
            self._forget(lead)
        self.env.cr.execute(
            "UPDATE crm_lead SET date_closed = '2024-06-05 10:00' WHERE id = ANY(%s)", [[deal.id, won.id]]
        )
        self.assertEqual(
            [(kind, day) for kind, _stage, day in self._history(deal)],
            [("create", date(2024, 5, 1)), ("lost", date(2024, 6, 5))],
        )
        self.assertEqual(
            [(kind, day) for kind, _stage, day in self._history(won)],
            [("create", date(2024, 5, 2)), ("won", date(2024, 6, 5))],
        )

    def test_a_deal_lost_without_a_reason_is_not_stated_in_the_ledger_alone(self):
        deal = self._old_deal(datetime(2024, 5, 1, 9))
        deal.action_set_lost()
        self._forget(deal)
        self.env.cr.execute("UPDATE crm_lead SET lost_reason_id = NULL WHERE id = %s", [deal.id])
        self._history(deal)
        self.assertEqual(self._refusals(deal).reason_id, self.not_stated)
        deal.invalidate_recordset()
        self.assertFalse(deal.lost_reason_id)

    def test_taking_over_twice_is_taking_over_once(self):
        deal = self._old_deal(datetime(2024, 5, 1, 9))
        self._forget(deal)
        self.assertEqual(self._history(deal), self._history(deal))
