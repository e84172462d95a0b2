"""Causes without blame: who cannot be reached twice in a row, and the surplus of the overloaded."""

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError


class DisciplineRedistribution(models.Model):
    _inherit = "discipline.redistribution"

    @api.model
    def _propose_unreachable(self, period):
        """Propose others for customers who could not be reached in two periods in a row, the newer being ``period``.

        :return: the batch, empty where there is nobody, or nobody can receive
        """
        self._drop_stale(period.company_id, "unreachable")
        verdicts = self.env["discipline.compliance"]._unreachable_twice(period.company_id)
        verdicts = verdicts.filtered(lambda row: row.period_id == period and row.partner_id)
        return self._propose(
            period.company_id,
            "unreachable",
            verdicts.partner_id,
            period=period,
            bases={verdict.customer_ref: [verdict.id] for verdict in verdicts},
            only_if_placed=True,
        )

    @api.model
    def _propose_overload(self, period):
        """Offer the surplus of managers who were overloaded in two closed periods in a row to managers with room.

        Taken are customers of the lowest classes first, as many as make up the surplus in norm contacts; their manager
        may name others instead (``action_swap`` of the line). Only the newest closed period is looked at: where weeks
        and months are judged side by side, the surplus is still one.

        :return: the batch, empty where nobody is overloaded, or nobody can receive
        """
        newest = self.env["discipline.period"].search(
            [("company_id", "=", period.company_id.id), ("state", "=", "closed")], order="date_end desc, kind", limit=1
        )
        if period != newest:
            return self.browse()
        self._drop_stale(period.company_id, "overload")
        surplus = self.env["discipline.compliance"]._overloaded(period.company_id)
        customers = self.env["res.partner"]
        if surplus:
            customers = customers.browse(self._surplus_customers(period.company_id, surplus, str(period.date_start)))
        return self._propose(period.company_id, "overload", customers, period=period, only_if_placed=True)

    @api.model
    def _drop_stale(self, company, cause):
        """Cancel drafts that a dry run left behind: their customers are looked at anew."""
        self.search([("company_id", "=", company.id), ("cause", "=", cause), ("state", "=", "draft")])._cancel()

    @api.model
    def _surplus_customers(self, company, surplus, seed):
        """Return ids of the customers that make up each manager's surplus, the lowest class first; ties by a hash.

        :param dict surplus: {user id: norm contacts that are too many}
        """
        self._flush_figures()
        today = self.env["discipline.calendar"]._today(company)
        rules = self.env["discipline.policy"]._policy_on(company, today)
        rows = self.env.execute_query(self._surplus_sql(company, list(surplus), seed))
        spared = self._spared(company, rules, today, [row[1] for row in rows])
        left, chosen = dict(surplus), []
        for user, customer, load in rows:
            if left[user] > 0 and customer not in spared:
                left[user] -= load
                chosen.append(customer)
        return chosen


class DisciplineRedistributionLine(models.Model):
    _inherit = "discipline.redistribution.line"

    can_swap = fields.Boolean(compute="_compute_can_swap")

    @api.depends_context("uid")
    def _compute_can_swap(self):
        for line in self:
            row = line.sudo()
            line.can_swap = row.cause == "overload" and row.state == "proposed" and row.user_from_id == self.env.user

    def action_swap(self):
        """Open the choice of another customer that leaves the overloaded manager instead."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Another Customer Instead"),
            "res_model": "discipline.redistribution.swap",
            "view_mode": "form",
            "target": "new",
            "context": {"default_line_id": self.id},
        }

    def _swap(self, customer):
        """Let another customer of the overloaded manager go instead of this line's.

        :param customer: discipline.customer
        :raise AccessError: for anyone but the manager whose load is lightened
        :raise UserError: where the customer is not his, or is in another open redistribution
        """
        self.ensure_one()
        self.invalidate_recordset(["can_swap"])
        if not self.can_swap:
            raise AccessError(
                self.env._("Only the overloaded manager names other customers, before they are approved.")
            )
        self._expect("proposed")
        line, batch = self.sudo(), self.sudo().redistribution_id
        partner = customer.sudo().partner_id
        if customer.sudo().user_id != self.env.user or not customer.sudo().in_base:
            raise UserError(self.env._("%(customer)s is not your customer.", customer=partner.display_name))
        facts = batch._customer_facts(line.company_id, partner.ids).get(partner.id)
        if not facts:
            raise UserError(
                self.env._(
                    "%(customer)s is in another open redistribution: choose somebody else.",
                    customer=partner.display_name,
                )
            )
        former = line.customer_name
        line.write(
            {
                "partner_id": partner.id,
                "customer_ref": partner.id,
                "abc_class_id": facts["abc_class"],
                "load": facts["load"],
                "is_offered": True,
            }
        )
        batch._message_log(
            body=self.env._(
                "%(manager)s named %(customer)s instead of %(former)s.",
                manager=self.env.user.name,
                customer=partner.display_name,
                former=former,
            ),
            author_id=self.env.user.partner_id.id,
        )

    def _acquaint_summary(self, activity_type):
        if self.redistribution_id[:1].cause == "unreachable":
            return self.env._("Find another contact person")
        return super()._acquaint_summary(activity_type)
