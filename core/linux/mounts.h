/* SPDX-License-Identifier: Apache-2.0
 *
 * The new mount API: detached mounts as fds. Nothing here changes the caller's mount table except
 * berth_linux_mount_attach(), which belongs on the mounter thread only. All block for the file
 * system. Every ret_fd is O_CLOEXEC and the caller's.
 */
#ifndef BERTH_LINUX_MOUNTS_H
#define BERTH_LINUX_MOUNTS_H

#include "base/error.h"

#include <stdint.h>

enum {
    BERTH_LINUX_CLONE_RECURSIVE = 1u << 0,
    BERTH_LINUX_CLONE_NO_FOLLOW = 1u << 1,
};

/* A detached clone (bind) of what path below dir names (dir may be AT_FDCWD; path "": dir itself,
 * which may be a file). */
int berth_linux_mount_clone(int dir, const char *path, uint32_t flags, int *ret_fd,
                            berth_error *err);

struct berth_linux_mount_new {
    const char *type;
    const char *source;         /* NULL: none */
    const char *const *options; /* "key=value" or "flag", ended by NULL; may be NULL */
    uint64_t attributes;        /* MOUNT_ATTR_* */
};
/* A new detached file system. UNSUPPORTED or NOT_FOUND: the kernel does not know the type; INVALID:
 * it refuses an option. */
int berth_linux_mount_new(const struct berth_linux_mount_new *request, int *ret_fd,
                          berth_error *err);

/* Sets and clears MOUNT_ATTR_* of a detached mount (recursive: submounts too). */
int berth_linux_mount_attributes(int mount_fd, uint64_t set, uint64_t clear, int recursive,
                                 berth_error *err);

/* Maps a detached mount's owners through a user namespace (MOUNT_ATTR_IDMAP). UNSUPPORTED when the
 * file system cannot. */
int berth_linux_mount_idmap(int mount_fd, int user_namespace_fd, int recursive, berth_error *err);

/* Attaches a detached mount on the directory or file that target names (AT_FDCWD allowed). */
int berth_linux_mount_attach(int mount_fd, int dir, const char *target, berth_error *err);

#endif
