"""Opportunities under watch: what they were before, what they are after, whichever way they changed."""

from contextlib import contextmanager

from odoo import api, fields, models

from ..engine.lead_change import LeadState, changes, status_of

#: keys of the cursor's cache: the watch of the running operation, and who was merged into whom
_WATCH = "discipline.lead.watch"
_MERGED = "discipline.lead.merged"


class LeadWatch:
    """The states of opportunities before an operation, which may consist of many nested writes."""

    def __init__(self):
        self.before = {}
        self.deleted = set()

    def add(self, leads):
        """Remember how ``leads`` are now, unless they are remembered already."""
        for lead in leads:
            if isinstance(lead.id, int) and lead.id not in self.before:
                self.before[lead.id] = lead._discipline_lead_state()

    def add_created(self, leads):
        """``leads`` did not exist before the operation, whatever nested writes have seen of them."""
        self.before.update(dict.fromkeys(leads.ids))


class CrmLead(models.Model):
    _inherit = "crm.lead"

    # ------------------------------------------------------------------
    # Watching
    # ------------------------------------------------------------------

    def _discipline_lead_state(self):
        """Return this opportunity's :class:`LeadState`."""
        return LeadState(
            stage=self.stage_id.id or None,
            team=self.team_id.id or None,
            user=self.user_id.id or None,
            status=status_of(self.won_status, self.active),
            active=self.active,
            type=self.type,
            amount=self.expected_revenue or 0.0,
            probability=self.probability,
            partner=self.partner_id.id or None,
            deadline=self.date_deadline or None,
            company=self.company_id.id or self.env.company.id,
            name=self.name,
        )

    @contextmanager
    def _discipline_watch(self):
        """Compare these opportunities before and after the block, and log what changed.

        Blocks nest: the outermost one compares, so that losing a deal, which Odoo does in two writes, is one fact.
        The comparison does not ask which values were written: a stage can change because the team did.
        """
        cache = self.env.cr.cache
        watch = cache.get(_WATCH)
        if watch is not None:
            watch.add(self.sudo())
            yield watch
            return
        watch = LeadWatch()
        watch.add(self.sudo())
        cache[_WATCH] = watch
        try:
            yield watch
        except BaseException:
            cache.pop(_WATCH, None)
            raise
        cache.pop(_WATCH, None)
        self.env["crm.lead"]._discipline_settle(watch)

    @api.model
    def _discipline_settle(self, watch):
        """Log what changed between ``watch`` and now.

        :param watch: LeadWatch
        """
        merged = self.env.cr.cache.get(_MERGED, {})
        leads = self.sudo().browse([lead_id for lead_id in watch.before if lead_id not in watch.deleted])
        after = {lead.id: lead._discipline_lead_state() for lead in leads}
        facts = [
            (lead_id, *change)
            for lead_id, before in watch.before.items()
            for change in changes(before, after.get(lead_id), lead_id in merged)
        ]
        if facts:
            self._discipline_log(facts, merged)

    @api.model
    def _discipline_log(self, facts, merged):
        """Write ``facts`` into the ledgers (a hook).

        :param list facts: (lead id, kind, LeadState or None before, LeadState after)
        :param dict merged: {id of a merged opportunity: id of the one that it was merged into}
        """
        now = fields.Datetime.now()
        Calendar = self.env["discipline.calendar"]
        companies = self.env["res.company"].sudo().browse({fact[3].company for fact in facts})
        days = {company.id: Calendar._local_day(now, company=company) for company in companies}
        Change = self.env["discipline.stage.change"].sudo()
        Change._record(
            [
                Change._prepare_row(
                    lead_id,
                    kind,
                    before,
                    after,
                    date=now,
                    day=days[after.company],
                    made_by_ref=self.env.uid,
                    merged_into_ref=merged.get(lead_id) if kind == "merge" else None,
                )
                for lead_id, kind, before, after in facts
            ]
        )

    # ------------------------------------------------------------------
    # Every way in which an opportunity changes
    # ------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        with self.browse()._discipline_watch() as watch:
            leads = super().create(vals_list)
            watch.add_created(leads)
        return leads

    def write(self, vals):
        with self._discipline_watch():
            return super().write(vals)

    def unlink(self):
        with self._discipline_watch() as watch:
            result = super().unlink()
            watch.deleted.update(self.ids)
        return result

    def action_unarchive(self):
        with self._discipline_watch():
            return super().action_unarchive()

    def action_restore(self):
        with self._discipline_watch():
            return super().action_restore()

    def action_set_lost(self, **additional_values):
        """Mark as lost; the reason is written first, so that no opportunity is lost without it even for a moment."""
        with self._discipline_watch():
            if additional_values.get("lost_reason_id"):
                self.write({"lost_reason_id": additional_values["lost_reason_id"]})
            return super().action_set_lost(**additional_values)

    def action_set_won(self):
        with self._discipline_watch():
            return super().action_set_won()

    def convert_opportunity(self, partner, user_ids=False, team_id=False):
        with self._discipline_watch():
            return super().convert_opportunity(partner, user_ids=user_ids, team_id=team_id)

    def _merge_opportunity(self, user_id=False, team_id=False, auto_unlink=True, max_length=5):
        """Remember who was merged into whom: some callers delete the merged ones later."""
        with self._discipline_watch():
            head = super()._merge_opportunity(
                user_id=user_id, team_id=team_id, auto_unlink=auto_unlink, max_length=max_length
            )
            merged = self.env.cr.cache.setdefault(_MERGED, {})
            merged.update(dict.fromkeys(set(self.ids) - set(head.ids), head.id))
        return head
