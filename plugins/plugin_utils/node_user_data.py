# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The user data of nodes: what an image is told when it starts, in the form that its family reads.

Amazon Linux reads a MIME document of parts, of which nodeadm takes those that are a NodeConfig and cloud-init the rest.
Bottlerocket reads settings in TOML. EKS adds to either what the node needs to join, unless the image is the user's own.
"""

from __future__ import annotations

import base64
import json
import re
import textwrap
import tomllib
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network
from typing import Any

import yaml

# EC2's limit, before it is encoded, and what of it EKS needs for its own part.
MOST_BYTES = 16384
BYTES_OF_EKS = 4096

NODE_CONFIG = "application/node.eks.aws"
SCRIPT = "text/x-shellscript"
TOML = "application/toml"
BOUNDARY = "agent-platform-node"
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END CERTIFICATE-----")
EFFECTS = {"NO_SCHEDULE": "NoSchedule", "NO_EXECUTE": "NoExecute", "PREFER_NO_SCHEDULE": "PreferNoSchedule"}
# Services of AWS whose names aren't those of their endpoints turned round.
ENDPOINT_NAMES = {"eks-auth": "eks-auth.{region}.api.aws"}
# The node itself, its metadata and the Pod Identity Agent; what lies in the cluster.
NEVER_BY_PROXY = ("localhost", "127.0.0.1", "169.254.169.254", "169.254.170.23", ".svc", ".cluster.local")


def is_bottlerocket(group: Mapping[str, Any]) -> bool:
    return str(group.get("ami_type", "")).startswith("BOTTLEROCKET")


def takes(group: Mapping[str, Any], content_type: str) -> bool:
    """Whether the image of a group reads parts of this kind."""
    return is_bottlerocket(group) == (content_type == TOML)


def no_proxy(
    own: Iterable[str], networks: Iterable[str], cluster_endpoint: str, services: Iterable[str], region: str, dns: str
) -> list[str]:
    """What is reached without the proxy: what the user names, and what lies in the VPC and the cluster.

    services: those that the VPC has endpoints of. dns: how names of the partition's services end.
    """
    names = (
        ENDPOINT_NAMES[service].format(region=region)
        if service in ENDPOINT_NAMES
        else ".".join([*reversed(service.split(".")), region, dns])
        for service in sorted(services)
    )
    host = cluster_endpoint.partition("://")[2].partition("/")[0] or cluster_endpoint
    return list(dict.fromkeys([*NEVER_BY_PROXY, *networks, host, *names, *own]))


def user_data(
    group: Mapping[str, Any],
    parts: Iterable[Mapping[str, str]] = (),
    proxy: Mapping[str, Any] | None = None,
    certificates: Iterable[str] = (),
    cluster: Mapping[str, str] | None = None,
) -> str:
    """The user data of a node group, empty where there is nothing to tell.

    parts: what the user adds for all groups, before what the group has itself. proxy: http, https and no_proxy, which
    is a list. cluster: name, node_group, endpoint, certificate_authority and service_ipv4_cidr, for an image of the
    user's own, which EKS tells nothing.
    """
    own = [part for part in (*parts, *(group.get("user_data") or [])) if takes(group, part["content_type"])]
    proxy = proxy if proxy and (proxy["http"] or proxy["https"]) else None
    write = _toml_document if is_bottlerocket(group) else _mime_document
    return write(group, own, proxy, list(certificates), cluster)


# ---- Amazon Linux


def _mime_document(
    group: Mapping[str, Any],
    own: list[Mapping[str, str]],
    proxy: Mapping[str, Any] | None,
    certificates: list[str],
    cluster: Mapping[str, str] | None,
) -> str:
    spec: dict[str, Any] = {}
    if cluster:
        labels = {"eks.amazonaws.com/nodegroup": cluster["node_group"], **(group.get("labels") or {})}
        spec["cluster"] = {
            "name": cluster["name"],
            "apiServerEndpoint": cluster["endpoint"],
            "certificateAuthority": cluster["certificate_authority"],
            "cidr": cluster["service_ipv4_cidr"],
        }
        spec["kubelet"] = {"flags": ["--node-labels=" + ",".join(f"{key}={value}" for key, value in labels.items())]}
        if group.get("taints"):
            spec["kubelet"]["config"] = {"registerWithTaints": [_taint(taint) for taint in group["taints"]]}
    if proxy:
        # nodeadm calls EC2 before any script runs, and starts containerd and kubelet with it, too.
        spec["instance"] = {"environment": {"default": _environment(proxy)}}
    made = []
    if spec:
        config = {"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": spec}
        # JSON is YAML as well, and written of what Ansible makes of texts, too.
        made.append((NODE_CONFIG, json.dumps(config, indent=2)))
    if script := _script(proxy, certificates):
        made.append((SCRIPT, script))
    made += [(part["content_type"], part["content"]) for part in own]
    if not made:
        return ""
    lines = ["MIME-Version: 1.0", f'Content-Type: multipart/mixed; boundary="{BOUNDARY}"', ""]
    for content_type, content in made:
        charset = "" if content_type == NODE_CONFIG else '; charset="utf-8"'
        lines += [f"--{BOUNDARY}", f"Content-Type: {content_type}{charset}", "", content.rstrip("\n"), ""]
    return "\n".join([*lines, f"--{BOUNDARY}--", ""])


def _taint(taint: Mapping[str, str]) -> dict[str, str]:
    return {"key": taint["key"], "value": taint.get("value") or "", "effect": EFFECTS[taint["effect"]]}


def _environment(proxy: Mapping[str, Any]) -> dict[str, str]:
    addresses = {"HTTP_PROXY": proxy["http"], "HTTPS_PROXY": proxy["https"], "NO_PROXY": ",".join(proxy["no_proxy"])}
    return {name: value for name, value in addresses.items() if value}


def _script(proxy: Mapping[str, Any] | None, certificates: list[str]) -> str:
    """What cloud-init runs before nodeadm starts containerd and kubelet."""
    steps = []
    if proxy:
        environment = _environment(proxy)
        variables = [f"{key}={value}" for name, value in environment.items() for key in (name, name.lower())]
        steps.append(_here_document("cat >>/etc/environment", variables))
        steps.append(_here_document("cat >>/etc/dnf/dnf.conf", [f"proxy={proxy['https'] or proxy['http']}"]))
    if certificates:
        anchor = "/etc/pki/ca-trust/source/anchors/agent-platform.pem"
        steps.append(_here_document(f"cat >{anchor}", [text.strip() for text in certificates]))
        steps.append("update-ca-trust extract")
    return "\n".join(["#!/bin/bash", "set -euo pipefail", *steps]) if steps else ""


def _here_document(command: str, lines: list[str]) -> str:
    return "\n".join([f"{command} <<'END_OF_FILE'", *lines, "END_OF_FILE"])


# ---- Bottlerocket


def _toml_document(
    group: Mapping[str, Any],
    own: list[Mapping[str, str]],
    proxy: Mapping[str, Any] | None,
    certificates: list[str],
    cluster: Mapping[str, str] | None,
) -> str:
    settings: dict[str, Any] = {}
    if cluster:
        labels = {"eks.amazonaws.com/nodegroup": cluster["node_group"], **(group.get("labels") or {})}
        kubernetes = {
            "cluster-name": cluster["name"],
            "api-server": cluster["endpoint"],
            "cluster-certificate": cluster["certificate_authority"],
            "cluster-dns-ip": _dns_address(cluster["service_ipv4_cidr"]),
            "node-labels": {str(key): str(value) for key, value in labels.items()},
        }
        taints: dict[str, list[str]] = {}
        for taint in map(_taint, group.get("taints") or []):
            taints.setdefault(taint["key"], []).append(f"{taint['value']}:{taint['effect']}")
        settings["kubernetes"] = {**kubernetes, **({"node-taints": taints} if taints else {})}
    if proxy and proxy["https"]:
        settings["network"] = {"https-proxy": proxy["https"], "no-proxy": proxy["no_proxy"]}
    if certificates:
        bundle = "\n".join(text.strip() for text in certificates) + "\n"
        settings["pki"] = {
            "agent-platform": {"data": base64.b64encode(bundle.encode()).decode(), "trusted": True},
        }
    document: dict[str, Any] = {"settings": settings} if settings else {}
    for part in own:
        document = _merged(document, tomllib.loads(part["content"]))
    return "\n".join(_toml_table(document)).strip() + "\n" if document else ""


def _dns_address(network: str) -> str:
    """The address of the cluster's DNS, the tenth of the network of services. A dry run may not know the network."""
    try:
        return str(IPv4Network(network)[10])
    except ValueError:
        return network


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two tables as one; what stands in both has the value of the second."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def _toml_table(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> list[str]:
    values = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    lines = [f"{_toml_key(key)} = {_toml_value(value)}" for key, value in values.items()]
    if lines and path:
        lines = ["", f"[{'.'.join(map(_toml_key, path))}]", *lines]
    for key, value in table.items():
        if key not in values:
            lines += _toml_table(value, (*path, key))
    return lines


def _toml_key(key: str) -> str:
    return key if BARE_KEY.fullmatch(key) else json.dumps(key)


def _toml_value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml_key(key)} = {_toml_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    # Texts, numbers and truth are written as in JSON; days and times stand for themselves.
    return json.dumps(value) if isinstance(value, (str, bool, int, float)) else value.isoformat()


# ---- What is wrong with it


def certificate_rule(text: str) -> str | None:
    """What is wrong with certificates in PEM, to be put after the variable."""
    if "PRIVATE KEY" in text:
        return "holds a private key, which nobody but its owner may have: nodes need the certificate alone"
    found = CERTIFICATE.findall(text)
    if not found or CERTIFICATE.sub("", text).strip():
        return "is not one or more certificates in PEM, each from -----BEGIN CERTIFICATE----- to the end of its block"
    for body in found:
        try:
            certificate = base64.b64decode("".join(body.split()), validate=True)
        except ValueError:
            certificate = b""
        # A sequence in DER whose length takes two bytes, as that of every certificate.
        if not certificate.startswith(b"\x30\x82") or int.from_bytes(certificate[2:4]) + 4 != len(certificate):
            return "has a certificate that is not whole: copy all lines of its block"
    return None


def part_rule(part: Mapping[str, str]) -> str | None:
    """What is wrong with the content of a part of the user's own, to be put after it."""
    content_type, content = part["content_type"], part["content"]
    if f"--{BOUNDARY}" in content:
        return f"has a line with --{BOUNDARY}, which parts the document"
    if content_type in (SCRIPT, "text/cloud-boothook") and not content.startswith("#!"):
        return "doesn't begin with #!, by which the node knows what runs it"
    if content_type == NODE_CONFIG:
        try:
            config = yaml.safe_load(content)
        except yaml.YAMLError as error:
            return f"is not YAML: {textwrap.shorten(str(error), 120)}"
        if not isinstance(config, Mapping) or config.get("kind") != "NodeConfig":
            return "is not a NodeConfig, with apiVersion node.eks.aws/v1alpha1 and kind NodeConfig"
    if content_type == TOML:
        try:
            settings = tomllib.loads(content)
        except tomllib.TOMLDecodeError as error:
            return f"is not TOML: {error}"
        if set(settings) != {"settings"}:
            return "is not settings of Bottlerocket: all tables are below [settings]"
    return None
