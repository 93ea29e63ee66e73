"""Read the directories of drizzle-kit that have a journal, which lists the files in their order."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from fowergram_db.errors import FileFault
from fowergram_db.migrations.files.faults import Faults
from fowergram_db.migrations.files.listing import Listing
from fowergram_db.migrations.files.migration import MigrationFile
from fowergram_db.migrations.files.sql_file import location_in, read_file
from fowergram_db.migrations.files.statement_breaks import without_breaks
from fowergram_db.migrations.version import TextVersion, natural, number_of

TOOL = "drizzle"
TOOLS = (TOOL,)
_TAG = re.compile(r"([0-9]+)[_-](.+)", re.DOTALL)
_DIALECTS = ("postgresql", "pg")


def found(listing: Listing) -> tuple[Path, ...]:
    """Return the journal."""
    return (listing.journal,) if listing.journal else ()


def version_of(tool: str, filename: str) -> TextVersion:  # noqa: ARG001 - the same in all layouts
    """Return the version of a file that the journal no longer lists: its number gives its place."""
    tag = filename.removesuffix(".sql")
    match = _TAG.fullmatch(tag)
    return _version(tag, match[1] if match else "0")


def read(listing: Listing, faults: Faults) -> Iterator[MigrationFile]:
    """Read the files that the journal lists; ignore others, as drizzle does."""
    for place_in_journal, tag in enumerate(_tags(found(listing)[0])):
        match = _TAG.fullmatch(tag)
        with faults:
            up = read_file(listing.directory / f"{tag}.sql")
        if not faults.is_clean:
            continue
        version = _version(tag, str(place_in_journal))
        yield MigrationFile(version, match[2] if match else tag, up.checksum, without_breaks(up), tool=TOOL)


def _version(tag: str, digits: str) -> TextVersion:
    match = _TAG.fullmatch(tag)
    return TextVersion(natural(digits), tag, number_of(match[1]) if match else None)


def _tags(path: Path) -> tuple[str, ...]:
    """Return what the journal lists, in its order."""
    try:
        journal = json.loads(read_file(path).text)
        entries = [entry["tag"] for entry in journal["entries"]]
        dialect = journal.get("dialect", _DIALECTS[0])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _fault(path, "is not a journal of drizzle-kit", "Restore it from version control.") from error
    if dialect not in _DIALECTS:
        raise _fault(path, f"is for {str(dialect)[:40]!a}, not for postgresql", "Name another directory.")
    for number, tag in enumerate(entries):
        if not isinstance(tag, str) or not tag.isprintable() or not tag or "/" in tag or "\\" in tag:
            raise _fault(path, f"lists a migration that is no file name: {str(tag)[:40]!a}", "Correct the journal.")
        if tag in entries[:number]:
            raise _fault(path, f"lists {tag} twice", "Remove one of the entries.")
    return tuple(entries)


def _fault(path: Path, fact: str, hint: str) -> FileFault:
    return FileFault(f"{path.parent.name}/{path.name} {fact}", hint=hint, location=location_in(path))
