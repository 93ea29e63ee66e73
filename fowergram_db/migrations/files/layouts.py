"""Find the migrations of the tools that lay out a directory in their own way: Flyway, diesel and sqitch."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from fowergram_db.errors import FileFault
from fowergram_db.migrations.files.directives import parse_directives
from fowergram_db.migrations.files.sections import blank
from fowergram_db.migrations.files.source import SqlFile, place, read_file

GREATEST_VERSION = 2**63 - 1
PLAN = "sqitch.plan"

_FLYWAY = re.compile(r"([VU])([0-9]+(?:[._][0-9]+)*)__(.+)\.sql", re.DOTALL)
_FLYWAY_LIKE = re.compile(r"(?:[VUB][0-9][0-9._]*|R)__.*\.sql", re.DOTALL)
_PLACEHOLDER = re.compile(r"\$\{[^}\n]*\}")
_DIESEL = re.compile(r"([0-9][0-9-]*)_(.+)", re.DOTALL)
_BEGIN = re.compile(r"BEGIN(?:\s+(?:WORK|TRANSACTION))?", re.IGNORECASE)
_COMMIT = re.compile(r"COMMIT(?:\s+(?:WORK|TRANSACTION))?", re.IGNORECASE)
_SEMICOLON = re.compile(r"\s*;")


@dataclass(frozen=True, slots=True)
class MigrationFile:
    """One migration of the checkout: the file that does it and, where there is one, that which undoes it.

    Both may be sections of one file. ``checksum`` is that of the file as it is on disk, ``folder`` where it lies
    below the migrations directory ("" in itself).
    """

    version: int
    name: str
    checksum: str
    up: SqlFile
    down: SqlFile | None = None
    folder: str = ""

    @property
    def reversible(self) -> bool:
        """Tell whether it can be undone."""
        return self.down is not None

    def is_recorded_by(self, checksum: str) -> bool:
        """Tell whether a recorded checksum is that of this file: of its text or, as other tools have it, of its bytes.

        Nothing needs to say which tool wrote a row: the text that this one ran has the checksum of a file's bytes
        where those are that text.
        """
        return checksum in (self.checksum, self.up.raw_checksum)

    @property
    def filename(self) -> str:
        """Return what names the file within its directory, and no other."""
        return f"{self.folder}/{self.up.path.name}" if self.folder else self.up.path.name


def parse_version(path: Path, digits: str) -> int:
    """Return the version that digits say. Raises FileFault where the bookkeeping could not hold it."""
    version = int(digits) if len(digits) < 40 else GREATEST_VERSION + 1  # noqa: PLR2004 - int() is quadratic
    if not 0 < version <= GREATEST_VERSION:
        raise FileFault(
            f"{path.name}: a version is a number from 1 to {GREATEST_VERSION}",
            hint="Renumber the file.",
            location=place(path),
        )
    return version


def is_flyway(name: str) -> bool:
    """Tell whether a file is named as Flyway wants it.

    >>> is_flyway("V1.2__x.sql"), is_flyway("R__x.sql"), is_flyway("001_x.sql")
    (True, True, False)
    """
    return bool(_FLYWAY_LIKE.fullmatch(name))


def read_flyway(directory: Path) -> Iterator[MigrationFile]:
    """Read ``V1__name.sql`` with ``U1__name.sql``, which undoes it, from the folders below too, as Flyway does.

    Raises FileFault for what only Flyway can do: repeatable and baseline migrations, versions with dots,
    placeholders.
    """
    ups: dict[int, tuple[str, Path]] = {}
    downs: dict[int, tuple[str, Path]] = {}
    for path in sorted(path for path in directory.rglob("*") if path.name.lower().endswith(".sql")):
        kind, version, title = _flyway_name(path)
        found = ups if kind == "V" else downs
        if version in found:
            raise clash(version, found[version][1], path)
        found[version] = (title, path)
    for version, (_, path) in downs.items():
        if version not in ups:
            raise FileFault(
                f"{path.name} has no migration that it would undo",
                hint=f"Add V{version}__name.sql, or remove this one.",
                location=place(path),
            )
    for version, (title, path) in ups.items():
        up = _read_flyway_file(path)
        down = _read_flyway_file(downs[version][1]) if version in downs else None
        yield MigrationFile(version, title, up.checksum, up, down, _folder(directory, path))


def _folder(directory: Path, path: Path) -> str:
    folder = path.parent.relative_to(directory).as_posix()
    return "" if folder == "." else folder


def clash(version: int, first: Path, second: Path) -> FileFault:
    """Return the error for two files that have one version."""
    return FileFault(
        f"two files have version {version}: {first.name} and {second.name}",
        hint="Renumber the newer of them.",
        location=place(second),
    )


def _flyway_name(path: Path) -> tuple[str, int, str]:
    match = _FLYWAY.fullmatch(path.name)
    if not match:
        kinds = {"R": "a repeatable migration of Flyway", "B": "a baseline migration of Flyway"}
        kind = kinds.get(path.name[0] if is_flyway(path.name) else "", "not the name of a migration of Flyway")
        raise FileFault(
            f"{path.name} is {kind}",
            hint="Only V1__name.sql and U1__name.sql are run. Keep what is to run again and again in a directory of "
            "its own, or make a V migration of it for each change.",
            location=place(path),
        )
    # 1.0 and 1 are one version to Flyway.
    first, *rest = re.split("[._]", match[2])
    if any(int(part[:40]) for part in rest):
        raise FileFault(
            f"{path.name}: version {match[2]} is not a whole number",
            hint="Versions are whole numbers here: rename the files in their order (V1__, V2__, …).",
            location=place(path),
        )
    return match[1], parse_version(path, first), match[3]


def _read_flyway_file(path: Path) -> SqlFile:
    file, settings = read_file(path), _flyway_settings(path.with_name(f"{path.name}.conf"))
    placeholder = _PLACEHOLDER.search(file.text)
    if placeholder and settings.get("placeholderreplacement", "true") == "true":
        raise FileFault(
            f"{path.name}: Flyway would put something in the place of {placeholder[0]}",
            hint="Write the value itself; where the text is meant as it stands, say placeholderReplacement=false in "
            f"{path.name}.conf.",
            location=place(path, file.text, placeholder.start()),
        )
    return outside_transaction(file) if settings.get("executeintransaction", "true") == "false" else file


def _flyway_settings(path: Path) -> dict[str, str]:
    """Read the settings beside a script; none where there is no such file. Keys and values in lower case."""
    settings: dict[str, str] = {}
    if not path.exists():
        return settings
    for number, line in enumerate(read_file(path).text.split("\n"), start=1):
        key, _, value = (part.strip().lower() for part in line.partition("="))
        known = {"executeintransaction": ("true", "false"), "placeholderreplacement": ("true", "false")}
        if (
            key
            and not key.startswith("#")
            and value not in known.get(key, ())
            and (key, value) != ("encoding", "utf-8")
        ):
            raise FileFault(
                f"{path.name}: {line.strip()!r} cannot be obeyed",
                hint="executeInTransaction and placeholderReplacement are, each true or false.",
                location=replace(place(path), line=number, column=1),
            )
        settings[key] = value
    return settings


def outside_transaction(file: SqlFile) -> SqlFile:
    """Return the file as one that is not to run in a transaction."""
    return replace(file, directives=replace(file.directives, transactional=False))


def diesel_version(path: Path, digits: str) -> int:
    """Return the version of a diesel migration: its digits as one number; 0, diesel's own first one, becomes 1.

    >>> diesel_version(Path("x"), "2024-01-01-120000"), diesel_version(Path("x"), "00000000000000")
    (20240101120000, 1)
    """
    digits = digits.replace("-", "")
    return 1 if not digits.strip("0") else parse_version(path, digits)


def is_diesel(path: Path) -> bool:
    """Tell whether a directory is one migration of diesel."""
    return bool(_DIESEL.fullmatch(path.name)) and ((path / "up.sql").exists() or (path / "down.sql").exists())


def read_diesel(folders: Iterable[Path]) -> Iterator[MigrationFile]:
    """Read ``VERSION_name/up.sql`` with ``down.sql`` and ``metadata.toml``."""
    for path in folders:
        match = _DIESEL.fullmatch(path.name)
        if match is None:
            raise ValueError(path)
        read = _read_out_of_transaction if _runs_outside(path / "metadata.toml") else read_file
        down = read(path / "down.sql") if (path / "down.sql").exists() else None
        up = read(path / "up.sql")
        yield MigrationFile(diesel_version(path, match[1]), match[2], up.checksum, up, down, path.name)


def _read_out_of_transaction(path: Path) -> SqlFile:
    return outside_transaction(read_file(path))


def _runs_outside(path: Path) -> bool:
    if not path.exists():
        return False
    import tomllib

    try:
        said = tomllib.loads(read_file(path).text).get("run_in_transaction", True)
    except tomllib.TOMLDecodeError as error:
        said = error
    if not isinstance(said, bool):
        raise FileFault(
            f"{path.parent.name}/{path.name} does not say whether to run in a transaction: {said}",
            hint="Write `run_in_transaction = false` or true, and nothing that is not TOML.",
            location=place(path),
        )
    return not said


def read_sqitch(directory: Path) -> Iterator[MigrationFile]:
    """Read the changes of ``sqitch.plan`` from ``deploy`` and ``revert``; a version is a place in the plan."""
    for version, name in enumerate(_planned(directory / PLAN), start=1):
        up_path, down_path = directory / "deploy" / f"{name}.sql", directory / "revert" / f"{name}.sql"
        up = read_file(up_path)
        down = without_transaction(read_file(down_path)) if down_path.exists() else None
        yield MigrationFile(version, name, up.checksum, without_transaction(up), down, _folder(directory, up_path))


def _planned(path: Path) -> tuple[str, ...]:
    """Return the names of the changes in a plan, in its order."""
    names: dict[str, int] = {}
    for number, line in enumerate(read_file(path).text.split("\n"), start=1):
        change = line.partition("#")[0].split()
        if not change or change[0].startswith(("%", "@")):
            continue
        name = change[0].removeprefix("+")
        if name in names or name.startswith(("-", "/")) or ".." in name.split("/"):
            fact = f"is planned a second time (first in line {names[name]})" if name in names else "is no change"
            raise FileFault(
                f"{path.name}: {name!r} {fact}",
                hint="Reworked and reverted changes cannot be told apart here: make a change with a name of its own.",
                location=replace(place(path), line=number, column=1),
            )
        names[name] = number
    return tuple(names)


def without_transaction(file: SqlFile) -> SqlFile:
    """Return the file with the BEGIN that it begins with and the COMMIT that it ends with made blank.

    Every migration has a transaction already. Where only one of both is there, both stay, and the checks
    refuse them.
    """
    from fowergram_db.migrations.script.scanner import scan

    text, statements = file.text, scan(file.text).statements
    if len(statements) < 2:  # noqa: PLR2004 - a BEGIN and a COMMIT
        return file
    ends = (statements[0], statements[-1])
    if not all(edge.fullmatch(text, end.start, end.end) for edge, end in zip((_BEGIN, _COMMIT), ends, strict=True)):
        return file
    for end in ends:
        semicolon = _SEMICOLON.match(text, end.end)
        stop = semicolon.end() if semicolon else end.end
        text = text[: end.start] + blank(text[end.start : stop]) + text[stop:]
    return replace(file, text=text, directives=parse_directives(str(file.path), text))
