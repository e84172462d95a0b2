"""A customer base as it is found: many formats, duplicates, placeholders, foreign scripts; the same for each seed."""

import random
from collections import namedtuple

Card = namedtuple("Card", "name country phone email street city buyer")

COUNTRIES = ("RU", "RU", "RU", "KZ", "DE", "US")
_NAMES = (
    "ivan",
    "ivan.petrov",
    "o'neil",
    "x+tag",
    "иван",
    "田中",
    "sales",
    "test",
    "a..b",
    ".a",
    "a b",
    "é",
    "INFO",
    "",
)
_SITES = (
    "mail.ru",
    "yandex.ru",
    "пример.рф",
    "xn--e1afmkfd.xn--p1ai",
    "中国.cn",
    "straße.de",
    "mail",
    "mail..ru",
    "-mail.ru",
    "mail.ru.",
    "mail.local",
    "ma_il.ru",
    "mail,ru",
    "1.2.3.4",
    "MAIL.RU",
    "test.ru",
)
JUNK = (
    "-",
    "000",
    "test",
    "нет",
    "не указан",
    "?",
    "123",
    "test@test",
    "+7",
    "уточнить",
    "12345678901234567890",
    "０００",
    "9999999999",
)
_COMPANIES = ("ООО «Ромашка»", "ИП Иванов", "株式会社", "شركة", "Müller GmbH", "Acme", "ТОО Қазақ", "Ζεύς")
_STREETS = (
    "Lenina 5",
    "ул. Мира, 1",
    "Königstraße 3",
    "東京都 1-2",
    "شارع 5",
    "Тест",
    "XXX",
    "— —",
    "Ы",
    "н/д",
    "",
    "Abai 10",
)
_CITIES = ("Kazan", "Москва", "Алматы", "東京", "-", "нет", "", "Berlin", "New York")


def emails(rng, count):
    """Yield e-mails: right, mistyped, in any script, several at once, junk."""
    for _ in range(count):
        draw = rng.random()
        if draw < 0.1:
            yield rng.choice(JUNK)
            continue
        number = rng.choice(("", rng.randrange(10000)))
        value = f"{rng.choice(_NAMES)}{number}{rng.choice('@@@@@@@@ ')}{rng.choice(_SITES)}"
        if draw < 0.2:
            value = rng.choice(
                (f" {value} ", f"{value}; b@mail.ru", f"{value}, {value}", f"Ivan <{value}>", f"<{value}")
            )
        yield value


def phones(rng, count):
    """Yield (phone, country code)."""
    for _ in range(count):
        country = rng.choice(COUNTRIES)
        draw = rng.random()
        if draw < 0.1:
            yield rng.choice(JUNK), country
            continue
        digits = "".join(str(rng.randrange(10)) for _ in range(rng.choice((3, 6, 7, 9, 10, 10, 10, 10, 10, 11))))
        city = rng.choice(("495", "812", "912", "999", "727", ""))
        number = (city + digits)[: max(len(digits), 3)]
        prefix = rng.choice(("+7", "8", "7", "", "+49", "+1", "0049", "810"))
        shape = rng.choice(
            ("{p}{n}", "{p} ({a}) {b}", "{p}-{a}-{b}", "тел. {p}{n}", "{p}{n} доб. 12", "{p} {a} {b}/{a}")
        )
        yield shape.format(p=prefix, n=number, a=number[:3], b=number[3:]), country


def cards(seed, count):
    """Return ``count`` customers; a fifth of them carry an earlier one's phone or e-mail, often spelled differently."""
    rng = random.Random(seed)
    result = []
    for index, (email, (phone, country), (buyer, _country)) in enumerate(
        zip(emails(rng, count), phones(rng, count), phones(rng, count), strict=True)
    ):
        draw = rng.random()
        if index and draw < 0.2:
            other = rng.choice(result[-500:])
            phone, country = rng.choice((other.phone, other.phone.replace(" ", "").replace("-", ""))), other.country
            email = rng.choice((email, other.email, other.email.upper()))
        result.append(
            Card(
                f"{rng.choice(_COMPANIES)} {index}",
                country,
                rng.choice((phone, phone, phone, "")),
                rng.choice((email, email, email, "")),
                rng.choice(_STREETS),
                rng.choice(_CITIES),
                rng.choice((buyer, "", None)),
            )
        )
    return result
