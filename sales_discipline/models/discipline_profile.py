"""How complete the customers' cards are: one statement over a set of customers, whether it is one or a million.

Each active rule becomes two SQL expressions over a customer ``t`` and his partner ``p`` (or his employees ``e``): does
it apply, does it pass. What SQL cannot decide, whether a phone or an e-mail is valid, is decided by Python once per
value: for phones Odoo keeps it on the partner (``phone_sanitized``), the rest is in ``discipline.profile.value``.

What was ever valid on a card (``profile_known``) earns nothing again; what is newly valid waits in ``profile_pending``
for the card to become complete. A phone or an e-mail that came first on another customer's card is *borrowed*: the
card is complete for everyone who reads it, but nobody has earned it.
"""

import pytz
from odoo import SUPERUSER_ID, api, fields, models
from odoo.tools import SQL, ormcache

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
        """Score the ``size`` customers that follow the partner id ``after``; whatever passes now counts as known.

        :return: (last partner id, number of customers)
        """
        self.env["discipline.customer"].flush_model()
        ((last, count),) = self.env.execute_query(
            SQL(
                "SELECT max(partner_id), count(*) FROM (SELECT partner_id FROM discipline_customer "
                "WHERE partner_id > %s AND in_base ORDER BY partner_id LIMIT %s) batch",
                after,
                size,
            )
        )
        if not count:
            return after, 0
        span = (after, last)
        self.env["res.partner"].flush_model()
        self._learn_values_where(SQL("TRUE"), span)
        self._score(SQL("TRUE"), learn=True, span=span)
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
    # The statement
    # ------------------------------------------------------------------

    @api.model
    def _score(self, where, small=False, learn=False, credit=False, span=None):
        """Score the customers ``c`` that meet ``where``, in one statement.

        :param SQL where: condition on ``c`` (discipline_customer)
        :param bool small: a few customers, to be found by index
        :param bool learn: whatever passes now counts as known and earns nothing later (a first scoring, a new rule)
        :param bool credit: return whose card became complete
        :param tuple span: only customers between these two partner ids, see :meth:`_sql_span`
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
                     WHERE c.in_base AND (%(where)s) %(target_span)s
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
                      JOIN res_partner p ON p.id = t.partner_id %(partner_span)s
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
                     WHERE s.id = c.id %(target_span)s
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
                target_span=self._sql_span(SQL("c.partner_id"), span),
                partner_span=self._sql_span(SQL("p.id"), span),
                employees=self._sql_employees(employees, small, learn, span) if employees else SQL(),
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
