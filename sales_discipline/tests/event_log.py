"""A seeded log of deals that skip stages, come back, are won and reopened, are lost and reopened, or vanish."""

import random

STAGES = (10, 20, 30, 40)
#: a stage that was deleted, or belongs to another team
FOREIGN = 99


def event_log(deals, seed=11):
    """Return (deal, day, kind, stage) rows and {deal: sum}: a deal's days never go back."""
    generator = random.Random(seed)
    rows, amounts = [], {}
    for deal in range(1, deals + 1):
        amounts[deal] = generator.randint(1, 5000)
        moment = generator.randint(0, 300)
        place = 0 if generator.random() < 0.9 else generator.randint(1, 3)
        rows.append((deal, moment, "stage", STAGES[place]))
        end = None
        for _number in range(generator.randint(0, 8)):
            moment += generator.randint(1, 20)
            dice = generator.random()
            if end:
                if dice < 0.25:
                    rows.append((deal, moment, "reopened", STAGES[place]))
                    end = None
                elif dice < 0.3:
                    place = generator.randint(0, 3)
                    rows.append((deal, moment, "stage", STAGES[place]))
                    # leaving the won stage opens the deal; a lost one stays lost wherever it stands
                    end = None if end == "won" else end
            elif dice < 0.5:
                place = min(3, place + generator.choice((1, 1, 1, 2, 3)))
                rows.append((deal, moment, "stage", STAGES[place]))
            elif dice < 0.6:
                place = max(0, place - generator.choice((1, 1, 2)))
                rows.append((deal, moment, "stage", STAGES[place]))
            elif dice < 0.63:
                rows.append((deal, moment, "stage", FOREIGN))
            else:
                end = "won" if dice < 0.78 else "lost" if dice < 0.96 else "removed"
                rows.append((deal, moment, end, STAGES[place]))
    return rows, amounts
