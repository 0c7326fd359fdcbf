# The Python interpreter and its environments. Sourced by prepare.sh.
#
# An environment holds exactly what one requirements file pins. It is kept in the cache
# under a name that is the hash of all that it depends on, so it is never changed, only
# made, and each checkout links to it from build/python/.

readonly PYTHON_CHECK='
import ensurepip, os, sys, sysconfig, venv
if sys.version_info < (3, 9): sys.exit("too old")
if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")): sys.exit("no Python.h")
print(os.path.realpath(sys.executable), sys.version.split()[0], sysconfig.get_config_var("SOABI"))
'

# Sets PYTHON (a path, empty when none will do) and PYTHON_IDENTITY. The first python3 on
# PATH that can make environments and build extensions, for that is the one that a person
# here uses; then the distribution's. PYTHON names another, as for node-gyp.
choose_python() {
  local candidates
  readarray -t candidates < <(type -aP python3 || true)
  candidates+=(/usr/bin/python3)
  if [[ -n ${PYTHON:-} ]]; then candidates=("$PYTHON"); fi
  for PYTHON in "${candidates[@]}"; do
    if PYTHON_IDENTITY=$("$PYTHON" -c "$PYTHON_CHECK" 2>/dev/null); then
      PYTHON=${PYTHON_IDENTITY%% *}
      return
    fi
  done
  PYTHON='' PYTHON_IDENTITY=''
}

environment_folder() { # REQUIREMENTS
  local hash
  hash=$({ echo "$PYTHON_IDENTITY" && cat "$1"; } | sha256sum)
  echo "$CACHE/python/${hash:0:16}"
}

# `complete` is written last: an environment without it was cut short.
environment_is_made() { [[ -e $1/complete && -x $1/bin/python ]]; }

make_environment() { # REQUIREMENTS FOLDER
  rm -rf "$2"
  mkdir -p "$(dirname "$2")"
  "$PYTHON" -m venv "$2"
  # Every package is pinned, those of packages too, so pip has nothing to resolve.
  "$2/bin/python" -m pip install --no-input --no-deps --disable-pip-version-check --requirement "$1"
  "$2/bin/python" -m pip check
  touch "$2/complete"
}

link_environment() { # NAME FOLDER
  mkdir -p "$ROOT/build/python"
  if [[ $(readlink "$ROOT/build/python/$1" || true) != "$2" ]]; then ln -sfn "$2" "$ROOT/build/python/$1"; fi
}
