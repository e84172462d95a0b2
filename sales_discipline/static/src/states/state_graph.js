import { registry } from "@web/core/registry";
import { SEP } from "@web/views/graph/graph_model";
import { GraphRenderer } from "@web/views/graph/graph_renderer";
import { graphView } from "@web/views/graph/graph_view";

/** Colours say what a state means, the same everywhere: kept green, behind amber, missed red, not judged grey. */
const COLORS = {
    on_track: "#8fd19e",
    met: "#28a745",
    done: "#28a745",
    behind: "#e99d00",
    done_late: "#e99d00",
    missed: "#d44c59",
    late: "#d44c59",
    none: "#dee2e6",
    excused: "#adb5bd",
    cancelled: "#adb5bd",
    unreachable: "#17a2b8",
    open: "#17a2b8",
};

/** A bar chart whose pieces are states; pies and lines keep Odoo's colours. */
export class StateGraphRenderer extends GraphRenderer {
    /** Return the colour of a label that names a state; undefined where it names none. */
    stateColor(label) {
        const { fields, groupBy } = this.model.metaData;
        if (!groupBy.some((group) => group.fieldName === "state")) {
            return undefined;
        }
        const parts = (label || "").split(SEP);
        const state = (fields.state.selection || []).find(([, name]) => parts.includes(name));
        return state && COLORS[state[0]];
    }

    getBarChartData() {
        const data = super.getBarChartData();
        for (const dataset of this.model.data.datasets) {
            dataset.backgroundColor = this.stateColor(dataset.label) || dataset.backgroundColor;
        }
        return data;
    }
}

registry.category("views").add("discipline_state_graph", { ...graphView, Renderer: StateGraphRenderer });
