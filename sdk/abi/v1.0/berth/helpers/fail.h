/* SPDX-License-Identifier: Apache-2.0
 *
 * Filling a berth_error. Header-only: compiled into the driver, not part of the ABI.
 */
#ifndef BERTH_HELPERS_FAIL_H
#define BERTH_HELPERS_FAIL_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <berth/error.h>

/* Fills err (NULL is fine) with a class, an errno (0: none; else its text is appended) and a
 * sentence. Returns code. */
__attribute__((format(printf, 4, 5), unused)) static inline int32_t berth_fail(
    berth_error *err, int32_t code, int32_t sys_errno, const char *format, ...)
{
    va_list arguments;
    int length;
    if (err == NULL) {
        return code;
    }
    err->code = code;
    err->sys_errno = sys_errno;
    err->flags = 0;
    va_start(arguments, format);
    length = vsnprintf(err->msg, sizeof(err->msg), format, arguments);
    va_end(arguments);
    if (sys_errno != 0 && length >= 0 && (size_t)length < sizeof(err->msg)) {
        /* strerror is safe in threads since glibc 2.32 */
        snprintf(err->msg + length, sizeof(err->msg) - (size_t)length, ": %s", strerror(sys_errno));
    }
    return code;
}

/* The class that fits an errno. */
static inline int32_t berth_errno_class(int32_t sys_errno)
{
    switch (sys_errno) {
    case ENOENT:
        return BERTH_E_NOT_FOUND;
    case EEXIST:
    case EBUSY:
        return BERTH_E_CONFLICT;
    case EACCES:
    case EPERM:
        return BERTH_E_FORBIDDEN;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
        return BERTH_E_UNAVAILABLE;
    case ENOMEM:
        return BERTH_E_NO_MEMORY;
    case ETIMEDOUT:
        return BERTH_E_TIMEOUT;
    case EOPNOTSUPP:
    case ENOSYS:
        return BERTH_E_UNSUPPORTED;
    case ECANCELED:
        return BERTH_E_CANCELLED;
    default:
        return BERTH_E_INTERNAL;
    }
}

/* berth_fail with the class that fits the errno. */
#define BERTH_FAIL_ERRNO(err, sys_errno, ...) \
    berth_fail((err), berth_errno_class(sys_errno), (sys_errno), __VA_ARGS__)

#endif
