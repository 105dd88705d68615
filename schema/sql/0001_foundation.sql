-- Roles, tenants, keys, ownership, and the tables that hold the law (filled from schema/*.def).
-- The owner role cannot log in; each actor has a role of its own that may execute its functions
-- and nothing else.

DO $$
DECLARE r text;
BEGIN
    FOREACH r IN ARRAY ARRAY['ym_owner', 'ym_intake', 'ym_queue', 'ym_assignment'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I %s', r, CASE r WHEN 'ym_owner' THEN 'NOLOGIN' ELSE 'LOGIN' END);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;   -- another database of the same cluster was faster
            END;
        END IF;
    END LOOP;
END $$;

-- Hot statements look rows up by primary key in the order of sorted ids. Plans cached while a table
-- was small, or statistics that are stale, must not turn that into a scan of it.
DO $$
DECLARE r text;
BEGIN
    FOREACH r IN ARRAY ARRAY['ym_intake', 'ym_queue', 'ym_assignment'] LOOP
        EXECUTE format('ALTER ROLE %I SET search_path = ym, pg_temp', r);
        EXECUTE format('ALTER ROLE %I SET statement_timeout = 30000', r);
        EXECUTE format('ALTER ROLE %I SET lock_timeout = 5000', r);
        EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = 10000', r);
        EXECUTE format('ALTER ROLE %I SET client_connection_check_interval = 2000', r);
        EXECUTE format('ALTER ROLE %I SET enable_hashjoin = off', r);
        EXECUTE format('ALTER ROLE %I SET enable_mergejoin = off', r);
        EXECUTE format('ALTER ROLE %I SET enable_seqscan = off', r);
        EXECUTE format('ALTER ROLE %I SET jit = off', r);
        EXECUTE format('ALTER ROLE %I SET plan_cache_mode = force_generic_plan', r);
    END LOOP;
END $$;

GRANT ym_owner TO CURRENT_USER;
GRANT USAGE, CREATE ON SCHEMA ym TO ym_owner;
GRANT USAGE ON SCHEMA ym TO ym_intake, ym_queue, ym_assignment;
SET LOCAL ROLE ym_owner;
ALTER DEFAULT PRIVILEGES IN SCHEMA ym REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE TABLE ym.state (
    machine text NOT NULL, number int2 NOT NULL, name text NOT NULL, final bool NOT NULL, doc text NOT NULL,
    PRIMARY KEY (machine, number));
CREATE TABLE ym.legal_move (
    machine text NOT NULL, from_state int2 NOT NULL, on_event int2 NOT NULL, to_state int2 NOT NULL, why text NOT NULL,
    PRIMARY KEY (machine, from_state, on_event));
CREATE TABLE ym.note (
    machine text NOT NULL, number int2 NOT NULL, name text NOT NULL, why text NOT NULL,
    PRIMARY KEY (machine, number));
CREATE TABLE ym.enum_word (
    list text NOT NULL, number int2 NOT NULL, word text NOT NULL, doc text NOT NULL,
    PRIMARY KEY (list, number));

CREATE TABLE ym.tenant (
    tenant_id int4 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 40),
    weight int4 NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 1000),
    waiting_max int4 NOT NULL DEFAULT 0, running_max int4 NOT NULL DEFAULT 0,      -- 0: any number
    overflow bool NOT NULL DEFAULT false,       -- platinum jobs may leave the dedicated pool
    version int8 NOT NULL DEFAULT 1,
    created_ms int8 NOT NULL);

-- A key belongs to an identity: {tenant, role, name}, the id of its first key. A key that replaces
-- another shares its identity, and both are good until the old one is revoked. Revoked ones stay, so
-- that history can name them.
CREATE TABLE ym.key (
    key_id int8 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    identity int8 NOT NULL,
    public_key bytea NOT NULL UNIQUE CHECK (octet_length(public_key) = 32),
    tenant_id int4 NOT NULL REFERENCES ym.tenant,
    role int2 NOT NULL CHECK (role BETWEEN 0 AND 4),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 40),
    created_ms int8 NOT NULL,
    revoked_ms int8);
-- An agent is known to people by its keys' name: no two identities share one. key_authorize sees to it,
-- under the lock that orders all key changes.
CREATE INDEX key_agent_name ON ym.key (name) WHERE role = 4 AND revoked_ms IS NULL;
-- One row; its number rises with every change of ym.key, so that a door notices one it was not told of.
CREATE TABLE ym.key_change (one bool PRIMARY KEY DEFAULT true CHECK (one), number int8 NOT NULL);
INSERT INTO ym.key_change (number) VALUES (1);

-- Who may write what, one row a scope. epoch = timeline << 40 | n rises with every start of the
-- owner, also over a lossy failover; a writer that lost it is refused. fence is the last fencing
-- number given out, tick the database's own clock, id_until_ms the end of the reserved ids.
CREATE TABLE ym.owner (
    scope text NOT NULL, shard_id int2 NOT NULL,
    epoch int8 NOT NULL, fence int8 NOT NULL, tick int8 NOT NULL, id_until_ms int8 NOT NULL,
    PRIMARY KEY (scope, shard_id)) WITH (fillfactor = 20);
INSERT INTO ym.owner VALUES ('intake', 0, 0, 0, 0, 0), ('assignment', 0, 0, 0, 0, 0);

CREATE FUNCTION ym.timeline_base() RETURNS int8
LANGUAGE sql VOLATILE SET search_path = ym, pg_temp AS $$
    SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int8 << 40
$$;

-- Takes a scope over. Waits for a transaction of the owner before, so that what it left is decided.
CREATE FUNCTION ym.owner_claim(_scope text) RETURNS TABLE (epoch int8, tick int8)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    UPDATE ym.owner o
       SET epoch = GREATEST(o.epoch + 1, ym.timeline_base()), fence = GREATEST(o.fence, ym.timeline_base())
     WHERE o.scope = _scope AND o.shard_id = 0
    RETURNING o.epoch, o.tick
$$;

-- First call of every writing turn. YM001: another process owns the scope now.
CREATE FUNCTION ym.owner_check(_scope text, _epoch int8) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
BEGIN
    PERFORM 1 FROM ym.owner o WHERE o.scope = _scope AND o.shard_id = 0 AND o.epoch = _epoch FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'scope % has another owner', _scope USING ERRCODE = 'YM001';
    END IF;
END $$;

-- Milliseconds to mint ids from; never given out twice, also when the clock is set back.
CREATE FUNCTION ym.id_reserve(_scope text, _epoch int8, _now int8, _span int8) RETURNS TABLE (from_ms int8, until_ms int8)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    UPDATE ym.owner o SET id_until_ms = GREATEST(o.id_until_ms, _now) + _span
     WHERE o.scope = _scope AND o.shard_id = 0 AND o.epoch = _epoch
    RETURNING o.id_until_ms - _span, o.id_until_ms
$$;

-- The keys in force, if anything changed since change number _since; no row otherwise.
CREATE FUNCTION ym.keys_since(_since int8)
RETURNS TABLE (number int8, key_id int8, public_key bytea, tenant_id int4, tenant text, role int2, name text, identity int8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT c.number, k.key_id, k.public_key, k.tenant_id, t.name, k.role, k.name, k.identity
      FROM ym.key_change c LEFT JOIN ym.key k ON k.revoked_ms IS NULL LEFT JOIN ym.tenant t ON t.tenant_id = k.tenant_id
     WHERE c.number <> _since
$$;

-- Lets a key in, as another key of the identity of _replaces if that is not empty. outcome: 0 done or so
-- already, 1 the key exists with other values, 2 another agent has that name, 3 _replaces is not in force
-- or has other values.
CREATE FUNCTION ym.key_authorize(_now int8, _public_key bytea, _role int2, _tenant text, _name text, _replaces bytea DEFAULT '')
RETURNS TABLE (outcome int2, since_ms int8)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
DECLARE _old record; _before record; _identity int8;
BEGIN
    PERFORM 1 FROM ym.key_change FOR UPDATE;               -- orders key changes
    SELECT k.key_id, k.identity, k.role, t.name AS tenant, k.name, k.revoked_ms INTO _before
      FROM ym.key k JOIN ym.tenant t ON t.tenant_id = k.tenant_id WHERE k.public_key = _replaces;
    SELECT k.identity, k.role, t.name AS tenant, k.name, k.created_ms, k.revoked_ms INTO _old
      FROM ym.key k JOIN ym.tenant t ON t.tenant_id = k.tenant_id WHERE k.public_key = _public_key;
    IF FOUND THEN                                           -- also when what it replaced is revoked by now
        RETURN QUERY SELECT CASE WHEN (_old.role, _old.tenant, _old.name) = (_role, _tenant, _name) AND _old.revoked_ms IS NULL
                                      AND (_replaces = '' OR _old.identity = _before.identity)
                                 THEN 0 ELSE 1 END::int2, _old.created_ms;
        RETURN;
    END IF;
    IF _replaces <> '' AND (_before.key_id IS NULL OR _before.revoked_ms IS NOT NULL
                            OR (_before.role, _before.tenant, _before.name) <> (_role, _tenant, _name)) THEN
        RETURN QUERY SELECT 3::int2, 0::int8;
        RETURN;
    END IF;
    IF _role = 4 AND EXISTS (SELECT FROM ym.key k WHERE k.role = 4 AND k.name = _name AND k.revoked_ms IS NULL
                                AND (_replaces = '' OR k.identity <> _before.identity)) THEN
        RETURN QUERY SELECT 2::int2, 0::int8;
        RETURN;
    END IF;
    INSERT INTO ym.tenant (name, created_ms) VALUES (_tenant, _now) ON CONFLICT DO NOTHING;
    _identity := CASE WHEN _replaces = '' THEN 0 ELSE _before.identity END;
    INSERT INTO ym.key (identity, public_key, tenant_id, role, name, created_ms)
    SELECT _identity, _public_key, t.tenant_id, _role, _name, _now FROM ym.tenant t WHERE t.name = _tenant;
    UPDATE ym.key k SET identity = k.key_id WHERE k.public_key = _public_key AND k.identity = 0;
    UPDATE ym.key_change SET number = number + 1;
    RETURN QUERY SELECT 0::int2, _now;
END $$;

-- Shuts a key out, or tells what that would do. outcome: 0 done or so already, 1 unknown, 2 the last admin,
-- 3 keys were changed since number _version (-1: any will do). A key that is out already is told as it is,
-- whatever changed since: asking again is harmless. others: keys of the same identity in force beside it;
-- running: what an agent holds that has none, counted for a plan only.
CREATE FUNCTION ym.key_revoke(_now int8, _public_key bytea, _plan bool DEFAULT false, _version int8 DEFAULT -1)
RETURNS TABLE (outcome int2, role int2, tenant text, name text, since_ms int8, revoked_ms int8, number int8, others int8, running int8,
    whole bool)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
DECLARE _old ym.key; _outcome int2; _number int8; _others int8; _running int8 := 0; _whole bool := true;
BEGIN
    SELECT c.number INTO _number FROM ym.key_change c FOR UPDATE;
    SELECT * INTO _old FROM ym.key k WHERE k.public_key = _public_key;
    SELECT count(*) INTO _others FROM ym.key k WHERE k.identity = _old.identity AND k.key_id <> _old.key_id AND k.revoked_ms IS NULL;
    _outcome := CASE WHEN _old.key_id IS NULL THEN 1
                     WHEN _old.revoked_ms IS NOT NULL THEN 0
                     WHEN _version <> -1 AND _version <> _number THEN 3
                     WHEN _old.role = 3 AND NOT EXISTS (SELECT FROM ym.key k WHERE k.role = 3 AND k.revoked_ms IS NULL
                                                           AND k.key_id <> _old.key_id) THEN 2
                     ELSE 0 END;
    IF _outcome <> 0 THEN
        RETURN QUERY SELECT _outcome, 0::int2, ''::text, ''::text, 0::int8, 0::int8, _number, 0::int8, 0::int8, true;
        RETURN;
    END IF;
    IF _plan AND _old.role = 4 AND _others = 0 THEN
        SELECT c.running, c.whole INTO _running, _whole FROM ym.policy_counts(-1::int2, 0, _old.identity) c;
    ELSIF NOT _plan AND _old.revoked_ms IS NULL THEN
        UPDATE ym.key k SET revoked_ms = _now WHERE k.key_id = _old.key_id;
        UPDATE ym.key_change c SET number = c.number + 1;
    END IF;
    RETURN QUERY SELECT _outcome, k.role, t.name, k.name, k.created_ms, COALESCE(k.revoked_ms, 0), _number, _others, _running, _whole
                   FROM ym.key k JOIN ym.tenant t ON t.tenant_id = k.tenant_id WHERE k.key_id = _old.key_id;
END $$;

CREATE FUNCTION ym.key_page(_after bytea, _limit int4)
RETURNS TABLE (public_key bytea, role int2, tenant text, name text, since_ms int8, revoked_ms int8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ym, pg_temp AS $$
    SELECT k.public_key, k.role, t.name, k.name, k.created_ms, COALESCE(k.revoked_ms, 0)
      FROM ym.key k JOIN ym.tenant t ON t.tenant_id = k.tenant_id
     WHERE k.public_key > _after ORDER BY k.public_key LIMIT _limit
$$;

GRANT EXECUTE ON FUNCTION ym.owner_claim(text), ym.owner_check(text, int8), ym.id_reserve(text, int8, int8, int8),
    ym.keys_since(int8) TO ym_intake, ym_assignment;
GRANT EXECUTE ON FUNCTION ym.key_authorize(int8, bytea, int2, text, text, bytea), ym.key_revoke(int8, bytea, bool, int8),
    ym.key_page(bytea, int4) TO ym_intake;
RESET ROLE;
