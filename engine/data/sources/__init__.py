"""Where the rows come from: files, databases, frames; each kind is copied into a scratch database.

Everything is copied before the first expression of a mapping is evaluated, so that the connection
can be cut off from the file system and the network.
"""

from engine.data.sources.reader import FILES, Reader, copy_source
from engine.data.sources.source import Source, quote, ragged

__all__ = [
    "FILES",
    "Reader",
    "Source",
    "copy_source",
    "quote",
    "ragged",
]
