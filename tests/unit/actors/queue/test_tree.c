/* test_tree.c - the order of jobs against a sorted array, and places against a plain list. */
#include "actors/queue/tree.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/queue/pool.h"

enum { NODES = 600, OPERATIONS = 60000 };

static struct {
    struct node nodes[NODES + 1];
    bool is_in[NODES + 1];
    uint32_t sorted[NODES];
    size_t count;
} test;

static const struct nodes nodes = {test.nodes, sizeof (struct node)};

static int in_order (const void *x, const void *y)
{
    const struct node *a = &test.nodes[*(const uint32_t *)x];
    const struct node *b = &test.nodes[*(const uint32_t *)y];

    return tree_is_before (a, b) ? -1 : tree_is_before (b, a);
}

static void sort (void)
{
    test.count = 0;
    for (uint32_t i = 1; i <= NODES; i++)
        if (test.is_in[i])
            test.sorted[test.count++] = i;
    qsort (test.sorted, test.count, sizeof test.sorted[0], in_order);
}

static void check (uint32_t root)
{
    uint32_t any = 1 + (uint32_t)rand () % NODES;
    size_t before = 0;

    sort ();
    cr_assert_eq (tree_size (&nodes, root), test.count);
    cr_assert_eq (tree_first (&nodes, root), test.count ? test.sorted[0] : 0);
    cr_assert_eq (tree_last (&nodes, root), test.count ? test.sorted[test.count - 1] : 0);
    while (before < test.count &&
           tree_is_before (&test.nodes[test.sorted[before]], &test.nodes[any]))
        before++;
    cr_assert_eq (tree_before (&nodes, root, &test.nodes[any]), before);
    cr_assert_eq (tree_at_least (&nodes, root, &test.nodes[any]),
                  before < test.count ? test.sorted[before] : 0);
}

Test (tree, is_a_sorted_array)
{
    uint32_t root = 0;

    srand ((unsigned)time (NULL));
    for (uint32_t i = 1; i <= NODES; i++)
        test.nodes[i] = (struct node){.job = i << 4, .urgency = 1 + (uint32_t)rand () % 4};
    for (unsigned n = 0; n < OPERATIONS; n++) {
        uint32_t i = 1 + (uint32_t)rand () % NODES;
        if (!test.is_in[i])
            tree_add (&nodes, &root, i);
        else if (n / 8000 % 2 == 1 || rand () % 2 == 0)
            tree_remove (&nodes, &root, i);
        else
            continue;
        test.is_in[i] = !test.is_in[i];
        if (n % 64 == 0)
            check (root);
    }
    check (root);
}

static unsigned depth (uint32_t root)
{
    unsigned left, right;

    if (root == 0)
        return 0;
    left = depth (test.nodes[root].left);
    right = depth (test.nodes[root].right);
    return 1 + (left > right ? left : right);
}

Test (tree, is_flat_for_rising_ids)
{
    uint32_t root = 0;

    for (uint32_t i = 1; i <= NODES; i++) {
        test.nodes[i] = (struct node){.job = (INT64_C (7) << 40) + i, .urgency = 16};
        tree_add (&nodes, &root, i);
    }
    cr_assert_leq (depth (root), 40, "%u", depth (root));
}

Test (pool, finds_what_is_there)
{
    enum { JOBS = 5000, ROUNDS = 100000 };
    static uint32_t places[JOBS + 1];
    struct index ix = {0};
    struct pool p;
    size_t count = 0;

    srand ((unsigned)time (NULL));
    pool_begin (&p, sizeof (struct node));
    for (unsigned n = 0; n < ROUNDS; n++) {
        int64_t job = 1 + rand () % JOBS;
        cr_assert_eq (index_find (&ix, &p, job), places[job]);
        if (places[job]) {
            index_remove (&ix, &p, places[job]);
            pool_give (&p, places[job]);
            places[job] = 0;
            count--;
        }
        else if (n < ROUNDS / 2 || rand () % 3 == 0) {
            places[job] = pool_take (&p, job);
            index_add (&ix, &p, places[job]);
            count++;
        }
        cr_assert_eq (ix.count, count);
    }
    for (int64_t job = 1; job <= JOBS; job++)
        cr_assert_eq (index_find (&ix, &p, job), places[job]);
    cr_assert_leq (p.count, JOBS + 1, "free places are used again");
    index_end (&ix);
    pool_end (&p);
}
