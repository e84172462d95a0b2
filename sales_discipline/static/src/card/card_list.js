import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { ListRenderer } from "@web/views/list/list_renderer";
import { listView } from "@web/views/list/list_view";

import { onWillStart, useState } from "@odoo/owl";

/** The list of cards to fill, with the reader's own day above it: filled, quota, left, and when he is done. */
export class CardListRenderer extends ListRenderer {
    static template = "sales_discipline.CardListRenderer";

    setup() {
        super.setup();
        this.day = useState({ shown: false });
        const orm = useService("orm");
        onWillStart(async () => {
            const day = await orm.call("discipline.performance", "my_today", []);
            Object.assign(this.day, day, { shown: Boolean(day.left || day.filled) });
        });
    }
}

export const cardListView = { ...listView, Renderer: CardListRenderer };

registry.category("views").add("discipline_card_list", cardListView);
