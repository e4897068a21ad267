# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What nobody should read: values that look like secrets, and those that stand in plain text where they come from."""

from __future__ import annotations

import functools
import re

from ansible import context

try:
    # Where a value was written. ansible-core keeps it in a private place; without it plain text isn't found.
    from ansible._internal._datatag._tags import Origin
except ImportError:
    Origin = None

# What a value looks like, and what that is.
LOOKS = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"), "a private key"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), "an AWS access key"),
    # 40 hexadecimal digits are a hash.
    (re.compile(r"(?![0-9a-f]{40}$)(?=.*[A-Z])(?=.*[a-z])(?=.*\d)[A-Za-z0-9/+]{40}"), "an AWS secret access key"),
    (re.compile(r"://[^/\s:@]*:[^/\s@]+@"), "an address with a password in it"),
    (
        re.compile(r"\b(?:gh[oprsu]_\w{30,}|github_pat_\w{20,}|glpat-[\w-]{20,}|xox[abprs]-[\w-]{10,}|sk-[\w-]{20,})"),
        "a token",
    ),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+"), "a token"),
)
# How the names of keys end whose values are secrets. Those of places and users of secrets end otherwise.
NAMES = re.compile(
    r"(?:^|[^a-z])(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|private[_-]?key|credentials?)$",
    re.IGNORECASE,
)
COMMAND_LINE = "<CLI option '-e'>"


def looks_like(name: str, value: str) -> str | None:
    """Which secret a value looks like, by itself or by its key."""
    found = next((what for pattern, what in LOOKS if pattern.search(value)), None)
    return found or ("a secret, by its name" if NAMES.search(name) else None)


def plain_in(value: str) -> str | None:
    """Where the value can be read in plain text; None where it can't.

    A value from a vault, an encrypted file or a lookup isn't in the file that asks for it.
    """
    origin = Origin.get_tag(value) if Origin else None
    if origin is None:
        return None
    if origin.path is None:
        given = [str(item) for item in context.CLIARGS.get("extra_vars", ())]
        told = COMMAND_LINE in str(origin.description) and any(str(value) in item for item in given)
        return "on the command line" if told else None
    text = _text(origin.path)
    lines = [line.strip() for line in str(value).splitlines() if line.strip()]
    return "in the inventory" if lines and all(line in text for line in lines) else None


@functools.cache
def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
