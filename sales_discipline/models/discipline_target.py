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
        Funnel = self.env["discipline.funnel"]
        Calendar = self.env["discipline.calendar"]
        Funnel._flush()
        sums = {}
        for company in self.company_id:
            rows = self.env.execute_query(
                SQL(
                    """
                    WITH %(deals)s, closing AS (
                        SELECT d.manager_ref, d.team_ref, d.outcome, d.amount, l.probability,
                               CASE WHEN d.outcome = 'won'
                                    THEN (d.closed AT TIME ZONE 'UTC' AT TIME ZONE %(zone)s)::date
                                    ELSE GREATEST(l.date_deadline, %(today)s) END AS day
                          FROM deal d LEFT JOIN crm_lead l ON l.id = d.lead_ref
                         WHERE d.outcome = 'won' OR (d.outcome = 'open' AND l.date_deadline IS NOT NULL)
                    )
                    SELECT date_trunc('month', day)::date, manager_ref, team_ref,
                           COALESCE(sum(amount) FILTER (WHERE outcome = 'won'), 0)::float8,
                           COALESCE(sum(amount * probability / 100) FILTER (WHERE outcome = 'open'), 0)::float8
                      FROM closing
                     WHERE day >= %(begin)s AND day < (%(last)s + interval '1 month')::date
                  GROUP BY GROUPING SETS ((1, 2), (1, 3))
                    """,
                    deals=Funnel._sql_deals({}, Funnel._stages({}), where=SQL("e.company_id = %s", company.id)),
                    zone=str(Calendar._timezone(company)),
                    today=Calendar._today(company),
                    begin=min(months),
                    last=max(months),
                )
            )
            for month, user, team, won, weighted in rows:
                if user or team:
                    sums[company.id, month, user or None, team or None] = (won, weighted)
        return sums

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
        user = self.env.user
        if self.env.su or user.has_group("sales_team.group_sale_manager"):
            return
        for target in self:
            if target.user_id:
                allowed = target.user_id != user and user._discipline_decides_for(target.user_id)
            else:
                allowed = target.team_id.sudo().user_id == user
            if not allowed:
                raise AccessError(
                    self.env._(
                        "The sales target of “%(whose)s” is set by the team's leader or a Sales administrator: ask one "
                        "of them.",
                        whose=target.sudo().user_id.name or target.sudo().team_id.name or "",
                    )
                )
