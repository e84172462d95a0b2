import pytest
from engine.matching import (
    Customers,
    Known,
    Managers,
    Person,
    normal_emails,
    normal_kpp,
    normal_name,
    normal_phones,
    normal_vat,
    similarity,
)
from hypothesis import example, given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    "name",
    [
        "ООО «Ромашка»",
        'ООО "Ромашка"',
        "Ромашка, ООО",
        "РОМАШКА",
        "Общество с ограниченной ответственностью «Ромашка»",
        "О.О.О. Ромашка",
        "ooo Ромашка",
        "  Ромашка  LLC ",
    ],
)
def test_one_customer_however_his_name_is_written(name):
    assert normal_name(name) == "ромашка"


def test_a_name_keeps_what_is_not_a_legal_form():
    assert normal_name("ИП Иванов Пётр") == "иванов петр"
    assert normal_name("Müller & Söhne GmbH") == "müller söhne"
    assert normal_name("S.A.S. Dupont") == "dupont"
    # nothing else is left: it is the name
    assert normal_name("ООО «АО»") == "ооо ао"
    assert normal_name(None) == ""


def test_inn_and_kpp_in_one_cell_or_spoiled_by_a_spreadsheet():
    assert normal_vat("7701234567/770101001") == ("7701234567", "770101001")
    assert normal_vat("ИНН 7701234567 КПП 770101001") == ("7701234567", "770101001")
    assert normal_vat(7701234567) == ("7701234567", "")
    assert normal_vat("7701234567.0") == ("7701234567", "")
    # an INN of Adygea lost its zero
    assert normal_vat(105012345) == ("0105012345", "")
    assert normal_vat("DE 123 456 789") == ("DE123456789", "")
    assert normal_vat(None) == ("", "")
    assert normal_kpp("77010-1001") == "770101001"
    assert normal_kpp(10501001) == "010501001"
    assert normal_kpp("none") == ""


def test_phones_and_addresses_in_any_spelling():
    assert normal_phones("8 (495) 123-45-67, +7 495 765-43-21 доб. 12") == ["4951234567", "4957654321"]
    assert normal_phones("12-34") == []
    assert normal_emails("Info@Romashka.ru; sales@romashka.ru") == ["info@romashka.ru", "sales@romashka.ru"]


KNOWN = [
    Known(1, 1, "ООО «Ромашка»", "C-1", "7701234567", "770101001", "info@romashka.ru", "+7 495 123-45-67"),
    Known(2, 2, "Ромашка, филиал в Твери", "C-2", "7701234567", "690101001"),
    Known(3, 3, "АО Лютик", "C-3", "7702345678"),
    # one of Lyutik's people
    Known(4, 3, "Анна Лютикова", emails="anna@lyutik.ru"),
    Known(5, 5, "Вектор", "C-5"),
    Known(6, 6, "ООО Вектор", "C-6"),
]


def test_the_strongest_key_that_finds_one_decides():
    customers = Customers(KNOWN)
    for row, customer, by in (
        ({"id": "3.0"}, 3, "id"),
        ({"ref": "c-1"}, 1, "ref"),
        ({"ref": "unknown", "vat": "7702345678"}, 3, "vat"),
        ({"vat": "7701234567", "kpp": "690101001"}, 2, "vat"),
        ({"vat": "7701234567/770101001"}, 1, "vat"),
        ({"name": "ромашка"}, 1, "name"),
        ({"name": "somebody", "email": "ANNA@lyutik.ru"}, 3, "email"),
        ({"phone": "84951234567"}, 1, "phone"),
        # two of that name: the reference tells them apart, whichever is strongest
        ({"name": "Вектор", "ref": "C-6"}, 6, "ref"),
    ):
        match = customers.match(row)
        assert (match.customer, match.by, match.problem) == (customer, by, "")


def test_what_is_not_sure_is_offered_and_not_taken():
    customers = Customers(KNOWN)
    match = customers.match({"name": "Вектор"})
    assert (match.problem, match.key, match.close) == ("ambiguous", "name", [5, 6])
    match = customers.match({"name": "Ромашкаа"})
    assert (match.problem, match.close[0]) == ("unknown", 1)
    assert customers.match({"name": "Ромошко"}).close[0] == 1
    match = customers.match({"vat": "7701234567"})
    assert (match.problem, match.close) == ("ambiguous", [1, 2])
    # a branch that nobody knows: the others of the same INN are offered
    match = customers.match({"vat": "7701234567", "kpp": "500101001"})
    assert (match.problem, match.close) == ("unknown", [1, 2])
    assert customers.match({"name": ""}).problem == "empty"
    assert customers.match({"name": "Совсем другое"}).close == []


def test_a_reference_and_a_tax_number_of_different_customers_decide_nothing():
    match = Customers(KNOWN).match({"ref": "C-1", "vat": "7702345678"})
    assert (match.id, match.problem, match.key, match.other) == (None, "contradiction", "ref", "vat")
    assert match.close == [1, 3]
    # an employee's address and his company's number are no contradiction
    assert Customers(KNOWN).match({"id": 4, "vat": "7702345678"}).customer == 3


def test_managers_by_login_and_name():
    managers = Managers(
        [
            Person(1, "Иван Петров", "petrov", "i.petrov@shop.ru"),
            Person(2, "Анна Сергеевна Иванова", "ivanova"),
            Person(3, "Анна Иванова", "anna2"),
            Person(4, "Олег Старый", "old", active=False),
            Person(5, "Пётр Сидоров", "sidorov"),
        ]
    )
    for cell, user in (
        ("petrov", 1),
        ("I.Petrov@shop.ru", 1),
        ("Петров Иван", 1),
        ("ПЕТРОВ И.", 1),
        ("Петров Иван Сергеевич", 1),
        ("Иванова А. С.", 2),
        ("Сидоров Петр", 5),
    ):
        assert managers.match(cell).id == user, cell
    assert managers.match("Старый Олег").problem == "archived"
    assert (managers.match("Иванова А.").problem, managers.match("Иванова А.").close) == ("ambiguous", [2, 3])
    assert managers.match("Сидорров Пётр").close == [5]
    assert managers.match(" ").problem == "empty"
    assert managers.match("Сидоров").problem == "unknown"


@given(st.text(max_size=30))
def test_plain_names_stay_plain(name):
    assert normal_name(normal_name(name)) == normal_name(name)
    assert 0 <= similarity(normal_name(name), "ромашка") <= 1


@example({"id": "²"})
@example({"id": "9" * 5000})
@given(st.dictionaries(st.sampled_from(["id", "ref", "vat", "kpp", "name", "email", "phone"]), st.text(max_size=20)))
def test_no_row_breaks_the_matching(row):
    match = Customers(KNOWN).match(row)
    assert (match.id is None) == bool(match.problem)
    assert len(match.close) <= 3
