"""Read a large file in bounded memory: the data of its COPY blocks stays in the file."""

import codecs
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fowergram_db.errors import FileFault, Location
from fowergram_db.migrations.files.stable_file import StableFile, with_lf_ends
from fowergram_db.migrations.script.positions import Gap
from fowergram_db.migrations.script.scanner import Script, scan

_WINDOW = 1 << 20
# What every COPY with data contains, in any letter case: FROM stdin, or FROM stdout, which means the same.
_MARK = b"std"
_END = b"\n\\."


@dataclass(frozen=True, slots=True)
class Elided:
    """A file's text with LF line ends and without BOM, empty blocks for COPY data, and the places of that data."""

    text: str
    gaps: tuple[Gap, ...]
    checksum: str
    raw_checksum: str


def read_large(file: StableFile, window: int = _WINDOW) -> Elided:
    """Read a file, ``window`` bytes at a time; memory holds the whole of a statement that is longer.

    Raises FileFault, with the place, for invalid UTF-8 and for a NUL byte, and if the file changes meanwhile.
    """
    found = _check(file, window)
    file.seal(found.raw_checksum)
    at = len(_bom(file))
    chunks = file.chunks(at, size=window)
    if not found.has_mark:
        text = ""
        for part in codecs.iterdecode(with_lf_ends(chunks), "utf-8"):
            text += part  # grows where it is: a join would hold the whole file twice
        return Elided(text, (), found.checksum, found.raw_checksum)
    elider = _Elider(window, at)
    for chunk in chunks:
        elider.feed(chunk)
    elider.close()
    return Elided("".join(elider.parts), tuple(elider.gaps), found.checksum, found.raw_checksum)


@dataclass(frozen=True, slots=True)
class _Checked:
    checksum: str
    raw_checksum: str
    has_mark: bool


def _bom(file: StableFile) -> bytes:
    return codecs.BOM_UTF8 if next(file.chunks(), b"").startswith(codecs.BOM_UTF8) else b""


def _check(file: StableFile, window: int) -> _Checked:
    """Read the file once: check that it is text, compute its checksums, find whether it may have COPY data."""
    bom = _bom(file)
    raw, normal = hashlib.sha256(bom), hashlib.sha256()
    has_mark, tail = False, b""
    for chunk in with_lf_ends(_hashed(_text(file, len(bom), window), raw)):
        normal.update(chunk)
        has_mark = has_mark or _MARK in (tail + chunk).lower()
        tail = chunk[-len(_MARK) :]
    return _Checked(normal.hexdigest(), raw.hexdigest(), has_mark)


def _hashed(chunks: Iterable[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def _text(file: StableFile, begin: int, window: int) -> Iterator[bytes]:
    """Yield the file's bytes while they are text. Raises FileFault at the first byte that is not."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    at, pending = begin, 0
    try:
        for chunk in file.chunks(begin, size=window):
            nul = chunk.find(b"\0")
            pending = len(decoder.getstate()[0])
            decoder.decode(chunk if nul < 0 else chunk[:nul], final=nul >= 0)
            if nul >= 0:
                hint = "Remove it. If the file is in UTF-16, save it as UTF-8."
                raise _fault(file, at + nul, "contains a NUL byte", hint)
            yield chunk
            at += len(chunk)
        pending = len(decoder.getstate()[0])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        fact = f"is not UTF-8: byte 0x{error.object[error.start]:02x}"
        raise _fault(file, at - pending + error.start, fact, "Save the file as UTF-8.") from error


def _fault(file: StableFile, offset: int, fact: str, hint: str) -> FileFault:
    """Return the fault for a byte, with its line and column; everything before it is text."""
    line, column = 1, 1
    text = codecs.iterdecode(file.chunks(len(_bom(file)), offset), "utf-8")
    for part in text:
        line += part.count("\n")
        column = len(part) - part.rfind("\n") if "\n" in part else column + len(part)
    return FileFault(f"{file.path.name} {fact}", hint=hint, location=Location(str(file.path), line, column))


class _Elider:
    """Reads a file's bytes chunk by chunk. ``parts`` is the text so far, ``at`` the offset of ``held`` in the file.

    Outside data, ``held`` begins after a statement, and is scanned when it fills a window: what the scanner finds
    to be complete is correct, whatever follows. Within data, ``held`` is what may begin the last line.
    """

    def __init__(self, window: int, at: int) -> None:
        self.parts: list[str] = []
        self.gaps: list[Gap] = []
        self.window = self.wanted = window
        self.at = at
        self.held = bytearray()
        self.length = 0
        self.begin: int | None = None
        self.lines = 0

    def feed(self, chunk: bytes) -> None:
        self.held += chunk
        if self.begin is not None:
            self.lines += chunk.count(b"\n")
        self._advance(final=False)

    def close(self) -> None:
        self._advance(final=True)
        if self.begin is not None:
            # The checks refuse data that no line ends.
            self._leave_out(self.at + len(self.held))

    def _advance(self, *, final: bool) -> None:
        goes_on = True
        while goes_on and self.held:
            goes_on = self._scan(final=final) if self.begin is None else self._find_end(final=final)

    def _scan(self, *, final: bool) -> bool:
        """Keep the complete part of the text held; return whether the rest can be processed now."""
        if len(self.held) < self.wanted and not final:
            return False
        lines = bytes(self.held) if final else bytes(self.held[: self.held.rfind(b"\n") + 1])
        script = scan(lines.decode())
        kept = 0
        for begin, end in script.data:
            self._keep(self._take(script, kept, begin))
            self.begin = self.at
            if end == len(script.text):
                self.lines = self.held.count(b"\n")
                return True
            self.lines = script.text.count("\n", begin, end)
            self._take(script, begin, end)
            self._leave_out(self.at)
            kept = end
        complete = len(script.text) if final else script.complete_until
        taken = self._take(script, kept, complete)
        self._keep(taken)
        # If no statement was complete, the next scan reads twice as much; in total that is at most twice the text.
        self.wanted = self.window + len(self.held) if complete else 2 * max(len(self.held), self.window)
        return False

    def _take(self, script: Script, start: int, end: int) -> bytes:
        taken = script.text[start:end].encode()
        del self.held[: len(taken)]
        self.at += len(taken)
        return taken

    def _keep(self, taken: bytes) -> None:
        part = taken.decode().replace("\r\n", "\n")
        self.parts.append(part)
        self.length += len(part)

    def _leave_out(self, end: int) -> None:
        begin, self.begin = self.begin, None
        if begin is not None and begin < end:
            self.gaps.append(Gap(self.length, begin, end, self.lines))

    def _find_end(self, *, final: bool) -> bool:
        """Look for the line that ends the data; return whether it was found."""
        at = self._end_of_data(final=final)
        if at is None:
            # The longest beginning of that line is the line break before it, backslash, dot and CR.
            passed = max(0, len(self.held) - len(_END) - 1)
            del self.held[:passed]
            self.at += passed
            return False
        self.lines -= self.held.count(b"\n", at)
        self._leave_out(self.at + at)
        end = self.held.find(b"\n", at) + 1 or len(self.held)
        self._keep(bytes(self.held[at:end]))
        del self.held[:end]
        self.at += end
        self.wanted = self.window
        return True

    def _end_of_data(self, *, final: bool) -> int | None:
        """Return where in ``held`` the line begins that ends the data, None if it is not there."""
        is_first = self.begin == self.at
        at = 0 if is_first and self.held.startswith(_END[1:]) else self.held.find(_END) + 1 or -1
        while at >= 0:
            rest = bytes(self.held[at + 2 : at + 4])
            if rest.startswith((b"\n", b"\r\n")) or (final and rest in (b"", b"\r")):
                return at
            at = self.held.find(_END, at) + 1 or -1
        return None
