# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AWS WAF: what ministack 1.5.33 doesn't know, or answers otherwise than AWS.

| operation | missing |
|---|---|
| all with the scope CLOUDFRONT | refused outside of us-east-1 |
| CreateWebACL, UpdateWebACL | most members; what rules say wrongly is refused; capacity |
| UpdateWebACL | sets back what isn't given |
| GetWebACL | what AWS adds to rules, and no empty description |
| ListWebACLs | pages |
| DeleteWebACL | refused as long as a distribution or another resource has it; takes the logging configuration along |
| CheckCapacity | counts, and refuses rule groups and sets that don't exist |
| PutLoggingConfiguration, GetLoggingConfiguration, DeleteLoggingConfiguration | unknown |
"""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

from ministack.core.responses import AccountScopedDict, get_region, json_response
from ministack.services import cloudfront, cloudwatch_logs, waf

from ..wire import AWSError, Response, service_model
from .log_deliveries import let_write
from .patching import answering, on_reset

Answer = dict[str, Any]

MEMBERS = set(service_model("wafv2").shape_for("UpdateWebACLRequest").members) - {"Name", "Scope", "Id", "LockToken"}
# Capacity units of AWS's rule groups, as its documentation tells them, and of the statements that are used here.
GROUPS = {
    "AWSManagedRulesAdminProtectionRuleSet": 100,
    "AWSManagedRulesAmazonIpReputationList": 25,
    "AWSManagedRulesAnonymousIpList": 50,
    "AWSManagedRulesBotControlRuleSet": 50,
    "AWSManagedRulesCommonRuleSet": 700,
    "AWSManagedRulesKnownBadInputsRuleSet": 200,
    "AWSManagedRulesLinuxRuleSet": 200,
    "AWSManagedRulesPHPRuleSet": 100,
    "AWSManagedRulesSQLiRuleSet": 200,
    "AWSManagedRulesUnixRuleSet": 100,
    "AWSManagedRulesWindowsRuleSet": 200,
    "AWSManagedRulesWordPressRuleSet": 100,
}
STATEMENTS = {
    "ByteMatchStatement": 10,
    "RateBasedStatement": 2,
    "RegexMatchStatement": 3,
    "RegexPatternSetReferenceStatement": 25,
    "SqliMatchStatement": 20,
    "XssMatchStatement": 40,
}
NESTED = ("AndStatement", "OrStatement", "NotStatement")
MOST = 5000
WINDOWS = (60, 120, 300, 600)
BEGINS = "aws-waf-logs-"
ABSENT = "AWS WAF couldn’t perform the operation because your resource doesn’t exist."  # noqa: RUF001 - AWS's words

_logging = AccountScopedDict()  # ARN of the web ACL -> its logging configuration


def install() -> None:
    waf.handle_request = functools.partial(_handle, waf.handle_request)
    waf._create_web_acl = answering(functools.partial(_create, waf._create_web_acl))
    waf._update_web_acl = answering(functools.partial(_update, waf._update_web_acl))
    waf._get_web_acl = functools.partial(_get, waf._get_web_acl)
    waf._list_web_acls = functools.partial(_list, waf._list_web_acls)
    waf._delete_web_acl = answering(functools.partial(_delete, waf._delete_web_acl))
    waf._check_capacity = answering(lambda request: json_response({"Capacity": _capacity(request)}))
    on_reset(waf, _logging.clear)


async def _handle(
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> Response:
    handler = _HANDLERS.get(headers.get("x-amz-target", "").rpartition(".")[2])
    request = json.loads(body or b"{}")
    if request.get("Scope") == "CLOUDFRONT" and get_region() != "us-east-1":
        wrong = _invalid("The scope is not valid.", "SCOPE_VALUE", "CLOUDFRONT")
        return waf._waf_err(wrong.code, wrong.message)
    if handler:
        return answering(lambda: json_response(handler(request)))()
    return await original(method, path, headers, body, query)


def _invalid(reason: str, field: str, parameter: str) -> AWSError:
    return AWSError("WAFInvalidParameterException", f"Error reason: {reason}, field: {field}, parameter: {parameter}")


# ---- Web ACLs


def _create(original: Callable[[Answer], Response], request: Answer) -> Response:
    capacity = _checked(request)
    response = original(request)
    if response[0] < 300:
        id_ = json.loads(response[2])["Summary"]["Id"]
        _set(waf.web_acl_record(id_, request["Scope"]), request, capacity)
    return response


def _update(original: Callable[[Answer], Response], request: Answer) -> Response:
    capacity = _checked(request)
    response = original(request)
    if response[0] < 300:
        _set(waf.web_acl_record(request["Id"], request["Scope"]), request, capacity)
    return response


def _set(record: Answer, request: Answer, capacity: int) -> None:
    for member in MEMBERS:
        record.pop(member, None)
    record.update({member: request[member] for member in MEMBERS if member in request}, Capacity=capacity)
    record.setdefault("Rules", [])


def _checked(request: Answer) -> int:
    """The capacity of rules that AWS would take."""
    rules = request.get("Rules", [])
    priorities = [rule["Priority"] for rule in rules]
    for rule in rules:
        if priorities.count(rule["Priority"]) > 1:
            text = "You have used none or multiple values for a field that requires exactly one value."
            raise _invalid(text, "RULE", str(rule["Priority"]))
        statement = rule["Statement"]
        group = "ManagedRuleGroupStatement" in statement or "RuleGroupReferenceStatement" in statement
        if ("OverrideAction" in rule, "Action" in rule) != (group, not group):
            text = "You have used none or multiple values for a field that requires exactly one value."
            raise _invalid(text, "RULE_ACTION", rule["Name"])
        rate = statement.get("RateBasedStatement")
        if rate and rate.get("EvaluationWindowSec", 300) not in WINDOWS:
            raise _invalid("A field value is not valid.", "EVALUATION_WINDOW_SEC", str(rate["EvaluationWindowSec"]))
    capacity = _capacity({"Scope": request.get("Scope"), "Rules": rules})
    if capacity > MOST:
        raise AWSError(
            "WAFLimitsExceededException",
            "AWS WAF couldn’t perform the operation because you exceeded your resource limit.",  # noqa: RUF001
        )
    return capacity


def _get(original: Callable[[Answer], Response], request: Answer) -> Response:
    response = original(request)
    if response[0] >= 300:
        return response
    answer = json.loads(response[2])
    acl = answer["WebACL"]
    if not acl.get("Description"):
        acl.pop("Description", None)
    for statement in _statements(acl.get("Rules", [])):
        if "RateBasedStatement" in statement:
            statement["RateBasedStatement"].setdefault("EvaluationWindowSec", 300)
    acl["LabelNamespace"] = f"awswaf:{acl['ARN'].split(':')[4]}:webacl:{acl['Name']}:"
    return json_response(answer)


def _list(original: Callable[[Answer], Response], request: Answer) -> Response:
    answer = json.loads(original(request)[2])
    begin, most = int(request.get("NextMarker", 0)), request.get("Limit", 100)
    found = answer["WebACLs"][begin : begin + most]
    rest = {"NextMarker": str(begin + most)} if begin + most < len(answer["WebACLs"]) else {}
    return json_response({"WebACLs": found, **rest})


def _delete(original: Callable[[Answer], Response], request: Answer) -> Response:
    record = waf.web_acl_record(request.get("Id"), request.get("Scope"))
    if record and (record["ARN"] in waf._associations.values() or record["ARN"] in _protecting()):
        raise AWSError(
            "WAFAssociatedItemException",
            "AWS WAF couldn’t perform the operation because your resource is being used by another resource or it’s "  # noqa: RUF001
            "associated with another resource.",
        )
    response = original(request)
    if response[0] < 300 and record:
        _logging.pop(record["ARN"], None)
    return response


def _protecting() -> set[str | None]:
    """The ARNs of the web ACLs that distributions have."""
    found = [ElementTree.fromstring(one["config_xml"]) for one in cloudfront._distributions.values()]
    return {element.text for config in found for element in config.iter() if element.tag.endswith("WebACLId")}


# ---- Capacity


def _statements(tree: Any) -> Iterator[Answer]:
    """All dicts in which a statement stands, also those in others."""
    if isinstance(tree, list):
        for one in tree:
            yield from _statements(one)
    elif isinstance(tree, dict):
        if any(name.endswith("Statement") for name in tree):
            yield tree
        for inner in tree.values():
            yield from _statements(inner)


def _capacity(request: Answer) -> int:
    return sum(_units(name, inner) for one in _statements(request["Rules"]) for name, inner in one.items())


def _units(name: str, statement: Any) -> int:
    if not name.endswith("Statement") or name in (*NESTED, "Statement", "ScopeDownStatement"):
        return 0
    if name == "ManagedRuleGroupStatement":
        if statement["VendorName"] != "AWS" or statement["Name"] not in GROUPS:
            raise AWSError("WAFNonexistentItemException", ABSENT)
        return GROUPS[statement["Name"]]
    if name in ("IPSetReferenceStatement", "RegexPatternSetReferenceStatement", "RuleGroupReferenceStatement"):
        _arn, refused = waf._resolve_local_waf_resource_arn(statement["ARN"])
        if refused:
            raise AWSError("WAFNonexistentItemException", ABSENT)
    if name == "RuleGroupReferenceStatement":
        return int(
            waf._rule_groups.get_scoped(*waf._parse_local_waf_arn(statement["ARN"], {"rulegroup"})[1])["Capacity"]
        )
    return STATEMENTS.get(name, 1)


# ---- Logging


def _acl(arn: str) -> None:
    _record, refused = waf._resolve_local_web_acl(arn)
    if refused:
        raise AWSError("WAFNonexistentItemException", ABSENT)


def _put_logging(request: Answer) -> Answer:
    configuration = request["LoggingConfiguration"]
    _acl(configuration["ResourceArn"])
    (destination,) = configuration["LogDestinationConfigs"]
    name = destination.split(":", 6)[-1].removeprefix("log-group:") if ":logs:" in destination else destination[13:]
    if not name.startswith(BEGINS) and ":firehose:" not in destination:
        raise _invalid(
            "The ARN isn't valid. A valid ARN begins with arn: and includes other information separated by "
            "colons or slashes.",
            "LOG_DESTINATION",
            destination,
        )
    if ":logs:" in destination:
        if cloudwatch_logs._resolve_group_by_arn(destination.removesuffix(":*")) is None:
            raise AWSError(
                "WAFLogDestinationPermissionIssueException",
                "Unable to deliver logs to the configured destination. You might need to grant log delivery "
                "permissions for the destination.",
            )
        let_write(destination)
    kept = {
        **configuration,
        "RedactedFields": [_lower(field) for field in configuration.get("RedactedFields", [])],
        "ManagedByFirewallManager": False,
        "LogType": "WAF_LOGS",
        "LogScope": "CUSTOMER",
    }
    _logging[configuration["ResourceArn"]] = kept
    return {"LoggingConfiguration": kept}


def _lower(field: Answer) -> Answer:
    return {
        name: {**inner, "Name": inner["Name"].lower()} if "Name" in inner else inner for name, inner in field.items()
    }


def _get_logging(request: Answer) -> Answer:
    _acl(request["ResourceArn"])
    configuration = _logging.get(request["ResourceArn"])
    if configuration is None:
        raise AWSError("WAFNonexistentItemException", ABSENT)
    return {"LoggingConfiguration": configuration}


def _delete_logging(request: Answer) -> Answer:
    _get_logging(request)
    del _logging[request["ResourceArn"]]
    return {}


_HANDLERS: dict[str, Callable[[Answer], Answer]] = {
    "DeleteLoggingConfiguration": _delete_logging,
    "GetLoggingConfiguration": _get_logging,
    "PutLoggingConfiguration": _put_logging,
}
