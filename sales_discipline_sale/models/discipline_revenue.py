"""Orders and invoices as purchases: what is confirmed or posted, net of tax, in company currency."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

#: prefixes of source numbers that belong to this bridge
PREFIXES = ("order:", "move:")


class DisciplineRevenue(models.Model):
    _inherit = "discipline.revenue"

    order_id = fields.Many2one("sale.order", readonly=True, ondelete="set null", index="btree_not_null")
    move_id = fields.Many2one("account.move", "Invoice", readonly=True, ondelete="set null", index="btree_not_null")

    @api.model
    def _reconcile(self, company):
        result = super()._reconcile(company)
        for what in ("order", "move"):
            self._sync_documents(what, company=company)
        return result

    @api.model
    def _prepare_purchase(self, vals, company, today, customers):
        ref = str(vals.get("source_ref") or "").strip()
        if ref.startswith(PREFIXES):
            raise UserError(
                self.env._(
                    "Purchase %(ref)s: numbers that begin with “order:” or “move:” belong to orders and invoices of "
                    "this program. Give your system another prefix.",
                    ref=ref,
                )
            )
        return super()._prepare_purchase(vals, company, today, customers)

    @api.model
    def _sync_documents(self, what, ids=None, company=None):
        """Make the ledger agree with orders or invoices: each is one purchase while it is confirmed or posted.

        Cancelled, back in draft, of another sum, day or customer: its purchase is voided, and where it holds still, a
        new one takes its place. The number of statements does not depend on the number of documents.

        :param str what: ``order`` or ``move``
        :param ids: documents to look at; None means all
        :param company: res.company whose documents are looked at; None means every company's
        :return: ids of the customers whose purchases changed
        """
        if ids is not None and not ids:
            return []
        self.env["res.partner"].flush_model(["commercial_partner_id", "customer_group_id"])
        self.env["sale.order" if what == "order" else "account.move"].flush_model()
        self.flush_model()
        documents = self._orders_sql(ids, company) if what == "order" else self._moves_sql(ids, company)
        changed = self._void_documents(what, documents, ids, company) + self._insert_documents(what, documents)
        customers = sorted({row[0] for row in changed})
        if customers:
            self._purchases_changed(customers)
        return customers

    @api.model
    def _orders_sql(self, ids, company):
        """Return the query of confirmed orders: document, name, amount, day, company, buyer, customer, kind."""
        companies = self.env["res.company"].sudo().search([])
        Calendar = self.env["discipline.calendar"]
        return SQL(
            """
            SELECT o.id AS document_id, o.name, z.company_id, b.id AS buyer_id,
                   COALESCE(b.customer_group_id, b.id) AS customer_id,
                   round((o.amount_untaxed / COALESCE(NULLIF(o.currency_rate, 0), 1))::numeric, z.digits) AS amount,
                   ((o.date_order AT TIME ZONE 'UTC') AT TIME ZONE z.tz)::date AS day, 'order' AS kind
              FROM sale_order o
              JOIN res_partner p ON p.id = o.partner_id
              JOIN res_partner b ON b.id = p.commercial_partner_id
              JOIN unnest(%(companies)s::int[], %(zones)s::text[], %(digits)s::int[]) AS z(company_id, tz, digits)
                ON z.company_id = o.company_id
             WHERE o.state = 'sale' %(limit)s %(company)s
            """,
            companies=companies.ids,
            zones=[str(Calendar._timezone(row)) for row in companies],
            digits=[row.currency_id.decimal_places for row in companies],
            limit=SQL() if ids is None else SQL("AND o.id = ANY(%s)", list(ids)),
            company=SQL() if company is None else SQL("AND o.company_id = %s", company.id),
        )

    @api.model
    def _moves_sql(self, ids, company):
        """Return the query of posted invoices and credit notes, see :meth:`_orders_sql`."""
        return SQL(
            """
            SELECT m.id AS document_id, m.name, m.company_id, b.id AS buyer_id,
                   COALESCE(b.customer_group_id, b.id) AS customer_id, m.amount_untaxed_signed AS amount,
                   COALESCE(m.invoice_date, m.date) AS day, 'invoice' AS kind
              FROM account_move m
              JOIN res_partner b ON b.id = m.commercial_partner_id
             WHERE m.state = 'posted' AND m.move_type IN ('out_invoice', 'out_refund') %(limit)s %(company)s
            """,
            limit=SQL() if ids is None else SQL("AND m.id = ANY(%s)", list(ids)),
            company=SQL() if company is None else SQL("AND m.company_id = %s", company.id),
        )

    @api.model
    def _void_documents(self, what, documents, ids, company):
        """Void the purchases that their documents no longer bear out, and return [(customer,)]."""
        column = SQL.identifier("r", f"{what}_id")
        return self.env.execute_query(
            SQL(
                """
                UPDATE discipline_revenue r
                   SET voided_at = now() AT TIME ZONE 'UTC', voided_by_id = %(uid)s, void_reason = %(reason)s,
                       write_date = now() AT TIME ZONE 'UTC', write_uid = %(uid)s
                  FROM (SELECT r.id FROM discipline_revenue r LEFT JOIN (%(documents)s) d ON d.document_id = %(column)s
                         WHERE r.voided_at IS NULL AND %(column)s IS NOT NULL %(limit)s %(company)s
                           AND (d.document_id IS NULL OR d.amount != r.amount OR d.day != r.date
                                OR d.customer_id IS DISTINCT FROM r.partner_id OR d.company_id != r.company_id)) n
                 WHERE n.id = r.id
             RETURNING r.customer_ref
                """,
                documents=documents,
                column=column,
                uid=self.env.uid,
                reason=self.env._("The document is cancelled, or has another sum, customer or day now."),
                limit=SQL() if ids is None else SQL("AND %s = ANY(%s)", column, list(ids)),
                company=SQL() if company is None else SQL("AND r.company_id = %s", company.id),
            )
        )

    @api.model
    def _insert_documents(self, what, documents):
        """Add the purchases of documents that have none, and return [(customer,)]."""
        return self.env.execute_query(
            SQL(
                """
                INSERT INTO discipline_revenue
                       (partner_id, customer_ref, buyer_id, date, amount, kind, source_ref, document, %(column)s,
                        company_id, create_uid, create_date, write_uid, write_date)
                SELECT d.customer_id, d.customer_id, d.buyer_id, d.day, d.amount,
                       CASE WHEN d.amount < 0 THEN 'return' ELSE d.kind END, %(prefix)s || d.document_id, d.name,
                       d.document_id, d.company_id,
                       %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM (%(documents)s) d
                 WHERE d.amount != 0
                   AND NOT EXISTS (SELECT FROM discipline_revenue r
                                    WHERE r.source_ref = %(prefix)s || d.document_id AND r.company_id = d.company_id
                                      AND r.voided_at IS NULL)
              ORDER BY d.document_id
                    ON CONFLICT DO NOTHING
             RETURNING customer_ref
                """,
                column=SQL.identifier(f"{what}_id"),
                documents=documents,
                prefix=f"{what}:",
                uid=self.env.uid,
            )
        )

    def _document_record(self):
        return self.order_id or self.move_id or super()._document_record()

    def action_open_source(self):
        """Open the order or the invoice that the purchase came from."""
        record = self.order_id or self.move_id
        if not record:
            return super().action_open_source()
        return {"type": "ir.actions.act_window", "res_model": record._name, "res_id": record.id, "view_mode": "form"}
