"""Opportunities under watch: what they were before, what they are after, whichever way they changed."""

from contextlib import contextmanager
from dataclasses import replace

from odoo import api, fields, models
from odoo.exceptions import RedirectWarning
from odoo.fields import Domain
from odoo.http import request
from odoo.service.server import thread_local
from odoo.tools import SQL

from ..engine.lead_change import LeadState, changes, status_of

#: keys of the cursor's cache: the watch of the running operation, and who was merged into whom
_WATCH = "discipline.lead.watch"
_MERGED = "discipline.lead.merged"
#: what a created opportunity was before
_NOTHING = LeadState(None, None, None, "removed", False, "opportunity", 0.0, 0.0, None, None, 0, "")
#: fields whose writing may change the status
_STATUS_FIELDS = {"active", "stage_id", "probability", "automated_probability", "won_status"}


class LeadWatch:
    """The states of opportunities before an operation, which may consist of many nested writes."""

    def __init__(self):
        self.before = {}
        self.deleted = set()
        #: whether the probability or what it rests on was written: then the status is read, else it is as it was
        self.exact = False
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

    discipline_stage_due = fields.Date(
        "Move On by",
        compute="_compute_discipline_stage_due",
        help="The last day that the stage allows, counted from the deal's coming to it or from the last contact.",
    )
    discipline_stage_overdue = fields.Boolean(
        "Overdue in Its Stage", compute="_compute_discipline_stage_due", search="_search_discipline_stage_overdue"
    )

    # ------------------------------------------------------------------
    # How long a deal may stay in its stage
    # ------------------------------------------------------------------

    @api.model
    def _discipline_stage_due_sql(self):
        """Return the SQL of (lead id, due day) of open deals in stages that allow a number of days.

        A contact with the customer, or about the deal, begins the days anew; unlike Odoo's “rotting”, which only a
        change of stage resets. The own rule of a team goes before the rule of every team.
        """
        return SQL(
            """
            SELECT l.id,
                   GREATEST(l.date_last_stage_update::date, (
                       SELECT max(k.day) FROM discipline_contact k
                        WHERE k.voided_at IS NULL
                          AND (k.lead_id = l.id OR k.partner_id = COALESCE(c.customer_group_id, c.id))
                   )) + r.days_allowed AS due
              FROM crm_lead l
              JOIN LATERAL (SELECT x.days_allowed FROM discipline_stage_rule x
                             WHERE x.stage_id = l.stage_id AND x.active AND COALESCE(x.team_id, l.team_id) = l.team_id
                          ORDER BY x.team_id NULLS LAST LIMIT 1) r ON r.days_allowed > 0
         LEFT JOIN res_partner p ON p.id = l.partner_id
         LEFT JOIN res_partner c ON c.id = p.commercial_partner_id
             WHERE l.active AND l.won_status = 'pending' AND l.type = 'opportunity'
            """
        )

    @api.model
    def _discipline_flush_stage_due(self):
        self.env["discipline.contact"].flush_model(["day", "voided_at", "lead_id", "partner_id"])
        self.env["discipline.stage.rule"].flush_model()
        self.env["res.partner"].flush_model(["commercial_partner_id", "customer_group_id"])
        self.flush_model(
            ["date_last_stage_update", "stage_id", "team_id", "partner_id", "active", "won_status", "type"]
        )

    def _discipline_planned(self):
        """Return {lead id} of these deals with a contact planned for today or later: such a deal is alive."""
        today = self.env["discipline.calendar"]._today()
        activities = self.env["mail.activity"].sudo()
        planned = activities.search(
            [
                ("activity_type_id.discipline_channel_id", "!=", False),
                ("date_deadline", ">=", today),
                "|",
                "&",
                ("res_model", "=", self._name),
                ("res_id", "in", self.ids),
                "&",
                ("res_model", "=", "res.partner"),
                ("res_id", "in", self.sudo().partner_id._discipline_customer().ids),
            ]
        )
        leads = set(planned.filtered(lambda activity: activity.res_model == self._name).mapped("res_id"))
        partners = set(planned.filtered(lambda activity: activity.res_model == "res.partner").mapped("res_id"))
        customers = self.env["discipline.customer"]._customer_of(self.sudo()) if partners else {}
        return leads | {lead.id for lead in self if partners & set((customers.get(lead.id) or lead.browse()).ids)}

    @api.depends("stage_id", "team_id", "won_status", "active", "date_last_stage_update")
    def _compute_discipline_stage_due(self):
        self.discipline_stage_due = False
        self.discipline_stage_overdue = False
        stored = self.filtered(lambda lead: isinstance(lead.id, int))
        if not stored or not self.env["discipline.stage.rule"]._all():
            return
        self._discipline_flush_stage_due()
        rows = self.env.execute_query(
            SQL("SELECT id, due FROM (%s) AS d WHERE id = ANY(%s)", self._discipline_stage_due_sql(), stored.ids)
        )
        today = self.env["discipline.calendar"]._today()
        due = dict(rows)
        late = self.browse([lead_id for lead_id, day in due.items() if day < today])
        alive = late._discipline_planned() if late else set()
        for lead in stored:
            lead.discipline_stage_due = due.get(lead.id)
            lead.discipline_stage_overdue = lead in late and lead.id not in alive

    @api.model
    def _search_discipline_stage_overdue(self, operator, value):
        if operator != "in":
            return NotImplemented
        ids = []
        if self.env["discipline.stage.rule"]._all():
            self._discipline_flush_stage_due()
            rows = self.env.execute_query(
                SQL(
                    "SELECT id FROM (%s) AS d WHERE due < %s",
                    self._discipline_stage_due_sql(),
                    self.env["discipline.calendar"]._today(),
                )
            )
            late = self.browse([row[0] for row in rows])
            ids = list(set(late.ids) - late._discipline_planned()) if late else []
        overdue = Domain("id", "in", ids)
        return Domain.OR([overdue if flag else ~overdue for flag in value])

    # ------------------------------------------------------------------
    # Watching
    # ------------------------------------------------------------------

    def _discipline_known(self, name):
        """Return the value of a field as it is known, without computing anew what Odoo computes later in a batch."""
        return self._cache[name] if name in self._cache else self[name]

    def _discipline_lead_state(self, before=None, exact=False):
        """Return this opportunity's :class:`LeadState`.

        The probability is computed by statistics over all deals, in a batch when the transaction ends; reading it
        after each write would undo that. So it is read where it may have changed the status, else taken as known.

        :param before: LeadState before the operation, or None
        :param bool exact: whether the operation may have changed the status by the probability alone
        """
        stage, active = self.stage_id.id or None, self.active
        if before and (exact or before.stage != stage or before.active != active):
            won_status, probability = self.won_status, self.probability
        else:
            won_status, probability = self._discipline_known("won_status"), self._discipline_known("probability")
        return LeadState(
            stage=stage,
            team=self.team_id.id or None,
            user=self.user_id.id or None,
            status=status_of(won_status, active),
            active=active,
            type=self.type,
            amount=self.expected_revenue or 0.0,
            probability=probability,
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
        after = {lead.id: lead._discipline_lead_state(watch.before[lead.id] or _NOTHING, watch.exact) for lead in leads}
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
        """Return (lead id, stage id before or None, stage id, team id) of opportunities that came to a new stage."""
        return [
            (lead_id, before and before.stage, after.stage, after.team)
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
    # No refusal without a reason
    # ------------------------------------------------------------------

    @api.model
    def _discipline_is_refusal(self, kind, before, after):
        """Tell whether a change is a refusal: a deal lost, or an open one archived; a lead only with a reason."""
        if kind == "lost":
            # an archived deal was a refusal when it was archived
            return bool(after.reason) and (before.status != "archived" or not before.reason)
        return bool(after.reason) and kind == "archive" and before.status == "open"

    @api.model
    def _discipline_is_person(self):
        """Tell whether a person is at work, who can be asked for a reason: in a browser, by RPC, by an import.

        Scheduled actions, superusers and integrations (the group “Integration: deals end without a reason”) are not
        asked: nothing of theirs breaks, and the owner of the deal is asked instead.
        """
        # XML-RPC hides the request; what it calls is known to the server's thread
        return (
            (bool(request) or bool(getattr(thread_local, "rpc_model_method", "")))
            and not self.env.su
            and not self.env.user.has_group("sales_discipline.group_discipline_integration")
        )

    @api.model
    def _discipline_require_reason(self, facts, watch):
        """See to it that no open deal has ended without a reason.

        :raise RedirectWarning: if a person gave none; its button opens the dialog that asks for it
        """
        ended = [
            (lead_id, after)
            for lead_id, kind, before, after in facts
            if after.type == "opportunity"
            and before
            and (kind == "lost" or (kind == "archive" and before.status == "open"))
        ]
        ended += [
            (lead_id, state)
            for lead_id, state in self._discipline_closed_states(watch)
            if not state.reason and lead_id not in {ended_id for ended_id, _state in ended}
        ]
        if not ended:
            return
        if self._discipline_is_person():
            self._discipline_ask_person(ended, watch)
            return
        missing = self.browse([lead_id for lead_id, after in ended if not after.reason])
        if missing:
            missing.sudo()._discipline_not_stated()

    @api.model
    def _discipline_closed_states(self, watch):
        """Return (lead id, state) of lost deals whose reason was taken away in this operation."""
        for lead in self.sudo().browse([lead_id for lead_id in watch.before if lead_id not in watch.deleted]):
            before = watch.before[lead.id]
            had_reason = before and before.status == "lost" and before.reason
            if (
                had_reason
                and not lead.active
                and lead.won_status == "lost"
                and lead.type == "opportunity"
                and not lead.lost_reason_id
            ):
                yield lead.id, lead._discipline_lead_state()

    @api.model
    def _discipline_ask_person(self, ended, watch):
        """Refuse what a person ended without a reason, or without the note that the reason demands.

        :param list ended: (lead id, LeadState after)
        """
        not_stated = self.env["crm.lost.reason"]._discipline_not_stated()
        Reason = self.env["crm.lost.reason"].sudo()
        without = self.sudo().browse(
            [lead_id for lead_id, state in ended if not state.reason or state.reason == not_stated.id]
        )
        if without:
            raise self._discipline_warning(
                without,
                self.env._(
                    "%(deals)s: an open deal is neither lost nor archived without a reason. "
                    "Say why the customer refused.",
                    deals=without._discipline_names(),
                ),
            )
        unexplained = self.sudo().browse(
            [
                lead_id
                for lead_id, state in ended
                if Reason.browse(state.reason).discipline_note_required
                and not watch.details.get(lead_id, {}).get("note")
            ]
        )
        if unexplained:
            raise self._discipline_warning(
                unexplained,
                self.env._(
                    "%(deals)s: the reason “%(reason)s” demands a note. Say in a few words what happened.",
                    deals=unexplained._discipline_names(),
                    reason=unexplained[0].lost_reason_id.with_env(self.env).display_name,
                ),
            )

    def _discipline_warning(self, leads, message):
        """Return the refusal of an operation, with a button that opens the dialog for the reason."""
        action = self.env.ref("crm.crm_lead_lost_action")
        return RedirectWarning(
            message,
            action.id,
            self.env._("Give the Reason"),
            {"active_model": self._name, "active_ids": leads.ids, "active_id": leads[:1].id},
        )

    def _discipline_names(self):
        """Return the names of these opportunities for a sentence: three at most, and how many more."""
        names = ", ".join(f"“{lead.name}”" for lead in self[:3])
        if len(self) > 3:
            return self.env._("%(names)s and %(count)s more", names=names, count=len(self) - 3)
        return names

    def _discipline_not_stated(self):
        """Give these opportunities, which some program ended, the reason “Not stated” and their owners a to-do."""
        self.write({"lost_reason_id": self.env["crm.lost.reason"]._discipline_not_stated().id})
        kind = self.env.ref("sales_discipline.discipline_activity_type_reason", raise_if_not_found=False)
        if not kind:
            return
        asked = self.filtered(lambda lead: lead.type == "opportunity" and (lead.user_id or lead.team_id.user_id))
        model = self.env["ir.model"]._get_id(self._name)
        self.env["mail.activity"].with_context(mail_activity_quick_update=True).create(
            [
                {
                    "activity_type_id": kind.id,
                    "res_model_id": model,
                    "res_id": lead.id,
                    "user_id": (lead.user_id or lead.team_id.user_id).id,
                    "summary": self.env._("Why did the customer refuse?"),
                    "date_deadline": self.env["discipline.calendar"]._today(lead.company_id or self.env.company),
                    "automated": True,
                }
                for lead in asked
            ]
        )

    @api.model
    def _discipline_correct_reasons(self, watch, after):
        """Follow a reason that was changed on a deal which had ended before."""
        corrected = {
            lead_id: state.reason
            for lead_id, state in after.items()
            if (before := watch.before[lead_id])
            and before.status in ("lost", "archived")
            and state.status in ("lost", "archived")
            and state.reason
            and before.reason != state.reason
        }
        if not corrected:
            return
        self.env["discipline.refusal"]._correct(corrected)
        not_stated = self.env["crm.lost.reason"]._discipline_not_stated().id
        stated = [lead_id for lead_id, reason in corrected.items() if reason != not_stated]
        kind = self.env.ref("sales_discipline.discipline_activity_type_reason", raise_if_not_found=False)
        if kind and stated:
            self.env["mail.activity"].sudo().search(
                [
                    ("res_model", "=", self._name),
                    ("res_id", "in", stated),
                    ("activity_type_id", "=", kind.id),
                ]
            ).action_done()

    # ------------------------------------------------------------------
    # Every way in which an opportunity changes
    # ------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        with self.browse()._discipline_watch() as watch:
            leads = super().create(vals_list)
            watch.add_created(leads)
        won = leads.filtered(lambda lead: lead.won_status == "won")
        self.env["discipline.revenue"].sudo()._sync_deals(won.ids)
        return leads

    def write(self, vals):
        with self._discipline_watch() as watch, self._discipline_watch_purchases(vals):
            watch.exact |= not _STATUS_FIELDS.isdisjoint(vals)
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

    # ------------------------------------------------------------------
    # A won opportunity is a purchase; one that is not won any more is none
    # ------------------------------------------------------------------

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
        won = self.filtered(lambda lead: lead.won_status == "won")
        yield
        won |= self.filtered(lambda lead: lead.won_status == "won")
        self.env["discipline.revenue"].sudo()._sync_deals(won.ids, dated=dated)

    def _merge_dependences(self, opportunities):
        """Void the purchases of opportunities that are merged away: they were the same deal."""
        Revenue = self.env["discipline.revenue"].sudo()
        twins = Revenue.search([("lead_id", "in", opportunities.ids), ("voided_at", "=", False)])
        if twins:
            twins._void(self.env._("The opportunity was merged into “%(name)s”.", name=self.name))
            Revenue._purchases_changed(twins.mapped("customer_ref"))
        return super()._merge_dependences(opportunities)
