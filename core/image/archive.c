/* SPDX-License-Identifier: Apache-2.0
 *
 * Spooling and indexing archives.
 */
#include "image/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "image/stream_internal.h"
#include "image/tar_reader.h"
#include "image/unpack_internal.h"
#include "linux/path.h"

#define SPLICE_SIZE (1 << 20) /* what a pipe may hold without privilege (fs.pipe-max-size) */

static bool watch_cancelled(void *data, int64_t bytes)
{
    const struct berth_image_watch *watch = data;
    (void)bytes;
    return watch != NULL && watch->cancelled != NULL && watch->cancelled(watch->data);
}

static int copy_stream(struct berth_image_stream *stream, int to, berth_error *err)
{
    AUTO_FREE char *buffer = malloc(BERTH_IMAGE_BUFFER);
    if (buffer == NULL) {
        return berth_error_no_memory(err);
    }
    while (true) {
        int64_t count = berth_image_stream_read(stream, buffer, BERTH_IMAGE_BUFFER, err);
        if (count <= 0) {
            return (int)count;
        }
        int code = berth_linux_write_all(to, buffer, (size_t)count, err);
        if (code < 0) {
            return berth_error_wrap(err, "spooling the archive");
        }
    }
}

/* A plain pipe goes to the file within the kernel, one copy less. *ret_spliced: it did; else
 * nothing was taken. */
static int splice_pipe(const struct berth_image_stream *stream, int to, bool *ret_spliced,
                       int64_t *ret_size, berth_error *err)
{
    const struct berth_image_stream_options *options = &stream->options;
    int64_t ahead = (int64_t)(stream->end - stream->begin), size = ahead;
    struct stat status;
    *ret_spliced = false;
    if (berth_image_stream_is_compressed(stream) || fstat(options->fd, &status) < 0 ||
        !S_ISFIFO(status.st_mode)) {
        return 0;
    }
    fcntl(options->fd, F_SETPIPE_SZ, SPLICE_SIZE); /* fewer wake-ups; refused is fine too */
    int code = berth_linux_write_all(to, stream->buffer + stream->begin, (size_t)ahead, err);
    while (code == 0) {
        ssize_t count = splice(options->fd, NULL, to, NULL, SPLICE_SIZE, SPLICE_F_MOVE);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 && errno == EINVAL && size == ahead) { /* a file system without splice */
            return lseek(to, 0, SEEK_SET) < 0
                       ? berth_error_errno(err, errno, "cannot spool the archive")
                       : 0;
        }
        if (count <= 0) {
            *ret_spliced = count == 0;
            *ret_size = size;
            return count == 0 ? 0 : berth_error_errno(err, errno, "cannot spool the archive");
        }
        size += count;
        if (watch_cancelled(options->data, size)) {
            code = berth_error_set(err, BERTH_E_CANCELLED, 0, "cancelled");
        }
    }
    return code;
}

int berth_image_spool_stream(struct berth_image_manager *manager, int fd,
                             const struct berth_image_watch *watch, bool hash,
                             struct berth_image_spooled *ret, berth_error *err)
{
    const struct berth_image_stream_options options = {
        .fd = fd,
        .offset = -1,
        .length = -1,
        .flags = BERTH_IMAGE_STREAM_ANY | (hash ? (uint32_t)BERTH_IMAGE_STREAM_HASH_OUTPUT : 0),
        .consumed = watch_cancelled,
        .data = (void *)watch,
    };
    AUTO_CLOSE int to = -1;
    struct berth_image_stream *stream = NULL;
    int code = berth_image_stream_open(&options, &stream, err);
    if (code == 0) {
        code = berth_image_spool(manager, &to, err);
    }
    bool spliced = false;
    int64_t size = 0;
    if (code == 0 && !hash) {
        code = splice_pipe(stream, to, &spliced, &size, err);
    }
    if (code == 0 && !spliced) {
        code = copy_stream(stream, to, err);
        size = berth_image_stream_given(stream);
    }
    if (code == 0) {
        berth_image_stream_digests(stream, NULL, ret->hex);
        ret->size = size;
        ret->fd = TAKE_FD(to);
    }
    berth_image_stream_close(stream);
    return code;
}

/* Can the archive be read where it is: a plain tar in a file? */
static int is_seekable_tar(int fd, bool *ret_seekable, off_t *ret_begin, berth_error *err)
{
    struct stat status;
    *ret_seekable = false;
    *ret_begin = 0;
    if (fstat(fd, &status) < 0) {
        return berth_error_errno(err, errno, "cannot look at the archive");
    }
    off_t begin = S_ISREG(status.st_mode) ? lseek(fd, 0, SEEK_CUR) : -1;
    if (begin < 0) {
        return 0;
    }
    const struct berth_image_stream_options options = {
        .fd = fd, .offset = begin, .length = -1, .flags = BERTH_IMAGE_STREAM_ANY};
    struct berth_image_stream *stream = NULL;
    int code = berth_image_stream_open(&options, &stream, err);
    if (code == 0) {
        *ret_seekable = !berth_image_stream_is_compressed(stream);
        *ret_begin = begin;
        berth_image_stream_close(stream);
    }
    return code;
}

struct scan {
    int fd;
    off_t at;
    off_t end;
    const struct berth_image_watch *watch;
};

static int64_t scan_read(void *data, void *buffer, size_t size, berth_error *err)
{
    struct scan *scan = data;
    if (watch_cancelled((void *)scan->watch, 0)) {
        return berth_error_set(err, BERTH_E_CANCELLED, 0, "cancelled");
    }
    ssize_t count;
    do {
        count = pread(scan->fd, buffer, size < 65536 ? size : 65536, scan->at);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        return berth_error_errno(err, errno, "cannot read the archive");
    }
    scan->at += count;
    return count;
}

static int scan_skip(void *data, int64_t count, berth_error *err)
{
    struct scan *scan = data;
    if (count > scan->end - scan->at) {
        return berth_error_set(err, BERTH_E_DATA, 0, "damaged tar: it is cut short");
    }
    scan->at += count;
    return 0;
}

/* Where a link points to, seen from the folder of its own name; a hard link's is from the root. */
static int link_target(const struct berth_tar_entry *entry, const char *name, char **ret_link,
                       berth_error *err)
{
    const char *slash = strrchr(name, '/');
    bool relative = entry->type == BERTH_TAR_SYMLINK && entry->link[0] != '/' && slash != NULL;
    AUTO_FREE char *joined =
        berth_format("%.*s%s", relative ? (int)(slash - name) + 1 : 0, name, entry->link);
    char clean[BERTH_TAR_PATH_MAX + 1];
    if (joined == NULL) {
        return berth_error_no_memory(err);
    }
    int code = berth_unpack_clean_path(joined, clean, err);
    if (code == 0) {
        *ret_link = strdup(clean);
    }
    return code < 0 || *ret_link != NULL ? code : berth_error_no_memory(err);
}

static int add_file(struct berth_image_archive *archive, const struct berth_tar_entry *entry,
                    int64_t offset, berth_error *err)
{
    bool link = entry->type == BERTH_TAR_SYMLINK || entry->type == BERTH_TAR_HARD_LINK;
    if (entry->type != BERTH_TAR_FILE && !link) {
        return 0;
    }
    if (entry->pieces != NULL) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "refused: \"%.200s\" is stored as a sparse file in the archive",
                               entry->path);
    }
    char name[BERTH_TAR_PATH_MAX + 1];
    int code = berth_unpack_clean_path(entry->path, name, err);
    if (code < 0) {
        return code;
    }
    if ((archive->count & (archive->count - 1)) == 0) { /* doubles at powers of two */
        size_t room = archive->count > 0 ? archive->count * 2 : 1;
        struct berth_image_archive_file *grown =
            realloc(archive->files, room * sizeof(*archive->files));
        if (grown == NULL) {
            return berth_error_no_memory(err);
        }
        archive->files = grown;
    }
    struct berth_image_archive_file file = {
        .name = strdup(name), .offset = offset, .size = entry->size};
    code = file.name == NULL ? berth_error_no_memory(err) : 0;
    if (code == 0 && link) {
        code = link_target(entry, name, &file.link, err);
    }
    if (code < 0) {
        free(file.name);
        return code;
    }
    archive->files[archive->count++] = file;
    return 0;
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct berth_image_archive_file *)a)->name,
                  ((const struct berth_image_archive_file *)b)->name);
}

static int scan_archive(struct berth_image_archive *archive, struct scan *scan, berth_error *err)
{
    const struct berth_tar_reader_options options = {
        .read = scan_read, .skip = scan_skip, .data = scan};
    struct berth_tar_reader *reader = NULL;
    off_t begin = scan->at;
    int code = berth_tar_reader_new(&options, &reader, err);
    while (code == 0) {
        const struct berth_tar_entry *entry = NULL;
        code = berth_tar_reader_next(reader, &entry, err);
        if (code < 0 || entry == NULL) {
            break;
        }
        code = add_file(archive, entry, begin + berth_tar_reader_offset(reader), err);
    }
    berth_tar_reader_free(reader);
    if (code == 0 && archive->count > 0) {
        qsort(archive->files, archive->count, sizeof(*archive->files), compare_files);
    }
    return code;
}

int berth_image_archive_open(struct berth_image_manager *manager, int fd,
                             const struct berth_image_watch *watch,
                             struct berth_image_archive *ret_archive, berth_error *err)
{
    struct berth_image_archive archive = {.fd = fd};
    bool seekable = false;
    off_t begin = 0;
    int code = is_seekable_tar(fd, &seekable, &begin, err);
    if (code == 0 && !seekable) {
        struct berth_image_spooled spooled = {.fd = fd};
        code = berth_image_spool_stream(manager, fd, watch, false, &spooled, err);
        archive.fd = spooled.fd;
        archive.owned = code == 0;
        begin = 0;
    }
    struct stat status = {.st_size = 0};
    if (code == 0 && fstat(archive.fd, &status) < 0) {
        code = berth_error_errno(err, errno, "cannot look at the archive");
    }
    if (code == 0) {
        struct scan scan = {.fd = archive.fd, .at = begin, .end = status.st_size, .watch = watch};
        code = scan_archive(&archive, &scan, err);
    }
    if (code < 0) {
        berth_image_archive_close(&archive);
        return code;
    }
    *ret_archive = archive;
    return 0;
}

void berth_image_archive_close(struct berth_image_archive *archive)
{
    for (size_t i = 0; i < archive->count; i++) {
        free(archive->files[i].name);
        free(archive->files[i].link);
    }
    free(archive->files);
    if (archive->owned && archive->fd >= 0) {
        close(archive->fd);
    }
    *archive = (struct berth_image_archive){.fd = -1};
}

const struct berth_image_archive_file *berth_image_archive_find(
    const struct berth_image_archive *archive, const char *name)
{
    char clean[BERTH_TAR_PATH_MAX + 1];
    if (name == NULL || strlen(name) > BERTH_TAR_PATH_MAX ||
        berth_unpack_clean_path(name, clean, NULL) < 0) {
        return NULL;
    }
    struct berth_image_archive_file key = {.name = clean};
    for (int depth = 0; depth < 8; depth++) { /* docker's own links are one deep */
        const struct berth_image_archive_file *file =
            archive->count > 0 ? bsearch(&key, archive->files, archive->count,
                                         sizeof(*archive->files), compare_files)
                               : NULL;
        if (file == NULL || file->link == NULL) {
            return file;
        }
        key.name = file->link;
    }
    return NULL;
}

int berth_image_archive_read(const struct berth_image_archive *archive, const char *name,
                             size_t limit, char **ret_text, size_t *ret_length, berth_error *err)
{
    const struct berth_image_archive_file *file = berth_image_archive_find(archive, name);
    if (file == NULL) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid archive: it has no %.200s", name);
    }
    if (file->size < 0 || (uint64_t)file->size > limit) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid archive: %.200s has %lld bytes, the limit is %zu", name,
                               (long long)file->size, limit);
    }
    size_t length = (size_t)file->size;
    AUTO_FREE char *text = malloc(length + 1);
    if (text == NULL) {
        return berth_error_no_memory(err);
    }
    for (size_t at = 0; at < length;) {
        ssize_t count = pread(archive->fd, text + at, length - at, file->offset + (off_t)at);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return berth_error_set(err, BERTH_E_DATA, count < 0 ? errno : 0,
                                   "invalid archive: %.200s is cut short", name);
        }
        at += (size_t)count;
    }
    text[length] = '\0';
    *ret_length = length;
    *ret_text = TAKE_PTR(text);
    return 0;
}
