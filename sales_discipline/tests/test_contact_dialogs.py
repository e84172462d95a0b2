"""The dialogs about contacts: where they are opened from, the one that voids, notes that are too long."""

from datetime import datetime, timedelta

from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .common import NOW
from .verdict_common import VerdictCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestContactDialogs(VerdictCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer = cls._customer("Customer", cls.anna, cls.class_a)
        cls.second = cls._customer("Second", cls.anna, cls.class_a)
        cls.Compliance._evaluate_customers((cls.customer | cls.second).ids)
        cls.Contact = cls.env["discipline.contact"]

    # ------------------------------------------------------------------
    # where the dialog is opened from

    def _records(self, model):
        """Return records of a model, one for each of the two customers."""
        if model == "res.partner":
            return self.customer | self.second
        if model == "crm.lead":
            return self.env["crm.lead"].create(
                [
                    {"name": partner.name, "type": "opportunity", "partner_id": partner.id, "user_id": self.anna.id}
                    for partner in self.customer | self.second
                ]
            )
        return (self.customer | self.second).discipline_id

    def _bound(self, model, view):
        """Return whether “Log a Contact” stands in the menu of actions of a view, as the browser is told it."""
        bindings = self.env["ir.actions.actions"].with_user(self.anna).get_bindings(model).get("action", ())
        shown = [row["id"] for row in bindings if view in row["binding_view_types"].split(",")]
        found = self.env["ir.actions.act_window"].sudo().search([("id", "in", shown)])
        return "discipline.contact.log" in found.mapped("res_model")

    def test_the_dialog_is_bound_to_lists_and_kanbans_and_logs_with_every_customer_chosen_there(self):
        for model in ("res.partner", "crm.lead", "discipline.customer"):
            records = self._records(model)
            for view in ("list", "kanban"):
                with self.subTest(model=model, view=view):
                    self.assertTrue(self._bound(model, view))
            with self.subTest(model=model):
                before = self.Contact.search([])
                context = {"active_model": model, "active_ids": records.ids, "active_id": records[0].id}
                dialog = self.env["discipline.contact.log"].with_user(self.anna).with_context(**context)
                self.assertEqual(dialog.new({}).partner_ids._origin, self.customer | self.second)
                dialog.create({"note": model}).action_log()
                logged = self.Contact.search([]) - before
                self.assertEqual(logged.partner_id, self.customer | self.second)
                self.assertEqual(logged.mapped("note"), [model] * 2)

    def test_a_deal_without_a_customer_is_refused_with_a_sentence(self):
        lead = self.env["crm.lead"].create({"name": "Nobody's", "type": "opportunity"})
        dialog = self.env["discipline.contact.log"].with_user(self.anna)
        with self.assertRaisesRegex(UserError, "no customer behind this record"):
            dialog.with_context(active_model="crm.lead", active_ids=lead.ids).create({})

    # ------------------------------------------------------------------
    # the dialog that voids

    def _void(self, user, contacts, reason):
        action = contacts.with_user(user).action_void()
        self.assertEqual((action["res_model"], action["target"]), ("discipline.contact.void", "new"))
        wizard = self.env[action["res_model"]].with_user(user).with_context(**action["context"])
        return wizard.create({"reason": reason}).action_void()

    def test_a_manager_voids_his_contact_and_the_ledger_keeps_who_when_and_why(self):
        first = self._log(self.customer, self.anna, NOW - timedelta(hours=2), note="Said")
        second = self._log(self.customer, self.anna, NOW - timedelta(hours=1))
        self.assertEqual((first.counted, second.rejected_reason), (True, "gap"))
        with freeze_time(NOW + timedelta(minutes=5)):
            self.assertTrue(first.with_user(self.anna).can_void)
            done = self._void(self.anna, first, "  Another customer  ")
        self.assertEqual(done, {"type": "ir.actions.act_window_close"})
        self.assertEqual(
            (first.voided_by_id, first.voided_at, first.void_reason),
            (self.anna, datetime(2025, 3, 10, 9, 5), "Another customer"),
        )
        self.assertEqual((first.counted, first.rejected_reason, first.note), (False, "voided", "Said"))
        self.assertTrue(second.counted, "the second of that day counts now")
        self.env.invalidate_all()
        self.assertFalse(first.with_user(self.anna).can_void)
        # once more, and by somebody else: the first reason stands
        self._void(self.supervisor, first, "Other words")
        self.assertEqual((first.voided_by_id, first.void_reason), (self.anna, "Another customer"))

    def test_a_supervisor_voids_contacts_of_his_team_together(self):
        contacts = self._log(self.customer, self.anna, NOW) | self._log(self.second, self.anna, NOW)
        self._void(self.supervisor, contacts, "Copied notes")
        self.assertEqual(contacts.voided_by_id, self.supervisor)
        self.assertEqual(set(contacts.mapped("void_reason")), {"Copied notes"})

    def test_a_colleague_and_another_teams_supervisor_void_nothing_and_nobody_without_a_reason(self):
        contact = self._log(self.customer, self.anna, NOW)
        self.assertFalse(contact.with_user(self.boris).has_access("read"))
        for stranger in (self.boris, self.dmitri):
            with self.assertRaises(AccessError):
                self._void(stranger, contact, "mine")
        stranger = self._user("stranger", "sales_team.group_sale_salesman_all_leads")
        with self.assertRaisesRegex(AccessError, "he or a supervisor voids it"):
            self._void(stranger, contact, "mine")
        for reason in ("   ", False):
            with self.assertRaisesRegex(Exception, "(?i)say why|required|not-null"), self.env.cr.savepoint():
                self._void(self.anna, contact, reason)
        self.assertFalse(contact.voided_at)
        self.assertTrue(contact.counted)

    # ------------------------------------------------------------------
    # notes that are too long

    def test_a_note_that_is_too_long_is_refused_with_a_sentence_and_nothing_is_logged(self):
        values = {"partner_ids": [Command.set(self.customer.ids)], "channel_id": self.call.id, "note": "x" * 100_001}
        dialog = self.env["discipline.contact.log"].with_user(self.anna).create(values)
        activity = self.customer.activity_schedule("mail.mail_activity_data_call", user_id=self.anna.id)
        with self.assertRaisesRegex(UserError, "has 100001 characters; a contact keeps 100000"):
            dialog.action_log()
        self.assertEqual((len(dialog.note), activity.active), (100_001, True))
        service = self.env["discipline.my.day"].with_user(self.anna)
        with self.assertRaisesRegex(UserError, "Shorten it"):
            service.log(self.customer.id, {**service.get_log_defaults(self.customer.id), "note": values["note"]})
        self.assertFalse(self.Contact.search([("partner_id", "=", self.customer.id)]))
        dialog.note = dialog.note[1:]
        dialog.action_log()
        self.assertEqual(len(self.Contact.search([("partner_id", "=", self.customer.id)]).note), 100_000)

    def test_telephony_is_told_in_the_note_how_much_of_it_was_cut(self):
        told = [{"source_ref": "1", "partner_id": self.customer.id, "note": "x" * 100_000 + "y" * 2_345}]
        contact = self.Contact.browse(self.Contact.with_user(self.anna).log_contacts(told))
        self.assertTrue(contact.note.endswith("xx… (cut: 2345 characters)"), contact.note[-40:])
