-- The migrations of a grown project: ten for each table that they add, each after its own marker.
-- %TABLE% stands for the name of the table.

-- migration
CREATE TABLE %TABLE% (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE %TABLE% IS 'Things of one kind.';
COMMENT ON COLUMN %TABLE%.user_id IS 'Whose it is.';

-- migration
CREATE INDEX %TABLE%_user_idx ON %TABLE% (user_id, created_at DESC);

-- migration
ALTER TABLE %TABLE% ADD COLUMN price numeric(12, 2) NOT NULL DEFAULT 0 CHECK (price >= 0);
COMMENT ON COLUMN %TABLE%.price IS 'In baht.';

-- migration
ALTER TABLE %TABLE% ADD COLUMN tags text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN %TABLE%.tags IS 'Words to find it by.';
CREATE INDEX %TABLE%_tags_idx ON %TABLE% USING gin (tags);

-- migration
CREATE FUNCTION %TABLE%_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.created_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION %TABLE%_touch() IS 'Keeps the time of the last change.';
CREATE TRIGGER %TABLE%_touch BEFORE UPDATE ON %TABLE% FOR EACH ROW EXECUTE FUNCTION %TABLE%_touch();

-- migration
ALTER TABLE %TABLE% ADD CONSTRAINT %TABLE%_name_check CHECK (length(name) BETWEEN 1 AND 200);

-- migration
CREATE VIEW %TABLE%_recent AS SELECT id, name, price FROM %TABLE% WHERE created_at > now() - interval '7 days';
COMMENT ON VIEW %TABLE%_recent IS 'Those of the last week.';

-- migration
ALTER TABLE %TABLE% ADD COLUMN note text;
COMMENT ON COLUMN %TABLE%.note IS 'What its owner says of it.';
UPDATE %TABLE% SET note = name WHERE note IS NULL;

-- migration
CREATE OR REPLACE FUNCTION %TABLE%_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.created_at := clock_timestamp();
    RETURN NEW;
END
$$;

-- migration
CREATE UNIQUE INDEX %TABLE%_name_key ON %TABLE% (user_id, lower(name));
COMMENT ON INDEX %TABLE%_name_key IS 'No user has two of one name.';
