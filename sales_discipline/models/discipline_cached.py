from odoo import api, models


class DisciplineCached(models.AbstractModel):
    """Records of which something is kept in the registry's cache: whatever changes them empties it."""

    _name = "discipline.cached"
    _description = "Records in the Cache"

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        self.env.registry.clear_cache()
        return records

    def write(self, vals):
        result = super().write(vals)
        self.env.registry.clear_cache()
        return result

    def unlink(self):
        result = super().unlink()
        self.env.registry.clear_cache()
        return result
