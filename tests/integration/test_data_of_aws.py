# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What AWS returns is data: a template that somebody has written into a tag or a description is never filled in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.playbook import OWNER

from .components import encryption, network
from .neighbours import make_role, tag_list

LIMIT = ("--limit", "encryption,network")

pytestmark = pytest.mark.by_component("encryption", "network")


@pytest.fixture
def note(tmp_path: Path) -> Path:
    """What a template that is filled in makes."""
    return tmp_path / "filled-in"


def attack(note: Path) -> str:
    return f"{{{{ lookup('ansible.builtin.pipe', 'touch {note}') }}}}"


def test_the_same_text_in_a_playbook_does_what_it_says(note, tmp_path):
    """So the tests below would find it."""
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": [{"ansible.builtin.debug": {"msg": attack(note)}}]}]
    (tmp_path / "play.yml").write_text(json.dumps(play))
    tool = str(Path(sys.executable).with_name("ansible-playbook"))
    subprocess.run([tool, "-i", "localhost,", str(tmp_path / "play.yml")], check=True, capture_output=True)
    assert note.exists()


def test_tags_and_descriptions_are_shown_as_they_are(new_account, note):
    account = new_account("230000000301")
    iam, kms, ec2 = (account.client(service) for service in ("iam", "kms", "ec2"))

    # Of someone else's, in the words of a refusal.
    make_role(account, network.FLOW_LOG_ROLE, {**OWNER, "Component": attack(note)})
    refused = account.run(*LIMIT, note="a template in a tag of someone else's").assert_refused()
    assert "belongs to the component {{ lookup(" in refused.output
    iam.delete_role(RoleName=network.FLOW_LOG_ROLE)

    # Of ours, in differences, facts and what a run says at its end.
    account.run(*LIMIT, note="before there is a template in it").assert_converged()
    kms.update_key_description(KeyId=encryption.key(account)["KeyId"], Description=attack(note))
    (vpc,) = account.pages("ec2", "describe_vpcs", "Vpcs", Filters=[{"Name": "tag:Component", "Values": ["network"]}])
    ec2.create_tags(Resources=[vpc["VpcId"]], Tags=tag_list({"Note": attack(note), "Name": attack(note)}))
    for arguments in (["--check", "--diff", "-vvv"], ["--diff"]):
        run = account.run(*LIMIT, *arguments, note="a template in what is ours").assert_converged()
        assert "{{ lookup(" in run.output
        assert len(run.changed) == 2
    account.run(*LIMIT, note="no template is left").assert_nothing_to_do()
    kms.update_key_description(KeyId=encryption.key(account)["KeyId"], Description=attack(note))
    account.run(playbook="playbooks/status.yml", note="a template, status")
    assert not note.exists()
