"""Sets of values and rows in SQL: whatever is sent comes back, in its order."""

from datetime import date, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from odoo.tests import tagged
from odoo.tests.common import TransactionCase
from odoo.tools import SQL

from ..models.sets import among, array, unnested

INTS = st.integers(-(2**31), 2**31 - 1)
# PostgreSQL keeps every character but this one
TEXTS = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)))


@tagged("post_install", "-at_install")
class TestSets(TransactionCase):
    def _back(self, values, kind):
        query = SQL("SELECT x FROM unnest(%s) WITH ORDINALITY AS t(x, place) ORDER BY place", array(values, kind))
        return [row[0] for row in self.env.execute_query(query)]

    @given(st.lists(st.none() | INTS))
    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    def test_numbers(self, values):
        self.assertEqual(self._back(values, "int"), values)

    @given(st.lists(st.none() | TEXTS))
    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    def test_texts(self, values):
        self.assertEqual(self._back(values, "text"), values)

    def test_texts_that_mean_something_to_postgresql_or_json(self):
        values = ["NULL", "", "{}", '"', "\\", "a,b", " a ", "a\nb\tc", "%s", "{1,2}", "'", None, "\\n", "é\u2028"]
        self.assertEqual(self._back(values, "varchar"), values)

    @given(
        st.lists(st.none() | st.dates(date(1900, 1, 1), date(2100, 1, 1))),
        st.lists(st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))),
        st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False)),
        st.lists(st.none() | st.booleans()),
    )
    @settings(max_examples=50, deadline=None, derandomize=True, database=None)
    def test_days_moments_fractions_and_truth(self, days, moments, fractions, truths):
        self.assertEqual(self._back(days, "date"), days)
        self.assertEqual(self._back(moments, "timestamp"), moments)
        self.assertEqual(self._back(fractions, "float8"), fractions)
        self.assertEqual(self._back(truths, "bool"), truths)

    def test_rows_of_dicts_and_of_tuples_are_the_same_table(self):
        kinds = {"id": "int", "name": "varchar", "day": "date"}
        rows = [(1, "one", date(2025, 3, 1)), (2, None, None), (3, 'th"ree', date(2025, 3, 3))]
        told = [dict(zip(kinds, rows[0], strict=True)), {"id": 2}, dict(zip(kinds, rows[2], strict=True))]
        for sent in (rows, told):
            query = SQL("SELECT id, name, day FROM %s ORDER BY position", unnested(sent, kinds, "n", numbered=True))
            self.assertEqual(self.env.execute_query(query), rows)
        query = SQL("SELECT count(*) FROM %s", unnested([], kinds, "n"))
        self.assertEqual(self.env.execute_query(query), [(0,)])

    def test_a_range_and_its_numbers_choose_the_same(self):
        for customers in (range(3, 7), [3, 4, 5, 6], {6, 5, 4, 3}):
            query = SQL("SELECT t.x FROM generate_series(1, 9) AS t(x) WHERE %s ORDER BY 1", among("t.x", customers))
            self.assertEqual([row[0] for row in self.env.execute_query(query)], [3, 4, 5, 6])
