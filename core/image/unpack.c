/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries of a layer's tar become files. Whiteouts are those of the OCI image-spec (layer.md).
 */
#include "image/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "image/unpack_internal.h"
#include "linux/path.h"

#define WHITEOUT        ".wh."
#define WHITEOUT_META   ".wh..wh." /* aufs' own files; only the next one means something */
#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define OVERLAY_OPAQUE  "trusted.overlay.opaque"

static int fail(const struct place *place, berth_error *err)
{
    return berth_error_errno(err, errno, "cannot unpack \"%.200s\"", place->path);
}

/* Would this attribute steer the storage driver instead of describing the file? */
static bool xattr_forbidden(const char *name)
{
    return berth_str_starts(name, "trusted.overlay.") || berth_str_starts(name, "user.overlay.");
}

/* Attributes that the file system or a user namespace cannot keep are left out, as Docker does. */
static bool xattr_may_fail(int error)
{
    return error == EOPNOTSUPP || error == EPERM;
}

static int set_xattrs(const struct berth_tar_entry *entry, const struct place *place, int fd,
                      berth_error *err)
{
    char path[64 + 256];
    snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", place->dir, place->name);
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const struct berth_tar_xattr *xattr = &entry->xattrs[i];
        if (xattr_forbidden(xattr->name)) {
            continue;
        }
        int result = fd >= 0 ? fsetxattr(fd, xattr->name, xattr->value, xattr->length, 0)
                             : lsetxattr(path, xattr->name, xattr->value, xattr->length, 0);
        if (result < 0 && !xattr_may_fail(errno)) {
            return berth_error_errno(err, errno, "cannot set %.100s of \"%.200s\"", xattr->name,
                                     place->path);
        }
    }
    return 0;
}

static bool needs_owner(const struct unpack *unpack, const struct berth_tar_entry *entry)
{
    /* a setgid directory gives its group to what is made in it */
    return entry->uid != 0 || entry->gid != 0 || unpack->parent_setgid;
}

static bool needs_mode(const struct unpack *unpack, const struct berth_tar_entry *entry)
{
    return (entry->mode & unpack->mask) != 0 || (entry->mode & 07000) != 0 || unpack->parent_setgid;
}

static void times_of(const struct berth_tar_entry *entry, struct timespec times[2])
{
    times[0] = entry->mtime;
    times[1] = entry->mtime;
}

static int write_at(int fd, const void *bytes, size_t length, int64_t offset,
                    const struct place *place, berth_error *err)
{
    const char *from = bytes;
    while (length > 0) {
        ssize_t count = pwrite(fd, from, length, offset);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            int32_t code =
                errno == ENOSPC || errno == EDQUOT ? BERTH_E_UNAVAILABLE : BERTH_E_INTERNAL;
            return berth_error_set(err, code, errno, "cannot write \"%.200s\"", place->path);
        }
        from += count;
        offset += count;
        length -= (size_t)count;
    }
    return 0;
}

/* A file being written, and what the reader gave beyond the end of its last piece. */
struct output {
    const struct place *place;
    int fd;
    const char *rest;
    size_t rest_length;
};

/* Writes one piece of the entry's content. */
static int write_piece(struct unpack *unpack, struct output *output,
                       const struct berth_tar_piece *piece, berth_error *err)
{
    int64_t offset = piece->offset, left = piece->length;
    while (left > 0) {
        if (output->rest_length == 0) {
            const void *bytes = NULL;
            int code = berth_tar_reader_content(unpack->reader, &bytes, &output->rest_length, err);
            if (code < 0) {
                return code;
            }
            output->rest = bytes;
            if (output->rest_length == 0) {
                return berth_error_set(err, BERTH_E_DATA, 0, "damaged tar: content is missing");
            }
        }
        size_t part = (int64_t)output->rest_length < left ? output->rest_length : (size_t)left;
        int code = write_at(output->fd, output->rest, part, offset, output->place, err);
        if (code < 0) {
            return code;
        }
        output->rest += part;
        output->rest_length -= part;
        offset += (int64_t)part;
        left -= (int64_t)part;
    }
    return 0;
}

static int record_piece(struct unpack *unpack, const struct place *place,
                        const struct berth_tar_piece *piece, uint32_t *first, uint32_t *count,
                        berth_error *err)
{
    if (unpack->options->record == NULL || piece->length == 0) {
        return 0;
    }
    uint32_t number = 0;
    int code = berth_image_record_content(unpack->options->record, place->path, piece->offset,
                                          piece->length, &number, err);
    if (code == 0) {
        *first = *count == 0 ? number : *first;
        ++*count;
    }
    return code;
}

static int write_content(struct unpack *unpack, const struct berth_tar_entry *entry,
                         const struct place *place, int fd, berth_error *err)
{
    const struct berth_tar_piece whole = {.offset = 0, .length = entry->size};
    const struct berth_tar_piece *pieces = entry->pieces != NULL ? entry->pieces : &whole;
    size_t piece_count = entry->pieces != NULL ? entry->piece_count : 1;
    uint32_t first = UNPACK_NO_PIECES, count = 0;
    struct output output = {.place = place, .fd = fd};
    int code = 0;
    if (entry->pieces != NULL && ftruncate(fd, entry->size) < 0) {
        code = fail(place, err);
    }
    for (size_t i = 0; code == 0 && i < piece_count; i++) {
        code = record_piece(unpack, place, &pieces[i], &first, &count, err);
        if (code == 0) {
            code = write_piece(unpack, &output, &pieces[i], err);
        }
    }
    struct stat status;
    if (code == 0 && fstat(fd, &status) < 0) {
        code = fail(place, err);
    }
    return code < 0 ? code : berth_unpack_note(unpack, status.st_ino, first, count, err);
}

static int make_file(struct unpack *unpack, const struct berth_tar_entry *entry,
                     const struct place *place, berth_error *err)
{
    static const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    AUTO_CLOSE int fd = openat(place->dir, place->name, flags, entry->mode);
    if (fd < 0 && errno == EEXIST) {
        int code = berth_unpack_remove(unpack, place, err);
        if (code < 0) {
            return code;
        }
        fd = openat(place->dir, place->name, flags, entry->mode);
    }
    if (fd < 0) {
        return fail(place, err);
    }
    int code = write_content(unpack, entry, place, fd, err);
    if (code < 0) {
        return code;
    }
    struct timespec times[2];
    times_of(entry, times);
    /* the owner first: changing it drops set-ids and capabilities */
    if ((needs_owner(unpack, entry) && fchown(fd, entry->uid, entry->gid) < 0) ||
        (needs_mode(unpack, entry) && fchmod(fd, entry->mode) < 0)) {
        return fail(place, err);
    }
    code = set_xattrs(entry, place, fd, err);
    if (code == 0 && futimens(fd, times) < 0) {
        code = fail(place, err);
    }
    unpack->size += entry->size;
    return code;
}

/* Makes a directory, or takes the one that is there; a whiteout that it replaces makes it opaque:
 * nothing of the deleted one shines through. */
static int make_directory_node(struct unpack *unpack, const struct place *place, mode_t mode,
                               berth_error *err)
{
    if (mkdirat(place->dir, place->name, mode) == 0) {
        return 0;
    }
    struct stat status;
    if (errno != EEXIST || fstatat(place->dir, place->name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        return fail(place, err);
    }
    if (S_ISDIR(status.st_mode)) {
        return 0;
    }
    int code = berth_unpack_remove(unpack, place, err);
    if (code < 0) {
        return code;
    }
    if (mkdirat(place->dir, place->name, mode) < 0) {
        return fail(place, err);
    }
    char path[64 + 256];
    snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", place->dir, place->name);
    if (unpack->options->delta && S_ISCHR(status.st_mode) && status.st_rdev == 0 &&
        lsetxattr(path, OVERLAY_OPAQUE, "y", 1, 0) < 0) {
        return fail(place, err);
    }
    return 0;
}

static int describe_directory(struct unpack *unpack, const struct berth_tar_entry *entry,
                              const struct place *place, int fd, berth_error *err)
{
    struct stat status;
    if (fchown(fd, entry->uid, entry->gid) < 0 || fchmod(fd, entry->mode) < 0 ||
        fstat(fd, &status) < 0) {
        return fail(place, err);
    }
    int code = set_xattrs(entry, place, fd, err);
    if (code == 0) {
        code = berth_unpack_note(unpack, status.st_ino, UNPACK_NO_PIECES, 0, err);
    }
    return code < 0 ? code
                    : berth_unpack_note_directory(unpack, place->path, &entry->mtime, false, err);
}

static int make_directory(struct unpack *unpack, const struct berth_tar_entry *entry,
                          const struct place *place, berth_error *err)
{
    int code = make_directory_node(unpack, place, entry->mode, err);
    if (code < 0) {
        return code;
    }
    AUTO_CLOSE int fd =
        openat(place->dir, place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? fail(place, err) : describe_directory(unpack, entry, place, fd, err);
}

/* Links to a file of this layer (of the tree, where the driver copies the parent). */
static int make_hard_link(struct unpack *unpack, const struct berth_tar_entry *entry,
                          const struct place *place, berth_error *err)
{
    char target[BERTH_TAR_PATH_MAX + 1];
    int code = berth_unpack_clean_path(entry->link, target, err);
    if (code < 0) {
        return code;
    }
    AUTO_CLOSE int fd = -1;
    code = berth_linux_path_open(unpack->options->root, target, O_PATH | O_NOFOLLOW, 0, &fd, err);
    if (code < 0) {
        return berth_error_wrap(err, "hard link \"%.100s\"", place->path);
    }
    struct stat status, existing;
    if (fstat(fd, &status) < 0) {
        return fail(place, err);
    }
    if (S_ISDIR(status.st_mode)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "refused: hard link \"%.200s\" to a directory", place->path);
    }
    if (fstatat(place->dir, place->name, &existing, AT_SYMLINK_NOFOLLOW) == 0) {
        if (existing.st_ino == status.st_ino) {
            return 0; /* a link to itself */
        }
        code = berth_unpack_remove(unpack, place, err);
        if (code < 0) {
            return code;
        }
    }
    char source[64];
    snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, source, place->dir, place->name, AT_SYMLINK_FOLLOW) == 0
               ? 0
               : fail(place, err);
}

static int make_node(const struct berth_tar_entry *entry, const struct place *place)
{
    if (entry->type == BERTH_TAR_SYMLINK) {
        return symlinkat(entry->link, place->dir, place->name);
    }
    if (entry->type == BERTH_TAR_FIFO) {
        return mknodat(place->dir, place->name, S_IFIFO | entry->mode, 0);
    }
    mode_t type = entry->type == BERTH_TAR_CHAR_DEVICE ? S_IFCHR : S_IFBLK;
    return mknodat(place->dir, place->name, type | entry->mode,
                   makedev(entry->device_major, entry->device_minor));
}

/* Symbolic links, devices and fifos. */
static int make_special(struct unpack *unpack, const struct berth_tar_entry *entry,
                        const struct place *place, berth_error *err)
{
    if (entry->type == BERTH_TAR_CHAR_DEVICE && entry->device_major == 0 &&
        entry->device_minor == 0) {
        return 0; /* what overlay takes for a whiteout; no such device exists */
    }
    int result = make_node(entry, place);
    if (result < 0 && errno == EEXIST) {
        int code = berth_unpack_remove(unpack, place, err);
        if (code < 0) {
            return code;
        }
        result = make_node(entry, place);
    }
    if (result < 0) {
        return fail(place, err);
    }
    struct timespec times[2];
    times_of(entry, times);
    bool link = entry->type == BERTH_TAR_SYMLINK;
    struct stat status;
    if ((needs_owner(unpack, entry) &&
         fchownat(place->dir, place->name, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) < 0) ||
        (!link && fchmodat(place->dir, place->name, entry->mode, 0) < 0) ||
        (!unpack->options->delta &&
         fstatat(place->dir, place->name, &status, AT_SYMLINK_NOFOLLOW) < 0)) {
        return fail(place, err);
    }
    int code = set_xattrs(entry, place, -1, err);
    if (code == 0 && utimensat(place->dir, place->name, times, AT_SYMLINK_NOFOLLOW) < 0) {
        code = fail(place, err);
    }
    if (code == 0 && !unpack->options->delta) {
        code = berth_unpack_note(unpack, status.st_ino, UNPACK_NO_PIECES, 0, err);
    }
    return code;
}

static int make_opaque(struct unpack *unpack, const struct place *place, berth_error *err)
{
    if (!unpack->options->delta) {
        return berth_unpack_clear_lower(unpack, place->dir, err);
    }
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", place->dir);
    return setxattr(path, OVERLAY_OPAQUE, "y", 1, 0) == 0 ? 0 : fail(place, err);
}

static int make_whiteout(struct unpack *unpack, const struct place *place, berth_error *err)
{
    if (strcmp(place->name, WHITEOUT_OPAQUE) == 0) {
        return make_opaque(unpack, place, err);
    }
    if (berth_str_starts(place->name, WHITEOUT_META)) {
        return 0;
    }
    const char *name = place->name + sizeof(WHITEOUT) - 1;
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "refused: whiteout \"%.200s\"",
                               place->path);
    }
    struct place hidden = {.dir = place->dir, .name = name, .path = place->path};
    int code = berth_unpack_remove(unpack, &hidden, err);
    if (code < 0 || !unpack->options->delta) {
        return code;
    }
    return mknodat(hidden.dir, hidden.name, S_IFCHR, makedev(0, 0)) == 0 ? 0 : fail(place, err);
}

/* The entry "./": the layer's root directory. */
static int describe_root(struct unpack *unpack, const struct berth_tar_entry *entry,
                         berth_error *err)
{
    if (entry->type != BERTH_TAR_DIRECTORY) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "refused: the root of the layer is not a directory");
    }
    const struct place place = {.dir = unpack->options->root, .name = ".", .path = ""};
    return describe_directory(unpack, entry, &place, unpack->options->root, err);
}

static int take_entry(struct unpack *unpack, const struct berth_tar_entry *entry, berth_error *err)
{
    char path[BERTH_TAR_PATH_MAX + 1];
    int code = berth_unpack_clean_path(entry->path, path, err);
    if (code < 0) {
        return code;
    }
    if (path[0] == '\0') {
        return describe_root(unpack, entry, err);
    }
    if (berth_str_starts(path, WHITEOUT_META) && strcmp(path, WHITEOUT_OPAQUE) != 0) {
        return 0; /* aufs' metadata at the root, and everything in it */
    }
    struct place place;
    code = berth_unpack_place(unpack, path, &place, err);
    if (code < 0) {
        return code;
    }
    if (strlen(place.name) > 255) {
        return berth_error_set(err, BERTH_E_INVALID, ENAMETOOLONG, "refused: \"%.200s\"", path);
    }
    if (berth_str_starts(place.name, WHITEOUT)) {
        return make_whiteout(unpack, &place, err);
    }
    switch (entry->type) {
    case BERTH_TAR_FILE:
        return make_file(unpack, entry, &place, err);
    case BERTH_TAR_DIRECTORY:
        return make_directory(unpack, entry, &place, err);
    case BERTH_TAR_HARD_LINK:
        return make_hard_link(unpack, entry, &place, err);
    case BERTH_TAR_SYMLINK:
    case BERTH_TAR_CHAR_DEVICE:
    case BERTH_TAR_BLOCK_DEVICE:
    case BERTH_TAR_FIFO:
        break;
    }
    return make_special(unpack, entry, &place, err);
}

/* Times last, since filling a directory changes its own; children before parents does not matter
 * for them. Gathers the implied ones. */
static int settle_directories(struct unpack *unpack, struct berth_strv *implied, berth_error *err)
{
    for (size_t i = 0; i < unpack->directory_count; i++) {
        const struct made_directory *directory = &unpack->directories[i];
        if (directory->implied) {
            if (!berth_strv_add(implied, directory->path)) {
                return berth_error_no_memory(err);
            }
            continue;
        }
        AUTO_CLOSE int fd = -1;
        const char *path = directory->path[0] != '\0' ? directory->path : ".";
        if (berth_linux_path_open(unpack->options->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
                                  0, &fd, NULL) < 0) {
            continue; /* a later entry replaced it */
        }
        struct timespec times[2] = {directory->mtime, directory->mtime};
        if (futimens(fd, times) < 0) {
            return berth_error_errno(err, errno, "cannot set the time of \"%.200s\"", path);
        }
    }
    return 0;
}

static int64_t read_stream(void *data, void *buffer, size_t size, berth_error *err)
{
    struct unpack *unpack = data;
    return berth_image_stream_read(unpack->options->stream, buffer, size, err);
}

static int take_raw(void *data, const void *bytes, size_t length, berth_error *err)
{
    struct unpack *unpack = data;
    return unpack->options->record != NULL
               ? berth_image_record_literal(unpack->options->record, bytes, length, err)
               : 0;
}

/* The umask without changing it, which would touch other threads. */
static mode_t read_mask(void)
{
    mode_t mask = 0777; /* unknown: set every mode */
    AUTO_FILE FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (berth_str_starts(line, "Umask:")) {
            mask = (mode_t)strtoul(line + sizeof("Umask:") - 1, NULL, 8) & 0777;
            break;
        }
    }
    return mask;
}

static void done(struct unpack *unpack)
{
    berth_unpack_forget_parent(unpack);
    berth_tar_reader_free(unpack->reader);
    for (size_t i = 0; i < unpack->directory_count; i++) {
        free(unpack->directories[i].path);
    }
    free(unpack->directories);
    free(unpack->directory_index);
    free(unpack->made);
}

int berth_image_unpack(const struct berth_image_unpack *options, int64_t *ret_size,
                       struct berth_strv *ret_implied, berth_error *err)
{
    struct unpack unpack = {.options = options, .mask = read_mask(), .parent_fd = -1};
    const struct berth_tar_reader_options reader = {
        .read = read_stream, .raw = take_raw, .data = &unpack};
    struct berth_strv implied = {NULL, 0};
    int code = berth_tar_reader_new(&reader, &unpack.reader, err);
    if (code == 0) {
        code = berth_unpack_note_directory(&unpack, "", NULL, true, err);
    }
    while (code == 0) {
        const struct berth_tar_entry *entry = NULL;
        code = berth_tar_reader_next(unpack.reader, &entry, err);
        if (code < 0 || entry == NULL) {
            break;
        }
        code = take_entry(&unpack, entry, err);
    }
    if (code == 0) {
        code = settle_directories(&unpack, &implied, err);
    }
    done(&unpack);
    if (code < 0) {
        berth_strv_done(&implied);
        return code;
    }
    *ret_size = unpack.size;
    *ret_implied = implied;
    return 0;
}

/* Copies the attributes that describe the directory, not those that steer overlay. */
static int copy_xattrs(const char *from, const char *to, berth_error *err)
{
    enum { LIST_MAX = 65536, VALUE_MAX = 65536 };         /* XATTR_LIST_MAX, XATTR_SIZE_MAX */
    AUTO_FREE char *names = malloc(LIST_MAX + VALUE_MAX); /* too much for a thread's stack */
    if (names == NULL) {
        return berth_error_no_memory(err);
    }
    char *value = names + LIST_MAX;
    ssize_t length = listxattr(from, names, LIST_MAX);
    if (length < 0) {
        return errno == EOPNOTSUPP ? 0 : berth_error_errno(err, errno, "cannot list attributes");
    }
    for (const char *name = names; name < names + length; name += strlen(name) + 1) {
        if (xattr_forbidden(name)) {
            continue;
        }
        ssize_t size = getxattr(from, name, value, VALUE_MAX);
        if (size < 0 ||
            (setxattr(to, name, value, (size_t)size, 0) < 0 && !xattr_may_fail(errno))) {
            return berth_error_errno(err, errno, "cannot copy attribute %.100s", name);
        }
    }
    return 0;
}

int berth_image_copy_directory(int from, int to, berth_error *err)
{
    struct stat status;
    char from_path[64], to_path[64];
    snprintf(from_path, sizeof(from_path), "/proc/self/fd/%d", from);
    snprintf(to_path, sizeof(to_path), "/proc/self/fd/%d", to);
    if (fstat(from, &status) < 0 || chown(to_path, status.st_uid, status.st_gid) < 0 ||
        chmod(to_path, status.st_mode & 07777) < 0) {
        return berth_error_errno(err, errno, "cannot copy a directory's owner and mode");
    }
    int code = copy_xattrs(from_path, to_path, err);
    const struct timespec times[2] = {status.st_atim, status.st_mtim};
    if (code == 0 && utimensat(AT_FDCWD, to_path, times, 0) < 0) {
        code = berth_error_errno(err, errno, "cannot copy a directory's times");
    }
    return code;
}
