/* SPDX-License-Identifier: Apache-2.0
 *
 * Device nodes, the standard links in /dev, masked and read-only paths, /dev/console.
 */
#include "shim/kernel.h"
#include "shim/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* OCI runtime spec, config-linux.md "Default Devices" and runtime-linux.md "Dev symbolic links". */
static const struct {
    const char *target, *name;
} links[] = {
    {"/proc/self/fd", "fd"},       {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"},
    {"/proc/self/fd/2", "stderr"}, {"pts/ptmx", "ptmx"},
};

static void make_links(const struct setup *c)
{
    int dev = root_open_or_create(c, "/dev", 1);

    for (size_t i = 0; dev >= 0 && i < sizeof(links) / sizeof(links[0]); i++) {
        if (symlinkat(links[i].target, dev, links[i].name) < 0 && errno != EEXIST) {
            close(dev);
            dev = -1;
        }
    }
    if (dev < 0) {
        child_fail(c, BERTH_SHIM_STAGE_DEVICE, "creating the links in /dev: %s", errno_text(errno));
    }
    int kcore = root_open(c, "/proc/kcore", 0);
    if (kcore >= 0) {
        int ignored = symlinkat("/proc/kcore", dev, "core");
        (void)ignored;
        close(kcore);
    }
    close(dev);
}

static int may_mknod(void)
{
    struct k_cap_header header = {.version = K_CAPABILITY_VERSION_3};
    struct k_cap_data data[2];

    return syscall(SYS_capget, &header, data) == 0 && (data[0].effective >> 27 & 1) != 0;
}

/* Where mknod is not allowed the host's nodes are bound instead. */
void child_clone_devices(struct setup *c)
{
    const struct berth_shim_spec *spec = c->spec;

    if (spec->device_count > DEVICES_MAX) {
        errno = E2BIG;
        child_fail(c, BERTH_SHIM_STAGE_DEVICE,
                   "%u devices are more than the %d a container may "
                   "have",
                   spec->device_count, DEVICES_MAX);
    }
    if (spec->masked.count > 0) {
        c->null_tree = k_open_tree(AT_FDCWD, "/dev/null", K_OPEN_TREE_CLONE);
    }
    for (uint32_t i = 0; i < spec->device_count && !may_mknod(); i++) {
        const struct berth_shim_device *d = &spec->devices[i];
        c->device_trees[i] =
            k_open_tree(AT_FDCWD, d->host_path != NULL ? d->host_path : d->path, K_OPEN_TREE_CLONE);
    }
}

static int bind_device(const struct setup *c, uint32_t index)
{
    int tree = c->device_trees[index];
    int target = tree < 0 ? -1 : root_open_or_create(c, c->spec->devices[index].path, 0);
    int result = target < 0 ? -1 : k_move_mount(tree, target);
    int saved = errno;

    if (target >= 0) {
        close(target);
    }
    errno = saved;
    return result;
}

/* Splits off the last component; keeps the directory's fd for the next device in the same one. */
static int device_directory(const struct setup *c, const char *path, const char **ret_name)
{
    static char kept[256];
    static int kept_fd = -1;
    const char *slash = strrchr(path, '/');
    char directory[256];
    size_t length = slash == NULL ? 0 : (size_t)(slash - path);

    if (slash == NULL || slash[1] == 0 || length >= sizeof(directory)) {
        errno = EINVAL;
        return -1;
    }
    *ret_name = slash + 1;
    memcpy(directory, path, length);
    directory[length] = 0;
    if (kept_fd >= 0 && strcmp(kept, directory) == 0) {
        return kept_fd;
    }
    int fd = root_open_or_create(c, length == 0 ? "/" : directory, 1);
    if (fd >= 0) {
        if (kept_fd >= 0) {
            close(kept_fd);
        }
        kept_fd = fd;
        memcpy(kept, directory, length + 1);
    }
    return fd;
}

static int make_device(const struct setup *c, uint32_t index)
{
    const struct berth_shim_device *d = &c->spec->devices[index];
    struct stat st;
    const char *name;
    int dir = device_directory(c, d->path, &name);

    if (dir < 0) {
        return -1;
    }
    if (mknodat(dir, name, d->mode, makedev(d->major, d->minor)) < 0) {
        if (errno == EEXIST && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            (st.st_mode & S_IFMT) == (d->mode & S_IFMT) &&
            st.st_rdev == makedev(d->major, d->minor)) {
            return 0;
        }
        return c->device_trees[index] < 0 ? -1 : bind_device(c, index);
    }
    if ((d->uid != 0 || d->gid != 0) &&
        fchownat(dir, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0) {
        return -1;
    }
    return 0;
}

void child_devices(struct setup *c)
{
    const struct berth_shim_spec *spec = c->spec;

    for (uint32_t i = 0; i < spec->device_count; i++) {
        if (make_device(c, i) < 0) {
            child_fail(c, BERTH_SHIM_STAGE_DEVICE, "creating the device %s: %s",
                       spec->devices[i].path, errno_text(errno));
        }
    }
    if (spec->default_links) {
        make_links(c);
    }
}

static int empty_directory(void)
{
    int fs = (int)syscall(NR_FSOPEN, "tmpfs", 1 /* FSOPEN_CLOEXEC */);
    int mounted = -1;

    if (fs >= 0 && syscall(NR_FSCONFIG, fs, K_FSCONFIG_SET_STRING, "source", "tmpfs", 0) == 0 &&
        syscall(NR_FSCONFIG, fs, K_FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0) {
        mounted = (int)syscall(NR_FSMOUNT, fs, 1, (unsigned int)K_ATTR_RDONLY);
    }
    if (fs >= 0) {
        close(fs);
    }
    return mounted;
}

/* Attaches a detached mount the first time, clones of it (which needs it attached) afterwards. */
static int cover(int tree, int *attached, int target)
{
    if (!*attached) {
        *attached = 1;
        return k_move_mount(tree, target);
    }
    int clone = k_open_tree(tree, "", K_OPEN_TREE_CLONE | K_AT_EMPTY_PATH);
    int result = clone < 0 ? -1 : k_move_mount(clone, target);
    int saved = errno;
    if (clone >= 0) {
        close(clone);
    }
    errno = saved;
    return result;
}

struct masks {
    int null_attached;
    int empty; /* one read-only tmpfs for all directories */
    int empty_attached;
};

static int mask(const struct setup *c, int target, struct masks *masks)
{
    struct stat st;

    if (fstat(target, &st) < 0) {
        return -1;
    }
    if (!S_ISDIR(st.st_mode)) {
        return cover(c->null_tree, &masks->null_attached, target);
    }
    if (masks->empty < 0) {
        masks->empty = empty_directory();
    }
    return masks->empty < 0 ? -1 : cover(masks->empty, &masks->empty_attached, target);
}

static int make_readonly(int target)
{
    struct k_mount_attr attr = {.attr_set = K_ATTR_RDONLY};
    int tree = k_open_tree(target, "", K_OPEN_TREE_CLONE | K_AT_RECURSIVE | K_AT_EMPTY_PATH);

    if (tree < 0) {
        return -1;
    }
    int result = k_mount_setattr(tree, K_AT_RECURSIVE, &attr);
    if (result == 0) {
        result = k_move_mount(tree, target);
    }
    close(tree);
    return result;
}

/* Paths that do not exist in this kernel or image need no protection. */
void child_paths(struct setup *c)
{
    const struct berth_shim_spec *spec = c->spec;
    struct masks masks = {.empty = -1};

    for (uint32_t i = 0; i < spec->readonly.count; i++) {
        int target = root_open(c, spec->readonly.items[i], 0);
        if (target < 0 && (errno == ENOENT || errno == ENOTDIR)) {
            continue;
        }
        if (target < 0 || make_readonly(target) < 0) {
            child_fail(c, BERTH_SHIM_STAGE_MOUNT, "making %s read-only: %s",
                       spec->readonly.items[i], errno_text(errno));
        }
        close(target);
    }
    for (uint32_t i = 0; i < spec->masked.count; i++) {
        int target = root_open(c, spec->masked.items[i], 0);
        if (target < 0 && (errno == ENOENT || errno == ENOTDIR)) {
            continue;
        }
        if (target < 0 || mask(c, target, &masks) < 0) {
            child_fail(c, BERTH_SHIM_STAGE_MOUNT, "masking %s: %s", spec->masked.items[i],
                       errno_text(errno));
        }
        close(target);
    }
    if (masks.empty >= 0) {
        close(masks.empty);
    }
}

void child_console(struct setup *c, int slave)
{
    int target = root_open_or_create(c, "/dev/console", 0);
    int tree = target < 0 ? -1 : k_open_tree(slave, "", K_OPEN_TREE_CLONE | K_AT_EMPTY_PATH);

    if (tree < 0 || k_move_mount(tree, target) < 0) {
        child_fail(c, BERTH_SHIM_STAGE_STDIO, "binding the terminal on /dev/console: %s",
                   errno_text(errno));
    }
    close(tree);
    close(target);
}
