/* SPDX-License-Identifier: Apache-2.0
 *
 * Events of containers: action, id, and as attributes the labels, image and name.
 */
#include "container/internal.h"
#include "event/event.h"

void container_event2(struct container *container, const char *action, const char *const pairs[][2],
                      size_t count)
{
    AUTO_STRMAP struct berth_strmap attributes = {0};
    bool complete = true;
    pthread_mutex_lock(&container->lock);
    complete = berth_strmap_merge(&attributes, &container->record.config.labels) &&
               berth_strmap_set(&attributes, "image", container->record.config.image) &&
               berth_strmap_set(&attributes, "name", container->name);
    pthread_mutex_unlock(&container->lock);
    for (size_t i = 0; i < count && complete; i++) {
        complete = berth_strmap_set(&attributes, pairs[i][0], pairs[i][1]);
    }
    berth_strmap_sort(&attributes);
    berth_event_publish(container->manager->config.events, "container", action, container->id,
                        &attributes);
}

void container_event(struct container *container, const char *action, const char *key,
                     const char *value)
{
    const char *const pairs[1][2] = {{key, value}};
    container_event2(container, action, pairs, key != NULL ? 1 : 0);
}
