/* SPDX-License-Identifier: Apache-2.0
 *
 * Copying what an image has at a mount point into a fresh volume, with owners, modes, times, links
 * and extended attributes; and counting a volume's bytes. All below directory fds, following no
 * link of the container's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "linux/path.h"
#include "volume/internal.h"

enum { DEPTH_MAX = 256, NAMES_ROOM = 4096, VALUE_ROOM = 65536, COPY_CHUNK = 1 << 20 };

static int64_t usage_of(int dir, int depth)
{
    int64_t bytes = 0;
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_DIR DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    if (stream == NULL) {
        if (copy >= 0) {
            close(copy);
        }
        return 0;
    }
    struct dirent *entry = NULL;
    while ((entry = readdir(stream)) != NULL) {
        struct stat status;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            fstatat(dir, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
            continue;
        }
        if (S_ISREG(status.st_mode)) {
            bytes += status.st_size;
        } else if (S_ISDIR(status.st_mode) && depth < DEPTH_MAX) {
            AUTO_CLOSE int sub =
                openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            bytes += sub >= 0 ? usage_of(sub, depth + 1) : 0;
        }
    }
    return bytes;
}

int64_t volume_disk_usage(const char *path)
{
    AUTO_CLOSE int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir >= 0 ? usage_of(dir, 0) : -1;
}

static void copy_xattrs(int from, int to)
{
    char names[NAMES_ROOM];
    ssize_t size = flistxattr(from, names, sizeof(names));
    AUTO_FREE char *value = size > 0 ? malloc(VALUE_ROOM) : NULL;
    for (char *name = names; value != NULL && name < names + size; name += strlen(name) + 1) {
        ssize_t length = fgetxattr(from, name, value, VALUE_ROOM);
        /* what the volume's file system does not take (trusted.*, labels) is left out, as cp does
         */
        if (length >= 0 && fsetxattr(to, name, value, (size_t)length, 0) < 0) {
            continue;
        }
    }
}

static int copy_bytes(int from, int to, berth_error *err)
{
    if (ioctl(to, FICLONE, from) == 0) {
        return 0;
    }
    for (;;) {
        ssize_t moved = copy_file_range(from, NULL, to, NULL, COPY_CHUNK, 0);
        if (moved == 0) {
            return 0;
        }
        if (moved < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP)) {
            break;
        }
        if (moved < 0 && errno != EINTR) {
            return berth_error_errno(err, errno, "copying into the volume");
        }
    }
    AUTO_FREE char *buffer = malloc(COPY_CHUNK);
    ssize_t length = 0;
    while (buffer != NULL && (length = read(from, buffer, COPY_CHUNK)) > 0) {
        int result = berth_linux_write_all(to, buffer, (size_t)length, err);
        if (result != 0) {
            return result;
        }
    }
    if (buffer == NULL || length < 0) {
        return berth_error_errno(err, errno, "reading the image's files");
    }
    return 0;
}

static void copy_times(int dir, const char *name, const struct stat *status)
{
    struct timespec times[2] = {status->st_atim, status->st_mtim};
    /* cosmetic: a file system without times is fine */
    if (utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0) {
        return;
    }
}

static int copy_tree(int from, int to, int depth, berth_error *err);

static int copy_file(int from, int to, const char *name, const struct stat *status,
                     berth_error *err)
{
    AUTO_CLOSE int source = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    AUTO_CLOSE int target =
        openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (source < 0 || target < 0) {
        return berth_error_errno(err, errno, "cannot copy %s", name);
    }
    int result = copy_bytes(source, target, err);
    if (result == 0 && (fchown(target, status->st_uid, status->st_gid) < 0 ||
                        fchmod(target, status->st_mode & 07777) < 0)) {
        result = berth_error_errno(err, errno, "cannot set the owner of %s", name);
    }
    copy_xattrs(source, target);
    return result;
}

static int copy_directory(int from, int to, const char *name, const struct stat *status, int depth,
                          berth_error *err)
{
    if (depth >= DEPTH_MAX) {
        return berth_error_set(err, BERTH_E_DATA, 0, "directories nest too deep at %s", name);
    }
    if (mkdirat(to, name, 0700) < 0) {
        return berth_error_errno(err, errno, "cannot create %s", name);
    }
    AUTO_CLOSE int source = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    AUTO_CLOSE int target = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (source < 0 || target < 0) {
        return berth_error_errno(err, errno, "cannot copy %s", name);
    }
    int result = copy_tree(source, target, depth + 1, err);
    if (result == 0 && (fchown(target, status->st_uid, status->st_gid) < 0 ||
                        fchmod(target, status->st_mode & 07777) < 0)) {
        result = berth_error_errno(err, errno, "cannot set the owner of %s", name);
    }
    copy_xattrs(source, target);
    return result;
}

static int copy_special(int from, int to, const char *name, const struct stat *status,
                        berth_error *err)
{
    char target[4096];
    if (S_ISLNK(status->st_mode)) {
        ssize_t length = readlinkat(from, name, target, sizeof(target) - 1);
        if (length < 0) {
            return berth_error_errno(err, errno, "cannot read the link %s", name);
        }
        target[length] = '\0';
        if (symlinkat(target, to, name) < 0) {
            return berth_error_errno(err, errno, "cannot create the link %s", name);
        }
    } else if (mknodat(to, name, status->st_mode, status->st_rdev) < 0) {
        return berth_error_errno(err, errno, "cannot create %s", name);
    }
    if (fchownat(to, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0) {
        return berth_error_errno(err, errno, "cannot set the owner of %s", name);
    }
    return 0;
}

static int copy_tree(int from, int to, int depth, berth_error *err)
{
    int copy = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_DIR DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    if (stream == NULL) {
        return berth_error_errno(err, errno, "cannot read the image's directory");
    }
    struct dirent *entry = NULL;
    while ((entry = readdir(stream)) != NULL) {
        struct stat status;
        const char *name = entry->d_name;
        int result = 0;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
            continue;
        }
        if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
            return berth_error_errno(err, errno, "cannot look at %s", name);
        }
        if (S_ISDIR(status.st_mode)) {
            result = copy_directory(from, to, name, &status, depth, err);
        } else if (S_ISREG(status.st_mode)) {
            result = copy_file(from, to, name, &status, err);
        } else {
            result = copy_special(from, to, name, &status, err);
        }
        if (result != 0) {
            return result;
        }
        copy_times(to, name, &status);
    }
    return 0;
}

static bool directory_empty(int dir)
{
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_DIR DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *entry = NULL;
    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            return false;
        }
    }
    return stream != NULL;
}

int berth_volume_copy_up(struct berth_volume_manager *manager, const char *name, int root_fd,
                         const char *path, berth_error *err)
{
    berth_error missing = BERTH_ERROR_INIT;
    AUTO_CLOSE int volume = -1, source = -1;
    int result = berth_volume_mount(manager, name, &volume, err);
    if (result != 0) {
        return result;
    }
    AUTO_CLOSE int target = openat(volume, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (target < 0) {
        return berth_error_errno(err, errno, "cannot open volume %s", name);
    }
    struct stat status;
    if (!directory_empty(target) ||
        berth_linux_path_open(root_fd, path, O_RDONLY | O_DIRECTORY, 0, &source, &missing) != 0 ||
        fstat(source, &status) < 0) {
        return 0;
    }
    result = copy_tree(source, target, 0, err);
    if (result == 0 && (fchown(target, status.st_uid, status.st_gid) < 0 ||
                        fchmod(target, status.st_mode & 07777) < 0)) {
        result = berth_error_errno(err, errno, "cannot set the owner of volume %s", name);
    }
    return result != 0 ? berth_error_wrap(err, "volume %s", name) : 0;
}
