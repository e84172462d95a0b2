import contextlib
import io
from datetime import date, datetime, time
from decimal import Decimal

import openpyxl
import pytest
from engine.tables import Formula, TableError, decode, parse_date, parse_month, parse_sum, parse_time, read_table
from hypothesis import given
from hypothesis import strategies as st

SYNONYMS = {"customer": ["Клиент", "Customer"], "manager": ["Менеджер", "Ответственный"], "vat": ["ИНН"]}
NEEDED = [("customer", "vat"), "manager"]


def read(content, name="file", needed=NEEDED):
    table = read_table(content, name, SYNONYMS, needed)
    return table, list(table.rows)


def xlsx(*rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251", "cp866", "koi8-r"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_any_encoding_and_separator(encoding, separator):
    text = f"Клиент{separator}Менеджер\nООО «Ромашка»{separator}Иванова Анна\n".replace("«", '"').replace("»", '"')
    text = text.replace('"Ромашка"', "Ромашка")
    table, rows = read(text.encode(encoding))
    assert table.columns == {"customer": 0, "manager": 1}
    assert rows == [(2, ["ООО Ромашка", "Иванова Анна"])]


def test_headings_below_a_title_and_numbers_as_people_count_rows():
    content = xlsx(
        ["Отчёт за март"], [], ["№", "КЛИЕНТ:", "Ответственный "], [1, "Ромашка", "Анна"], [], [2, "Лютик", "Борис"]
    )
    table, rows = read(content)
    assert table.columns == {"customer": 1, "manager": 2}
    assert [number for number, _cells in rows] == [4, 6]


def test_a_formula_is_no_value():
    _table, rows = read(xlsx(["Клиент", "Менеджер"], ["=A5", "Анна"]))
    assert rows == [(2, [Formula("=A5"), "Анна"])]
    _table, rows = read("Клиент;Менеджер\n=1+1;Анна\n".encode())
    assert isinstance(rows[0][1][0], Formula)


def test_cells_of_several_lines_keep_the_row_numbers():
    _table, rows = read('Клиент;Менеджер\n"Ромашка\nи Ко";Анна\nЛютик;Анна\n'.encode())
    assert [number for number, _cells in rows] == [2, 4]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"  \n ", "empty"),
        (b"%PDF-1.4 something", "format"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", "old"),
        (b"PK\x03\x04 not a workbook", "broken"),
        ("Город;Улица\nТверь;Садовая\n".encode(), "headings"),
        ("Клиент;Город\nРомашка;Тверь\n".encode(), "missing"),
    ],
)
def test_files_that_say_nothing_are_refused_with_a_reason(content, code):
    with pytest.raises(TableError) as caught:
        read(content)
    assert caught.value.code == code


def test_what_is_missing_is_named():
    with pytest.raises(TableError) as caught:
        read("Менеджер;Город\nАнна;Тверь\n".encode())
    assert caught.value.details == {"fields": [("customer", "vat")], "headings": ["Менеджер", "Город"]}


def test_a_table_of_headings_alone_has_no_rows():
    _table, rows = read("Клиент;Менеджер\n".encode())
    assert rows == []


@pytest.mark.parametrize(
    "value",
    [
        date(2025, 3, 31),
        datetime(2025, 3, 31, 23, 59),
        45747,
        45747.75,
        "45747",
        "31.03.2025",
        "31.3.25",
        "31/03/2025",
        "31.03.2025 10:15:00",
        "2025-03-31",
        "2025-03-31T10:15:00",
        "20250331",
        "20250331101500",
        "31 марта 2025 г.",
        "31 мар 2025",
        "31 March 2025",
    ],
)
def test_a_day_however_it_is_written(value):
    assert parse_date(value) == date(2025, 3, 31)


@pytest.mark.parametrize("value", ["", None, "вчера", "31.02.2025", "13/25/2025", 12, True, "2025"])
def test_what_is_no_day_is_refused(value):
    with pytest.raises(TableError, match="no_date"):
        parse_date(value)


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("1 234,56", "1234.56"),
        ("1\u00a0234,5", "1234.5"),
        ("1,234.56", "1234.56"),
        ("1.234.567,89", "1234567.89"),
        ("12 000 000", "12000000"),
        ("1,234,567", "1234567"),
        ("(100,00)", "-100"),
        ("−5 руб.", "-5"),
        ("100-", "-100"),
        ("1234.50 ₽", "1234.5"),
        ("0,500", "0.5"),
        (0.1 + 0.2, "0.3"),
        (1234, "1234"),
        (",5", "0.5"),
    ],
)
def test_a_sum_however_it_is_written(value, amount):
    assert parse_sum(value) == Decimal(amount)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("1,234", "two_ways"),
        ("1.234", "two_ways"),
        ("сто", "no_sum"),
        ("", "no_sum"),
        ("1,2,3", "no_sum"),
        (True, "no_sum"),
    ],
)
def test_what_is_no_sum_or_two_is_refused(value, code):
    with pytest.raises(TableError) as caught:
        parse_sum(value)
    assert caught.value.code == code


@given(
    st.text(alphabet="абвгдежзийклмнопрстуфхцчшщъыьэюя ", min_size=12), st.sampled_from(["cp1251", "cp866", "koi8-r"])
)
def test_russian_text_is_read_in_whatever_it_was_written(text, encoding):
    words = f"Клиент {text} менеджер ответственный"
    assert decode(words.encode(encoding)) == words


@given(st.binary(max_size=300))
def test_no_file_breaks_the_reader(content):
    with contextlib.suppress(TableError):
        read(content)


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("март", (2025, 3)),
        ("Март 2026 г.", (2026, 3)),
        ("мар. 26", (2026, 3)),
        ("March", (2025, 3)),
        ("Mar '26", (2026, 3)),
        ("03.2026", (2026, 3)),
        ("3/26", (2026, 3)),
        ("2026-03", (2026, 3)),
        ("2026-03-15 00:00:00", (2026, 3)),
        ("15.03.2026", (2026, 3)),
        (date(2026, 3, 15), (2026, 3)),
        (1.2026, (2026, 1)),
    ],
)
def test_months_as_people_head_columns_with_them(text, month):
    assert parse_month(text, 2025) == date(*month, 1)


@pytest.mark.parametrize("text", ["", None, "Итого", "13.2026", "Менеджер", "2026", "план", "1 000"])
def test_what_is_no_month_is_not_taken_for_one(text):
    with pytest.raises(TableError):
        parse_month(text, 2025)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2025, 3, 31, 14, 5, 6), time(14, 5, 6)),
        (datetime(2025, 3, 31), None),
        (date(2025, 3, 31), None),
        (time(8, 5), time(8, 5)),
        (45747.5, time(12)),
        (0.25, time(6)),
        (45747, None),
        ("31.03.2025 14:05", time(14, 5)),
        ("2025-03-31T14:05:30", time(14, 5, 30)),
        ("2025-03-31 00:00:00", None),
        ("8:05", time(8, 5)),
        ("2:05 PM", time(14, 5)),
        ("12:05 am", time(0, 5)),
        ("31.03.2025", None),
        ("31 марта 2025 г.", None),
        (None, None),
    ],
)
def test_times_of_day_as_people_and_spreadsheets_write_them(value, expected):
    assert parse_time(value) == expected


@pytest.mark.parametrize("value", ["25:00", "10:61", "14:05 uhr", "2025-03-31T14:05:30+03:00"])
def test_what_is_no_time_of_day_is_refused(value):
    with pytest.raises(TableError) as error:
        parse_time(value)
    assert error.value.code == "no_time"
