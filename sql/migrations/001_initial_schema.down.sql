-- Tables go first, and their triggers with them; partitions go with their parent.

DROP FUNCTION public.get_user_suggestions(uuid, integer);
DROP FUNCTION public.get_trending_hashtags(integer);
DROP FUNCTION public.generate_user_feed(uuid, integer);
DROP FUNCTION public.get_user_feed(uuid, integer, integer);
DROP FUNCTION public.visible_users(uuid);
DROP FUNCTION public.maintain_partitions(integer, interval);
DROP FUNCTION public.maintain_monthly_partitions(text, integer, interval);
DROP FUNCTION public.is_partition(text, text);
DROP FUNCTION public.cleanup_expired_stories();

DROP TABLE
    public.feeds,
    public.notifications,
    public.story_views,
    public.stories,
    public.user_mentions,
    public.post_hashtags,
    public.hashtags,
    public.saved_posts,
    public.comment_likes,
    public.comments,
    public.likes,
    public.post_stats,
    public.post_media,
    public.posts,
    public.blocks,
    public.follows,
    public.user_stats,
    public.users;

DROP FUNCTION public.complete_story();
DROP FUNCTION public.media_type_of(text);
DROP FUNCTION public.maintain_counts_of_linked_posts();
DROP FUNCTION public.lock_live_post(uuid);
DROP FUNCTION public.normalize_hashtag_name();
DROP FUNCTION public.accept_pending_follows();
DROP FUNCTION public.accept_follow_of_public_account();
DROP FUNCTION public.normalize_user_names();
DROP FUNCTION public.keep_counts(text, text, text, text[]);
DROP FUNCTION public.delete_first();
DROP FUNCTION public.maintain_counts();
DROP FUNCTION public.add_to_counts(text, text, text[], uuid[], bigint[]);
DROP FUNCTION public.add_stats_row();
DROP FUNCTION public.set_updated_at();
