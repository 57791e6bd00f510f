/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers in the store: reading them at start, repairing what a crash left, removing unused ones.
 */
#include "image/layer_row.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "linux/path.h"

struct row {
    char *parent;
    char *diff_id;
    int64_t size;
    int64_t tar_size;
};

static const struct berth_json_field row_fields[] = {
    BERTH_JSON_FIELD(struct row, parent, "Parent", STRING, 0),
    BERTH_JSON_FIELD(struct row, diff_id, "DiffID", STRING, 0),
    BERTH_JSON_FIELD(struct row, size, "Size", INT64, 0),
    BERTH_JSON_FIELD(struct row, tar_size, "TarSize", INT64, 0),
};
static const struct berth_json_table row_table = BERTH_JSON_TABLE("layer", struct row, row_fields);

int berth_image_layer_row_put(struct berth_image_manager *manager,
                              const struct berth_image_layer *layer, berth_error *err)
{
    const struct row row = {
        .parent = (char *)layer->parent,
        .diff_id = (char *)layer->diff_id,
        .size = layer->size,
        .tar_size = layer->tar_size,
    };
    AUTO_FREE char *document = berth_json_write_text(&row_table, &row, 0);
    if (document == NULL) {
        return berth_error_no_memory(err);
    }
    return berth_store_put(manager->options.store, manager->layer_row, layer->chain_id, NULL,
                           document, err);
}

static int32_t visit_row(void *arg, const struct berth_store_row *row, berth_error *err)
{
    struct berth_image_manager *manager = arg;
    struct row read = {NULL, NULL, 0, 0};
    int code = berth_json_read_text(&row_table, row->document, row->length, &read, err);
    if (code == 0 && (!berth_oci_hex_valid(row->id) || berth_oci_digest_hex(read.diff_id) == NULL ||
                      (!berth_str_empty(read.parent) && !berth_oci_hex_valid(read.parent)))) {
        code = berth_error_set(err, BERTH_E_DATA, 0, "the row of layer %.64s is damaged", row->id);
    }
    if (code == 0) {
        struct berth_image_layer layer = {.size = read.size, .tar_size = read.tar_size};
        snprintf(layer.chain_id, sizeof(layer.chain_id), "%s", row->id);
        snprintf(layer.parent, sizeof(layer.parent), "%s", read.parent != NULL ? read.parent : "");
        snprintf(layer.diff_id, sizeof(layer.diff_id), "%s", read.diff_id);
        code = berth_image_layer_insert(manager, &layer, err);
    }
    berth_json_done(&row_table, &read);
    return code;
}

static int32_t gather_layer(void *arg, const char *key, const char *value, berth_error *err)
{
    struct berth_strv *layers = arg;
    return strcmp(key, "layer") != 0 || berth_strv_add(layers, value) ? 0
                                                                      : berth_error_no_memory(err);
}

/* What the driver has and no row names was committed by a load that was killed. A child must go
 * before its parent, so passes are made until one removes nothing. */
static void remove_strays(struct berth_image_manager *manager, struct berth_strv *stored)
{
    bool removed = true;
    while (removed) {
        removed = false;
        for (size_t i = stored->count; i-- > 0;) {
            const char *id = stored->items[i];
            if (berth_image_layer_find(manager, id) == NULL &&
                berth_storage_layer_remove(manager->options.storage, NULL, id, NULL) == 0) {
                berth_strv_remove(stored, i);
                removed = true;
            }
        }
    }
}

/* Rows whose layer the driver does not have: an interrupted removal, or damage. */
static void drop_missing(struct berth_image_manager *manager, const struct berth_strv *stored)
{
    for (size_t i = manager->layer_count; i-- > 0;) {
        const char *id = manager->layers[i]->chain_id;
        if (!berth_strv_contains(stored, id)) {
            berth_log(BERTH_LOG_WARN, "layer %.12s is gone from the storage driver", id);
            berth_store_delete(manager->options.store, manager->layer_row, id, NULL);
            berth_image_layer_drop(manager, id);
        }
    }
}

/* Records of unfinished or removed layers. */
static void remove_stray_records(struct berth_image_manager *manager)
{
    int fd = openat(manager->records, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_DIR DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    if (stream == NULL) {
        return;
    }
    for (const struct dirent *item; (item = readdir(stream)) != NULL;) {
        if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0 &&
            berth_image_layer_find(manager, item->d_name) == NULL) {
            berth_linux_path_remove_tree(manager->records, item->d_name, NULL);
        }
    }
}

int berth_image_layers_open(struct berth_image_manager *manager, berth_error *err)
{
    AUTO_STRV struct berth_strv stored = {NULL, 0};
    struct berth_sink sink = {.pair = gather_layer, .arg = &stored};
    int code =
        berth_store_list(manager->options.store, manager->layer_row, visit_row, manager, err);
    if (code == 0) {
        code = berth_storage_list(manager->options.storage, NULL, &sink, err);
    }
    if (code < 0) {
        return code;
    }
    drop_missing(manager, &stored);
    remove_strays(manager, &stored);
    remove_stray_records(manager);
    for (size_t i = 0; i < manager->layer_count; i++) {
        struct berth_image_layer *parent =
            berth_image_layer_find(manager, manager->layers[i]->parent);
        if (parent != NULL) {
            parent->users++;
        }
    }
    return 0;
}

void berth_image_layers_free(struct berth_image_manager *manager)
{
    for (size_t i = 0; i < manager->layer_count; i++) {
        free(manager->layers[i]);
    }
    free(manager->layers);
}

/* Picks a layer without users that is not in `kept`, and marks it as being worked on. */
static bool pick_unused(struct berth_image_manager *manager, const struct berth_strv *kept,
                        struct berth_image_making *making, struct berth_image_layer *ret_layer)
{
    AUTO_LOCK(&manager->lock);
    for (size_t i = 0; i < manager->layer_count; i++) {
        const struct berth_image_layer *layer = manager->layers[i];
        if (layer->users == 0 && !berth_strv_contains(kept, layer->chain_id)) {
            bool busy = false;
            for (const struct berth_image_making *other = manager->making; other != NULL;
                 other = other->next) {
                busy = busy || strcmp(other->chain_id, layer->chain_id) == 0;
            }
            if (!busy) {
                *ret_layer = *layer;
                berth_image_making_begin(manager, making, layer->chain_id);
                return true;
            }
        }
    }
    return false;
}

void berth_image_layers_collect(struct berth_image_manager *manager, struct berth_strv *removed,
                                int64_t *bytes)
{
    AUTO_STRV struct berth_strv kept = {NULL, 0};
    struct berth_image_making making;
    struct berth_image_layer layer;
    while (pick_unused(manager, &kept, &making, &layer)) {
        berth_error err = BERTH_ERROR_INIT;
        int code = berth_storage_layer_remove(manager->options.storage, NULL, layer.chain_id, &err);
        if (code == 0) {
            berth_store_delete(manager->options.store, manager->layer_row, layer.chain_id, NULL);
            berth_linux_path_remove_tree(manager->records, layer.chain_id, NULL);
            if (removed != NULL) {
                berth_strv_addf(removed, "sha256:%s", layer.chain_id);
            }
            if (bytes != NULL) {
                *bytes += layer.size;
            }
        } else if (code != BERTH_E_CONFLICT) {
            berth_log(BERTH_LOG_WARN, "cannot remove layer %.12s: %s", layer.chain_id, err.msg);
        }
        AUTO_LOCK(&manager->lock);
        if (code == 0) {
            berth_image_layer_drop(manager, layer.chain_id);
            berth_image_layer_release(manager, layer.parent);
        } else if (!berth_strv_add(&kept, layer.chain_id)) {
            berth_image_making_end(manager, &making);
            return; /* out of memory: the next collection goes on */
        }
        berth_image_making_end(manager, &making);
    }
}
