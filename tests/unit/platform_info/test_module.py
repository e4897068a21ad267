# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module around discovery: its options, its result, what it requires."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.table import COMPONENTS
from ansible_collections.agent_platform.aws.plugins.modules import platform_info
from tests.support.scripted_aws import api_error

from .fake_aws import ACCOUNT, OWNER, PREFIX, REGION, FakeAws, owned

PARAMS = {
    "name": "agent-platform",
    "environment": "dev",
    "owner_tags": None,
    "account_id": None,
    "components": None,
    "require": [],
    "required_by": None,
    "entries": None,
    "models": [],
    "images": [],
    "existing_roles": {},
    "offers": False,
    "kubeconfig": None,
}


class Exit(Exception):
    def __init__(self, failed, result):
        super().__init__(result)
        self.failed = failed
        self.result = result


class Module:
    """What main() uses of an AnsibleAWSModule."""

    check_mode = False
    region = REGION
    params = PARAMS
    aws = None

    def __init__(self, argument_spec, supports_check_mode):
        assert supports_check_mode
        Module.argument_spec = argument_spec
        self.warnings = []

    def client(self, service, config=None, region=None):
        return self.aws.client(service)

    def warn(self, text):
        self.warnings.append(text)

    def fail_json(self, **result):
        raise Exit(True, result)

    def exit_json(self, **result):
        raise Exit(False, {**result, "warnings": self.warnings})


@pytest.fixture
def run(monkeypatch):
    def run(answers=None, check_mode=False, region=REGION, **params):
        aws = FakeAws(answers)
        attributes = {"aws": aws, "params": {**PARAMS, **params}, "check_mode": check_mode, "region": region}
        monkeypatch.setattr(platform_info, "AnsibleAWSModule", type("Module", (Module,), attributes))
        with pytest.raises(Exit) as ended:
            platform_info.main()
        return ended.value, aws

    return run


def test_result(run):
    ended, _aws = run()
    assert not ended.failed
    assert ended.result["changed"] is False
    platform = ended.result["platform"]
    assert set(platform) == {
        *COMPONENTS,
        "account_id",
        "arn",
        "partition",
        "region",
        "conflicts",
        "deployer",
        "offers",
        "dns_suffix",
        "existing_roles",
        "replaced_roles",
    }
    # Of these nothing is missed where nothing asks for it.
    idle = {name: [part.idle] for name, part in COMPONENTS.items() if part.idle}
    assert set(idle) == {"certificate", "vpc_origin"}
    told = {name: [] for name in COMPONENTS} | idle
    assert ended.result["summary"] == {name: {"state": "absent", "lines": told[name]} for name in COMPONENTS}
    for key, value in {"account_id": ACCOUNT, "partition": "aws", "region": REGION, "conflicts": []}.items():
        assert platform[key] == ended.result[key] == value


def test_everything_returned_is_documented(run):
    ended, _aws = run()
    documented = yaml.safe_load(platform_info.RETURN)
    assert set(ended.result) - {"changed", "warnings"} == set(documented)
    # Those of the components are documented with their roles.
    assert set(ended.result["platform"]) == {*documented["platform"]["contains"], *COMPONENTS}


def test_options_are_documented_as_declared(run):
    run()
    documented = yaml.safe_load(platform_info.DOCUMENTATION)["options"]
    assert set(documented) == set(Module.argument_spec)


@pytest.mark.parametrize("option", ["components", "require", "entries"])
def test_a_component_that_there_is_not(run, option):
    ended, aws = run(**{option: {"netwrok": []} if option == "entries" else ["netwrok"]})
    assert ended.failed
    assert ended.result["msg"] == f"{option}: there is no component netwrok; there are {', '.join(COMPONENTS)}"
    assert aws.calls == []


def owned_vpcs(aws):
    """The tags by which the VPCs were asked for; beside them those of our name are."""
    return next(
        {item["Name"]: item["Values"] for item in request["Filters"]}
        for request in aws.requests("DescribeVpcs")
        if "tag:Name" not in [item["Name"] for item in request["Filters"]]
    )


def test_ownership_by_default(run):
    _ended, aws = run(components=["network"])
    assert owned_vpcs(aws) == {f"tag:{key}": [value] for key, value in OWNER.items()}


def test_owner_tags_of_ones_own(run):
    _ended, aws = run(components=["network"], owner_tags={"Owner": "me"})
    assert owned_vpcs(aws) == {"tag:Owner": ["me"]}


def test_an_empty_list_of_components_reads_only_who_we_are(run):
    _ended, aws = run(components=[])
    assert aws.operations() == ["GetCallerIdentity"]


def test_of_another_account_nothing_is_read(run):
    ended, aws = run(account_id="210987654321")
    assert aws.operations() == ["GetCallerIdentity"]
    assert ended.result["account_id"] == ACCOUNT
    assert not any(ended.result["platform"][component]["exists"] for component in COMPONENTS)


def test_the_account_that_was_asked_for_is_read(run):
    _ended, aws = run(account_id=ACCOUNT, components=["network"])
    assert "DescribeVpcs" in aws.operations()


def test_a_failure_says_which_account_it_was_in_once_that_is_known(run):
    denied = api_error("DescribeVpcs", "UnauthorizedOperation")
    ended, _aws = run({"DescribeVpcs": denied})
    assert (ended.failed, ended.result["account_id"]) == (True, ACCOUNT)
    ended, _aws = run({"GetCallerIdentity": api_error("GetCallerIdentity", "ExpiredToken")})
    assert ended.failed
    assert "account_id" not in ended.result


def test_requirement_missing(run):
    ended, _aws = run(components=["network"], require=["network"], required_by="eks")
    assert ended.failed
    assert ended.result["msg"] == (
        f"eks requires network, which does not exist in account {ACCOUNT} region {REGION}:"
        " run ansible-playbook site.yml --limit network first"
    )


def test_several_requirements_missing(run):
    ended, _aws = run(require=["network", "encryption"])
    assert ended.result["msg"].startswith("encryption and network are required but do not exist in account")
    assert ended.result["msg"].endswith("--limit encryption,network first")


def test_a_requirement_is_read_even_if_not_asked_for(run):
    _ended, aws = run(components=[], require=["network"])
    assert "DescribeVpcs" in aws.operations()


def test_a_dry_run_requires_nothing(run):
    ended, _aws = run(check_mode=True, require=["network"])
    assert not ended.failed


def test_doubles_are_warned_of(run):
    gateways = [
        {"InternetGatewayId": f"igw-{number}", "Attachments": [], "Tags": owned("network", "internet-gateway")}
        for number in (1, 2)
    ]
    ended, _aws = run({"DescribeInternetGateways": {"InternetGateways": gateways}})
    assert not ended.failed
    assert "left alone: igw-2" in ended.result["warnings"][0]


@pytest.mark.parametrize("check_mode", [False, True])
def test_nothing_builds_on_what_cannot_be_placed(run, check_mode):
    tags = owned("network", "vpc")
    vpcs = [{"VpcId": f"vpc-{number}", "CidrBlock": "10.0.0.0/16", "Tags": tags} for number in (1, 2)]
    answers = {"DescribeVpcs": {"Vpcs": vpcs}}
    ended, _aws = run(answers, require=["network"], required_by="eks", check_mode=check_mode)
    assert ended.failed
    assert ended.result["msg"] == (
        "eks can't build on it: network: which VPC is the platform's isn't clear (vpc-1, vpc-2 bear its name or its "
        "tags). Run ansible-playbook site.yml --limit network"
    )
    assert not run(answers, components=["network"])[0].failed


def test_no_region(run):
    ended, aws = run(region=None)
    assert ended.failed
    assert "AWS_REGION" in ended.result["msg"]
    assert aws.calls == []


def test_prefix_of_names(run):
    _ended, aws = run(components=["eks"])
    assert aws.requests("DescribeCluster") == [{"name": f"{PREFIX}-eks"}]
