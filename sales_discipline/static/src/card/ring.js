import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

import { Component } from "@odoo/owl";

const LENGTH = 2 * Math.PI * 15;

/** A share of a hundred as a ring with its number inside: green when full, amber from a half on, red below. */
export class RingField extends Component {
    static template = "sales_discipline.RingField";
    static props = { ...standardFieldProps };

    get value() {
        return this.props.record.data[this.props.name] || 0;
    }

    get dash() {
        return `${(LENGTH * this.value) / 100} ${LENGTH}`;
    }

    get level() {
        if (this.value >= 100) {
            return "full";
        }
        return this.value >= 50 ? "half" : "empty";
    }

    get title() {
        return _t("The card is %s % complete", this.value);
    }
}

export const ringField = {
    component: RingField,
    displayName: _t("Ring"),
    supportedTypes: ["integer", "float"],
};

registry.category("fields").add("discipline_ring", ringField);
