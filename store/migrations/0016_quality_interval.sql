-- When the readings of a stream were not to be believed, and why (docs/decisions/0025-quality-intervals.md).

CREATE TABLE quality_interval (
    quality_interval_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key        text NOT NULL,  -- the finding's: one fault of one sensor
    stream_id  integer NOT NULL REFERENCES stream,
    kind       text NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz CHECK (ended_at >= started_at),
    detector   text NOT NULL,
    score      double precision,
    detail     jsonb NOT NULL DEFAULT '{}'
);

CREATE UNIQUE INDEX quality_interval_standing ON quality_interval (key, stream_id) WHERE ended_at IS NULL;
CREATE INDEX quality_interval_by_stream ON quality_interval (stream_id, started_at);
