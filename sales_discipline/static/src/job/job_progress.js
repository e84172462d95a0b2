import { Component, onMounted, onWillUnmount, onWillUpdateProps, useState } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { formatFloat } from "@web/core/utils/numbers";
import { useService } from "@web/core/utils/hooks";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

/** how often the progress of running work is asked for, in milliseconds */
const PAUSE = 2000;

/** A bar that follows long work while it runs; when the work pauses or ends, the record is read again. */
export class DisciplineJobProgress extends Component {
    static template = "sales_discipline.JobProgress";
    static props = {
        ...standardFieldProps,
        stateField: { type: String },
        jobField: { type: String, optional: true },
    };

    setup() {
        this.orm = useService("orm");
        this.state = useState({ progress: this.props.record.data[this.props.name] || 0 });
        onMounted(() => this.follow());
        onWillUpdateProps((next) => {
            this.state.progress = next.record.data[next.name] || 0;
            this.follow(next);
        });
        onWillUnmount(() => {
            this.gone = true;
            clearTimeout(this.timer);
        });
    }

    get percent() {
        return Math.min(100, Math.max(0, this.state.progress));
    }

    get label() {
        return formatFloat(this.percent, { digits: [16, 0] });
    }

    jobId(props) {
        const { record, jobField } = props;
        return jobField ? record.data[jobField] && record.data[jobField].id : record.resId;
    }

    follow(props = this.props) {
        clearTimeout(this.timer);
        if (!this.gone && props.record.data[props.stateField] === "running") {
            this.timer = setTimeout(() => this.ask(props), PAUSE);
        }
    }

    async ask(props) {
        const id = this.jobId(props);
        const [job] = id ? await this.orm.silent.read("discipline.job", [id], ["progress", "state"]) : [];
        if (this.gone || !job) {
            return;
        }
        this.state.progress = job.progress;
        if (job.state === "running") {
            this.follow(props);
        } else {
            await props.record.model.root.load();
        }
    }
}

export const disciplineJobProgress = {
    component: DisciplineJobProgress,
    supportedTypes: ["float"],
    extractProps: ({ options }) => ({ stateField: options.state, jobField: options.job }),
};

registry.category("fields").add("discipline_progress", disciplineJobProgress);
