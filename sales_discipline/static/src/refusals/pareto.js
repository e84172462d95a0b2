import { _t } from "@web/core/l10n/translation";
import { loadBundle } from "@web/core/assets";
import { registry } from "@web/core/registry";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

import { Component, onWillStart, onWillUnmount, useEffect, useRef } from "@odoo/owl";

const SHOWN = 20;

/** The Pareto chart of an analysis of refusals: how many for each reason, and which few make the most of them. */
export class RefusalPareto extends Component {
    static template = "sales_discipline.RefusalPareto";
    static props = { ...standardWidgetProps };

    setup() {
        this.canvas = useRef("canvas");
        this.chart = null;
        onWillStart(() => loadBundle("web.chartjs_lib"));
        useEffect(
            () => this.draw(),
            () => [JSON.stringify(this.lines)]
        );
        onWillUnmount(() => this.chart?.destroy());
    }

    get lines() {
        return this.props.record.data.line_ids.records
            .map((line) => line.data)
            .filter((line) => line.count)
            .slice(0, SHOWN)
            .map(({ name, count, cumulative }) => ({ name, count, cumulative }));
    }

    draw() {
        this.chart?.destroy();
        this.chart = null;
        if (!this.canvas.el || !this.lines.length) {
            return;
        }
        const style = getComputedStyle(document.documentElement);
        this.chart = new Chart(this.canvas.el, {
            data: {
                labels: this.lines.map((line) => line.name),
                datasets: [
                    {
                        type: "line",
                        label: _t("Cumulative Share"),
                        data: this.lines.map((line) => Math.round(1000 * line.cumulative) / 10),
                        borderColor: style.getPropertyValue("--bs-danger") || "#E46E78",
                        yAxisID: "share",
                        pointRadius: 2,
                    },
                    {
                        type: "bar",
                        label: _t("Refusals"),
                        data: this.lines.map((line) => line.count),
                        backgroundColor: style.getPropertyValue("--bs-primary") || "#714B67",
                        yAxisID: "count",
                    },
                ],
            },
            options: {
                maintainAspectRatio: false,
                animation: false,
                interaction: { mode: "index", intersect: false },
                scales: {
                    x: { ticks: { callback: (_value, index) => this.short(index) } },
                    count: { beginAtZero: true, ticks: { precision: 0 }, position: "left" },
                    share: {
                        min: 0,
                        max: 100,
                        position: "right",
                        grid: { drawOnChartArea: false },
                        ticks: { callback: (value) => `${value} %` },
                    },
                },
            },
        });
    }

    short(index) {
        const name = this.lines[index]?.name || "";
        return name.length > 22 ? `${name.slice(0, 21)}…` : name;
    }
}

registry.category("view_widgets").add("discipline_pareto", { component: RefusalPareto });
