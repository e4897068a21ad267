# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.agent_platform.aws.plugins.filter import known as known_file
from ansible_collections.agent_platform.aws.plugins.filter import resource_name as resource_name_file
from ansible_collections.agent_platform.aws.plugins.module_utils.names import LIMITS

known = known_file.FilterModule().filters()["known"]
resource_name = resource_name_file.FilterModule().filters()["resource_name"]


@pytest.mark.parametrize("value", ["vpc-1", ["subnet-1"], {"a": 1}, 0, False])
@pytest.mark.parametrize("check_mode", [False, True])
def test_known_returns_what_is_known(value, check_mode):
    assert known(value, "network.vpc_id", check_mode) is value


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_known_shows_a_placeholder_in_check_mode(value):
    assert known(value, "network.vpc_id", True) == "(known after apply)"


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_known_names_the_component_that_has_to_run(value):
    with pytest.raises(AnsibleFilterError) as raised:
        known(value, "network.subnet_ids.private")

    assert str(raised.value) == (
        "network.subnet_ids.private is not known because the component network does not exist yet:"
        " run ansible-playbook site.yml --limit network first"
    )


def test_resource_name():
    assert resource_name("flow-logs", "agent-platform-dev", "iam_role") == "agent-platform-dev-flow-logs"


def test_resource_name_refuses_as_a_filter_does():
    with pytest.raises(AnsibleFilterError, match="resource_name: no limit is known"):
        resource_name("x", "p", "nonsense")


def test_documented_kinds_are_the_known_ones():
    documented = yaml.safe_load(resource_name_file.DOCUMENTATION)["options"]["kind"]["choices"]

    assert documented == sorted(LIMITS)
