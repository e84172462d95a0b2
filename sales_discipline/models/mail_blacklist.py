from odoo import api, models


class MailBlacklist(models.Model):
    _inherit = "mail.blacklist"

    @api.model_create_multi
    def create(self, vals_list):
        rows = super().create(vals_list)
        rows._discipline_rescore()
        return rows

    def write(self, vals):
        before = self.mapped("email") if "email" in vals else []
        result = super().write(vals)
        if {"email", "active"} & vals.keys():
            self._discipline_rescore(before)
        return result

    def unlink(self):
        emails = self.mapped("email")
        result = super().unlink()
        self.browse()._discipline_rescore(emails)
        return result

    def _discipline_rescore(self, emails=()):
        """A blacklisted address is no valid e-mail: score the cards that carry it."""
        emails = [*emails, *self.mapped("email")]
        partners = self.env["res.partner"].sudo().search([("email_normalized", "in", emails)])
        self.env["discipline.profile"].sudo()._score_partners(partners, values=False)
