/* SPDX-License-Identifier: Apache-2.0
 *
 * What a spec consists of on the wire: sections {id, flags, length} of fields, list elements with
 * their own length.
 */
#include "shim/spec_internal.h"

#include <stddef.h>
#include <string.h>

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))
#define F(type, kind, name)                                             \
    {                                                                   \
        FIELD_##kind, offsetof(struct berth_shim_##type, name), 0, NULL \
    }
#define S(kind, name) F(spec, kind, name)
#define U32S(name, n)                                                                            \
    {                                                                                            \
        FIELD_U32S, offsetof(struct berth_shim_spec, name), offsetof(struct berth_shim_spec, n), \
            NULL                                                                                 \
    }
#define LIST(name, n, table)                                                                     \
    {                                                                                            \
        FIELD_LIST, offsetof(struct berth_shim_spec, name), offsetof(struct berth_shim_spec, n), \
            &table                                                                               \
    }
#define TABLE(name, fields)                                                          \
    static const struct spec_table name##_table = {sizeof(struct berth_shim_##name), \
                                                   COUNT(fields), fields}

static const struct spec_field pair_fields[] = {F(pair, STRING, key), F(pair, STRING, value)};
TABLE(pair, pair_fields);

static const struct spec_field rlimit_fields[] = {F(rlimit, U32, resource), F(rlimit, U64, soft),
                                                  F(rlimit, U64, hard)};
TABLE(rlimit, rlimit_fields);

static const struct spec_field namespace_fields[] = {F(namespace, U32, kind),
                                                     F(namespace, U32, mode), F(namespace, FD, fd)};
TABLE(namespace, namespace_fields);

static const struct spec_field mount_fields[] = {
    F(mount, U32, kind),        F(mount, U32, flags),
    F(mount, STRING, type),     F(mount, STRING, source),
    F(mount, STRING, target),   F(mount, FD, fd),
    F(mount, U64, attributes),  F(mount, U32, propagation),
    F(mount, STRINGS, options), F(mount, U32, propagation_recursive),
};
TABLE(mount, mount_fields);

static const struct spec_field device_fields[] = {
    F(device, STRING, path),      F(device, U32, mode), F(device, U32, major),
    F(device, U32, minor),        F(device, U32, uid),  F(device, U32, gid),
    F(device, STRING, host_path),
};
TABLE(device, device_fields);

static const struct spec_field device_rule_fields[] = {
    F(device_rule, U32, allow), F(device_rule, U32, type),   F(device_rule, U64, major),
    F(device_rule, U64, minor), F(device_rule, U32, access),
};
TABLE(device_rule, device_rule_fields);

static const struct spec_field cgroup_dir_fields[] = {
    F(cgroup_dir, STRING, path), F(cgroup_dir, STRING, controllers), F(cgroup_dir, U32, flags)};
TABLE(cgroup_dir, cgroup_dir_fields);

static const struct spec_field cgroup_write_fields[] = {
    F(cgroup_write, U32, dir), F(cgroup_write, U32, flags), F(cgroup_write, STRING, file),
    F(cgroup_write, STRING, value)};
TABLE(cgroup_write, cgroup_write_fields);

static const struct spec_field client_fields[] = {F(client, U64, id), F(client, U32, flags),
                                                  F(client, FD, fd), F(client, BLOB, detach_keys),
                                                  F(client, BLOB, early)};
TABLE(client, client_fields);

static const struct spec_field general_section[] = {S(STRING, id), S(STRING, state_dir),
                                                    S(STRING, hostname), S(STRING, domainname)};
static const struct spec_field process_section[] = {
    S(STRINGS, argv),
    S(STRINGS, env),
    S(STRING, cwd),
    S(U32, uid),
    S(U32, gid),
    U32S(groups, group_count),
    S(U32, umask),
    S(U32, flags),
    S(U32, oom_score_adj),
    S(U64, cap_bounding),
    S(U64, cap_effective),
    S(U64, cap_permitted),
    S(U64, cap_inheritable),
    S(U64, cap_ambient),
    LIST(rlimits, rlimit_count, rlimit_table),
};
static const struct spec_field stdio_section[] = {S(U32, rows), S(U32, columns),
                                                  S(U32, client_buffer), S(U32, client_stall_ms)};
static const struct spec_field namespaces_section[] = {
    LIST(namespaces, namespace_count, namespace_table)};
static const struct spec_field root_section[] = {S(FD, root_fd), S(STRING, root_path),
                                                 S(U32, root_readonly), S(U32, root_propagation)};
static const struct spec_field mounts_section[] = {LIST(mounts, mount_count, mount_table)};
static const struct spec_field devices_section[] = {LIST(devices, device_count, device_table),
                                                    S(U32, default_links)};
static const struct spec_field paths_section[] = {S(STRINGS, masked), S(STRINGS, readonly)};
static const struct spec_field sysctls_section[] = {LIST(sysctls, sysctl_count, pair_table)};
static const struct spec_field cgroup_section[] = {
    S(U32, cgroup_version),
    LIST(cgroup_dirs, cgroup_dir_count, cgroup_dir_table),
    LIST(cgroup_writes, cgroup_write_count, cgroup_write_table),
    LIST(device_rules, device_rule_count, device_rule_table),
};
static const struct spec_field seccomp_section[] = {S(BLOB, seccomp), S(U32, seccomp_flags)};
static const struct spec_field log_section[] = {S(U32, log_kind), S(STRING, log_path),
                                                S(U64, log_max_size), S(U32, log_max_files),
                                                S(STRING, log_attrs)};
static const struct spec_field clients_section[] = {LIST(clients, client_count, client_table)};
static const struct spec_field exec_section[] = {S(STRING, exec_id), S(U32, exec_pid),
                                                 S(U64, exec_start_time)};
static const struct spec_field clock_section[] = {S(STRING, boot_id)};

#define REQUIRED(id, fields)                                                     \
    {                                                                            \
        BERTH_SHIM_SECTION_##id, BERTH_SHIM_WIRE_REQUIRED, fields, COUNT(fields) \
    }
#define OPTIONAL(id, fields)                              \
    {                                                     \
        BERTH_SHIM_SECTION_##id, 0, fields, COUNT(fields) \
    }

/* A section is required when a shim that ignored it would run something else than asked. */
const struct spec_section spec_sections[] = {
    REQUIRED(GENERAL, general_section), REQUIRED(PROCESS, process_section),
    OPTIONAL(STDIO, stdio_section),     REQUIRED(NAMESPACES, namespaces_section),
    REQUIRED(ROOT, root_section),       REQUIRED(MOUNTS, mounts_section),
    REQUIRED(DEVICES, devices_section), REQUIRED(PATHS, paths_section),
    REQUIRED(SYSCTLS, sysctls_section), REQUIRED(CGROUP, cgroup_section),
    REQUIRED(SECCOMP, seccomp_section), REQUIRED(LOG, log_section),
    REQUIRED(CLIENTS, clients_section), REQUIRED(EXEC, exec_section),
    OPTIONAL(CLOCK, clock_section),
};
const uint32_t spec_section_count = COUNT(spec_sections);

void berth_shim_spec_init(struct berth_shim_spec *spec)
{
    memset(spec, 0, sizeof(*spec));
    spec->root_fd = -1;
}
