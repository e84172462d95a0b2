from . import (
    discipline_contact_conversion,
    discipline_forecast_report,
    discipline_funnel_report,
    discipline_handover_outcome,
    discipline_performance,
    discipline_plan_fact,
    discipline_portfolio,
    discipline_repeat_report,
    discipline_stopped_buying,
)
