-- What detectors saw, what people are told of it, and every change of that.

CREATE TABLE anomaly (
    anomaly_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key           text NOT NULL,
    detector      text NOT NULL,
    rule          text NOT NULL,
    stream_id     integer NOT NULL REFERENCES stream,
    severity      text NOT NULL,
    started_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    value         double precision,
    expected_low  double precision,
    expected_high double precision,
    score         double precision,
    detail        jsonb NOT NULL DEFAULT '{}'
);

CREATE UNIQUE INDEX anomaly_standing ON anomaly (key) WHERE ended_at IS NULL;
CREATE INDEX anomaly_by_stream ON anomaly (stream_id, started_at);

CREATE TABLE alert (
    alert_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key           text NOT NULL,
    device_id     text NOT NULL REFERENCES device,
    stream_id     integer NOT NULL REFERENCES stream,
    metric        text NOT NULL,
    domain        text NOT NULL,
    detector      text NOT NULL,
    rule          text NOT NULL,
    severity      text NOT NULL,
    status        text NOT NULL,
    opened_at     timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    resolved_at   timestamptz,
    value         double precision,
    expected_low  double precision,
    expected_high double precision,
    detail        jsonb NOT NULL DEFAULT '{}'
);

-- One standing alert a condition.
CREATE UNIQUE INDEX alert_standing ON alert (key) WHERE status IN ('open', 'acknowledged');
CREATE INDEX alert_by_opening ON alert (opened_at DESC);
CREATE INDEX alert_by_device ON alert (device_id, opened_at DESC);

CREATE TABLE alert_event (
    alert_event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id       bigint NOT NULL REFERENCES alert,
    at             timestamptz NOT NULL,
    actor          text NOT NULL,
    kind           text NOT NULL,
    detail         jsonb NOT NULL DEFAULT '{}'
);

CREATE INDEX alert_event_by_alert ON alert_event (alert_id, alert_event_id);
