/* SPDX-License-Identifier: Apache-2.0
 *
 * What drivers there are and what is known about each: `plugin ls` and `plugin inspect`.
 */
#include "plugin/plugin_internal.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"

#define PARAM(member, name, kind) BERTH_JSON_FIELD(struct berth_plugin_param, member, name, kind, 0)
#define INFO(member, name, kind)  BERTH_JSON_FIELD(struct berth_plugin_info, member, name, kind, 0)

static const struct berth_json_field param_fields[] = {
    PARAM(key, "Key", STRING),   PARAM(type, "Type", STRING),       PARAM(def, "Default", STRING),
    PARAM(help, "Help", STRING), PARAM(required, "Required", BOOL), PARAM(secret, "Secret", BOOL),
};
static const struct berth_json_table param_table =
    BERTH_JSON_TABLE("PluginParameter", struct berth_plugin_param, param_fields);

static const struct berth_json_field info_fields[] = {
    INFO(kind, "Kind", STRING),
    INFO(name, "Name", STRING),
    INFO(version, "Version", STRING),
    INFO(abi, "ABI", STRING),
    INFO(summary, "Summary", STRING),
    INFO(license, "License", STRING),
    INFO(threads, "Threads", STRING),
    INFO(file, "File", STRING),
    INFO(error, "Error", STRING),
    INFO(loaded, "Loaded", BOOL),
    INFO(instances, "Instances", INT64),
    INFO(calls, "Calls", INT64),
    INFO(errors, "Errors", INT64),
    INFO(mean_nanoseconds, "MeanNanoseconds", INT64),
    INFO(contract_breaches, "ContractBreaches", INT64),
    INFO(schemes, "Schemes", STRV),
    INFO(operations, "Operations", STRV),
    BERTH_JSON_NESTED(struct berth_plugin_info, params, "Parameters", LIST, 0, param_table),
};
const struct berth_json_table berth_plugin_info_table =
    BERTH_JSON_TABLE("Plugin", struct berth_plugin_info, info_fields);

static const char *threads_word(uint32_t threads)
{
    switch (threads) {
    case BERTH_THREADS_SERIAL_PLUGIN:
        return "serial-plugin";
    case BERTH_THREADS_SERIAL_INSTANCE:
        return "serial-instance";
    default:
        return "parallel";
    }
}

static bool add_params(const struct loaded_plugin *plugin, struct berth_plugin_info *info)
{
    bool fine = true;
    for (uint32_t i = 0; fine && i < plugin->descriptor.n_params; i++) {
        const berth_param *from = &plugin->descriptor.params[i];
        struct berth_plugin_param *to = berth_json_list_add(&info->params, &param_table);
        if (to == NULL) {
            return false;
        }
        to->required = (from->flags & BERTH_PARAM_REQUIRED) != 0;
        to->secret = (from->flags & BERTH_PARAM_SECRET) != 0;
        berth_replace(&to->key, strdup(from->key));
        berth_replace(&to->type, strdup(from->type));
        berth_replace(&to->def, strdup(from->def != NULL ? from->def : ""));
        berth_replace(&to->help, strdup(from->help));
        fine = to->key != NULL && to->type != NULL && to->def != NULL && to->help != NULL;
    }
    return fine;
}

static bool add_operations(const struct loaded_plugin *plugin, struct berth_plugin_info *info)
{
    bool fine = true;
    for (size_t i = 0; fine && i < plugin->kind->count; i++) {
        const struct operation *operation = &plugin->kind->operations[i];
        void *pointer;
        memcpy(&pointer, (const char *)&plugin->ops + operation->offset, sizeof(pointer));
        if (pointer != NULL && strcmp(operation->name, "schemes") != 0) {
            fine = berth_strv_add(&info->operations, operation->name);
        }
    }
    if (plugin->kind->kind == BERTH_KIND_TRANSPORT) {
        for (size_t i = 0; fine && plugin->ops.transport.schemes[i] != NULL; i++) {
            fine = berth_strv_add(&info->schemes, plugin->ops.transport.schemes[i]);
        }
    }
    return fine;
}

static int32_t fill_place(struct berth_plugin_info *info, const char *kind, const char *name,
                          const char *file, berth_error *err)
{
    berth_replace(&info->kind, strdup(kind));
    berth_replace(&info->name, strdup(name));
    berth_replace(&info->file, strdup(file));
    return info->kind != NULL && info->name != NULL && info->file != NULL
               ? 0
               : berth_error_no_memory(err);
}

static int32_t fill_loaded(struct berth_plugin_info *info, struct loaded_plugin *plugin,
                           berth_error *err)
{
    const berth_plugin *descriptor = &plugin->descriptor;
    int32_t result = fill_place(info, plugin->kind->word, plugin->name, plugin->file, err);
    if (result < 0) {
        return result;
    }
    berth_replace(&info->version, strdup(descriptor->version));
    berth_replace(&info->summary, strdup(descriptor->summary));
    berth_replace(&info->license, strdup(descriptor->license));
    berth_replace(&info->threads, strdup(threads_word(descriptor->threads)));
    berth_replace(&info->abi, berth_format("%u.%u", descriptor->abi_major, descriptor->abi_minor));
    info->loaded = true;
    info->instances = atomic_load(&plugin->instances);
    info->calls = atomic_load(&plugin->calls);
    info->errors = atomic_load(&plugin->errors);
    info->contract_breaches = atomic_load(&plugin->breaches);
    info->mean_nanoseconds = info->calls > 0 ? atomic_load(&plugin->nanoseconds) / info->calls : 0;
    if (info->version == NULL || info->summary == NULL || info->license == NULL ||
        info->threads == NULL || info->abi == NULL || !add_params(plugin, info) ||
        !add_operations(plugin, info)) {
        return berth_error_no_memory(err);
    }
    return 0;
}

/* A list in the making; the set's lock is held. */
struct listing {
    struct berth_plugins *plugins;
    bool load;
    struct berth_json_list list;
};

/* One file of a search folder. */
static int32_t list_file(struct listing *listing, const struct plugin_kind *kind, const char *name,
                         const char *file, berth_error *err)
{
    struct berth_plugins *plugins = listing->plugins;
    struct berth_json_list *list = &listing->list;
    struct loaded_plugin *plugin = NULL;
    berth_error refusal = BERTH_ERROR_INIT;
    for (size_t i = 0; i < list->count; i++) {
        const struct berth_plugin_info *other = list->items[i];
        if (strcmp(other->kind, kind->word) == 0 && strcmp(other->name, name) == 0) {
            return 0; /* an earlier folder has it */
        }
    }
    struct berth_plugin_info *info = berth_json_list_add(list, &berth_plugin_info_table);
    if (info == NULL) {
        return berth_error_no_memory(err);
    }
    if (listing->load) {
        plugin_find(plugins, kind, name, &plugin, &refusal);
    } else {
        for (struct loaded_plugin *at = plugins->loaded; at != NULL; at = at->next) {
            plugin = at->kind == kind && strcmp(at->name, name) == 0 ? at : plugin;
        }
    }
    if (plugin != NULL) {
        return fill_loaded(info, plugin, err);
    }
    if (refusal.msg[0] != '\0') {
        berth_replace(&info->error, strdup(refusal.msg));
    }
    return fill_place(info, kind->word, name, file, err);
}

static int32_t list_folder(struct listing *listing, const char *path,
                           const struct plugin_kind *kind, berth_error *err)
{
    AUTO_FREE char *folder = berth_format("%s/%s", path, kind->word);
    if (folder == NULL) {
        return berth_error_no_memory(err);
    }
    AUTO_DIR DIR *stream = opendir(folder);
    if (stream == NULL) {
        return errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : berth_error_errno(err, errno, "cannot list the plugin folder %s", folder);
    }
    int32_t result = 0;
    for (struct dirent *entry; result == 0 && (entry = readdir(stream)) != NULL;) {
        size_t length = strlen(entry->d_name);
        if (length <= 3 || strcmp(entry->d_name + length - 3, ".so") != 0) {
            continue;
        }
        AUTO_FREE char *name = strndup(entry->d_name, length - 3);
        AUTO_FREE char *file = berth_format("%s/%s", folder, entry->d_name);
        result = name == NULL || file == NULL ? berth_error_no_memory(err)
                                              : list_file(listing, kind, name, file, err);
    }
    return result;
}

static int compare_infos(const void *a, const void *b)
{
    const struct berth_plugin_info *x = *(void *const *)a, *y = *(void *const *)b;
    int order = strcmp(x->kind, y->kind);
    return order != 0 ? order : strcmp(x->name, y->name);
}

int32_t berth_plugins_list(struct berth_plugins *plugins, bool load,
                           struct berth_json_list *ret_list, berth_error *err)
{
    struct listing listing = {.plugins = plugins, .load = load};
    int32_t result = 0;
    pthread_mutex_lock(&plugins->lock);
    for (size_t i = 0; result == 0 && i < plugins->paths.count; i++) {
        for (uint32_t kind = BERTH_KIND_STORAGE; result == 0 && kind <= BERTH_KIND_TRANSPORT;
             kind++) {
            result = list_folder(&listing, plugins->paths.items[i], plugin_kind(kind), err);
        }
    }
    pthread_mutex_unlock(&plugins->lock);
    if (result < 0) {
        berth_json_list_done(&listing.list, &berth_plugin_info_table);
        return result;
    }
    if (listing.list.count > 1) {
        qsort(listing.list.items, listing.list.count, sizeof(void *), compare_infos);
    }
    *ret_list = listing.list;
    return 0;
}

static int32_t describe_file(const char *file, struct berth_plugin_info *ret_info, berth_error *err)
{
    char resolved[PATH_MAX];
    struct loaded_plugin *plugin;
    if (realpath(file, resolved) == NULL) {
        return berth_error_errno(err, errno, "plugin file %s: cannot be found", file);
    }
    int32_t result = plugin_load(resolved, 0, NULL, &plugin, err);
    if (result < 0) {
        return result;
    }
    result = fill_loaded(ret_info, plugin, err);
    ret_info->loaded = false;
    plugin_unref(plugin);
    return result;
}

/* The kind of a driver that is known by its name alone. */
static int32_t guess_kind(struct berth_plugins *plugins, const char *name,
                          const struct plugin_kind **ret_kind, berth_error *err)
{
    struct berth_json_list list = {0};
    const struct plugin_kind *found = NULL;
    int32_t result = berth_plugins_list(plugins, false, &list, err);
    for (size_t i = 0; result == 0 && i < list.count; i++) {
        const struct berth_plugin_info *info = list.items[i];
        if (strcmp(info->name, name) != 0) {
            continue;
        }
        if (found != NULL) {
            result = berth_error_set(err, BERTH_E_INVALID, 0,
                                     "there is more than one driver %s: say %s/%s or %s/%s", name,
                                     found->word, name, info->kind, name);
        }
        found = plugin_kind(berth_plugin_kind_parse(info->kind));
    }
    berth_json_list_done(&list, &berth_plugin_info_table);
    if (result == 0 && found == NULL) {
        result = berth_error_set(err, BERTH_E_NOT_FOUND, 0, "no such plugin: %s", name);
    }
    *ret_kind = found;
    return result;
}

int32_t berth_plugin_describe(struct berth_plugins *plugins, const char *name_or_file,
                              struct berth_plugin_info *ret_info, berth_error *err)
{
    const char *slash = strchr(name_or_file, '/');
    const struct plugin_kind *kind = NULL;
    struct loaded_plugin *plugin;
    int32_t result = 0;
    if (plugins == NULL || (slash != NULL && berth_str_ends(name_or_file, ".so"))) {
        return describe_file(name_or_file, ret_info, err);
    }
    const char *name = slash != NULL ? slash + 1 : name_or_file;
    if (slash != NULL) {
        AUTO_FREE char *word = strndup(name_or_file, (size_t)(slash - name_or_file));
        kind = word != NULL ? plugin_kind(berth_plugin_kind_parse(word)) : NULL;
        if (kind == NULL) {
            return berth_error_set(err, BERTH_E_NOT_FOUND, 0, "no such plugin: %s", name_or_file);
        }
    } else {
        result = guess_kind(plugins, name, &kind, err);
    }
    if (result < 0) {
        return result;
    }
    AUTO_LOCK(&plugins->lock);
    result = plugin_find(plugins, kind, name, &plugin, err);
    return result < 0 ? result : fill_loaded(ret_info, plugin, err);
}
