-- People, their sessions and keys, and an account of what they did that no one can rewrite.

CREATE TABLE person (
    person_id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL UNIQUE,
    role            text NOT NULL CHECK (role IN ('viewer', 'operator', 'engineer', 'administrator')),
    password_hash   text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    password_set_at timestamptz NOT NULL DEFAULT now(),
    disabled_at     timestamptz
);

-- The token itself is in the browser alone; here is its SHA-256.
CREATE TABLE session (
    token_hash bytea PRIMARY KEY,
    person_id  integer NOT NULL REFERENCES person ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    address    text NOT NULL
);

CREATE INDEX session_by_person ON session (person_id);

CREATE TABLE api_key (
    api_key_id   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id    integer NOT NULL REFERENCES person ON DELETE CASCADE,
    label        text NOT NULL,
    hint         text NOT NULL,
    key_hash     bytea NOT NULL UNIQUE,
    scopes       text[] NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at   timestamptz
);

-- Failures to sign in, by the name that was tried (whether or not it is anyone's) and the address.
CREATE TABLE sign_in_failure (
    sign_in_failure_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL,
    name    text NOT NULL,
    address text NOT NULL
);

CREATE INDEX sign_in_failure_by_name ON sign_in_failure (name, at);
CREATE INDEX sign_in_failure_by_address ON sign_in_failure (address, at);

CREATE TABLE audit_entry (
    audit_entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor  text NOT NULL,
    action text NOT NULL,
    object text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);

CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
