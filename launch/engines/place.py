"""Where a server's program runs: on the host or in a private root, and as whom.

As root, a server runs as another user, and the working copy may lie where that user
cannot reach it (``/root`` is 0700). So it is started in a mount namespace of its own
with its folders bound under ``/srv``. ``unshare``, ``sh``, ``chroot`` and ``setpriv``
each replace themselves, so the pid that was started is the server's.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_INNER = Path("/srv")

# $1 the root's own folder ("" for the host's), $2 data, $3 programs or "", then the command.
_ENTER = """
set -e
root=$1 data=$2 programs=$3
shift 3
mount -t tmpfs -o mode=755 none "$root/srv"
mkdir "$root/srv/data"
mount --bind "$data" "$root/srv/data"
if [ -n "$programs" ]; then mkdir "$root/srv/programs"; mount --bind "$programs" "$root/srv/programs"; fi
if [ -n "$root" ]; then mount --rbind /dev "$root/dev"; fi
cd /
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class User:
    """Who a server runs as."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Place:
    """How to run a program of an engine.

    ``root`` is the private root to change into, ``user`` whom to become (both
    ``None`` for: here, as I am), ``programs`` a folder of binaries that ``user``
    may not be able to reach where it lies.
    """

    root: Path | None = None
    user: User | None = None
    programs: Path | None = None

    @property
    def is_private(self) -> bool:
        """Whether folders are bound under ``/srv`` rather than used where they lie."""
        return self.user is not None and may_unshare()

    def settle(self, data: Path) -> Path:
        """Make the data folder and say where it is on the host.

        That is ``data`` itself, except where a mount namespace may not be had: then
        it is a folder of the same purpose below ``/var/lib/cityops``.
        """
        outer = data
        if self.user is not None and not self.is_private:
            outer = fallback(self.root or Path("/"), data)
        outer.mkdir(parents=True, exist_ok=True)
        if self.user is not None:
            os.chown(outer, self.user.uid, self.user.gid)
        outer.chmod(0o700)
        return outer

    def inner(self, outer: Path) -> Path:
        """The path by which the server sees its data folder ``outer``."""
        if self.is_private:
            return _INNER / "data"
        return Path("/") / outer.relative_to(self.root) if self.root and self.user else outer

    def command(self, outer: Path, argv: Sequence[str]) -> list[str]:
        """``argv`` wrapped so that it runs in this place, on the data in ``outer``."""
        if self.user is None:
            return list(argv)
        entered = [*self._become(self.user), *self._reachable(argv)]
        if not self.is_private:
            return entered
        root, programs = str(self.root or ""), str(self.programs or "")
        unshare = ["unshare", "--mount", "--propagation", "private"]
        return [*unshare, "sh", "-c", _ENTER, "cityops", root, str(outer), programs, *entered]

    def _become(self, user: User) -> list[str]:
        if self.root is not None:
            return ["chroot", f"--userspec={user.uid}:{user.gid}", "--groups=", str(self.root)]
        return ["setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups"]

    def _reachable(self, argv: Sequence[str]) -> list[str]:
        program = Path(argv[0])
        if self.is_private and self.programs is not None and program.is_relative_to(self.programs):
            program = _INNER / "programs" / program.relative_to(self.programs)
        return [str(program), *argv[1:]]


def fallback(root: Path, data: Path) -> Path:
    """Where below ``root`` a server keeps ``data`` that it could not reach otherwise."""
    return root / "var/lib/cityops" / hashlib.sha256(str(data).encode()).hexdigest()[:16]


@cache
def may_unshare() -> bool:
    """Whether this process may have a mount namespace of its own, and mount in it."""
    probe = ["unshare", "--mount", "--propagation", "private", "mount", "-t", "tmpfs", "none", "/srv"]
    try:
        return subprocess.run(probe, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def root_user(root: Path, name: str) -> User:
    """The user ``name`` of a private root, read from its own ``/etc/passwd``."""
    for line in (root / "etc/passwd").read_text(encoding="utf-8").splitlines():
        fields = line.split(":")
        if fields[0] == name:
            return User(int(fields[2]), int(fields[3]))
    raise LookupError(name)


def host_user(*names: str) -> User | None:
    """The first of ``names`` this machine has, ``nobody`` else; ``None`` unless we are root."""
    if os.geteuid() != 0:
        return None
    for name in (*names, "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return User(entry.pw_uid, entry.pw_gid)
    return User(65_534, 65_534)
