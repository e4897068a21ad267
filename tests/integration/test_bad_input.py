# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must be refused before anything is changed: a line for each fault, and no call that finding it does not need."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.components import eks as eks_rules
from tests.support.playbook import OWNER, PREFIX, ROOT, Account, connection_options

ACCOUNT = "123456789012"
OTHER_ACCOUNT = "999999999999"
# Those of which some support is left today.
SUPPORTED = ", ".join(eks_rules.supported_versions({}))
LOCAL = ROOT / "inventories" / "local"
NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


class Aws:
    """Stands in for AWS: notes every request, and knows no more than who the caller is."""

    def __init__(self, status: int = 200, code: str = "", account: str = ACCOUNT):
        self.requests: list[str] = []
        if code:
            answer = f"<ErrorResponse xmlns='{NAMESPACE}'><Error><Type>Sender</Type><Code>{code}</Code>"
            answer += "<Message>as AWS says it</Message></Error><RequestId>1</RequestId></ErrorResponse>"
        else:
            answer = f"<GetCallerIdentityResponse xmlns='{NAMESPACE}'><GetCallerIdentityResult>"
            answer += f"<Arn>arn:aws:iam::{account}:user/jo</Arn><UserId>AIDA</UserId><Account>{account}</Account>"
            answer += "</GetCallerIdentityResult></GetCallerIdentityResponse>"
        denied = f"<ErrorResponse xmlns='{NAMESPACE}'><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
        requests = self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                action = urllib.parse.parse_qs(body).get("Action", [self.path])[0]
                if action == "GetCallerIdentity":
                    self._answer(action, status, answer)
                else:
                    self._answer(action, 403, denied)

            def do_GET(self) -> None:
                self._answer(self.path, 403, denied)

            def _answer(self, action: str, status: int, text: str) -> None:
                requests.append(action)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Refusal:
    """A run that was refused."""

    output: str
    count: int
    faults: list[str]


def read_refusal(output: str) -> Refusal:
    found = re.search(r"^\[ERROR\].*: (\d+) faults?, nothing was changed:\n((?:.+\n)+?)Origin: ", output, re.M)
    assert found, output
    return Refusal(output, int(found[1]), found[2].splitlines())


def run(
    *args: str, endpoint: str, inventory: Path = LOCAL, variables: dict | None = None, environment: dict | None = None
) -> Refusal:
    """Run the main playbook, which must end with a refusal."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "ANSIBLE_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # a cache makes every module start three times faster
    kept |= {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_ENDPOINT_URL": endpoint,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        **(environment or {}),
    }
    tool = str(Path(sys.executable).with_name("ansible-playbook"))
    command = [tool, "site.yml", "-i", str(inventory), *connection_options(), *args]
    if variables is not None:
        command += ["-e", json.dumps(variables)]
    ended = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, timeout=300, check=False)
    output = ended.stdout + ended.stderr
    assert ended.returncode != 0, output
    assert "Traceback" not in output, output
    assert "changed=0" in output, output
    assert not re.search(r"changed=[1-9]", output), output
    return read_refusal(output)


@pytest.fixture
def aws() -> Iterator[Callable[..., Aws]]:
    """Makes stand-ins for AWS."""
    made: list[Aws] = []

    def make(**kwargs: Any) -> Aws:
        made.append(Aws(**kwargs))
        return made[-1]

    yield make
    for one in made:
        one.close()


NO_VPC = "is not an IPv4 network with a prefix length from 16 to 28"
WORLD = "opens the Kubernetes API to the whole internet: name the networks that need it"
NAME = "lower-case letters, digits and single '-', a letter first and no '-' at the end"

# Inventories that are wrong in many places, each with the lines that its refusal must consist of.
INVENTORIES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "names and types": (
        {
            "platform_name": "agent_platform_of_ours",
            "platform_environment": "development",
            "platform_account_id": 123456789012,
            "platform_region": "us-wset-2",
            "platform_tags": {"aws:team": "a", "CostCentre": 12, "long": "v" * 257},
            "platform_tagz": {},
            "netwrok_vpc_cidr": "10.1.0.0/16",
            "network_nat_gateways": "per-az",
            "network_flow_log_retention_days": "three",
            "encryption_deletion_window_days": 5,
            "network_timeout_seconds": 0,
            "eks_verison": "1.34",
            "eks_kubernetes_version": 1.30,
            "eks_endpoint_public_access": "false",
            "eks_log_types": "api,audit",
            "eks_node_groups": [{"name": "a", "lables": {}, "disk_size_gib": "{{ nobody }}"}, {"min_size": 1}],
            "workload_identity_metric_namespaces": ["AWS/EC2"],
        },
        [
            f"platform_name: 'agent_platform_of_ours' is not 1 to 20 {NAME}",
            f"platform_environment: 'development' is not 1 to 10 {NAME}",
            "platform_account_id: 123456789012 is not a text: put it in quotes, as a number it loses zeros (1.30 is"
            " 1.3)",
            "platform_region: 'us-wset-2' is not the name of an AWS region; did you mean us-west-2?",
            "platform_tags.aws:team: the prefix aws: is reserved for AWS",
            "platform_tags.CostCentre: 12 is not a text: put it in quotes",
            f"platform_tags.long: '{'v' * 96}... is not a tag value:"
            " up to 256 letters, digits, spaces and _ . : / = + - @",
            "platform_tagz: the platform has no such variable; did you mean platform_tags?",
            "netwrok_vpc_cidr: no component has such a variable; did you mean network_vpc_cidr?",
            "network_nat_gateways: 'per-az' is not one of per_az, single, none; did you mean per_az?",
            "network_flow_log_retention_days: 'three' is not a whole number",
            "encryption_deletion_window_days: 5 is not from 7 to 30 days",
            "network_timeout_seconds: 0 is not 1 or more seconds",
            "eks_verison: the component eks has no such variable; did you mean eks_kubernetes_version?",
            "eks_kubernetes_version: 1.3 is not a text: put it in quotes, as a number it loses zeros (1.30 is 1.3)",
            "eks_endpoint_public_access: 'false' is a text, not true or false: write false without quotes,"
            """ with -e as JSON: -e '{"eks_endpoint_public_access": false}'""",
            "eks_log_types: 'api,audit' is not a list",
            "eks_node_groups[0].lables: there is no such key; did you mean labels?",
            "eks_node_groups[0].disk_size_gib: '{{ nobody }}' can't be evaluated: 'nobody' is undefined",
            "eks_node_groups[1].name: is required and missing",
            "workload_identity_metric_namespaces[0]: 'AWS/EC2' begins with AWS/, which CloudWatch keeps for AWS"
            " services",
        ],
    ),
    "networks and sizes": (
        {
            "platform_account_id": "REPLACE-with-the-12-digits",
            "network_availability_zones": ["us-west-2a", "us-west-2a"],
            "network_public_subnet_cidrs": ["10.0.1.0/24", "10.0.1.128/25"],
            "network_private_subnet_cidrs": ["10.9.0.0/24", "10.0.2.0/30"],
            "network_flow_log_retention_days": 42,
            "network_interface_endpoints": ["com.amazonaws.us-west-2.sts"],
            "eks_kubernetes_version": "1.19",
            "eks_endpoint_public_access": True,
            "eks_endpoint_public_access_cidrs": ["0.0.0.0/0", "::/0", "203.0.113.7/24"],
            "eks_log_retention_days": 42,
            "eks_service_ipv4_cidr": "10.0.128.0/20",
            "eks_node_groups": [
                {"name": "a", "min_size": 3, "desired_size": 2, "max_size": 1},
                {"name": "a", "min_size": -1, "instance_types": ["t3.small"], "minimum_pods": 30},
                {"name": "b", "instance_types": ["m7g.large", "t3.meduim"]},
                {"name": "c", "labels": {"gpu": True}, "taints": [{"key": "a b", "effect": "NO_SCHEDULE"}]},
            ],
        },
        [
            "platform_account_id: 'REPLACE-with-the-12-digits' is not an AWS account id of 12 digits",
            "network_availability_zones: ['us-west-2a', 'us-west-2a'] names us-west-2a more than once",
            "network_availability_zones: ['us-west-2a', 'us-west-2a'] has fewer than 2 Availability Zones,"
            " the least that EKS accepts",
            "network_public_subnet_cidrs[1]: '10.0.1.128/25' overlaps 10.0.1.0/24 of network_public_subnet_cidrs[0]",
            "network_private_subnet_cidrs[0]: '10.9.0.0/24' is not inside network_vpc_cidr 10.0.0.0/16",
            f"network_private_subnet_cidrs[1]: '10.0.2.0/30' {NO_VPC}",
            "network_interface_endpoints[0]: 'com.amazonaws.us-west-2.sts' is a full name:"
            " leave out com.amazonaws.<region>.",
            f"eks_kubernetes_version: '1.19' is not a version that EKS supports: {SUPPORTED}",
            f"eks_endpoint_public_access_cidrs[0]: '0.0.0.0/0' {WORLD}",
            f"eks_endpoint_public_access_cidrs[1]: '::/0' {WORLD}",
            "eks_endpoint_public_access_cidrs[2]: '203.0.113.7/24' is not written as the network it is in:"
            " 203.0.113.0/24",
            "eks_service_ipv4_cidr: '10.0.128.0/20' overlaps network_vpc_cidr 10.0.0.0/16",
            "eks_node_groups[].name: 'a' occurs more than once",
            "eks_node_groups[0].min_size: 3 is greater than max_size 1: min_size <= desired_size <= max_size",
            "eks_node_groups[1].min_size: -1 is not 0 or more",
            "eks_node_groups[1].instance_types: 't3.small' is too small: it has room for 11 pods, minimum_pods asks"
            " for 30;"
            " take a larger type or set ENABLE_PREFIX_DELEGATION in the vpc-cni add-on",
            "eks_node_groups[2].instance_types: 'm7g.large' is a machine of architecture arm64,"
            " which ami_type AL2023_x86_64_STANDARD is not for",
            "eks_node_groups[2].instance_types: 't3.meduim' is not an instance type of its family; did you mean"
            " t3.medium?",
            "eks_node_groups[3].labels.gpu: true is not a text: put it in quotes, Kubernetes takes only texts here",
            "eks_node_groups[3].taints[0].key: 'a b' is not a Kubernetes label key: up to 63 letters, digits, - _"
            " and '.',"
            " letters or digits at both ends, after an optional DNS name and '/'",
        ],
    ),
}
# The same fault in both, by whatever list of days the roles allow.
RETENTION = re.compile(r"(network_flow_log|eks_log)_retention_days: 42 is not one of 1, 3, 5, 7, 14, 30, .*, 3653")


@pytest.mark.parametrize(
    ("name", "args"),
    [("names and types", []), ("networks and sizes", []), ("networks and sizes", ["--check"])],
    ids=["names and types", "networks and sizes", "check mode"],
)
def test_all_faults_of_an_inventory_are_refused_at_once(name, args, aws):
    variables, expected = INVENTORIES[name]
    stand_in = aws()
    refusal = run(*args, endpoint=stand_in.url, variables=variables)
    retention = [line for line in refusal.faults if RETENTION.fullmatch(line)]
    assert len(retention) == sum(value == 42 for value in variables.values())
    assert sorted(set(refusal.faults) - set(retention)) == sorted(expected)
    assert refusal.count == len(refusal.faults)
    assert stand_in.requests == []


@pytest.mark.parametrize(
    ("args", "variables", "fault"),
    [
        (["--limit", "network"], {"network_vpc_cidr": "10.0.0.0/33"}, f"network_vpc_cidr: '10.0.0.0/33' {NO_VPC}"),
        (
            ["--tags", "network"],
            {"network_vpc_cidr": "10.0.0.0/28"},
            "network_vpc_cidr: 10.0.0.0/28 has no room for a public and a private subnet in 2 Availability Zones;"
            " take a larger network or set network_public_subnet_cidrs",
        ),
        (
            [],
            {"eks_endpoint_public_access": True},
            "eks_endpoint_public_access: true needs the networks that may use it in eks_endpoint_public_access_cidrs",
        ),
        (
            ["-e", "eks_deletion_protection=false"],
            {},
            "eks_deletion_protection: 'false' is a text, not true or false: write false without quotes,"
            """ with -e as JSON: -e '{"eks_deletion_protection": false}'""",
        ),
    ],
)
def test_a_single_fault_is_refused(args, variables, fault, aws):
    stand_in = aws()
    refusal = run(*args, endpoint=stand_in.url, variables=variables)
    assert refusal.faults == [fault]
    assert stand_in.requests == []


def test_the_place_of_each_fault_is_named(tmp_path, aws):
    inventory = tmp_path / "inventory"
    shutil.copytree(LOCAL, inventory)
    for file in (inventory / "group_vars" / "all").iterdir():
        lines = [line for line in file.read_text().splitlines() if not line.startswith("platform_region:")]
        file.write_text("\n".join(lines))
    (inventory / "host_vars").mkdir(exist_ok=True)
    (inventory / "host_vars" / "eks.yml").write_text("---\neks_log_types: [api]\neks_verison: '1.34'\n")
    (inventory / "host_vars" / "network.yml").write_text(
        "---\nnetwork_vpc_cidr: 10.0.0.5/16\neks_addons: []\nnetwork_gateway_endpoints:\n  - s3\n  - sqs\n"
    )
    stand_in = aws()
    refusal = run(endpoint=stand_in.url, inventory=inventory)
    folder = inventory / "host_vars"
    assert refusal.faults == [
        "platform_region: is required and missing",
        f"network_gateway_endpoints[1]: 'sqs' is not one of s3, dynamodb ({folder}/network.yml:6)",
        f"network_vpc_cidr: '10.0.0.5/16' is not written as the network it is in: 10.0.0.0/16 ({folder}/network.yml:2)",
        "eks_addons: is set for the host network, but eks reads it: move it to host_vars/eks.yml or group_vars/all"
        f" ({folder}/network.yml:3)",
        "eks_verison: the component eks has no such variable; did you mean eks_kubernetes_version?"
        f" ({folder}/eks.yml:3)",
    ]
    assert stand_in.requests == []


def test_a_secret_in_a_wrong_place_is_not_shown(aws):
    refusal = run(endpoint=aws().url, variables={"platform_aws_environment": "sentinel-1", "eks_pasword": "sentinel-2"})
    assert refusal.count == 2
    assert "sentinel" not in refusal.output


UNCOMPARED = f"platform_account_id: '{ACCOUNT}' can't be compared with the account in use: "


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (
            {"account": OTHER_ACCOUNT},
            f"platform_account_id: '{ACCOUNT}' is not the account of the credentials in use, which is {OTHER_ACCOUNT}"
            f" (arn:aws:iam::{OTHER_ACCOUNT}:user/jo): use credentials of the account, or correct the inventory",
        ),
        (
            {"status": 403, "code": "ExpiredToken"},
            f"{UNCOMPARED}the AWS credentials have expired: renew them (aws sso login, or a new session token) and"
            " run again",
        ),
        (
            {"status": 403, "code": "InvalidClientTokenId"},
            f"{UNCOMPARED}AWS does not know the access key: check AWS_PROFILE and AWS_ACCESS_KEY_ID,"
            " the key may be deleted or of another partition",
        ),
    ],
    ids=["wrong account", "expired", "unknown key"],
)
def test_another_account_and_bad_credentials_are_refused(answer, text, aws):
    stand_in = aws(**answer)
    refusal = run(endpoint=stand_in.url)
    assert [line.partition(" (inventories/")[0] for line in refusal.faults] == [text]
    assert stand_in.requests == ["GetCallerIdentity"]


@pytest.mark.parametrize(
    ("own", "text"),
    [
        (
            {},
            "no AWS credentials were found: log in (aws sso login), or set AWS_PROFILE,"
            " or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        ({"AWS_PROFILE": "nobody"}, "the AWS profile nobody does not exist: correct AWS_PROFILE"),
        (
            {"AWS_ACCESS_KEY_ID": ACCOUNT},
            "the AWS credentials are incomplete: aws_secret_access_key is missing",
        ),
    ],
    ids=["none", "no such profile", "half"],
)
def test_missing_credentials_are_refused(own, text, aws):
    stand_in = aws()
    variables = {"platform_aws_environment": {"AWS_ENDPOINT_URL": stand_in.url, **own}}
    refusal = run(endpoint=stand_in.url, variables=variables)
    assert [line.partition(" (inventories/")[0] for line in refusal.faults] == [UNCOMPARED + text]
    assert stand_in.requests == []


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_first_command_of_a_stranger_says_what_to_fill_in(environment, aws):
    """Without credentials, in an environment as it comes: one screen, and no word of anything else."""
    stand_in = aws()
    refusal = run("--check", "--diff", endpoint=stand_in.url, inventory=ROOT / "inventories" / environment)
    assert any(line.startswith("platform_account_id: 'REPLACE-with-the-12-digits") for line in refusal.faults)
    assert "[DEPRECATION WARNING]" not in refusal.output
    assert "[WARNING]" not in refusal.output
    assert "parse" not in refusal.output
    assert len(refusal.output[refusal.output.index("[ERROR]") :].splitlines()) <= 24
    assert stand_in.requests == []


def test_an_endpoint_that_does_not_answer_is_named(aws):
    stand_in = aws()
    stand_in.close()
    refusal = run(endpoint=stand_in.url)
    assert len(refusal.faults) == 1
    assert (
        f"nothing answers at {stand_in.url}/: check the network, platform_region and AWS_ENDPOINT_URL"
        in refusal.faults[0]
    )


def test_what_aws_could_not_change_is_refused(new_account: Callable[[str], Account]):
    """A cluster two versions behind, a VPC with another network, and a role of ours that someone else has made."""
    account = new_account("200000000042")
    tags = [{"Key": key, "Value": value} for key, value in OWNER.items()]
    named = [{"Key": "Name", "Value": f"{PREFIX}-vpc"}, {"Key": "Component", "Value": "network"}]
    ec2, eks, iam = account.client("ec2"), account.client("eks"), account.client("iam")
    vpc = ec2.create_vpc(
        CidrBlock="10.1.0.0/16",
        TagSpecifications=[{"ResourceType": "vpc", "Tags": [*tags, *named]}],
    )["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{number}.0/24", AvailabilityZone=f"us-west-2{letter}")["Subnet"][
            "SubnetId"
        ]
        for number, letter in ((1, "a"), (2, "b"))
    ]
    trust = {"Version": "2012-10-17", "Statement": []}
    role = iam.create_role(RoleName=f"{PREFIX}-eks-nodes", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    cluster = f"{PREFIX}-eks"
    eks.create_cluster(
        name=cluster,
        version="1.32",
        roleArn=role,
        resourcesVpcConfig={"subnetIds": subnets},
        accessConfig={"authenticationMode": "API"},
        tags={**OWNER, "Component": "eks"},
    )
    ended = account.run(note="preflight refuses what can't be changed").assert_refused()
    refusal = read_refusal(ended.output)
    assert refusal.faults[:2] == [
        f"network_vpc_cidr: '10.0.0.0/16' is not the network of the VPC that exists, 10.1.0.0/16 ({vpc}): AWS can't"
        " change it",
        f"eks_kubernetes_version: '1.36' skips a minor version: {cluster} runs 1.32 and EKS goes up one at a time,"
        " so set '1.33' first",
    ]
    assert len(refusal.faults) == 4, refusal.faults
    theirs = (
        f"platform_existing_roles.eks-cluster: isn't set, and the cluster has the role {role}; EKS can't exchange it"
    )
    assert refusal.faults[2].startswith(theirs)
    assert refusal.faults[3].startswith(f"eks: IAM role {PREFIX}-eks-nodes ")
    assert ended.calls.writes == {}


def test_who_will_not_be_let_into_the_cluster_is_refused(new_account: Callable[[str], Account]):
    """Before there is a cluster. A session is its role, with the path that only IAM tells."""
    account = new_account("620100000002")
    trust = {"Version": "2012-10-17", "Statement": []}
    made = account.client("iam").create_role(
        RoleName="deployers", Path="/teams/", AssumeRolePolicyDocument=json.dumps(trust)
    )["Role"]["Arn"]
    keys = account.client("sts").assume_role(RoleArn=made, RoleSessionName="run")["Credentials"]
    session = {
        "AWS_ENDPOINT_URL": account.playbook_endpoint,
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }
    inside = {"platform_cluster_access": "direct", "eks_deployer_access": False, "platform_aws_environment": session}
    ended = account.run(variables=inside, note="preflight refuses who won't be let in").assert_refused()
    (fault,) = read_refusal(ended.output).faults
    assert fault.startswith(
        f"eks_access_entries: this run is {made}, and has no access entry in the cluster, which nobody has by having"
        f" made it: add {{principal_arn: '{made}', policies: [{{policy: AmazonEKSClusterAdminPolicy}}]}}, or set"
        " eks_deployer_access: true (inventories/local/host_vars/eks.yml:"
    )
    assert ended.calls.writes == {}


def test_more_than_the_account_may_have_is_refused(new_account: Callable[[str], Account]):
    account = new_account("200000000043")
    groups = [{"name": "default", "desired_size": 2, "instance_types": ["m7i.48xlarge"]}]
    ended = account.run(variables={"eks_node_groups": groups}, note="preflight counts quotas").assert_refused()
    refusal = read_refusal(ended.output)
    assert len(refusal.faults) == 1
    assert refusal.faults[0].startswith(
        "eks_node_groups[0].desired_size: more vCPUs (384 for eks, 2 for bastion_instance) are too many for the quota"
        " Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances (ec2 L-1216C47A), which is 256 in us-west-2"
        " with 0 in use: ask for"
    )
    assert ended.calls.writes == {}


def test_what_is_too_much_for_aws_is_refused(new_account: Callable[[str], Account]):
    """At the input that it comes from, measured as it would be sent."""

    def role(name: str, **more: Any) -> dict:
        return {"name": name, "namespace": "agents", "service_accounts": [name], **more}

    read = {"Action": ["s3:GetObject"]}
    long = [{"Sid": f"S{n}", **read, "Resource": [f"arn:aws:s3:::bucket-number-{n}-{'x' * 40}/*"]} for n in range(90)]
    variables = {
        "workload_identity_roles": [
            role("trusting", service_accounts=[f"service-account-{number:03}" for number in range(60)]),
            role("permissive", statements=long),
            role("policies", managed_policies=[f"Policy{number}" for number in range(11)]),
            role("strange", statements=[{"Sid": "S", **read, "Resource": ["arn:aws:s3:::b\u20ac/*"]}]),
        ],
        "eks_addons": [{"name": "vpc-cni", "irsa": role("cni", namespace="n" * 63, statements=long)}],
        "encryption_key_administrators": [
            f"arn:aws:iam::{ACCOUNT}:role/{'a' * 40}{number:03}" for number in range(450)
        ],
        "network_additional_traffic": [
            {"source": f"192.168.{number}.0/24", "destination": "nodes", "from_port": 443, "description": "x"}
            for number in range(60)
        ],
        "bastion_instance_statements": long,
        "opensearch_workloads": [],
    }
    ended = new_account("200000000044").run(variables=variables, note="preflight measures").assert_refused()
    faults = read_refusal(ended.output).faults
    told = [re.fullmatch(r"(.*): (\w+) of \w+ ([\w/-]+) .*(AWS takes [\w,]+).*", line) for line in faults]
    roles = "workload_identity_roles"
    assert [found.groups() for found in told] == [
        ("encryption_key_administrators", "policy", f"alias/{PREFIX}-key", "AWS takes 32,768"),
        ("network_additional_traffic", "ingress", f"{PREFIX}-nodes", "AWS takes 60"),
        ("eks_addons[0].irsa", "inline_policies", f"{PREFIX}-cni", "AWS takes 10,240"),
        (f"{roles}[0]", "trust_policy", f"{PREFIX}-trusting", "AWS takes 2,048"),
        (f"{roles}[1]", "inline_policies", f"{PREFIX}-permissive", "AWS takes 10,240"),
        (f"{roles}[2]", "managed_policies", f"{PREFIX}-policies", "AWS takes 10"),
        (f"{roles}[3]", "inline_policies", f"{PREFIX}-strange", "AWS takes in"),
        ("bastion_instance_statements", "inline_policies", f"{PREFIX}-bastion", "AWS takes 10,240"),
    ]
    assert ended.calls.writes == {}
