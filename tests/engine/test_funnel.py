import json
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from engine.funnel import Event, against_mix, apportion, cohort, decompose, event_of, paths, route, won_by_day
from event_log import STAGES, event_log
from hypothesis import given
from hypothesis import strategies as st

HERE = Path(__file__).parent


def funnel(*rows, stages=(1, 2, 3), amounts=None):
    """Count rows of (deal, day, kind, stage)."""
    return cohort(paths([Event(*row) for row in rows], stages).values(), stages, amounts)


def reached(result):
    return [step.reached for step in result.steps]


def test_a_skipped_stage_counts_as_passed():
    result = funnel((7, 0, "stage", 1), (7, 5, "stage", 3))
    assert reached(result) == [1, 1, 1]
    assert result.steps[1].median_days is None, "it never stood there: it adds no time"
    assert result.steps[0].median_days == 5


def test_a_deal_that_comes_back_is_counted_once():
    result = funnel((7, 0, "stage", 1), (7, 2, "stage", 2), (7, 4, "stage", 1), (7, 9, "stage", 2), (7, 10, "stage", 3))
    assert reached(result) == [1, 1, 1]
    assert [step.median_days for step in result.steps] == [2, 8, None], "from the first entry"


def test_lost_deals_stay_at_the_furthest_stage_they_reached():
    result = funnel((7, 0, "stage", 1), (7, 1, "stage", 3), (7, 2, "stage", 1), (7, 4, "lost", 1))
    assert reached(result) == [1, 1, 1]
    assert [step.lost for step in result.steps] == [0, 0, 1]
    assert result.lost_days == 4


def test_a_deal_won_at_once_passed_every_stage():
    result = funnel((7, 0, "stage", 1), (7, 3, "won", None))
    assert reached(result) == [1, 1, 1]
    assert result.won == 1
    assert result.steps[2].passed == 1


def test_a_lost_deal_that_is_reopened_is_open_again():
    result = funnel((7, 0, "stage", 1), (7, 3, "lost", 1), (7, 8, "reopened", 1))
    assert (result.lost, result.open) == (0, 1)


def test_leaving_the_won_stage_opens_the_deal_and_a_lost_deal_stays_lost_wherever_it_is_put():
    assert funnel((7, 0, "stage", 1), (7, 3, "won", None), (7, 8, "stage", 2)).open == 1
    assert funnel((7, 0, "stage", 1), (7, 3, "lost", 1), (7, 8, "stage", 2)).lost == 1


def test_a_stage_that_no_longer_exists_moves_nobody():
    result = funnel((7, 0, "stage", 1), (7, 3, "stage", 99), (7, 8, "stage", 2))
    assert reached(result) == [1, 1, 0]


@pytest.mark.parametrize(
    ("status_from", "status_to", "kind"),
    [
        (None, "open", "stage"),
        ("open", "open", "stage"),
        ("open", "won", "won"),
        ("won", "won", "stage"),
        ("lost", "open", "reopened"),
        ("archived", "open", "reopened"),
        ("open", "archived", "removed"),
        ("open", "removed", "removed"),
        ("lost", "removed", "stage"),
        ("won", "archived", "stage"),
    ],
)
def test_an_end_survives_the_archive_and_an_open_deal_does_not(status_from, status_to, kind):
    assert event_of(7, 1, status_from, status_to, 2).kind == kind


def test_sums_follow_the_deals_and_dates_may_be_dates():
    result = funnel(
        (7, date(2025, 3, 1), "stage", 1),
        (8, date(2025, 3, 1), "stage", 2),
        (8, date(2025, 3, 11), "won", None),
        amounts={7: Decimal("10.10"), 8: Decimal("5.05")},
    )
    assert [step.amount for step in result.steps] == [Decimal("15.15"), Decimal("5.05"), Decimal("5.05")]
    assert (result.won_amount, result.won_days) == (Decimal("5.05"), 10)
    assert [step.from_previous for step in result.steps] == [None, 0.5, 1]
    assert datetime(2025, 3, 1, 12) > datetime(2025, 3, 1)


def test_nothing_entered_is_a_funnel_of_zeros():
    result = funnel()
    assert (result.entered, result.win_rate, reached(result)) == (0, None, [0, 0, 0])


def test_conversion_by_a_day_looks_only_at_deals_that_are_that_old():
    rows = [(1, 0, "stage", 1), (1, 10, "won", None), (2, 0, "stage", 1), (2, 40, "won", None), (3, 80, "stage", 1)]
    deals = paths([Event(*row) for row in rows], (1,)).values()
    assert won_by_day(deals, 30, 100) == (1, 2)
    assert won_by_day(deals, 90, 100) == (2, 2)


def test_a_seeded_log_of_50000_deals_equals_the_recomputation_with_pandas():
    rows, amounts = event_log(50_000)
    result = cohort(paths((Event(*row) for row in rows), STAGES).values(), STAGES, amounts)
    wanted = json.loads((HERE.parents[1] / "sales_discipline/tests/data/funnel_cohort.json").read_text())
    for name in ("entered", "won", "lost", "open", "removed", "won_amount"):
        assert getattr(result, name) == wanted[name], name
    assert result.won_days == pytest.approx(wanted["won_days"], rel=1e-12)
    assert result.lost_days == pytest.approx(wanted["lost_days"], rel=1e-12)
    names = ("stage", "reached", "passed", "lost", "open", "removed", "amount", "median_days")
    assert [{name: getattr(step, name) for name in names} for step in result.steps] == wanted["steps"]


@given(st.integers(0, 10_000))
def test_the_cohort_adds_up_and_never_widens(seed):
    rows, amounts = event_log(30, seed)
    result = cohort(paths((Event(*row) for row in rows), STAGES).values(), STAGES, amounts)
    assert result.entered == result.won + result.lost + result.open + result.removed == 30
    assert result.steps[0].reached == result.entered
    for step, following in zip(result.steps, reached(result)[1:] + [result.won], strict=True):
        assert step.passed == following <= step.reached
        assert step.reached == step.passed + step.lost + step.open + step.removed


@given(st.integers(0, 10_000), st.permutations(STAGES))
def test_a_way_read_once_says_what_walking_every_deal_says(seed, stages):
    rows, _amounts = event_log(30, seed)
    events = sorted((Event(*row) for row in rows), key=lambda event: event.at)
    for path in paths(events, stages).values():
        first = {}
        for event in events:
            if event.deal == path.deal:
                ended = "won" if event.kind == "won" else None
                first.setdefault(0 if ended else event.stage, event.at)
        # in a deal that is won, what is not a stage of its own changes nothing
        won_again = {0, *stages} >= set(first)
        way, moments = list(first), list(first.values())
        found = route(way, stages)
        assert found.furthest == path.furthest
        assert {stay[0] for stay in found.stays} == path.visited or not won_again
        for rank, begin, end in found.stays:
            assert (path.entered if begin is None else moments[begin]) == path.first[rank]
            assert (path.closed if end is None else moments[end]) == path.left(rank)


def test_a_way_along_no_known_stage_leads_nowhere():
    assert route((99,), (1, 2)) == route((), (1, 2)) == route((), ())
    assert route((0,), (1, 2)).furthest == 1


def test_a_waterfall_blames_the_only_factor_that_differs():
    assert decompose([10, Fraction(1, 2), 100], [10, Fraction(1, 4), 100]) == [0, 250, 0]


def test_a_manager_without_deals_still_has_a_waterfall_that_adds_up():
    parts = decompose([0, 0, 0], [4, Fraction(1, 2), 100])
    assert sum(parts) == -200
    assert parts[0] == parts[1] == parts[2], "all factors vanish together, none of them first"


def test_a_waterfall_of_unequal_sides_is_refused():
    with pytest.raises(ValueError):
        decompose([1], [1, 2])
    with pytest.raises(ValueError):
        decompose([1] * 13, [1] * 13)


numbers = st.fractions(0, 1000, max_denominator=50)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=6))
def test_the_waterfall_adds_up_exactly_before_and_after_rounding(pairs):
    actual, reference = zip(*pairs, strict=True)
    parts = decompose(actual, reference)
    difference = Fraction(1)
    for factor in actual:
        difference *= factor
    product = Fraction(1)
    for factor in reference:
        product *= factor
    assert sum(parts) == difference - product
    coins = apportion(parts)
    assert abs(sum(map(Fraction, coins)) - (difference - product)) <= Fraction(1, 200)
    assert all(abs(Fraction(coin) - part) < Fraction(1, 100) for coin, part in zip(coins, parts, strict=True))


@given(st.permutations(range(4)))
def test_the_order_of_the_factors_does_not_matter(order):
    actual, reference = [3, 5, 7, 2], [4, 4, 8, 1]
    parts = decompose(actual, reference)
    shuffled = decompose([actual[place] for place in order], [reference[place] for place in order])
    assert shuffled == [parts[place] for place in order]


def test_difficult_deals_are_measured_with_the_company_s_result_for_difficult_deals():
    company = {"fair": (100, 50), "cold": (100, 10)}
    lines = {line.kind: line for line in against_mix({"cold": (40, 5), "fair": (2, 1)}, company)}
    assert lines["cold"].expected == 4
    assert lines["cold"].difference == 1
    assert lines["fair"].difference == 0
    assert sum(line.won - line.expected for line in lines.values()) == 6 - 5
