# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Web ACL: its rules in words, what the update call would set back, its lock, its capacity, its log."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils import calls
from ansible_collections.agent_platform.aws.plugins.modules.wafv2_web_acl import WebAcl
from tests.support.declarations import service_model
from tests.support.module_runs import OWNER, given, tag_list
from tests.support.scripted_aws import (
    ScriptedAws,
    ScriptedModule,
    Step,
    api_error,
    endless,
    lost_reply,
    refuse_resource,
    run_resource,
)

ID = "12345678-1234-1234-1234-123456789012"
LOCK = "aaaaaaaa-1234-1234-1234-123456789012"
ARN = f"arn:aws:wafv2:us-east-1:123456789012:global/webacl/demo-web/{ID}"
GROUP = "arn:aws:logs:us-east-1:123456789012:log-group:aws-waf-logs-demo"
NAMES = {"Name": "demo-web", "Scope": "CLOUDFRONT"}
TAGS = {**OWNER, "Name": "demo-web"}
RULES = [
    {
        "name": "common",
        "priority": 10,
        "statement": {
            "managed_rule_group_statement": {
                "vendor_name": "AWS",
                "name": "AWSManagedRulesCommonRuleSet",
                "rule_action_overrides": [{"name": "SizeRestrictions_BODY", "action_to_use": {"count": {}}}],
            }
        },
    },
    {
        "name": "rate",
        "priority": 20,
        "statement": {"rate_based_statement": {"limit": 1000, "aggregate_key_type": "IP"}},
        "action": {"block": {}},
    },
]


KINDS = service_model("wafv2").shape_for("ResourceType").enum


def visible(name):
    return {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": name}


COMMON = {
    "Name": "common",
    "Priority": 10,
    "Statement": {
        "ManagedRuleGroupStatement": {
            "VendorName": "AWS",
            "Name": "AWSManagedRulesCommonRuleSet",
            "RuleActionOverrides": [{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}],
        }
    },
    "OverrideAction": {"None": {}},
    "VisibilityConfig": visible("common"),
}
RATE = {
    "Name": "rate",
    "Priority": 20,
    "Statement": {"RateBasedStatement": {"Limit": 1000, "AggregateKeyType": "IP"}},
    "Action": {"Block": {}},
    "VisibilityConfig": visible("rate"),
}
SHIELD = {
    "Name": f"ShieldMitigationRuleGroup_123456789012_{ID}_{ID}",
    "Priority": 10000000,
    "Statement": {"RuleGroupReferenceStatement": {"ARN": "arn:aws:wafv2:us-east-1:153427709519:global/rulegroup/s/1"}},
    "OverrideAction": {"None": {}},
    "VisibilityConfig": visible("shield"),
}
OPTIONS = {
    "name": "demo-web",
    "scope": "CLOUDFRONT",
    "default_action": {"allow": {}},
    "rules": RULES,
    "tags": TAGS,
    "owned_by": OWNER,
}


def run(options, *steps, **kwargs):
    return run_resource(WebAcl, given("wafv2_web_acl", {**OPTIONS, **options}), *steps, **kwargs)


def refuse(options, *steps, **kwargs):
    return refuse_resource(WebAcl, given("wafv2_web_acl", {**OPTIONS, **options}), *steps, **kwargs)


def listed(*more, lock=LOCK):
    found = [{"Name": "demo-web", "Id": ID, "ARN": ARN, "LockToken": lock}]
    return Step("ListWebACLs", {"WebACLs": [*more, *found]}, {"Scope": "CLOUDFRONT"})


def none_listed():
    other = {"Name": "demo-web-2", "Id": "2", "ARN": f"{ARN}2", "LockToken": LOCK}
    return Step("ListWebACLs", {"WebACLs": [other]}, {"Scope": "CLOUDFRONT"})


def tags(**found):
    answer = {"TagInfoForResource": {"ResourceARN": ARN, "TagList": tag_list(**(found or TAGS))}}
    return Step("ListTagsForResource", answer, {"ResourceARN": ARN})


def got(lock=LOCK, **members):
    acl = {
        "Name": "demo-web",
        "Id": ID,
        "ARN": ARN,
        "DefaultAction": {"Allow": {}},
        # As AWS tells it: with what it adds.
        "Rules": [COMMON, with_window(RATE)],
        "VisibilityConfig": visible("demo-web"),
        "Capacity": 702,
        **members,
    }
    return Step("GetWebACL", {"WebACL": acl, "LockToken": lock}, {**NAMES, "Id": ID})


def with_window(rule):
    inner = {**rule["Statement"]["RateBasedStatement"], "EvaluationWindowSec": 300}
    return {**rule, "Statement": {"RateBasedStatement": inner}}


def look(lock=LOCK, log=None, **members):
    """One look at the web ACL; with log, also at its log, which may be none ({})."""
    steps = [listed(lock=lock), tags()]
    if log is not None:
        answer = {"LoggingConfiguration": {"ResourceArn": ARN, **log}}
        missing = api_error("GetLoggingConfiguration", "WAFNonexistentItemException")
        steps.append(Step("GetLoggingConfiguration", answer if log else missing, {"ResourceArn": ARN}))
    return [*steps, got(lock, **members)]


def capacity(units=702, rules=None):
    request = {"Scope": "CLOUDFRONT", "Rules": rules or [COMMON, RATE]}
    answer = units if isinstance(units, Exception) else {"Capacity": units}
    return Step("CheckCapacity", answer, request)


def made(answer=None):
    def check(request):
        assert {tag["Key"]: tag["Value"] for tag in request.pop("Tags")} == TAGS
        assert request == {
            **NAMES,
            "DefaultAction": {"Allow": {}},
            "Rules": [COMMON, RATE],
            "VisibilityConfig": visible("demo-web"),
        }

    return Step("CreateWebACL", answer or {"Summary": {"Name": "demo-web", "Id": ID, "ARN": ARN}}, check)


def updated(answer=None, lock=LOCK, **members):
    request = {
        **NAMES,
        "Id": ID,
        "LockToken": lock,
        "DefaultAction": {"Allow": {}},
        "Rules": [COMMON, RATE],
        "VisibilityConfig": visible("demo-web"),
        **members,
    }
    return Step("UpdateWebACL", answer or {}, {name: value for name, value in request.items() if value is not None})


# ---- Rules


def test_create_asks_for_the_capacity_first():
    result, _aws, module = run({}, none_listed(), capacity(), made(), *look())
    assert result["changed"] is True
    assert module.warnings == []
    assert result["web_acl"]["arn"] == ARN
    assert result["web_acl"]["capacity"] == 702
    assert result["diff"]["after"]["default_action"] == {"allow": {}}


def test_second_run_changes_nothing_though_aws_tells_more():
    result, _aws, _module = run({}, *look())
    assert result["changed"] is False


def test_all_pages_of_the_list_are_read():
    first = Step("ListWebACLs", {"WebACLs": [], "NextMarker": "n"}, {"Scope": "CLOUDFRONT"})
    last = Step(
        "ListWebACLs",
        {"WebACLs": [{"Name": "demo-web", "Id": ID, "ARN": ARN, "LockToken": LOCK}]},
        {"Scope": "CLOUDFRONT", "NextMarker": "n"},
    )
    result, _aws, _module = run({}, first, last, tags(), got())
    assert result["changed"] is False


def test_calls_for_cloudfront_go_to_us_east_1_and_others_to_the_region():
    _result, _aws, _module = run({}, *look())
    assert resource({}).region == "us-east-1"
    assert resource({"scope": "REGIONAL"}).region is None


def resource(options):
    return WebAcl(ScriptedModule(ScriptedAws(), given("wafv2_web_acl", {**OPTIONS, **options})))


@pytest.mark.parametrize(
    "rules",
    [
        [COMMON],
        [COMMON, RATE, {**RATE, "Name": "other", "Priority": 30}],
        [COMMON, {**RATE, "Action": {"Count": {}}}],
        [{**COMMON, "OverrideAction": {"Count": {}}}, RATE],
        [COMMON, {**RATE, "Statement": {"RateBasedStatement": {"Limit": 2000, "AggregateKeyType": "IP"}}}],
        [
            COMMON,
            {
                **RATE,
                "Statement": {
                    "RateBasedStatement": {
                        **RATE["Statement"]["RateBasedStatement"],
                        "ScopeDownStatement": {"GeoMatchStatement": {"CountryCodes": ["AQ"]}},
                    }
                },
            },
        ],
        [COMMON, {**RATE, "RuleLabels": [{"Name": "extra"}]}],
    ],
)
def test_rules_that_differ_in_anything_are_replaced(rules):
    result, _aws, _module = run({}, *look(Rules=rules), capacity(), updated(), *look(), *look())
    assert result["changed"] is True


def test_what_aws_tells_of_protected_data_besides_is_no_difference():
    field = {"field_type": "SINGLE_HEADER", "field_keys": ["authorization"]}
    told = {
        "Field": {"FieldType": "SINGLE_HEADER", "FieldKeys": ["authorization"]},
        "Action": "HASH",
        "ExcludeRuleMatchDetails": False,
        "ExcludeRateBasedDetails": False,
    }
    declared = {"data_protection_config": {"data_protections": [{"field": field, "action": "HASH"}]}}
    result, _aws, _module = run(declared, *look(DataProtectionConfig={"DataProtections": [told]}))
    assert result["changed"] is False


def test_the_order_in_which_rules_are_told_means_nothing():
    result, _aws, _module = run({}, *look(Rules=[RATE, COMMON]))
    assert result["changed"] is False


def test_what_shield_has_added_stays_and_is_no_difference():
    result, _aws, _module = run({}, *look(Rules=[COMMON, RATE, SHIELD]))
    assert result["changed"] is False
    run(
        {"description": "The web"},
        *look(Rules=[COMMON, RATE, SHIELD]),
        updated(Description="The web", Rules=[COMMON, RATE, SHIELD]),
        *look(Description="The web", Rules=[COMMON, RATE, SHIELD]),
        *look(Description="The web", Rules=[COMMON, RATE, SHIELD]),
    )


def test_what_the_update_would_set_back_goes_along():
    kept = {
        "Description": "The web",
        "CustomResponseBodies": {"Sorry-1": {"ContentType": "TEXT_PLAIN", "Content": "no"}},
        "TokenDomains": ["example.com"],
        "CaptchaConfig": {"ImmunityTimeProperty": {"ImmunityTime": 60}},
    }
    blocking = {"DefaultAction": {"Block": {}}, **kept}
    run({"default_action": {"block": {}}}, *look(**kept), updated(**blocking), *look(**blocking), *look(**blocking))


def test_what_is_declared_empty_is_left_out_of_the_update():
    there = {"Description": "The web", "TokenDomains": ["example.com"]}
    empty = {"description": "", "token_domains": [], "rules": []}
    run(empty, *look(**there), updated(Rules=[]), *look(Rules=[]), *look(Rules=[]))


def test_keys_of_bodies_are_the_users_own_and_words_are_not():
    bodies = {"Sorry-1": {"content_type": "TEXT_PLAIN", "content": "no"}}
    told = {"CustomResponseBodies": {"Sorry-1": {"ContentType": "TEXT_PLAIN", "Content": "no"}}}
    result, _aws, _module = run({"custom_response_bodies": bodies}, *look(**told))
    assert result["changed"] is False
    assert result["diff"]["after"]["custom_response_bodies"] == bodies


def test_words_of_unruly_names():
    statement = {
        "and_statement": {
            "statements": [
                {"ip_set_reference_statement": {"arn": "arn:aws:wafv2:us-east-1:123456789012:global/ipset/a/1"}},
                {
                    "byte_match_statement": {
                        "search_string": "/api/",
                        "field_to_match": {"single_header": {"name": "X-Path"}},
                        "text_transformations": [{"priority": 0, "type": "NONE"}],
                        "positional_constraint": "STARTS_WITH",
                    }
                },
            ]
        }
    }
    rule = {"name": "own", "priority": 1, "statement": statement, "action": {"block": {}}}
    inner = {
        "AndStatement": {
            "Statements": [
                {"IPSetReferenceStatement": {"ARN": "arn:aws:wafv2:us-east-1:123456789012:global/ipset/a/1"}},
                {
                    "ByteMatchStatement": {
                        "SearchString": b"/api/",
                        "FieldToMatch": {"SingleHeader": {"Name": "x-path"}},
                        "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
                        "PositionalConstraint": "STARTS_WITH",
                    }
                },
            ]
        }
    }
    there = {
        "Name": "own",
        "Priority": 1,
        "Statement": inner,
        "Action": {"Block": {}},
        "VisibilityConfig": visible("own"),
    }
    result, _aws, _module = run({"rules": [rule]}, *look(Rules=[there]))
    assert result["changed"] is False


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"rules": [{"name": "a", "priority": 1, "statement": {"geo_match": {}}}]},
            "The rules of web ACL 'demo-web' of 'CLOUDFRONT' has 'geo_match' in [0].statement, where AWS knows",
        ),
        ({"default_action": {"deny": {}}}, "has 'deny', where AWS knows allow and block"),
        ({"rules": [{**RULES[1], "action": {"block": {"code": 1}}}]}, "where AWS knows custom_response"),
    ],
)
def test_words_that_aws_lacks_are_told_before_any_call(options, said):
    assert said in refuse(options)


def test_two_rules_of_one_priority_or_name():
    twice = [RULES[0], {**RULES[1], "priority": 10}]
    assert "have the priority 10 more than once" in refuse({"rules": twice}, none_listed())
    twice = [RULES[0], {**RULES[1], "name": "common"}]
    assert "have the name common more than once" in refuse({"rules": twice}, none_listed())


# ---- Capacity


def test_too_much_capacity_is_refused_before_a_write():
    said = refuse({}, none_listed(), capacity(5001))
    assert "take 5001 capacity units (WCU), and a web ACL has 5000" in said
    said = refuse({}, *look(Rules=[COMMON]), capacity(5001), check_mode=True)
    assert "5001" in said


def test_more_than_the_price_includes_is_a_warning():
    _result, _aws, module = run({}, none_listed(), capacity(1501), check_mode=True)
    assert "take 1501 capacity units" in module.warnings[0]


def test_a_rule_group_that_does_not_exist_is_told_before_a_write():
    unknown = api_error("CheckCapacity", "WAFNonexistentItemException", "no such group")
    assert "Could not check the rules of web ACL 'demo-web'" in refuse({}, none_listed(), capacity(unknown))


def test_a_set_that_is_not_known_everywhere_yet_is_waited_for():
    young = api_error("CheckCapacity", "WAFUnavailableEntityException")
    again = api_error("CreateWebACL", "WAFUnavailableEntityException")
    run({}, none_listed(), capacity(young), made(again), none_listed(), capacity(), made(), *look())


def test_what_a_dry_run_does_not_know_yet_is_not_asked_for():
    rule = {**RULES[1], "statement": {"ip_set_reference_statement": {"arn": "(known after apply)"}}}
    result, _aws, _module = run({"rules": [rule]}, none_listed(), check_mode=True)
    assert result["changed"] is True


# ---- Races and lost replies


def test_a_change_by_someone_else_meanwhile_is_looked_at():
    other = "bbbbbbbb-1234-1234-1234-123456789012"
    stale = api_error("UpdateWebACL", "WAFOptimisticLockException")
    drifted = {"DefaultAction": {"Block": {}}}
    result, _aws, _module = run(
        {}, *look(**drifted), updated(stale), *look(lock=other, **drifted), updated(lock=other), *look(), *look()
    )
    assert result["changed"] is True


def test_lost_reply_of_create_makes_no_second():
    result, aws, _module = run({}, none_listed(), capacity(), made(lost_reply()), *look())
    assert result["changed"] is True
    assert aws.operations().count("CreateWebACL") == 1


def test_another_run_has_made_it_meanwhile():
    duplicate = api_error("CreateWebACL", "WAFDuplicateItemException")
    result, _aws, _module = run({}, none_listed(), capacity(), made(duplicate), *look(), *look())
    assert result["changed"] is False


def test_of_someone_else():
    foreign = [listed(), tags(Project="other"), got()]
    assert "isn't ours" in refuse({}, *foreign)


# ---- The log


LOG = {"LogDestinationConfigs": [GROUP], "LogType": "WAF_LOGS", "LogScope": "CUSTOMER"}
REDACTED = [{"SingleHeader": {"Name": "authorization"}}, {"QueryString": {}}]
LOGGING = {
    "log_destination_arn": GROUP,
    "redacted_fields": [{"single_header": {"name": "Authorization"}}, {"query_string": {}}],
}


def put(answer=None, **members):
    request = {"LogDestinationConfigs": [GROUP], **members, "ResourceArn": ARN}
    return Step("PutLoggingConfiguration", answer or {}, {"LoggingConfiguration": request})


def test_the_log_is_begun():
    declared = [{"SingleHeader": {"Name": "Authorization"}}, {"QueryString": {}}]
    after = look(log={**LOG, "RedactedFields": REDACTED})
    result, _aws, _module = run(LOGGING, *look(log={}), put(RedactedFields=declared), *after, *after)
    assert result["web_acl"]["logging_configuration"]["log_destination_configs"] == [GROUP]
    for fields in (REDACTED, REDACTED[::-1]):
        result, _aws, _module = run(LOGGING, *look(log={**LOG, "RedactedFields": fields}))
        assert result["changed"] is False


def test_a_log_elsewhere_is_taken_back_and_its_filter_kept():
    log_filter = {
        "DefaultBehavior": "DROP",
        "Filters": [
            {
                "Behavior": "KEEP",
                "Requirement": "MEETS_ANY",
                "Conditions": [{"ActionCondition": {"Action": "BLOCK"}}],
            }
        ],
    }
    elsewhere = {**LOG, "LogDestinationConfigs": ["arn:aws:s3:::aws-waf-logs-other"], "LoggingFilter": log_filter}
    back = look(log={**LOG, "LoggingFilter": log_filter})
    run({"log_destination_arn": GROUP}, *look(log=elsewhere), put(LoggingFilter=log_filter), *back, *back)
    plain = look(log=LOG)
    run({"log_destination_arn": GROUP, "logging_filter": {}}, *back, put(), *plain, *plain)
    log_words = {
        "default_behavior": "DROP",
        "filters": [
            {
                "behavior": "KEEP",
                "requirement": "MEETS_ANY",
                "conditions": [{"action_condition": {"action": "BLOCK"}}],
            }
        ],
    }
    result, _aws, _module = run({"log_destination_arn": GROUP, "logging_filter": log_words}, *back)
    assert result["changed"] is False


def test_a_group_that_is_named_with_its_streams_is_the_same():
    result, _aws, _module = run({"log_destination_arn": f"{GROUP}:*"}, *look(log=LOG))
    assert result["changed"] is False


def test_the_log_is_ended():
    ended = Step("DeleteLoggingConfiguration", {}, {"ResourceArn": ARN})
    run({"log_destination_arn": ""}, *look(log=LOG), ended, *look(log={}), *look(log={}))


def test_a_group_whose_policy_is_not_known_yet_is_waited_for():
    denied = api_error("PutLoggingConfiguration", "WAFLogDestinationPermissionIssueException")
    after = look(log=LOG)
    run({"log_destination_arn": GROUP}, *look(log={}), put(denied), *look(log={}), put(), *after, *after)


def test_a_missing_permission_is_told_in_the_end():
    denied = api_error("PutLoggingConfiguration", "WAFLogDestinationPermissionIssueException")
    said = refuse({"log_destination_arn": GROUP}, *endless(*look(log={}), put(denied)))
    assert "lets delivery.logs.amazonaws.com write" in said
    assert "Given up after" in said


# ---- Removal


ABSENT = {"state": "absent"}


def deleted(answer=None, lock=LOCK):
    return Step("DeleteWebACL", answer or {}, {**NAMES, "Id": ID, "LockToken": lock})


def test_delete():
    result, _aws, _module = run(ABSENT, listed(), tags(), deleted(), none_listed())
    assert result["changed"] is True
    result, _aws, _module = run(ABSENT, none_listed())
    assert result["changed"] is False


def test_a_distribution_that_lets_go_of_it_is_waited_for():
    used = api_error("DeleteWebACL", "WAFAssociatedItemException")
    result, _aws, _module = run(ABSENT, listed(), tags(), deleted(used), listed(), tags(), deleted(), none_listed())
    assert result["changed"] is True


def test_a_distribution_that_does_not_is_named(monkeypatch):
    monkeypatch.setattr(calls, "PASSING_FOR", 0)
    used = api_error("DeleteWebACL", "WAFAssociatedItemException", "in use")
    distributions = {
        "DistributionList": {
            "Marker": "",
            "MaxItems": 100,
            "IsTruncated": False,
            "Quantity": 1,
            "Items": [{"Id": "E2EXAMPLE1"}],
        }
    }
    held = Step("ListDistributionsByWebACLId", distributions, {"WebACLId": ARN})
    said = refuse(ABSENT, listed(), tags(), deleted(used), held)
    assert "In the way: distribution E2EXAMPLE1" in said
    assert "Let what it protects have another web ACL or none" in said


def test_what_a_regional_one_protects_is_named(monkeypatch):
    monkeypatch.setattr(calls, "PASSING_FOR", 0)
    used = api_error("DeleteWebACL", "WAFAssociatedItemException", "in use")
    names = {"Name": "demo-web", "Scope": "REGIONAL"}
    balancer = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/demo/1"

    def held(request):
        assert request["WebACLArn"] == ARN

    found = [
        Step("ListResourcesForWebACL", {"ResourceArns": [balancer]}, {"WebACLArn": ARN, "ResourceType": kind})
        if kind == "APPLICATION_LOAD_BALANCER"
        else Step("ListResourcesForWebACL", {"ResourceArns": []}, held)
        for kind in KINDS
    ]
    list_ = Step("ListWebACLs", listed().answer, {"Scope": "REGIONAL"})
    delete = Step("DeleteWebACL", used, {**names, "Id": ID, "LockToken": LOCK})
    said = refuse({**ABSENT, "scope": "REGIONAL"}, list_, tags(), delete, *found)
    assert f"In the way: {balancer}." in said
