"""Causes without blame, and what exceptions mean for the load."""

from datetime import date, timedelta

from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from .common import NOW, TODAY
from .redistribution_common import RedistributionCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestRedistributionCauses(RedistributionCommon):
    def _two_closed(self, **values):
        """Close January and February; the verdicts of Anna's customers get ``values`` in both."""
        periods = self._close(date(2025, 1, 10)) | self._close()
        verdicts = self.env["discipline.compliance"].search(
            [("period_id", "in", periods.ids), ("customer_ref", "in", self.neglected[:2].ids)]
        )
        verdicts.write(values)
        return periods.sorted("date_start")[-1]

    def test_who_could_not_be_reached_twice_moves_without_blame(self):
        period = self._two_closed(state="unreachable", unreachable_from=date(2025, 1, 20))
        batch = self.Batch._propose_unreachable(period)
        self.assertEqual(batch.line_ids.partner_id, self.neglected[:2])
        self.assertFalse(batch.appeal_until)
        self.assertEqual(batch.line_ids.user_to_id, self.boris | self.clara)
        self.assertIn("could not reach this customer in two periods", batch.line_ids[0].explanation)
        self._moved(batch)
        summaries = self.env["mail.activity"].search([("res_id", "in", self.neglected[:2].ids)]).mapped("summary")
        self.assertEqual(set(summaries), {"Find another contact person"})

    def test_once_unreachable_moves_nobody(self):
        period = self._close()
        self.env["discipline.compliance"].search([("customer_ref", "in", self.neglected.ids)]).write(
            {"state": "unreachable", "unreachable_from": date(2025, 2, 20)}
        )
        self.assertFalse(self.Batch._propose_unreachable(period))

    def test_the_surplus_of_an_overloaded_manager_is_offered_the_lowest_class_first(self):
        small = self._customer("Small", self.anna, self.class_c)
        period = self._two_closed(overload=2)
        self.assertEqual(self.env["discipline.compliance"]._overloaded(self.company), {self.anna.id: 4})
        batch = self.Batch._propose_overload(period)
        # class C asks for 1, one of class A for 4: that is the surplus of 4 contacts
        self.assertIn(small, batch.line_ids.partner_id)
        self.assertEqual(len(batch.line_ids), 2)
        self.assertIn("more customers than he can manage", batch.line_ids[0].explanation)

    def test_the_overloaded_manager_names_another_customer_himself(self):
        batch = self.Batch._propose_overload(self._two_closed(overload=2))
        line = batch.line_ids[0]
        other = (self.neglected - batch.line_ids.partner_id)[0]
        self.assertTrue(line.with_user(self.anna).can_swap)
        with self.assertRaises(AccessError):
            line.with_user(self.boris)._swap(other.discipline_id)
        with self.assertRaises(UserError):
            line.with_user(self.anna)._swap(self.kept[0].discipline_id)
        former = line.partner_id
        self.env["discipline.redistribution.swap"].with_user(self.anna).create(
            {"line_id": line.id, "customer_id": other.discipline_id.id}
        ).action_swap()
        self.assertEqual(line.partner_id, other)
        # the managers with the most room are those of the other team, too
        self._moved(batch, self.administrator)
        self.assertNotEqual(other.user_id, self.anna)
        self.assertEqual(former.user_id, self.anna)

    def test_a_protected_customer_is_no_surplus(self):
        period = self._two_closed(overload=2)
        for customer in self.neglected[1:]:
            self._agreed(customer, "keep", TODAY, TODAY + timedelta(days=30))
        batch = self.Batch._propose_overload(period)
        self.assertEqual(batch.line_ids.partner_id, self.neglected[:1])

    def test_the_night_looks_at_each_closed_period_once(self):
        self._two_closed(state="unreachable", unreachable_from=date(2025, 1, 20))
        self.Batch._nightly(self.company)
        causes = self.Batch.search([]).mapped("cause")
        self.assertEqual(sorted(causes), ["missed", "orphan", "unreachable"])
        self.Batch._nightly(self.company)
        self.assertEqual(len(self.Batch.search([])), 3)

    # ------------------------------------------------------------------
    # "I take more customers"
    # ------------------------------------------------------------------

    def test_a_manager_says_himself_in_his_preferences_that_he_takes_more(self):
        view = "base.view_users_form_simple_modif"
        period = self._close(met=self.boris | self.clara)
        for takes_more, receivers in ((False, self.clara), (True, self.boris | self.clara)):
            with Form(self.boris.with_user(self.boris), view=view) as preferences:
                preferences.discipline_takes_more = takes_more
            self.assertEqual(self.boris.discipline_takes_more, takes_more)
            with self.env.cr.savepoint() as savepoint:
                self.assertEqual(self.Batch._propose_missed(period).line_ids.user_to_id, receivers)
                savepoint.rollback()
            self.env.invalidate_all()

    def test_he_says_nothing_for_others_nor_how_much_he_can_do(self):
        with self.assertRaises(AccessError):
            self.boris.with_user(self.boris).discipline_capacity_per_day = 99
        with self.assertRaises(AccessError):
            self.clara.with_user(self.boris).discipline_takes_more = False

    # ------------------------------------------------------------------
    # Exceptions
    # ------------------------------------------------------------------

    def _agreed(self, customer, kind, low, high, **values):
        row = self.env["discipline.exception"].create(
            {
                "partner_id": customer.id,
                "kind": kind,
                "date_from": low,
                "date_until": high,
                "reason": "agreed",
                **values,
            }
        )
        row.sudo().write({"state": "approved"})
        return row

    def _load(self, customer):
        return self.Batch._customer_facts(self.company, customer.ids)[customer.id]["load"]

    def test_a_pause_and_an_own_norm_change_the_load(self):
        customer = self.neglected[0]
        self.assertEqual(self._load(customer), 4)
        self._agreed(customer, "own_norm", TODAY, TODAY + timedelta(days=30), goal=7)
        self.assertEqual(self._load(customer), 7)
        self._agreed(customer, "pause", TODAY, TODAY + timedelta(days=30))
        self.assertEqual(self._load(customer), 0)

    def test_a_season_changes_the_load_in_every_year_and_in_its_season_only(self):
        customer = self.neglected[0]
        self._agreed(customer, "pause", TODAY, TODAY + timedelta(days=10), recurs=True)
        self.assertEqual(self._load(customer), 0)
        with freeze_time("2025-06-10 09:00:00"):
            self.assertEqual(self._load(customer), 4)
        with freeze_time("2026-03-12 09:00:00"):
            self.assertEqual(self._load(customer), 0)
            self.assertEqual(self.Batch._manager_figures(self.company, date(2026, 3, 12))[self.anna.id]["load"], 12)

    def test_a_seasonal_protection_holds_in_every_year(self):
        customer = self.neglected[0]
        self._agreed(customer, "keep", TODAY, TODAY + timedelta(days=10), recurs=True)
        rules = self.env["discipline.policy"]._policy_on(self.company, TODAY)
        self.assertEqual(
            self.Batch._spared(self.company, rules, date(2026, 3, 12), customer.ids), {customer.id: "protected"}
        )
        self.assertFalse(self.Batch._spared(self.company, rules, date(2026, 6, 12), customer.ids))

    # ------------------------------------------------------------------
    # Who decides
    # ------------------------------------------------------------------

    def test_a_supervisor_sees_how_many_of_a_batch_are_his_to_decide(self):
        foreign = self._customer("Of the other team", self.dmitri, self.class_a)
        batch = self.Batch._propose(
            self.company, "selection", self.neglected | foreign, reason="x", receiver=self.boris
        )
        self.assertEqual(batch.with_user(self.supervisor).mine_count, 4)
        self.assertEqual(batch.undecided_count, 5)
        self.assertEqual(batch.with_user(self.administrator).mine_count, 5)
        self.assertEqual(batch.with_user(self.boris).mine_count, 0)
        batch.with_user(self.supervisor).action_approve()
        counts = ["approvable_count", "applicable_count"]
        self.assertEqual(
            batch.with_user(self.supervisor).read(counts, load=None)[0],
            {"id": batch.id, **dict(zip(counts, (0, 4), strict=True))},
        )
        self.assertEqual(
            batch.with_user(self.administrator).read(counts, load=None)[0],
            {"id": batch.id, **dict(zip(counts, (1, 4), strict=True))},
        )
