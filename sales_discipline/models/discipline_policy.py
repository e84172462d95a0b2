from dateutil.relativedelta import relativedelta
from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import ormcache
from odoo.tools.misc import format_date

PRESETS = {
    "article": {"missed_share": 100, "missed_needed": 1, "missed_of": 1, "late_stage_probability": 0},
    "balanced": {"missed_share": 50, "missed_needed": 2, "missed_of": 3, "late_stage_probability": 80},
}


class DisciplinePolicy(models.Model):
    """The rules of counting and of redistribution, a version per date: a new version never changes the past."""

    _name = "discipline.policy"
    _inherit = "discipline.cached"
    _description = "Policy"
    _order = "company_id, valid_from desc, id desc"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    valid_from = fields.Date(
        required=True,
        default=lambda self: self.env["discipline.calendar"]._today(),
        help="Periods that begin on this day or later follow it.",
    )
    preset = fields.Selection(
        [("article", "As in the article"), ("balanced", "Balanced"), ("custom", "Own rules")],
        required=True,
        default="article",
        help="Ready sets of rules for when a customer is withdrawn; with “Own rules” each of them is yours to set.",
    )
    min_gap = fields.Integer(
        "Days between Contacts",
        default=1,
        required=True,
        help="A contact counts if it comes at least so many working days after the last that counted; 1: one per day.",
    )
    backdating = fields.Integer(
        "Logged Within", default=2, required=True, help="A contact counts if logged within so many working days."
    )
    closing_days = fields.Integer(
        "Closed After", default=3, required=True, help="A period closes so many working days after its end."
    )
    unreachable_attempts = fields.Integer(
        "Unreachable after",
        default=5,
        required=True,
        help="After attempts without an answer on so many different days a supervisor may confirm that the customer "
        "cannot be reached; 0: never.",
    )
    missed_share = fields.Integer(
        "Missed at or below, %",
        default=100,
        required=True,
        help="A judged period is held against the manager if he attained at most this share of its goal; "
        "100: any period whose goal was not attained.",
    )
    missed_needed = fields.Integer(
        "Missed Periods", default=1, required=True, help="So many missed periods withdraw a customer."
    )
    missed_of = fields.Integer(
        "Of the Last", default=1, required=True, help="How many of the last judged periods are looked at."
    )
    line_ids = fields.One2many(
        "discipline.policy.line",
        "policy_id",
        "Classes with Their Own Rule",
        copy=True,
        help="For these classes other numbers of missed periods withdraw a customer.",
    )
    receiver_attainment = fields.Integer(
        "Receivers Attain, %",
        default=90,
        required=True,
        help="Withdrawn customers go to those who attained at least this share of their own norms.",
    )
    cap_per_manager = fields.Integer(
        "Withdrawn at Most",
        default=0,
        help="No more customers than this are withdrawn from one manager in a month; 0: no limit.",
    )
    intake_cap = fields.Integer(
        "Received at Most", default=0, help="No more customers than this are given to one manager in a month; 0: any."
    )
    cooldown_days = fields.Integer(
        "Cooldown, Days", default=90, help="A customer who moved does not move again, nor return, for so many days."
    )
    newcomer_months = fields.Integer(
        "Newcomer, Months", default=3, help="Nothing is withdrawn from a newcomer for so many months."
    )
    late_stage_probability = fields.Integer(
        "Late Stage from, %",
        default=0,
        help="A customer with an open opportunity of at least this probability is not withdrawn; 0: no protection.",
    )
    appeal_days = fields.Integer(
        "Appeal Within",
        default=3,
        required=True,
        help="For so many working days whoever loses a customer for a missed norm may appeal.",
    )
    approval = fields.Selection(
        [("manual", "A supervisor approves"), ("automatic", "Automatic after the appeal deadline")],
        default="manual",
        required=True,
        help="Whether a supervisor approves each redistribution, or it is carried out once the time for appeals is "
        "over.",
    )
    request_approval = fields.Selection(
        [
            ("both", "The present manager agrees and a supervisor approves"),
            ("agreement", "The present manager's agreement is enough"),
            ("supervisor", "A supervisor decides alone"),
        ],
        "Transfer Requests",
        default="both",
        required=True,
        help="Who decides when a manager asks for a colleague's customer, or offers him one of his own.",
    )
    move_leads = fields.Boolean(
        "Open Opportunities Move Too", default=True, help="The customer's open opportunities go to his new manager."
    )

    _key_uniq = models.Constraint(
        "UNIQUE(company_id, valid_from)", "This company already has a policy from this date: change its date."
    )

    @api.depends("company_id", "valid_from", "preset")
    @api.depends_context("lang")
    def _compute_display_name(self):
        presets = dict(self._fields["preset"]._description_selection(self.env))
        for policy in self:
            policy.display_name = f"{presets.get(policy.preset, '')} ({format_date(self.env, policy.valid_from)})"

    @api.constrains(
        "min_gap",
        "backdating",
        "closing_days",
        "unreachable_attempts",
        "missed_share",
        "missed_needed",
        "missed_of",
        "receiver_attainment",
        "cap_per_manager",
        "intake_cap",
        "cooldown_days",
        "newcomer_months",
        "late_stage_probability",
        "appeal_days",
    )
    def _check_numbers(self):
        least = {
            "min_gap": 1,
            "backdating": 0,
            "closing_days": 0,
            "unreachable_attempts": 0,
            "missed_share": 0,
            "missed_needed": 1,
            "missed_of": 1,
            "receiver_attainment": 0,
            "cap_per_manager": 0,
            "intake_cap": 0,
            "cooldown_days": 0,
            "newcomer_months": 0,
            "late_stage_probability": 0,
            "appeal_days": 0,
        }
        for policy in self:
            for name, low in least.items():
                if policy[name] < low:
                    raise ValidationError(
                        self.env._(
                            "In the policy of %(company)s from %(date)s, “%(field)s” is %(value)s: it must be at least "
                            "%(low)s.",
                            company=policy.company_id.name,
                            date=format_date(self.env, policy.valid_from),
                            field=self._fields[name]._description_string(self.env),
                            value=policy[name],
                            low=low,
                        )
                    )
            if policy.missed_needed > policy.missed_of:
                raise ValidationError(
                    self.env._(
                        "The policy of %(company)s asks for %(needed)s missed periods of the last %(of)s: "
                        "that can never happen.",
                        company=policy.company_id.name,
                        needed=policy.missed_needed,
                        of=policy.missed_of,
                    )
                )
            if policy.closing_days < policy.backdating:
                raise ValidationError(
                    self.env._(
                        "The policy of %(company)s closes a period %(closing)s working days after its end, but "
                        "contacts may be logged within %(backdating)s: close later.",
                        company=policy.company_id.name,
                        closing=policy.closing_days,
                        backdating=policy.backdating,
                    )
                )

    @api.onchange("preset")
    def _onchange_preset(self):
        values = PRESETS.get(self.preset)
        if values:
            self.update(values)
            self.line_ids = [fields.Command.clear(), *self._preset_lines(self.preset)]

    @api.model
    def _preset_lines(self, preset):
        """Return the commands of the classes' own rules of a preset: in “Balanced”, C has 3 of 3."""
        if preset != "balanced":
            return []
        last = self.env["discipline.abc.class"].search(
            [("norm_ids", "!=", False)], order="sequence desc, id desc", limit=1
        )
        return [fields.Command.create({"abc_class_id": last.id, "missed_needed": 3, "missed_of": 3})] if last else []

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._complete_preset(vals)
        policies = super().create(vals_list)
        policies._relink_periods()
        return policies

    def copy_data(self, default=None):
        """A copy is the next version: it begins with the first month that no other version begins with."""
        vals_list = super().copy_data(default)
        for policy, vals in zip(self, vals_list, strict=True):
            if not (default or {}).get("valid_from"):
                taken = self.search([("company_id", "=", policy.company_id.id)]).mapped("valid_from")
                today = self.env["discipline.calendar"]._today(policy.company_id)
                vals["valid_from"] = max([*taken, today]).replace(day=1) + relativedelta(months=1)
        return vals_list

    @api.model
    def _complete_preset(self, vals):
        """Add to ``vals`` what its preset says and it does not, so that a preset means the same everywhere."""
        preset = vals.get("preset")
        if preset in PRESETS:
            vals.update({key: vals.get(key, value) for key, value in PRESETS[preset].items()})
            vals.setdefault("line_ids", [fields.Command.clear(), *self._preset_lines(preset)])

    def _relink_periods(self):
        """Let open periods that begin on a policy's date or later follow it; those being closed keep theirs."""
        Period = self.env["discipline.period"].sudo()
        changed = Period.browse()
        periods = Period.search(
            [("company_id", "in", self.company_id.ids), ("state", "=", "open"), ("closing_at", "=", False)]
        )
        for period in periods:
            policy = self._policy_on(period.company_id, period.date_start)
            if policy != period.policy_id:
                period.policy_id = policy
                changed |= period
        for period in changed:
            self.env["discipline.compliance"].sudo()._evaluate(period)
        for company in changed.company_id:
            self.env["discipline.compliance"].sudo()._refresh_customers(company)

    def _is_used(self):
        """Tell which of these policies have judged a period that is closed."""
        used = self.env["discipline.period"].sudo().search([("policy_id", "in", self.ids), ("state", "=", "closed")])
        return used.policy_id

    def _check_unused(self):
        """Refuse to change what closed periods rest on.

        :raise UserError: naming the policy
        """
        used = self._is_used()
        if used:
            raise UserError(
                self.env._(
                    "Closed periods rest on the policy %(policy)s. Make a new version with a later date: the past "
                    "keeps its rules.",
                    policy=used[0].display_name,
                )
            )

    @api.constrains("min_gap", "valid_from")
    def _check_norms_possible(self):
        for policy in self:
            later = self.search(
                [("company_id", "=", policy.company_id.id), ("valid_from", ">", policy.valid_from)],
                order="valid_from",
                limit=1,
            )
            rows = self.env["discipline.norm"]._norm_rows(
                policy.company_id, policy.valid_from, later.valid_from or fields.Date.to_date("9999-01-01")
            )
            for norm in self.env["discipline.norm"].sudo().browse(row[5] for row in rows):
                norm._check_possible(policy.company_id, policy.min_gap)

    def write(self, vals):
        self._check_unused()
        self._complete_preset(vals)
        result = super().write(vals)
        if {"valid_from", "company_id"} & vals.keys():
            self._relink_periods()
        if {"min_gap", "backdating"} & vals.keys():
            self.env["discipline.compliance"].sudo()._evaluate_companies(self.company_id)
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_unused(self):
        used = self.env["discipline.period"].sudo().search([("policy_id", "in", self.ids)], limit=1)
        if used:
            raise UserError(
                self.env._(
                    "Periods rest on the policy %(policy)s: it cannot be deleted.", policy=used.policy_id.display_name
                )
            )

    @api.model
    def _policy_on(self, company, day):
        """Return the policy that governs ``company`` on ``day``: the latest version, or the first one before that."""
        versions = self._versions(company)
        chosen = next((version for since, version in versions if since <= day), versions[-1][1] if versions else ())
        return self.sudo().browse(chosen)

    @api.model
    @ormcache("company.id")
    def _versions(self, company):
        """Return (first day, id) of a company's policies, the latest first."""
        policies = self.sudo().search([("company_id", "=", company.id)], order="valid_from desc, id desc")
        return tuple((policy.valid_from, policy.id) for policy in policies)

    @api.model
    def _ensure_default(self, companies=None):
        """Give every company without a policy the shipped one (“As in the article”)."""
        companies = companies or self.env["res.company"].sudo().search([])
        having = {company.id for (company,) in self.sudo()._read_group([], ["company_id"])}
        for company in companies.filtered(lambda company: company.id not in having):
            first = self.env["discipline.calendar"]._month_bounds(self.env["discipline.calendar"]._today(company))[0]
            self.sudo().create({"company_id": company.id, "valid_from": first, "preset": "article"})
            if not company.discipline_date_start:
                company.discipline_date_start = first

    def _rule_for(self, abc_class):
        """Return (missed periods needed, of the last, share in percent) for a class."""
        self.ensure_one()
        line = self.line_ids.filtered(lambda row: row.abc_class_id == abc_class)[:1]
        return (
            line.missed_needed or self.missed_needed,
            line.missed_of or self.missed_of,
            self.missed_share,
        )


class DisciplinePolicyLine(models.Model):
    _name = "discipline.policy.line"
    _description = "Policy for a Class"
    _order = "abc_class_id"

    policy_id = fields.Many2one("discipline.policy", required=True, index=True, ondelete="cascade")
    abc_class_id = fields.Many2one("discipline.abc.class", "ABC Class", required=True, ondelete="restrict")
    missed_needed = fields.Integer("Missed Periods", default=1, required=True)
    missed_of = fields.Integer("Of the Last", default=1, required=True)

    @api.model_create_multi
    def create(self, vals_list):
        self.env["discipline.policy"].browse(vals["policy_id"] for vals in vals_list)._check_unused()
        return super().create(vals_list)

    def write(self, vals):
        self.policy_id._check_unused()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_unused(self):
        self.policy_id._check_unused()

    _class_uniq = models.Constraint("UNIQUE(policy_id, abc_class_id)", "A class has one rule in a policy.")

    @api.constrains("missed_needed", "missed_of")
    def _check_numbers(self):
        for line in self:
            if not 1 <= line.missed_needed <= line.missed_of:
                raise ValidationError(
                    self.env._(
                        "For class %(name)s the policy asks for %(needed)s missed periods of the last %(of)s: "
                        "that can never happen.",
                        name=line.abc_class_id.name,
                        needed=line.missed_needed,
                        of=line.missed_of,
                    )
                )
