"""A customer's ownership and purchases at a glance."""

from markupsafe import Markup
from odoo import api, fields, models
from odoo.tools.misc import format_amount, format_date

#: colours of managers in a timeline, told apart by hue and by their names
COLOURS = ("#3d7ea6", "#c77d2e", "#5a8f5a", "#8a5a8f", "#a65353", "#4f8f8a", "#7a7a3d", "#5a5aa6")
#: months of purchases shown on the card
MONTHS = 24


class ResPartner(models.Model):
    _inherit = "res.partner"

    discipline_timeline = fields.Html("Ownership", compute="_compute_discipline_timeline", sanitize=False)
    discipline_purchase_months = fields.Html(
        "Purchases by Month", compute="_compute_discipline_purchase_months", sanitize=False
    )

    @api.depends("discipline_assignment_ids.date_to")
    def _compute_discipline_timeline(self):
        rows = {}
        for row in self.env["discipline.assignment"].search(
            [("customer_ref", "in", self.ids), ("voided_at", "=", False)], order="date_from, id"
        ):
            rows.setdefault(row.customer_ref, []).append(row)
        for partner in self:
            partner.discipline_timeline = partner._discipline_timeline(rows.get(partner.id, []))

    def _discipline_timeline(self, rows):
        """Return the intervals of a customer as a bar and a list; time of nobody is a grey gap."""
        if not rows:
            return False
        today = self.env["discipline.calendar"]._today(rows[-1].company_id or None)
        origins = dict(rows[0]._fields["origin"]._description_selection(self.env))
        spans, colours, last = [], {}, rows[0].date_from
        for row in rows:
            if row.date_from > last:
                spans.append((None, last, row.date_from, ""))
            end = row.date_to or today
            spans.append((row, row.date_from, end, origins.get(row.origin, "")))
            last = end
        if last < today:
            spans.append((None, last, today, ""))
        total = max((today - rows[0].date_from).days, 1)
        bars, texts = [], []
        for row, start, end, origin in spans:
            if row and end == start and row.date_to:
                continue
            name = (row.user_id.name or self.env._("deleted manager")) if row else self.env._("nobody")
            colour = colours.setdefault(row.manager_ref, COLOURS[len(colours) % len(COLOURS)]) if row else "#d5d5d5"
            dates = {"manager": name, "from": format_date(self.env, start), "to": format_date(self.env, end)}
            label = (
                self.env._("%(manager)s, since %(from)s", **dates)
                if row and not row.date_to
                else self.env._("%(manager)s, %(from)s to %(to)s", **dates)
            )
            share = max(100 * (end - start).days / total, 0.5)
            bars.append(
                Markup('<div style="width:%s%%;background:%s;height:18px" title="%s"></div>')
                % (f"{share:.2f}", colour, label)
            )
            why = ", ".join(part for part in (origin, row.reason if row else "") if part)
            texts.append(
                Markup(
                    '<li><span class="d-inline-block rounded-circle me-2" '
                    'style="width:10px;height:10px;background:%s"></span>%s%s</li>'
                )
                % (colour, label, Markup(' <span class="text-muted">%s</span>') % why if why else "")
            )
        return Markup(
            '<div class="d-flex rounded overflow-hidden mb-2">%s</div><ul class="list-unstyled mb-0">%s</ul>'
        ) % (
            Markup().join(bars),
            Markup().join(reversed(texts)),
        )

    def _compute_discipline_purchase_months(self):
        today = self.env["discipline.calendar"]._today()
        first = fields.Date.subtract(today.replace(day=1), months=MONTHS - 1)
        customers = {partner.id: partner._discipline_customer()[:1].id for partner in self}
        sums = {}
        for customer, month, amount in self.env["discipline.revenue"]._read_group(
            [
                ("customer_ref", "in", list(customers.values())),
                ("voided_at", "=", False),
                ("date", ">=", first),
                ("date", "<=", today),
                ("kind", "in", self.env["discipline.revenue"]._kinds(self.env.company)),
            ],
            ["customer_ref", "date:month"],
            ["amount:sum"],
        ):
            sums.setdefault(customer, {})[month] = amount
        months = [fields.Date.add(first, months=index) for index in range(MONTHS)]
        for partner in self:
            bought = sums.get(customers[partner.id])
            partner.discipline_purchase_months = partner._discipline_months(months, bought) if bought else False

    def _discipline_months(self, months, bought):
        """Return purchases by month as bars with their sums; a month of returns hangs below the line."""
        currency = self.discipline_currency_id or self.env.company.currency_id
        top = max(max(bought.values()), 0) or 1
        bars = []
        for month in months:
            amount = bought.get(month, 0)
            height = round(56 * max(amount, 0) / top) if amount > 0 else 2
            colour = "#d5d5d5" if not amount else "#a65353" if amount < 0 else "#3d7ea6"
            label = f"{format_date(self.env, month, date_format='LLLL y')}: {format_amount(self.env, amount, currency)}"
            bars.append(
                Markup('<div title="%s" style="flex:1;height:%spx;background:%s" class="rounded-top"></div>')
                % (label, height, colour)
            )
        first, last = (format_date(self.env, months[index], date_format="LLL y") for index in (0, -1))
        return Markup(
            '<div class="d-flex align-items-end gap-1" style="height:60px">%s</div>'
            '<div class="d-flex justify-content-between text-muted small"><span>%s</span><span>%s</span></div>'
        ) % (Markup().join(bars), first, last)
