/* SPDX-License-Identifier: Apache-2.0
 *
 * Blobs: digests checked in and out, leftovers removed, names that are not digests refused.
 */
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/blob.h"

#define ABC "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static char folder[64];

static int setup(void **state)
{
    strcpy(folder, "/tmp/berth-blob-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

static void test_blobs(void **state)
{
    berth_error err = BERTH_ERROR_INIT;
    struct berth_blobs *blobs = NULL;
    char digest[BERTH_BLOB_DIGEST];
    size_t size = 0;
    AUTO_FREE char *data = NULL;
    AUTO_STRV struct berth_strv list = {0};
    assert_int_equal(berth_blobs_open(folder, &blobs, &err), 0);
    assert_false(berth_blob_exists(blobs, ABC));
    assert_int_equal(berth_blob_put(blobs, NULL, "abc", 3, digest, &err), 0);
    assert_string_equal(digest, ABC);
    assert_int_equal(berth_blob_put(blobs, ABC, "abc", 3, NULL, &err), 0);
    assert_int_equal(berth_blob_put(blobs, ABC, "abd", 3, NULL, &err), BERTH_E_DATA);
    assert_int_equal(berth_blob_put(blobs, "md5:00", "abc", 3, NULL, &err), BERTH_E_INVALID);
    assert_true(berth_blob_exists(blobs, ABC));
    assert_int_equal(berth_blob_get(blobs, ABC, 2, &data, &size, &err), BERTH_E_INVALID);
    assert_int_equal(berth_blob_get(blobs, ABC, 100, &data, &size, &err), 0);
    assert_int_equal(size, 3);
    assert_string_equal(data, "abc");
    assert_int_equal(berth_blob_list(blobs, &list, &err), 0);
    assert_int_equal(list.count, 1);
    assert_false(berth_blob_exists(blobs, "sha256:../../../etc/passwd"));

    char file[160];
    snprintf(file, sizeof(file), "%s/sha256/%s", folder, ABC + 7);
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "x", 1, 0), 1);
    close(fd);
    char *torn = NULL;
    assert_int_equal(berth_blob_get(blobs, ABC, 100, &torn, &size, &err), BERTH_E_DATA);
    assert_null(torn);
    assert_int_equal(berth_blob_delete(blobs, ABC, &err), 0);
    assert_int_equal(berth_blob_delete(blobs, ABC, &err), 0);
    assert_int_equal(berth_blob_get(blobs, ABC, 100, &torn, &size, &err), BERTH_E_NOT_FOUND);
    berth_blobs_close(blobs);
}

static void test_leftovers(void **state)
{
    berth_error err = BERTH_ERROR_INIT;
    struct berth_blobs *blobs = NULL;
    struct berth_blob_writer *writer = NULL;
    char file[160];
    assert_int_equal(berth_blobs_open(folder, &blobs, &err), 0);
    assert_int_equal(berth_blob_writer_new(blobs, &writer, &err), 0);
    assert_int_equal(berth_blob_write(writer, "a", 1, &err), 0);
    snprintf(file, sizeof(file), "%s/sha256/.new-77", folder);
    close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    berth_blob_abort(writer);
    berth_blobs_close(blobs);
    assert_int_equal(berth_blobs_open(folder, &blobs, &err), 0);
    assert_int_equal(access(file, F_OK), -1);
    berth_blobs_close(blobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_blobs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leftovers, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
