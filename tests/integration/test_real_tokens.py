# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tokens for machines: got with what the secret tells and nothing else, verified as a service would, and the secret of
the client replaced, killed at every write and gone on with, while a service goes on getting tokens."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from joserfc import jwt
from joserfc.errors import JoseError

from ansible_collections.agent_platform.aws.plugins.module_utils import secret_rotation
from ansible_collections.agent_platform.aws.plugins.modules import (
    cognito_idp_client_secret_rotation as rotation,
)
from ansible_collections.agent_platform.aws.plugins.modules import (
    cognito_idp_user_pool_client,
    secretsmanager_secret,
)
from tests.support.killing import KillableModule, Killed
from tests.support.local_cloud.shims import timing
from tests.support.module_runs import given
from tests.support.playbook import OWNER, PREFIX, REGION, DirectAccount
from tests.support.tokens import get_token, verified

pytestmark = pytest.mark.by_component("cognito")

SECRET = f"{PREFIX}/machine-client"
SERVER, SCOPES = f"{PREFIX}-api", ("admin", "read")
TAGS = {**OWNER, "Component": "cognito"}
MINUTES = 30
# How long services have between the secret's new value and the end of the old one.
GRACE = 0.5
SOME = 10  # tokens


class Pool(DirectAccount):
    """An account with a user pool, its machine client and the secret, and the service that gets tokens."""

    def __init__(self, *args: Any):
        super().__init__(*args, hasty=True)
        self.refused: list[dict[str, Any]] = []
        self.tokens = 0

    def build(self) -> Pool:
        idp, prefix = self.client("cognito-idp"), f"{PREFIX}-{self.id}"
        self.pool_id = idp.create_user_pool(PoolName=f"{PREFIX}-users", UserPoolTags=TAGS)["UserPool"]["Id"]
        scopes = [{"ScopeName": name, "ScopeDescription": name} for name in SCOPES]
        idp.create_resource_server(UserPoolId=self.pool_id, Identifier=SERVER, Name=SERVER, Scopes=scopes)
        idp.create_user_pool_domain(UserPoolId=self.pool_id, Domain=prefix)
        self.token_url = f"https://{prefix}.auth.{REGION}.amazoncognito.com/oauth2/token"
        time.sleep(timing.SETTLE_SECONDS)
        self.converge()
        return self

    # ---- The modules

    def run_resource(self, resource: type, name: str, options: dict[str, Any]) -> dict[str, Any]:
        return resource(KillableModule(self, {**given(name, options), "tags": options.get("tags")})).run()

    def converge(self) -> tuple[bool, bool]:
        """What a run of the component does. Whether it has changed the client, and the secret."""
        client = self.run_resource(
            cognito_idp_user_pool_client.UserPoolClient,
            "cognito_idp_user_pool_client",
            {
                "user_pool_id": self.pool_id,
                "client_name": f"{PREFIX}-machine",
                "generate_secret": True,
                "allowed_oauth_flows_user_pool_client": True,
                "allowed_oauth_flows": ["client_credentials"],
                "allowed_oauth_scopes": [f"{SERVER}/{scope}" for scope in SCOPES],
                "access_token_validity": MINUTES,
                "token_validity_units": {"access_token": "minutes"},
                "wait": True,
            },
        )
        self.client_id = client["user_pool_client"]["client_id"]
        secret = self.run_resource(
            secretsmanager_secret.Secret,
            "secretsmanager_secret",
            {
                "name": SECRET,
                "cognito_client": {
                    "user_pool_id": self.pool_id,
                    "client_id": self.client_id,
                    "token_url": self.token_url,
                    "scopes": [f"{SERVER}/{scope}" for scope in SCOPES],
                },
                "tags": TAGS,
                "owned_by": TAGS,
            },
        )
        assert self.told["client_secret"] not in json.dumps([client, secret], default=str)
        return client["changed"], secret["changed"]

    def step(self, step: str, killed_at: tuple[int, str] | None = None) -> dict[str, Any]:
        options = {"user_pool_id": self.pool_id, "client_id": self.client_id, "secret_id": SECRET, "step": step}
        return rotation.SecretRotation(KillableModule(self, {**options, "length": 64}, killed_at)).run()

    def rotate(self) -> None:
        self.step("begin")
        time.sleep(GRACE)
        self.step("finish")

    # ---- What there is

    @property
    def told(self) -> dict[str, str]:
        """What the secret tells."""
        secret: str = self.client("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"]
        return dict(json.loads(secret))

    def secret_of(self, label: str) -> str:
        """The client's secret in the version with that label."""
        found = self.client("secretsmanager").get_secret_value(SecretId=SECRET, VersionStage=label)
        return str(json.loads(found["SecretString"])["client_secret"])

    def labels(self) -> dict[str, str]:
        found = self.client("secretsmanager").list_secret_version_ids(SecretId=SECRET)["Versions"]
        return {label: version["VersionId"] for version in found for label in version["VersionStages"]}

    def keys(self) -> list[str]:
        client = {"UserPoolId": self.pool_id, "ClientId": self.client_id}
        found = self.client("cognito-idp").list_user_pool_client_secrets(**client)["ClientSecrets"]
        return [key["ClientSecretId"] for key in found]

    # ---- A service

    def get(self, credentials: dict[str, str], **form: str) -> dict[str, Any]:
        return get_token(self.endpoint, credentials, **form)

    def works(self, credentials: dict[str, str]) -> bool:
        return "access_token" in self.get(credentials)

    def __enter__(self) -> Pool:
        """The service begins."""
        # A client of its own: those of boto3 aren't made for several threads.
        self.reader = boto3.client(
            "secretsmanager",
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.id,
            aws_secret_access_key="not-a-secret",
        )
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()
        return self

    def _serve(self) -> None:
        while not self.over.is_set():
            began = time.monotonic()
            answer = self.get(json.loads(self.reader.get_secret_value(SecretId=SECRET)["SecretString"]))
            # On a busy machine it may come so late that the grace period of what it has read is over.
            if time.monotonic() - began < GRACE:
                self.tokens += 1
                if "access_token" not in answer:
                    self.refused.append(answer)

    def __exit__(self, *_error: object) -> None:
        """It ends once it has had some more tokens."""
        wanted, deadline = self.tokens + SOME, time.monotonic() + 30
        while self.tokens < wanted and time.monotonic() < deadline:
            time.sleep(0.02)
        self.over.set()
        self.thread.join()


@pytest.fixture(autouse=True)
def _no_longer_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator is quick."""
    monkeypatch.setattr(rotation, "KNOWN_AFTER", 0.05)
    monkeypatch.setattr(secret_rotation, "SEEN_AFTER", 0.05)
    monkeypatch.setattr("ansible_collections.agent_platform.aws.plugins.module_utils.resource.TWINS_AFTER", 0.05)


NUMBERS = iter(range(520100000001, 520200000000))


@pytest.fixture
def pool(emulator: str, tmp_path_factory: pytest.TempPathFactory, figures: list[str]) -> Iterator[Pool]:
    made = Pool(str(next(NUMBERS)), emulator, tmp_path_factory.mktemp("tokens"), figures)
    yield made.build()
    made.close()


@pytest.fixture(scope="module")
def idle(emulator: str, tmp_path_factory: pytest.TempPathFactory, figures: list[str]) -> Iterator[Pool]:
    """One that no test changes."""
    made = Pool(str(next(NUMBERS)), emulator, tmp_path_factory.mktemp("tokens"), figures)
    yield made.build()
    made.close()


def test_a_token_is_got_with_what_the_secret_tells_and_verified_by_the_pools_keys(idle):
    pool = idle
    assert set(pool.told) == {"client_id", "client_secret", "token_url", "scopes"}
    answer = pool.get(pool.told)
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", MINUTES * 60)
    issuer = f"https://cognito-idp.{REGION}.amazonaws.com/{pool.pool_id}"
    claims = verified(pool.endpoint, answer["access_token"], issuer)
    now = int(time.time())
    jwt.JWTClaimsRegistry(
        now=now,
        iss={"essential": True, "value": issuer},
        client_id={"essential": True, "value": pool.client_id},
        token_use={"essential": True, "value": "access"},
        exp={"essential": True},
    ).validate(claims)
    assert set(claims["scope"].split()) == {f"{SERVER}/{scope}" for scope in SCOPES}
    assert claims["exp"] - claims["iat"] == MINUTES * 60
    assert abs(claims["iat"] - now) < 60
    other = pool.client("cognito-idp").create_user_pool(PoolName="another")["UserPool"]["Id"]
    with pytest.raises(JoseError):
        verified(pool.endpoint, answer["access_token"], issuer.replace(pool.pool_id, other))


@pytest.mark.parametrize(
    ("changed", "form", "error"),
    [
        ({"client_secret": "x" * 52}, {}, "invalid_client"),
        ({"client_id": "x" * 26}, {}, "invalid_client"),
        ({}, {"scope": f"{SERVER}/unknown"}, "invalid_scope"),
        ({}, {"scope": "unknown"}, "invalid_scope"),
    ],
)
def test_what_the_token_endpoint_refuses(idle, changed, form, error):
    answer = idle.get({**idle.told, **changed}, **form)
    assert (answer["status"], answer["error"]) == (400, error)


def test_a_second_run_finds_nothing_to_do(idle):
    assert idle.converge() == (False, False)
    assert len(idle.keys()) == 1


# ---- What is changed behind our back


def test_a_value_changed_by_hand_is_put_back(pool):
    right = pool.told
    secrets = pool.client("secretsmanager")
    for text in (json.dumps({**right, "client_secret": "x" * 52}), "no JSON"):
        secrets.put_secret_value(SecretId=SECRET, SecretString=text)
        assert pool.converge() == (False, True)
        assert pool.told == right
    assert pool.converge() == (False, False)


def test_a_client_made_anew_is_told(pool):
    old = pool.told
    pool.client("cognito-idp").delete_user_pool_client(UserPoolId=pool.pool_id, ClientId=old["client_id"])
    assert pool.converge() == (True, True)
    assert pool.told["client_id"] == pool.client_id != old["client_id"]
    assert pool.works(pool.told)
    assert pool.converge() == (False, False)


def test_another_token_url_is_told_with_the_same_secret(pool):
    pool.rotate()
    secret = pool.told["client_secret"]
    pool.token_url = "https://auth.example.com/oauth2/token"
    assert pool.converge() == (False, True)
    assert pool.told["token_url"] == pool.token_url
    assert pool.told["client_secret"] == secret
    assert len(pool.keys()) == 1


def test_a_secret_that_nobody_knows_any_more_gets_another_beside_it(pool):
    """Cognito doesn't tell what was given to it, and the secret is gone for good."""
    pool.rotate()
    lost = pool.told
    pool.client("secretsmanager").delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    assert pool.converge() == (False, True)
    assert pool.works(pool.told)
    assert pool.works(lost), "a service may still have it"
    assert len(pool.keys()) == 2
    pool.step("begin")
    pool.step("finish")
    assert not pool.works(lost)
    assert pool.works(pool.told)


# ---- Rotations


def test_the_service_would_notice(pool):
    """A value that Cognito doesn't know is refused, and that is seen."""
    with pool:
        wrong = json.dumps({**pool.told, "client_secret": "x" * 52})
        pool.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString=wrong)
    assert len(pool.refused) > SOME / 2


def assert_rotated(pool: Pool, old: dict[str, str]) -> None:
    assert pool.refused == [], f"{len(pool.refused)} of {pool.tokens} tokens"
    assert pool.tokens > SOME
    assert pool.get(old)["error"] == "invalid_client"
    assert pool.works(pool.told)
    assert {**pool.told, "client_secret": ""} == {**old, "client_secret": ""}
    assert len(pool.keys()) == 1
    assert set(pool.labels()) == {"AWSCURRENT", "AWSPREVIOUS"}
    assert pool.converge() == (False, False)


def test_a_rotation(pool):
    old = pool.told
    with pool:
        first = pool.step("begin")
        assert pool.works(old)
        assert pool.works(pool.told)
        assert pool.told["client_secret"] != old["client_secret"]
        again = pool.step("begin")
        assert (again["version_id"], again["changed"], again["resumed"]) == (first["version_id"], False, True)
        time.sleep(GRACE)
        pool.step("finish")
    assert_rotated(pool, old)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("step", "write"), [("begin", 1), ("begin", 2), ("begin", 3), ("begin", 4), ("finish", 1)], ids=str
)
def test_a_rotation_that_was_killed_is_gone_on_with(pool, step, write, when):
    """At each write, before it was sent and after it was answered. The component's run in between changes nothing."""
    old = pool.told
    with pool:
        if step == "finish":
            pool.step("begin")
            time.sleep(GRACE)
        with pytest.raises(Killed):
            pool.step(step, (write, when))
        keys = pool.keys()
        assert pool.converge() == (False, False)
        if (step, when) != ("finish", "after"):
            pool.rotate()
            assert pool.keys() == keys[1:] or len(keys) == 1
    assert_rotated(pool, old)


def test_two_rotations_at_once_make_one_new_secret(pool):
    old, failures = pool.told, []

    def begin() -> None:
        try:
            pool.step("begin")
        except Exception as failure:
            failures.append(failure)

    with pool:
        runs = [threading.Thread(target=begin) for _time in range(2)]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
        time.sleep(GRACE)
        pool.step("finish")
    assert failures == []
    assert_rotated(pool, old)


# Pauses are a tenth as long.
ROTATION = {"playbook": "playbooks/rotate_machine_client_secret.yml", "variables": {"cognito_secret_grace_seconds": 10}}


def test_the_playbook_killed_and_run_again(pool):
    old = pool.told
    with pool:
        started = pool.start(**ROTATION)
        deadline = time.monotonic() + 60
        while "AWSPENDING" not in pool.labels() and time.monotonic() < deadline:
            time.sleep(0.05)
        started.kill()
        proposed, labels = pool.secret_of("AWSPENDING"), pool.labels()
        dry = pool.run("--check", **ROTATION, note="dry rotation").assert_converged()
        assert dry.total("changed") == 1
        assert pool.labels() == labels
        run = pool.run("-vvvv", **ROTATION, note="rotation after a kill").assert_converged()
        assert pool.told["client_secret"] == proposed
    said = run.output + json.dumps(run.records)
    assert proposed not in said
    assert old["client_secret"] not in said
    assert_rotated(pool, old)
