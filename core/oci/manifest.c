/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and checking manifests.
 */
#include "oci/manifest.h"

#include <json-c/json.h>
#include <string.h>

#include "oci/digest.h"

#define OMIT BERTH_JSON_OMIT_EMPTY

#define PLATFORM(member, name, kind) \
    BERTH_JSON_FIELD(struct berth_descriptor_platform, member, name, kind, OMIT)
static const struct berth_json_field platform_fields[] = {
    PLATFORM(architecture, "architecture", STRING), PLATFORM(os, "os", STRING),
    PLATFORM(os_version, "os.version", STRING),     PLATFORM(os_features, "os.features", STRV),
    PLATFORM(variant, "variant", STRING),
};
static const struct berth_json_table platform_table =
    BERTH_JSON_TABLE("platform", struct berth_descriptor_platform, platform_fields);

#define DESCRIPTOR(member, name, kind, flags) \
    BERTH_JSON_FIELD(struct berth_descriptor, member, name, kind, flags)
static const struct berth_json_field descriptor_fields[] = {
    DESCRIPTOR(media_type, "mediaType", STRING, OMIT),
    DESCRIPTOR(digest, "digest", STRING, 0),
    DESCRIPTOR(size, "size", INT64, 0),
    DESCRIPTOR(urls, "urls", STRV, OMIT),
    DESCRIPTOR(annotations, "annotations", STRMAP, OMIT),
    BERTH_JSON_NESTED(struct berth_descriptor, platform, "platform", OBJECT_PTR, OMIT,
                      platform_table),
    DESCRIPTOR(artifact_type, "artifactType", STRING, OMIT),
};
const struct berth_json_table berth_descriptor_table =
    BERTH_JSON_TABLE("descriptor", struct berth_descriptor, descriptor_fields);

#define MANIFEST(member, name, kind, flags) \
    BERTH_JSON_FIELD(struct berth_manifest, member, name, kind, flags)
#define MANIFEST_NESTED(member, name, kind) \
    BERTH_JSON_NESTED(struct berth_manifest, member, name, kind, OMIT, berth_descriptor_table)
static const struct berth_json_field manifest_fields[] = {
    MANIFEST(schema_version, "schemaVersion", INT64, 0),
    MANIFEST(media_type, "mediaType", STRING, OMIT),
    MANIFEST(artifact_type, "artifactType", STRING, OMIT),
    MANIFEST_NESTED(config, "config", OBJECT_PTR),
    MANIFEST_NESTED(layers, "layers", LIST),
    MANIFEST_NESTED(manifests, "manifests", LIST),
    MANIFEST(annotations, "annotations", STRMAP, OMIT),
};
const struct berth_json_table berth_manifest_table =
    BERTH_JSON_TABLE("manifest", struct berth_manifest, manifest_fields);

#define ENTRY(member, name, kind, flags) \
    BERTH_JSON_FIELD(struct berth_archive_entry, member, name, kind, flags)
static const struct berth_json_field entry_fields[] = {
    ENTRY(config, "Config", STRING, 0),
    ENTRY(repo_tags, "RepoTags", STRV, BERTH_JSON_NULL_EMPTY),
    ENTRY(layers, "Layers", STRV, BERTH_JSON_NULL_EMPTY),
};
const struct berth_json_table berth_archive_entry_table =
    BERTH_JSON_TABLE("manifest.json", struct berth_archive_entry, entry_fields);

bool berth_oci_media_is_index(const char *media_type)
{
    return berth_str_equal(media_type, BERTH_MEDIA_OCI_INDEX) ||
           berth_str_equal(media_type, BERTH_MEDIA_DOCKER_LIST);
}

static bool media_is_image(const char *media_type)
{
    return berth_str_equal(media_type, BERTH_MEDIA_OCI_MANIFEST) ||
           berth_str_equal(media_type, BERTH_MEDIA_DOCKER_MANIFEST);
}

static int32_t check_descriptor(const struct berth_descriptor *descriptor, berth_error *err)
{
    if (berth_oci_digest_hex(descriptor->digest) == NULL) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid manifest: \"%s\" is not a sha256 digest",
                               descriptor->digest != NULL ? descriptor->digest : "");
    }
    if (descriptor->size < 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid manifest: %s has size %lld",
                               descriptor->digest, (long long)descriptor->size);
    }
    return 0;
}

static int32_t check_list(const struct berth_json_list *list, berth_error *err)
{
    if (list->count > BERTH_OCI_DESCRIPTORS_MAX) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid manifest: %zu entries, the limit is %d", list->count,
                               BERTH_OCI_DESCRIPTORS_MAX);
    }
    for (size_t i = 0; i < list->count; i++) {
        int32_t code = check_descriptor(list->items[i], err);
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

/* Does any member of the other kind stand in the document, whatever its value? */
static int32_t find_kind(struct json_object *json, const char *announced,
                         enum berth_manifest_kind *ret_kind, berth_error *err)
{
    bool image = json_object_object_get_ex(json, "config", NULL) ||
                 json_object_object_get_ex(json, "layers", NULL);
    bool index = json_object_object_get_ex(json, "manifests", NULL);
    if (json_object_object_get_ex(json, "fsLayers", NULL)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid manifest: schema 1 is not supported; push the image again "
                               "with a current client");
    }
    if (image && index) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid manifest: it has the members of an image and of an index");
    }
    if (!image && !index) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid manifest: neither an image nor an index");
    }
    if ((index && media_is_image(announced)) || (image && berth_oci_media_is_index(announced))) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid manifest: media type %s does not fit its content",
                               announced);
    }
    *ret_kind = index ? BERTH_MANIFEST_INDEX : BERTH_MANIFEST_IMAGE;
    return 0;
}

static int32_t check_manifest(const struct berth_manifest *manifest, const char *announced,
                              berth_error *err)
{
    if (manifest->schema_version != 2) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid manifest: schema version %lld, wanted 2",
                               (long long)manifest->schema_version);
    }
    if (!berth_str_empty(announced) && !berth_str_empty(manifest->media_type) &&
        strcmp(announced, manifest->media_type) != 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid manifest: announced as %s, but it says %s", announced,
                               manifest->media_type);
    }
    if (manifest->kind == BERTH_MANIFEST_INDEX) {
        return check_list(&manifest->manifests, err);
    }
    if (manifest->config == NULL) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid manifest: no config");
    }
    int32_t code = check_descriptor(manifest->config, err);
    return code < 0 ? code : check_list(&manifest->layers, err);
}

int32_t berth_oci_manifest_parse(const char *text, size_t length, const char *media_type,
                                 struct berth_manifest **ret_manifest, berth_error *err)
{
    if (length > BERTH_OCI_MANIFEST_MAX) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid manifest: %zu bytes, the limit is %d", length,
                               BERTH_OCI_MANIFEST_MAX);
    }
    struct json_object *json = NULL;
    int32_t code = berth_json_parse(text, length, "manifest", &json, err);
    if (code < 0) {
        return code;
    }
    struct berth_manifest *manifest = berth_json_new(&berth_manifest_table);
    if (manifest == NULL) {
        json_object_put(json);
        return berth_error_no_memory(err);
    }
    code = berth_json_read(&berth_manifest_table, json, manifest, err);
    if (code == 0 && json == NULL) {
        code = berth_error_set(err, BERTH_E_INVALID, 0, "invalid manifest: it is null");
    }
    if (code == 0) {
        const char *announced = media_type != NULL ? media_type : manifest->media_type;
        code = find_kind(json, announced, &manifest->kind, err);
    }
    if (code == 0) {
        code = check_manifest(manifest, media_type, err);
    }
    json_object_put(json);
    if (code < 0) {
        berth_json_free(&berth_manifest_table, manifest);
        return code;
    }
    *ret_manifest = manifest;
    return 0;
}

bool berth_oci_descriptor_is_hidden(const struct berth_descriptor *descriptor)
{
    const char *type = berth_strmap_get(&descriptor->annotations, "vnd.docker.reference.type");
    if (berth_str_equal(type, "attestation-manifest") ||
        !berth_str_empty(descriptor->artifact_type)) {
        return true;
    }
    const struct berth_descriptor_platform *platform = descriptor->platform;
    return platform != NULL && berth_str_equal(platform->os, "unknown") &&
           berth_str_equal(platform->architecture, "unknown");
}

const struct berth_descriptor *berth_oci_index_select(const struct berth_manifest *index,
                                                      const struct berth_platform *wanted)
{
    const struct berth_descriptor *best = NULL;
    int best_score = -1;
    for (size_t i = 0; i < index->manifests.count; i++) {
        const struct berth_descriptor *entry = index->manifests.items[i];
        if (berth_oci_descriptor_is_hidden(entry)) {
            continue;
        }
        int score = 0;
        if (entry->platform != NULL) {
            struct berth_platform offered;
            berth_oci_platform_make(entry->platform->os, entry->platform->architecture,
                                    entry->platform->variant, &offered);
            score = berth_oci_platform_score(wanted, &offered);
            if (score == 0) {
                continue;
            }
        }
        if (score > best_score) {
            best = entry;
            best_score = score;
        }
    }
    return best;
}

int32_t berth_oci_archive_parse(const char *text, size_t length, struct berth_json_list *ret_list,
                                berth_error *err)
{
    struct json_object *json = NULL;
    int32_t code = berth_json_parse(text, length, "manifest.json", &json, err);
    if (code < 0) {
        return code;
    }
    if (!json_object_is_type(json, json_type_array) || json_object_array_length(json) == 0 ||
        json_object_array_length(json) > BERTH_OCI_DESCRIPTORS_MAX) {
        json_object_put(json);
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid archive: manifest.json is not a list of images");
    }
    struct berth_json_list list = {NULL, 0};
    for (size_t i = 0; code == 0 && i < json_object_array_length(json); i++) {
        struct berth_archive_entry *entry = berth_json_list_add(&list, &berth_archive_entry_table);
        code = entry == NULL ? berth_error_no_memory(err)
                             : berth_json_read(&berth_archive_entry_table,
                                               json_object_array_get_idx(json, i), entry, err);
        if (code == 0 && berth_str_empty(entry->config)) {
            code = berth_error_set(err, BERTH_E_INVALID, 0,
                                   "invalid archive: manifest.json names no Config");
        }
    }
    json_object_put(json);
    if (code < 0) {
        berth_json_list_done(&list, &berth_archive_entry_table);
        return code;
    }
    *ret_list = list;
    return 0;
}
