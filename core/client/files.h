/* SPDX-License-Identifier: Apache-2.0
 *
 * Small files read and written whole.
 */
#ifndef BERTH_CLIENT_FILES_H
#define BERTH_CLIENT_FILES_H

#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"

/* Appends a file's content to buffer. BERTH_E_NOT_FOUND: no such file; BERTH_E_DATA: over `limit`
 * bytes. */
int32_t berth_client_file_read(const char *path, size_t limit, struct berth_buffer *buffer,
                               berth_error *err);
/* Writes a file whole or not at all: a temporary file beside it, then rename. */
int32_t berth_client_file_write(const char *path, const char *data, size_t length, mode_t mode,
                                berth_error *err);

#endif
