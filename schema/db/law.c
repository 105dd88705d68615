/* law.c - the tables of the law in the database, from the same rows that this program is built
 * of.
 *
 * Whole tables travel as arrays, one per column: a fill is a delete of what differs and an
 * insert of what lacks, both by set, in one transaction; it can be repeated at will.
 */
#include "schema/db/database.h"

#include "common/base/enums.h"
#include "common/base/life.h"
#include "common/base/own.h"
#include "common/base/panic.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS_MAX = 5, SQL_MAX = 1200 };

/* A column as PostgreSQL writes arrays: {"a","b"}. */
struct column {
    char *at;
    size_t used, room;
};
struct law {
    const char *table, *columns, *unnest;
    int count;
    void (*rows) (struct column *to);
};

static void put (struct column *c, char octet)
{
    if (c->used == c->room) {
        c->room = c->room ? 2 * c->room : 512;
        c->at = ym_grow_array (c->at, c->room, 1);
    }
    c->at[c->used++] = octet;
}

static void add_text (struct column *c, const char *text)
{
    put (c, c->used ? ',' : '{');
    put (c, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            put (c, '\\');
        put (c, *text);
    }
    put (c, '"');
}

static void add_number (struct column *c, int number)
{
    char text[12];

    (void)snprintf (text, sizeof text, "%d", number);
    add_text (c, text);
}

static void end_column (struct column *c)
{
    if (c->used == 0)
        put (c, '{');
    put (c, '}');
    put (c, '\0');
}

static const struct ym_life *const lives[] = {&ym_job_life, &ym_agent_life};
enum { LIVES = sizeof lives / sizeof lives[0] };

static void state_rows (struct column *to)
{
    for (unsigned l = 0; l < LIVES; l++)
        for (unsigned i = 0; i < lives[l]->state_count; i++) {
            const struct ym_state *s = &lives[l]->states[i];

            add_text (&to[0], lives[l]->name);
            add_number (&to[1], s->number);
            add_text (&to[2], s->name);
            add_text (&to[3], s->final ? "t" : "f");
            add_text (&to[4], s->doc);
        }
}

static void move_rows (struct column *to)
{
    for (unsigned l = 0; l < LIVES; l++)
        for (unsigned i = 0; i < lives[l]->move_count; i++) {
            const struct ym_move *m = &lives[l]->moves[i];

            add_text (&to[0], lives[l]->name);
            add_number (&to[1], m->from);
            add_number (&to[2], m->on);
            add_number (&to[3], m->to);
            add_text (&to[4], m->why);
        }
}

static void note_rows (struct column *to)
{
    for (unsigned l = 0; l < LIVES; l++)
        for (unsigned i = 0; i < lives[l]->note_count; i++) {
            const struct ym_note *n = &lives[l]->notes[i];

            add_text (&to[0], lives[l]->name);
            add_number (&to[1], n->number);
            add_text (&to[2], n->name);
            add_text (&to[3], n->why);
        }
}

static void word_rows (struct column *to)
{
    for (unsigned e = 0; e < YM_ENUMS; e++)
        for (unsigned i = 0; i < ym_enums[e].count; i++) {
            add_text (&to[0], ym_enums[e].name);
            add_number (&to[1], (int)i);
            add_text (&to[2], ym_enums[e].words[i]);
            add_text (&to[3], ym_enums[e].docs[i]);
        }
}

static const struct law laws[] = {
    {"ym.state", "machine, number, name, final, doc",
     "$1::text[], $2::int2[], $3::text[], $4::bool[], $5::text[]", 5, state_rows},
    {"ym.legal_move", "machine, from_state, on_event, to_state, why",
     "$1::text[], $2::int2[], $3::int2[], $4::int2[], $5::text[]", 5, move_rows},
    {"ym.note", "machine, number, name, why", "$1::text[], $2::int2[], $3::text[], $4::text[]",
     4, note_rows},
    {"ym.enum_word", "list, number, word, doc",
     "$1::text[], $2::int2[], $3::text[], $4::text[]", 4, word_rows},
};
enum { LAWS = sizeof laws / sizeof laws[0] };

/* $T is the table, $C its columns, $U the built-in rows. */
static void expand (char sql[SQL_MAX], const char *template, const struct law *law)
{
    size_t used = 0;

    for (; *template; template ++) {
        const char *piece = NULL;

        if (template[0] == '$')
            piece = template[1] == 'T'   ? law->table
                    : template[1] == 'C' ? law->columns
                                         : law->unnest;
        if (piece)
            template ++;
        used += (size_t)snprintf (sql + used, SQL_MAX - used, "%.*s", piece ? 999 : 1,
                                  piece ? piece : template);
        ym_assert (used < SQL_MAX);
    }
}

static PGresult *ask (PGconn *c, const struct law *law, const char *template)
{
    struct column columns[COLUMNS_MAX] = {{.at = NULL}};
    const char *values[COLUMNS_MAX];
    char sql[SQL_MAX];
    PGresult *result;

    expand (sql, template, law);
    law->rows (columns);
    for (int i = 0; i < law->count; i++) {
        end_column (&columns[i]);
        values[i] = columns[i].at;
    }
    result = db_ask (c, law->table, sql, law->count, values);
    for (int i = 0; i < law->count; i++)
        ym_free_at (&columns[i].at);
    return result;
}

/* -1: failed, and said why. */
static int is_there (PGconn *c, const struct law *law)
{
    PGresult *result =
        db_ask (c, law->table, "SELECT to_regclass($1) IS NOT NULL", 1, &law->table);
    int r = result ? PQgetvalue (result, 0, 0)[0] == 't' : -1;

    PQclear (result);
    return r;
}

static int failed (PGconn *c)
{
    return PQstatus (c) == CONNECTION_OK ? DB_FAILED : DB_UNREACHABLE;
}

/* *ret_rows rises by what the statement touched. */
static bool change (PGconn *c, const struct law *law, const char *template, unsigned *ret_rows)
{
    PGresult *result = ask (c, law, template);
    unsigned rows = 0;

    if (!result)
        return false;
    (void)sscanf (PQcmdTuples (result), "%u", &rows);
    *ret_rows += rows;
    PQclear (result);
    return true;
}

static bool fill_one (PGconn *c, const struct law *law)
{
    unsigned removed = 0, added = 0;
    int there = is_there (c, law);

    if (there <= 0)
        return there == 0;
    if (!change (c, law,
                 "DELETE FROM $T WHERE ($C) NOT IN (SELECT $C FROM unnest($U) AS u ($C))",
                 &removed) ||
        !change (
            c, law,
            "INSERT INTO $T ($C) SELECT $C FROM unnest($U) AS u ($C) ON CONFLICT DO NOTHING",
            &added))
        return false;
    if (removed > 0 || added > 0)
        printf ("%s: %u rows added, %u removed\n", law->table, added, removed);
    return true;
}

static bool run (PGconn *c, const char *sql)
{
    PGresult *result = db_ask (c, sql, sql, 0, NULL);
    bool is_good = result != NULL;

    PQclear (result);
    return is_good;
}

int law_fill (PGconn *c)
{
    bool is_good = run (c, "BEGIN");

    for (unsigned i = 0; i < LAWS && is_good; i++)
        is_good = fill_one (c, &laws[i]);
    if (is_good && run (c, "COMMIT"))
        return DB_DONE;
    if (PQstatus (c) == CONNECTION_OK)
        (void)run (c, "ROLLBACK");
    return failed (c);
}

static int verify_one (PGconn *c, const struct law *law)
{
    int there = is_there (c, law), different;
    PGresult *rows;

    if (there < 0)
        return failed (c);
    if (there == 0) {
        printf ("%s: there is no such table\n", law->table);
        return DB_FAILED;
    }
    rows = ask (c, law,
                "SELECT 'missing', ROW($C)::text FROM (SELECT $C FROM unnest($U) AS u ($C) "
                "EXCEPT SELECT $C FROM $T) m"
                " UNION ALL "
                "SELECT 'surplus', ROW($C)::text FROM (SELECT $C FROM $T EXCEPT SELECT $C FROM "
                "unnest($U) AS u ($C)) s"
                " ORDER BY 2, 1");
    if (!rows)
        return failed (c);
    different = PQntuples (rows);
    for (int i = 0; i < different; i++)
        printf ("%s: %s %s\n", law->table, PQgetvalue (rows, i, 0), PQgetvalue (rows, i, 1));
    PQclear (rows);
    return different > 0 ? DB_FAILED : DB_DONE;
}

int law_verify (PGconn *c)
{
    int worst = DB_DONE;

    for (unsigned i = 0; i < LAWS && worst != DB_UNREACHABLE; i++) {
        int r = verify_one (c, &laws[i]);

        if (r != DB_DONE)
            worst = r;
    }
    return worst;
}
