from . import discipline_funnel_report
from . import discipline_contact_conversion
