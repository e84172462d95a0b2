import random
from collections import Counter

import pytest
from engine.forecast import (
    Deal,
    brier,
    calibration,
    distribution_quantile,
    expected,
    pipeline_change,
    quantiles,
    quantiles_beside,
    simulate,
    sum_distribution,
    won_count_distribution,
)
from hypothesis import given
from hypothesis import strategies as st

probabilities = st.lists(st.floats(0, 1), max_size=12)
deals = st.lists(st.builds(Deal, st.integers(0, 1000).map(float), st.floats(0, 1)), max_size=10)


def test_the_number_of_deals_won_has_its_exact_distribution():
    assert won_count_distribution([0.5, 0.5]) == [0.25, 0.5, 0.25]
    assert won_count_distribution([0.9, 0.2]) == pytest.approx([0.08, 0.74, 0.18])
    assert won_count_distribution([]) == [1.0]


@given(probabilities)
def test_the_distribution_adds_up_and_its_mean_is_the_sum_of_probabilities(chances):
    distribution = won_count_distribution(chances)
    assert sum(distribution) == pytest.approx(1)
    assert sum(count * chance for count, chance in enumerate(distribution)) == pytest.approx(sum(chances))


@given(deals)
def test_the_expected_sum_is_the_mean_of_the_exact_distribution(rows):
    assert sum(total * chance for total, chance in sum_distribution(rows).items()) == pytest.approx(expected(rows))


def test_more_deals_than_can_be_enumerated_are_refused():
    with pytest.raises(ValueError):
        sum_distribution([Deal(1.0, 0.5)] * 21)


@pytest.mark.parametrize("seed", range(4))
def test_the_simulation_finds_every_sum_as_often_as_the_exact_distribution(seed):
    generator = random.Random(seed)
    rows = [Deal(float(2**number), 0.05 + 0.9 * generator.random()) for number in range(6)]
    runs = 20_000
    totals = Counter(simulate(rows, runs))
    for total, chance in sum_distribution(rows).items():
        assert abs(totals[total] / runs - chance) < 5 * (chance * (1 - chance) / runs) ** 0.5 + 1 / runs


def test_simulated_quantiles_equal_those_of_the_exact_poisson_binomial():
    generator = random.Random(3)
    rows = [Deal(1.0, generator.random()) for _number in range(40)]
    exact = dict(enumerate(won_count_distribution(deal.probability for deal in rows)))
    for share, came in zip((0.1, 0.5, 0.9), quantiles(rows, runs=20_000), strict=True):
        assert abs(came - distribution_quantile(exact, share)) <= 1


def test_the_same_deals_in_any_order_give_the_same_forecast():
    rows = [Deal(100.0, 0.3), Deal(70.0, 0.8), Deal(500.0, 0.05)]
    assert quantiles(rows) == quantiles(rows[::-1])
    assert simulate(rows, seed=1) != simulate(rows, seed=2)


def test_certain_deals_come_and_impossible_ones_do_not():
    assert quantiles([Deal(100.0, 1.0), Deal(50.0, 0.0)]) == (100.0, 100.0, 100.0)
    assert quantiles([]) == (0.0, 0.0, 0.0)


@given(deals)
def test_the_careful_figure_is_not_above_the_hopeful_one(rows):
    low, middle, high = quantiles(rows, runs=200)
    assert 0 <= low <= middle <= high <= sum(deal.amount for deal in rows) + 1e-6


def test_a_forecast_that_was_right_has_the_better_score():
    assert brier([(1.0, True), (0.0, False)]) == 0
    assert brier([(0.5, True), (0.5, False)]) == 0.25
    assert brier([]) is None


def test_calibration_shows_what_became_of_deals_foretold_alike():
    pairs = [(0.15, False)] * 8 + [(0.15, True)] * 2 + [(1.0, True)] * 3
    low, high = calibration(pairs)
    assert (low.count, low.came, high.count, high.foretold) == (10, 0.2, 3, 1.0)
    assert low.foretold == pytest.approx(0.15)
    assert low.low < 0.15 < low.high


amounts = st.dictionaries(st.integers(1, 12), st.integers(0, 100), max_size=12)


endings = st.dictionaries(
    st.integers(1, 12), st.tuples(st.sampled_from(["won", "lost", "removed"]), st.integers(0, 100))
)


@given(amounts, amounts, endings)
def test_what_changed_in_the_pipeline_adds_up(before, after, ends):
    parts = pipeline_change(before, after, ends)
    assert parts["end"] == sum(value for name, value in parts.items() if name != "end")


def test_a_deal_that_left_without_an_end_was_removed():
    parts = pipeline_change({1: 10, 2: 5, 3: 7}, {1: 14, 4: 2}, {2: ("won", 6), 5: ("lost", 3)})
    assert parts == {
        "start": 22, "new": 5, "grown": 5, "shrunk": 0, "won": -6, "lost": -3, "removed": -7, "end": 16,
    }  # fmt: skip


def test_many_small_deals_beside_a_few_large_ones_spread_as_if_all_were_drawn():
    generator = random.Random(5)
    rows = sorted(
        (Deal(generator.random() ** 3 * 100, generator.random()) for _ in range(400)), key=lambda d: -d.amount
    )
    large, small = rows[:40], rows[40:]
    mean = expected(small)
    variance = sum(deal.amount**2 * deal.probability * (1 - deal.probability) for deal in small)
    for whole, part in zip(quantiles(rows, runs=8000), quantiles_beside(large, mean, variance, runs=8000), strict=True):
        assert part == pytest.approx(whole, rel=0.02)
