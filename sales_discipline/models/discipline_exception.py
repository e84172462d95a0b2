from datetime import timedelta

from dateutil.relativedelta import relativedelta
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError


class DisciplineException(models.Model):
    """What was agreed for one customer against the general rule: never retroactive, at most for a year."""

    _name = "discipline.exception"
    _description = "Exception for a Customer"
    _order = "date_from desc, id desc"
    _rec_name = "partner_id"

    partner_id = fields.Many2one("res.partner", "Customer", required=True, index=True, ondelete="cascade")
    kind = fields.Selection(
        [
            ("own_norm", "Own norm"),
            ("pause", "Pause"),
            ("written", "Written channels only"),
            ("keep", "Not to be withdrawn"),
        ],
        required=True,
        default="pause",
        help="Own norm: so many contacts are due instead of the class's. Pause: nothing is asked. Written channels "
        "only: letters and messages keep the norm. Not to be withdrawn: no redistribution takes the customer from his "
        "manager.",
    )
    goal = fields.Integer("Contacts per Period", help="For an own norm: how many contacts are due in a period.")
    date_from = fields.Date("From", required=True, default=fields.Date.context_today)
    date_until = fields.Date("Until", required=True)
    recurs = fields.Boolean(
        "Every Year", help="It comes into force on the same days of every following year: a season."
    )
    ended_on = fields.Date(
        "Ended on", readonly=True, copy=False, help="From this day on it is not in force, nor does it come back."
    )
    decided_at = fields.Datetime("Decided on", readonly=True, copy=False)
    reason = fields.Text(required=True)
    requested_by_id = fields.Many2one(
        "res.users", "Requested by", readonly=True, default=lambda self: self.env.user, ondelete="set null"
    )
    approved_by_id = fields.Many2one("res.users", "Approved by", readonly=True, copy=False, ondelete="set null")
    state = fields.Selection(
        [("requested", "Requested"), ("approved", "Approved"), ("refused", "Refused")],
        default="requested",
        readonly=True,
        copy=False,
    )
    user_id = fields.Many2one(
        "res.users",
        "Manager",
        readonly=True,
        copy=False,
        ondelete="set null",
        help="Whose customer it was when it was requested: how many exceptions a manager has is seen by everybody.",
    )
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)

    @api.constrains("date_from", "date_until", "kind", "goal")
    def _check_exception(self):
        for row in self:
            name = row.partner_id.display_name
            if row.date_until < row.date_from:
                raise ValidationError(self.env._("The exception for %(who)s ends before it begins.", who=name))
            if row.date_until > row.date_from + timedelta(days=366):
                raise ValidationError(self.env._("The exception for %(who)s may last 12 months at most.", who=name))
            if row.kind == "own_norm" and row.goal < 1:
                raise ValidationError(
                    self.env._("The own norm of %(who)s must be 1 or more; for no contacts choose a pause.", who=name)
                )

    @api.constrains("date_from")
    def _check_not_retroactive(self):
        for row in self:
            today = self.env["discipline.calendar"]._today(row.company_id)
            if row.date_from < today and not self.env.context.get("install_mode"):
                raise ValidationError(
                    self.env._(
                        "The exception for %(who)s cannot begin in the past: what happened is judged by the rules of "
                        "its time.",
                        who=row.partner_id.display_name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if not self.env.su:
                for name in ("state", "approved_by_id", "decided_at", "ended_on", "requested_by_id"):
                    vals.pop(name, None)
            partner = self.env["res.partner"].browse(vals.get("partner_id")).exists()
            customer = partner._discipline_customer() if partner else partner
            if customer:
                vals["partner_id"] = customer.id
                vals.setdefault("user_id", customer.sudo().discipline_id.user_id.id)
                vals.setdefault("company_id", customer.sudo().discipline_id.company_id.id or self.env.company.id)
        rows = super().create(vals_list)
        rows.filtered(lambda row: row.state == "approved")._discipline_reevaluate()
        return rows

    def write(self, vals):
        decided = {"state", "approved_by_id", "requested_by_id", "decided_at", "ended_on", "user_id"}
        if decided & vals.keys() and not self.env.su:
            raise AccessError(self.env._("An exception is approved or refused with its buttons, by a supervisor."))
        if not self.env.su and any(row.state != "requested" for row in self):
            raise AccessError(self.env._("A decided exception is not changed: request another one."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_approved(self):
        """What was judged under an approved exception rests on it: it is ended, never deleted.

        :raise UserError: naming the customer and what to do
        """
        for row in self.filtered(lambda row: row.state == "approved"):
            raise UserError(
                self.env._(
                    "The exception for %(who)s is approved and is not deleted: end it with “End Today” instead.",
                    who=row.partner_id.display_name,
                )
            )

    def _decide(self, state):
        for row in self:
            owner = row.partner_id._discipline_customer().user_id
            if row.requested_by_id == self.env.user and not self.env.user.has_group("sales_team.group_sale_manager"):
                raise AccessError(self.env._("Nobody decides about his own request."))
            if not self.env.user._discipline_decides_for(owner):
                raise AccessError(
                    self.env._("The exception for %(who)s is a supervisor's decision.", who=row.partner_id.display_name)
                )
            if row.state != "requested":
                raise UserError(
                    self.env._("The exception for %(who)s is decided already.", who=row.partner_id.display_name)
                )
        self.sudo().write({"state": state, "approved_by_id": self.env.uid, "decided_at": fields.Datetime.now()})
        self._discipline_reevaluate()

    def action_approve(self):
        """Let these exceptions come into force: a supervisor's word."""
        self._decide("approved")

    def action_refuse(self):
        """Refuse these exceptions: the general rule holds."""
        self._decide("refused")

    def action_end(self):
        """End these exceptions today: what was judged under them stays.

        :raise AccessError: for whoever does not decide for the customer's manager
        """
        for row in self:
            if not self.env.user._discipline_decides_for(row.partner_id._discipline_customer().user_id):
                raise AccessError(
                    self.env._("The exception for %(who)s is a supervisor's decision.", who=row.partner_id.display_name)
                )
        for row in self.sudo().filtered(lambda row: row.state == "approved" and not row.ended_on):
            row.write({"ended_on": self.env["discipline.calendar"]._today(row.company_id)})
        self._discipline_reevaluate()

    def _discipline_reevaluate(self):
        """Judge the customers of these exceptions anew in their open periods."""
        self.env["discipline.compliance"].sudo()._evaluate_customers(self.partner_id.ids)

    def _spans(self, date_from, date_to):
        """Return the days on which this exception is in force between two days, as (first, last), ascending.

        A season comes back on the same days of every year; 29 February is 28 February in a common year.
        """
        self.ensure_one()
        spans = []
        for years in range(max(0, date_to.year - self.date_from.year) + 1 if self.recurs else 1):
            first = self.date_from + relativedelta(years=years)
            last = self.date_until + relativedelta(years=years)
            if self.ended_on:
                last = min(last, self.ended_on - timedelta(days=1))
            first, last = max(first, date_from), min(last, date_to)
            if first <= last:
                spans.append((first, last))
        return spans

    @api.model
    def _in_force(self, company, date_from, date_to, kinds, decided_by=None, partner_ids=None):
        """Return what is agreed for the customers of a company between two days.

        :param kinds: kinds of exception to look at
        :param datetime decided_by: leave out what was approved later (naive UTC)
        :param partner_ids: customers to look at; by default all of them
        :return: list of (customer id, kind, goal, first day, last day), each cut to the days asked for
        """
        rows = self.sudo().search(
            [
                *([("partner_id", "in", list(partner_ids))] if partner_ids is not None else ()),
                ("company_id", "=", company.id),
                ("kind", "in", kinds),
                ("state", "=", "approved"),
                ("date_from", "<=", date_to),
                "|",
                ("recurs", "=", True),
                ("date_until", ">=", date_from),
            ],
            order="id",
        )
        return [
            (row.partner_id.id, row.kind, row.goal, first, last)
            for row in rows
            if not decided_by or not row.decided_at or row.decided_at <= decided_by
            for first, last in row._spans(date_from, date_to)
        ]
