/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the daemon's configuration share.
 */
#ifndef BERTH_DAEMON_CONFIG_INTERNAL_H
#define BERTH_DAEMON_CONFIG_INTERNAL_H

#include "daemon/config.h"

/* An option's member; NULL: the option stores nothing (ignored ones). */
static inline void *berth_daemon_option_slot(const struct berth_daemon_option *option,
                                             const struct berth_daemon_config *config)
{
    return option->help == NULL && option->offset == 0 ? NULL
                                                       : (char *)(uintptr_t)config + option->offset;
}

/* "base=10.0.0.0/8,size=24": both there, the size a number. */
int32_t berth_daemon_pool_check(const char *text, berth_error *err);
/* "nofile=SOFT[:HARD]". */
int32_t berth_daemon_ulimit_check(const char *text, berth_error *err);
/* Empties a list, map, string or document. */
void berth_daemon_option_clear(const struct berth_daemon_option *option, void *slot);

#endif
