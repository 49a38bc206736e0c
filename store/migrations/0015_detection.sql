-- Which detectors run with which parameters: every version that ever was, and which was in force from when.
-- Both are only ever added to; `refuse_rewriting` is of the audit log.

CREATE TABLE detection_version (
    version    integer PRIMARY KEY CHECK (version > 0),
    document   jsonb NOT NULL,
    digest     text NOT NULL,
    author     text NOT NULL,
    reason     text NOT NULL CHECK (reason <> ''),
    based_on   integer REFERENCES detection_version,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The last row is in force.
CREATE TABLE detection_active (
    detection_active_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version integer NOT NULL REFERENCES detection_version,
    actor   text NOT NULL,
    reason  text NOT NULL CHECK (reason <> ''),
    at      timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TRIGGER detection_version_append_only BEFORE UPDATE OR DELETE ON detection_version
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER detection_active_append_only BEFORE UPDATE OR DELETE ON detection_active
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
