/* SPDX-License-Identifier: Apache-2.0
 *
 * The set of drivers: search folders, loading on first use, instances.
 */
#include "plugin/plugin_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/cleanup.h"

/* Schemes that a driver of another name serves, so that finding it costs no search. */
static const struct {
    const char *scheme, *driver;
} scheme_drivers[] = {{"fd", "unix"}, {"tcp", "tls"}, {"http", "tls"}, {"https", "tls"}};

static int32_t set_paths(struct berth_plugins *plugins, const struct berth_strv *paths,
                         berth_error *err)
{
    bool fine;
    const char *environment = secure_getenv("BERTH_PLUGIN_PATH");
    if (paths != NULL && paths->count > 0) {
        fine = berth_strv_extend(&plugins->paths, paths);
    } else {
        fine =
            (berth_str_empty(environment) || berth_strv_split(&plugins->paths, environment, ':')) &&
            berth_strv_add(&plugins->paths, BERTH_PLUGIN_DIR);
    }
    for (size_t i = 0; fine && i < plugins->paths.count; i++) {
        if (plugins->paths.items[i][0] != '/') {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "plugin folder '%s' is not an absolute path",
                                   plugins->paths.items[i]);
        }
    }
    return fine ? 0 : berth_error_no_memory(err);
}

int32_t berth_plugins_new(const struct berth_strv *paths, struct berth_plugins **ret_plugins,
                          berth_error *err)
{
    struct berth_plugins *plugins = calloc(1, sizeof(*plugins));
    if (plugins == NULL) {
        return berth_error_no_memory(err);
    }
    pthread_mutex_init(&plugins->lock, NULL);
    workers_init(&plugins->mounter, true, 1);
    workers_init(&plugins->netns, false, (int)ARRAY_SIZE(plugins->netns.threads));
    int32_t result = set_paths(plugins, paths, err);
    if (result < 0) {
        berth_plugins_free(plugins);
        return result;
    }
    *ret_plugins = plugins;
    return 0;
}

static void driver_free(struct berth_driver *driver)
{
    cfg_done(&driver->cfg);
    pthread_mutex_destroy(&driver->lock);
    free(driver->instance);
    free(driver);
}

void berth_plugins_free(struct berth_plugins *plugins)
{
    if (plugins == NULL) {
        return;
    }
    while (plugins->drivers != NULL) {
        struct berth_driver *driver = plugins->drivers;
        plugins->drivers = driver->next;
        driver->plugin->descriptor.close(driver->inst);
        driver_free(driver);
    }
    workers_done(&plugins->mounter);
    workers_done(&plugins->netns);
    while (plugins->loaded != NULL) {
        struct loaded_plugin *plugin = plugins->loaded;
        plugins->loaded = plugin->next;
        plugin_unref(plugin);
    }
    berth_strv_done(&plugins->paths);
    pthread_mutex_destroy(&plugins->lock);
    free(plugins);
}

static int32_t not_found(struct berth_plugins *plugins, const struct plugin_kind *kind,
                         const char *name, berth_error *err)
{
    AUTO_BUFFER struct berth_buffer folders = BERTH_BUFFER_INIT;
    for (size_t i = 0; i < plugins->paths.count; i++) {
        berth_buffer_format(&folders, "%s%s/%s", i > 0 ? ", " : "", plugins->paths.items[i],
                            kind->word);
    }
    return berth_error_set(err, BERTH_E_NOT_FOUND, 0, "no %s driver %s: no file %s.so in %s",
                           kind->word, name, name, folders.length > 0 ? folders.data : "");
}

int32_t plugin_find(struct berth_plugins *plugins, const struct plugin_kind *kind, const char *name,
                    struct loaded_plugin **ret_plugin, berth_error *err)
{
    struct stat status;
    for (struct loaded_plugin *at = plugins->loaded; at != NULL; at = at->next) {
        if (at->kind == kind && strcmp(at->name, name) == 0) {
            *ret_plugin = at;
            return 0;
        }
    }
    if (!plugin_name_valid(name)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "'%s' is not a driver's name: [a-z][a-z0-9_-]*", name);
    }
    for (size_t i = 0; i < plugins->paths.count; i++) {
        AUTO_FREE char *file =
            berth_format("%s/%s/%s.so", plugins->paths.items[i], kind->word, name);
        if (file == NULL) {
            return berth_error_no_memory(err);
        }
        if (lstat(file, &status) != 0) {
            continue;
        }
        struct loaded_plugin *plugin;
        int32_t result = plugin_load(file, kind->kind, name, &plugin, err);
        if (result < 0) {
            return result;
        }
        plugin->next = plugins->loaded;
        plugins->loaded = plugin;
        *ret_plugin = plugin;
        return 0;
    }
    return not_found(plugins, kind, name, err);
}

/* probe, then open; a driver that breaks the error contract is reported, not believed. */
static int32_t open_instance(struct berth_driver *driver, berth_error *err)
{
    const berth_plugin *descriptor = &driver->plugin->descriptor;
    berth_error local = BERTH_ERROR_INIT;
    int32_t result = 0;
    if (descriptor->probe != NULL) {
        result = descriptor->probe(&driver->host, &driver->cfg, &local);
    }
    if (result == 0) {
        result = descriptor->open(&driver->host, &driver->cfg, &driver->inst, &local);
    }
    if (result == 0) {
        return 0;
    }
    if (result > 0 || local.msg[0] == '\0') {
        atomic_fetch_add(&driver->plugin->breaches, 1);
        return berth_error_set(err, BERTH_E_INTERNAL, 0,
                               "%s driver %s failed to open (%d) without saying why",
                               driver->plugin->kind->word, driver->plugin->name, (int)result);
    }
    local.code = result;
    berth_error_wrap(&local, "%s driver %s", driver->plugin->kind->word, driver->plugin->name);
    return berth_error_move(err, &local);
}

static int32_t driver_new(struct berth_plugins *plugins, struct loaded_plugin *plugin,
                          const char *instance, const struct berth_strmap *params,
                          struct berth_driver **ret_driver, berth_error *err)
{
    struct berth_driver *driver = calloc(1, sizeof(*driver));
    if (driver == NULL) {
        return berth_error_no_memory(err);
    }
    pthread_mutex_init(&driver->lock, NULL);
    driver->plugin = plugin;
    driver->context = (struct berth_hctx){.plugins = plugins, .name = plugin->name};
    driver->instance = strdup(instance);
    int32_t result = driver->instance == NULL ? berth_error_no_memory(err)
                                              : schema_parse(plugin, params, &driver->cfg, err);
    if (result == 0) {
        host_fill(&driver->host, &driver->context);
        result = open_instance(driver, err);
    }
    if (result < 0) {
        driver_free(driver);
        return result;
    }
    atomic_fetch_add(&plugin->instances, 1);
    *ret_driver = driver;
    return 0;
}

int32_t berth_plugin_open(struct berth_plugins *plugins, uint32_t kind, const char *name,
                          const char *instance, const struct berth_strmap *params,
                          struct berth_driver **ret_driver, berth_error *err)
{
    const struct plugin_kind *entry = plugin_kind(kind);
    struct loaded_plugin *plugin;
    struct berth_driver *driver;
    if (entry == NULL) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "%u is not a kind of drivers", kind);
    }
    instance = instance != NULL ? instance : "";
    AUTO_LOCK(&plugins->lock);
    for (driver = plugins->drivers; driver != NULL; driver = driver->next) {
        if (driver->plugin->kind == entry && strcmp(driver->plugin->name, name) == 0 &&
            strcmp(driver->instance, instance) == 0) {
            *ret_driver = driver;
            return 0;
        }
    }
    int32_t result = plugin_find(plugins, entry, name, &plugin, err);
    if (result == 0) {
        result = driver_new(plugins, plugin, instance, params, &driver, err);
    }
    if (result < 0) {
        return result;
    }
    driver->next = plugins->drivers;
    plugins->drivers = driver;
    *ret_driver = driver;
    return 0;
}

/* Asks every transport driver on disk for the scheme; gives the driver's name. */
static int32_t search_scheme(struct berth_plugins *plugins, const char *scheme, char **ret_name,
                             berth_error *err)
{
    struct berth_json_list list = {0};
    char *name = NULL;
    int32_t result = berth_plugins_list(plugins, true, &list, err);
    for (size_t i = 0; result == 0 && name == NULL && i < list.count; i++) {
        const struct berth_plugin_info *info = list.items[i];
        if (berth_strv_contains(&info->schemes, scheme)) {
            name = strdup(info->name);
        }
    }
    berth_json_list_done(&list, &berth_plugin_info_table);
    if (result == 0 && name == NULL) {
        result = berth_error_set(err, BERTH_E_NOT_FOUND, 0,
                                 "no transport driver serves the scheme %s://", scheme);
    }
    *ret_name = name;
    return result;
}

/* Can the file of this name exist? Cheap: no loading. */
static bool have_file(struct berth_plugins *plugins, const char *name)
{
    for (size_t i = 0; i < plugins->paths.count; i++) {
        struct stat status;
        AUTO_FREE char *file = berth_format("%s/transport/%s.so", plugins->paths.items[i], name);
        if (file != NULL && lstat(file, &status) == 0) {
            return true;
        }
    }
    return false;
}

int32_t berth_plugin_open_url(struct berth_plugins *plugins, const char *url,
                              const struct berth_strmap *params, struct berth_driver **ret_driver,
                              berth_error *err)
{
    const char *end = strstr(url, "://");
    if (end == NULL || end == url || end - url > MAX_NAME) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "'%s' is not an address: wanted SCHEME://..., as "
                               "unix:///run/berth/berth.sock",
                               url);
    }
    AUTO_FREE char *scheme = strndup(url, (size_t)(end - url));
    AUTO_FREE char *searched = NULL;
    if (scheme == NULL) {
        return berth_error_no_memory(err);
    }
    const char *name = scheme;
    for (size_t i = 0; i < ARRAY_SIZE(scheme_drivers); i++) {
        if (strcmp(scheme_drivers[i].scheme, scheme) == 0) {
            name = scheme_drivers[i].driver;
        }
    }
    if (!plugin_name_valid(name) || !have_file(plugins, name)) {
        int32_t result = search_scheme(plugins, scheme, &searched, err);
        if (result < 0) {
            return result;
        }
        name = searched;
    }
    return berth_plugin_open(plugins, BERTH_KIND_TRANSPORT, name, NULL, params, ret_driver, err);
}

const char *berth_driver_name(const struct berth_driver *driver)
{
    return driver->plugin->name;
}

uint32_t berth_driver_kind(const struct berth_driver *driver)
{
    return driver->plugin->kind->kind;
}

uint32_t berth_driver_caps(const struct berth_driver *driver)
{
    return driver->plugin->ops.head.caps;
}
