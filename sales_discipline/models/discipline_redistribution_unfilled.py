"""Cards that stay incomplete: their customers are offered to managers with few customers, to get acquainted."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain

from ..engine import policy
from .discipline_redistribution import OPEN_STATES


class DisciplineRedistribution(models.Model):
    _inherit = "discipline.redistribution"

    @api.model
    def _unfilled(self, company):
        """Return the customers whose cards stayed incomplete for too many working days of their present manager.

        Time before the cards' start date, of the company or of the manager's team, is not held against anybody;
        newcomers lose nothing.
        """
        limit = company.discipline_fill_days
        Calendar = self.env["discipline.calendar"]
        today = Calendar._today(company)
        days = Calendar._working_days(company, today - timedelta(days=14 + 3 * limit), today - timedelta(days=1))
        if not limit or len(days) < limit or not company.discipline_fill_from:
            return self.env["res.partner"]
        latest = days[-limit]
        Customer = self.env["discipline.customer"]
        domain = (
            Domain("company_id", "=", company.id)
            & Domain("in_base", "=", True)
            & Domain("user_id", "!=", False)
            & Domain("profile_complete", "=", False)
            & Domain("profile_missing_since", "<=", latest)
            & (Domain("responsible_since", "<=", latest) | Domain("responsible_since", "=", False))
        )
        months = self.env["discipline.policy"]._policy_on(company, today).newcomer_months
        spared = [
            user.id
            for (user,) in Customer._read_group(domain, ["user_id"])
            if user._discipline_fill_start(company) > latest
            or policy.is_newcomer(user.discipline_newcomer_since or None, today, months)
        ]
        return Customer._partners_of(domain & Domain("user_id", "not in", spared))

    @api.model
    def _propose_unfilled(self, company):
        """Propose managers with few customers for cards that nobody fills in; a single open batch at a time.

        Whom a supervisor left with his manager is left alone for the policy's cooldown. Where nobody can receive,
        there is no batch.
        """
        if self.search_count(
            [("company_id", "=", company.id), ("cause", "=", "unfilled"), ("state", "in", OPEN_STATES)], limit=1
        ):
            return self.browse()
        customers = self._unfilled(company)
        if not customers:
            return self.browse()
        today = self.env["discipline.calendar"]._today(company)
        rules = self.env["discipline.policy"]._policy_on(company, today)
        kept = self.env["discipline.redistribution.line"].search(
            [
                ("redistribution_id.cause", "=", "unfilled"),
                ("company_id", "=", company.id),
                ("state", "=", "waived"),
                ("write_date", ">=", fields.Datetime.now() - timedelta(days=rules.cooldown_days)),
            ]
        )
        return self._propose(company, "unfilled", customers - kept.partner_id, only_if_placed=True)


class DisciplineRedistributionLine(models.Model):
    _inherit = "discipline.redistribution.line"

    def _is_unfilled(self):
        return self.redistribution_id[:1].cause == "unfilled"

    def _acquaint_days(self):
        return self.company_id[:1].discipline_fill_due if self._is_unfilled() else super()._acquaint_days()

    def _acquaint_summary(self, activity_type):
        if self._is_unfilled():
            return self.env._("Get acquainted and fill in the card")
        return super()._acquaint_summary(activity_type)

    def _stories(self, family):
        """The story begins with what is missing on the card."""
        stories = super()._stories(family)
        for line in self:
            missing = line.partner_id.discipline_id.profile_missing_ids
            if missing:
                part = self._paragraph(self.env._("To fill on the card"), missing.mapped("name"))
                stories[line.customer_ref] = part + stories.get(line.customer_ref, "")
        return stories
