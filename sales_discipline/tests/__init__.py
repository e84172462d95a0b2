from . import (
    test_contact,
    test_customer_base,
    test_funnel,
    test_lead_sequences,
    test_redistribution,
    test_redistribution_handover,
    test_refusal,
    test_sale,
    test_stage_change,
    test_ui,
    test_workbook,
    test_verdicts,
)
