# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parameters below a path: one against a script, many against a store that answers from what it holds."""

from __future__ import annotations

import json
import random
import threading

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules import ssm_parameters as module
from ansible_collections.agent_platform.aws.plugins.modules.ssm_parameters import Parameter, Tree
from tests.support.declarations import load
from tests.support.module_runs import given, run, tag_list
from tests.support.scripted_aws import ScriptedAws, ScriptedModule, Step, api_error, lost_reply

PATH = "/demo/dev"
NAME = f"{PATH}/redis/REDIS_HOST"
OWNER = {"Project": "demo", "ManagedBy": "agent_platform.aws"}
TAGS = {**OWNER, "Team": "a"}
KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd"
SECRET = "n0t-to-be-shown"
ONE = {"path": PATH, "name": "redis/REDIS_HOST", "owned_by": OWNER, "tags": TAGS}


def described(value="host", tags=TAGS, **members):
    """What AWS says of the parameter, in its three answers."""
    found = {"Name": NAME, "Type": "String", "Version": 1, "Tier": "Standard", "DataType": "text", **members}
    filters = [{"Key": "Name", "Option": "Equals", "Values": [NAME]}]
    return [
        Step("DescribeParameters", {"Parameters": [found]}, {"ParameterFilters": filters}),
        Step(
            "ListTagsForResource",
            {"TagList": tag_list(**tags)},
            {"ResourceType": "Parameter", "ResourceId": NAME},
        ),
        Step(
            "GetParameters",
            {"Parameters": [{"Name": NAME, "Value": value}]},
            {"Names": [NAME], "WithDecryption": True},
        ),
    ]


ABSENT = Step("DescribeParameters", {"Parameters": []})


def put(answer=None, **request):
    return Step("PutParameter", answer or {"Version": 2, "Tier": "Standard"}, {"Name": NAME, **request})


def one(*steps, check_mode=False, **options):
    return run("ssm_parameters", {**ONE, **options}, *steps, check_mode=check_mode)


def refused(*steps, **options):
    with pytest.raises(ResourceError) as caught:
        one(*steps, **options)
    return str(caught.value)


class TestOne:
    def test_it_is_made_with_its_tags_and_never_over_another(self):
        result, _aws, _module = one(ABSENT, put(Type="String", Value="host", Tags=tag_list(**TAGS)), value="host")
        assert (result["changed"], result["parameter"]["version"], result["parameter"]["tags"]) == (True, 2, TAGS)

    def test_as_declared_it_is_left(self):
        result, _aws, _module = one(*described(), value="host", tier="Standard", description="", data_type="text")
        assert result["changed"] is False

    def test_a_change_sends_what_is_not_declared_along(self):
        members = {"Description": "theirs", "AllowedPattern": "h.*", "Tier": "Advanced"}
        request = {"Type": "String", "DataType": "text", **members, "Value": "here", "Overwrite": True}
        result, _aws, _module = one(*described(**members), put(**request), value="here")
        assert (result["diff"]["before"]["value"], result["diff"]["after"]["value"]) == ("host", "here")
        assert result["parameter"]["tags"] == TAGS

    def test_what_is_declared_empty_is_emptied(self):
        request = {"Type": "String", "DataType": "text", "Tier": "Standard", "Value": "host", "Overwrite": True}
        one(
            *described(Description="theirs", AllowedPattern="h.*"),
            put(**request, Description="", AllowedPattern=""),
            description="",
            allowed_pattern="",
        )

    def test_a_confidential_value_is_shown_nowhere(self):
        members = {"Type": "SecureString", "KeyId": "alias/other"}
        request = {"Type": "SecureString", "KeyId": KEY, "DataType": "text", "Tier": "Standard", "Overwrite": True}
        result, _aws, _module = one(
            *described("old", **members), put(**request, Value=SECRET), secure_value=SECRET, key_id=KEY
        )
        assert result["diff"]["before"] == {
            "type": "SecureString",
            "secure_value": "(not shown)",
            "key_id": "alias/other",
            "tags": TAGS,
        }
        assert SECRET not in json.dumps(result)
        assert "value" not in result["parameter"]

    def test_the_value_of_what_is_encrypted_is_not_shown_where_a_plain_one_is_declared(self):
        result, _aws, _module = one(
            *described(SECRET, Type="SecureString", KeyId=KEY), value="host", replace=True, check_mode=True
        )
        assert SECRET not in json.dumps(result)

    def test_the_key_is_for_what_is_encrypted_only(self):
        one(ABSENT, put(Type="String", Value="host", Tags=tag_list(**TAGS)), value="host", key_id=KEY)

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ({"secure_value": SECRET, "type": "String"}, "is a String: its value stands in value, not in secure_value"),
            ({"value": "a", "type": "SecureString"}, "is a SecureString: its value stands in secure_value"),
        ],
    )
    def test_a_value_in_the_wrong_place(self, options, told):
        text = refused(**options)
        assert told in text
        assert SECRET not in text

    def test_without_a_value_it_can_not_be_made(self):
        assert "its value must be given" in refused(ABSENT, description="a")

    def test_another_type_is_refused(self):
        text = refused(*described(), secure_value=SECRET)
        assert "can't be changed in place (type: is 'String', declared 'SecureString')" in text
        assert "replace: true" in text

    def test_or_it_is_made_again_when_the_name_is_free(self, clock):
        request = {"Type": "SecureString", "Value": SECRET, "KeyId": KEY, "Tags": tag_list(**TAGS)}
        result, _aws, _module = one(
            *described(),
            Step("DeleteParameter", {}, {"Name": NAME}),
            put(**request),
            secure_value=SECRET,
            key_id=KEY,
            replace=True,
        )
        assert result["changed"]
        assert clock[0] >= 30

    def test_a_dry_run_makes_nothing_again(self):
        result, aws, _module = one(*described(), secure_value=SECRET, replace=True, check_mode=True)
        assert result["changed"]
        assert "DeleteParameter" not in aws.operations()

    def test_what_is_advanced_stays_so(self):
        text = refused(*described(Tier="Advanced"), value="host", tier="Standard")
        assert "is advanced, declared is tier: Standard" in text
        one(*described(Tier="Advanced"), value="host", tier="Intelligent-Tiering")

    def test_what_is_standard_becomes_advanced(self):
        request = {"Type": "String", "DataType": "text", "Tier": "Advanced", "Value": "host", "Overwrite": True}
        one(*described(), put(**request), value="host", tier="Advanced")

    def test_a_lost_tag_is_given_back_alone(self):
        tagged = Step(
            "AddTagsToResource",
            {},
            {"ResourceType": "Parameter", "ResourceId": NAME, "Tags": tag_list(Project="demo")},
        )
        lost = {key: value for key, value in TAGS.items() if key != "Project"}
        result, aws, _module = one(*described(tags=lost), tagged, value="host")
        assert result["parameter"]["tags"] == TAGS
        assert "PutParameter" not in aws.operations()

    def test_a_tag_too_much_goes(self):
        untagged = Step(
            "RemoveTagsFromResource", {}, {"ResourceType": "Parameter", "ResourceId": NAME, "TagKeys": ["Theirs"]}
        )
        result, _aws, _module = one(*described(tags={**TAGS, "Theirs": "x"}), untagged, value="host")
        assert result["parameter"]["tags"] == TAGS

    @pytest.mark.parametrize("tags", [{}, {"Team": "a"}, {**TAGS, "Project": "other"}])
    def test_someone_elses_is_refused(self, tags):
        text = refused(*described(tags=tags), value="other")
        assert f"parameter '{NAME}' exists but isn't ours" in text

    def test_it_is_removed(self):
        steps = described()[:2]
        result, _aws, _module = one(*steps, Step("DeleteParameter", {}, {"Name": NAME}), state="absent")
        assert result["changed"]
        assert one(ABSENT, state="absent")[0]["changed"] is False

    def test_what_a_key_that_has_gone_encrypts_is_written_anew(self):
        lost = Step("GetParameters", api_error("GetParameters", "InvalidKeyId", "is pending deletion"))
        request = {"Type": "SecureString", "KeyId": KEY, "DataType": "text", "Tier": "Standard", "Overwrite": True}
        steps = described(Type="SecureString", KeyId="arn:aws:kms:us-west-2:123456789012:key/gone")[:2]
        one(*steps, lost, put(**request, Value=SECRET), secure_value=SECRET, key_id=KEY)

    def test_one_that_goes_while_it_is_read_is_not_there(self):
        gone = Step("ListTagsForResource", api_error("ListTagsForResource", "InvalidResourceId"))
        made = put(Type="String", Value="host", Tags=tag_list(**TAGS))
        assert one(described()[0], gone, made, value="host")[0]["changed"]


class TestTrouble:
    MADE = put(Type="String", Value="host", Tags=tag_list(**TAGS))

    def again(self, error):
        return put(error, Type="String", Value="host", Tags=tag_list(**TAGS))

    def test_a_lost_reply_is_followed_by_a_look(self):
        result, _aws, _module = one(ABSENT, self.again(lost_reply()), *described(), value="host")
        assert result["changed"]

    def test_what_is_throttled_is_sent_again(self):
        throttled = api_error("PutParameter", "ThrottlingException", "Rate exceeded")
        assert one(ABSENT, self.again(throttled), ABSENT, self.MADE, value="host")[0]["changed"]

    def test_another_update_at_this_moment_passes(self):
        busy = api_error("PutParameter", "TooManyUpdates", "too many updates")
        assert one(ABSENT, self.again(busy), ABSENT, self.MADE, value="host")[0]["changed"]

    def test_one_that_someone_has_made_meanwhile_is_looked_at(self):
        there = api_error("PutParameter", "ParameterAlreadyExists", "The parameter already exists.")
        text = refused(ABSENT, self.again(there), *described(tags={}), *described(tags={}), value="host")
        assert "isn't ours" in text

    @pytest.mark.parametrize(
        ("code", "message", "helps"),
        [
            ("ParameterMaxVersionLimitExceeded", "can't be deleted because it has a label", "Move the label"),
            ("HierarchyLevelLimitExceededException", "A hierarchy can have a maximum of 15 levels", "shorter path"),
            ("ParameterPatternMismatchException", "Parameter value, can't be validated", "allowed_pattern"),
            ("AccessDeniedException", "not authorized to perform: kms:Encrypt", "to use the KMS key"),
            ("ParameterLimitExceeded", "You have exceeded the number of parameters", "higher quota"),
        ],
    )
    def test_a_refusal_says_what_helps(self, code, message, helps):
        text = refused(ABSENT, self.again(api_error("PutParameter", code, message)), value="host")
        assert message in text
        assert helps in text


# ---- All of them


class Store(ScriptedAws):
    """A Parameter Store that answers from what it holds. trouble: errors of an operation, in turn; those that are kept
    as done come after it."""

    def __init__(self, **parameters):
        super().__init__()
        self.held = {f"{PATH}/{name}": dict(about) for name, about in parameters.items()}
        self.trouble = {}
        self.done = {}
        self.lock = threading.Lock()

    def answer(self, client, operation, request):
        with self.lock:
            self.calls.append((operation, request))
            if self.trouble.get(operation):
                raise self.trouble[operation].pop(0)
            answer = getattr(self, operation)(request)
            if self.done.get(operation):
                raise self.done[operation].pop(0)
            return answer

    def DescribeParameters(self, request):
        found = self.held
        for one in request["ParameterFilters"]:
            key, values = one["Key"], one["Values"]
            if key == "Path":
                assert one["Option"] == "Recursive"
                found = {name: about for name, about in found.items() if name.startswith(f"{values[0]}/")}
            elif key == "Name":
                found = {name: about for name, about in found.items() if name in values}
            else:
                tag = key.removeprefix("tag:")
                found = {name: about for name, about in found.items() if about["Tags"].get(tag) in values}
        hidden = ("Value", "Tags")
        told = [{"Name": name, **{k: v for k, v in about.items() if k not in hidden}} for name, about in found.items()]
        return {"Parameters": told}

    def GetParameters(self, request):
        assert len(request["Names"]) <= 10
        if any(self.held[name].get("KeyId") == "gone" for name in request["Names"]):
            raise api_error("GetParameters", "InvalidKeyId", "is pending deletion")
        return {"Parameters": [{"Name": name, "Value": self.held[name]["Value"]} for name in request["Names"]]}

    def ListTagsForResource(self, request):
        return {"TagList": tag_list(**self.held[request["ResourceId"]]["Tags"])}

    def PutParameter(self, request):
        name = request["Name"]
        if name in self.held and not request.get("Overwrite"):
            raise api_error("PutParameter", "ParameterAlreadyExists")
        assert not (request.get("Overwrite") and "Tags" in request)
        old = self.held.get(name, {"Tags": {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}})
        members = {key: value for key, value in request.items() if key not in ("Name", "Overwrite", "Tags")}
        self.held[name] = {**old, **members}
        return {"Version": 1, "Tier": "Standard"}

    def AddTagsToResource(self, request):
        self.held[request["ResourceId"]]["Tags"] |= {tag["Key"]: tag["Value"] for tag in request["Tags"]}
        return {}

    def DeleteParameters(self, request):
        assert len(request["Names"]) <= 10
        for name in request["Names"]:
            self.held.pop(name, None)
        return {"DeletedParameters": request["Names"]}

    def writes(self):
        return [
            operation for operation, _request in self.calls if not operation.startswith(("Describe", "Get", "List"))
        ]


def held(value, tags=TAGS, **members):
    return {"Value": value, "Tags": dict(tags), "Type": "String", "DataType": "text", "Tier": "Standard", **members}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    """Of the threads, whose time is the real one."""
    monkeypatch.setattr(random, "uniform", lambda _low, _high: 0.001)


def all_of(store, *entries, check_mode=False, **options):
    params = given(
        "ssm_parameters", {"path": PATH, "owned_by": OWNER, "tags": TAGS, "aggregate": list(entries), **options}
    )
    scripted = ScriptedModule(store, params, check_mode)
    return Tree(Parameter, scripted, load("ssm_parameters").options, {}).run()


def entry(name, value):
    return {"name": name, "value": value}


class TestAll:
    def test_they_are_read_together_and_only_what_differs_is_written(self):
        many = {f"a/K{number}": held(str(number)) for number in range(25)}
        store = Store(**many)
        entries = [entry(name, about["Value"]) for name, about in many.items()]
        assert all_of(store, *entries, purge=True)["changed"] is False
        # All of them, those with our tags, and values ten at a time.
        assert sorted(store.operations()) == ["DescribeParameters"] * 2 + ["GetParameters"] * 3
        entries[3]["value"] = "other"
        result = all_of(store, *entries, entry("b/NEW", "new"), purge=True)
        assert store.writes() == ["PutParameter"] * 2
        assert store.held[f"{PATH}/a/K3"]["Value"] == "other"
        assert store.held[f"{PATH}/b/NEW"]["Tags"] == TAGS
        assert [one["changed"] for one in result["results"]] == [number in (3, 25) for number in range(26)]

    def test_a_second_run_changes_nothing(self):
        store = Store()
        entries = [entry("a/A", "1"), {"name": "a/B", "secure_value": SECRET, "key_id": KEY}]
        assert all_of(store, *entries)["changed"]
        before = len(store.writes())
        result = all_of(store, *entries)
        assert result["changed"] is False
        assert len(store.writes()) == before

    def test_many_tags_are_asked_for_a_few_at_a_time(self):
        tags = {**TAGS, **{f"T{number}": "x" for number in range(6)}}
        store = Store(A=held("1", tags), B=held("2", {**tags, "T5": "y"}))
        all_of(store, entry("A", "1"), entry("B", "2"), tags=tags)
        looks = [request["ParameterFilters"] for operation, request in store.calls if operation == "DescribeParameters"]
        assert sorted(len(filters) for filters in looks) == [1, 2, 5, 5]
        assert store.writes() == ["AddTagsToResource"]
        assert store.held[f"{PATH}/B"]["Tags"] == tags

    def test_what_is_ours_and_not_declared_goes_and_nothing_else(self):
        others = {
            "theirs": held("x", {}),
            "others": held("x", {**TAGS, "Project": "other"}),
            "half": held("x", {"Team": "a"}),
        }
        gone = {f"old/K{number}": held("x") for number in range(12)}
        store = Store(A=held("1"), lost=held("x", {"Project": "demo"}), **gone, **others)
        store.held["/demo/dev2/A"] = held("x")
        result = all_of(store, entry("A", "1"), purge=True)
        assert result["removed"] == sorted(f"{PATH}/{name}" for name in [*gone, "lost"])
        assert result["left"] == sorted(f"{PATH}/{name}" for name in others)
        assert set(store.held) == {f"{PATH}/{name}" for name in ["A", *others]} | {"/demo/dev2/A"}
        assert store.writes() == ["DeleteParameters"] * 2
        assert result["diff"][-1]["before"] == {"names": result["removed"]}
        # Of what may be someone else's no value was read.
        assert [request["Names"] for operation, request in store.calls if operation == "GetParameters"] == [
            [f"{PATH}/A"]
        ]

    def test_one_whose_key_has_gone_keeps_no_other_from_being_read(self):
        gone = held("x", Type="SecureString", KeyId="gone")
        store = Store(A=held("1"), B=gone, C=held("3"))
        result = all_of(store, entry("A", "1"), {"name": "B", "secure_value": SECRET, "key_id": KEY}, entry("C", "3"))
        assert [one["changed"] for one in result["results"]] == [False, True, False]
        assert (store.held[f"{PATH}/B"]["Value"], store.held[f"{PATH}/B"]["KeyId"]) == (SECRET, KEY)

    def test_without_purge_all_else_is_left(self):
        store = Store(A=held("1"), old=held("x"))
        assert all_of(store, entry("A", "1"))["changed"] is False
        assert len(store.held) == 2

    def test_a_dry_run_writes_nothing(self):
        store = Store(A=held("1"), old=held("x"))
        result = all_of(store, entry("A", "2"), entry("B", "3"), purge=True, check_mode=True)
        assert result["changed"]
        assert result["removed"] == [f"{PATH}/old"]
        assert store.writes() == []

    def test_removal_of_all_of_ours(self):
        store = Store(A=held("1"), theirs=held("x", {}))
        result = all_of(store, purge=True)
        assert (result["changed"], result["removed"], list(store.held)) == (True, [f"{PATH}/A"], [f"{PATH}/theirs"])
        assert all_of(store, purge=True)["changed"] is False

    def test_someone_elses_under_a_name_of_ours_keeps_no_other_from_its_state(self):
        store = Store(A=held("theirs", {}), old=held("x"))
        result = all_of(store, entry("A", "1"), entry("B", "2"), purge=True)
        assert result["failed"]
        assert f"parameter '{PATH}/A' exists but isn't ours" in result["msg"]
        assert store.held[f"{PATH}/A"] == held("theirs", {})
        assert set(store.held) == {f"{PATH}/A", f"{PATH}/B"}

    def test_throttled_writes_are_sent_until_all_are_there(self):
        store = Store(old=held("x"))
        slow = [api_error("PutParameter", "ThrottlingException", "Rate exceeded") for _time in range(9)]
        store.trouble = {
            "PutParameter": slow,
            "DeleteParameters": [api_error("DeleteParameters", "ThrottlingException", "Rate exceeded")],
        }
        result = all_of(store, *(entry(f"K{number}", "x") for number in range(8)), purge=True)
        assert result["changed"]
        assert "failed" not in result
        assert len(store.held) == 8
        # What had no effect needs no look.
        assert store.operations().count("DescribeParameters") == 2 + 2

    def test_lost_replies(self):
        store = Store(A=held("1"), old=held("x"))
        store.done = {"PutParameter": [lost_reply(), lost_reply()], "DeleteParameters": [lost_reply()]}
        result = all_of(store, entry("A", "2"), entry("B", "3"), purge=True)
        assert result["changed"]
        assert "failed" not in result
        assert store.writes() == ["PutParameter", "PutParameter", "DeleteParameters"]
        assert result["removed"] == [f"{PATH}/old"]

    def test_a_refused_removal_is_told_beside_the_results(self):
        store = Store(old=held("x"))
        store.trouble = {"DeleteParameters": [api_error("DeleteParameters", "AccessDeniedException", "no")]}
        result = all_of(store, entry("A", "1"), purge=True)
        assert result["failed"]
        assert "Allow ssm:DeleteParameters" in result["msg"]
        assert len(result["results"]) == 1

    def test_tags_of_its_own(self):
        store = Store(A=held("1"), B=held("2"))
        all_of(store, {**entry("A", "1"), "tags": {**TAGS, "Team": "b"}}, entry("B", "2"))
        assert store.held[f"{PATH}/A"]["Tags"] == {**TAGS, "Team": "b"}
        assert store.held[f"{PATH}/B"]["Tags"] == TAGS


class TestMain:
    """As Ansible calls it: what is given is checked, and what is confidential is in no answer."""

    @pytest.fixture
    def call(self, monkeypatch, capsys):
        def call(**arguments):
            monkeypatch.setattr(module.Below, "look", lambda *_args, **_kwargs: {})
            monkeypatch.setattr(Parameter, "write", lambda *_args, **_kwargs: {})
            with patch_module_args({"region": "us-west-2", "path": PATH, **arguments}), pytest.raises(SystemExit):
                module.main()
            return json.loads(capsys.readouterr().out)

        return call

    def test_a_confidential_value_is_in_no_answer(self, call):
        result = call(aggregate=[{"name": "A", "secure_value": SECRET}, entry("B", f"with {SECRET} in it")])
        assert SECRET not in json.dumps(result)
        assert [one["parameter"]["type"] for one in result["results"]] == ["SecureString", "String"]

    @pytest.mark.parametrize("arguments", [{"aggregate": []}, {"name": "A", "owned_by": OWNER}])
    def test_purge_takes_what_says_what_is_meant(self, call, arguments):
        assert "purge takes aggregate and owned_by" in call(purge=True, **arguments)["msg"]

    def test_two_values(self, call):
        result = call(aggregate=[{"name": "A", "value": "x", "secure_value": SECRET}])
        assert "parameters are mutually exclusive: value|secure_value" in result["msg"]
        assert SECRET not in json.dumps(result)
