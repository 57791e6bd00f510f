/* SPDX-License-Identifier: Apache-2.0
 *
 * Headers, content and padding of a tar stream; extended headers are in tar_pax.c.
 * Formats: POSIX.1-2017 pax, "Extended header"; GNU tar manual, "Basic Tar Format".
 */
#include "image/tar_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* Field offsets and widths of the header block. */
enum {
    NAME = 0,
    NAME_LENGTH = 100,
    MODE = 100,
    UID = 108,
    GID = 116,
    SIZE = 124,
    MTIME = 136,
    CHECKSUM = 148,
    TYPE = 156,
    LINK = 157,
    LINK_LENGTH = 100,
    MAGIC = 257,
    MAJOR = 329,
    MINOR = 337,
    PREFIX = 345,
    PREFIX_LENGTH = 155,
    GNU_SPARSE = 386, /* 4 pieces of 24 bytes */
    GNU_EXTENDED = 482,
    GNU_REAL_SIZE = 483,
};

int berth_tar_reader_new(const struct berth_tar_reader_options *options,
                         struct berth_tar_reader **ret_reader, berth_error *err)
{
    struct berth_tar_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL) {
        return berth_error_no_memory(err);
    }
    reader->options = *options;
    reader->buffer = malloc(TAR_BUFFER);
    if (reader->buffer == NULL) {
        free(reader);
        return berth_error_no_memory(err);
    }
    *ret_reader = reader;
    return 0;
}

void berth_tar_reader_free(struct berth_tar_reader *reader)
{
    if (reader != NULL) {
        berth_tar_pax_done(&reader->pax);
        berth_tar_pax_done(&reader->global);
        free(reader->pieces);
        free(reader->path);
        free(reader->link);
        free(reader->buffer);
        free(reader);
    }
}

int berth_tar_raw(struct berth_tar_reader *reader, const void *bytes, size_t length,
                  berth_error *err)
{
    return reader->options.raw != NULL && length > 0
               ? reader->options.raw(reader->options.data, bytes, length, err)
               : 0;
}

/* Makes at least `wanted` bytes (at most the buffer's size) ready, fewer at the stream's end. */
static int fill(struct berth_tar_reader *reader, size_t wanted, berth_error *err)
{
    if (reader->end - reader->begin >= wanted) {
        return 0;
    }
    memmove(reader->buffer, reader->buffer + reader->begin, reader->end - reader->begin);
    reader->end -= reader->begin;
    reader->begin = 0;
    while (reader->end < wanted) {
        int64_t count = reader->options.read(reader->options.data, reader->buffer + reader->end,
                                             TAR_BUFFER - reader->end, err);
        if (count < 0) {
            return (int)count;
        }
        if (count == 0) {
            break;
        }
        reader->end += (size_t)count;
        reader->taken += count;
    }
    return 0;
}

int64_t berth_tar_reader_offset(const struct berth_tar_reader *reader)
{
    return reader->taken - (int64_t)(reader->end - reader->begin);
}

/* Goes over as much of `count` bytes as lies beyond the buffer, where that is possible. */
static int skip(struct berth_tar_reader *reader, int64_t *count, berth_error *err)
{
    int64_t ahead = (int64_t)(reader->end - reader->begin);
    if (reader->options.skip == NULL || reader->options.raw != NULL || *count <= ahead) {
        return 0;
    }
    int code = reader->options.skip(reader->options.data, *count - ahead, err);
    if (code == 0) {
        reader->taken += *count - ahead;
        reader->begin = 0;
        reader->end = 0;
        *count = 0;
    }
    return code;
}

static int cut_short(berth_error *err)
{
    return berth_error_set(err, BERTH_E_DATA, 0, "damaged tar: it is cut short");
}

int berth_tar_reader_content(struct berth_tar_reader *reader, const void **ret_bytes,
                             size_t *ret_length, berth_error *err)
{
    if (reader->left == 0) {
        *ret_length = 0;
        return 0;
    }
    int code = fill(reader, 1, err);
    if (code < 0) {
        return code;
    }
    size_t length = reader->end - reader->begin;
    if (length == 0) {
        return cut_short(err);
    }
    if ((int64_t)length > reader->left) {
        length = (size_t)reader->left;
    }
    *ret_bytes = reader->buffer + reader->begin;
    *ret_length = length;
    reader->begin += length;
    reader->left -= (int64_t)length;
    return 0;
}

/* Passes `count` bytes on as raw. */
static int pass(struct berth_tar_reader *reader, int64_t count, berth_error *err)
{
    int code = skip(reader, &count, err);
    while (code == 0 && count > 0) {
        code = fill(reader, 1, err);
        if (code < 0) {
            return code;
        }
        size_t length = reader->end - reader->begin;
        if (length == 0) {
            return cut_short(err);
        }
        if ((int64_t)length > count) {
            length = (size_t)count;
        }
        code = berth_tar_raw(reader, reader->buffer + reader->begin, length, err);
        if (code < 0) {
            return code;
        }
        reader->begin += length;
        count -= (int64_t)length;
    }
    return code;
}

/* Reads the body of a small metadata entry (already announced as `size` bytes) with its padding. */
int berth_tar_body(struct berth_tar_reader *reader, int64_t size, int64_t limit, char **ret_body,
                   berth_error *err)
{
    if (size < 0 || size > limit) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "refused: a tar header of %lld bytes, the limit is %lld",
                               (long long)size, (long long)limit);
    }
    size_t padded = ((size_t)size + BERTH_TAR_BLOCK - 1) / BERTH_TAR_BLOCK * BERTH_TAR_BLOCK;
    int code = fill(reader, padded, err);
    if (code < 0) {
        return code;
    }
    if (reader->end - reader->begin < padded) {
        return cut_short(err);
    }
    char *body = malloc((size_t)size + 1);
    if (body == NULL) {
        return berth_error_no_memory(err);
    }
    memcpy(body, reader->buffer + reader->begin, (size_t)size);
    body[size] = '\0';
    code = berth_tar_raw(reader, reader->buffer + reader->begin, padded, err);
    if (code < 0) {
        free(body);
        return code;
    }
    reader->begin += padded;
    *ret_body = body;
    return 0;
}

/* Octal text, or base-256 when the first bit is set (GNU). False: neither. */
static bool parse_number(const unsigned char *field, size_t width, int64_t *ret_value)
{
    if ((field[0] & 0x80) != 0) {
        bool negative = (field[0] & 0x40) != 0;
        uint64_t value = negative ? UINT64_MAX : 0;
        for (size_t i = 0; i < width; i++) {
            unsigned char byte =
                i == 0 ? (unsigned char)(field[0] & (negative ? 0xff : 0x7f)) : field[i];
            if (width - i > 8 && byte != (negative ? 0xff : 0)) {
                return false; /* does not fit */
            }
            value = value << 8 | byte;
        }
        *ret_value = (int64_t)value;
        return ((int64_t)value < 0) == negative;
    }
    size_t i = 0;
    while (i < width && (field[i] == ' ' || field[i] == '\0')) {
        i++;
    }
    int64_t value = 0;
    for (; i < width && field[i] >= '0' && field[i] <= '7'; i++) {
        value = value * 8 + (field[i] - '0'); /* 12 digits at most */
    }
    *ret_value = value;
    return i == width || field[i] == ' ' || field[i] == '\0';
}

static bool checksum_valid(const unsigned char *block)
{
    int64_t wanted = 0, sum = 0, signed_sum = 0;
    if (!parse_number(block + CHECKSUM, 8, &wanted)) {
        return false;
    }
    for (size_t i = 0; i < BERTH_TAR_BLOCK; i++) {
        bool own = i >= CHECKSUM && i < CHECKSUM + 8;
        sum += own ? ' ' : block[i];
        signed_sum += own ? ' ' : (signed char)block[i];
    }
    return wanted == sum || wanted == signed_sum; /* old tars summed signed chars */
}

static bool block_is_zero(const unsigned char *block)
{
    return block[0] == 0 && memcmp(block, block + 1, BERTH_TAR_BLOCK - 1) == 0;
}

/* Makes *slot a copy of the field that ends at its width or its NUL. */
static int copy_field(char **slot, const unsigned char *field, size_t width, berth_error *err)
{
    char *text = strndup((const char *)field, width);
    if (text == NULL) {
        return berth_error_no_memory(err);
    }
    berth_replace(slot, text);
    return 0;
}

/* Name with ustar prefix; GNU uses the prefix's place for other things. */
static int header_names(struct berth_tar_reader *reader, const unsigned char *block,
                        berth_error *err)
{
    int code = copy_field(&reader->link, block + LINK, LINK_LENGTH, err);
    if (code == 0) {
        code = copy_field(&reader->path, block + NAME, NAME_LENGTH, err);
    }
    if (code == 0 && memcmp(block + MAGIC, "ustar\0", 6) == 0 && block[PREFIX] != '\0') {
        char *prefix = strndup((const char *)block + PREFIX, PREFIX_LENGTH);
        char *joined = prefix != NULL ? berth_format("%s/%s", prefix, reader->path) : NULL;
        free(prefix);
        if (joined == NULL) {
            return berth_error_no_memory(err);
        }
        berth_replace(&reader->path, joined);
    }
    return code;
}

static int header_numbers(struct berth_tar_reader *reader, const unsigned char *block,
                          berth_error *err)
{
    struct berth_tar_entry *entry = &reader->entry;
    int64_t mode, uid, gid, size, mtime, major = 0, minor = 0;
    bool fits = parse_number(block + MODE, 8, &mode) && parse_number(block + UID, 8, &uid) &&
                parse_number(block + GID, 8, &gid) && parse_number(block + SIZE, 12, &size) &&
                parse_number(block + MTIME, 12, &mtime);
    if (fits && memcmp(block + MAGIC, "ustar", 5) == 0) {
        fits = parse_number(block + MAJOR, 8, &major) && parse_number(block + MINOR, 8, &minor);
    }
    if (!fits || size < 0 || size > BERTH_TAR_SIZE_MAX || uid < 0 || uid >= UINT32_MAX || gid < 0 ||
        gid >= UINT32_MAX || major < 0 || major > UINT32_MAX || minor < 0 || minor > UINT32_MAX) {
        return berth_error_set(err, BERTH_E_DATA, 0, "damaged tar: a wrong number in a header");
    }
    entry->mode = (uint32_t)mode & 07777;
    entry->uid = (uint32_t)uid;
    entry->gid = (uint32_t)gid;
    entry->size = size;
    entry->stored = size;
    entry->mtime = (struct timespec){.tv_sec = mtime};
    entry->device_major = (uint32_t)major;
    entry->device_minor = (uint32_t)minor;
    return 0;
}

/* One block's or header's pieces of GNU's old sparse format. */
static int gnu_pieces(struct berth_tar_reader *reader, const unsigned char *at, size_t count,
                      berth_error *err)
{
    for (size_t i = 0; i < count; i++, at += 24) {
        int64_t offset, length;
        if (at[0] == '\0') {
            return 0;
        }
        if (!parse_number(at, 12, &offset) || !parse_number(at + 12, 12, &length)) {
            return berth_error_set(err, BERTH_E_DATA, 0, "damaged tar: a wrong sparse map");
        }
        int code = berth_tar_piece_add(reader, offset, length, err);
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

static int gnu_sparse(struct berth_tar_reader *reader, const unsigned char *header,
                      berth_error *err)
{
    struct berth_tar_entry *entry = &reader->entry;
    bool more = header[GNU_EXTENDED] != 0;
    int64_t size;
    if (!parse_number(header + GNU_REAL_SIZE, 12, &size) || size < 0 || size > BERTH_TAR_SIZE_MAX) {
        return berth_error_set(err, BERTH_E_DATA, 0, "damaged tar: a wrong sparse size");
    }
    entry->size = size;
    reader->sparse = true;
    int code = gnu_pieces(reader, header + GNU_SPARSE, 4, err);
    while (code == 0 && more) {
        char *block = NULL;
        code = berth_tar_body(reader, BERTH_TAR_BLOCK, BERTH_TAR_BLOCK, &block, err);
        if (code == 0) {
            more = block[504] != 0;
            code = gnu_pieces(reader, (unsigned char *)block, 21, err);
        }
        free(block);
    }
    return code;
}

/* Takes the body of a GNU long name or link as the next entry's. */
static int long_name(struct berth_tar_reader *reader, char **slot, berth_error *err)
{
    char *body = NULL;
    int code = berth_tar_body(reader, reader->entry.stored, BERTH_TAR_PATH_MAX + 1, &body, err);
    if (code == 0) {
        berth_replace(slot, body);
    }
    return code;
}

/* Handles the entries that only describe others. *ret_real: this one is a file. */
static int take_metadata(struct berth_tar_reader *reader, char type, bool *ret_real,
                         berth_error *err)
{
    *ret_real = false;
    switch (type) {
    case 'L':
        return long_name(reader, &reader->pax.path, err);
    case 'K':
        return long_name(reader, &reader->pax.link, err);
    case 'x':
    case 'g':
        return berth_tar_pax_read(reader, type == 'g' ? &reader->global : &reader->pax, err);
    case 'V': /* volume label: no file */
        return pass(
            reader,
            (reader->entry.stored + BERTH_TAR_BLOCK - 1) / BERTH_TAR_BLOCK * BERTH_TAR_BLOCK, err);
    default:
        *ret_real = true;
        return 0;
    }
}

static int set_type(struct berth_tar_reader *reader, const unsigned char *header, berth_error *err)
{
    struct berth_tar_entry *entry = &reader->entry;
    char type = (char)header[TYPE];
    size_t length = strlen(reader->path);
    if (type == '\0' || type == '7') {
        type = '0'; /* old tar; contiguous files are plain files */
    }
    if (type == 'S') {
        type = '0';
        int code = gnu_sparse(reader, header, err);
        if (code < 0) {
            return code;
        }
    }
    if (type == '0' && length > 0 && reader->path[length - 1] == '/') {
        type = '5'; /* old tar had no type for directories */
    }
    if (type < '0' || type > '6') {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "refused: tar entry \"%.100s\" has the unknown type %d",
                               reader->path, type);
    }
    entry->type = (enum berth_tar_type)type;
    return 0;
}

/* Only files carry content, whatever size the headers of others state (as Go's reader has it). */
static void settle_size(struct berth_tar_entry *entry)
{
    if (entry->type != BERTH_TAR_FILE) {
        entry->size = 0;
        entry->stored = 0;
    }
}

static int finish_entry(struct berth_tar_reader *reader, const unsigned char *header,
                        berth_error *err)
{
    struct berth_tar_entry *entry = &reader->entry;
    int code = berth_tar_pax_apply(reader, &reader->global, err);
    if (code == 0) {
        code = berth_tar_pax_apply(reader, &reader->pax, err);
    }
    if (code == 0) {
        code = set_type(reader, header, err);
    }
    if (code < 0) {
        return code;
    }
    if (strlen(reader->path) > BERTH_TAR_PATH_MAX || strlen(reader->link) > BERTH_TAR_PATH_MAX) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "refused: a path of more than %d bytes in the tar",
                               BERTH_TAR_PATH_MAX);
    }
    settle_size(entry);
    reader->left = entry->stored;
    reader->padding = (BERTH_TAR_BLOCK - entry->stored % BERTH_TAR_BLOCK) % BERTH_TAR_BLOCK;
    code = berth_tar_sparse_finish(reader, err);
    entry->path = reader->path;
    entry->link = reader->link;
    entry->xattrs = reader->pax.xattrs;
    entry->xattr_count = reader->pax.xattr_count;
    entry->pieces = reader->sparse ? reader->pieces : NULL;
    entry->piece_count = reader->sparse ? reader->piece_count : 0;
    return code;
}

/* Everything after the end-of-archive mark belongs to the stream too. */
static int drain(struct berth_tar_reader *reader, berth_error *err)
{
    while (true) {
        int code = fill(reader, 1, err);
        if (code < 0) {
            return code;
        }
        if (reader->begin == reader->end) {
            return 0;
        }
        code =
            berth_tar_raw(reader, reader->buffer + reader->begin, reader->end - reader->begin, err);
        if (code < 0) {
            return code;
        }
        reader->begin = reader->end;
    }
}

/* Takes one header block; *ret_ended: the archive's end instead. */
static int take_header(struct berth_tar_reader *reader, unsigned char *ret_block, bool *ret_ended,
                       berth_error *err)
{
    int code = fill(reader, BERTH_TAR_BLOCK, err);
    if (code < 0) {
        return code;
    }
    size_t ready = reader->end - reader->begin;
    *ret_ended = ready == 0;
    if (ready == 0) {
        return 0;
    }
    const unsigned char *block = reader->buffer + reader->begin;
    if (ready < BERTH_TAR_BLOCK) {
        return cut_short(err);
    }
    if (block_is_zero(block)) {
        *ret_ended = true;
        return drain(reader, err);
    }
    if (!checksum_valid(block)) {
        return berth_error_set(err, BERTH_E_DATA, 0,
                               reader->entries == 0 ? "this is not a tar archive"
                                                    : "damaged tar: a header's checksum is wrong");
    }
    memcpy(ret_block, block, BERTH_TAR_BLOCK);
    code = berth_tar_raw(reader, block, BERTH_TAR_BLOCK, err);
    reader->begin += BERTH_TAR_BLOCK;
    return code;
}

int berth_tar_reader_next(struct berth_tar_reader *reader, const struct berth_tar_entry **ret_entry,
                          berth_error *err)
{
    int code = pass(reader, reader->left + reader->padding, err);
    reader->left = 0;
    reader->padding = 0;
    reader->piece_count = 0;
    reader->sparse = false;
    berth_tar_pax_done(&reader->pax);
    for (bool real = false; code == 0 && !real;) {
        unsigned char block[BERTH_TAR_BLOCK];
        bool ended = false;
        code = take_header(reader, block, &ended, err);
        if (code < 0 || ended) {
            *ret_entry = NULL;
            return code;
        }
        if (++reader->entries > BERTH_TAR_ENTRIES_MAX) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "refused: more than %d entries in one tar",
                                   BERTH_TAR_ENTRIES_MAX);
        }
        memset(&reader->entry, 0, sizeof(reader->entry));
        code = header_numbers(reader, block, err);
        if (code == 0) {
            code = take_metadata(reader, (char)block[TYPE], &real, err);
        }
        if (code == 0 && real) {
            code = header_names(reader, block, err);
        }
        if (code == 0 && real) {
            code = finish_entry(reader, block, err);
        }
    }
    if (code == 0) {
        *ret_entry = &reader->entry;
    }
    return code;
}
