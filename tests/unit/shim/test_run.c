/* SPDX-License-Identifier: Apache-2.0
 *
 * Real containers through the real shim: isolation, exit codes, sentences, cgroups, death.
 */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void exit_codes_come_back(void **state)
{
    static const struct {
        const char *script;
        int code;
    } cases[] = {
        {"exit 0", 0}, {"exit 7", 7}, {"kill -TERM $$; sleep 1; exit 3", 3}, {"exit 255", 255}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig r;
        rig_init(&r);
        rig_shell(&r, cases[i].script);
        assert_int_equal(rig_run(&r), cases[i].code);
        rig_done(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_codes_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
