# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything that lies in an account, told so that two accounts with the same platform give the same answer.

Names stand for ids. So a resource that exists twice, or a rule, a route or a policy too many or too few, shows as a
difference, whatever ids the two accounts gave. The kinds of things that several components make are read here, all
others by the component whose they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from tests.support.components import IN_AWS
from tests.support.playbook import REGION, Account

from . import components

Census = dict[str, list[str]]
# Where a platform has something: in its own region, and where CloudFront is at home.
HOME = "us-east-1"
REGIONS = (REGION, HOME)


def tags_of(resource: dict) -> dict[str, str]:
    """The tags of a resource, whichever form its service gives them."""
    found = (resource.get(member) for member in ("Tags", "TagSet", "TagList", "tags"))
    tags = next(filter(None, found), [])
    if isinstance(tags, dict):
        return tags
    keys, values = ("Key", "TagKey", "key"), ("Value", "TagValue", "value")
    return {
        next(tag[name] for name in keys if name in tag): next((tag[name] for name in values if name in tag), "")
        for tag in tags
    }


def name_of(resource: dict) -> str:
    return tags_of(resource).get("Name", "(no name)")


def document(text: str | dict) -> dict:
    return json.loads(text) if isinstance(text, str) else text


def as_list(value: Any) -> list:
    return value if isinstance(value, list) else [value]


def statements_of(account: Account, role: str) -> list[dict]:
    """The statements of all inline policies of a role."""
    iam = account.client("iam")
    documents = [
        document(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
        for name in account.pages("iam", "list_role_policies", "PolicyNames", RoleName=role)
    ]
    return [statement for policy in documents for statement in as_list(policy["Statement"])]


class Lister:
    """Reads one account; ids that it has met are replaced by names in what it tells."""

    def __init__(self, account: Account):
        self.account = account
        self.names: dict[str, str] = {account.id: "ACCOUNT"}

    def ec2(self, operation: str, member: str, **params: Any) -> list[dict]:
        return self.account.pages("ec2", operation, member, **params)

    def named(self, kind: str, id_: str, name: str) -> None:
        self.names[id_] = f"{kind}:{name}"

    def told(self, value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
        for id_ in sorted(self.names, key=len, reverse=True):
            text = text.replace(id_, self.names[id_])
        return text

    def sorted(self, values: Iterable[Any]) -> list[str]:
        """In the order of the names: that of the ids differs from account to account."""
        return sorted(self.told(value) for value in values)

    @cached_property
    def default_vpcs(self) -> set[str]:
        """What every account has from the beginning."""
        return {vpc["VpcId"] for vpc in self.ec2("describe_vpcs", "Vpcs") if vpc.get("IsDefault")}

    # ---- kinds of things that several components make

    def log_groups(self) -> list[dict]:
        return [
            {**group, **self._of_log_group(region, group["logGroupName"], group["arn"].removesuffix(":*"))}
            for region in REGIONS
            for group in self.account.pages("logs", "describe_log_groups", "logGroups", region)
        ]

    def _of_log_group(self, region: str, name: str, arn: str) -> dict:
        """Its tags, its Policies, its Region, and where its events are sent: Destinations."""
        logs = self.account.client("logs", region)
        policies = logs.describe_resource_policies(resourceArn=arn, policyScope="RESOURCE")["resourcePolicies"]
        filters = logs.describe_subscription_filters(logGroupName=name)["subscriptionFilters"]
        return {
            "Region": region,
            "tags": logs.list_tags_for_resource(resourceArn=arn)["tags"],
            "Policies": [document(policy["policyDocument"]) for policy in policies],
            "Destinations": [item["destinationArn"] for item in filters],
        }

    def log_deliveries(self, kind: str) -> list[dict]:
        """The deliveries of logs, or their "delivery_sources" or "delivery_destinations", with their tags."""
        found = []
        for region in REGIONS:
            logs = self.account.client("logs", region)
            member = "deliveries" if kind == "deliveries" else f"delivery{kind.removeprefix('delivery_').title()}"
            for item in self.account.pages("logs", f"describe_{kind}", member, region):
                tags = logs.list_tags_for_resource(resourceArn=item["arn"])["tags"]
                found.append({**item, "tags": tags})
        return found

    def _delivered(self) -> Iterator[list]:
        """Which log of what goes where, and how."""
        sources = {item["name"]: item for item in self.log_deliveries("delivery_sources")}
        destinations = {item["arn"]: item for item in self.log_deliveries("delivery_destinations")}
        for item in self.log_deliveries("deliveries"):
            source = sources[item["deliverySourceName"]]
            destination = destinations[item["deliveryDestinationArn"]]
            yield [
                source["resourceArns"],
                source["logType"],
                destination["deliveryDestinationConfiguration"],
                destination["outputFormat"],
                item["recordFields"],
                item.get("fieldDelimiter"),
                item.get("s3DeliveryConfiguration"),
            ]

    def roles(self) -> list[dict]:
        """With their policies: Inline by name, Attached by ARN."""
        return [self._role(role["RoleName"]) for role in self.account.pages("iam", "list_roles", "Roles")]

    def _role(self, name: str) -> dict:
        iam = self.account.client("iam")
        role = iam.get_role(RoleName=name)["Role"]
        role.pop("RoleLastUsed", None)
        inline = self.account.pages("iam", "list_role_policies", "PolicyNames", RoleName=name)
        attached = self.account.pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name)
        return {
            **role,
            "Inline": {
                policy: document(iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])
                for policy in inline
            },
            "Attached": sorted(policy["PolicyArn"] for policy in attached),
        }

    def policies(self) -> list[dict]:
        """With the Document that is in force."""
        iam = self.account.client("iam")
        found = [
            iam.get_policy(PolicyArn=policy["Arn"])["Policy"]
            for policy in self.account.pages("iam", "list_policies", "Policies", Scope="Local")
        ]
        return [
            {
                **policy,
                "Document": document(
                    iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])[
                        "PolicyVersion"
                    ]["Document"]
                ),
            }
            for policy in found
        ]

    def secrets(self) -> list[dict]:
        """With the Policy and the Replicas. The list leaves out the key."""
        manager, found = self.account.client("secretsmanager"), []
        for secret in self.account.pages("secretsmanager", "list_secrets", "SecretList"):
            described = manager.describe_secret(SecretId=secret["ARN"])
            # The time of this answer.
            del described["ResponseMetadata"]
            policy = manager.get_resource_policy(SecretId=secret["ARN"]).get("ResourcePolicy")
            replicas = [replica["Region"] for replica in described.get("ReplicationStatus", [])]
            found.append({**secret, **described, "Policy": document(policy or {}), "Replicas": replicas})
        return found

    # ---- the account

    def count(self, chosen: Iterable[str]) -> Census:
        """What the chosen components tell, and the kinds of things that several make."""
        secrets = self.secrets()
        for secret in secrets:
            # Secrets Manager ends an ARN with six characters of its own.
            self.named("secret", secret["ARN"], secret["Name"])
        census: dict[str, list] = {
            "log groups": [
                [
                    group["logGroupName"],
                    group["Region"],
                    group.get("retentionInDays"),
                    group.get("kmsKeyId"),
                    group.get("deletionProtectionEnabled", False),
                    group.get("bearerTokenAuthenticationEnabled", False),
                    group["Policies"],
                    group["Destinations"],
                ]
                for group in self.log_groups()
            ],
            "log deliveries": list(self._delivered()),
            "roles": [
                [
                    role["Arn"],
                    document(role["AssumeRolePolicyDocument"]),
                    role["Inline"],
                    role["Attached"],
                    role.get("Description"),
                    role.get("MaxSessionDuration"),
                    role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
                ]
                for role in self.roles()
            ],
            "policies": [[policy["PolicyName"], policy["Document"]] for policy in self.policies()],
            "secrets": [
                [
                    secret["Name"],
                    secret.get("Description"),
                    secret.get("KmsKeyId"),
                    secret["Policy"],
                    secret["Replicas"],
                    secret["RotationEnabled"],
                ]
                for secret in secrets
            ],
        }
        for component in chosen:
            counted = components.of(component).census(self)
            assert not census.keys() & counted.keys(), f"counted twice over: {census.keys() & counted.keys()}"
            census.update(counted)
        return {kind: self.sorted(items) for kind, items in census.items()}

    def tagged(self) -> Iterator[tuple[str, dict]]:
        """Everything in the account that may carry tags, with its kind, but for what AWS itself makes."""
        yield from ((f"log group {item['logGroupName']}", item) for item in self.log_groups())
        for kind in ("source", "destination"):
            ends = self.log_deliveries(f"delivery_{kind}s")
            yield from ((f"log delivery {kind} {item['name']}", item) for item in ends)
        yield from ((f"log delivery {item['deliverySourceName']}", item) for item in self.log_deliveries("deliveries"))
        for role in self.roles():
            if not role["Path"].startswith("/aws-service-role/"):
                yield f"role {role['RoleName']}", role
        yield from ((f"policy {item['PolicyName']}", item) for item in self.policies())
        # RDS makes those with master passwords itself.
        ours = [item for item in self.secrets() if not item["Name"].startswith("rds!")]
        yield from ((f"secret {item['Name']}", item) for item in ours)
        for component in components.every():
            yield from component.tagged(self)


def take(account: Account, *chosen: str) -> Census:
    """chosen: components, if not all of them are looked at."""
    return Lister(account).count(chosen or IN_AWS)


def differences(expected: Census, actual: Census) -> list[str]:
    """What the one account has and the other has not, in lines; empty if they hold the same."""
    lines = []
    for kind in sorted(expected.keys() | actual.keys()):
        missing, surplus = list(expected.get(kind, [])), []
        for item in actual.get(kind, []):
            if item in missing:
                missing.remove(item)
            else:
                surplus.append(item)
        lines += [f"{kind}: missing: {item}" for item in missing] + [f"{kind}: too much: {item}" for item in surplus]
    return lines
