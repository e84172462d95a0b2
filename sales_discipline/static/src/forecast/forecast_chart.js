import { deserializeDate } from "@web/core/l10n/dates";
import { formatMonetary } from "@web/views/fields/formatters";

import { Component } from "@odoo/owl";

const WIDTH = 1000;
const HEIGHT = 260;

/** Months as bars: won, expected, purchases of the base on top; the span from careful to hopeful; the target. */
export class ForecastChart extends Component {
    static template = "sales_discipline.ForecastChart";
    static props = { months: Array, way: String, currencyId: Number, onOpen: Function };

    setup() {
        this.width = WIDTH;
        this.height = HEIGHT;
    }

    money(value) {
        return formatMonetary(value || 0, { currencyId: this.props.currencyId, digits: [16, 0], humanReadable: true });
    }

    /** A round sum, with a fraction where it has one: 500k, 1.5M. */
    round(value) {
        const thousands = value >= 1e9 ? 1e9 : value >= 1e6 ? 1e6 : value >= 1e3 ? 1e3 : 1;
        const digits = [16, Number.isInteger(value / thousands) ? 0 : 1];
        return formatMonetary(value, { currencyId: this.props.currencyId, digits, humanReadable: true });
    }

    get top() {
        const highest = (row) =>
            row.won + Math.max(row.past ? 0 : row.expected[this.props.way] + row.repeat, row.quantiles?.[2] || 0) + row.repeat_came;
        return Math.max(1, ...this.props.months.map((row) => Math.max(highest(row), row.target))) * 1.08;
    }

    get bars() {
        const [top, step] = [this.top, WIDTH / this.props.months.length];
        const y = (value) => HEIGHT * (1 - value / top);
        return this.props.months.map((row, number) => {
            const expected = row.past ? 0 : row.expected[this.props.way];
            const deals = row.won + expected;
            const bought = deals + row.repeat_came;
            const total = bought + (row.past ? 0 : row.repeat);
            return {
                row,
                x: number * step,
                width: step,
                bar: step * 0.56,
                left: number * step + step * 0.22,
                middle: number * step + step / 2,
                wonTop: y(row.won),
                wonHeight: HEIGHT - y(row.won),
                expectedTop: y(deals),
                expectedHeight: y(row.won) - y(deals),
                boughtTop: y(bought),
                boughtHeight: y(deals) - y(bought),
                repeatTop: y(total),
                repeatHeight: y(bought) - y(total),
                low: row.quantiles && y(row.won + row.quantiles[0]),
                high: row.quantiles && y(row.won + row.quantiles[2]),
                target: row.target ? y(row.target) : null,
                label: deserializeDate(row.month).toFormat("LLL yy"),
                total: this.money(total),
            };
        });
    }

    /** Lines at round sums: about four of them. */
    get ticks() {
        const rough = this.top / 4;
        const power = 10 ** Math.floor(Math.log10(rough));
        const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.7);
        const ticks = [];
        for (let value = step; value <= this.top; value += step) {
            ticks.push({ y: HEIGHT * (1 - value / this.top), label: this.round(value) });
        }
        return ticks;
    }
}
