"""Who receives which customer: hard rules, then balance, then nearness, then a hash.

1. As many customers as possible are placed: never with the manager who lost them, never beyond a receiver's free
   capacity (norm contacts) or intake (customers).
2. The load is balanced: each customer goes to whoever stays the least loaded, the heavy customers first; then single
   moves and swaps lower the highest level.
3. As long as the level stays within 2 % of that balance, the nearest receiver is preferred.
4. Ties are broken by a hash of batch, customer and receiver, so that no name, id or order of entry is favoured.

The result depends on the input's content only, not on its order.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

from .policy import hashed

SLACK = 1.02


@dataclass(frozen=True, slots=True)
class Customer:
    """``load``: norm contacts a month; ``kind``: whatever nearness looks at."""

    id: int
    load: int
    loser: int | None = None
    kind: Hashable = None


@dataclass(frozen=True, slots=True)
class Receiver:
    """``capacity`` and ``load`` in norm contacts a month; ``intake``: customers he may still receive (None: any);
    ``customers``: how many he has."""

    id: int
    capacity: int
    load: int = 0
    intake: int | None = None
    customers: int = 0


@dataclass(frozen=True, slots=True)
class Placement:
    """``receiver`` is None where nobody could take the customer; ``reason`` then says why.

    ``room``: the receiver's free capacity before this batch; ``level``: his load / capacity after it.
    """

    customer: int
    receiver: int | None
    reason: str | None = None
    room: int = 0
    level: float = 0.0


class _Seat:
    """A receiver while the batch is being placed."""

    __slots__ = ("base", "base_count", "count", "free", "intake", "load", "receiver", "scale")

    def __init__(self, receiver: Receiver, by_count: bool):
        self.receiver = receiver
        self.free = receiver.capacity - receiver.load
        self.intake = receiver.intake
        self.load = 0
        self.count = 0
        self.base = receiver.customers if by_count else receiver.load
        self.base_count = by_count
        self.scale = 1 if by_count else max(receiver.capacity, 1)

    def fits(self, customer: Customer) -> bool:
        return (
            customer.loser != self.receiver.id
            and self.load + customer.load <= self.free
            and (self.intake is None or self.count < self.intake)
        )

    def level(self, load: int = 0, count: int = 0) -> float:
        taken = self.count + count if self.base_count else self.load + load
        return (self.base + taken) / self.scale

    def take(self, customer: Customer, sign: int = 1) -> None:
        self.load += sign * customer.load
        self.count += sign


def allocate(
    customers: Iterable[Customer],
    receivers: Iterable[Receiver],
    seed: str,
    *,
    by_count: bool = False,
    nearness: Callable[[Hashable, int], float] | None = None,
) -> list[Placement]:
    """Place customers with receivers.

    :param seed: the batch; it decides ties
    :param by_count: balance the number of customers (fewest first) instead of the load
    :param nearness: how near a receiver is to a kind of customer (higher is nearer); asked once per pair of both
    :return: one placement per customer, in the order of customer ids
    """
    customers = sorted(customers, key=lambda c: c.id)
    receivers = sorted(receivers, key=lambda r: r.id)
    chosen = _place(customers, receivers, seed, by_count)
    _improve(chosen, by_count)
    if nearness:
        closer = _nearer(chosen, customers, receivers, seed, by_count, nearness)
        chosen = closer or chosen
    where = {customer.id: seat for seat, taken in chosen for customer in taken}
    result = []
    for customer in customers:
        seat = where.get(customer.id)
        if seat is None:
            result.append(Placement(customer.id, None, _why_not(customer, receivers)))
        else:
            result.append(Placement(customer.id, seat.receiver.id, None, seat.free, seat.level()))
    return result


def _why_not(customer: Customer, receivers: list[Receiver]) -> str:
    others = [receiver for receiver in receivers if receiver.id != customer.loser]
    if not others:
        return "no_receiver"
    if all(receiver.intake is not None and receiver.intake <= 0 for receiver in others):
        return "intake"
    return "no_capacity"


def _place(customers, receivers, seed, by_count):
    """Place the heaviest first; where not all fit, the lightest first, which places the most."""
    for order in (-1, 1):
        seats = [(_Seat(receiver, by_count), []) for receiver in receivers]
        waiting = sorted(customers, key=lambda c: (order * c.load, hashed(seed, c.id)))
        left = [customer for customer in waiting if not _seat(customer, seats, seed)]
        if not left:
            return seats
    for customer in left:
        _make_room(customer, seats)
    return seats


def _seat(customer, seats, seed):
    best = min(
        (entry for entry in seats if entry[0].fits(customer)),
        key=lambda entry: (
            entry[0].level(customer.load, 1),
            hashed(seed, customer.id, entry[0].receiver.id),
        ),
        default=None,
    )
    if best is None:
        return False
    best[0].take(customer)
    best[1].append(customer)
    return True


def _make_room(customer, seats):
    """Seat a customer by moving one other customer on, if that is enough."""
    for seat, taken in seats:
        if customer.loser == seat.receiver.id:
            continue
        for other in taken:
            seat.take(other, -1)
            target = next((entry for entry in seats if entry[0] is not seat and entry[0].fits(other)), None)
            if target and seat.fits(customer):
                taken.remove(other)
                target[0].take(other)
                target[1].append(other)
                seat.take(customer)
                taken.append(customer)
                return True
            seat.take(other)
    return False


def _improve(seats, by_count, rounds=200):
    """Lower the highest level by single moves and swaps while that is possible."""
    for _round in range(rounds):
        full = [entry for entry in seats if entry[1]]
        if not full:
            return
        top, taken = max(full, key=lambda entry: (entry[0].level(), entry[0].receiver.id))
        level = top.level()
        if not (_move_off(top, taken, seats, level) or _swap_off(top, taken, seats, level)):
            return


def _move_off(top, taken, seats, level):
    for load in sorted({customer.load for customer in taken}, reverse=True):
        customer = next(customer for customer in taken if customer.load == load)
        for seat, others in seats:
            if seat is not top and seat.fits(customer) and seat.level(load, 1) < level - 1e-12:
                taken.remove(customer)
                top.take(customer, -1)
                seat.take(customer)
                others.append(customer)
                return True
    return False


def _swap_off(top, taken, seats, level):
    if top.base_count:
        return False
    mine = {customer.load: customer for customer in taken}
    for seat, others in seats:
        if seat is top:
            continue
        theirs = {customer.load: customer for customer in others}
        for given in mine.values():
            for got in theirs.values():
                if got.load >= given.load or given.loser == seat.receiver.id or got.loser == top.receiver.id:
                    continue
                gain = given.load - got.load
                if seat.load + gain <= seat.free and seat.level(gain) < level - 1e-12:
                    taken.remove(given)
                    others.remove(got)
                    taken.append(got)
                    others.append(given)
                    top.load -= gain
                    seat.load += gain
                    return True
    return False


def _nearer(chosen, customers, receivers, seed, by_count, nearness):
    """Place the same customers again, nearest first, with every level within 2 % of the balance; None if that fails."""
    limit = max((seat.level() for seat, taken in chosen if taken), default=0.0) * SLACK
    placed = {customer.id for _seat_, taken in chosen for customer in taken}
    scores: dict = {}
    seats = [(_Seat(receiver, by_count), []) for receiver in receivers]
    for customer in sorted(customers, key=lambda c: (-c.load, hashed(seed, c.id))):
        if customer.id not in placed:
            continue
        if customer.kind not in scores:
            scores[customer.kind] = {receiver.id: nearness(customer.kind, receiver.id) for receiver in receivers}
        near = scores[customer.kind]
        best = min(
            (entry for entry in seats if entry[0].fits(customer) and entry[0].level(customer.load, 1) <= limit + 1e-12),
            key=lambda entry: (
                -near[entry[0].receiver.id],
                entry[0].level(customer.load, 1),
                hashed(seed, customer.id, entry[0].receiver.id),
            ),
            default=None,
        )
        if best is None:
            return None
        best[0].take(customer)
        best[1].append(customer)
    return seats
