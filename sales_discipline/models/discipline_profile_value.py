from odoo import fields, models


class DisciplineProfileValue(models.Model):
    """A phone or an e-mail that was ever entered: whether it is valid, and on whose card it came first.

    Validity is computed once per value, so that re-scoring a base is a join. The first customer tells a number that
    was found from one that was carried over from another card.
    """

    _name = "discipline.profile.value"
    _description = "Phone or E-mail Seen"
    _rec_name = "value"

    kind = fields.Selection(
        [("phone", "Phone"), ("raw", "Phone as Entered"), ("email", "E-mail")], readonly=True, required=True
    )
    value = fields.Char(readonly=True, required=True, help="As the card holds it.")
    key = fields.Char(readonly=True, help="As the network knows it: the same for every way to write it.")
    valid = fields.Boolean(readonly=True)
    customer_ref = fields.Integer("First Customer No.", readonly=True)

    _value_uniq = models.Constraint("UNIQUE(kind, value)", "This value is known already.")
    _key_idx = models.Index("(key)")
