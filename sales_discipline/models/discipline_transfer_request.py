"""A manager asks for a colleague's customer, or offers one of his own: nobody grabs, there is one door."""

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import SQL
from odoo.tools.misc import format_date

OPEN = ("requested", "agreed")


class DisciplineTransferRequest(models.Model):
    _name = "discipline.transfer.request"
    _inherit = ["mail.thread"]
    _description = "Transfer Request"
    _order = "id desc"
    _rec_name = "partner_id"
    _mail_post_access = "read"

    partner_id = fields.Many2one(
        "res.partner", "Customer", required=True, readonly=True, index=True, ondelete="cascade"
    )
    abc_class_id = fields.Many2one(related="partner_id.discipline_abc_class_id")
    requested_by_id = fields.Many2one(
        "res.users", "Requested by", readonly=True, index="btree_not_null", ondelete="set null"
    )
    user_from_id = fields.Many2one(
        "res.users",
        "Present Manager",
        readonly=True,
        ondelete="set null",
        help="Who answered for the customer when it was requested.",
    )
    user_to_id = fields.Many2one("res.users", "New Manager", readonly=True, ondelete="set null")
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True, ondelete="cascade")
    policy_id = fields.Many2one("discipline.policy", readonly=True, ondelete="restrict")
    reason = fields.Text(required=True, readonly=True, help="The colleague and the supervisor read it.")
    state = fields.Selection(
        [
            ("requested", "Requested"),
            ("agreed", "Agreed"),
            ("applied", "Transferred"),
            ("refused", "Refused"),
            ("withdrawn", "Withdrawn"),
        ],
        default="requested",
        required=True,
        readonly=True,
        index=True,
    )
    answer = fields.Text(help="Why the request was refused, or what was agreed.")
    agreed_at = fields.Datetime("Agreed on", readonly=True)
    decided_by_id = fields.Many2one("res.users", "Decided by", readonly=True, ondelete="set null")
    decided_at = fields.Datetime("Decided on", readonly=True)
    line_id = fields.Many2one("discipline.redistribution.line", "Moved by", readonly=True, ondelete="set null")
    request_count = fields.Integer(
        "Requests in a Year",
        compute="_compute_request_count",
        help="How many customers this manager asked for or offered in the 365 days before this request, with it.",
    )
    can_agree = fields.Boolean(compute="_compute_can")
    can_decide = fields.Boolean(compute="_compute_can")
    can_withdraw = fields.Boolean(compute="_compute_can")
    rules_note = fields.Char(
        "What the Rules Say", compute="_compute_rules_note", help="What protects the customer from changing hands."
    )

    _open_uniq = models.UniqueIndex(
        "(partner_id) WHERE state IN ('requested', 'agreed')",
        "There is an open transfer request about this customer already.",
    )

    @api.constrains("user_from_id", "user_to_id")
    def _check_sides(self):
        for row in self:
            if row.user_from_id == row.user_to_id:
                raise ValidationError(
                    self.env._(
                        "%(manager)s answers for %(customer)s already.",
                        manager=row.user_to_id.name,
                        customer=row.partner_id.display_name,
                    )
                )

    def _compute_request_count(self):
        self.flush_model()
        counts = dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT r.id, count(x.id) FROM discipline_transfer_request r
                      JOIN discipline_transfer_request x
                        ON x.requested_by_id = r.requested_by_id AND x.id <= r.id
                       AND x.create_date > r.create_date - INTERVAL '365 days'
                     WHERE r.id = ANY(%s) GROUP BY r.id
                    """,
                    self.ids,
                )
            )
        )
        for row in self:
            row.request_count = counts.get(row.id, 0)

    @api.depends("state")
    @api.depends_context("uid")
    def _compute_can(self):
        user = self.env.user
        for row in self:
            request = row.sudo()
            row.can_agree = request.state == "requested" and request._other_side() == user
            row.can_decide = request._may_decide(user)
            row.can_withdraw = request.state in OPEN and request.requested_by_id == user

    @api.depends("state")
    @api.depends_context("lang")
    def _compute_rules_note(self):
        labels = dict(
            self.env["discipline.redistribution.line"]._fields["skip_reason"]._description_selection(self.env)
        )
        for row in self:
            why = row.sudo()._spared() if row.state in OPEN else None
            row.rules_note = f"{labels[why]}." if why else False

    def _spared(self):
        """Return what protects the customer from being withdrawn: a key of the lines' ``skip_reason``, or None."""
        self.ensure_one()
        today = self.env["discipline.calendar"]._today(self.company_id)
        spared = self.env["discipline.redistribution"]._spared(
            self.company_id, self.policy_id, today, self.partner_id.ids
        )
        return spared.get(self.partner_id.id)

    def _holder_agreed(self):
        """Tell whether the present manager said yes: he agreed, or offers the customer himself; nobody has a say."""
        self.ensure_one()
        return self.state == "agreed" or not self.user_from_id or self.requested_by_id == self.user_from_id

    def _check_spared(self):
        """Refuse to take a protected customer from his manager without his yes: that would be a withdrawal.

        What the two managers agree upon is none: then an exception, a late deal or the cooldown hinder nobody.

        :raise UserError: naming the customer, what protects him, and what to do
        """
        for row in self:
            if row._holder_agreed():
                continue
            if row._spared():
                raise UserError(
                    self.env._(
                        "%(customer)s is not taken from %(manager)s without his yes: %(why)s Ask him to agree first.",
                        customer=row.partner_id.display_name,
                        manager=row.user_from_id.name,
                        why=row.rules_note,
                    )
                )

    @api.model
    def _check_barred(self, customer, receiver, policy):
        """Refuse a customer to whoever lost him lately for a missed norm: no friendship undoes a withdrawal.

        :raise UserError: naming both
        """
        barred = self.env["discipline.redistribution"].sudo()._barred(policy, customer.ids)
        if receiver.id in barred.get(customer.id, ()):
            raise UserError(
                self.env._(
                    "%(manager)s lost %(customer)s lately: it does not return so soon.",
                    manager=receiver.name,
                    customer=customer.display_name,
                )
            )

    def _other_side(self):
        """Return whoever has to agree: of both managers the one who did not ask; nobody for an orphan."""
        self.ensure_one()
        return (self.user_from_id | self.user_to_id) - self.requested_by_id

    def _may_decide(self, user):
        """Tell whether ``user`` decides about this request as a supervisor, now."""
        self.ensure_one()
        if user in self.user_from_id | self.user_to_id or user == self.requested_by_id:
            return False
        ready = self.state == "agreed" or (
            self.state == "requested" and (self.policy_id.request_approval == "supervisor" or not self.user_from_id)
        )
        return ready and user._discipline_decides_for(self.user_from_id, self.user_to_id)

    # ------------------------------------------------------------------
    # Asking
    # ------------------------------------------------------------------

    @api.model
    def _request(self, customer, receiver, reason):
        """Ask for a colleague's customer, or offer one of one's own, as the present user.

        :param customer: res.partner, a customer of the base or anybody who belongs to him
        :param receiver: res.users who is to answer for him: the present user, or the colleague to whom he is offered
        :param str reason: why, in a person's words
        :return: the request; its other side, or the supervisor, is told
        :raise AccessError: where the user is neither the receiver nor the present manager
        :raise UserError: where the partner is no customer, or nothing would change
        """
        partner = customer._discipline_customer()
        row = partner.sudo().discipline_id
        if not row.in_base:
            raise UserError(self.env._("%(name)s is no customer of the base.", name=partner.display_name))
        if not self.env.user.has_group("sales_team.group_sale_salesman"):
            raise AccessError(self.env._("Only people of the Sales groups ask for customers."))
        user, holder = self.env.user, row.user_id
        if user != receiver and user != holder:
            raise AccessError(
                self.env._(
                    "Ask for %(customer)s for yourself; for others a supervisor redistributes.",
                    customer=partner.display_name,
                )
            )
        if not receiver.active or receiver.share:
            raise UserError(
                self.env._("%(manager)s cannot receive customers: no active account.", manager=receiver.display_name)
            )
        if row.company_id not in receiver.sudo().company_ids:
            raise UserError(
                self.env._(
                    "%(manager)s does not work in %(company)s, whose customer %(customer)s is.",
                    manager=receiver.name,
                    company=row.company_id.name,
                    customer=partner.display_name,
                )
            )
        if self.sudo().search_count([("partner_id", "=", partner.id), ("state", "in", OPEN)], limit=1):
            raise UserError(
                self.env._(
                    "There is an open transfer request about %(customer)s already.", customer=partner.display_name
                )
            )
        self.flush_model(["state"])
        today = self.env["discipline.calendar"]._today(row.company_id)
        policy = self.env["discipline.policy"]._policy_on(row.company_id, today)
        self._check_barred(partner, receiver, policy)
        request = self.sudo().create(
            {
                "partner_id": partner.id,
                "requested_by_id": user.id,
                "user_from_id": holder.id,
                "user_to_id": receiver.id,
                "company_id": row.company_id.id,
                "policy_id": policy.id,
                "reason": reason,
            }
        )
        if request.policy_id.request_approval != "supervisor":
            request._tell(request._other_side(), "asked")
        return request.sudo(False)

    # ------------------------------------------------------------------
    # Answering
    # ------------------------------------------------------------------

    def _expect(self, *states):
        """Refuse requests in other states, and those whose customer changed hands meanwhile.

        :raise UserError: naming the customer and what to do
        """
        labels = dict(self._fields["state"]._description_selection(self.env))
        for row in self.sudo():
            if row.state not in states:
                raise UserError(
                    self.env._(
                        "The request about %(customer)s is in the state “%(state)s”: reload the page to see what was "
                        "done.",
                        customer=row.partner_id.display_name,
                        state=labels[row.state],
                    )
                )
            if row.partner_id.discipline_id.user_id != row.user_from_id:
                raise UserError(
                    self.env._(
                        "%(customer)s changed hands since the request: withdraw or refuse it.",
                        customer=row.partner_id.display_name,
                    )
                )

    def action_agree(self):
        """Agree as the colleague; where the policy says so, the customer moves at once.

        A customer who moved lately does not move again on the managers' word alone: a supervisor decides.

        :raise AccessError: for anyone but the other manager
        """
        for row in self:
            if row.sudo()._other_side() != self.env.user:
                raise AccessError(
                    self.env._(
                        "Whether %(customer)s changes hands is agreed by the other manager.",
                        customer=row.sudo().partner_id.display_name,
                    )
                )
        self._expect("requested")
        self.sudo().write({"state": "agreed", "agreed_at": fields.Datetime.now()})
        for row in self.sudo():
            if row.policy_id.request_approval == "agreement" and row._spared() != "cooldown":
                row._move()
            else:
                row._tell(row.requested_by_id, "agreed")

    def action_approve(self):
        """Approve as a supervisor: the customers move at once, with all that belongs to them.

        :raise AccessError: for whoever asks, gives or receives, or does not decide for both managers
        """
        self._check_may_decide()
        self._expect("requested", "agreed")
        self.sudo()._check_spared()
        self.sudo()._move(self.env.user)

    def action_refuse(self):
        """Refuse, as the colleague or as a supervisor; the reason stands in “Answer”.

        :raise AccessError: for anyone else
        """
        for row in self:
            request = row.sudo()
            if request.state == "requested" and request._other_side() == self.env.user:
                continue
            row._check_may_decide()
        for row in self.sudo():
            if row.state not in OPEN:
                row._expect(*OPEN)
        self.sudo().write({"state": "refused", "decided_by_id": self.env.uid, "decided_at": fields.Datetime.now()})
        for row in self.sudo():
            row._tell(row.requested_by_id, "refused")

    def action_withdraw(self):
        """Take one's own request back.

        :raise AccessError: for anyone but its author
        """
        for row in self.sudo():
            if row.requested_by_id != self.env.user or row.state not in OPEN:
                raise AccessError(
                    self.env._(
                        "Only whoever asked for %(customer)s takes an open request back.",
                        customer=row.partner_id.display_name,
                    )
                )
        self.sudo().write({"state": "withdrawn"})

    def _check_may_decide(self):
        for row in self.sudo():
            if not row._may_decide(self.env.user):
                name = row.partner_id.display_name
                if row.state == "requested" and row.user_from_id:
                    raise AccessError(
                        self.env._("The request about %(customer)s waits for the other manager's yes.", customer=name)
                    )
                raise AccessError(
                    self.env._(
                        "The request about %(customer)s is decided by a supervisor of both managers who neither gives "
                        "nor receives, or by a Sales administrator.",
                        customer=name,
                    )
                )

    def write(self, vals):
        if not self.env.su:
            if set(vals) - {"answer"}:
                raise AccessError(self.env._("A transfer request is answered with its buttons."))
            for row in self:
                if not (row.can_agree or row.can_decide):
                    raise AccessError(
                        self.env._(
                            "The answer about %(customer)s is written by whoever decides.",
                            customer=row.sudo().partner_id.display_name,
                        )
                    )
        return super().write(vals)

    def _move(self, supervisor=None):
        """Let the customers change hands through the one door; the managers are told once."""
        Batch = self.env["discipline.redistribution"]
        for row in self:
            self._check_barred(row.partner_id, row.user_to_id, row.policy_id)
            row.company_id._discipline_expect_live()
            batch = Batch._propose(
                row.company_id, "request", row.partner_id, reason=row.reason, receiver=row.user_to_id, quiet=True
            )
            line = batch.line_ids.filtered(lambda line: line.state == "proposed")
            if not line:
                raise UserError(
                    self.env._(
                        "%(customer)s is in another open redistribution: decide that one first.",
                        customer=row.partner_id.display_name,
                    )
                )
            decider = supervisor or row._other_side()
            line.write({"state": "approved", "decided_by_id": decider.id})
            batch.approved_by_id = decider
            batch._apply(line)
            if line.state != "applied":
                raise UserError(
                    self.env._(
                        "%(customer)s could not be moved: %(why)s",
                        customer=row.partner_id.display_name,
                        why=line.error or line.explanation,
                    )
                )
            row.write(
                {
                    "state": "applied",
                    "line_id": line.id,
                    "decided_by_id": decider.id,
                    "decided_at": fields.Datetime.now(),
                }
            )

    # ------------------------------------------------------------------
    # Telling
    # ------------------------------------------------------------------

    def _tell(self, user, event):
        """Send a short message to one manager in his language.

        :param str event: ``asked``, ``agreed`` or ``refused``
        """
        self.ensure_one()
        if not user or not user.active:
            return
        row = self.with_context(lang=user.lang or self.env.lang)
        env, name = row.env, row.partner_id.display_name
        subject = {
            "asked": env._(
                "%(manager)s asks for your yes: %(customer)s", manager=row.requested_by_id.name, customer=name
            ),
            "agreed": env._("Agreed, a supervisor decides: %(customer)s", customer=name),
            "refused": env._("Refused: %(customer)s", customer=name),
        }[event]
        body = env._(
            "From %(giver)s to %(receiver)s, %(day)s. %(reason)s",
            giver=row.user_from_id.name or env._("nobody"),
            receiver=row.user_to_id.name,
            day=format_date(env, row.create_date),
            reason=row.answer if event == "refused" and row.answer else row.reason,
        )
        row.message_notify(
            partner_ids=user.partner_id.ids,
            subject=subject,
            body=body,
            email_layout_xmlid="mail.mail_notification_light",
        )

    def action_open_partner(self):
        """Open the customer's card."""
        return {
            "type": "ir.actions.act_window",
            "res_model": "res.partner",
            "res_id": self.partner_id.id,
            "view_mode": "form",
        }


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    @api.model
    def _discipline_make_way(self, source_ids, target_id):
        """One open request about a customer: that about the remaining one stays, else the oldest."""
        super()._discipline_make_way(source_ids, target_id)
        requests = (
            self.env["discipline.transfer.request"]
            .sudo()
            .search([("partner_id", "in", [*source_ids, target_id]), ("state", "in", OPEN)], order="id")
        )
        kept = (requests.filtered(lambda request: request.partner_id.id == target_id) or requests)[:1]
        answer = self.env._("The customer was merged with another one, about whom a request is open already.")
        (requests - kept).write({"state": "withdrawn", "answer": answer})
