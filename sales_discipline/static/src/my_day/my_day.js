import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { useSetupAction } from "@web/search/action_hook";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { CockpitPanel } from "../cockpit/cockpit";
import { OverdueDeals } from "./overdue_deals";

import { Component, onWillStart, useEffect, useRef, useState } from "@odoo/owl";

/** What a manager has to do now: one line per customer, worked through with the keyboard alone if he likes. */
export class MyDay extends Component {
    static template = "sales_discipline.MyDay";
    static components = { CockpitPanel, Layout, OverdueDeals };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.notification = useService("notification");
        this.display = { controlPanel: {} };
        // of several previews on their way the last one is shown
        this.previews = new KeepLast();
        this.root = useRef("root");
        this.note = useRef("note");
        this.state = useState({ active: 0, open: null, form: {}, busy: false });
        this.data = useState({ rows: [], norms: [], risk: [], progress: {}, options: {}, deals: { rows: [] }, cards: null });
        useSetupAction({});
        onWillStart(() => this.load());
        useEffect(
            (note) => note && note.focus(),
            () => [this.note.el]
        );
        useEffect(
            (index) => this.root.el?.querySelector(`[data-row="${index}"]`)?.focus(),
            // another customer in the same place is another line: the cursor goes to it
            () => [this.state.open === null ? this.state.active : -1, this.data.rows[this.state.active]?.partner_id]
        );
    }

    async load() {
        Object.assign(this.data, await this.orm.call("discipline.my.day", "get_day", []));
        this.state.active = Math.min(this.state.active, Math.max(this.data.rows.length - 1, 0));
    }

    get percent() {
        const { done, planned } = this.data.progress;
        return planned ? Math.round((100 * done) / planned) : 100;
    }

    get progressText() {
        return _t("%(done)s of %(planned)s contacts made today", this.data.progress);
    }

    get hiddenText() {
        return _t("%s more stand behind these", this.data.total - this.data.rows.length);
    }

    customersText(norm) {
        return norm.customers === 1 ? _t("1 customer") : _t("Customers: %s", norm.customers);
    }

    dealsText(row) {
        return row.deals === 1 ? _t("1 open deal") : _t("%s open deals", row.deals);
    }

    /** Arrows choose a line; L logs, O opens, P postpones, S starts a sale, C calls. */
    onKeydown(event) {
        if (event.target.closest("input, textarea, select") || event.ctrlKey || event.altKey || event.metaKey) {
            return;
        }
        const row = this.data.rows[this.state.active];
        const keys = {
            ArrowDown: () => this.choose(this.state.active + 1),
            ArrowUp: () => this.choose(this.state.active - 1),
            l: () => row && this.openForm(row),
            Enter: () => row && this.openForm(row),
            o: () => row && this.openCustomer(row.partner_id),
            p: () => row && this.postpone(row),
            s: () => row && this.startSale(row.partner_id),
            c: () => row?.phone && window.open(`tel:${row.phone}`, "_self"),
        };
        const act = keys[event.key];
        if (act && (event.target === event.currentTarget || event.key !== "Enter" || event.target.dataset.row)) {
            event.preventDefault();
            act();
        }
    }

    choose(index) {
        this.state.active = Math.max(0, Math.min(index, this.data.rows.length - 1));
    }

    async openForm(row) {
        this.state.active = this.data.rows.indexOf(row);
        const defaults = await this.orm.call("discipline.my.day", "get_log_defaults", [row.partner_id]);
        this.state.form = { note: "", no_next_reason: "", lost_reason_id: "", ...defaults };
        this.state.open = row.partner_id;
    }

    /** A refusal has a reason; the server demands it as well. */
    get refused() {
        const chosen = Number(this.state.form.outcome_id);
        return this.data.options.outcomes.some((one) => one.id === chosen && one.is_refusal);
    }

    /** Another channel has another usual outcome, as in the dialog. */
    onChannel(event) {
        const { form } = this.state;
        form.channel_id = Number(event.target.value);
        const channel = this.data.options.channels.find((one) => one.id === form.channel_id);
        form.outcome_id = channel?.outcome_id || form.outcome_id;
        return this.preview();
    }

    onOutcome(event) {
        this.state.form.outcome_id = Number(event.target.value);
        return this.preview();
    }

    /** Ask the server whether it will count, and by which rule not. */
    async preview() {
        const { form } = this.state;
        const told = this.orm.call("discipline.my.day", "get_log_preview", [
            this.state.open,
            Number(form.channel_id),
            Number(form.outcome_id),
        ]);
        Object.assign(form, await this.previews.add(told));
    }

    closeForm() {
        this.state.open = null;
    }

    onFormKeydown(event) {
        if (event.key === "Escape") {
            event.preventDefault();
            this.closeForm();
        } else if (event.key === "Enter" && !event.target.closest("button")) {
            event.preventDefault();
            this.save();
        }
    }

    async save() {
        if (this.state.busy) {
            return;
        }
        this.state.busy = true;
        try {
            const { form } = this.state;
            const told = await this.orm.call("discipline.my.day", "log", [
                this.state.open,
                {
                    channel_id: Number(form.channel_id),
                    outcome_id: Number(form.outcome_id),
                    note: form.note,
                    next_date: form.next_date,
                    no_next_reason: form.next_date ? "" : form.no_next_reason,
                    lost_reason_id: this.refused ? Number(form.lost_reason_id) : false,
                },
            ]);
            this.notification.add(told.message, { type: told.counted ? "success" : "warning" });
            this.closeForm();
            await this.load();
        } finally {
            this.state.busy = false;
        }
    }

    async postpone(row, days = 1) {
        const day = await this.orm.call("discipline.my.day", "postpone", [row.partner_id, days]);
        this.notification.add(_t("%(customer)s: planned for %(day)s", { customer: row.name, day }), { type: "info" });
        await this.load();
    }

    openCustomer(id) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "res.partner",
            res_id: id,
            views: [[false, "form"]],
        });
    }

    async startSale(id) {
        const action = await this.orm.call("discipline.my.day", "action_sale", [id]);
        return this.action.doAction(action, { onClose: () => this.load() });
    }

    /** The same plan in Odoo's own calendar, list and activity views. */
    openPlan() {
        return this.action.doAction("sales_discipline.discipline_plan_action");
    }

    openNorm(norm) {
        return this.action.doAction("sales_discipline.discipline_customer_my_action", {
            additionalContext: { search_default_abc_class_id: norm.class_id },
        });
    }
}

registry.category("actions").add("sales_discipline.my_day", MyDay);
