/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and checking image configs.
 */
#include "oci/image_config.h"

#include "oci/digest.h"

#define OMIT BERTH_JSON_OMIT_EMPTY

#define HISTORY(member, name, kind) \
    BERTH_JSON_FIELD(struct berth_image_history, member, name, kind, OMIT)
static const struct berth_json_field history_fields[] = {
    HISTORY(created, "created", STRING),       HISTORY(created_by, "created_by", STRING),
    HISTORY(author, "author", STRING),         HISTORY(comment, "comment", STRING),
    HISTORY(empty_layer, "empty_layer", BOOL),
};
const struct berth_json_table berth_image_history_table =
    BERTH_JSON_TABLE("history", struct berth_image_history, history_fields);

static const struct berth_json_field rootfs_fields[] = {
    BERTH_JSON_FIELD(struct berth_image_rootfs, type, "type", STRING, 0),
    BERTH_JSON_FIELD(struct berth_image_rootfs, diff_ids, "diff_ids", STRV, OMIT),
};
static const struct berth_json_table rootfs_table =
    BERTH_JSON_TABLE("rootfs", struct berth_image_rootfs, rootfs_fields);

#define CONFIG(member, name, kind, flags) \
    BERTH_JSON_FIELD(struct berth_image_config, member, name, kind, flags)
#define CONFIG_NESTED(member, name, kind, table) \
    BERTH_JSON_NESTED(struct berth_image_config, member, name, kind, 0, table)
static const struct berth_json_field config_fields[] = {
    CONFIG(architecture, "architecture", STRING, 0),
    CONFIG(variant, "variant", STRING, OMIT),
    CONFIG_NESTED(config, "config", OBJECT, berth_container_config_table),
    CONFIG(container, "container", STRING, OMIT),
    CONFIG(created, "created", STRING, OMIT),
    CONFIG(author, "author", STRING, OMIT),
    CONFIG(comment, "comment", STRING, OMIT),
    CONFIG(parent, "parent", STRING, OMIT),
    CONFIG(docker_version, "docker_version", STRING, OMIT),
    CONFIG_NESTED(history, "history", LIST, berth_image_history_table),
    CONFIG(os, "os", STRING, 0),
    CONFIG(os_version, "os.version", STRING, OMIT),
    CONFIG(os_features, "os.features", STRV, OMIT),
    CONFIG_NESTED(rootfs, "rootfs", OBJECT, rootfs_table),
};
const struct berth_json_table berth_image_config_table =
    BERTH_JSON_TABLE("image config", struct berth_image_config, config_fields);

static int32_t check(const struct berth_image_config *config, berth_error *err)
{
    const struct berth_strv *diff_ids = &config->rootfs.diff_ids;
    if (!berth_str_equal(config->rootfs.type, "layers")) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid image config: rootfs type \"%s\", wanted \"layers\"",
                               config->rootfs.type != NULL ? config->rootfs.type : "");
    }
    if (diff_ids->count > BERTH_OCI_IMAGE_LAYERS_MAX) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid image config: %zu layers, the limit is %d", diff_ids->count,
                               BERTH_OCI_IMAGE_LAYERS_MAX);
    }
    for (size_t i = 0; i < diff_ids->count; i++) {
        if (berth_oci_digest_hex(diff_ids->items[i]) == NULL) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "invalid image config: \"%s\" is not a sha256 digest",
                                   diff_ids->items[i]);
        }
    }
    if (config->history.count > BERTH_OCI_IMAGE_HISTORY_MAX) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid image config: %zu steps of history, the limit is %d",
                               config->history.count, BERTH_OCI_IMAGE_HISTORY_MAX);
    }
    return 0;
}

int32_t berth_oci_image_config_parse(const char *text, size_t length,
                                     struct berth_image_config **ret_config, berth_error *err)
{
    if (length > BERTH_OCI_IMAGE_CONFIG_MAX) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid image config: %zu bytes, the limit is %d", length,
                               BERTH_OCI_IMAGE_CONFIG_MAX);
    }
    struct berth_image_config *config = berth_json_new(&berth_image_config_table);
    if (config == NULL) {
        return berth_error_no_memory(err);
    }
    int32_t code = berth_json_read_text(&berth_image_config_table, text, length, config, err);
    if (code == 0) {
        code = check(config, err);
    }
    if (code < 0) {
        berth_json_free(&berth_image_config_table, config);
        return code;
    }
    *ret_config = config;
    return 0;
}
