/* SPDX-License-Identifier: Apache-2.0
 *
 * cmocka with the headers that it wants included before it.
 */
#ifndef BERTH_TESTS_TEST_H
#define BERTH_TESTS_TEST_H

/* order matters: cmocka.h uses these without including them */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
