"""Sets of records and rows in SQL, written so that a hundred thousand of them are sent and understood in no time."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence

from odoo.tools import SQL

#: what an array of each type is called
ARRAYS = {
    "bool": SQL("bool[]"),
    "date": SQL("date[]"),
    "float8": SQL("float8[]"),
    "int": SQL("int[]"),
    "jsonb": SQL("jsonb[]"),
    "numeric": SQL("numeric[]"),
    "text": SQL("text[]"),
    "timestamp": SQL("timestamp[]"),
    "varchar": SQL("varchar[]"),
}


def among(column: str, customers: Collection[int]) -> SQL:
    """Return SQL that is true where ``column`` is one of these customers.

    :param column: of a table in the statement, as "a.customer_ref"
    :param customers: ids, or a ``range`` that stands for every customer in it
    """
    name = SQL.identifier(*column.split("."))
    if isinstance(customers, range):
        return SQL("%s BETWEEN %s AND %s", name, customers[0], customers[-1])
    return SQL("%s = ANY(%s)", name, array(customers, "int"))


def array(values: Iterable, kind: str) -> SQL:
    """Return an array of PostgreSQL as one constant: a list of as many expressions takes it ten times as long to read.

    :param values: numbers, texts, dates, moments, booleans, None
    :param kind: the type of an element, a key of :data:`ARRAYS`
    """
    values = list(values)
    # of numbers, JSON says the same between its brackets, and faster
    plain = all(type(value) is int for value in values)
    text = json.dumps(values)[1:-1] if plain else ",".join(map(_element, values))
    return SQL("%s::%s", "{" + text + "}", ARRAYS[kind])


def _element(value) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    # a moment has a blank in it
    return f'"{value}"'


def unnested(rows: Sequence[Mapping | tuple], kinds: Mapping[str, str], alias: str, *, numbered: bool = False) -> SQL:
    """Return rows as a table of a statement.

    :param rows: dicts, where what a row does not name is NULL; or tuples in the order of the columns
    :param kinds: the columns, with their types
    :param alias: name of the table
    :param numbered: whether there is a column ``position`` behind the others: 1 for the first row, and so on
    """
    if rows and isinstance(rows[0], tuple):
        columns = zip(*rows, strict=True)
    else:
        columns = ([row.get(name) for row in rows] for name in kinds)
    return SQL(
        "unnest(%s)%s AS %s(%s)",
        SQL(", ").join(array(column, kind) for column, kind in zip(columns, kinds.values(), strict=True)),
        SQL(" WITH ORDINALITY") if numbered else SQL(),
        SQL.identifier(alias),
        SQL(", ").join(map(SQL.identifier, [*kinds, *(["position"] if numbered else [])])),
    )
