-- What the migrations of a grown project do: ten for each table that they add, each below its own mark.
-- %TABLE% stands for the name of the table.

-- migration
CREATE TABLE %TABLE% (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- migration
CREATE INDEX %TABLE%_user_idx ON %TABLE% (user_id, created_at DESC);

-- migration
ALTER TABLE %TABLE% ADD COLUMN price numeric(12, 2) NOT NULL DEFAULT 0 CHECK (price >= 0);

-- migration
ALTER TABLE %TABLE% ADD COLUMN tags text[] NOT NULL DEFAULT '{}';
CREATE INDEX %TABLE%_tags_idx ON %TABLE% USING gin (tags);

-- migration
CREATE FUNCTION %TABLE%_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.created_at := now();
    RETURN NEW;
END
$$;
CREATE TRIGGER %TABLE%_touch BEFORE UPDATE ON %TABLE% FOR EACH ROW EXECUTE FUNCTION %TABLE%_touch();

-- migration
ALTER TABLE %TABLE% ADD CONSTRAINT %TABLE%_name_check CHECK (length(name) BETWEEN 1 AND 200);

-- migration
CREATE VIEW %TABLE%_recent AS SELECT id, name, price FROM %TABLE% WHERE created_at > now() - interval '7 days';

-- migration
ALTER TABLE %TABLE% ADD COLUMN note text;
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
COMMENT ON TABLE %TABLE% IS 'Things of one kind.';
