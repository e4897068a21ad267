#!/usr/bin/env bash
# Runs the linters, by `make lint`. With the argument `changed` on what differs from the main branch, new and uncommitted
# files included, and on everything where git can't tell.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

main=$(git rev-parse --verify --quiet --abbrev-ref origin/HEAD 2>/dev/null || echo main)
if [ "${1:-}" = changed ] && base=$(git merge-base HEAD "$main" 2>/dev/null); then
    # Links to files that are linted under their own name are left out, as they are from everything.
    changed=$({
        git diff --name-only --diff-filter=d "$base"
        git ls-files --others --exclude-standard
    } | grep -v '^collections/' | sort -u || true)
    of_changed() { mapfile -t "$1" < <(grep -E "$2" <<<"$changed" || true); }
    of_changed python '\.py$'
    of_changed yaml '\.ya?ml$'
    of_changed ansible '^(group_vars|inventories|molecule|playbooks|roles)/.*\.ya?ml$|^site\.yml$'
    echo "linting what has changed since ${base:0:9}: ${#python[@]} files of Python, ${#yaml[@]} of YAML"
else
    python=(.) yaml=(.) ansible=("")
fi

if [ ${#python[@]} -gt 0 ]; then
    echo "ruff check"
    ruff check "${python[@]}" || { echo "make lint: ruff check --fix mends most of these" >&2; exit 1; }
    echo "ruff format --check"
    ruff format --check --quiet "${python[@]}" || {
        ruff format --check "${python[@]}" || echo "make lint: run .venv/bin/ruff format" >&2
        exit 1
    }
fi
if [ ${#yaml[@]} -gt 0 ]; then
    echo "yamllint"
    yamllint --strict "${yaml[@]}"
fi
if [ ${#ansible[@]} -gt 0 ]; then
    echo "ansible-lint"
    # Without names it finds all files by itself.
    ansible-lint -q ${ansible[@]:+"${ansible[@]}"}
fi
