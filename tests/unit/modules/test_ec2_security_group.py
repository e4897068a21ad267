# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Security group with its rules."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.ec2_security_group import SecurityGroup
from tests.support.scripted_aws import Step, api_error, lost_reply, run_resource

RULE = {"protocol": "tcp", "from_port": 5432, "to_port": None, "group_id": "sg-web", "description": "SQL"}
PARAMS = {"vpc_id": "vpc-1", "name": "database", "description": "Database", "ingress": None, "egress": None}
ALLOW_ALL = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def permission(first=5432, last=None, description="SQL", group="sg-web"):
    pair = {"GroupId": group, **({"Description": description} if description else {})}
    return {"IpProtocol": "tcp", "FromPort": first, "ToPort": last or first, "UserIdGroupPairs": [pair]}


def group(ingress=(), egress=(), **members):
    present = {"GroupId": "sg-1", "GroupName": "database", "Description": "Database", "VpcId": "vpc-1"}
    permissions = {"IpPermissions": list(ingress), "IpPermissionsEgress": list(egress)}
    return {"SecurityGroups": [{**present, **permissions, **members}]}


def described(*args, **kwargs):
    return Step("DescribeSecurityGroups", group(*args, **kwargs))


NOTHING = Step("DescribeSecurityGroups", {"SecurityGroups": []})


def run(params, *steps, **kwargs):
    return run_resource(SecurityGroup, {**PARAMS, **params}, *steps, **kwargs)


def test_create_then_rules_then_without_the_rule_of_aws():
    result, _aws, _module = run(
        {"ingress": [RULE], "egress": [], "tags": {"A": "1"}},
        Step(
            "DescribeSecurityGroups",
            {"SecurityGroups": []},
            {"Filters": [{"Name": "vpc-id", "Values": ["vpc-1"]}, {"Name": "group-name", "Values": ["database"]}]},
        ),
        Step(
            "CreateSecurityGroup",
            {"GroupId": "sg-1"},
            {
                "VpcId": "vpc-1",
                "GroupName": "database",
                "Description": "Database",
                "TagSpecifications": [{"ResourceType": "security-group", "Tags": [{"Key": "A", "Value": "1"}]}],
            },
        ),
        described(egress=[ALLOW_ALL], Tags=[{"Key": "A", "Value": "1"}]),
        Step("AuthorizeSecurityGroupIngress", {}, {"GroupId": "sg-1", "IpPermissions": [permission()]}),
        described([permission()], [ALLOW_ALL], Tags=[{"Key": "A", "Value": "1"}]),
        Step("RevokeSecurityGroupEgress", {}, {"GroupId": "sg-1", "IpPermissions": [ALLOW_ALL]}),
        described([permission()], Tags=[{"Key": "A", "Value": "1"}]),
        described([permission()], Tags=[{"Key": "A", "Value": "1"}]),
    )
    assert result["changed"] is True
    assert result["security_group"]["group_id"] == "sg-1"


def test_second_run_changes_nothing_in_whatever_order_ec2_gives_the_rules():
    both = {
        **permission(),
        "UserIdGroupPairs": [{"GroupId": "sg-app", "UserId": "1"}, *permission()["UserIdGroupPairs"]],
    }
    rules = [RULE, {**RULE, "group_id": "sg-app", "description": ""}]
    result, _aws, _module = run({"ingress": rules}, described([both], [ALLOW_ALL]))
    assert result["changed"] is False


def test_rules_that_are_not_declared_are_left_alone():
    result, _aws, _module = run({}, described([permission()], [ALLOW_ALL]))
    assert result["changed"] is False


def test_new_rules_come_before_old_ones_go():
    result, aws, _module = run(
        {"ingress": [{**RULE, "from_port": 5433}]},
        described([permission()]),
        Step("AuthorizeSecurityGroupIngress", {}, {"GroupId": "sg-1", "IpPermissions": [permission(5433)]}),
        Step("RevokeSecurityGroupIngress", {}, {"GroupId": "sg-1", "IpPermissions": [permission()]}),
        described([permission(5433)]),
        described([permission(5433)]),
    )
    assert result["changed"] is True
    assert aws.operations()[1:3] == ["AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"]


FULL = api_error(
    "AuthorizeSecurityGroupIngress",
    "RulesPerSecurityGroupLimitExceeded",
    "The maximum number of rules per security group has been reached.",
)


def test_old_rules_go_first_where_there_is_no_room_for_both():
    result, aws, _module = run(
        {"ingress": [{**RULE, "from_port": 5433}]},
        described([permission()]),
        Step("AuthorizeSecurityGroupIngress", FULL),
        Step("RevokeSecurityGroupIngress", {}, {"GroupId": "sg-1", "IpPermissions": [permission()]}),
        Step("AuthorizeSecurityGroupIngress", {}, {"GroupId": "sg-1", "IpPermissions": [permission(5433)]}),
        described([permission(5433)]),
        described([permission(5433)]),
    )
    assert result["changed"] is True
    assert aws.operations().count("RevokeSecurityGroupIngress") == 1


def test_more_rules_than_a_group_takes_are_told():
    with pytest.raises(ResourceError, match=r"maximum number of rules.*have the quota raised"):
        run(
            {"ingress": [RULE, {**RULE, "from_port": 5433}]},
            described([permission()]),
            Step("AuthorizeSecurityGroupIngress", FULL),
        )


@pytest.mark.parametrize(
    "stray",
    [
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "PrefixListIds": [{"PrefixListId": "pl-1"}]},
        {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
        {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-1"}]},
        {"IpProtocol": "47", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
    ],
)
def test_a_stray_rule_of_any_kind_is_revoked(stray):
    result, _aws, _module = run(
        {"ingress": []},
        described([stray]),
        Step("RevokeSecurityGroupIngress", {}, {"GroupId": "sg-1", "IpPermissions": [stray]}),
        described(),
        described(),
    )
    assert result["changed"] is True


def test_another_description_is_an_update_and_not_a_new_rule():
    result, _aws, _module = run(
        {"egress": [{**RULE, "description": "PostgreSQL"}]},
        described(egress=[permission()]),
        Step(
            "UpdateSecurityGroupRuleDescriptionsEgress",
            {},
            {"GroupId": "sg-1", "IpPermissions": [permission(description="PostgreSQL")]},
        ),
        described(egress=[permission(description="PostgreSQL")]),
        described(egress=[permission(description="PostgreSQL")]),
    )
    assert result["changed"] is True


def test_check_mode_with_a_group_that_does_not_exist_yet():
    rule = {**RULE, "group_id": "(known after apply)"}
    result, _aws, _module = run({"ingress": [rule], "egress": []}, NOTHING, check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["before"] == {}
    assert result["diff"]["after"]["ingress"] == [{**rule, "to_port": 5432}]


def test_check_mode_shows_a_stray_rule():
    result, _aws, _module = run({"ingress": []}, described([permission()]), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["before"]["ingress"] == [{**RULE, "to_port": 5432}]
    assert result["diff"]["after"]["ingress"] == []


def test_lost_reply_of_create_makes_no_second_group():
    result, aws, _module = run({}, NOTHING, Step("CreateSecurityGroup", lost_reply()), described())
    assert result["changed"] is True
    assert aws.operations().count("CreateSecurityGroup") == 1


def test_lost_reply_of_authorize_is_looked_up():
    result, aws, _module = run(
        {"ingress": [RULE]},
        described(),
        Step("AuthorizeSecurityGroupIngress", lost_reply()),
        described([permission()]),
    )
    assert result["changed"] is True
    assert aws.operations().count("AuthorizeSecurityGroupIngress") == 1


def test_a_rule_that_someone_else_made_meanwhile():
    duplicate = api_error("AuthorizeSecurityGroupIngress", "InvalidPermission.Duplicate")
    result, _aws, _module = run(
        {"ingress": [RULE]},
        described(),
        Step("AuthorizeSecurityGroupIngress", duplicate),
        described([permission()]),
    )
    assert result["changed"] is False


def test_a_group_that_a_rule_names_may_take_a_moment_to_be_known():
    unknown = api_error("AuthorizeSecurityGroupIngress", "InvalidGroup.NotFound", "The security group does not exist")
    result, aws, _module = run(
        {"ingress": [RULE]},
        described(),
        Step("AuthorizeSecurityGroupIngress", unknown),
        described(),
        Step("AuthorizeSecurityGroupIngress", {}),
        described([permission()]),
        described([permission()]),
    )
    assert result["changed"] is True
    assert aws.operations().count("AuthorizeSecurityGroupIngress") == 2


def test_the_reason_of_a_refusal_is_told():
    denied = api_error("CreateSecurityGroup", "UnauthorizedOperation", "You are not authorized")
    with pytest.raises(
        ResourceError, match=r"UnauthorizedOperation: You are not authorized\. Allow ec2:CreateSecurity"
    ):
        run({}, NOTHING, Step("CreateSecurityGroup", denied))


def test_the_description_cannot_be_changed():
    with pytest.raises(ResourceError, match="description: is 'Database', declared 'Store'"):
        run({"description": "Store"}, described())


def test_a_new_group_needs_a_description():
    with pytest.raises(ResourceError, match="description must be given"):
        run({"description": None}, NOTHING)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"protocol": "all"}, "protocol all takes no ports"), ({"from_port": None}, "protocol tcp needs from_port")],
)
def test_a_rule_that_makes_no_sense(change, message):
    with pytest.raises(ResourceError, match=message):
        run({"ingress": [{**RULE, **change}]})


def test_delete():
    result, _aws, _module = run(
        {"state": "absent"}, described(), Step("DeleteSecurityGroup", {}, {"GroupId": "sg-1"}), NOTHING
    )
    assert result["changed"] is True


USED = api_error("DeleteSecurityGroup", "DependencyViolation", "resource sg-1 has a dependent object")


def test_delete_waits_until_nothing_uses_it(clock):
    result, _aws, _module = run(
        {"state": "absent"},
        described(),
        Step("DeleteSecurityGroup", USED),
        described(),
        Step("DeleteSecurityGroup", {}),
        NOTHING,
    )
    assert result["changed"] is True


def test_delete_of_what_is_used_says_by_whom():
    interfaces = [{"NetworkInterfaceId": "eni-1", "Attachment": {"InstanceId": "i-1"}, "OwnerId": "111122223333"}]
    others = {"SecurityGroups": [{"GroupId": "sg-7", "GroupName": "shop", "Description": "Shop"}]}
    itself = group()
    with pytest.raises(ResourceError) as caught:
        run(
            {"state": "absent", "wait": False},
            described(),
            Step("DeleteSecurityGroup", USED),
            described(),
            Step(
                "DescribeNetworkInterfaces",
                {"NetworkInterfaces": interfaces},
                {"Filters": [{"Name": "group-id", "Values": ["sg-1"]}]},
            ),
            Step("DescribeSecurityGroups", others),
            Step("DescribeSecurityGroups", itself),
        )
    assert "In the way: eni-1 (i-1, account 111122223333), sg-7 (shop, Shop)." in str(caught.value)


def test_what_nodes_have_left_goes_with_it():
    left = {
        "NetworkInterfaceId": "eni-1",
        "Status": "available",
        "Description": "aws-K8S-i-1",
        "TagSet": [{"Key": "node.k8s.amazonaws.com/instance_id", "Value": "i-1"}],
    }
    run(
        {"state": "absent", "remove_left_interfaces": True},
        described(),
        Step("DescribeNetworkInterfaces", {"NetworkInterfaces": [left]}),
        Step("DeleteNetworkInterface", {}, {"NetworkInterfaceId": "eni-1"}),
        Step("DeleteSecurityGroup", {}),
        NOTHING,
    )


def test_a_lost_tag_is_put_back():
    tags = [{"Key": "Name", "Value": "database"}]
    whole = [*tags, {"Key": "Project", "Value": "demo"}]
    declared = {"owned_by": {"Project": "demo"}, "tags": {"Project": "demo", "Name": "database"}}
    run(declared, described(Tags=tags), Step("CreateTags", {}), described(Tags=whole))


def test_a_group_of_someone_else_stays_untouched():
    with pytest.raises(ResourceError, match="isn't ours"):
        run({"owned_by": {"Project": "demo"}, "ingress": []}, described([permission()]))
