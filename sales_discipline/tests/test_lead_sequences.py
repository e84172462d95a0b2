"""Random lives of opportunities against an independent model: the ledger says exactly what happened.

The default run is short; DISCIPLINE_SEQUENCES=1000 gives the long one.
"""

import os
import random
from itertools import pairwise

from odoo.tests import tagged

from .common import DisciplineCommon

SEQUENCES = int(os.environ.get("DISCIPLINE_SEQUENCES", "60"))
STEPS = 8


class Model:
    """What one opportunity should be, told by the rules of the business alone."""

    def __init__(self, stage, team, user):
        self.stage, self.team, self.user, self.status = stage, team, user, "open"
        self.facts = [("create", stage, team, user, "open")]

    def log(self, kind, **changes):
        vars(self).update(changes)
        self.facts.append((kind, self.stage, self.team, self.user, self.status))


@tagged("discipline_sale")
class TestLeadSequences(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        Stage = cls.env["crm.stage"]
        Stage.search([]).write({"sequence": 95, "is_won": False})
        cls.common = Stage.create([{"name": f"Step {n}", "sequence": n} for n in (1, 2, 3)])
        cls.done = Stage.create({"name": "Done", "sequence": 90, "is_won": True})
        cls.special = Stage.create({"name": "Only for Team Two", "sequence": 4, "team_ids": cls.other_team.ids})
        cls.reason = cls.env["crm.lost.reason"].create({"name": "Some reason"})
        cls.customer = cls._customer("Romashka", cls.anna)

    # Each step takes the lead and the model and does the same to both.

    def _move(self, lead, model, rng):
        stages = self.common + (self.special if model.team == self.other_team.id else self.common.browse())
        stage = rng.choice(stages)
        lead.stage_id = stage
        if stage.id != model.stage:
            if model.status == "won":
                model.log("reopen", stage=stage.id, status="open")
            else:
                model.log("stage", stage=stage.id)

    def _change_team(self, lead, model, rng):
        team = rng.choice([self.team, self.other_team])
        user = rng.choice(team.member_ids | team.user_id)
        lead.write({"team_id": team.id, "user_id": user.id})
        lost_stage = model.stage == self.special.id and team != self.other_team
        stage = self.common[0].id if lost_stage else model.stage
        changes = {"team": team.id, "user": user.id, "stage": stage}
        for aspect, kind in (("stage", "stage"), ("team", "team"), ("user", "user")):
            if changes[aspect] != getattr(model, aspect):
                model.log(kind, **changes)
                break

    def _lose(self, lead, model, rng):
        if model.status == "won":
            return
        lead.action_set_lost(lost_reason_id=self.reason.id)
        if model.status != "lost":
            model.log("lost", status="lost")

    def _reopen(self, lead, model, rng):
        # Odoo itself refuses to “restore” a won deal
        if model.status in ("lost", "archived"):
            lead.action_restore()
            model.log("reopen" if model.status == "lost" else "restore", status="open")

    def _win(self, lead, model, rng):
        lead.action_set_won()
        if model.status != "won":
            model.log("won", status="won", stage=self.done.id)

    def _archive(self, lead, model, rng):
        if model.status != "open" or not lead.probability:
            return
        lead.action_archive()
        model.log("archive", status="archived")

    def _step(self, lead, model, rng):
        step = rng.choice(
            [self._move, self._move, self._change_team, self._lose, self._reopen, self._win, self._archive]
        )
        step(lead, model, rng)

    def _end(self, lead, model, rng):
        """Sometimes a life ends by deletion or by a merge."""
        how = rng.choice(["live", "live", "delete", "merge"])
        if how == "delete":
            lead.unlink()
            model.log("delete", status="removed")
        elif how == "merge":
            # the twin is the surer deal, so that this one goes into it
            twin = lead.copy({"team_id": self.team.id, "user_id": self.anna.id})
            twin.action_set_won()
            head = (lead | twin).with_context(active_test=False).merge_opportunity()
            if head == twin:
                model.log("merge", status="removed")
            else:
                # the deal itself was the surer one and may have taken over what it lacked
                model.facts = None

    def test_any_life_of_a_deal_equals_its_rows(self):
        seed = int(os.environ.get("DISCIPLINE_SEED", "20250310"))
        rng = random.Random(seed)
        for number in range(SEQUENCES):
            team = rng.choice([self.team, self.other_team])
            user = rng.choice(team.member_ids)
            lead = self.env["crm.lead"].create(
                {
                    "name": f"Life {number}",
                    "type": "opportunity",
                    "partner_id": self.customer.id,
                    "team_id": team.id,
                    "user_id": user.id,
                    "stage_id": self.common[0].id,
                    "probability": 30,
                }
            )
            model, lead_id = Model(self.common[0].id, team.id, user.id), lead.id
            for _step in range(STEPS):
                self._step(lead, model, rng)
            self._end(lead, model, rng)
            if model.facts is None:
                continue
            rows = self.env["discipline.stage.change"].search([("lead_ref", "=", lead_id)], order="id")
            facts = [(row.kind, row.stage_to_ref, row.team_ref, row.manager_ref, row.status_to) for row in rows]
            self.assertEqual(facts, model.facts, f"life {number} of seed {seed}")
            # each row begins where the one before it ended
            for before, after in pairwise(rows):
                self.assertEqual(
                    (before.stage_to_ref, before.team_ref, before.manager_ref, before.status_to),
                    (after.stage_from_ref, after.team_from_ref, after.manager_from_ref, after.status_from),
                )
            refusals = self.env["discipline.refusal"].search_count(
                [("lead_ref", "=", lead_id), ("voided_at", "=", False)]
            )
            ended = [
                (kind, model.facts[index][4])
                for index, (kind, *_rest) in enumerate(model.facts)
                if kind == "archive" or (kind == "lost" and model.facts[index - 1][4] != "archived")
            ]
            self.assertEqual(refusals, len(ended), f"refusals of life {number} of seed {seed}")
