"""What the funnel, the forecast and the grid of targets save and store, in a real browser."""

from odoo import fields
from odoo.tests import HttpCase, tagged

from .test_funnel import FunnelCommon

#: what every script begins with: waiting, what is typed, and what would be saved as a file
HELPERS = """
const until = async (find) => {
    for (let i = 0; i < 300; i++) {
        const found = await find();
        if (found) return found;
        await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error("not found: " + find);
};
const element = (selector) => until(() => document.querySelector(selector));
const files = [];
const click = HTMLAnchorElement.prototype.click;
HTMLAnchorElement.prototype.click = function () {
    if (this.download) {
        files.push({ name: this.download, content: fetch(this.href).then((file) => file.arrayBuffer()) });
    } else {
        click.call(this);
    }
};
HTMLAnchorElement.prototype.dispatchEvent = function (event) {
    if (this.download && event.type === "click") {
        this.click();
        return true;
    }
    return EventTarget.prototype.dispatchEvent.call(this, event);
};
const saved = async (ending) => {
    const file = await until(() => files.find((one) => one.name.endsWith(ending)));
    return { name: file.name, bytes: new Uint8Array(await file.content) };
};
const check = (good, what) => {
    if (!good) throw new Error("wrong: " + what);
};
const picture = async (file) => {
    check(String.fromCharCode(...file.bytes.slice(1, 4)) === "PNG", "no PNG");
    const bitmap = await createImageBitmap(new Blob([file.bytes], { type: "image/png" }));
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
    const context = canvas.getContext("2d");
    context.drawImage(bitmap, 0, 0);
    const colours = new Set();
    const data = context.getImageData(0, 0, bitmap.width, bitmap.height).data;
    for (let at = 0; at < data.length; at += 4) colours.add(`${data[at]},${data[at + 1]},${data[at + 2]}`);
    return { width: bitmap.width, height: bitmap.height, colours };
};
const type = (input, text) => {
    input.focus();
    input.value = text;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
};
const press = (input, key) =>
    input.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
"""


@tagged("post_install", "-at_install", "discipline_funnel")
class TestForecastInTheBrowser(FunnelCommon, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.supervisor | cls.administrator | cls.anna).tour_enabled = False
        deals = cls.env["crm.lead"].create(
            [
                {"name": f"Deal {number}", "type": "opportunity", "partner_id": cls.customer.id, "user_id": cls.anna.id,
                 "team_id": cls.team.id, "stage_id": cls.first.id, "expected_revenue": 1000 + number,
                 "probability": 50, "date_deadline": fields.Date.today()}
                for number in range(4)
            ]
        )  # fmt: skip
        deals[0].stage_id = cls.won_stage
        deals[1].stage_id = cls.second

    def _browse(self, path, script, user):
        self.browser_js(
            path,
            "(async () => {" + HELPERS + script + "console.log('test successful'); })()"
            ".catch((error) => console.error(error.stack || error));",
            "odoo.isReady === true",
            login=user.login,
            timeout=120,
        )

    def test_the_funnel_is_saved_as_a_picture_and_as_a_workbook(self):
        self._browse(
            "/odoo/discipline-funnel",
            """
            await element(".o_funnel_grid");
            (await element("button[aria-label='Save as a Picture (PNG)']")).click();
            const image = await picture(await saved(".png"));
            check(image.width === 2000 && image.height >= 2 * 5 * 74, "size " + image.width + " x " + image.height);
            for (const colour of ["142,209,220", "143,207,159"]) check(image.colours.has(colour), "no " + colour);
            check(image.colours.size > 10, "no text");
            (await element("button[aria-label='Export to Excel']")).click();
            const book = await saved(".xlsx");
            check(String.fromCharCode(...book.bytes.slice(0, 2)) === "PK", "no workbook");
            """,
            self.supervisor,
        )

    def test_the_forecast_is_saved_as_a_picture_and_as_a_workbook(self):
        self._browse(
            "/odoo/discipline-forecast",
            """
            (await element("button[name=way_odoo]")).click();
            await element(".o_forecast_deals tbody tr");
            (await element("button[aria-label='Save as a Picture (PNG)']")).click();
            const image = await picture(await saved(".png"));
            check(image.width === 2400, "width " + image.width);
            for (const colour of ["63,154,107", "159,211,224"]) check(image.colours.has(colour), "no " + colour);
            (await element("button[aria-label='Export to Excel']")).click();
            const book = await saved(".xlsx");
            check(String.fromCharCode(...book.bytes.slice(0, 2)) === "PK", "no workbook");
            """,
            self.supervisor,
        )

    def test_targets_are_typed_into_the_grid_with_the_keyboard(self):
        year = fields.Date.today().year
        cells = {user: f'[data-row="user-{user.id}"] [data-index="%s"]' for user in self.managers}
        self._browse(
            "/odoo/discipline-target-grid",
            f"""
            const anna = await element('{cells[self.anna] % 0} input');
            type(anna, "1 500");
            press(anna, "Enter");
            const boris = document.querySelector('{cells[self.boris] % 0} input');
            check(document.activeElement === boris, "Enter goes to the next row");
            type(boris, "500");
            const february = document.querySelector('{cells[self.boris] % 1} input');
            type(february, "many");
            check(february.value === "", "what is no sum is not kept");
            await until(() => document.querySelector('.o_target_total [data-index="0"]').textContent.includes("2,000"));
            const clipboard = new DataTransfer();
            clipboard.setData("text/plain", "7\\t8\\n9\\t10\\n");
            const paste = {{ clipboardData: clipboard, bubbles: true, cancelable: true }};
            february.dispatchEvent(new ClipboardEvent("paste", paste));
            await until(() => document.querySelector('{cells[self.clara] % 2} input').value === "10");
            check(!document.querySelector('{cells[self.dmitri] % 0} input'), "another team's targets stay");
            await until(async () => (await odoo.__WOWL_DEBUG__.root.env.services.orm.searchCount("discipline.target",
                [["amount", "=", 10]])) === 1);
            """,
            self.supervisor,
        )
        targets = self.env["discipline.target"].search([])
        self.assertEqual(
            {(target.user_id, target.month.month): target.amount for target in targets},
            {(self.anna, 1): 1500, (self.boris, 1): 500, (self.boris, 2): 7, (self.boris, 3): 8, (self.clara, 2): 9,
             (self.clara, 3): 10},
        )  # fmt: skip
        self.assertEqual({target.month.year for target in targets}, {year})

    def test_a_manager_reads_the_grid_and_types_nothing(self):
        self.env["discipline.target"].create({"user_id": self.anna.id, "month": fields.Date.today(), "amount": 4321})
        self._browse(
            "/odoo/discipline-target-grid",
            """
            await until(() => document.querySelector(".o_discipline_targets tbody")?.textContent.includes("4,321"));
            check(!document.querySelector(".o_discipline_targets tbody input"), "no cell to type into");
            check(!document.querySelector("button[name=fill]"), "nothing to fill");
            """,
            self.anna,
        )
