/* SPDX-License-Identifier: Apache-2.0
 *
 * Images: list, look at, tag, remove.
 */
#include "api/image.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/cleanup.h"
#include "base/time.h"
#include "image/image.h"

#define NAME(request) berth_http_request_param(request, "name")
#define OMIT          BERTH_JSON_OMIT_EMPTY

#define SUMMARY(member, name, kind, flags) \
    BERTH_JSON_FIELD(struct berth_api_image_summary, member, name, kind, flags)

static const struct berth_json_field summary_fields[] = {
    SUMMARY(containers, "Containers", INT64, 0),
    SUMMARY(created, "Created", INT64, 0),
    SUMMARY(id, "Id", STRING, 0),
    SUMMARY(labels, "Labels", STRMAP, BERTH_JSON_NULL_EMPTY),
    SUMMARY(parent, "ParentId", STRING, 0),
    SUMMARY(repo_digests, "RepoDigests", STRV, 0),
    SUMMARY(repo_tags, "RepoTags", STRV, 0),
    SUMMARY(shared_size, "SharedSize", INT64, 0),
    SUMMARY(size, "Size", INT64, 0),
    BERTH_JSON_VERSIONED(struct berth_api_image_summary, size, "VirtualSize", INT64, 0, 0, 143),
};
const struct berth_json_table berth_api_image_summary_table =
    BERTH_JSON_TABLE("ImageSummary", struct berth_api_image_summary, summary_fields);

/* Snapshots are immutable; the tables only read. */
static char *borrow(const char *text)
{
    return (char *)(uintptr_t)text;
}

void berth_api_image_summarize(const struct berth_image *image, bool shared, int64_t containers,
                               struct berth_api_image_summary *ret_summary)
{
    *ret_summary = (struct berth_api_image_summary){
        .containers = containers,
        .created = image->created,
        .id = borrow(image->id),
        .labels = image->config->config.labels,
        .parent = borrow(image->parent),
        .repo_digests = image->repo_digests,
        .repo_tags = image->repo_tags,
        .shared_size = shared ? image->shared_size : -1,
        .size = image->size,
    };
}

static int32_t answer_list(struct berth_http_request *request, struct berth_image **images,
                           size_t count, bool shared, berth_error *err)
{
    int version = berth_http_request_tag(request);
    struct json_object *array = json_object_new_array_ext((int)count + 1);
    for (size_t i = 0; array != NULL && i < count; i++) {
        struct berth_api_image_summary summary;
        berth_api_image_summarize(images[i], shared, -1, &summary);
        struct json_object *item =
            berth_json_write(&berth_api_image_summary_table, &summary, version);
        if (item == NULL || json_object_array_add(array, item) < 0) {
            json_object_put(item);
            json_object_put(array);
            array = NULL;
        }
    }
    return berth_api_answer_json(request, 200, array, err);
}

int32_t berth_api_image_list(struct berth_http_request *request, berth_error *err)
{
    AUTO_STRV struct berth_strv filters = {0};
    struct berth_image **images = NULL;
    size_t count = 0;
    const char *reference = berth_http_request_query(request, "filter"); /* until 1.40 */
    const struct berth_image_list_options options = {
        .all = berth_http_request_query_bool(request, "all", false),
        .shared_size = berth_http_request_query_bool(request, "shared-size", false),
        .filters = &filters,
    };
    int32_t rc = berth_api_filters(request, &filters, err);
    if (rc == 0 && !berth_str_empty(reference) &&
        !berth_strv_addf(&filters, "reference=%s", reference)) {
        rc = berth_error_no_memory(err);
    }
    if (rc == 0) {
        rc = berth_image_list(berth_api_images(request), &options, &images, &count, err);
    }
    if (rc == 0) {
        rc = answer_list(request, images, count, options.shared_size, err);
        berth_image_list_free(images, count);
    }
    return rc;
}

struct root_fs {
    char *type;
    struct berth_strv layers;
};

struct metadata {
    char *last_tag_time;
};

struct graph_driver {
    char *name;
    struct berth_strmap data;
};

struct image_inspect {
    char *id;
    struct berth_strv repo_tags, repo_digests;
    char *parent, *comment, *created, *container, *docker_version, *author;
    struct berth_container_config *config, *container_config;
    char *architecture, *variant, *os, *os_version;
    int64_t size;
    struct graph_driver graph_driver;
    struct root_fs root_fs;
    struct metadata metadata;
};

static const struct berth_json_field graph_driver_fields[] = {
    BERTH_JSON_FIELD(struct graph_driver, data, "Data", STRMAP, BERTH_JSON_NULL_EMPTY),
    BERTH_JSON_FIELD(struct graph_driver, name, "Name", STRING, 0),
};
static const struct berth_json_table graph_driver_table =
    BERTH_JSON_TABLE("GraphDriver", struct graph_driver, graph_driver_fields);

static const struct berth_json_field root_fs_fields[] = {
    BERTH_JSON_FIELD(struct root_fs, type, "Type", STRING, 0),
    BERTH_JSON_FIELD(struct root_fs, layers, "Layers", STRV, OMIT),
};
static const struct berth_json_table root_fs_table =
    BERTH_JSON_TABLE("RootFS", struct root_fs, root_fs_fields);

static const struct berth_json_field metadata_fields[] = {
    BERTH_JSON_FIELD(struct metadata, last_tag_time, "LastTagTime", STRING, 0),
};
static const struct berth_json_table metadata_table =
    BERTH_JSON_TABLE("Metadata", struct metadata, metadata_fields);

#define CONFIG(member, name, kind) \
    BERTH_JSON_FIELD(struct berth_container_config, member, name, kind, OMIT)

/* From 1.50 an image's Config has the members of the OCI image-spec only. */
static const struct berth_json_field image_config_fields[] = {
    CONFIG(user, "User", STRING),
    CONFIG(exposed_ports, "ExposedPorts", STRSET),
    CONFIG(env, "Env", STRV),
    CONFIG(entrypoint, "Entrypoint", STRV),
    CONFIG(cmd, "Cmd", STRV),
    CONFIG(volumes, "Volumes", STRSET),
    CONFIG(working_dir, "WorkingDir", STRING),
    CONFIG(labels, "Labels", STRMAP),
    CONFIG(stop_signal, "StopSignal", STRING),
    CONFIG(args_escaped, "ArgsEscaped", BOOL),
    BERTH_JSON_NESTED(struct berth_container_config, healthcheck, "Healthcheck", OBJECT_PTR, OMIT,
                      berth_health_config_table),
    CONFIG(on_build, "OnBuild", STRV),
    CONFIG(shell, "Shell", STRV),
};
static const struct berth_json_table image_config_table =
    BERTH_JSON_TABLE("Config", struct berth_container_config, image_config_fields);

#define INSPECT(member, name, kind, flags) \
    BERTH_JSON_FIELD(struct image_inspect, member, name, kind, flags)
#define INSPECT_NESTED(member, name, kind, table) \
    BERTH_JSON_NESTED(struct image_inspect, member, name, kind, 0, table)
#define INSPECT_CONFIG(member_, name_, since_, until_, table_)                                \
    {                                                                                         \
        .name = (name_), .type = BERTH_JSON_OBJECT_PTR, .since = (since_), .until = (until_), \
        .offset = offsetof(struct image_inspect, member_), .table = (table_)                  \
    }

static const struct berth_json_field inspect_fields[] = {
    INSPECT(id, "Id", STRING, 0),
    INSPECT(repo_tags, "RepoTags", STRV, 0),
    INSPECT(repo_digests, "RepoDigests", STRV, 0),
    BERTH_JSON_VERSIONED(struct image_inspect, parent, "Parent", STRING, 0, 0, 151),
    INSPECT(comment, "Comment", STRING, 0),
    INSPECT(created, "Created", STRING, OMIT),
    BERTH_JSON_VERSIONED(struct image_inspect, container, "Container", STRING, 0, 0, 144),
    BERTH_JSON_VERSIONED(struct image_inspect, docker_version, "DockerVersion", STRING, 0, 0, 151),
    INSPECT(author, "Author", STRING, 0),
    INSPECT_CONFIG(container_config, "ContainerConfig", 0, 144, &berth_container_config_table),
    INSPECT_CONFIG(config, "Config", 0, 149, &berth_container_config_table),
    INSPECT_CONFIG(config, "Config", 150, 0, &image_config_table),
    INSPECT(architecture, "Architecture", STRING, 0),
    INSPECT(variant, "Variant", STRING, OMIT),
    INSPECT(os, "Os", STRING, 0),
    INSPECT(os_version, "OsVersion", STRING, OMIT),
    INSPECT(size, "Size", INT64, 0),
    BERTH_JSON_VERSIONED(struct image_inspect, size, "VirtualSize", INT64, 0, 0, 143),
    INSPECT_NESTED(graph_driver, "GraphDriver", OBJECT, graph_driver_table),
    INSPECT_NESTED(root_fs, "RootFS", OBJECT, root_fs_table),
    INSPECT_NESTED(metadata, "Metadata", OBJECT, metadata_table),
};
static const struct berth_json_table inspect_table =
    BERTH_JSON_TABLE("ImageInspect", struct image_inspect, inspect_fields);

int32_t berth_api_image_inspect(struct berth_http_request *request, berth_error *err)
{
    AUTO_IMAGE struct berth_image *image = NULL;
    struct berth_container_config none;
    char never[] = BERTH_TIME_ZERO_TEXT, layers[] = "layers";
    int32_t rc = berth_image_lookup(berth_api_images(request), NAME(request), &image, err);
    if (rc < 0) {
        return rc;
    }
    const struct berth_image_config *config = image->config;
    berth_json_init(&berth_container_config_table, &none);
    struct image_inspect inspect = {
        .id = borrow(image->id),
        .repo_tags = image->repo_tags,
        .repo_digests = image->repo_digests,
        .parent = borrow(image->parent),
        .comment = config->comment,
        .created = config->created,
        .container = config->container,
        .docker_version = config->docker_version,
        .author = config->author,
        .config = (struct berth_container_config *)(uintptr_t)&config->config,
        .container_config = &none, /* of the container it was committed from: never kept */
        .graph_driver = {.name = borrow(berth_engine_storage_name(berth_api_engine(request)))},
        .architecture = config->architecture,
        .variant = config->variant,
        .os = config->os,
        .os_version = config->os_version,
        .size = image->size,
        .root_fs = {.type = layers, .layers = config->rootfs.diff_ids},
        .metadata = {.last_tag_time = image->last_tagged != NULL ? image->last_tagged : never},
    };
    return berth_api_answer(request, 200, &inspect_table, &inspect, err);
}

int32_t berth_api_image_history(struct berth_http_request *request, berth_error *err)
{
    struct berth_json_list items = {0};
    int32_t rc = berth_image_history(berth_api_images(request), NAME(request), &items, err);
    if (rc == 0) {
        rc = berth_api_answer_list(request, &berth_image_history_item_table, &items, err);
        berth_json_list_done(&items, &berth_image_history_item_table);
    }
    return rc;
}

int32_t berth_api_image_tag(struct berth_http_request *request, berth_error *err)
{
    const char *repository = berth_http_request_query(request, "repo");
    const char *tag = berth_http_request_query(request, "tag");
    AUTO_FREE char *target = berth_str_empty(tag)
                                 ? berth_format("%s", repository != NULL ? repository : "")
                                 : berth_format("%s:%s", repository != NULL ? repository : "", tag);
    if (target == NULL) {
        return berth_error_no_memory(err);
    }
    int32_t rc = berth_image_tag(berth_api_images(request), NAME(request), target, err);
    if (rc == 0) {
        berth_http_respond_empty(request, 201);
    }
    return rc;
}

int32_t berth_api_image_remove(struct berth_http_request *request, berth_error *err)
{
    struct berth_json_list items = {0};
    const struct berth_image_remove options = {
        .force = berth_http_request_query_bool(request, "force", false),
        .no_prune = berth_http_request_query_bool(request, "noprune", false),
    };
    int32_t rc =
        berth_image_remove(berth_api_images(request), NAME(request), &options, &items, err);
    if (rc == 0) {
        rc = berth_api_answer_list(request, &berth_image_delete_item_table, &items, err);
        berth_json_list_done(&items, &berth_image_delete_item_table);
    }
    return rc;
}

struct prune {
    struct berth_json_list deleted;
    int64_t reclaimed;
};

static const struct berth_json_field prune_fields[] = {
    BERTH_JSON_NESTED(struct prune, deleted, "ImagesDeleted", LIST, BERTH_JSON_NULL_EMPTY,
                      berth_image_delete_item_table),
    BERTH_JSON_FIELD(struct prune, reclaimed, "SpaceReclaimed", INT64, 0),
};
static const struct berth_json_table prune_table =
    BERTH_JSON_TABLE("ImagesPrune", struct prune, prune_fields);

int32_t berth_api_image_prune(struct berth_http_request *request, berth_error *err)
{
    AUTO_STRV struct berth_strv filters = {0};
    struct prune prune = {0};
    int32_t rc = berth_api_filters(request, &filters, err);
    if (rc == 0) {
        rc = berth_image_prune(berth_api_images(request), &filters, &prune.deleted,
                               &prune.reclaimed, err);
    }
    if (rc == 0) {
        rc = berth_api_answer(request, 200, &prune_table, &prune, err);
        berth_json_list_done(&prune.deleted, &berth_image_delete_item_table);
    }
    return rc;
}

int32_t berth_api_image_unsupported(struct berth_http_request *request, berth_error *err)
{
    static const struct {
        const char *part, *what;
    } parts[] = {
        {"/push", "pushing to a registry"},
        {"/search", "searching a registry"},
        {"/distribution/", "asking a registry for an image"},
        {"/attestations", "reading attestations"},
    };
    const char *path = berth_http_request_path(request);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        if (strstr(path, parts[i].part) != NULL) {
            return berth_api_unsupported(err, parts[i].what);
        }
    }
    return berth_api_unsupported(err, path);
}
