# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The OpenSearch Service shims: without them (LOCAL_CLOUD_SHIMS=0) each of these tests fails."""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

_numbers = itertools.count()
NODES = {"InstanceType": "r7g.large.search", "InstanceCount": 2, "ZoneAwarenessEnabled": True}
ENCRYPTED = {"EncryptionAtRestOptions": {"Enabled": True}, "NodeToNodeEncryptionOptions": {"Enabled": True}}


@pytest.fixture
def search(client: Callable[[str], Any], iam: Any) -> Any:
    with contextlib.suppress(ClientError):  # it is there already
        iam.create_service_linked_role(AWSServiceName="opensearchservice.amazonaws.com")
    return client("opensearch")


def ready(search: Any, name: str) -> dict[str, Any]:
    """The domain once nothing is under way."""
    deadline = time.monotonic() + 5
    while (found := search.describe_domain(DomainName=name)["DomainStatus"])["DomainProcessingStatus"] != "Active":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def make(search: Any, **how: Any) -> str:
    name = f"search-{next(_numbers)}"
    search.create_domain(DomainName=name, **{"ClusterConfig": NODES, **how})
    ready(search, name)
    return name


def refused(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    return str(raised.value)


def test_a_domain_in_a_vpc_comes_up_and_goes(search: Any, subnets: list[str], vpc: str) -> None:
    made = search.create_domain(DomainName="in-vpc", ClusterConfig=NODES, VPCOptions={"SubnetIds": subnets})
    assert made["DomainStatus"]["DomainProcessingStatus"] == "Creating"
    assert "Endpoints" not in made["DomainStatus"]
    found = ready(search, "in-vpc")
    assert (found["VPCOptions"]["VPCId"], found["VPCOptions"]["AvailabilityZones"]) == (
        vpc,
        ["us-west-2a", "us-west-2b"],
    )
    assert found["Endpoints"]["vpc"].startswith("vpc-in-vpc-")
    search.delete_domain(DomainName="in-vpc")
    assert search.describe_domain(DomainName="in-vpc")["DomainStatus"]["DomainProcessingStatus"] == "Deleting"
    time.sleep(0.5)
    assert "ResourceNotFoundException" in refused(search.describe_domain, DomainName="in-vpc")


def test_what_was_asked_for_comes_back(search: Any, client: Callable[[str], Any]) -> None:
    logs = client("logs")
    logs.create_log_group(logGroupName="/aws/opensearch/one/audit")
    group = "arn:aws:logs:us-west-2:123456789012:log-group:/aws/opensearch/one/audit"
    options = {"AUDIT_LOGS": {"CloudWatchLogsLogGroupArn": group, "Enabled": True}}
    assert "does not grant" in refused(
        search.create_domain, DomainName="logging", ClusterConfig=NODES, LogPublishingOptions=options
    )
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "es.amazonaws.com"},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": "arn:aws:logs:us-west-2:123456789012:log-group:/aws/opensearch/one/*",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    logs.put_resource_policy(policyName="one", policyDocument=document)
    name = make(
        search,
        LogPublishingOptions=options,
        AutoTuneOptions={"DesiredState": "ENABLED", "UseOffPeakWindow": True},
        AdvancedOptions={"indices.fielddata.cache.size": "40"},
        IPAddressType="dualstack",
    )
    found = ready(search, name)
    assert found["LogPublishingOptions"] == options
    assert found["AutoTuneOptions"] == {"State": "ENABLED", "UseOffPeakWindow": True}
    assert found["AdvancedOptions"]["rest.action.multi.allow_explicit_index"] == "true"
    assert found["OffPeakWindowOptions"]["OffPeakWindow"]["WindowStartTime"] == {"Hours": 22, "Minutes": 0}
    assert found["IPAddressType"] == "dualstack"


def test_a_change_keeps_what_it_doesnt_name_and_takes_a_moment(search: Any) -> None:
    name = make(search)
    answer = search.update_domain_config(DomainName=name, ClusterConfig={"InstanceCount": 4})
    change = answer["DomainConfig"]["ChangeProgressDetails"]["ChangeId"]
    assert search.describe_domain(DomainName=name)["DomainStatus"]["Processing"] is True
    assert "is in progress" in refused(search.update_domain_config, DomainName=name, ClusterConfig={"InstanceCount": 2})
    found = ready(search, name)
    assert (found["ClusterConfig"]["InstanceCount"], found["ClusterConfig"]["ZoneAwarenessEnabled"]) == (4, True)
    assert found["ChangeProgressDetails"]["ChangeId"] == change


def test_a_domain_moves_to_other_groups_in_its_subnets(search: Any, subnets: list[str]) -> None:
    name = make(search, VPCOptions={"SubnetIds": subnets, "SecurityGroupIds": ["sg-1"]})
    search.update_domain_config(DomainName=name, VPCOptions={"SecurityGroupIds": ["sg-2"]})
    found = ready(search, name)["VPCOptions"]
    assert (found["SubnetIds"], found["SecurityGroupIds"]) == (subnets, ["sg-2"])


@pytest.mark.parametrize(
    ("how", "part"),
    [
        ({"ClusterConfig": {**NODES, "InstanceCount": 3}}, "an even number of data nodes"),
        (
            {"ClusterConfig": {**NODES, "ZoneAwarenessConfig": {"AvailabilityZoneCount": 3}}},
            "a minimum of three data nodes",
        ),
        (
            {
                "ClusterConfig": {**NODES, "InstanceType": "t3.small.search"},
                "AutoTuneOptions": {"DesiredState": "ENABLED"},
            },
            "Autotune is not supported",
        ),
        ({"VPCOptions": {"SubnetIds": ["subnet-0", "subnet-1"]}}, "does not exist"),
    ],
)
def test_what_a_domain_refuses(search: Any, how: dict[str, Any], part: str) -> None:
    assert part in refused(search.create_domain, DomainName="refused", **{"ClusterConfig": NODES, **how})


def test_as_many_subnets_as_zones(search: Any, subnets: list[str]) -> None:
    said = refused(
        search.create_domain, DomainName="refused", ClusterConfig=NODES, VPCOptions={"SubnetIds": subnets[:1]}
    )
    assert "exactly 2 subnets" in said


@pytest.mark.parametrize("part", ENCRYPTED)
def test_encryption_is_never_turned_off(search: Any, part: str) -> None:
    name = make(search, **ENCRYPTED)
    assert "can't be disabled" in refused(search.update_domain_config, DomainName=name, **{part: {"Enabled": False}})


def test_an_upgrade_goes_by_way_of_2_19(search: Any) -> None:
    name = make(search, EngineVersion="OpenSearch_2.17")
    (found,) = search.get_compatible_versions(DomainName=name)["CompatibleVersions"]
    assert found["TargetVersions"] == ["OpenSearch_2.19"]
    assert "not supported" in refused(search.upgrade_domain, DomainName=name, TargetVersion="OpenSearch_3.5")
    search.upgrade_domain(DomainName=name, TargetVersion="OpenSearch_2.19", PerformCheckOnly=True)
    assert search.get_upgrade_status(DomainName=name)["StepStatus"] == "IN_PROGRESS"
    assert ready(search, name)["EngineVersion"] == "OpenSearch_2.17"
    assert search.get_upgrade_status(DomainName=name)["UpgradeStep"] == "PRE_UPGRADE_CHECK"
    search.upgrade_domain(DomainName=name, TargetVersion="OpenSearch_2.19")
    assert search.describe_domain(DomainName=name)["DomainStatus"]["UpgradeProcessing"] is True
    assert ready(search, name)["EngineVersion"] == "OpenSearch_2.19"


def test_types_of_instances(search: Any) -> None:
    request = {"EngineVersion": "OpenSearch_3.5", "InstanceType": "or1.large.search"}
    (found,) = search.list_instance_type_details(**request)["InstanceTypeDetails"]
    assert found["InstanceRole"] == ["data"]
