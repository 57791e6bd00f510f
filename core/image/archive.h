/* SPDX-License-Identifier: Apache-2.0
 *
 * The outer tar of an image archive as a table of its files. What cannot be sought in (pipes,
 * sockets, compressed files) is spooled to an unnamed file first.
 */
#ifndef BERTH_IMAGE_ARCHIVE_H
#define BERTH_IMAGE_ARCHIVE_H

#include "image/image_internal.h"

/* One file of the archive. */
struct berth_image_archive_file {
    char *name;     /* clean: "blobs/sha256/..." */
    char *link;     /* clean name of what it links to; NULL: a plain file */
    int64_t offset; /* of its content in fd */
    int64_t size;
};

struct berth_image_archive {
    int fd;
    bool owned;
    struct berth_image_archive_file *files; /* sorted by name */
    size_t count;
};

/* Opens the archive that begins where fd stands (borrowed until close). BERTH_E_INVALID: not a tar;
 * BERTH_E_DATA: damaged. */
int berth_image_archive_open(struct berth_image_manager *manager, int fd,
                             const struct berth_image_watch *watch,
                             struct berth_image_archive *ret_archive, berth_error *err);
void berth_image_archive_close(struct berth_image_archive *archive);
/* The file of a name as a document states it, links followed; NULL: not there. */
const struct berth_image_archive_file *berth_image_archive_find(
    const struct berth_image_archive *archive, const char *name);
/* Reads a whole small file; the text is NUL-terminated and the caller's. BERTH_E_INVALID: absent or
 * larger than limit. */
int berth_image_archive_read(const struct berth_image_archive *archive, const char *name,
                             size_t limit, char **ret_text, size_t *ret_length, berth_error *err);

/* A stream's plain bytes in an unnamed file. */
struct berth_image_spooled {
    int fd; /* the caller's */
    int64_t size;
    char hex[BERTH_SHA256_HEX]; /* sha256, when asked for */
};

/* Copies a whole stream, decompressed, to a spool file. */
int berth_image_spool_stream(struct berth_image_manager *manager, int fd,
                             const struct berth_image_watch *watch, bool hash,
                             struct berth_image_spooled *ret, berth_error *err);

#endif
