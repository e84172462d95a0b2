import json

from odoo import http
from odoo.http import content_disposition, request


class FunnelController(http.Controller):
    @http.route("/discipline/funnel/xlsx", type="http", auth="user", methods=["POST"], readonly=True)
    def funnel_xlsx(self, filters, context="{}", **_kwargs):
        """Send the funnel that is on the screen as a workbook; the user's rights are the funnel's own."""
        env = request.env(context=dict(request.env.context, **self._language(json.loads(context))))
        content = env["discipline.funnel.xlsx"]._xlsx(json.loads(filters))
        return request.make_response(
            content,
            headers=[
                ("Content-Type", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
                ("Content-Disposition", content_disposition(f"{env._('Sales Funnel')}.xlsx")),
            ],
        )

    def _language(self, context):
        """Return what of a client's context concerns the workbook; companies are checked by the environment."""
        return {key: context[key] for key in ("lang", "allowed_company_ids") if context.get(key)}
