/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths beneath a directory fd that nobody can lead outside, and the small file operations built
 * on them. Every function may be called from any thread; they block for the file system only.
 * Failures are classed by berth_error_errno() and name the path.
 */
#ifndef BERTH_LINUX_PATH_H
#define BERTH_LINUX_PATH_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Opens path beneath root as if root were "/": absolute links and ".." stay inside, magic links
 * (/proc/PID/fd) are refused. flags: open(2)'s, O_CLOEXEC is added. *ret_fd is the caller's. */
int berth_linux_path_open(int root, const char *path, int flags, mode_t mode, int *ret_fd,
                          berth_error *err);

/* Opens path beneath root without following any symbolic link (RESOLVE_BENEATH | NO_SYMLINKS). */
int berth_linux_path_open_strict(int root, const char *path, int flags, mode_t mode, int *ret_fd,
                                 berth_error *err);

/* Makes path and its missing parents beneath root (as path_open resolves them) with mode, and
 * opens it O_PATH. Existing directories keep their mode. ret_fd may be NULL. */
int berth_linux_path_make_dirs(int root, const char *path, mode_t mode, int *ret_fd,
                               berth_error *err);

/* mkdir -p of an ordinary absolute path of the host (not of a container). */
int berth_linux_path_make_host_dirs(const char *path, mode_t mode, berth_error *err);

/* Removes name (file or whole tree) in dir. Crosses no mount, follows no link, does not recurse on
 * the stack. A missing name is success. */
int berth_linux_path_remove_tree(int dir, const char *name, berth_error *err);

/* Renames name into trash (a directory of the same file system) under a fresh name, so that it is
 * gone at once and can be removed later. ret_name (room for 65) may be NULL. Missing: success with
 * an empty ret_name. */
int berth_linux_path_trash(int dir, const char *name, int trash, char *ret_name, berth_error *err);

enum { BERTH_LINUX_WRITE_FSYNC = 1u << 0 /* file before the rename, directory after it */ };

struct berth_linux_file {
    int dir;
    const char *name;
    const void *data;
    size_t length;
    mode_t mode;
    uint32_t flags; /* BERTH_LINUX_WRITE_* */
};
/* Replaces name in dir atomically (temporary file and rename). On failure the old one stays and
 * the temporary is gone. */
int berth_linux_file_replace(const struct berth_linux_file *file, berth_error *err);

/* Reads a whole file beneath dir of at most limit bytes; *ret_data is malloc'd, NUL-terminated
 * (not counted in *ret_length, which may be NULL). Longer: DATA. */
int berth_linux_file_read(int dir, const char *name, size_t limit, char **ret_data,
                          size_t *ret_length, berth_error *err);

/* Writes all of a buffer to an fd, going on after short writes and EINTR. */
int berth_linux_write_all(int fd, const void *data, size_t length, berth_error *err);

#endif
