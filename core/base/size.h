/* SPDX-License-Identifier: Apache-2.0
 *
 * Sizes in bytes as people write and read them.
 */
#ifndef BERTH_BASE_SIZE_H
#define BERTH_BASE_SIZE_H

#include <stdbool.h>
#include <stdint.h>

#define BERTH_SIZE_TEXT 32

/* "64m", "1.5GiB", "1024b", "100": binary multiples whatever the spelling, as Docker's
 * RAMInBytes. */
bool berth_size_parse(const char *text, int64_t *ret_bytes);
/* "1.24MB": decimal units, `digits` significant digits (docker images: 3; docker ps -s: 3).
 * Returns text. */
char *berth_size_format(int64_t bytes, int digits, char text[BERTH_SIZE_TEXT]);
/* "1.183MiB": binary units, four significant digits (docker stats). Returns text. */
char *berth_size_format_binary(int64_t bytes, char text[BERTH_SIZE_TEXT]);

#endif
