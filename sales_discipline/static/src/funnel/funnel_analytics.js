import { _t } from "@web/core/l10n/translation";
import { formatFloat, formatInteger, formatMonetary } from "@web/views/fields/formatters";

import { useService } from "@web/core/utils/hooks";

import { Component, useState } from "@odoo/owl";

import { Waterfall } from "../forecast/waterfall";
import { share } from "./funnel_chart";

const WIDTH = 600;
const HEIGHT = 200;

/** The advanced part: what becomes of deals with time, and every manager against his own mix of deals. */
export class FunnelAnalytics extends Component {
    static template = "sales_discipline.FunnelAnalytics";
    static components = { Waterfall };
    static props = { data: Object, filters: Object, currencyId: Number, onManager: Function };

    setup() {
        this.share = share;
        this.width = WIDTH;
        this.height = HEIGHT;
        this.orm = useService("orm");
        this.action = useService("action");
        this.state = useState({ manager: null, difference: null });
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

    /** Show, or hide, where the difference of a manager was made. */
    async select(row) {
        this.state.difference = null;
        if (this.state.manager === row.id) {
            this.state.manager = null;
            return;
        }
        this.state.manager = row.id;
        const difference = await this.orm.call("discipline.funnel.analytics", "get_manager", [
            this.props.filters,
            row.id,
        ]);
        if (this.state.manager === row.id) {
            this.state.difference = difference;
        }
    }

    get bars() {
        const { start, end, parts } = this.state.difference.waterfall;
        return [
            { key: "start", name: _t("Average manager"), value: start, whole: true, css: "bg-secondary" },
            ...parts.map(([name, value]) => ({ key: name, name, value, css: value < 0 ? "bg-danger" : "bg-success" })),
            { key: "end", name: this.manager.name, value: end, whole: true, css: "bg-info" },
        ];
    }

    open(model, id) {
        return id && this.action.doAction({
            type: "ir.actions.act_window",
            res_model: model,
            res_id: id,
            views: [[false, "form"]],
        });
    }
}
