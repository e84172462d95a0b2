"""Every door to “lost” and to “archived” that a screen has, opened in a real browser."""

from odoo.tests import HttpCase, tagged

from .sale_common import RefusalCommon

#: what every script begins with: waiting, clicking by text, choosing the reason in the dialog
HELPERS = """
const until = async (find) => {
    for (let i = 0; i < 300; i++) {
        const found = find();
        if (found) return found;
        await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error("not found: " + find);
};
const visible = (el) => el && el.getClientRects().length;
const text = (selector, words) => [...document.querySelectorAll(selector)].find(
    (el) => visible(el) && el.textContent.trim().includes(words));
const click = async (selector, words = "") => (await until(() => text(selector, words))).click();
const action = async (words) => {
    await click(".o_cp_action_menus button:has(.fa-cog), .o_cp_action_menus button", "");
    await click(".o-dropdown--menu .o_menu_item, .o-dropdown--menu .dropdown-item", words);
};
const selectAll = async () => {
    await click(".o_list_view thead .o_list_record_selector input");
    await until(() => document.querySelector(".o_selection_box, .o_list_selection_box"));
};
const dialog = () => until(() => document.querySelector(".modal [name=lost_reason_id] input"));
const giveReason = async () => {
    const input = await dialog();
    input.click();
    input.value = "Too dear";
    input.dispatchEvent(new Event("input", { bubbles: true }));
    await click(".o-autocomplete--dropdown-item", "Too dear for the test");
    await click(".modal button[name=action_lost_reason_apply]");
    await until(() => !document.querySelector(".modal"));
};
const refused = async () => {
    await until(() => text(".modal", "without a reason"));
    await click(".modal button", "Give the Reason");
    await giveReason();
};
"""


@tagged("discipline_sale", "post_install", "-at_install")
class TestRefusalInTheBrowser(RefusalCommon, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.robot = cls._user("robot", "sales_team.group_sale_salesman_all_leads")
        cls.robot.group_ids += cls.env.ref("sales_discipline.group_discipline_integration")
        (cls.anna | cls.robot).tour_enabled = False
        cls.deals = cls._deal(name="Deal one") | cls._deal(name="Deal two")
        cls.list_url = "/odoo/action-crm.crm_lead_opportunities?view_type=list"

    def _browse(self, url, script, user=None):
        self.browser_js(
            url,
            f'{HELPERS} (async () => {{ {script} console.log("test successful"); }})()'
            ".catch((error) => console.error(error.message));",
            "odoo.isReady === true",
            login=(user or self.anna).login,
        )
        self.env.invalidate_all()

    def _assert_refused_with_the_reason(self, deals):
        self.assertFalse(any(deals.mapped("active")))
        for deal in deals:
            self.assertEqual(self._refusals(deal).reason_id, self.price)

    def _form(self):
        return f"/odoo/crm.lead/{self.deals[0].id}"

    def test_archiving_in_the_form_asks_for_the_reason(self):
        self._browse(
            self._form(),
            'await until(() => document.querySelector(".o_form_view")); await action("Archive");'
            'await click(".modal button.btn-primary, .modal button.btn-danger"); await refused();',
        )
        self._assert_refused_with_the_reason(self.deals[0])

    def test_the_lost_button_does_nothing_until_there_is_a_reason(self):
        self._browse(
            self._form(),
            """
            await click(".o_form_statusbar button", "Lost");
            await dialog();
            await click(".modal button[name=action_lost_reason_apply]");
            await until(() => document.querySelector(".modal [name=lost_reason_id].o_field_invalid"));
            await giveReason();
            """,
        )
        self._assert_refused_with_the_reason(self.deals[0])

    def test_archiving_a_list_asks_for_the_reason_of_all(self):
        self._browse(
            self.list_url,
            'await selectAll(); await action("Archive");'
            'await click(".modal button.btn-primary, .modal button.btn-danger"); await refused();',
        )
        self._assert_refused_with_the_reason(self.deals)

    def test_losing_a_list_asks_once(self):
        self._browse(self.list_url, 'await selectAll(); await action("Mark Lost"); await giveReason();')
        self._assert_refused_with_the_reason(self.deals)

    def test_a_column_of_the_board_cannot_be_archived(self):
        self._browse(
            "/odoo/action-crm.crm_lead_opportunities?view_type=kanban",
            """
            (await until(() => document.querySelector(".o_kanban_header .o_group_config button"))).click();
            await until(() => document.querySelector(".o-dropdown--menu"));
            if (text(".o-dropdown--menu *", "Archive")) throw new Error("the board archives its deals");
            """,
        )
        self.assertTrue(all(self.deals.mapped("active")))

    def test_a_merge_ends_the_twin_as_merged(self):
        ids = self.deals.ids
        self._browse(
            self.list_url,
            'await selectAll(); await action("Merge"); await click(".modal button[name=action_merge]");'
            'await until(() => !document.querySelector(".modal"));'
            'await until(() => document.querySelector(".o_form_view"));',
        )
        self.assertEqual(len(self.deals.exists()), 1)
        rows = self.env["discipline.stage.change"].search([("lead_ref", "in", ids), ("kind", "!=", "create")])
        self.assertEqual(rows.filtered(lambda row: row.status_to == "removed").mapped("kind"), ["merge"])
        self.assertFalse(self.env["discipline.refusal"].search([("lead_ref", "in", ids)]))

    def test_the_link_of_an_e_mail_opens_the_dialog(self):
        deal = self.deals[0]
        link = deal._notify_get_action_link("controller", controller="/lead/case_mark_lost")
        self._browse(
            link.replace(deal.get_base_url(), ""),
            'await giveReason(); await until(() => document.querySelector(".o_form_view"));',
        )
        self._assert_refused_with_the_reason(deal)

    def test_an_integration_at_the_screen_is_not_asked_and_the_owner_is(self):
        self._browse(
            self.list_url,
            'await until(() => text(".o_data_row", "Deal two"));'
            'await selectAll(); await action("Archive");'
            'await click(".modal button.btn-primary, .modal button.btn-danger");'
            'await until(() => !document.querySelector(".o_data_row"));',
            self.robot,
        )
        for deal in self.deals:
            self.assertEqual(self._refusals(deal).reason_id, self.not_stated)
            self.assertEqual(deal.activity_ids.user_id, self.anna)
