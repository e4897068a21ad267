# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the integration tests call ansible-playbook."""

from __future__ import annotations

import pytest

from tests.support import playbook


@pytest.fixture
def account(tmp_path):
    return playbook.DirectAccount("100000000001", "http://localhost:1", tmp_path, [])


def test_the_connection_is_that_of_the_inventory(account, monkeypatch):
    monkeypatch.setattr(playbook, "CONNECTION", "")
    assert "ansible_connection" not in " ".join(account.command())


def test_another_connection_is_chosen_for_all_runs_but_those_that_choose_their_own(account, monkeypatch):
    monkeypatch.setattr(playbook, "CONNECTION", "chosen.for.all")
    options = account.command(variables={"ansible_connection": "of.its.own"})
    (for_all,) = [number for number, option in enumerate(options) if option == "ansible_connection=chosen.for.all"]
    (own,) = [number for number, option in enumerate(options) if "of.its.own" in option]
    # Ansible takes the last.
    assert for_all < own
    assert options[for_all - 1] == options[own - 1] == "-e"


def test_runs_are_of_what_the_account_is_about(account, tmp_path):
    assert "--limit" not in account.command()
    partial = playbook.DirectAccount("100000000002", "http://localhost:1", tmp_path, [], ("encryption", "network"))
    options = partial.command()
    assert options[options.index("--limit") + 1] == "encryption,network"
    # Ansible takes the last.
    assert partial.command("--limit", "network")[-2:] == ["--limit", "network"]
    # Other playbooks have hosts of their own.
    assert "--limit" not in partial.command(playbook="playbooks/tunnel.yml")
