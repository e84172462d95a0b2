"""The engine is plain Python: its tests import it without Odoo."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "sales_discipline"))
