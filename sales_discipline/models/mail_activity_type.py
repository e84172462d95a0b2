from odoo import fields, models


class MailActivityType(models.Model):
    _inherit = "mail.activity.type"

    discipline_channel_id = fields.Many2one(
        "discipline.channel",
        "Channel of Contacts",
        ondelete="set null",
        index="btree_not_null",
        help="An activity of this type that is marked as done is logged as a contact by this channel.",
    )
