#!/usr/bin/env bash
# usage: run.sh [SPEC…]     Runs the plugin's specs, each in a headless Neovim of its own.
# NVIM names the Neovim (0.10 or newer); without it the machine's own is used, or one is put under .cache/.
# VERBOSE=1 lists every test, ONLY=text runs those whose name has it, SEED=n and OPS=n steer the random ones.
set -euo pipefail
here=$(cd -- "$(dirname -- "$0")" && pwd)
root=$(cd -- "$here/../../.." && pwd)
nvim=$("$root/scripts/install-nvim.sh")

home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
mkdir -m 700 "$home/run"
export HOME=$home XDG_RUNTIME_DIR=$home/run XDG_CONFIG_HOME=$home/config XDG_DATA_HOME=$home/data \
  XDG_STATE_HOME=$home/state XDG_CACHE_HOME=$home/cache NVIM_LOG_FILE=$home/nvim.log EARSHOT_ROOT=$root
unset EARSHOT_SOCKET EARSHOT_PROFILE NVIM

specs=("$@")
if [ ${#specs[@]} -eq 0 ]; then # all of them: what they prove goes into the table of plugins/README.md
  specs=("$here"/*_spec.lua)
  export CELLS=$root/.cache/cells/nvim.txt
  mkdir -p "$root/.cache/cells"
  : >"$CELLS"
fi
failed=0
for spec in "${specs[@]}"; do
  spec=$(cd -- "$(dirname -- "$spec")" && pwd)/$(basename -- "$spec")
  SPEC=$spec timeout -k 5 "${SPEC_SECONDS:-240}" "$nvim" --headless -u NONE -i NONE -n \
    -c "lua vim.schedule(function() dofile('$here/runner.lua') end)" </dev/null 2>"$home/stderr" || {
    failed=1
    echo "FAILED: $spec"
    tail -n 20 "$home/stderr"
  }
done
if command -v luacheck >/dev/null; then
  (cd "$here/.." && luacheck -q --no-color lua plugin test) || failed=1
fi
exit $failed
