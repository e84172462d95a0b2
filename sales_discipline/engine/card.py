"""The customer card: which values are real, how many cards a day asks for, and when a portfolio will be filled."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import idna

#: what people type to get past an empty field; compared without spaces, punctuation and case
_WORDS = """
    0 x х test testing tester тест тестовый проба proba пример example sample dummy none no na нет нету null nil empty
    пусто прочерк unknown неизвестно неизвестен неизвестна неуказан неуказано неуказана нетданных отсутствует
    уточнить уточняется tbd todo tba xyz abc абв qwe qwerty qwertyuiop asd asdf asdfgh zxc zxcv йцу йцукен фыв фыва
    ячс 12 123 1234 12345 123456 1234567 12345678 123456789 1234567890 321 54321 noname noemail nomail nophone
    безимени безномера нетпочты нетemail нетномера нетадреса
"""
PLACEHOLDERS = frozenset(_WORDS.split())
#: whatever stands between letters and digits
NOISE = r"[\s\-_.,;:!?*/\\|#=+~()\[\]{}<>\"'`^%$&@–—…«»№]+"
#: domains made for examples: nobody reads mail there
EXAMPLE_DOMAINS = frozenset({"example.com", "example.net", "example.org", "test.com", "test.ru", "mail.test"})
_NO_ADDRESS = frozenset(
    {"test", "тест", "noemail", "nomail", "none", "нет", "example", "asdf", "qwerty", "xxx", "нетпочты"}
)

_ATEXT = r"[a-zA-Z0-9_!#$%&'*+\-/=?^`{|}~\u0080-\U0010FFFF]"
_LOCAL = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*\Z")
_DOMAIN_CHARS = re.compile("[a-zA-Z0-9.\\-\u0080-\U0010ffff]+\\Z")
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9\-]*[a-zA-Z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z")
_SIMPLE = re.compile(r"[a-z0-9_+\-]+(?:\.[a-z0-9_+\-]+)*@(?:[a-z0-9]{1,63}\.)+[a-z]{2,24}\Z")
_NAMED = re.compile(r"[^<>@]*<([^<>]+)>\Z")
_PUNYCODE_LOOKALIKE = re.compile(r"(?!xn)..--", re.IGNORECASE)
# top-level names that are reserved or never seen on the internet (RFC 6761, 6762, 7686)
_RESERVED = ("arpa", "invalid", "local", "localhost", "onion", "test")


def bare(text: str) -> str:
    """Return ``text`` without spaces and punctuation, in lower case."""
    return re.sub(NOISE, "", text or "").lower()


def is_placeholder(text: str, words: frozenset[str] = PLACEHOLDERS) -> bool:
    """Tell whether ``text`` only pretends to be a value: "-", "000", "test", "не указан"; an empty one does too."""
    word = bare(text)
    return not word or word in words or (len(word) > 1 and len(set(word)) == 1)


def address_of(text: str) -> str:
    """Return the bare address of ``text``: ``Ivan <ivan@mail.ru>`` gives ``ivan@mail.ru``; spaces around are cut."""
    text = (text or "").strip()
    named = _NAMED.match(text)
    return named.group(1).strip() if named else text


def email_key(text: str) -> str:
    """Return what makes two entries the same mailbox to a person: the bare address in lower case."""
    return address_of(text).lower()


def is_email(text: str) -> bool:
    """Tell whether ``text`` is one e-mail address by syntax that mail on the internet could reach.

    RFC 5322 without quoted local parts and comments, RFC 6531 (letters of any script), IDNA 2008 for the domain,
    which needs a dot and a top-level name that is not reserved; at most 254 bytes. Nothing is asked from the network.
    """
    address = address_of(text)
    if _SIMPLE.match(address) and len(address) <= 200 and not address.endswith(tuple(f".{name}" for name in _RESERVED)):
        return True
    local, at, domain = address.partition("@")
    if not at or not _is_local(local):
        return False
    ascii_domain = _ascii_domain(domain)
    if not ascii_domain:
        return False
    forms = (address, f"{unicodedata.normalize('NFC', local)}@{ascii_domain}")
    return all(len(form.encode()) <= 254 for form in forms)


def _is_local(local: str) -> bool:
    for form in (local, unicodedata.normalize("NFC", local)):
        if not _LOCAL.match(form) or not _printable(form):
            return False
    return True


def _printable(text: str) -> bool:
    """Tell whether there are no spaces, controls, unassigned characters, nor a combining mark at the beginning."""
    for index, char in enumerate(text):
        kind = unicodedata.category(char)[0]
        if kind in "CZ" or (kind == "M" and not index):
            return False
    return True


def _ascii_domain(domain: str) -> str | None:
    """Return the domain as it travels (``xn--...``), None where it is none."""
    if len(domain) > 253 or not _DOMAIN_CHARS.match(domain) or not _printable(domain):
        return None
    try:
        domain = idna.uts46_remap(domain, std3_rules=False, transitional=False)
        if not _DOMAIN_CHARS.match(domain) or any(_PUNYCODE_LOOKALIKE.match(label) for label in domain.split(".")):
            return None
        if not _DOMAIN.match(domain):
            domain = ".".join(idna.alabel(label).decode("ascii") for label in domain.split("."))
        if "xn--" in domain:
            idna.encode(idna.decode(domain))
    except idna.IDNAError:
        return None
    if not _DOMAIN.match(domain) or len(domain) > 253 or any(len(label) > 63 for label in domain.split(".")):
        return None
    top = domain.rpartition(".")[2]
    if "." not in domain or not top[-1].isalpha() or top.lower() in _RESERVED:
        return None
    return domain


def is_placeholder_email(text: str) -> bool:
    """Tell whether an address that may well be valid only fills the field: test@test.ru, no@no.com, a@example.com."""
    local, _at, domain = email_key(text).partition("@")
    if domain in EXAMPLE_DOMAINS or domain.endswith((".example.com", ".example.net", ".example.org")):
        return True
    site = bare(domain.rpartition(".")[0])
    return bare(local) in _NO_ADDRESS or (is_placeholder(local) and (is_placeholder(site) or bare(local) == site))


def is_placeholder_phone(sanitized: str) -> bool:
    """Tell whether a number that numbering plans allow is nobody's: its last nine digits are the same."""
    return bool(re.search(r"(\d)\1{8}\Z", sanitized or ""))


# ---------------------------------------------------------------------------
# Quota and pace
# ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pace:
    """``left``: cards to fill; ``per_day``: cards a day; ``days``: working days it takes; ``last``: the day on which
    the last one is done (None where that lies beyond the known working days, or where nothing moves)."""

    left: int
    per_day: float
    days: int | None
    last: date | None


def demanded(quota: int, left: int) -> int:
    """Return how many cards a working day asks for: never more than what is left."""
    return max(0, min(quota, left))


def pace(left: int, per_day: float, working_days: Sequence[date], today: date) -> Pace:
    """Return when ``left`` cards are done at ``per_day`` cards a working day.

    :param working_days: the manager's own working days, ascending, absences taken out
    :param today: counted as a working day where it is one
    """
    if left <= 0:
        return Pace(0, per_day, 0, today)
    if per_day <= 0:
        return Pace(left, per_day, None, None)
    days = -(-left // per_day) if isinstance(per_day, int) else int(-(-left // per_day))
    begin = bisect_right(working_days, today)
    if begin and working_days[begin - 1] == today:
        begin -= 1
    index = begin + days - 1
    return Pace(left, per_day, days, working_days[index] if index < len(working_days) else None)
