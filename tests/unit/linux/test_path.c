/* SPDX-License-Identifier: Apache-2.0
 *
 * core/linux: paths that cannot escape, removal, atomic files.
 */
#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "linux/path.h"

struct area {
    char path[32];
    int dir;
};

static void area_init(struct area *a)
{
    snprintf(a->path, sizeof(a->path), "/tmp/berth-path-XXXXXX");
    assert_non_null(mkdtemp(a->path));
    a->dir = open(a->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(a->dir >= 0);
}

static void area_done(struct area *a)
{
    close(a->dir);
    assert_int_equal(berth_linux_path_remove_tree(AT_FDCWD, a->path, NULL), 0);
    assert_int_not_equal(access(a->path, F_OK), 0);
}

static void put(int dir, const char *name, const char *text)
{
    struct berth_linux_file file = {dir, name, text, strlen(text), 0644, 0};
    assert_int_equal(berth_linux_file_replace(&file, NULL), 0);
}

static void links_stay_inside(void **state)
{
    struct area a;
    int fd;
    char text[8] = "";

    area_init(&a);
    assert_int_equal(mkdirat(a.dir, "etc", 0755), 0);
    AUTO_CLOSE int etc = openat(a.dir, "etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    put(etc, "passwd", "inside");
    assert_int_equal(symlinkat("/etc/passwd", a.dir, "absolute"), 0);
    assert_int_equal(symlinkat("../../../../../etc/passwd", a.dir, "climbing"), 0);
    assert_int_equal(symlinkat("/proc/self/exe", a.dir, "magic"), 0);
    static const char *const good[] = {"absolute", "climbing", "/etc/passwd", "../etc/passwd"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(berth_linux_path_open(a.dir, good[i], O_RDONLY, 0, &fd, NULL), 0);
        assert_int_equal(read(fd, text, 7), 6);
        assert_string_equal(text, "inside");
        assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        close(fd);
    }
    assert_int_equal(berth_linux_path_open(a.dir, "magic", O_RDONLY, 0, &fd, NULL),
                     BERTH_E_NOT_FOUND);
    assert_int_not_equal(berth_linux_path_open_strict(a.dir, "absolute", O_RDONLY, 0, &fd, NULL),
                         0);
    assert_int_not_equal(
        berth_linux_path_open_strict(a.dir, "../etc/passwd", O_RDONLY, 0, &fd, NULL), 0);
    area_done(&a);
}

struct swapper {
    int dir;
    atomic_bool stop;
};

static void *swap_thread(void *arg)
{
    struct swapper *s = arg;
    while (!atomic_load(&s->stop)) {
        renameat2(s->dir, "a", s->dir, "b", RENAME_EXCHANGE);
    }
    return NULL;
}

/* A directory and a link out, swapped all the time: what is opened is always inside. */
static void swapped_links_do_not_escape(void **state)
{
    struct area a;
    struct swapper s = {.stop = false};
    pthread_t thread;
    char link[64], found[256];

    area_init(&a);
    assert_int_equal(mkdirat(a.dir, "a", 0755), 0);
    assert_int_equal(symlinkat("/usr", a.dir, "b"), 0);
    s.dir = a.dir;
    assert_int_equal(pthread_create(&thread, NULL, swap_thread, &s), 0);
    for (int i = 0; i < 3000; i++) {
        int fd;
        berth_linux_path_make_dirs(a.dir, "a/made/deeper", 0755, NULL, NULL);
        if (berth_linux_path_open(a.dir, "a", O_RDONLY | O_DIRECTORY, 0, &fd, NULL) == 0) {
            snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
            ssize_t n = readlink(link, found, sizeof(found) - 1);
            assert_true(n > 0);
            found[n] = 0;
            assert_memory_equal(found, a.path, strlen(a.path));
            close(fd);
        }
    }
    atomic_store(&s.stop, true);
    pthread_join(thread, NULL);
    assert_int_not_equal(access("/usr/made", F_OK), 0);
    area_done(&a);
}

static void directories_are_made(void **state)
{
    struct area a;
    int fd = -1;
    struct stat st;

    area_init(&a);
    assert_int_equal(berth_linux_path_make_dirs(a.dir, "/x//y/./z/", 0750, &fd, NULL), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    close(fd);
    assert_int_equal(berth_linux_path_make_dirs(a.dir, "x/y", 0700, NULL, NULL), 0);
    put(a.dir, "file", "");
    berth_error err;
    assert_int_not_equal(berth_linux_path_make_dirs(a.dir, "file/below", 0700, NULL, &err), 0);
    assert_non_null(strstr(err.msg, "file/below"));
    area_done(&a);
}

static void deep_and_wide_trees_go(void **state)
{
    struct area a;
    char name[32];

    area_init(&a);
    int at = dup(a.dir);
    for (int i = 0; i < 3000; i++) { /* deeper than PATH_MAX allows to name */
        assert_int_equal(mkdirat(at, "d", 0755), 0);
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = next;
        if (i % 1000 == 0) {
            for (int k = 0; k < 200; k++) {
                snprintf(name, sizeof(name), "f%d", k);
                put(at, name, "x");
            }
        }
    }
    close(at);
    assert_int_equal(symlinkat("/etc", a.dir, "link"), 0);
    area_done(&a);
    assert_int_equal(access("/etc/passwd", F_OK), 0);
}

static void trash_takes_at_once(void **state)
{
    struct area a;
    char name[65];

    area_init(&a);
    assert_int_equal(mkdirat(a.dir, "trash", 0700), 0);
    AUTO_CLOSE int trash = openat(a.dir, "trash", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    put(a.dir, "gone", "x");
    assert_int_equal(berth_linux_path_trash(a.dir, "gone", trash, name, NULL), 0);
    assert_int_equal(strlen(name), 64);
    assert_int_equal(faccessat(trash, name, F_OK, 0), 0);
    assert_int_equal(berth_linux_path_trash(a.dir, "gone", trash, name, NULL), 0);
    assert_string_equal(name, "");
    area_done(&a);
}

static void files_are_replaced_and_read(void **state)
{
    struct area a;
    AUTO_FREE char *data = NULL;
    size_t length;
    berth_error err;

    area_init(&a);
    put(a.dir, "f", "one");
    put(a.dir, "f", "two two");
    assert_int_equal(berth_linux_file_read(a.dir, "f", 100, &data, &length, NULL), 0);
    assert_int_equal(length, 7);
    assert_string_equal(data, "two two");
    berth_replace(&data, NULL);
    assert_int_equal(berth_linux_file_read(a.dir, "f", 3, &data, NULL, &err), BERTH_E_DATA);
    assert_int_equal(berth_linux_file_read(a.dir, "no", 3, &data, NULL, &err), BERTH_E_NOT_FOUND);
    struct berth_linux_file bad = {a.dir, "no/such", "", 0, 0644, BERTH_LINUX_WRITE_FSYNC};
    assert_int_equal(berth_linux_file_replace(&bad, &err), BERTH_E_NOT_FOUND);
    area_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_stay_inside),    cmocka_unit_test(swapped_links_do_not_escape),
        cmocka_unit_test(directories_are_made), cmocka_unit_test(deep_and_wide_trees_go),
        cmocka_unit_test(trash_takes_at_once),  cmocka_unit_test(files_are_replaced_and_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
