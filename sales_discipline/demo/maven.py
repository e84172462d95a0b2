"""Reads the Maven CRM files (see maven/README.md) as plain records; no Odoo here."""

import csv
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

FOLDER = Path(__file__).parent / "maven"
#: the last day of the data
LAST_DAY = date(2017, 12, 31)
PRODUCTS = {"GTXPro": "GTX Pro"}
SECTORS = {"technolgy": "technology"}
COUNTRIES = {"Philipines": "Philippines", "Korea": "South Korea"}


@dataclass(frozen=True, slots=True)
class Account:
    """``parent`` is the name of the account that it is a subsidiary of, empty where it is none's."""

    name: str
    sector: str
    country: str
    employees: int
    founded: int
    parent: str


@dataclass(frozen=True, slots=True)
class Deal:
    """``value`` is what a won deal brought; ``price`` the list price of the product. Dates may be unknown."""

    ref: str
    agent: str
    product: str
    account: str
    stage: str
    engaged: date | None
    closed: date | None
    value: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Pipeline:
    """``teams`` is {agent: (manager, regional office)}; ``last_day`` the moved last day of the data."""

    accounts: list[Account]
    products: dict[str, Decimal]
    teams: dict[str, tuple[str, str]]
    deals: list[Deal]
    last_day: date


def _rows(name):
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def read(shift: int = 0) -> Pipeline:
    """Return the pipeline with all its dates moved by ``shift`` days."""
    move = timedelta(days=shift)

    def day(text):
        return date.fromisoformat(text) + move if text else None

    products = {row["product"]: Decimal(row["sales_price"]) for row in _rows("products")}
    accounts = [
        Account(
            row["account"],
            SECTORS.get(row["sector"], row["sector"]),
            COUNTRIES.get(row["office_location"], row["office_location"]),
            int(row["employees"]),
            int(row["year_established"]),
            row["subsidiary_of"],
        )
        for row in _rows("accounts")
    ]
    deals = []
    for row in _rows("sales_pipeline"):
        product = PRODUCTS.get(row["product"], row["product"])
        deals.append(
            Deal(
                row["opportunity_id"],
                row["sales_agent"],
                product,
                row["account"],
                row["deal_stage"],
                day(row["engage_date"]),
                day(row["close_date"]),
                Decimal(row["close_value"] or 0),
                products[product],
            )
        )
    teams = {row["sales_agent"]: (row["manager"], row["regional_office"]) for row in _rows("sales_teams")}
    return Pipeline(accounts, products, teams, deals, LAST_DAY + move)


def best_agents(deals: list[Deal]) -> dict[str, list[str]]:
    """Return {account: agents who won from it, the one who won most first (ties by name)}."""
    won: dict[str, Counter] = defaultdict(Counter)
    for deal in deals:
        if deal.stage == "Won":
            won[deal.account][deal.agent] += deal.value
    return {
        account: [agent for agent, _sum in sorted(sums.items(), key=lambda row: (-row[1], row[0]))]
        for account, sums in won.items()
    }


def won_values(deals: list[Deal]) -> dict[str, Decimal]:
    """Return {account: what was won from it}."""
    won: Counter = Counter()
    for deal in deals:
        if deal.stage == "Won":
            won[deal.account] += deal.value
    return dict(won)


def by_won_value(deals: list[Deal]) -> list[str]:
    """Return the accounts by what was won from them, the largest first (ties by name)."""
    won = won_values(deals)
    return sorted(won, key=lambda account: (-won[account], account))
