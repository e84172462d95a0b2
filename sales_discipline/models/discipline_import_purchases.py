"""What customers bought, from a file of another system."""

from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL
from odoo.tools.misc import format_date

from ..engine.matching import normal_text
from ..engine.tables import TableError, parse_date, parse_sum
from .discipline_import import CHUNK
from .discipline_revenue import KINDS

PURCHASE_HEADINGS = {
    "date": [
        "Date", "Day", "Document Date", "Дата", "Дата документа", "Дата отгрузки", "Дата оплаты", "Дата реализации",
        "Дата продажи", "Период",
    ],
    "amount": [
        "Amount", "Sum", "Total", "Сумма", "Сумма документа", "Сумма с НДС", "Сумма руб", "Сумма отгрузки",
        "Сумма оплаты", "Сумма продажи", "Выручка", "Стоимость", "Итого", "Всего",
    ],
    "purchase_kind": [
        "Kind", "Type", "Document Type", "Вид", "Вид документа", "Вид операции", "Тип", "Тип документа", "Операция",
    ],
    "source_ref": [
        "Source No.", "Source Ref", "Number", "Document No.", "Номер", "Номер документа", "№ документа", "Документ №",
        "Номер накладной", "№ накладной",
    ],
    "document": ["Document", "Документ", "Регистратор", "Документ отгрузки", "Основание"],
}  # fmt: skip
#: how other systems call the kinds of purchase; a word that a cell begins with
KIND_WORDS = {
    "return": ("return", "refund", "возврат", "корректировка реализации", "credit note"),
    "payment": ("payment", "оплата", "платеж", "поступление", "приходный", "эквайр"),
    "invoice": ("invoice", "счет"),
    "order": ("order", "заказ"),
    "deal": ("deal", "сделка"),
    "shipment": ("shipment", "delivery", "отгрузка", "реализация", "продажа", "накладная", "упд", "расходная", "акт"),
}


class DisciplineImport(models.Model):
    _inherit = "discipline.import"

    purchase_kind = fields.Selection(
        [row for row in KINDS if row[0] not in ("deal", "return")],
        "These Are",
        default="shipment",
        help="What a row is where the file has no column that says it. A negative sum is a return.",
    )
    source_prefix = fields.Char(
        "Source",
        default="1C",
        help="Stands before every number, so that two systems never clash. Keep it the same for the same system.",
    )
    numbers_per_year = fields.Boolean(
        "Numbers Begin Anew Every Year", help="The year of the day becomes part of the source number."
    )

    @api.model
    def _synonyms(self, kind):
        return super()._synonyms(kind) | PURCHASE_HEADINGS if kind == "purchases" else super()._synonyms(kind)

    @api.model
    def _needed(self, kind):
        needed = super()._needed(kind)
        return [*needed, "date", "amount", ("source_ref", "document")] if kind == "purchases" else needed

    @api.model
    def _template_fields(self, kind):
        if kind != "purchases":
            return super()._template_fields(kind)
        return ["date", "source_ref", "name", "vat", "kpp", "purchase_kind", "amount"]

    def _judge(self, rows, columns, progress=None, chosen=None, leave=None):
        if self.kind != "purchases":
            return super()._judge(rows, columns, progress, chosen, leave)
        if not (self.source_prefix or "").strip():
            raise UserError(
                self.env._(
                    "Name the source, for example “1C”: it stands before every number of “%(file)s”.", file=self.name
                )
            )
        customers = self._customers(self.company_id)
        today = self.env["discipline.calendar"]._today(self.company_id)
        lines, names, unknown = [], {}, []
        for index, (number, cells) in enumerate(rows, start=1):
            line = self._read_purchase(number, cells, columns, customers, today, (chosen or {}).get(number))
            lines.append(line)
            if line["_match"]:
                unknown += line["_match"].close
            if progress and not index % CHUNK:
                progress(index)
        names = self._names(unknown)
        for line in lines:
            if line["_match"] and not line["message"]:
                line["message"] = self._customer_sentence(line["_match"], line["_values"], names)
        self._decide_purchases(lines, leave)
        return lines

    def _read_purchase(self, number, cells, columns, customers, today, chosen):
        """Return what a row says, with a sentence where it says nothing that can be taken."""
        values, formulas = self._values(cells, columns)
        match = customers.match(values)
        buyer, customer = match.id, match.customer
        if chosen and chosen["partner"]:
            partner = self.env["res.partner"].browse(chosen["partner"])
            buyer, customer = partner.commercial_partner_id.id, partner._discipline_customer().id
            match.problem = ""
        line = {
            "row": number,
            "customer_text": self._named(values) or None,
            "partner_id": customer,
            "buyer_id": buyer,
            "suggestion_id": None if customer or not match.close else match.close[0],
            "message": None,
            "_match": match if match.problem else None,
            "_values": values,
            "_cells": cells,
        }
        naming = {"id", "ref", "vat", "kpp", "name", "email", "phone"}
        used = [name for name in formulas if name not in naming or not customer]
        if used:
            line["message"] = self._formula_sentence(used)
            return line
        try:
            self._read_figures(line, values, today)
        except UserError as error:
            line["message"] = str(error)
        return line

    def _read_figures(self, line, values, today):
        """Add day, sum, kind and number to a row.

        :raise UserError: one sentence: what is wrong with the row
        """
        line["day"] = self._day(values.get("date"), today)
        amount = self._amount(values.get("amount"))
        kind = self._kind_of(values.get("purchase_kind"), values.get("document")) or self.purchase_kind
        if kind == "return" or amount < 0:
            kind, amount = "return", -abs(amount)
        line["purchase_kind"], line["amount"] = kind, amount
        number = values.get("source_ref")
        number = values.get("document") if number in (None, "") else number
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        number = " ".join(str(number if number is not None else "").split())
        if not number:
            raise UserError(self.env._("The row has no number: without it, it could come in twice."))
        year = f"{line['day'].year}:" if self.numbers_per_year else ""
        line["source_ref"] = f"{self.source_prefix.strip()}:{year}{number}"
        line["document"] = str(values.get("document") or number)

    def _day(self, value, today):
        try:
            day = parse_date(value)
        except TableError as error:
            raise UserError(
                self.env._("“%(value)s” is not a date; write it like 31.03.2025.", value="" if value is None else value)
            ) from error
        if day > today:
            raise UserError(
                self.env._(
                    "%(date)s is still to come: only what was bought is recorded.", date=format_date(self.env, day)
                )
            )
        return day

    def _amount(self, value):
        try:
            amount = parse_sum(value)
        except TableError as error:
            if error.code == "two_ways":
                raise UserError(
                    self.env._(
                        "“%(value)s” can be read in two ways, as one and a fraction or as a thousand: write %(plain)s "
                        "or %(fraction)s.",
                        value=value,
                        plain=str(value).replace(",", "").replace(".", ""),
                        fraction=str(value).replace(".", ",")[:-1],
                    )
                ) from error
            raise UserError(self.env._("“%(value)s” is not a sum.", value="" if value is None else value)) from error
        amount = round(amount, self.company_id.currency_id.decimal_places)
        if not amount:
            raise UserError(self.env._("The sum is 0: there is nothing to record."))
        return amount

    @api.model
    def _kind_of(self, value, document):
        """Return the kind that a cell says, else the one that the document's name begins with, else nothing.

        :raise UserError: if the cell of the kind says nothing that is known
        """
        text = normal_text(value)
        for source in (text, "" if text else normal_text(document)):
            for kind, words in KIND_WORDS.items():
                if source and source.startswith(words):
                    return kind
        if text:
            raise UserError(
                self.env._(
                    "“%(kind)s” is not a kind of purchase: write shipment, payment, invoice, order or return.",
                    kind=value,
                )
            )
        return None

    def _decide_purchases(self, lines, leave=None):
        """Give each row its state and its sentence: new, corrected, known already, or refused."""
        good = [line for line in lines if not line["message"]]
        known = self.env["discipline.revenue"]._known_purchases(
            [{"source_ref": line["source_ref"], "company_id": self.company_id.id} for line in good]
        )
        seen = {}
        if leave is not None:
            others = (self.line_ids.sudo() - leave).filtered(lambda line: line.state != "rejected")
            seen = {line.source_ref: line.row for line in others}
        for line in lines:
            state = "rejected" if line["message"] else "ready"
            ref = line.get("source_ref")
            if state == "ready" and ref in seen:
                state = "rejected"
                line["message"] = self.env._(
                    "Number %(ref)s stands in row %(row)s already: each purchase has a number of its own.",
                    ref=ref,
                    row=seen[ref],
                )
            elif state == "ready":
                seen[ref] = line["row"]
                old = known.get((ref, self.company_id.id))
                if old and old[1:] == (line["partner_id"], line["day"], line["amount"], line["purchase_kind"]):
                    state = "unchanged"
                    line["message"] = self.env._("In the ledger already.")
                elif old:
                    line["message"] = self.env._(
                        "Corrects the entry of %(date)s over %(amount)s.",
                        date=format_date(self.env, old[2]),
                        amount=self._money(float(old[3]), self.company_id),
                    )
            line["state"] = state
            line["cells"] = self._cells_text(line["_cells"]) if state == "rejected" else None

    def _apply(self, report):
        if self.kind != "purchases":
            return super()._apply(report)
        Revenue = self.env["discipline.revenue"]
        lines = self.env.execute_query(
            SQL(
                """
                SELECT l.partner_id, l.buyer_id, l.day, l.amount, l.purchase_kind, l.source_ref, l.document
                  FROM discipline_import_line l
                 WHERE l.import_id = %s AND l.state = 'ready' ORDER BY l.row, l.id
                """,
                self.id,
            )
        )
        report(0, len(lines))
        names = ("partner_id", "buyer_id", "date", "amount", "kind", "source_ref", "document")
        rows = [dict(zip(names, line, strict=True), company_id=self.company_id.id) for line in lines]
        for row in rows:
            row["amount"] = Decimal(str(row["amount"]))
        Revenue._store_purchases(rows, lambda done: report(done, len(rows)))
        return None

    def _summary(self):
        if self.kind != "purchases":
            return super()._summary()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT purchase_kind, count(*), sum(amount), min(day), max(day) FROM discipline_import_line
                 WHERE import_id = %s AND state IN ('ready', 'done') GROUP BY 1 ORDER BY 1
                """,
                self.id,
            )
        )
        if not rows:
            return False
        labels = dict(self.env["discipline.revenue"]._fields["kind"]._description_selection(self.env))
        heads = [self.env._("Kind"), self.env._("Rows"), self.env._("Sum"), self.env._("From"), self.env._("To")]
        return self._html_table(
            heads,
            [
                (
                    labels[kind],
                    count,
                    self._money(float(amount), self.company_id),
                    format_date(self.env, first),
                    format_date(self.env, last),
                )
                for kind, count, amount, first, last in rows
            ],
        )
