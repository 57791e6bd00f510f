/* SPDX-License-Identifier: Apache-2.0
 *
 * A storage driver in a folder of its own, for the tests of that kind. The driver is the one named
 * in BERTH_TEST_STORAGE.
 */
#ifndef BERTH_TESTS_STORAGE_FIXTURE_H
#define BERTH_TESTS_STORAGE_FIXTURE_H

#include "test.h"

#include "plugin/storage.h"

#define OK(call)                                                  \
    do {                                                          \
        berth_error err_ = BERTH_ERROR_INIT, *err = &err_;        \
        int32_t result_ = (call);                                 \
        if (result_ != 0) {                                       \
            fail_msg("%s: %d %s", #call, (int)result_, err_.msg); \
        }                                                         \
    } while (0)
#define FAILS(class, call)                                                               \
    do {                                                                                 \
        berth_error err_ = BERTH_ERROR_INIT, *err = &err_;                               \
        int32_t result_ = (call);                                                        \
        if (result_ != (class) || err_.code != (class) || err_.msg[0] == '\0') {         \
            fail_msg("%s: %d, wanted %d: '%s'", #call, (int)result_, (class), err_.msg); \
        }                                                                                \
    } while (0)

extern const char *driver_name;
extern char folder[64], root[96];
extern struct berth_plugins *plugins;
extern struct berth_driver *driver;
extern bool delta; /* BERTH_STORAGE_DELTA */

/* Opens plugins and driver on root. */
void open_driver(void);
int setup(void **state);
int teardown(void **state);
/* Makes or replaces a file. */
void write_file(int dir, const char *name, const char *text);
/* text NULL: the file must not be there. */
void assert_file(int dir, const char *name, const char *text);
/* Deletes a name in a layer as core's unpacker would. */
void whiteout(int dir, const char *name);
/* A committed layer with one file. */
void add_layer(const char *id, const char *parent, const char *name, const char *text);
int mount_container(const char *id, uint32_t flags);

#endif
