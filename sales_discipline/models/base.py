from odoo import models


class Base(models.AbstractModel):
    _inherit = "base"

    def _discipline_task_targets(self):
        """Return what a task set on these rows is about: one target per row (a hook for every list and report).

        By default it is the row's customer, else its opportunity, else the manager himself whom the row is about.

        :return: list of (document, doer): a ``res.partner`` or ``crm.lead`` record, empty for a task that is about no
            customer, and the res.users whose task it is by default (may be empty)
        """
        nobody, no_document = self.env["res.users"], self.env["res.partner"]
        targets = []
        for row in self:
            customer = row.partner_id._discipline_customer() if "partner_id" in row else no_document
            lead = row.lead_id if "lead_id" in row and not customer else self.env["crm.lead"]
            user = row.user_id if "user_id" in row else nobody
            if customer:
                targets.append((customer, customer.sudo().discipline_id.user_id))
            elif lead:
                targets.append((lead, lead.user_id))
            else:
                targets.append((no_document, user))
        return targets


class ResPartner(models.Model):
    _inherit = "res.partner"

    def _discipline_task_targets(self):
        customers = {partner.id: partner._discipline_customer() for partner in self}
        return [(customers[row.id], customers[row.id].sudo().discipline_id.user_id) for row in self]


class CrmLead(models.Model):
    _inherit = "crm.lead"

    def _discipline_task_targets(self):
        return [
            (lead, lead.user_id.filtered("active") or lead.partner_id._discipline_customer().user_id) for lead in self
        ]
