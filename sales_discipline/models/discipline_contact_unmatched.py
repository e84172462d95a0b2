"""Calls from numbers that belong to no customer, or to several: kept until a person says whose they are."""

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from .discipline_contact import COLUMNS as CONTACT_COLUMNS
from .sets import array, unnested

#: columns of a new row and their PostgreSQL types: a number, and what a contact has, too
COLUMNS = {
    "phone": "varchar",
    "phone_sanitized": "varchar",
    **{
        name: CONTACT_COLUMNS[name]
        for name in (
            "user_id", "doer_ref", "logged_by_id", "logged_at", "company_id", "date", "channel_id", "direction",
            "outcome_id", "note", "duration", "lead_id", "source_ref",
        )
    },
}  # fmt: skip


class DisciplineContactUnmatched(models.Model):
    """A call that telephony has told of, without a customer behind its number.

    Assigning it logs the contact with its own time and source number; dismissing it voids it, with a reason.
    """

    _name = "discipline.contact.unmatched"
    _inherit = "discipline.ledger"
    _description = "Call without a Customer"
    _order = "date desc, id desc"
    _rec_name = "phone"

    phone = fields.Char("Phone Number", readonly=True, required=True)
    phone_sanitized = fields.Char("Normalised Number", readonly=True, index="btree_not_null")
    user_id = fields.Many2one("res.users", "Made by", readonly=True, ondelete="set null")
    doer_ref = fields.Integer("Doer No.", readonly=True, required=True)
    logged_by_id = fields.Many2one("res.users", "Logged by", readonly=True, ondelete="set null")
    logged_at = fields.Datetime("Logged on", readonly=True, required=True)
    company_id = fields.Many2one("res.company", readonly=True, ondelete="set null", index=True)
    date = fields.Datetime("When", readonly=True, required=True, index=True)
    channel_id = fields.Many2one("discipline.channel", readonly=True, ondelete="set null")
    direction = fields.Selection([("out", "Outgoing"), ("in", "Incoming")], readonly=True, default="out")
    outcome_id = fields.Many2one("discipline.outcome", readonly=True, ondelete="set null")
    note = fields.Text(readonly=True)
    duration = fields.Float("Duration, Minutes", readonly=True)
    lead_id = fields.Many2one("crm.lead", "Opportunity", readonly=True, ondelete="set null", index="btree_not_null")
    source_ref = fields.Char("Source No.", readonly=True, required=True, copy=False)
    contact_id = fields.Many2one(
        "discipline.contact", "Logged as", readonly=True, ondelete="set null", index="btree_not_null"
    )
    state = fields.Selection(
        [("waiting", "Waiting"), ("assigned", "Assigned"), ("dismissed", "Not a Customer")],
        readonly=True,
        required=True,
        default="waiting",
        index=True,
    )
    assigned_by_id = fields.Many2one("res.users", "Assigned by", readonly=True, ondelete="set null")
    assigned_at = fields.Datetime("Assigned on", readonly=True)
    customer_ids = fields.Many2many(
        "res.partner",
        string="Whose It May Be",
        compute="_compute_customer_ids",
        help="Several customers have this number: the program does not guess which of them it was.",
    )
    why = fields.Char(compute="_compute_customer_ids")

    _source_uniq = models.Constraint("UNIQUE(source_ref)", "This call has been kept already.")

    @api.depends("phone", "state")
    @api.depends_context("lang")
    def _compute_customer_ids(self):
        people = self.env["discipline.contact"].sudo()._people_by_number([row.phone for row in self])
        Partner = self.env["res.partner"]
        found = {number: Partner.browse(customers) for number, (customers, _people) in people.items()}
        for row in self:
            row.customer_ids = found.get(row.phone, Partner)
            if row.state != "waiting":
                row.why = False
            elif len(row.customer_ids) > 1:
                row.why = self.env._("Several customers have this number")
            elif row.customer_ids:
                row.why = self.env._("Belongs to a customer by now")
            else:
                row.why = self.env._("No customer has this number")

    # ------------------------------------------------------------------
    # What telephony brings
    # ------------------------------------------------------------------

    @api.model
    @api.private
    def _keep(self, rows):
        """Keep calls for assignment, each once, in one statement.

        :param rows: dicts as :meth:`discipline.contact._log` takes them, with ``phone`` instead of ``partner_id``
        """
        if not rows:
            return
        now = fields.Datetime.now()
        Contact = self.env["discipline.contact"]
        normal = {row["phone"]: Contact._normal_number(row["phone"]) for row in rows}
        values = [
            {
                **{name: row.get(name) or None for name in COLUMNS},
                "phone_sanitized": normal[row["phone"]],
                "user_id": row.get("user_id") or self.env.uid,
                "doer_ref": row.get("user_id") or self.env.uid,
                "logged_by_id": self.env.uid,
                "logged_at": now,
                "company_id": self.env.company.id,
                "date": fields.Datetime.to_datetime(row.get("date")) or now,
                "direction": row.get("direction") or "out",
            }
            for row in rows
        ]
        self.env.execute_query(
            SQL(
                """
                INSERT INTO discipline_contact_unmatched
                            (%(names)s, state, create_uid, create_date, write_uid, write_date)
                SELECT %(names)s, 'waiting', %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM %(new)s
                    ON CONFLICT DO NOTHING
             RETURNING id
                """,
                names=SQL(", ").join(map(SQL.identifier, COLUMNS)),
                new=unnested(values, COLUMNS, "new"),
                uid=self.env.uid,
            )
        )
        self.invalidate_model()

    @api.model
    def _dismissed(self, refs):
        """Return those of the source numbers that a person has dismissed."""
        self.flush_model(["state"])
        rows = self.env.execute_query(
            SQL(
                "SELECT source_ref FROM discipline_contact_unmatched "
                "WHERE source_ref = ANY(%s) AND state = 'dismissed'",
                array(refs, "varchar"),
            )
        )
        return {row[0] for row in rows}

    @api.model
    @api.private
    def _settle(self, logged):
        """Mark calls that waited and are logged by now.

        :param dict logged: {source number: id of the contact}
        """
        if not logged:
            return
        self.env.cr.execute(
            SQL(
                """
                UPDATE discipline_contact_unmatched w
                   SET state = 'assigned', contact_id = n.contact, assigned_by_id = %(uid)s,
                       assigned_at = %(now)s, write_uid = %(uid)s, write_date = %(now)s
                  FROM unnest(%(refs)s, %(contacts)s) AS n(ref, contact)
                 WHERE w.source_ref = n.ref AND w.state = 'waiting'
                """,
                uid=self.env.uid,
                now=fields.Datetime.now(),
                refs=array(logged, "varchar"),
                contacts=array(logged.values(), "int"),
            )
        )
        self.invalidate_model()

    @api.model
    @api.private
    def _try_again(self, company):
        """Log the calls whose number belongs to exactly one customer by now."""
        waiting = self.search([("company_id", "=", company.id), ("state", "=", "waiting")])
        people = self.env["discipline.contact"].sudo()._people_by_number([row.phone for row in waiting])
        found = {}
        for row in waiting:
            customers, persons = people.get(row.phone, ((), ()))
            if len(customers) == 1:
                found[row] = persons[0] if len(persons) == 1 else customers[0]
        self._log_as(found)

    def _log_as(self, partner_ids):
        """Log calls as contacts, each with its own time and source number.

        :param dict partner_ids: {call: id of the customer or of one of his people}
        :return: the contacts
        """
        contacts = (
            self.env["discipline.contact"]
            .sudo()
            ._log(
                [
                    {
                        "partner_id": partner,
                        "user_id": row.user_id.id or row.doer_ref,
                        "date": row.date,
                        # the program knew of it at once: it is not late because somebody was slow to assign it
                        "logged_at": row.logged_at,
                        "channel_id": row.channel_id.id,
                        "outcome_id": row.outcome_id.id,
                        "direction": row.direction,
                        "note": row.note,
                        "duration": row.duration,
                        "lead_id": row.lead_id.id,
                        "source": "api",
                        "source_ref": row.source_ref,
                    }
                    for row, partner in partner_ids.items()
                ]
            )
        )
        self._settle(dict(zip((row.source_ref for row in partner_ids), contacts.ids, strict=True)))
        return contacts

    # ------------------------------------------------------------------
    # What a person decides
    # ------------------------------------------------------------------

    def _check_decides(self):
        """Refuse whoever neither made these calls nor decides for those who did.

        :raise AccessError: naming the call
        """
        user = self.env.user
        for row in self.sudo():
            if not self.env.su and row.user_id != user and not user._discipline_decides_for(row.user_id):
                raise AccessError(
                    self.env._(
                        "The call from %(phone)s was %(who)s's: he or a supervisor decides whose customer it was.",
                        phone=row.phone,
                        who=row.user_id.name or "?",
                    )
                )

    def _assign(self, partner):
        """Say with whom these calls were: they become contacts. Calls that are settled stay as they are.

        :param partner: res.partner, the customer or one of his people
        :return: the contacts, of calls that were assigned before too
        :raise AccessError: see :meth:`_check_decides`
        :raise UserError: if somebody has dismissed one of them, or there is no customer behind ``partner``
        """
        self._check_decides()
        dismissed = self.filtered(lambda row: row.state == "dismissed")[:1]
        if dismissed:
            raise UserError(
                self.env._(
                    "The call from %(phone)s was marked as “not a customer” by %(who)s: %(why)s. It stays so.",
                    phone=dismissed.phone,
                    who=dismissed.sudo().voided_by_id.name,
                    why=dismissed.void_reason,
                )
            )
        waiting = self.sudo().filtered(lambda row: row.state == "waiting")
        if waiting:
            waiting._log_as(dict.fromkeys(waiting, partner.id))
        return self.sudo().contact_id

    def _void(self, reason):
        """Dismiss these calls: they were not with a customer."""
        self._check_decides()
        assigned = self.filtered(lambda row: row.state == "assigned")[:1]
        if assigned:
            raise UserError(
                self.env._(
                    "The call from %(phone)s has been assigned to %(customer)s: void the contact instead.",
                    phone=assigned.phone,
                    customer=assigned.sudo().contact_id.partner_id.display_name or "?",
                )
            )
        return super()._void(reason)

    def _mark_void(self, reason, **values):
        return super()._mark_void(reason, state="dismissed", **values)

    def action_assign(self):
        """Open the dialog that says whose calls these are."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Assign to a Customer"),
            "res_model": "discipline.contact.assign",
            "view_mode": "form",
            "target": "new",
            "context": {"default_call_ids": self.ids},
        }

    def action_open_contact(self):
        """Open the contact that the call became."""
        self.ensure_one()
        return self.contact_id.get_formview_action()
