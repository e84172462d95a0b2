"""Pinned Python packages in virtual environments of the project's own."""

import os
import shutil
import subprocess
import sys

from . import distribution
from .errors import Trouble
from .layout import HOME, LINT_LOCK, LINT_VENV, LOCK, ODOO_LINT_LOCK, ODOO_LINT_VENV, VENV
from .steps import need_space, run, say, step


def install(odoo_folder):
    """Bring the environment that runs Odoo in line with its lock file."""
    _environment(VENV, LOCK, "Python packages")
    prefix = _site(VENV) / "odoo-prefix.pth"
    if not prefix.exists() or prefix.read_text() != f"{odoo_folder}\n":
        prefix.write_text(f"{odoo_folder}\n")
    pdf = VENV / "bin/wkhtmltopdf"
    if not pdf.exists() and (VENV / "bin/wkhtmltopdf-pack").exists():
        pdf.symlink_to("wkhtmltopdf-pack")


def install_lint():
    """Bring the environment of the linters in line with its lock file; some of them contradict Odoo's own pins."""
    _environment(LINT_VENV, LINT_LOCK, "Linters")


def install_odoo_lint():
    """Bring what Odoo's own test_lint needs in line with its lock file; return the folder to import it from.

    It wants an older pylint than the linters, beside the packages that run Odoo.
    """
    _environment(ODOO_LINT_VENV, ODOO_LINT_LOCK, "Odoo's own lint")
    return _site(ODOO_LINT_VENV)


def _site(venv):
    return next((venv / "lib").glob("python3.*")) / "site-packages"


def site():
    """Return the folder of the installed packages."""
    return _site(VENV)


def _environment(venv, lock, what):
    if ready(venv, lock):
        return
    usable = _usable(venv)
    need_space(1000 if venv == VENV else 400)
    count = len(lock.read_text().splitlines())
    with step(f"{what}: installing {count} pinned packages"):
        if usable:
            try:
                _pip_install(venv, lock, count)
            except Trouble as trouble:
                # an interrupted installation can leave a package that pip can neither use nor replace
                say(f"      {trouble} Now once more, into a new folder.")
                usable = False
        if not usable:
            shutil.rmtree(venv, ignore_errors=True)
            _create(venv)
            _pip_install(venv, lock, count)
        shutil.copyfile(lock, venv / "installed.lock")


def ready(venv=VENV, lock=LOCK):
    """Tell whether an environment has all that its lock file names."""
    stamp = venv / "installed.lock"
    return _usable(venv) and stamp.exists() and stamp.read_text() == lock.read_text()


def _usable(venv):
    # a Python that was upgraded or removed leaves a link that leads nowhere
    return (venv / "bin/python").exists() and (venv / "bin/pip").exists()


def _pip_install(venv, lock, count):
    site_packages = _site(venv)
    run(
        [venv / "bin/python", "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-r", lock],
        log="pip",
        doing=f"install the packages of {lock.name}",
        percent=lambda: min(99, 100 * len(list(site_packages.glob("*.dist-info"))) // count),
    )


def _create(venv):
    """Create a virtual environment; Debian's bare Python lacks ensurepip, then pip comes from the Debian archive."""
    done = subprocess.run([sys.executable, "-m", "venv", venv], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    shutil.rmtree(venv, ignore_errors=True)
    wheels = HOME / "pip"
    if not list(wheels.rglob("pip-*.whl")):
        apt = distribution._Apt()
        apt.update()
        apt.download([f"python3-pip-whl/{apt.base}"])
        package = next(distribution.DOWNLOADS.glob("python3-pip-whl_*.deb"))
        run(["dpkg-deb", "-x", package, wheels], log="unpack", doing="unpack pip")
        package.unlink()
    wheel = next(wheels.rglob("pip-*.whl"), None)
    if not wheel:
        raise Trouble("This Python cannot create virtual environments: install python3-venv, then try again.")
    run([sys.executable, "-m", "venv", "--without-pip", venv], log="pip", doing="create a virtual environment")
    environment = os.environ | {"PYTHONPATH": str(wheel)}
    run(
        [venv / "bin/python", "-m", "pip", "install", "--no-index", "--find-links", wheel.parent, "pip"],
        log="pip",
        doing="install pip",
        env=environment,
    )
