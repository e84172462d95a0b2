"""Odoo 19 from Debian's archive, unpacked without root into the project's own folder.

The archive's address is that of the machine's own apt sources, asked from apt itself. Lists, cache and state are
private, so that stale or empty lists of the machine do not matter and nothing of the machine is changed.
"""

import getpass
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from .errors import Trouble
from .layout import DOWNLOADS, HOME, ODOO_PREFIX
from .steps import need_space, run, say, step

VERSION = "19.0.0+dfsg-1"
SHA256 = "9d2f598b0555db17e291d48ed24df184c70823c053c4c5ed53c467ca7f629bbf"
SIZE = 122 * 2**20
# what Odoo's dangling links point at, by the suite that has it
COMPANIONS = {
    None: [
        "fonts-font-awesome",
        "libjs-jquery",
        "libjs-underscore",
        "libjs-jquery-form",
        "fonts-roboto-unhinted",
        "fonts-inconsolata",
        "fonts-ocr-b",
        "fonts-glyphicons-halflings",
    ],
    "sid": ["fonts-montserrat"],
}
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def packages_folder(prefix=ODOO_PREFIX):
    """Return the folder that makes ``import odoo`` work."""
    return prefix / "usr/lib/python3/dist-packages"


def provided():
    """Return the person's own Odoo (``ODOO_HOME``: the folder that has ``odoo/`` or ``odoo-bin``), or None.

    :raise Trouble: where it is no Odoo 19
    """
    home = os.environ.get("ODOO_HOME")
    if not home:
        return None
    for folder in (Path(home), packages_folder(Path(home))):
        release = folder / "odoo/release.py"
        if release.exists():
            if not re.search(r"version_info\s*=\s*\(\s*['\"]?(saas~)?19", release.read_text()):
                raise Trouble(f"ODOO_HOME={home} is not Odoo 19: point it at Odoo 19, or leave it out.")
            return folder.absolute()
    raise Trouble(f"ODOO_HOME={home} holds no Odoo: point it at the folder that contains odoo/release.py.")


def key():
    """Return what identifies the Odoo in use, for the key of prepared databases."""
    own = provided()
    if own:
        return f"{own}:{(own / 'odoo/release.py').stat().st_mtime_ns}"
    return (ODOO_PREFIX / "version").read_text()


def steps_left():
    """Return how many steps `install` has before it."""
    if provided() or (ODOO_PREFIX / "version").exists():
        return 0
    return 1 if list(DOWNLOADS.glob("odoo-19_*.deb")) else 3


def install():
    """Download and unpack Odoo unless it is there; return the folder that makes ``import odoo`` work."""
    own = provided()
    if own:
        return own
    if (ODOO_PREFIX / "version").exists():
        return packages_folder()
    fresh = HOME / "odoo.new"
    # what an interrupted attempt left takes the place that this one needs
    shutil.rmtree(fresh, ignore_errors=True)
    # Odoo, its packages and a database; what is downloaded already is not needed again
    need_space(2500 - sum(path.stat().st_size for path in DOWNLOADS.glob("*.deb")) // 2**20)
    apt = _Apt()
    deb = _fetch(apt)
    with step("Odoo 19: unpacking"):
        fresh.mkdir(parents=True)
        for package in [deb, *_companions()]:
            run(["dpkg-deb", "-x", package, fresh], log="unpack", doing=f"unpack {package.name}")
        _complete(packages_folder(fresh))
        (fresh / "version").write_text(deb.name)
        shutil.rmtree(ODOO_PREFIX, ignore_errors=True)
        fresh.rename(ODOO_PREFIX)
    return packages_folder()


def _complete(folder):
    """Mend what the package leaves out: a file that a manifest names, and the name under which tests look for Odoo."""
    stub = folder / "odoo/addons/mail/static/lib/selfie_segmentation/selfie_segmentation.js"
    if not stub.exists():
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.write_text("/* not shipped with this build of Odoo */\n")
    link = folder / "odoo-bin"
    if not link.exists():
        link.symlink_to("../../../bin/odoo")


def _companions():
    names = {name for names in COMPANIONS.values() for name in names}
    return [path for path in sorted(DOWNLOADS.glob("*.deb")) if path.name.split("_")[0] in names]


def _fetch(apt):
    """Return the .deb of Odoo, downloading what is missing; a file that is broken is taken again."""
    pinned = DOWNLOADS / f"odoo-19_{VERSION}_all.deb"
    for path in sorted(DOWNLOADS.glob("*.deb")):
        if not (_sha256(path) == SHA256 if path == pinned else _whole(path)):
            say(f"      {path.name} is broken: taking it again")
            path.unlink()
    have = {path.name.split("_")[0] for path in DOWNLOADS.glob("*.deb")}
    wanted = {name for names in COMPANIONS.values() for name in names} | {"odoo-19"}
    if not wanted <= have:
        with step("Odoo 19: asking the Debian archive of this machine"):
            apt.update()
        with step("Odoo 19: downloading 122 MB"):
            for suite, names in COMPANIONS.items():
                missing = [f"{name}/{suite or apt.base}" for name in names if name not in have]
                if missing:
                    apt.download(missing)
            if "odoo-19" not in have:
                _fetch_odoo(apt, pinned)
    return pinned if pinned.exists() else max(DOWNLOADS.glob("odoo-19_*.deb"))


def _whole(package):
    """Tell whether a Debian package can be read to its end."""
    return subprocess.run(["dpkg-deb", "--contents", package], capture_output=True, check=False).returncode == 0


def _fetch_odoo(apt, pinned):
    versions = apt.versions("odoo-19")
    if VERSION in versions:
        apt.download([f"odoo-19={VERSION}"], SIZE)
        if _sha256(pinned) != SHA256:
            pinned.unlink()
            raise Trouble("The download of Odoo is broken (its checksum is wrong): run the same command again.")
    elif versions:
        say(f"      note: the archive no longer has odoo-19 {VERSION}; taking {versions[0]}, which is not tested")
        apt.download([f"odoo-19={versions[0]}"], SIZE)
    else:
        raise Trouble("This machine's Debian archive has no odoo-19: set ODOO_HOME to an Odoo 19 of your own.")


def _sha256(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def archive(lines, codename):
    """Choose the Debian archive among apt's sources.

    :param lines: "address release component" each
    :param codename: of the Debian release that runs here
    :return: its address, or None; other people's repositories have other releases and components
    """
    sources = [line.split() for line in lines if len(line.split()) == 3 and "security" not in line]
    for releases in ({codename}, {"stable", "oldstable", "testing", "sid", "unstable"}):
        found = sorted(
            address for address, release, component in sources if release in releases and component == "main"
        )
        if found:
            return found[0]
    return None


class _Apt:
    """apt with its own sources, lists, state and cache; signatures are checked with Debian's keyring."""

    def __init__(self):
        if not shutil.which("apt-get") or not KEYRING.exists():
            raise Trouble(
                "This machine has no Debian apt (apt-get and debian-archive-keyring): "
                "set ODOO_HOME to an Odoo 19 of your own."
            )
        release = Path("/etc/os-release").read_text()
        self.base = re.search(r"^VERSION_CODENAME=(\w+)", release, re.M).group(1)
        folder = HOME / "apt"
        for part in ("lists/partial", "cache/archives/partial"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        DOWNLOADS.mkdir(parents=True, exist_ok=True)
        signed = f"deb [signed-by={KEYRING}] {self._archive()} %s main\n"
        (folder / "sources.list").write_text(signed % "sid" + signed % self.base)
        (folder / "status").touch()
        self.options = []
        for name, value in {
            "Dir::Etc::sourcelist": folder / "sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::State": folder,
            "Dir::State::lists": folder / "lists",
            "Dir::State::status": folder / "status",
            "Dir::Cache": folder / "cache",
            "APT::Sandbox::User": getpass.getuser(),
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }.items():
            self.options += ["-o", f"{name}={value}"]

    def _archive(self):
        # without --no-release-info it prints nothing where apt was never updated
        what = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
        command = ["apt-get", "indextargets", "--no-release-info", "--format", what, "Created-By: Packages"]
        found = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        address = archive(found.splitlines(), self.base)
        if not address:
            raise Trouble(
                "apt's sources name no Debian archive: add one to /etc/apt, or set ODOO_HOME to an Odoo 19 of your own."
            )
        return address

    def update(self):
        run(["apt-get", *self.options, "-q", "update"], log="apt", doing="read the Debian archive's list of packages")

    def versions(self, name):
        command = ["apt-cache", *self.options, "madison", name]
        lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
        return [line.split("|")[1].strip() for line in lines if "|" in line]

    def download(self, names, size=0):
        partial = HOME / "apt/cache/archives/partial"

        def percent():
            files = [*partial.glob("odoo*"), *DOWNLOADS.glob("odoo*")]
            return min(100, 100 * max((f.stat().st_size for f in files if f.exists()), default=0) // size)

        run(
            ["apt-get", *self.options, "-q", "download", *names],
            log="apt",
            doing=f"download {', '.join(name.split('/')[0] for name in names)}",
            cwd=DOWNLOADS,
            percent=percent if size else None,
        )
