#!/usr/bin/env bash
# Builds what is out of date: the BPF objects, the addon, libslt, the Python extension and the
# TypeScript. Needs no network. Exit status: 0 built, 1 a step failed, 3 something must be set up first.
#
#   bash deploy/host/build.sh [TARGET…]      bpf addon libslt python typescript (none: all)
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly ROOT
cd "$ROOT"
. deploy/host/packages.sh

if ! NODE_ROOT=$(node_headers_root) || [[ ! -x node_modules/.bin/node-gyp || ! -x build/python/demo/bin/python ]]; then
  echo 'sltagent: this machine is not set up for the build; run: npm run setup' >&2
  exit 3
fi

mkdir -p build
exec {lock}>build/.lock
if ! flock --nonblock "$lock"; then
  echo 'sltagent: another build is running; waiting for it' >&2
  flock "$lock"
fi

# Make's own messages go where the steps' lines go: standard output belongs to what runs after.
if ! make --file deploy/host/Makefile --jobs "$(nproc)" --silent NODE_ROOT="$NODE_ROOT" "$@" >&2; then
  echo 'sltagent: the build failed; the reason stands above' >&2
  exit 1
fi
