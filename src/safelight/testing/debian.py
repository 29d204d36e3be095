"""Installs the servers that tests need and the machine has not got: Debian's packages, by root, without asking."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

WHERE = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
"""Debian keeps daemons where not every user looks for programs."""

POLICY = Path("/usr/sbin/policy-rc.d")
NO_SERVICES = "#!/bin/sh\nexit 101\n"
"""Tells Debian's packages not to start their services when they are installed."""

INSTALL_WITHIN_S = 600
"""A browser is a hundred megabytes."""


class NotInstalled(Exception):
    """A program is not there, and cannot be installed by this user on this machine."""


def installed(program: str, package: str) -> str:
    """Return the path of a program, after installing its package where it is missing. Raises NotInstalled."""
    return all_installed({program: package})[program]


def all_installed(packages: Mapping[str, str]) -> Mapping[str, str]:
    """Return the paths of programs, given with the package that each comes in; what is missing is installed at once.

    Raises NotInstalled.
    """
    with _one_at_a_time():
        found = _found(packages)
        if lacking := packages.keys() - found.keys():
            _install(sorted({packages[program] for program in lacking}))
            found = _found(packages)
    for program in packages.keys() - found.keys():
        raise NotInstalled(f"the package {packages[program]} has no {program}")
    return found


def _found(programs: Iterable[str]) -> Mapping[str, str]:
    paths = {program: shutil.which(program, path=WHERE) for program in programs}
    return {program: path for program, path in paths.items() if path is not None}


def _install(packages: Sequence[str]) -> None:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise NotInstalled(f"only root on Debian can install this here: apt-get install {' '.join(packages)}")
    with _no_services():
        _apt("update")
        _apt("install", "--yes", "--no-install-recommends", *packages)


def _apt(*words: str) -> None:
    done = subprocess.run(  # noqa: S603 - fixed words
        ["apt-get", "--quiet", "--option", "DPkg::Lock::Timeout=120", *words],  # noqa: S607 - wherever it is
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        capture_output=True,
        text=True,
        timeout=INSTALL_WITHIN_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"apt-get {words[0]} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Wait for other test processes that install as well."""
    with (Path(tempfile.gettempdir()) / f"safelight-apt-{os.geteuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _no_services() -> Iterator[None]:
    """Keep packages from starting services; where the machine has a policy of its own, that holds."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text(NO_SERVICES)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
