/* SPDX-License-Identifier: Apache-2.0
 *
 * The network driver host: containers share the host's network namespace.
 */
#include "../common/plain.h"

PLAIN_DRIVER("host", "containers use the host's own network", BERTH_NETWORK_CAP_HOST_NAMESPACE)
