/* SPDX-License-Identifier: Apache-2.0
 *
 * The user's terminal: raw mode, size, detach keys.
 */
#ifndef BERTH_CLI_TERMINAL_H
#define BERTH_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define BERTH_DETACH_KEYS_MAX     16
#define BERTH_DETACH_KEYS_DEFAULT "ctrl-p,ctrl-q"

/* Puts the terminal fd into raw mode; it comes back on berth_terminal_restore(), at exit and on
 * signals that kill us. False: fd is not a terminal, nothing changed. */
bool berth_terminal_raw(int fd);
void berth_terminal_restore(void);
/* Rows and columns of the terminal at fd; false: it is none. */
bool berth_terminal_size(int fd, int *ret_rows, int *ret_columns);

/* The keys that end an attached session, and how much of them was typed. */
struct berth_detach {
    unsigned char keys[BERTH_DETACH_KEYS_MAX];
    size_t count;
    size_t matched;
};

/* "ctrl-p,ctrl-q", "a,ctrl-[": reads the keys. BERTH_E_INVALID names the wrong one. */
int32_t berth_detach_parse(const char *text, struct berth_detach *ret_detach, berth_error *err);
/* Filters typed bytes: writes what is to be sent to `out` (room for length + the number of keys)
 * and its size to *ret_length. True: the keys are complete. Keys typed in part are held back until
 * it is clear that they don't go on. */
bool berth_detach_filter(struct berth_detach *detach, const char *data, size_t length, char *out,
                         size_t *ret_length);

#endif
