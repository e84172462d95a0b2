"""Lists from files: whose customer, what was bought; nothing is taken that was not shown, and nothing half."""

import base64
import io
from datetime import date
from unittest.mock import patch

import openpyxl
from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import NOW, DisciplineCommon


class ImportCommon(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Import = cls.env["discipline.import"]
        cls.romashka = cls._customer("ООО «Ромашка»", cls.anna, vat="7701234567", ref="C-1", email="info@romashka.ru")
        cls.lyutik = cls._customer("АО Лютик", cls.boris, ref="C-2", phone="+7 495 123-45-67")
        cls.vektor = cls._customer("Вектор")
        cls.env["res.partner"].create({"name": "Пётр", "parent_id": cls.romashka.id, "email": "petr@mail.ru"})

    def _list(self, rows, kind="portfolio", user=None, name="list.xlsx", **values):
        if isinstance(rows, str | bytes):
            content = rows.encode("cp1251") if isinstance(rows, str) else rows
        else:
            book = openpyxl.Workbook()
            for row in rows:
                book.active.append(row)
            buffer = io.BytesIO()
            book.save(buffer)
            content = buffer.getvalue()
        return self.Import.with_user(user or self.administrator).create(
            {"kind": kind, "file": base64.b64encode(content), "file_name": name, **values}
        )

    def _messages(self, record):
        return {line.row: line.message for line in record.line_ids if line.state == "rejected"}

    def _states(self, record):
        return [line.state for line in record.line_ids.sorted("row")]


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestPortfolioImport(ImportCommon):
    def test_a_list_in_russian_is_shown_first_and_applied_then(self):
        record = self._list(
            "Список клиентов;;\n\nИНН;Наименование;Ответственный менеджер\n7701234567;;Boris\n;Лютик;sd_boris\n"
            ";ВЕКТОР;Boris\n",
            name="list.csv",
            reason="Approved for 2025",
        )
        record.action_check()
        self.assertEqual(self._states(record), ["ready", "unchanged", "ready"])
        self.assertEqual(record.line_ids.sorted("row").mapped("row"), [4, 5, 6])
        self.assertEqual(self.romashka.user_id, self.anna)
        self.assertIn("Boris", record.summary)
        record.action_apply()
        self.assertEqual((self.romashka | self.vektor).user_id, self.boris)
        rows = self.env["discipline.assignment"].search(
            [("partner_id", "=", self.romashka.id), ("date_to", "=", False)]
        )
        self.assertEqual((rows.user_id, rows.origin, rows.reason), (self.boris, "list", "Approved for 2025"))
        self.assertEqual(rows.date_from, date(2025, 3, 10))
        self.assertEqual(record.state, "done")
        with self.assertRaises(UserError):
            record.action_apply()

    def test_the_running_verdict_is_the_new_managers(self):
        customer = self._customer("Judged", self.anna, self.class_a)
        record = self._list([["Клиент", "Менеджер"], ["Judged", "Boris"]])
        record.action_check()
        record.action_apply()
        verdicts = self.env["discipline.compliance"].search([("partner_id", "=", customer.id), ("closed", "=", False)])
        self.assertIn(self.boris, verdicts.user_id)

    def test_customers_are_found_by_every_key(self):
        record = self._list(
            [
                ["ID", "Код", "E-mail", "Телефон", "Менеджер"],
                [self.romashka.id, None, None, None, "Clara"],
                [None, "c-2", None, None, "Clara"],
            ]
        )
        record.action_check()
        self.assertEqual(record.line_ids.mapped("partner_id"), self.romashka | self.lyutik)
        record = self._list(
            [["E-mail", "Телефон", "Менеджер"], ["petr@mail.ru", None, "Clara"], [None, "84951234567", "Clara"]]
        )
        record.action_check()
        self.assertEqual(record.line_ids.mapped("partner_id"), self.romashka | self.lyutik)

    def test_every_row_that_is_not_taken_has_its_sentence_and_nothing_is_applied(self):
        self.dmitri.active = False
        record = self._list(
            [
                ["Клиент", "Менеджер"],
                ["Ромашка", "Boris"],
                ["Ромашкаа", "Boris"],
                ["Nobody at all", "Boris"],
                ["Лютик", "Bob"],
                ["Лютик", "Dmitri"],
                ["Вектор", "Anna"],
                ["Вектор", "Boris"],
                ["=A2", "Boris"],
                [None, "Boris"],
                ["Лютик", None],
                ["Ромашка", "Boris"],
            ]
        )
        record.action_check()
        messages = self._messages(record)
        self.assertEqual(sorted(messages), [3, 4, 5, 6, 7, 8, 9, 10, 11])
        for row, sentence in (
            (3, "There is no customer “Ромашкаа”. Close: ООО «Ромашка»."),
            (4, "There is no customer “Nobody at all”."),
            (5, "There is no manager “Bob”."),
            (6, "Dmitri is archived: name who works here now."),
            (7, "Вектор stands here for different managers: Anna (row 7), Boris (row 8). Leave one row."),
            (8, "Вектор stands here for different managers: Anna (row 7), Boris (row 8). Leave one row."),
            (9, "A formula stands in “Customer”: paste it as a value."),
            (10, "The row names no customer."),
            (11, "The row names no manager."),
        ):
            self.assertEqual(messages[row], sentence)
        last = record.line_ids.filtered(lambda line: line.row == 12)
        self.assertEqual((last.state, last.message), ("unchanged", "ООО «Ромашка» stands in row 2 already."))
        with self.assertRaisesRegex(UserError, "9 rows are not taken"):
            record.action_apply()
        self.assertEqual(self.romashka.user_id, self.anna)

    def test_rejected_rows_are_a_file_that_can_be_corrected_and_imported(self):
        record = self._list([["Клиент", "Менеджер"], ["Ромашкаа", "Boris"], ["Вектор", "Boris"], ["=1+1", "Boris"]])
        record.action_check()
        book = openpyxl.load_workbook(io.BytesIO(record._rejected_file()))
        rows = list(book.active.iter_rows(values_only=True))
        self.assertEqual(rows[0], ("Клиент", "Менеджер", "What to Correct"))
        self.assertEqual([row[0] for row in rows[1:]], ["Ромашкаа", "=1+1"])
        self.assertEqual(rows[1][2], "There is no customer “Ромашкаа”. Close: ООО «Ромашка».")
        # a formula goes back as the text it was
        self.assertEqual(book.active["A3"].data_type, "s")
        record.skip_rejected = True
        record.action_apply()
        self.assertEqual(self.vektor.user_id, self.boris)
        book.active["A2"] = "Ромашка"
        book.active.delete_rows(3)
        buffer = io.BytesIO()
        book.save(buffer)
        again = self._list(buffer.getvalue())
        again.action_check()
        self.assertEqual(self._states(again), ["ready"])

    def test_a_close_match_is_taken_by_hand_and_judged_like_any_other_row(self):
        record = self._list([["Клиент", "Менеджер"], ["Ромашкаа", "Boris"], ["Ромашка", "Clara"], ["Вектр", "Boris"]])
        record.action_check()
        self.assertEqual((record.ready_count, record.rejected_count, record.offered_count), (1, 2, 2))
        record.action_take_offers()
        # Romashka goes to Clara by another row already
        self.assertEqual(self._messages(record), {2: "ООО «Ромашка» stands in row 3 already."})
        self.assertEqual((record.ready_count, record.rejected_count), (2, 1))
        record.line_ids.filtered(lambda line: line.row == 2).write({"partner_id": self.lyutik.id})
        self.assertEqual(self._states(record), ["unchanged", "ready", "ready"])

    def test_a_list_is_applied_whole_or_not_at_all(self):
        record = self._list([["Клиент", "Менеджер"], ["Ромашка", "Boris"], ["Вектор", "Clara"]])
        record.action_check()
        self._assign(self.vektor, self.anna, date(2025, 3, 10))
        with self.assertRaisesRegex(UserError, "1 rows are out of date, Вектор first"):
            record.action_apply()
        self.assertEqual(self.romashka.user_id, self.anna)
        record.action_check()
        done, words = [], "the second portfolio fails"
        original = type(self.env["res.partner"])._discipline_assign

        def broken(partners, *args, **kwargs):
            if done:
                raise UserError(words)
            done.append(partners)
            return original(partners, *args, **kwargs)

        with (
            patch.object(self.env.registry["res.partner"], "_discipline_assign", broken),
            self.assertRaises(UserError),
            self.env.cr.savepoint(),
        ):
            record.action_apply()
        self.env.invalidate_all()
        self.assertEqual((self.romashka.user_id, self.vektor.user_id), (self.anna, self.anna))
        self.assertEqual(record.state, "checked")

    def test_files_that_cannot_be_read_are_refused_in_one_sentence(self):
        for content, sentence in (
            (b" ", "is empty"),
            ("Клиент;Город\nРомашка;Тверь\n".encode(), "lacks a column: “Manager”. Found: Клиент, Город"),
            ("Город;Улица\nТверь;Садовая\n".encode(), "has no heading that is known here"),
            ("Клиент;Менеджер\n".encode(), "has headings but no rows"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old XLS format"),
            (b"PK\x03\x04rubbish", "cannot be read"),
        ):
            with self.subTest(sentence), self.assertRaisesRegex(UserError, sentence):
                self._list(content).action_check()

    def test_who_may_import_portfolios(self):
        with self.assertRaises(AccessError):
            self._list([["Клиент", "Менеджер"], ["Ромашка", "Boris"]], user=self.anna)
        # Dmitri's team has another leader
        record = self._list([["Клиент", "Менеджер"], ["Ромашка", "Dmitri"], ["Вектор", "Boris"]], user=self.supervisor)
        record.action_check()
        self.assertIn("You do not decide about moving ООО «Ромашка» from Anna to Dmitri", self._messages(record)[2])
        with self.assertRaises(AccessError):
            record.with_user(self.anna).action_apply()
        with self.assertRaises(UserError):
            record.line_ids[0].with_user(self.supervisor).write({"message": "forged"})
        ready = record.line_ids.filtered(lambda line: line.state == "ready")
        with self.assertRaises(UserError):
            ready.write({"user_to_id": self.dmitri.id})

    def test_a_changed_file_is_checked_again(self):
        record = self._list([["Клиент", "Менеджер"], ["Ромашка", "Boris"]])
        record.action_check()
        record.file = base64.b64encode("Клиент;Менеджер\nВектор;Clara\n".encode())
        self.assertEqual(record.state, "draft")
        self.assertFalse(record.line_ids)
        with self.assertRaises(UserError):
            record.action_apply()

    def test_the_number_of_statements_does_not_grow_with_the_list(self):
        counts = []
        for size in (5, 60):
            customers = self.env["res.partner"].create(
                [{"name": f"Growing {size} {number}", "is_company": True} for number in range(size)]
            )
            record = self._list([["Клиент", "Менеджер"], *([customer.name, "Boris"] for customer in customers)])
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            record.action_check()
            record.action_apply()
            counts.append(self.env.cr.sql_log_count - before)
            self.assertEqual(customers.user_id, self.boris)
        self.assertLessEqual(counts[1], counts[0] + 2)


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestPurchaseImport(ImportCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.discipline_revenue_kinds = "shipment"

    HEADINGS = ("Дата", "Номер", "Контрагент", "ИНН", "Вид документа", "Сумма")

    def _purchases(self, *rows, **values):
        return self._list([self.HEADINGS, *rows], kind="purchases", **values)

    def _ledger(self):
        return self.env["discipline.revenue"].search([("voided_at", "=", False), ("partner_id", "=", self.romashka.id)])

    def test_shipments_payments_and_returns_of_another_system(self):
        record = self._purchases(
            [date(2025, 3, 3), "0001", "Ромашка", None, "Реализация товаров", 1000.5],
            ["04.03.2025", "0002", None, 7701234567, "Возврат от покупателя", "100,25"],
            ["5 марта 2025 г.", 3, "Ромашка", None, "Отгрузка", "(1 000,00)"],
            [45722, "0004", "Ромашка", None, "Поступление на расчетный счет", "2 000"],
        )
        record.action_check()
        self.assertEqual(self._messages(record), {})
        self.assertEqual(record.ready_count, 4)
        record.action_apply()
        rows = self._ledger().sorted("date")
        self.assertEqual(rows.mapped("kind"), ["shipment", "return", "return", "payment"])
        self.assertEqual(rows.mapped("amount"), [1000.5, -100.25, -1000, 2000])
        self.assertEqual(rows.mapped("source_ref"), ["1C:0001", "1C:0002", "1C:3", "1C:0004"])
        self.assertAlmostEqual(self.romashka.discipline_revenue_12m, -99.75)

    def test_the_same_file_comes_in_once_and_a_corrected_row_replaces_the_old_one(self):
        rows = [["03.03.2025", "1", "Ромашка", None, None, 100], ["04.03.2025", "2", "Ромашка", None, None, 200]]
        first = self._purchases(*rows)
        first.action_check()
        first.action_apply()
        ledger = self._ledger()
        rows[1][5] = 250
        again = self._purchases(*rows)
        again.action_check()
        self.assertEqual(self._states(again), ["unchanged", "ready"])
        self.assertIn("Corrects the entry of 03/04/2025 over", again.line_ids.sorted("row")[1].message)
        again.action_apply()
        self.assertEqual(self._ledger().sorted("date").mapped("amount"), [100, 250])
        self.assertEqual(len(ledger.filtered("voided_at")), 1)
        third = self._purchases(*rows)
        third.action_check()
        self.assertEqual(self._states(third), ["unchanged", "unchanged"])
        with self.assertRaises(UserError):
            third.action_apply()

    def test_numbers_that_begin_anew_every_year_stay_apart(self):
        record = self._purchases(
            ["03.12.2024", "1", "Ромашка", None, None, 100],
            ["03.03.2025", "1", "Ромашка", None, None, 100],
            numbers_per_year=True,
        )
        record.action_check()
        record.action_apply()
        self.assertEqual(self._ledger().mapped("source_ref"), ["1C:2025:1", "1C:2024:1"])

    def test_bad_rows_have_a_sentence_each(self):
        record = self._purchases(
            ["вчера", "1", "Ромашка", None, None, 100],
            ["11.03.2025", "2", "Ромашка", None, None, 100],
            ["03.03.2025", "3", "Ромашка", None, None, "сто"],
            ["03.03.2025", "4", "Ромашка", None, None, "1,234"],
            ["03.03.2025", "5", "Ромашка", None, None, 0],
            ["03.03.2025", None, "Ромашка", None, None, 5],
            ["03.03.2025", "6", "Незнакомец", None, None, 5],
            ["03.03.2025", "7", "Ромашка", None, "Подарок", 5],
            ["03.03.2025", "8", "Ромашка", None, None, "=F2*2"],
            ["03.03.2025", "9", "Ромашка", None, None, 5],
            ["03.03.2025", "9", "Лютик", None, None, 6],
            ["03.03.2025", "10", "Лютик", "7701234567", None, 6],
        )
        record.action_check()
        messages = self._messages(record)
        for row, sentence in (
            (2, "“вчера” is not a date"),
            (3, "is still to come"),
            (4, "“сто” is not a sum."),
            (5, "can be read in two ways"),
            (6, "The sum is 0"),
            (7, "The row has no number"),
            (8, "There is no customer “Незнакомец”"),
            (9, "“Подарок” is not a kind of purchase"),
            (10, "A formula stands in “Amount”"),
            (12, "Number 1C:9 stands in row 11 already"),
        ):
            self.assertIn(sentence, messages[row])
        # the tax number is the stronger key, whatever the name says
        self.assertEqual(record.line_ids.filtered(lambda line: line.row == 13).partner_id, self.romashka)
        with self.assertRaises(UserError):
            record.action_apply()
        self.assertFalse(self._ledger())

    def test_an_offered_customer_makes_a_purchase_ready(self):
        record = self._purchases(["03.03.2025", "1", "Ромашкаа", None, None, 100])
        record.action_check()
        record.action_take_offers()
        self.assertEqual(self._states(record), ["ready"])
        record.action_apply()
        self.assertEqual(self._ledger().amount, 100)

    def test_only_a_sales_administrator_imports_purchases(self):
        for user in (self.anna, self.supervisor):
            with self.assertRaises(AccessError):
                self._purchases(["03.03.2025", "1", "Ромашка", None, None, 100], user=user)
        record = self._purchases(["03.03.2025", "1", "Ромашка", None, None, 100])
        record.action_check()
        for user in (self.anna, self.supervisor):
            with self.assertRaises(AccessError):
                record.with_user(user).action_apply()
            with self.assertRaises(AccessError):
                record.with_user(user).line_ids.read(["message"])

    def test_a_program_names_customers_as_a_file_does(self):
        Door = self.env["discipline.revenue"].with_user(self.administrator)
        purchase = {"date": "2025-03-03", "amount": 10, "kind": "shipment"}
        result = Door.record_purchases(
            [
                {**purchase, "source_ref": "a", "customer": {"vat": "7701234567", "kpp": "770101001"}},
                {**purchase, "source_ref": "b", "customer": {"name": "Ромашка ООО"}},
                {**purchase, "source_ref": "c", "customer": {"email": "petr@mail.ru"}},
            ]
        )
        self.assertEqual(result["created"], 3)
        self.assertEqual(len(self._ledger()), 3)
        with self.assertRaisesRegex(UserError, "There is no customer “Ромашкаа”. Close: ООО «Ромашка»"):
            Door.record_purchases([{**purchase, "source_ref": "d", "customer": {"name": "Ромашкаа"}}])
