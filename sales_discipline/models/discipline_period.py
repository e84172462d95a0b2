from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, ormcache
from odoo.tools.misc import format_date

from .res_users import ADMINISTRATOR

#: verdicts that are closed while the person who pressed the button waits (about a second); more go to the background
AT_ONCE = 20_000


class DisciplinePeriod(models.Model):
    """A month or a week of a company: while it is open its verdicts run, once closed they never change.

    What the verdicts of a closed period rest on and what could change later (working days, absences, teams) is kept
    here, so that each of them can be recomputed from its evidence.
    """

    _name = "discipline.period"
    _inherit = "discipline.job.mixin"
    _description = "Period"
    _job_key = "period_id"
    _order = "date_start desc, kind, company_id"

    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade")
    kind = fields.Selection([("week", "Week"), ("month", "Month")], required=True, readonly=True)
    date_start = fields.Date("From", required=True, readonly=True)
    date_end = fields.Date("To", required=True, readonly=True)
    state = fields.Selection([("open", "Open"), ("closed", "Closed")], default="open", required=True, readonly=True)
    working_days = fields.Integer(readonly=True)
    policy_id = fields.Many2one("discipline.policy", readonly=True, ondelete="restrict")
    name_in_sentence = fields.Char("Name within a Sentence", compute="_compute_name_in_sentence")
    closing_at = fields.Datetime("Facts Until", readonly=True, help="Contacts logged later do not change its verdicts.")
    closed_at = fields.Datetime(readonly=True)
    closed_by_id = fields.Many2one("res.users", "Closed by", readonly=True, ondelete="set null")
    closable_from = fields.Date(compute="_compute_closable_from", help="The first day on which it can be closed.")
    can_close = fields.Boolean(compute="_compute_closable_from", help="Whether its closing day has come.")
    snapshot = fields.Json(
        "Rests On",
        readonly=True,
        help="Working days, absences and teams of the period; of a closed one also how many contacts each manager "
        "could make.",
    )
    evaluated_days = fields.Text(readonly=True, help="What the last full evaluation rested on.")
    compliance_ids = fields.One2many("discipline.compliance", "period_id", "Verdicts")
    verdict_count = fields.Integer("Number of Verdicts", compute="_compute_counts")
    met_count = fields.Integer("Met", compute="_compute_counts")
    missed_count = fields.Integer("Missed", compute="_compute_counts")
    goal = fields.Integer(compute="_compute_counts", help="Contacts due in the period, over all customers.")
    attained = fields.Integer(compute="_compute_counts", help="Contacts that served the goals, capped per customer.")
    attainment = fields.Float(
        "Attainment, %", compute="_compute_counts", help="Attained contacts / goal; nothing beyond a customer's goal."
    )

    _key_uniq = models.Constraint("UNIQUE(company_id, kind, date_start)", "A period exists once.")

    @api.depends("kind", "date_start")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for period in self:
            if not period.date_start:
                period.display_name = ""
            elif period.kind == "week":
                year, week, _day = period.date_start.isocalendar()
                period.display_name = self.env._("Week %(week)s, %(year)s", week=week, year=year)
            else:
                month = format_date(self.env, period.date_start, date_format="LLLL y")
                period.display_name = month[:1].upper() + month[1:]

    @api.depends("kind", "date_start")
    @api.depends_context("lang")
    def _compute_name_in_sentence(self):
        for period in self:
            if not period.date_start or period.kind == "week":
                period.name_in_sentence = period.display_name
            else:
                period.name_in_sentence = format_date(self.env, period.date_start, date_format="LLLL y")

    def _in_a_sentence(self):
        """Return the period's name as it stands within a sentence: a month is not capitalized in every language."""
        self.ensure_one()
        # a thousand sentences are about few periods: the field remembers it
        return self.name_in_sentence

    @api.depends("date_end", "policy_id.closing_days")
    def _compute_closable_from(self):
        for period in self:
            period.closable_from = period._first_closing_day() if period.date_end else False
            period.can_close = (
                period.state == "open"
                and bool(period.closable_from)
                and self.env["discipline.calendar"]._today(period.company_id) >= period.closable_from
            )

    def _first_closing_day(self):
        """Return the day after the ``closing_days``-th working day that follows the period."""
        self.ensure_one()
        last = self.env["discipline.calendar"]._add_working_days(
            self.company_id, self.date_end, self.policy_id.closing_days
        )
        return last + timedelta(days=1)

    def _compute_counts(self):
        groups = self.env["discipline.compliance"]._read_group(
            [("period_id", "in", self.ids)], ["period_id", "state"], ["__count", "goal:sum", "attained:sum"]
        )
        totals = {}
        for period, state, count, goal, attained in groups:
            row = totals.setdefault(period.id, {"count": 0, "met": 0, "missed": 0, "goal": 0, "attained": 0})
            row["count"] += count
            row["goal"] += goal
            row["attained"] += attained
            if state in ("met", "missed"):
                row[state] += count
        for period in self:
            row = totals.get(period.id, {})
            period.verdict_count = row.get("count", 0)
            period.met_count = row.get("met", 0)
            period.missed_count = row.get("missed", 0)
            period.goal = row.get("goal", 0)
            period.attained = row.get("attained", 0)
            period.attainment = 100 * period.attained / period.goal if period.goal else 0

    # ------------------------------------------------------------------
    # Opening
    # ------------------------------------------------------------------

    @api.model
    def _open_for(self, company, day, kinds=None):
        """Return the periods of ``company`` that contain ``day``, opening those that do not exist yet.

        A period that begins before the company's first judged day is not opened.

        :param kinds: kinds to open; by default those that a norm uses (month if there is none)
        """
        Calendar = self.env["discipline.calendar"]
        kinds = kinds or self._kinds(company)
        found = self.sudo().search(
            [("company_id", "=", company.id), ("date_start", "<=", day), ("date_end", ">=", day), ("kind", "in", kinds)]
        )
        for kind in set(kinds) - set(found.mapped("kind")):
            first, last = Calendar._period_bounds(kind, day)
            if company.discipline_date_start and first < company.discipline_date_start:
                continue
            found |= self.sudo().create(
                {
                    "company_id": company.id,
                    "kind": kind,
                    "date_start": first,
                    "date_end": last,
                    "policy_id": self.env["discipline.policy"]._policy_on(company, first).id,
                    "working_days": len(Calendar._working_days(company, first, last)),
                }
            )
        return found

    @api.model
    @ormcache("company.id")
    def _kinds(self, company):
        """Return the kinds of period that the company's norms use; whatever changes a norm empties the cache."""
        norms = self.env["discipline.norm"].sudo().search([("company_id", "in", [company.id, False])])
        return tuple(sorted(set(norms.mapped("period")))) or ("month",)

    def _refresh_snapshot(self):
        """Bring what an open period's verdicts rest on up to date, and return it.

        Working days and absences follow the calendar while the period is open. The team that a manager had when he
        was first seen in the period governs all of it.

        :return: dict with ``days`` (ISO dates), ``away`` {user id: [ISO dates]} and ``teams`` {user id: team id}
        """
        self.ensure_one()
        if self.closing_at and self.snapshot:
            return self.snapshot
        days = self.env["discipline.calendar"]._working_days(self.company_id, self.date_start, self.date_end)
        teams = dict((self.snapshot or {}).get("teams") or {})
        users = self.env["res.users"].sudo().search_fetch([("share", "=", False)], ["sale_team_id"])
        for user in users:
            teams.setdefault(str(user.id), user.sale_team_id.id or 0)
        snapshot = {
            "days": [day.isoformat() for day in days],
            "away": self._away_snapshot(days, teams),
            "teams": teams,
        }
        if snapshot != self.snapshot:
            self.sudo().write({"snapshot": snapshot, "working_days": len(days)})
        return snapshot

    def _snapshot_for(self, partner_ids):
        """Return what the verdicts on a few customers rest on: as :meth:`_refresh_snapshot`, of their managers only.

        A contact that is logged does not wait until a thousand managers' absences are read. Where something is not as
        it was remembered, all of it is brought up to date.

        :param partner_ids: ids of customers
        """
        self.ensure_one()
        known = self.snapshot
        if self.closing_at or not known:
            return self._refresh_snapshot()
        self.env["discipline.assignment"].flush_model()
        managers = [
            str(row[0])
            for row in self.env.execute_query(
                SQL(
                    "SELECT DISTINCT manager_ref FROM discipline_assignment WHERE customer_ref = ANY(%s) "
                    "AND date_from <= %s AND (date_to IS NULL OR date_to > %s) ORDER BY 1",
                    list(partner_ids),
                    self.date_end,
                    self.date_start,
                )
            )
        ]
        days = self.env["discipline.calendar"]._working_days(self.company_id, self.date_start, self.date_end)
        if known["days"] != [day.isoformat() for day in days] or any(user not in known["teams"] for user in managers):
            return self._refresh_snapshot()
        teams = {user: known["teams"][user] for user in managers}
        away = self._away_snapshot(days, teams, managers)
        if away != {user: known["away"][user] for user in managers if user in known["away"]}:
            return self._refresh_snapshot()
        return {"days": known["days"], "away": away, "teams": teams}

    def _away_snapshot(self, days, teams, managers=None):
        ids = None if managers is None else [int(user) for user in managers]
        away = self._away_days(days, teams, ids)
        return {str(user): sorted(day.isoformat() for day in gone) for user, gone in sorted(away.items())}

    def _away_days(self, days, teams, managers=None):
        """Return {user id: set of working days on which nothing is asked of him}.

        Approved absences, and the days before his team's first judged day (a hook for other reasons).

        :param days: the period's working days
        :param teams: {user id as text: id of the team that governs him in the period, or 0}
        :param managers: ids of the users to look at; all of them by default
        """
        away = {}
        domain = [("approved", "=", True), ("date_from", "<=", self.date_end), ("date_to", ">=", self.date_start)]
        if managers is not None:
            domain.append(("user_id", "in", managers))
        absences = self.env["discipline.absence"].sudo().search(domain)
        for absence in absences:
            away.setdefault(absence.user_id.id, set()).update(
                day for day in days if absence.date_from <= day <= absence.date_to
            )
        late = self.env["crm.team"].sudo().search([("discipline_date_start", ">", self.date_start)])
        starts = {team.id: team.discipline_date_start for team in late}
        for user, team in teams.items():
            if team in starts:
                away.setdefault(int(user), set()).update(day for day in days if day < starts[team])
        return {user: gone for user, gone in away.items() if gone}

    # ------------------------------------------------------------------
    # Closing
    # ------------------------------------------------------------------

    def action_close(self):
        """Close these periods for good.

        :raise AccessError: for anyone but a Sales administrator
        :raise UserError: if a period is closed already, or it is too early, naming the period and the day
        """
        if not self.env.su and not self.env.user.has_group(ADMINISTRATOR):
            raise AccessError(self.env._("Only a Sales administrator closes a period."))
        for period in self:
            if period.state == "closed":
                raise UserError(
                    self.env._(
                        "%(period)s of %(company)s is closed already, on %(when)s.",
                        period=period.display_name,
                        company=period.company_id.name,
                        when=format_date(self.env, period.closed_at),
                    )
                )
            today = self.env["discipline.calendar"]._today(period.company_id)
            if today < period.closable_from:
                raise UserError(
                    self.env._(
                        "%(period)s of %(company)s can be closed from %(day)s on: contacts of its last days may "
                        "still be logged.",
                        period=period.display_name,
                        company=period.company_id.name,
                        day=format_date(self.env, period.closable_from),
                    )
                )
        told = None
        for period in self.sudo():
            told = period._close_now_or_later() or told
        return told

    def _close_now_or_later(self):
        """Close a period at once, or in the background where it is large; progress is seen on it and under “Long Work”.

        :return: the notification that says so, None where it is closed
        """
        self.ensure_one()
        count = self.env["discipline.compliance"].search_count([("period_id", "=", self.id)], limit=AT_ONCE + 1)
        if count <= AT_ONCE:
            self._close()
            return None
        self._start_closing()
        job = self._closing_job(trigger=True)
        self._job_changed()
        return job._tell_begun()

    def _start_closing(self):
        """Fix what the last verdicts rest on: working days, absences and the facts known by now. Idempotent."""
        self.ensure_one()
        if not self.closing_at:
            self._refresh_snapshot()
            self.write({"closing_at": fields.Datetime.now(), "closed_by_id": self.env.uid})

    def _taken(self):
        """Lock the period until the next commit; tell whether it is still to be closed, and by us."""
        return bool(self.try_lock_for_update()) and self.state != "closed"

    def _close(self, progress=None):
        """Judge the period for the last time and freeze its verdicts; resumable, and idempotent.

        The facts that count are those known at ``closing_at``, so a close that was interrupted goes on with the same
        facts, however long it took. What of it is done and how it ended is kept in a ``discipline.job``.

        :param progress: callable(done, total) after each batch; it may commit
        """
        self.ensure_one()
        if not self._taken():
            return
        self._start_closing()
        job = self._closing_job()
        for done, total, step, position in self._closing(job):
            job.write({"done": done, "total": total, "step": step, "position": position})
            if progress:
                progress(done, total)
        job._finish(job._troubled_message())

    def _close_in_pieces(self):
        """Close the period batch by batch, each committed; for scheduled actions only."""
        self.ensure_one()
        if self._taken():
            self._start_closing()
            job = self._closing_job()
            self.env["ir.cron"]._commit_progress()
            job._run()

    def _closing(self, job):
        """Close the period, batch by batch, from where ``job`` broke off.

        A customer who cannot be judged gets no verdict and is named with the reason; the others go on.

        :param job: discipline.job; which customers were judged is read from its ``step`` and ``position``
        :return: generator of (done, total, step, position) after each batch; it may be committed
        """
        Compliance = self.env["discipline.compliance"]
        half = job.total // 2
        if job.step != "freeze":
            for batch, done, total in Compliance._batches(self, closing=True, after=job.position):
                job._add_troubled(Compliance._each_safely("_evaluate", self, batch))
                half = total
                yield done, 2 * total, "judge", batch[-1]
            Compliance._relieve_overload(self)
        troubled = {int(key) for key in job.troubled or ()}
        for batch, done, total in Compliance._batches(self, closing=True):
            half = max(half, total)
            if troubled:
                batch = [customer for customer in batch if customer not in troubled]
            job._add_troubled(Compliance._each_safely("_freeze", self, batch))
            yield half + (half - total) + done, 2 * half, "freeze", 0
        Compliance._drop_running(self)
        self.write({"state": "closed", "closed_at": fields.Datetime.now()})
        Compliance._refresh_customers(self.company_id)

    def _closing_job(self, trigger=False):
        """Return the record that tells how far this close is; an interrupted one is taken up again."""
        Job = self.env["discipline.job"].sudo()
        job = Job.search([("period_id", "=", self.id), ("kind", "=", "close"), ("state", "!=", "done")], limit=1)
        if job:
            job.write({"state": "running", "message": False, "finished_at": False})
        else:
            name = self.env._(
                "Closing of %(period)s, %(company)s", period=self.display_name, company=self.company_id.name
            )
            job = Job.create(
                {
                    "name": name,
                    "kind": "close",
                    "company_id": self.company_id.id,
                    "period_id": self.id,
                    "user_id": self.env.uid,
                }
            )
        if trigger:
            job._trigger()
        return job

    @api.model
    def _cron_close(self):
        """Do the long work that waits: closes that were begun in the background or broke off, and all the other kinds.

        Work that fails is noted in its job and does not stop the others.
        """
        begun = self.sudo().search([("state", "=", "open"), ("closing_at", "!=", False)], order="date_start, kind")
        known = self.env["discipline.job"].sudo().search([("period_id", "in", begun.ids), ("kind", "=", "close")])
        for period in begun - known.period_id:
            period._closing_job()
        self.env["discipline.job"]._cron_run()

    @api.model
    def _due_for_closing(self, company):
        """Return the open periods of ``company`` whose closing day has come, the oldest first.

        A close that somebody stopped waits until somebody lets it go on.
        """
        today = self.env["discipline.calendar"]._today(company)
        periods = self.sudo().search(
            [("company_id", "=", company.id), ("state", "=", "open"), ("date_end", "<", today)],
            order="date_start, kind",
        )
        stopped = self.env["discipline.job"].search(
            [("period_id", "in", periods.ids), ("kind", "=", "close"), ("state", "=", "stopped")]
        )
        return (periods - stopped.period_id).filtered(lambda period: today >= period.closable_from)

    def action_open_verdicts(self):
        """Open the period's verdicts."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_compliance_action")
        action["domain"] = [("period_id", "=", self.id)]
        action["context"] = {}
        return action
