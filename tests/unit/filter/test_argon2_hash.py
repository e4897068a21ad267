# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import sys

import argon2
import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.agent_platform.aws.plugins.filter import argon2_hash as argon2_file

argon2_hash = argon2_file.FilterModule().filters()["argon2_hash"]

PASSWORD = "correct horse ü"
SALT = "5f2c0d7e1b6f4a8e9c3d2b1a0f9e8d7c"


def test_a_verifier_accepts_the_password_and_no_other():
    encoded = argon2_hash(PASSWORD, SALT)

    assert argon2.PasswordHasher().verify(encoded, PASSWORD)
    with pytest.raises(argon2.exceptions.VerifyMismatchError):
        argon2.PasswordHasher().verify(encoded, PASSWORD + " ")


def test_the_hash_says_how_it_was_made():
    assert argon2_hash(PASSWORD, SALT).startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert argon2.extract_parameters(argon2_hash(PASSWORD, SALT)).hash_len == 32


def test_only_another_password_or_salt_gives_another_hash():
    assert argon2_hash(PASSWORD, SALT) == argon2_hash(PASSWORD, SALT)
    assert argon2_hash(PASSWORD, SALT) != argon2_hash(PASSWORD, "another host")
    assert argon2_hash(PASSWORD, SALT) != argon2_hash("another password", SALT)


@pytest.mark.parametrize("empty", ["", "  ", "\n", None, 12345678])
def test_it_refuses_what_is_no_password_without_showing_it(empty):
    with pytest.raises(AnsibleFilterError) as raised:
        argon2_hash(empty, SALT)

    assert str(raised.value) == "agent_platform.aws.argon2_hash: the password is empty or no text"


def test_it_refuses_an_empty_salt_without_showing_the_password():
    with pytest.raises(AnsibleFilterError) as raised:
        argon2_hash(PASSWORD, "")

    assert str(raised.value) == "agent_platform.aws.argon2_hash: the salt is empty or no text"


def test_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "argon2.low_level", None)

    with pytest.raises(AnsibleFilterError, match=r"lacks argon2-cffi; install it: pip install argon2-cffi"):
        argon2_hash(PASSWORD, SALT)
