# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything that lies in an account, told so that two accounts with the same platform give the same answer.

Names stand for ids. So a resource that exists twice, or a rule, a route or a policy too many or too few, shows as a
difference, whatever ids the two accounts gave.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from botocore.exceptions import ClientError

from tests.support.playbook import Account

GONE = ("deleting", "deleted")
RULE_PEERS = {
    "UserIdGroupPairs": "GroupId",
    "IpRanges": "CidrIp",
    "Ipv6Ranges": "CidrIpv6",
    "PrefixListIds": "PrefixListId",
}
Census = dict[str, list[str]]


def tags_of(resource: dict) -> dict[str, str]:
    """The tags of a resource, whichever form its service gives them."""
    tags = resource.get("Tags") or resource.get("TagSet") or resource.get("tags") or []
    if isinstance(tags, dict):
        return tags
    return {tag.get("Key") or tag["TagKey"]: tag.get("Value", tag.get("TagValue", "")) for tag in tags}


def name_of(resource: dict) -> str:
    return tags_of(resource).get("Name", "(no name)")


def document(text: str | dict) -> dict:
    return json.loads(text) if isinstance(text, str) else text


class Lister:
    """Reads one account; ids that it has met are replaced by names in what it tells."""

    def __init__(self, account: Account):
        self.account = account
        self.names: dict[str, str] = {account.id: "ACCOUNT"}
        self.default_vpcs = {vpc["VpcId"] for vpc in self.ec2("describe_vpcs", "Vpcs") if vpc.get("IsDefault")}

    def ec2(self, operation: str, member: str, **params: Any) -> list[dict]:
        return self.account.pages("ec2", operation, member, **params)

    def named(self, kind: str, id_: str, name: str) -> str:
        self.names[id_] = f"{kind}:{name}"
        return name

    def told(self, value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
        for id_ in sorted(self.names, key=len, reverse=True):
            text = text.replace(id_, self.names[id_])
        return text

    def sorted(self, values: Iterable[Any]) -> list[str]:
        """In the order of the names: that of the ids differs from account to account."""
        return sorted(self.told(value) for value in values)

    # ---- what a service holds, without what every account has from the beginning

    def vpcs(self) -> list[dict]:
        return [vpc for vpc in self.ec2("describe_vpcs", "Vpcs") if vpc["VpcId"] not in self.default_vpcs]

    def in_vpcs(self, operation: str, member: str) -> list[dict]:
        return [item for item in self.ec2(operation, member) if item.get("VpcId") not in self.default_vpcs]

    def internet_gateways(self) -> list[dict]:
        found = self.ec2("describe_internet_gateways", "InternetGateways")
        return [
            gateway
            for gateway in found
            if not any(attachment["VpcId"] in self.default_vpcs for attachment in gateway.get("Attachments", []))
        ]

    def nat_gateways(self) -> list[dict]:
        return [item for item in self.ec2("describe_nat_gateways", "NatGateways") if item["State"] not in GONE]

    def endpoints(self) -> list[dict]:
        return [
            item for item in self.ec2("describe_vpc_endpoints", "VpcEndpoints") if item["State"].lower() not in GONE
        ]

    def kms_keys(self) -> list[dict]:
        kms = self.account.client("kms")
        found = [
            kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
            for key in self.account.pages("kms", "list_keys", "Keys")
        ]
        ours = [key for key in found if key["KeyManager"] == "CUSTOMER" and key["KeyState"] != "PendingDeletion"]
        return [{**key, "Tags": kms.list_resource_tags(KeyId=key["KeyId"])["Tags"]} for key in ours]

    def aliases(self) -> list[dict]:
        found = self.account.pages("kms", "list_aliases", "Aliases")
        return [alias for alias in found if not alias["AliasName"].startswith("alias/aws/")]

    def log_groups(self) -> list[dict]:
        logs = self.account.client("logs")
        return [
            {**group, "tags": logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*"))["tags"]}
            for group in self.account.pages("logs", "describe_log_groups", "logGroups")
        ]

    def roles(self) -> list[dict]:
        iam = self.account.client("iam")
        return [
            iam.get_role(RoleName=role["RoleName"])["Role"] for role in self.account.pages("iam", "list_roles", "Roles")
        ]

    def policies(self) -> list[dict]:
        iam = self.account.client("iam")
        return [
            iam.get_policy(PolicyArn=policy["Arn"])["Policy"]
            for policy in self.account.pages("iam", "list_policies", "Policies", Scope="Local")
        ]

    def oidc_providers(self) -> list[dict]:
        iam = self.account.client("iam")
        arns = [item["Arn"] for item in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
        return [{"Arn": arn, **iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)} for arn in arns]

    def clusters(self) -> list[dict]:
        eks = self.account.client("eks")
        return [
            eks.describe_cluster(name=name)["cluster"]
            for name in self.account.pages("eks", "list_clusters", "clusters")
        ]

    def of_cluster(self, cluster: str, plural: str, list_member: str, name_member: str, singular: str) -> list[dict]:
        eks = self.account.client("eks")
        describe = getattr(eks, f"describe_{singular}")
        member = {"nodegroup": "nodegroup", "addon": "addon", "access_entry": "accessEntry"}[singular]
        return [
            describe(clusterName=cluster, **{name_member: name})[member]
            for name in self.account.pages("eks", f"list_{plural}", list_member, clusterName=cluster)
        ]

    def node_groups(self, cluster: str) -> list[dict]:
        return self.of_cluster(cluster, "nodegroups", "nodegroups", "nodegroupName", "nodegroup")

    def addons(self, cluster: str) -> list[dict]:
        return self.of_cluster(cluster, "addons", "addons", "addonName", "addon")

    def access_entries(self, cluster: str) -> list[dict]:
        return self.of_cluster(cluster, "access_entries", "accessEntries", "principalArn", "access_entry")

    def instance_profiles(self) -> list[dict]:
        iam = self.account.client("iam")
        names = [
            item["InstanceProfileName"]
            for item in self.account.pages("iam", "list_instance_profiles", "InstanceProfiles")
        ]
        return [iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"] for name in names]

    def instances(self) -> list[dict]:
        found = [item for group in self.ec2("describe_instances", "Reservations") for item in group["Instances"]]
        return [item for item in found if item["State"]["Name"] not in ("shutting-down", "terminated")]

    def of_bucket(self, name: str, operation: str, member: str) -> Any:
        """A part of a bucket; S3 answers with an error where a bucket doesn't have it."""
        try:
            return getattr(self.account.client("s3"), operation)(Bucket=name)[member]
        except ClientError as error:
            if not error.response["Error"]["Code"].startswith("NoSuch"):
                raise
            return None

    def buckets(self) -> list[dict]:
        found = self.account.client("s3").list_buckets()["Buckets"]
        return [{**item, "Tags": self.of_bucket(item["Name"], "get_bucket_tagging", "TagSet")} for item in found]

    def secrets(self) -> list[dict]:
        return self.account.pages("secretsmanager", "list_secrets", "SecretList")

    # ---- the census

    def count(self) -> Census:
        census: Census = {}
        for part in (self._network, self._encryption, self._logs, self._eks, self._iam, self._bastion):
            census.update(part())
        return {kind: self.sorted(items) for kind, items in census.items()}

    def _network(self) -> dict[str, list]:
        for kind, id_member, found in (
            ("vpc", "VpcId", self.vpcs()),
            ("subnet", "SubnetId", self.in_vpcs("describe_subnets", "Subnets")),
            ("internet gateway", "InternetGatewayId", self.internet_gateways()),
            ("NAT gateway", "NatGatewayId", self.nat_gateways()),
            ("address", "AllocationId", self.ec2("describe_addresses", "Addresses")),
            ("flow log", "FlowLogId", self.ec2("describe_flow_logs", "FlowLogs")),
        ):
            for item in found:
                self.named(kind, item[id_member], name_of(item))
        groups = self.in_vpcs("describe_security_groups", "SecurityGroups")
        for group in groups:
            # EKS ends the name of the group that it makes for a cluster with a number of its own.
            self.named("group", group["GroupId"], re.sub(r"^(eks-cluster-sg-.*)-\d+$", r"\1", group["GroupName"]))
        tables = self.in_vpcs("describe_route_tables", "RouteTables")
        for table in tables:
            self.named("route table", table["RouteTableId"], "main" if _is_main(table) else name_of(table))
        return {
            "VPCs": [f"{name_of(vpc)} {vpc['CidrBlock']}" for vpc in self.vpcs()],
            "subnets": [
                [name_of(item), item["VpcId"], item["AvailabilityZone"], item["CidrBlock"]]
                for item in self.in_vpcs("describe_subnets", "Subnets")
            ],
            "internet gateways": [
                [name_of(item), [attachment["VpcId"] for attachment in item.get("Attachments", [])]]
                for item in self.internet_gateways()
            ],
            "NAT gateways": [[name_of(item), item["SubnetId"], item["State"]] for item in self.nat_gateways()],
            "addresses": [name_of(item) for item in self.ec2("describe_addresses", "Addresses")],
            "route tables": [self._route_table(table) for table in tables],
            "security groups": [
                [
                    self.names[group["GroupId"]],
                    group["VpcId"],
                    self.sorted(_rules(group["IpPermissions"])),
                    self.sorted(_rules(group["IpPermissionsEgress"])),
                ]
                for group in groups
            ],
            "endpoints": [
                [
                    item["ServiceName"],
                    self.sorted(item.get("RouteTableIds", [])),
                    self.sorted(item.get("SubnetIds", [])),
                ]
                for item in self.endpoints()
            ],
            "flow logs": [
                [name_of(item), item["ResourceId"], item.get("TrafficType")]
                for item in self.ec2("describe_flow_logs", "FlowLogs")
            ],
            "launch templates": [
                # Versions are not counted: a template may have been completed in steps.
                [item["LaunchTemplateName"], self._template(item["LaunchTemplateId"])]
                for item in self.ec2("describe_launch_templates", "LaunchTemplates")
            ],
        }

    def _route_table(self, table: dict) -> list:
        name = "main" if _is_main(table) else name_of(table)
        routes = self.sorted(
            {key: route[key] for key in ("DestinationCidrBlock", "GatewayId", "NatGatewayId") if route.get(key)}
            for route in table["Routes"]
            if not str(route.get("GatewayId", "")).startswith("vpce-")
        )
        subnets = self.sorted(item["SubnetId"] for item in table["Associations"] if item.get("SubnetId"))
        return [name, routes, subnets]

    def _template(self, template_id: str) -> dict:
        (version,) = self.ec2(
            "describe_launch_template_versions",
            "LaunchTemplateVersions",
            LaunchTemplateId=template_id,
            Versions=["$Default"],
        )
        return version["LaunchTemplateData"]

    def _encryption(self) -> dict[str, list]:
        kms = self.account.client("kms")
        keys = self.kms_keys()
        for key in keys:
            self.named("key", key["KeyId"], name_of(key))
        return {
            "keys": [
                [name_of(key), key["KeyState"], kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"]]
                for key in keys
            ],
            "aliases": [[alias["AliasName"], alias.get("TargetKeyId")] for alias in self.aliases()],
        }

    def _logs(self) -> dict[str, list]:
        return {
            "log groups": [
                [group["logGroupName"], group.get("retentionInDays"), group.get("kmsKeyId")]
                for group in self.log_groups()
            ]
        }

    def _eks(self) -> dict[str, list]:
        census: dict[str, list] = {"clusters": [], "node groups": [], "add-ons": [], "access entries": []}
        for cluster in self.clusters():
            name = cluster["name"]
            issuer = cluster.get("identity", {}).get("oidc", {}).get("issuer", "")
            if issuer:
                self.named("issuer", issuer.split("://")[-1], name)
            census["clusters"].append([name, cluster["status"], cluster["version"]])
            census["node groups"] += [
                [group["nodegroupName"], group["status"], group["scalingConfig"]] for group in self.node_groups(name)
            ]
            census["add-ons"] += [
                [addon["addonName"], addon["addonVersion"], addon["status"], addon.get("serviceAccountRoleArn")]
                for addon in self.addons(name)
            ]
            for entry in self.access_entries(name):
                policies = self.account.pages(
                    "eks",
                    "list_associated_access_policies",
                    "associatedAccessPolicies",
                    clusterName=name,
                    principalArn=entry["principalArn"],
                )
                census["access entries"].append(
                    [entry["principalArn"], entry.get("type"), sorted(policy["policyArn"] for policy in policies)]
                )
        return census

    def _iam(self) -> dict[str, list]:
        iam = self.account.client("iam")
        roles = []
        for role in self.roles():
            name = role["RoleName"]
            inline = {
                policy: document(iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])
                for policy in self.account.pages("iam", "list_role_policies", "PolicyNames", RoleName=name)
            }
            attached = self.account.pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name)
            trust = document(role["AssumeRolePolicyDocument"])
            roles.append([name, trust, inline, sorted(policy["PolicyName"] for policy in attached)])
        policies = [
            [
                policy["PolicyName"],
                document(
                    iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])[
                        "PolicyVersion"
                    ]["Document"]
                ),
            ]
            for policy in self.policies()
        ]
        return {
            "roles": roles,
            "policies": policies,
            "OIDC providers": [[item["Arn"], sorted(item["ClientIDList"])] for item in self.oidc_providers()],
            "instance profiles": [
                [profile["InstanceProfileName"], [role["RoleName"] for role in profile["Roles"]]]
                for profile in self.instance_profiles()
            ],
        }

    def _bastion(self) -> dict[str, list]:
        for secret in self.secrets():
            # Secrets Manager ends an ARN with six characters of its own.
            self.named("secret", secret["ARN"], secret["Name"])
        return {
            "instances": [
                [
                    name_of(item),
                    item["ImageId"],
                    item["InstanceType"],
                    item["State"]["Name"],
                    item["SubnetId"],
                    self.sorted(group["GroupId"] for group in item["SecurityGroups"]),
                    item.get("IamInstanceProfile", {}).get("Arn"),
                    item["MetadataOptions"],
                    item["Monitoring"],
                    item["EbsOptimized"],
                ]
                for item in self.instances()
            ],
            "volumes": [
                [name_of(item), item["Size"], item["VolumeType"], item["Encrypted"], item.get("KmsKeyId")]
                for item in self.ec2("describe_volumes", "Volumes")
            ],
            "buckets": [
                [
                    name,
                    document(self.of_bucket(name, "get_bucket_policy", "Policy") or {}),
                    self.of_bucket(name, "get_public_access_block", "PublicAccessBlockConfiguration"),
                    self.of_bucket(name, "get_bucket_encryption", "ServerSideEncryptionConfiguration"),
                    self.of_bucket(name, "get_bucket_lifecycle_configuration", "Rules"),
                ]
                for name in (bucket["Name"] for bucket in self.buckets())
            ],
            "secrets": [
                [secret["Name"], secret.get("Description"), secret.get("KmsKeyId")] for secret in self.secrets()
            ],
        }


def _is_main(table: dict) -> bool:
    return any(association.get("Main") for association in table["Associations"])


def _rules(permissions: Iterable[dict]) -> Iterable[str]:
    """Each rule by itself: AWS groups them as it likes."""
    for permission in permissions:
        ports = f"{permission['IpProtocol']} {permission.get('FromPort', '')}-{permission.get('ToPort', '')}"
        for members, member in RULE_PEERS.items():
            for peer in permission.get(members, []):
                yield f"{ports} {peer[member]}"


def take(account: Account) -> Census:
    return Lister(account).count()


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


def size(census: Census) -> int:
    return sum(len(items) for items in census.values())
