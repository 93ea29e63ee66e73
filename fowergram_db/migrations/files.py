"""Find, read and check migration files."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fowergram_db.errors import ConfigurationError, FileFault, Location
from fowergram_db.migrations.directives import Directives, header_end, is_directive, parse_directives
from fowergram_db.migrations.script import Script, Trait, position, scan

GREATEST_VERSION = 2**63 - 1
_NAME = re.compile(r"([0-9]+)_([^.].*?)(\.up|\.down|\.citus)?\.sql", re.IGNORECASE | re.DOTALL)
_NAMES = "Name it NNN_name.sql with NNN_name.down.sql, or NNN_name.up.sql with NNN_name.down.sql."


@dataclass(frozen=True, slots=True)
class SqlFile:
    """One file as it is on disk: ``text`` without BOM and with LF line ends, and what its header says."""

    path: Path
    text: str
    directives: Directives

    @property
    def checksum(self) -> str:
        """Return the SHA-256 of the text, in hexadecimal: the same for CRLF and LF checkouts."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class MigrationFile:
    """One migration of the checkout: the file that does it and, where there is one, that which undoes it."""

    version: int
    name: str
    checksum: str
    up: SqlFile
    down: SqlFile | None = None

    @property
    def reversible(self) -> bool:
        """Tell whether it can be undone."""
        return self.down is not None


def read_migrations(directory: Path) -> tuple[MigrationFile, ...]:
    """Read every migration of a directory, in order of version.

    Raises ConfigurationError where there is no such directory or nothing in it, and FileFault for the first
    file whose name, encoding, header or partner is wrong. Executes nothing.
    """
    ups: dict[int, tuple[str, SqlFile]] = {}
    downs: dict[int, tuple[str, SqlFile]] = {}
    for path, version, name, direction in _named(_listed(directory)):
        found = downs if direction == ".down" else ups
        if version in found:
            raise FileFault(
                f"two files have version {version}: {found[version][1].path.name} and {path.name}",
                hint="Renumber the newer of them.",
                location=Location(str(path)),
            )
        found[version] = (name, _read(path))
    _check_partners(ups, downs)
    return tuple(_migration(version, name, up, downs.get(version)) for version, (name, up) in sorted(ups.items()))


def versions_in(directory: Path) -> tuple[tuple[int, int], ...]:
    """Return the version of each migration in a directory, with the number of digits it is written in."""
    found = (_NAME.fullmatch(path.name) for path in directory.iterdir())
    return tuple((int(match[1]), len(match[1])) for match in found if match)


def _listed(directory: Path) -> Iterable[Path]:
    try:
        paths = sorted(path for path in directory.iterdir() if path.name.lower().endswith(".sql"))
    except OSError as error:
        raise ConfigurationError(
            f"the migrations directory {str(directory)!r} cannot be read: {error.strerror}",
            hint="Name the right one with --migrations-dir or MIGRATIONS_DIR.",
        ) from error
    if not paths:
        raise ConfigurationError(
            f"there are no migrations in {str(directory)!r}",
            hint="Name the right directory with --migrations-dir or MIGRATIONS_DIR, or write the first "
            "migration with `fowergram-db new NAME`.",
        )
    return paths


def _named(paths: Iterable[Path]) -> Iterator[tuple[Path, int, str, str]]:
    """Yield each path with the version, the name and the direction that its file name says."""
    for path in paths:
        if not path.name.isprintable():
            raise FileFault(f"the name {path.name!a} holds characters that cannot be shown", hint="Rename the file.")
        match = _NAME.fullmatch(path.name)
        if not match:
            raise FileFault(f"{path.name} is not the name of a migration", hint=_NAMES, location=_at(path))
        digits, name, direction = match[1], match[2], (match[3] or "").lower()
        if direction == ".citus":
            raise FileFault(f"{path.name}: names that end in .citus.sql are reserved", hint=_NAMES, location=_at(path))
        version = int(digits) if len(digits) < 40 else GREATEST_VERSION + 1  # noqa: PLR2004 - int() is quadratic
        if not 0 < version <= GREATEST_VERSION:
            raise FileFault(
                f"{path.name}: a version is a number from 1 to {GREATEST_VERSION}",
                hint="Renumber the file.",
                location=_at(path),
            )
        yield path, version, name, direction


def _at(path: Path, text: str = "", offset: int | None = None) -> Location:
    return Location(str(path)) if offset is None else Location(str(path), *position(text, offset))


def _read(path: Path) -> SqlFile:
    try:
        raw = path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise FileFault(
            f"{path.name} cannot be read: {error.strerror}",
            hint="Make it a file that this user may read.",
            location=_at(path),
        ) from error
    if raw is None:
        raise FileFault(f"{path.name} cannot be read: it is no file", hint="Rename or remove it.", location=_at(path))
    text = decode(path, raw)
    return SqlFile(path, text, parse_directives(str(path), text))


def decode(path: Path, raw: bytes) -> str:
    """Turn a file's bytes into text without BOM and with LF line ends.

    Raises FileFault, with the line, for invalid UTF-8 and for a NUL byte (the server would silently drop
    everything behind it).
    """
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
        raise FileFault(
            f"{path.name} is not UTF-8: byte 0x{raw[error.start]:02x}",
            hint="Save the file as UTF-8.",
            location=_at(path, before, len(before)),
        ) from error
    if (nul := text.find("\0")) >= 0:
        raise FileFault(
            f"{path.name} contains a NUL byte",
            hint="Remove it; a file in UTF-16 has to be saved as UTF-8.",
            location=_at(path, text, nul),
        )
    return text


def _check_partners(ups: dict[int, tuple[str, SqlFile]], downs: dict[int, tuple[str, SqlFile]]) -> None:
    for version, (name, down) in sorted(downs.items()):
        if version not in ups:
            raise FileFault(
                f"{down.path.name} has no migration that it would undo",
                hint=f"Add the file that does version {version}, or remove this one.",
                location=_at(down.path),
            )
        other, up = ups[version]
        if other != name:
            raise FileFault(
                f"{down.path.name} and {up.path.name} have one version but two names",
                hint="Give both the same name.",
                location=_at(down.path),
            )


def _migration(version: int, name: str, up: SqlFile, found: tuple[str, SqlFile] | None) -> MigrationFile:
    down = found[1] if found else None
    if down and up.directives.irreversible:
        raise FileFault(
            f"{up.path.name} says that it is irreversible, and {down.path.name} undoes it",
            hint="Remove the directive or the file.",
            location=_at(up.path),
        )
    return MigrationFile(version, name, up.checksum, up, down)


def read_script(file: str, text: str) -> Script:
    """Scan a script that is about to run, and refuse what could not run as one transaction.

    Raises FileFault at the place of the fault.
    """
    script = scan(text)
    faults = [*_command_faults(script), *_statement_faults(script), *_directive_faults(script)]
    if faults:
        offset, message, hint = min(faults)
        raise FileFault(message, hint=hint, location=Location(file, *position(text, offset)))
    return script


def _command_faults(script: Script) -> Iterator[tuple[int, str, str]]:
    for start, end in script.commands:
        command = script.text[start:end].split()[0]
        yield start, f"{command} is a command of psql, not SQL", "Remove it, or write what it does in SQL."


def _statement_faults(script: Script) -> Iterator[tuple[int, str, str]]:
    for statement in script.statements:
        if Trait.ENDS_TRANSACTION in statement.traits:
            yield (
                statement.start,
                f"{statement.words[0]} would break the transaction that the migration runs in",
                "Remove it: every migration is one transaction already, its bookkeeping included.",
            )
        elif Trait.COPIES_FROM_CLIENT in statement.traits:
            yield (
                statement.start,
                "COPY … FROM stdin is not supported in a migration yet",
                "Write INSERT statements (`pg_dump --inserts` does).",
            )
        elif Trait.COPIES_TO_CLIENT in statement.traits:
            yield statement.start, "COPY … TO stdout has nobody to read it", "Remove it."


def _directive_faults(script: Script) -> Iterator[tuple[int, str, str]]:
    """Find directives below the header, which would otherwise be passed over without a word."""
    header = header_end(script.text)
    for start, end in script.comments:
        if start >= header and is_directive(script.text[start:end]):
            yield (
                start,
                "a directive stands below the header",
                "Move it to the comment lines at the top of the file.",
            )
