"""A move between classes: what it rests on, and how it is said."""

from odoo import api, fields, models
from odoo.tools import formatLang


class DisciplineAbcMove(models.AbstractModel):
    """What a move between classes rests on, and how it is said."""

    _name = "discipline.abc.move"
    _description = "Move between ABC Classes"

    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, ondelete="set null", index="btree_not_null")
    customer_ref = fields.Integer("Customer No.", readonly=True, required=True, aggregator=None)
    class_from_id = fields.Many2one("discipline.abc.class", "Class Before", readonly=True, ondelete="set null")
    class_to_id = fields.Many2one("discipline.abc.class", "Class After", readonly=True, ondelete="set null")
    revenue_from = fields.Monetary(
        "Purchases Before", readonly=True, currency_field="currency_id", help="In the analysis before this one."
    )
    revenue_to = fields.Monetary("Purchases", readonly=True, currency_field="currency_id")
    share_from = fields.Float(
        "Cumulative Share Before, %", digits=(7, 3), readonly=True, aggregator=None, help="In the analysis before."
    )
    share_to = fields.Float(
        "Cumulative Share, %",
        digits=(7, 3),
        readonly=True,
        aggregator=None,
        help="The share of all purchases that customers with higher purchases made: the class rests on it.",
    )
    known_from = fields.Boolean(readonly=True, help="There are figures of an earlier analysis.")
    company_id = fields.Many2one("res.company", readonly=True, ondelete="set null", index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    explanation = fields.Char(compute="_compute_explanation")

    @api.depends("class_from_id", "class_to_id", "revenue_from", "revenue_to", "share_from", "share_to", "known_from")
    @api.depends_context("lang")
    def _compute_explanation(self):
        for move in self:
            move.explanation = move._explain()

    def _explain(self):
        """Return the move in words, in the reader's language, with the figures it rests on."""
        self.ensure_one()
        figures = self._explain_figures()
        if not self.class_from_id:
            return self.env._(
                "First class %(class_to)s: %(figures)s", class_to=self.class_to_id.name or "-", figures=figures
            )
        if self.class_from_id == self.class_to_id:
            return self.env._("Stays %(class_to)s: %(figures)s", class_to=self.class_to_id.name, figures=figures)
        return self.env._(
            "%(class_from)s to %(class_to)s: %(figures)s",
            class_from=self.class_from_id.name,
            class_to=self.class_to_id.name or "-",
            figures=figures,
        )

    def _explain_figures(self):
        """Return "revenue 48,200 to 31,900, cumulative share 79.4 % to 83.1 %"; less where less is known."""
        after = formatLang(self.env, self.revenue_to, digits=0)
        share = formatLang(self.env, self.share_to, digits=1)
        if not self.known_from:
            if self.revenue_to <= 0:
                return self.env._("no purchases")
            return self.env._("revenue %(after)s, cumulative share %(share)s %%", after=after, share=share)
        before = formatLang(self.env, self.revenue_from, digits=0)
        share_before = formatLang(self.env, self.share_from, digits=1)
        if self.revenue_to <= 0:
            return self.env._("revenue %(before)s to %(after)s, no purchases left", before=before, after=after)
        if self.revenue_from <= 0:
            return self.env._(
                "revenue %(before)s to %(after)s, cumulative share %(share)s %%",
                before=before,
                after=after,
                share=share,
            )
        return self.env._(
            "revenue %(before)s to %(after)s, cumulative share %(share_before)s %% to %(share)s %%",
            before=before,
            after=after,
            share_before=share_before,
            share=share,
        )
