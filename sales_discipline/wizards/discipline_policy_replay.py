from collections import defaultdict
from itertools import groupby, islice
from operator import itemgetter

from dateutil.relativedelta import relativedelta
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL
from odoo.tools.misc import format_date

from ..models.sets import unnested

#: verdicts that are looked through while the person waits; more of them go on in the background
AT_ONCE = 50_000
#: verdicts that are looked through before the work is saved and its progress is shown; of fewer each customer would be
#: looked up by himself
PIECE = 200_000
#: customers whose purchases are read, and who are written, at a time
SOME = 20_000
#: what is kept of a customer who would have moved, and the PostgreSQL types
MOVED = {"customer": "int", "manager": "int", "verdict": "int", "missed": "int", "amount": "numeric"}


class DisciplinePolicyReplay(models.TransientModel):
    """What a policy would have done in past periods, before it is put into force. No customer moves by it."""

    _name = "discipline.policy.replay"
    _description = "Replay of a Policy"

    policy_id = fields.Many2one("discipline.policy", required=True, readonly=True)
    company_id = fields.Many2one(related="policy_id.company_id")
    currency_id = fields.Many2one(related="company_id.currency_id")
    kind = fields.Selection([("month", "Month"), ("week", "Week")], "Periods", required=True, default="month")
    count = fields.Integer("Last Closed Periods", required=True, default=6)
    months = fields.Integer(
        "Purchases within, Months",
        required=True,
        default=3,
        help="For so long after each move purchases are looked at.",
    )
    line_ids = fields.One2many("discipline.policy.replay.line", "replay_id", "Customers", readonly=True)
    moved_count = fields.Integer("Would Have Moved", readonly=True)
    bought_count = fields.Integer("Bought Anyway", readonly=True)
    summary = fields.Text(readonly=True)
    job_id = fields.Many2one("discipline.job", "Work in the Background", readonly=True)
    job_state = fields.Selection(related="job_id.state", string="State of the Work")
    job_progress = fields.Float(related="job_id.progress", string="Progress")
    job_message = fields.Text(related="job_id.message", string="What Went Wrong")

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        if not values.get("policy_id") and self.env.context.get("active_model") == "discipline.policy":
            values["policy_id"] = self.env.context.get("active_id")
        if values.get("policy_id"):
            company = self.env["discipline.policy"].browse(values["policy_id"]).company_id
            kinds = self.env["discipline.period"]._kinds(company)
            values["kind"] = "month" if "month" in kinds else "week"
        return values

    def _periods(self):
        return self.env["discipline.period"].search(
            [("company_id", "=", self.company_id.id), ("kind", "=", self.kind), ("state", "=", "closed")],
            order="date_start desc",
            limit=self.count,
        )

    def action_replay(self):
        """Run the policy over the last closed periods and show whom it would have moved.

        A large base is looked through in the background, a period after the other.

        :raise AccessError: for whoever is no supervisor
        :raise UserError: where no period is closed yet, the figures make no sense, or this replay is going on
        """
        self.ensure_one()
        if not self.env.user._discipline_is_supervisor():
            raise AccessError(self.env._("Policies are tried out by supervisors."))
        if self.count < 1 or self.months < 1:
            raise UserError(self.env._("Look at one period and one month of purchases at least."))
        periods = self._periods().sorted("date_start")
        if not periods:
            raise UserError(
                self.env._(
                    "%(company)s has no closed period yet: there is nothing to replay.", company=self.company_id.name
                )
            )
        job = self.job_id.sudo()
        if job.state == "running":
            raise UserError(self.env._("This replay is going on: wait for its result, or stop it first."))
        if job and job.state != "done":
            # what was stopped is begun anew, maybe with other periods
            job.unlink()
        self.env.cr.execute(SQL("DELETE FROM discipline_policy_replay_line WHERE replay_id = %s", self.id))
        self.invalidate_recordset(["line_ids"])
        self.write({"summary": False, "moved_count": 0, "bought_count": 0, "job_id": False})
        if self._is_large(periods):
            self.job_id = self.env["discipline.job"]._begin(
                "replay",
                self.env._("Replay of a Policy"),
                company_id=self.company_id.id,
                params={"replay": self.id, "periods": periods.ids},
            )
        else:
            for _piece in self._replaying(periods):
                pass
        return self._action_open()

    def _action_open(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Replay of a Policy"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }

    def action_stop_job(self):
        """Let the work pause after the managers who are being looked at."""
        self.job_id.action_stop()
        return self._action_open()

    def action_resume_job(self):
        """Go on with what is left."""
        self.job_id.action_resume()
        return self._action_open()

    def _is_large(self, periods):
        """Tell whether there are more verdicts than anybody should wait for."""
        query = "SELECT count(*) FROM (SELECT FROM discipline_compliance WHERE period_id = ANY(%s) LIMIT %s) x"
        [(count,)] = self.env.execute_query(SQL(query, periods.ids, AT_ONCE + 1))
        return count > AT_ONCE

    def _replaying(self, periods, position=0):
        """Run the policy over one period after the other, piece by piece, and say what came of it.

        A piece that was looked at before is looked at anew: what was found in it then is replaced.

        :param periods: in the order of their dates
        :param int position: so many pieces are done already
        :return: generator of (pieces done, all)
        """
        policy = self.policy_id.sudo()
        pieces = self._pieces(periods)
        for number in range(position, len(pieces)):
            period, managers = pieces[number]
            gone, taken = self._before(period, managers)
            moved = policy._replay_period(period, gone, taken, managers)
            while some := list(islice(moved, SOME)):
                self._insert_lines(period, some, policy._bought_after(self.company_id, some, self.months))
            self.env["discipline.policy.replay.line"].invalidate_model()
            self.invalidate_recordset(["line_ids"])
            if number == len(pieces) - 1:
                self._sum_up(periods)
            yield number + 1, len(pieces)

    @api.model
    def _pieces(self, periods):
        """Return (period, (number of the first manager, of the last)): pieces of some seconds, the same every time.

        The verdicts of closed periods rest, so an interrupted replay finds the pieces that it had.
        """
        rows = self.env.execute_query(
            SQL(
                "SELECT period_id, manager_ref, count(*) FROM discipline_compliance "
                "WHERE period_id = ANY(%s) GROUP BY 1, 2 ORDER BY 1, 2",
                periods.ids,
            )
        )
        judged = {period: list(found) for period, found in groupby(rows, key=itemgetter(0))}
        pieces = []
        for period in periods:
            count = PIECE
            for _period, manager, verdicts in judged.get(period.id, ()):
                if count + verdicts > PIECE:
                    pieces.append((period, (manager, manager)))
                    count = 0
                pieces[-1] = (period, (pieces[-1][1][0], manager))
                count += verdicts
        return pieces or [(periods[-1:], (0, 0))]

    def _before(self, period, managers):
        """Return what earlier periods of this replay took: SQL of the customers, {(manager, year, month): how many}.

        What was found in this piece of the period before is deleted.

        :param managers: the numbers of the first and the last manager of the piece
        """
        self.flush_recordset()
        day = period.date_end + relativedelta(days=1)
        self.env.cr.execute(
            SQL(
                """
                DELETE FROM discipline_policy_replay_line l USING discipline_compliance v
                 WHERE v.id = l.verdict_id AND l.replay_id = %s AND l.period_id = %s
                   AND v.manager_ref BETWEEN %s AND %s
                """,
                self.id,
                period.id,
                *managers,
            )
        )
        earlier = SQL(
            """
            discipline_policy_replay_line l JOIN discipline_compliance v ON v.id = l.verdict_id
             WHERE l.replay_id = %s AND l.period_id != %s
            """,
            self.id,
            period.id,
        )
        rows = self.env.execute_query(
            SQL(
                """
                SELECT v.manager_ref, count(*) FROM %s AND v.manager_ref BETWEEN %s AND %s AND l.period_id IN (
                       SELECT id FROM discipline_period WHERE date_trunc('month', date_end + 1) = %s) GROUP BY 1
                """,
                earlier,
                *managers,
                day.replace(day=1),
            )
        )
        taken = defaultdict(int, {(manager, day.year, day.month): count for manager, count in rows})
        judged = SQL(
            "SELECT customer_ref FROM discipline_compliance WHERE period_id = %s AND manager_ref BETWEEN %s AND %s",
            period.id,
            *managers,
        )
        return SQL("SELECT v.customer_ref FROM %s AND v.customer_ref IN (%s)", earlier, judged), taken

    def _sum_up(self, periods):
        """Write how many would have moved, how many of them bought, and the same in words."""
        [(moved, managers, bought, total)] = self.env.execute_query(
            SQL(
                """
                SELECT count(*), count(DISTINCT v.manager_ref), count(*) FILTER (WHERE l.bought),
                       COALESCE(sum(l.amount) FILTER (WHERE l.bought), 0)
                  FROM discipline_policy_replay_line l JOIN discipline_compliance v ON v.id = l.verdict_id
                 WHERE l.replay_id = %s
                """,
                self.id,
            )
        )
        self.sudo().write(
            {
                "moved_count": moved,
                "bought_count": bought,
                "summary": self._in_words(periods, moved, managers, bought, total),
            }
        )

    def _in_words(self, periods, moved, managers, bought, total):
        """Return the result in one sentence or two."""
        first, last = min(periods.mapped("date_start")), max(periods.mapped("date_end"))
        span = f"{format_date(self.env, first)} – {format_date(self.env, last)}"
        if not moved:
            return self.env._("%(span)s: this policy would have moved nobody.", span=span)
        return self.env._(
            "%(span)s: this policy would have moved %(moved)s customers of %(managers)s managers. %(bought)s of them "
            "(%(share)s %%) bought within %(months)s months all the same, for %(total)s.",
            span=span,
            moved=moved,
            managers=managers,
            bought=bought,
            share=round(100 * bought / moved),
            months=self.months,
            total=self.currency_id.format(total),
        )

    def _insert_lines(self, period, moved, bought):
        """Insert what was found in a period in one statement: a base may have a hundred thousand of them."""
        if not moved:
            return
        rows = [
            (row.customer, row.manager, row.verdict, row.missed, float(bought.get(row.customer, 0))) for row in moved
        ]
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO discipline_policy_replay_line
                       (replay_id, partner_id, user_id, period_id, verdict_id, abc_class_id, goal, attained, missed,
                        bought, amount, has_moved, create_uid, create_date, write_uid, write_date)
                SELECT %(replay)s, p.id, u.id, %(period)s, v.id, v.abc_class_id, v.goal, v.attained, n.missed,
                       n.amount > 0, n.amount,
                       EXISTS (SELECT FROM discipline_redistribution_line l
                                WHERE l.verdict_ref = v.id AND l.state = 'applied'),
                       %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM %(moved)s
                  JOIN discipline_compliance v ON v.id = n.verdict
             LEFT JOIN res_partner p ON p.id = n.customer
             LEFT JOIN res_users u ON u.id = n.manager
                """,
                replay=self.id,
                period=period.id,
                uid=self.env.uid,
                moved=unnested(rows, MOVED, "n"),
            )
        )

    def action_open_lines(self):
        """Open the customers as a list, by manager."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Would Have Moved"),
            "res_model": "discipline.policy.replay.line",
            "view_mode": "list,pivot,graph",
            "domain": [("replay_id", "=", self.id)],
            "context": {"search_default_group_user": 1, "create": False, "edit": False, "delete": False},
        }


class DisciplinePolicyReplayLine(models.TransientModel):
    """A customer whom the policy would have moved."""

    _name = "discipline.policy.replay.line"
    _description = "Customer in a Replay"
    _rec_name = "partner_id"
    _order = "period_id, id"

    replay_id = fields.Many2one(
        "discipline.policy.replay", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="replay_id.company_id")
    currency_id = fields.Many2one(related="company_id.currency_id")
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True)
    user_id = fields.Many2one("res.users", "Manager", readonly=True)
    period_id = fields.Many2one("discipline.period", readonly=True)
    verdict_id = fields.Many2one("discipline.compliance", readonly=True)
    abc_class_id = fields.Many2one("discipline.abc.class", "ABC Class", readonly=True)
    goal = fields.Integer(readonly=True)
    attained = fields.Integer(readonly=True)
    missed = fields.Integer("Missed Periods", readonly=True, aggregator=None)
    bought = fields.Boolean(
        "Bought Anyway", readonly=True, help="The customer bought in the months after the move that did not take place."
    )
    amount = fields.Monetary("Purchases after", readonly=True, help="What he bought in those months.")
    has_moved = fields.Boolean("Moved in Fact", readonly=True, help="A redistribution moved him for the same verdict.")
    explanation = fields.Text(related="verdict_id.explanation")
