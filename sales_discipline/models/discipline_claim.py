"""Dividing the base: managers draft lists of the customers they claim, the head of sales decides."""

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command, Domain
from odoo.tools import SQL
from odoo.tools.misc import format_amount, format_date

#: a claim that has been made and waits for its decision
OPEN = "open"


class DisciplineClaimList(models.Model):
    """The customers that one manager wants to answer for. Only an approved list changes anything."""

    _name = "discipline.claim.list"
    _description = "List of Claimed Customers"
    _inherit = "mail.thread"
    _order = "id desc"

    name = fields.Char(compute="_compute_name")
    user_id = fields.Many2one(
        "res.users", "Manager", required=True, readonly=True, default=lambda self: self.env.user, index=True,
        ondelete="cascade",
    )  # fmt: skip
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, default=lambda self: self.env.company, ondelete="cascade"
    )
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("submitted", "Submitted"),
            ("approved", "Approved"),
            ("returned", "Returned"),
        ],
        default="draft",
        required=True,
        readonly=True,
        copy=False,
        tracking=True,
        index=True,
    )
    note = fields.Text(help="What the head of sales should know.")
    claim_ids = fields.One2many("discipline.claim", "list_id", "Claimed Customers")
    customer_count = fields.Integer("Customers", compute="_compute_counts")
    conflict_count = fields.Integer("In Dispute", compute="_compute_counts", help="Claims that are to be decided.")
    decided_by_id = fields.Many2one("res.users", "Decided by", readonly=True, copy=False, ondelete="set null")
    decided_at = fields.Datetime("Decided on", readonly=True, copy=False)
    can_decide = fields.Boolean(compute="_compute_can_decide")

    @api.depends("user_id", "create_date")
    def _compute_name(self):
        for record in self:
            record.name = self.env._("List of %(manager)s", manager=record.sudo().user_id.name or "")

    @api.depends("claim_ids.state", "claim_ids.is_disputed", "state")
    def _compute_counts(self):
        for record in self:
            record.customer_count = len(record.claim_ids)
            record.conflict_count = (
                len(record.claim_ids.filtered(lambda claim: claim.state == OPEN and claim.is_disputed))
                if record.state == "submitted"
                else 0
            )

    def _compute_can_decide(self):
        for record in self:
            record.can_decide = record.state == "submitted" and record._may_decide()

    def _may_decide(self):
        """Tell whether the user decides about this list: its manager's supervisor, never the manager himself."""
        user = self.env.user
        return user != self.user_id and user._discipline_decides_for(self.sudo().user_id)

    def _check_may_decide(self):
        """Refuse a decision by anyone who may not decide.

        :raise AccessError: naming the manager
        """
        for record in self:
            if not self.env.su and not record._may_decide():
                raise AccessError(
                    self.env._(
                        "The list of %(manager)s is not yours to decide: his team's leader or a Sales "
                        "administrator does.",
                        manager=record.user_id.name,
                    )
                )

    def _check_own(self):
        """Refuse whoever works on a colleague's list.

        :raise AccessError: naming the manager
        """
        for record in self:
            if not self.env.su and record.user_id != self.env.user:
                raise AccessError(
                    self.env._("This is the list of %(manager)s: only he changes it.", manager=record.user_id.name)
                )

    def _check_draft(self):
        """Refuse to change a list that is on the supervisor's desk.

        :raise UserError: naming the state
        """
        for record in self:
            if record.state not in ("draft", "returned"):
                raise UserError(
                    self.env._("%(list)s is submitted: take it back before you change it.", list=record.name)
                    if record.state == "submitted"
                    else self.env._("%(list)s is approved: draft a new one.", list=record.name)
                )

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            for vals in vals_list:
                vals["user_id"] = self.env.uid
                vals.pop("state", None)
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su:
            self._check_own()
            if set(vals) - {"note", "claim_ids", "message_follower_ids"}:
                raise AccessError(self.env._("A list is submitted and decided with its buttons."))
            self._check_draft()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_draft(self):
        if not self.env.su:
            self._check_own()
            self._check_draft()

    @api.model
    def _add(self, customers):
        """Add customers to the user's draft list; those that are his, or on it, are left out.

        :param customers: discipline.customer
        :return: the list
        """
        draft = self.search(
            [
                ("user_id", "=", self.env.uid),
                ("company_id", "=", self.env.company.id),
                ("state", "in", ("draft", "returned")),
            ],
            limit=1,
        ) or self.create({})
        there = draft.claim_ids.partner_id
        draft.claim_ids = [
            Command.create({"partner_id": customer.partner_id.id})
            for customer in customers
            if customer.in_base and customer.partner_id not in there and customer.company_id == draft.company_id
        ]
        return draft

    def action_submit(self):
        """Hand the list to the head of sales.

        :raise UserError: where it is empty
        """
        self._check_own()
        self._check_draft()
        for record in self:
            if not record.claim_ids:
                raise UserError(self.env._("Add the customers that you claim first: the list is empty."))
        self.sudo().write({"state": "submitted", "decided_by_id": False, "decided_at": False})
        self.claim_ids.sudo().write({"state": OPEN, "decision_note": False})
        self.claim_ids._forget_facts()
        for record in self.sudo():
            head = record.user_id.sale_team_id.user_id
            if head and head != record.user_id:
                record._message_log(body=self.env._("Submitted to %(head)s.", head=head.name))
                record._tell_head(head)

    def _tell_head(self, head):
        """Tell the head of sales that a list waits for him (a hook)."""
        self.message_notify(
            partner_ids=head.partner_id.ids,
            subject=self.name,
            body=self.env._(
                "%(manager)s claims %(count)s customers.", manager=self.user_id.name, count=self.customer_count
            ),
        )

    def action_take_back(self):
        """Make the submitted list a draft again."""
        self._check_own()
        for record in self:
            if record.state != "submitted":
                raise UserError(self.env._("%(list)s is not submitted.", list=record.name))
        self.sudo().write({"state": "draft"})

    def action_return(self):
        """Give the list back to its manager to rework."""
        self._check_submitted()
        self.sudo().write({"state": "returned", "decided_by_id": self.env.uid, "decided_at": fields.Datetime.now()})

    def _check_submitted(self):
        self._check_may_decide()
        for record in self:
            if record.state != "submitted":
                raise UserError(self.env._("%(list)s is not submitted.", list=record.name))

    def action_approve(self):
        """Let the list take effect: its customers become the manager's, except those refused.

        :raise UserError: while claims are in dispute, naming a customer
        """
        self._check_submitted()
        for record in self:
            disputed = record.claim_ids.filtered(lambda claim: claim.state == OPEN and claim.is_disputed)
            if disputed:
                raise UserError(
                    self.env._(
                        "%(count)s customers of this list are in dispute, %(customer)s first: give each to somebody "
                        "before you approve the list.",
                        count=len(disputed),
                        customer=disputed[0].partner_id.display_name,
                    )
                )
            undecided = record.claim_ids.filtered(lambda claim: claim.state == OPEN)
            for claim in undecided:
                claim._check_may_give()
            undecided.sudo().write({"state": "accepted", "decided_by_id": self.env.uid})
            given = record.claim_ids.filtered(lambda claim: claim.state == "accepted").partner_id
            moved = given.filtered(lambda partner, user=record.user_id: partner.sudo().user_id != user)
            if moved:
                moved._discipline_assign(record.user_id, "list", self.env._("Approved: %(list)s", list=record.name))
            record.sudo().write(
                {"state": "approved", "decided_by_id": self.env.uid, "decided_at": fields.Datetime.now()}
            )

    def action_customers(self):
        """Open the base to pick customers from."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_customer_my_action")
        name = self.env._("Customers to Claim")
        return {
            **action,
            "name": name,
            "display_name": name,
            "domain": [("in_base", "=", True), ("user_id", "!=", self.env.uid)],
            "context": {"search_default_orphans": 1},
        }


class DisciplineClaim(models.Model):
    """One customer whom a manager claims, with who sold to him and who talked to him."""

    _name = "discipline.claim"
    _description = "Claim on a Customer"
    _order = "list_id, partner_id, id"
    _rec_name = "partner_id"

    list_id = fields.Many2one("discipline.claim.list", required=True, readonly=True, ondelete="cascade", index=True)
    list_state = fields.Selection(related="list_id.state", string="State of the List")
    user_id = fields.Many2one(related="list_id.user_id", string="Claimed by", store=True, index=True)
    company_id = fields.Many2one(related="list_id.company_id", store=True)
    partner_id = fields.Many2one(
        "res.partner", "Customer", required=True, ondelete="cascade", index=True,
        domain="[('discipline_in_base', '=', True)]",
    )  # fmt: skip
    abc_class_id = fields.Many2one(related="partner_id.discipline_id.abc_class_id")
    holder_id = fields.Many2one(related="partner_id.discipline_id.user_id", string="Manager Now")
    state = fields.Selection(
        [(OPEN, "Undecided"), ("accepted", "Given"), ("refused", "Not Given")],
        default=OPEN,
        required=True,
        readonly=True,
        copy=False,
    )
    is_disputed = fields.Boolean(
        "In Dispute", compute="_compute_facts", search="_search_is_disputed",
        help="Somebody else claims him too, or answers for him today.",
    )  # fmt: skip
    rivals = fields.Char("Also Claimed by", compute="_compute_facts")
    sold = fields.Char("Sold, 12 Months", compute="_compute_facts", help="Who sold to him in the last 12 months.")
    contacted = fields.Char(
        "Contacted, 12 Months", compute="_compute_facts", help="Who contacted him in the last 12 months."
    )
    decision_note = fields.Char("Why", readonly=True, copy=False)
    decided_by_id = fields.Many2one("res.users", "Decided by", readonly=True, copy=False, ondelete="set null")
    can_decide = fields.Boolean(compute="_compute_can_decide")

    _customer_uniq = models.Constraint("UNIQUE(list_id, partner_id)", "This customer is on the list already.")

    def _compute_can_decide(self):
        for claim in self:
            claim.can_decide = claim.list_state == "submitted" and claim.state == OPEN and claim.list_id._may_decide()

    # ------------------------------------------------------------------
    # What speaks for whom
    # ------------------------------------------------------------------

    @api.depends("partner_id", "state", "list_id.state", "partner_id.discipline_id.user_id")
    def _compute_facts(self):
        claims = self.sudo()
        ids = claims.partner_id.ids
        rivals = self._rivals(ids)
        sold, contacted = (self._sales(ids), self._contacts(ids)) if ids else ({}, {})
        for claim, plain in zip(self, claims, strict=True):
            customer = plain.partner_id.id
            others = [name for user, name in rivals.get(customer, []) if user != plain.user_id.id]
            claim.rivals = ", ".join(others)
            claim.is_disputed = bool(others) or bool(plain.holder_id and plain.holder_id != plain.user_id)
            claim.sold = sold.get(customer, "")
            claim.contacted = contacted.get(customer, "")

    @api.model
    def _rivals(self, partner_ids):
        """Return {customer: [(manager, name)]} of whoever claims these customers on a submitted list."""
        self.flush_model()
        self.env["discipline.claim.list"].flush_model(["state", "user_id"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT c.partner_id, array_agg(DISTINCT ARRAY[l.user_id::text, p.name])
                  FROM discipline_claim c
                  JOIN discipline_claim_list l ON l.id = c.list_id AND l.state = 'submitted'
                  JOIN res_users u ON u.id = l.user_id
                  JOIN res_partner p ON p.id = u.partner_id
                 WHERE c.partner_id = ANY(%s) AND c.state IN ('open', 'accepted')
              GROUP BY c.partner_id
                """,
                list(partner_ids),
            )
        )
        return {customer: [(int(user), name) for user, name in pairs] for customer, pairs in rows}

    def _search_is_disputed(self, operator, value):
        if operator != "in":
            return NotImplemented
        self.flush_model()
        self.env["discipline.claim.list"].flush_model(["state", "user_id"])
        disputed = [
            row[0]
            for row in self.env.execute_query(
                SQL(
                    """
                    SELECT c.id
                      FROM discipline_claim c
                      JOIN discipline_claim_list l ON l.id = c.list_id
                 LEFT JOIN discipline_customer d ON d.partner_id = c.partner_id
                     WHERE d.user_id != l.user_id
                        OR EXISTS (SELECT FROM discipline_claim o JOIN discipline_claim_list m ON m.id = o.list_id
                                    WHERE o.partner_id = c.partner_id AND m.state = 'submitted'
                                      AND o.state IN ('open', 'accepted') AND m.user_id != l.user_id)
                    """
                )
            )
        ]
        domain = Domain("id", "in", disputed)
        return Domain.OR([domain if flag else ~domain for flag in value])

    @api.model
    def _since(self):
        return fields.Date.subtract(self.env["discipline.calendar"]._today(), years=1)

    @api.model
    def _sales(self, partner_ids):
        """Return {customer: "Anna 120,000 (5)"} of the last 12 months, the largest first.

        A purchase was sold by the opportunity's owner, else by whoever answered for the customer on its day.
        """
        self.env["discipline.revenue"].flush_model()
        self.env["discipline.assignment"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT r.customer_ref, p.name, sum(r.amount), count(*), min(r.company_id)
                  FROM discipline_revenue r
             LEFT JOIN crm_lead l ON l.id = r.lead_id
             LEFT JOIN discipline_assignment a ON a.customer_ref = r.customer_ref AND a.date_from <= r.date
                   AND (a.date_to IS NULL OR a.date_to > r.date)
             LEFT JOIN res_users u ON u.id = COALESCE(l.user_id, a.manager_ref)
             LEFT JOIN res_partner p ON p.id = u.partner_id
                 WHERE r.customer_ref = ANY(%(ids)s) AND r.voided_at IS NULL AND r.date >= %(since)s
                   AND r.kind = ANY(%(kinds)s)
              GROUP BY r.customer_ref, p.name
              ORDER BY sum(r.amount) DESC
                """,
                ids=list(partner_ids),
                since=self._since(),
                kinds=self.env["discipline.revenue"]._kinds(self.env.company),
            )
        )
        texts = {}
        for customer, name, amount, number, company in rows:
            currency = self.env["res.company"].browse(company or self.env.company.id).sudo().currency_id
            texts.setdefault(customer, []).append(
                self.env._(
                    "%(manager)s %(amount)s (%(count)s)",
                    manager=name or self.env._("nobody"),
                    amount=format_amount(self.env, float(amount), currency),
                    count=number,
                )
            )
        return {customer: "; ".join(parts) for customer, parts in texts.items()}

    @api.model
    def _contacts(self, partner_ids):
        """Return {customer: "Anna 4 (last on 3 March)"} of the last 12 months, attempts and voided ones left out."""
        groups = (
            self.env["discipline.contact"]
            .sudo()
            ._read_group(
                [
                    ("customer_ref", "in", list(partner_ids)),
                    ("voided_at", "=", False),
                    ("day", ">=", self._since()),
                    "|",
                    ("outcome_id", "=", False),
                    ("outcome_id.is_attempt", "=", False),
                ],
                ["customer_ref", "user_id"],
                ["__count", "day:max"],
                order="__count desc",
            )
        )
        texts = {}
        for customer, user, number, last in groups:
            texts.setdefault(customer, []).append(
                self.env._(
                    "%(manager)s %(count)s (last %(day)s)",
                    manager=user.name,
                    count=number,
                    day=format_date(self.env, last),
                )
            )
        return {customer: "; ".join(parts) for customer, parts in texts.items()}

    @api.model
    def _forget_facts(self):
        """Whose claim stands beside whose changes with every list that is submitted and every claim decided."""
        self.invalidate_model(["is_disputed", "rivals"])
        self.env["discipline.claim.list"].invalidate_model(["conflict_count"])

    # ------------------------------------------------------------------
    # Who writes and who decides
    # ------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            for vals in vals_list:
                vals.pop("state", None)
                record = self.env["discipline.claim.list"].browse(vals.get("list_id"))
                record._check_own()
                record._check_draft()
        claims = super().create(vals_list)
        for claim in claims:
            customer = claim.sudo().partner_id.discipline_id
            if not customer.in_base or customer.company_id != claim.company_id:
                raise UserError(
                    self.env._(
                        "%(customer)s is not in the customer base of %(company)s and cannot be claimed.",
                        customer=claim.partner_id.display_name,
                        company=claim.company_id.name,
                    )
                )
        return claims

    def write(self, vals):
        if not self.env.su:
            raise AccessError(self.env._("A claim is not changed: take the customer off the list and add another."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_draft(self):
        if not self.env.su:
            self.list_id._check_own()
            self.list_id._check_draft()

    def _check_may_give(self):
        """Refuse a decision by whoever does not decide about the manager who holds the customer today.

        :raise AccessError: naming the customer
        """
        self.list_id._check_may_decide()
        holder = self.sudo().holder_id
        if not self.env.su and (
            holder == self.env.user or not self.env.user._discipline_decides_for(holder, self.user_id)
        ):
            raise AccessError(
                self.env._(
                    "%(customer)s is a customer of %(manager)s, for whom you do not decide: a Sales "
                    "administrator does.",
                    customer=self.partner_id.display_name,
                    manager=holder.name,
                )
            )

    def _check_open(self):
        for claim in self:
            claim.list_id._check_submitted()
            if claim.state != OPEN:
                raise UserError(
                    self.env._("The claim on %(customer)s is decided.", customer=claim.partner_id.display_name)
                )

    def action_accept(self):
        """Give the customer to this manager; the claims of others on submitted lists are refused."""
        self._check_open()
        for claim in self:
            claim._check_may_give()
            rivals = self.sudo().search(
                [
                    ("partner_id", "=", claim.partner_id.id),
                    ("list_id.state", "=", "submitted"),
                    ("state", "in", (OPEN, "accepted")),
                    ("id", "!=", claim.id),
                ]
            )
            if rivals.filtered(lambda rival: rival.state == "accepted"):
                raise UserError(
                    self.env._(
                        "%(customer)s is given to %(manager)s already.",
                        customer=claim.partner_id.display_name,
                        manager=rivals.filtered(lambda rival: rival.state == "accepted")[0].user_id.name,
                    )
                )
            claim.sudo().write({"state": "accepted", "decided_by_id": self.env.uid})
            rivals.write(
                {
                    "state": "refused",
                    "decided_by_id": self.env.uid,
                    "decision_note": self.env._("Given to %(manager)s", manager=claim.user_id.name),
                }
            )
        self._forget_facts()

    def action_refuse(self):
        """Leave the customer where he is."""
        self._check_open()
        self.sudo().write({"state": "refused", "decided_by_id": self.env.uid})
        self._forget_facts()


class DisciplineCustomer(models.Model):
    _inherit = "discipline.customer"

    def action_claim(self):
        """Put these customers on the user's list of claims, and open it."""
        claim_list = self.env["discipline.claim.list"]._add(self)
        return {
            "type": "ir.actions.act_window",
            "res_model": claim_list._name,
            "res_id": claim_list.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    @api.model
    def _discipline_make_way(self, source_ids, target_id):
        """A list claims a customer once: what was given stays, else the claim on the remaining customer."""
        super()._discipline_make_way(source_ids, target_id)
        self.env.cr.execute(
            SQL(
                """
                DELETE FROM discipline_claim WHERE id IN (
                    SELECT id FROM (
                        SELECT id, row_number() OVER (PARTITION BY list_id ORDER BY (state = 'accepted') DESC,
                                                      (partner_id = %(target)s) DESC, id) AS place
                          FROM discipline_claim WHERE partner_id = ANY(%(ids)s)) AS ranked
                     WHERE place > 1)
                """,
                target=target_id,
                ids=[*source_ids, target_id],
            )
        )
