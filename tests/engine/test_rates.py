import random

import pytest
from engine.rates import AGES, HORIZONS, Cell, Rates, age_index
from hypothesis import given
from hypothesis import strategies as st


def cell(ended=100, won=40, by=(5, 10, 20, 30, 35, 40, 40, 40, 40, 40), old=100):
    return Cell(ended, won, (old,) * len(HORIZONS), by)


@st.composite
def cells(draw):
    """A history as it can be: whatever was won within a time was watched for that time."""
    result = {}
    for key in draw(st.sets(st.tuples(st.integers(1, 3), st.integers(0, len(AGES) - 1)), max_size=8)):
        ended = draw(st.integers(0, 50))
        won = draw(st.integers(0, ended))
        old = sorted((draw(st.integers(0, ended + 20)) for _ in HORIZONS), reverse=True)
        by = [min(watched, draw(st.integers(0, won))) for watched in old]
        result[key] = Cell(ended, won, tuple(old), tuple(by))
    return result


def test_a_deal_has_the_chance_of_those_that_stood_where_it_stands():
    rates = Rates({(1, 0): cell(), (2, 0): cell(won=90, by=(90,) * 10)})
    assert rates.chance(1, 0) == pytest.approx((40 + 10 * ((40 + 10 * 0.65) / 110)) / 110)
    assert rates.chance(1, 0) < 0.5 < rates.chance(2, 0)


def test_without_history_nothing_is_foretold():
    assert Rates({}).chance(1, 0) == 0
    assert Rates({}).between(1, 0, (0, 30, 60)) == [0, 0]


def test_a_stage_that_is_new_has_the_chance_of_all_deals():
    rates = Rates({(1, 0): cell(), (2, 0): cell(won=80)})
    assert rates.chance(99, 3) == pytest.approx(0.6)


def test_few_deals_say_little():
    rates = Rates({(1, 0): cell(), (1, 4): Cell(1, 1, (1,) * 10, (1,) * 10)})
    assert 0.4 < rates.chance(1, 4) < 0.6


@given(cells(), st.integers(0, 4), st.integers(0, len(AGES) - 1), st.lists(st.integers(1, 90), min_size=1, max_size=8))
def test_months_add_up_to_no_more_than_the_chance_to_be_won_at_all(history, stage, age, steps):
    rates = Rates(history)
    bounds = [0]
    for step in steps:
        bounds.append(bounds[-1] + step)
    months = rates.between(stage, age, bounds)
    assert all(0 <= chance <= 1 for chance in months)
    assert sum(months) <= rates.chance(stage, age) + 1e-9


@given(cells())
def test_rates_survive_being_written_down(history):
    rates = Rates.from_json(Rates(history).to_json())
    assert rates.cells == history


def test_a_month_cut_in_two_has_the_same_chance():
    rates = Rates({(1, 0): cell()})
    [whole] = rates.between(1, 0, (0, 45))
    assert sum(rates.between(1, 0, (0, 10, 45))) == pytest.approx(whole)


def test_a_simulated_history_gives_its_own_chances_back():
    generator = random.Random(4)
    won = sum(generator.random() < 0.3 for _ in range(20_000))
    rates = Rates({(1, 0): Cell(20_000, won, (20_000,) * 10, (won,) * 10)})
    assert rates.chance(1, 0) == pytest.approx(0.3, abs=0.01)
    assert rates.between(1, 0, (0, 15)) == [pytest.approx(0.3, abs=0.01)]


def test_the_age_of_a_deal_is_the_last_one_it_has_reached():
    assert [age_index(days) for days in (0, 14, 15, 31, 1000)] == [0, 0, 1, 2, len(AGES) - 1]
