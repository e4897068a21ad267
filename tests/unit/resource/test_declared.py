# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the base does of itself where a module declares it: names of calls, clearing, elements, further reads, refusals,
hints. On parts of real resources, so that AWS's model judges the requests."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.declarations import (
    Addition,
    Change,
    Create,
    Delete,
    Describe,
    Setting,
    Tagging,
    Update,
    named_by,
    texts,
)
from ansible_collections.agent_platform.aws.plugins.module_utils.finding import LOST_AFTER, VISIBLE_AFTER
from ansible_collections.agent_platform.aws.plugins.module_utils.policies import policy, same_policy
from ansible_collections.agent_platform.aws.plugins.module_utils.resource import Resource
from ansible_collections.agent_platform.aws.plugins.module_utils.values import (
    PLACEHOLDER,
    get_path,
    listed,
    placeholder,
    same_key,
    without_unset,
)
from tests.support.scripted_aws import (
    ScriptedAws,
    ScriptedModule,
    Step,
    api_error,
    endless,
    refuse_resource,
    run_resource,
)

GONE = ("ResourceNotFoundException",)
ARN = "arn:aws:logs:us-west-2:123456789012:log-group:demo"


class LogGroup(Resource):
    service = "logs"
    kind = "log group"
    result = "log_group"
    names: ClassVar = {"logGroupName": "name"}
    identifier = "arn"
    describe = Describe("DescribeLogGroups", "logGroups", many=True, names={"logGroupNamePrefix": "name"})
    create = Create("CreateLogGroup")
    delete = Delete("DeleteLogGroup", missing=GONE)
    settings = (Setting("days", None, read="retentionInDays", update="days", update_members=("retentionInDays",)),)
    updates: ClassVar = {"days": Update("PutRetentionPolicy", clear="DeleteRetentionPolicy")}
    tagging = Tagging("TagResource", "UntagResource", by={"resourceArn": "arn"})
    additions = (
        Addition("ListTagsForResource", "tags", "tags", by={"resourceArn": "arn"}, missing=GONE, empty={}),
        Addition(
            "DescribeSubscriptionFilters", "subscriptionFilters.filterName", "filters", take=sorted, option="days"
        ),
    )


def groups(*names, **members):
    return Step(
        "DescribeLogGroups",
        {"logGroups": [{"logGroupName": name, "arn": f"{ARN}-{name}", **members} for name in names]},
        {"logGroupNamePrefix": "demo"},
    )


def group_tags(answer=None):
    return Step("ListTagsForResource", answer or {"tags": {}}, {"resourceArn": f"{ARN}-demo"})


def filters(*names):
    answer = {"subscriptionFilters": [{"filterName": name} for name in names]}
    return Step("DescribeSubscriptionFilters", answer, {"logGroupName": "demo"})


def run_group(params, *steps, **kwargs):
    return run_resource(LogGroup, {"name": "demo", "days": None, **params}, *steps, **kwargs)


# ---- The order of updates


class Backwards(LogGroup):
    settings = (*LogGroup.settings, Setting("key", "kmsKeyId", update="key", absent=""))
    updates: ClassVar = {**LogGroup.updates, "key": Update("AssociateKmsKey")}

    def update_order(self, current, changes):
        assert set(changes) == {"days", "key"}
        assert current["logGroupName"] == "demo"
        return reversed(list(self.updates))


def test_updates_come_in_the_order_that_the_resource_says():
    def seen(**members):
        return [groups("demo", **members), group_tags(), filters()]

    run_resource(
        Backwards,
        {"name": "demo", "days": 7, "key": "k"},
        *seen(),
        Step("AssociateKmsKey", {}),
        *seen(kmsKeyId="k"),
        Step("PutRetentionPolicy", {}),
        *seen(kmsKeyId="k", retentionInDays=7),
        *seen(kmsKeyId="k", retentionInDays=7),
    )


# ---- Finding


def test_of_what_a_prefix_finds_the_one_of_that_name_is_meant():
    result, _aws, module = run_group({}, groups("demo-2", "demo"), group_tags())
    assert result["log_group"]["arn"] == f"{ARN}-demo"
    assert module.warnings == []


def test_a_further_read_is_put_where_it_is_declared():
    result, _aws, _module = run_group({}, groups("demo"), group_tags({"tags": {"A": "1"}}))
    assert result["log_group"]["tags"] == {"A": "1"}


def test_where_aws_has_nothing_to_add_the_empty_value_stands():
    none = api_error("ListTagsForResource", "ResourceNotFoundException")
    result, _aws, _module = run_group({}, groups("demo"), group_tags(none))
    assert result["log_group"]["tags"] == {}


def test_what_lies_in_lists_is_taken_together_and_only_where_its_option_is_declared():
    steps = groups("demo", retentionInDays=7), group_tags(), filters("b", "a")
    result, _aws, _module = run_group({"days": 7}, *steps)
    assert result["log_group"]["filters"] == ["a", "b"]


def test_for_an_absent_resource_no_option_is_read():
    result, _aws, _module = run_group({"days": 7, "state": "absent"}, groups("demo"), group_tags(), check_mode=True)
    assert result["changed"] is True


def test_a_read_that_finds_nothing_leaves_no_trace():
    result, _aws, _module = run_group({"days": 7}, groups("demo", retentionInDays=7), group_tags(), filters())
    assert "filters" not in result["log_group"]


def test_a_description_is_made_normal_before_anything_is_read_of_it():
    class Normal(LogGroup):
        def normal(self, description):
            return {**description, "logGroupName": description["logGroupName"].lower()}

    result, _aws, _module = run_resource(
        Normal, {"name": "demo", "days": None}, groups("DEMO"), Step("ListTagsForResource", {"tags": {}})
    )
    assert result["log_group"]["log_group_name"] == "demo"


# ---- Clearing


@pytest.mark.parametrize(
    ("days", "operation", "members"),
    [(30, "PutRetentionPolicy", {"retentionInDays": 30}), (0, "DeleteRetentionPolicy", {})],
)
def test_what_is_declared_empty_is_cleared_by_a_call_of_its_own(days, operation, members):
    before, after = (groups("demo", retentionInDays=number) for number in (7, days))
    result, _aws, _module = run_group(
        {"days": days},
        *(before, group_tags(), filters()),
        Step(operation, {}, {"logGroupName": "demo", **members}),
        *(after, group_tags(), filters()),
        *(after, group_tags(), filters()),
    )
    assert result["changed"] is True


def test_where_reads_flap_a_change_must_be_shown_several_times_in_a_row(clock):
    class Flapping(LogGroup):
        steady = 2

    old, new = (groups("demo", retentionInDays=days) for days in (1, 7))
    looks = [old, new, old, new, new, new]
    result, _aws, _module = run_resource(
        Flapping,
        {"name": "demo", "days": 7},
        *(old, group_tags(), filters()),
        Step("PutRetentionPolicy", {}),
        *(step for look in looks for step in (look, group_tags(), filters())),
    )
    assert result["log_group"]["retention_in_days"] == 7


# ---- Names that the description gives


class Group(Resource):
    service = "ec2"
    kind = "security group"
    result = "group"
    names: ClassVar = {"VpcId": "vpc_id", "GroupName": "name"}
    identifier = "GroupId"
    capital_members = True
    needed = ("description", "name")
    describe = Describe("DescribeSecurityGroups", "SecurityGroups", many=True, names={})
    create = Create("CreateSecurityGroup", names=("GroupName",), tags=None)
    delete = Delete("DeleteSecurityGroup", by="GroupId")
    settings = (Setting("description", "Description"),)
    renewal = "Give a new one another name."


GROUP = {"vpc_id": "vpc-1", "name": "web", "description": "Web"}
DESCRIBED = {"VpcId": "vpc-1", "GroupName": "web", "GroupId": "sg-1", "Description": "Web"}


def security_groups(*found):
    return Step("DescribeSecurityGroups", {"SecurityGroups": list(found)}, {})


def test_the_delete_call_names_it_by_what_the_description_says():
    result, _aws, _module = run_resource(
        Group,
        {**GROUP, "state": "absent"},
        security_groups(DESCRIBED, {**DESCRIBED, "GroupId": "sg-2", "VpcId": "vpc-2"}),
        Step("DeleteSecurityGroup", {}, {"GroupId": "sg-1"}),
        security_groups(),
    )
    assert result["changed"] is True


def test_the_create_call_takes_only_the_names_that_it_knows():
    run_resource(
        Group,
        GROUP,
        security_groups(),
        Step("CreateSecurityGroup", {}, {"GroupName": "web", "Description": "Web"}),
        security_groups(DESCRIBED),
    )


@pytest.mark.parametrize(
    ("by", "members"),
    [
        ("GroupId", {"GroupId": "sg-1"}),
        (("GroupId", "VpcId"), {"GroupId": "sg-1", "VpcId": "vpc-1"}),
        ({"Group": "GroupId"}, {"Group": "sg-1"}),
        ({"GroupIds": ["GroupId"]}, {"GroupIds": ["sg-1"]}),
    ],
)
def test_how_a_call_names_the_resource(by, members):
    assert named_by(by, DESCRIBED) == members


# ---- Refusals


def test_what_is_needed_to_create_it_is_asked_for():
    told = refuse_resource(Group, {**GROUP, "description": None, "name": ""}, security_groups())
    assert "doesn't exist; to create it description and name must be given" in told


def test_what_exists_needs_nothing():
    result, _aws, _module = run_resource(Group, {**GROUP, "description": None}, security_groups(DESCRIBED))
    assert result["changed"] is False


def test_a_setting_that_cannot_be_changed_says_what_else_helps():
    told = refuse_resource(Group, {**GROUP, "description": "Store"}, security_groups(DESCRIBED))
    assert "description: is 'Web', declared 'Store'" in told
    assert told.endswith("run again. Give a new one another name.")


@pytest.mark.parametrize("check_mode", [True, False])
def test_what_is_not_known_yet_is_no_change_of_what_cannot_be_changed(check_mode):
    run_resource(
        Group,
        {**GROUP, "description": PLACEHOLDER},
        security_groups(DESCRIBED),
        *([] if check_mode else [security_groups(DESCRIBED)]),
        check_mode=check_mode,
    )


def test_a_removal_that_is_refused_writes_nothing():
    class Kept(Group):
        def refuse_removal(self, current):
            raise RuntimeError(current["GroupId"])

    aws = ScriptedAws(security_groups(DESCRIBED))
    with pytest.raises(RuntimeError, match="sg-1"):
        Kept(ScriptedModule(aws, {**GROUP, "state": "absent"}, check_mode=True)).run()


# ---- Requests of what is there and what is declared


class Pool(Resource):
    """A user pool, in a few of its settings: UpdateUserPool sets back what it isn't given."""

    service = "cognito-idp"
    kind = "user pool"
    result = "pool"
    names: ClassVar = {"PoolName": "name"}
    identifier = "Id"
    capital_members = True
    protection = "protected"
    describe = Describe("ListUserPools", "UserPools", many=True)
    additions = (Addition("DescribeUserPool", "UserPool", by={"UserPoolId": "Id"}),)
    create = Create("CreateUserPool", tags=None)
    delete = Delete("DeleteUserPool", by={"UserPoolId": "Id"})
    settings = (
        Setting("mfa", "MfaConfiguration", update="pool"),
        Setting("message", "EmailVerificationMessage", update="pool", absent=""),
        Setting("password_policy", "Policies.PasswordPolicy", update="pool", partial=True),
        Setting(
            "protected",
            "DeletionProtection",
            update="pool",
            absent=False,
            encode=lambda wanted: "ACTIVE" if wanted else "INACTIVE",
            decode=lambda state: state == "ACTIVE",
        ),
    )
    updates: ClassVar = {
        "pool": Update(
            "UpdateUserPool", by={"UserPoolId": "Id"}, kept=("EmailVerificationMessage", "MfaConfiguration")
        ),
    }

    def describe_request(self):
        return {"MaxResults": 60}


class GoingPool(Pool):
    """One that may go between the list and the look at it."""

    additions = (
        Addition("DescribeUserPool", "UserPool", by={"UserPoolId": "Id"}, missing=GONE, itself=True),
        Addition("GetUserPoolMfaConfig", "", "Mfa", by={"UserPoolId": "Id"}, missing=GONE),
    )


POOL = {"name": "demo", "mfa": None, "message": None, "password_policy": None, "protected": None}
NO_POOL = Step("ListUserPools", {"UserPools": []})


def pool(**members):
    """Both reads of the pool, without members that are None."""
    shown = {"Id": "p_1", "EmailVerificationMessage": "{####}", "MfaConfiguration": "OFF", **members}
    return [
        Step("ListUserPools", {"UserPools": [{"Id": "p_1", "Name": "demo"}]}),
        Step("DescribeUserPool", {"UserPool": without_unset(shown)}, {"UserPoolId": "p_1"}),
    ]


def test_what_goes_between_the_list_and_the_look_at_it_is_absent():
    gone = Step("DescribeUserPool", api_error("DescribeUserPool", "ResourceNotFoundException"), {"UserPoolId": "p_1"})
    result = run_resource(GoingPool, {**POOL, "state": "absent"}, pool()[0], gone)[0]
    assert (result["changed"], result["pool"]) == (False, {})


@pytest.mark.parametrize(
    ("declared", "sent", "after"),
    [
        (
            {"mfa": "ON"},
            {"MfaConfiguration": "ON", "EmailVerificationMessage": "{####}"},
            {"MfaConfiguration": "ON"},
        ),
        ({"message": ""}, {"MfaConfiguration": "OFF"}, {"EmailVerificationMessage": None}),
    ],
)
def test_what_a_call_would_set_back_goes_along(declared, sent, after):
    update = Step("UpdateUserPool", {}, {"UserPoolId": "p_1", **sent})
    result, _aws, _module = run_resource(Pool, {**POOL, **declared}, *pool(), update, *pool(**after), *pool(**after))
    assert result["changed"] is True


def test_a_part_of_a_setting_is_sent_with_the_rest_of_it():
    def both(request):
        assert request["Policies"] == {"PasswordPolicy": {"MinimumLength": 12, "RequireNumbers": True}}

    def rules(length):
        return pool(Policies={"PasswordPolicy": {"MinimumLength": length, "RequireNumbers": True}})

    declared = {**POOL, "password_policy": {"minimum_length": 12, "require_numbers": None}}
    run_resource(Pool, declared, *rules(8), Step("UpdateUserPool", {}, both), *rules(12), *rules(12))


def test_what_is_declared_as_none_is_left_out_of_the_create_call():
    create = Step("CreateUserPool", {}, {"PoolName": "demo", "DeletionProtection": "INACTIVE"})
    empty = pool(EmailVerificationMessage=None)
    run_resource(Pool, {**POOL, "message": "", "protected": False}, NO_POOL, create, *empty)


@pytest.mark.parametrize("declared", [None, True])
@pytest.mark.parametrize("check_mode", [True, False])
def test_what_is_protected_stays(declared, check_mode):
    params = {**POOL, "protected": declared, "state": "absent"}
    told = refuse_resource(Pool, params, *pool(DeletionProtection="ACTIVE"), check_mode=check_mode)
    assert "is protected against deletion" in told
    assert "give protected: false together with state: absent" in told


def test_protection_goes_first_where_both_are_asked_for():
    def unprotected(request):
        assert request["DeletionProtection"] == "INACTIVE"

    result, _aws, _module = run_resource(
        Pool,
        {**POOL, "protected": False, "state": "absent"},
        *pool(DeletionProtection="ACTIVE"),
        Step("UpdateUserPool", {}, unprotected),
        Step("DeleteUserPool", {}, {"UserPoolId": "p_1"}),
        NO_POOL,
    )
    assert result["changed"] is True


# ---- Lists, element by element


class Role(Resource):
    service = "iam"
    kind = "IAM role"
    result = "role"
    names: ClassVar = {"RoleName": "name"}
    capital_members = True
    describe = Describe("GetRole", "Role", missing=("NoSuchEntity",))
    create = Create("CreateRole", tags=None)
    delete = Delete("DeleteRole")
    settings = (
        policy("trust", "AssumeRolePolicyDocument", update="trust", update_members=("PolicyDocument",)),
        Setting("policies", None, read="Policies", update="policies", update_members=("PolicyArn",), unordered=True),
    )
    updates: ClassVar = {
        "trust": Update("UpdateAssumeRolePolicy"),
        "policies": Update("AttachRolePolicy", remove="DetachRolePolicy", missing=("NoSuchEntity",)),
    }
    additions = (Addition("ListAttachedRolePolicies", "AttachedPolicies.PolicyArn", "Policies", empty=[]),)


def arn(letter):
    return f"arn:aws:iam::123456789012:policy/{letter}"


def role(*policies, document=None):
    attached = [{"PolicyArn": arn(letter)} for letter in policies]
    described = {"RoleName": "demo", "AssumeRolePolicyDocument": document or "{}"}
    return [Step("GetRole", {"Role": described}), Step("ListAttachedRolePolicies", {"AttachedPolicies": attached})]


def run_role(params, *steps, **kwargs):
    return run_resource(Role, {"name": "demo", "trust": None, "policies": None, **params}, *steps, **kwargs)


def test_elements_are_given_before_others_are_taken():
    def one(letter):
        return {"RoleName": "demo", "PolicyArn": arn(letter)}

    gone = api_error("DetachRolePolicy", "NoSuchEntity")
    result, aws, _module = run_role(
        {"policies": [arn("c"), arn("b")]},
        *role("a", "b", "d"),
        Step("AttachRolePolicy", {}, one("c")),
        Step("DetachRolePolicy", {}, one("a")),
        Step("DetachRolePolicy", gone, one("d")),
        *role("b", "c"),
        *role("b", "c"),
    )
    assert result["changed"] is True
    assert aws.operations().count("AttachRolePolicy") == 1


def test_without_purging_what_is_not_declared_stays():
    result, _aws, _module = run_role({"policies": [arn("a")], "purge_policies": False}, *role("a", "b"))
    assert result["changed"] is False


ACCESS = Setting("policies", None, key="arn", unordered=True)


def test_elements_with_a_key_are_told_apart_by_it():
    change = Change(ACCESS, [{"arn": "a", "scope": 1}, {"arn": "b"}], [{"arn": "a", "scope": 2}, {"arn": "c"}])
    assert change.added == [{"arn": "a", "scope": 2}, {"arn": "c"}]
    assert change.removed == [{"arn": "b"}]


def test_an_element_that_is_declared_twice_is_refused():
    class Twice(Group):
        settings = (ACCESS,)

    told = refuse_resource(Twice, {**GROUP, "policies": [{"arn": "a"}, {"arn": "a"}]}, security_groups(DESCRIBED))
    assert "The policies of security group 'web' of 'vpc-1' have the arn a more than once" in told


# ---- Policies, and options as they are given


TRUST = '{"Statement": [{"Effect": "Allow", "Action": ["a:B"], "Resource": "*"}]}'
SAME_TRUST = {"Statement": {"Resource": "*", "Action": "a:B", "Effect": "Allow"}}


def test_a_policy_is_compared_by_what_it_means():
    result, _aws, _module = run_role({"trust": TRUST}, *role(document=TRUST.replace('["a:B"]', '"a:B"')))
    assert result["changed"] is False


@pytest.mark.parametrize(
    ("current", "desired", "same"),
    [(SAME_TRUST, SAME_TRUST, True), (None, SAME_TRUST, False), (None, {}, True), (SAME_TRUST, {}, False)],
)
def test_no_policy_is_as_good_as_an_empty_one(current, desired, same):
    assert same_policy(current, desired) is same


def test_an_option_that_cannot_be_understood_is_named():
    told = refuse_resource(Role, {"name": "demo", "policies": None, "trust": "{"})
    assert told.startswith("The trust of IAM role 'demo' isn't JSON: ")


def test_options_of_the_module_stay_as_they_were_given():
    module = ScriptedModule(ScriptedAws(), {"name": "demo", "policies": None, "trust": TRUST})
    assert Role(module).options["trust"]["Statement"]
    assert module.params["trust"] == TRUST


# ---- Updates by a method of their own


def test_an_update_may_have_a_method_of_its_own():
    class Special(Role):
        def before_update(self, name, current):
            self.module.warn(f"before {name}")

        def update_policies(self, changes, current):
            self.module.warn(f"{list(changes)} of {current['RoleName']}")

    _result, _aws, module = run_resource(
        Special, {"name": "demo", "trust": None, "policies": [arn("a")]}, *role(), *role(), *role()
    )
    assert module.warnings == ["before policies", "['policies'] of demo"]


# ---- What failures mean


class Hinting(Group):
    passing: ClassVar = {"Busy": ("later",)}
    hints: ClassVar = {"Denied": {"key": "Ask the owner of the key."}}


class MoreHinting(Hinting):
    passing: ClassVar = {"Busy": ("soon",), "New": ("",)}
    hints: ClassVar = {"Denied": {"lock": "Wait.", "": "Ask."}, "Full": {"": "Empty it."}}


def test_what_a_class_says_of_codes_comes_on_top_of_what_its_base_says():
    assert MoreHinting.passing == {"Busy": ("later", "soon"), "New": ("",)}
    assert Hinting.passing == {"Busy": ("later",)}
    assert type("Plain", (MoreHinting,), {}).passing == MoreHinting.passing


@pytest.mark.parametrize(
    ("code", "text", "helps"),
    [
        ("Denied", "a lock", "Wait."),
        ("Denied", "anything", "Ask."),
        ("Full", "anything", "Empty it."),
        ("UnauthorizedOperation", "anything", "Allow ec2:CreateSecurityGroup for the identity of this run, and"),
    ],
)
def test_a_hint_stands_in_place_of_what_helps_in_general(code, text, helps):
    refused = Step("CreateSecurityGroup", api_error("CreateSecurityGroup", code, text))
    assert f"{text}. {helps}" in refuse_resource(MoreHinting, GROUP, security_groups(), refused)


@pytest.mark.parametrize("status", [None, 503])
def test_a_refusal_inside_of_a_success_is_one(clock, status):
    class Partly(Group):
        def refused(self, operation, request, response):
            told = {"Code": "No", "Message": f"not {request['GroupId']}"}
            return [{**told, "ResponseMetadata": {"HTTPStatusCode": status}} if status else told]

    tries = [security_groups(DESCRIBED), Step("DeleteSecurityGroup", {})]
    told = refuse_resource(Partly, {**GROUP, "state": "absent"}, *(endless(*tries) if status else tries))
    assert "(DeleteSecurityGroup): No: not sg-1" in told
    assert ("Given up" in told) is bool(status)


def test_a_read_of_another_service_names_that_one():
    class Other(Group):
        def prepare(self):
            self.read("GetParameter", {"Name": "/image"}, doing="look up the image", service="ssm")

    denied = Step("GetParameter", api_error("GetParameter", "AccessDeniedException", "no"), {"Name": "/image"})
    assert "Could not look up the image (GetParameter)" in refuse_resource(Other, GROUP, denied)
    assert "Allow ssm:GetParameter" in refuse_resource(Other, GROUP, denied)


# ---- Time and words


def test_looks_end_with_the_time(clock):
    times = [clock[0] for _look in Group.looks(lambda: None, 10, pause=1, longest=4, growth=2)]
    assert times == [0, 1, 3, 7]


def test_what_was_made_may_stay_unseen_for_a_minute(clock):
    resource = Group(ScriptedModule(ScriptedAws(*endless(security_groups())), GROUP))
    assert resource.find_after_write() is None
    assert VISIBLE_AFTER - 5 <= clock[0] <= VISIBLE_AFTER == 60
    assert resource.find_after_write(LOST_AFTER) is None
    assert clock[0] <= VISIBLE_AFTER + LOST_AFTER


@pytest.mark.parametrize(("names", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_names_as_a_text(names, text):
    assert listed(names) == text


KEY = "arn:aws:kms:us-west-2:123456789012:key/1234"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (KEY, KEY, True),
        (KEY, "1234", True),
        ("1234", KEY, True),
        (KEY, KEY.replace("west", "east"), False),
        (KEY, "12345", False),
        (KEY, "alias/1234", False),
        ("arn:aws:kms:us-west-2:123456789012:alias/demo", "alias/demo", True),
    ],
)
def test_the_same_key(one, other, same):
    assert same_key(one, other) is same


def test_secrets_are_not_told():
    setting = Setting("word", "Word", secret=True)
    assert texts({"word": Change(setting, "old", "new")}) == "word: is (not shown), declared (not shown)"
    assert texts({"word": Change(dataclasses.replace(setting, secret=False), 1, 2)}) == "word: is 1, declared 2"


def test_placeholders_and_paths():
    assert placeholder(PLACEHOLDER)
    assert placeholder(["a", PLACEHOLDER])
    assert not placeholder(["a"])
    assert get_path({"a": {"b": 0}}, "a.b", 1) == 0
    assert get_path({"a": None}, "a.b", 1) == 1
    assert get_path({"a": 1}, "") == {"a": 1}
