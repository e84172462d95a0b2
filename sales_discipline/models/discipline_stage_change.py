"""The history of opportunities: every change leaves one row, whichever way it happened."""

from odoo import api, fields, models
from odoo.tools import SQL

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

#: columns of an inserted row and their types; the customer is found by the statement itself
COLUMNS = {
    "lead_id": "int",
    "lead_ref": "int",
    "name": "varchar",
    "kind": "varchar",
    "type": "varchar",
    "status_from": "varchar",
    "status_to": "varchar",
    "stage_from_ref": "int",
    "stage_to_ref": "int",
    "team_from_ref": "int",
    "team_ref": "int",
    "manager_from_ref": "int",
    "manager_ref": "int",
    "amount": "numeric",
    "amount_from": "numeric",
    "probability": "float8",
    "date_deadline": "date",
    "contact_ref": "int",
    "merged_into_ref": "int",
    "date": "timestamp",
    "day": "date",
    "made_by_ref": "int",
    "company_id": "int",
    "backfilled": "bool",
}


class DisciplineStageChange(models.Model):
    """One change of one opportunity, with its sum and probability at that moment.

    ``stage_to_id``, ``team_id``, ``user_id`` and ``status_to`` say where the opportunity stood after the change,
    ``..._from`` where it stood before; where an aspect did not change, both are the same. The integers beside the
    links (``lead_ref``, ``stage_to_ref``, ...) never change, also where the record itself is deleted.
    """

    _name = "discipline.stage.change"
    _inherit = "discipline.ledger"
    _description = "Change of an Opportunity"
    _order = "date desc, id desc"

    lead_id = fields.Many2one("crm.lead", "Opportunity", readonly=True, ondelete="set null", index="btree_not_null")
    lead_ref = fields.Integer("Opportunity No.", readonly=True, required=True)
    name = fields.Char("Title", readonly=True)
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
    team_id = fields.Many2one("crm.team", "Sales Team", readonly=True, ondelete="set null")
    team_ref = fields.Integer("Sales Team No.", readonly=True)
    user_from_id = fields.Many2one("res.users", "Manager Before", readonly=True, ondelete="set null")
    manager_from_ref = fields.Integer("Manager Before No.", readonly=True)
    user_id = fields.Many2one("res.users", "Manager", readonly=True, ondelete="set null")
    manager_ref = fields.Integer("Manager No.", readonly=True)
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, ondelete="set null", index="btree_not_null")
    customer_ref = fields.Integer("Customer No.", readonly=True)
    contact_ref = fields.Integer("Contact Person No.", readonly=True)
    amount = fields.Monetary("Sum", readonly=True, currency_field="currency_id")
    amount_from = fields.Monetary("Sum Before", readonly=True, currency_field="currency_id")
    currency_id = fields.Many2one(related="company_id.currency_id")
    probability = fields.Float("Probability, %", readonly=True, aggregator="avg")
    date_deadline = fields.Date("Expected Closing", readonly=True)
    merged_into_ref = fields.Integer("Merged into No.", readonly=True)
    date = fields.Datetime("When", readonly=True, required=True)
    day = fields.Date("Day", readonly=True, required=True, help="The company's local date of the change.")
    made_by_id = fields.Many2one("res.users", "Made by", readonly=True, ondelete="set null")
    made_by_ref = fields.Integer("Made by No.", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True, ondelete="set null", index=True)
    backfilled = fields.Boolean(
        "Taken Over",
        readonly=True,
        help="Reconstructed at installation from Odoo's own history, with the sum of that day unknown.",
    )

    _lead_idx = models.Index("(lead_ref, date, id)")
    _day_idx = models.Index("(company_id, day)")
    _manager_idx = models.Index("(manager_ref, day)")

    @api.model
    def _record(self, rows):
        """Append changes in one statement; what was deleted in the same moment stays as a number without a link.

        :param list rows: dicts with the keys of COLUMNS; a missing key is empty
        """
        if not rows:
            return
        # a partner may have been created in this very transaction
        self.env["res.partner"].flush_model(["commercial_partner_id", "customer_group_id"])
        columns = SQL(", ").join(map(SQL.identifier, COLUMNS))
        arrays = SQL(", ").join(
            SQL("%s::%s[]", [row.get(name) for row in rows], SQL(type_)) for name, type_ in COLUMNS.items()
        )
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO discipline_stage_change
                       (%(columns)s, stage_from_id, stage_to_id, team_from_id, team_id, user_from_id, user_id,
                        made_by_id, partner_id, customer_ref, create_uid, create_date, write_uid, write_date)
                SELECT %(prefixed)s,
                       (SELECT id FROM crm_stage WHERE id = n.stage_from_ref),
                       (SELECT id FROM crm_stage WHERE id = n.stage_to_ref),
                       (SELECT id FROM crm_team WHERE id = n.team_from_ref),
                       (SELECT id FROM crm_team WHERE id = n.team_ref),
                       (SELECT id FROM res_users WHERE id = n.manager_from_ref),
                       (SELECT id FROM res_users WHERE id = n.manager_ref),
                       (SELECT id FROM res_users WHERE id = n.made_by_ref),
                       h.id, h.id,
                       %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM unnest(%(arrays)s) WITH ORDINALITY AS n(%(columns)s, position)
             LEFT JOIN res_partner p ON p.id = n.contact_ref
             LEFT JOIN res_partner c ON c.id = p.commercial_partner_id
             LEFT JOIN res_partner h ON h.id = COALESCE(c.customer_group_id, c.id)
              ORDER BY n.position
                """,
                columns=columns,
                prefixed=SQL(", ").join(SQL.identifier("n", name) for name in COLUMNS),
                arrays=arrays,
                uid=self.env.uid,
            )
        )

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
            "lead_id": None if after.status == "removed" else lead_id,
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
            "contact_ref": after.partner,
            "company_id": after.company,
            "backfilled": False,
            **values,
        }
