#!/usr/bin/env bash
# usage: run.sh [TEST…]     Checks the extension's types, form and bundle, and runs its quick tests under Node.
# Needs bin/earshot (make build), for those against the real daemon: none is left out. SEED=n repeats the random ones, KEYS=n lengthens them.
set -euo pipefail
cd -- "$(dirname -- "$0")/.."

[ -x ../../bin/earshot ] || { echo 'bin/earshot is missing: run `make build`, then this again.' >&2; exit 1; }
node_modules/.bin/tsc
node_modules/.bin/biome ci --colors=off --error-on-warnings .
node_modules/.bin/vitest run "$@"
