from typing import NamedTuple

from odoo import api, fields, models
from odoo.tools import frozendict, ormcache


class Rule(NamedTuple):
    """What the log must know of a channel."""

    #: id of the usual outcome, or False
    outcome: int | bool
    #: ``always``, ``answered`` or ``never``
    counts: str
    is_meeting: bool


class DisciplineChannel(models.Model):
    """A way to talk to a customer, and whether talking so keeps the norm."""

    _name = "discipline.channel"
    _inherit = "discipline.cached"
    _description = "Channel of Contacts"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    counts = fields.Selection(
        [("always", "Counts"), ("answered", "Counts if answered"), ("never", "Does not count")],
        "For the Norm",
        required=True,
        default="never",
        help="Whether a contact by this channel keeps the norm. “If answered”: an attempt without an answer does not.",
    )
    outcome_id = fields.Many2one(
        "discipline.outcome", "Usual Outcome", ondelete="restrict", help="The outcome of an activity marked as done."
    )
    activity_type_ids = fields.One2many(
        "mail.activity.type",
        "discipline_channel_id",
        "Activity Types",
        help="An activity of these types that is marked as done becomes a contact.",
    )
    is_written = fields.Boolean(
        "Written",
        help="A letter or a message. It keeps the norm of customers who have an approved exception “Written channels "
        "only”.",
    )
    is_meeting = fields.Boolean("Meetings", help="Meetings in the calendar are logged by this channel.")

    _name_uniq = models.Constraint("UNIQUE(name)", "There is already a channel with this name.")

    @api.model
    @ormcache()
    def _rules(self):
        """Return {id: Rule} of all channels, archived ones too: every logged contact asks."""
        channels = self.sudo().with_context(active_test=False).search([])
        return frozendict({row.id: Rule(row.outcome_id.id, row.counts, row.is_meeting) for row in channels})
