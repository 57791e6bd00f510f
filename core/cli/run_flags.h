/* SPDX-License-Identifier: Apache-2.0
 *
 * The flags of run and create, their checks, and the request body that they make.
 */
#ifndef BERTH_CLI_RUN_FLAGS_H
#define BERTH_CLI_RUN_FLAGS_H

#include <json-c/json_types.h>

#include "cli/cli.h"

/* Flags that run and create share. */
#define BERTH_RUN_FLAGS_COUNT 102
extern const struct berth_flag berth_run_flags[BERTH_RUN_FLAGS_COUNT];

/* The body of POST /containers/create from the flags and arguments (image, command). Only what was
 * asked for is in it; the daemon fills in the rest. BERTH_E_INVALID with Docker's sentence. The
 * caller's: json_object_put(). */
int32_t berth_run_body(const struct berth_cli *cli, struct json_object **ret_body,
                       berth_error *err);

/* Sets a member by its path ("HostConfig/Memory"), making objects on the way; owns value. */
void berth_body_set(struct json_object *body, const char *path, struct json_object *value);
/* The object or array at a path, made when absent. */
struct json_object *berth_body_object(struct json_object *body, const char *path);
struct json_object *berth_body_array(struct json_object *body, const char *path);
void berth_body_add_text(struct json_object *array, const char *text);

/* Parts of the body that have a syntax of their own; all fail with Docker's sentence. */
int32_t berth_body_environment(const struct berth_flags *flags, struct json_object *body,
                               berth_error *err);
int32_t berth_body_labels(const struct berth_flags *flags, struct json_object *body,
                          berth_error *err);
int32_t berth_body_volumes(const struct berth_flags *flags, struct json_object *body,
                           berth_error *err);
int32_t berth_body_mounts(const struct berth_flags *flags, struct json_object *body,
                          berth_error *err);
int32_t berth_body_ports(const struct berth_flags *flags, struct json_object *body,
                         berth_error *err);
int32_t berth_body_health(const struct berth_flags *flags, struct json_object *body,
                          berth_error *err);
int32_t berth_body_networks(const struct berth_flags *flags, struct json_object *body,
                            berth_error *err);
int32_t berth_body_devices(const struct berth_flags *flags, struct json_object *body,
                           berth_error *err);
int32_t berth_body_security(const struct berth_flags *flags, struct json_object *body,
                            berth_error *err);
int32_t berth_body_restart(const char *policy, struct json_object *body, const char *path,
                           berth_error *err);
/* --cpus as billionths. */
int32_t berth_body_cpus(const char *text, int64_t *ret_nano, berth_error *err);

/* Reads NAME=VALUE lines and appends them to lines. A NAME alone takes its value from our
 * environment, if asked for and set there, and is dropped otherwise. */
int32_t berth_read_pairs(const char *path, bool from_environment, struct berth_strv *lines,
                         berth_error *err);

/* Checks of flag values while they are parsed. */
int32_t berth_check_add_host(const char *value, berth_error *err);
int32_t berth_check_attach(const char *value, berth_error *err);
int32_t berth_check_cgroup_rule(const char *value, berth_error *err);
int32_t berth_check_cpus(const char *value, berth_error *err);
int32_t berth_check_device_bps(const char *value, berth_error *err);
int32_t berth_check_device_iops(const char *value, berth_error *err);
int32_t berth_check_device_weight(const char *value, berth_error *err);
int32_t berth_check_dns(const char *value, berth_error *err);
int32_t berth_check_env(const char *value, berth_error *err);
int32_t berth_check_gpus(const char *value, berth_error *err);
int32_t berth_check_label(const char *value, berth_error *err);
int32_t berth_check_link(const char *value, berth_error *err);
int32_t berth_check_mount(const char *value, berth_error *err);
int32_t berth_check_network(const char *value, berth_error *err);
int32_t berth_check_sysctl(const char *value, berth_error *err);
int32_t berth_check_ulimit(const char *value, berth_error *err);
int32_t berth_check_weight(const char *value, berth_error *err);

/* An IPv4 or IPv6 address; ret_bytes gets its 4 or 16 bytes. */
bool berth_parse_address(const char *text, unsigned char ret_bytes[16]);
bool berth_is_address(const char *text);

/* KEY=VALUE values of a flag into the object at a path. */
void berth_body_pairs(const struct berth_flags *flags, const char *flag, const char *path,
                      struct json_object *body);

#endif
