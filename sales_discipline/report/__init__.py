from . import discipline_funnel_report
