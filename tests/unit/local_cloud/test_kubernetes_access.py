# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who gets into a local cluster: the answers to its API server's questions about tokens and rights."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.signers import RequestSigner
from ministack.core import responses
from ministack.services import eks, iam, sts

from tests.support.local_cloud.kubernetes import access

ACCOUNT = "111122223333"
REGION = "us-west-2"
ENDPOINT = "http://127.0.0.1:4566"
SESSION_KEY = ("ASIAEXAMPLE", "a-secret-of-the-session", "a-session-token")
POLICY = "arn:aws:eks::aws:cluster-access-policy/"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/people/operators"


@pytest.fixture(autouse=True)
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The emulator's state in this process: a role with a path, and a session of it."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    context = responses._request_account_id.set(ACCOUNT)
    region = responses._request_region.set(REGION)
    iam._roles["operators"] = {"RoleName": "operators", "Arn": ROLE}
    sts._sessions[SESSION_KEY[0]] = {
        "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/operators/jane@example.com",
        "UserId": "AROAEXAMPLE:jane@example.com",
        "AccountId": ACCOUNT,
        "SecretAccessKey": SESSION_KEY[1],
        "SessionToken": SESSION_KEY[2],
        "PrincipalType": "AssumedRole",
    }
    yield
    for store in (eks._access_entries, eks._access_policies, iam._roles, sts._sessions):
        store.clear()
    responses._request_account_id.reset(context)
    responses._request_region.reset(region)


def token(
    cluster: str = "one",
    key: tuple[str, str, str | None] = SESSION_KEY,
    endpoint: str = ENDPOINT,
    action: str = "GetCallerIdentity",
    header: str = "x-k8s-aws-id",
) -> str:
    """A token as `aws eks get-token` makes it."""
    session = boto3.Session(*key, REGION)
    client = session.client("sts", endpoint_url=ENDPOINT)
    signer = RequestSigner(
        client.meta.service_model.service_id, REGION, "sts", "v4", session.get_credentials(), session.events
    )
    request = {
        "method": "GET",
        "url": f"{endpoint}/?Action={action}&Version=2011-06-15",
        "body": {},
        "headers": {header: cluster},
        "context": {},
    }
    url = signer.generate_presigned_url(request, region_name=REGION, expires_in=60, operation_name="")
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def let_in(principal: str = ROLE, cluster: str = "one", **settings: Any) -> None:
    body = {"type": "STANDARD", "username": f"arn:aws:sts::{ACCOUNT}:assumed-role/operators/{{{{SessionName}}}}"}
    eks._access_entries[eks._ae_key(cluster, principal)] = eks._build_access_entry(
        cluster, principal, {**body, **settings}
    )


def give(policy: str, *namespaces: str, principal: str = ROLE) -> None:
    scope = {"type": "namespace" if namespaces else "cluster", "namespaces": list(namespaces)}
    key = eks._ap_key("one", principal, f"{POLICY}{policy}")
    eks._access_policies[key] = {"policyArn": f"{POLICY}{policy}", "accessScope": scope}


def review(text: str, cluster: str = "one") -> dict[str, Any]:
    answer = access.review_token({"spec": {"token": text}}, cluster, REGION, ACCOUNT, ("127.0.0.1:4566",))
    assert answer["kind"] == "TokenReview"
    return dict(answer["status"])


def test_a_role_with_an_entry_is_the_user_that_the_entry_names() -> None:
    let_in(kubernetesGroups=["platform:operators"])
    status = review(token())
    assert status["authenticated"] is True
    user = status["user"]
    # @ isn't allowed in what EKS puts for {{SessionName}}.
    assert user["username"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/operators/jane-example.com"
    assert user["groups"] == ["platform:operators"]
    assert user["uid"] == f"aws-iam-authenticator:{ACCOUNT}:AROAEXAMPLE:jane@example.com"
    # The session's ARN has no path, the entry is of the role's own.
    assert user["extra"]["canonicalArn"] == [ROLE]
    assert user["extra"]["sessionName"] == ["jane@example.com"]
    let_in(username="jane:{{SessionNameRaw}}:{{AccountID}}")
    assert review(token())["user"]["username"] == f"jane:jane@example.com:{ACCOUNT}"


def test_policies_become_groups_of_the_user() -> None:
    let_in()
    give("AmazonEKSClusterAdminPolicy")
    give("AmazonEKSEditPolicy", "agents", "team-*")
    assert review(token())["user"]["groups"] == [
        "eks:access-policy:AmazonEKSClusterAdminPolicy",
        "eks:access-policy:AmazonEKSEditPolicy:agents",
        "eks:access-policy:AmazonEKSEditPolicy:team-*",
    ]


def test_the_accounts_own_key_is_its_root_user() -> None:
    root = f"arn:aws:iam::{ACCOUNT}:root"
    let_in(root, username=root)
    assert review(token(key=(ACCOUNT, "local", None)))["user"]["username"] == root
    assert "isn't signed" in review(token(key=(ACCOUNT, "another", None)))["error"]


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ({"cluster": "two"}, "it isn't signed for the cluster one, or not by who it says"),
        ({"key": (SESSION_KEY[0], "another secret", SESSION_KEY[2])}, "it isn't signed for the cluster one"),
        ({"key": (SESSION_KEY[0], SESSION_KEY[1], "another token")}, "nobody has the key ASIAEXAMPLE any more"),
        ({"key": ("AKIANOBODY", "secret", None)}, "nobody has the key AKIANOBODY any more"),
        ({"key": ("444455556666", "local", None)}, "arn:aws:iam::444455556666:root is of another account"),
        ({"endpoint": "https://sts.example.com"}, "https://sts.example.com isn't STS"),
        ({"endpoint": "http://sts.us-west-2.amazonaws.com"}, "http://sts.us-west-2.amazonaws.com isn't STS"),
        ({"endpoint": "https://sts.us-west-2.amazonaws.com.example"}, "amazonaws.com.example isn't STS"),
        ({"action": "GetSessionToken"}, "it's another call than GetCallerIdentity"),
        ({"header": "x-other"}, "no cluster is signed in it"),
    ],
)
def test_other_tokens_are_refused(made: dict[str, Any], why: str) -> None:
    let_in()
    status = review(token(**made))
    assert status["authenticated"] is False
    assert why in status["error"]
    assert "user" not in status


@pytest.mark.parametrize(
    "text", ["", "eyJhbGciOiJSUzI1NiJ9.e30.x", "k8s-aws-v1.", "k8s-aws-v1.@@@", "k8s-aws-v1.aGVsbG8"]
)
def test_what_is_no_token_is_refused(text: str) -> None:
    assert review(text)["authenticated"] is False


def test_awss_own_addresses_of_sts_are_taken() -> None:
    let_in()
    for endpoint in (
        "https://sts.us-west-2.amazonaws.com",
        "https://sts.eu-west-1.amazonaws.com",
        "https://sts.amazonaws.com",
    ):
        assert review(token(endpoint=endpoint))["authenticated"] is True


def test_a_token_is_good_for_a_quarter_of_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    let_in()
    text = token()
    now = datetime.datetime.now(datetime.UTC)

    class Clock(datetime.datetime):
        minutes = 0.0

        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return now + datetime.timedelta(minutes=cls.minutes)

    monkeypatch.setattr(access.datetime, "datetime", Clock)
    for minutes, error in ((14.0, None), (16.0, "it has expired"), (-4.0, None), (-6.0, "it's from the future")):
        Clock.minutes = minutes
        assert review(text).get("error") == error


def test_without_an_entry_of_this_cluster_nobody_gets_in() -> None:
    let_in(cluster="two")
    assert review(token())["error"] == f"{ROLE} has no access entry of one"
    let_in()
    assert review(token())["authenticated"] is True
    eks._access_entries.pop(eks._ae_key("one", ROLE))
    assert review(token())["authenticated"] is False
    # Nor with rights that an entry of the past had.
    give("AmazonEKSClusterAdminPolicy")
    assert review(token())["authenticated"] is False


# -- what policies allow -------------------------------------------------------


def allowed(verb: str, resource: str, namespace: str = "agents", group: str = "", groups: tuple[str, ...] = ()) -> bool:
    resource, _, subresource = resource.partition("/")
    attributes = {
        "verb": verb,
        "resource": resource,
        "subresource": subresource,
        "group": group,
        "namespace": namespace,
    }
    answer = access.review_access({"spec": {"groups": list(groups), "resourceAttributes": attributes}})
    assert answer["kind"] == "SubjectAccessReview"
    return bool(answer["status"]["allowed"])


def test_a_policy_for_namespaces_allows_there_what_it_is_for() -> None:
    view = ("system:authenticated", "eks:access-policy:AmazonEKSViewPolicy:agents")
    assert allowed("get", "pods", groups=view)
    assert allowed("list", "deployments", group="apps", groups=view)
    assert allowed("get", "pods/log", groups=view)
    assert not allowed("create", "pods", groups=view)
    assert not allowed("patch", "deployments", group="apps", groups=view)
    assert not allowed("get", "secrets", groups=view)
    assert not allowed("get", "pods", namespace="gateways", groups=view)
    # Cluster-wide: a list of all namespaces, a node.
    assert not allowed("list", "pods", namespace="", groups=view)
    assert not allowed("get", "nodes", namespace="", groups=view)
    edit = ("eks:access-policy:AmazonEKSEditPolicy:team-*",)
    assert allowed("patch", "deployments", namespace="team-a", group="apps", groups=edit)
    assert not allowed("patch", "deployments", namespace="agents", group="apps", groups=edit)
    assert not allowed("create", "rolebindings", namespace="team-a", group="rbac.authorization.k8s.io", groups=edit)
    secrets = ("eks:access-policy:AmazonEKSSecretReaderPolicy:agents",)
    assert allowed("get", "secrets", groups=secrets)
    assert not allowed("get", "configmaps", groups=secrets)


def test_nothing_is_allowed_by_names_alone() -> None:
    # What is bound by RBAC isn't looked at here, and what isn't a policy allows nothing.
    assert not allowed("get", "pods", groups=("eks:access-policy:AmazonEKSClusterAdminPolicy",))
    assert not allowed("get", "pods", groups=("eks:access-policy:Unknown:agents", "agents", ":agents"))
    assert access.review_access({"spec": {}})["status"] == {"allowed": False}


def test_each_policy_has_a_role_of_the_cluster_and_who_has_it() -> None:
    made = access.roles()
    roles = {one["metadata"]["name"]: one for one in made if one["kind"] == "ClusterRole"}
    bindings = {one["metadata"]["name"]: one for one in made if one["kind"] == "ClusterRoleBinding"}
    assert set(roles) == set(bindings)
    assert {f"eks:{name}" for name in ("AmazonEKSClusterAdminPolicy", "AmazonEKSViewPolicy")} <= set(roles)
    for name, binding in bindings.items():
        assert binding["roleRef"]["name"] == name
        assert [one["name"] for one in binding["subjects"]] == [f"eks:access-policy:{name.removeprefix('eks:')}"]
    writing = {"create", "update", "patch", "delete", "deletecollection", "*"}
    verbs = {verb for rule in roles["eks:AmazonEKSViewPolicy"]["rules"] for verb in rule["verbs"]}
    assert not verbs & writing
