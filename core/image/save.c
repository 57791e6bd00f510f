/* SPDX-License-Identifier: Apache-2.0
 *
 * Saving: one archive that is a docker archive (manifest.json, repositories) and an OCI layout
 * (index.json, oci-layout) over the same blobs, as Docker 25 and newer write.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "image/record.h"
#include "image/save_internal.h"
#include "image/tar_writer.h"
#include "oci/manifest.h"

/* ---- layers --------------------------------------------------------------------------------- */

struct layer_sink {
    struct berth_tar_writer *writer;
    const struct berth_image_watch *watch;
    struct berth_sha256 hash;
    int64_t left; /* bytes still expected */
};

static int layer_write(void *data, const void *bytes, size_t length, berth_error *err)
{
    struct layer_sink *sink = data;
    if ((int64_t)length > sink->left) {
        return berth_error_set(err, BERTH_E_DATA, 0, "a layer has become longer than it was");
    }
    if (sink->watch != NULL && sink->watch->cancelled != NULL &&
        sink->watch->cancelled(sink->watch->data)) {
        return berth_error_set(err, BERTH_E_CANCELLED, 0, "cancelled");
    }
    sink->left -= (int64_t)length;
    berth_oci_sha256_update(&sink->hash, bytes, length);
    return berth_tar_writer_write(sink->writer, bytes, length, err);
}

static int copy_layer(struct berth_image_manager *manager, const char *chain_id,
                      struct berth_image_layer *ret_layer, berth_error *err)
{
    AUTO_LOCK(&manager->lock);
    const struct berth_image_layer *layer = berth_image_layer_find(manager, chain_id);
    if (layer == NULL) {
        return berth_error_set(err, BERTH_E_NOT_FOUND, 0, "no layer %.64s", chain_id);
    }
    *ret_layer = *layer;
    return 0;
}

/* Rebuilds a layer's tar into the writer and checks it. */
static int write_layer(struct berth_image_manager *manager, const struct berth_image_layer *layer,
                       struct layer_sink *sink, berth_error *err)
{
    AUTO_CLOSE int record = -1;
    AUTO_CLOSE int directory = -1;
    char hex[BERTH_SHA256_HEX];
    sink->left = layer->tar_size;
    int code = berth_oci_sha256_init(&sink->hash, err);
    if (code == 0) {
        code = berth_image_record_open(manager, layer->chain_id, &record, err);
    }
    if (code == 0) {
        code = berth_storage_layer_open(manager->options.storage, NULL, layer->chain_id, &directory,
                                        err);
    }
    const struct berth_image_record_sink replay = {.write = layer_write, .data = sink};
    if (code == 0) {
        code = berth_image_record_replay(record, directory, &replay, err);
    }
    if (code < 0) {
        return code;
    }
    berth_oci_sha256_final(&sink->hash, hex);
    return sink->left == 0 && strcmp(hex, berth_oci_digest_hex(layer->diff_id)) == 0
               ? 0
               : berth_error_set(err, BERTH_E_DATA, 0,
                                 "layer %.12s is damaged: its tar no longer has the digest %s",
                                 layer->chain_id, layer->diff_id);
}

int berth_image_layer_write(struct berth_image_manager *manager, const char *chain_id, int fd,
                            berth_error *err)
{
    struct berth_image_layer layer;
    struct layer_sink sink = {.writer = NULL};
    int code = copy_layer(manager, chain_id, &layer, err);
    if (code == 0) {
        code = berth_tar_writer_new(fd, &sink.writer, err);
    }
    if (code == 0) {
        code = write_layer(manager, &layer, &sink, err);
    }
    if (code == 0) {
        code = berth_tar_writer_flush(sink.writer, err);
    }
    berth_tar_writer_free(sink.writer);
    return code;
}

/* ---- documents ------------------------------------------------------------------------------ */

static bool fill_descriptor(struct berth_descriptor *descriptor, const char *media_type,
                            const char *digest, int64_t size)
{
    if (descriptor == NULL) {
        return false;
    }
    descriptor->media_type = strdup(media_type);
    descriptor->digest = strdup(digest);
    descriptor->size = size;
    return descriptor->media_type != NULL && descriptor->digest != NULL;
}

/* Writes the image's OCI manifest into save_image. */
static int make_manifest(struct save *save, struct save_image *image, berth_error *err)
{
    struct berth_manifest *manifest = berth_json_new(&berth_manifest_table);
    if (manifest == NULL) {
        return berth_error_no_memory(err);
    }
    manifest->schema_version = 2;
    manifest->media_type = strdup(BERTH_MEDIA_OCI_MANIFEST);
    manifest->config = berth_json_new(&berth_descriptor_table);
    bool filled = fill_descriptor(manifest->config, BERTH_MEDIA_OCI_CONFIG, image->image->id,
                                  (int64_t)image->image->config_length);
    int code = 0;
    for (size_t i = 0; code == 0 && filled && i < image->image->chain_ids->count; i++) {
        struct berth_image_layer layer;
        code = copy_layer(save->manager, image->image->chain_ids->items[i], &layer, err);
        if (code == 0) {
            filled =
                fill_descriptor(berth_json_list_add(&manifest->layers, &berth_descriptor_table),
                                BERTH_MEDIA_OCI_LAYER, layer.diff_id, layer.tar_size);
        }
    }
    image->manifest =
        code == 0 && filled ? berth_json_write_text(&berth_manifest_table, manifest, 0) : NULL;
    berth_json_free(&berth_manifest_table, manifest);
    if (code < 0 || image->manifest == NULL) {
        return code < 0 ? code : berth_error_no_memory(err);
    }
    char hex[BERTH_SHA256_HEX];
    code = berth_oci_sha256_of(image->manifest, strlen(image->manifest), hex, err);
    snprintf(image->manifest_digest, sizeof(image->manifest_digest), "sha256:%s", hex);
    return code;
}

/* One entry of index.json; name NULL: an image without one. */
static bool add_index_entry(struct berth_manifest *index, const struct save_image *image,
                            const char *name)
{
    struct berth_descriptor *entry =
        berth_json_list_add(&index->manifests, &berth_descriptor_table);
    if (!fill_descriptor(entry, BERTH_MEDIA_OCI_MANIFEST, image->manifest_digest,
                         (int64_t)strlen(image->manifest))) {
        return false;
    }
    const char *tag = name != NULL ? strrchr(name, ':') : NULL;
    return name == NULL ||
           (berth_strmap_set(&entry->annotations, BERTH_ANNOTATION_IMAGE_NAME, name) &&
            berth_strmap_set(&entry->annotations, BERTH_ANNOTATION_REF_NAME, tag + 1));
}

static int write_text(struct berth_tar_writer *writer, const char *name, char *text,
                      berth_error *err)
{
    if (text == NULL) {
        return berth_error_no_memory(err);
    }
    int code = berth_tar_writer_file(writer, name, text, strlen(text), err);
    free(text);
    return code;
}

static int write_index(const struct save *save, struct berth_tar_writer *writer, berth_error *err)
{
    struct berth_manifest *index = berth_json_new(&berth_manifest_table);
    if (index == NULL) {
        return berth_error_no_memory(err);
    }
    index->schema_version = 2;
    index->media_type = strdup(BERTH_MEDIA_OCI_INDEX);
    bool filled = index->media_type != NULL;
    for (size_t i = 0; filled && i < save->count; i++) {
        const struct save_image *image = &save->images[i];
        if (image->names.count == 0) {
            filled = add_index_entry(index, image, NULL);
        }
        for (size_t j = 0; filled && j < image->names.count; j++) {
            filled = add_index_entry(index, image, image->names.items[j]);
        }
    }
    char *text = filled ? berth_json_write_text(&berth_manifest_table, index, 0) : NULL;
    berth_json_free(&berth_manifest_table, index);
    return write_text(writer, "index.json", text, err);
}

static char *familiar(const char *name)
{
    AUTO_REFERENCE struct berth_reference reference = BERTH_REFERENCE_INIT;
    return berth_oci_reference_parse(name, &reference, NULL) == 0
               ? berth_oci_reference_familiar(&reference)
               : NULL;
}

static struct json_object *archive_entry(const struct save_image *image)
{
    struct berth_archive_entry *entry = berth_json_new(&berth_archive_entry_table);
    if (entry == NULL) {
        return NULL;
    }
    entry->config = berth_format("blobs/sha256/%s", berth_oci_digest_hex(image->image->id));
    bool filled = entry->config != NULL;
    for (size_t i = 0; filled && i < image->names.count; i++) {
        filled = berth_strv_take(&entry->repo_tags, familiar(image->names.items[i]));
    }
    const struct berth_strv *diff_ids = &image->image->config->rootfs.diff_ids;
    for (size_t i = 0; filled && i < diff_ids->count; i++) {
        filled = berth_strv_addf(&entry->layers, "blobs/sha256/%s",
                                 berth_oci_digest_hex(diff_ids->items[i]));
    }
    struct json_object *json =
        filled ? berth_json_write(&berth_archive_entry_table, entry, 0) : NULL;
    berth_json_free(&berth_archive_entry_table, entry);
    return json;
}

static int write_docker_manifest(const struct save *save, struct berth_tar_writer *writer,
                                 berth_error *err)
{
    struct json_object *list = json_object_new_array();
    bool filled = list != NULL;
    for (size_t i = 0; filled && i < save->count; i++) {
        struct json_object *entry = archive_entry(&save->images[i]);
        filled = entry != NULL && json_object_array_add(list, entry) == 0;
    }
    char *text = filled ? berth_json_text(list) : NULL;
    json_object_put(list);
    return write_text(writer, "manifest.json", text, err);
}

/* {"name": {"tag": "top layer"}}: what Docker before 1.10 read, and some tools still do. */
static int write_repositories(const struct save *save, struct berth_tar_writer *writer,
                              berth_error *err)
{
    struct json_object *names = json_object_new_object();
    bool filled = names != NULL, any = false;
    for (size_t i = 0; filled && i < save->count; i++) {
        const struct save_image *image = &save->images[i];
        const struct berth_strv *diff_ids = &image->image->config->rootfs.diff_ids;
        for (size_t j = 0; filled && diff_ids->count > 0 && j < image->names.count; j++) {
            AUTO_FREE char *name = familiar(image->names.items[j]);
            char *colon = name != NULL ? strrchr(name, ':') : NULL;
            if (colon == NULL) {
                filled = false;
                break;
            }
            *colon = '\0';
            struct json_object *tags = NULL;
            if (!json_object_object_get_ex(names, name, &tags)) {
                tags = json_object_new_object();
                json_object_object_add(names, name, tags);
            }
            const char *top = diff_ids->items[diff_ids->count - 1];
            json_object_object_add(tags, colon + 1,
                                   json_object_new_string(berth_oci_digest_hex(top)));
            any = true;
        }
    }
    char *text = filled ? berth_json_text(names) : NULL;
    json_object_put(names);
    if (filled && !any) {
        free(text);
        return 0;
    }
    return write_text(writer, "repositories", text, err);
}

/* ---- blobs ---------------------------------------------------------------------------------- */

static bool first_time(struct berth_strv *written, const char *digest)
{
    return !berth_strv_contains(written, digest) && berth_strv_add(written, digest);
}

static void blob_name(const char *digest, char ret_name[80])
{
    snprintf(ret_name, 80, "blobs/sha256/%s", berth_oci_digest_hex(digest));
}

static int write_blob(struct berth_tar_writer *writer, struct berth_strv *written,
                      const char *digest, const void *bytes, size_t length, berth_error *err)
{
    char name[80];
    blob_name(digest, name);
    return first_time(written, digest) ? berth_tar_writer_file(writer, name, bytes, length, err)
                                       : 0;
}

static int write_image(struct save *save, struct save_image *image, struct berth_tar_writer *writer,
                       struct berth_strv *written, berth_error *err)
{
    int code = make_manifest(save, image, err);
    if (code == 0) {
        code = write_blob(writer, written, image->image->id, image->image->config_text,
                          image->image->config_length, err);
    }
    if (code == 0) {
        code = write_blob(writer, written, image->manifest_digest, image->manifest,
                          strlen(image->manifest), err);
    }
    for (size_t i = 0; code == 0 && i < image->image->chain_ids->count; i++) {
        struct berth_image_layer layer;
        char name[80];
        code = copy_layer(save->manager, image->image->chain_ids->items[i], &layer, err);
        if (code < 0 || !first_time(written, layer.diff_id)) {
            continue;
        }
        struct layer_sink sink = {.writer = writer, .watch = save->watch};
        blob_name(layer.diff_id, name);
        code = berth_tar_writer_begin(writer, name, layer.tar_size, err);
        if (code == 0) {
            code = write_layer(save->manager, &layer, &sink, err);
        }
        if (code == 0) {
            code = berth_tar_writer_pad(writer, layer.tar_size, err);
        }
    }
    return code;
}

static int write_archive(struct save *save, struct berth_tar_writer *writer, berth_error *err)
{
    static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
    AUTO_STRV struct berth_strv written = {NULL, 0};
    int code = berth_tar_writer_begin(writer, "blobs/", 0, err);
    if (code == 0) {
        code = berth_tar_writer_begin(writer, "blobs/sha256/", 0, err);
    }
    for (size_t i = 0; code == 0 && i < save->count; i++) {
        code = write_image(save, &save->images[i], writer, &written, err);
    }
    if (code == 0) {
        code = write_index(save, writer, err);
    }
    if (code == 0) {
        code = write_docker_manifest(save, writer, err);
    }
    if (code == 0) {
        code = berth_tar_writer_file(writer, "oci-layout", layout, sizeof(layout) - 1, err);
    }
    if (code == 0) {
        code = write_repositories(save, writer, err);
    }
    return code == 0 ? berth_tar_writer_finish(writer, err) : code;
}

int berth_image_save(struct berth_image_manager *manager, const struct berth_strv *refs,
                     const char *platform, int fd, const struct berth_image_watch *watch,
                     berth_error *err)
{
    struct save save = {.manager = manager, .watch = watch};
    struct berth_tar_writer *writer = NULL;
    berth_image_enter(manager);
    int code = berth_image_save_select(&save, refs, platform, err);
    if (code == 0) {
        code = berth_tar_writer_new(fd, &writer, err);
    }
    if (code == 0) {
        code = write_archive(&save, writer, err);
    }
    berth_tar_writer_free(writer);
    berth_image_save_done(&save);
    if (code == 0) {
        for (size_t i = 0; i < refs->count; i++) {
            AUTO_IMAGE struct berth_image *image = NULL;
            if (berth_image_lookup(manager, refs->items[i], &image, NULL) == 0) {
                berth_image_publish(manager, "save", image->id, refs->items[i]);
            }
        }
    }
    berth_image_leave(manager);
    return code;
}

int berth_image_save_check(struct berth_image_manager *manager, const struct berth_strv *refs,
                           berth_error *err)
{
    struct save save = {.manager = manager};
    int code = berth_image_save_select(&save, refs, NULL, err);
    berth_image_save_done(&save);
    return code;
}
