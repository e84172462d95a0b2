"""The company and its people: time zone, settings, holidays, users, teams."""

from datetime import date, datetime, time, timedelta

import pytz
from odoo.fields import Command

from . import maven, portfolios

#: where the XML ids of the demonstration live: not the addon's own name, so that its update does not drop records
MODULE = "discipline_demo"
ZONE = "America/Chicago"
#: the manager who acts as the head of sales: a Sales administrator, who decides across teams
HEAD = "Dustin Brinkmann"
PASSWORD = "demo"
MONTHS = 12
#: quiet: no mails, no tracking, no subscriptions
QUIET = {
    "tracking_disable": True,
    "mail_create_nolog": True,
    "mail_create_nosubscribe": True,
    "mail_notrack": True,
    "mail_auto_subscribe_no_notify": True,
    "no_reset_password": True,
}


def login(name):
    """Return the login of a person: Anna Snelling is anna.snelling."""
    return name.lower().replace(" ", ".")


def shift_for(env, company):
    """Return by how many days the data move, so that they end with the last month that can be closed today."""
    Calendar = env["discipline.calendar"]
    today = Calendar._today(company)
    rules = env["discipline.policy"]._policy_on(company, today)
    for back in range(1, 4):
        last = Calendar._months_back(today, back - 1) - timedelta(days=1)
        if Calendar._add_working_days(company, last, rules.closing_days) < today:
            break
    return (last - maven.LAST_DAY).days


class Company:
    """The steps that come first, and what all steps use."""

    def __init__(self, env, shift=None):
        self.env = env(su=True, context={**env.context, **QUIET, "lang": "en_US"})
        self.company = self.env.company
        self._settle_company()
        Calendar = self.env["discipline.calendar"]
        self.today = Calendar._today(self.company)
        year = self.today.year if shift is None else (maven.LAST_DAY + timedelta(days=shift)).year
        # which month can be closed depends on them
        self._enter_holidays(year - 2, year + 1)
        if shift is None:
            shift = shift_for(self.env, self.company)
        self.pipeline = maven.read(shift)
        self.last = self.pipeline.last_day
        self.first = Calendar._months_back(self.last, MONTHS - 1)
        self.xmlids = []

    # ------------------------------------------------------------------
    # Small helpers
    # ------------------------------------------------------------------

    def _name(self, kind, name, record):
        slug = "".join(letter if letter.isalnum() else "_" for letter in name.lower())
        self.xmlids.append({"xml_id": f"{MODULE}.{kind}_{slug}", "record": record, "noupdate": True})

    def _moment(self, day, minute=0):
        """Return the UTC moment ``minute`` minutes after the local midnight of ``day``."""
        local = datetime.combine(day, time(minute // 60 % 24, minute % 60)) + timedelta(days=minute // (24 * 60))
        return pytz.timezone(ZONE).localize(local).astimezone(pytz.utc).replace(tzinfo=None)

    def _months(self):
        """Return the working days of each month from the first one to the running one."""
        Calendar = self.env["discipline.calendar"]
        result, start = [], self.first
        while start <= max(self.last, min(self.today, self.last + timedelta(days=70))):
            result.append(list(Calendar._working_days(self.company, *Calendar._month_bounds(start))))
            start = portfolios.month_start(start, 1)
        return result

    # ------------------------------------------------------------------
    # The company and its people
    # ------------------------------------------------------------------

    def _settle_company(self):
        """Give company and administrator one time zone: days are days there."""
        company = self.company
        # the demonstration's people speak English; a database made with another language only does not
        self.env["res.lang"]._activate_lang("en_US")
        # while the addon is being installed, its hook has not run yet
        self.env["discipline.policy"]._ensure_default(company)
        company.resource_calendar_id.tz = ZONE
        company.partner_id.tz = ZONE
        admin = self.env.ref("base.user_admin", raise_if_not_found=False)
        if admin:
            admin.write(
                {
                    "tz": ZONE,
                    "lang": "en_US",
                    "group_ids": [Command.link(self.env.ref("sales_team.group_sale_manager").id)],
                }
            )

    def _enter_holidays(self, first_year, last_year):
        """Enter the public holidays of these years."""
        self.env["resource.calendar.leaves"].create(
            [
                {
                    "name": name,
                    "company_id": self.company.id,
                    "calendar_id": self.company.resource_calendar_id.id,
                    "date_from": self._moment(day),
                    "date_to": self._moment(day, 24 * 60 - 1),
                }
                for name, day in _holidays(first_year, last_year)
            ]
        )

    def rules(self):
        """Set what Settings say, from the first day of the year of data on."""
        company = self.company
        if company.name in ("My Company", "YourCompany"):
            company.name = "Maven Computer Hardware"
        company.write(
            {
                "discipline_date_start": self.first,
                "discipline_dry_mode": False,
                "discipline_capacity_per_day": portfolios.COMPANY_CAPACITY,
            }
        )
        policy = self.env["discipline.policy"]._policy_on(company, self.first)
        if policy.valid_from > self.first:
            policy.valid_from = self.first

    def people(self):
        """Create the agents and their managers with teams."""
        managers = sorted({manager for manager, _office in self.pipeline.teams.values()})
        salesman = self.env.ref("sales_team.group_sale_salesman")
        supervisor = self.env.ref("sales_team.group_sale_salesman_all_leads")
        names = [*managers, *sorted(self.pipeline.teams)]
        groups = dict.fromkeys(managers, supervisor) | {HEAD: self.env.ref("sales_team.group_sale_manager")}
        users = self.env["res.users"].create(
            [
                {
                    "name": name,
                    "login": login(name),
                    "email": f"{login(name)}@example.com",
                    "tz": ZONE,
                    "lang": "en_US",
                    "company_id": self.company.id,
                    "company_ids": [Command.set(self.company.ids)],
                    "group_ids": [
                        Command.link(self.env.ref("base.group_user").id),
                        Command.link(groups.get(name, salesman).id),
                    ],
                    "discipline_takes_more": name in portfolios.TAKES_MORE,
                    "discipline_capacity_per_day": portfolios.CAPACITY.get(name, 0),
                }
                for name in names
            ]
        )
        # one hash for all: the password is no secret, and hashing it 41 times takes 10 s
        hashed = users._crypt_context().hash(PASSWORD)
        for user in users:
            user._set_encrypted_password(user.id, hashed)
        self.users = dict(zip(names, users, strict=True))
        for agent, assistant in portfolios.ASSISTANTS.items():
            self.users[agent].discipline_assistant_ids = self.users[assistant]
        for name, user in self.users.items():
            self._name("user", name, user)
        self._teams(managers)

    def _teams(self, managers):
        offices = dict(self.pipeline.teams.values())
        teams = self.env["crm.team"].create(
            [
                {
                    "name": f"{offices[manager]}: {manager}",
                    "user_id": self.users[manager].id,
                    "company_id": self.company.id,
                    "member_ids": [
                        Command.set(
                            [
                                self.users[agent].id
                                for agent, (boss, _office) in self.pipeline.teams.items()
                                if boss == manager
                            ]
                        )
                    ],
                }
                for manager in managers
            ]
        )
        self.teams = dict(zip(managers, teams, strict=True))
        for manager, team in self.teams.items():
            self._name("team", manager, team)

    def finish(self):
        self.env["ir.model.data"]._update_xmlids(self.xmlids)


def _holidays(first_year, last_year):
    """Return the public holidays of these years that a seller of hardware keeps."""
    days = []
    for year in range(first_year, last_year + 1):
        november = date(year, 11, 1)
        thanksgiving = november + timedelta(days=(3 - november.weekday()) % 7 + 21)
        days += [
            ("New Year's Day", date(year, 1, 1)),
            ("Independence Day", date(year, 7, 4)),
            ("Thanksgiving", thanksgiving),
            ("Christmas Day", date(year, 12, 25)),
        ]
    return days
