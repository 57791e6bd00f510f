/* SPDX-License-Identifier: Apache-2.0
 *
 * The one error type of core and drivers. It lives in the caller's frame: nothing to free, no
 * thread-local state, and it still works when malloc fails.
 *
 * Contract: a fallible call returns 0 and leaves *err alone, or returns a negative BERTH_E_* and
 * fills *err with the same code and a non-empty sentence. err may be NULL.
 */
#ifndef BERTH_ERROR_H
#define BERTH_ERROR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The class a caller may act on. core/api maps each to one HTTP status. Never renumbered. */
enum {
    BERTH_OK = 0,
    BERTH_E_INVALID = -1,      /* the request is wrong: bad value, bad JSON, bad name */
    BERTH_E_NOT_FOUND = -2,    /* the object named does not exist */
    BERTH_E_CONFLICT = -3,     /* the object is in a state that forbids this */
    BERTH_E_UNAUTHORIZED = -4, /* credentials missing or refused */
    BERTH_E_FORBIDDEN = -5,    /* known caller, not allowed */
    BERTH_E_UNSUPPORTED = -6,  /* this driver or kernel cannot do it */
    BERTH_E_UNAVAILABLE = -7,  /* not now: a peer is down, a resource is exhausted */
    BERTH_E_TIMEOUT = -8,      /* a deadline passed */
    BERTH_E_CANCELLED = -9,    /* the caller asked to stop */
    BERTH_E_NO_MEMORY = -10,   /* malloc failed */
    BERTH_E_DATA = -11,        /* input data is broken: wrong digest, truncated, hostile */
    BERTH_E_INTERNAL = -12,    /* anything else: a syscall failed, a bug */
    BERTH_E_NOT_MODIFIED = -13 /* the object already is as asked */
};

#define BERTH_ERROR_RETRY 1u /* flags bit 0: the same call may succeed later */

typedef struct berth_error {
    uint32_t struct_size; /* sizeof(struct berth_error), 512 */
    int32_t code;         /* BERTH_E_*, same as the return value */
    int32_t sys_errno;    /* 0 when no system call was involved */
    uint32_t flags;       /* BERTH_ERROR_* */
    char msg[496];        /* UTF-8, NUL-terminated, no final newline */
} berth_error;

#ifdef __cplusplus
}
#endif
#endif
