/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the tar reader. What it gives must fit what it said, and raw bytes with content must
 * be the input again.
 */
#include "image/tar_reader.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size, at;
    uint8_t *copy; /* all bytes given back */
    size_t given;
};

static int64_t give(void *data, void *buffer, size_t size, berth_error *err)
{
    struct input *input = data;
    size_t part = input->size - input->at;
    (void)err;
    if (part > size) {
        part = size;
    }
    memcpy(buffer, input->data + input->at, part);
    input->at += part;
    return (int64_t)part;
}

static void keep(struct input *input, const void *bytes, size_t length)
{
    if (length > input->size - input->given) {
        abort(); /* more came out than went in */
    }
    memcpy(input->copy + input->given, bytes, length);
    input->given += length;
}

static int take_raw(void *data, const void *bytes, size_t length, berth_error *err)
{
    (void)err;
    keep(data, bytes, length);
    return 0;
}

/* Reads the content of every second entry; the other's goes the raw way. */
static int read_entry(struct berth_tar_reader *reader, struct input *input,
                      const struct berth_tar_entry *entry, berth_error *err)
{
    int64_t read = 0;
    if (strlen(entry->path) > BERTH_TAR_PATH_MAX || strlen(entry->link) > BERTH_TAR_PATH_MAX ||
        entry->stored < 0 || entry->size < 0) {
        abort();
    }
    for (size_t i = 0; i < entry->xattr_count; i++) {
        if (strlen(entry->xattrs[i].name) == 0) {
            abort();
        }
    }
    for (size_t i = 0; i < entry->piece_count; i++) {
        if (entry->pieces[i].offset + entry->pieces[i].length > entry->size) {
            abort();
        }
    }
    while (true) {
        const void *bytes = NULL;
        size_t length = 0;
        int code = berth_tar_reader_content(reader, &bytes, &length, err);
        if (code < 0) {
            return code;
        }
        if (length == 0) {
            return read == entry->stored ? 0 : (abort(), -1);
        }
        keep(input, bytes, length);
        read += (int64_t)length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {.data = data, .size = size, .copy = malloc(size + 1)};
    const struct berth_tar_reader_options options = {.read = give, .raw = take_raw, .data = &input};
    struct berth_tar_reader *reader = NULL;
    berth_error err = {.struct_size = sizeof(err)};
    int code = input.copy != NULL ? berth_tar_reader_new(&options, &reader, &err) : -1;
    for (unsigned count = 0; code == 0; count++) {
        const struct berth_tar_entry *entry = NULL;
        code = berth_tar_reader_next(reader, &entry, &err);
        if (code < 0 || entry == NULL) {
            break;
        }
        if (count % 2 == 0) {
            code = read_entry(reader, &input, entry, &err);
        }
    }
    if (code == 0 && (input.given != size || memcmp(input.copy, data, size) != 0)) {
        abort();
    }
    berth_tar_reader_free(reader);
    free(input.copy);
    return 0;
}
