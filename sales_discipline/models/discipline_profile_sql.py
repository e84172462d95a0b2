"""Rules of the card as SQL: whom a rule applies to, whether it passes, and whether with a value of the card's own."""

from ast import literal_eval

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..engine import card

NUMERIC = ("integer", "float", "monetary")


class DisciplineProfile(models.AbstractModel):
    _inherit = "discipline.profile"

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
        known = card.PLACEHOLDERS | {card.bare(word) for word in words}
        # a database with the C locale does not fold Cyrillic: every case is listed
        known = sorted({form for word in known for form in (word, word.upper(), word.capitalize())})
        return SQL(
            """
            (SELECT b.bare != ALL(%(words)s)
                    AND (length(b.bare) = 1 OR b.bare != repeat(left(b.bare, 1), length(b.bare)))
               FROM (SELECT regexp_replace(lower(COALESCE(%(value)s, '')), %(noise)s, '', 'g') AS bare OFFSET 0) b)
            """,
            words=["", *known],
            value=SQL.identifier(alias, name),
            noise=card.NOISE,
        )

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
            # card.is_placeholder_phone, without a back reference: those take longer than all the rest
            return SQL(
                "(%(phone)s != '' AND right(%(phone)s, 9) != repeat(right(%(phone)s, 1), 9))",
                phone=SQL.identifier(alias, "phone_sanitized"),
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
    def _sql_span(self, column, span):
        """Return SQL that keeps to a batch of customers by their partners' numbers, so that no table is read whole.

        :param SQL column: the customer's partner, by whichever column names him
        :param tuple span: (greater than, up to); None: no bounds
        """
        return SQL(" AND %s > %s AND %s <= %s", column, span[0], column, span[1]) if span else SQL()

    @api.model
    def _sql_people(self, span):
        """Return SQL of the partners of the customers ``t``: the rows ``x`` of the customer himself, of his employees
        and of the members of his group with theirs; ``pid`` is the customer.

        :param tuple span: see :meth:`_sql_span`
        """
        return SQL(
            """
            (SELECT x.*, t.partner_id AS pid
               FROM target t JOIN res_partner x ON x.commercial_partner_id = t.partner_id %s
              UNION ALL
             SELECT x.*, t.partner_id
               FROM target t
               JOIN res_partner g ON g.customer_group_id = t.partner_id
               JOIN res_partner x ON x.commercial_partner_id = g.id)
            """,
            self._sql_span(SQL("x.commercial_partner_id"), span),
        )

    @api.model
    def _sql_employees(self, specs, small, learn, span):
        """Return SQL of the common table ``emp``: for each customer with employees, which rules one of them passes.

        Columns: pid, and per rule ``p<id>`` (one passes) and ``o<id>`` (one passes with a value of his own).
        """
        columns = []
        for spec in specs:
            passes = self._sql_passes(spec, "e")
            own = passes
            if not learn:
                own = SQL("(%s AND NOT %s)", passes, self._sql_borrowed(spec, "e", SQL("e.pid")))
            columns.append(SQL(", bool_or(%s) AS %s", passes, SQL.identifier(f"p{spec.id}")))
            columns.append(SQL(", bool_or(%s) AS %s", own, SQL.identifier(f"o{spec.id}")))
        people = self._sql_people(span)
        if small:
            # a few customers: their people are found one by one
            members = SQL(
                """
                SELECT t.partner_id AS id, t.partner_id AS pid FROM target t
                 UNION ALL
                SELECT g.id, t.partner_id FROM target t JOIN res_partner g ON g.customer_group_id = t.partner_id
                """
            )
            people = SQL("(SELECT x.*, m.pid FROM member m JOIN res_partner x ON x.commercial_partner_id = m.id)")
        return SQL(
            """
            %(member)s
            emp AS MATERIALIZED (
                SELECT e.pid %(columns)s
                  FROM %(people)s e
                 WHERE e.id != e.commercial_partner_id AND e.active AND NOT COALESCE(e.is_company, FALSE)
                   AND e.type = 'contact'
              GROUP BY e.pid
            ),
            """,
            member=SQL("member AS MATERIALIZED (%s),", members) if small else SQL(),
            people=people,
            columns=SQL("").join(columns),
        )
