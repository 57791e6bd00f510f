/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /info: what the engine knows of itself and its host.
 */
#include "engine/info.h"

#include <dirent.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/time.h"
#include "container/container.h"
#include "engine/internal.h"
#include "image/image.h"
#include "linux/cgroup.h"
#include "network/network.h"
#include "plugin/plugin.h"
#include "plugin/storage.h"

static int64_t count_entries(const char *path)
{
    int64_t count = 0;
    AUTO_DIR DIR *dir = opendir(path);
    while (dir != NULL && readdir(dir) != NULL) {
        count++;
    }
    return count > 2 ? count - 2 : 0;
}

static bool file_says_one(const char *path)
{
    AUTO_FILE FILE *file = fopen(path, "re");
    return file != NULL && fgetc(file) == '1';
}

/* NAME="value" of /etc/os-release; the caller's to free. */
static char *os_release(const char *name)
{
    char line[512];
    size_t length = strlen(name);
    AUTO_FILE FILE *file = fopen("/etc/os-release", "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, name, length) == 0 && line[length] == '=') {
            char *value = berth_str_trim(line + length + 1);
            size_t size = strlen(value);
            if (size >= 2 && value[0] == '"' && value[size - 1] == '"') {
                value[size - 1] = '\0';
                value++;
            }
            return berth_strdup(value);
        }
    }
    return berth_strdup("Linux");
}

static void fill_host(struct engine_info *info)
{
    struct utsname names;
    struct sysinfo memory;
    char text[BERTH_TIME_TEXT];
    if (uname(&names) == 0) {
        info->kernel_version = berth_strdup(names.release);
        info->architecture = berth_strdup(names.machine);
        info->name = berth_strdup(names.nodename);
    }
    if (sysinfo(&memory) == 0) {
        info->mem_total = (int64_t)((uint64_t)memory.totalram * memory.mem_unit);
    }
    info->ncpu = sysconf(_SC_NPROCESSORS_ONLN);
    info->operating_system = os_release("PRETTY_NAME");
    info->os_version = os_release("VERSION_ID");
    info->os_type = berth_strdup("linux");
    info->system_time = berth_strdup(berth_time_format(berth_time_now(), text));
    info->nfd = count_entries("/proc/self/fd");
    info->threads = count_entries("/proc/self/task");
    info->ipv4_forwarding = file_says_one("/proc/sys/net/ipv4/ip_forward");
    info->bridge_nf_iptables = file_says_one("/proc/sys/net/bridge/bridge-nf-call-iptables");
    info->bridge_nf_ip6tables = file_says_one("/proc/sys/net/bridge/bridge-nf-call-ip6tables");
}

static int fill_cgroups(struct engine_info *info, berth_error *err)
{
    struct berth_linux_cgroups cgroups = {0};
    int result = berth_linux_cgroups_detect(&cgroups, err);
    if (result != 0) {
        return result;
    }
    bool v2 = cgroups.version == 2;
    info->memory_limit = berth_linux_cgroups_has(&cgroups, "memory");
    info->swap_limit = info->memory_limit;
    info->oom_kill_disable = info->memory_limit && !v2;
    info->cpu_cfs_period = berth_linux_cgroups_has(&cgroups, "cpu");
    info->cpu_cfs_quota = info->cpu_cfs_period;
    info->cpu_shares = info->cpu_cfs_period;
    info->cpu_set = berth_linux_cgroups_has(&cgroups, "cpuset");
    info->pids_limit = berth_linux_cgroups_has(&cgroups, "pids");
    info->cgroup_version = berth_strdup(v2 ? "2" : "1");
    berth_linux_cgroups_done(&cgroups);
    return 0;
}

/* [["Backing Filesystem", "extfs"], ...] */
static int fill_storage(struct berth_engine *engine, struct engine_info *info, berth_error *err)
{
    AUTO_STRV struct berth_strv pairs = {0};
    struct berth_sink sink = berth_sink_list(&pairs);
    info->driver = berth_strdup(engine->storage_name);
    info->driver_status = json_object_new_array();
    int result = berth_storage_status(engine->storage, NULL, &sink, err);
    for (size_t i = 0; result == 0 && i + 1 < pairs.count; i += 2) {
        struct json_object *pair = json_object_new_array();
        json_object_array_add(pair, json_object_new_string(pairs.items[i]));
        json_object_array_add(pair, json_object_new_string(pairs.items[i + 1]));
        json_object_array_add(info->driver_status, pair);
    }
    return result;
}

static int fill_plugins(struct berth_engine *engine, struct engine_info *info, berth_error *err)
{
    struct berth_json_list list = {0};
    int result = berth_plugins_list(engine->plugins, false, &list, err);
    bool complete = berth_strv_add(&info->plugins.volume, "local") &&
                    berth_strv_add(&info->plugins.log, "json-file") &&
                    berth_strv_add(&info->plugins.log, "none");
    for (size_t i = 0; result == 0 && complete && i < list.count; i++) {
        const struct berth_plugin_info *plugin = list.items[i];
        if (berth_str_equal(plugin->kind, "network")) {
            complete = berth_strv_add(&info->plugins.network,
                                      strcmp(plugin->name, "none") == 0 ? "null" : plugin->name);
        }
    }
    berth_json_list_done(&list, &berth_plugin_info_table);
    return complete ? result : berth_error_no_memory(err);
}

static void fill_counts(struct berth_engine *engine, struct engine_info *info)
{
    struct berth_container_counts counts;
    berth_container_count(engine->containers, &counts);
    info->containers = counts.total;
    info->running = counts.running;
    info->paused = counts.paused;
    info->stopped = counts.stopped;
    info->images = (int64_t)berth_image_manager_count(engine->images);
}

static int fill_texts(struct berth_engine *engine, struct engine_info *info, berth_error *err)
{
    static const char runtimes[] = "{\"berth\":{\"path\":\"berth-shim\"}}";
    static const char swarm[] =
        "{\"NodeID\":\"\",\"NodeAddr\":\"\",\"LocalNodeState\":\"inactive\",\"ControlAvailable\":"
        "false,\"Error\":\"\",\"RemoteManagers\":null}";
    static const char registry[] =
        "{\"InsecureRegistryCIDRs\":[\"::1/128\",\"127.0.0.0/8\"],\"IndexConfigs\":{\"docker.io\":"
        "{\"Name\":\"docker.io\",\"Mirrors\":[],\"Secure\":true,\"Official\":true}},\"Mirrors\":[]"
        "}";
    int result = berth_json_parse(runtimes, strlen(runtimes), "runtimes", &info->runtimes, err);
    result =
        result != 0 ? result : berth_json_parse(swarm, strlen(swarm), "swarm", &info->swarm, err);
    result = result != 0 ? result
                         : berth_json_parse(registry, strlen(registry), "registries",
                                            &info->registry_config, err);
    if (result != 0) {
        return result;
    }
    info->id = berth_strdup(engine->id);
    info->docker_root_dir = berth_strdup(engine->data_root);
    info->index_server = berth_strdup("https://index.docker.io/v1/");
    info->server_version = berth_strdup(BERTH_VERSION);
    info->default_runtime = berth_strdup("berth");
    info->init_binary = berth_strdup("berth-shim");
    info->runc.id = berth_strdup(BERTH_VERSION);
    info->init.id = berth_strdup(BERTH_VERSION);
    info->live_restore = true;
    bool complete = berth_strv_add(&info->security_options, "name=seccomp,profile=builtin") &&
                    berth_strv_add(&info->security_options, "name=cgroupns");
    AUTO_LOCK(&engine->lock);
    info->logging_driver = berth_strdup(engine->log_driver);
    info->cgroup_driver = berth_strdup(engine->cgroup_driver);
    info->debug = engine->debug;
    info->experimental = engine->experimental;
    complete = complete && berth_strv_extend(&info->labels, &engine->labels);
    return complete ? 0 : berth_error_no_memory(err);
}

int berth_engine_info(struct berth_engine *engine, int version, struct json_object **ret_info,
                      berth_error *err)
{
    struct engine_info info;
    berth_json_init(&engine_info_table, &info);
    fill_host(&info);
    fill_counts(engine, &info);
    int result = fill_texts(engine, &info, err);
    result = result != 0 ? result : fill_cgroups(&info, err);
    result = result != 0 ? result : fill_storage(engine, &info, err);
    result = result != 0 ? result : fill_plugins(engine, &info, err);
    result = result != 0 ? result : berth_networks_warnings(engine->networks, &info.warnings, err);
    struct json_object *json =
        result == 0 ? berth_json_write(&engine_info_table, &info, version) : NULL;
    berth_json_done(&engine_info_table, &info);
    if (json == NULL) {
        return result != 0 ? result : berth_error_no_memory(err);
    }
    *ret_info = json;
    return 0;
}
