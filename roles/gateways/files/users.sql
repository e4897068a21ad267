-- The users of the platform, all with IAM authentication, and the databases of their own. psql runs it as the master user of
-- the cluster, who is no superuser, in the database that the cluster was made with. `declared` is what is declared, as JSON.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SELECT set_config('platform.declared', :'declared', false) \g /dev/null

BEGIN;
-- Two runs at once would meet each other halfway.
SELECT pg_advisory_xact_lock(hashtext('agent_platform.aws')) \g /dev/null
DO $$
DECLARE
  declared constant jsonb := current_setting('platform.declared')::jsonb;
  ours constant text := declared ->> 'mark';
  account text;
  other name;
  seen record;
BEGIN
  FOR account IN SELECT jsonb_array_elements_text(declared -> 'users') LOOP
    SELECT shobj_description(oid, 'pg_authid') AS mark, rolsuper OR rolreplication OR rolbypassrls AS powerful
      INTO seen FROM pg_roles WHERE rolname = account;
    IF NOT FOUND THEN
      EXECUTE format('CREATE ROLE %I', account);
      EXECUTE format('COMMENT ON ROLE %I IS %L', account, ours);
    ELSIF seen.mark IS DISTINCT FROM ours THEN
      RAISE EXCEPTION 'the database has a user % that is not of this platform: it is not changed', account
        USING HINT = format('Declare another name, or hand it over: COMMENT ON ROLE %I IS %L', account, ours);
    ELSIF seen.powerful THEN
      RAISE EXCEPTION 'the user % has rights in the database that only a superuser may take away', account;
    END IF;
    EXECUTE format('ALTER ROLE %I LOGIN INHERIT NOCREATEDB NOCREATEROLE', account);
    -- A member of rds_iam gets in by IAM only, even if it has a password.
    EXECUTE format('GRANT rds_iam TO %I', account);
    FOR other IN
      SELECT role.rolname FROM pg_auth_members JOIN pg_roles AS role ON role.oid = roleid
      WHERE member = (SELECT oid FROM pg_roles WHERE rolname = account) AND role.rolname <> 'rds_iam'
    LOOP
      EXECUTE format('REVOKE %I FROM %I', other, account);
    END LOOP;
  END LOOP;
END
$$;
COMMIT;

-- A database can't be made in a transaction. schemas.sql gives it to its owner.
SELECT format('CREATE DATABASE %I', name)
  FROM jsonb_to_recordset(:'declared'::jsonb -> 'databases') AS declared (name text, owner text)
  WHERE owner IS NOT NULL AND name NOT IN (SELECT datname FROM pg_database) \gexec
