import json

from odoo import http
from odoo.http import content_disposition, request

from .workbook import XLSX


class ForecastController(http.Controller):
    @http.route("/discipline/forecast/xlsx", type="http", auth="user", methods=["POST"], readonly=True)
    def forecast_xlsx(self, filters, context="{}", **_kwargs):
        """Send the forecast that is on the screen as a workbook; the user's rights are the forecast's own."""
        known = json.loads(context)
        language = {key: known[key] for key in ("lang", "allowed_company_ids") if known.get(key)}
        env = request.env(context=dict(request.env.context, **language))
        return request.make_response(
            env["discipline.forecast.xlsx"]._xlsx(json.loads(filters)),
            headers=[
                ("Content-Type", XLSX),
                ("Content-Disposition", content_disposition(f"{env._('Sales Forecast')}.xlsx")),
            ],
        )
