/* SPDX-License-Identifier: Apache-2.0
 *
 * Volumes: names, life, users, filters, prune, copy-up, and coming back after a restart.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "linux/path.h"
#include "store/store.h"
#include "volume/volume.h"

struct rig {
    char root[64];
    struct berth_store *store;
    struct berth_volume_manager *volumes;
};

static void rig_open(struct rig *rig)
{
    char path[96];
    berth_error error = BERTH_ERROR_INIT;
    snprintf(path, sizeof(path), "%s/berth.db", rig->root);
    assert_int_equal(berth_store_open(path, &rig->store, &error), 0);
    assert_int_equal(berth_volume_manager_open(rig->root, rig->store, NULL, &rig->volumes, &error),
                     0);
}

static void rig_close(struct rig *rig)
{
    berth_volume_manager_close(rig->volumes);
    berth_store_close(rig->store);
}

static int setup(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    strcpy(rig->root, "/tmp/berth-volume-XXXXXX");
    assert_non_null(mkdtemp(rig->root));
    rig_open(rig);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    rig_close(rig);
    assert_int_equal(berth_linux_path_remove_tree(AT_FDCWD, rig->root, NULL), 0);
    free(rig);
    return 0;
}

static char *create(struct rig *rig, char *name)
{
    struct berth_volume_create request = {.name = name};
    struct berth_volume volume;
    berth_error error = BERTH_ERROR_INIT;
    berth_json_init(&berth_volume_table, &volume);
    assert_int_equal(berth_volume_create(rig->volumes, &request, &volume, &error), 0);
    assert_int_equal(access(volume.mountpoint, F_OK), 0);
    char *made = berth_strdup(volume.name);
    berth_json_done(&berth_volume_table, &volume);
    return made;
}

static size_t count(struct rig *rig, const char *filter)
{
    AUTO_STRV struct berth_strv filters = {0};
    struct berth_json_list list = {0};
    berth_error error = BERTH_ERROR_INIT;
    if (filter != NULL) {
        assert_true(berth_strv_add(&filters, filter));
    }
    assert_int_equal(berth_volume_list(rig->volumes, &filters, false, &list, &error), 0);
    size_t result = list.count;
    berth_json_list_done(&list, &berth_volume_table);
    return result;
}

static void test_names(void **state)
{
    struct rig *rig = *state;
    char bad[] = "a/b", driver[] = "nfs";
    struct berth_volume_create request = {.name = bad};
    struct berth_volume volume;
    berth_error error = BERTH_ERROR_INIT;
    assert_int_equal(berth_volume_create(rig->volumes, &request, &volume, &error), BERTH_E_INVALID);
    request = (struct berth_volume_create){.driver = driver};
    assert_int_equal(berth_volume_create(rig->volumes, &request, &volume, &error),
                     BERTH_E_NOT_FOUND);
    assert_true(berth_volume_name_valid("data.1_x-Y"));
    assert_false(berth_volume_name_valid(".."));
    assert_false(berth_volume_name_valid("x"));
    assert_false(berth_volume_name_valid(""));
}

static void test_life(void **state)
{
    struct rig *rig = *state;
    char name[] = "data";
    berth_error error = BERTH_ERROR_INIT;
    free(create(rig, name));
    free(create(rig, name)); /* again: the same one */
    assert_int_equal(count(rig, "name=data"), 1);
    assert_int_equal(berth_volume_use(rig->volumes, "data", "c1", &error), 0);
    assert_int_equal(count(rig, "dangling=true"), 0);
    assert_int_equal(berth_volume_remove(rig->volumes, "data", true, &error), BERTH_E_CONFLICT);
    assert_string_equal(error.msg, "remove data: volume is in use - [c1]");
    berth_volume_unuse(rig->volumes, "data", "c1");
    assert_int_equal(berth_volume_remove(rig->volumes, "data", false, &error), 0);
    assert_int_equal(berth_volume_remove(rig->volumes, "data", false, &error), BERTH_E_NOT_FOUND);
    assert_string_equal(error.msg, "get data: no such volume");
    assert_int_equal(berth_volume_remove(rig->volumes, "data", true, &error), 0);
    AUTO_STRV struct berth_strv wrong = {0};
    struct berth_json_list list = {0};
    assert_true(berth_strv_add(&wrong, "colour=red"));
    assert_int_equal(berth_volume_list(rig->volumes, &wrong, false, &list, &error),
                     BERTH_E_INVALID);
}

static void test_prune(void **state)
{
    struct rig *rig = *state;
    char name[] = "kept";
    AUTO_STRV struct berth_strv names = {0}, all = {0};
    int64_t bytes = 0;
    berth_error error = BERTH_ERROR_INIT;
    free(create(rig, name));
    char *anonymous = create(rig, NULL);
    char *used = create(rig, NULL);
    assert_true(berth_volume_is_anonymous(rig->volumes, anonymous));
    assert_false(berth_volume_is_anonymous(rig->volumes, "kept"));
    assert_int_equal(berth_volume_use(rig->volumes, used, "c1", &error), 0);
    assert_int_equal(berth_volume_prune(rig->volumes, NULL, &names, &bytes, &error), 0);
    assert_int_equal(names.count, 1);
    assert_string_equal(names.items[0], anonymous);
    assert_true(berth_strv_add(&all, "all=true"));
    assert_int_equal(berth_volume_prune(rig->volumes, &all, &names, &bytes, &error), 0);
    assert_int_equal(names.count, 2);
    assert_int_equal(count(rig, NULL), 1);
    free(anonymous);
    free(used);
}

static void test_restart(void **state)
{
    struct rig *rig = *state;
    char name[] = "stays", path[128];
    free(create(rig, name));
    snprintf(path, sizeof(path), "%s/volumes/found", rig->root);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/volumes/found/_data", rig->root);
    assert_int_equal(mkdir(path, 0700), 0);
    rig_close(rig);
    rig_open(rig);
    assert_int_equal(count(rig, "name=stays"), 1);
    assert_int_equal(count(rig, "name=found"), 1); /* without a row, but with somebody's data */
}

static void test_copy_up(void **state)
{
    struct rig *rig = *state;
    char name[] = "fresh", path[320], target[32] = "";
    struct stat status;
    berth_error error = BERTH_ERROR_INIT;
    free(create(rig, name));
    snprintf(path, sizeof(path),
             "mkdir -p %s/img/srv/sub && echo x > %s/img/srv/sub/f && ln -s /etc %s/img/srv/l",
             rig->root, rig->root, rig->root);
    assert_int_equal(system(path), 0);
    snprintf(path, sizeof(path), "%s/img/srv/sub/f", rig->root);
    assert_int_equal(chown(path, 12, 34), 0);
    assert_int_equal(chmod(path, 04751), 0);
    snprintf(path, sizeof(path), "%s/img/srv", rig->root);
    assert_int_equal(chmod(path, 01777), 0);
    snprintf(path, sizeof(path), "%s/img", rig->root);
    AUTO_CLOSE int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(berth_volume_copy_up(rig->volumes, "fresh", root, "/srv", &error), 0);
    snprintf(path, sizeof(path), "%s/volumes/fresh/_data", rig->root);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 01777);
    snprintf(path, sizeof(path), "%s/volumes/fresh/_data/sub/f", rig->root);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 04751);
    assert_int_equal(status.st_uid, 12);
    assert_int_equal(status.st_gid, 34);
    snprintf(path, sizeof(path), "%s/volumes/fresh/_data/l", rig->root);
    assert_int_equal(readlink(path, target, sizeof(target) - 1), 4);
    assert_string_equal(target, "/etc");
    /* not again into one that has something, and nothing there is fine */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(berth_volume_copy_up(rig->volumes, "fresh", root, "/srv", &error), 0);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(berth_volume_copy_up(rig->volumes, "fresh", root, "/nothing", &error), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_life, setup, teardown),
        cmocka_unit_test_setup_teardown(test_prune, setup, teardown),
        cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copy_up, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
