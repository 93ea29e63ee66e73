-- into: music_tracks (id, title, artist)
SELECT dataset.id('song', n), format('Song %s', n), format('Artist %s', n % 100)
FROM generate_series(1, dataset.songs()) AS n
