#!/usr/bin/env bash
# Builds the C extension for one Python interpreter (CPython 3.9 or later, with its headers):
#
#   bash preload-libs/python/build.sh [PYTHON]      build/python/<ABI>/_sltagent_native.so
#
# Needs build/libslt.so, which the extension finds by a path relative to itself, so that all
# processes map the one file that the agent attaches to.
# Exit status: 0 built, 1 the compiler failed, 2 not an interpreter that is supported, 3 something must be installed first.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
PYTHON=${1:-python3}

refuse() { # STATUS MESSAGE
  echo "sltagent: $2" >&2
  exit "$1"
}

if ! facts=$("$PYTHON" -c '
import platform, sys, sysconfig
print(platform.python_implementation(), sys.hexversion, sysconfig.get_config_var("Py_GIL_DISABLED") or 0)
print(sysconfig.get_config_var("SOABI"))
print(sysconfig.get_path("include"))
print("%d.%d" % sys.version_info[:2])
'); then
  refuse 2 "'$PYTHON' is not a Python interpreter that can be run"
fi
{
  read -r implementation hexversion free_threaded
  read -r abi
  read -r include
  read -r version
} <<<"$facts"

if [[ $implementation != CPython ]] || ((hexversion < 0x03090000)); then
  refuse 2 "'$PYTHON' is $implementation $version; the Python library is for CPython 3.9 and later"
fi
if [[ $free_threaded != 0 ]]; then
  refuse 2 "'$PYTHON' is a free-threaded build, which the Python library does not support"
fi
if [[ ! -e $include/Python.h ]]; then
  refuse 3 "$include/Python.h is missing: install the headers of Python $version (Debian and Ubuntu: apt-get install python$version-dev; Fedora: python$version-devel)"
fi
if [[ ! -e $ROOT/build/libslt.so ]]; then
  refuse 3 "build/libslt.so is missing: run make -C preload-libs/c first"
fi

output=$ROOT/build/python/$abi
mkdir -p "$output"
# DT_RPATH, not DT_RUNPATH: no LD_LIBRARY_PATH of the service may put another libslt in its place.
# Moved when whole: a running service may have the former one mapped.
${CC:-cc} -std=c11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -fPIC -fvisibility=hidden -shared \
  -isystem "$include" -I"$ROOT/preload-libs/c" -I"$ROOT/schemas/wire" \
  "$HERE"/native/*.c -o "$output/_sltagent_native.so.new" \
  -L"$ROOT/build" -lslt -Wl,--disable-new-dtags,-rpath,'$ORIGIN/../..' -Wl,-z,relro -Wl,-z,now
mv "$output/_sltagent_native.so.new" "$output/_sltagent_native.so"
