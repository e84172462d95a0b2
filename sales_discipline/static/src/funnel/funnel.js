import { _t } from "@web/core/l10n/translation";
import { download } from "@web/core/network/download";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { useService } from "@web/core/utils/hooks";
import { useSetupAction } from "@web/search/action_hook";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

import { Component, onWillStart, useState } from "@odoo/owl";

import { FunnelAnalytics } from "./funnel_analytics";
import { FunnelChart } from "./funnel_chart";
import { savePicture } from "./funnel_picture";

const EMPTY = {
    date_from: "",
    date_to: "",
    as_of: "",
    user_id: "",
    team_id: "",
    source_id: "",
    tag_id: "",
    class_id: "",
    amount_from: "",
    amount_to: "",
};

/** Return the first and the last day of the same length of time before a period, as ISO dates. */
function periodBefore(from, to) {
    const day = 24 * 3600 * 1000;
    const [start, end] = [Date.parse(from), Date.parse(to)];
    const iso = (time) => new Date(time).toISOString().slice(0, 10);
    return [iso(start - (end - start) - day), iso(start - day)];
}

/** The sales funnel of a cohort, or of two of them side by side. */
export class FunnelAction extends Component {
    static template = "sales_discipline.Funnel";
    static components = { Layout, FunnelChart, FunnelAnalytics };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.notification = useService("notification");
        this.display = { controlPanel: {} };
        this.number = 0;
        const kept = this.props.state?.funnel;
        this.state = useState(
            kept || {
                filters: [{ ...EMPTY }],
                measure: "deals",
                more: false,
                advanced: false,
            }
        );
        this.data = useState({ sides: [], analytics: null, loading: false });
        useSetupAction({
            getLocalState: () => ({ funnel: JSON.parse(JSON.stringify(this.state)) }),
        });
        onWillStart(async () => {
            this.options = await this.orm.call("discipline.funnel", "get_options", []);
            if (!kept) {
                Object.assign(this.state.filters[0], {
                    date_from: this.options.date_from,
                    date_to: this.options.date_to,
                });
            }
            await this.load();
        });
    }

    get selects() {
        const selects = [
            { name: "team_id", label: _t("Sales Team"), rows: this.options.teams },
            { name: "source_id", label: _t("Source"), rows: this.options.sources, more: true },
            { name: "tag_id", label: _t("Tag"), rows: this.options.tags, more: true },
            { name: "class_id", label: _t("Class"), rows: this.options.classes, more: true },
        ];
        if (this.options.is_supervisor) {
            selects.unshift({ name: "user_id", label: _t("Manager"), rows: this.options.users });
        }
        return selects.filter((select) => this.state.more || !select.more);
    }

    isSelected(row, value) {
        return String(row.id) === String(value);
    }

    async load() {
        // answers may come in another order than the questions: only the last one is shown
        const number = ++this.number;
        this.data.loading = true;
        try {
            const sides = await Promise.all(
                this.state.filters.map((filters) => this.orm.call("discipline.funnel", "get_funnel", [filters]))
            );
            const analytics = this.state.advanced
                ? await this.orm.call("discipline.funnel.analytics", "get_analytics", [this.state.filters[0]])
                : null;
            if (number === this.number) {
                Object.assign(this.data, { sides, analytics });
            }
        } finally {
            if (number === this.number) {
                this.data.loading = false;
            }
        }
    }

    setFilter(side, name, value) {
        this.state.filters[side][name] = value;
        return this.load();
    }

    setMeasure(measure) {
        this.state.measure = measure;
    }

    toggleAdvanced() {
        this.state.advanced = !this.state.advanced;
        return this.load();
    }

    toggleMore() {
        this.state.more = !this.state.more;
    }

    toggleCompare() {
        if (this.state.filters.length > 1) {
            this.state.filters.pop();
        } else {
            const second = { ...this.state.filters[0] };
            if (second.date_from && second.date_to) {
                [second.date_from, second.date_to] = periodBefore(second.date_from, second.date_to);
            }
            this.state.filters.push(second);
        }
        return this.load();
    }

    /** Open exactly the deals behind a number. */
    async open(side, what, name) {
        const action = await this.orm.call("discipline.funnel", "get_deals_action", [
            this.state.filters[side],
            what,
            name,
        ]);
        return this.action.doAction(action);
    }

    openManager(id) {
        return this.setFilter(0, "user_id", String(id));
    }

    print() {
        window.print();
    }

    savePicture() {
        return savePicture(this.data.sides, this.state.measure, this.options.currency_id);
    }

    exportXlsx() {
        return download({
            url: "/discipline/funnel/xlsx",
            data: { filters: JSON.stringify(this.state.filters), context: JSON.stringify(user.context) },
        });
    }
}

registry.category("actions").add("discipline_funnel", FunnelAction);
