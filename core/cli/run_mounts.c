/* SPDX-License-Identifier: Apache-2.0
 *
 * -v and --mount.
 */
#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "cli/csv.h"
#include "cli/run_flags.h"

/* "./x" and "../x" from our working directory; other paths stay. The caller's to free. */
static char *absolute_source(const char *path, size_t length)
{
    char here[PATH_MAX];
    if (length == 0 || *path != '.' || getcwd(here, sizeof(here)) == NULL) {
        return strndup(path, length);
    }
    AUTO_FREE char *joined = berth_format("%s/%.*s", here, (int)length, path);
    AUTO_STRV struct berth_strv parts = {0}, clean = {0};
    if (joined == NULL || !berth_strv_split(&parts, joined, '/')) {
        return NULL;
    }
    for (size_t i = 0; i < parts.count; i++) {
        if (strcmp(parts.items[i], "..") == 0 && clean.count > 0) {
            berth_strv_remove(&clean, clean.count - 1);
        } else if (*parts.items[i] != '\0' && strcmp(parts.items[i], ".") != 0 &&
                   strcmp(parts.items[i], "..") != 0) {
            berth_strv_add(&clean, parts.items[i]);
        }
    }
    AUTO_FREE char *rest = berth_strv_join(&clean, "/");
    return berth_format("/%s", rest != NULL ? rest : "");
}

/* "source:target[:options]", or a path alone for an anonymous volume. */
static int32_t add_volume(const char *spec, struct json_object *body, berth_error *err)
{
    const char *colon = strchr(spec, ':');
    if (*spec == '\0') {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid empty volume spec");
    }
    if (colon == NULL) {
        json_object_object_add(berth_body_object(body, "Volumes"), spec, json_object_new_object());
        return 0;
    }
    if (colon == spec || colon[1] == '\0' || strstr(spec, "::") != NULL) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid spec: %s: empty section between colons", spec);
    }
    AUTO_FREE char *source = absolute_source(spec, (size_t)(colon - spec));
    AUTO_FREE char *bind = source != NULL ? berth_format("%s%s", source, colon) : NULL;
    if (bind == NULL) {
        return berth_error_no_memory(err);
    }
    berth_body_add_text(berth_body_array(body, "HostConfig/Binds"), bind);
    return 0;
}

int32_t berth_body_volumes(const struct berth_flags *flags, struct json_object *body,
                           berth_error *err)
{
    const struct berth_strv *list = berth_flags_list(flags, "volume");
    int32_t code = 0;
    for (size_t i = 0; code == 0 && i < list->count; i++) {
        code = add_volume(list->items[i], body, err);
    }
    return code;
}

enum mount_kind {
    MOUNT_TEXT,
    MOUNT_PATH,
    MOUNT_BOOL,
    MOUNT_SIZE,
    MOUNT_MODE,
    MOUNT_PAIR,
    MOUNT_RECURSIVE
};

/* The keys of --mount. A key with a dash belongs to the mount type before the dash. */
static const struct mount_key {
    const char *key, *path;
    enum mount_kind kind;
} mount_keys[] = {
    {"type", "Type", MOUNT_TEXT},
    {"source", "Source", MOUNT_PATH},
    {"src", "Source", MOUNT_PATH},
    {"target", "Target", MOUNT_TEXT},
    {"dst", "Target", MOUNT_TEXT},
    {"destination", "Target", MOUNT_TEXT},
    {"readonly", "ReadOnly", MOUNT_BOOL},
    {"ro", "ReadOnly", MOUNT_BOOL},
    {"consistency", "Consistency", MOUNT_TEXT},
    {"bind-propagation", "BindOptions/Propagation", MOUNT_TEXT},
    {"bind-nonrecursive", "BindOptions/NonRecursive", MOUNT_BOOL},
    {"bind-recursive", "BindOptions", MOUNT_RECURSIVE},
    {"bind-create-src", "BindOptions/CreateMountpoint", MOUNT_BOOL},
    {"volume-subpath", "VolumeOptions/Subpath", MOUNT_TEXT},
    {"volume-nocopy", "VolumeOptions/NoCopy", MOUNT_BOOL},
    {"volume-label", "VolumeOptions/Labels", MOUNT_PAIR},
    {"volume-driver", "VolumeOptions/DriverConfig/Name", MOUNT_TEXT},
    {"volume-opt", "VolumeOptions/DriverConfig/Options", MOUNT_PAIR},
    {"image-subpath", "ImageOptions/Subpath", MOUNT_TEXT},
    {"tmpfs-size", "TmpfsOptions/SizeBytes", MOUNT_SIZE},
    {"tmpfs-mode", "TmpfsOptions/Mode", MOUNT_MODE},
};

static const struct mount_key *find_key(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(mount_keys); i++) {
        if (strcmp(mount_keys[i].key, name) == 0) {
            return &mount_keys[i];
        }
    }
    return NULL;
}

static int32_t bad_value(const char *key, const char *value, berth_error *err)
{
    return berth_error_set(err, BERTH_E_INVALID, 0, "invalid value for %s: %s", key, value);
}

/* bind-recursive: how mounts below the source are taken along. */
static int32_t set_recursive(struct json_object *mount, const char *value, berth_error *err)
{
    static const char *const members[][2] = {
        {"enabled", NULL},
        {"disabled", "BindOptions/NonRecursive"},
        {"writable", "BindOptions/ReadOnlyNonRecursive"},
        {"readonly", "BindOptions/ReadOnlyForceRecursive"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        if (strcmp(members[i][0], value) == 0) {
            if (members[i][1] != NULL) {
                berth_body_set(mount, members[i][1], json_object_new_boolean(true));
            }
            return 0;
        }
    }
    return berth_error_set(err, BERTH_E_INVALID, 0,
                           "invalid value for bind-recursive: %s (must be \"enabled\", "
                           "\"disabled\", \"writable\", or \"readonly\")",
                           value);
}

/* value NULL: the key stood alone. */
static int32_t set_key(struct json_object *mount, const struct mount_key *key, const char *value,
                       berth_error *err)
{
    bool yes = value == NULL;
    int64_t amount = 0;
    char *end = NULL;
    switch (key->kind) {
    case MOUNT_BOOL:
        if (value != NULL && !berth_str_to_bool(value, &yes)) {
            return bad_value(key->key, value, err);
        }
        if (yes) {
            berth_body_set(mount, key->path, json_object_new_boolean(true));
        }
        return 0;
    case MOUNT_SIZE:
        if (!berth_size_parse(value, &amount)) {
            return bad_value(key->key, value, err);
        }
        berth_body_set(mount, key->path, json_object_new_int64(amount));
        return 0;
    case MOUNT_MODE:
        amount = strtoll(value, &end, 8);
        if (*end != '\0' || *value == '\0' || amount < 0) {
            return bad_value(key->key, value, err);
        }
        berth_body_set(mount, key->path, json_object_new_int64(amount));
        return 0;
    case MOUNT_PAIR: {
        const char *equal = strchrnul(value, '=');
        AUTO_FREE char *name = strndup(value, (size_t)(equal - value));
        if (name != NULL) {
            json_object_object_add(berth_body_object(mount, key->path), name,
                                   json_object_new_string(*equal == '=' ? equal + 1 : ""));
        }
        return 0;
    }
    case MOUNT_RECURSIVE:
        return set_recursive(mount, value, err);
    case MOUNT_PATH: {
        AUTO_FREE char *path = absolute_source(value, strlen(value));
        berth_body_set(mount, key->path, json_object_new_string(path != NULL ? path : value));
        return 0;
    }
    case MOUNT_TEXT:
    default:
        berth_body_set(mount, key->path, json_object_new_string(value));
        return 0;
    }
}

/* Options of one type may not stand with another type. */
static int32_t check_types(struct json_object *mount, const char *type, berth_error *err)
{
    static const char *const types[][2] = {{"bind", "BindOptions"},
                                           {"volume", "VolumeOptions"},
                                           {"image", "ImageOptions"},
                                           {"tmpfs", "TmpfsOptions"}};
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (strcmp(types[i][0], type) != 0 && json_object_object_get_ex(mount, types[i][1], NULL)) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "cannot mix '%s-*' options with mount type '%s'", types[i][0],
                                   type);
        }
    }
    return 0;
}

static int32_t parse_fields(const struct berth_strv *fields, struct json_object *mount,
                            berth_error *err)
{
    int32_t code = 0;
    for (size_t i = 0; code == 0 && i < fields->count; i++) {
        const char *field = fields->items[i];
        const char *equal = strchr(field, '=');
        AUTO_FREE char *name =
            equal != NULL ? strndup(field, (size_t)(equal - field)) : berth_strdup(field);
        const struct mount_key *key = name != NULL ? find_key(name) : NULL;
        if (key == NULL && equal != NULL) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "unexpected key '%s' in '%s'", name,
                                   field);
        }
        if (equal == NULL && (key == NULL || key->kind != MOUNT_BOOL)) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "invalid field '%s' must be a key=value pair", field);
        }
        code = set_key(mount, key, equal != NULL ? equal + 1 : NULL, err);
    }
    return code;
}

static int32_t parse_mount(const char *text, struct json_object **ret_mount, berth_error *err)
{
    AUTO_STRV struct berth_strv fields = {0};
    struct json_object *mount = json_object_new_object(), *found = NULL;
    int32_t code = 0;
    json_object_object_add(mount, "Type", json_object_new_string("volume"));
    if (!berth_csv_split(text, &fields)) {
        code = berth_error_set(err, BERTH_E_INVALID, 0, "parse error on \"%s\"", text);
    }
    if (code == 0) {
        code = parse_fields(&fields, mount, err);
    }
    if (code == 0 && (!json_object_object_get_ex(mount, "Target", &found) ||
                      json_object_get_string_len(found) == 0)) {
        code = berth_error_set(err, BERTH_E_INVALID, 0, "target is required");
    }
    if (code == 0) {
        json_object_object_get_ex(mount, "Type", &found);
        code = json_object_get_string_len(found) == 0
                   ? berth_error_set(err, BERTH_E_INVALID, 0, "type is required")
                   : check_types(mount, json_object_get_string(found), err);
    }
    if (code != 0) {
        json_object_put(mount);
        return code;
    }
    *ret_mount = mount;
    return 0;
}

int32_t berth_check_mount(const char *value, berth_error *err)
{
    struct json_object *mount = NULL;
    int32_t code = parse_mount(value, &mount, err);
    if (code == 0) {
        json_object_put(mount);
    }
    return code;
}

int32_t berth_body_mounts(const struct berth_flags *flags, struct json_object *body,
                          berth_error *err)
{
    const struct berth_strv *list = berth_flags_list(flags, "mount");
    for (size_t i = 0; i < list->count; i++) {
        struct json_object *mount = NULL;
        int32_t code = parse_mount(list->items[i], &mount, err);
        if (code != 0) {
            return code;
        }
        json_object_array_add(berth_body_array(body, "HostConfig/Mounts"), mount);
    }
    return 0;
}
