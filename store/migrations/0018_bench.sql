-- The bench: configurations tried on history (backtests), and beside the live one (shadows).

-- A request, how far it is and what came of it. One that `attended` is done by whoever asked, at a
-- terminal or in a notebook; others wait for a worker. family_id is the first run of a sweep, and
-- point the parameters by which this one differs. worker and seen_at are whose it is, and that it
-- lives. version is that of the configuration where it is one of detection_version.
CREATE TABLE backtest_run (
    backtest_run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    family_id     bigint REFERENCES backtest_run ON DELETE CASCADE,
    point         jsonb NOT NULL DEFAULT '{}',
    name          text NOT NULL DEFAULT '',
    author        text NOT NULL,
    reason        text NOT NULL DEFAULT '',
    configuration jsonb NOT NULL,
    digest        text NOT NULL,
    version       integer,
    starts_at     timestamptz NOT NULL,
    ends_at       timestamptz NOT NULL CHECK (ends_at > starts_at),
    options       jsonb NOT NULL DEFAULT '{}',
    attended      boolean NOT NULL DEFAULT false,
    status        text NOT NULL DEFAULT 'queued'
                  CHECK (status IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    cancel        boolean NOT NULL DEFAULT false,
    worker        text,
    seen_at       timestamptz,
    attempts      integer NOT NULL DEFAULT 0,
    progress      real NOT NULL DEFAULT 0,
    readings      bigint NOT NULL DEFAULT 0,
    requested_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    began_at      timestamptz,
    ended_at      timestamptz,
    error         text NOT NULL DEFAULT '',
    result        jsonb
);

CREATE INDEX backtest_run_waiting ON backtest_run (backtest_run_id) WHERE status IN ('queued', 'running');
CREATE INDEX backtest_run_family ON backtest_run (family_id);

-- What would have been anomalies, without their pictures.
CREATE TABLE backtest_episode (
    backtest_run_id bigint NOT NULL REFERENCES backtest_run ON DELETE CASCADE,
    key           text NOT NULL,
    detector      text NOT NULL,
    rule          text NOT NULL,
    stream_id     integer NOT NULL,
    severity      text NOT NULL,
    started_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    value         double precision,
    expected_low  double precision,
    expected_high double precision,
    score         double precision
);

CREATE INDEX backtest_episode_of ON backtest_episode (backtest_run_id, started_at);

-- A configuration that runs beside the live one, without alerting; one at a time.
CREATE TABLE shadow (
    shadow_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    configuration jsonb NOT NULL,
    digest        text NOT NULL,
    version       integer,
    author        text NOT NULL,
    reason        text NOT NULL,
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    stopped_at    timestamptz,
    stopped_by    text
);

CREATE UNIQUE INDEX shadow_running ON shadow ((stopped_at IS NULL)) WHERE stopped_at IS NULL;

CREATE TABLE shadow_anomaly (
    shadow_anomaly_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shadow_id     bigint NOT NULL REFERENCES shadow ON DELETE CASCADE,
    key           text NOT NULL,
    detector      text NOT NULL,
    rule          text NOT NULL,
    stream_id     integer NOT NULL,
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

CREATE UNIQUE INDEX shadow_anomaly_standing ON shadow_anomaly (shadow_id, key) WHERE ended_at IS NULL;
CREATE INDEX shadow_anomaly_of ON shadow_anomaly (shadow_id, started_at);
