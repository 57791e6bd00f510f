/* SPDX-License-Identifier: Apache-2.0
 *
 * New images from a tar and settings: import, commit, build steps.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "image/archive.h"
#include "image/image_internal.h"
#include "oci/change.h"

struct creation {
    struct berth_image_manager *manager;
    const struct berth_image_create *request;
    struct berth_image *parent;
    struct berth_image_config *config;
    char chain_id[BERTH_SHA256_HEX]; /* of the new layer; "": none */
    bool held;                       /* we hold that layer */
    struct berth_reference reference;
};

/* The parent is committed: it belongs to an image that we hold. */
static int parent_ready(void *data, berth_error *err)
{
    (void)data;
    (void)err;
    return 0;
}

static void layer_progress(void *data, int64_t current, int64_t total)
{
    const struct berth_image_watch *watch = data;
    if (watch != NULL && watch->progress != NULL) {
        watch->progress(watch->data, &(struct berth_image_progress){.status = "Importing",
                                                                    .current = current,
                                                                    .total = total});
    }
}

static bool layer_cancelled(void *data)
{
    const struct berth_image_watch *watch = data;
    return watch != NULL && watch->cancelled != NULL && watch->cancelled(watch->data);
}

/* The chain ID is known only when all was read: so it is spooled first. */
static int make_layer(struct creation *creation, berth_error *err)
{
    struct berth_image_spooled spooled = {.fd = -1};
    int code = berth_image_spool_stream(creation->manager, creation->request->layer_fd,
                                        creation->request->watch, true, &spooled, err);
    if (code < 0) {
        return code;
    }
    AUTO_CLOSE int spool = spooled.fd;
    char diff_id[sizeof("sha256:") + BERTH_SHA256_HEX];
    snprintf(diff_id, sizeof(diff_id), "sha256:%s", spooled.hex);
    const char *parent = creation->parent != NULL && creation->parent->top_layer != NULL
                             ? creation->parent->top_layer
                             : "";
    code = berth_oci_chain_id(parent, diff_id, creation->chain_id, err);
    if (code < 0) {
        return code;
    }
    const struct berth_image_layer_job job = {
        .source = {.fd = spool, .offset = 0, .length = spooled.size, .diff_id = diff_id},
        .chain_id = creation->chain_id,
        .parent = parent,
        .await_parent = parent_ready,
        .progress = layer_progress,
        .cancelled = layer_cancelled,
        .data = (void *)creation->request->watch,
    };
    code = berth_image_layer_make(creation->manager, &job, err);
    creation->held = code == 0;
    if (code == 0 && !berth_strv_add(&creation->config->rootfs.diff_ids, diff_id)) {
        code = berth_error_no_memory(err);
    }
    return code;
}

static int set(char **slot, const char *text, berth_error *err)
{
    char *copy = strdup(text);
    if (copy == NULL) {
        return berth_error_no_memory(err);
    }
    berth_replace(slot, copy);
    return 0;
}

static int set_platform(struct creation *creation, berth_error *err)
{
    struct berth_image_config *config = creation->config;
    struct berth_platform platform;
    if (creation->request->platform == NULL && !berth_str_empty(config->architecture)) {
        return 0;
    }
    int code = 0;
    if (!berth_str_empty(creation->request->platform)) {
        code = berth_oci_platform_parse(creation->request->platform, &platform, err);
    } else {
        berth_oci_platform_host(&platform);
    }
    if (code == 0) {
        code = set(&config->architecture, platform.architecture, err);
    }
    if (code == 0) {
        code = set(&config->os, platform.os, err);
    }
    return code == 0 ? set(&config->variant, platform.variant, err) : code;
}

static int set_settings(struct creation *creation, berth_error *err)
{
    const struct berth_image_create *request = creation->request;
    struct berth_container_config *config = &creation->config->config;
    int code = 0;
    if (request->config != NULL) {
        berth_json_done(&berth_container_config_table, config);
        code = berth_json_copy(&berth_container_config_table, request->config, config, err);
    }
    for (size_t i = 0; code == 0 && request->changes != NULL && i < request->changes->count; i++) {
        code = berth_oci_change_apply(request->changes->items[i], config, err);
    }
    return code;
}

static int add_history(struct creation *creation, const char *now, berth_error *err)
{
    const struct berth_image_create *request = creation->request;
    struct berth_image_history *step =
        berth_json_list_add(&creation->config->history, &berth_image_history_table);
    if (step == NULL) {
        return berth_error_no_memory(err);
    }
    step->empty_layer = request->layer_fd < 0;
    int code = set(&step->created, now, err);
    if (code == 0 && request->created_by != NULL) {
        code = set(&step->created_by, request->created_by, err);
    }
    if (code == 0 && request->author != NULL) {
        code = set(&step->author, request->author, err);
    }
    return code == 0 && request->comment != NULL ? set(&step->comment, request->comment, err)
                                                 : code;
}

static int set_facts(struct creation *creation, berth_error *err)
{
    const struct berth_image_create *request = creation->request;
    struct berth_image_config *config = creation->config;
    char now[BERTH_TIME_TEXT];
    berth_time_format(berth_time_now(), now);
    const struct {
        char **slot;
        const char *text;
    } facts[] = {
        {&config->created, now},
        {&config->author, request->author},
        {&config->comment, request->comment != NULL ? request->comment : ""},
        {&config->container, request->container != NULL ? request->container : ""},
        {&config->docker_version, BERTH_VERSION},
        {&config->rootfs.type, "layers"},
    };
    int code = 0;
    for (size_t i = 0; code == 0 && i < ARRAY_SIZE(facts); i++) {
        code = facts[i].text != NULL ? set(facts[i].slot, facts[i].text, err) : 0;
    }
    free(TAKE_PTR(config->parent));
    return code == 0 ? add_history(creation, now, err) : code;
}

static int build_config(struct creation *creation, berth_error *err)
{
    int code = 0;
    if (creation->parent != NULL) {
        code = berth_json_copy(&berth_image_config_table, creation->parent->config,
                               creation->config, err);
    }
    if (code == 0) {
        code = set_platform(creation, err);
    }
    if (code == 0) {
        code = set_settings(creation, err);
    }
    return code == 0 ? set_facts(creation, err) : code;
}

static int enter(struct creation *creation, char **ret_id, berth_error *err)
{
    const struct berth_image_create *request = creation->request;
    AUTO_FREE char *text = berth_json_write_text(&berth_image_config_table, creation->config, 0);
    if (text == NULL) {
        return berth_error_no_memory(err);
    }
    const struct berth_image_registration registration = {
        .config_text = text,
        .config_length = strlen(text),
        .parent = creation->parent != NULL ? creation->parent->id : NULL,
        .references = &creation->reference,
        .reference_count = request->reference != NULL ? 1 : 0,
    };
    AUTO_STRV struct berth_strv ids = {NULL, 0};
    int code = berth_image_register(creation->manager, &registration, 1,
                                    creation->parent == NULL ? "import" : NULL, &ids, err);
    if (code == 0) {
        *ret_id = strdup(ids.items[0]);
        code = *ret_id != NULL ? 0 : berth_error_no_memory(err);
    }
    return code;
}

/* Everything that can be wrong with the request is found before the tar is read. */
static int prepare(struct creation *creation, berth_error *err)
{
    const struct berth_image_create *request = creation->request;
    int code = 0;
    if (request->reference != NULL) {
        code = berth_oci_reference_parse(request->reference, &creation->reference, err);
        if (code == 0 && creation->reference.digest != NULL) {
            code = berth_error_set(err, BERTH_E_INVALID, 0, "cannot import digest reference");
        }
        if (code == 0) {
            code = berth_oci_reference_default_tag(&creation->reference, err);
        }
    }
    if (code == 0 && request->parent != NULL) {
        code = berth_image_lookup(creation->manager, request->parent, &creation->parent, err);
    }
    creation->config = berth_json_new(&berth_image_config_table);
    if (code == 0 && creation->config == NULL) {
        code = berth_error_no_memory(err);
    }
    return code == 0 ? build_config(creation, err) : code;
}

int berth_image_create(struct berth_image_manager *manager,
                       const struct berth_image_create *request, char **ret_id, berth_error *err)
{
    struct creation creation = {.manager = manager, .request = request};
    berth_image_enter(manager);
    int code = prepare(&creation, err);
    if (code == 0 && request->layer_fd >= 0) {
        code = make_layer(&creation, err);
    }
    if (code == 0) {
        code = enter(&creation, ret_id, err);
    }
    if (creation.held) {
        pthread_mutex_lock(&manager->lock);
        berth_image_layer_release(manager, creation.chain_id);
        pthread_mutex_unlock(&manager->lock);
    }
    if (code < 0) {
        berth_image_layers_collect(manager, NULL, NULL);
    }
    berth_image_unref(creation.parent);
    berth_json_free(&berth_image_config_table, creation.config);
    berth_oci_reference_done(&creation.reference);
    berth_image_leave(manager);
    return code;
}
