"""The further ways by which a contact came that stands in the log already."""

from odoo import fields, models

from .discipline_contact import SOURCES


class DisciplineContactSource(models.Model):
    """One further source of one contact: a call that telephony told of after it was logged by hand, for example.

    It keeps the source's own number, so that the same call that is sent again is the same contact, and the time that
    the source told. A source that is taken back (an activity that is opened again, a meeting that is moved) is voided
    here and leaves the contact to the others.
    """

    _name = "discipline.contact.source"
    _inherit = "discipline.ledger"
    _description = "Further Source of a Contact"
    _order = "id"
    _rec_name = "source"

    contact_id = fields.Many2one("discipline.contact", readonly=True, required=True, ondelete="cascade", index=True)
    source = fields.Selection(SOURCES, readonly=True, required=True)
    source_ref = fields.Char("Source No.", readonly=True, copy=False)
    date = fields.Datetime("When", readonly=True, required=True, help="As this source tells it.")
    logged_at = fields.Datetime("Logged on", readonly=True, required=True)
    logged_by_id = fields.Many2one("res.users", "Logged by", readonly=True, ondelete="set null")

    # a voided contact keeps its sources, and the same activity may make another one
    _source_uniq = models.UniqueIndex(
        "(source_ref, contact_id) WHERE source_ref IS NOT NULL AND voided_at IS NULL",
        "This contact has been logged already.",
    )
