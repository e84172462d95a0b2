from collections import Counter
from dataclasses import replace

from engine.allocation import Customer, Receiver, allocate
from hypothesis import given
from hypothesis import strategies as st


def test_a_customer_never_returns_to_whoever_lost_him():
    (placement,) = allocate([Customer(1, 2, loser=7)], [Receiver(7, 100)], "batch")
    assert (placement.receiver, placement.reason) == (None, "no_receiver")


def test_whom_nobody_has_room_for_stays_and_the_reason_is_told():
    (placement,) = allocate([Customer(1, 4)], [Receiver(7, 10, load=8)], "batch")
    assert (placement.receiver, placement.reason) == (None, "no_capacity")
    (placement,) = allocate([Customer(1, 4)], [Receiver(7, 10, intake=0)], "batch")
    assert placement.reason == "intake"


def test_the_load_is_balanced_against_capacity():
    placements = allocate([Customer(n, 1) for n in range(30)], [Receiver(1, 20), Receiver(2, 40)], "batch")
    assert Counter(placement.receiver for placement in placements) == {1: 10, 2: 20}


def test_orphans_go_to_whoever_has_the_fewest_customers():
    receivers = [Receiver(1, 99, customers=5), Receiver(2, 99, customers=0)]
    placements = allocate([Customer(n, 1) for n in range(5)], receivers, "batch", by_count=True)
    assert {placement.receiver for placement in placements} == {2}


def test_between_equals_the_nearer_receives():
    placements = allocate(
        [Customer(n, 1, kind=n % 2) for n in range(20)],
        [Receiver(0, 50), Receiver(1, 50)],
        "batch",
        nearness=lambda kind, receiver: float(kind == receiver),
    )
    assert all(placement.receiver == placement.customer % 2 for placement in placements)


def test_over_many_batches_equal_receivers_get_equal_shares():
    got = Counter()
    for number in range(600):
        receivers = [Receiver(n, 10) for n in (1, 50, 999)]
        got.update(p.receiver for p in allocate([Customer(5, 1)], receivers, f"batch {number}"))
    assert all(160 <= got[receiver] <= 240 for receiver in (1, 50, 999)), got


customers = st.lists(
    st.builds(
        Customer,
        st.integers(1, 10**6),
        st.integers(0, 6),
        st.none() | st.integers(1, 5),
        barred=st.frozensets(st.integers(1, 5), max_size=2),
    ),
    max_size=15,
    unique_by=lambda c: c.id,
)
receivers = st.lists(
    st.builds(Receiver, st.integers(1, 5), st.integers(0, 30), st.integers(0, 10), st.none() | st.integers(0, 5)),
    max_size=5,
    unique_by=lambda r: r.id,
)


@given(customers, receivers, st.randoms(use_true_random=False), st.none() | st.integers(0, 9))
def test_hard_rules_hold_and_the_order_of_entry_does_not_matter(clients, managers, order, near):
    # near: whether receivers are nearer to some kinds of customers than to others, and to which
    clients = [replace(client, kind=client.id % 4) for client in clients]
    nearness = None if near is None else lambda kind, receiver: float((kind * receiver + near) % 3)
    placements = allocate(clients, managers, "batch", nearness=nearness)
    assert [p.customer for p in placements] == sorted(c.id for c in clients)
    by_id = {c.id: c for c in clients}
    for manager in managers:
        received = [by_id[p.customer] for p in placements if p.receiver == manager.id]
        assert all(customer.loser != manager.id and manager.id not in customer.barred for customer in received)
        # a customer without a norm weighs nothing, also with somebody who is already over his capacity
        assert not received or manager.load + sum(c.load for c in received) <= max(manager.capacity, manager.load)
        assert manager.intake is None or len(received) <= manager.intake
    shuffled, mixed = list(clients), list(managers)
    order.shuffle(shuffled)
    order.shuffle(mixed)
    assert allocate(shuffled, mixed, "batch", nearness=nearness) == placements
