"""Env files, directories of migrations and migration files that are wrong."""

import os
import random
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from tests.bad_inputs.cases import NOWHERE, Case

ENV_FILES = (
    b"\xff\xfe\x00", b"\xfe\xff\x00D\x00B", b"DB_NAME\x00=x", b"\x00" * 100, "DB_NAME=x".encode("utf-16"), "DB_NAME=x".encode("utf-32"),
    b"\xef\xbb\xbfDB_PORT=x", b"DB_NAME", b"DB_NAME=", b"=x", b"DB_NAME='x", b'DB_NAME="x', b"DB_NAME=x\n y", b"export DB_PORT=x",
    b"DB_PORT: 1", b"DB_PORT = x", b"DB_PORT=1 2", b"DB_PORT=99999", b"DB_PORT=-1", b"DB_HOST=a\x1b[31m", b"DB_NAME=\xff",
    b"DB_NAME=${HOME}", b"DB_NAME=$(id)", b"DATABASE_URL=x", b"DATABASE_URL=mysql://h/d", b"DATABASE_URL='postgresql://u:sesame@h:x/d'",
    b"DB_NAME=" + b"x" * 64, b"DB_USER=" + b"x" * 64, b"DB_NAME=x\nDB_PORT=x", b"DB_HOST=postgresql://u:sesame@h/d", b"[section]\nDB_PORT=x",
    b"{\"DB_PORT\": 1}", b"DB_PORT=x\r\n", b"DB_PORT=x\r", b"A=" + b"x" * 2_000_000 + b"\nDB_PORT=x", b"'DB_PORT'=x", b"DB_NAME=\xe2\x80\xaex",
    b"DB_PORT=\xd9\xa5", b"DB_PASSWORD", b"DB_HOST='a\nb'", b"DB_NAME=\"a\\nb\"\nDB_PORT=x", b"DB_PORT=x #c", b"FOWERGRAM_ENVIRONMENT",
)  # fmt: skip


def env_files() -> Iterator[Case]:
    """Yield files that are named, and files .env that are there."""
    for content in ENV_FILES:

        def write(home: Path, content: bytes = content) -> None:
            (home / ".env").write_bytes(content)

        yield (
            Case("env files", ("status", "--port", "1"), {}, write)
            if b"PORT" not in content
            else Case("env files", ("status",), {}, write)
        )
        yield Case("env files", ("migrate", "--env-file", ".env", "--dbname", "x"), {}, write)
    for odd in (
        "nowhere",
        "/",
        ".",
        "/dev/null/x",
        "/proc/self/mem",
        "/root/x/y",
        "x" * 300,
        "a\nb",
        "\udcff",
        "",
        "~/.env",
    ):
        yield Case("env files", ("status", "--env-file", odd, "--database-url", NOWHERE))
    for make in (Path.mkdir, os.mkfifo, _closed, _to_itself, _to_nowhere):
        yield Case("env files", ("status", "--database-url", NOWHERE), {}, _made(".env", make))
        if make is not os.mkfifo:  # which one may name, and is waited for then
            yield Case(
                "env files", ("status", "--env-file", ".env", "--database-url", NOWHERE), {}, _made(".env", make)
            )


def _made(name: str, make: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda home: make(home / name)


def _closed(path: Path) -> None:
    path.write_text("DB_NAME=x")
    path.chmod(0)


def _to_itself(path: Path) -> None:
    path.symlink_to(path)


def _to_nowhere(path: Path) -> None:
    path.symlink_to("nowhere/at/all")


def _socket(path: Path) -> None:
    # By a relative name: those of sockets are short.
    before = Path.cwd()
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    os.chdir(before)


def _many(path: Path) -> None:
    path.mkdir()
    for number in range(1, 10_001):
        (path / f"{number:05}_{'a' if number % 2 else 'b'}.sql").touch()
    (path / "00001_twice.sql").touch()


NAMES = (
    b"1.sql", b"_a.sql", b"1_.sql", b"a_1.sql", b"x.sql", b".sql", b"1_a.SQL.sql", b"-1_a.sql", b"1.5_a.sql", b"0x1_a.sql", b"1_a.down.sql",
    b"1_a.citus.sql", b"1_\xff.sql", b"\xff.sql", b"1_a\nb.sql", b"1_a\x1b[31m.sql", b"1_\xe2\x80\xae.sql", b"9" * 30 + b"_a.sql",
    b"9" * 200 + b"_a.sql", b"001 a.sql", b"1-a.sql", b"V1__.sql", b"V__a.sql", b"U1__a.sql", b"V1_a.sql", b"1_a.go", b"\xd9\xa1_a.sql",
    b"001_a..sql", b"001_a.up.down.sql", b"1_.up.sql", b"1_::error::.sql", b"1_a.sql.down.sql", b"R__.sql", b"V1__a.sql\n.sql", b"1_" + b"x" * 240 + b".sql",
)  # fmt: skip
PLACES = (
    "nowhere", "/dev/null", "/dev/null/x", "", ".", "x" * 300, "a\nb", "\udcff", "~", "/proc/self/fd", "/etc/passwd", "\u202e",
)  # fmt: skip
PLANS = (
    b"", b"\xff", b"%syntax-version=1.0.0\n", b"%project=x\n\na 2020 x <y>\n", b"a\nb\n", b"%syntax-version=9\na [b] x", b"@tag", b"\x00",
)  # fmt: skip
PAIRS = (
    (b"1_a.sql", b"01_b.sql"), (b"1_a.sql", b"1_a.up.sql"), (b"1_a.sql", b"1_b.down.sql"), (b"1_a.sql", b"2_b.down.sql"),
    (b"1_a.sql", b"V2__b.sql"), (b"1_a.sql", b"sqitch.plan"), (b"1_A.sql", b"1_a.sql"), (b"1_a.sql", b"1_a.SQL"), (b"V1__a.sql", b"V01__b.sql"),
    (b"1_a.sql", b"2_b.go"), (b"1_a.down.sql", b"1_a.DOWN.sql"), (b"1_a.up.sql", b"1_b.up.sql"), (b"V1__a.sql", b"V1.0__b.sql"),
)  # fmt: skip


def directories() -> Iterator[Case]:
    """Yield directories that are none, cannot be read, or hold files of names that are wrong."""
    for odd in PLACES:
        yield Case("directories", ("status", "--migrations-dir", odd, "--database-url", NOWHERE))
        yield Case("directories", ("migrate", "--database-url", NOWHERE), {"MIGRATIONS_DIR": odd or " "})
    for make in (Path.touch, os.mkfifo, _to_itself, _to_nowhere, _socket, Path.mkdir, _many):
        yield _with_directory(make)
    for names in (*((name,) for name in NAMES), *PAIRS):
        yield _with_files(dict.fromkeys(names, b"SELECT 1;"))
    for make in (Path.mkdir, os.mkfifo, _to_itself, _to_nowhere, _socket, _closed):
        for name in ("001_a.sql", "001_a.down.sql", "V1__a.sql", "sqitch.plan", "2020-01-01-000000_x"):
            yield _with_files({b"000_z.sql": b""}, {name: make})
    folder = b"2020-01-01-000000_x/"
    for part in (b"up.sql", b"down.sql", b"metadata.toml"):
        for content in (b"\xff", b"\x00", b"x = [", b"COMMIT;"):
            yield _with_files({folder + b"up.sql": b"SELECT 1;", folder + part: content})
    yield from (_with_files({b"sqitch.plan": plan}) for plan in PLANS)


def _with_directory(make: Callable[[Path], object]) -> Case:
    return Case("directories", ("status", "--migrations-dir", "m", "--database-url", NOWHERE), {}, _made("m", make))


def _with_files(
    files: Mapping[bytes, bytes], odd: Mapping[str, Callable[[Path], object]] = MappingProxyType({})
) -> Case:
    def fill(path: Path) -> None:
        path.mkdir()
        for name, content in files.items():
            file = path / os.fsdecode(name)
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(content)
        for other, make in odd.items():
            make(path / other)

    return _with_directory(fill)


PIECES = (
    b"\xff", b"\x00", b"\xef\xbb\xbf\xef\xbb\xbfSELECT 1", "SELECT 'é'".encode("latin-1"), "SELECT 1;".encode("utf-16"), b"\xed\xa0\x80", b"\xc0\x80",
    b"\xf5\x80\x80\x80", b"SELECT 'x", b'SELECT "x', b"SELECT $a$ x", b"SELECT $$", b"/* x", b"/* /* x */", b"SELECT E'\\'", b"SELECT U&'\\", b"(((",
    b"COMMIT;", b"ROLLBACK;", b"BEGIN;", b"END;", b"START TRANSACTION;", b"SAVEPOINT x;", b"PREPARE TRANSACTION 'x';", b"ABORT", b"commit prepared 'x'",
    b"\\i other.sql", b"\\connect x", b"\\", b"\\! id", b"\\copy x from y", b"COPY x FROM stdin;\n1\n", b"COPY x FROM stdin;", b"COPY x FROM stdin WITH",
    b"COPY x FROM '/etc/passwd'", b"COPY x TO STDOUT;", b"-- fowergram: nonsense", b"-- fowergram:", b"-- fowergram: lock-timeout=x",
    b"-- fowergram: lock-timeout=", b"-- fowergram: statement-timeout=-1s", b"-- fowergram: irreversible", b"-- fowergram: irreversible:",
    b"-- fowergram: no-transaction=1", b"-- fowergram: no-transaction, no-transaction", b"--fowergram: nonsense", b"-- FOWERGRAM: nonsense",
    b"-- fowergram: lock-timeout=1s\n-- fowergram: lock-timeout=2s", b"-- +goose Up\nSELECT 1", b"-- +goose Down", b"-- +goose Upp", b"-- +goose StatementBegin",
    b"-- +goose StatementEnd", b"-- +goose Up\n-- +goose Up", b"-- +goose Down\n-- +goose Up", b"-- +goose NO TRANSACTION", b"-- migrate:up\n-- migrate:up",
    b"-- migrate:down", b"-- migrate:sideways", b"-- migrate:up transaction:maybe", b"-- +migrate Up notransaction x", b"-- +migrate Sideways",
    b"-- +migrate Down\n-- +migrate Down", b"-- migrate:up\n-- +goose Up", b"-- rambler up", b"--", b"/**/", b";", b";;;", b"", b"   \n\n", b"\x0c\x0b", b"\r\r\r",
    b"SELECT 1\x1b[31m", b"\xe2\x80\xaeSELECT", b"\xc2\xa0SELECT 1", b"CREATE TABLE " + b"x" * 100_000, b"(" * 20_000, b"/*" * 20_000, b"'" * 20_001,
    b"BEGIN ATOMIC", b"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1;", b"SELECT 1; COMMIT AND CHAIN;", b"DO $$ COMMIT; $$ x", b"\\.",
)  # fmt: skip


def scripts(chance: random.Random) -> Iterator[Case]:
    """Yield migration files of broken pieces, alone, after and before others, as either half of a migration."""
    for at, piece in enumerate(PIECES):
        other = chance.choice(PIECES)
        contents = (piece, b"SELECT 1;\n" + piece, piece + b"\n" + other, b"-- fowergram: no-transaction\n" + piece)
        for content, name in zip(contents, ("001_a.sql", "001_a.sql", "V1__a.sql", "001_a.down.sql"), strict=True):

            def write(home: Path, content: bytes = content, name: str = name) -> None:
                (home / "m").mkdir()
                if ".down" in name:
                    (home / "m/001_a.sql").write_text("SELECT 1;")
                (home / "m" / name).write_bytes(content)

            command = ("status", "migrate", "rollback", "repair", "reset")[at % 5]
            dbname = ("--dbname", "x_test") if command == "reset" else ()
            yield Case("scripts", (command, "--migrations-dir", "m", "--database-url", NOWHERE, *dbname), {}, write)
