# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real OpenSearch with its security plugin, on 127.0.0.1, put together of what Maven Central has.

There is no distribution of it there, but the server's jars and the plugin are, which is all that it takes. The plugin
for index management is not, so lifecycle policies are answered by the door. It believes the door who asks (proxy
authentication), and maps the role MASTER to all_access, as a domain does with its master user.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import ipaddress
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.bound import bound

VERSION = "2.19.4"
# Not every version of every part is there; this one has no version of the server in it.
CLASSLOADER = "2.19.6"
CACHE = Path("~/.cache/agent_platform_aws/opensearch").expanduser()
MASTER = "arn:aws:iam::123456789012:role/search-master"
HOST = "search.example.com"
DOWNLOAD_SECONDS, START_SECONDS = 300, 150

PARTS = (
    ("org.opensearch", "opensearch", VERSION, "jar"),
    ("org.opensearch", "opensearch-cli", VERSION, "jar"),
    ("org.opensearch", "opensearch-plugin-classloader", CLASSLOADER, "jar"),
    ("org.apache.logging.log4j", "log4j-core", "2.21.0", "jar"),
    ("org.opensearch.plugin", "opensearch-security", f"{VERSION}.0", "zip"),
)
OPTIONS = (
    "-Xms512m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Djava.security.manager=allow",
    "-Djava.awt.headless=true",
    "-Dlog4j2.disable.jmx=true",
    "-Dopensearch.distribution.type=tar",
    "-Dopensearch.bundled_jdk=false",
    # Without its native part OpenSearch doesn't ask whether it is root, as it is in a container.
    "-Djna.nosys=true",
    "-Djna.nounpack=true",
)
LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""
# The files of the security plugin, with the names that it gives to what is in them.
SECURITY = {
    "action_groups": "actiongroups",
    "allowlist": "allowlist",
    "audit": "audit",
    "config": "config",
    "internal_users": "internalusers",
    "nodes_dn": "nodesdn",
    "roles": "roles",
    "roles_mapping": "rolesmapping",
    "tenants": "tenants",
    "whitelist": "whitelist",
}
BELIEVE_THE_DOOR = {
    "dynamic": {
        "http": {
            "anonymous_auth_enabled": False,
            "xff": {"enabled": True, "internalProxies": r"127\.0\.0\.1", "remoteIpHeader": "x-forwarded-for"},
        },
        "authc": {
            "proxy": {
                "http_enabled": True,
                "transport_enabled": False,
                "order": 0,
                "http_authenticator": {
                    "type": "proxy",
                    "challenge": False,
                    "config": {"user_header": "x-proxy-user", "roles_header": "x-proxy-roles"},
                },
                "authentication_backend": {"type": "noop"},
            }
        },
    }
}


class UnavailableError(Exception):
    """This machine can't have an OpenSearch; the text says why."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _pom() -> str:
    def dependency(group: str, artifact: str, version: str, kind: str) -> str:
        alone = "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
        return (
            f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>"
            f"<type>{kind}</type>{alone if kind == 'zip' else ''}</dependency>"
        )

    dependencies = "".join(dependency(*part) for part in PARTS)
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>local</groupId>'
        "<artifactId>node</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{dependencies}</dependencies></project>"
    )


def software() -> Path:
    """The folder with lib and plugins, put together once on a machine."""
    missing = [program for program in ("java", "mvn") if not shutil.which(program)]
    if missing:
        raise UnavailableError(f"there is no {' and no '.join(missing)}")
    CACHE.mkdir(parents=True, exist_ok=True)
    home = CACHE / VERSION
    with open(CACHE / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.is_dir():
            _put_together(home)
    return home


def _put_together(home: Path) -> None:
    made = home.with_suffix(".part")
    shutil.rmtree(made, ignore_errors=True)
    for folder in ("modules", "plugins"):
        (made / folder).mkdir(parents=True)
    (made / "pom.xml").write_text(_pom())
    command = [
        "mvn",
        "--batch-mode",
        "--quiet",
        f"-Dmaven.repo.local={CACHE / 'maven'}",
        "dependency:copy-dependencies",
    ]
    try:
        done = subprocess.run(
            [*command, "-DoutputDirectory=lib"],
            cwd=made, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"Maven Central took more than {DOWNLOAD_SECONDS} s") from error
    if done.returncode:
        reason = next((line for line in done.stdout.splitlines() if "ERROR" in line), done.stdout)
        raise UnavailableError(f"Maven Central doesn't give it: {reason[:300]}")
    (plugin,) = (made / "lib").glob("opensearch-security-*.zip")
    with zipfile.ZipFile(plugin) as archive:
        archive.extractall(made / "plugins" / "opensearch-security")
    plugin.unlink()
    shutil.rmtree(CACHE / "maven", ignore_errors=True)
    made.rename(home)


def make_certificate(folder: Path) -> None:
    """A key and a certificate for HOST and this machine, which vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "node")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(HOST), x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "node.pem").write_bytes(certificate.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "node.key").write_bytes(private)
    (folder / "node.key").chmod(0o600)


def _configure(folder: Path, port: int) -> None:
    settings: dict[str, Any] = {
        "cluster.name": "test",
        "discovery.type": "single-node",
        "network.host": "127.0.0.1",
        "http.port": port,
        "transport.port": free_port(),
        "path.data": str(folder / "data"),
        "path.logs": str(folder / "logs"),
        "cluster.routing.allocation.disk.threshold_enabled": False,
        "plugins.security.ssl.transport.pemcert_filepath": "node.pem",
        "plugins.security.ssl.transport.pemkey_filepath": "node.key",
        "plugins.security.ssl.transport.pemtrustedcas_filepath": "node.pem",
        "plugins.security.ssl.transport.enforce_hostname_verification": False,
        "plugins.security.ssl.http.enabled": False,
        "plugins.security.nodes_dn": ["CN=node"],
        "plugins.security.allow_default_init_securityindex": True,
        "plugins.security.restapi.roles_enabled": ["all_access"],
    }
    config = folder / "config"
    (config / "opensearch-security").mkdir(parents=True)
    make_certificate(config)
    # JSON is YAML.
    (config / "opensearch.yml").write_text(json.dumps(settings, indent=1))
    (config / "log4j2.properties").write_text(LOGGING)
    contents = {
        "config": {"config": BELIEVE_THE_DOOR},
        "roles_mapping": {"all_access": {"reserved": False, "backend_roles": [MASTER]}},
    }
    for file, kind in SECURITY.items():
        content = {"_meta": {"type": kind, "config_version": 2}, **contents.get(file, {})}
        (config / "opensearch-security" / f"{file}.yml").write_text(json.dumps(content))


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    """The URL of a server that runs in the folder. Its certificate is config/node.pem."""
    home, port = software(), free_port()
    _configure(folder, port)
    java = ["java", *OPTIONS, f"-Dopensearch.path.home={home}", f"-Dopensearch.path.conf={folder / 'config'}"]
    with open(folder / "output", "w", encoding="utf-8") as output:
        process = subprocess.Popen(
            bound([*java, "-cp", f"{home / 'lib'}/*", "org.opensearch.bootstrap.OpenSearch"]),
            cwd=folder, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, "LANG": "C.UTF-8"},
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"OpenSearch doesn't start: {(folder / 'output').read_text()[-2000:]}")
            time.sleep(0.5)
        yield url
    finally:
        process.kill()
        process.wait()


def identity(arn: str, *roles: str) -> dict[str, str]:
    """The headers by which the server is told who asks."""
    return {"x-forwarded-for": "127.0.0.1", "x-proxy-user": arn, "x-proxy-roles": ",".join(roles)}


def _answers(url: str) -> bool:
    request = urllib.request.Request(f"{url}/_cluster/health", headers=identity("test", MASTER))
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
