#!/usr/bin/env bash
# Unpacks packages of any Debian suite into a folder, installs nothing, and prints
# the name and version of each:
#
#   bash debian-package.sh SUITE FOLDER PATTERN…
#
# PATTERN is an extended regular expression for the whole name of a package; the
# newest name that it matches is taken. The mirror is the one this system installs
# from; apt works in folders of its own, so the system's lists, cache and database
# are neither read nor changed. Root is not needed.
set -euo pipefail

readonly keyring=/usr/share/keyrings/debian-archive-keyring.gpg
readonly suite=$1 folder=$2
shift 2

# Of the system's sources the one that the suites are beside: neither security nor a third party's.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m 1 -E '/debian/?$' || true)
if [[ -z $mirror || ! -r $keyring ]]; then
  echo "sltagent: cannot fetch packages of $suite: apt on this system has no source of Debian (a URI that ends in /debian) or no $keyring (package debian-archive-keyring)." >&2
  exit 3
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/sltagent-apt.XXXXXX")
readonly work mirror
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{state,lists/partial,cache/archives/partial,deb}
touch "$work/state/status"
echo "deb [arch=$(dpkg --print-architecture) signed-by=$keyring] $mirror $suite main" >"$work/sources.list"
cat >"$work/apt.conf" <<EOF
Dir::State "$work/state";
Dir::State::Lists "$work/lists";
Dir::State::status "$work/state/status";
Dir::Cache "$work/cache";
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::CNF::DefaultEnabled "false";
Acquire::Retries "3";
APT::Sandbox::User "$(id -un)";
EOF
export APT_CONFIG=$work/apt.conf

apt-get --quiet --quiet --error-on=any update
for pattern in "$@"; do
  name=$(apt-cache pkgnames | grep --extended-regexp --line-regexp "$pattern" | sort --version-sort | tail --lines 1 || true)
  if [[ -z $name ]]; then
    echo "sltagent: $suite on $mirror has no package whose name matches $pattern" >&2
    exit 1
  fi
  (cd "$work/deb" && apt-get --quiet --quiet download "$name")
  dpkg-deb --extract "$work"/deb/*.deb "$folder"
  dpkg-deb --showformat '${Package} ${Version}\n' --show "$work"/deb/*.deb
  rm "$work"/deb/*.deb
done
