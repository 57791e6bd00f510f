/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside core/container: what the daemon decides where a create request leaves it open.
 */
#ifndef BERTH_CONTAINER_DEFAULTS_H
#define BERTH_CONTAINER_DEFAULTS_H

#include <stdbool.h>

#include "base/error.h"
#include "base/string.h"
#include "oci/container_config.h"
#include "oci/host_config.h"

struct container_defaults {
    const char *log_driver, *ipc_mode, *cgroupns_mode; /* NULL: Docker's */
    const struct berth_strmap *log_options;
    int64_t shm_size;
    bool cgroup_v2;
};

/* Fills host with the defaults that inspect shows. */
int container_host_config_default(const struct container_defaults *defaults,
                                  struct berth_host_config *host, berth_error *err);
/* The first 12 digits of the id, or the host's own name in host mode. */
int container_hostname_default(struct berth_container_config *config,
                               const struct berth_host_config *host, const char *id,
                               berth_error *err);
/* INVALID: an option the log driver does not know. */
int container_log_options_check(const struct berth_log_config *log, berth_error *err);

#endif
