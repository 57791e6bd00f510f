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
    struct stat st;
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
    if (fstatat(c->host_root, "proc/kcore", &st, 0) == 0) {
        int ignored = symlinkat("/proc/kcore", dev, "core");
        (void)ignored;
    }
    close(dev);
}

/* A file of the host, seen through the old root that is still mounted. */
static int host_clone(const struct setup *c, const char *path)
{
    return k_open_tree(c->host_root, path[0] == '/' ? path + 1 : path, K_OPEN_TREE_CLONE);
}

/* Where mknod is not allowed (a user namespace, a nodev file system) the host's node is bound. */
static int bind_device(const struct setup *c, const struct berth_shim_device *d)
{
    int target = root_open_or_create(c, d->path, 0);
    int tree = target < 0 ? -1 : host_clone(c, d->host_path != NULL ? d->host_path : d->path);
    int result = tree < 0 ? -1 : k_move_mount(tree, target);
    int saved = errno;

    if (target >= 0) {
        close(target);
    }
    if (tree >= 0) {
        close(tree);
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

static int make_device(const struct setup *c, const struct berth_shim_device *d)
{
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
        return bind_device(c, d);
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
        if (make_device(c, &spec->devices[i]) < 0) {
            child_fail(c, BERTH_SHIM_STAGE_DEVICE, "creating the device %s: %s",
                       spec->devices[i].path, errno_text(errno));
        }
    }
    if (spec->default_links) {
        make_links(c);
    }
}

/* A masked directory becomes an empty read-only tmpfs (one for all), a file /dev/null. */
static int mask(const struct setup *c, int target, int *empty)
{
    struct stat st;
    int tree;

    if (fstat(target, &st) < 0) {
        return -1;
    }
    if (!S_ISDIR(st.st_mode)) {
        tree = host_clone(c, "/dev/null");
    } else if (*empty < 0) {
        int fs = (int)syscall(NR_FSOPEN, "tmpfs", 1);
        if (fs < 0 || syscall(NR_FSCONFIG, fs, K_FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
            return -1;
        }
        *empty = (int)syscall(NR_FSMOUNT, fs, 1, (unsigned int)K_ATTR_RDONLY);
        close(fs);
        return *empty < 0 ? -1 : k_move_mount(*empty, target);
    } else {
        tree = k_open_tree(*empty, "", K_OPEN_TREE_CLONE | K_AT_EMPTY_PATH);
    }
    if (tree < 0) {
        return -1;
    }
    int result = k_move_mount(tree, target);
    close(tree);
    return result;
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
    int empty = -1;

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
        if (target < 0 || mask(c, target, &empty) < 0) {
            child_fail(c, BERTH_SHIM_STAGE_MOUNT, "masking %s: %s", spec->masked.items[i],
                       errno_text(errno));
        }
        close(target);
    }
    if (empty >= 0) {
        close(empty);
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
