-- into: music_tracks (id, title, artist)
SELECT public.uuid_v7(), format('Song %s', n), format('Artist %s', n % 100)
FROM generate_series(1, greatest(dataset.users() / 100, 50)) AS n
