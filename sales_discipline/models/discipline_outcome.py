from odoo import api, fields, models
from odoo.tools import ormcache


class DisciplineOutcome(models.Model):
    """What came of a contact."""

    _name = "discipline.outcome"
    _inherit = "discipline.cached"
    _description = "Outcome of a Contact"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    counts = fields.Boolean(default=True, help="Whether a contact with this outcome keeps the norm.")
    is_attempt = fields.Boolean(
        "Attempt Only", help="Nobody was reached: such contacts are looked at when a customer cannot be reached."
    )
    asks_written = fields.Boolean(
        "Asks Not to Be Called",
        help="The supervisor is asked for an exception: written channels only, for a year.",
    )
    is_refusal = fields.Boolean("Refusal", help="The customer refused: the reason is asked.")

    _name_uniq = models.Constraint("UNIQUE(name)", "There is already an outcome with this name.")

    @api.model
    @ormcache()
    def _attempt_ids(self):
        """Return the ids of the outcomes in which nobody was reached, archived ones too: every logged contact asks."""
        return tuple(self.sudo().with_context(active_test=False).search([("is_attempt", "=", True)]).ids)
