"""The rules on one page, in words: what managers read, and who has confirmed reading them."""

import hashlib
import json
from datetime import timedelta

from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.misc import format_date

from ..engine.policy import newcomer_share
from .discipline_policy import PRESETS


class DisciplinePolicy(models.Model):
    _inherit = "discipline.policy"

    in_words = fields.Html(compute="_compute_in_words", help="What these rules mean, as everybody reads them.")
    confirmed_by_me = fields.Boolean(compute="_compute_confirmed_by_me")
    confirmation_ids = fields.One2many("discipline.rules.confirmation", "policy_id", "Read by", readonly=True)

    @api.depends(
        "min_gap", "backdating", "closing_days", "missed_share", "missed_needed", "missed_of", "receiver_attainment",
        "cap_per_manager", "intake_cap", "cooldown_days", "newcomer_months", "late_stage_probability", "appeal_days",
        "approval", "move_leads", "request_approval", "unreachable_attempts", "line_ids.abc_class_id",
        "line_ids.missed_needed", "line_ids.missed_of", "company_id", "valid_from",
        "company_id.discipline_capacity_per_day", "company_id.discipline_date_start",
        "company_id.discipline_fill_days", "company_id.discipline_fill_from",
    )  # fmt: skip
    @api.depends_context("lang")
    def _compute_in_words(self):
        for policy in self:
            sections = Markup("").join(
                Markup("<h4>%s</h4><ul>%s</ul>")
                % (title, Markup("").join(Markup("<li>%s</li>") % sentence for sentence in sentences))
                for title, sentences in policy._sections()
                if sentences
            )
            policy.in_words = sections

    def _sections(self):
        """Return the rules as [(title, [sentence])] in the reader's language (a hook for other rooms)."""
        self.ensure_one()
        return [
            (self.env._("Norms of contacts"), self._words_of_norms()),
            (self.env._("What counts"), self._words_of_counting()),
            (self.env._("What is not asked"), self._words_of_excuses()),
            (self.env._("When a customer is withdrawn"), self._words_of_withdrawal()),
            (self.env._("Who receives, and how it is decided"), self._words_of_receivers()),
        ]

    def _words_of_norms(self):
        periods = dict(self.env["discipline.norm"]._fields["period"]._description_selection(self.env))
        today = self.env["discipline.calendar"]._today(self.company_id)
        day = max(self.valid_from or today, today)
        rows = self.env["discipline.norm"]._norm_rows(self.company_id, day, day)
        norms = self.env["discipline.norm"].sudo().browse(row[5] for row in rows if row[3] <= day < row[4])
        return [
            self.env._(
                "A customer of class %(name)s: at least %(goal)s contact(s) a %(period)s%(team)s.",
                name=norm.abc_class_id.name,
                goal=norm.goal,
                period=periods[norm.period].lower(),
                team=f" ({norm.team_id.name})" if norm.team_id else "",
            )
            for norm in norms.sorted(lambda row: (row.abc_class_id.sequence, row.team_id.id or 0))
        ]

    def _words_of_counting(self):
        channels = self.env["discipline.channel"].sudo().search([("counts", "!=", "never")])
        outcomes = self.env["discipline.outcome"].sudo().search([("counts", "=", False)])
        sentences = [
            self.env._("These channels keep the norm: %(names)s.", names=", ".join(channels.mapped("name"))),
            self.env._(
                "A contact counts if it comes at least %(days)s working day(s) after the last that counted.",
                days=self.min_gap,
            ),
            self.env._("It must be logged within %(days)s working day(s).", days=self.backdating),
            self.env._("The responsible manager makes it, his assistant, or his substitute while he is away."),
            self.env._(
                "A period is closed %(days)s working day(s) after its end; then its verdicts never change.",
                days=self.closing_days,
            ),
        ]
        if outcomes:
            sentences.insert(
                1, self.env._("These outcomes do not count: %(names)s.", names=", ".join(outcomes.mapped("name")))
            )
        if self.unreachable_attempts:
            sentences.append(
                self.env._(
                    "After attempts without an answer on %(days)s different days a supervisor may confirm that a "
                    "customer cannot be reached: then nothing is asked from the first of these attempts on.",
                    days=self.unreachable_attempts,
                )
            )
        return sentences

    def _words_of_excuses(self):
        """Return whose each contact is, what excuses it, and from when on anything is asked."""
        sentences = [
            self.env._(
                "The working days of a period are divided into as many parts as the norm asks for contacts; each "
                "contact is owed by whoever is responsible on most days of its part."
            ),
            self.env._(
                "It is excused if he was responsible and present on less than half of these days: after a handover, in "
                "an approved absence, or in a pause that was agreed for the customer."
            ),
            self.env._("Public holidays are no working days."),
            self.env._(
                "What a manager missed beyond the contacts that his working days hold (%(count)s a day unless a "
                "supervisor set another number for him) is excused without blame, from the lowest class up.",
                count=self.company_id.discipline_capacity_per_day,
            ),
            self.env._(
                "A supervisor may agree to an exception for a customer, for a year at most and never for the past: an "
                "own norm, a pause, written channels only, or no withdrawal."
            ),
        ]
        if self.company_id.discipline_date_start:
            sentences.append(
                self.env._(
                    "No period that began before %(day)s is judged.",
                    day=format_date(self.env, self.company_id.discipline_date_start),
                )
            )
        return sentences + [
            self.env._(
                "Days before %(day)s are not held against the members of %(team)s.",
                day=format_date(self.env, team.discipline_date_start),
                team=team.name,
            )
            for team in self._teams_with_a_start()
        ]

    def _teams_with_a_start(self):
        """Return the company's teams that are judged from a day of their own on."""
        return (
            self.env["crm.team"]
            .sudo()
            .search([("discipline_date_start", "!=", False), ("company_id", "in", [False, self.company_id.id])])
            .sorted(lambda team: (team.discipline_date_start, team.id))
        )

    def _words_of_withdrawal(self):
        classes = self.env["discipline.norm"].sudo().search([]).abc_class_id.sorted("sequence")
        missed = (
            self.env._("A period is missed if its goal was not attained.")
            if self.missed_share >= 100
            else self.env._(
                "A period is missed if at most %(share)s %% of its goal is attained.", share=self.missed_share
            )
        )
        sentences = [missed]
        for abc_class in classes:
            needed, of, _share = self._rule_for(abc_class)
            sentences.append(self._words_of_class(abc_class, needed, of))
        sentences += [
            self.env._("Only the present manager's closed periods count; excused ones are left out."),
            self.env._("A verdict against which an appeal was granted is not held against the manager."),
            self.env._("A customer whom an exception protects is not withdrawn."),
        ]
        if self.newcomer_months:
            sentences += [
                self.env._("Nothing is withdrawn from a newcomer for %(months)s months.", months=self.newcomer_months),
                self.env._("What a newcomer missed in periods that ended within them is not held against him later."),
            ]
        if self.cooldown_days:
            sentences.append(
                self.env._("A customer who moved does not move again for %(days)s days.", days=self.cooldown_days)
            )
        if self.late_stage_probability:
            sentences.append(
                self.env._(
                    "A customer with an open opportunity of at least %(share)s %% is not withdrawn.",
                    share=self.late_stage_probability,
                )
            )
        if self.cap_per_manager:
            sentences.append(
                self.env._(
                    "At most %(count)s customers are withdrawn from one manager in a month.", count=self.cap_per_manager
                )
            )
        if self._cards_are_judged():
            sentences.append(
                self.env._(
                    "A customer whose card stays incomplete for %(days)s working days is offered to managers with few "
                    "customers.",
                    days=self.company_id.discipline_fill_days,
                )
            )
        return sentences

    def _cards_are_judged(self):
        """Tell whether an incomplete card costs its customer in this company."""
        return bool(self.company_id.discipline_fill_days and self.company_id.discipline_fill_from)

    def _words_of_class(self, abc_class, needed, of):
        """Return after how many missed months, weeks or periods a customer of a class is withdrawn."""
        periods = set(self.env["discipline.norm"].sudo().search([("abc_class_id", "=", abc_class.id)]).mapped("period"))
        words = {"name": abc_class.name, "needed": needed, "of": of}
        if periods == {"month"}:
            if needed == of == 1:
                return self.env._("A customer of class %(name)s is withdrawn after 1 missed month.", **words)
            return self.env._(
                "A customer of class %(name)s is withdrawn after %(needed)s missed months of the last %(of)s.", **words
            )
        if periods == {"week"}:
            if needed == of == 1:
                return self.env._("A customer of class %(name)s is withdrawn after 1 missed week.", **words)
            return self.env._(
                "A customer of class %(name)s is withdrawn after %(needed)s missed weeks of the last %(of)s.", **words
            )
        if needed == of == 1:
            return self.env._("A customer of class %(name)s is withdrawn after 1 missed period.", **words)
        return self.env._(
            "A customer of class %(name)s is withdrawn after %(needed)s missed periods of the last %(of)s.", **words
        )

    def _words_of_receivers(self):
        sentences = [
            self.env._(
                "Withdrawn customers go to managers who said “I take more customers”, attained at least %(share)s %% "
                "of their norms and have room.",
                share=self.receiver_attainment,
            ),
            self.env._("Customers of nobody go to those who have the fewest."),
            self.env._(
                "Without blame others receive the customers of managers who leave, who could not be reached in two "
                "periods in a row, and the surplus of whoever had more to do than he could in two periods in a row."
            ),
            self.env._(
                "Who loses a customer for a missed norm may appeal within %(days)s working days; a supervisor decides.",
                days=self.appeal_days,
            ),
            self.env._("A supervisor approves every redistribution.")
            if self.approval == "manual"
            else self.env._(
                "Customers withdrawn for a missed norm move by themselves after the appeal deadline, customers of "
                "nobody at once; a supervisor approves every other redistribution."
            ),
        ]
        if self.newcomer_months:
            sentences.insert(1, self._words_of_newcomers_capacity())
        requests = {
            "both": self.env._(
                "A manager may ask for a colleague's customer, or offer one of his own: the colleague agrees and a "
                "supervisor approves."
            ),
            "agreement": self.env._(
                "A manager may ask for a colleague's customer, or offer one of his own: the colleague's agreement is "
                "enough."
            ),
            "supervisor": self.env._(
                "A manager may ask for a colleague's customer, or offer one of his own: a supervisor decides."
            ),
        }
        sentences.append(requests[self.request_approval or "both"])
        sentences += self._words_of_peaceful_moves()
        if self.intake_cap:
            sentences.append(
                self.env._("One manager receives at most %(count)s customers in a month.", count=self.intake_cap)
            )
        if self.move_leads:
            sentences.append(self.env._("The customer's open opportunities move with him."))
        return sentences

    def _words_of_newcomers_capacity(self):
        """Return how much of the capacity a newcomer has in his first and in his second thirty days."""
        began = self.valid_from or fields.Date.today()
        first, second = (newcomer_share(began, began + timedelta(days=days), self.newcomer_months) for days in (0, 30))
        if second == 100:
            return self.env._("In his first 30 days a newcomer has %(first)s %% of the capacity.", first=first)
        return self.env._(
            "In his first 30 days a newcomer has %(first)s %% of the capacity, in the next 30 days %(second)s %%.",
            first=first,
            second=second,
        )

    def _words_of_peaceful_moves(self):
        """Return what protection and cooldown mean where nobody loses a customer against his will."""
        sentences = []
        if self.request_approval == "supervisor":
            sentences.append(
                self.env._(
                    "What protects a customer from being withdrawn protects him from a request, too, unless his "
                    "manager agrees."
                )
            )
        if self.cooldown_days:
            if self.request_approval == "agreement":
                sentences.append(
                    self.env._(
                        "Within %(days)s days after a move a supervisor decides about a request as well.",
                        days=self.cooldown_days,
                    )
                )
            sentences.append(
                self.env._(
                    "Whoever lost a customer for a missed norm does not get him back for %(days)s days, by a request "
                    "neither.",
                    days=self.cooldown_days,
                )
            )
        sentences.append(
            self.env._("When a manager leaves, all of his customers move, those too that are protected otherwise.")
        )
        return sentences

    # ------------------------------------------------------------------
    # I have read the rules
    # ------------------------------------------------------------------

    def _fingerprint(self):
        """Return a hash of all that the page says, whatever the language: when it changes, it is to be read anew."""
        self.ensure_one()
        names = sorted({*PRESETS["article"], "min_gap", "backdating", "closing_days", "receiver_attainment",
                        "cap_per_manager", "intake_cap", "cooldown_days", "newcomer_months", "appeal_days", "approval",
                        "move_leads", "request_approval", "unreachable_attempts"})  # fmt: skip
        today = self.env["discipline.calendar"]._today(self.company_id)
        facts = {
            "policy": {name: self[name] for name in names},
            "lines": sorted((row.abc_class_id.id, row.missed_needed, row.missed_of) for row in self.line_ids),
            "norms": sorted(
                (row[0], row[1], row[2], row[6])
                for row in self.env["discipline.norm"]._norm_rows(self.company_id, today, today)
            ),
            "channels": sorted((row.id, row.counts) for row in self.env["discipline.channel"].sudo().search([])),
            "outcomes": sorted((row.id, row.counts) for row in self.env["discipline.outcome"].sudo().search([])),
            "company": self._fingerprint_of_company(),
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    def _fingerprint_of_company(self):
        """Return what the page says of the company's own settings."""
        company = self.company_id
        return {
            "capacity": company.discipline_capacity_per_day,
            "start": str(company.discipline_date_start or ""),
            "teams": [[team.id, str(team.discipline_date_start)] for team in self._teams_with_a_start()],
            "cards": company.discipline_fill_days if self._cards_are_judged() else 0,
        }

    @api.depends_context("uid")
    def _compute_confirmed_by_me(self):
        mine = self.env["discipline.rules.confirmation"].search([("user_id", "=", self.env.uid)])
        known = {(row.policy_id.id, row.fingerprint) for row in mine}
        for policy in self:
            policy.confirmed_by_me = bool(policy.id) and (policy.id, policy._fingerprint()) in known

    def action_confirm_rules(self):
        """Confirm having read these rules; a second time changes nothing."""
        self.ensure_one()
        if not self.confirmed_by_me:
            self.env["discipline.rules.confirmation"]._ledger().create(
                {
                    "policy_id": self.id,
                    "user_id": self.env.uid,
                    "manager_ref": self.env.uid,
                    "fingerprint": self._fingerprint(),
                    "company_id": self.company_id.id,
                }
            )
            self.invalidate_recordset(["confirmed_by_me", "confirmation_ids"])
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "message": self.env._(
                    "Thank you: you have read the rules of %(day)s.", day=format_date(self.env, self.valid_from)
                ),
                "type": "success",
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    @api.model
    def action_rules(self):
        """Open the rules that are in force in the person's company.

        :raise UserError: where the company has none yet
        """
        policy = self._policy_on(self.env.company, self.env["discipline.calendar"]._today(self.env.company))
        if not policy:
            raise UserError(self.env._("%(company)s has no rules yet.", company=self.env.company.name))
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Rules"),
            "res_model": "discipline.policy",
            "res_id": policy.id,
            "views": [(self.env.ref("sales_discipline.discipline_rules_view_form").id, "form")],
        }


class DisciplineRulesConfirmation(models.Model):
    """Who has read which version of the rules, and when."""

    _name = "discipline.rules.confirmation"
    _inherit = "discipline.ledger"
    _description = "Confirmation of the Rules"
    _order = "create_date desc, id desc"
    _rec_name = "user_id"

    policy_id = fields.Many2one("discipline.policy", readonly=True, index="btree_not_null", ondelete="set null")
    user_id = fields.Many2one("res.users", "Manager", readonly=True, index="btree_not_null", ondelete="set null")
    manager_ref = fields.Integer("Manager No.", readonly=True, required=True)
    fingerprint = fields.Char(readonly=True, help="Changes when the rules say something else.")
    company_id = fields.Many2one("res.company", readonly=True, index=True, ondelete="set null")
    create_date = fields.Datetime("Read on", readonly=True)
    is_current = fields.Boolean("Still as Read", compute="_compute_is_current")

    _once_uniq = models.UniqueIndex("(policy_id, manager_ref, fingerprint)", "These rules are confirmed already.")

    def _compute_is_current(self):
        prints = {policy: policy._fingerprint() for policy in self.policy_id}
        for row in self:
            row.is_current = bool(row.policy_id) and prints[row.policy_id] == row.fingerprint
