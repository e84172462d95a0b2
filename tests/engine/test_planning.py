from collections import Counter
from datetime import date, timedelta

from engine.planning import Chain, Cover, Desk, place, place_many
from hypothesis import given
from hypothesis import strategies as st

#: March and April 2025: 21 and 22 working days
DAYS = [date(2025, 3, 1) + timedelta(days=n) for n in range(61)]
MARCH = [day for day in DAYS if day.weekday() < 5 and day.month == 3]
APRIL = [day for day in DAYS if day.weekday() < 5 and day.month == 4]
TODAY = date(2025, 3, 10)


def test_a_chain_runs_on_through_the_periods_and_starts_where_a_contact_is_owed():
    chain = Chain(4, [MARCH, APRIL])
    assert [end.day for end in chain.ends] == [7, 14, 21, 31, 7, 15, 22, 30]
    assert chain.first(date(2025, 3, 14)) == 1
    assert chain.first(date(2025, 3, 14), made=1) == 2
    # due on the last day on which he is there, though the window goes on
    assert chain.first(date(2025, 3, 12)) == 1
    # nothing is owed any more in March
    assert chain.first(None) == 4
    assert chain.first(None, judged=False) == 0


def test_the_least_loaded_day_is_taken_the_earliest_of_equals_and_never_a_full_one():
    window = MARCH[5:10]
    assert [day.day for day in window] == [10, 11, 12, 13, 14]
    desk = Desk(3, {window[0]: 2, window[1]: 1, window[2]: 3, window[3]: 1})
    assert list(place_many(desk, 9, [window], TODAY)) == [
        window[4], window[1], window[3], window[4], window[0], window[1], window[3], window[4], None,
    ]  # fmt: skip


def test_what_finds_no_room_goes_into_the_next_window():
    chain = Chain(4, [MARCH, APRIL])
    desk = Desk(1)
    days = list(place_many(desk, 8, chain.windows[1:], TODAY))
    assert days[:5] == list(chain.windows[1])
    assert set(days[5:]) < set(chain.windows[2])


def test_nothing_is_planned_before_the_earliest_day_in_an_absence_or_a_pause():
    window = MARCH[5:10]
    desk = Desk(15, away={window[1]})
    assert place(desk, [window], window[1]) == window[2]
    assert place(desk, [window], window[0], blocked={window[0], window[2]}) == window[3]


def test_a_window_inside_an_absence_is_the_substitutes_and_one_that_sticks_out_is_his_own():
    chain = Chain(4, [MARCH, APRIL])
    inside, following = chain.windows[1], chain.windows[2]
    desk = Desk(15, away=set(inside))
    cover = Cover(set(inside), Desk(15, {inside[0]: 1}))
    assert place(desk, [inside, following], TODAY, (), [cover]) == inside[1]
    assert cover.desk.load[inside[1]] == 1
    assert place(desk, [(*inside, *following)], TODAY, (), [cover]) == following[0]
    # nobody stands in: the next window
    assert place(desk, [inside, following], TODAY) == following[1]


wishes = st.lists(st.tuples(st.sampled_from([1, 2, 4]), st.integers(0, 6)), max_size=60)


@given(
    wishes=wishes,
    capacity=st.integers(1, 4),
    load=st.dictionaries(st.sampled_from(MARCH + APRIL), st.integers(0, 5)),
    away=st.sets(st.sampled_from(MARCH + APRIL)),
)
def test_capacity_and_absences_are_never_broken_and_each_contact_takes_the_least_loaded_day_of_its_time(
    wishes, capacity, load, away
):
    desk = Desk(capacity, load, away)
    mirror = Counter(load)
    for goal, first in wishes:
        following = Chain(goal, [MARCH, APRIL]).windows[first:]
        day = place(desk, following, TODAY)
        free = [
            [d for d in window if d >= TODAY and d not in away and mirror[d] < capacity] for window in following
        ]  # fmt: skip
        free = next((days for days in free if days), None)
        assert day == (min(free, key=lambda d: (mirror[d], d)) if free else None)
        if day:
            mirror[day] += 1
    assert all(count <= max(capacity, load.get(day, 0)) for day, count in mirror.items())


@given(goal=st.sampled_from([1, 2, 4]), first=st.integers(0, 4), count=st.integers(0, 80), capacity=st.integers(1, 3))
def test_many_at_once_are_placed_as_one_by_one(goal, first, count, capacity):
    following = Chain(goal, [MARCH, APRIL]).windows[first:]
    single = Desk(capacity)
    assert list(place_many(Desk(capacity), count, following, TODAY)) == [
        place(single, following, TODAY) for _number in range(count)
    ]
