"""Contacts in a real browser: voided with a reason, calls that find their customer, and notes that stay text."""

from datetime import datetime

from freezegun import freeze_time
from odoo.tests import HttpCase, tagged

from .common import NOW, DisciplineCommon
from .real_input import RealInput

#: it would run in whatever takes it for markup
MARKUP = "<img src=x onerror=\"console.error('the note ran')\"><b>Bold</b> & more"


@tagged("post_install", "-at_install")
@freeze_time(NOW, tick=True)
class TestContactsInTheBrowser(RealInput, DisciplineCommon, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.supervisor | cls.anna).tour_enabled = False
        cls.customer = cls._customer("Customer of the Test", cls.anna, cls.class_a)

    def test_a_contact_is_voided_with_a_reason_and_the_next_of_the_day_counts_at_once(self):
        first, second = (self._log(self.customer, self.anna, NOW.replace(hour=hour)) for hour in (7, 8))
        self.assertEqual((first.counted, second.counted), (True, False))
        self.browse(
            f"/odoo/discipline-contacts/{first.id}",
            """
            await click(await element(".o_form_view button[name=action_void]"));
            const reason = await element(".modal .o_field_widget[name=reason] input");
            // without a reason nothing is voided
            await click(await element(".modal button[name=action_void]"));
            await element(".modal .o_field_invalid[name=reason]");
            await click(reason);
            write("It was another company");
            await until(() => reason.value === "It was another company", "the reason");
            await click(await element(".modal button[name=action_void]"));
            await until(() => !document.querySelector(".modal"), "the dialog is closed");
            await element(".o_form_view .ribbon", "Voided");
            check(one(".o_field_widget[name=void_reason]", "It was another company"), "why");
            check(one(".o_field_widget[name=voided_by_id]", "Supervisor"), "who");
            check(!one("button[name=action_void]"), "it is voided once");
            """,
            self.supervisor.login,
        )
        self.env.invalidate_all()
        self.assertEqual((first.voided_by_id, first.void_reason), (self.supervisor, "It was another company"))
        self.assertEqual((first.counted, second.counted), (False, True))

    def test_a_call_of_an_unknown_number_is_assigned_and_another_is_said_to_be_no_customers(self):
        self.env["discipline.contact"].with_user(self.anna).log_contacts(
            [
                {"source_ref": "1", "phone": "+79990000001", "note": "Asked for prices"},
                {"source_ref": "2", "phone": "+79990000002", "note": "Sells water"},
            ]
        )
        self.env.flush_all()
        self.browse(
            "/odoo/discipline-calls-without-a-customer",
            """
            const assign = async (number) =>
                click((await element(".o_data_row", number)).querySelector("button[name=action_assign]"));
            await assign("+79990000001");
            const customer = await element(".modal .o_field_widget[name=partner_id] input");
            await click(customer);
            write("Customer of the T");
            await until(async () => {
                // the list of names may be made anew at any moment
                const item = one(".o-autocomplete--dropdown-item", "Customer of the Test");
                if (item) await click(item).catch(() => {});
                await new Promise((done) => setTimeout(done, 200));
                return customer.value === "Customer of the Test";
            }, "he is chosen");
            await click(await element(".modal button[name=action_assign]"));
            await element(".o_notification", "1 of 1 contacts counted");
            const gone = (number) => !document.querySelector(".modal") && !one(".o_data_row", number);
            await until(() => gone("+79990000001"), "it is assigned");
            await click(await element(".o_notification_close"));
            await assign("+79990000002");
            const reason = await element(".modal .o_field_widget[name=reason] input");
            check(!one(".modal button[name=action_dismiss]"), "no reason, no way out");
            await click(reason);
            write("A supplier");
            press("Tab");
            await click(await element(".modal button[name=action_dismiss]"));
            await until(() => gone("+79990000002"), "it is dismissed");
            """,
            self.anna.login,
        )
        assigned, dismissed = self.env["discipline.contact.unmatched"].search([], order="phone")
        self.assertEqual((assigned.state, assigned.contact_id.partner_id), ("assigned", self.customer))
        self.assertEqual((assigned.contact_id.note, assigned.contact_id.counted), ("Asked for prices", True))
        self.assertEqual(self.customer.phone, "+79990000001")
        self.assertEqual((dismissed.state, dismissed.void_reason), ("dismissed", "A supplier"))

    def test_a_note_with_markup_is_text_wherever_it_is_shown(self):
        contact = self._log(self.customer, self.anna, datetime(2025, 3, 6, 8), note=MARKUP)
        self.customer.activity_schedule("mail.mail_activity_data_call", user_id=self.anna.id, date_deadline=NOW.date())
        screens = [
            ("discipline-contacts", ".o_list_view .o_data_cell[name=note]"),
            (f"discipline-contacts/{contact.id}", ".o_form_view .o_field_widget[name=note]"),
            ("discipline-events", ".o_list_view .o_data_cell[name=note]"),
        ]
        for path, place in screens:
            self._shows_text(f"/odoo/{path}", f"await element({place!r}, '<b>Bold</b> & more');", self.supervisor)
        self._shows_text(
            "/odoo/discipline-my-day", "await element('.o_my_day [data-row]', '<b>Bold</b> & more');", self.anna
        )

    def _shows_text(self, path, script, user):
        with self.subTest(path=path):
            self.browse(
                path,
                script + "check(!document.querySelector('.o_action_manager img[src=x]'), 'no picture');",
                user.login,
            )
