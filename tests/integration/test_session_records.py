# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Terminals on the bastion are recorded when that is asked for: by documents of the platform's own, by the account's
preferences only where they are nobody else's; what is spoilt is put back, and what isn't asked for any more goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.components import with_required
from tests.support.faults import Calls
from tests.support.playbook import OWNER, PREFIX, REGION, Account, Run

from .census import Lister, as_list, statements_of, tags_of
from .components import encryption
from .components.bastion_instance import NAME
from .neighbours import tag_list

USED = ("bastion_instance",)
pytestmark = [pytest.mark.by_component(*USED), pytest.mark.options]

TERMINAL, AUTOMATION = f"{PREFIX}-session", f"{PREFIX}-session-ansible"
PREFERENCES = "SSM-SessionManagerRunShell"
LOG = f"/aws/ec2/{NAME}/sessions"
HOST_LOGS = [f"/aws/ec2/{NAME}/journal", f"/aws/ec2/{NAME}/audit"]
RECORDED = {"bastion_instance_session_preferences": "document", "bastion_instance_log_shipping": True}
ACCOUNT_WIDE = {**RECORDED, "bastion_instance_session_preferences": "account"}
THEIRS = json.dumps({"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {"runAsEnabled": False}})
OWN = {**OWNER, "Component": "bastion_instance"}


@pytest.fixture(scope="module")
def account(new_account: Callable[..., Account]) -> Account:
    made = new_account("250000000101")
    made.run(
        "--limit", ",".join(with_required(USED)), variables=RECORDED, note="a bastion with records"
    ).assert_converged()
    return made


def settle(account: Account, note: str, *arguments: str, **variables: object) -> Run:
    return account.run("--limit", "bastion_instance", *arguments, variables=variables, note=note)


def content(account: Account, name: str) -> dict[str, Any] | None:
    try:
        return json.loads(account.client("ssm").get_document(Name=name)["Content"])
    except ClientError:
        return None


def inputs(account: Account, name: str) -> dict[str, Any]:
    return (content(account, name) or {})["inputs"]


def log_group(account: Account, name: str = LOG) -> dict[str, Any] | None:
    return next((item for item in Lister(account).log_groups() if item["logGroupName"] == name), None)


def put(account: Account, name: str, text: str) -> None:
    """As the console does it."""
    ssm = account.client("ssm")
    made = ssm.update_document(Name=name, Content=text, DocumentVersion="$LATEST", DocumentFormat="JSON")
    version = made["DocumentDescription"]["DocumentVersion"]
    ssm.update_document_default_version(Name=name, DocumentVersion=version)


def test_terminals_are_recorded_encrypted_and_ended_and_nobody_is_root(account):
    key_arn = encryption.key(account)["Arn"]
    terminal = inputs(account, TERMINAL)
    assert terminal["cloudWatchLogGroupName"] == LOG
    assert terminal["cloudWatchEncryptionEnabled"]
    assert terminal["cloudWatchStreamingEnabled"]
    assert (terminal["runAsEnabled"], terminal["runAsDefaultUser"]) == (True, "developer")
    assert (terminal["idleSessionTimeout"], terminal["maxSessionDuration"]) == ("20", "480")
    # Ansible becomes root, and says where its files can be fetched.
    automation = inputs(account, AUTOMATION)
    assert (automation["runAsEnabled"], automation["cloudWatchLogGroupName"]) == (False, "")
    assert terminal["kmsKeyId"] == automation["kmsKeyId"] == key_arn
    assert content(account, PREFERENCES) is None
    ssm = account.client("ssm")
    for name in (TERMINAL, AUTOMATION):
        tags = ssm.list_tags_for_resource(ResourceType="Document", ResourceId=name)["TagList"]
        assert OWN.items() <= {tag["Key"]: tag["Value"] for tag in tags}.items()
    for name in (LOG, *HOST_LOGS):
        group = log_group(account, name)
        assert (group["kmsKeyId"], group["retentionInDays"]) == (key_arn, 365)
        assert OWN.items() <= tags_of(group).items()


def test_the_agent_may_write_this_log_and_open_keys_of_sessions_alone(account):
    statements = {item["Sid"]: item for item in statements_of(account, NAME)}
    logs = f"arn:aws:logs:{REGION}:{account.id}:log-group"
    assert as_list(statements["RecordSessions"]["Resource"]) == [f"{logs}:{LOG}:*"]
    assert as_list(statements["SendLogs"]["Resource"]) == [f"{logs}:{name}:*" for name in HOST_LOGS]
    assert as_list(statements["FindLogOfSessions"]["Action"]) == ["logs:DescribeLogGroups"]
    assert statements["DecryptSessions"]["Condition"] == {"Null": {"kms:EncryptionContext:aws:ssm:SessionId": "false"}}


def test_a_second_run_has_nothing_to_do(account):
    settle(account, "records are there", **RECORDED).assert_nothing_to_do()


def test_what_is_spoilt_is_put_back(account):
    ssm = account.client("ssm")
    terminal = content(account, TERMINAL)
    terminal["inputs"] |= {"cloudWatchLogGroupName": "", "runAsDefaultUser": "root"}
    put(account, TERMINAL, json.dumps(terminal))
    ssm.delete_document(Name=AUTOMATION)
    account.client("logs").disassociate_kms_key(logGroupName=LOG)

    dry = settle(account, "would record again", "--check", "--diff", **RECORDED).assert_converged()
    assert not dry.calls.writes
    assert "root" in dry.output
    run = settle(account, "records again", **RECORDED).assert_converged()
    assert run.calls.writes == Calls(
        {
            ("logs", "AssociateKmsKey"): 1,
            ("ssm", "CreateDocument"): 1,
            ("ssm", "UpdateDocument"): 1,
            ("ssm", "UpdateDocumentDefaultVersion"): 1,
        }
    )
    assert inputs(account, TERMINAL)["runAsDefaultUser"] == "developer"


def test_a_document_of_someone_else_is_left_alone(account):
    ssm = account.client("ssm")
    place = {"ResourceType": "Document", "ResourceId": TERMINAL}
    tags = ssm.list_tags_for_resource(**place)["TagList"]
    ssm.remove_tags_from_resource(**place, TagKeys=[tag["Key"] for tag in tags])
    run = settle(account, "someone has our document", **RECORDED).assert_refused()
    assert not run.calls.writes
    assert TERMINAL in run.explain()
    ssm.add_tags_to_resource(**place, Tags=tags)


def test_preferences_of_the_account_that_are_someone_elses_stay(account):
    ssm = account.client("ssm")
    ssm.create_document(Name=PREFERENCES, Content=THEIRS, DocumentType="Session", DocumentFormat="JSON")
    run = settle(account, "the account has preferences", **ACCOUNT_WIDE).assert_refused()
    assert not run.calls.writes
    assert "aren't this platform's" in run.explain()
    assert content(account, PREFERENCES) == json.loads(THEIRS)
    ssm.delete_document(Name=PREFERENCES)


def test_it_goes_when_it_is_not_asked_for_and_what_was_recorded_stays(account):
    settle(account, "no records").assert_converged()
    assert (content(account, TERMINAL), content(account, AUTOMATION)) == (None, None)
    assert log_group(account) is not None
    assert "RecordSessions" not in {item["Sid"] for item in statements_of(account, NAME)}
    settle(account, "there are none").assert_nothing_to_do()


def test_the_accounts_preferences_are_set_where_they_are_nobodys(account):
    run = settle(account, "records, for the whole account", **ACCOUNT_WIDE).assert_converged()
    assert run.calls.writes[("ssm", "CreateDocument")] == 3
    assert content(account, PREFERENCES) == content(account, TERMINAL)
    run = settle(account, "not for the account any more", **RECORDED).assert_converged()
    assert run.calls.writes == Calls({("ssm", "DeleteDocument"): 1})
    assert content(account, PREFERENCES) is None


def test_a_removal_takes_all_of_it(account):
    account.client("ssm").create_document(
        Name="theirs", Content=THEIRS, DocumentType="Session", Tags=tag_list({"Project": "other"})
    )
    account.run(
        *("--limit", "bastion_instance"),
        playbook="playbooks/teardown.yml",
        variables={"platform_teardown_confirm": PREFIX, **RECORDED},
        note="the bastion goes",
    ).assert_converged()
    assert [content(account, name) for name in (TERMINAL, AUTOMATION, PREFERENCES)] == [None] * 3
    assert content(account, "theirs") is not None
    assert [log_group(account, name) for name in (LOG, *HOST_LOGS)] == [None] * 3
