"""Ledgers about opportunities are written in bulk: a thousand rows cost one statement."""

from odoo import api, fields, models
from odoo.tools import SQL

from .sets import unnested


class DisciplineLeadFact(models.AbstractModel):
    """What the history of opportunities and the ledger of refusals have in common.

    A row comes with numbers (``lead_ref``, ``stage_to_ref``, ...) that never change; the links beside them are found
    by the statement itself and stay empty where the record was deleted in the same moment.
    """

    _name = "discipline.lead.fact"
    _inherit = "discipline.ledger"
    _description = "Fact about an Opportunity"

    #: columns of an inserted row and their types
    _fact_columns = {
        "lead_ref": "int",
        "name": "varchar",
        "team_ref": "int",
        "manager_ref": "int",
        "amount": "numeric",
        "probability": "float8",
        "contact_person_ref": "int",
        "date": "timestamp",
        "day": "date",
        "made_by_ref": "int",
        "company_id": "int",
        "backfilled": "bool",
    }
    #: links, each with the column of its number
    _fact_links = {
        "lead_id": "lead_ref",
        "team_id": "team_ref",
        "user_id": "manager_ref",
        "made_by_id": "made_by_ref",
    }

    lead_id = fields.Many2one("crm.lead", "Opportunity", readonly=True, ondelete="set null", index="btree_not_null")
    lead_ref = fields.Integer("Opportunity No.", readonly=True)
    name = fields.Char("Title", readonly=True)
    team_id = fields.Many2one("crm.team", "Sales Team", readonly=True, ondelete="set null")
    team_ref = fields.Integer("Sales Team No.", readonly=True)
    user_id = fields.Many2one("res.users", "Manager", readonly=True, ondelete="set null")
    manager_ref = fields.Integer("Manager No.", readonly=True)
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, ondelete="set null", index="btree_not_null")
    customer_ref = fields.Integer("Customer No.", readonly=True)
    contact_person_ref = fields.Integer("Contact Person No.", readonly=True)
    amount = fields.Monetary("Sum", readonly=True, currency_field="currency_id")
    currency_id = fields.Many2one(related="company_id.currency_id")
    probability = fields.Float("Probability, %", readonly=True, aggregator="avg")
    date = fields.Datetime("When", readonly=True, required=True)
    day = fields.Date(readonly=True, required=True, help="The company's local date.")
    made_by_id = fields.Many2one("res.users", "Made by", readonly=True, ondelete="set null")
    made_by_ref = fields.Integer("Made by No.", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True, ondelete="set null", index=True)
    backfilled = fields.Boolean(
        "Taken Over", readonly=True, help="Reconstructed at installation from what Odoo had kept until then."
    )

    @api.model
    def _link_sql(self, name, column):
        """Return the SQL of a link: the record that ``column`` names, if it still exists."""
        comodel = self.env[self._fields[name].comodel_name]
        return SQL("(SELECT id FROM %s WHERE id = %s)", SQL.identifier(comodel._table), SQL.identifier("n", column))

    @api.model
    def _column_sql(self, name):
        """Return the SQL of a column of an inserted row ``n``."""
        if name != "probability":
            return SQL.identifier("n", name)
        return SQL(
            "CASE WHEN n.backfilled THEN n.probability "
            "ELSE COALESCE(n.probability, (SELECT probability FROM crm_lead WHERE id = n.lead_ref)) END"
        )

    @api.model
    def _record(self, rows):
        """Append facts in one statement; the customer is found through ``contact_person_ref``.

        :param list rows: dicts with the keys of ``_fact_columns``; a missing key is empty, but a probability that was
            not computed yet is the one of the opportunity by now (of what is taken over it stays unknown)
        :return: ids of the new facts
        """
        if not rows:
            return []
        self.env["crm.lead"].flush_model(["probability"])
        # a partner may have been created in this very transaction
        self.env["res.partner"].flush_model(["commercial_partner_id", "customer_group_id"])
        self.flush_model()
        names = list(self._fact_columns)
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO %(table)s (%(columns)s, %(links)s, partner_id, customer_ref,
                                       create_uid, create_date, write_uid, write_date)
                SELECT %(prefixed)s, %(linked)s, h.id, h.id,
                       %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM %(new)s
             LEFT JOIN res_partner p ON p.id = n.contact_person_ref
             LEFT JOIN res_partner c ON c.id = p.commercial_partner_id
             LEFT JOIN res_partner h ON h.id = COALESCE(c.customer_group_id, c.id)
              ORDER BY n.position
             RETURNING id
                """,
                table=SQL.identifier(self._table),
                columns=SQL(", ").join(map(SQL.identifier, names)),
                links=SQL(", ").join(map(SQL.identifier, self._fact_links)),
                prefixed=SQL(", ").join(self._column_sql(name) for name in names),
                linked=SQL(", ").join(self._link_sql(*link) for link in self._fact_links.items()),
                new=unnested(rows, self._fact_columns, "n", numbered=True),
                uid=self.env.uid,
            )
        )
        return [row[0] for row in self.env.cr.fetchall()]
