/* tree.c - the treap. A node's priority is a hash of its job's id, so it needs no room, and the
 * same jobs make the same tree whatever the order in which they came. */
#include "actors/queue/tree.h"

#include "common/base/panic.h"

struct node *tree_node (const struct nodes *n, uint32_t place)
{
    return (struct node *)((char *)n->at + place * n->stride);
}

bool tree_is_before (const struct node *a, const struct node *b)
{
    return a->urgency != b->urgency ? a->urgency > b->urgency : a->job < b->job;
}

static uint64_t priority (const struct node *x)
{
    uint64_t z = (uint64_t)x->job * UINT64_C (0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
    return z ^ (z >> 27);
}

static void count (const struct nodes *n, struct node *x)
{
    x->size = 1 + tree_node (n, x->left)->size + tree_node (n, x->right)->size;
}

static void split (const struct nodes *n, uint32_t root, const struct node *key,
                   uint32_t *ret_before, uint32_t *ret_after)
{
    struct node *x = tree_node (n, root);

    if (root == 0) {
        *ret_before = *ret_after = 0;
        return;
    }
    if (tree_is_before (x, key)) {
        split (n, x->right, key, &x->right, ret_after);
        *ret_before = root;
    }
    else {
        split (n, x->left, key, ret_before, &x->left);
        *ret_after = root;
    }
    count (n, x);
}

static uint32_t merge (const struct nodes *n, uint32_t before, uint32_t after)
{
    struct node *a = tree_node (n, before), *b = tree_node (n, after);

    if (before == 0 || after == 0)
        return before + after;
    if (priority (a) > priority (b)) {
        a->right = merge (n, a->right, after);
        count (n, a);
        return before;
    }
    b->left = merge (n, before, b->left);
    count (n, b);
    return after;
}

void tree_add (const struct nodes *n, uint32_t *root, uint32_t place)
{
    struct node *added = tree_node (n, place), *x;

    ym_assert (place != 0);
    while (*root != 0 && priority (x = tree_node (n, *root)) >= priority (added)) {
        x->size++;
        root = tree_is_before (added, x) ? &x->left : &x->right;
    }
    split (n, *root, added, &added->left, &added->right);
    count (n, added);
    *root = place;
}

void tree_remove (const struct nodes *n, uint32_t *root, uint32_t place)
{
    struct node *removed = tree_node (n, place), *x;

    while (*root != place) {
        ym_assert (*root != 0);
        x = tree_node (n, *root);
        x->size--;
        root = tree_is_before (removed, x) ? &x->left : &x->right;
    }
    *root = merge (n, removed->left, removed->right);
    removed->left = removed->right = removed->size = 0;
}

uint32_t tree_first (const struct nodes *n, uint32_t root)
{
    while (root != 0 && tree_node (n, root)->left != 0)
        root = tree_node (n, root)->left;
    return root;
}

uint32_t tree_last (const struct nodes *n, uint32_t root)
{
    while (root != 0 && tree_node (n, root)->right != 0)
        root = tree_node (n, root)->right;
    return root;
}

uint32_t tree_at_least (const struct nodes *n, uint32_t root, const struct node *key)
{
    uint32_t found = 0;

    while (root != 0) {
        const struct node *x = tree_node (n, root);
        if (!tree_is_before (x, key))
            found = root;
        root = tree_is_before (x, key) ? x->right : x->left;
    }
    return found;
}

size_t tree_before (const struct nodes *n, uint32_t root, const struct node *key)
{
    size_t before = 0;

    while (root != 0) {
        const struct node *x = tree_node (n, root);
        bool is_before = tree_is_before (x, key);
        if (is_before)
            before += 1 + tree_node (n, x->left)->size;
        root = is_before ? x->right : x->left;
    }
    return before;
}

size_t tree_size (const struct nodes *n, uint32_t root)
{
    return tree_node (n, root)->size;
}
