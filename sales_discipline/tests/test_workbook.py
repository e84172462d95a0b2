"""The workbook, opened again: what stands in it is what the records say, and each reader gets what he may read."""

import io
from datetime import date, datetime

import openpyxl
from freezegun import freeze_time
from odoo.exceptions import UserError
from odoo.tests import HttpCase, new_test_user, tagged

from .common import DisciplineCommon


@tagged("post_install", "-at_install")
@freeze_time(datetime(2025, 4, 7, 9, 0))
class TestWorkbook(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kept = cls._customer("Kept", cls.anna, cls.class_c)
        cls.missed = cls._customer("Missed", cls.anna, cls.class_b)
        cls.silent = cls._customer("Silent", cls.boris, cls.class_a)
        with freeze_time(datetime(2025, 3, 11, 12)):
            cls._log(cls.kept, cls.anna, datetime(2025, 3, 11, 9), note="=1+1")
            cls._log(cls.kept, cls.anna, datetime(2025, 3, 11, 10))
            cls._log(cls.missed, cls.anna, datetime(2025, 3, 11, 10))
        cls.period = cls.env["discipline.period"]._open_for(cls.company, date(2025, 3, 3))
        cls.period._close()
        cls._log(cls.kept, cls.anna, datetime(2025, 4, 2, 10))

    def _open(self, user=None, lang="en_US", **values):
        workbook = (
            self.env["discipline.workbook"].with_user(user or self.administrator).with_context(lang=lang).create(values)
        )
        book = openpyxl.load_workbook(io.BytesIO(workbook._content()))
        return {sheet.title: [list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book}

    def _rows(self, table):
        """Return the rows below the heading, without the totals, by their first cell."""
        return {row[0]: row for row in table[1:] if row[0] != "Total"}

    def test_the_sheets_say_what_the_records_say(self):
        sheets = self._open()
        customers = self._rows(sheets["Contacts per Customer"])
        self.assertEqual(customers["Kept"][3:6], [1, 1, 0])
        self.assertEqual(customers["Silent"][3:6], [0, 0, 0])
        self.assertEqual(customers["Kept"][7].date(), date(2025, 3, 11), "the later talk of April is not in it")
        silent = self._rows(sheets["Without Contacts"])
        self.assertIn("Silent", silent)
        self.assertEqual(silent["Silent"][3], "none at all")
        self.assertNotIn("Missed", silent)
        managers = self._rows(sheets["Verdicts per Manager"])
        self.assertEqual(managers["Anna"][1:5], [2, 3, 2, 2 / 3])
        self.assertEqual(managers["Boris"][1:5], [1, 4, 0, 0])
        verdicts = self._rows(sheets["Verdicts"])
        self.assertEqual(verdicts["Kept"][7], "Met")
        self.assertEqual(verdicts["Missed"][7], "Missed")
        self.assertIn("1 of 2 contacts", verdicts["Missed"][8])

    def test_a_note_that_looks_like_a_formula_stays_text(self):
        rows = self._open()["Contacts"]
        self.assertEqual([row[9] for row in rows[1:]].count("=1+1"), 1)
        self.assertTrue(all(row[9] is None or isinstance(row[9], str) for row in rows[1:]))

    def test_a_manager_gets_his_own_and_a_supervisor_everything(self):
        mine = self._open(user=self.boris)
        self.assertEqual(set(self._rows(mine["Contacts per Customer"])), {"Silent"})
        self.assertEqual(set(self._rows(mine["Verdicts per Manager"])), {"Boris"})
        self.assertEqual(len(mine["Contacts"]), 1)
        chosen = self._open(user_ids=[(6, 0, self.boris.ids)])
        self.assertEqual(set(self._rows(chosen["Verdicts"])), {"Silent"})

    def test_the_last_closed_month_is_proposed_and_a_reversed_period_is_refused(self):
        workbook = self.env["discipline.workbook"].create({})
        self.assertEqual((workbook.date_from, workbook.date_to), (date(2025, 3, 1), date(2025, 3, 31)))
        with self.assertRaisesRegex(UserError, "before it begins"):
            workbook.date_to = date(2025, 2, 1)


@tagged("post_install", "-at_install")
class TestWorkbookDownload(HttpCase):
    def test_only_the_person_who_asked_downloads_it(self):
        anna, boris = (
            new_test_user(self.env, f"sd_{name}", groups="base.group_user,sales_team.group_sale_salesman")
            for name in ("wb_anna", "wb_boris")
        )
        workbook = self.env["discipline.workbook"].with_user(anna).create({})
        url = workbook.action_download()["url"]
        self.authenticate(anna.login, anna.login)
        answer = self.url_open(url)
        self.assertEqual(answer.status_code, 200)
        self.assertIn(".xlsx", answer.headers["Content-Disposition"])
        self.assertTrue(openpyxl.load_workbook(io.BytesIO(answer.content)).sheetnames)
        self.authenticate(boris.login, boris.login)
        self.assertEqual(self.url_open(url).status_code, 404)
