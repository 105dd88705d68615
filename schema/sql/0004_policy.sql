-- Policy: what operators decide about queues, tenants, agents and times. Small tables, whose rows are
-- in force before the first lease after any crash: each change takes the next number of
-- policy_change, and a round of leases decided with another number leases nothing.
SET LOCAL ROLE ym_owner;

CREATE TABLE ym.policy_change (one bool PRIMARY KEY DEFAULT true CHECK (one), number int8 NOT NULL);
INSERT INTO ym.policy_change (number) VALUES (1);

CREATE TABLE ym.queue_gate (
    tier int2 PRIMARY KEY, stopped bool NOT NULL DEFAULT false, reason text NOT NULL DEFAULT '',
    who int8 NOT NULL DEFAULT 0, at_ms int8 NOT NULL DEFAULT 0, version int8 NOT NULL DEFAULT 1);
INSERT INTO ym.queue_gate (tier) SELECT generate_series(0, 2);

-- An agent without a row is not drained. version goes on when a drain is lifted, so the row stays.
CREATE TABLE ym.agent_drain (
    agent_id int8 PRIMARY KEY, draining bool NOT NULL, reason text NOT NULL, deadline_ms int8 NOT NULL,       -- 0: none
    who int8 NOT NULL, at_ms int8 NOT NULL, version int8 NOT NULL DEFAULT 1);

CREATE TABLE ym.maintenance_window (
    window_id int8 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    begins_ms int8 NOT NULL, ends_ms int8 NOT NULL, scope int2 NOT NULL, subject text NOT NULL, reason text NOT NULL,
    who int8 NOT NULL, at_ms int8 NOT NULL, version int8 NOT NULL DEFAULT 1, CHECK (begins_ms < ends_ms));

RESET ROLE;
