# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the cluster: versions, endpoint, node groups, add-ons, access, and what EKS can't change."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.components import eks as eks_rules

from .declared import change_fault_lines, fault_lines, removal_fault_lines, warning_lines

GROUP = {
    "name": "default",
    "state": "present",
    "instance_types": ["t3.medium"],
    "ami_type": "AL2023_x86_64_STANDARD",
    "capacity_type": "ON_DEMAND",
    "min_size": 2,
    "desired_size": 2,
    "max_size": 6,
    "disk_size_gib": 20,
    "max_unavailable": 1,
    "labels": {},
    "taints": [],
}
ADDONS = [
    {"name": "vpc-cni", "version": "default"},
    {"name": "cert-manager", "version": "v1.17.2-eksbuild.1"},
    {"name": "adot", "version": "latest"},
]
RIGHT = {
    "platform_prefix": "agent-platform-dev",
    "eks_kubernetes_version": "1.34",
    "eks_endpoint_private_access": True,
    "eks_endpoint_public_access": False,
    "eks_endpoint_public_access_cidrs": [],
    "eks_service_ipv4_cidr": "",
    "eks_log_types": ["api", "audit"],
    "eks_node_groups": [GROUP],
    "eks_addons": ADDONS,
    "eks_access_entries": [],
}
OTHERS = {
    "network": {"network_vpc_cidr": "10.0.0.0/16"},
    "workload_identity": {"workload_identity_roles": [{"name": "agent"}]},
}


def lines(**change):
    return fault_lines("eks", {**RIGHT, **change}, **OTHERS)


def change_lines(found, **change):
    return change_fault_lines("eks", {**RIGHT, **change}, found)


def of_group(**change):
    return [line.removeprefix("eks_node_groups[0]") for line in lines(eks_node_groups=[{**GROUP, **change}])]


def test_what_is_right_has_no_fault():
    assert lines() == []


def test_missing_values_are_the_schemas_business():
    assert fault_lines("eks", {}) == []
    assert lines(eks_node_groups=[{}], eks_addons=[{}], eks_access_entries=[{}]) == []


SUPPORTED = ("1.32", "1.33", "1.34", "1.35", "1.36")


@pytest.fixture(autouse=True)
def _today(monkeypatch):
    monkeypatch.setattr(eks_rules, "_today", lambda: datetime.date(2026, 8, 1))


@pytest.mark.parametrize("version", SUPPORTED)
def test_supported_versions(version):
    assert lines(eks_kubernetes_version=version) == []
    assert change_lines({}, eks_kubernetes_version=version) == []


@pytest.mark.parametrize("version", ["1.19", "1.3"])
def test_versions_that_no_longer_can_be(version):
    assert lines(eks_kubernetes_version=version) == [f"eks_kubernetes_version: {version!r} {unsupported(*LISTED)}"]


# 1.31 still has some months on this day.
LISTED = ("1.31", *SUPPORTED)


def unsupported(*versions):
    return f"is not a version that EKS supports: {', '.join(versions)}"


@pytest.mark.parametrize("version", ["2.0", "1.37", "1.99"])
def test_versions_that_nobody_knows(version):
    assert lines(eks_kubernetes_version=version) == []
    assert change_lines({}, eks_kubernetes_version=version) == [
        f"eks_kubernetes_version: {version!r} {unsupported(*LISTED)}"
    ]


def offers(**ends):
    """What EKS says of its versions: by version, written 1_34, the ends of its support."""
    versions = {
        version.strip("v").replace("_", "."): dict(
            zip(("end_of_standard_support", "end_of_extended_support"), days, strict=True)
        )
        for version, days in ends.items()
    }
    return {"offers": {"eks": {"versions": versions}}}


def test_what_eks_says_of_its_versions_goes_before_the_table():
    offered = offers(v1_36=("2027-08-02", "2028-08-02"), v1_37=("2027-12-01", "2028-12-01"))
    assert change_lines(offered, eks_kubernetes_version="1.37") == []
    assert change_lines(offered, eks_kubernetes_version="1.35") == [
        f"eks_kubernetes_version: '1.35' {unsupported('1.36', '1.37')}"
    ]


def test_where_eks_could_not_be_asked_the_table_serves():
    assert change_lines({"offers": {"eks": {"versions": {}}}}, eks_kubernetes_version="1.36") == []


def test_a_version_whose_support_has_ended(monkeypatch):
    monkeypatch.setattr(eks_rules, "_today", lambda: datetime.date(2026, 11, 26))
    assert change_lines({}, eks_kubernetes_version="1.31") == [
        f"eks_kubernetes_version: '1.31' {unsupported(*SUPPORTED)}"
    ]
    # What runs is upgraded by EKS, whatever is declared.
    assert change_lines({"eks": {**RUNNING, "version": "1.31"}}, eks_kubernetes_version="1.31") == []


@pytest.mark.parametrize("version", ["", "1", "1.34.1", "v1.34", "latest"])
def test_versions_that_are_none(version):
    assert lines(eks_kubernetes_version=version) == [
        f"eks_kubernetes_version: {version!r} is not a Kubernetes version as major.minor, such as '1.34'"
    ]


CIDRS = "eks_endpoint_public_access_cidrs"
WORLD = "opens the Kubernetes API to the whole internet: name the networks that need it"


@pytest.mark.parametrize(
    ("public", "cidrs", "found"),
    [
        (True, ["203.0.113.0/24", "198.51.100.7/32"], []),
        (True, [], [f"eks_endpoint_public_access: true needs the networks that may use it in {CIDRS}"]),
        (True, ["0.0.0.0/0"], [f"{CIDRS}[0]: '0.0.0.0/0' {WORLD}"]),
        (False, ["203.0.113.0/24", "::/0"], [f"{CIDRS}[1]: '::/0' {WORLD}"]),
        (
            True,
            ["0.0.0.0/1", "128.0.0.0/1"],
            [
                f"{CIDRS}: ['0.0.0.0/1', '128.0.0.0/1'] are together 0.0.0.0/0, the whole internet:"
                " name the networks that need it"
            ],
        ),
        (True, ["203.0.113.7"], [f"{CIDRS}[0]: '203.0.113.7' is not an IPv4 network"]),
        (
            True,
            ["203.0.113.7/24"],
            [f"{CIDRS}[0]: '203.0.113.7/24' is not written as the network it is in: 203.0.113.0/24"],
        ),
        (
            True,
            ["10.0.0.0/8"],
            [f"{CIDRS}[0]: '10.0.0.0/8' is a private network, which never reaches the public endpoint: EKS refuses it"],
        ),
        (True, ["203.0.113.0/24"] * 2, [f"{CIDRS}: '203.0.113.0/24' occurs more than once"]),
        (
            True,
            [f"203.0.113.{number}/32" for number in range(41)],
            [f"{CIDRS}: 41 networks are more than the 40 that EKS takes"],
        ),
    ],
)
def test_public_endpoint(public, cidrs, found):
    assert lines(eks_endpoint_public_access=public, eks_endpoint_public_access_cidrs=cidrs) == found


def test_some_endpoint_is_on():
    assert lines(eks_endpoint_private_access=False) == [
        "eks_endpoint_private_access: false leaves no way to the Kubernetes API, since the public endpoint is off, too"
    ]


@pytest.mark.parametrize(
    ("cidr", "rule"),
    [
        ("172.20.0.0/16", None),
        ("10.100.0.0/16", None),
        ("172.20.0.0/25", "is not an IPv4 network with a prefix length from 12 to 24"),
        ("100.64.0.0/16", "is not inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16"),
        ("10.0.128.0/20", "overlaps network_vpc_cidr 10.0.0.0/16"),
    ],
)
def test_service_network(cidr, rule):
    assert lines(eks_service_ipv4_cidr=cidr) == ([f"eks_service_ipv4_cidr: {cidr!r} {rule}"] if rule else [])


ORDER = "min_size <= desired_size <= max_size"


@pytest.mark.parametrize(
    ("sizes", "found"),
    [
        ((0, 0, 1), []),
        ((2, None, 2), []),
        ((3, 2, 1), [f".min_size: 3 is greater than max_size 1: {ORDER}"]),
        ((2, 1, 3), [f".desired_size: 1 is less than min_size 2: {ORDER}"]),
        ((1, 4, 3), [f".desired_size: 4 is greater than max_size 3: {ORDER}"]),
        ((-1, 0, 1), [".min_size: -1 is not 0 or more"]),
        ((0, 0, 0), [".max_size: 0 is not 1 or more"]),
    ],
)
def test_sizes(sizes, found):
    smallest, desired, largest = sizes
    assert of_group(min_size=smallest, desired_size=desired, max_size=largest) == found


@pytest.mark.parametrize(
    ("key", "number", "rule"),
    [
        ("disk_size_gib", 19, "is not from 20 to 65536 GiB"),
        ("max_unavailable", 0, "is not from 1 to 100"),
        ("max_unavailable", 101, "is not from 1 to 100"),
        ("minimum_pods", 0, "is not from 1 to 250"),
    ],
)
def test_numbers(key, number, rule):
    assert of_group(**{key: number}) == [f".{key}: {number} {rule}"]


PREFIXES = "take a larger type or set ENABLE_PREFIX_DELEGATION in the vpc-cni add-on"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"instance_types": ["m6i.large", "m7i.large"]}, []),
        ({"instance_types": ["zz9.large"]}, []),
        ({"instance_types": ["t3.medium"], "minimum_pods": 17}, []),
        (
            {"instance_types": ["t3.medium"], "minimum_pods": 18},
            [
                ".instance_types: 't3.medium' is too small: it has room for 17 pods, minimum_pods asks for 18;"
                f" {PREFIXES}"
            ],
        ),
        (
            {"instance_types": ["m6i.large", "t3.small"], "minimum_pods": 12},
            [
                ".instance_types: 't3.small' is too small: it has room for 11 pods, minimum_pods asks for 12;"
                f" {PREFIXES}"
            ],
        ),
        ({"instance_types": []}, [".instance_types: [] is not a list of 1 to 20 instance types"]),
        ({"instance_types": ["t3.medium"] * 2}, [".instance_types: 't3.medium' occurs more than once"]),
        ({"instance_types": ["t3medium"]}, [".instance_types: 't3medium' is not an instance type, such as t3.medium"]),
        (
            {"instance_types": ["t3.meduim"]},
            [".instance_types: 't3.meduim' is not an instance type of its family; did you mean t3.medium?"],
        ),
        (
            {"instance_types": ["m7g.large"]},
            [
                ".instance_types: 'm7g.large' is a machine of architecture arm64,"
                " which ami_type AL2023_x86_64_STANDARD is not for"
            ],
        ),
        ({"instance_types": ["m7g.large"], "ami_type": "AL2023_ARM_64_STANDARD"}, []),
        (
            {"instance_types": ["m7i.large"], "ami_type": "BOTTLEROCKET_ARM_64"},
            [
                ".instance_types: 'm7i.large' is a machine of architecture x86_64,"
                " which ami_type BOTTLEROCKET_ARM_64 is not for"
            ],
        ),
    ],
)
def test_instance_types(change, found):
    assert of_group(**change) == found


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"release_version": "1.34.2-20260102"}, []),
        (
            {"release_version": "1.35.0-20260102"},
            ["'1.35.0-20260102' is for Kubernetes 1.35, eks_kubernetes_version is 1.34"],
        ),
        ({"release_version": "1.34"}, ["'1.34' is not a release of an Amazon Linux image, such as 1.34.2-20260102"]),
        ({"release_version": "1.26.1-943d9a41", "ami_type": "BOTTLEROCKET_x86_64"}, []),
    ],
)
def test_releases_of_images(change, found):
    assert of_group(**change) == [f".release_version: {line}" for line in found]


def test_prefix_delegation_makes_room_for_more_pods():
    group = {**GROUP, "minimum_pods": 110}
    addon = {"name": "vpc-cni", "configuration": {"env": {"ENABLE_PREFIX_DELEGATION": "true"}}}
    assert len(lines(eks_node_groups=[group])) == 1
    assert lines(eks_node_groups=[group], eks_addons=[addon]) == []


@pytest.mark.parametrize(
    ("labels", "part"),
    [
        ({"workload": "agents", "example.com/team": "", "node.kubernetes.io/pool": "a"}, None),
        ({"topology.kubernetes.io/zone": "us-west-2a"}, None),
        ({"a b": "c"}, ".labels: 'a b' is not a Kubernetes label key"),
        ({"gpu": True}, ".labels.gpu: true is not a text"),
        ({"tier": "a b"}, ".labels.tier: 'a b' is not a Kubernetes label value"),
        ({"node-role.kubernetes.io/agent": ""}, "that a node may not give itself: its kubelet would not start"),
        ({"eks.amazonaws.com/nodegroup": "a"}, "is a label that EKS sets itself"),
    ],
)
def test_labels(labels, part):
    found = of_group(labels=labels)
    assert found == [] if part is None else (len(found) == 1 and part in found[0]), found


@pytest.mark.parametrize(
    ("taints", "part"),
    [
        (
            [
                {"key": "gpu", "value": "", "effect": "NO_SCHEDULE"},
                {"key": "gpu", "value": "a", "effect": "NO_EXECUTE"},
            ],
            None,
        ),
        ([{"key": "a b", "value": "", "effect": "NO_SCHEDULE"}], ".taints[0].key: 'a b' is not a Kubernetes label key"),
        (
            [{"key": "gpu", "value": "a b", "effect": "NO_SCHEDULE"}],
            ".taints[0].value: 'a b' is not a Kubernetes label value",
        ),
        ([{"key": f"{'d' * 20}.example/{'n' * 60}", "effect": "NO_SCHEDULE"}], "longer than the 63 characters"),
        ([{"key": "gpu", "effect": "NO_SCHEDULE"}] * 2, ".taints: 'gpu:NO_SCHEDULE' occurs more than once"),
        (
            [{"key": f"t{number}", "effect": "NO_SCHEDULE"} for number in range(51)],
            ".taints: 51 taints are more than the 50",
        ),
    ],
)
def test_taints(taints, part):
    found = of_group(taints=taints)
    assert found == [] if part is None else (len(found) == 1 and part in found[0]), found


def test_names_of_node_groups():
    assert lines(eks_node_groups=[GROUP, {**GROUP, "state": "absent"}]) == [
        "eks_node_groups[].name: 'default' occurs more than once"
    ]
    assert of_group(name="a b") == [".name: 'a b' is not letters, digits, '-' and '_' with a letter or digit first"]


def test_a_group_that_is_removed_need_not_be_right():
    assert of_group(state="absent", min_size=9, max_size=1, disk_size_gib=5, instance_types=["t3.meduim"]) == []


IRSA = {"name": "ebs-csi-driver", "namespace": "kube-system", "service_accounts": ["ebs-csi-controller-sa"]}
READ = {"Sid": "Read", "Action": ["dynamodb:GetItem"]}


@pytest.mark.parametrize(
    ("addons", "line"),
    [
        ([{"name": "vpc-cni"}, {"name": "vpc-cni"}], "eks_addons[].name: 'vpc-cni' occurs more than once"),
        ([{"name": "vpc cni"}], "eks_addons[0].name: 'vpc cni' is not the name of an add-on, such as vpc-cni"),
        (
            [{"name": "adot", "version": "0.141"}],
            "eks_addons[0].version: '0.141' is not a version of an add-on: default, latest or one such as"
            " v1.21.1-eksbuild.1",
        ),
        (
            [{"name": "a", "irsa": IRSA}, {"name": "b", "irsa": IRSA}],
            "eks_addons[].irsa.name: 'ebs-csi-driver' occurs more than once",
        ),
        (
            [{"name": "a", "irsa": {**IRSA, "name": "*"}}],
            "eks_addons[0].irsa.name: '*' is not a role name: letters, digits and + = , . @ _ -",
        ),
        (
            [{"name": "a", "irsa": {**IRSA, "namespace": "*"}}],
            "eks_addons[0].irsa.namespace: '*' is not a Kubernetes name: up to 63 lower-case letters, digits and '-',"
            " letters or digits at both ends",
        ),
        (
            [{"name": "a", "irsa": {**IRSA, "service_accounts": []}}],
            "eks_addons[0].irsa.service_accounts: [] names no service account, so nothing could use the role",
        ),
        (
            [{"name": "a", "irsa": {**IRSA, "service_accounts": ["one", "two", "one"]}}],
            "eks_addons[0].irsa.service_accounts: 'one' occurs more than once",
        ),
        (
            [{"name": "a", "irsa": {**IRSA, "statements": [{"Sid": "All", "Action": ["*"], "Resource": ["*"]}]}}],
            "eks_addons[0].irsa.statements[0].Action: '*' is not an API action, such as s3:GetObject; all actions of"
            " AWS (*) are refused",
        ),
        (
            [{"name": "a", "irsa": {**IRSA, "statements": [{**READ, "Resource": ["<dynamodb.table_arns>"]}]}}],
            "eks_addons[0].irsa.statements[0].Resource: '<dynamodb.table_arns>' is a fact of dynamodb, which eks"
            " doesn't read, so the statement would wait for ever: write its value instead",
        ),
        (
            [{"name": "a", "irsa": {**IRSA, "service_accounts": ["*"]}}],
            "eks_addons[0].irsa.service_accounts: '*' is not a Kubernetes name: up to 253 lower-case letters,"
            " digits, '-' and '.',"
            " letters or digits at both ends",
        ),
        (
            [{"name": "a", "irsa": {**IRSA, "managed_policies": ["arn:aws:iam::aws:policy/X"]}}],
            "eks_addons[0].irsa.managed_policies: 'arn:aws:iam::aws:policy/X' is an ARN: give the name of the AWS"
            " managed policy,"
            " with its path (service-role/AmazonEBSCSIDriverPolicy)",
        ),
    ],
)
def test_addons(addons, line):
    assert lines(eks_addons=addons) == [line]


ARN = "arn:aws:iam::123456789012:role/admin"


@pytest.mark.parametrize(
    ("entry", "part"),
    [
        ({"policies": [{"policy": "AmazonEKSClusterAdminPolicy", "scope": "cluster", "namespaces": []}]}, None),
        ({"principal_arn": "admin"}, "[0].principal_arn: 'admin' is not the ARN of an IAM role or user"),
        ({"principal_arn": "arn:aws:sts::123456789012:assumed-role/admin/jo"}, "is a session of a role"),
        (
            {"principal_arn": "arn:aws:iam::123456789012:role/aws-service-role/x.amazonaws.com/Y"},
            "is a service-linked role",
        ),
        ({"kubernetes_groups": ["system:masters"]}, "[0].kubernetes_groups: 'system:masters' begins with one of"),
        (
            {"type": "EC2_LINUX", "kubernetes_groups": ["a"]},
            "[0].kubernetes_groups: ['a'] is only for entries of type STANDARD",
        ),
        (
            {"policies": [{"policy": "AmazonEKSViewPolicy", "scope": "namespace", "namespaces": []}]},
            "names no namespace",
        ),
        ({"policies": [{"policy": "AmazonEKSViewPolicy", "scope": "cluster", "namespaces": ["a"]}]}, "has no meaning"),
        ({"policies": [{"policy": "arn:aws:eks::aws:x"}]}, "is not the name of an EKS access policy"),
    ],
)
def test_access_entries(entry, part):
    found = lines(eks_access_entries=[{"principal_arn": ARN, **entry}])
    assert found == [] if part is None else (len(found) == 1 and part in found[0]), found


def test_a_principal_has_one_entry():
    assert lines(eks_access_entries=[{"principal_arn": ARN}] * 2) == [
        f"eks_access_entries[].principal_arn: '{ARN}' occurs more than once"
    ]


RUNNING = {"cluster_name": "agent-platform-dev-eks", "version": "1.34", "node_groups": {}}


@pytest.mark.parametrize(
    ("running", "wanted", "rule"),
    [
        ("1.34", "1.34", None),
        ("1.34", "1.35", None),
        (
            "1.33",
            "1.35",
            "skips a minor version: agent-platform-dev-eks runs 1.33 and EKS goes up one at a time, so set '1.34'"
            " first",
        ),
        ("1.35", "1.34", "is older than 1.35, which agent-platform-dev-eks runs: EKS never goes back"),
    ],
)
def test_version_of_a_running_cluster(running, wanted, rule):
    platform = {"eks": {**RUNNING, "version": running}}
    found = change_lines(platform, eks_kubernetes_version=wanted, eks_support_type="EXTENDED")
    assert found == ([f"eks_kubernetes_version: {wanted!r} {rule}"] if rule else [])


def test_nodes_may_not_be_left_too_far_behind():
    groups = {"a": {"version": "1.32"}, "b": {"version": "1.31"}}
    platform = {"eks": {**RUNNING, "node_groups": groups}}
    assert change_lines(platform) == []
    assert change_lines(platform, eks_kubernetes_version="1.35") == [
        "eks_kubernetes_version: '1.35' leaves node groups more than 3 minor versions behind: b (1.31)"
    ]


@pytest.mark.parametrize(
    ("existing", "count"),
    [
        ({"instance_types": ["t3.medium"], "ami_type": "AL2023_x86_64_STANDARD", "capacity_type": "ON_DEMAND"}, 0),
        ({"instance_types": ["t3.large"], "ami_type": "AL2_x86_64", "capacity_type": "SPOT"}, 3),
        ({"instance_types": ["t3.large"], "status": "DELETING"}, 0),
        ({"instance_types": [], "ami_type": None}, 0),
    ],
)
def test_what_eks_cannot_change_of_a_node_group(existing, count):
    platform = {"eks": {**RUNNING, "node_groups": {"agent-platform-dev-default": existing}}}
    assert len(change_lines(platform)) == count


def test_the_way_out_is_named():
    platform = {"eks": {**RUNNING, "node_groups": {"agent-platform-dev-default": {"instance_types": ["t3.large"]}}}}
    assert change_lines(platform) == [
        "eks_node_groups[0].instance_types: ['t3.medium'] is not that of the node group agent-platform-dev-default,"
        " ['t3.large'], and EKS can't change it: add a group of another name and then remove this one (state: absent)"
    ]


@pytest.mark.parametrize("platform", [{}, {"eks": {"version": None, "node_groups": {}}}])
def test_nothing_runs_yet(platform):
    assert change_lines(platform) == []


# ---- what EKS does by itself


def warned(platform, **change):
    return warning_lines("eks", {**RIGHT, "eks_kubernetes_version": "1.36", **change}, platform)


@pytest.mark.parametrize(
    ("support_type", "declared", "day"), [("STANDARD", "1.34", "2026-12-03"), ("EXTENDED", "1.34", "2027-12-03")]
)
def test_a_cluster_that_eks_has_upgraded_is_no_wall(monkeypatch, support_type, declared, day):
    monkeypatch.setattr(eks_rules, "_today", lambda: datetime.date.fromisoformat(day))
    platform = {"eks": {**RUNNING, "version": "1.36"}}
    given = {"eks_kubernetes_version": declared, "eks_support_type": support_type}
    assert change_lines(platform, **given) == []
    assert warned(platform, **given)[0] == (
        "eks_kubernetes_version: '1.34' is older than 1.36, to which EKS has upgraded agent-platform-dev-eks when its"
        " support ended. The run goes on with 1.36; set eks_kubernetes_version to '1.36'"
    )


BY_ITSELF = "EKS then upgrades the cluster by itself, at a time of its own. Raise eks_kubernetes_version before"


@pytest.mark.parametrize(
    ("day", "support_type", "told"),
    [
        ("2026-09-02", "STANDARD", None),
        ("2026-09-03", "STANDARD", f"standard support ends on 2026-12-02; {BY_ITSELF}"),
        ("2026-12-02", "STANDARD", f"standard support ended on 2026-12-02; {BY_ITSELF}"),
        (
            "2026-12-01",
            "EXTENDED",
            "standard support ends on 2026-12-02; the cluster costs more from then on. Raise eks_kubernetes_version",
        ),
        ("2027-03-01", "EXTENDED", None),
        ("2027-11-30", "EXTENDED", f"extended support ends on 2027-12-02; {BY_ITSELF}"),
    ],
)
def test_the_end_of_support_is_told_three_months_ahead(monkeypatch, day, support_type, told):
    monkeypatch.setattr(eks_rules, "_today", lambda: datetime.date.fromisoformat(day))
    found = warned({"eks": RUNNING}, eks_kubernetes_version="1.34", eks_support_type=support_type)
    assert found == ([f"eks_kubernetes_version: '1.34' is near its end: its {told}"] if told else [])


def test_the_default_is_far_from_its_end():
    assert warned({}) == []


# ---- zones


A, B, C = (f"us-west-2{letter}" for letter in "abc")


@pytest.mark.parametrize(
    ("zones", "network", "part"),
    [
        ([], [], None),
        ([C], [A, B, C], None),
        ([C], [A, B], f"'{C}' is not a zone of the network: {A}, {B}. Name all zones in network_availability_zones"),
        ([C], [], f"'{C}' is not a zone of the network, whose zones are not declared. Name all zones in"),
        ([A, A], [A, B], f"'{A}' occurs more than once"),
    ],
)
def test_zones_of_a_node_group(zones, network, part):
    groups = [{**GROUP, "availability_zones": zones}]
    others = {**OTHERS, "network": {"network_vpc_cidr": "10.0.0.0/16", "network_availability_zones": network}}
    found = fault_lines("eks", {**RIGHT, "eks_node_groups": groups}, **others)
    assert found == [] if part is None else (len(found) == 1 and part in found[0]), found


@pytest.mark.parametrize(
    ("declared", "existing", "fixed"),
    [
        # Left out, they are those of the cluster, whatever zones the network has by now.
        ([], [A, B], False),
        ([B, A], [A, B], False),
        ([C], [C], False),
        ([], [C], True),
        ([A, B, C], [A, B], True),
    ],
)
def test_a_node_group_keeps_its_zones(declared, existing, fixed):
    cluster = {
        **RUNNING,
        "availability_zones": [A, B],
        "node_groups": {"agent-platform-dev-default": {"availability_zones": existing}},
    }
    groups = [{**GROUP, "availability_zones": declared}]
    found = change_lines({"eks": cluster, "network": {"availability_zones": [A, B, C]}}, eks_node_groups=groups)
    assert bool(found) is fixed
    assert not fixed or "EKS can't change it: add a group of another name" in found[0]


@pytest.mark.parametrize(("network", "faults"), [("vpc-1", 0), (None, 0), ("vpc-2", 1)])
def test_a_cluster_stays_in_its_vpc(network, faults):
    found = change_lines({"eks": {**RUNNING, "vpc_id": "vpc-1"}, "network": {"vpc_id": network}})
    assert len(found) == faults
    assert not faults or found[0].startswith("eks: the cluster is in vpc-1, the network is vpc-2: EKS can't move it")


# ---- images, and what nodes are told

IMAGE_ID = "ami-0123456789abcdef0"
OWN_IMAGE = {
    "state": "available",
    "architecture": "x86_64",
    "owner": "123456789012",
    "root_device_name": "/dev/xvda",
    "root_volume_size_gib": 20,
}


def of_image(change, **group):
    found = {"offers": {"eks": {"images": {} if change is None else {IMAGE_ID: {**OWN_IMAGE, **change}}}}}
    given = {**RIGHT, "eks_node_groups": [{**GROUP, "ami_id": IMAGE_ID, **group}]}
    found = {"eks": RUNNING, "account_id": "123456789012", **found}
    return change_fault_lines("eks", given, found), warning_lines("eks", given, found)


@pytest.mark.parametrize(
    ("change", "group", "said"),
    [
        ({}, {}, None),
        ({"owner": "amazon"}, {}, None),
        (None, {}, f".ami_id: '{IMAGE_ID}' is not an image that this account may use in this region"),
        ({"state": "pending"}, {}, f".ami_id: '{IMAGE_ID}' is pending: nodes start from one that is available"),
        ({"architecture": "arm64"}, {}, f".ami_id: '{IMAGE_ID}' is an image for arm64, and t3.medium a machine of"),
        ({"root_device_name": "/dev/sda1"}, {}, f".ami_id: '{IMAGE_ID}' has its first volume at /dev/sda1, where"),
        ({"root_volume_size_gib": 30}, {}, f".disk_size_gib: 20 is less than the 30 GiB of the image {IMAGE_ID}"),
        # The second volume is that of its size.
        ({"root_volume_size_gib": 30}, {"ami_type": "BOTTLEROCKET_x86_64"}, None),
    ],
)
def test_an_image_of_ones_own_fits_the_nodes(change, group, said):
    faults, _warnings = of_image(change, **group)
    assert [line.partition("eks_node_groups[0]")[2][: len(said)] for line in faults] == [said] if said else not faults


@pytest.mark.parametrize(("owner", "told"), [("123456789012", False), ("amazon", False), ("210987654321", True)])
def test_who_has_made_an_image(owner, told):
    _faults, warnings = of_image({"owner": owner})
    assert bool([line for line in warnings if f"'{IMAGE_ID}' was made by {owner}" in line]) is told


@pytest.mark.parametrize(
    ("types", "group", "missing"),
    [
        (["m6i.large"], {}, None),
        (["g5.xlarge"], {}, "NVIDIA"),
        (["m6i.large", "p4d.24xlarge"], {}, "NVIDIA"),
        (["g5.xlarge"], {"ami_type": "AL2023_x86_64_NVIDIA"}, None),
        (["g4ad.xlarge"], {}, None),
        (["g5.xlarge"], {"ami_id": IMAGE_ID}, None),
        (["g5.xlarge"], {"state": "absent"}, None),
        (["inf2.xlarge"], {}, "NEURON"),
        (["inf2.xlarge"], {"ami_type": "AL2023_x86_64_NEURON"}, None),
        (["trn1.2xlarge"], {"ami_type": "BOTTLEROCKET_x86_64"}, None),
        (["g5.xlarge"], {"ami_type": "BOTTLEROCKET_x86_64"}, "NVIDIA"),
    ],
)
def test_accelerators_that_no_pod_could_use_are_told(types, group, missing):
    given = {**GROUP, "ami_type": "AL2023_x86_64_STANDARD", "instance_types": types, **group}
    found = [line for line in warning_lines("eks", {**RIGHT, "eks_node_groups": [given]}, {}) if "no driver" in line]
    assert len(found) == bool(missing)
    if missing:
        accelerated = ", ".join(name for name in types if not name.startswith("m"))
        assert found[0] == (
            f"eks_node_groups[0].ami_type: '{given['ami_type']}' has no driver for the accelerator of {accelerated}:"
            f" take a type with {missing} in its name"
        )


def test_what_is_not_declared_any_more_is_told():
    """It would stay at its version under a control plane that goes on."""
    groups = {
        f"agent-platform-dev-{name}": {"version": version} for name, version in (("old", "1.34"), ("new", "1.35"))
    }
    groups |= {name: {"version": "1.33"} for name in ("agent-platform-dev-default", "theirs")}
    addons = {name: {"ours": ours} for name, ours in (("vpc-cni", True), ("adot", True), ("theirs", False))}
    cluster = {**RUNNING, "exists": True, "version": "1.35", "node_groups": groups, "addons": addons}
    cluster["foreign_nodes"] = ["node group theirs"]
    gone = {**GROUP, "name": "gone", "state": "absent"}
    given = {**RIGHT, "eks_node_groups": [GROUP, gone], "eks_addons": [{"name": "vpc-cni"}]}

    found = [line for line in warning_lines("eks", given, {"eks": cluster}) if "not declared" in line]

    stays = "it stays as it is. Declare it again, or remove it with its name and state: absent"
    assert found == [
        f"eks_node_groups: the node group agent-platform-dev-old exists, not declared, at 1.34 under 1.35: {stays}",
        f"eks_node_groups: the node group agent-platform-dev-new exists, not declared: {stays}",
        f"eks_addons: the add-on adot exists, not declared: {stays}",
    ]
    cluster["node_groups"]["agent-platform-dev-gone"] = {"version": "1.33"}
    assert [line for line in warning_lines("eks", given, {"eks": cluster}) if "-gone" in line] == []


def test_images_of_which_ec2_tells_nothing_are_not_checked():
    given = {**RIGHT, "eks_node_groups": [{**GROUP, "ami_id": IMAGE_ID}]}
    for images in ({"offers": {"eks": {"images": None}}}, {}):
        assert change_fault_lines("eks", given, {"eks": RUNNING, **images}) == []


@pytest.mark.parametrize(
    ("declared", "existing", "fixed"),
    [
        (IMAGE_ID, "CUSTOM", False),
        (IMAGE_ID, "AL2023_x86_64_STANDARD", True),
        ("", "CUSTOM", True),
        ("", "AL2023_x86_64_STANDARD", False),
    ],
)
def test_a_group_changes_neither_to_an_image_of_ones_own_nor_back(declared, existing, fixed):
    cluster = {**RUNNING, "node_groups": {"agent-platform-dev-default": {"ami_type": existing}}}
    found = change_lines({"eks": cluster}, eks_node_groups=[{**GROUP, "ami_id": declared}])
    assert bool(found) is fixed
    assert not fixed or found[0].startswith("eks_node_groups[0].ami_type: "), found


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"ami_id": IMAGE_ID}, []),
        ({"ami_id": "al2023"}, [".ami_id: 'al2023' is not the id of an image, such as ami-0123456789abcdef0"]),
        (
            {"ami_id": IMAGE_ID, "release_version": "1.34.2-20260102"},
            [
                f".release_version: '1.34.2-20260102' is a release of EKS's images, and ami_id names {IMAGE_ID}:"
                " leave one of the two out"
            ],
        ),
        (
            {"user_data": [{"content_type": "application/toml", "content": "[settings.kernel]\nlockdown='none'"}]},
            [
                ".user_data[0].content_type: 'application/toml' is not read by images of the family"
                " AL2023_x86_64_STANDARD"
            ],
        ),
        (
            {"user_data": [{"content_type": "text/x-shellscript", "content": "echo"}]},
            [".user_data[0].content: doesn't begin with #!, by which the node knows what runs it"],
        ),
        (
            {"user_data": [{"content_type": "text/x-shellscript", "content": "#!/bin/sh\n" + 12288 * "x"}]},
            [
                ": its nodes are told 12,478 bytes by eks_node_ca_certificates, eks_node_user_data and its user_data;"
                " EC2 takes 16,384, of which EKS needs 4,096. Let a script fetch what is long"
            ],
        ),
    ],
)
def test_images_and_user_data_of_a_group(change, wanted):
    assert of_group(**change) == wanted


def test_what_may_be_a_secret_in_user_data():
    script = {"content_type": "text/x-shellscript", "content": "#!/bin/sh\nA=AKIAIOSFODNN7EXAMPLE"}
    given = {**RIGHT, "eks_node_user_data": [script], "eks_node_groups": [{**GROUP, "user_data": [script]}]}
    said = "has something that looks like an AWS access key: whoever may look at launch templates reads it"
    assert warning_lines("eks", given, {"eks": RUNNING}) == [
        f"eks_node_user_data[0].content: {said}",
        f"eks_node_groups[0].user_data[0].content: {said}",
    ]


PROXY = "http://proxy.example.com:3128"


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"eks_node_https_proxy": PROXY, "eks_node_http_proxy": PROXY}, None),
        (
            {"eks_node_https_proxy": PROXY, "eks_node_no_proxy": ["a.example.com", ".b", "10.1.0.0/16", "10.2.0.1"]},
            None,
        ),
        ({"eks_node_https_proxy": "proxy.example.com"}, "eks_node_https_proxy: 'proxy.example.com' is not the address"),
        ({"eks_node_https_proxy": "http://a:b@c:1"}, "eks_node_https_proxy: has a password in it, which whoever may"),
        ({"eks_node_no_proxy": ["a"]}, "eks_node_no_proxy: ['a'] is for nodes with eks_node_http_proxy or"),
        (
            {"eks_node_https_proxy": PROXY, "eks_node_no_proxy": ["a, b"]},
            "eks_node_no_proxy[0]: 'a, b' is not a name, an address or a network",
        ),
        (
            {"eks_node_http_proxy": PROXY, "eks_node_groups": [{**GROUP, "ami_type": "BOTTLEROCKET_x86_64"}]},
            f"eks_node_http_proxy: '{PROXY}' is not for Bottlerocket, which has a proxy for https:// alone",
        ),
        (
            {"eks_node_https_proxy": PROXY, "eks_node_groups": [{**GROUP, "release_version": "1.34.1-20251112"}]},
            "eks_node_groups[0].release_version: '1.34.1-20251112' can't join through a proxy",
        ),
        ({"eks_node_ca_certificates": ["mine"]}, "eks_node_ca_certificates[0]: is not one or more certificates"),
        (
            {"eks_node_user_data": [{"content_type": "application/toml", "content": "[settings.a]\nb = 1"}]},
            "eks_node_user_data[0].content_type: 'application/toml' is read by the images of none of eks_node_groups",
        ),
    ],
)
def test_what_nodes_are_told(change, part):
    found = lines(**change)
    assert found == [] if part is None else (len(found) == 1 and found[0].startswith(part)), found


# ---- roles that someone else has made

OWN_ROLE = "arn:aws:iam::123456789012:role/agent-platform-dev-eks-nodes"
OTHER_ROLE = "arn:aws:iam::123456789012:role/teams/nodes"


@pytest.mark.parametrize(
    ("running", "declared", "fixed"),
    [
        (OWN_ROLE, None, 0),
        (OWN_ROLE, OTHER_ROLE, 1),
        (OTHER_ROLE, OTHER_ROLE, 0),
        (OTHER_ROLE, None, 1),
        (None, None, 0),
    ],
)
@pytest.mark.parametrize("thing", ["eks-nodes", "eks-cluster"])
def test_eks_exchanges_no_role(thing, running, declared, fixed):
    role = running and running.replace("eks-nodes", thing)
    groups = {"agent-platform-dev-default": {"node_role_arn": role if thing == "eks-nodes" else None}}
    cluster = {**RUNNING, "node_groups": groups, "role_arn": role if thing == "eks-cluster" else None}
    given = {"platform_existing_roles": {thing: declared} if declared else {}}
    found = change_lines({"eks": cluster}, **given)
    assert len(found) == fixed
    rule = f"{declared!r} is not the role of" if declared else "isn't set, and"
    assert not fixed or found[0].startswith(f"platform_existing_roles.{thing}: {rule} ")
    assert not fixed or f"{role}{', and' if declared else ';'} EKS can't exchange it: set that, or " in found[0]
    # Of a group that goes it doesn't matter.
    gone = change_lines({"eks": {**cluster, "role_arn": None}}, eks_node_groups=[{**GROUP, "state": "absent"}], **given)
    assert gone == []


# ---- administrators

OWN = "123456789012"
PERSON, SSO = f"arn:aws:iam::{OWN}:user/people/jo", f"arn:aws:iam::{OWN}:role/aws-reserved/sso.amazonaws.com/Admins"
ELSEWHERE = "arn:aws:iam::210987654321:role/people"


def administrators(*arns, accounts=(), **more):
    given = {"platform_account_id": OWN, "platform_region": "us-west-2", "eks_administrators": list(arns)}
    return lines(**given, eks_administrator_accounts=list(accounts), **more)


def test_people_of_this_account_or_of_a_named_one_may_be_administrators():
    assert administrators(PERSON, SSO) == []
    assert administrators(ELSEWHERE, accounts=["210987654321"]) == []
    (line,) = administrators(ELSEWHERE)
    assert "is of another account than the platform's, 123456789012: name that account in eks_administrator" in line


@pytest.mark.parametrize(
    ("arn", "part"),
    [
        ("*", "is not the ARN of an IAM role or user"),
        (f"arn:aws:iam::{OWN}:root", "is not the ARN of an IAM role or user"),
        (f"arn:aws:iam::{OWN}:role/*", "is not the ARN of an IAM role or user"),
        (f"arn:aws:sts::{OWN}:assumed-role/people/jo", "is a session of a role: name the role itself"),
        (f"arn:aws-cn:iam::{OWN}:role/people", "is of the partition aws-cn"),
        (f"arn:aws:iam::{OWN}:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS", "service-linked"),
        # Whoever is on the bastion would be an administrator.
        (f"arn:aws:iam::{OWN}:role/agent-platform-dev-bastion", "is a role of the platform's own"),
        (f"arn:aws:iam::{OWN}:role/teams/agent-platform-dev-llm-gateway", "is a role of the platform's own"),
    ],
)
def test_who_must_not_be_an_administrator(arn, part):
    (line,) = administrators(arn)
    assert line.startswith(f"eks_administrators[0]: '{arn}' ")
    assert part in line


def test_other_faults_of_administrators():
    assert administrators(PERSON, PERSON) == [f"eks_administrators: '{PERSON}' occurs more than once"]
    (line,) = administrators(PERSON, accounts=["1234"])
    assert "is not the id of an account" in line
    (line,) = administrators(PERSON, eks_administrator_session_seconds=900)
    assert "900 is not from 3600 to 43200 seconds" in line


# ---- removal


@pytest.mark.parametrize(("switch", "made", "faults"), [(False, [], 0), (False, ["volume vol-1"], 1), (True, ["x"], 0)])
def test_what_controllers_have_made_keeps_the_cluster(switch, made, faults):
    given = {**RIGHT, "eks_remove_controller_resources": switch, "eks_deletion_protection": False}
    found = removal_fault_lines("eks", given, {"eks": {"exists": True, "controller_resources": made}})
    assert len(found) == faults
    assert not faults or "have made volume vol-1: remove what asks for them in the cluster" in found[0]


def test_nodes_of_others_keep_the_cluster():
    given = {**RIGHT, "eks_deletion_protection": False}
    assert removal_fault_lines("eks", given, {"eks": {"exists": True, "foreign_nodes": ["Fargate profile jobs"]}}) == [
        "eks: can't be removed while the cluster has what others have made: Fargate profile jobs. Remove that first"
    ]
