"""Our verdict on a dirty customer base beside that of the libraries that know: phonenumbers and email-validator.

A sample of the base is judged here; the whole of it, 100,000 customers, by
``DIRTY_CARDS=100000 make test ARGS=sales_discipline/tests/test_customer_card_proof.py``.
"""

import os
import unittest
from collections import Counter

import phonenumbers
from odoo.addons.sales_discipline.engine import card
from odoo.tests import tagged
from odoo.tools import SQL

from . import dirty_base
from .test_customer_card import CardCommon

try:
    import email_validator
except ImportError:  # whoever runs the addon's tests in his own Odoo may not have it
    email_validator = None

COUNT = int(os.environ.get("DIRTY_CARDS", "4000"))


def is_direct(value, country):
    """Ask phonenumbers whether this is a valid number when dialled in this country."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(value, country))
    except phonenumbers.NumberParseException:
        return False


def is_respelled(value, country):
    """Ask phonenumbers whether the number, written down internationally and read again, is a valid one."""
    try:
        number = phonenumbers.parse(value, country)
        spelled = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
        return phonenumbers.is_valid_number(phonenumbers.parse(spelled, country))
    except phonenumbers.NumberParseException:
        return False


def is_without_plus(value, country):
    """Ask phonenumbers whether a number that is too long for this country is a valid international one, its plus left
    out or written as 00."""
    try:
        number = phonenumbers.parse(value, country)
    except phonenumbers.NumberParseException:
        return False
    too_long = phonenumbers.ValidationResult.TOO_LONG
    if value.startswith("+") or phonenumbers.is_possible_number_with_reason(number) != too_long:
        return False
    international = f"+{value.removeprefix('00')}"
    return is_direct(international, country) or is_respelled(international, country)


def is_known_phone(value, country):
    """Ask phonenumbers, the ways in which Odoo lets people write a number tried one after the other."""
    return bool(value) and (
        is_direct(value, country) or is_respelled(value, country) or is_without_plus(value, country)
    )


def is_known_email(value):
    """Ask email-validator, without the network; a name before the address is allowed."""
    try:
        email_validator.validate_email(value.strip(), check_deliverability=False, allow_display_name=True)
    except email_validator.EmailNotValidError:
        return False
    return True


@unittest.skipUnless(email_validator, "email-validator is not installed")
@tagged("post_install", "-at_install")
class TestCardProof(CardCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cards = dirty_base.cards(20250310, COUNT)
        codes = {country.code: country for country in cls.env["res.country"].search([("code", "!=", False)])}
        ids = {code: codes[code].id for code in dirty_base.COUNTRIES}
        cls.env.cr.execute(
            SQL(
                """
                WITH raw AS (
                    SELECT * FROM unnest(%s::text[], %s::int[], %s::text[], %s::text[], %s::text[], %s::text[])
                                  WITH ORDINALITY AS r(name, country_id, phone, email, street, city, n))
                INSERT INTO res_partner (name, complete_name, is_company, active, type, partner_share, ref, country_id,
                                         phone, email, street, city)
                SELECT name, name, TRUE, TRUE, 'contact', TRUE, 'dirt ' || (n - 1), country_id, phone, email, street,
                       city
                  FROM raw ORDER BY n
                """,
                [one.name for one in cls.cards],
                [ids[one.country] for one in cls.cards],
                *([getattr(one, name) or None for one in cls.cards] for name in ("phone", "email", "street", "city")),
            )
        )
        cls.env.cr.execute("UPDATE res_partner SET commercial_partner_id = id WHERE ref LIKE 'dirt %'")
        cls.env.cr.execute(
            SQL(
                """
                INSERT INTO res_partner (name, complete_name, is_company, active, type, partner_share, country_id,
                                         phone, parent_id, commercial_partner_id)
                SELECT 'Buyer', 'Buyer', FALSE, TRUE, 'contact', TRUE, p.country_id, NULLIF(b.phone, ''), p.id, p.id
                  FROM unnest(%s::text[]) WITH ORDINALITY AS b(phone, n)
                  JOIN res_partner p ON p.ref = 'dirt ' || (b.n - 1)
                 WHERE b.phone IS NOT NULL
                """,
                [one.buyer for one in cls.cards],
            )
        )
        cls.env.invalidate_all()
        cls._let_odoo_read_them()
        cls.env["discipline.customer"]._reconcile_base()
        # what the database does by itself a minute after a load
        cls.env.cr.execute("ANALYZE res_partner, discipline_customer")
        cls.env["discipline.profile"]._score_range(size=20000)

    @classmethod
    def _let_odoo_read_them(cls):
        """Compute Odoo's own sanitized phones and normalized e-mails, as it does for people who type."""
        Partner = cls.env["res.partner"]
        partners = Partner.search(["|", ("ref", "=like", "dirt %"), ("parent_id.ref", "=like", "dirt %")])
        for begin in range(0, len(partners), 10000):
            batch = partners[begin : begin + 10000]
            for name in ("phone_sanitized", "email_normalized"):
                cls.env.add_to_compute(Partner._fields[name], batch)
            batch.flush_recordset(["phone_sanitized", "email_normalized"])
            cls.env.invalidate_all(flush=False)

    def _rows(self):
        """Return {index of the card: (row, SQL id)} of what the program keeps about each customer."""
        return {
            int(ref.removeprefix("dirt ")): (missing, sanitized, buyer)
            for ref, missing, sanitized, buyer in self.env.execute_query(
                SQL(
                    """
                    SELECT p.ref, c.profile_missing, p.phone_sanitized, b.phone_sanitized
                      FROM res_partner p JOIN discipline_customer c ON c.partner_id = p.id
                 LEFT JOIN res_partner b ON b.parent_id = p.id
                     WHERE p.ref LIKE 'dirt %%'
                    """
                )
            )
        }

    def test_phones_are_valid_where_phonenumbers_says_so(self):
        """And where it does not at once, the number is written without its plus, or in a way that it mends itself."""
        kinds = Counter()
        differing = []
        for index, (_missing, sanitized, _buyer) in self._rows().items():
            value, country = self.cards[index].phone, self.cards[index].country
            ours, direct = bool(sanitized), bool(value) and is_direct(value, country)
            kinds[ours, direct] += 1
            if ours != is_known_phone(value, country) or (direct and not ours):
                differing.append((value, country, sanitized))
            elif ours and not direct:
                kinds["without its plus" if is_without_plus(value, country) else "respelled"] += 1
        self.assertFalse(differing[:5])
        self.assertEqual(kinds[True, False], kinds["without its plus"] + kinds["respelled"])
        self.assertEqual(kinds[False, True], 0)
        self.assertGreater(kinds["without its plus"], COUNT // 200)
        self.assertTrue(COUNT * 0.1 < kinds[True, True] < COUNT * 0.9, f"dirt and gold, both: {kinds}")

    def test_emails_are_valid_where_email_validator_says_so(self):
        values = [one.email for one in self.cards if one.email]
        differing = [value for value in values if is_known_email(value) != card.is_email(value)]
        self.assertFalse(differing[:5])
        self.assertTrue(len(values) * 0.2 < sum(map(card.is_email, values)) < len(values) * 0.8, "dirt and gold, both")

    def test_every_card_misses_what_the_libraries_find_missing(self):
        rows = self._rows()
        self.assertEqual(len(rows), COUNT)
        ids = {key: rule.id for key, rule in self.rules.items()}
        differing, complete = [], Counter()
        for index, (missing, sanitized, buyer) in rows.items():
            one = self.cards[index]
            expected = {ids["industry"]}
            if not is_known_phone(one.phone, one.country) or card.is_placeholder_phone(sanitized):
                expected.add(ids["phone"])
            if not is_known_email(one.email) or card.is_placeholder_email(one.email):
                expected.add(ids["email"])
            if card.is_placeholder(one.street) or card.is_placeholder(one.city):
                expected.add(ids["address"])
            if not is_known_phone(one.buyer, one.country) or card.is_placeholder_phone(buyer):
                expected.add(ids["person"])
            complete[len(missing)] += 1
            if set(missing) != expected:
                differing.append((one, missing, sorted(expected)))
        self.assertFalse(differing[:5])
        self.assertEqual(sorted(complete), [1, 2, 3, 4, 5], "cards of every kind are among them")

    def test_phones_on_many_cards_are_flagged_and_no_others(self):
        """Counted in Python over the whole base, by the number that Odoo reads."""
        holders = {}
        for index, (_missing, sanitized, buyer) in self._rows().items():
            for number in {sanitized, buyer} - {None}:
                holders.setdefault(number, set()).add(index)
        limit = self.company.discipline_phone_shared = 3
        expected = {index for indexes in holders.values() if len(indexes) >= limit for index in indexes}
        found = self.env["discipline.customer"].search([("profile_shared", "=", True)]).partner_id
        found = {int(ref.removeprefix("dirt ")) for ref in found.mapped("ref") if ref}
        self.assertFalse(sorted(found ^ expected)[:5])
        self.assertTrue(expected)
