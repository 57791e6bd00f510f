/* SPDX-License-Identifier: Apache-2.0
 *
 * Which storage driver a data root uses. Each driver has a folder and rows of its own, so changing
 * the setting hides images and containers of the other and loses nothing.
 */
#include <string.h>

#include <berth/plugin.h>

#include "base/log.h"
#include "base/string.h"
#include "engine/internal.h"
#include "linux/path.h"
#include "plugin/plugin.h"
#include "store/store.h"

#define META_DRIVER "storage-driver"

/* Docker's name of it, in many a daemon.json. */
static const char *real_name(const char *name)
{
    return strcmp(name, "overlay2") == 0 ? "overlay" : name;
}

/* "overlay.size=10G" or "size=10G" to parameters; the folder is ours to choose. */
static int storage_params(const struct berth_engine *engine, const char *driver,
                          const struct berth_strv *options, struct berth_strmap *params,
                          berth_error *err)
{
    AUTO_FREE char *root = berth_format("%s/%s", engine->data_root, driver);
    if (root == NULL || !berth_strmap_set(params, "root", root)) {
        return berth_error_no_memory(err);
    }
    for (size_t i = 0; i < options->count; i++) {
        const char *item = options->items[i], *equal = strchr(item, '=');
        const char *dot = strchr(item, '.');
        if (equal == NULL) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "storage option \"%s\" is not of the form key=value", item);
        }
        const char *key = dot != NULL && dot < equal ? dot + 1 : item;
        AUTO_FREE char *name = strndup(key, (size_t)(equal - key));
        if (name == NULL || !berth_strmap_set(params, name, equal + 1)) {
            return berth_error_no_memory(err);
        }
    }
    return berth_linux_path_make_host_dirs(root, 0710, err);
}

static int open_named(struct berth_engine *engine, const struct berth_engine_config *config,
                      const char *name, berth_error *err)
{
    AUTO_STRMAP struct berth_strmap params = {0};
    int result = storage_params(engine, name, &config->storage_options, &params, err);
    if (result == 0) {
        result = berth_plugin_open(engine->plugins, BERTH_KIND_STORAGE, name, NULL, &params,
                                   &engine->storage, err);
    }
    if (result != 0) {
        return berth_error_wrap(err, "storage driver %s", name);
    }
    engine->storage_name = berth_strdup(name);
    return engine->storage_name == NULL ? berth_error_no_memory(err) : 0;
}

int engine_open_storage(struct berth_engine *engine, const struct berth_engine_config *config,
                        berth_error *err)
{
    AUTO_FREE char *recorded = NULL;
    berth_error error = BERTH_ERROR_INIT;
    int result = 0;
    bool known = berth_store_meta_get(engine->store, META_DRIVER, &recorded, NULL) == 0;
    if (!berth_str_empty(config->storage_driver)) {
        result = open_named(engine, config, real_name(config->storage_driver), err);
    } else if (known) {
        result = open_named(engine, config, recorded, err);
    } else if (open_named(engine, config, "overlay", &error) != 0) {
        berth_log(BERTH_LOG_WARN, "%s; using vfs instead, which copies", error.msg);
        result = open_named(engine, config, "vfs", err);
    }
    if (result != 0) {
        return result;
    }
    if (known && strcmp(recorded, engine->storage_name) != 0) {
        berth_log(BERTH_LOG_WARN,
                  "storage driver changed from %s to %s: images and containers of %s are kept and "
                  "come back with it",
                  recorded, engine->storage_name, recorded);
    }
    return berth_store_meta_set(engine->store, META_DRIVER, engine->storage_name, err);
}
