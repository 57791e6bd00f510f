/* SPDX-License-Identifier: Apache-2.0
 *
 * The faults of bad.c, numbers for the preprocessor.
 */
#ifndef BERTH_TESTS_BAD_H
#define BERTH_TESTS_BAD_H

#define GOOD             0
#define MAGIC            1
#define MAJOR            2
#define HOST_MINOR       3
#define SIZE_SHORT       4
#define SIZE_HUGE        5
#define KIND             6
#define KIND_REGISTRY    7
#define THREADS_ZERO     8
#define NAME_CHARSET     9
#define NAME_NULL        10
#define NAME_OTHER       11
#define VERSION_NULL     12
#define NO_OPEN          13
#define NO_CLOSE         14
#define OPS_NULL         15
#define OPS_SHORT        16
#define OPS_MISSING      17
#define PARAM_KEY        18
#define PARAM_TYPE       19
#define PARAM_TWICE      20
#define PARAM_DEFAULT    21
#define PARAM_REQUIRED   22
#define PARAM_HELP       23
#define PARAM_COUNT      24
#define PARAM_LIST       25
#define NULL_DESCRIPTOR  26
#define UNDEFINED_SYMBOL 27
#define PROBE_FAILS      28
#define PROBE_SILENT     29
#define OPEN_FAILS       30
#define CARELESS         31

#endif
