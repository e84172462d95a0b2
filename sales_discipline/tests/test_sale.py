"""From a contact to a sale; what stages demand."""

from datetime import date, datetime

from freezegun import freeze_time
from odoo.exceptions import UserError
from odoo.tests import HttpCase, JsonRpcException, tagged

from .common import NOW
from .sale_common import RefusalCommon


@tagged("discipline_sale")
@freeze_time(NOW)
class TestSaleFromContact(RefusalCommon):
    def test_a_sale_from_a_contact_carries_customer_manager_and_note(self):
        contact = self._log(self.customer, self.anna, NOW, note="Wants bearings")
        action = contact.with_user(self.anna).action_start_sale()
        lead = self.env["crm.lead"].browse(action["res_id"])
        self.assertEqual((lead.partner_id, lead.user_id, lead.type), (self.customer, self.anna, "opportunity"))
        self.assertEqual(lead.origin_contact_id, contact)
        self.assertIn("Wants bearings", lead.description)
        self.assertEqual(contact.sale_count, 1)

    def test_an_open_deal_of_the_customer_is_offered_first(self):
        deal = self._deal()
        contact = self._log(self.customer, self.anna, NOW)
        action = contact.with_user(self.anna).action_start_sale()
        self.assertEqual(action["res_model"], "discipline.sale.start")
        wizard = self.env["discipline.sale.start"].with_user(self.anna).create({"contact_id": contact.id})
        self.assertEqual(wizard.lead_id, deal)
        self.assertEqual(wizard.action_continue()["res_id"], deal.id)
        self.assertEqual(contact.lead_id, deal)
        other = self.env["crm.lead"].browse(wizard.action_new()["res_id"])
        self.assertEqual(other.origin_contact_id, contact)

    def test_contacts_sales_and_wins_are_counted_by_manager(self):
        contacts = [self._log(self.customer, self.anna, datetime(2025, 3, day, 9)) for day in (3, 5, 7)]
        won = contacts[0].with_user(self.anna)._start_sale()
        contacts[1].with_user(self.anna)._start_sale()
        won.expected_revenue = 700
        won.action_set_won()
        row = self.env["discipline.contact.conversion"]._read_group(
            [("user_id", "=", self.anna.id)], [], ["contacts:sum", "sales:sum", "won:sum", "won_amount:sum"]
        )
        self.assertEqual(row, [(3, 2, 1, 700)])

    def test_a_sale_from_my_day_starts_from_the_last_contact_or_asks_for_one(self):
        service = self.env["discipline.my.day"].with_user(self.anna)
        dialog = service.action_sale(self.customer.id)
        self.assertEqual(dialog["res_model"], "discipline.contact.log")
        self._log(self.customer, self.anna, datetime(2025, 3, 6, 9), note="Old talk")
        contact = self._log(self.customer, self.anna, datetime(2025, 3, 7, 9), note="Wants bearings")
        lead = self.env["crm.lead"].browse(service.action_sale(self.customer.id)["res_id"])
        self.assertEqual((lead.origin_contact_id, lead.partner_id), (contact, self.customer))

    def test_a_refusal_on_the_phone_is_a_refusal_with_its_reason(self):
        refused = self.env.ref("sales_discipline.discipline_outcome_refusal")
        dialog = (
            self.env["discipline.contact.log"]
            .with_user(self.anna)
            .create({"partner_ids": self.customer.ids, "outcome_id": refused.id, "channel_id": self.call.id})
        )
        dialog.outcome_id = refused
        with self.assertRaises(UserError):
            dialog.action_log()
        dialog.lost_reason_id = self.price
        dialog.action_log()
        contact = self.env["discipline.contact"].search([("partner_id", "=", self.customer.id)])
        refusal = self.env["discipline.refusal"].search([("contact_id", "=", contact.id)])
        self.assertEqual((refusal.reason_id, refusal.kind), (self.price, "contact"))
        contact._void("It was somebody else")
        self.assertTrue(refusal.voided_at)


@tagged("discipline_sale")
class TestStageTime(RefusalCommon):
    def test_a_deal_is_overdue_in_its_stage_until_there_is_or_will_be_a_contact(self):
        self.env["discipline.stage.rule"].create({"stage_id": self.new.id, "days_allowed": 5})
        Lead = self.env["crm.lead"]
        with freeze_time(datetime(2025, 3, 3, 9, 0)):
            deal = self._deal()
            deal.date_last_stage_update = datetime(2025, 3, 3, 9, 0)
        mine = [("id", "=", deal.id), ("discipline_stage_overdue", "=", True)]
        with freeze_time(datetime(2025, 3, 8, 9, 0)):
            self.assertEqual(deal.discipline_stage_due, date(2025, 3, 8))
            self.assertFalse(Lead.search(mine))
        with freeze_time(datetime(2025, 3, 10, 9, 0)):
            deal.invalidate_recordset()
            self.assertTrue(deal.discipline_stage_overdue)
            self.assertEqual(Lead.search(mine), deal)
            call = self.customer.activity_schedule(
                "mail.mail_activity_data_call", date_deadline=date(2025, 3, 12), user_id=self.anna.id
            )
            self.assertFalse(Lead.search(mine), "a planned contact is life")
            call.unlink()
            self.assertEqual(Lead.search(mine), deal)
            self._log(self.customer, self.anna, datetime(2025, 3, 7, 9, 0))
            self.assertFalse(Lead.search(mine), "and so is a contact")
            deal.invalidate_recordset()
            self.assertEqual(deal.discipline_stage_due, date(2025, 3, 12))

    def test_a_call_planned_with_a_buyer_of_the_customer_is_life_too(self):
        self.env["discipline.stage.rule"].create({"stage_id": self.new.id, "days_allowed": 5})
        buyer = self.env["res.partner"].create({"name": "Ivan", "parent_id": self.customer.id})
        with freeze_time(datetime(2025, 3, 3, 9, 0)):
            deal = self._deal(date_last_stage_update=datetime(2025, 3, 3, 9, 0))
        with freeze_time(datetime(2025, 3, 10, 9, 0)):
            self.assertTrue(deal.discipline_stage_overdue)
            buyer.activity_schedule("mail.mail_activity_data_call", date_deadline=date(2025, 3, 12))
            deal.invalidate_recordset()
            self.assertFalse(deal.discipline_stage_overdue)

    def test_my_day_shows_ones_own_overdue_deals_the_longest_first(self):
        self.env["discipline.stage.rule"].create({"stage_id": self.new.id, "days_allowed": 5})
        deals = self.env["crm.lead"]
        for day, user in ((4, self.anna), (3, self.anna), (1, self.boris)):
            deals |= self._deal(
                name=f"Since {day} March", user_id=user.id, date_last_stage_update=datetime(2025, 3, day, 9, 0)
            )
        with freeze_time(datetime(2025, 3, 10, 9, 0)):
            shown = self.env["discipline.my.day"].with_user(self.anna).get_day()["deals"]
            self.assertEqual([row["name"] for row in shown["rows"]], ["Since 3 March", "Since 4 March"])
            self.assertEqual((shown["total"], shown["rows"][0]["due"]), (2, "03/08/2025"))

    def test_the_rule_of_the_other_company_does_not_hold_here(self):
        other = self.env["res.company"].create({"name": "Other Company"})
        Rule = self.env["discipline.stage.rule"]
        Rule.create({"stage_id": self.new.id, "days_allowed": 1, "company_id": other.id})
        Rule.create({"stage_id": self.new.id, "days_allowed": 9})
        with freeze_time(datetime(2025, 3, 3, 9, 0)):
            deal = self._deal(date_last_stage_update=datetime(2025, 3, 3, 9, 0))
        self.assertEqual(deal.discipline_stage_due, date(2025, 3, 12))
        self.assertEqual(Rule._of(self.new.id, self.team.id, other.id).days_allowed, 1)


@tagged("discipline_sale", "post_install", "-at_install")
class TestStageRequirements(RefusalCommon, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        Fields = cls.env["ir.model.fields"]
        cls.rule = cls.env["discipline.stage.rule"].create(
            {
                "stage_id": cls.offer.id,
                "lead_field_ids": Fields._get("crm.lead", "date_deadline").ids,
                "partner_field_ids": Fields._get("res.partner", "vat").ids,
                "note_required": True,
            }
        )
        cls.third = cls.env["crm.stage"].create({"name": "Third", "sequence": 3})

    def _rpc(self, model, method, *args, **kwargs):
        return self.make_jsonrpc_request(
            f"/web/dataset/call_kw/{model}/{method}",
            {"model": model, "method": method, "args": list(args), "kwargs": kwargs},
        )

    def test_a_deal_moves_on_only_with_what_the_stage_demands(self):
        self.authenticate(self.anna.login, self.anna.login)
        deal = self._deal()
        doors = {
            "drag": lambda: self._rpc("crm.lead", "write", deal.ids, {"stage_id": self.offer.id}),
            "form": lambda: self._rpc("crm.lead", "web_save", deal.ids, {"stage_id": self.offer.id}, specification={}),
            "over its head": lambda: self._rpc("crm.lead", "write", deal.ids, {"stage_id": self.third.id}),
            "won at once": lambda: self._rpc("crm.lead", "action_set_won", deal.ids),
            "created there": lambda: self._rpc(
                "crm.lead", "create", {"name": "Quick", "type": "opportunity", "stage_id": self.offer.id}
            ),
        }
        for name, door in doors.items():
            with self.subTest(door=name), self.assertRaises(JsonRpcException):
                door()
        result = self._rpc("crm.lead", "load", [".id", "stage_id/.id"], [[str(deal.id), str(self.offer.id)]])
        self.assertFalse(result["ids"])
        deal.invalidate_recordset()
        self.assertEqual(deal.stage_id, self.new)

    def test_the_dialog_fills_in_and_moves(self):
        self.authenticate(self.anna.login, self.anna.login)
        deal = self._deal()
        context = {"default_lead_id": deal.id, "default_stage_id": self.offer.id}
        defaults = self._rpc(
            "discipline.stage.move", "default_get", ["lead_id", "stage_id", "line_ids", "note_missing"], context=context
        )
        self.assertTrue(defaults["note_missing"])
        lines = defaults["line_ids"]
        self.assertEqual([line[2]["field_name"] for line in lines], ["date_deadline", "vat"])
        lines[0][2]["value_date"] = "2025-05-01"
        lines[1][2]["value_text"] = "7707083893"
        move = self._rpc(
            "discipline.stage.move",
            "create",
            {"lead_id": deal.id, "stage_id": self.offer.id, "line_ids": lines, "note": "They want ten"},
        )
        self._rpc("discipline.stage.move", "action_move", [move])
        deal.invalidate_recordset()
        self.assertEqual(deal.stage_id, self.offer)
        self.assertEqual(str(deal.date_deadline), "2025-05-01")
        self.assertEqual(self.customer.vat, "7707083893")

    def test_a_contact_that_is_missing_is_logged_from_the_dialog_and_the_dialog_comes_back(self):
        self.env["discipline.stage.rule"].search([]).write({"channel_id": self.call.id})
        deal = self._deal()
        move = self.env["discipline.stage.move"].with_user(self.anna)
        dialog = move.create({"lead_id": deal.id, "stage_id": self.offer.id})
        action = dialog.action_log_contact()
        self.assertEqual(action["context"]["default_channel_id"], self.call.id)
        log = self.env["discipline.contact.log"].with_user(self.anna).with_context(**action["context"]).create({})
        log.write({"outcome_id": self.talked.id, "next_date": False, "no_next_reason": "They call"})
        back = log.action_log()["params"]["next"]
        self.assertEqual(back["context"], {"default_lead_id": deal.id, "default_stage_id": self.offer.id})
        missing = move.with_context(**back["context"]).default_get(["lead_id", "stage_id", "contacts_missing"])
        self.assertFalse(missing["contacts_missing"])

    def test_a_yes_is_asked_for_and_what_the_dialog_cannot_ask_is_named(self):
        rule = self.env["discipline.stage.rule"].search([("stage_id", "=", self.offer.id)], limit=1)
        field = self.env["ir.model.fields"]._get
        rule.partner_field_ids = field("res.partner", "employee") | field("res.partner", "bank_ids")
        deal = self._deal()
        move = self.env["discipline.stage.move"].with_user(self.anna)
        values = move.with_context(default_lead_id=deal.id, default_stage_id=self.offer.id).default_get(
            ["lead_id", "stage_id", "line_ids", "form_missing"]
        )
        self.assertIn(field("res.partner", "bank_ids").field_description, values["form_missing"])
        line = next(line[2] for line in values["line_ids"] if line[2]["field_name"] == "employee")
        self.assertEqual(line["ttype"], "boolean")
        self.assertTrue(self.env["discipline.stage.move.line"].new({**line, "value_flag": True})._value())

    def test_going_back_and_programs_are_not_asked(self):
        deal = self._deal(stage_id=self.third.id)
        self.authenticate(self.anna.login, self.anna.login)
        self._rpc("crm.lead", "write", deal.ids, {"stage_id": self.new.id})
        deal.stage_id = self.offer
        self.assertEqual(deal.stage_id, self.offer)

    def test_the_rule_of_a_team_goes_before_the_rule_of_all(self):
        self.env["discipline.stage.rule"].create({"stage_id": self.offer.id, "team_id": self.team.id})
        self.authenticate(self.anna.login, self.anna.login)
        deal = self._deal()
        self._rpc("crm.lead", "write", deal.ids, {"stage_id": self.offer.id})
        deal.invalidate_recordset()
        self.assertEqual(deal.stage_id, self.offer)

    def test_a_plan_starts_with_the_stage_once(self):
        call = self.env.ref("mail.mail_activity_data_call")
        plan = self.env["mail.activity.plan"].create(
            {
                "name": "Offer",
                "res_model": "crm.lead",
                "template_ids": [
                    (0, 0, {"activity_type_id": call.id, "summary": "Ask about the offer", "delay_count": 3})
                ],
            }
        )
        self.rule.plan_id = plan
        deal = self._deal()
        deal.stage_id = self.offer
        deal.stage_id = self.new
        deal.stage_id = self.offer
        self.assertEqual(deal.activity_ids.mapped("summary"), ["Ask about the offer"])
        self.assertEqual(deal.activity_ids.user_id, self.anna)
