"""Start this program once more, in a process of its own that nothing waits for."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import fowergram_db


def start(arguments: Sequence[str], variables: Mapping[str, str]) -> None:
    """Run the program with these arguments and environment variables; it has no terminal and outlives this process.

    It finds its modules where this process found them, and never in the working directory, which may be anyone's:
    ``python -m`` alone would look there first. Raises OSError.
    """
    command = [sys.executable, "-P", "-m", "fowergram_db", *arguments]
    environment = {**variables, "PYTHONPATH": os.pathsep.join(module_path(sys.path, Path.cwd()))}
    nowhere = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in range(3)]
    os.posix_spawn(sys.executable, command, environment, file_actions=nowhere, setsid=True)


def module_path(path: Sequence[str], working_directory: Path) -> tuple[str, ...]:
    """Return where modules are looked for: a path without the working directory, but with the home of this package.

    A relative entry depends on the working directory, and goes too.

    >>> module_path(["", "/work", "lib", "/usr/lib/python3"], Path("/work"))[:-1]
    ('/usr/lib/python3',)
    """
    home = str(Path(fowergram_db.__file__).resolve().parents[1])
    absolute = (entry for entry in path if Path(entry).is_absolute() and os.pathsep not in entry)
    kept = tuple(entry for entry in absolute if Path(entry) != working_directory)
    return kept if home in kept else (*kept, home)
