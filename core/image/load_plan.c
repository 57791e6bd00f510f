/* SPDX-License-Identifier: Apache-2.0
 *
 * What an archive holds: docker archives (manifest.json) and OCI layouts (index.json).
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "image/load_internal.h"

/* ---- images and jobs ------------------------------------------------------------------------ */

static struct load_image *add_image(struct load *load, berth_error *err)
{
    if (load->image_count >= BERTH_IMAGE_LOAD_IMAGES_MAX) {
        berth_error_set(err, BERTH_E_INVALID, 0, "invalid archive: more than %d images",
                        BERTH_IMAGE_LOAD_IMAGES_MAX);
        return NULL;
    }
    struct load_image *grown = realloc(load->images, (load->image_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        berth_error_no_memory(err);
        return NULL;
    }
    load->images = grown;
    grown[load->image_count] = (struct load_image){.config_text = NULL};
    return &grown[load->image_count++];
}

/* Adds a name that the archive gives; it must have a tag. */
static int add_reference(struct load_image *image, const char *text, berth_error *err)
{
    struct berth_reference reference = BERTH_REFERENCE_INIT;
    int code = berth_oci_reference_parse(text, &reference, err);
    if (code == 0 && reference.tag == NULL) {
        code = berth_error_set(err, BERTH_E_INVALID, 0, "invalid tag \"%.300s\"", text);
    }
    if (code < 0) {
        berth_oci_reference_done(&reference);
        return code;
    }
    free(TAKE_PTR(reference.digest));
    struct berth_reference *grown =
        realloc(image->references, (image->reference_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        berth_oci_reference_done(&reference);
        return berth_error_no_memory(err);
    }
    image->references = grown;
    grown[image->reference_count++] = reference;
    return 0;
}

static struct load_job *find_job(const struct load *load, const char *chain_id)
{
    for (size_t i = 0; i < load->job_count; i++) {
        if (strcmp(load->jobs[i]->chain_id, chain_id) == 0) {
            return load->jobs[i];
        }
    }
    return NULL;
}

/* Where one layer's bytes stand. */
struct layer_place {
    const struct berth_image_archive_file *file;
    const char *blob_digest;
};

static int add_job(struct load *load, const char *diff_id, const struct layer_place *place,
                   struct load_job **parent, berth_error *err)
{
    char chain[BERTH_SHA256_HEX];
    int code =
        berth_oci_chain_id(*parent != NULL ? (*parent)->chain_id : NULL, diff_id, chain, err);
    if (code < 0) {
        return code;
    }
    struct load_job *job = find_job(load, chain);
    if (job != NULL) {
        *parent = job;
        return 0;
    }
    struct load_job **grown = realloc(load->jobs, (load->job_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        return berth_error_no_memory(err);
    }
    load->jobs = grown;
    job = calloc(1, sizeof(*job));
    if (job == NULL) {
        return berth_error_no_memory(err);
    }
    load->jobs[load->job_count++] = job;
    job->load = load;
    memcpy(job->chain_id, chain, sizeof(chain));
    job->diff_id = strdup(diff_id);
    job->blob_digest = berth_strdup(place->blob_digest);
    job->offset = place->file->offset;
    job->length = place->file->size;
    job->parent = *parent;
    *parent = job;
    return job->diff_id != NULL && (place->blob_digest == NULL || job->blob_digest != NULL)
               ? 0
               : berth_error_no_memory(err);
}

/* Parses an image's config, checks that we can run it, and plans its layers. */
static int add_layers(struct load *load, const struct load_image *image,
                      const struct layer_place *places, size_t count, berth_error *err)
{
    struct berth_image_config *config = NULL;
    int code = berth_oci_image_config_parse(image->config_text, image->config_length, &config, err);
    if (code < 0) {
        return code;
    }
    const struct berth_strv *diff_ids = &config->rootfs.diff_ids;
    if (!berth_str_empty(config->os) && strcmp(config->os, "linux") != 0) {
        code = berth_error_set(err, BERTH_E_INVALID, 0, "cannot load %.32s image on linux",
                               config->os);
    } else if (diff_ids->count != count) {
        code = berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid manifest, layers length mismatch: expected %zu, got %zu",
                               diff_ids->count, count);
    }
    struct load_job *parent = NULL;
    for (size_t i = 0; code == 0 && i < count; i++) {
        code = add_job(load, diff_ids->items[i], &places[i], &parent, err);
    }
    berth_json_free(&berth_image_config_table, config);
    return code;
}

/* ---- docker archives ------------------------------------------------------------------------ */

static int plan_entry(struct load *load, const struct berth_archive_entry *entry, berth_error *err)
{
    struct load_image *image = add_image(load, err);
    AUTO_FREE struct layer_place *places = calloc(entry->layers.count + 1, sizeof(*places));
    if (image == NULL || places == NULL) {
        return image == NULL && err != NULL && err->code != 0 ? err->code
                                                              : berth_error_no_memory(err);
    }
    for (size_t i = 0; i < entry->layers.count; i++) {
        places[i].file = berth_image_archive_find(&load->archive, entry->layers.items[i]);
        if (places[i].file == NULL) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "invalid archive: layer %.200s is not in it",
                                   entry->layers.items[i]);
        }
    }
    int code = berth_image_archive_read(&load->archive, entry->config, BERTH_OCI_IMAGE_CONFIG_MAX,
                                        &image->config_text, &image->config_length, err);
    for (size_t i = 0; code == 0 && i < entry->repo_tags.count; i++) {
        code = add_reference(image, entry->repo_tags.items[i], err);
    }
    return code < 0 ? code : add_layers(load, image, places, entry->layers.count, err);
}

static int plan_docker(struct load *load, berth_error *err)
{
    AUTO_FREE char *text = NULL;
    size_t length = 0;
    struct berth_json_list entries = {NULL, 0};
    int code = berth_image_archive_read(&load->archive, "manifest.json", BERTH_OCI_MANIFEST_MAX,
                                        &text, &length, err);
    if (code == 0) {
        code = berth_oci_archive_parse(text, length, &entries, err);
    }
    for (size_t i = 0; code == 0 && i < entries.count; i++) {
        code = plan_entry(load, entries.items[i], err);
    }
    berth_json_list_done(&entries, &berth_archive_entry_table);
    return code;
}

/* ---- OCI layouts ---------------------------------------------------------------------------- */

/* Reads a blob and checks it. */
static int read_blob(struct load *load, const struct berth_descriptor *descriptor, size_t limit,
                     char **ret_text, size_t *ret_length, berth_error *err)
{
    AUTO_FREE char *name =
        berth_format("blobs/sha256/%s", berth_oci_digest_hex(descriptor->digest));
    AUTO_FREE char *text = NULL;
    size_t length = 0;
    char hex[BERTH_SHA256_HEX];
    if (name == NULL) {
        return berth_error_no_memory(err);
    }
    int code = berth_image_archive_read(&load->archive, name, limit, &text, &length, err);
    if (code == 0) {
        code = berth_oci_sha256_of(text, length, hex, err);
    }
    if (code < 0) {
        return code;
    }
    if (strcmp(hex, berth_oci_digest_hex(descriptor->digest)) != 0 ||
        length != (uint64_t)descriptor->size) {
        return berth_error_set(err, BERTH_E_DATA, 0,
                               "invalid archive: %.200s does not have the digest and size that "
                               "are stated for it",
                               name);
    }
    *ret_text = TAKE_PTR(text);
    *ret_length = length;
    return 0;
}

/* The name an index gives to an entry. A bare word is a tag without a name: no use. */
static const char *entry_name(const struct berth_descriptor *entry)
{
    const char *name = berth_strmap_get(&entry->annotations, BERTH_ANNOTATION_IMAGE_NAME);
    if (berth_str_empty(name)) {
        name = berth_strmap_get(&entry->annotations, BERTH_ANNOTATION_REF_NAME);
    }
    return !berth_str_empty(name) && strpbrk(name, ":/") != NULL ? name : NULL;
}

/* Names without a tag get the default one. */
static int name_image(struct load_image *image, const char *name, berth_error *err)
{
    AUTO_REFERENCE struct berth_reference reference = BERTH_REFERENCE_INIT;
    int code = berth_oci_reference_parse(name, &reference, err);
    if (code == 0) {
        code = berth_oci_reference_default_tag(&reference, err);
    }
    AUTO_FREE char *text = code == 0 ? berth_oci_reference_text(&reference) : NULL;
    if (code == 0 && reference.tag == NULL) {
        return 0; /* only a digest: it stays without a name */
    }
    return code < 0 ? code
                    : (text == NULL ? berth_error_no_memory(err) : add_reference(image, text, err));
}

static int plan_manifest(struct load *load, const struct berth_manifest *manifest, const char *name,
                         berth_error *err)
{
    struct load_image *image = add_image(load, err);
    AUTO_FREE struct layer_place *places = calloc(manifest->layers.count + 1, sizeof(*places));
    if (image == NULL || places == NULL) {
        return image == NULL && err != NULL && err->code != 0 ? err->code
                                                              : berth_error_no_memory(err);
    }
    for (size_t i = 0; i < manifest->layers.count; i++) {
        const struct berth_descriptor *layer = manifest->layers.items[i];
        AUTO_FREE char *file =
            berth_format("blobs/%.6s/%s", layer->digest, berth_oci_digest_hex(layer->digest));
        places[i].file = file != NULL ? berth_image_archive_find(&load->archive, file) : NULL;
        places[i].blob_digest = layer->digest;
        if (places[i].file == NULL || places[i].file->size != layer->size) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "invalid archive: layer %s is not in it with %lld bytes",
                                   layer->digest, (long long)layer->size);
        }
    }
    int code = name != NULL ? name_image(image, name, err) : 0;
    if (code == 0) {
        code = read_blob(load, manifest->config, BERTH_OCI_IMAGE_CONFIG_MAX, &image->config_text,
                         &image->config_length, err);
    }
    return code < 0 ? code : add_layers(load, image, places, manifest->layers.count, err);
}

static int no_platform(const struct load *load, berth_error *err)
{
    char text[84];
    berth_oci_platform_text(&load->platform, text);
    return berth_error_set(err, BERTH_E_NOT_FOUND, 0,
                           "the archive has no image for the platform %s", text);
}

/* Follows a descriptor to the one image manifest that serves the platform. */
static int plan_descriptor(struct load *load, const struct berth_descriptor *descriptor,
                           const char *name, berth_error *err)
{
    struct berth_manifest *manifest = NULL;
    AUTO_FREE char *text = NULL;
    size_t length = 0;
    int code = read_blob(load, descriptor, BERTH_OCI_MANIFEST_MAX, &text, &length, err);
    if (code == 0) {
        code = berth_oci_manifest_parse(text, length, descriptor->media_type, &manifest, err);
    }
    for (int depth = 0; code == 0 && manifest->kind == BERTH_MANIFEST_INDEX; depth++) {
        const struct berth_descriptor *next = berth_oci_index_select(manifest, &load->platform);
        struct berth_manifest *inner = NULL;
        AUTO_FREE char *inner_text = NULL;
        if (next == NULL || depth >= BERTH_IMAGE_INDEX_DEPTH_MAX) {
            code = no_platform(load, err);
            break;
        }
        code = read_blob(load, next, BERTH_OCI_MANIFEST_MAX, &inner_text, &length, err);
        if (code == 0) {
            code = berth_oci_manifest_parse(inner_text, length, next->media_type, &inner, err);
        }
        if (code == 0) {
            berth_json_free(&berth_manifest_table, manifest);
            manifest = inner;
        }
    }
    if (code == 0) {
        code = plan_manifest(load, manifest, name, err);
    }
    berth_json_free(&berth_manifest_table, manifest);
    return code;
}

/* How well an entry of the top index serves: -1 not at all; entries that state no platform are
 * taken as they are. */
static int entry_score(const struct load *load, const struct berth_descriptor *entry)
{
    struct berth_platform offered;
    if (berth_oci_descriptor_is_hidden(entry)) {
        return -1;
    }
    if (entry->platform == NULL || berth_str_empty(entry->platform->os)) {
        return 50;
    }
    berth_oci_platform_make(entry->platform->os, entry->platform->architecture,
                            entry->platform->variant, &offered);
    int score = berth_oci_platform_score(&load->platform, &offered);
    return score > 0 ? score : -1;
}

/* Of entries with one name (or with none but with platforms), the best is loaded. */
static bool beaten(const struct load *load, const struct berth_manifest *index, size_t at)
{
    const struct berth_descriptor *entry = index->manifests.items[at];
    for (size_t i = 0; i < index->manifests.count; i++) {
        const struct berth_descriptor *other = index->manifests.items[i];
        if (i == at || !berth_str_equal(entry_name(entry), entry_name(other)) ||
            (entry_name(entry) == NULL && (entry->platform == NULL || other->platform == NULL))) {
            continue;
        }
        int mine = entry_score(load, entry), theirs = entry_score(load, other);
        if (theirs > mine || (theirs == mine && i < at)) {
            return true;
        }
    }
    return false;
}

static int plan_layout(struct load *load, berth_error *err)
{
    AUTO_FREE char *text = NULL;
    size_t length = 0;
    struct berth_manifest *index = NULL;
    int code = berth_image_archive_read(&load->archive, "index.json", BERTH_OCI_MANIFEST_MAX, &text,
                                        &length, err);
    if (code == 0) {
        code = berth_oci_manifest_parse(text, length, NULL, &index, err);
    }
    if (code == 0 && index->kind != BERTH_MANIFEST_INDEX) {
        code =
            berth_error_set(err, BERTH_E_INVALID, 0, "invalid archive: index.json is not an index");
    }
    for (size_t i = 0; code == 0 && i < index->manifests.count; i++) {
        const struct berth_descriptor *entry = index->manifests.items[i];
        if (entry_score(load, entry) >= 0 && !beaten(load, index, i)) {
            code = plan_descriptor(load, entry, entry_name(entry), err);
        }
    }
    if (code == 0 && load->image_count == 0) {
        code = no_platform(load, err);
    }
    berth_json_free(&berth_manifest_table, index);
    return code;
}

int berth_image_load_plan(struct load *load, berth_error *err)
{
    if (berth_image_archive_find(&load->archive, "manifest.json") != NULL) {
        return plan_docker(load, err);
    }
    if (berth_image_archive_find(&load->archive, "index.json") != NULL) {
        return plan_layout(load, err);
    }
    return berth_error_set(err, BERTH_E_INVALID, 0,
                           "invalid archive: neither manifest.json nor index.json is in it; is it "
                           "a file system? then import it");
}
