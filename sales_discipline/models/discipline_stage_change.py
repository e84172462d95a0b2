"""The history of opportunities: every change leaves one row, whichever way it happened."""

from dataclasses import replace

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.lead_history import replay
from .discipline_lead_fact import DisciplineLeadFact

KINDS = [
    ("create", "Created"),
    ("convert", "Became an Opportunity"),
    ("stage", "Stage"),
    ("won", "Won"),
    ("lost", "Lost"),
    ("reopen", "Reopened"),
    ("archive", "Archived"),
    ("restore", "Restored"),
    ("merge", "Merged into Another"),
    ("delete", "Deleted"),
    ("team", "Team"),
    ("user", "Manager"),
    ("amount", "Sum"),
    ("customer", "Customer"),
    ("deadline", "Expected Closing"),
]
STATUSES = [
    ("open", "Open"),
    ("won", "Won"),
    ("lost", "Lost"),
    ("archived", "Archived"),
    ("removed", "Removed"),
]

#: changes that wait for the flush
_PENDING = "discipline.stage.change"


class DisciplineStageChange(models.Model):
    """One change of one opportunity, with its sum and probability at that moment.

    ``stage_to_id``, ``team_id``, ``user_id`` and ``status_to`` say where the opportunity stood after the change,
    ``..._from`` where it stood before; where an aspect did not change, both are the same. The integers beside the
    links (``lead_ref``, ``stage_to_ref``, ...) never change, also where the record itself is deleted.
    """

    _name = "discipline.stage.change"
    _inherit = "discipline.lead.fact"
    _description = "Change of an Opportunity"
    _order = "date desc, id desc"

    _fact_columns = {
        **DisciplineLeadFact._fact_columns,
        "kind": "varchar",
        "type": "varchar",
        "status_from": "varchar",
        "status_to": "varchar",
        "stage_from_ref": "int",
        "stage_to_ref": "int",
        "team_from_ref": "int",
        "manager_from_ref": "int",
        "amount_from": "numeric",
        "date_deadline": "date",
        "merged_into_ref": "int",
    }
    _fact_links = {
        **DisciplineLeadFact._fact_links,
        "stage_from_id": "stage_from_ref",
        "stage_to_id": "stage_to_ref",
        "team_from_id": "team_from_ref",
        "user_from_id": "manager_from_ref",
    }

    lead_ref = fields.Integer(required=True)
    kind = fields.Selection(KINDS, "Change", readonly=True, required=True)
    type = fields.Selection([("lead", "Lead"), ("opportunity", "Opportunity")], readonly=True)
    status_from = fields.Selection(STATUSES, "Status Before", readonly=True)
    status_to = fields.Selection(STATUSES, "Status", readonly=True, required=True)
    stage_from_id = fields.Many2one("crm.stage", "Stage Before", readonly=True, ondelete="set null")
    stage_from_ref = fields.Integer("Stage Before No.", readonly=True)
    stage_to_id = fields.Many2one("crm.stage", "Stage", readonly=True, ondelete="set null", index="btree_not_null")
    stage_to_ref = fields.Integer("Stage No.", readonly=True)
    team_from_id = fields.Many2one("crm.team", "Team Before", readonly=True, ondelete="set null")
    team_from_ref = fields.Integer("Team Before No.", readonly=True)
    user_from_id = fields.Many2one("res.users", "Manager Before", readonly=True, ondelete="set null")
    manager_from_ref = fields.Integer("Manager Before No.", readonly=True)
    amount_from = fields.Monetary("Sum Before", readonly=True, currency_field="currency_id")
    date_deadline = fields.Date("Expected Closing", readonly=True)
    merged_into_ref = fields.Integer("Merged into No.", readonly=True)

    _lead_idx = models.Index("(lead_ref, date, id)")
    _day_idx = models.Index("(company_id, day)")
    _manager_idx = models.Index("(manager_ref, day)")

    @api.model
    def _record(self, rows):
        """Append changes (see :class:`DisciplineLeadFact`), and sum up the deals that they are about."""
        ids = super()._record(rows)
        self.env["discipline.deal"].sudo()._refresh(row["lead_ref"] for row in rows if row.get("type") == "opportunity")
        return ids

    def write(self, vals):
        """Void facts: the deals that they are about are summed up without them."""
        result = super().write(vals)
        if "voided_at" in vals:
            self.flush_recordset()
            refs = set(self.mapped("lead_ref"))
            Deal = self.env["discipline.deal"].sudo()
            Deal._refresh(refs)
            Deal._drop_empty(refs)
        return result

    @api.model
    def _record_later(self, rows):
        """Append changes when the transaction is flushed: a thousand writes, one by one, cost one statement.

        Whoever reads the ledger through the ORM, or calls ``flush_model`` before his SQL, finds them.

        :param list rows: as for :meth:`_record`
        """
        precommit = self.env.cr.precommit
        pending = precommit.data.setdefault(_PENDING, [])
        if not pending:
            precommit.add(self._record_pending)
        pending.extend(rows)

    @api.model
    def _record_pending(self):
        rows = self.env.cr.precommit.data.pop(_PENDING, None)
        if rows:
            self._record(rows)

    def flush_model(self, fnames=None):
        self._record_pending()
        return super().flush_model(fnames)

    @api.model
    def _prepare_row(self, lead_id, kind, before, after, **values):
        """Return a row for :meth:`_record` from two states of an opportunity.

        :param int lead_id: id of the opportunity
        :param str kind: key of KINDS
        :param before: engine.lead_change.LeadState, or None
        :param after: engine.lead_change.LeadState
        :param values: ``date``, ``day``, ``made_by_ref`` and whatever else is known
        """
        return {
            "lead_ref": lead_id,
            "name": after.name,
            "kind": kind,
            "type": after.type,
            "status_from": before and before.status,
            "status_to": after.status,
            "stage_from_ref": before and before.stage,
            "stage_to_ref": after.stage,
            "team_from_ref": before and before.team,
            "team_ref": after.team,
            "manager_from_ref": before and before.user,
            "manager_ref": after.user,
            "amount": after.amount,
            "amount_from": before and before.amount,
            "probability": after.probability,
            "date_deadline": after.deadline,
            "contact_person_ref": after.partner,
            "company_id": after.company,
            "backfilled": False,
            **values,
        }

    @api.model
    def _backfill(self):
        """Take over the history of every opportunity that has none, from Odoo's tracked changes.

        What Odoo never tracked (a deal that was merged away, the probability of a past day) is unknown and stays
        empty; where nothing was tracked at all, the days of creation and of closing remain.

        :return: number of opportunities taken over
        """
        self.env.flush_all()
        count = 0
        while batch := self._backfill_batch():
            leads, messages = batch
            self._backfill_leads(leads, messages)
            count += len(leads)
        return count

    @api.model
    def _backfill_batch(self, limit=5000):
        """Return up to ``limit`` opportunities without history, and their tracked changes; None where all have one."""
        company = self.env["res.company"]._discipline_first()
        leads = self.env.execute_query_dict(
            SQL(
                """
                SELECT l.id, l.name, l.stage_id, l.team_id, l.user_id, l.active, l.won_status, l.type,
                       l.expected_revenue, l.probability, l.partner_id, l.date_deadline, l.lost_reason_id,
                       COALESCE(l.company_id, t.company_id, %s) AS company_id,
                       l.create_date, l.create_uid, l.date_closed, l.date_last_stage_update, l.write_date
                  FROM crm_lead l
             LEFT JOIN crm_team t ON t.id = l.team_id
                 WHERE NOT EXISTS (SELECT FROM discipline_stage_change c WHERE c.lead_ref = l.id)
              ORDER BY l.id LIMIT %s
                """,
                company.id,
                limit,
            )
        )
        if not leads:
            return None
        # a merge moves the other deal's messages here and gives them a subject; a tracked change has none
        rows = self.env.execute_query(
            SQL(
                """
                SELECT m.res_id, m.id, m.date, max(u.id),
                       jsonb_object_agg(f.name, jsonb_build_array(
                           CASE WHEN f.ttype = 'monetary' THEN t.old_value_float ELSE t.old_value_integer END,
                           CASE WHEN f.ttype = 'monetary' THEN t.new_value_float ELSE t.new_value_integer END))
                  FROM mail_message m
                  JOIN mail_tracking_value t ON t.mail_message_id = m.id
                  JOIN ir_model_fields f ON f.id = t.field_id AND f.model = 'crm.lead'
             LEFT JOIN res_users u ON u.partner_id = m.author_id
                 WHERE m.model = 'crm.lead' AND m.res_id = ANY(%s) AND COALESCE(m.subject, '') = ''
                   AND f.name IN ('stage_id', 'team_id', 'user_id', 'active', 'won_status', 'lost_reason_id',
                                  'expected_revenue', 'partner_id')
              GROUP BY m.res_id, m.id, m.date
              ORDER BY m.res_id, m.date, m.id
                """,
                [lead["id"] for lead in leads],
            )
        )
        messages = {}
        for lead_id, _message, when, user_id, values in rows:
            messages.setdefault(lead_id, []).append((when, user_id, values))
        return leads, messages

    @api.model
    def _backfill_leads(self, leads, messages):
        won_stages = set(self.env["crm.stage"].sudo().search([("is_won", "=", True)]).ids)
        Calendar = self.env["discipline.calendar"]
        companies = {company.id: company for company in self.env["res.company"].sudo().search([])}
        rows, refusals = [], []
        for lead in leads:
            for when, user_id, kind, before, after in replay(lead, messages.get(lead["id"], []), won_stages):
                values = {
                    "date": when.replace(microsecond=0),
                    "day": Calendar._local_day(when, company=companies[after.company]),
                    "made_by_ref": user_id,
                    "backfilled": True,
                }
                rows.append(self._prepare_row(lead["id"], kind, before, after, **values))
                if kind == "lost":
                    refusals.append((lead, after, values))
        self.sudo()._record(rows)
        self._backfill_refusals(refusals)

    @api.model
    def _backfill_refusals(self, refusals):
        """Take over what was lost before; a deal that was lost without a reason gets “Not stated” in the ledger.

        :param list refusals: (dict of the opportunity's columns, LeadState after, dict of date, day, user)
        """
        if not refusals:
            return
        Refusal = self.env["discipline.refusal"].sudo()
        not_stated = self.env["crm.lost.reason"]._discipline_not_stated().id
        existing = set(self.env["crm.lost.reason"].sudo().with_context(active_test=False).search([]).ids)
        rows = []
        for lead, state, values in refusals:
            reason = state.reason if state.reason in existing else not_stated
            rows.append(
                Refusal._prepare_lead_refusal(
                    lead["id"], "lost", replace(state, reason=reason), lead["create_date"], **values
                )
            )
        Refusal._record(rows)
        # what was reopened or bought since
        self.env.cr.execute(
            SQL(
                """
                UPDATE discipline_refusal r
                   SET reopened_on = (SELECT min(c.day) FROM discipline_stage_change c
                                       WHERE c.lead_ref = r.lead_ref AND c.date >= r.date
                                         AND c.status_from = 'lost' AND c.status_to IN ('open', 'won')),
                       regained_on = (SELECT min(c.day) FROM discipline_stage_change c
                                       WHERE (c.lead_ref = r.lead_ref OR c.partner_id = r.partner_id)
                                         AND c.kind = 'won' AND c.date >= r.date)
                 WHERE r.backfilled AND r.lead_ref = ANY(%s)
                """,
                [lead["id"] for lead, _state, _values in refusals],
            )
        )
