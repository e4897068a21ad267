# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The policy that docs/bastion.md gives an operator opens recorded terminals on the bastion, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.bastion_instance import COMPONENT
from tests.unit.platform_info.fake_aws import PREFIX, look
from tests.unit.platform_info.test_bastion_instance import ANSWERS, owned

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs/session-policy.json").read_text()
STATEMENTS = {item["Sid"]: item for item in json.loads(TEXT)["Statement"]}
VARS = yaml.safe_load((ROOT / "roles/bastion_instance/vars/main.yml").read_text())


def listed(value):
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_each_action_and_resource_is_named(statement):
    assert statement["Effect"] == "Allow"
    assert not [action for action in listed(statement["Action"]) if "*" in action]
    assert "*" not in listed(statement["Resource"])


def test_a_session_has_to_name_the_document():
    """AWS asks for the condition in all statements that allow the call, or it doesn't count."""
    starting = [item for item in STATEMENTS.values() if "ssm:StartSession" in listed(item["Action"])]
    assert len(starting) == 2
    for statement in starting:
        assert statement["Condition"]["BoolIfExists"] == {"ssm:SessionDocumentAccessCheck": "true"}


def test_the_document_is_that_of_terminals():
    document = STATEMENTS["ByTheRecordedDocumentAlone"]["Resource"].rpartition("document/")[2]
    found, _aws = look(ANSWERS, "bastion_instance")
    assert document.replace("<prefix>", PREFIX) == found.components["bastion_instance"]["session_document"]
    assert VARS["__bastion_instance_terminal"]["inputs"]["cloudWatchStreamingEnabled"] is True


def test_the_instance_is_known_by_tags_that_it_has():
    condition = STATEMENTS["OpenTerminalOnTheBastion"]["Condition"]["StringEquals"]
    wanted = {key.removeprefix("ssm:resourceTag/"): value for key, value in condition.items()}
    tags = {tag["Key"]: tag["Value"] for tag in owned("bastion")}
    assert wanted["Component"] == tags["Component"] == COMPONENT.name
    assert set(wanted) <= set(tags)
    named = {"<name>": "Project", "<environment>": "Environment", "<region>": "Region"}
    assert {named[value]: key for key, value in wanted.items() if value in named} == {
        key: key for key in ("Project", "Environment", "Region")
    }


def test_sessions_and_their_keys_are_ones_own():
    own = STATEMENTS["ResumeAndEndOwnSessions"]
    assert own["Resource"].endswith(":session/${aws:userid}-*")
    agent = next(item for item in VARS["__bastion_instance_session_statements"] if item["Sid"] == "DecryptSessions")
    # What one end encrypts the other opens: the same key, for sessions alone.
    assert STATEMENTS["MakeKeysOfSessions"]["Condition"] == agent["Condition"]


def test_ansible_does_not_come_by_the_document_of_people():
    """Their terminal is that of a user who can't become root."""
    (play,) = yaml.safe_load((ROOT / "playbooks/bastion.yml").read_text())
    (named,) = [task["ansible.builtin.add_host"] for task in play["tasks"] if "ansible.builtin.add_host" in task]
    assert named["ansible_aws_ssm_document"] == "{{ bastion_found['automation_document'] or omit }}"
    automation = VARS["__bastion_instance_automation"]["inputs"]
    assert (automation["runAsEnabled"], automation["cloudWatchLogGroupName"]) == (False, "")
