/* SPDX-License-Identifier: Apache-2.0
 *
 * The stream of progress messages of pull, push, load, import and build.
 */
#ifndef BERTH_CLI_PROGRESS_H
#define BERTH_CLI_PROGRESS_H

#include <stdio.h>

#include "client/client.h"

/* Shows messages until the stream ends: lines with an ID are drawn in place on a terminal. quiet:
 * only what has no ID and no progress is shown. An error in the stream is the failure. */
int32_t berth_progress_show(struct berth_reply *reply, bool quiet, berth_error *err);
/* Same, to another file than stdout. */
int32_t berth_progress_show_to(struct berth_reply *reply, bool quiet, FILE *out, berth_error *err);

#endif
