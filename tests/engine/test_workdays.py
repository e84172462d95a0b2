from datetime import date, timedelta

import pytest
from engine.workdays import deadline, distance, month_of, period_of

DAYS = [date(2026, 3, 1) + timedelta(days=n) for n in range(60)]
DAYS = [day for day in DAYS if day.weekday() < 5]
FRIDAY, SATURDAY, SUNDAY, MONDAY = (date(2026, 3, day) for day in (6, 7, 8, 9))


@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [
        (FRIDAY, FRIDAY, 0),
        (FRIDAY, SATURDAY, 1),
        (FRIDAY, MONDAY, 1),
        (SATURDAY, SUNDAY, 1),
        (MONDAY, MONDAY + timedelta(days=2), 2),
        (FRIDAY, MONDAY + timedelta(days=1), 2),
    ],
)
def test_distance_in_working_days(earlier, later, expected):
    assert distance(earlier, later, DAYS) == expected


def test_a_contact_of_friday_may_be_logged_until_tuesday_with_two_working_days():
    assert deadline(FRIDAY, 2, DAYS) == date(2026, 3, 10)


def test_without_backdating_a_contact_is_logged_on_its_own_day():
    assert deadline(SATURDAY, 0, DAYS) == SATURDAY


def test_bounds_of_periods():
    assert month_of(date(2024, 2, 10)) == (date(2024, 2, 1), date(2024, 2, 29))
    assert period_of("week", SUNDAY) == (date(2026, 3, 2), SUNDAY)
