-- into: post_hashtags (id, post_id, hashtag_id, created_at)
-- Every fifth post carries one; a few are on most.
SELECT
    public.uuid_v7(), dataset.post_id(n),
    dataset.id('hashtag', 1 + floor(dataset.hashtags() * power(dataset.share(n, 121), 3))::bigint), dataset.at(n)
FROM generate_series(1, dataset.posts(), 5) AS n
