"""Read the directories of Flyway."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fowergram_db.errors import FileFault
from fowergram_db.migrations.files.faults import Faults
from fowergram_db.migrations.files.listing import Listing
from fowergram_db.migrations.files.migration import MigrationFile, clash, folder_of, outside_transaction, read_down
from fowergram_db.migrations.files.sql_file import SqlFile, location_in, read_file
from fowergram_db.migrations.files.transactions import alone
from fowergram_db.migrations.version import TextVersion, dotted, number_of

TOOL = "Flyway"
TOOLS = (TOOL,)
_FLYWAY = re.compile(r"([VU])([0-9]+(?:[._][0-9]+)*)__(.+)\.sql", re.DOTALL)
_FLYWAY_LIKE = re.compile(r"(?:[VUB][0-9][0-9._]*|R)__.*\.sql", re.DOTALL)
_PLACEHOLDER = re.compile(r"\$\{[^}\n]*\}")


def found(listing: Listing) -> tuple[Path, ...]:
    """Return the files whose names follow Flyway's rules."""
    return tuple(path for path in listing.sql if is_flyway(path.name))


def is_flyway(name: str) -> bool:
    """Return whether a file name follows Flyway's rules.

    >>> is_flyway("V1.2__x.sql"), is_flyway("R__x.sql"), is_flyway("001_x.sql")
    (True, True, False)
    """
    return bool(_FLYWAY_LIKE.fullmatch(name))


def version_of(tool: str, filename: str) -> TextVersion | None:  # noqa: ARG001 - the same in all layouts
    """Return the version in a file name, None if there is none."""
    match = _FLYWAY.fullmatch(filename.rpartition("/")[2])
    return _version(match[2]) if match else None


def read(listing: Listing, faults: Faults) -> Iterator[MigrationFile]:
    """Read ``V1__name.sql`` and ``U1__name.sql``, which rolls it back, also from folders below, as Flyway does.

    Faults are what only Flyway can do: repeatable and baseline migrations, placeholders.
    """
    ups: dict[str, tuple[TextVersion, str, Path]] = {}
    downs: dict[str, tuple[TextVersion, str, Path]] = {}
    for path in sorted(_scripts_below(listing.directory)):
        with faults:
            kind, version, title = _flyway_name(path)
            those = ups if kind == "V" else downs
            if version.position in those:
                raise clash(version, those[version.position][2], path)
            those[version.position] = (version, title, path)
    for position, (version, _, path) in downs.items():
        if position not in ups:
            faults.add(
                FileFault(
                    f"{path.name} has no migration to roll back",
                    hint=f"Add V{version}__name.sql, or remove this one.",
                    location=location_in(path),
                )
            )
    for position, (version, title, path) in ups.items():
        with faults:
            up = _read_flyway_file(path)
        if faults.is_clean:
            down, fault = read_down(downs[position][2], _read_flyway_file) if position in downs else (None, None)
            yield MigrationFile(version, title, up.checksum, up, down, folder_of(listing.directory, path), TOOL, fault)


def _scripts_below(directory: Path) -> Iterator[Path]:
    for path in directory.rglob("*"):
        if path.name.lower().endswith(".sql") and not path.name.startswith("."):
            yield path


def _flyway_name(path: Path) -> tuple[str, TextVersion, str]:
    match = _FLYWAY.fullmatch(path.name)
    if not match:
        kinds = {"R": "a repeatable migration of Flyway", "B": "a baseline migration of Flyway"}
        kind = kinds.get(path.name[0] if is_flyway(path.name) else "", "not the name of a migration of Flyway")
        raise FileFault(
            f"{path.name} is {kind}",
            hint="Only V1__name.sql and U1__name.sql are run. Keep what must run again and again in a directory of "
            "its own, or make a V migration of it for each change.",
            location=location_in(path),
        )
    return match[1], _version(match[2]), match[3]


def _version(written: str) -> TextVersion:
    """Return a version; for Flyway, 1.0 and 1 are the same.

    >>> str(_version("01_10.0")), _version("1.0").number, _version("1.1").number
    ('1.10.0', 1, None)
    """
    first, *rest = (part.lstrip("0") or "0" for part in re.split("[._]", written))
    number = None if any(part != "0" for part in rest) else number_of(first)
    return TextVersion(dotted(written), ".".join((first, *rest)), number)


def _read_flyway_file(path: Path) -> SqlFile:
    file, settings = read_file(path), _flyway_settings(path.with_name(f"{path.name}.conf"))
    placeholder = _PLACEHOLDER.search(file.text)
    if placeholder and settings.get("placeholderreplacement", "true") == "true":
        raise FileFault(
            f"{path.name}: Flyway would replace {placeholder[0]}",
            hint="Write the value itself. If the text must stay as it is, write placeholderReplacement=false in "
            f"{path.name}.conf.",
            location=location_in(path, file.text, placeholder.start()),
        )
    # Flyway itself finds the statements that cannot run in a transaction.
    return outside_transaction(file) if settings.get("executeintransaction", "true") == "false" else alone(file)


def _flyway_settings(path: Path) -> dict[str, str]:
    """Read the settings file of a script, keys and values in lower case; empty if there is no such file."""
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
                f"{path.name}: {line.strip()!r} is not supported",
                hint="Only executeInTransaction and placeholderReplacement are, each true or false.",
                location=replace(location_in(path), line=number, column=1),
            )
        settings[key] = value
    return settings
