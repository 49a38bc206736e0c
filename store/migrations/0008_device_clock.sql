-- How far each device's clock is off, as ingest estimates it; positive is ahead of ours.

CREATE TABLE device_clock (
    device_id  text PRIMARY KEY REFERENCES device,
    offset_s   double precision NOT NULL,
    spread_s   double precision NOT NULL CHECK (spread_s >= 0),
    n_readings bigint NOT NULL,
    seen_at    timestamptz NOT NULL
);
