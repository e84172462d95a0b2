"""Who receives which customer: hard rules, then balance, then nearness, then a hash.

1. As many customers as possible are placed: never with the manager who lost them, never beyond a receiver's free
   capacity (norm contacts) or intake (customers). Where not all fit, the lightest come first: that places the most.
2. The load is balanced: each customer goes to whoever stays the least loaded, the heavy customers first; then moves
   and swaps lower the highest level (load / capacity) among those who receive.
3. As long as the level stays within 2 % of that balance, the nearest receiver is preferred.
4. Ties are broken by a hash of batch, customer and receiver, so that no name, id or order of entry is favoured.

The result depends on the input's content only, not on its order. Receivers wait in heaps, so that a hundred thousand
customers are placed in seconds.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from .policy import hashed

SLACK = 1.02
EPS = 1e-9
#: how many customers are seated by moving others, and how many steps lower the highest level
REPAIRS = 300
ROUNDS = 400
#: up to so many pairs of a customer and a receiver the best is searched for, with so many trials at a time
SMALL = 2000
TRIALS = 6000


@dataclass(frozen=True, slots=True)
class Customer:
    """``load``: norm contacts a month; ``kind``: whatever nearness looks at; ``barred``: who may not receive him
    besides the ``loser``, because he lost him lately."""

    id: int
    load: int
    loser: int | None = None
    kind: Hashable = None
    barred: frozenset = frozenset()


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


@dataclass(frozen=True, slots=True)
class Profile:
    """Where a receiver is at home: his team, and where his present customers are."""

    id: int
    team: int | None = None
    countries: frozenset = frozenset()
    states: frozenset = frozenset()
    industries: frozenset = frozenset()
    languages: frozenset = frozenset()


def nearness(kind: tuple, profile: Profile) -> float:
    """Return how near a receiver is to a kind of customers; higher is nearer.

    :param kind: (team, country, state, language, industry, ids of the managers who know the customer). The same team
        outweighs all the rest, the same state the same country.
    """
    team, country, state, language, industry, known = kind
    near = 0.0
    if team and team == profile.team:
        near += 16
    if state and state in profile.states:
        near += 5
    elif country and country in profile.countries:
        near += 3
    if profile.id in known:
        near += 3
    if language and language in profile.languages:
        near += 2
    if industry and industry in profile.industries:
        near += 1
    return near


@dataclass(slots=True, eq=False)
class _Seat:
    """A receiver while the batch is being placed."""

    receiver: Receiver
    by_count: bool
    tie: int
    free: int = 0
    load: int = 0
    count: int = 0
    base: int = 0
    scale: int = 1
    taken: dict = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self):
        self.free = self.receiver.capacity - self.receiver.load
        self.base = self.receiver.customers if self.by_count else self.receiver.load
        self.scale = 1 if self.by_count else max(self.receiver.capacity, 1)

    def has_room(self, load: int, count: int = 1) -> bool:
        """Tell whether ``load`` more contacts fit; a customer without a norm weighs nothing and always does."""
        intake = self.receiver.intake
        return (load <= 0 or self.load + load <= self.free) and (intake is None or self.count + count <= intake)

    def may(self, customer: Customer) -> bool:
        return customer.loser != self.receiver.id and self.receiver.id not in customer.barred

    def level(self, load: int = 0, count: int = 0) -> float:
        taken = self.count + count if self.by_count else self.load + load
        return (self.base + taken) / self.scale

    def take(self, customer: Customer) -> None:
        self.load += customer.load
        self.count += 1
        self.taken[customer.load].append(customer)

    def give(self, customer: Customer) -> None:
        self.load -= customer.load
        self.count -= 1
        self.taken[customer.load].remove(customer)
        if not self.taken[customer.load]:
            del self.taken[customer.load]


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
    batch = _Batch(customers, receivers, seed, by_count)
    seats = batch.balanced()
    if nearness and any(seat.count for seat in seats):
        seats = batch.nearest(seats, nearness) or seats
    where = {customer.id: seat for seat in seats for group in seat.taken.values() for customer in group}
    result = []
    for customer in customers:
        seat = where.get(customer.id)
        if seat is None:
            result.append(Placement(customer.id, None, _why_not(customer, receivers)))
        else:
            result.append(Placement(customer.id, seat.receiver.id, None, seat.free, seat.level()))
    return result


def _why_not(customer: Customer, receivers: list[Receiver]) -> str:
    others = [r for r in receivers if r.id != customer.loser and r.id not in customer.barred]
    if not others:
        return "no_receiver"
    if all(receiver.intake is not None and receiver.intake <= 0 for receiver in others):
        return "intake"
    return "no_capacity"


class _Batch:
    """The customers and receivers of one allocation, in an order that only the seed decides."""

    def __init__(self, customers: list[Customer], receivers: list[Receiver], seed: str, by_count: bool):
        self.by_count = by_count
        self.receivers = sorted(((hashed(seed, "receiver", r.id), r) for r in receivers), key=lambda pair: pair[0])
        # the lightest first, ties by the seed
        self.customers = sorted(customers, key=lambda c: (c.load, hashed(seed, c.id)))

    def seats(self) -> list[_Seat]:
        return [_Seat(receiver, self.by_count, tie) for tie, receiver in self.receivers]

    # ------------------------------------------------------------------
    # As many as possible, balanced
    # ------------------------------------------------------------------

    def balanced(self) -> list[_Seat]:
        """Return seats that hold as many customers as possible, the highest level as low as possible."""
        seats = self.seats()
        chosen = self._choose(seats)
        inside = {customer.id for customer in chosen}
        left = _pack(chosen, seats)
        left = [customer for customer in left if not _make_room(customer, seats)]
        rest = [customer for customer in self.customers if customer.id not in inside]
        for customer in (left + rest)[:REPAIRS] if left else ():
            _sit_down(customer, seats) or _make_room(customer, seats)
        _improve(seats)
        if 0 < len(self.customers) * len(seats) <= SMALL:
            seats = self._searched(seats)
        return seats

    def _searched(self, seats: list[_Seat]) -> list[_Seat]:
        """Return better seats of a small batch: more customers, then a lower highest level, as far as trials go."""
        heavy_first = self.customers[::-1]
        count, most = sum(seat.count for seat in seats), len(self._choose(self.seats()))
        for wanted in range(most, count, -1):
            found = _search(heavy_first, self.seats(), len(heavy_first) - wanted)
            if found:
                seats, count = found, wanted
                break
        while count:
            top = max(seat.level() for seat in seats if seat.count)
            found = _search(heavy_first, self.seats(), len(heavy_first) - count, top - 1e-6)
            if not found:
                break
            seats = found
        return seats

    def _choose(self, seats: list[_Seat]) -> list[Customer]:
        """Return the customers that fit by their sum: all of them, or the lightest."""
        room = sum(max(0, seat.free) for seat in seats)
        places = sum(len(self.customers) if (i := seat.receiver.intake) is None else max(0, i) for seat in seats)
        chosen = []
        for customer in self.customers:
            if customer.load > room or len(chosen) >= places:
                break
            room -= customer.load
            chosen.append(customer)
        return chosen

    # ------------------------------------------------------------------
    # The nearest
    # ------------------------------------------------------------------

    def nearest(self, balanced: list[_Seat], nearness: Callable[[Hashable, int], float]) -> list[_Seat] | None:
        """Return seats with the same customers, the nearest first, every level within 2 % of the balance.

        :return: None where that does not place them all
        """
        limit = max(seat.level() for seat in balanced if seat.count) * SLACK + EPS
        placed = [customer for seat in balanced for group in seat.taken.values() for customer in group]
        inside = {customer.id for customer in placed}
        seats = self.seats()
        tiers = {}
        # kinds to whom everybody is equally near wait in the same queue
        known = {}
        queues = {}
        left = []
        for customer in reversed(self.customers):
            if customer.id not in inside:
                continue
            if customer.kind not in tiers:
                found = _tiers(customer.kind, seats, nearness)
                shape = tuple(tuple(seat.receiver.id for seat in group) for group in found)
                tiers[customer.kind] = known.setdefault(shape, (len(known), found))
            number, groups = tiers[customer.kind]
            key = (number, customer.load)
            if key not in queues:
                queues[key] = _Queue(groups, customer.load, limit)
            if not queues[key].seat(customer):
                left.append(customer)
        for customer in left:
            if not _make_room(customer, seats, limit):
                return None
        return seats


def _tiers(kind, seats, nearness):
    """Return the seats in groups of equal nearness, the nearest first."""
    groups = defaultdict(list)
    for seat in seats:
        groups[nearness(kind, seat.receiver.id)].append(seat)
    return [groups[near] for near in sorted(groups, reverse=True)]


class _Queue:
    """The seats for customers of one kind and load: the nearest group first, in it the least loaded.

    Levels only rise, so an entry that is too low is put right when it comes up, and a full seat leaves for good.
    """

    def __init__(self, tiers: list[list[_Seat]], load: int, limit: float):
        self.tiers, self.load, self.limit = tiers, load, limit
        self.heaps = []

    def _heap(self, number: int) -> list:
        if number == len(self.heaps):
            heap = [(seat.level(self.load, 1), seat.tie, seat) for seat in self.tiers[number]]
            heapify(heap)
            self.heaps.append(heap)
        return self.heaps[number]

    def seat(self, customer: Customer) -> bool:
        """Seat the customer; False where nobody in the queue has room for him."""
        for number in range(len(self.tiers)):
            heap = self._heap(number)
            held = []
            found = None
            while heap:
                level, tie, seat = heappop(heap)
                now = seat.level(self.load, 1)
                if now > self.limit or not seat.has_room(self.load):
                    continue
                if now > level:
                    heappush(heap, (now, tie, seat))
                elif seat.may(customer):
                    found = seat
                    break
                else:
                    held.append((level, tie, seat))
            for entry in held:
                heappush(heap, entry)
            if found:
                found.take(customer)
                heappush(heap, (found.level(self.load, 1), found.tie, found))
                return True
        return False


def _pack(customers: list[Customer], seats: list[_Seat]) -> list[Customer]:
    """Seat customers, the heaviest first, each with whoever stays the least loaded; return who found no seat."""
    left = []
    queue = None
    for customer in reversed(customers):
        if queue is None or queue.load != customer.load:
            queue = _Queue([seats], customer.load, float("inf"))
        if not queue.seat(customer):
            left.append(customer)
    return left


def _sit_down(customer: Customer, seats: list[_Seat], limit: float = float("inf"), but: _Seat | None = None) -> bool:
    fitting = [
        seat
        for seat in seats
        if seat is not but
        and seat.may(customer)
        and seat.has_room(customer.load)
        and seat.level(customer.load, 1) <= limit
    ]
    if not fitting:
        return False
    min(fitting, key=lambda seat: (seat.level(customer.load, 1), seat.tie)).take(customer)
    return True


def _make_room(customer: Customer, seats: list[_Seat], limit: float = float("inf")) -> bool:
    """Seat a customer, if need be by moving one other customer on."""
    if _sit_down(customer, seats, limit):
        return True
    for seat in seats:
        if not seat.may(customer):
            continue
        for load in sorted(seat.taken):
            if not (seat.has_room(customer.load - load, 0) and seat.level(customer.load - load, 0) <= limit):
                continue
            for other in seat.taken[load][:20]:
                seat.give(other)
                if _sit_down(other, seats, limit, but=seat):
                    seat.take(customer)
                    return True
                seat.take(other)
    return False


# ----------------------------------------------------------------------
# Searching
# ----------------------------------------------------------------------


def _search(customers: list[Customer], seats: list[_Seat], skips: int, limit: float = float("inf")):
    """Seat all but ``skips`` of the customers with every level up to ``limit``, by trial and error.

    :param customers: the heaviest first
    :return: the seats, or None where that is impossible or too many trials would be needed
    """
    # the tightest fit first keeps room for the heavy ones; the loosest first spreads them
    return _Search(customers, seats, skips, limit, 1).run() or _Search(customers, seats, skips, limit, -1).run()


class _Search:
    def __init__(self, customers, seats, skips, limit, order):
        self.customers, self.seats, self.skips, self.order = customers, seats, skips, order
        self.free, self.places = [], []
        for seat in seats:
            free, places = max(0, seat.free), len(customers)
            if seat.receiver.intake is not None:
                places = min(places, max(0, seat.receiver.intake))
            below = int(min(limit, 1e9) * seat.scale - seat.base + EPS)
            if limit * seat.scale < seat.base:
                places = 0
            elif seat.by_count:
                places = min(places, below)
            else:
                free = min(free, below)
            self.free.append(free)
            self.places.append(places)
        self.may = {customer.id: [i for i, seat in enumerate(seats) if seat.may(customer)] for customer in customers}
        # loads of the customers that are still to come, the lightest first, summed up
        self.sums = [self._light_sums(index) for index in range(len(customers) + 1)]
        self.failed = set()
        self.trials = TRIALS
        self.where = []

    def _light_sums(self, index):
        sums = [0]
        for customer in reversed(self.customers[index:]):
            sums.append(sums[-1] + customer.load)
        return sums

    def run(self):
        if not self._seat(0, self.skips):
            return None
        for customer, index in zip(self.customers, self.where, strict=True):
            if index is not None:
                self.seats[index].take(customer)
        return self.seats

    def _seat(self, index, skips):
        if index == len(self.customers):
            return True
        key = (index, skips, *self.free, *self.places)
        if self.trials <= 0 or key in self.failed:
            return False
        self.trials -= 1
        if self._possible(index, skips):
            customer = self.customers[index]
            room = sum(free for free, places in zip(self.free, self.places, strict=True) if places)
            must_skip = skips and self.sums[index][-1] > room
            if must_skip and self._skip(index, skips):
                return True
            for number in sorted(self.may[customer.id], key=lambda i: (self.order * self.free[i], self.seats[i].tie)):
                if self.places[number] and self.free[number] >= customer.load:
                    self.free[number] -= customer.load
                    self.places[number] -= 1
                    self.where.append(number)
                    if self._seat(index + 1, skips):
                        return True
                    self.where.pop()
                    self.free[number] += customer.load
                    self.places[number] += 1
            if skips and not must_skip and self._skip(index, skips):
                return True
        self.failed.add(key)
        return False

    def _skip(self, index, skips):
        self.where.append(None)
        if self._seat(index + 1, skips - 1):
            return True
        self.where.pop()
        return False

    def _possible(self, index, skips):
        """Tell whether the sums allow it: contacts, places, and places for the heaviest."""
        left = len(self.customers) - index - skips
        if left <= 0:
            return True
        if self.sums[index][left] > sum(self.free) or left > sum(self.places):
            return False
        # of the customers to come, all but ``skips`` weigh at least as much as this one or are lighter than it
        heavy = self.customers[index + skips].load if index + skips < len(self.customers) else 0
        if not heavy:
            return True
        same = sum(1 for customer in self.customers[index:] if customer.load >= heavy) - skips
        fitting = sum(min(places, free // heavy) for free, places in zip(self.free, self.places, strict=True))
        return same <= fitting


# ----------------------------------------------------------------------
# Lowering the highest level
# ----------------------------------------------------------------------


def _improve(seats: list[_Seat]) -> None:
    """Lower the highest level by moves and swaps while that is possible."""
    for _round in range(ROUNDS):
        top = max((seat for seat in seats if seat.count), key=lambda seat: (seat.level(), seat.tie), default=None)
        if top is None or not _lower(top, seats):
            return


def _lower(top: _Seat, seats: list[_Seat]) -> bool:
    """Lower one seat's level by exchanging up to two of its customers against up to two of another's."""
    level = top.level()
    for give_count, get_count in ((1, 0), (1, 1), (2, 1), (1, 2), (2, 2)):
        if top.by_count and give_count <= get_count:
            continue
        for seat in sorted(seats, key=lambda seat: (seat.level(), seat.tie)):
            if seat is not top and _exchange(top, seat, give_count, get_count, level):
                return True
    return False


def _exchange(top: _Seat, seat: _Seat, give_count: int, get_count: int, level: float) -> bool:
    for given in _bundles(top, seat, give_count):
        for got in _bundles(seat, top, get_count):
            gain = sum(c.load for c in given) - sum(c.load for c in got)
            if not top.by_count and gain <= 0:
                continue
            if (
                seat.has_room(gain, give_count - get_count)
                and top.has_room(-gain, get_count - give_count)
                and seat.level(gain, give_count - get_count) < level - EPS
            ):
                for customer in given:
                    top.give(customer)
                    seat.take(customer)
                for customer in got:
                    seat.give(customer)
                    top.take(customer)
                return True
    return False


def _bundles(seat: _Seat, to: _Seat, count: int):
    """Yield a representative of every combination of loads that ``seat`` could give ``to``."""
    if count == 0:
        yield ()
        return
    firsts = {}
    for load in sorted(seat.taken, reverse=True):
        # enough of them to look past those whom ``to`` may not receive
        firsts[load] = [customer for customer in seat.taken[load][:50] if to.may(customer)][:count]
    loads = [load for load in firsts if firsts[load]]
    for index, load in enumerate(loads):
        if count == 1:
            yield (firsts[load][0],)
            continue
        for other in loads[index:]:
            pair = firsts[load][:2] if other == load else [firsts[load][0], firsts[other][0]]
            if len(pair) == 2:
                yield tuple(pair)
