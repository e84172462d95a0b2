"""Proposals for very many customers are made in the background, with their progress, and can be stopped."""

from odoo import api, fields, models

#: customers that are proposed while the supervisor waits (a few seconds)
PROPOSED_AT_ONCE = 5_000


class DisciplineRedistribution(models.Model):
    _inherit = "discipline.redistribution"

    proposal_job_ref = fields.Integer(
        "Proposed by Work No.", readonly=True, help="The long work that made this proposal, so that it makes it once."
    )

    @api.model
    def _stage(self, percent):
        """Show how far a proposal in the background is; one that was stopped goes no further."""
        job = self.env.context.get("discipline_job_id")
        if job:
            self.env["discipline.job"].sudo().browse(job)._show_apart(percent)

    @api.model
    def _propose_later(self, company, cause, **params):
        """Let the scheduled action make a proposal.

        :param params: what ``_propose_again`` needs besides the cause
        :return: discipline.job
        """
        label = dict(self._fields["cause"]._description_selection(self.env))[cause]
        name = self.env._("Proposing: %(cause)s, %(company)s", cause=label, company=company.name)
        return self.env["discipline.job"]._begin(
            "propose", name, company_id=company.id, params={"cause": cause, **params}
        )

    @api.model
    def _propose_again(self, company, params):
        """Make the proposal that ``params`` name; one that this work made already is returned.

        :param dict params: ``cause`` and, by cause, ``period``, or ``customers``, ``reason`` and ``receiver``
        :return: discipline.redistribution, empty where there is nothing to propose
        """
        made = self.search([("proposal_job_ref", "=", self.env.context["discipline_job_id"])], limit=1)
        if made:
            return made
        cause = params["cause"]
        if cause == "missed":
            return self._propose_missed(self.env["discipline.period"].browse(params["period"]))
        if cause == "orphan":
            return self._propose_orphans(company)
        if cause == "unfilled":
            return self._propose_unfilled(company)
        customers = self.env["res.partner"].browse(params["customers"]).exists()
        receiver = self.env["res.users"].browse(params.get("receiver") or ())
        return self._propose(company, cause, customers, reason=params.get("reason"), receiver=receiver)

    @api.model
    def _is_later(self, model, domain):
        """Tell whether the night leaves a proposal to the background: very many records are looked at."""
        context = self.env.context
        return (
            context.get("cron_id")
            and not context.get("discipline_job_id")
            and self.env[model].sudo().search_count(domain, limit=PROPOSED_AT_ONCE + 1) > PROPOSED_AT_ONCE
        )

    @api.model
    def _propose_missed(self, period):
        if self._is_later("discipline.compliance", [("period_id", "=", period.id), ("state", "=", "missed")]):
            self._propose_later(period.company_id, "missed", period=period.id)
            return self.browse()
        return super()._propose_missed(period)

    @api.model
    def _propose_orphans(self, company):
        base = [("company_id", "=", company.id), ("in_base", "=", True)]
        if self._is_later("discipline.customer", [*base, ("user_id", "=", False)]):
            self._propose_later(company, "orphan")
            return self.browse()
        return super()._propose_orphans(company)

    @api.model
    def _propose_unfilled(self, company):
        base = [("company_id", "=", company.id), ("in_base", "=", True)]
        if company.discipline_fill_from and self._is_later(
            "discipline.customer", [*base, ("profile_complete", "=", False)]
        ):
            self._propose_later(company, "unfilled")
            return self.browse()
        return super()._propose_unfilled(company)
