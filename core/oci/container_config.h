/* SPDX-License-Identifier: Apache-2.0
 *
 * What runs in a container whatever the host is: Docker's ContainerConfig, which is also the
 * `config` of an image (OCI image-spec, config.md). Member names and order are the API's.
 *
 * In all settings structs a vector or map with items == NULL (keys == NULL) was null or absent in
 * the JSON, and one without items but with an array was [] or {}: Docker tells the two apart
 * (MaskedPaths null: the default list, []: none), and so does what we write.
 */
#ifndef BERTH_OCI_CONTAINER_CONFIG_H
#define BERTH_OCI_CONTAINER_CONFIG_H

#include "base/json.h"

/* Times are nanoseconds; 0: inherit. */
struct berth_health_config {
    struct berth_strv test; /* empty: inherit; ["NONE"], ["CMD", ...] or ["CMD-SHELL", line] */
    int64_t interval;
    int64_t timeout;
    int64_t start_period;
    int64_t start_interval;
    int64_t retries;
};

struct berth_container_config {
    char *hostname;
    char *domainname;
    char *user; /* "name|uid[:group|gid]" */
    bool attach_stdin;
    bool attach_stdout;
    bool attach_stderr;
    struct berth_strv exposed_ports; /* "80/tcp" */
    bool tty;
    bool open_stdin;
    bool stdin_once;
    struct berth_strv env;
    struct berth_strv cmd; /* items == NULL: take the image's */
    struct berth_health_config *healthcheck;
    bool args_escaped;
    char *image;
    struct berth_strv volumes; /* paths */
    char *working_dir;
    struct berth_strv entrypoint; /* items == NULL: take the image's; [""]: none */
    bool network_disabled;
    char *mac_address;
    struct berth_strv on_build;
    struct berth_strmap labels;
    char *stop_signal;
    int64_t stop_timeout; /* seconds; BERTH_JSON_UNSET: the daemon's default */
    struct berth_strv shell;
};

extern const struct berth_json_table berth_health_config_table;
extern const struct berth_json_table berth_container_config_table;

#endif
