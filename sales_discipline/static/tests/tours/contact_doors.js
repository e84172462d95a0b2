/** Contacts logged as people work: through activities, meetings and the dialog, wherever it can be opened. */
import { registry } from "@web/core/registry";

/** Open the form of the record with this name; the steps that follow work on it. */
function open(model, name) {
    return [
        {
            content: `open ${name}`,
            trigger: "body:not(:has(.modal))",
            async run() {
                const { action, orm } = odoo.__WOWL_DEBUG__.root.env.services;
                const [id] = await orm.search(model, [["name", "=", name]]);
                await action.doAction(
                    { type: "ir.actions.act_window", res_model: model, res_id: id, views: [[false, "form"]] },
                    { clearBreadcrumbs: true }
                );
            },
        },
        { content: `${name} is shown`, trigger: `.o_last_breadcrumb_item:contains('${name}')` },
    ];
}

/** Open a list or kanban view, or one of our screens. */
function show(request, trigger, options = {}) {
    return [
        {
            content: `show ${trigger}`,
            trigger: "body:not(:has(.modal))",
            run: () =>
                odoo.__WOWL_DEBUG__.root.env.services.action.doAction(request, { clearBreadcrumbs: true, ...options }),
        },
        { content: `${trigger} is shown`, trigger },
    ];
}

function customers(view, domain) {
    return { type: "ir.actions.act_window", res_model: "res.partner", views: [[false, view]], domain };
}

function markDone(feedback, button = "Done") {
    return [
        { content: "the conversation is loaded", trigger: ".o-mail-Chatter .o-mail-Message" },
        { content: "mark the call as done", trigger: ".o-mail-Activity-markDone", run: "click" },
        {
            content: "write what was said",
            trigger: ".o-mail-ActivityMarkAsDone textarea",
            run: feedback ? `edit ${feedback}` : () => {},
        },
        {
            content: button,
            trigger: `.o-mail-ActivityMarkAsDone button[aria-label='${button}']`,
            run: "click",
        },
    ];
}

function logInDialog(note) {
    return [
        { content: "say what was said", trigger: ".modal .o_field_widget[name=note] textarea", run: `edit ${note}` },
        { content: "log", trigger: ".modal button[name=action_log]", run: "click" },
        { content: "the dialog is closed", trigger: "body:not(:has(.modal)) .o_notification:contains('Contact logged')" },
        { content: "close the message", trigger: ".o_notification_close", run: "click" },
        { content: "it is gone", trigger: "body:not(:has(.o_notification))" },
    ];
}

function select(name) {
    return {
        content: `select ${name}`,
        trigger: `.o_data_row:contains('${name}') .o_list_record_selector input`,
        run: "click",
    };
}

function choose(item) {
    return [
        { content: "open the menu", trigger: ".o_cp_action_menus .dropdown-toggle:contains('Actions')", run: "click" },
        { content: item, trigger: `.o-dropdown-item:contains('${item}')`, run: "click" },
    ];
}

registry.category("web_tour.tours").add("sales_discipline_activity_doors", {
    steps: () => [
        ...open("res.partner", "Door Done"),
        ...markDone("They want a discount"),
        { content: "no call is open", trigger: ".o-mail-Chatter:not(:has(.o-mail-Activity-markDone))" },

        ...open("res.partner", "Employee of a Door"),
        ...markDone(""),
        { content: "no call is open", trigger: ".o-mail-Chatter:not(:has(.o-mail-Activity-markDone))" },

        ...open("crm.lead", "Door Deal"),
        ...markDone("He signs on Friday", "Done and Schedule Next"),
        { content: "plan the next one", trigger: ".modal .o_field_widget[name=summary] input", run: "edit Call on Friday" },
        {
            content: "save it",
            trigger: ".modal footer button:contains('Save'), .modal footer button[name=action_close_dialog]",
            run: "click",
        },
        { content: "it is planned", trigger: "body:not(:has(.modal)) .o-mail-Activity:contains('Call on Friday')" },

        ...show("mail.mail_activity_action_my", ".o_list_view .o_data_row:contains('Door Bulk One')", {
            viewType: "list",
        }),
        select("Door Bulk One"),
        select("Door Bulk Two"),
        { content: "all done", trigger: ".o_control_panel button[name=action_done]", run: "click" },
        { content: "they are gone", trigger: ".o_list_view:not(:has(.o_data_row:contains('Door Bulk')))" },

        // the list of one's own activities offers no archiving, Odoo's general one does
        ...show("mail.mail_activity_action", ".o_list_view .o_data_row:contains('Door Archive')", { viewType: "list" }),
        select("Door Archive"),
        ...choose("Archive"),
        { content: "confirm", trigger: ".modal .modal-footer .btn-primary", run: "click" },
        { content: "it is gone", trigger: ".o_list_view:not(:has(.o_data_row:contains('Door Archive')))" },
    ],
});

registry.category("web_tour.tours").add("sales_discipline_meeting_doors", {
    steps: () => [
        // a meeting of yesterday, entered today
        ...show(
            { type: "ir.actions.act_window", res_model: "calendar.event", views: [[false, "form"]] },
            ".o_form_view .o_field_widget[name=name]"
        ),
        { content: "name", trigger: ".o_field_widget[name=name] input, #name_0", run: "edit Presentation" },
        { content: "with whom", trigger: ".o_field_widget[name=partner_ids] input", run: "edit Door Held" },
        { content: "him", trigger: ".o-autocomplete--dropdown-item:contains('Door Held')", run: "click" },
        { content: "when", trigger: "div[name='start'] button", run: "click" },
        {
            content: "yesterday",
            trigger: "#start_0",
            run: `edit ${luxon.DateTime.now().minus({ days: 1 }).toFormat("MM/dd/yyyy")} 10:00:00`,
        },
        { content: "save", trigger: ".o_form_button_save", run: "click" },
        { content: "saved", trigger: ".o_form_saved, .o_form_status_indicator:not(:has(.o_form_button_save:visible))" },

        ...open("calendar.event", "Meeting Called Off"),
        { content: "it was a contact", trigger: "button[name=action_discipline_contacts]" },
        { content: "called off", trigger: "button[name=action_discipline_not_held]", run: "click" },
        { content: "it can be taken back", trigger: "button[name=action_discipline_held]" },

        ...open("calendar.event", "Meeting Moved"),
        { content: "when", trigger: "div[name='start'] button", run: "click" },
        {
            content: "in three days",
            trigger: "#start_0",
            run: `edit ${luxon.DateTime.now().plus({ days: 3 }).toFormat("MM/dd/yyyy")} 10:00:00`,
        },
        { content: "save", trigger: ".o_form_button_save", run: "click" },
        { content: "no contact any more", trigger: ".o_form_view:not(:has(button[name=action_discipline_contacts]))" },

        ...open("calendar.event", "Meeting Deleted"),
        { content: "the menu", trigger: ".o_cp_action_menus .dropdown-toggle:has(.fa-cog)", run: "click" },
        { content: "delete", trigger: ".o-dropdown-item:contains('Delete')", run: "click" },
        // the calendar leaves the page of what is deleted
        {
            content: "confirm",
            trigger: ".modal .modal-footer .btn:first",
            run: "click",
            expectUnloadPage: true,
        },
        { content: "it is gone", trigger: "body:not(:has(.o_last_breadcrumb_item:contains('Deleted'))) .o_navbar" },
    ],
});

registry.category("web_tour.tours").add("sales_discipline_dialog_doors", {
    steps: () => [
        ...open("res.partner", "Door Form"),
        { content: "log", trigger: ".o_form_view button:contains('Log a Contact')", run: "click" },
        ...logInDialog("From the card"),

        ...open("crm.lead", "Door Opportunity"),
        { content: "log", trigger: ".o_form_view button:contains('Log a Contact')", run: "click" },
        ...logInDialog("From the deal"),

        ...show("sales_discipline.discipline_customer_my_action", ".o_data_row:contains('Door List')"),
        { content: "log", trigger: ".o_data_row:contains('Door List') button:has(.fa-phone)", run: "click" },
        ...logInDialog("From the list"),

        ...show(customers("list", [["name", "=like", "Door Several%"]]), ".o_data_row:contains('Door Several One')"),
        select("Door Several One"),
        select("Door Several Two"),
        ...choose("Log a Contact"),
        ...logInDialog("A circular"),

        ...show(customers("kanban", [["name", "=", "Door Kanban"]]), ".o_kanban_record:contains('Door Kanban')"),
        {
            content: "select the card",
            trigger: ".o_kanban_record:contains('Door Kanban')",
            run: ({ anchor }) => anchor.dispatchEvent(new MouseEvent("click", { altKey: true, bubbles: true })),
        },
        ...choose("Log a Contact"),
        ...logInDialog("From the kanban"),

        ...show("sales_discipline.discipline_my_day_action", "[data-row]:contains('Door My Day')"),
        { content: "log", trigger: "[data-row]:contains('Door My Day') button:contains('Log')", run: "click" },
        { content: "what was said", trigger: ".o_my_day_form input[type=text]", run: "edit From my day" },
        { content: "log", trigger: ".o_my_day_form button[type=submit]", run: "click" },
        { content: "it is done", trigger: "body:not(:has([data-row]:contains('Door My Day')))" },
    ],
});
