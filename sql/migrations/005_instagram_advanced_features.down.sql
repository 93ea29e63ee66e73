DROP FUNCTION public.get_trending_music_tracks(integer);
DROP FUNCTION public.get_close_friends_stories(uuid);
DROP FUNCTION public.visible_stories(uuid);

DROP TRIGGER delete_verification_requests_first ON public.users;
DROP TRIGGER delete_igtv_videos_first ON public.users;
DROP TRIGGER delete_igtv_series_first ON public.users;
DROP TRIGGER delete_live_streams_first ON public.users;
DROP TRIGGER delete_story_polls_first ON public.stories;
DROP TRIGGER keep_music_tracks_on_insert ON public.stories;
DROP TRIGGER keep_music_tracks_on_update ON public.stories;
DROP TRIGGER keep_music_tracks_on_delete ON public.stories;
DROP TRIGGER keep_music_tracks_on_truncate ON public.stories;

ALTER TABLE public.stories
    DROP COLUMN audience,
    DROP COLUMN music_track_id,
    DROP COLUMN music_start_time;

ALTER TABLE public.conversations
    DROP COLUMN is_archived;

DROP TABLE
    public.conversation_archives,
    public.verification_requests,
    public.story_question_responses,
    public.story_questions,
    public.story_poll_votes,
    public.story_polls,
    public.story_reactions,
    public.music_tracks,
    public.close_friends,
    public.wishlists,
    public.post_product_tags,
    public.products,
    public.igtv_comments,
    public.igtv_likes,
    public.igtv_stats,
    public.igtv_videos,
    public.igtv_series,
    public.live_comments,
    public.live_stream_viewers,
    public.live_streams;

DROP FUNCTION public.raise_max_viewer_count();
