-- What the data set is made of: numbers that look random and are the same for the same seed.
CREATE SCHEMA dataset;

CREATE FUNCTION dataset.posts() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT {posts}::bigint';
CREATE FUNCTION dataset.users() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT {users}::bigint';
CREATE FUNCTION dataset.start() RETURNS timestamptz LANGUAGE sql IMMUTABLE AS 'SELECT {now}::timestamptz - interval ''730 days''';

-- From 0 to 1, for the n-th of something; the salt distinguishes the properties.
CREATE FUNCTION dataset.share(p_n bigint, p_salt integer) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
    SELECT (hashint8extended(p_n, {seed}::bigint * 1000 + p_salt) & 1099511627775)::double precision / 1099511627776
$$;

CREATE FUNCTION dataset.user_id(p_n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT overlay(overlay(md5('user ' || p_n) PLACING '4' FROM 13) PLACING '8' FROM 17)::uuid
$$;

CREATE FUNCTION dataset.id(p_kind text, p_n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT md5(p_kind || p_n)::uuid
$$;

CREATE FUNCTION dataset.hashtags() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT greatest({users} / 10, 100)::bigint';
CREATE FUNCTION dataset.songs() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT greatest({users} / 100, 50)::bigint';

-- Posts come evenly over two years, so their numbers and their keys are in the order of time.
CREATE FUNCTION dataset.at(p_n bigint) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT dataset.start() + interval '730 days' * (p_n::double precision / dataset.posts())
$$;

CREATE FUNCTION dataset.post_id(p_n bigint) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM dataset.at(p_n)) * 1000)::bigint), 12, '0') || '7'
        || substr(md5('post ' || p_n), 1, 3) || '8' || substr(md5('post ' || p_n), 4, 15))::uuid
$$;

-- The lower its number, the more a user posts: the first percent makes a sixth of all. The last twentieth never
-- posts, the fifth before it did so in the first year only.
CREATE FUNCTION dataset.author(p_n bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT 1 + floor(dataset.users() * CASE WHEN p_n < dataset.posts() / 2 THEN 0.95 ELSE 0.75 END
        * power(dataset.share(p_n, 1), 2.5))::bigint
$$;

-- Celebrities are others than those who post most. The multiplier has no factor in common with the number of users.
CREATE FUNCTION dataset.celebrity(p_share double precision) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT 1 + (floor(dataset.users() * power(p_share, 3))::bigint * 7919 + 13) % dataset.users()
$$;

-- Two hundred viewers beyond the users, so that nothing else depends on them: ten of each kind.
CREATE FUNCTION dataset.viewer(p_kind integer, p_n bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT dataset.users() + p_kind * 10 + p_n
$$;
