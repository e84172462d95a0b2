from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import plaintext2html
from odoo.tools.misc import format_date

#: names shown in a message before the rest becomes a number
NAMED = 5


class DisciplineTaskSet(models.TransientModel):
    """The dialog in which a supervisor sets one task on all rows that he has selected, in any list or report."""

    _name = "discipline.task.set"
    _description = "Set a Task"

    res_model = fields.Char(readonly=True, required=True)
    res_ids = fields.Json(readonly=True)
    customer_count = fields.Integer("Customers", compute="_compute_targets")
    doer_count = fields.Integer("Doers", compute="_compute_targets")
    nobody_count = fields.Integer("Without a Responsible Manager", compute="_compute_targets")
    activity_type_id = fields.Many2one(
        "mail.activity.type",
        required=True,
        domain="[('res_model', 'in', (False, 'res.partner'))]",
        default=lambda self: self.env.ref("mail.mail_activity_data_todo", raise_if_not_found=False),
    )
    user_id = fields.Many2one(
        "res.users",
        "Doer",
        domain="[('share', '=', False)]",
        help="Empty: whoever answers for each of the customers.",
    )
    nobody_user_id = fields.Many2one("res.users", "Doer for Customers of Nobody", domain="[('share', '=', False)]")
    date_deadline = fields.Date("By When", required=True, default=lambda self: self._default_day())
    summary = fields.Char("Task", required=True)
    note = fields.Text("Details")

    @api.model
    def _default_day(self):
        company = self.env.company
        Calendar = self.env["discipline.calendar"]
        return Calendar._add_working_days(company, Calendar._today(company), 1)

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        model, ids = self.env.context.get("active_model"), self.env.context.get("active_ids") or []
        if model in self.env and ids:
            values.update(res_model=model, res_ids=ids)
        return values

    @api.depends("res_model", "res_ids", "user_id")
    def _compute_targets(self):
        for dialog in self:
            targets = dialog._targets()
            doers = [dialog.user_id or doer for _document, doer in targets]
            dialog.customer_count = sum(1 for document, _doer in targets if document)
            dialog.doer_count = len({doer.id for doer in doers if doer})
            dialog.nobody_count = sum(1 for doer in doers if not doer)

    def _targets(self):
        """Return [(document, doer by default)] of the selected rows, each document, or manager, once.

        Whoever is archived does nothing any more: his customers and deals count as nobody's.
        """
        if not self.res_model or self.res_model not in self.env:
            return []
        rows = self.env[self.res_model].browse(self.res_ids or []).exists()
        rows.check_access("read")
        found = {}
        for document, user in rows._discipline_task_targets():
            doer = user.filtered("active")
            if document or doer:
                found.setdefault((document._name, document.id) if document else doer.id, (document, doer))
        return list(found.values())

    def action_set(self):
        """Set the task on all of them, tell each doer once, and open what was set.

        :raise AccessError: for whoever does not decide for one of the doers
        :raise UserError: where there is nothing to do, or nobody to do it
        """
        self.ensure_one()
        if not self.env.user._discipline_is_supervisor():
            raise AccessError(self.env._("Only supervisors set tasks."))
        if not (self.summary or "").strip():
            raise UserError(self.env._("Say what is to be done."))
        assigned = self._assigned()
        activities = self._create_activities(assigned)
        tasks = self._create_tasks(assigned, activities)
        self._tell(tasks)
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_task_action")
        name = self.env._("Tasks Set")
        return {**action, "domain": [("id", "in", tasks.ids)], "context": {}, "name": name, "display_name": name}

    def _assigned(self):
        """Return [(document, doer)], every one with a doer for whom this supervisor decides."""
        targets = self._targets()
        if not targets:
            raise UserError(self.env._("There is no customer and no manager behind these rows: choose others."))
        assigned = [(document, self.user_id or doer or self.nobody_user_id) for document, doer in targets]
        orphans = [document.display_name for document, doer in assigned if not doer]
        if orphans:
            raise UserError(
                self.env._(
                    "%(count)s customers have no responsible manager (%(names)s): choose a doer for them.",
                    count=len(orphans),
                    names=", ".join(orphans[:NAMED]) + (", …" if len(orphans) > NAMED else ""),
                )
            )
        self._check_doers(self.env["res.users"].union(*(doer for _document, doer in assigned)))
        return assigned

    def _check_doers(self, doers):
        """Refuse doers who are no colleagues, or for whom this supervisor does not decide."""
        for doer in doers:
            if not doer.active or doer.share:
                raise UserError(
                    self.env._("%(who)s is archived or is no employee: choose another doer.", who=doer.name)
                )
            if not self.env.user._discipline_decides_for(doer) and doer != self.env.user:
                raise AccessError(
                    self.env._(
                        "%(who)s is in another team: his supervisor or a Sales administrator sets him tasks.",
                        who=doer.name,
                    )
                )

    def _create_activities(self, assigned):
        """Create the activities in one go; the doers are told once, not once for each."""
        models_by_name = {name: self.env["ir.model"]._get_id(name) for name in ("res.partner", "crm.lead")}
        return (
            self.env["mail.activity"]
            .sudo()
            .with_context(mail_activity_quick_update=True)
            .create(
                [
                    {
                        "res_model_id": models_by_name[document._name] if document else False,
                        "res_id": document.id if document else False,
                        "activity_type_id": self.activity_type_id.id,
                        "user_id": doer.id,
                        "date_deadline": self.date_deadline,
                        "summary": self.summary.strip(),
                        "note": plaintext2html(self.note) if self.note else False,
                    }
                    for document, doer in assigned
                ]
            )
        )

    def _create_tasks(self, assigned, activities):
        today = self.env["discipline.calendar"]._today()
        partners = {
            document: document if document._name == "res.partner" else document.partner_id._discipline_customer()
            for document, _doer in assigned
            if document
        }
        tasks = (
            self.env["discipline.task"]
            ._ledger()
            .create(
                [
                    {
                        "summary": self.summary.strip(),
                        "note": self.note,
                        "partner_id": partners[document].id if document else False,
                        "customer_ref": partners[document].id if document else False,
                        "lead_id": document.id if document._name == "crm.lead" else False,
                        "user_id": doer.id,
                        "doer_ref": doer.id,
                        "given_by_id": self.env.uid,
                        "given_on": today,
                        "company_id": self._company(partners.get(document)).id,
                        "activity_type_id": self.activity_type_id.id,
                        "activity_id": activity.id,
                        "date_deadline": self.date_deadline,
                    }
                    for (document, doer), activity in zip(assigned, activities, strict=True)
                ]
            )
        )
        tasks._refresh()
        return tasks

    def _company(self, partner):
        return (partner and partner.sudo().discipline_id.company_id) or self.env.company

    def _tell(self, tasks):
        """Tell each doer once what he was given."""
        for doer, given in tasks.grouped("user_id").items():
            if doer == self.env.user:
                continue
            translated = self.with_context(lang=doer.lang)
            names = [name for name in given.partner_id.mapped("display_name") if name]
            self.env["mail.thread"].sudo().message_notify(
                partner_ids=doer.partner_id.ids,
                subject=translated.env._("Task: %(task)s", task=self.summary),
                body=translated.env._(
                    "%(who)s gives you a task by %(day)s: %(task)s. Customers: %(count)s (%(names)s).",
                    who=self.env.user.name,
                    day=format_date(translated.env, self.date_deadline),
                    task=self.summary,
                    count=len(names),
                    names=", ".join(names[:20]) + (", …" if len(names) > 20 else ""),
                )
                if names
                else translated.env._(
                    "%(who)s gives you a task by %(day)s: %(task)s.",
                    who=self.env.user.name,
                    day=format_date(translated.env, self.date_deadline),
                    task=self.summary,
                ),
                email_layout_xmlid="mail.mail_notification_light",
            )
