"""“Set a Task” stands in the menu of actions of every list and report about customers or managers."""

from odoo import api, models
from odoo.tools import frozendict, ormcache

#: rows that are kept for some hours only, and are customers of a list all the same
SHORT_LIVED = {"discipline.policy.replay.line"}


class IrActionsActions(models.Model):
    _inherit = "ir.actions.actions"

    @ormcache("model_name", "self.env.lang")
    def _get_bindings(self, model_name):
        bindings = super()._get_bindings(model_name)
        if not self._discipline_takes_tasks(model_name):
            return bindings
        action = self.env.ref("sales_discipline.discipline_task_set_action", raise_if_not_found=False)
        if not action:
            return bindings
        values = action.sudo().read(["name", "binding_view_types", "res_model"])[0]
        values["group_ids"] = list(action.sudo().group_ids._ensure_xml_id().values())
        return frozendict({**bindings, "action": (*bindings.get("action", ()), frozendict(values))})

    @api.model
    def _discipline_takes_tasks(self, model_name):
        """Tell whether tasks are set on the rows of this model (a hook for other addons).

        :param str model_name: a row of it names a customer, an opportunity, or the manager whom it is about
        """
        if model_name in ("res.partner", "crm.lead"):
            return True
        model = self.env.get(model_name)
        if model is None or not model_name.startswith("discipline.") or model._abstract:
            return False
        if model._transient and model_name not in SHORT_LIVED:
            return False
        about = {"partner_id": "res.partner", "lead_id": "crm.lead", "user_id": "res.users"}
        return any(name in model._fields and model._fields[name].comodel_name == of for name, of in about.items())
