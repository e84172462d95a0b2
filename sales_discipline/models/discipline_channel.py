from odoo import fields, models


class DisciplineChannel(models.Model):
    """A way to talk to a customer, and whether talking so keeps the norm."""

    _name = "discipline.channel"
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
