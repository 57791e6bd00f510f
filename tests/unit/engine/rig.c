/* SPDX-License-Identifier: Apache-2.0
 *
 * See rig.h.
 */
#include "rig.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "image/image.h"
#include "linux/path.h"
#include "oci/create_body.h"

enum { PATIENCE_MS = 60000 };

static const char *const applets[] = {"sh", "cat", "echo", "sleep", "true", "id", "seq", "kill"};

void rig_namespaces(void)
{
    assert_int_equal(unshare(CLONE_NEWNET | CLONE_NEWNS), 0);
    assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL), 0);
}

static void command(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void command(const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    assert_int_equal(system(text), 0);
}

void rig_init(struct rig *rig)
{
    *rig = (struct rig){0};
    strcpy(rig->root, "/tmp/berth-engine-XXXXXX");
    assert_non_null(mkdtemp(rig->root));
    snprintf(rig->data, sizeof(rig->data), "%s/data", rig->root);
    snprintf(rig->run, sizeof(rig->run), "%s/run", rig->root);
    command("mkdir -p %s/image/bin %s/image/etc %s/image/tmp", rig->root, rig->root, rig->root);
    command("cp /bin/busybox %s/image/bin/busybox", rig->root);
    for (size_t i = 0; i < sizeof(applets) / sizeof(applets[0]); i++) {
        command("ln -s busybox %s/image/bin/%s", rig->root, applets[i]);
    }
    command("echo root:x:0:0:root:/root:/bin/sh > %s/image/etc/passwd", rig->root);
    command("tar -C %s/image -cf %s/image.tar .", rig->root, rig->root);
}

static void import_image(struct rig *rig)
{
    char path[96], *id = NULL;
    berth_error error = BERTH_ERROR_INIT;
    struct berth_image *image = NULL;
    struct berth_image_manager *images = berth_engine_images(rig->engine);
    if (berth_image_lookup(images, "busybox", &image, NULL) == 0) {
        berth_image_unref(image);
        return;
    }
    snprintf(path, sizeof(path), "%s/image.tar", rig->root);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    struct berth_image_create request = {.layer_fd = fd, .reference = "busybox"};
    if (berth_image_create(images, &request, &id, &error) != 0) {
        fail_msg("%s", error.msg);
    }
    close(fd);
    free(id);
}

void rig_open(struct rig *rig)
{
    berth_error error = BERTH_ERROR_INIT;
    struct berth_engine_config config = {.data_root = rig->data, .exec_root = rig->run};
    if (berth_engine_open(&config, &rig->engine, &error) != 0) {
        fail_msg("%s", error.msg);
    }
    rig->containers = berth_engine_containers(rig->engine);
    import_image(rig);
}

void rig_close(struct rig *rig)
{
    berth_engine_close(rig->engine);
    rig->engine = NULL;
    rig->containers = NULL;
}

void rig_done(struct rig *rig)
{
    assert_int_equal(berth_linux_path_remove_tree(AT_FDCWD, rig->root, NULL), 0);
}

char *rig_create(struct rig *rig, const char *name, const char *script, const char *host)
{
    AUTO_CREATE_BODY struct berth_create_body body;
    struct berth_container_created created = {0};
    berth_error error = BERTH_ERROR_INIT;
    berth_oci_create_body_init(&body);
    body.config.image = berth_strdup("busybox");
    assert_true(berth_strv_add(&body.config.cmd, "sh"));
    assert_true(berth_strv_add(&body.config.cmd, "-c"));
    assert_true(berth_strv_add(&body.config.cmd, script));
    if (strcmp(script, "no-such-program") == 0) {
        berth_strv_done(&body.config.cmd);
        assert_true(berth_strv_add(&body.config.cmd, script));
    }
    assert_int_equal(
        berth_json_read_text(&berth_host_config_table, host, strlen(host), &body.host, &error), 0);
    struct berth_container_create request = {
        .name = name, .config = &body.config, .host_config = &body.host};
    if (berth_container_create(rig->containers, &request, &created, &error) != 0) {
        fail_msg("%s", error.msg);
    }
    berth_strv_done(&created.warnings);
    return created.id;
}

char *rig_run(struct rig *rig, const char *name, const char *script, const char *host)
{
    berth_error error = BERTH_ERROR_INIT;
    char *id = rig_create(rig, name, script, host);
    if (berth_container_start(rig->containers, id, &error) != 0) {
        fail_msg("%s", error.msg);
    }
    return id;
}

int rig_wait(struct rig *rig, const char *ref, const char *condition)
{
    struct berth_container_waiter *waiter = NULL;
    struct berth_container_waited waited = {0};
    berth_error error = BERTH_ERROR_INIT;
    assert_int_equal(berth_container_wait_open(rig->containers, ref, condition, &waiter, &error),
                     0);
    struct pollfd poll_fd = {.fd = berth_container_wait_fd(waiter), .events = POLLIN};
    assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
    assert_true(berth_container_wait_result(waiter, &waited));
    berth_container_wait_close(waiter);
    return waited.exit_code;
}

char *rig_logs(struct rig *rig, const char *ref, int64_t tail)
{
    struct berth_container_logs options = {
        .standard_output = true, .standard_error = true, .tail = tail};
    struct berth_container_log_reader *reader = NULL;
    struct berth_buffer buffer = BERTH_BUFFER_INIT;
    berth_error error = BERTH_ERROR_INIT;
    assert_int_equal(berth_container_logs_open(rig->containers, ref, &options, &reader, &error), 0);
    while (berth_container_logs_read(reader, &buffer, buffer.length + 65536, &error) == 1) {
    }
    berth_container_logs_close(reader);
    return berth_buffer_take(&buffer);
}

void rig_remove(struct rig *rig, const char *ref)
{
    struct berth_container_remove options = {.force = true, .volumes = true};
    berth_error error = BERTH_ERROR_INIT;
    if (berth_container_remove(rig->containers, ref, &options, &error) != 0) {
        fail_msg("%s", error.msg);
    }
}

char *rig_status(struct rig *rig, const char *ref)
{
    struct berth_container_inspect inspect;
    berth_error error = BERTH_ERROR_INIT;
    berth_json_init(&berth_container_inspect_table, &inspect);
    assert_int_equal(berth_container_inspect(rig->containers, ref, false, &inspect, &error), 0);
    char *status = berth_strdup(inspect.state.status);
    berth_json_done(&berth_container_inspect_table, &inspect);
    return status;
}
