/* SPDX-License-Identifier: Apache-2.0
 *
 * See mounts.h.
 */
#include "linux/mounts.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

int berth_linux_mount_clone(int dir, const char *path, uint32_t flags, int *ret_fd,
                            berth_error *err)
{
    unsigned int how = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;

    if ((flags & BERTH_LINUX_CLONE_RECURSIVE) != 0) {
        how |= AT_RECURSIVE;
    }
    if ((flags & BERTH_LINUX_CLONE_NO_FOLLOW) != 0) {
        how |= AT_SYMLINK_NOFOLLOW;
    }
    if (path[0] == 0) {
        how |= AT_EMPTY_PATH;
    }
    int fd = open_tree(dir, path, how);
    if (fd < 0) {
        return berth_error_errno(err, errno, "cannot clone the mount of \"%s\"", path);
    }
    *ret_fd = fd;
    return 0;
}

static int set_option(int fs, const char *option)
{
    const char *equals = strchr(option, '=');
    char key[64];

    if (equals == NULL) {
        return fsconfig(fs, FSCONFIG_SET_FLAG, option, NULL, 0);
    }
    if ((size_t)(equals - option) >= sizeof(key)) {
        errno = EINVAL;
        return -1;
    }
    memcpy(key, option, (size_t)(equals - option));
    key[equals - option] = 0;
    return fsconfig(fs, FSCONFIG_SET_STRING, key, equals + 1, 0);
}

int berth_linux_mount_new(const struct berth_linux_mount_new *request, int *ret_fd,
                          berth_error *err)
{
    AUTO_CLOSE int fs = fsopen(request->type, FSOPEN_CLOEXEC);

    if (fs < 0) {
        return berth_error_errno(err, errno, "this kernel has no file system \"%s\"",
                                 request->type);
    }
    if (request->source != NULL &&
        fsconfig(fs, FSCONFIG_SET_STRING, "source", request->source, 0) < 0) {
        return berth_error_errno(err, errno, "cannot mount \"%s\" as %s", request->source,
                                 request->type);
    }
    for (const char *const *o = request->options; o != NULL && *o != NULL; o++) {
        if (set_option(fs, *o) < 0) {
            return berth_error_errno(err, errno, "%s does not take the mount option \"%s\"",
                                     request->type, *o);
        }
    }
    int fd = -1;
    if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0) {
        fd = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned int)request->attributes);
    }
    if (fd < 0) {
        return berth_error_errno(err, errno, "cannot mount a %s file system", request->type);
    }
    *ret_fd = fd;
    return 0;
}

int berth_linux_mount_attributes(int mount_fd, uint64_t set, uint64_t clear, int recursive,
                                 berth_error *err)
{
    struct mount_attr attr = {.attr_set = set, .attr_clr = clear};
    unsigned int flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);

    if (mount_setattr(mount_fd, "", flags, &attr, sizeof(attr)) < 0) {
        return berth_error_errno(err, errno, "cannot change the attributes of a mount");
    }
    return 0;
}

int berth_linux_mount_idmap(int mount_fd, int user_namespace_fd, int recursive, berth_error *err)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP,
                              .userns_fd = (uint64_t)user_namespace_fd};
    unsigned int flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);

    if (mount_setattr(mount_fd, "", flags, &attr, sizeof(attr)) < 0) {
        if (errno == EINVAL) {
            return berth_error_set(err, BERTH_E_UNSUPPORTED, errno,
                                   "this file system cannot be mounted with mapped owners");
        }
        return berth_error_errno(err, errno, "cannot map the owners of a mount");
    }
    return 0;
}

int berth_linux_mount_attach(int mount_fd, int dir, const char *target, berth_error *err)
{
    if (move_mount(mount_fd, "", dir, target,
                   MOVE_MOUNT_F_EMPTY_PATH | (target[0] == 0 ? MOVE_MOUNT_T_EMPTY_PATH : 0)) < 0) {
        return berth_error_errno(err, errno, "cannot mount on \"%s\"", target);
    }
    return 0;
}
