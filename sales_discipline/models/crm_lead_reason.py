"""No open deal ends without a reason, whichever way it ends."""

from odoo import api, models
from odoo.exceptions import RedirectWarning
from odoo.http import request
from odoo.service.server import thread_local


class CrmLead(models.Model):
    _inherit = "crm.lead"

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
            if before and (kind == "lost" or (kind == "archive" and before.status == "open"))
        ]
        ended = self._discipline_deals(ended)
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
    def _discipline_deals(self, ended):
        """Return those of ``ended`` that are opportunities, or were one: called a lead again, a deal stays a deal.

        :param list ended: (lead id, LeadState after)
        """
        leads = [lead_id for lead_id, after in ended if after.type != "opportunity"]
        if not leads:
            return ended
        Change = self.env["discipline.stage.change"].sudo()
        once = set(Change.search([("lead_ref", "in", leads), ("type", "=", "opportunity")]).mapped("lead_ref"))
        return [(lead_id, after) for lead_id, after in ended if after.type == "opportunity" or lead_id in once]

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
