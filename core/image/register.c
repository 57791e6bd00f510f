/* SPDX-License-Identifier: Apache-2.0
 *
 * Images in the store: their rows, and entering new ones in one transaction.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/time.h"
#include "event/event.h"
#include "image/image_internal.h"

struct image_row {
    char *config; /* the document, byte for byte: it is valid UTF-8 without NULs */
    char *parent;
    char *last_tagged;
};

static const struct berth_json_field image_row_fields[] = {
    BERTH_JSON_FIELD(struct image_row, config, "Config", STRING, 0),
    BERTH_JSON_FIELD(struct image_row, parent, "Parent", STRING, BERTH_JSON_OMIT_EMPTY),
    BERTH_JSON_FIELD(struct image_row, last_tagged, "LastTagged", STRING, BERTH_JSON_OMIT_EMPTY),
};
static const struct berth_json_table image_row_table =
    BERTH_JSON_TABLE("image", struct image_row, image_row_fields);

struct name_row {
    char *image;
};

static const struct berth_json_field name_row_fields[] = {
    BERTH_JSON_FIELD(struct name_row, image, "Image", STRING, 0),
};
static const struct berth_json_table name_row_table =
    BERTH_JSON_TABLE("image reference", struct name_row, name_row_fields);

int berth_image_row_put(struct berth_image_manager *manager, const struct berth_image *image,
                        berth_error *err)
{
    const struct image_row row = {
        .config = (char *)image->config_text,
        .parent = (char *)image->parent,
        .last_tagged = image->last_tagged,
    };
    AUTO_FREE char *document = berth_json_write_text(&image_row_table, &row, 0);
    return document == NULL ? berth_error_no_memory(err)
                            : berth_store_put(manager->options.store, manager->image_row, image->id,
                                              NULL, document, err);
}

int berth_image_name_row_put(struct berth_image_manager *manager, const char *text,
                             const char *image_id, berth_error *err)
{
    const struct name_row row = {.image = (char *)image_id};
    AUTO_FREE char *document = berth_json_write_text(&name_row_table, &row, 0);
    return document == NULL ? berth_error_no_memory(err)
                            : berth_store_put(manager->options.store, manager->reference_row, text,
                                              NULL, document, err);
}

/* A damaged image does not keep the others from being read. */
static int32_t visit_image(void *arg, const struct berth_store_row *row, berth_error *err)
{
    struct berth_image_manager *manager = arg;
    struct image_row read = {NULL, NULL, NULL};
    berth_error problem = BERTH_ERROR_INIT;
    int code = berth_json_read_text(&image_row_table, row->document, row->length, &read, &problem);
    struct berth_image *image = NULL;
    if (code == 0 && read.config != NULL) {
        code = berth_image_snapshot_new(manager, read.config, strlen(read.config), read.parent,
                                        &image, &problem);
    }
    if (code == 0 && image != NULL) {
        image->last_tagged = TAKE_PTR(read.last_tagged);
        code = berth_image_insert(manager, image, &problem);
    }
    if (code < 0) {
        berth_log(BERTH_LOG_WARN, "image %.19s cannot be used: %s", row->id, problem.msg);
    }
    berth_json_done(&image_row_table, &read);
    return code == BERTH_E_NO_MEMORY ? berth_error_no_memory(err) : 0;
}

static int32_t visit_name(void *arg, const struct berth_store_row *row, berth_error *err)
{
    struct berth_image_manager *manager = arg;
    struct name_row read = {NULL};
    AUTO_REFERENCE struct berth_reference reference = BERTH_REFERENCE_INIT;
    int code = berth_json_read_text(&name_row_table, row->document, row->length, &read, err);
    if (code == 0) {
        code = berth_oci_reference_parse(row->id, &reference, err);
    }
    if (code == 0) {
        code = berth_image_name_set(manager, &reference, read.image != NULL ? read.image : "", err);
    }
    berth_json_done(&name_row_table, &read);
    return code;
}

int berth_image_rows_read(struct berth_image_manager *manager, berth_error *err)
{
    struct berth_store *store = manager->options.store;
    int code = berth_store_list(store, manager->reference_row, visit_name, manager, err);
    return code < 0 ? code : berth_store_list(store, manager->image_row, visit_image, manager, err);
}

void berth_image_publish(struct berth_image_manager *manager, const char *action, const char *id,
                         const char *name)
{
    if (manager->options.events == NULL) {
        return;
    }
    AUTO_STRMAP struct berth_strmap attributes = {NULL, NULL, 0};
    struct berth_image *image = NULL;
    if (berth_image_lookup(manager, id, &image, NULL) == 0) {
        berth_strmap_merge(&attributes, &image->config->config.labels);
        berth_image_unref(image);
    }
    if (berth_strmap_set(&attributes, "name", name != NULL ? name : id)) {
        berth_event_publish(manager->options.events, "image", action, id, &attributes);
    }
}

/* One image's rows, within the transaction; *ret_image is NULL when it was there before. */
static int write_rows(struct berth_image_manager *manager,
                      const struct berth_image_registration *registration,
                      struct berth_image **ret_image, struct berth_strv *ids, berth_error *err)
{
    struct berth_image *image = NULL;
    int code =
        berth_image_snapshot_new(manager, registration->config_text, registration->config_length,
                                 registration->parent, &image, err);
    if (code < 0) {
        return code;
    }
    bool known = berth_image_find(manager, image->id) < manager->image_count;
    if (!berth_strv_add(ids, image->id)) {
        code = berth_error_no_memory(err);
    } else if (!known) {
        code = berth_image_row_put(manager, image, err);
    }
    for (size_t i = 0; code == 0 && i < registration->reference_count; i++) {
        AUTO_FREE char *text = berth_oci_reference_text(&registration->references[i]);
        code = text == NULL ? berth_error_no_memory(err)
                            : berth_image_name_row_put(manager, text, image->id, err);
    }
    if (code < 0 || known) {
        berth_image_unref(image);
        image = NULL;
    }
    *ret_image = image;
    return code;
}

/* Gives the names in memory and shows them on all images that gained or lost one. */
static int set_names(struct berth_image_manager *manager,
                     const struct berth_image_registration *registration, const char *id,
                     berth_error *err)
{
    for (size_t i = 0; i < registration->reference_count; i++) {
        AUTO_FREE char *text = berth_oci_reference_text(&registration->references[i]);
        size_t index = text != NULL ? berth_image_name_find(manager, text) : manager->name_count;
        AUTO_FREE char *before =
            index < manager->name_count ? berth_strdup(manager->names[index].image_id) : NULL;
        int code = berth_image_name_set(manager, &registration->references[i], id, err);
        if (code < 0) {
            return code;
        }
        if (before != NULL) {
            berth_image_refresh(manager, before, NULL);
        }
    }
    berth_image_refresh(manager, id, NULL);
    return 0;
}

/* The lock is held. */
static int enter(struct berth_image_manager *manager,
                 const struct berth_image_registration *registrations, size_t count,
                 struct berth_strv *ids, berth_error *err)
{
    struct berth_image **images = calloc(count, sizeof(struct berth_image *));
    if (images == NULL) {
        return berth_error_no_memory(err);
    }
    int code = berth_store_begin(manager->options.store, err);
    bool begun = code == 0;
    for (size_t i = 0; code == 0 && i < count; i++) {
        code = write_rows(manager, &registrations[i], &images[i], ids, err);
    }
    if (code == 0) {
        code = berth_store_commit(manager->options.store, err);
    } else if (begun) {
        berth_store_rollback(manager->options.store);
    }
    for (size_t i = 0; i < count; i++) {
        struct berth_image *image = TAKE_PTR(images[i]);
        /* an archive may hold the same image twice */
        bool twice = code == 0 && image != NULL &&
                     berth_image_find(manager, image->id) < manager->image_count;
        if (code == 0 && image != NULL && !twice) {
            code = berth_image_insert(manager, image, err);
            image = code == 0 ? NULL : image;
        }
        berth_image_unref(image);
        if (code == 0) {
            code = set_names(manager, &registrations[i], ids->items[i], err);
        }
    }
    free(images);
    return code;
}

int berth_image_register(struct berth_image_manager *manager,
                         const struct berth_image_registration *images, size_t count,
                         const char *action, struct berth_strv *ret_ids, berth_error *err)
{
    struct berth_strv ids = {NULL, 0};
    pthread_mutex_lock(&manager->lock);
    int code = enter(manager, images, count, &ids, err);
    pthread_mutex_unlock(&manager->lock);
    if (code < 0) {
        berth_strv_done(&ids);
        return code;
    }
    for (size_t i = 0; action != NULL && i < ids.count; i++) {
        berth_image_publish(manager, action, ids.items[i], NULL);
    }
    *ret_ids = ids;
    return 0;
}
