from odoo import http
from odoo.http import content_disposition, request

from .workbook import XLSX


class RefusalController(http.Controller):
    @http.route("/sales_discipline/refusals/<int:analysis_id>", type="http", auth="user", readonly=True)
    def refusals(self, analysis_id):
        """Return the analysis of refusals that this user has asked for as a file."""
        analysis = request.env["discipline.refusal.analysis"].search(
            [("id", "=", analysis_id), ("create_uid", "=", request.env.uid)]
        )
        if not analysis:
            raise request.not_found()
        return request.make_response(
            analysis._content(),
            headers=[
                ("Content-Type", XLSX),
                ("Content-Disposition", content_disposition(f"{request.env._('Refusals')}.xlsx")),
            ],
        )
