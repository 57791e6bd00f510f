/* SPDX-License-Identifier: Apache-2.0
 *
 * Content-addressed blobs: <folder>/sha256/<64 hexadecimal digits>, for manifests, configs and the
 * like. A blob is written under a temporary name, its digest checked, then renamed: it is whole or
 * absent. Digests are "sha256:<hex>". Any thread.
 */
#ifndef BERTH_STORE_BLOB_H
#define BERTH_STORE_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/string.h"

#define BERTH_BLOB_DIGEST 72 /* bytes of "sha256:<hex>" and its NUL */

struct berth_blobs;
struct berth_blob_writer;

/* Opens or makes the folder and removes what interrupted writers left. */
int32_t berth_blobs_open(const char *folder, struct berth_blobs **ret_blobs, berth_error *err);
void berth_blobs_close(struct berth_blobs *blobs);

/* Stores size bytes. digest: what they must hash to (DATA otherwise), or NULL. ret_digest (may be
 * NULL) gets the digest. A blob that exists already is left alone. */
int32_t berth_blob_put(struct berth_blobs *blobs, const char *digest, const void *data, size_t size,
                       char ret_digest[BERTH_BLOB_DIGEST], berth_error *err);
/* The whole blob, NUL-terminated, the caller's to free. NOT_FOUND; DATA: it no longer has its
 * digest; INVALID: larger than limit. */
int32_t berth_blob_get(struct berth_blobs *blobs, const char *digest, size_t limit, char **ret_data,
                       size_t *ret_size, berth_error *err);
/* The blob's file for reading; the fd is the caller's. */
int32_t berth_blob_open(struct berth_blobs *blobs, const char *digest, int *ret_fd,
                        uint64_t *ret_size, berth_error *err);
/* True when it is there. */
bool berth_blob_exists(struct berth_blobs *blobs, const char *digest);
/* Idempotent. */
int32_t berth_blob_delete(struct berth_blobs *blobs, const char *digest, berth_error *err);
/* Appends all digests to the vector. */
int32_t berth_blob_list(struct berth_blobs *blobs, struct berth_strv *ret_digests,
                        berth_error *err);

/* Streams a blob in: new, write..., then commit or abort; each frees the writer whatever it
 * returns. One thread at a time uses a writer. */
int32_t berth_blob_writer_new(struct berth_blobs *blobs, struct berth_blob_writer **ret_writer,
                              berth_error *err);
int32_t berth_blob_write(struct berth_blob_writer *writer, const void *data, size_t size,
                         berth_error *err);
int32_t berth_blob_commit(struct berth_blob_writer *writer, const char *digest,
                          char ret_digest[BERTH_BLOB_DIGEST], berth_error *err);
void berth_blob_abort(struct berth_blob_writer *writer);

#endif
