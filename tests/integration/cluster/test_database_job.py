# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Job that prepares the database: it has run, and nothing of the master user's password is left of it.

What it does in the database is shown to a real one, in test_database_bootstrap.py.
"""

from __future__ import annotations

import json

import pytest

from .conftest import ClusterPlatform
from .objects import Api

pytestmark = pytest.mark.by_component("gateways")

NAMESPACE, LABELS = "gateways", {"app.kubernetes.io/name": "database-bootstrap"}


def test_it_has_ended_well_once(kubernetes: Api):
    (job,) = kubernetes.list("Job", NAMESPACE, **LABELS)
    (done,) = [condition for condition in job["status"]["conditions"] if condition["type"] == "Complete"]
    assert done["status"] == "True"
    assert job["status"].get("failed", 0) == 0
    assert not job["spec"].get("suspend")


def test_the_password_has_gone_and_is_nowhere(cluster_platform: ClusterPlatform, kubernetes: Api):
    client = cluster_platform.account.client
    (cluster,) = client("rds").describe_db_clusters()["DBClusters"]
    secret = client("secretsmanager").get_secret_value(SecretId=cluster["MasterUserSecret"]["SecretArn"])
    password = json.loads(secret["SecretString"])["password"]
    (job,) = kubernetes.list("Job", NAMESPACE, **LABELS)
    assert kubernetes.read("Secret", job["metadata"]["name"], NAMESPACE) is None
    for kind in ("ConfigMap", "Job", "Pod", "Event"):
        assert password not in json.dumps(kubernetes.list(kind, NAMESPACE)), kind
    run = cluster_platform.first_run
    assert password not in run.output + json.dumps(run.records)
    taken = [record["status"] for record in run.records if record["task"].endswith("Take the password away")]
    assert taken == ["changed"]


def test_it_reaches_the_database_and_nothing_else_of_the_network(kubernetes: Api):
    policy = kubernetes.read("NetworkPolicy", "database-bootstrap", NAMESPACE)
    assert policy["spec"]["policyTypes"] == ["Egress"]
    ((rule,),) = [policy["spec"]["egress"]]
    assert [port["port"] for port in rule["ports"]] == [5432]
    (job,) = kubernetes.list("Job", NAMESPACE, **LABELS)
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= job["spec"]["template"]["metadata"]["labels"].items()
