# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A person signs in: invited by e-mail, in a browser on the pages of the user pool, with PKCE; and what tokens are for.

The application is a server on localhost to which the pages lead back. Tokens are checked with a library for JSON Web
Tokens against the keys of the user pool, and exchanged for credentials of an AWS that enforces policies.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import http.server
import json
import re
import secrets
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from joserfc import errors, jwt
from joserfc.jwk import KeySet
from playwright.sync_api import Browser, Page

from tests.support import browser as chromium
from tests.support.components import with_required
from tests.support.local_cloud import processes
from tests.support.local_cloud.account import furnish
from tests.support.local_cloud.settings import EMULATORS, Instance
from tests.support.playbook import PREFIX, REGION, Account

from .conftest import free_port

pytestmark = pytest.mark.by_component("cognito")

ACCOUNT = "530100000001"
PERSON, GROUP = "jo@example.com", "platform_admin"
PASSWORD = "Correct-Horse-7-Battery"
SCOPES = "openid email profile"
PARAMETER = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/of/{{}}"
# Everybody reads what is one's own, which the tag of the session tells.
STATEMENTS = [
    {
        "Sid": name.capitalize(),
        "Action": ["ssm:GetParameter"],
        "Resource": [PARAMETER.format(name)],
        "Condition": {"StringEquals": {"aws:PrincipalTag/mail": f"{name}@example.com"}},
    }
    for name in ("jo", "kim")
]
# Nothing of the machine's own lies between the tests and what they talk to.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


# ---- The application


class Application:
    """Where the pages lead back to: remembers with what they did so."""

    def __init__(self) -> None:
        self.port = free_port()
        self.visits: list[dict[str, str]] = []
        visits = self.visits

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urllib.parse.urlsplit(self.path)
                if url.path in ("/callback", "/logout"):
                    visits.append({"path": url.path, **dict(urllib.parse.parse_qsl(url.query))})
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"back")

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://localhost:{self.port}/{path}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@dataclass
class Attempt:
    """One way through the pages: what the application has made up for it."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    @property
    def challenge(self) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass
class Platform:
    """The platform's identities, as the application and a person find them."""

    account: Account
    application: Application
    variables: dict[str, Any]

    def __post_init__(self) -> None:
        pools = self.account.pages("cognito-idp", "list_user_pools", "UserPools", MaxResults=60)
        (self.pool,) = [pool["Id"] for pool in pools if pool["Name"] == f"{PREFIX}-users"]
        clients = self.account.pages("cognito-idp", "list_user_pool_clients", "UserPoolClients", UserPoolId=self.pool)
        (self.client,) = [client["ClientId"] for client in clients if client["ClientName"] == f"{PREFIX}-web"]
        pools = self.account.pages("cognito-identity", "list_identity_pools", "IdentityPools", MaxResults=60)
        (self.identities,) = [
            pool["IdentityPoolId"] for pool in pools if pool["IdentityPoolName"] == f"{PREFIX}-identities"
        ]

    @property
    def issuer(self) -> str:
        return f"https://cognito-idp.{REGION}.amazonaws.com/{self.pool}"

    def page(self, attempt: Attempt, **changed: str) -> str:
        """The address to sign in at."""
        query = {
            "client_id": self.client,
            "response_type": "code",
            "scope": SCOPES,
            "redirect_uri": self.application.url("callback"),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
            **changed,
        }
        return f"{self.account.endpoint}/oauth2/authorize?{urllib.parse.urlencode(query)}"

    def keys(self) -> KeySet:
        with OPENER.open(f"{self.account.endpoint}/{self.pool}/.well-known/jwks.json") as answer:
            return KeySet.import_key_set(json.load(answer))

    def verified(self, token: str, **expected: Any) -> dict[str, Any]:
        """The claims of a token whose signature, issuer and time hold."""
        claims = dict(jwt.decode(token, self.keys(), algorithms=["RS256"]).claims)
        rules = {name: {"essential": True, "value": value} for name, value in {"iss": self.issuer, **expected}.items()}
        jwt.JWTClaimsRegistry(exp={"essential": True}, **rules).validate(claims)
        return claims

    def ask_for_tokens(self, **form: str) -> tuple[int, dict[str, Any]]:
        """The status and the answer of the token endpoint."""
        body = urllib.parse.urlencode({"client_id": self.client, **form}).encode()
        try:
            with OPENER.open(f"{self.account.endpoint}/oauth2/token", body) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.load(refusal)

    def exchange(self, code: str, verifier: str) -> tuple[int, dict[str, Any]]:
        redirect = self.application.url("callback")
        return self.ask_for_tokens(
            grant_type="authorization_code", code=code, redirect_uri=redirect, code_verifier=verifier
        )

    def temporary_password(self) -> str:
        """What the invitation says, which was sent once, and no other mail."""
        with OPENER.open(f"{self.account.endpoint}/_ministack/ses/messages?account={ACCOUNT}") as answer:
            (message,) = json.load(answer)["messages"][ACCOUNT]
        assert message["To"] == [PERSON]
        text = message["BodyHtml"] or message["BodyText"]
        (password,) = re.findall(r"temporary password is (\S+?)\.?(?:\s|$)", text)
        return password


@pytest.fixture(scope="module")
def program() -> str:
    return chromium.program()


@pytest.fixture(scope="module")
def endpoint(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An AWS that enforces policies. The account's own number as access key is its root user's."""
    emulator = dataclasses.replace(EMULATORS[0], environment={**EMULATORS[0].environment, "AUTH": "true"})
    instance = Instance(emulator, free_port(), tmp_path_factory.mktemp("enforcing"))
    processes.start(instance, timeout=60)
    furnish(instance.endpoint, ACCOUNT)
    yield instance.endpoint
    processes.stop(instance)


@pytest.fixture(scope="module")
def platform_of_people(
    endpoint: str, tmp_path_factory: pytest.TempPathFactory, figures: list[str]
) -> Iterator[Platform]:
    """The platform's identities and one person, who was invited though nobody heard of it."""
    application = Application()
    folder = tmp_path_factory.mktemp("runs")
    account = Account(ACCOUNT, endpoint, folder, figures, with_required(("cognito",)), hasty=True)
    variables = {
        "cognito_users": [{"email": PERSON, "groups": [GROUP]}],
        "cognito_web_callback_urls": [application.url("callback")],
        "cognito_web_logout_urls": [application.url("logout")],
        "cognito_principal_tags": {"mail": "email"},
        "cognito_authenticated_statements": STATEMENTS,
    }
    lost = {"service": "cognito-idp", "operation": "AdminCreateUser", "times": 1, "response": {"abort_frac": 0.0}}
    account.proxy.spoil([lost])
    account.run(variables=variables, note="cognito with a user").assert_converged()
    assert account.proxy.fired() == [1]
    account.proxy.spoil([])
    yield Platform(account, application, variables)
    account.close()
    application.close()


@pytest.fixture(scope="module")
def browser(program: str) -> Iterator[Browser]:
    with chromium.opened(program) as browser:
        yield browser


@contextmanager
def visit(browser: Browser) -> Iterator[Page]:
    """A page of a person who has been nowhere yet."""
    context = browser.new_context()
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def sign_in(platform_of_people: Platform, browser: Browser) -> Callable[..., tuple[str, Attempt]]:
    """Takes a person through the pages. Gives the code, and how it was asked for."""
    known: dict[str, str] = {}

    def go() -> tuple[str, Attempt]:
        attempt, application = Attempt(), platform_of_people.application
        with visit(browser) as page:
            page.goto(platform_of_people.page(attempt))
            page.get_by_label("Username").fill(PERSON)
            page.get_by_label("Password").fill(known.get("password") or platform_of_people.temporary_password())
            page.get_by_role("button", name="Sign in").click()
            if not known:
                page.get_by_label("New password", exact=True).fill(PASSWORD)
                page.get_by_label("Confirm new password").fill(PASSWORD)
                page.get_by_role("button", name="Update password").click()
            page.wait_for_url(f"{application.url('callback')}?*")
        known["password"] = PASSWORD
        back = application.visits[-1]
        assert back["state"] == attempt.state
        return back["code"], attempt

    return go


@pytest.fixture(scope="module")
def tokens(platform_of_people: Platform, sign_in: Callable[[], tuple[str, Attempt]]) -> dict[str, Any]:
    """What the application gets for the code, and the nonce that it asked with."""
    code, attempt = sign_in()
    status, answer = platform_of_people.exchange(code, attempt.verifier)
    assert status == 200, answer
    assert answer["token_type"] == "Bearer"
    return {**answer, "nonce": attempt.nonce, "code": code, "verifier": attempt.verifier}


# ---- Signed in


def test_the_id_token_says_who_it_is_and_in_which_group(platform_of_people: Platform, tokens: dict[str, Any]) -> None:
    client = platform_of_people.client
    claims = platform_of_people.verified(tokens["id_token"], aud=client, token_use="id", nonce=tokens["nonce"])
    assert claims["cognito:groups"] == [GROUP]
    assert (claims["email"], claims["email_verified"]) == (PERSON, True)


def test_the_access_token_is_for_the_client_and_its_scopes(
    platform_of_people: Platform, tokens: dict[str, Any]
) -> None:
    claims = platform_of_people.verified(
        tokens["access_token"], client_id=platform_of_people.client, token_use="access"
    )
    assert set(claims["scope"].split()) == set(SCOPES.split())
    assert claims["cognito:groups"] == [GROUP]
    minutes = (claims["exp"] - claims["iat"]) / 60
    assert minutes == 60


def test_a_token_that_someone_has_changed_is_refused(platform_of_people: Platform, tokens: dict[str, Any]) -> None:
    header, payload, signature = tokens["id_token"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["cognito:groups"] = ["super_admin"]
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    with pytest.raises(errors.BadSignatureError):
        platform_of_people.verified(f"{header}.{forged}.{signature}")


def test_a_code_is_good_once(platform_of_people: Platform, tokens: dict[str, Any]) -> None:
    status, answer = platform_of_people.exchange(tokens["code"], tokens["verifier"])
    assert (status, answer["error"]) == (400, "invalid_grant")


def test_a_code_without_its_verifier_is_good_for_nothing(
    platform_of_people: Platform, sign_in: Callable[[], tuple[str, Attempt]]
) -> None:
    """Whoever has got hold of the code lacks what only the application knows."""
    code, _attempt = sign_in()
    for verifier in (Attempt().verifier, ""):
        status, answer = platform_of_people.exchange(code, verifier)
        assert (status, answer["error"]) == (400, "invalid_grant")


def test_tokens_are_renewed_until_that_is_revoked(
    platform_of_people: Platform, sign_in: Callable[[], tuple[str, Attempt]]
) -> None:
    platform, (code, attempt) = platform_of_people, sign_in()
    _status, answer = platform.exchange(code, attempt.verifier)
    refresh = {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}
    status, answer = platform.ask_for_tokens(**refresh)
    assert status == 200
    platform.verified(answer["access_token"], client_id=platform.client, token_use="access")
    platform.account.client("cognito-idp").revoke_token(Token=refresh["refresh_token"], ClientId=platform.client)
    for token in (refresh["refresh_token"], "made-up"):
        status, answer = platform.ask_for_tokens(**{**refresh, "refresh_token": token})
        assert (status, answer["error"]) == (400, "invalid_grant")


def test_a_further_run_leaves_the_person_alone(
    platform_of_people: Platform, tokens: dict[str, Any], sign_in: Callable[[], tuple[str, Attempt]]
) -> None:
    """Nobody is invited twice, and the password that the person has chosen stays."""
    platform, invitation = platform_of_people, platform_of_people.temporary_password()
    again = platform.account.run("--limit", "cognito", variables=platform.variables, note="a person has signed in")
    again.assert_nothing_to_do()
    assert platform.temporary_password() == invitation
    code, attempt = sign_in()
    assert platform.exchange(code, attempt.verifier)[0] == 200


# ---- Refused


def test_a_wrong_password_leads_nowhere(platform_of_people: Platform, browser: Browser, tokens: dict[str, Any]) -> None:
    before = list(platform_of_people.application.visits)
    with visit(browser) as page:
        page.goto(platform_of_people.page(Attempt()))
        page.get_by_label("Username").fill(PERSON)
        page.get_by_label("Password").fill("Wrong-Horse-7-Battery")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_text("Incorrect username or password").wait_for()
    assert platform_of_people.application.visits == before


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"redirect_uri": "https://example.com/callback"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"client_id": "unknown"}, "invalid_client"),
    ],
)
def test_whoever_asks_otherwise_gets_no_page(
    platform_of_people: Platform, browser: Browser, changed: dict[str, str], error: str
) -> None:
    """No other address gets the code, and no token comes in an address."""
    with visit(browser) as page:
        answer = page.goto(platform_of_people.page(Attempt(), **changed))
        assert answer is not None
        assert answer.status == 400
        assert error in answer.text()


def test_signing_out_leads_back_to_the_application_only(platform_of_people: Platform, browser: Browser) -> None:
    application, endpoint = platform_of_people.application, platform_of_people.account.endpoint

    def address(uri: str) -> str:
        query = urllib.parse.urlencode({"client_id": platform_of_people.client, "logout_uri": uri})
        return f"{endpoint}/logout?{query}"

    with visit(browser) as page:
        page.goto(address(application.url("logout")))
        assert application.visits[-1]["path"] == "/logout"
        answer = page.goto(address("https://example.com/logout"))
        assert answer is not None
        assert answer.status == 400


# ---- Credentials of AWS


@pytest.fixture(scope="module")
def exchange(platform_of_people: Platform) -> Callable[[dict[str, str]], boto3.Session]:
    """Asks the identity pool for credentials as a browser does, which has none of AWS."""
    endpoint = platform_of_people.account.endpoint
    config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
    identity = boto3.client("cognito-identity", region_name=REGION, endpoint_url=endpoint, config=config)

    def go(logins: dict[str, str]) -> boto3.Session:
        identity_id = identity.get_id(IdentityPoolId=platform_of_people.identities, Logins=logins)["IdentityId"]
        keys = identity.get_credentials_for_identity(IdentityId=identity_id, Logins=logins)["Credentials"]
        return boto3.Session(keys["AccessKeyId"], keys["SecretKey"], keys["SessionToken"], region_name=REGION)

    return go


@pytest.fixture(scope="module")
def provider(platform_of_people: Platform) -> str:
    return platform_of_people.issuer.removeprefix("https://")


def test_who_has_signed_in_gets_what_the_role_allows(
    platform_of_people: Platform,
    exchange: Callable[[dict[str, str]], boto3.Session],
    provider: str,
    tokens: dict[str, Any],
) -> None:
    """The pool has the role; the role trusts the pool, and lets it tag the session with a claim of the token."""
    account, session = platform_of_people.account, exchange({provider: tokens["id_token"]})
    caller = session.client("sts", endpoint_url=account.endpoint).get_caller_identity()
    role = f"{PREFIX}-authenticated"
    assert caller["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/CognitoIdentityCredentials"
    for name in ("jo", "kim"):
        account.client("ssm").put_parameter(Name=f"/of/{name}", Value=name, Type="String")
    person = session.client("ssm", endpoint_url=account.endpoint)
    assert person.get_parameter(Name="/of/jo")["Parameter"]["Value"] == "jo"
    with pytest.raises(ClientError, match="AccessDenied"):
        person.get_parameter(Name="/of/kim")
    with pytest.raises(ClientError, match="AccessDenied"):
        person.put_parameter(Name="/of/jo", Value="other", Type="String", Overwrite=True)


@pytest.mark.parametrize("kind", ["none", "access", "forged", "another provider"])
def test_nobody_else_does(
    exchange: Callable[[dict[str, str]], boto3.Session], provider: str, tokens: dict[str, Any], kind: str
) -> None:
    logins = {
        "none": {},
        "access": {provider: tokens["access_token"]},
        "forged": {provider: tokens["id_token"][:-8] + "A" * 8},
        "another provider": {"accounts.google.com": tokens["id_token"]},
    }[kind]
    with pytest.raises(ClientError, match="NotAuthorizedException"):
        exchange(logins)
