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
    window_id int8 PRIMARY KEY,                 -- the number of the change that made it
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

-- Changing, in two turns. The first reads what the verb needs to know (policy_look_): the request's row
-- if it was asked before, the version, and whom it concerns. The second changes it if it still has
-- that version. All changes take the row of policy_change first, so they are one after another.
-- outcome of a change: 0 done, 1 asked before (digest and reply), 2 it moved since it was looked at.

-- Of the oldest 20000 live jobs, so that it costs the same however many wait; 'whole' if those are all.
-- Only a tier's (-1: any), a tenant's (0: any), or those that an agent holds (0: any).
CREATE FUNCTION ym.policy_counts(_tier int2, _tenant int4, _agent int8) RETURNS TABLE (waiting int8, running int8, whole bool)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH looked AS MATERIALIZED (
        SELECT r.tier, r.tenant_id, r.state, r.holder FROM ym.job_run r ORDER BY r.job_id LIMIT 20000),
    fits AS (
        SELECT l.state, l.holder FROM looked l
         WHERE (_tier < 0 OR l.tier = _tier) AND (_tenant = 0 OR l.tenant_id = _tenant) AND (_agent = 0 OR l.holder = _agent))
    SELECT (SELECT count(*) FROM fits f, ym.state s WHERE s.machine = 'job' AND s.name = 'QUEUED' AND f.state = s.number),
           (SELECT count(*) FROM fits f WHERE f.holder <> 0),
           (SELECT count(*) FROM looked) < 20000;
END $$;

CREATE FUNCTION ym.policy_look_gate(_asking int4, _request bytea, _tier int2)
RETURNS TABLE (digest bytea, reply bytea, number int8, id int8, version int8, waiting int8, running int8, whole bool, stopped bool)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT q.digest, q.reply, p.number, g.tier::int8, g.version, c.waiting, c.running, c.whole, g.stopped
      FROM ym.policy_change p JOIN ym.queue_gate g ON g.tier = _tier
           LEFT JOIN ym.request q ON q.tenant_id = _asking AND q.request = _request
           CROSS JOIN ym.policy_counts(_tier, 0, 0) c;
END $$;

-- id is 0 if there is no such agent (tenant, window); version 0 if it was never drained.
CREATE FUNCTION ym.policy_look_agent(_asking int4, _request bytea, _agent text)
RETURNS TABLE (digest bytea, reply bytea, number int8, id int8, version int8, waiting int8, running int8, whole bool, draining bool, deadline_ms int8)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT q.digest, q.reply, p.number, COALESCE(k.identity, 0), COALESCE(d.version, 0), 0::int8, c.running, c.whole,
           COALESCE(d.draining, false), COALESCE(d.deadline_ms, 0)
      FROM ym.policy_change p
           LEFT JOIN ym.request q ON q.tenant_id = _asking AND q.request = _request
           LEFT JOIN LATERAL (SELECT i.identity FROM ym.key i WHERE i.role = 4 AND i.name = _agent AND i.revoked_ms IS NULL LIMIT 1) k ON true
           LEFT JOIN ym.agent_drain d ON d.agent_id = k.identity
           CROSS JOIN LATERAL ym.policy_counts(-1::int2, 0, COALESCE(k.identity, -1)) c;
END $$;

CREATE FUNCTION ym.policy_look_tenant(_asking int4, _request bytea, _tenant text)
RETURNS TABLE (digest bytea, reply bytea, number int8, id int8, version int8, waiting int8, running int8, whole bool,
    weight int4, waiting_max int4, running_max int4, overflow bool)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT q.digest, q.reply, p.number, COALESCE(t.tenant_id, 0)::int8, COALESCE(t.version, 0), c.waiting, c.running, c.whole,
           COALESCE(t.weight, 0), COALESCE(t.waiting_max, 0), COALESCE(t.running_max, 0), COALESCE(t.overflow, false)
      FROM ym.policy_change p
           LEFT JOIN ym.request q ON q.tenant_id = _asking AND q.request = _request
           LEFT JOIN ym.tenant t ON t.name = _tenant
           CROSS JOIN LATERAL ym.policy_counts(-1::int2, COALESCE(t.tenant_id, -1), 0) c;
END $$;

-- _window 0: one is to be added; then id is that of the agent it names, if it names one.
CREATE FUNCTION ym.policy_look_window(_now int8, _asking int4, _request bytea, _window int8, _agent text)
RETURNS TABLE (digest bytea, reply bytea, number int8, id int8, version int8, windows int8, begins_ms int8, ends_ms int8)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT q.digest, q.reply, p.number, COALESCE(w.window_id, k.identity, 0), COALESCE(w.version, 0),
           (SELECT count(*) FROM ym.maintenance_window v WHERE v.ends_ms > _now),
           COALESCE(w.begins_ms, 0), COALESCE(w.ends_ms, 0)
      FROM ym.policy_change p
           LEFT JOIN ym.request q ON q.tenant_id = _asking AND q.request = _request
           LEFT JOIN ym.maintenance_window w ON w.window_id = _window
           LEFT JOIN LATERAL (SELECT i.identity FROM ym.key i
                               WHERE _window = 0 AND i.role = 4 AND i.name = _agent AND i.revoked_ms IS NULL LIMIT 1) k ON true;
END $$;

-- Begins a change: nobody else changes the policy until the end of the transaction. No row if the
-- request is new.
CREATE FUNCTION ym.policy_enter(_asking int4, _request bytea) RETURNS TABLE (digest bytea, reply bytea)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
BEGIN
    PERFORM 1 FROM ym.policy_change FOR UPDATE;
    RETURN QUERY SELECT q.digest, q.reply FROM ym.request q WHERE q.tenant_id = _asking AND q.request = _request;
END $$;

CREATE FUNCTION ym.policy_leave(_now int8, _asking int4, _request bytea, _digest bytea, _reply bytea) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    INSERT INTO ym.request (tenant_id, request, digest, at_ms, reply) VALUES (_asking, _request, _digest, _now, _reply);
    UPDATE ym.policy_change SET number = number + 1
$$;

CREATE FUNCTION ym.policy_set_gate(_now int8, _key int8, _asking int4, _request bytea, _digest bytea, _reply bytea, _version int8,
    _tier int2, _stopped bool, _reason text)
RETURNS TABLE (outcome int2, digest bytea, reply bytea)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT 1::int2, q.digest, q.reply FROM ym.policy_enter(_asking, _request) q;
    IF FOUND THEN RETURN; END IF;
    UPDATE ym.queue_gate g SET stopped = _stopped, reason = _reason, who = _key, at_ms = _now, version = g.version + 1
     WHERE g.tier = _tier AND g.version = _version;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 2::int2, ''::bytea, ''::bytea;
        RETURN;
    END IF;
    PERFORM ym.policy_leave(_now, _asking, _request, _digest, _reply);
    RETURN QUERY SELECT 0::int2, _digest, _reply;
END $$;

CREATE FUNCTION ym.policy_set_drain(_now int8, _key int8, _asking int4, _request bytea, _digest bytea, _reply bytea, _version int8,
    _agent int8, _draining bool, _reason text, _deadline int8)
RETURNS TABLE (outcome int2, digest bytea, reply bytea)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT 1::int2, q.digest, q.reply FROM ym.policy_enter(_asking, _request) q;
    IF FOUND THEN RETURN; END IF;
    INSERT INTO ym.agent_drain AS d (agent_id, draining, reason, deadline_ms, who, at_ms, version)
    VALUES (_agent, _draining, _reason, _deadline, _key, _now, _version + 1)
        ON CONFLICT (agent_id) DO UPDATE SET draining = EXCLUDED.draining, reason = EXCLUDED.reason, deadline_ms = EXCLUDED.deadline_ms,
            who = EXCLUDED.who, at_ms = EXCLUDED.at_ms, version = EXCLUDED.version WHERE d.version = _version;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 2::int2, ''::bytea, ''::bytea;
        RETURN;
    END IF;
    PERFORM ym.policy_leave(_now, _asking, _request, _digest, _reply);
    RETURN QUERY SELECT 0::int2, _digest, _reply;
END $$;

CREATE FUNCTION ym.policy_set_tenant(_now int8, _key int8, _asking int4, _request bytea, _digest bytea, _reply bytea, _version int8,
    _tenant int4, _weight int4, _waiting_max int4, _running_max int4, _overflow bool)
RETURNS TABLE (outcome int2, digest bytea, reply bytea)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT 1::int2, q.digest, q.reply FROM ym.policy_enter(_asking, _request) q;
    IF FOUND THEN RETURN; END IF;
    UPDATE ym.tenant t SET weight = _weight, waiting_max = _waiting_max, running_max = _running_max, overflow = _overflow, version = t.version + 1
     WHERE t.tenant_id = _tenant AND t.version = _version;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 2::int2, ''::bytea, ''::bytea;
        RETURN;
    END IF;
    PERFORM ym.policy_leave(_now, _asking, _request, _digest, _reply);
    RETURN QUERY SELECT 0::int2, _digest, _reply;
END $$;

-- _version is that of the policy: the window has the next number. Windows long past go.
CREATE FUNCTION ym.policy_add_window(_now int8, _key int8, _asking int4, _request bytea, _digest bytea, _reply bytea, _version int8,
    _begins int8, _ends int8, _scope int2, _subject text, _reason text)
RETURNS TABLE (outcome int2, digest bytea, reply bytea)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT 1::int2, q.digest, q.reply FROM ym.policy_enter(_asking, _request) q;
    IF FOUND THEN RETURN; END IF;
    DELETE FROM ym.maintenance_window w WHERE w.ends_ms < _now - 90 * 86400000::int8;
    INSERT INTO ym.maintenance_window (window_id, begins_ms, ends_ms, scope, subject, reason, who, at_ms)
    SELECT c.number + 1, _begins, _ends, _scope, _subject, _reason, _key, _now FROM ym.policy_change c WHERE c.number = _version;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 2::int2, ''::bytea, ''::bytea;
        RETURN;
    END IF;
    PERFORM ym.policy_leave(_now, _asking, _request, _digest, _reply);
    RETURN QUERY SELECT 0::int2, _digest, _reply;
END $$;

CREATE FUNCTION ym.policy_remove_window(_now int8, _key int8, _asking int4, _request bytea, _digest bytea, _reply bytea, _version int8,
    _window int8)
RETURNS TABLE (outcome int2, digest bytea, reply bytea)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT 1::int2, q.digest, q.reply FROM ym.policy_enter(_asking, _request) q;
    IF FOUND THEN RETURN; END IF;
    DELETE FROM ym.maintenance_window w WHERE w.window_id = _window AND w.version = _version;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 2::int2, ''::bytea, ''::bytea;
        RETURN;
    END IF;
    PERFORM ym.policy_leave(_now, _asking, _request, _digest, _reply);
    RETURN QUERY SELECT 0::int2, _digest, _reply;
END $$;

-- Pages for people.
CREATE FUNCTION ym.tenant_page(_after text, _limit int4)
RETURNS TABLE (name text, weight int4, waiting_max int4, running_max int4, overflow bool, version int8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT t.name, t.weight, t.waiting_max, t.running_max, t.overflow, t.version
      FROM ym.tenant t WHERE t.name > _after ORDER BY t.name LIMIT _limit
$$;

CREATE FUNCTION ym.window_page(_now int8, _after int8, _limit int4)
RETURNS TABLE (window_id int8, begins_ms int8, ends_ms int8, scope int2, subject text, reason text, version int8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT w.window_id, w.begins_ms, w.ends_ms, w.scope, w.subject, w.reason, w.version
      FROM ym.maintenance_window w WHERE w.window_id > _after AND w.ends_ms > _now ORDER BY w.window_id LIMIT _limit
$$;

-- A tenant sees those of its own jobs; those of no job are for who may see all (0).
CREATE FUNCTION ym.problem_page(_tenant int4, _before int8, _closed bool, _limit int4)
RETURNS TABLE (problem_id int8, kind int2, job_id int8, agent text, at_ms int8, closed_ms int8, detail text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT p.problem_id, p.kind, p.job_id, COALESCE(k.name, ''), p.at_ms, p.closed_ms, p.detail
      FROM ym.problem p LEFT JOIN ym.key k ON k.key_id = p.agent_id
     WHERE p.problem_id < _before AND (_closed OR p.closed_ms = 0)
       AND (_tenant = 0 OR EXISTS (SELECT FROM ym.job j WHERE j.job_id = p.job_id AND j.tenant_id = _tenant))
     ORDER BY p.problem_id DESC LIMIT _limit
$$;

-- A job's history after an event. The first row has number 0 and says that the asker may see the job;
-- without it there is none.
CREATE FUNCTION ym.job_history_page(_job int8, _tenant int4, _after int4, _limit int4)
RETURNS TABLE (seq int4, at_ms int8, on_event int2, from_state int2, state int2, attempt int4, fence int8, agent text, who text, detail text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
BEGIN
    PERFORM 1 FROM ym.job j WHERE j.job_id = _job AND (_tenant = 0 OR j.tenant_id = _tenant);
    IF NOT FOUND THEN RETURN; END IF;
    RETURN QUERY SELECT 0, 0::int8, 0::int2, 0::int2, 0::int2, 0, 0::int8, ''::text, ''::text, ''::text;
    RETURN QUERY
    SELECT e.seq, e.at_ms, e.on_event, e.from_state, e.state, e.attempt, e.fence, COALESCE(a.name, ''), COALESCE(w.name, ''), e.detail
      FROM ym.job_event e LEFT JOIN ym.key a ON a.key_id = e.agent_id LEFT JOIN ym.key w ON w.key_id = e.who
     WHERE e.job_id = _job AND e.seq > _after ORDER BY e.seq LIMIT _limit;
END $$;

-- Feeds. The newest job there is: what is live and not newer belongs to a snapshot taken from now on.
CREATE FUNCTION ym.feed_newest() RETURNS int8
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT COALESCE((SELECT j.job_id FROM ym.job j ORDER BY j.job_id DESC LIMIT 1), 0)
$$;

-- Live jobs after a job and up to another, as they are now, with their latest event.
CREATE FUNCTION ym.feed_snapshot(_after int8, _until int8, _limit int4)
RETURNS TABLE (job_id int8, tenant_id int4, tenant text, name text, tier int2, seq int4, at_ms int8, on_event int2, from_state int2,
    state int2, agent text, detail text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT r.job_id, r.tenant_id, t.name, j.name, r.tier, r.seq, COALESCE(e.at_ms, r.state_at), COALESCE(e.on_event, 0::int2),
           COALESCE(e.from_state, r.state), r.state, COALESCE(k.name, ''), COALESCE(e.detail, '')
      FROM (SELECT * FROM ym.job_run i WHERE i.job_id > _after AND i.job_id <= _until ORDER BY i.job_id LIMIT _limit) r
           JOIN ym.tenant t ON t.tenant_id = r.tenant_id
           CROSS JOIN LATERAL (SELECT i.name FROM ym.job i WHERE i.job_id = r.job_id OFFSET 0) j
           LEFT JOIN LATERAL (SELECT * FROM ym.job_event i WHERE i.job_id = r.job_id AND i.seq = r.seq OFFSET 0) e ON true
           LEFT JOIN ym.key k ON k.key_id = r.agent_id
     ORDER BY r.job_id;
END $$;

-- The same rows, narrow: to find what was missed, and the numbers to begin from.
CREATE FUNCTION ym.feed_compare(_after int8, _until int8, _limit int4) RETURNS TABLE (job_id int8, seq int4)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT r.job_id, r.seq FROM ym.job_run r WHERE r.job_id > _after AND r.job_id <= _until ORDER BY r.job_id LIMIT _limit;
END $$;

-- Jobs that came after one, live or not.
CREATE FUNCTION ym.feed_newer(_after int8, _limit int4) RETURNS TABLE (job_id int8)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT j.job_id FROM ym.job j WHERE j.job_id > _after ORDER BY j.job_id LIMIT _limit;
END $$;

-- The events of these jobs after the given numbers, at most _limit of each.
CREATE FUNCTION ym.feed_events(_jobs int8[], _after int4[], _limit int4)
RETURNS TABLE (job_id int8, tenant_id int4, tenant text, name text, tier int2, seq int4, at_ms int8, on_event int2, from_state int2,
    state int2, agent text, detail text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT g.job_id, j.tenant_id, t.name, j.name, COALESCE(r.tier, d.tier, j.tier), e.seq, e.at_ms, e.on_event, e.from_state, e.state,
           COALESCE(k.name, ''), e.detail
      FROM unnest(_jobs, _after) AS g (job_id, after)
           CROSS JOIN LATERAL (SELECT * FROM ym.job_event v WHERE v.job_id = g.job_id AND v.seq > g.after ORDER BY v.seq LIMIT _limit) e
           CROSS JOIN LATERAL (SELECT * FROM ym.job i WHERE i.job_id = g.job_id OFFSET 0) j
           JOIN ym.tenant t ON t.tenant_id = j.tenant_id
           LEFT JOIN LATERAL (SELECT i.tier FROM ym.job_run i WHERE i.job_id = g.job_id OFFSET 0) r ON true
           LEFT JOIN LATERAL (SELECT i.tier FROM ym.job_done i WHERE i.job_id = g.job_id OFFSET 0) d ON true
           LEFT JOIN ym.key k ON k.key_id = e.agent_id
     ORDER BY g.job_id, e.seq;
END $$;

GRANT EXECUTE ON FUNCTION ym.policy_number(), ym.policy_gates(), ym.policy_tenants(), ym.policy_drains(),
    ym.policy_windows(int8) TO ym_assignment, ym_queue, ym_intake;
GRANT EXECUTE ON FUNCTION ym.policy_look_gate(int4, bytea, int2), ym.policy_look_agent(int4, bytea, text),
    ym.policy_look_tenant(int4, bytea, text), ym.policy_look_window(int8, int4, bytea, int8, text),
    ym.policy_set_gate(int8, int8, int4, bytea, bytea, bytea, int8, int2, bool, text),
    ym.policy_set_drain(int8, int8, int4, bytea, bytea, bytea, int8, int8, bool, text, int8),
    ym.policy_set_tenant(int8, int8, int4, bytea, bytea, bytea, int8, int4, int4, int4, int4, bool),
    ym.policy_add_window(int8, int8, int4, bytea, bytea, bytea, int8, int8, int8, int2, text, text),
    ym.policy_remove_window(int8, int8, int4, bytea, bytea, bytea, int8, int8),
    ym.tenant_page(text, int4), ym.window_page(int8, int8, int4), ym.problem_page(int4, int8, bool, int4),
    ym.job_history_page(int8, int4, int4, int4), ym.feed_newest(), ym.feed_snapshot(int8, int8, int4), ym.feed_compare(int8, int8, int4),
    ym.feed_newer(int8, int4), ym.feed_events(int8[], int4[], int4)
    TO ym_intake;
RESET ROLE;
