"""Phones and e-mails that were ever entered: whether they are valid, and on whose card they came first."""

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine import card

#: longer ones are neither phones nor addresses; an index could not hold them
MAX_VALUE = 320


class DisciplineProfileValue(models.Model):
    """A phone or an e-mail that was ever entered: whether it is valid, and on whose card it came first.

    Validity is computed once per value, so that re-scoring a base is a join. The first customer tells a number that
    was found from one that was carried over from another card.
    """

    _name = "discipline.profile.value"
    _description = "Phone or E-mail Seen"
    _rec_name = "value"

    kind = fields.Selection(
        [("phone", "Phone"), ("raw", "Phone as Entered"), ("email", "E-mail")], readonly=True, required=True
    )
    value = fields.Char(readonly=True, required=True, help="As the card holds it.")
    key = fields.Char(readonly=True, help="As the network knows it: the same for every way to write it.")
    valid = fields.Boolean(readonly=True)
    customer_ref = fields.Integer("First Customer No.", readonly=True)

    _value_uniq = models.Constraint("UNIQUE(kind, value)", "This value is known already.")
    _key_idx = models.Index("(key)")


class DisciplineProfile(models.AbstractModel):
    _inherit = "discipline.profile"

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
    def _learn_values_where(self, where, span=None):
        """Keep the values of a set of customers and their employees: phones in SQL, each new e-mail once in Python.

        :param SQL where: condition on ``c`` (discipline_customer)
        :param tuple span: only customers between these two partner ids, see :meth:`_sql_span`
        """
        target = SQL(
            "target AS (SELECT c.partner_id FROM discipline_customer c WHERE c.in_base AND (%s) %s)",
            where,
            self._sql_span(SQL("c.partner_id"), span),
        )
        people = self._sql_people(span)
        self.env.cr.execute(
            SQL(
                """
                WITH %s
                INSERT INTO discipline_profile_value (kind, value, key, valid, customer_ref, create_date)
                SELECT 'phone', x.phone_sanitized, x.phone_sanitized, TRUE, min(x.pid), now() AT TIME ZONE 'UTC'
                  FROM %s x
             LEFT JOIN discipline_profile_value v ON v.kind = 'phone' AND v.value = x.phone_sanitized
                 WHERE x.phone_sanitized IS NOT NULL AND v.id IS NULL
              GROUP BY x.phone_sanitized
                    ON CONFLICT (kind, value) DO NOTHING
                """,
                target,
                people,
            )
        )
        for name in self._email_fields():
            self._learn_column(target, people, "email", SQL.identifier("x", name), name)
        for name in self._raw_phone_fields():
            value = SQL("COALESCE(x.country_id, 0)::text || ':' || %s", SQL.identifier("x", name))
            self._learn_column(target, people, "raw", value, name)

    @api.model
    def _learn_column(self, target, people, kind, expression, name):
        rows = self.env.execute_query(
            SQL(
                """
                WITH %(target)s
                SELECT DISTINCT ON (1) %(value)s, x.id, x.country_id
                  FROM %(people)s x
             LEFT JOIN discipline_profile_value v ON v.kind = %(kind)s AND v.value = %(value)s
                 WHERE %(column)s != '' AND length(%(column)s) < %(limit)s AND v.id IS NULL
              ORDER BY 1, 2
                """,
                value=expression,
                kind=kind,
                column=SQL.identifier("x", name),
                limit=MAX_VALUE - 12,
                target=target,
                people=people,
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
