import json
import random
from pathlib import Path

import pytest
from engine.statistics import (
    around_median,
    cumulative_incidence,
    incidence_at,
    median_between,
    quantile,
    shrink,
    wilson,
)
from hypothesis import assume, example, given
from hypothesis import strategies as st

REFERENCE = json.loads((Path(__file__).parent / "reference/incidence.json").read_text())["cases"]


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # the values of Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_the_published_ones(successes, trials, low, high):
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_nothing_tried_has_no_interval():
    assert wilson(0, 0) is None


@given(st.integers(0, 500), st.integers(1, 500))
def test_the_interval_holds_the_share_and_stays_between_nothing_and_all(successes, trials):
    assume(successes <= trials)
    low, high = wilson(successes, trials)
    assert 0 <= low <= successes / trials <= high <= 1


def test_three_of_three_is_not_a_hundred_percent():
    groups = {number: (won, 100) for number, won in enumerate((10, 30, 50, 70, 20))}
    rates = shrink({**groups, "new": (3, 3)})
    assert 0.36 < rates["new"] < 0.9
    assert abs(rates[0] - 0.1) < 0.02, "many deals speak for themselves"


def test_groups_that_differ_only_by_chance_get_the_common_rate():
    assert shrink({"a": (50, 100), "b": (51, 100), "c": (49, 100)}) == pytest.approx({"a": 0.5, "b": 0.5, "c": 0.5})
    assert shrink({"a": (0, 0)}) == {"a": 0.0}
    assert shrink({"a": (3, 4)}) == {"a": 0.75}


@given(st.dictionaries(st.integers(), st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=8))
def test_a_drawn_rate_lies_between_the_group_s_own_and_the_common_one(groups):
    groups = {key: (min(pair), max(pair)) for key, pair in groups.items()}
    total = sum(trials for _won, trials in groups.values())
    assume(total)
    common = sum(won for won, _trials in groups.values()) / total
    for key, rate in shrink(groups).items():
        won, trials = groups[key]
        own = won / trials if trials else common
        assert min(own, common) - 1e-9 <= rate <= max(own, common) + 1e-9


@pytest.mark.parametrize(("share", "value"), [(0, 1), (0.1, 1.9), (0.5, 5.5), (0.9, 9.1), (1, 10)])
def test_quantiles_are_interpolated_like_percentile_cont(share, value):
    assert quantile(range(10, 0, -1), share) == pytest.approx(value)
    assert quantile([], share) is None


@pytest.mark.parametrize("case", REFERENCE, ids=lambda case: f"{case['name']}: {case['outcome']}")
def test_cumulative_incidence_equals_lifelines(case):
    points = cumulative_incidence(case["rows"], case["outcome"])
    assert [point.day for point in points] == [day for day, *_rest in case["points"]]
    for point, (_day, incidence, variance, low, high) in zip(points, case["points"], strict=True):
        assert point.incidence == pytest.approx(incidence, abs=1e-9)
        if variance is not None:
            assert point.variance == pytest.approx(variance, abs=1e-9)
        if low is not None:
            assert (point.low, point.high) == pytest.approx((low, high), abs=1e-9)


def test_a_deal_that_is_open_is_neither_won_nor_lost():
    points = cumulative_incidence([(10, "won"), (20, None), (30, "won"), (40, "lost")], "won")
    assert [round(point.incidence, 4) for point in points] == [0.25, 0.625, 0.625]
    assert incidence_at(points, 9) == 0
    assert incidence_at(points, 29) == 0.25
    assert cumulative_incidence([], "won") == []


rows = st.lists(st.tuples(st.integers(1, 40), st.sampled_from(["won", "lost", None])), max_size=60)


@example([(day, "won") for day in (1, 2, 2, 3, 3, 4)] + [(2, None)] * 3)
@given(rows)
def test_won_lost_and_open_make_one_and_only_grow(rows):
    won, lost = (cumulative_incidence(rows, end) for end in ("won", "lost"))
    last = 0.0
    for one, other in zip(won, lost, strict=True):
        assert one.incidence + other.incidence <= 1 + 1e-9
        assert one.incidence >= last
        assert one.low - 1e-12 <= one.incidence <= one.high + 1e-12
        last = one.incidence


@example([(day, "won") for day in (1, 1, 1, 2, 2, 3, 3)])
@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from(["won", "lost"])), min_size=1, max_size=60))
def test_without_open_deals_it_is_the_plain_share(rows):
    points = cumulative_incidence(rows, "won")
    for day in (5, 20, 40):
        plain = sum(1 for moment, end in rows if moment <= day and end == "won") / len(rows)
        assert incidence_at(points, day) == pytest.approx(plain, abs=1e-9)


@given(st.lists(st.integers(0, 50), min_size=1), st.integers(0, 50), st.integers(0, 50))
def test_the_median_from_its_surroundings_is_the_median_or_nothing(values, low, high):
    inner = [value for value in values if low <= value <= high]
    found = median_between(len(values), sum(value < low for value in values), inner)
    ordered = sorted(values)
    middle = {ordered[(len(values) - 1) // 2], ordered[len(values) // 2]}
    assert found == (quantile(values, 0.5) if middle <= set(inner) else None)


def test_a_sample_says_between_which_values_the_median_lies():
    generator = random.Random(3)
    values = [generator.expovariate(0.1) for _number in range(100_000)]
    low, high = around_median(values[::50])
    assert low < quantile(values, 0.5) < high
    assert sum(low <= value <= high for value in values) < 12_000
    assert around_median(values[:399]) is None
