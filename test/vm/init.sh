#!/bin/busybox sh
# The first process of a virtual machine (see boot.ts): sets the machine up, runs
# /command, tells its exit status on the second serial line, and powers off.
# /settings gives:
#   MARKER    starts the line with the status, which the command's output cannot hold by chance
#   ROOT      initramfs: the command sees what is here; host: the host's root, read-only
#   KEEP      with host: folders of the host that stay visible although they lie in /tmp or /run
/bin/busybox mkdir -p /bin /proc /sys /dev /tmp /run /host
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
. /settings

# The kernel's own messages are on the first line (/dev/console), the command's on the second.
stty -F /dev/ttyS1 raw -echo 115200

leave() {
  sync
  # The close waits until the UART has sent it all.
  printf '\n%s %s\n' "$MARKER" "$1" >/dev/ttyS1
  poweroff -f
}

fail() {
  echo "init: $*" >/dev/ttyS1
  leave setup-failed
}

# Each needs those before it. What a kernel has built in, or not at all, has no file.
for module in virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci \
  netfs fscache 9pnet 9pnet_virtio 9p overlay; do
  if [ -e "/modules/$module.ko" ]; then insmod "/modules/$module.ko" || fail "insmod $module"; fi
done

top=
if [ "$ROOT" = host ]; then
  top=/host
  # Nobody else writes through this mount, so what was read once may be kept (cache=loose).
  mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=524288,cache=loose host /host || fail 'mount of the host root'
  n=0
  for folder in $KEEP; do
    case $folder in
      /tmp/* | /run/* | /var/tmp/*) ;;
      *) continue ;;
    esac
    n=$((n + 1))
    mkdir -p "/keep/$n"
    mount -o bind "/host$folder" "/keep/$n" || fail "bind of $folder"
  done
  for folder in /tmp /run /var/tmp; do mount -t tmpfs -o mode=1777 tmpfs "/host$folder" || fail "tmpfs on $folder"; done
  n=0
  for folder in $KEEP; do
    case $folder in
      /tmp/* | /run/* | /var/tmp/*) ;;
      *) continue ;;
    esac
    n=$((n + 1))
    mkdir -p "/host$folder"
    mount -o bind "/keep/$n" "/host$folder" || fail "bind of $folder"
  done
fi

mount -t proc proc $top/proc || fail 'mount of proc'
mount -t sysfs sys $top/sys || fail 'mount of sysfs'
if [ -n "$top" ]; then mount -t devtmpfs dev $top/dev || fail 'mount of devtmpfs'; fi
mkdir -p $top/dev/shm $top/dev/pts
mount -t tmpfs -o mode=1777 tmpfs $top/dev/shm || fail 'mount of /dev/shm'
mount -t devpts devpts $top/dev/pts || fail 'mount of devpts'
mount -t tracefs tracefs $top/sys/kernel/tracing || fail 'mount of tracefs'
mount -t debugfs debugfs $top/sys/kernel/debug || fail 'mount of debugfs'
mount -t bpf bpf $top/sys/fs/bpf || fail 'mount of the BPF file system'
mount -t cgroup2 cgroup2 $top/sys/fs/cgroup || fail 'mount of cgroup2'
ifconfig lo 127.0.0.1 up
hostname sltagent-vm
ulimit -n 4096

if [ -n "$top" ]; then
  cp /command /host/run/command
  export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run
  /bin/chroot /host /bin/sh /run/command </dev/null >/dev/ttyS1 2>&1
else
  export HOME=/tmp
  sh /command </dev/null >/dev/ttyS1 2>&1
fi
status=$?
leave $status
