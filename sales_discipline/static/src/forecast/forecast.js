import { _t } from "@web/core/l10n/translation";
import { deserializeDate } from "@web/core/l10n/dates";
import { download } from "@web/core/network/download";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { useService } from "@web/core/utils/hooks";
import { formatFloat, formatInteger, formatMonetary } from "@web/views/fields/formatters";
import { useSetupAction } from "@web/search/action_hook";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

import { Component, onWillStart, useState } from "@odoo/owl";

import { share } from "../funnel/funnel_chart";
import { ForecastChart } from "./forecast_chart";
import { ForecastAccuracy } from "./forecast_accuracy";
import { saveForecastPicture } from "./forecast_picture";

/** What will come, month by month, beside what came and what was to come. */
export class ForecastAction extends Component {
    static template = "sales_discipline.Forecast";
    static components = { Layout, ForecastChart, ForecastAccuracy };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.display = { controlPanel: {} };
        this.share = share;
        this.number = 0;
        this.state = useState(this.props.state?.forecast || { user_id: "", team_id: "", way: "", month: "", advanced: false });
        this.data = useState({ forecast: null, deals: null, loading: false });
        useSetupAction({ getLocalState: () => ({ forecast: { ...this.state } }) });
        onWillStart(async () => {
            this.options = await this.orm.call("discipline.funnel", "get_options", []);
            await this.load();
        });
    }

    get filters() {
        return { user_id: this.state.user_id, team_id: this.state.team_id, way: this.state.way };
    }

    async load() {
        const number = ++this.number;
        this.data.loading = true;
        try {
            const forecast = await this.orm.call("discipline.forecast", "get_forecast", [this.filters]);
            if (number === this.number) {
                this.data.forecast = forecast;
                await this.loadDeals();
            }
        } finally {
            if (number === this.number) {
                this.data.loading = false;
            }
        }
    }

    /** The deals of the month that was chosen, else of the running one. */
    async loadDeals() {
        const months = this.data.forecast.months.filter((row) => !row.past).map((row) => row.month);
        if (!months.includes(this.state.month)) {
            this.state.month = this.running.month;
        }
        const month = this.state.month;
        const deals = await this.orm.call("discipline.forecast", "get_deals", [this.filters, month]);
        if (month === this.state.month) {
            this.data.deals = deals;
        }
    }

    showMonth(row) {
        this.state.month = row.month;
        return this.loadDeals();
    }

    set(name, value) {
        this.state[name] = value;
        return this.load();
    }

    toggleAdvanced() {
        this.state.advanced = !this.state.advanced;
    }

    print() {
        window.print();
    }

    get way() {
        return this.data.forecast.way;
    }

    money(value) {
        return formatMonetary(value || 0, { currencyId: this.options.currency_id, digits: [16, 0] });
    }

    count(value) {
        return formatInteger(value || 0);
    }

    percent(value) {
        return `${formatFloat(value, { digits: [16, 0] })} %`;
    }

    month(iso) {
        return deserializeDate(iso).toFormat("LLLL yyyy");
    }

    get running() {
        return this.data.forecast.months.find((row) => row.running);
    }

    /** Whether the base buys without deals, too. */
    get repeat() {
        return this.data.forecast.repeat;
    }

    /** What a month comes to, if the forecast is right. */
    together(row) {
        return row.won + (row.past ? 0 : row.expected[this.way]) + row.repeat_came + row.repeat;
    }

    get landing() {
        return this.together(this.running);
    }

    get verdict() {
        const { target, won, quantiles, repeat, repeat_came } = this.running;
        if (!target) {
            return _t("No target is set for this month.");
        }
        return this.verdictOf(target, won + repeat_came, quantiles[0] + repeat, quantiles[2] + repeat);
    }

    /** In words, whether a target is reached by what came and what is to come. */
    verdictOf(target, won, low, high) {
        if (won >= target) {
            return _t("The target is reached.");
        }
        if (won + low >= target) {
            return _t("The target is as good as certain: even the careful figure reaches it.");
        }
        if (won + high < target) {
            return _t("Out of reach of the present deals: even the hopeful figure falls short by %s.", this.money(target - won - high));
        }
        return _t("Open: %s are still to be won.", this.money(target - won));
    }

    /** The bias of a manager's forecasts in words. */
    bias(row) {
        if (!row.bias || !row.bias[1]) {
            return "—";
        }
        const off = Math.round((100 * (row.bias[0] - row.bias[1])) / row.bias[1]);
        return off > 0 ? `+${off} %` : `${off} %`;
    }

    biasTitle(row) {
        return row.bias
            ? _t("Foretold for the months that are over: %(foretold)s; won of these deals: %(won)s", {
                  foretold: this.money(row.bias[0]),
                  won: this.money(row.bias[1]),
              })
            : "";
    }

    async openMonth(row) {
        const action = await this.orm.call("discipline.forecast", "get_deals_action", [
            this.filters,
            row.month,
            _t("To Close in %s", this.month(row.month)),
        ]);
        return this.action.doAction(action);
    }

    async openManager(row) {
        const action = await this.orm.call("discipline.forecast", "get_deals_action", [
            { ...this.filters, user_id: row.id },
            false,
            row.name,
        ]);
        return this.action.doAction(action);
    }

    openDeal(deal) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "crm.lead",
            res_id: deal.id,
            views: [[false, "form"]],
        });
    }

    /** Open the customers who are to buy again in a month. */
    async openRepeat(row) {
        const action = await this.orm.call("discipline.forecast", "get_repeat_action", [
            this.filters,
            row.month,
            _t("Expected of the Base in %s", this.month(row.month)),
        ]);
        return this.action.doAction(action);
    }

    openRepeatFact() {
        return this.action.doAction("sales_discipline.discipline_repeat_month_action");
    }

    savePicture() {
        return saveForecastPicture(this.data.forecast, (value) => this.money(value));
    }

    exportXlsx() {
        return download({
            url: "/discipline/forecast/xlsx",
            data: { filters: JSON.stringify(this.filters), context: JSON.stringify(user.context) },
        });
    }

    openFact() {
        return this.action.doAction("sales_discipline.discipline_forecast_report_action");
    }

    openTargets() {
        return this.action.doAction("sales_discipline.discipline_target_grid_action");
    }
}

registry.category("actions").add("discipline_forecast", ForecastAction);
