import { Component, onMounted, onWillUnmount, useState } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

const EVERY_MS = 1500;

/** How far the work on a list is, while another request does it. */
export class ImportProgress extends Component {
    static template = "sales_discipline.ImportProgress";
    static props = { ...standardWidgetProps };

    setup() {
        this.orm = useService("orm");
        this.state = useState({ work: false });
        onMounted(() => {
            this.timer = setInterval(() => this.look(), EVERY_MS);
        });
        onWillUnmount(() => clearInterval(this.timer));
    }

    get percent() {
        const { done, total } = this.state.work;
        return total ? Math.min(100, Math.round((100 * done) / total)) : 0;
    }

    async look() {
        const { resId, data } = this.props.record;
        if (!resId || data.state === "done" || document.hidden) {
            this.state.work = false;
            return;
        }
        try {
            this.state.work = await this.orm.silent.call("discipline.import", "progress", [[resId]]);
        } catch {
            // the next look asks again
        }
    }
}

registry.category("view_widgets").add("discipline_import_progress", { component: ImportProgress });
