/* SPDX-License-Identifier: Apache-2.0
 *
 * Filling and extending a berth_error.
 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int32_t fill(berth_error *err, int32_t code, int32_t sys_errno, const char *format,
                    va_list arguments)
{
    if (err == NULL) {
        return code;
    }
    err->struct_size = sizeof(*err);
    err->code = code;
    err->sys_errno = sys_errno;
    err->flags = 0;
    int length = vsnprintf(err->msg, sizeof(err->msg), format, arguments);
    if (sys_errno != 0 && length >= 0 && (size_t)length < sizeof(err->msg)) {
        char text[128];
        snprintf(err->msg + length, sizeof(err->msg) - (size_t)length, ": %s",
                 strerror_r(sys_errno, text, sizeof(text)));
    }
    return code;
}

int32_t berth_error_set(berth_error *err, int32_t code, int32_t sys_errno, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fill(err, code, sys_errno, format, arguments);
    va_end(arguments);
    return code;
}

static int32_t class_of_errno(int32_t sys_errno)
{
    static const struct {
        int32_t sys_errno, code;
    } classes[] = {
        {ENOENT, BERTH_E_NOT_FOUND},         {EACCES, BERTH_E_FORBIDDEN},
        {EPERM, BERTH_E_FORBIDDEN},          {ENOMEM, BERTH_E_NO_MEMORY},
        {EEXIST, BERTH_E_CONFLICT},          {EBUSY, BERTH_E_CONFLICT},
        {ETIMEDOUT, BERTH_E_TIMEOUT},        {EOPNOTSUPP, BERTH_E_UNSUPPORTED},
        {ENOSYS, BERTH_E_UNSUPPORTED},       {ECANCELED, BERTH_E_CANCELLED},
        {ECONNREFUSED, BERTH_E_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (classes[i].sys_errno == sys_errno) {
            return classes[i].code;
        }
    }
    return BERTH_E_INTERNAL;
}

int32_t berth_error_errno(berth_error *err, int32_t sys_errno, const char *format, ...)
{
    int32_t code = class_of_errno(sys_errno);
    va_list arguments;
    va_start(arguments, format);
    fill(err, code, sys_errno, format, arguments);
    va_end(arguments);
    return code;
}

int32_t berth_error_wrap(berth_error *err, const char *format, ...)
{
    if (err == NULL) {
        return BERTH_E_INTERNAL;
    }
    char cause[sizeof(err->msg)];
    memcpy(cause, err->msg, sizeof(cause));
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(err->msg, sizeof(err->msg), format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length < sizeof(err->msg)) {
        snprintf(err->msg + length, sizeof(err->msg) - (size_t)length, ": %s", cause);
    }
    return err->code != 0 ? err->code : BERTH_E_INTERNAL;
}

int32_t berth_error_no_memory(berth_error *err)
{
    return berth_error_set(err, BERTH_E_NO_MEMORY, 0, "out of memory");
}

int32_t berth_error_move(berth_error *to, const berth_error *from)
{
    if (to != NULL) {
        *to = *from;
    }
    return from->code != 0 ? from->code : BERTH_E_INTERNAL;
}

void berth_error_clear(berth_error *err)
{
    if (err != NULL) {
        err->code = 0;
        err->sys_errno = 0;
        err->flags = 0;
        err->msg[0] = '\0';
    }
}
