"""Approved time off of whole days is an absence of the manager; when it is changed or refused, the absence follows."""

from odoo import api, models
from odoo.fields import Domain


class HrLeave(models.Model):
    _inherit = "hr.leave"

    @api.model_create_multi
    def create(self, vals_list):
        leaves = super().create(vals_list)
        leaves._discipline_follow()
        return leaves

    def write(self, vals):
        result = super().write(vals)
        if self._discipline_fields() & vals.keys():
            self._discipline_follow()
        return result

    def unlink(self):
        absences = self.env["discipline.absence"].sudo().search([("leave_id", "in", self.ids)])
        result = super().unlink()
        absences.unlink()
        return result

    @api.model
    def _discipline_fields(self):
        """Return the fields on which an absence depends (a hook)."""
        return {
            "state", "employee_id", "request_date_from", "request_date_to", "date_from", "date_to", "holiday_status_id",
            "request_unit_half", "request_unit_hours",
        }  # fmt: skip

    @api.model
    def _discipline_search(self, company):
        """Return the approved time off of a company from its first judged day on."""
        domain = Domain("state", "=", "validate") & Domain("employee_id.company_id", "=", company.id)
        if company.discipline_date_start:
            domain &= Domain("request_date_to", ">=", company.discipline_date_start)
        return self.search(domain)

    def _discipline_is_absence(self):
        """Tell whether this time off excuses: approved, of whole days, of somebody with an account (a hook)."""
        self.ensure_one()
        whole = not self.request_unit_hours and (
            not self.request_unit_half or self.request_date_from != self.request_date_to
        )
        return (
            self.state == "validate"
            and self.holiday_status_id.time_type == "leave"
            and whole
            and bool(self.employee_id.user_id)
            and bool(self.request_date_from and self.request_date_to)
        )

    def _discipline_follow(self):
        """Bring the absences in line with this time off; running verdicts follow, closed ones never change."""
        leaves = self.sudo()
        Absence = self.env["discipline.absence"].sudo()
        known = {row.leave_id.id: row for row in Absence.search([("leave_id", "in", leaves.ids)])}
        gone, fresh = Absence, []
        for leave in leaves:
            absence = known.get(leave.id, Absence)
            if not leave._discipline_is_absence():
                gone |= absence
                continue
            vals = leave._discipline_absence_vals()
            if not absence:
                fresh.append(vals)
            elif any(absence._fields[name].convert_to_write(absence[name], absence) != vals[name] for name in vals):
                absence.write(vals)
        gone.unlink()
        Absence.create(fresh)

    def _discipline_absence_vals(self):
        """Return the values of the absence that this time off stands for (a hook)."""
        self.ensure_one()
        return {
            "leave_id": self.id,
            "user_id": self.employee_id.user_id.id,
            "date_from": self.request_date_from,
            "date_to": self.request_date_to,
            "reason": self.holiday_status_id.name,
            "company_id": self.employee_id.company_id.id or self.env.company.id,
            "approved": True,
        }
