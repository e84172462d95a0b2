from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError


class DisciplineAbsence(models.Model):
    """Days on which a manager is away, so that nothing is due from him and his substitute's contacts count."""

    _name = "discipline.absence"
    _description = "Absence of a Manager"
    _order = "date_from desc, id desc"
    _rec_name = "user_id"

    user_id = fields.Many2one(
        "res.users", "Manager", required=True, index=True, default=lambda self: self.env.user, ondelete="cascade"
    )
    date_from = fields.Date("From", required=True)
    date_to = fields.Date("To", required=True, help="The last day of the absence.")
    reason = fields.Char()
    substitute_id = fields.Many2one("res.users", ondelete="set null")
    approved = fields.Boolean(readonly=True, copy=False, help="Only an approved absence excuses.")
    approved_by_id = fields.Many2one("res.users", "Approved by", readonly=True, copy=False, ondelete="set null")
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)

    @api.constrains("date_from", "date_to", "user_id", "substitute_id")
    def _check_dates(self):
        for absence in self:
            if absence.date_to < absence.date_from:
                raise ValidationError(
                    self.env._("The absence of %(who)s ends before it begins.", who=absence.user_id.name)
                )
            if absence.substitute_id == absence.user_id:
                raise ValidationError(
                    self.env._("%(who)s cannot substitute himself: choose somebody else.", who=absence.user_id.name)
                )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if not self.env.su:
                vals.pop("approved", None)
                vals.pop("approved_by_id", None)
        absences = super().create(vals_list)
        # entered by whoever may decide about this manager, an absence needs no second yes
        for absence in absences.filtered(lambda row: not row.approved):
            if absence.user_id != self.env.user and self.env.user._discipline_decides_for(absence.user_id):
                absence.sudo().write({"approved": True, "approved_by_id": self.env.uid})
        absences._discipline_reevaluate()
        return absences

    def write(self, vals):
        if {"approved", "approved_by_id"} & vals.keys() and not self.env.su:
            raise AccessError(self.env._("An absence is approved with the button “Approve”, by a supervisor."))
        material = {"user_id", "date_from", "date_to", "substitute_id"} & vals.keys()
        if material and not self.env.su and any(row.approved for row in self):
            for absence in self:
                if not self.env.user._discipline_decides_for(absence.user_id) or absence.user_id == self.env.user:
                    raise AccessError(
                        self.env._(
                            "The absence of %(who)s is approved: only a supervisor changes it now.",
                            who=absence.user_id.name,
                        )
                    )
        users = self.user_id
        result = super().write(vals)
        if material or "approved" in vals:
            self._discipline_reevaluate(users)
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_only_open(self):
        for absence in self.filtered("approved"):
            if not self.env.user._discipline_decides_for(absence.user_id) and not self.env.su:
                raise AccessError(
                    self.env._(
                        "The absence of %(who)s is approved: only a supervisor removes it.", who=absence.user_id.name
                    )
                )

    def unlink(self):
        users = self.user_id
        result = super().unlink()
        self.browse()._discipline_reevaluate(users)
        return result

    def action_approve(self):
        """Approve these absences: a supervisor's word, never one's own.

        :raise AccessError: for one's own absence, or that of somebody one does not decide for
        """
        for absence in self:
            if absence.user_id == self.env.user or not self.env.user._discipline_decides_for(absence.user_id):
                raise AccessError(
                    self.env._("The absence of %(who)s is approved by his supervisor.", who=absence.user_id.name)
                )
        self.sudo().write({"approved": True, "approved_by_id": self.env.uid})

    def _discipline_reevaluate(self, users=None):
        """Derive the running verdicts of these managers' customers anew."""
        users = (users or self.env["res.users"]) | self.user_id
        if users:
            self.env["discipline.compliance"].sudo()._evaluate_managers(users.ids)
