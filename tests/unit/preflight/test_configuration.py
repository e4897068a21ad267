# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for what is published: names, sizes, and values that nobody may read."""

from __future__ import annotations

import pytest
from ansible import context
from ansible._internal._datatag._tags import Origin

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import confidential

from .declared import change_fault_lines, fault_lines

PLATFORM = {"platform_name": "agent-platform", "platform_environment": "dev"}
SECRET = "c0rrect-horse-battery"


def lines(*parameters, of_others=None, **given):
    entries = [{"name": "app/LEVEL", "value": "info", "confidential": False, **one} for one in parameters]
    return fault_lines("configuration", {**PLATFORM, "configuration_parameters": entries, **given}, **(of_others or {}))


@pytest.fixture
def written(tmp_path):
    """A value as Ansible gives it that has read it from a file with that content."""

    def written(value, content):
        path = tmp_path / "configuration.yml"
        path.write_text(content)
        confidential._text.cache_clear()
        return Origin(path=str(path), line_num=1).tag(value)

    return written


def test_what_is_right_has_no_fault():
    assert lines() == []
    assert (
        lines(
            {"value": "x" * 4096},
            {"name": "app/BIG", "value": "x" * 8192, "tier": "Advanced"},
            {"name": "app/GROWS", "value": "x" * 8192, "tier": "Intelligent-Tiering"},
            {"name": "app/db.PASSWORD-1_SECRET_ARN", "value": "arn:aws:secretsmanager:us-west-2:123456789012:secret:a"},
            {"name": "app/TOKEN_URL", "value": "https://example.com/oauth2/token"},
            {"name": "app/COMMIT", "value": "0123456789abcdef0123456789abcdef01234567"},
            {"name": "app/KEY", "value": SECRET, "confidential": True},
            {"name": "/".join("abcdefghijklm"), "value": "thirteen levels below two"},
            of_others={"workload_identity": {"workload_identity_memory_database_user": "memory_gateway"}},
            configuration_database_user="memory_gateway",
        )
        == []
    )


@pytest.mark.parametrize(
    "name", ["/app/LEVEL", "app/", "app//LEVEL", "app/LE VEL", "app/LEVEL:1", "äpp", "", "{{ x }}", "app/*"]
)
def test_a_name(name):
    (line,) = lines({"name": name})
    assert line.startswith("configuration_parameters[0].name: ")
    assert "is not a name below the platform's path" in line


def test_levels_and_length():
    (deep,) = lines({"name": "/".join("abcdefghijklmn")})
    assert "has with /agent-platform/dev 16 levels, Parameter Store takes 15" in deep
    (long,) = lines({"name": "x" * 1000})
    assert "characters, Parameter Store takes 1011" in long


def test_the_same_name_twice_or_that_of_a_component():
    (line,) = lines({}, {})
    assert line == "configuration_parameters[1].name: 'app/LEVEL' is there more than once"
    (line,) = lines({"name": "redis/REDIS_HOST"})
    assert "is published of the component already" in line


@pytest.mark.parametrize("name", ["aws-agents", "AWSagents", "ssm", "ssm-platform"])
def test_a_path_below_what_aws_keeps(name):
    (line,) = lines(platform_name=name)
    assert line.startswith(f"platform_name: {name!r} begins the path of all parameters")
    assert "aws or ssm" in line


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"value": ""}, "is empty"),
        (
            {"value": "x" * 4097},
            "has 4097 bytes, a parameter of tier Standard takes 4096; advanced parameters take 8 KB",
        ),
        ({"value": "ä" * 2049}, "has 4098 bytes"),
        ({"value": "x" * 8193, "tier": "Advanced"}, "has 8193 bytes, a parameter of tier Advanced takes 8192"),
        ({"value": "a {{ssm:b}} c"}, "takes for a reference"),
    ],
)
def test_a_value(given, told):
    (line,) = lines(given)
    assert line.startswith("configuration_parameters[0].value: ")
    assert told in line
    assert "xxx" not in line


def test_the_tier_of_all_counts():
    assert lines({"value": "x" * 5000}, configuration_tier="Advanced") == []


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("app/A", "AKIAIOSFODNN7EXAMPLE", "an AWS access key"),
        ("app/A", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "an AWS secret access key"),
        ("app/A", "-----BEGIN RSA PRIVATE KEY-----\nMII", "a private key"),
        ("app/A", "postgresql://user:hidden@host/db", "an address with a password in it"),
        ("app/A", "ghp_" + "a1B2" * 9, "a token"),
        ("app/A", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "a token"),
        ("app/DB_PASSWORD", "abc", "a secret, by its name"),
        ("app/apiKey", "abc", "a secret, by its name"),
        ("app/api_key", "abc", "a secret, by its name"),
        ("app/SECRET", "abc", "a secret, by its name"),
        ("PASSWORD/LENGTH", "12", None),
    ],
)
def test_what_looks_like_a_secret_must_be_confidential(name, value, what):
    found = lines({"name": name, "value": value})
    if what is None:
        assert found == []
        return
    (line,) = found
    assert f"looks like {what}: set confidential: true" in line
    assert value not in line
    assert lines({"name": name, "value": value, "confidential": True}) == []


class TestPlainText:
    def test_in_a_file(self, written):
        value = written(SECRET, f"configuration_parameters:\n  - name: app/KEY\n    value: {SECRET}\n")
        (line,) = lines({"value": value, "confidential": True})
        assert "is confidential and stands in plain text in the inventory: encrypt it" in line
        assert SECRET not in line

    def test_of_several_lines(self, written):
        value = written("one-line\nother-line\n", "value: |\n  one-line\n  other-line\n")
        assert lines({"value": value, "confidential": True}) != []

    def test_on_the_command_line(self, monkeypatch):
        value = Origin(description="<CLI option '-e'>").tag(SECRET)
        monkeypatch.setattr(context, "CLIARGS", {"extra_vars": (f"value={SECRET}",)})
        (line,) = lines({"value": value, "confidential": True})
        assert "in plain text on the command line" in line
        monkeypatch.setattr(context, "CLIARGS", {"extra_vars": ("value={{ lookup('env', 'KEY') }}",)})
        assert lines({"value": value, "confidential": True}) == []

    @pytest.mark.parametrize(
        "content", ["value: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n", "value: \"{{ lookup('env', 'KEY') }}\"\n"]
    )
    def test_not_where_it_comes_from_a_vault_or_a_lookup(self, written, content):
        assert lines({"value": written(SECRET, content), "confidential": True}) == []

    def test_not_where_its_origin_is_not_a_file(self):
        value = Origin(description="<environment variable 'KEY'>").tag(SECRET)
        assert lines({"value": value, "confidential": True}) == []

    def test_what_is_not_confidential_may_be_read(self, written):
        assert lines({"value": written("info", "value: info\n")}) == []


def test_the_database_user_is_the_one_that_may_connect():
    of_others = {"workload_identity": {"workload_identity_memory_database_user": "memory_gateway"}}
    (line,) = lines(configuration_database_user="other", of_others=of_others)
    assert line.startswith(
        "configuration_database_user: 'other' is not the user that the memory gateway may connect as"
    )
    assert lines(configuration_database_user="", of_others=of_others) == []


def test_names_that_someone_else_has():
    given = {**PLATFORM, "configuration_parameters": [{"name": "app/LEVEL", "value": "x"}]}
    others = ["/agent-platform/dev/app/LEVEL", "/agent-platform/dev/redis/REDIS_HOST", "/agent-platform/dev/theirs"]
    found = change_fault_lines("configuration", given, {"configuration": {"other_parameters": others}})
    assert [line.partition(":")[0] for line in found] == ["configuration_parameters[0].name", "configuration"]
    assert all("exists without the tags of this platform" in line for line in found)
    assert change_fault_lines("configuration", given, {"configuration": {"other_parameters": others[2:]}}) == []
