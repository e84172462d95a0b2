from odoo import http
from odoo.http import content_disposition, request

from .workbook import XLSX


class ImportController(http.Controller):
    @http.route("/sales_discipline/import/<int:import_id>/rejected", type="http", auth="user", readonly=True)
    def rejected(self, import_id):
        """Return the rejected rows of a list as a file to correct."""
        record = request.env["discipline.import"].search([("id", "=", import_id)])
        if not record:
            raise request.not_found()
        return self._file(record._rejected_file(), record._rejected_name())

    @http.route("/sales_discipline/import/template/<string:kind>", type="http", auth="user", readonly=True)
    def template(self, kind):
        """Return an empty file with the headings of a list."""
        Import = request.env["discipline.import"]
        if kind not in dict(Import._fields["kind"].selection) or not Import.has_access("read"):
            raise request.not_found()
        return self._file(Import._template(kind), f"{kind}.xlsx")

    def _file(self, content, name):
        return request.make_response(
            content, headers=[("Content-Type", XLSX), ("Content-Disposition", content_disposition(name))]
        )
