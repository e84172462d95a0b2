"""Long work: judged, closed, proposed, applied and reverted piece by piece; it is seen, stopped and resumed.

A piece (a batch of customers) is done and committed as a whole. How far the work is stands in its ``discipline.job``,
written in a transaction of its own right after each piece: whoever presses Stop never waits for a piece, nor undoes
one. A process that is killed leaves the job running; the scheduled action takes it up again. What is left to do is
always read from the customers themselves, so a piece whose progress was not written down any more is not done twice.
"""

import logging
from datetime import timedelta

import psycopg2
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from .res_users import ADMINISTRATOR

_logger = logging.getLogger(__name__)

KINDS = [
    ("evaluate", "Judging"),
    ("close", "Closing"),
    ("propose", "Proposing"),
    ("apply", "Applying"),
    ("revert", "Reverting"),
    ("replay", "Replay of a Policy"),
    ("profile", "Scoring of Cards"),
]
#: kinds that ``_cron_run`` does; the others have scheduled actions of their own
HERE = ("evaluate", "close", "propose", "apply", "revert", "replay")
#: how often a piece is tried again when somebody saved the same customers meanwhile
TRIES = 5
#: the first key of the advisory lock of whoever is at work on a job ("sd" in ASCII); the second is the job's id
LOCK = 0x7364
TRANSIENT = (psycopg2.errors.SerializationFailure, psycopg2.errors.DeadlockDetected, psycopg2.errors.LockNotAvailable)


class Interrupted(Exception):
    """The work pauses here: it was stopped, somebody else is at it, or (``in_time``) others wait for the worker."""

    def __init__(self, in_time=False):
        super().__init__()
        self.in_time = in_time


class DisciplineJob(models.Model):
    """A piece of long work, so that people see how far it is and what went wrong."""

    _name = "discipline.job"
    _description = "Long Work"
    _order = "id desc"

    name = fields.Char(required=True, readonly=True)
    kind = fields.Selection(KINDS, readonly=True, index=True)
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade")
    user_id = fields.Many2one("res.users", "Asked for by", readonly=True, ondelete="set null")
    state = fields.Selection(
        [("running", "In Progress"), ("stopped", "Stopped"), ("done", "Done"), ("failed", "Failed")],
        default="running",
        readonly=True,
        index=True,
    )
    done = fields.Integer(readonly=True)
    total = fields.Integer(readonly=True)
    progress = fields.Float(compute="_compute_progress", help="Percent of the work that is done.")
    step = fields.Char(readonly=True)
    position = fields.Integer(readonly=True, help="Where the next batch begins.")
    reference = fields.Char(readonly=True, index="btree_not_null", help="The record that the work is about.")
    period_id = fields.Many2one("discipline.period", readonly=True, ondelete="cascade", index="btree_not_null")
    redistribution_id = fields.Many2one(
        "discipline.redistribution", readonly=True, ondelete="cascade", index="btree_not_null"
    )
    line_ids = fields.One2many("discipline.redistribution.line", "job_id", "Customers", readonly=True)
    params = fields.Json(readonly=True, help="What is to be done, for work that can be begun anew.")
    troubled = fields.Json(readonly=True, help="Customers that could not be judged, each with the reason.")
    message = fields.Text(readonly=True, help="What went wrong, and what to do.")
    finished_at = fields.Datetime(readonly=True)

    @api.depends("done", "total", "state")
    def _compute_progress(self):
        for job in self:
            share = 100 * job.done / job.total if job.total else 0
            job.progress = 100 if job.state == "done" else min(share, 100)

    # ------------------------------------------------------------------
    # What people press
    # ------------------------------------------------------------------

    def _check_may_steer(self):
        """Refuse whoever neither asked for this work nor administers sales.

        :raise AccessError: naming the work
        """
        for job in self:
            if not (self.env.su or job.user_id == self.env.user or self.env.user.has_group(ADMINISTRATOR)):
                raise AccessError(
                    self.env._(
                        "“%(work)s” is stopped and resumed by whoever asked for it, or by a Sales administrator.",
                        work=job.name,
                    )
                )

    def _expect(self, *states):
        labels = dict(self._fields["state"]._description_selection(self.env))
        for job in self:
            if job.state not in states or not job.kind:
                raise UserError(
                    self.env._(
                        "“%(work)s” is in the state “%(state)s”: reload the page to see how far it is.",
                        work=job.name,
                        state=labels[job.state],
                    )
                )

    def action_stop(self):
        """Let the work pause after the piece that is being done; what is done stays done."""
        self._check_may_steer()
        self._expect("running")
        self.sudo().write({"state": "stopped"})

    def action_resume(self):
        """Go on with what is left to do."""
        self._check_may_steer()
        self._expect("stopped", "failed")
        self.sudo().write({"state": "running", "message": False, "finished_at": False})
        self._trigger()

    def action_open_subject(self):
        """Open what the work is about: its redistribution, its period, or the replay, which is kept for some hours."""
        self.ensure_one()
        if self.kind == "replay":
            if replay := self._replay():
                return replay._action_open()
            raise UserError(
                self.env._("The result of this replay is not kept any more: open the policy and replay it again.")
            )
        subject = self.redistribution_id or self.period_id
        if not subject:
            return False
        return {
            "type": "ir.actions.act_window",
            "res_model": subject._name,
            "res_id": subject.id,
            "view_mode": "form",
        }

    def _trigger(self):
        for kind in set(self.mapped("kind")):
            self.env.ref(self._crons().get(kind, "sales_discipline.ir_cron_discipline_closing")).sudo()._trigger()

    @api.model
    def _crons(self):
        """Return {kind: XML id of the scheduled action that does it}, for kinds with one of their own (a hook)."""
        return {"profile": "sales_discipline.ir_cron_discipline_profile"}

    # ------------------------------------------------------------------
    # Beginning
    # ------------------------------------------------------------------

    @api.model
    def _begin(self, kind, name, **values):
        """Note work down and let the scheduled action do it; the same work that is unfinished is taken up again.

        :param values: what the work is about; ``company_id`` and, where there is one, ``period_id`` or
            ``redistribution_id`` tell which work is the same
        :return: discipline.job
        """
        keys = ("company_id", "period_id", "redistribution_id", "params")
        same = self.sudo().search(
            [("kind", "=", kind), ("state", "!=", "done"), *((key, "=", values.get(key) or False) for key in keys[:3])]
        )
        job = same.filtered(lambda row: (row.params or {}) == (values.get("params") or {}))[:1]
        if job:
            job.write({"state": "running", "message": False, "finished_at": False})
        else:
            job = self.sudo().create({"name": name, "kind": kind, "user_id": self.env.uid, **values})
        job._trigger()
        return job

    def _tell_begun(self):
        """Return the notification that says where the progress is seen."""
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "message": self.env._(
                    "%(work)s: it goes on in the background, piece by piece. How far it is stands here and under "
                    "Configuration, Long Work; it can be stopped and resumed.",
                    work=self[:1].name,
                ),
                "type": "info",
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    # ------------------------------------------------------------------
    # Working
    # ------------------------------------------------------------------

    @api.model
    def _cron_run(self):
        """Do the long work that waits, or was broken off: the oldest first, piece by piece.

        Work that fails is noted in its job and does not hold up the others. After Odoo's time for one scheduled
        action the worker is given back; Odoo calls again.
        """
        cron = self.env["ir.cron"]
        jobs = self.sudo().search([("state", "=", "running"), ("kind", "in", HERE)], order="id")
        cron._commit_progress(remaining=len(jobs))
        for index, job in enumerate(jobs):
            if not job.with_context(discipline_yield=True)._run():
                return
            cron._commit_progress(1, remaining=len(jobs) - index - 1)
        if jobs.filtered(lambda job: job.state == "running"):
            # another worker is at it, or its connection has not noticed yet that it was killed
            soon = fields.Datetime.now() + timedelta(minutes=1)
            self.env.ref("sales_discipline.ir_cron_discipline_closing").sudo()._trigger(at=soon)

    def _run(self):
        """Do this work until it is done, stopped or fails.

        :return: False where the worker's time is over and there is more to do
        """
        self.ensure_one()
        for attempt in range(TRIES):
            try:
                if self._claim():
                    getattr(self, f"_run_{self.kind}")()
                return True
            except Interrupted as pause:
                self.env.cr.rollback()
                return not pause.in_time
            except TRANSIENT:
                # somebody saved the same customers meanwhile: the piece is done again
                self.env.cr.rollback()
                if attempt == TRIES - 1:
                    raise
            except psycopg2.OperationalError:
                # the server is gone, so nothing can be noted down: the scheduled action comes back
                raise
            except Exception as error:
                self.env.cr.rollback()
                _logger.exception("Sales discipline: %s failed", self.name)
                self._fail(error)
                return True
        return True

    def _claim(self):
        """Tell whether this worker may go on: the work is wanted, and nobody else is at it until the next commit."""
        (mine,) = self.env.execute_query(SQL("SELECT pg_try_advisory_xact_lock(%s, %s)", LOCK, self.id))[0]
        return mine and self.state == "running"

    def _piece_done(self, done, total, **values):
        """Commit a piece, show how far the work is, and pause here if it is to be stopped.

        :param values: ``step`` and ``position``, from which an interrupted work goes on
        :raise Interrupted:
        """
        left = self.env["ir.cron"]._commit_progress(1, remaining=1)
        self._show(done, total, **values)
        if not self._claim():
            raise Interrupted()
        if not left and self.env.context.get("discipline_yield"):
            raise Interrupted(in_time=True)

    def _show(self, done, total, **values):
        """Write the progress in a transaction of its own; whoever stops at the same moment goes first."""
        for _attempt in range(TRIES):
            try:
                self.write({"done": done, "total": total, **values})
                self.env["ir.cron"]._commit_progress()
                return
            except TRANSIENT:
                self.env.cr.rollback()

    def _show_apart(self, percent):
        """Show how far work is that is one transaction, by a connection of its own.

        :raise Interrupted: if it was stopped meanwhile; all of it is rolled back
        """
        with self.env.registry.cursor() as cr:
            cr.execute(
                SQL("UPDATE discipline_job SET done = %s, total = 100 WHERE id = %s RETURNING state", percent, self.id)
            )
            found = cr.fetchone()
        if found and found[0] != "running":
            raise Interrupted()

    def _finish(self, message=None):
        """The work is done; whoever asked for it is told."""
        self.write({"state": "done", "finished_at": fields.Datetime.now(), "message": message or False})
        user = self.user_id
        if user and user != self.env.ref("base.user_root") and user._is_internal():
            user._bus_send(
                "simple_notification",
                {
                    "type": "warning" if message else "success",
                    "sticky": bool(message),
                    "message": self.env._("%(work)s: done.", work=self.name) + (f" {message}" if message else ""),
                },
            )

    def _fail(self, error):
        self.write({"state": "failed", "message": str(error), "finished_at": fields.Datetime.now()})

    @api.model
    def _note_trouble(self, name, company, message):
        """Show under “Long Work” what went wrong in the night."""
        self.sudo().create(
            {
                "name": name,
                "company_id": company.id,
                "state": "failed",
                "message": message,
                "finished_at": fields.Datetime.now(),
            }
        )

    def _troubled_message(self):
        """Return a sentence that names the customers which could not be judged, each with its reason."""
        return self._name_troubled({int(key): why for key, why in (self.troubled or {}).items()})

    @api.model
    def _name_troubled(self, troubled):
        if not troubled:
            return False
        partners = self.env["res.partner"].sudo().browse(sorted(troubled)).exists()
        named = "; ".join(f"{partner.display_name}: {troubled[partner.id]}" for partner in partners[:20])
        return self.env._(
            "%(count)s customers could not be judged, nothing is held against their managers: %(names)s",
            count=len(troubled),
            names=named,
        )

    def _add_troubled(self, troubled):
        if troubled:
            self.troubled = {**(self.troubled or {}), **{str(key): why for key, why in troubled.items()}}

    # ------------------------------------------------------------------
    # The kinds of work
    # ------------------------------------------------------------------

    def _run_close(self):
        """Judge a period for the last time and freeze its verdicts."""
        period = self.period_id
        if not period._taken():
            return
        for done, total, step, position in period._closing(self):
            self._piece_done(done, total, step=step, position=position)
            if not period._taken():
                return
        self._finish(self._troubled_message())

    def _run_evaluate(self):
        """Judge whoever changed since the last night, and everyone in a new period."""
        for done, total, period, position in self.env["discipline.compliance"]._judging(self):
            self._piece_done(done, total, step=str(period), position=position)
        self._finish(self._troubled_message())

    def _run_propose(self):
        """Propose receivers: one transaction, so a proposal is there as a whole or not at all."""
        Batch = self.env["discipline.redistribution"].with_user(self.user_id or self.env.user).sudo()
        company = self.company_id
        batch = (
            Batch.with_company(company)
            .with_context(allowed_company_ids=company.ids, discipline_job_id=self.id)
            ._propose_again(company, self.params or {})
        )
        self._piece_done(100, 100)
        self.redistribution_id = batch
        self._finish(False if batch else self.env._("There was nothing to propose."))

    def _replay(self):
        """Return the replay that this work is about, or nothing where it was forgotten meanwhile."""
        return self.env["discipline.policy.replay"].browse((self.params or {}).get("replay")).exists()

    def _run_replay(self):
        """Run a policy over past periods, one after the other."""
        user = self.user_id or self.env.user
        replay = self._replay().with_user(user).with_context(lang=user.lang)
        periods = self.env["discipline.period"].browse(self.params["periods"]).exists()
        for done, total in replay._replaying(periods, self.position) if replay else ():
            self._piece_done(done, total, position=done)
        self._finish()

    def _run_apply(self):
        self._run_lines("approved", "_apply_chunk", "_told_applied")

    def _run_revert(self):
        self._run_lines("applied", "_revert_chunk", "_told_reverted")

    def _run_lines(self, state, step, told):
        """Move, or give back, the customers of this job that are still in ``state``, in chunks.

        Work that was begun before the company went into dry mode goes no further.
        """
        self.company_id._discipline_expect_live()
        Line = self.env["discipline.redistribution.line"]
        if self.user_id:
            Line = Line.with_user(self.user_id).sudo()
        lines = Line.search([("job_id", "=", self.id)], order="id")
        waiting = Line.search([("job_id", "=", self.id), ("state", "=", state), ("error", "=", False)], order="id")
        done, total = len(lines) - len(waiting), len(lines)
        for chunk in waiting._chunks():
            chunk._wait_for_lock()
            chunk._safely(step)
            done += len(chunk)
            self._piece_done(done, total)
        batch = self.redistribution_id.with_env(lines.env)
        batch._expect("proposed", "approved", "applied", "reverted")
        getattr(batch, told)(lines)
        self._finish()
