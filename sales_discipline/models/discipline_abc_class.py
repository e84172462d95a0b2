from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError


class DisciplineAbcClass(models.Model):
    """A class of customers by their share of the purchases; the last one has bought nothing."""

    _name = "discipline.abc.class"
    _description = "ABC Class"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    cumulative_share = fields.Float(
        "Up to, %",
        digits=(5, 2),
        help="A customer is in the class while the customers before him made less than this share of all purchases.",
    )
    is_no_purchase = fields.Boolean("No Purchases", help="Whoever bought nothing in the months looked at is in it.")
    color = fields.Integer()
    norm_ids = fields.One2many("discipline.norm", "abc_class_id", "Norms")

    _name_uniq = models.Constraint("UNIQUE(name)", "There is already a class with this name.")

    @api.model
    def _bounds(self):
        """Return the classes in order: (those with purchases, the one without purchases or an empty record).

        :raise UserError: if there is no class with purchases
        """
        classes = self.sudo().search([])
        bought = classes.filtered(lambda row: not row.is_no_purchase)
        if not bought:
            raise UserError(self.env._("There is no ABC class for customers with purchases: add one up to 100 %."))
        return bought, classes - bought

    @api.constrains("sequence", "cumulative_share", "is_no_purchase")
    def _check_bounds(self):
        """Refuse bounds that do not ascend to 100 %, naming the class."""
        if self.env.context.get("install_mode"):
            # the shipped classes come one by one; their bounds ascend together only
            return
        bought = self.search([("is_no_purchase", "=", False)])
        before = 0
        for row in bought:
            if not before < row.cumulative_share <= 100:
                raise ValidationError(
                    self.env._(
                        "Class %(name)s ends at %(share)s %%: the bounds must ascend with the order of the classes, "
                        "above %(before)s %% and up to 100 %%.",
                        name=row.name,
                        share=row.cumulative_share,
                        before=before,
                    )
                )
            before = row.cumulative_share
        if bought and before != 100:
            raise ValidationError(
                self.env._(
                    "The last class with purchases, %(name)s, ends at %(share)s %%: it must end at 100 %%.",
                    name=bought[-1].name,
                    share=before,
                )
            )
        if self.search_count([("is_no_purchase", "=", True)]) > 1:
            raise ValidationError(self.env._("Only one class can be the one without purchases."))
