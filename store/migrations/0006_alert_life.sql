-- People act on alerts: who took it, what it turned out to be, and a version against acting at once.

ALTER TABLE alert
    ADD COLUMN acknowledged_by text,
    ADD COLUMN assignee text,
    ADD COLUMN verdict text,
    ADD COLUMN version integer NOT NULL DEFAULT 1;

-- One standing alert a condition, now with work in progress among those that stand.
DROP INDEX alert_standing;
CREATE UNIQUE INDEX alert_standing ON alert (key) WHERE status IN ('open', 'acknowledged', 'in_progress');
CREATE INDEX alert_by_key ON alert (key, alert_id DESC);
CREATE INDEX alert_by_stream ON alert (stream_id, opened_at DESC);

-- What was written of an alert's life stays written.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;

CREATE TRIGGER alert_event_append_only BEFORE UPDATE OR DELETE ON alert_event
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
