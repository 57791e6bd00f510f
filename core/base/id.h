/* SPDX-License-Identifier: Apache-2.0
 *
 * Random identifiers.
 */
#ifndef BERTH_BASE_ID_H
#define BERTH_BASE_ID_H

#include <stddef.h>

#include "base/error.h"

#define BERTH_ID_LENGTH       64 /* hexadecimal digits of an object's id, as Docker's */
#define BERTH_ID_SHORT_LENGTH 12 /* what lists show */

/* Writes a fresh random id and its NUL. Fails only when the kernel gives no randomness. */
int32_t berth_id_new(char ret_id[BERTH_ID_LENGTH + 1], berth_error *err);
/* Lower-case hexadecimal of size bytes into 2 * size + 1 characters. */
void berth_hex(const void *bytes, size_t size, char *ret_text);
/* The reverse; false unless text is exactly 2 * size hexadecimal digits. */
_Bool berth_hex_decode(const char *text, void *ret_bytes, size_t size);

#endif
