-- Readings, the ordered log of what was committed, and who has read how far.

CREATE TABLE reading (
    stream_id integer NOT NULL,
    time      timestamptz NOT NULL,
    value     double precision NOT NULL,
    quality   smallint NOT NULL DEFAULT 0
);

SELECT create_hypertable('reading', 'time', chunk_time_interval => INTERVAL '1 day',
                         create_default_indexes => false);

-- Delivering a reading twice stores it once.
CREATE UNIQUE INDEX reading_once ON reading (stream_id, time);

-- One row a flush. One writer an ingestor, so the order of seq is the order of commit.
CREATE TABLE reading_batch (
    ingestor     text NOT NULL,
    seq          bigint NOT NULL,
    committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    n            integer NOT NULL,
    stream_ids   integer[] NOT NULL,
    times        bigint[] NOT NULL,
    "values"     double precision[] NOT NULL,
    qualities    smallint[] NOT NULL,
    PRIMARY KEY (ingestor, seq)
);

CREATE INDEX reading_batch_age ON reading_batch (committed_at);

-- The last seq an ingestor used, kept when its log is pruned: a seq is never used twice.
CREATE TABLE ingestor (
    ingestor text PRIMARY KEY,
    last_seq bigint NOT NULL
);

CREATE TABLE consumer_offset (
    consumer   text NOT NULL,
    ingestor   text NOT NULL,
    seq        bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, ingestor)
);

-- Where a consumer's memory stood, so that it can start again without the whole past.
CREATE TABLE consumer_snapshot (
    consumer text PRIMARY KEY,
    offsets  jsonb NOT NULL,
    state    bytea NOT NULL,
    saved_at timestamptz NOT NULL DEFAULT now()
);
