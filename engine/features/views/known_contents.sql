-- Contents published before the cutoff; one without a date has always been there.
SELECT content_id, topic, author, format, {published_age_s} AS age_s
FROM contents
WHERE published_at IS NULL OR published_at < {cutoff}
