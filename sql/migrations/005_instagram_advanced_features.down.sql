SET LOCAL search_path = '';

DROP FUNCTION api.posts_media(api.posts);
DROP FUNCTION api.posts_user(api.posts);
DROP FUNCTION api.users_highlights(api.users);
DROP FUNCTION api.users_stories(api.users);
DROP FUNCTION api.users_posts(api.users, integer, integer);
DROP FUNCTION api.feed(integer, integer);
DROP FUNCTION api.post(uuid);
DROP FUNCTION api."user"(uuid);
DROP VIEW api.highlights;
DROP VIEW api.stories;
DROP VIEW api.post_media;
DROP VIEW api.posts;
DROP VIEW api.users;
DROP FUNCTION api.viewer_id();
DROP SCHEMA api;

DROP FUNCTION public.get_conversations(uuid, integer, integer, boolean);
DROP FUNCTION public.get_conversations_before(uuid, timestamptz, uuid, integer, integer, boolean);
DROP FUNCTION public.get_conversation_messages(uuid, uuid, integer, integer);
DROP FUNCTION public.get_conversation_messages_before(uuid, uuid, timestamptz, uuid, integer, integer);
DROP FUNCTION public.visible_conversations(uuid);
DROP FUNCTION public.get_trending_music_tracks(integer);
DROP FUNCTION public.get_close_friends_stories(uuid);
DROP FUNCTION public.get_highlight_stories(uuid, uuid, integer, integer);
DROP FUNCTION public.get_highlight_stories_after(uuid, uuid, timestamptz, uuid, integer, integer);
DROP FUNCTION public.get_user_stories(uuid, uuid, integer, integer);
DROP FUNCTION public.get_user_stories_after(uuid, uuid, timestamptz, uuid, integer, integer);
DROP FUNCTION public.visible_stories(uuid);
DROP FUNCTION public.stories_for(uuid);
DROP TYPE public.conversation_item;
DROP TYPE public.message_item;
DROP TYPE public.story_item;

DROP TRIGGER delete_verification_requests_first ON public.users;
DROP TRIGGER delete_igtv_videos_first ON public.users;
DROP TRIGGER delete_igtv_series_first ON public.users;
DROP TRIGGER delete_live_streams_first ON public.users;
DROP TRIGGER delete_story_polls_first ON public.stories;
DROP TRIGGER keep_music_tracks_on_insert ON public.stories;
DROP TRIGGER keep_music_tracks_on_update ON public.stories;
DROP TRIGGER keep_music_tracks_on_delete ON public.stories;
DROP TRIGGER keep_music_tracks_on_truncate ON public.stories;
DROP TRIGGER keep_trends_of_music_tracks_on_insert ON public.stories;
DROP TRIGGER keep_trends_of_music_tracks_on_update ON public.stories;
DROP TRIGGER keep_trends_of_music_tracks_on_delete ON public.stories;
DROP TRIGGER keep_trends_of_music_tracks_on_truncate ON public.stories;

ALTER TABLE public.stories
    DROP COLUMN audience,
    DROP COLUMN music_track_id,
    DROP COLUMN music_start_time;

ALTER TABLE public.conversations
    DROP COLUMN is_archived;

DROP VIEW public.igtv_stats;
DROP FUNCTION public.igtv_counts(uuid);

DROP TABLE
    public.conversation_archives,
    public.verification_requests,
    public.story_question_responses,
    public.story_questions,
    public.story_poll_votes,
    public.story_polls,
    public.story_reactions,
    public.music_track_trends,
    public.music_tracks,
    public.close_friends,
    public.wishlists,
    public.post_product_tags,
    public.products,
    public.igtv_comments,
    public.igtv_likes,
    public.igtv_stat_slots,
    public.igtv_videos,
    public.igtv_series,
    public.live_comments,
    public.live_stream_viewers,
    public.live_streams;

DROP FUNCTION public.count_story_poll_votes_in_story_polls();
DROP FUNCTION public.rebase_trends(timestamptz);
DROP FUNCTION public.count_stories_in_music_track_trends();
DROP FUNCTION public.count_stories_in_music_tracks();
DROP FUNCTION public.count_igtv_comments_in_igtv_stat_slots();
DROP FUNCTION public.count_igtv_likes_in_igtv_stat_slots();
DROP FUNCTION public.count_igtv_videos_in_igtv_series();
DROP FUNCTION public.count_live_stream_viewers_in_live_streams();
DROP FUNCTION public.raise_max_viewer_count();
