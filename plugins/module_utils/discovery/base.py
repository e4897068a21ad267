# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the discovery of every component has in common: reads side by side, ownership, names held by others."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict

from ..faults import AWS_ERRORS, CREDENTIAL_CODES, DENIED_CODES, ResourceError, describe_failure, error_code
from ..kubernetes_api import Api, connect, marks, selector
from ..names import resource_name
from ..policies import to_document
from ..principals import principal_of, role_of

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports the missing library
    from botocore.exceptions import NoCredentialsError, PartialCredentialsError

READS = ("describe_", "get_", "list_")
# How the codes end, or begin, that say "there is none": InvalidVpcID.NotFound, ResourceNotFoundException, NoSuchEntity.
MISSING_ENDS = ("NotFound", "NotFoundError", "NotFoundException", "NotFoundFault")
MISSING_BEGINS = "NoSuch"
# ElastiCache tells no tags of what is being changed at the moment, Systems Manager none of what has just gone.
UNREADABLE = frozenset({"InvalidReplicationGroupState", "InvalidResourceId"})

# The tags, besides those of the platform, by which its parts are told apart; and two platforms of one name.
COMPONENT_TAG = "Component"
REGION_TAG = "Region"

# Of the partitions whose services have names of their own.
DNS_SUFFIXES = {
    "aws-cn": "amazonaws.com.cn",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
    "aws-iso-e": "cloud.adc-e.uk",
    "aws-iso-f": "csp.hci.ic.gov",
    "aws-eusc": "amazonaws.eu",
}

IAM_ROLE = "iam_role"
LOG_GROUP = "log_group"


def dns_suffix(partition: str) -> str:
    """How the names of the partition's services end."""
    return DNS_SUFFIXES.get(partition, "amazonaws.com")


def tags_of(resource: Mapping[str, Any], member: str = "Tags") -> dict[str, str]:
    """The tags of a resource as a dict, whichever of the two forms its service has (KMS spells a third)."""
    tags = resource.get(member) or {}
    if isinstance(tags, Mapping):
        return dict(tags)
    if tags and "TagKey" in tags[0]:
        return boto3_tag_list_to_ansible_dict(tags, "TagKey", "TagValue")
    return boto3_tag_list_to_ansible_dict(tags)


def bears(tags: Mapping[str, str], marks: Mapping[str, Any]) -> bool:
    return all(tags.get(key) == str(value) for key, value in marks.items())


def text_of(tags: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in tags.items())


def filters_of(tags: Mapping[str, Any]) -> list[dict]:
    """EC2's filters for what carries the tags."""
    return [{"Name": f"tag:{key}", "Values": [str(value)]} for key, value in tags.items()]


def name_of(resource: Mapping[str, Any]) -> str | None:
    """The tag Name, which EC2 resources have in place of a name."""
    return tags_of(resource).get("Name")


def if_allowed(future: Future) -> dict | None:
    """What was read, or None also where the caller may not read it, which a run can do without."""
    try:
        return future.result()
    except ResourceError as error:
        if error_code(error.cause) not in DENIED_CODES:
            raise
        return None


class Reader:
    """Reads AWS, several calls at a time, through clients made beforehand (making them is not safe in threads)."""

    def __init__(self, clients: Mapping[str, Any], executor: Executor):
        self.clients = clients
        self.executor = executor
        self.failed: ResourceError | None = None

    def read(self, service: str, operation: str, **params: Any) -> dict | None:
        """The whole answer, all pages of it; None if AWS says that there is no such thing, or not to be read now."""
        if not operation.startswith(READS):
            raise ValueError(f"{service}.{operation} is not a read")
        if self.failed:
            raise self.failed  # the answer would not be used; don't wait for more of the same
        client = self.clients[service]
        try:
            if client.can_paginate(operation):
                return client.get_paginator(operation).paginate(**params).build_full_result()
            return getattr(client, operation)(**params)
        except AWS_ERRORS as error:
            code = error_code(error)
            if code.endswith(MISSING_ENDS) or code.startswith(MISSING_BEGINS) or code in UNREADABLE:
                return None
            failure = self.failure(client, operation, error)
            if code not in DENIED_CODES:
                self.failed = failure
            raise failure from error

    def start(self, service: str, operation: str, **params: Any) -> Future:
        """The same, beside what else is being read; the answer is in the future's result()."""
        return self.executor.submit(self.read, service, operation, **params)

    @staticmethod
    def failure(client: Any, operation: str, error: Exception) -> ResourceError:
        api = client.meta.method_to_api_mapping[operation]
        service = client.meta.service_model.signing_name
        where = f" at {client.meta.endpoint_url}" if client.meta.endpoint_url else ""
        doing = f"read the platform's state from {service}{where}"
        if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
            doing = "read the platform's state without AWS credentials"
        elif error_code(error) in CREDENTIAL_CODES:
            doing = f"read the platform's state from {service} with these AWS credentials"
        return ResourceError(describe_failure(error, doing, service, api), error)


class OptionalReader(Reader):
    """Reads what a run can do without, each thing once.

    What can't be read is None, and `unread` says why; nothing more is asked of a service that has failed, but for one
    that only refuses single calls.
    """

    def __init__(self, clients: Mapping[str, Any], executor: Executor):
        super().__init__(clients, executor)
        self.services = {service: Reader({service: client}, executor) for service, client in clients.items()}
        self.started: dict[str, Future] = {}
        self.lock = threading.Lock()
        self.unread: dict[str, None] = {}

    def read(self, service: str, operation: str, **params: Any) -> dict | None:
        return self.start(service, operation, **params).result()

    def start(self, service: str, operation: str, **params: Any) -> Future:
        with self.lock:
            call = f"{service} {operation} {params}"
            if call not in self.started:
                self.started[call] = self.executor.submit(self._read, service, operation, params)
            return self.started[call]

    def _read(self, service: str, operation: str, params: Mapping[str, Any]) -> dict | None:
        try:
            return self.services[service].read(service, operation, **params)
        except ResourceError as error:
            self.unread[str(error)] = None
            return None


class Cluster:
    """Reads the API of the platform's cluster, as far as there is a way to it.

    What can't be read is missing, and `warnings` says why, once: a run tells of all else without it. connect: makes the
    way to it, where there is one.
    """

    # A cluster out of reach must not keep a run waiting.
    PATIENCE, SECONDS = 5.0, 10.0

    def __init__(self, connect: Callable[[], Api] | None = None):
        self.connect = connect
        self.warnings: list[str] = []
        self._api: Api | None = None
        self._lock = threading.Lock()

    @classmethod
    def of(cls, kubeconfig: str | None) -> Cluster:
        """The cluster that a kubeconfig leads to; none without one."""
        return cls(functools.partial(connect, kubeconfig, cls.PATIENCE, cls.SECONDS) if kubeconfig else None)

    @property
    def reached(self) -> bool:
        """Whether what was not found isn't there, as far as is known by now."""
        return self.connect is not None and not self.warnings

    def list(self, api_version: str, kind: str, namespace: str | None, labels: str, fields: str) -> list[dict]:
        try:
            api = self._connected()
            served = api.kind(api_version, kind) if api else None
            return api.list(served, namespace, labels, fields) if served else []
        except ResourceError as error:
            with self._lock:
                self.warnings = self.warnings or [f"What is in the cluster isn't known. {error}"]
            return []

    def _connected(self) -> Api | None:
        with self._lock:
            if self.connect is None or self.warnings:
                return None
            if self._api is None:
                self._api = self.connect()
            return self._api


@dataclass(frozen=True)
class Scope:
    """Which platform is meant: the prefix of its names, the tags of what it owns, where it lives.

    path: the path of its parameters. models: ids of the models and inference profiles of Bedrock that it names.
    images: ids of the machine images that it names, and parameters that hold one.
    existing_roles: ARNs of roles that someone else has made for it, by the names of those in whose place they are.
    """

    prefix: str
    owner_tags: Mapping[str, str]
    region: str
    # Names of what a component makes from a list, such as node groups: component -> names, or -> dict of such lists.
    entries: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""
    models: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    existing_roles: Mapping[str, str] = field(default_factory=dict)

    def name(self, thing: str, kind: str) -> str:
        return resource_name(thing, self.prefix, kind)

    def owns(self, tags: Mapping[str, str]) -> bool:
        """Whether the tags are the platform's, of whichever component."""
        return bears(tags, self.owner_tags)


class Search:
    """The discovery of one component: what it reads, and what it finds amiss on the way."""

    def __init__(
        self,
        component: Component,
        scope: Scope,
        reader: Reader,
        account_id: str,
        cluster: Cluster | None = None,
        caller_arn: str = "",
    ):
        self.component = component
        self.cluster = cluster or Cluster()
        self.asks_cluster = False
        self.scope = scope
        self.account_id = account_id
        self.caller_arn = caller_arn
        # Who looks, as an access entry of the cluster or a policy names him, and what the entry gives him.
        self.deployer: dict[str, str | None] = {"principal_arn": None, "rights": None}
        self.reader = reader
        self.read = reader.read
        self.start = reader.start
        self.warnings: list[str] = []
        self.conflicts: list[dict[str, str]] = []
        # What is declared, or was made, and can't be placed: nothing may build on the component before that is mended.
        self.amiss: list[str] = []
        # What is there of roles that someone else has made, and own ones in whose place they are.
        self.existing_roles: dict[str, dict[str, Any]] = {}
        self.replaced_roles: list[str] = []

    @property
    def partition(self) -> str:
        """The partition that the platform's region is in."""
        return self.reader.clients[self.component.services[0]].meta.partition

    @property
    def entries(self) -> list[str]:
        return self.scope.entries.get(self.component.name, [])

    @property
    def given(self) -> Mapping[str, list[str]]:
        """The entries of a component that tells its lists apart."""
        return self.scope.entries.get(self.component.name) or {}

    @property
    def marks(self) -> dict[str, str]:
        """The tags of what this component of the platform owns."""
        owner = {key: str(value) for key, value in self.scope.owner_tags.items()}
        return {**owner, COMPONENT_TAG: self.component.name}

    def owns(self, tags: Mapping[str, str]) -> bool:
        """Whether the tags are this component's; scope.owns() asks for the platform only."""
        return bears(tags, self.marks)

    @property
    def filters(self) -> list[dict]:
        """EC2's filters for what the component owns."""
        return filters_of(self.marks)

    def start_owned(self, operation: str, filter_member: str = "Filters") -> Future:
        """Read all of one kind of EC2 resources that the component owns."""
        return self.start("ec2", operation, **{filter_member: self.filters})

    def owned(self, answer: dict | None, member: str, **equal: Any) -> list[dict]:
        """Of an answer's resources those that the component owns and whose members have the values given."""
        return [
            resource
            for resource in (answer or {}).get(member, [])
            if self.owns(tags_of(resource)) and all(resource.get(key) == value for key, value in equal.items())
        ]

    def one(
        self,
        kind: str,
        resources: Iterable[dict],
        id_member: str,
        weight: Callable[[dict], Any] | None = None,
        made_at: str | None = None,
    ):
        """The resource to go by where there should be one: that of the greatest weight, the oldest, of the lowest id.

        made_at: the member that tells when it was made, where there is one. The modules rank them alike.
        """
        ranked = sorted(resources, key=lambda resource: (resource[made_at] if made_at else 0, resource[id_member]))
        if weight:
            ranked.sort(key=weight, reverse=True)
        if len(ranked) > 1:
            self.superfluous(kind, *(resource[id_member] for resource in ranked))
        return ranked[0] if ranked else None

    def superfluous(self, kind: str, used: str, *others: str) -> None:
        """Warn of what is there besides the one that is used."""
        self.warnings.append(
            f"{self.component.name}: {1 + len(others)} {kind} carry the platform's tags ({text_of(self.marks)})"
            f" where one is expected. {used} is used; left alone: {', '.join(others)}."
            " Remove what is not needed, or its tags."
        )

    def foreign(self, resource: str, tags: Mapping[str, str], reason: str = "exists") -> None:
        """Note that a name of ours is held by something without our tags, and whose it is by those that it has."""
        whose, remedy = self.whose(tags)
        self.conflicts.append(
            {
                "component": self.component.name,
                "resource": resource,
                "reason": f"{reason} {whose}",
                "remedy": remedy,
            }
        )

    def whose(self, tags: Mapping[str, str]) -> tuple[str, str]:
        """Whose something with these tags is, and what helps."""
        differs = {key for key, value in self.marks.items() if tags.get(key) != value}
        if differs == {COMPONENT_TAG} and COMPONENT_TAG in tags:
            return (
                f"and belongs to the component {tags[COMPONENT_TAG]} of this platform",
                "rename what one of the two components makes",
            )
        if REGION_TAG in tags and {REGION_TAG} <= differs <= {REGION_TAG, COMPONENT_TAG}:
            return (
                f"and belongs to the platform of the same name in {tags[REGION_TAG]}",
                "give one of the two another platform_environment or platform_name",
            )
        return (
            f"without the tags of this platform ({text_of(self.marks)})",
            "rename the platform (platform_name), or remove it or give it these tags yourself",
        )

    def keeps_marks(self, tags: Mapping[str, str]) -> bool:
        """Whether something in a place of ours, such as our VPC, is ours though a tag may be lost.

        It bears a name of ours, or all of our tags but one, and none of them with another value. A single one, such as
        Environment=dev, proves nothing.
        """
        lost = [key for key in self.marks if key not in tags]
        named = tags.get("Name", "").startswith(f"{self.scope.prefix}-")
        return (named or len(lost) <= 1) and all(tags.get(key, value) == value for key, value in self.marks.items())

    def start_principal(self) -> Callable[[], str]:
        """What gives the principal that a policy must name for this run: of a session its role, with its path."""
        caller = role_of(self.caller_arn)
        started = self.start("iam", "get_role", RoleName=caller) if caller else None
        return lambda: principal_of(self.caller_arn, lambda _name: if_allowed(started) if started else None)

    def start_roles(self, things: Iterable[str]) -> dict[tuple[str, str | None], Future]:
        """The look at roles of ours, and at those in their place: by what each is for, and by the ARN of the other."""
        wanted = {(thing, None): self.scope.name(thing, IAM_ROLE) for thing in things}
        for thing, name in list(wanted.items()):
            if arn := self.scope.existing_roles.get(thing[0]):
                if name_of_role(arn).lower() == name.lower():
                    del wanted[thing]
                wanted[thing[0], arn] = name_of_role(arn)
        return {key: self.start("iam", "get_role", RoleName=name) for key, name in wanted.items()}

    def roles(self, started: Mapping[tuple[str, str | None], Future]) -> dict[str, str | None]:
        """The ARNs of the roles that are ours or in their place, null for those that are missing or someone else's."""
        arns: dict[str, str | None] = {}
        for (thing, existing), future in started.items():
            role = (future.result() or {}).get("Role")
            arns[thing] = None
            if existing:
                there = role is not None and role["Arn"] == existing
                trusted = _principals(to_document(role["AssumeRolePolicyDocument"])) if there else []
                self.existing_roles[thing] = {"arn": existing, "exists": there, "trusted": trusted}
                arns[thing] = existing if there else None
            elif role and thing in self.scope.existing_roles:
                # Another one is used, so whoever has this one may keep it.
                if self.owns(tags_of(role)):
                    self.replaced_roles.append(role["RoleName"])
            elif role and self.owns(tags_of(role)):
                arns[thing] = role["Arn"]
            elif role:
                self.foreign(f"IAM role {role['RoleName']}", tags_of(role))
        return arns

    def secret(self, secret: Mapping[str, Any] | None) -> tuple[str | None, str | None]:
        """Name and ARN of a secret of ours, unless it is to be deleted: then it can be brought back, and nothing may
        read it."""
        if secret and not self.owns(tags_of(secret)):
            self.foreign(f"secret {secret['Name']}", tags_of(secret))
            return None, None
        there = secret and not secret.get("DeletedDate")
        return (secret["Name"], secret["ARN"]) if there else (None, None)

    def bucket(self, kind: str, listed: Mapping[str, Any] | None) -> str | None:
        """Name of a bucket of ours, if it is among those of this account that S3 lists; a name that another account has
        taken shows only when it is asked for."""
        name = self.scope.name(kind, "s3_bucket")
        if name not in [bucket["Name"] for bucket in (listed or {}).get("Buckets", [])]:
            return None
        tags = tags_of(self.read("s3", "get_bucket_tagging", Bucket=name) or {}, "TagSet")
        if not self.owns(tags):
            self.foreign(f"S3 bucket {name}", tags)
            return None
        return name

    def check_log_group(self, name: str, started: Future, written: bool, remade: bool = False) -> str | None:
        """Note a log group of ours that is someone else's; the name of one that is ours.

        written: something of ours writes to it. Then AWS itself makes the group again when it was deleted, without
        tags, so a group without tags is no one else's. remade: a service of AWS may have done so even after the end of
        what wrote to it.
        """
        groups = (started.result() or {}).get("logGroups", [])
        arn = next((group["arn"].removesuffix(":*") for group in groups if group["logGroupName"] == name), None)
        if arn is None or written:
            return arn and name
        tags = self.read("logs", "list_tags_for_resource", resourceArn=arn)
        found = tags_of(tags or {}, "tags")
        if tags is not None and not self.owns(found) and not (remade and not found):
            self.foreign(f"log group {name}", found)
            return None
        return None if tags is None else name

    def objects(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        labels: Mapping[str, str] | None = None,
        name: str | None = None,
        ours: bool = True,
    ) -> list[dict]:
        """Objects in the cluster that this component has made, or with ours=False of anyone, in the order of their
        names; none where the cluster isn't reached or doesn't know the kind.

        labels: what they bear, besides. name: the one of that name, in each namespace.
        """
        self.asks_cluster = True
        wanted = {**(marks(self.scope.prefix, self.component.name) if ours else {}), **(labels or {})}
        fields = f"metadata.name={name}" if name else ""
        found = self.cluster.list(api_version, kind, namespace, selector(wanted), fields)
        return sorted(found, key=lambda item: (item["metadata"].get("namespace", ""), item["metadata"]["name"]))

    def start_objects(self, api_version: str, kind: str, **wanted: Any) -> Future:
        """The same, beside what else is being read."""
        return self.reader.executor.submit(self.objects, api_version, kind, **wanted)

    def start_log_group(self, name: str) -> Future:
        return self.start("logs", "describe_log_groups", logGroupNamePrefix=name)


@dataclass(frozen=True)
class Component:
    """One component of the platform, as discovery knows it.

    services: the AWS services it is read from; with @ and a region one in another region than the platform's. What is
    in the cluster is read from that, see Search.objects.
    empty: its facts when nothing exists, with every key. collect: fills a copy of empty.
    exists: whether the facts hold what other components build on.
    summary: what a person wants to know of one that exists, as lines.
    offers: what AWS offers this account for it (zones, versions, quotas), read only when that is asked for. Calls that
    fail answer None, so each value must bear that it isn't known. offered_by: services for that besides `services`.
    quotas: those of module_utils/quotas.py that it takes from; they are an offer, too.
    offer_lines: what a person wants to know of one that exists, given the facts and the offers.
    theirs: of the facts those that tell of what others have made, which doesn't mean that there is any of it.
    idle: why there is nothing of it, where the lists that it makes things from are empty.
    going: when AWS removes what exists of it, where that has been asked for.
    """

    name: str
    services: tuple[str, ...]
    empty: Callable[[Search], dict[str, Any]]
    collect: Callable[[Search, dict[str, Any]], None]
    exists: Callable[[Mapping[str, Any]], bool]
    summary: Callable[[Mapping[str, Any]], list[str]]
    offers: Callable[[Search], dict[str, Any]] | None = None
    offered_by: tuple[str, ...] = ()
    quotas: tuple[str, ...] = ()
    offer_lines: Callable[[Mapping[str, Any], Mapping[str, Any]], list[str]] | None = None
    theirs: Callable[[Mapping[str, Any]], Iterable[str]] = lambda facts: ()
    idle: str | None = None
    going: Callable[[Mapping[str, Any]], str | None] = lambda facts: None

    def describe(
        self, search: Search, facts: Mapping[str, Any], offers: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """How far the component exists, and lines that tell of it.

        It has begun to exist, and has not gone yet, as long as any of its facts is not empty. Roles that someone else
        has made stay, so they don't count.
        """
        if search.scope.existing_roles:
            facts = _without(facts, set(search.scope.existing_roles.values()))
        if going := self.going(facts):
            return {"state": "going", "lines": [going]}
        if self.exists(facts):
            offered = self.offer_lines(facts, offers) if self.offer_lines and offers else []
            return {"state": "exists", "lines": [*self.summary(facts), *offered]}
        empty = self.empty(search)
        for fact in self.theirs(facts):
            empty[fact] = facts[fact]
        begun = [f"{fact} {_brief(value)}" for fact, value in facts.items() if value != empty[fact]]
        if begun:
            return {"state": "partial", "lines": ["only " + ", ".join(begun)]}
        return {"state": "absent", "lines": [self.idle] if self.idle and not search.entries else []}


def _without(facts: Any, texts: Collection[str]) -> Any:
    """The facts with null in place of some texts."""
    if isinstance(facts, Mapping):
        return {key: _without(value, texts) for key, value in facts.items()}
    return None if isinstance(facts, str) and facts in texts else facts


def name_of_role(arn: str) -> str:
    return arn.rpartition("/")[2]


def _principals(trust: Mapping[str, Any]) -> list[str]:
    """Who is named by what a trust policy allows."""
    statements = trust.get("Statement") or []
    found: set[str] = set()
    for statement in [statements] if isinstance(statements, Mapping) else statements:
        principal = statement.get("Principal") or {}
        for names in principal.values() if isinstance(principal, Mapping) else [principal]:
            found.update([names] if isinstance(names, str) else names)
    return sorted(found)


def _brief(value: Any) -> str:
    return f"({len(value)})" if isinstance(value, (dict, list)) else str(value)


def listed(items: Iterable[str]) -> str:
    """The items of a line of a summary."""
    return ", ".join(items) or "none"
