/* SPDX-License-Identifier: Apache-2.0
 *
 * Copying trees.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <berth/helpers/cleanup.h>

#include "tree.h"

#define FOLDER_CLOEXEC (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
#define MAX_XATTRS     65536
#define CHUNK          (1 << 20)

/* A file with several names: where its first copy is. */
struct link {
    struct link *next;
    dev_t device;
    ino_t inode;
    char path[]; /* from the copy's root */
};

struct copying {
    int root_fd; /* of the copy */
    const berth_host *host;
    berth_op *op;
    struct link *links[256];
    bool no_reflink; /* tried once, cannot */
    char path[4096]; /* of the current file, from the root */
};

/* Extended attributes through /proc/self/fd names, so that symbolic links and devices, which cannot
 * be opened for reading, have them copied too. */
static int copy_xattrs(const char *from, const char *to)
{
    ssize_t length = llistxattr(from, NULL, 0);
    if (length <= 0) {
        return length == 0 || errno == ENOTSUP ? 0 : -errno;
    }
    BERTH_AUTO_FREE char *names = (char *)malloc((size_t)length);
    BERTH_AUTO_FREE char *value = (char *)malloc(MAX_XATTRS);
    if (names == NULL || value == NULL) {
        return -ENOMEM;
    }
    length = llistxattr(from, names, (size_t)length);
    for (char *name = names; length > 0 && name < names + length; name += strlen(name) + 1) {
        ssize_t size = lgetxattr(from, name, value, MAX_XATTRS);
        if (size >= 0 && lsetxattr(to, name, value, (size_t)size, 0) != 0 && errno != ENOTSUP) {
            return -errno;
        }
    }
    return 0;
}

static int copy_xattrs_at(int from_fd, const char *from, int to_fd, const char *to)
{
    char source[4096], target[4096];
    snprintf(source, sizeof(source), "/proc/self/fd/%d/%s", from_fd, from);
    snprintf(target, sizeof(target), "/proc/self/fd/%d/%s", to_fd, to);
    return copy_xattrs(source, target);
}

/* Owner, mode, extended attributes, times; in this order: chown clears set-id bits and file
 * capabilities, an access list changes the mode, and all but the last change times. */
static int copy_attributes(int from_fd, int to_fd, const char *name, const struct stat *status)
{
    const struct timespec times[2] = {status->st_atim, status->st_mtim};
    if (fchownat(to_fd, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) != 0) {
        return -errno;
    }
    if (!S_ISLNK(status->st_mode) && fchmodat(to_fd, name, status->st_mode & 07777, 0) != 0) {
        return -errno;
    }
    int code = copy_xattrs_at(from_fd, name, to_fd, name);
    if (code < 0) {
        return code;
    }
    return utimensat(to_fd, name, times, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : -errno;
}

int tree_copy_attributes(int from_fd, int to_fd)
{
    struct stat status;
    if (fstat(from_fd, &status) != 0) {
        return -errno;
    }
    return copy_attributes(from_fd, to_fd, ".", &status);
}

/* [from, to) of both files. */
static int copy_range(int in, int out, off_t from, off_t to, const struct copying *copying)
{
    while (from < to) {
        off_t at = from;
        size_t want = to - from < CHUNK ? (size_t)(to - from) : CHUNK;
        if (copying->host->cancelled(copying->op)) {
            return -ECANCELED;
        }
        ssize_t count = copy_file_range(in, &from, out, &at, want, 0);
        if (count == 0) {
            return 0; /* shorter than it was */
        }
        if (count < 0) {
            return -errno;
        }
    }
    return 0;
}

static int copy_data(int in, int out, off_t size, struct copying *copying)
{
    if (!copying->no_reflink) {
        if (ioctl(out, FICLONE, in) == 0) {
            return 0;
        }
        copying->no_reflink = true;
    }
    if (ftruncate(out, size) != 0) {
        return -errno;
    }
    for (off_t at = 0; at < size;) {
        off_t data = lseek(in, at, SEEK_DATA);
        if (data < 0) {
            return errno == ENXIO ? 0 : -errno; /* only a hole is left */
        }
        off_t hole = lseek(in, data, SEEK_HOLE);
        int code = copy_range(in, out, data, hole > data ? hole : size, copying);
        if (code < 0) {
            return code;
        }
        at = hole > data ? hole : size;
    }
    return 0;
}

static int copy_file(struct copying *copying, int from_fd, int to_fd, const char *name,
                     const struct stat *status)
{
    BERTH_AUTO_CLOSE int in = openat(from_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (in < 0) {
        return -errno;
    }
    BERTH_AUTO_CLOSE int out =
        openat(to_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (out < 0) {
        return -errno;
    }
    return status->st_size > 0 ? copy_data(in, out, status->st_size, copying) : 0;
}

static int copy_symlink(int from_fd, int to_fd, const char *name)
{
    char target[4096];
    ssize_t length = readlinkat(from_fd, name, target, sizeof(target) - 1);
    if (length < 0) {
        return -errno;
    }
    target[length] = '\0';
    return symlinkat(target, to_fd, name) == 0 ? 0 : -errno;
}

/* 1: linked to an earlier copy; 0: noted, copy it. */
static int copy_link(struct copying *copying, int to_fd, const char *name,
                     const struct stat *status)
{
    struct link **head = &copying->links[status->st_ino % 256];
    for (struct link *at = *head; at != NULL; at = at->next) {
        if (at->inode == status->st_ino && at->device == status->st_dev) {
            return linkat(copying->root_fd, at->path, to_fd, name, 0) == 0 ? 1 : -errno;
        }
    }
    size_t length = strlen(copying->path) + 1;
    struct link *link = (struct link *)malloc(sizeof(*link) + length);
    if (link == NULL) {
        return -ENOMEM;
    }
    link->device = status->st_dev;
    link->inode = status->st_ino;
    memcpy(link->path, copying->path, length);
    link->next = *head;
    *head = link;
    return 0;
}

static int copy_folder(struct copying *copying, int from_fd, int to_fd, int depth);

static int copy_subfolder(struct copying *copying, int from_fd, int to_fd, const char *name,
                          int depth)
{
    if (mkdirat(to_fd, name, 0700) != 0) {
        return -errno;
    }
    BERTH_AUTO_CLOSE int in = openat(from_fd, name, FOLDER_CLOEXEC);
    BERTH_AUTO_CLOSE int out = openat(to_fd, name, FOLDER_CLOEXEC);
    return in < 0 || out < 0 ? -errno : copy_folder(copying, in, out, depth + 1);
}

static int copy_entry(struct copying *copying, int from_fd, int to_fd, const char *name, int depth)
{
    struct stat status;
    int code = 0;
    if (fstatat(from_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return -errno;
    }
    if (!S_ISDIR(status.st_mode) && status.st_nlink > 1) {
        code = copy_link(copying, to_fd, name, &status);
        if (code != 0) {
            return code < 0 ? code : 0;
        }
    }
    switch (status.st_mode & S_IFMT) {
    case S_IFDIR:
        code = copy_subfolder(copying, from_fd, to_fd, name, depth);
        break;
    case S_IFREG:
        code = copy_file(copying, from_fd, to_fd, name, &status);
        break;
    case S_IFLNK:
        code = copy_symlink(from_fd, to_fd, name);
        break;
    default: /* devices, fifos, sockets */
        code = mknodat(to_fd, name, status.st_mode, status.st_rdev) == 0 ? 0 : -errno;
        break;
    }
    return code < 0 ? code : copy_attributes(from_fd, to_fd, name, &status);
}

static int copy_folder(struct copying *copying, int from_fd, int to_fd, int depth)
{
    int copy = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), code = 0;
    BERTH_AUTO_DIR DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    size_t length = strlen(copying->path);
    if (stream == NULL || depth > TREE_MAX_DEPTH) {
        return stream == NULL ? -errno : -ELOOP;
    }
    for (struct dirent *entry; code == 0 && (entry = readdir(stream)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (copying->host->cancelled(copying->op)) {
            return -ECANCELED;
        }
        if (length + strlen(entry->d_name) + 2 > sizeof(copying->path)) {
            return -ENAMETOOLONG;
        }
        snprintf(copying->path + length, sizeof(copying->path) - length, "%s%s",
                 length > 0 ? "/" : "", entry->d_name);
        code = copy_entry(copying, from_fd, to_fd, entry->d_name, depth);
        copying->path[length] = '\0';
    }
    return code;
}

int tree_copy(int from_fd, int to_fd, const berth_host *host, berth_op *op)
{
    struct copying *copying = (struct copying *)calloc(1, sizeof(*copying));
    if (copying == NULL) {
        return -ENOMEM;
    }
    copying->root_fd = to_fd;
    copying->host = host;
    copying->op = op;
    int code = copy_folder(copying, from_fd, to_fd, 0);
    if (code == 0) {
        code = tree_copy_attributes(from_fd, to_fd);
    }
    for (size_t i = 0; i < 256; i++) {
        while (copying->links[i] != NULL) {
            struct link *link = copying->links[i];
            copying->links[i] = link->next;
            free(link);
        }
    }
    free(copying);
    return code;
}
