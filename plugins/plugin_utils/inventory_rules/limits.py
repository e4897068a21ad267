# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What AWS takes of each text, document and list that a run sends, in one table, and the rule that measures them."""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.module_utils.quotas import QUOTAS

from .fault import Fault, show
from .sent import Sent, path_of

Quotas = Mapping[str, Mapping[str, t.Any]]


def _number(number: float) -> str:
    return f"{int(number):,}"


class Text(t.NamedTuple):
    """A text of limited length, and the characters that may be in it, as a pattern and in words."""

    longest: int
    pattern: str = r"[\s\S]*"
    words: str = ""

    def faults(self, value: t.Any, _quotas: Quotas) -> Iterator[str]:
        text = str(value)
        if len(text) > self.longest:
            yield f"has {_number(len(text))} characters, AWS takes {_number(self.longest)}: {show(text)}"
        elif not re.fullmatch(self.pattern, text):
            yield f"is not {self.words}: {show(text)}"


class Document(t.NamedTuple):
    """A policy, or by their names several that count together; white space doesn't count.

    quota: the one by which an account may have more.
    """

    longest: int
    several: bool = False
    quota: str | None = None

    def faults(self, value: t.Any, quotas: Quotas) -> Iterator[str]:
        documents = list(value.values()) if self.several else [value]
        text = "".join(json.dumps(document, separators=(",", ":"), ensure_ascii=False) for document in documents)
        if not re.fullmatch(r"[\t\n\r\x20-\xff]*", text):
            strange = re.search(r"[^\t\n\r\x20-\xff]", text)[0]
            yield f"has the character {strange!r}, which AWS takes in no policy"
        most, remedy = _most(self.longest, self.quota, quotas)
        if len(text) > most:
            yield f"{'have together' if self.several else 'has'} {_number(len(text))} characters, AWS takes {remedy}"


class Count(t.NamedTuple):
    """A list of limited length. kept: how much of the quota is taken by what AWS adds."""

    most: int
    quota: str | None = None
    kept: int = 0

    def faults(self, value: t.Any, quotas: Quotas) -> Iterator[str]:
        most, remedy = _most(self.most, self.quota, quotas, self.kept)
        if len(value) > most:
            yield f"are {_number(len(value))}, AWS takes {remedy}"


class Rules(t.NamedTuple):
    """Rules of a security group, of which those for IPv4 and for IPv6 count apart and those for groups as both.

    A prefix list has a weight of its own: CloudFront's, from which clients come, counts as 55, and those of S3 and
    DynamoDB, which traffic goes to, as 1.
    """

    most: int
    quota: str
    weight: int

    def faults(self, value: t.Any, quotas: Quotas) -> Iterator[str]:
        most, remedy = _most(self.most, self.quota, quotas)
        for version, other in (("IPv4", "cidr_ipv6"), ("IPv6", "cidr_ip")):
            count = sum(self.weight if rule.get("prefix_list_id") else 1 for rule in value if not rule.get(other))
            if count > most:
                yield f"are {_number(count)} for {version}, AWS takes {remedy}"
                return


def _most(default: int, quota: str | None, quotas: Quotas, kept: int = 0) -> tuple[float, str]:
    """What the account may have, and how to have more."""
    limit = (quotas.get(quota) or {}).get("limit") if quota else None
    most = default if limit is None else limit - kept
    more = f" unless the quota {QUOTAS[quota].name} is raised" if quota else ""
    return most, f"{_number(most)}{more}"


IAM_NAME = Text(64, r"[\w+=,.@-]+", "letters, digits and + = , . @ _ -")
GROUP_TEXT = Text(255, r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]*", "letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*")

# By module and option. Tags are measured where they are declared, by inventory_rules/platform.py.
LIMITS: dict[str, dict[str, t.Any]] = {
    **{
        f"appconfig_{kind}": {"description": Text(1024)}
        for kind in ("application", "configuration_profile", "deployment_strategy", "environment")
    },
    **{
        f"bedrock_{kind}": {"description": Text(200)}
        for kind in ("agent_data_source", "agent_ingestion_job", "agent_knowledge_base", "guardrail")
    },
    # Whose it is stands there, too.
    "cloudfront_origin_access_control": {"description": Text(200)},
    "cognito_idp_group": {"description": Text(2048)},
    "dynamodb_table": {
        "name": Text(255, r"[a-zA-Z0-9_.-]{3,}", "3 to 255 letters, digits and _ - ."),
        "resource_policy": Document(20480),
    },
    "ec2_instance": {"user_data": Text(16384)},
    "ec2_launch_template": {
        "name": Text(128, r"[a-zA-Z0-9().\-/_]{3,}", "3 to 128 letters, digits and ( ) . - / _"),
        "user_data": Text(16384),
    },
    # One more, the last, is AWS's.
    "ec2_network_acl": {"ingress": Count(19, "rules_per_acl", kept=1), "egress": Count(19, "rules_per_acl", kept=1)},
    "ec2_security_group": {
        "name": GROUP_TEXT._replace(pattern=f"(?!sg-){GROUP_TEXT.pattern}", words=f"{GROUP_TEXT.words}, not sg- first"),
        "description": GROUP_TEXT,
        "ingress": Rules(60, "rules_per_group", 55),
        "egress": Rules(60, "rules_per_group", 1),
    },
    "ec2_vpc_endpoint": {"policy": Document(20480)},
    "ecr_repository": {
        "name": Text(
            256,
            r"(?=..)[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*",
            "2 or more lower-case letters and digits, with . _ __ - and / between them",
        )
    },
    "eks_cluster": {"name": Text(100, r"[0-9A-Za-z][A-Za-z0-9_-]*", "letters, digits, - and _")},
    "eks_nodegroup": {"name": Text(63, r"[0-9A-Za-z][A-Za-z0-9_-]*", "letters, digits, - and _")},
    "eks_pod_identity_association": {"policy": Document(2048)},
    "elasticache_parameter_group": {"description": Text(255)},
    "elasticache_replication_group": {
        "name": Text(
            40,
            r"(?!.*--)[A-Za-z][A-Za-z0-9-]*(?<!-)",
            "letters, digits and single -, a letter first and no - at the end",
        ),
        "description": Text(255),
    },
    "elasticache_subnet_group": {"description": Text(255)},
    "iam_role": {
        "name": IAM_NAME,
        "description": Text(1000, r"[\t\n\r\x20-\x7e\xa1-\xff]*", "text of Latin letters, without control characters"),
        "trust_policy": Document(2048, quota="trust_policy"),
        "inline_policies": Document(10240, several=True),
        "managed_policies": Count(10, quota="policies_per_role"),
    },
    "kms_key": {
        "alias": Text(256, r"alias/(?!aws/)[A-Za-z0-9/_-]+", "letters, digits, / _ and - after alias/"),
        "description": Text(8192),
        "policy": Document(32768),
    },
    "logs_log_group": {"name": Text(512, r"[.\-_/#A-Za-z0-9]+", "letters, digits and . - _ / #")},
    "logs_resource_policy": {
        "name": Text(255, r"([^:*/]+/?)*[^:*/]+", "free of : and *, and of / at its ends"),
        "policy": Document(5120),
    },
    **{
        f"opensearchserverless_{kind}": {"description": Text(1000), "policy": Document(20480)}
        for kind in ("access_policy", "security_policy")
    },
    "opensearchserverless_collection": {"description": Text(1000)},
    "rds_cluster_parameter_group": {"description": Text(255)},
    "rds_instance_parameter_group": {"description": Text(255)},
    "rds_subnet_group": {"description": Text(255)},
    "s3_bucket": {
        "name": Text(
            63,
            r"(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?<!-s3alias)(?<!--ol-s3)",
            "3 to 63 lower-case letters, digits, . and - with none of the beginnings and ends that S3 keeps for itself",
        ),
        "policy": Document(20480),
    },
    "s3vectors_vector_bucket": {"policy": Document(20480)},
    "secretsmanager_secret": {
        "name": Text(512, r"[A-Za-z0-9/_+=.@-]+", "letters, digits and / _ + = . @ -"),
        "description": Text(2048),
    },
    "sns_topic": {"policy": Document(30720)},
    "ssm_parameters": {"description": Text(1024)},
    "wafv2_web_acl": {
        "description": Text(
            256, r"[\w+=:#@/,.-][\w+=:#@/,.\s-]+[\w+=:#@/,.-]", "3 to 256 letters, digits, spaces and _+=:#@/-,."
        )
    },
}


def sent_faults(sent: Iterator[Sent], values: Mapping[str, t.Any], quotas: Quotas) -> Iterator[Fault]:
    """What AWS would refuse of what a component sends, at the input that it is made of. quotas: as AWS offers them."""
    for one in sent:
        for text in LIMITS[one.module][one.option].faults(one.value, quotas):
            path = path_of(values, one.inputs, one.item)
            others = f" (made of {', '.join(one.inputs)})" if len(one.inputs) > 1 and not path else ""
            # Of several the one that gives most.
            largest = max(one.inputs, key=lambda name: len(str(values.get(name, ""))))
            yield Fault(path or largest, f"{one.option} of {one.module} {one.name()}{others} {text}")
