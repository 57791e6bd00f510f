/* SPDX-License-Identifier: Apache-2.0
 *
 * What tar_reader.c and tar_pax.c share.
 */
#ifndef BERTH_IMAGE_TAR_INTERNAL_H
#define BERTH_IMAGE_TAR_INTERNAL_H

#include "base/string.h"
#include "image/tar_reader.h"

/* Holds a whole extended header with its padding, and is large enough for fast content. */
#define TAR_BUFFER (BERTH_TAR_PAX_MAX + BERTH_TAR_BLOCK)

/* What an extended header says about the next entry; unset: NULL or false. */
struct berth_tar_pax {
    char *path, *link;
    bool has_size, has_uid, has_gid, has_mtime;
    int64_t size;
    uint32_t uid, gid;
    struct timespec mtime;
    struct berth_tar_xattr *xattrs;
    size_t xattr_count;
    /* GNU.sparse.* */
    int64_t sparse_size; /* of the unpacked file */
    bool has_sparse_size;
    bool sparse_in_data;   /* format 1.0: the map stands before the content */
    char *sparse_map;      /* format 0.1 */
    char *sparse_name;     /* formats 0.1 and 1.0: the real path */
    bool has_offset;       /* format 0.0: offset and numbytes alternate */
    int64_t sparse_offset; /* format 0.0 */
    struct berth_tar_piece *pieces;
    size_t piece_count;
};

struct berth_tar_reader {
    struct berth_tar_reader_options options;
    unsigned char *buffer;
    size_t begin, end; /* what is read ahead */
    int64_t taken;     /* bytes read or skipped */
    int64_t left;      /* content of the entry not given yet */
    int64_t padding;   /* after it */
    int64_t entries;
    struct berth_tar_pax pax, global;
    struct berth_tar_entry entry;
    char *path, *link;
    bool sparse;
    struct berth_tar_piece *pieces;
    size_t piece_count;
};

/* Passes bytes that are not content on. */
int berth_tar_raw(struct berth_tar_reader *reader, const void *bytes, size_t length,
                  berth_error *err);
/* Reads the body of a metadata entry with its padding; *ret_body is NUL-terminated, the caller's.
 */
int berth_tar_body(struct berth_tar_reader *reader, int64_t size, int64_t limit, char **ret_body,
                   berth_error *err);
/* Parses the extended header whose block was just read into pax. */
int berth_tar_pax_read(struct berth_tar_reader *reader, struct berth_tar_pax *pax,
                       berth_error *err);
/* Lets pax override what the header said. */
int berth_tar_pax_apply(struct berth_tar_reader *reader, struct berth_tar_pax *pax,
                        berth_error *err);
void berth_tar_pax_done(struct berth_tar_pax *pax);
/* Adds one piece to the reader's sparse map. */
int berth_tar_piece_add(struct berth_tar_reader *reader, int64_t offset, int64_t length,
                        berth_error *err);
/* Reads a map that stands in the data and checks the whole map against the sizes. */
int berth_tar_sparse_finish(struct berth_tar_reader *reader, berth_error *err);

#endif
