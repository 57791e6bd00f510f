/* SPDX-License-Identifier: Apache-2.0
 *
 * From the flags of run and create to the body of POST /containers/create.
 */
#include <ctype.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "cli/run_flags.h"

void berth_body_add_text(struct json_object *array, const char *text)
{
    json_object_array_add(array, json_object_new_string(text));
}

void berth_body_set(struct json_object *body, const char *path, struct json_object *value)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        json_object_object_add(body, path, value);
        return;
    }
    AUTO_FREE char *parent = strndup(path, (size_t)(slash - path));
    if (parent == NULL) {
        json_object_put(value);
        return;
    }
    json_object_object_add(berth_body_object(body, parent), slash + 1, value);
}

/* The value at a path, made by `make` when absent. */
static struct json_object *find_or_make(struct json_object *body, const char *path,
                                        struct json_object *(*make)(void))
{
    const char *slash = strchr(path, '/');
    AUTO_FREE char *name =
        slash != NULL ? strndup(path, (size_t)(slash - path)) : berth_strdup(path);
    struct json_object *found = NULL;
    if (!json_object_object_get_ex(body, name, &found)) {
        found = slash != NULL ? json_object_new_object() : make();
        json_object_object_add(body, name, found);
    }
    return slash != NULL ? find_or_make(found, slash + 1, make) : found;
}

struct json_object *berth_body_object(struct json_object *body, const char *path)
{
    return find_or_make(body, path, json_object_new_object);
}

struct json_object *berth_body_array(struct json_object *body, const char *path)
{
    return find_or_make(body, path, json_object_new_array);
}

/* Flags that go into the body as they are. */
static const struct plain_flag {
    const char *flag, *path;
    enum { PLAIN_TEXT, PLAIN_BOOL, PLAIN_INT, PLAIN_AMOUNT, PLAIN_LIST, PLAIN_PAIRS } kind;
} plain_flags[] = {
    {"annotation", "HostConfig/Annotations", PLAIN_PAIRS},
    {"blkio-weight", "HostConfig/BlkioWeight", PLAIN_INT},
    {"cgroup-parent", "HostConfig/CgroupParent", PLAIN_TEXT},
    {"cgroupns", "HostConfig/CgroupnsMode", PLAIN_TEXT},
    {"cidfile", "HostConfig/ContainerIDFile", PLAIN_TEXT},
    {"cpu-count", "HostConfig/CpuCount", PLAIN_INT},
    {"cpu-percent", "HostConfig/CpuPercent", PLAIN_INT},
    {"cpu-period", "HostConfig/CpuPeriod", PLAIN_INT},
    {"cpu-quota", "HostConfig/CpuQuota", PLAIN_INT},
    {"cpu-rt-period", "HostConfig/CpuRealtimePeriod", PLAIN_INT},
    {"cpu-rt-runtime", "HostConfig/CpuRealtimeRuntime", PLAIN_INT},
    {"cpu-shares", "HostConfig/CpuShares", PLAIN_INT},
    {"cpuset-cpus", "HostConfig/CpusetCpus", PLAIN_TEXT},
    {"cpuset-mems", "HostConfig/CpusetMems", PLAIN_TEXT},
    {"device-cgroup-rule", "HostConfig/DeviceCgroupRules", PLAIN_LIST},
    {"dns", "HostConfig/Dns", PLAIN_LIST},
    {"dns-option", "HostConfig/DnsOptions", PLAIN_LIST},
    {"dns-search", "HostConfig/DnsSearch", PLAIN_LIST},
    {"domainname", "Domainname", PLAIN_TEXT},
    {"group-add", "HostConfig/GroupAdd", PLAIN_LIST},
    {"hostname", "Hostname", PLAIN_TEXT},
    {"init", "HostConfig/Init", PLAIN_BOOL},
    {"interactive", "OpenStdin", PLAIN_BOOL},
    {"io-maxbandwidth", "HostConfig/IOMaximumBandwidth", PLAIN_AMOUNT},
    {"io-maxiops", "HostConfig/IOMaximumIOps", PLAIN_INT},
    {"ipc", "HostConfig/IpcMode", PLAIN_TEXT},
    {"isolation", "HostConfig/Isolation", PLAIN_TEXT},
    {"link", "HostConfig/Links", PLAIN_LIST},
    {"log-driver", "HostConfig/LogConfig/Type", PLAIN_TEXT},
    {"log-opt", "HostConfig/LogConfig/Config", PLAIN_PAIRS},
    {"memory", "HostConfig/Memory", PLAIN_AMOUNT},
    {"memory-reservation", "HostConfig/MemoryReservation", PLAIN_AMOUNT},
    {"memory-swap", "HostConfig/MemorySwap", PLAIN_AMOUNT},
    {"memory-swappiness", "HostConfig/MemorySwappiness", PLAIN_INT},
    {"oom-kill-disable", "HostConfig/OomKillDisable", PLAIN_BOOL},
    {"oom-score-adj", "HostConfig/OomScoreAdj", PLAIN_INT},
    {"pid", "HostConfig/PidMode", PLAIN_TEXT},
    {"pids-limit", "HostConfig/PidsLimit", PLAIN_INT},
    {"privileged", "HostConfig/Privileged", PLAIN_BOOL},
    {"publish-all", "HostConfig/PublishAllPorts", PLAIN_BOOL},
    {"read-only", "HostConfig/ReadonlyRootfs", PLAIN_BOOL},
    {"rm", "HostConfig/AutoRemove", PLAIN_BOOL},
    {"runtime", "HostConfig/Runtime", PLAIN_TEXT},
    {"shm-size", "HostConfig/ShmSize", PLAIN_AMOUNT},
    {"stop-signal", "StopSignal", PLAIN_TEXT},
    {"stop-timeout", "StopTimeout", PLAIN_INT},
    {"storage-opt", "HostConfig/StorageOpt", PLAIN_PAIRS},
    {"sysctl", "HostConfig/Sysctls", PLAIN_PAIRS},
    {"tty", "Tty", PLAIN_BOOL},
    {"user", "User", PLAIN_TEXT},
    {"userns", "HostConfig/UsernsMode", PLAIN_TEXT},
    {"uts", "HostConfig/UTSMode", PLAIN_TEXT},
    {"volume-driver", "HostConfig/VolumeDriver", PLAIN_TEXT},
    {"volumes-from", "HostConfig/VolumesFrom", PLAIN_LIST},
    {"workdir", "WorkingDir", PLAIN_TEXT},
};

static struct json_object *pairs_object(const struct berth_strv *list)
{
    struct json_object *object = json_object_new_object();
    for (size_t i = 0; i < list->count; i++) {
        const char *equal = strchrnul(list->items[i], '=');
        AUTO_FREE char *key = strndup(list->items[i], (size_t)(equal - list->items[i]));
        if (key != NULL) {
            json_object_object_add(object, key,
                                   json_object_new_string(*equal == '=' ? equal + 1 : ""));
        }
    }
    return object;
}

static struct json_object *plain_value(const struct berth_flags *flags,
                                       const struct plain_flag *plain)
{
    struct json_object *array = NULL;
    switch (plain->kind) {
    case PLAIN_BOOL:
        return json_object_new_boolean(berth_flags_bool(flags, plain->flag));
    case PLAIN_INT:
        return json_object_new_int64(berth_flags_int(flags, plain->flag));
    case PLAIN_AMOUNT:
        return json_object_new_int64(berth_flags_amount(flags, plain->flag));
    case PLAIN_LIST:
        array = json_object_new_array();
        for (size_t i = 0; i < berth_flags_list(flags, plain->flag)->count; i++) {
            berth_body_add_text(array, berth_flags_list(flags, plain->flag)->items[i]);
        }
        return array;
    case PLAIN_PAIRS:
        return pairs_object(berth_flags_list(flags, plain->flag));
    case PLAIN_TEXT:
    default:
        return json_object_new_string(berth_flags_string(flags, plain->flag));
    }
}

static void set_plain(const struct berth_flags *flags, struct json_object *body)
{
    for (size_t i = 0; i < ARRAY_SIZE(plain_flags); i++) {
        if (berth_flags_changed(flags, plain_flags[i].flag)) {
            berth_body_set(body, plain_flags[i].path, plain_value(flags, &plain_flags[i]));
        }
    }
}

static bool attaches(const struct berth_flags *flags, const char *stream)
{
    const struct berth_strv *list = berth_flags_list(flags, "attach");
    for (size_t i = 0; i < list->count; i++) {
        if (strcasecmp(list->items[i], stream) == 0) {
            return true;
        }
    }
    return false;
}

static void set_streams(const struct berth_flags *flags, struct json_object *body)
{
    bool none = berth_flags_list(flags, "attach")->count == 0;
    bool interactive = berth_flags_bool(flags, "interactive");
    bool input = interactive || attaches(flags, "stdin");
    berth_body_set(body, "AttachStdin", json_object_new_boolean(input));
    berth_body_set(body, "AttachStdout",
                   json_object_new_boolean(none || attaches(flags, "stdout")));
    berth_body_set(body, "AttachStderr",
                   json_object_new_boolean(none || attaches(flags, "stderr")));
    if (interactive && input) {
        berth_body_set(body, "StdinOnce", json_object_new_boolean(true));
    }
}

static void set_command(const struct berth_cli *cli, struct json_object *body)
{
    berth_body_set(body, "Image", json_object_new_string(cli->args[0]));
    if (cli->arg_count > 1) {
        struct json_object *command = berth_body_array(body, "Cmd");
        for (int i = 1; i < cli->arg_count; i++) {
            berth_body_add_text(command, cli->args[i]);
        }
    }
    if (berth_flags_changed(&cli->flags, "entrypoint")) {
        /* "" removes the image's entrypoint */
        berth_body_add_text(berth_body_array(body, "Entrypoint"),
                            berth_flags_string(&cli->flags, "entrypoint"));
    }
}

/* "net_admin" and "CAP_NET_ADMIN" are the same; ALL stays. */
static void set_capabilities(const struct berth_flags *flags, const char *flag, const char *path,
                             struct json_object *body)
{
    const struct berth_strv *list = berth_flags_list(flags, flag);
    for (size_t i = 0; i < list->count; i++) {
        bool prefixed = strncasecmp(list->items[i], "CAP_", 4) == 0;
        bool all = strcasecmp(list->items[i], "ALL") == 0;
        AUTO_FREE char *name = berth_format("%s%s", prefixed || all ? "" : "CAP_", list->items[i]);
        for (char *at = name; at != NULL && *at != '\0'; at++) {
            *at = (char)toupper((unsigned char)*at);
        }
        if (name != NULL) {
            berth_body_add_text(berth_body_array(body, path), name);
        }
    }
}

/* "host:ip" and "host=ip" become "host:ip" without brackets. */
static void set_hosts(const struct berth_flags *flags, struct json_object *body)
{
    const struct berth_strv *list = berth_flags_list(flags, "add-host");
    for (size_t i = 0; i < list->count; i++) {
        const char *mark = strpbrk(list->items[i], "=:");
        const char *ip = mark + 1;
        size_t length = strlen(ip);
        if (*ip == '[' && ip[length - 1] == ']') {
            ip++;
            length -= 2;
        }
        AUTO_FREE char *entry = berth_format("%.*s:%.*s", (int)(mark - list->items[i]),
                                             list->items[i], (int)length, ip);
        if (entry != NULL) {
            berth_body_add_text(berth_body_array(body, "HostConfig/ExtraHosts"), entry);
        }
    }
}

static void set_tmpfs(const struct berth_flags *flags, struct json_object *body)
{
    const struct berth_strv *list = berth_flags_list(flags, "tmpfs");
    for (size_t i = 0; i < list->count; i++) {
        const char *colon = strchrnul(list->items[i], ':');
        AUTO_FREE char *path = strndup(list->items[i], (size_t)(colon - list->items[i]));
        if (path != NULL) {
            json_object_object_add(berth_body_object(body, "HostConfig/Tmpfs"), path,
                                   json_object_new_string(*colon == ':' ? colon + 1 : ""));
        }
    }
}

static int32_t wrong(berth_error *err, const char *sentence)
{
    return berth_error_set(err, BERTH_E_INVALID, 0, "%s", sentence);
}

static bool one_of(const char *text, const char *first, const char *second)
{
    return *text == '\0' || strcmp(text, first) == 0 || strcmp(text, second) == 0;
}

/* Rules that span flags, or that Docker checks after parsing. */
static int32_t check_rules(const struct berth_flags *flags, berth_error *err)
{
    const char *pid = berth_flags_string(flags, "pid");
    int64_t swappiness = berth_flags_int(flags, "memory-swappiness");
    const struct berth_strv *storage = berth_flags_list(flags, "storage-opt");
    if (swappiness < -1 || swappiness > 100) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid value: %lld. Valid memory swappiness range is 0-100",
                               (long long)swappiness);
    }
    for (size_t i = 0; i < storage->count; i++) {
        if (strchr(storage->items[i], '=') == NULL) {
            return wrong(err, "invalid storage option");
        }
    }
    if (!one_of(pid, "host", "host") &&
        (!berth_str_starts(pid, "container:") || pid[strlen("container:")] == '\0')) {
        return wrong(err, "--pid: invalid PID mode");
    }
    if (!one_of(berth_flags_string(flags, "uts"), "host", "host")) {
        return wrong(err, "--uts: invalid UTS mode");
    }
    if (!one_of(berth_flags_string(flags, "userns"), "host", "host")) {
        return wrong(err, "--userns: invalid USER mode");
    }
    if (!one_of(berth_flags_string(flags, "cgroupns"), "host", "private")) {
        return wrong(err, "--cgroupns: invalid CGROUP mode");
    }
    if (strcmp(berth_flags_string(flags, "log-driver"), "none") == 0 &&
        berth_flags_list(flags, "log-opt")->count > 0) {
        return wrong(err, "invalid logging opts for driver none");
    }
    const char *restart = berth_flags_string(flags, "restart");
    if (berth_flags_bool(flags, "rm") && !one_of(restart, "no", "no")) {
        return wrong(err, "conflicting options: cannot specify both --restart and --rm");
    }
    return 0;
}

static int32_t set_restart(const struct berth_flags *flags, struct json_object *body,
                           berth_error *err)
{
    if (!berth_flags_changed(flags, "restart")) {
        return 0;
    }
    return berth_body_restart(berth_flags_string(flags, "restart"), body,
                              "HostConfig/RestartPolicy", err);
}

static int32_t set_cpus(const struct berth_flags *flags, struct json_object *body, berth_error *err)
{
    int64_t nano = 0;
    if (!berth_flags_changed(flags, "cpus")) {
        return 0;
    }
    int32_t code = berth_body_cpus(berth_flags_string(flags, "cpus"), &nano, err);
    if (code == 0) {
        berth_body_set(body, "HostConfig/NanoCpus", json_object_new_int64(nano));
    }
    return code;
}

int32_t berth_run_body(const struct berth_cli *cli, struct json_object **ret_body, berth_error *err)
{
    static int32_t (*const parts[])(const struct berth_flags *, struct json_object *,
                                    berth_error *) = {
        berth_body_volumes, berth_body_mounts,   berth_body_ports,    berth_body_environment,
        berth_body_labels,  berth_body_health,   berth_body_networks, berth_body_devices,
        set_cpus,           berth_body_security, set_restart,
    };
    const struct berth_flags *flags = &cli->flags;
    struct json_object *body = json_object_new_object();
    int32_t code = body == NULL ? berth_error_no_memory(err) : check_rules(flags, err);
    if (code == 0) {
        set_streams(flags, body);
        set_command(cli, body);
        set_plain(flags, body);
        set_capabilities(flags, "cap-add", "HostConfig/CapAdd", body);
        set_capabilities(flags, "cap-drop", "HostConfig/CapDrop", body);
        set_hosts(flags, body);
        set_tmpfs(flags, body);
    }
    for (size_t i = 0; code == 0 && i < ARRAY_SIZE(parts); i++) {
        code = parts[i](flags, body, err);
    }
    if (code != 0) {
        json_object_put(body);
        return code;
    }
    *ret_body = body;
    return 0;
}
