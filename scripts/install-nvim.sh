#!/usr/bin/env bash
# usage: install-nvim.sh [SUITE]
# Prints the path of a Neovim 0.10 or newer: $NVIM, or the machine's own, or one put under .cache/ from Debian.
# SUITE (trixie: 0.10; sid: the newest) asks for Debian's of that suite even if the machine has one. Changes nothing
# outside .cache/. Needs for that: Debian or a relative of it on amd64, apt-get, dpkg-deb, patchelf.
set -euo pipefail
root=$(cd -- "$(dirname -- "$0")/.." && pwd)
suite=${1:-}

new_enough() { # PROGRAM
  [ -n "$1" ] && "$1" --version >/dev/null 2>&1 &&
    [ "$("$1" --headless -u NONE -i NONE -c 'echo has("nvim-0.10")' -c 'qa!' 2>&1 | tr -cd 01)" = 1 ]
}

if [ -z "$suite" ]; then
  for own in "${NVIM:-}" "$(command -v nvim || true)"; do
    if new_enough "$own"; then
      echo "$own"
      exit 0
    fi
  done
  suite=trixie
fi

dest=$root/.cache/nvim-$suite
if [ -e "$dest/.ok" ] && new_enough "$dest/bin/nvim"; then
  echo "$dest/bin/nvim"
  exit 0
fi

missing=()
for tool in apt-get dpkg-deb patchelf; do
  command -v "$tool" >/dev/null || missing+=("$tool")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "There is no Neovim 0.10 or newer here, and putting one under .cache/ needs ${missing[*]}:" \
    "install Neovim from https://neovim.io, or ${missing[*]}, and run this again." >&2
  exit 1
fi
if [ "$(dpkg --print-architecture)" != amd64 ]; then
  echo "There is no Neovim 0.10 or newer here, and only amd64 can be fetched: install it from https://neovim.io." >&2
  exit 1
fi
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
if [ ! -r "$keyring" ]; then
  echo "Debian's signing keys are missing ($keyring): install debian-archive-keyring, or Neovim 0.10 or newer." >&2
  exit 1
fi
# The machine's own archive, in either of apt's formats.
mirror=${DEB_MIRROR:-$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1 || true)}
mirror=${mirror:-$(sed -n 's/^deb \(\[[^]]*\] \)\?\(http[^ ]*\) .*/\2/p' /etc/apt/sources.list 2>/dev/null | head -n 1 || true)}
[ -n "$mirror" ] || { echo 'no Debian archive is configured on this machine: install Neovim 0.10 or newer, or set DEB_MIRROR' >&2; exit 1; }

mkdir -p "$root/.cache"
work=$(mktemp -d "$dest.tmp.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{parts,lists/partial,cache/archives/partial}
: >"$work/status" # an empty list of installed packages makes apt fetch all that Neovim needs, its libc too
cat >"$work/parts/debian.sources" <<SOURCES
Types: deb
URIs: $mirror
Suites: $suite
Components: main
Architectures: amd64
Signed-By: $keyring
SOURCES
apt_options=(-qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/parts"
  -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
  -o Dir::State::lists="$work/lists" -o Dir::State::status="$work/status" -o Dir::State::extended_states="$work/extended"
  -o Dir::Cache="$work/cache" -o Dir::Cache::archives="$work/cache/archives" -o APT::Architecture=amd64
  -o APT::Install-Recommends=false -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3
  -o Debug::NoLocking=true)
echo "Putting Debian's Neovim ($suite) under .cache/ …" >&2
apt-get "${apt_options[@]}" update >&2
apt-get "${apt_options[@]}" -y --download-only install neovim >/dev/null

rm -rf "$dest"
mkdir -p "$dest/bin"
for package in "$work"/cache/archives/*.deb; do
  case ${package##*/} in
  neovim_* | neovim-runtime_* | lib* | lua*) dpkg-deb -x "$package" "$dest" ;;
  esac
done
rm -rf "$dest"/usr/share/{doc,locale,man,icons} "$dest/etc"
lib=usr/lib/x86_64-linux-gnu
if [ -e "$dest/lib/x86_64-linux-gnu" ]; then # suites whose /lib is still a folder of its own
  mkdir -p "$dest/$lib"
  cp -an "$dest/lib/x86_64-linux-gnu/." "$dest/$lib/"
  rm -rf "$dest/lib" "$dest/lib64"
fi
# Starting it through the loader instead would break the screen: Neovim runs its own executable again with --embed.
patchelf --set-interpreter "$dest/$lib/ld-linux-x86-64.so.2" --force-rpath \
  --set-rpath "\$ORIGIN/../lib/x86_64-linux-gnu" "$dest/usr/bin/nvim"
ln -s ../usr/bin/nvim "$dest/bin/nvim"
if ! new_enough "$dest/bin/nvim"; then
  rm -rf "$dest"
  echo "Debian's Neovim of $suite is older than 0.10 or does not run here: install it from https://neovim.io." >&2
  exit 1
fi
touch "$dest/.ok"
echo "$dest/bin/nvim"
