"""One real contact is one row, whichever ways it arrives: telephony, the dialog, an activity, a meeting, an import.

Which contacts are the same is decided by ``engine/joining.py``. The row that stands takes what the newcomer knows
better, and remembers him as a further source; no second row is stored.
"""

from odoo import api, models
from odoo.tools import SQL

from ..engine.joining import GRADES, Told, join
from .sets import array, unnested

#: days around a contact in which rows are looked at: the longest duration, and the change of a doer's time zone
AROUND = 2
#: what a joined contact tells its row, and the PostgreSQL types
NEWS = {
    "contact": "int",
    "source": "varchar",
    "source_ref": "varchar",
    "date": "timestamp",
    "note": "text",
    "duration": "float8",
    "direction": "varchar",
    "outcome_id": "int",
    "evidence_grade": "varchar",
    "channel_id": "int",
    "contact_id": "int",
    "lead_id": "int",
    "activity_id": "int",
    "event_id": "int",
    "logged_by_id": "int",
    "logged_at": "timestamp",
    "logged_day": "date",
}


class DisciplineContact(models.Model):
    _inherit = "discipline.contact"

    # ------------------------------------------------------------------
    # Joining
    # ------------------------------------------------------------------

    def _join(self, rows):
        """Let those of the rows that are contacts already join them, and give each its ``contact``.

        :param rows: as :meth:`_prepare_rows` returns them, none of them known by its source number
        :return: the contacts that were joined
        """
        # the same source number twice in one request is one contact
        single = list({row["source_ref"] or number: row for number, row in enumerate(rows)}.values())
        standing = self._standing(single)
        pairs = join(
            (number, self._told(single[number]), contact["id"], self._told(contact, contact["sources"]))
            for number, contact in standing
        )
        if not pairs:
            return self.browse()
        by_id = {contact["id"]: contact for _number, contact in standing}
        for number, contact in pairs.items():
            single[number]["contact"] = contact
        by_ref = {row["source_ref"]: row["contact"] for row in single if row["source_ref"]}
        for row in rows:
            row["contact"] = row["contact"] or by_ref.get(row["source_ref"])
        news = [self._news(single[number], by_id[contact]) for number, contact in pairs.items()]
        self._tell_rows(news)
        joined = self.browse(pairs.values())
        joined.invalidate_recordset()
        return joined

    @api.model
    def _told(self, row, sources=()):
        """Return what a row says, for ``engine.joining``."""
        channel = self.env["discipline.channel"]._rules().get(row["channel_id"])
        return Told(
            sources=frozenset((row["source"], *sources)),
            moment=row["date"],
            minutes=row["duration"] or 0,
            channel=row["channel_id"],
            is_meeting=bool(channel) and channel.is_meeting,
            attempt=row["outcome_id"] in self.env["discipline.outcome"]._attempt_ids(),
            person=row["contact_id"],
            lead=row["lead_id"],
            activity=row["activity_id"],
            event=row["event_id"],
        )

    def _standing(self, rows):
        """Return (number of the row, contact that stands near it) in one query; contacts are dicts of columns."""
        if not rows:
            return []
        self.env["discipline.contact.source"].flush_model()
        found = self.env.execute_query_dict(
            SQL(
                """
                SELECT n.number, c.id, c.date, c.duration, c.channel_id, c.outcome_id, c.contact_id, c.lead_id,
                       c.activity_id, c.event_id, c.source,
                       ARRAY(SELECT s.source FROM discipline_contact_source s
                              WHERE s.contact_id = c.id AND s.voided_at IS NULL) AS sources
                  FROM unnest(%(doers)s, %(customers)s, %(days)s) WITH ORDINALITY AS n(doer, customer, day, number)
                  JOIN discipline_contact c
                    ON c.partner_id = n.customer AND c.day BETWEEN n.day - %(around)s AND n.day + %(around)s
                   AND c.doer_ref = n.doer AND c.voided_at IS NULL
              ORDER BY n.number, c.id
                """,
                doers=array([row["doer_ref"] for row in rows], "int"),
                customers=array([row["partner_id"] for row in rows], "int"),
                days=array([row["day"] for row in rows], "date"),
                around=AROUND,
            )
        )
        return [(row["number"] - 1, row) for row in found]

    @api.model
    def _standing_for(self, customer, doer, moment, day, channel, outcome):
        """Return the id of the contact that one logged by hand would join, or None.

        The parameters are those of :meth:`_preview`, and the doer's local ``day``.
        """
        row = dict.fromkeys(NEWS) | {
            "source": "manual",
            "partner_id": customer.id,
            "doer_ref": doer.id,
            "date": moment,
            "day": day,
            "channel_id": channel.id or None,
            "outcome_id": outcome.id or None,
        }
        candidates = [
            (0, self._told(row), contact["id"], self._told(contact, contact["sources"]))
            for _number, contact in self._standing([row])
        ]
        return join(candidates).get(0)

    @api.model
    def _news(self, row, standing):
        """Return what a contact that joins tells the row that stands.

        An outcome that somebody has told is better than the channel's usual one, which goes without saying; the
        telephone exchange knows best who called whom, and how long they talked.
        """
        channel = self.env["discipline.channel"]._rules().get(standing["channel_id"] or row["channel_id"])
        usual = channel.outcome if channel else False
        told = row["outcome_id"] not in (None, usual) and standing["outcome_id"] in (None, usual)
        measured = row["source"] == "api"
        return {
            **row,
            "outcome_id": row["outcome_id"] if told else None,
            "direction": row["direction"] if measured else None,
            "duration": row["duration"] if measured or not standing["duration"] else None,
        }

    def _tell_rows(self, news):
        """Give the rows what the newcomers know, and remember these as further sources, in two statements.

        In a closed period a row keeps what its verdict may rest on: its outcome, and when it was logged.

        :param news: dicts of :data:`NEWS`
        """
        told = unnested(news, NEWS, "n")
        self.env.cr.execute(
            SQL(
                """
                UPDATE discipline_contact c
                   SET note = CASE WHEN c.note IS NULL THEN n.note
                                   WHEN n.note IS NULL OR position(n.note IN c.note) > 0 THEN c.note
                                   ELSE c.note || E'\\n' || n.note END,
                       duration = COALESCE(n.duration, c.duration),
                       direction = COALESCE(n.direction, c.direction),
                       evidence_grade = CASE WHEN array_position(%(grades)s, n.evidence_grade)
                                                > COALESCE(array_position(%(grades)s, c.evidence_grade), 0)
                                             THEN n.evidence_grade ELSE c.evidence_grade END,
                       contact_id = COALESCE(c.contact_id, n.contact_id),
                       lead_id = COALESCE(c.lead_id, n.lead_id),
                       activity_id = COALESCE(c.activity_id, n.activity_id),
                       event_id = COALESCE(c.event_id, n.event_id),
                       channel_id = CASE WHEN p.open THEN COALESCE(c.channel_id, n.channel_id) ELSE c.channel_id END,
                       outcome_id = CASE WHEN p.open THEN COALESCE(n.outcome_id, c.outcome_id) ELSE c.outcome_id END,
                       logged_at = CASE WHEN p.open THEN LEAST(c.logged_at, n.logged_at) ELSE c.logged_at END,
                       logged_day = CASE WHEN p.open THEN LEAST(c.logged_day, n.logged_day) ELSE c.logged_day END,
                       write_uid = %(uid)s, write_date = now() AT TIME ZONE 'UTC'
                  FROM %(told)s
            CROSS JOIN LATERAL (
                       SELECT NOT EXISTS (SELECT FROM discipline_contact x JOIN discipline_period d
                                             ON d.company_id = x.company_id AND d.state = 'closed'
                                            AND x.day BETWEEN d.date_start AND d.date_end
                                          WHERE x.id = n.contact) AS open) p
                 WHERE c.id = n.contact
                """,
                grades=SQL("%s::varchar[]", list(GRADES)),
                uid=self.env.uid,
                told=told,
            )
        )
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO discipline_contact_source (contact_id, source, source_ref, date, logged_at, logged_by_id,
                                                       create_uid, create_date, write_uid, write_date)
                SELECT n.contact, n.source, n.source_ref, n.date, n.logged_at, n.logged_by_id,
                       %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM %(told)s
                """,
                uid=self.env.uid,
                told=told,
            )
        )
        self.env["discipline.contact.source"].invalidate_model()

    def _after_join(self):
        """Let everything derived follow contacts that learned something from a further source (a hook)."""
        self._settle_outside_open_periods(new=False)
        # it touches the customers' rows: of two workers that tell of one contact at once the later one is retried, and
        # then finds the row that the other has written
        self._judge_customers(self.mapped("customer_ref"), made=self._told_by_hand())

    # ------------------------------------------------------------------
    # A source that is taken back
    # ------------------------------------------------------------------

    def _withdraw(self, source, reason):
        """Take a source back from these contacts; one that came by no other way is voided, see :meth:`_supersede`.

        :param str source: ``activity`` or ``meeting``
        :param str reason: why, in the reader's language
        """
        contacts = self.sudo()
        alone = contacts.filtered(lambda row: row.source == source and not row.source_ids)
        for contact in contacts - alone:
            contact._let_go(source, reason)
        if alone:
            alone._supersede(reason)

    def _let_go(self, source, reason):
        """Leave the contact to its other sources; the first of them takes the place of the one it was logged by."""
        self.ensure_one()
        gone = self.source_ids.filtered(lambda row: row.source == source)
        link = {"activity": "activity_id", "meeting": "event_id"}[source]
        values = {link: False}
        if self.source == source:
            gone = self.source_ids[0]
            values.update(source=gone.source, source_ref=gone.source_ref)
            # what is voided is the one that is taken back, with its own number
            gone._ledger().write({"source": source, "source_ref": self.source_ref, "date": self.date})
        self._ledger().write(values)
        gone._mark_void(reason)
        self.invalidate_recordset(["source_ids"])

    @api.model
    def _told_at(self, contact, source):
        """Return when a source of a contact says that it was (naive UTC)."""
        if contact.source == source:
            return contact.date
        return contact.source_ids.filtered(lambda row: row.source == source)[:1].date
