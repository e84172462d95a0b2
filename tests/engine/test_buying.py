from datetime import date, timedelta
from decimal import Decimal

from engine.buying import stopped, usual_interval, variation
from hypothesis import given
from hypothesis import strategies as st

FIRST = date(2025, 1, 1)


def days(*offsets):
    return [FIRST + timedelta(days=offset) for offset in offsets]


def test_the_usual_interval_is_the_median_and_needs_three_days():
    assert usual_interval(days(0, 10, 40)) == 20
    assert usual_interval(days(0, 10, 40, 50)) == 10
    assert usual_interval(days(0, 0, 10)) is None
    assert usual_interval([]) is None


def test_silence_begins_after_one_and_a_half_intervals():
    bought = days(0, 10, 20)
    assert stopped(bought, FIRST + timedelta(days=35), Decimal(1), Decimal(0)) is None
    assert stopped(bought, FIRST + timedelta(days=36), Decimal(1), Decimal(0)) == "silent"


def test_thirty_percent_below_a_usual_quarter_is_down():
    assert stopped(days(0), FIRST, Decimal(70), Decimal(100)) is None
    assert stopped(days(0), FIRST, Decimal("69.99"), Decimal(100)) == "down"
    assert stopped([], FIRST, Decimal(0), Decimal(0)) is None


def test_variation_of_even_and_uneven_months():
    assert variation([10] * 12) == 0
    assert round(variation([20, 0]), 6) == 100
    assert variation([0, 0]) is None
    assert variation([5, -5]) is None


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=24), st.integers(1, 50))
def test_variation_does_not_depend_on_the_currency(months, factor):
    before, after = variation(months), variation([month * factor for month in months])
    assert (before is None) == (after is None)
    assert before is None or abs(before - after) < 1e-9
