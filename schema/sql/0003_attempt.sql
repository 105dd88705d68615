-- Agents and attempts: leases, reports, checkpoints, id mappings. All calls are assignment's.
--
-- Rows are taken in the order of job ids, so that turns that meet wait in one order.
--
-- Everything an agent makes happen carries the fencing number of its attempt and the agent's own
-- id, and both stand in the predicate. A batch returns a row for each item that moved (ix is its
-- place, from 1); what did not move is rare and is asked about with attempt_verify. Joining the items
-- with the moved rows here instead would cost the square of the batch, since hash joins are off.
SET LOCAL ROLE ym_owner;

-- The database's own clock: it ticks only while assignment runs and can write, so no lease ends
-- because something was down. Also stores who was heard of.
CREATE FUNCTION ym.tick(_epoch int8, _now int8, _agents int8[], _heard_ms int8[]) RETURNS int8
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
DECLARE _tick int8;
BEGIN
    UPDATE ym.owner o SET tick = o.tick + 1
     WHERE o.scope = 'assignment' AND o.shard_id = 0 AND o.epoch = _epoch RETURNING o.tick INTO _tick;
    UPDATE ym.agent_seen s SET tick = _tick, at_ms = g.at_ms
      FROM unnest(_agents, _heard_ms) AS g (agent_id, at_ms) WHERE s.agent_id = g.agent_id;
    RETURN _tick;
END $$;

-- What assignment must know at its start: every agent, and every job that an agent holds.
CREATE FUNCTION ym.agent_load()
RETURNS TABLE (agent_id int8, name text, session int8, request bytea, state int2, region text, pool text, capabilities text[], slots int4, tick int8, at_ms int8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT a.agent_id, k.name, a.session, a.request, a.state, a.region, a.pool, a.capabilities, a.slots, s.tick, s.at_ms
      FROM ym.agent a JOIN ym.key k ON k.key_id = a.agent_id JOIN ym.agent_seen s ON s.agent_id = a.agent_id
$$;

CREATE FUNCTION ym.attempt_load()
RETURNS TABLE (job_id int8, tenant_id int4, tier int2, requirement int8, state int2, wanted int2, attempt int4, retries int4, fence int8, holder int8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT r.job_id, r.tenant_id, r.tier, r.requirement, r.state, r.wanted, r.attempt, r.retries, r.fence, r.holder
      FROM ym.job_run r WHERE r.holder <> 0
$$;

-- Registers an agent with a new session; the same request again gives the same session.
CREATE FUNCTION ym.agent_register(_now int8, _tick int8, _agent int8, _request bytea, _region text, _pool text, _capabilities text[], _slots int4,
    _on int2, _state int2)
RETURNS TABLE (session int8, fresh bool)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
DECLARE _old ym.agent; _to int2 := _state;
BEGIN
    SELECT * INTO _old FROM ym.agent a WHERE a.agent_id = _agent FOR UPDATE;
    IF FOUND AND _old.request = _request AND _old.state = _state THEN
        RETURN QUERY SELECT _old.session, false;
        RETURN;
    END IF;
    IF FOUND THEN
        SELECT m.to_state INTO STRICT _to FROM ym.legal_move m WHERE m.machine = 'agent' AND m.from_state = _old.state AND m.on_event = _on;
    END IF;
    INSERT INTO ym.agent (agent_id, session, request, state, state_at, region, pool, capabilities, slots)
    VALUES (_agent, 1, _request, _to, _now, _region, _pool, _capabilities, _slots)
        ON CONFLICT (agent_id) DO UPDATE SET session = agent.session + 1, request = EXCLUDED.request, state = EXCLUDED.state,
            state_at = EXCLUDED.state_at, region = EXCLUDED.region, pool = EXCLUDED.pool, capabilities = EXCLUDED.capabilities, slots = EXCLUDED.slots;
    INSERT INTO ym.agent_seen (agent_id, tick, at_ms) VALUES (_agent, _tick, _now)
        ON CONFLICT (agent_id) DO UPDATE SET tick = EXCLUDED.tick, at_ms = EXCLUDED.at_ms;
    RETURN QUERY SELECT a.session, true FROM ym.agent a WHERE a.agent_id = _agent;
END $$;

-- Agents that were lost or left (by the event), each if it still is in the session meant.
CREATE FUNCTION ym.agent_move(_now int8, _agents int8[], _sessions int8[], _ons int2[]) RETURNS TABLE (agent_id int8)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    UPDATE ym.agent a SET state = m.to_state, state_at = _now
      FROM unnest(_agents, _sessions, _ons) AS g (agent_id, session, on_event), ym.legal_move m
     WHERE a.agent_id = g.agent_id AND a.session = g.session
       AND m.machine = 'agent' AND m.from_state = a.state AND m.on_event = g.on_event
    RETURNING a.agent_id
$$;

-- Leases a batch: each job that still waits, at an agent that still is in the session meant, gets the
-- next fencing number; its counters go back to those of its checkpoint. Gives back what the agents
-- are to be told. A job without a row here does not wait any more, or its agent has begun anew.
CREATE FUNCTION ym.attempt_lease(_now int8, _jobs int8[], _agents int8[], _sessions int8[], _on int2)
RETURNS TABLE (job_id int8, agent_id int8, fence int8, attempt int4, retries int4, tenant text, name text, kind text, source text, target text,
    trace bytea, payload bytea, checkpoint int8, resume bytea, mark text, done int8, total int8, state int2)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
DECLARE _base int8;
BEGIN
    UPDATE ym.owner o SET fence = o.fence + cardinality(_jobs)
     WHERE o.scope = 'assignment' AND o.shard_id = 0 RETURNING o.fence - cardinality(_jobs) INTO STRICT _base;
    RETURN QUERY
    WITH given AS MATERIALIZED (
        SELECT g.* FROM unnest(_jobs, _agents, _sessions) WITH ORDINALITY AS g (job_id, agent_id, session, ix)
               JOIN ym.agent a ON a.agent_id = g.agent_id AND a.session = g.session
               JOIN ym.state s ON s.machine = 'agent' AND s.number = a.state AND s.name = 'CONNECTED'
         ORDER BY g.job_id),
    moved AS (
        UPDATE ym.job_run r
           SET state = m.to_state, seq = r.seq + 1, state_at = _now, state_count = 0, attempt = r.attempt + 1,
               fence = _base + g.ix, agent_id = g.agent_id, holder = g.agent_id,
               (done, total) = (SELECT COALESCE(max(c.done), 0), COALESCE(max(c.total), 0) FROM ym.checkpoint c
                                 WHERE r.checkpoint > 0 AND c.job_id = r.job_id AND c.checkpoint = r.checkpoint)
          FROM given g, ym.legal_move m
         WHERE r.job_id = g.job_id AND r.held = 0 AND r.wanted = 0
           AND m.machine = 'job' AND m.from_state = r.state AND m.on_event = _on
        RETURNING r.job_id, r.tenant_id, r.seq, r.attempt, r.retries, r.fence, r.holder, r.checkpoint, r.done, r.total, m.from_state, r.state),
    noted AS (
        INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
        SELECT 0, v.job_id, v.seq, _now, _on, v.from_state, v.state, v.attempt, v.fence, v.holder, 0, '' FROM moved v)
    SELECT v.job_id, v.holder, v.fence, v.attempt, v.retries, t.name, j.name, j.kind, j.source, j.target,
           COALESCE(j.trace, ''), j.payload, v.checkpoint, COALESCE(c.resume, ''), COALESCE(c.mark, ''), v.done, v.total, v.state
      FROM moved v
           CROSS JOIN LATERAL (SELECT * FROM ym.job i WHERE i.job_id = v.job_id OFFSET 0) j
           JOIN ym.tenant t ON t.tenant_id = v.tenant_id
           LEFT JOIN LATERAL (SELECT * FROM ym.checkpoint i WHERE v.checkpoint > 0 AND i.job_id = v.job_id AND i.checkpoint = v.checkpoint OFFSET 0) c ON true;
END $$;

-- What an attempt is told again when it was not heard of: the same as at its lease.
CREATE FUNCTION ym.attempt_again(_jobs int8[], _fences int8[])
RETURNS TABLE (job_id int8, agent_id int8, fence int8, attempt int4, retries int4, tenant text, name text, kind text, source text, target text,
    trace bytea, payload bytea, checkpoint int8, resume bytea, mark text, done int8, total int8, state int2)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT r.job_id, r.holder, r.fence, r.attempt, r.retries, t.name, j.name, j.kind, j.source, j.target,
           COALESCE(j.trace, ''), j.payload, r.checkpoint, COALESCE(c.resume, ''), COALESCE(c.mark, ''), r.done, r.total, r.state
      FROM unnest(_jobs, _fences) AS g (job_id, fence)
           CROSS JOIN LATERAL (SELECT * FROM ym.job_run i WHERE i.job_id = g.job_id AND i.fence = g.fence AND i.holder <> 0 OFFSET 0) r
           CROSS JOIN LATERAL (SELECT * FROM ym.job i WHERE i.job_id = r.job_id OFFSET 0) j
           JOIN ym.tenant t ON t.tenant_id = r.tenant_id
           LEFT JOIN LATERAL (SELECT * FROM ym.checkpoint i WHERE r.checkpoint > 0 AND i.job_id = r.job_id AND i.checkpoint = r.checkpoint OFFSET 0) c ON true
$$;

-- "It runs."
CREATE FUNCTION ym.attempt_started(_now int8, _jobs int8[], _fences int8[], _agents int8[], _on int2) RETURNS TABLE (ix int4)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    WITH moved AS (
        UPDATE ym.job_run r SET state = m.to_state, seq = r.seq + 1, state_at = _now, state_count = 0
          FROM (SELECT * FROM unnest(_jobs, _fences, _agents) WITH ORDINALITY AS u (job_id, fence, agent_id, ix) ORDER BY u.job_id) g,
               ym.legal_move m
         WHERE r.job_id = g.job_id AND r.fence = g.fence AND r.holder = g.agent_id
           AND m.machine = 'job' AND m.from_state = r.state AND m.on_event = _on
        RETURNING g.ix, r.job_id, r.seq, r.attempt, r.fence, r.holder, m.from_state, r.state),
    noted AS (
        INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
        SELECT 0, v.job_id, v.seq, _now, _on, v.from_state, v.state, v.attempt, v.fence, v.holder, 0, '' FROM moved v)
    SELECT v.ix::int4 FROM moved v
$$;

-- Counters of live attempts. What is done never goes back within an attempt.
CREATE FUNCTION ym.attempt_progress(_jobs int8[], _fences int8[], _agents int8[], _dones int8[], _totals int8[]) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    UPDATE ym.job_run r SET done = g.done, total = g.total
      FROM (SELECT * FROM unnest(_jobs, _fences, _agents, _dones, _totals) AS u (job_id, fence, agent_id, done, total) ORDER BY u.job_id) g
     WHERE r.job_id = g.job_id AND r.fence = g.fence AND r.holder = g.agent_id
       AND (g.done > r.done OR (g.done = r.done AND g.total <> r.total))
$$;

-- Checkpoints of many attempts, at most one of each, with their mappings. Of a job's checkpoints only
-- the last is kept: it is the only one that is ever gone on from.
CREATE FUNCTION ym.attempt_checkpoint(_now int8, _jobs int8[], _fences int8[], _agents int8[], _checkpoints int8[], _resumes bytea[], _marks text[],
    _dones int8[], _totals int8[], _map_jobs int8[], _map_sources text[], _map_targets text[])
RETURNS TABLE (ix int4)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
DECLARE _moved int4[]; _moved_jobs int8[];
BEGIN
    WITH moved AS (
        UPDATE ym.job_run r SET checkpoint = g.checkpoint, seq = r.seq + 1, done = GREATEST(r.done, g.done), total = g.total
          FROM (SELECT * FROM unnest(_jobs, _fences, _agents, _checkpoints, _resumes, _marks, _dones, _totals)
                   WITH ORDINALITY AS u (job_id, fence, agent_id, checkpoint, resume, mark, done, total, ix) ORDER BY u.job_id) g
         WHERE r.job_id = g.job_id AND r.fence = g.fence AND r.holder = g.agent_id AND r.checkpoint < g.checkpoint
        RETURNING g.ix, r.job_id, r.seq, r.attempt, r.fence, r.holder, r.state, g.checkpoint, g.resume, g.mark, g.done, g.total),
    stored AS (
        INSERT INTO ym.checkpoint (shard_id, job_id, checkpoint, fence, at_ms, done, total, mark, resume)
        SELECT 0, v.job_id, v.checkpoint, v.fence, _now, v.done, v.total, v.mark, v.resume FROM moved v),
    dropped AS (DELETE FROM ym.checkpoint c USING moved v WHERE c.job_id = v.job_id AND c.checkpoint < v.checkpoint),
    noted AS (
        INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
        SELECT 0, v.job_id, v.seq, _now, n.number, v.state, v.state, v.attempt, v.fence, v.holder, 0, v.checkpoint::text
          FROM moved v, ym.note n WHERE n.machine = 'job' AND n.name = 'CHECKPOINTED')
    SELECT array_agg(v.ix), array_agg(v.job_id) INTO _moved, _moved_jobs FROM moved v;
    INSERT INTO ym.id_map (shard_id, job_id, source, target, checkpoint, fence)
    SELECT 0, p.job_id, p.source, p.target, r.checkpoint, r.fence
      FROM unnest(_map_jobs, _map_sources, _map_targets) AS p (job_id, source, target)
           CROSS JOIN LATERAL (SELECT i.checkpoint, i.fence FROM ym.job_run i WHERE i.job_id = p.job_id OFFSET 0) r
     WHERE p.job_id = ANY (_moved_jobs)
        ON CONFLICT DO NOTHING;
    RETURN QUERY SELECT unnest(_moved);
END $$;

-- Which of these sources are mapped already? Only for the attempt that holds the job.
CREATE FUNCTION ym.attempt_lookup(_job int8, _fence int8, _agent int8, _sources text[])
RETURNS TABLE (held bool, source text, target text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT true, m.source, m.target
      FROM ym.job_run r
           LEFT JOIN LATERAL (SELECT i.source, i.target FROM unnest(_sources) AS g (source)
                              CROSS JOIN LATERAL (SELECT * FROM ym.id_map x WHERE x.job_id = _job AND x.source = g.source OFFSET 0) i) m ON true
     WHERE r.job_id = _job AND r.fence = _fence AND r.holder = _agent
$$;

-- The ends of attempts: completed, failed, lost, terminated; the event says which. A wish to
-- terminate turns "back into the queue" into the end, and without a wish nothing is terminated. Only
-- a retryable error counts as a retry. Of two ends of one attempt the first counts.
CREATE FUNCTION ym.attempt_end(_now int8, _jobs int8[], _fences int8[], _agents int8[], _ons int2[], _dones int8[], _totals int8[], _details text[],
    _on_terminate int2, _on_retry int2)
RETURNS TABLE (ix int4, state int2, final bool)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    WITH plan AS MATERIALIZED (
        SELECT DISTINCT ON (g.job_id) g.*, r.state AS from_state, m.to_state, m.on_event AS did, s.final
          FROM (SELECT * FROM unnest(_jobs, _fences, _agents, _ons, _dones, _totals, _details)
                   WITH ORDINALITY AS u (job_id, fence, agent_id, on_event, done, total, detail, ix) ORDER BY u.job_id, u.ix) g
               CROSS JOIN LATERAL (SELECT i.state, i.wanted FROM ym.job_run i
                                    WHERE i.job_id = g.job_id AND i.fence = g.fence AND i.holder = g.agent_id FOR UPDATE) r
               JOIN ym.legal_move p ON p.machine = 'job' AND p.from_state = r.state AND p.on_event = g.on_event
               JOIN ym.state q ON q.machine = 'job' AND q.number = p.to_state
               JOIN ym.legal_move m ON m.machine = 'job' AND m.from_state = r.state
                    AND m.on_event = CASE WHEN r.wanted = 1 AND NOT q.final THEN _on_terminate ELSE g.on_event END
               JOIN ym.state s ON s.machine = 'job' AND s.number = m.to_state
         WHERE g.on_event <> _on_terminate OR r.wanted = 1
         ORDER BY g.job_id, g.ix),
    gone AS (
        DELETE FROM ym.job_run r USING plan p
         WHERE p.final AND r.job_id = p.job_id AND r.fence = p.fence AND r.holder = p.agent_id AND r.state = p.from_state
        RETURNING p.ix, p.did, p.from_state, p.to_state, p.detail, r.job_id, r.tenant_id, r.tier, r.seq + 1 AS seq, r.attempt, r.fence, r.agent_id,
                  r.checkpoint, GREATEST(r.done, p.done) AS done, GREATEST(r.total, p.total) AS total),
    closed AS (
        INSERT INTO ym.job_done (shard_id, job_id, tenant_id, tier, state, seq, state_at, attempt, fence, agent_id, checkpoint, done, total, result)
        SELECT 0, v.job_id, v.tenant_id, v.tier, v.to_state, v.seq, _now, v.attempt, v.fence, v.agent_id, v.checkpoint, v.done, v.total, v.detail FROM gone v),
    back AS (
        UPDATE ym.job_run r SET state = p.to_state, seq = r.seq + 1, state_at = _now, state_count = 0, holder = 0,
               retries = r.retries + CASE WHEN p.did = _on_retry THEN 1 ELSE 0 END
          FROM plan p
         WHERE NOT p.final AND r.job_id = p.job_id AND r.fence = p.fence AND r.holder = p.agent_id AND r.state = p.from_state
        RETURNING p.ix, p.did, p.from_state, p.to_state, p.detail, r.job_id, r.seq, r.attempt, r.fence, r.agent_id),
    noted AS (
        INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
        SELECT 0, v.job_id, v.seq, _now, v.did, v.from_state, v.to_state, v.attempt, v.fence, v.agent_id, 0, v.detail FROM gone v
        UNION ALL
        SELECT 0, v.job_id, v.seq, _now, v.did, v.from_state, v.to_state, v.attempt, v.fence, v.agent_id, 0, v.detail FROM back v)
    SELECT v.ix::int4, v.to_state, true FROM gone v
    UNION ALL
    SELECT v.ix::int4, v.to_state, false FROM back v
$$;

-- What became of attempts whose reports moved nothing? held: it still is this agent's, with the
-- checkpoint stored last. ended_on: the event that ended this very attempt, 0 if none did; a report
-- is a repetition only if it asked for that end.
CREATE FUNCTION ym.attempt_verify(_jobs int8[], _fences int8[], _agents int8[])
RETURNS TABLE (ix int4, held bool, ended_on int2, state int2, checkpoint int8, checkpoint_fence int8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT g.ix::int4, COALESCE(r.holder = g.agent_id, false), COALESCE(e.on_event, 0::int2),
           COALESCE(r.state, d.state, 0::int2), COALESCE(r.checkpoint, d.checkpoint, 0), COALESCE(c.fence, 0)
      FROM unnest(_jobs, _fences, _agents) WITH ORDINALITY AS g (job_id, fence, agent_id, ix)
           LEFT JOIN LATERAL (SELECT i.holder, i.state, i.checkpoint FROM ym.job_run i
                               WHERE i.job_id = g.job_id AND i.fence = g.fence AND i.agent_id = g.agent_id OFFSET 0) r ON true
           LEFT JOIN LATERAL (SELECT i.state, i.checkpoint FROM ym.job_done i
                               WHERE i.job_id = g.job_id AND i.fence = g.fence AND i.agent_id = g.agent_id OFFSET 0) d ON true
           LEFT JOIN LATERAL (SELECT i.on_event FROM ym.job_event i JOIN ym.state s ON s.machine = 'job' AND s.number = i.state
                               WHERE i.job_id = g.job_id AND i.fence = g.fence AND i.agent_id = g.agent_id
                                 AND (s.final OR s.name = 'QUEUED') ORDER BY i.seq LIMIT 1) e ON true
           LEFT JOIN LATERAL (SELECT i.fence FROM ym.checkpoint i
                               WHERE i.job_id = g.job_id AND i.checkpoint = r.checkpoint OFFSET 0) c ON true
$$;

GRANT EXECUTE ON FUNCTION ym.tick(int8, int8, int8[], int8[]), ym.agent_load(), ym.attempt_load(),
    ym.agent_register(int8, int8, int8, bytea, text, text, text[], int4, int2, int2), ym.agent_move(int8, int8[], int8[], int2[]),
    ym.attempt_lease(int8, int8[], int8[], int8[], int2), ym.attempt_again(int8[], int8[]),
    ym.attempt_started(int8, int8[], int8[], int8[], int2), ym.attempt_progress(int8[], int8[], int8[], int8[], int8[]),
    ym.attempt_checkpoint(int8, int8[], int8[], int8[], int8[], bytea[], text[], int8[], int8[], int8[], text[], text[]),
    ym.attempt_lookup(int8, int8, int8, text[]),
    ym.attempt_end(int8, int8[], int8[], int8[], int2[], int8[], int8[], text[], int2, int2),
    ym.attempt_verify(int8[], int8[], int8[])
    TO ym_assignment;
RESET ROLE;
