"""The log of contacts: every real contact is one row, and the program says at once whether it counts.

Contacts come from done activities, held meetings, the dialog, telephony and imports; all of them pass through
:meth:`DisciplineContact._log`. Whether a contact counts is derived, never stored by hand: one set-based statement
applies the rules of ``engine/counting.py`` to any number of customers, again after every log, void and merge.
"""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..engine import counting
from ..engine.workdays import deadline, period_of
from .discipline_customer import among

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
#: columns of a new row and their PostgreSQL types
COLUMNS = {
    "partner_id": SQL("int[]"),
    "customer_ref": SQL("int[]"),
    "contact_id": SQL("int[]"),
    "user_id": SQL("int[]"),
    "doer_ref": SQL("int[]"),
    "logged_by_id": SQL("int[]"),
    "logged_at": SQL("timestamp[]"),
    "logged_day": SQL("date[]"),
    "responsible_id": SQL("int[]"),
    "responsible_ref": SQL("int[]"),
    "company_id": SQL("int[]"),
    "date": SQL("timestamp[]"),
    "day": SQL("date[]"),
    "channel_id": SQL("int[]"),
    "direction": SQL("varchar[]"),
    "outcome_id": SQL("int[]"),
    "note": SQL("text[]"),
    "duration": SQL("float8[]"),
    "lead_id": SQL("int[]"),
    "activity_id": SQL("int[]"),
    "event_id": SQL("int[]"),
    "source": SQL("varchar[]"),
    "source_ref": SQL("varchar[]"),
    "evidence_grade": SQL("varchar[]"),
}
#: clocks of telephone systems and browsers differ a little from the server's
TOLERANCE = timedelta(minutes=5)
NOTE_LIMIT = 100_000
#: stands for the id of a contact that is not logged yet: it comes after all that are
NEWEST = 2**62


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
    source = fields.Selection(
        [
            ("activity", "Activity"),
            ("meeting", "Meeting"),
            ("manual", "Logged by hand"),
            ("api", "Telephony"),
            ("import", "Import"),
        ],
        readonly=True,
        required=True,
        default="manual",
    )
    source_ref = fields.Char("Source No.", readonly=True, copy=False)
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
    # telephony may send a call again at any time, also after it was voided
    _source_uniq = models.UniqueIndex(
        "(source_ref) WHERE source_ref IS NOT NULL AND (voided_at IS NULL OR source = 'api')",
        "This contact has been logged already.",
    )

    def _compute_can_void(self):
        for contact in self:
            contact.can_void = not contact.voided_at and contact._may_void(self.env.user)

    @api.depends("partner_id", "channel_id", "day")
    def _compute_display_name(self):
        for contact in self:
            parts = [
                contact.channel_id.name,
                contact.partner_id.name,
                contact.day and fields.Date.to_string(contact.day),
            ]
            contact.display_name = ", ".join(part for part in parts if part)

    # ------------------------------------------------------------------
    # Logging
    # ------------------------------------------------------------------

    @api.private
    def _log(self, vals_list):
        """Log contacts: the only way into this ledger. One real contact is one row, however often it arrives.

        A contact whose ``source_ref`` is known is not logged again; where the known row has no note, it takes the
        new one. The customers' running verdicts follow at once. The number of statements does not depend on the
        number of contacts.

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
        columns = list(COLUMNS)
        inserted = self.env.execute_query(
            SQL(
                """
                INSERT INTO discipline_contact (%(names)s, create_uid, create_date, write_uid, write_date)
                SELECT %(names)s, %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM unnest(%(arrays)s) AS new(%(names)s)
                    ON CONFLICT DO NOTHING
             RETURNING id, source_ref, partner_id, date, day
                """,
                names=SQL(", ").join(map(SQL.identifier, columns)),
                arrays=SQL(", ").join(SQL("%s::%s", [row[name] for row in rows], COLUMNS[name]) for name in columns),
                uid=self.env.uid,
            )
        )
        self.invalidate_model()
        if len(inserted) < len(rows) or len(rows) > 1:
            contacts = self._match(rows, inserted)
        else:
            contacts = self.browse(inserted[0][0])
        if inserted:
            self.browse(row[0] for row in inserted)._after_log()
        return contacts

    def _match(self, rows, inserted):
        """Return the contacts of ``rows`` in their order: new ones, and known ones by their source number."""
        by_ref, plain = {}, {}
        for row_id, ref, partner, moment, _day in inserted:
            if ref:
                by_ref[ref] = row_id
            else:
                plain.setdefault((partner, moment), []).append(row_id)
        known = [row for row in rows if row["source_ref"] and row["source_ref"] not in by_ref]
        if known:
            by_ref |= self._known(known)
        result = []
        for row in rows:
            if row["source_ref"]:
                result.append(by_ref[row["source_ref"]])
            else:
                result.append(plain[row["partner_id"], row["date"]].pop(0))
        return self.browse(result)

    def _known(self, rows):
        """Return {source number: id} of contacts logged before, and give those without a note the new one."""
        found = self.env.execute_query(
            SQL(
                """
                WITH new AS (SELECT DISTINCT ON (ref) ref, note
                               FROM unnest(%(refs)s::varchar[], %(notes)s::text[]) AS t(ref, note)),
                noted AS (
                    UPDATE discipline_contact c SET note = new.note, write_date = now() AT TIME ZONE 'UTC'
                      FROM new WHERE c.source_ref = new.ref AND c.note IS NULL AND new.note IS NOT NULL
                                 AND c.voided_at IS NULL
                )
                SELECT c.source_ref, c.id FROM discipline_contact c JOIN new ON new.ref = c.source_ref
                 WHERE c.voided_at IS NULL OR c.source = 'api'
                """,
                refs=[row["source_ref"] for row in rows],
                notes=[row["note"] for row in rows],
            )
        )
        return dict(found)

    def _prepare_rows(self, vals_list):
        """Turn what was told into complete rows; see :meth:`_log`."""
        now = fields.Datetime.now()
        Calendar = self.env["discipline.calendar"]
        people = self.env["res.partner"].sudo().browse({vals.get("partner_id") for vals in vals_list} - {None, False})
        # one read for all of them
        people.fetch(["commercial_partner_id", "name"])
        people.commercial_partner_id.fetch(["customer_group_id", "discipline_id", "company_id", "name"])
        channels = self.env["discipline.channel"].sudo().with_context(active_test=False).search([])
        usual = {channel.id: channel.outcome_id.id for channel in channels}
        attempts = set(
            self.env["discipline.outcome"]
            .sudo()
            .with_context(active_test=False)
            .search([("is_attempt", "=", True)])
            .ids
        )
        own = self.env["res.company"].sudo().search([]).partner_id
        # iterated, the records read together what each of them is asked for
        by_id = {person.id: person for person in people}
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
            doer = self.env["res.users"].browse(vals.get("user_id") or self.env.uid)
            company = customer.discipline_id.company_id or customer.company_id or self.env.company
            logged_at = fields.Datetime.to_datetime(vals.get("logged_at")) or now
            outcome = vals.get("outcome_id") or usual.get(vals.get("channel_id")) or None
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
                    "logged_day": Calendar._local_day(logged_at, doer, company),
                    "company_id": company.id,
                    "date": moment,
                    "day": Calendar._local_day(moment, doer, company),
                    "channel_id": vals.get("channel_id") or None,
                    "direction": vals.get("direction") or "out",
                    "outcome_id": outcome,
                    "note": (vals.get("note") or "").strip()[:NOTE_LIMIT] or None,
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
        return rows

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
                  FROM unnest(%s::int[], %s::date[]) AS w(customer, day)
                  JOIN discipline_assignment a ON a.customer_ref = w.customer AND a.date_from <= w.day
                   AND (a.date_to IS NULL OR a.date_to > w.day)
              ORDER BY w.customer, w.day, a.date_from DESC, a.id DESC
                """,
                [pair[0] for pair in pairs],
                [pair[1] for pair in pairs],
            )
        )
        return {(customer, day): user for customer, day, user in rows}

    def _after_log(self):
        """Let everything derived follow new contacts (a hook for other rooms)."""
        customers = sorted(set(self.mapped("customer_ref")))
        self._settle_outside_open_periods(new=True)
        self.env["discipline.compliance"].sudo()._evaluate_customers(customers)
        self._refresh_customers(customers)
        self._plan_next()

    def _plan_next(self):
        """Plan the next contact with these contacts' customers; what was planned for the one just made is taken back.

        A contact that does not count leaves the plan as it is.
        """
        planning = self.env["discipline.planning"].sudo()
        rows = self.sudo()
        counted = rows.filtered("counted")
        planning._resume(set(rows.mapped("customer_ref")))
        planning._drop_planned(set(counted.mapped("customer_ref")))
        planning._plan_customers(set(rows.mapped("customer_ref")))

    def _settle_outside_open_periods(self, new):
        """Decide about contacts that no open period will judge.

        A closed period keeps its verdicts: what is logged after it is rejected, what is voided keeps its mark, since
        the verdict rests on it. Before the first judged day the rules are applied all the same, so that reports can
        tell contacts apart.

        :param bool new: the contacts were logged now, not voided
        """
        Period = self.env["discipline.period"].sudo()
        wanted = {}
        for company, contacts in self.sudo().grouped("company_id").items():
            for kind in Period._kinds(company):
                for contact in contacts:
                    key = (company, kind, *period_of(kind, contact.day))
                    wanted.setdefault(key, set()).add(contact.customer_ref)
        starts = {first for _company, _kind, first, _last in wanted}
        known = {
            (period.company_id, period.kind, period.date_start): period
            for period in Period.search([("date_start", "in", list(starts))])
        }
        for (company, kind, first, last), customers in wanted.items():
            period = known.get((company, kind, first))
            if not period:
                self._derive_counted(company, kind, first, last, sorted(customers))
            elif new and period.state == "closed":
                self._reject_closed(period, self._of_kind(company, kind, first, sorted(customers)))

    def _reject_closed(self, period, customers):
        self.env.cr.execute(
            SQL(
                "UPDATE discipline_contact SET counted = FALSE, rejected_reason = 'closed' WHERE id = ANY(%s) "
                "AND company_id = %s AND day BETWEEN %s AND %s AND partner_id = ANY(%s)",
                self.ids,
                period.company_id.id,
                period.date_start,
                period.date_end,
                customers,
            )
        )
        self.invalidate_model(["counted", "rejected_reason"])

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
        customers = sorted(set(self.sudo().mapped("customer_ref")))
        if customers:
            self.flush_model()
            self._settle_outside_open_periods(new=False)
            self.env["discipline.compliance"].sudo()._evaluate_customers(customers)
            self._refresh_customers(customers)

    # ------------------------------------------------------------------
    # Counted or not, and why
    # ------------------------------------------------------------------

    @api.model
    def _derive_counted(self, company, kind, date_start, date_end, partner_ids):
        """Say of every contact of these customers in the period whether it counts, and by which rule not.

        The set-based twin of ``engine.counting.classify``; idempotent; a row is written only where it changes.

        :param company: res.company whose calendar and policy apply
        :param str kind: ``month`` or ``week``: only customers whose norm is of this kind are looked at
        :param date_start: first day of the period
        :param date_end: last day of the period
        :param partner_ids: ids of customers
        """
        ids = self._of_kind(company, kind, date_start, partner_ids)
        if not ids:
            return
        policy = self.env["discipline.policy"]._policy_on(company, date_start)
        self.env.cr.execute(
            SQL(
                """
                WITH RECURSIVE %(facts)s,
                self AS (   -- what each contact says by itself
                    SELECT id, partner_id, day, date, before, upto, was_counted, was_reason, CASE
                           WHEN voided THEN 'voided'
                           WHEN after_closing THEN 'closed'
                           WHEN NOT outcome_counts THEN 'outcome'
                           WHEN NOT (channel_counts OR (channel_counts_if_answered AND answered)) THEN 'channel'
                           WHEN logged_day > deadline THEN 'late'
                           WHEN NOT has_responsible THEN 'nobody'
                           WHEN NOT entitled THEN 'stranger' END AS reason
                      FROM fact
                ),
                valid AS (  -- at most one a day
                    SELECT DISTINCT ON (partner_id, day) id, partner_id, day, before, upto
                      FROM self WHERE reason IS NULL ORDER BY partner_id, day, date, id
                ),
                %(spaced)s
                decided AS (
                    SELECT s.id, s.was_counted, s.was_reason, s.reason IS NULL AND k.id IS NOT NULL AS counted,
                           CASE WHEN s.reason IS NOT NULL THEN s.reason WHEN k.id IS NULL THEN 'gap' END AS reason
                      FROM self s LEFT JOIN kept k ON k.id = s.id
                )
                UPDATE discipline_contact c SET counted = d.counted, rejected_reason = d.reason
                  FROM decided d
                 WHERE d.id = c.id AND (d.was_counted, d.was_reason) IS DISTINCT FROM (d.counted, d.reason)
             RETURNING c.partner_id
                """,
                facts=self._facts_sql(company, kind, date_start, date_end, ids, policy),
                spaced=self._spaced_sql(policy.min_gap),
            )
        )
        changed = {row[0] for row in self.env.cr.fetchall()}
        self.invalidate_model(["counted", "rejected_reason"])
        if changed:
            self._refresh_customers(sorted(changed))

    @api.model
    def _spaced_sql(self, min_gap):
        """Return the part that keeps contacts at least ``min_gap`` working days apart (``kept``)."""
        if min_gap <= 1:
            return SQL("kept AS (SELECT id FROM valid),")
        return SQL(
            """
            chain AS (
                SELECT v.* FROM (SELECT DISTINCT ON (partner_id) * FROM valid ORDER BY partner_id, day) v
                 UNION ALL
                SELECT n.* FROM chain c CROSS JOIN LATERAL (
                    SELECT v.* FROM valid v
                     WHERE v.partner_id = c.partner_id AND v.day > c.day AND 1 + GREATEST(0, v.before - c.upto) >= %s
                  ORDER BY v.day LIMIT 1) n
            ),
            kept AS (SELECT id FROM chain),
            """,
            min_gap,
        )

    @api.model
    def _facts_sql(self, company, kind, date_start, date_end, partner_ids, policy):
        """Return the named sub-query ``fact``: what the counting rule must know of each contact.

        Its columns are the fields of ``engine.counting.Contact``, plus ``before`` and ``upto``: the working days of
        the period before the contact's day, and up to and with it.
        """
        frame = self._frame(company, date_start, date_end, policy.backdating)
        period = (
            self.env["discipline.period"]
            .sudo()
            .search([("company_id", "=", company.id), ("kind", "=", kind), ("date_start", "=", date_start)], limit=1)
        )
        written = self.env["discipline.exception"]._in_force(
            company, date_start, date_end, ("written",), period.closing_at
        )
        return SQL(
            """
            frame AS (SELECT * FROM unnest(%(days)s::date[], %(befores)s::int[], %(uptos)s::int[],
                                           %(deadlines)s::date[]) AS t(day, before, upto, deadline)),
            written AS (SELECT * FROM unnest(%(w_partner)s::int[], %(w_from)s::date[], %(w_until)s::date[])
                                        AS t(partner_id, since, until)),
            fact AS (
                SELECT c.id, c.partner_id, c.day, c.date, c.logged_day, f.before, f.upto, f.deadline,
                       c.counted AS was_counted, c.rejected_reason AS was_reason,
                       c.voided_at IS NOT NULL AS voided,
                       COALESCE(c.logged_at > %(closing)s, FALSE) AS after_closing,
                       COALESCE(o.counts, TRUE) AS outcome_counts,
                       COALESCE(ch.counts = 'always', FALSE)
                       OR (COALESCE(ch.is_written, FALSE)
                           AND EXISTS (SELECT FROM written w
                                        WHERE w.partner_id = c.partner_id AND c.day BETWEEN w.since AND w.until)
                          ) AS channel_counts,
                       COALESCE(ch.counts = 'answered', FALSE) AS channel_counts_if_answered,
                       NOT COALESCE(o.is_attempt, FALSE) AS answered,
                       COALESCE(c.responsible_ref, h.manager_ref) IS NOT NULL AS has_responsible,
                       COALESCE(c.doer_ref IN (c.responsible_ref, h.manager_ref), FALSE)
                       OR EXISTS (SELECT FROM discipline_assistant_rel r
                                   WHERE r.assistant_id = c.doer_ref
                                     AND r.user_id IN (c.responsible_ref, h.manager_ref))
                       OR EXISTS (SELECT FROM discipline_absence a
                                   WHERE a.approved AND a.substitute_id = c.doer_ref
                                     AND a.user_id IN (c.responsible_ref, h.manager_ref)
                                     AND c.day BETWEEN a.date_from AND a.date_to) AS entitled
                  FROM discipline_contact c
                  JOIN frame f ON f.day = c.day
             LEFT JOIN discipline_outcome o ON o.id = c.outcome_id
             LEFT JOIN discipline_channel ch ON ch.id = c.channel_id
             LEFT JOIN LATERAL (    -- whoever made it himself was the responsible: nobody else is looked for
                       SELECT a.manager_ref FROM discipline_assignment a
                        WHERE c.doer_ref IS DISTINCT FROM c.responsible_ref
                          AND a.customer_ref = c.partner_id AND a.date_from <= c.day
                          AND (a.date_to IS NULL OR a.date_to > c.day)
                     ORDER BY a.date_from DESC, a.id DESC LIMIT 1) h ON TRUE
                 WHERE %(among)s %(own)s AND c.day BETWEEN %(start)s AND %(end)s
            )
            """,
            days=[row[0] for row in frame],
            befores=[row[1] for row in frame],
            uptos=[row[2] for row in frame],
            deadlines=[row[3] for row in frame],
            closing=period.closing_at or None,
            w_partner=[row[0] for row in written],
            w_from=[row[3] for row in written],
            w_until=[row[4] for row in written],
            among=among("c.partner_id", partner_ids),
            # another company's customers may lie between the ids of this one's
            own=SQL("AND c.company_id = %s", company.id) if isinstance(partner_ids, range) else SQL(),
            start=date_start,
            end=date_end,
        )

    @api.model
    def _frame(self, company, date_start, date_end, backdating):
        """Return a row per day of the period: (day, working days before it, up to and with it, last day to log)."""
        reach = date_end + timedelta(days=14 + 3 * backdating)
        days = list(self.env["discipline.calendar"]._working_days(company, date_start, reach))
        working = set(days)
        rows, count = [], 0
        for offset in range((date_end - date_start).days + 1):
            day = date_start + timedelta(days=offset)
            before, count = count, count + (day in working)
            rows.append((day, before, count, deadline(day, backdating, days)))
        return rows

    @api.model
    def _of_kind(self, company, kind, day, partner_ids):
        """Return those of the customers whose class has a norm of ``kind`` on ``day`` (without a norm: monthly)."""
        kinds = self.env["discipline.period"]._kinds(company)
        if len(kinds) == 1:
            return partner_ids if kind in kinds else []
        period = (
            self.env["discipline.period"]
            .sudo()
            .search(
                [
                    ("company_id", "=", company.id),
                    ("kind", "=", kind),
                    ("date_start", "<=", day),
                    ("date_end", ">=", day),
                ],
                limit=1,
            )
        )
        if period:
            # a team's own norm may be of another kind than the general one of its class
            return self.env["discipline.compliance"]._of_kind(period, partner_ids)
        norms = self.env["discipline.norm"]._norm_rows(company, day, day)
        weekly = {row[0] for row in norms if row[2] == "week" and row[3] <= day < row[4]}
        rows = self.env.execute_query(
            SQL(
                """
                SELECT c.partner_id, COALESCE(CASE WHEN c.abc_since <= %(day)s THEN c.abc_class_id ELSE (
                           SELECT x.class_to_id FROM discipline_abc_change x
                            WHERE x.customer_ref = c.partner_id AND x.date_effective <= %(day)s AND x.voided_at IS NULL
                         ORDER BY x.date_effective DESC, x.id DESC LIMIT 1) END = ANY(%(weekly)s), FALSE)
                  FROM discipline_customer c WHERE c.partner_id = ANY(%(ids)s)
                """,
                day=day,
                weekly=list(weekly),
                ids=partner_ids,
            )
        )
        is_weekly = dict(rows)
        return [pid for pid in partner_ids if is_weekly.get(pid, False) == (kind == "week")]

    @api.model
    def _preview(self, customer, doer, moment, channel, outcome):
        """Say whether a contact would count if it were logged now.

        :param customer: res.partner, the customer
        :param doer: res.users, who made it
        :param datetime moment: naive UTC
        :return: None where it would count, else the code of the rule (a key of REASONS)
        """
        customer.ensure_one()
        Calendar = self.env["discipline.calendar"]
        company = customer.discipline_id.company_id or self.env.company
        day = Calendar._local_day(moment, doer, company)
        policy = self.env["discipline.policy"]._policy_on(company, day)
        for kind in self.env["discipline.period"]._kinds(company):
            if self._of_kind(company, kind, day, customer.ids):
                break
        first, last = period_of(kind, day)
        period = (
            self.env["discipline.period"]
            .sudo()
            .search([("company_id", "=", company.id), ("kind", "=", kind), ("date_start", "=", first)], limit=1)
        )
        holder = self._holders({(customer.id, day)}).get((customer.id, day))
        rows = self.env.execute_query(
            SQL(
                "WITH %(facts)s SELECT id, day, date, logged_day, voided, after_closing, outcome_counts, "
                "channel_counts, channel_counts_if_answered, answered, has_responsible, entitled FROM fact",
                facts=self._facts_sql(company, kind, first, last, customer.ids, policy),
            )
        )
        new = counting.Contact(
            NEWEST,
            day,
            moment,
            Calendar._local_day(fields.Datetime.now(), doer, company),
            after_closing=period.state == "closed",
            outcome_counts=outcome.counts if outcome else True,
            channel_counts=channel.counts == "always"
            or (channel.is_written and self._written_only(customer, company, day)),
            channel_counts_if_answered=channel.counts == "answered",
            answered=not outcome.is_attempt,
            has_responsible=bool(holder),
            entitled=bool(holder) and self._is_entitled(doer, self.env["res.users"].browse(holder), day),
        )
        reach = last + timedelta(days=14 + 3 * policy.backdating)
        return counting.classify(
            [*(counting.Contact(*row) for row in rows), new],
            min_gap=policy.min_gap,
            backdating=policy.backdating,
            working_days=list(Calendar._working_days(company, first, reach)),
        )[NEWEST]

    @api.model
    def _written_only(self, customer, company, day):
        """Tell whether an approved exception lets written contacts keep this customer's norm on ``day``."""
        agreed = self.env["discipline.exception"]._in_force(company, day, day, ("written",))
        return customer.id in {row[0] for row in agreed}

    @api.model
    def _is_entitled(self, doer, responsible, day):
        """Tell whether the doer's contact counts for the responsible manager: himself, assistant or substitute."""
        if doer == responsible or doer in responsible.sudo().discipline_assistant_ids:
            return True
        return bool(
            self.env["discipline.absence"]
            .sudo()
            .search_count(
                [
                    ("approved", "=", True),
                    ("user_id", "=", responsible.id),
                    ("substitute_id", "=", doer.id),
                    ("date_from", "<=", day),
                    ("date_to", ">=", day),
                ],
                limit=1,
            )
        )

    # ------------------------------------------------------------------
    # What the customer's row shows
    # ------------------------------------------------------------------

    @api.model
    def _refresh_customers(self, partner_ids):
        """Bring the last days in line: of a contact or attempt, of a talk (attempts left out), of what counted.

        :param partner_ids: ids of customers
        """
        columns = ["last_touch_date", "last_contact_date", "last_counted_date"]
        self.env["discipline.customer"].flush_model(columns)
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                UPDATE discipline_customer d
                   SET last_touch_date = n.touch, last_contact_date = n.talk, last_counted_date = n.counted
                  FROM unnest(%s::int[]) AS i(id)
            CROSS JOIN LATERAL (
                       SELECT max(c.day) AS touch,
                              max(c.day) FILTER (WHERE NOT COALESCE(o.is_attempt, FALSE)) AS talk,
                              max(c.day) FILTER (WHERE c.counted) AS counted
                         FROM discipline_contact c LEFT JOIN discipline_outcome o ON o.id = c.outcome_id
                        WHERE c.partner_id = i.id AND c.voided_at IS NULL) n
                 WHERE d.partner_id = i.id
                   AND (d.last_touch_date, d.last_contact_date, d.last_counted_date)
                       IS DISTINCT FROM (n.touch, n.talk, n.counted)
                """,
                list(partner_ids),
            )
        )
        self.env["discipline.customer"].invalidate_model(columns)
        self.env["res.partner"].invalidate_model(["discipline_last_contact_date"])

    @api.model
    def _refresh_next_contacts(self, partner_ids=None):
        """Bring the day of the next planned contact in line: the earliest open contact activity.

        It may be planned on the customer, his employees, a member of his group or an open opportunity of theirs.

        :param partner_ids: ids of customers; None means all
        """
        if partner_ids is not None and not partner_ids:
            return
        self.env["mail.activity"].flush_model()
        self.env["discipline.customer"].flush_model(["next_contact_date", "next_planned"])
        self.env.cr.execute(
            SQL(
                """
                WITH planned AS (%(planned)s)
                UPDATE discipline_customer d
                   SET next_contact_date = n.day, next_planned = n.next_planned
                  FROM (SELECT c.id, p.day IS NULL AND c.next_planned AS next_planned,
                               COALESCE(p.day, CASE WHEN c.next_planned THEN c.next_contact_date END) AS day
                          FROM discipline_customer c LEFT JOIN planned p ON p.customer = c.partner_id
                         WHERE %(own)s) n
                 WHERE d.id = n.id
                   AND (d.next_contact_date, d.next_planned) IS DISTINCT FROM (n.day, n.next_planned)
                """,
                planned=self._open_activities_sql(partner_ids),
                own=SQL("TRUE") if partner_ids is None else SQL("c.partner_id = ANY(%s)", list(partner_ids)),
            )
        )
        self.env["discipline.customer"].invalidate_model(["next_contact_date", "next_planned"])
        self.env["res.partner"].invalidate_model(["discipline_next_contact_date"])

    @api.model
    def _open_activities_sql(self, partner_ids):
        """Return the sub-query (customer, day) of the earliest open contact activity per customer.

        For a few customers it starts from their people, for the whole base from the activities.
        """
        if partner_ids is None:
            return SQL(
                """
                SELECT COALESCE(m.customer_group_id, m.id) AS customer, min(a.date_deadline) AS day
                  FROM mail_activity a
                  JOIN mail_activity_type t ON t.id = a.activity_type_id AND t.discipline_channel_id IS NOT NULL
             LEFT JOIN crm_lead l ON a.res_model = 'crm.lead' AND l.id = a.res_id AND l.active
                  JOIN res_partner p ON p.id = CASE a.res_model WHEN 'res.partner' THEN a.res_id ELSE l.partner_id END
                  JOIN res_partner m ON m.id = p.commercial_partner_id
                 WHERE a.active AND a.res_model IN ('res.partner', 'crm.lead')
              GROUP BY 1
                """
            )
        return SQL(
            """
            WITH people AS (
                SELECT p.id, COALESCE(m.customer_group_id, m.id) AS customer
                  FROM res_partner m JOIN res_partner p ON p.commercial_partner_id = m.id
                 WHERE m.id = p.commercial_partner_id
                   AND (m.id = ANY(%(ids)s) OR m.customer_group_id = ANY(%(ids)s))
            )
            SELECT o.customer, min(a.date_deadline) AS day
              FROM (SELECT 'res.partner' AS model, id, customer FROM people
                     UNION ALL
                    SELECT 'crm.lead', l.id, p.customer
                      FROM crm_lead l JOIN people p ON p.id = l.partner_id WHERE l.active) o
              JOIN mail_activity a ON a.res_model = o.model AND a.res_id = o.id AND a.active
              JOIN mail_activity_type t ON t.id = a.activity_type_id AND t.discipline_channel_id IS NOT NULL
          GROUP BY o.customer
            """,
            ids=list(partner_ids),
        )

    # ------------------------------------------------------------------
    # At night
    # ------------------------------------------------------------------

    @api.model
    def _reconcile_feeders(self, company):
        """Log what a feeder missed: activities finished past the ORM, meetings that took place meanwhile."""
        self.env["mail.activity"].sudo()._discipline_reconcile(company)
        self.env["calendar.event"].sudo()._discipline_log_held(company)
        self._refresh_next_contacts()
