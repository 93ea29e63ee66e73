"""Name what the tool was doing when the server refused a statement: the same SQLSTATE calls for different steps."""

from enum import StrEnum, auto


class Situation(StrEnum):
    """What a refused statement was part of."""

    UP = auto()
    """A migration, in a transaction."""
    UP_NO_TRANSACTION = auto()
    DOWN = auto()
    """A rollback by a file, in a transaction."""
    DOWN_NO_TRANSACTION = auto()
    DOWN_RECORDED = auto()
    """A rollback by the script that the history holds."""
    BUILDING = auto()
    """A migration that builds a scratch database, a template, or a database that was just emptied."""
    HISTORY = auto()
    """The tool's own statement on the history."""
    CREATING_DATABASE = auto()
    RENAMING_DATABASE = auto()
    """A new name for a database, or the end of one."""
    ANALYZING = auto()
    SLOW_QUERIES = auto()
    OTHER = auto()
    """Any other statement of the tool's own."""
