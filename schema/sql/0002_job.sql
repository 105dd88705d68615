-- Jobs: what was asked (job), what runs (job_run), what ended (job_done), what happened (job_event).
--
-- job_run is narrow, has no index but its key and holds live jobs only, so that its updates stay
-- heap-only. A move is a compare-and-set: the legal moves stand in the statement's own predicate as
-- a join with legal_move, and seq, the number of the job's latest event, rises by one with each.
-- A job's rows lie in the partition of the day it was submitted (its id begins with the time), so
-- that its whole history goes at once.
SET LOCAL ROLE ym_owner;

CREATE TABLE ym.requirement (
    requirement int8 PRIMARY KEY,               -- first 8 octets of the BLAKE2b of the text
    text text NOT NULL CHECK (length(text) <= 2000));

CREATE TABLE ym.job (
    shard_id int2 NOT NULL, job_id int8 NOT NULL, tenant_id int4 NOT NULL, tier int2 NOT NULL,
    requirement int8 NOT NULL, submitted_ms int8 NOT NULL, submitted_by int8 NOT NULL,
    name text NOT NULL, kind text NOT NULL, source text NOT NULL, target text NOT NULL,
    trace bytea, payload bytea NOT NULL,
    PRIMARY KEY (job_id, shard_id)) PARTITION BY RANGE (job_id);
ALTER TABLE ym.job ALTER payload SET STORAGE EXTERNAL;
CREATE INDEX job_by_tenant ON ym.job (tenant_id, job_id);

-- fence belongs to the latest attempt; holder is the agent that has it now, 0 if none.
--   state_count  how often the signal that is out now was given again, since GREATEST (state_at, wanted_at)
--   wanted       what is asked of the agent (enum wanted), for whose sake (enum suspender), since when
--   held         enum hold; a job with a hold, an urgency of 0 or unmet dependencies is not leased
--   ends_as      the final state it goes to once nothing provisioned is left; 0 while it is to run
--   live         rows of ym.resource; unmet: rows of ym.dependency; awaited: another job waits for this one
--   losses       agents lost in a row while they ran it; preempted: times it gave its slot up
--   came_back    it waits because it was preempted, and so preempts nobody
--   beneficiary  the job its slot is for, while it is asked to suspend for one
--   message      number of the last callback of this attempt that was taken
--   moved        ym.job_address has other addresses than ym.job
CREATE TABLE ym.job_run (
    shard_id int2 NOT NULL, job_id int8 NOT NULL, tenant_id int4 NOT NULL, tier int2 NOT NULL,
    state int2 NOT NULL, seq int4 NOT NULL, state_at int8 NOT NULL, state_count int2 NOT NULL DEFAULT 0,
    wanted int2 NOT NULL DEFAULT 0, held int2 NOT NULL DEFAULT 0, urgency int2 NOT NULL DEFAULT 16,
    attempt int4 NOT NULL DEFAULT 0, retries int4 NOT NULL DEFAULT 0,
    requirement int8 NOT NULL, not_before_ms int8 NOT NULL DEFAULT 0,
    fence int8 NOT NULL DEFAULT 0, agent_id int8 NOT NULL DEFAULT 0, holder int8 NOT NULL DEFAULT 0,
    checkpoint int8 NOT NULL DEFAULT 0, done int8 NOT NULL DEFAULT 0, total int8 NOT NULL DEFAULT 0,
    wanted_at int8 NOT NULL DEFAULT 0, checkpoint_at int8 NOT NULL DEFAULT 0, beneficiary int8 NOT NULL DEFAULT 0,
    wait_until_ms int8 NOT NULL DEFAULT 0, run_limit_ms int8 NOT NULL DEFAULT 0, message int4 NOT NULL DEFAULT 0,
    suspender int2 NOT NULL DEFAULT 0, ends_as int2 NOT NULL DEFAULT 0, losses int2 NOT NULL DEFAULT 0,
    preempted int2 NOT NULL DEFAULT 0, live int2 NOT NULL DEFAULT 0 CHECK (live >= 0), unmet int2 NOT NULL DEFAULT 0 CHECK (unmet >= 0),
    fixed bool NOT NULL DEFAULT false, came_back bool NOT NULL DEFAULT false, awaited bool NOT NULL DEFAULT false,
    moved bool NOT NULL DEFAULT false,
    errored_at int8 NOT NULL DEFAULT 0,         -- when the agent could not carry its signal out; counts if after state_at
    PRIMARY KEY (job_id, shard_id))
    WITH (fillfactor = 55, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE ym.job_done (
    shard_id int2 NOT NULL, job_id int8 NOT NULL, tenant_id int4 NOT NULL, tier int2 NOT NULL,
    state int2 NOT NULL, seq int4 NOT NULL, state_at int8 NOT NULL, attempt int4 NOT NULL,
    fence int8 NOT NULL, agent_id int8 NOT NULL, checkpoint int8 NOT NULL, done int8 NOT NULL, total int8 NOT NULL,
    result text NOT NULL, retries int4 NOT NULL DEFAULT 0, preempted int2 NOT NULL DEFAULT 0,
    PRIMARY KEY (job_id, shard_id)) PARTITION BY RANGE (job_id);

CREATE TABLE ym.job_event (
    shard_id int2 NOT NULL, job_id int8 NOT NULL, seq int4 NOT NULL, at_ms int8 NOT NULL,
    on_event int2 NOT NULL, from_state int2 NOT NULL, state int2 NOT NULL, attempt int4 NOT NULL,
    fence int8 NOT NULL, agent_id int8 NOT NULL, who int8 NOT NULL, detail text NOT NULL,
    PRIMARY KEY (job_id, seq, shard_id)) PARTITION BY RANGE (job_id);

-- An agent is a key with the role agent; a session is one run of its program.
CREATE TABLE ym.agent (
    agent_id int8 PRIMARY KEY, session int8 NOT NULL, request bytea NOT NULL, state int2 NOT NULL, state_at int8 NOT NULL,
    region text NOT NULL, pool text NOT NULL, capabilities text[] NOT NULL, slots int4 NOT NULL CHECK (slots BETWEEN 0 AND 10000))
    WITH (fillfactor = 70);
-- When it was last heard of, in ticks and on the clock: apart, because it changes with every tick.
CREATE TABLE ym.agent_seen (agent_id int8 PRIMARY KEY, tick int8 NOT NULL, at_ms int8 NOT NULL) WITH (fillfactor = 30);

-- The only proof that a commit happened, and the answer to give again.
CREATE TABLE ym.request (
    tenant_id int4 NOT NULL, request bytea NOT NULL CHECK (octet_length(request) = 16),
    digest bytea NOT NULL, at_ms int8 NOT NULL, reply bytea NOT NULL,
    PRIMARY KEY (tenant_id, request));

CREATE TABLE ym.checkpoint (
    shard_id int2 NOT NULL, job_id int8 NOT NULL, checkpoint int8 NOT NULL, fence int8 NOT NULL, at_ms int8 NOT NULL,
    done int8 NOT NULL, total int8 NOT NULL, mark text NOT NULL, resume bytea NOT NULL,
    PRIMARY KEY (job_id, checkpoint, shard_id)) PARTITION BY RANGE (job_id);
ALTER TABLE ym.checkpoint ALTER resume SET STORAGE EXTERNAL;

CREATE TABLE ym.id_map (
    shard_id int2 NOT NULL, job_id int8 NOT NULL, source text NOT NULL, target text NOT NULL,
    checkpoint int8 NOT NULL, fence int8 NOT NULL,
    PRIMARY KEY (job_id, source, shard_id)) PARTITION BY RANGE (job_id);

-- Why a job is held, for people; whether it is stands in job_run.
CREATE TABLE ym.hold (
    job_id int8 PRIMARY KEY, shard_id int2 NOT NULL, hold int2 NOT NULL, reason text NOT NULL, who int8 NOT NULL, at_ms int8 NOT NULL);

-- What job_id still waits for: a row goes when it is met.
CREATE TABLE ym.dependency (
    job_id int8 NOT NULL, shard_id int2 NOT NULL, on_job int8 NOT NULL, condition int2 NOT NULL,
    PRIMARY KEY (job_id, on_job), CHECK (job_id <> on_job));
CREATE INDEX dependency_on ON ym.dependency (on_job);

-- What attempts provisioned or began to, and did not remove yet: belongs to the job, so that the next
-- attempt can use it and any agent of the kind can remove it.
CREATE TABLE ym.resource (
    job_id int8 NOT NULL, shard_id int2 NOT NULL, name text NOT NULL, state int2 NOT NULL, address text NOT NULL,
    fence int8 NOT NULL, agent_id int8 NOT NULL, at_ms int8 NOT NULL,
    PRIMARY KEY (job_id, name));

-- Where an agent moved a job's source or target to; the job itself keeps what was asked.
CREATE TABLE ym.job_address (
    job_id int8 PRIMARY KEY, shard_id int2 NOT NULL, source text NOT NULL, target text NOT NULL, fence int8 NOT NULL, at_ms int8 NOT NULL);

-- What needs repair. One open problem a kind and job.
CREATE TABLE ym.problem (
    problem_id int8 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    kind int2 NOT NULL, job_id int8 NOT NULL, agent_id int8 NOT NULL, at_ms int8 NOT NULL, closed_ms int8 NOT NULL DEFAULT 0, detail text NOT NULL);
CREATE UNIQUE INDEX problem_open ON ym.problem (kind, job_id, agent_id, detail) WHERE closed_ms = 0;

-- Makes the partitions of the day of _now and of the three days after it. Attaching takes a weaker
-- lock than creating in place, so nothing waits. Returns how many were made.
CREATE FUNCTION ym.partitions_ahead(_now int8) RETURNS int4
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
DECLARE
    _epoch constant int8 := 1735689600000;
    _day constant int8 := 86400000;
    _table text; _part text; _from int8; _made int4 := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(7510, 1);
    FOR _from IN SELECT generate_series((_now - _epoch) / _day, (_now - _epoch) / _day + 3) LOOP
        FOREACH _table IN ARRAY ARRAY['job', 'job_done', 'job_event', 'checkpoint', 'id_map'] LOOP
            _part := _table || '_' || to_char(to_timestamp((_epoch + _from * _day) / 1000) AT TIME ZONE 'UTC', 'YYYYMMDD');
            IF to_regclass('ym.' || _part) IS NULL THEN
                EXECUTE format('CREATE TABLE ym.%I (LIKE ym.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)', _part, _table);
                EXECUTE format('ALTER TABLE ym.%I ATTACH PARTITION ym.%I FOR VALUES FROM (%s) TO (%s)',
                               _table, _part, (_from * _day) << 11, ((_from + 1) * _day) << 11);
                _made := _made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN _made;
END $$;
SELECT ym.partitions_ahead((extract(epoch FROM clock_timestamp()) * 1000)::int8);

-- The waiting jobs as queues know them; the columns are those of the record 'ready', and whoever tells
-- a queue of a job fills it from here. Held, blocked and early jobs are there too. One that is only to
-- be cleaned up waits for nothing, and one that was started once has met its wait limit.
CREATE VIEW ym.waiting AS
    SELECT r.job_id, r.tenant_id, r.tier, r.requirement,
           CASE WHEN r.ends_as <> 0 THEN 31::int2 ELSE r.urgency END AS urgency,
           CASE WHEN r.ends_as <> 0 THEN 0::int2 ELSE r.held END AS hold,
           CASE WHEN r.ends_as <> 0 THEN 0::int2 ELSE r.unmet END AS unmet,
           CASE WHEN r.ends_as <> 0 THEN 0 ELSE r.not_before_ms END AS not_before_ms,
           CASE WHEN r.ends_as <> 0 OR r.attempt > 0 THEN 0 ELSE r.wait_until_ms END AS wait_until_ms,
           r.came_back
      FROM ym.job_run r
     WHERE r.state + 0 = (SELECT s.number FROM ym.state s WHERE s.machine = 'job' AND s.name = 'QUEUED');

-- The name of a job as people see it: Crockford's base 32, as common/base/id.c prints it.
CREATE FUNCTION ym.job_name(_job int8) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = ym, pg_temp AS $$
    SELECT 'job_' || string_agg(substr('0123456789abcdefghjkmnpqrstvwxyz', (_job >> (60 - 5 * n) & 31)::int4 + 1, 1), '' ORDER BY n)
      FROM generate_series(0, 12) n
$$;

CREATE FUNCTION ym.word_number(_list text, _word text) RETURNS int2
LANGUAGE sql STABLE SET search_path = ym, pg_temp AS $$
    SELECT w.number FROM ym.enum_word w WHERE w.list = _list AND w.word = _word
$$;

-- Does _from wait for _to, directly or over others? A web of more than 10000 jobs counts as if.
CREATE FUNCTION ym.dependency_leads(_from int8, _to int8) RETURNS bool
LANGUAGE sql STABLE SET search_path = ym, pg_temp AS $$
    WITH RECURSIVE walk (job_id) AS (
        SELECT _from UNION SELECT d.on_job FROM walk w JOIN ym.dependency d ON d.job_id = w.job_id)
    SELECT COALESCE(bool_or(x.job_id = _to), false) OR count(*) > 10000 FROM (SELECT w.job_id FROM walk w LIMIT 10001) x
$$;

-- What the jobs that a batch of new ones is to wait for are, one row an item of the batch: how many have
-- not ended, which ended badly for it, and whether all are there. Those that have not ended are locked,
-- in the order of their ids, so that their ends see the new job or it sees them.
CREATE FUNCTION ym.dependency_look(_tenants int4[], _ixs int4[], _ons int8[], _conditions int2[])
RETURNS TABLE (ix int4, unmet int2, bad text, known bool)
LANGUAGE plpgsql VOLATILE SET search_path = ym, pg_temp SET enable_hashjoin = off SET enable_nestloop = on AS $$
BEGIN
    PERFORM FROM (SELECT DISTINCT u.on_job, _tenants[u.ix] AS tenant_id FROM unnest(_ixs, _ons) AS u (ix, on_job) ORDER BY 1) g
            CROSS JOIN LATERAL (SELECT FROM ym.job_run i WHERE i.job_id = g.on_job AND i.tenant_id = g.tenant_id FOR UPDATE) r;
    RETURN QUERY       -- with a new snapshot: what ended while we waited is in job_done by now
    SELECT g.ix::int4, count(r.job_id)::int2,
           COALESCE(string_agg(ym.job_name(u.on_job) || ' ended ' || s.name, ', ')
                        FILTER (WHERE u.condition = ym.word_number('condition', 'success') AND s.name <> 'COMPLETED'), ''),
           COALESCE(bool_and(u.on_job IS NULL OR j.job_id IS NOT NULL), true)
      FROM unnest(_tenants) WITH ORDINALITY AS g (tenant_id, ix)
           LEFT JOIN unnest(_ixs, _ons, _conditions) AS u (ix, on_job, condition) ON u.ix = g.ix
           LEFT JOIN LATERAL (SELECT i.job_id FROM ym.job i WHERE i.job_id = u.on_job AND i.tenant_id = g.tenant_id OFFSET 0) j ON true
           LEFT JOIN LATERAL (SELECT i.job_id FROM ym.job_run i WHERE i.job_id = j.job_id OFFSET 0) r ON true
           LEFT JOIN LATERAL (SELECT i.state FROM ym.job_done i WHERE i.job_id = j.job_id OFFSET 0) d ON true
           LEFT JOIN ym.state s ON s.machine = 'job' AND s.number = d.state
     GROUP BY g.ix;
END $$;

-- Stores a batch of jobs with their requests. One row an item: fresh, or the digest and reply that
-- were stored before, or strange (a job it is to wait for is not there), or none of these (the same
-- request twice in one batch: ask again). The arrays after the payloads may be empty: then they are
-- as by default for all. _after_ix is the place in the batch of the job that waits for _after_on.
CREATE FUNCTION ym.job_submit(_now int8, _requirements int8[], _requirement_texts text[],
    _jobs int8[], _tenants int4[], _keys int8[], _requests bytea[], _digests bytea[], _tiers int2[], _needs int8[],
    _names text[], _kinds text[], _sources text[], _targets text[], _traces bytea[], _payloads bytea[],
    _urgencies int2[] DEFAULT '{}', _holds int2[] DEFAULT '{}', _fixed bool[] DEFAULT '{}', _not_befores int8[] DEFAULT '{}',
    _limits int8[] DEFAULT '{}',    -- run limits, then as many wait limits
    _after_ix int4[] DEFAULT '{}', _after_on int8[] DEFAULT '{}', _after_condition int2[] DEFAULT '{}')
RETURNS TABLE (ix int4, fresh bool, digest bytea, reply bytea, hold int2, unmet int2, strange bool)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp SET enable_hashjoin = on SET enable_nestloop = off AS $$
DECLARE _unmets int2[] := '{}'; _bads text[] := '{}'; _stranges bool[] := '{}'; _half int4 := cardinality(_limits) / 2;
BEGIN
    INSERT INTO ym.requirement SELECT * FROM unnest(_requirements, _requirement_texts) ON CONFLICT DO NOTHING;
    IF cardinality(_after_ix) > 0 THEN
        SELECT array_agg(l.unmet ORDER BY l.ix), array_agg(l.bad ORDER BY l.ix), array_agg(NOT l.known ORDER BY l.ix),
               array_agg(CASE WHEN l.bad <> '' THEN ym.word_number('hold', 'dependency_failed') ELSE COALESCE(_holds[l.ix], 0) END ORDER BY l.ix)
          INTO _unmets, _bads, _stranges, _holds
          FROM ym.dependency_look(_tenants, _after_ix, _after_on, _after_condition) l;
    END IF;
    RETURN QUERY
    WITH given AS MATERIALIZED (
        SELECT g.*, COALESCE(g.held, 0::int2) AS hold, COALESCE(g.waits, 0::int2) AS unmet, COALESCE(g.odd, false) AS strange
          FROM unnest(_jobs, _tenants, _keys, _requests, _digests, _tiers, _needs, _names, _kinds, _sources, _targets, _traces, _payloads,
                      _urgencies, _holds, _fixed, _not_befores, _limits[:_half], _limits[_half + 1:], _unmets, _stranges)
            WITH ORDINALITY AS g (job_id, tenant_id, key_id, request, digest, tier, need, name, kind, source, target, trace, payload,
                                  urgency, held, fixed, not_before, run_limit, wait_limit, waits, odd, ix)),
    asked AS (
        INSERT INTO ym.request (tenant_id, request, digest, at_ms, reply)
        SELECT g.tenant_id, g.request, g.digest, _now, int8send(g.job_id) FROM given g WHERE NOT g.strange ORDER BY g.job_id
            ON CONFLICT DO NOTHING RETURNING request.tenant_id, request.request, request.reply),
    accepted AS MATERIALIZED (     -- the reply tells which one of two equal requests it was
        SELECT g.* FROM given g JOIN asked a ON a.tenant_id = g.tenant_id AND a.request = g.request AND a.reply = int8send(g.job_id)),
    stored AS (
        INSERT INTO ym.job (shard_id, job_id, tenant_id, tier, requirement, submitted_ms, submitted_by, name, kind, source, target, trace, payload)
        SELECT 0, a.job_id, a.tenant_id, a.tier, a.need, _now, a.key_id, a.name, a.kind, a.source, a.target, NULLIF(a.trace, ''), a.payload FROM accepted a),
    queued AS (
        INSERT INTO ym.job_run (shard_id, job_id, tenant_id, tier, state, seq, state_at, requirement,
                                urgency, held, fixed, not_before_ms, run_limit_ms, wait_until_ms, unmet)
        SELECT 0, a.job_id, a.tenant_id, a.tier, s.number, 1, _now, a.need,
               COALESCE(a.urgency, 16), a.hold, COALESCE(a.fixed, false), COALESCE(a.not_before, 0), COALESCE(a.run_limit, 0),
               CASE WHEN a.wait_limit > 0 THEN _now + a.wait_limit ELSE 0 END, a.unmet
          FROM accepted a, ym.state s WHERE s.machine = 'job' AND s.name = 'QUEUED'),
    noted AS (
        INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
        SELECT 0, a.job_id, 1, _now, n.number, s.number, s.number, 0, 0, 0, a.key_id, ''
          FROM accepted a, ym.state s, ym.note n
         WHERE s.machine = 'job' AND s.name = 'QUEUED' AND n.machine = 'job' AND n.name = 'SUBMITTED')
    SELECT g.ix::int4, a.ix IS NOT NULL, r.digest, r.reply, g.hold, g.unmet, g.strange
      FROM given g LEFT JOIN accepted a ON a.ix = g.ix
           LEFT JOIN LATERAL (SELECT q.digest, q.reply FROM ym.request q
                               WHERE a.ix IS NULL AND q.tenant_id = g.tenant_id AND q.request = g.request OFFSET 0) r ON true
     ORDER BY g.ix;
    IF cardinality(_after_ix) > 0 OR cardinality(_holds) > 0 THEN
        PERFORM ym.job_submit_bound(_now, _jobs, _keys, _bads, _after_ix, _after_on, _after_condition);
    END IF;
END $$;

-- What new jobs wait for, and why they are held; only of those that were stored just now.
CREATE FUNCTION ym.job_submit_bound(_now int8, _jobs int8[], _keys int8[], _bads text[], _after_ix int4[], _after_on int8[], _after_condition int2[]) RETURNS void
LANGUAGE sql VOLATILE SET search_path = ym, pg_temp SET enable_hashjoin = off SET enable_nestloop = on AS $$
    INSERT INTO ym.dependency (job_id, shard_id, on_job, condition)
    SELECT r.job_id, 0, u.on_job, u.condition
      FROM unnest(_after_ix, _after_on, _after_condition) AS u (ix, on_job, condition)
           CROSS JOIN LATERAL (SELECT i.job_id FROM ym.job_run i WHERE i.job_id = _jobs[u.ix] OFFSET 0) r
           CROSS JOIN LATERAL (SELECT FROM ym.job_run i WHERE i.job_id = u.on_job OFFSET 0) o;
    UPDATE ym.job_run r SET awaited = true
      FROM (SELECT DISTINCT u.on_job FROM unnest(_after_on) AS u (on_job) ORDER BY 1) g
     WHERE r.job_id = g.on_job AND NOT r.awaited AND EXISTS (SELECT FROM ym.dependency d WHERE d.on_job = g.on_job);
    WITH held AS (
        INSERT INTO ym.hold (job_id, shard_id, hold, reason, who, at_ms)
        SELECT r.job_id, 0, r.held, left(COALESCE(u.bad, ''), 200), u.key_id, _now
          FROM unnest(_jobs, _keys, _bads) AS u (job_id, key_id, bad)
               CROSS JOIN LATERAL (SELECT i.job_id, i.held FROM ym.job_run i WHERE i.job_id = u.job_id AND i.held <> 0 OFFSET 0) r
        RETURNING job_id, reason),
    moved AS (
        UPDATE ym.job_run r SET seq = r.seq + 1 FROM held h WHERE r.job_id = h.job_id AND h.reason <> '' RETURNING r.job_id, r.seq, r.state, h.reason)
    INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
    SELECT 0, m.job_id, m.seq, _now, n.number, m.state, m.state, 0, 0, 0, 0, m.reason
      FROM moved m, ym.note n WHERE n.machine = 'job' AND n.name = 'HELD';
$$;

-- These jobs have ended, with these states. What waited for them waits no more, or is held if it was to
-- wait for a success: an operator's hold stays one, or its owner could lift it; what they waited for
-- themselves, and why they were held, is forgotten. To be called
-- with the ends of jobs that are awaited, in a statement after them. Gives back what queues are to be
-- told; jobs that changed without waiting in a queue are not among it.
CREATE FUNCTION ym.dependency_resolve(_now int8, _jobs int8[], _states int2[])
RETURNS TABLE (job_id int8, tenant_id int4, tier int2, requirement int8, urgency int2, hold int2, unmet int2,
    not_before_ms int8, wait_until_ms int8, came_back bool)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
DECLARE _touched int8[];
BEGIN
    DELETE FROM ym.hold h WHERE h.job_id = ANY (_jobs);
    DELETE FROM ym.dependency d WHERE d.job_id = ANY (_jobs);
    WITH met AS (
        DELETE FROM ym.dependency d USING unnest(_jobs, _states) AS e (job_id, state), ym.state s
         WHERE d.on_job = e.job_id AND s.machine = 'job' AND s.number = e.state
        RETURNING d.job_id, ym.job_name(d.on_job) || ' ended ' || s.name AS said,
                  d.condition = ym.word_number('condition', 'success') AND s.name <> 'COMPLETED' AS bad),
    each AS (
        SELECT m.job_id, count(*)::int2 AS count, bool_or(m.bad) AS bad, string_agg(m.said, ', ' ORDER BY m.said) AS said,
               COALESCE(string_agg(m.said, ', ' ORDER BY m.said) FILTER (WHERE m.bad), '') AS reason
          FROM met m GROUP BY m.job_id ORDER BY m.job_id),
    moved AS (
        UPDATE ym.job_run r SET unmet = r.unmet - e.count, seq = r.seq + CASE WHEN e.bad THEN 2 ELSE 1 END,
               held = CASE WHEN e.bad AND r.held <> ym.word_number('hold', 'by_operator') THEN ym.word_number('hold', 'dependency_failed') ELSE r.held END
          FROM each e WHERE r.job_id = e.job_id
        RETURNING r.job_id, r.seq, r.state, r.attempt, r.fence, r.agent_id, r.held, e.bad, left(e.said, 1000) AS said, left(e.reason, 200) AS reason),
    held AS (
        INSERT INTO ym.hold AS h (job_id, shard_id, hold, reason, who, at_ms)
        SELECT m.job_id, 0, m.held, m.reason, 0, _now FROM moved m WHERE m.bad
            ON CONFLICT ON CONSTRAINT hold_pkey DO UPDATE SET (hold, reason, who, at_ms) = (
                SELECT EXCLUDED.hold, CASE WHEN y.stays THEN left(concat_ws('; ', NULLIF(h.reason, ''), EXCLUDED.reason), 200) ELSE EXCLUDED.reason END,
                       CASE WHEN y.stays THEN h.who ELSE 0 END, CASE WHEN y.stays THEN h.at_ms ELSE EXCLUDED.at_ms END
                  FROM (SELECT h.hold = ym.word_number('hold', 'by_operator') AS stays) y)),
    noted AS (
        INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
        SELECT 0, m.job_id, m.seq - CASE WHEN m.bad AND n.name = 'MET' THEN 1 ELSE 0 END, _now, n.number, m.state, m.state, m.attempt, m.fence, m.agent_id, 0,
               CASE n.name WHEN 'MET' THEN m.said ELSE m.reason END
          FROM moved m JOIN ym.note n ON n.machine = 'job' AND (n.name = 'MET' OR (n.name = 'HELD' AND m.bad)))
    SELECT array_agg(m.job_id) INTO _touched FROM moved m;
    RETURN QUERY SELECT w.job_id, w.tenant_id, w.tier, w.requirement, w.urgency, w.hold, w.unmet, w.not_before_ms, w.wait_until_ms, w.came_back
                   FROM ym.waiting w WHERE w.job_id = ANY (_touched);
END $$;

-- Where a job is; the columns are those of the message job_status. A view for people and programs. What
-- orders a job that has ended is as by default.
CREATE VIEW ym.job_status AS
    SELECT j.job_id, j.tenant_id, t.name AS tenant, j.name, j.kind, l.tier, l.state, s.name AS state_name, l.seq, l.attempt, l.fence,
           COALESCE(k.name, '') AS agent, COALESCE(g.region, '') AS region, l.checkpoint, l.done, l.total,
           j.submitted_ms, l.state_at, l.wanted, l.result, COALESCE(a.source, j.source) AS source, COALESCE(a.target, j.target) AS target,
           j.requirement, l.urgency, l.held AS hold, l.suspender, l.not_before_ms, l.run_limit_ms, l.retries, l.preempted, l.live, l.unmet,
           COALESCE(q.text, '') AS needs
      FROM ym.job j JOIN ym.tenant t USING (tenant_id)
           CROSS JOIN LATERAL (
               SELECT r.tier, r.state, r.seq, r.attempt, r.fence, r.agent_id, r.checkpoint, r.done, r.total, r.state_at, r.wanted, ''::text AS result,
                      r.urgency, r.held, r.suspender, r.not_before_ms, r.run_limit_ms, r.retries, r.preempted::int4, r.live, r.unmet
                 FROM ym.job_run r WHERE r.job_id = j.job_id
               UNION ALL
               SELECT d.tier, d.state, d.seq, d.attempt, d.fence, d.agent_id, d.checkpoint, d.done, d.total, d.state_at, 0::int2, d.result,
                      16::int2, 0::int2, 0::int2, 0::int8, 0::int8, d.retries, d.preempted::int4, 0::int2, 0::int2
                 FROM ym.job_done d WHERE d.job_id = j.job_id) l
           JOIN ym.state s ON s.machine = 'job' AND s.number = l.state
           LEFT JOIN ym.key k ON k.key_id = l.agent_id
           LEFT JOIN ym.agent g ON g.agent_id = l.agent_id
           LEFT JOIN ym.job_address a ON a.job_id = j.job_id
           LEFT JOIN ym.requirement q ON q.requirement = j.requirement;

-- The history in words, for people.
CREATE VIEW ym.job_history AS
    SELECT e.job_id, e.seq, e.at_ms, s.name AS state, COALESCE(m.why, n.why, '') AS why,
           e.attempt, e.fence, COALESCE(k.name, '') AS agent, e.detail, e.on_event, e.from_state
      FROM ym.job_event e
           JOIN ym.state s ON s.machine = 'job' AND s.number = e.state
           LEFT JOIN ym.legal_move m ON m.machine = 'job' AND m.from_state = e.from_state AND m.on_event = e.on_event
           LEFT JOIN ym.note n ON n.machine = 'job' AND n.number = e.on_event
           LEFT JOIN ym.key k ON k.key_id = e.agent_id;

-- What is read often is plpgsql: the plans of a function in SQL are made anew with each call, and
-- over partitions that takes milliseconds.
--
-- Status of the jobs asked for. A tenant of 0 may see all; what a tenant may not see is not there.
-- _ix tells which question a row answers.
CREATE FUNCTION ym.job_get(_jobs int8[], _tenants int4[])
RETURNS TABLE (ix int4, job_id int8, tenant text, name text, kind text, tier int2, state int2, seq int4, attempt int4, fence int8,
    agent text, region text, checkpoint int8, done int8, total int8, submitted_ms int8, state_at int8, wanted int2,
    result text, source text, target text, urgency int2, hold int2, suspender int2, not_before_ms int8, run_limit_ms int8,
    retries int4, preempted int4, live int2, unmet int2, needs text, on_event int2, from_state int2)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT g.ix::int4, v.job_id, v.tenant, v.name, v.kind, v.tier, v.state, v.seq, v.attempt, v.fence,
           v.agent, v.region, v.checkpoint, v.done, v.total, v.submitted_ms, v.state_at, v.wanted,
           v.result, v.source, v.target, v.urgency, v.hold, v.suspender, v.not_before_ms, v.run_limit_ms,
           v.retries, v.preempted, v.live, v.unmet, v.needs, e.on_event, e.from_state
      FROM unnest(_jobs, _tenants) WITH ORDINALITY AS g (job_id, tenant_id, ix)
           CROSS JOIN LATERAL (SELECT * FROM ym.job_status s
                                WHERE s.job_id = g.job_id AND (g.tenant_id = 0 OR s.tenant_id = g.tenant_id) OFFSET 0) v
           LEFT JOIN LATERAL (SELECT e.on_event, e.from_state FROM ym.job_event e
                               WHERE e.job_id = g.job_id AND e.seq = v.seq OFFSET 0) e ON true;
END $$;

-- One page of jobs, newest first. Looks at no more than 5000 jobs: the last row looked at is where
-- the next page begins, also when few of them fit.
CREATE FUNCTION ym.job_list(_tenant int4, _before int8, _limit int4, _state int2, _tier int2)
RETURNS TABLE (job_id int8, fits bool, tenant text, name text, tier int2, state int2, attempt int4, agent text, region text,
    done int8, total int8, submitted_ms int8)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
DECLARE _found int4;
BEGIN
    RETURN QUERY
    SELECT j.job_id, true, t.name, j.name, l.tier, l.state, l.attempt, COALESCE(k.name, ''), COALESCE(g.region, ''), l.done, l.total, j.submitted_ms
      FROM (SELECT i.job_id, i.tenant_id, i.name, i.submitted_ms FROM ym.job i
             WHERE i.job_id < _before AND (_tenant = 0 OR i.tenant_id = _tenant) ORDER BY i.job_id DESC LIMIT 5000) j
           CROSS JOIN LATERAL (
               SELECT r.tier, r.state, r.attempt, r.agent_id, r.done, r.total FROM ym.job_run r WHERE r.job_id = j.job_id
               UNION ALL
               SELECT d.tier, d.state, d.attempt, d.agent_id, d.done, d.total FROM ym.job_done d WHERE d.job_id = j.job_id
               LIMIT 1) l
           JOIN ym.tenant t ON t.tenant_id = j.tenant_id
           LEFT JOIN ym.key k ON k.key_id = l.agent_id
           LEFT JOIN ym.agent g ON g.agent_id = l.agent_id
     WHERE (_state = 0 OR l.state = _state) AND (_tier < 0 OR l.tier = _tier)
     ORDER BY j.job_id DESC LIMIT _limit;
    GET DIAGNOSTICS _found = ROW_COUNT;
    IF _found < _limit THEN
        RETURN QUERY SELECT i.job_id, false, ''::text, ''::text, 0::int2, 0::int2, 0, ''::text, ''::text, 0::int8, 0::int8, 0::int8
                       FROM ym.job i WHERE i.job_id < _before AND (_tenant = 0 OR i.tenant_id = _tenant)
                      ORDER BY i.job_id DESC OFFSET 4999 LIMIT 1;
    END IF;
END $$;

-- The events of these jobs after the given numbers, at most _limit of each, and always the counters.
-- on_event 0 marks the row with the counters.
CREATE FUNCTION ym.job_events(_jobs int8[], _after int4[], _limit int4)
RETURNS TABLE (job_id int8, seq int4, at_ms int8, on_event int2, from_state int2, state int2, attempt int4, fence int8,
    agent text, detail text, done int8, total int8)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT g.job_id, e.seq, e.at_ms, e.on_event, e.from_state, e.state, e.attempt, e.fence, COALESCE(k.name, ''), e.detail, 0::int8, 0::int8
      FROM unnest(_jobs, _after) AS g (job_id, after)
           CROSS JOIN LATERAL (SELECT * FROM ym.job_event v WHERE v.job_id = g.job_id AND v.seq > g.after
                                ORDER BY v.seq LIMIT _limit) e
           LEFT JOIN ym.key k ON k.key_id = e.agent_id
    UNION ALL
    SELECT g.job_id, 0, 0::int8, 0::int2, 0::int2, 0::int2, 0, r.fence, '', '', r.done, r.total
      FROM unnest(_jobs) AS g (job_id)
           CROSS JOIN LATERAL (SELECT * FROM ym.job_run v WHERE v.job_id = g.job_id OFFSET 0) r
    ORDER BY 1, 2;
END $$;

-- What is decided by, before a job is changed from outside: one row a question, whatever is there. digest
-- and reply if the request was answered before; found if the job is there and may be seen. A job that has
-- ended has a state and nothing else. _ons is the job it is to wait for, 0 if none is meant. From waiting
-- on it is what its queue is told, if it waits.
CREATE FUNCTION ym.job_facts(_jobs int8[], _tenants int4[], _asking int4[], _requests bytea[], _ons int8[])
RETURNS TABLE (ix int4, digest bytea, reply bytea, found bool, tenant_id int4, tier int2, state int2, seq int4, wanted int2, suspender int2,
    held int2, urgency int2, ends_as int2, live int2, unmet int2, awaiting int4, attempt int4, retries int4, losses int2, agent text, held_by_agent bool,
    checkpoint int8, done int8, kept int8, not_before_ms int8, on_found bool, on_state int2, on_condition int2, on_leads_here bool,
    waiting bool, requirement int8, told_urgency int2, told_hold int2, told_unmet int2, told_not_before int8, wait_until_ms int8, came_back bool,
    fence int8)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT g.ix::int4, q.digest, q.reply, j.job_id IS NOT NULL, COALESCE(j.tenant_id, 0), COALESCE(r.tier, d.tier, 0::int2),
           COALESCE(r.state, d.state, 0::int2), COALESCE(r.seq, d.seq, 0), COALESCE(r.wanted, 0::int2), COALESCE(r.suspender, 0::int2),
           COALESCE(r.held, 0::int2), COALESCE(r.urgency, 0::int2), COALESCE(r.ends_as, 0::int2), COALESCE(r.live, 0::int2), COALESCE(r.unmet, 0::int2),
           CASE WHEN r.awaited THEN (SELECT count(*)::int4 FROM (SELECT FROM ym.dependency w WHERE w.on_job = r.job_id LIMIT 1000) x) ELSE 0 END,
           COALESCE(r.attempt, 0), COALESCE(r.retries, 0), COALESCE(r.losses, 0::int2), COALESCE(k.name, ''), COALESCE(r.holder <> 0, false),
           COALESCE(r.checkpoint, 0), COALESCE(r.done, 0), COALESCE(c.done, 0), COALESCE(r.not_before_ms, 0),
           o.job_id IS NOT NULL, COALESCE(o.state, 0::int2), COALESCE(p.condition, (-1)::int2),
           o.job_id IS NOT NULL AND j.job_id IS NOT NULL AND ym.dependency_leads(o.job_id, j.job_id),
           w.job_id IS NOT NULL, COALESCE(w.requirement, 0), COALESCE(w.urgency, 0::int2), COALESCE(w.hold, 0::int2), COALESCE(w.unmet, 0::int2),
           COALESCE(w.not_before_ms, 0), COALESCE(w.wait_until_ms, 0), COALESCE(w.came_back, false), COALESCE(r.fence, 0)
      FROM unnest(_jobs, _tenants, _asking, _requests, _ons) WITH ORDINALITY AS g (job_id, sees, asking, request, on_job, ix)
           LEFT JOIN ym.request q ON q.tenant_id = g.asking AND q.request = g.request
           LEFT JOIN LATERAL (SELECT i.job_id, i.tenant_id FROM ym.job i
                               WHERE i.job_id = g.job_id AND (g.sees = 0 OR i.tenant_id = g.sees) OFFSET 0) j ON true
           LEFT JOIN LATERAL (SELECT * FROM ym.job_run i WHERE i.job_id = j.job_id OFFSET 0) r ON true
           LEFT JOIN LATERAL (SELECT i.tier, i.state, i.seq FROM ym.job_done i WHERE i.job_id = j.job_id OFFSET 0) d ON true
           LEFT JOIN ym.key k ON k.key_id = r.agent_id
           LEFT JOIN LATERAL (SELECT i.done FROM ym.checkpoint i WHERE r.checkpoint > 0 AND i.job_id = r.job_id AND i.checkpoint = r.checkpoint OFFSET 0) c ON true
           LEFT JOIN LATERAL (SELECT i.job_id, COALESCE(v.state, w.state) AS state FROM ym.job i
                                     LEFT JOIN ym.job_run v ON v.job_id = i.job_id LEFT JOIN ym.job_done w ON w.job_id = i.job_id
                               WHERE g.on_job > 0 AND i.job_id = g.on_job AND i.tenant_id = j.tenant_id OFFSET 0) o ON true
           LEFT JOIN ym.dependency p ON p.job_id = j.job_id AND p.on_job = o.job_id
           LEFT JOIN LATERAL (SELECT * FROM ym.waiting i WHERE i.job_id = j.job_id OFFSET 0) w ON true;
END $$;

-- Changes one job as it was decided, if nothing moved since: neither the job (its seq is _seq), nor the
-- request (nobody stored it), nor who waits for whom. No row: look again. Else one row for the job itself
-- (own), and one for each job that waited for it and changed because it ended; waiting says whether queues
-- are to be told. _on is the event or note, 0 if nothing is to be changed. Locks the job and the one it is
-- to wait for in the order of their ids; dependencies are added by one session at a time.
CREATE FUNCTION ym.job_act(_now int8, _job int8, _seq int4, _asking int4, _key int8, _request bytea, _digest bytea, _reply bytea,
    _on int2, _to int2, _detail text, _wanted int2, _suspender int2, _held int2, _urgency int2, _tier int2, _ends_as int2, _forget bool,
    _wait_for int8, _condition int2)
RETURNS TABLE (own bool, waiting bool, job_id int8, tenant_id int4, tier int2, requirement int8, urgency int2, hold int2, unmet int2,
    not_before_ms int8, wait_until_ms int8, came_back bool)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
DECLARE _r ym.job_run; _final bool; _more int4 := 0;
BEGIN
    IF _wait_for > 0 THEN
        PERFORM pg_advisory_xact_lock(7510, 2);
    END IF;
    PERFORM FROM ym.job_run r WHERE r.job_id = ANY (ARRAY[_job, _wait_for]) ORDER BY r.job_id FOR UPDATE;
    SELECT * INTO _r FROM ym.job_run r WHERE r.job_id = _job AND r.seq = _seq;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF _wait_for > 0 THEN
        PERFORM FROM ym.job_run r WHERE r.job_id = _wait_for;
        IF NOT FOUND OR ym.dependency_leads(_wait_for, _job) THEN
            RETURN;
        END IF;
    END IF;
    INSERT INTO ym.request AS q VALUES (_asking, _request, _digest, _now, _reply) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF _on <> 0 THEN
        SELECT s.final INTO STRICT _final FROM ym.state s WHERE s.machine = 'job' AND s.number = _to;
        INSERT INTO ym.job_event VALUES (0, _job, _seq + 1, _now, _on, _r.state, _to, _r.attempt, _r.fence, _r.agent_id, _key, _detail);
        IF _wait_for > 0 THEN
            INSERT INTO ym.dependency AS d VALUES (_job, 0, _wait_for, _condition)
                ON CONFLICT ON CONSTRAINT dependency_pkey DO UPDATE SET condition = EXCLUDED.condition
                RETURNING (xmax = 0)::int4 INTO _more;
            UPDATE ym.job_run r SET awaited = true WHERE r.job_id = _wait_for AND NOT r.awaited;
        END IF;
        IF _final THEN
            DELETE FROM ym.job_run r WHERE r.job_id = _job;
            INSERT INTO ym.job_done VALUES (0, _job, _r.tenant_id, _r.tier, _to, _seq + 1, _now, _r.attempt, _r.fence, _r.agent_id,
                                            _r.checkpoint, _r.done, _r.total, _detail, _r.retries, _r.preempted);
        ELSE
            UPDATE ym.job_run r
               SET state = _to, seq = _seq + 1, state_at = CASE WHEN _to = r.state THEN r.state_at ELSE _now END,
                   state_count = CASE WHEN _to = r.state AND _wanted = r.wanted THEN r.state_count ELSE 0 END,
                   wanted = _wanted, wanted_at = CASE WHEN _wanted = r.wanted THEN r.wanted_at WHEN _wanted = 0 THEN 0 ELSE _now END,
                   suspender = _suspender, held = _held, urgency = _urgency, tier = _tier, ends_as = _ends_as,
                   retries = CASE WHEN _forget THEN 0 ELSE r.retries END, losses = CASE WHEN _forget THEN 0 ELSE r.losses END,
                   not_before_ms = CASE WHEN _forget AND r.attempt > 0 THEN 0 ELSE r.not_before_ms END,
                   unmet = CASE WHEN _ends_as <> 0 THEN 0 ELSE r.unmet + _more END
             WHERE r.job_id = _job;
        END IF;
        IF _final OR _ends_as <> 0 THEN
            DELETE FROM ym.dependency d WHERE d.job_id = _job;
        END IF;
        IF _final OR (_held = 0 AND _r.held <> 0) THEN
            DELETE FROM ym.hold h WHERE h.job_id = _job;
        ELSIF _held <> 0 AND _on = (SELECT n.number FROM ym.note n WHERE n.machine = 'job' AND n.name = 'HELD') THEN
            INSERT INTO ym.hold AS h VALUES (_job, 0, _held, _detail, _key, _now)
                ON CONFLICT ON CONSTRAINT hold_pkey DO UPDATE SET hold = EXCLUDED.hold, reason = EXCLUDED.reason, who = EXCLUDED.who, at_ms = EXCLUDED.at_ms;
        END IF;
    END IF;
    RETURN QUERY
    SELECT true, w.job_id IS NOT NULL, _job, _r.tenant_id, _tier, _r.requirement, COALESCE(w.urgency, 0::int2), COALESCE(w.hold, 0::int2),
           COALESCE(w.unmet, 0::int2), COALESCE(w.not_before_ms, 0), COALESCE(w.wait_until_ms, 0), COALESCE(w.came_back, false)
      FROM (SELECT) one LEFT JOIN ym.waiting w ON w.job_id = _job;
    IF _final AND _r.awaited THEN
        RETURN QUERY SELECT false, true, d.* FROM ym.dependency_resolve(_now, ARRAY[_job], ARRAY[_to]) d;
    END IF;
END $$;

-- What is to be said about a job that does not start, beside what queues and assignment know.
CREATE FUNCTION ym.job_why(_jobs int8[], _tenants int4[])
RETURNS TABLE (ix int4, job_id int8, tenant_id int4, tier int2, state int2, requirement int8, state_at int8, suspender int2, wanted int2, ends_as int2,
    hold int2, hold_since int8, hold_reason text, unmet int2, waits_for text, agent text, chosen text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT g.ix::int4, j.job_id, j.tenant_id, COALESCE(r.tier, d.tier), COALESCE(r.state, d.state), j.requirement, COALESCE(r.state_at, d.state_at),
           COALESCE(r.suspender, 0::int2), COALESCE(r.wanted, 0::int2), COALESCE(r.ends_as, 0::int2),
           COALESCE(r.held, 0::int2), COALESCE(h.at_ms, 0), COALESCE(h.reason, ''), COALESCE(r.unmet, 0::int2), COALESCE(w.said, ''),
           COALESCE(k.name, ''), COALESCE(c.detail, '')
      FROM unnest(_jobs, _tenants) WITH ORDINALITY AS g (job_id, sees, ix)
           CROSS JOIN LATERAL (SELECT i.job_id, i.tenant_id, i.requirement FROM ym.job i
                                WHERE i.job_id = g.job_id AND (g.sees = 0 OR i.tenant_id = g.sees) OFFSET 0) j
           LEFT JOIN LATERAL (SELECT * FROM ym.job_run i WHERE i.job_id = j.job_id OFFSET 0) r ON true
           LEFT JOIN LATERAL (SELECT * FROM ym.job_done i WHERE i.job_id = j.job_id OFFSET 0) d ON true
           LEFT JOIN ym.hold h ON r.held <> 0 AND h.job_id = r.job_id
           LEFT JOIN ym.key k ON k.key_id = COALESCE(r.agent_id, d.agent_id)
           LEFT JOIN LATERAL (
               SELECT string_agg(ym.job_name(x.on_job) || ' (' || s.name || ')', ', ' ORDER BY x.on_job) AS said
                 FROM (SELECT p.on_job FROM ym.dependency p WHERE p.job_id = r.job_id ORDER BY p.on_job LIMIT 8) x
                      CROSS JOIN LATERAL (SELECT v.state FROM ym.job_run v WHERE v.job_id = x.on_job OFFSET 0) v
                      JOIN ym.state s ON s.machine = 'job' AND s.number = v.state
                WHERE r.unmet > 0) w ON true
           LEFT JOIN LATERAL (SELECT e.detail FROM ym.job_event e WHERE e.job_id = j.job_id AND e.detail <> ''
                                 AND e.on_event = ANY (SELECT m.on_event FROM ym.legal_move m JOIN ym.state f ON f.machine = 'job' AND f.number = m.from_state
                                                              JOIN ym.state t ON t.machine = 'job' AND t.number = m.to_state
                                                        WHERE m.machine = 'job' AND f.name = 'QUEUED' AND t.name IN ('LEASED', 'RESUMING', 'COMPLETING'))
                               ORDER BY e.seq DESC LIMIT 1) c ON true
     WHERE COALESCE(r.state, d.state) IS NOT NULL;
END $$;

-- Which of these requests were answered: one row each, in their order.
CREATE FUNCTION ym.request_seen(_tenants int4[], _requests bytea[]) RETURNS TABLE (digest bytea, reply bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT q.digest, q.reply
      FROM unnest(_tenants, _requests) WITH ORDINALITY AS g (tenant_id, request, ix)
           LEFT JOIN ym.request q ON q.tenant_id = g.tenant_id AND q.request = g.request
     ORDER BY g.ix;
END $$;

-- How many jobs wait of each tenant that has a cap on it. Reads all live jobs if there is one.
CREATE FUNCTION ym.waiting_counts() RETURNS TABLE (tenant_id int4, tier int2, waiting int8)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ym, pg_temp SET enable_seqscan = on AS $$
DECLARE _capped int4[];
BEGIN
    SELECT array_agg(t.tenant_id) INTO _capped FROM ym.tenant t WHERE t.waiting_max > 0;
    IF _capped IS NOT NULL THEN
        RETURN QUERY SELECT w.tenant_id, w.tier, count(*) FROM ym.waiting w WHERE w.tenant_id = ANY (_capped) GROUP BY 1, 2;
    END IF;
END $$;

-- The waiting jobs of a tier after a job, oldest first. The predicate on state is written so that no
-- partial index could ever be taken for it.
CREATE FUNCTION ym.queue_load(_tier int2, _after int8, _limit int4)
RETURNS TABLE (job_id int8, tenant_id int4, requirement int8, urgency int2, hold int2, unmet int2,
    not_before_ms int8, wait_until_ms int8, came_back bool)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp SET enable_seqscan = off SET enable_sort = off AS $$
    SELECT w.job_id, w.tenant_id, w.requirement, w.urgency, w.hold, w.unmet, w.not_before_ms, w.wait_until_ms, w.came_back
      FROM ym.waiting w WHERE w.job_id > _after AND w.tier = _tier ORDER BY w.job_id LIMIT _limit
$$;

CREATE FUNCTION ym.requirement_texts(_requirements int8[]) RETURNS TABLE (requirement int8, text text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT r.requirement, r.text FROM ym.requirement r WHERE r.requirement = ANY (_requirements)
$$;

GRANT EXECUTE ON FUNCTION ym.partitions_ahead(int8), ym.job_get(int8[], int4[]), ym.job_list(int4, int8, int4, int2, int2),
    ym.job_events(int8[], int4[], int4),
    ym.job_submit(int8, int8[], text[], int8[], int4[], int8[], bytea[], bytea[], int2[], int8[], text[], text[], text[], text[], bytea[], bytea[],
        int2[], int2[], bool[], int8[], int8[], int4[], int8[], int2[])
    TO ym_intake;
GRANT EXECUTE ON FUNCTION ym.request_seen(int4[], bytea[]), ym.waiting_counts(), ym.job_facts(int8[], int4[], int4[], bytea[], int8[]), ym.job_why(int8[], int4[]),
    ym.job_act(int8, int8, int4, int4, int8, bytea, bytea, bytea, int2, int2, text, int2, int2, int2, int2, int2, int2, bool, int8, int2)
    TO ym_intake;
GRANT EXECUTE ON FUNCTION ym.queue_load(int2, int8, int4) TO ym_queue;
GRANT EXECUTE ON FUNCTION ym.requirement_texts(int8[]) TO ym_assignment;
RESET ROLE;
