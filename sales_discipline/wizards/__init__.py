from . import (
    discipline_redistribution_receiver,
    discipline_redistribution_select,
)
