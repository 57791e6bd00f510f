/* SPDX-License-Identifier: Apache-2.0
 *
 * Places in the tree being unpacked: clean paths, parent directories, what this layer made,
 * removing.
 */
#include "image/unpack_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "linux/path.h"

int berth_unpack_clean_path(const char *path, char ret_path[BERTH_TAR_PATH_MAX + 1],
                            berth_error *err)
{
    size_t length = 0;
    for (const char *at = path; *at != '\0';) {
        size_t part = strcspn(at, "/");
        if (part == 2 && at[0] == '.' && at[1] == '.') {
            if (length == 0) {
                return berth_error_set(err, BERTH_E_INVALID, 0,
                                       "refused: tar entry \"%.200s\" leads out of the layer",
                                       path);
            }
            while (length > 0 && ret_path[length - 1] != '/') {
                length--;
            }
            length -= length > 0 ? 1 : 0;
        } else if (part > 0 && !(part == 1 && at[0] == '.')) {
            if (length + part + 1 > BERTH_TAR_PATH_MAX) {
                return berth_error_set(err, BERTH_E_INVALID, 0, "refused: a path too long");
            }
            if (length > 0) {
                ret_path[length++] = '/';
            }
            memcpy(ret_path + length, at, part);
            length += part;
        }
        at += part;
        at += strspn(at, "/");
    }
    ret_path[length] = '\0';
    return 0;
}

/* ---- what this layer made ------------------------------------------------------------------- */

static uint64_t mix(uint64_t value)
{
    value *= UINT64_C(0x9e3779b97f4a7c15); /* 2^64 / golden ratio: spreads consecutive numbers */
    return value ^ value >> 32;
}

static struct made_file *find_made(const struct unpack *unpack, uint64_t inode)
{
    for (size_t at = mix(inode) & (unpack->made_size - 1);;
         at = (at + 1) & (unpack->made_size - 1)) {
        if (unpack->made[at].inode == inode || unpack->made[at].inode == 0) {
            return &unpack->made[at];
        }
    }
}

static int grow_made(struct unpack *unpack, berth_error *err)
{
    if (unpack->made != NULL && unpack->made_count < unpack->made_size / 2) {
        return 0;
    }
    struct made_file *old = unpack->made;
    size_t old_size = unpack->made_size;
    size_t size = old_size > 0 ? old_size * 2 : 1024;
    struct made_file *grown = calloc(size, sizeof(*grown));
    if (grown == NULL) {
        return berth_error_no_memory(err);
    }
    unpack->made = grown;
    unpack->made_size = size;
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].inode != 0) {
            *find_made(unpack, old[i].inode) = old[i];
        }
    }
    free(old);
    return 0;
}

int berth_unpack_note(struct unpack *unpack, uint64_t inode, uint32_t first, uint32_t count,
                      berth_error *err)
{
    int code = grow_made(unpack, err);
    if (code < 0) {
        return code;
    }
    struct made_file *slot = find_made(unpack, inode);
    unpack->made_count += slot->inode == 0 ? 1 : 0;
    *slot = (struct made_file){inode, first, count};
    return 0;
}

static const struct made_file *made_by_us(const struct unpack *unpack, uint64_t inode)
{
    const struct made_file *file = unpack->made != NULL ? find_made(unpack, inode) : NULL;
    return file != NULL && file->inode == inode ? file : NULL;
}

static uint64_t hash_path(const char *path)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (; *path != '\0'; path++) {
        hash = (hash ^ (unsigned char)*path) * UINT64_C(0x100000001b3);
    }
    return mix(hash);
}

static size_t *find_directory(const struct unpack *unpack, const char *path)
{
    size_t mask = unpack->directory_index_size - 1;
    for (size_t at = hash_path(path) & mask;; at = (at + 1) & mask) {
        size_t *slot = &unpack->directory_index[at];
        if (*slot == 0 || strcmp(unpack->directories[*slot - 1].path, path) == 0) {
            return slot;
        }
    }
}

static int grow_directories(struct unpack *unpack, berth_error *err)
{
    if (unpack->directory_count < unpack->directory_room) {
        return 0;
    }
    size_t room = unpack->directory_room > 0 ? unpack->directory_room * 2 : 256;
    struct made_directory *grown = realloc(unpack->directories, room * sizeof(*grown));
    if (grown == NULL) {
        return berth_error_no_memory(err);
    }
    unpack->directories = grown;
    size_t *index = calloc(room * 2, sizeof(*index));
    if (index == NULL) {
        return berth_error_no_memory(err);
    }
    free(unpack->directory_index);
    unpack->directory_room = room;
    unpack->directory_index = index;
    unpack->directory_index_size = room * 2;
    for (size_t i = 0; i < unpack->directory_count; i++) {
        *find_directory(unpack, unpack->directories[i].path) = i + 1;
    }
    return 0;
}

int berth_unpack_note_directory(struct unpack *unpack, const char *path,
                                const struct timespec *mtime, bool implied, berth_error *err)
{
    int code = grow_directories(unpack, err);
    if (code < 0) {
        return code;
    }
    size_t *slot = find_directory(unpack, path);
    if (*slot != 0) {
        struct made_directory *known = &unpack->directories[*slot - 1];
        if (!implied) {
            known->implied = false;
            known->mtime = *mtime;
        }
        return 0;
    }
    unpack->paths_length += strlen(path);
    if (unpack->paths_length > BERTH_IMAGE_PATHS_MAX) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "refused: more than %d bytes of directory names in one layer",
                               BERTH_IMAGE_PATHS_MAX);
    }
    char *copy = strdup(path);
    if (copy == NULL) {
        return berth_error_no_memory(err);
    }
    unpack->directories[unpack->directory_count++] = (struct made_directory){
        copy, mtime != NULL ? *mtime : (struct timespec){.tv_sec = 0}, implied};
    *slot = unpack->directory_count;
    return 0;
}

/* ---- parent directories --------------------------------------------------------------------- */

void berth_unpack_forget_parent(struct unpack *unpack)
{
    if (unpack->parent_fd >= 0) {
        close(unpack->parent_fd);
        unpack->parent_fd = -1;
    }
    free(TAKE_PTR(unpack->parent_path));
}

/* Makes the missing directories of path, one after the other; each that we make is implied. */
static int make_parents(struct unpack *unpack, const char *path, berth_error *err)
{
    char part[BERTH_TAR_PATH_MAX + 1];
    AUTO_CLOSE int at = fcntl(unpack->options->root, F_DUPFD_CLOEXEC, 0);
    if (at < 0) {
        return berth_error_errno(err, errno, "cannot unpack %.200s", path);
    }
    for (const char *end = path; *end != '\0';) {
        const char *begin = end + (*end == '/' ? 1 : 0);
        end = begin + strcspn(begin, "/");
        char name[256];
        if ((size_t)(end - begin) >= sizeof(name)) {
            return berth_error_set(err, BERTH_E_INVALID, ENAMETOOLONG, "refused: \"%.200s\"", path);
        }
        memcpy(name, begin, (size_t)(end - begin));
        name[end - begin] = '\0';
        memcpy(part, path, (size_t)(end - path));
        part[end - path] = '\0';
        bool made = mkdirat(at, name, 0755) == 0;
        if (!made && errno != EEXIST) {
            return berth_error_errno(err, errno, "cannot unpack %.200s", path);
        }
        int next = -1;
        int code =
            berth_linux_path_open(unpack->options->root, part, O_PATH | O_DIRECTORY, 0, &next, err);
        if (code < 0) {
            return code;
        }
        close(at);
        at = next;
        struct stat status;
        if (made) {
            code = fstat(at, &status) < 0
                       ? berth_error_errno(err, errno, "cannot unpack %.200s", path)
                       : berth_unpack_note(unpack, status.st_ino, UNPACK_NO_PIECES, 0, err);
            if (code == 0) {
                code = berth_unpack_note_directory(unpack, part, NULL, true, err);
            }
        }
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

static int open_parent(struct unpack *unpack, const char *path, berth_error *err)
{
    if (unpack->parent_path != NULL && strcmp(unpack->parent_path, path) == 0) {
        return 0;
    }
    berth_unpack_forget_parent(unpack);
    const char *where = path[0] == '\0' ? "." : path;
    berth_error first = BERTH_ERROR_INIT;
    int fd = -1;
    int code =
        berth_linux_path_open(unpack->options->root, where, O_PATH | O_DIRECTORY, 0, &fd, &first);
    if (code == BERTH_E_NOT_FOUND) {
        code = make_parents(unpack, path, err);
        if (code == 0) {
            code = berth_linux_path_open(unpack->options->root, where, O_PATH | O_DIRECTORY, 0, &fd,
                                         err);
        }
    } else if (code < 0) {
        berth_error_move(err, &first);
    }
    if (code < 0) {
        return code;
    }
    struct stat status;
    unpack->parent_path = strdup(path);
    unpack->parent_fd = fd;
    if (unpack->parent_path == NULL) {
        return berth_error_no_memory(err);
    }
    if (fstat(fd, &status) < 0) {
        return berth_error_errno(err, errno, "cannot unpack into %.200s", path);
    }
    unpack->parent_setgid = (status.st_mode & S_ISGID) != 0;
    return 0;
}

int berth_unpack_place(struct unpack *unpack, const char *path, struct place *ret_place,
                       berth_error *err)
{
    const char *slash = strrchr(path, '/');
    char parent[BERTH_TAR_PATH_MAX + 1];
    size_t length = slash != NULL ? (size_t)(slash - path) : 0;
    memcpy(parent, path, length);
    parent[length] = '\0';
    int code = open_parent(unpack, parent, err);
    if (code < 0) {
        berth_unpack_forget_parent(unpack);
        return code;
    }
    *ret_place = (struct place){
        .dir = unpack->parent_fd,
        .name = slash != NULL ? slash + 1 : path,
        .path = path,
    };
    return 0;
}

/* ---- removing ------------------------------------------------------------------------------- */

static int put_aside(struct unpack *unpack, int dir, const char *name, uint64_t inode,
                     berth_error *err)
{
    const struct made_file *file = made_by_us(unpack, inode);
    if (file == NULL || file->first == UNPACK_NO_PIECES || unpack->options->record == NULL) {
        return 0;
    }
    AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return berth_error_errno(err, errno, "cannot put %.200s aside", name);
    }
    return berth_image_record_aside(unpack->options->record, file->first, file->count, fd, err);
}

static int remove_at(struct unpack *unpack, int dir, const char *name, bool keep_ours,
                     berth_error *err);

/* Opens and walks a directory, removing what is in it; the depth is bounded by the path limit. */
static int remove_content(struct unpack *unpack, int dir, const char *name, bool keep_ours,
                          bool *ret_kept, berth_error *err)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    AUTO_DIR DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    if (stream == NULL) {
        int code = berth_error_errno(err, errno, "cannot read %.200s", name);
        if (fd >= 0) {
            close(fd);
        }
        return code;
    }
    int code = 0;
    for (struct dirent *item; code == 0 && (item = readdir(stream)) != NULL;) {
        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0) {
            continue;
        }
        code = remove_at(unpack, dirfd(stream), item->d_name, keep_ours, err);
        if (code > 0) {
            *ret_kept = true;
            code = 0;
        }
    }
    return code;
}

/* 1: kept, since it (or something in it) is ours and keep_ours is set. */
static int remove_at(struct unpack *unpack, int dir, const char *name, bool keep_ours,
                     berth_error *err)
{
    struct stat status;
    if (fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        return errno == ENOENT ? 0 : berth_error_errno(err, errno, "cannot look at %.200s", name);
    }
    bool ours = made_by_us(unpack, status.st_ino) != NULL;
    if (S_ISDIR(status.st_mode)) {
        bool kept = keep_ours && ours;
        int code = remove_content(unpack, dir, name, keep_ours, &kept, err);
        if (code < 0 || kept) {
            return code < 0 ? code : 1;
        }
        return unlinkat(dir, name, AT_REMOVEDIR) == 0
                   ? 0
                   : berth_error_errno(err, errno, "cannot remove %.200s", name);
    }
    if (keep_ours && ours) {
        return 1;
    }
    int code = S_ISREG(status.st_mode) ? put_aside(unpack, dir, name, status.st_ino, err) : 0;
    if (code == 0 && unlinkat(dir, name, 0) < 0) {
        code = berth_error_errno(err, errno, "cannot remove %.200s", name);
    }
    return code;
}

int berth_unpack_remove(struct unpack *unpack, const struct place *place, berth_error *err)
{
    return remove_at(unpack, place->dir, place->name, false, err);
}

int berth_unpack_clear_lower(struct unpack *unpack, int dir, berth_error *err)
{
    bool kept = false;
    return remove_content(unpack, dir, ".", true, &kept, err);
}
