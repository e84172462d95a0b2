from odoo import api, fields, models


class DisciplineRedistributionManager(models.Model):
    """What a redistribution means for one manager: his load before and after it."""

    _name = "discipline.redistribution.manager"
    _description = "Manager in a Redistribution"
    _order = "redistribution_id desc, id"
    _rec_name = "user_id"

    redistribution_id = fields.Many2one(
        "discipline.redistribution", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="redistribution_id.company_id", store=True)
    user_id = fields.Many2one("res.users", "Manager", readonly=True, ondelete="cascade")
    attainment = fields.Integer(
        "Norms Met, %", readonly=True, help="Attained contacts / goals of his last closed period."
    )
    capacity = fields.Integer(readonly=True, help="Contacts that he can make in the month.")
    load_before = fields.Integer(readonly=True, help="Contacts a month that his customers' norms ask for.")
    customers_before = fields.Integer("Customers before", readonly=True)
    gives = fields.Integer(compute="_compute_after", help="Customers that leave him by this redistribution.")
    receives = fields.Integer(compute="_compute_after", help="Customers that come to him by this redistribution.")
    load_after = fields.Integer(compute="_compute_after")
    customers_after = fields.Integer("Customers after", compute="_compute_after")
    share_before = fields.Float("Load before, %", compute="_compute_after", help="Load / capacity.")
    share_after = fields.Float("Load after, %", compute="_compute_after", help="Load / capacity.")

    def action_capacity(self):
        """Open the dialog in which a supervisor sets what this manager can do."""
        self.ensure_one()
        return self.user_id._discipline_open_capacity()

    @api.depends("redistribution_id.line_ids.state", "redistribution_id.line_ids.user_to_id")
    def _compute_after(self):
        Line = self.env["discipline.redistribution.line"].sudo()
        domain = [
            ("redistribution_id", "in", self.redistribution_id.ids),
            ("state", "in", ("proposed", "approved", "applied")),
        ]
        sums = {}
        for sign, name in ((-1, "user_from_id"), (1, "user_to_id")):
            for batch, user, count, load in Line._read_group(
                domain, ["redistribution_id", name], ["__count", "load:sum"]
            ):
                sums[sign, batch.id, user.id] = (count, load)
        for row in self:
            key = (row.redistribution_id.id, row.user_id.id)
            given, received = sums.get((-1, *key), (0, 0)), sums.get((1, *key), (0, 0))
            row.gives, row.receives = given[0], received[0]
            row.load_after = row.load_before - given[1] + received[1]
            row.customers_after = row.customers_before - given[0] + received[0]
            row.share_before = 100 * row.load_before / row.capacity if row.capacity else 0
            row.share_after = 100 * row.load_after / row.capacity if row.capacity else 0
