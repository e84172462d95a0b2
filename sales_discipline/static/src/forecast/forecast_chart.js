import { deserializeDate } from "@web/core/l10n/dates";
import { formatMonetary } from "@web/views/fields/formatters";

import { Component } from "@odoo/owl";

const WIDTH = 1000;
const HEIGHT = 260;

/** Months as bars: won, expected on top, the span from careful to hopeful, the target as a line. */
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

    get top() {
        const highest = (row) => row.won + Math.max(row.expected[this.props.way], row.quantiles?.[2] || 0);
        return Math.max(1, ...this.props.months.map((row) => Math.max(highest(row), row.target))) * 1.08;
    }

    get bars() {
        const [top, step] = [this.top, WIDTH / this.props.months.length];
        const y = (value) => HEIGHT * (1 - value / top);
        return this.props.months.map((row, number) => {
            const expected = row.past ? 0 : row.expected[this.props.way];
            return {
                row,
                x: number * step,
                width: step,
                bar: step * 0.56,
                left: number * step + step * 0.22,
                middle: number * step + step / 2,
                wonTop: y(row.won),
                wonHeight: HEIGHT - y(row.won),
                expectedTop: y(row.won + expected),
                expectedHeight: y(row.won) - y(row.won + expected),
                low: row.quantiles && y(row.won + row.quantiles[0]),
                high: row.quantiles && y(row.won + row.quantiles[2]),
                target: row.target ? y(row.target) : null,
                label: deserializeDate(row.month).toFormat("LLL yy"),
                total: this.money(row.won + expected),
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
            ticks.push({ y: HEIGHT * (1 - value / this.top), label: this.money(value) });
        }
        return ticks;
    }
}
