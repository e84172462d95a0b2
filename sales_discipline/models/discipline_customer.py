"""The customer base: one narrow row per customer, and the map from any record to its customer."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

STATES = [
    ("none", "Not judged"),
    ("on_track", "On Track"),
    ("behind", "Behind"),
    ("met", "Met"),
    ("missed", "Missed"),
    ("excused", "Excused"),
    ("unreachable", "Unreachable"),
]


class DisciplineCustomer(models.Model):
    """A customer of the base and where he stands today.

    It is apart from ``res.partner`` so that the nightly job never rewrites wide rows that people are saving. The
    program alone writes it; people read it, directly or through the related fields of the partner.
    """

    _name = "discipline.customer"
    _inherit = "discipline.grouped"
    _description = "Customer of the Base"
    _rec_name = "partner_id"
    _order = "due_next, id"

    partner_id = fields.Many2one("res.partner", "Customer", required=True, readonly=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", readonly=True, index=True, ondelete="cascade")
    in_base = fields.Boolean("In the Customer Base", readonly=True, default=True)
    # the last stay; of those before it the assignments tell
    base_from = fields.Date("In the Base since", readonly=True)
    base_until = fields.Date("Left the Base on", readonly=True, help="The first day on which he is not in the base.")
    in_base_forced = fields.Selection(
        [("in", "Always"), ("out", "Never")],
        "In the Base by Hand",
        readonly=True,
        help="Set by a supervisor: it overrides the rule in Settings that says who is a customer.",
    )
    user_id = fields.Many2one(
        "res.users",
        "Responsible Manager",
        readonly=True,
        index=True,
        ondelete="set null",
        group_expand="_group_expand_user_id",
        help="Who answers for this customer today. Empty where the customer has nobody, or an archived user.",
    )
    team_id = fields.Many2one(related="user_id.sale_team_id", string="Sales Team")
    abc_class_id = fields.Many2one("discipline.abc.class", "ABC Class", readonly=True, index=True, ondelete="set null")
    abc_since = fields.Date("Class Since", readonly=True, help="The first day on which this class governs.")
    abc_locked = fields.Boolean("Class Locked", readonly=True, help="ABC runs leave this customer's class alone.")
    goal = fields.Integer(readonly=True, help="Contacts due from the responsible manager in the running period.")
    attained = fields.Integer(readonly=True, help="Counted contacts that serve the goal of the running period.")
    due_next = fields.Date(
        "Next Due", readonly=True, index=True, help="The earliest day on which a contact is due and not made yet."
    )
    last_contact_date = fields.Date("Last Contact", readonly=True, help="The last talk; attempts are left out.")
    last_touch_date = fields.Date(
        "Last Contact or Attempt", readonly=True, index=True, help="Whatever is in the log, without what was voided."
    )
    last_counted_date = fields.Date("Last Counted", readonly=True, index=True, help="The last contact that counted.")
    next_contact_date = fields.Date("Next Contact", readonly=True)
    next_planned = fields.Boolean(
        "Day Only",
        readonly=True,
        help="The program planned the day of the next contact; its activity follows ten working days ahead.",
    )
    no_next_reason = fields.Char(
        "Why No Next Contact",
        readonly=True,
        help="What the manager said when he planned no further contact; it holds until the next contact.",
    )
    no_next_by_id = fields.Many2one("res.users", "Decided by", readonly=True, ondelete="set null")
    no_next_on = fields.Date("Decided on", readonly=True)
    state = fields.Selection(STATES, readonly=True, default="none", index=True)
    profile_score = fields.Integer("Completeness of the Card", readonly=True, aggregator="avg")
    profile_complete = fields.Boolean("Card Complete", readonly=True)
    revenue_12m = fields.Monetary("Purchases, 12 Months", readonly=True, currency_field="currency_id")
    currency_id = fields.Many2one(related="company_id.currency_id")
    responsible_since = fields.Date(readonly=True)
    is_orphan = fields.Boolean("Orphan", compute="_compute_is_orphan", search="_search_is_orphan")

    _partner_uniq = models.Constraint("UNIQUE(partner_id)", "A customer has one row in the customer base.")

    @api.model
    def _group_expand_user_id(self, users, domain):
        """Show a column for every manager who may receive customers, also where he has none yet."""
        Redistribution = self.env["discipline.redistribution"].sudo()
        pool = users.union(*(Redistribution._receiver_pool(company) for company in self.env.companies))
        return pool.filtered("active").sorted("name").with_env(users.env)

    @api.depends("user_id", "in_base")
    def _compute_is_orphan(self):
        for customer in self:
            customer.is_orphan = customer.in_base and not customer.user_id

    def _search_is_orphan(self, operator, value):
        if operator != "in":
            return NotImplemented
        orphan = Domain("in_base", "=", True) & Domain("user_id", "=", False)
        return Domain.OR([orphan if flag else ~orphan for flag in value])

    @api.model
    def _partners_of(self, domain):
        """Return the customers (``res.partner``) of the rows that match; no row is read, there may be a million."""
        query = self._search(domain, order="id")
        rows = self.env.execute_query(query.select(self._field_to_sql(self._table, "partner_id", query)))
        return self.env["res.partner"].browse(row[0] for row in rows)

    # ------------------------------------------------------------------
    # From any record to its customer
    # ------------------------------------------------------------------

    @api.model
    def _customer_of(self, records):
        """Map records of any model to their customers.

        A person stands for his company, a member of a group for the group's head; an opportunity, a meeting or any
        other document stands for whom Odoo would write to.

        :param records: a recordset of one model
        :return: dict record id -> res.partner (one record, or empty where there is no customer behind it)
        """
        if records._name == "res.partner":
            partners = {partner.id: partner for partner in records}
        elif hasattr(records, "_mail_get_partners"):
            partners = {rid: found[:1] for rid, found in records._mail_get_partners().items()}
        else:
            partners = {}
        nobody = self.env["res.partner"]
        return {record.id: (partners.get(record.id) or nobody)._discipline_customer() for record in records}

    # ------------------------------------------------------------------
    # Who is in the base
    # ------------------------------------------------------------------

    @api.model
    def _base_domain(self):
        """Return the domain of partners that belong to the base by rule (a hook for other addons)."""
        companies = self.env["res.company"]._discipline_all()
        return (
            self.env["res.company"]._discipline_base_domain()
            & Domain("active", "=", True)
            & Domain("customer_group_id", "=", False)
            & Domain("id", "not in", companies.partner_id.ids)
            & (Domain("is_company", "=", True) | Domain("parent_id", "=", False))
        )

    @api.model
    def _reconcile_base(self, partner_ids=None):
        """Bring the base in line with the rule, in a constant number of statements.

        :param partner_ids: the partners to look at; all of them when None (the nightly reconcile)
        :return: ids of the partners that came in or went out
        """
        Partner = self.env["res.partner"].sudo().with_context(active_test=False)
        domain = self._base_domain()
        limit = SQL()
        if partner_ids is not None:
            if not partner_ids:
                return []
            domain &= Domain("id", "in", list(partner_ids))
            limit = SQL("AND p.id = ANY(%s)", list(partner_ids))
        query = Partner._search(domain)
        self.env["res.users"].flush_model(["active", "share", "partner_id", "company_id"])
        Partner.flush_model()
        self.flush_model()
        fallback = self.env["res.company"]._discipline_first().id
        companies, Calendar = self.env["res.company"]._discipline_all(), self.env["discipline.calendar"]
        changed = [
            row[0]
            for row in self.env.execute_query(
                SQL(
                    """
                    WITH ruled AS (%(ruled)s),
                    today AS (SELECT * FROM unnest(%(companies)s::int[], %(days)s::date[]) AS t(company_id, day)),
                    wanted AS (
                        SELECT p.id, COALESCE(c.in_base_forced, CASE WHEN r.id IS NULL THEN 'out' ELSE 'in' END) = 'in'
                                     AND p.active AS inside,
                               COALESCE(p.company_id, u.company_id, %(fallback)s) AS company_id,
                               c.id AS cid, c.in_base, c.company_id AS had
                          FROM res_partner p
                     LEFT JOIN ruled r ON r.id = p.id
                     LEFT JOIN discipline_customer c ON c.partner_id = p.id
                     LEFT JOIN res_users u ON u.id = p.user_id
                         WHERE (r.id IS NOT NULL OR c.id IS NOT NULL) %(limit)s
                    ), born AS (
                        INSERT INTO discipline_customer
                               (partner_id, company_id, in_base, base_from, state, create_date, write_date)
                        SELECT id, company_id, TRUE, day, 'none', now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
                          FROM wanted LEFT JOIN today USING (company_id) WHERE cid IS NULL AND inside
                      ORDER BY id
                            ON CONFLICT (partner_id) DO NOTHING
                     RETURNING id, partner_id
                    ), linked AS (
                        UPDATE res_partner p SET discipline_id = born.id FROM born WHERE p.id = born.partner_id
                    ), moved AS (
                        UPDATE discipline_customer c
                           SET in_base = w.inside, company_id = w.company_id, write_date = now() AT TIME ZONE 'UTC',
                               base_from = CASE WHEN w.inside AND NOT w.in_base THEN w.day ELSE c.base_from END,
                               base_until = CASE WHEN w.inside THEN NULL WHEN w.in_base THEN w.day
                                                 ELSE c.base_until END
                          FROM (SELECT * FROM wanted LEFT JOIN today USING (company_id)) w
                         WHERE c.id = w.cid
                           AND (c.in_base IS DISTINCT FROM w.inside OR c.company_id IS DISTINCT FROM w.company_id)
                     RETURNING c.partner_id
                    )
                    SELECT partner_id FROM born UNION ALL SELECT partner_id FROM moved
                    """,
                    ruled=query.select(SQL("%s AS id", SQL.identifier(query.table, "id"))),
                    fallback=fallback,
                    limit=limit,
                    companies=companies.ids,
                    days=[Calendar._today(company) for company in companies],
                )
            )
        ]
        if changed:
            self.invalidate_model(["in_base", "base_from", "base_until", "company_id", "partner_id"])
            Partner.invalidate_model(["discipline_id", *Partner._discipline_related_fields()])
        return changed

    def _plan_none(self, reason):
        """Keep why no further contact with this customer is planned; the next contact ends it.

        :param str reason: in the manager's words
        """
        self.ensure_one()
        self.env["discipline.planning"].sudo()._drop_planned(self.partner_id.ids)
        self.sudo().write(
            {
                "no_next_reason": reason,
                "no_next_by_id": self.env.uid,
                "no_next_on": self.env["discipline.calendar"]._today(self.company_id),
            }
        )
        self.partner_id.message_post(body=self.env._("No further contact is planned: %(reason)s", reason=reason))

    def _force_in_base(self, value):
        """Keep these customers in (``in``) or out (``out``) of the base by hand, or by the rule again (False)."""
        if not self.env.su and not self.env.user.has_group("sales_team.group_sale_salesman_all_leads"):
            raise UserError(self.env._("Only a supervisor decides by hand who belongs to the customer base."))
        self.sudo().write({"in_base_forced": value})
        partners = self.partner_id
        self._reconcile_base(partners.ids)
        self.env["discipline.assignment"]._sync(partners.ids)

    def action_force_in(self):
        self._force_in_base("in")

    def action_force_out(self):
        self._force_in_base("out")

    def action_by_rule(self):
        self._force_in_base(False)

    def action_open_partner(self):
        """Open the customer's card."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "res.partner",
            "res_id": self.partner_id.id,
            "view_mode": "form",
        }
