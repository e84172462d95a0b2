import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

import { Component, onWillStart, useState } from "@odoo/owl";

/** Where the norms stand, what waits for a decision, who is about to be lost: for whoever leads. */
export class CockpitPanel extends Component {
    static template = "sales_discipline.CockpitPanel";
    static props = {};

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.data = useState({ periods: [], decide: [], risk: [] });
        onWillStart(async () => Object.assign(this.data, await this.orm.call("discipline.cockpit", "get_cockpit", [])));
    }

    state(row, closed) {
        if (row.percent === null) {
            return "text-muted";
        }
        return row.percent >= 100 ? "text-success" : closed ? "text-danger" : "text-warning-emphasis";
    }

    async openDecision(row) {
        const action = await this.action.loadAction(row.action);
        return this.action.doAction({ ...action, domain: row.domain, context: {} });
    }

    async openVerdicts(period, row) {
        const action = await this.action.loadAction("sales_discipline.discipline_compliance_action");
        const domain = [["period_id", "=", period.id]];
        if (row) {
            domain.push(["user_id", "=", row.user_id]);
        }
        return this.action.doAction({ ...action, domain, context: { search_default_group_state: 1 } });
    }

    openCustomer(id) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "res.partner",
            res_id: id,
            views: [[false, "form"]],
        });
    }

    open(xmlId) {
        return this.action.doAction(xmlId);
    }
}

export class Cockpit extends Component {
    static template = "sales_discipline.Cockpit";
    static components = { Layout, CockpitPanel };
    static props = { ...standardActionServiceProps };

    setup() {
        this.display = { controlPanel: {} };
    }
}

registry.category("actions").add("sales_discipline.cockpit", Cockpit);
