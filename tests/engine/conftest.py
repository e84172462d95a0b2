"""The engine is plain Python: its tests import it without Odoo."""

import sys
from pathlib import Path

ADDON = Path(__file__).resolve().parents[2] / "sales_discipline"
sys.path.insert(0, str(ADDON))
# data that the addon's own tests use as well
sys.path.insert(1, str(ADDON / "tests"))
