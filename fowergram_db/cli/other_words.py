"""Words that other migration tools use for a command, and the command of this tool that does the same."""

from collections.abc import Sequence

_WORDS = {
    "migrate": ("up", "up-to", "up-by-one", "upgrade", "apply", "deploy", "run", "update", "latest"),
    "migrate --to VERSION": ("goto", "to"),
    "rollback": ("down", "downgrade", "revert", "undo"),
    "rollback --to VERSION": ("down-to",),
    "status": ("info", "history", "list", "log", "version", "current", "pending"),
    "status --check": ("validate", "check"),
    "reset": ("drop", "clean", "wipe", "fresh", "refresh"),
    "new": ("create", "add", "make", "generate", "revision"),
    "repair": ("resolve", "force", "fix"),
    "adopt": ("baseline", "stamp"),
}
INSTEAD = {word: command for command, words in _WORDS.items() for word in words}
DUMP = ("dump", "schema", "load")


def hint_for(arguments: Sequence[str]) -> str | None:
    """Return what to write instead of another tool's word, also after ``help``; None for any other word.

    >>> hint_for(["up"]), hint_for(["help", "info"]), hint_for(["migrat"]), hint_for([])
    ('Did you mean `fowergram-db migrate`?', 'Did you mean `fowergram-db status`?', None, None)
    """
    words = [word.lower() for word in arguments[:2]]
    word = next((word for word in words if word != "help"), "")
    if word in DUMP:
        return "Use `pg_dump --schema-only` to write a schema, and `psql -f` to load one."
    command = INSTEAD.get(word)
    return f"Did you mean `fowergram-db {command}`?" if command else None
