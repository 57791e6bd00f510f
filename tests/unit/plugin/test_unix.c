/* SPDX-License-Identifier: Apache-2.0
 *
 * The transport driver "unix" through the typed calls: listen, dial, accept, stale and live
 * sockets, permissions, inherited sockets.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "plugin/transport.h"

static char folder[] = "/tmp/berth-unix-XXXXXX";
static char url[128], *path;

static int setup(void **state)
{
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(url, sizeof(url), "unix://%s/s.sock", folder);
    path = url + strlen("unix://");
    return 0;
}

static int teardown(void **state)
{
    return rmdir(folder); /* fails when a socket was left behind */
}

static struct berth_driver *open_driver(struct berth_plugins **ret_plugins,
                                        const struct berth_strmap *params)
{
    berth_error err = BERTH_ERROR_INIT;
    struct berth_driver *driver = NULL;
    assert_int_equal(berth_plugins_new(NULL, ret_plugins, &err), 0);
    if (berth_plugin_open_url(*ret_plugins, url, params, &driver, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    return driver;
}

static void test_round_trip(void **state)
{
    struct berth_plugins *plugins;
    struct berth_driver *driver = open_driver(&plugins, NULL);
    berth_error err = BERTH_ERROR_INIT;
    berth_transport_peer peer;
    struct stat status;
    int listener = -1, client = -1, server = -1;
    char text[8] = "";
    assert_int_equal(berth_transport_dial(driver, NULL, url, 0, &client, &err), BERTH_E_NOT_FOUND);
    assert_int_equal(berth_transport_listen(driver, NULL, url, 0, &listener, &err), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0660);
    berth_error_clear(&err);
    assert_int_equal(berth_transport_accept(driver, listener, &server, &peer, &err),
                     BERTH_E_UNAVAILABLE);
    assert_true((err.flags & BERTH_ERROR_RETRY) != 0);
    assert_int_equal(berth_transport_dial(driver, NULL, url, 1000, &client, &err), 0);
    assert_int_equal(berth_transport_accept(driver, listener, &server, &peer, &err), 0);
    assert_int_equal(peer.flags, BERTH_PEER_CREDENTIALS | BERTH_PEER_ENCRYPTED);
    assert_int_equal(peer.pid, getpid());
    assert_int_equal(peer.uid, getuid());
    assert_true((fcntl(server, F_GETFD) & FD_CLOEXEC) != 0);
    assert_true((fcntl(client, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(write(client, "hello", 5), 5);
    shutdown(client, SHUT_WR);
    assert_int_equal(read(server, text, sizeof(text)), 5);
    assert_int_equal(read(server, text, sizeof(text)), 0);
    close(server);
    close(client);
    assert_int_equal(berth_transport_unlisten(driver, listener, &err), 0);
    assert_int_equal(berth_transport_unlisten(driver, listener, &err), BERTH_E_NOT_FOUND);
    assert_int_equal(access(path, F_OK), -1);
    berth_plugins_free(plugins);
}

static void test_live_and_stale(void **state)
{
    struct berth_plugins *first, *second;
    struct berth_driver *one = open_driver(&first, NULL), *two = open_driver(&second, NULL);
    berth_error err = BERTH_ERROR_INIT;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = -1, other = -1, client = -1;
    assert_int_equal(berth_transport_listen(one, NULL, url, 0, &listener, &err), 0);
    assert_int_equal(berth_transport_listen(two, NULL, url, 0, &other, &err), BERTH_E_CONFLICT);
    assert_non_null(strstr(err.msg, "another process"));
    assert_int_equal(berth_transport_unlisten(one, listener, &err), 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&address, sizeof(address)), 0);
    close(dead);
    assert_int_equal(berth_transport_dial(one, NULL, url, 0, &client, &err), BERTH_E_UNAVAILABLE);
    assert_int_equal(berth_transport_listen(two, NULL, url, 0, &other, &err), 0);
    berth_plugins_free(second); /* close() ends the listener */
    assert_int_equal(access(path, F_OK), -1);

    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(berth_transport_listen(one, NULL, url, 0, &listener, &err), BERTH_E_CONFLICT);
    assert_non_null(strstr(err.msg, "not a socket"));
    close(file);
    unlink(path);
    berth_plugins_free(first);
}

static void test_parameters(void **state)
{
    struct berth_plugins *plugins;
    struct berth_driver *driver;
    berth_error err = BERTH_ERROR_INIT;
    struct stat status;
    int listener = -1;
    AUTO_STRMAP struct berth_strmap params = {0};
    berth_strmap_set(&params, "group", "12345");
    berth_strmap_set(&params, "mode", "0600");
    driver = open_driver(&plugins, &params);
    assert_int_equal(berth_transport_listen(driver, NULL, url, 0, &listener, &err), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(status.st_gid, 12345);
    berth_plugins_free(plugins);

    assert_int_equal(berth_plugins_new(NULL, &plugins, &err), 0);
    berth_strmap_set(&params, "colour", "blue");
    assert_int_equal(berth_plugin_open_url(plugins, url, &params, &driver, &err), BERTH_E_INVALID);
    assert_string_equal(err.msg,
                        "transport driver unix has no parameter 'colour'; it has: group, mode");
    berth_strmap_remove(&params, "colour");
    berth_strmap_set(&params, "mode", "rw");
    assert_int_equal(berth_plugin_open_url(plugins, url, &params, &driver, &err), BERTH_E_INVALID);
    assert_int_equal(berth_plugin_open_url(plugins, "nonsense", NULL, &driver, &err),
                     BERTH_E_INVALID);
    assert_int_equal(berth_plugin_open_url(plugins, "gopher://x", NULL, &driver, &err),
                     BERTH_E_NOT_FOUND);
    assert_int_equal(berth_plugin_open_url(plugins, "unix:///x", NULL, &driver, &err), 0);
    assert_int_equal(berth_transport_dial(driver, NULL, "unix://relative", 0, &listener, &err),
                     BERTH_E_INVALID);
    berth_plugins_free(plugins);
}

static void test_inherited(void **state)
{
    struct berth_plugins *plugins;
    struct berth_driver *driver = open_driver(&plugins, NULL);
    berth_error err = BERTH_ERROR_INIT;
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0berth-test-inherit"};
    char pid[16];
    int listener = -1, saved = fcntl(3, F_DUPFD_CLOEXEC, 10);
    assert_int_equal(berth_transport_listen(driver, NULL, "fd://", 0, &listener, &err),
                     BERTH_E_NOT_FOUND);
    int made = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(made, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(made, 1), 0);
    if (made != 3) {
        dup2(made, 3);
        close(made);
    }
    snprintf(pid, sizeof(pid), "%d", getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_FDNAMES", "berth.socket", 1);
    assert_int_equal(berth_transport_listen(driver, NULL, "fd://other", 0, &listener, &err),
                     BERTH_E_NOT_FOUND);
    assert_int_equal(berth_transport_listen(driver, NULL, "fd://berth.socket", 0, &listener, &err),
                     0);
    assert_int_equal(listener, 3);
    assert_true((fcntl(3, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(berth_transport_listen(driver, NULL, "fd://", 0, &listener, &err),
                     BERTH_E_NOT_FOUND);
    berth_plugins_free(plugins);
    unsetenv("LISTEN_PID");
    if (saved >= 0) {
        dup2(saved, 3);
        close(saved);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_live_and_stale),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_inherited),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
