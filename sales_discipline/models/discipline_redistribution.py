"""Who answers for neglected customers and orphans: proposed, approved, applied, and taken back if need be."""

from collections import Counter

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools.misc import format_date

CAUSES = [
    ("orphan", "Orphans"),
    ("unfilled", "Unfilled Cards"),
    ("missed", "Missed Norm"),
    ("unreachable", "Unreachable Twice"),
    ("overload", "Overload"),
    ("departure", "Departure"),
    ("selection", "A Supervisor's Selection"),
    ("request", "Transfer Request"),
]
#: states in which a customer's line is still undecided or not carried out
OPEN_STATES = ("draft", "proposed", "approved")
#: customers that are moved while the person who pressed the button waits (a few seconds); more go to the background
AT_ONCE = 500
#: how many customers a message names before it says “and so many more”
NAMED = 10


class DisciplineRedistribution(models.Model):
    """A batch of customers that change hands together, each line with the reason that everyone can read."""

    _name = "discipline.redistribution"
    _inherit = ["mail.thread", "discipline.job.mixin"]
    _description = "Redistribution of Customers"
    _job_key = "redistribution_id"
    _order = "id desc"
    _mail_post_access = "read"

    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade", index=True)
    cause = fields.Selection(CAUSES, required=True, readonly=True)
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("proposed", "Proposed"),
            ("approved", "Approved"),
            ("applied", "Applied"),
            ("reverted", "Reverted"),
            ("cancelled", "Cancelled"),
        ],
        default="draft",
        required=True,
        readonly=True,
        index=True,
    )
    period_id = fields.Many2one("discipline.period", readonly=True, ondelete="restrict")
    policy_id = fields.Many2one("discipline.policy", readonly=True, ondelete="restrict")
    reason = fields.Char(readonly=True, help="Why these customers change hands, in the words of whoever chose them.")
    seed = fields.Char(readonly=True, help="Decides ties; the same batch always gives the same result.")
    appeal_until = fields.Date(readonly=True, help="The last day on which the losing manager may appeal.")
    proposed_at = fields.Datetime(readonly=True)
    approved_by_id = fields.Many2one("res.users", "Approved by", readonly=True, ondelete="set null")
    applied_at = fields.Datetime(readonly=True)
    reverted_at = fields.Datetime(readonly=True)
    line_ids = fields.One2many("discipline.redistribution.line", "redistribution_id", "Customers", readonly=True)
    manager_ids = fields.One2many(
        "discipline.redistribution.manager", "redistribution_id", "Before and After", readonly=True
    )
    appeal_ids = fields.One2many("discipline.appeal", "redistribution_id", "Appeals", readonly=True)
    line_count = fields.Integer("Number of Customers", compute="_compute_counts")
    placed_count = fields.Integer("With a Receiver", compute="_compute_counts")
    skipped_count = fields.Integer("Skipped", compute="_compute_counts")
    approved_count = fields.Integer("Approved", compute="_compute_counts")
    appeal_count = fields.Integer("Number of Appeals", compute="_compute_counts")
    waiting_count = fields.Integer(
        "Undecided Appeals", compute="_compute_counts", help="Their customers wait for the decision; the others go on."
    )

    undecided_count = fields.Integer("Open Customers", compute="_compute_mine", help="Proposed or approved, not moved.")
    mine_count = fields.Integer(
        "Yours to Decide", compute="_compute_mine", help="The open customers about whom you may decide."
    )

    approvable_count = fields.Integer("Yours to Approve", compute="_compute_mine")
    applicable_count = fields.Integer("Yours to Apply", compute="_compute_mine")

    _once_uniq = models.UniqueIndex(
        "(company_id, cause, period_id) WHERE state != 'cancelled' AND period_id IS NOT NULL",
        "This period's customers have been redistributed for this cause already.",
    )

    @api.depends("cause", "period_id", "create_date")
    @api.depends_context("lang")
    def _compute_display_name(self):
        causes = dict(self._fields["cause"]._description_selection(self.env))
        for batch in self:
            if batch.period_id:
                when = batch.period_id.sudo().display_name
            else:
                when = format_date(self.env, batch.create_date) if batch.create_date else ""
            batch.display_name = ", ".join(part for part in (causes.get(batch.cause), when) if part)

    @api.depends("line_ids.state", "appeal_ids.state")
    def _compute_counts(self):
        lines = self.env["discipline.redistribution.line"].sudo()
        groups = lines._read_group([("redistribution_id", "in", self.ids)], ["redistribution_id", "state"], ["__count"])
        totals = {}
        for batch, state, count in groups:
            row = totals.setdefault(batch.id, {})
            row[state] = count
        appeals = {}
        for batch, state, count in (
            self.env["discipline.appeal"]
            .sudo()
            ._read_group([("redistribution_id", "in", self.ids)], ["redistribution_id", "state"], ["__count"])
        ):
            appeals.setdefault(batch.id, {})[state] = count
        for batch in self:
            row = totals.get(batch.id, {})
            batch.line_count = sum(row.values())
            batch.skipped_count = row.get("skipped", 0)
            batch.approved_count = row.get("approved", 0)
            batch.placed_count = batch.line_count - sum(row.get(key, 0) for key in ("skipped", "waived", "cancelled"))
            batch.appeal_count = sum(appeals.get(batch.id, {}).values())
            batch.waiting_count = appeals.get(batch.id, {}).get("open", 0)

    @api.depends("line_ids.state", "line_ids.user_to_id")
    @api.depends_context("uid")
    def _compute_mine(self):
        Line = self.env["discipline.redistribution.line"].sudo()
        groups = Line._read_group(
            [("redistribution_id", "in", self.ids), ("state", "in", ("proposed", "approved"))],
            ["redistribution_id", "state", "user_from_id", "user_to_id"],
            ["__count"],
        )
        totals = {}
        for batch, state, giver, receiver, count in groups:
            row = totals.setdefault(batch.id, dict.fromkeys(("all", "proposed", "approved"), 0))
            row["all"] += count
            row[state] += count * Line._decides_about(self.env.user, giver, receiver)
        for batch in self:
            row = totals.get(batch.id, {})
            batch.undecided_count = row.get("all", 0)
            batch.approvable_count, batch.applicable_count = row.get("proposed", 0), row.get("approved", 0)
            batch.mine_count = batch.approvable_count + batch.applicable_count

    def _state_label(self):
        self.ensure_one()
        return dict(self._fields["state"]._description_selection(self.env))[self.state]

    # ------------------------------------------------------------------
    # Deciding
    # ------------------------------------------------------------------

    def _expect(self, *states):
        """Refuse batches in other states than these, and batches that somebody else is deciding at this moment.

        :raise UserError: naming the batch and what to do
        """
        locked = self.sudo().try_lock_for_update()
        for batch in self:
            if batch not in locked:
                raise UserError(
                    self.env._(
                        "Somebody else is working on “%(batch)s” at this moment: try again shortly.",
                        batch=batch.display_name,
                    )
                )
            if batch.job_state == "running" and not self.env.su:
                raise UserError(
                    self.env._(
                        "“%(work)s” goes on in the background (%(share)s %%): wait until it is done, or stop it first.",
                        work=batch.job_id.sudo().name,
                        share=int(batch.job_progress),
                    )
                )
            if batch.state not in states:
                raise UserError(
                    self.env._(
                        "“%(batch)s” is in the state “%(state)s”: reload the page to see what was done.",
                        batch=batch.display_name,
                        state=batch._state_label(),
                    )
                )

    def _check_supervisor(self):
        """Refuse whoever decides about nobody's customers.

        :raise AccessError:
        """
        if not self.env.su and not self.env.user._discipline_is_supervisor():
            raise AccessError(self.env._("Redistributions are decided by supervisors."))

    def _expect_live(self):
        """Refuse to change anything while the company only tries the program out.

        :raise UserError: naming the company and the setting
        """
        self.company_id._discipline_expect_live()

    def action_propose(self):
        """Propose these drafts: the managers concerned are told, and the time for appeals begins."""
        self._check_supervisor()
        self._expect("draft")
        self._expect_live()
        self.line_ids._check_may_decide(any_of_them=True)
        self.sudo()._propose_now()

    def _propose_now(self, quiet=False):
        Calendar = self.env["discipline.calendar"]
        for batch in self:
            today = Calendar._today(batch.company_id)
            batch.write(
                {
                    "state": "proposed",
                    "proposed_at": fields.Datetime.now(),
                    "appeal_until": Calendar._add_working_days(batch.company_id, today, batch.policy_id.appeal_days)
                    if batch.cause == "missed"
                    else False,
                }
            )
            if not quiet:
                batch._tell(batch._lines_in("proposed"), "proposed")

    def action_approve(self):
        """Approve the proposed lines of these batches that the user may decide.

        Lines with an undecided appeal wait. Customers who changed hands meanwhile, or whom something has come to
        protect, are skipped and named.

        :return: a notification that says what was approved and what was not
        """
        self._check_supervisor()
        self._expect("proposed")
        self._expect_live()
        lines = self._lines_in("proposed", waiting=False)._check_may_decide(any_of_them=True)
        if not lines:
            raise UserError(
                self.env._("There is nothing to approve: every line is skipped, kept, or waits for an appeal.")
            )
        skipped = lines.sudo()._skip_hindered()
        (lines - skipped).sudo()._set_state("approved", decided_by_id=self.env.uid)
        self.sudo().write({"approved_by_id": self.env.uid})
        self.sudo()._settle()
        self._note_down(
            self.env._("%(count)s customers approved.", count=len(lines - skipped)), self._named_changed(skipped)
        )
        return self._notification(
            self.env._("%(count)s customers approved.", count=len(lines - skipped)), self._named_changed(skipped)
        )

    def action_apply(self):
        """Let the approved customers change hands; a second call finds nothing left to do.

        :return: a notification that says how many moved, and names those that did not and why
        """
        self._check_supervisor()
        self._expect("proposed", "approved")
        self._expect_live()
        lines = self._lines_in("approved", waiting=False)
        if not lines:
            raise UserError(self.env._("There is nothing to apply: approve the customers first."))
        lines = lines._check_may_decide(any_of_them=True)
        self._check_appeal_time()
        if len(lines) > AT_ONCE:
            return self._in_background("apply", lines)
        return self.sudo()._apply(lines.sudo())

    def _apply(self, lines):
        """Move the customers of ``lines`` and tell the managers concerned, once each."""
        lines._apply()
        return self._told_applied(lines)

    def _told_applied(self, lines):
        """Tell the managers concerned, once each, what moved of ``lines``, and settle the batches.

        :return: a notification that says how many moved, and names those that did not
        """
        moved = lines._in_state("applied")
        for batch in self:
            batch._tell(moved, "applied")
        self.write({"applied_at": fields.Datetime.now()})
        self._settle()
        left = lines - moved
        texts = [self.env._("%(count)s customers moved.", count=len(moved)), self._named_changed(left)]
        self._note_down(*texts)
        return self._notification(*texts)

    def action_revert(self):
        """Give back what is still with its receiver; lines that changed since are left alone and named."""
        self._check_supervisor()
        self._expect("proposed", "approved", "applied")
        self._expect_live()
        lines = self._lines_in("applied")._check_may_decide(any_of_them=True)
        if not lines:
            raise UserError(self.env._("There is nothing to revert: no customer of this redistribution has moved."))
        if len(lines) > AT_ONCE:
            return self._in_background("revert", lines)
        return self._revert(lines)

    def _revert(self, lines):
        lines.sudo()._revert()
        return self._told_reverted(lines)

    def _told_reverted(self, lines):
        """Settle the batches after ``lines`` were to be given back.

        :return: a notification that says how many went back, and names those that did not
        :raise UserError: where none could
        """
        back = lines._in_state("reverted")
        if not back:
            raise UserError(
                self.env._(
                    "Nothing can be given back, because it changed since: %(names)s.",
                    names=self._names(lines),
                )
            )
        self.sudo().write({"reverted_at": fields.Datetime.now()})
        self.sudo()._settle()
        for batch in self.sudo():
            batch._tell(back.sudo(), "reverted")
        left = lines - back
        texts = [
            self.env._("%(count)s customers went back.", count=len(back)),
            left
            and self.env._(
                "Left with their new managers, because they changed since: %(names)s.", names=self._names(left)
            ),
        ]
        self._note_down(*texts)
        return self._notification(*texts)

    def _in_background(self, kind, lines):
        """Let the scheduled action carry out ``lines``, chunk by chunk, with its progress on the batch.

        :param str kind: ``apply`` or ``revert``
        :return: a notification that says where the progress is seen
        """
        job = self.env["discipline.job"]
        for batch in self:
            own = lines._of_batch(batch)
            if not own:
                continue
            if kind == "apply":
                name = self.env._("Applying: %(batch)s", batch=batch.display_name)
            else:
                name = self.env._("Reverting: %(batch)s", batch=batch.display_name)
            job = job._begin(kind, name, company_id=batch.company_id.id, redistribution_id=batch.id)
            job.write({"user_id": self.env.uid, "done": 0, "total": len(own)})
            own.sudo()._set_values(job_id=job.id, error=None)
        self._job_changed()
        return job._tell_begun()

    def action_cancel(self):
        """Drop these batches: whoever has not moved yet stays where he is."""
        self._check_supervisor()
        self._expect(*OPEN_STATES)
        self._lines_in("proposed", "approved")._check_may_decide()
        if self._lines_in("applied", limit=1):
            raise UserError(
                self.env._("Some of these customers have moved already: revert them, or keep the others one by one.")
            )
        self.sudo()._cancel()

    def _cancel(self):
        self._lines_in("proposed", "approved")._set_state("cancelled")
        self.write({"state": "cancelled"})

    def _settle(self):
        """Derive the batches' states from their lines."""
        found = {}
        for batch, state, count in self.env["discipline.redistribution.line"]._read_group(
            [("redistribution_id", "in", self.ids)], ["redistribution_id", "state"], ["__count"]
        ):
            found.setdefault(batch.id, Counter())[state] = count
        for appeal in self.env["discipline.appeal"].search(
            [("redistribution_id", "in", self.ids), ("state", "=", "open")]
        ):
            if appeal.line_id.state in ("proposed", "approved"):
                found[appeal.redistribution_id.id].update({appeal.line_id.state: -1, "waiting": 1})
        for batch in self:
            states = {state for state, count in found.get(batch.id, {}).items() if count > 0}
            order = {
                "proposed": "proposed",
                "approved": "approved",
                "waiting": "approved" if "applied" in states else "proposed",
                "applied": "applied",
                "reverted": "reverted",
            }
            state = next((order[one] for one in order if one in states), "cancelled")
            if batch.state != state:
                batch.state = state

    def _lines_in(self, *states, waiting=None, limit=None):
        """Return the lines of these batches that are in one of ``states``; none is read, there may be very many.

        :param bool waiting: False leaves out those that wait for the decision on an appeal
        """
        domain = Domain("redistribution_id", "in", self.ids) & Domain("state", "in", states)
        if waiting is False:
            domain &= Domain("appeal_ids", "not any", [("state", "=", "open")])
        return self.env["discipline.redistribution.line"].search(domain, order="id", limit=limit)

    def _check_appeal_time(self):
        """Refuse to move customers while their managers may still appeal.

        :raise UserError: naming the last day
        """
        for batch in self:
            today = self.env["discipline.calendar"]._today(batch.company_id)
            if batch.appeal_until and today <= batch.appeal_until:
                raise UserError(
                    self.env._(
                        "The managers may appeal until %(day)s: “%(batch)s” can be applied from the day after.",
                        day=format_date(self.env, batch.appeal_until),
                        batch=batch.display_name,
                    )
                )

    # ------------------------------------------------------------------
    # What people read
    # ------------------------------------------------------------------

    @api.model
    def _names(self, lines):
        """Return the customers' names for a sentence, no more than a person reads."""
        names = ", ".join(line.customer_name for line in lines[:20])
        if len(lines) > 20:
            return self.env._("%(names)s and %(count)s more", names=names, count=len(lines) - 20)
        return names

    @api.model
    def _named_changed(self, lines):
        """Return a sentence that names skipped lines, each with its reason; empty where there is none."""
        labels = dict(lines._fields["skip_reason"]._description_selection(self.env))
        parts = []
        for reason, ids in lines.sudo()._read_group([("id", "in", lines.ids)], ["skip_reason"], ["id:array_agg"]):
            group = lines.browse(sorted(ids))
            parts.append(
                self.env._(
                    "Skipped (%(why)s): %(names)s.",
                    why=labels.get(reason) or self.env._("not carried out"),
                    names=self._names(group),
                )
            )
        return " ".join(parts)

    def _note_down(self, *texts):
        """Keep in the batches' own log what was done, and by whom."""
        for batch in self.sudo():
            batch._message_log(
                body=" ".join(text for text in texts if text), author_id=self.env.user.partner_id.id or None
            )

    def _notification(self, *texts):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "message": " ".join(text for text in texts if text),
                "type": "warning" if any(texts[1:]) else "success",
                "sticky": bool(any(texts[1:])),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def action_open_lines(self):
        """Open the batch's customers, grouped by who gives them."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_redistribution_line_action")
        action["domain"] = [("redistribution_id", "=", self.id)]
        action["context"] = {"search_default_group_from": 1}
        return action

    def action_open_appeals(self):
        """Open the appeals against the batch."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_appeal_action")
        action["domain"] = [("redistribution_id", "=", self.id)]
        action["context"] = {}
        return action
