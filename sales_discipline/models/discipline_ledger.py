"""Facts only grow: the ground under every ledger of the addon."""

from odoo import api, fields, models
from odoo.exceptions import UserError

# A plain Python object cannot travel through RPC, so no client can forge the key to a ledger.
_LEDGER_KEY = object()


class DisciplineLedger(models.AbstractModel):
    """A table of facts that nobody edits or deletes, whichever way he comes.

    Models of facts inherit from it and write through :meth:`_ledger`. A wrong fact is voided by :meth:`_void`, with
    who, when and why, and stays visible.
    """

    _name = "discipline.ledger"
    _inherit = "discipline.grouped"
    _description = "Ledger of facts"

    voided_at = fields.Datetime("Voided on", readonly=True, copy=False)
    voided_by_id = fields.Many2one("res.users", "Voided by", readonly=True, copy=False, ondelete="set null")
    void_reason = fields.Char("Why voided", readonly=True, copy=False)

    @api.private
    def _ledger(self):
        """Return these records with the key that lets the program itself add and void facts."""
        return self.sudo().with_context(discipline_ledger=_LEDGER_KEY)

    def _ledger_check(self):
        """Refuse whoever comes without the key.

        :raise UserError: always, except within :meth:`_ledger`
        """
        if self.env.context.get("discipline_ledger") is not _LEDGER_KEY:
            raise UserError(
                self.env._(
                    "“%(ledger)s” is a ledger of facts: its records cannot be created, changed or deleted by hand. "
                    "Use the program's own actions; void a wrong fact instead of changing it.",
                    ledger=self.env["ir.model"]._get(self._name).name or self._description,
                )
            )

    @api.model_create_multi
    def create(self, vals_list):
        self._ledger_check()
        return super().create(vals_list)

    def write(self, vals):
        self._ledger_check()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        self._ledger_check()

    def copy(self, default=None):
        self._ledger_check()
        return super().copy(default)

    def _void(self, reason):
        """Void these facts: they stay in the ledger and no longer count.

        :param str reason: why, in a person's words
        :return: the records that were voided now (those voided earlier keep their first reason)
        :raise UserError: if no reason is given
        """
        if not (reason or "").strip():
            raise UserError(self.env._("Say why this fact is voided: the reason stays in the ledger."))
        return self._mark_void(reason)

    def _mark_void(self, reason, **values):
        """Void these facts without asking who may; ``values`` are written along. Return those voided now."""
        records = self.filtered(lambda fact: not fact.voided_at)
        if records:
            records._ledger().write(
                {
                    "voided_at": fields.Datetime.now(),
                    "voided_by_id": self.env.uid,
                    "void_reason": reason.strip(),
                    **values,
                }
            )
        return records
