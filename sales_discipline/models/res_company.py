from ast import literal_eval

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import ormcache

DEFAULT_BASE_DOMAIN = "['&', ('partner_share', '=', True), '|', ('is_company', '=', True), ('parent_id', '=', False)]"


class ResCompany(models.Model):
    _inherit = "res.company"

    discipline_active = fields.Boolean("Sales Discipline", default=True, help="This company's customers are judged.")
    discipline_base_domain = fields.Char(
        "Who Is a Customer",
        default=DEFAULT_BASE_DOMAIN,
        help="The rule that says which companies and persons belong to the customer base.",
    )
    discipline_revenue_kinds = fields.Selection(
        [
            ("deal", "Won opportunities"),
            ("order", "Confirmed orders"),
            ("invoice", "Invoices"),
            ("shipment", "Shipments"),
            ("payment", "Payments"),
        ],
        "Purchases Are",
        default="deal",
        required=True,
        help="Which entries of the purchase ledger make revenue; returns are always taken off.",
    )
    discipline_abc_months = fields.Integer("ABC over Months", default=12)
    discipline_abc_margin = fields.Float(
        "Margin of Classes",
        digits=(5, 2),
        default=0,
        help="A customer keeps his class while his cumulative share lies within so many percentage points of its "
        "bounds.",
    )
    discipline_abc_grace_months = fields.Integer(
        "Grace for New Customers",
        default=0,
        help="For so many months after his first purchase a customer is not moved to a lower class.",
    )
    discipline_xyz_x = fields.Float(
        "X up to, %", digits=(5, 1), default=25, help="A customer is X while his months vary by no more than this."
    )
    discipline_xyz_y = fields.Float(
        "Y up to, %", digits=(5, 1), default=50, help="A customer is Y while his months vary by no more than this."
    )
    discipline_small_number = fields.Integer(
        "Grey below, Deals",
        default=10,
        help="In the funnel a share of fewer deals is shown in grey: it may well be chance.",
    )
    discipline_abc_approval = fields.Boolean(
        "Approve ABC Analysis", help="The monthly analysis waits for a Sales administrator to apply it."
    )
    discipline_date_start = fields.Date(
        "Judged From", help="No period that begins before this day is judged. Empty: the month of the installation."
    )
    discipline_dry_mode = fields.Boolean(
        "Dry Mode",
        default=True,
        help="Redistributions are computed and shown to supervisors, but nobody is told and no customer moves.",
    )
    discipline_evaluated_at = fields.Datetime("Last Judged", readonly=True, copy=False)
    discipline_purchases_on = fields.Date(
        "Purchases Added Up on", readonly=True, copy=False, help="The day that reports on purchases are as of."
    )
    discipline_capacity_per_day = fields.Integer(
        "Contacts per Day", default=15, help="How many contacts a manager can make on a working day."
    )

    @api.constrains("discipline_base_domain")
    def _check_discipline_base_domain(self):
        for company in self:
            try:
                domain = Domain(literal_eval(company.discipline_base_domain or "[]"))
                self.env["res.partner"].sudo()._search(domain, limit=1)
            except (ValueError, SyntaxError, TypeError, KeyError) as error:
                raise ValidationError(
                    self.env._(
                        "“Who Is a Customer” of %(company)s is not a valid rule: %(error)s",
                        company=company.name,
                        error=error,
                    )
                ) from error

    @api.constrains("discipline_abc_months", "discipline_capacity_per_day")
    def _check_discipline_positive(self):
        for company in self:
            if company.discipline_abc_months < 1 or company.discipline_capacity_per_day < 1:
                raise ValidationError(
                    self.env._(
                        "In the settings of %(company)s, “ABC over Months” and “Contacts per Day” must be 1 or more.",
                        company=company.name,
                    )
                )

    @api.constrains("discipline_xyz_x", "discipline_xyz_y")
    def _check_discipline_xyz(self):
        for company in self:
            if not 0 <= company.discipline_xyz_x < company.discipline_xyz_y:
                raise ValidationError(
                    self.env._(
                        "In the settings of %(company)s, the bound of X must be 0 %% or more and below the bound of Y.",
                        company=company.name,
                    )
                )

    @api.constrains("discipline_abc_margin", "discipline_abc_grace_months")
    def _check_discipline_abc(self):
        for company in self:
            if not 0 <= company.discipline_abc_margin < 50 or company.discipline_abc_grace_months < 0:
                raise ValidationError(
                    self.env._(
                        "In the settings of %(company)s, the margin of classes must be from 0 to less than 50 "
                        "percentage points, and the grace for new customers 0 months or more.",
                        company=company.name,
                    )
                )

    def _discipline_expect_live(self):
        """Refuse to change anything while these companies only try the program out.

        :raise UserError: naming the company, and who switches dry mode off where
        """
        for company in self:
            if company.sudo().discipline_dry_mode:
                raise UserError(
                    self.env._(
                        "%(company)s is in dry mode: nobody is told and no customer moves. Whoever has access to the "
                        "Settings switches dry mode off there first, under Sales Discipline.",
                        company=company.name,
                    )
                )

    @api.model
    @ormcache()
    def _discipline_company_ids(self):
        """Return the ids of all companies and of those with discipline on; asked at every customer that is created."""
        return (
            tuple(self.sudo().search([]).ids),
            tuple(self.sudo().search([("discipline_active", "=", True)], order="id").ids),
        )

    @api.model
    def _discipline_all(self):
        """Return every company."""
        return self.sudo().browse(self._discipline_company_ids()[0])

    @api.model
    def _discipline_on(self):
        """Return the companies with discipline on, by id."""
        return self.sudo().browse(self._discipline_company_ids()[1])

    @api.model
    def _discipline_first(self):
        """Return the first company with discipline on: it judges customers that belong to no company."""
        return self._discipline_on()[:1] or self._discipline_all().sorted("id")[:1]

    @api.model
    def _discipline_base_domain(self):
        """Return the rule of the customer base over all companies: each company's rule for its own partners."""
        companies = self._discipline_on()
        if not companies:
            return Domain.FALSE
        first = self._discipline_first()
        parts = []
        for company in companies:
            owners = Domain("company_id", "=", company.id)
            if company == first:
                owners |= Domain("company_id", "=", False)
            parts.append(owners & Domain(literal_eval(company.discipline_base_domain or "[]")))
        return Domain.OR(parts)

    def _discipline_base_fields(self):
        """Return the names of the partner's fields on which the base's rules depend (the first of each path)."""
        names = {"active", "parent_id", "is_company", "customer_group_id", "company_id", "partner_share"}
        for company in self._discipline_on():
            domain = Domain(literal_eval(company.discipline_base_domain or "[]"))
            names.update(condition.field_expr.split(".")[0] for condition in domain.iter_conditions())
        return names

    @api.model_create_multi
    def create(self, vals_list):
        companies = super().create(vals_list)
        self.env.registry.clear_cache()
        self.env["discipline.policy"].sudo()._ensure_default(companies)
        self.env["discipline.customer"].sudo()._reconcile_base(companies.partner_id.ids)
        return companies

    def write(self, vals):
        result = super().write(vals)
        if {"discipline_base_domain", "discipline_active", "active", "sequence"} & vals.keys():
            self.env.registry.clear_cache()
        return result
