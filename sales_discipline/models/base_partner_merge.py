from odoo import api, models
from odoo.tools import SQL


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    @api.model
    def _update_foreign_keys(self, src_partners, dst_partner):
        """Carry the ledgers over before Odoo repoints keys: where a unique key fails, Odoo deletes the row."""
        self._discipline_merge(src_partners, dst_partner)
        return super()._update_foreign_keys(src_partners, dst_partner)

    @api.model
    def _discipline_merge(self, src_partners, dst_partner):
        """Merge the customers behind ``src_partners`` into the one behind ``dst_partner``.

        The target's chain of assignments rules; the sources' becomes history that ended today. Open verdicts are
        dropped and derived anew, facts are repointed, an orphan target takes the source's manager.
        """
        self.env.flush_all()
        sources = src_partners.sudo().filtered("discipline_id")
        target = dst_partner.sudo()
        self._discipline_make_way(src_partners.ids, target.id)
        self.env["discipline.revenue"]._merge_customers(src_partners.ids, target)
        if not sources:
            return
        heir = not target.user_id and sources.filtered("user_id")[:1].user_id
        ids = sources.ids
        self.env.cr.execute(
            SQL(
                "UPDATE discipline_assignment SET date_to = GREATEST(date_from, %(day)s), origin = 'merge', "
                "write_date = now() AT TIME ZONE 'UTC' WHERE customer_ref = ANY(%(ids)s) AND date_to IS NULL",
                day=self.env["discipline.calendar"]._today(target.company_id or self.env.company),
                ids=ids,
            )
        )
        self.env.cr.execute(
            SQL("DELETE FROM discipline_compliance WHERE customer_ref = ANY(%s) AND NOT closed", [*ids, target.id])
        )
        self._discipline_repoint(ids, target.id)
        self.env["discipline.abc.change"]._merge_customers(ids, target)
        target_row = target.discipline_id
        self.env.cr.execute(SQL("UPDATE res_partner SET discipline_id = NULL WHERE id = ANY(%s)", ids))
        self.env.cr.execute(SQL("DELETE FROM discipline_customer WHERE partner_id = ANY(%s)", ids))
        self.env.invalidate_all()
        if heir and heir.active:
            target._discipline_assign(heir, "merge")
        if target_row:
            self.env["discipline.contact"]._judge_customers(target.ids)

    @api.model
    def _discipline_make_way(self, source_ids, target_id):
        """Settle what may stand once per customer and would stand twice after the merge (a hook).

        One row in the way, and Odoo deletes every row of that table that names a source, decided ones too.
        """

    @api.model
    def _discipline_repoint(self, source_ids, target_id):
        """Repoint the facts of the sources to the target (a hook: each ledger adds its own)."""
        self._discipline_one_meeting([*source_ids, target_id])
        self.env.cr.execute(
            SQL(
                "UPDATE discipline_contact SET partner_id = %(target)s, customer_ref = %(target)s, "
                "write_date = now() AT TIME ZONE 'UTC' WHERE customer_ref = ANY(%(ids)s)",
                target=target_id,
                ids=source_ids,
            )
        )

    @api.model
    def _discipline_one_meeting(self, partner_ids):
        """Void contacts of one and the same meeting: with several customers it was one each, with one it is one."""
        rows = self.env.execute_query(
            SQL(
                # one that came in another way too says more
                "SELECT event_id, array_agg(id ORDER BY source = 'meeting', id) FROM discipline_contact "
                "WHERE customer_ref = ANY(%s) AND event_id IS NOT NULL AND voided_at IS NULL "
                "GROUP BY event_id HAVING count(*) > 1",
                partner_ids,
            )
        )
        twins = [contact for _event, contacts in rows for contact in contacts[1:]]
        self.env["discipline.contact"].sudo().browse(twins)._mark_void(
            self.env._("The customers of one meeting were merged."), superseded=True
        )
        self.env.flush_all()
