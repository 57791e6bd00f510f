/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of images, and finding an image by what a user typed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "image/image_internal.h"

static size_t lower_bound(const struct berth_image_manager *manager, const char *text)
{
    size_t low = 0, high = manager->name_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(manager->names[middle].text, text) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t berth_image_name_find(struct berth_image_manager *manager, const char *text)
{
    size_t index = lower_bound(manager, text);
    return index < manager->name_count && strcmp(manager->names[index].text, text) == 0
               ? index
               : manager->name_count;
}

static void name_done(struct berth_image_name *name)
{
    free(name->text);
    free(name->familiar);
    free(name->image_id);
}

int berth_image_name_set(struct berth_image_manager *manager,
                         const struct berth_reference *reference, const char *image_id,
                         berth_error *err)
{
    struct berth_image_name name = {
        .text = berth_oci_reference_text(reference),
        .familiar = berth_oci_reference_familiar(reference),
        .image_id = berth_strdup(image_id),
        .digest = reference->digest != NULL,
    };
    struct berth_image_name *grown =
        realloc(manager->names, (manager->name_count + 1) * sizeof(*grown));
    if (grown != NULL) {
        manager->names = grown;
    }
    if (name.text == NULL || name.familiar == NULL || name.image_id == NULL || grown == NULL) {
        name_done(&name);
        return berth_error_no_memory(err);
    }
    size_t index = lower_bound(manager, name.text);
    if (index < manager->name_count && strcmp(grown[index].text, name.text) == 0) {
        name_done(&grown[index]);
    } else {
        memmove(&grown[index + 1], &grown[index], (manager->name_count - index) * sizeof(*grown));
        manager->name_count++;
    }
    grown[index] = name;
    return 0;
}

void berth_image_name_remove(struct berth_image_manager *manager, size_t index)
{
    name_done(&manager->names[index]);
    manager->name_count--;
    memmove(&manager->names[index], &manager->names[index + 1],
            (manager->name_count - index) * sizeof(manager->names[0]));
}

void berth_image_names_free(struct berth_image_manager *manager)
{
    for (size_t i = 0; i < manager->name_count; i++) {
        name_done(&manager->names[i]);
    }
    free(manager->names);
}

/* The only image whose digits begin with prefix; NULL: none or several. */
static struct berth_image *find_by_prefix(struct berth_image_manager *manager, const char *prefix)
{
    static const char algorithm[] = "sha256:";
    if (berth_str_starts(prefix, algorithm)) {
        prefix += sizeof(algorithm) - 1;
    }
    size_t length = strlen(prefix);
    struct berth_image *found = NULL;
    if (length == 0 || strspn(prefix, "0123456789abcdef") != length) {
        return NULL;
    }
    for (size_t i = 0; i < manager->image_count; i++) {
        if (strncmp(manager->images[i]->id + sizeof(algorithm) - 1, prefix, length) == 0) {
            if (found != NULL) {
                return NULL;
            }
            found = manager->images[i];
        }
    }
    return found;
}

static int not_found(const struct berth_reference *reference, berth_error *err)
{
    AUTO_FREE char *familiar = berth_oci_reference_familiar(reference);
    return berth_error_set(err, BERTH_E_NOT_FOUND, 0, "No such image: %s",
                           familiar != NULL ? familiar : "");
}

static int resolve_name(struct berth_image_manager *manager, const char *ref,
                        struct berth_image **ret_image, size_t *ret_name, berth_error *err)
{
    AUTO_REFERENCE struct berth_reference reference = BERTH_REFERENCE_INIT;
    int code = berth_oci_reference_parse(ref, &reference, err);
    if (code == 0) {
        code = berth_oci_reference_default_tag(&reference, err);
    }
    if (code < 0) {
        return code;
    }
    struct berth_reference key = reference;
    if (key.digest != NULL) {
        key.tag = NULL; /* a digest says all */
    }
    AUTO_FREE char *text = berth_oci_reference_text(&key);
    if (text == NULL) {
        return berth_error_no_memory(err);
    }
    size_t index = berth_image_name_find(manager, text);
    *ret_name = index;
    if (index < manager->name_count) {
        size_t at = berth_image_find(manager, manager->names[index].image_id);
        if (at < manager->image_count) {
            *ret_image = manager->images[at];
            return 0;
        }
    }
    struct berth_image *image = find_by_prefix(manager, ref);
    if (image == NULL) {
        return not_found(&reference, err);
    }
    *ret_name = manager->name_count;
    *ret_image = image;
    return 0;
}

int berth_image_resolve(struct berth_image_manager *manager, const char *ref,
                        struct berth_image **ret_image, bool *ret_by_name, size_t *ret_name,
                        berth_error *err)
{
    size_t name = manager->name_count;
    struct berth_image *image = NULL;
    if (berth_oci_hex_valid(ref) || berth_oci_digest_hex(ref) != NULL) {
        image = find_by_prefix(manager, ref);
        if (image == NULL) {
            return berth_error_set(err, BERTH_E_NOT_FOUND, 0, "No such image: %s%s",
                                   berth_oci_hex_valid(ref) ? "sha256:" : "", ref);
        }
    } else {
        int code = resolve_name(manager, ref, &image, &name, err);
        if (code < 0) {
            return code;
        }
    }
    *ret_image = image;
    if (ret_by_name != NULL) {
        *ret_by_name = name < manager->name_count;
    }
    if (ret_name != NULL) {
        *ret_name = name;
    }
    return 0;
}
