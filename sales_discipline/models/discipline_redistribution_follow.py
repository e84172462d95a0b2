"""Who follows a customer and his deals, before and after he changes hands."""

from odoo import models
from odoo.fields import Domain


class DisciplineRedistributionLine(models.Model):
    _inherit = "discipline.redistribution.line"

    def _followers(self, people, partner_ids, lead_ids):
        """Return what ``people`` (res.partner) follow of these partners and leads, as mail.followers."""
        return (
            self.env["mail.followers"]
            .sudo()
            .search(Domain("partner_id", "in", people.ids) & self._documents_domain(partner_ids, lead_ids))
        )

    def _following(self, family, leads):
        """Return {(model, record id, partner id)} of what the givers and receivers of these lines follow now."""
        people = (self.user_from_id | self.user_to_id).partner_id
        return {(row.res_model, row.res_id, row.partner_id.id) for row in self._followers(people, family, leads.ids)}

    def _move_followers(self, family, leads, customers):
        """The receiver follows his customer from now on, and the loser no longer what is not his any more."""
        self.env["res.partner"]._discipline_follow([(line.partner_id.id, line.user_to_id.id) for line in self])
        losers = {pid: line.user_from_id.partner_id.id for pid, line in customers.items() if line.user_from_id}
        if not losers:
            return
        moved = {lead.id for lead in leads if lead.user_id == customers[family[lead.partner_id.id]].user_to_id}
        left = {("res.partner", pid): losers.get(customer) for pid, customer in family.items()}
        left.update({("crm.lead", lead.id): losers.get(family[lead.partner_id.id]) for lead in leads})
        self._followers(self.user_from_id.partner_id, family, moved).filtered(
            lambda row: row.partner_id.id == left[row.res_model, row.res_id]
        ).unlink()

    def _remember_followers(self, before, family, leads, customers, undo):
        """Remember what receivers began to follow and losers gave up: a revert undoes just that.

        :param before: what they followed before, see :meth:`_following`
        """
        after = self._following(family, leads)
        owner = {("res.partner", pid): customer for pid, customer in family.items()}
        owner.update({("crm.lead", lead.id): family[lead.partner_id.id] for lead in leads})
        for key, changed, side in (
            ("began", after - before, "user_to_id"),
            ("gave_up", before - after, "user_from_id"),
        ):
            for model, record, partner in sorted(changed):
                line = customers[owner[model, record]]
                if line[side].partner_id.id == partner:
                    undo[line.id].setdefault(key, []).append([model, record])

    def _revert_followers(self, undo, stay):
        """The receiver follows no longer what he began to; the giver follows again what he gave up.

        :param undo: what these lines' moves left to go back, a dict for each
        :param set stay: ids of deals that moved along and do not go back: whoever follows them does so still
        """
        began, gave_up = (
            {
                model: {record for row in undo for name, record in row.get(key, ()) if name == model} - kept
                for model, kept in (("res.partner", set()), ("crm.lead", stay))
            }
            for key in ("began", "gave_up")
        )
        receiver, giver = self.user_to_id.partner_id, self.user_from_id.partner_id
        self._followers(receiver, began["res.partner"], began["crm.lead"]).unlink()
        for model, ids in gave_up.items():
            if ids and giver:
                self.env[model].browse(ids).exists().message_subscribe(giver.ids)
