"""Confirmed orders and posted invoices, net of credit notes, are purchases in company currency."""

from datetime import date

from odoo.addons.account.tests.common import AccountTestInvoicingCommon
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged


@tagged("post_install", "-at_install")
class TestDocuments(AccountTestInvoicingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.group_ids |= cls.env.ref("sales_team.group_sale_manager")
        cls.Revenue = cls.env["discipline.revenue"]
        cls.company = cls.env.company
        cls.company.discipline_revenue_kinds = "order"
        cls.customer = cls.env["res.partner"].create(
            {"name": "Buyer", "is_company": True, "company_id": cls.company.id}
        )
        cls.person = cls.env["res.partner"].create({"name": "Employee", "parent_id": cls.customer.id})
        cls.goods = cls.env["product.product"].create({"name": "Goods", "list_price": 100, "taxes_id": False})

    def _order(self, price=100, partner=None, **values):
        return self.env["sale.order"].create(
            {
                "partner_id": (partner or self.person).id,
                "order_line": [
                    Command.create({"product_id": self.goods.id, "price_unit": price, "product_uom_qty": 1})
                ],
                **values,
            }
        )

    def _invoice(self, price=100, move_type="out_invoice", day="2025-03-03", **values):
        return self.env["account.move"].create(
            {
                "move_type": move_type,
                "partner_id": self.person.id,
                "invoice_date": day,
                "invoice_line_ids": [
                    Command.create({"name": "Goods", "price_unit": price, "quantity": 1, "tax_ids": False})
                ],
                **values,
            }
        )

    def _valid(self, **values):
        domain = [(name, "=", value.id) for name, value in values.items()]
        return self.Revenue.search([*domain, ("voided_at", "=", False)])

    def test_a_confirmed_order_is_one_purchase_of_the_customer(self):
        order = self._order()
        self.assertFalse(self._valid(order_id=order))
        order.action_confirm()
        row = self._valid(order_id=order)
        self.assertEqual(
            (row.partner_id, row.buyer_id, row.amount, row.kind), (self.customer, self.customer, 100, "order")
        )
        self.assertEqual(row.source_ref, f"order:{order.id}")
        self.assertEqual(self.customer.discipline_revenue_12m, 100)

    def test_a_changed_order_replaces_its_purchase_and_a_cancelled_one_takes_it_back(self):
        order = self._order()
        order.action_confirm()
        order.order_line.price_unit = 150
        self.assertEqual(self._valid(order_id=order).amount, 150)
        order.order_line = [Command.create({"product_id": self.goods.id, "price_unit": 50, "product_uom_qty": 2})]
        self.assertEqual(self._valid(order_id=order).amount, 250)
        order._action_cancel()
        self.assertFalse(self._valid(order_id=order))
        self.assertEqual(self.customer.discipline_revenue_12m, 0)
        self.assertEqual(len(self.Revenue.search([("order_id", "=", order.id)])), 3)

    def test_posted_invoices_count_net_of_credit_notes(self):
        self.company.discipline_revenue_kinds = "invoice"
        invoice = self._invoice()
        self.assertFalse(self._valid(move_id=invoice))
        invoice.action_post()
        refund = self._invoice(price=30, move_type="out_refund", day="2025-03-05")
        refund.action_post()
        rows = self._valid(move_id=invoice) | self._valid(move_id=refund)
        self.assertEqual(rows.sorted("date").mapped("amount"), [100, -30])
        self.assertEqual(rows.sorted("date").mapped("kind"), ["invoice", "return"])
        self.assertEqual(rows.sorted("date")[0].date, date(2025, 3, 3))
        bills = self._invoice(move_type="in_invoice")
        bills.action_post()
        self.assertFalse(self._valid(move_id=bills))

    def test_an_invoice_back_in_draft_is_no_purchase_until_it_is_posted_again(self):
        invoice = self._invoice()
        invoice.action_post()
        invoice.button_draft()
        self.assertFalse(self._valid(move_id=invoice))
        invoice.invoice_line_ids.price_unit = 80
        invoice.action_post()
        self.assertEqual(self._valid(move_id=invoice).amount, 80)

    def test_amounts_are_in_company_currency_and_without_tax(self):
        currency = self.setup_other_currency("EUR", rates=[("2016-01-01", 2)])
        invoice = self._invoice(currency_id=currency.id)
        invoice.action_post()
        self.assertEqual(self._valid(move_id=invoice).amount, 50)
        taxed = self._invoice()
        taxed.invoice_line_ids.tax_ids = self.company_data["default_tax_sale"]
        taxed.action_post()
        self.assertGreater(taxed.amount_total, 100)
        self.assertEqual(self._valid(move_id=taxed).amount, 100)

    def test_what_came_past_the_orm_is_found_at_night_and_a_second_night_changes_nothing(self):
        order, invoice = self._order(), self._invoice()
        order.action_confirm()
        invoice.action_post()
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM discipline_revenue WHERE order_id = %s", [order.id])
        self.env.cr.execute("UPDATE account_move SET state = 'cancel' WHERE id = %s", [invoice.id])
        self.env.invalidate_all()
        self.Revenue._reconcile(self.company)
        self.assertEqual(self._valid(order_id=order).amount, 100)
        self.assertFalse(self._valid(move_id=invoice))
        rows = self.Revenue.search([])
        self.Revenue._reconcile(self.company)
        self.assertEqual(self.Revenue.search([]), rows)

    def test_another_system_does_not_use_the_numbers_of_orders(self):
        with self.assertRaisesRegex(UserError, "belong to orders and invoices"):
            self.Revenue.sudo().record_purchases(
                [
                    {
                        "source_ref": "order:1",
                        "partner_id": self.customer.id,
                        "date": "2025-03-03",
                        "amount": 1,
                        "kind": "order",
                    }
                ]
            )

    def test_a_merge_of_customers_keeps_the_purchases_of_orders(self):
        order = self._order()
        order.action_confirm()
        twin = self.env["res.partner"].create({"name": "Twin", "is_company": True, "company_id": self.company.id})
        self.env["base.partner.merge.automatic.wizard"]._merge((self.customer | twin).ids, twin)
        self.assertEqual(self._valid(order_id=order).partner_id, twin)
        self.Revenue._reconcile(self.company)
        self.assertEqual(self._valid(order_id=order).partner_id, twin)
        self.assertFalse(self.Revenue.search([("order_id", "=", order.id), ("voided_at", "!=", False)]))
