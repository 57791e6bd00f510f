/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON table of ContainerConfig.
 */
#include "oci/container_config.h"

#define HEALTH(member, name, kind) \
    BERTH_JSON_FIELD(struct berth_health_config, member, name, kind, BERTH_JSON_OMIT_EMPTY)

static const struct berth_json_field health_fields[] = {
    HEALTH(test, "Test", STRV),
    HEALTH(interval, "Interval", INT64),
    HEALTH(timeout, "Timeout", INT64),
    HEALTH(start_period, "StartPeriod", INT64),
    HEALTH(start_interval, "StartInterval", INT64),
    HEALTH(retries, "Retries", INT64),
};
const struct berth_json_table berth_health_config_table =
    BERTH_JSON_TABLE("Healthcheck", struct berth_health_config, health_fields);

#define CONFIG(member, name, kind, flags) \
    BERTH_JSON_FIELD(struct berth_container_config, member, name, kind, flags)

static const struct berth_json_field config_fields[] = {
    CONFIG(hostname, "Hostname", STRING, 0),
    CONFIG(domainname, "Domainname", STRING, 0),
    CONFIG(user, "User", STRING, 0),
    CONFIG(attach_stdin, "AttachStdin", BOOL, 0),
    CONFIG(attach_stdout, "AttachStdout", BOOL, 0),
    CONFIG(attach_stderr, "AttachStderr", BOOL, 0),
    CONFIG(exposed_ports, "ExposedPorts", STRSET, BERTH_JSON_OMIT_EMPTY),
    CONFIG(tty, "Tty", BOOL, 0),
    CONFIG(open_stdin, "OpenStdin", BOOL, 0),
    CONFIG(stdin_once, "StdinOnce", BOOL, 0),
    CONFIG(env, "Env", STRV, BERTH_JSON_NULL_EMPTY),
    CONFIG(cmd, "Cmd", STRV, BERTH_JSON_NULL_EMPTY | BERTH_JSON_LONE),
    BERTH_JSON_NESTED(struct berth_container_config, healthcheck, "Healthcheck", OBJECT_PTR,
                      BERTH_JSON_OMIT_EMPTY, berth_health_config_table),
    CONFIG(args_escaped, "ArgsEscaped", BOOL, BERTH_JSON_OMIT_EMPTY),
    CONFIG(image, "Image", STRING, 0),
    CONFIG(volumes, "Volumes", STRSET, BERTH_JSON_NULL_EMPTY),
    CONFIG(working_dir, "WorkingDir", STRING, 0),
    CONFIG(entrypoint, "Entrypoint", STRV, BERTH_JSON_NULL_EMPTY | BERTH_JSON_LONE),
    CONFIG(network_disabled, "NetworkDisabled", BOOL, BERTH_JSON_OMIT_EMPTY),
    CONFIG(mac_address, "MacAddress", STRING, BERTH_JSON_OMIT_EMPTY),
    CONFIG(on_build, "OnBuild", STRV, BERTH_JSON_NULL_EMPTY),
    CONFIG(labels, "Labels", STRMAP, BERTH_JSON_NULL_EMPTY),
    CONFIG(stop_signal, "StopSignal", STRING, BERTH_JSON_OMIT_EMPTY),
    CONFIG(stop_timeout, "StopTimeout", OPTIONAL_INT64, BERTH_JSON_OMIT_EMPTY),
    CONFIG(shell, "Shell", STRV, BERTH_JSON_OMIT_EMPTY | BERTH_JSON_LONE),
};
const struct berth_json_table berth_container_config_table =
    BERTH_JSON_TABLE("Config", struct berth_container_config, config_fields);
