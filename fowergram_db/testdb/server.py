"""Which server a test suite uses: the one that is named, else Docker's, else the embedded one."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from fowergram_db.database.connection import started
from fowergram_db.database.embedded import is_available
from fowergram_db.database.environment import libpq_settings
from fowergram_db.database.target import Embedded, Target, resolve_target
from fowergram_db.errors import ConfigurationError

DEFAULT_IMAGE = "postgres:18-alpine"
_DOCKER_ANSWERS_WITHIN_S = 5
_HINT = (
    "Name a server: --fowergram-url postgresql://USER@HOST/DATABASE, or TEST_DATABASE_URL; or start Docker and pip "
    "install testcontainers; or pip install 'fowergram-db[embedded]'."
)


@dataclass(frozen=True, slots=True)
class Server:
    """How to reach a server, and whether the server and its databases still exist after the tests."""

    target: Target
    lasts: bool


@contextmanager
def server_for_tests(url: str | None, image: str, shared: Path) -> Iterator[Server]:
    """Yield a server for as long as the block lasts.

    ``shared`` is a directory that all processes of one test run have, and no other run: they share a container. Raises
    ConfigurationError if there is no server, and none can be started.
    """
    if url:
        with started(_target(url, os.environ)) as target:
            yield Server(target, lasts=True)
    elif docker_answers():
        with _shared_container(image, shared) as container_url:
            yield Server(_target(container_url, {}), lasts=False)
    elif is_available():
        with started(Target("postgres", "postgres", embedded=Embedded())) as target:
            yield Server(target, lasts=True)
    else:
        raise ConfigurationError("no PostgreSQL server is available for the tests", hint=_HINT)


def _target(url: str, environ: Mapping[str, str]) -> Target:
    password = {name: environ[name] for name in ("DB_PASSWORD", "PGPASSWORD") if name in environ}
    return resolve_target({"database_url": url}, password, {}, libpq=libpq_settings, embedded_available=is_available())


def docker_answers() -> bool:
    """Return whether testcontainers is installed and can reach a Docker engine."""
    if not (os.environ.get("DOCKER_HOST") or Path("/var/run/docker.sock").exists()):
        return False
    if find_spec("testcontainers") is None or find_spec("docker") is None:
        return False
    from docker import from_env
    from docker.errors import DockerException

    try:
        client = from_env(timeout=_DOCKER_ANSWERS_WITHIN_S)
    except DockerException:
        return False
    try:
        return bool(client.ping())
    except (DockerException, OSError):
        return False
    finally:
        client.close()


@contextmanager
def _shared_container(image: str, shared: Path) -> Iterator[str]:
    """Start a container, or use the one that another process of this run has started.

    The process that started it stops it, after the others have left: the locks of killed processes are free, too.
    """
    note = shared / "fowergram-db-server.json"
    with (shared / "fowergram-db-users.lock").open("a") as users, (shared / "fowergram-db-turn.lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        container = None
        if not note.exists():
            from testcontainers.community.postgres import PostgresContainer

            container = PostgresContainer(image, driver=None).start()
            note.write_text(json.dumps(container.get_connection_url()), encoding="utf-8")
        fcntl.flock(users, fcntl.LOCK_SH)
        fcntl.flock(turn, fcntl.LOCK_UN)
        try:
            yield json.loads(note.read_text(encoding="utf-8"))
        finally:
            if container:
                fcntl.flock(turn, fcntl.LOCK_EX)
                with suppress(FileNotFoundError):
                    note.unlink()
                fcntl.flock(turn, fcntl.LOCK_UN)
                fcntl.flock(users, fcntl.LOCK_EX)
                container.stop()
