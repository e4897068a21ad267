#!/usr/bin/env bash
# Runs the linters, by `make lint`. With the argument `changed` on what differs from the main branch, and on everything
# where git can't tell.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ "${1:-}" = changed ] && changed=$(scripts/changed.sh); then
    of_changed() { mapfile -t "$1" < <(grep -E "$2" <<<"$changed" || true); }
    of_changed python '\.py$'
    of_changed yaml '\.ya?ml$'
    of_changed changelogs '^changelogs/'
    of_changed ansible '^(group_vars|inventories|molecule|playbooks|roles)/.*\.ya?ml$|^site\.yml$'
    echo "linting what has changed: ${#python[@]} files of Python, ${#yaml[@]} of YAML"
else
    python=(.) yaml=(.) changelogs=(.) ansible=("")
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
if [ ${#changelogs[@]} -gt 0 ]; then
    echo "antsibull-changelog lint"
    antsibull-changelog lint
fi
if [ ${#ansible[@]} -gt 0 ]; then
    echo "ansible-lint"
    # Without names it finds all files by itself.
    ansible-lint -q ${ansible[@]:+"${ansible[@]}"}
fi
