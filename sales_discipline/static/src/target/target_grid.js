import { _t } from "@web/core/l10n/translation";
import { deserializeDate } from "@web/core/l10n/dates";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { formatFloat, formatMonetary } from "@web/views/fields/formatters";
import { parseFloat } from "@web/views/fields/parsers";
import { useSetupAction } from "@web/search/action_hook";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

import { Component, onWillStart, useRef, useState } from "@odoo/owl";

const { DateTime } = luxon;

/** Sales targets of managers and teams by month, filled in place; whoever may not set one reads it. */
export class TargetGridAction extends Component {
    static template = "sales_discipline.TargetGrid";
    static components = { Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.notification = useService("notification");
        this.table = useRef("table");
        this.display = { controlPanel: {} };
        this.state = useState(
            this.props.state?.targets || { month: "", count: 12, team_id: "", source: "fact", percent: "10", over: false }
        );
        this.data = useState({ grid: null, saving: 0 });
        // one change is stored after the other, so that the last word is the last one typed
        this.queue = Promise.resolve();
        useSetupAction({
            getLocalState: () => ({ targets: { ...this.state } }),
            beforeLeave: () => this.queue,
        });
        onWillStart(() => this.load());
    }

    async load() {
        const { month, count, team_id } = this.state;
        const kwargs = { month: month || false, count, team_id: team_id || false };
        this.data.grid = await this.orm.call("discipline.target", "get_grid", [], kwargs);
        this.state.month = this.data.grid.months[0];
    }

    set(name, value) {
        this.state[name] = value;
        return this.load();
    }

    /** Go on or back by as many months as are shown. */
    shift(direction) {
        const months = direction * this.state.count;
        return this.set("month", DateTime.fromISO(this.state.month).plus({ months }).toISODate());
    }

    get grid() {
        return this.data.grid;
    }

    get editable() {
        return this.grid.rows.some((row) => row.editable);
    }

    month(iso) {
        return deserializeDate(iso).toFormat("LLL yy");
    }

    number(value) {
        return formatFloat(value || 0, { digits: [16, Number.isInteger(value) ? 0 : 2] });
    }

    money(value) {
        return formatMonetary(value || 0, { currencyId: this.grid.currency_id, digits: [16, 0] });
    }

    shown(value) {
        return value ? this.number(value) : "";
    }

    sum(values) {
        return values.reduce((sum, value) => sum + (value || 0), 0);
    }

    /** How much more than a year before, in words that fit a cell; nothing where one of them is missing. */
    growth(target, before) {
        if (!target || !before) {
            return "";
        }
        const percent = Math.round((100 * (target - before)) / before);
        return `${percent > 0 ? "+" : ""}${percent} %`;
    }

    /** The growth of several months: of those alone that have a target and a year before. */
    growthOf(targets, befores) {
        const both = targets.map((target, index) => [target, befores[index]]).filter(([target, before]) => target && before);
        return this.growth(this.sum(both.map(([target]) => target)), this.sum(both.map(([, before]) => before)));
    }

    get factName() {
        return this.grid.basis === "won" ? _t("won") : _t("bought");
    }

    title(row, index) {
        const lines = [
            _t("%(whose)s, %(month)s", { whose: row.name, month: this.month(this.grid.months[index]) }),
            _t("A year before: %s", this.money(row.before[index])),
        ];
        if (this.grid.months[index] <= this.grid.running) {
            lines.push(_t("Came until now: %s", this.money(row.facts[index])));
        }
        return lines.join("\n");
    }

    /** What the managers of a team come to, shown in the team's own empty cell. */
    members(row, index) {
        const own = this.grid.rows.filter((one) => one.kind === "user" && one.team === row.team);
        return this.sum(own.map((one) => one.targets[index]));
    }

    /** The same for all months, where the team has no target of its own. */
    membersTotal(row) {
        return row.kind === "team" ? this.sum(this.grid.months.map((_month, index) => this.members(row, index))) : 0;
    }

    // What is typed ------------------------------------------------------

    /** Return the sum that was typed, or null for nothing. Throws where it is none. */
    parse(text) {
        const plain = text.replace(/[\s\u00a0\u202f]/g, "");
        if (!plain) {
            return null;
        }
        const value = parseFloat(plain);
        if (value < 0) {
            throw new Error("negative");
        }
        return value || null;
    }

    onChange(ev, row, index) {
        let amount;
        try {
            amount = this.parse(ev.target.value);
        } catch {
            ev.target.value = this.shown(row.targets[index]);
            this.notification.add(_t("A target is a sum above zero; leave the cell empty to take it away."), { type: "warning" });
            return;
        }
        return this.store([{ row, index, amount }]);
    }

    /** Show what was typed at once, store it, and show what is stored where the server refuses. */
    store(changes) {
        const cells = changes.map(({ row, index, amount }) => {
            row.targets[index] = amount;
            return { key: row.key, month: this.grid.months[index], amount };
        });
        this.total();
        this.data.saving++;
        this.queue = this.queue.then(async () => {
            try {
                await this.orm.call("discipline.target", "set_cells", [cells]);
            } catch (error) {
                await this.load();
                throw error;
            } finally {
                this.data.saving--;
            }
        });
        const done = this.queue;
        // the next change is stored whatever became of this one
        this.queue = this.queue.catch(() => {});
        return done;
    }

    /** Bring the row of totals up to date: managers' targets, a team's own where none of its members has one. */
    total() {
        const { rows, months, total } = this.grid;
        total.targets = months.map((_month, index) => {
            const withOwn = new Set(
                rows.filter((row) => row.kind === "user" && row.targets[index] !== null).map((row) => row.team)
            );
            return this.sum(
                rows
                    .filter((row) => row.kind === "user" || !withOwn.has(row.team))
                    .map((row) => row.targets[index])
            );
        });
    }

    onKeydown(ev, row, index) {
        const place = { row: this.grid.rows.indexOf(row), index };
        if (ev.key === "Escape") {
            ev.target.value = this.shown(row.targets[index]);
            ev.target.select();
        } else if (ev.key === "Enter" || ev.key === "ArrowDown" || ev.key === "ArrowUp") {
            const up = ev.key === "ArrowUp" || (ev.key === "Enter" && ev.shiftKey);
            ev.preventDefault();
            this.focus(place.row, index, up ? -1 : 1);
        }
    }

    /** Go to the next cell of a column that can be filled. */
    focus(from, index, step) {
        const { rows } = this.grid;
        for (let place = from + step; place >= 0 && place < rows.length; place += step) {
            const input = this.table.el.querySelector(`[data-row="${rows[place].key}"] [data-index="${index}"] input`);
            if (input) {
                input.focus();
                return;
            }
        }
        // in the last row the change is stored, too
        document.activeElement.blur();
    }

    onFocus(ev) {
        ev.target.select();
    }

    /** Several cells copied from a spreadsheet fill as many cells here. */
    onPaste(ev, row, index) {
        const text = ev.clipboardData.getData("text/plain").replace(/\r/g, "").replace(/\n$/, "");
        if (!/[\t\n]/.test(text)) {
            return;
        }
        ev.preventDefault();
        const first = this.grid.rows.indexOf(row);
        const changes = [];
        try {
            text.split("\n").forEach((line, down) => {
                line.split("\t").forEach((value, right) => {
                    const target = this.grid.rows[first + down];
                    if (target && target.editable && index + right < this.grid.months.length) {
                        changes.push({ row: target, index: index + right, amount: this.parse(value) });
                    }
                });
            });
        } catch {
            this.notification.add(_t("Nothing was pasted: one of the cells is no sum."), { type: "warning" });
            return;
        }
        return this.store(changes);
    }

    // Filling many at once ------------------------------------------------

    async fill() {
        await this.queue;
        const { month, count, team_id, source, over } = this.state;
        let percent;
        try {
            percent = this.state.percent ? parseFloat(this.state.percent) : 0;
        } catch {
            this.notification.add(_t("“%s” is not a growth in percent.", this.state.percent), { type: "warning" });
            return;
        }
        const number = await this.orm.call("discipline.target", "fill_grid", [], {
            month,
            count,
            team_id: team_id || false,
            source,
            percent,
            over,
        });
        await this.load();
        this.notification.add(
            number ? _t("%s targets were set.", number) : _t("Nothing to fill: there is nothing to copy, or every cell has its target."),
            { type: number ? "success" : "info" }
        );
    }

    openList() {
        return this.action.doAction("sales_discipline.discipline_target_action");
    }

    openImport() {
        return this.action.doAction("sales_discipline.discipline_import_target_action");
    }
}

registry.category("actions").add("discipline_target_grid", TargetGridAction);
