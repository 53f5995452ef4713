#!/usr/bin/env bash
# usage: install-tools.sh NODE_FOLDER…
# Looks for what the tests need besides Go, fetches what it can without being root, and says clearly what is missing:
#   gcc or clang        the race detector is built with cgo
#   node and npm        a stock JSON-RPC client and an independent CPace are Node programs, and the VS Code extension is built
#                       with Node's tools; the packages of each go to NODE_FOLDER/node_modules
#   git                 ignore rules are compared with git's own
#   Neovim 0.10         is found or fetched into .cache by scripts/install-nvim.sh when the plugin's tests start
# As root on Debian or Ubuntu, .ci/run installs these first.
set -euo pipefail
cd -- "$(dirname -- "$0")/.."
[ $# -gt 0 ] || { echo 'usage: install-tools.sh NODE_FOLDER…' >&2; exit 2; }

missing=()
for tool in git node npm; do
  command -v "$tool" >/dev/null || missing+=("$tool")
done
command -v "${CC:-gcc}" >/dev/null || command -v clang >/dev/null || missing+=(gcc)
if [ ${#missing[@]} -gt 0 ]; then
  printf 'missing: %s: install them (Debian: apt install git gcc libc6-dev nodejs npm), then run this again\n' "${missing[*]}" >&2
  exit 1
fi

# npm leaves its own copy of the lock file in node_modules: when ours is not newer, there is nothing to do.
for folder; do
  if [ ! -e "$folder/node_modules/.package-lock.json" ] ||
    [ "$folder/package-lock.json" -nt "$folder/node_modules/.package-lock.json" ]; then
    npm ci --ignore-scripts --prefix "$folder" --no-audit --no-fund --silent
  fi
done
