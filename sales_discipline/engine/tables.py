"""Reading other people's tables: XLSX and CSV as they really come.

Any encoding that Russian programs write, any separator, headings in Russian or English below a title, dates and sums as
text, formulas. Nothing is guessed silently: what can be read in two ways is refused with a reason.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation

from .matching import normal_text

#: the row of headings stands among the first so many rows
HEADING_ROWS = 30
#: no table has more rows than this
MOST_ROWS = 1_000_000
#: an unpacked workbook is not larger than this; a bomb is
MOST_BYTES = 2_000_000_000

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "янв января январь jan january",
            "фев февраля февраль feb february",
            "мар марта март mar march",
            "апр апреля апрель apr april",
            "мая май may",
            "июн июня июнь jun june",
            "июл июля июль jul july",
            "авг августа август aug august",
            "сен сент сентября сентябрь sep sept september",
            "окт октября октябрь oct october",
            "ноя нояб ноября ноябрь nov november",
            "дек декабря декабрь dec december",
        ),
        start=1,
    )
    for name in names.split()
}


class TableError(ValueError):
    """A file or a cell that cannot be read. ``code`` says why, ``details`` what to name in the sentence."""

    def __init__(self, code: str, **details: object):
        super().__init__(code, details)
        self.code = code
        self.details = details


@dataclass(frozen=True, slots=True)
class Formula:
    """A cell with a formula: its value is not known here."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its headings. ``rows`` yields (row number as people count, cells); ``size`` is about how many."""

    headings: list[str]
    columns: dict[str, int]
    rows: Iterator[tuple[int, list]]
    size: int


def read_table(content: bytes, file_name: str, synonyms: Mapping[str, Sequence[str]], needed: Sequence) -> Table:
    """Open a table and find its headings.

    :param content: the file
    :param file_name: its name; what it really is decides, not its ending
    :param synonyms: {field: headings that mean it}; compared without case, quotes and punctuation
    :param needed: fields without which the table says nothing; a tuple of fields means one of them
    :raise TableError: ``empty``, ``format`` (neither XLSX nor CSV), ``old`` (XLS), ``broken``, ``headings`` (none of
        the first rows has a heading that is known) or ``missing`` (with ``fields`` and the ``headings`` found)
    """
    if not content.strip():
        raise TableError("empty")
    if content[:4] == b"PK\x03\x04":
        rows, size = _xlsx_rows(content)
    elif content[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise TableError("old")
    elif content[:5] == b"%PDF-" or b"\x00\x00\x00" in content[:200]:
        raise TableError("format")
    else:
        rows, size = _csv_rows(content)
    known = {_heading(text): field for field, texts in synonyms.items() for text in texts}
    rows = iter(rows)
    best = None
    seen = []
    for number, cells in rows:
        seen.append((number, cells))
        columns = {}
        for index, cell in enumerate(cells):
            name = known.get(_heading(cell))
            if name and name not in columns:
                columns[name] = index
        if columns and (best is None or len(columns) > len(best[2])):
            best = (len(seen), cells, columns)
        if len(seen) >= HEADING_ROWS or (best and not _missing(best[2], needed)):
            break
    if not seen or not any(cells for _number, cells in seen):
        raise TableError("empty")
    if best is None:
        raise TableError("headings", headings=_names(seen[0][1]))
    position, cells, columns = best
    missing = _missing(columns, needed)
    if missing:
        raise TableError("missing", fields=missing, headings=_names(cells))
    pending = seen[position:]

    def following():
        for number, values in pending:
            if any(value not in (None, "") for value in values):
                yield number, values
        for number, values in rows:
            if any(value not in (None, "") for value in values):
                yield number, values

    return Table([_text(cell) for cell in cells], columns, following(), max(size - position, 0))


def _missing(columns, needed):
    missing = []
    for want in needed:
        choice = want if isinstance(want, tuple) else (want,)
        if not any(name in columns for name in choice):
            missing.append(choice)
    return missing


def _names(cells):
    return [_text(cell) for cell in cells if _text(cell)][:12]


def _text(cell):
    return " ".join(str(cell).split()) if cell is not None else ""


def _heading(cell):
    return normal_text(cell)


def _xlsx_rows(content):
    import openpyxl

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(part.file_size for part in packed.infolist()) > MOST_BYTES:
                raise TableError("large")
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=False)
        sheet = next((one for one in book.worksheets if one.sheet_state == "visible"), None)
        if sheet is None:
            raise TableError("empty")
        size = sheet.max_row or 0
    except TableError:
        raise
    except Exception as error:
        raise TableError("broken") from error
    # some programs write a wrong size; the rows themselves are right
    sheet.reset_dimensions()

    def rows():
        try:
            for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
                if number > MOST_ROWS:
                    raise TableError("large")
                yield number, [_cell(value) for value in values]
        except TableError:
            raise
        except Exception as error:
            raise TableError("broken") from error

    return rows(), size


def _cell(value):
    """Return a cell's value as the rest of the program knows it."""
    if value is None or type(value) is float or type(value) is int:
        return value
    if isinstance(value, str):
        text = value.strip()
        return Formula(text) if text[:1] == "=" and len(text) > 1 else text
    if isinstance(value, datetime | date | time | bool | float | int):
        return value
    # array formulas and data tables are objects of their own
    return Formula(str(getattr(value, "text", None) or "="))


def _csv_rows(content):
    text = decode(content)
    if "\x00" in text:
        raise TableError("format")
    lines = text.splitlines()
    if len(lines) > MOST_ROWS:
        raise TableError("large")
    sample = [line for line in lines[:HEADING_ROWS] if line.strip()]
    separator = max(";\t,|", key=lambda sign: (max((line.count(sign) for line in sample), default=0), sign == ";"))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)

    def rows():
        number = 1
        try:
            for values in reader:
                yield number, [_cell(value) if value.strip() else None for value in values]
                number = reader.line_num + 1
        except csv.Error as error:
            raise TableError("broken") from error

    return rows(), len(lines)


def decode(content: bytes) -> str:
    """Return the text of a file in UTF-8, UTF-16 or one of the Russian single-byte encodings.

    A file that is no UTF is Windows-1251, DOS 866 or KOI8-R: whichever gives the most small Russian letters, which
    is what most letters of a text are.
    """
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    with suppress(UnicodeDecodeError):
        return content.decode("utf-8-sig")
    sample = content[:200_000]
    encoding = max(("cp1251", "cp866", "koi8-r"), key=lambda name: _russian(sample.decode(name, errors="replace")))
    return content.decode(encoding, errors="replace")


def _russian(text):
    small = sum("а" <= sign <= "я" or sign == "ё" for sign in text)
    strange = sum(sign in "�" or "\u2500" <= sign <= "\u25ff" for sign in text)
    capitals_inside = len(re.findall(r"[а-яё][А-ЯЁ]", text))
    return small - 5 * strange - 3 * capitals_inside


def parse_date(value: object) -> date:
    """Return the day that a cell means: a date, a spreadsheet's day number, 31.03.2025, 2025-03-31, 31 марта 2025 г.

    :raise TableError: ``no_date``
    """
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _serial(value)
        return _written(str(value or ""))
    except (ValueError, OverflowError) as error:
        raise TableError("no_date", value=value) from error


def _serial(value):
    """Return the day of a spreadsheet's day number; those of the last and the next decades only."""
    if not 20_000 <= value < 80_000:
        raise ValueError(value)
    return date(1899, 12, 30) + timedelta(days=int(value))


def _written(text):
    plain = " ".join(text.replace("\u00a0", " ").split()).casefold()
    found = re.match(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:$|[t ])", plain)
    if found:
        return date(int(found[1]), int(found[2]), int(found[3]))
    found = re.match(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4}|\d{2})(?:\s*г\.?)?(?:$|[ ,])", plain)
    if found:
        return date(_year(found[3]), int(found[2]), int(found[1]))
    found = re.match(r"(\d{1,2})[ -.]+([a-zа-я]+)\.?[ -.,]+(\d{4}|\d{2})(?:\s*г(?:ода|\.)?)?(?:$|[ ,])", plain)
    if found and found[2] in MONTHS:
        return date(_year(found[3]), MONTHS[found[2]], int(found[1]))
    found = re.fullmatch(r"(\d{5})(?:[.,]\d+)?", plain)
    if found:
        return _serial(int(found[1]))
    found = re.fullmatch(r"(\d{4})(\d{2})(\d{2})(?:\d{6})?", plain)
    if found:
        return date(int(found[1]), int(found[2]), int(found[3]))
    raise ValueError(text)


def parse_time(value: object) -> time | None:
    """Return the time of day that a cell tells: of a day with its time, 14:05, 14:05:30, 2:05 PM; None where none.

    Midnight is the day alone: spreadsheets and other programs write it behind every day.

    :raise TableError: ``no_time``
    """
    if isinstance(value, datetime):
        value = value.time()
    if value is None or isinstance(value, date):
        return None
    if isinstance(value, time):
        told = value.replace(microsecond=0, tzinfo=None)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        # the fraction of a day behind a spreadsheet's day number
        told = (datetime(2000, 1, 1) + timedelta(seconds=round((value % 1) * 86_400))).time()
    else:
        told = _written_time(str(value).strip())
    return told if told != time(0) else None


def _written_time(text):
    found = re.search(r"(?:^|[ tT,\u00a0])(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?\s*([aApP][mM])?$", text)
    if not found:
        if ":" in text:
            raise TableError("no_time", value=text)
        return time(0)
    hour = int(found[1])
    if found[4]:
        hour = hour % 12 + (12 if found[4].lower() == "pm" else 0)
    try:
        return time(hour, int(found[2]), int(found[3] or 0))
    except ValueError as error:
        raise TableError("no_time", value=text) from error


def parse_month(value: object, year: int) -> date:
    """Return the first day of the month that a cell means: a day of it, 03.2026, 2026-03, март 2026 г., March, Mar 26.

    :param year: of a month that is named without one
    :raise TableError: ``no_month``
    """
    if isinstance(value, date):
        return date(value.year, value.month, 1)
    plain = " ".join(str(value if value is not None else "").replace("\u00a0", " ").split()).casefold()
    try:
        found = re.match(r"(\d{4})[-./](\d{1,2})(?:$|[-./ ])", plain)
        if found:
            return date(int(found[1]), int(found[2]), 1)
        found = re.fullmatch(r"(\d{1,2})[-./](\d{4}|\d{2})(?:\s*г\.?)?", plain)
        if found:
            return date(_year(found[2]), int(found[1]), 1)
        found = re.fullmatch(r"([a-zа-я]+)\.?(?:[ ,'.-]+(\d{4}|\d{2}))?(?:\s*г(?:ода|\.)?)?", plain)
        if found and found[1] in MONTHS:
            return date(_year(found[2]) if found[2] else year, MONTHS[found[1]], 1)
        day = _written(plain)
        return date(day.year, day.month, 1)
    except (ValueError, OverflowError) as error:
        raise TableError("no_month", value=value) from error


def _year(text):
    return int(text) + (2000 if len(text) == 2 else 0)


def parse_sum(value: object) -> Decimal:
    """Return the exact sum that a cell means: 1 234,56, 1,234.56, 1.234,56, (100), −5 руб.

    :raise TableError: ``no_sum``, or ``two_ways`` for "1,234", which is one and a fraction or a thousand
    """
    if isinstance(value, bool):
        raise TableError("no_sum", value=value)
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, float):
        # a spreadsheet's 0.1 + 0.2: what a person sees is fifteen digits at most
        return Decimal(f"{value:.15g}")
    text = str(value or "").strip()
    plain = re.sub(r"[\s\u00a0\u202f\u2009'’`]", "", text).replace("−", "-").replace("–", "-")
    plain = re.sub(r"(?i)(руб\.?|р\.|rub|₽|usd|\$|eur|€|kzt|₸|тг\.?)", "", plain)
    negative = plain[:1] == "-" or plain[-1:] == "-" or (plain[:1] == "(" and plain[-1:] == ")")
    plain = plain.strip("()-+")
    if not re.fullmatch(r"\d[\d.,]*|[.,]\d+", plain):
        raise TableError("no_sum", value=text)
    if "," in plain and "." in plain:
        fraction = "," if plain.rfind(",") > plain.rfind(".") else "."
        thousands = "." if fraction == "," else ","
        if plain.count(fraction) > 1 or not re.fullmatch(rf"\d{{1,3}}(\{thousands}\d{{3}})+\{fraction}\d*", plain):
            raise TableError("no_sum", value=text)
        plain = plain.replace(thousands, "").replace(fraction, ".")
    elif re.fullmatch(r"\d{1,3}([.,])\d{3}(\1\d{3})+", plain):
        plain = re.sub(r"[.,]", "", plain)
    elif re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", plain):
        raise TableError("two_ways", value=text)
    elif plain.count(",") + plain.count(".") > 1:
        raise TableError("no_sum", value=text)
    else:
        plain = plain.replace(",", ".")
    try:
        amount = Decimal(plain)
    except InvalidOperation as error:
        raise TableError("no_sum", value=text) from error
    return -amount if negative else amount
