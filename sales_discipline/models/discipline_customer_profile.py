"""The card's part of a customer's row: what is missing, since when, and who completed it."""

from odoo import api, fields, models
from odoo.fields import Command, Domain
from odoo.tools import SQL

#: Odoo's palette of kanban colours: green, yellow, red
COLORS = {"full": 10, "half": 3, "empty": 1}


class DisciplineCustomer(models.Model):
    _inherit = "discipline.customer"

    profile_missing = fields.Json("Missing, as Numbers of Rules", readonly=True)
    profile_missing_count = fields.Integer("Fields to Fill", readonly=True, aggregator="sum")
    profile_closed = fields.Json("Not Available, as Numbers of Rules", readonly=True)
    profile_known = fields.Json("Ever Valid, as Numbers of Rules", readonly=True)
    profile_pending = fields.Json("Newly Valid, as Numbers of Rules", readonly=True)
    profile_borrowed = fields.Boolean(
        "Borrowed Value",
        readonly=True,
        help="The card is complete with a phone or an e-mail that came first on another customer's card.",
    )
    profile_missing_since = fields.Date("Incomplete Since", readonly=True)
    profile_completed_on = fields.Date("Card Completed on", readonly=True)
    profile_completed_by_id = fields.Many2one(
        "res.users", "Card Completed by", readonly=True, index="btree_not_null", ondelete="set null"
    )
    profile_missing_ids = fields.Many2many(
        "discipline.profile.rule", string="Missing", compute="_compute_profile_rules", search="_search_profile_missing"
    )
    profile_closed_ids = fields.Many2many(
        "discipline.profile.rule",
        string="Asked, Not Available",
        compute="_compute_profile_rules",
        search="_search_profile_closed",
    )
    profile_level = fields.Selection(
        [("full", "Complete"), ("half", "Half Filled"), ("empty", "Nearly Empty")],
        "Card",
        compute="_compute_profile_level",
        help="Complete: nothing is missing. Half filled: at least half of what is asked for is there.",
    )
    profile_color = fields.Integer("Colour of the Card", compute="_compute_profile_level")
    profile_shared_count = fields.Integer(
        "Customers with the Same Phone", compute="_compute_profile_shared", help="Most customers on one of his phones."
    )
    profile_shared = fields.Boolean(
        "Phone of Several Customers", compute="_compute_profile_shared", search="_search_profile_shared"
    )

    @api.depends("profile_missing", "profile_closed")
    def _compute_profile_rules(self):
        order = [spec.id for spec in self.env["discipline.profile.rule"]._specs() if spec.active]
        for customer in self:
            missing, closed = customer.profile_missing or [], customer.profile_closed or []
            customer.profile_missing_ids = [Command.set([rule for rule in order if rule in missing])]
            customer.profile_closed_ids = [Command.set([rule for rule in order if rule in closed])]

    def _search_profile_missing(self, operator, value):
        return self._search_profile_rules("profile_missing", operator, value)

    def _search_profile_closed(self, operator, value):
        return self._search_profile_rules("profile_closed", operator, value)

    @api.model
    def _search_profile_rules(self, name, operator, value):
        if operator in ("ilike", "like", "=") and isinstance(value, str):
            value = self.env["discipline.profile.rule"].search([("name", "ilike", value)]).ids
        elif operator == "any" and isinstance(value, Domain):
            value = self.env["discipline.profile.rule"].search(value).ids
        elif operator != "in":
            return NotImplemented
        column = SQL.identifier("c", name)
        conditions = [SQL("%s @> %s::jsonb", column, str(rule)) for rule in value if rule]
        if False in value:
            conditions.append(SQL("COALESCE(%s, '[]') = '[]'", column))
        if not conditions:
            return Domain.FALSE
        self.flush_model([name])
        return Domain(
            "id", "in", SQL("(SELECT c.id FROM discipline_customer c WHERE %s)", SQL(" OR ").join(conditions))
        )

    @api.depends("profile_complete", "profile_score", "in_base")
    def _compute_profile_level(self):
        for customer in self:
            if customer.profile_complete:
                customer.profile_level = "full"
            else:
                customer.profile_level = "half" if customer.profile_score >= 50 else "empty"
            customer.profile_color = COLORS[customer.profile_level] if customer.in_base else 0

    # ------------------------------------------------------------------
    # A phone that stands on many cards
    # ------------------------------------------------------------------

    @api.model
    def _sql_phone_holders(self, condition):
        """Return SQL of the phones that meet ``condition`` (on ``x``), each with its customers and their number."""
        return SQL(
            """
            SELECT x.phone_sanitized AS phone, count(DISTINCT d.partner_id) AS holders,
                   array_agg(DISTINCT d.partner_id) AS customers
              FROM res_partner x
              JOIN res_partner m ON m.id = x.commercial_partner_id
              JOIN discipline_customer d ON d.partner_id = COALESCE(m.customer_group_id, m.id) AND d.in_base
             WHERE x.active AND x.phone_sanitized IS NOT NULL AND %s
          GROUP BY x.phone_sanitized
            """,
            condition,
        )

    def _compute_profile_shared(self):
        self.env["res.partner"].flush_model(["phone_sanitized", "commercial_partner_id", "customer_group_id", "active"])
        mine = SQL(
            """
            SELECT COALESCE(m.customer_group_id, m.id) AS partner_id, x.phone_sanitized AS phone
              FROM res_partner x JOIN res_partner m ON m.id = x.commercial_partner_id
             WHERE x.active AND x.phone_sanitized IS NOT NULL
               AND (m.id = ANY(%(ids)s) OR m.customer_group_id = ANY(%(ids)s))
            """,
            ids=self.partner_id.ids,
        )
        holders = self._sql_phone_holders(SQL("x.phone_sanitized IN (SELECT phone FROM mine)"))
        counts = dict(
            self.env.execute_query(
                SQL(
                    "WITH mine AS MATERIALIZED (%s), h AS (%s) SELECT mine.partner_id, max(h.holders) FROM mine "
                    "JOIN h ON h.phone = mine.phone GROUP BY mine.partner_id",
                    mine,
                    holders,
                )
            )
        )
        for customer in self:
            count = counts.get(customer.partner_id.id, 0)
            limit = customer.company_id.discipline_phone_shared or 0
            customer.profile_shared_count = count
            customer.profile_shared = bool(limit) and count >= limit

    def _search_profile_shared(self, operator, value):
        if operator != "in":
            return NotImplemented
        self.env["res.partner"].flush_model(["phone_sanitized", "commercial_partner_id", "customer_group_id", "active"])
        self.env["res.company"].flush_model(["discipline_phone_shared"])
        shared = Domain(
            "id",
            "in",
            SQL(
                """
                (SELECT c.id
                   FROM (SELECT unnest(h.customers) AS customer, h.holders FROM (%s) h) many
                   JOIN discipline_customer c ON c.partner_id = many.customer
                   JOIN res_company co ON co.id = c.company_id
                  WHERE co.discipline_phone_shared > 0 AND many.holders >= co.discipline_phone_shared)
                """,
                self._sql_phone_holders(SQL("TRUE")),
            ),
        )
        return Domain.OR([shared if flag else ~shared for flag in value])
