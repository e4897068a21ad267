# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What holds for the discovery of every component."""

from __future__ import annotations

import dataclasses
import re
from types import MappingProxyType

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError

from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.base import Reader, Search
from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.table import COMPONENTS, discover, identify
from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from tests.support.scripted_aws import api_error

from .fake_aws import (
    ACCOUNT,
    PREFIX,
    ROOT,
    SCOPE,
    FakeAws,
    case_of,
    everything,
    log_groups,
    look,
    marks,
    objects_of,
    read,
    role,
    tag_list,
)

READS = ("Describe", "Get", "List")
ANSWERS = {name: case_of(name).ANSWERS for name in COMPONENTS}


def empty(component):
    part = COMPONENTS[component]
    return part.empty(Search(part, SCOPE, Reader({}, None), ACCOUNT))


def empty_if_all_is_well(component):
    """The facts that tell of what is there and shouldn't be."""
    return set(getattr(case_of(component), "EMPTY_IF_ALL_IS_WELL", ()))


class TestNothingExists:
    def test_every_key_is_there(self):
        found, _aws = look({})
        assert found.components["encryption"] == {
            "exists": False,
            "key_id": None,
            "key_arn": None,
            "own_key_arn": None,
            "alias": None,
            "state": None,
            "rotation_enabled": None,
            "deletion_date": None,
            "purposes": [],
            "purpose_keys": {},
            "logs_key_arn": None,
            "secrets_key_arn": None,
            "volumes_key_arn": None,
        }
        assert found.components["network"]["subnet_ids"] == {"public": [], "private": []}
        assert found.components["network"]["route_tables"] == {"public": None, "private": {}}
        assert found.components["network"]["security_groups"]["aurora"] is None
        assert found.components["eks"]["node_groups"] == {}
        assert found.components["workload_identity"]["roles"]["llm-gateway"] is None
        assert not any(found.components["bastion_instance"].values())
        assert not any(facts["exists"] for facts in found.components.values())
        assert (found.conflicts, found.warnings) == ([], [])

    def test_missing_components_are_named_in_the_order_in_which_to_build_them(self):
        found, _aws = look({})
        assert found.missing(["eks", "network", "encryption"]) == ["encryption", "network", "eks"]


class TestReads:
    def test_only_reads_are_called(self):
        _found, aws = look(everything())
        assert {name for name in aws.operations() if not name.startswith(READS)} == set()

    def test_a_write_is_refused(self):
        aws = FakeAws()
        with pytest.raises(ValueError, match="not a read"):
            Reader({"ec2": aws.client("ec2")}, None).read("ec2", "create_vpc", CidrBlock="10.0.0.0/16")
        assert aws.calls == []

    def test_only_the_services_of_the_components_asked_for_are_called(self):
        found, aws = look(ANSWERS["encryption"], "encryption")
        assert aws.clients == ["sts", "kms"]
        assert found.components["encryption"]["exists"]
        assert found.components["network"]["vpc_id"] is None


class TestFailures:
    def test_a_denied_call_names_the_permission(self):
        with pytest.raises(ResourceError) as failure:
            look({"DescribeVpcs": api_error("DescribeVpcs", "UnauthorizedOperation", "no", 403)}, "network")
        assert "DescribeVpcs" in str(failure.value)
        assert "Allow ec2:DescribeVpcs for the identity of this run" in str(failure.value)
        assert "\n" not in str(failure.value)

    def test_without_credentials_nothing_more_is_tried(self):
        with pytest.raises(ResourceError, match=r"without AWS credentials.*Renew the AWS credentials"):
            look({"GetCallerIdentity": NoCredentialsError()})

    def test_an_expired_token_is_one_call_and_one_line(self):
        aws = FakeAws({"GetCallerIdentity": api_error("GetCallerIdentity", "ExpiredToken", "expired", 403)})
        with pytest.raises(ResourceError, match=r"with these AWS credentials.*ExpiredToken"):
            discover(aws.client, SCOPE, COMPONENTS, identify(aws.client))
        assert aws.operations() == ["GetCallerIdentity"]

    def test_an_endpoint_out_of_reach_is_named(self):
        error = EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
        with pytest.raises(ResourceError, match=r"http://127.0.0.1:9.*Check the network, the region"):
            look({"GetCallerIdentity": error})

    def test_a_failure_of_one_component_ends_the_others(self):
        answers = {"DescribeKey": api_error("DescribeKey", "KMSInternalException", status=500)}
        with pytest.raises(ResourceError, match="KMSInternalException"):
            look(answers)


class TestOffers:
    @pytest.fixture(autouse=True)
    def _a_component_with_offers(self, monkeypatch):
        def offers(search):
            quotas = [search.start("service-quotas", "get_service_quota", ServiceCode="kms", QuotaCode="L-1")] * 2
            zones = search.start("ec2", "describe_availability_zones").result()
            return {
                "quota": ((quotas[0].result() and quotas[1].result()) or {}).get("Quota", {}).get("Value"),
                "zones": [zone["ZoneName"] for zone in (zones or {}).get("AvailabilityZones", [])],
            }

        part = dataclasses.replace(
            COMPONENTS["encryption"],
            offers=offers,
            offered_by=("ec2", "service-quotas"),
            offer_lines=lambda facts, offers: [f"{facts['key_id']} of {offers['quota']} keys"],
        )
        monkeypatch.setitem(COMPONENTS, "encryption", part)

    OFFERED = MappingProxyType(
        {
            **ANSWERS["encryption"],
            "GetServiceQuota": {"Quota": {"Value": 5.0}},
            "DescribeAvailabilityZones": {"AvailabilityZones": [{"ZoneName": "us-west-2a"}]},
        }
    )

    def test_they_are_read_when_they_are_asked_for_each_once(self):
        found, aws = look(self.OFFERED, "encryption", offers=True)
        assert found.offers["encryption"] == {"quota": 5.0, "zones": ["us-west-2a"]}
        assert found.offers["network"] == {}
        assert len(aws.requests("GetServiceQuota")) == 1
        assert found.summary["encryption"]["lines"][-1].endswith(" of 5.0 keys")

    def test_otherwise_nothing_is_asked_of_their_services(self):
        found, aws = look(self.OFFERED, "encryption")
        assert found.offers["encryption"] == {}
        assert aws.clients == ["sts", "kms"]

    def test_a_missing_permission_is_a_word_and_takes_nothing_else_away(self):
        denied = api_error("GetServiceQuota", "AccessDeniedException", "no", 400)
        found, _aws = look({**self.OFFERED, "GetServiceQuota": denied}, "encryption", offers=True)
        assert found.components["encryption"]["exists"]
        assert found.offers["encryption"] == {"quota": None, "zones": ["us-west-2a"]}
        assert len(found.warnings) == 1
        assert re.search(r"isn't all known.*Allow servicequotas:GetServiceQuota for", found.warnings[0])

    def test_a_service_out_of_reach_is_a_word_too(self):
        error = EndpointConnectionError(endpoint_url="https://servicequotas.us-west-2.amazonaws.com")
        found, _aws = look({**self.OFFERED, "GetServiceQuota": error}, "encryption", offers=True)
        assert found.offers["encryption"] == {"quota": None, "zones": ["us-west-2a"]}
        assert len(found.warnings) == 1


@pytest.mark.parametrize(
    ("tags", "reason", "remedy"),
    [
        (
            {"Component": "workload_identity"},
            "exists and belongs to the component workload_identity of this platform",
            "rename what one of the two components makes",
        ),
        (
            {"Region": "eu-west-1"},
            "exists and belongs to the platform of the same name in eu-west-1",
            "give one of the two another platform_environment or platform_name",
        ),
        (
            {"Region": "eu-west-1", "Component": "eks"},
            "exists and belongs to the platform of the same name in eu-west-1",
            "give one of the two another platform_environment or platform_name",
        ),
        (
            {"Project": "other"},
            "exists without the tags of this platform (Project=agent-platform, Environment=dev, Region=us-west-2,"
            " ManagedBy=agent_platform.aws, Component=bastion_instance)",
            "rename the platform (platform_name), or remove it or give it these tags yourself",
        ),
    ],
)
def test_whose_a_name_of_ours_is(tags, reason, remedy):
    """A role of the same platform is not ours if another component has made it, or the same one in another region."""
    tags = {**marks("bastion_instance"), **tags}
    answers = {**ANSWERS["bastion_instance"], "GetRole": lambda request: role(request, tag_list(**tags))}
    found, _aws = look(answers, "bastion_instance")
    assert found.components["bastion_instance"]["role_arn"] is None
    assert found.conflicts == [
        {"component": "bastion_instance", "resource": f"IAM role {PREFIX}-{name}", "reason": reason, "remedy": remedy}
        for name in ("bastion", "bastion-backup")
    ]


def test_a_role_that_lost_a_tag_is_no_ones():
    tags = {key: value for key, value in marks("bastion_instance").items() if key != "Component"}
    answers = {**ANSWERS["bastion_instance"], "GetRole": lambda request: role(request, tag_list(**tags))}
    conflict, _of_backups = look(answers, "bastion_instance")[0].conflicts
    assert "without the tags of this platform" in conflict["reason"]


# What each component says of itself


def test_every_file_of_a_component_is_in_the_table():
    """The table can't be made of the files: what a module needs is found by its imports."""
    files = {path.stem for path in (ROOT / "plugins/module_utils/discovery").glob("*.py")}
    assert set(COMPONENTS) == files - {"__init__", "base", "table"}
    assert {name: part.name for name, part in COMPONENTS.items()} == {name: name for name in COMPONENTS}


def test_the_table_is_in_the_order_in_which_to_build():
    built: set[str] = set()
    for component in COMPONENTS:
        assert set(read("roles", component, "meta/component.yml")["requires"]) <= built
        built.add(component)


@pytest.mark.parametrize("component", COMPONENTS)
class TestComponent:
    def test_everything_of_it_is_found(self, component):
        found, _aws = look(ANSWERS[component], component, objects=objects_of(component))
        facts = found.components[component]
        assert facts["exists"]
        assert {fact for fact, value in facts.items() if value in (None, [], {})} == empty_if_all_is_well(component)
        assert set(facts) == {*empty(component), "exists"}

    def test_its_summary(self, component):
        found, _aws = look(ANSWERS[component], component, objects=objects_of(component))
        told = found.summary[component]
        assert told["state"] == "exists"
        assert told["lines"]
        assert "None" not in "".join(told["lines"])
        # By default nothing is declared of what says so.
        idle = [COMPONENTS[component].idle] if COMPONENTS[component].idle else []
        assert look({}, component)[0].summary == {component: {"state": "absent", "lines": idle}}

    def test_a_half_is_not_absent(self, component):
        """Whatever a run that was interrupted has left behind."""
        part = COMPONENTS[component]
        search = Search(part, SCOPE, Reader({}, None), ACCOUNT)
        found, _aws = look(ANSWERS[component], component, objects=objects_of(component))
        for fact in empty(component).keys() - empty_if_all_is_well(component):
            half = {**empty(component), fact: found.components[component][fact]}
            told = part.describe(search, half)
            assert told["state"] == ("exists" if part.exists(half) else "partial")
            assert told["state"] == "exists" or told["lines"][0].startswith(f"only {fact} ")

    def test_its_role_documents_its_facts(self, component):
        section = readme_section(component, "Facts")
        assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == {*empty(component), "exists"}

    def test_its_offers_have_the_same_keys_whatever_aws_answers(self, component):
        found, _aws = look(ANSWERS[component], component, offers=True, objects=objects_of(component))
        empty_offers = {offer for offer, value in found.offers[component].items() if value in (None, [], {})}
        assert empty_offers == set(getattr(case_of(component), "EMPTY_OFFERS", ()))
        assert set(look({}, component, offers=True)[0].offers[component]) == set(found.offers[component])

    def test_its_role_documents_its_offers(self, component):
        offers = look({}, component, offers=True)[0].offers[component]
        section = readme_section(component, "Offers")
        assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(offers)

    def test_its_role_names_the_permissions(self, component):
        sections = [readme_section(component, title) for title in ("Facts", "Offers")]
        documented = set(re.findall(r"`[a-z0-9-]+:(\w+)`", "".join(sections)))
        called = {
            operation
            for given in ({}, ANSWERS[component], {**ANSWERS[component], "DescribeLogGroups": log_groups})
            for operation in look(given, component, offers=True, objects=objects_of(component))[1].operations()
        }
        # The one call whose permission has another name.
        called = {"ListAllMyBuckets" if name == "ListBuckets" else name for name in called} - {"GetCallerIdentity"}
        assert called <= documented
        # Asked for only where tags don't come along, where two clients of a user pool have one name, or of the VPC of
        # others.
        assert documented - called <= {"ListTagsForResource", "DescribeUserPoolClient", "DescribeVpcAttribute"}


def readme_section(component, title):
    text = (ROOT / "roles" / component / "README.md").read_text()
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    return found.group(1) if found else ""
