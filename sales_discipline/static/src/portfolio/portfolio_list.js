import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { formatFloat } from "@web/views/fields/formatters";
import { ListRenderer } from "@web/views/list/list_renderer";
import { listView } from "@web/views/list/list_view";

import { onWillStart, useState } from "@odoo/owl";

/** Managers side by side, with how evenly the base is divided above them. */
export class PortfolioListRenderer extends ListRenderer {
    static template = "sales_discipline.PortfolioListRenderer";

    setup() {
        super.setup();
        this.balance = useState({ shown: false });
        const orm = useService("orm");
        onWillStart(async () => {
            const summary = await orm.call("discipline.portfolio", "summary", []);
            Object.assign(this.balance, summary, { shown: summary.managers > 0 });
        });
    }

    ratio(found) {
        return found.ratio === null ? "—" : formatFloat(found.ratio, { digits: [5, 1] });
    }

    percent(found) {
        return found.variation === null ? "—" : `${formatFloat(found.variation, { digits: [5, 0] })} %`;
    }
}

export const portfolioListView = { ...listView, Renderer: PortfolioListRenderer };

registry.category("views").add("discipline_portfolio_list", portfolioListView);
