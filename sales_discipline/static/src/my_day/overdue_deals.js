import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";

import { Component } from "@odoo/owl";

/** Deals of the reader that have stayed longer in their stage than it allows. */
export class OverdueDeals extends Component {
    static template = "sales_discipline.OverdueDeals";
    static props = { deals: Object, onChange: Function };

    setup() {
        this.action = useService("action");
    }

    get hiddenText() {
        return _t("%s more", this.props.deals.total - this.props.deals.rows.length);
    }

    open(id) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "crm.lead",
            res_id: id,
            views: [[false, "form"]],
        });
    }

    log(id) {
        return this.action.doAction("sales_discipline.discipline_contact_log_action", {
            additionalContext: { active_model: "crm.lead", active_id: id, active_ids: [id] },
            onClose: this.props.onChange,
        });
    }

    openAll() {
        return this.action.doAction("sales_discipline.discipline_overdue_deals_action", {
            additionalContext: { search_default_assigned_to_me: 1 },
        });
    }
}
