/* SPDX-License-Identifier: Apache-2.0
 *
 * Filling and extending a berth_error. Every fallible function of core returns 0 or a negative
 * BERTH_E_* and takes `berth_error *err` last; err may be NULL.
 */
#ifndef BERTH_BASE_ERROR_H
#define BERTH_BASE_ERROR_H

#include <berth/error.h>

#define BERTH_ERROR_INIT                   \
    {                                      \
        .struct_size = sizeof(berth_error) \
    }

/* Fills err with a class, an errno (0: none; a non-zero one is appended in words) and a sentence.
 * Returns code, so that callers write `return berth_error_set(...)`. Any thread. */
int32_t berth_error_set(berth_error *err, int32_t code, int32_t sys_errno, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Same, the class chosen from the errno (ENOENT: NOT_FOUND, EACCES/EPERM: FORBIDDEN, ENOMEM:
 * NO_MEMORY, EEXIST/EBUSY: CONFLICT, ETIMEDOUT: TIMEOUT, EOPNOTSUPP/ENOSYS: UNSUPPORTED, ECANCELED:
 * CANCELLED, else INTERNAL). */
int32_t berth_error_errno(berth_error *err, int32_t sys_errno, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the message. Returns err's code (BERTH_E_INTERNAL for NULL). */
int32_t berth_error_wrap(berth_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The usual out-of-memory failure. */
int32_t berth_error_no_memory(berth_error *err);

/* Copies from one frame's error to another's; `to` may be NULL. Returns from->code. */
int32_t berth_error_move(berth_error *to, const berth_error *from);

/* Makes err empty again, for use in a loop. */
void berth_error_clear(berth_error *err);

#endif
