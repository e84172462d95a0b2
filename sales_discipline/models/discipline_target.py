"""What a manager or a team is to sell in a month, and how much of it has come."""

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.tools import SQL


class DisciplineTarget(models.Model):
    _name = "discipline.target"
    _description = "Sales Target"
    _order = "month desc, team_id, user_id, id"

    user_id = fields.Many2one("res.users", "Manager", domain=[("share", "=", False)], ondelete="cascade", index=True)
    team_id = fields.Many2one("crm.team", "Sales Team", ondelete="cascade", index="btree_not_null")
    month = fields.Date(required=True, default=lambda self: self._first_day(fields.Date.context_today(self)))
    amount = fields.Monetary("Sales Target", required=True)
    won = fields.Monetary(
        "Won in the Month",
        compute="_compute_won",
        help="Sums of the opportunities that were won in the month and are still won.",
    )
    open = fields.Monetary(
        "In the Pipeline",
        compute="_compute_won",
        help="Open opportunities that are to close in the month, each sum times its probability.",
    )
    attainment = fields.Float("Target Attained, %", compute="_compute_won")
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")

    _amount_positive = models.Constraint("CHECK (amount > 0)", "A sales target is above zero: remove it instead.")
    _whose_uniq = models.UniqueIndex(
        "(company_id, month, COALESCE(user_id, 0), COALESCE(team_id, 0))",
        "There is already a target for this manager or team and month: change that one.",
    )

    @api.model
    def _first_day(self, day):
        return day.replace(day=1)

    @api.depends("month", "user_id", "team_id")
    def _compute_display_name(self):
        for target in self:
            whose = target.user_id.name or target.team_id.name or ""
            target.display_name = f"{whose} {target.month:%m.%Y}" if target.month else whose

    @api.constrains("user_id", "team_id")
    def _check_whose(self):
        for target in self:
            if bool(target.user_id) == bool(target.team_id):
                raise ValidationError(
                    self.env._("A sales target is either a manager's or a team's: fill in exactly one of them.")
                )

    @api.depends("month", "user_id", "team_id", "company_id", "amount")
    def _compute_won(self):
        sums = self._fetch_sums()
        for target in self:
            target.won, target.open = sums.get(target._key(), (0.0, 0.0))
            target.attainment = 100 * target.won / target.amount if target.amount else 0.0

    def _key(self):
        """Return whose sums these are, and of which month: (company, first day, user or None, team or None)."""
        return (
            self.company_id.id,
            self._first_day(self.month) if self.month else None,
            self.user_id.id or None,
            self.team_id.id or None,
        )

    def _fetch_sums(self):
        """Return {key: (won, weighted pipeline)} of all months from the first to the last of these targets.

        The sums are the target's business, not the reader's rights: whoever sees a target sees how far it is.
        """
        months = [self._first_day(month) for month in self.mapped("month") if month]
        if not months:
            return {}
        sums = {}
        for company in self.company_id:
            sums.update(self._fetch_month_sums(company, min(months), max(months)))
        return sums

    @api.model
    def _fetch_month_sums(self, company, begin, last):
        """Return {key: (won, weighted pipeline)} of a company's managers and teams, see :meth:`_key`.

        :param begin: the first month's first day
        :param last: the last month's first day
        """
        Calendar = self.env["discipline.calendar"]
        self.env["discipline.funnel"]._flush()
        rows = self.env.execute_query(
            SQL(
                """
                WITH closing AS (
                    SELECT d.manager_ref, d.team_ref, d.outcome, d.amount, l.probability,
                           CASE WHEN d.outcome = 'won'
                                THEN ((d.entered + d.closed_after * interval '1 second')
                                      AT TIME ZONE 'UTC' AT TIME ZONE %(zone)s)::date
                                ELSE GREATEST(l.date_deadline, %(today)s) END AS day
                      FROM discipline_deal d LEFT JOIN crm_lead l ON l.id = d.lead_id
                     WHERE d.company_id = %(company)s
                       AND (d.outcome = 'won' OR (d.outcome = 'open' AND l.date_deadline IS NOT NULL))
                )
                SELECT date_trunc('month', day)::date, manager_ref, team_ref,
                       COALESCE(sum(amount) FILTER (WHERE outcome = 'won'), 0)::float8,
                       COALESCE(sum(amount * probability / 100) FILTER (WHERE outcome = 'open'), 0)::float8
                  FROM closing
                 WHERE day >= %(begin)s AND day < (%(last)s + interval '1 month')::date
              GROUP BY GROUPING SETS ((1, 2), (1, 3))
                """,
                company=company.id,
                zone=str(Calendar._timezone(company)),
                today=Calendar._today(company),
                begin=begin,
                last=last,
            )
        )
        return {
            (company.id, month, user or None, team or None): (won, weighted)
            for month, user, team, won, weighted in rows
            if user or team
        }

    # ------------------------------------------------------------------
    # Who may set it
    # ------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        targets = super().create([self._clean(vals) for vals in vals_list])
        targets._check_supervisor()
        return targets

    def write(self, vals):
        self._check_supervisor()
        result = super().write(self._clean(vals))
        self._check_supervisor()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_by_supervisor(self):
        self._check_supervisor()

    @api.model
    def _clean(self, vals):
        """Return ``vals`` with the first day of the month that was meant."""
        if vals.get("month"):
            vals = {**vals, "month": self._first_day(fields.Date.to_date(vals["month"]))}
        return vals

    def _check_supervisor(self):
        """Refuse whoever does not decide for the manager or team of these targets.

        :raise AccessError: naming whose target it is and who may set it
        """
        for target in self:
            self._check_may_set(target.user_id, target.team_id)

    @api.model
    def _may_set(self, user, team):
        """Tell whether the present user sets the targets of a manager, or of a team where there is no manager."""
        me = self.env.user
        if self.env.su or me.has_group("sales_team.group_sale_manager"):
            return True
        if user:
            return user != me and me._discipline_decides_for(user)
        return me._discipline_is_supervisor() and team.sudo().user_id == me

    @api.model
    def _check_may_set(self, user, team):
        """Refuse whoever does not decide for a manager or team.

        :raise AccessError: naming whose target it is and who may set it
        """
        if not self._may_set(user, team):
            raise AccessError(
                self.env._(
                    "The sales target of “%(whose)s” is set by the team's leader or a Sales administrator: ask one "
                    "of them.",
                    whose=user.sudo().name or team.sudo().name or "",
                )
            )
