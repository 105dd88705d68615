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
    PRIMARY KEY (job_id, shard_id))
    WITH (fillfactor = 55, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE ym.job_done (
    shard_id int2 NOT NULL, job_id int8 NOT NULL, tenant_id int4 NOT NULL, tier int2 NOT NULL,
    state int2 NOT NULL, seq int4 NOT NULL, state_at int8 NOT NULL, attempt int4 NOT NULL,
    fence int8 NOT NULL, agent_id int8 NOT NULL, checkpoint int8 NOT NULL, done int8 NOT NULL, total int8 NOT NULL,
    result text NOT NULL,
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

-- Stores a batch of jobs with their requests. One row an item: fresh, or the digest and reply that
-- were stored before, or neither (the same request twice in one batch: ask again).
CREATE FUNCTION ym.job_submit(_now int8, _requirements int8[], _requirement_texts text[],
    _jobs int8[], _tenants int4[], _keys int8[], _requests bytea[], _digests bytea[], _tiers int2[], _needs int8[],
    _names text[], _kinds text[], _sources text[], _targets text[], _traces bytea[], _payloads bytea[])
RETURNS TABLE (ix int4, fresh bool, digest bytea, reply bytea)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp SET enable_hashjoin = on SET enable_nestloop = off AS $$
BEGIN
    INSERT INTO ym.requirement SELECT * FROM unnest(_requirements, _requirement_texts) ON CONFLICT DO NOTHING;
    RETURN QUERY
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest(_jobs, _tenants, _keys, _requests, _digests, _tiers, _needs, _names, _kinds, _sources, _targets, _traces, _payloads)
            WITH ORDINALITY AS g (job_id, tenant_id, key_id, request, digest, tier, need, name, kind, source, target, trace, payload, ix)),
    asked AS (
        INSERT INTO ym.request (tenant_id, request, digest, at_ms, reply)
        SELECT g.tenant_id, g.request, g.digest, _now, int8send(g.job_id) FROM given g ORDER BY g.job_id
            ON CONFLICT DO NOTHING RETURNING request.tenant_id, request.request, request.reply),
    accepted AS MATERIALIZED (     -- the reply tells which one of two equal requests it was
        SELECT g.* FROM given g JOIN asked a ON a.tenant_id = g.tenant_id AND a.request = g.request AND a.reply = int8send(g.job_id)),
    stored AS (
        INSERT INTO ym.job (shard_id, job_id, tenant_id, tier, requirement, submitted_ms, submitted_by, name, kind, source, target, trace, payload)
        SELECT 0, a.job_id, a.tenant_id, a.tier, a.need, _now, a.key_id, a.name, a.kind, a.source, a.target, NULLIF(a.trace, ''), a.payload FROM accepted a),
    queued AS (
        INSERT INTO ym.job_run (shard_id, job_id, tenant_id, tier, state, seq, state_at, requirement)
        SELECT 0, a.job_id, a.tenant_id, a.tier, s.number, 1, _now, a.need
          FROM accepted a, ym.state s WHERE s.machine = 'job' AND s.name = 'QUEUED'),
    noted AS (
        INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
        SELECT 0, a.job_id, 1, _now, n.number, s.number, s.number, 0, 0, 0, a.key_id, ''
          FROM accepted a, ym.state s, ym.note n
         WHERE s.machine = 'job' AND s.name = 'QUEUED' AND n.machine = 'job' AND n.name = 'SUBMITTED')
    SELECT g.ix::int4, a.ix IS NOT NULL, r.digest, r.reply
      FROM given g LEFT JOIN accepted a ON a.ix = g.ix
           LEFT JOIN LATERAL (SELECT q.digest, q.reply FROM ym.request q
                               WHERE a.ix IS NULL AND q.tenant_id = g.tenant_id AND q.request = g.request OFFSET 0) r ON true
     ORDER BY g.ix;
END $$;

-- Where a job is; the columns are those of the message job_status. A view for people and programs.
CREATE VIEW ym.job_status AS
    SELECT j.job_id, j.tenant_id, t.name AS tenant, j.name, j.kind, j.tier, l.state, s.name AS state_name, l.seq, l.attempt, l.fence,
           COALESCE(k.name, '') AS agent, COALESCE(g.region, '') AS region, l.checkpoint, l.done, l.total,
           j.submitted_ms, l.state_at, l.wanted, l.result, j.source, j.target, l.requirement
      FROM ym.job j JOIN ym.tenant t USING (tenant_id)
           CROSS JOIN LATERAL (
               SELECT r.state, r.seq, r.attempt, r.fence, r.agent_id, r.checkpoint, r.done, r.total, r.state_at, r.wanted, ''::text AS result, r.requirement
                 FROM ym.job_run r WHERE r.job_id = j.job_id
               UNION ALL
               SELECT d.state, d.seq, d.attempt, d.fence, d.agent_id, d.checkpoint, d.done, d.total, d.state_at, 0::int2, d.result, j.requirement
                 FROM ym.job_done d WHERE d.job_id = j.job_id) l
           JOIN ym.state s ON s.machine = 'job' AND s.number = l.state
           LEFT JOIN ym.key k ON k.key_id = l.agent_id
           LEFT JOIN ym.agent g ON g.agent_id = l.agent_id;

-- The history in words, for people.
CREATE VIEW ym.job_history AS
    SELECT e.job_id, e.seq, e.at_ms, s.name AS state, COALESCE(m.why, n.why, '') AS why,
           e.attempt, e.fence, COALESCE(k.name, '') AS agent, e.detail, e.on_event, e.from_state
      FROM ym.job_event e
           JOIN ym.state s ON s.machine = 'job' AND s.number = e.state
           LEFT JOIN ym.legal_move m ON m.machine = 'job' AND m.from_state = e.from_state AND m.on_event = e.on_event
           LEFT JOIN ym.note n ON n.machine = 'job' AND n.number = e.on_event
           LEFT JOIN ym.key k ON k.key_id = e.agent_id;

-- Status of the jobs asked for. A tenant of 0 may see all; what a tenant may not see is not there.
-- _ix tells which question a row answers.
CREATE FUNCTION ym.job_get(_jobs int8[], _tenants int4[])
RETURNS TABLE (ix int4, job_id int8, tenant text, name text, kind text, tier int2, state int2, seq int4, attempt int4, fence int8,
    agent text, region text, checkpoint int8, done int8, total int8, submitted_ms int8, state_at int8, wanted int2,
    result text, source text, target text, requirement int8, on_event int2, from_state int2)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT g.ix::int4, v.job_id, v.tenant, v.name, v.kind, v.tier, v.state, v.seq, v.attempt, v.fence,
           v.agent, v.region, v.checkpoint, v.done, v.total, v.submitted_ms, v.state_at, v.wanted,
           v.result, v.source, v.target, v.requirement, e.on_event, e.from_state
      FROM unnest(_jobs, _tenants) WITH ORDINALITY AS g (job_id, tenant_id, ix)
           CROSS JOIN LATERAL (SELECT * FROM ym.job_status s
                                WHERE s.job_id = g.job_id AND (g.tenant_id = 0 OR s.tenant_id = g.tenant_id) OFFSET 0) v
           LEFT JOIN LATERAL (SELECT e.on_event, e.from_state FROM ym.job_event e
                               WHERE e.job_id = g.job_id AND e.seq = v.seq OFFSET 0) e ON true
$$;

-- One page of jobs, newest first. Looks at no more than 5000 jobs: the last row looked at is where
-- the next page begins, also when few of them fit.
CREATE FUNCTION ym.job_list(_tenant int4, _before int8, _limit int4, _state int2, _tier int2)
RETURNS TABLE (job_id int8, fits bool, tenant text, name text, tier int2, state int2, attempt int4, agent text, region text,
    done int8, total int8, submitted_ms int8)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
DECLARE _found int4 := 0; _seen int4 := 0; _id int8; _row record;
BEGIN
    FOR _id IN
        SELECT j.job_id FROM ym.job j
         WHERE j.job_id < _before AND (_tenant = 0 OR j.tenant_id = _tenant) ORDER BY j.job_id DESC LIMIT 5000
    LOOP
        _seen := _seen + 1;
        SELECT * INTO _row FROM ym.job_status s WHERE s.job_id = _id;
        CONTINUE WHEN NOT FOUND;
        IF (_state = 0 OR _row.state = _state) AND (_tier < 0 OR _row.tier = _tier) THEN
            RETURN QUERY SELECT _id, true, _row.tenant, _row.name, _row.tier, _row.state, _row.attempt, _row.agent, _row.region,
                                _row.done, _row.total, _row.submitted_ms;
            _found := _found + 1;
            EXIT WHEN _found >= _limit;
        END IF;
    END LOOP;
    IF _seen = 5000 AND _found < _limit THEN
        RETURN QUERY SELECT _id, false, '', '', 0::int2, 0::int2, 0, '', '', 0::int8, 0::int8, 0::int8;
    END IF;
END $$;

-- The events of these jobs after the given numbers, at most _limit of each, and always the counters.
-- on_event 0 marks the row with the counters.
CREATE FUNCTION ym.job_events(_jobs int8[], _after int4[], _limit int4)
RETURNS TABLE (job_id int8, seq int4, at_ms int8, on_event int2, from_state int2, state int2, attempt int4, fence int8,
    agent text, detail text, done int8, total int8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT g.job_id, e.seq, e.at_ms, e.on_event, e.from_state, e.state, e.attempt, e.fence, COALESCE(k.name, ''), e.detail, 0::int8, 0::int8
      FROM unnest(_jobs, _after) AS g (job_id, after)
           CROSS JOIN LATERAL (SELECT * FROM ym.job_event v WHERE v.job_id = g.job_id AND v.seq > g.after
                                ORDER BY v.seq LIMIT _limit) e
           LEFT JOIN ym.key k ON k.key_id = e.agent_id
    UNION ALL
    SELECT g.job_id, 0, 0::int8, 0::int2, 0::int2, 0::int2, 0, r.fence, '', '', r.done, r.total
      FROM unnest(_jobs) AS g (job_id)
           CROSS JOIN LATERAL (SELECT * FROM ym.job_run v WHERE v.job_id = g.job_id OFFSET 0) r
    ORDER BY 1, 2
$$;

-- Termination of one job. A waiting job ends here; of a running one the wish is stored, and its agent
-- is told later. _on is the event TERMINATE. outcome: 0 done now, 1 asked before (digest and reply), 2 unknown, 3 final already.
CREATE FUNCTION ym.job_terminate(_now int8, _job int8, _tenant int4, _asking int4, _key int8, _request bytea, _digest bytea, _reason text, _on int2)
RETURNS TABLE (outcome int2, state int2, seq int4, tier int2, digest bytea, reply bytea)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
DECLARE _r ym.job_run; _q ym.request; _to int2;
BEGIN
    SELECT * INTO _r FROM ym.job_run r WHERE r.job_id = _job AND (_tenant = 0 OR r.tenant_id = _tenant) FOR UPDATE;
    -- Read after the lock: the same request may have been under way in another session.
    SELECT * INTO _q FROM ym.request q WHERE q.tenant_id = _asking AND q.request = _request;
    IF FOUND THEN
        RETURN QUERY SELECT 1::int2, 0::int2, 0, 0::int2, _q.digest, _q.reply;
        RETURN;
    END IF;
    IF _r.job_id IS NULL THEN
        RETURN QUERY SELECT CASE WHEN EXISTS (SELECT FROM ym.job_done d WHERE d.job_id = _job AND (_tenant = 0 OR d.tenant_id = _tenant))
                                 THEN 3 ELSE 2 END::int2, 0::int2, 0, 0::int2, ''::bytea, ''::bytea;
        RETURN;
    END IF;
    IF _r.holder = 0 THEN
        SELECT m.to_state INTO STRICT _to FROM ym.legal_move m
         WHERE m.machine = 'job' AND m.from_state = _r.state AND m.on_event = _on;
        DELETE FROM ym.job_run r WHERE r.job_id = _job;
        INSERT INTO ym.job_done VALUES (0, _job, _r.tenant_id, _r.tier, _to, _r.seq + 1, _now, _r.attempt, _r.fence, _r.agent_id,
                                        _r.checkpoint, _r.done, _r.total, _reason);
    ELSIF _r.wanted = 1 THEN                               -- by another request: nothing to add
        INSERT INTO ym.request VALUES (_asking, _request, _digest, _now, int8send(_job) || int2send(_r.state) || int4send(_r.seq));
        RETURN QUERY SELECT 0::int2, _r.state, _r.seq, _r.tier, _digest, int8send(_job) || int2send(_r.state) || int4send(_r.seq);
        RETURN;
    ELSE
        _to := _r.state;
        SELECT n.number INTO STRICT _on FROM ym.note n WHERE n.machine = 'job' AND n.name = 'TERMINATE_WANTED';
        UPDATE ym.job_run r SET wanted = 1, seq = r.seq + 1 WHERE r.job_id = _job;
    END IF;
    INSERT INTO ym.job_event VALUES (0, _job, _r.seq + 1, _now, _on, _r.state, _to, _r.attempt, _r.fence, _r.agent_id, _key, _reason);
    INSERT INTO ym.request VALUES (_asking, _request, _digest, _now, int8send(_job) || int2send(_to) || int4send(_r.seq + 1));
    RETURN QUERY SELECT 0::int2, _to, _r.seq + 1, _r.tier, _digest, int8send(_job) || int2send(_to) || int4send(_r.seq + 1);
END $$;

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
    ym.job_events(int8[], int4[], int4), ym.job_terminate(int8, int8, int4, int4, int8, bytea, bytea, text, int2),
    ym.job_submit(int8, int8[], text[], int8[], int4[], int8[], bytea[], bytea[], int2[], int8[], text[], text[], text[], text[], bytea[], bytea[])
    TO ym_intake;
GRANT EXECUTE ON FUNCTION ym.queue_load(int2, int8, int4) TO ym_queue;
GRANT EXECUTE ON FUNCTION ym.requirement_texts(int8[]) TO ym_assignment, ym_intake;
RESET ROLE;
