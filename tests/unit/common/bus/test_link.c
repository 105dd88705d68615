/* test_link.c - links between actors: who may say what, and what is noticed when words get
 * lost. */
#include "tests/unit/common/bus/rig.h"

TestSuite (link, .init = rig_up, .fini = rig_down, .timeout = 30);

static const struct ym_keys_changed nothing;

static void say (unsigned from, unsigned to, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        ym_bus_send (stations[from].bus, to, YM_MSG_keys_changed, 0, &nothing);
}

Test (link, question_and_answer_carry_ask_and_trace)
{
    start (0, (struct ym_bus_options){0});
    start (1, (struct ym_bus_options){0});
    struct ym_queue_get get = {.tier = 0};
    ym_bus_send (stations[0].bus, 1, YM_MSG_queue_get, 77, &get);
    spin (stations[1].letters == 1);
    struct ym_letter *letter = &stations[1].letter;
    cr_assert_eq (letter->header.number, YM_MSG_queue_get);
    cr_assert_eq (letter->message, ym_message_find (YM_MSG_queue_get));
    cr_assert_eq (letter->from.peer, 0);
    cr_assert_not (letter->from.at_door);
    cr_assert_eq (letter->from.ask, 77);

    struct ym_to to = letter->from;
    memset (to.trace, 0xab, sizeof to.trace);
    ym_bus_refuse (stations[1].bus, &to, YM_REFUSAL_BUSY, NULL, 5, NULL);
    spin (stations[0].letters == 1);
    letter = &stations[0].letter;
    cr_assert_eq (letter->header.number, YM_MSG_refused);
    cr_assert_eq (letter->header.ask, 77);
    cr_assert_eq (letter->header.seq, 1);
    cr_assert_arr_eq (letter->header.trace, to.trace, sizeof to.trace);
}

Test (link, both_sides_hear_each_other_once)
{
    uint64_t incarnation = 0;
    start (0, (struct ym_bus_options){.incarnation = 5});
    start (1, (struct ym_bus_options){.incarnation = 9});
    cr_assert_not (ym_bus_hears (stations[0].bus, 1, NULL));
    spin (stations[0].news[YM_LINK_UP] && stations[1].news[YM_LINK_UP]);
    cr_assert (ym_bus_hears (stations[0].bus, 1, &incarnation));
    cr_assert_eq (incarnation, 9);
    say (0, 1, 250);
    spin (stations[1].letters == 250);
    settle ();
    for (unsigned i = 0; i < 2; i++) {
        cr_expect_eq (stations[i].news[YM_LINK_UP], 1);
        cr_expect_eq (stations[i].news[YM_LINK_GAP], 0);
        cr_expect_eq (stations[i].news[YM_LINK_SILENT], 0);
    }
}

Test (link, what_is_said_before_the_peer_lives_waits_for_it)
{
    start (0, (struct ym_bus_options){0});
    say (0, 1, 10);
    start (1, (struct ym_bus_options){0});
    spin (stations[1].letters == 10);
    cr_assert_eq (stations[1].news[YM_LINK_UP], 1);
    cr_assert_eq (stations[1].news[YM_LINK_GAP], 0);
}

Test (link, a_restarted_peer_is_reported_and_heard_again)
{
    start (0, (struct ym_bus_options){.incarnation = 1});
    start (1, (struct ym_bus_options){.incarnation = 1});
    say (0, 1, 3);
    say (1, 0, 3);
    spin (stations[0].letters == 3 && stations[1].letters == 3);
    stop (1);
    say (0, 1, 2);
    start (1, (struct ym_bus_options){.incarnation = 2});
    say (1, 0, 1);
    spin (stations[0].news[YM_LINK_UP] == 2 && stations[0].letters == 4);
    spin (stations[1].news[YM_LINK_UP] == 1);
    say (0, 1, 1);
    spin (stations[1].letters >= 1);
    cr_assert_eq (stations[0].news[YM_LINK_GAP], 0);
    cr_assert_eq (stations[1].news[YM_LINK_GAP], 0);
}

Test (link, what_is_not_on_the_list_does_not_arrive)
{
    start (0, (struct ym_bus_options){.may = may_nothing});
    start (1, (struct ym_bus_options){0});
    say (1, 0, 1);
    spin (ym_bus_counts (stations[0].bus).dropped == 1);
    cr_assert_eq (stations[0].letters, 0);
    cr_assert (ym_bus_hears (stations[0].bus, 1, NULL), "a beat needs no permission");
}

static bool may_ask (unsigned from, unsigned to, unsigned message)
{
    return from != to && message == YM_MSG_queue_get;
}

Test (link, sending_what_is_not_on_the_list_is_a_broken_promise, .signal = SIGABRT,
      .fini = NULL)
{
    start (0, (struct ym_bus_options){.may = may_ask});
    sweep ();
    say (0, 1, 1);
}

/* A row: what a peer says, and what is to be reported. */
enum verb { BEAT, TELL, RECONNECT };
struct word {
    enum verb verb;
    uint64_t incarnation, number;
};
struct story {
    const char *name;
    struct word words[6];
    unsigned count, letters, up, gap;
};
static const struct story stories[] = {
    {"in order", {{BEAT, 1, 0}, {TELL, 0, 1}, {TELL, 0, 2}, {BEAT, 1, 2}}, 4, 2, 1, 0},
    {"a jump", {{BEAT, 1, 0}, {TELL, 0, 1}, {TELL, 0, 3}, {TELL, 0, 4}}, 4, 3, 1, 1},
    {"a lost tail", {{BEAT, 1, 0}, {TELL, 0, 1}, {BEAT, 1, 4}, {BEAT, 1, 4}}, 4, 1, 1, 1},
    {"first word without a beat", {{TELL, 0, 40}, {TELL, 0, 41}}, 2, 2, 0, 0},
    {"a beat after the first word", {{TELL, 0, 40}, {BEAT, 7, 40}, {TELL, 0, 41}}, 3, 2, 1, 0},
    {"a new incarnation counts afresh",
     {{BEAT, 1, 0}, {TELL, 0, 1}, {RECONNECT, 0, 0}, {BEAT, 2, 0}, {TELL, 0, 1}},
     5,
     2,
     2,
     0},
    {"a dead incarnation moves nothing",
     {{BEAT, 2, 0}, {TELL, 0, 1}, {BEAT, 1, 90}, {TELL, 0, 2}, {BEAT, 2, 2}},
     5,
     2,
     1,
     0},
    {"the same one comes back having lost something",
     {{BEAT, 1, 0}, {TELL, 0, 1}, {RECONNECT, 0, 0}, {BEAT, 1, 3}, {TELL, 0, 4}},
     5,
     2,
     1,
     1},
    {"a repeated number is delivered and changes nothing",
     {{BEAT, 1, 0}, {TELL, 0, 1}, {TELL, 0, 1}, {TELL, 0, 2}},
     4,
     3,
     1,
     0},
};

static void tell_story (const struct story *s)
{
    void *peer = ghost (1, 0);
    for (unsigned i = 0; i < s->count; i++) {
        const struct word *w = &s->words[i];
        if (w->verb == BEAT)
            ghost_beat (peer, w->incarnation, w->number);
        if (w->verb == TELL)
            ghost_tell (peer, w->number);
        if (w->verb != RECONNECT)
            continue;
        settle ();
        zmq_close (peer);
        peer = ghost (1, 0);
    }
    spin (stations[0].letters >= s->letters && stations[0].news[YM_LINK_UP] >= s->up &&
          stations[0].news[YM_LINK_GAP] >= s->gap);
    settle ();
    zmq_close (peer);
}

Test (link, gaps_and_incarnations)
{
    for (unsigned i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        const struct story *s = &stories[i];
        start (0, (struct ym_bus_options){.beat_ms = 1000});
        tell_story (s);
        cr_expect_eq (stations[0].letters, s->letters, "%s: %u letters", s->name,
                      stations[0].letters);
        cr_expect_eq (stations[0].news[YM_LINK_UP], s->up, "%s: up", s->name);
        cr_expect_eq (stations[0].news[YM_LINK_GAP], s->gap, "%s: gap", s->name);
        stop (0);
    }
}

Test (link, silence_is_reported_once_and_ends)
{
    start (0, (struct ym_bus_options){.beat_ms = 50});
    void *peer = ghost (1, 0);
    ghost_beat (peer, 1, 0);
    spin (stations[0].news[YM_LINK_UP] == 1);
    spin (stations[0].news[YM_LINK_SILENT] == 1);
    cr_assert_eq (stations[0].last_peer, 1);
    cr_assert_not (ym_bus_hears (stations[0].bus, 1, NULL));
    settle ();
    cr_assert_eq (stations[0].news[YM_LINK_SILENT], 1);
    ghost_beat (peer, 1, 0);
    spin (ym_bus_hears (stations[0].bus, 1, NULL));
    cr_assert_eq (stations[0].news[YM_LINK_UP], 1, "it is the same incarnation");
    zmq_close (peer);
}

Test (link, our_own_sleep_is_nobodys_silence)
{
    unsigned peer_number;
    start (0, (struct ym_bus_options){.beat_ms = 100});
    void *peer = ghost (1, 0);
    ghost_beat (peer, 1, 0);
    spin (stations[0].news[YM_LINK_UP] == 1);
    ym_bus_beat (stations[0].bus, ym_time_mono_ms () + 60000);
    cr_assert_eq (ym_bus_news (stations[0].bus, &peer_number), YM_LINK_NONE);
    cr_assert (ym_bus_hears (stations[0].bus, 1, NULL));
    zmq_close (peer);
}

Test (link, an_outbox_that_overflows_becomes_a_gap)
{
    static char text[400];
    struct ym_refused big = {.code = "busy", .text = {text, sizeof text}};
    memset (text, 'x', sizeof text);
    start (0, (struct ym_bus_options){.outbox_max = 16});
    start (1, (struct ym_bus_options){0});
    spin (stations[1].news[YM_LINK_UP] == 1);
    stations[1].deaf = true;
    unsigned said = 0;
    while (ym_bus_counts (stations[0].bus).dropped == 0 && said < 100000) {
        ym_bus_send (stations[0].bus, 1, YM_MSG_refused, 1, &big);
        said++;
    }
    cr_assert_eq (ym_bus_counts (stations[0].bus).dropped, 17,
                  "the outbox and what overflowed it");
    stations[1].deaf = false;
    spin (stations[1].news[YM_LINK_GAP] == 1);
    spin (stations[1].letters == said - 17);
    ym_bus_send (stations[0].bus, 1, YM_MSG_refused, 1, &big);
    spin (stations[1].letters == said - 16);
    settle ();
    cr_assert_eq (stations[1].news[YM_LINK_GAP], 1);
}

Test (link, a_peer_speaks_only_for_itself)
{
    start (0, (struct ym_bus_options){0});
    void *other = ghost (2, 0);
    ghost_beat (other, 1, 0);
    ghost_tell (other, 1);
    spin (stations[0].letters == 1);
    cr_assert_eq (stations[0].letter.from.peer, 2);
    cr_assert_not (ym_bus_hears (stations[0].bus, 1, NULL));
    zmq_close (other);
}

Test (link, a_stranger_and_ones_own_key_are_not_let_in)
{
    char public_text[41], secret[41], endpoint[80];
    start (0, (struct ym_bus_options){0});
    zmq_curve_keypair (public_text, secret);
    void *stranger = raw (rig.public_text[0], public_text, secret);
    snprintf (endpoint, sizeof endpoint, "ipc://%s/a", rig.directory);
    cr_assert_eq (zmq_connect (stranger, endpoint), 0);
    void *mirror = ghost (0, 0);
    ghost_tell (stranger, 1);
    ghost_tell (mirror, 1);
    spin (ym_bus_counts (stations[0].bus).denied_handshakes >= 2);
    settle ();
    cr_assert_eq (stations[0].letters, 0);
    cr_assert_eq (ym_bus_counts (stations[0].bus).dropped, 0);
    zmq_close (stranger);
    zmq_close (mirror);
}

Test (link, what_cannot_be_read_is_counted_and_dropped)
{
    start (0, (struct ym_bus_options){0});
    void *peer = ghost (1, 0);
    cr_assert (zmq_send (peer, "short", 5, 0) >= 0);
    cr_assert (zmq_send (peer, "one", 3, ZMQ_SNDMORE) >= 0);
    cr_assert (zmq_send (peer, "two", 3, 0) >= 0);
    ghost_tell (peer, 1);
    spin (stations[0].letters == 1);
    cr_assert_eq (ym_bus_counts (stations[0].bus).malformed, 2);
    zmq_close (peer);
}
