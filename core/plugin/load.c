/* SPDX-License-Identifier: Apache-2.0
 *
 * From a file to a checked driver. Every refusal is one sentence: the file, what was found, what
 * was wanted. The order matters: what is checked first makes the next check safe.
 */
#include "plugin/plugin_internal.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define ENTRY        "berth_plugin_query"
#define MAX_TABLE    65536u /* a larger size word is garbage, not a newer ABI */
#define MINIMUM_SIZE (offsetof(berth_plugin, close) + sizeof(void *))

bool plugin_name_valid(const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    return name[0] >= 'a' && name[0] <= 'z' && name[length] == '\0' && length <= MAX_NAME;
}

/* `plugin file F refused: found A; wanted: B` */
#define REFUSE(err, file, ...) refuse((err), (file), __VA_ARGS__)
static int32_t refuse(berth_error *err, const char *file, const char *wanted, const char *found,
                      ...) __attribute__((format(printf, 4, 5)));

static int32_t refuse(berth_error *err, const char *file, const char *wanted, const char *found,
                      ...)
{
    char text[160];
    va_list arguments;
    va_start(arguments, found);
    vsnprintf(text, sizeof(text), found, arguments);
    va_end(arguments);
    return berth_error_set(err, BERTH_E_INVALID, 0, "plugin file %s refused: found %s; wanted: %s",
                           file, text, wanted);
}

/* Maps the file and calls its query function. */
static int32_t query(const char *file, const berth_plugin **ret_descriptor, berth_error *err)
{
    const berth_plugin *(*function)(void) = NULL;
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        const char *reason = dlerror();
        return REFUSE(err, file, "an object the dynamic linker accepts", "a fault: %s",
                      reason != NULL ? reason : "unknown");
    }
    *(void **)&function = dlsym(handle, ENTRY);
    if (function == NULL) {
        return REFUSE(err, file, "the function " ENTRY, "no such export");
    }
    const berth_plugin *descriptor = function();
    if (descriptor == NULL) {
        return REFUSE(err, file, "a descriptor", "that " ENTRY "() gives none");
    }
    *ret_descriptor = descriptor;
    return 0;
}

/* The frozen 16 bytes, then the size, then our own copy of it all. */
static int32_t copy_descriptor(const char *file, const berth_plugin *theirs, berth_plugin *ret_own,
                               berth_error *err)
{
    char wanted[96];
    if (theirs->magic != BERTH_MAGIC) {
        snprintf(wanted, sizeof(wanted), "magic %08x", BERTH_MAGIC);
        return REFUSE(err, file, wanted, "magic %08x", theirs->magic);
    }
    if (theirs->abi_major != BERTH_ABI_MAJOR) {
        snprintf(wanted, sizeof(wanted), "ABI %u.x (a driver built for this version of Berth)",
                 BERTH_ABI_MAJOR);
        return REFUSE(err, file, wanted, "ABI %u.%u", theirs->abi_major, theirs->abi_minor);
    }
    if (theirs->struct_size < MINIMUM_SIZE || theirs->struct_size > MAX_TABLE) {
        snprintf(wanted, sizeof(wanted), "at least %zu", (size_t)MINIMUM_SIZE);
        return REFUSE(err, file, wanted, "a descriptor of %u bytes", theirs->struct_size);
    }
    size_t size = theirs->struct_size < sizeof(*ret_own) ? theirs->struct_size : sizeof(*ret_own);
    memset(ret_own, 0, sizeof(*ret_own));
    memcpy(ret_own, theirs, size);
    if (ret_own->min_host_minor > BERTH_ABI_MINOR) {
        snprintf(wanted, sizeof(wanted), "one that %u.%u satisfies", BERTH_ABI_MAJOR,
                 BERTH_ABI_MINOR);
        return REFUSE(err, file, wanted, "that it needs a host with ABI %u.%u", ret_own->abi_major,
                      ret_own->min_host_minor);
    }
    return 0;
}

static int32_t check_threads(const struct loaded_plugin *plugin, berth_error *err)
{
    switch (plugin->descriptor.threads) {
    case BERTH_THREADS_SERIAL_PLUGIN:
    case BERTH_THREADS_SERIAL_INSTANCE:
    case BERTH_THREADS_PARALLEL:
        return 0;
    default:
        return REFUSE(err, plugin->file, "1000, 2000 or 3000", "thread model %u",
                      plugin->descriptor.threads);
    }
}

/* Names and functions of the descriptor; kind 0 and name NULL: any. */
static int32_t check_descriptor(struct loaded_plugin *plugin, uint32_t kind, const char *name,
                                berth_error *err)
{
    const berth_plugin *own = &plugin->descriptor;
    plugin->kind = plugin_kind(own->kind);
    if (plugin->kind == NULL || plugin->kind->size == 0 || (kind != 0 && kind != own->kind)) {
        const char *wanted = berth_plugin_kind_name(kind);
        return REFUSE(err, plugin->file, wanted != NULL ? wanted : "storage, network or transport",
                      "a driver of kind %u (%s)", own->kind,
                      plugin->kind != NULL ? plugin->kind->word : "unknown");
    }
    if (own->name == NULL || !plugin_name_valid(own->name)) {
        return REFUSE(err, plugin->file, "[a-z][a-z0-9_-]*, at most 63 bytes", "the name '%.64s'",
                      own->name != NULL ? own->name : "");
    }
    if (name != NULL && strcmp(name, own->name) != 0) {
        return REFUSE(err, plugin->file, "the name of the file", "a driver named '%s'", own->name);
    }
    if (own->version == NULL || own->summary == NULL || own->license == NULL) {
        return REFUSE(err, plugin->file, "version, summary and license", "one of them missing");
    }
    if (own->open == NULL || own->close == NULL) {
        return REFUSE(err, plugin->file, "open and close", "no %s function",
                      own->open == NULL ? "open" : "close");
    }
    return check_threads(plugin, err);
}

static bool has_operation(const struct loaded_plugin *plugin, const struct operation *operation)
{
    void *pointer;
    memcpy(&pointer, (const char *)&plugin->ops + operation->offset, sizeof(pointer));
    return pointer != NULL;
}

/* Copies the operations into our zeroed table and looks for the required ones. */
static int32_t copy_operations(struct loaded_plugin *plugin, berth_error *err)
{
    const uint32_t *theirs = plugin->descriptor.ops.struct_size;
    const struct plugin_kind *kind = plugin->kind;
    char wanted[96];
    if (theirs == NULL || *theirs < kind->minimum || *theirs > MAX_TABLE) {
        snprintf(wanted, sizeof(wanted), "at least %zu", kind->minimum);
        return REFUSE(err, plugin->file, wanted, "a table of %u bytes for its operations",
                      theirs != NULL ? *theirs : 0);
    }
    memcpy(&plugin->ops, theirs, *theirs < kind->size ? *theirs : kind->size);
    plugin->ops.head.struct_size = (uint32_t)kind->size;
    for (size_t i = 0; i < kind->count; i++) {
        const struct operation *operation = &kind->operations[i];
        uint32_t caps = plugin->ops.head.caps;
        bool needed = !operation->optional &&
                      (operation->with == 0 || (caps & operation->with) != 0) &&
                      (caps & operation->unless) == 0;
        if (needed && !has_operation(plugin, operation)) {
            snprintf(wanted, sizeof(wanted), "all that the kind %s requires", kind->word);
            return REFUSE(err, plugin->file, wanted, "no operation '%s'", operation->name);
        }
    }
    return 0;
}

void plugin_unref(struct loaded_plugin *plugin)
{
    if (plugin != NULL) {
        pthread_mutex_destroy(&plugin->lock);
        free(plugin->name);
        free(plugin->file);
        free(plugin);
    }
}

/* Everything after the file was mapped. */
static int32_t check_loaded(struct loaded_plugin *plugin, uint32_t kind, const char *name,
                            berth_error *err)
{
    const berth_plugin *theirs = NULL;
    int32_t result = query(plugin->file, &theirs, err);
    if (result == 0) {
        result = copy_descriptor(plugin->file, theirs, &plugin->descriptor, err);
    }
    if (result == 0) {
        result = check_descriptor(plugin, kind, name, err);
    }
    if (result == 0) {
        result = copy_operations(plugin, err);
    }
    if (result == 0) {
        result = schema_lint(plugin, err);
    }
    if (result == 0) {
        plugin->name = strdup(plugin->descriptor.name);
        result = plugin->name != NULL ? 0 : berth_error_no_memory(err);
    }
    return result;
}

int32_t plugin_load(const char *file, uint32_t kind, const char *name,
                    struct loaded_plugin **ret_plugin, berth_error *err)
{
    int32_t result = plugin_trust_check(file, err);
    if (result == 0) {
        result = plugin_elf_check(file, ENTRY, err);
    }
    if (result < 0) {
        return result;
    }
    struct loaded_plugin *plugin = calloc(1, sizeof(*plugin));
    if (plugin == NULL) {
        return berth_error_no_memory(err);
    }
    pthread_mutex_init(&plugin->lock, NULL);
    plugin->file = strdup(file);
    result =
        plugin->file == NULL ? berth_error_no_memory(err) : check_loaded(plugin, kind, name, err);
    if (result < 0) {
        plugin_unref(plugin);
        return result;
    }
    *ret_plugin = plugin;
    return 0;
}
