/* tree.h - jobs in the order in which they are served: a treap that knows the sizes of its
 * parts.
 *
 * Nodes stand in an array of their owner, at the beginning of whatever it keeps a job in, and
 * are linked by index; 0 is nobody. Higher urgency goes first, then the smaller id, which is
 * the older job. Everything costs O(log n).
 */
#ifndef YM_QUEUE_TREE_H
#define YM_QUEUE_TREE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node {
    int64_t job;
    uint32_t left, right;
    uint32_t size;    /* of the tree that begins here */
    uint32_t urgency; /* 0 .. 31 */
};

/* Where the nodes are. The place numbered 0 must be all zero. */
struct nodes {
    void *at;
    size_t stride;
};

struct node *tree_node (const struct nodes *n, uint32_t place);
/* True if a is served before b. */
bool tree_is_before (const struct node *a, const struct node *b);

void tree_add (const struct nodes *n, uint32_t *root, uint32_t place);
/* It must be there. */
void tree_remove (const struct nodes *n, uint32_t *root, uint32_t place);
uint32_t tree_first (const struct nodes *n, uint32_t root);
uint32_t tree_last (const struct nodes *n, uint32_t root);
/* The first that is not served before this key. */
uint32_t tree_at_least (const struct nodes *n, uint32_t root, const struct node *key);
/* How many are served before this key. */
size_t tree_before (const struct nodes *n, uint32_t root, const struct node *key);
size_t tree_size (const struct nodes *n, uint32_t root);
#endif
