"""Collect the faults of many files, so that one error reports them all."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from fowergram_db.errors import FileFault, raise_faults

_Read = TypeVar("_Read")


class Faults:
    """What is wrong in files that are being read.

    As a context manager it collects a FileFault, which ends its block. ``is_clean``: the last block ran to its end.
    """

    def __init__(self) -> None:
        self.found: list[FileFault] = []
        self.is_clean = True

    def add(self, fault: FileFault) -> None:
        """Add a fault."""
        self.found.append(fault)

    def raise_all(self) -> None:
        """Raise what was found as one error; do nothing if there is none."""
        raise_faults(self.found)

    def read_each(self, paths: Iterable[Path], read: Callable[[Path], _Read]) -> Iterator[_Read]:
        """Yield what each path holds; one that cannot be read is left out, and its fault collected."""
        for path in paths:
            with self:
                found = read(path)
            if self.is_clean:
                yield found

    def __enter__(self) -> None:
        self.is_clean = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, FileFault):
            self.found.append(error)
            self.is_clean = False
            return True
        return False
