"""Taking over lists from files: who answers for whom, and what was bought.

A file is read and matched as a whole first and shows what it would do, row by row; only then it is applied, in one
transaction. Every row that is not taken has a sentence, and all of those are a file to correct.
"""

import base64
import json
import time
from contextlib import contextmanager
from datetime import date, datetime

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.modules import module
from odoo.tools import SQL
from odoo.tools.misc import format_amount

from ..engine.matching import Customers, Known, Managers, Person
from ..engine.tables import Formula, TableError, read_table
from ..report.workbook import Column, Workbook
from .discipline_revenue import KINDS
from .res_users import ADMINISTRATOR
from .sets import unnested

#: headings that mean a customer, in any of these words; they are read without case, quotes and punctuation
CUSTOMER_HEADINGS = {
    "id": ["ID", "Customer ID", "ID клиента", "ID контрагента", "Код в Odoo"],
    "ref": [
        "Reference", "Customer Reference", "Customer No.", "Код", "Код клиента", "Код контрагента", "Номер клиента",
    ],
    "vat": ["VAT", "VAT No.", "Tax ID", "INN", "ИНН", "ИНН/КПП", "ИНН КПП", "ИНН клиента", "ИНН контрагента"],
    "kpp": ["KPP", "КПП", "КПП клиента", "КПП контрагента"],
    "name": [
        "Customer", "Customer Name", "Company", "Company Name", "Client", "Buyer", "Клиент", "Клиенты", "Контрагент",
        "Контрагенты", "Покупатель", "Заказчик", "Наименование", "Название", "Наименование клиента", "Название клиента",
        "Наименование контрагента", "Наименование покупателя", "Имя клиента", "Компания", "Партнер", "Партнёр",
    ],
    "email": ["E-mail", "Email", "Mail", "Почта", "Эл. почта", "Электронная почта", "Адрес электронной почты"],
    "phone": [
        "Phone", "Phone Number", "Telephone", "Mobile", "Телефон", "Телефоны", "Тел.", "Мобильный", "Номер телефона",
    ],
}  # fmt: skip
#: ways of naming a customer; one of them is needed
NAMING = ("name", "vat", "ref", "id", "email", "phone")
#: rows between two looks at the clock
CHUNK = 2000


class DisciplineImport(models.Model):
    """A file of customers and managers, of purchases or of contacts, on its way into the program."""

    _name = "discipline.import"
    _description = "Import of a List"
    _order = "id desc"

    name = fields.Char(compute="_compute_name", store=True)
    kind = fields.Selection([("portfolio", "Customers and Managers"), ("purchases", "Purchases")], required=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    file = fields.Binary(required=True, attachment=True, help="XLSX, or CSV in any encoding and with any separator.")
    file_name = fields.Char()
    state = fields.Selection(
        [("draft", "File"), ("checked", "Preview"), ("done", "Applied")], default="draft", readonly=True, copy=False
    )
    reason = fields.Char(help="Stands in the history of every customer that gets another manager.")
    skip_rejected = fields.Boolean(
        "Leave Those Rows Out",
        help="Apply the rest; the rejected rows stay here as a file to correct.",
    )
    headings = fields.Json(readonly=True, copy=False)
    columns = fields.Json(readonly=True, copy=False)
    line_ids = fields.One2many("discipline.import.line", "import_id", "Rows", copy=False)
    row_count = fields.Integer("Number of Rows", readonly=True, copy=False)
    ready_count = fields.Integer("Ready", readonly=True, copy=False)
    unchanged_count = fields.Integer("As They Are", readonly=True, copy=False)
    rejected_count = fields.Integer("Not Taken", readonly=True, copy=False)
    offered_count = fields.Integer("Close Matches", readonly=True, copy=False)
    summary = fields.Html(compute="_compute_summary", sanitize=False)
    seconds = fields.Float("Took, s", readonly=True, copy=False, digits=(6, 1))

    @api.depends("kind", "file_name")
    def _compute_name(self):
        for record in self:
            record.name = record.file_name or dict(self._fields["kind"]._description_selection(self.env)).get(
                record.kind, ""
            )

    # ------------------------------------------------------------------
    # Who may, and when
    # ------------------------------------------------------------------

    def _check_may(self):
        """Refuse whoever may not import lists of this kind.

        :raise AccessError: purchases are a Sales administrator's, all others a supervisor's
        """
        if self.env.su:
            return
        for record in self:
            if record.kind == "purchases" and not self.env.user.has_group(ADMINISTRATOR):
                raise AccessError(self.env._("Only a Sales administrator imports purchases."))
            if record.kind == "contacts" and not self.env.user._discipline_is_supervisor():
                raise AccessError(self.env._("Only a supervisor imports contacts."))
            if record.kind == "targets" and not self.env.user._discipline_is_supervisor():
                raise AccessError(self.env._("Only a supervisor imports sales targets."))
            if not self.env.user._discipline_is_supervisor():
                raise AccessError(self.env._("Only a supervisor imports lists of customers and managers."))

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        records._check_may()
        return records

    def write(self, vals):
        self._check_may()
        if {"file", "kind", "company_id"} & vals.keys():
            if "done" in self.mapped("state"):
                raise UserError(self.env._("This list is applied already: import the corrected file as a new one."))
            vals = {**vals, "state": "draft"}
            self.sudo()._forget_rows()
        return super().write(vals)

    def _forget_rows(self):
        self.env["discipline.import.line"].flush_model()
        self.env.cr.execute(SQL("DELETE FROM discipline_import_line WHERE import_id = ANY(%s)", self.ids))
        self.invalidate_recordset(["line_ids"])
        self.env["discipline.import.line"].invalidate_model()

    @api.autovacuum
    def _gc_rows(self):
        """Forget the rows of lists that are older than 90 days: what came of them stands in the ledgers."""
        old = fields.Datetime.subtract(fields.Datetime.now(), days=90)
        self.sudo().search([("create_date", "<", old)])._forget_rows()

    # ------------------------------------------------------------------
    # Progress that others see while this transaction lasts
    # ------------------------------------------------------------------

    @contextmanager
    def _work(self, name):
        """Keep a row of the long work up to date while the body runs; yields ``report(done, total)``.

        The row is written by a connection of its own: what this transaction does is seen only at its end.
        """
        if module.current_test:
            yield lambda done, total: None
            return
        state = {"last": 0.0}
        with self.env.registry.cursor() as cr:
            job = (
                self.env(cr=cr)["discipline.job"]
                .sudo()
                .create({"name": name, "company_id": self.company_id.id, "reference": f"{self._name},{self.id}"})
            )
            job_id = job.id

        def tell(**values):
            with self.env.registry.cursor() as cr:
                self.env(cr=cr)["discipline.job"].sudo().browse(job_id).write(values)

        def report(done, total):
            now = time.monotonic()
            if now - state["last"] >= 0.5:
                state["last"] = now
                tell(done=done, total=total)

        try:
            yield report
        except Exception as error:
            tell(state="failed", message=str(error), finished_at=fields.Datetime.now())
            raise
        self.env.cr.postcommit.add(lambda: tell(state="done", finished_at=fields.Datetime.now()))

    @api.readonly
    def progress(self):
        """Return how far the work on this list is: {name, done, total, state}, or False where none runs."""
        self.ensure_one()
        self.check_access("read")
        job = (
            self.env["discipline.job"]
            .sudo()
            .search([("reference", "=", f"{self._name},{self.id}")], order="id desc", limit=1)
        )
        if not job or job.state != "running":
            return False
        return {"name": job.name, "done": job.done, "total": job.total, "state": job.state}

    # ------------------------------------------------------------------
    # Reading and matching
    # ------------------------------------------------------------------

    @api.model
    def _synonyms(self, kind):
        """Return {field: headings} that a file of this kind may have (extended per kind)."""
        return dict(CUSTOMER_HEADINGS)

    @api.model
    def _needed(self, kind):
        """Return the fields that a file of this kind needs; a tuple means one of them."""
        return [NAMING]

    def action_check(self):
        """Read the file and show what it would do; nothing is changed but this preview.

        :raise UserError: where the file as a whole cannot be read, with the reason
        """
        self.ensure_one()
        self._check_may()
        if self.state == "done":
            raise UserError(self.env._("This list is applied already: import the corrected file as a new one."))
        if not self.file:
            raise UserError(self.env._("Choose the file first."))
        began = time.monotonic()
        with self._work(self.env._("Reading %(file)s", file=self.name)) as report:
            table = self._open()
            rows = []
            for number, cells in self._rows(table):
                rows.append((number, cells))
                if not len(rows) % CHUNK:
                    report(len(rows), table.size * 3)
            if not rows:
                raise UserError(
                    self.env._("“%(file)s” has headings but no rows: there is nothing to import.", file=self.name)
                )
            lines = self._judge(rows, table.columns, lambda done: report(len(rows) + done, len(rows) * 3))
            self.sudo()._forget_rows()
            self.sudo()._store_lines(lines, lambda done: report(2 * len(rows) + done, len(rows) * 3))
        self.sudo().write(
            {
                "state": "checked",
                "headings": table.headings,
                "columns": table.columns,
                "seconds": time.monotonic() - began,
            }
        )
        self._count()
        return self._open_form()

    def _open(self):
        """Return the file as a table.

        :raise UserError: one sentence: what is wrong with the file, and what to do
        """
        content = base64.b64decode(self.with_context(bin_size=False).file or b"")
        try:
            return read_table(content, self.file_name or "", self._synonyms(self.kind), self._needed(self.kind))
        except TableError as error:
            raise UserError(self._file_sentence(error)) from error

    def _rows(self, table):
        try:
            yield from table.rows
        except TableError as error:
            raise UserError(self._file_sentence(error)) from error

    def _file_sentence(self, error):
        file = self.name
        if error.code == "empty":
            return self.env._("“%(file)s” is empty.", file=file)
        if error.code == "old":
            return self.env._(
                "“%(file)s” is a workbook of the old XLS format: open it and save it as XLSX or CSV.", file=file
            )
        if error.code == "large":
            return self.env._("“%(file)s” is too large: split it into files of at most 1,000,000 rows.", file=file)
        if error.code == "headings":
            return self.env._(
                "“%(file)s” has no heading that is known here. Found: %(found)s. Name the columns, for example: "
                "%(wanted)s.",
                file=file,
                found=", ".join(error.details["headings"]) or self.env._("nothing"),
                wanted=", ".join(self._example(choice) for choice in self._needed(self.kind)),
            )
        if error.code == "missing":
            return self.env._(
                "“%(file)s” lacks a column: %(missing)s. Found: %(found)s.",
                file=file,
                missing=", ".join(self._example(choice) for choice in error.details["fields"]),
                found=", ".join(error.details["headings"]),
            )
        return self.env._("“%(file)s” cannot be read: save it as XLSX or as CSV and try again.", file=file)

    def _example(self, choice):
        """Return a heading that would do for one of these fields, in the reader's language."""
        return f"“{self._heading(choice[0] if isinstance(choice, tuple) else choice)}”"

    @api.model
    def _heading(self, name):
        """Return the heading of a column as the reader would write it."""
        texts = (self._synonyms("purchases") | self._synonyms("portfolio"))[name]
        if (self.env.lang or "").startswith("ru"):
            texts = [text for text in texts if any("а" <= sign <= "я" for sign in text.lower())] or texts
        return texts[0]

    @api.model
    def _customers(self, company):
        """Return every customer of the base by all ways of naming him, in one statement."""
        return Customers(Known(*row) for row in self.env.execute_query(self._customers_sql(company)))

    @api.model
    def _customers_sql(self, company):
        """Return the query of :class:`Known` rows (a hook: other addons may keep a KPP of their own)."""
        self.env["res.partner"].flush_model()
        self.env["discipline.customer"].flush_model(["in_base", "company_id"])
        return SQL(
            """
            SELECT p.id, d.partner_id, p.name, p.ref,
                   CASE WHEN p.id = c.id THEN p.vat END, CASE WHEN p.id = c.id THEN p.company_registry END,
                   p.email, p.phone
              FROM res_partner p
              JOIN res_partner c ON c.id = p.commercial_partner_id
              JOIN discipline_customer d ON d.partner_id = COALESCE(c.customer_group_id, c.id)
             WHERE p.active AND d.in_base AND d.company_id = %s
          ORDER BY p.id
            """,
            company.id,
        )

    @api.model
    def _managers(self):
        """Return every internal user, archived ones too: a file that names one gets a sentence."""
        users = (
            self.env["res.users"]
            .sudo()
            .with_context(active_test=False)
            .search_fetch([("share", "=", False)], ["name", "login", "email", "active"])
        )
        root = self.env.ref("base.user_root")
        return Managers(
            Person(user.id, user.name or "", user.login or "", user.email or "", user.active) for user in users - root
        )

    def _judge(self, rows, columns, progress=None, chosen=None, leave=None):
        """Return what each row means and would do (per kind).

        :param rows: (row number, cells) as in the file
        :param dict columns: {field: index of its column}
        :param progress: called with the number of rows that are done
        :param dict chosen: {row number: {partner, user}} decided by a person
        :param leave: rows of this list that are judged anew
        :return: list of dicts, see ``_line_columns``
        """
        raise NotImplementedError(self.kind)

    @api.model
    def _values(self, cells, columns):
        """Return ({field: value}, fields with a formula) of a row."""
        values, formulas = {}, []
        for name, index in columns.items():
            value = cells[index] if index < len(cells) else None
            if isinstance(value, Formula):
                formulas.append(name)
                value = None
            values[name] = value
        return values, formulas

    @api.model
    def _named(self, values):
        """Return how a row names its customer, for a sentence."""
        text = next((str(values[name]) for name in NAMING if values.get(name) not in (None, "")), "")
        # the sentence has quotes of its own
        return text[1:-1] if text[:1] in '«“"' and text[-1:] in '»”"' else text

    @api.model
    def _formula_sentence(self, formulas):
        return self.env._(
            "A formula stands in %(columns)s: paste it as a value.",
            columns=", ".join(self._example(name) for name in formulas),
        )

    @api.model
    def _customer_sentence(self, match, values, names):
        """Return why a row's customer is not taken.

        :param names: {id: name} of those who are offered
        """
        offered = ", ".join(names.get(number, "") for number in match.close)
        if match.problem == "empty":
            return self.env._("The row names no customer.")
        if match.problem == "contradiction":
            return self.env._(
                "The row contradicts itself: “%(key)s” and “%(other)s” are of different customers (%(offered)s).",
                key=self._heading(match.key),
                other=self._heading(match.other),
                offered=offered,
            )
        if match.problem == "ambiguous":
            return self.env._(
                "“%(customer)s” may be several customers: %(offered)s. Add the reference or the tax number.",
                customer=self._named(values),
                offered=offered,
            )
        if offered:
            return self.env._(
                "There is no customer “%(customer)s”. Close: %(offered)s.",
                customer=self._named(values),
                offered=offered,
            )
        return self.env._("There is no customer “%(customer)s”.", customer=self._named(values))

    @api.model
    def _names(self, ids):
        """Return {id: name} of these partners, in one read."""
        partners = self.env["res.partner"].sudo().browse(sorted(set(ids)))
        return {partner.id: partner.name or "" for partner in partners}

    # ------------------------------------------------------------------
    # Rows
    # ------------------------------------------------------------------

    @api.model
    def _line_columns(self):
        """Return {column: SQL type} of what a row keeps."""
        return {
            "row": "int",
            "state": "varchar",
            "customer_text": "varchar",
            "manager_text": "varchar",
            "partner_id": "int",
            "buyer_id": "int",
            "suggestion_id": "int",
            "user_from_id": "int",
            "user_to_id": "int",
            "message": "text",
            "cells": "jsonb",
            "day": "date",
            "amount": "numeric",
            "purchase_kind": "varchar",
            "source_ref": "varchar",
            "document": "varchar",
        }

    def _store_lines(self, lines, progress=None):
        """Keep the rows of the preview, by one statement per 10,000."""
        types = self._line_columns()
        names = SQL(", ").join(SQL.identifier(name) for name in types)
        for start in range(0, len(lines), 10_000):
            chunk = lines[start : start + 10_000]
            self.env.cr.execute(
                SQL(
                    "INSERT INTO discipline_import_line (import_id, company_id, %(names)s) "
                    "SELECT %(import_id)s, %(company)s, %(names)s FROM %(new)s",
                    names=names,
                    new=unnested(chunk, types, "n"),
                    import_id=self.id,
                    company=self.company_id.id,
                )
            )
            if progress:
                progress(start + len(chunk))
        self.env["discipline.import.line"].invalidate_model()

    @api.model
    def _cells_text(self, cells):
        """Return a row's cells as text for the database: rejected rows go back to their author as they came."""
        return json.dumps(
            [
                cell
                if cell is None or isinstance(cell, str | int | float | bool)
                else cell.isoformat(sep=" ")
                if isinstance(cell, datetime)
                else cell.isoformat()
                if isinstance(cell, date)
                else str(cell)
                for cell in cells
            ]
        )

    def _count(self):
        """Bring the numbers of rows per state up to date."""
        groups = {record: {} for record in self}
        offered = {}
        for record, state, number, suggestions in (
            self.env["discipline.import.line"]
            .sudo()
            ._read_group([("import_id", "in", self.ids)], ["import_id", "state"], ["__count", "suggestion_id:count"])
        ):
            groups[record.with_env(self.env)][state] = number
            if state == "rejected":
                offered[record.id] = suggestions
        for record, numbers in groups.items():
            record.sudo().write(
                {
                    "row_count": sum(numbers.values()),
                    "ready_count": numbers.get("ready", 0) + numbers.get("done", 0),
                    "unchanged_count": numbers.get("unchanged", 0),
                    "rejected_count": numbers.get("rejected", 0),
                    "offered_count": offered.get(record.id, 0),
                }
            )

    # ------------------------------------------------------------------
    # Applying
    # ------------------------------------------------------------------

    def action_apply(self):
        """Do what the preview shows, all of it or nothing, in one transaction.

        :raise UserError: while rows are rejected and were not left out, or where things changed since the preview
        """
        self.ensure_one()
        self._check_may()
        if not self.sudo().try_lock_for_update():
            raise UserError(self.env._("Somebody is applying this list right now."))
        if self.state != "checked":
            raise UserError(self.env._("Check the file first: a list is applied once, after its preview."))
        if self.rejected_count and not self.skip_rejected:
            raise UserError(
                self.env._(
                    "%(count)s rows are not taken: correct them here or in the file, or tick “Leave Those Rows Out”. "
                    "Nothing was applied.",
                    count=self.rejected_count,
                )
            )
        if not self.ready_count:
            raise UserError(self.env._("No row changes anything: there is nothing to apply."))
        began = time.monotonic()
        with self._work(self.env._("Applying %(file)s", file=self.name)) as report:
            self._apply(report)
        self.env.cr.execute(
            SQL("UPDATE discipline_import_line SET state = 'done' WHERE import_id = %s AND state = 'ready'", self.id)
        )
        self.env["discipline.import.line"].invalidate_model()
        self.sudo().write({"state": "done", "seconds": time.monotonic() - began})
        return self._open_form()

    def _apply(self, report):
        """Do what the rows say (per kind).

        :param report: called with (done, total)
        """
        raise NotImplementedError(self.kind)

    # ------------------------------------------------------------------
    # What is shown
    # ------------------------------------------------------------------

    @api.depends("state", "ready_count", "unchanged_count", "rejected_count")
    def _compute_summary(self):
        for record in self:
            record.summary = record._summary() if record.state != "draft" else False

    def _summary(self):
        """Return a table of what the list does (per kind)."""
        return False

    @api.model
    def _money(self, amount, company):
        return format_amount(self.env, amount, company.currency_id)

    def _open_form(self):
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "current",
        }

    def action_rows(self):
        """Open the rows."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_import_line_action")
        action["domain"] = [("import_id", "=", self.id)]
        action["context"] = {"search_default_rejected": 1} if self.rejected_count else {}
        if self.kind == "purchases":
            action["views"] = [(self.env.ref("sales_discipline.discipline_import_line_view_purchases").id, "list")]
        return action

    def action_take_offers(self):
        """Take the closest match of every rejected row that has one."""
        self.ensure_one()
        self.line_ids.filtered(lambda line: line.state == "rejected" and line.suggestion_id).action_take_offer()
        return self._open_form()

    def action_rejected_file(self):
        """Return the action that downloads the rejected rows as a file to correct."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_url",
            "url": f"/sales_discipline/import/{self.id}/rejected",
            "target": "download",
        }

    def _rejected_name(self):
        stem = (self.file_name or self.name or "").rsplit(".", 1)[0]
        return self.env._("%(file)s - to correct.xlsx", file=stem)

    def _rejected_file(self):
        """Return the rejected rows as they came, each with its sentence; it can be corrected and imported again.

        :return: bytes of an XLSX file
        """
        self.ensure_one()
        lines = self.env["discipline.import.line"].search(
            [("import_id", "=", self.id), ("state", "=", "rejected")], order="row, id"
        )
        headings = self.headings or []
        columns = [Column(heading or "", 20) for heading in headings]
        columns.append(Column(self.env._("What to Correct"), 80))
        book = Workbook()
        book.table(
            self.env._("To Correct"),
            columns,
            ([*self._padded(line.cells or [], len(headings)), line.message] for line in lines),
        )
        return book.content()

    @api.model
    def _padded(self, cells, width):
        return [None if cell is None else str(cell) for cell in (list(cells) + [None] * width)[:width]]

    def action_template(self):
        """Return the action that downloads an empty file with the headings."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_url",
            "url": f"/sales_discipline/import/template/{self.kind}",
            "target": "download",
        }

    @api.model
    def _template(self, kind):
        """Return an empty XLSX file with headings in the reader's language.

        :return: bytes
        """
        record = self.new({"kind": kind})
        book = Workbook()
        names = self._template_fields(kind)
        book.table(self.env._("List"), [Column(record._example(name).strip("“”"), 24) for name in names], [])
        return book.content()

    @api.model
    def _template_fields(self, kind):
        return ["name", "vat", "kpp", "ref"]


class DisciplineImportLine(models.Model):
    """A row of a file: what it means, what it would do, or why it is not taken."""

    _name = "discipline.import.line"
    _description = "Row of an Imported List"
    _order = "import_id desc, row, id"
    _rec_name = "customer_text"
    _log_access = False

    import_id = fields.Many2one("discipline.import", required=True, readonly=True, ondelete="cascade", index=True)
    kind = fields.Selection(related="import_id.kind")
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade")
    row = fields.Integer(readonly=True, aggregator=None)
    state = fields.Selection(
        [("ready", "Ready"), ("unchanged", "As It Is"), ("rejected", "Not Taken"), ("done", "Applied")], readonly=True
    )
    customer_text = fields.Char("Customer in the File", readonly=True)
    manager_text = fields.Char("Manager in the File", readonly=True)
    partner_id = fields.Many2one("res.partner", "Customer", ondelete="cascade")
    buyer_id = fields.Many2one("res.partner", readonly=True, ondelete="cascade")
    suggestion_id = fields.Many2one("res.partner", "Close Match", readonly=True, ondelete="set null")
    user_from_id = fields.Many2one("res.users", "Manager Now", readonly=True, ondelete="cascade")
    user_to_id = fields.Many2one("res.users", "New Manager", domain="[('share', '=', False)]", ondelete="cascade")
    message = fields.Text("What It Does, or What Is Wrong", readonly=True)
    cells = fields.Json(readonly=True)
    day = fields.Date(readonly=True)
    amount = fields.Monetary(readonly=True, currency_field="currency_id")
    currency_id = fields.Many2one(related="company_id.currency_id")
    purchase_kind = fields.Selection(KINDS, "Kind of Purchase", readonly=True)
    source_ref = fields.Char("Source No.", readonly=True)
    document = fields.Char(readonly=True)

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            raise AccessError(self.env._("Rows come from a file."))
        return super().create(vals_list)

    def write(self, vals):
        """Correct rejected rows by hand: another customer or manager; each is judged anew.

        :raise UserError: for anything else
        """
        if self.env.su:
            return super().write(vals)
        self.import_id._check_may()
        if set(vals) - {"partner_id", "user_to_id"}:
            raise UserError(self.env._("Only the customer and the manager of a row are corrected here."))
        if any(line.state != "rejected" or line.import_id.state != "checked" for line in self):
            raise UserError(self.env._("Only rejected rows of a list that is not applied yet are corrected here."))
        result = super().write(vals)
        for record in self.import_id:
            self.filtered(lambda line, record=record: line.import_id == record)._judge_again(record)
        return result

    def action_take_offer(self):
        """Take the close match as the customer."""
        for customer, lines in self.filtered("suggestion_id").grouped("suggestion_id").items():
            lines.write({"partner_id": customer.id})

    def _judge_again(self, record):
        """Judge corrected rows by the same rules as the file's, each with the customer or manager chosen here."""
        lines = self.sudo().sorted("row")
        chosen = {line.row: {"partner": line.partner_id.id, "user": line.user_to_id.id} for line in lines}
        rows = [
            (line.row, [Formula(cell) if isinstance(cell, str) and cell[:1] == "=" else cell for cell in line.cells])
            for line in lines
        ]
        for line, judged in zip(lines, record._judge(rows, record.columns, chosen=chosen, leave=lines), strict=True):
            kept = {name: judged.get(name) for name in self._line_columns_kept() if name in judged}
            if judged["state"] == "rejected":
                kept["partner_id"] = judged.get("partner_id") or line.partner_id.id
            line.write(kept)
        record._count()

    @api.model
    def _line_columns_kept(self):
        """Return the columns that a new judgement fills; the cells stay as they came."""
        return [name for name in self.env["discipline.import"]._line_columns() if name not in ("cells", "row")]
