from odoo import fields, models


class DisciplineJobMixin(models.AbstractModel):
    """What long work is about shows how far it is, and lets it be stopped and resumed."""

    _name = "discipline.job.mixin"
    _description = "Subject of Long Work"

    #: the field of ``discipline.job`` that names these records
    _job_key = None

    job_id = fields.Many2one("discipline.job", "Work in the Background", compute="_compute_job")
    job_state = fields.Selection(
        [("running", "In Progress"), ("stopped", "Stopped"), ("failed", "Failed")],
        "State of the Work",
        compute="_compute_job",
    )
    job_progress = fields.Float("Progress", compute="_compute_job")
    job_message = fields.Text("What Went Wrong", compute="_compute_job")

    def _compute_job(self):
        """Find the unfinished work, if any; that something was proposed is no work on the proposal."""
        jobs = (
            self.env["discipline.job"]
            .sudo()
            .search([(self._job_key, "in", self.ids), ("state", "!=", "done"), ("kind", "!=", False)], order="id")
        )
        last = {job[self._job_key].id: job for job in jobs}
        for record in self:
            job = last.get(record.id, jobs.browse())
            record.job_id = job.id
            record.job_state = job.state
            record.job_progress = job.progress
            record.job_message = job.message

    def _job_changed(self):
        """Forget what was read about the work before it began, or paused."""
        self.invalidate_recordset(["job_id", "job_state", "job_progress", "job_message"], flush=False)

    def action_stop_job(self):
        """Let the work pause after the piece that is being done; what is done stays done."""
        self.job_id.action_stop()
        self._job_changed()

    def action_resume_job(self):
        """Let the work go on with what is left."""
        self.job_id.action_resume()
        self._job_changed()
