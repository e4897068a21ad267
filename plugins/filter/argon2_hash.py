# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: argon2_hash
short_description: Hash of a password with Argon2id
version_added: 0.1.0
description:
  - Returns the hash as the text V($argon2id$v=19$...) that programs such as code-server verify a password against.
  - The same password and salt give the same hash, so that a file with it doesn't change from run to run.
  - The parameters are the recommendation of RFC 9106 for limited memory, 64 MiB, 3 passes and 4 lanes.
requirements:
  - The Python package C(argon2-cffi) on the controller
positional: _input, salt
options:
  _input:
    description: The password.
    type: str
    required: true
  salt:
    description: Any text that belongs to the place where the hash is kept and doesn't change, such as a machine id.
    type: str
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Write the hash
  ansible.builtin.copy:
    content: "{{ password | agent_platform.aws.argon2_hash(ansible_facts['machine_id']) }}"
    dest: /etc/example/password
    mode: "0600"
  no_log: true
"""

RETURN = r"""
_value:
  description: The encoded hash, with its parameters and the salt.
  type: str
"""

import hashlib

from ansible.errors import AnsibleFilterError

MEMORY_KIB = 65536
PASSES = 3
LANES = 4
SALT_BYTES = 16
HASH_BYTES = 32


def argon2_hash(password, salt):
    # Every process of a run loads every filter, and few call this one.
    try:
        from argon2.low_level import Type, hash_secret
    except ImportError as error:
        raise AnsibleFilterError(
            "agent_platform.aws.argon2_hash: the controller's Python lacks argon2-cffi; install it:"
            " pip install argon2-cffi"
        ) from error
    for what, value in (("password", password), ("salt", salt)):
        # The value itself must not be shown.
        if not isinstance(value, str) or not value.strip():
            raise AnsibleFilterError(f"agent_platform.aws.argon2_hash: the {what} is empty or no text")
    # Of any length and letters, as the salt of Argon2 is not; it isn't secret, only the same for nobody else.
    salt_bytes = hashlib.sha256(salt.encode()).digest()[:SALT_BYTES]
    return hash_secret(
        password.encode(),
        salt_bytes,
        time_cost=PASSES,
        memory_cost=MEMORY_KIB,
        parallelism=LANES,
        hash_len=HASH_BYTES,
        type=Type.ID,
    ).decode()


class FilterModule:
    def filters(self):
        return {"argon2_hash": argon2_hash}
