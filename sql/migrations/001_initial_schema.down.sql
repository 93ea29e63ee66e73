-- Tables go first, and their triggers with them; partitions go with their parent.

SET LOCAL search_path = '';

DROP FUNCTION public.get_user_suggestions(uuid, integer);
DROP FUNCTION public.get_trending_hashtags(integer);
DROP FUNCTION public.get_comment_replies(uuid, uuid, integer, integer);
DROP FUNCTION public.get_comment_replies_after(uuid, uuid, timestamptz, uuid, integer, integer);
DROP FUNCTION public.get_post_comments(uuid, uuid, integer, integer);
DROP FUNCTION public.get_post_comments_before(uuid, uuid, timestamptz, uuid, integer, integer);
DROP FUNCTION public.generate_user_feed(uuid, integer);
DROP FUNCTION public.get_user_feed(uuid, integer, integer);
DROP FUNCTION public.get_user_feed_before(uuid, timestamptz, uuid, integer, integer);
DROP FUNCTION public.get_user_posts(uuid, uuid, integer, integer);
DROP FUNCTION public.get_user_posts_before(uuid, uuid, timestamptz, uuid, integer, integer);
DROP FUNCTION public.cursor_id(text);
DROP FUNCTION public.cursor_at(text);
DROP FUNCTION public.make_cursor(timestamptz, uuid);
DROP FUNCTION public.get_post(uuid, uuid);
DROP FUNCTION public.post_details(uuid, uuid);
DROP FUNCTION public.get_profile_by_username(uuid, text);
DROP FUNCTION public.get_profile(uuid, uuid);
DROP FUNCTION public.visible_posts(uuid);
DROP FUNCTION public.visible_user(uuid, uuid);
DROP FUNCTION public.reachable_user(uuid, uuid);
DROP FUNCTION public.visible_users(uuid);
DROP FUNCTION public.reachable_users(uuid);
DROP TYPE public.comment_item;
DROP TYPE public.post_item;
DROP TYPE public.profile;
DROP FUNCTION public.maintain_partitions(integer, interval);
DROP FUNCTION public.maintain_monthly_partitions(text, integer, interval);
DROP FUNCTION public.add_partition(text, text, timestamptz, timestamptz, boolean);
DROP FUNCTION public.partition_bounds(text);
DROP FUNCTION public.cleanup_expired_stories();

DROP VIEW public.comment_stats, public.post_stats, public.user_stats;
DROP FUNCTION public.comment_counts(uuid);
DROP FUNCTION public.post_counts(uuid);
DROP FUNCTION public.user_counts(uuid);

DROP TABLE
    public.feeds,
    public.notifications,
    public.story_views,
    public.stories,
    public.user_mentions,
    public.hashtag_trends,
    public.post_hashtags,
    public.hashtags,
    public.saved_posts,
    public.comment_likes,
    public.comment_stat_slots,
    public.comments,
    public.likes,
    public.post_stat_slots,
    public.post_media,
    public.posts,
    public.blocks,
    public.follows,
    public.user_stat_slots,
    public.users;

DROP FUNCTION public.count_story_views_in_stories();
DROP FUNCTION public.complete_story();
DROP FUNCTION public.media_type_of(text);
DROP FUNCTION public.move_trends_of_users();
DROP FUNCTION public.move_post_hashtags_in_hashtag_trends();
DROP FUNCTION public.count_post_hashtags_in_hashtag_trends();
DROP FUNCTION public.weight_of_post(boolean, uuid, timestamptz);
DROP FUNCTION public.add_trends();
DROP FUNCTION public.move_post_hashtags_in_hashtags();
DROP FUNCTION public.count_post_hashtags_in_hashtags();
DROP FUNCTION public.keep_counts_of_links(text, text, text, text, text, text);
DROP FUNCTION public.lock_posts_of_links(text, text, boolean);
DROP FUNCTION public.sql_lock_authors(text);
DROP FUNCTION public.lock_posts_of_post_hashtags();
DROP FUNCTION public.normalize_hashtag_name();
DROP FUNCTION public.count_comment_likes_in_comment_stat_slots();
DROP FUNCTION public.count_comments_in_comment_stat_slots();
DROP FUNCTION public.count_comments_in_post_stat_slots();
DROP FUNCTION public.refuse_misplaced_comments();
DROP FUNCTION public.count_likes_in_post_stat_slots();
DROP FUNCTION public.count_posts_in_user_stat_slots();
DROP FUNCTION public.accept_pending_follows();
DROP FUNCTION public.accept_follow_of_public_account();
DROP FUNCTION public.count_follows_in_user_stat_slots();
DROP FUNCTION public.normalize_user_names();
DROP FUNCTION public.refuse_deleted_authors();
DROP PROCEDURE public.erase_user(uuid);
DROP PROCEDURE public.erase_row(text, uuid);
DROP FUNCTION public.erase_some(text, uuid, integer);
DROP FUNCTION public.erase_rows(text, uuid[], timestamptz, integer, integer);
DROP FUNCTION public.dependents_of(text);
DROP FUNCTION public.await_other_deletions();
DROP FUNCTION public.delete_dependents_first();
DROP FUNCTION public.trend_weight(timestamptz);
DROP FUNCTION public.trend_landmark();
DROP FUNCTION public.recount(boolean);
DROP FUNCTION public.keep_slots(text, text, text);
DROP FUNCTION public.sweep_slots();
DROP FUNCTION public.sql_add_in_place(text, text, text[]);
DROP FUNCTION public.sql_add_many(text, text, text, text[]);
DROP FUNCTION public.sql_add_one(text, text, text, text[]);
DROP FUNCTION public.changes_of_rows(text, text[], text[], text[], text[], text, text);
DROP FUNCTION public.sum_of_changes(text[], text[], text);
DROP FUNCTION public.place_in_order(text);
DROP FUNCTION public.keep_counts(text, text, text, text[]);
DROP FUNCTION public.require_read_committed(text);
DROP FUNCTION public.limit_created_at();
DROP FUNCTION public.set_updated_at();
DROP FUNCTION public.search_pattern(text);
DROP FUNCTION public.search_text(text);
DROP FUNCTION public.normalize_text(text);
DROP FUNCTION public.uuid_v7();
