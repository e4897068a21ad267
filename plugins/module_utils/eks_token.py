# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bearer tokens for the Kubernetes API of an Amazon EKS cluster, signed here, without the AWS CLI.

A token is the address of a call of GetCallerIdentity that is signed for one cluster and not sent: EKS sends it, and so
learns who the caller is. It takes a token for 15 minutes.

Also the program of a kubeconfig's exec entry, which kubectl, helm and the libraries run for each command, and again
when a token nears its end. With --cache it answers from a file as long as a token there has time left, which takes the
standard library only. So it is run by `python -I -S`, which is up in a few hundredths of a second.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time

API_VERSION = "client.authentication.k8s.io/v1"
PREFIX = "k8s-aws-v1."
# Names the cluster. It is signed, so no other cluster takes the token.
CLUSTER_HEADER = "x-k8s-aws-id"
# Seconds. How long the address itself may be used, as other makers of tokens set it. EKS goes by the time of signing.
ADDRESS_LASTS = 60
# A minute less than EKS takes it for: clocks differ.
TOKEN_LASTS = 14 * 60
# The client of Python takes a token for expired five minutes before that.
LEAST_LEFT = 5 * 60 + 30
TIME = "%Y-%m-%dT%H:%M:%SZ"


def sign(client, cluster: str) -> str:
    """A token, signed by a client of STS, which is of no use for other calls then."""
    client.meta.events.register(
        "before-sign.sts.GetCallerIdentity",
        lambda request, **_rest: request.headers.add_header(CLUSTER_HEADER, cluster),
    )
    address = client.generate_presigned_url("get_caller_identity", ExpiresIn=ADDRESS_LASTS, HttpMethod="GET")
    return PREFIX + base64.urlsafe_b64encode(address.encode()).decode().rstrip("=")


def credential(token: str, now: float) -> dict:
    """The answer of the program: a token that was signed now, and until when it is good."""
    expires = time.strftime(TIME, time.gmtime(now + TOKEN_LASTS))
    return {
        "kind": "ExecCredential",
        "apiVersion": API_VERSION,
        "spec": {},
        "status": {"expirationTimestamp": expires, "token": token},
    }


def identity(cluster: str, region: str | None, environment: dict[str, str]) -> str:
    """A mark for which cluster, and as whom, a token was made. What changes the credentials changes the mark."""
    import hashlib

    settings = [f"{name}={value}" for name, value in sorted(environment.items()) if name.startswith("AWS_")]
    return hashlib.sha256("\0".join([cluster, region or "", *settings]).encode()).hexdigest()


def cached(path: str, mark: str, now: float) -> dict | None:
    """What the file keeps for the mark, if it has time left. A file that others may read or have made says nothing."""
    try:
        with open(path, encoding="utf-8") as file:
            about = os.fstat(file.fileno())
            if about.st_uid != os.getuid() or about.st_mode & 0o077:
                return None
            kept = json.load(file)
        # As texts, these are in the order of time.
        until = kept["credential"]["status"]["expirationTimestamp"]
        good = kept["mark"] == mark and until > time.strftime(TIME, time.gmtime(now + LEAST_LEFT))
        return kept["credential"] if good else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(path: str, mark: str, answer: dict) -> None:
    """Put a credential in the file, in one step and for nobody else to read."""
    draft = f"{path}.{os.getpid()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump({"mark": mark, "credential": answer}, file)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


def fresh(make_client, cluster: str, region: str | None, path: str | None, environment: dict[str, str]) -> dict:
    """A credential with time left: that of the file, or a new one, which the file then has.

    make_client: gives a client of STS, if one is needed. environment: what the credentials follow from.
    """
    mark, now = identity(cluster, region, environment), time.time()
    answer = cached(path, mark, now) if path else None
    if answer is None:
        answer = credential(sign(make_client(), cluster), now)
        if path:
            keep(path, mark, answer)
    return answer


def arguments(words: list[str]) -> dict[str, str]:
    """The program's arguments, each as --name=value."""
    found = dict(word.removeprefix("--").split("=", 1) for word in words if word.startswith("--") and "=" in word)
    if len(found) != len(words) or "cluster" not in found or not found.keys() <= {"cluster", "region", "cache"}:
        raise SystemExit("usage: eks_token.py --cluster=NAME [--region=REGION] [--cache=FILE]")
    return found


def started_over():
    """Python again with all its libraries, for what the standard library can't do; never returns."""
    # Not from the program's own folder, whose files have names of their own.
    os.execv(sys.executable, [sys.executable, "-P", *sys.argv])


def new_client(region: str | None):
    if sys.flags.no_site:
        started_over()
    try:
        import botocore.session
    except ImportError as error:
        raise SystemExit(f"{sys.executable} has no botocore, which signs the token: {error}") from None
    session = botocore.session.Session()
    # Partitions other than aws have no other endpoints.
    session.set_config_variable("sts_regional_endpoints", "regional")
    return session.create_client("sts", region_name=region)


def main(words: list[str]) -> None:
    given = arguments(words)
    cluster, region, cache = given["cluster"], given.get("region"), given.get("cache")
    try:
        answer = fresh(lambda: new_client(region), cluster, region, cache, dict(os.environ))
    except Exception as error:
        # kubectl shows these words beside its own.
        raise SystemExit(
            f"No token for EKS cluster {cluster}: {error}. Check the AWS credentials and the region."
        ) from None
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
