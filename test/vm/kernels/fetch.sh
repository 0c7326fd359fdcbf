#!/usr/bin/env bash
# Fetches a kernel of Debian's for the virtual machines, and prints the folder it is in:
#
#   folder=$(bash test/vm/kernels/fetch.sh 6.1)        5.10, 6.1, 6.12 or 7.3
#
# The folder holds `vmlinuz`, `packages` (what it came from) and `modules/`: those that the first
# file system needs, uncompressed, for busybox's insmod takes nothing else. The rest of the
# package (300 to 600 MB) is not kept. A second call takes some milliseconds and no
# network. To get a newer build of a kernel remove its folder.
# Exit status: 0 there, 1 not to be had, 2 wrong usage, 3 a person must do something first.
set -euo pipefail

readonly version=${1:-}
case $version in
  # bullseye: the last suite with a 5.10; -cloud, -rt and -dbg kernels have other names.
  5.10) suite=bullseye patterns=('linux-image-5\.10\.0-[0-9]+-amd64') ;;
  6.1) suite=bookworm patterns=('linux-image-6\.1\.0-[0-9]+-amd64') ;;
  6.12) suite=trixie patterns=('linux-image-6\.12\.[0-9.]+\+deb13(\.[0-9]+)?-amd64') ;;
  # From 7.1 on the image and the modules are in packages of their own.
  7.3)
    suite=trixie-backports
    patterns=('linux-binary-7\.3\.[0-9.]+\+deb13(\.[0-9]+)?-amd64' 'linux-modules-7\.3\.[0-9.]+\+deb13(\.[0-9]+)?-amd64')
    ;;
  *)
    echo "sltagent: fetch.sh knows the kernels 5.10, 6.1, 6.12 and 7.3, not '$version'" >&2
    exit 2
    ;;
esac
readonly suite patterns

# What the root over 9p needs, and overlayfs. Where a kernel has one built in, or has not split
# it off yet, there is no such file.
readonly modules=(virtio virtio_ring virtio_pci virtio_pci_modern_dev virtio_pci_legacy_dev
  netfs fscache 9pnet 9pnet_virtio 9p overlay)

FOLDER=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly FOLDER kernels=${XDG_CACHE_HOME:-$HOME/.cache}/sltagent/kernels
readonly target=$kernels/$version

if [[ -d $target ]]; then
  echo "$target"
  exit
fi
if [[ $(dpkg --print-architecture) != amd64 ]]; then
  echo 'sltagent: the kernels of the VM tests are those of amd64, which this machine is not' >&2
  exit 3
fi

mkdir -p "$kernels"
exec {lock}>"$kernels/$version.lock"
flock "$lock"
if [[ -d $target ]]; then
  echo "$target"
  exit
fi

echo "sltagent: fetching Linux $version of Debian $suite into $target (a download of 60 to 120 MB; 10 to 20 MB are kept)" >&2
work=$(mktemp -d "$kernels/$version.unfinished.XXXXXX")
readonly work
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/kept/modules"
bash "$FOLDER/../debian-package.sh" "$suite" "$work/package" "${patterns[@]}" >"$work/kept/packages"
if [[ $(cut -d ' ' -f 2 "$work/kept/packages" | sort --unique | wc --lines) != 1 ]]; then
  echo "sltagent: the mirror has image and modules of Linux $version in different versions (it is being updated): $(tr '\n' ' ' <"$work/kept/packages")" >&2
  exit 1
fi

find "$work/package" -type f -name 'vmlinuz*' -exec mv {} "$work/kept/vmlinuz" \;
for module in "${modules[@]}"; do
  find "$work/package" -type f \( -name "$module.ko" -o -name "$module.ko.xz" \) -exec mv {} "$work/kept/modules" \;
done
find "$work/kept/modules" -name '*.xz' -exec xz --decompress {} +
if [[ ! -s $work/kept/vmlinuz || ! -s $work/kept/modules/9p.ko ]]; then
  echo "sltagent: no vmlinuz or no 9p module in $(tr '\n' ' ' <"$work/kept/packages")" >&2
  exit 1
fi
mv "$work/kept" "$target"
echo "$target"
