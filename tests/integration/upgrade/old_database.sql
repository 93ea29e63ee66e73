-- A database as run-migrations.sh left it. {id} and {reference} are the types of keys: UUIDs, or numbers.
CREATE TABLE schema_migrations (
    id SERIAL PRIMARY KEY, filename VARCHAR(255) NOT NULL UNIQUE, executed_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    checksum VARCHAR(64)
);
INSERT INTO schema_migrations (filename, executed_at, checksum) VALUES ('000_base_schema.sql', '2024-05-01 10:00', 'x');
CREATE TYPE media_kind AS ENUM ('image', 'video');
CREATE TABLE users (
    id {id}, username VARCHAR(255) NOT NULL UNIQUE, email VARCHAR(255) NOT NULL UNIQUE,
    password_hash VARCHAR(255) NOT NULL, full_name VARCHAR(255), bio TEXT, profile_picture VARCHAR(500),
    is_private BOOLEAN DEFAULT FALSE, is_verified BOOLEAN DEFAULT FALSE, post_count INTEGER DEFAULT 0,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, deleted_at TIMESTAMP
);
CREATE TABLE posts (
    id {id}, user_id {reference} NOT NULL, caption TEXT, location VARCHAR(255), comments_disabled BOOLEAN DEFAULT FALSE,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP, deleted_at TIMESTAMP
);
CREATE TABLE post_media (
    id {id}, post_id {reference} NOT NULL, media_url TEXT NOT NULL, media_type media_kind NOT NULL,
    display_order INTEGER DEFAULT 0, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE follows (
    follower_id {reference} NOT NULL, following_id {reference} NOT NULL, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE followers (
    id {id}, user_id {reference} NOT NULL, follower_id {reference} NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE likes (
    id {id}, user_id {reference} NOT NULL, post_id {reference} NOT NULL, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE comments (
    id {id}, user_id {reference} NOT NULL, post_id {reference} NOT NULL, parent_id {reference}, content TEXT NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, deleted_at TIMESTAMP
);
CREATE TABLE stories (
    id {id}, user_id {reference} NOT NULL, media_url TEXT NOT NULL, media_type media_kind NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, expires_at TIMESTAMP
);
CREATE TABLE email_verifications (
    id {id}, user_id {reference} NOT NULL, token VARCHAR(255) NOT NULL, expires_at TIMESTAMP NOT NULL, used_at TIMESTAMP,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE devices (id SERIAL PRIMARY KEY, user_id {reference}, model TEXT);
CREATE VIEW recent_posts AS SELECT id, caption FROM posts ORDER BY created_at DESC LIMIT 10;

CREATE FUNCTION update_follower_counts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER count_followers AFTER INSERT ON followers FOR EACH ROW EXECUTE FUNCTION update_follower_counts();
-- The new schema has a function of this name and these arguments, too.
CREATE FUNCTION get_trending_hashtags(p_limit INTEGER DEFAULT 10) RETURNS SETOF TEXT LANGUAGE sql AS 'SELECT NULL::text';
