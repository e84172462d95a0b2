from odoo import http
from odoo.http import content_disposition, request

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class WorkbookController(http.Controller):
    @http.route("/sales_discipline/workbook/<int:workbook_id>", type="http", auth="user", readonly=True)
    def workbook(self, workbook_id):
        """Return the workbook that this user has asked for as a file."""
        workbook = request.env["discipline.workbook"].search(
            [("id", "=", workbook_id), ("create_uid", "=", request.env.uid)]
        )
        if not workbook:
            raise request.not_found()
        return request.make_response(
            workbook._content(),
            headers=[
                ("Content-Type", XLSX),
                ("Content-Disposition", content_disposition(workbook._file_name())),
            ],
        )
