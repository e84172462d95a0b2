from decimal import Decimal

from engine.abc import classify, settled
from hypothesis import given
from hypothesis import strategies as st

BOUNDS = [("A", 80), ("B", 95), ("C", 100)]


def test_a_customer_is_in_a_class_while_the_share_before_him_is_below_its_bound():
    revenues = [(1, 80), (2, 15), (3, 5), (4, 0), (5, -3)]
    assert classify(revenues, BOUNDS) == {1: "A", 2: "B", 3: "C", 4: "D", 5: "D"}


def test_the_customer_who_crosses_the_bound_still_belongs_to_the_class():
    assert classify([(1, 79), (2, 20), (3, 1)], BOUNDS) == {1: "A", 2: "A", 3: "C"}


def test_equal_revenues_are_ordered_by_id():
    assert classify([(9, 50), (3, 50)], [("A", 50), ("B", 100)]) == {3: "A", 9: "B"}


def test_one_customer_alone_is_in_the_first_class():
    assert classify([(1, Decimal("0.01"))], BOUNDS) == {1: "A"}


def test_a_customer_within_the_margin_keeps_his_class():
    bounds = [(name, Decimal(bound)) for name, bound in BOUNDS]
    assert settled("A", Decimal(81), bounds, Decimal(2)) == "A"
    assert settled("A", Decimal(83), bounds, Decimal(2)) == "B"
    assert settled(None, Decimal(81), bounds, Decimal(2)) == "B"


@given(st.dictionaries(st.integers(1, 99), st.integers(-100, 10_000), max_size=30))
def test_whoever_buys_more_is_never_in_a_lower_class(revenues):
    classes = classify(revenues.items(), BOUNDS)
    assert classes.keys() == revenues.keys()
    for customer, revenue in revenues.items():
        assert (classes[customer] == "D") == (revenue <= 0)
        assert all(classes[customer] <= classes[other] for other in revenues if revenues[other] < revenue)
