"""Find the settings that a newer pg_dump writes and an older server does not know. Pure."""

from fowergram_db.migrations.script.statements import Script, Statement

# What pg_dump writes at the top of a dump, and the first server that has the setting: all others are older than 13.
_SINCE = {"SET transaction_timeout = 0": 170000}


def unknown_settings(script: Script, server_version: int) -> tuple[Statement, ...]:
    """Return the statements, exactly as pg_dump writes them, that set to 0 (no limit) what a server does not have.

    >>> from fowergram_db.migrations.script.scanner import scan
    >>> [len(unknown_settings(scan("SET transaction_timeout = 0;"), version)) for version in (160009, 170000)]
    [1, 0]
    """
    return tuple(
        statement
        for statement in script.statements
        if statement.words[:1] == ("SET",)
        and _SINCE.get(script.text[statement.start : statement.end], 0) > server_version
    )
