from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import ormcache

# the fewest working days that a calendar of five days a week leaves in a period with two public holidays
SHORTEST = {"month": 18, "week": 3}


class DisciplineNorm(models.Model):
    """How many contacts a customer of a class is owed in a period. The team's own norm wins over the general one."""

    _name = "discipline.norm"
    _inherit = "discipline.cached"
    _description = "Norm of Contacts"
    _order = "abc_class_id, team_id, valid_from desc"

    abc_class_id = fields.Many2one("discipline.abc.class", "ABC Class", required=True, index=True, ondelete="restrict")
    team_id = fields.Many2one("crm.team", "Sales Team", ondelete="restrict", help="Empty: for every team.")
    goal = fields.Integer("Contacts", required=True, default=1)
    period = fields.Selection([("week", "Week"), ("month", "Month")], required=True, default="month")
    valid_from = fields.Date(
        required=True,
        default=lambda self: self.env["discipline.calendar"]._period_bounds("month", self._today())[0],
        help="Periods that begin on this day or later are judged by it. Earlier ones keep theirs.",
    )
    company_id = fields.Many2one("res.company", help="Empty: for every company.")

    _key_uniq = models.UniqueIndex(
        "(abc_class_id, COALESCE(team_id, 0), COALESCE(company_id, 0), valid_from)",
        "There is already a norm for this class, team and date: change that one, or choose another date.",
    )

    def _today(self):
        return self.env["discipline.calendar"]._today()

    @api.depends("abc_class_id", "goal", "period", "team_id")
    def _compute_display_name(self):
        labels = dict(self._fields["period"]._description_selection(self.env))
        for norm in self:
            team = f", {norm.team_id.name}" if norm.team_id else ""
            norm.display_name = f"{norm.abc_class_id.name or ''}: {norm.goal} / {labels.get(norm.period, '')}{team}"

    @api.constrains("goal", "period")
    def _check_goal(self):
        for norm in self:
            name = norm.abc_class_id.display_name
            if norm.goal < 1:
                raise ValidationError(
                    self.env._(
                        "The norm of class %(name)s is %(goal)s: it must be 1 or more. A class that needs no contacts "
                        "has no norm at all.",
                        name=name,
                        goal=norm.goal,
                    )
                )
            for company in norm.company_id or self.env["res.company"].sudo().search([]):
                norm._check_possible(company)

    def _check_possible(self, company, gap=None):
        """Refuse a goal that the least distance between counted contacts makes impossible.

        :param gap: working days from one counted contact to the next; by default the policy's in force
        :raise ValidationError: naming the class and the largest possible goal
        """
        gap = gap or self.env["discipline.policy"]._policy_on(company, self.valid_from).min_gap or 1
        largest = (SHORTEST[self.period] - 1) // gap + 1
        if self.goal > largest:
            raise ValidationError(
                self.env._(
                    "The norm of class %(name)s is %(goal)s, but with %(gap)s working day(s) between counted contacts "
                    "at most %(largest)s fit into every period: lower the norm or the distance.",
                    name=self.abc_class_id.display_name,
                    goal=self.goal,
                    gap=gap,
                    largest=largest,
                )
            )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_twin({**self.default_get(["valid_from", "company_id", "team_id"]), **vals})
        return super().create(vals_list)

    @api.model
    def _check_twin(self, vals, norm=None):
        """Refuse a second norm for a class, team, company and date, before the database does in its own words.

        :raise ValidationError: naming class, team and date
        """
        twin = self.search(
            [
                ("id", "!=", norm.id if norm else False),
                ("abc_class_id", "=", vals.get("abc_class_id")),
                ("team_id", "=", vals.get("team_id") or False),
                ("company_id", "=", vals.get("company_id") or False),
                ("valid_from", "=", vals.get("valid_from")),
            ],
            limit=1,
        )
        if twin:
            raise ValidationError(
                self.env._(
                    "Class %(name)s already has a norm from %(date)s for %(team)s: change that one, or choose "
                    "another date.",
                    name=twin.abc_class_id.display_name,
                    date=twin.valid_from,
                    team=twin.team_id.name or self.env._("every team"),
                )
            )

    def _is_used(self):
        """Tell which of these norms a verdict rests on."""
        groups = self.env["discipline.compliance"].sudo()._read_group([("norm_id", "in", self.ids)], ["norm_id"])
        return self.browse(norm.id for (norm,) in groups)

    def write(self, vals):
        if set(vals) & {"abc_class_id", "team_id", "goal", "period", "valid_from", "company_id"}:
            used = self._is_used()
            if used:
                raise UserError(
                    self.env._(
                        "Verdicts already rest on the norm %(norm)s. Add a norm with a later date instead: past "
                        "verdicts keep theirs.",
                        norm=used[0].display_name,
                    )
                )
        key = {"abc_class_id", "team_id", "company_id", "valid_from"}
        for norm in self if key & vals.keys() else ():
            self._check_twin(
                {
                    "valid_from": vals.get("valid_from", norm.valid_from),
                    **{name: vals.get(name, norm[name].id) for name in key - {"valid_from"}},
                },
                norm,
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_unused(self):
        used = self._is_used()
        if used:
            raise UserError(
                self.env._("Verdicts rest on the norm %(norm)s: it cannot be deleted.", norm=used[0].display_name)
            )

    @api.model
    @ormcache("company.id", "date_from", "date_to")
    def _norm_rows(self, company, date_from, date_to):
        """Return the norms that can govern a day from ``date_from`` to ``date_to``, as rows for SQL.

        Norms a week and norms a month are in it together: a team's own norm hides the general one of either kind.

        :return: tuple of (class id, team id or 0, kind, first day, day after the last, norm id, goal); for a class and
            team the company's own norm hides the one for every company.
        """
        norms = self.sudo().search(
            [("company_id", "in", [company.id, False]), ("valid_from", "<=", date_to)], order="valid_from, id"
        )
        chains = {}
        for norm in norms:
            chains.setdefault((norm.abc_class_id.id, norm.team_id.id or 0), []).append(norm)
        rows = []
        for (abc_class, team), chain in chains.items():
            own = [norm for norm in chain if norm.company_id]
            chain = own or chain
            for norm, following in zip(chain, [*chain[1:], None], strict=True):
                until = following.valid_from if following else fields.Date.to_date("9999-01-01")
                if until > date_from:
                    rows.append((abc_class, team, norm.period, norm.valid_from, until, norm.id, norm.goal))
        return tuple(rows)
