# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The front end in a browser: served as its distribution says, signed in at the user pool, and asking gateways.

CloudFront's edge is a stand-in that goes by what is configured, see tests/support/edge.py. So the page runs under the
headers that people's browsers get, and under its own name: a violation of its policy would be told in the console.
"""

from __future__ import annotations

import base64
import json
import os
import re
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from playwright.sync_api import Browser, Page, expect

from tests.support import browser as chromium
from tests.support.components import with_required
from tests.support.edge import Answer, Asked, Edge
from tests.support.playbook import OWNER, PREFIX, Account, Run

from .neighbours import tag_list

# Others share the machine, so what takes a moment may take long.
expect.set_options(timeout=30_000)

pytestmark = pytest.mark.by_component("frontend")

ACCOUNT = "530100000009"
COMPONENTS = with_required(("frontend", "vpc_origin", "cognito", "configuration"))
PERSON, GROUP = "jo@example.com", "platform_admin"
PASSWORD = "Correct-Horse-7-Battery"
# Where pictures of the page are kept for people to look at.
PICTURES = os.environ.get("TEST_PICTURES", "")
DENIED = {"code": "AccessDenied", "status": 403, "message": "Injected by the test"}
ANSWER = {"results": [{"text": "A document about <b>owls</b>", "score": 0.87}]}
# Nothing of the machine's own lies between the tests and what they talk to.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def payload(token: str) -> dict[str, Any]:
    """The claims of a token, whoever has made it."""
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return claims


class Gateways:
    """What answers behind the load balancer, to those who have signed in; the memory gateway isn't up."""

    def __init__(self, endpoint: str):
        self.endpoint = endpoint
        self.tokens: list[str] = []
        self.refused = 0  # so many of the next tokens aren't accepted

    def __call__(self, asked: Asked) -> Answer:
        if asked.path.startswith("/api/memory-gateway/"):
            return Answer(503, {"Content-Type": "text/html"}, b"<html>Service Temporarily Unavailable</html>")
        if not self.accepts(asked.headers.get("Authorization", "")):
            return self.json(401, {"detail": "Unauthorized"})
        if (asked.method, asked.path) == ("POST", "/api/retrieval-gateway/retrieve"):
            return self.json(200, {**ANSWER, "asked": json.loads(asked.body)})
        return self.json(200, {"status": "healthy"}) if asked.path.endswith("/health") else self.json(404, {})

    def accepts(self, header: str) -> bool:
        kind, _space, token = header.partition(" ")
        self.tokens.append(token)
        if self.refused:
            self.refused -= 1
            return False
        try:
            pool = payload(token)["iss"].rpartition("/")[2]
            with OPENER.open(f"{self.endpoint}/{pool}/.well-known/jwks.json") as answer:
                keys = KeySet.import_key_set(json.load(answer))
            claims = jwt.decode(token, keys, algorithms=["RS256"]).claims
        except (JoseError, LookupError, ValueError):
            return False
        return kind == "Bearer" and claims["token_use"] == "access"

    @staticmethod
    def json(status: int, content: Any) -> Answer:
        return Answer(status, {"Content-Type": "application/json"}, json.dumps(content).encode())


@dataclass
class FrontEnd:
    """The platform with its front end, as people and operators find it."""

    account: Account
    edge: Edge
    gateways: Gateways
    bucket: str
    distribution: str
    url: str
    first_run: Run

    def run(self, *args: str, components: str = "frontend", **variables: Any) -> Run:
        return self.account.run("--limit", components, *args, variables=variables, note=f"{components} {variables}")

    def objects(self) -> set[str]:
        return {item["Key"] for item in self.account.pages("s3", "list_objects_v2", "Contents", Bucket=self.bucket)}

    def invalidations(self) -> list[list[str]]:
        """The paths of each, the oldest first."""
        cloudfront, named = self.account.client("cloudfront"), {"DistributionId": self.distribution}
        listed = cloudfront.list_invalidations(**named)["InvalidationList"].get("Items", [])
        found = [cloudfront.get_invalidation(**named, Id=one["Id"])["Invalidation"] for one in listed]
        found.sort(key=lambda one: one["CreateTime"])
        return [one["InvalidationBatch"]["Paths"]["Items"] for one in found]


@dataclass
class Visit:
    """A person's page, and what its console has said."""

    page: Page
    front: FrontEnd
    console: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.console.append(f"error: {error}"))

    @property
    def errors(self) -> list[str]:
        """What is wrong with the page itself: not that a gateway has answered with an error."""
        loud = [line for line in self.console if line.startswith(("error", "warning"))]
        return [line for line in loud if "Failed to load resource" not in line]

    def sign_in(self) -> None:
        self.page.goto(self.front.url)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_label("Username").fill(PERSON)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Gateways")).to_be_visible()

    def fetch(self, url: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        """What the page gets for a request."""
        found: dict[str, Any] = self.page.evaluate(
            """async ([url, form]) => {
                const sent = form ? {method: 'POST', body: new URLSearchParams(form)} : {};
                const answer = await fetch(url, sent);
                return {
                    status: answer.status,
                    headers: Object.fromEntries(answer.headers),
                    text: await answer.text(),
                };
            }""",
            [url, form],
        )
        return found

    def picture(self, name: str, folder: Path) -> None:
        self.page.screenshot(path=Path(PICTURES or folder) / f"{name}.png", full_page=True)


def publish_load_balancer(account: Account) -> None:
    """The one that the controller in the cluster makes for the gateways."""
    ours = [{"Name": "tag:Name", "Values": [f"{PREFIX}-private-*"]}]
    network = account.pages("ec2", "describe_subnets", "Subnets", Filters=ours)
    tags = {
        **OWNER,
        "Component": "gateways",
        "elbv2.k8s.aws/cluster": f"{PREFIX}-eks",
        "ingress.k8s.aws/stack": "platform",
    }
    account.client("elbv2").create_load_balancer(
        Name="k8s-platform", Scheme="internal", Subnets=[one["SubnetId"] for one in network[:2]], Tags=tag_list(tags)
    )


@pytest.fixture(scope="module")
def front(emulator: str, tmp_path_factory: pytest.TempPathFactory, figures: list[str]) -> Iterator[FrontEnd]:
    folder = tmp_path_factory.mktemp("page")
    account = Account(ACCOUNT, emulator, folder, figures, COMPONENTS, hasty=True)
    account.run("--limit", ",".join(with_required(("network",))), note="page: network").assert_converged()
    publish_load_balancer(account)
    people = {"cognito_users": [{"email": PERSON, "groups": [GROUP]}]}
    run = account.run(variables=people, note="page: front end with a user").assert_converged()
    pools = account.pages("cognito-idp", "list_user_pools", "UserPools", MaxResults=60)
    account.client("cognito-idp").admin_set_user_password(
        UserPoolId=pools[0]["Id"], Username=PERSON, Password=PASSWORD, Permanent=True
    )
    (distribution,) = account.pages("cloudfront", "list_distributions", "DistributionList")["Items"]
    gateways = Gateways(emulator)
    edge = Edge(account.client, distribution["Id"], emulator, folder, gateways)
    yield FrontEnd(
        account,
        edge,
        gateways,
        f"{PREFIX}-frontend-{ACCOUNT}",
        distribution["Id"],
        f"https://{distribution['DomainName']}",
        run,
    )
    edge.close()
    account.close()


@pytest.fixture(scope="module")
def browser(front: FrontEnd) -> Iterator[Browser]:
    """A browser that finds every name at the stand-in."""
    names = f"--host-resolver-rules=MAP * 127.0.0.1:{front.edge.port}"
    with chromium.opened(chromium.program(), names, "--ignore-certificate-errors") as opened:
        yield opened


@pytest.fixture
def visit(browser: Browser, front: FrontEnd) -> Iterator[Callable[..., Visit]]:
    """Opens pages of people who have been nowhere yet."""
    contexts = []

    def new(**options: Any) -> Visit:
        context = browser.new_context(
            ignore_https_errors=True, **{"viewport": {"width": 1100, "height": 800}, **options}
        )
        context.set_default_timeout(60_000)
        contexts.append(context)
        return Visit(context.new_page(), front)

    yield new
    for context in contexts:
        context.close()


# ---- What is served


def test_the_page_comes_with_the_headers_of_the_policy(visit: Callable[..., Visit], front: FrontEnd) -> None:
    here = visit()
    answer = here.page.goto(front.url)
    assert answer is not None
    headers = answer.all_headers()
    assert (headers["content-type"], headers["cache-control"]) == ("text/html; charset=utf-8", "no-cache")
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert all(re.fullmatch(r"[a-z-]+( [^\s,;{}\"]+)+", directive) for directive in policy.split("; "))
    assert headers["strict-transport-security"].startswith("max-age=31536000")
    assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
    assert here.fetch("/app.js")["headers"]["content-type"] == "text/javascript; charset=utf-8"
    settings = here.fetch("/config.json")
    assert settings["headers"]["cache-control"] == "no-store"
    assert [gateway["path"] for gateway in json.loads(settings["text"])["gateways"]] == [
        "/api/llm-gateway",
        "/api/memory-gateway",
        "/api/retrieval-gateway",
    ]
    # What isn't there is told as such, and isn't a page.
    assert here.fetch("/missing.js")["status"] == 403
    assert here.fetch("/any/page")["status"] == 200


def test_what_the_policy_forbids_is_told_in_the_console(visit: Callable[..., Visit], front: FrontEnd) -> None:
    """So the other tests would see it."""
    here = visit()
    here.page.goto(front.url)
    expect(here.page.get_by_role("heading", name="Welcome")).to_be_visible()
    here.page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = 'window.ran = true';
            document.head.append(script);
            return fetch('https://example.com/').catch(() => null);
        }"""
    )
    assert here.page.evaluate("window.ran") is None
    told = " ".join(here.errors)
    assert "script-src" in told
    assert "connect-src" in told


# ---- Signing in


def test_a_person_signs_in_and_asks_the_gateways(visit: Callable[..., Visit], front: FrontEnd, tmp_path: Path) -> None:
    here = visit()
    page = here.page
    page.goto(front.url)
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
    here.picture("signed-out", tmp_path)
    here.sign_in()
    # Nothing of the sign-in is left in the address.
    assert page.url == f"{front.url}/"
    expect(page.get_by_text(PERSON)).to_be_visible()
    expect(page.get_by_text(f"({GROUP})")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="llm-gateway")).to_contain_text("Answers")
    memory = page.get_by_role("listitem").filter(has_text="memory-gateway")
    expect(memory).to_contain_text("503: No copy of the gateway is ready.")

    page.get_by_label("Gateway", exact=True).select_option("retrieval-gateway")
    page.get_by_label("Method").select_option("POST")
    page.get_by_label("Path").fill("/retrieve")
    page.get_by_label("Body, JSON").fill('{"query": "owls"')
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("t JSON:")).to_be_visible()
    page.get_by_label("Body, JSON").fill('{"query": "owls"}')
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", name="200 OK")).to_be_visible()
    shown = json.loads(page.get_by_label("The answer", exact=True).inner_text())
    assert shown == {**ANSWER, "asked": {"query": "owls"}}
    here.picture("signed-in", tmp_path)

    page.get_by_label("Path").fill("nothing/here")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", name="404 Not Found")).to_be_visible()
    expect(page.get_by_text("The gateway has nothing at this path.")).to_be_visible()
    assert here.errors == []


def test_only_what_renews_tokens_is_kept_and_only_for_the_tab(visit: Callable[..., Visit], front: FrontEnd) -> None:
    here = visit()
    here.sign_in()
    kept = here.page.evaluate("({session: Object.keys(sessionStorage), local: Object.keys(localStorage)})")
    assert kept == {"session": ["refresh-token"], "local": []}
    assert here.page.evaluate("document.cookie") == ""
    # The tab may be loaded again, another one knows nothing.
    here.page.reload()
    expect(here.page.get_by_role("heading", name="Gateways")).to_be_visible()
    other = here.page.context.new_page()
    other.goto(front.url)
    expect(other.get_by_role("heading", name="Welcome")).to_be_visible()
    assert here.errors == []


def test_a_refused_token_is_renewed_once(visit: Callable[..., Visit], front: FrontEnd) -> None:
    here = visit()
    here.sign_in()
    # What the page asks by itself, each gateway, isn't meant.
    expect(here.page.get_by_role("listitem").filter(has_text="llm-gateway")).to_contain_text("Answers")
    expect(here.page.get_by_text("Asking…")).to_have_count(0)
    front.gateways.tokens.clear()
    front.gateways.refused = 1
    here.page.get_by_label("Gateway", exact=True).select_option("llm-gateway")
    here.page.get_by_role("button", name="Send").click()
    expect(here.page.get_by_role("heading", name="200 OK")).to_be_visible()
    first, second = front.gateways.tokens
    assert first != second
    front.gateways.refused = 2
    here.page.get_by_role("button", name="Send").click()
    expect(here.page.get_by_text("accept the sign-in")).to_be_visible()


def test_signing_out_ends_the_session(visit: Callable[..., Visit], front: FrontEnd) -> None:
    here = visit()
    here.sign_in()
    token = here.page.evaluate("sessionStorage.getItem('refresh-token')")
    here.page.get_by_role("button", name="Sign out").click()
    expect(here.page.get_by_role("heading", name="Welcome")).to_be_visible()
    assert here.page.url == f"{front.url}/"
    assert here.page.evaluate("Object.keys(sessionStorage)") == []
    settings = json.loads(here.fetch("/config.json")["text"])
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": settings["client_id"]}
    assert here.fetch(f"{settings['sign_in_url']}/oauth2/token", form)["status"] == 400
    assert here.errors == []


def test_an_ended_session_is_told(visit: Callable[..., Visit], front: FrontEnd) -> None:
    here = visit()
    here.sign_in()
    # What the page asks by itself isn't meant.
    here.page.wait_for_load_state("networkidle")
    here.page.evaluate("sessionStorage.setItem('refresh-token', 'of-someone-else')")
    front.gateways.refused = 1
    here.page.get_by_label("Gateway", exact=True).select_option("llm-gateway")
    here.page.get_by_role("button", name="Send").click()
    expect(here.page.get_by_role("heading", name="The sign-in has ended")).to_be_visible()
    expect(here.page.get_by_role("button", name="Sign in")).to_be_visible()


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"code": "stolen", "state": "made-up"}, "This answer belongs to no sign-in of this tab."),
        ({"error": "access_denied", "state": "made-up"}, "This answer belongs to no sign-in of this tab."),
    ],
)
def test_an_answer_that_nobody_asked_for_is_refused(
    visit: Callable[..., Visit], front: FrontEnd, query: dict[str, str], told: str
) -> None:
    here = visit()
    here.page.goto(f"{front.url}/callback?{urllib.parse.urlencode(query)}")
    expect(here.page.get_by_text(told)).to_be_visible()
    assert here.page.url == f"{front.url}/"
    expect(here.page.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_token_for_another_sign_in_is_refused(visit: Callable[..., Visit], front: FrontEnd) -> None:
    """The nonce of the ID token must be the one that was asked with."""
    here = visit()
    here.page.goto(front.url)
    # As if someone had led the browser to their own sign-in between the request and the answer.
    here.page.route(
        "**/oauth2/authorize?*",
        lambda route: route.continue_(url=route.request.url.replace("nonce=", "nonce=x")),
    )
    here.page.get_by_role("button", name="Sign in").click()
    here.page.get_by_label("Username").fill(PERSON)
    here.page.get_by_label("Password").fill(PASSWORD)
    here.page.get_by_role("button", name="Sign in").click()
    expect(here.page.get_by_text("for this sign-in")).to_be_visible()
    assert here.page.evaluate("Object.keys(sessionStorage)") == []


# ---- What can go wrong


def test_without_settings_it_says_what_to_do(visit: Callable[..., Visit], front: FrontEnd) -> None:
    here = visit()
    here.page.route("**/config.json", lambda route: route.fulfill(status=403, body="<Error/>"))
    here.page.goto(front.url)
    expect(here.page.get_by_role("heading", name="Not set up yet")).to_be_visible()
    here.page.unroute("**/config.json")
    here.page.route("**/config.json", lambda route: route.fulfill(json={"client_id": None, "gateways": []}))
    here.page.get_by_role("button", name="Try again").click()
    expect(here.page.get_by_role("heading", name="Nobody can sign in yet")).to_be_visible()
    here.page.unroute("**/config.json")
    here.page.get_by_role("button", name="Try again").click()
    expect(here.page.get_by_role("heading", name="Welcome")).to_be_visible()


def test_without_a_way_to_the_gateways_it_says_so(
    visit: Callable[..., Visit], front: FrontEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As storage answers, where nothing leads to the API."""
    forbidden = Answer(403, {"Content-Type": "application/xml"}, b"<Error><Code>AccessDenied</Code></Error>")
    monkeypatch.setattr(front.edge, "api", lambda asked: forbidden)
    here = visit()
    here.sign_in()
    expect(here.page.get_by_role("listitem").filter(has_text="llm-gateway")).to_contain_text(
        "403: Nothing leads to the gateways yet."
    )


def test_it_can_be_used_with_the_keyboard_on_a_small_dark_screen(
    visit: Callable[..., Visit], front: FrontEnd, tmp_path: Path
) -> None:
    here = visit(viewport={"width": 390, "height": 800}, color_scheme="dark")
    page = here.page
    page.goto(front.url)
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Sign in")).to_be_focused()
    here.sign_in()
    expect(page.get_by_role("listitem").filter(has_text="llm-gateway")).to_contain_text("Answers")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    here.picture("small", tmp_path)
    # Everything that takes an input has a name.
    unnamed = "[...document.querySelectorAll('input, select, textarea')].filter(one => !one.labels.length).length"
    assert page.evaluate(unnamed) == 0


# ---- Uploads


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of one's own."""
    folder = tmp_path_factory.mktemp("site")
    for name, text in {
        "index.html": "<!doctype html><title>Own</title><script src=/main-BfX3k9aQ.js></script>",
        "main-BfX3k9aQ.js": "document.title = 'Own, running'",
        "texts/about.txt": "One",
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.options
def test_the_own_page_is_there_once(front: FrontEnd) -> None:
    assert front.objects() == {"app.js", "auth.js", "config.json", "icon.svg", "index.html", "style.css"}
    # No edge held anything yet.
    assert front.invalidations() == []
    front.run().assert_nothing_to_do()


@pytest.mark.options
def test_a_site_takes_the_place_of_the_page(front: FrontEnd, site: Path, visit: Callable[..., Visit]) -> None:
    run = front.run(frontend_source=str(site)).assert_converged()
    assert front.objects() == {"config.json", "index.html", "main-BfX3k9aQ.js", "texts/about.txt"}
    assert run.calls["s3", "PutObject"] == 3
    assert front.invalidations() == [["/app.js", "/auth.js", "/icon.svg", "/index.html", "/style.css"]]
    head = front.account.client("s3").head_object(Bucket=front.bucket, Key="main-BfX3k9aQ.js")
    assert head["CacheControl"] == "public, max-age=31536000, immutable"
    here = visit()
    here.page.goto(f"{front.url}/some/page")
    expect(here.page).to_have_title("Own, running")


@pytest.mark.options
def test_one_changed_file_is_one_object_and_one_invalidation(front: FrontEnd, site: Path) -> None:
    (site / "texts/about.txt").write_text("Two")
    before = len(front.invalidations())
    dry = front.run("--check", frontend_source=str(site)).assert_converged()
    assert dry.changed == [("frontend", "agent_platform.aws.frontend : Upload the page")]
    assert not dry.calls.writes
    run = front.run(frontend_source=str(site)).assert_converged()
    assert (run.calls["s3", "PutObject"], run.calls["s3", "DeleteObjects"]) == (1, 0)
    assert run.calls["cloudfront", "CreateInvalidation"] == 1
    assert run.calls["cloudfront", "GetInvalidation"] >= 1
    assert front.invalidations()[before:] == [["/texts/about.txt"]]


@pytest.mark.options
def test_what_a_failed_run_has_not_invalidated_the_next_one_does(front: FrontEnd, site: Path) -> None:
    (site / "texts/about.txt").unlink()
    before = len(front.invalidations())
    denied = {"service": "cloudfront", "operation": "CreateInvalidation", "times": 1, "error": DENIED}
    front.account.proxy.spoil([denied])
    front.run(frontend_source=str(site)).assert_refused()
    front.account.proxy.spoil([])
    assert "texts/about.txt" not in front.objects()
    run = front.run(frontend_source=str(site)).assert_converged()
    assert run.calls["s3", "PutObject"] == 0
    assert front.invalidations()[before:] == [["/*"]]
    front.run(frontend_source=str(site)).assert_nothing_to_do()


@pytest.mark.options
def test_the_own_page_never_takes_the_place_of_a_site(front: FrontEnd) -> None:
    before = front.objects()
    front.run().assert_nothing_to_do()
    assert front.objects() == before


@pytest.mark.options
def test_without_the_settings_the_page_is_told_nothing(front: FrontEnd) -> None:
    """What the settings' component has published goes with it, and comes back."""
    confirmed = {"platform_teardown_confirm": PREFIX}
    front.account.run(
        "--limit", "configuration", playbook="playbooks/teardown.yml", variables=confirmed, note="settings go"
    ).assert_converged()
    assert "config.json" not in front.objects()
    front.run(components="configuration").assert_converged()
    assert "config.json" in front.objects()
