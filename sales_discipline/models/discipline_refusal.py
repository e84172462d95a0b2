"""Refusals: who said no, to whom, why, and what it cost."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..engine.refusals import size_of
from .crm_lost_reason import CATEGORIES
from .discipline_lead_fact import DisciplineLeadFact


class DisciplineRefusal(models.Model):
    """One refusal, as it was on its day: it survives reopening, winning, merging and deleting the opportunity."""

    _name = "discipline.refusal"
    _inherit = "discipline.lead.fact"
    _description = "Refusal"
    _order = "date desc, id desc"

    _fact_columns = {
        **DisciplineLeadFact._fact_columns,
        "kind": "varchar",
        "stage_ref": "int",
        "reason_ref": "int",
        "category": "varchar",
        "competitor_ref": "int",
        "note": "text",
        "try_again_on": "date",
        "size": "varchar",
        "days_open": "int",
        "contact_ref": "int",
        "corrects_ref": "int",
    }
    _fact_links = {
        **DisciplineLeadFact._fact_links,
        "stage_id": "stage_ref",
        "reason_id": "reason_ref",
        "competitor_id": "competitor_ref",
        "contact_id": "contact_ref",
    }

    kind = fields.Selection(
        [("lost", "Deal Lost"), ("archive", "Deal Archived"), ("contact", "In a Contact, without a Deal")],
        "Where",
        readonly=True,
        required=True,
    )
    stage_id = fields.Many2one("crm.stage", readonly=True, ondelete="set null")
    stage_ref = fields.Integer("Stage No.", readonly=True)
    reason_id = fields.Many2one("crm.lost.reason", readonly=True, ondelete="set null", index="btree_not_null")
    reason_ref = fields.Integer("Reason No.", readonly=True, required=True)
    category = fields.Selection(CATEGORIES, readonly=True)
    competitor_id = fields.Many2one("discipline.competitor", readonly=True, ondelete="set null")
    competitor_ref = fields.Integer("Competitor No.", readonly=True)
    note = fields.Text(readonly=True)
    try_again_on = fields.Date("Try Again on", readonly=True)
    size = fields.Selection(
        [
            ("none", "No Sum"),
            ("small", "Below 10,000"),
            ("medium", "10,000 to 100,000"),
            ("large", "100,000 to 1,000,000"),
            ("huge", "1,000,000 and More"),
        ],
        "Size of the Deal",
        readonly=True,
    )
    days_open = fields.Integer(
        "Days to Refusal", readonly=True, aggregator="avg", help="From the creation of the deal to the refusal."
    )
    contact_id = fields.Many2one("discipline.contact", readonly=True, ondelete="set null", index="btree_not_null")
    contact_ref = fields.Integer("Contact No.", readonly=True)
    corrects_ref = fields.Integer("Corrects Refusal No.", readonly=True)
    tag_ids = fields.Many2many("crm.tag", string="Tags", readonly=True)
    reopened_on = fields.Date("Reopened on", readonly=True)
    regained_on = fields.Date(
        "Regained on", readonly=True, help="The first day after the refusal on which a deal with this customer was won."
    )

    _lead_idx = models.Index("(lead_ref) WHERE lead_ref IS NOT NULL")
    _day_idx = models.Index("(company_id, day)")
    _contact_uniq = models.UniqueIndex(
        "(contact_ref) WHERE contact_ref IS NOT NULL AND voided_at IS NULL", "A contact brings one refusal."
    )

    # ------------------------------------------------------------------
    # From opportunities
    # ------------------------------------------------------------------

    @api.model
    def _prepare_lead_refusal(self, lead_id, kind, state, created, **values):
        """Return a row for :meth:`_record`.

        :param int lead_id: id of the opportunity
        :param str kind: ``lost`` or ``archive``
        :param state: engine.lead_change.LeadState at the refusal
        :param datetime created: when the opportunity was created
        :param values: ``date``, ``day``, ``made_by_ref``, ``note`` and whatever else is known
        """
        reason = self.env["crm.lost.reason"].sudo().browse(state.reason)
        return {
            "lead_ref": lead_id,
            "name": state.name,
            "kind": kind,
            "stage_ref": state.stage,
            "team_ref": state.team,
            "manager_ref": state.user,
            "amount": state.amount,
            "size": size_of(state.amount),
            "probability": state.probability,
            "contact_person_ref": state.partner,
            "company_id": state.company,
            "reason_ref": state.reason,
            "category": reason.discipline_category,
            "days_open": max((values["date"] - created).days, 0) if created else None,
            "backfilled": False,
            **values,
        }

    @api.model
    def _record(self, rows):
        ids = super()._record(rows)
        if any(row.get("lead_ref") for row in rows):
            self.env["crm.lead"].flush_model(["tag_ids"])
            self.env.cr.execute(
                SQL(
                    """
                    INSERT INTO crm_tag_discipline_refusal_rel (discipline_refusal_id, crm_tag_id)
                    SELECT r.id, t.tag_id FROM discipline_refusal r JOIN crm_tag_rel t ON t.lead_id = r.lead_ref
                     WHERE r.id = ANY(%s)
                    """,
                    ids,
                )
            )
        return ids

    @api.model
    def _mark_reopened(self, days):
        """Remember that opportunities were reopened; ``days`` is {lead id: local date}."""
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                UPDATE discipline_refusal r SET reopened_on = n.day
                  FROM unnest(%s::int[], %s::date[]) AS n(lead_ref, day)
                 WHERE r.lead_ref = n.lead_ref AND r.reopened_on IS NULL AND r.voided_at IS NULL
                """,
                list(days),
                list(days.values()),
            )
        )
        self.invalidate_model(["reopened_on"])

    @api.model
    def _mark_regained(self, wins):
        """Remember that customers who had refused bought after all.

        :param list wins: (lead id, partner id or None, local date)
        """
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                WITH win AS (
                    SELECT n.lead_ref, COALESCE(c.customer_group_id, c.id) AS customer_id, n.day
                      FROM unnest(%s::int[], %s::int[], %s::date[]) AS n(lead_ref, partner_id, day)
                 LEFT JOIN res_partner p ON p.id = n.partner_id
                 LEFT JOIN res_partner c ON c.id = p.commercial_partner_id
                )
                UPDATE discipline_refusal r SET regained_on = w.day
                  FROM (SELECT r.id, min(win.day) AS day
                          FROM win JOIN discipline_refusal r
                            ON (r.partner_id = win.customer_id OR r.lead_ref = win.lead_ref)
                           AND r.day <= win.day AND r.regained_on IS NULL AND r.voided_at IS NULL
                      GROUP BY r.id) w
                 WHERE r.id = w.id
                """,
                *([win[index] for win in wins] for index in range(3)),
            )
        )
        self.invalidate_model(["regained_on"])

    @api.model
    def _correct(self, reasons):
        """Give refusals of opportunities another reason: the wrong row is voided and stays, a new one takes its day.

        :param dict reasons: {lead id: id of the reason}
        """
        wrong = self.sudo().search(
            [("lead_ref", "in", list(reasons)), ("voided_at", "=", False), ("reopened_on", "=", False)]
        )
        wrong = wrong.filtered(lambda refusal: refusal.reason_ref != reasons[refusal.lead_ref])
        if not wrong:
            return
        wrong._void(self.env._("The reason was corrected"))
        Reason = self.env["crm.lost.reason"].sudo()
        self._record(
            [
                {
                    **{name: refusal[name] or None for name in self._fact_columns},
                    "company_id": refusal.company_id.id or None,
                    "amount": refusal.amount,
                    "backfilled": refusal.backfilled,
                    "reason_ref": reasons[refusal.lead_ref],
                    "category": Reason.browse(reasons[refusal.lead_ref]).discipline_category,
                    "made_by_ref": self.env.uid,
                    "corrects_ref": refusal.id,
                }
                for refusal in wrong
            ]
        )

    # ------------------------------------------------------------------
    # From contacts
    # ------------------------------------------------------------------

    @api.model
    def _from_contacts(self, contacts, details=None):
        """Record refusals that came in a contact, before there was any deal.

        A contact about an opportunity brings none: losing the opportunity does.

        :param contacts: discipline.contact; those whose outcome is no refusal are passed over
        :param dict details: {contact id: {"reason_id", "note", "competitor_id", "try_again_on"}}; without a reason
            it is “Not stated”
        :return: the new refusals
        """
        contacts = contacts.sudo().filtered(
            lambda contact: contact.outcome_id.is_refusal and not contact.voided_at and not contact.lead_id
        )
        if not contacts:
            return self.browse()
        known = set(
            self.sudo().search([("contact_ref", "in", contacts.ids), ("voided_at", "=", False)]).mapped("contact_ref")
        )
        details = details or {}
        Reason = self.env["crm.lost.reason"].sudo()
        not_stated = Reason._discipline_not_stated()
        rows = []
        for contact in contacts:
            if contact.id in known:
                continue
            detail = details.get(contact.id, {})
            reason = Reason.browse(detail.get("reason_id")) or not_stated
            manager = contact.responsible_id or contact.user_id
            rows.append(
                {
                    "kind": "contact",
                    "name": contact.partner_id.display_name,
                    "contact_ref": contact.id,
                    "contact_person_ref": contact.partner_id.id or None,
                    "team_ref": manager.sale_team_id.id or None,
                    "manager_ref": manager.id or None,
                    "reason_ref": reason.id,
                    "category": reason.discipline_category,
                    "competitor_ref": detail.get("competitor_id") or None,
                    "note": detail.get("note") or contact.note or None,
                    "try_again_on": detail.get("try_again_on") or None,
                    "amount": 0,
                    "size": "none",
                    "date": contact.date,
                    "day": contact.day,
                    "made_by_ref": contact.user_id.id or self.env.uid,
                    "company_id": contact.company_id.id or self.env.company.id,
                    "backfilled": False,
                }
            )
        return self.browse(self.sudo()._record(rows))

    @api.model
    def _void_contacts(self, contacts, reason):
        """Void the refusals of contacts that are voided themselves."""
        refusals = self.sudo().search([("contact_ref", "in", contacts.ids), ("voided_at", "=", False)])
        return refusals._void(reason) if refusals else refusals

    # ------------------------------------------------------------------
    # What people do with them
    # ------------------------------------------------------------------

    def action_open_source(self):
        """Open the opportunity or the contact behind this refusal.

        :raise UserError: if it was deleted since
        """
        self.ensure_one()
        record = self.lead_id or self.contact_id
        if not record:
            raise UserError(
                self.env._("“%(refusal)s” was deleted since; this row is what is left of it.", refusal=self.name)
            )
        return record.get_formview_action()
