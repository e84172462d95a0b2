"""What a verdict rests on, for people: due days, contacts that counted and those that did not, each with its rule."""

from datetime import timedelta

from markupsafe import Markup
from odoo import api, fields, models

from ..engine import verdicts


class DisciplineCompliance(models.Model):
    _inherit = "discipline.compliance"

    evidence_html = fields.Html(
        "What It Rests on",
        compute="_compute_evidence_html",
        sanitize=False,
        help="Final verdicts show what was kept when the period was closed, running ones what is known now.",
    )

    @api.depends("evidence", "closed")
    @api.depends_context("lang")
    def _compute_evidence_html(self):
        """Render the evidence of each verdict; meant for a verdict that somebody opened."""
        labels = dict(self.env["discipline.contact"]._fields["rejected_reason"]._description_selection(self.env))
        for row in self:
            evidence = row.evidence if row.closed else row.sudo()._running_evidence()
            row.evidence_html = row._render_evidence(evidence or {}, labels) if row.partner_id or row.closed else False

    def _running_evidence(self):
        """Return of a running verdict what closing would keep now, in the same form."""
        self.ensure_one()
        period = self.period_id
        after = period.date_end + timedelta(days=1)
        intervals = self.env["discipline.assignment"].search(
            [
                ("customer_ref", "=", self.customer_ref),
                ("company_id", "=", self.company_id.id),
                ("date_from", "<=", period.date_end),
                "|",
                ("date_to", "=", False),
                ("date_to", ">", period.date_start),
            ],
            order="date_from, id",
        )
        contacts = self.env["discipline.contact"].search(
            [
                ("partner_id", "=", self.customer_ref),
                ("day", ">=", period.date_start),
                ("day", "<=", period.date_end),
            ],
            order="day, date, id",
        )
        decided = self.search(
            [
                ("period_id", "=", period.id),
                ("customer_ref", "=", self.customer_ref),
                ("unreachable_from", "!=", False),
                ("unreachable_decision", "=", "confirmed"),
            ]
        )
        pauses = [row for row in self._exceptions_in_force(period) if row[1] == "pause" and row[0] == self.customer_ref]
        return {
            "norm": self.norm_id.id,
            "policy": period.policy_id.id,
            "n": self.asked,
            "manager": self.manager_ref,
            "overload": self.overload,
            "paused": [[str(low), str(high)] for _partner, _kind, _goal, low, high in pauses],
            "unreachable": [[row.manager_ref, str(row.unreachable_from)] for row in decided],
            "intervals": [
                [
                    row.manager_ref,
                    str(max(row.date_from, period.date_start)),
                    str(min(row.date_to, after) if row.date_to else after),
                ]
                for row in intervals
                if not row.date_to or row.date_to > row.date_from
            ],
            "contacts": [
                [row.id, str(row.day), row.counted, row.rejected_reason or None, row.doer_ref] for row in contacts
            ],
        }

    def _render_evidence(self, evidence, labels):
        """Return the evidence as HTML: the rules by name and version, the due days, and a line per contact."""
        self.ensure_one()
        verdict = self._recomputed(evidence)
        users = self._evidence_names(evidence)
        lines = []
        norm = self.env["discipline.norm"].sudo().browse(evidence.get("norm")).exists()
        policy = self.env["discipline.policy"].sudo().browse(evidence.get("policy")).exists()
        lines.append((self.env._("Norm"), norm.display_name if norm else self.env._("agreed for this customer")))
        lines.append((self.env._("Policy"), policy.display_name or ""))
        if verdict and verdict.dues:
            # of the due days the first are met: a contact may come earlier than it is due
            days = [
                f"{self._format_day(day)} {'✓' if number < verdict.attained else '–'}"
                for number, day in enumerate(verdict.dues)
            ]
            lines.append((self.env._("Due by"), ", ".join(days)))
        if len(evidence.get("intervals") or ()) > 1:
            spans = [
                f"{users.get(user, user)}: {self._format_day(fields.Date.to_date(low))}"
                for user, low, _high in evidence["intervals"]
            ]
            lines.append((self.env._("Responsible from"), ", ".join(spans)))
        for low, high in evidence.get("paused") or ():
            span = f"{self._format_day(fields.Date.to_date(low))} – {self._format_day(fields.Date.to_date(high))}"
            lines.append((self.env._("Pause"), span))
        head = Markup("").join(Markup("<dt>%s</dt><dd>%s</dd>") % line for line in lines)
        rows = Markup("").join(
            Markup('<tr class="%s"><td>%s</td><td>%s</td><td>%s</td></tr>')
            % (
                "" if counted else "text-muted",
                self._format_day(fields.Date.to_date(day)),
                users.get(doer, ""),
                self.env._("Counted") if counted else labels.get(reason, reason or ""),
            )
            for _id, day, counted, reason, doer in evidence.get("contacts") or ()
        )
        table = (
            Markup('<table class="table table-sm"><thead><tr><th>%s</th><th>%s</th><th>%s</th></tr></thead>%s</table>')
            % (self.env._("Contact on"), self.env._("Made by"), self.env._("For the norm"), rows)
            if rows
            else Markup("<p>%s</p>") % self.env._("No contact in this period.")
        )
        return Markup("<dl>%s</dl>%s") % (head, table)

    def _recomputed(self, evidence):
        """Return the engine's verdict (``engine.verdicts.Verdict``) of this row from its evidence, or None."""
        snapshot = self.sudo().period_id.snapshot
        if not snapshot or not evidence.get("intervals") or not evidence.get("n"):
            return None
        judgement = verdicts.recompute({**evidence, "overload": 0}, snapshot)
        return judgement.verdicts.get(self.manager_ref)

    def _evidence_names(self, evidence):
        """Return {user id: name} of the people in the evidence."""
        ids = {row[0] for row in evidence.get("intervals") or ()} | {row[4] for row in evidence.get("contacts") or ()}
        users = self.env["res.users"].sudo().with_context(active_test=False).browse(sorted(filter(None, ids))).exists()
        return {user.id: user.name for user in users}
