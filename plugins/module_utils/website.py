# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a folder holds, as a website's bucket is to hold it: keys, digests, content types, and what caches are told."""

from __future__ import annotations

import base64
import hashlib
import io
import mimetypes
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import IO, Any
from urllib.parse import quote

from .faults import ResourceError

INDEX = "index.html"
# Limits of S3: the bytes of a key, and of what one request uploads.
LONGEST_KEY = 1024
LARGEST = 5 * 1024**3
# What begins with a dot is a tool's own (.git, .env), but for what the web has agreed on.
WELL_KNOWN = ".well-known"

UTF_8 = "; charset=utf-8"
# What the web's files are, whatever the machine's own tables say.
TYPES = {
    ".avif": "image/avif",
    ".cjs": "text/javascript",
    ".css": "text/css",
    ".csv": "text/csv",
    ".gif": "image/gif",
    ".gz": "application/gzip",
    ".htm": "text/html",
    ".html": "text/html",
    ".ico": "image/vnd.microsoft.icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".otf": "font/otf",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xhtml": "application/xhtml+xml",
    ".xml": "application/xml",
}
UNKNOWN = "application/octet-stream"
# Python's own table, not that of the machine.
_OTHERS = mimetypes.MimeTypes()
TEXTS = re.compile(r"text/|application/(?:json|javascript|xml)$|.*\+(?:json|xml)$")

# Names that tell the content never mean another one.
FOR_EVER = "public, max-age=31536000, immutable"
# Pages are asked for anew each time: they say which of the others belong together.
ALWAYS_ASKED = "no-cache"
# Browsers ask each time, too. Edges keep it for a day, and are told of a change.
FOR_EDGES = "public, max-age=0, s-maxage=86400, must-revalidate"
PAGES = ("text/html", "application/xhtml+xml")

_WORD = re.compile(r"[.-]([A-Za-z0-9_]{8,64})(?=\.)")
_HEX = re.compile(r"[0-9a-f]+")
# Letters and digits take turns, as in no word, number or date.
_MIXED = re.compile(r"[A-Za-z]\d+[A-Za-z]|\d[A-Za-z]+\d")


@dataclass(frozen=True)
class Item:
    """One object as it is to be. Its content is the file at the path, or given."""

    key: str
    size: int
    digest: str  # SHA-256, as S3 tells it
    content_type: str
    cache_control: str
    path: str | None = None
    content: bytes = b""

    def open(self) -> IO[bytes]:
        return open(self.path, "rb") if self.path else io.BytesIO(self.content)

    @property
    def is_page(self) -> bool:
        return self.content_type.partition(";")[0] in PAGES


def content_type(key: str, own: Mapping[str, str] | None = None) -> str:
    """The content type by the ending of the name, texts with their charset. own: the user's, by ending."""
    name = key.rpartition("/")[2].lower()
    ending = os.path.splitext(name)[1]
    for given, told in sorted((own or {}).items(), key=lambda entry: -len(entry[0])):
        if name.endswith(given.lower()):
            return told
    kind = TYPES.get(ending) or (_OTHERS.types_map[True].get(ending)) or UNKNOWN
    return kind + UTF_8 if TEXTS.match(kind) else kind


def has_digest(key: str) -> bool:
    """Whether the name has a digest of the content in it, as build tools write it: index-BfX3k9aQ.js."""
    for word in _WORD.findall(key.rpartition("/")[2]):
        if _HEX.fullmatch(word):
            if re.search(r"\d", word) and re.search(r"[a-f]", word):
                return True
        elif word != word.lower() and _MIXED.search(word):
            return True
    return False


def matches(key: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns is for the key. A * stands for any text, also with / in it."""
    return any(fnmatchcase(key, pattern) for pattern in patterns)


def cache_control(key: str, kind: str, rules: Iterable[Mapping[str, str]]) -> str:
    """How long caches may keep it: the first rule that is for the key, or what its kind and name say."""
    for rule in rules:
        if matches(key, [rule["pattern"]]):
            return rule["cache_control"]
    if kind.partition(";")[0] in PAGES:
        return ALWAYS_ASKED
    return FOR_EVER if has_digest(key) else FOR_EDGES


def digest_of(stream: IO[bytes]) -> str:
    return base64.b64encode(hashlib.file_digest(stream, "sha256").digest()).decode()


def given(options: Mapping[str, Any], own: Mapping[str, str]) -> Item:
    """The object of which the user gives the content."""
    key, content = options["key"], options["content"].encode()
    check_key(key, f"object {key!r}")
    return Item(
        key,
        len(content),
        digest_of(io.BytesIO(content)),
        options["content_type"] or content_type(key, own),
        options["cache_control"],
        content=content,
    )


def check_key(key: str, what: str) -> None:
    try:
        length = len(key.encode())
    except UnicodeEncodeError as error:
        raise ResourceError(f"The name of the {what} is not UTF-8; give it another one.") from error
    if length > LONGEST_KEY:
        raise ResourceError(f"The key of the {what} has {length} bytes, S3 takes {LONGEST_KEY}.")
    if not key or not key.isprintable():
        raise ResourceError(f"The name of the {what} is empty or has characters that don't print; give it another one.")


def files(folder: str) -> Iterator[tuple[str, str, int]]:
    """Key, path and size of each file of the folder, with those of its folders; hidden ones are left out.

    ResourceError for what isn't a file of that folder.
    """
    pending = [("", folder)]
    while pending:
        prefix, path = pending.pop()
        try:
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError as error:
            raise ResourceError(f"Can't read the folder {path!r}: {error.strerror}.") from error
        for entry in entries:
            if entry.name.startswith(".") and prefix + entry.name != WELL_KNOWN:
                continue
            key, about = prefix + entry.name, entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(about.st_mode):
                pending.append((f"{key}/", entry.path))
            elif stat.S_ISREG(about.st_mode):
                check_key(key, f"file {entry.path!r}")
                if about.st_size > LARGEST:
                    raise ResourceError(
                        f"The file {entry.path!r} has {about.st_size} bytes, S3 takes {LARGEST} at once."
                    )
                yield key, entry.path, about.st_size
            else:
                what = "a link, and may lead outside" if stat.S_ISLNK(about.st_mode) else "not a file"
                raise ResourceError(
                    f"{entry.path!r} is {what}. Put the file itself there, or exclude it by a dot before its name."
                )


def items(
    folder: str, exclude: Iterable[str], rules: Iterable[Mapping[str, str]], own: Mapping[str, str]
) -> dict[str, Item]:
    """What is to be in the bucket of the folder, by key."""
    root = os.path.realpath(folder)
    if not os.path.isdir(root):
        raise ResourceError(f"The source {folder!r} is no folder. Build the site, or correct the path.")
    found = {}
    for key, path, size in files(root):
        if not matches(key, exclude):
            kind = content_type(key, own)
            try:
                with open(path, "rb") as stream:
                    digest = digest_of(stream)
            except OSError as error:
                raise ResourceError(f"Can't read the file {path!r}: {error.strerror}.") from error
            found[key] = Item(key, size, digest, kind, cache_control(key, kind, rules), path)
    if INDEX not in found:
        raise ResourceError(f"The source {folder!r} has no {INDEX}. Name the folder that the build writes it to.")
    return found


def edge_path(key: str) -> str:
    """The path by which CloudFront knows the object. A * would stand for all that begins like it."""
    return "/" + quote(key, safe="/!$&'()+,-.:;=@_")
