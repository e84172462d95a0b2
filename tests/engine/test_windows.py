from datetime import date, timedelta

import pytest
from engine.windows import largest_goal, windows
from hypothesis import given
from hypothesis import strategies as st

OCTOBER = [date(2026, 10, 1) + timedelta(days=n) for n in range(31)]
OCTOBER = [day for day in OCTOBER if day.weekday() < 5]


def test_four_contacts_in_a_month_of_22_working_days_are_due_on_the_5th_11th_16th_and_22nd():
    assert len(OCTOBER) == 22
    # ceil(i*4/22): window 1 is i=1..5, window 2 i=6..11, window 3 i=12..16, window 4 i=17..22
    assert [OCTOBER.index(window.due) + 1 for window in windows(4, OCTOBER)] == [5, 11, 16, 22]


def test_a_period_without_working_days_has_no_windows():
    assert windows(4, []) == []


def test_a_goal_beyond_the_working_days_asks_for_one_contact_a_day():
    days = OCTOBER[:3]
    assert [window.days for window in windows(5, days)] == [(day,) for day in days]


@pytest.mark.parametrize(("gap", "total", "goal"), [(1, 18, 18), (2, 18, 9), (5, 18, 4), (1, 0, 0), (20, 18, 1)])
def test_the_largest_goal_that_a_gap_leaves_possible(gap, total, goal):
    assert largest_goal(gap, total) == goal


@given(goal=st.integers(1, 40), total=st.integers(0, 31))
def test_windows_share_out_every_working_day_once_in_order_and_none_is_empty(goal, total):
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(total)]
    cut = windows(goal, days)
    assert [day for window in cut for day in window.days] == days
    assert len(cut) == min(goal, total)
    sizes = [len(window.days) for window in cut]
    assert not sizes or max(sizes) - min(sizes) <= 1
    assert 0 not in sizes
