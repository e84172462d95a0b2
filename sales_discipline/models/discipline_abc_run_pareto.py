"""The Pareto chart in the form of an analysis: drawn before anything is applied."""

from markupsafe import Markup
from odoo import api, fields, models

WIDTH, HEIGHT, LEFT, BOTTOM = 640, 230, 44, 28
#: customers per bar, in percent
STEP = 5


class DisciplineAbcRun(models.Model):
    _inherit = "discipline.abc.run"

    pareto = fields.Html("Pareto Chart", compute="_compute_pareto", sanitize=False)

    @api.depends("computed_at")
    def _compute_pareto(self):
        groups = {}
        for run, percentile, cumulative in self.env["discipline.abc.run.line"]._read_group(
            [("run_id", "in", self.ids), ("revenue_to", ">", 0)], ["run_id", "percentile"], ["cumulative:max"]
        ):
            groups.setdefault(run.id, []).append((percentile, cumulative))
        for run in self:
            points = sorted(groups.get(run.id, []))
            run.pareto = run._pareto_chart(points) if points else False

    def _pareto_chart(self, points):
        """Return the chart: bars of purchases per 5 % of customers, the line of their cumulative share, the bounds.

        :param points: (percent of customers, cumulative percent of purchases), ascending
        """

        def across(percent):
            return round(LEFT + (WIDTH - LEFT - 60) * percent / 100, 1)

        def up(percent):
            return round((HEIGHT - BOTTOM) - (HEIGHT - BOTTOM - 12) * min(percent, 100) / 100, 1)

        parts, before = [], 0.0
        for start in range(0, 100, STEP):
            reached = [share for percent, share in points if percent <= start + STEP]
            share = max(reached, default=before)
            height = up(0) - up(share - before)
            if height > 0.2:
                parts.append(
                    Markup('<rect x="%s" y="%s" width="%s" height="%s" fill="#9dbad0"><title>%s</title></rect>')
                    % (
                        across(start) + 1,
                        up(share - before),
                        across(start + STEP) - across(start) - 2,
                        round(height, 1),
                        self.env._(
                            "Customers %(from)s to %(to)s %%: %(share)s %% of the purchases",
                            **{"from": start, "to": start + STEP, "share": f"{share - before:.1f}"},
                        ),
                    )
                )
            before = share
        line = " ".join(f"{across(percent)},{up(share)}" for percent, share in [(0, 0), *points])
        parts.append(Markup('<polyline points="%s" fill="none" stroke="#c77d2e" stroke-width="2"/>') % line)
        bounds = self.env["discipline.abc.class"].sudo().search([("cumulative_share", ">", 0)])
        parts.extend(
            Markup(
                '<line x1="%s" x2="%s" y1="%s" y2="%s" stroke="#888" stroke-dasharray="4 4"/>'
                '<text x="%s" y="%s" font-size="11" fill="#555">%s %s%%</text>'
            )
            % (
                LEFT,
                across(100),
                up(row.cumulative_share),
                up(row.cumulative_share),
                across(100) + 4,
                up(row.cumulative_share) + 4,
                row.name,
                f"{row.cumulative_share:g}",
            )
            for row in bounds
            if row.cumulative_share < 100
        )
        for percent in (0, 50, 100):
            parts.append(
                Markup('<text x="%s" y="%s" font-size="11" text-anchor="middle" fill="#555">%s</text>')
                % (across(percent), HEIGHT - 14, f"{percent} %")
            )
            parts.append(
                Markup('<text x="%s" y="%s" font-size="11" text-anchor="end" fill="#555">%s</text>')
                % (LEFT - 4, up(percent) + 4, f"{percent} %")
            )
        return Markup(
            '<svg viewBox="0 0 %s %s" style="max-width:%spx;width:100%%" role="img" aria-label="%s">'
            '<line x1="%s" x2="%s" y1="%s" y2="%s" stroke="#888"/>%s</svg>'
            '<div class="text-muted small">%s</div>'
        ) % (
            WIDTH,
            HEIGHT,
            WIDTH,
            self.env._("Pareto Chart"),
            LEFT,
            across(100),
            up(0),
            up(0),
            Markup().join(parts),
            self.env._("Across: customers, the largest first. Up: their share of the purchases."),
        )
