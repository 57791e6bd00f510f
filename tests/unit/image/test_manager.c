/* SPDX-License-Identifier: Apache-2.0
 *
 * core/image: names, listing, removal, pruning, creating, what is there after a restart.
 */
#include "test.h"

#include "manager_make.h"

static void check_not_found(const char *ref, const char *sentence)
{
    struct berth_image *image = NULL;
    berth_error err = BERTH_ERROR_INIT;
    assert_int_equal(berth_image_lookup(manager, ref, &image, &err), BERTH_E_NOT_FOUND);
    assert_string_equal(err.msg, sentence);
}

static void test_lookup(void **state)
{
    load_simple("debian:12", "x", "\"Cmd\":[\"sh\"]");
    AUTO_IMAGE struct berth_image *image = NULL;
    OK(berth_image_lookup(manager, "docker.io/library/debian:12", &image, err));
    assert_string_equal(image->repo_tags.items[0], "debian:12");
    assert_string_equal(image->config->config.cmd.items[0], "sh");
    assert_int_equal(image->size, 1);
    assert_int_equal(image->created, 1704164645);
    assert_non_null(image->top_layer);
    const char *forms[] = {image->id, image->id + 7, NULL, NULL};
    char prefix[13], with_algorithm[24];
    snprintf(prefix, sizeof(prefix), "%.12s", image->id + 7);
    snprintf(with_algorithm, sizeof(with_algorithm), "%.20s", image->id);
    forms[2] = prefix;
    forms[3] = with_algorithm;
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        AUTO_IMAGE struct berth_image *other = NULL;
        OK(berth_image_lookup(manager, forms[i], &other, err));
        assert_string_equal(other->id, image->id);
    }
    check_not_found("nosuch", "No such image: nosuch:latest");
    check_not_found("debian", "No such image: debian:latest");
    struct berth_image *none = NULL;
    assert_int_equal(berth_image_lookup(manager, "No Good", &none, NULL), BERTH_E_INVALID);
    assert_int_equal(berth_image_lookup(manager, "", &none, NULL), BERTH_E_INVALID);
    remove_image("debian:12");
    /* the snapshot lives on */
    assert_string_equal(image->repo_tags.items[0], "debian:12");
    check_empty();
}

static void test_names_move(void **state)
{
    load_simple("a:1", "one", NULL);
    AUTO_IMAGE struct berth_image *first = NULL;
    OK(berth_image_lookup(manager, "a:1", &first, err));
    load_simple("a:1", "two", NULL);
    AUTO_IMAGE struct berth_image *old = NULL;
    OK(berth_image_lookup(manager, first->id, &old, err));
    assert_int_equal(old->repo_tags.count, 0);
    OK(berth_image_tag(manager, first->id, "localhost:5000/x/y", err));
    AUTO_IMAGE struct berth_image *tagged = NULL;
    OK(berth_image_lookup(manager, "localhost:5000/x/y:latest", &tagged, err));
    assert_string_equal(tagged->id, first->id);
    assert_non_null(tagged->last_tagged);
    assert_int_equal(berth_image_tag(manager, "a:1", "Upper", NULL), BERTH_E_INVALID);
    assert_int_equal(berth_image_tag(manager, "nosuch", "b", NULL), BERTH_E_NOT_FOUND);

    /* all of it is there after a restart */
    close_manager();
    open_manager();
    assert_int_equal(berth_image_manager_count(manager), 2);
    AUTO_IMAGE struct berth_image *again = NULL;
    OK(berth_image_lookup(manager, "localhost:5000/x/y", &again, err));
    assert_string_equal(again->id, first->id);
    assert_string_equal(again->last_tagged, tagged->last_tagged);
    remove_image("a:1");
    remove_image("localhost:5000/x/y");
    check_empty();
}

static size_t list_count(const char *filter)
{
    struct berth_strv filters = {NULL, 0};
    if (filter != NULL) {
        berth_strv_add(&filters, filter);
    }
    struct berth_image **images = NULL;
    size_t count = 0;
    const struct berth_image_list_options options = {.filters = &filters, .shared_size = true};
    OK(berth_image_list(manager, &options, &images, &count, err));
    for (size_t i = 0; i < count; i++) {
        assert_true(images[i]->shared_size >= 0);
    }
    berth_image_list_free(images, count);
    berth_strv_done(&filters);
    return count;
}

static void test_list(void **state)
{
    load_simple("one:1", "same", "\"Labels\":{\"k\":\"v\"}");
    load_simple("two/three:latest", "same", NULL);
    assert_int_equal(list_count(NULL), 2);
    assert_int_equal(list_count("label=k"), 1);
    assert_int_equal(list_count("label=k=v"), 1);
    assert_int_equal(list_count("label=k=w"), 0);
    assert_int_equal(list_count("reference=one"), 1);
    assert_int_equal(list_count("reference=*/*"), 1);
    assert_int_equal(list_count("reference=*"), 1);
    assert_int_equal(list_count("dangling=true"), 0);
    assert_int_equal(list_count("before=one:1"), 0);
    assert_int_equal(list_count("until=2020-01-01"), 0);
    assert_int_equal(stored_layers(), 1);
    struct berth_strv filters = {NULL, 0};
    berth_strv_add(&filters, "colour=red");
    const struct berth_image_list_options options = {.filters = &filters};
    struct berth_image **images = NULL;
    size_t count = 0;
    berth_error err = BERTH_ERROR_INIT;
    assert_int_equal(berth_image_list(manager, &options, &images, &count, &err), BERTH_E_INVALID);
    assert_string_equal(err.msg, "invalid filter 'colour'");
    berth_strv_done(&filters);
    remove_image("one:1");
    remove_image("two/three");
    check_empty();
}

static bool users_running, users_stopped;

static bool fake_users(void *data, const char *image_id, bool running, char ret_container_id[65])
{
    snprintf(ret_container_id, 65, "%s", "0123456789abcdef");
    return running ? users_running : users_stopped;
}

static void check_conflict(const char *ref, bool force, const char *sentence)
{
    const struct berth_image_remove options = {.force = force};
    struct berth_json_list items = {NULL, 0};
    berth_error err = BERTH_ERROR_INIT;
    assert_int_equal(berth_image_remove(manager, ref, &options, &items, &err), BERTH_E_CONFLICT);
    if (strstr(err.msg, sentence) == NULL) {
        fail_msg("\"%s\" lacks \"%s\"", err.msg, sentence);
    }
}

static void test_removal_rules(void **state)
{
    load_simple("x:1", "x", NULL);
    OK(berth_image_tag(manager, "x:1", "y:1", err));
    AUTO_IMAGE struct berth_image *image = NULL;
    OK(berth_image_lookup(manager, "x:1", &image, err));
    check_conflict(image->id, false,
                   "(must be forced) - image is referenced in multiple "
                   "repositories");
    remove_image("y:1"); /* only the name goes */
    assert_int_equal(berth_image_manager_count(manager), 1);

    berth_image_manager_set_users(manager, fake_users, NULL);
    users_stopped = true;
    check_conflict(
        "x:1", false,
        "conflict: unable to remove repository reference \"x:1\" (must force) - container "
        "0123456789ab is using its referenced image ");
    check_conflict(image->id, false,
                   "(must be forced) - image is being used by stopped container 0123456789ab");
    users_running = true;
    check_conflict(image->id, true,
                   "(cannot be forced) - image is being used by running container 0123456789ab");
    users_running = false;

    struct berth_json_list items = {NULL, 0};
    const struct berth_image_remove options = {.force = true};
    OK(berth_image_remove(manager, "x:1", &options, &items, err));
    assert_int_equal(items.count, 3);
    assert_string_equal(((struct berth_image_delete_item *)items.items[0])->untagged, "x:1");
    assert_string_equal(((struct berth_image_delete_item *)items.items[1])->deleted, image->id);
    AUTO_FREE char *text = berth_json_write_text(&berth_image_delete_item_table, items.items[0], 0);
    assert_string_equal(text, "{\"Untagged\":\"x:1\"}");
    berth_json_list_done(&items, &berth_image_delete_item_table);
    users_stopped = false;
    berth_image_manager_set_users(manager, NULL, NULL);
    check_empty();
}

static void prune(const char *filter, size_t wanted)
{
    struct berth_strv filters = {NULL, 0};
    struct berth_json_list items = {NULL, 0};
    int64_t reclaimed = -1;
    if (filter != NULL) {
        berth_strv_add(&filters, filter);
    }
    OK(berth_image_prune(manager, &filters, &items, &reclaimed, err));
    assert_int_equal(items.count, wanted);
    assert_true(reclaimed >= 0 && (wanted > 0) == (reclaimed > 0));
    berth_json_list_done(&items, &berth_image_delete_item_table);
    berth_strv_done(&filters);
}

static void test_prune(void **state)
{
    load_simple("p:1", "one", NULL);
    load_simple("p:1", "two", NULL); /* the first one dangles now */
    prune(NULL, 2);
    assert_int_equal(berth_image_manager_count(manager), 1);
    prune(NULL, 0);
    prune("dangling=false", 3);
    check_empty();
}

static void test_create(void **state)
{
    AUTO_BUFFER struct berth_buffer tar = BERTH_BUFFER_INIT;
    simple_layer(&tar, "bin/sh", "#!");
    AUTO_CLOSE int fd = memory_file(tar.data, tar.length);
    AUTO_STRV struct berth_strv changes = {NULL, 0};
    berth_strv_add(&changes, "CMD [\"/bin/sh\"]");
    berth_strv_add(&changes, "ENV A=b C=\"d e\"");
    berth_strv_add(&changes, "EXPOSE 80 90/udp");
    const struct berth_image_create import = {
        .layer_fd = fd, .reference = "imp", .changes = &changes, .comment = "Imported from -"};
    AUTO_FREE char *base = NULL;
    OK(berth_image_create(manager, &import, &base, err));
    AUTO_IMAGE struct berth_image *image = NULL;
    OK(berth_image_lookup(manager, "imp:latest", &image, err));
    assert_string_equal(image->id, base);
    assert_string_equal(image->config->config.env.items[1], "C=d e");
    assert_string_equal(image->config->config.exposed_ports.items[1], "90/udp");
    assert_string_equal(image->config->comment, "Imported from -");

    AUTO_BUFFER struct berth_buffer diff = BERTH_BUFFER_INIT;
    simple_layer(&diff, "new", "n");
    AUTO_CLOSE int diff_fd = memory_file(diff.data, diff.length);
    const struct berth_image_create commit = {.parent = "imp",
                                              .layer_fd = diff_fd,
                                              .reference = "com:1",
                                              .created_by = "sh",
                                              .author = "me"};
    AUTO_FREE char *id = NULL;
    OK(berth_image_create(manager, &commit, &id, err));
    AUTO_IMAGE struct berth_image *child = NULL;
    OK(berth_image_lookup(manager, id, &child, err));
    assert_string_equal(child->parent, base);
    assert_int_equal(child->chain_ids->count, 2);
    assert_string_equal(child->config->config.cmd.items[0], "/bin/sh");

    struct berth_json_list steps = {NULL, 0};
    OK(berth_image_history(manager, "com:1", &steps, err));
    assert_int_equal(steps.count, 2);
    const struct berth_image_history_item *newest = steps.items[0], *oldest = steps.items[1];
    assert_string_equal(newest->id, id);
    assert_string_equal(newest->created_by, "sh");
    assert_string_equal(oldest->id, base);
    assert_string_equal(oldest->tags.items[0], "imp:latest");
    assert_int_equal(oldest->size, 2);
    berth_json_list_done(&steps, &berth_image_history_item_table);

    check_conflict(base, true, "(cannot be forced) - image has dependent child images");
    berth_strv_add(&changes, "FROM scratch");
    berth_error err = BERTH_ERROR_INIT;
    char *none = NULL;
    assert_int_equal(berth_image_create(manager, &import, &none, &err), BERTH_E_INVALID);
    assert_non_null(strstr(err.msg, "FROM is not a valid change command"));
    remove_image("imp"); /* only the name: it has a child */
    remove_image("com:1");
    check_empty();
}

/* A manager that was killed between the driver's commit and the row: the layer goes at start. */
static void test_stray_layer(void **state)
{
    int fd = -1;
    OK(berth_storage_layer_create(driver, NULL, "stray", NULL, &fd, err));
    close(fd);
    OK(berth_storage_layer_commit(driver, NULL, "stray", err));
    OK(berth_storage_layer_create(driver, NULL, "child", "stray", &fd, err));
    close(fd);
    OK(berth_storage_layer_commit(driver, NULL, "child", err));
    char path[160];
    snprintf(path, sizeof(path), "%s/image/%s/records/.new-9", data_root, driver_name);
    mkdir(path, 0700);
    close_manager();
    open_manager();
    check_empty();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookup),      cmocka_unit_test(test_names_move),
        cmocka_unit_test(test_list),        cmocka_unit_test(test_removal_rules),
        cmocka_unit_test(test_prune),       cmocka_unit_test(test_create),
        cmocka_unit_test(test_stray_layer),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
