-- Agents and attempts: leases, reports, checkpoints, id mappings. All calls are assignment's.
--
-- Rows are taken in the order of job ids, so that turns that meet wait in one order.
--
-- Everything an agent makes happen carries the fencing number of its attempt and the agent's own
-- id, and both stand in the predicate. A batch returns a row for each item that moved (ix is its
-- place, from 1); what did not move is rare and is asked about with attempt_verify. Joining the items
-- with the moved rows here instead would cost the square of the batch, since hash joins are off.
--
-- _messages are the numbers of callbacks, 0 for none: one that is not greater than the last one taken
-- moves nothing. Numbers of states, events and enums stand here as schema/ has them; they are never
-- used again, and a test walks through all moves to compare.
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
RETURNS TABLE (job_id int8, tenant_id int4, tier int2, requirement int8, state int2, state_at int8, state_count int2,
    wanted int2, suspender int2, wanted_at int8, attempt int4, retries int4, fence int8, holder int8, started_at int8, checkpoint_at int8,
    run_limit_ms int8, beneficiary int8, preempted int2, losses int2, fixed bool, done int8, total int8, errored_at int8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT r.job_id, r.tenant_id, r.tier, r.requirement, r.state, r.state_at, r.state_count, r.wanted, r.suspender, r.wanted_at,
           r.attempt, r.retries, r.fence, r.holder, COALESCE(e.at_ms, 0), r.checkpoint_at, r.run_limit_ms, r.beneficiary, r.preempted, r.losses,
           r.fixed, r.done, r.total, r.errored_at
      FROM ym.job_run r
           LEFT JOIN LATERAL (SELECT i.at_ms FROM ym.job_event i
                               WHERE i.job_id = r.job_id AND i.fence = r.fence AND i.on_event = 3 ORDER BY i.seq LIMIT 1) e ON true
     WHERE r.holder <> 0
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
    UPDATE ym.problem p SET closed_ms = _now WHERE p.closed_ms = 0 AND p.kind = 1 AND p.agent_id = _agent;
    RETURN QUERY SELECT a.session, true FROM ym.agent a WHERE a.agent_id = _agent;
END $$;

-- Agents that were lost or left (by the event), each if it still is in the session meant.
CREATE FUNCTION ym.agent_move(_now int8, _agents int8[], _sessions int8[], _ons int2[]) RETURNS TABLE (agent_id int8)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
BEGIN
    RETURN QUERY
    UPDATE ym.agent a SET state = m.to_state, state_at = _now
      FROM unnest(_agents, _sessions, _ons) AS g (agent_id, session, on_event), ym.legal_move m
     WHERE a.agent_id = g.agent_id AND a.session = g.session
       AND m.machine = 'agent' AND m.from_state = a.state AND m.on_event = g.on_event
    RETURNING a.agent_id;
END $$;

-- Leases a batch decided with the policy of that number: each job that still waits and may start, at an
-- agent that still is in the session meant, gets the next fencing number; its counters go back to those
-- of its checkpoint. resources are name, state and address in turn. _whys tell why that agent. One that was started before goes on (_go_on), one that
-- only leaves something provisioned behind is cleaned up (_clean), whatever else holds it. Gives back what the
-- agents are to be told. A job without a row here does not wait any more, or its agent has begun anew; or
-- the policy has another number by now, and nothing at all is leased.
-- Locks policy_change, which makes a change of policy wait for this commit, then owner, then the jobs in order.
-- It does not wait for a change that is being made (SKIP LOCKED), since its turn may hold jobs already.
CREATE FUNCTION ym.attempt_lease(_now int8, _policy int8, _jobs int8[], _agents int8[], _sessions int8[], _whys text[],
    _lease int2, _go_on int2, _clean int2)
RETURNS TABLE (job_id int8, agent_id int8, fence int8, attempt int4, retries int4, tenant text, name text, kind text, source text, target text,
    trace bytea, payload bytea, checkpoint int8, resume bytea, mark text, done int8, total int8, state int2,
    resources text[], run_limit_ms int8, preempted int2, losses int2, fixed bool)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
DECLARE _base int8;
BEGIN
    PERFORM FROM ym.policy_change c WHERE c.number = _policy FOR SHARE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE ym.owner o SET fence = o.fence + cardinality(_jobs)
     WHERE o.scope = 'assignment' AND o.shard_id = 0 RETURNING o.fence - cardinality(_jobs) INTO STRICT _base;
    RETURN QUERY
    WITH given AS MATERIALIZED (
        SELECT g.* FROM unnest(_jobs, _agents, _sessions, _whys) WITH ORDINALITY AS g (job_id, agent_id, session, why, ix)
               JOIN ym.agent a ON a.agent_id = g.agent_id AND a.session = g.session
               JOIN ym.state s ON s.machine = 'agent' AND s.number = a.state AND s.name = 'CONNECTED'
         ORDER BY g.job_id),
    moved AS (
        UPDATE ym.job_run r
           SET state = m.to_state, seq = r.seq + 1, state_at = _now, state_count = 0, attempt = r.attempt + 1,
               wanted = 0, suspender = 0, wanted_at = 0, beneficiary = 0, came_back = false, message = 0,
               fence = _base + g.ix, agent_id = g.agent_id, holder = g.agent_id,
               (done, total) = (SELECT COALESCE(max(c.done), 0), COALESCE(max(c.total), 0) FROM ym.checkpoint c
                                 WHERE r.checkpoint > 0 AND c.job_id = r.job_id AND c.checkpoint = r.checkpoint)
          FROM given g, ym.legal_move m
         WHERE r.job_id = g.job_id
           AND (r.ends_as <> 0 OR (r.held = 0 AND r.wanted = 0 AND r.urgency > 0 AND r.unmet = 0 AND r.not_before_ms <= _now))
           AND m.machine = 'job' AND m.from_state = r.state
           AND m.on_event = CASE WHEN r.ends_as <> 0 THEN _clean WHEN r.checkpoint > 0 THEN _go_on ELSE _lease END
        RETURNING r.job_id, r.tenant_id, r.seq, r.attempt, r.retries, r.fence, r.holder, r.checkpoint, r.done, r.total, m.from_state, r.state,
                  m.on_event, g.why, r.moved, r.live, r.run_limit_ms, r.preempted, r.losses, r.fixed),
    noted AS (
        INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
        SELECT 0, v.job_id, v.seq, _now, v.on_event, v.from_state, v.state, v.attempt, v.fence, v.holder, 0, v.why FROM moved v)
    SELECT v.job_id, v.holder, v.fence, v.attempt, v.retries, t.name, j.name, j.kind, COALESCE(d.source, j.source), COALESCE(d.target, j.target),
           COALESCE(j.trace, ''), j.payload, v.checkpoint, COALESCE(c.resume, ''), COALESCE(c.mark, ''), v.done, v.total, v.state,
           CASE WHEN v.live > 0 THEN ym.job_resources(v.job_id) ELSE '{}' END, v.run_limit_ms, v.preempted, v.losses, v.fixed
      FROM moved v
           CROSS JOIN LATERAL (SELECT * FROM ym.job i WHERE i.job_id = v.job_id OFFSET 0) j
           JOIN ym.tenant t ON t.tenant_id = v.tenant_id
           LEFT JOIN LATERAL (SELECT * FROM ym.job_address i WHERE v.moved AND i.job_id = v.job_id OFFSET 0) d ON true
           LEFT JOIN LATERAL (SELECT * FROM ym.checkpoint i WHERE v.checkpoint > 0 AND i.job_id = v.job_id AND i.checkpoint = v.checkpoint OFFSET 0) c ON true;
END $$;

-- Of jobs whose lease was refused, those that wait and may start, now or when their time comes; as attempt_end's
-- rows of jobs that wait. What stands otherwise in the way was changed by somebody who tells the queue.
CREATE FUNCTION ym.waiting_still(_jobs int8[])
RETURNS TABLE (ix int4, job_id int8, state int2, final bool, tenant_id int4, tier int2, requirement int8, urgency int2, hold int2, unmet int2,
    not_before_ms int8, wait_until_ms int8, came_back bool)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT 0, w.job_id, 100::int2, false, w.tenant_id, w.tier, w.requirement, w.urgency, w.hold, w.unmet, w.not_before_ms, w.wait_until_ms, w.came_back
      FROM unnest(_jobs) AS g (job_id) CROSS JOIN LATERAL (SELECT * FROM ym.waiting i WHERE i.job_id = g.job_id OFFSET 0) w
     WHERE w.hold = 0 AND w.unmet = 0 AND w.urgency > 0
$$;

-- Wishes that running attempts suspend, for a job of a higher tier (_beneficiaries) or because their agent is
-- drained: stored where nothing else is wanted and the attempt could be suspended. _details tell the history.
CREATE FUNCTION ym.attempt_want(_now int8, _jobs int8[], _fences int8[], _suspenders int2[], _beneficiaries int8[], _details text[],
    _suspend int2, _wanted int2)
RETURNS TABLE (ix int4)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH moved AS (
        UPDATE ym.job_run r
           SET wanted = _wanted, suspender = g.suspender, wanted_at = _now, beneficiary = g.beneficiary, state_count = 0, seq = r.seq + 1
          FROM (SELECT * FROM unnest(_jobs, _fences, _suspenders, _beneficiaries, _details)
                   WITH ORDINALITY AS u (job_id, fence, suspender, beneficiary, detail, ix) ORDER BY u.job_id) g,
               ym.legal_move m
         WHERE r.job_id = g.job_id AND r.fence = g.fence AND r.holder <> 0 AND r.wanted = 0 AND (g.beneficiary = 0 OR NOT r.fixed)
           AND m.machine = 'job' AND m.from_state = r.state AND m.on_event = _suspend
        RETURNING g.ix, g.detail, g.beneficiary, r.job_id, r.seq, r.attempt, r.fence, r.holder, r.state),
    noted AS (
        INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
        SELECT 0, v.job_id, v.seq, _now, n.number, v.state, v.state, v.attempt, v.fence, v.holder, 0, v.detail
          FROM moved v JOIN ym.note n ON n.machine = 'job' AND n.name = CASE WHEN v.beneficiary = 0 THEN 'DRAIN_WANTED' ELSE 'PREEMPT_WANTED' END)
    SELECT v.ix::int4 FROM moved v;
END $$;

-- What a job has provisioned, as name, state and address in turn.
CREATE FUNCTION ym.job_resources(_job int8) RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT COALESCE(array_agg(p.part ORDER BY x.name, p.place), '{}')
      FROM ym.resource x CROSS JOIN LATERAL unnest(ARRAY[x.name, x.state::text, x.address]) WITH ORDINALITY AS p (part, place)
     WHERE x.job_id = _job
$$;

-- What the agents of these attempts are told: as at the lease, with what is provisioned as name, state
-- and address in turn.
CREATE FUNCTION ym.attempt_told(_jobs int8[], _fences int8[])
RETURNS TABLE (job_id int8, agent_id int8, fence int8, attempt int4, retries int4, tenant text, name text, kind text, source text, target text,
    trace bytea, payload bytea, checkpoint int8, resume bytea, mark text, done int8, total int8, state int2, resources text[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT r.job_id, r.holder, r.fence, r.attempt, r.retries, t.name, j.name, j.kind, COALESCE(d.source, j.source), COALESCE(d.target, j.target),
           COALESCE(j.trace, ''), j.payload, r.checkpoint, COALESCE(c.resume, ''), COALESCE(c.mark, ''), r.done, r.total, r.state,
           CASE WHEN r.live > 0 THEN ym.job_resources(r.job_id) ELSE '{}' END
      FROM unnest(_jobs, _fences) AS g (job_id, fence)
           CROSS JOIN LATERAL (SELECT * FROM ym.job_run i WHERE i.job_id = g.job_id AND i.fence = g.fence AND i.holder <> 0 OFFSET 0) r
           CROSS JOIN LATERAL (SELECT * FROM ym.job i WHERE i.job_id = r.job_id OFFSET 0) j
           JOIN ym.tenant t ON t.tenant_id = r.tenant_id
           LEFT JOIN LATERAL (SELECT * FROM ym.job_address i WHERE r.moved AND i.job_id = r.job_id OFFSET 0) d ON true
           LEFT JOIN LATERAL (SELECT * FROM ym.checkpoint i WHERE r.checkpoint > 0 AND i.job_id = r.job_id AND i.checkpoint = r.checkpoint OFFSET 0) c ON true;
END $$;

-- The same, once more: counts the repetition, unless another one was counted since _counts was read.
CREATE FUNCTION ym.attempt_again(_jobs int8[], _fences int8[], _counts int2[])
RETURNS TABLE (job_id int8, agent_id int8, fence int8, attempt int4, retries int4, tenant text, name text, kind text, source text, target text,
    trace bytea, payload bytea, checkpoint int8, resume bytea, mark text, done int8, total int8, state int2, resources text[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
DECLARE _told int8[]; _told_fences int8[];
BEGIN
    WITH counted AS (
        UPDATE ym.job_run r SET state_count = LEAST(r.state_count + 1, 30000)
          FROM (SELECT * FROM unnest(_jobs, _fences, _counts) AS u (job_id, fence, state_count) ORDER BY u.job_id) g
         WHERE r.job_id = g.job_id AND r.fence = g.fence AND r.holder <> 0 AND r.state_count = g.state_count
        RETURNING r.job_id, r.fence)
    SELECT array_agg(v.job_id), array_agg(v.fence) INTO _told, _told_fences FROM counted v;
    RETURN QUERY SELECT t.job_id, t.agent_id, t.fence, t.attempt, t.retries, t.tenant, t.name, t.kind, t.source, t.target, t.trace, t.payload,
                        t.checkpoint, t.resume, t.mark, t.done, t.total, t.state, t.resources
                   FROM ym.attempt_told(_told, _told_fences) t;
END $$;

-- Where agents moved the sources and targets of jobs that they hold; an empty text leaves one as it is.
CREATE FUNCTION ym.attempt_readdress(_now int8, _jobs int8[], _sources text[], _targets text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
BEGIN
    WITH moved AS (
        UPDATE ym.job_run r SET moved = true, seq = r.seq + 1
          FROM (SELECT * FROM unnest(_jobs, _sources, _targets) AS u (job_id, source, target) WHERE u.source <> '' OR u.target <> '' ORDER BY u.job_id) g
         WHERE r.job_id = g.job_id
        RETURNING g.source, g.target, r.job_id, r.seq, r.attempt, r.fence, r.holder, r.state),
    stored AS (
        INSERT INTO ym.job_address (job_id, shard_id, source, target, fence, at_ms)
        SELECT v.job_id, 0, COALESCE(NULLIF(v.source, ''), d.source, j.source), COALESCE(NULLIF(v.target, ''), d.target, j.target), v.fence, _now
          FROM moved v
               CROSS JOIN LATERAL (SELECT i.source, i.target FROM ym.job i WHERE i.job_id = v.job_id OFFSET 0) j
               LEFT JOIN LATERAL (SELECT i.source, i.target FROM ym.job_address i WHERE i.job_id = v.job_id OFFSET 0) d ON true
            ON CONFLICT (job_id) DO UPDATE SET source = EXCLUDED.source, target = EXCLUDED.target, fence = EXCLUDED.fence, at_ms = EXCLUDED.at_ms)
    INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
    SELECT 0, v.job_id, v.seq, _now, n.number, v.state, v.state, v.attempt, v.fence, v.holder, 0, concat_ws(' -> ', NULLIF(v.source, ''), NULLIF(v.target, ''))
      FROM moved v JOIN ym.note n ON n.machine = 'job' AND n.name = 'READDRESSED';
END $$;

-- "It runs."
CREATE FUNCTION ym.attempt_started(_now int8, _jobs int8[], _fences int8[], _agents int8[], _messages int4[], _sources text[], _targets text[])
RETURNS TABLE (ix int4)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
DECLARE _moved int4[];
BEGIN
    WITH moved AS (
        UPDATE ym.job_run r SET state = m.to_state, seq = r.seq + 1, state_at = _now, state_count = 0, message = GREATEST(r.message, g.message)
          FROM (SELECT * FROM unnest(_jobs, _fences, _agents, _messages) WITH ORDINALITY AS u (job_id, fence, agent_id, message, ix) ORDER BY u.job_id) g,
               ym.legal_move m
         WHERE r.job_id = g.job_id AND r.fence = g.fence AND r.holder = g.agent_id AND (g.message = 0 OR g.message > r.message)
           AND m.machine = 'job' AND m.from_state = r.state AND m.on_event = 3
        RETURNING g.ix, r.job_id, r.seq, r.attempt, r.fence, r.holder, m.from_state, r.state),
    noted AS (
        INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
        SELECT 0, v.job_id, v.seq, _now, 3, v.from_state, v.state, v.attempt, v.fence, v.holder, 0, '' FROM moved v)
    SELECT array_agg(v.ix) INTO _moved FROM moved v;
    IF '' <> ANY (_sources || _targets) THEN
        PERFORM ym.attempt_readdress(_now, array_agg(_jobs[i]), array_agg(_sources[i]), array_agg(_targets[i])) FROM unnest(_moved) i;
    END IF;
    RETURN QUERY SELECT unnest(_moved);
END $$;

-- "Everything is provisioned": told to start in the same breath, unless something else is wanted by now.
CREATE FUNCTION ym.attempt_prepared(_now int8, _jobs int8[], _fences int8[], _agents int8[], _messages int4[], _sources text[], _targets text[])
RETURNS TABLE (ix int4, state int2)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
DECLARE _moved int4[]; _states int2[];
BEGIN
    WITH moved AS (
        UPDATE ym.job_run r
           SET state = CASE WHEN r.wanted = 0 THEN n.to_state ELSE m.to_state END, seq = r.seq + CASE WHEN r.wanted = 0 THEN 2 ELSE 1 END,
               state_at = _now, state_count = 0, message = GREATEST(r.message, g.message)
          FROM (SELECT * FROM unnest(_jobs, _fences, _agents, _messages) WITH ORDINALITY AS u (job_id, fence, agent_id, message, ix) ORDER BY u.job_id) g,
               ym.legal_move m, ym.legal_move n
         WHERE r.job_id = g.job_id AND r.fence = g.fence AND r.holder = g.agent_id AND (g.message = 0 OR g.message > r.message)
           AND m.machine = 'job' AND m.from_state = r.state AND m.on_event = 11
           AND n.machine = 'job' AND n.from_state = m.to_state AND n.on_event = 12
        RETURNING g.ix, r.job_id, r.seq, r.attempt, r.fence, r.holder, m.from_state, m.to_state AS prepared, r.state),
    noted AS (
        INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
        SELECT 0, v.job_id, v.seq - CASE WHEN v.state = v.prepared THEN 0 ELSE 1 END, _now, 11, v.from_state, v.prepared, v.attempt, v.fence, v.holder, 0, ''
          FROM moved v
        UNION ALL
        SELECT 0, v.job_id, v.seq, _now, 12, v.prepared, v.state, v.attempt, v.fence, v.holder, 0, '' FROM moved v WHERE v.state <> v.prepared)
    SELECT array_agg(v.ix), array_agg(v.state) INTO _moved, _states FROM moved v;
    IF '' <> ANY (_sources || _targets) THEN
        PERFORM ym.attempt_readdress(_now, array_agg(_jobs[i]), array_agg(_sources[i]), array_agg(_targets[i])) FROM unnest(_moved) i;
    END IF;
    RETURN QUERY SELECT u.ix, u.state FROM unnest(_moved, _states) AS u (ix, state);
END $$;

-- "Working on it", by the event of the signal. Nobody works on a wish that nobody has. Who errored and works
-- on it again is waited for as at first; the repetitions that it took stay counted.
CREATE FUNCTION ym.attempt_working(_now int8, _jobs int8[], _fences int8[], _agents int8[], _messages int4[], _ons int2[])
RETURNS TABLE (ix int4, state int2)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH moved AS (
        UPDATE ym.job_run r SET state = m.to_state, seq = r.seq + 1, state_at = _now, state_count = 0, message = GREATEST(r.message, g.message)
          FROM (SELECT * FROM unnest(_jobs, _fences, _agents, _messages, _ons)
                   WITH ORDINALITY AS u (job_id, fence, agent_id, message, on_event, ix) ORDER BY u.job_id) g, ym.legal_move m
         WHERE r.job_id = g.job_id AND r.fence = g.fence AND r.holder = g.agent_id AND (g.message = 0 OR g.message > r.message)
           AND CASE g.on_event WHEN 10 THEN true WHEN 13 THEN true WHEN 14 THEN r.wanted = 2 WHEN 19 THEN r.wanted = 1 WHEN 23 THEN true ELSE false END
           AND m.machine = 'job' AND m.from_state = r.state AND m.on_event = g.on_event
        RETURNING g.ix, m.on_event, r.job_id, r.seq, r.attempt, r.fence, r.holder, m.from_state, r.state),
    noted AS (
        INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
        SELECT 0, v.job_id, v.seq, _now, v.on_event, v.from_state, v.state, v.attempt, v.fence, v.holder, 0, '' FROM moved v)
    SELECT v.ix::int4, v.state FROM moved v;
    RETURN QUERY
    UPDATE ym.job_run r SET errored_at = 0, state_at = _now, message = GREATEST(r.message, g.message)
      FROM (SELECT * FROM unnest(_jobs, _fences, _agents, _messages, _ons)
               WITH ORDINALITY AS u (job_id, fence, agent_id, message, on_event, ix) ORDER BY u.job_id) g
     WHERE r.job_id = g.job_id AND r.fence = g.fence AND r.holder = g.agent_id AND (g.message = 0 OR g.message > r.message)
       AND r.errored_at > 0 AND r.errored_at >= r.state_at
       AND r.state = CASE g.on_event WHEN 10 THEN 210 WHEN 13 THEN 310 WHEN 14 THEN 510 WHEN 19 THEN 710 WHEN 23 THEN 610 END
    RETURNING g.ix::int4, r.state;
END $$;

-- A signal could not be carried out: no state changes, the history tells it. When it was makes it due again.
CREATE FUNCTION ym.attempt_errored(_now int8, _jobs int8[], _fences int8[], _agents int8[], _messages int4[], _details text[]) RETURNS TABLE (ix int4)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH moved AS (
        UPDATE ym.job_run r SET seq = r.seq + 1, errored_at = _now, message = GREATEST(r.message, g.message)
          FROM (SELECT * FROM unnest(_jobs, _fences, _agents, _messages, _details)
                   WITH ORDINALITY AS u (job_id, fence, agent_id, message, detail, ix) ORDER BY u.job_id) g
         WHERE r.job_id = g.job_id AND r.fence = g.fence AND r.holder = g.agent_id AND (g.message = 0 OR g.message > r.message)
        RETURNING g.ix, g.detail, r.job_id, r.seq, r.attempt, r.fence, r.holder, r.state),
    noted AS (
        INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
        SELECT 0, v.job_id, v.seq, _now, n.number, v.state, v.state, v.attempt, v.fence, v.holder, 0, v.detail
          FROM moved v JOIN ym.note n ON n.machine = 'job' AND n.name = 'ERRORED')
    SELECT v.ix::int4 FROM moved v;
END $$;

-- The yard's own wish that attempts end for good: one ran too long (as FAILED), or could not be made
-- to suspend. _notes say which in the history.
CREATE FUNCTION ym.attempt_wish(_now int8, _jobs int8[], _fences int8[], _wanteds int2[], _ends_as int2[], _notes int2[], _details text[])
RETURNS TABLE (ix int4)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH moved AS (
        UPDATE ym.job_run r SET wanted = g.wanted, suspender = 0, wanted_at = _now, beneficiary = 0, state_count = 0, seq = r.seq + 1,
               ends_as = CASE WHEN g.ends_as <> 0 THEN g.ends_as ELSE r.ends_as END
          FROM (SELECT * FROM unnest(_jobs, _fences, _wanteds, _ends_as, _notes, _details)
                   WITH ORDINALITY AS u (job_id, fence, wanted, ends_as, note, detail, ix) ORDER BY u.job_id) g, ym.legal_move m
         WHERE r.job_id = g.job_id AND r.fence = g.fence AND r.holder <> 0 AND r.wanted <> 1
           AND m.machine = 'job' AND m.from_state = r.state AND m.on_event = 19
        RETURNING g.ix, g.note, g.detail, r.job_id, r.seq, r.attempt, r.fence, r.holder, r.state),
    noted AS (
        INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
        SELECT 0, v.job_id, v.seq, _now, v.note, v.state, v.state, v.attempt, v.fence, v.holder, 0, v.detail FROM moved v)
    SELECT v.ix::int4 FROM moved v;
END $$;

-- Raises problems, each once while it is open, and tells the histories of the jobs that live.
CREATE FUNCTION ym.problem_raise(_now int8, _kinds int2[], _jobs int8[], _agents int8[], _details text[]) RETURNS TABLE (ix int4)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest(_kinds, _jobs, _agents, _details) WITH ORDINALITY AS u (kind, job_id, agent_id, detail, ix)),
    raised AS (
        INSERT INTO ym.problem (kind, job_id, agent_id, at_ms, detail)
        SELECT g.kind, g.job_id, g.agent_id, _now, g.detail FROM given g
            ON CONFLICT DO NOTHING RETURNING problem.kind, problem.job_id, problem.agent_id, problem.detail),
    told AS (
        UPDATE ym.job_run r SET seq = r.seq + 1
          FROM (SELECT DISTINCT ON (i.job_id) i.* FROM raised i ORDER BY i.job_id) v WHERE r.job_id = v.job_id
        RETURNING v.kind, v.detail, r.job_id, r.seq, r.attempt, r.fence, r.agent_id, r.state),
    noted AS (
        INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
        SELECT 0, v.job_id, v.seq, _now, n.number, v.state, v.state, v.attempt, v.fence, v.agent_id, 0, concat_ws(': ', w.word, NULLIF(v.detail, ''))
          FROM told v JOIN ym.note n ON n.machine = 'job' AND n.name = 'PROBLEM' JOIN ym.enum_word w ON w.list = 'problem' AND w.number = v.kind)
    SELECT g.ix::int4 FROM given g JOIN raised v ON v.kind = g.kind AND v.job_id = g.job_id AND v.agent_id = g.agent_id AND v.detail = g.detail;
END $$;

-- What attempts began to provision, provisioned or removed; at most one message of a job. _items tell which
-- message a resource is of. A job has 32 at most: a message beyond that changes nothing, and so does
-- one that says what is known. outcome: 0 stored, 1 too many; no row: not held.
CREATE FUNCTION ym.attempt_resources(_now int8, _jobs int8[], _fences int8[], _agents int8[],
    _items int4[], _names text[], _states int2[], _addresses text[])
RETURNS TABLE (ix int4, outcome int2)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
DECLARE _r record;
BEGIN
    FOR _r IN
        SELECT g.ix::int4 AS ix, h.job_id, h.fence, h.holder
          FROM (SELECT * FROM unnest(_jobs, _fences, _agents) WITH ORDINALITY AS u (job_id, fence, agent_id, ix) ORDER BY u.job_id, u.ix) g
               CROSS JOIN LATERAL (SELECT i.job_id, i.fence, i.holder FROM ym.job_run i
                                    WHERE i.job_id = g.job_id AND i.fence = g.fence AND i.holder = g.agent_id FOR UPDATE) h
    LOOP
        IF (SELECT count(*) FROM (SELECT x.name FROM ym.resource x WHERE x.job_id = _r.job_id
                                  UNION SELECT u.name FROM unnest(_items, _names, _states) AS u (item, name, state) WHERE u.item = _r.ix AND u.state <> 2) n) > 32 THEN
            RETURN QUERY SELECT _r.ix, 1::int2;
            CONTINUE;
        END IF;
        IF NOT EXISTS (SELECT FROM unnest(_items, _names, _states, _addresses) AS u (item, name, state, address)
                              LEFT JOIN ym.resource x ON x.job_id = _r.job_id AND x.name = u.name
                        WHERE u.item = _r.ix AND CASE u.state WHEN 2 THEN x.name IS NOT NULL
                                                      ELSE (x.state, x.address) IS DISTINCT FROM (u.state, u.address) END) THEN
            RETURN QUERY SELECT _r.ix, 0::int2;
            CONTINUE;
        END IF;
        DELETE FROM ym.resource x USING unnest(_items, _names, _states) AS u (item, name, state)
         WHERE u.item = _r.ix AND u.state = 2 AND x.job_id = _r.job_id AND x.name = u.name;
        INSERT INTO ym.resource (job_id, shard_id, name, state, address, fence, agent_id, at_ms)
        SELECT DISTINCT ON (u.name) _r.job_id, 0, u.name, u.state, u.address, _r.fence, _r.holder, _now
          FROM unnest(_items, _names, _states, _addresses) WITH ORDINALITY AS u (item, name, state, address, place)
         WHERE u.item = _r.ix AND u.state <> 2 ORDER BY u.name, u.place DESC
            ON CONFLICT (job_id, name) DO UPDATE SET state = EXCLUDED.state, address = EXCLUDED.address, fence = EXCLUDED.fence,
                agent_id = EXCLUDED.agent_id, at_ms = EXCLUDED.at_ms;
        WITH told AS (
            UPDATE ym.job_run r SET seq = r.seq + 1, live = (SELECT count(*) FROM ym.resource x WHERE x.job_id = r.job_id)
             WHERE r.job_id = _r.job_id RETURNING r.seq, r.attempt, r.fence, r.holder, r.state)
        INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
        SELECT 0, _r.job_id, v.seq, _now, n.number, v.state, v.state, v.attempt, v.fence, v.holder, 0,
               (SELECT string_agg(u.name || ' ' || w.word, ', ' ORDER BY u.place) FROM unnest(_items, _names, _states) WITH ORDINALITY AS u (item, name, state, place)
                  JOIN ym.enum_word w ON w.list = 'resource_state' AND w.number = u.state WHERE u.item = _r.ix)
          FROM told v JOIN ym.note n ON n.machine = 'job' AND n.name = 'PROVISIONED';
        RETURN QUERY SELECT _r.ix, 0::int2;
    END LOOP;
END $$;

-- Counters of live attempts. What is done never goes back within an attempt.
CREATE FUNCTION ym.attempt_progress(_jobs int8[], _fences int8[], _agents int8[], _dones int8[], _totals int8[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
BEGIN
    UPDATE ym.job_run r SET done = g.done, total = g.total
      FROM (SELECT * FROM unnest(_jobs, _fences, _agents, _dones, _totals) AS u (job_id, fence, agent_id, done, total) ORDER BY u.job_id) g
     WHERE r.job_id = g.job_id AND r.fence = g.fence AND r.holder = g.agent_id
       AND (g.done > r.done OR (g.done = r.done AND g.total <> r.total));
END $$;

-- Checkpoints of many attempts, at most one of each, with their mappings. Of a job's checkpoints only
-- the last is kept: it is the only one that is ever gone on from. Work that is over stores none.
CREATE FUNCTION ym.attempt_checkpoint(_now int8, _jobs int8[], _fences int8[], _agents int8[], _checkpoints int8[], _resumes bytea[], _marks text[],
    _dones int8[], _totals int8[], _map_jobs int8[], _map_sources text[], _map_targets text[])
RETURNS TABLE (ix int4)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
DECLARE _moved int4[]; _moved_jobs int8[];
BEGIN
    WITH moved AS (
        UPDATE ym.job_run r SET checkpoint = g.checkpoint, checkpoint_at = _now, losses = 0, seq = r.seq + 1, done = GREATEST(r.done, g.done), total = g.total
          FROM (SELECT * FROM unnest(_jobs, _fences, _agents, _checkpoints, _resumes, _marks, _dones, _totals)
                   WITH ORDINALITY AS u (job_id, fence, agent_id, checkpoint, resume, mark, done, total, ix) ORDER BY u.job_id) g
         WHERE r.job_id = g.job_id AND r.fence = g.fence AND r.holder = g.agent_id AND r.checkpoint < g.checkpoint AND r.state NOT IN (600, 610)
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
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT true, m.source, m.target
      FROM ym.job_run r
           LEFT JOIN LATERAL (SELECT i.source, i.target FROM unnest(_sources) AS g (source)
                              CROSS JOIN LATERAL (SELECT * FROM ym.id_map x WHERE x.job_id = _job AND x.source = g.source OFFSET 0) i) m ON true
     WHERE r.job_id = _job AND r.fence = _fence AND r.holder = _agent;
END $$;

-- The ends of attempts: completed, failed, lost, evicted, given up, suspended, terminated, deprovisioned
-- (0: as ends_as says). What is wanted and what is provisioned decide what such an end does:
--   a wish to terminate turns every way back into the end, and an owner's or operator's wish to suspend turns it
--   into SUSPENDED; without a wish nothing is terminated or suspended;
--   an end that would be final while something is provisioned closes first (the attempt stays held), or, if its
--   agent is not there any more, waits for another one that cleans up;
--   an error that may be tried again counts as a retry, a loss after the start as a loss if _counted; at the
--   limit the job is held where it waits.
-- Of two ends of one attempt the first counts. (OFFSET 0 keeps the planner from joining the law with itself
-- before it has the row.) Rows with ix 0 are jobs that wait now, as their queues know them.
CREATE FUNCTION ym.attempt_end(_now int8, _jobs int8[], _fences int8[], _agents int8[], _messages int4[], _ons int2[], _dones int8[], _totals int8[],
    _details text[], _counted bool[], _attempts_max int4, _losses_max int4, _retry_ms int8)
RETURNS TABLE (ix int4, job_id int8, state int2, final bool, tenant_id int4, tier int2, requirement int8, urgency int2, hold int2, unmet int2,
    not_before_ms int8, wait_until_ms int8, came_back bool)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
DECLARE
    _ended int4[]; _ended_jobs int8[]; _states int2[]; _finals bool[];
    _back int8[]; _awaited int8[]; _awaited_as int2[]; _loose int8[];
BEGIN
    WITH plan AS MATERIALIZED (
        SELECT DISTINCT ON (g.job_id) g.*, r.state AS from_state, x.target, y.did, m.to_state, m.final,
               CASE WHEN r.held <> 0 THEN 0 WHEN y.did = 5 AND r.retries + 1 >= _attempts_max THEN 3
                    WHEN y.did = 7 AND x.target = 0 AND g.counted AND r.state IN (400, 450, 510, 710) AND r.losses + 1 >= _losses_max THEN 4
                    ELSE 0 END::int2 AS holds
          FROM (SELECT * FROM unnest(_jobs, _fences, _agents, _messages, _ons, _dones, _totals, _details, _counted)
                   WITH ORDINALITY AS u (job_id, fence, agent_id, message, on_event, done, total, detail, counted, ix) ORDER BY u.job_id, u.ix) g
               CROSS JOIN LATERAL (SELECT i.state, i.wanted, i.suspender, i.ends_as, i.live, i.message, i.held, i.retries, i.losses FROM ym.job_run i
                                    WHERE i.job_id = g.job_id AND i.fence = g.fence AND i.holder = g.agent_id FOR UPDATE) r
               CROSS JOIN LATERAL (SELECT CASE WHEN r.state IN (600, 610) THEN 0 WHEN g.on_event = 4 THEN 900 WHEN g.on_event = 6 THEN 920
                                               WHEN r.wanted = 1 THEN CASE r.ends_as WHEN 0 THEN 910 ELSE r.ends_as END
                                               WHEN g.on_event = 20 THEN 920 ELSE 0 END::int2 AS target) x
               CROSS JOIN LATERAL (SELECT CASE WHEN r.state IN (600, 610) THEN
                                                   CASE g.on_event WHEN 7 THEN 7 WHEN 17 THEN 17
                                                        WHEN 0 THEN CASE r.ends_as WHEN 900 THEN 4 WHEN 910 THEN 8 WHEN 920 THEN 6 END END
                                               WHEN g.on_event = 0 THEN NULL
                                               WHEN x.target <> 0 AND r.live > 0 THEN CASE WHEN g.on_event IN (7, 17) THEN g.on_event ELSE 21 END
                                               WHEN x.target <> 0 THEN CASE x.target WHEN 900 THEN 4 WHEN 910 THEN 8 ELSE CASE g.on_event WHEN 20 THEN 20 ELSE 6 END END
                                               WHEN g.on_event = 8 THEN NULL
                                               WHEN r.wanted = 2 AND r.suspender IN (3, 4) AND g.on_event IN (5, 7, 15, 17) THEN 15
                                               WHEN g.on_event = 15 THEN CASE r.wanted WHEN 2 THEN 16 END
                                               ELSE g.on_event END::int2 AS did) y
               CROSS JOIN LATERAL (SELECT i.to_state, i.to_state >= 900 AS final FROM ym.legal_move i
                                    WHERE i.machine = 'job' AND i.from_state = r.state AND i.on_event = y.did
                                      AND EXISTS (SELECT FROM ym.legal_move p WHERE p.machine = 'job' AND p.from_state = r.state
                                                     AND p.on_event = CASE g.on_event WHEN 0 THEN y.did ELSE g.on_event END) OFFSET 0) m
         WHERE g.message = 0 OR g.message > r.message
         ORDER BY g.job_id, g.ix),
    gone AS (
        DELETE FROM ym.job_run r USING plan p
         WHERE p.final AND r.job_id = p.job_id AND r.fence = p.fence AND r.holder = p.agent_id AND r.state = p.from_state
        RETURNING p.ix, p.did, p.from_state, p.to_state, p.detail, r.job_id, r.tenant_id, r.tier, r.seq + 1 AS seq, r.attempt, r.fence, r.agent_id,
                  r.checkpoint, GREATEST(r.done, p.done) AS done, GREATEST(r.total, p.total) AS total, r.awaited, r.held <> 0 OR r.unmet > 0 AS loose,
                  r.retries, r.preempted),
    closed AS (
        INSERT INTO ym.job_done (shard_id, job_id, tenant_id, tier, state, seq, state_at, attempt, fence, agent_id, checkpoint, done, total, retries, preempted, result)
        SELECT 0, v.job_id, v.tenant_id, v.tier, v.to_state, v.seq, _now, v.attempt, v.fence, v.agent_id, v.checkpoint, v.done, v.total, v.retries, v.preempted,
               COALESCE((SELECT e.detail FROM ym.job_event e WHERE v.from_state IN (600, 610) AND e.job_id = v.job_id AND e.on_event = 21 ORDER BY e.seq DESC LIMIT 1), v.detail)
          FROM gone v),
    cleared AS (DELETE FROM ym.resource x USING plan p WHERE p.final AND p.from_state IN (600, 610) AND x.job_id = p.job_id),
    back AS (
        UPDATE ym.job_run r
           SET state = p.to_state, seq = r.seq + CASE p.holds WHEN 0 THEN 1 ELSE 2 END, state_at = _now, state_count = 0,
               holder = CASE p.to_state WHEN 600 THEN r.holder ELSE 0 END, message = GREATEST(r.message, p.message),
               done = GREATEST(r.done, p.done), total = GREATEST(r.total, p.total),
               wanted = 0, wanted_at = 0, beneficiary = 0, suspender = CASE p.to_state WHEN 520 THEN r.suspender ELSE 0 END,
               ends_as = CASE p.target WHEN 0 THEN r.ends_as ELSE p.target END,
               retries = r.retries + CASE WHEN p.on_event = 5 AND p.did IN (5, 15) THEN 1 ELSE 0 END,
               not_before_ms = CASE p.did WHEN 5 THEN _now + LEAST(_retry_ms << LEAST(r.retries, 30), GREATEST(60000, _retry_ms)) ELSE r.not_before_ms END,
               losses = CASE WHEN p.target <> 0 OR p.did IN (15, 16) THEN 0
                             WHEN p.did = 7 AND p.counted AND p.from_state IN (400, 450, 510, 710) THEN r.losses + 1
                             WHEN p.did = 17 AND p.from_state IN (600, 610) THEN r.losses + 1 ELSE r.losses END,
               preempted = r.preempted + CASE WHEN p.did IN (16, 17) AND r.wanted = 2 AND r.suspender = 1 THEN 1 ELSE 0 END,
               came_back = p.did IN (16, 17) AND r.wanted = 2 AND r.suspender = 1,
               held = CASE p.holds WHEN 0 THEN r.held ELSE p.holds END
          FROM plan p
         WHERE NOT p.final AND r.job_id = p.job_id AND r.fence = p.fence AND r.holder = p.agent_id AND r.state = p.from_state
        RETURNING p.ix, p.did, p.from_state, p.to_state, p.detail, p.holds, r.job_id, r.seq, r.attempt, r.fence, r.agent_id),
    held AS (
        INSERT INTO ym.hold (job_id, shard_id, hold, reason, who, at_ms)
        SELECT v.job_id, 0, v.holds, CASE v.holds WHEN 3 THEN v.detail ELSE 'the agent that ran it was lost' END, 0, _now FROM back v WHERE v.holds <> 0
            ON CONFLICT ON CONSTRAINT hold_pkey DO UPDATE SET hold = EXCLUDED.hold, reason = EXCLUDED.reason, who = 0, at_ms = EXCLUDED.at_ms),
    noted AS (
        INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
        SELECT 0, v.job_id, v.seq, _now, v.did, v.from_state, v.to_state, v.attempt, v.fence, v.agent_id, 0, v.detail FROM gone v
        UNION ALL
        SELECT 0, v.job_id, v.seq - CASE v.holds WHEN 0 THEN 0 ELSE 1 END, _now, v.did, v.from_state, v.to_state, v.attempt, v.fence, v.agent_id, 0, v.detail FROM back v
        UNION ALL
        SELECT 0, v.job_id, v.seq, _now, n.number, v.to_state, v.to_state, v.attempt, v.fence, v.agent_id, 0, w.word
          FROM back v JOIN ym.note n ON n.machine = 'job' AND n.name = 'HELD' JOIN ym.enum_word w ON w.list = 'hold' AND w.number = v.holds
         WHERE v.holds <> 0),
    moved AS (
        SELECT v.ix, v.job_id, v.to_state, true AS final, v.awaited, v.loose FROM gone v
        UNION ALL
        SELECT v.ix, v.job_id, v.to_state, false, false, false FROM back v)
    SELECT array_agg(v.ix), array_agg(v.job_id), array_agg(v.to_state), array_agg(v.final), array_agg(v.job_id) FILTER (WHERE v.to_state = 100),
           array_agg(v.job_id) FILTER (WHERE v.awaited), array_agg(v.to_state) FILTER (WHERE v.awaited), array_agg(v.job_id) FILTER (WHERE v.loose)
      INTO _ended, _ended_jobs, _states, _finals, _back, _awaited, _awaited_as, _loose FROM moved v;
    RETURN QUERY SELECT u.ix, u.job_id, u.state, u.final, 0, 0::int2, 0::int8, 0::int2, 0::int2, 0::int2, 0::int8, 0::int8, false
                   FROM unnest(_ended, _ended_jobs, _states, _finals) AS u (ix, job_id, state, final);
    IF _loose IS NOT NULL THEN
        DELETE FROM ym.hold h WHERE h.job_id = ANY (_loose);
        DELETE FROM ym.dependency d WHERE d.job_id = ANY (_loose);
    END IF;
    IF EXISTS (SELECT FROM ym.problem p WHERE p.closed_ms = 0) THEN
        PERFORM ym.problem_close(_now, _ended_jobs, _states);
    END IF;
    IF _back IS NOT NULL THEN
        RETURN QUERY SELECT 0, w.job_id, 100::int2, false, w.tenant_id, w.tier, w.requirement, w.urgency, w.hold, w.unmet, w.not_before_ms, w.wait_until_ms, w.came_back
                       FROM unnest(_back) AS b (job_id) CROSS JOIN LATERAL (SELECT * FROM ym.waiting i WHERE i.job_id = b.job_id OFFSET 0) w;
    END IF;
    IF _awaited IS NOT NULL THEN
        RETURN QUERY SELECT 0, d.job_id, 100::int2, false, d.tenant_id, d.tier, d.requirement, d.urgency, d.hold, d.unmet, d.not_before_ms, d.wait_until_ms, d.came_back
                       FROM ym.dependency_resolve(_now, _awaited, _awaited_as) d;
    END IF;
END $$;

-- What ended attempts leave of open problems: a signal that is answered late is no problem any more, neither is
-- one that failed before the attempt ended, nor what was provisioned once it is gone. That an attempt was ended
-- without its agent is said in the same turn: it stays until that agent begins anew, and so has stopped.
CREATE FUNCTION ym.problem_close(_now int8, _jobs int8[], _states int2[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
BEGIN
    UPDATE ym.problem p SET closed_ms = _now
      FROM unnest(_jobs, _states) AS g (job_id, state)
     WHERE p.closed_ms = 0 AND p.job_id = g.job_id AND (p.kind = 0 OR (p.kind = 1 AND p.at_ms < _now) OR (p.kind = 2 AND g.state >= 900));
END $$;

-- What became of attempts whose reports moved nothing? held: it still is this agent's, with the
-- checkpoint stored last; taken: this very callback was, before. ended_on: the event that ended this very
-- attempt or its work, 0 if none did; ended_as: the final state it came to, or will; a report is a repetition
-- only if it asked for that end.
CREATE FUNCTION ym.attempt_verify(_jobs int8[], _fences int8[], _agents int8[], _messages int4[])
RETURNS TABLE (ix int4, held bool, taken bool, ended_on int2, ended_as int2, state int2, checkpoint int8, checkpoint_fence int8)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT g.ix::int4, COALESCE(r.holder = g.agent_id, false), COALESCE(g.message > 0 AND g.message <= r.message, false), COALESCE(e.on_event, 0::int2),
           COALESCE(NULLIF(r.ends_as, 0), d.state, 0::int2), COALESCE(r.state, d.state, 0::int2), COALESCE(r.checkpoint, d.checkpoint, 0), COALESCE(c.fence, 0)
      FROM unnest(_jobs, _fences, _agents, _messages) WITH ORDINALITY AS g (job_id, fence, agent_id, message, ix)
           LEFT JOIN LATERAL (SELECT i.holder, i.state, i.checkpoint, i.message, i.ends_as FROM ym.job_run i
                               WHERE i.job_id = g.job_id AND i.fence = g.fence AND i.agent_id = g.agent_id OFFSET 0) r ON true
           LEFT JOIN LATERAL (SELECT i.state, i.checkpoint FROM ym.job_done i
                               WHERE i.job_id = g.job_id AND i.fence = g.fence AND i.agent_id = g.agent_id OFFSET 0) d ON true
           LEFT JOIN LATERAL (SELECT i.on_event FROM ym.job_event i JOIN ym.state s ON s.machine = 'job' AND s.number = i.state
                               WHERE i.job_id = g.job_id AND i.fence = g.fence AND i.agent_id = g.agent_id
                                 AND (s.final OR s.name IN ('QUEUED', 'SUSPENDED') OR i.on_event = 21) ORDER BY i.seq LIMIT 1) e ON true
           LEFT JOIN LATERAL (SELECT i.fence FROM ym.checkpoint i
                               WHERE i.job_id = g.job_id AND i.checkpoint = r.checkpoint OFFSET 0) c ON true;
END $$;

-- Jobs that waited longer than their limit and never started fail. Rows as attempt_end's, ix 0 for jobs that wait.
CREATE FUNCTION ym.job_expire(_now int8, _jobs int8[])
RETURNS TABLE (ix int4, job_id int8, state int2, final bool, tenant_id int4, tier int2, requirement int8, urgency int2, hold int2, unmet int2,
    not_before_ms int8, wait_until_ms int8, came_back bool)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
DECLARE _ended int4[]; _ended_jobs int8[]; _tiers int2[]; _states int2[]; _awaited int8[]; _awaited_as int2[];
BEGIN
    WITH plan AS MATERIALIZED (
        SELECT DISTINCT ON (g.job_id) g.ix, g.job_id, r.state AS from_state, m.to_state
          FROM (SELECT * FROM unnest(_jobs) WITH ORDINALITY AS u (job_id, ix) ORDER BY u.job_id) g
               CROSS JOIN LATERAL (SELECT i.state FROM ym.job_run i
                                    WHERE i.job_id = g.job_id AND i.wait_until_ms > 0 AND i.wait_until_ms <= _now AND i.attempt = 0 AND i.live = 0
                                      AND i.ends_as = 0 FOR UPDATE) r
               JOIN ym.legal_move m ON m.machine = 'job' AND m.from_state = r.state AND m.on_event = 24
         ORDER BY g.job_id, g.ix),
    gone AS (
        DELETE FROM ym.job_run r USING plan p WHERE r.job_id = p.job_id
        RETURNING p.ix, p.from_state, p.to_state, r.job_id, r.tenant_id, r.tier, r.seq + 1 AS seq, r.done, r.total, r.awaited),
    closed AS (
        INSERT INTO ym.job_done (shard_id, job_id, tenant_id, tier, state, seq, state_at, attempt, fence, agent_id, checkpoint, done, total, result)
        SELECT 0, v.job_id, v.tenant_id, v.tier, v.to_state, v.seq, _now, 0, 0, 0, 0, v.done, v.total, 'waited longer than its limit' FROM gone v),
    noted AS (
        INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
        SELECT 0, v.job_id, v.seq, _now, 24, v.from_state, v.to_state, 0, 0, 0, 0, '' FROM gone v)
    SELECT array_agg(v.ix), array_agg(v.job_id), array_agg(v.tier), array_agg(v.to_state),
           array_agg(v.job_id) FILTER (WHERE v.awaited), array_agg(v.to_state) FILTER (WHERE v.awaited)
      INTO _ended, _ended_jobs, _tiers, _states, _awaited, _awaited_as FROM gone v;
    IF _ended IS NULL THEN
        RETURN;
    END IF;
    DELETE FROM ym.hold h WHERE h.job_id = ANY (_ended_jobs);
    DELETE FROM ym.dependency d WHERE d.job_id = ANY (_ended_jobs);
    RETURN QUERY SELECT u.ix, u.job_id, u.state, true, 0, u.tier, 0::int8, 0::int2, 0::int2, 0::int2, 0::int8, 0::int8, false
                   FROM unnest(_ended, _ended_jobs, _states, _tiers) AS u (ix, job_id, state, tier);
    IF _awaited IS NOT NULL THEN
        RETURN QUERY SELECT 0, d.job_id, 100::int2, false, d.tenant_id, d.tier, d.requirement, d.urgency, d.hold, d.unmet, d.not_before_ms, d.wait_until_ms, d.came_back
                       FROM ym.dependency_resolve(_now, _awaited, _awaited_as) d;
    END IF;
END $$;

GRANT EXECUTE ON FUNCTION ym.tick(int8, int8, int8[], int8[]), ym.agent_load(), ym.attempt_load(),
    ym.agent_register(int8, int8, int8, bytea, text, text, text[], int4, int2, int2), ym.agent_move(int8, int8[], int8[], int2[]),
    ym.attempt_lease(int8, int8, int8[], int8[], int8[], text[], int2, int2, int2),
    ym.waiting_still(int8[]), ym.attempt_want(int8, int8[], int8[], int2[], int8[], text[], int2, int2), ym.attempt_told(int8[], int8[]), ym.attempt_again(int8[], int8[], int2[]),
    ym.attempt_started(int8, int8[], int8[], int8[], int4[], text[], text[]), ym.attempt_prepared(int8, int8[], int8[], int8[], int4[], text[], text[]),
    ym.attempt_working(int8, int8[], int8[], int8[], int4[], int2[]), ym.attempt_errored(int8, int8[], int8[], int8[], int4[], text[]),
    ym.attempt_wish(int8, int8[], int8[], int2[], int2[], int2[], text[]), ym.attempt_resources(int8, int8[], int8[], int8[], int4[], text[], int2[], text[]),
    ym.problem_raise(int8, int2[], int8[], int8[], text[]), ym.job_expire(int8, int8[]), ym.attempt_progress(int8[], int8[], int8[], int8[], int8[]),
    ym.attempt_checkpoint(int8, int8[], int8[], int8[], int8[], bytea[], text[], int8[], int8[], int8[], text[], text[]),
    ym.attempt_lookup(int8, int8, int8, text[]),
    ym.attempt_end(int8, int8[], int8[], int8[], int4[], int2[], int8[], int8[], text[], bool[], int4, int4, int8),
    ym.attempt_verify(int8[], int8[], int8[], int4[])
    TO ym_assignment;
GRANT EXECUTE ON FUNCTION ym.problem_raise(int8, int2[], int8[], int8[], text[]) TO ym_intake;
RESET ROLE;
