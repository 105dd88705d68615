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

-- Reading. Who decides by the policy reads its number first: what is read after it is at least as new.
CREATE FUNCTION ym.policy_number() RETURNS int8
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT c.number FROM ym.policy_change c
$$;

CREATE FUNCTION ym.policy_gates() RETURNS TABLE (tier int2, stopped bool, reason text, at_ms int8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT g.tier, g.stopped, g.reason, g.at_ms FROM ym.queue_gate g ORDER BY g.tier
$$;

-- Tenants for whom anything is not as it is by default.
CREATE FUNCTION ym.policy_tenants()
RETURNS TABLE (tenant_id int4, name text, weight int4, waiting_max int4, running_max int4, overflow bool)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT t.tenant_id, t.name, t.weight, t.waiting_max, t.running_max, t.overflow
      FROM ym.tenant t
     WHERE t.weight <> 1 OR t.waiting_max <> 0 OR t.running_max <> 0 OR t.overflow
     ORDER BY t.tenant_id
$$;

CREATE FUNCTION ym.policy_drains() RETURNS TABLE (agent_id int8, reason text, deadline_ms int8, at_ms int8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT d.agent_id, d.reason, d.deadline_ms, d.at_ms FROM ym.agent_drain d WHERE d.draining ORDER BY d.agent_id
$$;

CREATE FUNCTION ym.policy_windows(_now int8)
RETURNS TABLE (window_id int8, begins_ms int8, ends_ms int8, scope int2, subject text, reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT w.window_id, w.begins_ms, w.ends_ms, w.scope, w.subject, w.reason
      FROM ym.maintenance_window w WHERE w.ends_ms > _now ORDER BY w.window_id
$$;

GRANT EXECUTE ON FUNCTION ym.policy_number(), ym.policy_gates(), ym.policy_tenants(), ym.policy_drains(),
    ym.policy_windows(int8) TO ym_assignment, ym_queue, ym_intake;
RESET ROLE;
