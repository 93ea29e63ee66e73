"""Parse the versions given in options: a number in most layouts, a text in some."""

import re
from typing import TYPE_CHECKING

from fowergram_db.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fowergram_db.migrations.files.directory import MigrationFile
    from fowergram_db.migrations.version import Version

_VERSION = re.compile(r"-?[0-9][\w.-]*")


def named_version(text: str | None, files: "Sequence[MigrationFile]") -> "Version | str | None":
    """Return the version of the files that an option names, or its text, which may be in the history.

    None where there is no option. Raises UsageError for a text that is no version, UnknownVersion for one of several.
    """
    from fowergram_db.migrations.version import find_version

    if text is None:
        return None
    found = find_version(text, (file.version for file in files))
    if found is None and not _VERSION.fullmatch(text):
        raise UsageError(
            f"{text!r} is not a version", hint="`fowergram-db status` shows the versions: most are numbers."
        )
    return text if found is None else found
