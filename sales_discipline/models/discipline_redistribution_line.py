from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from .discipline_redistribution import NAMED

#: a line in these states holds its customer: no other redistribution may take him
OPEN_LINES = ("proposed", "approved")


class DisciplineRedistributionLine(models.Model):
    """One customer of a redistribution: from whom, to whom, and why. The ledger that every manager may read."""

    _name = "discipline.redistribution.line"
    _description = "Customer in a Redistribution"
    _order = "redistribution_id desc, id"
    _rec_name = "partner_id"

    redistribution_id = fields.Many2one(
        "discipline.redistribution", required=True, readonly=True, index=True, ondelete="cascade"
    )
    # as the batch's: stored here it would be one more reference to check for each of a hundred thousand lines
    company_id = fields.Many2one(related="redistribution_id.company_id")
    cause = fields.Selection(related="redistribution_id.cause")
    batch_state = fields.Selection(related="redistribution_id.state", string="State of the Redistribution")
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, index=True, ondelete="set null")
    customer_ref = fields.Integer("Customer No.", readonly=True, required=True)
    customer_name = fields.Char(compute="_compute_customer_name")
    user_from_id = fields.Many2one(
        "res.users", "Losing Manager", readonly=True, index="btree_not_null", ondelete="set null"
    )
    from_ref = fields.Integer("Losing Manager No.", readonly=True)
    user_to_id = fields.Many2one("res.users", "Receiver", readonly=True, index="btree_not_null", ondelete="set null")
    abc_class_id = fields.Many2one("discipline.abc.class", "ABC Class", readonly=True, ondelete="set null")
    load = fields.Integer(readonly=True, help="Contacts a month that the customer's norm asks for.")
    room = fields.Integer(
        readonly=True,
        aggregator=None,
        help="Free capacity of the receiver before this redistribution, in norm contacts a month.",
    )
    attainment = fields.Integer(
        "Receiver's Norms Met, %", readonly=True, aggregator=None, help="Of the receiver, in his last closed period."
    )
    customers = fields.Integer(
        "Receiver's Customers", readonly=True, aggregator=None, help="How many the receiver had before."
    )
    # by its number: a verdict of a closed period stays, and to check that for each line costs as much as to write it
    verdict_ref = fields.Integer("Verdict No.", readonly=True, index="btree_not_null")
    verdict_id = fields.Many2one("discipline.compliance", compute="_compute_verdict_id")
    basis = fields.Char(readonly=True, help="Ids of the verdicts that decide, the newest first.")
    state = fields.Selection(
        [
            ("proposed", "Proposed"),
            ("waived", "Stays as It Is"),
            ("approved", "Approved"),
            ("applied", "Applied"),
            ("skipped", "Skipped"),
            ("reverted", "Reverted"),
            ("cancelled", "Cancelled"),
        ],
        default="proposed",
        required=True,
        readonly=True,
        index=True,
    )
    skip_reason = fields.Selection(
        [
            ("no_receiver", "Nobody may receive it"),
            ("intake", "Every receiver has got as many as he may"),
            ("no_capacity", "Nobody has room for it"),
            ("changed", "It changed hands meanwhile"),
            ("archived", "Its new manager's account is archived"),
            ("same", "It is the receiver's already"),
            ("protected", "An exception protects it"),
            ("deal", "An open deal in a late stage protects it"),
            ("cooldown", "It moved lately"),
            ("error", "It could not be moved"),
        ],
        readonly=True,
    )
    error = fields.Text(readonly=True, help="What went wrong, in the program's words.")
    edited_by_id = fields.Many2one("res.users", "Receiver Chosen by", readonly=True, ondelete="set null")
    decided_by_id = fields.Many2one("res.users", "Decided by", readonly=True, ondelete="set null")
    job_id = fields.Many2one(
        "discipline.job",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="The long work that carries it out in the background.",
    )
    applied_on = fields.Date(readonly=True)
    undo = fields.Json(readonly=True, groups="base.group_no_one", help="What moved along, so that it can go back.")
    appeal_ids = fields.One2many("discipline.appeal", "line_id", "Appeals", readonly=True)
    appeal_state = fields.Selection(
        [("open", "Undecided"), ("granted", "Granted"), ("refused", "Refused")], "Appeal", compute="_compute_appeal"
    )
    is_waiting = fields.Boolean("Waits for an Appeal", compute="_compute_appeal")
    can_appeal = fields.Boolean(compute="_compute_can_appeal")
    can_decide = fields.Boolean(compute="_compute_can_decide")
    explanation = fields.Text("Why", compute="_compute_explanation")

    # invariant: no customer is in two open redistributions, whoever writes and however many at once
    _open_uniq = models.UniqueIndex(
        "(customer_ref) WHERE state IN ('proposed', 'approved')",
        "One of these customers is in another open redistribution: decide that one first.",
    )
    _applied_idx = models.Index("(customer_ref, applied_on) WHERE state = 'applied'")

    @api.depends("partner_id")
    def _compute_customer_name(self):
        for line in self:
            line.customer_name = line.partner_id.sudo().name or self.env._(
                "customer no. %(number)s", number=line.customer_ref
            )

    @api.depends("verdict_ref")
    def _compute_verdict_id(self):
        verdicts = self.env["discipline.compliance"].browse(filter(None, self.mapped("verdict_ref"))).exists()
        known = set(verdicts.ids)
        for line in self:
            line.verdict_id = line.verdict_ref if line.verdict_ref in known else False

    @api.depends("appeal_ids.state")
    def _compute_appeal(self):
        for line in self:
            line.appeal_state = line.sudo().appeal_ids[:1].state
            line.is_waiting = line.appeal_state == "open"

    def _compute_can_appeal(self):
        for line in self:
            line.can_appeal = not self.env["discipline.appeal"]._why_not(line)

    def _compute_can_decide(self):
        may = self._may_decide()
        for line in self:
            line.can_decide = line in may

    # ------------------------------------------------------------------
    # Who decides
    # ------------------------------------------------------------------

    def _may_decide(self):
        """Return the lines that the user may decide: none in which he gives or receives, and none across teams
        unless he is a Sales administrator."""
        if self.env.su:
            return self
        user = self.env.user
        if not user._discipline_is_supervisor():
            return self.browse()
        may = set()
        for giver, receiver, ids in self.sudo()._read_group(
            [("id", "in", self.ids)], ["user_from_id", "user_to_id"], ["id:array_agg"]
        ):
            if self._decides_about(user, giver, receiver):
                may.update(ids)
        return self.browse(line for line in self.ids if line in may)

    @api.model
    def _decides_about(self, user, giver, receiver):
        """Tell whether ``user`` decides about customers that move between these two (empty: nobody)."""
        return user not in giver | receiver and user._discipline_decides_for(giver, receiver)

    def _check_may_decide(self, any_of_them=False):
        """Refuse lines that the user may not decide.

        :param bool any_of_them: refuse only if he may decide none of them
        :return: the lines that he may decide
        :raise AccessError: naming the customer, and who decides
        """
        may = self._may_decide()
        if may == self or (any_of_them and may):
            return may
        line = (self - may)[:1]
        if self.env.user in line.sudo().user_from_id | line.sudo().user_to_id:
            raise AccessError(
                self.env._(
                    "You give or receive %(customer)s yourself: somebody else decides about it.",
                    customer=line.customer_name,
                )
            )
        if self.env.user._discipline_is_supervisor():
            raise AccessError(
                self.env._(
                    "%(customer)s is not moved within a team that you lead: a Sales administrator decides.",
                    customer=line.customer_name,
                )
            )
        raise AccessError(self.env._("Redistributions are decided by supervisors."))

    def _expect(self, *states):
        """Refuse lines in other states, and batches on which somebody else is working.

        :raise UserError: naming the customer and its state
        """
        self.redistribution_id._expect("draft", "proposed", "approved", "applied")
        labels = dict(self._fields["state"]._description_selection(self.env))
        for line in self:
            if line.state not in states:
                raise UserError(
                    self.env._(
                        "%(customer)s is in the state “%(state)s”: reload the page to see what was done.",
                        customer=line.customer_name,
                        state=labels[line.state],
                    )
                )

    def action_waive(self):
        """Leave these customers as they are: with their present managers, or without one."""
        self._check_may_decide()
        self._expect(*OPEN_LINES)
        self.sudo().write({"state": "waived", "decided_by_id": self.env.uid})
        self.env["discipline.appeal"].sudo().search([("line_id", "in", self.ids), ("state", "=", "open")])._decided(
            "granted"
        )
        self._settle_batches()

    def action_approve(self):
        """Approve these lines; those that changed hands meanwhile, or are protected by now, are skipped and named."""
        self._check_may_decide()
        self._expect("proposed")
        self.redistribution_id._expect("proposed", "approved")
        self.redistribution_id._expect_live()
        if self.filtered("is_waiting"):
            raise UserError(
                self.env._(
                    "%(customer)s waits for the decision on an appeal.",
                    customer=self.filtered("is_waiting")[:1].customer_name,
                )
            )
        skipped = self.sudo()._skip_hindered()
        (self - skipped).sudo().write({"state": "approved", "decided_by_id": self.env.uid})
        self._settle_batches()
        if skipped:
            return self.redistribution_id[:1]._notification("", self.redistribution_id._named_changed(skipped))
        return None

    def action_revert(self):
        """Give these customers back, where nothing changed since."""
        self._check_may_decide()
        self._expect("applied")
        self.redistribution_id._expect_live()
        return self.redistribution_id._revert(self)

    def action_edit_receiver(self):
        """Open the choice of another receiver."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Choose the Receiver"),
            "res_model": "discipline.redistribution.receiver",
            "view_mode": "form",
            "target": "new",
            "context": {"default_line_ids": [fields.Command.set(self.ids)]},
        }

    def action_appeal(self):
        """Open an appeal against this line."""
        self.ensure_one()
        self.env["discipline.appeal"]._check_may_appeal(self)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Appeal"),
            "res_model": "discipline.appeal",
            "view_mode": "form",
            "views": [(self.env.ref("sales_discipline.discipline_appeal_view_form_new").id, "form")],
            "target": "new",
            "context": {"default_line_id": self.id},
        }

    def action_open_partner(self):
        """Open the customer's card."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "res.partner",
            "res_id": self.partner_id.id,
            "view_mode": "form",
        }

    def _settle_batches(self):
        self.sudo().redistribution_id.filtered(lambda batch: batch.state != "draft")._settle()

    # ------------------------------------------------------------------
    # Very many lines
    # ------------------------------------------------------------------

    def _in_state(self, state):
        """Return those of these lines that are in ``state``; none is read."""
        return self.search([("id", "in", self.ids), ("state", "=", state)], order="id")

    def _of_batch(self, batch):
        """Return those of these lines that belong to ``batch``; none is read."""
        return self.search([("id", "in", self.ids), ("redistribution_id", "=", batch.id)], order="id")

    def _set_state(self, state, **values):
        self._set_values(state=state, **values)

    def _set_values(self, **values):
        """Write the same values into these lines in one statement: a batch may have a hundred thousand of them."""
        if not self:
            return
        self.flush_model()
        self.env.cr.execute(
            SQL(
                "UPDATE discipline_redistribution_line SET %s, write_uid = %s, write_date = now() AT TIME ZONE 'UTC' "
                "WHERE id = ANY(%s)",
                SQL(", ").join(SQL("%s = %s", SQL.identifier(name), value) for name, value in values.items()),
                self.env.uid,
                self.ids,
            )
        )
        self._invalidate_written()

    @api.model
    def _invalidate_written(self):
        """Forget what is cached of lines that were written past the ORM, and what is counted of them."""
        self.invalidate_model()
        for name in ("", ".manager"):
            self.env[f"discipline.redistribution{name}"].invalidate_model()

    def _by_manager(self, batch):
        """Return {user id: {"given" or "received": (number of these lines, ids of the first of them)}}.

        :param batch: only its lines are looked at
        """
        self.flush_model()
        found = {}
        for user, side, count, ids in self.env.execute_query(
            SQL(
                """
                SELECT s.user_id, s.side, count(*), (array_agg(l.id ORDER BY l.id))[:%(named)s]
                  FROM discipline_redistribution_line l
            CROSS JOIN LATERAL (VALUES (l.user_from_id, 'given'), (l.user_to_id, 'received')) AS s(user_id, side)
                 WHERE l.id = ANY(%(ids)s) AND l.redistribution_id = %(batch)s AND s.user_id IS NOT NULL
              GROUP BY s.user_id, s.side
                """,
                named=NAMED,
                ids=self.ids,
                batch=batch.id,
            )
        ):
            found.setdefault(user, {})[side] = (count, ids)
        return found

    # ------------------------------------------------------------------
    # Another receiver
    # ------------------------------------------------------------------

    def _set_receiver(self, user):
        """Let another manager receive these customers.

        :param user: res.users
        :raise UserError: where a hard rule forbids it, naming the customer
        :raise AccessError: for whoever may not decide about both managers
        """
        self._check_may_decide()
        self._expect("proposed", "approved", "skipped")
        self._check_receiver(user)
        self._check_unprotected()
        batch = self.redistribution_id[:1].sudo()
        today = self.env["discipline.calendar"]._today(batch.company_id)
        figures = batch._manager_figures(batch.company_id, today, batch.period_id)
        row = figures.get(user.id) or batch._no_figures()
        self.sudo().write(
            {
                "user_to_id": user.id,
                "state": "proposed",
                "skip_reason": False,
                "room": row["capacity"] - row["load"],
                "attainment": row["attainment"] or 0,
                "customers": row["customers"],
                "edited_by_id": self.env.uid,
            }
        )
        if user not in batch.manager_ids.user_id:
            batch._insert_managers({user.id: row}, {user.id})
        # the new receiver's deciding rules are those of the new pair
        self._check_may_decide()
        self._settle_batches()

    def _check_receiver(self, user):
        """Refuse a receiver whom a hard rule forbids.

        :raise UserError: naming the customer and the rule
        """
        if not user.active or user.share:
            raise UserError(
                self.env._("%(manager)s cannot receive customers: no active account.", manager=user.display_name)
            )
        if user == self.env.user and not self.env.su:
            raise AccessError(self.env._("Nobody gives customers to himself: somebody else decides about them."))
        for line in self.sudo():
            if line.company_id not in user.sudo().company_ids:
                raise UserError(
                    self.env._(
                        "%(manager)s does not work in %(company)s, whose customer %(customer)s is.",
                        manager=user.name,
                        company=line.company_id.name,
                        customer=line.customer_name,
                    )
                )
            if user == line.user_from_id:
                raise UserError(
                    self.env._(
                        "%(customer)s is withdrawn from %(manager)s: keep it there with “Waive” instead.",
                        customer=line.customer_name,
                        manager=user.name,
                    )
                )
            if user.id in line.redistribution_id._barred(line.redistribution_id.policy_id, [line.customer_ref]).get(
                line.customer_ref, ()
            ):
                raise UserError(
                    self.env._(
                        "%(manager)s lost %(customer)s lately: it does not return so soon.",
                        manager=user.name,
                        customer=line.customer_name,
                    )
                )

    def _receiver_warnings(self, user):
        """Return sentences about what the policy would not choose, but a supervisor may."""
        batch = self.redistribution_id[:1].sudo()
        today = self.env["discipline.calendar"]._today(batch.company_id)
        row = batch._manager_figures(batch.company_id, today, batch.period_id).get(user.id) or batch._no_figures()
        load = sum(line.load for line in self if line.user_to_id != user)
        rules, found = batch.policy_id, []
        if row["absent"]:
            found.append(self.env._("%(manager)s is absent today.", manager=user.name))
        if load + row["load"] > row["capacity"]:
            found.append(
                self.env._(
                    "%(manager)s would have %(load)s contacts a month and can make %(capacity)s.",
                    manager=user.name,
                    load=load + row["load"],
                    capacity=row["capacity"],
                )
            )
        if rules.intake_cap and row["received"] + len(self) > rules.intake_cap:
            found.append(
                self.env._(
                    "%(manager)s would receive more than %(cap)s customers this month.",
                    manager=user.name,
                    cap=rules.intake_cap,
                )
            )
        if batch.cause == "missed":
            if not row["takes_more"]:
                found.append(self.env._("%(manager)s has not said that he takes more customers.", manager=user.name))
            if (row["attainment"] or 0) < rules.receiver_attainment:
                found.append(
                    self.env._(
                        "%(manager)s met %(share)s %% of his norms, the policy asks for %(least)s %%.",
                        manager=user.name,
                        share=row["attainment"] or 0,
                        least=rules.receiver_attainment,
                    )
                )
        return found

    # ------------------------------------------------------------------
    # Why, in words
    # ------------------------------------------------------------------

    @api.depends("basis", "user_to_id", "room", "skip_reason", "edited_by_id", "redistribution_id.reason")
    @api.depends_context("lang")
    def _compute_explanation(self):
        """Render each line's sentence in the reader's language; the number of queries is independent of the lines.

        The verdicts' figures are read for everyone: the ledger is open, only notes stay private.
        """
        lines = self.sudo()
        bases = {line.id: [int(part) for part in (line.basis or "").split(",") if part] for line in lines}
        verdicts = (
            self.env["discipline.compliance"].sudo().browse(sorted({vid for ids in bases.values() for vid in ids}))
        )
        known = {verdict.id: verdict for verdict in verdicts.exists()}
        skipped = dict(self._fields["skip_reason"]._description_selection(self.env))
        for record, line in zip(self, lines, strict=True):
            parts = [line._why([known[vid] for vid in bases[line.id] if vid in known])]
            if line.skip_reason:
                parts.append(self.env._("%(reason)s.", reason=skipped[line.skip_reason]))
                if line.error:
                    parts.append(line.error)
            elif line.user_to_id:
                parts.append(line._why_this_receiver())
            record.explanation = " ".join(part for part in parts if part)

    def _why(self, verdicts):
        """Return why the customer changes hands (a hook for other causes)."""
        batch = self.redistribution_id
        if batch.cause == "missed":
            return " ".join(verdict._sentence() for verdict in verdicts)
        if batch.reason:
            return self.env._("%(reason)s.", reason=batch.reason.rstrip(". "))
        if batch.cause == "unreachable":
            return self.env._(
                "%(manager)s could not reach this customer in two periods in a row: somebody else looks for another "
                "contact person.",
                manager=self.user_from_id.name or "",
            )
        if batch.cause == "orphan":
            return self.env._("Nobody is responsible for this customer.")
        if batch.cause == "departure":
            return self.env._("%(manager)s leaves.", manager=self.user_from_id.name or "")
        if batch.cause == "unfilled":
            return self.env._("The card was not filled in.")
        if batch.cause == "overload":
            return self.env._(
                "%(manager)s has more customers than he can manage.", manager=self.user_from_id.name or ""
            )
        return self.env._("Chosen by a supervisor.")

    def _why_this_receiver(self):
        receiver = self.user_to_id.name
        if self.edited_by_id:
            return self.env._(
                "%(receiver)s: chosen by %(supervisor)s.", receiver=receiver, supervisor=self.edited_by_id.name
            )
        if self.cause == "request":
            return self.env._("%(receiver)s: as agreed.", receiver=receiver)
        if self.cause == "missed":
            return self.env._(
                "%(receiver)s: %(attainment)s %% of norms met, room for %(room)s.",
                receiver=receiver,
                attainment=self.attainment,
                room=self.room,
            )
        return self.env._(
            "%(receiver)s: customers: %(customers)s, room for %(room)s.",
            receiver=receiver,
            customers=self.customers,
            room=self.room,
        )


class DisciplineCompliance(models.Model):
    _inherit = "discipline.compliance"

    def _sentence(self):
        """Return a closed verdict as one sentence, from its own evidence, without a query per verdict."""
        self.ensure_one()
        period = self.period_id
        when = period._in_a_sentence()
        text = self.env._(
            "%(attained)s of %(goal)s contacts in %(period)s", attained=self.attained, goal=self.goal, period=when
        )
        reasons = {}
        for row in (self.evidence or {}).get("contacts") or ():
            if not row[2] and row[3]:
                reasons[row[3]] = reasons.get(row[3], 0) + 1
        if reasons:
            text += "; " + self._not_counted(reasons)
        return text + "."
