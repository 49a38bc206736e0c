-- In which order a consumer went through several logs, and how far it had let time pass, since
-- its snapshot: what it replays after a crash happens exactly as it did the first time.

CREATE TABLE consumer_step (
    consumer  text NOT NULL,
    step      bigint GENERATED ALWAYS AS IDENTITY,
    -- Microseconds since 1970 that time had passed to before the entries; null for not yet.
    ticked    bigint,
    -- Streams it took note of before the entries.
    streams   integer[] NOT NULL,
    ingestors text[] NOT NULL,
    seqs      bigint[] NOT NULL,
    PRIMARY KEY (consumer, step)
);
