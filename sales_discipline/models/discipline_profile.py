"""How complete the customers' cards are: one statement over a set of customers, whether it is one or a million.

Each active rule becomes two SQL expressions over a customer ``t`` and his partner ``p`` (or his employees ``e``): does
it apply, does it pass. What SQL cannot decide, whether a phone or an e-mail is valid, is decided by Python once per
value: for phones Odoo keeps it on the partner (``phone_sanitized``), the rest is in ``discipline.profile.value``.

What was ever valid on a card (``profile_known``) earns nothing again; what is newly valid waits in ``profile_pending``
for the card to become complete. A phone or an e-mail that came first on another customer's card is *borrowed*: the
card is complete for everyone who reads it, but nobody has earned it.
"""

from ast import literal_eval

import pytz
from odoo import SUPERUSER_ID, api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, ormcache

from ..engine import card

#: longer ones are neither phones nor addresses; an index could not hold them
MAX_VALUE = 320
NUMERIC = ("integer", "float", "monetary")
SCORE_FIELDS = (
    "profile_score",
    "profile_complete",
    "profile_missing",
    "profile_missing_count",
    "profile_closed",
    "profile_known",
    "profile_pending",
    "profile_borrowed",
    "profile_missing_since",
    "profile_completed_on",
    "profile_completed_by_id",
    "profile_missing_ids",
    "profile_closed_ids",
    "profile_level",
    "profile_color",
    "profile_shared",
    "profile_shared_count",
)


class DisciplineProfile(models.AbstractModel):
    _name = "discipline.profile"
    _description = "Scoring of Customer Cards"

    # ------------------------------------------------------------------
    # Entries
    # ------------------------------------------------------------------

    @api.model
    def _score_partners(self, partners, credit=False, values=True):
        """Score the customers behind these partners (companies, persons, employees) in the present transaction.

        At most three statements: values, scores, completions.

        :param partners: res.partner
        :param bool credit: write completions into the ledger, for the present user
        :param bool values: whether phones or e-mails may have changed
        """
        if not partners:
            return
        self.env["res.partner"].flush_model()
        if values:
            self._learn_values(partners)
        where = SQL(
            """
            c.partner_id IN (SELECT COALESCE(m.customer_group_id, m.id)
                               FROM res_partner x JOIN res_partner m ON m.id = x.commercial_partner_id
                              WHERE x.id = ANY(%s))
            """,
            partners.ids,
        )
        credit = credit and self.env.uid != SUPERUSER_ID
        events = self._score(where, small=True, credit=credit)
        if events:
            self.env["discipline.profile.completion"]._ledger()._record(events, self.env.user)

    @api.model
    def _score_range(self, size=100000):
        """Score the whole base, in batches, in one transaction."""
        last, done = 0, 1
        while done:
            last, done = self._score_batch(last, size)

    @api.model
    def _score_batch(self, after, size):
        """Score the ``size`` customers that follow the row id ``after``; whatever passes now counts as known.

        :return: (last row id, number of customers)
        """
        self.env["discipline.customer"].flush_model()
        ((last, count),) = self.env.execute_query(
            SQL(
                "SELECT max(id), count(*) FROM (SELECT id FROM discipline_customer WHERE id > %s AND in_base "
                "ORDER BY id LIMIT %s) batch",
                after,
                size,
            )
        )
        if not count:
            return after, 0
        where = SQL("c.id > %s AND c.id <= %s", after, last)
        self.env["res.partner"].flush_model()
        self._learn_values_where(where)
        self._score(where, learn=True)
        return last, count

    @api.model
    def _score_changed(self, company, since):
        """Score whoever changed past the ORM, was never scored, or has a note that no longer holds.

        :param since: naive UTC; None scores everyone
        """
        today = self.env["discipline.calendar"]._today(company)
        self.env["res.partner"].flush_model()
        self.env["discipline.customer"].flush_model()
        if since is None:
            where = SQL("c.company_id = %s", company.id)
        else:
            where = SQL(
                """
                c.company_id = %(company)s AND (
                    c.profile_missing IS NULL OR c.write_date >= %(since)s
                    OR c.partner_id IN (SELECT COALESCE(m.customer_group_id, m.id)
                                          FROM res_partner x JOIN res_partner m ON m.id = x.commercial_partner_id
                                         WHERE x.write_date >= %(since)s)
                    OR c.partner_id IN (SELECT n.customer_ref FROM discipline_profile_note n
                                         WHERE n.until BETWEEN %(day)s AND %(today)s))
                """,
                company=company.id,
                since=since,
                day=since.date(),
                today=today,
            )
        self._learn_values_where(where)
        self._score(where, learn=since is None)

    # ------------------------------------------------------------------
    # Values: whether they are valid, and where they came first
    # ------------------------------------------------------------------

    @api.model
    def _raw_phone_fields(self):
        """Return the fields with phones that rules look at, other than the one that Odoo sanitizes itself."""
        return sorted(
            {
                name
                for spec in self.env["discipline.profile.rule"]._specs()
                if spec.active and spec.check == "phone"
                for name in spec.fields
                if name != "phone"
            }
        )

    @api.model
    def _email_fields(self):
        return sorted(
            {
                name
                for spec in self.env["discipline.profile.rule"]._specs()
                if spec.active and spec.check == "email"
                for name in spec.fields
            }
        )

    @api.model
    def _value_fields(self):
        """Return the partner's fields that hold phones and e-mails, or change how they are read."""
        return {"phone", "email", "country_id", "child_ids", *self._email_fields(), *self._raw_phone_fields()}

    @api.model
    def _learn_values(self, partners):
        """Keep what these partners' phones and e-mails are, in one statement, before the cards are scored."""
        emails, raws = self._email_fields(), self._raw_phone_fields()
        rows = []
        for partner in partners.sudo():
            for name in emails:
                rows += [(partner.id, *row) for row in self._email_rows([partner[name]])]
            if partner.phone_sanitized:
                rows.append((partner.id, "phone", partner.phone_sanitized, partner.phone_sanitized, True))
            for name in raws:
                if partner[name]:
                    rows.append((partner.id, *self._raw_row(partner.country_id, partner[name])))
        self._insert_values(rows)

    @api.model
    def _email_rows(self, values):
        """Return (kind, value, key, valid) of each e-mail; too long ones are left out: they are not valid."""
        return [
            ("email", value, card.email_key(value), card.is_email(value) and not card.is_placeholder_email(value))
            for value in values
            if value and len(value) <= MAX_VALUE
        ]

    @api.model
    def _raw_row(self, country, value):
        """Return (kind, value, key, valid) of a phone as it was entered; the country decides how it is read."""
        sanitized = self.env["res.partner"]._phone_format(number=value, country=country)
        valid = bool(sanitized) and not card.is_placeholder_phone(sanitized)
        return "raw", f"{country.id or 0}:{value}"[:MAX_VALUE], sanitized or None, valid

    @api.model
    def _insert_values(self, rows):
        """Keep values that are not known yet; a key that is known stays with the customer on whose card it came first.

        :param list rows: (partner id, kind, value, key, valid)
        """
        if not rows:
            return
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO discipline_profile_value (kind, value, key, valid, customer_ref, create_date)
                SELECT n.kind, n.value, n.key, n.valid,
                       COALESCE(f.customer_ref, m.customer_group_id, m.id),
                       now() AT TIME ZONE 'UTC'
                  FROM unnest(%(partners)s::int[], %(kinds)s::text[], %(values)s::text[], %(keys)s::text[],
                              %(valid)s::bool[]) AS n(partner_id, kind, value, key, valid)
                  JOIN res_partner p ON p.id = n.partner_id
                  JOIN res_partner m ON m.id = p.commercial_partner_id
             LEFT JOIN (SELECT DISTINCT ON (v.key) v.key, v.customer_ref FROM discipline_profile_value v
                         WHERE v.key = ANY(%(keys)s::text[]) ORDER BY v.key, v.id) f ON f.key = n.key
              ORDER BY n.kind, n.value, n.partner_id
                    ON CONFLICT (kind, value) DO NOTHING
                """,
                partners=[row[0] for row in rows],
                kinds=[row[1] for row in rows],
                values=[row[2] for row in rows],
                keys=[row[3] for row in rows],
                valid=[row[4] for row in rows],
            )
        )

    @api.model
    def _learn_values_where(self, where):
        """Keep the values of a set of customers and their employees: phones in SQL, each new e-mail once in Python."""
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO discipline_profile_value (kind, value, key, valid, customer_ref, create_date)
                SELECT 'phone', x.phone_sanitized, x.phone_sanitized, TRUE, min(COALESCE(m.customer_group_id, m.id)),
                       now() AT TIME ZONE 'UTC'
                  FROM res_partner x
                  JOIN res_partner m ON m.id = x.commercial_partner_id
                  JOIN discipline_customer c ON c.partner_id = COALESCE(m.customer_group_id, m.id)
             LEFT JOIN discipline_profile_value v ON v.kind = 'phone' AND v.value = x.phone_sanitized
                 WHERE x.phone_sanitized IS NOT NULL AND v.id IS NULL AND c.in_base AND (%s)
              GROUP BY x.phone_sanitized
                    ON CONFLICT (kind, value) DO NOTHING
                """,
                where,
            )
        )
        for name in self._email_fields():
            self._learn_column(where, "email", SQL.identifier("x", name), name)
        for name in self._raw_phone_fields():
            self._learn_column(
                where, "raw", SQL("COALESCE(x.country_id, 0)::text || ':' || %s", SQL.identifier("x", name)), name
            )

    @api.model
    def _learn_column(self, where, kind, expression, name):
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT ON (1) %(value)s, x.id, x.country_id
                  FROM res_partner x
                  JOIN res_partner m ON m.id = x.commercial_partner_id
                  JOIN discipline_customer c ON c.partner_id = COALESCE(m.customer_group_id, m.id)
             LEFT JOIN discipline_profile_value v ON v.kind = %(kind)s AND v.value = %(value)s
                 WHERE %(column)s != '' AND length(%(column)s) < %(limit)s AND v.id IS NULL AND c.in_base
                   AND (%(where)s)
              ORDER BY 1, 2
                """,
                value=expression,
                kind=kind,
                column=SQL.identifier("x", name),
                limit=MAX_VALUE - 12,
                where=where,
            )
        )
        if kind == "email":
            self._insert_values([(row[1], *self._email_rows([row[0]])[0]) for row in rows])
        else:
            Country = self.env["res.country"]
            self._insert_values(
                [(row[1], *self._raw_row(Country.browse(row[2]), row[0].partition(":")[2])) for row in rows]
            )

    @api.model
    def _value_key(self, customer, rule):
        """Return a digest of what stands in the rule's fields on this card; empty where one of them is."""
        customer.flush_recordset()
        values = [SQL("%s::text", SQL.identifier(name)) for name in (rule.field_name, rule.field_name_2) if name]
        rows = self.env.execute_query(
            SQL("SELECT %s FROM res_partner WHERE id = %s", self._digest(values), customer.id)
        )
        return rows[0][0]

    @api.model
    def _digest(self, values):
        """Return SQL of the digest of these texts, NULL where one of them is empty."""
        return SQL("md5(%s)", SQL(" || chr(10) || ").join(SQL("NULLIF(%s, '')", value) for value in values))

    # ------------------------------------------------------------------
    # Rules as SQL
    # ------------------------------------------------------------------

    @api.model
    def _sql_applies(self, spec):
        """Return SQL telling whether a rule applies to the customer ``t`` with the partner ``p``."""
        parts = [SQL("TRUE")]
        if spec.company_id:
            parts.append(SQL("t.company_id = %s", spec.company_id))
        if spec.class_ids:
            parts.append(SQL("t.abc_class_id = ANY(%s)", list(spec.class_ids)))
        if spec.team_id:
            parts.append(SQL("t.team_id = %s", spec.team_id))
        domain = Domain(literal_eval(spec.domain))
        if not domain.is_true():
            Partner = self.env["res.partner"].sudo().with_context(active_test=False)
            query = Partner._search(domain)
            query.add_where(SQL("%s = p.id", SQL.identifier(query.table, "id")))
            parts.append(SQL("EXISTS (%s)", query.select(SQL("1"))))
        return SQL("(%s)", SQL(" AND ").join(parts))

    @api.model
    def _sql_filled(self, alias, name):
        field = self.env["res.partner"]._fields[name]
        if field.type == "many2many":
            return SQL(
                "EXISTS (SELECT FROM %s rel WHERE %s = %s)",
                SQL.identifier(field.relation),
                SQL.identifier("rel", field.column1),
                SQL.identifier(alias, "id"),
            )
        column = SQL.identifier(alias, name)
        if field.type in ("char", "text"):
            return SQL("(btrim(COALESCE(%s, '')) != '')", column)
        if field.type in NUMERIC:
            return SQL("(COALESCE(%s, 0) != 0)", column)
        if field.type == "boolean":
            return SQL("COALESCE(%s, FALSE)", column)
        return SQL("(%s IS NOT NULL)", column)

    @api.model
    def _sql_not_placeholder(self, alias, name, words):
        if self.env["res.partner"]._fields[name].type not in ("char", "text"):
            return self._sql_filled(alias, name)
        bare = SQL("regexp_replace(lower(COALESCE(%s, '')), %s, '', 'g')", SQL.identifier(alias, name), card.NOISE)
        known = card.PLACEHOLDERS | {card.bare(word) for word in words}
        # a database with the C locale does not fold Cyrillic: every case is listed
        known = sorted({form for word in known for form in (word, word.upper(), word.capitalize())})
        return SQL("(%(bare)s !~ '^(.)\\1+$' AND %(bare)s != ALL(%(words)s))", bare=bare, words=["", *known])

    @api.model
    def _sql_value(self, alias, kind, name, condition):
        """Return SQL telling whether the value of a field is known and meets ``condition`` on its row ``v``."""
        column = SQL.identifier(alias, name)
        if kind == "raw":
            column = SQL("COALESCE(%s, 0)::text || ':' || %s", SQL.identifier(alias, "country_id"), column)
        return SQL(
            "EXISTS (SELECT FROM discipline_profile_value v WHERE v.kind = %s AND v.value = %s AND %s)",
            kind,
            column,
            condition,
        )

    @api.model
    def _sql_passes(self, spec, alias):
        """Return SQL telling whether a rule passes on ``alias`` (``p`` the customer's partner, ``e`` an employee)."""
        parts = [self._sql_check(spec, alias, name) for name in spec.fields]
        if spec.check == "confirmed":
            digest = self._digest([SQL("%s::text", SQL.identifier(alias, name)) for name in spec.fields])
            parts.append(
                SQL(
                    """
                    EXISTS (SELECT FROM discipline_profile_note n
                             WHERE n.customer_ref = t.partner_id AND n.rule_ref = %s AND n.kind = 'confirmed'
                               AND n.voided_at IS NULL AND n.until > t.today AND n.value_key = %s)
                    """,
                    spec.id,
                    digest,
                )
            )
        return SQL("(%s)", SQL(" AND ").join(parts or [SQL("TRUE")]))

    @api.model
    def _sql_check(self, spec, alias, name):
        if spec.check == "not_placeholder":
            return self._sql_not_placeholder(alias, name, spec.placeholder_words)
        if spec.check == "phone":
            if name != "phone":
                return self._sql_value(alias, "raw", name, SQL("v.valid"))
            return SQL(
                "(%(phone)s != '' AND %(phone)s !~ '(\\d)\\1{8}$')", phone=SQL.identifier(alias, "phone_sanitized")
            )
        if spec.check == "email":
            valid = self._sql_value(alias, "email", name, SQL("v.valid"))
            if name != "email":
                return valid
            return SQL(
                "(%s AND COALESCE(%s, 0) = 0 AND NOT EXISTS (SELECT FROM mail_blacklist b WHERE b.active "
                "AND b.email = %s))",
                valid,
                SQL.identifier(alias, "message_bounce"),
                SQL.identifier(alias, "email_normalized"),
            )
        return self._sql_filled(alias, name)

    @api.model
    def _sql_borrowed(self, spec, alias, customer):
        """Return SQL telling whether the rule's phone or e-mail came first on another customer's card."""
        if spec.check not in ("phone", "email") or not spec.fields:
            return SQL("FALSE")
        name = spec.fields[0]
        kind = "email" if spec.check == "email" else "phone" if name == "phone" else "raw"
        column = "phone_sanitized" if kind == "phone" else name
        return self._sql_value(alias, kind, column, SQL("v.customer_ref != %s", customer))

    @api.model
    def _sql_employees(self, specs, small, learn):
        """Return SQL of the common table ``emp``: for each customer with employees, which rules one of them passes.

        Columns: pid, and per rule ``p<id>`` (one passes) and ``o<id>`` (one passes with a value of his own).
        """
        columns = []
        for spec in specs:
            passes = self._sql_passes(spec, "e")
            own = passes
            if not learn:
                own = SQL("(%s AND NOT %s)", passes, self._sql_borrowed(spec, "e", SQL("m.pid")))
            columns.append(SQL(", bool_or(%s) AS %s", passes, SQL.identifier(f"p{spec.id}")))
            columns.append(SQL(", bool_or(%s) AS %s", own, SQL.identifier(f"o{spec.id}")))
        members = SQL(
            """
            SELECT t.partner_id AS id, t.partner_id AS pid FROM target t
             UNION ALL
            SELECT g.id, t.partner_id FROM target t JOIN res_partner g ON g.customer_group_id = t.partner_id
            """
        )
        return SQL(
            """
            member AS %(how)s (%(members)s),
            emp AS MATERIALIZED (
                SELECT m.pid %(columns)s
                  FROM member m
                  JOIN res_partner e ON e.commercial_partner_id = m.id
                 WHERE e.id != m.id AND e.active AND NOT COALESCE(e.is_company, FALSE) AND e.type = 'contact'
              GROUP BY m.pid
            ),
            """,
            how=SQL("MATERIALIZED") if small else SQL("NOT MATERIALIZED"),
            members=members,
            columns=SQL("").join(columns),
        )

    @api.model
    @ormcache()
    def _timezones(self):
        """Return {company id: name of its time zone}, kept so that saving a customer reads no company."""
        Calendar = self.env["discipline.calendar"]
        companies = self.env["res.company"].sudo().with_context(active_test=False).search([])
        return {company.id: Calendar._timezone(company).zone for company in companies}

    @api.model
    def _todays(self):
        """Return {company id: its own date at this moment}."""
        now = pytz.utc.localize(fields.Datetime.now())
        return {company: now.astimezone(pytz.timezone(zone)).date() for company, zone in self._timezones().items()}

    # ------------------------------------------------------------------
    # The statement
    # ------------------------------------------------------------------

    @api.model
    def _score(self, where, small=False, learn=False, credit=False):
        """Score the customers ``c`` that meet ``where``, in one statement.

        :param SQL where: condition on ``c`` (discipline_customer)
        :param bool small: a few customers, to be found by index
        :param bool learn: whatever passes now counts as known and earns nothing later (a first scoring, a new rule)
        :param bool credit: return whose card became complete
        :return: list of (partner id, company id, responsible's user id, rules that became valid, borrowed)
        """
        self.env["mail.blacklist"].flush_model(["email", "active"])
        specs = self.env["discipline.profile.rule"]._specs()
        active = [spec for spec in specs if spec.active]
        employees = [spec for spec in active if spec.target == "employees"]
        days = self._todays()
        columns, joins = [], SQL()
        for spec in active:
            if spec.target == "employees":
                passes = SQL("COALESCE(%s, FALSE)", SQL.identifier("emp", f"p{spec.id}"))
                borrowed = SQL("NOT COALESCE(%s, FALSE)", SQL.identifier("emp", f"o{spec.id}"))
            else:
                passes = self._sql_passes(spec, "p")
                borrowed = self._sql_borrowed(spec, "p", SQL("t.partner_id"))
            columns.append(
                SQL(
                    ", %(applies)s AS %(a)s, COALESCE(%(passes)s, FALSE) AS %(p)s, %(borrowed)s AS %(b)s",
                    applies=self._sql_applies(spec),
                    passes=passes,
                    borrowed=SQL("FALSE") if learn else borrowed,
                    a=SQL.identifier(f"a{spec.id}"),
                    p=SQL.identifier(f"p{spec.id}"),
                    b=SQL.identifier(f"b{spec.id}"),
                )
            )
        if employees:
            joins = SQL("LEFT JOIN emp ON emp.pid = t.partner_id")
        rows = self.env.execute_query(
            SQL(
                """
                WITH today AS (SELECT * FROM unnest(%(companies)s::int[], %(days)s::date[]) AS d(company_id, day)),
                target AS MATERIALIZED (
                    SELECT c.id, c.partner_id, c.company_id, c.abc_class_id, c.user_id, u.sale_team_id AS team_id,
                           d.day AS today, COALESCE(c.profile_complete, FALSE) AS was_complete,
                           COALESCE(c.profile_borrowed, FALSE) AS was_borrowed, c.profile_missing IS NOT NULL AS scored,
                           COALESCE(c.profile_known, '[]') AS known, COALESCE(c.profile_pending, '[]') AS pending
                      FROM discipline_customer c
                      JOIN today d ON d.company_id = c.company_id
                 LEFT JOIN res_users u ON u.id = c.user_id
                     WHERE c.in_base AND (%(where)s)
                ),
                closed AS MATERIALIZED (
                    SELECT n.customer_ref, array_agg(DISTINCT n.rule_ref) AS rules
                      FROM discipline_profile_note n JOIN target t ON t.partner_id = n.customer_ref
                     WHERE n.kind = 'unavailable' AND n.voided_at IS NULL AND n.until > t.today
                  GROUP BY n.customer_ref
                ),
                %(employees)s
                judged AS MATERIALIZED (
                    SELECT t.*, COALESCE(cl.rules, '{}') AS closed %(columns)s
                      FROM target t
                      JOIN res_partner p ON p.id = t.partner_id
                 LEFT JOIN closed cl ON cl.customer_ref = t.partner_id
                           %(joins)s
                ),
                summed AS (
                    SELECT j.*, %(weight)s AS asked, %(reached)s AS reached, to_jsonb(%(missing)s) AS missing,
                           to_jsonb(%(shut)s) AS shut, to_jsonb(%(now_known)s) AS now_known,
                           to_jsonb(%(now_pending)s) AS now_pending, %(borrowed)s AS borrowed
                      FROM judged j
                ),
                scored AS MATERIALIZED (
                    SELECT s.*, missing = '[]' AS complete,
                           CASE WHEN asked = 0 THEN 100 ELSE round(100.0 * reached / asked)::int END AS score,
                           missing = '[]' AND NOT borrowed AND NOT (was_complete AND NOT was_borrowed) AS clean
                      FROM summed s
                ),
                kept AS (
                    UPDATE discipline_customer c
                       SET profile_score = s.score, profile_complete = s.complete, profile_missing = s.missing,
                           profile_missing_count = jsonb_array_length(s.missing), profile_closed = s.shut,
                           profile_known = s.now_known, profile_borrowed = s.complete AND s.borrowed,
                           profile_pending = CASE WHEN s.clean THEN '[]' ELSE s.now_pending END,
                           profile_missing_since = CASE WHEN s.complete THEN NULL
                                                        ELSE COALESCE(c.profile_missing_since, s.today) END,
                           profile_completed_on = CASE WHEN %(credit)s AND s.clean AND s.now_pending != '[]'
                                                       THEN s.today ELSE c.profile_completed_on END,
                           profile_completed_by_id = CASE WHEN %(credit)s AND s.clean AND s.now_pending != '[]'
                                                          THEN %(uid)s ELSE c.profile_completed_by_id END
                      FROM scored s
                     WHERE s.id = c.id
                       AND (c.profile_missing IS DISTINCT FROM s.missing OR c.profile_score IS DISTINCT FROM s.score
                            OR c.profile_known IS DISTINCT FROM s.now_known OR c.profile_closed IS DISTINCT FROM s.shut
                            OR c.profile_pending IS DISTINCT FROM s.now_pending OR s.clean
                            OR c.profile_borrowed IS DISTINCT FROM (s.complete AND s.borrowed))
                )
                SELECT partner_id, company_id, user_id, now_pending, borrowed
                  FROM scored
                 WHERE %(credit)s AND scored AND complete AND NOT (was_complete AND was_borrowed = borrowed)
              ORDER BY partner_id
                """,
                companies=list(days),
                days=list(days.values()),
                where=where,
                employees=self._sql_employees(employees, small, learn) if employees else SQL(),
                columns=SQL("").join(columns),
                joins=joins,
                weight=self._sum(active, "{a} AND NOT {closed}"),
                reached=self._sum(active, "{a} AND NOT {closed} AND {p}"),
                missing=self._list(active, "{a} AND NOT {closed} AND NOT {p}"),
                shut=self._list(active, "{a} AND {closed} AND NOT {p}"),
                now_known=self._list(specs, "(j.known @> {json}) OR ({a} AND {p} AND NOT {b})", "(j.known @> {json})"),
                now_pending=self._list(
                    specs,
                    "(j.pending @> {json}) OR ({a} AND {p} AND NOT {b} AND NOT j.known @> {json} AND NOT %s)"
                    % ("TRUE" if learn else "NOT j.scored"),
                    "(j.pending @> {json})",
                ),
                borrowed=SQL(" OR ").join(
                    [
                        SQL("FALSE"),
                        *(
                            self._fill("({a} AND {p} AND {b} AND NOT {closed} AND NOT j.known @> {json})", spec)
                            for spec in active
                        ),
                    ]
                ),
                credit=credit,
                uid=self.env.uid,
            )
        )
        self.env["discipline.customer"].invalidate_model(SCORE_FIELDS, flush=False)
        Partner = self.env["res.partner"]
        Partner.invalidate_model(Partner._discipline_profile_mirrors(), flush=False)
        return rows

    @api.model
    def _fill(self, pattern, spec):
        """Return SQL of ``pattern`` for a rule: {a} applies, {p} passes, {b} borrowed, {closed}, {json} its number."""
        words = {
            "a": SQL.identifier("j", f"a{spec.id}"),
            "p": SQL.identifier("j", f"p{spec.id}"),
            "b": SQL.identifier("j", f"b{spec.id}"),
            "closed": SQL("(%s = ANY(j.closed))", spec.id),
            "json": SQL("%s::jsonb", str(spec.id)),
        }
        pieces = pattern.replace("{", "\0{").replace("}", "}\0").split("\0")
        return SQL("").join(words[piece[1:-1]] if piece.startswith("{") else SQL(piece) for piece in pieces)

    @api.model
    def _sum(self, specs, pattern):
        terms = [SQL("CASE WHEN %s THEN %s ELSE 0 END", self._fill(pattern, spec), spec.weight) for spec in specs]
        return SQL("(%s)", SQL(" + ").join([SQL("0"), *terms]))

    @api.model
    def _list(self, specs, pattern, archived=None):
        """Return SQL of the array of numbers of the rules for which ``pattern`` holds, in the rules' order."""
        terms = [
            SQL("CASE WHEN %s THEN %s END", self._fill(pattern if spec.active else archived, spec), spec.id)
            for spec in specs
            if spec.active or archived
        ]
        if not terms:
            return SQL("'{}'::int[]")
        return SQL("array_remove(ARRAY[%s]::int[], NULL)", SQL(", ").join(terms))
