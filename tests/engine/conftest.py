"""The engine is plain Python: its tests import it without Odoo."""

import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

ADDON = Path(__file__).resolve().parents[2] / "sales_discipline"
sys.path.insert(0, str(ADDON))
# data that the addon's own tests use as well
sys.path.insert(1, str(ADDON / "tests"))

# a busy machine is slow, not wrong
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
