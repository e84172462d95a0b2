from datetime import date, timedelta
from itertools import pairwise

from engine.verdicts import Interval, attainment, coverage, frequency, judge, reach, recompute
from hypothesis import given
from hypothesis import strategies as st

DAYS = [date(2026, 10, 1) + timedelta(days=n) for n in range(31)]
DAYS = [day for day in DAYS if day.weekday() < 5]
ANNA, BORIS = 1, 2
START, END = date(2026, 10, 1), date(2026, 11, 1)


def closed(goal, intervals, counted, away=None):
    return judge(goal, DAYS, intervals, counted, away, closed=True)


def test_a_manager_who_made_his_four_contacts_met_the_norm():
    found = closed(4, [Interval(ANNA, START)], [DAYS[0], DAYS[6], DAYS[12], DAYS[18]])
    assert (found.verdicts[ANNA].attained, found.verdicts[ANNA].goal, found.verdicts[ANNA].state) == (4, 4, "met")


def test_more_contacts_than_the_goal_are_not_attained():
    found = closed(1, [Interval(ANNA, START)], DAYS[:5]).verdicts[ANNA]
    assert (found.attained, found.counted) == (1, 5)


def test_customer_received_on_the_29th_is_not_held_against_the_new_manager():
    found = closed(4, [Interval(ANNA, START, date(2026, 10, 29)), Interval(BORIS, date(2026, 10, 29))], [])
    assert (found.verdicts[ANNA].goal, found.verdicts[ANNA].state) == (4, "missed")
    assert BORIS not in found.verdicts


def test_a_window_held_in_halves_is_the_later_managers():
    # the last window is 23, 26, 27 | 28, 29, 30 October
    found = closed(4, [Interval(ANNA, START, date(2026, 10, 28)), Interval(BORIS, date(2026, 10, 28))], [])
    assert (found.verdicts[ANNA].goal, found.verdicts[BORIS].goal) == (3, 1)


def test_what_the_former_manager_did_beyond_his_goal_is_carried_to_the_next_and_never_back():
    halves = [Interval(ANNA, START, date(2026, 10, 16)), Interval(BORIS, date(2026, 10, 16))]
    found = closed(4, halves, [DAYS[0], DAYS[3], DAYS[6]])
    assert [found.verdicts[user].attained for user in (ANNA, BORIS)] == [2, 1]
    found = closed(4, halves, [DAYS[15], DAYS[17], DAYS[19]])
    assert [found.verdicts[user].attained for user in (ANNA, BORIS)] == [0, 2]


def test_a_window_of_illness_is_excused():
    found = closed(4, [Interval(ANNA, START)], [], {ANNA: frozenset(DAYS[:5])}).verdicts[ANNA]
    assert (found.goal, found.excused) == (3, 1)


def test_whoever_was_ill_all_month_is_not_judged():
    found = closed(4, [Interval(ANNA, START)], [], {ANNA: frozenset(DAYS)}).verdicts[ANNA]
    assert (found.goal, found.excused, found.state) == (0, 4, "excused")


def test_a_contact_is_due_on_the_last_day_of_the_window_on_which_he_was_there():
    away = {ANNA: frozenset(DAYS[3:5])}
    found = judge(4, DAYS, [Interval(ANNA, START)], [], away, today=DAYS[0]).verdicts[ANNA]
    assert found.due_next == DAYS[2]


def test_behind_begins_on_the_day_after_the_due_day():
    def state(today):
        return judge(4, DAYS, [Interval(ANNA, START)], [], today=today).verdicts[ANNA].state

    assert state(DAYS[4]) == "on_track"
    assert state(DAYS[5]) == "behind"


def test_days_of_nobody_belong_to_nobody():
    found = closed(4, [Interval(ANNA, START, DAYS[5]), Interval(BORIS, DAYS[16])], [DAYS[10]])
    assert found.nobody == 2
    assert sum(v.attained for v in found.verdicts.values()) == 0


def test_figures_of_a_manager_hide_no_missed_customer_behind_many_contacts_with_another():
    many = closed(1, [Interval(ANNA, START)], DAYS[:9]).verdicts[ANNA]
    none = closed(4, [Interval(ANNA, START)], []).verdicts[ANNA]
    assert attainment([many, none]) == 1 / 5
    assert (reach([many, none]), coverage([many, none]), frequency([many, none])) == (0.5, 0.5, 9)
    assert attainment([]) is None


@st.composite
def cases(draw):
    cuts = sorted(draw(st.sets(st.integers(0, 31), min_size=1, max_size=5)))
    edges = [*cuts, 32]
    intervals = [
        Interval(draw(st.integers(1, 3)), START + timedelta(days=low), START + timedelta(days=high))
        for low, high in pairwise(edges)
        if draw(st.booleans())
    ]
    counted = [START + timedelta(days=n) for n in draw(st.lists(st.integers(0, 30), max_size=10))]
    away = {user: frozenset(draw(st.sets(st.sampled_from(DAYS)))) for user in draw(st.sets(st.integers(1, 3)))}
    return draw(st.integers(1, 25)), intervals, sorted(counted), away


@given(cases())
def test_every_contact_owed_belongs_to_one_manager_is_excused_or_is_nobodys(case):
    goal, intervals, counted, away = case
    found = closed(goal, intervals, counted, away)
    owed = sum(verdict.goal + verdict.excused for verdict in found.verdicts.values())
    assert owed + found.nobody == found.n == min(goal, len(DAYS))
    assert all(0 <= verdict.attained <= verdict.goal for verdict in found.verdicts.values())


@given(cases())
def test_the_carry_of_the_sql_says_the_same_as_the_loop(case):
    goal, intervals, counted, away = case
    chain = [interval for interval in intervals if interval.stop > interval.start]
    found = closed(goal, chain, counted, away)
    # in SQL a carry is S - min(0, min S so far) with S = cumsum(counted - goal); one interval per person suffices here
    if len({interval.user for interval in chain}) != len(chain):
        return
    total, low, before = 0, 0, 0
    for interval in chain:
        verdict = found.verdicts.get(interval.user)
        done, owed = (verdict.counted, verdict.goal) if verdict else (0, 0)
        total += done - owed
        low = min(low, total)
        carry = total - low
        assert done - carry + before == (verdict.attained if verdict else 0)
        before = carry


@given(cases())
def test_a_final_verdict_is_recomputed_from_its_evidence(case):
    goal, intervals, counted, away = case
    evidence = {
        "n": goal,
        "intervals": [[i.user, i.start.isoformat(), i.stop.isoformat()] for i in intervals],
        "contacts": [[n, day.isoformat(), True, None, 1] for n, day in enumerate(counted)],
    }
    snapshot = {
        "days": [day.isoformat() for day in DAYS],
        "away": {str(user): [day.isoformat() for day in sorted(gone)] for user, gone in away.items()},
    }
    assert recompute(evidence, snapshot) == closed(goal, intervals, counted, away)
