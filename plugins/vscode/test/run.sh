#!/usr/bin/env bash
# usage: run.sh [TEST…]     Checks the extension's types, form and bundle, and runs its quick tests under Node.
# Those against the real daemon need bin/earshot (make build). SEED=n repeats the random ones, KEYS=n lengthens them.
set -euo pipefail
cd -- "$(dirname -- "$0")/.."

node_modules/.bin/tsc
node_modules/.bin/biome ci --colors=off --error-on-warnings .
node_modules/.bin/vitest run "$@"
