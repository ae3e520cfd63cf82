"""What a text file is written in, recognised strictly, and a copy of it in UTF-8.

Strictly: a file is UTF-8 if all of it decodes, else GB18030 (which contains GBK and GB2312) if all
of it decodes, else nothing is guessed. Files are read as streams, never whole.
"""

from __future__ import annotations

import codecs
import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import zstandard

CHUNK = 1 << 20

UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Script:
    """How a text file is written; `even`: one kind of line end throughout."""

    encoding: str
    even: bool

    @property
    def plain(self) -> bool:
        """Can DuckDB read the file as it is?"""
        return self.encoding == "utf-8-sig" and self.even


def recognise(file: str, encoding: str = "") -> Script:
    """Read the whole file and say how it is written; `encoding` is what the mapping says.

    Raises `UnicodeDecodeError` when it is none of the encodings tried.
    """
    if not encoding:
        with opened(file) as stream:
            if stream.read(2) in UTF_16_MARKS:
                encoding = "utf-16"
    if encoding:
        return Script(encoding, _even(file, encoding))
    try:
        return Script("utf-8-sig", _even(file, "utf-8-sig"))
    except UnicodeDecodeError as error:
        try:
            return Script("gb18030", _even(file, "gb18030"))
        except UnicodeDecodeError:
            raise error from None


def to_utf8(file: str, script: Script, copy: Path) -> None:
    """Write `file` anew as UTF-8 with one kind of line end."""
    with copy.open("w", encoding="utf-8", newline="\n") as out:
        for text in _texts(file, script.encoding):
            out.write(text)


def decoded_head(file: str, encoding: str, size: int = CHUNK) -> str:
    """The first characters of the file, from at most `size` bytes."""
    with opened(file) as stream:
        head = stream.read(size)
    return codecs.getincrementaldecoder(encoding)("strict").decode(head, final=len(head) < size)


def opened(file: str) -> IO[bytes]:
    """The file's bytes, unpacked; a cut-off archive raises `EOFError`."""
    if file.endswith(".gz"):
        return io.BufferedReader(gzip.GzipFile(file, "rb"), CHUNK)
    if file.endswith(".zst"):
        return io.BufferedReader(_ZstandardFile(file), CHUNK)
    return Path(file).open("rb")


def check_complete(file: str) -> None:
    """Raise `EOFError` when a .zst ends too early: DuckDB takes it for the end of the file."""
    if file.endswith(".zst"):
        with opened(file) as stream:
            while stream.read(CHUNK):
                pass


def _even(file: str, encoding: str) -> bool:
    with opened(file) as raw, io.TextIOWrapper(raw, encoding, "strict", newline=None) as text:
        while text.read(CHUNK):
            pass
        return not isinstance(text.newlines, tuple)


def _texts(file: str, encoding: str) -> Iterator[str]:
    with opened(file) as raw, io.TextIOWrapper(raw, encoding, "strict", newline=None) as text:
        while part := text.read(CHUNK):
            yield part


class _ZstandardFile(io.RawIOBase):
    """The unpacked bytes of a .zst, frame after frame."""

    def __init__(self, file: str) -> None:
        self._raw = io.FileIO(file)
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = False  # has the present frame had any bytes?
        self._packed = b""
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        while not self._ready:
            packed = self._packed or self._raw.read(CHUNK // 8)
            self._packed = b""
            if not packed:
                if self._begun:
                    raise EOFError("the archive ends too early")
                return 0
            self._begun = True
            self._ready = self._frame.decompress(packed)
            if self._frame.eof:
                self._packed = self._frame.unused_data
                self._frame = zstandard.ZstdDecompressor().decompressobj()
                self._begun = False
        size = min(len(view), len(self._ready))
        view[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()
