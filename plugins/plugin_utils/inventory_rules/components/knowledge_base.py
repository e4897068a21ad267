# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the knowledge_base component.

What chunks and guardrails may be: https://docs.aws.amazon.com/bedrock/latest/APIReference/ (ChunkingConfiguration,
CreateGuardrail). What embedding models give and take:
https://docs.aws.amazon.com/bedrock/latest/userguide/knowledge-base-supported.html
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.filter.bedrock_models import geography
from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.knowledge_base import (
    BASE,
    GUARDRAIL,
    LOGGING_ROLE,
    STORE,
    application_log,
    database_secret,
    documents_bucket,
    invocation_log,
)
from ansible_collections.agent_platform.aws.plugins.module_utils.values import gather

from ...key_policy import VECTORS
from ..fault import Fault, fault
from ..formats import principal_rule, repeated, repeated_names
from ..keys import policy_faults
from ..models import VARIABLE as MODELS
from ..models import access_rule, named_model_faults, offer_rule, offers
from ..names import Name, fixed_names, log_bucket
from ..ranges import Range


class Embedding(t.NamedTuple):
    """What a model gives and takes: the sizes of its vectors, and the most tokens of a text."""

    dimensions: tuple[int, ...]
    tokens: int


# By the ids of models without their versions; others aren't checked.
EMBEDDINGS = {
    "amazon.nova-2-multimodal-embeddings": Embedding((256, 384, 1024, 3072), 8192),
    "amazon.titan-embed-text-v1": Embedding((1536,), 8192),
    "amazon.titan-embed-text-v2": Embedding((256, 512, 1024), 8192),
    "cohere.embed-english-v3": Embedding((1024,), 512),
    "cohere.embed-multilingual-v3": Embedding((1024,), 512),
    "cohere.embed-v4": Embedding((256, 512, 1024, 1536), 128_000),
}
CHUNK = Range(1, 8192, "tokens")
MODEL, DIMENSIONS = "knowledge_base_embedding_model", "knowledge_base_embedding_dimensions"
STRATEGY, VECTOR_STORE = "knowledge_base_chunking_strategy", "knowledge_base_vector_store"
RANGES = {
    DIMENSIONS: Range(1, 4096, "numbers"),
    "knowledge_base_chunking_max_tokens": CHUNK,
    "knowledge_base_chunking_parent_max_tokens": CHUNK,
    "knowledge_base_chunking_child_max_tokens": CHUNK,
    "knowledge_base_chunking_overlap_tokens": Range(1, of="tokens"),
    "knowledge_base_chunking_overlap_percentage": Range(1, 99, "percent"),
    "knowledge_base_chunking_breakpoint_percentile": Range(50, 99, "percent"),
    "knowledge_base_noncurrent_version_days": Range(1, of="days"),
    "knowledge_base_guardrail_keep_versions": Range(1, 20, "versions"),
}
SAMPLES = {
    "knowledge_base_id": 10 * "X",
    "knowledge_base_arn": "arn:{partition}:bedrock:{region}:{account_id}:knowledge-base/" + 10 * "X",
    "data_source_id": 10 * "X",
    "documents_bucket": 63 * "x",
    "database_secret_arn": "arn:{partition}:secretsmanager:{region}:{account_id}:secret:" + 40 * "x",
    "guardrail_id": 12 * "x",
    "guardrail_arn": "arn:{partition}:bedrock:{region}:{account_id}:guardrail/" + 12 * "x",
    "guardrail_version": 8 * "9",
}
# The names of what vectors lie in, by the store.
STORES = {"opensearch_serverless": "opensearchserverless_collection", "s3_vectors": "s3vectors_vector_bucket"}
# How documents are cut, by strategy: the variables, and where AWS tells their values.
CUTS = {
    "fixed_size": {
        "knowledge_base_chunking_max_tokens": "fixedSizeChunkingConfiguration.maxTokens",
        "knowledge_base_chunking_overlap_percentage": "fixedSizeChunkingConfiguration.overlapPercentage",
    },
    "hierarchical": {
        "knowledge_base_chunking_parent_max_tokens": "hierarchicalChunkingConfiguration.levelConfigurations.maxTokens",
        "knowledge_base_chunking_child_max_tokens": "hierarchicalChunkingConfiguration.levelConfigurations.maxTokens",
        "knowledge_base_chunking_overlap_tokens": "hierarchicalChunkingConfiguration.overlapTokens",
    },
    "semantic": {
        "knowledge_base_chunking_max_tokens": "semanticChunkingConfiguration.maxTokens",
        "knowledge_base_chunking_buffer_size": "semanticChunkingConfiguration.bufferSize",
        "knowledge_base_chunking_breakpoint_percentile": (
            "semanticChunkingConfiguration.breakpointPercentileThreshold"
        ),
    },
    "none": {},
}
MOST_PREFIXES, LONGEST_PREFIX = 1, 300
# Of metadata that a vector of S3 Vectors has, which with this strategy hold both pieces: more may be too long.
MOST_TOKENS_IN_S3_VECTORS = 8000
MOST_DIMENSIONS_IN_AURORA = 2000

# What a guardrail may have.
LONGEST_MESSAGE = 500
TOPIC_NAME = re.compile(r"[0-9a-zA-Z\-_ !?.]{1,100}")
MOST_TOPICS, LONGEST_DEFINITION, MOST_EXAMPLES, LONGEST_EXAMPLE = 30, 200, 5, 100
MOST_WORDS, LONGEST_WORD, MOST_WORDS_IN_PHRASE = 10_000, 100, 3
MOST_REGEXES, LONGEST_REGEX, LONGEST_REGEX_NAME = 10, 500, 100
LOOK_AROUND = re.compile(r"\(\?<?[=!]")
HIGHEST_SCORE = 0.99


def model_id(values: Mapping[str, t.Any]) -> str | None:
    """The id of the embedding model, by its name among the platform's."""
    models = values.get(MODELS) or []
    return next((model.get("id") for model in models if model.get("name") == values.get(MODEL)), None)


def embedding(values: Mapping[str, t.Any]) -> Embedding | None:
    known = (model_id(values) or "").partition(":")[0]
    return next((about for name, about in EMBEDDINGS.items() if known == name or known.startswith(f"{name}-")), None)


def faults(values: Mapping[str, t.Any], others: Mapping[str, Mapping]) -> Iterator[Fault]:
    yield from _model_faults(values)
    yield from _database_faults(values, others.get("aurora"))
    yield from _chunking_faults(values)
    prefixes = values.get("knowledge_base_inclusion_prefixes") or []
    if len(prefixes) > MOST_PREFIXES:
        yield Fault("knowledge_base_inclusion_prefixes", f"{len(prefixes)} are too many: AWS takes {MOST_PREFIXES}")
    for index, prefix in enumerate(prefixes):
        if not 1 <= len(prefix) <= LONGEST_PREFIX:
            rule = f"is not a prefix of 1 to {LONGEST_PREFIX} characters"
            yield fault(f"knowledge_base_inclusion_prefixes[{index}]", prefix, rule)
    yield from _principal_faults(values)
    yield from _guardrail_faults(values)


def _model_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    name = values.get(MODEL)
    if name is None or values.get(MODELS) is None:
        return
    # It names one, so there is no place in a list to tell.
    yield from (each._replace(variable=MODEL) for each in named_model_faults(MODEL, [name], values))
    model = next((each for each in values[MODELS] if each.get("name") == name), {})
    if model.get("kind") not in (None, "embedding"):
        yield fault(MODEL, name, f"is of the kind {model['kind']}: name one of {MODELS} of the kind embedding")
    elif geography(model.get("id") or ""):
        yield fault(
            MODEL, name, f"is the inference profile {model['id']}: a knowledge base takes a model of its region"
        )
    about, dimensions = embedding(values), values.get(DIMENSIONS)
    if about and dimensions is not None and dimensions not in about.dimensions:
        sizes = " or ".join(map(str, about.dimensions))
        yield fault(DIMENSIONS, dimensions, f"is not the size of vectors of {name}, which are {sizes}")


def _database_faults(values: Mapping[str, t.Any], aurora: Mapping[str, t.Any] | None) -> Iterator[Fault]:
    """What vectors in the platform's database ask for."""
    if values.get(VECTOR_STORE) != "aurora":
        return
    if aurora is None:
        yield fault(VECTOR_STORE, "aurora", "is the component aurora, which the inventory doesn't have: add the host")
    elif not aurora.get("aurora_data_api"):
        rule = "is used through the RDS Data API, which is off: set aurora_data_api to true for the component aurora"
        yield fault(VECTOR_STORE, "aurora", rule)
    dimensions, metric = values.get(DIMENSIONS), values.get("knowledge_base_distance_metric")
    if dimensions is not None and dimensions > MOST_DIMENSIONS_IN_AURORA:
        rule = f"is more than the {MOST_DIMENSIONS_IN_AURORA:,} of which an index in Aurora PostgreSQL can be made"
        yield fault(DIMENSIONS, dimensions, rule)
    if metric not in (None, "cosine"):
        rule = "is not cosine, by which Bedrock compares vectors in Aurora PostgreSQL"
        yield fault("knowledge_base_distance_metric", metric, rule)


def _chunking_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    strategy, about = values.get(STRATEGY), embedding(values)
    for variable in CUTS.get(strategy or "", {}):
        tokens = values.get(variable)
        if variable.endswith("max_tokens") and "parent" not in variable and about and (tokens or 0) > about.tokens:
            yield fault(variable, tokens, f"is more than the {about.tokens:,} tokens that {values[MODEL]} takes")
    if strategy != "hierarchical":
        return
    parent = values.get("knowledge_base_chunking_parent_max_tokens")
    child = values.get("knowledge_base_chunking_child_max_tokens")
    overlap = values.get("knowledge_base_chunking_overlap_tokens")
    if parent is not None and child is not None and child >= parent:
        rule = f"is not less than knowledge_base_chunking_parent_max_tokens, {parent}, in which the piece lies"
        yield fault("knowledge_base_chunking_child_max_tokens", child, rule)
    if overlap is not None and child is not None and overlap >= child:
        rule = f"is not less than knowledge_base_chunking_child_max_tokens, {child}, of which it is a part"
        yield fault("knowledge_base_chunking_overlap_tokens", overlap, rule)


def _principal_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    variable = "knowledge_base_index_principals"
    principals = values.get(variable) or []
    for index, arn in enumerate(principals):
        if rule := principal_rule(arn, values.get("platform_region")):
            yield fault(f"{variable}[{index}]", arn, rule)
    for arn in repeated(principals):
        yield fault(variable, arn, "occurs more than once")


def _guardrail_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    before = "knowledge_base_guardrail"
    for variable in (f"{before}_blocked_input", f"{before}_blocked_output"):
        text = values.get(variable)
        if text is not None and not 1 <= len(text) <= LONGEST_MESSAGE:
            yield fault(variable, text, f"is not a text of 1 to {LONGEST_MESSAGE} characters")
    filters = values.get(f"{before}_content_filters") or []
    yield from repeated_names(f"{before}_content_filters", filters, "type")
    for index, each in enumerate(filters):
        if each.get("type") == "PROMPT_ATTACK" and each.get("output_strength") not in (None, "NONE"):
            rule = "is not NONE, the only one for PROMPT_ATTACK, which is looked for in prompts only"
            yield fault(f"{before}_content_filters[{index}].output_strength", each["output_strength"], rule)
    yield from _topic_faults(f"{before}_denied_topics", values.get(f"{before}_denied_topics") or [])
    yield from _word_faults(f"{before}_words", values.get(f"{before}_words") or [])
    yield from repeated_names(f"{before}_pii", values.get(f"{before}_pii") or [], "type")
    yield from _regex_faults(f"{before}_regexes", values.get(f"{before}_regexes") or [])
    for variable in (f"{before}_grounding", f"{before}_relevance"):
        score = values.get(variable)
        if score is not None and not 0 <= score <= HIGHEST_SCORE:
            yield fault(variable, score, f"is not a score from 0 to {HIGHEST_SCORE}")


def _topic_faults(variable: str, topics: list[Mapping]) -> Iterator[Fault]:
    if len(topics) > MOST_TOPICS:
        yield Fault(variable, f"{len(topics)} are too many: a guardrail has {MOST_TOPICS}")
    yield from repeated_names(variable, topics)
    for index, topic in enumerate(topics):
        name, definition, examples = topic.get("name"), topic.get("definition"), topic.get("examples") or []
        path = f"{variable}[{index}]"
        if name is not None and not TOPIC_NAME.fullmatch(name):
            yield fault(f"{path}.name", name, "is not 1 to 100 letters, digits, spaces and - _ ! ? .")
        if definition is not None and not 1 <= len(definition) <= LONGEST_DEFINITION:
            yield fault(f"{path}.definition", definition, f"is not a text of 1 to {LONGEST_DEFINITION} characters")
        if len(examples) > MOST_EXAMPLES:
            yield Fault(f"{path}.examples", f"{len(examples)} are too many: a topic has {MOST_EXAMPLES}")
        for number, example in enumerate(examples):
            if not 1 <= len(example) <= LONGEST_EXAMPLE:
                rule = f"is not a text of 1 to {LONGEST_EXAMPLE} characters"
                yield fault(f"{path}.examples[{number}]", example, rule)


def _word_faults(variable: str, words: list[str]) -> Iterator[Fault]:
    if len(words) > MOST_WORDS:
        yield Fault(variable, f"{len(words):,} are too many: a guardrail has {MOST_WORDS:,}")
    for word in repeated(words):
        yield fault(variable, word, "occurs more than once")
    for index, word in enumerate(words):
        if not 1 <= len(word) <= LONGEST_WORD or not 1 <= len(word.split()) <= MOST_WORDS_IN_PHRASE:
            rule = f"is not a phrase of up to {MOST_WORDS_IN_PHRASE} words and {LONGEST_WORD} characters"
            yield fault(f"{variable}[{index}]", word, rule)


def _regex_faults(variable: str, regexes: list[Mapping]) -> Iterator[Fault]:
    if len(regexes) > MOST_REGEXES:
        yield Fault(variable, f"{len(regexes)} are too many: a guardrail has {MOST_REGEXES}")
    yield from repeated_names(variable, regexes)
    for index, regex in enumerate(regexes):
        name, pattern = regex.get("name"), regex.get("pattern")
        if name is not None and not 1 <= len(name) <= LONGEST_REGEX_NAME:
            yield fault(f"{variable}[{index}].name", name, f"is not a text of 1 to {LONGEST_REGEX_NAME} characters")
        if pattern is None:
            continue
        path = f"{variable}[{index}].pattern"
        if not 1 <= len(pattern) <= LONGEST_REGEX:
            yield fault(path, pattern, f"is not a text of 1 to {LONGEST_REGEX} characters")
        elif LOOK_AROUND.search(pattern):
            yield fault(path, pattern, "looks around, which Bedrock's regular expressions can't")
        else:
            try:
                re.compile(pattern)
            except re.error as error:
                yield fault(path, pattern, f"is not a regular expression: {error}")


def names(values: Mapping[str, t.Any]) -> Iterator[Name]:
    prefix, account = values.get("platform_prefix"), values.get("platform_account_id")
    yield from fixed_names(
        prefix,
        bedrock_guardrail=[GUARDRAIL],
        bedrock_knowledge_base=[BASE],
        iam_role=[BASE, LOGGING_ROLE],
        log_delivery=[BASE],
        s3_bucket=[documents_bucket(account)] if account else [],
    )
    kind = STORES.get(values.get(VECTOR_STORE) or "")
    if kind:
        yield from fixed_names(prefix, **{kind: [STORE]})
    if prefix and values.get(VECTOR_STORE) == "aurora":
        yield Name("secret", database_secret(prefix))
    if prefix:
        yield Name("log_group", invocation_log(prefix))
        yield Name("log_group", application_log(prefix))
    yield from log_bucket(values, "documents")


def change_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """What can't become of the knowledge base that exists, and what AWS doesn't offer."""
    found = platform.get("knowledge_base") or {}
    offered = ((platform.get("offers") or {}).get("knowledge_base") or {}).get("vector_stores") or {}
    store, anew = values.get(VECTOR_STORE), "remove the component and build it again, or go back"
    if store and found.get("vector_store") and store != found["vector_store"]:
        yield fault(VECTOR_STORE, store, f"is not {found['vector_store']}, where the vectors are: {anew}")
    elif dict(offered).get(store) is False:
        others = [name for name, there in offered.items() if there]
        rule = f"is not offered in {values.get('platform_region')}: take {' or '.join([*others, 'aurora'])}"
        yield fault(VECTOR_STORE, store, rule)
    if store == "s3_vectors":
        yield from policy_faults(values, platform, VECTORS)
    yield from _access_faults(values, platform)
    model, present = model_id(values), found.get("embedding_model_arn")
    if model and present and model != present.partition("/")[2]:
        used = present.partition("/")[2]
        yield fault(MODEL, values[MODEL], f"is {model}, and the vectors that there are were made by {used}: {anew}")
    size = found.get("index_dimension") or found.get("embedding_dimensions")
    if size and values.get(DIMENSIONS) not in (None, size):
        yield fault(DIMENSIONS, values[DIMENSIONS], f"is not {size}, for which the index was made: {anew}")
    metric, used = values.get("knowledge_base_distance_metric"), found.get("index_distance_metric")
    if metric and used and metric != used:
        yield fault("knowledge_base_distance_metric", metric, f"is not {used}, for which the index was made: {anew}")
    if found.get("data_source_id") and not values.get("knowledge_base_replace_data_source"):
        yield from _cut_faults(values, found.get("chunking") or {})


def _access_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Bedrock makes no knowledge base with a model that the account can't call."""
    model, known = model_id(values), offers(platform)
    told = (known.get("models") or {}).get(model)
    if not model or not told:
        return
    rule = offer_rule(model, told, known.get("model_ids") or [], values.get("platform_region"))
    rule = rule or (access_rule(told) if told["lacks"] else None)
    if rule:
        yield fault(MODEL, values[MODEL], f"is {model}, which {rule}")


def _cut_faults(values: Mapping[str, t.Any], chunking: Mapping[str, t.Any]) -> Iterator[Fault]:
    """What differs from how the documents that were taken in have been cut."""
    strategy, used = values.get(STRATEGY), str(chunking.get("chunkingStrategy") or "").lower()
    help_ = "set knowledge_base_replace_data_source to have it deleted with all vectors and made anew, or go back"
    if not strategy or not used:
        return
    if strategy != used:
        yield fault(STRATEGY, strategy, f"is not {used}, which the data source has and AWS can't change: {help_}")
        return
    for variable, path in CUTS[strategy].items():
        there = gather(chunking, path)
        present = there[-1 if "child" in variable else 0] if there else None
        if present is not None and values.get(variable) not in (None, present):
            rule = f"is not {present}, which the data source has and AWS can't change: {help_}"
            yield fault(variable, values[variable], rule)


def warnings(values: Mapping[str, t.Any], _platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    if values.get(STRATEGY) == "hierarchical" and values.get(VECTOR_STORE) == "s3_vectors":
        sizes = [values.get(f"knowledge_base_chunking_{piece}_max_tokens") or 0 for piece in ("parent", "child")]
        if sum(sizes) > MOST_TOKENS_IN_S3_VECTORS:
            yield fault(
                "knowledge_base_chunking_parent_max_tokens",
                sizes[0],
                f"makes, with the smaller piece, more than {MOST_TOKENS_IN_S3_VECTORS:,} tokens, which S3 Vectors may"
                " not take beside a vector: documents may fail to be taken in",
            )
