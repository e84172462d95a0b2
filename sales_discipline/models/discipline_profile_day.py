"""What a day asked of a manager: his quota of cards, kept as it was, so that a changed quota leaves the past alone."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL
from odoo.tools.misc import format_date

from ..engine import card


class ResCompany(models.Model):
    _inherit = "res.company"

    discipline_fill_quota = fields.Integer(
        "Cards per Day", default=5, help="How many customer cards a manager completes on a working day; 0: no quota."
    )
    discipline_fill_from = fields.Date(
        "Cards from", help="Cards are asked for from this day on. Empty: from the first night after the installation."
    )
    discipline_fill_days = fields.Integer(
        "Unfilled after, Working Days",
        default=20,
        help="A card that stays incomplete for so many working days is offered to managers with few customers; "
        "0: never.",
    )
    discipline_fill_due = fields.Integer(
        "Filled in within, Working Days",
        default=5,
        help="Whoever receives a customer with an incomplete card gets acquainted and fills it in within so many days.",
    )
    discipline_phone_shared = fields.Integer(
        "Phone on Many Cards", default=5, help="A phone that stands on so many customers' cards is flagged; 0: never."
    )

    discipline_profile_at = fields.Datetime("Cards Last Scored", readonly=True, copy=False)

    @api.constrains("discipline_fill_quota", "discipline_fill_days", "discipline_fill_due", "discipline_phone_shared")
    def _check_discipline_fill(self):
        names = ("discipline_fill_quota", "discipline_fill_days", "discipline_fill_due", "discipline_phone_shared")
        for company in self:
            if min(company[name] for name in names) < 0:
                raise ValidationError(
                    self.env._(
                        "In the settings of customer cards of %(company)s numbers are 0 or more.", company=company.name
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        companies = super().create(vals_list)
        self.env.registry.clear_cache()
        return companies

    def write(self, vals):
        result = super().write(vals)
        if {"resource_calendar_id", "partner_id"} & vals.keys():
            # the time zones by which cards know their day
            self.env.registry.clear_cache()
        return result


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    discipline_fill_quota = fields.Integer(related="company_id.discipline_fill_quota", readonly=False)
    discipline_fill_from = fields.Date(related="company_id.discipline_fill_from", readonly=False)
    discipline_fill_days = fields.Integer(related="company_id.discipline_fill_days", readonly=False)
    discipline_fill_due = fields.Integer(related="company_id.discipline_fill_due", readonly=False)
    discipline_phone_shared = fields.Integer(related="company_id.discipline_phone_shared", readonly=False)


class CrmTeam(models.Model):
    _inherit = "crm.team"

    discipline_fill_quota = fields.Integer("Cards per Day", help="0: the company's quota; -1: no quota in this team.")
    discipline_fill_from = fields.Date("Cards from", help="Empty: the company's date.")


class ResUsers(models.Model):
    _inherit = "res.users"

    discipline_fill_quota = fields.Integer(
        "Cards per Day", help="0: the team's or the company's quota; -1: no quota for this manager."
    )

    def _discipline_fill_quota(self, company):
        """Return how many cards a working day asks of this manager, before it is cut to what is left to fill."""
        self.ensure_one()
        user = self.sudo()
        quota = user.discipline_fill_quota or user.sale_team_id.discipline_fill_quota or company.discipline_fill_quota
        return max(0, quota)

    def _discipline_fill_start(self, company):
        """Return the day from which cards are asked of this manager; None where nothing is set."""
        self.ensure_one()
        return self.sudo().sale_team_id.discipline_fill_from or company.sudo().discipline_fill_from or None


class DisciplineProfileDay(models.Model):
    _name = "discipline.profile.day"
    _inherit = "discipline.ledger"
    _description = "Quota of Cards on a Day"
    _order = "day desc, id desc"
    _rec_name = "user_id"

    user_id = fields.Many2one("res.users", "Manager", readonly=True, ondelete="set null")
    manager_ref = fields.Integer("Manager No.", readonly=True, required=True)
    company_id = fields.Many2one("res.company", readonly=True, index=True, ondelete="set null")
    day = fields.Date(readonly=True, required=True)
    quota = fields.Integer(readonly=True, help="Cards asked for on this day: never more than were left.")
    left_count = fields.Integer("Left", readonly=True, help="Incomplete cards at the end of the day.")
    away = fields.Boolean(readonly=True, help="Absent: nothing was asked.")

    _day_idx = models.Index("(day)")
    _day_uniq = models.UniqueIndex("(company_id, manager_ref, day)", "A manager has one quota a day.")

    @api.model
    def _close_days(self, company):
        """Keep the quotas of the working days that have passed since the last one that was kept."""
        Calendar = self.env["discipline.calendar"]
        today = Calendar._today(company)
        yesterday = today - timedelta(days=1)
        ((last,),) = self.env.execute_query(
            SQL("SELECT max(day) FROM discipline_profile_day WHERE company_id = %s", company.id)
        )
        if not company.discipline_fill_from:
            company.discipline_fill_from = today
        begin = last + timedelta(days=1) if last else company.discipline_fill_from
        days = Calendar._working_days(company, max(begin, today - timedelta(days=60)), yesterday)
        if not days:
            return
        left = self._left(company)
        users = self.env["res.users"].browse(left)
        done = {}
        for manager, day, count in self.env.execute_query(
            SQL(
                "SELECT manager_ref, day, count(*) FROM discipline_profile_completion WHERE company_id = %s "
                "AND counted AND voided_at IS NULL AND day >= %s GROUP BY 1, 2",
                company.id,
                days[0],
            )
        ):
            done.setdefault(manager, {})[day] = count
        away = self._away(company, users, days[0], yesterday)
        rows = []
        for user in users:
            start = user._discipline_fill_start(company)
            quota = user._discipline_fill_quota(company)
            mine = done.get(user.id, {})
            for day in days:
                if start and day < start:
                    continue
                at_end = left[user.id] + sum(count for other, count in mine.items() if other > day)
                absent = day in away.get(user.id, ())
                asked = 0 if absent else card.demanded(quota, at_end + mine.get(day, 0))
                rows.append(
                    {
                        "user_id": user.id,
                        "manager_ref": user.id,
                        "company_id": company.id,
                        "day": day,
                        "quota": asked,
                        "left_count": at_end,
                        "away": absent,
                    }
                )
        self._ledger().create(rows)

    @api.model
    def _of_today(self, user, company):
        """Return what the report says of a manager's present day, read from his own customers alone.

        :return: dict with ``filled``, ``quota``, ``left``, ``away`` and ``pace``, the pace in the reader's words
        """
        Calendar = self.env["discipline.calendar"]
        today = Calendar._today(company)
        left = self._left(company, user).get(user.id, 0)
        filled = (
            self.env["discipline.profile.completion"]
            .sudo()
            .search_count(
                [
                    ("manager_ref", "=", user.id),
                    ("company_id", "=", company.id),
                    ("day", "=", today),
                    ("counted", "=", True),
                    ("voided_at", "=", False),
                ]
            )
        )
        away = today in self._away(company, user, today, today).get(user.id, ())
        start = user._discipline_fill_start(company)
        asked = 0
        if not away and Calendar._working_days(company, today, today) and not (start and start > today):
            asked = card.demanded(user._discipline_fill_quota(company), left + filled)
        pace = self._paces(company, {user: left}, today)[user.id]
        return {"filled": filled, "quota": asked, "left": left, "away": away, "pace": self._pace_sentence(pace)}

    @api.model
    def _left(self, company, users=None):
        """Return {user id: incomplete cards} of active managers with customers in this company, by default of all."""
        self.env["discipline.customer"].flush_model(["user_id", "profile_complete", "in_base", "company_id"])
        return dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT c.user_id, count(*) FILTER (WHERE NOT COALESCE(c.profile_complete, FALSE))
                      FROM discipline_customer c JOIN res_users u ON u.id = c.user_id AND u.active
                     WHERE c.in_base AND c.company_id = %s AND %s
                  GROUP BY c.user_id ORDER BY c.user_id
                    """,
                    company.id,
                    SQL("TRUE") if users is None else SQL("c.user_id = ANY(%s)", users.ids),
                )
            )
        )

    @api.model
    def _away(self, company, users, date_from, date_to):
        """Return {user id: set of days} on which approved absences take these managers away."""
        away = {}
        for absence in (
            self.env["discipline.absence"]
            .sudo()
            .search(
                [
                    ("user_id", "in", users.ids),
                    ("approved", "=", True),
                    ("date_from", "<=", date_to),
                    ("date_to", ">=", date_from),
                ]
            )
        ):
            begin, end = max(absence.date_from, date_from), min(absence.date_to, date_to)
            away.setdefault(absence.user_id.id, set()).update(
                begin + timedelta(days=offset) for offset in range((end - begin).days + 1)
            )
        return away

    @api.model
    def _paces(self, company, lefts, today):
        """Return {user id: engine Pace at his quota} for managers with these numbers of incomplete cards.

        :param dict lefts: {res.users: cards left}
        """
        Calendar = self.env["discipline.calendar"]
        horizon = today + timedelta(days=400)
        users = self.env["res.users"].union(*lefts) if lefts else self.env["res.users"]
        days = Calendar._working_days(company, today, horizon)
        away = self._away(company, users, today, horizon)
        return {
            user.id: card.pace(
                left,
                user._discipline_fill_quota(company),
                [day for day in days if day not in away.get(user.id, ())],
                today,
            )
            for user, left in lefts.items()
        }

    @api.model
    def _pace_sentence(self, pace):
        """Return a pace in the reader's language: "100 customers, done in 20 working days, on 18 December"."""
        if not pace.left:
            return self.env._("All cards are complete.")
        if not pace.days:
            return self.env._("%(left)s customers; no quota is set.", left=pace.left)
        if not pace.last:
            return self.env._(
                "%(left)s customers, done in %(days)s working days: in more than a year.",
                left=pace.left,
                days=pace.days,
            )
        form = self.env._("MMMM d")
        day = format_date(self.env, pace.last, date_format=form)
        if pace.left == 1:
            return self.env._("One customer, done in one working day, on %(day)s.", day=day)
        if pace.days == 1:
            return self.env._("%(left)s customers, done in one working day, on %(day)s.", left=pace.left, day=day)
        return self.env._(
            "%(left)s customers, done in %(days)s working days, on %(day)s.",
            left=pace.left,
            days=pace.days,
            day=day,
        )


class DisciplineNightly(models.AbstractModel):
    _inherit = "discipline.nightly"

    @api.model
    def _steps(self):
        steps = super()._steps()
        at = [key for key, _method in steps].index("verdicts")
        steps.insert(at, ("cards", "_step_cards"))
        at = [key for key, _method in steps].index("redistribution")
        steps.insert(at, ("unfilled", "_step_unfilled"))
        return steps

    def _step_cards(self, company):
        """Score the cards that changed past the ORM; keep yesterday's quotas."""
        began = fields.Datetime.now()
        since = company.discipline_profile_at
        self.env["discipline.profile"]._score_changed(company, since - timedelta(hours=6) if since else None)
        company.discipline_profile_at = began
        self.env["discipline.profile.day"]._close_days(company)

    def _step_unfilled(self, company):
        """Offer customers whose cards stay incomplete to managers with few customers."""
        self.env["discipline.redistribution"]._propose_unfilled(company)
