"""The dialog that asks for what a stage demands, and then moves the deal there."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

TEXT = ("char", "text", "html")
NUMBER = ("float", "monetary", "integer")
#: kinds of fields that the dialog asks for itself; the others are filled in on the deal's form
ASKED = (*TEXT, *NUMBER, "selection", "boolean", "date", "datetime", "many2one", "many2many")


class DisciplineStageMove(models.TransientModel):
    _name = "discipline.stage.move"
    _description = "Move a Deal On"

    lead_id = fields.Many2one("crm.lead", "Deal", required=True, readonly=True, ondelete="cascade")
    stage_id = fields.Many2one("crm.stage", "To the Stage", required=True, readonly=True, ondelete="cascade")
    line_ids = fields.One2many("discipline.stage.move.line", "move_id")
    note = fields.Text()
    note_missing = fields.Boolean(readonly=True)
    contacts_missing = fields.Char("Contacts to Hold", readonly=True)
    form_missing = fields.Char("Fill in on the Deal", readonly=True)

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        lead = self.env["crm.lead"].browse(values.get("lead_id") or [])
        stage = self.env["crm.stage"].browse(values.get("stage_id") or [])
        if not lead or not stage:
            return values
        lead.check_access("read")
        Rule = self.env["discipline.stage.rule"]
        company = lead.company_id or self.env.company
        missing = Rule._passed(lead.stage_id.id, stage.id, lead.team_id.id, company.id)._missing(lead)
        labels = [Rule._label(*item) for item in missing if item[0] == "contact"]
        fields_missing = [(item, self._describe(*item)) for item in missing if item[0] in ("lead", "partner")]
        values |= {
            "line_ids": [
                Command.create({"source": kind, "field_name": key, **described})
                for (kind, key), described in fields_missing
                if described["ttype"] in ASKED
            ],
            "form_missing": ", ".join(
                described["name"] for _item, described in fields_missing if described["ttype"] not in ASKED
            )
            or False,
            "note_missing": ("note", False) in missing,
            "contacts_missing": ", ".join(labels) or False,
        }
        return values

    @api.model
    def _describe(self, kind, name):
        """Return how a missing field is asked for."""
        field = self.env["crm.lead" if kind == "lead" else "res.partner"]._fields[name]
        return {
            "name": self.env["discipline.stage.rule"]._label(kind, name),
            "ttype": field.type,
            "comodel": field.comodel_name or False,
        }

    def action_log_contact(self):
        """Log the contact that is missing; afterwards this dialog comes back."""
        self.ensure_one()
        Channel = self.env["discipline.channel"]
        rules = self.env["discipline.stage.rule"]._passed(
            self.lead_id.stage_id.id,
            self.stage_id.id,
            self.lead_id.team_id.id,
            (self.lead_id.company_id or self.env.company).id,
        )
        channels = [key for kind, key in rules._missing(self.lead_id) if kind == "contact"]
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_contact_log_action")
        action["context"] = {
            "active_model": "crm.lead",
            "active_id": self.lead_id.id,
            "active_ids": self.lead_id.ids,
            "default_channel_id": Channel.browse(channels[:1]).id,
            "discipline_stage_move": [self.lead_id.id, self.stage_id.id],
        }
        return action

    def action_open_lead(self):
        """Open the deal: some fields can be filled in on its form alone."""
        self.ensure_one()
        return self.lead_id.get_formview_action()

    @api.model
    def _again(self, lead_id, stage_id):
        """Return the action that asks once more for what is missing."""
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_stage_move_action")
        action["context"] = {"default_lead_id": lead_id, "default_stage_id": stage_id}
        return action

    def action_move(self):
        """Write what was filled in and move the deal; what is still missing is refused as everywhere.

        :raise UserError: where the deal has no customer whose card could be filled in
        """
        self.ensure_one()
        lead = self.lead_id
        values = {"lead": {}, "partner": {}}
        for line in self.line_ids:
            value = line._value()
            if value:
                values[line.source][line.field_name] = value
        with lead._discipline_watch():
            if values["partner"]:
                if not lead.partner_id:
                    raise UserError(self.env._("“%(deal)s” has no customer yet: set one first.", deal=lead.name))
                lead.partner_id.write(values["partner"])
            if (self.note or "").strip():
                lead.message_post(body=self.note, message_type="comment", subtype_xmlid="mail.mt_note")
                self.env["mail.message"].flush_model()
            lead.write({**values["lead"], "stage_id": self.stage_id.id})
        return {"type": "ir.actions.client", "tag": "soft_reload"}


class DisciplineStageMoveLine(models.TransientModel):
    _name = "discipline.stage.move.line"
    _description = "Missing Field of a Deal"

    move_id = fields.Many2one("discipline.stage.move", required=True, ondelete="cascade")
    source = fields.Selection([("lead", "Deal"), ("partner", "Customer")], required=True, readonly=True)
    field_name = fields.Char(required=True, readonly=True)
    name = fields.Char("What Is Missing", readonly=True)
    ttype = fields.Char(readonly=True)
    comodel = fields.Char(readonly=True)
    value_text = fields.Char("Text")
    value_number = fields.Float("Number")
    value_date = fields.Date("Date")
    value_flag = fields.Boolean("Yes")
    value_id = fields.Many2oneReference("Record", model_field="comodel")

    def _value(self):
        """Return the value in the form in which the field is written; False where nothing was filled in.

        :raise UserError: where the field may not be asked for, or its kind is edited on the form alone
        """
        self.ensure_one()
        field = self.env["crm.lead" if self.source == "lead" else "res.partner"]._fields.get(self.field_name)
        if field is None:
            return False
        if field.type in TEXT:
            return (self.value_text or "").strip()
        if field.type == "selection":
            return self._selection_key(field)
        if field.type in NUMBER:
            return int(self.value_number) if field.type == "integer" else self.value_number
        if field.type == "boolean":
            return self.value_flag
        if field.type in ("date", "datetime"):
            return self.value_date
        if field.type == "many2one":
            return self.value_id
        if field.type == "many2many":
            return [Command.link(self.value_id)] if self.value_id else False
        return False

    def _selection_key(self, field):
        """Return the key of the choice that was typed, by its label or its key."""
        typed = (self.value_text or "").strip().lower()
        for key, label in field._description_selection(self.env):
            if typed and typed in (str(key).lower(), str(label).lower()):
                return key
        return False
