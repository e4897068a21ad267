# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""RDS parameter groups, of clusters and of instances: the same but for the names of calls and members."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.rds import portions
from ansible_collections.agent_platform.aws.plugins.modules.rds_cluster_parameter_group import DbClusterParameterGroup
from ansible_collections.agent_platform.aws.plugins.modules.rds_instance_parameter_group import DbParameterGroup
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource

FAMILY = "aurora-postgresql16"
TAGS = {"Project": "demo"}
PARAMS = {
    "name": "demo",
    "family": FAMILY,
    "description": None,
    "parameters": {"log_statement": "ddl", "rds.force_ssl": True},
    "purge_parameters": True,
    "tags": TAGS,
    "owned_by": TAGS,
}
# What RDS says of parameters beside their values.
KINDS = {
    "autovacuum": {"ApplyType": "dynamic", "IsModifiable": True, "DataType": "boolean"},
    "archive_mode": {"ApplyType": "static", "IsModifiable": False, "DataType": "string", "ParameterValue": "off"},
    "log_statement": {"ApplyType": "dynamic", "IsModifiable": True},
    "rds.force_ssl": {"ApplyType": "dynamic", "IsModifiable": True, "DataType": "boolean", "ParameterValue": "0"},
    "shared_preload_libraries": {
        "ApplyType": "static",
        "IsModifiable": True,
        "ParameterValue": "pg_stat_statements",
    },
}


def described(source, **values):
    """Parameters as RDS describes them."""
    names = {name.replace("__", "."): value for name, value in values.items()}
    return [
        {"ParameterName": name, **KINDS.get(name, {"ApplyType": "dynamic"}), "Source": source, "ParameterValue": value}
        for name, value in names.items()
    ]


DEFAULTS = [{"ParameterName": name, "Source": "engine-default", **kind} for name, kind in KINDS.items()]
SET = described("user", log_statement="ddl", rds__force_ssl="1")


class Kind:
    """The calls of one of the two kinds."""

    def __init__(self, resource, cluster, arn):
        self.resource = resource
        self.cluster = cluster
        self.name = f"DB{cluster}ParameterGroupName"
        self.arn = arn

    def call(self, verb):
        return f"{verb}DB{self.cluster}ParameterGroup"

    def group(self, **members):
        group = {self.name: "demo", "DBParameterGroupFamily": FAMILY, "Description": "demo", **members}
        return {**group, f"DB{self.cluster}ParameterGroupArn": self.arn}

    def seen(self, parameters=None, defaults=None, tags=TAGS, **members):
        """The calls of one look. parameters: those that were set; defaults: all, where they are asked for."""
        path = f"DB{self.cluster}ParameterGroups"
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        steps = [
            Step(f"Describe{path}", {path: [self.group(**members)]}, {self.name: "demo"}),
            Step("ListTagsForResource", {"TagList": listed}, {"ResourceName": self.arn}),
        ]
        if parameters is not None:
            operation = f"DescribeDB{self.cluster}Parameters"
            steps.append(Step(operation, {"Parameters": parameters}, {self.name: "demo", "Source": "user"}))
            if defaults is not None:
                steps.append(Step(operation, {"Parameters": defaults}, self.by_name))
        return steps

    def by_name(self, request):
        (wanted,) = request.pop("Filters")
        assert request == {self.name: "demo"}
        assert (wanted["Name"], wanted["Values"]) == ("parameter-name", sorted(wanted["Values"]))

    def nothing(self):
        operation = f"DescribeDB{self.cluster}ParameterGroups"
        return Step(operation, api_error(operation, "DBParameterGroupNotFound", status=404))

    def family(self, parameters=DEFAULTS):
        answer = {"EngineDefaults": {"Parameters": parameters}}
        request = {"DBParameterGroupFamily": FAMILY}
        return Step(f"DescribeEngineDefault{self.cluster}Parameters", answer, request)

    def changed(self, *parameters):
        members = ("ParameterName", "ApplyMethod", "ParameterValue")
        listed = [dict(zip(members, parameter, strict=True)) for parameter in parameters]
        request = {self.name: "demo", "Parameters": listed}
        return Step(self.call("Modify"), {self.name: "demo"}, request)

    def reset(self, *parameters):
        listed = [{"ParameterName": name, "ApplyMethod": method} for name, method in parameters]
        request = {self.name: "demo", "Parameters": listed, "ResetAllParameters": False}
        return Step(self.call("Reset"), {self.name: "demo"}, request)

    def run(self, params, *steps, **kwargs):
        return run_resource(self.resource, {**PARAMS, **params}, *steps, **kwargs)

    def refuse(self, params, *steps, **kwargs):
        return refuse_resource(self.resource, {**PARAMS, **params}, *steps, **kwargs)


@pytest.fixture(params=["cluster", "instance"])
def kind(request):
    if request.param == "cluster":
        return Kind(DbClusterParameterGroup, "Cluster", "arn:aws:rds:us-west-2:123456789012:cluster-pg:demo")
    return Kind(DbParameterGroup, "", "arn:aws:rds:us-west-2:123456789012:pg:demo")


def test_create_then_set_the_parameters(kind):
    request = {
        kind.name: "demo",
        "DBParameterGroupFamily": FAMILY,
        "Description": "demo",
        "Tags": [{"Key": "Project", "Value": "demo"}],
    }
    result, _aws, _module = kind.run(
        {
            "name": "Demo",
            "parameters": {"log_statement": "ddl", "shared_preload_libraries": "pg_stat_statements,pg_cron"},
        },
        kind.nothing(),
        kind.family(),
        Step(kind.call("Create"), {}, request),
        *kind.seen([], DEFAULTS),
        kind.changed(
            ("log_statement", "immediate", "ddl"),
            ("shared_preload_libraries", "pending-reboot", "pg_stat_statements,pg_cron"),
        ),
        *kind.seen(described("user", log_statement="ddl", shared_preload_libraries="pg_stat_statements,pg_cron")) * 2,
    )
    assert result["changed"] is True
    assert result["parameter_group"]["tags"] == TAGS


def test_second_run_changes_nothing_and_reads_no_defaults(kind):
    result, _aws, _module = kind.run({}, *kind.seen(SET))
    assert result["changed"] is False


def test_what_is_the_default_anyway_is_as_declared(kind):
    parameters = {"log_statement": "ddl", "shared_preload_libraries": "pg_stat_statements"}
    result, _aws, _module = kind.run(
        {"parameters": parameters}, *kind.seen(described("user", log_statement="ddl"), DEFAULTS)
    )
    assert result["changed"] is False


def test_spaces_in_a_list_are_no_difference(kind):
    libraries = described("user", shared_preload_libraries="pg_stat_statements,pg_cron")
    parameters = {"shared_preload_libraries": "pg_stat_statements, pg_cron"}
    result, _aws, _module = kind.run({"parameters": parameters}, *kind.seen(libraries))
    assert result["changed"] is False


def test_one_that_was_changed_by_hand_is_set_back_and_one_that_was_added_is_reset(kind):
    theirs = described("user", log_statement="all", rds__force_ssl="1", autovacuum="0", shared_preload_libraries="x")
    result, _aws, _module = kind.run(
        {},
        *kind.seen(theirs, [*DEFAULTS]),
        kind.changed(("log_statement", "immediate", "ddl")),
        kind.reset(("autovacuum", "immediate"), ("shared_preload_libraries", "pending-reboot")),
        *kind.seen(SET) * 2,
    )
    assert result["diff"]["before"]["parameters"]["autovacuum"] == "0"
    assert result["diff"]["after"]["parameters"] == {"log_statement": "ddl", "rds.force_ssl": "1"}


def test_without_purge_those_of_others_stay(kind):
    theirs = [*SET, *described("user", autovacuum="0")]
    result, _aws, _module = kind.run({"purge_parameters": False}, *kind.seen(theirs))
    assert result["changed"] is False


def test_parameters_that_are_not_declared_are_not_read(kind):
    result, _aws, _module = kind.run({"parameters": None}, *kind.seen())
    assert result["changed"] is False


def test_an_empty_declaration_resets_all_that_was_set(kind):
    kind.run(
        {"parameters": {}},
        *kind.seen(SET),
        kind.reset(("log_statement", "immediate"), ("rds.force_ssl", "immediate")),
        *kind.seen([]) * 2,
    )


def test_no_more_than_twenty_go_in_one_call(kind):
    many = {f"p{number:02}": "1" for number in range(45)}
    known = [{"ParameterName": name, "ApplyType": "dynamic", "Source": "engine-default"} for name in many]
    names = sorted(many)
    result, aws, _module = kind.run(
        {"parameters": many},
        *kind.seen([], known),
        *[kind.changed(*((name, "immediate", "1") for name in names[start : start + 20])) for start in (0, 20, 40)],
        *kind.seen(described("user", **many)) * 2,
    )
    assert aws.operations().count(kind.call("Modify")) == 3
    assert result["changed"] is True


def test_parameters_that_aws_wants_together_are_in_one_call():
    together = {"ssl_max_protocol_version", "ssl_min_protocol_version", "password_encryption"}
    names = [f"p{number:02}" for number in range(40)] + sorted(together)
    assert together <= set(next(iter(portions(names))))


def test_a_half_that_was_set_is_gone_on_with_after_a_lost_reply(kind):
    result, _aws, _module = kind.run(
        {},
        *kind.seen([], DEFAULTS),
        Step(kind.call("Modify"), lost_reply()),
        *kind.seen(described("user", log_statement="ddl"), DEFAULTS),
        kind.changed(("rds.force_ssl", "immediate", "1")),
        *kind.seen(SET) * 2,
    )
    assert result["changed"] is True


def test_check_mode_predicts_without_writing(kind):
    theirs = described("user", log_statement="all", rds__force_ssl="1")
    result, _aws, _module = kind.run({}, *kind.seen(theirs, DEFAULTS), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["after"]["parameters"] == {"log_statement": "ddl", "rds.force_ssl": "1"}


def test_a_name_that_the_family_does_not_have_is_refused_before_anything_is_made(kind):
    told = kind.refuse({"parameters": {"log_statment": "ddl"}}, kind.nothing(), kind.family())
    assert "can't have the parameter log_statment: the family aurora-postgresql16 has none of that name" in told


def test_and_for_a_group_that_exists(kind):
    told = kind.refuse({"parameters": {"log_statment": "ddl"}}, *kind.seen([], DEFAULTS))
    assert "can't have the parameter log_statment" in told


def test_a_parameter_that_can_not_be_changed_is_refused(kind):
    told = kind.refuse({"parameters": {"archive_mode": "on"}}, kind.nothing(), kind.family(), check_mode=True)
    assert "can't have archive_mode = on: AWS allows no change of this parameter, which is off" in told


def test_where_rds_tells_no_defaults_its_own_refusal_counts(kind):
    """A parameter of which nothing is known takes effect after a restart, which RDS takes of all."""
    kind.run(
        {"parameters": {"autovacuum": "0"}},
        kind.nothing(),
        kind.family([]),
        Step(kind.call("Create"), {}),
        *kind.seen([], []),
        kind.changed(("autovacuum", "pending-reboot", "0")),
        *kind.seen(described("user", autovacuum="0")) * 2,
    )


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"family": "aurora-postgresql17"}, "family: is 'aurora-postgresql16', declared 'aurora-postgresql17'"),
        ({"description": "Other"}, "description: is 'demo', declared 'Other'"),
    ],
)
def test_family_and_description_stay_as_they_are(kind, params, told):
    assert told in kind.refuse(params, *kind.seen(SET))


def test_a_group_of_someone_else_stays_untouched(kind):
    assert "isn't ours" in kind.refuse({}, *kind.seen(SET, tags={"Project": "other"}))
    assert "isn't ours" in kind.refuse({"state": "absent"}, *kind.seen(tags={}))


def test_tags_are_changed_by_the_arn(kind):
    kind.run(
        {"tags": {"Project": "demo", "A": "1"}},
        *kind.seen(SET, tags={**TAGS, "B": "2"}),
        Step("RemoveTagsFromResource", {}, {"ResourceName": kind.arn, "TagKeys": ["B"]}),
        Step("AddTagsToResource", {}, {"ResourceName": kind.arn, "Tags": [{"Key": "A", "Value": "1"}]}),
        *kind.seen(SET),
    )


def test_delete_waits_for_a_database_that_is_just_gone(kind):
    code = "InvalidDBParameterGroupState"
    text = (
        "One or more database instances are still members of this parameter group demo, so the group cannot be deleted"
    )
    result, _aws, _module = kind.run(
        {"state": "absent"},
        *kind.seen(),
        Step(kind.call("Delete"), api_error(kind.call("Delete"), code, text)),
        *kind.seen(),
        Step(kind.call("Delete"), {}, {kind.name: "demo"}),
        kind.nothing(),
    )
    assert result["changed"] is True


def test_one_that_vanishes_while_it_is_read_is_gone(kind):
    operation = f"DescribeDB{kind.cluster}Parameters"
    gone = Step(operation, api_error(operation, "DBParameterGroupNotFound", status=404))
    kind.run(
        {"parameters": {}},
        *kind.seen(),
        gone,
        Step(kind.call("Create"), {}),
        *kind.seen([]),
    )
