"""Collect the faults of many files, so that one error tells of all."""

from types import TracebackType

from fowergram_db.errors import FileFault, raise_faults


class Faults:
    """What is wrong in files that are being read.

    As a context it takes in a FileFault and ends its block; ``is_clean`` tells whether the last block came to its end.
    """

    def __init__(self) -> None:
        self.found: list[FileFault] = []
        self.is_clean = True

    def add(self, fault: FileFault) -> None:
        """Take in a fault."""
        self.found.append(fault)

    def raise_all(self) -> None:
        """Raise what was found as one error; do nothing where nothing was."""
        raise_faults(self.found)

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
