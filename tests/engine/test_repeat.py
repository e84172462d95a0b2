from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from engine.repeat import BEFORE_WIN, PRIOR, Habit, beyond_deals, due, expected, habit, lateness, shares
from hypothesis import given
from hypothesis import strategies as st

FIRST = date(2025, 1, 1)


def day(number):
    return FIRST + timedelta(days=number)


def sums(**days):
    return {day(int(name[1:])): Decimal(amount) for name, amount in days.items()}


def test_a_won_deal_is_met_by_what_is_bought_from_two_weeks_before_its_day_on():
    bought = sums(d0=100, d10=100, d20=100, d30=100)
    assert beyond_deals(bought) == bought
    assert beyond_deals(bought, sums(d24=150)) == sums(d0=100, d20=50, d30=100)
    assert beyond_deals(bought, sums(d45=500)) == bought


def test_a_return_takes_as_much_off_what_follows():
    assert beyond_deals(sums(d0=100, d5=-30, d10=100)) == sums(d0=100, d10=70)


@given(
    st.dictionaries(st.integers(0, 60), st.integers(-50, 100), max_size=15),
    st.dictionaries(st.integers(0, 60), st.integers(1, 200), max_size=5),
)
def test_nothing_is_counted_twice(bought, dealt):
    bought, dealt = ({day(key): Decimal(value) for key, value in side.items()} for side in (bought, dealt))
    beyond = beyond_deals(bought, dealt)
    # the first hit of a walk against a barrier: whatever is beyond is bought, and deals are never paid by it
    assert all(amount > 0 and amount <= bought.get(key, 0) for key, amount in beyond.items())
    for until in range(61):
        so_far = sum((amount for key, amount in bought.items() if key <= day(until)), Decimal(0))
        owed = sum((amount for key, amount in dealt.items() if key <= day(until + BEFORE_WIN)), Decimal(0))
        assert sum((amount for key, amount in beyond.items() if key <= day(until)), Decimal(0)) >= so_far - owed
    if not dealt and all(amount >= 0 for amount in bought.values()):
        assert sum(beyond.values()) == sum(bought.values())


def test_a_habit_needs_three_purchases_in_the_year_up_to_the_last():
    assert habit(sums(d0=10, d10=20), day(20)) is None
    assert habit(sums(d0=10, d10=20, d40=60), day(50)) == Habit(20.0, Decimal(30), day(40))
    assert habit(sums(d0=10, d10=20, d40=60), day(40)) is None, "what is bought today is not known this morning"
    assert habit(sums(d0=10, d400=20, d410=60, d440=10), day(441)).interval == 20
    assert habit(sums(d0=10, d10=20, d40=60), day(405)) is None, "nothing for a year"


def test_purchases_are_spread_evenly_from_half_an_interval_on():
    buys = Habit(30.0, Decimal(100), day(0))
    assert due(buys, day(0), day(15)) == 0
    assert due(buys, day(15), day(45)) == 1
    assert due(buys, day(10), day(45)) == 1
    assert due(buys, day(60), day(75)) == 0.5
    assert due(buys, day(20), day(20)) == 0


@given(st.integers(1, 200), st.lists(st.integers(0, 500), min_size=2, max_size=6))
def test_months_add_up_to_the_whole(interval, bounds):
    buys = Habit(float(interval), Decimal(1), day(0))
    bounds = sorted(bounds)
    parts = sum(due(buys, day(a), day(b)) for a, b in pairwise(bounds))
    assert parts == pytest.approx(due(buys, day(bounds[0]), day(bounds[-1])))


def test_who_is_late_is_expected_for_less_and_a_company_s_own_months_teach_how_much():
    buys = Habit(10.0, Decimal(100), day(0))
    assert [lateness(buys, day(number)) for number in (5, 9, 10, 15, 20, 30, 60)] == [0, 0, 1, 2, 3, 4, 5]
    assert shares([]) == PRIOR
    taught = shares([(0, 9950, 4975), (1, 0, 0)])
    assert taught[0] == pytest.approx(0.5025)
    assert taught[1:] == PRIOR[1:]
    months = [day(0), day(31), day(59)]
    assert expected(buys, day(9), months) == [pytest.approx(220), pytest.approx(280)]
    assert expected(buys, day(20), months) == [pytest.approx(0.5 * 110), pytest.approx(0.5 * 280)]
