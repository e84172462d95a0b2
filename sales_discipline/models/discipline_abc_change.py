from odoo import fields, models


class DisciplineAbcChange(models.Model):
    """A customer's move from class to class, and why."""

    _name = "discipline.abc.change"
    _inherit = "discipline.ledger"
    _description = "Change of ABC Class"
    _order = "date_effective desc, id desc"
    _rec_name = "partner_id"

    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, ondelete="set null")
    customer_ref = fields.Integer("Customer No.", readonly=True, required=True)
    class_from_id = fields.Many2one("discipline.abc.class", "Class Before", readonly=True, ondelete="set null")
    class_to_id = fields.Many2one("discipline.abc.class", "Class After", readonly=True, ondelete="set null")
    date_effective = fields.Date(readonly=True, required=True)
    run_id = fields.Many2one("discipline.abc.run", readonly=True, ondelete="set null", index="btree_not_null")
    company_id = fields.Many2one("res.company", readonly=True, ondelete="set null", index=True)

    _customer_idx = models.Index("(customer_ref, date_effective)")
    _changed_idx = models.Index("(write_date)")
