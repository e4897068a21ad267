# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the knowledge base: what Bedrock and its vector stores would refuse, and what they can't change."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import component_names

from .declared import change_fault_lines, fault_lines, removal_fault_lines, values, warning_lines

COMPONENT = "knowledge_base"
MODELS = [
    {"name": "claude", "id": "us.anthropic.claude-haiku-4-5-20251001-v1:0", "kind": "chat"},
    {"name": "cohere-v3", "id": "cohere.embed-english-v3", "kind": "embedding"},
    {"name": "cohere-v4", "id": "us.cohere.embed-v4:0", "kind": "embedding"},
    {"name": "titan", "id": "amazon.titan-embed-text-v2:0", "kind": "embedding"},
    {"name": "unknown", "id": "acme.embed-v1:0", "kind": "embedding"},
]
TITAN = {"platform_models": MODELS, "knowledge_base_embedding_model": "titan"}
ROLE = "arn:aws:iam::123456789012:role/deployment"
FIXED = {
    "chunkingStrategy": "FIXED_SIZE",
    "fixedSizeChunkingConfiguration": {"maxTokens": 300, "overlapPercentage": 20},
}
HIERARCHICAL = {
    "chunkingStrategy": "HIERARCHICAL",
    "hierarchicalChunkingConfiguration": {
        "levelConfigurations": [{"maxTokens": 1500}, {"maxTokens": 300}],
        "overlapTokens": 60,
    },
}
SEMANTIC = {
    "chunkingStrategy": "SEMANTIC",
    "semanticChunkingConfiguration": {"maxTokens": 300, "bufferSize": 0, "breakpointPercentileThreshold": 95},
}
FOUND = {
    "data_source_id": "SOURCE0001",
    "chunking": FIXED,
    "vector_store": "s3_vectors",
    "embedding_model_arn": "arn:aws:bedrock:us-west-2::foundation-model/amazon.titan-embed-text-v2:0",
    "embedding_dimensions": 1024,
    "index_dimension": 1024,
    "index_distance_metric": "cosine",
}
HELP = "set knowledge_base_replace_data_source to have it deleted with all vectors and made anew, or go back"
ANEW = "remove the component and build it again, or go back"


def lines(**given):
    given = {name if name.startswith("platform_") else f"{COMPONENT}_{name}": value for name, value in given.items()}
    return fault_lines(COMPONENT, {"platform_region": "us-west-2", **given})


def named(**given):
    """The same, each without the beginning of the variables' names."""
    return [line.removeprefix(f"{COMPONENT}_") for line in lines(**given)]


def test_what_is_right_has_no_fault():
    assert lines() == []
    assert fault_lines(COMPONENT, {**TITAN, "knowledge_base_embedding_dimensions": 512}) == []
    assert (
        lines(
            chunking_strategy="hierarchical",
            chunking_parent_max_tokens=8192,
            chunking_child_max_tokens=100,
            chunking_overlap_tokens=99,
            inclusion_prefixes=["guides/"],
            vector_store="opensearch_serverless",
            index_principals=[ROLE],
            guardrail_denied_topics=[
                {"name": "Tax advice?", "definition": "How to pay less", "examples": 5 * ["Ask"]},
            ],
            guardrail_words=["three words only"],
            guardrail_regexes=[{"name": "order", "pattern": r"(?i)ord-\d{6}", "action": "BLOCK"}],
            guardrail_grounding=0.99,
            guardrail_keep_versions=20,
        )
        == []
    )


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            {"model": "titn"},
            "knowledge_base_embedding_model: 'titn' is not the name of one of platform_models; did you mean titan?",
        ),
        (
            {"model": "claude"},
            "knowledge_base_embedding_model: 'claude' is of the kind chat: name one of platform_models of the kind"
            " embedding",
        ),
        (
            {"model": "cohere-v4"},
            "knowledge_base_embedding_model: 'cohere-v4' is the inference profile us.cohere.embed-v4:0: a knowledge"
            " base takes a model of its region",
        ),
        (
            {"dimensions": 1536},
            "knowledge_base_embedding_dimensions: 1536 is not the size of vectors of titan, which are 256 or 512 or"
            " 1024",
        ),
        (
            {"model": "cohere-v3", "dimensions": 512},
            "knowledge_base_embedding_dimensions: 512 is not the size of vectors of cohere-v3, which are 1024",
        ),
        (
            {"model": "cohere-v3", "strategy": "semantic", "max_tokens": 600},
            "knowledge_base_chunking_max_tokens: 600 is more than the 512 tokens that cohere-v3 takes",
        ),
        ({"model": "unknown", "dimensions": 77, "strategy": "fixed_size", "max_tokens": 8000}, None),
    ],
)
def test_the_embedding_model(given, line):
    values_given = {
        **TITAN,
        "knowledge_base_embedding_model": given.get("model", "titan"),
        "knowledge_base_embedding_dimensions": given.get("dimensions", 1024),
        "knowledge_base_chunking_strategy": given.get("strategy", "none"),
        "knowledge_base_chunking_max_tokens": given.get("max_tokens", 300),
    }
    assert fault_lines(COMPONENT, values_given) == ([line] if line else [])


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"embedding_dimensions": 0}, "embedding_dimensions: 0 is not from 1 to 4096 numbers"),
        ({"chunking_max_tokens": 8193}, "chunking_max_tokens: 8193 is not from 1 to 8192 tokens"),
        ({"chunking_overlap_percentage": 100}, "chunking_overlap_percentage: 100 is not from 1 to 99 percent"),
        ({"chunking_overlap_tokens": 0}, "chunking_overlap_tokens: 0 is not 1 or more tokens"),
        ({"chunking_breakpoint_percentile": 49}, "chunking_breakpoint_percentile: 49 is not from 50 to 99 percent"),
        ({"noncurrent_version_days": 0}, "noncurrent_version_days: 0 is not 1 or more days"),
        ({"guardrail_keep_versions": 21}, "guardrail_keep_versions: 21 is not from 1 to 20 versions"),
        ({"timeout_seconds": 0}, "timeout_seconds: 0 is not 1 or more seconds"),
        ({"inclusion_prefixes": ["a/", "b/"]}, "inclusion_prefixes: 2 are too many: AWS takes 1"),
        ({"inclusion_prefixes": [""]}, "inclusion_prefixes[0]: '' is not a prefix of 1 to 300 characters"),
        ({"index_principals": [ROLE, ROLE]}, f"index_principals: '{ROLE}' occurs more than once"),
        (
            {"index_principals": ["deployment"]},
            "index_principals[0]: 'deployment' is not the ARN of an IAM role or user, such as"
            " arn:aws:iam::123456789012:role/name",
        ),
    ],
)
def test_numbers_and_lists(given, line):
    assert named(**given) == [line]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            {"chunking_parent_max_tokens": 300, "chunking_child_max_tokens": 300, "chunking_overlap_tokens": 60},
            "chunking_child_max_tokens: 300 is not less than knowledge_base_chunking_parent_max_tokens, 300, in which"
            " the piece lies",
        ),
        (
            {"chunking_parent_max_tokens": 1500, "chunking_child_max_tokens": 60, "chunking_overlap_tokens": 60},
            "chunking_overlap_tokens: 60 is not less than knowledge_base_chunking_child_max_tokens, 60, of which it is"
            " a part",
        ),
    ],
)
def test_chunk_sizes_that_contradict_each_other(given, line):
    assert named(chunking_strategy="hierarchical", **given) == [line]
    # They count with that strategy only.
    assert named(chunking_strategy="semantic", **given) == []


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"blocked_input": ""}, "blocked_input: '' is not a text of 1 to 500 characters"),
        (
            {"content_filters": 2 * [{"type": "HATE", "input_strength": "LOW", "output_strength": "LOW"}]},
            "content_filters[].type: 'HATE' occurs more than once",
        ),
        (
            {"content_filters": [{"type": "PROMPT_ATTACK", "input_strength": "LOW", "output_strength": "LOW"}]},
            "content_filters[0].output_strength: 'LOW' is not NONE, the only one for PROMPT_ATTACK, which is looked for"
            " in prompts only",
        ),
        (
            {"denied_topics": [{"name": f"t{number}", "definition": "x"} for number in range(31)]},
            "denied_topics: 31 are too many: a guardrail has 30",
        ),
        ({"denied_topics": 2 * [{"name": "t"}]}, "denied_topics[].name: 't' occurs more than once"),
        (
            {"denied_topics": [{"name": "tax/advice"}]},
            "denied_topics[0].name: 'tax/advice' is not 1 to 100 letters, digits, spaces and - _ ! ? .",
        ),
        (
            {"denied_topics": [{"definition": ""}]},
            "denied_topics[0].definition: '' is not a text of 1 to 200 characters",
        ),
        ({"denied_topics": [{"examples": 6 * ["x"]}]}, "denied_topics[0].examples: 6 are too many: a topic has 5"),
        (
            {"denied_topics": [{"examples": [""]}]},
            "denied_topics[0].examples[0]: '' is not a text of 1 to 100 characters",
        ),
        ({"words": ["a", "a"]}, "words: 'a' occurs more than once"),
        (
            {"words": ["four words are many"]},
            "words[0]: 'four words are many' is not a phrase of up to 3 words and 100 characters",
        ),
        ({"words": [str(number) for number in range(10_001)]}, "words: 10,001 are too many: a guardrail has 10,000"),
        ({"pii": 2 * [{"type": "EMAIL"}]}, "pii[].type: 'EMAIL' occurs more than once"),
        ({"regexes": [{"name": f"r{number}"} for number in range(11)]}, "regexes: 11 are too many: a guardrail has 10"),
        ({"regexes": [{"name": ""}]}, "regexes[0].name: '' is not a text of 1 to 100 characters"),
        ({"regexes": [{"pattern": 501 * "x"}]}, "regexes[0].pattern: '"),
        (
            {"regexes": [{"pattern": "(?!x)"}]},
            "regexes[0].pattern: '(?!x)' looks around, which Bedrock's regular expressions can't",
        ),
        ({"regexes": [{"pattern": "("}]}, "regexes[0].pattern: '(' is not a regular expression: "),
        ({"grounding": 1.0}, "grounding: 1.0 is not a score from 0 to 0.99"),
        ({"relevance": -0.1}, "relevance: -0.1 is not a score from 0 to 0.99"),
    ],
)
def test_the_guardrail(given, line):
    (found,) = named(**{f"guardrail_{name}": value for name, value in given.items()})
    assert found.removeprefix("guardrail_").startswith(line)


def change(given, **found):
    given = {f"{COMPONENT}_{name}": value for name, value in given.items()}
    known = {**TITAN, "platform_region": "us-west-2", **given}
    return change_fault_lines(COMPONENT, known, {COMPONENT: {**FOUND, **found}})


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"vector_store": "aurora"}, f"vector_store: 'aurora' is not s3_vectors, where the vectors are: {ANEW}"),
        (
            {"embedding_model": "cohere-v3"},
            "embedding_model: 'cohere-v3' is cohere.embed-english-v3, and the vectors that there are were made by"
            f" amazon.titan-embed-text-v2:0: {ANEW}",
        ),
        (
            {"embedding_dimensions": 512},
            f"embedding_dimensions: 512 is not 1024, for which the index was made: {ANEW}",
        ),
        (
            {"distance_metric": "euclidean"},
            f"distance_metric: 'euclidean' is not cosine, for which the index was made: {ANEW}",
        ),
        (
            {"chunking_strategy": "semantic"},
            f"chunking_strategy: 'semantic' is not fixed_size, which the data source has and AWS can't change: {HELP}",
        ),
        (
            {"chunking_strategy": "fixed_size", "chunking_max_tokens": 500},
            f"chunking_max_tokens: 500 is not 300, which the data source has and AWS can't change: {HELP}",
        ),
    ],
)
def test_what_can_t_become_of_what_exists(given, line):
    assert change(given) == [f"knowledge_base_{line}"]
    assert change({"chunking_strategy": "fixed_size", "chunking_max_tokens": 300, "embedding_dimensions": 1024}) == []


@pytest.mark.parametrize(
    ("chunking", "strategy", "name", "value"),
    [
        (HIERARCHICAL, "hierarchical", "parent_max_tokens", 1600),
        (HIERARCHICAL, "hierarchical", "child_max_tokens", 200),
        (HIERARCHICAL, "hierarchical", "overlap_tokens", 50),
        (SEMANTIC, "semantic", "buffer_size", 1),
        (SEMANTIC, "semantic", "breakpoint_percentile", 90),
    ],
)
def test_sizes_of_each_strategy(chunking, strategy, name, value):
    given = {"chunking_strategy": strategy, f"chunking_{name}": value}
    (line,) = change(given, chunking=chunking)
    assert line.startswith(f"knowledge_base_chunking_{name}: {value} is not ")
    assert change({**given, "replace_data_source": True}, chunking=chunking) == []
    # What was never made can be made in any way.
    assert change(given, chunking=chunking, data_source_id=None) == []


def test_a_dimension_that_differs_from_the_index_s_before_there_is_a_knowledge_base():
    nothing = dict.fromkeys(FOUND)
    assert change({"embedding_dimensions": 512}, **{**nothing, "index_dimension": 1024}) == [
        f"knowledge_base_embedding_dimensions: 512 is not 1024, for which the index was made: {ANEW}"
    ]


def test_a_vector_store_that_the_region_lacks():
    offered = {COMPONENT: {"vector_stores": {"opensearch_serverless": True, "s3_vectors": False}}}
    given = {"platform_region": "ca-west-1", "knowledge_base_vector_store": "s3_vectors"}
    assert change_fault_lines(COMPONENT, given, {COMPONENT: {}, "offers": offered}) == [
        "knowledge_base_vector_store: 's3_vectors' is not offered in ca-west-1: take opensearch_serverless or aurora"
    ]
    given["knowledge_base_vector_store"] = "aurora"
    assert change_fault_lines(COMPONENT, given, {COMPONENT: {}, "offers": offered}) == []


@pytest.mark.parametrize("component", ["knowledge_base", "workload_identity"])
@pytest.mark.parametrize(
    ("told", "line"),
    [
        ({}, None),
        (
            {"offered": False},
            "which is no model and no inference profile that Bedrock offers in us-west-2; did you mean"
            " amazon.titan-embed-text-v1?",
        ),
        (
            {"lacks": ["agreement"]},
            "which can't be called in this account yet: Bedrock has no agreement for it. See whether a policy of the"
            " organization forbids it, or ask AWS Support",
        ),
    ],
)
def test_a_model_without_which_bedrock_makes_no_knowledge_base(component, told, line):
    titan = "amazon.titan-embed-text-v2:0"
    known = {
        "offered": True,
        "called_directly": True,
        "provider": "Amazon",
        "profiles": [],
        "lacks": [],
        "ends": None,
        **told,
    }
    found = {"offers": {component: {"model_ids": ["amazon.titan-embed-text-v1"], "models": {titan: known}}}}
    begins = f"knowledge_base_embedding_model: 'titan' is {titan}, "
    told_of = change_fault_lines(COMPONENT, {**TITAN, "platform_region": "us-west-2"}, found)
    assert told_of == ([begins + line] if line else [])


def test_pieces_that_s3_vectors_may_not_take():
    given = {
        "knowledge_base_chunking_strategy": "hierarchical",
        "knowledge_base_vector_store": "s3_vectors",
        "knowledge_base_chunking_parent_max_tokens": 8000,
        "knowledge_base_chunking_child_max_tokens": 300,
    }
    (line,) = warning_lines(COMPONENT, given, {})
    assert "more than 8,000 tokens, which S3 Vectors may not take beside a vector" in line
    assert warning_lines(COMPONENT, {**given, "knowledge_base_chunking_parent_max_tokens": 1500}, {}) == []


def test_it_is_protected():
    protected = {"knowledge_base_deletion_protection": True}
    (line,) = removal_fault_lines(COMPONENT, protected, {COMPONENT: {"exists": True}})
    assert "protects knowledge_base" in line
    assert removal_fault_lines(COMPONENT, protected, {COMPONENT: {"exists": False}}) == []


@pytest.mark.parametrize(
    ("store", "kinds"),
    [
        ("s3_vectors", {"s3vectors_vector_bucket"}),
        ("opensearch_serverless", {"opensearchserverless_collection"}),
        ("aurora", {"secret"}),
    ],
)
def test_names(store, kinds):
    given = {
        "platform_prefix": "demo-dev",
        "platform_account_id": "123456789012",
        "knowledge_base_vector_store": store,
    }
    found = {(item.kind, item.name) for item in component_names(COMPONENT, values(COMPONENT, **given))}
    assert found == {
        ("bedrock_guardrail", "demo-dev-guardrail"),
        ("bedrock_knowledge_base", "demo-dev-knowledge-base"),
        ("iam_role", "demo-dev-knowledge-base"),
        ("iam_role", "demo-dev-model-invocation-logs"),
        ("log_delivery", "demo-dev-knowledge-base"),
        ("log_group", "/aws/bedrock/demo-dev/model-invocations"),
        ("log_group", "/aws/vendedlogs/demo-dev/knowledge-base"),
        ("s3_bucket", "demo-dev-documents-123456789012"),
        *((kind, "demo-dev-knowledge-base-database" if kind == "secret" else "demo-dev-vectors") for kind in kinds),
    }


@pytest.mark.parametrize(
    ("given", "aurora", "line"),
    [
        ({}, None, "vector_store: 'aurora' is the component aurora, which the inventory doesn't have: add the host"),
        (
            {},
            {"aurora_data_api": False},
            "vector_store: 'aurora' is used through the RDS Data API, which is off: set aurora_data_api to true for the"
            " component aurora",
        ),
        (
            {"embedding_dimensions": 3072},
            {"aurora_data_api": True},
            "embedding_dimensions: 3072 is more than the 2,000 of which an index in Aurora PostgreSQL can be made",
        ),
        (
            {"distance_metric": "euclidean"},
            {"aurora_data_api": True},
            "distance_metric: 'euclidean' is not cosine, by which Bedrock compares vectors in Aurora PostgreSQL",
        ),
    ],
)
def test_vectors_in_the_database(given, aurora, line):
    declared = {"vector_store": "aurora", **given}
    told = fault_lines(
        COMPONENT,
        {f"{COMPONENT}_{name}": value for name, value in declared.items()},
        **({"aurora": aurora} if aurora is not None else {}),
    )
    assert told == [f"{COMPONENT}_{line}"]
