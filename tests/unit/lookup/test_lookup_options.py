# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lookups of amazon.aws get what the environment of tasks says, also which addresses are reached past proxies."""

from __future__ import annotations

import os

import pytest

from ansible_collections.agent_platform.aws.plugins.lookup.lookup_options import LookupModule


@pytest.fixture
def options(monkeypatch):
    monkeypatch.setattr(LookupModule, "set_options", lambda self, **_kwargs: None)
    monkeypatch.setattr(LookupModule, "get_option", lambda self, _name: "us-west-2")
    # Put back as they were, whatever the lookup does.
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "before")
    return lambda environment: LookupModule().run([environment])[0]


def test_what_is_set_is_handed_over(options):
    assert options({}) == {"region": "us-west-2"}
    given = {"AWS_PROFILE": "", "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "a", "OTHER": "x"}
    given["AWS_SECRET_ACCESS_KEY"] = "b"
    assert options(given) == {
        "region": "us-west-2",
        "endpoint_url": "http://127.0.0.1:1",
        "access_key": "a",
        "secret_key": "b",
    }
    assert os.environ["NO_PROXY"] == "before"


def test_proxies_are_passed_where_the_environment_of_tasks_says_so(options):
    options({"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"})
    assert os.environ["NO_PROXY"] == os.environ["no_proxy"] == "127.0.0.1"
