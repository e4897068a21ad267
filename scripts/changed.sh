#!/bin/sh
# Prints the files that differ from the main branch, new and uncommitted ones included, but no links: what they lead to
# is printed under its own name.
# Fails where git can't tell.
set -eu
cd "$(dirname "$0")/.."

main=$(git rev-parse --verify --quiet --abbrev-ref origin/HEAD 2>/dev/null || echo main)
base=$(git merge-base HEAD "$main" 2>/dev/null)
{
    git diff --name-only --diff-filter=d "$base"
    git ls-files --others --exclude-standard
} | sort -u | while IFS= read -r file; do
    [ -L "$file" ] || printf '%s\n' "$file"
done
