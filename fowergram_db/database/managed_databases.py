"""The names and labels of managed databases: the databases that the tool makes for a while. Pure.

A name is ``fowergram_PURPOSE_TIME_OWNER_NUMBER``: the purpose, when the database was made (UTC), the key of the owner
in hexadecimal, and a number that is different for each database of the owner. An owner holds an advisory lock of its
key while it runs, so the name alone shows whether the database is still needed. A template outlives its owner and is
named for its content: ``fowergram_template_`` and 32 hexadecimal digits.

The comment of such a database is its label: it says what the database is, and for which database it was written. A
comment stays after a rename, with a new owner and in ``pg_dump --create``; the label counts for that one database only.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum, auto
from typing import Any

LONGEST_NAME_BYTES = 63
TEMPLATE_PREFIX = "fowergram_template_"

_SIGNATURE = "fowergram-db: "
_TIME = "%Y%m%d%H%M%S"
_NAME = re.compile(r"fowergram_(test|warm|reset|scratch)_(\d{14})_([0-9a-f]{8})_\d+")
_TEMPLATE = re.compile(TEMPLATE_PREFIX + "[0-9a-f]{32}")


class Purpose(StrEnum):
    """What a database was made for.

    A test's; a clone that waits to become one; one that is to replace another, or was replaced; a place to try
    things in; what others are cloned from.
    """

    TEST = auto()
    WARM = auto()
    RESET = auto()
    SCRATCH = auto()
    TEMPLATE = auto()


def name_of(purpose: Purpose, made_at: datetime, owner: int, number: int) -> str:
    """Return the name of the database that an owner makes at this time (UTC); ``number`` is different for each.

    >>> name_of(Purpose.TEST, datetime(2026, 11, 26, 10, 15, tzinfo=UTC), 42, 7)
    'fowergram_test_20261126101500_0000002a_7'
    """
    return f"fowergram_{purpose}_{made_at:{_TIME}}_{owner:08x}_{number}"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a name says: the kind, the time in UTC (None: of a template) and the run (None: it has none)."""

    purpose: Purpose
    made_at: datetime | None = None
    owner: int | None = None


def origin_of(name: str) -> Origin | None:
    """Read a name; None: it is not one of ours.

    >>> origin_of("fowergram_test_20261126101500_0000002a_7").owner
    42
    >>> str(origin_of("fowergram_test_20261126101500_0000002a_7").made_at)
    '2026-11-26 10:15:00+00:00'
    >>> origin_of("fowergram_test"), origin_of("fowergram_test_99999999999999_0000002a_7")
    (None, None)
    """
    if _TEMPLATE.fullmatch(name):
        return Origin(Purpose.TEMPLATE)
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    purpose, time, owner = match.groups()
    try:
        made_at = datetime.strptime(time, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Origin(Purpose(purpose), made_at, int(owner, 16))


def label(sentence: str, facts: Mapping[str, object]) -> str:
    """Write the comment of such a database: a sentence for people, and facts for the tool.

    It counts if ``facts["of"]`` is the identity of the database that carries it: see ``facts_for``.

    >>> label("a test database; it may be dropped.", {"rows": 5})
    'fowergram-db: a test database; it may be dropped. {"rows":5}'
    """
    return f"{_SIGNATURE}{sentence} {json.dumps(facts, separators=(',', ':'))}"


def label_without_identity(sentence: str, purpose: Purpose) -> str:
    """Return the beginning of a label, up to the identity of the database, which is its last fact.

    >>> label_without_identity("a scratch database; it may be dropped.", Purpose.SCRATCH)
    'fowergram-db: a scratch database; it may be dropped. {"kind":"scratch","of":'
    """
    return label(sentence, {"kind": purpose, "of": ""}).removesuffix('""}')


def facts_until(made_at: datetime, until: datetime | None, project: str = "") -> dict[str, object]:
    """Return the facts of a test database that outlives the run that made it; ``until`` None: it never expires."""
    expiry = until.isoformat() if until else None
    return {"kind": Purpose.TEST, "made": made_at.isoformat(), "until": expiry, "project": project}


def facts_for(comment: str | None, identity: str | None) -> Mapping[str, Any] | None:
    """Return the facts of a label that was written for this very database; None: the comment is no such label.

    ``identity`` is what ``sql/catalog/database_identity.sql`` returns: the cluster, the OID, the owner and the name of
    the database. A copy, a restored dump, a database with a new name or owner, and a new one of the same name all have
    another identity.

    >>> comment = label("a test database; it may be dropped.", {"rows": 5, "of": "7/16384/10/shop_test"})
    >>> facts_for(comment, "7/16384/10/shop_test") is not None, facts_for(comment, "7/16385/10/shop_test")
    (True, None)
    """
    facts = facts_of(comment)
    return facts if facts and identity and facts.get("of") == identity else None


def sentence_of(comment: str) -> str:
    """Return the sentence of a label, for another label.

    >>> sentence_of('fowergram-db: a test database; it may be dropped. {"rows":5}')
    'a test database; it may be dropped.'
    """
    return comment.removeprefix(_SIGNATURE).partition(" {")[0]


def facts_of(comment: str | None) -> Mapping[str, Any] | None:
    """Return the facts of a comment that ``label`` has written for any database, None if ``label`` did not.

    >>> facts_of('fowergram-db: a test database; it may be dropped. {"rows":5}'), facts_of("our data")
    ({'rows': 5}, None)
    """
    if comment is None or not comment.startswith(_SIGNATURE):
        return None
    try:
        facts, end = json.JSONDecoder().raw_decode(comment, comment.index("{"))
    except (ValueError, RecursionError):
        return None
    # After a label there may be lines of others, such as the production mark.
    return facts if isinstance(facts, dict) and comment[end : end + 1] in ("", "\n", "\r") else None
