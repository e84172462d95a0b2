import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { KanbanRenderer } from "@web/views/kanban/kanban_renderer";
import { kanbanView } from "@web/views/kanban/kanban_view";

/** Portfolios as columns: a customer dropped on another manager asks for the reason; the server decides who may. */
export class PortfolioBoardRenderer extends KanbanRenderer {
    setup() {
        super.setup();
        this.actionService = useService("action");
    }

    /** Nobody edits the manager here; a drop asks, and the server decides. */
    get canMoveRecords() {
        return this.props.list.isGrouped && this.props.list.groupByField.name === "user_id";
    }

    async sortRecordDrop(dataRecordId, dataGroupId, { element, parent }) {
        parent?.classList.remove("o_kanban_hover");
        const { list } = this.props;
        const target = list.groups?.find((group) => group.id === parent?.dataset.id);
        if (!list.isGrouped || !target || target.id === dataGroupId || list.groupByField.name !== "user_id") {
            return;
        }
        const record = list.groups.find((group) => group.id === dataGroupId)?.records.find((one) => one.id === dataRecordId);
        if (!record) {
            return;
        }
        await this.actionService.doAction("sales_discipline.discipline_assign_action", {
            additionalContext: {
                active_model: "discipline.customer",
                active_ids: [record.resId],
                active_id: record.resId,
                default_user_id: target.value || false,
            },
            onClose: () => list.model.load(),
        });
    }
}

export const portfolioBoardView = { ...kanbanView, Renderer: PortfolioBoardRenderer };

registry.category("views").add("discipline_portfolio_board", portfolioBoardView);
