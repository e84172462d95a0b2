from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from engine.counting import Contact, classify
from hypothesis import given
from hypothesis import strategies as st

DAYS = [date(2026, 3, 1) + timedelta(days=n) for n in range(60)]
DAYS = [day for day in DAYS if day.weekday() < 5]
MONDAY = date(2026, 3, 9)


def contact(number, day=MONDAY, hour=9, **values):
    base = Contact(number, day, datetime(day.year, day.month, day.day, hour), day)
    return replace(base, **values)


def verdict(*contacts, min_gap=1, backdating=2):
    return classify(contacts, min_gap=min_gap, backdating=backdating, working_days=DAYS)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, None),
        ({"voided": True}, "voided"),
        ({"after_closing": True}, "closed"),
        ({"outcome_counts": False}, "outcome"),
        ({"channel_counts": False}, "channel"),
        ({"channel_counts": False, "channel_counts_if_answered": True, "answered": False}, "channel"),
        ({"channel_counts": False, "channel_counts_if_answered": True}, None),
        ({"logged_day": date(2026, 3, 11)}, None),
        ({"logged_day": date(2026, 3, 12)}, "late"),
        ({"has_responsible": False}, "nobody"),
        ({"entitled": False}, "stranger"),
    ],
)
def test_the_rule_that_rejects_a_contact_is_named(values, reason):
    assert verdict(contact(1, **values)) == {1: reason}


def test_the_first_rule_in_order_is_named_where_several_reject():
    assert verdict(contact(1, voided=True, entitled=False)) == {1: "voided"}


def test_two_calls_on_one_day_count_once_and_the_earlier_one_counts():
    assert verdict(contact(1, hour=15), contact(2, hour=9)) == {1: "gap", 2: None}


def test_a_rejected_call_does_not_hide_a_good_one_of_the_same_day():
    assert verdict(contact(1, outcome_counts=False), contact(2, hour=10)) == {1: "outcome", 2: None}


def test_a_gap_of_three_working_days_is_measured_from_the_last_that_counted():
    days = [MONDAY + timedelta(days=n) for n in (0, 2, 3, 4)]
    contacts = [contact(number, day) for number, day in enumerate(days)]
    assert verdict(*contacts, min_gap=3) == {0: None, 1: "gap", 2: None, 3: "gap"}


@given(
    offsets=st.lists(st.integers(0, 20), max_size=12),
    gap=st.integers(1, 4),
    order=st.randoms(use_true_random=False),
)
def test_the_order_of_entry_does_not_matter(offsets, gap, order):
    contacts = [contact(n, MONDAY + timedelta(days=offset)) for n, offset in enumerate(offsets)]
    shuffled = list(contacts)
    order.shuffle(shuffled)
    assert verdict(*contacts, min_gap=gap) == verdict(*shuffled, min_gap=gap)
