"""The history of opportunities: every way in which a deal changes leaves its row, once."""

from freezegun import freeze_time
from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .common import NOW, TODAY
from .sale_common import DealCommon


@tagged("discipline_sale")
@freeze_time(NOW)
class TestStageChange(DealCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.special = cls.env["crm.stage"].create(
            {"name": "Team Two only", "sequence": 1, "team_ids": cls.other_team.ids}
        )

    def _rows(self, *leads, skip=1):
        refs = [lead if isinstance(lead, int) else lead.id for lead in leads]
        rows = self.env["discipline.stage.change"].search([("lead_ref", "in", refs)], order="id")
        return rows[skip:]

    def test_creation_leaves_one_row_with_everything_in_it(self):
        person = self.env["res.partner"].create({"name": "Ivan", "parent_id": self.customer.id})
        deal = self._deal(partner_id=person.id, date_deadline="2025-04-01")
        row = self._rows(deal, skip=0)
        self.assertRecordValues(
            row,
            [
                {
                    "kind": "create",
                    "lead_id": deal.id,
                    "stage_from_id": False,
                    "stage_to_id": self.new.id,
                    "status_from": False,
                    "status_to": "open",
                    "team_id": self.team.id,
                    "user_id": self.anna.id,
                    "manager_ref": self.anna.id,
                    "partner_id": self.customer.id,
                    "customer_ref": self.customer.id,
                    "amount": 20000,
                    "probability": deal.probability,
                    "date": NOW,
                    "day": TODAY,
                    "made_by_id": self.env.uid,
                    "company_id": self.company.id,
                    "backfilled": False,
                }
            ],
        )

    def test_a_move_keeps_who_moved_it_and_the_sum_of_that_moment(self):
        deal = self._deal()
        deal.with_user(self.anna).write({"stage_id": self.offer.id, "expected_revenue": 1500})
        self.assertRecordValues(
            self._rows(deal),
            [
                {
                    "kind": "stage",
                    "stage_from_id": self.new.id,
                    "stage_to_id": self.offer.id,
                    "amount_from": 20000,
                    "amount": 1500,
                    "made_by_id": self.anna.id,
                    "status_to": "open",
                }
            ],
        )

    def test_what_changes_nothing_leaves_no_row(self):
        deal = self._deal()
        deal.write({"stage_id": self.new.id, "description": "a note", "priority": "2"})
        self.assertFalse(self._rows(deal))

    def test_a_stage_changed_by_the_team_is_a_row_without_stage_in_the_values(self):
        deal = self._deal(stage_id=self.special.id, team_id=self.other_team.id, user_id=self.dmitri.id)
        deal.write({"team_id": self.team.id, "user_id": self.anna.id})
        row = self._rows(deal)
        self.assertEqual(len(row), 1)
        self.assertEqual((row.kind, row.stage_from_id), ("stage", self.special))
        self.assertEqual((row.team_from_id, row.team_id), (self.other_team, self.team))
        self.assertEqual((row.user_from_id, row.user_id), (self.dmitri, self.anna))

    def test_losing_is_one_row_though_odoo_writes_twice(self):
        deal = self._deal()
        deal.action_set_lost(lost_reason_id=self.price.id)
        row = self._rows(deal)
        self.assertEqual(row.mapped("kind"), ["lost"])
        self.assertEqual((row.status_from, row.status_to, row.probability), ("open", "lost", 0))

    def test_winning_a_lost_deal_is_one_row(self):
        deal = self._deal()
        deal.action_set_lost(lost_reason_id=self.price.id)
        deal.action_set_won()
        row = self._rows(deal, skip=2)
        self.assertEqual(row.mapped("kind"), ["won"])
        self.assertEqual((row.status_from, row.status_to, row.stage_to_id), ("lost", "won", self.done))

    def test_a_drag_into_the_won_stage_is_a_win(self):
        deal = self._deal()
        deal.stage_id = self.done
        self.assertEqual(self._rows(deal).mapped("kind"), ["won"])

    def test_a_deal_created_won_or_lost_has_its_row_won_or_lost(self):
        won = self._deal(stage_id=self.done.id)
        lost = self._deal(active=False, probability=0, lost_reason_id=self.price.id)
        self.assertEqual(self._rows(won, skip=0).mapped("kind"), ["create", "won"])
        self.assertEqual(self._rows(lost, skip=0).mapped("kind"), ["create", "lost"])
        self.assertEqual(self._rows(won, skip=0)[0].status_to, "open")

    def test_reopening_archiving_and_restoring_are_told_apart(self):
        deal = self._deal()
        deal.action_set_lost(lost_reason_id=self.price.id)
        deal.action_restore()
        deal.write({"active": False, "lost_reason_id": self.price.id})
        deal.action_unarchive()
        self.assertEqual(self._rows(deal).mapped("kind"), ["lost", "reopen", "archive", "restore"])

    def test_a_merge_says_into_which_deal_and_the_rows_outlive_it(self):
        head, tail = self._deal(probability=50), self._deal(name="Twin", probability=10)
        tail_id = tail.id
        result = (head | tail).merge_opportunity()
        self.assertEqual(result, head)
        row = self._rows(tail_id)
        self.assertEqual((row.kind, row.merged_into_ref, row.status_to), ("merge", head.id, "removed"))
        self.assertFalse(row.lead_id)
        self.assertEqual(row.name, "Twin")

    def test_a_merge_that_deletes_later_is_still_a_merge(self):
        head, tail = self._deal(probability=50), self._deal(probability=10)
        tail_id = tail.id
        (head | tail).merge_opportunity(auto_unlink=False)
        self.assertFalse(self._rows(tail_id))
        tail.unlink()
        self.assertEqual(self._rows(tail_id).mapped("kind"), ["merge"])

    def test_deletion_leaves_the_history_and_the_last_state(self):
        deal = self._deal(stage_id=self.offer.id)
        deal_id = deal.id
        deal.unlink()
        rows = self._rows(deal_id, skip=0)
        self.assertEqual(rows.mapped("kind"), ["create", "delete"])
        self.assertEqual(rows.mapped("lead_id").ids, [])
        self.assertEqual(
            (rows[1].stage_to_id, rows[1].amount, rows[1].customer_ref), (self.offer, 20000, self.customer.id)
        )

    def test_a_conversion_of_a_lead_is_its_entry_into_the_funnel(self):
        lead = self._deal(type="lead")
        lead.convert_opportunity(self.customer, user_ids=self.boris.ids, team_id=self.team.id)
        row = self._rows(lead)
        self.assertEqual(row.mapped("kind"), ["convert"])
        self.assertEqual((row.type, row.user_from_id, row.user_id), ("opportunity", self.anna, self.boris))

    def test_a_deleted_team_and_user_leave_their_deals_a_row(self):
        team = self.env["crm.team"].create({"name": "Short-lived"})
        user = self._user("short", "sales_team.group_sale_salesman")
        deal = self._deal(user_id=False, team_id=team.id)
        team.unlink()
        self.assertEqual(self._rows(deal).mapped("kind"), ["team"])
        deal.user_id = user
        user.unlink()
        rows = self._rows(deal, skip=2)
        # a manager without that team brings his deal into his own: one row says both
        self.assertEqual(rows.mapped("kind"), ["team", "user"])
        self.assertFalse(rows[1].user_id)
        self.assertEqual(rows[1].manager_from_ref, rows[0].manager_ref)

    def test_a_stage_that_becomes_won_wins_its_deals_and_back(self):
        deal = self._deal(stage_id=self.offer.id)
        self.offer.is_won = True
        self.offer.is_won = False
        self.assertEqual(self._rows(deal).mapped("kind"), ["won", "reopen"])

    def test_a_refused_operation_leaves_neither_rows_nor_a_watch(self):
        deal = self._deal(stage_id=self.done.id)
        with self.assertRaises(ValidationError):
            deal.action_set_lost(lost_reason_id=self.price.id)
        self.env.invalidate_all()
        self.assertEqual(self._rows(deal, skip=2), self.env["discipline.stage.change"])
        deal.stage_id = self.offer
        self.assertEqual(self._rows(deal, skip=2).mapped("kind"), ["reopen"])

    def test_a_batch_is_logged_at_the_price_of_one(self):
        def cost(count):
            leads = self._deals(count)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            leads.write({"stage_id": self.offer.id})
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        cost(2)
        few, many = cost(5), cost(50)
        self.assertLessEqual(many - few, 2)

    def _deals(self, count):
        return self.env["crm.lead"].concat(*(self._deal(name=f"Deal {number}") for number in range(count)))
