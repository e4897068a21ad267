# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kubeconfig of a cluster: what stands in it, what is left alone, and whether the API lets in.

The API is a server with a certificate of its own, which is asked over TLS.
"""

from __future__ import annotations

import base64
import http.server
import json
import os
import ssl
import subprocess
import threading

import boto3
import pytest
import yaml

from ansible_collections.agent_platform.aws.plugins.module_utils.documentation import argument_spec
from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules import eks_kubeconfig as module
from tests.support.local_cloud.kubernetes.pki import Authority
from tests.support.scripted_aws import ScriptedAws, ScriptedModule, Step, api_error

NAME, ACCOUNT = "demo-eks", "123456789012"
ARN = f"arn:aws:eks:us-west-2:{ACCOUNT}:cluster/{NAME}"
# The name in the certificate, which is the cluster's own address.
HOST = "abc.gr7.us-west-2.eks.amazonaws.com"
OWNER = {"Project": "demo", "Component": "eks"}
DEFAULTS = {name: option.get("default") for name, option in argument_spec(module.DOCUMENTATION).items()}
ROLE = f"arn:aws:iam::{ACCOUNT}:role/teams/deployers"


class Module(ScriptedModule):
    """Signs tokens with a client of boto3's own, for which nothing is sent."""

    def client(self, service, **config):
        if service == "sts" and not config:
            return boto3.client(
                "sts", region_name=self.region, aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="not-a-secret"
            )
        return super().client(service, **config)


class Server(http.server.ThreadingHTTPServer):
    """Answers access reviews with what the test has put there: (status, allowed), the last one again and again."""

    answers: list
    tokens: list


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.tokens.append(self.headers["Authorization"])
        answers = self.server.answers
        status, allowed = answers.pop(0) if len(answers) > 1 else answers[0]
        body = json.dumps({"kind": "SelfSubjectAccessReview", "status": {"allowed": allowed}}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        pass


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made = Authority(tmp_path_factory.mktemp("pki"))
    made.serving("api", [HOST])
    return made


@pytest.fixture
def api(authority, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.folder / "api.crt", authority.folder / "api.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.answers, server.tokens = [(201, True)], []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def described(authority):
    return {
        "name": NAME,
        "arn": ARN,
        "status": "ACTIVE",
        "endpoint": f"https://{HOST}",
        "certificateAuthority": {"data": base64.b64encode(authority.certificate).decode()},
        "resourcesVpcConfig": {"endpointPublicAccess": False},
        "tags": OWNER,
    }


def describe(found):
    missing = api_error("DescribeCluster", "ResourceNotFoundException", "No cluster found for name: demo-eks.", 404)
    return Step("DescribeCluster", {"cluster": found} if found else missing, {"name": NAME})


def run(options, *steps, check_mode=False):
    aws = ScriptedAws(*steps)
    scripted = Module(aws, {**DEFAULTS, "cluster_name": NAME, **options}, check_mode)
    result = module.Kubeconfig(scripted).run()
    aws.assert_done()
    return result, scripted


def refused(options, *steps, check_mode=False):
    with pytest.raises(ResourceError) as caught:
        run(options, *steps, check_mode=check_mode)
    text = str(caught.value)
    assert "\n" not in text
    return text


def through(api, tmp_path, **options):
    """The options of a run that asks the server, as through a tunnel."""
    server = f"https://127.0.0.1:{api.server_port}"
    return {"path": str(tmp_path / "config"), "server": server, "required_access": "administrator", **options}


# ---- The file


def test_it_names_the_cluster_and_a_program_for_tokens(described, tmp_path):
    path = tmp_path / "new" / "config"
    options = {"path": str(path), "cache": "/run/token", "python": "/usr/bin/python3", "context": "dev"}
    result, _module = run(options, describe(described))
    assert result["changed"] is True
    assert (result["exists"], result["reachable"], result["endpoint"]) == (True, True, f"https://{HOST}")
    config = yaml.safe_load(path.read_text())
    assert config["clusters"] == [
        {
            "name": ARN,
            "cluster": {
                "server": f"https://{HOST}",
                "certificate-authority-data": described["certificateAuthority"]["data"],
            },
        }
    ]
    assert config["contexts"] == [{"name": "dev", "context": {"cluster": ARN, "user": ARN}}]
    assert config["current-context"] == "dev"
    program = config["users"][0]["user"]["exec"]
    assert program["command"] == "/usr/bin/python3"
    words = [f"{path}.token.py", f"--cluster={NAME}", "--region=us-west-2", "--cache=/run/token"]
    assert program["args"] == ["-I", "-S", *words]
    assert (program["apiVersion"], program["interactiveMode"]) == ("client.authentication.k8s.io/v1", "Never")
    for file in (path, tmp_path / "new" / "config.token.py"):
        assert file.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_program_beside_it_runs_by_itself(described, tmp_path):
    path = tmp_path / "config"
    run({"path": str(path), "cache": str(tmp_path / "token")}, describe(described))
    program = yaml.safe_load(path.read_text())["users"][0]["user"]["exec"]
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-secret", "HOME": str(tmp_path)}
    done = subprocess.run([program["command"], *program["args"]], env=keys, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    assert answer["kind"] == "ExecCredential"
    assert answer["status"]["token"].startswith("k8s-aws-v1.")


def test_a_second_run_changes_nothing_and_what_was_changed_is_put_back(described, tmp_path):
    options = {"path": str(tmp_path / "config")}
    run(options, describe(described))
    assert run(options, describe(described))[0]["changed"] is False
    os.chmod(tmp_path / "config", 0o644)
    assert run(options, describe(described))[0]["changed"] is True
    assert (tmp_path / "config").stat().st_mode & 0o777 == 0o600
    (tmp_path / "config.token.py").write_text("print('something else')")
    assert run(options, describe(described))[0]["changed"] is True
    assert "k8s-aws-v1." in (tmp_path / "config.token.py").read_text()


def test_a_cluster_that_was_made_anew_has_another_authority(described, tmp_path):
    options = {"path": str(tmp_path / "config")}
    run(options, describe(described))
    result, _module = run(options, describe({**described, "certificateAuthority": {"data": "bmV3"}}))
    assert result["changed"] is True
    assert "bmV3" in result["diff"]["after"]
    assert "bmV3" not in result["diff"]["before"]


def test_check_mode_writes_nothing(described, tmp_path):
    result, _module = run({"path": str(tmp_path / "new" / "config")}, describe(described), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["before"] == ""
    assert not (tmp_path / "new").exists()


def test_a_tunnel_has_another_address_and_the_same_name_in_the_certificate(described, tmp_path):
    options = {"path": str(tmp_path / "config"), "server": "https://127.0.0.1:8443"}
    result, _module = run(options, describe(described))
    cluster = yaml.safe_load((tmp_path / "config").read_text())["clusters"][0]["cluster"]
    assert (cluster["server"], cluster["tls-server-name"]) == ("https://127.0.0.1:8443", HOST)
    assert (result["server"], result["endpoint"]) == ("https://127.0.0.1:8443", f"https://{HOST}")


def test_the_programs_settings_are_those_of_the_module_but_no_secrets(described, tmp_path):
    options = {
        "path": str(tmp_path / "config"),
        "profile": "dev",
        "endpoint_url": "http://127.0.0.1:4566",
        "environment": {"AWS_CONFIG_FILE": "/etc/aws"},
    }
    run(options, describe(described))
    program = yaml.safe_load((tmp_path / "config").read_text())["users"][0]["user"]["exec"]
    assert {item["name"]: item["value"] for item in program["env"]} == {
        "AWS_CONFIG_FILE": "/etc/aws",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "AWS_PROFILE": "dev",
    }
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID"):
        assert name in refused({**options, "environment": {name: "x"}})


FOREIGN = {
    "no kubeconfig": ("- a list\n", "is no kubeconfig"),
    "no YAML": ("{", "is no kubeconfig"),
    "another cluster": (
        yaml.safe_dump({"clusters": [{"name": f"{ARN}-2", "cluster": {}}], "users": [{"name": "x", "user": {}}]}),
        f"another cluster, {ARN}-2",
    ),
    "others besides": (
        yaml.safe_dump(
            {"clusters": [{"name": ARN}], "users": [{"name": ARN}, {"name": "jo", "user": {"token": "T0P"}}]}
        ),
        "more than one of the users",
    ),
}


@pytest.mark.parametrize("case", FOREIGN)
@pytest.mark.parametrize("state", ["present", "absent"])
def test_what_is_not_its_own_is_left_alone(described, tmp_path, case, state):
    text, part = FOREIGN[case]
    path = tmp_path / "config"
    path.write_text(text)
    steps = [describe(described)] if state == "present" else []
    told = refused({"path": str(path), "state": state}, *steps)
    assert part in told
    assert "T0P" not in told
    assert path.read_text() == text
    assert os.listdir(tmp_path) == ["config"]


def test_the_diff_shows_no_secret_of_the_file_before(described, tmp_path):
    path = tmp_path / "config"
    user = {"token": "T0P", "password": "P4SS", "exec": {"command": "aws", "env": [{"name": "KEY", "value": "K3Y"}]}}
    path.write_text(yaml.safe_dump({"clusters": [{"name": ARN}], "users": [{"name": ARN, "user": user}]}))
    result, _module = run({"path": str(path)}, describe(described))
    before = result["diff"]["before"]
    assert "command: aws" in before
    for secret in ("T0P", "P4SS", "K3Y"):
        assert secret not in before


def test_it_is_removed_with_what_lies_beside_it(described, tmp_path):
    options = {"path": str(tmp_path / "config"), "cache": str(tmp_path / "token"), "account_id": ACCOUNT}
    run(options, describe(described))
    (tmp_path / "token").write_text("{}")
    gone = {**options, "state": "absent"}
    assert run(gone, check_mode=True)[0]["changed"] is True
    assert len(os.listdir(tmp_path)) == 3
    result, _module = run(gone)
    assert (result["changed"], os.listdir(tmp_path)) == (True, [])
    assert run(gone)[0]["changed"] is False


# ---- The cluster


def test_where_there_is_no_cluster_that_is_told_or_an_error(tmp_path):
    options = {"path": str(tmp_path / "config")}
    assert "doesn't exist in region us-west-2" in refused(options, describe(None))
    result, _module = run({**options, "must_exist": False}, describe(None))
    assert (result["exists"], result["reachable"], result["changed"]) == (False, False, False)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("members", "part"),
    [
        ({"arn": ARN.replace(ACCOUNT, "210987654321")}, f"not of account {ACCOUNT}"),
        ({"tags": {"Project": "theirs"}}, "belongs to someone else: it lacks the tags Project=demo, Component=eks"),
        ({"status": "CREATING"}, "is CREATING, and its API doesn't answer then"),
        ({"status": "DELETING"}, "is DELETING"),
    ],
)
def test_another_cluster_is_refused(described, tmp_path, members, part):
    options = {"path": str(tmp_path / "config"), "account_id": ACCOUNT, "owned_by": OWNER}
    assert part in refused(options, describe({**described, **members}))
    assert os.listdir(tmp_path) == []


def test_one_that_goes_is_none_where_there_may_be_none(described, tmp_path):
    options = {"path": str(tmp_path / "config"), "must_exist": False}
    assert run(options, describe({**described, "status": "DELETING"}))[0]["exists"] is False


# ---- The API


def test_who_is_let_in_has_the_token_cached_for_the_program(described, api, tmp_path, monkeypatch):
    cache = tmp_path / "token"
    result, _module = run(through(api, tmp_path, cache=str(cache)), describe(described))
    assert result["reachable"] is True
    kept = json.loads(cache.read_text())["credential"]["status"]["token"]
    assert api.tokens == [f"Bearer {kept}"]
    assert cache.stat().st_mode & 0o777 == 0o600
    assert kept not in json.dumps(result)


def test_a_user_need_not_be_an_administrator(described, api, tmp_path):
    api.answers = [(201, False)]
    assert run(through(api, tmp_path, required_access="user"), describe(described))[0]["reachable"] is True


def caller(arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/deployers/run"):
    steps = [Step("GetCallerIdentity", {"Account": ACCOUNT, "Arn": arn, "UserId": "AROA:run"})]
    if ":assumed-role/" in arn:
        role = {"RoleName": "deployers", "Arn": ROLE, "Path": "/teams/", "RoleId": "AROA" + "A" * 17}
        role["CreateDate"] = "2026-11-29T00:00:00Z"
        steps.append(Step("GetRole", {"Role": role}, {"RoleName": "deployers"}))
    return steps


def entry(found=True):
    missing = api_error("DescribeAccessEntry", "ResourceNotFoundException", "could not be found", 404)
    answer = {"accessEntry": {"principalArn": ROLE}} if found else missing
    return Step("DescribeAccessEntry", answer, {"clusterName": NAME, "principalArn": ROLE})


def test_an_entry_that_was_just_made_is_waited_for(described, api, tmp_path, clock):
    api.answers = [(401, False), (401, False), (201, False), (503, False), (201, True)]
    result, _module = run(through(api, tmp_path), describe(described), *caller(), entry())
    assert result["reachable"] is True
    assert clock == [4 * module.PAUSE]


def test_who_has_no_entry_is_told_at_once_what_to_add(described, api, tmp_path, clock):
    api.answers = [(401, False)]
    told = refused(through(api, tmp_path), describe(described), *caller(), entry(False))
    assert f"refuses {ROLE}, which has no access entry" in told
    assert f"{{principal_arn: '{ROLE}', policies: [{{policy: AmazonEKSClusterAdminPolicy}}]}}" in told
    assert clock == [0.0]


def test_a_token_that_stays_refused_ends_at_the_deadline(described, api, tmp_path, clock):
    api.answers = [(401, False)]
    told = refused(through(api, tmp_path, wait_timeout=30), describe(described), *caller(), entry())
    assert "refuses the token of this caller (HTTP 401) after" in told
    assert 25 <= clock[0] <= 30


def test_who_has_too_few_rights_is_told_so(described, api, tmp_path):
    api.answers = [(201, False)]
    told = refused(through(api, tmp_path, wait_timeout=10), describe(described), *caller(), entry())
    assert "lets this caller in, but not as an administrator" in told
    assert "AmazonEKSClusterAdminPolicy" in told


def test_why_it_is_refused_need_not_be_readable(described, api, tmp_path):
    api.answers = [(401, False), (201, True)]
    denied = api_error("GetCallerIdentity", "AccessDenied")
    assert run(through(api, tmp_path), describe(described), Step("GetCallerIdentity", denied))[0]["reachable"] is True


def test_a_refusal_may_be_no_error(described, api, tmp_path):
    api.answers = [(401, False)]
    options = through(api, tmp_path, tolerated=["refused"])
    result, scripted = run(options, describe(described), *caller(), entry(False))
    assert (result["exists"], result["reachable"]) == (True, False)
    assert "has no access entry" in scripted.warnings[0]


def test_another_certificate_is_refused_at_once(described, api, tmp_path, clock):
    other = tmp_path / "pki"
    other.mkdir()
    data = base64.b64encode(Authority(other).certificate).decode()
    found = {**described, "certificateAuthority": {"data": data}}
    told = refused(through(api, tmp_path, tolerated=["refused", "unreachable"]), describe(found))
    assert "presents a certificate that isn't EKS cluster 'demo-eks''s" in told
    assert api.tokens == []
    assert clock == [0.0]


def test_another_name_in_the_certificate_is_refused(described, api, tmp_path):
    found = {**described, "endpoint": "https://other.gr7.us-west-2.eks.amazonaws.com"}
    assert "presents a certificate that isn't" in refused(through(api, tmp_path), describe(found))
    assert api.tokens == []


def test_an_authority_that_cannot_be_read_is_told(described, api, tmp_path):
    found = {**described, "certificateAuthority": {"data": "bm9uZQ=="}}
    assert "its certificate authority can't be read" in refused(through(api, tmp_path), describe(found))


@pytest.mark.parametrize(
    ("network", "part"),
    [
        ({"endpointPublicAccess": False}, "Its address is private: use a VPN"),
        ({"endpointPublicAccess": True, "publicAccessCidrs": ["203.0.113.0/24"]}, "open to 203.0.113.0/24 and its VPC"),
    ],
)
def test_where_nothing_answers_the_way_is_told(described, tmp_path, clock, network, part, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    found = {**described, "endpoint": "https://127.0.0.1:9", "resourcesVpcConfig": network}
    options = {"path": str(tmp_path / "config"), "required_access": "user"}
    told = refused(options, describe(found))
    assert "Nothing answers at https://127.0.0.1:9 for EKS cluster 'demo-eks': Connection refused." in told
    assert part in told
    # Not as long as for a new entry.
    assert clock[0] <= module.UNREACHABLE_FOR
    result, scripted = run({**options, "tolerated": ["unreachable"]}, describe(found))
    assert (result["reachable"], len(scripted.warnings)) == (False, 1)


def test_an_unknown_name_is_told_in_the_systems_words(described, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    found = {**described, "endpoint": "https://nowhere.invalid"}
    told = refused({"path": str(tmp_path / "config"), "required_access": "user"}, describe(found))
    assert "Nothing answers at https://nowhere.invalid for EKS cluster 'demo-eks': " in told
    assert "HTTPSConnection" not in told
    assert "Max retries" not in told


@pytest.mark.parametrize("server", ["http://127.0.0.1:8443", "127.0.0.1:8443"])
def test_an_address_without_tls_is_refused(described, tmp_path, server):
    options = {"path": str(tmp_path / "config"), "server": server}
    assert "is no address of an API" in refused(options, describe(described))


def test_the_token_is_not_kept_for_others_credentials(described, api, tmp_path):
    cache = tmp_path / "token"
    run(through(api, tmp_path, cache=str(cache), access_key="AKID"), describe(described))
    assert not cache.exists()
    assert len(api.tokens) == 1
