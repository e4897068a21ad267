# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The function that CloudFront runs for each request, against addresses, in the Node.js that Playwright brings.

It is given what CloudFront's runtime 2.0 has: the language, and neither modules nor timers, files or a network.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import playwright
import pytest

from tests.support.components import ROLES

NODE = Path(playwright.__file__).parent / "driver" / "node"
CODE = ROLES / "frontend/files/routing.js"
# CloudFront takes 10 KB of code.
LARGEST = 10 * 1024
RUN = """
const vm = require('node:vm');
const {code, requests} = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
const context = vm.createContext({console}, {codeGeneration: {strings: false, wasm: false}});
const handler = vm.runInContext(`'use strict';\\n${code}\\nhandler`, context);
const event = request => ({
  version: '1.0',
  context: {distributionDomainName: 'd111111abcdef8.cloudfront.net', eventType: 'viewer-request'},
  viewer: {ip: '198.51.100.1'},
  request,
});
console.log(JSON.stringify(requests.map(request => handler(event(request)))));
"""
PAGE = "/index.html"
URIS = {
    # The application's own pages.
    "/": PAGE,
    "/chat": PAGE,
    "/chat/": PAGE,
    "/chat/42/history": PAGE,
    "/callback": PAGE,
    "/v1.2/notes": PAGE,
    "/apiary": PAGE,
    "/API/chat": PAGE,
    "/docs/api/": PAGE,
    "/caf%C3%A9": PAGE,
    "//evil.example/": PAGE,
    # Files, there or not.
    "/index.html": "/index.html",
    "/config.json": "/config.json",
    "/favicon.ico": "/favicon.ico",
    "/assets/index-BfX3k9aQ.js": "/assets/index-BfX3k9aQ.js",
    "/fonts/a.b/c.woff2": "/fonts/a.b/c.woff2",
    "/.well-known/security.txt": "/.well-known/security.txt",
    "/.well-known/apple-app-site-association": "/.well-known/apple-app-site-association",
    "/..": "/..",
    # The API, with or without a behaviour of its own.
    "/api": "/api",
    "/api/": "/api/",
    "/api/llm-gateway/model/x/converse": "/api/llm-gateway/model/x/converse",
    "/api/missing": "/api/missing",
}


def handled(*requests: dict) -> list[dict]:
    given = json.dumps({"code": CODE.read_text(), "requests": requests})
    run = subprocess.run([NODE, "-e", RUN], input=given, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(run.stdout)


def request(uri: str, **more: object) -> dict:
    return {"method": "GET", "uri": uri, "querystring": {}, "headers": {}, "cookies": {}, **more}


@pytest.fixture(scope="module")
def answers() -> dict[str, dict]:
    return dict(zip(URIS, handled(*map(request, URIS)), strict=True))


@pytest.mark.parametrize("uri", URIS)
def test_where_a_request_goes(answers, uri):
    assert answers[uri] == request(URIS[uri])


def test_nothing_else_of_a_request_is_changed():
    given = request(
        "/callback",
        method="HEAD",
        querystring={"code": {"value": "c"}, "state": {"value": "s"}},
        headers={"host": {"value": "d111111abcdef8.cloudfront.net"}},
        cookies={"theme": {"value": "dark"}},
    )
    assert handled(given) == [{**given, "uri": PAGE}]


def test_cloudfront_takes_the_code():
    code = CODE.read_text()
    assert len(code.encode()) < LARGEST
    assert code.isascii()
