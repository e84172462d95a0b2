import pytest
from engine.balance import imbalance
from hypothesis import given
from hypothesis import strategies as st


def test_one_with_a_hundred_and_one_with_ten():
    found = imbalance([100, 10])
    assert (found.largest, found.smallest, found.ratio) == (100, 10, 10)
    assert found.variation == pytest.approx(81.8181818)


def test_even_shares_and_shares_of_nobody():
    assert imbalance([7, 7, 7])[2:] == (1, 0)
    assert imbalance([5, 0]).ratio is None
    assert imbalance([]) == (0, 0, None, None)
    assert imbalance([0, 0]).variation is None


@given(st.lists(st.integers(1, 1000), min_size=1), st.integers(1, 9))
def test_a_base_twice_as_large_is_as_uneven(shares, factor):
    one, other = imbalance(shares), imbalance([share * factor for share in shares])
    assert one.ratio == pytest.approx(other.ratio)
    assert one.variation == pytest.approx(other.variation)
