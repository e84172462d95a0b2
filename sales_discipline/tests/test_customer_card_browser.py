"""The customer's card in a real browser: a missing field's link puts the cursor into it, wherever on the form it is."""

from odoo.tests import HttpCase, new_test_user, tagged

SCRIPT = """
const until = async (find, what) => {
    for (let i = 0; i < 200; i++) {
        const found = find();
        if (found) return found;
        await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error(`not found: ${what}; the card says: ${card()?.textContent}`);
};
const card = () => document.querySelector(".o_discipline_card_todo");
const link = (name) => [...card().querySelectorAll("a")].find((one) => one.textContent.trim() === name);
const inside = (name) => document.activeElement.closest(`.o_field_widget[name='${name}']`);
(async () => {
    await until(card, "the card");
    for (const [name, field] of [
        ["Phone", "phone"], ["E-mail", "email"], ["Address", "street"], ["Industry", "industry_id"], ["Phone", "phone"],
    ]) {
        document.activeElement.blur();
        (await until(() => link(name), `the link ${name}`)).click();
        await until(() => inside(field), `the cursor in ${field}`);
    }
    link("Contact Person").click();
    await until(() => document.querySelector(".modal .o_field_widget[name='phone'] input"), "the form of an employee");
    document.querySelector(".modal .btn-close, .modal .o_form_button_cancel, .modal .oi-arrow-left").click();
    await until(() => !document.querySelector(".modal"), "the card without the dialog");
    link("E-mail").closest("span").querySelector(".fa-ban").closest("button").click();
    const reason = await until(
        () => document.querySelector(".modal .o_field_widget[name='reason'] :is(input, textarea)"), "the reason");
    reason.value = "The director gives none";
    reason.dispatchEvent(new Event("input", { bubbles: true }));
    reason.dispatchEvent(new Event("change", { bubbles: true }));
    document.querySelector(".modal button[name='action_close']").click();
    await until(() => card()?.textContent.includes("The director gives none"), "the closed field");
    await until(() => !link("E-mail"), "the list without the closed field");
    const phone = document.querySelector(".o_field_widget[name='phone'] input");
    link("Phone").click();
    await until(() => inside("phone"), "the cursor in the phone");
    phone.value = "+7 495 123-45-67";
    phone.dispatchEvent(new Event("input", { bubbles: true }));
    phone.dispatchEvent(new Event("change", { bubbles: true }));
    document.querySelector(".o_form_button_save").click();
    await until(() => !link("Phone"), "the card scored anew by the save");
    await until(() => document.querySelector(".o_discipline_ring text").textContent === "25", "the ring at 25");
    console.log("test successful");
})().catch((error) => console.error(error.message));
"""


class CardInTheBrowser:
    def test_links_put_the_cursor_into_the_field_and_what_is_not_to_be_had_is_closed(self):
        # the links are named in English, whatever language the database speaks
        self.env["res.lang"]._activate_lang("en_US")
        anna = new_test_user(
            self.env, "sd_card", groups="base.group_user,sales_team.group_sale_salesman", tz="UTC", lang="en_US"
        )
        anna.tour_enabled = False
        customer = self.env["res.partner"].create(
            {"name": "Links Ltd", "is_company": True, "user_id": anna.id, "country_id": self.env.ref("base.ru").id}
        )
        self.assertEqual(customer.discipline_profile_score, 0)
        self.browser_js(f"/odoo/res.partner/{customer.id}", SCRIPT, "odoo.isReady === true", login=anna.login)
        customer.invalidate_recordset()
        self.assertEqual(customer.phone, "+7 495 123-45-67")
        # one of four: the e-mail is closed
        self.assertEqual(customer.discipline_profile_score, 25)
        note = self.env["discipline.profile.note"].search([("customer_ref", "=", customer.id)])
        self.assertEqual((note.reason, note.user_id), ("The director gives none", anna))


@tagged("post_install", "-at_install")
class TestCardInTheBrowser(CardInTheBrowser, HttpCase):
    """At a desk."""


@tagged("post_install", "-at_install")
class TestCardOnThePhone(CardInTheBrowser, HttpCase):
    """On a phone."""

    browser_size = "375x667"
    touch_enabled = True
