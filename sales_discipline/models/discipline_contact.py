"""The log of contacts: every real contact is one row, and the program says at once whether it counts.

Contacts come from done activities, held meetings, the dialog, telephony and imports; all of them pass through
:meth:`DisciplineContact._log`. Whether a contact counts is derived, never stored by hand: one set-based statement
applies the rules of ``engine/counting.py`` to any number of customers, again after every log, void and merge.
"""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL
from odoo.tools.misc import format_date

from .sets import array, unnested

REASONS = [
    ("voided", "Voided"),
    ("closed", "Logged after the period was closed"),
    ("outcome", "This outcome does not count"),
    ("channel", "This channel does not count"),
    ("late", "Logged too late"),
    ("nobody", "The customer had no responsible manager"),
    ("stranger", "Made by somebody else than the responsible manager"),
    ("gap", "Too soon after the last contact that counted"),
]
#: the ways by which a contact comes into the log
SOURCES = [
    ("activity", "Activity"),
    ("meeting", "Meeting"),
    ("manual", "Logged by hand"),
    ("api", "Telephony"),
    ("import", "Import"),
]
#: columns of a new row and their PostgreSQL types
COLUMNS = {
    "partner_id": "int",
    "customer_ref": "int",
    "contact_id": "int",
    "user_id": "int",
    "doer_ref": "int",
    "logged_by_id": "int",
    "logged_at": "timestamp",
    "logged_day": "date",
    "responsible_id": "int",
    "responsible_ref": "int",
    "company_id": "int",
    "date": "timestamp",
    "day": "date",
    "channel_id": "int",
    "direction": "varchar",
    "outcome_id": "int",
    "note": "text",
    "duration": "float8",
    "lead_id": "int",
    "activity_id": "int",
    "event_id": "int",
    "source": "varchar",
    "source_ref": "varchar",
    "evidence_grade": "varchar",
}
#: clocks of telephone systems and browsers differ a little from the server's
TOLERANCE = timedelta(minutes=5)
#: characters of a note; a person who writes more is told so, see the dialog
NOTE_LIMIT = 100_000


class DisciplineContact(models.Model):
    """One contact with one customer."""

    _name = "discipline.contact"
    _inherit = "discipline.ledger"
    _description = "Contact with a Customer"
    _order = "date desc, id desc"
    _rec_name = "partner_id"

    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, ondelete="set null")
    customer_ref = fields.Integer("Customer No.", readonly=True, required=True)
    contact_id = fields.Many2one("res.partner", "Person", readonly=True, ondelete="set null", index="btree_not_null")
    user_id = fields.Many2one("res.users", "Made by", readonly=True, ondelete="set null")
    doer_ref = fields.Integer("Doer No.", readonly=True, required=True)
    logged_by_id = fields.Many2one("res.users", "Logged by", readonly=True, ondelete="set null")
    logged_at = fields.Datetime("Logged on", readonly=True, required=True)
    logged_day = fields.Date(readonly=True, required=True, help="The doer's local date when it was logged.")
    responsible_id = fields.Many2one(
        "res.users", "Responsible Manager", readonly=True, ondelete="set null", help="Whose customer it was that day."
    )
    responsible_ref = fields.Integer("Responsible No.", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True, ondelete="set null", index=True)
    date = fields.Datetime("When", readonly=True, required=True)
    day = fields.Date(readonly=True, required=True, help="The local date for whoever made the contact.")
    channel_id = fields.Many2one("discipline.channel", readonly=True, ondelete="set null")
    direction = fields.Selection([("out", "Outgoing"), ("in", "Incoming")], readonly=True, default="out")
    outcome_id = fields.Many2one("discipline.outcome", readonly=True, ondelete="set null")
    note = fields.Text(readonly=True)
    duration = fields.Float("Duration, Minutes", readonly=True)
    lead_id = fields.Many2one("crm.lead", "Opportunity", readonly=True, ondelete="set null", index="btree_not_null")
    activity_id = fields.Many2one("mail.activity", readonly=True, ondelete="set null", index="btree_not_null")
    event_id = fields.Many2one("calendar.event", "Meeting", readonly=True, ondelete="set null", index="btree_not_null")
    source = fields.Selection(SOURCES, readonly=True, required=True, default="manual")
    source_ref = fields.Char("Source No.", readonly=True, copy=False)
    source_ids = fields.One2many(
        "discipline.contact.source", "contact_id", "Further Sources", readonly=True, domain=[("voided_at", "=", False)]
    )
    superseded = fields.Boolean(readonly=True, help="Voided by the program because its activity or meeting changed.")
    evidence_grade = fields.Selection(
        [("two_way", "Two-way"), ("one_way", "One-way"), ("note", "Note only")], readonly=True, default="note"
    )
    counted = fields.Boolean(readonly=True, help="It keeps the norm of contacts.")
    rejected_reason = fields.Selection(REASONS, "Why Not Counted", readonly=True)
    abc_class_id = fields.Many2one(related="partner_id.discipline_abc_class_id")
    can_void = fields.Boolean(compute="_compute_can_void")

    _customer_idx = models.Index("(partner_id, day)")
    _customer_ref_idx = models.Index("(customer_ref, day)")
    _doer_idx = models.Index("(doer_ref, day)")
    _responsible_idx = models.Index("(responsible_ref, day)")
    _changed_idx = models.Index("(write_date)")
    # lists and reports of a period read its days, the latest first
    _day_idx = models.Index("(day, id)")
    # the first pages of the log, and of one's own
    _date_idx = models.Index("(date DESC, id DESC)")
    _own_idx = models.Index("(doer_ref, date DESC, id DESC)")
    # telephony may send a call again at any time, and a file may come again, also after a person has voided it
    _source_uniq = models.UniqueIndex(
        "(source_ref) WHERE source_ref IS NOT NULL AND (voided_at IS NULL OR source IN ('api', 'import'))",
        "This contact has been logged already.",
    )

    def _compute_can_void(self):
        for contact in self:
            contact.can_void = not contact.voided_at and contact._may_void(self.env.user)

    @api.depends("partner_id", "channel_id", "day")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for contact in self:
            parts = [
                contact.channel_id.name,
                contact.partner_id.name,
                contact.day and format_date(self.env, contact.day),
            ]
            contact.display_name = ", ".join(part for part in parts if part)

    # ------------------------------------------------------------------
    # Logging
    # ------------------------------------------------------------------

    @api.private
    def _log(self, vals_list):
        """Log contacts: the only way into this ledger. One real contact is one row, however often it arrives.

        A contact whose ``source_ref`` is known is not logged again; where the known row has no note, it takes the
        new one. One that stands already by another source joins that row, see :meth:`_join`. The customers' running
        verdicts follow at once. The number of statements does not depend on the number of contacts.

        :param list vals_list: dicts with ``partner_id`` (the customer, or anybody who belongs to him) and, optionally,
            ``user_id`` (who made it; the current user), ``date`` (naive UTC; now), ``logged_at`` (naive UTC; now),
            ``channel_id``, ``outcome_id`` (the channel's usual one), ``direction``, ``note``, ``duration`` (minutes),
            ``lead_id``, ``activity_id``, ``event_id``, ``source``, ``source_ref``, ``evidence_grade``
        :return: the contacts in the order of ``vals_list``, known ones included
        :raise UserError: where there is no customer behind a contact, or it lies in the future; nothing is logged
        """
        rows = self._prepare_rows(vals_list)
        if not rows:
            return self.browse()
        self.flush_model()
        self.env["discipline.period"].flush_model()
        self.env["res.company"].flush_model(["discipline_active"])
        self.env["discipline.customer"].flush_model(["last_counted_date"])
        self._recognise_meetings(rows)
        known = self._known([row for row in rows if row["source_ref"]])
        for row in rows:
            row["contact"] = known.get(row["source_ref"])
        joined = self._join([row for row in rows if not row["contact"]])
        inserted = self._insert([row for row in rows if not row["contact"]])
        self.invalidate_model()
        if inserted:
            inserted._after_log()
        if joined:
            joined._after_join()
        return self.browse(row["contact"] for row in rows)

    def _insert(self, rows):
        """Insert rows in one statement, and give each its ``contact``; return the new contacts.

        Who wrote them stands in ``logged_by_id``. A contact of the responsible manager begins as counted, or as the
        second one of a day, where its period is judged at once: what the judging then finds as it should be is not
        written a second time, which would cost as much as the first. Where it finds otherwise it says so in the same
        transaction.

        Two workers cannot insert one source number: whoever comes second fails, tries again and finds it.
        """
        if not rows:
            return self.browse()
        inserted = self.env.execute_query(
            SQL(
                """
                INSERT INTO discipline_contact (%(names)s, counted, rejected_reason, create_date, write_date)
                SELECT %(names)s, judged.first, CASE WHEN NOT judged.first THEN 'gap' END,
                       now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
                  FROM %(new)s
             LEFT JOIN LATERAL (
                       SELECT (SELECT d.last_counted_date IS DISTINCT FROM new.day
                                 FROM discipline_customer d WHERE d.partner_id = new.customer_ref) AS first
                         FROM discipline_period p JOIN res_company z ON z.id = p.company_id
                        WHERE new.expected AND p.company_id = new.company_id
                          AND new.day BETWEEN p.date_start AND p.date_end
                       HAVING bool_and(z.discipline_active AND p.state = 'open' AND p.closing_at IS NULL)
                     ) judged ON TRUE
                    ON CONFLICT DO NOTHING
             RETURNING id, source_ref, partner_id, date
                """,
                names=SQL(", ").join(map(SQL.identifier, COLUMNS)),
                new=unnested(rows, {**COLUMNS, "expected": "bool"}, "new"),
            )
        )
        by_ref, plain = {}, {}
        for row_id, ref, partner, moment in inserted:
            if ref:
                by_ref[ref] = row_id
            else:
                plain.setdefault((partner, moment), []).append(row_id)
        for row in rows:
            if row["source_ref"]:
                row["contact"] = by_ref[row["source_ref"]]
            else:
                row["contact"] = plain[row["partner_id"], row["date"]].pop(0)
        return self.browse(row[0] for row in inserted)

    def _recognise_meetings(self, rows):
        """Give meetings that are contacts already the source number under which they were logged."""
        meetings = [row for row in rows if row["event_id"] and row["source_ref"]]
        if not meetings:
            return

        def key(row):
            return row["event_id"], row["partner_id"], row["contact_id"] or row["partner_id"]

        known = self._known_meetings([key(row) for row in meetings])
        for row in meetings:
            ref, voided = known.get(key(row), (None, True))
            if not voided:
                row["source_ref"] = ref

    @api.model
    def _known_meetings(self, meetings):
        """Return which meetings were logged: with this customer, or with this person, whosoever he was at that time.

        :param meetings: (event id, customer id, person id)
        :return: {meeting: (source number, whether a person has voided it)}
        """
        if not meetings:
            return {}
        self.flush_model(["event_id", "partner_id", "contact_id", "source_ref", "superseded", "voided_at"])
        self.env["discipline.contact.source"].flush_model()
        events, customers, people = zip(*meetings, strict=True)
        return {
            tuple(row[:3]): tuple(row[3:])
            for row in self.env.execute_query(
                SQL(
                    """
                    SELECT DISTINCT ON (n.event, n.customer, n.person)
                           n.event, n.customer, n.person, COALESCE(s.source_ref, c.source_ref),
                           c.voided_at IS NOT NULL
                      FROM unnest(%s::int[], %s::int[], %s::int[]) AS n(event, customer, person)
                      JOIN discipline_contact c ON c.event_id = n.event AND c.superseded IS NOT TRUE
                       AND (c.partner_id = n.customer OR COALESCE(c.contact_id, c.partner_id) = n.person)
                 LEFT JOIN discipline_contact_source s   -- the meeting joined a contact that stood already
                        ON s.contact_id = c.id AND s.source = 'meeting' AND s.voided_at IS NULL
                     WHERE COALESCE(s.source_ref, c.source_ref) IS NOT NULL
                  ORDER BY n.event, n.customer, n.person, c.voided_at NULLS FIRST, c.id
                    """,
                    list(events),
                    list(customers),
                    list(people),
                )
            )
        }

    def _known(self, rows):
        """Return {source number: id} of contacts logged before, and give those without a note the new one."""
        if not rows:
            return {}
        self.env["discipline.contact.source"].flush_model()
        found = self.env.execute_query(
            SQL(
                """
                WITH new AS (SELECT DISTINCT ON (ref) ref, note
                               FROM unnest(%(refs)s, %(notes)s) AS t(ref, note)),
                known AS (
                    SELECT new.ref, new.note, c.id, c.voided_at
                      FROM new JOIN discipline_contact c ON c.source_ref = new.ref
                     WHERE c.voided_at IS NULL OR c.source IN ('api', 'import')
                     UNION ALL
                    SELECT new.ref, new.note, c.id, c.voided_at
                      FROM new
                      JOIN discipline_contact_source s ON s.source_ref = new.ref AND s.voided_at IS NULL
                      JOIN discipline_contact c ON c.id = s.contact_id
                     WHERE c.voided_at IS NULL OR s.source IN ('api', 'import')
                ),
                noted AS (
                    UPDATE discipline_contact c SET note = k.note, write_date = now() AT TIME ZONE 'UTC'
                      FROM known k WHERE c.id = k.id AND c.note IS NULL AND k.note IS NOT NULL
                                     AND c.voided_at IS NULL
                )
                SELECT DISTINCT ON (ref) ref, id FROM known ORDER BY ref, voided_at NULLS FIRST, id
                """,
                refs=array([row["source_ref"] for row in rows], "varchar"),
                notes=array([row["note"] for row in rows], "text"),
            )
        )
        return dict(found)

    def _prepare_rows(self, vals_list):
        """Turn what was told into complete rows; see :meth:`_log`."""
        now = fields.Datetime.now()
        Calendar = self.env["discipline.calendar"]
        people = self.env["res.partner"].sudo().browse({vals.get("partner_id") for vals in vals_list} - {None, False})
        # merged away or deleted meanwhile: there is no customer behind it any more
        people = people.exists()
        # one read for all of them
        people.fetch(["commercial_partner_id", "name"])
        people.commercial_partner_id.fetch(["customer_group_id", "discipline_id", "company_id", "name"])
        channels = self.env["discipline.channel"]._rules()
        attempts = self.env["discipline.outcome"]._attempt_ids()
        own = self.env["res.company"]._discipline_all().partner_id
        # iterated, the records read together what each of them is asked for
        by_id = {person.id: person for person in people}
        doers = self.env["res.users"].browse({vals.get("user_id") or self.env.uid for vals in vals_list})
        doers = {user.id: user for user in doers}
        days = {}

        def local_day(moment, doer, company):
            key = (moment, doer.id, company.id)
            if key not in days:
                days[key] = Calendar._local_day(moment, doer, company)
            return days[key]

        rows = []
        for vals in vals_list:
            person = by_id.get(vals.get("partner_id")) or people.browse()
            customer = person._discipline_customer() if person else person
            self._check_customer(person, customer, own)
            moment = fields.Datetime.to_datetime(vals.get("date")) or now
            if moment > now + TOLERANCE:
                raise UserError(
                    self.env._(
                        "The contact with %(customer)s lies in the future (%(when)s UTC): log it when it has taken "
                        "place, or plan an activity.",
                        customer=customer.name,
                        when=fields.Datetime.to_string(moment),
                    )
                )
            doer = doers[vals.get("user_id") or self.env.uid]
            company = customer.discipline_id.company_id or customer.company_id or self.env.company
            logged_at = fields.Datetime.to_datetime(vals.get("logged_at")) or now
            channel = channels.get(vals.get("channel_id"))
            outcome = vals.get("outcome_id") or (channel and channel.outcome) or None
            source = vals.get("source") or "manual"
            rows.append(
                {
                    "partner_id": customer.id,
                    "customer_ref": customer.id,
                    "contact_id": person.id if person != customer else None,
                    "user_id": doer.id,
                    "doer_ref": doer.id,
                    "logged_by_id": self.env.uid,
                    "logged_at": logged_at,
                    "logged_day": local_day(logged_at, doer, company),
                    "company_id": company.id,
                    "date": moment,
                    "day": local_day(moment, doer, company),
                    "channel_id": vals.get("channel_id") or None,
                    "direction": vals.get("direction") or "out",
                    "outcome_id": outcome,
                    "note": self._note(vals.get("note")) or None,
                    "duration": vals.get("duration") or None,
                    "lead_id": vals.get("lead_id") or None,
                    "activity_id": vals.get("activity_id") or None,
                    "event_id": vals.get("event_id") or None,
                    "source": source,
                    "source_ref": vals.get("source_ref") or None,
                    "evidence_grade": vals.get("evidence_grade") or self._grade(source, outcome in attempts),
                }
            )
        holders = self._holders({(row["customer_ref"], row["day"]) for row in rows})
        for row in rows:
            row["responsible_id"] = row["responsible_ref"] = holders.get((row["customer_ref"], row["day"]))
            channel = channels.get(row["channel_id"])
            row["expected"] = (
                bool(channel)
                and row["doer_ref"] == row["responsible_ref"]
                and (channel.counts == "always" or (channel.counts == "answered" and row["outcome_id"] not in attempts))
            )
        return rows

    @api.model
    def _note(self, text):
        """Return a note as the log keeps it; one that is too long is cut, and says so."""
        text = (text or "").replace("\0", "").strip()
        if len(text) <= NOTE_LIMIT:
            return text
        return self.env._("%(note)s… (cut: %(count)s characters)", note=text[:NOTE_LIMIT], count=len(text) - NOTE_LIMIT)

    @api.model
    def _grade(self, source, attempt):
        """Return how well a contact is proven: both were there, one tried, or only a note says so."""
        if attempt:
            return "one_way"
        return "two_way" if source in ("meeting", "api") else "note"

    def _check_customer(self, person, customer, own):
        """Refuse a contact that has no customer behind it.

        :param own: res.partner, our own companies
        :raise UserError: saying what to do
        """
        if not customer:
            raise UserError(
                self.env._(
                    "There is no customer behind this contact: choose a customer, or set one on the opportunity first."
                )
            )
        if customer in own or not person.partner_share:
            raise UserError(
                self.env._(
                    "%(who)s belongs to our own company: contacts are logged with customers.", who=person.display_name
                )
            )

    @api.model
    def _holders(self, pairs):
        """Return {(customer id, day): user id} of whoever held each customer on each day (its last holder)."""
        if not pairs:
            return {}
        self.env["discipline.assignment"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT ON (w.customer, w.day) w.customer, w.day, a.manager_ref
                  FROM unnest(%s, %s) AS w(customer, day)
                  JOIN discipline_assignment a ON a.customer_ref = w.customer AND a.date_from <= w.day
                   AND (a.date_to IS NULL OR a.date_to > w.day)
              ORDER BY w.customer, w.day, a.date_from DESC, a.id DESC
                """,
                array([pair[0] for pair in pairs], "int"),
                array([pair[1] for pair in pairs], "date"),
            )
        )
        return {(customer, day): user for customer, day, user in rows}

    def _after_log(self):
        """Let everything derived follow new contacts (a hook for other rooms)."""
        self._settle_outside_open_periods(new=True)
        self._judge_customers(self.mapped("customer_ref"), made=self)

    # ------------------------------------------------------------------
    # Voiding
    # ------------------------------------------------------------------

    def _may_void(self, user):
        """Tell whether ``user`` may void this contact: its doer, or whoever decides for the responsible manager."""
        self.ensure_one()
        return self.env.su or self.user_id == user or user._discipline_decides_for(self.sudo().responsible_id)

    def action_void(self):
        """Open the dialog that voids these contacts."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Void a Contact"),
            "res_model": "discipline.contact.void",
            "view_mode": "form",
            "target": "new",
            "context": {"default_contact_ids": self.ids},
        }

    def _void(self, reason):
        for contact in self:
            if not contact._may_void(self.env.user):
                raise AccessError(
                    self.env._(
                        "The contact with %(customer)s on %(day)s was made by %(who)s: he or a supervisor voids it.",
                        customer=contact.partner_id.display_name,
                        day=contact.day,
                        who=contact.user_id.name,
                    )
                )
        voided = super()._void(reason)
        voided._after_void()
        return voided

    def _supersede(self, reason):
        """Void contacts whose activity or meeting changed; the feeder may log them anew."""
        voided = self.sudo()._mark_void(reason, superseded=True)
        voided._after_void()
        return voided

    def _after_void(self):
        if self:
            self.flush_model()
            self._settle_outside_open_periods(new=False)
            self._judge_customers(self.sudo().mapped("customer_ref"))

    # ------------------------------------------------------------------
    # At night
    # ------------------------------------------------------------------

    @api.model
    def _reconcile_feeders(self, company):
        """Log what a feeder missed: activities finished past the ORM, meetings that took place meanwhile."""
        self.env["mail.activity"].sudo()._discipline_reconcile(company)
        self.env["calendar.event"].sudo()._discipline_log_held(company)
        self._refresh_next_contacts()
