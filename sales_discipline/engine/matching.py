"""Which customer, and which manager, a row of somebody else's table means.

People write "ООО «Ромашка»", "Ромашка, ООО" and "romashka@mail.ru" for the same customer. Every way of naming him is
brought to one plain form; the strongest one that finds exactly one customer decides, and two that contradict each
other decide nothing. What is only similar is offered, never taken.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import NamedTuple

_FORMS = """
ооо оао зао пао ао нао одо ип чп пбоюл тоо тдо гуп муп фгуп мбу гбу фгбу гку ано нко кфх снт тсж пк спк
ooo ltd llc llp lp inc incorporated corp corporation co company limited plc gmbh ag kg ohg ug sa sas sarl srl spa
bv nv oy ab as aps oü sia uab kft doo ood ead
"""
#: words of the legal form: they say nothing about who it is
LEGAL_FORMS = frozenset(_FORMS.split())
#: the same written out, longest first
LONG_FORMS = (
    "общество с ограниченной ответственностью",
    "публичное акционерное общество",
    "непубличное акционерное общество",
    "закрытое акционерное общество",
    "открытое акционерное общество",
    "акционерное общество",
    "индивидуальный предприниматель",
    "товарищество с ограниченной ответственностью",
    "крестьянское фермерское хозяйство",
    "государственное унитарное предприятие",
    "муниципальное унитарное предприятие",
    "limited liability company",
)
#: from this similarity on a name is offered as a close one
CLOSE = 0.4
#: names below this similarity are not compared letter by letter
GLANCE = 0.15
#: from this share of common letters on two names differ by slips of the pen
SLIP = 0.7
#: so many close ones at most
OFFERED = 3
#: so many names that share a word are looked at
LOOKED_AT = 300

_VOWELS = re.compile("[аеёиоуыэюяaeiouy]")
_NO_LETTER = re.compile(r"[^\w]+|_+")
_EMAIL = re.compile(r"[\w.+'-]+@[\w-]+(?:\.[\w-]+)+")


def normal_text(text: object) -> str:
    """Return words in small letters, one space apart, without quotes, punctuation and accents; ё is е."""
    plain = unicodedata.normalize("NFKC", str(text or "")).casefold().replace("ё", "е")
    return " ".join(_NO_LETTER.sub(" ", plain).split())


def normal_name(name: object) -> str:
    """Return a customer's name without its legal form and quotes; what is nothing but a legal form stays as it is."""
    # a form written with dots or slashes is one word: "О.О.О.", "S.A."
    joined = re.sub(r"\b(\w)\.\s?(?=\w\b)", r"\1", str(name or ""))
    plain = normal_text(joined)
    bare = f" {plain} "
    for form in LONG_FORMS:
        bare = bare.replace(f" {form} ", " ")
    words = [word for word in bare.split() if word not in LEGAL_FORMS]
    return " ".join(words) or plain


def normal_vat(value: object) -> tuple[str, str]:
    """Return (VAT or INN, KPP) of what stands in a tax number's cell: "7701234567 / 770101001" holds both.

    A number that a spreadsheet took for one ("7701234567.0") loses its fraction, and its lost leading zero is put
    back: an INN has 10 or 12 digits.
    """
    text = unicodedata.normalize("NFKC", str(value or "")).upper()
    text = re.sub(r"\.0+$", "", text.strip())
    text = re.sub(r"ИНН|INN|КПП|KPP|VAT", " ", text)
    parts = [re.sub(r"[^0-9A-ZА-Я]", "", part) for part in re.split(r"[/\\|;,:]|\s+(?=\d{9}\b)", text)]
    parts = [part for part in parts if part]
    if not parts:
        return "", ""
    number = parts[0]
    kpp = parts[1] if len(parts) > 1 and re.fullmatch(r"\d{4}[0-9A-Z]{2}\d{3}", parts[1]) else ""
    if number.isdigit() and len(number) in (9, 11):
        number = number.zfill(len(number) + 1)
    return number, kpp


def normal_kpp(value: object) -> str:
    """Return the KPP, nine signs; empty where it is none."""
    text = re.sub(r"\.0+$", "", str(value or "").strip().upper())
    text = re.sub(r"[^0-9A-Z]", "", text)
    text = text.zfill(9) if text.isdigit() and len(text) == 8 else text
    return text if re.fullmatch(r"\d{4}[0-9A-Z]{2}\d{3}", text) else ""


def normal_emails(value: object) -> list[str]:
    """Return the e-mail addresses in a cell, in small letters."""
    return [address.casefold() for address in _EMAIL.findall(str(value or ""))]


def normal_phones(value: object) -> list[str]:
    """Return the phone numbers in a cell by their last ten digits: 8 (495) 123-45-67 is +7 495 123-45-67.

    Numbers of fewer than seven digits are no phones.
    """
    found = []
    for part in re.split(r"[,;/\n]|\bдоб\.?.*|\bext\.?.*", re.sub(r"\.0+$", "", str(value or ""))):
        digits = re.sub(r"\D", "", part)
        if len(digits) >= 7:
            found.append(digits[-10:])
    return found


def similarity(left: str, right: str) -> float:
    """Return how alike two plain names are, 0 to 1: common trigrams of all trigrams (Jaccard's index)."""
    one, two = _trigrams(left), _trigrams(right)
    return len(one & two) / len(one | two) if one and two else 0.0


def likeness(left: str, right: str) -> float:
    """Return how likely two plain names are the same with a slip of the pen, 0 to 1.

    Trigrams find swapped and missing words, the longest common pieces find wrong letters in short names.
    """
    common = similarity(left, right)
    if common < GLANCE:
        return common
    pieces = SequenceMatcher(None, left, right, autojunk=False).ratio()
    return max(common, pieces if pieces >= SLIP else 0.0)


def _trigrams(name: str) -> set[str]:
    padded = f"  {name} "
    return {padded[index : index + 3] for index in range(len(padded) - 2)} if name else set()


class Known(NamedTuple):
    """A partner whom a row may mean. ``customer`` is who is judged for him: his company, or the head of its group.

    Two partners of one customer contradict nobody: an employee's e-mail stands for his company.
    """

    id: int
    customer: int
    name: str = ""
    ref: str = ""
    vat: str = ""
    kpp: str = ""
    emails: str = ""
    phones: str = ""


@dataclass(slots=True)
class Match:
    """What a row means.

    ``id``: the partner found, or None; ``customer``: whose purchases and manager they are; ``by``: which key decided
    (id, ref, vat, name, email, phone); ``problem``: why none is taken: ``empty`` (the row names nobody), ``unknown``,
    ``ambiguous`` (several have it) or ``contradiction`` (two keys mean different ones), with ``key`` that failed;
    ``close``: ids of those who are offered, the likeliest first.
    """

    id: int | None = None
    customer: int | None = None
    by: str = ""
    problem: str = ""
    key: str = ""
    other: str = ""
    close: list[int] = field(default_factory=list)


#: the ways of naming a customer, the strongest first
KEYS = ("id", "ref", "vat", "name", "email", "phone")
#: those that two different customers do not share by chance
STRONG = ("id", "ref", "vat")


class Customers:
    """All customers by every way of naming them."""

    def __init__(self, known: Iterable[Known]):
        """:param known: partners, each once"""
        self._by_id: dict[int, Known] = {}
        self._index: dict[str, dict[str, list[int]]] = {key: {} for key in KEYS if key != "id"}
        self._names: dict[int, str] = {}
        self._words: dict[str, list[int]] | None = None
        for partner in known:
            self._by_id[partner.id] = partner
            name = normal_name(partner.name)
            vat, kpp = normal_vat(partner.vat)
            if kpp and not partner.kpp:
                self._by_id[partner.id] = partner._replace(kpp=kpp)
            self._names[partner.id] = name
            self._add("ref", str(partner.ref or "").strip().casefold(), partner.id)
            self._add("vat", vat, partner.id)
            self._add("name", name, partner.id)
            for address in normal_emails(partner.emails):
                self._add("email", address, partner.id)
            for phone in normal_phones(partner.phones):
                self._add("phone", phone, partner.id)

    def _add(self, key: str, value: str, partner: int) -> None:
        if value:
            self._index[key].setdefault(value, []).append(partner)

    def match(self, row: Mapping[str, object]) -> Match:
        """Return which customer a row means.

        :param row: values as they stand in the file, by key: id, ref, vat, kpp, name, email, phone
        """
        found, problem, given = [], Match(problem="empty"), False
        for key in KEYS:
            candidates = self._candidates(key, row)
            if candidates is None:
                continue
            given = True
            customers = {self._by_id[partner].customer for partner in candidates}
            if len(customers) == 1:
                found.append((key, self._one(candidates)))
                if key not in STRONG:
                    break
            elif len(customers) > 1 and not found and problem.problem != "ambiguous":
                problem = Match(problem="ambiguous", key=key, close=self._distinct(candidates))
            if found and key == STRONG[-1]:
                break
        if found:
            return self._decide(found)
        if given and problem.problem != "ambiguous":
            return Match(problem="unknown", close=self.close(row.get("name"), row))
        return problem

    def _decide(self, found):
        """Return the strongest key's customer, unless another strong key means somebody else."""
        key, partner = found[0]
        for other, another in found[1:]:
            if self._by_id[another].customer != self._by_id[partner].customer:
                return Match(problem="contradiction", key=key, other=other, close=self._distinct([partner, another]))
        return Match(id=partner, customer=self._by_id[partner].customer, by=key)

    def _one(self, candidates):
        """Return the partner who stands for all of them: the customer himself if he is among them."""
        customer = self._by_id[candidates[0]].customer
        return customer if customer in candidates else min(candidates)

    def _distinct(self, candidates):
        """Return one partner per customer, at most as many as are offered."""
        seen = {}
        for partner in sorted(candidates):
            seen.setdefault(self._by_id[partner].customer, self._one([partner]))
        return list(seen.values())[:OFFERED]

    def _candidates(self, key, row):
        """Return the partners that this key of the row names, or None where the row does not use the key."""
        value = row.get(key)
        if value in (None, ""):
            return None
        if key == "id":
            text = re.sub(r"\.0+$", "", str(value).strip())
            # eighteen digits are more than any id has; other digits than 0 to 9 (as a superscript two) are no id
            return [int(text)] if re.fullmatch(r"[0-9]{1,18}", text) and int(text) in self._by_id else []
        if key == "vat":
            return self._by_vat(row)
        if key in ("email", "phone"):
            values = normal_emails(value) if key == "email" else normal_phones(value)
        else:
            values = [normal_name(value) if key == "name" else re.sub(r"\.0+$", "", str(value)).strip().casefold()]
        if not any(values):
            return None
        return [partner for one in values for partner in self._index[key].get(one, ())]

    def _by_vat(self, row):
        """Return the partners with this tax number; the KPP tells branches of one company apart."""
        number, kpp = normal_vat(row.get("vat"))
        if not number:
            return None
        kpp = normal_kpp(row.get("kpp")) or kpp
        candidates = self._index["vat"].get(number, [])
        if kpp:
            exact = [partner for partner in candidates if self._by_id[partner].kpp == kpp]
            # who has no KPP yet may be any branch; who has another one is another branch
            return exact or [partner for partner in candidates if not self._by_id[partner].kpp]
        return candidates

    def close(self, name: object, row: Mapping[str, object] | None = None) -> list[int]:
        """Return the ids of those who may be meant: other branches of the same tax number, then similar names."""
        offered = []
        number = normal_vat((row or {}).get("vat"))[0]
        if number:
            offered += self._index["vat"].get(number, [])
        plain = normal_name(name) if name else ""
        if plain:
            scored = sorted(
                ((likeness(plain, self._names[partner]), partner) for partner in self._sharing(plain)),
                key=lambda pair: (-pair[0], pair[1]),
            )
            offered += [partner for score, partner in scored if score >= CLOSE]
        seen = {}
        for partner in offered:
            seen.setdefault(self._by_id[partner].customer, partner)
        return list(seen.values())[:OFFERED]

    def _sharing(self, plain):
        """Return partners whose name shares the beginning, the end or the consonants of a word, the rarest first."""
        if self._words is None:
            self._words = {}
            for partner, name in self._names.items():
                for piece in self._pieces(name):
                    self._words.setdefault(piece, []).append(partner)
        lists = sorted((self._words[piece] for piece in self._pieces(plain) if piece in self._words), key=len)
        found = {}
        for partners in lists:
            for partner in partners[: LOOKED_AT - len(found)]:
                found[partner] = True
            if len(found) >= LOOKED_AT:
                break
        return list(found)

    @staticmethod
    def _pieces(name):
        pieces = set()
        for word in name.split():
            if len(word) > 2:
                consonants = _VOWELS.sub("", word)
                pieces.update((f"{word[:4]}*", f"*{word[-4:]}", *([f"~{consonants}"] if len(consonants) > 2 else ())))
        return pieces


class Person(NamedTuple):
    """A user who may be meant as the manager."""

    id: int
    name: str
    login: str = ""
    email: str = ""
    active: bool = True


@dataclass(slots=True)
class PersonMatch:
    """Which manager a cell means. ``problem``: empty, unknown, ambiguous or archived; ``close`` are offered."""

    id: int | None = None
    problem: str = ""
    close: list[int] = field(default_factory=list)


class Managers:
    """All managers by login, e-mail and name; "Петров И. С." is Иван Сергеевич Петров if there is only one."""

    def __init__(self, people: Iterable[Person]):
        self._people = {person.id: person for person in people}
        self._exact: dict[str, list[int]] = {}
        for person in self._people.values():
            words = normal_text(person.name)
            for key in {person.login.strip().casefold(), person.email.strip().casefold(), self._sorted(words)} - {""}:
                self._exact.setdefault(key, []).append(person.id)
        self._cache: dict[str, PersonMatch] = {}

    @staticmethod
    def _sorted(words):
        """Return the words in one order, so that the family name may stand first or last."""
        return " ".join(sorted(words.split()))

    def match(self, value: object) -> PersonMatch:
        """Return which manager a cell means.

        :param value: a name, a login or an e-mail address
        """
        text = str(value or "").strip()
        if text not in self._cache:
            self._cache[text] = self._match(text)
        return self._cache[text]

    def _match(self, text):
        if not text:
            return PersonMatch(problem="empty")
        found = self._exact.get(text.casefold()) or self._exact.get(self._sorted(normal_text(text))) or []
        if not found:
            words = normal_text(text).split()
            fitting = [person for person in self._people.values() if self._fits(words, normal_text(person.name))]
            # whose name has all the words of the cell fits better than one with a patronymic less
            whole = [person for person in fitting if len(normal_text(person.name).split()) >= len(words)]
            found = [person.id for person in whole or fitting]
        present = [number for number in found if self._people[number].active]
        if len(present) == 1:
            return PersonMatch(id=present[0])
        if present:
            return PersonMatch(problem="ambiguous", close=sorted(present)[:OFFERED])
        if found:
            return PersonMatch(problem="archived", close=sorted(found)[:1])
        plain = self._sorted(normal_text(text))
        scored = sorted(
            (-likeness(plain, self._sorted(normal_text(p.name))), p.id) for p in self._people.values() if p.active
        )
        return PersonMatch(problem="unknown", close=[number for score, number in scored if -score >= CLOSE][:OFFERED])

    @staticmethod
    def _fits(words, name):
        """Tell whether a cell and a name agree word by word, initials included; one of them may know a patronymic more.

        At least two words agree, one of them written out.
        """
        few, many = sorted((words, name.split()), key=len)
        if len(few) < 2:
            return False
        rest = list(many)
        full = 0
        for word in sorted(few, key=len, reverse=True):
            hit = next((one for one in rest if one == word), None) or next(
                (one for one in rest if min(len(one), len(word)) == 1 and one[0] == word[0]), None
            )
            if hit is None:
                return False
            full += hit == word and len(word) > 1
            rest.remove(hit)
        return full > 0
