"""Tasks given: management is decisions carried out. Who was told what by when, what was done, and what he answered."""

from odoo import api, fields, models
from odoo.tools import SQL

OPEN = ("open", "late")


class DisciplineTask(models.Model):
    """A task that a supervisor set; an activity carries it to its doer.

    The activity may vanish with its document or its user; what was given, and what came of it, stays here.
    """

    _name = "discipline.task"
    _inherit = "discipline.ledger"
    _description = "Task Given"
    _order = "date_deadline desc, id desc"
    _rec_name = "summary"

    summary = fields.Char("Task", readonly=True, required=True)
    note = fields.Text(readonly=True)
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, ondelete="set null", index="btree_not_null")
    customer_ref = fields.Integer("Customer No.", readonly=True, aggregator=None)
    lead_id = fields.Many2one("crm.lead", "Opportunity", readonly=True, ondelete="set null", index="btree_not_null")
    user_id = fields.Many2one("res.users", "Doer", readonly=True, ondelete="set null")
    doer_ref = fields.Integer("Doer No.", readonly=True, required=True, aggregator=None)
    given_by_id = fields.Many2one("res.users", "Given by", readonly=True, ondelete="set null", index="btree_not_null")
    given_on = fields.Date(readonly=True, required=True, help="The local date on which the task was set.")
    company_id = fields.Many2one("res.company", readonly=True, ondelete="set null", index=True)
    activity_type_id = fields.Many2one("mail.activity.type", readonly=True, ondelete="set null")
    activity_id = fields.Many2one("mail.activity", readonly=True, ondelete="set null", index="btree_not_null")
    date_deadline = fields.Date("By When", readonly=True, required=True, help="The date that was asked for.")
    moved_to = fields.Date(readonly=True, help="The date to which the doer has put it off; it is late all the same.")
    state = fields.Selection(
        [
            ("open", "To Do"),
            ("late", "Overdue"),
            ("done", "Done in Time"),
            ("done_late", "Done Late"),
            ("cancelled", "Cancelled"),
        ],
        readonly=True,
        required=True,
        default="open",
    )
    done_on = fields.Date(readonly=True, help="The doer's local date.")
    done_by_id = fields.Many2one("res.users", "Done by", readonly=True, ondelete="set null")
    answer = fields.Text(readonly=True, help="What was written when it was marked as done.")
    abc_class_id = fields.Many2one(related="partner_id.discipline_abc_class_id")

    _doer_idx = models.Index("(doer_ref, date_deadline)")
    _deadline_idx = models.Index("(date_deadline, id)")
    _open_idx = models.Index("(company_id, date_deadline) WHERE state IN ('open', 'late')")

    # ------------------------------------------------------------------
    # What becomes of the activity
    # ------------------------------------------------------------------

    @api.model
    def _of(self, activities):
        """Return the tasks that these activities carry."""
        return self.sudo().search([("activity_id", "in", activities.ids)]) if activities.ids else self.sudo()

    def _finish(self, answer=None):
        """Mark tasks as done today, in time or late."""
        Calendar = self.env["discipline.calendar"]
        now = fields.Datetime.now()
        outcomes = {}
        for task in self.filtered(lambda row: row.state in OPEN):
            day = Calendar._local_day(now, task.user_id, task.company_id)
            text = answer or task.activity_id.feedback or None
            key = (day, "done" if day <= task.date_deadline else "done_late", text)
            outcomes[key] = outcomes.get(key, self.browse()) | task
        for (day, state, text), tasks in outcomes.items():
            tasks._ledger().write({"state": state, "done_on": day, "done_by_id": self.env.uid, "answer": text})

    def _reopen(self):
        """Undo :meth:`_finish`: the activity was opened again."""
        tasks = self.filtered(lambda row: row.state in ("done", "done_late"))
        if tasks:
            tasks._ledger().write({"state": "open", "done_on": False, "done_by_id": False, "answer": False})
            tasks._refresh()

    def _cancel(self):
        """Mark tasks whose activity was deleted, not done."""
        tasks = self.filtered(lambda row: row.state in OPEN)
        if tasks:
            tasks._ledger().write({"state": "cancelled"})

    def _follow(self, vals):
        """Follow an activity that was put off or given to somebody else.

        Whoever may give tasks to the doer changes the date that is asked for; the doer himself only puts it off.
        """
        for task in self.filtered(lambda row: row.state in OPEN):
            changes = {}
            if vals.get("date_deadline"):
                day = fields.Date.to_date(vals["date_deadline"])
                giver = self.env.user != task.user_id and self.env.user._discipline_decides_for(task.user_id)
                changes = {"date_deadline": day, "moved_to": False} if giver else {"moved_to": day}
            if vals.get("user_id"):
                changes |= {"user_id": vals["user_id"], "doer_ref": vals["user_id"]}
            if changes:
                task._ledger().write(changes)
        self._refresh()

    def _refresh(self):
        """Say of open tasks whether they are overdue today."""
        for company, tasks in self.grouped("company_id").items():
            self._refresh_company(company, tasks.ids)

    @api.model
    def _refresh_company(self, company, ids=None):
        """Bring the states of a company's open tasks in line with its own date; the nightly work does it for all.

        A task whose activity has vanished with its document or its user is cancelled.
        """
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                UPDATE discipline_task t SET state = n.state
                  FROM (SELECT id, CASE WHEN activity_id IS NULL THEN 'cancelled'
                                        WHEN date_deadline < %(today)s THEN 'late' ELSE 'open' END AS state
                          FROM discipline_task
                         WHERE company_id IS NOT DISTINCT FROM %(company)s AND state IN ('open', 'late') %(limit)s) n
                 WHERE n.id = t.id AND t.state != n.state
                """,
                today=self.env["discipline.calendar"]._today(company or self.env.company),
                company=company.id or None,
                limit=SQL() if ids is None else SQL("AND id = ANY(%s)", list(ids)),
            )
        )
        self.invalidate_model(["state"])

    def action_open(self):
        """Open what the task is about: the opportunity, the customer, or the doer's activities."""
        self.ensure_one()
        document = self.lead_id or self.partner_id
        if document:
            return document.get_formview_action()
        action = self.env["ir.actions.act_window"]._for_xml_id("mail.mail_activity_action")
        action["domain"] = [("id", "=", self.activity_id.id)]
        action["context"] = {}
        return action


class DisciplineNightly(models.AbstractModel):
    _inherit = "discipline.nightly"

    @api.model
    def _steps(self):
        return [("tasks", "_step_tasks"), *super()._steps()]

    def _step_tasks(self, company):
        """Say which of the tasks given are overdue today."""
        self.env["discipline.task"]._refresh_company(company)


class MailActivity(models.Model):
    _inherit = "mail.activity"

    def write(self, vals):
        if not {"active", "date_deadline", "user_id"} & vals.keys():
            return super().write(vals)
        Task = self.env["discipline.task"]
        tasks = Task._of(self)
        result = super().write(vals)
        if tasks and vals.get("active") is False:
            tasks._finish(self.env.context.get("discipline_feedback"))
        elif tasks and vals.get("active"):
            tasks._reopen()
        if tasks and {"date_deadline", "user_id"} & vals.keys():
            tasks._follow(vals)
        return result

    def unlink(self):
        self.env["discipline.task"]._of(self)._cancel()
        return super().unlink()


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    @api.model
    def _discipline_repoint(self, source_ids, target_id):
        super()._discipline_repoint(source_ids, target_id)
        self.env.cr.execute(
            SQL("UPDATE discipline_task SET customer_ref = %s WHERE customer_ref = ANY(%s)", target_id, source_ids)
        )
