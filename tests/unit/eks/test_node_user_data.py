# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What nodes are told when they start: proxies, authorities, parts of the user's own, all that an own image needs."""

from __future__ import annotations

import base64
import email
import subprocess
import tomllib

import pytest
import yaml

from ansible_collections.agent_platform.aws.plugins.filter.node_user_data import node_user_data
from ansible_collections.agent_platform.aws.plugins.plugin_utils import node_user_data as utils

LINUX = {"ami_type": "AL2023_ARM_64_STANDARD", "labels": {}, "taints": [], "user_data": []}
BOTTLEROCKET = {**LINUX, "ami_type": "BOTTLEROCKET_x86_64"}
PROXY = {
    "http": "http://proxy.example.com:3128",
    "https": "http://proxy.example.com:3129",
    "no_proxy": ["registry.example.com"],
    "networks": ["10.0.0.0/16", "172.20.0.0/16"],
    "cluster_endpoint": "https://0123.gr7.us-west-2.eks.amazonaws.com",
    "services": ["s3", "ecr.dkr", "eks-auth"],
    "region": "us-west-2",
    "dns_suffix": "amazonaws.com",
}
EXEMPT = [
    "localhost",
    "127.0.0.1",
    "169.254.169.254",
    "169.254.170.23",
    ".svc",
    ".cluster.local",
    "10.0.0.0/16",
    "172.20.0.0/16",
    "0123.gr7.us-west-2.eks.amazonaws.com",
    "dkr.ecr.us-west-2.amazonaws.com",
    "eks-auth.us-west-2.api.aws",
    "s3.us-west-2.amazonaws.com",
    "registry.example.com",
]
CLUSTER = {
    "name": "demo-eks",
    "node_group": "demo-default",
    "endpoint": "https://0123.gr7.us-west-2.eks.amazonaws.com",
    "certificate_authority": "Y2VydGlmaWNhdGU=",
    "service_ipv4_cidr": "172.20.0.0/16",
}
TAINTS = [
    {"key": "dedicated", "value": "agents", "effect": "NO_SCHEDULE"},
    {"key": "dedicated", "value": "", "effect": "NO_EXECUTE"},
]
# A sequence in DER that says its length, as a certificate does.
DER = b"\x30\x82\x01\x00" + bytes(256)
PEM = f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(DER).decode()}-----END CERTIFICATE-----\n"


def parts(text):
    """The parts of a MIME document, by their kinds, as cloud-init reads them."""
    message = email.message_from_bytes(text.encode())
    assert message.is_multipart()
    assert not message.defects
    return [(part.get_content_type(), part.get_payload(decode=True).decode()) for part in message.get_payload()]


def config(text):
    ((_kind, content),) = [item for item in parts(text) if item[0] == utils.NODE_CONFIG]
    return yaml.safe_load(content)["spec"]


def script(text):
    ((_kind, content),) = [item for item in parts(text) if item[0] == utils.SCRIPT]
    subprocess.run(["bash", "-n"], input=content, text=True, check=True)
    return content


def own(content_type, content):
    return {"content_type": content_type, "content": content}


@pytest.mark.parametrize("group", [LINUX, BOTTLEROCKET])
def test_nothing_to_tell(group):
    assert node_user_data(group) == ""
    assert node_user_data(group, [], [], {**PROXY, "http": "", "https": ""}) == ""


def test_proxies_of_amazon_linux():
    text = node_user_data(LINUX, proxy=PROXY)
    assert config(text) == {
        "instance": {
            "environment": {
                "default": {
                    "HTTP_PROXY": PROXY["http"],
                    "HTTPS_PROXY": PROXY["https"],
                    "NO_PROXY": ",".join(EXEMPT),
                }
            }
        }
    }
    lines = script(text).splitlines()
    assert f"https_proxy={PROXY['https']}" in lines
    assert f"NO_PROXY={','.join(EXEMPT)}" in lines
    assert lines[lines.index("cat >>/etc/dnf/dnf.conf <<'END_OF_FILE'") + 1] == f"proxy={PROXY['https']}"
    # Without the one there is nothing about it.
    assert "HTTPS_PROXY" not in node_user_data(LINUX, proxy={**PROXY, "https": ""})


def test_proxies_of_bottlerocket():
    network = tomllib.loads(node_user_data(BOTTLEROCKET, proxy=PROXY))["settings"]["network"]
    assert network == {"https-proxy": PROXY["https"], "no-proxy": EXEMPT}
    assert node_user_data(BOTTLEROCKET, proxy={**PROXY, "https": ""}) == ""


def test_authorities():
    lines = script(node_user_data(LINUX, certificates=[PEM, PEM])).splitlines()
    assert lines.count("-----BEGIN CERTIFICATE-----") == 2
    assert lines[-1] == "update-ca-trust extract"
    bundle = tomllib.loads(node_user_data(BOTTLEROCKET, certificates=[PEM, PEM]))["settings"]["pki"]["agent-platform"]
    assert bundle["trusted"] is True
    assert base64.b64decode(bundle["data"]).decode() == PEM + PEM


def test_an_image_of_ones_own_is_told_all_that_it_needs_to_join():
    group = {**LINUX, "labels": {"workload": "agents"}, "taints": TAINTS}
    spec = config(node_user_data(group, cluster=CLUSTER))
    assert spec["cluster"] == {
        "name": "demo-eks",
        "apiServerEndpoint": CLUSTER["endpoint"],
        "certificateAuthority": CLUSTER["certificate_authority"],
        "cidr": "172.20.0.0/16",
    }
    assert spec["kubelet"] == {
        "flags": ["--node-labels=eks.amazonaws.com/nodegroup=demo-default,workload=agents"],
        "config": {
            "registerWithTaints": [
                {"key": "dedicated", "value": "agents", "effect": "NoSchedule"},
                {"key": "dedicated", "value": "", "effect": "NoExecute"},
            ]
        },
    }
    bottlerocket = {**group, "ami_type": "BOTTLEROCKET_x86_64"}
    assert tomllib.loads(node_user_data(bottlerocket, cluster=CLUSTER))["settings"]["kubernetes"] == {
        "cluster-name": "demo-eks",
        "api-server": CLUSTER["endpoint"],
        "cluster-certificate": CLUSTER["certificate_authority"],
        "cluster-dns-ip": "172.20.0.10",
        "node-labels": {"eks.amazonaws.com/nodegroup": "demo-default", "workload": "agents"},
        "node-taints": {"dedicated": ["agents:NoSchedule", ":NoExecute"]},
    }


def test_a_dry_run_shows_what_it_does_not_know():
    unknown = {**CLUSTER, **dict.fromkeys(("endpoint", "certificate_authority", "service_ipv4_cidr"), "(known after)")}
    assert config(node_user_data(LINUX, cluster=unknown))["cluster"]["cidr"] == "(known after)"
    kubernetes = tomllib.loads(node_user_data(BOTTLEROCKET, cluster=unknown))["settings"]["kubernetes"]
    assert kubernetes["cluster-dns-ip"] == "(known after)"


def test_parts_of_the_users_own():
    everywhere = [own(utils.SCRIPT, "#!/bin/sh\necho é\n"), own(utils.TOML, "[settings.kernel]\nlockdown = 'none'\n")]
    here = [own("text/cloud-config", "#cloud-config\npackages: [jq]\n")]
    assert parts(node_user_data({**LINUX, "user_data": here}, everywhere)) == [
        (utils.SCRIPT, "#!/bin/sh\necho é\n"),
        ("text/cloud-config", "#cloud-config\npackages: [jq]\n"),
    ]
    mine = own(
        utils.TOML,
        """[settings.network]
no-proxy = ["mine"]
hosts = [["10.0.0.1", ["a.example.com"]]]
[settings.kernel.sysctl]
"vm.max_map_count" = "262144"
""",
    )
    text = node_user_data({**BOTTLEROCKET, "user_data": [mine]}, everywhere, proxy=PROXY)
    assert tomllib.loads(text)["settings"] == {
        # The later one decides.
        "network": {"https-proxy": PROXY["https"], "no-proxy": ["mine"], "hosts": [["10.0.0.1", ["a.example.com"]]]},
        "kernel": {"lockdown": "none", "sysctl": {"vm.max_map_count": "262144"}},
    }


def test_the_same_is_always_written_the_same():
    turned = {**PROXY, "services": PROXY["services"][::-1]}
    assert node_user_data(LINUX, proxy=PROXY) == node_user_data(LINUX, proxy=turned)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (PEM, None),
        (PEM + "\n" + PEM, None),
        ("", "is not one or more certificates in PEM"),
        (f"mine\n{PEM}", "is not one or more certificates in PEM"),
        (PEM.replace("-----END", "-----NO"), "is not one or more certificates in PEM"),
        (PEM.replace("MIIBAA", "MIIBAQ"), "has a certificate that is not whole"),
        (PEM + "-----BEGIN PRIVATE KEY-----", "holds a private key"),
    ],
)
def test_certificates(text, rule):
    found = utils.certificate_rule(text)
    assert found is None if rule is None else found.startswith(rule)


@pytest.mark.parametrize(
    ("content_type", "content", "rule"),
    [
        (utils.SCRIPT, "#!/bin/sh\n", None),
        (utils.SCRIPT, "echo\n", "doesn't begin with #!"),
        (utils.SCRIPT, f"#!/bin/sh\n--{utils.BOUNDARY}\n", "has a line with --agent-platform-node"),
        (utils.NODE_CONFIG, "kind: NodeConfig\n", None),
        (utils.NODE_CONFIG, "kind: Pod\n", "is not a NodeConfig"),
        (utils.NODE_CONFIG, "a: b: c", "is not YAML: "),
        (utils.TOML, "[settings.kernel]\nlockdown = 'none'\n", None),
        (utils.TOML, "[kernel]\nlockdown = 'none'\n", "is not settings of Bottlerocket"),
        (utils.TOML, "settings", "is not TOML: "),
    ],
)
def test_parts(content_type, content, rule):
    found = utils.part_rule(own(content_type, content))
    assert found is None if rule is None else found.startswith(rule)
