-- What is in one database: its owner, its extensions, its schemas, and who may do what in them. psql runs it in that database
-- as the master user of the cluster.
--
-- What belongs to a user only that user changes, so the master user is a member of it for the length of the transaction.
-- Nobody else sees that, and nothing is left of it if it is broken off: a master user who stayed one would be a member of
-- rds_iam by it, and get in by password no more.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SELECT set_config('platform.declared', :'declared', false) \g /dev/null

BEGIN;
SELECT pg_advisory_xact_lock(hashtext('agent_platform.aws')) \g /dev/null
DO $$
DECLARE
  declared constant jsonb := current_setting('platform.declared')::jsonb;
  ours constant text := declared ->> 'mark';
  here constant text := current_database();
  whole jsonb;
  item jsonb;
  owner text;
  account text;
  rights text;
  seen record;
BEGIN
  SELECT value INTO STRICT whole FROM jsonb_array_elements(declared -> 'databases') WHERE value ->> 'name' = here;
  owner := whole ->> 'owner';
  IF owner IS NOT NULL THEN
    SELECT shobj_description(oid, 'pg_database') AS mark, pg_get_userbyid(datdba) AS owner
      INTO seen FROM pg_database WHERE datname = here;
    -- One of ours without a mark was made a moment ago, by a run that went no further.
    IF seen.mark <> ours OR seen.owner NOT IN (current_user, owner) THEN
      RAISE EXCEPTION 'the cluster has a database % that is not of this platform: it is not changed', here
        USING HINT = format('Rename it, or hand it over: COMMENT ON DATABASE %I IS %L', here, ours);
    END IF;
    EXECUTE format('GRANT %I TO CURRENT_USER', owner);
    EXECUTE format('COMMENT ON DATABASE %I IS %L', here, ours);
    EXECUTE format('ALTER DATABASE %I OWNER TO %I', here, owner);
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', here);
    EXECUTE format('GRANT CONNECT, CREATE ON DATABASE %I TO CURRENT_USER', here);
  END IF;

  -- Nobody but its owner makes anything in the schema that all share.
  IF EXISTS (
    SELECT FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) AS acl
    WHERE nspname = 'public' AND acl.grantee = 0 AND acl.privilege_type = 'CREATE'
  ) THEN
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
  END IF;
  FOR account IN SELECT jsonb_array_elements_text(whole -> 'extensions') LOOP
    EXECUTE format('CREATE EXTENSION IF NOT EXISTS %I WITH SCHEMA public', account);
  END LOOP;
  IF owner IS NOT NULL THEN
    EXECUTE format('REVOKE %I FROM CURRENT_USER', owner);
  END IF;

  FOR item IN SELECT value FROM jsonb_array_elements(whole -> 'schemas') LOOP
    owner := item ->> 'owner';
    SELECT pg_get_userbyid(nspowner) AS owner, obj_description(oid, 'pg_namespace') AS mark
      INTO seen FROM pg_namespace WHERE nspname = item ->> 'name';
    EXECUTE format('GRANT %I TO CURRENT_USER', owner);
    IF NOT FOUND THEN
      EXECUTE format('CREATE SCHEMA %I AUTHORIZATION %I', item ->> 'name', owner);
      EXECUTE format('COMMENT ON SCHEMA %I IS %L', item ->> 'name', ours);
    ELSIF seen.mark IS DISTINCT FROM ours THEN
      RAISE EXCEPTION 'the database has a schema % that is not of this platform: it is not changed', item ->> 'name'
        USING HINT = format('Declare another, or hand it over: COMMENT ON SCHEMA %I IS %L', item ->> 'name', ours);
    ELSIF seen.owner <> owner THEN
      RAISE EXCEPTION 'the schema % belongs to %, and % is declared', item ->> 'name', seen.owner, owner
        USING HINT = 'Hand it over with all that is in it: ALTER SCHEMA ... OWNER TO, REASSIGN OWNED.';
    END IF;
    EXECUTE format('SET LOCAL ROLE %I', owner);
    EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', item ->> 'name');
    -- What others were given goes, and what is declared comes back.
    FOR account IN
      SELECT DISTINCT pg_get_userbyid(grantee) FROM pg_namespace, aclexplode(nspacl)
      WHERE nspname = item ->> 'name' AND grantee NOT IN (0, nspowner)
    LOOP
      EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %I', item ->> 'name', account);
      EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I', item ->> 'name', account);
      EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA %I FROM %I', item ->> 'name', account);
      EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I REVOKE ALL ON TABLES FROM %I', item ->> 'name', account);
      EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I REVOKE ALL ON SEQUENCES FROM %I', item ->> 'name', account);
    END LOOP;
    FOR account, rights IN SELECT key, value FROM jsonb_each_text(item -> 'access') LOOP
      EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', item ->> 'name', account);
      EXECUTE format('GRANT %s ON ALL TABLES IN SCHEMA %I TO %I', rights, item ->> 'name', account);
      EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT %s ON TABLES TO %I', item ->> 'name', rights, account);
      -- A sequence is read with its table, and counts on with it.
      rights := CASE rights WHEN 'SELECT' THEN 'SELECT' ELSE 'SELECT, USAGE' END;
      EXECUTE format('GRANT %s ON ALL SEQUENCES IN SCHEMA %I TO %I', rights, item ->> 'name', account);
      EXECUTE format(
        'ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT %s ON SEQUENCES TO %I', item ->> 'name', rights, account
      );
    END LOOP;
    RESET ROLE;
    EXECUTE format('REVOKE %I FROM CURRENT_USER', owner);
    -- Names without a schema are looked up there; the types of extensions are in public.
    FOR account IN SELECT owner UNION SELECT jsonb_object_keys(item -> 'access') LOOP
      EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = %I, public', account, here, item ->> 'name');
    END LOOP;
  END LOOP;
END
$$;
COMMIT;
