"""The log of contacts: every real contact is one row, and the program says at once whether it counts."""

from odoo import api, fields, models

REASONS = [
    ("voided", "Voided"),
    ("closed", "Logged after the period was closed"),
    ("outcome", "This outcome does not count"),
    ("channel", "This channel does not count"),
    ("late", "Logged too late"),
    ("nobody", "The customer had no responsible manager"),
    ("stranger", "Made by somebody else than the responsible manager"),
    ("gap", "Too soon after the last contact that counted"),
]


class DisciplineContact(models.Model):
    """One contact with one customer."""

    _name = "discipline.contact"
    _inherit = "discipline.ledger"
    _description = "Contact with a Customer"
    _order = "date desc, id desc"
    _rec_name = "partner_id"

    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, ondelete="set null")
    customer_ref = fields.Integer("Customer No.", readonly=True, required=True)
    contact_id = fields.Many2one("res.partner", "Person", readonly=True, ondelete="set null", index="btree_not_null")
    user_id = fields.Many2one("res.users", "Made by", readonly=True, ondelete="set null")
    doer_ref = fields.Integer("Doer No.", readonly=True, required=True)
    logged_by_id = fields.Many2one("res.users", "Logged by", readonly=True, ondelete="set null")
    logged_at = fields.Datetime("Logged on", readonly=True, required=True)
    logged_day = fields.Date(readonly=True, required=True, help="The doer's local date when it was logged.")
    responsible_id = fields.Many2one(
        "res.users", "Responsible Manager", readonly=True, ondelete="set null", help="Whose customer it was that day."
    )
    responsible_ref = fields.Integer("Responsible No.", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True, ondelete="set null", index=True)
    date = fields.Datetime("When", readonly=True, required=True)
    day = fields.Date(readonly=True, required=True, help="The local date for whoever made the contact.")
    channel_id = fields.Many2one("discipline.channel", readonly=True, ondelete="set null")
    direction = fields.Selection([("out", "Outgoing"), ("in", "Incoming")], readonly=True, default="out")
    outcome_id = fields.Many2one("discipline.outcome", readonly=True, ondelete="set null")
    note = fields.Text(readonly=True)
    duration = fields.Float("Duration, Minutes", readonly=True)
    lead_id = fields.Many2one("crm.lead", "Opportunity", readonly=True, ondelete="set null", index="btree_not_null")
    source = fields.Selection(
        [
            ("activity", "Activity"),
            ("meeting", "Meeting"),
            ("manual", "Logged by hand"),
            ("api", "Telephony"),
            ("import", "Import"),
        ],
        readonly=True,
        required=True,
        default="manual",
    )
    source_ref = fields.Char("Source No.", readonly=True, copy=False)
    evidence_grade = fields.Selection(
        [("two_way", "Two-way"), ("one_way", "One-way"), ("note", "Note only")], readonly=True, default="note"
    )
    counted = fields.Boolean(readonly=True, help="It keeps the norm of contacts.")
    rejected_reason = fields.Selection(REASONS, "Why Not Counted", readonly=True)

    @api.model
    def _derive_counted(self, company, kind, date_start, date_end, partner_ids):
        return

    @api.model
    def _reconcile_feeders(self, company):
        return
