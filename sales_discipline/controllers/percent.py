import re

from odoo import http
from odoo.http import content_disposition, request

from .workbook import XLSX


class PercentController(http.Controller):
    @http.route("/sales_discipline/percent/<string:ids>", type="http", auth="user", readonly=True)
    def percent(self, ids):
        """Return statements that this user may read as a workbook."""
        numbers = [int(number) for number in ids.split(",") if re.fullmatch(r"[0-9]{1,9}", number)]
        statements = request.env["discipline.percent.statement"].search([("id", "in", numbers)])
        if not statements:
            raise request.not_found()
        name = f"{request.env._('Percent of Purchases')}.xlsx"
        return request.make_response(
            statements._xlsx(), headers=[("Content-Type", XLSX), ("Content-Disposition", content_disposition(name))]
        )
