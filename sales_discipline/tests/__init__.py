from . import test_customer_base, test_stage_change
from . import test_ui
