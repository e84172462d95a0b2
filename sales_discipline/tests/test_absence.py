"""Who may enter, approve and change an absence."""

from datetime import date

from freezegun import freeze_time
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from .common import NOW
from .verdict_common import VerdictCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestAbsence(VerdictCommon):
    def _own(self, **values):
        return (
            self.env["discipline.absence"]
            .with_user(self.anna)
            .create({"user_id": self.anna.id, "date_from": date(2025, 3, 10), "date_to": date(2025, 3, 14), **values})
        )

    def test_an_absence_that_a_manager_enters_himself_waits_for_a_yes(self):
        absence = self._own(approved=True)
        self.assertFalse(absence.approved)
        with self.assertRaises(AccessError):
            absence.action_approve()
        with self.assertRaises(AccessError):
            absence.write({"approved": True})
        absence.with_user(self.supervisor).action_approve()
        self.assertEqual((absence.approved, absence.approved_by_id), (True, self.supervisor))

    def test_what_a_team_leader_enters_for_his_member_is_approved_by_that_and_his_own_is_not(self):
        customer = self._customer("Company", self.anna, self.class_a)
        self.Compliance._evaluate_customers(customer.ids)
        Absence = self.env["discipline.absence"].with_user(self.supervisor)
        days = {"date_from": date(2025, 3, 10), "date_to": date(2025, 3, 14)}
        absence = Absence.create({"user_id": self.anna.id, **days})
        self.assertEqual((absence.approved, absence.approved_by_id), (True, self.supervisor))
        self.assertEqual(customer.discipline_id.goal, 3)
        own = Absence.create({"user_id": self.supervisor.id, **days})
        foreign = Absence.create({"user_id": self.dmitri.id, **days})
        self.assertEqual((own | foreign).mapped("approved"), [False, False])
        self.assertFalse((own | foreign).approved_by_id)

    def test_a_supervisor_of_another_team_does_not_approve(self):
        absence = self._own()
        other = self._user("other", "sales_team.group_sale_salesman_all_leads")
        with self.assertRaises(AccessError):
            absence.with_user(other).action_approve()

    def test_an_approved_absence_changes_the_running_verdict_at_once(self):
        customer = self._customer("Company", self.anna, self.class_a)
        self.Compliance._evaluate_customers(customer.ids)
        absence = self._own()
        self.assertEqual(customer.discipline_id.goal, 4)
        absence.with_user(self.supervisor).action_approve()
        self.assertEqual(customer.discipline_id.goal, 3)
        absence.with_user(self.supervisor).unlink()
        self.assertEqual(customer.discipline_id.goal, 4)

    def test_an_approved_absence_is_not_stretched_by_its_owner(self):
        absence = self._own()
        absence.with_user(self.supervisor).action_approve()
        with self._refused(AccessError, "only a supervisor changes it now"):
            absence.with_user(self.anna).write({"date_to": date(2025, 3, 31)})
        with self._refused(AccessError, "only a supervisor removes it"):
            absence.with_user(self.anna).unlink()

    def test_nobody_enters_an_absence_for_a_colleague(self):
        with self.assertRaises(AccessError):
            self.env["discipline.absence"].with_user(self.boris).create(
                {"user_id": self.anna.id, "date_from": date(2025, 3, 10), "date_to": date(2025, 3, 14)}
            )

    def test_an_absence_cannot_end_before_it_begins(self):
        with self._refused(ValidationError, "The absence of Anna ends before it begins"):
            self._own(date_to=date(2025, 3, 1))

    def test_nobody_substitutes_himself(self):
        with self._refused(ValidationError, "Anna cannot substitute himself"):
            self._own(substitute_id=self.anna.id)
