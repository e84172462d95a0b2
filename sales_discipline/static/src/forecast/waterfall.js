import { Component } from "@odoo/owl";

/**
 * Return the bars of a waterfall, each beginning where the one before it ended.
 *
 * @param {Array} rows of { name, value, whole, css, ... }; a whole row stands on the ground
 * @returns {Array} the same rows with `left` and `width` in percent of the picture
 */
export function waterfallBars(rows) {
    let at = 0;
    const bars = rows.map((row) => {
        const [from, to] = row.whole ? [0, row.value] : [at, at + row.value];
        at = to;
        return { ...row, low: Math.min(from, to), high: Math.max(from, to) };
    });
    const low = Math.min(0, ...bars.map((bar) => bar.low));
    const span = Math.max(1, ...bars.map((bar) => bar.high)) - low;
    return bars.map((bar) => ({
        ...bar,
        left: (100 * (bar.low - low)) / span,
        width: Math.max(0.3, (100 * (bar.high - bar.low)) / span),
    }));
}

/** Bars from a beginning to an end; whatever is clicked opens. */
export class Waterfall extends Component {
    static template = "sales_discipline.Waterfall";
    static props = { rows: Array, format: Function, onOpen: { type: Function, optional: true } };

    get bars() {
        return waterfallBars(this.props.rows);
    }
}
