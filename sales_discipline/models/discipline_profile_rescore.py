"""A changed rule scores every card anew: a small base at once, a large one in the background, with progress."""

from odoo import api, fields, models

#: a base up to this size is re-scored in the same transaction; a larger one in the background, with progress
INLINE = 5000


class DisciplineProfileRule(models.Model):
    _inherit = "discipline.profile.rule"

    @api.model
    def _rescore_base(self):
        """Score every customer anew under the rules as they are now.

        A small base at once; a large one in the background, with progress under Configuration / Long Work.

        :return: the discipline.job, empty where it is done already
        """
        Customer = self.env["discipline.customer"].sudo()
        Job = self.env["discipline.job"].sudo()
        total = Customer.search_count([("in_base", "=", True)])
        running = Job.search([("kind", "=", "profile"), ("state", "=", "running")])
        if total <= INLINE and not running:
            self.env["discipline.profile"]._score_range()
            return Job
        # a rule changed again while the base was being scored: begin anew
        job = running[:1] or Job.create({"name": self.env._("Customer cards: scoring the base"), "kind": "profile"})
        job.write({"total": total, "done": 0, "position": 0})
        self.env.ref("sales_discipline.ir_cron_discipline_profile")._trigger()
        if not self.env.su and self.env.user._is_internal():
            self.env.user._bus_send(
                "simple_notification",
                {
                    "type": "info",
                    "message": self.env._(
                        "%(count)s customers are being scored under the new rules. Progress: Configuration, Long Work.",
                        count=total,
                    ),
                },
            )
        return job

    @api.model
    def _cron_rescore(self):
        """Score the base in batches, each committed, and go on where an interrupted run stopped."""
        jobs = self.env["discipline.job"].sudo().search([("kind", "=", "profile"), ("state", "=", "running")])
        for job in jobs:
            while job.state == "running" and job._profile_batch():
                if not self.env["ir.cron"]._commit_progress(1, remaining=max(1, job.total - job.done)):
                    return
            self.env["ir.cron"]._commit_progress(1, remaining=0)

    def action_rescore(self):
        """Score the whole base now."""
        self.check_access("write")
        self._rescore_base()


class DisciplineJob(models.Model):
    _inherit = "discipline.job"

    def _profile_batch(self, size=50000):
        """Score the next batch of the base; return whether there is more to do."""
        self.ensure_one()
        last, done = self.env["discipline.profile"]._score_batch(self.position, size)
        if not done:
            self.write({"state": "done", "done": self.total, "finished_at": fields.Datetime.now()})
            return False
        self.write({"position": last, "done": min(self.done + done, self.total)})
        return True
