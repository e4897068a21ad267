# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""RDS: parameter groups, subnet groups and event subscriptions, as far as ministack 1.5.33 doesn't know them.

| operation | missing or different |
|---|---|
| Describe...Parameters, Modify...ParameterGroup | for PostgreSQL seven defaults; takes any name, value and time |
| DescribeEngineDefault...Parameters | unknown |
| Delete...ParameterGroup, DeleteDBSubnetGroup | of one that is in use, too |
| CreateDBSubnetGroup, ModifyDBSubnetGroup | takes one zone; the first one replaces a group of that name |
| ...EventSubscription..., DescribeEventCategories | unknown |
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
from ministack.services import rds, sns

from ..wire import AWSError, QueryWire, now
from . import timing
from .patching import QueryShims, on_reset

AT_ONCE = 20
LARGEST = "2147483647"


@dataclass(frozen=True)
class Parameter:
    """What RDS says of a parameter of PostgreSQL. Those of clusters only aren't in the groups of instances."""

    default: str | None
    allowed: str
    kind: str = "string"
    dynamic: bool = True
    modifiable: bool = True
    instance: bool = True

    def described(self, name: str) -> dict[str, Any]:
        return {
            "ParameterName": name,
            "ParameterValue": self.default,
            "Source": "engine-default",
            "ApplyType": "dynamic" if self.dynamic else "static",
            "DataType": self.kind,
            "AllowedValues": self.allowed,
            "IsModifiable": self.modifiable,
            "ApplyMethod": "pending-reboot",
        }

    def takes(self, value: str) -> bool:
        if self.kind == "list":
            return all(part.strip() in self.allowed.split(",") for part in value.split(","))
        limits = re.fullmatch(r"(-?[\d.]+)-([\d.]+)", self.allowed)
        if limits:
            return bool(re.fullmatch(r"-?[\d.]+", value)) and float(limits[1]) <= float(value) <= float(limits[2])
        return not self.allowed or value in self.allowed.split(",")


def _switch(default: str | None, **more: Any) -> Parameter:
    return Parameter(default, "0,1", "boolean", **more)


def _number(default: str | None, least: str, most: str = LARGEST, **more: Any) -> Parameter:
    return Parameter(default, f"{least}-{most}", "integer", **more)


LEVELS = "debug5,debug4,debug3,debug2,debug1,log,notice,warning,error,fatal,panic"
LIBRARIES = (
    "auto_explain,orafce,pgaudit,pg_bigm,pg_cron,pg_hint_plan,pg_prewarm,pg_similarity,pg_stat_statements,pg_tle"
)
POSTGRESQL = {
    "archive_mode": Parameter("off", "on,off", dynamic=False, modifiable=False),
    "authentication_timeout": _number(None, "1", "600"),
    "auto_explain.log_min_duration": _number(None, "-1"),
    "autovacuum": _switch("1"),
    "autovacuum_naptime": _number("15", "1", "2147483"),
    "client_min_messages": Parameter("notice", LEVELS),
    "deadlock_timeout": _number(None, "1"),
    "default_statistics_target": _number(None, "1", "10000"),
    "effective_cache_size": _number("{SUM(DBInstanceClassMemory/12038,-50003)}", "1"),
    "idle_in_transaction_session_timeout": _number("86400000", "0"),
    "idle_session_timeout": _number(None, "0"),
    "lock_timeout": _number(None, "0"),
    "log_autovacuum_min_duration": _number("10000", "-1"),
    "log_checkpoints": _switch("1", modifiable=False),
    "log_connections": _switch(None),
    "log_disconnections": _switch(None),
    "log_duration": _switch(None),
    "log_error_verbosity": Parameter(None, "terse,default,verbose"),
    "log_hostname": _switch("0"),
    "log_lock_waits": _switch(None),
    "log_min_duration_statement": _number(None, "-1"),
    "log_min_error_statement": Parameter(None, LEVELS),
    "log_min_messages": Parameter(None, LEVELS),
    "log_statement": Parameter(None, "none,ddl,mod,all"),
    "log_temp_files": _number(None, "-1"),
    "maintenance_work_mem": _number("GREATEST({DBInstanceClassMemory/63963136*1024},65536)", "1024"),
    "max_connections": _number("LEAST({DBInstanceClassMemory/9531392},5000)", "6", "262143", dynamic=False),
    "password_encryption": Parameter("md5", "md5,scram-sha-256", instance=False),
    "pg_stat_statements.max": _number("5000", "100", dynamic=False),
    "pg_stat_statements.track": Parameter(None, "none,top,all"),
    "pg_stat_statements.track_utility": _switch(None),
    "pgaudit.log": Parameter(None, "ddl,function,misc,read,role,write,none,all,-ddl,-function,-misc", "list"),
    "random_page_cost": Parameter(None, f"0-{LARGEST}", "float"),
    "rds.accepted_password_auth_method": Parameter("md5+scram", "md5+scram,scram", instance=False),
    "rds.force_autovacuum_logging_level": Parameter(
        "warning", "disabled,debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic"
    ),
    "rds.force_ssl": _switch("0", instance=False),
    "rds.log_retention_period": _number("4320", "1440", "10080"),
    "rds.logical_replication": _switch("0", dynamic=False, instance=False),
    "rds.superuser_variables": Parameter("session_replication_role", "", modifiable=False),
    "shared_buffers": _number("{SUM(DBInstanceClassMemory/12038,-50003)}", "16", "1073741823", dynamic=False),
    "shared_preload_libraries": Parameter("pg_stat_statements", LIBRARIES, "list", dynamic=False),
    "ssl": _switch("1", modifiable=False),
    "ssl_ciphers": Parameter(None, "", "list", instance=False),
    "ssl_max_protocol_version": Parameter(None, "TLSv1,TLSv1.1,TLSv1.2,TLSv1.3", instance=False),
    "ssl_min_protocol_version": Parameter("TLSv1.2", "TLSv1,TLSv1.1,TLSv1.2,TLSv1.3", instance=False),
    "statement_timeout": _number(None, "0"),
    "tcp_keepalives_idle": _number("300", "0"),
    "temp_file_limit": _number(None, "-1"),
    "timezone": Parameter("UTC", "", instance=False),
    "track_activity_query_size": _number("4096", "100", "1048576", dynamic=False),
    "track_functions": Parameter("pl", "none,pl,all"),
    "track_io_timing": _switch("1"),
    "wal_receiver_timeout": _number("30000", "0", "3600000", instance=False),
    "work_mem": _number(None, "64"),
}

# What RDS tells of the kinds of things, by their names in subscriptions.
CATEGORIES = {
    "blue-green-deployment": ["creation", "deletion", "failure", "notification"],
    "custom-engine-version": ["creation", "failure", "restoring"],
    "db-cluster": [
        "configuration change",
        "creation",
        "deletion",
        "failover",
        "failure",
        "global-failover",
        "maintenance",
        "migration",
        "notification",
        "serverless",
    ],
    "db-cluster-snapshot": ["backup", "notification"],
    "db-instance": [
        "availability",
        "backtrack",
        "backup",
        "configuration change",
        "creation",
        "deletion",
        "failover",
        "failure",
        "low storage",
        "maintenance",
        "notification",
        "read replica",
        "recovery",
        "restoration",
        "security",
        "security patching",
    ],
    "db-parameter-group": ["configuration change"],
    "db-proxy": ["configuration change", "creation", "deletion", "failure"],
    "db-security-group": ["configuration change", "failure"],
    "db-snapshot": ["creation", "deletion", "notification", "restoration"],
    "zero-etl": ["creation", "deletion", "failure", "notification"],
}

_subscriptions = AccountRegionScopedDict()


def install() -> None:
    shims = QueryShims(QueryWire("rds"), rds._ACTION_MAP)
    for word in ("Cluster", ""):
        groups = Groups(word)
        shims.replace(f"DescribeDB{word}Parameters", groups.describe, unless=groups.others)
        shims.replace(f"DescribeEngineDefault{word}Parameters", groups.engine_defaults)
        shims.guard(f"ModifyDB{word}ParameterGroup", groups.check)
        shims.guard(f"DeleteDB{word}ParameterGroup", groups.check_use)
    shims.guard("CreateDBSubnetGroup", _check_new_subnets)
    shims.guard("ModifyDBSubnetGroup", _check_zones)
    shims.guard("DeleteDBSubnetGroup", _check_subnet_use)
    shims.replace("CreateEventSubscription", _create_subscription)
    shims.replace("DescribeEventSubscriptions", _describe_subscriptions)
    shims.replace("ModifyEventSubscription", _modify_subscription)
    shims.replace("DeleteEventSubscription", _delete_subscription)
    shims.replace("AddSourceIdentifierToSubscription", _add_source)
    shims.replace("RemoveSourceIdentifierFromSubscription", _remove_source)
    shims.replace("DescribeEventCategories", _describe_categories)
    on_reset(rds, _subscriptions.clear)


# ---- Parameters


class Groups:
    """The parameter groups of clusters, or those of instances."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.member = f"DB{word}ParameterGroupName"
        self.groups = rds._db_cluster_param_groups if word else rds._param_groups

    def group(self, request: Mapping[str, Any]) -> dict[str, Any]:
        group = self.groups.get(request[self.member])
        if group is None:
            raise AWSError("DBParameterGroupNotFound", f"DBParameterGroup not found: {request[self.member]}", 404)
        return group

    def parameters(self, family: str) -> dict[str, Parameter]:
        return {name: item for name, item in POSTGRESQL.items() if self.word or item.instance} if _ours(family) else {}

    def others(self, request: Mapping[str, Any]) -> bool:
        return not _ours(self.group(request)["DBParameterGroupFamily"])

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        group = self.group(request)
        wanted = [name for item in request.get("Filters", ()) for name in item["Values"]]
        listed = []
        for name, parameter in self.parameters(group["DBParameterGroupFamily"]).items():
            described = parameter.described(name)
            if name in group["Parameters"]:
                described |= {**group["Parameters"][name], "Source": "user"}
            if request.get("Source") in (None, described["Source"]) and name in (wanted or [name]):
                listed.append(described)
        return {"Parameters": listed}

    def engine_defaults(self, request: dict[str, Any]) -> dict[str, Any]:
        family = request["DBParameterGroupFamily"]
        parameters = [item.described(name) for name, item in self.parameters(family).items()]
        return {"EngineDefaults": {"DBParameterGroupFamily": family, "Parameters": parameters}}

    def check(self, request: dict[str, Any]) -> None:
        family = self.group(request)["DBParameterGroupFamily"]
        changes = request["Parameters"]
        if len(changes) > AT_ONCE:
            raise AWSError("InvalidParameterValue", f"The maximum number of parameters in one request is {AT_ONCE}.")
        for change in changes if _ours(family) else ():
            name, value = change["ParameterName"], change.get("ParameterValue", "")
            parameter = self.parameters(family).get(name)
            if parameter is None:
                raise AWSError("InvalidParameterValue", f"Could not find parameter with name: {name}")
            if not parameter.modifiable:
                raise AWSError("InvalidParameterValue", f"The parameter {name} cannot be modified.")
            if not parameter.takes(value):
                text = f"Invalid parameter value: {value} for: {name} allowed values are: {parameter.allowed}"
                raise AWSError("InvalidParameterValue", text)
            if not parameter.dynamic and change.get("ApplyMethod") == "immediate":
                text = "cannot use immediate apply method for static parameter"
                raise AWSError("InvalidParameterCombination", text)

    def check_use(self, request: dict[str, Any]) -> None:
        name = request[self.member]
        if name in (_cluster_groups() if self.word else _instance_groups()):
            raise AWSError(
                "InvalidDBParameterGroupState",
                f"One or more database instances are still members of this parameter group {name}, "
                "so the group cannot be deleted",
            )


def _ours(family: str) -> bool:
    return "postgres" in family


def _cluster_groups() -> Iterator[str]:
    for cluster in rds._clusters.values():
        yield cluster.get("DBClusterParameterGroup")


def _instance_groups() -> Iterator[str]:
    for instance in rds._instances.values():
        for group in instance.get("DBParameterGroups") or []:
            yield group["DBParameterGroupName"]


# ---- Subnets


def _check_new_subnets(request: dict[str, Any]) -> None:
    if request["DBSubnetGroupName"] in rds._subnet_groups:
        text = f"The DB subnet group '{request['DBSubnetGroupName']}' already exists."
        raise AWSError("DBSubnetGroupAlreadyExists", text)
    _check_zones(request)


def _check_zones(request: dict[str, Any]) -> None:
    subnets = rds._resolve_subnet_group_members(request["SubnetIds"])
    zones = {subnet["SubnetAvailabilityZone"]["Name"] for subnet in subnets[0]} if subnets else ()
    if subnets and len(zones) < 2:
        raise AWSError(
            "DBSubnetGroupDoesNotCoverEnoughAZs",
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: "
            f"{', '.join(zones)}. Add subnets to cover at least 2 AZs.",
        )


def _check_subnet_use(request: dict[str, Any]) -> None:
    name = request["DBSubnetGroupName"]
    used = [item["DBInstanceIdentifier"] for item in rds._instances.values() if _subnet_group_of(item) == name]
    if used:
        raise AWSError(
            "InvalidDBSubnetGroupStateFault",
            f"Cannot delete the subnet group '{name}' because at least one database instance: {used[0]} "
            "is still using it.",
        )
    if any(_subnet_group_of(item) == name for item in rds._clusters.values()):
        raise AWSError(
            "InvalidDBSubnetGroupStateFault",
            f"Cannot delete the subnet group '{name}' because at least one database cluster is still using it.",
        )


def _subnet_group_of(database: Mapping[str, Any]) -> str | None:
    group = database.get("DBSubnetGroup")
    return group.get("DBSubnetGroupName") if isinstance(group, Mapping) else group


# ---- Event subscriptions


def _subscription(request: Mapping[str, Any]) -> dict[str, Any]:
    subscription = _subscriptions.get(request["SubscriptionName"])
    if subscription is None:
        text = f"Event subscription {request['SubscriptionName']} not found."
        raise AWSError("SubscriptionNotFound", text, 404)
    return subscription


def _shown(subscription: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in subscription.items() if not name.startswith("_")}


def _answer(subscription: dict[str, Any]) -> dict[str, Any]:
    return {"EventSubscription": _shown(subscription)}


def _check_topic(arn: str) -> None:
    topic = sns._topic_by_arn_any_scope(arn)
    if topic is None:
        raise AWSError("SNSTopicArnNotFound", f"The SNS topic ARN does not exist: {arn}", 404)
    if topic["attributes"].get("FifoTopic") == "true":
        raise AWSError("SNSInvalidTopic", "SNS has responded that there is a problem with the SNS topic specified.")
    # The policy that a topic has by default lets the services of its account publish.
    if not any(word in topic["attributes"]["Policy"] for word in ("events.rds.amazonaws.com", "SourceOwner")):
        raise AWSError("SNSNoAuthorization", "You do not have permission to publish to the SNS topic ARN.")


def _check_events(kind: str | None, categories: Iterable[str], sources: Iterable[str]) -> None:
    if (categories or sources) and not kind:
        raise AWSError("InvalidParameterCombination", "The parameter SourceType must be provided.")
    for category in categories:
        if category not in CATEGORIES[kind or ""]:
            text = f"The category {category} does not exist for source type {kind}."
            raise AWSError("SubscriptionCategoryNotFound", text, 404)
    things = {"db-cluster": rds._clusters, "db-instance": rds._instances, "db-parameter-group": rds._param_groups}
    for source in sources:
        if kind in things and source not in things[kind]:
            raise AWSError("SourceNotFound", f"Could not find source {source} of type {kind}.", 404)


def _create_subscription(request: dict[str, Any]) -> dict[str, Any]:
    name = request["SubscriptionName"]
    if name in _subscriptions:
        raise AWSError("SubscriptionAlreadyExist", f"The subscription {name} already exists.")
    _check_topic(request["SnsTopicArn"])
    kind, categories = request.get("SourceType"), request.get("EventCategories", [])
    sources = request.get("SourceIds", [])
    _check_events(kind, categories, sources)
    arn = f"arn:aws:rds:{get_region()}:{get_account_id()}:es:{name}"
    subscription = {
        "CustomerAwsId": get_account_id(),
        "CustSubscriptionId": name,
        "EventSubscriptionArn": arn,
        "SnsTopicArn": request["SnsTopicArn"],
        "Status": "creating",
        "SubscriptionCreationTime": f"{now():%a %b %d %H:%M:%S UTC %Y}",
        "SourceType": kind,
        "SourceIdsList": sources or None,
        "EventCategoriesList": categories or None,
        "Enabled": request.get("Enabled", True),
    }
    timing.start(subscription)
    _subscriptions[name] = subscription
    rds._tags[arn] = request.get("Tags", [])
    return _answer(subscription)


def _describe_subscriptions(request: dict[str, Any]) -> dict[str, Any]:
    for name, subscription in list(_subscriptions.items()):
        if timing.is_due(subscription):
            timing.finish(subscription)
            if subscription["Status"] == "deleting":
                del _subscriptions[name]
            subscription["Status"] = "active"
        if subscription["Status"] == "active" and sns._topic_by_arn_any_scope(subscription["SnsTopicArn"]) is None:
            subscription["Status"] = "topic-not-exist"
    found = [_subscription(request)] if request.get("SubscriptionName") else _subscriptions.values()
    return {"EventSubscriptionsList": [_shown(subscription) for subscription in found]}


def _change(subscription: dict[str, Any], status: str = "modifying") -> dict[str, Any]:
    subscription["Status"] = status
    timing.start(subscription)
    return _answer(subscription)


def _modify_subscription(request: dict[str, Any]) -> dict[str, Any]:
    subscription = _subscription(request)
    kind = request.get("SourceType", subscription["SourceType"])
    categories = request.get("EventCategories", subscription["EventCategoriesList"]) or []
    _check_events(kind, categories, ())
    if "SnsTopicArn" in request:
        _check_topic(request["SnsTopicArn"])
    subscription.update({member: request[member] for member in ("SnsTopicArn", "Enabled") if member in request})
    subscription.update(SourceType=kind, EventCategoriesList=categories or None)
    return _change(subscription)


def _delete_subscription(request: dict[str, Any]) -> dict[str, Any]:
    subscription = _subscription(request)
    rds._tags.pop(subscription["EventSubscriptionArn"], None)
    return _change(subscription, "deleting")


def _add_source(request: dict[str, Any]) -> dict[str, Any]:
    subscription, source = _subscription(request), request["SourceIdentifier"]
    _check_events(subscription["SourceType"], (), [source])
    sources = subscription["SourceIdsList"] or []
    subscription["SourceIdsList"] = [*sources, *([] if source in sources else [source])]
    return _change(subscription)


def _remove_source(request: dict[str, Any]) -> dict[str, Any]:
    subscription, source = _subscription(request), request["SourceIdentifier"]
    sources = subscription["SourceIdsList"] or []
    if source not in sources:
        raise AWSError("SourceNotFound", f"Could not find source {source}.", 404)
    subscription["SourceIdsList"] = [other for other in sources if other != source] or None
    return _change(subscription)


def _describe_categories(request: dict[str, Any]) -> dict[str, Any]:
    kinds = [request["SourceType"]] if request.get("SourceType") else sorted(CATEGORIES)
    return {"EventCategoriesMapList": [{"SourceType": kind, "EventCategories": CATEGORIES[kind]} for kind in kinds]}
