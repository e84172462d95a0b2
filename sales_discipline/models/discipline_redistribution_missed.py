"""Missed norms: who is withdrawn from whom, after protection, cooldown and cap."""

from collections import defaultdict
from datetime import timedelta

from odoo import api, models

from ..engine import policy


class DisciplineRedistribution(models.Model):
    _inherit = "discipline.redistribution"

    # ------------------------------------------------------------------
    # Missed norms: who is withdrawn from whom
    # ------------------------------------------------------------------

    @api.model
    def _withdrawn(self, period):
        """Return the verdicts of ``period`` that withdraw their customers, after protection, cooldown and cap.

        :return: (discipline.compliance, {customer id: ids of the verdicts that decide, the newest first})
        """
        company, rules = period.company_id, period.policy_id
        today = self.env["discipline.calendar"]._today(company)
        Compliance = self.env["discipline.compliance"]
        missed = Compliance.search([("period_id", "=", period.id), ("closed", "=", True), ("goal", ">", 0)])
        missed = missed.filtered(lambda row: row.partner_id and policy.is_missed(self._judged(row), rules.missed_share))
        missed = missed.filtered(lambda row: row.state != "unreachable")
        holders = {
            customer.partner_id.id: customer.user_id
            for customer in self.env["discipline.customer"].search(
                [("partner_id", "in", missed.partner_id.ids), ("in_base", "=", True)]
            )
        }
        spared = self._spared(company, rules, today, missed.partner_id.ids)
        missed = missed.filtered(
            lambda row: (
                holders.get(row.partner_id.id)
                and holders[row.partner_id.id].id == row.manager_ref
                and row.partner_id.id not in spared
                and not policy.is_newcomer(row.user_id.discipline_newcomer_since or None, today, rules.newcomer_months)
            )
        )
        history = self._history(missed, period)
        rule_of = {abc_class: policy.Rule(*rules._rule_for(abc_class)) for abc_class in missed.abc_class_id}
        per_manager, bases = defaultdict(list), {}
        for verdict in missed:
            rule = rule_of.get(verdict.abc_class_id) or policy.Rule(*rules._rule_for(verdict.abc_class_id))
            deciding = policy.deciding(history[verdict.customer_ref, verdict.manager_ref], rule)
            if deciding and deciding[0].ref == verdict.id:
                per_manager[verdict.manager_ref].append(verdict)
                bases[verdict.customer_ref] = [row.ref for row in deciding]
        lost = self._lost_this_month(company, today) if rules.cap_per_manager else {}
        chosen = []
        for manager, rows in per_manager.items():
            cap = rules.cap_per_manager and rules.cap_per_manager - lost.get(manager, 0)
            if rules.cap_per_manager and cap <= 0:
                continue
            keep = set(
                policy.capped(
                    [(row.customer_ref, row.attained / row.goal) for row in rows], cap, str(period.date_start)
                )
            )
            chosen += [row.id for row in rows if row.customer_ref in keep]
        return Compliance.browse(sorted(chosen)), bases

    @api.model
    def _judged(self, verdict):
        return policy.Judged(verdict.period_id.date_start, verdict.goal, verdict.attained, verdict.id)

    @api.model
    def _history(self, missed, period):
        """Return {(customer, manager): verdicts of the present manager up to ``period``}.

        A verdict against which an appeal was granted is no longer held against anyone. What was missed in a period that
        was over before its manager's adaptation never is, also not later.
        """
        granted = (
            self.env["discipline.appeal"]
            .search([("state", "=", "granted"), ("line_id.customer_ref", "in", missed.mapped("customer_ref"))])
            .line_id.verdict_id
        )
        history = defaultdict(list)
        rows = self.env["discipline.compliance"].search(
            [
                ("closed", "=", True),
                ("state", "!=", "unreachable"),
                ("customer_ref", "in", missed.mapped("customer_ref")),
                ("period_id.kind", "=", period.kind),
                ("period_id.date_start", "<=", period.date_start),
                ("id", "not in", granted.ids),
            ]
        )
        months = period.policy_id.newcomer_months
        for row in rows:
            after = row.period_id.date_end + timedelta(days=1)
            if not policy.is_newcomer(row.user_id.discipline_newcomer_since or None, after, months):
                history[row.customer_ref, row.manager_ref].append(self._judged(row))
        return history

    @api.model
    def _spared(self, company, rules, today, partner_ids):
        """Return which of these customers nothing may be withdrawn of: {customer id: why} (a hook).

        Why is a key of the lines' ``skip_reason``: ``protected`` (an exception), ``deal`` (an open deal in a late
        stage), ``cooldown`` (moved lately).
        """
        spared = {}
        since = today - timedelta(days=rules.cooldown_days)
        moved = self.env["discipline.redistribution.line"].search(
            [("partner_id", "in", partner_ids), ("state", "=", "applied"), ("applied_on", ">", since)]
        )
        spared.update(dict.fromkeys(moved.partner_id.ids, "cooldown"))
        requested = self.env["discipline.assignment"].search(
            [("customer_ref", "in", partner_ids), ("origin", "=", "request"), ("date_from", ">", since)]
        )
        spared.update(dict.fromkeys(requested.mapped("customer_ref"), "cooldown"))
        if rules.late_stage_probability:
            leads = self.env["crm.lead"].search(
                [
                    ("partner_id.commercial_partner_id", "in", partner_ids),
                    ("type", "=", "opportunity"),
                    ("won_status", "=", "pending"),
                    ("probability", ">=", rules.late_stage_probability),
                ]
            )
            spared.update(dict.fromkeys(leads.partner_id.commercial_partner_id.ids, "deal"))
        wanted = set(partner_ids)
        kept = self.env["discipline.exception"]._in_force(company, today, today, ("keep",))
        spared.update({row[0]: "protected" for row in kept if row[0] in wanted})
        return spared

    @api.model
    def _lost_this_month(self, company, today):
        """Return {user id: how many customers were withdrawn from him this month}."""
        groups = self.env["discipline.redistribution.line"]._read_group(
            [
                ("company_id", "=", company.id),
                ("redistribution_id.cause", "=", "missed"),
                *self._this_month_domain(today),
            ],
            ["user_from_id"],
            ["__count"],
        )
        return {user.id: count for user, count in groups}

    @api.model
    def _this_month_domain(self, today):
        """Return the domain of lines that are open, or were applied in the month of ``today``."""
        first = today.replace(day=1)
        return [
            "|",
            ("state", "in", ("proposed", "approved")),
            "&",
            ("state", "=", "applied"),
            ("applied_on", ">=", first),
        ]
