-- What users wrote, by when both the row was known and the moment had come. Rows of one moment are
-- ordered by their text: neither ids nor the order of loading can show.
SELECT user_id, epoch_us(seen_at) AS seen_us, text
FROM (
    SELECT user_id, greatest(known_at, occurred_at) AS seen_at, left(text, $characters) AS text
    FROM messages
    WHERE text <> ''
) AS written
WHERE seen_at < $until AND seen_at >= $since
ORDER BY user_id ASC, seen_at ASC, text ASC
