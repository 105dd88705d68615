/* test_documents.c - documents: what is read, what is refused and where. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "client/yardctl/spec.h"
#include "client/yardctl/text.h"

static size_t parse (const char *text, struct ctl_documents *documents,
                     struct ctl_faults *faults)
{
    (void)ctl_documents_parse (text, strlen (text), documents, faults);
    return documents->count;
}

static const struct {
    const char *text, *json; /* the documents as one compact list; NULL: refused */
} readable[] = {
    {"", "[]"},
    {"# nothing\n", "[]"},
    {"a: b\n", "[{\"a\":\"b\"}]"},
    {"a: 1\nb: -2.5\nc: true\nd: null\ne: ~\nf: yes\n",
     "[{\"a\":1,\"b\":-2.5,\"c\":true,\"d\":null,\"e\":null,\"f\":\"yes\"}]"},
    {"a: '1'\nb: \"true\"\nc: 010\nd: 0x1f\ne: 1.2.3\n",
     "[{\"a\":\"1\",\"b\":\"true\",\"c\":\"010\",\"d\":\"0x1f\",\"e\":\"1.2.3\"}]"},
    {"a: 1\n---\na: 2\n", "[{\"a\":1},{\"a\":2}]"},
    {"- a: 1\n- a: 2\n", "[{\"a\":1},{\"a\":2}]"},
    {"x: &x {p: [1, 2]}\ny: *x\n", "[{\"x\":{\"p\":[1,2]},\"y\":{\"p\":[1,2]}}]"},
    {"{\"a\": 1}", "[{\"a\":1}]"},
    {"{\"a\": 1}\n{\"a\": 2}\n", "[{\"a\":1},{\"a\":2}]"},
    {" [{\"a\": 1}, {\"a\": 2}] ", "[{\"a\":1},{\"a\":2}]"},
    {"{\"a\": \"\\ud83d\\ude00\\/\"}", "[{\"a\":\"\xf0\x9f\x98\x80/\"}]"},
    {"{\"a\": 1, \"a\": 2}", NULL},
    {"{\"a\": 1} x", NULL},
    {"{\"a\": \"\\u0000\"}", NULL},
    {"a: 1\na: 2\n", NULL},
    {"a: \"x\\0y\"\n", NULL},
    {"a: [1\n", NULL},
    {"? [a]\n: b\n", NULL},
    {"a: *nowhere\n", NULL},
    {"\xff\xfe: 1", NULL},
};

Test (documents, yaml_and_json_are_read_alike)
{
    for (size_t i = 0; i < sizeof readable / sizeof *readable; i++) {
        _documents_ struct ctl_documents documents = {0};
        _faults_ struct ctl_faults faults = {0};
        json_auto_t *all = json_array ();
        _free_ char *json = NULL;

        (void)parse (readable[i].text, &documents, &faults);
        cr_assert_eq (faults.count > 0, readable[i].json == NULL, "%s", readable[i].text);
        if (!readable[i].json)
            continue;
        for (size_t j = 0; j < documents.count; j++)
            cr_assert_eq (json_array_append (all, documents.at[j].value), 0);
        json = json_dumps (all, JSON_COMPACT);
        cr_assert_str_eq (json, readable[i].json);
    }
}

static char *repeated (const char *head, const char *each, size_t count, const char *tail)
{
    size_t size = strlen (each);
    char *text = ctl_memory (strlen (head) + size * count + strlen (tail) + 1);
    char *to = stpcpy (text, head);

    for (size_t i = 0; i < count; i++)
        to = stpcpy (to, each);
    (void)stpcpy (to, tail);
    return text;
}

Test (documents, nobody_reads_for_ever)
{
    _documents_ struct ctl_documents laughs = {0}, deep = {0};
    _faults_ struct ctl_faults faults = {0}, more = {0};
    _free_ char *nested = repeated ("a: ", "[", 1000, "");
    const char *billion = "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
                          "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                          "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                          "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                          "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
                          "f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
                          "g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n";

    (void)parse (billion, &laughs, &faults);
    cr_assert_eq (faults.count, 1);
    (void)parse (nested, &deep, &more);
    cr_assert_eq (more.count, 1);
}

static const struct {
    const char *text, *member;
    size_t which, line;
} placed[] = {
    {"a: 1\nb:\n  c: 2\n", "b", 0, 2},
    {"\n\na: 1\n", "", 0, 3},
    {"a: 1\n---\nb: 1\nc: 2\n", "c", 1, 4},
    {"- a: 1\n- a: 2\n  b: 3\n", "b", 1, 3},
    {"{\n\"a\": 1,\n\"b\": {\"c\": 1}\n}", "b", 0, 3},
    {"{\n\"a\": {\n\"b\": 1},\n\"b\": 2}", "b", 0, 4},
    {"\n{\"a\": 1}\n\n{\"a\":\n1, \"b\": 2}", "b", 1, 5},
    {"[\n{\"a\": \"}\"},\n{\"b\":\n \"a\\\"b\",\n\"c\": []}]", "c", 1, 5},
    {"[\n{\"a\": 1},\n{\"b\": 2}]", "", 1, 3},
};

Test (documents, know_their_lines)
{
    for (size_t i = 0; i < sizeof placed / sizeof *placed; i++) {
        _documents_ struct ctl_documents documents = {0};
        _faults_ struct ctl_faults faults = {0};

        cr_assert_gt (parse (placed[i].text, &documents, &faults), placed[i].which);
        cr_assert_eq (ctl_document_line (&documents.at[placed[i].which], placed[i].member),
                      placed[i].line, "%s", placed[i].text);
    }
}

Test (specs, have_all_that_a_document_says)
{
    static const char text[] = "name: a\nkind: b\ntier: premium\ncapabilities: [c, d]\n"
                               "regions: eu\npool: p\nsource: s\ntarget: t\n"
                               "payload: {batch: 5, list: [x]}\nkey: k\n";
    _documents_ struct ctl_documents documents = {0};
    _faults_ struct ctl_faults faults = {0};
    struct ctl_spec spec = {0};

    cr_assert_eq (parse (text, &documents, &faults), 1);
    ctl_spec_read (&documents.at[0], "", &spec, &faults);
    cr_assert_eq (faults.count, 0);
    cr_assert_str_eq (spec.job.name, "a");
    cr_assert_str_eq (spec.job.kind, "b");
    cr_assert_str_eq (spec.job.tier, "premium");
    cr_assert_str_eq (spec.capabilities.at[1], "d");
    cr_assert_null (spec.capabilities.at[2]);
    cr_assert_str_eq (spec.regions.at[0], "eu");
    cr_assert_str_eq (spec.job.pool, "p");
    cr_assert_str_eq (spec.job.source, "s");
    cr_assert_str_eq (spec.job.target, "t");
    cr_assert_str_eq (spec.job.payload, "{\"batch\":5,\"list\":[\"x\"]}");
    cr_assert_eq (spec.job.payload_size, strlen (spec.job.payload));
    cr_assert_str_eq (spec.request, "k");
    free (spec.payload);
}

static const struct {
    const char *text, *path, *code, *part;
} refused[] = {
    {"kid: x\n", "/kid", "unknown", "line 1: no member is called so; did you mean 'kind'?"},
    {"name: a\nzebra: x\n", "/zebra", "unknown", "line 2: no member is called so"},
    {"name: 7\n", "/name", "type", "put it in quotes"},
    {"name: [a]\n", "/name", "type", "must be a text"},
    {"regions: [eu, 1]\n", "/regions", "type", "a list of texts"},
    {"regions: {eu: us}\n", "/regions", "type", "a list of texts"},
    {"just text\n", "", "type", "must describe a job"},
};

Test (specs, name_each_fault_and_its_place)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        _documents_ struct ctl_documents documents = {0};
        _faults_ struct ctl_faults faults = {0};
        struct ctl_spec spec = {0};

        cr_assert_eq (parse (refused[i].text, &documents, &faults), 1);
        ctl_spec_read (&documents.at[0], "", &spec, &faults);
        cr_assert_eq (faults.count, 1, "%s", refused[i].text);
        cr_assert_str_eq (faults.at[0].path, refused[i].path);
        cr_assert_str_eq (faults.at[0].code, refused[i].code);
        cr_assert (strstr (faults.at[0].text, refused[i].part), "%s", faults.at[0].text);
        free (spec.payload);
    }
}

Test (specs, more_words_than_there_is_room_for_are_refused)
{
    _free_ char *text = repeated ("regions: [", "eu,", CTL_WORDS_MAX + 1, "]\n");
    _documents_ struct ctl_documents documents = {0};
    _faults_ struct ctl_faults faults = {0};
    struct ctl_spec spec = {0};

    cr_assert_eq (parse (text, &documents, &faults), 1);
    ctl_spec_read (&documents.at[0], "", &spec, &faults);
    cr_assert_eq (faults.count, 1);
    cr_assert_eq (spec.regions.count, 0);
}
