/* SPDX-License-Identifier: Apache-2.0
 *
 * Which images, under which names, a save takes: a name with a tag is that one, a bare name all
 * its tags, an ID the image without names.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "image/save_internal.h"

/* The lock is held. */
static struct save_image *add_image(struct save *save, struct berth_image *image, berth_error *err)
{
    for (size_t i = 0; i < save->count; i++) {
        if (strcmp(save->images[i].image->id, image->id) == 0) {
            return &save->images[i];
        }
    }
    struct save_image *grown = realloc(save->images, (save->count + 1) * sizeof(*grown));
    if (grown == NULL) {
        berth_error_no_memory(err);
        return NULL;
    }
    save->images = grown;
    grown[save->count] = (struct save_image){.image = berth_image_ref(image)};
    if (image->top_layer != NULL) {
        berth_image_layer_find(save->manager, image->top_layer)->users++;
    }
    return &grown[save->count++];
}

/* The lock is held. */
static int add_name(struct save *save, size_t index, berth_error *err)
{
    struct berth_image_manager *manager = save->manager;
    const struct berth_image_name *name = &manager->names[index];
    size_t at = berth_image_find(manager, name->image_id);
    if (at == manager->image_count) {
        return 0;
    }
    struct save_image *image = add_image(save, manager->images[at], err);
    if (image == NULL) {
        return BERTH_E_NO_MEMORY;
    }
    return name->digest || berth_strv_contains(&image->names, name->text) ||
                   berth_strv_add(&image->names, name->text)
               ? 0
               : berth_error_no_memory(err);
}

/* All tags of a repository; *ret_found: there are some. The lock is held. */
static int add_repository(struct save *save, const char *ref, bool *ret_found, berth_error *err)
{
    AUTO_REFERENCE struct berth_reference reference = BERTH_REFERENCE_INIT;
    *ret_found = false;
    if (berth_oci_reference_parse(ref, &reference, NULL) < 0 || reference.tag != NULL ||
        reference.digest != NULL) {
        return 0;
    }
    AUTO_FREE char *name = berth_oci_reference_name(&reference);
    if (name == NULL) {
        return berth_error_no_memory(err);
    }
    size_t length = strlen(name);
    int code = 0;
    for (size_t i = 0; code == 0 && i < save->manager->name_count; i++) {
        const struct berth_image_name *other = &save->manager->names[i];
        if (!other->digest && strncmp(other->text, name, length) == 0 &&
            other->text[length] == ':') {
            *ret_found = true;
            code = add_name(save, i, err);
        }
    }
    return code;
}

static int add_ref(struct save *save, const char *ref, berth_error *err)
{
    bool found = false, by_name = false;
    size_t name = 0;
    struct berth_image *image = NULL;
    AUTO_LOCK(&save->manager->lock);
    int code = add_repository(save, ref, &found, err);
    if (code < 0 || found) {
        return code;
    }
    code = berth_image_resolve(save->manager, ref, &image, &by_name, &name, err);
    if (code < 0) {
        return code;
    }
    if (by_name) {
        return add_name(save, name, err);
    }
    return add_image(save, image, err) != NULL ? 0 : BERTH_E_NO_MEMORY;
}

static int check_platform(const struct save *save, const char *text, berth_error *err)
{
    struct berth_platform wanted, offered;
    int code = berth_oci_platform_parse(text, &wanted, err);
    for (size_t i = 0; code == 0 && i < save->count; i++) {
        const struct berth_image_config *config = save->images[i].image->config;
        berth_oci_platform_make(config->os, config->architecture, config->variant, &offered);
        if (berth_oci_platform_score(&wanted, &offered) == 0) {
            char have[84], want[84];
            berth_oci_platform_text(&offered, have);
            berth_oci_platform_text(&wanted, want);
            code = berth_error_set(err, BERTH_E_NOT_FOUND, 0,
                                   "image with reference %.19s was found but its platform (%s) "
                                   "does not match the specified platform (%s)",
                                   save->images[i].image->id, have, want);
        }
    }
    return code;
}

int berth_image_save_select(struct save *save, const struct berth_strv *refs, const char *platform,
                            berth_error *err)
{
    int code = 0;
    if (refs->count == 0) {
        code = berth_error_set(err, BERTH_E_INVALID, 0, "no image was named");
    }
    for (size_t i = 0; code == 0 && i < refs->count; i++) {
        code = add_ref(save, refs->items[i], err);
    }
    return code == 0 && !berth_str_empty(platform) ? check_platform(save, platform, err) : code;
}

void berth_image_save_done(struct save *save)
{
    for (size_t i = 0; i < save->count; i++) {
        struct save_image *image = &save->images[i];
        if (image->image->top_layer != NULL) {
            AUTO_LOCK(&save->manager->lock);
            berth_image_layer_release(save->manager, image->image->top_layer);
        }
        berth_image_unref(image->image);
        berth_strv_done(&image->names);
        free(image->manifest);
    }
    free(save->images);
    berth_image_layers_collect(save->manager, NULL, NULL);
}
