from odoo import http
from odoo.addons.crm.controllers.main import CrmController
from odoo.addons.mail.controllers.mail import MailController
from odoo.http import request


class DisciplineCrmController(CrmController):
    @http.route()
    def crm_lead_case_mark_lost(self, res_id, token):
        """Open the dialog that asks for the reason: a link in an e-mail loses no deal without one."""
        comparison, record, redirect = MailController._check_token_and_record_or_redirect(
            "crm.lead", int(res_id), token
        )
        if comparison and record:
            return request.redirect(f"/odoo/crm.lead/{record.id}/action-sales_discipline.crm_lead_lost_link_action")
        return redirect
