-- Short names for the calls of tests; each calls one function of the yard, as whoever calls it.
CREATE SCHEMA t;
GRANT USAGE ON SCHEMA t TO PUBLIC;
CREATE TABLE t.event (machine text, word text, number int2, PRIMARY KEY (machine, word));
CREATE TABLE t.base AS SELECT ((extract(epoch FROM clock_timestamp()) * 1000)::int8 - 1735689600000) << 11 AS id;
GRANT SELECT ON t.event, t.base TO PUBLIC;
INSERT INTO ym.tenant (name, created_ms) VALUES ('one', 1), ('two', 1);

-- Job number n of this test.
CREATE FUNCTION t.id(n int8) RETURNS int8 LANGUAGE sql STABLE AS 'SELECT id + n FROM t.base';
CREATE FUNCTION t.of(id int8) RETURNS int8 LANGUAGE sql STABLE AS 'SELECT $1 - b.id FROM t.base b';
CREATE FUNCTION t.ev(word text) RETURNS int2 LANGUAGE sql STABLE AS $$ SELECT number FROM t.event e WHERE e.machine = 'job' AND e.word = $1 $$;
CREATE FUNCTION t.request(r text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT decode(md5(r), 'hex') $$;
CREATE FUNCTION t.digest(body text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT sha256(body::bytea) $$;

-- One row an item: fresh; same and other with the job stored before; again.
CREATE FUNCTION t.submit(ns int8[], tenants int4[], requests text[], bodies text[], tier int2 DEFAULT 0) RETURNS SETOF text
LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN s.fresh THEN 'fresh' WHEN s.reply IS NULL THEN 'again'
                WHEN s.digest = t.digest(bodies[s.ix]) THEN 'same-' ELSE 'other-' END
           || COALESCE(t.of(('x' || encode(s.reply, 'hex'))::bit(64)::int8)::text, '')
      FROM ym.job_submit(1000, ARRAY[7]::int8[], ARRAY['shared||git'], (SELECT array_agg(t.id(n) ORDER BY o) FROM unnest(ns) WITH ORDINALITY AS u (n, o)),
               tenants, array_fill(5::int8, ARRAY[cardinality(ns)]),
               (SELECT array_agg(t.request(r) ORDER BY o) FROM unnest(requests) WITH ORDINALITY AS u (r, o)),
               (SELECT array_agg(t.digest(b) ORDER BY o) FROM unnest(bodies) WITH ORDINALITY AS u (b, o)),
               array_fill(tier, ARRAY[cardinality(ns)]), array_fill(7::int8, ARRAY[cardinality(ns)]),
               bodies, array_fill('git'::text, ARRAY[cardinality(ns)]), bodies, bodies,
               array_fill(''::bytea, ARRAY[cardinality(ns)]), (SELECT array_agg(b::bytea ORDER BY o) FROM unnest(bodies) WITH ORDINALITY AS u (b, o))) s
     ORDER BY s.ix
$$;
CREATE FUNCTION t.submit(n int8, tenant int4, request text, body text, tier int2 DEFAULT 0) RETURNS text
LANGUAGE sql VOLATILE AS 'SELECT t.submit(ARRAY[n], ARRAY[tenant], ARRAY[request], ARRAY[body], tier)';

CREATE FUNCTION t.note(word text) RETURNS int2
LANGUAGE sql STABLE SECURITY DEFINER AS $$ SELECT n.number FROM ym.note n WHERE n.machine = 'job' AND n.name = word $$;
-- Where termination leads a waiting job; NULL if it is final.
CREATE FUNCTION t.terminated(state int2) RETURNS int2
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT m.to_state FROM ym.legal_move m WHERE m.machine = 'job' AND m.from_state = state AND m.on_event = t.ev('TERMINATE')
$$;
-- Reads the job and changes it as it was read, again if it moved meanwhile: the wish if an agent has it, else
-- the end. 'outcome state seq'; outcome 0 done now, 1 answered before, 2 unknown, 3 final already.
CREATE FUNCTION t.terminate(n int8, tenant int4, asking int4, request text, body text DEFAULT 'b') RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE _f record; _on int2; _to int2;
BEGIN
    FOR _look IN 1..9 LOOP
        SELECT * INTO STRICT _f FROM ym.job_facts(ARRAY[t.id(n)], ARRAY[tenant], ARRAY[asking], ARRAY[t.request(request)], ARRAY[0]::int8[]);
        _to := CASE WHEN _f.held_by_agent THEN _f.state ELSE t.terminated(_f.state) END;
        IF _f.reply IS NOT NULL THEN
            RETURN '1 0 0';
        ELSIF NOT _f.found THEN
            RETURN '2 0 0';
        ELSIF _to IS NULL THEN
            RETURN '3 0 0';
        END IF;
        _on := CASE WHEN NOT _f.held_by_agent THEN t.ev('TERMINATE') WHEN _f.wanted = 1 THEN 0 ELSE t.note('TERMINATE_WANTED') END;
        PERFORM FROM ym.job_act(2000, t.id(n), _f.seq, asking, 5, t.request(request), t.digest(body), '\x01', _on, _to, 'why', _f.held_by_agent::int4::int2,
            0::int2, _f.held, _f.urgency, _f.tier, _f.ends_as, false, 0, 0::int2);
        IF FOUND THEN
            RETURN concat_ws(' ', 0, _to, _f.seq + (_on <> 0)::int4);
        END IF;
    END LOOP;
    RAISE 'job % moves too fast', n;
END $$;
-- The session of an agent; one that never registered is connected by this, in session 1.
CREATE FUNCTION t.session(agent int8) RETURNS int8
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    INSERT INTO ym.agent (agent_id, session, request, state, state_at, region, pool, capabilities, slots)
    SELECT agent, 1, '', s.number, 0, 'eu', 'shared', '{}', 100 FROM ym.state s WHERE s.machine = 'agent' AND s.name = 'CONNECTED'
        ON CONFLICT DO NOTHING;
    SELECT a.session FROM ym.agent a WHERE a.agent_id = agent;
$$;
-- With the policy as it is.
CREATE FUNCTION t.attempt_lease(now int8, jobs int8[], agents int8[], sessions int8[])
RETURNS TABLE (job_id int8, agent_id int8, fence int8, attempt int4, retries int4, tenant text, name text, kind text, source text, target text,
    trace bytea, payload bytea, checkpoint int8, resume bytea, mark text, done int8, total int8, state int2,
    resources text[], run_limit_ms int8, preempted int2, losses int2, fixed bool)
LANGUAGE sql VOLATILE AS $$
    SELECT l.job_id, l.agent_id, l.fence, l.attempt, l.retries, l.tenant, l.name, l.kind, l.source, l.target, l.trace, l.payload,
           l.checkpoint, l.resume, l.mark, l.done, l.total, l.state, l.resources, l.run_limit_ms, l.preempted, l.losses, l.fixed
      FROM ym.attempt_lease(now, ym.policy_number(), jobs, agents, sessions, array_fill(''::text, ARRAY[cardinality(jobs)]),
                            t.ev('LEASE'), t.ev('GO_ON'), t.ev('CLEAN')) l
$$;
-- When a job may be leased.
CREATE FUNCTION t.due(n int8) RETURNS int8
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT COALESCE((SELECT GREATEST(3000, r.not_before_ms) FROM ym.job_run r WHERE r.job_id = t.id(n)), 3000)
$$;
-- The fence, or nothing.
CREATE FUNCTION t.lease(n int8, agent int8) RETURNS SETOF int8
LANGUAGE sql VOLATILE AS $$
    SELECT l.fence FROM t.attempt_lease(t.due(n), ARRAY[t.id(n)], ARRAY[agent], ARRAY[t.session(agent)]) l
$$;
CREATE FUNCTION t.started(n int8, fence int8, agent int8) RETURNS bool
LANGUAGE sql VOLATILE AS $$
    SELECT count(*) = 1 FROM ym.attempt_started(4000, ARRAY[t.id(n)], ARRAY[fence], ARRAY[agent], ARRAY[0], ARRAY[''], ARRAY[''])
$$;
-- The new state, or nothing.
CREATE FUNCTION t.prepared(n int8, fence int8, agent int8, message int4 DEFAULT 0, source text DEFAULT '', target text DEFAULT '') RETURNS SETOF int2
LANGUAGE sql VOLATILE AS $$
    SELECT p.state FROM ym.attempt_prepared(4000, ARRAY[t.id(n)], ARRAY[fence], ARRAY[agent], ARRAY[message], ARRAY[source], ARRAY[target]) p
$$;
CREATE FUNCTION t.working(n int8, fence int8, agent int8, on_event int2, message int4 DEFAULT 0) RETURNS SETOF int2
LANGUAGE sql VOLATILE AS $$
    SELECT w.state FROM ym.attempt_working(4000, ARRAY[t.id(n)], ARRAY[fence], ARRAY[agent], ARRAY[message], ARRAY[on_event]) w
$$;
CREATE FUNCTION t.errored(n int8, fence int8, agent int8, message int4 DEFAULT 0) RETURNS bool
LANGUAGE sql VOLATILE AS $$
    SELECT count(*) = 1 FROM ym.attempt_errored(4500, ARRAY[t.id(n)], ARRAY[fence], ARRAY[agent], ARRAY[message], ARRAY['start: no'])
$$;
-- 0 stored, 1 too many, or nothing.
CREATE FUNCTION t.resource(n int8, fence int8, agent int8, name text, state int2) RETURNS SETOF int2
LANGUAGE sql VOLATILE AS $$
    SELECT r.outcome FROM ym.attempt_resources(4600, ARRAY[t.id(n)], ARRAY[fence], ARRAY[agent], ARRAY[1], ARRAY[name], ARRAY[state], ARRAY['at ' || name]) r
$$;
CREATE FUNCTION t.checkpoint(n int8, fence int8, agent int8, number int8, sources text[] DEFAULT '{}') RETURNS bool
LANGUAGE sql VOLATILE AS $$
    SELECT count(*) = 1 FROM ym.attempt_checkpoint(5000, ARRAY[t.id(n)], ARRAY[fence], ARRAY[agent], ARRAY[number], ARRAY['resume'::bytea],
        ARRAY['mark ' || number], ARRAY[number * 10], ARRAY[100::int8], array_fill(t.id(n), ARRAY[cardinality(sources)]), sources,
        (SELECT COALESCE(array_agg('to-' || s), '{}') FROM unnest(sources) s))
$$;
-- The new state, or nothing. At most five errors and three losses; 0 for what was deprovisioned.
CREATE FUNCTION t.finish(n int8, fence int8, agent int8, on_event text, message int4 DEFAULT 0, now int8 DEFAULT 6000) RETURNS SETOF text
LANGUAGE sql VOLATILE AS $$
    SELECT e.state::text FROM ym.attempt_end(now, ARRAY[t.id(n)], ARRAY[fence], ARRAY[agent], ARRAY[message], ARRAY[COALESCE(t.ev(on_event), 0::int2)],
        ARRAY[100::int8], ARRAY[100::int8], ARRAY['detail'], ARRAY[true], 5, 3, 100) e WHERE e.ix > 0
$$;
-- Many at once, without numbers of callbacks.
CREATE FUNCTION t.attempt_end(now int8, jobs int8[], fences int8[], agents int8[], ons int2[], dones int8[], totals int8[], details text[])
RETURNS TABLE (ix int4, state int2, final bool)
LANGUAGE sql VOLATILE AS $$
    SELECT e.ix, e.state, e.final FROM ym.attempt_end(now, jobs, fences, agents, array_fill(0, ARRAY[cardinality(jobs)]), ons, dones, totals, details,
        array_fill(true, ARRAY[cardinality(jobs)]), 3, 2, 100) e WHERE e.ix > 0
$$;
CREATE FUNCTION t.register(agent int8, request text, slots int4 DEFAULT 4) RETURNS text
LANGUAGE sql VOLATILE AS $$
    SELECT concat_ws(' ', r.session, r.fresh)
      FROM ym.agent_register(7000, 1, agent, t.request(request), 'eu', 'shared', ARRAY['git'], slots, 1::int2, 100::int2) r
$$;

-- For the superuser: a job where it is, and everything.
CREATE FUNCTION t.job(n int8) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT concat_ws(' ', 'run', s.name, r.seq, r.attempt, r.retries, r.wanted)
      FROM ym.job_run r JOIN ym.state s ON s.machine = 'job' AND s.number = r.state WHERE r.job_id = t.id(n)
    UNION ALL
    SELECT concat_ws(' ', 'done', s.name, d.seq, d.attempt)
      FROM ym.job_done d JOIN ym.state s ON s.machine = 'job' AND s.number = d.state WHERE d.job_id = t.id(n)
$$;
CREATE FUNCTION t.rows() RETURNS text LANGUAGE plpgsql AS $$
DECLARE _table text; _one text; _all text := '';
BEGIN
    FOREACH _table IN ARRAY ARRAY['job', 'job_run', 'job_done', 'job_event', 'agent', 'agent_seen', 'request', 'requirement', 'checkpoint', 'id_map',
                                  'key', 'tenant', 'key_change', 'hold', 'dependency'] LOOP
        EXECUTE format('SELECT md5(string_agg(r::text, E''\n'' ORDER BY r::text)) FROM ym.%I r', _table) INTO _one;
        _all := _all || _table || '=' || COALESCE(_one, '-') || ' ';
    END LOOP;
    RETURN _all;
END $$;
