"""A manager leaves: his customers are offered to others in time, A first, and his plan survives his account."""

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools.misc import format_date


class DisciplineDeparture(models.Model):
    """The departure of one manager: until when he works, who acts after him, what became of his customers."""

    _name = "discipline.departure"
    _description = "Departure of a Manager"
    _inherit = "mail.thread"
    _order = "date_last desc, id desc"
    _rec_name = "user_id"

    user_id = fields.Many2one(
        "res.users", "Manager", required=True, index=True, ondelete="cascade", domain="[('share', '=', False)]"
    )
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    date_last = fields.Date("Last Day", required=True, tracking=True)
    acting_id = fields.Many2one(
        "res.users",
        "Acting Manager",
        ondelete="set null",
        domain="[('share', '=', False), ('id', '!=', user_id)]",
        tracking=True,
        help="Whoever answers, from the day after, for the customers that nobody has received by then. Empty: they are "
        "nobody's, and are proposed to others.",
    )
    reason = fields.Char(help="Every receiver reads it beside the customer.")
    state = fields.Selection(
        [("draft", "Draft"), ("running", "Handing Over"), ("done", "Handed Over"), ("cancel", "Cancelled")],
        default="draft",
        required=True,
        readonly=True,
        copy=False,
        tracking=True,
        index=True,
    )
    redistribution_ids = fields.Many2many(
        "discipline.redistribution", string="Redistributions", readonly=True, copy=False
    )
    plan_ids = fields.One2many("discipline.departure.plan", "departure_id", "Saved Plan", readonly=True)
    customer_ids = fields.Many2many("discipline.customer", compute="_compute_customers", string="His Customers")
    customer_count = fields.Integer("Customers Left", compute="_compute_customers")
    first_count = fields.Integer("Of the First Class", compute="_compute_customers")
    plan_count = fields.Integer("Planned Activities", compute="_compute_customers")

    @api.depends("user_id", "state", "company_id")
    def _compute_customers(self):
        first = self.env["discipline.abc.class"].sudo().search([], order="sequence, id", limit=1)
        for record in self:
            customers = record._customers()
            record.customer_ids = customers
            record.customer_count = len(customers)
            record.first_count = len(customers.filtered(lambda row: row.abc_class_id == first))
            record.plan_count = len(record._activities()) if record.user_id else 0

    def _customers(self):
        """Return the manager's customers in this company, the first class first."""
        self.ensure_one()
        customers = self.env["discipline.customer"].search(
            [
                ("in_base", "=", True),
                ("user_id", "=", self.user_id.id or 0),
                ("company_id", "=", self.company_id.id),
            ]
        )
        return customers.sorted(
            lambda row: (not row.abc_class_id, row.abc_class_id.sequence, -(row.revenue_12m or 0), row.id)
        )

    def _activities(self):
        return self.env["mail.activity"].sudo().search([("user_id", "=", self.user_id.id), ("res_model", "!=", False)])

    @api.constrains("date_last", "user_id", "acting_id")
    def _check_acting(self):
        for record in self:
            if record.acting_id == record.user_id:
                raise ValidationError(
                    self.env._("%(manager)s cannot act for himself: choose somebody else.", manager=record.user_id.name)
                )

    def _check_may(self):
        """Refuse whoever does not decide about this manager's customers.

        :raise AccessError: naming the manager
        """
        for record in self:
            if not self.env.su and (
                self.env.user in (record.user_id, record.acting_id)
                or not self.env.user._discipline_decides_for(record.user_id, record.acting_id)
            ):
                raise AccessError(
                    self.env._(
                        "The customers of %(manager)s are not yours to hand over: his team's leader or a Sales "
                        "administrator decides, and nobody for himself.",
                        manager=record.user_id.name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create([{**vals, "state": "draft"} for vals in vals_list])
        records._check_may()
        return records

    def write(self, vals):
        if not self.env.su:
            self._check_may()
            if {"state", "redistribution_ids", "plan_ids"} & vals.keys():
                raise AccessError(self.env._("A departure moves on by its buttons."))
            if "user_id" in vals and any(record.state != "draft" for record in self):
                raise UserError(self.env._("The departure has begun: cancel it and begin another."))
        result = super().write(vals)
        if not self.env.su:
            self._check_may()
        return result

    def action_start(self):
        """Propose the manager's customers to others, those of the first class in a redistribution of their own first.

        :raise UserError: where the last day is past, or the acting manager is archived
        """
        self._check_may()
        for record in self:
            today = self.env["discipline.calendar"]._today(record.company_id)
            if record.state != "draft":
                raise UserError(self.env._("The departure of %(manager)s has begun.", manager=record.user_id.name))
            if record.date_last < today:
                raise UserError(
                    self.env._(
                        "The last day of %(manager)s, %(day)s, is past: choose today, and hand over at once.",
                        manager=record.user_id.name,
                        day=format_date(self.env, record.date_last),
                    )
                )
            if record.acting_id and not record.acting_id.active:
                raise UserError(
                    self.env._(
                        "%(manager)s is archived and cannot become responsible for customers.",
                        manager=record.acting_id.name,
                    )
                )
            customers = record._customers()
            first = customers.abc_class_id.sorted("sequence")[:1]
            reason = record.reason or self.env._(
                "%(manager)s works until %(day)s",
                manager=record.user_id.name,
                day=format_date(self.env, record.date_last),
            )
            batches = self.env["discipline.redistribution"]
            for group in (
                customers.filtered(lambda row, first=first: row.abc_class_id == first and first),
                customers.filtered(lambda row, first=first: not first or row.abc_class_id != first),
            ):
                if group:
                    batches |= batches._propose(record.company_id, "departure", group.partner_id, reason=reason)
            record.sudo().write({"state": "running", "redistribution_ids": batches.ids})

    def action_hand_over(self):
        """Give whoever is left to the acting manager, or to nobody, with what is planned with them.

        :raise UserError: where the departure has not begun, or the company is in dry mode
        """
        self._check_may()
        for record in self:
            if record.state != "running":
                raise UserError(self.env._("Begin the departure of %(manager)s first.", manager=record.user_id.name))
        self.company_id._discipline_expect_live()
        self._hand_over()

    def _hand_over(self):
        for record in self.sudo():
            left = record._customers().partner_id
            barred = record._barred_for_acting(left)
            plans = self.env["discipline.departure.plan"]._save(record.user_id, record)
            reason = self.env._("Departure of %(manager)s", manager=record.user_id.name)
            for customers, receiver in ((left - barred, record.acting_id), (barred, self.env["res.users"])):
                if customers:
                    customers._discipline_assign(receiver, "departure", reason)
            record.state = "done"
            plans._restore()

    def _barred_for_acting(self, customers):
        """Return those of ``customers`` whom the acting manager lost lately: they do not return so soon.

        They become nobody's, and are proposed to others.

        :param customers: res.partner
        """
        self.ensure_one()
        if not self.acting_id or not customers:
            return customers.browse()
        today = self.env["discipline.calendar"]._today(self.company_id)
        rules = self.env["discipline.policy"]._policy_on(self.company_id, today)
        barred = self.env["discipline.redistribution"]._barred(rules, customers.ids)
        return customers.filtered(lambda row: self.acting_id.id in barred.get(row.id, ()))

    def action_cancel(self):
        """Leave the customers where they are; redistributions that are open are cancelled."""
        self._check_may()
        for record in self:
            if record.state not in ("draft", "running"):
                raise UserError(self.env._("%(manager)s is gone already.", manager=record.user_id.name))
            # whoever decided to offer them decides to leave them
            record.redistribution_ids.sudo().filtered(lambda batch: batch.state in ("draft", "proposed"))._cancel()
        self.sudo().write({"state": "cancel"})

    @api.model
    def _nightly(self, company):
        """Hand over for those whose last day was yesterday or before; in dry mode they wait."""
        if company.discipline_dry_mode:
            return
        today = self.env["discipline.calendar"]._today(company)
        self.search(
            [("company_id", "=", company.id), ("state", "=", "running"), ("date_last", "<", today)]
        )._hand_over()

    def action_customers(self):
        """Open the customers that are still his."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_customer_action")
        return {**action, "domain": [("id", "in", self._customers().ids)], "context": {}}

    def action_redistributions(self):
        """Open the redistributions of his customers."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_redistribution_action")
        return {**action, "domain": [("id", "in", self.redistribution_ids.ids)], "context": {}}


class DisciplineDeparturePlan(models.Model):
    """What a manager had planned when he left: Odoo deletes an archived user's activities, this does not."""

    _name = "discipline.departure.plan"
    _description = "Saved Plan of a Manager"
    _order = "date_deadline, id"
    _rec_name = "summary"

    departure_id = fields.Many2one("discipline.departure", readonly=True, ondelete="cascade", index="btree_not_null")
    user_id = fields.Many2one("res.users", "Manager", readonly=True, ondelete="set null", index=True)
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, ondelete="cascade", index=True)
    res_model = fields.Char("Kind of Record", readonly=True)
    res_id = fields.Many2oneReference("Record", model_field="res_model", readonly=True)
    activity_type_id = fields.Many2one("mail.activity.type", "Activity", readonly=True, ondelete="set null")
    summary = fields.Char(readonly=True)
    note = fields.Html(readonly=True)
    date_deadline = fields.Date("Planned for", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade")
    new_user_id = fields.Many2one("res.users", "Went to", readonly=True, ondelete="set null")
    is_waiting = fields.Boolean("Waiting", readonly=True, default=True, help="Nobody has taken it over yet.")

    _waiting_idx = models.Index("(partner_id) WHERE is_waiting")

    @api.model
    def _save(self, users, departure=None):
        """Keep the open activities of these users on customers and their deals, and take them off the users.

        :param users: res.users who leave
        :param departure: discipline.departure, if one is under way
        :return: what was saved
        """
        activities = (
            self.env["mail.activity"]
            .sudo()
            .search([("user_id", "in", users.ids), ("res_model", "in", ("res.partner", "crm.lead"))])
        )
        customers = {}
        for model, rows in activities.grouped("res_model").items():
            records = self.env[model].sudo().browse(rows.mapped("res_id")).exists()
            found = self.env["discipline.customer"].sudo()._customer_of(records)
            customers.update({(model, record): customer for record, customer in found.items() if customer})
        activities = activities.filtered(lambda row: (row.res_model, row.res_id) in customers)
        plans = self.sudo().create(
            [
                {
                    "departure_id": departure and departure.id,
                    "user_id": row.user_id.id,
                    "partner_id": customers[row.res_model, row.res_id][:1].id,
                    "res_model": row.res_model,
                    "res_id": row.res_id,
                    "activity_type_id": row.activity_type_id.id,
                    "summary": row.summary,
                    "note": row.note,
                    "date_deadline": row.date_deadline,
                    "company_id": customers[row.res_model, row.res_id][:1].discipline_id.company_id.id,
                }
                for row in activities
            ]
        )
        activities.unlink()
        return plans

    @api.model
    def _restore_for(self, partner_ids):
        """Plan anew for the new managers of these customers what the old ones had planned."""
        self.flush_model()
        plans = self.sudo().search([("partner_id", "in", list(partner_ids)), ("is_waiting", "=", True)])
        return plans._restore()

    def _restore(self):
        """Make activities of these plans for whoever answers for the customers now; those of nobody wait on.

        What was planned for the past is due today.

        :return: mail.activity
        """
        vals_list, done = [], self.browse()
        for plan in self.filtered("is_waiting"):
            user = plan.partner_id.discipline_id.user_id
            record = self.env[plan.res_model].sudo().browse(plan.res_id).exists() if plan.res_model else None
            if not user or not record:
                continue
            vals_list.append(
                {
                    "res_model_id": self.env["ir.model"]._get_id(plan.res_model),
                    "res_id": plan.res_id,
                    "activity_type_id": plan.activity_type_id.id,
                    "summary": plan.summary,
                    "note": plan.note,
                    "date_deadline": max(plan.date_deadline, self.env["discipline.calendar"]._today(plan.company_id)),
                    "user_id": user.id,
                }
            )
            done |= plan
        for user, plans in done.grouped(lambda plan: plan.partner_id.discipline_id.user_id).items():
            plans.write({"is_waiting": False, "new_user_id": user.id})
        return self.env["mail.activity"].sudo().with_context(mail_activity_quick_update=True).create(vals_list)


class DisciplineNightly(models.AbstractModel):
    _inherit = "discipline.nightly"

    @api.model
    def _steps(self):
        steps = super()._steps()
        place = next(index for index, (key, _method) in enumerate(steps) if key == "base")
        return [*steps[:place], ("departures", "_step_departures"), *steps[place:]]

    def _step_departures(self, company):
        """Hand over the customers of managers whose last day is past."""
        self.env["discipline.departure"]._nightly(company)


class ResUsers(models.Model):
    _inherit = "res.users"

    def action_archive(self):
        """Save the plans of those who leave before Odoo deletes their activities."""
        self.env["discipline.departure.plan"]._save(self.filtered(lambda user: user.active and not user.share))
        return super().action_archive()

    def _discipline_presence_changed(self):
        """Propose the customers of whoever left, at once."""
        result = super()._discipline_presence_changed()
        if self.filtered(lambda user: not user.active):
            for company in self.env["res.company"].sudo().search([("discipline_active", "=", True)]):
                self.env["discipline.redistribution"].sudo().with_company(company)._propose_orphans(company)
        return result


class ResPartner(models.Model):
    _inherit = "res.partner"

    def _discipline_after_write(self, before, triggers):
        result = super()._discipline_after_write(before, triggers)
        if "user_id" in triggers:
            self.env["discipline.departure.plan"]._restore_for(self.ids)
        return result
