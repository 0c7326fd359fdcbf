# What the machine must have, and the packages of its distribution that bring it.
# Sourced by prepare.sh. A need is looked for itself (a command, a header) and not by
# its package, so that a machine which was set up another way is as good.

# need: Debian's package | Fedora's | how to look for it | what it is for
readonly NEEDS_TO_BUILD='
clang|clang|command clang|compiles the BPF programs
llvm|llvm|command llvm-strip|strips the BPF objects
libbpf-dev|libbpf-devel|header bpf/libbpf.h|loads the BPF programs
libelf-dev|elfutils-libelf-devel|header libelf.h|needed by libbpf
libdw-dev|elfutils-devel|header elfutils/libdwfl.h|names the frames of call stacks
zlib1g-dev|zlib-devel|header zlib.h|needed by libelf
bpftool|bpftool|command bpftool|links the BPF objects and reads their types
gcc|gcc|command gcc|compiles libslt and the Python extension
g++|gcc-c++|command g++|compiles the addon
libc6-dev|glibc-devel|header stdio.h|the C library
linux-libc-dev|kernel-headers|header linux/bpf.h|the interface of the kernel
make|make|command make|builds what is out of date
pkg-config|pkgconf-pkg-config|command pkg-config|finds the libraries
'
readonly NEEDS_OF_PYTHON='
python3|python3|python runs|runs the demo service
python3-venv|python3|python venv|keeps its packages apart
python3-dev|python3-devel|python header|builds the Python extension
'
# Node-API is a stable ABI, so the headers need not be of the node that runs: those of
# Debian 12 (Node 18) serve as well. Node's own packages and archives bring them along.
readonly NEEDS_OF_ADDON='
libnode-dev|nodejs-devel|node header|the headers for Node addons
'
readonly NEEDS_OF_MACHINES='
qemu-system-x86|qemu-system-x86-core|command qemu-system-x86_64|boots other kernels
busybox-static|busybox|command busybox|the first program in them
cpio|cpio|command cpio|packs their initial file system
xz-utils|xz|command xz|unpacks kernel modules
'
# For the bench `figures`: its load generator, and the tools that the agent is held against.
readonly NEEDS_OF_FIGURES='
wrk|wrk|command wrk|loads the service of the bench
strace|strace|command strace|a peer that the bench measures
linux-perf|perf|command perf|a peer that the bench measures
bpftrace|bpftrace|command bpftrace|a peer that the bench measures
libbpf-tools|libbpf-tools|command syscount|peers that the bench measures
'

# The folder above include/node/node_api.h for the node that runs, or else the system's.
node_headers_root() {
  local root
  for root in "$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")" /usr /usr/local; do
    if [[ -e $root/include/node/node_api.h ]]; then
      echo "$root"
      return
    fi
  done
  return 1
}

has_command() { command -v "$1" >/dev/null || [[ -x /usr/sbin/$1 || -x /sbin/$1 ]]; }

has_header() {
  local folder
  for folder in /usr/include /usr/local/include /usr/include/*-linux-gnu; do
    if [[ -e $folder/$1 ]]; then return; fi
  done
  return 1
}

has() {
  case $1 in
    command) has_command "$2" ;;
    header) has_header "$2" ;;
    node) node_headers_root >/dev/null ;;
    # Set by choose_python (python.sh): whether an interpreter was found that can do all three.
    python) [[ -n $PYTHON ]] ;;
  esac
}

# Fills MISSING with the lines of those needs that are not met.
find_missing() {
  local line probe
  MISSING=()
  while IFS= read -r line; do
    if [[ -z $line ]]; then continue; fi
    IFS='|' read -r _ _ probe _ <<<"$line"
    # shellcheck disable=SC2086 # kind and name are two words
    if ! has $probe; then MISSING+=("$line"); fi
  done <<<"$1"
}

missing_names() { # COLUMN (1: Debian, 2: Fedora)
  printf '%s\n' "${MISSING[@]}" | cut -d'|' -f"$1" | sort -u | paste -sd' '
}

is_debian() {
  [[ -r /etc/os-release ]] && grep -qE '^ID(_LIKE)?=.*\b(debian|ubuntu)\b' /etc/os-release && command -v apt-get >/dev/null
}

# Exit status 3: the machine cannot do it until a person has installed what is named here.
refuse_missing() {
  {
    echo "sltagent: this machine lacks what is needed, and $1:"
    printf '%s\n' "${MISSING[@]}" | awk -F'|' '{ printf "  %-16s %s\n", $1, $4 }'
    echo 'Install it, then run this again: it goes on from there.'
    echo "  Debian, Ubuntu: apt-get install --no-install-recommends $(missing_names 1)"
    echo "  Fedora:         dnf install $(missing_names 2)"
    echo '  elsewhere:      the packages that bring the same commands and headers'
  } >&2
  exit 3
}

# The lists of packages may be absent or old: they are fetched when the first try says so.
apt_install() {
  local install=(apt-get install --yes --quiet --no-install-recommends -o DPkg::Lock::Timeout=600 "$@")
  export DEBIAN_FRONTEND=noninteractive
  if "${install[@]}"; then return; fi
  apt-get update --quiet
  "${install[@]}"
}

install_missing_packages() {
  local names
  if ((${#MISSING[@]} == 0)); then return; fi
  read -ra names <<<"$(missing_names 1)"
  STEP_HINT="Install them by hand (apt-get install ${names[*]}), then run this again." \
    step "${#names[@]} distribution packages" apt_install "${names[@]}"
}
