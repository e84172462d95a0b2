from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools.misc import format_date

from ..models.discipline_contact import NOTE_LIMIT, TOLERANCE


class DisciplineContactLog(models.TransientModel):
    """The dialog in which a manager logs a contact, and sees at once whether it will count."""

    _name = "discipline.contact.log"
    _description = "Log a Contact"

    partner_ids = fields.Many2many("res.partner", string="Customers", required=True)
    partner_id = fields.Many2one("res.partner", compute="_compute_partner_id")
    person_id = fields.Many2one(
        "res.partner", domain="[('commercial_partner_id', '=', partner_id)]", help="Whom you talked to."
    )
    lead_id = fields.Many2one(
        "crm.lead", "Opportunity", domain="[('partner_id.commercial_partner_id', '=', partner_id)]"
    )
    user_id = fields.Many2one(
        "res.users", "Made by", default=lambda self: self.env.user, required=True, domain="[('share', '=', False)]"
    )
    channel_id = fields.Many2one(
        "discipline.channel",
        required=True,
        default=lambda self: self.env["discipline.channel"].search([], limit=1),
    )
    outcome_id = fields.Many2one(
        "discipline.outcome",
        required=True,
        compute="_compute_outcome_id",
        store=True,
        readonly=False,
        precompute=True,
    )
    direction = fields.Selection([("out", "Outgoing"), ("in", "Incoming")], default="out", required=True)
    date = fields.Datetime("When", default=fields.Datetime.now, required=True)
    duration = fields.Float("Duration, Minutes")
    note = fields.Text()
    next_date = fields.Date(
        "Next Contact on",
        compute="_compute_next_date",
        store=True,
        readonly=False,
        precompute=True,
        help="The least-loaded working day of the customer's next window; an activity is planned for the manager.",
    )
    next_type_id = fields.Many2one(
        "mail.activity.type",
        "By",
        domain="[('discipline_channel_id', '!=', False), ('res_model', 'in', (False, 'res.partner'))]",
        default=lambda self: self.env["discipline.planning"]._contact_type(),
    )
    next_summary = fields.Char("Next Step")
    suggested_date = fields.Date(compute="_compute_suggested")
    next_hint = fields.Char(compute="_compute_suggested")
    no_next_reason = fields.Char(
        "Why None", help="Why no further contact is planned: it is kept with the customer, and the supervisor sees it."
    )
    preview = fields.Char(compute="_compute_preview")
    preview_counts = fields.Boolean(compute="_compute_preview")
    standing = fields.Char(compute="_compute_standing", string="This Period")
    last_note = fields.Text("Last Talk", compute="_compute_standing")

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        context = self.env.context
        model, ids = context.get("active_model"), context.get("active_ids") or []
        if "partner_ids" in fields and not values.get("partner_ids") and model in self._sources() and ids:
            records = self.env[model].browse(ids)
            partners = self._sources()[model](records)
            if not partners:
                raise UserError(
                    self.env._(
                        "There is no customer behind this record: set a customer on it first, then log the contact."
                    )
                )
            if len(records) == 1 and len(partners) == 1 and not partners.is_company and partners.parent_id:
                values["person_id"] = partners.id
            values["partner_ids"] = [Command.set(partners._discipline_customer().ids)]
            if model == "crm.lead" and len(records) == 1:
                values["lead_id"] = records.id
        return values

    def _sources(self):
        """Return {model: function from its records to partners} of the records from which a contact can be logged."""
        return {
            "res.partner": lambda records: records,
            "crm.lead": lambda records: records.partner_id,
            "discipline.customer": lambda records: records.partner_id,
            "discipline.compliance": lambda records: records.partner_id,
        }

    @api.depends("partner_ids")
    def _compute_partner_id(self):
        for dialog in self:
            dialog.partner_id = dialog.partner_ids if len(dialog.partner_ids) == 1 else False

    @api.depends("channel_id")
    def _compute_outcome_id(self):
        for dialog in self:
            dialog.outcome_id = dialog.channel_id.outcome_id or dialog.outcome_id

    @api.depends("partner_ids", "channel_id", "outcome_id", "date", "user_id")
    @api.depends_context("lang")
    def _compute_preview(self):
        for dialog in self:
            dialog.preview = False
            dialog.preview_counts = False
            customer = dialog.partner_ids._origin
            if len(customer) != 1 or not (dialog.channel_id and dialog.date and dialog.user_id):
                continue
            if dialog.date > fields.Datetime.now() + TOLERANCE:
                dialog.preview = self.env._("In the future: log it when it has taken place.")
                continue
            dialog.preview_counts, dialog.preview = self.env["discipline.contact"]._preview_sentence(
                customer._discipline_customer(),
                dialog.user_id._origin,
                dialog.date,
                dialog.channel_id._origin,
                dialog.outcome_id._origin,
            )

    @api.depends("partner_ids")
    @api.depends_context("lang")
    def _compute_suggested(self):
        """Ask once for the day of the next contact; several customers are planned one by one when it is logged."""
        for dialog in self:
            customer = dialog.partner_ids._origin
            dialog.suggested_date = dialog.next_hint = False
            if len(customer) != 1:
                continue
            day, planned, capacity = self.env["discipline.planning"]._suggest(customer._discipline_customer())
            if day:
                dialog.suggested_date = day
                dialog.next_hint = self.env._(
                    "Proposed: %(planned)s of %(capacity)s contacts planned that day.",
                    planned=planned,
                    capacity=capacity,
                )

    @api.depends("suggested_date")
    def _compute_next_date(self):
        for dialog in self:
            dialog.next_date = dialog.next_date or dialog.suggested_date

    @api.depends("partner_ids")
    @api.depends_context("lang")
    def _compute_standing(self):
        for dialog in self:
            customer = dialog.partner_ids._origin
            dialog.standing = dialog.last_note = False
            if len(customer) != 1:
                continue
            row = customer._discipline_customer().discipline_id
            if row.goal:
                dialog.standing = self.env._("%(attained)s of %(goal)s contacts", attained=row.attained, goal=row.goal)
            last = self.env["discipline.contact"].search(
                [("partner_id", "=", row.partner_id.id), ("voided_at", "=", False), ("note", "!=", False)], limit=1
            )
            if last:
                dialog.last_note = f"{format_date(self.env, last.day)}, {last.user_id.name}: {last.note[:500]}"

    def action_log(self):
        """Log the contact with each of the customers, plan the next one, and say what came of it."""
        self.ensure_one()
        if self.user_id != self.env.user and not self.env.user._discipline_is_supervisor():
            raise UserError(self.env._("You log your own contacts; a supervisor logs those of others."))
        if len(self.note or "") > NOTE_LIMIT:
            raise UserError(
                self.env._(
                    "The note has %(count)s characters; a contact keeps %(limit)s. Shorten it, or attach the text to "
                    "the customer: nothing was logged, and nothing is lost.",
                    count=len(self.note),
                    limit=NOTE_LIMIT,
                )
            )
        proposed = self.suggested_date
        customers = self.partner_ids._discipline_customer()
        self.env["mail.activity"]._discipline_finish_planned(customers, self.user_id, self.note)
        person = self.person_id if len(self.partner_ids) == 1 else self.person_id.browse()
        contacts = (
            self.env["discipline.contact"]
            .sudo()
            ._log(
                [
                    {
                        "partner_id": (person or partner).id,
                        "user_id": self.user_id.id,
                        "date": self.date,
                        "channel_id": self.channel_id.id,
                        "outcome_id": self.outcome_id.id,
                        "direction": self.direction,
                        "duration": self.duration,
                        "note": self.note,
                        "lead_id": self.lead_id.id if len(self.partner_ids) == 1 else None,
                        "source": "manual",
                    }
                    for partner in self.partner_ids
                ]
            )
        )
        self._plan_next(customers, proposed)
        return self._tell(contacts)

    def _why_none(self):
        """Return why no further contact is planned (a hook for other reasons)."""
        return (self.no_next_reason or "").strip()

    def _plan_next(self, customers, proposed):
        """Plan the next contact as an activity of whoever will make it; without a day the program's plan stands.

        :param customers: res.partner
        :param proposed: the day that the program proposed for one customer, or False
        :raise UserError: where one customer has a norm and nothing else planned, and neither a day nor a reason
            is given
        """
        if not self.next_date:
            row = customers.discipline_id if len(customers) == 1 else customers.discipline_id.browse()
            if self._why_none() and row:
                row._plan_none(self._why_none())
            elif row.next_planned:
                raise UserError(
                    self.env._(
                        "Choose the day of the next contact with %(customer)s, or say why there will be none.",
                        customer=customers.display_name,
                    )
                )
            return
        if not self.next_type_id:
            raise UserError(self.env._("Choose how the next contact will be made."))
        planning = self.env["discipline.planning"].sudo()
        for customer in customers:
            target = self.lead_id if self.lead_id and len(customers) == 1 else customer
            doer, absence = planning._doer(customer, self.next_date)
            target.activity_schedule(
                date_deadline=self.next_date,
                activity_type_id=self.next_type_id.id,
                summary=self.next_summary or False,
                user_id=(doer or self.env.user).id,
                automated=False,
                # a day that nobody changed is the program's own: it goes when the contact is made earlier
                discipline_planned=target == customer and self.next_date == proposed and not self.next_summary,
                discipline_absence_id=absence.id,
            )

    def _tell(self, contacts):
        """Return the notification that says whether the contacts counted and where the customer stands now."""
        labels = dict(self.env["discipline.contact"]._fields["rejected_reason"]._description_selection(self.env))
        counted = contacts.filtered("counted")
        if len(contacts) == 1:
            row = contacts.partner_id.discipline_id
            if counted and row.goal:
                text = self.env._(
                    "Counted: %(attained)s of %(goal)s contacts this period.", attained=row.attained, goal=row.goal
                )
            elif counted:
                text = self.env._("Counted.")
            else:
                text = self.env._("Not counted: %(reason)s.", reason=labels[contacts.rejected_reason].lower())
        else:
            text = self.env._("%(counted)s of %(total)s contacts counted.", counted=len(counted), total=len(contacts))
        stage_move = self.env.context.get("discipline_stage_move")
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "title": self.env._("Contact logged"),
                "message": text,
                "type": "success" if len(counted) == len(contacts) else "warning",
                # whoever came from a deal that may not move yet goes back to it
                "next": self.env["discipline.stage.move"]._again(*stage_move)
                if stage_move
                else {"type": "ir.actions.act_window_close"},
            },
        }
