/* SPDX-License-Identifier: Apache-2.0
 *
 * Tagging, untagging, removing and pruning by Docker's rules and with Docker's sentences.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "image/image_internal.h"

static const struct berth_json_field delete_fields[] = {
    BERTH_JSON_FIELD(struct berth_image_delete_item, deleted, "Deleted", STRING,
                     BERTH_JSON_OMIT_EMPTY),
    BERTH_JSON_FIELD(struct berth_image_delete_item, untagged, "Untagged", STRING,
                     BERTH_JSON_OMIT_EMPTY),
};
const struct berth_json_table berth_image_delete_item_table =
    BERTH_JSON_TABLE("deleted", struct berth_image_delete_item, delete_fields);

/* ---- tag ------------------------------------------------------------------------------------ */

static int parse_target(const char *target, struct berth_reference *ret, berth_error *err)
{
    int code = berth_oci_reference_parse(target, ret, err);
    if (code == 0 && ret->digest != NULL) {
        code = berth_error_set(err, BERTH_E_INVALID, 0,
                               "refusing to create a tag with a digest reference");
    }
    return code == 0 ? berth_oci_reference_default_tag(ret, err) : code;
}

/* Gives the name in store and memory. The lock is held. */
static int give_name(struct berth_image_manager *manager, const struct berth_reference *reference,
                     const char *id, berth_error *err)
{
    char now[BERTH_TIME_TEXT];
    AUTO_FREE char *text = berth_oci_reference_text(reference);
    if (text == NULL) {
        return berth_error_no_memory(err);
    }
    size_t index = berth_image_name_find(manager, text);
    AUTO_FREE char *before =
        index < manager->name_count ? berth_strdup(manager->names[index].image_id) : NULL;
    int code = berth_image_name_row_put(manager, text, id, err);
    if (code == 0) {
        code = berth_image_name_set(manager, reference, id, err);
    }
    if (code < 0) {
        return code;
    }
    if (before != NULL && strcmp(before, id) != 0) {
        berth_image_refresh(manager, before, NULL);
    }
    berth_image_refresh(manager, id, berth_time_format(berth_time_now(), now));
    size_t at = berth_image_find(manager, id);
    return at < manager->image_count ? berth_image_row_put(manager, manager->images[at], err) : 0;
}

int berth_image_tag(struct berth_image_manager *manager, const char *source, const char *target,
                    berth_error *err)
{
    AUTO_REFERENCE struct berth_reference reference = BERTH_REFERENCE_INIT;
    AUTO_IMAGE struct berth_image *image = NULL;
    int code = berth_image_lookup(manager, source, &image, err);
    if (code == 0) {
        code = parse_target(target, &reference, err);
    }
    if (code < 0) {
        return code;
    }
    pthread_mutex_lock(&manager->lock);
    if (berth_image_find(manager, image->id) == manager->image_count) {
        code = berth_error_set(err, BERTH_E_NOT_FOUND, 0, "No such image: %.300s", source);
    } else {
        code = give_name(manager, &reference, image->id, err);
    }
    pthread_mutex_unlock(&manager->lock);
    AUTO_FREE char *familiar = berth_oci_reference_familiar(&reference);
    if (code == 0) {
        berth_image_publish(manager, "tag", image->id, familiar);
    }
    return code;
}

/* ---- removal -------------------------------------------------------------------------------- */

/* One call of remove. */
struct removal {
    struct berth_image_manager *manager;
    const struct berth_image_remove *options;
    struct berth_json_list items;
    int64_t reclaimed;
};

/* A name of the image being removed. */
struct own_name {
    char *text;     /* canonical */
    char *familiar; /* shown */
    char *name;     /* without tag and digest */
    bool digest;
};

struct own_names {
    struct own_name *items;
    size_t count;
};

static void names_done(struct own_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->items[i].text);
        free(names->items[i].familiar);
        free(names->items[i].name);
    }
    free(names->items);
    *names = (struct own_names){NULL, 0};
}

#define AUTO_NAMES __attribute__((cleanup(names_done)))

static int names_of(struct berth_image_manager *manager, const char *id,
                    struct own_names *ret_names, berth_error *err)
{
    AUTO_LOCK(&manager->lock);
    struct own_names names = {calloc(manager->name_count + 1, sizeof(*names.items)), 0};
    int code = names.items == NULL ? berth_error_no_memory(err) : 0;
    for (size_t i = 0; code == 0 && i < manager->name_count; i++) {
        const struct berth_image_name *name = &manager->names[i];
        if (strcmp(name->image_id, id) != 0) {
            continue;
        }
        AUTO_REFERENCE struct berth_reference reference = BERTH_REFERENCE_INIT;
        code = berth_oci_reference_parse(name->text, &reference, err);
        struct own_name *own = &names.items[names.count++];
        *own = (struct own_name){.text = strdup(name->text),
                                 .familiar = strdup(name->familiar),
                                 .name = code == 0 ? berth_oci_reference_name(&reference) : NULL,
                                 .digest = name->digest};
        if (code == 0 && (own->text == NULL || own->familiar == NULL || own->name == NULL)) {
            code = berth_error_no_memory(err);
        }
    }
    if (code < 0) {
        names_done(&names);
        return code;
    }
    *ret_names = names;
    return 0;
}

/* One tag at most, and all digests in the repository of that one. */
static bool is_single_reference(const struct own_names *names)
{
    if (names->count <= 1) {
        return true;
    }
    const char *single = NULL, *repository = NULL;
    bool same_repository = true;
    for (size_t i = 0; i < names->count; i++) {
        const struct own_name *name = &names->items[i];
        if (!name->digest) {
            if (single != NULL) {
                return false;
            }
            single = name->name;
        } else {
            same_repository =
                same_repository && (repository == NULL || strcmp(repository, name->name) == 0);
            repository = name->name;
        }
    }
    return repository != NULL && same_repository &&
           (single == NULL || strcmp(single, repository) == 0);
}

static int add_item(struct removal *removal, const char *untagged, const char *deleted,
                    berth_error *err)
{
    struct berth_image_delete_item *item =
        berth_json_list_add(&removal->items, &berth_image_delete_item_table);
    if (item == NULL) {
        return berth_error_no_memory(err);
    }
    item->untagged = berth_strdup(untagged);
    item->deleted = berth_strdup(deleted);
    return item->untagged != NULL || item->deleted != NULL ? 0 : berth_error_no_memory(err);
}

static int untag(struct removal *removal, const char *id, const struct own_name *name,
                 berth_error *err)
{
    struct berth_image_manager *manager = removal->manager;
    pthread_mutex_lock(&manager->lock);
    int code = berth_store_delete(manager->options.store, manager->reference_row, name->text, err);
    size_t index = berth_image_name_find(manager, name->text);
    if (code == 0 && index < manager->name_count) {
        berth_image_name_remove(manager, index);
        berth_image_refresh(manager, id, NULL);
    }
    pthread_mutex_unlock(&manager->lock);
    if (code < 0) {
        return code;
    }
    berth_image_publish(manager, "untag", id, NULL);
    return add_item(removal, name->familiar, NULL, err);
}

static bool used(struct berth_image_manager *manager, const char *id, bool running,
                 char ret_container[65])
{
    pthread_mutex_lock(&manager->lock);
    berth_image_users_fn users = manager->users;
    void *data = manager->users_data;
    pthread_mutex_unlock(&manager->lock);
    return users != NULL && users(data, id, running, ret_container);
}

static bool has_children(struct berth_image_manager *manager, const char *id)
{
    AUTO_LOCK(&manager->lock);
    for (size_t i = 0; i < manager->image_count; i++) {
        if (berth_str_equal(manager->images[i]->parent, id)) {
            return true;
        }
    }
    return false;
}

static int conflict(const char *id, bool hard, const char *reason, berth_error *err)
{
    return berth_error_set(err, BERTH_E_CONFLICT, 0, "conflict: unable to delete %.12s (%s) - %s",
                           id + sizeof("sha256:") - 1, hard ? "cannot be forced" : "must be forced",
                           reason);
}

/* What keeps an image from going: children and running containers always; without force also
 * stopped containers and, unless they are about to go, names. */
static int check_conflicts(struct removal *removal, const char *id, bool soft, bool names,
                           berth_error *err)
{
    struct berth_image_manager *manager = removal->manager;
    char container[65], reason[128];
    if (has_children(manager, id)) {
        return conflict(id, true, "image has dependent child images", err);
    }
    if (used(manager, id, true, container)) {
        snprintf(reason, sizeof(reason), "image is being used by running container %.12s",
                 container);
        return conflict(id, true, reason, err);
    }
    if (!soft) {
        return 0;
    }
    AUTO_NAMES struct own_names own = {NULL, 0};
    int code = names ? names_of(manager, id, &own, err) : 0;
    if (code == 0 && own.count > 0) {
        return conflict(id, false, "image is referenced in multiple repositories", err);
    }
    if (code == 0 && used(manager, id, false, container)) {
        snprintf(reason, sizeof(reason), "image is being used by stopped container %.12s",
                 container);
        return conflict(id, false, reason, err);
    }
    return code;
}

/* Takes the image out of store and memory; its layers go if nobody else needs them. */
static int delete_image(struct removal *removal, const char *id, berth_error *err)
{
    struct berth_image_manager *manager = removal->manager;
    berth_image_publish(manager, "delete", id, NULL);
    pthread_mutex_lock(&manager->lock);
    int code = berth_store_delete(manager->options.store, manager->image_row, id, err);
    size_t index = berth_image_find(manager, id);
    if (code == 0 && index < manager->image_count) {
        berth_image_drop(manager, index);
    }
    pthread_mutex_unlock(&manager->lock);
    AUTO_STRV struct berth_strv layers = {NULL, 0};
    if (code == 0) {
        code = add_item(removal, NULL, id, err);
        berth_image_layers_collect(manager, &layers, &removal->reclaimed);
    }
    for (size_t i = 0; code == 0 && i < layers.count; i++) {
        code = add_item(removal, NULL, layers.items[i], err);
    }
    return code;
}

/* Removes an image and its untagged, unused parents. `quiet`: what is in the way is no failure, as
 * after a name was removed and for parents. */
static int remove_image(struct removal *removal, const char *first, bool quiet, berth_error *err)
{
    AUTO_FREE char *id = strdup(first);
    bool soft = !removal->options->force;
    while (id != NULL) {
        berth_error problem = BERTH_ERROR_INIT;
        int code = check_conflicts(removal, id, soft, true, &problem);
        if (code == BERTH_E_CONFLICT && quiet) {
            return 0;
        }
        if (code < 0) {
            return berth_error_move(err, &problem);
        }
        AUTO_NAMES struct own_names names = {NULL, 0};
        code = names_of(removal->manager, id, &names, err);
        for (size_t i = 0; code == 0 && i < names.count; i++) {
            code = untag(removal, id, &names.items[i], err);
        }
        AUTO_IMAGE struct berth_image *image = NULL;
        if (code < 0 || berth_image_lookup(removal->manager, id, &image, NULL) < 0) {
            return code;
        }
        code = delete_image(removal, id, err);
        if (code < 0 || removal->options->no_prune || image->parent == NULL) {
            return code;
        }
        berth_replace(&id, strdup(image->parent));
        quiet = true;
        soft = true;
        AUTO_IMAGE struct berth_image *parent = NULL;
        if (id == NULL || berth_image_lookup(removal->manager, id, &parent, NULL) < 0) {
            return 0;
        }
    }
    return berth_error_no_memory(err);
}

/* Removes one name; the digests of a repository that has no tag left go with it. *ret_left: names
 * that the image still has. */
static int remove_name(struct removal *removal, const struct berth_image *image,
                       const struct own_names *names, const char *text, size_t *ret_left,
                       berth_error *err)
{
    const struct own_name *own = NULL;
    for (size_t i = 0; i < names->count; i++) {
        own = strcmp(names->items[i].text, text) == 0 ? &names->items[i] : own;
    }
    *ret_left = names->count;
    if (own == NULL) {
        return berth_error_set(err, BERTH_E_NOT_FOUND, 0, "No such image: %.300s", text);
    }
    int code = untag(removal, image->id, own, err);
    --*ret_left;
    bool tag_left = false;
    for (size_t i = 0; i < names->count; i++) {
        const struct own_name *other = &names->items[i];
        tag_left =
            tag_left || (other != own && !other->digest && strcmp(other->name, own->name) == 0);
    }
    for (size_t i = 0; code == 0 && !own->digest && !tag_left && i < names->count; i++) {
        const struct own_name *other = &names->items[i];
        if (other->digest && strcmp(other->name, own->name) == 0) {
            code = untag(removal, image->id, other, err);
            --*ret_left;
        }
    }
    return code;
}

static int remove_by_name(struct removal *removal, const char *ref, const struct berth_image *image,
                          const char *text, berth_error *err)
{
    AUTO_NAMES struct own_names names = {NULL, 0};
    int code = names_of(removal->manager, image->id, &names, err);
    if (code < 0) {
        return code;
    }
    char container[65];
    if (!removal->options->force && is_single_reference(&names) &&
        (used(removal->manager, image->id, true, container) ||
         used(removal->manager, image->id, false, container))) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0,
                               "conflict: unable to remove repository reference \"%.200s\" (must "
                               "force) - container %.12s is using its referenced image %.12s",
                               ref, container, image->id + sizeof("sha256:") - 1);
    }
    size_t left = 0;
    code = remove_name(removal, image, &names, text, &left, err);
    return code < 0 || left > 0 ? code : remove_image(removal, image->id, true, err);
}

static int remove_by_id(struct removal *removal, const struct berth_image *image, berth_error *err)
{
    AUTO_NAMES struct own_names names = {NULL, 0};
    int code = names_of(removal->manager, image->id, &names, err);
    if (code == 0 && is_single_reference(&names)) {
        code = check_conflicts(removal, image->id, !removal->options->force, false, err);
        for (size_t i = 0; code == 0 && i < names.count; i++) {
            code = untag(removal, image->id, &names.items[i], err);
        }
    }
    return code < 0 ? code : remove_image(removal, image->id, false, err);
}

static int remove_ref(struct removal *removal, const char *ref, berth_error *err)
{
    struct berth_image_manager *manager = removal->manager;
    struct berth_image *found = NULL;
    bool by_name = false;
    size_t index = 0;
    char *name = NULL;
    pthread_mutex_lock(&manager->lock);
    int code = berth_image_resolve(manager, ref, &found, &by_name, &index, err);
    if (code == 0) {
        found = berth_image_ref(found);
        name = by_name ? strdup(manager->names[index].text) : NULL;
    }
    pthread_mutex_unlock(&manager->lock);
    AUTO_IMAGE struct berth_image *image = found;
    AUTO_FREE char *text = name;
    if (code < 0) {
        return code;
    }
    if (by_name && text == NULL) {
        return berth_error_no_memory(err);
    }
    return by_name ? remove_by_name(removal, ref, image, text, err)
                   : remove_by_id(removal, image, err);
}

int berth_image_remove(struct berth_image_manager *manager, const char *ref,
                       const struct berth_image_remove *options, struct berth_json_list *ret_items,
                       berth_error *err)
{
    struct removal removal = {.manager = manager, .options = options};
    int code = remove_ref(&removal, ref, err);
    if (code < 0) {
        berth_json_list_done(&removal.items, &berth_image_delete_item_table);
        return code;
    }
    *ret_items = removal.items;
    return 0;
}

/* ---- prune ---------------------------------------------------------------------------------- */

/* Removes one image by its names, or by ID when it has none. Images in use stay silently. */
static int prune_image(struct removal *removal, const struct berth_image *image, bool dangling_only,
                       berth_error *err)
{
    AUTO_NAMES struct own_names names = {NULL, 0};
    int code = names_of(removal->manager, image->id, &names, err);
    if (code < 0 || (dangling_only && image->repo_tags.count > 0)) {
        return code;
    }
    char container[65];
    if (used(removal->manager, image->id, true, container) ||
        used(removal->manager, image->id, false, container)) {
        return 0;
    }
    berth_error problem = BERTH_ERROR_INIT;
    if (names.count == 0) {
        code = remove_ref(removal, image->id, &problem);
    }
    for (size_t i = 0; code == 0 && i < names.count; i++) {
        code = remove_ref(removal, names.items[i].text, &problem);
    }
    return code == 0 || code == BERTH_E_CONFLICT || code == BERTH_E_NOT_FOUND
               ? 0
               : berth_error_move(err, &problem);
}

int berth_image_prune(struct berth_image_manager *manager, const struct berth_strv *filters,
                      struct berth_json_list *ret_items, int64_t *ret_reclaimed, berth_error *err)
{
    static const struct berth_image_remove options = {.force = false, .no_prune = false};
    struct removal removal = {.manager = manager, .options = &options};
    struct berth_image_filter filter;
    struct berth_image **images = NULL;
    size_t count = 0;
    int code =
        berth_image_filter_parse(manager, filters, "dangling until label label!", &filter, err);
    if (code < 0) {
        return code;
    }
    code = berth_image_all(manager, &images, &count, err);
    for (size_t i = 0; code == 0 && i < count; i++) {
        bool unnamed_parent = images[i]->repo_tags.count == 0 &&
                              images[i]->repo_digests.count == 0 &&
                              has_children(manager, images[i]->id);
        if (!unnamed_parent && berth_image_filter_matches(&filter, images[i])) {
            code = prune_image(&removal, images[i], filter.dangling != 0, err);
        }
    }
    berth_image_list_free(images, count);
    berth_image_filter_done(&filter);
    if (code < 0) {
        berth_json_list_done(&removal.items, &berth_image_delete_item_table);
        return code;
    }
    *ret_items = removal.items;
    *ret_reclaimed = removal.reclaimed;
    return 0;
}
