from odoo import fields, models


class DisciplineJob(models.Model):
    """A piece of long work, so that people see how far it is and what went wrong."""

    _name = "discipline.job"
    _description = "Long Work"
    _order = "id desc"

    name = fields.Char(required=True, readonly=True)
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade")
    state = fields.Selection(
        [("running", "Running"), ("done", "Done"), ("failed", "Failed")], default="running", readonly=True, index=True
    )
    done = fields.Integer(readonly=True)
    total = fields.Integer(readonly=True)
    progress = fields.Float(compute="_compute_progress", help="Percent of the work that is done.")
    reference = fields.Char(readonly=True, index="btree_not_null", help="The record that the work is about.")
    period_id = fields.Many2one("discipline.period", readonly=True, ondelete="cascade", index="btree_not_null")
    message = fields.Text(readonly=True, help="What went wrong, and what to do.")
    finished_at = fields.Datetime(readonly=True)

    def _compute_progress(self):
        for job in self:
            job.progress = 100 * job.done / job.total if job.total else (100 if job.state == "done" else 0)
