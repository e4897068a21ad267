# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keys of AWS reach modules by a file; everything else by the environment, as it is."""

from __future__ import annotations

import configparser
import stat
from pathlib import Path

import boto3
import botocore.session
import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.credentials import in_file

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "a/secret+key%", "AWS_SESSION_TOKEN": "a-token=="}


def test_no_key_is_left_and_the_rest_stays(tmp_path):
    given = {**KEYS, "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_CA_BUNDLE": "/ca"}
    environment = in_file(given, str(tmp_path))
    (file,) = tmp_path.iterdir()
    assert environment == {
        **given,
        **dict.fromkeys(KEYS, ""),
        "AWS_PROFILE": "default",
        "AWS_DEFAULT_PROFILE": "default",
        "AWS_SHARED_CREDENTIALS_FILE": str(file),
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("profile", [None, "embedded"])
def test_botocore_takes_the_keys_whatever_else_is_around(tmp_path, monkeypatch, profile):
    """Neither keys nor a profile of the environment of ansible-playbook are taken, nor is a role of the machine."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.setenv(name, "another")
    config = tmp_path / "config"
    config.write_text(f"[profile {profile or 'other'}]\nretry_mode = adaptive\n")
    folder = tmp_path / "run"
    folder.mkdir()
    given = {**KEYS, "AWS_CONFIG_FILE": str(config), **({"AWS_DEFAULT_PROFILE": profile} if profile else {})}
    for name, value in in_file(given, str(folder)).items():
        monkeypatch.setenv(name, value)
    session = botocore.session.Session()
    credentials = session.get_credentials()
    assert (credentials.access_key, credentials.secret_key, credentials.token) == tuple(KEYS.values())
    assert session.get_config_variable("retry_mode") == ("adaptive" if profile else "legacy")
    # As modules of amazon.aws do.
    explicit = boto3.session.Session(profile_name=profile or "default").get_credentials()
    assert explicit.secret_key == KEYS["AWS_SECRET_ACCESS_KEY"]


def test_without_a_token_the_file_has_none(tmp_path):
    in_file({**KEYS, "AWS_SESSION_TOKEN": ""}, str(tmp_path))
    (file,) = tmp_path.iterdir()
    parser = configparser.RawConfigParser()
    parser.read(file)
    assert dict(parser["default"]) == {
        "aws_access_key_id": KEYS["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": KEYS["AWS_SECRET_ACCESS_KEY"],
    }


def test_the_same_keys_share_a_file_and_others_have_their_own(tmp_path):
    first = in_file(KEYS, str(tmp_path))["AWS_SHARED_CREDENTIALS_FILE"]
    written = Path(first).stat().st_mtime_ns
    assert in_file(KEYS, str(tmp_path))["AWS_SHARED_CREDENTIALS_FILE"] == first
    assert Path(first).stat().st_mtime_ns == written
    assert in_file({**KEYS, "AWS_SESSION_TOKEN": "renewed"}, str(tmp_path))["AWS_SHARED_CREDENTIALS_FILE"] != first
    assert len(list(tmp_path.iterdir())) == 2
