/* SPDX-License-Identifier: Apache-2.0
 *
 * Events: order, history, slow readers, cancelling, many threads.
 */
#include "test.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "event/event.h"

static struct berth_events *new_hub(void)
{
    struct berth_events *events = NULL;
    assert_int_equal(berth_events_new(&events, NULL), 0);
    return events;
}

static bool readable(struct berth_event_subscription *subscription)
{
    struct pollfd fd = {berth_event_poll_fd(subscription), POLLIN, 0};
    return poll(&fd, 1, 0) == 1;
}

static void test_order_and_history(void **state)
{
    struct berth_events *events = new_hub();
    struct berth_event_subscription *live = NULL, *late = NULL;
    struct berth_event *event = NULL, **list;
    berth_error err = BERTH_ERROR_INIT;
    size_t count;
    AUTO_STRMAP struct berth_strmap attributes = {0};
    berth_strmap_set(&attributes, "image", "hello");
    assert_int_equal(berth_event_subscribe(events, 0, &live, &err), 0);
    assert_int_equal(berth_event_next(live, 0, &event, &err), BERTH_E_TIMEOUT);
    assert_false(readable(live));
    for (int i = 0; i < 10; i++) {
        berth_event_publish(events, "container", "start", "abc", &attributes);
    }
    assert_true(readable(live));
    uint64_t sequence = 0;
    int64_t time = 0, fifth = 0;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(berth_event_next(live, -1, &event, &err), 0);
        assert_int_equal(event->sequence, sequence + 1);
        assert_true(event->time > time);
        assert_string_equal(berth_strmap_get(&event->attributes, "image"), "hello");
        sequence = event->sequence;
        time = event->time;
        fifth = i == 4 ? time : fifth;
        berth_event_unref(event);
    }
    assert_int_equal(berth_event_next(live, berth_time_monotonic() + 1000000, &event, &err),
                     BERTH_E_TIMEOUT);
    assert_false(readable(live));
    assert_int_equal(berth_event_history(events, fifth, 0, &list, &count, &err), 0);
    assert_int_equal(count, 6);
    for (size_t i = 0; i < count; i++) {
        berth_event_unref(list[i]);
    }
    free(list);
    assert_int_equal(berth_event_subscribe(events, fifth, &late, &err), 0);
    berth_event_publish(events, "image", "tag", "x", NULL);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(berth_event_next(late, 0, &event, &err), 0);
        assert_int_equal(event->sequence, 5 + i);
        berth_event_unref(event);
    }
    berth_event_unsubscribe(late);
    berth_events_free(events);
    assert_int_equal(berth_event_next(live, -1, &event, &err), 0);
    berth_event_unref(event);
    assert_int_equal(berth_event_next(live, -1, &event, &err), BERTH_E_CANCELLED);
    berth_event_unsubscribe(live);
}

static void test_slow_reader(void **state)
{
    struct berth_events *events = new_hub();
    struct berth_event_subscription *slow = NULL;
    struct berth_event *event = NULL, **list;
    berth_error err = BERTH_ERROR_INIT;
    size_t count;
    assert_int_equal(berth_event_subscribe(events, 0, &slow, &err), 0);
    for (int i = 0; i < BERTH_EVENT_QUEUE + BERTH_EVENT_HISTORY + 5; i++) {
        berth_event_publish(events, "a", "b", "c", NULL);
    }
    assert_int_equal(berth_event_next(slow, 0, &event, &err), BERTH_E_UNAVAILABLE);
    assert_int_equal(berth_event_next(slow, 0, &event, &err), BERTH_E_CANCELLED);
    assert_int_equal(berth_event_history(events, 0, 0, &list, &count, &err), 0);
    assert_int_equal(count, BERTH_EVENT_HISTORY);
    assert_int_equal(list[count - 1]->sequence, BERTH_EVENT_QUEUE + BERTH_EVENT_HISTORY + 5);
    for (size_t i = 0; i < count; i++) {
        berth_event_unref(list[i]);
    }
    free(list);
    berth_event_unsubscribe(slow);
    berth_events_free(events);
}

static void *publish_many(void *arg)
{
    for (int i = 0; i < 300; i++) {
        berth_event_publish(arg, "thread", "work", "x", NULL);
    }
    return NULL;
}

static void *read_many(void *arg)
{
    struct berth_event *event;
    uint64_t last = 0, seen = 0;
    while (berth_event_next(arg, -1, &event, NULL) == 0) {
        seen += event->sequence == last + 1;
        last = event->sequence;
        berth_event_unref(event);
    }
    return (void *)(uintptr_t)seen;
}

static void test_threads(void **state)
{
    struct berth_events *events = new_hub();
    struct berth_event_subscription *subscription = NULL;
    pthread_t writers[3], reader;
    void *seen;
    assert_int_equal(berth_event_subscribe(events, 0, &subscription, NULL), 0);
    pthread_create(&reader, NULL, read_many, subscription);
    for (int i = 0; i < 3; i++) {
        pthread_create(&writers[i], NULL, publish_many, events);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(writers[i], NULL);
    }
    berth_events_free(events);
    pthread_join(reader, &seen);
    assert_int_equal((uintptr_t)seen, 900);
    berth_event_unsubscribe(subscription);
}

static void test_cancel(void **state)
{
    struct berth_events *events = new_hub();
    struct berth_event_subscription *subscription = NULL;
    pthread_t reader;
    void *seen;
    assert_int_equal(berth_event_subscribe(events, 0, &subscription, NULL), 0);
    pthread_create(&reader, NULL, read_many, subscription);
    berth_event_cancel(subscription);
    pthread_join(reader, &seen);
    berth_event_unsubscribe(subscription);
    berth_events_free(events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_history),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
