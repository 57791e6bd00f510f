/* SPDX-License-Identifier: Apache-2.0
 *
 * printf on top of host->log. Header-only: compiled into the driver, not part of the ABI.
 */
#ifndef BERTH_HELPERS_LOG_H
#define BERTH_HELPERS_LOG_H

#include <stdarg.h>
#include <stdio.h>

#include <berth/host.h>

/* Writes one line, cut at 1 KiB, to the host's log. */
__attribute__((format(printf, 3, 4), unused)) static inline void berth_logf(const berth_host *host,
                                                                            int32_t level,
                                                                            const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    host->log(host->ctx, level, text);
}

#endif
