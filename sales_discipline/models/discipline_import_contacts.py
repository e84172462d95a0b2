"""Contacts of another system, from a file: who talked to whom, when and how, and what came of it."""

import hashlib
from datetime import datetime, time, timedelta

import pytz
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_datetime
from odoo.tools.misc import format_date

from ..engine.matching import normal_text
from ..engine.tables import TableError, parse_date, parse_sum, parse_time
from ..engine.workdays import deadline
from .discipline_contact import NOTE_LIMIT
from .discipline_import import CHUNK
from .discipline_import_portfolio import MANAGER_HEADINGS

CONTACT_HEADINGS = {
    "when": [
        "When", "Date and Time", "Date", "Day", "Дата и время", "Дата", "Дата контакта", "Дата звонка", "Дата события",
        "Когда", "Начало",
    ],
    "time": ["Time", "Start Time", "Время", "Время контакта", "Время звонка", "Время начала"],
    "person": ["Person", "Contact Person", "Контактное лицо", "Контакт", "Собеседник", "Представитель"],
    "manager": [*MANAGER_HEADINGS, "Made by", "Doer", "Кто", "Исполнитель", "Автор", "ФИО", "Пользователь"],
    "channel": ["Channel", "Type", "Канал", "Вид контакта", "Тип контакта", "Способ", "Вид события", "Тип события"],
    "outcome": ["Outcome", "Result", "Результат", "Итог", "Исход"],
    "note": ["Note", "Comment", "Text", "Заметка", "Комментарий", "Примечание", "Содержание", "Описание", "Текст"],
    "minutes": ["Duration, Minutes", "Minutes", "Duration", "Длительность, минут", "Длительность", "Минуты"],
    "contact_number": [
        "Source No.", "Source Ref", "Number", "Contact No.", "Call ID", "Номер", "№", "Номер контакта", "Номер звонка",
        "Номер события", "Номер источника",
    ],
}  # fmt: skip
#: columns of the customer; a formula there does no harm where he was found by another
NAMING = {"id", "ref", "vat", "kpp", "name", "email", "phone"}
#: the time of a contact of which the file tells the day alone
NOON = time(12)


class DisciplineImport(models.Model):
    _inherit = "discipline.import"

    kind = fields.Selection(selection_add=[("contacts", "Contacts")], ondelete={"contacts": "cascade"})

    @api.model
    def _synonyms(self, kind):
        return super()._synonyms(kind) | CONTACT_HEADINGS if kind == "contacts" else super()._synonyms(kind)

    @api.model
    def _needed(self, kind):
        return [*super()._needed(kind), "when", "manager"] if kind == "contacts" else super()._needed(kind)

    @api.model
    def _heading(self, name):
        if name not in CONTACT_HEADINGS or name == "manager":
            return super()._heading(name)
        texts = CONTACT_HEADINGS[name]
        if (self.env.lang or "").startswith("ru"):
            texts = [text for text in texts if any("а" <= sign <= "я" for sign in text.lower())]
        return texts[0]

    @api.model
    def _template_fields(self, kind):
        if kind != "contacts":
            return super()._template_fields(kind)
        return ["when", "name", "vat", "person", "manager", "channel", "outcome", "note", "minutes", "contact_number"]

    @api.model
    def _line_columns(self):
        return super()._line_columns() | {
            "moment": "timestamp",
            "person_id": "int",
            "channel_id": "int",
            "outcome_id": "int",
            "note": "text",
            "minutes": "float8",
        }

    # ------------------------------------------------------------------
    # Reading
    # ------------------------------------------------------------------

    def _judge(self, rows, columns, progress=None, chosen=None, leave=None):
        if self.kind != "contacts":
            return super()._judge(rows, columns, progress, chosen, leave)
        if not (self.source_prefix or "").strip():
            raise UserError(
                self.env._(
                    "Name the source, for example “1C”: it stands before every number of “%(file)s”.", file=self.name
                )
            )
        known = self._contact_knowledge()
        lines = []
        for index, (number, cells) in enumerate(rows, start=1):
            lines.append(self._read_contact(number, cells, columns, known, (chosen or {}).get(number)))
            if progress and not index % CHUNK:
                progress(index)
        self._find_persons(lines)
        self._decide_contacts(lines, leave)
        return lines

    def _contact_knowledge(self):
        """Return what rows are read by: customers, managers, names of channels and outcomes, the reader's zone."""
        users = self.env["res.users"].sudo().with_context(active_test=False).search([("share", "=", False)])
        call = self.env.ref("sales_discipline.discipline_channel_call", raise_if_not_found=False)
        return {
            "customers": self._customers(self.company_id),
            "managers": self._managers(),
            "people": {user.id: user for user in users.with_env(self.env)},
            "channels": self._by_every_name("discipline.channel"),
            "outcomes": self._by_every_name("discipline.outcome"),
            "call": call.sudo() if call else self.env["discipline.channel"],
            "zone": self._zone_of(self.env.user),
            "now": fields.Datetime.now(),
        }

    @api.model
    def _by_every_name(self, model):
        """Return {normal name in any installed language: record} of channels or outcomes."""
        found = {}
        for code, _name in self.env["res.lang"].get_installed():
            for record in self.env[model].sudo().with_context(lang=code).search([]):
                found.setdefault(normal_text(record.name), record)
        return found

    def _zone_of(self, user):
        """Return the time zone in which a person reads a clock; the company calendar's where he has none."""
        name = user.sudo().tz
        if name in pytz.all_timezones_set:
            return pytz.timezone(name)
        return self.env["discipline.calendar"]._timezone(self.company_id)

    def _read_contact(self, number, cells, columns, known, chosen):
        """Return what a row says, with a sentence where it says nothing that can be taken."""
        values, formulas = self._values(cells, columns)
        match, person = known["customers"].match(values), known["managers"].match(values.get("manager"))
        customer, told, user = match.customer, match.id, person.id
        if chosen:
            user = chosen["user"] or user
            if chosen["partner"]:
                partner = self.env["res.partner"].browse(chosen["partner"])
                told, customer = partner.id, partner._discipline_customer().id
        line = {
            "row": number,
            "customer_text": self._named(values) or None,
            "manager_text": str(values.get("manager") or "") or None,
            "partner_id": customer,
            "buyer_id": told,
            "user_to_id": user,
            "person_id": None,
            "suggestion_id": None if customer or not match.close else match.close[0],
            "message": None,
            "_match": None if customer else match,
            "_values": values,
            "_cells": cells,
        }
        used = [name for name in formulas if name not in NAMING or not customer]
        try:
            if used:
                raise UserError(self._formula_sentence(used))
            if customer:
                self._read_doer(line, person, known)
                self._read_talk(line, values, known)
        except UserError as error:
            line["message"] = str(error)
        return line

    def _read_doer(self, line, person, known):
        """Refuse a row whose manager is not one.

        :raise UserError: one sentence: what is wrong with him
        """
        if not line["user_to_id"]:
            raise UserError(self._manager_sentence(person, line["manager_text"], known["people"]))
        user = known["people"][line["user_to_id"]]
        if not user.active and person.problem == "archived":
            raise UserError(self.env._("%(manager)s is archived: name who works here now.", manager=user.name))

    def _read_talk(self, line, values, known):
        """Add time, channel, outcome, note, duration and number to a row.

        :raise UserError: one sentence: what is wrong with the row
        """
        user = known["people"][line["user_to_id"]]
        line["moment"] = self._moment(values, user, known)
        line["day"] = self.env["discipline.calendar"]._local_day(line["moment"], user, self.company_id)
        channel = self._named_record(values.get("channel"), known["channels"], "channel") or known["call"]
        outcome = self._named_record(values.get("outcome"), known["outcomes"], "outcome") or channel.outcome_id
        line["channel_id"], line["outcome_id"] = channel.id or None, outcome.id or None
        line["note"] = str(values.get("note") if values.get("note") is not None else "").strip() or None
        if len(line["note"] or "") > NOTE_LIMIT:
            raise UserError(
                self.env._(
                    "The note has %(count)s characters; a contact keeps %(limit)s: shorten it.",
                    count=len(line["note"]),
                    limit=NOTE_LIMIT,
                )
            )
        line["minutes"] = self._minutes(values.get("minutes"))
        line["source_ref"] = f"import:{self.source_prefix.strip()}:{self._contact_number(line, values)}"

    def _moment(self, values, user, known):
        """Return when it was (naive UTC), by the clock of whoever imports.

        Where the file tells no time it is noon of the doer's day.

        :raise UserError: where it is no moment, or still to come
        """
        value = values.get("when")
        try:
            day = parse_date(value)
            told = parse_time(values.get("time")) or parse_time(value)
        except TableError as error:
            wrong = values.get("time") if error.code == "no_time" and values.get("time") else value
            raise UserError(
                self.env._(
                    "“%(value)s” is not a day and time; write it like 31.03.2025 14:05.",
                    value="" if wrong is None else wrong,
                )
            ) from error
        zone = known["zone"] if told else self._zone_of(user)
        local = zone.normalize(zone.localize(datetime.combine(day, told or NOON)))
        moment = local.astimezone(pytz.utc).replace(tzinfo=None)
        if not told and day == known["now"].replace(tzinfo=pytz.utc).astimezone(zone).date():
            return min(moment, known["now"])
        if moment > known["now"]:
            raise UserError(
                self.env._(
                    "%(date)s is still to come: only contacts that took place are recorded.",
                    date=format_datetime(self.env, moment) if told else format_date(self.env, day),
                )
            )
        return moment

    def _named_record(self, value, known, what):
        """Return the channel or outcome that a cell names, None where it is empty.

        :raise UserError: where it names none, with those that there are
        """
        text = normal_text(value)
        if not text:
            return None
        if text not in known:
            offered = ", ".join(sorted({record.with_env(self.env).name for record in known.values()}))
            if what == "channel":
                raise UserError(
                    self.env._("“%(value)s” is no channel: write one of %(names)s.", value=value, names=offered)
                )
            raise UserError(
                self.env._("“%(value)s” is no outcome: write one of %(names)s.", value=value, names=offered)
            )
        return known[text]

    def _minutes(self, value):
        if value in (None, ""):
            return None
        try:
            minutes = float(parse_sum(value))
        except TableError as error:
            raise UserError(
                self.env._("“%(value)s” is not a duration: write a number of minutes.", value=value)
            ) from error
        if not 0 <= minutes <= 24 * 60:
            raise UserError(self.env._("A contact lasts at most a day: “%(value)s” minutes cannot be.", value=value))
        return minutes

    @api.model
    def _contact_number(self, line, values):
        """Return the number that the file gives a contact, else one that its content makes: it comes in once."""
        number = values.get("contact_number")
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        number = " ".join(str(number if number is not None else "").split())
        if number:
            return number
        told = (line["user_to_id"], line["partner_id"], line["moment"], line["channel_id"], line["note"])
        return f"#{hashlib.sha256(repr(told).encode()).hexdigest()[:32]}"

    def _find_persons(self, lines):
        """Give rows the person of the customer that they name, in one query; a person who is not his is refused."""
        named = [line for line in lines if line["partner_id"] and not line["message"] and line["_values"].get("person")]
        people = self._people_of({line["partner_id"] for line in named})
        for line in lines:
            if line["partner_id"] and line["buyer_id"] != line["partner_id"]:
                # the row named one of his people by mail or telephone
                line["person_id"] = line["buyer_id"]
        customers = self._names(line["partner_id"] for line in named)
        for line in named:
            text = str(line["_values"]["person"])
            found = people.get((line["partner_id"], normal_text(text)))
            if found:
                line["person_id"] = found
            elif normal_text(text) != normal_text(customers[line["partner_id"]]):
                line["message"] = self.env._(
                    "%(customer)s has no person “%(person)s”: correct the name, or leave the cell empty.",
                    customer=customers[line["partner_id"]],
                    person=text,
                )

    @api.model
    def _people_of(self, customers):
        """Return {(customer, normal name): id} of the people and member companies of customers."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT COALESCE(m.customer_group_id, m.id), p.name, p.id
                  FROM res_partner p JOIN res_partner m ON m.id = p.commercial_partner_id
                 WHERE p.active AND p.name IS NOT NULL
                   AND (m.id = ANY(%(ids)s) OR m.customer_group_id = ANY(%(ids)s))
                   AND p.id != ALL(%(ids)s)
              ORDER BY p.id DESC
                """,
                ids=list(customers),
            )
        )
        return {(customer, normal_text(name)): person for customer, name, person in rows}

    # ------------------------------------------------------------------
    # Deciding
    # ------------------------------------------------------------------

    def _decide_contacts(self, lines, leave=None):
        """Give each row its state and its sentence: new, too late to count, known already, or refused."""
        names = self._names(number for line in lines if line["_match"] for number in line["_match"].close)
        logged = self._logged_refs([line["source_ref"] for line in lines if line.get("source_ref")])
        seen, last = {}, self._last_days(lines)
        if leave is not None:
            others = (self.line_ids.sudo() - leave).filtered(lambda line: line.state != "rejected")
            seen = {line.source_ref: line.row for line in others}
        for line in lines:
            if line["_match"] and not line["message"]:
                line["message"] = self._customer_sentence(line["_match"], line["_values"], names)
            state, ref = "rejected" if line["message"] else "ready", line.get("source_ref")
            if state == "ready" and ref in seen:
                state = "rejected"
                line["message"] = self.env._("It stands in row %(row)s already: leave one of them.", row=seen[ref])
            elif state == "ready":
                seen[ref] = line["row"]
                if ref in logged:
                    state, line["message"] = "unchanged", self.env._("In the log already.")
                else:
                    line["message"] = self._late_sentence(line, last)
            line["state"] = state
            line["cells"] = self._cells_text(line["_cells"]) if state == "rejected" else None

    @api.model
    def _logged_refs(self, refs):
        """Return those of the source numbers that are in the log, voided ones too."""
        return set(self.env["discipline.contact"].sudo()._known([{"source_ref": ref, "note": None} for ref in refs]))

    def _last_days(self, lines):
        """Return {day: last day on which a contact of it was logged in time} of the days of the rows."""
        Calendar, Policy = self.env["discipline.calendar"], self.env["discipline.policy"]
        days = sorted({line["day"] for line in lines if line.get("day")})
        if not days:
            return {}
        # policies change seldom: one per month is asked
        months = {day.replace(day=1) for day in days}
        backdating = {month: Policy._policy_on(self.company_id, month).backdating for month in months}
        reach = days[-1] + timedelta(days=14 + 3 * max(backdating.values()))
        working = list(Calendar._working_days(self.company_id, days[0], reach))
        return {day: deadline(day, backdating[day.replace(day=1)], working) for day in days}

    def _late_sentence(self, line, last):
        """Return why a contact will not count although it is logged, where it is known already: it comes too late."""
        today = self.env["discipline.calendar"]._today_of(
            self.env["res.users"].browse(line["user_to_id"]), self.company_id
        )
        if today > last[line["day"]]:
            return self.env._(
                "It will be in the log and will not count: it had to be logged by %(day)s.",
                day=format_date(self.env, last[line["day"]]),
            )
        return None

    # ------------------------------------------------------------------
    # Applying
    # ------------------------------------------------------------------

    def _apply(self, report):
        if self.kind != "contacts":
            return super()._apply(report)
        names = ("partner_id", "user_id", "date", "channel_id", "outcome_id", "note", "duration", "source_ref")
        rows = [
            {**dict(zip(names, row, strict=True)), "source": "import"}
            for row in self.env.execute_query(
                SQL(
                    """
                    SELECT COALESCE(person_id, partner_id), user_to_id, moment, channel_id, outcome_id, note, minutes,
                           source_ref
                      FROM discipline_import_line
                     WHERE import_id = %s AND state = 'ready' ORDER BY row, id
                    """,
                    self.id,
                )
            )
        ]
        report(0, len(rows))
        for start in range(0, len(rows), CHUNK):
            self.env["discipline.contact"].sudo()._log(rows[start : start + CHUNK])
            self.env.flush_all()
            self.env.invalidate_all()
            report(min(start + CHUNK, len(rows)), len(rows))
        return None

    def action_rows(self):
        action = super().action_rows()
        if self.kind == "contacts":
            action["views"] = [(self.env.ref("sales_discipline.discipline_import_line_view_contacts").id, "list")]
        return action

    def _summary(self):
        if self.kind != "contacts":
            return super()._summary()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.name, count(*), count(l.message), min(l.day), max(l.day)
                  FROM discipline_import_line l
                  JOIN res_users u ON u.id = l.user_to_id JOIN res_partner p ON p.id = u.partner_id
                 WHERE l.import_id = %s AND l.state IN ('ready', 'done') GROUP BY 1 ORDER BY 1
                """,
                self.id,
            )
        )
        if not rows:
            return False
        heads = [self.env._("Manager"), self.env._("Contacts"), self.env._("Too Late to Count"), self.env._("From"),
                 self.env._("To")]  # fmt: skip
        return self._html_table(
            heads,
            [
                (name, count, late, format_date(self.env, first), format_date(self.env, last))
                for name, count, late, first, last in rows
            ],
        )


class DisciplineImportLine(models.Model):
    _inherit = "discipline.import.line"

    moment = fields.Datetime("When", readonly=True)
    person_id = fields.Many2one("res.partner", readonly=True, ondelete="cascade")
    channel_id = fields.Many2one("discipline.channel", readonly=True, ondelete="cascade")
    outcome_id = fields.Many2one("discipline.outcome", readonly=True, ondelete="cascade")
    note = fields.Text(readonly=True)
    minutes = fields.Float("Duration, Minutes", readonly=True)
