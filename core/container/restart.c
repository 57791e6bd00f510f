/* SPDX-License-Identifier: Apache-2.0
 *
 * The restart policies with Docker's back-off: 100 ms, doubled at each quick death up to a minute,
 * back to 100 ms after a run of more than ten seconds.
 */
#include <string.h>

#include "container/internal.h"

#define FIRST_DELAY (BERTH_NANOSECONDS / 10)
#define LAST_DELAY  (60 * BERTH_NANOSECONDS)
#define GOOD_RUN    (10 * BERTH_NANOSECONDS)

static bool wanted(const char *policy, int64_t maximum, const struct container_status *status)
{
    if (policy == NULL) {
        return false;
    }
    if (strcmp(policy, "always") == 0 || strcmp(policy, "unless-stopped") == 0) {
        return true;
    }
    return strcmp(policy, "on-failure") == 0 && status->exit_code != 0 &&
           (maximum == 0 || status->restart_count < maximum);
}

struct restart_decision container_restart_decide(const char *policy, int64_t maximum,
                                                 const struct container_status *status,
                                                 int64_t last_delay, int64_t ran)
{
    struct restart_decision decision = {.restart = false, .delay = FIRST_DELAY};
    if (last_delay > 0 && ran < GOOD_RUN) {
        decision.delay = last_delay > LAST_DELAY / 2 ? LAST_DELAY : last_delay * 2;
    }
    decision.restart = !status->manually_stopped && wanted(policy, maximum, status);
    return decision;
}
