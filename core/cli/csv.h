/* SPDX-License-Identifier: Apache-2.0
 *
 * One line of comma-separated values, as --mount, --network and --gpus take.
 */
#ifndef BERTH_CLI_CSV_H
#define BERTH_CLI_CSV_H

#include "base/string.h"

/* Appends the fields; one may stand in double quotes, with "" for a quote inside. False: a quote
 * is not closed, or out of memory. */
bool berth_csv_split(const char *text, struct berth_strv *fields);

#endif
