/* top.c - yardctl top: the queues and agents as they are, painted again each second.
 *
 * On a terminal it has a screen of its own, which is given back however it ends; q or Ctrl-C
 * ends it. Without one, or with --once, it prints what it sees and ends.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "client/yardctl/show.h"
#include "client/yardctl/text.h"
#include "client/yardctl/words.h"
#include "client/yardctl/wrong.h"

enum { EACH_MS = 1000, LINES_OF_REST = 10, LINES_LEAST = 5, TIERS = 3 };
#define OTHER_SCREEN "\033[?1049h\033[?25l"
#define OWN_SCREEN   "\033[?25h\033[?1049l"
#define CLEAR        "\033[H\033[J"

/* What is shown; a part that could not be read is from before. */
struct picture {
    yard_status *status;
    yard_load *load;
    yard_queue *queues[TIERS];
    yard_agent_page *agents;
};

static void picture_done (struct picture *p)
{
    yard_free (p->status);
    yard_free (p->load);
    yard_free (p->agents);
    for (size_t i = 0; i < TIERS; i++)
        yard_free (p->queues[i]);
    *p = (struct picture){0};
}

static yard_rc take (yard_t *y, struct picture *p, yard_err_t **reterr)
{
    yard_rc rc = yard_yard_get (y, &p->status, reterr);

    for (size_t i = 0; i < ctl_tier_count && rc == YARD_OK; i++)
        rc = yard_queue_get (y, ctl_tiers[i], &p->queues[i], reterr);
    if (rc == YARD_OK)
        rc = yard_load_get (y, &p->load, reterr);
    if (rc == YARD_OK)
        rc = yard_agent_list (y, NULL, &p->agents, reterr);
    return rc;
}

/* --- one picture --- */

static const yard_tier_load *load_of (const yard_load *load, const char *tier)
{
    static const yard_tier_load nothing;

    for (size_t i = 0; i < load->count; i++)
        if (strcmp (load->tiers[i]->tier, tier) == 0)
            return load->tiers[i];
    return &nothing;
}

static struct ctl_top_tier tier_of (const struct picture *p, size_t which)
{
    const yard_queue *q = p->queues[which];
    const yard_tier_load *load = load_of (p->load, ctl_tiers[which]);

    return (struct ctl_top_tier){.tier = ctl_tiers[which],
                                 .waiting = q->waiting,
                                 .idle = q->idle,
                                 .oldest_ms = q->oldest_ms,
                                 .running = load->running,
                                 .suspending = load->suspending,
                                 .stopped = !q->stopped  ? ""
                                            : *q->reason ? q->reason
                                                         : "yes"};
}

static void show_head (const struct picture *p)
{
    char at[CTL_CLOCK_TEXT];

    ctl_clock_text (at, p->status->now_ms);
    (void)printf ("yard %s  %s  database %s  agents %llu", p->status->version, at,
                  p->status->database ? "answers" : "does NOT answer",
                  (unsigned long long)p->load->agents);
    if (p->load->draining)
        (void)printf (" (%llu draining)", (unsigned long long)p->load->draining);
    if (p->load->lost)
        (void)printf (", %llu lost", (unsigned long long)p->load->lost);
    (void)printf ("  slots %llu of %llu used\n\n", (unsigned long long)p->load->used,
                  (unsigned long long)p->load->slots);
}

static void show_tables (const struct ctl *c, const struct picture *p, size_t agents)
{
    struct ctl_top_tier tiers[TIERS];
    const void *rows[TIERS];
    size_t count = p->agents->count < agents ? p->agents->count : agents;

    for (size_t i = 0; i < TIERS; i++) {
        tiers[i] = tier_of (p, i);
        rows[i] = &tiers[i];
    }
    ctl_show_table (c, &ctl_top_tier_shape, rows, TIERS);
    (void)putchar ('\n');
    if (count > 0)
        ctl_show_table (c, &ctl_agent_shape, (const void *const *)p->agents->rows, count);
    if (count < p->agents->count || p->agents->next)
        (void)puts ("and more: yardctl agent list");
}

static json_t *as_json (const struct picture *p)
{
    json_t *tiers = json_array ();

    for (size_t i = 0; i < TIERS; i++) {
        struct ctl_top_tier tier = tier_of (p, i);
        (void)json_array_append_new (tiers, ctl_json_row (&ctl_top_tier_shape, &tier));
    }
    return json_pack ("{s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "tiers", tiers, "agents",
                      ctl_json_rows (&ctl_agent_shape, (const void *const *)p->agents->rows,
                                     p->agents->count),
                      "connected", (json_int_t)p->load->agents, "draining",
                      (json_int_t)p->load->draining, "lost", (json_int_t)p->load->lost, "slots",
                      (json_int_t)p->load->slots, "used", (json_int_t)p->load->used);
}

static int show_once (struct ctl *c)
{
    struct picture p = {0};
    yard_err_t *err = NULL;

    if (take (c->yard, &p, &err) != YARD_OK) {
        picture_done (&p);
        return ctl_wrong_err (c, NULL, err);
    }
    if (c->form == CTL_NAME)
        for (size_t i = 0; i < TIERS; i++)
            (void)puts (ctl_tiers[i]);
    else if (c->form != CTL_TABLE)
        ctl_json_print (c, as_json (&p));
    else {
        show_head (&p);
        show_tables (c, &p, SIZE_MAX);
    }
    picture_done (&p);
    return CTL_DONE;
}

/* --- again and again --- */

static volatile sig_atomic_t is_over;

static void end (int signal_number)
{
    (void)signal_number;
    is_over = 1;
}

/* How many agents there is room for. */
static size_t room_for_agents (void)
{
    struct winsize size;
    bool known = ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) == 0;

    if (!known || size.ws_row < LINES_OF_REST + LINES_LEAST)
        return LINES_LEAST;
    return size.ws_row - (size_t)LINES_OF_REST;
}

/* The last picture stays on the screen while the yard does not answer. */
static void paint (struct ctl *c, struct picture *p)
{
    struct picture now = {0};
    yard_err_t *err = NULL;
    yard_rc rc = take (c->yard, &now, &err);

    if (rc == YARD_OK) {
        picture_done (p);
        *p = now;
    }
    else {
        picture_done (&now);
    }
    (void)fputs (CLEAR, stdout);
    if (p->status) {
        show_head (p);
        show_tables (c, p, room_for_agents ());
    }
    if (rc != YARD_OK)
        (void)printf ("\n%s; asking again\n", yard_err_text (err));
    yard_err_free (err);
    (void)fflush (stdout);
}

/* True: the person has seen enough. */
static bool wait_for_key (void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char key = 0;

    if (poll (&input, 1, EACH_MS) <= 0)
        return is_over;
    return read (STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q' || key == 3;
}

static void catch_signals (void)
{
    struct sigaction action = {.sa_handler = end};

    (void)sigaction (SIGTERM, &action, NULL);
    (void)sigaction (SIGHUP, &action, NULL);
    (void)sigaction (SIGINT, &action, NULL);
}

static int show_live (struct ctl *c)
{
    static char buffer[1 << 16]; /* a picture goes out at once, so that it does not flicker */
    struct picture p = {0};
    struct termios own, other;

    if (tcgetattr (STDIN_FILENO, &own) != 0)
        return show_once (c);
    (void)setvbuf (stdout, buffer, _IOFBF, sizeof buffer);
    catch_signals ();
    other = own;
    other.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
    (void)tcsetattr (STDIN_FILENO, TCSANOW, &other);
    (void)fputs (OTHER_SCREEN, stdout);
    do
        paint (c, &p);
    while (!wait_for_key () && !is_over && !ferror (stdout));
    (void)fputs (OWN_SCREEN, stdout);
    (void)fflush (stdout);
    (void)tcsetattr (STDIN_FILENO, TCSANOW, &own);
    picture_done (&p);
    return CTL_DONE;
}

int ctl_top (struct ctl *c)
{
    bool live =
        !c->o.once && c->form == CTL_TABLE && isatty (STDIN_FILENO) && isatty (STDOUT_FILENO);

    return live ? show_live (c) : show_once (c);
}
