/* SPDX-License-Identifier: Apache-2.0
 *
 * What a create request mounts: -v binds and volumes, --mount, --volumes-from, the image's
 * volumes; all resolved into mount records.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "container/create.h"
#include "volume/volume.h"

static bool known_propagation(const char *word)
{
    static const char *const words[] = {"private", "rprivate", "shared",
                                        "rshared", "slave",    "rslave"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcmp(words[i], word) == 0) {
            return true;
        }
    }
    return false;
}

/* "ro,z,rslave,nocopy" */
static int mode_parse(const char *mode, struct mount_record *mount, berth_error *err)
{
    static const char *const ignored[] = {"z", "Z", "consistent", "cached", "delegated", "copy"};
    AUTO_STRV struct berth_strv words = {0};
    if (!berth_strv_split(&words, mode, ',')) {
        return berth_error_no_memory(err);
    }
    for (size_t i = 0; i < words.count; i++) {
        const char *word = words.items[i];
        bool known = strcmp(word, "rw") == 0;
        for (size_t k = 0; k < ARRAY_SIZE(ignored) && !known; k++) {
            known = strcmp(word, ignored[k]) == 0;
        }
        if (strcmp(word, "ro") == 0) {
            mount->writable = false;
            known = true;
        } else if (strcmp(word, "nocopy") == 0) {
            mount->no_copy = true;
            known = true;
        } else if (known_propagation(word) && strcmp(mount->type, "bind") == 0) {
            berth_replace(&mount->propagation, berth_strdup(word));
            known = true;
        }
        if (!known) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "invalid mode: %s", mode);
        }
    }
    return 0;
}

static int bad_spec(berth_error *err, const char *spec, const char *why)
{
    return berth_error_set(err, BERTH_E_INVALID, 0, "invalid volume specification: '%s'%s%s", spec,
                           why[0] != '\0' ? ": " : "", why);
}

static int set_destination(struct mount_record *mount, const char *path, const char *spec,
                           berth_error *err)
{
    if (path[0] != '/') {
        AUTO_FREE char *why = berth_format(
            "invalid mount config for type \"%s\": invalid mount path: '%s' mount path must be "
            "absolute",
            mount->type, path);
        return bad_spec(err, spec, why != NULL ? why : "");
    }
    berth_replace(&mount->destination, container_path_clean(path));
    if (mount->destination == NULL) {
        return berth_error_no_memory(err);
    }
    if (strcmp(mount->destination, "/") == 0) {
        AUTO_FREE char *why = berth_format(
            "invalid mount config for type \"%s\": invalid specification: destination can't be '/'",
            mount->type);
        return bad_spec(err, spec, why != NULL ? why : "");
    }
    return 0;
}

int container_bind_parse(const char *spec, struct mount_record *mount, berth_error *err)
{
    AUTO_STRV struct berth_strv parts = {0};
    if (!berth_strv_split(&parts, spec, ':')) {
        return berth_error_no_memory(err);
    }
    if (parts.count == 0 || parts.count > 3) {
        return bad_spec(err, spec, "");
    }
    for (size_t i = 0; i < parts.count; i++) {
        if (i < 2 && parts.items[i][0] == '\0') {
            return bad_spec(err, spec, "");
        }
    }
    const char *source = parts.count > 1 ? parts.items[0] : NULL;
    const char *target = parts.items[parts.count > 1 ? 1 : 0];
    bool bind = source != NULL && source[0] == '/';
    mount->writable = true;
    mount->type = berth_strdup(bind ? "bind" : "volume");
    if (bind) {
        mount->source = container_path_clean(source);
        mount->propagation = berth_strdup("rprivate");
    } else {
        mount->driver = berth_strdup("local");
        mount->name = berth_strdup(source);
        mount->anonymous = source == NULL;
    }
    if (mount->type == NULL || (bind ? mount->source == NULL : mount->driver == NULL)) {
        return berth_error_no_memory(err);
    }
    if (source != NULL && !bind && !berth_volume_name_valid(source)) {
        return berth_error_set(
            err, BERTH_E_INVALID, 0,
            "create %s: \"%s\" includes invalid characters for a local volume name, only "
            "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host "
            "directory, use absolute path",
            source, source);
    }
    int result = set_destination(mount, target, spec, err);
    if (result == 0 && parts.count == 3) {
        mount->mode = berth_strdup(parts.items[2]);
        result = mode_parse(parts.items[2], mount, err);
    }
    return result;
}

/* NULL: none. */
static struct mount_record *find_mount(struct container *container, const char *destination)
{
    for (size_t i = 0; i < container->record.mounts.count; i++) {
        struct mount_record *mount = container->record.mounts.items[i];
        if (berth_str_equal(mount->destination, destination)) {
            return mount;
        }
    }
    return NULL;
}

/* Moves *mount into the container's list. */
static int take_mount(struct container *container, struct mount_record *mount, berth_error *err)
{
    struct mount_record *slot = berth_json_list_add(&container->record.mounts, &mount_record_table);
    if (slot == NULL) {
        return berth_error_no_memory(err);
    }
    *slot = *mount;
    berth_json_init(&mount_record_table, mount);
    return 0;
}

static void cleanup_mount(struct mount_record *mount)
{
    berth_json_done(&mount_record_table, mount);
}
#define AUTO_MOUNT AUTO(cleanup_mount)

static int add_binds(struct container *container, berth_error *err)
{
    const struct berth_strv *binds = &container->record.host_config.binds;
    for (size_t i = 0; i < binds->count; i++) {
        AUTO_MOUNT struct mount_record mount = {0};
        int result = container_bind_parse(binds->items[i], &mount, err);
        if (result != 0) {
            return result;
        }
        if (find_mount(container, mount.destination) != NULL) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "Duplicate mount point: %s",
                                   mount.destination);
        }
        result = take_mount(container, &mount, err);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

static int mount_config_error(berth_error *err, const struct berth_mount *request, const char *why)
{
    return berth_error_set(err, BERTH_E_INVALID, 0, "invalid mount config for type \"%s\": %s",
                           request->type != NULL ? request->type : "", why);
}

static int convert_bind(const struct berth_mount *request, struct mount_record *mount,
                        berth_error *err)
{
    struct stat status;
    const struct berth_bind_options *options = request->bind_options;
    if (berth_str_empty(request->source)) {
        return mount_config_error(err, request, "field Source must not be empty");
    }
    if (request->source[0] != '/') {
        AUTO_FREE char *why =
            berth_format("invalid mount path: '%s' mount path must be absolute", request->source);
        return mount_config_error(err, request, why != NULL ? why : "");
    }
    mount->source = container_path_clean(request->source);
    mount->propagation = berth_strdup(options != NULL && !berth_str_empty(options->propagation)
                                          ? options->propagation
                                          : "rprivate");
    if (mount->source == NULL || mount->propagation == NULL) {
        return berth_error_no_memory(err);
    }
    if (!known_propagation(mount->propagation)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid propagation mode: %s",
                               mount->propagation);
    }
    if (options != NULL) {
        mount->recursive_off = options->non_recursive;
        mount->read_only_non_recursive = options->read_only_non_recursive;
    }
    bool create = options != NULL && options->create_mountpoint;
    if (!create && stat(mount->source, &status) < 0 && errno == ENOENT) {
        AUTO_FREE char *why = berth_format("bind source path does not exist: %s", mount->source);
        return mount_config_error(err, request, why != NULL ? why : "");
    }
    return 0;
}

static int convert_volume(const struct berth_mount *request, struct mount_record *mount,
                          berth_error *err)
{
    const struct berth_volume_options *options = request->volume_options;
    mount->anonymous = berth_str_empty(request->source);
    mount->name = mount->anonymous ? NULL : berth_strdup(request->source);
    mount->driver = berth_strdup("local");
    if (options != NULL) {
        mount->no_copy = options->no_copy;
        mount->subpath = berth_strdup(options->subpath);
    }
    if (!mount->anonymous && !berth_volume_name_valid(request->source)) {
        AUTO_FREE char *why =
            berth_format("\"%s\" includes invalid characters for a local volume name, only "
                         "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed",
                         request->source);
        return mount_config_error(err, request, why != NULL ? why : "");
    }
    return mount->driver == NULL ? berth_error_no_memory(err) : 0;
}

static int convert_tmpfs(const struct berth_mount *request, struct mount_record *mount,
                         berth_error *err)
{
    const struct berth_tmpfs_options *options = request->tmpfs_options;
    bool complete = true;
    if (!berth_str_empty(request->source)) {
        return mount_config_error(err, request, "field Source must not be specified");
    }
    if (options != NULL && options->size_bytes > 0) {
        complete = berth_strv_addf(&mount->options, "size=%lld", (long long)options->size_bytes);
    }
    if (options != NULL && options->mode != 0) {
        complete = complete &&
                   berth_strv_addf(&mount->options, "mode=%llo", (unsigned long long)options->mode);
    }
    return complete ? 0 : berth_error_no_memory(err);
}

static const struct {
    const char *type;
    int (*convert)(const struct berth_mount *request, struct mount_record *mount, berth_error *err);
} mount_types[] = {
    {"bind", convert_bind},
    {"volume", convert_volume},
    {"tmpfs", convert_tmpfs},
};

static int convert_mount(const struct berth_mount *request, struct mount_record *mount,
                         berth_error *err)
{
    if (berth_str_empty(request->target)) {
        return mount_config_error(err, request, "field Target must not be empty");
    }
    if (request->target[0] != '/') {
        AUTO_FREE char *why =
            berth_format("invalid mount path: '%s' mount path must be absolute", request->target);
        return mount_config_error(err, request, why != NULL ? why : "");
    }
    mount->writable = !request->read_only;
    mount->destination = container_path_clean(request->target);
    mount->type = berth_strdup(request->type);
    if (mount->destination == NULL) {
        return berth_error_no_memory(err);
    }
    if (strcmp(mount->destination, "/") == 0) {
        return mount_config_error(err, request, "invalid specification: destination can't be '/'");
    }
    for (size_t i = 0; i < ARRAY_SIZE(mount_types); i++) {
        if (berth_str_equal(mount_types[i].type, request->type)) {
            return mount_types[i].convert(request, mount, err);
        }
    }
    return berth_error_set(err, BERTH_E_INVALID, 0,
                           "invalid mount config for type \"%s\": mount type unknown",
                           request->type != NULL ? request->type : "");
}

static int add_mounts(struct container *container, berth_error *err)
{
    const struct berth_json_list *list = &container->record.host_config.mounts;
    for (size_t i = 0; i < list->count; i++) {
        AUTO_MOUNT struct mount_record mount = {0};
        int result = convert_mount(list->items[i], &mount, err);
        if (result != 0) {
            return result;
        }
        if (find_mount(container, mount.destination) != NULL) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "Duplicate mount point: %s",
                                   mount.destination);
        }
        result = take_mount(container, &mount, err);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

/* Copies the other container's mounts in, where nothing is mounted yet. */
static int copy_mounts_of(struct container *container, struct container *other, const char *mode,
                          berth_error *err)
{
    AUTO_LOCK(&other->lock);
    for (size_t i = 0; i < other->record.mounts.count; i++) {
        AUTO_MOUNT struct mount_record mount = {0};
        const struct mount_record *source = other->record.mounts.items[i];
        if (find_mount(container, source->destination) != NULL) {
            continue;
        }
        int result = berth_json_copy(&mount_record_table, source, &mount, err);
        if (result != 0) {
            return result;
        }
        mount.writable = mount.writable && strcmp(mode, "ro") != 0;
        mount.anonymous = false; /* it goes with the container it was made for */
        result = take_mount(container, &mount, err);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

static int add_volumes_from(struct container *container, berth_error *err)
{
    const struct berth_strv *list = &container->record.host_config.volumes_from;
    for (size_t i = 0; i < list->count; i++) {
        AUTO_CONTAINER struct container *other = NULL;
        AUTO_FREE char *name = berth_strdup(list->items[i]);
        if (name == NULL) {
            return berth_error_no_memory(err);
        }
        char *mode = strchr(name, ':');
        if (mode != NULL) {
            *mode++ = '\0';
        }
        mode = mode != NULL ? mode : (char[]){"rw"};
        if (strcmp(mode, "ro") != 0 && strcmp(mode, "rw") != 0 && strcmp(mode, "z") != 0 &&
            strcmp(mode, "Z") != 0) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "invalid mode for volumes-from: %s",
                                   mode);
        }
        int result = container_find(container->manager, name, &other, err);
        if (result == 0) {
            result = copy_mounts_of(container, other, mode, err);
        }
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

static int add_image_volumes(struct container *container, berth_error *err)
{
    const struct berth_strv *volumes = &container->record.config.volumes;
    for (size_t i = 0; i < volumes->count; i++) {
        AUTO_MOUNT struct mount_record mount = {0};
        AUTO_FREE char *path = container_path_clean(volumes->items[i]);
        if (path == NULL) {
            return berth_error_no_memory(err);
        }
        if (find_mount(container, path) != NULL ||
            berth_strmap_get(&container->record.host_config.tmpfs, path) != NULL) {
            continue;
        }
        int result = container_bind_parse(path, &mount, err);
        if (result == 0) {
            result = take_mount(container, &mount, err);
        }
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

static int create_volumes(struct container *container, berth_error *err)
{
    for (size_t i = 0; i < container->record.mounts.count; i++) {
        struct mount_record *mount = container->record.mounts.items[i];
        struct berth_volume volume;
        struct berth_volume_create request = {.name = mount->name};
        if (!berth_str_equal(mount->type, "volume")) {
            continue;
        }
        berth_json_init(&berth_volume_table, &volume);
        int result =
            berth_volume_create(container->manager->config.volumes, &request, &volume, err);
        if (result == 0) {
            result = berth_volume_use(container->manager->config.volumes, volume.name,
                                      container->id, err);
        }
        if (result == 0) {
            berth_replace(&mount->name, TAKE_PTR(volume.name));
            berth_replace(&mount->source, TAKE_PTR(volume.mountpoint));
        }
        berth_json_done(&berth_volume_table, &volume);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

static int compare_mounts(const void *a, const void *b)
{
    const struct mount_record *const *left = a, *const *right = b;
    return strcmp((*left)->destination, (*right)->destination);
}

int container_mounts_resolve(struct container *container, berth_error *err)
{
    int result = add_binds(container, err);
    result = result != 0 ? result : add_mounts(container, err);
    result = result != 0 ? result : add_volumes_from(container, err);
    result = result != 0 ? result : add_image_volumes(container, err);
    result = result != 0 ? result : create_volumes(container, err);
    if (result == 0 && container->record.mounts.count > 1) {
        /* parents before what is mounted below them */
        qsort(container->record.mounts.items, container->record.mounts.count, sizeof(void *),
              compare_mounts);
    }
    return result;
}

int container_mounts_use(struct container *container, berth_error *err)
{
    for (size_t i = 0; i < container->record.mounts.count; i++) {
        const struct mount_record *mount = container->record.mounts.items[i];
        if (berth_str_equal(mount->type, "volume") && mount->name != NULL) {
            int result = berth_volume_use(container->manager->config.volumes, mount->name,
                                          container->id, err);
            if (result != 0) {
                return result;
            }
        }
    }
    return 0;
}

void container_mounts_unuse(struct container *container, bool remove_anonymous)
{
    struct berth_volume_manager *volumes = container->manager->config.volumes;
    for (size_t i = 0; i < container->record.mounts.count; i++) {
        const struct mount_record *mount = container->record.mounts.items[i];
        if (!berth_str_equal(mount->type, "volume") || mount->name == NULL) {
            continue;
        }
        berth_volume_unuse(volumes, mount->name, container->id);
        if (remove_anonymous && mount->anonymous &&
            berth_volume_is_anonymous(volumes, mount->name)) {
            berth_error error = BERTH_ERROR_INIT;
            /* still used by a --volumes-from: CONFLICT, and it stays */
            if (berth_volume_remove(volumes, mount->name, true, &error) != 0 &&
                error.code != BERTH_E_CONFLICT) {
                container_log_error(container, "removing its volume", &error);
            }
        }
    }
}
