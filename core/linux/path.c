/* SPDX-License-Identifier: Apache-2.0
 *
 * See path.h.
 */
#include "linux/path.h"

#include "base/cleanup.h"
#include "base/id.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_how(int root, const char *path, const struct open_how *how)
{
    int fd;
    do {
        /* EAGAIN: a rename or mount raced with ".." (openat2(2)); EINTR: a slow file system. */
        fd = (int)syscall(SYS_openat2, root, path, how, sizeof(*how));
    } while (fd < 0 && (errno == EAGAIN || errno == EINTR));
    return fd;
}

static int open_resolved(int root, const char *path, int flags, mode_t mode, uint64_t resolve)
{
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC),
        .mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? mode & 07777 : 0,
        .resolve = resolve,
    };
    return open_how(root, path, &how);
}

int berth_linux_path_open(int root, const char *path, int flags, mode_t mode, int *ret_fd,
                          berth_error *err)
{
    int fd = open_resolved(root, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
    if (fd < 0) {
        return berth_error_errno(err, errno, "cannot open \"%s\"", path);
    }
    *ret_fd = fd;
    return 0;
}

int berth_linux_path_open_strict(int root, const char *path, int flags, mode_t mode, int *ret_fd,
                                 berth_error *err)
{
    int fd = open_resolved(root, path, flags, mode,
                           RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
    if (fd < 0) {
        return berth_error_errno(err, errno, "cannot open \"%s\"", path);
    }
    *ret_fd = fd;
    return 0;
}

/* Makes the directory `copy` beneath root, whose parent prefix exists; both fds O_PATH. */
static int make_component(int root, int parent, const char *prefix, const char *name, mode_t mode)
{
    if (mkdirat(parent, name, mode) < 0 && errno != EEXIST) {
        return -1;
    }
    /* By the whole prefix and not by name: an existing link is followed inside the root. */
    return open_resolved(root, prefix, O_PATH | O_DIRECTORY, 0,
                         RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int berth_linux_path_make_dirs(int root, const char *path, mode_t mode, int *ret_fd,
                               berth_error *err)
{
    AUTO_CLOSE int at = -1;
    AUTO_FREE char *copy = strdup(path);
    uint64_t resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

    if (copy == NULL) {
        return berth_error_no_memory(err);
    }
    at = open_resolved(root, path, O_PATH | O_DIRECTORY, 0, resolve);
    if (at < 0 && errno == ENOENT) {
        at = open_resolved(root, ".", O_PATH | O_DIRECTORY, 0, resolve);
        for (char *name = copy; at >= 0 && *name != 0;) {
            name += strspn(name, "/");
            size_t length = strcspn(name, "/");
            char saved = name[length];
            if (length == 0) {
                break;
            }
            name[length] = 0;
            int next = open_resolved(root, copy, O_PATH | O_DIRECTORY, 0, resolve);
            if (next < 0 && errno == ENOENT) {
                next = make_component(root, at, copy, name, mode);
            }
            int number = errno;
            name[length] = saved;
            close(at);
            at = next;
            errno = number;
            name += length;
        }
    }
    if (at < 0) {
        return berth_error_errno(err, errno, "cannot create the directory \"%s\"", path);
    }
    if (ret_fd != NULL) {
        *ret_fd = TAKE_FD(at);
    }
    return 0;
}

int berth_linux_path_make_host_dirs(const char *path, mode_t mode, berth_error *err)
{
    AUTO_FREE char *copy = strdup(path);

    if (copy == NULL) {
        return berth_error_no_memory(err);
    }
    if (mkdir(path, mode) == 0 || errno == EEXIST) {
        return 0;
    }
    for (char *slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(copy, mode) < 0 && errno != EEXIST) {
            return berth_error_errno(err, errno, "cannot create the directory \"%s\"", copy);
        }
        *slash = '/';
    }
    if (mkdir(path, mode) < 0 && errno != EEXIST) {
        return berth_error_errno(err, errno, "cannot create the directory \"%s\"", path);
    }
    return 0;
}

/* ---- removal -------------------------------------------------------------------------------- */

/* One directory being emptied. The chain is on the heap, so that depth costs no stack. */
struct level {
    struct level *up;
    DIR *dir;
    char name[256]; /* in the parent */
};

static struct level *level_push(struct level *up, int parent, const char *name)
{
    struct level *level = calloc(1, sizeof(*level));
    int fd = -1;

    if (level == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    level->dir = fd < 0 ? NULL : fdopendir(fd);
    if (level->dir == NULL) {
        int saved = errno;
        if (fd >= 0) {
            close(fd);
        }
        free(level);
        errno = saved;
        return NULL;
    }
    level->up = up;
    snprintf(level->name, sizeof(level->name), "%s", name);
    return level;
}

static struct level *level_pop(struct level *level)
{
    struct level *up = level->up;
    closedir(level->dir);
    free(level);
    return up;
}

/* Unlinks entries until one is a directory that is not empty; returns its name, or NULL at the end
 * (errno 0) or on failure. */
static const char *next_directory(struct level *level)
{
    struct dirent *entry;

    for (;;) {
        errno = 0;
        entry = readdir(level->dir);
        if (entry == NULL) {
            return NULL;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        int flags = entry->d_type == DT_DIR ? AT_REMOVEDIR : 0;
        if (unlinkat(dirfd(level->dir), entry->d_name, flags) == 0 || errno == ENOENT) {
            continue;
        }
        if (errno == EISDIR || errno == ENOTEMPTY || errno == EEXIST) {
            return entry->d_name;
        }
        return NULL;
    }
}

static int remove_below(struct level *level)
{
    while (level != NULL) {
        const char *name = next_directory(level);
        if (name != NULL) {
            struct level *deeper = level_push(level, dirfd(level->dir), name);
            if (deeper == NULL) {
                break;
            }
            level = deeper;
            continue;
        }
        if (errno != 0) {
            break;
        }
        if (level->up == NULL) {
            level_pop(level);
            return 0;
        }
        if (unlinkat(dirfd(level->up->dir), level->name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
            break;
        }
        level = level_pop(level);
        /* cppcheck-suppress nullPointerRedundantCheck ; level->up was seen to be there */
        rewinddir(level->dir);
    }
    int saved = errno;
    while (level != NULL) {
        level = level_pop(level);
    }
    errno = saved;
    return -1;
}

int berth_linux_path_remove_tree(int dir, const char *name, berth_error *err)
{
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT) {
        return 0;
    }
    if (errno == EISDIR) {
        struct level *top = level_push(NULL, dir, name);
        if (top != NULL && remove_below(top) == 0 &&
            (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)) {
            return 0;
        }
        if (top == NULL && errno == ENOENT) {
            return 0;
        }
    }
    return berth_error_errno(err, errno, "cannot remove \"%s\"", name);
}

int berth_linux_path_trash(int dir, const char *name, int trash, char *ret_name, berth_error *err)
{
    char fresh[BERTH_ID_LENGTH + 1];
    int result = berth_id_new(fresh, err);

    if (result != 0) {
        return result;
    }
    if (renameat(dir, name, trash, fresh) < 0) {
        if (errno != ENOENT) {
            return berth_error_errno(err, errno, "cannot move \"%s\" to the trash", name);
        }
        fresh[0] = 0;
    }
    if (ret_name != NULL) {
        memcpy(ret_name, fresh, sizeof(fresh));
    }
    return 0;
}

/* ---- files ---------------------------------------------------------------------------------- */

int berth_linux_write_all(int fd, const void *data, size_t length, berth_error *err)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = write(fd, (const char *)data + done, length - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return berth_error_errno(err, errno, "cannot write %zu bytes", length);
        }
        done += (size_t)n;
    }
    return 0;
}

static int write_temporary(const struct berth_linux_file *file, const char *temporary,
                           berth_error *err)
{
    AUTO_CLOSE int fd = openat(file->dir, temporary,
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, file->mode);
    if (fd < 0) {
        return berth_error_errno(err, errno, "cannot create a file beside \"%s\"", file->name);
    }
    int result = berth_linux_write_all(fd, file->data, file->length, err);
    if (result == 0 && fchmod(fd, file->mode) < 0) {
        result = berth_error_errno(err, errno, "cannot set the mode of \"%s\"", file->name);
    }
    if (result == 0 && (file->flags & BERTH_LINUX_WRITE_FSYNC) != 0 && fsync(fd) < 0) {
        result = berth_error_errno(err, errno, "cannot flush \"%s\" to disk", file->name);
    }
    return result;
}

int berth_linux_file_replace(const struct berth_linux_file *file, berth_error *err)
{
    char fresh[BERTH_ID_LENGTH + 1], temporary[32];
    int result = berth_id_new(fresh, err);

    if (result != 0) {
        return result;
    }
    snprintf(temporary, sizeof(temporary), ".new-%.16s", fresh);
    result = write_temporary(file, temporary, err);
    if (result == 0 && renameat(file->dir, temporary, file->dir, file->name) < 0) {
        result = berth_error_errno(err, errno, "cannot replace \"%s\"", file->name);
    }
    if (result != 0) {
        unlinkat(file->dir, temporary, 0);
        return result;
    }
    if ((file->flags & BERTH_LINUX_WRITE_FSYNC) != 0) {
        AUTO_CLOSE int dir = openat(file->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0 || fsync(dir) < 0) {
            return berth_error_errno(err, errno, "cannot flush the directory of \"%s\"",
                                     file->name);
        }
    }
    return 0;
}

int berth_linux_file_read(int dir, const char *name, size_t limit, char **ret_data,
                          size_t *ret_length, berth_error *err)
{
    AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    size_t length = 0, size = 4096;
    AUTO_FREE char *data = NULL;

    if (fd < 0) {
        return berth_error_errno(err, errno, "cannot open \"%s\"", name);
    }
    for (;;) {
        if (data == NULL || length == size - 1) {
            size *= data == NULL ? 1 : 4;
            char *grown = realloc(data, size);
            if (grown == NULL) {
                return berth_error_no_memory(err);
            }
            data = grown;
        }
        ssize_t n = read(fd, data + length, size - 1 - length);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return berth_error_errno(err, errno, "cannot read \"%s\"", name);
        }
        if (n == 0) {
            break;
        }
        length += (size_t)n;
        if (length > limit) {
            return berth_error_set(err, BERTH_E_DATA, 0, "\"%s\" is longer than %zu bytes", name,
                                   limit);
        }
    }
    data[length] = 0;
    *ret_data = TAKE_PTR(data);
    if (ret_length != NULL) {
        *ret_length = length;
    }
    return 0;
}
