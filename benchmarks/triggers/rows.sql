-- table|columns|values of the n-th row. key: an id, the same each time; of: the id of an existing row; {shift}: 0, then 1.
users|id, email, username|key('users', n + {shift} * {rows}), format('user%s@example.com', n + {shift} * {rows}), format('user%s', n + {shift} * {rows})
posts|id, user_id, caption|key('posts', n + {shift} * {rows}), of('users', n), 'a caption'
follows|follower_id, following_id|of('users', n), of('users', n + 1 + {shift})
likes|user_id, post_id|of('users', n + {shift}), of('posts', n)
comments|id, user_id, post_id, content|key('comments', n + {shift} * {rows}), of('users', n), of('posts', n), 'nice'
comment_likes|user_id, comment_id|of('users', n + {shift}), of('comments', n)
hashtags|id, name|key('hashtags', n + {shift} * {rows}), format('tag%s', n + {shift} * {rows})
post_hashtags|post_id, hashtag_id|of('posts', n + {shift}), of('hashtags', n)
music_tracks|id, title, artist|key('music_tracks', n + {shift} * {rows}), 'a song', 'a band'
stories|id, user_id, media_url, music_track_id|key('stories', n + {shift} * {rows}), of('users', n), 'a.jpg', of('music_tracks', n)
story_views|story_id, user_id|of('stories', n), of('users', n + {shift})
story_polls|id, story_id, question, option1, option2|key('story_polls', n + {shift} * {rows}), of('stories', n), 'tea?', 'yes', 'no'
story_poll_votes|poll_id, user_id, option_selected|of('story_polls', n), of('users', n + {shift}), 1
collections|id, user_id, name|key('collections', n + {shift} * {rows}), of('users', n), format('collection %s', {shift})
collection_posts|collection_id, post_id|of('collections', n), of('posts', n + {shift})
highlights|id, user_id, title|key('highlights', n + {shift} * {rows}), of('users', n), 'summer'
highlight_stories|highlight_id, story_id|of('highlights', n), of('stories', n + {shift})
audio_tracks|id, title, url|key('audio_tracks', n + {shift} * {rows}), 'a sound', 'a.mp3'
reels|id, user_id, video_url, audio_track_id|key('reels', n + {shift} * {rows}), of('users', n), 'a.mp4', of('audio_tracks', n)
reel_likes|user_id, reel_id|of('users', n + {shift}), of('reels', n)
reel_comments|user_id, reel_id, content|of('users', n + {shift}), of('reels', n), 'nice'
reel_shares|user_id, reel_id|of('users', n + {shift}), of('reels', n)
saved_reels|user_id, reel_id|of('users', n + {shift}), of('reels', n)
live_streams|id, user_id, title|key('live_streams', n + {shift} * {rows}), of('users', n), 'hello'
live_stream_viewers|stream_id, user_id|of('live_streams', n), of('users', n + {shift})
igtv_series|id, user_id, title|key('igtv_series', n + {shift} * {rows}), of('users', n), 'cooking'
igtv_videos|id, user_id, title, video_url, series_id|key('igtv_videos', n + {shift} * {rows}), of('users', n), 'soup', 'a.mp4', of('igtv_series', n)
igtv_likes|user_id, video_id|of('users', n + {shift}), of('igtv_videos', n)
igtv_comments|user_id, video_id, content|of('users', n + {shift}), of('igtv_videos', n), 'nice'
conversations|id, group_name|key('conversations', n + {shift} * {rows}), 'a group'
messages|conversation_id, sender_id, content|of('conversations', n), of('users', n + {shift}), 'hello'
