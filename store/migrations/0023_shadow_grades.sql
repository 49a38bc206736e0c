-- How a shadow and what ran live at its time do against the labels of that time.

ALTER TABLE shadow ADD COLUMN grades jsonb;
ALTER TABLE shadow ADD COLUMN graded_at timestamptz;
