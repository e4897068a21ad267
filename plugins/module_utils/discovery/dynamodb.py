# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The platform's DynamoDB tables."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from .base import Component, Search, listed, tags_of


def empty(search: Search) -> dict[str, Any]:
    return {
        "tables": {},
        "table_arns": [],
        "stream_arns": {},
        "settings": {},
        "left_tables": [],
        "scaling_targets": [],
    }


def collect(search: Search, facts: dict[str, Any]) -> None:
    names = {search.scope.name(entry, "dynamodb_table"): entry for entry in search.entries}
    described = {name: search.start("dynamodb", "describe_table", TableName=name) for name in names}
    tables = search.start("dynamodb", "list_tables")
    targets = search.start("application-autoscaling", "describe_scalable_targets", ServiceNamespace="dynamodb")
    # By the name alone, which begins as ours do; the tags tell whose it is.
    others = [
        name
        for name in (tables.result() or {}).get("TableNames", [])
        if name.startswith(f"{search.scope.prefix}-") and name not in names
    ]
    looked_at = {name: search.start("dynamodb", "describe_table", TableName=name) for name in others}
    found, left = _existing(described), _existing(looked_at)
    tags = {
        name: search.start("dynamodb", "list_tags_of_resource", ResourceArn=table["TableArn"])
        for name, table in {**found, **left}.items()
    }
    for name, entry in names.items():
        if name not in found:
            continue
        own = tags_of(tags[name].result() or {})
        if search.owns(own):
            _add_table(facts, entry, found[name])
        else:
            search.foreign(f"DynamoDB table {name}", own)
    facts["scaling_targets"] = [
        {"resource_id": target["ResourceId"], "scalable_dimension": target["ScalableDimension"]}
        for target in (targets.result() or {}).get("ScalableTargets", [])
        # table/name or table/name/index/name
        if target["ResourceId"].partition("/")[2].partition("/")[0] in facts["tables"].values()
    ]
    facts["left_tables"] = sorted(name for name in left if search.owns(tags_of(tags[name].result() or {})))
    if facts["left_tables"]:
        search.warnings.append(
            f"{search.component.name}: {listed(facts['left_tables'])} of this platform isn't declared any more and is"
            " left alone. Declare it, with state: absent if it shall go with its items."
        )


def _existing(described: Mapping[str, Future]) -> dict[str, dict[str, Any]]:
    """The tables that there are, by name."""
    answers = {name: future.result() for name, future in described.items()}
    return {name: answer["Table"] for name, answer in answers.items() if answer and _status(answer) != "DELETING"}


def _status(answer: Mapping[str, Any]) -> str | None:
    return answer["Table"].get("TableStatus")


def _add_table(facts: dict[str, Any], entry: str, table: Mapping[str, Any]) -> None:
    facts["tables"][entry] = table["TableName"]
    facts["table_arns"].append(table["TableArn"])
    if (table.get("StreamSpecification") or {}).get("StreamEnabled") and table.get("LatestStreamArn"):
        facts["stream_arns"][entry] = table["LatestStreamArn"]
    keys = {key["KeyType"]: key["AttributeName"] for key in table["KeySchema"]}
    types = {item["AttributeName"]: item["AttributeType"] for item in table["AttributeDefinitions"]}
    facts["settings"][entry] = {
        "status": table["TableStatus"],
        "hash_key": keys["HASH"],
        "range_key": keys.get("RANGE"),
        "hash_key_type": types[keys["HASH"]],
        "range_key_type": types.get(keys.get("RANGE")),
        "billing_mode": (table.get("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED"),
        "global_indexes": sorted(index["IndexName"] for index in table.get("GlobalSecondaryIndexes") or []),
        "local_indexes": sorted(index["IndexName"] for index in table.get("LocalSecondaryIndexes") or []),
        "deletion_protection": bool(table.get("DeletionProtectionEnabled")),
    }


def summary(facts: Mapping[str, Any]) -> list[str]:
    lines = []
    for entry, name in facts["tables"].items():
        about = facts["settings"].get(entry, {})
        indexes = listed(about.get("global_indexes", []))
        lines.append(f"table {name}, {about.get('status', 'unknown')}, indexes: {indexes}")
    return lines


COMPONENT = Component(
    name="dynamodb",
    services=("application-autoscaling", "dynamodb"),
    empty=empty,
    collect=collect,
    exists=lambda facts: bool(facts["tables"]),
    summary=summary,
)
