import { _t } from "@web/core/l10n/translation";
import { formatInteger, formatMonetary } from "@web/views/fields/formatters";

import { share } from "./funnel_chart";

const WIDTH = 1000;
const HEAD = 70;
const ROW = 74;
const BAR = { x: 330, width: 400 };
const COLOURS = { stage: "#8ed1dc", won: "#8fcf9f", text: "#222", muted: "#666", lost: "#b3261e" };

/** Draw one funnel from `top` downwards. */
function drawFunnel(canvas, data, measure, currencyId, top) {
    const byAmount = measure === "amount";
    const whole = (byAmount ? data.amount : data.entered) || 1;
    const figure = (value) =>
        byAmount ? formatMonetary(value, { currencyId, digits: [16, 0] }) : formatInteger(value);
    const rows = data.steps.map((step) => ({
        name: step.name,
        value: byAmount ? step.amount : step.reached,
        next: byAmount ? step.passed_amount : step.passed,
        lost: byAmount ? step.lost_amount : step.lost,
        colour: COLOURS.stage,
    }));
    const won = byAmount ? data.won_amount : data.won;
    rows.push({ name: _t("Deals Won"), value: won, next: won, lost: 0, colour: COLOURS.won });
    const middle = BAR.x + BAR.width / 2;
    rows.forEach((row, number) => {
        const y = top + number * ROW;
        const [upper, lower] = [row.value, row.next].map((value) => (BAR.width / 2) * (value / whole));
        canvas.fillStyle = row.colour;
        canvas.beginPath();
        canvas.moveTo(middle - upper, y);
        canvas.lineTo(middle + upper, y);
        canvas.lineTo(middle + lower, y + ROW - 6);
        canvas.lineTo(middle - lower, y + ROW - 6);
        canvas.fill();
        const centre = y + ROW / 2;
        canvas.textAlign = "left";
        canvas.fillStyle = COLOURS.text;
        canvas.font = "bold 17px sans-serif";
        canvas.fillText(row.name, 30, centre, BAR.x - 50);
        canvas.textAlign = "center";
        canvas.fillText(`${figure(row.value)}   ${share(row.value / whole)}`, middle, centre);
        if (row.lost) {
            canvas.textAlign = "left";
            canvas.font = "15px sans-serif";
            canvas.fillStyle = COLOURS.lost;
            canvas.fillText(_t("Lost: %s", figure(row.lost)), BAR.x + BAR.width + 30, centre, 220);
        }
    });
    return top + rows.length * ROW;
}

/** Save what the screen shows as a PNG file. */
export function savePicture(sides, measure, currencyId) {
    const element = document.createElement("canvas");
    const height = sides.reduce((sum, data) => sum + HEAD + (data.steps.length + 1) * ROW + 20, 0);
    // twice as fine as a screen, so that it can be printed
    element.width = 2 * WIDTH;
    element.height = 2 * height;
    const canvas = element.getContext("2d");
    canvas.scale(2, 2);
    canvas.fillStyle = "#fff";
    canvas.fillRect(0, 0, WIDTH, height);
    canvas.textBaseline = "middle";
    let top = 0;
    for (const data of sides) {
        canvas.textAlign = "left";
        canvas.fillStyle = COLOURS.text;
        canvas.font = "bold 22px sans-serif";
        canvas.fillText(_t("Sales Funnel"), 30, top + 30);
        canvas.font = "15px sans-serif";
        canvas.fillStyle = COLOURS.muted;
        const words = _t("Entered: %(entered)s, win rate %(rate)s", {
            entered: formatInteger(data.entered),
            rate: share(data.win_rate),
        });
        canvas.fillText(words, 250, top + 31);
        top = drawFunnel(canvas, data, measure, currencyId, top + HEAD) + 20;
    }
    const link = document.createElement("a");
    link.download = `${_t("Sales Funnel")}.png`;
    link.href = element.toDataURL("image/png");
    link.click();
}
