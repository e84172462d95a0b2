"""What a complete customer card is: rules that an administrator makes without code."""

from ast import literal_eval
from collections import namedtuple

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, ormcache

CHECKS = [
    ("filled", "Filled"),
    ("not_placeholder", "Filled, and not a placeholder"),
    ("phone", "A valid phone"),
    ("email", "A valid e-mail"),
    ("confirmed", "Confirmed within the months"),
    ("person_phone", "At least one employee with a phone"),
]
#: types of fields that a rule can look at
FIELD_TYPES = frozenset(
    [
        "char",
        "text",
        "many2one",
        "many2many",
        "selection",
        "date",
        "datetime",
        "integer",
        "float",
        "monetary",
        "boolean",
    ]
)
#: fields of a rule that change nobody's score
_COSMETIC = frozenset(["name", "sequence", "hint", "closed_months"])

#: a rule as plain data, so that saving a customer reads no rule records
Spec = namedtuple(
    "Spec", "id active target check fields months weight company_id team_id class_ids domain placeholder_words"
)


class DisciplineProfileRule(models.Model):
    """A demand on the customer card: a field, a check, for whom, and how much it weighs."""

    _name = "discipline.profile.rule"
    _description = "Rule of the Customer Card"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True, help="What a manager reads on the card: “Phone”.")
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    target = fields.Selection(
        [("customer", "The customer"), ("employees", "One of his employees")],
        "Whose Field",
        required=True,
        default="customer",
    )
    check_kind = fields.Selection(CHECKS, "Check", required=True, default="not_placeholder")
    field_name = fields.Char("Field", help="The field that is looked at.")
    field_name_2 = fields.Char(
        "And Field", help="A second field that must pass as well, such as the city of an address."
    )
    model_name = fields.Char(compute="_compute_model_name")
    months = fields.Integer(
        default=12, help="For a confirmation: for how many months it is good. The button is on the card."
    )
    placeholder_words = fields.Char(
        help="Words that people of this company type into empty fields, separated by commas; the usual ones "
        "(-, 000, test, unknown) are known."
    )
    weight = fields.Integer(default=1, required=True, help="Its share in the completeness of the card.")
    domain = fields.Char("For Which Customers", default="[]", help="Empty: for everyone in the customer base.")
    class_ids = fields.Many2many("discipline.abc.class", string="ABC Classes", help="Empty: for every class.")
    company_id = fields.Many2one("res.company", index=True, ondelete="cascade", help="Empty: in every company.")
    team_id = fields.Many2one(
        "crm.team", "Sales Team", ondelete="cascade", help="Only for customers of this team's managers."
    )
    closed_months = fields.Integer(
        "Not Available, Months",
        default=6,
        required=True,
        help="“Asked, not available” closes the field for so many months.",
    )
    hint = fields.Char(translate=True, help="What helps a manager: “Ask the secretary for the buyer's direct line.”")
    missing_count = fields.Integer("Missing", compute="_compute_missing_count", help="Customers who do not pass.")

    _weight_check = models.Constraint("CHECK(weight >= 1)", "A rule weighs 1 or more.")

    def _compute_model_name(self):
        self.model_name = "res.partner"

    def _compute_missing_count(self):
        self.env["discipline.customer"].flush_model()
        rows = dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT m.rule::int, count(*)
                      FROM discipline_customer c, jsonb_array_elements(c.profile_missing) AS m(rule)
                     WHERE c.in_base AND c.company_id = ANY(%s)
                  GROUP BY 1
                    """,
                    self.env.companies.ids,
                )
            )
        )
        for rule in self:
            rule.missing_count = rows.get(rule.id, 0)

    @api.onchange("check_kind", "target")
    def _onchange_check_kind(self):
        if self.check_kind == "person_phone":
            self.target, self.field_name, self.field_name_2 = "employees", "phone", False
        elif self.check_kind == "confirmed":
            self.target = "customer"
        elif self.check_kind in ("phone", "email"):
            self.field_name, self.field_name_2 = self.check_kind, False

    @api.constrains("check_kind", "target", "field_name", "field_name_2", "months", "closed_months")
    def _check_rule(self):
        Partner = self.env["res.partner"]
        for rule in self:
            if rule.check_kind != "person_phone" and not rule.field_name:
                raise ValidationError(self.env._("Choose the field that the rule “%(rule)s” looks at.", rule=rule.name))
            if rule.check_kind == "confirmed" and (rule.target != "customer" or rule.months < 1):
                raise ValidationError(
                    self.env._(
                        "The rule “%(rule)s” asks for a confirmation: it looks at a field of the customer, and its "
                        "months are 1 or more.",
                        rule=rule.name,
                    )
                )
            if rule.closed_months < 1:
                raise ValidationError(
                    self.env._("“Not Available, Months” of the rule “%(rule)s” must be 1 or more.", rule=rule.name)
                )
            for name in filter(None, (rule.field_name, rule.field_name_2)):
                field = Partner._fields.get(name)
                if (
                    not field
                    or not field.store
                    or field.type not in FIELD_TYPES
                    or field.company_dependent
                    or name.startswith(("discipline_", "message_", "activity_"))
                    or (rule.check_kind in ("phone", "email") and field.type != "char")
                ):
                    raise ValidationError(
                        self.env._(
                            "The rule “%(rule)s” cannot look at the field “%(field)s”: choose a field that a person "
                            "fills in on the card, with text for a phone or an e-mail.",
                            rule=rule.name,
                            field=name,
                        )
                    )

    @api.constrains("domain")
    def _check_domain(self):
        for rule in self:
            try:
                self.env["res.partner"].sudo()._search(Domain(literal_eval(rule.domain or "[]")), limit=1)
            except (ValueError, SyntaxError, TypeError, KeyError) as error:
                raise ValidationError(
                    self.env._(
                        "“For Which Customers” of the rule “%(rule)s” is not a valid condition: %(error)s",
                        rule=rule.name,
                        error=error,
                    )
                ) from error

    def _is_about_employees(self):
        """Tell whether this rule is met on an employee's card and not on the customer's own."""
        self.ensure_one()
        return self.target == "employees" or self.check_kind == "person_phone"

    # ------------------------------------------------------------------
    # Rules as plain data
    # ------------------------------------------------------------------

    @api.model
    @ormcache()
    def _specs(self):
        """Return every rule, archived ones too, as a tuple of :class:`Spec`."""
        known = self.env["res.partner"]._fields
        return tuple(
            Spec(
                rule.id,
                rule.active,
                "employees" if rule.check_kind == "person_phone" else rule.target,
                "phone" if rule.check_kind == "person_phone" else rule.check_kind,
                ("phone",)
                if rule.check_kind == "person_phone"
                else tuple(name for name in (rule.field_name, rule.field_name_2) if name in known),
                rule.months,
                rule.weight,
                rule.company_id.id,
                rule.team_id.id,
                tuple(rule.class_ids.ids),
                rule.domain or "[]",
                tuple(word.strip() for word in (rule.placeholder_words or "").split(",") if word.strip()),
            )
            for rule in self.sudo().with_context(active_test=False).search([], order="sequence, id")
        )

    @api.model
    @ormcache()
    def _trigger_fields(self):
        """Return the partner's fields whose change may change a score: whoever writes others pays nothing."""
        names = set()
        for spec in self._specs():
            if not spec.active:
                continue
            names.update(spec.fields)
            if spec.check == "phone":
                names.add("country_id")
            if spec.check == "email":
                names.update(("email", "message_bounce"))
            names.update(cond.field_expr.split(".")[0] for cond in Domain(literal_eval(spec.domain)).iter_conditions())
            if spec.team_id:
                names.add("user_id")
            if spec.target == "employees":
                names.add("type")
        if names:
            names.update(("parent_id", "is_company", "active", "customer_group_id", "company_id", "child_ids"))
        return frozenset(names & self.env["res.partner"]._fields.keys())

    # ------------------------------------------------------------------
    # A changed rule changes scores
    # ------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        rules = super().create(vals_list)
        self.env.registry.clear_cache()
        self._rescore_base()
        return rules

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() - _COSMETIC:
            self.env.registry.clear_cache()
            if vals.keys() - _COSMETIC - {"active", "weight", "company_id", "team_id", "class_ids", "domain"}:
                # what it demands has changed: what was valid under the old demand is not known to be valid now
                self._forget()
            self._rescore_base()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_unused(self):
        for rule in self:
            if self.env.execute_query(
                SQL("SELECT FROM discipline_profile_completion WHERE rules @> %s::jsonb LIMIT 1", str(rule.id))
            ):
                raise UserError(
                    self.env._(
                        "Cards were completed under the rule “%(rule)s”: archive it, so that they stay readable.",
                        rule=rule.name,
                    )
                )

    def unlink(self):
        result = super().unlink()
        self.env.registry.clear_cache()
        self._rescore_base()
        return result

    def _forget(self):
        """Forget for whom these rules were valid once."""
        self.env["discipline.customer"].flush_model()
        for rule in self:
            self.env.cr.execute(
                SQL(
                    """
                    UPDATE discipline_customer
                       SET profile_known = (SELECT COALESCE(jsonb_agg(k), '[]')
                                              FROM jsonb_array_elements(profile_known) k
                                             WHERE k != %(rule)s::jsonb)
                     WHERE profile_known @> %(rule)s::jsonb
                    """,
                    rule=str(rule.id),
                )
            )
        self.env["discipline.customer"].invalidate_model(["profile_known"])

    def action_missing(self):
        """Open the customers who do not pass this rule."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_card_action")
        action["name"] = action["display_name"] = self.env._("Missing: %(rule)s", rule=self.name)
        action["domain"] = [("in_base", "=", True), ("profile_missing_ids", "in", self.ids)]
        action["context"] = {}
        return action
