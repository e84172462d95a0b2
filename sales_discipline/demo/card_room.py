"""The cards that the managers filled in: simulated."""

from datetime import timedelta

from markupsafe import Markup
from odoo import fields
from odoo.fields import Command
from odoo.tools import SQL

from . import cards, portfolios
from .ahead import Ahead

#: a manager here holds four customers: five cards a day would be done on the first
QUOTA = 1
#: working days after which an incomplete card is offered to others
UNFILLED_AFTER = 10
SIMULATED = Markup("<p>Phone, e-mail, address and contact person are simulated.</p>")


class CardRoom(Ahead):
    """The step that fills in cards day by day, as managers did."""

    def cards(self):
        """Fill in the cards through the ordinary save of each manager, then date what that left in the ledgers."""
        Calendar = self.env["discipline.calendar"]
        days = list(Calendar._working_days(self.company, self.today - timedelta(days=60), self.today))[-cards.DAYS :]
        self.company.write(
            {
                "discipline_fill_quota": QUOTA,
                "discipline_fill_from": days[0],
                "discipline_fill_days": UNFILLED_AFTER,
            }
        )
        stories = cards.simulate(
            {account.name: account.country for account in self.pipeline.accounts},
            {stint.account: stint.agent for stint in self.stints if stint.stop is None},
            portfolios.BEHAVIOUR,
            days,
        )
        for story in stories:
            partner = self.partners[story.account].with_context(discipline_profile_defer=True)
            partner.write({**self._card_values(story.before), "comment": partner.comment + SIMULATED})
        Profile = self.env["discipline.profile"]
        Profile._score_partners(self.env["res.partner"].union(*self.partners.values()))
        for visit, account in sorted(
            ((visit, story.account) for story in stories for visit in story.visits),
            key=lambda pair: (pair[0].day, pair[1]),
        ):
            self.partners[account].with_user(self.users[visit.agent]).write(self._card_values(visit.values))
        self._close_fields(stories)
        self._date_cards(stories, days[0])
        self.env["discipline.profile.day"]._close_days(self.company)
        self.company.discipline_profile_at = fields.Datetime.now()
        self.env["discipline.redistribution"]._propose_unfilled(self.company)

    def _card_values(self, values):
        """Return a partner's values for the simulated ones."""
        result = {name: value for name, value in values.items() if name != "person"}
        if "person" in values:
            name, phone = values["person"]
            result["child_ids"] = [Command.create({"name": name, "phone": phone, "function": "Purchasing"})]
        return result

    def _close_fields(self, stories):
        """Let two managers say that an e-mail is not to be had."""
        rule = self.env.ref("sales_discipline.discipline_profile_rule_email")
        for story in stories:
            if story.closed:
                note = self.env["discipline.profile.note"].with_user(self.users[story.agent])
                note._note(
                    self.partners[story.account].with_user(self.users[story.agent]), rule, "unavailable", story.closed
                )

    def _date_cards(self, stories, begin):
        """Move the completions to the days on which they were simulated; what is incomplete has been so since then."""
        rows = [
            (self.partners[story.account].id, story.visits[-1].day, self._moment(story.visits[-1].day, 11 * 60))
            for story in stories
            if story.visits
        ]
        self.env.flush_all()
        dated = SQL(
            "unnest(%s::int[], %s::date[], %s::timestamp[]) AS t(id, day, moment)",
            *(list(column) for column in zip(*rows, strict=True)),
        )
        self.env.cr.execute(
            SQL(
                """
                UPDATE discipline_profile_completion x SET day = t.day, create_date = t.moment
                  FROM %s WHERE x.customer_ref = t.id
                """,
                dated,
            )
        )
        self.env.cr.execute(
            SQL(
                """
                UPDATE discipline_customer c SET profile_completed_on = t.day
                  FROM %s WHERE c.partner_id = t.id AND c.profile_completed_on IS NOT NULL
                """,
                dated,
            )
        )
        self.env.cr.execute(
            SQL(
                "UPDATE discipline_customer SET profile_missing_since = %s WHERE NOT profile_complete AND in_base",
                begin,
            )
        )
        self.env.invalidate_all()
