-- Which devices have an account at the broker. The broker alone knows the passwords, hashed.

CREATE TABLE device_access (
    device_id  text PRIMARY KEY REFERENCES device,
    granted_at timestamptz NOT NULL DEFAULT now(),
    rotated_at timestamptz,
    revoked_at timestamptz
);
