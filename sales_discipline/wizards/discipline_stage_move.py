"""The dialog that asks for what a stage demands, and then moves the deal there."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

TEXT = ("char", "text", "html")
NUMBER = ("float", "monetary", "integer")


class DisciplineStageMove(models.TransientModel):
    _name = "discipline.stage.move"
    _description = "Move a Deal On"

    lead_id = fields.Many2one("crm.lead", "Deal", required=True, readonly=True, ondelete="cascade")
    stage_id = fields.Many2one("crm.stage", "To the Stage", required=True, readonly=True, ondelete="cascade")
    line_ids = fields.One2many("discipline.stage.move.line", "move_id")
    note = fields.Text()
    note_missing = fields.Boolean(readonly=True)
    contacts_missing = fields.Char("Contacts to Hold", readonly=True)

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
        values |= {
            "line_ids": [
                Command.create({"source": kind, "field_name": key, **self._describe(kind, key)})
                for kind, key in missing
                if kind in ("lead", "partner")
            ],
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
