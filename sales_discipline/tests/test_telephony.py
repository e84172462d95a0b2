"""Telephony: calls that arrive by Odoo's own interfaces, numbers that find their customers, and those that do not."""

import xmlrpc.client
from datetime import date, datetime, timedelta

from freezegun import freeze_time
from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import HttpCase, tagged

from .common import NOW, DisciplineCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestTelephony(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.country_id = cls.env.ref("base.ru")
        cls.customer = cls._customer("Customer", cls.anna, cls.class_a, phone="+7 (916) 123-45-67")
        cls.Contact = cls.env["discipline.contact"]
        cls.Call = cls.env["discipline.contact.unmatched"]

    def _tell(self, *calls, user=None):
        """Tell of calls as a telephone exchange does: (source number, phone, more)."""
        rows = [{"source_ref": ref, "phone": phone, **more} for ref, phone, more in calls]
        return self.Contact.with_user(user or self.anna).log_contacts(rows)

    def test_a_number_finds_its_customer_in_every_spelling(self):
        spellings = ["+79161234567", "8 916 123 45 67", "8(916)123-45-67", "9161234567", "+7 916 1234567"]
        ids = self._tell(*((str(number), phone, {}) for number, phone in enumerate(spellings)))
        contacts = self.Contact.browse(ids)
        self.assertEqual(len(set(ids)), len(spellings))
        self.assertEqual(contacts.partner_id, self.customer)
        self.assertEqual(contacts.channel_id, self.call)
        self.assertEqual(contacts.mapped("counted"), [True, False, False, False, False])

    def test_an_employees_number_is_a_contact_with_the_customer_and_a_members_with_the_group(self):
        employee = self.env["res.partner"].create(
            {"name": "Employee", "parent_id": self.customer.id, "phone": "+7 916 765-43-21"}
        )
        member = self._customer("Member", self.anna, customer_group_id=self.customer.id, phone="+7 495 111-22-33")
        by_employee, by_member = self.Contact.browse(self._tell(("1", "89167654321", {}), ("2", "84951112233", {})))
        self.assertEqual((by_employee.partner_id, by_employee.contact_id), (self.customer, employee))
        self.assertEqual((by_member.partner_id, by_member.contact_id), (self.customer, member))

    def test_several_people_of_one_customer_share_a_number_and_it_is_his(self):
        self.env["res.partner"].create(
            [{"name": name, "parent_id": self.customer.id, "phone": "+79161234567"} for name in ("One", "Two")]
        )
        contact = self.Contact.browse(self._tell(("1", "+79161234567", {})))
        self.assertEqual((contact.partner_id, contact.contact_id.id), (self.customer, False))

    def test_a_number_of_several_customers_is_not_guessed(self):
        other = self._customer("Other", self.boris, self.class_b, phone="+79161234567")
        self.assertEqual(self._tell(("1", "+79161234567", {"note": "Wants a discount"})), [False])
        call = self.Call.search([])
        self.assertEqual(call.customer_ids, self.customer | other)
        self.assertEqual(call.why, "Several customers have this number")
        self.assertFalse(self.Contact.search([("partner_id", "in", call.customer_ids.ids)]))

    def test_an_unknown_number_waits_and_becomes_a_contact_with_its_own_time_and_number(self):
        moment = NOW - timedelta(days=4)
        with freeze_time(moment):
            self.assertEqual(self._tell(("77", "+79990000001", {"note": "Asked for prices", "duration": 3})), [False])
            # the exchange sends it again
            self.assertEqual(self._tell(("77", "+79990000001", {})), [False])
        call = self.Call.search([])
        self.assertEqual((len(call), call.state, call.user_id), (1, "waiting", self.anna))
        dialog = (
            self.env["discipline.contact.assign"]
            .with_user(self.anna)
            .create({"call_ids": [Command.set(call.ids)], "partner_id": self.customer.id})
        )
        dialog.action_assign()
        contact = call.contact_id
        self.assertEqual(
            (contact.partner_id, contact.date, contact.logged_at, contact.note, contact.source_ref, contact.duration),
            (self.customer, moment, moment, "Asked for prices", "api:77", 3),
        )
        self.assertTrue(contact.counted, "the program knew of it at once: it is not late")
        self.assertEqual((call.state, call.assigned_by_id), ("assigned", self.anna))
        # assigned once more, or told of once more: it stays one contact
        call.with_user(self.anna)._assign(self.customer)
        self.assertEqual(self._tell(("77", "+79990000001", {})), contact.ids)
        self.assertEqual(self.Contact.search_count([("source_ref", "=", "api:77")]), 1)

    def test_other_calls_of_the_number_are_assigned_along_and_the_card_learns_it(self):
        self._tell(*((str(number), "+79990000001", {"date": f"2025-03-{number:02} 08:00:00"}) for number in (6, 7)))
        self._tell(("9", "+79990000001", {}), user=self.boris)
        calls = self.Call.search([], order="date")
        newcomer = self._customer("Newcomer", self.anna, self.class_a)
        dialog = (
            self.env["discipline.contact.assign"]
            .with_user(self.anna)
            .create({"call_ids": [Command.set(calls[0].ids)], "partner_id": newcomer.id})
        )
        self.assertEqual(dialog.alike_count, 1, "a colleague's call is his to decide")
        dialog.action_assign()
        self.assertEqual(calls.mapped("state"), ["assigned", "assigned", "waiting"])
        self.assertEqual(newcomer.phone, "+79990000001")
        self.assertEqual(self.Contact.browse(self._tell(("8", "8 999 000 00 01", {}))).partner_id, newcomer)
        # at night the colleague's call finds the customer too
        self.Contact._reconcile_feeders(self.company)
        self.assertEqual(calls[2].state, "assigned")
        self.assertEqual(calls[2].contact_id.rejected_reason, "stranger")

    def test_a_dismissed_call_stays_dismissed_however_often_it_is_sent(self):
        self._tell(("1", "+79990000001", {}))
        call = self.Call.search([])
        dialog = self.env["discipline.contact.assign"].with_user(self.anna)
        with self.assertRaisesRegex(UserError, "Say why"):
            dialog.create({"call_ids": [Command.set(call.ids)]}).action_dismiss()
        dialog.create({"call_ids": [Command.set(call.ids)], "reason": "A supplier"}).action_dismiss()
        self.assertEqual((call.state, call.void_reason, call.voided_by_id), ("dismissed", "A supplier", self.anna))
        self.customer.phone = "+79990000001"
        self.assertEqual(self._tell(("1", "+79990000001", {})), [False])
        self.Contact._reconcile_feeders(self.company)
        self.assertEqual(call.state, "dismissed")
        with self.assertRaisesRegex(UserError, "marked as “not a customer” by Anna: A supplier"):
            call.with_user(self.anna)._assign(self.customer)
        # another call from there is another call
        self.assertTrue(self._tell(("2", "+79990000001", {}))[0])

    def test_our_own_people_archived_ones_and_extensions_are_nobodys_numbers(self):
        self.company.partner_id.phone = "+7 495 000-00-01"
        self.boris.partner_id.phone = "+7 495 000-00-02"
        self.customer.active = False
        told = self._tell(
            ("1", "+74950000001", {}), ("2", "+74950000002", {}), ("3", "+79161234567", {}), ("4", "101", {}),
            ("5", "anonymous", {}),
        )  # fmt: skip
        self.assertEqual(told, [False] * 5)
        self.assertEqual(self.Call.search_count([("state", "=", "waiting")]), 5)

    def test_a_number_that_nobody_can_normalise_is_matched_as_it_is_written(self):
        odd = self._customer("Odd", self.anna, phone="12-34-56")
        self.assertFalse(odd.phone_sanitized)
        self.assertEqual(self.Contact.browse(self._tell(("1", "123456", {}))).partner_id, odd)

    def test_moments_are_told_in_utc_or_with_an_offset(self):
        told = self._tell(
            ("1", "+79161234567", {"date": "2025-03-10 08:00:00"}),
            ("2", "+79161234567", {"date": "2025-03-10T18:00:00+10:00"}),
            ("3", "+79161234567", {"date": "2025-03-10T01:00:00.250-07:00"}),
        )
        self.assertEqual(set(self.Contact.browse(told).mapped("date")), {datetime(2025, 3, 10, 8)})
        for wrong in ("yesterday", 12, "2025-02-30 10:00:00"):
            with self.assertRaisesRegex(UserError, "Contact 1: “.*” is no date"):
                self._tell(("4", "+79161234567", {"date": wrong}))

    def test_what_is_wrong_is_said_of_the_entry_and_nothing_of_the_batch_is_logged(self):
        gone = self.env["res.partner"].create({"name": "Gone"})
        gone_id = gone.id
        gone.unlink()
        good = {"source_ref": "1", "partner_id": self.customer.id}
        cases = [
            ({"source_ref": "2"}, "Contact 2: it needs a customer"),
            ({"source_ref": "2", "partner_id": gone_id}, f"Contact 2: there is no record {gone_id} for partner_id"),
            ({"source_ref": "2", "phone": "+79161234567", "channel_id": 10**8}, "no record 100000000 for channel_id"),
            ({"source_ref": "2", "phone": 79161234567}, "Contact 2: phone and note are text"),
            ({"source_ref": "2", "phone": "1", "direction": "up"}, "Contact 2: its direction"),
            ({"source_ref": "2", "phone": "1", "duration": "long"}, "Contact 2: its duration"),
            ({"source_ref": "2", "partner_id": "7"}, "are given as ids"),
            ({"source_ref": "2", "phone": "1", "counted": True}, "unknown fields counted"),
        ]
        for wrong, message in cases:
            with self.assertRaisesRegex(UserError, message):
                self.Contact.with_user(self.anna).log_contacts([good, wrong])
        self.assertFalse(self.Contact.search([("partner_id", "=", self.customer.id)]) | self.Call.search([]).contact_id)
        self.assertFalse(self.Call.search([]))

    def test_a_merged_customers_old_number_finds_the_one_he_was_merged_into(self):
        other = self._customer("Other", self.anna, self.class_a, phone="+79990000009")
        old = other.id
        self.env["base.partner.merge.automatic.wizard"]._merge((self.customer | other).ids, self.customer)
        with self.assertRaisesRegex(UserError, "merged into another"):
            self.Contact.with_user(self.anna).log_contacts([{"source_ref": "1", "partner_id": old}])

    def test_only_the_doer_or_whoever_decides_for_him_says_whose_call_it_was(self):
        self._tell(("1", "+79990000001", {}))
        call = self.Call.search([])
        self.assertFalse(self.Call.with_user(self.boris).search([]), "a colleague does not see it")
        for stranger in (self.boris, self.dmitri):
            with self.assertRaises(AccessError):
                call.with_user(stranger)._assign(self.customer)
            with self.assertRaises(AccessError):
                call.with_user(stranger)._void("mine")
        for attack in (
            lambda: call.with_user(self.administrator).write({"state": "dismissed"}),
            lambda: call.with_user(self.administrator).unlink(),
            lambda: self.Call.with_user(self.administrator).create({"phone": "1", "doer_ref": 1}),
        ):
            with self.assertRaises(UserError):
                attack()
        call.with_user(self.supervisor)._assign(self.customer)
        self.assertEqual((call.state, call.contact_id.user_id), ("assigned", self.anna))

    def test_people_outside_of_sales_log_nothing_and_a_salesman_nothing_for_others(self):
        outsider = self._user("outsider", "base.group_user")
        with self.assertRaises(AccessError):
            self._tell(("1", "+79161234567", {}), user=outsider)
        with self.assertRaisesRegex(AccessError, "your own contacts only"):
            self._tell(("1", "+79161234567", {"user_id": self.boris.id}))
        ids = self._tell(("1", "+79161234567", {"user_id": self.boris.id}), user=self.supervisor)
        self.assertEqual(self.Contact.browse(ids).user_id, self.boris)

    def test_a_batch_takes_as_many_queries_for_many_as_for_few(self):
        def tell(count):
            partners = self.env["res.partner"].create(
                [
                    {"name": f"C{count}-{i}", "is_company": True, "user_id": self.anna.id,
                     "phone": f"+7926{count:03}{i:04}"}
                    for i in range(count)
                ]
            )  # fmt: skip
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            known = [(f"{count}-{i}", f"8926{count:03}{i:04}", {}) for i in range(count)]
            lost = [(f"{count}-{i}-x", f"8927{count:03}{i:04}", {}) for i in range(count)]
            told = self._tell(*known, *lost, user=self.supervisor)
            self.assertEqual(self.Contact.browse(told[:count]).partner_id, partners)
            self.assertEqual(told[count:], [False] * count)
            return self.env.cr.sql_log_count - before

        tell(2)
        few, many = tell(5), tell(80)
        self.assertLessEqual(many, few + 3)

    def test_the_calls_of_four_managers_take_as_many_queries_as_those_of_one(self):
        def tell(number, managers):
            phones = [f"+7928{number:03}{i:04}" for i in range(len(managers))]
            self.env["res.partner"].create(
                [
                    {"name": phone, "is_company": True, "user_id": manager.id, "phone": phone}
                    for phone, manager in zip(phones, managers, strict=True)
                ]
            )
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            rows = zip(phones, managers, strict=True)
            told = self._tell(*((f"m{p}", p, {"user_id": m.id}) for p, m in rows), user=self.supervisor)
            self.assertEqual(
                self.Contact.browse(told).mapped("user_id.id"), list(dict.fromkeys(m.id for m in managers))
            )
            return self.env.cr.sql_log_count - before

        everybody = list(self.managers)
        tell(1, everybody)
        of_one, of_all = tell(2, everybody[:1] * 4), tell(3, everybody)
        self.assertLessEqual(of_all, of_one)


@tagged("post_install", "-at_install")
class TestTelephonyOverHttp(HttpCase):
    """The same through the real server: Odoo's JSON-2 with a key, and XML-RPC."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.company.country_id = cls.env.ref("base.ru")
        cls.user = cls.env["res.users"].create(
            {
                "name": "Telephony",
                "login": "sd_telephony",
                "password": "sd_telephony_password",
                "group_ids": [
                    Command.link(cls.env.ref("base.group_user").id),
                    Command.link(cls.env.ref("sales_team.group_sale_salesman_all_leads").id),
                ],
            }
        )
        cls.customer = cls.env["res.partner"].create(
            {"name": "Customer", "is_company": True, "phone": "+79161234567", "user_id": cls.user.id}
        )

    def _calls(self, *refs):
        return [{"source_ref": ref, "phone": "8 916 123-45-67", "date": "2025-03-10 08:00:00"} for ref in refs]

    def test_json_2_logs_a_call_once(self):
        key = (
            self.env["res.users.apikeys"]
            .with_user(self.user)
            ._generate("rpc", "Telephony", fields.Datetime.now() + timedelta(days=1))
        )

        def post(calls, token=key):
            return self.url_open(
                "/json/2/discipline.contact/log_contacts",
                json={"vals_list": calls},
                headers={"Authorization": f"bearer {token}"},
            )

        unknown = {"source_ref": "x", "phone": "+79990000001"}
        answer = post([*self._calls("1", "2"), unknown])
        self.assertEqual(answer.status_code, 200, answer.text)
        first, second, lost = answer.json()
        self.assertFalse(lost)
        contacts = self.env["discipline.contact"].browse([first, second])
        self.assertEqual(contacts.partner_id, self.customer)
        self.assertEqual(set(contacts.mapped("day")), {date(2025, 3, 10)})
        self.assertEqual(post(self._calls("2", "1")).json(), [second, first])
        self.assertEqual(self.env["discipline.contact.unmatched"].search_count([("source_ref", "=", "api:x")]), 1)
        wrong = post([{"source_ref": "3"}])
        self.assertEqual(wrong.status_code, 422)
        self.assertIn("Contact 1: it needs a customer", wrong.text)
        self.assertEqual(post(self._calls("4"), token="no such key").status_code, 401)

    def test_xml_rpc_logs_a_call_once(self):
        database, password = self.env.cr.dbname, "sd_telephony_password"

        def tell(calls):
            return self.xmlrpc_object.execute_kw(
                database, self.user.id, password, "discipline.contact", "log_contacts", [calls]
            )

        (first,) = tell(self._calls("7"))
        self.assertEqual(tell(self._calls("7", "7")), [first, first])
        self.assertEqual(self.env["discipline.contact"].browse(first).partner_id, self.customer)
        with self.assertRaisesRegex(xmlrpc.client.Fault, "it needs a source_ref"):
            tell([{"phone": "1"}])
        with self.assertRaisesRegex(xmlrpc.client.Fault, "(?i)private"):
            self.xmlrpc_object.execute_kw(
                database, self.user.id, password, "discipline.contact", "_log", [self._calls("8")]
            )
