"""What other programs may do with contacts: telephony, messenger gateways, imports.

A call arrives with the customer, or with nothing but his number. Numbers are matched as Odoo keeps them normalised,
a whole batch at once; a number that belongs to nobody, or to several customers, waits for a person to assign it.
"""

from datetime import UTC, datetime

from odoo import api, fields, models
from odoo.addons.phone_validation.models.mail_thread_phone import PHONE_REGEX_PATTERN
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from .sets import unnested

#: what a program may tell of a contact
TOLD = frozenset(
    {
        "partner_id", "phone", "user_id", "date", "channel_id", "direction", "outcome_id", "note", "duration",
        "lead_id", "source_ref",
    }
)  # fmt: skip
#: the models behind what is told by id
RECORDS = {
    "partner_id": "res.partner",
    "user_id": "res.users",
    "channel_id": "discipline.channel",
    "outcome_id": "discipline.outcome",
    "lead_id": "crm.lead",
}
#: shorter numbers are extensions of an office exchange: they say nothing about a customer
SHORTEST = 5


class DisciplineContact(models.Model):
    _inherit = "discipline.contact"

    @api.model
    def log_contacts(self, vals_list):
        """Log contacts for another program: telephony, a messenger gateway, an import.

        The same ``source_ref`` is logged once for ever, however often it is sent. A batch is all or nothing; the
        number of statements does not depend on its size.

        :param list vals_list: dicts with ``source_ref`` (the number of the call in that program) and ``partner_id``
            (the customer or one of his people) or ``phone`` (the other side's number, in any spelling), and,
            optionally, ``user_id`` (who made it; the caller), ``date`` (``2025-03-10 09:00:00`` in UTC, or ISO 8601
            with an offset; now), ``channel_id`` (a call), ``outcome_id``, ``direction`` (``out`` or ``in``), ``note``,
            ``duration`` (minutes), ``lead_id``. A salesman logs his own contacts only, a supervisor those of others.
        :return: list of contact ids in the order given; False where the number belongs to no customer, or to
            several: the call waits under “Calls without a Customer”
        :raise AccessError: for people outside of Sales, and for a salesman who logs for somebody else
        :raise UserError: naming what is wrong and in which entry; then nothing is logged
        """
        if not self.env.user.has_group("sales_team.group_sale_salesman"):
            raise AccessError(self.env._("Only people of the Sales groups log contacts."))
        call = self.env.ref("sales_discipline.discipline_channel_call", raise_if_not_found=False)
        usual = {"channel_id": call.id if call else None}
        others = self.env.user._discipline_is_supervisor()
        rows = [{**usual, **self._read_entry(number, vals, others)} for number, vals in enumerate(vals_list, start=1)]
        self._check_entries(rows)
        contacts = self.sudo()
        unknown = [row for row in rows if not row.get("partner_id")]
        logged = contacts._known([{"note": None, **row} for row in unknown]) if unknown else {}
        waiting = contacts._identify([row for row in unknown if row["source_ref"] not in logged])
        ready = [row for row in rows if row.get("partner_id")]
        for row, contact in zip(ready, contacts._log(ready), strict=True):
            logged[row["source_ref"]] = contact.id
        self.env["discipline.contact.unmatched"].sudo()._keep(waiting)
        self.env["discipline.contact.unmatched"].sudo()._settle(logged)
        return [logged.get(row["source_ref"], False) for row in rows]

    def _read_entry(self, number, vals, others):
        """Return one entry of :meth:`log_contacts` as values for the log.

        :param int number: its place in the batch, for messages
        :param bool others: whether the user may log other people's contacts
        """
        wrong = self._wrong_entry(vals)
        if wrong:
            raise UserError(self.env._("Contact %(number)s: %(what)s.", number=number, what=wrong))
        if vals.get("user_id", self.env.uid) != self.env.uid and not others:
            raise AccessError(self.env._("Contact %(number)s: you log your own contacts only.", number=number))
        row = {**vals, "source": "api", "source_ref": f"api:{vals['source_ref']}"}
        if vals.get("date"):
            row["date"] = self._read_moment(vals["date"])
        return row

    def _wrong_entry(self, vals):
        """Return what is wrong with an entry, in words; None where nothing is."""
        unknown = set(vals) - TOLD
        if unknown:
            return self.env._("unknown fields %(names)s", names=", ".join(sorted(unknown)))
        if not vals.get("source_ref"):
            return self.env._("it needs a source_ref, the number of the call in your system")
        if not vals.get("partner_id") and not vals.get("phone"):
            return self.env._("it needs a customer (partner_id) or a number (phone)")
        if vals.get("direction") not in (None, False, "in", "out"):
            return self.env._("its direction is “in” or “out”")
        if not isinstance(vals.get("duration") or 0, (int, float)):
            return self.env._("its duration is a number of minutes")
        if any(not isinstance(vals.get(name) or 0, int) for name in RECORDS):
            return self.env._("%(names)s are given as ids", names=", ".join(sorted(RECORDS)))
        if any(not isinstance(vals.get(name) or "", str) for name in ("phone", "note")):
            return self.env._("phone and note are text")
        try:
            self._read_moment(vals.get("date") or None)
        except (TypeError, ValueError):
            return self.env._("“%(date)s” is no date: tell it as 2025-03-10 09:00:00 in UTC", date=vals["date"])
        return None

    @api.model
    def _read_moment(self, told):
        """Return a moment as naive UTC; ISO 8601 with an offset is turned into UTC.

        :raise ValueError: if it is no moment
        """
        if not isinstance(told, str):
            return fields.Datetime.to_datetime(told)
        moment = datetime.fromisoformat(told.strip())
        if moment.tzinfo:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        return moment.replace(microsecond=0)

    def _check_entries(self, rows):
        """Refuse entries that name a record which does not exist (any more), in one query per model.

        :raise UserError: naming the entry and the record
        """
        for name, model in RECORDS.items():
            told = {row[name] for row in rows if row.get(name)}
            if not told:
                continue
            found = set(self.env[model].sudo().with_context(active_test=False).search([("id", "in", list(told))]).ids)
            for number, row in enumerate(rows, start=1):
                if row.get(name) and row[name] not in found:
                    raise UserError(
                        self.env._(
                            "Contact %(number)s: there is no record %(id)s for %(field)s. It may have been deleted, or "
                            "merged into another: send the present one, or the phone number alone.",
                            number=number,
                            id=row[name],
                            field=name,
                        )
                    )

    # ------------------------------------------------------------------
    # What was planned for it
    # ------------------------------------------------------------------

    def _after_log(self):
        self.filtered(lambda row: row.source == "api")._settle_planned_calls()
        return super()._after_log()

    def _after_join(self):
        self.filtered(lambda row: "api" in row.source_ids.mapped("source"))._settle_planned_calls()
        return super()._after_join()

    def _settle_planned_calls(self):
        """Finish the calls that the doers had planned with these customers up to the day on which they talked.

        An attempt leaves them planned: the call is still to be made. They are archived all at once, without a message
        for each: telephony tells of thousands of calls in one request.
        """
        talks = self.sudo().filtered(lambda row: row.partner_id and row.channel_id and not row.outcome_id.is_attempt)
        if talks:
            activities = self.env["mail.activity"].sudo()._discipline_planned_calls(talks)
            if activities:
                activities.write({"discipline_settled": True, "active": False})

    # ------------------------------------------------------------------
    # From numbers to customers
    # ------------------------------------------------------------------

    @api.model
    def _identify(self, rows):
        """Give rows whose number belongs to one customer their ``partner_id``.

        :param rows: dicts with ``phone`` and ``source_ref``
        :return: the rows that nobody, or more than one customer, answers to, and those that a person has dismissed
        """
        if not rows:
            return []
        people = self._people_by_number([row["phone"] for row in rows])
        dismissed = self.env["discipline.contact.unmatched"]._dismissed([row["source_ref"] for row in rows])
        waiting = []
        for row in rows:
            customers, persons = people.get(row["phone"], ((), ()))
            if len(customers) == 1 and row["source_ref"] not in dismissed:
                # several people of one customer share a number: the call was with the customer
                row["partner_id"] = persons[0] if len(persons) == 1 else customers[0]
            else:
                waiting.append(row)
        return waiting

    @api.model
    def _people_by_number(self, numbers):
        """Find whose numbers these are, in two queries at most.

        :param numbers: telephone numbers as they were told
        :return: {number: (ids of customers, ids of the people and companies with this number)}
        """
        told = {number for number in numbers if len([char for char in number if char.isdigit()]) >= SHORTEST}
        # most exchanges tell whole numbers: what is found as it is need not be understood first
        found = self._find_people(
            [(number, plain, None) for number in told if (plain := self._plain_number(number)).startswith("+")]
        )
        rest = []
        for number in told - found.keys():
            normal = self._normal_number(number)
            rest.append((number, normal, None if normal else self._plain_number(number)))
        return found | self._find_people(rest)

    @api.model
    def _find_people(self, told):
        """See :meth:`_people_by_number`.

        :param told: (number, the number normalised or None, the number without punctuation where it is not) per number
        """
        if not told:
            return {}
        self.env["res.partner"].flush_model(
            ["phone", "phone_sanitized", "active", "partner_share", "company_id", "commercial_partner_id",
             "customer_group_id"]
        )  # fmt: skip
        rows = self.env.execute_query(
            SQL(
                """
                -- number after number, then person after person by their indexes: PostgreSQL expects hundreds of people
                -- behind a number, and would read all partners
                WITH person AS MATERIALIZED (
                    SELECT t.number, x.id
                      FROM %(told)s
                CROSS JOIN LATERAL (
                           SELECT id FROM res_partner WHERE phone_sanitized = t.normal
                            UNION
                           SELECT id FROM res_partner
                            WHERE t.normal IS NULL AND phone IS NOT NULL
                              AND regexp_replace((phone::text), %(pattern)s::text, ''::text, 'g'::text) = t.plain
                           OFFSET 0) x
                )
                SELECT t.number, array_agg(DISTINCT COALESCE(m.customer_group_id, m.id)), array_agg(p.id ORDER BY p.id)
                  FROM person t
                  JOIN res_partner p ON p.id = t.id AND p.id = ANY(ARRAY(SELECT id FROM person))
                   AND p.active AND p.partner_share AND (p.company_id IS NULL OR p.company_id = ANY(%(companies)s))
                  JOIN res_partner m ON m.id = p.commercial_partner_id
                 WHERE NOT EXISTS (SELECT FROM res_company c WHERE c.partner_id = COALESCE(m.customer_group_id, m.id))
              GROUP BY t.number
                """,
                told=unnested(told, {"number": "text", "normal": "text", "plain": "text"}, "t"),
                pattern=PHONE_REGEX_PATTERN,
                companies=self.env.companies.ids,
            )
        )
        return {number: (customers, persons) for number, customers, persons in rows}

    @api.model
    def _plain_number(self, number):
        """Return a number without spaces and punctuation, as Odoo's own search for numbers reads it."""
        return "".join(char for char in number if char not in " \t\n\r\\./()-")

    @api.model
    def _normal_number(self, number):
        """Return a number as Odoo normalises those of customers, or None where it is no possible number."""
        return self._phone_format_number(number, self.env.company.country_id) or None

    @api.model
    def _reconcile_feeders(self, company):
        super()._reconcile_feeders(company)
        self.env["discipline.contact.unmatched"].sudo()._try_again(company)
