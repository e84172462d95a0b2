"""A meeting that took place with a customer is a contact, without anybody logging it."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

LOOK_BACK = 7


class CalendarEvent(models.Model):
    _inherit = "calendar.event"

    discipline_not_held = fields.Boolean(
        "Didn't Take Place", copy=False, help="The meeting was called off: it is no contact with the customer."
    )
    discipline_fixed_at = fields.Datetime(
        readonly=True, copy=False, help="When its time or people were last set; a meeting entered afterwards is late."
    )
    discipline_contact_ids = fields.One2many("discipline.contact", "event_id", "Contacts")
    discipline_contact_count = fields.Integer(compute="_compute_discipline_contact_count")
    discipline_is_past = fields.Boolean(compute="_compute_discipline_is_past")

    def _compute_discipline_contact_count(self):
        counts = dict(
            self.env["discipline.contact"]
            .sudo()
            ._read_group([("event_id", "in", self.ids), ("voided_at", "=", False)], ["event_id"], ["__count"])
        )
        for event in self:
            event.discipline_contact_count = counts.get(event, 0)

    @api.depends("stop")
    def _compute_discipline_is_past(self):
        now = fields.Datetime.now()
        for event in self:
            event.discipline_is_past = bool(event.stop and event.stop <= now)

    @api.model_create_multi
    def create(self, vals_list):
        now = fields.Datetime.now()
        return super().create([{**vals, "discipline_fixed_at": now} for vals in vals_list])

    def write(self, vals):
        material = {"start", "stop", "start_date", "stop_date", "allday", "partner_ids", "discipline_not_held"}
        touched = material & vals.keys()
        if not touched:
            return super().write(vals)
        if touched - {"discipline_not_held"}:
            vals = {**vals, "discipline_fixed_at": fields.Datetime.now()}
        result = super().write(vals)
        self.exists()._discipline_resync()
        return result

    def action_discipline_not_held(self):
        """Say that these meetings did not take place: their contacts are voided."""
        self.write({"discipline_not_held": True})

    def action_discipline_held(self):
        """Say that these meetings took place after all."""
        self.write({"discipline_not_held": False})

    def action_discipline_contacts(self):
        """Open the contacts that this meeting became."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_contact_action")
        action["domain"] = [("event_id", "=", self.id)]
        action["context"] = {}
        return action

    # ------------------------------------------------------------------
    # From meetings to contacts
    # ------------------------------------------------------------------

    def _discipline_resync(self):
        """Bring the contacts of meetings that were logged in line with what is said of them now.

        A contact of a meeting that was moved, declined or called off is voided, unless it came in another way too;
        where the meeting took place at another time it is logged anew. A meeting that lies ahead becomes a contact when
        it is over.
        """
        self.flush_recordset()
        self.env["calendar.attendee"].flush_model()
        contacts = self.env["discipline.contact"].sudo()
        logged = contacts.search([("event_id", "in", self.ids), ("voided_at", "=", False)])
        if not logged:
            return
        held = {(row[0], row[1]): row[2] for row in self._discipline_held_rows(SQL("e.id = ANY(%s)", self.ids))}
        starts = {event.id: event.start for event in self}
        gone = logged.filtered(
            lambda row: (
                row._told_at(row, "meeting") != starts[row.event_id.id]
                # an activity of the meeting, marked as done, says that it took place, whoever the attendees are
                or (not row.activity_id and (row.event_id.id, row.customer_ref) not in held)
                or row.event_id.discipline_not_held
            )
        )
        moved = set(gone.event_id.ids)
        gone._withdraw("meeting", self.env._("The meeting was moved, declined or did not take place."))
        if moved:
            self._discipline_log_rows([(*key, held[key]) for key in held if key[0] in moved])

    @api.model
    def _discipline_log_held(self, company=None, since=None):
        """Log the meetings of the last days that took place and are no contacts yet.

        :param company: only meetings since this company's first judged day
        :param datetime since: naive UTC; by default a week ago
        """
        since = since or fields.Datetime.now() - timedelta(days=LOOK_BACK)
        if company and company.discipline_date_start:
            since = max(since, fields.Datetime.to_datetime(company.discipline_date_start))
        self.flush_model()
        self.env["calendar.attendee"].flush_model()
        self._discipline_log_rows(self._discipline_held_rows(SQL("e.stop >= %s", since)))

    @api.model
    def _discipline_held_rows(self, limit):
        """Return (event id, customer id, person id) of meetings that are over, with a customer who has not declined.

        Those that are contacts already, or were voided by a person, are among them: the log takes each once.
        """
        return self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT ON (e.id, customer.id) e.id, customer.id, p.id
                  FROM calendar_event e
                  JOIN calendar_attendee a ON a.event_id = e.id AND a.state != 'declined'
                  JOIN res_partner p ON p.id = a.partner_id AND p.partner_share
                  JOIN res_partner m ON m.id = p.commercial_partner_id
                  JOIN res_partner customer ON customer.id = COALESCE(m.customer_group_id, m.id)
                 WHERE e.active AND e.stop <= %(now)s AND e.discipline_not_held IS NOT TRUE AND %(limit)s
                   AND NOT EXISTS (SELECT FROM res_company c WHERE c.partner_id = customer.id)
              ORDER BY e.id, customer.id, p.id
                """,
                now=fields.Datetime.now(),
                limit=limit,
            )
        )

    @api.model
    def _discipline_log_rows(self, rows):
        """Log held meetings, but never again what a person has voided.

        :param rows: (event id, customer id, person id)
        """
        if not rows:
            return
        channel = self.env["discipline.channel"].sudo().search([("is_meeting", "=", True)], limit=1)
        known = self.env["discipline.contact"].sudo()._known_meetings(rows)
        refs = {(event, customer): f"event:{event}:{customer}" for event, customer, _person in rows}
        rows = [row for row in rows if tuple(row) not in known]
        if not rows:
            return
        events = self.sudo().browse({row[0] for row in rows})
        doers = self._discipline_doers(events, {row[1] for row in rows})
        lead = {event.id: event.opportunity_id.id for event in events}
        by_id = {event.id: event for event in events}
        self.env["discipline.contact"].sudo()._log(
            [
                {
                    "partner_id": person,
                    "user_id": doers[event, customer],
                    "date": by_id[event].start,
                    "logged_at": max(by_id[event].stop, by_id[event].discipline_fixed_at or by_id[event].create_date),
                    "channel_id": channel.id or None,
                    "outcome_id": channel.outcome_id.id or None,
                    "note": by_id[event].name,
                    "duration": 60 * by_id[event].duration,
                    "lead_id": lead[event] or None,
                    "event_id": event,
                    "source": "meeting",
                    "source_ref": refs[event, customer],
                }
                for event, customer, person in rows
            ]
        )

    @api.model
    def _discipline_doers(self, events, customer_ids):
        """Return {(event id, customer id): user id} of who met the customer.

        The responsible manager where he was among the people, else the organizer.
        """
        managers = {
            row.partner_id.id: row.user_id
            for row in self.env["discipline.customer"].sudo().search([("partner_id", "in", list(customer_ids))])
        }
        doers = {}
        for event in events:
            present = event.attendee_ids.filtered(lambda row: row.state != "declined").partner_id
            for customer in customer_ids:
                manager = managers.get(customer)
                there = manager and manager.partner_id in present
                doers[event.id, customer] = (manager if there else event.user_id or event.create_uid).id
        return doers


class CalendarAttendee(models.Model):
    _inherit = "calendar.attendee"

    def write(self, vals):
        result = super().write(vals)
        if "state" in vals:
            self.event_id.sudo()._discipline_resync()
        return result
