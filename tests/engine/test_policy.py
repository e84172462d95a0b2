from datetime import date, timedelta

import pytest
from engine.policy import Judged, Rule, capped, deciding, is_newcomer, newcomer_share

ARTICLE, BALANCED = Rule(1, 1, 100), Rule(2, 3, 50)


def months(*attained, goal=4):
    """Return verdicts, the newest first."""
    return [Judged(date(2026, 12 - n, 1), goal, made, n) for n, made in enumerate(attained)]


@pytest.mark.parametrize(
    ("rule", "attained", "withdrawn"),
    [
        (ARTICLE, [3], True),
        (ARTICLE, [4], False),
        (ARTICLE, [4, 0], False),
        (ARTICLE, [], False),
        (BALANCED, [2, 2, 4], True),
        (BALANCED, [2, 4, 1], True),
        (BALANCED, [3, 0, 0], False),
        (BALANCED, [0], False),
        (BALANCED, [1, 4, 4, 0], False),
    ],
)
def test_when_a_customer_is_withdrawn(rule, attained, withdrawn):
    assert bool(deciding(months(*attained), rule)) is withdrawn


def test_excused_periods_are_skipped():
    verdicts = [*months(0), Judged(date(2026, 11, 1), 0, 0), Judged(date(2026, 10, 1), 4, 0)]
    assert len(deciding(verdicts, BALANCED)) == 2


def test_the_most_neglected_customers_go_first_and_no_id_is_favoured():
    assert capped([(1, 0.5), (2, 0.0), (3, 0.25)], 2, "batch") == [2, 3]
    ties = [(number, 0.0) for number in range(10)]
    first = {capped(ties, 1, f"batch {n}")[0] for n in range(60)}
    assert len(first) > 5


def test_a_newcomer_is_spared_for_his_first_months():
    assert is_newcomer(date(2026, 1, 1), date(2026, 3, 1), 3)
    assert not is_newcomer(date(2026, 1, 1), date(2026, 4, 1), 3)
    assert not is_newcomer(None, date(2026, 4, 1), 3)


@pytest.mark.parametrize(
    ("gone", "months", "share"),
    [
        (0, 3, 30),
        (29, 3, 30),
        (30, 3, 60),
        (59, 3, 60),
        (60, 3, 100),
        (89, 3, 100),
        (90, 3, 100),
        # a policy that knows newcomers for a month, or not at all
        (29, 1, 30),
        (30, 1, 100),
        (0, 0, 100),
        # who begins tomorrow has no more today than on his first day
        (-1, 3, 30),
    ],
)
def test_a_newcomer_has_a_part_of_the_capacity_by_the_days_since_he_began(gone, months, share):
    began = date(2026, 1, 15)
    assert newcomer_share(began, began + timedelta(days=gone), months) == share


def test_who_was_always_there_has_all_of_his_capacity():
    assert newcomer_share(None, date(2026, 1, 15), 3) == 100
