from . import (
    crm_lead_lost,
    discipline_redistribution_receiver,
    discipline_redistribution_select,
)
