"""A policy seen before it is in force: what each option means, and what differs from the version in force."""

from markupsafe import Markup
from odoo import api, fields, models

#: the options in the order in which the form asks for them
OPTIONS = (
    "min_gap", "backdating", "closing_days", "unreachable_attempts", "missed_share", "missed_needed", "missed_of",
    "line_ids", "late_stage_probability", "cap_per_manager", "cooldown_days", "newcomer_months", "appeal_days",
    "receiver_attainment", "intake_cap", "move_leads", "request_approval", "approval",
)  # fmt: skip


class DisciplinePolicy(models.Model):
    _inherit = "discipline.policy"

    standing = fields.Selection(
        [("past", "Past"), ("now", "Now in Force"), ("next", "Not Yet in Force")],
        compute="_compute_standing",
        help="Whether periods that begin today follow this version.",
    )
    is_judged = fields.Boolean(
        "Closed Periods Rest on It", compute="_compute_is_judged", help="Then it is not changed any more."
    )
    in_options = fields.Html("Options", compute="_compute_in_options", sanitize=False)
    compared = fields.Html("What Changes", compute="_compute_compared", sanitize=False)

    @api.depends("company_id", "valid_from")
    def _compute_standing(self):
        for policy in self:
            now = policy._in_force()
            if not now or policy._origin == now:
                policy.standing = "now"
            else:
                policy.standing = "next" if (policy.valid_from or now.valid_from) > now.valid_from else "past"

    def _in_force(self):
        """Return the version that governs the company today."""
        self.ensure_one()
        return self._policy_on(self.company_id, self.env["discipline.calendar"]._today(self.company_id))

    def _compute_is_judged(self):
        used = self._origin._is_used()
        for policy in self:
            policy.is_judged = policy._origin in used

    def _option_value(self, name):
        """Return one option's value as people read it, to show and to compare."""
        self.ensure_one()
        field, value = self._fields[name], self[name]
        if name == "line_ids":
            rows = value.sorted(lambda row: (row.abc_class_id.sequence, row.abc_class_id.id or 0))
            return ", ".join(
                self.env._(
                    "%(name)s: %(needed)s of %(of)s",
                    name=row.abc_class_id.name or "",
                    needed=row.missed_needed,
                    of=row.missed_of,
                )
                for row in rows
            ) or self.env._("none")
        if field.type == "selection":
            return dict(field._description_selection(self.env)).get(value, "")
        if field.type == "boolean":
            return self.env._("yes") if value else self.env._("no")
        return str(value)

    @api.depends(*OPTIONS, "line_ids.abc_class_id", "line_ids.missed_needed", "line_ids.missed_of")
    @api.depends_context("lang")
    def _compute_in_options(self):
        described = self.fields_get(OPTIONS, ["string", "help"])
        for policy in self:
            policy.in_options = Markup("").join(
                Markup("<p class='mb-2'>%s: <b>%s</b><br/><span class='text-muted'>%s</span></p>")
                % (described[name]["string"], policy._option_value(name), described[name].get("help") or "")
                for name in OPTIONS
            )

    @api.depends(*OPTIONS, "line_ids.abc_class_id", "line_ids.missed_needed", "line_ids.missed_of", "valid_from",
                 "company_id")  # fmt: skip
    @api.depends_context("lang")
    def _compute_compared(self):
        described = self.fields_get(OPTIONS, ["string"])
        for policy in self:
            now = policy._in_force()
            if not now or policy._origin == now:
                # what is changed in the version in force is compared with what was saved
                now = policy._origin
            changes = [
                Markup("<li>%s: <s class='text-muted'>%s</s> → <b>%s</b></li>")
                % (described[name]["string"], before, after)
                for name in OPTIONS
                if now and (before := now._option_value(name)) != (after := policy._option_value(name))
            ]
            policy.compared = Markup("<ul>%s</ul>") % Markup("").join(changes) if changes else False

    def action_next_version(self):
        """Open the next version: the same rules from the first month that no version begins with, to be changed."""
        self.ensure_one()
        return {**self._form_action(), "res_id": self.copy().id}

    def action_open(self):
        """Open this version."""
        self.ensure_one()
        return {**self._form_action(), "res_id": self.id}

    @api.model
    def _form_action(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Policy"),
            "res_model": self._name,
            "views": [(self.env.ref("sales_discipline.discipline_policy_view_form").id, "form")],
        }
