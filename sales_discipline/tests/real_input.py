"""Keys, clicks and taps as the browser makes them of a person's hand, for tests that an event of a script would fool.

An event that a script dispatches reaches what no finger can (covered, hidden, out of focus). Here the script asks the
browser for it, and the browser sends it to whatever stands at that place or has the focus.
"""

import json

#: what every script begins with
HAND = """
const until = async (find, what = find) => {
    for (let i = 0; i < 400; i++) {
        const found = await find();
        if (found) return found;
        await new Promise((done) => setTimeout(done, 25));
    }
    throw new Error(`not found: ${what}; shown: ${document.querySelector(".o_action_manager")?.innerText}`);
};
const check = (good, what) => {
    if (!good) throw new Error(`wrong: ${what}`);
};
const one = (selector, text = "", within = document) =>
    [...within.querySelectorAll(selector)].find((node) => node.checkVisibility() && node.textContent.includes(text));
const element = (selector, text = "") => until(() => one(selector, text), `${selector} ${text}`);
const CODES = { Enter: 13, Escape: 27, ArrowUp: 38, ArrowDown: 40, Tab: 9, Backspace: 8 };
const press = (key) => {
    const text = key === "Enter" ? "\\r" : key.length === 1 ? key : undefined;
    const stroke = { key, windowsVirtualKeyCode: CODES[key] || key.toUpperCase().charCodeAt(0) };
    discipline_hand(JSON.stringify([
        ["Input.dispatchKeyEvent", { type: text ? "keyDown" : "rawKeyDown", text, ...stroke }],
        ["Input.dispatchKeyEvent", { type: "keyUp", ...stroke }],
    ]));
};
const write = (text) => discipline_hand(JSON.stringify([["Input.insertText", { text }]]));
const place = async (node) => {
    node.scrollIntoView({ block: "center" });
    let rest = null;
    // a menu that is just opening is still on its way
    await until(async () => {
        const before = rest;
        await new Promise(requestAnimationFrame);
        rest = node.getBoundingClientRect();
        return before && before.left === rest.left && before.top === rest.top;
    }, "a place at rest");
    const { left, top, width, height } = rest;
    const point = { x: left + width / 2, y: top + height / 2 };
    const there = document.elementFromPoint(point.x, point.y);
    check(node.contains(there), `${node.outerHTML} is covered by ${there?.outerHTML}`);
    return point;
};
// the browser makes the click when it comes to it: whoever scrolled before that would let it land somewhere else
const land = async (events) => {
    let landed = false;
    document.addEventListener("click", () => (landed = true), { capture: true, once: true });
    discipline_hand(JSON.stringify(events));
    await until(() => landed, "the click");
};
const click = async (node) => {
    const point = { ...(await place(node)), button: "left", clickCount: 1 };
    await land(["mousePressed", "mouseReleased"].map((type) => ["Input.dispatchMouseEvent", { type, ...point }]));
};
const tap = async (node) => {
    const point = await place(node);
    await land([
        ["Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [point] }],
        ["Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] }],
    ]);
};
"""


class RealInput:
    """For an HttpCase: :meth:`browse` runs a script that has the functions above."""

    def authenticate(self, user, password, *, browser=None, **options):
        if browser:
            # called from the thread that listens to the browser: it may only send
            browser._handlers["Runtime.bindingCalled"] = lambda payload="[]", **_event: [
                browser._websocket_send(method, params=params) for method, params in json.loads(payload)
            ]
            browser._websocket_request("Runtime.addBinding", params={"name": "discipline_hand"})
        return super().authenticate(user, password, browser=browser, **options)

    def browse(self, path, script, login, **options):
        """Run a script of await statements at ``path``; an error in it, or on the page, fails the test."""
        self.browser_js(
            path,
            "(async () => {" + HAND + script + "console.log('test successful'); })()"
            ".catch((error) => console.error(error.message));",
            "odoo.isReady === true",
            login=login,
            **{"timeout": 120, **options},
        )
