# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Network ACL with its rules and subnets."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.ec2_network_acl import NetworkAcl
from tests.support.scripted_aws import Step, api_error, lost_reply, run_resource

VPC, ANYWHERE = "10.0.0.0/16", "0.0.0.0/0"


def rule(number, protocol="all", cidr=VPC, first=None, last=None):
    return {"rule_number": number, "protocol": protocol, "from_port": first, "to_port": last, "cidr_block": cidr}


def entry(number, protocol="-1", cidr=VPC, ports=None, egress=False, action="allow"):
    found = {"RuleNumber": number, "Egress": egress, "Protocol": protocol, "RuleAction": action, "CidrBlock": cidr}
    return found | ({"PortRange": {"From": ports[0], "To": ports[1]}} if ports else {})


INSIDE, WEB = rule(10), rule(20, "tcp", ANYWHERE, 443)
PARAMS = {
    "vpc_id": "vpc-1",
    "name": "private",
    "ingress": [INSIDE],
    "egress": [INSIDE, WEB],
    "subnet_ids": ["subnet-1"],
}
IN, OUT = entry(10), entry(10, egress=True)
OUT_WEB = entry(20, "6", ANYWHERE, (443, 443), egress=True)
LAST = [entry(32767, cidr=ANYWHERE, egress=egress, action="deny") for egress in (True, False)]
RIGHT = (IN, OUT, OUT_WEB)


def association(acl, subnet):
    return {"NetworkAclAssociationId": f"aclassoc-{acl}-{subnet}", "NetworkAclId": f"acl-{acl}", "SubnetId": subnet}


def acl(entries=RIGHT, subnets=("subnet-1",), name="private", number=1, **tags):
    return {
        "NetworkAclId": f"acl-{number}",
        "VpcId": "vpc-1",
        "IsDefault": False,
        "Entries": [*entries, *LAST],
        "Associations": [association(number, subnet) for subnet in subnets],
        "Tags": [{"Key": key, "Value": value} for key, value in {"Name": name, **tags}.items()],
    }


def default(*subnets):
    return {**acl((entry(100, cidr=ANYWHERE),), subnets, number=0), "IsDefault": True, "Tags": []}


def described(*acls, of_default=()):
    return Step("DescribeNetworkAcls", {"NetworkAcls": [default(*of_default), *acls]})


def run(params, *steps, **kwargs):
    return run_resource(NetworkAcl, {**PARAMS, **params}, *steps, **kwargs)


def moved(subnet, source, target):
    request = {"AssociationId": f"aclassoc-{source}-{subnet}", "NetworkAclId": f"acl-{target}"}
    return Step("ReplaceNetworkAclAssociation", {}, request)


def written(operation, item):
    return Step(operation, {}, {"NetworkAclId": "acl-1", **item})


def test_create_with_rules_before_subnets():
    def check(request):
        assert request.pop("ClientToken")
        tags = [{"Key": "A", "Value": "1"}, {"Key": "Name", "Value": "private"}]
        assert request == {"VpcId": "vpc-1", "TagSpecifications": [{"ResourceType": "network-acl", "Tags": tags}]}

    result, _aws, _module = run(
        {"tags": {"A": "1"}},
        Step(
            "DescribeNetworkAcls",
            {"NetworkAcls": [default("subnet-1")]},
            {"Filters": [{"Name": "vpc-id", "Values": ["vpc-1"]}]},
        ),
        Step("CreateNetworkAcl", {"NetworkAcl": {"NetworkAclId": "acl-1"}}, check),
        described(acl((), (), A="1"), of_default=["subnet-1"]),
        written("CreateNetworkAclEntry", IN),
        described(acl((IN,), (), A="1"), of_default=["subnet-1"]),
        written("CreateNetworkAclEntry", OUT),
        written("CreateNetworkAclEntry", OUT_WEB),
        described(acl(subnets=(), A="1"), of_default=["subnet-1"]),
        moved("subnet-1", 0, 1),
        described(acl(A="1")),
        described(acl(A="1")),
    )
    assert result["changed"] is True
    assert result["network_acl"]["network_acl_id"] == "acl-1"


def test_second_run_changes_nothing_whatever_the_order():
    result, _aws, module = run({"tags": {"A": "1"}, "egress": [WEB, INSIDE]}, described(acl(A="1")))
    assert result["changed"] is False
    assert module.warnings == []


def test_a_rule_that_changes_is_never_gone():
    result, _aws, _module = run(
        {"egress": [INSIDE, rule(20, "tcp", ANYWHERE, 80, 443)]},
        described(acl()),
        written("ReplaceNetworkAclEntry", entry(20, "6", ANYWHERE, (80, 443), egress=True)),
        described(acl((IN, OUT, entry(20, "6", ANYWHERE, (80, 443), egress=True)))),
        described(acl((IN, OUT, entry(20, "6", ANYWHERE, (80, 443), egress=True)))),
    )
    assert result["changed"] is True


@pytest.mark.parametrize(
    "stray",
    [
        entry(5, cidr=ANYWHERE, action="deny"),
        entry(200, "6", ANYWHERE, (22, 22)),
        {**entry(50, "1", ANYWHERE), "IcmpTypeCode": {"Type": -1, "Code": -1}},
        {"RuleNumber": 60, "Egress": False, "Protocol": "-1", "RuleAction": "allow", "Ipv6CidrBlock": "::/0"},
    ],
)
def test_a_stray_rule_of_any_kind_is_deleted(stray):
    result, _aws, _module = run(
        {},
        described(acl((*RIGHT, stray))),
        written("DeleteNetworkAclEntry", {"RuleNumber": stray["RuleNumber"], "Egress": False}),
        described(acl()),
        described(acl()),
    )
    assert result["changed"] is True


@pytest.mark.parametrize("present", [{**IN, "RuleAction": "deny"}, {**IN, "CidrBlock": ANYWHERE}])
def test_a_rule_that_says_something_else_is_replaced(present):
    result, _aws, _module = run(
        {},
        described(acl((present, OUT, OUT_WEB))),
        written("ReplaceNetworkAclEntry", IN),
        described(acl()),
        described(acl()),
    )
    assert result["changed"] is True


def test_a_subnet_of_another_acl_is_moved_and_a_stray_one_given_back():
    result, _aws, _module = run(
        {},
        described(acl(subnets=("subnet-9",)), acl(subnets=("subnet-1",), name="theirs", number=2)),
        moved("subnet-1", 2, 1),
        moved("subnet-9", 1, 0),
        described(acl()),
        described(acl()),
    )
    assert result["changed"] is True


def test_unset_is_left_alone():
    nothing = dict.fromkeys(("ingress", "egress", "subnet_ids"))
    result, _aws, _module = run(nothing, described(acl((), ())))
    assert result["changed"] is False


def test_check_mode_shows_what_would_change():
    result, _aws, _module = run({}, described(acl((), ()), of_default=["subnet-1"]), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["after"]["egress"] == [
        {"rule_number": 10, "protocol": "all", "cidr_block": VPC},
        {"rule_number": 20, "protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_block": ANYWHERE},
    ]


def test_lost_reply_of_a_rule_is_looked_up():
    result, _aws, _module = run(
        {},
        described(acl((IN, OUT))),
        Step("CreateNetworkAclEntry", lost_reply()),
        described(acl()),
    )
    assert result["changed"] is True


def test_a_rule_that_someone_else_has_just_made():
    result, _aws, _module = run(
        {},
        described(acl((IN, OUT))),
        Step("CreateNetworkAclEntry", api_error("CreateNetworkAclEntry", "NetworkAclEntryAlreadyExists")),
        described(acl()),
    )
    # It is there, and not by this run.
    assert result["changed"] is False


def test_delete_gives_the_subnets_back_first():
    result, _aws, _module = run(
        {"state": "absent"},
        described(acl()),
        moved("subnet-1", 1, 0),
        Step("DeleteNetworkAcl", {}, {"NetworkAclId": "acl-1"}),
        described(of_default=["subnet-1"]),
    )
    assert result["changed"] is True


def test_delete_of_what_is_gone():
    result, _aws, _module = run({"state": "absent"}, described())
    assert result["changed"] is False


def test_the_default_acl_is_never_meant():
    known = {"state": "absent", "network_acl_id": "acl-0"}
    result, _aws, _module = run(known, described())
    assert result["changed"] is False


def test_an_acl_of_the_same_name_without_our_tags_is_not_ours():
    result, _aws, _module = run({"state": "absent", "owned_by": {"Component": "network"}}, described(acl()))
    assert result["changed"] is False


def test_the_known_one_gets_its_name_back():
    result, _aws, _module = run(
        {"network_acl_id": "acl-1"},
        described(acl(name="other")),
        Step("CreateTags", {}, {"Resources": ["acl-1"], "Tags": [{"Key": "Name", "Value": "private"}]}),
        described(acl()),
    )
    assert result["changed"] is True


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (rule(0), "which is not from 1 to 32766"),
        (rule(32767), "which is not from 1 to 32766"),
        (rule(10, "tcp"), "protocol tcp needs from_port"),
        (rule(10, "all", VPC, 443), "protocol all takes no ports"),
    ],
)
def test_rules_that_make_no_sense(wrong, told):
    with pytest.raises(ResourceError, match=told):
        run({"ingress": [wrong]}, described(acl()))


def test_a_number_occurs_once():
    with pytest.raises(ResourceError, match="more than one rule with the number 10"):
        run({"ingress": [INSIDE, rule(10, "tcp", ANYWHERE, 443)]}, described(acl()))
