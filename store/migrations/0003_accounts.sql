-- The account of every message: what was stored, what was known already, what could not be used.

CREATE TABLE quarantine (
    quarantine_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    first_at  timestamptz NOT NULL,
    last_at   timestamptz NOT NULL,
    deliveries integer NOT NULL DEFAULT 1,
    device_id text NOT NULL,
    topic     text NOT NULL,
    payload   bytea NOT NULL,
    digest    bytea NOT NULL,
    reason    text NOT NULL,
    detail    text NOT NULL,
    UNIQUE (digest)
);

CREATE INDEX quarantine_by_device ON quarantine (device_id, quarantine_id);

-- Per ingestor, device ('' where the topic names none that is known) and day.
CREATE TABLE ledger (
    ingestor    text NOT NULL,
    day         date NOT NULL,
    device_id   text NOT NULL,
    messages    bigint NOT NULL DEFAULT 0,
    committed   bigint NOT NULL DEFAULT 0,
    duplicates  bigint NOT NULL DEFAULT 0,
    quarantined bigint NOT NULL DEFAULT 0,
    requarantined bigint NOT NULL DEFAULT 0,
    evicted     bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (ingestor, day, device_id)
) WITH (fillfactor = 60);

-- Heartbeats of the running services.
CREATE TABLE service (
    name       text PRIMARY KEY,
    pid        integer NOT NULL,
    host       text NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    detail     jsonb NOT NULL DEFAULT '{}'
);
