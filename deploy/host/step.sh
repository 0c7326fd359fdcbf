# One step of the set-up or the build: a line with its time when it is done; its
# output only when it failed, and then with what to do about it.
#
#   step LABEL COMMAND [ARGUMENT…]     in a script that sources this file
#   bash step.sh LABEL COMMAND …       elsewhere (the Makefile)
#
# STEP_HINT says what a person can do when the command fails. Everything goes to
# standard error: standard output belongs to what runs after (npm run demo -- --json).

step_milliseconds() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

step() {
  local label=$1 output started status elapsed
  shift
  output=$(mktemp "${TMPDIR:-/tmp}/sltagent-step.XXXXXX")
  started=$(step_milliseconds)
  if [[ -t 2 ]]; then printf '  %s …\r' "$label" >&2; fi

  # In a subshell with -e of its own, outside any condition: bash ignores -e inside one.
  set +e
  (
    set -e
    "$@"
  ) >"$output" 2>&1 </dev/null
  status=$?
  set -e

  elapsed=$(($(step_milliseconds) - started))
  if ((status == 0)); then
    printf '  %-66s %3d.%d s\n' "$label" $((elapsed / 1000)) $((elapsed % 1000 / 100)) >&2
    rm -f "$output"
    return
  fi
  {
    printf '  %s FAILED after %d.%d s with status %d. ' "$label" $((elapsed / 1000)) $((elapsed % 1000 / 100)) "$status"
    printf 'The end of its output (all of it: %s):\n' "$output"
    tail -n 60 "$output" | sed 's/^/    /'
    printf '\n  %s\n' "${STEP_HINT:-The command was: $*}"
  } >&2
  exit 1
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -euo pipefail
  step "$@"
fi
