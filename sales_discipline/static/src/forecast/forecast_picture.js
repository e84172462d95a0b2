import { _t } from "@web/core/l10n/translation";
import { deserializeDate } from "@web/core/l10n/dates";

const WIDTH = 1200;
const HEIGHT = 620;
const PLOT = { left: 110, top: 90, width: 1060, height: 430 };
const COLOURS = {
    won: "#3f9a6b",
    expected: "#9fd3e0",
    bought: "#e0a83c",
    repeat: "#f2d9a5",
    target: "#b3261e",
    text: "#222",
    muted: "#666",
    axis: "#ddd",
};

/** Save the months of a forecast as a PNG file, drawn as the screen draws them. */
export function saveForecastPicture(forecast, money) {
    const { months, way, repeat } = forecast;
    const element = document.createElement("canvas");
    // twice as fine as a screen, so that it can be printed
    element.width = 2 * WIDTH;
    element.height = 2 * HEIGHT;
    const canvas = element.getContext("2d");
    canvas.scale(2, 2);
    canvas.fillStyle = "#fff";
    canvas.fillRect(0, 0, WIDTH, HEIGHT);
    canvas.textBaseline = "middle";
    canvas.fillStyle = COLOURS.text;
    canvas.font = "bold 22px sans-serif";
    canvas.fillText(_t("Sales Forecast"), 30, 32);
    const parts = months.map((row) => [
        ["won", row.won],
        ["expected", row.past ? 0 : row.expected[way]],
        ["bought", row.repeat_came],
        ["repeat", row.past ? 0 : row.repeat],
    ]);
    const sums = parts.map((row) => row.reduce((sum, [, value]) => sum + value, 0));
    const top = 1.08 * Math.max(1, ...sums, ...months.map((row) => row.target));
    const y = (value) => PLOT.top + PLOT.height * (1 - value / top);
    canvas.font = "14px sans-serif";
    for (const part of [0, 0.25, 0.5, 0.75, 1]) {
        canvas.fillStyle = COLOURS.axis;
        canvas.fillRect(PLOT.left, y(part * top), PLOT.width, 1);
        canvas.fillStyle = COLOURS.muted;
        canvas.textAlign = "right";
        canvas.fillText(money(part * top), PLOT.left - 10, y(part * top));
    }
    const step = PLOT.width / months.length;
    months.forEach((row, number) => {
        const left = PLOT.left + step * (number + 0.2);
        let at = 0;
        for (const [name, value] of parts[number]) {
            canvas.fillStyle = COLOURS[name];
            canvas.fillRect(left, y(at + value), step * 0.6, y(at) - y(at + value));
            at += value;
        }
        if (row.target) {
            canvas.fillStyle = COLOURS.target;
            canvas.fillRect(left - 5, y(row.target) - 1.5, step * 0.6 + 10, 3);
        }
        canvas.fillStyle = COLOURS.text;
        canvas.textAlign = "center";
        canvas.font = row.running ? "bold 14px sans-serif" : "14px sans-serif";
        canvas.fillText(deserializeDate(row.month).toFormat("LLL yy"), left + step * 0.3, PLOT.top + PLOT.height + 22);
    });
    const names = [
        ["won", _t("won")],
        ["expected", _t("expected")],
        ...(repeat
            ? [
                  ["bought", _t("bought without a deal")],
                  ["repeat", _t("expected of the base")],
              ]
            : []),
        ["target", _t("target")],
    ];
    let x = PLOT.left;
    canvas.textAlign = "left";
    canvas.font = "15px sans-serif";
    for (const [key, name] of names) {
        canvas.fillStyle = COLOURS[key];
        canvas.fillRect(x, HEIGHT - 42, 16, key === "target" ? 3 : 16);
        canvas.fillStyle = COLOURS.text;
        canvas.fillText(name, x + 24, HEIGHT - 34);
        x += 60 + canvas.measureText(name).width;
    }
    const link = document.createElement("a");
    link.download = `${_t("Sales Forecast")}.png`;
    link.href = element.toDataURL("image/png");
    link.click();
}
