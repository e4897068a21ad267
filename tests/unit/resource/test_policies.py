# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What policies allow, as far as they can be read."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.policies import lacking, mistrusted

BUCKET = "arn:aws:s3:::demo/*"
SOURCE = {"StringEquals": {"aws:SourceAccount": "1"}}


def document(*actions, resource=BUCKET, effect="Allow", **members):
    return {"Statement": [{"Effect": effect, "Action": list(actions), "Resource": resource, **members}]}


@pytest.mark.parametrize(
    ("wanted", "held", "missing"),
    [
        (document("s3:GetObject"), [document("s3:GetObject")], []),
        (document("s3:GetObject"), [], ["s3:GetObject"]),
        (document("s3:GetObject", "s3:PutObject"), [document("s3:PutObject")], ["s3:GetObject"]),
        # Several policies, other spelling, wildcards.
        (document("a:A", "b:B"), [document("a:A"), {"Statement": document("B:?")["Statement"][0]}], []),
        (document("s3:GetObject"), [document("s3:*", resource="*")], []),
        (document("s3:GetObject"), [document("s3:GetObject", resource="arn:aws:s3:::demo/a")], ["s3:GetObject"]),
        (document("s3:GetObject", resource=[BUCKET, "x"]), [document("s3:GetObject")], ["s3:GetObject"]),
        # What isn't known yet can't be compared, and what is denied isn't looked at.
        (document("s3:GetObject", resource="(known after apply)"), [document("s3:GetObject")], []),
        (document("s3:GetObject"), [document("s3:GetObject", effect="Deny")], ["s3:GetObject"]),
        (document("s3:GetObject", effect="Deny"), [], []),
        (
            document("s3:GetObject"),
            [{"Statement": {"Effect": "Allow", "NotAction": "x", "Resource": "*"}}],
            ["s3:GetObject"],
        ),
        # Conditions: none, the same, others.
        (document("a:A", Condition=SOURCE), [document("a:A")], []),
        (document("a:A", Condition=SOURCE), [document("a:A", Condition=SOURCE)], []),
        (
            document("a:A", Condition=SOURCE),
            [document("a:A", Condition={"StringLike": {"AWS:sourceAccount": ["1", "2"]}})],
            [],
        ),
        (document("a:A"), [document("a:A", Condition=SOURCE)], ["a:A"]),
    ],
)
def test_what_is_lacking(wanted, held, missing):
    found = lacking([wanted], held)
    assert [action for statement in found for action in statement["Action"]] == missing


def trust(principal, **members):
    return {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **members}]}


EC2 = trust({"Service": "ec2.amazonaws.com"})


@pytest.mark.parametrize(
    ("wanted", "held", "closed", "limited"),
    [
        (EC2, EC2, 0, 0),
        (EC2, trust({"Service": ["lambda.amazonaws.com", "ec2.amazonaws.com"]}), 0, 0),
        (EC2, trust("*"), 0, 0),
        (EC2, trust({"AWS": "*"}), 1, 0),
        (EC2, trust({"Service": "lambda.amazonaws.com"}), 1, 0),
        (EC2, {"Statement": [{**EC2["Statement"][0], "Action": "sts:TagSession"}]}, 1, 0),
        (EC2, {}, 1, 0),
        (EC2, trust({"Service": "ec2.amazonaws.com"}, Condition=SOURCE), 0, 1),
        (trust({"Service": "ec2.amazonaws.com"}, Condition=SOURCE), EC2, 0, 1),
        (trust({"Federated": "(known after apply)"}), trust({"Federated": "x"}), 0, 0),
    ],
)
def test_who_may_assume_a_role(wanted, held, closed, limited):
    found = mistrusted(wanted, held)
    assert (len(found[0]), len(found[1])) == (closed, limited)
