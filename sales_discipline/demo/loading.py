"""Puts the demonstration into a database: people, customers, opportunities, contacts, and a year of verdicts.

What rests on a decision of ours, not on the files:

* Every account has been its manager's since the first day of the year of data (``portfolios.py``).
* One ABC analysis over the twelve months of data gives the classes, and they are in force from the first of these
  months on. A real customer base would be analysed month by month; the pipeline has no purchases before its fourth
  month to do that with.
* Contacts are simulated (``contacts.py``) and go through the same log as everybody's.
* Targets are made up by a rule (``ahead.py``); Odoo learns its probabilities from the deals.
* Phones, e-mails, addresses and contact persons are simulated (``cards.py``), and entered by their managers over the
  last three weeks.
* Rates of the percent and two managers' claims on customers that are nobody's are made up (``portfolio_room.py``).
* The months are closed one after the other, then the program proposes new managers for the last one's neglected
  customers, as it does at night.
"""

import logging

from .company import MODULE
from .portfolio_room import PortfolioRoom

_logger = logging.getLogger(__name__)


class Demonstration(PortfolioRoom):
    """One load, step by step; every step may rest on those before it."""


def load(env, shift=None, steps=None):
    """Load the demonstration into the current company.

    :param int shift: days by which the real dates move; None: so that the data end with the last month that can be
        closed today
    :param steps: names of the steps to take; all of them by default. Tests leave out what the scheduled actions do.
    :return: True, or False where the database has the demonstration already
    """
    if env["ir.model.data"].sudo().search_count([("module", "=", MODULE)], limit=1):
        _logger.info("Sales discipline: this database has the demonstration already, nothing was loaded.")
        return False
    demonstration = Demonstration(env, shift)
    for step in steps or STEPS:
        getattr(demonstration, step)()
        demonstration.env.flush_all()
    demonstration.finish()
    env.invalidate_all()
    return True


STEPS = (
    "rules",
    "people",
    "customers",
    "opportunities",
    "purchases",
    "classes",
    "absences",
    "contacts",
    "periods",
    "judge",
    "plans",
    "cards",
    "percent",
    "claims",
    "targets",
    "forecast",
)
