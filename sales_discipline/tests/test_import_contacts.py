"""Contacts from a file: by the importer's clock, once, each row with its sentence; too late is said beforehand."""

from datetime import date, datetime, time, timedelta

from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import NOW
from .test_import import ImportCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestContactImport(ImportCommon):
    HEADINGS = (
        "Дата и время", "Клиент", "Контактное лицо", "Менеджер", "Канал", "Результат", "Комментарий", "Номер",
    )  # fmt: skip

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meeting = cls.env.ref("sales_discipline.discipline_channel_meeting")
        cls.petr = cls.romashka.child_ids
        cls.Contact = cls.env["discipline.contact"]

    def _contacts(self, *rows, headings=None, user=None, **values):
        record = self._list(
            [headings or self.HEADINGS, *rows], kind="contacts", user=user or self.supervisor, **values
        )  # fmt: skip
        record.action_check()
        return record

    def _log_of(self, partner):
        self.env.invalidate_all()
        return self.Contact.search([("partner_id", "=", partner.id)], order="date, id")

    def test_contacts_of_another_system_by_the_importers_clock(self):
        self.supervisor.tz = "Asia/Vladivostok"
        self.anna.tz = "Europe/Moscow"
        record = self._contacts(
            ["10.03.2025 02:30", "Ромашка", "Пётр", "Anna", "Call", "Agreed on the next step", "Said", "77"],
            [datetime(2025, 3, 10, 17, 15), "Лютик", None, "sd_boris", "Meeting", None, None, 78],
        )
        self.assertEqual(self._messages(record), {})
        self.assertEqual((record.ready_count, self.Contact.search_count([])), (2, 0))
        self.assertIn("Anna", record.summary)
        record.action_apply()
        first, second = self._log_of(self.romashka), self._log_of(self.lyutik)
        # half past two in Vladivostok is the evening before in Moscow
        self.assertEqual((first.date, first.day), (datetime(2025, 3, 9, 16, 30), date(2025, 3, 9)))
        self.assertEqual((first.contact_id, first.user_id, first.channel_id), (self.petr, self.anna, self.call))
        self.assertEqual(first.outcome_id, self.env.ref("sales_discipline.discipline_outcome_next_step"))
        self.assertEqual((first.note, first.source, first.source_ref), ("Said", "import", "import:1C:77"))
        self.assertEqual((first.logged_at, first.logged_by_id), (NOW, self.supervisor))
        self.assertTrue(first.counted)
        self.assertEqual((second.date, second.channel_id), (datetime(2025, 3, 10, 7, 15), self.meeting))
        self.assertEqual((second.outcome_id, second.source_ref), (self.meeting.outcome_id, "import:1C:78"))

    def test_a_day_without_a_time_is_the_doers_day_and_a_column_of_times_is_read_along(self):
        self.anna.tz = "America/Los_Angeles"
        headings = ("Дата", "Время", "Клиент", "Менеджер", "Длительность, минут")
        record = self._contacts(
            [date(2025, 3, 6), None, "Ромашка", "Anna", None],
            ["07.03.2025", time(8, 5), "Ромашка", "Anna", "7,5"],
            [date(2025, 3, 7), "21:40", "Ромашка", "Anna", 3],
            [date(2025, 3, 10), None, "Ромашка", "Anna", None],
            headings=headings,
        )
        self.assertEqual(self._messages(record), {})
        record.action_apply()
        rows = self._log_of(self.romashka)
        self.assertEqual(
            rows.mapped("date"),
            [
                datetime(2025, 3, 6, 20, 0),
                datetime(2025, 3, 7, 8, 5),
                datetime(2025, 3, 7, 21, 40),
                # noon of today is still to come: it was until now
                NOW,
            ],
        )
        self.assertEqual(rows.mapped("day")[0], date(2025, 3, 6))
        self.assertEqual(rows.mapped("duration"), [0, 7.5, 3, 0])

    def test_what_comes_too_late_is_said_beforehand_and_is_logged_without_counting(self):
        record = self._contacts(
            ["03.03.2025 10:00", "Ромашка", None, "Anna", None, None, None, 1],
            ["06.03.2025 10:00", "Ромашка", None, "Anna", None, None, None, 2],
        )
        late, in_time = record.line_ids.sorted("row")
        self.assertEqual(
            late.message, "It will be in the log and will not count: it had to be logged by 03/05/2025."
        )  # fmt: skip
        self.assertEqual((late.state, in_time.state, in_time.message), ("ready", "ready", False))
        record.action_apply()
        rows = self._log_of(self.romashka)
        self.assertEqual(rows.mapped("rejected_reason"), ["late", False])

    def test_the_same_file_comes_in_once_with_numbers_or_without_also_after_a_person_has_voided_it(self):
        rows = [
            ["10.03.2025 08:00", "Ромашка", None, "Anna", "Call", None, "Said", 1],
            ["10.03.2025 08:00", "Лютик", None, "Boris", "Call", None, "Said", None],
            ["10.03.2025 08:30", "Лютик", None, "Boris", "Call", None, "Said", None],
        ]
        self._contacts(*rows).action_apply()
        before = self.Contact.search([])
        self.assertEqual(len(before), 3)
        before[0].with_user(self.supervisor)._void("Wrong")
        again = self._contacts(*rows, ["10.03.2025 08:40", "Лютик", None, "Boris", "Call", None, "Said", None])
        self.assertEqual(self._states(again), ["unchanged"] * 3 + ["ready"])
        again.action_apply()
        self.assertEqual(self.Contact.search_count([]), 4)
        # another system numbers from one as well
        other = self._contacts(rows[0], source_prefix="Other")
        self.assertEqual(self._states(other), ["ready"])

    def test_a_contact_that_stands_in_the_log_already_is_no_second_row(self):
        known = self._log(self.romashka, self.anna, datetime(2025, 3, 10, 8, 5))
        record = self._contacts(["10.03.2025 08:00", "Ромашка", None, "Anna", "Call", None, "Said", 1])
        record.action_apply()
        self.assertEqual((self._log_of(self.romashka), known.note), (known, "Said"))
        again = self._contacts(["10.03.2025 08:00", "Ромашка", None, "Anna", "Call", None, "Said", 1])
        self.assertEqual(self._states(again), ["unchanged"])

    def test_every_row_that_is_not_taken_has_its_sentence_and_nothing_is_applied(self):
        day = "10.03.2025 08:00"
        record = self._contacts(
            ["вчера", "Ромашка", None, "Anna", None, None, None, 1],
            ["10.03.2025 25:61", "Ромашка", None, "Anna", None, None, None, 2],
            ["10.03.2025 09:01", "Ромашка", None, "Anna", None, None, None, 3],
            [day, "Незнакомец", None, "Anna", None, None, None, 4],
            [day, "Ромашка", "Иван", "Anna", None, None, None, 5],
            [day, "Ромашка", None, "Bob", None, None, None, 6],
            [day, "Ромашка", None, None, None, None, None, 7],
            [day, "Ромашка", None, "Anna", "Голубь", None, None, 8],
            [day, "Ромашка", None, "Anna", None, "Понравилось", None, 9],
            [day, "Ромашка", None, "Anna", None, None, "x" * 32_000, 10],
            [day, "Ромашка", None, "Anna", None, None, None, 10],
            [day, "Ромашка", None, "Anna", None, None, "=A1", 12],
            [day, None, None, "Anna", None, None, None, 13],
        )
        messages = self._messages(record)
        for row, sentence in (
            (2, "“вчера” is not a day and time; write it like 31.03.2025 14:05."),
            (3, "“10.03.2025 25:61” is not a day and time"),
            (4, "is still to come: only contacts that took place are recorded."),
            (5, "There is no customer “Незнакомец”."),
            (6, "ООО «Ромашка» has no person “Иван”"),
            (7, "There is no manager “Bob”."),
            (8, "The row names no manager."),
            (9, "“Голубь” is no channel: write one of Call, "),
            (10, "“Понравилось” is no outcome: write one of "),
            (12, "It stands in row 11 already: leave one of them."),
            (13, "A formula stands in “Note”: paste it as a value."),
            (14, "The row names no customer."),
        ):
            self.assertIn(sentence, messages[row])
        self.assertEqual(self._states(record).count("ready"), 1)
        with self.assertRaisesRegex(UserError, "12 rows are not taken"):
            record.action_apply()
        self.assertFalse(self.Contact.search([]))

    def test_a_note_that_is_too_long_is_refused(self):
        rows = "Дата;Клиент;Менеджер;Комментарий\n10.03.2025 08:00;Ромашка;Anna;" + "x" * 100_001
        record = self._list(rows, kind="contacts", user=self.supervisor, name="list.csv")
        record.action_check()
        self.assertIn("The note has 100001 characters; a contact keeps 100000", self._messages(record)[2])

    def test_a_close_match_and_another_manager_are_taken_by_hand(self):
        record = self._contacts(
            ["10.03.2025 08:00", "Ромашкаа", None, "Anna", None, None, None, 1],
            ["10.03.2025 08:00", "Ромашка", None, "Bob", None, None, None, 2],
        )
        record.action_take_offers()
        record.line_ids.filtered(lambda line: line.row == 3).write({"user_to_id": self.boris.id})
        self.assertEqual(self._states(record), ["ready", "ready"])
        record.action_apply()
        self.assertEqual(self._log_of(self.romashka).mapped("user_id"), self.anna | self.boris)

    def test_only_a_supervisor_imports_contacts(self):
        row = ["10.03.2025 08:00", "Ромашка", None, "Anna", None, None, None, 1]
        with self.assertRaises(AccessError):
            self._contacts(row, user=self.anna)
        record = self._contacts(row)
        with self.assertRaises(AccessError):
            record.with_user(self.anna).action_apply()
        record.with_user(self.administrator).action_apply()
        with self.assertRaisesRegex(UserError, "applied once"):
            record.action_apply()

    def test_the_empty_file_has_headings_that_are_read(self):
        content = self.Import.with_user(self.supervisor)._template("contacts")
        record = self._list(content, kind="contacts", user=self.supervisor)
        with self.assertRaisesRegex(UserError, "has headings but no rows"):
            record.action_check()

    def test_the_number_of_statements_does_not_grow_with_the_list(self):
        counts = []
        for size in (5, 60):
            customers = self.env["res.partner"].create(
                [{"name": f"Growing {size} {number}", "is_company": True} for number in range(size)]
            )
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            record = self._contacts(
                *(
                    [
                        f"{NOW - timedelta(minutes=90):%d.%m.%Y %H:%M}",
                        customer.name,
                        None,
                        "Anna",
                        None,
                        None,
                        "Said",
                        n,
                    ]
                    for n, customer in enumerate(customers, start=1000 * size)
                )
            )
            record.action_apply()
            counts.append(self.env.cr.sql_log_count - before)
            self.assertEqual(self.Contact.search_count([("partner_id", "in", customers.ids)]), size)
        self.assertLessEqual(counts[1], counts[0] + 3)
