# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The OpenSearch domain, its master role, its logs and the policy for them."""

from __future__ import annotations

import json

import pytest

from tests.support.scripted_aws import api_error

from .fake_aws import ACCOUNT, PREFIX, REGION, SOMEONE_ELSES_ROLES, look, marks, role, tag_list, taken

OWNER = marks("opensearch")
NAME = f"{PREFIX}-search"
ARN = f"arn:aws:es:{REGION}:{ACCOUNT}:domain/{NAME}"
SID = "OpenSearchLogsOfAgentPlatformDev"


def domain(**members):
    return {
        "DomainStatus": {
            "DomainId": f"{ACCOUNT}/{NAME}",
            "DomainName": NAME,
            "ARN": ARN,
            "DomainProcessingStatus": "Active",
            "EngineVersion": "OpenSearch_3.5",
            "Endpoints": {"vpc": "vpc-search.example"},
            "EncryptionAtRestOptions": {"Enabled": True, "KmsKeyId": "arn:key"},
            "VPCOptions": {"VPCId": "vpc-1", "AvailabilityZones": [f"{REGION}b", f"{REGION}a"]},
            "ClusterConfig": {"InstanceType": "t3.small.search", "InstanceCount": 2},
            "EBSOptions": {"EBSEnabled": True, "VolumeSize": 10},
            **members,
        }
    }


def policies(sid=SID):
    document = json.dumps({"Version": "2012-10-17", "Statement": {"Sid": sid, "Effect": "Allow"}})
    return {
        "resourcePolicies": [
            {"policyName": "someones", "policyDocument": '{"Statement": []}'},
            {"policyName": f"{PREFIX}-opensearch-logs", "policyDocument": document},
        ]
    }


EMPTY_IF_ALL_IS_WELL = ("other_sign_ins",)
MISSING = {"DescribeDomain": "ResourceNotFoundException", "GetCompatibleVersions": "ResourceNotFoundException"}
ANSWERS = {
    "DescribeDomain": domain(),
    "ListTags": {"TagList": tag_list(**OWNER)},
    "GetRole": role,
    "DescribeResourcePolicies": policies(),
    "ListVersions": {"Versions": ["OpenSearch_3.5", "OpenSearch_3.3"]},
    "GetCompatibleVersions": {
        "CompatibleVersions": [{"SourceVersion": "OpenSearch_3.3", "TargetVersions": ["OpenSearch_3.5"]}]
    },
    "ListInstanceTypeDetails": {
        "InstanceTypeDetails": [{"InstanceType": "t3.small.search", "InstanceRole": ["Data", "Master"]}]
    },
}


def test_facts():
    found, aws = look(ANSWERS, "opensearch")
    assert found.components["opensearch"] == {
        "exists": True,
        "domain_name": NAME,
        "domain_arn": ARN,
        "status": "Active",
        "engine_version": "OpenSearch_3.5",
        "endpoint": "vpc-search.example",
        "dashboard_endpoint": "https://vpc-search.example/_dashboards",
        "kms_key_arn": "arn:key",
        "vpc_id": "vpc-1",
        "availability_zones": [f"{REGION}a", f"{REGION}b"],
        "instance_type": "t3.small.search",
        "instance_count": 2,
        "volume_size_gib": 10,
        "master_role_arn": f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-opensearch-master",
        "other_sign_ins": [],
    }
    assert found.warnings == []
    assert found.conflicts == []
    assert aws.requests("ListTags") == [{"ARN": ARN}]
    assert found.summary["opensearch"]["lines"] == [
        f"{NAME} OpenSearch_3.5 Active",
        f"2 t3.small.search in {REGION}a, {REGION}b",
    ]


def test_nothing_there():
    found, _aws = look({}, "opensearch")
    assert found.components["opensearch"]["exists"] is False
    assert found.summary["opensearch"] == {"state": "absent", "lines": []}


def test_one_that_comes_into_being_has_no_endpoint_yet():
    young = domain(DomainProcessingStatus="Creating", Endpoints={})
    found, _aws = look({**ANSWERS, "DescribeDomain": young}, "opensearch")
    facts = found.components["opensearch"]
    assert (facts["status"], facts["endpoint"], facts["dashboard_endpoint"]) == ("Creating", None, None)
    assert facts["exists"] is True


@pytest.mark.parametrize(
    ("members", "name"),
    [
        ({"CognitoOptions": {"Enabled": True}}, "Cognito"),
        ({"AdvancedSecurityOptions": {"Enabled": True, "SAMLOptions": {"Enabled": True}}}, "SAML"),
        ({"AdvancedSecurityOptions": {"JWTOptions": {"Enabled": True}}}, "JWT"),
        ({"IdentityCenterOptions": {"EnabledAPIAccess": True}}, "IAM Identity Center"),
    ],
)
def test_another_way_to_sign_in_is_reported(members, name):
    found, _aws = look({**ANSWERS, "DescribeDomain": domain(**members)}, "opensearch")
    assert found.components["opensearch"]["other_sign_ins"] == [name]
    assert f"can be signed in to by {name}" in found.warnings[0]


def test_names_that_someone_else_has():
    groups = {
        "logGroups": [
            {"logGroupName": f"/aws/opensearch/{PREFIX}/{log}", "arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:{log}:*"}
            for log in ("audit", "theirs")
        ]
    }
    answers = {
        **ANSWERS,
        **SOMEONE_ELSES_ROLES,
        "ListTags": {"TagList": tag_list(Project="other")},
        "DescribeLogGroups": groups,
        "DescribeResourcePolicies": policies("Theirs"),
    }
    assert taken(answers, "opensearch") == [
        f"OpenSearch domain {NAME}",
        f"IAM role {PREFIX}-opensearch-master",
        f"log group /aws/opensearch/{PREFIX}/audit",
        f"CloudWatch Logs resource policy {PREFIX}-opensearch-logs",
    ]


def test_offers():
    found, aws = look(ANSWERS, "opensearch", offers=True)
    assert found.offers["opensearch"] == {
        "versions": ["OpenSearch_3.5", "OpenSearch_3.3"],
        "upgrades": ["OpenSearch_3.5"],
        "instance_types": {"t3.small.search": ["data", "master"]},
        "log_policies": [f"{PREFIX}-opensearch-logs", "someones"],
    }
    assert aws.requests("ListInstanceTypeDetails") == [{"EngineVersion": "OpenSearch_3.5"}]


def test_offers_that_cant_be_read():
    denied = {
        name: api_error(name, "AccessDeniedException")
        for name in ("ListVersions", "GetCompatibleVersions", "ListInstanceTypeDetails")
    }
    found, _aws = look({**ANSWERS, **denied}, "opensearch", offers=True)
    assert found.offers["opensearch"]["versions"] == []
    assert found.offers["opensearch"]["instance_types"] == {}
