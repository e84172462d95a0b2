from . import (
    discipline_abc_hand,
    crm_lead_lost,
    discipline_contact_log,
    discipline_contact_void,
    discipline_profile_unavailable,
    discipline_redistribution_receiver,
    discipline_redistribution_select,
    discipline_workbook,
    discipline_contact_refusal,
    discipline_refusal_analysis,
    discipline_sale_start,
    discipline_stage_move,
)
