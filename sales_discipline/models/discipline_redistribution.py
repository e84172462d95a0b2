"""Who answers for neglected customers and orphans: proposed, approved, applied, and taken back if need be."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..engine import allocation, policy
from .res_users import ADMINISTRATOR

CAUSES = [
    ("orphan", "Orphans"),
    ("unfilled", "Unfilled Cards"),
    ("missed", "Missed Norm"),
    ("overload", "Overload"),
    ("departure", "Departure"),
    ("selection", "A Supervisor's Selection"),
]
#: states in which a customer's line is still undecided or not carried out
OPEN_STATES = ("draft", "proposed", "approved")


class DisciplineRedistribution(models.Model):
    """A batch of customers that change hands together, each line with the reason that everyone can read."""

    _name = "discipline.redistribution"
    _description = "Redistribution of Customers"
    _order = "id desc"

    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade", index=True)
    cause = fields.Selection(CAUSES, required=True, readonly=True)
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("proposed", "Proposed"),
            ("approved", "Approved"),
            ("applied", "Applied"),
            ("reverted", "Reverted"),
            ("cancelled", "Cancelled"),
        ],
        default="draft",
        required=True,
        readonly=True,
        index=True,
    )
    period_id = fields.Many2one("discipline.period", readonly=True, ondelete="restrict")
    policy_id = fields.Many2one("discipline.policy", readonly=True, ondelete="restrict")
    seed = fields.Char(readonly=True, help="Decides ties; the same batch always gives the same result.")
    appeal_until = fields.Date(readonly=True, help="The last day on which the losing manager may appeal.")
    approved_by_id = fields.Many2one("res.users", "Approved by", readonly=True, ondelete="set null")
    applied_at = fields.Datetime(readonly=True)
    reverted_at = fields.Datetime(readonly=True)
    line_ids = fields.One2many("discipline.redistribution.line", "redistribution_id", "Customers")
    line_count = fields.Integer("Number of Customers", compute="_compute_line_count")

    _once_uniq = models.UniqueIndex(
        "(company_id, cause, period_id) WHERE state != 'cancelled' AND period_id IS NOT NULL",
        "This period's customers have been redistributed for this cause already.",
    )

    @api.depends("cause", "period_id")
    @api.depends_context("lang")
    def _compute_display_name(self):
        causes = dict(self._fields["cause"]._description_selection(self.env))
        for batch in self:
            period = f", {batch.period_id.display_name}" if batch.period_id else ""
            batch.display_name = f"{causes.get(batch.cause, '')}{period}"

    def _compute_line_count(self):
        counts = dict(
            self.env["discipline.redistribution.line"]._read_group(
                [("redistribution_id", "in", self.ids)], ["redistribution_id"], ["__count"]
            )
        )
        for batch in self:
            batch.line_count = counts.get(batch, 0)

    # ------------------------------------------------------------------
    # Proposing
    # ------------------------------------------------------------------

    @api.model
    def _nightly(self, company):
        """Propose for every closed month that has no batch yet; apply what the policy lets go by itself."""
        periods = self.env["discipline.period"].search(
            [("company_id", "=", company.id), ("state", "=", "closed")], order="date_start desc", limit=1
        )
        for period in periods:
            if not self.search_count([("period_id", "=", period.id), ("cause", "=", "missed")], limit=1):
                self._propose_missed(period)

    @api.model
    def _propose_missed(self, period):
        """Propose other managers for the customers whose norm the policy calls missed in ``period``.

        :return: the batch, empty where nobody is to be withdrawn
        """
        rules = period.policy_id
        company = period.company_id
        today = self.env["discipline.calendar"]._today(company)
        chosen = self._withdrawn(period, rules, today)
        if not chosen:
            return self.browse()
        seed = f"{company.id}|missed|{period.kind}|{period.date_start}"
        receivers = self._receivers(company, period, rules)
        placements = allocation.allocate(
            [allocation.Customer(v.customer_ref, v.norm_id.goal, v.manager_ref) for v in chosen], receivers, seed
        )
        verdicts = {verdict.customer_ref: verdict for verdict in chosen}
        return self.create(
            {
                "company_id": company.id,
                "cause": "missed",
                "state": "draft" if company.discipline_dry_mode else "proposed",
                "period_id": period.id,
                "policy_id": rules.id,
                "seed": seed,
                "appeal_until": self.env["discipline.calendar"]._add_working_days(company, today, rules.appeal_days),
                "line_ids": [
                    fields.Command.create(
                        {
                            "partner_id": placement.customer,
                            "customer_ref": placement.customer,
                            "user_from_id": verdicts[placement.customer].manager_ref,
                            "user_to_id": placement.receiver,
                            "load": verdicts[placement.customer].norm_id.goal,
                            "state": "proposed" if placement.receiver else "skipped",
                            "skip_reason": placement.reason,
                            "room": placement.room,
                            "verdict_id": verdicts[placement.customer].id,
                        }
                    )
                    for placement in placements
                ],
            }
        )

    @api.model
    def _withdrawn(self, period, rules, today):
        """Return the verdicts of ``period`` that withdraw their customers, after protection, cooldown and cap."""
        Compliance = self.env["discipline.compliance"]
        missed = Compliance.search([("period_id", "=", period.id), ("closed", "=", True), ("state", "=", "missed")])
        customers = {
            customer.partner_id.id: customer
            for customer in self.env["discipline.customer"].search([("partner_id", "in", missed.partner_id.ids)])
        }
        protected = set(
            self.env["discipline.exception"]
            .search(
                [
                    ("kind", "=", "keep"),
                    ("state", "=", "approved"),
                    ("date_from", "<=", today),
                    ("date_until", ">=", today),
                ]
            )
            .partner_id.ids
        )
        busy = set(
            self.env["discipline.redistribution.line"]
            .search([("redistribution_id.state", "in", OPEN_STATES), ("partner_id", "in", missed.partner_id.ids)])
            .partner_id.ids
        )
        history = {}
        for row in Compliance.search(
            [
                ("closed", "=", True),
                ("customer_ref", "in", missed.mapped("customer_ref")),
                ("period_id.kind", "=", period.kind),
                ("period_id.date_start", "<=", period.date_start),
            ]
        ):
            history.setdefault((row.customer_ref, row.manager_ref), []).append(
                policy.Judged(row.period_id.date_start, row.goal, row.attained, row.id)
            )
        cooled = today - timedelta(days=rules.cooldown_days)
        per_manager = {}
        for verdict in missed:
            customer = customers.get(verdict.partner_id.id)
            if (
                not customer
                or not customer.in_base
                or customer.user_id.id != verdict.manager_ref
                or customer.partner_id.id in protected | busy
                or policy.is_newcomer(verdict.user_id.discipline_newcomer_since or None, today, rules.newcomer_months)
            ):
                continue
            moved = customer.responsible_since and customer.responsible_since > cooled
            if moved and any(
                row.origin == "redistribution" and not row.date_to
                for row in customer.partner_id.discipline_assignment_ids
            ):
                continue
            rule = policy.Rule(*rules._rule_for(verdict.abc_class_id))
            if policy.deciding(history[verdict.customer_ref, verdict.manager_ref], rule):
                per_manager.setdefault(verdict.manager_ref, []).append(verdict)
        chosen = Compliance
        for rows in per_manager.values():
            keep = policy.capped(
                [(row.customer_ref, row.attained / row.goal) for row in rows],
                rules.cap_per_manager,
                str(period.date_start),
            )
            chosen |= Compliance.browse(row.id for row in rows if row.customer_ref in keep)
        return chosen

    @api.model
    def _receivers(self, company, period, rules):
        """Return who may receive: said that he takes more, attains what the policy asks for, is present, has room."""
        groups = self.env["discipline.compliance"]._read_group(
            [("period_id", "=", period.id), ("closed", "=", True)], ["user_id"], ["goal:sum", "attained:sum"]
        )
        days = len(period._refresh_snapshot()["days"])
        held = dict(
            self.env["discipline.customer"]._read_group(
                [("company_id", "=", company.id), ("in_base", "=", True)], ["user_id"], ["goal:sum"]
            )
        )
        return [
            allocation.Receiver(
                user.id,
                user._discipline_capacity(company) * days,
                held.get(user, 0),
                rules.intake_cap or None,
            )
            for user, goal, attained in groups
            if user.active
            and user.discipline_takes_more
            and goal
            and 100 * attained >= rules.receiver_attainment * goal
        ]

    # ------------------------------------------------------------------
    # Deciding
    # ------------------------------------------------------------------

    def _check_may_decide(self):
        """Refuse whoever may not decide, and whoever gives or receives in a line himself.

        :raise AccessError: naming the customer
        """
        if self.env.su:
            return
        for line in self.line_ids.filtered(lambda row: row.state in ("proposed", "approved", "applied")):
            user = self.env.user
            if user in line.user_from_id | line.user_to_id and not user.has_group(ADMINISTRATOR):
                raise AccessError(
                    self.env._(
                        "You give or receive %(customer)s yourself: somebody else decides about this redistribution.",
                        customer=line.partner_id.display_name,
                    )
                )
            if not user._discipline_decides_for(line.user_from_id, line.user_to_id):
                raise AccessError(
                    self.env._(
                        "%(customer)s moves across teams: a Sales administrator decides.",
                        customer=line.partner_id.display_name,
                    )
                )

    def _expect(self, state):
        for batch in self:
            if batch.state != state:
                states = dict(self._fields["state"]._description_selection(self.env))
                raise UserError(
                    self.env._(
                        "“%(batch)s” is in the state “%(state)s”: reload the page to see what was done.",
                        batch=batch.display_name,
                        state=states[batch.state],
                    )
                )

    def action_approve(self):
        """Approve these batches and their proposed lines."""
        self._expect("proposed")
        self._check_may_decide()
        batches = self.sudo()
        batches.line_ids.filtered(lambda line: line.state == "proposed").write({"state": "approved"})
        batches.write({"state": "approved", "approved_by_id": self.env.uid})

    def action_apply(self):
        """Let the approved customers change hands; whoever changed hands meanwhile is left alone and named."""
        self._expect("approved")
        self._check_may_decide()
        for batch in self.sudo():
            batch.line_ids.filtered(lambda line: line.state == "approved")._apply()
            batch.write({"state": "applied", "applied_at": fields.Datetime.now()})

    def action_revert(self):
        """Give back what is still with its receiver; lines that changed since are left alone and named."""
        self._expect("applied")
        self._check_may_decide()
        for batch in self.sudo():
            batch.line_ids.filtered(lambda line: line.state == "applied")._revert()
            batch.write({"state": "reverted", "reverted_at": fields.Datetime.now()})

    def action_cancel(self):
        """Drop these batches: nobody moves."""
        for batch in self:
            if batch.state not in OPEN_STATES:
                batch._expect("proposed")
        self._check_may_decide()
        self.sudo().write({"state": "cancelled"})
