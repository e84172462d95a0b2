"""My Day: the cards that the day asks for, the easiest first, and when the portfolio will be filled."""

from odoo import api, models

#: cards named at once; the rest stands in “To Fill”
SHOWN = 10


class DisciplineMyDay(models.AbstractModel):
    _inherit = "discipline.my.day"

    @api.model
    @api.readonly
    def get_day(self):
        """Add ``cards``: the quota's figures and the easiest cards that it still asks for today."""
        return {**super().get_day(), "cards": self._cards()}

    @api.model
    def _cards(self):
        day = self.env["discipline.performance"].my_today()
        day["rows"] = [
            {
                "partner_id": row.partner_id.id,
                "name": row.partner_id.name or "",
                "missing": ", ".join(row.profile_missing_ids.mapped("name")),
            }
            for row in self._cards_to_fill(min(max(day["quota"] - day["filled"], 0), SHOWN))
        ]
        return day

    @api.model
    def _cards_to_fill(self, count):
        """Return the ``count`` incomplete cards of the person who asks that lack the fewest fields."""
        Customer = self.env["discipline.customer"]
        if not count:
            return Customer
        return Customer.search(
            [("user_id", "=", self.env.uid), ("in_base", "=", True), ("profile_complete", "=", False)],
            order="profile_missing_count, id",
            limit=count,
        )
