-- What the schema needs of TimescaleDB, for a PostgreSQL that lacks it. The answers are
-- the same; what it costs is speed on large tables: no chunks to skip or to drop whole.

CREATE OR REPLACE FUNCTION create_hypertable(
    relation regclass, time_column_name name,
    chunk_time_interval interval DEFAULT INTERVAL '7 days',
    create_default_indexes boolean DEFAULT true, if_not_exists boolean DEFAULT false
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF create_default_indexes THEN
        EXECUTE format('CREATE INDEX ON %s (%I DESC)', relation, time_column_name);
    END IF;
END $$;

CREATE OR REPLACE FUNCTION time_bucket(width interval, moment timestamptz)
RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT date_bin(width, moment, TIMESTAMPTZ '2000-01-03 00:00:00+00')
$$;

CREATE OR REPLACE FUNCTION drop_chunks(relation regclass, older_than timestamptz)
RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('DELETE FROM %s WHERE time < %L', relation, older_than);
END $$;
