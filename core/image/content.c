/* SPDX-License-Identifier: Apache-2.0
 *
 * Images in memory: content that never changes, and snapshots of it with the names of a moment.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "image/image_internal.h"

static void content_unref(struct berth_image_content *content)
{
    if (content == NULL || atomic_fetch_sub(&content->references, 1) != 1) {
        return;
    }
    free(content->id);
    free(content->config_text);
    berth_json_free(&berth_image_config_table, content->config);
    berth_strv_done(&content->chain_ids);
    free(content->layer_sizes);
    free(content->parent);
    free(content);
}

static int fill_text(struct berth_image_content *content, const char *text, size_t length,
                     const char *parent, berth_error *err)
{
    char hex[BERTH_SHA256_HEX];
    int code = berth_oci_sha256_of(text, length, hex, err);
    if (code < 0) {
        return code;
    }
    content->id = berth_format("sha256:%s", hex);
    content->config_text = malloc(length + 1);
    content->parent = berth_strdup(parent);
    if (content->id == NULL || content->config_text == NULL ||
        (parent != NULL && content->parent == NULL)) {
        return berth_error_no_memory(err);
    }
    memcpy(content->config_text, text, length);
    content->config_text[length] = '\0';
    content->config_length = length;
    code = berth_oci_image_config_parse(text, length, &content->config, err);
    int64_t created;
    if (code == 0 && content->config->created != NULL &&
        berth_time_parse(content->config->created, &created)) {
        content->created = created / BERTH_NANOSECONDS;
        content->created_nanoseconds = created;
    }
    return code;
}

static int fill_layers(struct berth_image_manager *manager, struct berth_image_content *content,
                       berth_error *err)
{
    const struct berth_strv *diff_ids = &content->config->rootfs.diff_ids;
    content->layer_sizes = calloc(diff_ids->count + 1, sizeof(*content->layer_sizes));
    if (content->layer_sizes == NULL) {
        return berth_error_no_memory(err);
    }
    char chain[BERTH_SHA256_HEX] = "";
    for (size_t i = 0; i < diff_ids->count; i++) {
        int code = berth_oci_chain_id(chain, diff_ids->items[i], chain, err);
        if (code < 0) {
            return code;
        }
        const struct berth_image_layer *layer = berth_image_layer_find(manager, chain);
        if (layer == NULL) {
            return berth_error_set(err, BERTH_E_DATA, 0, "image %.19s lacks its layer %.12s",
                                   content->id, chain);
        }
        if (!berth_strv_add(&content->chain_ids, chain)) {
            return berth_error_no_memory(err);
        }
        content->layer_sizes[i] = layer->size;
        content->size += layer->size;
    }
    return 0;
}

/* Fills the names that the manager has for the image. */
static bool fill_names(const struct berth_image_manager *manager, struct berth_image *image)
{
    for (size_t i = 0; i < manager->name_count; i++) {
        const struct berth_image_name *name = &manager->names[i];
        if (strcmp(name->image_id, image->id) == 0 &&
            !berth_strv_add(name->digest ? &image->repo_digests : &image->repo_tags,
                            name->familiar)) {
            return false;
        }
    }
    return true;
}

/* A snapshot that takes over one hold of content; NULL: out of memory, the hold is dropped. */
static struct berth_image *snapshot(struct berth_image_manager *manager,
                                    struct berth_image_content *content, const char *last_tagged)
{
    struct berth_image_snapshot *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        content_unref(content);
        return NULL;
    }
    atomic_init(&made->references, 1);
    made->content = content;
    size_t layers = content->chain_ids.count;
    made->image = (struct berth_image){
        .id = content->id,
        .config_text = content->config_text,
        .config_length = content->config_length,
        .config = content->config,
        .chain_ids = &content->chain_ids,
        .layer_sizes = content->layer_sizes,
        .top_layer = layers > 0 ? content->chain_ids.items[layers - 1] : NULL,
        .size = content->size,
        .created = content->created,
        .parent = content->parent,
        .last_tagged = berth_strdup(last_tagged),
        .shared_size = -1,
    };
    if (!fill_names(manager, &made->image)) {
        berth_image_unref(&made->image);
        return NULL;
    }
    return &made->image;
}

int berth_image_snapshot_new(struct berth_image_manager *manager, const char *config_text,
                             size_t config_length, const char *parent,
                             struct berth_image **ret_image, berth_error *err)
{
    struct berth_image_content *content = calloc(1, sizeof(*content));
    if (content == NULL) {
        return berth_error_no_memory(err);
    }
    atomic_init(&content->references, 1);
    int code = fill_text(content, config_text, config_length, parent, err);
    if (code == 0) {
        code = fill_layers(manager, content, err);
    }
    if (code < 0) {
        content_unref(content);
        return code;
    }
    *ret_image = snapshot(manager, content, NULL);
    return *ret_image != NULL ? 0 : berth_error_no_memory(err);
}

struct berth_image *berth_image_snapshot_again(struct berth_image_manager *manager,
                                               const struct berth_image *image,
                                               const char *last_tagged)
{
    struct berth_image_content *content = ((const struct berth_image_snapshot *)image)->content;
    atomic_fetch_add(&content->references, 1);
    return snapshot(manager, content, last_tagged);
}

struct berth_image *berth_image_ref(struct berth_image *image)
{
    atomic_fetch_add(&((struct berth_image_snapshot *)image)->references, 1);
    return image;
}

void berth_image_unref(struct berth_image *image)
{
    struct berth_image_snapshot *made = (struct berth_image_snapshot *)image;
    if (made == NULL || atomic_fetch_sub(&made->references, 1) != 1) {
        return;
    }
    berth_strv_done(&image->repo_tags);
    berth_strv_done(&image->repo_digests);
    free(image->last_tagged);
    content_unref(made->content);
    free(made);
}

void berth_image_unref_pointer(struct berth_image **image)
{
    berth_image_unref(*image);
}

/* Index of the first image not below id. */
static size_t lower_bound(const struct berth_image_manager *manager, const char *id)
{
    size_t low = 0, high = manager->image_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(manager->images[middle]->id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t berth_image_find(struct berth_image_manager *manager, const char *id)
{
    size_t index = lower_bound(manager, id);
    return index < manager->image_count && strcmp(manager->images[index]->id, id) == 0
               ? index
               : manager->image_count;
}

int berth_image_insert(struct berth_image_manager *manager, struct berth_image *image,
                       berth_error *err)
{
    struct berth_image **grown =
        realloc(manager->images, (manager->image_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        return berth_error_no_memory(err);
    }
    manager->images = grown;
    size_t index = lower_bound(manager, image->id);
    memmove(&grown[index + 1], &grown[index], (manager->image_count - index) * sizeof(*grown));
    grown[index] = image;
    manager->image_count++;
    if (image->top_layer != NULL) {
        berth_image_layer_find(manager, image->top_layer)->users++;
    }
    return 0;
}

void berth_image_drop(struct berth_image_manager *manager, size_t index)
{
    struct berth_image *image = manager->images[index];
    if (image->top_layer != NULL) {
        berth_image_layer_release(manager, image->top_layer);
    }
    manager->image_count--;
    memmove(&manager->images[index], &manager->images[index + 1],
            (manager->image_count - index) * sizeof(manager->images[0]));
    berth_image_unref(image);
}

void berth_image_refresh(struct berth_image_manager *manager, const char *id,
                         const char *last_tagged)
{
    size_t index = berth_image_find(manager, id);
    if (index == manager->image_count) {
        return;
    }
    struct berth_image *old = manager->images[index];
    struct berth_image *again = berth_image_snapshot_again(
        manager, old, last_tagged != NULL ? last_tagged : old->last_tagged);
    if (again != NULL) { /* out of memory: the old names show until the next change */
        manager->images[index] = again;
        berth_image_unref(old);
    }
}
