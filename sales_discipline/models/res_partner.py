from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import SQL, ormcache
from odoo.tools.mail import generate_tracking_message_id


class ResPartner(models.Model):
    _inherit = "res.partner"

    user_id = fields.Many2one(string="Responsible Manager")
    customer_group_id = fields.Many2one(
        "res.partner",
        "Group of Companies",
        ondelete="set null",
        index="btree_not_null",
        domain="[('is_company', '=', True), ('customer_group_id', '=', False), ('id', '!=', id)]",
        tracking=True,
        help="The head of the group: one buyer with several legal entities is judged as one customer.",
    )
    customer_group_member_ids = fields.One2many("res.partner", "customer_group_id", "Members of the Group")
    discipline_id = fields.Many2one(
        "discipline.customer", "In the Base", readonly=True, copy=False, index=True, ondelete="set null"
    )
    discipline_in_base = fields.Boolean("In the Customer Base", related="discipline_id.in_base")
    discipline_abc_class_id = fields.Many2one("discipline.abc.class", related="discipline_id.abc_class_id")
    discipline_state = fields.Selection(string="Norm of Contacts", related="discipline_id.state")
    discipline_goal = fields.Integer("Goal", related="discipline_id.goal")
    discipline_attained = fields.Integer("Attained", related="discipline_id.attained")
    discipline_due_next = fields.Date("Next Due", related="discipline_id.due_next")
    discipline_last_contact_date = fields.Date("Last Contact", related="discipline_id.last_contact_date")
    discipline_next_contact_date = fields.Date("Next Contact", related="discipline_id.next_contact_date")
    discipline_no_next_reason = fields.Char("Why No Next Contact", related="discipline_id.no_next_reason")
    discipline_revenue_12m = fields.Monetary(
        "Purchases, 12 Months", related="discipline_id.revenue_12m", currency_field="discipline_currency_id"
    )
    discipline_currency_id = fields.Many2one("res.currency", related="discipline_id.currency_id")
    discipline_responsible_since = fields.Date("Responsible Since", related="discipline_id.responsible_since")
    discipline_is_orphan = fields.Boolean("Orphan", related="discipline_id.is_orphan")
    discipline_assignment_ids = fields.One2many("discipline.assignment", "partner_id", "History of Assignment")
    discipline_assignment_count = fields.Integer("Assignments", compute="_compute_discipline_assignment_count")

    discipline_contact_count = fields.Integer("Contacts", compute="_compute_discipline_contact_count")
    discipline_revenue_count = fields.Integer("Purchases", compute="_compute_discipline_purchases")
    discipline_class_change_count = fields.Integer("Changes of Class", compute="_compute_discipline_purchases")

    _user_idx = models.Index("(user_id) WHERE user_id IS NOT NULL")
    # telephony finds its customers by their numbers
    _phone_sanitized_idx = models.Index("(phone_sanitized) WHERE phone_sanitized IS NOT NULL")

    @api.model
    def _discipline_related_fields(self):
        """Return the names of the fields that mirror the customer's row of the base."""
        return [
            name for name, field in self._fields.items() if field.related and field.related.startswith("discipline_id.")
        ]

    def _compute_discipline_assignment_count(self):
        counts = dict(
            self.env["discipline.assignment"]._read_group([("partner_id", "in", self.ids)], ["partner_id"], ["__count"])
        )
        for partner in self:
            partner.discipline_assignment_count = counts.get(partner, 0)

    def _compute_discipline_purchases(self):
        domain = [("partner_id", "in", self.ids), ("voided_at", "=", False)]
        purchases = dict(self.env["discipline.revenue"]._read_group(domain, ["partner_id"], ["__count"]))
        changes = dict(self.env["discipline.abc.change"]._read_group(domain, ["partner_id"], ["__count"]))
        for partner in self:
            partner.discipline_revenue_count = purchases.get(partner, 0)
            partner.discipline_class_change_count = changes.get(partner, 0)

    @api.constrains("customer_group_id")
    def _check_customer_group_id(self):
        for partner in self.filtered("customer_group_id"):
            head = partner.customer_group_id
            if head == partner or head.customer_group_id or partner.customer_group_member_ids:
                raise ValidationError(
                    self.env._(
                        "%(customer)s cannot join the group of %(head)s: a group has one head, and neither the head "
                        "nor a member with members of its own can belong to another group.",
                        customer=partner.display_name,
                        head=head.display_name,
                    )
                )

    def _discipline_customer(self):
        """Return the customers of these partners: the commercial partner, or the head of its group."""
        commercial = self.commercial_partner_id
        if len(commercial) == 1:
            return commercial.customer_group_id or commercial
        return commercial.filtered(lambda partner: not partner.customer_group_id) | commercial.customer_group_id

    # ------------------------------------------------------------------
    # Keeping the base and the history in step with every create and write
    # ------------------------------------------------------------------

    @api.model
    @ormcache()
    def _discipline_trigger_fields(self):
        """Return the fields whose change may bring a partner into the base, out of it, or to another manager."""
        return frozenset(self.env["res.company"]._discipline_base_fields() | {"user_id"})

    @api.model_create_multi
    def create(self, vals_list):
        partners = super().create(vals_list)
        came = self.env["discipline.customer"].sudo()._reconcile_base(partners.ids)
        if came:
            self.browse(came)._discipline_check_creation()
            self.env["discipline.assignment"].sudo()._sync(came)
        return partners

    def write(self, vals):
        triggers = self._discipline_trigger_fields() & vals.keys()
        if not triggers or self.env.context.get("discipline_skip"):
            return super().write(vals)
        if "user_id" in vals:
            self._discipline_check_assign(self.env["res.users"].browse(vals["user_id"] or []))
        before = {partner.id: partner.user_id.id for partner in self.sudo()} if "user_id" in vals else {}
        result = super().write(vals)
        self.sudo()._discipline_after_write(before, triggers)
        return result

    def unlink(self):
        """A customer who is deleted is nobody's from today on."""
        customers = self.sudo().filtered("discipline_id").ids
        result = super().unlink()
        if customers:
            self.env["discipline.assignment"].sudo()._end_deleted(customers)
        return result

    def _discipline_after_write(self, before, triggers):
        """Bring base, employees and history in line after a write; ``before`` is {partner id: user id before}."""
        looked_at = self.ids
        if triggers - {"user_id"}:
            self.env["discipline.customer"]._reconcile_base(looked_at)
        if triggers & {"customer_group_id", "parent_id", "is_company"}:
            self.env["discipline.revenue"]._follow_buyers(looked_at)
        changed = self.env["discipline.assignment"]._sync(looked_at)
        if changed:
            self._discipline_employees_follow({pid: before.get(pid) for pid in changed if before.get(pid)})
            if not self.env.context.get("discipline_judge_later"):
                self.env["discipline.compliance"]._evaluate_customers(changed)

    def _discipline_employees_follow(self, before):
        """Give employees and group members that had the customer's old manager his new one.

        :param dict before: {customer id: user id of the old manager}
        """
        if not before:
            return
        rows = self.env.execute_query(
            SQL(
                """
                SELECT e.id, c.id
                  FROM unnest(%(ids)s::int[], %(old)s::int[]) AS had(partner_id, user_id)
                  JOIN res_partner c ON c.id = had.partner_id
                  JOIN res_partner m ON m.id = c.id OR m.customer_group_id = c.id
                  JOIN res_partner e ON e.commercial_partner_id = m.id
                 WHERE e.id != c.id AND e.user_id = had.user_id
                """,
                ids=list(before),
                old=list(before.values()),
            )
        )
        per_customer = {}
        for employee, customer in rows:
            per_customer.setdefault(customer, []).append(employee)
        per_user = {}
        for customer, employees in per_customer.items():
            per_user.setdefault(self.browse(customer).user_id.id, []).extend(employees)
        for user_id, employees in per_user.items():
            self.browse(employees).with_context(discipline_skip=True, mail_auto_subscribe_no_notify=True).write(
                {"user_id": user_id}
            )

    # ------------------------------------------------------------------
    # Who may give a customer to whom
    # ------------------------------------------------------------------

    def _discipline_check_assign(self, user):
        """Refuse a change of the responsible manager by anyone who may not decide it.

        :param user: res.users, the new responsible manager (may be empty)
        :raise AccessError: naming the customer and what to do instead
        """
        if self.env.su:
            return
        customers = self.filtered(lambda p: p.sudo().discipline_id.in_base and p.sudo().user_id != user)
        refused = customers - customers.filtered(
            lambda partner: self.env.user._discipline_decides_for(partner.sudo().user_id, user)
        )
        if refused:
            raise AccessError(
                self.env._(
                    "Only a supervisor changes the responsible manager of %(customer)s. "
                    "Ask for the customer with a transfer request.",
                    customer=refused[0].display_name,
                )
            )

    def _discipline_check_creation(self):
        """Refuse new customers that somebody creates for a colleague: a manager acquires for himself.

        :raise AccessError: naming the customer and the colleague
        """
        if self.env.su:
            return
        for partner in self.sudo():
            owner = partner.user_id
            if owner and owner != self.env.user and not self.env.user._discipline_decides_for(owner.browse(), owner):
                raise AccessError(
                    self.env._(
                        "%(customer)s cannot be created for %(manager)s: you create customers for yourself, "
                        "a supervisor gives them to others.",
                        customer=partner.display_name,
                        manager=owner.name,
                    )
                )

    def _discipline_assign(self, user, origin, reason=None, lines=None):
        """Change the responsible manager of these customers: the one door, for every part of the program.

        The caller has decided; rights are checked where the decision is made. The history, the employees, the base
        row and the running verdicts follow.

        :param user: res.users, the new manager, empty makes them orphans; or {customer id: res.users}, each to his
            own: what follows is then done once for all of them, the notes in their chatter included
        :param str origin: key of ``discipline.assignment`` origins
        :param str reason: text for the history
        :param dict lines: {customer id: id of the redistribution line that moves it}
        :raise UserError: if a new manager's account is archived
        """
        receivers = user if isinstance(user, dict) else dict.fromkeys(self.ids, user)
        for archived in self.env["res.users"].union(*receivers.values()).filtered(lambda row: not row.active):
            raise UserError(
                self.env._(
                    "%(manager)s is archived and cannot become responsible for customers.", manager=archived.name
                )
            )
        partners = self.sudo().with_context(
            discipline_origin=origin,
            discipline_reason=reason,
            discipline_lines=lines or {},
            mail_auto_subscribe_no_notify=True,
        )
        if receivers is not user:
            return partners.write({"user_id": user.id})
        partners = partners.with_context(tracking_disable=True)
        before = {partner.id: partner.user_id for partner in partners}
        # what Odoo asks of each partner that is written, asked once for all of them
        partners.child_ids.mapped("child_ids")
        (partners | partners.child_ids).mapped("user_ids")
        for receiver, group in partners.grouped(lambda partner: receivers[partner.id]).items():
            group.with_context(discipline_skip=True).write({"user_id": receiver.id})
        partners._discipline_after_write({pid: held.id for pid, held in before.items()}, {"user_id"})
        self.sudo()._discipline_note_manager(before, receivers)
        return True

    def _discipline_note_manager(self, before, after):
        """Note changed managers in the customers' chatter as Odoo does, all at once and telling nobody.

        :param dict before: {customer id: res.users}
        :param dict after: {customer id: res.users}
        """
        moved = self.filtered(lambda partner: before[partner.id] != after[partner.id])
        author = self.env.user.partner_id
        # read for all at once: each of these records would read its own
        names = {user.id: user.name for user in self.env["res.users"].union(*before.values(), *after.values())}
        self.env.cr.execute(
            SQL(
                """
                WITH new AS (
                    SELECT * FROM unnest(%(ids)s::int[], %(old)s::int[], %(old_names)s::text[], %(new)s::int[],
                                         %(new_names)s::text[], %(numbers)s::text[])
                                  AS t(id, old, old_name, new, new_name, number)
                ), made AS (
                    INSERT INTO mail_message
                           (model, res_id, message_type, subtype_id, is_internal, body, author_id, email_from, reply_to,
                            message_id, date, create_uid, create_date, write_uid, write_date)
                    SELECT 'res.partner', id, 'notification', %(subtype)s, TRUE, '', %(author)s, %(email)s, %(email)s,
                           number, %(now)s, %(uid)s, %(now)s, %(uid)s, %(now)s
                      FROM new RETURNING id, res_id
                )
                INSERT INTO mail_tracking_value
                       (mail_message_id, field_id, old_value_integer, old_value_char, new_value_integer, new_value_char,
                        create_uid, create_date, write_uid, write_date)
                SELECT made.id, %(field)s, new.old, new.old_name, new.new, new.new_name, %(uid)s, %(now)s, %(uid)s,
                       %(now)s
                  FROM made JOIN new ON new.id = made.res_id
                """,
                ids=moved.ids,
                old=[before[partner.id].id or 0 for partner in moved],
                old_names=[names.get(before[partner.id].id, "") for partner in moved],
                new=[after[partner.id].id or 0 for partner in moved],
                new_names=[names.get(after[partner.id].id, "") for partner in moved],
                numbers=[generate_tracking_message_id("discipline") for _partner in moved],
                subtype=self.env["ir.model.data"]._xmlid_to_res_id("mail.mt_note"),
                author=author.id,
                email=author.email_formatted or None,
                field=self.env["ir.model.fields"]._get("res.partner", "user_id").id,
                now=fields.Datetime.now(),
                uid=self.env.uid,
            )
        )
        moved.invalidate_recordset(["message_ids"])

    def _compute_discipline_contact_count(self):
        customers = {partner.id: partner._discipline_customer().id for partner in self}
        counts = dict(
            self.env["discipline.contact"]._read_group(
                [("customer_ref", "in", list(customers.values())), ("voided_at", "=", False)],
                ["customer_ref"],
                ["__count"],
            )
        )
        for partner in self:
            partner.discipline_contact_count = counts.get(customers[partner.id], 0)

    def action_discipline_contacts(self):
        """Open the contacts with the customer, whoever of his people they were made with."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_contact_action")
        action["domain"] = [("customer_ref", "in", self._discipline_customer().ids)]
        action["context"] = {}
        return action

    def action_discipline_assignments(self):
        """Open the customer's history of assignment."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_assignment_action")
        action["domain"] = [("customer_ref", "in", self._discipline_customer().ids)]
        action["context"] = {}
        return action

    def action_discipline_purchases(self):
        """Open the customer's purchases by month."""
        action = self._discipline_history("sales_discipline.discipline_revenue_action")
        # by month first, one by one a click away
        return {**action, "views": [(False, "graph"), (False, "list"), (False, "pivot"), (False, "form")]}

    def action_discipline_class_changes(self):
        """Open the customer's history of classes."""
        return self._discipline_history("sales_discipline.discipline_abc_change_action")

    def _discipline_history(self, xml_id):
        action = self.env["ir.actions.act_window"]._for_xml_id(xml_id)
        action["domain"] = [("partner_id", "in", self._discipline_customer().ids)]
        action["context"] = {"search_default_valid": 1}
        return action
