/* SPDX-License-Identifier: Apache-2.0
 *
 * May this file be loaded into a root process? Only when nobody but root (or the user we run as)
 * could have put or changed it: the file and every folder above it are checked, on the path as
 * written and on the path with symbolic links resolved. Once that holds, checking first and loading
 * afterwards cannot be raced by anybody else.
 */
#include "plugin/plugin_internal.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

static int32_t check_one(const char *file, const char *part, bool last, berth_error *err)
{
    struct stat status;
    if (lstat(part, &status) != 0) {
        return berth_error_errno(err, errno, "plugin file %s: cannot look at %s", file, part);
    }
    if (status.st_uid != 0 && status.st_uid != geteuid()) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "plugin file %s refused: %s belongs to user %u; wanted: root%s",
                               file, part, (unsigned)status.st_uid,
                               geteuid() == 0 ? "" : " or the user running this");
    }
    if (S_ISLNK(status.st_mode)) {
        return 0; /* its target is checked through the resolved path */
    }
    /* In a sticky folder others can add entries but not replace ours (as /tmp). */
    bool sticky = !last && (status.st_mode & S_ISVTX) != 0;
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0 && !sticky) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "plugin file %s refused: %s has mode %04o, so others can write it; "
                               "wanted: writable by its owner only (chmod go-w)",
                               file, part, (unsigned)(status.st_mode & 07777));
    }
    if (last && !S_ISREG(status.st_mode)) {
        return berth_error_set(
            err, BERTH_E_INVALID, 0,
            "plugin file %s refused: found something that is not a file; wanted: "
            "a shared object",
            file);
    }
    return 0;
}

/* Every prefix of path: "/", "/usr", "/usr/lib", ... */
static int32_t check_chain(const char *file, const char *path, berth_error *err)
{
    char part[PATH_MAX];
    size_t length = strlen(path);
    int32_t result = check_one(file, "/", false, err);
    for (size_t i = 1; result == 0 && i <= length; i++) {
        if (path[i] == '/' || path[i] == '\0') {
            memcpy(part, path, i);
            part[i] = '\0';
            result = check_one(file, part, i == length, err);
        }
    }
    return result;
}

int32_t plugin_trust_check(const char *file, berth_error *err)
{
    char resolved[PATH_MAX];
    if (file[0] != '/') {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "plugin file %s refused: the path is relative; wanted: an absolute "
                               "path",
                               file);
    }
    if (strlen(file) >= PATH_MAX) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "plugin file refused: its path has %zu bytes; wanted: less than %d",
                               strlen(file), PATH_MAX);
    }
    if (realpath(file, resolved) == NULL) {
        return berth_error_errno(err, errno, "plugin file %s: cannot be found", file);
    }
    int32_t result = check_chain(file, file, err);
    if (result == 0 && strcmp(file, resolved) != 0) {
        result = check_chain(file, resolved, err);
    }
    return result;
}
