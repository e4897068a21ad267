# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where callbacks of the collection say what they have to say."""

from __future__ import annotations

from ansible import constants as C


def beside_stdout() -> bool:
    """Whether what Ansible prints is read by a program, as JSON: then lines for people go to standard error."""
    return "json" in C.DEFAULT_STDOUT_CALLBACK
