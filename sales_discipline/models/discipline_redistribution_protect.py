"""What protects a customer from being withdrawn is asked for again when he is approved, and when he moves."""

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

#: causes that take a customer from his manager against his will; see docs/rules.md for the others
PROTECTING = ("missed", "unfilled", "unreachable", "overload", "selection")
#: what may come to protect a customer after he was proposed. Not the cooldown: that is for new proposals, and the
#: redistribution itself begins it.
ASKED_AGAIN = ("protected", "deal")


class DisciplineRedistributionLine(models.Model):
    _inherit = "discipline.redistribution.line"

    is_offered = fields.Boolean(
        "Named by His Manager",
        readonly=True,
        help="The manager chose himself that this customer leaves him: nothing protects the customer from that.",
    )

    def _skip_hindered(self):
        """Skip the lines whose customers changed hands, whose receiver has gone, or whom something protects by now.

        :return: the lines that were skipped
        """
        changed = self._skip_changed()
        return changed | (self - changed)._skip_protected()

    def _skip_protected(self):
        """Skip the lines whose customers an exception or a late deal has come to protect since they were proposed.

        :return: the lines that were skipped
        """
        reasons = {}
        for line, why in self._protected_now().items():
            reasons.setdefault(why, []).append(line)
        for why, ids in sorted(reasons.items()):
            self.browse(ids)._set_state("skipped", skip_reason=why)
        return self.browse(sorted(line for ids in reasons.values() for line in ids))

    def _protected_now(self):
        """Return {line id: why} of the lines whose customers are protected today, why being a ``skip_reason``."""
        self.flush_model()
        by_batch = {}
        for batch, line, customer in self.env.execute_query(
            SQL(
                """
                SELECT l.redistribution_id, l.id, l.customer_ref
                  FROM discipline_redistribution_line l
                  JOIN discipline_redistribution b ON b.id = l.redistribution_id AND b.cause = ANY(%s)
                 WHERE l.id = ANY(%s) AND l.is_offered IS NOT TRUE
                """,
                list(PROTECTING),
                self.ids,
            )
        ):
            by_batch.setdefault(batch, {})[customer] = line
        found = {}
        for batch in self.env["discipline.redistribution"].sudo().browse(sorted(by_batch)):
            lines = by_batch[batch.id]
            today = self.env["discipline.calendar"]._today(batch.company_id)
            spared = batch._spared(batch.company_id, batch.policy_id, today, list(lines))
            found.update({lines[customer]: why for customer, why in spared.items() if why in ASKED_AGAIN})
        return found

    def _check_unprotected(self):
        """Refuse to choose a receiver for customers whom something protects: they would be skipped again.

        :raise UserError: naming the customer, what protects him, and what to do
        """
        labels = dict(self._fields["skip_reason"]._description_selection(self.env))
        for line, why in self.sudo()._protected_now().items():
            raise UserError(
                self.env._(
                    "%(customer)s stays where it is: %(why)s. End the exception first, or decide the deal.",
                    customer=self.browse(line).customer_name,
                    why=labels[why],
                )
            )
