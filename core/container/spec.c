/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole shim spec from stored settings: namespaces, paths, sysctls, log and stdio here, the rest
 * in spec_*.c.
 */
#include "container/spec.h"

#include <json-c/json.h>
#include <linux/sched.h>
#include <sched.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"

#define LOG_MAX_SIZE  (INT64_C(20) * 1000 * 1000)
#define LOG_MAX_FILES 5

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif

static void add_namespace(struct spec_builder *builder, uint32_t kind, uint32_t mode, int fd)
{
    struct berth_shim_spec *spec = &builder->spec;
    spec->namespaces[spec->namespace_count++] =
        (struct berth_shim_namespace){.kind = kind, .mode = mode, .fd = fd};
}

/* One kind: joined by fd, new, or (host) left out. */
static void choose_namespace(struct spec_builder *builder, uint32_t kind, const char *mode, int fd)
{
    if (fd >= 0) {
        add_namespace(builder, kind, BERTH_SHIM_NS_JOIN, fd);
    } else if (!berth_str_equal(mode, "host")) {
        add_namespace(builder, kind, BERTH_SHIM_NS_NEW, -1);
    }
}

static int build_namespaces(const struct spec_input *input, struct spec_builder *builder,
                            berth_error *err)
{
    const struct berth_host_config *host = &input->record->host_config;
    builder->spec.namespaces = spec_alloc(builder, 8 * sizeof(*builder->spec.namespaces));
    if (builder->spec.namespaces == NULL) {
        return berth_error_no_memory(err);
    }
    add_namespace(builder, CLONE_NEWNS, BERTH_SHIM_NS_NEW, -1);
    choose_namespace(builder, CLONE_NEWPID, host->pid_mode, input->pid_fd);
    choose_namespace(builder, CLONE_NEWIPC, host->ipc_mode, input->ipc_fd);
    choose_namespace(builder, CLONE_NEWUTS, host->uts_mode, input->uts_fd);
    choose_namespace(builder, CLONE_NEWCGROUP, host->cgroupns_mode, input->cgns_fd);
    if (input->netns_fd >= 0) {
        add_namespace(builder, CLONE_NEWNET, BERTH_SHIM_NS_JOIN, input->netns_fd);
    }
    if (!berth_str_equal(host->uts_mode, "host") && input->uts_fd < 0) {
        const char *hostname =
            input->hostname != NULL ? input->hostname : input->record->config.hostname;
        builder->spec.hostname = spec_copy(builder, hostname);
        if (!berth_str_empty(input->record->config.domainname)) {
            builder->spec.domainname = spec_copy(builder, input->record->config.domainname);
        }
    }
    return 0;
}

/* Docker's two defaults for a private network, then the user's. */
static int build_sysctls(const struct spec_input *input, struct spec_builder *builder,
                         berth_error *err)
{
    static const char *const defaults[][2] = {
        {"net.ipv4.ip_unprivileged_port_start", "0"},
        {"net.ipv4.ping_group_range", "0 2147483647"},
    };
    struct berth_shim_spec *spec = &builder->spec;
    const struct berth_strmap *own = &input->record->host_config.sysctls;
    bool private_network = input->netns_fd >= 0 &&
                           !berth_str_starts(input->record->host_config.network_mode, "container:");
    spec->sysctls =
        spec_alloc(builder, (own->count + ARRAY_SIZE(defaults)) * sizeof(*spec->sysctls));
    if (spec->sysctls == NULL) {
        return berth_error_no_memory(err);
    }
    for (size_t i = 0; private_network && i < ARRAY_SIZE(defaults); i++) {
        if (berth_strmap_get(own, defaults[i][0]) == NULL) {
            spec->sysctls[spec->sysctl_count++] =
                (struct berth_shim_pair){.key = spec_copy(builder, defaults[i][0]),
                                         .value = spec_copy(builder, defaults[i][1])};
        }
    }
    for (size_t i = 0; i < own->count; i++) {
        spec->sysctls[spec->sysctl_count++] = (struct berth_shim_pair){
            .key = spec_copy(builder, own->keys[i]), .value = spec_copy(builder, own->values[i])};
    }
    return 0;
}

/* The "attrs" of each log line: labels, env and tag that the log options name. */
static char *log_attributes(const struct spec_input *input)
{
    const struct berth_strmap *options = &input->record->host_config.log_config.config;
    const struct berth_container_config *config = &input->record->config;
    AUTO_STRV struct berth_strv labels = {0}, names = {0};
    const char *wanted_labels = berth_strmap_get(options, "labels");
    const char *wanted_env = berth_strmap_get(options, "env");
    struct json_object *json = json_object_new_object();
    if (wanted_labels != NULL && berth_strv_split(&labels, wanted_labels, ',')) {
        for (size_t i = 0; i < labels.count; i++) {
            const char *value = berth_strmap_get(&config->labels, labels.items[i]);
            if (value != NULL) {
                json_object_object_add(json, labels.items[i], json_object_new_string(value));
            }
        }
    }
    if (wanted_env != NULL && berth_strv_split(&names, wanted_env, ',')) {
        for (size_t i = 0; i < names.count; i++) {
            const char *value = berth_strv_env(&config->env, names.items[i]);
            if (value != NULL) {
                json_object_object_add(json, names.items[i], json_object_new_string(value));
            }
        }
    }
    char *text = json_object_object_length(json) > 0 ? berth_json_text(json) : NULL;
    json_object_put(json);
    return text;
}

int spec_build_log(const struct spec_input *input, struct spec_builder *builder, berth_error *err)
{
    struct berth_shim_spec *spec = &builder->spec;
    const struct berth_log_config *log = &input->record->host_config.log_config;
    const char *size = berth_strmap_get(&log->config, "max-size");
    const char *files = berth_strmap_get(&log->config, "max-file");
    int64_t bytes = LOG_MAX_SIZE, count = LOG_MAX_FILES;
    spec->log_kind = BERTH_SHIM_LOG_NONE;
    if (input->log_path == NULL) {
        return 0;
    }
    if (size != NULL && strcmp(size, "-1") == 0) {
        bytes = 0;
        count = 1;
    } else if (size != NULL && (!berth_size_parse(size, &bytes) || bytes <= 0)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid size: '%s'", size);
    }
    if (files != NULL && !berth_str_to_int64(files, &count)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid max-file: '%s'", files);
    }
    spec->log_kind = BERTH_SHIM_LOG_JSON_FILE;
    spec->log_path = spec_copy(builder, input->log_path);
    spec->log_max_size = (uint64_t)bytes;
    spec->log_max_files = (uint32_t)count;
    AUTO_FREE char *attributes = log_attributes(input);
    spec->log_attrs = spec_copy(builder, attributes);
    return 0;
}

static void build_rest(const struct spec_input *input, struct spec_builder *builder)
{
    struct berth_shim_spec *spec = &builder->spec;
    const struct berth_host_config *host = &input->record->host_config;
    uint16_t rows = 0, columns = 0;
    spec->id = spec_copy(builder, input->id);
    spec->state_dir = spec_copy(builder, input->state_dir);
    spec->boot_id = spec_copy(builder, input->boot_id);
    spec->root_fd = input->root_fd;
    spec->root_readonly = host->readonly_rootfs;
    spec_strings(builder, &host->masked_paths, &spec->masked);
    spec_strings(builder, &host->readonly_paths, &spec->readonly);
    spec->seccomp.data = input->seccomp;
    spec->seccomp.length = (uint32_t)input->seccomp_length;
    if (berth_oci_host_config_console_size(host, &rows, &columns, NULL) == 0) {
        spec->rows = rows;
        spec->columns = columns;
    }
}

int spec_build(const struct spec_input *input, struct spec_builder *builder, berth_error *err)
{
    int result = spec_build_process(input, builder, err);
    result = result != 0 ? result : build_namespaces(input, builder, err);
    result = result != 0 ? result : spec_build_mounts(input, builder, err);
    result = result != 0 ? result : spec_build_cgroup(input, builder, err);
    result = result != 0 ? result : build_sysctls(input, builder, err);
    result = result != 0 ? result : spec_build_log(input, builder, err);
    if (result != 0) {
        return result;
    }
    build_rest(input, builder);
    return builder->failed ? berth_error_no_memory(err) : 0;
}
