/* main.c - ym-schema: says what the rows of schema/ say, as a handbook, as SQL, as a drawing.
 *
 * Everything is printed from the tables the programs themselves are built from, in the order of
 * their rows, so the same source gives the same octets.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/own.h"
#include "common/base/panic.h"
#include "common/base/refusal.h"
#include "common/wire/wire.h"
#include "schema/tool/prose.h"

enum { EXIT_USAGE = 64, EXIT_WORLD = 74 };

static const struct ym_life *const lives[] = {&ym_job_life, &ym_agent_life};
enum { LIVES = sizeof lives / sizeof lives[0] };

enum actor {
#define ACTOR(symbol, name, program, argument, role, door, doc) ACTOR_##symbol,
#define MAY(from, to, message)
#include "schema/actors.def"
#undef ACTOR
#undef MAY
};
static const struct {
    const char *name, *program, *argument, *role, *door, *doc;
} actors[] = {
#define ACTOR(symbol, name, program, argument, role, door, doc)                                \
    {name, program, argument, role, door, doc},
#define MAY(from, to, message)
#include "schema/actors.def"
#undef ACTOR
#undef MAY
};
static const struct {
    enum actor from, to;
    const char *message;
} allowed[] = {
#define ACTOR(symbol, name, program, argument, role, door, doc)
#define MAY(from, to, message) {ACTOR_##from, ACTOR_##to, #message},
#include "schema/actors.def"
#undef ACTOR
#undef MAY
};
static const struct {
    const char *section, *name, *text, *text_fast;
    bool is_number;
    int64_t least, most;
    const char *doc;
} settings[] = {
#define AS_TEXT(value)   value
#define AS_NUMBER(value) #value
#define IS_TEXT          false
#define IS_NUMBER        true
#define SETTING(section, name, kind, usual, fast, least, most, doc)                            \
    {section, #name, AS_##kind (usual), AS_##kind (fast), IS_##kind, least, most, doc},
#include "schema/settings.def"
#undef SETTING
};
#define COUNT(rows) (sizeof (rows) / sizeof (rows)[0])

/* A cell of a table: a bar would end it. */
static void cell (FILE *to, const char *text)
{
    for (; *text; text++)
        (void)fprintf (to, *text == '|' ? "\\%c" : "%c", *text);
}

static void last_cell (FILE *to, const char *text)
{
    cell (to, text);
    (void)fputs (" |\n", to);
}

/* How much of 'max' and what else bounds a value, in words. */
static void print_limit (FILE *to, const struct ym_field *f)
{
    switch (f->kind) {
    case YM_KIND_NUMBER:
        (void)fprintf (to, "0 .. %" PRIu64, f->max);
        break;
    case YM_KIND_TITLE:
    case YM_KIND_FILLED:
        (void)fprintf (to, "1 .. %" PRIu64 " octets", f->max);
        break;
    case YM_KIND_WORD:
        (void)fprintf (to, "1 .. %" PRIu64 " octets of a-z 0-9 . _ - : = \\>", f->max);
        break;
    case YM_KIND_TEXT:
    case YM_KIND_STR:
    case YM_KIND_BYTES:
        (void)fprintf (to, "at most %" PRIu64 " octets", f->max);
        break;
    case YM_KIND_OCTETS:
        (void)fprintf (to, "exactly %" PRIu64 " octets", f->max);
        break;
    case YM_KIND_ENUM:
        (void)fprintf (to, "[%s](enums.md#%s)", ym_enums[f->max].name, ym_enums[f->max].name);
        break;
    case YM_KIND_STATE:
        (void)fputs ("[job](states.md#job)", to);
        break;
    case YM_KIND_WORDS:
        (void)fprintf (to, "at most %" PRIu64 " words", f->max);
        break;
    case YM_KIND_LIST:
        (void)fprintf (to, "at most %" PRIu64 " of [%s](records.md#%s)", f->max,
                       f->record->name, f->record->name);
        break;
    case YM_KIND_ID:
    case YM_KIND_TIME:
    case YM_KIND_BOOL:
        break;
    }
}

static void print_fields (FILE *to, const struct ym_field *fields, size_t count)
{
    static const char *const kinds[] = {
        [YM_KIND_NUMBER] = "number", [YM_KIND_ID] = "id",        [YM_KIND_TIME] = "time",
        [YM_KIND_BOOL] = "bool",     [YM_KIND_TEXT] = "text",    [YM_KIND_STR] = "text",
        [YM_KIND_BYTES] = "bytes",   [YM_KIND_OCTETS] = "bytes", [YM_KIND_ENUM] = "word",
        [YM_KIND_WORD] = "text",     [YM_KIND_TITLE] = "text",   [YM_KIND_FILLED] = "text",
        [YM_KIND_STATE] = "state",   [YM_KIND_WORDS] = "words",  [YM_KIND_LIST] = "list",
    };

    if (count == 0) {
        (void)fputs ("No fields: the body is an empty map.\n\n", to);
        return;
    }
    (void)fputs ("| field | kind | limit | required | meaning |\n|---|---|---|---|---|\n", to);
    for (size_t i = 0; i < count; i++) {
        const struct ym_field *f = &fields[i];

        (void)fprintf (to, "| `%s` | %s | ", f->name, kinds[f->kind]);
        print_limit (to, f);
        (void)fprintf (to, " | %s | ", f->need == YM_REQUIRED ? "yes" : "no");
        last_cell (to, f->doc);
    }
    (void)fputs ("\n", to);
}

static void print_roles (FILE *to, unsigned roles)
{
    const char *before = "";

    if (roles == YM_NOBODY)
        (void)fputs ("the yard", to);
    for (unsigned i = 0; i < YM_COUNT_role; i++)
        if (roles & 1u << i) {
            (void)fprintf (to, "%s%s", before, ym_enum_word (YM_ENUM_ROLE, i));
            before = ", ";
        }
}

static void write_messages (FILE *to)
{
    static const char *const sorts[] = {"ask", "answer", "tell", "event"};

    (void)fprintf (
        to,
        "%s%s%s## All messages\n\n| number | message | sort | sent by |\n|---|---|---|---|\n",
        generated, messages_head, messages_example);
    for (size_t i = 0; i < ym_message_count; i++) {
        const struct ym_message *m = ym_messages[i];

        (void)fprintf (to, "| 0x%04x | [%s](#%s) | %s | ", m->number, m->name, m->name,
                       sorts[m->sort]);
        print_roles (to, m->roles);
        (void)fputs (" |\n", to);
    }
    for (size_t i = 0; i < ym_message_count; i++) {
        const struct ym_message *m = ym_messages[i];

        (void)fprintf (to, "\n### %s\n\n%s (0x%04x, %s)\n\n", m->name, m->doc, m->number,
                       sorts[m->sort]);
        print_fields (to, m->fields, m->count);
    }
}

static void write_records (FILE *to)
{
    (void)fprintf (
        to,
        "%s# Records\n\nRows of lists. On the wire a record is an array of exactly these "
        "values, in this order.\n",
        generated);
    for (size_t i = 0; i < ym_record_count; i++) {
        (void)fprintf (to, "\n## %s\n\n%s.\n\n", ym_records[i]->name, ym_records[i]->doc);
        print_fields (to, ym_records[i]->fields, ym_records[i]->count);
    }
}

static const char *event_name (const struct ym_life *life, int number)
{
    for (unsigned i = 0; i < life->event_count; i++)
        if (life->events[i].number == number)
            return life->events[i].name;
    ym_panic ("%s has a move on event %d, which it does not have", life->name, number);
}

static void write_life (FILE *to, const struct ym_life *life)
{
    (void)fprintf (to, "\n## %s\n\n| state | number | final | meaning |\n|---|---|---|---|\n",
                   life->name);
    for (unsigned i = 0; i < life->state_count; i++) {
        const struct ym_state *s = &life->states[i];

        (void)fprintf (to, "| %s | %d | %s | ", s->name, s->number, s->final ? "yes" : "no");
        last_cell (to, s->doc);
    }
    (void)fputs ("\n| from | on | to | why |\n|---|---|---|---|\n", to);
    for (unsigned i = 0; i < life->move_count; i++) {
        const struct ym_move *m = &life->moves[i];

        (void)fprintf (to, "| %s | %s | %s | ", ym_life_state_name (life, m->from),
                       event_name (life, m->on), ym_life_state_name (life, m->to));
        last_cell (to, m->why);
    }
    if (life->note_count > 0)
        (void)fputs ("\n| note | number | why |\n|---|---|---|\n", to);
    for (unsigned i = 0; i < life->note_count; i++) {
        (void)fprintf (to, "| %s | %d | ", life->notes[i].name, life->notes[i].number);
        last_cell (to, life->notes[i].why);
    }
}

static void write_states (FILE *to)
{
    (void)fprintf (
        to,
        "%s# States\n\nA pair of state and event that is in no row is refused. Notes take a "
        "place in the history and move nothing.\n",
        generated);
    for (size_t i = 0; i < LIVES; i++)
        write_life (to, lives[i]);
}

static void write_settings (FILE *to)
{
    (void)fprintf (
        to,
        "%s# Settings\n\nUnder `profile: fast` the second default applies. A value in the "
        "file wins over both. Limits of text count octets.\n\n"
        "| section | setting | default | fast | limits | meaning |\n"
        "|---|---|---|---|---|---|\n",
        generated);
    for (size_t i = 0; i < COUNT (settings); i++) {
        (void)fprintf (to, "| %s | `%s` | `%s` | `%s` | %" PRId64 " .. %" PRId64 "%s | ",
                       settings[i].section, settings[i].name, settings[i].text,
                       settings[i].text_fast, settings[i].least, settings[i].most,
                       settings[i].is_number ? "" : " octets");
        last_cell (to, settings[i].doc);
    }
}

static void write_refusals (FILE *to)
{
    (void)fprintf (
        to,
        "%s# Refusals\n\nEvery way the yard says no. A refusal changed nothing. *Retry* means "
        "that the same request may succeed later; *exit* is the status `yardctl` ends with.\n\n"
        "| code | retry | exit | meaning |\n|---|---|---|---|\n",
        generated);
    for (unsigned i = YM_REFUSAL_NONE + 1; i < YM_REFUSALS; i++) {
        enum ym_refusal r = (enum ym_refusal)i;

        (void)fprintf (to, "| `%s` | %s | %d | ", ym_refusal_slug (r),
                       ym_refusal_is_retryable (r) ? "yes" : "no", ym_refusal_exit (r));
        last_cell (to, ym_refusal_text (r));
    }
}

static void write_actors (FILE *to)
{
    (void)fprintf (to,
                   "%s# Actors\n\nIn start order; they stop in reverse.\n\n"
                   "| actor | program | argument | database role | door | what it does |\n"
                   "|---|---|---|---|---|---|\n",
                   generated);
    for (size_t i = 0; i < COUNT (actors); i++) {
        (void)fprintf (to, "| %s | %s | %s | %s | %s | ", actors[i].name, actors[i].program,
                       actors[i].argument, actors[i].role, actors[i].door);
        last_cell (to, actors[i].doc);
    }
    (void)fputs ("\n## Who may tell whom\n\nThe whole allow list of the bus. What is not here "
                 "is refused.\n\n"
                 "| from | to | message |\n|---|---|---|\n",
                 to);
    for (size_t i = 0; i < COUNT (allowed); i++)
        (void)fprintf (to, "| %s | %s | [%s](messages.md#%s) |\n", actors[allowed[i].from].name,
                       actors[allowed[i].to].name, allowed[i].message, allowed[i].message);
}

static void write_enums (FILE *to)
{
    (void)fprintf (to,
                   "%s# Lists of words\n\nOn the wire the word, in the database the number.\n",
                   generated);
    for (unsigned i = 0; i < YM_ENUMS; i++) {
        (void)fprintf (to, "\n## %s\n\n| number | word | meaning |\n|---|---|---|\n",
                       ym_enums[i].name);
        for (unsigned k = 0; k < ym_enums[i].count; k++) {
            (void)fprintf (to, "| %u | `%s` | ", k, ym_enums[i].words[k]);
            last_cell (to, ym_enums[i].docs[k]);
        }
    }
}

typedef void write_f (FILE *to);
static const struct {
    const char *name;
    write_f *write;
} pages[] = {
    {"messages.md", write_messages}, {"records.md", write_records},
    {"states.md", write_states},     {"settings.md", write_settings},
    {"refusals.md", write_refusals}, {"actors.md", write_actors},
    {"enums.md", write_enums},
};

/* The page as text of 'ret_size' octets; the caller frees it. */
static char *print_page (write_f *write_page, size_t *ret_size)
{
    char *text = NULL;
    FILE *to = open_memstream (&text, ret_size);

    if (!to)
        ym_panic ("out of memory");
    write_page (to);
    if (fclose (to) != 0)
        ym_panic ("out of memory");
    return text;
}

static FILE *open_page (const char *folder, const char *name, const char *how)
{
    _free_ char *path = NULL;
    FILE *file;

    if (asprintf (&path, "%s/%s", folder, name) < 0)
        ym_panic ("out of memory");
    file = fopen (path, how);
    if (!file)
        (void)fprintf (stderr, "ym-schema: %s: %s\n", path, strerror (errno));
    return file;
}

static int write_docs (const char *folder)
{
    for (size_t i = 0; i < COUNT (pages); i++) {
        size_t size;
        _free_ char *text = print_page (pages[i].write, &size);
        FILE *file = open_page (folder, pages[i].name, "w");
        bool is_written = file && fwrite (text, 1, size, file) == size;

        if ((file && fclose (file) != 0) || !is_written)
            return EXIT_WORLD;
    }
    return 0;
}

static bool is_current (const char *folder, const char *name, write_f *write_page)
{
    size_t size;
    _free_ char *text = print_page (write_page, &size);
    _free_ char *found = ym_new (size + 1);
    _fclose_ FILE *file = open_page (folder, name, "r");

    return file && fread (found, 1, size + 1, file) == size && memcmp (found, text, size) == 0;
}

static int check_docs (const char *folder)
{
    int status = 0;

    for (size_t i = 0; i < COUNT (pages); i++)
        if (!is_current (folder, pages[i].name, pages[i].write)) {
            (void)fprintf (stderr, "%s/%s is not what schema/ says: run ym-schema docs %s\n",
                           folder, pages[i].name, folder);
            status = 1;
        }
    return status;
}

/* One table of the database: its columns, the key among them, and the columns that may change.
 */
struct table {
    const char *name, *columns, *key;
    const char *changes[4];
    bool is_open;
};

static void print_sql_text (const char *text)
{
    (void)putchar ('\'');
    for (; *text; text++)
        (void)printf (*text == '\'' ? "%c'" : "%c", *text);
    (void)putchar ('\'');
}

/* The beginning of the statement before its first row, else what stands between two rows. */
static void begin_row (struct table *t, const char *first)
{
    if (t->is_open)
        (void)printf (",\n    (");
    else
        (void)printf ("INSERT INTO ym.%s (%s) VALUES\n    (", t->name, t->columns);
    t->is_open = true;
    print_sql_text (first);
}

static void end_table (const struct table *t)
{
    const char *before = "";

    if (!t->is_open)
        return;
    (void)printf ("\nON CONFLICT (%s) DO UPDATE SET ", t->key);
    for (size_t i = 0; i < COUNT (t->changes) && t->changes[i]; i++) {
        (void)printf ("%s%s = EXCLUDED.%s", before, t->changes[i], t->changes[i]);
        before = ", ";
    }
    (void)printf (";\n\n");
}

static void print_sql_states (void)
{
    struct table t = {"state",
                      "machine, number, name, final, doc",
                      "machine, number",
                      {"name", "final", "doc"}};

    for (size_t i = 0; i < LIVES; i++)
        for (unsigned k = 0; k < lives[i]->state_count; k++) {
            const struct ym_state *s = &lives[i]->states[k];

            begin_row (&t, lives[i]->name);
            (void)printf (", %d, '%s', %s, ", s->number, s->name, s->final ? "true" : "false");
            print_sql_text (s->doc);
            (void)putchar (')');
        }
    end_table (&t);
}

static void print_sql_moves (void)
{
    struct table t = {"legal_move",
                      "machine, from_state, on_event, to_state, why",
                      "machine, from_state, on_event",
                      {"to_state", "why"}};

    for (size_t i = 0; i < LIVES; i++)
        for (unsigned k = 0; k < lives[i]->move_count; k++) {
            const struct ym_move *m = &lives[i]->moves[k];

            begin_row (&t, lives[i]->name);
            (void)printf (", %d, %d, %d, ", m->from, m->on, m->to);
            print_sql_text (m->why);
            (void)putchar (')');
        }
    end_table (&t);
}

static void print_sql_notes (void)
{
    struct table t = {"note", "machine, number, name, why", "machine, number", {"name", "why"}};

    for (size_t i = 0; i < LIVES; i++)
        for (unsigned k = 0; k < lives[i]->note_count; k++) {
            const struct ym_note *n = &lives[i]->notes[k];

            begin_row (&t, lives[i]->name);
            (void)printf (", %d, '%s', ", n->number, n->name);
            print_sql_text (n->why);
            (void)putchar (')');
        }
    end_table (&t);
}

static void print_sql_words (void)
{
    struct table t = {"enum_word", "list, number, word, doc", "list, number", {"word", "doc"}};

    for (unsigned i = 0; i < YM_ENUMS; i++)
        for (unsigned k = 0; k < ym_enums[i].count; k++) {
            begin_row (&t, ym_enums[i].name);
            (void)printf (", %u, '%s', ", k, ym_enums[i].words[k]);
            print_sql_text (ym_enums[i].docs[k]);
            (void)putchar (')');
        }
    end_table (&t);
}

static int print_sql (const char *nothing)
{
    (void)nothing;
    print_sql_states ();
    print_sql_moves ();
    print_sql_notes ();
    print_sql_words ();
    return 0;
}

static void print_drawing (const struct ym_life *life)
{
    (void)printf ("digraph %s {\n    node [shape=box, style=rounded];\n", life->name);
    for (unsigned i = 0; i < life->state_count; i++) {
        const struct ym_state *s = &life->states[i];

        (void)printf ("    %s [label=\"%s\\n%s\"%s];\n", s->name, s->name, s->doc,
                      s->final ? ", peripheries=2" : "");
    }
    for (unsigned i = 0; i < life->move_count; i++) {
        const struct ym_move *m = &life->moves[i];

        (void)printf ("    %s -> %s [label=\"%s\", tooltip=\"%s\"];\n",
                      ym_life_state_name (life, m->from), ym_life_state_name (life, m->to),
                      event_name (life, m->on), m->why);
    }
    (void)printf ("}\n");
}

static int print_dot (const char *machine)
{
    for (size_t i = 0; i < LIVES; i++)
        if (strcmp (lives[i]->name, machine) == 0) {
            print_drawing (lives[i]);
            return 0;
        }
    (void)fprintf (stderr, "ym-schema: no life of %s; there are job and agent\n", machine);
    return EXIT_USAGE;
}

static const struct {
    const char *name, *argument, *doc;
    int (*run) (const char *argument);
} commands[] = {
    {"docs", "DIR", "writes the handbook's pages", write_docs},
    {"check", "DIR", "1 if a page there is not what would be written", check_docs},
    {"sql", NULL, "fills the tables of the law", print_sql},
    {"dot", "job|agent", "draws a life for graphviz", print_dot},
};

static int usage (void)
{
    for (size_t i = 0; i < COUNT (commands); i++)
        (void)fprintf (stderr, "%s ym-schema %-5s %-9s  %s\n",
                       i ? "      " : "usage:", commands[i].name,
                       commands[i].argument ? commands[i].argument : "", commands[i].doc);
    return EXIT_USAGE;
}

int main (int argc, char **argv)
{
    int status = -1;

    for (size_t i = 0; i < COUNT (commands); i++)
        if (argc == (commands[i].argument ? 3 : 2) && strcmp (argv[1], commands[i].name) == 0)
            status = commands[i].run (argv[argc - 1]);
    if (status < 0)
        return usage ();
    if (fflush (stdout) != 0 || ferror (stdout)) {
        (void)fprintf (stderr, "ym-schema: cannot write: %s\n", strerror (errno));
        return EXIT_WORLD;
    }
    return status;
}
