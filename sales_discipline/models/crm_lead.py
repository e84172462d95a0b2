"""Opportunities under watch: what they were before, what they are after, whichever way they changed."""

from contextlib import contextmanager
from dataclasses import replace

from odoo import api, fields, models

from ..engine.lead_change import LeadState, changes, status_of
from .discipline_deal import LIVE

#: keys of the cursor's cache: the watch of the running operation, and who was merged into whom
_WATCH = "discipline.lead.watch"
_MERGED = "discipline.lead.merged"


class LeadWatch:
    """The states of opportunities before an operation, which may consist of many nested writes."""

    def __init__(self):
        self.before = {}
        self.deleted = set()
        #: what the dialog asked beside the reason: {lead id: {"note", "competitor_ref", "try_again_on"}}
        self.details = {}

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

    origin_contact_id = fields.Many2one(
        "discipline.contact",
        "Started from Contact",
        readonly=True,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
        help="The contact with the customer from which this sale began.",
    )

    # ------------------------------------------------------------------
    # Watching
    # ------------------------------------------------------------------

    def _discipline_known(self, name):
        """Return the value of a computed field where it is known by now, else None: Odoo computes it later.

        The probability is computed by statistics over all deals, in a batch when the transaction ends; reading it
        after each write would undo that, at four statements a deal.
        """
        return self[name] if self.env.not_to_compute(self._fields[name], self) else None

    def _discipline_won_status(self):
        """Return ``won_status``, computed only where the probability decides about it."""
        status = self._discipline_known("won_status")
        if status is None and self.active and not self.stage_id.is_won:
            return "pending"
        return status or self.won_status

    def _discipline_lead_state(self):
        """Return this opportunity's :class:`LeadState`; the probability is None where Odoo has yet to compute it."""
        active = self.active
        status = status_of(self._discipline_won_status(), active)
        return LeadState(
            stage=self.stage_id.id or None,
            team=self.team_id.id or None,
            user=self.user_id.id or None,
            status=status,
            active=active,
            type=self.type,
            amount=self.expected_revenue or 0.0,
            probability=self._discipline_known("probability"),
            partner=self.partner_id.id or None,
            deadline=self.date_deadline or None,
            company=self.company_id.id or self.env.company.id,
            name=self.name,
            reason=self.lost_reason_id.id or None,
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
        self._discipline_require_reason(facts, watch)
        moved = self._discipline_moved_on(facts)
        if moved:
            self.env["discipline.stage.rule"]._check(moved)
        if facts:
            facts = [
                (lead_id, kind, before, self._discipline_with_reason(lead_id, state))
                for lead_id, kind, before, state in facts
            ]
            self._discipline_log(facts, merged, watch)
        if moved:
            self.env["discipline.stage.rule"]._start_plans(moved)
        self._discipline_correct_reasons(watch, after)

    @api.model
    def _discipline_moved_on(self, facts):
        """Return the opportunities that came to a new stage.

        :return: list of (lead id, stage id before or None, stage id, team id, company id)
        """
        return [
            (lead_id, before and before.stage, after.stage, after.team, after.company)
            for lead_id, kind, before, after in facts
            if after.type == "opportunity"
            and after.status in ("open", "won")
            and (before is None or before.stage != after.stage or kind == "convert")
        ]

    @api.model
    def _discipline_with_reason(self, lead_id, state):
        """Return ``state`` with the reason that the opportunity has by now."""
        if state.status not in ("lost", "archived"):
            return state
        return replace(state, reason=self.sudo().browse(lead_id).lost_reason_id.id or None)

    @api.model
    def _discipline_log(self, facts, merged, watch):
        """Write ``facts`` into the ledgers (a hook).

        :param list facts: (lead id, kind, LeadState or None before, LeadState after)
        :param dict merged: {id of a merged opportunity: id of the one that it was merged into}
        :param watch: LeadWatch of the operation
        """
        now = fields.Datetime.now()
        Calendar = self.env["discipline.calendar"]
        companies = self.env["res.company"].sudo().browse({fact[3].company for fact in facts})
        days = {company.id: Calendar._local_day(now, company=company) for company in companies}
        Change = self.env["discipline.stage.change"].sudo()
        Refusal = self.env["discipline.refusal"].sudo()
        rows, refusals, reopened, won = [], [], {}, []
        for lead_id, kind, before, after in facts:
            values = {"date": now, "day": days[after.company], "made_by_ref": self.env.uid}
            into = merged.get(lead_id) if kind == "merge" else None
            rows.append(Change._prepare_row(lead_id, kind, before, after, merged_into_ref=into, **values))
            if self._discipline_is_refusal(kind, before, after):
                created = self.sudo().browse(lead_id).create_date
                values |= watch.details.get(lead_id, {})
                refusals.append(Refusal._prepare_lead_refusal(lead_id, kind, after, created, **values))
            if before and before.status in ("lost", "archived") and after.status in ("open", "won"):
                reopened[lead_id] = values["day"]
            if kind == "won":
                won.append((lead_id, after.partner, values["day"]))
        Change._record_later(rows)
        Refusal._record(refusals)
        if reopened:
            Refusal._mark_reopened(reopened)
        if won:
            Refusal._mark_regained(won)

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

    def _write_multi(self, vals_list):
        """Have the deals summed up follow; what Odoo computes comes this way, too, and not by :meth:`write`."""
        followed = {
            lead_id
            for lead_id, vals in zip(self._ids, vals_list, strict=True)
            if not vals.keys().isdisjoint(LIVE.values())
        }
        if followed:
            self.env["discipline.deal"]._follow_later(followed)
        return super()._write_multi(vals_list)

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

    # ------------------------------------------------------------------
    # What people do
    # ------------------------------------------------------------------

    def _discipline_plan_retry(self, day):
        """Plan a contact for whoever answers for the deal, on the customer where there is one.

        :param date day: when to try again
        """
        for lead in self:
            customer = lead.partner_id._discipline_customer()[:1]
            record = customer or lead
            record.activity_schedule(
                "mail.mail_activity_data_call",
                date_deadline=day,
                summary=self.env._("Try again: %(deal)s", deal=lead.name),
                user_id=(customer.user_id or lead.user_id or self.env.user).id,
                automated=False,
            )

    def action_discipline_history(self):
        """Open every change of this opportunity."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_stage_change_action")
        action["domain"] = [("lead_ref", "=", self.id)]
        action["context"] = {}
        return action
