/* SPDX-License-Identifier: Apache-2.0
 *
 * Listing images with Docker's filters, and their history.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "image/image_internal.h"

static int64_t created_of(const struct berth_image *image)
{
    return ((const struct berth_image_snapshot *)image)->content->created_nanoseconds;
}

/* ---- filters -------------------------------------------------------------------------------- */

static bool is_allowed(const char *allowed, const char *key, size_t length)
{
    for (const char *at = allowed; *at != '\0';) {
        size_t part = strcspn(at, " ");
        if (part == length && memcmp(at, key, length) == 0) {
            return true;
        }
        at += part;
        at += strspn(at, " ");
    }
    return false;
}

static int parse_time_of(struct berth_image_manager *manager, const char *ref, int64_t *ret_time,
                         berth_error *err)
{
    AUTO_IMAGE struct berth_image *image = NULL;
    int code = berth_image_lookup(manager, ref, &image, err);
    if (code == 0) {
        *ret_time = created_of(image);
    }
    return code;
}

static int invalid_value(const char *key, const char *value, berth_error *err)
{
    return berth_error_set(err, BERTH_E_INVALID, 0, "invalid filter '%s=[%.200s]'", key, value);
}

static int parse_item(struct berth_image_manager *manager, const char *key, const char *value,
                      struct berth_image_filter *filter, berth_error *err)
{
    bool kept = true;
    if (strcmp(key, "dangling") == 0) {
        bool dangling;
        if (!berth_str_to_bool(value, &dangling)) {
            return invalid_value(key, value, err);
        }
        filter->dangling = dangling ? 1 : 0;
    } else if (strcmp(key, "label") == 0) {
        kept = berth_strv_add(&filter->labels, value);
    } else if (strcmp(key, "label!") == 0) {
        kept = berth_strv_add(&filter->not_labels, value);
    } else if (strcmp(key, "reference") == 0) {
        kept = berth_strv_add(&filter->references, value);
    } else if (strcmp(key, "before") == 0) {
        return parse_time_of(manager, value, &filter->before, err);
    } else if (strcmp(key, "since") == 0) {
        return parse_time_of(manager, value, &filter->since, err);
    } else if (!berth_time_parse_relative(value, berth_time_now(), &filter->until)) {
        return invalid_value(key, value, err);
    }
    return kept ? 0 : berth_error_no_memory(err);
}

int berth_image_filter_parse(struct berth_image_manager *manager, const struct berth_strv *items,
                             const char *allowed, struct berth_image_filter *ret_filter,
                             berth_error *err)
{
    *ret_filter = (struct berth_image_filter){.dangling = -1};
    for (size_t i = 0; items != NULL && i < items->count; i++) {
        /* "label!=x" has the key "label!" */
        const char *equals = strchr(items->items[i], '=');
        size_t length =
            equals != NULL ? (size_t)(equals - items->items[i]) : strlen(items->items[i]);
        if (equals == NULL || !is_allowed(allowed, items->items[i], length)) {
            berth_image_filter_done(ret_filter);
            return berth_error_set(err, BERTH_E_INVALID, 0, "invalid filter '%.*s'",
                                   length > 200 ? 200 : (int)length, items->items[i]);
        }
        AUTO_FREE char *key = strndup(items->items[i], length);
        int code = key == NULL ? berth_error_no_memory(err)
                               : parse_item(manager, key, equals + 1, ret_filter, err);
        if (code < 0) {
            berth_image_filter_done(ret_filter);
            return code;
        }
    }
    return 0;
}

void berth_image_filter_done(struct berth_image_filter *filter)
{
    berth_strv_done(&filter->labels);
    berth_strv_done(&filter->not_labels);
    berth_strv_done(&filter->references);
}

/* "key" or "key=value". */
static bool has_label(const struct berth_image *image, const char *wanted)
{
    const struct berth_strmap *labels = &image->config->config.labels;
    const char *equals = strchr(wanted, '=');
    for (size_t i = 0; i < labels->count; i++) {
        if (equals == NULL) {
            if (strcmp(labels->keys[i], wanted) == 0) {
                return true;
            }
            continue;
        }
        size_t length = (size_t)(equals - wanted);
        if (strlen(labels->keys[i]) == length && memcmp(labels->keys[i], wanted, length) == 0 &&
            strcmp(labels->values[i], equals + 1) == 0) {
            return true;
        }
    }
    return false;
}

bool berth_image_filter_matches(const struct berth_image_filter *filter,
                                const struct berth_image *image)
{
    int64_t created = created_of(image);
    for (size_t i = 0; i < filter->labels.count; i++) {
        if (!has_label(image, filter->labels.items[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < filter->not_labels.count; i++) {
        if (has_label(image, filter->not_labels.items[i])) {
            return false;
        }
    }
    return (filter->until == 0 || created <= filter->until) &&
           (filter->before == 0 || created < filter->before) &&
           (filter->since == 0 || created > filter->since);
}

/* ---- list ----------------------------------------------------------------------------------- */

int berth_image_all(struct berth_image_manager *manager, struct berth_image ***ret_images,
                    size_t *ret_count, berth_error *err)
{
    AUTO_LOCK(&manager->lock);
    struct berth_image **images = calloc(manager->image_count + 1, sizeof(struct berth_image *));
    if (images == NULL) {
        return berth_error_no_memory(err);
    }
    for (size_t i = 0; i < manager->image_count; i++) {
        images[i] = berth_image_ref(manager->images[i]);
    }
    *ret_images = images;
    *ret_count = manager->image_count;
    return 0;
}

void berth_image_list_free(struct berth_image **images, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        berth_image_unref(images[i]);
    }
    free(images);
}

static bool has_children(struct berth_image *const *images, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++) {
        if (berth_str_equal(images[i]->parent, id)) {
            return true;
        }
    }
    return false;
}

/* Takes the names that match no pattern out of a snapshot of our own. */
static void keep_matching(struct berth_strv *names, const struct berth_strv *patterns)
{
    for (size_t i = names->count; i-- > 0;) {
        AUTO_REFERENCE struct berth_reference reference = BERTH_REFERENCE_INIT;
        bool matches = false;
        if (berth_oci_reference_parse(names->items[i], &reference, NULL) == 0) {
            for (size_t j = 0; !matches && j < patterns->count; j++) {
                matches = berth_oci_reference_matches(&reference, patterns->items[j]);
            }
        }
        if (!matches) {
            berth_strv_remove(names, i);
        }
    }
}

struct selection {
    struct berth_image_manager *manager;
    const struct berth_image_list_options *options;
    const struct berth_image_filter *filter;
    struct berth_image **all;
    size_t count;
};

/* The image as the list shows it (a hold), or NULL when it does not. */
static struct berth_image *select_image(const struct selection *selection,
                                        struct berth_image *image)
{
    const struct berth_image_filter *filter = selection->filter;
    bool named = image->repo_tags.count > 0 || image->repo_digests.count > 0;
    if (!berth_image_filter_matches(filter, image) ||
        (filter->dangling == 1 && image->repo_tags.count > 0) ||
        (filter->dangling == 0 && !named) ||
        (!named && (filter->references.count > 0 ||
                    (!selection->options->all &&
                     has_children(selection->all, selection->count, image->id))))) {
        return NULL;
    }
    if (filter->references.count == 0 && !selection->options->shared_size) {
        return berth_image_ref(image);
    }
    pthread_mutex_lock(&selection->manager->lock);
    struct berth_image *own =
        berth_image_snapshot_again(selection->manager, image, image->last_tagged);
    pthread_mutex_unlock(&selection->manager->lock);
    if (own != NULL && filter->references.count > 0) {
        keep_matching(&own->repo_tags, &filter->references);
        keep_matching(&own->repo_digests, &filter->references);
        if (own->repo_tags.count == 0 && own->repo_digests.count == 0) {
            berth_image_unref(own);
            return NULL;
        }
    }
    return own;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Is chain_id in the sorted array more than once? */
static bool is_shared(const char **chains, size_t count, const char *chain_id)
{
    const char **found = bsearch(&chain_id, chains, count, sizeof(*chains), compare_text);
    if (found == NULL) {
        return false;
    }
    return (found > chains && strcmp(found[-1], chain_id) == 0) ||
           (found + 1 < chains + count && strcmp(found[1], chain_id) == 0);
}

static int fill_shared(const struct selection *selection, struct berth_image **images, size_t count,
                       berth_error *err)
{
    size_t total = 0, at = 0;
    for (size_t i = 0; i < selection->count; i++) {
        total += selection->all[i]->chain_ids->count;
    }
    AUTO_FREE const char **chains = calloc(total + 1, sizeof(*chains));
    if (chains == NULL) {
        return berth_error_no_memory(err);
    }
    for (size_t i = 0; i < selection->count; i++) {
        for (size_t j = 0; j < selection->all[i]->chain_ids->count; j++) {
            chains[at++] = selection->all[i]->chain_ids->items[j];
        }
    }
    qsort(chains, total, sizeof(*chains), compare_text);
    for (size_t i = 0; i < count; i++) {
        images[i]->shared_size = 0;
        for (size_t j = 0; j < images[i]->chain_ids->count; j++) {
            if (is_shared(chains, total, images[i]->chain_ids->items[j])) {
                images[i]->shared_size += images[i]->layer_sizes[j];
            }
        }
    }
    return 0;
}

static int compare_created(const void *a, const void *b)
{
    int64_t first = created_of(*(struct berth_image *const *)a);
    int64_t second = created_of(*(struct berth_image *const *)b);
    return (second > first) - (second < first);
}

int berth_image_list(struct berth_image_manager *manager,
                     const struct berth_image_list_options *options,
                     struct berth_image ***ret_images, size_t *ret_count, berth_error *err)
{
    struct berth_image_filter filter;
    int code = berth_image_filter_parse(manager, options->filters,
                                        "dangling label label! before since until reference",
                                        &filter, err);
    if (code < 0) {
        return code;
    }
    struct selection selection = {.manager = manager, .options = options, .filter = &filter};
    code = berth_image_all(manager, &selection.all, &selection.count, err);
    struct berth_image **images =
        code == 0 ? calloc(selection.count + 1, sizeof(struct berth_image *)) : NULL;
    size_t count = 0;
    if (code == 0 && images == NULL) {
        code = berth_error_no_memory(err);
    }
    for (size_t i = 0; code == 0 && i < selection.count; i++) {
        images[count] = select_image(&selection, selection.all[i]);
        count += images[count] != NULL ? 1 : 0;
    }
    if (code == 0 && options->shared_size) {
        code = fill_shared(&selection, images, count, err);
    }
    berth_image_list_free(selection.all, selection.count);
    berth_image_filter_done(&filter);
    if (code < 0) {
        berth_image_list_free(images, count);
        return code;
    }
    qsort(images, count, sizeof(struct berth_image *), compare_created);
    *ret_images = images;
    *ret_count = count;
    return 0;
}

/* ---- history -------------------------------------------------------------------------------- */

#define HISTORY(member, name, kind, flags) \
    BERTH_JSON_FIELD(struct berth_image_history_item, member, name, kind, flags)
static const struct berth_json_field history_fields[] = {
    HISTORY(comment, "Comment", STRING, 0),
    HISTORY(created, "Created", INT64, 0),
    HISTORY(created_by, "CreatedBy", STRING, 0),
    HISTORY(id, "Id", STRING, 0),
    HISTORY(size, "Size", INT64, 0),
    HISTORY(tags, "Tags", STRV, BERTH_JSON_NULL_EMPTY),
};
const struct berth_json_table berth_image_history_item_table =
    BERTH_JSON_TABLE("history", struct berth_image_history_item, history_fields);

static int add_step(struct berth_json_list *items, const struct berth_image_history *step,
                    int64_t size, berth_error *err)
{
    struct berth_image_history_item *item =
        berth_json_list_add(items, &berth_image_history_item_table);
    if (item == NULL) {
        return berth_error_no_memory(err);
    }
    int64_t created;
    if (step->created != NULL && berth_time_parse(step->created, &created)) {
        item->created = created / BERTH_NANOSECONDS;
    }
    item->comment = berth_strdup(step->comment != NULL ? step->comment : "");
    item->created_by = berth_strdup(step->created_by != NULL ? step->created_by : "");
    item->id = strdup("<missing>");
    item->size = size;
    return item->comment != NULL && item->created_by != NULL && item->id != NULL
               ? 0
               : berth_error_no_memory(err);
}

/* The newest step is the image's; the next ones those of the local images it was built on. */
static int name_steps(struct berth_image_manager *manager, struct berth_image *image,
                      struct berth_json_list *items, berth_error *err)
{
    struct berth_image *at = berth_image_ref(image);
    int code = 0;
    for (size_t i = 0; code == 0 && at != NULL && i < items->count; i++) {
        struct berth_image_history_item *item = items->items[i];
        char *id = strdup(at->id);
        if (id == NULL || !berth_strv_extend(&item->tags, &at->repo_tags)) {
            code = berth_error_no_memory(err);
        }
        berth_replace(&item->id, id);
        struct berth_image *parent = NULL;
        if (at->parent != NULL) {
            berth_image_lookup(manager, at->parent, &parent, NULL);
        }
        berth_image_unref(at);
        at = parent;
    }
    berth_image_unref(at);
    return code;
}

int berth_image_history(struct berth_image_manager *manager, const char *ref,
                        struct berth_json_list *ret_items, berth_error *err)
{
    AUTO_IMAGE struct berth_image *image = NULL;
    int code = berth_image_lookup(manager, ref, &image, err);
    if (code < 0) {
        return code;
    }
    struct berth_json_list items = {NULL, 0};
    const struct berth_json_list *steps = &image->config->history;
    size_t layer = image->chain_ids->count;
    for (size_t i = steps->count; code == 0 && i-- > 0;) {
        const struct berth_image_history *step = steps->items[i];
        int64_t size = !step->empty_layer && layer > 0 ? image->layer_sizes[--layer] : 0;
        code = add_step(&items, step, size, err);
    }
    if (code == 0) {
        code = name_steps(manager, image, &items, err);
    }
    if (code < 0) {
        berth_json_list_done(&items, &berth_image_history_item_table);
        return code;
    }
    *ret_items = items;
    return 0;
}
