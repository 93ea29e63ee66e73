SET LOCAL search_path = '';

DROP FUNCTION public.get_trending_reels(uuid, integer, integer);
DROP FUNCTION public.get_trending_reels_after(uuid, double precision, uuid, integer, integer);
DROP FUNCTION public.get_user_highlights(uuid, uuid, integer, integer);
DROP FUNCTION public.get_user_highlights_after(uuid, uuid, integer, uuid, integer, integer);
DROP FUNCTION public.search_posts(uuid, text, integer, integer);
DROP FUNCTION public.search_posts_before(uuid, text, timestamptz, uuid, integer, integer);
DROP FUNCTION public.search_hashtags(text, integer);
DROP FUNCTION public.search_users(uuid, text, integer);
DROP FUNCTION public.has_trigrams(text);
DROP TYPE public.reel_item;
DROP TYPE public.highlight_item;

-- The functions as they were go first: they no longer look at the tables that go after them.

CREATE OR REPLACE FUNCTION public.maintain_partitions(p_months_ahead integer DEFAULT 6, p_keep interval DEFAULT NULL)
RETURNS TABLE (partition_name text, action text)
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT changed.partition_name, changed.action
    FROM unnest(ARRAY['notifications']) AS parent (name)
    CROSS JOIN LATERAL public.maintain_monthly_partitions(parent.name, coalesce(p_months_ahead, 6), p_keep) AS changed
$$;

CREATE OR REPLACE FUNCTION public.cleanup_expired_stories() RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_deleted integer;
BEGIN
    DELETE FROM public.stories
    WHERE id IN (
        SELECT s.id FROM public.stories AS s
        WHERE s.expires_at <= now()
        ORDER BY s.id
        FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_deleted = ROW_COUNT;
    RETURN v_deleted;
END;
$$;

COMMENT ON FUNCTION public.cleanup_expired_stories() IS
    'Deletes expired stories and returns their number. Readers never show them, so it may run at any time.';

DROP TRIGGER delete_messages_first ON public.users;
DROP TRIGGER delete_highlights_first ON public.users;
DROP TRIGGER delete_collections_first ON public.users;
DROP TRIGGER move_collection_posts_in_collections ON public.posts;
DROP TRIGGER "Before_RI_move_collection_posts_in_collections" ON public.posts;

DROP VIEW public.reel_stats;
DROP FUNCTION public.reel_counts(uuid);

DROP TABLE
    public.search_history,
    public.user_activities,
    public.saved_reels,
    public.reel_shares,
    public.reel_comments,
    public.reel_likes,
    public.reel_trends,
    public.reel_stat_slots,
    public.reels,
    public.audio_tracks,
    public.message_reads,
    public.messages,
    public.conversation_participants,
    public.conversations,
    public.highlight_stories,
    public.highlights,
    public.collection_posts,
    public.collections;

DROP FUNCTION public.count_saved_reels_in_reel_stat_slots();
DROP FUNCTION public.count_reel_shares_in_reel_stat_slots();
DROP FUNCTION public.refuse_misplaced_reel_comments();
DROP FUNCTION public.count_reel_comments_in_reel_stat_slots();
DROP FUNCTION public.count_reel_likes_in_reel_stat_slots();
DROP FUNCTION public.move_reel_trend();
DROP FUNCTION public.add_reel_trends();
DROP FUNCTION public.count_reels_in_audio_tracks();
DROP FUNCTION public.touch_conversations();
DROP FUNCTION public.count_highlight_stories_in_highlights();
DROP FUNCTION public.move_collection_posts_in_collections();
DROP FUNCTION public.lock_posts_of_collection_posts();
DROP FUNCTION public.count_collection_posts_in_collections();

DROP INDEX public.posts_search_idx;
DROP INDEX public.hashtags_search_idx;
DROP INDEX public.users_username_search_idx;
DROP INDEX public.users_search_idx;

ALTER TABLE public.posts
    DROP COLUMN caption_search,
    DROP COLUMN location_search;

ALTER TABLE public.users
    DROP COLUMN username_search,
    DROP COLUMN full_name_search,
    DROP COLUMN phone_number,
    DROP COLUMN date_of_birth,
    DROP COLUMN gender,
    DROP COLUMN profile_category,
    DROP COLUMN external_links,
    DROP COLUMN business_info,
    DROP COLUMN two_factor_enabled,
    DROP COLUMN last_active_at;

DROP EXTENSION pg_trgm;
