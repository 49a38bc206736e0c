-- Files of history: how far each has come, so that an import goes on where it stopped.

CREATE TABLE history_import (
    digest      text PRIMARY KEY,
    name        text NOT NULL,
    rows_done   bigint NOT NULL DEFAULT 0,
    committed   bigint NOT NULL DEFAULT 0,
    duplicates  bigint NOT NULL DEFAULT 0,
    refused     bigint NOT NULL DEFAULT 0,
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);

-- Compressing the log was a quarter of what storing 100,000 readings took. lz4 takes a third of
-- pglz's time for half as many bytes again; where it is not built in, pglz stays.
DO $$
BEGIN
    ALTER TABLE reading_batch
        ALTER COLUMN stream_ids SET COMPRESSION lz4,
        ALTER COLUMN times SET COMPRESSION lz4,
        ALTER COLUMN "values" SET COMPRESSION lz4,
        ALTER COLUMN qualities SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL;
END
$$;
