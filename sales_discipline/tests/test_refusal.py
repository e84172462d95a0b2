"""Refusals: no deal ends without a reason, and each refusal stays, whatever becomes of the deal."""

from datetime import date, datetime
from xmlrpc.client import Fault

from freezegun import freeze_time
from odoo.exceptions import UserError, ValidationError
from odoo.tests import HttpCase, JsonRpcException, tagged

from .common import NOW, TODAY
from .sale_common import RefusalCommon


@tagged("discipline_sale")
@freeze_time(NOW)
class TestRefusal(RefusalCommon):
    def _dialog(self, deal, user=None, **values):
        return (
            self.env["crm.lead.lost"]
            .with_user(user or self.anna)
            .create({"lead_ids": deal.ids, "lost_reason_id": self.price.id, **values})
        )

    def test_the_ledger_keeps_the_deal_as_it_was_that_day(self):
        tag = self.env["crm.tag"].create({"name": "Bearings"})
        with freeze_time(datetime(2025, 3, 3, 9, 0)):
            deal = self._deal(stage_id=self.offer.id, tag_ids=tag.ids)
        deal.invalidate_recordset()
        self.env.cr.execute("UPDATE crm_lead SET create_date = '2025-03-03 09:00' WHERE id = %s", [deal.id])
        competitor = self.env["discipline.competitor"].create({"name": "Vasilek"})
        self._dialog(
            deal, lost_feedback="<p>Ten percent dearer</p>", discipline_competitor_id=competitor.id
        ).action_lost_reason_apply()
        self.assertRecordValues(
            self._refusals(deal),
            [
                {
                    "kind": "lost",
                    "lead_id": deal.id,
                    "partner_id": self.customer.id,
                    "customer_ref": self.customer.id,
                    "user_id": self.anna.id,
                    "team_id": self.team.id,
                    "stage_id": self.offer.id,
                    "reason_id": self.price.id,
                    "category": "price",
                    "competitor_id": competitor.id,
                    "note": "Ten percent dearer",
                    "amount": 20000,
                    "size": "medium",
                    "days_open": 7,
                    "day": TODAY,
                    "made_by_id": self.anna.id,
                    "tag_ids": tag.ids,
                    "reopened_on": False,
                    "regained_on": False,
                }
            ],
        )

    def test_it_survives_reopening_winning_and_deletion(self):
        deal = self._deal()
        deal_id = deal.id
        self._dialog(deal).action_lost_reason_apply()
        with freeze_time(datetime(2025, 3, 12, 9, 0)):
            deal.action_restore()
            self.assertFalse(deal.lost_reason_id)
        with freeze_time(datetime(2025, 4, 1, 9, 0)):
            deal.action_set_won()
        deal.unlink()
        refusal = self._refusals(deal_id)
        self.assertRecordValues(
            refusal,
            [
                {
                    "reason_id": self.price.id,
                    "lead_id": False,
                    "reopened_on": date(2025, 3, 12),
                    "regained_on": date(2025, 4, 1),
                }
            ],
        )

    def test_a_customer_who_buys_later_is_regained_with_all_his_refusals(self):
        first, second = self._deal(), self._deal()
        stranger = self._deal(partner_id=self._customer("Other", self.anna).id)
        for deal in (first, second, stranger):
            deal.action_set_lost(lost_reason_id=self.price.id)
        self._deal(stage_id=self.done.id)
        self.assertEqual(self._refusals(first).regained_on, TODAY)
        self.assertEqual(self._refusals(second).regained_on, TODAY)
        self.assertFalse(self._refusals(stranger).regained_on)

    def test_losing_twice_is_two_refusals(self):
        deal = self._deal()
        for reason in (self.price, self.slow):
            deal.action_set_lost(lost_reason_id=reason.id)
            deal.action_restore()
        self.assertEqual(self._refusals(deal).reason_id, self.price | self.slow)

    def test_code_that_gives_no_reason_breaks_nothing_and_asks_the_owner(self):
        deal, archived = self._deal(), self._deal()
        deal.action_set_lost()
        archived.action_archive()
        for lead in (deal, archived):
            self.assertEqual(lead.lost_reason_id, self.not_stated)
            self.assertEqual(self._refusals(lead).reason_id, self.not_stated)
            todo = lead.activity_ids
            self.assertEqual((todo.user_id, todo.date_deadline), (self.anna, TODAY))

    def test_a_reason_given_later_replaces_not_stated_and_ends_the_to_do(self):
        deal = self._deal()
        deal.action_set_lost()
        deal.write({"lost_reason_id": self.price.id})
        rows = self._refusals(deal)
        self.assertEqual([bool(row.voided_at) for row in rows], [True, False])
        self.assertRecordValues(
            rows[1],
            [
                {
                    "reason_id": self.price.id,
                    "day": TODAY,
                    "amount": 20000,
                    "corrects_ref": rows[0].id,
                    "lead_id": deal.id,
                }
            ],
        )
        self.assertFalse(deal.activity_ids)

    def test_a_reason_that_demands_a_note_gets_it(self):
        deal = self._deal()
        with self.assertRaises(UserError):
            self._dialog(deal, lost_reason_id=self.slow.id, lost_feedback="<p><br></p>").action_lost_reason_apply()
        self._dialog(deal, lost_reason_id=self.slow.id, lost_feedback="<p>A week</p>").action_lost_reason_apply()
        self.assertEqual(self._refusals(deal).note, "A week")

    def test_try_again_plans_a_contact_with_the_customer(self):
        deal = self._deal()
        with self.assertRaises(UserError):
            self._dialog(deal, discipline_try_again_on=TODAY).action_lost_reason_apply()
        self._dialog(deal, discipline_try_again_on=date(2025, 6, 2)).action_lost_reason_apply()
        activity = self.customer.activity_ids
        self.assertEqual((activity.date_deadline, activity.user_id), (date(2025, 6, 2), self.anna))
        self.assertEqual(self._refusals(deal).try_again_on, date(2025, 6, 2))

    def test_a_lead_that_never_was_an_opportunity_needs_no_reason(self):
        lead = self._deal(type="lead")
        lead.action_archive()
        self.assertFalse(lead.lost_reason_id)
        self.assertFalse(self._refusals(lead))

    def test_a_refusal_in_a_contact_needs_no_deal(self):
        refused = self.env.ref("sales_discipline.discipline_outcome_refusal")
        values = {
            "partner_id": self.customer.id,
            "customer_ref": self.customer.id,
            "user_id": self.anna.id,
            "doer_ref": self.anna.id,
            "responsible_id": self.anna.id,
            "logged_at": NOW,
            "logged_day": TODAY,
            "date": NOW,
            "day": TODAY,
            "company_id": self.company.id,
            "outcome_id": refused.id,
        }
        Contact = self.env["discipline.contact"]._ledger()
        contact, talked = Contact.create([values, {**values, "outcome_id": self.talked.id}])
        Refusal = self.env["discipline.refusal"]
        found = Refusal._from_contacts(contact | talked, {contact.id: {"reason_id": self.price.id, "note": "Dear"}})
        self.assertFalse(Refusal._from_contacts(contact | talked), "a second time it is the same refusal")
        self.assertRecordValues(
            found,
            [
                {
                    "kind": "contact",
                    "contact_id": contact.id,
                    "partner_id": self.customer.id,
                    "user_id": self.anna.id,
                    "reason_id": self.price.id,
                    "note": "Dear",
                    "day": TODAY,
                }
            ],
        )
        Refusal._void_contacts(contact, "The contact never happened")
        self.assertTrue(found.voided_at)

    def test_nobody_writes_the_ledger_by_hand(self):
        deal = self._deal()
        deal.action_set_lost(lost_reason_id=self.price.id)
        refusal = self._refusals(deal)
        for user in (self.anna, self.administrator, self.env.user):
            with self.assertRaises(UserError):
                refusal.with_user(user).write({"reason_id": self.slow.id})

    def test_a_manager_sees_his_own_refusals_and_a_supervisor_all(self):
        deal = self._deal(user_id=self.boris.id)
        deal.action_set_lost(lost_reason_id=self.price.id)
        Refusal = self.env["discipline.refusal"]
        domain = [("lead_ref", "=", deal.id)]
        self.assertFalse(Refusal.with_user(self.anna).search(domain))
        self.assertTrue(Refusal.with_user(self.boris).search(domain))
        self.assertTrue(Refusal.with_user(self.supervisor).search(domain))

    def test_a_target_share_is_a_percentage(self):
        with self.assertRaises(ValidationError):
            self.price.discipline_target_share = 120

    def test_not_stated_cannot_be_deleted(self):
        with self.assertRaises(UserError):
            self.not_stated.unlink()


@tagged("discipline_sale", "post_install", "-at_install")
class TestRefusalDoors(RefusalCommon, HttpCase):
    """Every door to “lost” and to “archived”, as a manager and as an integration, by real requests."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.robot = cls._user("robot", "sales_team.group_sale_salesman_all_leads")
        cls.robot.group_ids += cls.env.ref("sales_discipline.group_discipline_integration")

    def _rpc(self, model, method, *args, **kwargs):
        return self.make_jsonrpc_request(
            f"/web/dataset/call_kw/{model}/{method}",
            {"model": model, "method": method, "args": list(args), "kwargs": kwargs},
        )

    def _refused(self, door, deal):
        """Return the sentence with which ``door`` refuses."""
        try:
            door(deal)
        except (JsonRpcException, UserError, Fault) as error:
            # a JSON-RPC error of the test client gives its class alone
            known = {"RedirectWarning": "no reason", "UserError": "no reason"}
            return known.get(str(error).rpartition(".")[2], str(error))
        return "it was done"

    def _dialog_door(self, deal):
        wizard = self._rpc("crm.lead.lost", "create", {"lead_ids": [[6, 0, deal.ids]]})
        self._rpc("crm.lead.lost", "action_lost_reason_apply", [wizard])

    def _xmlrpc_door(self, deal):
        password = self.user_at_work.login.ljust(8, "x")
        self.xmlrpc_object.execute_kw(
            self.env.cr.dbname, self.user_at_work.id, password, "crm.lead", "write", [deal.ids, {"active": False}]
        )

    def _import_door(self, deal):
        result = self._rpc("crm.lead", "load", [".id", "active"], [[str(deal.id), "False"]])
        if not result["ids"]:
            # an import reports what it could not do; nothing of it is done
            raise UserError(result["messages"][0]["message"])

    def _doors(self):
        rpc = self._rpc
        return {
            "form": lambda deal: rpc("crm.lead", "web_save", deal.ids, {"active": False}, specification={}),
            "form, lost": lambda deal: rpc(
                "crm.lead", "web_save", deal.ids, {"active": False, "probability": 0}, specification={}
            ),
            "list: archive": lambda deal: rpc("crm.lead", "action_archive", deal.ids),
            "kanban: write": lambda deal: rpc("crm.lead", "write", deal.ids, {"active": False}),
            "probability first, then archive": lambda deal: (
                rpc("crm.lead", "write", deal.ids, {"probability": 0}),
                rpc("crm.lead", "write", deal.ids, {"active": False}),
            ),
            "action_set_lost": lambda deal: rpc("crm.lead", "action_set_lost", deal.ids),
            "called a lead again, then archived": lambda deal: (
                rpc("crm.lead", "write", deal.ids, {"type": "lead"}),
                rpc("crm.lead", "write", deal.ids, {"active": False}),
            ),
            "called a lead and archived at once": lambda deal: rpc(
                "crm.lead", "write", deal.ids, {"type": "lead", "active": False, "probability": 0}
            ),
            "dialog without a reason": self._dialog_door,
            "import": self._import_door,
            "XML-RPC": self._xmlrpc_door,
        }

    def test_a_manager_ends_no_deal_without_a_reason(self):
        self.user_at_work = self.anna
        self.authenticate(self.anna.login, self.anna.login)
        for name, door in self._doors().items():
            with self.subTest(door=name):
                deal = self._deal(name=f"Deal behind {name}")
                self.assertIn("reason", self._refused(door, deal))
                deal.invalidate_recordset()
                self.assertTrue(deal.active)
                self.assertFalse(self._refusals(deal))

    def test_what_a_program_ends_is_not_stated_and_the_owner_is_asked(self):
        self.user_at_work = self.robot
        self.authenticate(self.robot.login, self.robot.login)
        for name, door in self._doors().items():
            with self.subTest(door=name):
                deal = self._deal(name=f"Deal behind {name}")
                door(deal)
                deal.invalidate_recordset()
                self.assertFalse(deal.active)
                self.assertEqual(deal.lost_reason_id, self.not_stated)
                self.assertEqual(self._refusals(deal).mapped("reason_id"), self.not_stated)
                if deal.type == "opportunity":
                    self.assertEqual(deal.activity_ids.user_id, self.anna)

    def test_a_manager_creates_no_lost_deal_without_a_reason(self):
        self.authenticate(self.anna.login, self.anna.login)
        values = {"name": "Lost from the first day", "type": "opportunity", "active": False, "probability": 0}
        with self.assertRaises(JsonRpcException):
            self._rpc("crm.lead", "create", values)
        deal_id = self._rpc("crm.lead", "create", {**values, "lost_reason_id": self.price.id})
        self.assertEqual(self._refusals(deal_id).reason_id, self.price)

    def test_a_manager_neither_hides_behind_not_stated_nor_takes_the_reason_away(self):
        self.authenticate(self.anna.login, self.anna.login)
        deal = self._deal()
        with self.assertRaises(JsonRpcException):
            self._rpc("crm.lead", "action_set_lost", deal.ids, lost_reason_id=self.not_stated.id)
        self._rpc("crm.lead", "action_set_lost", deal.ids, lost_reason_id=self.price.id)
        with self.assertRaises(JsonRpcException):
            self._rpc("crm.lead", "write", deal.ids, {"lost_reason_id": False})
        self.assertEqual(self._refusals(deal).reason_id, self.price)

    def test_a_note_is_demanded_also_past_the_dialog(self):
        self.authenticate(self.anna.login, self.anna.login)
        deal = self._deal()
        with self.assertRaises(JsonRpcException):
            self._rpc("crm.lead", "action_set_lost", deal.ids, lost_reason_id=self.slow.id)

    def test_with_a_reason_every_door_is_open(self):
        self.authenticate(self.anna.login, self.anna.login)
        archived, lost, imported = self._deal(probability=40), self._deal(), self._deal(probability=40)
        self._rpc("crm.lead", "write", archived.ids, {"active": False, "lost_reason_id": self.price.id})
        wizard = self._rpc("crm.lead.lost", "create", {"lead_ids": [[6, 0, lost.ids]], "lost_reason_id": self.price.id})
        self._rpc("crm.lead.lost", "action_lost_reason_apply", [wizard])
        self._rpc(
            "crm.lead",
            "load",
            [".id", "active", "lost_reason_id/.id"],
            [[str(imported.id), "False", str(self.price.id)]],
        )
        self.assertEqual(self._refusals(archived).kind, "archive")
        self.assertEqual(self._refusals(lost).kind, "lost")
        self.assertEqual(self._refusals(imported).kind, "archive")

    def test_the_link_in_an_e_mail_opens_the_dialog_and_loses_nothing(self):
        self.authenticate(self.anna.login, self.anna.login)
        deal = self._deal()
        link = deal._notify_get_action_link("controller", controller="/lead/case_mark_lost")
        response = self.url_open(link.replace(deal.get_base_url(), ""), allow_redirects=False)
        self.assertEqual(response.status_code, 303)
        self.assertIn("crm_lead_lost_link_action", response.headers["Location"])
        deal.invalidate_recordset()
        self.assertTrue(deal.active)

    def test_a_merge_by_a_manager_ends_the_twin_as_merged(self):
        self.authenticate(self.anna.login, self.anna.login)
        head, twin = self._deal(probability=60), self._deal(probability=10)
        twin_id = twin.id
        wizard = self._rpc("crm.merge.opportunity", "create", {"opportunity_ids": [[6, 0, (head | twin).ids]]})
        self._rpc("crm.merge.opportunity", "action_merge", [wizard])
        row = self.env["discipline.stage.change"].search([("lead_ref", "=", twin_id)], limit=1)
        self.assertEqual((row.kind, row.merged_into_ref, row.made_by_id), ("merge", head.id, self.anna))
