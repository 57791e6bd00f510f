/* SPDX-License-Identifier: Apache-2.0
 *
 * A storage driver in a folder of its own.
 */
#include "storage_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"

const char *driver_name;
char folder[64], root[96];
struct berth_plugins *plugins;
struct berth_driver *driver;
bool delta;

void open_driver(void)
{
    AUTO_STRMAP struct berth_strmap params = {0};
    berth_strmap_set(&params, "root", root);
    OK(berth_plugins_new(NULL, &plugins, err));
    OK(berth_plugin_open(plugins, BERTH_KIND_STORAGE, driver_name, NULL, &params, &driver, err));
    delta = (berth_driver_caps(driver) & BERTH_STORAGE_DELTA) != 0;
}

int setup(void **state)
{
    /* not /tmp: that may be a tmpfs or an overlay itself */
    snprintf(folder, sizeof(folder), "/var/tmp/berth-storage-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(root, sizeof(root), "%s/data/%s", folder, driver_name);
    open_driver();
    return 0;
}

int teardown(void **state)
{
    char command[128];
    berth_plugins_free(plugins);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

void write_file(int dir, const char *name, const char *text)
{
    AUTO_CLOSE int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        fail_msg("%s: %s", name, strerror(errno));
    }
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

void assert_file(int dir, const char *name, const char *text)
{
    char found[256] = "";
    AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    if (text == NULL) {
        assert_true(fd < 0 && errno == ENOENT);
        return;
    }
    if (fd < 0) {
        fail_msg("%s: %s", name, strerror(errno));
    }
    assert_int_equal(read(fd, found, sizeof(found) - 1), strlen(text));
    assert_string_equal(found, text);
}

void whiteout(int dir, const char *name)
{
    if (delta) {
        assert_int_equal(mknodat(dir, name, S_IFCHR | 0600, makedev(0, 0)), 0);
    } else if (unlinkat(dir, name, 0) != 0) {
        assert_int_equal(unlinkat(dir, name, AT_REMOVEDIR), 0);
    }
}

void add_layer(const char *id, const char *parent, const char *name, const char *text)
{
    int fd = -1;
    OK(berth_storage_layer_create(driver, NULL, id, parent, &fd, err));
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    write_file(fd, name, text);
    close(fd);
    OK(berth_storage_layer_commit(driver, NULL, id, err));
}

int mount_container(const char *id, uint32_t flags)
{
    int fd = -1;
    berth_storage_mount_req req = {.struct_size = sizeof(req), .flags = flags, .userns_fd = -1};
    OK(berth_storage_mount(driver, NULL, id, &req, &fd, err));
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    return fd;
}
