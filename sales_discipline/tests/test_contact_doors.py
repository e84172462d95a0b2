"""Every door by which a contact comes in, opened by a salesman in a real browser: one real contact is one row."""

from datetime import date, datetime, timedelta

from odoo.fields import Command
from odoo.tests import HttpCase, new_test_user, tagged

PLAIN = (
    "Door Done", "Door Employee", "Door Lead", "Door Bulk One", "Door Bulk Two", "Door Archive", "Door Held",
    "Door Called Off", "Door Moved", "Door Deleted", "Door Declined", "Door Form", "Door Dealing", "Door List",
    "Door Several One", "Door Several Two", "Door Kanban", "Door My Day",
)  # fmt: skip


@tagged("post_install", "-at_install")
class TestContactDoors(HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # the browser is told English labels, whatever language the database speaks
        cls.env["res.lang"]._activate_lang("en_US")
        cls.anna = new_test_user(
            cls.env,
            "sd_doors",
            groups="base.group_user,base.group_partner_manager,sales_team.group_sale_salesman",
            name="Anna",
            lang="en_US",
            tz="UTC",
        )
        cls.anna.tour_enabled = False
        cls.call_type = cls.env.ref("mail.mail_activity_data_call")
        cls.customers = {
            partner.name: partner
            for partner in cls.env["res.partner"].create(
                [{"name": name, "is_company": True, "user_id": cls.anna.id} for name in PLAIN]
            )
        }
        cls.employee = cls.env["res.partner"].create(
            {"name": "Employee of a Door", "parent_id": cls.customers["Door Employee"].id, "user_id": cls.anna.id}
        )
        cls.deal, cls.opportunity = cls.env["crm.lead"].create(
            [
                {"name": name, "type": "opportunity", "partner_id": cls.customers[customer].id, "user_id": cls.anna.id}
                for name, customer in (("Door Deal", "Door Lead"), ("Door Opportunity", "Door Dealing"))
            ]
        )
        cls.Contact = cls.env["discipline.contact"]

    def _plan(self, record, **values):
        return record.with_user(self.anna).activity_schedule(
            activity_type_id=self.call_type.id, user_id=self.anna.id, date_deadline=date.today(), **values
        )

    def _contacts(self, name):
        return self.Contact.search([("partner_id", "=", self.customers[name].id)], order="id")

    def _tour(self, name):
        # what was done in the browser is another transaction's
        self.env.flush_all()
        self.start_tour("/odoo/action-sales_discipline.discipline_my_day_action", name, login="sd_doors", timeout=240)
        self.env.invalidate_all()

    def test_activities_that_are_done_in_the_browser_are_contacts(self):
        for name in ("Door Done", "Door Bulk One", "Door Bulk Two", "Door Archive"):
            self._plan(self.customers[name], summary="Price list")
        self._plan(self.employee, summary="Price list", note="<p>Ask about <b>autumn</b></p>")
        self._plan(self.deal)
        self._tour("sales_discipline_activity_doors")
        notes = {
            name: self._contacts(name).mapped("note")
            for name in ("Door Done", "Door Employee", "Door Lead", "Door Bulk One", "Door Bulk Two", "Door Archive")
        }
        self.assertEqual(
            notes,
            {
                "Door Done": ["They want a discount"],
                # nothing was written when it was done: what its author had typed stands
                "Door Employee": ["Price list\nAsk about *autumn*"],
                "Door Lead": ["He signs on Friday"],
                "Door Bulk One": ["Price list"],
                "Door Bulk Two": ["Price list"],
                "Door Archive": ["Price list"],
            },
        )
        self.assertEqual(self._contacts("Door Employee").contact_id, self.employee)
        self.assertEqual(self._contacts("Door Lead").lead_id, self.deal)
        planned = self.deal.activity_ids
        self.assertEqual(planned.summary, "Call on Friday")
        # the night finds nothing that a feeder missed, and no contact leaves with what it came from
        self.Contact._reconcile_feeders(self.env.company)
        self._delete_sources()
        self.assertEqual({name: len(self._contacts(name)) for name in notes}, dict.fromkeys(notes, 1))

    def test_meetings_that_took_place_are_contacts_and_those_that_did_not_are_none(self):
        yesterday = datetime.combine(date.today() - timedelta(days=1), datetime.min.time())
        names = ("Called Off", "Moved", "Deleted", "Declined")
        events = (
            self.env["calendar.event"]
            .with_user(self.anna)
            .create(
                [
                    {
                        "name": f"Meeting {name}",
                        "start": yesterday + timedelta(hours=hour),
                        "stop": yesterday + timedelta(hours=hour + 1),
                        "partner_ids": [Command.set((self.anna.partner_id | self.customers[f"Door {name}"]).ids)],
                    }
                    for hour, name in enumerate(names, start=8)
                ]
            )
        )
        events._discipline_log_held()
        self.assertEqual({name: len(self._contacts(f"Door {name}")) for name in names}, dict.fromkeys(names, 1))
        self._tour("sales_discipline_meeting_doors")
        # the customer himself declines by the link in his mail
        self.authenticate(None, None)
        attendee = events[3].sudo().attendee_ids.filtered(lambda row: row.partner_id == self.customers["Door Declined"])
        self.assertEqual(
            self.url_open(f"/calendar/meeting/decline?token={attendee.access_token}&id={events[3].id}").status_code, 200
        )
        self.env.invalidate_all()
        self.env["calendar.event"]._discipline_log_held()
        self.env["calendar.event"]._discipline_log_held()
        held = self._contacts("Door Held")
        self.assertEqual((held.mapped("source"), held.note, held.user_id), (["meeting"], "Presentation", self.anna))
        for name in ("Called Off", "Moved", "Declined"):
            contact = self._contacts(f"Door {name}")
            self.assertEqual(contact.mapped("rejected_reason"), ["voided"], name)
        deleted = self._contacts("Door Deleted")
        self.assertEqual((len(deleted), deleted.event_id.id, deleted.voided_at), (1, False, False))
        self._delete_sources()
        self.assertEqual(len(self._contacts("Door Held")), 1)

    def test_the_dialog_logs_from_card_deal_list_kanban_and_my_day(self):
        planned = self._plan(self.customers["Door My Day"], summary="Price list")
        self._tour("sales_discipline_dialog_doors")
        notes = {
            "Door Form": ["From the card"],
            "Door Dealing": ["From the deal"],
            "Door List": ["From the list"],
            "Door Several One": ["A circular"],
            "Door Several Two": ["A circular"],
            "Door Kanban": ["From the kanban"],
            "Door My Day": ["From my day"],
        }
        self.assertEqual({name: self._contacts(name).mapped("note") for name in notes}, notes)
        self.assertEqual(self._contacts("Door Dealing").lead_id, self.opportunity)
        # the call that was planned for it is done with it, and logs no second contact
        self.assertFalse(planned.active)
        self.Contact._reconcile_feeders(self.env.company)
        self.assertEqual(len(self._contacts("Door My Day")), 1)
        self._delete_sources()
        self.assertEqual({name: len(self._contacts(name)) for name in notes}, dict.fromkeys(notes, 1))

    def _delete_sources(self):
        """Delete everything that the contacts came from, and the user who made them."""
        self.env["mail.activity"].with_context(active_test=False).search([("user_id", "=", self.anna.id)]).unlink()
        self.env["calendar.event"].search([("user_id", "=", self.anna.id)]).unlink()
        (self.deal | self.opportunity).unlink()
        self.env.flush_all()
        before = self.Contact.search([("doer_ref", "=", self.anna.id)])
        self.assertTrue(before)
        self.anna.unlink()
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(self.Contact.search([("doer_ref", "=", before[0].doer_ref)]), before)
        self.assertFalse(before.user_id)
