/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes tars in memory for tests, well-formed or hostile.
 */
#ifndef BERTH_TESTS_IMAGE_TAR_MAKE_H
#define BERTH_TESTS_IMAGE_TAR_MAKE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "oci/digest.h"

struct tar_item {
    const char *name;
    char type; /* '0' when 0 */
    const char *link;
    const char *content;
    unsigned mode, uid, gid; /* mode 0: 0644 or 0755 */
    unsigned major, minor;
    long mtime;
};

static inline void tar_pad(struct berth_buffer *tar)
{
    static const char zeros[512];
    size_t over = tar->length % 512;
    if (over != 0) {
        berth_buffer_append(tar, zeros, 512 - over);
    }
}

/* A field of 100 bytes; a name that fills it has no NUL. */
static inline void tar_text(char *field, const char *text)
{
    size_t length = strlen(text);
    memcpy(field, text, length < 100 ? length : 100);
}

static inline void tar_bytes(struct berth_buffer *tar, const struct tar_item *item,
                             const void *bytes, size_t length)
{
    char block[512] = {0};
    char type = item->type != 0 ? item->type : '0';
    unsigned mode = item->mode != 0 ? item->mode : type == '5' ? 0755 : 0644;
    unsigned sum = 0;
    tar_text(block, item->name);
    snprintf(block + 100, 8, "%07o", mode & 07777777);
    snprintf(block + 108, 8, "%07o", item->uid & 07777777);
    snprintf(block + 116, 8, "%07o", item->gid & 07777777);
    snprintf(block + 124, 12, "%011o", (unsigned)length);
    snprintf(block + 136, 12, "%011o", (unsigned)item->mtime);
    memset(block + 148, ' ', 8);
    block[156] = type;
    if (item->link != NULL) {
        tar_text(block + 157, item->link);
    }
    memcpy(block + 257, "ustar\00000", 8);
    snprintf(block + 329, 8, "%07o", item->major & 07777777);
    snprintf(block + 337, 8, "%07o", item->minor & 07777777);
    for (size_t i = 0; i < sizeof(block); i++) {
        sum += (unsigned char)block[i];
    }
    snprintf(block + 148, 7, "%06o", sum);
    berth_buffer_append(tar, block, sizeof(block));
    berth_buffer_append(tar, bytes, length);
    tar_pad(tar);
}

static inline void tar_add(struct berth_buffer *tar, const struct tar_item *item)
{
    tar_bytes(tar, item, item->content, item->content != NULL ? strlen(item->content) : 0);
}

/* A PAX header with one record for the next item. */
static inline void tar_pax(struct berth_buffer *tar, const char *key, const char *value)
{
    char record[8192];
    size_t length = strlen(key) + strlen(value) + 3;
    size_t digits = length + 1 > 9 ? (length + 2 > 99 ? (length + 3 > 999 ? 4 : 3) : 2) : 1;
    snprintf(record, sizeof(record), "%zu %s=%s\n", length + digits, key, value);
    const struct tar_item header = {.name = "pax", .type = 'x'};
    tar_bytes(tar, &header, record, strlen(record));
}

static inline void tar_end(struct berth_buffer *tar)
{
    static const char zeros[1024];
    berth_buffer_append(tar, zeros, sizeof(zeros));
}

/* "sha256:..." of bytes. */
static inline void digest_of(const void *bytes, size_t length, char ret_digest[80])
{
    char hex[BERTH_SHA256_HEX];
    berth_oci_sha256_of(bytes, length, hex, NULL);
    snprintf(ret_digest, 80, "sha256:%s", hex);
}

#endif
