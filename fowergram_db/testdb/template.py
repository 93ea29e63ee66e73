"""Templates: databases that ``migrate`` has built once, for others to be cloned from.

The name of a template says what is in it, so that a later run finds it. It is complete when it accepts no
connections, belongs to the current role and carries this role's seal: no other role can make one. A seal names the
transaction that completed the template; if the template was altered since, it is recreated.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from fowergram_db import __version__
from fowergram_db.database.advisory_lock import LockKind
from fowergram_db.database.connection import Connection
from fowergram_db.database.database_properties import DatabaseProperties
from fowergram_db.database.labelling import load_with_labels
from fowergram_db.database.managed_databases import TEMPLATE_PREFIX, facts_for
from fowergram_db.database.query import fetch_one
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.state import DatabaseFacts
from fowergram_db.database.target import Target
from fowergram_db.testdb.emptying import Contents

if TYPE_CHECKING:
    from fowergram_db.migrations.files.directory import MigrationFile

# Half of the transaction numbers that the server can distinguish: then it is time for a new one.
_OLDEST = 1_000_000_000
_DATABASE = re.compile(r"\bdatabase\b", re.IGNORECASE)
# Of labels and seals. A template with those of an earlier format has another name, and does not stop its successor.
_FORMAT = 3
_KEY_BITS = 30


@dataclass(frozen=True, slots=True)
class TemplateSpec:
    """What a database is to be: its server and role, its migrations, and which database it is to be like."""

    target: Target
    files: "Sequence[MigrationFile]"
    like: DatabaseFacts

    @property
    def project(self) -> str:
        """Return what distinguishes its project from others."""
        return project_of(self.files)

    @property
    def content(self) -> str:
        """Return what, in addition to the server, makes one template differ from another."""
        digest = hashlib.sha256(f"{__version__} {_FORMAT}".encode())
        for file in self.files:
            down = file.down.checksum if file.down else ""
            # What is said of a database by its name is done to each clone of it.
            own = self.target.dbname if _DATABASE.search(file.up.text) and self.target.dbname in file.up.text else ""
            digest.update(
                f"{own}\n{file.version}\n{file.filename}\n{file.checksum}\n{file.up.checksum}\n{down}\n".encode()
            )
        facts = self.like
        made = (facts.encoding, facts.lc_collate, facts.lc_ctype, facts.locale_provider, facts.locale, facts.icu_rules)
        return json.dumps([digest.hexdigest(), *made, facts.like_template, *facts.settings])


def building_lock(name: str) -> LockKind:
    """Return the lock that a process holds while it builds the template of this name."""
    key = 1 << _KEY_BITS | int(name[-8:], 16) >> 2
    return LockKind(key, f'the lock of the template "{name}"', f'another process builds the template "{name}":')


def project_of(files: "Sequence[MigrationFile]") -> str:
    """Return what the migrations of one project have in common, in each checkout and each version: the first file."""
    first = files[0]
    return hashlib.sha256(f"{first.filename}\n{first.checksum}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Template:
    """A complete template. ``seal`` is the number of the transaction that completed it; times are UTC.

    ``properties`` is what migrations have given it and clones get, too. ``contents`` is None if a clone
    cannot be emptied. ``server_fsync`` and ``shares_blocks`` say how its server copies files. ``facts`` are those of
    its comment.
    """

    name: str
    oid: int
    seal: str
    made_at: datetime
    used_on: date
    size_bytes: int
    maintained: bool
    properties: DatabaseProperties
    contents: Contents | None
    server_fsync: bool
    shares_blocks: bool
    facts: Mapping[str, Any] = field(repr=False, compare=False)


class TemplateState(NamedTuple):
    """What exists under the name of a template; ``oid`` is None if nothing does."""

    name: str
    oid: int | None
    owner: str | None
    is_own: bool
    is_complete: bool
    was_sealed: bool
    row_version: str | None
    age: int | None
    comment: str | None
    identity: str | None
    fsync: bool
    clones_files: bool
    backend_pid: int


def find_template(connection: Connection, spec: TemplateSpec) -> Template | None:
    """Return the template of a spec, None if there is none that is complete. One round trip."""
    return complete_template(connection, read_template_state(connection, spec))


def read_template_state(connection: Connection, spec: TemplateSpec) -> TemplateState:
    """Read what exists under the name of a spec's template. One round trip."""
    values = {"prefix": TEMPLATE_PREFIX, "content": spec.content}
    with translate_errors("look for the template"):
        found = fetch_one(connection, TemplateState, load_with_labels("testdb/template"), values)
    assert found is not None  # noqa: S101 - it always returns a row
    return found


def complete_template(connection: Connection, found: TemplateState) -> Template | None:
    """Return the template if it is complete, untouched since, and as of today."""
    facts = facts_for(found.comment, found.identity)
    if not (found.is_complete and facts and facts.get("seal") == found.row_version and (found.age or 0) < _OLDEST):
        return None
    try:
        template = _template(connection, found, facts)
    except (KeyError, TypeError, ValueError):
        return None
    today = datetime.now(UTC).date()
    # The maintenance of partitions has to check again each day.
    return None if template.maintained and template.made_at.date() < today else template


def _template(connection: Connection, found: TemplateState, facts: Mapping[str, Any]) -> Template:
    contents = facts["contents"]
    return Template(
        name=found.name,
        oid=int(found.oid or 0),
        seal=facts["seal"],
        made_at=datetime.fromisoformat(facts["made"]),
        used_on=date.fromisoformat(facts["used"]),
        size_bytes=int(facts["size"]),
        maintained=bool(facts["maintained"]),
        properties=DatabaseProperties.of(facts["properties"]),
        contents=Contents(**contents) if contents else None,
        server_fsync=found.fsync,
        # A setting of the session, which a pooler would pass to others.
        shares_blocks=found.clones_files and found.backend_pid == connection.info.backend_pid,
        facts=facts,
    )
