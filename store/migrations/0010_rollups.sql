-- Readings summed up by minute, quarter of an hour, hour and day (UTC), and what they still lack.
-- On TimescaleDB Community continuous aggregates; elsewhere tables that our maintenance keeps
-- right. The same names and columns: see docs/decisions/0015-rollups.md.

-- What was stored and is not in the rollups yet. A row a transaction that stored readings, only
-- ever added: what commits while the rollups are refreshed brings its own row.
CREATE TABLE reading_change (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    minutes        integer[] NOT NULL,  -- since 1970, of any stream
    stream_ids     integer[] NOT NULL,  -- with stream_minutes: one stream's minute each
    stream_minutes integer[] NOT NULL
);

-- Before when readings (and each rollup) have been let go.
CREATE TABLE reading_horizon (
    relation text PRIMARY KEY,
    before   timestamptz NOT NULL
);

-- A window of time over all streams is read block by block.
CREATE INDEX reading_window ON reading USING brin (time) WITH (pages_per_range = 32, autosummarize = on);

DO $$
DECLARE
    level record;
    parent text := 'reading';
    source text;
BEGIN
    FOR level IN SELECT * FROM (VALUES
        ('reading_1m', INTERVAL '1 minute', INTERVAL '7 days'),
        ('reading_15m', INTERVAL '15 minutes', INTERVAL '30 days'),
        ('reading_1h', INTERVAL '1 hour', INTERVAL '90 days'),
        ('reading_1d', INTERVAL '1 day', INTERVAL '365 days')
    ) AS levels (name, width, chunk)
    LOOP
        IF current_setting('timescaledb.license', true) = 'timescale' THEN
            source := CASE WHEN parent = 'reading' THEN
                'count(*) AS n, sum(value) AS total, min(value) AS low, max(value) AS high,
                 first(value, time) AS first_value, min(time) AS first_at,
                 last(value, time) AS last_value, max(time) AS last_at FROM reading'
            ELSE
                'sum(n)::bigint AS n, sum(total) AS total, min(low) AS low, max(high) AS high,
                 first(first_value, first_at) AS first_value, min(first_at) AS first_at,
                 last(last_value, last_at) AS last_value, max(last_at) AS last_at FROM ' || parent
            END;
            EXECUTE format(
                'CREATE MATERIALIZED VIEW %I WITH (timescaledb.continuous, timescaledb.materialized_only = true)
                 AS SELECT stream_id, time_bucket(%L::interval, %I) AS bucket, %s GROUP BY 1, 2 WITH NO DATA',
                level.name, level.width, CASE WHEN parent = 'reading' THEN 'time' ELSE 'bucket' END, source);
        ELSE
            EXECUTE format(
                'CREATE TABLE %I (
                    stream_id integer NOT NULL, bucket timestamptz NOT NULL, n bigint NOT NULL,
                    total double precision NOT NULL, low double precision NOT NULL, high double precision NOT NULL,
                    first_value double precision NOT NULL, first_at timestamptz NOT NULL,
                    last_value double precision NOT NULL, last_at timestamptz NOT NULL)', level.name);
            PERFORM create_hypertable(level.name::regclass, 'bucket'::name, chunk_time_interval => level.chunk,
                                        create_default_indexes => false);
            EXECUTE format('CREATE UNIQUE INDEX %I ON %I (stream_id, bucket)', level.name || '_once', level.name);
            -- As of the readings: a window over all streams, at next to no cost for what is written.
            EXECUTE format('CREATE INDEX %I ON %I USING brin (bucket) WITH (pages_per_range = 32, autosummarize = on)',
                           level.name || '_window', level.name);
        END IF;
        parent := level.name;
    END LOOP;
END $$;

-- Readings from before there were rollups: all of them are to be summed up, a row a day.
INSERT INTO reading_change (minutes, stream_ids, stream_minutes)
SELECT array_agg(minute ORDER BY minute), '{}', '{}'
FROM (SELECT DISTINCT floor(extract(epoch FROM time) / 60)::integer AS minute FROM reading) AS known
GROUP BY minute / 1440;
