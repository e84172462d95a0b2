import { _t } from "@web/core/l10n/translation";
import { formatFloat, formatInteger, formatMonetary } from "@web/views/fields/formatters";

import { Component, useState } from "@odoo/owl";

import { share } from "./funnel_chart";

const WIDTH = 600;
const HEIGHT = 200;

/** The advanced part: what becomes of deals with time, and every manager against his own mix of deals. */
export class FunnelAnalytics extends Component {
    static template = "sales_discipline.FunnelAnalytics";
    static props = { data: Object, currencyId: Number, onManager: Function };

    setup() {
        this.share = share;
        this.width = WIDTH;
        this.height = HEIGHT;
        this.state = useState({ manager: null });
    }

    get lastDay() {
        const last = (rows) => (rows.length ? rows[rows.length - 1][0] : 0);
        return Math.max(1, last(this.props.data.won), last(this.props.data.lost));
    }

    get ticks() {
        return [0, 0.25, 0.5, 0.75, 1].map((part) => ({
            x: part * WIDTH,
            y: HEIGHT * (1 - part),
            day: formatInteger(Math.round(part * this.lastDay)),
            share: share(part),
        }));
    }

    /** Return the corners of a step line through one column of a curve. */
    corners(rows, column) {
        const points = [];
        let before = HEIGHT;
        for (const row of rows) {
            const x = (WIDTH * row[0]) / this.lastDay;
            const y = HEIGHT * (1 - row[column]);
            points.push(`${x.toFixed(1)},${before.toFixed(1)}`, `${x.toFixed(1)},${y.toFixed(1)}`);
            before = y;
        }
        return points;
    }

    line(rows) {
        return [`0,${HEIGHT}`, ...this.corners(rows, 1)].join(" ");
    }

    bandShape(rows) {
        return [`0,${HEIGHT}`, ...this.corners(rows, 3), ...this.corners(rows, 2).reverse()].join(" ");
    }

    final(rows) {
        return rows.length ? share(rows[rows.length - 1][1]) : "—";
    }

    money(value) {
        return formatMonetary(value || 0, { currencyId: this.props.currencyId, digits: [16, 0] });
    }

    number(value) {
        return formatFloat(value, { digits: [16, 1] });
    }

    band(band) {
        return band ? _t("%(low)s to %(high)s", { low: share(band[0]), high: share(band[1]) }) : "";
    }

    get manager() {
        return this.props.data.managers.find((row) => row.id === this.state.manager);
    }

    select(row) {
        this.state.manager = this.state.manager === row.id ? null : row.id;
    }

    /** The bars of the waterfall: each begins where the one before it ended. */
    get bars() {
        const { start, end, parts } = this.manager.waterfall;
        const bars = [{ name: _t("Average manager"), low: 0, high: start, value: start, css: "bg-secondary" }];
        let at = start;
        for (const [name, value] of parts) {
            bars.push({
                name,
                low: Math.min(at, at + value),
                high: Math.max(at, at + value),
                value,
                css: value < 0 ? "bg-danger" : "bg-success",
            });
            at += value;
        }
        bars.push({ name: this.manager.name, low: 0, high: end, value: end, css: "bg-info" });
        const low = Math.min(0, ...bars.map((bar) => bar.low));
        const span = Math.max(1, ...bars.map((bar) => bar.high)) - low;
        return bars.map((bar) => ({
            ...bar,
            left: (100 * (bar.low - low)) / span,
            width: Math.max(0.3, (100 * (bar.high - bar.low)) / span),
        }));
    }
}
