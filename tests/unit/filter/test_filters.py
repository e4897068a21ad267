# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.agent_platform.aws.plugins.filter import arn as arn_file
from ansible_collections.agent_platform.aws.plugins.filter import cognito_domain_url as cognito_domain_url_file
from ansible_collections.agent_platform.aws.plugins.filter import fact as fact_file
from ansible_collections.agent_platform.aws.plugins.filter import resource_name as resource_name_file
from ansible_collections.agent_platform.aws.plugins.filter import role_arn as role_arn_file

arn = arn_file.FilterModule().filters()["arn"]
cognito_domain_url = cognito_domain_url_file.FilterModule().filters()["cognito_domain_url"]
fact = fact_file.FilterModule().filters()["fact"]
role_arn = role_arn_file.FilterModule().filters()["role_arn"]
resource_name = resource_name_file.FilterModule().filters()["resource_name"]


def variables(network=None, check_mode=False, partition="aws"):
    account = {"partition": partition, "region": "us-west-2", "account_id": "123456789012"}
    found = {"platform": {"network": network or {}, **account}}
    return {"component_found": found, "ansible_check_mode": check_mode}


@pytest.mark.parametrize("value", ["vpc-1", ["subnet-1"], {"a": 1}, 0, False])
@pytest.mark.parametrize("check_mode", [False, True])
def test_fact_returns_what_is_known(value, check_mode):
    assert fact(variables({"thing": {"inside": value}}, check_mode), "network.thing.inside") == value
    assert fact(variables(check_mode=check_mode), "network.thing.inside", value) == value


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_fact_shows_a_placeholder_in_check_mode(value):
    assert fact(variables({"vpc_id": value}, True), "network.vpc_id") == "(known after apply)"
    assert fact(variables({"vpc_id": "vpc-0"}, True), "network.vpc_id", value) == "(known after apply)"


@pytest.mark.parametrize("path", ["network.vpc_id", "network.vpc_id.more", "redis.secret_arn"])
def test_fact_of_what_does_not_exist_at_all(path):
    assert fact(variables(check_mode=True), path) == "(known after apply)"


def test_fact_looks_at_each_item_of_a_list():
    assert fact(variables(check_mode=True), "network.subnet_ids.public", ["subnet-1", ""]) == [
        "subnet-1",
        "(known after apply)",
    ]
    with pytest.raises(AnsibleFilterError, match=r"network\.subnet_ids\.public is not known"):
        fact(variables(), "network.subnet_ids.public", ["subnet-1", ""])


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_fact_names_the_component_that_has_to_run(value):
    with pytest.raises(AnsibleFilterError) as raised:
        fact(variables({"subnet_ids": {"private": value}}), "network.subnet_ids.private")

    assert str(raised.value) == (
        "network.subnet_ids.private is not known because the component network does not exist yet:"
        " run ansible-playbook site.yml --limit network first"
    )


def test_fact_and_arn_outside_of_the_playbooks():
    for call in (lambda: fact({}, "network.vpc_id"), lambda: arn({}, "role/x", "iam")):
        with pytest.raises(AnsibleFilterError, match="component_found is not defined: the role of a component is run"):
            call()


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("role/x", "iam"), "arn:aws-cn:iam::123456789012:role/x"),
        (("policy/X", "iam", "aws"), "arn:aws-cn:iam::aws:policy/X"),
        (("log-group:/a", "logs"), "arn:aws-cn:logs:us-west-2:123456789012:log-group:/a"),
        (("bucket/*", "s3"), "arn:aws-cn:s3:::bucket/*"),
    ],
)
def test_arn(arguments, wanted):
    assert arn(variables(partition="aws-cn"), *arguments) == wanted


@pytest.mark.parametrize(("path", "wanted"), [({}, "/x"), ("/", "/x"), ("/teams/agents/", "/teams/agents/x")])
def test_role_arn(path, wanted):
    given = {"platform_iam_path": path} if path else {}
    assert role_arn({**variables(partition="aws-cn"), **given}, "x") == f"arn:aws-cn:iam::123456789012:role{wanted}"


def test_resource_name():
    assert resource_name("flow-logs", "agent-platform-dev", "iam_role") == "agent-platform-dev-flow-logs"


def test_resource_name_refuses_as_a_filter_does():
    with pytest.raises(AnsibleFilterError, match=r"no limit is known .* known kinds: .*ec2_tag_name, .*eks_cluster"):
        resource_name("x", "p", "nonsense")


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "https://demo-dev-204fe0da.auth.us-west-2.amazoncognito.com"),
        ({"domain_prefix": "agents"}, "https://agents.auth.us-west-2.amazoncognito.com"),
        ({"domain_prefix": "agents", "custom_domain": "login.example.com"}, "https://login.example.com"),
    ],
)
def test_where_people_sign_in_is_known_before_there_is_a_user_pool(given, url):
    assert cognito_domain_url("demo-dev", "123456789012", "us-west-2", **given) == url
