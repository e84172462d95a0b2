"""Who is in the base, who answers for whom, and that the history cannot be rewritten."""

from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import NOW, DisciplineCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestCustomerBase(DisciplineCommon):
    def test_a_company_comes_into_the_base_and_its_employee_does_not(self):
        company = self._customer("Company", self.anna)
        employee = self.env["res.partner"].create({"name": "Employee", "parent_id": company.id})
        self.assertTrue(company.discipline_in_base)
        self.assertFalse(employee.discipline_id)

    def test_a_colleague_cannot_grab_a_customer(self):
        customer = self._customer("Company", self.anna)
        with self.assertRaises(AccessError):
            customer.with_user(self.boris).write({"user_id": self.boris.id})
        self.assertEqual(customer.user_id, self.anna)

    def test_the_history_cannot_be_edited_by_anyone(self):
        customer = self._customer("Company", self.anna)
        rows = customer.discipline_assignment_ids
        self.assertEqual(rows.user_id, self.anna)
        for user in (self.env.user, self.administrator):
            with self.assertRaises(UserError):
                rows.with_user(user).write({"reason": "mine"})
            with self.assertRaises(UserError):
                rows.with_user(user).unlink()
