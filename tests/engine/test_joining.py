from datetime import datetime, timedelta

import pytest
from engine.joining import SLACK, Told, join, same
from hypothesis import given
from hypothesis import strategies as st

NINE = datetime(2026, 3, 9, 9)


def told(*sources, minute=0, **values):
    return Told(frozenset(sources or ("manual",)), NINE + timedelta(minutes=minute), **values)


CALL = told("api", minutes=10, channel=1)


@pytest.mark.parametrize(
    ("by_hand", "expected"),
    [
        (told(minute=5, channel=1), True),
        (told(), True),
        # the call is over at ten past nine
        (told(minute=40, channel=1), True),
        (told(minute=41, channel=1), False),
        (told(minute=-30, channel=1), True),
        (told(minute=-31, channel=1), False),
        (told(channel=2), False),
        (told(channel=1, attempt=True), False),
        (told("api", channel=1), False),
        # the call's row has taken one logged by hand already
        (told("manual", "api", channel=1), False),
        (told("activity", channel=1), True),
    ],
)
def test_a_call_and_what_was_logged_by_hand_are_one_contact_where_nothing_differs(by_hand, expected):
    assert same(by_hand, CALL) is expected
    assert same(CALL, by_hand) is expected


@pytest.mark.parametrize("name", ["person", "lead", "activity", "event"])
def test_what_is_told_of_both_must_agree_and_what_is_told_of_one_may_be_anything(name):
    assert same(told("api", **{name: 7}), told(**{name: 7}))
    assert same(told("api", **{name: 7}), told())
    assert not same(told("api", **{name: 7}), told(**{name: 8}))


def test_all_channels_of_meetings_are_one():
    assert same(told("meeting", channel=1, is_meeting=True), told(channel=2, is_meeting=True))
    assert not same(told("meeting", channel=1, is_meeting=True), told(channel=2))


def test_a_duration_of_a_week_reaches_no_further_than_a_day():
    week = told("meeting", minutes=7 * 24 * 60)
    assert same(week, told(minute=24 * 60 + 30))
    assert not same(week, told(minute=24 * 60 + 31))


def test_each_call_joins_the_row_nearest_to_it_and_none_takes_two():
    rows = {"ten past": told(minute=10), "half past": told(minute=25)}
    calls = {"first": told("api", minute=-2), "second": told("api", minute=9), "third": told("api", minute=24)}
    candidates = [(new, one, row, other) for new, one in calls.items() for row, other in rows.items()]
    assert join(candidates) == {"second": "ten past", "third": "half past"}
    assert join(candidates[:4]) == {"second": "ten past", "first": "half past"}


@given(
    st.lists(st.tuples(st.sampled_from(["api", "meeting"]), st.integers(0, 200)), max_size=6),
    st.lists(st.integers(0, 200), max_size=6),
)
def test_whatever_arrives_a_row_takes_one_and_only_what_is_the_same(new, standing):
    rows = [told(minute=minute) for minute in standing]
    news = [told(source, minute=minute) for source, minute in new]
    pairs = join((n, one, s, other) for n, one in enumerate(news) for s, other in enumerate(rows))
    assert len(set(pairs.values())) == len(pairs)
    for number, row in pairs.items():
        assert abs(news[number].moment - rows[row].moment) <= SLACK
    # nothing that could be joined is left beside a row that is free
    for number, one in enumerate(news):
        for row, other in enumerate(rows):
            assert number in pairs or row in pairs.values() or not same(one, other)
