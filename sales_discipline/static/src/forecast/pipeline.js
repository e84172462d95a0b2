import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { formatInteger, formatMonetary } from "@web/views/fields/formatters";
import { useSetupAction } from "@web/search/action_hook";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

import { Component, onWillStart, useState } from "@odoo/owl";

import { Waterfall } from "./waterfall";

const { DateTime } = luxon;

/** The pipeline as it stood on a past day, and how it became what it is on another. */
export class PipelineAction extends Component {
    static template = "sales_discipline.Pipeline";
    static components = { Layout, Waterfall };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.display = { controlPanel: {} };
        this.number = 0;
        this.state = useState(
            this.props.state?.pipeline || { date_from: "", date_to: "", user_id: "", team_id: "", measure: "amount" }
        );
        this.data = useState({ pipeline: null, loading: false });
        useSetupAction({ getLocalState: () => ({ pipeline: { ...this.state } }) });
        onWillStart(async () => {
            this.options = await this.orm.call("discipline.funnel", "get_options", []);
            this.state.date_from ||= DateTime.fromISO(this.options.today).minus({ months: 1 }).toISODate();
            await this.load();
        });
    }

    get filters() {
        const { date_from, date_to, user_id, team_id } = this.state;
        return { date_from, date_to, user_id, team_id };
    }

    async load() {
        const number = ++this.number;
        this.data.loading = true;
        try {
            const pipeline = await this.orm.call("discipline.pipeline", "get_pipeline", [this.filters]);
            if (number === this.number) {
                this.data.pipeline = pipeline;
            }
        } finally {
            if (number === this.number) {
                this.data.loading = false;
            }
        }
    }

    set(name, value) {
        this.state[name] = value;
        return this.load();
    }

    setMeasure(measure) {
        this.state.measure = measure;
    }

    /** Go back by a week, a month or a quarter from today. */
    back(unit) {
        this.state.date_from = DateTime.fromISO(this.options.today).minus({ [unit]: 1 }).toISODate();
        this.state.date_to = "";
        return this.load();
    }

    get byAmount() {
        return this.state.measure === "amount";
    }

    format(value) {
        return this.byAmount
            ? formatMonetary(value || 0, { currencyId: this.options.currency_id, digits: [16, 0] })
            : formatInteger(value || 0);
    }

    money(value) {
        return formatMonetary(value || 0, { currencyId: this.options.currency_id, digits: [16, 0] });
    }

    day(iso) {
        return iso ? DateTime.fromISO(iso).toLocaleString(DateTime.DATE_MED) : _t("Now");
    }

    get labels() {
        return {
            new: _t("New"),
            reopened: _t("Reopened"),
            received: _t("Received from others"),
            grown: _t("Grown"),
            shrunk: _t("Shrunk"),
            won: _t("Won"),
            lost: _t("Lost"),
            removed: _t("Removed"),
            given: _t("Given to others"),
            moved: _t("Moved to another stage"),
            slipped: _t("Slipped: expected later"),
        };
    }

    get rows() {
        const { start, end, parts, date_from, date_to } = this.data.pipeline;
        const measure = this.state.measure;
        const colours = { won: "bg-success", new: "bg-info", reopened: "bg-info", received: "bg-info", grown: "bg-info" };
        return [
            { key: "start", name: this.day(date_from), value: start[measure], whole: true, css: "bg-secondary" },
            ...parts
                .filter((part) => part[measure])
                .map((part) => ({
                    key: part.key,
                    name: this.labels[part.key],
                    value: part[measure],
                    css: colours[part.key] || "bg-danger",
                })),
            { key: "end", name: this.day(date_to), value: end[measure], whole: true, css: "bg-secondary" },
        ];
    }

    get notes() {
        return this.data.pipeline.notes.filter((note) => note.deals);
    }

    async open(row) {
        const action = await this.orm.call("discipline.pipeline", "get_deals_action", [
            this.filters,
            row.key,
            row.name || this.labels[row.key],
        ]);
        return this.action.doAction(action);
    }
}

registry.category("actions").add("discipline_pipeline", PipelineAction);
