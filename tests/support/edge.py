# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stand-in for CloudFront's edge, which the emulator hasn't: it serves what a distribution is configured to serve.

Read from the account are the distribution with its behaviours, the code of its function, which runs in Node.js, the
headers that it adds, and the objects of its bucket. What goes to a load balancer is answered by a function of the test.
Its TLS port stands for the domain of a user pool as well, and passes on to the emulator what is asked of that.
"""

from __future__ import annotations

import datetime
import functools
import http.client
import http.server
import json
import ssl
import subprocess
import threading
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import playwright
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NODE = Path(playwright.__file__).parent / "driver" / "node"
# As CloudFront's runtime: the language, and neither modules nor timers, files or a network.
RUN = """
const vm = require('node:vm');
const {code, request} = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
const context = vm.createContext({}, {codeGeneration: {strings: false, wasm: false}});
const handler = vm.runInContext(`'use strict';\\n${code}\\nhandler`, context);
console.log(JSON.stringify(handler({version: '1.0', context: {eventType: 'viewer-request'}, viewer: {}, request})));
"""
HOSTED = ".amazoncognito.com"
FORBIDDEN = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
HOP_BY_HOP = ("connection", "content-length", "date", "keep-alive", "server", "transfer-encoding")


@dataclass
class Answer:
    """What is sent back."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Asked:
    """What was asked for."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def certificate(folder: Path) -> Path:
    """A certificate of one's own, with its key, for whichever name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "edge")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "edge.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


class Edge:
    """A server for one distribution.

    client: gives boto3 clients by service. distribution: its id. endpoint: the emulator, for the user pool's domain.
    api: answers what goes to the load balancer.
    """

    def __init__(
        self,
        client: Callable[[str], Any],
        distribution: str,
        endpoint: str,
        folder: Path,
        api: Callable[[Asked], Answer],
    ):
        self.client, self.distribution, self.api = client, distribution, api
        self.emulator = urllib.parse.urlsplit(endpoint)
        self.asked: list[Asked] = []
        edge = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_request(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                asked = Asked(self.command, self.path, dict(self.headers), self.rfile.read(length))
                elsewhere = self.headers.get("Host", "").partition(":")[0].endswith(HOSTED)
                answer = edge.passed_on(asked) if elsewhere else edge.served(asked)
                self.send_response(answer.status)
                for header, value in answer.headers.items():
                    self.send_header(header, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_POST = do_OPTIONS = handle_request

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_arguments: Any) -> None:
                """Browsers open connections that they don't use, and end them as they like."""

        self.server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(folder))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    # ---- The distribution

    def served(self, asked: Asked) -> Answer:
        """What the distribution sends for that."""
        self.asked.append(asked)
        config = self.client("cloudfront").get_distribution_config(Id=self.distribution)["DistributionConfig"]
        path = urllib.parse.urlsplit(asked.path).path
        behaviors = config.get("CacheBehaviors", {}).get("Items", [])
        behavior = next(
            (one for one in behaviors if fnmatchcase(path, one["PathPattern"])), config["DefaultCacheBehavior"]
        )
        if asked.method not in behavior["AllowedMethods"]["Items"]:
            answer = Answer(403, {"Content-Type": "text/html"}, b"This distribution is not configured to allow that.")
        else:
            for function in behavior.get("FunctionAssociations", {}).get("Items", []):
                path = self.routed(function["FunctionARN"].rpartition("/")[2], path)
            origin = next(one for one in config["Origins"]["Items"] if one["Id"] == behavior["TargetOriginId"])
            answer = self.api(asked) if "VpcOriginConfig" in origin else self.stored(origin["DomainName"], path, config)
        policy = behavior.get("ResponseHeadersPolicyId")
        return Answer(answer.status, {**answer.headers, **(self.added(policy) if policy else {})}, answer.body)

    def routed(self, function: str, path: str) -> str:
        """The path as the function makes it."""
        code = self.client("cloudfront").get_function(Name=function, Stage="LIVE")["FunctionCode"].read().decode()
        return _routed(code, path)

    def stored(self, origin: str, path: str, config: dict[str, Any]) -> Answer:
        """The object of the bucket. Who may not list it isn't told that there is none."""
        key = urllib.parse.unquote(path).removeprefix("/") or config.get("DefaultRootObject", "")
        try:
            found = self.client("s3").get_object(Bucket=origin.partition(".s3")[0], Key=key)
        except ClientError:
            return Answer(403, {"Content-Type": "application/xml"}, FORBIDDEN)
        headers = {"Content-Type": found["ContentType"], "Cache-Control": found.get("CacheControl", "")}
        return Answer(200, headers, found["Body"].read())

    def added(self, policy: str) -> dict[str, str]:
        """The headers that the policy adds."""
        config = self.client("cloudfront").get_response_headers_policy(Id=policy)["ResponseHeadersPolicy"]
        config = config["ResponseHeadersPolicyConfig"]
        security = config.get("SecurityHeadersConfig", {})
        headers = {}
        if transport := security.get("StrictTransportSecurity"):
            headers["Strict-Transport-Security"] = "; ".join(
                [
                    f"max-age={transport['AccessControlMaxAgeSec']}",
                    *(["includeSubDomains"] if transport.get("IncludeSubdomains") else []),
                    *(["preload"] if transport.get("Preload") else []),
                ]
            )
        if "ContentTypeOptions" in security:
            headers["X-Content-Type-Options"] = "nosniff"
        for member, inner, header in (
            ("ContentSecurityPolicy", "ContentSecurityPolicy", "Content-Security-Policy"),
            ("FrameOptions", "FrameOption", "X-Frame-Options"),
            ("ReferrerPolicy", "ReferrerPolicy", "Referrer-Policy"),
        ):
            if member in security:
                headers[header] = security[member][inner]
        return headers | {one["Header"]: one["Value"] for one in config.get("CustomHeadersConfig", {}).get("Items", [])}

    # ---- The user pool's domain

    def passed_on(self, asked: Asked) -> Answer:
        connection = http.client.HTTPConnection(self.emulator.hostname or "", self.emulator.port, timeout=60)
        connection.request(asked.method, asked.path, asked.body or None, asked.headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        headers = {name: value for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP}
        return Answer(response.status, headers, body)


@functools.cache
def _routed(code: str, path: str) -> str:
    request = {"method": "GET", "uri": path, "querystring": {}, "headers": {}, "cookies": {}}
    run = subprocess.run(
        [NODE, "-e", RUN],
        input=json.dumps({"code": code, "request": request}),
        capture_output=True,
        text=True,
        check=True,
    )
    return str(json.loads(run.stdout)["uri"])
