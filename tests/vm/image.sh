# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034  # VM_* are for the script that sources this
# Makes what the virtual machine boots from, once: kernel, initramfs and Debian's root. Sourced.

# Modules that the initramfs loads, in this order; the rest comes from the root.
VM_MODULES='virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk'

# vm_image CACHE: sets VM_KERNEL, VM_INITRD and VM_ROOT; makes them when this recipe has not yet.
vm_image()
{
    local cache=$1 here key
    here=$(dirname "${BASH_SOURCE[0]}")
    key=$(cat "$here/image.sh" "$here/packages" "$here/init" | sha256sum | cut -c1-16)
    VM_KERNEL=$cache/vm-$key/vmlinuz
    VM_INITRD=$cache/vm-$key/initrd
    VM_ROOT=$cache/vm-$key/root.img
    [ ! -e "$cache/vm-$key/complete" ] || return 0
    rm -rf "$cache/vm-$key"
    mkdir -p "$cache/vm-$key/work"
    (
        cd "$cache/vm-$key/work"
        vm_kernel
        vm_initrd "$here" > ../initrd
        vm_root "$here"
    ) > "$cache/vm-$key/log" 2>&1 || { tail -20 "$cache/vm-$key/log" >&2; return 1; }
    rm -rf "$cache/vm-$key/work"
    touch "$cache/vm-$key/complete"
}

# Debian's kernel for virtual machines, unpacked and not installed.
vm_kernel()
{
    local package
    package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/ { print $2; exit }')
    apt-get download "$package"
    dpkg-deb -x "$package"_*.deb kernel
    cp kernel/boot/vmlinuz-* ../vmlinuz
}

vm_initrd()
{
    local module
    mkdir -p initrd/bin initrd/modules
    cp /bin/busybox initrd/bin/
    cp "$1/init" initrd/init
    chmod 755 initrd/init
    for module in $VM_MODULES; do
        find kernel/lib/modules -name "$module.ko" -exec cp {} initrd/modules/ \;
        echo "$module" >> initrd/modules/order
    done
    (cd initrd && find . | LC_ALL=C sort | busybox cpio -o -H newc 2>/dev/null)
}

vm_root()
{
    local packages release
    packages=$(sed -e 's/#.*//' "$1/packages" | xargs | tr ' ' ,)
    release=$(basename kernel/lib/modules/*)
    # The machine's own apt configuration says where packages come from.
    mmdebstrap --variant=essential --include="$packages" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' bookworm root
    mkdir -p root/usr/lib/modules
    cp -a "kernel/lib/modules/$release" root/usr/lib/modules/
    chroot root depmod "$release"
    # Units that a test does not need cost seconds on an emulated processor.
    local unit
    for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
        e2scrub_reap.service fstrim.timer systemd-timesyncd.service getty.target \
        systemd-udev-trigger.service systemd-update-utmp.service systemd-tmpfiles-clean.timer \
        systemd-random-seed.service systemd-pstore.service serial-getty@ttyS0.service \
        systemd-hwdb-update.service systemd-firstboot.service ldconfig.service; do
        ln -sf /dev/null "root/etc/systemd/system/$unit"
    done
    echo berth-vm > root/etc/hostname
    truncate -s 2G root.img
    mkfs.ext4 -q -d root -O ^has_journal root.img
    mv root.img ../root.img
}
