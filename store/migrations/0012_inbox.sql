-- Who a message in quarantine says it is from, and messages that go through the checks once more.

-- "claimed" is the device that the message names, registered or not; device_id stays the account it
-- was entered under, '' for a device that is not registered. "cut" says that not all of it was kept.
ALTER TABLE quarantine
    ADD COLUMN claimed text NOT NULL DEFAULT '',
    ADD COLUMN cut boolean NOT NULL DEFAULT false;

UPDATE quarantine SET
    claimed = CASE WHEN device_id = '' AND reason = 'device' AND topic LIKE 'city/%/%/%'
                   THEN left(split_part(topic, '/', 3), 64) ELSE device_id END,
    cut = octet_length(payload) >= 65536;

DROP INDEX quarantine_by_device;
CREATE INDEX quarantine_by_claim ON quarantine (claimed, quarantine_id);

-- Messages that left quarantine as readings, and those that people threw away.
ALTER TABLE ledger
    ADD COLUMN replayed bigint NOT NULL DEFAULT 0,
    ADD COLUMN dropped bigint NOT NULL DEFAULT 0;

-- Done by whichever ingest process takes it, for a log has one writer. quarantine_ids holds what is
-- left to do and shrinks with every transaction; topic and payload mend the one message it names.
CREATE TABLE replay_request (
    replay_request_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    requested_at   timestamptz NOT NULL DEFAULT now(),
    actor          text NOT NULL,
    quarantine_ids bigint[] NOT NULL,
    topic          text,
    payload        bytea,
    dry_run        boolean NOT NULL DEFAULT false,
    done_at        timestamptz,
    replayed       bigint NOT NULL DEFAULT 0,
    readings       bigint NOT NULL DEFAULT 0,
    duplicates     bigint NOT NULL DEFAULT 0,
    refused        bigint NOT NULL DEFAULT 0,
    gone           bigint NOT NULL DEFAULT 0,
    refusals       jsonb NOT NULL DEFAULT '[]'
);

CREATE INDEX replay_request_waiting ON replay_request (replay_request_id) WHERE done_at IS NULL;
