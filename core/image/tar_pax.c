/* SPDX-License-Identifier: Apache-2.0
 *
 * PAX extended headers (POSIX.1-2017, pax): "LENGTH KEY=VALUE\n" records; xattrs as SCHILY.xattr.*
 * and GNU's sparse maps 0.0, 0.1 and 1.0 (GNU tar manual, "Storing Sparse Files").
 */
#include "image/tar_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define XATTR_PREFIX "SCHILY.xattr."
#define XATTRS_MAX   1024 /* of one file */

void berth_tar_pax_done(struct berth_tar_pax *pax)
{
    free(pax->path);
    free(pax->link);
    free(pax->sparse_map);
    free(pax->sparse_name);
    free(pax->pieces);
    for (size_t i = 0; i < pax->xattr_count; i++) {
        free(pax->xattrs[i].name);
        free(pax->xattrs[i].value);
    }
    free(pax->xattrs);
    memset(pax, 0, sizeof(*pax));
}

static int damaged(berth_error *err)
{
    return berth_error_set(err, BERTH_E_DATA, 0, "damaged tar: a wrong extended header");
}

static int set_text(char **slot, const char *value, size_t length, berth_error *err)
{
    if (memchr(value, '\0', length) != NULL) {
        return damaged(err);
    }
    char *copy = strndup(value, length);
    if (copy == NULL) {
        return berth_error_no_memory(err);
    }
    berth_replace(slot, copy);
    return 0;
}

static int set_number(int64_t *slot, bool *has, const char *value, size_t length, berth_error *err)
{
    char text[24];
    int64_t number;
    if (length == 0 || length >= sizeof(text)) {
        return damaged(err);
    }
    memcpy(text, value, length);
    text[length] = '\0';
    if (!berth_str_to_int64(text, &number) || number < 0) {
        return damaged(err);
    }
    *slot = number;
    *has = true;
    return 0;
}

static int set_id(uint32_t *slot, bool *has, const char *value, size_t length, berth_error *err)
{
    int64_t number = 0;
    bool given = false;
    int code = set_number(&number, &given, value, length, err);
    if (code == 0 && number >= UINT32_MAX) {
        code = damaged(err);
    }
    if (code == 0) {
        *slot = (uint32_t)number;
        *has = true;
    }
    return code;
}

/* "1700000000.123456789", maybe negative. */
static int set_time(struct berth_tar_pax *pax, const char *value, size_t length, berth_error *err)
{
    char text[64];
    if (length == 0 || length >= sizeof(text)) {
        return damaged(err);
    }
    memcpy(text, value, length);
    text[length] = '\0';
    char *dot = strchr(text, '.');
    long nanoseconds = 0;
    if (dot != NULL) {
        *dot++ = '\0';
        size_t digits = strspn(dot, "0123456789");
        if (dot[digits] != '\0') {
            return damaged(err);
        }
        for (size_t i = 0; i < 9; i++) {
            nanoseconds = nanoseconds * 10 + (i < digits ? dot[i] - '0' : 0);
        }
    }
    int64_t seconds;
    if (!berth_str_to_int64(text, &seconds)) {
        return damaged(err);
    }
    if (text[0] == '-' && nanoseconds > 0) {
        seconds--;
        nanoseconds = 1000000000 - nanoseconds;
    }
    pax->mtime = (struct timespec){.tv_sec = seconds, .tv_nsec = nanoseconds};
    pax->has_mtime = true;
    return 0;
}

static int add_xattr(struct berth_tar_pax *pax, const char *name, size_t name_length,
                     const char *value, size_t length, berth_error *err)
{
    if (name_length == 0 || memchr(name, '\0', name_length) != NULL ||
        pax->xattr_count >= XATTRS_MAX) {
        return damaged(err);
    }
    struct berth_tar_xattr *grown =
        realloc(pax->xattrs, (pax->xattr_count + 1) * sizeof(*pax->xattrs));
    if (grown == NULL) {
        return berth_error_no_memory(err);
    }
    pax->xattrs = grown;
    struct berth_tar_xattr *xattr = &pax->xattrs[pax->xattr_count];
    xattr->name = strndup(name, name_length);
    xattr->value = malloc(length + 1);
    xattr->length = length;
    if (xattr->name == NULL || xattr->value == NULL) {
        free(xattr->name);
        free(xattr->value);
        return berth_error_no_memory(err);
    }
    memcpy(xattr->value, value, length);
    pax->xattr_count++;
    return 0;
}

/* Format 0.0 repeats GNU.sparse.offset and GNU.sparse.numbytes for each piece. */
static int sparse_numbytes(struct berth_tar_pax *pax, const char *value, size_t length,
                           berth_error *err)
{
    int64_t bytes = 0;
    bool given = false;
    int code = set_number(&bytes, &given, value, length, err);
    if (code < 0 || !pax->has_offset || pax->piece_count >= BERTH_TAR_SPARSE_MAX) {
        return code < 0 ? code : damaged(err);
    }
    struct berth_tar_piece *grown =
        realloc(pax->pieces, (pax->piece_count + 1) * sizeof(*pax->pieces));
    if (grown == NULL) {
        return berth_error_no_memory(err);
    }
    pax->pieces = grown;
    pax->pieces[pax->piece_count++] = (struct berth_tar_piece){pax->sparse_offset, bytes};
    pax->has_offset = false;
    return 0;
}

static bool key_is(const char *key, size_t length, const char *wanted)
{
    return strlen(wanted) == length && memcmp(key, wanted, length) == 0;
}

static int take_sparse(struct berth_tar_pax *pax, const char *key, size_t key_length,
                       const char *value, size_t length, berth_error *err)
{
    if (key_is(key, key_length, "size") || key_is(key, key_length, "realsize")) {
        return set_number(&pax->sparse_size, &pax->has_sparse_size, value, length, err);
    }
    if (key_is(key, key_length, "map")) {
        return set_text(&pax->sparse_map, value, length, err);
    }
    if (key_is(key, key_length, "name")) {
        return set_text(&pax->sparse_name, value, length, err);
    }
    if (key_is(key, key_length, "major")) {
        pax->sparse_in_data = length == 1 && value[0] == '1';
        return 0;
    }
    if (key_is(key, key_length, "offset")) {
        return set_number(&pax->sparse_offset, &pax->has_offset, value, length, err);
    }
    if (key_is(key, key_length, "numbytes")) {
        return sparse_numbytes(pax, value, length, err);
    }
    return 0; /* numblocks, minor: nothing we need */
}

static int take_record(struct berth_tar_pax *pax, const char *key, size_t key_length,
                       const char *value, size_t length, berth_error *err)
{
    static const char sparse[] = "GNU.sparse.";
    if (key_is(key, key_length, "path")) {
        return set_text(&pax->path, value, length, err);
    }
    if (key_is(key, key_length, "linkpath")) {
        return set_text(&pax->link, value, length, err);
    }
    if (key_is(key, key_length, "size")) {
        return set_number(&pax->size, &pax->has_size, value, length, err);
    }
    if (key_is(key, key_length, "uid")) {
        return set_id(&pax->uid, &pax->has_uid, value, length, err);
    }
    if (key_is(key, key_length, "gid")) {
        return set_id(&pax->gid, &pax->has_gid, value, length, err);
    }
    if (key_is(key, key_length, "mtime")) {
        return set_time(pax, value, length, err);
    }
    size_t prefix = sizeof(XATTR_PREFIX) - 1;
    if (key_length > prefix && memcmp(key, XATTR_PREFIX, prefix) == 0) {
        return add_xattr(pax, key + prefix, key_length - prefix, value, length, err);
    }
    prefix = sizeof(sparse) - 1;
    if (key_length > prefix && memcmp(key, sparse, prefix) == 0) {
        return take_sparse(pax, key + prefix, key_length - prefix, value, length, err);
    }
    return 0;
}

static int parse_records(struct berth_tar_pax *pax, const char *body, size_t size, berth_error *err)
{
    size_t at = 0;
    while (at < size) {
        size_t length = 0, digits = 0;
        while (at + digits < size && isdigit((unsigned char)body[at + digits]) && digits < 8) {
            length = length * 10 + (size_t)(body[at + digits] - '0');
            digits++;
        }
        if (digits == 0 || length > size - at || length < digits + 3 || body[at + digits] != ' ' ||
            body[at + length - 1] != '\n') {
            return damaged(err);
        }
        const char *key = body + at + digits + 1;
        const char *end = body + at + length - 1;
        const char *equals = memchr(key, '=', (size_t)(end - key));
        if (equals == NULL) {
            return damaged(err);
        }
        int code = take_record(pax, key, (size_t)(equals - key), equals + 1,
                               (size_t)(end - equals - 1), err);
        if (code < 0) {
            return code;
        }
        at += length;
    }
    return 0;
}

int berth_tar_pax_read(struct berth_tar_reader *reader, struct berth_tar_pax *pax, berth_error *err)
{
    char *body = NULL;
    int64_t size = reader->entry.stored;
    int code = berth_tar_body(reader, size, BERTH_TAR_PAX_MAX, &body, err);
    if (code == 0) {
        code = parse_records(pax, body, (size_t)size, err);
    }
    free(body);
    return code;
}

int berth_tar_piece_add(struct berth_tar_reader *reader, int64_t offset, int64_t length,
                        berth_error *err)
{
    if (reader->piece_count >= BERTH_TAR_SPARSE_MAX) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "refused: a sparse file of more than %d pieces in the tar",
                               BERTH_TAR_SPARSE_MAX);
    }
    if (reader->pieces == NULL) {
        /* one allocation for all: the map is bounded and sparse files are rare */
        reader->pieces = malloc(BERTH_TAR_SPARSE_MAX * sizeof(*reader->pieces));
        if (reader->pieces == NULL) {
            return berth_error_no_memory(err);
        }
    }
    reader->pieces[reader->piece_count++] = (struct berth_tar_piece){offset, length};
    return 0;
}

/* "offset,length,offset,length" */
static int parse_map(struct berth_tar_reader *reader, const char *map, berth_error *err)
{
    AUTO_STRV struct berth_strv numbers = {NULL, 0};
    if (!berth_strv_split(&numbers, map, ',')) {
        return berth_error_no_memory(err);
    }
    if (numbers.count % 2 != 0) {
        return damaged(err);
    }
    for (size_t i = 0; i < numbers.count; i += 2) {
        int64_t offset, length;
        if (!berth_str_to_int64(numbers.items[i], &offset) ||
            !berth_str_to_int64(numbers.items[i + 1], &length)) {
            return damaged(err);
        }
        int code = berth_tar_piece_add(reader, offset, length, err);
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

static int apply_sparse(struct berth_tar_reader *reader, struct berth_tar_pax *pax,
                        berth_error *err)
{
    if (pax->has_sparse_size) {
        reader->entry.size = pax->sparse_size;
        reader->sparse = true;
    }
    reader->sparse = reader->sparse || pax->sparse_map != NULL || pax->piece_count > 0;
    reader->entry.size = reader->entry.size > BERTH_TAR_SIZE_MAX ? -1 : reader->entry.size;
    int code = pax->sparse_map != NULL ? parse_map(reader, pax->sparse_map, err) : 0;
    for (size_t i = 0; code == 0 && i < pax->piece_count; i++) {
        code = berth_tar_piece_add(reader, pax->pieces[i].offset, pax->pieces[i].length, err);
    }
    return code;
}

int berth_tar_pax_apply(struct berth_tar_reader *reader, struct berth_tar_pax *pax,
                        berth_error *err)
{
    struct berth_tar_entry *entry = &reader->entry;
    const char *path = pax->sparse_name != NULL ? pax->sparse_name : pax->path;
    int code = path != NULL ? set_text(&reader->path, path, strlen(path), err) : 0;
    if (code == 0 && pax->link != NULL) {
        code = set_text(&reader->link, pax->link, strlen(pax->link), err);
    }
    if (code < 0) {
        return code;
    }
    if (pax->has_size) {
        if (pax->size > BERTH_TAR_SIZE_MAX) {
            return damaged(err);
        }
        entry->size = pax->size;
        entry->stored = pax->size;
    }
    if (pax->has_uid) {
        entry->uid = pax->uid;
    }
    if (pax->has_gid) {
        entry->gid = pax->gid;
    }
    if (pax->has_mtime) {
        entry->mtime = pax->mtime;
    }
    return apply_sparse(reader, pax, err);
}

/* Format 1.0: decimal numbers, each on a line, in blocks before the content: how many pieces, then
 * offset and length of each. */
static int map_in_data(struct berth_tar_reader *reader, berth_error *err)
{
    int64_t numbers = 0, wanted = 1, value = 0, offset = 0;
    size_t digits = 0;
    while (numbers < wanted) {
        char *block = NULL;
        if (reader->left < BERTH_TAR_BLOCK) {
            return damaged(err);
        }
        int code = berth_tar_body(reader, BERTH_TAR_BLOCK, BERTH_TAR_BLOCK, &block, err);
        reader->left -= BERTH_TAR_BLOCK;
        for (size_t i = 0; code == 0 && i < BERTH_TAR_BLOCK && numbers < wanted; i++) {
            if (block[i] >= '0' && block[i] <= '9' && digits < 18) {
                value = value * 10 + (block[i] - '0');
                digits++;
                continue;
            }
            if (block[i] != '\n' || digits == 0) {
                code = damaged(err);
                break;
            }
            if (numbers == 0) {
                wanted = value <= BERTH_TAR_SPARSE_MAX ? 1 + 2 * value : -1;
            } else if (numbers % 2 == 1) {
                offset = value;
            } else {
                code = berth_tar_piece_add(reader, offset, value, err);
            }
            numbers++;
            value = 0;
            digits = 0;
        }
        free(block);
        if (code < 0) {
            return code;
        }
    }
    return wanted < 0 ? damaged(err) : 0;
}

int berth_tar_sparse_finish(struct berth_tar_reader *reader, berth_error *err)
{
    struct berth_tar_entry *entry = &reader->entry;
    if (reader->pax.sparse_in_data) {
        if (entry->type != BERTH_TAR_FILE || !reader->pax.has_sparse_size) {
            return damaged(err);
        }
        int code = map_in_data(reader, err);
        if (code < 0) {
            return code;
        }
        entry->stored = reader->left;
    }
    if (!reader->sparse) {
        return 0;
    }
    if (entry->type != BERTH_TAR_FILE || entry->size < 0) {
        return damaged(err);
    }
    int64_t at = 0, stored = 0;
    for (size_t i = 0; i < reader->piece_count; i++) {
        const struct berth_tar_piece *piece = &reader->pieces[i];
        if (piece->offset < at || piece->length < 0 ||
            piece->offset > entry->size - piece->length) {
            return damaged(err);
        }
        at = piece->offset + piece->length;
        stored += piece->length;
    }
    return stored == entry->stored ? 0 : damaged(err);
}
