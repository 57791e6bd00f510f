/* SPDX-License-Identifier: Apache-2.0
 *
 * Deleting and counting trees.
 */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <berth/helpers/cleanup.h>

#define FOLDER_CLOEXEC (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
#define DELETE_DEPTH   32 /* deeper folders are moved up instead of descended into */

static bool is_dots(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* A container may have set the immutable or append-only flag. */
static void clear_flags(int folder_fd, const char *name)
{
    int flags = 0;
    BERTH_AUTO_CLOSE int fd =
        openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
        flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
        ioctl(fd, FS_IOC_SETFLAGS, &flags);
    }
}

static int remove_one(int folder_fd, const char *name, int flags)
{
    if (unlinkat(folder_fd, name, flags) == 0 || errno == ENOENT) {
        return 0;
    }
    if (errno == EPERM) {
        clear_flags(folder_fd, ".");
        clear_flags(folder_fd, name);
        return unlinkat(folder_fd, name, flags) == 0 || errno == ENOENT ? 0 : -errno;
    }
    return -errno;
}

struct deleting {
    int top_fd; /* folders that are too deep are moved here */
    unsigned moved;
    const bool *stop;
};

static int empty_folder(struct deleting *deleting, int folder_fd, int depth);

static int remove_folder(struct deleting *deleting, int folder_fd, const char *name, int depth)
{
    char moved[48];
    int code = remove_one(folder_fd, name, AT_REMOVEDIR);
    if (code != -ENOTEMPTY && code != -EEXIST) {
        return code;
    }
    if (depth >= DELETE_DEPTH) {
        snprintf(moved, sizeof(moved), "deep-%u", deleting->moved++);
        return renameat2(folder_fd, name, deleting->top_fd, moved, RENAME_NOREPLACE) == 0 ||
                       errno == EEXIST
                   ? 0
                   : -errno;
    }
    BERTH_AUTO_CLOSE int fd = openat(folder_fd, name, FOLDER_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    code = empty_folder(deleting, fd, depth + 1);
    return code == 0 ? remove_one(folder_fd, name, AT_REMOVEDIR) : code;
}

/* One pass over the folder. */
static int empty_folder(struct deleting *deleting, int folder_fd, int depth)
{
    int copy = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), code = 0, first = 0;
    BERTH_AUTO_DIR DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    if (stream == NULL) {
        return -errno;
    }
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        if (is_dots(entry->d_name)) {
            continue;
        }
        if (__atomic_load_n(deleting->stop, __ATOMIC_RELAXED)) {
            return -ECANCELED;
        }
        code = entry->d_type == DT_DIR ? -EISDIR : remove_one(folder_fd, entry->d_name, 0);
        if (code == -EISDIR) {
            code = remove_folder(deleting, folder_fd, entry->d_name, depth);
        }
        if (code == -ECANCELED) {
            return code;
        }
        first = first == 0 ? code : first; /* the rest can go nevertheless */
    }
    return first;
}

int tree_empty(int folder_fd, const bool *stop)
{
    struct deleting deleting = {folder_fd, 0, stop};
    int code;
    unsigned moved;
    do { /* again for what was moved up */
        moved = deleting.moved;
        code = empty_folder(&deleting, folder_fd, 0);
    } while (code == 0 && deleting.moved != moved);
    return code;
}

/* Inodes with several names that were counted already: open addressing, device is one. */
struct seen {
    ino_t *inodes;
    size_t count, size;
};

/* 1: new, 0: known, negative: out of memory */
static int seen_add(struct seen *seen, ino_t inode)
{
    if (seen->count * 2 >= seen->size) {
        struct seen grown = {NULL, 0, seen->size > 0 ? seen->size * 2 : 64};
        grown.inodes = (ino_t *)calloc(grown.size, sizeof(*grown.inodes));
        if (grown.inodes == NULL) {
            return -ENOMEM;
        }
        for (size_t i = 0; i < seen->size; i++) {
            if (seen->inodes[i] != 0) {
                seen_add(&grown, seen->inodes[i]);
            }
        }
        free(seen->inodes);
        *seen = grown;
    }
    size_t at = (size_t)inode * 0x9e3779b97f4a7c15u % seen->size;
    while (seen->inodes[at] != 0) {
        if (seen->inodes[at] == inode) {
            return 0;
        }
        at = (at + 1) % seen->size;
    }
    seen->inodes[at] = inode;
    seen->count++;
    return 1;
}

struct counting {
    uint64_t bytes, inodes;
    struct seen seen;
};

static int count_folder(struct counting *counting, int folder_fd, int depth)
{
    int copy = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), code = 0;
    BERTH_AUTO_DIR DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    if (stream == NULL || depth > TREE_MAX_DEPTH) {
        return stream == NULL ? -errno : -ELOOP;
    }
    for (struct dirent *entry; code >= 0 && (entry = readdir(stream)) != NULL;) {
        struct stat status;
        if (is_dots(entry->d_name) ||
            fstatat(folder_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
            continue; /* gone meanwhile: a container runs in it */
        }
        if (!S_ISDIR(status.st_mode) && status.st_nlink > 1) {
            code = seen_add(&counting->seen, status.st_ino);
            if (code <= 0) {
                continue;
            }
        }
        /* as `docker ps --size` counts: lengths of files, nothing for folders */
        counting->bytes += S_ISDIR(status.st_mode) ? 0 : (uint64_t)status.st_size;
        counting->inodes++;
        if (S_ISDIR(status.st_mode)) {
            BERTH_AUTO_CLOSE int fd = openat(folder_fd, entry->d_name, FOLDER_CLOEXEC);
            code = fd >= 0 ? count_folder(counting, fd, depth + 1) : 0;
        }
    }
    return code < 0 ? code : 0;
}

int tree_usage(int folder_fd, uint64_t *bytes, uint64_t *inodes)
{
    struct counting counting = {0};
    int code = count_folder(&counting, folder_fd, 0);
    free(counting.seen.inodes);
    if (code == 0) {
        *bytes += counting.bytes;
        *inodes += counting.inodes;
    }
    return code;
}
