/* test_agent.c - agents register, are lost and leave; the database's clock ticks. */
#include <criterion/criterion.h>

#include "common/base/life.h"
#include "tests/lib/yard_sql.h"

TestSuite (agent, .timeout = 60, .fini = yard_end);

/* An agent is a key. */
static PGconn *session_with_agents (PGconn **ret_su)
{
    *ret_su = yard_session (NULL);
    yard_do (
        *ret_su,
        "INSERT INTO ym.key (identity, public_key, tenant_id, role, name, created_ms) SELECT"
        " n, sha256 (n::text::bytea), 1, 4, 'agent-' || n, 1 FROM generate_series (1, 3) n");
    return yard_session ("ym_assignment");
}

Test (agent, register_is_idempotent)
{
    PGconn *su, *as = session_with_agents (&su);

    yard_is (as, "1 t", "SELECT t.register (1, 'r')");
    yard_mark (su);
    yard_is (as, "1 f", "SELECT t.register (1, 'r')");
    cr_assert (yard_is_unchanged (su));
    yard_is (as, "2 t", "SELECT t.register (1, 's', 7)");
    yard_is (as, "2 f", "SELECT t.register (1, 's', 9)");
    yard_is (as, "3 t", "SELECT t.register (1, 'r')");
    yard_is (as, "1 t", "SELECT t.register (2, 'r')");
    yard_is (
        as,
        "1 agent-1 3 100 eu shared {git} 4 1 7000; 2 agent-2 1 100 eu shared {git} 4 1 7000",
        "SELECT agent_id, name, session, state, region, pool, capabilities, slots, tick,"
        " at_ms FROM ym.agent_load () ORDER BY 1");
    yard_says_no (as, "23514", "SELECT t.register (3, 'r', 10001)");
}

Test (agent, register_from_two_sessions)
{
    PGconn *su, *a = session_with_agents (&su), *b = yard_session ("ym_assignment");

    yard_do (a, "BEGIN");
    yard_is (a, "1 t", "SELECT t.register (1, 'r')");
    yard_block (b, "SELECT t.register (1, 's')");
    yard_do (a, "COMMIT");
    yard_then_is (b, "2 t");
    yard_do (a, "BEGIN");
    yard_is (a, "3 t", "SELECT t.register (1, 'u')");
    yard_block (b, "SELECT t.register (1, 'u')");
    yard_do (a, "COMMIT");
    yard_then_is (b, "3 f");
}

Test (agent, a_lost_agent_gets_a_new_session)
{
    PGconn *su, *as = session_with_agents (&su);

    yard_is (as, "1 t", "SELECT t.register (1, 'r')");
    yard_is (as, "1",
             "SELECT agent_id FROM ym.agent_move (1, ARRAY[1::int8], ARRAY[1::int8], "
             "ARRAY[2::int2])");
    yard_is (as, "2 t", "SELECT t.register (1, 'r')");
    yard_is (su, "100", "SELECT state FROM ym.agent");
}

Test (agent, move_is_for_the_session_meant)
{
    PGconn *su, *as = session_with_agents (&su);

    yard_do (as, "SELECT t.register (n, 'r') FROM generate_series (1, 3) n");
    yard_is (as, "2 t", "SELECT t.register (2, 's')");
    yard_is (as, "1; 3",
             "SELECT agent_id FROM ym.agent_move (9, ARRAY[1, 2, 3, 4]::int8[],"
             " ARRAY[1, 1, 1, 1]::int8[], ARRAY[2, 2, 3, 2]::int2[]) ORDER BY 1");
    yard_is (su, "200 9; 100 7000; 300 9",
             "SELECT state, state_at FROM ym.agent ORDER BY agent_id");
    yard_mark (su);
    yard_is (as, "",
             "SELECT agent_id FROM ym.agent_move (10, ARRAY[1, 3]::int8[], ARRAY[1, 1]::int8[],"
             " ARRAY[2, 2]::int2[])");
    cr_assert (yard_is_unchanged (su), "already there");
}

/* S5 for agents: each pair of the table, and no other, moves. */

static void come_to (PGconn *as, PGconn *su, int state)
{
    yard_do (su, "DELETE FROM ym.agent");
    yard_do (as, "SELECT t.register (1, 'r')");
    yard_do (su, "UPDATE ym.agent SET state = %d", state);
}

Test (agent, life)
{
    PGconn *su, *as = session_with_agents (&su);
    const struct ym_life *life = &ym_agent_life;

    for (unsigned s = 0; s < life->state_count; s++)
        for (unsigned e = 0; e < life->event_count; e++) {
            int from = life->states[s].number, on = life->events[e].number;
            const struct ym_move *move = ym_life_next (life, from, on);
            come_to (as, su, from);
            yard_mark (su);
            if (on == YM_AGENT_ON_REGISTER)
                yard_do (as, "SELECT t.register (1, 'another')");
            else
                yard_do (as,
                         "SELECT ym.agent_move (9, ARRAY[1::int8], ARRAY[1::int8],"
                         " ARRAY[%d::int2])",
                         on);
            cr_assert_eq (yard_is_unchanged (su), move == NULL, "%d on %d", from, on);
            cr_assert_eq (yard_number (su, "SELECT state FROM ym.agent"),
                          move ? move->to : from, "%d on %d", from, on);
        }
}

Test (agent, tick_counts_for_its_owner)
{
    PGconn *su, *as = session_with_agents (&su);
    long epoch = (long)yard_number (as, "SELECT epoch FROM ym.owner_claim ('assignment')");

    yard_do (as, "SELECT t.register (n, 'r') FROM generate_series (1, 3) n");
    yard_is (as, "1", "SELECT ym.tick (%ld, 5, '{}', '{}')", epoch);
    yard_is (as, "2",
             "SELECT ym.tick (%ld, 5, ARRAY[1, 3, 99]::int8[], ARRAY[50, 60, 70]::int8[])",
             epoch);
    yard_is (su, "1 2 50; 2 1 7000; 3 2 60",
             "SELECT agent_id, tick, at_ms FROM ym.agent_seen ORDER BY 1");
    yard_is (as, "2", "SELECT tick FROM ym.owner_claim ('assignment')");
    yard_is (as, "3", "SELECT ym.tick (%ld, 5, '{}', '{}')", epoch + 1);
    yard_do (as, "BEGIN");
    yard_says_no (as, "YM001", "SELECT ym.owner_check ('assignment', %ld)", epoch);
    yard_do (as, "ROLLBACK");
    yard_is (su, "3", "SELECT tick FROM ym.owner WHERE scope = 'assignment'");
}
