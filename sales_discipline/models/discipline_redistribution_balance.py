"""How evenly the base is divided before and after a redistribution."""

from odoo import api, fields, models

from ..engine.balance import imbalance


class DisciplineRedistribution(models.Model):
    _inherit = "discipline.redistribution"

    balance = fields.Html(compute="_compute_balance", sanitize=False)

    @api.depends("manager_ids", "line_ids.state", "line_ids.user_to_id")
    def _compute_balance(self):
        for record in self:
            managers = record.manager_ids
            record.balance = record._balance_table(managers) if len(managers) > 1 else False

    def _balance_table(self, managers):
        heads = [
            "",
            self.env._("Most before"),
            self.env._("Least before"),
            self.env._("Variation before, %"),
            self.env._("Most after"),
            self.env._("Least after"),
            self.env._("Variation after, %"),
        ]
        rows = []
        for title, before, after in (
            (self.env._("Customers"), "customers_before", "customers_after"),
            (self.env._("Load"), "load_before", "load_after"),
        ):
            was, becomes = imbalance(managers.mapped(before)), imbalance(managers.mapped(after))
            rows.append((title, *self._balance_cells(was), *self._balance_cells(becomes)))
        return self.env["discipline.import"]._html_table(heads, rows)

    def _balance_cells(self, found):
        return found.largest, found.smallest, "" if found.variation is None else f"{found.variation:.0f}"
