-- Devices and their streams: what a reading belongs to.

CREATE TABLE device (
    device_id  text PRIMARY KEY,
    domain     text NOT NULL,
    kind       text NOT NULL,
    name_vi    text NOT NULL,
    name_en    text NOT NULL,
    lat        double precision NOT NULL CHECK (lat BETWEEN -90 AND 90),
    lon        double precision NOT NULL CHECK (lon BETWEEN -180 AND 180),
    zone       text NOT NULL DEFAULT '',
    interval_s double precision NOT NULL CHECK (interval_s > 0),
    metrics    text[] NOT NULL,
    tags       jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE stream (
    stream_id  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id  text NOT NULL REFERENCES device,
    metric     text NOT NULL,
    interval_s double precision NOT NULL CHECK (interval_s > 0),
    UNIQUE (device_id, metric)
);

-- What a device last said of itself on its status topic; 'offline' may be its last will.
CREATE TABLE device_status (
    device_id  text PRIMARY KEY REFERENCES device,
    status     text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
