#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: wafv2_web_acl
version_added: 0.1.0
short_description: Manage a web ACL of AWS WAF with its rules and its log
description:
  - Creates, changes and deletes a web ACL, which inspects the requests to a CloudFront distribution or a load balancer,
    with its rules, its logging configuration and its tags.
  - Before rules are sent, AWS is asked for their capacity, also in check mode. What is above 5000 units (WCU) is
    refused; above 1500, which the price of a web ACL includes, the module warns.
  - What AWS Shield Advanced adds to the rules by itself is left alone.
  - It does what M(community.aws.wafv2_web_acl) can't, which in release 11.2.0 has no logging, sees no change but
    that of rules, and changes a web ACL of that name whoever made it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the web ACL, up to 128 letters, digits, hyphens and underscores, unique in its scope.
    type: str
    required: true
  scope:
    description:
      - What it protects. V(CLOUDFRONT) are distributions; such a web ACL lies in us-east-1, whatever the region of the
        module. V(REGIONAL) are load balancers, REST APIs, user pools and others of the region.
    type: str
    required: true
    choices: [CLOUDFRONT, REGIONAL]
  default_action:
    description:
      - >-
        What is done with a request that no rule allows or blocks, as C({allow: {}}) or C({block: {}}), in each of
        them what the API knows, in snake_case.
      - It is needed to create the web ACL.
    type: dict
  description:
    description:
      - What the web ACL is for, 3 to 256 characters. An empty text removes it.
    type: str
  rules:
    description:
      - The rules. Others are removed.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name of the rule, unique in the web ACL.
        type: str
        required: true
      priority:
        description:
          - Its place, unique in the web ACL. Rules of the lowest number come first.
        type: int
        required: true
      statement:
        description:
          - What the rule looks at, one statement of the API in snake_case, such as C(managed_rule_group_statement),
            C(rate_based_statement), C(ip_set_reference_statement), C(geo_match_statement) or C(and_statement).
        type: dict
        required: true
      action:
        description:
          - >-
            What is done with a request to which the statement applies, as C({block: {}}), C({count: {}}) or
            C({captcha: {}}). For rules without a rule group.
        type: dict
      override_action:
        description:
          - >-
            For rule groups. C({none: {}}) leaves the actions to its rules, C({count: {}}) only counts.
          - >-
            For a managed rule group it is C({none: {}}) if it isn't set.
        type: dict
      rule_labels:
        description:
          - Labels that a request to which the statement applies is given.
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - The label.
            type: str
            required: true
      visibility_config:
        description:
          - Metrics and samples of the rule. If it isn't set there are both, and the metric has the name of the rule.
        type: dict
        suboptions: &visibility
          metric_name:
            description:
              - Name of the metric in CloudWatch.
            type: str
            required: true
          cloud_watch_metrics_enabled:
            description:
              - Whether there is a metric.
            type: bool
            default: true
          sampled_requests_enabled:
            description:
              - Whether AWS keeps samples of requests, which may be looked at for three hours.
            type: bool
            default: true
      captcha_config:
        description:
          - >-
            How long a solved puzzle counts, as C({immunity_time_property: {immunity_time: 300}}).
        type: dict
      challenge_config:
        description:
          - >-
            How long a passed challenge counts, as C({immunity_time_property: {immunity_time: 300}}).
        type: dict
  visibility_config:
    description:
      - Metrics and samples of the default action. A web ACL that is made without has both, and the metric has the name
        of the web ACL.
    type: dict
    suboptions: *visibility
  custom_response_bodies:
    description:
      - Bodies for the answers of rules that block, by the keys by which rules name them, each with C(content_type) and
        C(content). Others are removed.
    type: dict
  captcha_config:
    description:
      - As that of a rule, for rules without one.
    type: dict
  challenge_config:
    description:
      - As that of a rule, for rules without one.
    type: dict
  token_domains:
    description:
      - Domains besides that of the protected resource whose tokens are accepted. Others are removed.
    type: list
    elements: str
  association_config:
    description:
      - >-
        How much of a body is inspected, as C({request_body: {CLOUDFRONT: {default_size_inspection_limit: KB_16}}}).
        More than 16 KB costs more.
    type: dict
  data_protection_config:
    description:
      - >-
        What is made unreadable before AWS WAF logs or samples a request, as
        C({data_protections: [{action: HASH, field: {field_type: SINGLE_HEADER, field_keys: [authorization]}}]}).
    type: dict
  log_destination_arn:
    description:
      - ARN of the log group, bucket or delivery stream that gets the log. An empty text ends logging.
      - Its name begins with C(aws-waf-logs-), and for the scope V(CLOUDFRONT) a log group is in us-east-1.
      - A log group needs a policy that lets C(delivery.logs.amazonaws.com) write. If it has none AWS makes one.
    type: str
  redacted_fields:
    description:
      - Parts of requests that don't go into the log, each one of C(single_header) (with its C(name)), C(uri_path),
        C(query_string) and C(method).
    type: list
    elements: dict
    suboptions:
      single_header:
        description:
          - A header, by its C(name).
        type: dict
        suboptions:
          name:
            description:
              - Name of the header.
            type: str
            required: true
      uri_path:
        description:
          - The path, as C({}).
        type: dict
      query_string:
        description:
          - The query, as C({}).
        type: dict
      method:
        description:
          - The method, as C({}).
        type: dict
  logging_filter:
    description:
      - Which requests go into the log, with C(default_behavior) and C(filters) as the API has them, in snake_case. An
        empty one, C({}), means all.
    type: dict
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
notes:
  - The words in nested options are those of the API in snake_case, such as C(cloud_watch_metrics_enabled) for
    CloudWatchMetricsEnabled and C(ip_set_reference_statement) for IPSetReferenceStatement.
  - A distribution names its web ACL itself. A regional one is associated with its resources by others.
  - To begin with the log, the identity needs C(logs:CreateLogDelivery), C(logs:DescribeLogGroups),
    C(logs:DescribeResourcePolicies) and C(logs:PutResourcePolicy), or C(s3:GetBucketPolicy) and C(s3:PutBucketPolicy),
    besides those of AWS WAF.
"""

EXAMPLES = r"""
- name: Protect distributions
  agent_platform.aws.wafv2_web_acl:
    name: demo-web
    scope: CLOUDFRONT
    default_action: {allow: {}}
    rules:
      - name: common
        priority: 10
        statement:
          managed_rule_group_statement:
            vendor_name: AWS
            name: AWSManagedRulesCommonRuleSet
            rule_action_overrides:
              - name: SizeRestrictions_BODY
                action_to_use: {count: {}}
      - name: rate
        priority: 20
        statement:
          rate_based_statement: {limit: 1000, aggregate_key_type: IP}
        action: {block: {}}
    log_destination_arn: arn:aws:logs:us-east-1:123456789012:log-group:aws-waf-logs-demo
    redacted_fields:
      - single_header: {name: authorization}
    tags:
      Project: demo

- name: Remove it
  agent_platform.aws.wafv2_web_acl:
    name: demo-web
    scope: CLOUDFRONT
    state: absent
"""

RETURN = r"""
web_acl:
  description: The web ACL as AWS WAF describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    arn:
      description: ARN of the web ACL, by which a distribution names it. Not known in check mode before it exists.
      type: str
      sample: arn:aws:wafv2:us-east-1:123456789012:global/webacl/demo-web/12345678-1234-1234-1234-123456789012
    capacity:
      description: Its web ACL capacity units (WCU).
      type: int
    id:
      description: ID of the web ACL.
      type: str
    logging_configuration:
      description: Its logging configuration, if O(log_destination_arn) is set and there is one.
      type: dict
    name:
      description: Name of the web ACL.
      type: str
    rules:
      description: Its rules.
      type: list
      elements: dict
    tags:
      description: Tags of the web ACL.
      type: dict
"""

import re

from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Update, tag_list
from ..module_utils.faults import ResourceError, error_code
from ..module_utils.resource import Resource, run_module
from ..module_utils.shapes import in_api_terms, in_words, shape_at
from ..module_utils.values import get_path, placeholder, without_unset

HOME = "us-east-1"  # where what is for CloudFront lies
MISSING = ("WAFNonexistentItemException",)
UNAVAILABLE = "WAFUnavailableEntityException"
# Web ACL capacity units.
INCLUDED = 1500
MOST = 5000
# What Shield Advanced adds where it answers attacks by itself.
OF_SHIELD = re.compile(r"ShieldMitigationRuleGroup_\d{12}_[0-9A-Fa-f-]{36}_")
# What AWS tells of a statement that says nothing of it, by a member that the statement has in any case.
TOLD = {
    "aggregate_key_type": {"evaluation_window_sec": 300},
    "field": {"exclude_rate_based_details": False, "exclude_rule_match_details": False},
    "inspection_level": {"enable_machine_learning": True},
}
# Of names of headers and arguments AWS keeps no capitals.
CASELESS = ("single_header", "single_query_argument")


def plain(value):
    """A nested value with what AWS adds to it, or changes in it."""
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    told = {name: default for member, more in TOLD.items() if member in value for name, default in more.items()}
    named = {
        name: {**value[name], "name": value[name]["name"].lower()}
        for name in CASELESS
        if "name" in (value.get(name) or {})
    }
    return {name: plain(inner) for name, inner in {**told, **value, **named}.items()}


def same(have, want):
    """Whether two values mean the same, as a whole: a rule that says more is another rule."""
    return plain(have) == plain(want)


def same_rules(have, want):
    return same(*(sorted(rules, key=lambda rule: rule["priority"]) for rules in (have, want)))


def same_fields(have, want):
    """Whether they are the same, in whatever order."""
    return same(*(sorted(plain(fields), key=str) for fields in (have, want)))


def same_group(have, want):
    """Whether two ARNs name the same destination; that of a log group may end in its streams."""
    return have.removesuffix(":*") == want.removesuffix(":*")


def acl(option, member, **how):
    """A setting of the web ACL itself."""
    return Setting(option, member, update="acl", **{"verbatim": True, "same": same, **how})


def log(option, member, **how):
    """A setting of its logging configuration."""
    path = f"LoggingConfiguration.{member}"
    return Setting(
        option, None, read=path, update="logging", update_members=(path,), **{"verbatim": True, "same": same, **how}
    )


RULES = acl("rules", "Rules", absent=[], same=same_rules, key="name")
VISIBILITY = acl("visibility_config", "VisibilityConfig")


class WebAcl(Resource):
    service = "wafv2"
    kind = "web ACL"
    result = "web_acl"
    names = {"Scope": "scope", "Name": "name"}
    capital_members = True
    identifier = "Id"
    describe = Describe("ListWebACLs", "WebACLs", many=True, names={"Scope": "scope"})
    additions = (
        Addition("GetWebACL", "WebACL", by_hand=True),
        Addition(
            "ListTagsForResource",
            "TagInfoForResource.TagList",
            "Tags",
            by={"ResourceARN": "ARN"},
            missing=MISSING,
            empty=[],
        ),
        Addition(
            "GetLoggingConfiguration",
            "LoggingConfiguration",
            "LoggingConfiguration",
            by={"ResourceArn": "ARN"},
            missing=MISSING,
            option="log_destination_arn",
        ),
    )
    create = Create("CreateWebACL", exists=("WAFDuplicateItemException",), tags="Tags")
    delete = Delete("DeleteWebACL", missing=MISSING)
    settings = (
        acl("default_action", "DefaultAction"),
        acl("description", "Description", absent="", same=None),
        RULES,
        VISIBILITY,
        acl("custom_response_bodies", "CustomResponseBodies", absent={}),
        acl("captcha_config", "CaptchaConfig", absent={}),
        acl("challenge_config", "ChallengeConfig", absent={}),
        acl("token_domains", "TokenDomains", absent=[], same=None, unordered=True),
        acl("association_config", "AssociationConfig", absent={}),
        acl("data_protection_config", "DataProtectionConfig", absent={}),
        log(
            "log_destination_arn",
            "LogDestinationConfigs",
            absent="",
            same=same_group,
            encode=lambda arn: [arn],
            decode=lambda arns: next(iter(arns), ""),
        ),
        log("redacted_fields", "RedactedFields", absent=[], same=same_fields),
        log("logging_filter", "LoggingFilter", absent={}),
    )
    updates = {
        # It replaces all that can be changed.
        "acl": Update(
            "UpdateWebACL",
            whole=True,
            kept=(
                "ApplicationConfig",
                "AssociationConfig",
                "CaptchaConfig",
                "ChallengeConfig",
                "CustomResponseBodies",
                "DataProtectionConfig",
                "DefaultAction",
                "Description",
                "MonetizationConfig",
                "OnSourceDDoSProtectionConfig",
                "Rules",
                "TokenDomains",
                "VisibilityConfig",
            ),
        ),
        "logging": Update("PutLoggingConfiguration", by={}, clear="DeleteLoggingConfiguration"),
    }
    needed = ("default_action",)
    tagging = tag_list("TagResource", "UntagResource", {"ResourceARN": "ARN"})
    free_form = ("CustomResponseBodies",)
    extra_operations = ("CheckCapacity", "ListResourcesForWebACL")
    unmanaged = {
        **dict.fromkeys(
            ("AssociateWebACL", "DisassociateWebACL"),
            "a distribution names its web ACL itself; other resources are associated by those who make them",
        ),
        **dict.fromkeys(
            (
                "DeleteFirewallManagerRuleGroups",
                "PutManagedRuleSetVersions",
                "UpdateManagedRuleSetVersionExpiryDate",
            ),
            "for those who administer an organisation, or sell rules",
        ),
        "CreateWebACL.ApplicationConfig": "notes of the console",
        "CreateWebACL.MonetizationConfig": "charges bots for pages; what is there stays",
        "CreateWebACL.OnSourceDDoSProtectionConfig": "only for load balancers; what is there stays",
    }
    # What was made a moment ago isn't known everywhere for up to some minutes, nor is what was let go. Whoever has
    # changed the web ACL meanwhile, the next look tells.
    passing = {
        "WAFAssociatedItemException": ("",),
        "WAFInternalErrorException": ("",),
        "WAFLogDestinationPermissionIssueException": ("",),
        "WAFNonexistentItemException": ("",),
        "WAFOptimisticLockException": ("",),
        "WAFServiceLinkedRoleErrorException": ("",),
        "WAFTagOperationException": ("",),
        "WAFTagOperationInternalErrorException": ("",),
        UNAVAILABLE: ("",),
    }
    hints = {
        "WAFAssociatedItemException": {"": "Let what it protects have another web ACL or none, and run again."},
        "WAFConfigurationWarningException": {
            "": "Give the statements that look at bodies, headers or cookies an oversize_handling, and run again."
        },
        "WAFLimitsExceededException": {
            "": f"A web ACL takes {MOST} capacity units (WCU), and a region of an account 100 web ACLs unless the "
            "quota has been raised. Take rules out, remove what is unused, or ask for a higher quota, and run again."
        },
        "WAFLogDestinationPermissionIssueException": {
            "": "See that the destination exists, that its name begins with aws-waf-logs- and its policy lets "
            "delivery.logs.amazonaws.com write. Allow logs:CreateLogDelivery, logs:DescribeLogGroups, "
            "logs:DescribeResourcePolicies and logs:PutResourcePolicy for the identity of this run."
        },
        "WAFSubscriptionNotFoundException": {"": "Subscribe to the rule group in AWS Marketplace, and run again."},
    }

    def prepare(self):
        if self.options["scope"] == "CLOUDFRONT":
            self.region = HOME
        self.capacity = None  # of the declared rules, as soon as AWS has told it
        if self.options["rules"] is not None:
            self.options["rules"] = [self.completed(rule) for rule in without_unset(self.options["rules"])]
        for setting in self.settings:
            try:
                if self.options[setting.option] is not None:
                    self.encoded(setting)
            except ValueError as error:
                raise ResourceError(f"The {setting.option} of {self.title} {error}.") from error

    @staticmethod
    def completed(rule):
        """The rule with what follows from the rest of it."""
        visible = {"visibility_config": visibility(rule["name"])}
        of_group = {"override_action": {"none": {}}} if "managed_rule_group_statement" in rule["statement"] else {}
        return {**visible, **of_group, **rule}

    # ---- Reading

    def read(self, operation, request, *args, **kwargs):
        answer = super().read(operation, request, *args, **kwargs)
        # The SDK has no paginator for it.
        if operation == "ListWebACLs" and answer.get("NextMarker"):
            more = self.read(operation, {**request, "NextMarker": answer["NextMarker"]}, *args, **kwargs)
            answer = {**answer, "WebACLs": answer["WebACLs"] + more["WebACLs"]}
        return answer

    def complete(self, description):
        if self.options["state"] == "absent":
            return description
        answer = self.read("GetWebACL", {**self.named(), "Id": description["Id"]}, MISSING)
        return {**description, **texts(answer["WebACL"]), "LockToken": answer["LockToken"]} if answer else None

    # ---- Values

    def shape(self, setting):
        model = self.reader.meta.service_model
        return shape_at(model.operation_model(self.updates[setting.update].operation).input_shape, setting.members[0])

    def encode(self, setting, value):
        return super().encode(setting, value) if setting.encode else in_api_terms(self.shape(setting), value)

    def decoded(self, setting, description):
        value = get_path(description, setting.path)
        if value is None or setting.decode:
            return super().decoded(setting, description)
        if setting.option == "rules":
            value = [rule for rule in value if not OF_SHIELD.match(rule["Name"])]
        return in_words(self.shape(setting), value)

    # ---- Deciding

    def refuse(self, current, changes):
        rules = self.options["rules"]
        if not rules or not (current is None or "rules" in changes):
            return
        priorities = [rule["priority"] for rule in rules]
        twice = sorted({str(priority) for priority in priorities if priorities.count(priority) > 1})
        if twice:
            raise ResourceError(f"The rules of {self.title} have the priority {', '.join(twice)} more than once.")
        if self.capacity is None and not unknown(rules):
            self.check_capacity()

    def check_capacity(self):
        request = {"Scope": self.options["scope"], "Rules": self.encoded(RULES)}
        try:
            self.capacity = self.read("CheckCapacity", request, doing=f"check the rules of {self.title}")["Capacity"]
        except ResourceError as error:
            # What a rule names was made a moment ago; the write is repeated until it is known.
            if error_code(error.cause) != UNAVAILABLE:
                raise
            return
        if self.capacity > MOST:
            raise ResourceError(
                f"The rules of {self.title} take {self.capacity} capacity units (WCU), and a web ACL has {MOST}. "
                "Take rules out, or narrow them."
            )
        if self.capacity > INCLUDED:
            self.module.warn(
                f"The rules of {self.title} take {self.capacity} capacity units (WCU). The price of a web ACL includes "
                f"{INCLUDED}; AWS charges for the others."
            )

    # ---- Acting

    def create_request(self):
        request = super().create_request()
        request.setdefault("VisibilityConfig", self.encode(VISIBILITY, visibility(self.options["name"])))
        return request

    def update_request(self, name, changes, current):
        request = super().update_request(name, changes, current)
        if name == "acl":
            request |= self.version(current)
            if self.options["rules"] is not None:
                kept = [rule for rule in current.get("Rules", []) if OF_SHIELD.match(rule["Name"])]
                request["Rules"] = request.get("Rules", []) + kept
        return request

    def delete_request(self, current):
        return {**super().delete_request(current), **self.version(current)}

    @staticmethod
    def version(current):
        return {"Id": current["Id"], "LockToken": current["LockToken"]}

    def update_logging(self, _changes, current):
        arn = current["ARN"]
        if not self.options["log_destination_arn"]:
            self.write("DeleteLoggingConfiguration", {"ResourceArn": arn}, f"end the log of {self.title}", MISSING)
            return
        there = current.get("LoggingConfiguration", {})
        configuration = {member: there[member] for member in ("RedactedFields", "LoggingFilter") if member in there}
        for setting in self.settings_of("logging"):
            if self.options[setting.option] is not None:
                configuration[setting.members[0].rpartition(".")[2]] = self.encoded(setting)
        if not configuration.get("LoggingFilter"):
            configuration.pop("LoggingFilter", None)
        request = {"LoggingConfiguration": {**configuration, "ResourceArn": arn}}
        self.write("PutLoggingConfiguration", request, f"set the log of {self.title}")

    # ---- Deleting

    def in_the_way(self, current):
        if self.options["scope"] == "CLOUDFRONT":
            answer = self.read(
                "ListDistributionsByWebACLId",
                {"WebACLId": current["ARN"]},
                doing=f"find what {self.title} protects",
                service="cloudfront",
            )
            found = (answer.get("DistributionList") or {}).get("Items") or []
            return [f"distribution {distribution['Id']}" for distribution in found]
        model = self.reader.meta.service_model.operation_model("ListResourcesForWebACL")
        return [
            arn
            for kind in model.input_shape.members["ResourceType"].enum
            for arn in self.read("ListResourcesForWebACL", {"WebACLArn": current["ARN"], "ResourceType": kind}).get(
                "ResourceArns", []
            )
        ]


def texts(value):
    """The value with what a statement searches for as text, which the SDK takes, too."""
    if isinstance(value, dict):
        return {name: texts(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [texts(inner) for inner in value]
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def visibility(name):
    return {"metric_name": name, "cloud_watch_metrics_enabled": True, "sampled_requests_enabled": True}


def unknown(value):
    """Whether a part of it isn't known in a dry run."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return placeholder(value) or any(unknown(one) for one in inner)


def main():
    needs_log = dict.fromkeys(("redacted_fields", "logging_filter"), "log_destination_arn")
    run_module(WebAcl, DOCUMENTATION, {"token_domains": {"no_log": False}}, required_by=needs_log)


if __name__ == "__main__":
    main()
