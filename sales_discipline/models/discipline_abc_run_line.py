from odoo import fields, models


class DisciplineAbcRunLine(models.Model):
    """A customer in an ABC analysis: what he bought, his share, his class, and why."""

    _name = "discipline.abc.run.line"
    _inherit = "discipline.abc.move"
    _description = "Customer in an ABC Analysis"
    _order = "run_id desc, rank, id"
    _rec_name = "partner_id"

    run_id = fields.Many2one("discipline.abc.run", "ABC Analysis", required=True, readonly=True, ondelete="cascade")
    rank = fields.Integer(readonly=True, aggregator=None, help="By purchases, the highest first; ties by number.")
    percentile = fields.Integer(
        "Customers, %", readonly=True, aggregator=None, help="So many percent of the buying customers rank up to here."
    )
    cumulative = fields.Float(
        "Purchases up to Here, %",
        digits=(7, 3),
        readonly=True,
        aggregator="max",
        help="The share of all purchases made by this customer and those above.",
    )
    class_rule_id = fields.Many2one(
        "discipline.abc.class",
        "Class by the Rule",
        readonly=True,
        ondelete="set null",
        help="The class that the shares alone would give.",
    )
    kept = fields.Selection(
        [("margin", "Within the margin"), ("grace", "New customer"), ("locked", "Locked by hand")],
        "Why It Differs",
        readonly=True,
        help="Why the class is not the one by the rule.",
    )
    moved = fields.Boolean(readonly=True, help="The analysis gives the customer another class.")
    variation = fields.Float(
        "Variation, %",
        digits=(8, 1),
        readonly=True,
        aggregator="avg",
        help="How unevenly he buys: deviation of monthly purchases / their mean.",
    )
    xyz = fields.Selection(
        [("x", "X"), ("y", "Y"), ("z", "Z")],
        "XYZ",
        readonly=True,
        help="X buys evenly, Y less so, Z at random; the bounds of the variation are in Settings.",
    )
    user_id = fields.Many2one(related="partner_id.user_id", string="Responsible Manager")

    _run_idx = models.Index("(run_id, rank)")
    _moved_idx = models.Index("(run_id) WHERE moved")

    def _explain(self):
        text = super()._explain()
        if not self.kept:
            return text
        kept = dict(self._fields["kept"]._description_selection(self.env))[self.kept]
        return self.env._(
            "%(explanation)s; %(reason)s (by the rule %(rule)s)",
            explanation=text,
            reason=kept,
            rule=self.class_rule_id.name or "-",
        )


class DisciplineAbcRunTotal(models.Model):
    """How many customers a class of an ABC analysis has, and how much they bought."""

    _name = "discipline.abc.run.total"
    _description = "Class in an ABC Analysis"
    _order = "run_id desc, sequence, id"
    _rec_name = "abc_class_id"

    run_id = fields.Many2one(
        "discipline.abc.run", "ABC Analysis", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="run_id.company_id", store=True)
    currency_id = fields.Many2one(related="run_id.company_id.currency_id")
    abc_class_id = fields.Many2one("discipline.abc.class", "Class", readonly=True, ondelete="set null")
    sequence = fields.Integer(readonly=True)
    customers = fields.Integer(readonly=True)
    revenue = fields.Monetary("Purchases", readonly=True, currency_field="currency_id")
    customer_share = fields.Float("Customers, %", digits=(5, 1), readonly=True, aggregator=None)
    revenue_share = fields.Float("Purchases, %", digits=(5, 1), readonly=True, aggregator=None)
    came = fields.Integer("Moved In", readonly=True)
    left = fields.Integer("Moved Out", readonly=True)
