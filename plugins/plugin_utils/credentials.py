# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keys of AWS in a file that only this user can read, in place of environment variables, which all can see."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Mapping
from typing import Any

SECRET_KEY = "AWS_SECRET_ACCESS_KEY"
KEYS = {
    "AWS_ACCESS_KEY_ID": "aws_access_key_id",
    SECRET_KEY: "aws_secret_access_key",
    "AWS_SESSION_TOKEN": "aws_session_token",
}
# botocore takes the first of these that is set.
PROFILES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")


def in_file(environment: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """The variables with a profile of a file in the folder in place of keys."""
    profile = next((str(environment[name]) for name in PROFILES if environment.get(name)), "default")
    keys = {name: str(environment[variable]) for variable, name in KEYS.items() if environment.get(variable)}
    text = "".join([f"[{profile}]\n", *(f"{name} = {value}\n" for name, value in keys.items())])
    # Hosts may have keys of their own; the name tells nothing of them.
    path = os.path.join(folder, f"aws-{hashlib.sha256(text.encode()).hexdigest()[:16]}")
    if not os.path.exists(path):
        write(path, text)
    return {
        **environment,
        # Empty, as those of ansible-playbook's own environment would be taken first.
        **dict.fromkeys(KEYS, ""),
        **dict.fromkeys(PROFILES, profile),
        "AWS_SHARED_CREDENTIALS_FILE": path,
    }


def write(path: str, text: str) -> None:
    """Whole or not at all: other processes of the run may be about to read or to write it."""
    descriptor, unfinished = tempfile.mkstemp(dir=os.path.dirname(path))
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)
        raise
