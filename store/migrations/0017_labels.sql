-- Labels: what truly happened, as detectors are held against it. Operators' verdicts on alerts are labels
-- too; they are read where they stand, in `alert`.

-- digest is of what the label says, so that the same file taken twice is one set of labels.
CREATE TABLE label (
    label_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest          text NOT NULL,
    kind            text NOT NULL CHECK (kind <> ''),
    device_ids      text[] NOT NULL CHECK (cardinality(device_ids) > 0),
    metrics         text[] NOT NULL DEFAULT '{}',
    starts_at       timestamptz NOT NULL,
    ends_at         timestamptz NOT NULL CHECK (ends_at >= starts_at),
    is_sensor_fault boolean NOT NULL DEFAULT false,
    meaning         text NOT NULL CHECK (meaning IN ('happened', 'nuisance', 'nothing')),
    source          text NOT NULL CHECK (source IN ('truth', 'drawn', 'imported')),
    author          text NOT NULL DEFAULT '',
    note            text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at      timestamptz,
    deleted_by      text
);

CREATE UNIQUE INDEX label_standing ON label (digest) WHERE deleted_at IS NULL;
CREATE INDEX label_by_start ON label (starts_at) WHERE deleted_at IS NULL;
CREATE INDEX label_by_device ON label USING gin (device_ids) WHERE deleted_at IS NULL;
CREATE INDEX alert_with_verdict ON alert (opened_at) WHERE verdict IS NOT NULL;
