"""Start this program again in a background process."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import fowergram_db


def start(arguments: Sequence[str], variables: Mapping[str, str]) -> None:
    """Run the program with these arguments and environment variables, without a terminal. It outlives this process.

    It imports its modules from the path of this process, and never from the working directory, which others may write
    to and which ``python -m`` alone would search first. Raises OSError.
    """
    command = [sys.executable, "-P", "-m", "fowergram_db", *arguments]
    environment = {**variables, "PYTHONPATH": os.pathsep.join(module_path(sys.path, Path.cwd()))}
    nowhere = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in range(3)]
    os.posix_spawn(sys.executable, command, environment, file_actions=nowhere, setsid=True)


def module_path(path: Sequence[str], working_directory: Path) -> tuple[str, ...]:
    """Return the module path without the working directory, and with the directory of this package.

    Relative entries depend on the working directory, and are removed too.

    >>> module_path(["", "/work", "lib", "/usr/lib/python3"], Path("/work"))[:-1]
    ('/usr/lib/python3',)
    """
    home = str(Path(fowergram_db.__file__).resolve().parents[1])
    absolute = (entry for entry in path if Path(entry).is_absolute() and os.pathsep not in entry)
    kept = tuple(entry for entry in absolute if Path(entry) != working_directory)
    return kept if home in kept else (*kept, home)
