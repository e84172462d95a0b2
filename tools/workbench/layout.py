"""Where things are: one git-ignored folder of the clone holds all that is installed or created."""

import ast
import hashlib
import os
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = Path(os.environ.get("WORKBENCH_HOME") or ROOT / ".dev").absolute()

DOWNLOADS = HOME / "downloads"
ODOO_PREFIX = HOME / "odoo"
VENV = HOME / "venv"
LINT_VENV = HOME / "lint-venv"
ODOO_LINT_VENV = HOME / "odoo-lint-venv"
DATA = HOME / "data"
LOGS = HOME / "logs"
LOCK = ROOT / "requirements.lock"
LINT_LOCK = ROOT / "requirements-lint.lock"
ODOO_LINT_LOCK = ROOT / "requirements-odoo-lint.lock"

DEMO_DATABASE = "discipline"
# in one place, so that what `make run` prints is what the demonstration creates
LOGINS = (
    ("administrator", "admin", "admin"),
    ("head of sales", "dustin.brinkmann", "demo"),
    ("supervisor", "melvin.marxen", "demo"),
    ("sales manager", "darcel.schlecht", "demo"),
)


def addons():
    """Return the project's addons: every top-level folder with a manifest, in alphabetical order."""
    return sorted(path.parent.name for path in ROOT.glob("*/__manifest__.py"))


def bridges():
    """Return the addons that install themselves beside an application of Odoo's: most databases do without them."""
    return [
        name for name in addons() if ast.literal_eval((ROOT / name / "__manifest__.py").read_text()).get("auto_install")
    ]


def core():
    """Return the addons that every database has."""
    return [name for name in addons() if name not in bridges()]


def fingerprint(*paths):
    """Return a short hash of the contents of files and folders; compiled and translation templates are left out."""
    digest = hashlib.sha256()
    for path in paths:
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        for file in files:
            if "__pycache__" not in file.parts and file.suffix not in (".pyc", ".pot"):
                digest.update(str(file.relative_to(path.parent)).encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()[:10]


def short_socket_folder(name):
    """Return a folder for PostgreSQL's socket; a socket's path may have 107 bytes, a clone's may be longer."""
    wanted = HOME / name
    if len(str(wanted)) < 80:
        return wanted
    return Path(tempfile.gettempdir()) / f"sd-{hashlib.sha256(str(wanted).encode()).hexdigest()[:8]}"
