import { _t } from "@web/core/l10n/translation";
import { formatFloat, formatInteger, formatMonetary, formatPercentage } from "@web/views/fields/formatters";

import { Component, useState } from "@odoo/owl";

const REASONS = 3;

export function share(value) {
    return value === null || value === undefined ? "—" : formatPercentage(value, { digits: [16, 1] });
}

export function days(value) {
    return value === null || value === undefined
        ? "—"
        : _t("%s d", formatFloat(value, { digits: [16, 1], trailingZeros: false }));
}

/** One funnel: stages as widths and numbers, and beside each the deals that left there. */
export class FunnelChart extends Component {
    static template = "sales_discipline.FunnelChart";
    static props = {
        data: Object,
        measure: String,
        currencyId: Number,
        small: Number,
        compact: Boolean,
        onOpen: Function,
    };

    setup() {
        this.share = share;
        this.days = days;
        this.state = useState({ wide: {} });
    }

    get byAmount() {
        return this.props.measure === "amount";
    }

    money(value) {
        return formatMonetary(value || 0, { currencyId: this.props.currencyId, digits: [16, 0] });
    }

    count(value) {
        return formatInteger(value || 0);
    }

    /** The figure asked for: a number of deals, or their sum. */
    figure(row, deals, amount) {
        return this.byAmount ? this.money(row[amount]) : this.count(row[deals]);
    }

    /** Return value / entered in the measure asked for, 0..1. */
    part(row, deals, amount) {
        const whole = this.byAmount ? this.props.data.amount : this.props.data.entered;
        return whole ? row[this.byAmount ? amount : deals] / whole : 0;
    }

    /** The shape of a stage: as wide above as what reached it, as wide below as what went on. */
    points(step) {
        const top = 50 * this.part(step, "reached", "amount");
        const bottom = 50 * this.part(step, "passed", "passed_amount");
        return `${50 - top},0 ${50 + top},0 ${50 + bottom},40 ${50 - bottom},40`;
    }

    wonPoints() {
        const half = 50 * this.part(this.props.data, "won", "won_amount");
        return `${50 - half},0 ${50 + half},0 ${50 + half},40 ${50 - half},40`;
    }

    conversion(step) {
        if (this.byAmount) {
            return step.amount ? step.passed_amount / step.amount : null;
        }
        return step.conversion;
    }

    band(band) {
        return band ? _t("%(low)s to %(high)s", { low: share(band[0]), high: share(band[1]) }) : "";
    }

    conversionTitle(step) {
        return _t("%(passed)s of %(reached)s went on; with 95 percent certainty %(band)s", {
            passed: this.count(step.passed),
            reached: this.count(step.reached),
            band: this.band(step.conversion_band),
        });
    }

    reasons(step) {
        return this.state.wide[step.rank] ? step.reasons : step.reasons.slice(0, REASONS);
    }

    more(step) {
        return step.reasons.length - REASONS;
    }

    toggle(step) {
        this.state.wide[step.rank] = !this.state.wide[step.rank];
    }

    openStep(step, at, end, extra = {}) {
        const names = { lost: _t("lost"), open: _t("still open"), removed: _t("removed") };
        const name = end ? `${step.name}: ${names[end]}` : step.name;
        return this.props.onOpen({ rank: step.rank, at, ...(end ? { end } : {}), ...extra }, name);
    }

    get totals() {
        const data = this.props.data;
        return [
            { end: false, label: _t("Entered"), deals: data.entered, amount: data.amount, css: "" },
            { end: "won", label: _t("Deals Won"), deals: data.won, amount: data.won_amount, css: "text-success" },
            { end: "lost", label: _t("Deals Lost"), deals: data.lost, amount: data.lost_amount, css: "text-danger" },
            { end: "open", label: _t("Still open"), deals: data.open, amount: data.open_amount, css: "text-info" },
            { end: "removed", label: _t("Deals Removed"), deals: data.removed, amount: data.removed_amount, css: "text-muted" },
        ];
    }

    openTotal(total) {
        return this.props.onOpen(total.end ? { end: total.end } : {}, total.label);
    }
}
