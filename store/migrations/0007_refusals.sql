-- Attempts to sign in that were not even tried, so that a flood of them is a few lines of the audit log;
-- and the resolved alerts, which close by themselves after a time.

CREATE TABLE sign_in_refusal (
    name    text NOT NULL,
    address text NOT NULL,
    told_at timestamptz NOT NULL,
    untold  integer NOT NULL DEFAULT 0,
    PRIMARY KEY (name, address)
);

CREATE INDEX alert_to_close ON alert (resolved_at) WHERE status = 'resolved';
