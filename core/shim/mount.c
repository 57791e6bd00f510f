/* SPDX-License-Identifier: Apache-2.0
 *
 * The container's file system: root, mounts, and how a path in it is reached. Paths of the
 * container are resolved beneath its root only, whatever symbolic links the image holds.
 */
#include "shim/kernel.h"
#include "shim/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

enum { PATH_SIZE = 4096, DEPTH_MAX = 64 };

const char *errno_text(int number)
{
    static char text[64];
    const char *from = strerror(number);

    /* Go's, and thereby Docker's, begin in lower case. */
    snprintf(text, sizeof(text), "%s", from);
    if (text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z') {
        text[0] = (char)(text[0] - 'A' + 'a');
    }
    return text;
}

int root_open(const struct setup *c, const char *path, int flags)
{
    struct k_open_how how = {.flags = (uint64_t)(flags | O_PATH | O_CLOEXEC),
                             .resolve = K_RESOLVE_IN_ROOT | K_RESOLVE_NO_MAGICLINKS};
    return k_openat2(c->root, path, &how);
}

/* Opens the directory that holds path, creating it; *ret_name points at the last component. */
static int open_parent(const struct setup *c, const char *path, const char **ret_name)
{
    char parent[PATH_SIZE];
    size_t length = strlen(path);

    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    size_t start = length;
    while (start > 0 && path[start - 1] != '/') {
        start--;
    }
    if (start == length || start >= sizeof(parent)) {
        errno = start == length ? EINVAL : ENAMETOOLONG;
        return -1;
    }
    *ret_name = path + start;
    memcpy(parent, path, start);
    parent[start] = 0;
    if (start <= 1) {
        parent[0] = '/';
        parent[1] = 0;
    }
    return root_open_or_create(c, parent, 1);
}

int root_open_or_create(const struct setup *c, const char *path, int directory)
{
    static int depth;
    char name[256];
    const char *last;
    int fd = root_open(c, path, 0);

    if (fd >= 0 || errno != ENOENT) {
        return fd;
    }
    if (depth == DEPTH_MAX) {
        errno = ELOOP;
        return -1;
    }
    depth++;
    int parent = open_parent(c, path, &last);
    depth--;
    if (parent < 0) {
        return -1;
    }
    size_t length = strcspn(last, "/");
    if (length >= sizeof(name)) {
        errno = ENAMETOOLONG;
        close(parent);
        return -1;
    }
    memcpy(name, last, length);
    name[length] = 0;
    int result = directory ? mkdirat(parent, name, 0755) : mknodat(parent, name, S_IFREG | 0644, 0);
    if (result < 0 && errno != EEXIST) {
        int saved = errno;
        close(parent);
        errno = saved;
        return -1;
    }
    close(parent);
    return root_open(c, path, 0);
}

/* ---- before the clone ----------------------------------------------------------------------- */

static int prepare_bind(struct shim *s, const struct berth_shim_mount *m, int *ret_tree)
{
    unsigned int flags = K_OPEN_TREE_CLONE;

    if ((m->flags & BERTH_SHIM_MOUNT_RECURSIVE) != 0) {
        flags |= K_AT_RECURSIVE;
    }
    int tree = m->fd >= 0 ? k_open_tree(m->fd, "", flags | K_AT_EMPTY_PATH)
                          : k_open_tree(AT_FDCWD, m->source == NULL ? "" : m->source, flags);
    if (tree < 0) {
        if ((m->flags & BERTH_SHIM_MOUNT_OPTIONAL) != 0) {
            return 0;
        }
        snprintf(s->text, sizeof(s->text), "error mounting \"%s\" to rootfs at \"%s\": %s",
                 m->source == NULL ? "(fd)" : m->source, m->target, errno_text(errno));
        return -1;
    }
    *ret_tree = tree;
    return 0;
}

int mounts_prepare(struct shim *s, struct setup *c)
{
    const struct berth_shim_spec *spec = c->spec;

    if (spec->mount_count > MOUNTS_MAX) {
        errno = E2BIG;
        snprintf(s->text, sizeof(s->text), "%u mounts are more than the %d a container may have",
                 spec->mount_count, MOUNTS_MAX);
        return -1;
    }
    for (uint32_t i = 0; i < spec->mount_count; i++) {
        const struct berth_shim_mount *m = &spec->mounts[i];
        c->mount_trees[i] = -1;
        if (m->kind == BERTH_SHIM_MOUNT_BIND && prepare_bind(s, m, &c->mount_trees[i]) < 0) {
            return -1;
        }
        if (m->kind == BERTH_SHIM_MOUNT_MOVE) {
            c->mount_trees[i] = m->fd;
        }
    }
    return 0;
}

/* ---- in the child --------------------------------------------------------------------------- */

/* A detached mount of the root: as handed over, or a recursive clone of a directory. */
static int root_tree(const struct setup *c)
{
    const struct berth_shim_spec *spec = c->spec;

    if (spec->root_fd < 0) {
        if (spec->root_path == NULL) {
            errno = EINVAL;
            return -1;
        }
        return k_open_tree(AT_FDCWD, spec->root_path, K_OPEN_TREE_CLONE | K_AT_RECURSIVE);
    }
    return spec->root_fd;
}

void child_enter_root(struct setup *c)
{
    const char *what = "making the mounts private";
    int here = -1, tree = -1;

    /* Nothing done here may propagate to the host. */
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        goto fail;
    }
    what = "opening the host's root";
    here = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (here < 0) {
        goto fail;
    }
    child_clone_devices(c); /* the host's files can be reached for the last time */
    what = "opening the container's root";
    tree = root_tree(c);
    if (tree < 0) {
        goto fail;
    }
    what = "attaching the container's root";
    if (k_move_mount(tree, here) < 0) {
        /* Not a detached mount but a directory: clone it first. */
        tree = k_open_tree(tree, "", K_OPEN_TREE_CLONE | K_AT_RECURSIVE | K_AT_EMPTY_PATH);
        if (tree < 0 || k_move_mount(tree, here) < 0) {
            goto fail;
        }
    }
    what = "pivot_root";
    /* On top of itself: pivot_root(2), NOTES, 'pivot_root(".", ".")'. The old root, now mounted
     * over the new one, goes at once: a ".." at the new root would climb onto it, and with it a
     * path of the image into the host. */
    if (fchdir(tree) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || fchdir(here) < 0 ||
        umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) {
        goto fail;
    }
    close(here);
    c->root = tree;
    return;
fail:
    child_fail(c, BERTH_SHIM_STAGE_ROOT, "setting up the root file system: %s: %s", what,
               errno_text(errno));
}

static int new_file_system(const struct berth_shim_mount *m)
{
    int fs = (int)syscall(NR_FSOPEN, m->type == NULL ? "" : m->type, 1 /* FSOPEN_CLOEXEC */);

    if (fs < 0) {
        return -1;
    }
    /* What /proc/mounts shows first; without one of its own it is the type, as mount(8) does. */
    syscall(NR_FSCONFIG, fs, K_FSCONFIG_SET_STRING, "source",
            m->source != NULL && m->source[0] != 0 ? m->source : m->type, 0);
    for (uint32_t i = 0; i < m->options.count; i++) {
        char key[64];
        const char *option = m->options.items[i];
        const char *equals = strchr(option, '=');
        long result;
        if (equals == NULL) {
            result = syscall(NR_FSCONFIG, fs, K_FSCONFIG_SET_FLAG, option, NULL, 0);
        } else if ((size_t)(equals - option) < sizeof(key)) {
            memcpy(key, option, (size_t)(equals - option));
            key[equals - option] = 0;
            result = syscall(NR_FSCONFIG, fs, K_FSCONFIG_SET_STRING, key, equals + 1, 0);
        } else {
            errno = EINVAL;
            result = -1;
        }
        if (result < 0) {
            goto fail;
        }
    }
    if (syscall(NR_FSCONFIG, fs, K_FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
        goto fail;
    }
    int mounted =
        (int)syscall(NR_FSMOUNT, fs, 1 /* FSMOUNT_CLOEXEC */, (unsigned int)m->attributes);
    if (mounted < 0) {
        goto fail;
    }
    close(fs);
    return mounted;
fail:;
    int saved = errno;
    close(fs);
    errno = saved;
    return -1;
}

/* Puts one controller's tree into the tmpfs at `base`; "cpu,cpuacct" also gets a link each. */
static int attach_hierarchy(const struct setup *c, int base, uint32_t index)
{
    const char *names = c->spec->cgroup_dirs[index].controllers;
    char name[64];

    if (names == NULL || c->cgroup_trees[index] < 0) {
        return 0;
    }
    int place = -1;
    if (mkdirat(base, names, 0755) == 0) {
        place = openat(base, names, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (place < 0 || k_move_mount(c->cgroup_trees[index], place) < 0) {
        return -1;
    }
    close(place);
    for (const char *at = names; strchr(names, ',') != NULL && *at != 0;) {
        size_t n = strcspn(at, ",");
        if (n > 0 && n < sizeof(name)) {
            memcpy(name, at, n);
            name[n] = 0;
            if (symlinkat(names, base, name) < 0 && errno != EEXIST) {
                return -1;
            }
        }
        at += n + (at[n] == ',');
    }
    return 0;
}

/* The container's own cgroups. They are clones of the host's directories made before the clone,
 * which is cheaper than a mount each, and look the same through the cgroup namespace. */
static int mount_cgroups(const struct setup *c, const struct berth_shim_mount *m, int target)
{
    static char mode[] = "mode=755";
    char *options[] = {mode};
    struct berth_shim_mount base = {.type = (char *)(uintptr_t) "tmpfs",
                                    .attributes = m->attributes & ~K_ATTR_RDONLY,
                                    .options = {options, 1}};
    struct k_mount_attr attr = {.attr_set = m->attributes};
    const struct berth_shim_spec *spec = c->spec;

    if (spec->cgroup_version == BERTH_SHIM_CGROUP_V2) {
        if (c->cgroup_trees[0] < 0) {
            return 0;
        }
        return k_mount_setattr(c->cgroup_trees[0], 0, &attr) < 0
                   ? -1
                   : k_move_mount(c->cgroup_trees[0], target);
    }
    int fd = new_file_system(&base);
    if (fd < 0 || k_move_mount(fd, target) < 0) {
        return -1;
    }
    for (uint32_t i = 0; i < spec->cgroup_dir_count; i++) {
        if (attach_hierarchy(c, fd, i) < 0) {
            return -1;
        }
    }
    int result = m->attributes == 0 ? 0 : k_mount_setattr(fd, K_AT_RECURSIVE, &attr);
    close(fd);
    return result;
}

static int adjust_bind(const struct berth_shim_mount *m, int tree)
{
    struct k_mount_attr attr = {.attr_set = m->attributes};
    uint64_t propagation = m->propagation == 0 ? MS_PRIVATE : m->propagation;

    /* The access-time modes are one field of three bits, not flags: clear before setting. */
    if ((m->attributes & K_ATTR_ATIME) != 0) {
        attr.attr_clr = K_ATTR_ATIME;
    }
    if (attr.attr_set != 0 &&
        k_mount_setattr(
            tree, (m->flags & BERTH_SHIM_MOUNT_RECURSIVE_ATTRIBUTES) != 0 ? K_AT_RECURSIVE : 0,
            &attr) < 0) {
        return -1;
    }
    attr = (struct k_mount_attr){.propagation = propagation};
    return k_mount_setattr(
        tree, m->propagation == 0 || m->propagation_recursive ? K_AT_RECURSIVE : 0, &attr);
}

static int is_directory(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

static int mount_one(const struct setup *c, const struct berth_shim_mount *m, int tree)
{
    int directory = 1;

    if (m->kind == BERTH_SHIM_MOUNT_BIND || m->kind == BERTH_SHIM_MOUNT_MOVE) {
        if (tree < 0) {
            return 0; /* optional and absent */
        }
        if (adjust_bind(m, tree) < 0) {
            return -1;
        }
        directory = is_directory(tree);
    } else if (m->kind == BERTH_SHIM_MOUNT_NEW) {
        tree = new_file_system(m);
        if (tree < 0) {
            return -1;
        }
    } else if (m->kind != BERTH_SHIM_MOUNT_CGROUP) {
        errno = EINVAL;
        return -1;
    }
    int target = (m->flags & BERTH_SHIM_MOUNT_NO_CREATE) != 0
                     ? root_open(c, m->target, 0)
                     : root_open_or_create(c, m->target, directory);
    if (target < 0) {
        return -1;
    }
    if (directory != is_directory(target)) {
        errno = ENOTDIR;
        return -1;
    }
    int result = m->kind == BERTH_SHIM_MOUNT_CGROUP ? mount_cgroups(c, m, target)
                                                    : k_move_mount(tree, target);
    int saved = errno;
    close(target);
    if (tree >= 0) {
        close(tree);
    }
    errno = saved;
    return result;
}

void child_mount_all(struct setup *c)
{
    for (uint32_t i = 0; i < c->spec->mount_count; i++) {
        const struct berth_shim_mount *m = &c->spec->mounts[i];
        if (mount_one(c, m, c->mount_trees[i]) == 0 ||
            (m->flags & BERTH_SHIM_MOUNT_OPTIONAL) != 0) {
            continue;
        }
        const char *source = m->source != NULL ? m->source : m->type != NULL ? m->type : "(fd)";
        if (errno == ENOTDIR) {
            child_fail(c, BERTH_SHIM_STAGE_MOUNT,
                       "error mounting \"%s\" to rootfs at \"%s\": not a directory: Are you "
                       "trying to mount a directory onto a file (or vice-versa)? Check if the "
                       "specified host path exists and is the expected type",
                       source, m->target);
        }
        child_fail(c, BERTH_SHIM_STAGE_MOUNT, "error mounting \"%s\" to rootfs at \"%s\": %s",
                   source, m->target, errno_text(errno));
    }
}

void child_finish_root(struct setup *c)
{
    const struct berth_shim_spec *spec = c->spec;
    struct k_mount_attr attr = {.attr_set = K_ATTR_RDONLY};

    if (spec->root_readonly && k_mount_setattr(c->root, 0, &attr) < 0) {
        child_fail(c, BERTH_SHIM_STAGE_ROOT, "making the root file system read-only: %s",
                   errno_text(errno));
    }
    if (spec->root_propagation != 0 && mount(NULL, "/", NULL, spec->root_propagation, NULL) < 0) {
        child_fail(c, BERTH_SHIM_STAGE_ROOT, "setting the root's propagation: %s",
                   errno_text(errno));
    }
}
