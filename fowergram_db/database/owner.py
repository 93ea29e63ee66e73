"""Who makes managed databases, and the names that it gives them."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from fowergram_db.database.managed_databases import Purpose, name_of


@dataclass(frozen=True, slots=True)
class Owner:
    """A command or a test process that makes managed databases, known by the key of a lock that it holds."""

    key: int
    _numbers: Iterator[int] = field(default_factory=lambda: count(1), repr=False, compare=False)

    @classmethod
    def unmarked(cls) -> "Owner":
        """Return an owner that holds no lock: what it leaves may be dropped at any time."""
        return cls(secrets.randbits(31))

    def fresh_name(self, purpose: Purpose) -> str:
        """Return a name that no other database has."""
        return name_of(purpose, datetime.now(UTC), self.key, next(self._numbers))
