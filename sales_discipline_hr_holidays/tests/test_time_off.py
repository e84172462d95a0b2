"""Approved time off excuses a manager's customers, and only approved time off of whole days."""

from datetime import date

from freezegun import freeze_time
from odoo.addons.sales_discipline.tests.common import NOW
from odoo.addons.sales_discipline.tests.verdict_common import CLOSING, VerdictCommon
from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..hooks import post_init_hook


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestTimeOff(VerdictCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer = cls._customer("Company", cls.anna, cls.class_a)
        cls.employee = cls.env["hr.employee"].create({"name": "Anna", "user_id": cls.anna.id, "tz": "UTC"})
        cls.holidays = cls.env["hr.leave.type"].create(
            {"name": "Holidays", "requires_allocation": False, "leave_validation_type": "hr", "time_type": "leave"}
        )

    @classmethod
    def _leave(cls, low, high, **values):
        return (
            cls.env["hr.leave"]
            .with_context(mail_create_nosubscribe=True, leave_skip_state_check=True)
            .create(
                {
                    "name": "away",
                    "employee_id": cls.employee.id,
                    "holiday_status_id": cls.holidays.id,
                    "request_date_from": low,
                    "request_date_to": high,
                    **values,
                }
            )
        )

    def _absences(self):
        return self.env["discipline.absence"].search([("user_id", "=", self.anna.id)])

    def test_time_off_excuses_once_it_is_approved(self):
        leave = self._leave(date(2025, 3, 10), date(2025, 3, 14))
        self.assertFalse(self._absences())
        self.assertEqual(self._figures(self.customer), {self.anna: (4, 0, 0)})
        leave.action_approve()
        absence = self._absences()
        self.assertTrue(absence.approved)
        self.assertEqual((absence.date_from, absence.date_to), (date(2025, 3, 10), date(2025, 3, 14)))
        self.assertEqual(self._figures(self.customer), {self.anna: (3, 0, 1)})
        # at once, on the card
        self.assertEqual(self.customer.discipline_id.goal, 3)

    def test_refused_time_off_excuses_no_longer(self):
        leave = self._leave(date(2025, 3, 10), date(2025, 3, 14))
        leave.action_approve()
        leave.action_refuse()
        self.assertFalse(self._absences())
        self.assertEqual(self._figures(self.customer), {self.anna: (4, 0, 0)})

    def test_half_a_day_and_hours_excuse_nothing(self):
        self.holidays.request_unit = "hour"
        leave = self._leave(
            date(2025, 3, 12), date(2025, 3, 12), request_unit_hours=True, request_hour_from=9, request_hour_to=12
        )
        leave.action_approve()
        self.assertFalse(self._absences())

    def test_what_came_from_time_off_is_changed_there_and_a_substitute_is_named_here(self):
        self._leave(date(2025, 3, 10), date(2025, 3, 14)).action_approve()
        absence = self._absences().with_user(self.supervisor)
        with self.assertRaises(AccessError):
            absence.date_to = date(2025, 3, 31)
        with self.assertRaises(AccessError):
            absence.unlink()
        absence.substitute_id = self.boris
        self.assertEqual(self._absences().substitute_id, self.boris)

    def test_time_off_approved_before_the_installation_is_taken_over_once(self):
        leave = self._leave(date(2025, 3, 10), date(2025, 3, 14))
        leave.action_approve()
        self._absences().sudo().unlink()
        for _again in range(2):
            post_init_hook(self.env)
            self.assertEqual(self._absences().leave_id, leave)

    def test_time_off_entered_after_closing_changes_no_final_verdict(self):
        period = self._period()
        self.Compliance._evaluate(period, self.customer.ids)
        with freeze_time(CLOSING):
            period._close()
            before = self._rows(period)
            self._leave(date(2025, 3, 10), date(2025, 3, 14)).action_approve()
            self.assertEqual(self._rows(period), before)
