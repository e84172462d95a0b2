"""A won opportunity is a purchase; one that is not won any more is none."""

from contextlib import contextmanager

from odoo import api, models


class CrmLead(models.Model):
    _inherit = "crm.lead"

    @api.model_create_multi
    def create(self, vals_list):
        leads = super().create(vals_list)
        won = leads.filtered(lambda lead: lead._discipline_won_status() == "won")
        self.env["discipline.revenue"].sudo()._sync_deals(won.ids)
        return leads

    def write(self, vals):
        with self._discipline_watch_purchases(vals):
            return super().write(vals)

    @api.model
    def _discipline_purchase_triggers(self):
        """Return the fields whose change may make a purchase, change it or take it back."""
        return {*self.env["discipline.revenue"]._deal_fields(), "team_id", "type"} - {"name"}

    @contextmanager
    def _discipline_watch_purchases(self, vals):
        """Bring the ledger of purchases in line with what the block made of these opportunities.

        A stage may change without a stage in the values, so what was won before is looked at as well.
        """
        if not self._discipline_purchase_triggers() & vals.keys():
            yield
            return
        dated = "date_closed" in vals
        won = self.filtered(lambda lead: lead._discipline_won_status() == "won")
        yield
        won |= self.filtered(lambda lead: lead._discipline_won_status() == "won")
        self.env["discipline.revenue"].sudo()._sync_deals(won.ids, dated=dated)

    def _merge_dependences(self, opportunities):
        """Void the purchases of opportunities that are merged away: they were the same deal."""
        Revenue = self.env["discipline.revenue"].sudo()
        twins = Revenue.search([("lead_id", "in", opportunities.ids), ("voided_at", "=", False)])
        if twins:
            twins._void(self.env._("The opportunity was merged into “%(name)s”.", name=self.name))
            Revenue._purchases_changed(twins.mapped("customer_ref"))
        return super()._merge_dependences(opportunities)
