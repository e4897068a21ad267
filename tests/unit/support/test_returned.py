# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Comparing what two runs returned: what differs by nature or by account is no difference, everything else is one."""

from __future__ import annotations

import pytest

from tests.support.returned import Names, Returned, by_nature, differences, returned

VPC = "vpc-0123456789abcdef0"
OTHER_VPC = "vpc-00000000000000001"


def one(**values):
    return [Returned("network: Make the VPC", values)]


def cleaned(**values):
    (result,) = by_nature(one(**values))
    return result.values


def named(*texts, known=None):
    (result,) = Names(known or {}).told(one(texts=list(texts)))
    return result.values["texts"]


class TestRecords:
    def test_are_told_host_by_host_with_their_items(self):
        records = [
            {"host": "network", "task": "a", "result": {"n": 1}, "items": []},
            {"host": "eks", "task": "b", "result": {"n": 2}, "items": [{"item": "x", "result": {"n": 3}}]},
            {"host": "network", "task": "c", "result": {"n": 4}, "items": []},
        ]
        assert returned(records) == [
            Returned("eks: b", {"n": 2}),
            Returned("eks: b [x]", {"n": 3}),
            Returned("network: a", {"n": 1}),
            Returned("network: c", {"n": 4}),
        ]


class TestNature:
    def test_times_and_processes_of_the_execution_are_left_out(self):
        assert cleaned(start="1", end="2", delta="1", duration=1, pid=7, rc=0) == {"rc": 0}

    def test_but_not_where_aws_says_so(self):
        assert cleaned(range={"start": 1, "end": 2}) == {"range": {"start": 1, "end": 2}}

    def test_requests_are_left_out_at_any_depth(self):
        answer = {"response_metadata": {"request_id": "r"}, "vpcs": [{"ResponseMetadata": {}, "id": VPC}]}
        assert cleaned(answer=answer) == {"answer": {"vpcs": [{"id": VPC}]}}

    def test_temporary_files_have_one_name(self):
        path = "/home/me/.ansible/tmp/ansible-tmp-1790000000.1-2-3/AnsiballZ_x.py"
        archive = "/tmp/ansible_x.y_payload_k1j2/ansible_x.y_payload.zip"
        assert cleaned(path=path, archive=archive) == {
            "path": "/home/me/.ansible/tmp/ansible-tmp-*/AnsiballZ_x.py",
            "archive": "/tmp/ansible_x.y_payload_*/ansible_x.y_payload.zip",
        }

    def test_the_call_stays_in(self):
        assert cleaned(invocation={"module_args": {"start": 1}}) == {"invocation": {"module_args": {"start": 1}}}


class TestNames:
    def test_count_in_the_order_in_which_values_turn_up(self):
        texts = [f"arn/{OTHER_VPC}", VPC, f"{OTHER_VPC} {VPC}"]
        assert named(*texts) == ["arn/<vpc 1>", "<vpc 2>", "<vpc 1> <vpc 2>"]

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("vpc-cidr-assoc-0123456789abcdef0", "<vpc-cidr-assoc 1>"),
            ("key/0a1b2c3d-0000-4000-8000-0123456789ab", "key/<uuid 1>"),
            ("AROA0123456789ABCDEFG", "<unique id 1>"),
            ("arn:aws:secretsmanager:r:1:secret:demo-code-4729ed", "arn:aws:secretsmanager:r:1:secret:<secret 1>"),
            ("https://oidc.eks.us-west-2.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF:sub",
             "https://oidc.eks.us-west-2.amazonaws.com/id/<OIDC id 1>:sub"),
            ("addon/our-eks/vpc-cni/0a1b2c3d", "addon/our-eks/vpc-cni/<suffix 1>"),
            ("0123456789abcdef0123456789abcdef", "<token 1>"),
            ("02:0a:1b:2c:3d:4e", "<MAC address 1>"),
            ("0123456789abcdef0123456789abcdef01234567", "<digest 1>"),
            ("at 52.1.2.3.", "at <address 1>."),
            ("52.1.2.3", "<address 1>"),
            ("https://localhost:4711", "https://<endpoint 1>"),
            ("2026-01-02T03:04:05+00:00", "<time>"),
            ("made 2026-01-02T03:04:05.678Z", "made <time>"),
        ],
    )  # fmt: skip
    def test_are_given_to_what_aws_makes_up(self, text, name):
        assert named(text) == [name]

    @pytest.mark.parametrize(
        "text",
        [
            "10.0.1.2",
            "0.0.0.0/0",
            "52.1.0.0/16",
            "v1.2.3.4",
            "us-west-2a",
            "t3.medium",
            "claude-20250929-v1",
            "2012-10-17",
        ],
    )
    def test_are_not_given_to_what_was_declared(self, text):
        assert named(text) == [text]

    def test_of_the_account_are_known_beforehand(self):
        assert named("arn:aws:iam::123456789012:root", known={"123456789012": "account"}) == [
            "arn:aws:iam::<account>:root"
        ]

    def test_stand_in_keys_and_places_too(self):
        (result,) = Names({}).told([Returned(f"network: Make [{VPC}]", {VPC: {"creation_time": 1790000000000}})])
        assert result == Returned("network: Make [<vpc 1>]", {"<vpc 1>": {"creation_time": "<time>"}})


class TestDifferences:
    def test_of_equal_runs_there_are_none(self):
        assert differences(one(a=[{"b": None}]), one(a=[{"b": None}])) == []

    def test_name_the_task_and_the_key(self):
        assert differences(one(vpc={"tags": [{"k": 1}]}), one(vpc={"tags": [{"k": 2}]})) == [
            "network: Make the VPC: vpc.tags[0].k: 1 != 2"
        ]

    @pytest.mark.parametrize(
        ("first", "second", "told"),
        [
            ({"a": 1}, {}, "a: 1 != (missing)"),
            ({}, {"a": None}, "a: (missing) != None"),
            ({"a": True}, {"a": 1}, "a: True != 1"),
            ({"a": 1}, {"a": 1.0}, "a: 1 != 1.0"),
            ({"a": [1]}, {"a": [1, 2]}, "a: [1] != [1, 2]"),
            ({"a": "1"}, {"a": 1}, "a: '1' != 1"),
        ],
    )
    def test_are_of_value_kind_and_presence(self, first, second, told):
        assert differences(one(**first), one(**second)) == [f"network: Make the VPC: {told}"]

    def test_of_two_vpcs_in_place_of_one(self):
        """Other ids are no difference, another relation between them is."""
        first, second = (Names({}).told(one(ids=ids)) for ids in ([VPC, VPC], [VPC, OTHER_VPC]))
        assert differences(first, second) == ["network: Make the VPC: ids[1]: '<vpc 1>' != '<vpc 2>'"]

    def test_in_the_tasks_themselves_come_first(self):
        more = [*one(a=1), Returned("network: Make a subnet", {})]
        assert differences(one(a=2), more) == ["network: Make a subnet: only in the second"]
        assert differences(more, more[::-1]) == ["the same tasks in another order"]

    def test_that_are_long_are_cut(self):
        (line,) = differences(one(a="x" * 5000), one(a="y" * 5000))
        assert len(line) < 700
