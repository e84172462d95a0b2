import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

import { Component, useRef } from "@odoo/owl";

const INPUT = "input, textarea, select, [contenteditable='true']";
const nextPaint = () => new Promise((resolve) => setTimeout(resolve, 30));

/** What is missing on a customer card: a click puts the cursor into the field, wherever on the form it is. */
export class CardTodoField extends Component {
    static template = "sales_discipline.CardTodoField";
    static props = { ...standardFieldProps };

    setup() {
        this.root = useRef("root");
        this.orm = useService("orm");
        this.action = useService("action");
    }

    get todo() {
        return this.props.record.data[this.props.name] || { items: [] };
    }

    get missing() {
        return this.todo.items.filter((item) => !item.closed);
    }

    get closed() {
        return this.todo.items.filter((item) => item.closed);
    }

    /** Find the field, opening one page of the notebook after the other where it is on none that is shown. */
    async find(form, name) {
        const selector = `.o_field_widget[name='${name}']`;
        let found = form.querySelector(selector);
        if (found) {
            return found;
        }
        const shown = form.querySelector(".o_notebook_headers .nav-link.active");
        for (const tab of form.querySelectorAll(".o_notebook_headers .nav-link:not(.active)")) {
            tab.click();
            await nextPaint();
            found = form.querySelector(selector);
            if (found) {
                return found;
            }
        }
        shown?.click();
        return null;
    }

    async focus(item) {
        const form = this.root.el.closest(".o_form_view") || document;
        const field = await this.find(form, item.field);
        if (!field) {
            return;
        }
        field.scrollIntoView({ block: "center" });
        const add = field.querySelector(".o-kanban-button-new, .o_field_x2many_list_row_add a");
        if (item.field === "child_ids" && add) {
            add.click();
            return;
        }
        const input = field.matches(INPUT) ? field : field.querySelector(INPUT);
        input?.focus();
        input?.select?.();
    }

    async confirm(item) {
        if (await this.props.record.save()) {
            await this.orm.call("res.partner", "discipline_profile_confirm", [[this.todo.customer], item.rule]);
            await this.props.record.load();
        }
    }

    async notAvailable(item) {
        if (!(await this.props.record.save())) {
            return;
        }
        this.action.doAction("sales_discipline.discipline_profile_unavailable_action", {
            additionalContext: { default_partner_id: this.todo.customer, default_rule_id: item.rule },
            onClose: () => this.props.record.load(),
        });
    }

    async openShared() {
        const action = await this.orm.call("res.partner", "action_discipline_shared_phone", [[this.todo.customer]]);
        this.action.doAction(action);
    }
}

export const cardTodoField = {
    component: CardTodoField,
    displayName: _t("What Is Missing on the Card"),
    supportedTypes: ["json"],
    isEmpty: () => false,
};

registry.category("fields").add("discipline_card_todo", cardTodoField);
