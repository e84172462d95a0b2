import { _t } from "@web/core/l10n/translation";
import { formatFloat, formatInteger } from "@web/views/fields/formatters";

import { Component } from "@odoo/owl";

import { share } from "../funnel/funnel_chart";

const SIZE = 240;

/** How good earlier forecasts were: the error of both ways, and what became of deals foretold alike. */
export class ForecastAccuracy extends Component {
    static template = "sales_discipline.ForecastAccuracy";
    static props = {
        accuracy: { type: [Object, { value: null }] },
        better: String,
        repeat: { type: [Object, { value: null }] },
        money: Function,
        month: Function,
        onRepeat: Function,
    };

    setup() {
        this.size = SIZE;
        this.share = share;
    }

    number(value) {
        return value === null || value === undefined ? "—" : formatFloat(value, { digits: [16, 3] });
    }

    count(value) {
        return formatInteger(value || 0);
    }

    get ways() {
        return [
            { key: "own", label: _t("By history"), css: "o_forecast_own" },
            { key: "odoo", label: _t("By probability"), css: "o_forecast_odoo" },
        ].map((way) => ({ ...way, ...(this.props.accuracy[way.key] || { count: 0, bins: [] }) }));
    }

    get words() {
        const both = this.props.accuracy.both;
        if (!both.count) {
            return _t(
                "Odoo's probability of past days is not known yet: the forecast by history is used until both can be compared."
            );
        }
        const figures = { own: this.number(both.own), odoo: this.number(both.odoo), count: this.count(both.count) };
        return this.props.better === "odoo"
            ? _t("Odoo's probability was the better forecast: error %(odoo)s against %(own)s by history, over %(count)s forecasts.", figures)
            : _t("History was the better forecast: error %(own)s against %(odoo)s by Odoo's probability, over %(count)s forecasts.", figures);
    }

    bias(foretold, came) {
        if (!came) {
            return "—";
        }
        const off = Math.round((100 * (foretold - came)) / came);
        return `${off > 0 ? "+" : ""}${off} %`;
    }

    get repeatWords() {
        const sum = (name) => this.props.repeat.months.reduce((total, row) => total + row[name], 0);
        const [foretold, came] = [sum("foretold"), sum("came")];
        return _t("In %(count)s months %(foretold)s were foretold of customers who buy regularly, and %(came)s came: %(bias)s.", {
            count: this.props.repeat.months.length,
            foretold: this.props.money(foretold),
            came: this.props.money(came),
            bias: this.bias(foretold, came),
        });
    }

    points(way) {
        return way.bins.map(([count, foretold, came, low, high]) => ({
            x: SIZE * foretold,
            y: SIZE * (1 - came),
            low: SIZE * (1 - low),
            high: SIZE * (1 - high),
            size: Math.min(9, 2.5 + Math.sqrt(count) / 4),
            title: _t("%(count)s deals foretold at %(foretold)s: %(came)s were won", {
                count: this.count(count),
                foretold: share(foretold),
                came: share(came),
            }),
        }));
    }
}
