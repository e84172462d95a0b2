from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL
from odoo.tools.misc import format_date


class DisciplinePolicyReplay(models.TransientModel):
    """What a policy would have done in past periods, before it is put into force. No customer moves by it."""

    _name = "discipline.policy.replay"
    _description = "Replay of a Policy"

    policy_id = fields.Many2one("discipline.policy", required=True, readonly=True)
    company_id = fields.Many2one(related="policy_id.company_id")
    currency_id = fields.Many2one(related="company_id.currency_id")
    kind = fields.Selection([("month", "Month"), ("week", "Week")], "Periods", required=True, default="month")
    count = fields.Integer("Last Closed Periods", required=True, default=6)
    months = fields.Integer(
        "Purchases within, Months",
        required=True,
        default=3,
        help="For so long after each move purchases are looked at.",
    )
    line_ids = fields.One2many("discipline.policy.replay.line", "replay_id", "Customers", readonly=True)
    moved_count = fields.Integer("Would Have Moved", readonly=True)
    bought_count = fields.Integer("Bought Anyway", readonly=True)
    summary = fields.Text(readonly=True)

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        if not values.get("policy_id") and self.env.context.get("active_model") == "discipline.policy":
            values["policy_id"] = self.env.context.get("active_id")
        if values.get("policy_id"):
            company = self.env["discipline.policy"].browse(values["policy_id"]).company_id
            kinds = self.env["discipline.period"]._kinds(company)
            values["kind"] = "month" if "month" in kinds else "week"
        return values

    def _periods(self):
        return self.env["discipline.period"].search(
            [("company_id", "=", self.company_id.id), ("kind", "=", self.kind), ("state", "=", "closed")],
            order="date_start desc",
            limit=self.count,
        )

    def action_replay(self):
        """Run the policy over the last closed periods and show whom it would have moved.

        :raise AccessError: for whoever is no supervisor
        :raise UserError: where no period is closed yet, or the figures make no sense
        """
        self.ensure_one()
        if not self.env.user._discipline_is_supervisor():
            raise AccessError(self.env._("Policies are tried out by supervisors."))
        if self.count < 1 or self.months < 1:
            raise UserError(self.env._("Look at one period and one month of purchases at least."))
        periods = self._periods()
        if not periods:
            raise UserError(
                self.env._(
                    "%(company)s has no closed period yet: there is nothing to replay.", company=self.company_id.name
                )
            )
        policy = self.policy_id.sudo()
        moved = policy._replay(periods)
        bought = policy._bought_after(self.company_id, moved, self.months)
        self.line_ids.unlink()
        self._insert_lines(moved, bought)
        self.sudo().write(
            {
                "moved_count": len(moved),
                "bought_count": sum(1 for row in moved if bought.get(row.customer, 0) > 0),
            }
        )
        self.summary = self._in_words(periods, moved, bought)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Replay of a Policy"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }

    def _in_words(self, periods, moved, bought):
        """Return the result in one sentence or two."""
        first, last = min(periods.mapped("date_start")), max(periods.mapped("date_end"))
        span = f"{format_date(self.env, first)} – {format_date(self.env, last)}"
        if not moved:
            return self.env._("%(span)s: this policy would have moved nobody.", span=span)
        buyers = [row for row in moved if bought.get(row.customer, 0) > 0]
        total = sum(bought[row.customer] for row in buyers)
        return self.env._(
            "%(span)s: this policy would have moved %(moved)s customers of %(managers)s managers. %(bought)s of them "
            "(%(share)s %%) bought within %(months)s months all the same, for %(total)s.",
            span=span,
            moved=len(moved),
            managers=len({row.manager for row in moved}),
            bought=len(buyers),
            share=round(100 * len(buyers) / len(moved)),
            months=self.months,
            total=self.currency_id.format(total),
        )

    def _insert_lines(self, moved, bought):
        """Insert the result in one statement: a base may have a hundred thousand of them."""
        if not moved:
            return
        rows = [
            (row.customer, row.manager, row.period, row.verdict, row.missed, float(bought.get(row.customer, 0)))
            for row in moved
        ]
        self.flush_recordset()
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO discipline_policy_replay_line
                       (replay_id, partner_id, user_id, period_id, verdict_id, abc_class_id, goal, attained, missed,
                        bought, amount, has_moved, create_uid, create_date, write_uid, write_date)
                SELECT %(replay)s, p.id, u.id, n.period_id, v.id, v.abc_class_id, v.goal, v.attained, n.missed,
                       n.amount > 0, n.amount,
                       EXISTS (SELECT FROM discipline_redistribution_line l
                                WHERE l.verdict_id = v.id AND l.state = 'applied'),
                       %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM unnest(%(c0)s::int[], %(c1)s::int[], %(c2)s::int[], %(c3)s::int[], %(c4)s::int[],
                              %(c5)s::numeric[]) AS n(customer, manager, period_id, verdict, missed, amount)
                  JOIN discipline_compliance v ON v.id = n.verdict
             LEFT JOIN res_partner p ON p.id = n.customer
             LEFT JOIN res_users u ON u.id = n.manager
                """,
                replay=self.id,
                uid=self.env.uid,
                **{f"c{index}": list(column) for index, column in enumerate(zip(*rows, strict=True))},
            )
        )
        self.env["discipline.policy.replay.line"].invalidate_model()
        self.invalidate_recordset(["line_ids"])

    def action_open_lines(self):
        """Open the customers as a list, by manager."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Would Have Moved"),
            "res_model": "discipline.policy.replay.line",
            "view_mode": "list,pivot,graph",
            "domain": [("replay_id", "=", self.id)],
            "context": {"search_default_group_user": 1, "create": False, "edit": False, "delete": False},
        }


class DisciplinePolicyReplayLine(models.TransientModel):
    """A customer whom the policy would have moved."""

    _name = "discipline.policy.replay.line"
    _description = "Customer in a Replay"
    _rec_name = "partner_id"
    _order = "period_id, id"

    replay_id = fields.Many2one(
        "discipline.policy.replay", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="replay_id.company_id")
    currency_id = fields.Many2one(related="company_id.currency_id")
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True)
    user_id = fields.Many2one("res.users", "Manager", readonly=True)
    period_id = fields.Many2one("discipline.period", readonly=True)
    verdict_id = fields.Many2one("discipline.compliance", readonly=True)
    abc_class_id = fields.Many2one("discipline.abc.class", "ABC Class", readonly=True)
    goal = fields.Integer(readonly=True)
    attained = fields.Integer(readonly=True)
    missed = fields.Integer("Missed Periods", readonly=True, aggregator=None)
    bought = fields.Boolean(
        "Bought Anyway", readonly=True, help="The customer bought in the months after the move that did not take place."
    )
    amount = fields.Monetary("Purchases after", readonly=True, help="What he bought in those months.")
    has_moved = fields.Boolean("Moved in Fact", readonly=True, help="A redistribution moved him for the same verdict.")
    explanation = fields.Text(related="verdict_id.explanation")
