from odoo import fields, models
from odoo.exceptions import AccessError


class DisciplineAbsence(models.Model):
    _inherit = "discipline.absence"

    leave_id = fields.Many2one(
        "hr.leave",
        "Time Off",
        readonly=True,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
        help="The approved time off from which this absence was taken; it is changed there.",
    )

    _leave_uniq = models.UniqueIndex("(leave_id) WHERE leave_id IS NOT NULL", "This time off is an absence already.")

    def write(self, vals):
        self._check_taken({"user_id", "date_from", "date_to"} & vals.keys())
        return super().write(vals)

    def unlink(self):
        self._check_taken(True)
        return super().unlink()

    def _check_taken(self, material):
        """Refuse to change here what is changed in Time Off; a substitute may be named here.

        :raise AccessError: naming whose absence it is
        """
        taken = self.filtered("leave_id")
        if material and taken and not self.env.su:
            raise AccessError(
                self.env._(
                    "The absence of %(who)s comes from Time Off: change or refuse the time off there.",
                    who=taken[0].user_id.name,
                )
            )
