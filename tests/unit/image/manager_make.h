/* SPDX-License-Identifier: Apache-2.0
 *
 * An image manager on a folder of its own with the driver of BERTH_TEST_STORAGE, and archives for
 * it.
 */
#ifndef BERTH_TESTS_IMAGE_MANAGER_MAKE_H
#define BERTH_TESTS_IMAGE_MANAGER_MAKE_H

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "event/event.h"
#include "image/image.h"
#include "plugin/storage.h"
#include "store/store.h"
#include "tar_make.h"

static char data_root[64];
static const char *driver_name;
static struct berth_plugins *plugins;
static struct berth_driver *driver;
static struct berth_store *store;
static struct berth_image_manager *manager;

#define OK(call)                                             \
    do {                                                     \
        berth_error err_ = BERTH_ERROR_INIT, *err = &err_;   \
        int result_ = (call);                                \
        if (result_ != 0) {                                  \
            fail_msg("%s: %d %s", #call, result_, err_.msg); \
        }                                                    \
    } while (0)

static inline void open_manager(void)
{
    char path[128];
    struct berth_strmap params = {NULL, NULL, 0};
    snprintf(path, sizeof(path), "%s/storage", data_root);
    mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/storage/%s", data_root, driver_name);
    berth_strmap_set(&params, "root", path);
    OK(berth_plugins_new(NULL, &plugins, err));
    OK(berth_plugin_open(plugins, BERTH_KIND_STORAGE, driver_name, NULL, &params, &driver, err));
    berth_strmap_done(&params);
    snprintf(path, sizeof(path), "%s/berth.db", data_root);
    OK(berth_store_open(path, &store, err));
    const struct berth_image_manager_options options = {
        .data_root = data_root, .store = store, .storage = driver};
    OK(berth_image_manager_open(&options, &manager, err));
}

static inline void close_manager(void)
{
    berth_image_manager_close(manager);
    berth_store_close(store);
    berth_plugins_free(plugins);
    manager = NULL;
}

static inline int make_root(void **state)
{
    const char *name = getenv("BERTH_TEST_STORAGE");
    driver_name = name != NULL ? name : "overlay";
    /* not /tmp: that may be a tmpfs or an overlay itself */
    snprintf(data_root, sizeof(data_root), "/var/tmp/berth-image-XXXXXX");
    if (mkdtemp(data_root) == NULL) {
        return -1;
    }
    open_manager();
    return 0;
}

static inline int remove_root(void **state)
{
    char command[128];
    close_manager();
    snprintf(command, sizeof(command), "rm -rf %s", data_root);
    return system(command);
}

/* An archive of one image in the docker form. Digests and config are made to fit unless the caller
 * gives a diff ID. */
struct image_make {
    const char *tag;                   /* NULL: none */
    const struct berth_buffer *layers; /* the tars as stored */
    const char (*diff_ids)[80];        /* of the plain tars */
    size_t layer_count;
    const char *settings; /* JSON members of the config's "config" */
    const char *extra;    /* more JSON members of the config, with a leading comma; or NULL */
};

static inline void make_config(const struct image_make *image, struct berth_buffer *config)
{
    berth_buffer_format(config,
                        "{\"architecture\":\"amd64\",\"os\":\"linux\",\"created\":\"2024-01-02T03:"
                        "04:05Z\",\"config\":{%s},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
                        image->settings != NULL ? image->settings : "");
    for (size_t i = 0; i < image->layer_count; i++) {
        berth_buffer_format(config, "%s\"%s\"", i > 0 ? "," : "", image->diff_ids[i]);
    }
    berth_buffer_format(config, "]}%s}", image->extra != NULL ? image->extra : "");
}

static inline void make_archive(const struct image_make *image, struct berth_buffer *archive)
{
    AUTO_BUFFER struct berth_buffer config = BERTH_BUFFER_INIT;
    AUTO_BUFFER struct berth_buffer manifest = BERTH_BUFFER_INIT;
    make_config(image, &config);
    berth_buffer_format(&manifest,
                        "[{\"Config\":\"config.json\",\"RepoTags\":[%s%s%s],\"Layers\":[",
                        image->tag != NULL ? "\"" : "", image->tag != NULL ? image->tag : "",
                        image->tag != NULL ? "\"" : "");
    for (size_t i = 0; i < image->layer_count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%zu/layer.tar", i);
        const struct tar_item item = {.name = name};
        tar_bytes(archive, &item, image->layers[i].data, image->layers[i].length);
        berth_buffer_format(&manifest, "%s\"%s\"", i > 0 ? "," : "", name);
    }
    berth_buffer_add(&manifest, "]}]");
    tar_bytes(archive, &(struct tar_item){.name = "config.json"}, config.data, config.length);
    tar_bytes(archive, &(struct tar_item){.name = "manifest.json"}, manifest.data, manifest.length);
    tar_end(archive);
}

static inline int memory_file(const void *bytes, size_t length)
{
    int fd = memfd_create("archive", MFD_CLOEXEC);
    for (size_t at = 0; fd >= 0 && at < length;) {
        ssize_t count = write(fd, (const char *)bytes + at, length - at);
        if (count <= 0) {
            break;
        }
        at += (size_t)count;
    }
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static inline int load_bytes(const void *bytes, size_t length, struct berth_strv *loaded,
                             berth_error *err)
{
    AUTO_CLOSE int fd = memory_file(bytes, length);
    return berth_image_load(manager, fd, NULL, NULL, loaded, err);
}

/* Loads one image of plain layers, which must work. */
static inline void load_layers(const char *tag, const struct berth_buffer *layers, size_t count,
                               const char *settings)
{
    char diff_ids[16][80];
    for (size_t i = 0; i < count; i++) {
        digest_of(layers[i].data, layers[i].length, diff_ids[i]);
    }
    const struct image_make image = {.tag = tag,
                                     .layers = layers,
                                     .diff_ids = diff_ids,
                                     .layer_count = count,
                                     .settings = settings};
    AUTO_BUFFER struct berth_buffer archive = BERTH_BUFFER_INIT;
    AUTO_STRV struct berth_strv loaded = {NULL, 0};
    make_archive(&image, &archive);
    OK(load_bytes(archive.data, archive.length, &loaded, err));
    assert_int_equal(loaded.count, 1);
}

/* Loads one image of one plain layer; gives what the load said. */
static inline int load_one(const struct berth_buffer *layer, berth_error *err)
{
    char diff_ids[1][80];
    digest_of(layer->data, layer->length, diff_ids[0]);
    const struct image_make image = {
        .tag = "test:1", .layers = layer, .diff_ids = diff_ids, .layer_count = 1};
    AUTO_BUFFER struct berth_buffer archive = BERTH_BUFFER_INIT;
    AUTO_STRV struct berth_strv loaded = {NULL, 0};
    make_archive(&image, &archive);
    return load_bytes(archive.data, archive.length, &loaded, err);
}

/* A layer of one file. */
static inline void simple_layer(struct berth_buffer *tar, const char *name, const char *content)
{
    tar_add(tar, &(struct tar_item){.name = name, .content = content});
    tar_end(tar);
}

/* Loads an image of one such layer. */
static inline void load_simple(const char *tag, const char *content, const char *settings)
{
    AUTO_BUFFER struct berth_buffer tar = BERTH_BUFFER_INIT;
    simple_layer(&tar, "file", content);
    load_layers(tag, &tar, 1, settings);
}

/* The directory of the top layer of an image. */
static inline int top_layer(const char *ref)
{
    AUTO_IMAGE struct berth_image *image = NULL;
    int fd = -1;
    OK(berth_image_lookup(manager, ref, &image, err));
    OK(berth_storage_layer_open(driver, NULL, image->top_layer, &fd, err));
    return fd;
}

static inline void remove_image(const char *ref)
{
    struct berth_json_list items = {NULL, 0};
    const struct berth_image_remove options = {.force = true};
    OK(berth_image_remove(manager, ref, &options, &items, err));
    berth_json_list_done(&items, &berth_image_delete_item_table);
}

static inline int32_t count_layer(void *data, const char *key, const char *value, berth_error *err)
{
    *(int *)data += strcmp(key, "layer") == 0 ? 1 : 0;
    return 0;
}

/* How many layers the driver has, and that it agrees with what is on disk of the records. */
static inline int stored_layers(void)
{
    int count = 0;
    struct berth_sink sink = {.pair = count_layer, .arg = &count};
    OK(berth_storage_list(driver, NULL, &sink, err));
    return count;
}

/* Nothing at all is stored. */
static inline void check_empty(void)
{
    char command[256];
    assert_int_equal(berth_image_manager_count(manager), 0);
    assert_int_equal(stored_layers(), 0);
    snprintf(command, sizeof(command), "test -z \"$(ls -A %s/image/%s/records)\"", data_root,
             driver_name);
    assert_int_equal(system(command), 0);
}

#endif
