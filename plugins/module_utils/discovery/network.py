# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The platform's VPC and what lies in it.

The VPC is known by its tags. What lies in it is read by its place, whatever its tags: what has lost one of them is
still ours, and told from the rest by what it is to the platform.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from ..existing_vpc import ExistingVpc
from ..names import SECURITY_GROUPS
from .base import COMPONENT_TAG, Component, Search, filters_of, listed, name_of, tags_of, text_of

TIERS = ("public", "private")
TIER_TAG = "Tier"
ENDING = ("deleting", "deleted")
ALIVE = ("available", "pending")
# Lists of addresses that AWS keeps, by the fact that has their ids: what CloudFront sends from, which is what an
# interface of a VPC origin shows, and what gateway endpoints lead to.
PREFIX_LISTS = {
    "cloudfront_prefix_list_id": "com.amazonaws.global.cloudfront.origin-facing",
    "dynamodb_prefix_list_id": "com.amazonaws.{region}.dynamodb",
    "s3_prefix_list_id": "com.amazonaws.{region}.s3",
}
# Zones in which EKS makes no cluster, by id: names stand for other zones in each account.
BARRED_BY_EKS = ("use1-az3", "usw1-az2", "cac1-az3")
# What is read of the VPC: by operation its path in the answer, the member with the id, and the filter.
INSIDE = {
    "describe_subnets": ("Subnets", "SubnetId", "vpc-id"),
    "describe_nat_gateways": ("NatGateways", "NatGatewayId", "vpc-id"),
    "describe_route_tables": ("RouteTables", "RouteTableId", "vpc-id"),
    "describe_vpc_endpoints": ("VpcEndpoints", "VpcEndpointId", "vpc-id"),
    "describe_security_groups": ("SecurityGroups", "GroupId", "vpc-id"),
    "describe_flow_logs": ("FlowLogs", "FlowLogId", "resource-id"),
    "describe_network_acls": ("NetworkAcls", "NetworkAclId", "vpc-id"),
}
# Of these, what is ours in a VPC that others have made.
INSIDE_OTHERS = ("describe_vpc_endpoints", "describe_security_groups", "describe_flow_logs")
# Facts that tell of that VPC.
OF_OTHERS = (
    "vpc_id",
    "vpc_owner_id",
    "cidr_block",
    "cidr_blocks",
    "existing",
    "availability_zones",
    "subnets",
    "subnet_ids",
    "default_security_group_id",
    *PREFIX_LISTS,
)
# Two operations call their filters otherwise.
FILTER_MEMBERS = {"describe_nat_gateways": "Filter", "describe_flow_logs": "Filter"}
# Kinds whose foreign things are warned of. Groups and flow logs of others are common in a VPC, and do no harm.
WATCHED = ("describe_subnets", "describe_nat_gateways", "describe_route_tables", "describe_vpc_endpoints")


def empty(search: Search) -> dict[str, Any]:
    return {
        "vpc_id": None,
        "vpc_owner_id": None,
        "cidr_block": None,
        "cidr_blocks": [],
        "existing": {},
        "unclear_vpc_ids": [],
        "other_vpc_ids": [],
        "internet_gateway_id": None,
        "availability_zones": [],
        "subnets": {tier: [] for tier in TIERS},
        "subnet_ids": {tier: [] for tier in TIERS},
        "nat_gateways": [],
        "addresses": [],
        "route_tables": {"public": None, "private": {}},
        "security_groups": dict.fromkeys(SECURITY_GROUPS),
        "endpoints": {},
        "network_acls": dict.fromkeys(TIERS),
        "flow_log_id": None,
        "flow_log_group": None,
        "flow_log_role_arn": None,
        "default_security_group_id": None,
        **dict.fromkeys(PREFIX_LISTS),
        "spare": {},
    }


def collect(search: Search, facts: dict[str, Any]) -> None:
    log_group = f"/aws/vpc/{search.scope.prefix}/flow-logs"
    named = [{"Name": "tag:Name", "Values": [_vpc_name(search)]}]
    same_name = search.start("ec2", "describe_vpcs", Filters=named)
    # Of whichever component: one that has lost its name and its component is not forgotten either.
    owned = search.start("ec2", "describe_vpcs", Filters=filters_of(search.scope.owner_tags))
    gateways = search.start("ec2", "describe_internet_gateways")
    addresses = search.start("ec2", "describe_addresses")
    lists = _start_prefix_lists(search)
    roles = search.start_roles(["flow-logs"])
    log_groups = search.start_log_group(log_group)
    existing = ExistingVpc(search) if search.given.get("vpc") else None
    groups = search.start_owned("describe_security_groups") if existing else None

    found = [(answer.result() or {}).get("Vpcs", []) for answer in (owned, same_name)]
    vpc = existing.vpc() if existing else _vpc(search, facts, *found)
    vpc_id = vpc["VpcId"] if vpc else None
    if not existing:
        _add_internet_gateway(search, facts, (gateways.result() or {}).get("InternetGateways", []), vpc_id)
    if vpc:
        facts.update(
            vpc_id=vpc_id,
            vpc_owner_id=vpc.get("OwnerId", search.account_id),
            cidr_block=vpc["CidrBlock"],
            cidr_blocks=_networks(vpc),
            **_prefix_lists(search, lists.result()),
        )
        _Inside(search, facts, vpc_id, existing).collect()
    if existing or not vpc:
        # Without a VPC of its own the platform may be in one that isn't named any more.
        answer = (groups or search.start_owned("describe_security_groups")).result()
        _add_other_vpcs(search, facts, existing, found[0], search.owned(answer, "SecurityGroups"))
    _add_addresses(search, facts, (addresses.result() or {}).get("Addresses", []))
    facts["flow_log_role_arn"] = search.roles(roles)["flow-logs"]
    if search.check_log_group(log_group, log_groups, written=facts["flow_log_id"] is not None):
        facts["flow_log_group"] = log_group


def _networks(vpc: Mapping[str, Any]) -> list[str]:
    """All IPv4 networks of the VPC, its first one first."""
    associated = [
        item["CidrBlock"]
        for item in vpc.get("CidrBlockAssociationSet", [])
        if item.get("CidrBlockState", {}).get("State") in ("associated", "associating")
    ]
    return list(dict.fromkeys([vpc["CidrBlock"], *sorted(associated)]))


def _add_other_vpcs(
    search: Search, facts: dict[str, Any], existing: ExistingVpc | None, vpcs: list[dict], groups: list[dict]
) -> None:
    """Note where the platform is, or has begun to be, besides the VPC that is named: nothing may be built on both."""
    declared = existing.vpc_id if existing else None
    own = {vpc["VpcId"] for vpc in vpcs if search.owns(tags_of(vpc))} if existing else set()
    others = sorted({*own, *(group["VpcId"] for group in groups)} - {declared, *facts["unclear_vpc_ids"]})
    facts["other_vpc_ids"] = others
    if others:
        named = f"network_vpc_id is {declared}" if declared else "network_vpc_id names none"
        search.amiss.append(f"the platform is in {', '.join(others)}, and {named}")


def _names_of_lists(search: Search) -> dict[str, str]:
    return {fact: name.format(region=search.scope.region) for fact, name in PREFIX_LISTS.items()}


def _start_prefix_lists(search: Search) -> Future:
    named = [{"Name": "prefix-list-name", "Values": sorted(_names_of_lists(search).values())}]
    return search.start("ec2", "describe_managed_prefix_lists", Filters=named)


def _prefix_lists(search: Search, answer: Mapping[str, Any] | None) -> dict[str, str | None]:
    """The ids of those lists in the region; there is none of CloudFront where that isn't."""
    ids = {item["PrefixListName"]: item["PrefixListId"] for item in (answer or {}).get("PrefixLists", [])}
    return {fact: ids.get(name) for fact, name in _names_of_lists(search).items()}


def _vpc_name(search: Search) -> str:
    return search.scope.name("vpc", "ec2_tag_name")


def _vpc(search: Search, facts: dict[str, Any], of_platform: list[dict], same_name: list[dict]) -> dict | None:
    """The platform's VPC. Which of several is meant nobody but a person can say: all components would build on it."""
    name = _vpc_name(search)
    owned = [vpc for vpc in of_platform if search.owns(tags_of(vpc))]
    candidates = [vpc for vpc in owned if name_of(vpc) == name] or owned
    strays = {vpc["VpcId"]: vpc for vpc in same_name if name_of(vpc) == name}
    strays |= {
        vpc["VpcId"]: vpc
        for vpc in of_platform
        if search.scope.owns(tags_of(vpc)) and COMPONENT_TAG not in tags_of(vpc)
    }
    for identifier, stray in sorted(strays.items()):
        if not search.owns(tags_of(stray)):
            reason = f"is named {name}" if name_of(stray) == name else "carries the platform's tags"
            search.foreign(f"VPC {identifier}", tags_of(stray), reason)
            if search.keeps_marks(tags_of(stray)):
                facts["unclear_vpc_ids"].append(identifier)
    if len(candidates) > 1:
        facts["unclear_vpc_ids"] += sorted(vpc["VpcId"] for vpc in candidates)
        search.conflicts.append(
            {
                "component": search.component.name,
                "resource": "VPCs " + ", ".join(sorted(vpc["VpcId"] for vpc in candidates)),
                "reason": f"all carry the tags of the platform's network ({text_of(search.marks)})",
                "remedy": "delete the one that isn't the platform's, or take its tags away",
            }
        )
    if facts["unclear_vpc_ids"]:
        ids = ", ".join(facts["unclear_vpc_ids"])
        search.amiss.append(f"which VPC is the platform's isn't clear ({ids} bear its name or its tags)")
    if len(candidates) > 1:
        return None
    others = sorted(vpc["VpcId"] for vpc in owned if vpc not in candidates)
    if others:
        search.superfluous("VPCs", candidates[0]["VpcId"], *others)
    return candidates[0] if candidates else None


def _add_internet_gateway(search: Search, facts: dict[str, Any], gateways: list[dict], vpc_id: str | None) -> None:
    """The gateway of the VPC, or one of ours that no VPC has yet: a run may have ended before it was attached."""
    found = []
    for gateway in gateways:
        vpcs = {attachment["VpcId"] for attachment in gateway.get("Attachments", [])}
        tags = tags_of(gateway)
        if search.keeps_marks(tags) if vpcs == {vpc_id} else not vpcs and search.owns(tags):
            found.append(gateway)
    first, spare = _first(
        search, "internet gateways", found, "InternetGatewayId", lambda gateway: len(gateway.get("Attachments", []))
    )
    facts["internet_gateway_id"] = first and first["InternetGatewayId"]
    _spare(facts, "internet_gateways", [{"id": gateway["InternetGatewayId"]} for gateway in spare])


def _add_addresses(search: Search, facts: dict[str, Any], addresses: list[dict]) -> None:
    """Ours by their tags, or as those of our NAT gateways."""
    used = {nat["allocation_id"] for nat in [*facts["nat_gateways"], *facts["spare"].get("nat_gateways", [])]}
    ours = [
        address
        for address in addresses
        if search.owns(tags_of(address)) or (address["AllocationId"] in used and search.keeps_marks(tags_of(address)))
    ]
    facts["addresses"] = [
        {
            "allocation_id": address["AllocationId"],
            "public_ip": address["PublicIp"],
            "association_id": address.get("AssociationId"),
        }
        for address in sorted(ours, key=lambda address: (name_of(address) or "", address["PublicIp"]))
    ]


def _first(
    search: Search,
    kind: str,
    found: Iterable[dict],
    id_member: str,
    weight: Callable[[dict], Any] | None = None,
    made_at: str | None = None,
) -> tuple[dict | None, list[dict]]:
    """The one to go by, and those besides it, of which a person is told."""
    found = list(found)
    first = search.one(kind, found, id_member, weight=weight, made_at=made_at)
    return first, [other for other in found if other is not first]


def _spare(facts: dict[str, Any], kind: str, spare: list[dict]) -> None:
    """Note what is ours and nothing uses: it goes with the rest."""
    if spare:
        facts["spare"].setdefault(kind, []).extend(spare)


class _Inside:
    """What lies in the VPC. existing: what others have made, where the VPC isn't ours."""

    def __init__(self, search: Search, facts: dict[str, Any], vpc_id: str, existing: ExistingVpc | None = None):
        self.search = search
        self.facts = facts
        self.vpc_id = vpc_id
        self.existing = existing
        self.started: dict[str, Future] = {
            operation: search.start(
                "ec2", operation, **{FILTER_MEMBERS.get(operation, "Filters"): [{"Name": name, "Values": [vpc_id]}]}
            )
            for operation, (_path, _id_member, name) in INSIDE.items()
            if not existing or operation in INSIDE_OTHERS
        }

    def all(self, operation: str) -> list[dict]:
        """What the VPC has of one kind, without what is about to go."""
        path, _id_member, _filter = INSIDE[operation]
        return [
            item
            for item in (self.started[operation].result() or {}).get(path, [])
            if self.vpc_id in (item.get("VpcId"), item.get("ResourceId"))
            and str(item.get("State", "")).lower() not in ENDING
            and not _is_main(item)
        ]

    def is_ours(self, item: Mapping[str, Any]) -> bool:
        """By its tags. Among things of others a name like ours proves nothing."""
        tags, marks = tags_of(item), self.search.marks
        return self.search.keeps_marks(tags) and (not self.existing or len(marks.keys() - tags.keys()) <= 1)

    def ours(self, operation: str) -> list[dict]:
        return [item for item in self.all(operation) if self.is_ours(item)]

    def collect(self) -> None:
        if self.existing:
            self.existing.add(self.facts, self.existing.vpc())
            self.add_endpoints()
            self.existing.add_endpoints_of_others(self.facts, self.endpoints_of_others())
            self.add_security_groups()
            self.add_flow_log()
            return
        self.add_subnets()
        self.add_nat_gateways()
        self.add_route_tables()
        self.add_network_acls()
        self.add_endpoints()
        self.add_security_groups()
        self.add_flow_log()
        self.report_others()
        self.report_side_ways()

    def named(self, thing: str) -> Callable[[dict], bool]:
        name = self.search.scope.name(thing, "ec2_tag_name")
        return lambda item: name_of(item) == name

    def tier_of(self, subnet: Mapping[str, Any]) -> str | None:
        """What the subnet is for. Its name says it, too, so that a run of the network puts a lost tag back."""
        zone = subnet["AvailabilityZone"]
        by_name = next((tier for tier in TIERS if self.named(f"{tier}-{zone}")(subnet)), None)
        tier = tags_of(subnet).get(TIER_TAG)
        if tier in TIERS and by_name in (None, tier):
            return tier
        has = f"has the tag {TIER_TAG}={tier}" if tier else f"has no tag {TIER_TAG}"
        self.search.amiss.append(f"subnet {subnet['SubnetId']} ({name_of(subnet) or subnet['CidrBlock']}) {has}")
        return by_name

    def add_subnets(self) -> None:
        facts, places = self.facts, {}
        for subnet in self.ours("describe_subnets"):
            places.setdefault((self.tier_of(subnet), subnet["AvailabilityZone"]), []).append(subnet)
        for (tier, zone), subnets in sorted(places.items(), key=lambda place: (place[0][1], str(place[0][0]))):
            first, spare = None, subnets
            if tier:
                first, spare = _first(
                    self.search, f"{tier} subnets in {zone}", subnets, "SubnetId", self.named(f"{tier}-{zone}")
                )
                facts["subnets"][tier].append(_subnet(first))
                facts["subnet_ids"][tier].append(first["SubnetId"])
            _spare(facts, "subnets", [_subnet(subnet) for subnet in spare])
        facts["availability_zones"] = sorted(
            {subnet["availability_zone"] for tier in TIERS for subnet in facts["subnets"][tier]}
        )

    def add_nat_gateways(self) -> None:
        zones = {subnet["SubnetId"]: subnet["AvailabilityZone"] for subnet in self.all("describe_subnets")}
        places: dict[str, list[dict]] = {}
        for gateway in self.ours("describe_nat_gateways"):
            places.setdefault(zones.get(gateway.get("SubnetId"), ""), []).append(gateway)
        for zone, gateways in sorted(places.items()):
            name = self.named(f"nat-{zone}")
            first, spare = _first(
                self.search,
                f"NAT gateways in {zone}",
                gateways,
                "NatGatewayId",
                lambda gateway, name=name: (gateway["State"] in ALIVE, name(gateway)),
                "CreateTime",
            )
            self.facts["nat_gateways"].append(_nat_gateway(first, zone))
            _spare(self.facts, "nat_gateways", [_nat_gateway(gateway, zone) for gateway in spare])

    def add_route_tables(self) -> None:
        facts = self.facts
        places: dict[str | None, list[dict]] = {}
        users = dict.fromkeys(facts["subnet_ids"]["public"], "public")
        users |= {subnet["id"]: subnet["availability_zone"] for subnet in facts["subnets"]["private"]}
        private = self.search.scope.name("private", "ec2_tag_name") + "-"
        for table in self.ours("describe_route_tables"):
            name = name_of(table) or ""
            place = "public" if self.named("public")(table) else None
            if name.startswith(private):
                place = name.removeprefix(private)
            # A table without its name is known by the subnets that use it.
            serves = (users.get(item.get("SubnetId")) for item in table.get("Associations", []))
            places.setdefault(place or next(filter(None, serves), None), []).append(table)
        for place, tables in sorted(places.items(), key=lambda item: str(item[0])):
            first, spare = None, tables
            if place:
                thing = "public" if place == "public" else f"private-{place}"
                first, spare = _first(
                    self.search, f"route tables for {thing}", tables, "RouteTableId", self.named(thing)
                )
            if place == "public":
                facts["route_tables"]["public"] = first["RouteTableId"]
            elif place:
                facts["route_tables"]["private"][place] = first["RouteTableId"]
            _spare(facts, "route_tables", [{"id": table["RouteTableId"]} for table in spare])

    def add_network_acls(self) -> None:
        """One for each tier, known by its name or by the subnets that use it."""
        tiers = {subnet: tier for tier in TIERS for subnet in self.facts["subnet_ids"][tier]}
        places: dict[str | None, list[dict]] = {}
        for acl in self.ours("describe_network_acls"):
            named = next((tier for tier in TIERS if self.named(tier)(acl)), None)
            serves = (tiers.get(item.get("SubnetId")) for item in acl.get("Associations", []))
            # The one that AWS has made with the VPC has no tags, and is no one's.
            if not acl.get("IsDefault") and (named or self.owns(acl)):
                places.setdefault(named or next(filter(None, serves), None), []).append(acl)
        for tier, acls in sorted(places.items(), key=lambda item: str(item[0])):
            first, spare = None, acls
            if tier:
                first, spare = _first(self.search, f"{tier} network ACLs", acls, "NetworkAclId", self.named(tier))
                self.facts["network_acls"][tier] = first["NetworkAclId"]
            _spare(self.facts, "network_acls", [{"id": acl["NetworkAclId"]} for acl in spare])

    def add_endpoints(self) -> None:
        places: dict[str, list[dict]] = {}
        for endpoint in self.ours("describe_vpc_endpoints"):
            places.setdefault(_short(self.search, endpoint["ServiceName"]), []).append(endpoint)
        for service, endpoints in sorted(places.items()):
            name = self.named(f"endpoint-{service}")
            first, spare = _first(
                self.search, f"VPC endpoints of {service}", endpoints, "VpcEndpointId", name, "CreationTimestamp"
            )
            self.facts["endpoints"][service] = first["VpcEndpointId"]
            _spare(
                self.facts,
                "endpoints",
                [{"id": endpoint["VpcEndpointId"], "service": endpoint["ServiceName"]} for endpoint in spare],
            )

    def endpoints_of_others(self) -> list[tuple[str, dict]]:
        endpoints = self.all("describe_vpc_endpoints")
        return [
            (_short(self.search, endpoint["ServiceName"]), endpoint)
            for endpoint in endpoints
            if not self.is_ours(endpoint)
        ]

    def add_security_groups(self) -> None:
        search, facts = self.search, self.facts
        groups = {group["GroupName"]: group for group in self.all("describe_security_groups")}
        if "default" in groups:
            facts["default_security_group_id"] = groups.pop("default")["GroupId"]
        for thing in SECURITY_GROUPS:
            group = groups.pop(search.scope.name(thing, "security_group"), None)
            if group and self.is_ours(group):
                facts["security_groups"][thing] = group["GroupId"]
            elif group:
                search.foreign(f"security group {group['GroupName']} ({group['GroupId']})", tags_of(group))
        spare = [{"id": group["GroupId"], "name": name} for name, group in sorted(groups.items()) if self.owns(group)]
        _spare(facts, "security_groups", spare)

    def owns(self, item: Mapping[str, Any]) -> bool:
        return self.search.owns(tags_of(item))

    def add_flow_log(self) -> None:
        first, spare = _first(
            self.search,
            "flow logs",
            self.ours("describe_flow_logs"),
            "FlowLogId",
            self.named("flow-log"),
            "CreationTime",
        )
        self.facts["flow_log_id"] = first and first["FlowLogId"]
        _spare(self.facts, "flow_logs", [{"id": flow_log["FlowLogId"]} for flow_log in spare])

    def report_others(self) -> None:
        """Tell of what others have put into the VPC. What bears a name of ours may be ours, changed by someone."""
        strangers = []
        for operation in WATCHED:
            _path, id_member, _filter = INSIDE[operation]
            for item in self.all(operation):
                if self.search.keeps_marks(tags_of(item)):
                    continue
                if (name_of(item) or "").startswith(f"{self.search.scope.prefix}-"):
                    self.search.foreign(
                        item[id_member], tags_of(item), f"in VPC {self.vpc_id} is named {name_of(item)}"
                    )
                else:
                    strangers.append(item[id_member])
        if strangers:
            self.search.warnings.append(
                f"{self.search.component.name}: in VPC {self.vpc_id} others have {', '.join(strangers)}. They are left "
                "alone, and the VPC can't be removed before them."
            )

    def report_side_ways(self) -> None:
        """Tell of ways for traffic that the platform doesn't manage: network ACLs and the main route table."""
        warn, mine = self.search.warnings.append, {*self.facts["subnet_ids"]["public"]}
        mine |= {*self.facts["subnet_ids"]["private"]}
        managed = {
            *self.facts["network_acls"].values(),
            *(acl["id"] for acl in self.facts["spare"].get("network_acls", [])),
        }
        for acl in (self.started["describe_network_acls"].result() or {}).get("NetworkAcls", []):
            of_ours = sorted(item["SubnetId"] for item in acl.get("Associations", []) if item.get("SubnetId") in mine)
            refuses = not acl.get("IsDefault") or not _lets_all_through(acl.get("Entries", []))
            if of_ours and refuses and acl["NetworkAclId"] not in managed:
                warn(
                    f"{self.search.component.name}: network ACL {acl['NetworkAclId']}, which the platform doesn't "
                    f"manage, decides on the traffic of {', '.join(of_ours)}. Give them the VPC's default ACL as AWS "
                    "makes it, which lets all through, unless this is meant."
                )
        for table in (self.started["describe_route_tables"].result() or {}).get("RouteTables", []):
            routes = [route for route in table.get("Routes", []) if route.get("GatewayId") != "local"]
            if _is_main(table) and table.get("VpcId") == self.vpc_id and routes:
                warn(
                    f"{self.search.component.name}: the main route table {table['RouteTableId']}, which the platform "
                    "doesn't use, has routes besides the local one. What is put into a new subnet takes them."
                )


def _is_main(item: Mapping[str, Any]) -> bool:
    """Whether it's the VPC's main route table, which comes and goes with it."""
    return any(association.get("Main") for association in item.get("Associations", []))


def _lets_all_through(entries: Iterable[Mapping[str, Any]]) -> bool:
    """Whether an ACL is as AWS makes it: all is allowed in and out; the last entry, which AWS adds, denies the rest."""
    entries = [entry for entry in entries if entry.get("RuleNumber") != 32767 and "CidrBlock" in entry]
    return {entry.get("Egress") for entry in entries} == {True, False} and all(
        (entry["CidrBlock"], entry.get("Protocol"), entry.get("RuleAction")) == ("0.0.0.0/0", "-1", "allow")
        for entry in entries
    )


def _subnet(subnet: Mapping[str, Any]) -> dict[str, str]:
    return {
        "id": subnet["SubnetId"],
        "availability_zone": subnet["AvailabilityZone"],
        "cidr_block": subnet["CidrBlock"],
    }


def _nat_gateway(gateway: Mapping[str, Any], zone: str) -> dict[str, str | None]:
    address = (gateway.get("NatGatewayAddresses") or [{}])[0]
    return {
        "id": gateway["NatGatewayId"],
        "availability_zone": zone or None,
        "subnet_id": gateway.get("SubnetId"),
        "allocation_id": address.get("AllocationId"),
        "public_ip": address.get("PublicIp"),
        "state": gateway["State"],
    }


def offers(search: Search) -> dict[str, Any]:
    """The zones that the region offers to this account, by name with their ids; of these those that EKS takes; lists of
    addresses that AWS keeps; and for which services there are endpoints."""
    lists = _start_prefix_lists(search)
    services = search.start("ec2", "describe_vpc_endpoint_services", Filters=[{"Name": "owner", "Values": ["amazon"]}])
    standard = [{"Name": "zone-type", "Values": ["availability-zone"]}, {"Name": "state", "Values": ["available"]}]
    answer = search.read("ec2", "describe_availability_zones", Filters=standard)
    zones = {zone["ZoneName"]: zone["ZoneId"] for zone in (answer or {}).get("AvailabilityZones", [])}
    usable = sorted(name for name, zone_id in zones.items() if zone_id not in BARRED_BY_EKS)
    return {
        "zones": zones,
        "usable_zones": usable,
        **_prefix_lists(search, lists.result()),
        "endpoint_services": _endpoint_services(search, services.result()),
    }


def _endpoint_services(search: Search, answer: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """By service, as endpoints are declared, in which zones it has one, and whether that takes a policy."""
    found: dict[str, dict[str, Any]] = {}
    for service in (answer or {}).get("ServiceDetails", []):
        short = found.setdefault(
            _short(search, service["ServiceName"]),
            {"zones": [], "takes_policy": service.get("VpcEndpointPolicySupported", True)},
        )
        short["zones"] = sorted({*short["zones"], *service.get("AvailabilityZones", [])})
    return found


def _short(search: Search, service: str) -> str:
    """com.amazonaws.us-west-2.ecr.api is ecr.api; in China some begin differently."""
    short = service.split(f".{search.scope.region}.", 1)[-1]
    return short.removesuffix(".cn") if search.scope.region.startswith("cn-") else short


def summary(facts: Mapping[str, Any]) -> list[str]:
    subnets = [f"{len(facts['subnets'][tier])} {tier}" for tier in TIERS]
    if facts["existing"]:
        return [
            f"{facts['vpc_id']} {', '.join(facts['cidr_blocks'])} in {listed(facts['availability_zones'])}, which"
            " others have made",
            f"subnets: {', '.join(subnets)}; endpoints of the platform: {listed(sorted(facts['endpoints']))}",
        ]
    nats = [f"{nat['id']} {nat['state']} {nat['public_ip']}" for nat in facts["nat_gateways"]]
    return [
        f"{facts['vpc_id']} {facts['cidr_block']} in {listed(facts['availability_zones'])}",
        f"subnets: {', '.join(subnets)}; endpoints: {listed(sorted(facts['endpoints']))}",
        f"NAT gateways: {listed(nats)}",
    ]


COMPONENT = Component(
    name="network",
    services=("ec2", "iam", "logs"),
    empty=empty,
    collect=collect,
    # A VPC alone carries nothing: the next components need private subnets to put things in.
    # In one that others have made the platform's own are the security groups.
    exists=lambda facts: bool(
        facts["vpc_id"]
        and facts["subnet_ids"]["private"]
        and (not facts["existing"] or any(facts["security_groups"].values()))
    ),
    theirs=lambda facts: OF_OTHERS if facts["existing"] else (),
    summary=summary,
    offers=offers,
    quotas=("trust_policy", "policies_per_role", "rules_per_group", "rules_per_acl", "vpcs", "elastic_ips"),
)
